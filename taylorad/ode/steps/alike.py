"""Lines that are alike side by side: derivatives in several directions are one recurrence.

What a direction adds to a system differs from what another does in lines alone. Where that holds
for all lines of a *row*, one for each direction, the first stands for all: its recurrence is then
one of vectors, and what all directions need of the system itself is one number for all lanes.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from copy import copy

from taylorad.ode.steps.joined import inners_of
from taylorad.ode.tracing.recurrences import Choice, Recurrences

__all__ = ["MOST_BESIDE", "side_by_side"]

MOST_BESIDE = 8
"""The most lines side by side."""

Row = dict[int, int]
"""Lines, by lanes."""


def side_by_side(recurrences: Recurrences) -> Recurrences:
    """Have rows of lines that are alike, if there are any: the first line of each is left."""
    rows = {row[0]: row for row in _rows(recurrences)}
    if not rows:
        return recurrences
    beside = {line for row in rows.values() for line in row[1:]}
    found = copy(recurrences)
    found.rows = rows
    found.nodes = {line: x for line, x in recurrences.nodes.items() if line not in beside}
    found.values = [line for line in recurrences.values if line not in beside]
    found.inners = list(dict.fromkeys(inners_of(found.nodes)))
    return found


def _rows(recurrences: Recurrences) -> list[tuple[int, ...]]:
    """Find rows: of components that may be alike as many as are, and of lines."""
    system = recurrences.system
    alone = {*recurrences.wanted[system.size :], *(i for i, _, _ in system.guards)}
    components: list[Row] = []
    for row in system.alike:
        lanes = [*enumerate(row)]
        components += [dict(lanes[k : k + MOST_BESIDE]) for k in range(0, len(row), MOST_BESIDE)]
    while components := [row for row in components if alone.isdisjoint(row.values())]:
        found = _Rows(recurrences, components, alone)
        finer = [part for row in components for part in found.parts(row) if len(part) > 1]
        if finer != components:
            components = finer
        elif found.astray:
            alone |= found.astray
        else:
            return [tuple(row.values()) for row in found.rows if len(row) > 1]
    return []


class _Rows:
    """Rows of lines, if components are such rows.

    Attributes
    ----------
    rows : list of Row
    at : dict of int to (int, int)
        The number of the row that a line is in, and its lane.
    astray : set of int
        Lines that cannot be in rows, for something else than a line in the same lane of as long a
        row needs them; and lines of a row that differ in more than the lines that they need.
    """

    def __init__(self, recurrences: Recurrences, components: list[Row], alone: set[int]) -> None:
        self.recurrences = recurrences
        self.rows = [dict(row) for row in components]
        self.at: dict[int, tuple[int, int]] = {}
        for number, row in enumerate(self.rows):
            self.at |= {line: (number, lane) for lane, line in row.items()}
        numbers: dict[Hashable, int] = {}
        for line in recurrences.values:
            step = recurrences.steps[line]
            lanes = {self.at[i][1] for i in step.operands if i in self.at}
            if len(lanes) != 1 or line in alone or step.params:
                continue
            (lane,) = lanes
            key = (step.primitive, *map(self._name, step.operands))
            number = numbers.setdefault(key, len(self.rows))
            if number == len(self.rows):
                self.rows.append({})
            self.rows[number][lane] = line
            self.at[line] = number, lane
        lines = (*range(recurrences.system.size), *recurrences.values)
        self.astray = {i for line in lines for i in self._astray(line)}
        for row in self.rows[len(components) :]:
            if len({self._form(line) for line in row.values()}) > 1:
                self.astray.update(row.values())

    def parts(self, row: Row) -> list[Row]:
        """Part components whose rates are not in one row."""
        rates = self.recurrences.system.rates
        found: dict[int, Row] = {}
        for lane, i in row.items():
            found.setdefault(self._name(rates[i]), {})[lane] = i
        return [*found.values()]

    def _name(self, line: int) -> int:
        """Name the row of a line, or a line that is in none."""
        return -1 - self.at[line][0] if line in self.at else line

    def _needs(self, line: int) -> Iterable[int]:
        """Give all lines that one is computed from; of a component, its rate."""
        if line < self.recurrences.system.size:
            yield self.recurrences.system.rates[line]
            return
        yield from self.recurrences.steps[line].operands
        node = self.recurrences.nodes.get(line)
        if node is None:
            return
        yield from node.needs
        if isinstance(node, Choice):
            yield node.condition
            return
        for interior in node.interiors:
            yield from (*interior.values, *interior.inner[:2])
        for term in node.newest:
            yield from term.values
        if node.divisor is not None:
            yield node.divisor

    def _astray(self, line: int) -> Iterable[int]:
        """Give the lines of rows that one needs, and itself, if they do not go together."""
        number, lane = self.at.get(line, (-1, -1))
        lanes = self.rows[number].keys() if number >= 0 else set()
        for i in self._needs(line):
            if i in self.at:
                row, other = self.at[i]
                if lane != other or lanes != self.rows[row].keys():
                    yield from (line, i)

    def _form(self, line: int) -> Hashable:
        """Tell what lines of a row have in common."""
        node, name = self.recurrences.nodes.get(line), self._name
        if node is None:
            return None
        if isinstance(node, Choice):
            return tuple([i if i is None else name(i) for i in node])
        interiors = [
            (
                *(number, over_degree, inner[2:], sorted(map(name, values))),
                [*map(name, inner[:2])] if inner.weighted else sorted(map(name, inner[:2])),
            )
            for number, values, inner, over_degree in node.interiors
        ]
        newest = [(number, sorted(map(name, values)), name(i)) for number, values, i in node.newest]
        divisor = None if node.divisor is None else name(node.divisor)
        return repr((sorted(interiors, key=repr), sorted(newest), divisor))
