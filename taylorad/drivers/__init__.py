"""Functions that take a function and give its derivatives: all that users call by name."""

from taylorad.drivers.gradients import grad, jacobian, jvp, value_and_grad, vjp
from taylorad.drivers.hessians import (
    hessian,
    hessian_diagonal,
    hvp,
    third_order,
    value_grad_hessian,
)
from taylorad.drivers.series import (
    derivative,
    derivative_tensor,
    derivatives,
    multivariate_taylor,
    taylor,
)
from taylorad.drivers.tracing import wengert

__all__ = [
    "derivative",
    "derivative_tensor",
    "derivatives",
    "grad",
    "hessian",
    "hessian_diagonal",
    "hvp",
    "jacobian",
    "jvp",
    "multivariate_taylor",
    "taylor",
    "third_order",
    "value_and_grad",
    "value_grad_hessian",
    "vjp",
    "wengert",
]
