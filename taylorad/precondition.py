"""Preconditioners from exact second derivatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from taylorad.drivers import hessian_diagonal
from taylorad.errors import InputError

if TYPE_CHECKING:
    from scipy.sparse.linalg import LinearOperator

__all__ = ["Scaled", "diagonal", "scaled"]

ESTIMATORS = {"exact": hessian_diagonal}


def diagonal(
    f: Callable[..., Any],
    x: Any,
    estimator: str = "exact",
    *,
    args: tuple[Any, ...] = (),
    floor: float = 1e-12,
) -> LinearOperator:
    """Give the inverse of the Hessian's diagonal, as a preconditioner.

    It serves as ``M`` in `scipy.sparse.linalg.cg` and the other Krylov solvers. Newton-CG has no
    such argument: `scaled` gives it the same preconditioning as a change of variables.

    Parameters
    ----------
    f : callable
        ``f(x, *args) -> float``, in plain NumPy.
    x : array_like
        Where to take the Hessian.
    estimator : {"exact"}, default "exact"
        Second-order Taylor series along every coordinate, all at once.
    args : tuple, optional
        Further arguments of ``f``.
    floor : float, default 1e-12
        Negative entries of the diagonal count by their absolute value; entries below ``floor``
        times the largest are raised to that. A diagonal of zeros counts as ones.

    Returns
    -------
    scipy.sparse.linalg.LinearOperator
        It divides by the safeguarded diagonal. Its attributes ``diagonal`` and ``safeguarded`` are
        the exact diagonal and the one that it divides by.

    Raises
    ------
    taylorad.errors.InputError
        If there is no such estimator, ``floor`` is not between 0 and 1, or the diagonal is not
        finite.

    References
    ----------
    .. [1] Nocedal and Wright, "Numerical Optimization", 2nd ed., Springer 2006, sections 5.1, 7.1.

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> from scipy.sparse.linalg import cg
    >>> def f(x):
    ...     return 1e6 * x[0] ** 2 + x[0] * x[1] + x[1] ** 2
    >>> x = np.array([1.0, 1.0])
    >>> M = ta.precondition.diagonal(f, x)
    >>> M.diagonal
    array([2.e+06, 2.e+00])
    >>> newton_step, _ = cg(ta.hessian(f)(x), -ta.grad(f)(x), M=M, rtol=1e-12)
    >>> newton_step
    array([-1., -1.])
    """
    from scipy.sparse.linalg import LinearOperator

    exact = np.ravel(_estimate(estimator)(f)(x, *args))
    divisor = _safeguarded(exact, floor)

    def divide(v: Any) -> Any:
        return (v.T / divisor).T  # a vector, or the columns of a matrix

    n = exact.size
    operator = LinearOperator(
        (n, n), matvec=divide, rmatvec=divide, matmat=divide, rmatmat=divide, dtype=float
    )
    operator.diagonal, operator.safeguarded = exact, divisor
    return operator


@dataclass(frozen=True)
class Scaled:
    """A function of scaled variables ``z = x * sqrt(d)``; made by `scaled`.

    Attributes
    ----------
    f : callable
        The function of ``x``.
    start : ndarray
        The point, in scaled variables.
    root : ndarray
        The roots of the safeguarded Hessian diagonal ``d``.

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> g = ta.precondition.scaled(lambda x: np.sum(np.array([50.0, 2.0]) * x**2), [1.0, 1.0])
    >>> g.root
    array([10.,  2.])
    >>> g.to_x(g.start)
    array([1., 1.])
    """

    f: Callable[..., Any]
    start: Any
    root: Any

    def __call__(self, z: Any, *args: Any) -> Any:
        """Give ``f(x, *args)``."""
        return self.f(z / self.root, *args)

    def to_x(self, z: Any) -> Any:
        """Give the variables of ``f``."""
        return z / self.root

    def to_z(self, x: Any) -> Any:
        """Give the scaled variables."""
        return x * self.root


def scaled(
    f: Callable[..., Any],
    x: Any,
    estimator: str = "exact",
    *,
    args: tuple[Any, ...] = (),
    floor: float = 1e-12,
) -> Scaled:
    """Scale the variables of a function so that its Hessian's diagonal at a point is one.

    Conjugate gradients on the scaled function do what they do on the function with the
    preconditioner `diagonal`, but every minimiser takes it: Newton-CG, and first-order ones too.

    Parameters
    ----------
    f : callable
        ``f(x, *args) -> float``, in plain NumPy.
    x : array_like
        Where to take the Hessian, and to start from.
    estimator, args, floor : optional
        As in `diagonal`.

    Returns
    -------
    Scaled
        The function of the scaled variables, to be called as ``f`` is; ``start`` is where ``x``
        is, and ``to_x`` gives back a result. Tolerances of a minimiser count in scaled variables.

    Raises
    ------
    taylorad.errors.InputError
        As `diagonal`.

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> def f(x):
    ...     return np.sum(np.array([1e8, 1.0]) * np.cosh(x)) + x[0] * x[1]
    >>> g = ta.precondition.scaled(f, np.array([1.0, 1.0]))
    >>> ta.hessian_diagonal(g)(g.start)
    array([1., 1.])
    >>> result = ta.optimize.minimize(g, g.start, method="Newton-CG")
    >>> bool(np.all(np.abs(g.to_x(result.x)) < 1e-6))
    True
    """
    x = np.asarray(x, dtype=float)
    root = np.sqrt(_safeguarded(np.asarray(_estimate(estimator)(f)(x, *args)), floor))
    return Scaled(f, x * root, root)


def _estimate(estimator: str) -> Callable[..., Any]:
    if estimator not in ESTIMATORS:
        raise InputError(f"no estimator is called {estimator!r}; there is {', '.join(ESTIMATORS)}")
    return ESTIMATORS[estimator]


def _safeguarded(exact: Any, floor: float) -> Any:
    if not 0 < floor <= 1:
        raise InputError(f"floor is relative to the largest entry: between 0 and 1, not {floor}")
    if not np.all(np.isfinite(exact)):
        bad = np.flatnonzero(~np.isfinite(exact))
        raise InputError(f"the Hessian's diagonal is not finite at entries {bad.tolist()}")
    size = np.abs(exact)
    largest = np.max(size)
    return np.maximum(size, floor * largest) if largest > 0 else np.ones_like(size)
