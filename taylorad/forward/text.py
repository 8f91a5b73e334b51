"""A function in LLVM's text form, written line by line.

Counted loops are written with the values they carry from round to round, so that the text is in
static single assignment form as it stands, and needs no pass over it before it is compiled.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from taylorad.primitives.elementwise import add, divide, multiply, negative, subtract
from taylorad.primitives.linear import select
from taylorad.primitives.registry import Primitive

__all__ = ["INSTRUCTIONS", "Text", "VECTOR", "WIDTH", "constant", "module"]

Name = str | int
"""The name of a value of the function, or a whole number."""


class Text:
    """The text of a function.

    Parameters
    ----------
    head : str
        ``define ...``, without the brace.
    """

    def __init__(self, head: str) -> None:
        self._lines = [f"{head} {{", "entry:"]
        self._names = 0
        self._block = "entry"

    def __str__(self) -> str:
        return "\n".join([*self._lines, "}", ""])

    def do(self, line: str) -> None:
        """Write an instruction that gives nothing."""
        self._lines.append(f"  {line}")

    def let(self, expression: str) -> str:
        """Write an instruction, and give the name of its result."""
        name = self._name("%")
        self.do(f"{name} = {expression}")
        return name

    def _name(self, kind: str) -> str:
        self._names += 1
        return f"{kind}{'v' if kind else 'b'}{self._names}"

    def _start(self, block: str) -> None:
        self._lines.append(f"{block}:")
        self._block = block

    # --- whole numbers and memory ---

    def add(self, a: Name, b: Name) -> str:
        return self.let(f"add i64 {a}, {b}")

    def subtract(self, a: Name, b: Name) -> str:
        return self.let(f"sub i64 {a}, {b}")

    def multiply(self, a: Name, b: Name) -> str:
        return self.let(f"mul i64 {a}, {b}")

    def larger(self, a: Name, b: Name) -> str:
        return self.let(f"call i64 @llvm.smax.i64(i64 {a}, i64 {b})")

    def smaller(self, a: Name, b: Name) -> str:
        return self.let(f"call i64 @llvm.smin.i64(i64 {a}, i64 {b})")

    def at(self, array: str, place: Name, kind: str = "double") -> str:
        """Give the address of an entry of an array."""
        return self.let(f"getelementptr {kind}, ptr {array}, i64 {place}")

    def load(self, array: str, place: Name, kind: str = "double") -> str:
        """Read an entry of an array; of a vector ``place`` is that of its first double."""
        address = self.at(array, place, "double" if kind == VECTOR else kind)
        return self.let(f"load {kind}, ptr {address}, align {_ALIGN[kind]}")

    def store(self, value: str, array: str, place: Name, kind: str = "double") -> None:
        address = self.at(array, place, "double" if kind == VECTOR else kind)
        self.do(f"store {kind} {value}, ptr {address}, align {_ALIGN[kind]}")

    def fused(self, a: str, b: str, c: str, kind: str = "double") -> str:
        """Give ``a*b + c``, rounded once where the processor can."""
        of = kind if kind == "double" else f"v{kind[1:].split()[0]}f64"
        of = "f64" if of == "double" else of
        return self.let(f"call {kind} @llvm.fmuladd.{of}({kind} {a}, {kind} {b}, {kind} {c})")

    def arithmetic(self, instruction: str, *operands: str, kind: str = "double") -> str:
        """Apply an instruction to doubles; ``select`` has its condition last, as a double."""
        if instruction == "select":
            truth = self.let(f"fcmp une {kind} {operands[2]}, {constant(0.0, kind)}")
            truths = "i1" if kind == "double" else f"<{WIDTH} x i1>"
            return self.let(f"select {truths} {truth}, {kind} {operands[0]}, {kind} {operands[1]}")
        return self.let(f"{instruction} {kind} {', '.join(operands)}")

    def spread(self, number: str) -> str:
        """Give a vector of equal doubles."""
        one = self.let(f"insertelement {VECTOR} poison, double {number}, i64 0")
        places = f"<{WIDTH} x i32> zeroinitializer"
        return self.let(f"shufflevector {VECTOR} {one}, {VECTOR} poison, {places}")

    # --- control flow ---

    def loop(
        self,
        start: Name,
        stop: Name,
        body: Callable[..., Iterable[str] | None],
        *carried: tuple[str, str],
        step: Name = 1,
    ) -> list[str]:
        """Write ``for i in range(start, stop, step)``.

        Parameters
        ----------
        start, stop : names or whole numbers
        body : callable
            Writes a round, given the names of i and of the carried values; gives the names of what
            these are next.
        *carried : (type, first value)
        step : name or whole number, optional

        Returns
        -------
        list of str
            The names of the carried values after the last round.
        """
        test, inside, after = (self._name("") for _ in range(3))
        before, place = self._block, self._name("%")
        names = [self._name("%") for _ in carried]
        self.do(f"br label %{test}")
        self._start(test)
        phis = len(self._lines)
        more = self.let(f"icmp slt i64 {place}, {stop}")
        self.do(f"br i1 {more}, label %{inside}, label %{after}")
        self._start(inside)
        following = [self.add(place, step), *(body(place, *names) or ())]
        self.do(f"br label %{test}")
        kinds = [("i64", start), *carried]
        self._lines[phis:phis] = [
            f"  {name} = phi {kind} [ {first}, %{before} ], [ {then}, %{self._block} ]"
            for name, (kind, first), then in zip([place, *names], kinds, following)
        ]
        self._start(after)
        return names

    def lanes(self, count: Name, body: Callable[[str, str], None]) -> None:
        """Write a loop over doubles side by side: vectors, then what is left, one at a time.

        ``body`` is given the place and the kind.
        """
        whole = self.let(f"and i64 {count}, {-WIDTH}")
        self.loop(0, whole, lambda i: body(i, VECTOR), step=WIDTH)
        self.loop(whole, count, lambda i: body(i, "double"))

    @contextmanager
    def when(self, condition: str) -> Iterator[None]:
        """Write a block that is run if a condition holds."""
        inside, after = self._name(""), self._name("")
        self.do(f"br i1 {condition}, label %{inside}, label %{after}")
        self._start(inside)
        yield
        self.do(f"br label %{after}")
        self._start(after)

    def leave_unless(self, condition: str, *last: str) -> None:
        """Return from the function unless a condition holds; ``last`` ends with ``ret``."""
        inside, after = self._name(""), self._name("")
        self.do(f"br i1 {condition}, label %{after}, label %{inside}")
        self._start(inside)
        for line in last:
            self.do(line)
        self._start(after)


WIDTH = 8
"""Doubles side by side in a vector; LLVM splits them where registers are narrower."""

VECTOR = f"<{WIDTH} x double>"

INSTRUCTIONS: dict[Primitive, str] = {
    add: "fadd",
    subtract: "fsub",
    multiply: "fmul",
    divide: "fdiv",
    negative: "fneg",
    select: "select",
}
"""What LLVM calls the rows that are arithmetic."""

_ALIGN = {"double": 8, VECTOR: 8, "i64": 8, "ptr": 8, "i32": 4, "i8": 1, "i1": 1}


def constant(value: float, kind: str = "double") -> str:
    """Write a double so that it is read as the same one, or a vector of such."""
    digits = f"0x{struct.unpack('>Q', struct.pack('>d', value))[0]:016X}"
    return digits if kind == "double" else f"<{', '.join([f'double {digits}'] * WIDTH)}>"


def module(*texts: str) -> str:
    """Put texts together, keeping one of declarations that are the same."""
    declared: dict[str, None] = {}
    defined: list[str] = []
    for line in "\n".join(texts).splitlines():
        if line.startswith("declare ") or " = external " in line:
            declared[line] = None
        else:
            defined.append(line)
    return "\n".join([*declared, *defined, ""])
