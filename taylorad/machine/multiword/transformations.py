"""Error-free transformations: what the rounding of a sum or a product of doubles lost is a double.

Everything here writes LLVM IR for doubles or for vectors of them, lane by lane, without a branch.
A word that is not there, None, is an exact zero: it drops out of sums and products, and so one
definition serves numbers of all kinds, of which some have fewer words than others.

No instruction may carry a fast-math flag: reassociated, each of these errors is zero.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from taylorad.machine.features import has_fma

__all__ = ["Emitter", "ONE", "ROUND", "Text", "Transformations", "Word", "literal"]

Word = str | None

# A number that LLVM has to take as it finds it, see `Transformations`.
ONE = "@ta.one = internal global double 1.0"

# Added to a double below 2⁵¹ and taken off again, this leaves the nearest integer.
ROUND = 1.5 * 2.0**52


class Emitter(Protocol):
    """What is asked of whatever collects the instructions."""

    declarations: set[str]

    def let(self, text: str, /) -> str:
        """Append an instruction; return the name of its result."""


@dataclass
class Text:
    """The instructions of a function, none of them twice."""

    lines: list[str] = field(default_factory=list)
    declarations: set[str] = field(default_factory=set)
    names: dict[str, str] = field(default_factory=dict)
    count: int = 0

    def begin(self, label: str) -> None:
        """Begin a block, and forget what others computed."""
        self.lines.append(f"{label}:")
        self.names.clear()

    def let(self, text: str, /) -> str:
        """Append an instruction, or find it; return the name of its result."""
        if text not in self.names:
            self.names[text] = f"%t{self.count}"
            self.count += 1
            self.lines.append(f"  {self.names[text]} = {text}")
        return self.names[text]


def literal(x: float) -> str:
    """Write a double as LLVM reads it, to the last bit."""
    (bits,) = struct.unpack("<Q", struct.pack("<d", x))
    return f"0x{bits:016X}"


class Transformations:
    """Arithmetic of single words.

    Parameters
    ----------
    code : Emitter
        Where the instructions go.
    width : int, default 1
        How many lanes a word has: 1 for doubles, more for vectors.
    fma : bool, optional
        Whether the processor multiplies and adds in one rounding; by default the one in use.
    one : str, optional
        A register that holds 1.0, loaded from `ONE` so that LLVM does not know it. With it every
        third sum is an fma, with the same result: AMD's processors since Zen add and multiply in
        separate units, and almost all that is done here is to add. Others do not mind.
    """

    def __init__(
        self, code: Emitter, width: int = 1, fma: bool | None = None, one: str | None = None
    ) -> None:
        self.code, self.width, self.one = code, width, one
        self._sums = 0
        self.fma = has_fma() if fma is None else fma
        self.kind = self._of("double")
        self._suffix = "f64" if width == 1 else f"v{width}f64"

    def _of(self, kind: str) -> str:
        return kind if self.width == 1 else f"<{self.width} x {kind}>"

    def word(self, x: float) -> Word:
        """Write a number, in every lane; None for zero."""
        if x == 0.0:
            return None
        return self.written(x)

    def written(self, x: float) -> str:
        """Write a number, in every lane, zero too."""
        return literal(x) if self.width == 1 else f"splat (double {literal(x)})"

    def shown(self, a: Word) -> str:
        """Give an operand for a word, zero too."""
        return self.written(0.0) if a is None else a

    # --- single operations -------------------------------------------------------------------

    def _two(self, operation: str, a: str, b: str) -> str:
        return self.code.let(f"{operation} {self.kind} {a}, {b}")

    def intrinsic(self, name: str, *operands: Word) -> str:
        """Call an intrinsic function of LLVM on doubles."""
        takes = ", ".join([self.kind] * len(operands))
        self.code.declarations.add(f"declare {self.kind} @llvm.{name}.{self._suffix}({takes})")
        given = ", ".join(f"{self.kind} {self.shown(a)}" for a in operands)
        return self.code.let(f"call {self.kind} @llvm.{name}.{self._suffix}({given})")

    def plus(self, a: Word, b: Word) -> Word:
        """Give a + b, rounded."""
        if a is None or b is None:
            return b if a is None else a
        return self._sum_by_product(a, b) or self._two("fadd", a, b)

    def minus(self, a: Word, b: Word) -> Word:
        """Give a − b, rounded."""
        if a is None or b is None:
            return a if b is None else self.opposite(b)
        return self._sum_by_product(a, b, negative=True) or self._two("fsub", a, b)

    def _sum_by_product(self, a: str, b: str, negative: bool = False) -> Word:
        """Give a ± b as a·1 ± b, for every third sum."""
        if self.one is None or not self.fma:
            return None
        self._sums += 1
        if self._sums % 3:
            return None
        return self.intrinsic("fma", a, self.one, self.opposite(b) if negative else b)

    def opposite(self, a: Word) -> Word:
        """Give −a."""
        return None if a is None else self.code.let(f"fneg {self.kind} {a}")

    def times(self, a: Word, b: Word) -> Word:
        """Give a·b, rounded."""
        return None if a is None or b is None else self._two("fmul", a, b)

    def over(self, a: Word, b: str) -> Word:
        """Give a/b, rounded."""
        return None if a is None else self._two("fdiv", a, b)

    def times_plus(self, a: Word, b: Word, c: Word) -> Word:
        """Give a·b + c, rounded once if the processor can, else twice."""
        if not self.fma or a is None or b is None or c is None:
            return self.plus(self.times(a, b), c)
        return self.intrinsic("fma", a, b, c)

    def compared(self, how: str, a: Word, b: Word) -> str:
        """Compare: ``olt``, ``ole``, ``oeq`` and so on, all false with a NaN."""
        return self.code.let(f"fcmp {how} {self.kind} {self.shown(a)}, {self.shown(b)}")

    def chosen(self, condition: str, yes: Word, no: Word) -> Word:
        """Choose, lane by lane."""
        if yes == no:
            return yes
        a, b = (f"{self.kind} {self.shown(word)}" for word in (yes, no))
        return self.code.let(f"select {self._of('i1')} {condition}, {a}, {b}")

    def total(self, words: Sequence[Word]) -> Word:
        """Add up, rounded at each step, neighbours first."""
        words = [word for word in words if word is not None]
        while len(words) > 1:
            pairs = [self.plus(a, b) for a, b in zip(words[::2], words[1::2])]
            words = pairs + words[2 * len(pairs) :]
        return words[0] if words else None

    # --- error-free transformations ----------------------------------------------------------

    def two_sum(self, a: Word, b: Word) -> tuple[Word, Word]:
        """Give the rounded a + b and its error (Knuth, TAOCP 2, 4.2.2, theorem B)."""
        if a is None or b is None:
            return self.plus(a, b), None
        s = self.plus(a, b)
        share = self.minus(s, a)
        return s, self.plus(self.minus(a, self.minus(s, share)), self.minus(b, share))

    def fast_two_sum(self, a: Word, b: Word) -> tuple[Word, Word]:
        """Do the same where |a| ≥ |b|, or a is zero (Dekker 1971)."""
        if a is None or b is None:
            return self.plus(a, b), None
        s = self.plus(a, b)
        return s, self.minus(b, self.minus(s, a))

    def two_product(self, a: Word, b: Word) -> tuple[Word, Word]:
        """Give the rounded a·b and its error, which is exact unless it underflows.

        Without fma the factors are halved (Dekker 1971, Veltkamp).
        """
        if a is None or b is None:
            return None, None
        p = self.times(a, b)
        if self.fma:
            return p, self.times_plus(a, b, self.opposite(p))
        (a1, a2), (b1, b2) = self._halves(a), self._halves(b)
        rest = self.minus(self.times(a1, b1), p)
        rest = self.plus(self.plus(rest, self.times(a1, b2)), self.times(a2, b1))
        return p, self.plus(rest, self.times(a2, b2))

    def _halves(self, a: str) -> tuple[Word, Word]:
        """Split into two parts of 26 bits, the second with a sign, whose products are exact.

        Rounding the bits as an integer does what Veltkamp's multiplication by 2²⁷ + 1 does, and
        does not overflow.
        """
        whole = self._of("i64")

        def every(x: int) -> str:
            return str(x) if self.width == 1 else f"splat (i64 {x})"

        bits = self.code.let(f"bitcast {self.kind} {a} to {whole}")
        bits = self.code.let(f"add {whole} {bits}, {every(1 << 26)}")
        bits = self.code.let(f"and {whole} {bits}, {every(-(1 << 27))}")
        top = self.code.let(f"bitcast {whole} {bits} to {self.kind}")
        return top, self.minus(a, top)
