"""Arithmetic that writes LLVM IR, so that a definition reads like the mathematics it states.

A `Real` stands for a double, `Bits` for its 64 bits, a `Condition` for a truth value. Operators
on them append one instruction each to the `Body` they belong to; the same instruction is never
written twice. There are no branches, only `where`: a body made here serves for vectors as well.
That is also why some obvious instructions are missing: rounding, conversion between double and i64
and the arithmetic shift have no vector form before AVX-512, and code that uses them falls apart
into scalars.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

__all__ = [
    "Bits",
    "Body",
    "Condition",
    "Operand",
    "ROUND",
    "Real",
    "bits_of",
    "fma",
    "polynomial",
    "where",
]

# Added to a double and taken off again, this leaves the nearest integer; in between, the integer
# stands in the low bits. No processor fails to vectorise that.
ROUND = 1.5 * 2.0**52


def bits_of(x: float) -> int:
    """Return the 64 bits of a double as an integer."""
    (bits,) = struct.unpack("<Q", struct.pack("<d", x))
    return int(bits)


@dataclass
class Body:
    """The instructions of one function, in order."""

    fused: bool  # whether the target multiplies and adds in one rounding
    lines: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    declarations: set[str] = field(default_factory=set)

    def emit(self, instruction: str) -> str:
        """Append an instruction, or find it; return the name of its result."""
        if instruction not in self.names:
            self.names[instruction] = f"%v{len(self.names)}"
            self.lines.append(f"  {self.names[instruction]} = {instruction}")
        return self.names[instruction]

    def call(self, intrinsic: str, *operands: Real) -> Real:
        """Call the form for doubles of an LLVM intrinsic."""
        name, takes = f"@llvm.{intrinsic}.f64", ", ".join(["double"] * len(operands))
        self.declarations.add(f"declare double {name}({takes})")
        gives = ", ".join(f"double {operand.name}" for operand in operands)
        return Real(self, self.emit(f"call double {name}({gives})"))

    def real(self, x: Operand) -> Real:
        """Give a plain number a place among the values of this body."""
        return x if isinstance(x, Real) else Real(self, f"0x{bits_of(x):016X}", zero=x == 0)


@dataclass(frozen=True, eq=False)
class Real:
    """A double that is known when the code runs."""

    body: Body
    name: str
    # Exact zeros drop out of sums and products. Only the sign of a zero may differ, and the
    # corrections that are zero by construction never decide one.
    zero: bool = False

    def _binary(self, operation: str, left: Operand, right: Operand) -> Real:
        a, b = self.body.real(left), self.body.real(right)
        return Real(self.body, self.body.emit(f"{operation} double {a.name}, {b.name}"))

    def __add__(self, other: Operand) -> Real:
        other = self.body.real(other)
        if self.zero or other.zero:
            return other if self.zero else self
        return self._binary("fadd", self, other)

    def __sub__(self, other: Operand) -> Real:
        other = self.body.real(other)
        if self.zero or other.zero:
            return -other if self.zero else self
        return self._binary("fsub", self, other)

    def __mul__(self, other: Operand) -> Real:
        other = self.body.real(other)
        if self.zero or other.zero:
            return self if self.zero else other
        return self._binary("fmul", self, other)

    def __truediv__(self, other: Operand) -> Real:
        return self._binary("fdiv", self, other)

    def __radd__(self, other: float) -> Real:
        return self.body.real(other) + self

    def __rsub__(self, other: float) -> Real:
        return self.body.real(other) - self

    def __rmul__(self, other: float) -> Real:
        return self * other

    def __rtruediv__(self, other: float) -> Real:
        return self.body.real(other) / self

    def __neg__(self) -> Real:
        return self if self.zero else Real(self.body, self.body.emit(f"fneg double {self.name}"))

    def __abs__(self) -> Real:
        return self.body.call("fabs", self)

    def sqrt(self) -> Real:
        return self.body.call("sqrt", self)

    def with_sign_of(self, other: Real) -> Real:
        return self.body.call("copysign", self, other)

    # Comparisons are ordered: with a NaN they are false.

    def _compare(self, how: str, other: Operand) -> Condition:
        right = self.body.real(other).name
        return Condition(self.body, self.body.emit(f"fcmp {how} double {self.name}, {right}"))

    def __lt__(self, other: Operand) -> Condition:
        return self._compare("olt", other)

    def __le__(self, other: Operand) -> Condition:
        return self._compare("ole", other)

    def __gt__(self, other: Operand) -> Condition:
        return self._compare("ogt", other)

    def __ge__(self, other: Operand) -> Condition:
        return self._compare("oge", other)

    def equals(self, other: Operand) -> Condition:
        return self._compare("oeq", other)

    @property
    def bits(self) -> Bits:
        return Bits(self.body, self.body.emit(f"bitcast double {self.name} to i64"))


Operand: TypeAlias = Real | float


@dataclass(frozen=True, eq=False)
class Bits:
    """The 64 bits of a double, or an integer."""

    body: Body
    name: str

    def _binary(self, operation: str, other: Bits | int) -> Bits:
        if isinstance(other, int):  # LLVM writes i64 constants with a sign
            right = str((other + 2**63) % 2**64 - 2**63)
        else:
            right = other.name
        return Bits(self.body, self.body.emit(f"{operation} i64 {self.name}, {right}"))

    def __add__(self, other: Bits | int) -> Bits:
        return self._binary("add", other)

    def __sub__(self, other: Bits | int) -> Bits:
        return self._binary("sub", other)

    def __and__(self, other: Bits | int) -> Bits:
        return self._binary("and", other)

    def __or__(self, other: Bits | int) -> Bits:
        return self._binary("or", other)

    def __xor__(self, other: Bits | int) -> Bits:
        return self._binary("xor", other)

    def __lshift__(self, places: int) -> Bits:
        return self._binary("shl", places)

    def __rshift__(self, places: int) -> Bits:
        return self._binary("lshr", places)

    @property
    def odd(self) -> Condition:
        return Condition(self.body, self.body.emit(f"trunc i64 {self.name} to i1"))

    @property
    def real(self) -> Real:
        return Real(self.body, self.body.emit(f"bitcast i64 {self.name} to double"))


@dataclass(frozen=True, eq=False)
class Condition:
    """A truth value that is known when the code runs."""

    body: Body
    name: str

    def __and__(self, other: Condition) -> Condition:
        return Condition(self.body, self.body.emit(f"and i1 {self.name}, {other.name}"))

    def __invert__(self) -> Condition:
        return Condition(self.body, self.body.emit(f"xor i1 {self.name}, true"))

    def __or__(self, other: Condition) -> Condition:
        return Condition(self.body, self.body.emit(f"or i1 {self.name}, {other.name}"))


def where(condition: Condition, yes: Operand, no: Operand) -> Real:
    """Choose between two values; both are computed."""
    body = condition.body
    a, b = body.real(yes).name, body.real(no).name
    return Real(body, body.emit(f"select i1 {condition.name}, double {a}, double {b}"))


def fma(a: Real, b: Operand, c: Operand) -> Real:
    """Return a·b + c, rounded once if the target can, else twice."""
    body = a.body
    b, c = body.real(b), body.real(c)
    if not body.fused or a.zero or b.zero or c.zero:
        return a * b + c
    return body.call("fma", a, b, c)


def polynomial(x: Real, coefficients: Sequence[float]) -> Real:
    """Evaluate a polynomial, lowest coefficient first, by halving (Estrin's scheme).

    Neighbours are paired, ``c0 + c1 x``, and the pairs are the coefficients of a polynomial in
    x²: the depth is the logarithm of the degree, and a processor has something to do in parallel.
    """
    terms = [x.body.real(c) for c in coefficients]
    while True:
        pairs = [fma(x, high, low) for low, high in zip(terms[::2], terms[1::2], strict=False)]
        terms = pairs + terms[2 * len(pairs) :]
        if len(terms) == 1:
            return terms[0]
        x = x * x
