"""From a trace to a list in normal form.

What nothing needs is left out; equal lines become one (value numbering); what only constants go
into is a constant; what an identity makes simpler is simpler (see `identities`).
"""

from __future__ import annotations

from collections.abc import Iterable

from taylorad.wengert.list import Guard, WengertList
from taylorad.wengert.trace import Trace, Traced
from taylorad.wengert.writer import Writer, pruned

__all__ = ["needed", "normal_form"]


def normal_form(trace: Trace, outputs: Iterable[int], used: bytearray | None = None) -> WengertList:
    """Give the list of a trace.

    Parameters
    ----------
    trace : Trace
    outputs : iterable of int
        The records that are the results.
    used : bytearray, optional
        Which records these and the guards depend on, if that is known.
    """
    outputs = list(outputs)
    used = used or needed(trace, [*outputs, *(n for n, _ in trace.guards)])
    writer = Writer()
    at: dict[int, int] = {}
    for number in trace.inputs:
        at[number] = writer.input(*trace.kinds[number])
    for number, record in enumerate(trace.records):
        if not used[number] or number in at:
            continue
        origin = trace.origins[number]
        if record.primitive is None:
            at[number] = writer.constant(record.value, origin)
            continue
        operands = [
            at[source] if source is not None else writer.constant(value, origin)
            for source, value in zip(record.sources, record.operands, strict=True)
        ]
        names, params = [], {}
        for name, value in record.params.items():
            if isinstance(value, Traced):
                names.append(name)
                operands.append(at[value.number])
            else:
                params[name] = value
        at[number] = writer.emit(
            record.primitive,
            tuple(operands),
            params,
            tuple(names),
            *trace.kinds[number],
            origin,
        )
    writer.list.outputs = [at[n] for n in outputs]
    guards = {Guard(at[n], expected, trace.origins[n]): None for n, expected in trace.guards}
    writer.list.guards = [g for g in guards if not writer.lines[g.line].is_constant]
    return pruned(writer.list, is_own=True)


def needed(trace: Trace, roots: Iterable[int]) -> bytearray:
    """Mark the records that some are computed from."""
    records = trace.records
    used = bytearray(len(records))
    for number in roots:
        used[number] = 1
    for number in range(len(used) - 1, -1, -1):
        if used[number]:
            record = records[number]
            for source in record.sources:
                if source is not None:
                    used[source] = 1
            for value in record.params.values():
                if isinstance(value, Traced):
                    used[value.number] = 1
    return used
