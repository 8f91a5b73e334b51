"""Writing a list line by line, as it is given, or each in its simplest form and none twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from taylorad.dispatch import number_type, shape_of
from taylorad.primitives.elementwise import add, divide, multiply, negative, subtract
from taylorad.primitives.registry import Primitive
from taylorad.wengert.identities import RULES
from taylorad.wengert.list import Guard, Line, WengertList, frozen

__all__ = ["Copier", "Origin", "Shape", "Writer", "pruned", "used"]

Origin = tuple[str, int] | None
Shape = tuple[int, ...]


def pruned(program: WengertList, is_own: bool = False) -> WengertList:
    """Drop the lines nothing needs any more, and renumber; inputs stay.

    The lines of an own program, which nobody else has, may be changed.
    """
    lines, needed = program.lines, used(program)
    number = [0] * len(lines)
    kept: list[Line] = []
    for i, line in enumerate(lines):
        if needed[i]:
            number[i] = len(kept)
            is_moved = i != len(kept)  # something before it has been dropped
            if is_moved and line.operands:
                operands = tuple([number[j] for j in line.operands])
                if is_own:
                    line.operands = operands
                else:
                    line = line.moved(operands)
            kept.append(line)
    return WengertList(
        kept,
        [number[i] for i in program.inputs],
        [number[i] for i in program.outputs],
        [Guard(number[g.line], g.expected, g.origin) for g in program.guards],
    )


def used(program: WengertList) -> bytearray:
    """Mark the lines that something needs, and inputs."""
    lines = program.lines
    needed = bytearray(len(lines))
    for i in (*program.inputs, *program.outputs, *(g.line for g in program.guards)):
        needed[i] = 1
    for i in range(len(lines) - 1, -1, -1):
        if needed[i]:
            for j in lines[i].operands:
                needed[j] = 1
    return needed


# How lines are marked: 0, 1, -1, arrays of constants and negatives make for identities; of other
# constants there is one only for the product with a constant times something, which is scaled.
_CONSTANT, _TELLING, _SCALED = 1, 2, 4
_ARITHMETIC = (add, subtract, multiply, divide)


class Copier:
    """Writes a list line by line, each as it is given; only constants are not written twice.

    Attributes
    ----------
    list : WengertList
    lines : list of Line
        Its lines.
    seen : dict
        Lines by what is in them.
    """

    def __init__(self) -> None:
        self.list = WengertList()
        self.lines = self.list.lines
        self.seen: dict[Any, int] = {}

    def input(self, shape: Shape, dtype: np.dtype[Any]) -> int:
        """Append an input."""
        number = self._put(Line(None, (), {}, (), shape, dtype))
        self.list.inputs.append(number)
        return number

    def constant(self, value: Any, origin: Origin = None) -> int:
        """Give the line of a constant."""
        if not isinstance(value, (float, int, complex)):
            value = np.asarray(value)[()]
        key = ("constant", frozen(value))
        found = self.seen.get(key)
        if found is None:
            line = Line(None, (), {}, (), shape_of(value), number_type(value), value, origin)
            found = self.seen[key] = self._put(line)
        return found

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
        """Give the number of the line that computes this."""
        return self._put(Line(row, operands, params, names, shape, dtype, None, origin))

    def _put(self, line: Line) -> int:
        self.lines.append(line)
        return len(self.lines) - 1


class Writer(Copier):
    """Writes a list line by line, each in its simplest form, and none twice.

    Attributes
    ----------
    marks : bytearray
        What an operation on each line may be simplified by.
    """

    def __init__(self) -> None:
        super().__init__()
        self.marks = bytearray()

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
        line = Line(row, operands, params, names, shape, dtype, None, origin)
        key = self.key(line)
        found = self.seen.get(key)
        if found is None:
            found = self._simplified(line)
            found = self._put(line) if found is None else found
            self.seen[key] = found
        return found

    def key(self, line: Line) -> Any:
        """Give what is equal for lines that compute the same."""
        row, operands = line.row, line.operands
        if row in (add, multiply) and operands[0] > operands[1]:
            operands = operands[::-1]
        return (row, operands, line.names, frozen(line.params) if line.params else (), line.dtype)

    def _simplified(self, line: Line) -> int | None:
        lines = self.lines
        if line.row in _ARITHMETIC and not self.is_telling(line.row, line.operands):
            return None
        marks = self.marks
        if 0 not in [marks[i] & _CONSTANT for i in line.operands]:
            values: Any = {i: lines[i].value for i in line.operands}
            return self.constant(line.apply(values), line.origin)
        rule = RULES.get(line.row) if line.row is not None else None
        return rule(self, line) if rule is not None else None

    def is_telling(self, row: Primitive | None, operands: Sequence[int]) -> bool:
        """Tell whether sums, products and quotients of these may have a simpler form."""
        first, last = self.marks[operands[0]], self.marks[operands[-1]]
        both = first | last
        return both != 0 and bool(
            both & _TELLING
            or first & last & _CONSTANT
            or (row is multiply and both == _CONSTANT | _SCALED)
            or (row is divide and both & _CONSTANT)
        )

    def like(self, line: Line, row: Primitive, *operands: int, **params: Any) -> int:
        """Emit another operation with the result's shape and type of ``line``."""
        return self.emit(row, operands, params, (), line.shape, line.dtype, line.origin)

    def is_same(self, number: int, line: Line) -> bool:
        """Tell whether a line has the shape and type of another."""
        mine = self.lines[number]
        return mine.shape == line.shape and mine.dtype == line.dtype

    def uniform(self, number: int) -> Any:
        """Give the number that all entries of a constant are; None if there is none."""
        value = self.lines[number].value
        if value is None or not isinstance(value, np.ndarray):
            return value
        first = value.flat[0] if value.size else None
        if first is None or first != first:
            return None
        return first if not any(value.strides) or np.all(value == first) else None

    def _put(self, line: Line) -> int:
        mark = 0
        if line.value is not None:
            telling = line.shape or line.value in (0, 1, -1)
            mark = _CONSTANT | _TELLING if telling else _CONSTANT
        elif line.row is negative:
            mark = _TELLING
        elif line.row is multiply:
            a, b = line.operands
            mark = _SCALED if (self.marks[a] | self.marks[b]) & _CONSTANT else 0
        self.marks.append(mark)
        return super()._put(line)
