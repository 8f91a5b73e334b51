"""What is done in a step in numbers of several words: values, factors, and a loop over the degree.

Time is counted in a *unit* near the length of the step, a power of two: parts of degree k are those
of the series times the unit to the power of k, and so neither overflow nor underflow however high
the order is.

The higher the degree, the less a part is of the sum, and the fewer of its digits matter. So there
is a loop for each count of words, which ends when the parts of all lines have become so small that
one word less will do. What they are measured by is a step that may be longer than the last one, but
not much.

Values, factors and newest parts are numbers in memory. Lines that enter interiors, and those whose
series are wanted, have streams too, see `sums`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import mpmath

from taylorad.machine.multiword import Number
from taylorad.machine.multiword.values import Value
from taylorad.machine.multiword.words import structure
from taylorad.ode.digits.multiword.degree import Degree
from taylorad.ode.digits.multiword.memory import Memory
from taylorad.ode.digits.multiword.sums import AHEAD, LANES
from taylorad.ode.digits.multiword.tables import Tables
from taylorad.ode.digits.multiword.values import evaluated
from taylorad.ode.tracing.constants import number, numberless
from taylorad.ode.tracing.recurrences import Inner, Recurrences
from taylorad.ode.tracing.system import System
from taylorad.primitives import elementwise

__all__ = ["Orders"]

OPERATIONS = {
    elementwise.add: "add",
    elementwise.subtract: "subtract",
    elementwise.multiply: "multiply",
    elementwise.divide: "divide",
    elementwise.sqrt: "sqrt",
}
"""Rows that are a call each, on numbers in memory: of those there are many in large systems."""


FEW = 4
"""Up to so many calls are written one by one."""


class Orders(Memory):
    """The text of the orders of a step.

    Parameters
    ----------
    system : System
    order : int
        The last degree.
    words : int
        Of a number.

    Attributes
    ----------
    forward, backward, weighted : dict of int to int
        Where the streams of lines begin: by degrees; in reverse; of j times the part of degree j.
    """

    def __init__(self, system: System, order: int, words: int) -> None:
        super().__init__(words)
        observed = [line for lines in system.functions for line in lines]
        self.wanted = [*range(system.size), *observed]
        self.recurrences = Recurrences(numberless(system), [*system.rates, *observed])
        self.system, self.steps = system, system.program.steps
        self.n, self.order = system.size, order
        self.last = order + bool(observed)
        # A vector may reach beyond the last degree.
        self.room = AHEAD + (-(-(self.last + 1) // LANES) + 1) * LANES
        inners = self.recurrences.inners
        first = {i.a for i in inners if not i.weighted} | set(self.wanted)
        self.forward = self._streams(first)
        self.weighted = self._streams({i.a for i in inners if i.weighted})
        self.cleared = self.work
        self.backward = self._streams({i.b for i in inners})
        self.values = self.claim(words * len(self.steps))
        self.tables = Tables(self.recurrences)
        self.terms = self.claim(2 * len(self.tables.terms))
        self.scale = self.claim(self.n)
        self.rates = self.claim(words * self.n)
        self.newest = self.claim(words * len(self.tables.newest))
        self.largest = self.claim(len(self.tables.newest))
        self.factors = self.claim(words * len(self.tables.factors))
        numbers = {1.0, *(factor[0] for factor in self.tables.factors)}
        self.numbers = {x: self.claim(words) for x in sorted(numbers)}
        self.inners = self.claim(words * len(inners))
        self.nothing = self.claim(words)
        self.rows |= self._rows()

    # --- streams -----------------------------------------------------------------------------

    def _streams(self, lines: Iterable[int]) -> dict[int, int]:
        return {line: self.claim(self.words * self.room) for line in sorted(lines)}

    # --- values ------------------------------------------------------------------------------

    def place(self, line: int) -> int:
        """Give the place of the value of a line: in memory, as registers are few."""
        return self.values + self.words * line

    def value(self, line: int) -> Value:
        """Read the value of a line."""
        return Value(self.of, self.load(self.at(self.place(line)), self.words))

    def keep(self, line: int, a: Number) -> None:
        """Write the value of a line."""
        self.store(a, self.at(self.place(line)), self.words)

    def enter(self) -> None:
        """Read the parameters, and compute what does not move."""
        place = 0
        with mpmath.workprec(53 * self.words + 64):
            for line, step in enumerate(self.steps):
                if step.primitive is not None:
                    continue
                if step.number is not None:
                    self.keep(line, self.of.constant(number(step.number)))
                elif line > self.system.time:
                    at = self.code.let(f"getelementptr inbounds double, ptr %given, i64 {place}")
                    self.keep(line, self.load(at, self.words))
                    place += self.words
        for x, to in self.numbers.items():
            self.store((self.of.word(x),), self.at(to), self.words)
        self.evaluate(moving=False)
        if size := 16 * len(self.tables.terms):
            self.code.declarations.add("declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")
            given = f"ptr {self.at(self.terms)}, ptr @terms, i64 {size}, i1 false"
            self.code.do(f"call void @llvm.memcpy.p0.p0.i64({given})")

    def evaluate(self, *, moving: bool) -> None:
        """Write the values of lines: of one operation all that do not wait for each other."""
        depths: dict[int, int] = {}
        groups: dict[tuple[int, str], list[int]] = {}
        for line in self.recurrences.values:
            step = self.steps[line]
            if step.moves == moving:
                depths[line] = 1 + max((depths.get(i, 0) for i in step.operands), default=0)
                assert step.primitive is not None
                operation = OPERATIONS.get(step.primitive, "")
                groups.setdefault((depths[line], operation), []).append(line)
        circular: dict[tuple[str, int], Value] = {}
        for (_, operation), lines in sorted(groups.items()):
            if not operation:
                for line in lines:
                    self._evaluate(line, circular)
                continue
            rows = [tuple(map(self.place, (i, *self.steps[i].operands))) for i in lines]
            self._over(rows, partial(self.apply, operation))

    def _evaluate(self, line: int, circular: dict[tuple[str, int], Value]) -> None:
        """Write the value of one line; of a sine and a cosine both."""
        step = self.steps[line]
        row = step.primitive
        assert row is not None
        operands = [self.value(i) for i in step.operands]
        if row.name in ("sin", "cos"):  # one is wanted with the other
            x = step.operands[0]
            if (row.name, x) not in circular:
                both = self.of.call_for("sincos", operands[0].words, results=2)
                for name, y in zip(("sin", "cos"), both, strict=True):
                    circular[name, x] = Value(self.of, y)
            self.keep(line, circular[row.name, x].words)
            return
        numbers = [
            self.steps[i].number if self.steps[i].primitive is None else None for i in step.operands
        ]
        self.keep(line, evaluated(row, operands, numbers).words)

    # --- tables ------------------------------------------------------------------------------

    def slot(self, line: int) -> int:
        """Give the place of the newest part of a line."""
        return self.newest + self.words * self.tables.newest[line]

    def _rows(self) -> dict[str, list[tuple[int, ...]]]:
        """Make the tables that a degree goes through."""
        inners = self.recurrences.inners
        slots = {inner: self.inners + self.words * i for i, inner in enumerate(inners)}
        rows: dict[str, list[tuple[int, ...]]] = {"products": [], "squares": []}
        for inner in inners:
            first = (self.weighted if inner.weighted else self.forward)[inner.a]
            last = self.backward[inner.b] + AHEAD + self.last + 1
            kind = "squares" if inner.is_square else "products"
            rows[kind].append((first + AHEAD, last, slots[inner]))
        moving = self.tables.newest
        ends = (("ahead", self.forward, AHEAD - 1), ("weighted", self.weighted, AHEAD - 1))
        for name, streams, start in (*ends, ("behind", self.backward, AHEAD + self.last)):
            rows[name] = [(self.slot(x), at + start) for x, at in streams.items() if x in moving]
        rows["starts"] = [(self.place(x), at + AHEAD - 1) for x, at in self.forward.items()]
        rows["ends"] = [(self.slot(i), self.forward[i] + AHEAD - 1) for i in range(self.n)]
        # Where a rate is a component itself, its part is still to be read when that is written.
        waits = any(line < self.n for line in self.system.rates)
        following = self.claim(self.words * self.n) if waits else 0
        targets = [following + self.words * i if waits else self.slot(i) for i in range(self.n)]
        rows["rates"] = [
            (self.slot(line) if line in moving else self.nothing, target)
            for line, target in zip(self.system.rates, targets, strict=True)
        ]
        rows["waiting"] = [(x, self.slot(i)) for i, x in enumerate(targets)] if waits else []
        rows["nodes"] = [(*ends, self.slot(line)) for *ends, line in self.tables.nodes]
        rows["values"] = [(self.values + self.words * line,) for line in moving]
        rows["terms"] = []
        for factor, source in self.tables.terms:
            place = self.nothing
            if source is not None:
                place = slots[source] if isinstance(source, Inner) else self.slot(source)
            rows["terms"].append((self.factors + self.words * self.tables.factors[factor], place))
        return rows

    def prepare(self) -> None:
        """Write the factors of terms, once a step, and choose the terms of choices."""
        shapes: dict[tuple[int, bool], list[tuple[int, ...]]] = {}
        for (x, lines, divisor), slot in self.tables.factors.items():
            factors = [*map(self.place, lines), *([self.numbers[x]] if x != 1.0 else [])]
            row = (self.factors + self.words * slot, *(factors or [self.numbers[1.0]]))
            row = row if divisor is None else (*row, self.place(divisor))
            shapes.setdefault((len(row), divisor is None), []).append(row)
        for (_, whole), rows in shapes.items():
            self._over(rows, self._product if whole else self._quotient)
        for term, choice in self.tables.choices:
            yes, no = (
                self.nothing if line is None or line not in self.tables.newest else self.slot(line)
                for line in (choice.yes, choice.no)
            )
            holds = self.value(choice.condition).is_("une", 0.0)
            source = self.code.let(f"select i1 {holds}, i64 {yes}, i64 {no}")
            self.code.do(f"store i64 {source}, ptr {self.at(self.terms + 2 * term + 1)}, align 8")

    def _product(self, to: int | str, *factors: int | str) -> None:
        """Write a product of numbers."""
        product, *rest = factors
        for factor in rest:
            self.apply("multiply", to, product, factor)
            product = to
        if not rest:
            self.store(self.load(self.at(product), self.words), self.at(to), self.words)

    def _quotient(self, to: int | str, *places: int | str) -> None:
        """Write a product of numbers, divided by the last of them."""
        *factors, divisor = places
        if len(factors) > 1:
            self._product(to, *factors)
            factors = [to]
        self.apply("divide", to, factors[0], divisor)

    def _over(self, rows: list[tuple[int, ...]], body: Callable[..., None]) -> None:
        """Write something for each row: a loop over a table, if there are more than a few."""
        if len(rows) <= FEW:
            for row in rows:
                body(*row)
            return
        name = f"rows.{len(self.rows)}"
        self.rows[name] = rows
        self.over(name, body)

    # --- the loop over the degree --------------------------------------------------------------

    def expand(self, unit: str, growth: str, decay: str, enough: Sequence[str]) -> None:
        """Write the parts of degree 1 and more, in fewer words the less they matter.

        Parameters
        ----------
        unit : str
            Of time.
        growth : str
            How many units a step may have.
        decay : str
            By how much parts count as smaller from degree to degree, at most.
        enough : sequence of str
            How small parts have to be for 1, 2, ... words.
        """
        code = self.code
        code.declarations.add("declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
        code.do(f"call void @llvm.memset.p0.i64(ptr %work, i8 0, i64 {8 * self.cleared}, i1 false)")
        degree = Degree(self, self.words, unit)
        degree.put("starts", 0)
        self.store((unit,), self.at(self.slot(self.system.time)), self.words)
        for i in range(self.n):
            rate = self.load(self.at(self.rates + i * self.words), self.words)
            rate = tuple(self.of.times(word, unit) or "" for word in rate)
            self.store(rate, self.at(self.slot(i)), self.words)
        self._begin_sizes()
        square = code.multiply(growth, growth) or ""
        now = ["1", code.constant(1.0), square]
        for words in range(self.words, 0, -1):
            least = enough[words - 2] if words > 1 else None
            now = self._degrees(Degree(self, words, unit), now, least, growth, decay)
        degree.put("ends", self.last)

    def _degrees(
        self, degree: Degree, now: Sequence[str], least: str | None, growth: str, decay: str
    ) -> list[str]:
        """Write a loop over degrees, until they matter less: give the next, and how much it does.

        Carried along are the degree, the size of parts, and the factor of the next ones.
        """
        code, name = self.code, f"words.{degree.words}.{self.code.name()[1:]}"
        before, values = code.block, [f"%{x}.{name}" for x in ("k", "size", "power")]
        code.do(f"br label %top.{name}")
        code.label(f"top.{name}")
        place = len(code.lines)
        k, size, power = values
        more = code.let(f"icmp slt i64 {k}, {self.last}")
        if least is not None:
            large = code.let(f"fcmp ugt double {size}, {least}")
            more = code.let(f"and i1 {more}, {large}")
        code.do(f"br i1 {more}, label %in.{name}, label %end.{name}")
        code.label(f"in.{name}")
        following = degree.write(k)
        after = [following, size, power]
        if least is not None:
            found = code.multiply(self._size(), power) or ""
            after[1] = code.larger(found, code.multiply(size, decay) or "")
            after[2] = code.multiply(power, growth) or ""
        code.do(f"br label %next.{name}")
        code.label(f"next.{name}")
        code.do(f"br label %top.{name}")
        kinds = ("i64", "double", "double")
        code.lines[place:place] = [
            f"  {value} = phi {kind} [ {start}, %{before} ], [ {new}, %next.{name} ]"
            for value, kind, start, new in zip(values, kinds, now, after, strict=True)
        ]
        code.label(f"end.{name}")
        return values

    def _begin_sizes(self) -> None:
        """Write what the sizes of parts are measured by: at first values, and floors of them."""
        code = self.code

        def value(i: str) -> list[str]:
            at = code.let(f"getelementptr inbounds i64, ptr @values, i64 {i}")
            place = code.let(f"load i64, ptr {at}, align 8")
            code.store(code.absolute(code.load("%work", place)), self.at(self.largest), i)
            return []

        def component(i: str) -> list[str]:
            scale = code.load(self.at(self.scale), i)
            code.store(code.divide(code.constant(1.0), scale), self.at(self.largest), i)
            return []

        code.loop(len(self.rows["values"]), value)
        code.loop(self.n, component)

    def _size(self) -> str:
        """Give how large the newest parts are, at most, in terms of the largest of their lines.

        All lines count, not the components alone: their parts may be small by cancellation.
        """
        code = self.code

        def larger(i: str, most: str) -> list[str]:
            place = code.let(f"mul nuw nsw i64 {i}, {self.words}")
            part = code.absolute(code.load(self.at(self.newest), place))
            largest = code.larger(part, code.load(self.at(self.largest), i))
            code.store(largest, self.at(self.largest), i)
            return [code.larger(code.divide(part, largest), most)]

        count = len(self.rows["values"])
        return code.loop(count, larger, ("double", code.constant(0.0)))[0]

    def called(self, function: str, words: int, given: str) -> Number:
        """Call a function of `sums` that gives a number."""
        kind = structure(words)
        whole = self.code.let(f"call {kind} @{function}.w{words}({given})")
        return tuple(self.code.let(f"extractvalue {kind} {whole}, {w}") for w in range(words))
