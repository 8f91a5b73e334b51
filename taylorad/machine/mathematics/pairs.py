"""Numbers of twice the precision: a pair is the exact sum of a double and its rounding error.

A result that is right to half a unit in its last place is prepared here, to some hundred bits,
and rounded once, by `Pair.sum`. Everything rests on two facts: the error of a sum and the error
of a product of doubles are doubles themselves, and can be computed. It is why no instruction of
a definition may carry a fast-math flag: reassociated, each of these errors is zero.
"""

from __future__ import annotations

from dataclasses import dataclass

from taylorad.machine.mathematics.expression import Condition, Operand, Real, fma, where

__all__ = [
    "Pair",
    "choose",
    "divided",
    "exact_product",
    "exact_sum",
    "less_product",
    "ordered_sum",
    "pair",
    "product",
    "square_root",
    "total",
]


@dataclass(frozen=True)
class Pair:
    """The unevaluated sum of a leading part and a small correction."""

    hi: Real
    lo: Real

    @property
    def sum(self) -> Real:
        return self.hi + self.lo

    @property
    def tidy(self) -> Pair:
        """The same number, its correction below half a unit of its leading part."""
        return ordered_sum(self.hi, self.lo)

    def __neg__(self) -> Pair:
        return Pair(-self.hi, -self.lo)

    def times(self, by: Operand) -> Pair:
        """The product with a power of two, for which nothing is lost."""
        return Pair(self.hi * by, self.lo * by)


def pair(like: Real, hi: Operand, lo: Operand = 0.0) -> Pair:
    """Return a pair of a number, or of a constant and its error, for the body of another."""
    return Pair(like.body.real(hi), like.body.real(lo))


def ordered_sum(a: Real, b: Real) -> Pair:
    """Return a + b exactly, where a is the larger one, or a multiple of the last bit of b."""
    if b.zero:
        return Pair(a, b)
    s = a + b
    return Pair(s, b - (s - a))


def exact_sum(a: Real, b: Real) -> Pair:
    """Return a + b exactly."""
    s = a + b
    share = s - a
    return Pair(s, (a - (s - share)) + (b - share))


def _halves(a: Real) -> tuple[Real, Real]:
    """Split a double into its first 26 bits and the rest, so that products of parts are exact."""
    top = (a.bits & -(1 << 27)).real
    return top, a - top


def exact_product(a: Real, b: Operand) -> Pair:
    """Return a·b exactly (but for underflow)."""
    b = a.body.real(b)
    p = a * b
    if a.body.fused:
        return Pair(p, fma(a, b, -p))
    (a1, a2), (b1, b2) = _halves(a), _halves(b)
    return Pair(p, a2 * b2 - (((p - a1 * b1) - a2 * b1) - a1 * b2))


def less_product(c: Operand, a: Real, b: Operand) -> Real:
    """Return c − a·b, exactly where the two cancel all but 53 bits."""
    if a.body.fused:
        return fma(-a, b, c)
    p = exact_product(a, b)
    return (c - p.hi) - p.lo


def total(a: Pair, b: Pair) -> Pair:
    """Return a + b; the correction is not small if the leading parts cancel."""
    s = exact_sum(a.hi, b.hi)
    return Pair(s.hi, s.lo + (a.lo + b.lo))


def product(a: Pair, b: Pair) -> Pair:
    """Return a·b."""
    p = exact_product(a.hi, b.hi)
    return Pair(p.hi, p.lo + fma(a.hi, b.lo, a.lo * b.hi))


def divided(a: Pair, b: Pair) -> Pair:
    """Return a/b: the quotient of the leading parts, and what is left over divided in turn.

    The correction of b must be small, that of a need not be.
    """
    reciprocal = 1.0 / b.hi
    q = a.hi * reciprocal
    left = fma(-q, b.lo, less_product(a.hi, q, b.hi)) + a.lo
    return Pair(q, left * reciprocal)


def square_root(a: Pair) -> Pair:
    """Return the root of a pair that is tidy."""
    root = a.hi.sqrt()
    left = less_product(a.hi, root, root) + a.lo
    return Pair(root, left * (0.5 / where(root.equals(0.0), 1.0, root)))


def choose(condition: Condition, yes: Pair, no: Pair) -> Pair:
    """Choose between two pairs."""
    return Pair(where(condition, yes.hi, no.hi), where(condition, yes.lo, no.lo))
