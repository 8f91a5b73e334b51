"""taylorad: exact derivatives of any order for plain NumPy code.

>>> import numpy as np, taylorad as ta
>>> ta.taylor(np.exp, 0.0, 3).coefficients
array([1.        , 1.        , 0.5       , 0.16666667])
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from taylorad import errors
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
    wengert,
)
from taylorad.extending import custom_derivative, primitive
from taylorad.forward.hyperdual import Dual, HyperDual
from taylorad.forward.multivariate import MultivariateTaylor
from taylorad.forward.taylor import Taylor

if TYPE_CHECKING:
    from taylorad import ode, optimize, precondition, testing
    from taylorad.compiler.compiled import compile
    from taylorad.drivers.listing import WengertList

__all__ = [
    "Dual",
    "HyperDual",
    "MultivariateTaylor",
    "Taylor",
    "WengertList",
    "compile",
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
    "ode",
    "optimize",
    "precondition",
    "primitive",
    "taylor",
    "testing",
    "third_order",
    "value_and_grad",
    "value_grad_hessian",
    "vjp",
    "wengert",
]

__version__ = "0.1.0"


_LATER = {
    "WengertList": "taylorad.drivers.listing",
    "compile": "taylorad.compiler.compiled",
}


def __getattr__(name: str) -> Any:
    # What derivatives are for is loaded when it is asked for: importing taylorad stays light.
    if name in ("ode", "optimize", "precondition", "testing"):
        return import_module(f"taylorad.{name}")
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module 'taylorad' has no attribute {name!r}")
