"""erf and erfc: near zero an odd polynomial, beyond it exp(−x²) times a smooth function."""

from __future__ import annotations

from taylorad.machine.mathematics import coefficients
from taylorad.machine.mathematics.exponential import Exponential, clamp, exponential
from taylorad.machine.mathematics.expression import Real, polynomial, where
from taylorad.machine.mathematics.pairs import (
    Pair,
    divided,
    exact_product,
    exact_sum,
    ordered_sum,
    product,
)

__all__ = ["erf", "erfc"]


def _near(a: Real) -> Pair:
    """Return erf(a) for |a| ≤ 1."""
    return Pair(a, a * polynomial(a * a, coefficients.ERF))


def _beyond(a: Real) -> tuple[Exponential, Pair]:
    """Return exp(−a²) and g / (1 + 2a), of which erfc(a) is the product for 1/2 ≤ a ≤ 28."""
    square = exact_product(a, a)
    t = (a - 4.0) / (a + 4.0)
    g = ordered_sum(a.body.real(1.25), polynomial(t, coefficients.ERFC))
    e = exponential(-square.hi, -square.lo)
    return e, divided(product(e.mantissa, g).tidy, exact_sum(2.0 * a, a.body.real(1.0)))


def _complement(y: Pair) -> Real:
    """Return 1 − y."""
    one = ordered_sum(y.hi.body.real(1.0), -y.hi)
    return one.hi + (one.lo - y.lo)


def erf(x: Real) -> Real:
    a = abs(x)
    e, rest = _beyond(clamp(a, 0.5, 6.0))  # at 6 nothing of it is left
    y = where(a < 0.75, _near(a).sum, _complement(rest.times(e.scale(0))))
    return y.with_sign_of(x)


def erfc(x: Real) -> Real:
    e, rest = _beyond(clamp(abs(x), 0.5, 28.0))
    y = e.scaled(rest)
    return where((x < 0.5) & (x > -1.0), _complement(_near(x)), where(x < 0.0, 2.0 - y, y))
