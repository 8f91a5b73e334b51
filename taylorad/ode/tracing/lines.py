"""The lines of a right-hand side as they are written down; what jumps in them is held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from taylorad.forward.program import Step, Trace
from taylorad.primitives.registry import Constant, Elementwise, Primitive

__all__ = ["Held", "Lines"]


@dataclass(frozen=True)
class Held:
    """Something that jumps.

    Attributes
    ----------
    row : Primitive
        What it is of its operands: a comparison, a sign, a rounding.
    line : int
        The argument of the program that stands for it.
    operands : tuple of int
        Lines of the program.
    """

    row: Primitive
    line: int
    operands: tuple[int, ...]


class Lines(Trace):
    """Lines in which what jumps is held."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[Held] = []

    def argument(self, moves: bool) -> int:
        self.steps.append(Step(None, (), {}, moves))
        return len(self.steps) - 1

    def jump(self, row: Constant, operands: Sequence[int], params: dict[str, Any]) -> int:
        """Give an argument that stays, in the place of what jumps."""
        given = all(self.steps[i].primitive is None for i in operands)
        if given and row.name in _OF_NUMBERS:
            return self.constant(_OF_NUMBERS[row.name]).line
        return self._hold(row, tuple(operands))

    def partial(self, row: Elementwise, position: int, line: int) -> int:
        operands = self.steps[line].operands
        if len(operands) > 1:
            return super().partial(row, position, line)
        steps, place = _partial(row)
        lines = [*operands, line]
        for step in steps:
            if step.primitive is None:
                lines.append(self.constant(step.number).line)
            else:
                needs = [lines[i] for i in step.operands]
                lines.append(self.line(step.primitive, needs, step.params))
        return lines[place]

    def _hold(self, row: Primitive, operands: tuple[int, ...]) -> int:
        for held in self.held:
            if (held.row, held.operands) == (row, operands):
                return held.line
        line = self.argument(False)
        self.held.append(Held(row, line, operands))
        return line


@lru_cache(maxsize=1024)
def _partial(row: Elementwise) -> tuple[Sequence[Step], int]:
    """Give the lines of the partial of a function of one argument, after that and the value."""
    trace = Trace()
    argument = trace.append(Step(None, (), {}, True), "argument")
    value = trace.record(row, [argument], {})
    place = trace.partial(row, 0, value.line)
    return trace.steps[2:], place


_OF_NUMBERS = {"isnan": 0.0, "isinf": 0.0, "isfinite": 1.0}
"""What the state and the time always are, for else the step fails."""
