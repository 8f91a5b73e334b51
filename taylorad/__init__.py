"""taylorad: exact derivatives of any order for plain NumPy code.

>>> import numpy as np, taylorad as ta
>>> ta.taylor(np.exp, 0.0, 3).coefficients
array([1.        , 1.        , 0.5       , 0.16666667])
"""

from taylorad import errors, optimize, precondition, testing
from taylorad.drivers import (
    derivative,
    derivative_tensor,
    derivatives,
    grad,
    hessian,
    hessian_diagonal,
    hvp,
    jacobian,
    jvp,
    multivariate_taylor,
    taylor,
    third_order,
    value_and_grad,
    value_grad_hessian,
    vjp,
)
from taylorad.extending import custom_derivative, primitive
from taylorad.forward.hyperdual import Dual, HyperDual
from taylorad.forward.multivariate import MultivariateTaylor
from taylorad.forward.taylor import Taylor

__all__ = [
    "Dual",
    "HyperDual",
    "MultivariateTaylor",
    "Taylor",
    "custom_derivative",
    "derivative",
    "derivative_tensor",
    "derivatives",
    "errors",
    "grad",
    "hessian",
    "hessian_diagonal",
    "hvp",
    "jacobian",
    "jvp",
    "multivariate_taylor",
    "optimize",
    "precondition",
    "primitive",
    "taylor",
    "testing",
    "third_order",
    "value_and_grad",
    "value_grad_hessian",
    "vjp",
]

__version__ = "0.1.0"
