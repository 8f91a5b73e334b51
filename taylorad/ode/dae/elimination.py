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
from typing import Any

import numpy as np

from taylorad.ode.dae.residual import Residual
from taylorad.primitives.registry import lookup
from taylorad.wengert.arithmetic import NOTHING

__all__ = ["Singular", "solved"]

Equation = dict[int, int]
"""The coefficients of an equation, by unknown: lines."""

LEAST = 0.25
"""A pivot is at least this, of the largest coefficient of the unknown;"""

TOO_SMALL = 1 / 32
"""once it is less than this, others are chosen."""

_GREATER = lookup(np.greater)


class Singular(Exception):
    """Some unknowns are in no equation that is left, whatever the numbers; says which."""

    def __init__(self, unknowns: list[int]) -> None:
        super().__init__(unknowns)
        self.unknowns = unknowns


def solved(
    residual: Residual, equations: Sequence[Equation], right: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Solve as many equations as there are unknowns.

    Parameters
    ----------
    residual : Residual
        Where lines are written.
    equations : sequence of dict
    right : sequence of int
        Right-hand sides; lines.

    Returns
    -------
    unknowns : list of int
        Their lines.
    conditions : list of int
        Lines that are true where the pivots are large enough.
    """
    return _Elimination(residual, equations, right).run()


class _Elimination:
    def __init__(
        self, residual: Residual, equations: Sequence[Equation], right: Sequence[int]
    ) -> None:
        self.residual, self.scalars = residual, residual.scalars
        self.rows = {i: dict(row) for i, row in enumerate(equations)}
        self.right = list(right)
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
        x = abs(self.residual.value(line))
        return x if x == x else 0.0

    def run(self) -> tuple[list[int], list[int]]:
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
            done.append((j, i, {j: pivot, **row}))
        found = [NOTHING] * len(done)
        scalars = self.scalars
        for j, i, row in reversed(done):
            terms = [scalars.multiply(a, found[k]) for k, a in row.items() if k != j]
            left = scalars.subtract(self.right[i], scalars.total(terms))
            found[j] = scalars.divide(left, row[j]) if left >= 0 else left
        return found, self.conditions

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
        self.right[other] = scalars.subtract(
            self.right[other], scalars.multiply(factor, self.right[i])
        )

    def _guard(self, i: int, pivot: int, others: Sequence[int], j: int) -> None:
        """State that a pivot is not much smaller than the others would be."""
        if not any(self.residual.moves(x) for x in (pivot, *(self.rows[k][j] for k in others))):
            return
        scalars = self.scalars
        weight = self.scales[i] * math.sqrt(len(others)) / TOO_SMALL
        mine = self._square(pivot, weight)
        sizes = scalars.total([self._square(self.rows[k][j], self.scales[k]) for k in others])
        row: Any = _GREATER
        condition = scalars.emit(row, (mine, sizes), {}, (), (), np.dtype(bool))
        if not scalars.lines[condition].is_constant and condition not in self.conditions:
            self.conditions.append(condition)

    def _square(self, line: int, weight: float) -> int:
        scaled = self.scalars.multiply(self.scalars.number(weight), line)
        return self.scalars.multiply(scaled, scaled)
