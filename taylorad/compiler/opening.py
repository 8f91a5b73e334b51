"""Rows whose value is NumPy code of other rows, opened: their code takes their place.

The logistic function is a row of its own because it wants its value in one form and its partial in
another. Machine code only wants the value, which tracing it shows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from taylorad.compiler.operations import is_elementwise
from taylorad.dispatch import shape_of
from taylorad.errors import TayloradError
from taylorad.primitives.registry import Elementwise, Primitive
from taylorad.wengert.list import Guard, Line, WengertList
from taylorad.wengert.simplify import normal_form
from taylorad.wengert.trace import Trace
from taylorad.wengert.writer import Writer, pruned

__all__ = ["is_plain", "opened"]


def is_plain(line: Line, program: WengertList) -> bool:
    """Tell whether one entry of an elementwise line is written by `operations.emit`."""
    lines = [program.lines[i] for i in line.operands]
    constants = [x.value if x.is_constant and not np.ndim(x.value) else None for x in lines]
    assert line.row is not None
    return is_elementwise(line.row, [x.dtype.kind for x in lines], line.dtype.kind, constants)


def opened(program: WengertList, but_analytic: bool = False) -> WengertList:
    """Give the same program with the code of rows in their place, where machine code needs it.

    Rows that are analytic at every real number may stay: their code may choose between branches.
    """

    def opens(line: Line) -> bool:
        if but_analytic and isinstance(line.row, Elementwise) and line.row.real_analytic:
            return False
        return _is_closed(line, program)

    if not any(map(opens, program.lines)):
        return program
    writer = Writer()
    at: list[int] = []
    for line in program.lines:
        operands = tuple(at[i] for i in line.operands)
        if line.is_constant:
            at.append(writer.constant(line.value, line.origin))
        elif line.row is None:
            at.append(writer.input(line.shape, line.dtype))
        elif opens(line) and (body := _body(line, program)) is not None:
            at.append(_inlined(writer, body, operands, line))
        else:
            at.append(_copied(writer, line, operands, line))
    writer.list.outputs = [at[i] for i in program.outputs]
    writer.list.guards = [Guard(at[g.line], g.expected, g.origin) for g in program.guards]
    return pruned(writer.list)


def _inlined(writer: Writer, body: WengertList, inputs: tuple[int, ...], place: Line) -> int:
    """Write the lines of a list on lines of another; give its result."""
    at = dict(zip(body.inputs, inputs, strict=True))
    for number, line in enumerate(body.lines):
        if line.is_constant:
            at[number] = writer.constant(line.value, place.origin)
        elif line.row is not None:
            at[number] = _copied(writer, line, tuple(at[i] for i in line.operands), place)
    return at[body.outputs[0]]


def _copied(writer: Writer, line: Line, operands: tuple[int, ...], place: Line) -> int:
    assert line.row is not None
    return writer.emit(
        line.row, operands, line.params, line.names, line.shape, line.dtype, place.origin
    )


def _is_closed(line: Line, program: WengertList) -> bool:
    return isinstance(line.row, Elementwise) and not is_plain(line, program)


def _body(line: Line, program: WengertList) -> WengertList | None:
    """Trace the value of a row; None if it is not NumPy code of other rows, or branches."""
    row = line.row
    assert isinstance(row, Primitive)
    operands = [program.lines[i] for i in line.operands]
    if any(x.dtype.kind not in "fib" for x in operands):
        return None
    trace = Trace()
    entries = [trace.argument(_sample(x)) for x in operands]
    try:
        with np.errstate(all="ignore"):
            result = row.value(*entries, **line.params)
    except (TayloradError, TypeError, ValueError):
        return None
    opaque = any(record.primitive is row for record in trace.records)
    if opaque or trace.guards or shape_of(result) != line.shape or not hasattr(result, "tape"):
        return None
    return normal_form(trace, [result.number])


def _sample(line: Line) -> Any:
    return np.full(line.shape, 0.5 if line.dtype.kind == "f" else 1, line.dtype)[()]
