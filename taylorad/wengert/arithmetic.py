"""Writing scalar lines fast.

Taken apart into scalars a program has thousands of lines, nearly all of them sums, differences,
products and quotients of floats. `Scalars` has a short way for these; identities are looked for
only where an operand is a constant or a negative, since no others have any.

It also knows a zero that the general `Writer` does not: `NOTHING`, of which it is known from the
structure of the program, whatever the numbers, that it is zero. Padding is of this kind, and so is
the derivative of what does not depend on the variable. ``NOTHING * x`` is nothing even if x is
infinite; the product with a number 0.0 is NaN there, as it is in NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from itertools import product
from typing import Any

import numpy as np

from taylorad.primitives import elementwise
from taylorad.primitives.linear import index, select
from taylorad.primitives.numbers import RealConstant
from taylorad.primitives.registry import Primitive
from taylorad.wengert.identities import RULES
from taylorad.wengert.list import Line, WengertList
from taylorad.wengert.trace import convert
from taylorad.wengert.writer import Origin, Shape, Writer

__all__ = ["FLOAT", "NOTHING", "NotExpandable", "Numbers", "Scalars"]

NOTHING = -1
"""Stands where a line number does, for a zero of structure."""

Numbers = list[int]
"""The line numbers of an array's entries in C order, `NOTHING` where it is padded."""

FLOAT = np.dtype(float)

_ADD, _SUBTRACT = elementwise.add, elementwise.subtract
_MULTIPLY, _DIVIDE, _NEGATIVE = elementwise.multiply, elementwise.divide, elementwise.negative
_METHODS: dict[Primitive | None, str] = {
    _ADD: "add",
    _SUBTRACT: "subtract",
    _MULTIPLY: "multiply",
    _DIVIDE: "divide",
    _NEGATIVE: "negative",
}


class NotExpandable(Exception):
    """A program that is no straight line of scalars, or too long a one."""


class Scalars(Writer):
    """Writes a list of scalar lines.

    Attributes
    ----------
    origin : (str, int) or None
        The user's line behind the lines written next.
    """

    def __init__(self) -> None:
        super().__init__()
        self.origin: Origin = None
        self._known: dict[Any, int] = {}  # arithmetic by (row, *operands)
        self._floats: dict[Any, int] = {}

    @classmethod
    def continuing(cls, program: WengertList) -> Scalars:
        """Start with the lines of a list of scalars, under the same numbers."""
        self = cls()
        for number, line in enumerate(program.lines):
            row = line.row
            if row in _METHODS and line.dtype == FLOAT:
                self._known[row, *line.operands] = number
            elif row is not None:
                self.seen[self.key(line)] = number
            elif isinstance(line.value, float):
                self._floats[_float_key(line.value)] = number
            self._put(line)
        self.list.inputs = list(program.inputs)
        self.list.guards = list(program.guards)
        return self

    @property
    def operations(self) -> int:
        """How many lines there are, float constants apart, of which code knows nothing."""
        return len(self.lines) - len(self._floats)

    # --- numbers ---

    def number(self, value: float) -> int:
        """Give the line of a float constant."""
        key = _float_key(value)
        found = self._floats.get(key)
        if found is None:
            line = Line(None, (), {}, (), (), FLOAT, value, self.origin)
            found = self._floats[key] = self._put(line)
        return found

    def constant(self, value: Any, origin: Origin = None) -> int:
        """Give the line of a constant."""
        if isinstance(value, float):
            return self.number(value if isinstance(value, RealConstant) else float(value))
        return super().constant(value, origin)

    def entries(self, number: int) -> list[int]:
        """Append a line for each entry of an input."""
        shape, dtype = self.lines[number].shape, self.lines[number].dtype
        places = product(*map(range, shape))
        return [
            self._put(Line(index, (number,), {"key": place}, (), (), dtype, None, self.origin))
            for place in places
        ]

    def actual(self, number: int) -> int:
        """Give a line for a number that may be nothing."""
        return self.number(0.0) if number < 0 else number

    # --- arithmetic of floats ---

    def arithmetic(self, row: Primitive | None) -> Callable[..., int] | None:
        """Give the method that writes a row for floats."""
        name = _METHODS.get(row)
        return None if name is None else getattr(self, name)

    def add(self, a: int, b: int) -> int:
        if a < 0:
            return b
        if b < 0:
            return a
        if a == b:
            return self.multiply(self.number(2.0), a)
        key = (_ADD, a, b) if a <= b else (_ADD, b, a)
        found = self._known.get(key)
        return self._computed(key) if found is None else found

    def subtract(self, a: int, b: int) -> int:
        if b < 0:
            return a
        if a < 0:
            return self.negative(b)
        key = (_SUBTRACT, a, b)
        found = self._known.get(key)
        return self._computed(key) if found is None else found

    def multiply(self, a: int, b: int) -> int:
        if a < 0 or b < 0:
            return NOTHING
        key = (_MULTIPLY, a, b) if a <= b else (_MULTIPLY, b, a)
        found = self._known.get(key)
        return self._computed(key) if found is None else found

    def times_partial(self, a: int, b: int) -> int:
        """Multiply by a partial; that of a choice, 1 or 0, chooses, whatever else is infinite."""
        line = self.lines[b]
        if line.row is select:
            yes, no, condition = line.operands
            values = (self.lines[yes].value, self.lines[no].value)
            if values == (1, 0):
                return self.emit(select, (a, no, condition), {}, line.names, (), FLOAT)
            if values == (0, 1):
                return self.emit(select, (yes, a, condition), {}, line.names, (), FLOAT)
        return self.multiply(a, b)

    def divide(self, a: int, b: int) -> int:
        if a < 0:  # the mean of nothing is 0 / 0
            return NOTHING if b >= 0 and self.lines[b].value != 0 else self.number(math.nan)
        key = (_DIVIDE, a, self.actual(b))
        found = self._known.get(key)
        return self._computed(key) if found is None else found

    def negative(self, a: int) -> int:
        if a < 0:
            return NOTHING
        key = (_NEGATIVE, a)
        found = self._known.get(key)
        return self._computed(key) if found is None else found

    def total(self, terms: Iterable[int]) -> int:
        """Add up, in pairs: less rounding than from left to right, and less waiting."""
        terms = [t for t in terms if t >= 0]
        while len(terms) > 1:
            odd = terms[len(terms) & ~1 :]
            terms = [self.add(a, b) for a, b in zip(terms[::2], terms[1::2])] + odd
        return terms[0] if terms else NOTHING

    def emit(
        self,
        row: Primitive,
        operands: tuple[int, ...],
        params: dict[str, Any],
        names: tuple[str, ...],
        shape: Shape,
        dtype: np.dtype[Any],
        origin: Origin = None,
    ) -> int:
        """Give the number of the line that computes this, appending it if it is new."""
        write = self.arithmetic(row)
        if write is not None and dtype == FLOAT:
            return write(*map(self.as_float, operands))
        operands = tuple(map(self.actual, operands))
        return super().emit(row, operands, params, names, shape, dtype, origin or self.origin)

    def as_float(self, number: int) -> int:
        """Give a whole number or a truth value as a float."""
        if number < 0:
            return number
        line = self.lines[number]
        if line.dtype == FLOAT and not (line.row is None and isinstance(line.value, int)):
            return number
        if line.value is not None:
            return self.number(float(line.value))
        return self.emit(convert, (number,), {"dtype": FLOAT.str}, (), (), FLOAT)

    def _computed(self, key: tuple[Any, ...]) -> int:
        """Append the line of a key, if no identity gives it."""
        row, operands = key[0], key[1:]
        marks = self.marks
        found: int | None = None
        if marks[operands[0]] or marks[operands[-1]] or row is _NEGATIVE:
            if row is _NEGATIVE or self.is_telling(row, operands):
                found = self._identified(row, operands)
            if found is None:
                found = self._put(Line(row, operands, {}, (), (), FLOAT, None, self.origin))
        else:  # most of all lines
            found = len(self.lines)
            self.lines.append(Line(row, operands, {}, (), (), FLOAT, None, self.origin))
            marks.append(0)
        self._known[key] = found
        return found

    def _identified(self, row: Primitive, operands: tuple[int, ...]) -> int | None:
        lines = self.lines
        values = [lines[i].value for i in operands]
        if None not in values:
            with np.errstate(all="ignore"):
                return self.number(float(row.value(*map(np.float64, values))))
        if row is not _NEGATIVE and (found := self._signed(row, operands)) is not None:
            return found
        if row is _DIVIDE:
            above, below = values
            if above not in (None, 1) and _is_power_of_two(above):
                return self.multiply(operands[0], self.divide(self.number(1.0), operands[1]))
            if below is not None and _is_power_of_two(below):
                return self.multiply(operands[0], self.number(1 / below))
        line = Line(row, operands, {}, (), (), FLOAT, None, self.origin)
        return RULES[row](self, line)

    def _signed(self, row: Primitive, operands: tuple[int, ...]) -> int | None:
        """Take the signs out of an operation, where one is the same for opposite numbers."""
        opposites = [self._opposite(i) for i in operands]
        a, b = (i if o is None else o for i, o in zip(operands, opposites))
        signs = [o is not None for o in opposites]
        if row in (_MULTIPLY, _DIVIDE) and any(signs):
            result = self.multiply(a, b) if row is _MULTIPLY else self.divide(a, b)
            return result if all(signs) else self.negative(result)
        if row is _ADD and all(signs):
            return self.negative(self.add(a, b))
        if row is _SUBTRACT and signs == [True, False]:
            return self.negative(self.add(a, b))
        return None

    def _opposite(self, number: int) -> int | None:
        line = self.lines[number]
        return line.operands[0] if line.row is _NEGATIVE else None


def _float_key(value: float) -> Any:
    if isinstance(value, RealConstant):
        return value, RealConstant  # it has more digits than a float that equals it
    return value if value else str(value)  # -0.0 == 0.0


def _is_power_of_two(value: float) -> bool:
    return math.frexp(abs(value))[0] == 0.5 and 2.0**-1000 < abs(value) < 2.0**1000
