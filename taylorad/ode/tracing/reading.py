"""Lines of scalars read as lines of recurrences.

What jumps is held; whole powers are products; truths are 1 and 0; and what has no formula of its
own, remainders and angles say, is put together from what has.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from taylorad.forward.program import RATIONAL, NoProgram, Program
from taylorad.ode.tracing.lines import Held, Lines
from taylorad.ode.tracing.recording import Recording
from taylorad.primitives import elementwise, linear
from taylorad.primitives.numbers import PI, RealConstant
from taylorad.primitives.registry import Constant, Elementwise, Primitive, lookup
from taylorad.primitives.squaring import by_squaring
from taylorad.wengert import trace as recording
from taylorad.wengert.arithmetic import FLOAT
from taylorad.wengert.list import Line, WengertList
from taylorad.wengert.writer import used

__all__ = ["Reading"]

LARGEST_POWER = 2**16
"""A whole power of no more than this is a product, which is right at zero too."""

Read = tuple[Program, list[int], list[list[int]], list[Held], list[Any]]
"""The program; the lines of the rates and of each function; what is held, and the guards."""


class Reading:
    """Scalar lines that become lines of recurrences."""

    def __init__(self, scalars: WengertList, recorded: Recording) -> None:
        self.scalars, self.lines, self.recorded = scalars, scalars.lines, recorded
        self.trace = Lines()
        self.places: list[Any] = []  # of each scalar line that one which it becomes
        size = int(np.prod(recorded.shape))
        self.entries: dict[int, list[int]] = {}
        argument = self.trace.argument
        state = [argument(True) for _ in range(size)]
        time = argument(True)
        inputs = list(scalars.inputs)
        self.entries[inputs[0]] = [time]
        self.entries[inputs[1]] = state
        for number, shape in zip(inputs[2:], recorded.shapes, strict=True):
            self.entries[number] = [argument(False) for _ in range(math.prod(shape))]

    def read(self) -> Read:
        """Read all lines that are used."""
        places, write = self.places, self.trace.line
        for number, (line, is_used) in enumerate(zip(self.lines, used(self.scalars))):
            row = line.row
            if not is_used:
                places.append(None)
            elif row in RATIONAL and line.dtype is FLOAT and not line.names:
                places.append(write(row, [places[i] for i in line.operands], {}))
            else:
                places.append(self._read(number, line))
        rates, *functions = self._results()
        guards = [(self._place(g.line), g.expected, g.origin) for g in self.scalars.guards]
        self._solve()
        program = Program(tuple(self.trace.steps), len(self.trace.steps), 0)
        return program, rates, functions, self.trace.held, guards

    def _solve(self) -> None:
        while self.trace.unsolved:
            self.trace.solve(self.trace.unsolved.pop())

    def _place(self, number: int) -> int:
        place = self.places[number]
        assert isinstance(place, int)
        return place

    def _number(self, x: float) -> int:
        return self.trace.constant(x if isinstance(x, RealConstant) else float(x)).line

    def _results(self) -> list[list[int]]:
        outputs = iter(self.scalars.outputs)
        found = []
        for constant in self.recorded.constants:
            if constant is None:
                found.append(self._entries_of(next(outputs)))
            else:
                found.append([self._number(x) for x in np.ravel(constant).astype(float).tolist()])
        return found

    def _entries_of(self, number: int) -> list[int]:
        """Give the lines of the entries of a result."""
        line = self.lines[number]
        if number in self.entries:
            return list(self.entries[number])
        if line.is_constant:
            return [self._number(x) for x in np.ravel(line.value)]
        if line.row is not linear.assemble:
            return [self._place(number)]
        entries = [self._number(0.0)] * int(np.prod(line.shape))
        places, sources = line.params["places"].tolist(), line.params["sources"].tolist()
        for place, source in zip(places, sources, strict=True):
            entries[place] = self._place(line.operands[source])
        return entries

    def _read(self, number: int, line: Line) -> int | None:
        """Give what a scalar line becomes; None for arrays."""
        row = line.row
        if line.dtype.kind == "b":
            row = _OF_TRUTHS.get(row, row)
        elif row in _OF_BITS:  # whole numbers are floats here
            raise NoProgram(repr(row))
        if row is None:
            if line.shape:
                return None
            return self.entries[number][0] if line.is_input else self._number(line.value)
        if row is linear.index:
            source, place = line.operands[0], 0
            for k, length in zip(line.params["key"], self.lines[source].shape, strict=True):
                place = place * length + int(k)
            return self.entries[source][place]
        if row is linear.assemble:
            return None
        found = self._applied(row, [self.places[i] for i in line.operands], line)
        if line.dtype.kind == "b" and isinstance(self.trace.steps[found].primitive, Constant):
            one, zero = self._number(1.0), self._number(0.0)  # as what is held has it
            return self.trace.line(linear.select, [one, zero, found], {})
        return found

    def _applied(self, row: Primitive, operands: list[Any], line: Line) -> int:
        trace, steps = self.trace, self.trace.steps
        moving = [steps[i].moves for i in operands]
        if row is recording.convert:
            return self._converted(operands[0], line)
        if row is elementwise.power and not moving[1]:  # of parameters too: they may vary
            exponent = steps[operands[1]].number
            if exponent is not None and float(exponent).is_integer():
                return self._power(operands[0], int(exponent))
            if exponent == 0.5:
                row, operands = elementwise.sqrt, operands[:1]
        if row in _WHOLE and any(moving):
            quotient = trace.line(elementwise.divide, operands, {})
            whole = trace.line(_WHOLE[row], [quotient], {})
            if row is _QUOTIENT:
                return whole
            product = trace.line(elementwise.multiply, [operands[1], whole], {})
            return trace.line(elementwise.subtract, [operands[0], product], {})
        if row is elementwise.arctan2 and any(moving):
            return self._angle(*operands)
        # A condition is an operand like any other.
        params = {} if line.names or row is linear.select else line.params
        if any(moving) and isinstance(row, Elementwise) and (params or line.names):
            raise NoProgram(repr(row))
        return trace.line(row, operands, params)

    def _angle(self, y: int, x: int) -> int:
        """Write `arctan2`, which jumps behind the origin: there, by the angle seen from behind."""
        line, zero, half = self.trace.line, self._number(0.0), self._number(PI)
        left, below = (line(_row(np.less), [z, zero], {}) for z in (x, y))
        turn = line(linear.select, [line(elementwise.negative, [half], {}), half, below], {})
        turn = line(linear.select, [turn, zero, left], {})
        side = line(linear.select, [self._number(-1.0), self._number(1.0), left], {})
        angle = line(elementwise.arctan2, [self._times(side, y), self._times(side, x)], {})
        return line(elementwise.add, [angle, turn], {})

    def _converted(self, x: int, line: Line) -> int:
        """Make whole numbers, or truths, of floats."""
        kind = self.lines[line.operands[0]].dtype.kind
        if line.dtype.kind == kind or line.dtype.kind == "f":
            return x
        if line.dtype.kind == "b":
            return self.trace.line(_row(np.not_equal), [x, self._number(0.0)], {})
        return self.trace.line(_row(np.trunc), [x], {}) if kind == "f" else x

    def _power(self, x: int, n: int) -> int:
        """Multiply by repeated squaring, which is right at zero."""
        if abs(n) > LARGEST_POWER:
            return self.trace.line(elementwise.power, [x, self._number(n)], {})
        one = self._number(1.0)
        if not n:
            return one
        product = by_squaring(x, abs(n), self._times)
        return product if n > 0 else self.trace.line(elementwise.divide, [one, product], {})

    def _times(self, a: int, b: int) -> int:
        return self.trace.line(elementwise.multiply, [a, b], {})


def _row(function: Any) -> Primitive:
    row = lookup(function)
    assert isinstance(row, Primitive)
    return row


_OF_TRUTHS: dict[Primitive | None, Primitive] = {
    elementwise.add: _row(np.logical_or),
    elementwise.multiply: _row(np.logical_and),
}
"""What sums and products of truths are."""

_OF_BITS = {_row(f) for f in (np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert)}

_QUOTIENT = _row(np.floor_divide)

_WHOLE = {
    _row(np.remainder): _row(np.floor),
    _QUOTIENT: _row(np.floor),
    _row(np.fmod): _row(np.trunc),
}
"""Of remainders, and of that quotient, what makes whole numbers of quotients."""
