"""Recording a call as a list of operations, with the values of that call at hand.

Running a function on `Entry` values appends a line for every operation: which row, on which earlier
lines or constants, with which result. The list is the tape of reverse mode, read backwards; its
values may themselves be jets, or entries of an outer list.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from taylorad.dispatch import Value, fresh_tag, number_type, shape_of
from taylorad.errors import ExpansionError, user_line
from taylorad.primitives.registry import Constant, Primitive

__all__ = ["Entry", "Line", "WengertList"]


class Line:
    """One operation: ``value = primitive(*operands, **params)``.

    ``sources[i]`` is the number of the line that made operand i, or None for a constant. An input
    has no primitive.
    """

    __slots__ = ("operands", "params", "primitive", "sources", "value")

    def __init__(
        self,
        primitive: Primitive | None,
        operands: tuple[Any, ...],
        sources: tuple[int | None, ...],
        params: dict[str, Any],
        value: Any,
    ) -> None:
        self.primitive, self.operands, self.sources = primitive, operands, sources
        self.params, self.value = params, value


class WengertList:
    """The lines recorded so far, inputs first."""

    __slots__ = ("closed", "lines", "tag")

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.tag = fresh_tag()
        self.closed = False

    def input(self, value: Any) -> Entry:
        """Append an input line."""
        return self._append(Line(None, (), (), {}, value))

    def record(self, primitive: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Compute an operation and append its line; what carries no derivative stays plain."""
        if self.closed:
            raise ExpansionError(
                f"{primitive.name}: a number of a derivative that is over was kept and used again"
                f"{user_line()}; return what is needed of it, or use has_aux=True"
            )
        operands = []
        sources: list[int | None] = []
        for a in args:
            if isinstance(a, Entry) and a.list is self:
                operands.append(a.value)
                sources.append(a.number)
            else:
                operands.append(a)
                sources.append(None)
        value = primitive(*operands, **params)
        if isinstance(primitive, Constant):
            return value
        return self._append(Line(primitive, tuple(operands), tuple(sources), params, value))

    def _append(self, line: Line) -> Entry:
        self.lines.append(line)
        return Entry(self, len(self.lines) - 1, line.value)


class Entry(Value):
    """The value of a line, standing for it in user code."""

    def __init__(self, list_: WengertList, number: int, value: Any) -> None:
        self.list, self.number, self.value = list_, number, value
        self.tag = list_.tag

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the line's value."""
        return shape_of(self.value)

    @property
    def number_type(self) -> np.dtype[Any]:
        """Type of the line's value."""
        return number_type(self.value)

    @property
    def primal(self) -> Any:
        """The line's value."""
        return self.value

    def lift(self, plain: Any) -> Entry:
        """Append a constant as a line."""
        return self.list.input(np.asarray(plain) if not isinstance(plain, Value) else plain)

    def _adopt(self, other: Entry) -> None:
        self.number, self.value = other.number, other.value

    def interpret(self, primitive: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Append the operation to the list."""
        return self.list.record(primitive, args, params)

    def __repr__(self) -> str:
        return f"v{self.number} = {self.value!r}"
