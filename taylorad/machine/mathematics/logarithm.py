"""log and its family: x = 2ᵏ (1 + f) near one, and log(1 + f) = 2 artanh(f / (2 + f)).

The arguments of the inverse hyperbolic functions are prepared as pairs, u = x + √(x² + 1) for
arcsinh: near u = 1 the logarithm needs what one double no longer shows of x.
"""

from __future__ import annotations

import math

from taylorad.machine.mathematics import coefficients
from taylorad.machine.mathematics.exponential import clamp, exponential
from taylorad.machine.mathematics.expression import (
    Condition,
    Operand,
    Real,
    bits_of,
    fma,
    polynomial,
    where,
)
from taylorad.machine.mathematics.pairs import (
    Pair,
    choose,
    divided,
    exact_product,
    exact_sum,
    ordered_sum,
    pair,
    product,
    square_root,
    total,
)

__all__ = ["arccosh", "arcsinh", "arctanh", "log", "log10", "log1p", "log2", "power"]

MANTISSA = (1 << 52) - 1
LEAST = bits_of(math.sqrt(0.5))  # 1 + f is between √½ and √2


def _split(x: Pair) -> tuple[Real, Pair]:
    """Return k and f with x = 2ᵏ (1 + f), for a normal x."""
    shifted = x.hi.bits + (bits_of(1.0) - LEAST)
    exponent = shifted >> 52  # k + 1023
    k = (exponent | bits_of(2.0**52)).real - (2.0**52 + 1023)
    f = ((shifted & MANTISSA) + LEAST).real - 1.0
    # 2ᵏ may be too large to have an inverse, half of it is not.
    inverse = ((exponent ^ 2047) << 52).real
    return k, ordered_sum(f, x.lo * 0.5 * inverse)


def _slope(f: Pair) -> Pair:
    """Return s = f / (2 + f), so that log(1 + f) = 2 artanh s."""
    below = ordered_sum(f.hi.body.real(2.0), f.hi)
    return divided(f, Pair(below.hi, below.lo + f.lo))


def _log1p(f: Pair) -> Pair:
    """Return log(1 + f) for √½ ≤ 1 + f ≤ √2, to some 60 bits."""
    s = _slope(f)
    z = s.hi * s.hi
    return Pair(2.0 * s.hi, fma(s.hi * z, polynomial(z, coefficients.ATANH), 2.0 * s.lo))


def _careful_log1p(f: Pair) -> Pair:
    """Do the same to some 66 bits, which a power needs: its exponent multiplies the error."""
    s = _slope(f)
    z = product(s, s)
    series = ordered_sum(z.hi.body.real(2 / 3), z.hi * polynomial(z.hi, coefficients.ATANH_TAIL))
    cube = product(s, product(z, Pair(series.hi, series.lo + coefficients.TWO_THIRDS_ERROR)))
    head = ordered_sum(2.0 * s.hi, cube.hi)
    return Pair(head.hi, head.lo + fma(s.lo, 2.0, cube.lo))


def _joined(k: Real, y: Pair) -> Pair:
    """Return k ln 2 + y."""
    head = ordered_sum(k * coefficients.LN2_SHORT, y.hi)
    return Pair(head.hi, fma(k, coefficients.LN2_TAIL, head.lo + y.lo))


def _logarithm(x: Pair, more: Operand = 0.0) -> Pair:
    """Return log(x) + more·ln 2, for a normal x."""
    k, f = _split(x)
    return _joined(k + more, _log1p(f))


def _normal(x: Real) -> tuple[Pair, Real]:
    """Return m and k with x = m·2ᵏ, m being a normal number."""
    low = x < 2.0**-1022
    return pair(x, where(low, x * 2.0**54, x)), where(low, -54.0, 0.0)


def _in_domain(x: Real, pole: float, y: Real) -> Real:
    """Return y, or the limits at the pole and infinity, or NaN."""
    outside = where(x.equals(pole), -math.inf, math.nan)
    return where(x > pole, where(x < math.inf, y, x), outside)


def log(x: Real) -> Real:
    return _in_domain(x, 0.0, _logarithm(*_normal(x)).sum)


def log2(x: Real) -> Real:
    m, more = _normal(x)
    k, f = _split(m)
    y = product(_log1p(f), pair(x, coefficients.LOG2_E, coefficients.LOG2_E_ERROR))
    head = ordered_sum(k + more, y.hi)
    return _in_domain(x, 0.0, head.hi + (head.lo + y.lo))


def log10(x: Real) -> Real:
    y = _logarithm(*_normal(x))
    y = product(y, pair(x, coefficients.LOG10_E, coefficients.LOG10_E_ERROR))
    return _in_domain(x, 0.0, y.sum)


def log1p(x: Real) -> Real:
    y = _in_domain(x, -1.0, _logarithm(exact_sum(x, x.body.real(1.0))).sum)
    return where(abs(x) < 2.0**-54, x, y)


def arcsinh(x: Real) -> Real:
    a = abs(x)
    y = _log_with_root(a, +1.0)
    return where(a < 2.0**-28, x, where(a < math.inf, y, a).with_sign_of(x))


def arccosh(x: Real) -> Real:
    y = _log_with_root(x, -1.0)
    return where(x >= 1.0, where(x < math.inf, y, x), math.nan)


def _log_with_root(x: Real, one: float) -> Real:
    """Return the logarithm of x + √(x² ± 1), which is 2x where x² has swallowed the 1."""
    large = x > 2.0**28
    a = where(large, 2.0, x)
    root = square_root(total(exact_product(a, a), pair(x, one)).tidy)
    u = choose(large, pair(x, x), total(pair(x, a), root))
    return _logarithm(u, where(large, 1.0, 0.0)).sum


def arctanh(x: Real) -> Real:
    a, one = abs(x), x.body.real(1.0)
    y = 0.5 * _logarithm(divided(exact_sum(one, a), exact_sum(one, -a))).sum
    y = where(a < 1.0, y, where(a.equals(1.0), math.inf, math.nan))
    return where(a < 2.0**-28, x, y.with_sign_of(x))


def power(x: Real, a: Real) -> Real:
    base = abs(x)
    m, more = _normal(base)
    k, f = _split(m)
    y = _joined(k + more, _careful_log1p(f))
    hi = where(base < math.inf, where(base.equals(0.0), -math.inf, y.hi), base)
    t = product(pair(x, a), Pair(hi, y.lo))
    lo = where(abs(t.hi) < 800.0, t.lo, 0.0)  # beyond, it may be infinity − infinity
    size = exponential(clamp(t.hi, -800.0, 800.0), lo).value
    size = where(base.equals(1.0) & a.equals(a), 1.0, size)

    whole, odd = _parity(a)
    size = where((x < 0.0) & (x > -math.inf) & ~whole, math.nan, size)
    return where(x.equals(1.0) | a.equals(0.0), 1.0, size.with_sign_of(where(odd, x, 1.0)))


def _parity(a: Real) -> tuple[Condition, Condition]:
    """Say whether a number is an integer, and whether an odd one."""
    b = abs(a)
    unit = where(b < 2.0**52, b + 2.0**52, b)  # a number whose last bit counts ones
    whole = (b >= 2.0**52) | (unit - 2.0**52).equals(b)
    return whole, whole & (b < 2.0**53) & unit.bits.odd
