"""From a trace to a list in normal form.

What nothing needs is left out; equal lines become one (value numbering); what only constants go
into is a constant; what an identity makes simpler is simpler (see `identities`).
"""

from __future__ import annotations

from collections.abc import Iterable

from taylorad.wengert.list import Guard, WengertList
from taylorad.wengert.trace import Trace, Traced
from taylorad.wengert.writer import Copier, Writer, pruned

__all__ = ["as_recorded", "needed", "normal_form"]


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
    return pruned(_written(Writer(), trace, outputs, used), is_own=True)


def as_recorded(trace: Trace, outputs: Iterable[int], used: bytearray) -> WengertList:
    """Give the list of a trace with each record as it is, for what brings it in a form itself.

    That takes a third of the time. Parameters are those of `normal_form`.
    """
    return _written(Copier(), trace, outputs, used)


def _written(writer: Copier, trace: Trace, outputs: Iterable[int], used: bytearray) -> WengertList:
    kinds, origins = trace.kinds, trace.origins
    at = {number: writer.input(*kinds[number]) for number in trace.inputs}
    for number, record in enumerate(trace.records):
        if not used[number] or number in at:
            continue
        origin, row, sources = origins[number], record.primitive, record.sources
        if row is None:
            at[number] = writer.constant(record.value, origin)
            continue
        operands = [
            at[source] if source is not None else writer.constant(value, origin)
            for source, value in zip(sources, record.operands)
        ]
        params = record.params
        names = [name for name, value in params.items() if isinstance(value, Traced)]
        if names:
            operands += [at[params[name].number] for name in names]
            params = {k: v for k, v in params.items() if k not in names}
        at[number] = writer.emit(row, tuple(operands), params, tuple(names), *kinds[number], origin)
    found = writer.list
    found.outputs = [at[n] for n in outputs]
    guards = {Guard(at[n], expected, origins[n]): None for n, expected in trace.guards}
    found.guards = [g for g in guards if not found.lines[g.line].is_constant]
    return found


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
