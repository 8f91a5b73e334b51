"""The gradients of scalar lines by some others, sparse, as lines more.

Each is swept back from its line, over those only that it is computed from: of a thousand equations
of three unknowns each, no sweep meets more than these.
"""

from __future__ import annotations

from collections.abc import Mapping

from taylorad.errors import InputError
from taylorad.primitives.elementwise import power
from taylorad.primitives.registry import Constant
from taylorad.reverse.local import Local, NotDifferentiable, local
from taylorad.wengert.arithmetic import FLOAT, NOTHING, Scalars

__all__ = ["Gradients"]


class Gradients:
    """Gradients by variables.

    Parameters
    ----------
    scalars : Scalars
    variables : mapping of int to int
        Lines, and what they are called.
    """

    def __init__(self, scalars: Scalars, variables: Mapping[int, int]) -> None:
        self.scalars, self.variables = scalars, variables
        self._active = bytearray()
        self._rules: dict[object, Local] = {}
        self._found: dict[int, dict[int, int]] = {}

    def of(self, row: int) -> dict[int, int]:
        """Give the partials of a line by name; what is zero by structure is not there."""
        if row < 0:
            return {}
        if row not in self._found:
            self._found[row] = self._swept(row)
        return self._found[row]

    def _swept(self, row: int) -> dict[int, int]:
        scalars, found = self.scalars, {}
        bars = {row: [scalars.number(1.0)]}
        for number in sorted(self._needed(row), reverse=True):
            bar = scalars.total(bars.pop(number, []))
            if bar < 0 or scalars.lines[bar].value == 0:
                continue
            if number in self.variables:
                found[self.variables[number]] = bar
                continue
            operands = scalars.lines[number].operands
            rule = self._rule(number)
            values = rule.written(scalars, (number, *operands))
            for (position,), place in rule.places:
                if self._is_active(operands[position]):
                    term = self._times(bar, values[place])
                    bars.setdefault(operands[position], []).append(term)
        return found

    def _needed(self, row: int) -> set[int]:
        """Give the lines between a row and the variables."""
        needed: set[int] = set()
        todo = [row]
        while todo:
            number = todo.pop()
            if number not in needed and self._is_active(number):
                needed.add(number)
                if number not in self.variables:
                    todo += self.scalars.lines[number].operands
        return needed

    def _is_active(self, number: int) -> bool:
        active, lines = self._active, self.scalars.lines
        for i in range(len(active), number + 1):
            line = lines[i]
            moves = line.dtype == FLOAT and not isinstance(line.row, Constant)
            active.append(i in self.variables or (moves and any(active[j] for j in line.operands)))
        return bool(active[number])

    def _rule(self, number: int) -> Local:
        line = self.scalars.lines[number]
        which = [self._is_active(i) for i in line.operands]
        key = (line.row, *which) if line.row is not power and not line.params else number
        if key not in self._rules:
            try:
                self._rules[key] = local(self.scalars, line, which, 1)
            except NotDifferentiable as error:
                raise InputError(f"the residual uses {error}, which has no formula") from error
        return self._rules[key]

    def _times(self, a: int, b: int) -> int:
        if b < 0 or self.scalars.lines[b].value == 0:
            return NOTHING
        return self.scalars.times_partial(a, b)
