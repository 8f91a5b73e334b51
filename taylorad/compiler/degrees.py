"""The loop over the degree that computes several series at once: the text of its core.

All series of a program advance together, one degree a round. A convolution is a sum of products of
parts; those of the newest degrees are in registers, and the others, whose sum has been taken a
round earlier, in memory. So nothing waits for what was stored a moment ago, and of the long sums
nothing is on the critical path. Memory that holds no part yet is zero, which makes the sums
indifferent to where they end.

Of one point the sums run over eight degrees at once, with one factor stored backwards; of many
points over the points, eight of which make a tile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from taylorad.compiler.tiles import Tiles
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
from taylorad.forward.program import Program
from taylorad.forward.text import INSTRUCTIONS, VECTOR, WIDTH, Text, constant
from taylorad.primitives.elementwise import divide

__all__ = ["SHORT", "Finish", "Sweep", "core_text"]

SHORT = 3
"""The last degree of a series that is short: a convolution with it is written term by term."""

# What a sum takes up in a turn, and so may read before the first part of an array or behind.
_WAYS_OF_ONE, _WAYS_OF_MANY = 2, 4
_MOST_ON_STACK = 4096  # doubles

_DECLARATIONS = f"""
declare double @llvm.fmuladd.f64(double, double, double)
declare {VECTOR} @llvm.fmuladd.v{WIDTH}f64({VECTOR}, {VECTOR}, {VECTOR})
declare double @llvm.vector.reduce.fadd.v{WIDTH}f64(double, {VECTOR})
declare {VECTOR} @llvm.masked.load.v{WIDTH}f64.p0(ptr, i32, <{WIDTH} x i1>, {VECTOR})
declare void @llvm.masked.store.v{WIDTH}f64.p0({VECTOR}, ptr, i32, <{WIDTH} x i1>)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare ptr @malloc(i64)
declare void @free(ptr)
"""

Head = int | float
"""Where a number is found that the sweep starts from: among the values, or in the text."""


@dataclass
class Finish:
    """What is called in the end, as ``@finish``.

    It takes the first ``arguments`` arguments of the core and the series that were kept, and gives
    the ``results`` of those numbers; ``constants`` of the core's are before its own.
    """

    arguments: int
    results: list[int]
    constants: int = 0


@dataclass
class Sweep:
    """What a core is to compute.

    Attributes
    ----------
    program : Program
        The lines of all series.
    computed : list of int
        Those lines of it that are needed and no arguments.
    order, lanes : int
        The last degree, and the number of points.
    values : dict
        Of every line that is needed its value.
    short : dict
        Of every argument that is short its parts from degree 1 on.
    long : dict
        Of every other argument that moves the place of its coefficients, among the values or,
        if negative, ``-1 - k`` for argument k of the core.
    tops : dict
        The last degrees of the lines of which all later parts are zero.
    results : list of (int, int)
        Numbers of results of the core, and the lines that they are.
    checked : list of int
        The lines that must be finite in degrees 0 and 1.
    rooms : list of int or None
        Of each of the values how many numbers a lane it has; None if it is a result itself.
    early : dict
        Of those values that are results the number of the result.
    kept : list of int
        The lines whose coefficients are wanted in the end.
    finish : Finish, optional
    """

    program: Program
    order: int
    lanes: int
    computed: list[int] = field(default_factory=list)
    values: dict[int, Head] = field(default_factory=dict)
    short: dict[int, list[Head]] = field(default_factory=dict)
    long: dict[int, int] = field(default_factory=dict)
    tops: dict[int, int] = field(default_factory=dict)
    results: list[tuple[int, int]] = field(default_factory=list)
    checked: list[int] = field(default_factory=list)
    rooms: list[int] = field(default_factory=list)
    early: dict[int, int] = field(default_factory=dict)
    kept: list[int] = field(default_factory=list)
    finish: Finish | None = None


def core_text(sweep: Sweep, failed: int) -> tuple[str, int]:
    """Write the core, which calls ``@start`` for the values; tell the bytes it works in.

    It returns ``failed`` where a line that is checked is not finite.
    """
    writer = _Writer(sweep, failed)
    return f"{writer.text}{_DECLARATIONS}", 8 * writer.room


class _Writer(Tiles):
    def __init__(self, sweep: Sweep, failed: int) -> None:
        text = Text(
            "define i32 @core(ptr noalias %arguments, ptr noalias %results, ptr noalias %constants)"
        )
        super().__init__(text, sweep.order, sweep.lanes)
        self.sweep = sweep
        self.parts = {i: part(sweep.program, i) for i in sweep.computed}
        found = dict.fromkeys(c for e in self.parts.values() for c in convolutions(e))
        self.sums = [c for c in found if c.a not in sweep.tops and c.b not in sweep.tops]
        self.moving = [*sweep.short, *sweep.long, *sweep.computed]
        operands = {j for c in found for j in (c.a, c.b)}
        self.kept = [i for i in self.moving if i in operands or i in {*sweep.checked, *sweep.short}]
        self.recent = [i for i in self.moving if i in operands]
        self.layout()
        self.values_computed()
        code = text.let("call i32 @start(ptr %arguments, ptr %heads, ptr %constants)")
        text.leave_unless(text.let(f"icmp eq i32 {code}, 0"), *self.freed(), f"ret i32 {code}")
        (bad,) = text.loop(0, self.count, self.tile, ("i1", "false"))
        code = text.let(f"select i1 {bad}, i32 {failed}, i32 0")
        if sweep.finish is not None:
            good = text.let(f"xor i1 {bad}, true")
            text.leave_unless(good, *self.freed(), f"ret i32 {code}")
            code = self.finished(sweep.finish)
        for line in (*self.freed(), f"ret i32 {code}"):
            text.do(line)

    # --- memory ---

    def layout(self) -> None:
        """Find out which arrays are needed, and where they stand."""
        padding = _WAYS_OF_ONE * WIDTH if self.single else _WAYS_OF_MANY
        length = (self.sweep.order + 1 + 2 * padding) * self.row
        names = [("p", i) for i in self.kept]
        names += [("w", c.a) for c in self.sums if c.weighted]
        names += [("r", c.b) for c in self.sums if self.single]
        names = list(dict.fromkeys(names))
        self.offsets = {name: k * length + padding * self.row for k, name in enumerate(names)}
        self.doubles = length * len(names)

    def values_computed(self) -> None:
        """Find memory for arrays and values, and write where the values go."""
        text, sweep = self.text, self.sweep
        rooms = [room * sweep.lanes for room in sweep.rooms]
        series = (sweep.order + 1) * sweep.lanes
        self.room = total = self.doubles + sum(rooms) + series * len(sweep.kept) + WIDTH
        self.on_stack = total <= _MOST_ON_STACK
        if self.on_stack:
            self.memory = text.let(f"alloca [{total} x double], align 64")
        else:
            self.memory = text.let(f"call ptr @malloc(i64 {8 * total})")
            exists = text.let(f"icmp ne ptr {self.memory}, null")
            text.leave_unless(exists, "ret i32 -1")
        self.arrays = {name: text.at(self.memory, offset) for name, offset in self.offsets.items()}
        text.do(f"%heads = alloca [{len(rooms) + 1} x ptr]")
        place, self.heads = self.doubles, []
        for i, room in enumerate(rooms):
            if i in sweep.early:
                head = text.load("%results", sweep.early[i], "ptr")
            else:
                head = text.at(self.memory, place)
                place += room
            text.store(head, "%heads", i, "ptr")
            self.heads.append(head)
        self.results = [(text.load("%results", k, "ptr"), i) for k, i in sweep.results]
        self.keeping = [
            (text.at(self.memory, place + k * series), i) for k, i in enumerate(sweep.kept)
        ]
        self.results += self.keeping
        self.sources = {
            i: text.load("%arguments", -1 - k, "ptr") if k < 0 else self.heads[k]
            for i, k in sweep.long.items()
        }

    def finished(self, finish: Finish) -> str:
        """Call what computes something from the series."""
        text = self.text
        passed = [text.load("%arguments", k, "ptr") for k in range(finish.arguments)]
        passed += [array for array, _ in self.keeping]
        wanted = [text.load("%results", k, "ptr") for k in finish.results]
        tables = []
        for addresses in (passed, wanted):
            tables.append(text.let(f"alloca [{len(addresses) + 1} x ptr]"))
            for k, address in enumerate(addresses):
                text.store(address, tables[-1], k, "ptr")
        constants = text.at("%constants", finish.constants, "ptr")
        given = ", ".join(f"ptr {name}" for name in (*tables, constants))
        return text.let(f"call i32 @finish({given})")

    def freed(self) -> list[str]:
        return [] if self.on_stack else [f"call void @free(ptr {self.memory})"]

    # --- a tile ---

    def tile(self, number: str, bad: str) -> list[str]:
        text, sweep = self.text, self.sweep
        self.first = self.start(number)
        text.do(
            f"call void @llvm.memset.p0.i64(ptr {self.memory}, i8 0, i64 {8 * self.doubles}, "
            "i1 false)"
        )
        self.values = {i: self.head(head) for i, head in sweep.values.items()}
        for i, parts in sweep.short.items():
            for degree, head in enumerate(parts, 1):
                self.store("p", i, degree, self.head(head))
        for i in self.moving:
            self.store("p", i, 0, self.values[i])
            self.store("r", i, 0, self.values[i])
        for array, i in self.results:
            self.given(self.values[i], self.outside(array, 0))
        zero = constant(0.0, self.kind)
        carried = [(self.kind, zero)] * (len(self.recent) + len(self.sums))
        text.loop(1, sweep.order + 1, self.round, *carried)
        for i in sweep.checked:
            for value in (self.values[i], self.load("p", i, 1)):
                bad = text.let(f"or i1 {bad}, {self.broken(value)}")
        return [bad]

    def head(self, head: Head) -> str:
        if isinstance(head, float):
            return constant(head, self.kind)
        return self.taken(self.outside(self.heads[head], 0))

    # --- a round of the loop over the degree ---

    def round(self, k: str, *carried: str) -> list[str]:
        text = self.text
        self.k, self.before = k, dict(zip(self.recent, carried))
        self.inner = dict(zip(self.sums, carried[len(self.recent) :]))
        following = [self.summed(c) for c in self.sums]
        self.late = text.let(f"icmp sgt i64 {k}, 2")
        self.factors: dict[int, str] = {}
        degree = text.let(f"sitofp i64 {k} to double")
        self.inverse = self.spread(text.let(f"fdiv double {constant(1.0)}, {degree}"))
        self.degree = self.spread(degree)
        self.now: dict[int, str] = {}
        for i in self.moving:
            if i in self.sweep.short:
                self.now[i] = self.load("p", i, k)
                continue
            long = i in self.sweep.long
            y = self.taken(self.outside(self.sources[i], k)) if long else self.of(self.parts[i])
            self.now[i] = y
            for array in "pr":
                self.store(array, i, k, y)
            if ("w", i) in self.arrays:
                self.store("w", i, k, text.arithmetic("fmul", self.degree, y, kind=self.kind))
        for array, i in self.results:
            self.given(self.now[i], self.outside(array, k))
        return [*(self.now[i] for i in self.recent), *following]

    def summed(self, c: Convolution) -> str:
        """Write the sum over 2 <= j < k of ``a_j b_(k+1-j)``, which the next round will want."""
        text, first = self.text, "w" if c.weighted else "p"
        zero = constant(0.0, VECTOR)
        ahead = text.add(self.k, 1)
        if self.single:
            a, b, step = self.arrays[first, c.a], self.at("r", c.b, ahead), WIDTH
        else:
            a, b, step = self.arrays[first, c.a], self.arrays["p", c.b], 1
        ways = _WAYS_OF_ONE if self.single else _WAYS_OF_MANY

        def terms(j: str, *totals: str) -> list[str]:
            found = []
            for way, total in enumerate(totals):
                place = text.add(j, way * step)
                x = text.at(a, place, f"[{self.row} x double]")
                back = place if self.single else text.subtract(ahead, place)
                y = text.at(b, back, f"[{self.row} x double]")
                x, y = (text.let(f"load {VECTOR}, ptr {z}, align 8") for z in (x, y))
                found.append(text.fused(x, y, total, VECTOR))
            return found

        totals = text.loop(2, self.k, terms, *[(VECTOR, zero)] * ways, step=ways * step)
        while len(totals) > 1:
            pairs = zip(totals[::2], totals[1::2])
            totals = [text.let(f"fadd {VECTOR} {x}, {y}") for x, y in pairs]
        if not self.single:
            return totals[0]
        return text.let(
            f"call reassoc double @llvm.vector.reduce.fadd.v{WIDTH}f64(double -0.0, "
            f"{VECTOR} {totals[0]})"
        )

    # --- expressions ---

    def of(self, expression: Expression) -> str:
        """Write an expression for the degree at hand."""
        text = self.text
        match expression:
            case Part(line):
                return self.now[line]
            case Weighted(line):
                return self.weighted(self.now[line], 0)
            case Value(line):
                return constant(0.0, self.kind) if line is None else self.values[line]
            case Degree():
                return self.degree
            case Convolution():
                return self.convolved(expression)
            case Apply(row, (x, Degree())) if row is divide:
                return text.arithmetic("fmul", self.of(x), self.inverse, kind=self.kind)
            case Apply(row, (x, Apply(_, (Degree(), d)))) if row is divide:
                right = text.arithmetic("fmul", self.of(x), self.inverse, kind=self.kind)
                return text.arithmetic("fdiv", right, self.of(d), kind=self.kind)
            case Apply(row, operands):
                rendered = [self.of(x) for x in operands]
                return text.arithmetic(INSTRUCTIONS[row], *rendered, kind=self.kind)

    def weighted(self, value: str, back: int) -> str:
        """Multiply a part of degree k - back by its degree."""
        text = self.text
        if back not in self.factors:
            lower = self.degree
            if back:
                number = text.let(f"sitofp i64 {text.subtract(self.k, back)} to double")
                lower = self.spread(number)
            self.factors[back] = lower
        return text.arithmetic("fmul", self.factors[back], value, kind=self.kind)

    def convolved(self, c: Convolution) -> str:
        tops = self.sweep.tops
        if c.a in tops:
            return self.total(self.short_first(c, tops[c.a]))
        if c.b in tops:
            return self.total(self.short_second(c, tops[c.b]))
        return self.total(self.ends(c), self.inner[c])

    def total(self, terms: Iterator[tuple[str, str]], total: str | None = None) -> str:
        for x, y in terms:
            if total is None:
                total = self.text.arithmetic("fmul", x, y, kind=self.kind)
            else:
                total = self.text.fused(x, y, total, self.kind)
        return constant(0.0, self.kind) if total is None else total

    def ends(self, c: Convolution) -> Iterator[tuple[str, str]]:
        """Give the terms of degrees 0, 1, k - 1 and k, the newest last."""
        text = self.text
        # In degree 2 the two terms in the middle are one.
        first = self.load("p", c.b, 1)
        nothing = constant(0.0, self.kind)
        first = text.let(f"select i1 {self.late}, {self.kind} {first}, {self.kind} {nothing}")
        before = self.before[c.a]
        yield self.weighted(before, 1) if c.weighted else before, first
        yield self.load("p", c.a, 1), self.before[c.b]
        if not c.low:
            yield self.values[c.a], self.now[c.b]
        if not c.high:
            newest = self.now[c.a]
            yield self.weighted(newest, 0) if c.weighted else newest, self.values[c.b]

    def short_first(self, c: Convolution, top: int) -> Iterator[tuple[str, str]]:
        for j in range(top, c.low - 1, -1):
            a = self.values[c.a] if not j else self.load("p", c.a, j)
            if c.weighted and j != 1:
                a = self.text.arithmetic("fmul", a, constant(float(j), self.kind), kind=self.kind)
            yield a, self.recalled(c.b, j)

    def short_second(self, c: Convolution, top: int) -> Iterator[tuple[str, str]]:
        for i in range(top, c.high - 1, -1):
            a = self.recalled(c.a, i)
            b = self.values[c.b] if not i else self.load("p", c.b, i)
            yield self.weighted(a, i) if c.weighted else a, b

    def recalled(self, line: int, back: int) -> str:
        """Give the part of degree k - back."""
        if not back:
            return self.now[line]
        return self.load("p", line, self.text.subtract(self.k, back))
