"""Numbers of several words with operators, so that a formula reads like the mathematics it states.

What is written so is called once a step, not once a term. So every operation is a call of a
function, which keeps the text of a logarithm at some hundred lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from taylorad.machine.multiword.host import Exact
from taylorad.machine.multiword.transformations import ROUND
from taylorad.machine.multiword.words import Number, Words

__all__ = ["Value", "libm", "power_of_two", "rounded", "series"]


@dataclass(frozen=True, eq=False)
class Value:
    """A number, and the arithmetic it belongs to."""

    of: Words
    words: Number

    @property
    def first(self) -> str:
        """The number as a double."""
        return self.of.shown(self.words[0])

    def constant(self, x: Exact) -> Value:
        return Value(self.of, self.of.constant(x))

    def like(self, x: Value | Exact) -> Value:
        return x if isinstance(x, Value) else self.constant(x)

    def call(self, function: str, *others: Value | Exact) -> Value:
        operands = [self.words, *(self.like(other).words for other in others)]
        return Value(self.of, self.of.call(function, *operands))

    def __add__(self, other: Value | Exact) -> Value:
        return self.call("add", other)

    def __sub__(self, other: Value | Exact) -> Value:
        return self.call("subtract", other)

    def __mul__(self, other: Value | Exact) -> Value:
        return self.call("multiply", other)

    def __truediv__(self, other: Value | Exact) -> Value:
        return self.call("divide", other)

    def __radd__(self, other: Exact) -> Value:
        return self.call("add", other)

    def __rsub__(self, other: Exact) -> Value:
        return self.constant(other).call("subtract", self)

    def __rmul__(self, other: Exact) -> Value:
        return self.call("multiply", other)

    def __rtruediv__(self, other: Exact) -> Value:
        return self.constant(other).call("divide", self)

    def __neg__(self) -> Value:
        return Value(self.of, self.of.negative(self.words))

    def __abs__(self) -> Value:
        return Value(self.of, self.of.absolute(self.words))

    def sqrt(self) -> Value:
        return self.call("sqrt")

    def times_plus(self, b: Value | Exact, c: Value | Exact) -> Value:
        """Return self·b + c."""
        return self.call("fused", b, c)

    def scaled(self, by: float) -> Value:
        """Return the product with a power of two."""
        return Value(self.of, self.of.scaled(self.words, by))

    def scaled_by(self, *factors: str) -> Value:
        """Return the product with registers that hold powers of two."""
        words = self.words
        for factor in factors:
            words = tuple(self.of.times(word, factor) for word in words)
        return Value(self.of, words)

    def resized(self, of: Words) -> Value:
        """Return the number in an arithmetic of more or fewer words."""
        words = (*self.words, *[None] * of.words)[: of.words]
        return Value(of, words)

    def is_(self, how: str, x: float) -> str:
        """Compare the first word with a number."""
        return self.of.compared(how, self.first, self.of.written(x))

    def where(self, condition: str, other: Value | Exact) -> Value:
        """Return self where the condition holds, else the other."""
        return Value(self.of, self.of.choose(condition, self.words, self.like(other).words))

    def with_sign_of(self, other: Value) -> Value:
        """Return the number, which is positive, with the sign of another."""
        sign = self.of.intrinsic("copysign", self.of.written(1.0), other.first)
        return self.scaled_by(sign)


def series(x: Value, coefficients: Sequence[Exact]) -> Value:
    """Return a polynomial, lowest coefficient first, by Horner's rule."""
    *lower, highest = coefficients
    total = x.constant(highest)
    for coefficient in reversed(lower):
        total = total.times_plus(x, coefficient)
    return total


def rounded(of: Words, x: str) -> tuple[str, str]:
    """Return the nearest integer of |x| < 2⁵¹ as a double, and bits of which the lowest are its."""
    above = of.shown(of.plus(x, of.written(ROUND)))
    bits = of.code.let(f"bitcast double {above} to i64")
    return of.shown(of.minus(above, of.written(ROUND))), bits


def power_of_two(of: Words, exponent: str, shift: int = 1023) -> str:
    """Return 2 to the power of an i64 + shift − 1023, which must be a normal number."""
    biased = of.code.let(f"add i64 {exponent}, {shift}")
    bits = of.code.let(f"shl i64 {biased}, 52")
    return of.code.let(f"bitcast i64 {bits} to double")


def libm(of: Words, function: str, *operands: str) -> str:
    """Return the double that the C library gives: a start, to be improved on."""
    takes = ", ".join(["double"] * len(operands))
    of.code.declarations.add(f"declare double @{function}({takes}) nounwind readnone willreturn")
    given = ", ".join(f"double {operand}" for operand in operands)
    return of.code.let(f"call double @{function}({given})")
