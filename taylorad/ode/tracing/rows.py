"""Values of rows in LLVM's language, also of those whose value is NumPy code of other rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from taylorad.compiler import operations
from taylorad.compiler.emitter import Emitter, converted, literal
from taylorad.errors import TayloradError
from taylorad.forward.program import NoProgram
from taylorad.primitives.registry import Primitive
from taylorad.wengert.list import WengertList
from taylorad.wengert.simplify import normal_form
from taylorad.wengert.trace import Trace

__all__ = ["emit"]


def emit(
    emitter: Emitter,
    row: Primitive,
    params: dict[str, Any],
    operands: Sequence[str],
    kinds: Sequence[str],
    result: str,
    constants: Sequence[Any],
) -> str:
    """Write the value of a row, see `taylorad.compiler.operations.emit`.

    Raises
    ------
    NoProgram
        If it cannot be written.
    """
    if operations.is_elementwise(row, kinds, result, constants):
        return operations.emit(emitter, row, params, operands, kinds, result, constants)
    body = None if params else _body(row, len(operands))
    if body is None:
        raise NoProgram(f"{row!r}, of whose value nothing is known")
    floats = [converted(emitter, x, kind, "f") for x, kind in zip(operands, kinds, strict=True)]
    names = dict(zip(body.inputs, floats, strict=True))
    for number, line in enumerate(body.lines):
        kind = line.dtype.kind
        if line.is_constant:
            names[number] = literal(line.value, kind)
        elif line.row is not None:
            lines = [body.lines[i] for i in line.operands]
            names[number] = emit(
                emitter,
                line.row,
                {} if line.names else line.params,
                [names[i] for i in line.operands],
                [x.dtype.kind for x in lines],
                kind,
                [x.value if x.is_constant else None for x in lines],
            )
    return converted(emitter, names[body.outputs[0]], body[body.outputs[0]].dtype.kind, result)


@cache
def _body(row: Primitive, count: int) -> WengertList | None:
    """Trace the value of a row of floats; None if it is no code of other rows, or branches."""
    trace = Trace()
    entries = [trace.argument(np.float64(0.5)) for _ in range(count)]
    try:
        with np.errstate(all="ignore"):
            result = row.value(*entries)
    except (TayloradError, TypeError, ValueError):
        return None
    opaque = any(record.primitive is row for record in trace.records)
    if opaque or trace.guards or not hasattr(result, "number"):
        return None
    return normal_form(trace, [result.number])
