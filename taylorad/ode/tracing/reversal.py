"""A system together with its adjoint: line by line, the last first.

Each line of a program gives its cotangent on to its operands, as in reverse mode; what comes to the
state is the rate of the adjoint, with the sign turned, and so for parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from taylorad.forward.program import NoProgram, Program
from taylorad.ode.tracing.lines import Lines
from taylorad.ode.tracing.system import NotTraceable, System
from taylorad.ode.tracing.variation import copied, needed
from taylorad.primitives.elementwise import add, divide, multiply, negative, subtract
from taylorad.primitives.linear import select
from taylorad.primitives.registry import Constant, Elementwise, Primitive

__all__ = ["Reversal"]


class Reversal(System):
    """A system whose state is that of another, the adjoint of it, and adjoints of parameters.

    Parameters
    ----------
    base : System
    numbers : sequence of int
        The parameters, counted as numbers.
    """

    def __init__(self, base: System, numbers: Sequence[int]) -> None:
        self.base, self.numbers = base, list(numbers)
        self.shape = (2 * base.size + len(self.numbers),)
        self.parameters, self.functions = base.parameters, []
        self.held, self.guards = [], []
        self.is_timed, self.said = base.is_timed, ""
        if base.said:
            self.said = f"{base.said} adjoint {self.numbers}"
        if base.held or base.guards:
            self.held, self.guards = self.expanded.held, self.expanded.guards

    def __getattr__(self, name: str) -> Any:
        """Give lines when they are asked for: if there is machine code of them, they are not."""
        if name not in ("program", "rates"):
            raise AttributeError(name)
        self.program, self.rates = self.expanded.program, self.expanded.rates
        return getattr(self, name)

    def observing(self, functions: list[list[int]]) -> System:
        return self.expanded.observing(functions)

    @cached_property
    def expanded(self) -> System:
        """The system with all of its lines."""
        try:
            found = _Sweep(self.base.expanded, self.numbers)
        except NoProgram as error:
            raise NotTraceable(f"it uses {error}") from error
        system = System(
            self.shape,
            Program(tuple(found.trace.steps), len(found.trace.steps), 0),
            found.rates,
            [],
            found.trace.held,
            found.guards,
            self.parameters,
            self.is_timed,
        )
        system.said = self.said
        return system


class _Sweep:
    """Cotangents of lines."""

    def __init__(self, base: System, numbers: Sequence[int]) -> None:
        self.trace = trace = Lines()
        argument, size = trace.argument, base.size
        state = [argument(True) for _ in range(size)]
        seeds = [argument(True) for _ in range(size)]
        for _ in numbers:
            argument(True)
        time = argument(True)
        parameters = [argument(False) for p in base.parameters for _ in range(p.size)]
        places = copied(base, trace, [*state, time, *parameters])
        inputs = [*state, *(parameters[i] for i in numbers)]
        self.bars: dict[int, int] = {}
        lines = dict.fromkeys(places[i] for i in needed(base, base.rates))
        self.active = self._active(lines, inputs)
        for line, seed in zip(base.rates, seeds, strict=True):
            self._give(places[line], seed)
        for line in sorted(lines, reverse=True):
            if line in self.bars and trace.steps[line].primitive is not None:
                self._pull(line, self.bars[line])
        zero = trace.constant(0.0).line
        self.rates = [places[i] for i in base.rates]
        for line in inputs:
            bar = self.bars.get(line)
            self.rates.append(zero if bar is None else self._line(negative, bar))
        self.guards = [(places[i], truth, origin) for i, truth, origin in base.guards]
        while trace.unsolved:
            trace.solve(trace.unsolved.pop())

    def _active(self, lines: dict[int, None], inputs: Sequence[int]) -> set[int]:
        """Give the lines that depend on inputs smoothly."""
        found = set(inputs)
        for line in sorted(lines):
            step = self.trace.steps[line]
            if not isinstance(step.primitive, Constant) and not found.isdisjoint(step.operands):
                found.add(line)
        return found

    def _pull(self, line: int, bar: int) -> None:
        """Give a line's cotangent on to its operands."""
        step = self.trace.steps[line]
        row, operands = step.primitive, step.operands
        if row is multiply:
            a, b = operands
            self._give(a, bar, b)
            self._give(b, bar, a)
        elif row is add or row is subtract:
            self._give(operands[0], bar)
            self._give(operands[1], bar if row is add else self._line(negative, bar))
        elif row is negative:
            self._give(operands[0], self._line(negative, bar))
        elif row is divide:
            u, v = operands
            bar = self._line(divide, bar, v)
            self._give(u, bar)
            if v in self.active:
                self._give(v, self._line(negative, bar), line)
        elif row is select:
            zero, condition = self.trace.constant(0.0).line, operands[2]
            self._give(operands[0], self._line(select, bar, zero, condition))
            self._give(operands[1], self._line(select, zero, bar, condition))
        elif isinstance(row, Elementwise) and not step.params:
            for position, x in enumerate(operands):
                if x in self.active:
                    self._give(x, bar, self.trace.partial(row, position, line))
        elif not isinstance(row, Constant):
            raise NoProgram(repr(row))

    def _give(self, line: int, bar: int, factor: int | None = None) -> None:
        """Add to the cotangent of a line, if anything comes of it."""
        if line in self.active:
            if factor is not None:
                bar = self._line(multiply, bar, factor)
            there = self.bars.get(line)
            self.bars[line] = bar if there is None else self._line(add, there, bar)

    def _line(self, row: Primitive, *operands: int) -> int:
        return self.trace.line(row, operands, {})
