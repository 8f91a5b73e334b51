"""Writing arithmetic on doubles and on vectors of them, in the order in which it is to run.

A number that is not there, None, is zero: it drops out of sums and products.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np

from taylorad.compiler.emitter import literal
from taylorad.compiler.vectors import Vectors
from taylorad.machine.mathematics import definition
from taylorad.machine.vectors import vector

__all__ = ["Code", "Name", "array_of", "kind_of"]

Name = str | None

LARGEST_WHOLE = 3
"""Up to here a power that is a half more than a whole number is a root and products."""

DRIFT = 8
"""Up to this degree a division by it is right to twice the digits, or long runs would drift."""


@dataclass
class Code(Vectors):
    """The instructions of a function; widths of 1 are single numbers.

    Attributes
    ----------
    block : str
        The block that is being written.
    batch : int
        How many doubles a number is: one for each trajectory.
    waits : dict of str to int
        For how many operations, one after the other, a register waits, as far as is known.
    calls : dict of (str, int) to str
        The calls of intrinsic functions on so many numbers, with operands to be filled in.
    """

    block: str = "entry"
    batch: int = 1
    waits: dict[Name, int] = field(default_factory=dict)
    calls: dict[tuple[str, int], str] = field(default_factory=dict)

    def name(self) -> str:
        """Make a new name: of numbers LLVM keeps no table, and reads them sooner."""
        self.count += 1
        return f"%{self.count}"

    def kind(self, width: int = 1) -> str:
        """Give the type of a register of so many numbers."""
        return kind_of(self.batch * width)

    def let(self, text: str) -> str:
        """Append an instruction; give the name of its result."""
        self.count += 1
        name = f"%{self.count}"
        self.lines.append(f"  {name} = {text}")
        return name

    def do(self, text: str) -> None:
        """Append an instruction without a result."""
        self.lines.append(f"  {text}")

    def label(self, name: str) -> None:
        """Begin a block."""
        self.lines.append(f"{name}:")
        self.block = name
        self.forget()

    def loop(
        self,
        count: int | str,
        body: Callable[..., Sequence[str]],
        *carried: tuple[str, str],
        start: int | str = 0,
    ) -> list[str]:
        """Repeat: ``body`` takes the counter and what is carried along, and gives the latter anew.

        Parameters
        ----------
        count : int or str
            Where the counter ends; the body may not run at all.
        body : callable
        *carried : (str, str)
            Types and first values.
        start : int or str, optional
        """
        name = self.name()[1:]
        before, counter = self.block, f"%i.{name}"
        values = [f"%c{k}.{name}" for k in range(len(carried))]
        self.do(f"br label %top.{name}")
        self.label(f"top.{name}")
        place = len(self.lines)
        inside = self.let(f"icmp slt i64 {counter}, {count}")
        self.do(f"br i1 {inside}, label %in.{name}, label %end.{name}")
        self.label(f"in.{name}")
        after = list(body(counter, *values))
        following = self.let(f"add nuw nsw i64 {counter}, 1")
        self.do(f"br label %next.{name}")
        self.label(f"next.{name}")
        self.do(f"br label %top.{name}")
        phis = [f"  {counter} = phi i64 [ {start}, %{before} ], [ {following}, %next.{name} ]"]
        for value, (kind, first), new in zip(values, carried, after, strict=True):
            phis.append(f"  {value} = phi {kind} [ {first}, %{before} ], [ {new}, %next.{name} ]")
        self.lines[place:place] = phis
        self.label(f"end.{name}")
        return values

    def call(self, function: str, *operands: str) -> str:
        """Call a function of our mathematics: of one number in the form that is quickest."""
        if self.wide.isdisjoint(operands):
            self.functions.add(function)
            given = ", ".join(f"double {x}" for x in operands)
            return self.instruction(f"call double @ta.{function}.scalar({given})")
        name = f"ta.{function}"
        if definition(function).special:
            self.helpers[f"@{name}.every.v{self.lanes}"] = _of_every(function, self.lanes)
            self.functions |= {function, f"{function}.v{self.lanes}"}
            whole = vector("double", self.lanes)
            given = ", ".join(f"{whole} {self.spread(x, 'double')}" for x in operands)
            return self.vector(f"call {whole} @{name}.every.v{self.lanes}({given})")
        return super().call(function, *operands)

    # --- arithmetic ---

    def constant(self, x: float | Sequence[float], width: int = 1) -> str:
        """Write a number, or one for each lane."""
        if not isinstance(x, (int, float)):
            if len(set(x)) > 1:
                lanes = ", ".join(f"double {literal(y, 'f')}" for y in x)
                return f"<{lanes}>"
            x = x[0]
        number = literal(x, "f")
        return number if self.batch * width == 1 else f"splat (double {number})"

    def _two(self, operation: str, a: str, b: str, width: int) -> str:
        return self.after(f"{operation} {self.kind(width)} {a}, {b}", (a, b))

    def after(self, text: str, operands: Iterable[str]) -> str:
        """Append an instruction, and take note of what its result waits for."""
        name, known, wait = self.let(text), self.waits.get, 0
        for operand in operands:
            found = known(operand, 0)
            if found > wait:
                wait = found
        self.waits[name] = wait + 1
        return name

    def wait(self, a: Name, b: Name = None) -> int:
        """Give for how many operations the later of two registers waits."""
        known = self.waits.get
        first, second = known(a, 0), known(b, 0)
        return first if first > second else second

    def add(self, a: Name, b: Name, width: int = 1) -> Name:
        if a is None or b is None:
            return b if a is None else a
        return self._two("fadd", a, b, width)

    def subtract(self, a: Name, b: Name, width: int = 1) -> Name:
        if b is None:
            return a
        return self.negative(b, width) if a is None else self._two("fsub", a, b, width)

    def multiply(self, a: Name, b: Name, width: int = 1) -> Name:
        return None if a is None or b is None else self._two("fmul", a, b, width)

    def divide(self, a: str, b: str, width: int = 1) -> str:
        return self._two("fdiv", a, b, width)

    def negative(self, a: Name, width: int = 1) -> Name:
        return None if a is None else self.after(f"fneg {self.kind(width)} {a}", (a,))

    def fused(self, a: Name, b: Name, c: Name, width: int = 1) -> Name:
        """Give a b + c, rounded once where the processor can."""
        if a is None or b is None:
            return c
        if c is None:
            return self.multiply(a, b, width)
        return self.intrinsic_of("fmuladd", (a, b, c), width)

    def over_degree(
        self, x: Name, k: int, width: int = 1, onto: Name = None, times: float = 1.0
    ) -> Name:
        """Divide by a degree, which is a multiplication: by low degrees in two words.

        What is found is added to ``onto``.
        """
        if k == times:
            return self.add(onto, x, width)
        high, low = _quotient(times, k)
        if low and k <= DRIFT:
            onto = self.fused(x, self.constant(low, width), onto, width)
        return self.fused(x, self.constant(high, width), onto, width)

    def half_power(self, x: str, exponent: float, width: int = 1) -> str | None:
        """Write a power whose exponent is a half more than a whole number; None for others.

        Attraction goes by such powers. A root and a product are within two units in the last
        place, and much sooner there than a power in general.
        """
        whole = abs(exponent) - 0.5
        if not whole.is_integer() or whole > LARGEST_WHOLE:
            return None
        total: Name = self.intrinsic_of("sqrt", (x,), width)
        for _ in range(int(whole)):
            total = self.multiply(total, x, width)
        assert total is not None
        return total if exponent > 0 else self.divide(self.constant(1.0, width), total, width)

    def intrinsic_of(self, name: str, operands: tuple[str, ...], width: int = 1) -> str:
        """Call an intrinsic function of LLVM on doubles."""
        call = self.calls.get((name, width))
        if call is None:
            call, declaration = _intrinsic(name, self.batch * width, len(operands))
            self.calls[name, width] = call
            self.declarations.add(declaration)
        return self.after(call % operands, operands)

    def absolute(self, a: str, width: int = 1) -> str:
        return self.intrinsic_of("fabs", (a,), width)

    def larger(self, a: str, b: str, width: int = 1) -> str:
        """Give the larger; b if one of them is NaN."""
        return self._selected("ogt", a, b, width)

    def smaller(self, a: str, b: str, width: int = 1) -> str:
        """Give the smaller; b if one of them is NaN."""
        return self._selected("olt", a, b, width)

    def _selected(self, relation: str, a: str, b: str, width: int) -> str:
        """Choose between two by a comparison, which is one instruction."""
        return self.choose(self.compare(relation, a, b, width), a, b, width)

    def compare(self, relation: str, a: str, b: str, width: int = 1) -> str:
        """Tell of two numbers whether they stand in a relation."""
        return self._two(f"fcmp {relation}", a, b, width)

    def choose(self, condition: str, a: str, b: str, width: int = 1) -> str:
        """Give a where the condition holds, otherwise b."""
        kind = self.kind(width)
        truth = kind.replace("double", "i1")
        return self.let(f"select {truth} {condition}, {kind} {a}, {kind} {b}")

    def total(self, a: str, b: str, width: int = 1) -> tuple[str, str]:
        """Give the sum, and what its rounding lost (Knuth)."""
        s = self._two("fadd", a, b, width)
        part = self._two("fsub", s, a, width)
        left = self._two("fsub", a, self._two("fsub", s, part, width), width)
        return s, self._two("fadd", left, self._two("fsub", b, part, width), width)

    def total_of_two(self, high: str, low: str, b: str) -> tuple[str, str]:
        """Give the sum of a number in two words and another, in two words."""
        high, lost = self.total(high, b)
        low = self.add(low, lost) or ""
        total = self.add(high, low) or ""
        return total, self.subtract(low, self.subtract(total, high)) or ""

    # --- lanes ---

    def packed(self, names: Sequence[Name]) -> str:
        """Put numbers side by side."""
        zero, width = self.constant(0.0), len(names)
        if len(set(names)) == 1:
            return self.everywhere(names[0] or zero, width)
        whole, value, last = kind_of(width), "poison", width - 1
        for lane, name in enumerate(names):
            text = f"insertelement {whole} {value}, double {name or zero}, i64 {lane}"
            value = self.let(text) if lane < last else self.after(text, filter(None, names))
        return value

    def everywhere(self, name: str, width: int) -> str:
        """Put a number into all lanes."""
        if width == 1:
            return name
        whole = kind_of(width)
        if not name.startswith("%"):
            return f"splat (double {name})"
        first = self.let(f"insertelement {whole} poison, double {name}, i64 0")
        shuffle = f"shufflevector {whole} {first}, {whole} poison, <{width} x i32> zeroinitializer"
        return self.after(shuffle, (name,))

    def lane(self, name: str, width: int, lane: int) -> str:
        """Take a number out of a vector."""
        if width == 1:
            return name
        return self.after(f"extractelement {kind_of(width)} {name}, i64 {lane}", (name,))

    def largest(self, name: str, width: int) -> str:
        """Give the largest of all lanes."""
        return self._over_lanes(self.larger, name, width)

    def least(self, name: str, width: int) -> str:
        """Give the least of all lanes."""
        return self._over_lanes(self.smaller, name, width)

    def sum(self, name: str, width: int) -> str:
        """Add up all lanes."""
        if width == 1:
            return name
        whole = kind_of(width)
        self.declarations.add(
            f"declare double @llvm.vector.reduce.fadd.v{width}f64(double, {whole})"
        )
        call = f"call reassoc double @llvm.vector.reduce.fadd.v{width}f64"
        return self.let(f"{call}(double -0.0, {whole} {name})")

    def _over_lanes(self, join: Callable[[str, str, int], str], name: str, width: int) -> str:
        """Join the lanes, half of them with the other half."""
        while width > 1:
            half = width // 2
            low, high = (self._lanes(name, width, first, half) for first in (0, half))
            name, width = join(low, high, half), half
        return name

    def _lanes(self, name: str, width: int, first: int, count: int) -> str:
        """Take neighbouring lanes out of a vector."""
        if count == 1:
            return self.lane(name, width, first)
        kind, lanes = kind_of(width), ", ".join(f"i32 {first + k}" for k in range(count))
        return self.let(f"shufflevector {kind} {name}, {kind} poison, <{count} x i32> <{lanes}>")

    # --- memory ---

    def load(self, pointer: str, place: int | str, width: int = 1) -> str:
        """Read numbers at a place, counted in numbers."""
        at = self.plain(f"getelementptr inbounds {self.kind()}, ptr {pointer}, i64 {place}")
        return self.let(f"load {self.kind(width)}, ptr {at}, align 8")

    def store(self, value: Name, pointer: str, place: int | str, width: int = 1) -> None:
        """Write numbers to a place."""
        value = value or self.constant(0.0, width)
        at = self.plain(f"getelementptr inbounds {self.kind()}, ptr {pointer}, i64 {place}")
        self.do(f"store {self.kind(width)} {value}, ptr {at}, align 8")


@cache
def kind_of(width: int) -> str:
    """Give the type of a register of so many doubles."""
    return "double" if width == 1 else f"<{width} x double>"


def array_of(numbers: Any, kind: str) -> str:
    """Write numbers of one of NumPy's kinds as their bytes, which LLVM reads and writes sooner."""
    data = np.array(numbers, kind).tobytes()
    text = "\\" + data.hex("\\") if data else ""
    return f'[{len(data)} x i8] c"{text}", align 8'


@cache
def _quotient(x: float, k: int) -> tuple[float, float]:
    """Divide by a degree, in two words."""
    high = x / k
    return high, float(Fraction(x) / k - Fraction(high))


@cache
def _intrinsic(name: str, width: int, count: int) -> tuple[str, str]:
    """Give the call of an intrinsic, with operands to be filled in, and its declaration."""
    kind = kind_of(width)
    whole = f"{kind} @llvm.{name}.{'f64' if width == 1 else f'v{width}f64'}"
    given, takes = ", ".join([f"{kind} %s"] * count), ", ".join([kind] * count)
    return f"call {whole}({given})", f"declare {whole}({takes})"


def _of_every(function: str, lanes: int) -> str:
    """Define a function of vectors that takes every argument: the far ones one by one."""
    whole, name = vector("double", lanes), f"@ta.{function}"
    lines = [
        f"define internal {whole} {name}.every.v{lanes}({whole} %x) {{",
        f"  %far = call <{lanes} x i1> {name}.special.v{lanes}({whole} %x)",
        f"  %any = call i1 @llvm.vector.reduce.or.v{lanes}i1(<{lanes} x i1> %far)",
        "  br i1 %any, label %each, label %all",
        "all:",
        f"  %fast = call {whole} {name}.v{lanes}({whole} %x)",
        f"  ret {whole} %fast",
        "each:",
    ]
    result = "poison"
    for lane in range(lanes):
        lines += [
            f"  %e{lane} = extractelement {whole} %x, i64 {lane}",
            f"  %y{lane} = call double {name}.scalar(double %e{lane})",
            f"  %r{lane} = insertelement {whole} {result}, double %y{lane}, i64 {lane}",
        ]
        result = f"%r{lane}"
    return "\n".join([*lines, f"  ret {whole} {result}", "}"])
