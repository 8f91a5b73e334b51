"""Points where a recurrence cannot start: removable singularities, branch points, poles.

There the valuation decides, the degree v of the first coefficient that is not zero. A quotient of
series with v(a) >= v(b) > 0 is regular: both are shifted down by v(b), and the result is known to
v(b) orders fewer, which its order says. A root of a series of valuation v is regular if the root of
t**v is a power of t. Everything else raises.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from taylorad.dispatch import Value, bottom
from taylorad.errors import SingularityError, user_line
from taylorad.forward.algebra import Algebra, Univariate, aligned, buffer, univariate
from taylorad.forward.recurrence import solve
from taylorad.primitives.registry import Elementwise, LocalSeries

__all__ = [
    "OrderExhausted",
    "check_regular",
    "homogeneous",
    "local_coefficients",
    "quotient",
    "vanishes",
]


class OrderExhausted(SingularityError):
    """Every coefficient at hand is zero: a higher order may tell what the function does.

    ``tag`` is that of the transformation whose order it is.
    """

    def __init__(self, order: int, tag: float) -> None:
        super().__init__(
            f"an argument vanishes to order {order}, so that the result is not determined"
            f"{user_line()}; expand to a higher order, or it is zero throughout"
        )
        self.tag = tag

    def __reduce__(self) -> Any:
        return SingularityError, self.args


def vanishes(value: Any) -> bool:
    """Tell whether some entry is zero, and not only the value of something that moves."""
    plain = bottom(value)
    some = plain == 0 if isinstance(plain, float) else np.any(plain == 0)
    return bool(some) and bool(np.any(_zeros(value)))


def _zeros(value: Any) -> Any:
    """Tell which entries are zero.

    An entry of an outer transformation with value 0 moves away from 0 there, and dividing by it is
    the outer transformation's affair. Only if all its coefficients are 0 nobody can tell.
    """
    if not isinstance(value, Value) or value.tag == 0 or value.traced:
        return bottom(value) == 0
    c = getattr(value, "c", None)
    if c is not None and np.any(np.all(_zeros(c), axis=0)):
        raise OrderExhausted(len(c) - 1, value.tag)
    return np.zeros(value.shape, bool)


def valuation(c: Any) -> int | None:
    """Degree of the first nonzero coefficient of one series, None if there is none."""
    nonzero = np.flatnonzero(~np.asarray(_zeros(c), bool))
    return int(nonzero[0]) if len(nonzero) else None


def quotient(
    u: Any, v: Any, u_moves: bool, algebra: Univariate, tag: float
) -> tuple[Any, Univariate]:
    """Divide series where some denominators vanish at the point."""
    shape = np.broadcast_shapes(u.shape[1:] if u_moves else np.shape(u), v.shape[1:])
    size = algebra.size
    if not u_moves:
        constant = buffer(v, (size, *np.shape(u)))
        constant[0] = u
        u = constant
    u = _spread(u, shape)
    v = _spread(v, shape)
    columns = []
    for place in np.ndindex(shape):
        a, b = u[(slice(None), *place)], v[(slice(None), *place)]
        columns.append(_divide(a, b, place, tag))
    return _assembled(columns, shape)


def _spread(c: Any, shape: tuple[int, ...]) -> Any:
    c = c.reshape((len(c), *(1,) * (len(shape) + 1 - c.ndim), *c.shape[1:]))
    return np.broadcast_to(c, (len(c), *shape))


def _divide(a: Any, b: Any, place: tuple[int, ...], tag: float) -> Any:
    shift, top = valuation(b), valuation(a)
    order = len(b) - 1
    if shift is None:
        raise OrderExhausted(order, tag)
    if top is not None and top < shift:
        raise SingularityError(
            f"division: a pole of order {shift - top}{_at(place)}{user_line()}; the quotient has "
            "no power series there"
        )
    a, b = a[shift:], b[shift:]
    y = buffer(a if isinstance(a, Value) else b, (order + 1 - shift,))
    inner = univariate(order - shift)
    y[0] = a[0] / b[0]
    for k in range(1, order + 1 - shift):
        y[k] = (a[k] - inner.convolve(y, b, k, high=1)) / b[0]
    return y


def homogeneous(row: Elementwise, x: Any, degree: Any, tag: float) -> tuple[Any, Univariate]:
    """Apply sqrt, cbrt or a power to series of which some vanish at the point."""
    takes_degree = len(row.domain) == 2
    shape = np.broadcast_shapes(x.shape[1:], np.shape(degree))
    degrees = np.broadcast_to(bottom(degree), shape)
    x = _spread(x, shape)
    columns = []
    for place in np.ndindex(shape):
        c, alpha = x[(slice(None), *place)], degrees[place]
        v = valuation(c)
        if v is None:
            raise OrderExhausted(len(c) - 1, tag)
        rise = v * alpha
        whole = round(float(rise))
        # The branch must be that of t**whole; 1/3 of 3 is 1 only to rounding.
        if abs(float(rise) - whole) > 1e-12 * max(1, v):
            raise SingularityError(
                f"{row.name}: a branch point{_at(place)}: the argument vanishes like t**{v}, and "
                f"t**{float(rise):g} has no power series{user_line()}"
            )
        unit = c[v:]
        extra = [alpha] if takes_degree else []
        if whole < 0:
            raise SingularityError(f"{row.name}: a pole of order {-whole}{_at(place)}{user_line()}")
        y0 = row(unit[0], *extra)
        inner = univariate(len(unit) - 1)
        moving = (True, False) if takes_degree else (True,)
        y = solve(inner, row, [unit, *extra], moving, y0)
        column = buffer(y, (len(y) + whole,))
        column[whole:] = y
        columns.append(column[: len(c)])
    return _assembled(columns, shape)


def check_regular(
    row: Elementwise, algebra: Algebra, c: Any, args: list[Any], own: list[bool]
) -> None:
    """Raise where the value is finite and its first part is not: a branch point."""
    if not algebra.order or c.dtype == object:
        return  # exact numbers raise ZeroDivisionError themselves
    first = bottom(c[algebra.grade[1]])
    if math.isfinite(first) if isinstance(first, float) else np.all(np.isfinite(first)):
        return
    first = np.isfinite(first)
    regular = first | ~np.isfinite(bottom(c[0]))
    for a, mine in zip(args, own, strict=True):
        if mine:  # what came in broken is not this row's doing
            a = aligned(bottom(a), c.ndim - 1)
            regular = regular | ~np.isfinite(a[algebra.grade[1]])
    if not np.all(regular):
        values = ", ".join(
            str(bottom(a[0] if mine else a)) for a, mine in zip(args, own, strict=True)
        )
        raise SingularityError(
            f"{row.name} has no power series at {values}: its derivative is infinite or undefined "
            f"there{user_line()}; stay away from the branch point, or choose the argument with "
            "np.where before the call"
        )


def _at(place: tuple[int, ...]) -> str:
    return f" at entry {place}" if place else ""


def _assembled(columns: list[Any], shape: tuple[int, ...]) -> tuple[Any, Univariate]:
    """Put series of single entries together, at the lowest order among them."""
    size = min(map(len, columns))
    stacked = np.stack([c[:size] for c in columns], axis=-1)
    return np.reshape(stacked, (size, *shape)), univariate(size - 1)


def local_coefficients(row: LocalSeries, x: Any, order: int, n: int) -> Any:
    """Normalised coefficients 0..order of the n-th derivative of a local series at ``x``."""
    if isinstance(x, Value):
        return np.stack([row(x, n=n + k) / math.factorial(k) for k in range(order + 1)])
    series = row.series(x, n + order)
    return np.stack([math.perm(n + k, n) * series[n + k] for k in range(order + 1)])
