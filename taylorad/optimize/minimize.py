"""`scipy.optimize.minimize` with exact derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from taylorad.drivers import third_order
from taylorad.errors import InputError
from taylorad.optimize.constraints import with_derivatives
from taylorad.optimize.newton import newton
from taylorad.optimize.outputs import compiled, scalar
from taylorad.optimize.problem import DENSE, problem

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

__all__ = ["minimize"]

METHODS: dict[str, tuple[str, ...]] = {  # and the derivatives that each can use
    "nelder-mead": (),
    "powell": (),
    "cobyla": (),
    "cobyqa": (),
    "cg": ("jac",),
    "bfgs": ("jac",),
    "l-bfgs-b": ("jac",),
    "tnc": ("jac",),
    "slsqp": ("jac",),
    "dogleg": ("jac", "hess"),
    "trust-exact": ("jac", "hess"),
    "trust-ncg": ("jac", "hess", "hessp"),
    "trust-krylov": ("jac", "hess", "hessp"),
    "newton-cg": ("jac", "hess", "hessp"),
    "trust-constr": ("jac", "hess", "hessp"),
    "newton": ("jac", "hess"),
}
TOLERANCES: dict[str, Callable[[float], dict[str, Any]]] = {  # given the gradient's size at x0
    "trust-constr": lambda size: {"gtol": 1e-10 * size, "xtol": 1e-10, "barrier_tol": 1e-10},
    "trust-ncg": lambda size: {"gtol": 1e-8 * size},
}
ORDERS = {"jac": 1, "hess": 2, "hessp": 1}
DIFFERENCES = ("2-point", "3-point", "cs")


def minimize(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: str | Callable[..., Any] | None = None,
    jac: Any = None,
    hess: Any = None,
    hessp: Any = None,
    bounds: Any = None,
    constraints: Any = (),
    tol: float | None = None,
    callback: Callable[..., Any] | None = None,
    options: dict[str, Any] | None = None,
    *,
    compile: bool = True,
) -> OptimizeResult:
    """Minimise a function of one or more variables, with exact derivatives.

    The signature and the result are those of `scipy.optimize.minimize`. A gradient, Hessian or
    Hessian-vector product that the method can use and that is not given is computed from ``fun``.

    Parameters
    ----------
    fun : callable
        ``fun(x, *args) -> float``, in plain NumPy.
    x0 : array_like
        Where to start.
    args : tuple, optional
        Further arguments of ``fun`` and of the derivatives given.
    method : str or callable, optional
        ``"newton"`` is ours, see `newton`; the others are SciPy's. By default:

        ============================  ================================================
        bounds or constraints         ``"trust-constr"``
        up to 100 variables           ``"newton"``
        more                          ``"trust-ncg"``, with Hessian-vector products
        ============================  ================================================
    jac, hess, hessp : callable, bool, str or other, optional
        Instead of exact derivatives, what SciPy takes: also finite differences (``"2-point"``, ...)
        and quasi-Newton updates.
    bounds, tol, callback, options : optional
        As in SciPy. The options of ``"newton"`` are those of `newton`, and ``tol`` is its ``gtol``.
    constraints : dict, constraint, or sequence of them, optional
        As in SciPy. Exact derivatives take the place of a Jacobian left out or left at its default
        ``"2-point"``, and of a Hessian left at its default ``BFGS()``.
    compile : bool, default True
        Whether to make machine code of the derivatives where that is possible, see
        `taylorad.compile`: then ``fun`` must depend on nothing but its arguments that changes
        during the run.

    Returns
    -------
    scipy.optimize.OptimizeResult
        As the method gives it, and ``compiled``: whether the exact derivatives ran as machine code.

    Raises
    ------
    taylorad.errors.InputError
        If there is no such method, or ``x0`` is not a vector of real numbers.

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> def f(x, a):
    ...     return np.sum((x[1:] - x[:-1] ** 2) ** 2) + np.sum((a - x) ** 2)
    >>> ta.optimize.minimize(f, np.zeros(3), args=(1.0,)).x
    array([1., 1., 1.])
    >>> ta.optimize.minimize(f, np.zeros(3), args=(1.0,), method="BFGS").x.round(4)
    array([1., 1., 1.])
    """
    from scipy import optimize

    x0 = _start(x0)
    args = args if isinstance(args, tuple) else (args,)
    options = dict(options or {})
    constraints = constraints if isinstance(constraints, (list, tuple)) else [constraints]
    value = (lambda *a: fun(*a)[0]) if jac is True else fun

    chosen = method is None and jac not in DIFFERENCES
    if chosen:
        constrained = bounds is not None or bool(constraints)
        products = hess is None and (hessp is not None or x0.size > DENSE)
        method = "trust-constr" if constrained else "trust-ncg" if products else "newton"
    name = _name(method)
    uses = METHODS.get(name, ("jac", "hess", "hessp"))
    second = "hess" if x0.size <= DENSE or "hessp" not in uses else "hessp"
    missing = {"jac": jac is None or jac is False, second: hess is None and hessp is None}
    exact = [derivative for derivative in uses if missing.get(derivative)]
    order = max(map(ORDERS.__getitem__, exact), default=0)
    p = problem(value, args, order=order, compile=compile)
    given = {"jac": jac, "hess": hess, "hessp": hessp} | {d: getattr(p, d) for d in exact}

    if name == "newton":
        method = newton
        if exact == ["jac", "hess"]:
            options.setdefault("third", compiled(third_order(scalar(value)), compile))
    elif chosen and tol is None:  # exact derivatives deserve tighter tolerances than SciPy's
        size = np.linalg.norm(p.jac(x0, *args)) if "jac" in exact else 1.0
        options = TOLERANCES[name](max(1.0, float(size))) | options
    result = optimize.minimize(
        p.fun if "jac" in exact else fun,
        x0,
        args,
        method,
        **given,
        bounds=bounds,
        constraints=[with_derivatives(constraint, name, compile) for constraint in constraints],
        tol=tol,
        callback=callback,
        options=options,
    )
    result.compiled = p.compiled
    return result


def _start(x0: Any) -> Any:
    x0 = np.atleast_1d(np.asarray(x0))
    if x0.ndim != 1 or not x0.size or x0.dtype.kind not in "biuf":
        raise InputError(
            f"x0 must be a vector of real numbers, not of shape {x0.shape} and dtype {x0.dtype}"
        )
    return x0.astype(float)


def _name(method: Any) -> str:
    if callable(method):
        return "custom"
    name = "bfgs" if method is None else str(method).lower()
    if name not in METHODS:
        raise InputError(f"no method is called {method!r}; there are {', '.join(METHODS)}")
    return name
