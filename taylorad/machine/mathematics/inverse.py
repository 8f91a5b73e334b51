"""arctan2, and arctan, arcsin and arccos as the angle of a point: (1, x), (√(1 − x²), x), ...

The angle of a point (a, b) of the first quadrant is c + arctan t, where c is 0, π/4 or π/2,
whichever is nearest, and t the slope of the point turned back by c: b/a, (b − a)/(b + a), −a/b.
"""

from __future__ import annotations

import math

from taylorad.machine.mathematics import coefficients
from taylorad.machine.mathematics.expression import Condition, Real, polynomial, where
from taylorad.machine.mathematics.pairs import (
    Pair,
    choose,
    divided,
    exact_product,
    ordered_sum,
    pair,
    square_root,
    total,
)

__all__ = ["arccos", "arcsin", "arctan", "arctan2"]


def _angle(a: Pair, b: Pair, left: Condition | None = None) -> Real:
    """Return the angle of the point (a, b), where a, b ≥ 0; or of (−a, b) if it is left."""
    low = b.hi <= a.hi * math.tan(math.pi / 8)
    high = a.hi <= b.hi * math.tan(math.pi / 8)
    rise = choose(low, b, choose(high, -a, total(b, -a)))
    run = choose(low, a, choose(high, b, total(a, b)))

    def turn(quarters: int) -> Pair:
        return pair(a.hi, *coefficients.PI_QUARTERS[quarters])

    t = divided(rise, run)
    base = choose(low, turn(0), choose(high, turn(2), turn(1)))
    if left is not None:
        base = choose(left, choose(low, turn(4), choose(high, turn(2), turn(3))), base)
        t = choose(left, -t, t)
    z = t.hi * t.hi
    head = ordered_sum(base.hi, t.hi)
    return head.hi + (head.lo + ((base.lo + t.lo) + t.hi * z * polynomial(z, coefficients.ATAN)))


def arctan(x: Real) -> Real:
    a = abs(x)
    a = where(a > 2.0**100, 2.0**100, a)  # where the angle is π/2, and infinity as good as any
    return _angle(pair(x, 1.0), pair(x, a)).with_sign_of(x)


def _beside(x: Real) -> Pair:
    """Return √(1 − x²)."""
    return square_root(total(pair(x, 1.0), -exact_product(x, x)).tidy)


def arcsin(x: Real) -> Real:
    return _angle(_beside(x), pair(x, abs(x))).with_sign_of(x)


def arccos(x: Real) -> Real:
    return _angle(pair(x, abs(x)), _beside(x), x < 0.0)


def arctan2(y: Real, x: Real) -> Real:
    a, b = abs(x), abs(y)
    most = where(a > b, a, b)
    # Clear of overflow and of subnormals; at infinity only which of the two are counts.
    scale = where(most > 2.0**300, 2.0**-200, 2.0**600)
    endless = most.equals(math.inf)
    a = where(endless, where(a.equals(math.inf), 1.0, 0.0), a * scale)
    b = where(endless, where(b.equals(math.inf), 1.0, 0.0), b * scale)
    a = where(most.equals(0.0), 1.0, a)  # the angle of (0, 0) is that of (1, 0)
    left = x.body.real(1.0).with_sign_of(x) < 0.0
    angle = _angle(pair(x, a), pair(x, b), left).with_sign_of(y)
    return where(x.equals(x) & y.equals(y), angle, math.nan)
