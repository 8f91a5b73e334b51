"""What goes through memory in an order: running sums, the largest and smallest entry, sorting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from taylorad.compiler.emitter import literal
from taylorad.compiler.loops.memory import Array
from taylorad.compiler.loops.roots import reduced_axes
from taylorad.compiler.loops.script import Script
from taylorad.compiler.loops.source import Source
from taylorad.compiler.loops.text import Text
from taylorad.compiler.loops.views import Opaque, View
from taylorad.primitives import selection
from taylorad.primitives.linear import cumsum

__all__ = ["LONGEST_SORT", "SWEEPS", "sweep"]

LONGEST_SORT = 64
"""Lines of no more entries than this are sorted here."""


@dataclass
class Sweep(Opaque):
    """Along one axis of an array, for every index of the others.

    Attributes
    ----------
    axis : int
    """

    line: int
    views: tuple[View, ...]
    axis: int
    kind: str
    scratch: int = field(default=0)

    @property
    def others(self) -> list[int]:
        """The other axes."""
        return [k for k in range(len(self.views[0].shape)) if k != self.axis]

    @property
    def length(self) -> int:
        """The extent of the axis."""
        return self.views[0].shape[self.axis]

    def start(self, script: Script, index: Sequence[str]) -> str:
        """Give the place where a line along the axis starts."""
        (view,) = self.views
        strides = (view.strides[k] for k in self.others)
        return script.place(view.offset, zip(index, strides, strict=True))

    def read(self, script: Script, arrays: Mapping[int, Array], start: str, at: str) -> str:
        """Read an entry of a line along the axis, truth values as whole numbers."""
        (view,) = self.views
        array = arrays[view.line]
        step = script.place(0, [(at, view.strides[self.axis])])
        value = script.load(array.kind, array.pointer, script(f"add nsw i64 {start}, {step}"))
        return script(f"zext i8 {value} to i64") if array.kind == "b" else value

    @property
    def register(self) -> str:
        """The type of a register that holds an entry."""
        return "double" if self.kind == "f" else "i64"


@dataclass
class Extreme(Sweep):
    """The place of the largest or smallest entry: the first of equals, and of NaNs.

    The extreme itself is found first and then where it is: both loops are vectorised.
    """

    note = "two loops along an axis"

    largest: bool = True

    def lines(self, text: Text, arrays: Mapping[int, Array], scratch: str) -> Iterator[str]:
        """Write the loops."""
        script, out = Script(text), arrays[self.line]
        kind, n = self.register, self.length
        best, first, none = text.variable(kind), text.variable("i64"), text.variable("i64")
        text.declarations.add("declare i64 @llvm.umin.i64(i64, i64)")
        (view,) = self.views
        with script.loops([view.shape[k] for k in self.others]) as index:
            start = self.start(script, index)
            script.do(f"store {kind} {self.read(script, arrays, start, '0')}, ptr {best}")
            script.do(f"store i64 0, ptr {none}")
            with script.loop(n) as i:
                value = self.read(script, arrays, start, i)
                self._raise(script, best, none, value)
            winner = script(f"load {kind}, ptr {best}")
            if self.kind == "f":
                some = script(f"icmp ne i64 {script(f'load i64, ptr {none}')}, 0")
                nan = literal(float("nan"), "f")
                winner = script(f"select i1 {some}, double {nan}, double {winner}")
            script.do(f"store i64 {n}, ptr {first}")
            with script.loop(n) as i:
                value = self.read(script, arrays, start, i)
                found = script(f"select i1 {self._same(script, value, winner)}, i64 {i}, i64 {n}")
                so_far = script(f"load i64, ptr {first}")
                least = script(f"call i64 @llvm.umin.i64(i64 {so_far}, i64 {found})")
                script.do(f"store i64 {least}, ptr {first}")
            place = script.place(0, _ravelled(index, [view.shape[k] for k in self.others]))
            script.store(script(f"load i64, ptr {first}"), "i", out.pointer, place)
        yield from script.lines

    def _raise(self, script: Script, best: str, none: str, value: str) -> None:
        """Compare with the best so far; note NaNs, which LLVM is told do not occur otherwise."""
        kind, free = self.register, ""
        compare = "icmp sgt" if self.largest else "icmp slt"
        if self.kind == "f":
            free = "nnan nsz "
            compare = f"fcmp {free}{'ogt' if self.largest else 'olt'}"
            missing = script(f"fcmp uno double {value}, {literal(0, 'f')}")
            so_far = script(f"load i64, ptr {none}")
            script.do(
                f"store i64 {script(f'select i1 {missing}, i64 1, i64 {so_far}')}, ptr {none}"
            )
        so_far = script(f"load {kind}, ptr {best}")
        more = script(f"{compare} {kind} {value}, {so_far}")
        winner = script(f"select {free}i1 {more}, {kind} {value}, {kind} {so_far}")
        script.do(f"store {kind} {winner}, ptr {best}")

    def _same(self, script: Script, value: str, winner: str) -> str:
        if self.kind != "f":
            return script(f"icmp eq i64 {value}, {winner}")
        equal = script(f"fcmp oeq double {value}, {winner}")
        both = script(f"fcmp uno double {value}, {literal(0, 'f')}")
        return script(f"or i1 {equal}, {both}")


class RunningSum(Sweep):
    """Sums of what comes first along an axis."""

    note = "a loop along an axis"

    def lines(self, text: Text, arrays: Mapping[int, Array], scratch: str) -> Iterator[str]:
        """Write the loops."""
        script, out = Script(text), arrays[self.line]
        outer = [k for k in self.others if k < self.axis]
        inner = [k for k in self.others if k > self.axis]
        shape = self.views[0].shape
        add = "fadd double" if self.kind == "f" else "add i64"
        strides = dict(_strides(shape))
        back = strides[self.axis]
        with script.loops([shape[k] for k in outer]) as index:
            with script.loops([shape[k] for k in inner]) as rest:
                at = [*zip(outer, index, strict=True), *zip(inner, rest, strict=True)]
                start = self.start(script, [*index, *rest])
                place = script.place(0, ((i, strides[k]) for k, i in at))
                script.store(self.read(script, arrays, start, "0"), self.kind, out.pointer, place)
            with script.loop(self.length, 1) as i, script.loops([shape[k] for k in inner]) as rest:
                at = [*zip(outer, index, strict=True), *zip(inner, rest, strict=True)]
                start = self.start(script, [*index, *rest])
                place = script.place(0, [*((i, strides[k]) for k, i in at), (i, back)])
                before = script(f"sub nsw i64 {place}, {back}")
                so_far = script.load(self.kind, out.pointer, before)
                value = self.read(script, arrays, start, i)
                total = script(f"{add} {so_far}, {value}")
                script.store(total, self.kind, out.pointer, place)
        yield from script.lines


class Ranking(Sweep):
    """The places of the entries in ascending order, equals as they come, NaNs last (insertion)."""

    note = "an insertion sort"

    def lines(self, text: Text, arrays: Mapping[int, Array], scratch: str) -> Iterator[str]:
        """Write the loops."""
        script, out = Script(text), arrays[self.line]
        shape = self.views[0].shape
        strides = dict(_strides(shape))
        step, kind = strides[self.axis], self.register
        slot = text.variable("i64")
        with script.loops([shape[k] for k in self.others]) as index:
            start = self.start(script, index)
            base = script.place(0, zip(index, (strides[k] for k in self.others), strict=True))
            with script.loop(self.length) as i:
                value = self.read(script, arrays, start, i)
                script.do(f"store i64 {i}, ptr {slot}")
                again, compare, move, done = (text.label() for _ in range(4))
                script.do(f"br label %{again}")
                script.lines.append(f"{again}:")
                j = script(f"load i64, ptr {slot}")
                script.do(f"br i1 {script(f'icmp eq i64 {j}, 0')}, label %{done}, label %{compare}")
                script.lines.append(f"{compare}:")
                before = script(f"sub nsw i64 {j}, 1")
                offset = script.place(0, [(before, step)])
                left = script.load("i", out.pointer, script(f"add nsw i64 {base}, {offset}"))
                other = self.read(script, arrays, start, left)
                less = self._less(script, kind, value, other)
                script.do(f"br i1 {less}, label %{move}, label %{done}")
                script.lines.append(f"{move}:")
                offset = script.place(0, [(j, step)])
                here = script(f"add nsw i64 {base}, {offset}")
                script.store(left, "i", out.pointer, here)
                script.do(f"store i64 {before}, ptr {slot}")
                script.do(f"br label %{again}")
                script.lines.append(f"{done}:")
                offset = script.place(0, [(script(f"load i64, ptr {slot}"), step)])
                here = script(f"add nsw i64 {base}, {offset}")
                script.store(i, "i", out.pointer, here)
        yield from script.lines

    def _less(self, script: Script, kind: str, a: str, b: str) -> str:
        if kind == "i64":
            return script(f"icmp slt i64 {a}, {b}")
        below = script(f"fcmp olt double {a}, {b}")
        number = script(f"fcmp ord double {a}, {literal(0, 'f')}")
        none = script(f"fcmp uno double {b}, {literal(0, 'f')}")
        return script(f"or i1 {below}, {script(f'and i1 {number}, {none}')}")


def _strides(shape: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Give axes and their strides in C order."""
    stride = 1
    for k in range(len(shape))[::-1]:
        yield k, stride
        stride *= shape[k]


def _ravelled(index: Sequence[str], shape: Sequence[int]) -> Iterator[tuple[str, int]]:
    strides = dict(_strides(shape))
    yield from ((i, strides[k]) for k, i in enumerate(index))


SWEEPS: dict[Any, Any] = {
    selection.argmax: Extreme,
    selection.argmin: Extreme,
    selection.argsort: Ranking,
    cumsum: RunningSum,
}


def sweep(source: Source, number: int, seen: View) -> Opaque:
    """Give the sweep that computes a line."""
    line = source.lines[number]
    (axis,) = reduced_axes(line, source)
    kind = source.lines[line.operands[0]].dtype.kind
    if line.row in (selection.argmax, selection.argmin):
        return Extreme(number, (seen,), axis, kind, largest=line.row is selection.argmax)
    assert line.row is not None
    made: Opaque = SWEEPS[line.row](number, (seen,), axis, kind)
    return made
