"""sin, cos and tan: x = k π/2 + r with |r| ≤ π/4, the quadrant k choosing between two polynomials.

π/2 is known here to 160 bits, in three doubles. That suffices while |x| ≤ 2⁴⁰; `far` tells where
it does not.
"""

from __future__ import annotations

from taylorad.machine.mathematics import coefficients
from taylorad.machine.mathematics.expression import (
    ROUND,
    Bits,
    Condition,
    Real,
    fma,
    polynomial,
    where,
)
from taylorad.machine.mathematics.pairs import (
    Pair,
    choose,
    divided,
    exact_product,
    less_product,
    ordered_sum,
)

__all__ = ["cos", "far", "sin", "tan"]

SIGN = 1 << 63


def far(x: Real) -> Condition:
    """Say whether more bits of π are needed."""
    return abs(x) > 2.0**40


def _reduced(x: Real) -> tuple[Bits, Pair]:
    """Return k, in the low bits, and r, for x ≥ 0."""
    rounded = fma(x, coefficients.TWO_OVER_PI, ROUND)
    k = rounded - ROUND
    first, second, third = coefficients.HALF_PI
    near = less_product(x, k, first)  # exact: as a multiple of 2⁻⁵² below 1 it has 52 bits
    rest = exact_product(k, second)
    r = ordered_sum(near, -rest.hi)  # exact as well, as 2⁻⁵² is not below the last bit of rest
    return rounded.bits, Pair(r.hi, fma(-k, third, r.lo - rest.lo))


def _sin_cos(r: Pair) -> tuple[Pair, Pair]:
    """Return sin r and cos r: both are needed, and a program that asks for both has them once."""
    z = exact_product(r.hi, r.hi)
    one = ordered_sum(r.hi.body.real(1.0), -0.5 * z.hi)
    sin = r.hi * z.hi * polynomial(z.hi, coefficients.SIN)
    cos = z.hi * z.hi * polynomial(z.hi, coefficients.COS)
    return (
        Pair(r.hi, fma(r.lo, one.hi, sin)),
        Pair(one.hi, one.lo - fma(r.hi, r.lo, fma(z.lo, 0.5, -cos))),
    )


def sin(x: Real) -> Real:
    # Of |x|, as the sign of a zero would not survive the reduction.
    k, r = _reduced(abs(x))
    s, c = _sin_cos(r)
    y = where(k.odd, c.sum, s.sum)
    return (y.bits ^ (((k << 62) ^ x.bits) & SIGN)).real


def cos(x: Real) -> Real:
    k, r = _reduced(abs(x))
    s, c = _sin_cos(r)
    y = where(k.odd, s.sum, c.sum)
    return (y.bits ^ (((k + 1) << 62) & SIGN)).real


def tan(x: Real) -> Real:
    k, r = _reduced(abs(x))
    s, c = (one.tidy for one in _sin_cos(r))
    y = divided(choose(k.odd, -c, s), choose(k.odd, s, c)).sum
    return (y.bits ^ (x.bits & SIGN)).real
