"""The program of a row as machine code that sweeps it degree by degree, in any algebra.

The function has a loop over the degree, so that its size does not depend on the order. In each
round the convolutions that the parts need are asked for, of a function that knows the algebra (see
`convolutions`), then one loop over the monomials of that degree and the lanes computes the parts
from them. What is not arithmetic, sin of the value and the like, is not computed here but given:
the *heads*.
"""

from __future__ import annotations

from typing import NamedTuple

from taylorad.forward.convolutions import FIELDS, SIGNATURE
from taylorad.forward.parts import (
    Apply,
    Convolution,
    Degree,
    Expression,
    Part,
    Value,
    Weighted,
    convolutions,
    part,
)
from taylorad.forward.program import RATIONAL, Program
from taylorad.forward.text import INSTRUCTIONS, VECTOR, Text, constant

__all__ = ["Sweep", "heads", "sweep_text"]

_DECLARATIONS = """
declare i64 @llvm.smax.i64(i64, i64)
declare i64 @llvm.smin.i64(i64, i64)
"""


class Sweep(NamedTuple):
    """The text of a function, and what memory it works in.

    ``text`` defines ``void @name(ptr algebra, ptr convolve, i64 lanes, ptr y, ptr xs, ptr heads,
    ptr work)``. ``y`` takes the coefficients of the result; ``xs`` and ``heads`` are arrays of
    addresses, of the coefficients of the arguments that move, and of the values that `heads` lists,
    one for each lane. ``work`` has room for ``arrays`` arrays like ``y``, and for ``sums`` times as
    many doubles as the largest part has.
    """

    text: str
    arrays: int
    sums: int


def heads(program: Program) -> list[int]:
    """Give the lines whose values a sweep takes: constant arguments, and what is no arithmetic."""
    return [
        i
        for i, step in enumerate(program.steps)
        if (
            not step.moves
            if i < program.arguments
            else step.primitive is not None and step.primitive not in RATIONAL
        )
    ]


def sweep_text(program: Program, name: str) -> Sweep:
    """Write a program as a function.

    Parameters
    ----------
    program : Program
    name : str
        Of the function.

    Returns
    -------
    Sweep
    """
    return _Writer(program, name).written()


class _Writer:
    def __init__(self, program: Program, name: str) -> None:
        self.program, self.steps = program, program.steps
        self.text = Text(
            f"define void @{name}(ptr %algebra, ptr %convolve, i64 %lanes, ptr noalias %y, "
            "ptr %xs, ptr %heads, ptr noalias %work)"
        )
        self.computed = [
            i
            for i, step in enumerate(self.steps)
            if i >= program.arguments and step.primitive is not None and step.moves
        ]
        self.parts = {i: part(program, i) for i in self.computed}
        self.groups = self.grouped()
        found = [c for i in self.computed for c in convolutions(self.parts[i])]
        weighted = {c.a for c in found if c.weighted}
        weighted |= {w for i in self.computed for w in _weighted(self.parts[i])}
        self.weighted = sorted(weighted)
        self.convolved = {j for c in found for j in (c.a, c.b)}
        self.arrays: dict[tuple[str, int], str] = {}  # "p" for parts, "w" for those of D p
        self.tops: dict[int, str] = {}  # of arguments, the last degree that is not zero
        self.used = 0

    def written(self) -> Sweep:
        text = self.text
        self.order, size, self.starts, width = (
            text.load("%algebra", i, kind) for i, kind in enumerate(("i64", "i64", "ptr", "i64"))
        )
        self.length = text.multiply(size, "%lanes")
        self.allot()
        sums = max(
            (sum(len(convolutions(self.parts[i])) for i in group) for group in self.groups),
            default=0,
        )
        room = text.multiply(width, "%lanes")
        first = text.at("%work", text.multiply(self.used, self.length))
        self.sums = [text.at(first, text.multiply(i, room)) for i in range(sums)]
        self.start()
        for i in range(self.program.arguments):
            self.weigh(i)
        text.loop(1, text.add(self.order, 1), self.degree)
        text.do("ret void")
        return Sweep(f"{text}{_DECLARATIONS}", self.used, sums)

    def grouped(self) -> list[list[int]]:
        """Part the lines into groups of which each needs the newest parts of those before it."""
        groups: list[list[int]] = []
        for i in self.computed:
            newest = {
                j
                for c in convolutions(self.parts[i])
                for j, left_out in ((c.a, c.high), (c.b, c.low))
                if not left_out
            }
            if not groups or newest & set(groups[-1]):
                groups.append([])
            groups[-1].append(i)
        return groups

    # --- memory ---

    def fresh(self) -> str:
        self.used += 1
        return self.text.at("%work", self.text.multiply(self.used - 1, self.length))

    def allot(self) -> None:
        """Find the arrays of all lines; a line that does not move has one for its value."""
        given = [i for i in range(self.program.arguments) if self.steps[i].moves]
        for place, i in enumerate(given):
            self.arrays["p", i] = self.text.load("%xs", place, "ptr")
        self.arrays["p", self.program.result] = "%y"
        self.heads = {
            i: self.text.load("%heads", place, "ptr") for place, i in enumerate(heads(self.program))
        }
        for i, step in enumerate(self.steps):
            if not step.moves and i in self.heads:
                self.arrays["p", i] = self.heads[i]
            elif step.primitive is not None and ("p", i) not in self.arrays:
                self.arrays["p", i] = self.fresh()
        for i in self.weighted:
            self.arrays["w", i] = self.fresh()

    def start(self) -> None:
        """Write the values of all lines."""
        text = self.text

        def lane(l: str, kind: str) -> None:
            for i, step in enumerate(self.steps):
                if i < self.program.arguments or step.primitive is None:
                    continue
                if i in self.heads:
                    if step.moves:
                        value = text.load(self.heads[i], l, kind)
                        text.store(value, self.arrays["p", i], l, kind)
                    continue
                operands = [self.value(j, l, kind) for j in step.operands]
                value = text.arithmetic(INSTRUCTIONS[step.primitive], *operands, kind=kind)
                text.store(value, self.arrays["p", i], l, kind)

        text.lanes("%lanes", lane)

    def weigh(self, i: int) -> None:
        """Write D of an argument where it is asked for, and find where the argument ends.

        A computation starts from x0 + x1 t, with which a convolution has two terms. Degree 1 is
        never left out: 0 times an infinite derivative has to be seen.
        """
        if i not in self.convolved and i not in self.weighted:
            return
        if not self.steps[i].moves:
            return
        text = self.text

        def degree(k: str, top: str) -> list[str]:
            factor = text.let(f"sitofp i64 {k} to double")
            first, last = self.stretch(k)

            def entry(e: str, top: str) -> list[str]:
                x = text.load(self.arrays["p", i], e)
                if i in self.weighted:
                    text.store(text.let(f"fmul double {factor}, {x}"), self.arrays["w", i], e)
                some = text.let(f"fcmp une double {x}, 0.0")
                return [text.let(f"select i1 {some}, i64 {k}, i64 {top}")]

            return text.loop(first, last, entry, ("i64", top))

        (self.tops[i],) = text.loop(1, text.add(self.order, 1), degree, ("i64", "1"))

    def stretch(self, k: str) -> tuple[str, str]:
        """Give the places between which an array's degree-k part stands."""
        first = self.text.load(self.starts, k, "i64")
        last = self.text.load(self.starts, self.text.add(k, 1), "i64")
        return self.text.multiply(first, "%lanes"), self.text.multiply(last, "%lanes")

    # --- a round of the loop over the degree ---

    def degree(self, k: str) -> None:
        text = self.text
        factor = text.let(f"sitofp i64 {k} to double")
        factors = {"double": factor, VECTOR: text.spread(factor)}
        first, last = self.stretch(k)
        for group in self.groups:
            sums: dict[Convolution, str] = {}
            for i in group:
                for convolution in convolutions(self.parts[i]):
                    if convolution not in sums:
                        sums[convolution] = self.sums[len(sums)]
                        self.call(convolution, sums[convolution], k)

            def monomial(
                start: str, group: list[int] = group, sums: dict[Convolution, str] = sums
            ) -> None:
                base = text.subtract(start, first)

                def lane(l: str, kind: str) -> None:
                    entry, offset = text.add(start, l), text.add(base, l)
                    at = _Place(kind, factors[kind], l, entry, offset, sums, {})
                    for i in group:
                        at.known[i] = y = self.rendered(self.parts[i], at)
                        text.store(y, self.arrays["p", i], entry, kind)
                        if ("w", i) in self.arrays:
                            dy = text.arithmetic("fmul", at.degree, y, kind=kind)
                            text.store(dy, self.arrays["w", i], entry, kind)

                text.lanes("%lanes", lane)

            text.loop(first, last, monomial, step="%lanes")

    def call(self, convolution: Convolution, target: str, k: str) -> None:
        text = self.text
        low: str | int = convolution.low
        high = text.subtract(k, convolution.high) if convolution.high else k
        if convolution.a in self.tops:
            high = text.smaller(high, self.tops[convolution.a])
        if convolution.b in self.tops:
            low = text.larger(low, text.subtract(k, self.tops[convolution.b]))
        a = self.arrays["w" if convolution.weighted else "p", convolution.a]
        names = (target, a, self.arrays["p", convolution.b], k, low, high, "%lanes", "%algebra")
        passed = SIGNATURE.replace("%", "").split(", ")
        types = [p.split("{}")[0] for p in passed]
        given = ", ".join(f"{kind}{name}" for kind, name in zip(types, names))
        text.do(f"call void %convolve({given})")

    # --- expressions ---

    def rendered(self, expression: Expression, at: _Place) -> str:
        text = self.text
        match expression:
            case Part(line):
                return at.known.get(line) or text.load(self.arrays["p", line], at.entry, at.kind)
            case Weighted(line):
                if line in at.known:
                    return text.arithmetic("fmul", at.degree, at.known[line], kind=at.kind)
                return text.load(self.arrays["w", line], at.entry, at.kind)
            case Value(line):
                zero = constant(0.0, at.kind)
                return zero if line is None else self.value(line, at.lane, at.kind)
            case Degree():
                return at.degree
            case Convolution():
                return text.load(at.sums[expression], at.offset, at.kind)
            case Apply(row, operands):
                rendered = [self.rendered(x, at) for x in operands]
                return text.arithmetic(INSTRUCTIONS[row], *rendered, kind=at.kind)

    def value(self, line: int, lane: str, kind: str) -> str:
        step = self.steps[line]
        if step.primitive is None and line >= self.program.arguments:
            return constant(float(step.number), kind)
        return self.text.load(self.arrays["p", line], lane, kind)


class _Place(NamedTuple):
    """Where an expression is to be computed."""

    kind: str  # double, or a vector
    degree: str
    lane: str
    entry: str  # in arrays
    offset: str  # in sums
    sums: dict[Convolution, str]
    known: dict[int, str]


def _weighted(expression: Expression) -> list[int]:
    if isinstance(expression, Weighted):
        return [expression.line]
    if isinstance(expression, Apply):
        return [w for x in expression.operands for w in _weighted(x)]
    return []


assert FIELDS[:4] == ("order", "size", "starts", "width")
