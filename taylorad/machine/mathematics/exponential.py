"""exp and its family: eˣ = 2ᵏ eʳ with k an integer and |r| ≤ ln 2 / 2, for a polynomial."""

from __future__ import annotations

from dataclasses import dataclass

from taylorad.machine.mathematics import coefficients
from taylorad.machine.mathematics.expression import (
    ROUND,
    Bits,
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
    total,
)

__all__ = [
    "Exponential",
    "clamp",
    "cosh",
    "exp",
    "exp2",
    "expm1",
    "exponential",
    "logistic",
    "sinh",
    "tanh",
]


@dataclass(frozen=True)
class Exponential:
    """The number 2ᵏ (1 + rest)."""

    rest: Pair
    count: Bits  # of the double k + ROUND: the low bits are k

    @property
    def mantissa(self) -> Pair:
        one = ordered_sum(self.rest.hi.body.real(1.0), self.rest.hi)
        return Pair(one.hi, one.lo + self.rest.lo)

    def scale(self, shift: int) -> Real:
        """Return 2 to the power of k − shift, which must be a normal number."""
        return ((self.count + (1023 - shift)) << 52).real

    def scaled(self, x: Pair) -> Real:
        """Return x·2ᵏ by two factors, as 2ᵏ itself may be too large or too small for a double."""
        biased = self.count - (bits_of(ROUND) - 2 * 1023)
        half = biased >> 1
        first, second = (half << 52).real, ((biased - half) << 52).real
        return fma(x.lo, first, x.hi * first) * second

    @property
    def value(self) -> Real:
        return self.scaled(self.mantissa)


def clamp(x: Real, low: float, high: float) -> Real:
    """Move a number into an interval; a NaN stays one."""
    x = where(x > high, high, x)
    return where(x < low, low, x)


def exponential(x: Real, lo: Operand = 0.0) -> Exponential:
    """Return e to the power of x + lo, for |x| < 1400."""
    # k·LN2_SHORT is exact, and so is what is left of x; the rest of ln 2 brings in an error, kept.
    rounded = fma(x, coefficients.LOG2_E, ROUND)
    k = rounded - ROUND
    near = fma(-k, coefficients.LN2_SHORT, x)
    far = fma(k, coefficients.LN2_TAIL, -x.body.real(lo))
    r = near - far
    return Exponential(_expm1_near_zero(Pair(r, (near - r) - far)), rounded.bits)


def _expm1_near_zero(r: Pair) -> Pair:
    """Return eʳ − 1, of which r itself is the leading part."""
    curve = polynomial(r.hi, coefficients.EXP)
    return Pair(r.hi, fma(r.hi * r.hi, curve, fma(r.hi, r.lo, r.lo)))


def exp(x: Real) -> Real:
    # Outside of these bounds, as here, it is as good as zero and infinity.
    return exponential(clamp(x, -746.0, 710.0)).value


def exp2(x: Real) -> Real:
    x = clamp(x, -1076.0, 1025.0)
    rounded = x + ROUND
    f = x - (rounded - ROUND)
    r = exact_product(f, coefficients.LN2)
    r = Pair(r.hi, fma(f, coefficients.LN2_ERROR, r.lo))
    return Exponential(_expm1_near_zero(r), rounded.bits).value


def _quarter_expm1(x: Real) -> Pair:
    """Return (eˣ − 1) / 4 for −700 < x < 711; a quarter keeps clear of overflow."""
    e = exponential(x)
    scale = e.scale(2)
    less = exact_sum(scale, scale.body.real(-0.25))
    head = exact_sum(less.hi, e.rest.hi * scale)
    return ordered_sum(head.hi, fma(e.rest.lo, scale, less.lo + head.lo))


def expm1(x: Real) -> Real:
    m = _quarter_expm1(clamp(x, -40.0, 710.0))
    return where(abs(x) < 2.0**-54, x, 4.0 * m.hi)


def sinh(x: Real) -> Real:
    # With m = eˣ − 1 it is (m + m / (m + 1)) / 2, in which nothing cancels.
    a = clamp(abs(x), 0.0, 710.6)
    m = _quarter_expm1(a)
    one = pair(a, 1.0)
    other = choose(a < 40.0, divided(m, total(m.times(4.0), one)), one.times(0.25))
    y = 2.0 * total(m, other).sum
    return where(abs(x) < 2.0**-28, x, y.with_sign_of(x))


def cosh(x: Real) -> Real:
    e = exponential(clamp(abs(x), 0.0, 710.6))
    quarter = e.mantissa.tidy.times(e.scale(2))
    return 2.0 * total(quarter, divided(pair(x, 1 / 16), quarter)).sum


def tanh(x: Real) -> Real:
    # With m = exp(2x) − 1 it is m / (m + 2).
    m = _quarter_expm1(2.0 * clamp(abs(x), 0.0, 20.0))
    y = divided(m, total(m, pair(x, 0.5))).sum
    return where(abs(x) < 2.0**-28, x, y.with_sign_of(x))


def logistic(x: Real) -> Real:
    # 1 / (1 + u) or u / (1 + u), with u = exp(−|x|) below one. The u above the line is scaled
    # last: the quotient may be subnormal.
    e = exponential(clamp(-abs(x), -746.0, 0.0))
    u, one = e.mantissa.tidy, pair(x, 1.0)
    below = total(one, Pair(e.scaled(pair(x, u.hi)), e.scaled(pair(x, u.lo))))
    y = divided(choose(x < 0.0, u, one), below)
    return where(x < 0.0, e.scaled(y), y.sum)
