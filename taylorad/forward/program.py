"""The straight-line program of everything that a row's recurrence involves.

A row's partials are run once on symbols (`Stream`). Value numbering closes circles: the partial of
sin asks for cos of the same argument, whose partial asks for sin again, which is there already. So
nobody declares companion functions, and the program of an elementary function is finite.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from taylorad.dispatch import Value
from taylorad.primitives.elementwise import add, divide, hypot, multiply, negative, subtract
from taylorad.primitives.linear import select
from taylorad.primitives.registry import Constant, Elementwise, Primitive

__all__ = ["RATIONAL", "NoProgram", "Program", "Step", "Stream", "Trace", "program"]


@dataclass(slots=True)
class Step:
    """One line of a program: ``primitive`` applied to earlier lines.

    ``moves`` tells whether the line has parts of degree above 0. ``equation`` is there for lines
    that are solved from ``d Dy = sum_i +-n_i Dx_i``: for each argument that moves the line of x_i,
    the sign, and the line of n_i; the ``denominator`` d is a line too, or None for 1.
    """

    primitive: Primitive | None
    operands: tuple[int, ...]
    params: dict[str, Any]
    moves: bool
    equation: tuple[tuple[int, str, int], ...] = ()
    denominator: int | None = None
    number: Any = None

    @property
    def needs(self) -> tuple[int, ...]:
        """The lines this one is computed from."""
        if not self.equation:
            return self.operands
        numerators = tuple(n for _, _, n in self.equation)
        return (*self.operands, *numerators, *_some(self.denominator))

    def renumbered(self, number: dict[int, int]) -> Step:
        """Give the step with other line numbers."""
        return replace(
            self,
            operands=tuple(number[i] for i in self.operands),
            equation=tuple((number[x], sign, number[n]) for x, sign, n in self.equation),
            denominator=None if self.denominator is None else number[self.denominator],
        )


def _some(line: int | None) -> tuple[int, ...]:
    return () if line is None else (line,)


@dataclass(frozen=True, eq=False)
class Program:
    """The lines, arguments first, then the result, then what its recurrence needs."""

    steps: tuple[Step, ...]
    arguments: int
    result: int


RATIONAL = {add, subtract, negative, multiply, divide, select}
"""Rows whose parts follow from those of their arguments without an equation."""


class NoProgram(Exception):
    """Partials that use more than elementwise rows, or branch on values."""


class Stream(Value):
    """The symbol of a line while a rule is being run."""

    tag = float("inf")
    shape = ()
    number_type = np.dtype(float)

    def __init__(self, trace: Trace, line: int) -> None:
        self.trace, self.line = trace, line

    @property
    def primal(self) -> Any:
        """A symbol has no value."""
        raise NoProgram("a branch on a value")

    def lift(self, plain: Any) -> Stream:
        return self.trace.constant(plain)

    def interpret(
        self, primitive: Primitive, args: tuple[Any, ...], params: dict[str, Any]
    ) -> Stream:
        return self.trace.record(primitive, args, params)


class Trace:
    """The lines that rules write while they are being run on symbols."""

    symbol = Stream

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.seen: dict[Any, int] = {}
        self.unsolved: list[int] = []

    def append(self, step: Step, key: Any) -> Stream:
        if key not in self.seen:
            self.seen[key] = len(self.steps)
            self.steps.append(step)
        return self.symbol(self, self.seen[key])

    def constant(self, number: Any) -> Stream:
        if isinstance(number, (np.ndarray, np.generic)):
            if number.ndim:
                raise NoProgram("a constant array")
            number = number.item()
        step = Step(None, (), {}, False, number=number)
        return self.append(step, ("number", type(number), number))

    def record(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Stream:
        if "condition" in params:  # where: the condition is a line of its own
            args, params = (*args, params["condition"]), {}
        lines = [a.line if isinstance(a, Stream) else self.constant(a).line for a in args]
        return self.symbol(self, self.line(primitive, lines, params))

    def line(self, primitive: Primitive, operands: Sequence[int], params: dict[str, Any]) -> int:
        """Give the line of an operation on lines, appended if it is new."""
        steps = self.steps
        if primitive is negative and steps[operands[0]].primitive is negative:
            return steps[operands[0]].operands[0]
        key = (primitive, *operands)
        found = self.seen.get(key)
        if found is None:
            if primitive is multiply and operands[0] == operands[1]:
                inner = steps[operands[0]]
                if inner.primitive is hypot:  # of which the square is smooth at zero, too
                    squares = [self.line(multiply, [i, i], {}) for i in inner.operands]
                    found = self.seen[key] = self.line(add, squares, {})
                    return found
            moves = True in [steps[i].moves for i in operands]
            if moves and primitive not in RATIONAL:
                if isinstance(primitive, Constant):
                    return self.jump(primitive, operands, params)
                if not isinstance(primitive, Elementwise):
                    raise NoProgram(repr(primitive))
                self.unsolved.append(len(steps))
            found = self.seen[key] = len(steps)
            steps.append(Step(primitive, tuple(operands), params, moves))
        return found

    def jump(self, row: Constant, operands: Sequence[int], params: dict[str, Any]) -> int:
        """Give the line of what does not move though its operands do, appended if it is new."""
        return self.append(Step(row, tuple(operands), params, False), (row, *operands)).line

    def partial(self, row: Elementwise, position: int, line: int) -> int:
        """Write the partial of a line by one of its operands."""
        arguments = [Stream(self, i) for i in self.steps[line].operands]
        g = row.series_partial(position, Stream(self, line), arguments)
        return g.line if isinstance(g, Stream) else self.constant(g).line

    def solve(self, line: int) -> None:
        """State the equation of a line by running its row's partials."""
        step = self.steps[line]
        row = step.primitive
        assert isinstance(row, Elementwise)
        equation: list[tuple[int, str, int]] = []
        denominator = None
        for position, argument in enumerate(step.operands):
            if self.steps[argument].moves:
                n = self.partial(row, position, line)
                sign = "+"
                if self.steps[n].moves and self.steps[n].primitive is negative:
                    sign, (n,) = "-", self.steps[n].operands
                equation.append((argument, sign, n))
        if len(equation) == 1:
            # g = n/d: solving d Dy = n Dx saves the convolution that would compute the quotient.
            argument, sign, n = equation[0]
            if self.steps[n].moves and self.steps[n].primitive is divide:
                n, denominator = self.steps[n].operands
                equation = [(argument, sign, n)]
        self.steps[line] = Step(
            row, step.operands, step.params, step.moves, tuple(equation), denominator, step.number
        )


@lru_cache(maxsize=1024)
def program(row: Elementwise, moving: tuple[bool, ...]) -> Program:
    """Trace the program of a row for the given pattern of arguments that carry parts."""
    trace = Trace()
    arguments = [
        trace.append(Step(None, (), {}, moves), ("argument", i)) for i, moves in enumerate(moving)
    ]
    result = trace.record(row, arguments, {})
    while trace.unsolved:
        trace.solve(trace.unsolved.pop())
    return _pruned(trace.steps, len(moving), result.line)


def _pruned(steps: list[Step], arguments: int, result: int) -> Program:
    """Drop lines nothing needs (quotients that became denominators), and renumber."""
    needed = set(range(arguments))
    todo = [result]
    while todo:
        line = todo.pop()
        if line not in needed:
            needed.add(line)
            todo += steps[line].needs
    order = sorted(needed)
    number = {old: new for new, old in enumerate(order)}
    kept = tuple(steps[i].renumbered(number) for i in order)
    return Program(kept, arguments, number[result])
