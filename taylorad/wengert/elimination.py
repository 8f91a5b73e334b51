"""Linear equations whose coefficients are lines of a list: solved by lines more.

The equations are sparse, and stay so: coefficients that are zero by structure are never touched.
Equations of one unknown come first, then unknowns of one equation, and then, of the pivots that are
not too small, that which brings in the fewest new coefficients (H. M. Markowitz, Management Science
3, 1957). What is small is told by the numbers at the point where the list was traced; if pivots
may have become too small elsewhere, a condition says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Protocol

import numpy as np

from taylorad.primitives.selection import outweighs
from taylorad.wengert.arithmetic import NOTHING, Numbers, Scalars
from taylorad.wengert.list import Guard, Line
from taylorad.wengert.unrounded import Unrounded

if TYPE_CHECKING:
    from taylorad.wengert.scalars import Expansion

__all__ = ["Equation", "Singular", "solution", "solved"]

Equation = dict[int, int]
"""The coefficients of an equation, by unknown: lines."""

Pivot = tuple[int, int, int, float]
"""An equation, the unknown it is solved for, the line of the coefficient, and its scale."""

LEAST = 0.25
"""A pivot is at least this, of the largest coefficient of the unknown;"""

TOO_SMALL = 1 / 32
"""once it is less than this, others are chosen."""


class Written(Protocol):
    """Lines to which more are written, and what is known of them."""

    scalars: Scalars

    def value(self, number: int) -> float:
        """Compute a line."""

    def moves(self, number: int) -> bool:
        """Tell whether a line may have another value elsewhere."""


class Singular(Exception):
    """Some unknowns are in no equation that is left, whatever the numbers; says which."""

    def __init__(self, unknowns: list[int]) -> None:
        super().__init__(unknowns)
        self.unknowns = unknowns


def solved(
    written: Written, equations: Sequence[Equation], right: Sequence[Sequence[int]]
) -> tuple[list[list[int]], list[int], list[Pivot]]:
    """Solve as many equations as there are unknowns.

    Parameters
    ----------
    written : Written
        Where lines are written.
    equations : sequence of dict
    right : sequence of sequence of int
        Of each equation its right-hand sides; lines.

    Returns
    -------
    unknowns : list of list of int
        Their lines, for each of the right-hand sides.
    conditions : list of int
        Lines that are true where the pivots are large enough.
    pivots : list of (int, int, int, float)
        Which equation was solved for which unknown, in this order, the line divided by, and what
        the coefficients of the equation were compared with others by.
    """
    return _Elimination(written, equations, right).run()


def solution(self: Expansion, line: Line, operands: list[Numbers]) -> Numbers:
    """Write the solutions of the systems that a line solves, with pivots that are large there."""
    point, scalars = self.point, self.scalars
    assert point is not None
    lead, n = line.shape[:-2], line.shape[-2]
    a, b = (np.broadcast_to(x, (*lead, *x.shape[-2:])) for x in map(self.array, line.operands))
    self.room(a.size * n // 4)
    if isinstance(scalars, Unrounded) and scalars.one is None:
        scalars.with_one(scalars.list.inputs[0])

    def entry(number: int) -> int:
        """Give a line; zeros that are constant are zeros of structure."""
        number = scalars.as_float(number)
        return NOTHING if number < 0 or scalars.lines[number].value == 0 else number

    found: Numbers = []
    for place in np.ndindex(lead):
        rows = [list(map(entry, row)) for row in a[place].tolist()]
        equations = [{j: x for j, x in enumerate(row) if x >= 0} for row in rows]
        right = [list(map(entry, row)) for row in b[place].tolist()]
        try:
            unknowns, conditions, pivots = solved(point, equations, right)
        except Singular:
            raise np.linalg.LinAlgError("Singular matrix") from None
        if any(point.value(pivot) == 0 for _, _, pivot, _ in pivots):
            raise np.linalg.LinAlgError("Singular matrix")
        found += chain.from_iterable(unknowns)
        self.pivots.append(pivots)
        self.guards += [Guard(c, True, line.origin) for c in conditions]
    return found


class _Elimination:
    def __init__(
        self, written: Written, equations: Sequence[Equation], right: Sequence[Sequence[int]]
    ) -> None:
        self.written, self.scalars = written, written.scalars
        self.rows = {i: dict(row) for i, row in enumerate(equations)}
        self.right = [list(x) for x in right]
        self.columns: dict[int, set[int]] = {j: set() for j in range(len(equations))}
        for i, row in self.rows.items():
            for j in row:
                self.columns[j].add(i)
        sizes = {i: max(map(self._size, row.values()), default=0) for i, row in self.rows.items()}
        self.scales = {
            i: 2.0 ** -math.frexp(s)[1] if 0 < s < math.inf else 1.0 for i, s in sizes.items()
        }
        self.conditions: list[int] = []

    def _size(self, line: int) -> float:
        x = abs(self.written.value(line))
        return x if x == x else 0.0

    def run(self) -> tuple[list[list[int]], list[int], list[Pivot]]:
        done: list[tuple[int, int, Equation]] = []
        while self.rows:
            i, j = self._pivot()
            row = self.rows.pop(i)
            pivot = row.pop(j)
            for k in (j, *row):
                self.columns[k].discard(i)
            others = sorted(self.columns.pop(j))
            if row and others:
                self._guard(i, pivot, others, j)
            for other in others:
                self._subtract(other, j, pivot, i, row)
            done.append((i, j, {j: pivot, **row}))
        found: list[list[int]] = [[] for _ in done]
        scalars = self.scalars
        for i, j, row in reversed(done):
            for column, given in enumerate(self.right[i]):
                terms = [scalars.multiply(a, found[k][column]) for k, a in row.items() if k != j]
                left = scalars.subtract(given, scalars.total(terms))
                found[j].append(scalars.divide(left, row[j]) if left >= 0 else left)
        return found, self.conditions, [(i, j, row[j], self.scales[i]) for i, j, row in done]

    def _pivot(self) -> tuple[int, int]:
        """Choose an equation and the unknown that it is solved for."""
        for i, row in self.rows.items():
            if len(row) == 1 and self._size(*row.values()):
                return i, min(row)
        for j, column in self.columns.items():
            if len(column) == 1:
                (i,) = column
                if self._size(self.rows[i][j]):
                    return i, j
        if missing := [j for j, column in self.columns.items() if not column]:
            raise Singular(missing)
        best, chosen = (math.inf, math.inf), None
        for j, column in self.columns.items():
            sizes = {i: self._scaled(i, j) for i in column}
            least = LEAST * max(sizes.values())
            for i, size in sizes.items():
                if size >= least:
                    cost = (len(column) - 1) * (len(self.rows[i]) - 1) if size else math.inf
                    key = (cost, -size)
                    if chosen is None or key < best:
                        best, chosen = key, (i, j)
        assert chosen is not None
        return chosen

    def _scaled(self, i: int, j: int) -> float:
        return self._size(self.rows[i][j]) * self.scales[i]

    def _subtract(self, other: int, j: int, pivot: int, i: int, row: Equation) -> None:
        """Take a multiple of an equation from another, so that it has the unknown no more."""
        scalars, mine = self.scalars, self.rows[other]
        factor = scalars.divide(mine.pop(j), pivot)
        for k, a in row.items():
            new = scalars.subtract(mine.get(k, NOTHING), scalars.multiply(factor, a))
            if new < 0 or scalars.lines[new].value == 0:
                if k in mine:
                    del mine[k]
                    self.columns[k].discard(other)
            else:
                mine[k] = new
                self.columns[k].add(other)
        self.right[other] = [
            scalars.subtract(x, scalars.multiply(factor, y))
            for x, y in zip(self.right[other], self.right[i], strict=True)
        ]

    def _guard(self, i: int, pivot: int, others: Sequence[int], j: int) -> None:
        """State that a pivot is not much smaller than the others would be."""
        if not any(self.written.moves(x) for x in (pivot, *(self.rows[k][j] for k in others))):
            return
        scalars = self.scalars
        weight = self.scales[i] * math.sqrt(len(others)) / TOO_SMALL
        mine = self._square(pivot, weight)
        sizes = scalars.total([self._square(self.rows[k][j], self.scales[k]) for k in others])
        condition = scalars.emit(outweighs, (mine, sizes), {}, (), (), np.dtype(bool))
        if not scalars.lines[condition].is_constant and condition not in self.conditions:
            self.conditions.append(condition)

    def _square(self, line: int, weight: float) -> int:
        scaled = self.scalars.multiply(self.scalars.number(weight), line)
        return self.scalars.multiply(scaled, scaled)
