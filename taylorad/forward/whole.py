"""Rows on whole series, each of which is one line of a trace, whatever the order.

Where the coefficients of a series are values of a call that is being traced, a row could be traced
degree by degree: thousands of lines at order 50. From `FEWEST` degrees on it is written down as
what it is, one operation from arrays of coefficients to an array of coefficients. Machine code
sweeps such lines degree by degree (see `taylorad.compiler.series`); everyone else computes them as
series are computed anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from taylorad.dispatch import Value, fresh_tag, number_type
from taylorad.dispatch.operands import size_of
from taylorad.errors import SingularityError, user_line
from taylorad.forward import kernels
from taylorad.forward.algebra import Algebra, multivariate, univariate
from taylorad.primitives.registry import Owner, Primitive

__all__ = ["FEWEST", "OnSeries", "written_down"]

FEWEST = 12
"""The order from which on a row is one line; below, a trace takes it apart.

At many points one line pays earlier: what is taken apart has to be computed lane by lane.
"""

_FEWEST_AT_MANY, _MANY = 6, 8
_FEWEST_MONOMIALS = 60  # in several variables, where a product has many more terms
FEW_CALLS = 8
"""A row is computed so often without machine code, if there is none for it yet."""

MOST_WORK = 2**26
"""It is if a product takes no more multiplications than this, which are some 30 ms in NumPy."""

_MOST_APART = 32  # the order up to which a trace may take apart what is singular


class OnSeries(Primitive):
    """A row applied to whole series.

    It takes the coefficients of the arguments that carry parts, and the values of the others.

    Attributes
    ----------
    row : Primitive
    moving : tuple of bool
        Which arguments carry parts.
    algebra : Algebra
    """

    row: Primitive
    moving: tuple[bool, ...]
    algebra: Algebra
    calls: int
    """How often it has been computed without machine code."""

    def __init__(self, row: Primitive, moving: tuple[bool, ...], algebra: Algebra) -> None:
        super().__init__(self.coefficients, name=f"{row.name} of a series")
        vars(self).update(row=row, moving=moving, algebra=algebra, calls=0)

    def __call__(self, *args: Any, **params: Any) -> Any:
        """Have a trace write it down; compute it on all other values, which then see its parts."""
        owners = [a for a in args if isinstance(a, Owner)]
        owner = max(owners, key=lambda a: a.tag, default=None)
        if owner is not None and owner.traced:
            return owner.interpret(self, args, params)
        return self.coefficients(*args)

    def coefficients(self, *xs: Any) -> Any:
        """Compute the coefficients of the result."""
        c = self.quickly(xs)
        return self._slowly(xs) if c is None else c

    def quickly(self, xs: Sequence[Any]) -> Any:
        """Compute them in machine code; None where that declines, as it does at singular points.

        A trace asks for them once: NumPy is done by the time there is machine code.
        """
        kernel = kernels.kernel(self.row, self.moving)
        if kernel is None:
            return None
        if self.calls < FEW_CALLS and not kernel.is_compiled and self._work(xs) < MOST_WORK:
            vars(self)["calls"] += 1
            return kernel.without_code(self.algebra, xs)
        return kernel(self.algebra, xs)

    def is_regular(self, xs: Sequence[Any]) -> bool:
        """Tell whether there are coefficients, by those of degrees 0 and 1."""
        kernel = kernels.kernel(self.row, self.moving)
        if kernel is None:
            return False
        lower = self.algebra.truncated(1)
        begun = [x[: lower.size] if moves else x for x, moves in zip(xs, self.moving)]
        return kernel.without_code(lower, begun) is not None

    def _work(self, xs: Sequence[Any]) -> int:
        """Bound the multiplications in a product of series."""
        return max(map(size_of, xs)) * self.algebra.size

    def _slowly(self, xs: Sequence[Any]) -> Any:
        from taylorad.forward.jet import Jet  # which has rows on traced series written down here

        tag = fresh_tag()
        jets = [Jet.of(x, self.algebra, tag) if m else x for x, m in zip(xs, self.moving)]
        return self.row(*jets).c

    def __reduce__(self) -> Any:
        make, *sizes = self.algebra.family
        return _restored, (self.row, self.moving, make, (*sizes, self.algebra.order))


def _restored(
    row: Primitive, moving: tuple[bool, ...], make: Callable[..., Algebra], sizes: tuple[int, ...]
) -> OnSeries:
    return _on_series(row, moving, make(*sizes))


@lru_cache(maxsize=1024)
def _on_series(row: Primitive, moving: tuple[bool, ...], algebra: Algebra) -> OnSeries:
    return OnSeries(row, moving, algebra)


def _is_long(algebra: Algebra, args: Sequence[Any], moving: tuple[bool, ...]) -> bool:
    if algebra.family[0] is multivariate:
        return algebra.size >= _FEWEST_MONOMIALS
    points = max(size_of(a) // len(a) for a, moves in zip(args, moving) if moves)
    return algebra.family[0] is univariate and (points >= _MANY or algebra.order >= FEWEST)


def written_down(
    algebra: Algebra, row: Primitive, args: Sequence[Any], moving: tuple[bool, ...]
) -> Any:
    """Write a row down as one line of a trace, and give the coefficients; None if it is not to be.

    Raises
    ------
    taylorad.errors.SingularityError
        Where the series is singular in a way that is dealt with degree by degree, and there are too
        many degrees for a program.
    """
    if algebra.order < _FEWEST_AT_MANY:
        return None
    values = [a for a in args if isinstance(a, Value)]
    if not values or not all(a.traced for a in values):
        return None
    if not _is_long(algebra, args, moving):
        return None
    if any(number_type(a).kind != "f" for a, moves in zip(args, moving) if moves):
        return None
    line = _on_series(row, moving, algebra)
    plain = [getattr(a, "value", a) for a in args]  # of the call that is being traced
    if line.is_regular(plain):
        return line(*args)
    if algebra.order <= _MOST_APART:
        return None
    raise SingularityError(
        f"{row.name} is singular or not finite here{user_line()}, and its series of order "
        f"{algebra.order} too long to be compiled in the way that takes"
    )
