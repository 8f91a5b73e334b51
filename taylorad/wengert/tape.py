"""Recording a call, one operation after the other, with the values of that call at hand.

Running a function on `Entry` values appends a record for every operation: which row, on which
earlier records or constants, with which result. Reverse mode reads the tape backwards; a `Trace`
(see `trace`) is a tape of everything, which becomes a Wengert list. The values may themselves be
jets, or entries of an outer tape.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from taylorad.dispatch import Value, fresh_tag, number_type, shape_of
from taylorad.errors import ExpansionError, user_line
from taylorad.primitives.registry import Constant, Primitive

__all__ = ["Entry", "Record", "Tape"]


class Record:
    """One operation: ``value = primitive(*operands, **params)``.

    ``sources[i]`` is the number of the record that made operand i, or None for a constant. An input
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


class Tape:
    """The records made so far, inputs first."""

    __slots__ = ("closed", "records", "tag")

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.tag = fresh_tag()
        self.closed = False

    def input(self, value: Any) -> Entry:
        """Append an input."""
        return self._append(Record(None, (), (), {}, value))

    def record(self, primitive: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Compute an operation and append it; what carries no derivative stays plain."""
        self.check_open(primitive)
        operands = []
        sources: list[int | None] = []
        for a in args:
            if isinstance(a, Entry) and a.tape is self:
                operands.append(a.value)
                sources.append(a.number)
            else:
                operands.append(a)
                sources.append(None)
        value = primitive(*operands, **params)
        if isinstance(primitive, Constant):
            return value
        return self._append(Record(primitive, tuple(operands), tuple(sources), params, value))

    def check_open(self, primitive: Primitive) -> None:
        """Raise if the call that was being recorded is over."""
        if self.closed:
            raise ExpansionError(
                f"{primitive.name}: a number of a derivative that is over was kept and used again"
                f"{user_line()}; return what is needed of it, or use has_aux=True"
            )

    def _append(self, record: Record) -> Entry:
        self.records.append(record)
        return Entry(self, len(self.records) - 1, record.value)


class Entry(Value):
    """The value of a record, standing for it in user code."""

    def __init__(self, tape: Tape, number: int, value: Any) -> None:
        self.tape, self.number, self.value = tape, number, value
        self.tag = tape.tag

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value."""
        return shape_of(self.value)

    @property
    def number_type(self) -> np.dtype[Any]:
        """Type of the value."""
        return number_type(self.value)

    @property
    def primal(self) -> Any:
        """The value."""
        return self.value

    def lift(self, plain: Any) -> Entry:
        """Append a constant."""
        return self.tape.input(np.asarray(plain) if not isinstance(plain, Value) else plain)

    def _adopt(self, other: Entry) -> None:
        self.number, self.value = other.number, other.value

    def interpret(self, primitive: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Append the operation to the tape."""
        return self.tape.record(primitive, args, params)

    def __repr__(self) -> str:
        return f"v{self.number} = {self.value!r}"
