"""A function and its exact derivatives, in the form that solvers call."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from taylorad.drivers import hvp, value_and_grad, value_grad_hessian
from taylorad.drivers.boundary import scalar_output
from taylorad.errors import InputTypeError, SingularityError
from taylorad.optimize.outputs import compiled, is_compiled, scalar

__all__ = ["Problem", "problem"]

DENSE = 100
"""Up to so many variables a Hessian is formed; beyond it, products with vectors."""


@dataclass(frozen=True)
class _Point:
    """What is known at one point: derivatives up to an order."""

    x: Any
    args: tuple[Any, ...]
    derivatives: tuple[Any, ...]  # value, gradient, Hessian; as far as computed

    def is_at(self, x: Any, args: tuple[Any, ...]) -> bool:
        return (
            len(args) == len(self.args)
            and all(a is b for a, b in zip(args, self.args, strict=True))
            and np.array_equal(x, self.x)
        )


class Problem:
    """A function to minimise with its exact derivatives; made by `problem`.

    Attributes
    ----------
    nfev, njev, nhev, nhvp : int
        How often the value, gradient, Hessian and Hessian-vector product were really computed.
    compiled : bool
        Whether they have run as machine code so far.

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> p = ta.optimize.problem(lambda x: np.sum(x**3))
    >>> x = np.array([1.0, 2.0])
    >>> p.fun(x), p.jac(x), p.hessp(x, x)
    (9.0, array([ 3., 12.]), array([ 6., 24.]))
    >>> p.nfev, p.njev, p.nhev
    (1, 1, 1)
    """

    def __init__(
        self, f: Callable[..., Any], args: tuple[Any, ...], order: int | None, compile: bool
    ) -> None:
        self.args = args
        f = scalar(f)
        self._sweeps = (
            compiled(lambda *x: (scalar_output(f(*x), f),), compile),
            compiled(value_and_grad(f), compile),
            compiled(value_grad_hessian(f), compile),
        )
        self._product = compiled(hvp(f), compile)
        self._last: _Point | None = None
        self._asked = order  # at the last point: a guess for the next
        self._highest = 0  # at any point
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def fun(self, x: Any, *args: Any) -> float:
        """Give the value at ``x``."""
        return float(self._at(x, args, 0)[0])

    def jac(self, x: Any, *args: Any) -> Any:
        """Give the gradient at ``x``."""
        return self._at(x, args, 1)[1].copy()

    def hess(self, x: Any, *args: Any) -> Any:
        """Give the Hessian at ``x``."""
        return self._at(x, args, 2)[2].copy()

    def hessp(self, x: Any, p: Any, *args: Any) -> Any:
        """Give the product of the Hessian at ``x`` with ``p``."""
        x, p, args = _point(x), _point(p), args or self.args
        last = self._last
        if last is not None and len(last.derivatives) > 2 and last.is_at(x, args):
            return last.derivatives[2] @ p
        self._count("nhvp")
        return self._product(x, p, *args)

    @property
    def compiled(self) -> bool:
        return is_compiled(*self._sweeps, self._product)

    @property
    def nfev(self) -> int:
        return self._counts["nfev"]

    @property
    def njev(self) -> int:
        return self._counts["njev"]

    @property
    def nhev(self) -> int:
        return self._counts["nhev"]

    @property
    def nhvp(self) -> int:
        return self._counts["nhvp"]

    def _at(self, x: Any, args: tuple[Any, ...], order: int) -> tuple[Any, ...]:
        # One sweep gives all orders, so it pays to know beforehand how far a solver will ask. It
        # asks at a new point for what the last one turned out to need, a trial point that it
        # rejected included; and where a point needs more after all, for as much as any other did.
        # The point is replaced as a whole: threads may compute one twice, never mix two up.
        x, args = _point(x), args or self.args
        last = self._last
        if last is None or not last.is_at(x, args):
            guess = self._asked if self._asked is not None else (2 if x.size <= DENSE else 0)
            try:
                last = self._compute(x, args, max(order, guess))
            except SingularityError:  # where a value may well be all that is asked for
                last = self._compute(x, args, order)
            self._asked = order
        elif len(last.derivatives) <= order:
            last = self._compute(x, args, max(order, self._highest))
        self._asked = max(order, self._asked or 0)
        self._highest = max(order, self._highest)
        return last.derivatives

    def _compute(self, x: Any, args: tuple[Any, ...], order: int) -> _Point:
        point = _Point(x, args, tuple(self._sweeps[order](x, *args)))
        self._count(*("nfev", "njev", "nhev")[: order + 1])
        self._last = point
        return point

    def _count(self, *names: str) -> None:
        with self._lock:
            self._counts.update(names)


def problem(
    f: Callable[..., Any], args: Any = (), *, order: int | None = None, compile: bool = True
) -> Problem:
    """Give a function with its exact derivatives, in the form that solvers call.

    Value, gradient and Hessian at one point are computed once, in one sweep, and shared. This may
    be used from several threads at once.

    Parameters
    ----------
    f : callable
        ``f(x, *args) -> float``, in plain NumPy. It must depend on nothing else that changes.
    args : tuple, optional
        Further arguments, for calls that pass none.
    order : {0, 1, 2}, optional
        The highest derivative to compute at the first point before it is asked for. By default 2
        for up to 100 variables, 0 beyond; later points follow what the solver asked for.
    compile : bool, default True
        Whether to make machine code of ``f`` and its derivatives where that is possible, see
        `taylorad.compile`.

    Returns
    -------
    Problem
        With methods ``fun(x, *args)``, ``jac(x, *args)``, ``hess(x, *args)`` and
        ``hessp(x, p, *args)``, and the counts ``nfev``, ``njev``, ``nhev``, ``nhvp`` of what was
        really computed.

    Raises
    ------
    taylorad.errors.InputTypeError
        If ``f`` cannot be called.

    Examples
    --------
    >>> import numpy as np, scipy.optimize, taylorad as ta
    >>> p = ta.optimize.problem(scipy.optimize.rosen)
    >>> result = scipy.optimize.minimize(
    ...     p.fun, np.array([-1.2, 1.0]), method="trust-exact", jac=p.jac, hess=p.hess
    ... )
    >>> result.x.round(6)
    array([1., 1.])
    """
    if not callable(f):
        raise InputTypeError(f"f must be a function to minimise, not {type(f).__name__}")
    return Problem(f, args if isinstance(args, tuple) else (args,), order, compile)


def _point(x: Any) -> Any:
    """Copy a point, which a solver may go on to change in place."""
    return np.atleast_1d(np.array(x, dtype=float))
