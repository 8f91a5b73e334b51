"""Lines that are alike side by side: derivatives are recurrences of vectors.

What a direction adds to a system differs from what another does in lines alone, and so do the
derivatives of higher degree. So these are *rows*, and a program of rows is as long as that of one
of their lanes. What a row needs is one number for all lanes, a row, or lanes of a row in another
order: a *pick*. What lanes add up may differ in how often it is there, as of ``u v`` the derivative
by x twice has one product of first derivatives, and that by x and y has two: numbers, one for each
lane, make up for that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from copy import copy

from taylorad.forward.program import Program, Step
from taylorad.ode.tracing.recurrences import Recurrences
from taylorad.ode.tracing.system import System
from taylorad.primitives.elementwise import add, divide, multiply, negative, subtract
from taylorad.primitives.linear import select
from taylorad.primitives.registry import Primitive

__all__ = ["MOST_BESIDE", "side_by_side"]

MOST_BESIDE = 8
"""The most lines side by side."""

MOST = 100
"""Of longer sums, and deeper products, there are no rows."""

Row = tuple[int, ...]
"""Lines, by lanes."""

_SIGNS: dict[Primitive | None, tuple[float, ...]] = {
    add: (1.0, 1.0),
    subtract: (1.0, -1.0),
    negative: (-1.0,),
}


def side_by_side(recurrences: Recurrences) -> Recurrences:
    """Have rows of lines that are alike, if there are any."""
    system, wanted = recurrences.system, recurrences.wanted
    whole = _alike(system, [tuple(row) for row in system.alike])
    components = _alike(system, [part for row in whole for part in _vectors(row)])
    if not components:
        return recurrences
    lines = _Lines(system, components)
    alone = [system.rates[i] for i in range(system.size) if i not in lines.at]
    alone += [*wanted[system.size :], *(line for line, _, _ in system.guards)]
    if any(lines.follows[i] for i in alone) or lines.depth > MOST:
        return recurrences
    return _Rows(lines, components).recurrences(wanted)


def _alike(system: System, components: list[Row]) -> list[Row]:
    """Part components until the rates of each row are alike."""
    while components:
        lines = _Lines(system, components)
        finer = [part for row in components for part in lines.parts(row) if len(part) > 1]
        if finer == components:
            break
        components = finer
    return components


def _vectors(row: Row) -> list[Row]:
    """Part a row into as few vectors as there can be, none of them of one lane."""
    width = next(k for k in range(MOST_BESIDE, 1, -1) if len(row) % k != 1)
    return [row[k : k + width] for k in range(0, len(row), width)]


class _Lines:
    """The lines of a system, some of whose components are in rows.

    Attributes
    ----------
    at : dict of int to (int, int)
        The first line of the row that a component is in, and its lane.
    follows : list of bool
        Whether lines depend on components in rows.
    names : list of int
        Lines that may be side by side have the same name.
    addends : list of list of (float, int)
        What lines add up: numbers times lines.
    depth : int
        Of how many operations upon operations on rows lines are.
    """

    def __init__(self, system: System, components: Sequence[Row]) -> None:
        self.system, self.steps = system, system.program.steps
        self.at = {i: (row[0], lane) for row in components for lane, i in enumerate(row)}
        uses = Counter([*system.rates, *(i for step in self.steps for i in step.operands)])
        self.once = [uses[i] == 1 for i in range(len(self.steps))]
        self.follows: list[bool] = []
        self.names: list[int] = []
        self.addends: list[list[tuple[float, int]]] = []
        numbers: dict[Hashable, int] = {}
        depths: list[int] = []
        for line, step in enumerate(self.steps):
            self.follows.append(line in self.at or any(self.follows[i] for i in step.operands))
            below = [depths[i] for i in step.operands if self.follows[i]]
            depths.append(1 + max(below, default=0))
            self.addends.append(self._added(line))
            name = self._named(line)
            self.names.append(numbers.setdefault(name, len(numbers)))
        self.depth = max(depths)

    def number(self, line: int) -> float | None:
        """Give a line that is a known number."""
        step = self.steps[line]
        known = step.primitive is None and step.number is not None
        return float(step.number) if known else None

    def _added(self, line: int) -> list[tuple[float, int]]:
        """Take a line apart that follows from rows, and sums in it that are needed once."""
        primitive, operands = self.steps[line].primitive, self.steps[line].operands
        signs = _SIGNS.get(primitive, ())
        if primitive is multiply:
            numbers = [self.number(i) for i in operands]
            known = [x for x in numbers if x is not None]
            if len(known) == 1:
                operands, signs = (operands[numbers.index(None)],), (known[0],)
        if not (signs and self.follows[line]):
            return [(1.0, line)]
        below = [self.addends[i] if self.once[i] else [(1.0, i)] for i in operands]
        found = [(sign * x, i) for sign, some in zip(signs, below) for x, i in some]
        return found if len(found) <= MOST else [(1.0, line)]

    def _named(self, line: int) -> Hashable:
        step, names = self.steps[line], self.names
        if line in self.at:
            return "row", self.at[line][0]
        if not self.follows[line]:
            return "line", line
        if self.addends[line] != [(1.0, line)]:
            return "sum", frozenset(names[i] for _, i in self.addends[line])
        of = [names[i] for i in step.operands]
        if step.primitive is multiply:
            return "product", *sorted(of)
        return (step.primitive, *of) if step.primitive in (divide, select) else ("line", line)

    def parts(self, row: Row) -> list[Row]:
        """Part components whose rates are not alike."""
        found: dict[Hashable, list[int]] = {}
        for i in row:
            found.setdefault(self.names[self.system.rates[i]], []).append(i)
        return [tuple(part) for part in found.values()]


class _Rows:
    """The program of a system's rows, behind that of its lines.

    Attributes
    ----------
    lengths : dict of int to int
        By lines that are rows: of how many lanes.
    """

    def __init__(self, lines: _Lines, components: Sequence[Row]) -> None:
        self.of, self.components = lines, components
        self.steps = [*lines.steps]
        self.at = dict(lines.at)
        self.lengths = {row[0]: len(row) for row in components}
        self.made: dict[Hashable, int] = {}

    def recurrences(self, wanted: Sequence[int]) -> Recurrences:
        """Give the recurrences of rows, and of what is in none."""
        system = copy(self.of.system)
        system.rates = [*system.rates]
        for row in self.components:
            rate = self._row(tuple(self.of.system.rates[i] for i in row))
            for i in row:
                system.rates[i] = rate
        system.program = Program(tuple(self.steps), len(self.steps), 0)
        found = Recurrences(system, [*system.rates, *wanted[system.size :]], MOST)
        found.rows = {row[0]: row for row in self.components}
        found.lengths = self.lengths
        return found

    def _row(self, lines: Row) -> int:
        """Give the line of a row of lines that have one name."""
        first = lines[0]
        if not self.of.follows[first]:
            return first
        homes = [self.at.get(i, (-1, -1)) for i in lines]
        if homes[0][0] >= 0 and len({row for row, _ in homes}) == 1:
            return self._picked(homes[0][0], tuple(lane for _, lane in homes))
        found = self._written(lines)
        if len(set(lines)) == len(lines):
            self.at |= {i: (found, lane) for lane, i in enumerate(lines) if i not in self.at}
        return found

    def _picked(self, row: int, lanes: tuple[int, ...]) -> int:
        """Give lanes of a row."""
        if lanes == (*range(self.lengths[row]),):
            return row
        return self._line(None, (row,), len(lanes), {"lanes": lanes})

    def _written(self, lines: Row) -> int:
        steps, count = self.of.steps, len(lines)
        if any(self.of.addends[i] != [(1.0, i)] for i in lines):
            return self._sum(lines)
        step = steps[lines[0]]
        operands = [steps[i].operands for i in lines]
        if step.primitive is multiply:
            operands = [tuple(sorted(x, key=self.of.names.__getitem__)) for x in operands]
        return self._line(step.primitive, tuple(map(self._row, zip(*operands))), count)

    def _sum(self, lines: Row) -> int:
        """Add up what lanes do: as often as the one that does so most, if need be times zero."""
        every: list[dict[Hashable, list[tuple[float, int]]]] = []
        for line in lines:
            every.append({})
            for x, i in self.of.addends[line]:
                every[-1].setdefault(self.of.names[i], []).append((x, i))
        total = -1
        for name in every[0]:
            lanes = [some[name] for some in every]
            for turn in range(max(map(len, lanes))):
                terms = [x[turn] if turn < len(x) else (0.0, x[0][1]) for x in lanes]
                total = self._added(total, tuple(x for x, _ in terms), tuple(i for _, i in terms))
        return total

    def _added(self, total: int, numbers: tuple[float, ...], lines: Row) -> int:
        """Add a row times numbers."""
        count, row = len(lines), self._row(lines)
        operation = add
        if {*numbers} == {-1.0}:
            operation = subtract if total >= 0 else negative
        elif {*numbers} != {1.0}:
            factor = self._numbers(numbers)
            row = self._line(multiply, (row, factor), count)
        if total >= 0:
            return self._line(operation, (total, row), count)
        return self._line(negative, (row,), count) if operation is negative else row

    def _numbers(self, numbers: tuple[float, ...]) -> int:
        if len(set(numbers)) > 1:
            return self._line(None, (), len(numbers), {"numbers": numbers})
        key = ("number", numbers[0])
        if key not in self.made:
            self.made[key] = len(self.steps)
            self.steps.append(Step(None, (), {}, False, number=numbers[0]))
        return self.made[key]

    def _line(
        self,
        primitive: Primitive | None,
        operands: Row,
        count: int,
        params: dict[str, tuple[float, ...]] | None = None,
    ) -> int:
        """Give the line of an operation on rows, appended if it is new."""
        params = params or {}
        key = (primitive, operands, *params.items())
        if key not in self.made:
            self.made[key] = line = len(self.steps)
            moves = any(self.steps[i].moves for i in operands)
            self.steps.append(Step(primitive, operands, dict(params), moves))
            self.lengths[line] = count
        return self.made[key]
