"""A digest of programs, by which one is known again in another process.

Programs of the same digest do the same, to the bit. Where lines came from in the user's code does
not count. A program that uses what only this process knows, as a row of the user's own, has none.
"""

from __future__ import annotations

import marshal
from collections import Counter
from functools import cache
from hashlib import sha256
from typing import Any

import numpy as np

from taylorad.primitives.registry import TABLE, Primitive, rows
from taylorad.wengert.trace import Trace, Traced

__all__ = ["digest", "is_ours"]


class _Unknown(Exception):
    """Something that has no name outside of this process."""


def digest(trace: Trace, used: bytearray, *more: Any) -> str:
    """Give the digest of a trace and of some more numbers, arrays, strings and tuples of such.

    Parameters
    ----------
    trace : Trace
        It need not be brought into normal form, which takes longer.
    used : bytearray
        Which records anything depends on.
    *more
        Among them the records that are the results.

    Returns
    -------
    str
        Hexadecimal; empty if there is none.
    """
    try:
        names = _names(len(TABLE))
        given = [(shape, dtype.str) for shape, dtype in (trace.kinds[i] for i in trace.inputs)]
        inputs = {*trace.inputs}
        lines: list[Any] = []
        for number, record in enumerate(trace.records):
            if not used[number] or number in inputs:
                continue
            row, sources = record.primitive, record.sources
            if row is None:
                lines.append((number, _plain(record.value)))
                continue
            if (name := names.get(row)) is None:
                raise _Unknown
            constants = [*map(_plain, record.operands)] if None in sources else None
            params = _plain(record.params) if record.params else None
            lines.append((number, name, sources, constants, params))
        what: Any = (np.__version__, lines, trace.inputs, given, trace.guards, _plain(more))
        # Version 2 is the last that says nothing of which objects are the same.
        return sha256(marshal.dumps(what, 2)).hexdigest()
    except _Unknown:
        return ""


_PLAIN = frozenset({bool, int, float, complex, str, type(None)})


def _plain(x: Any) -> Any:
    """Give what tells a thing apart from others, in numbers, strings and tuples."""
    kind = type(x)
    if kind in _PLAIN:
        return x
    if kind is tuple or kind is list:
        return (kind.__name__, *map(_plain, x))
    if kind is dict:
        return tuple([(k, _plain(v)) for k, v in sorted(x.items())])
    if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in "biufc":
        return ("array", x.dtype.str, x.shape, x.tobytes())
    if kind is slice:
        return ("slice", _plain(x.start), _plain(x.stop), _plain(x.step))
    if kind is type(Ellipsis):
        return ("ellipsis",)
    if isinstance(x, (np.dtype, type)) and np.dtype(x).kind in "biufc":
        return ("dtype", np.dtype(x).str)
    if isinstance(x, float):  # a constant that knows more of its digits
        return ("float", float(x))
    if isinstance(x, Traced):
        return ("line", x.number)
    raise _Unknown


@cache
def _names(size: int) -> dict[Primitive, str]:
    """Name the rows that are the same in every process; anew when some have been entered."""
    found = {}
    for function, row in TABLE.items():
        found[row] = f"{_home(function)}.{getattr(function, '__name__', '')}"
    for row in rows():
        found[row] = f"{type(row).__name__} {row.name} {found.get(row, '')}"
    counts = Counter(found.values())
    return {row: name for row, name in found.items() if counts[name] == 1 and is_ours(row)}


def is_ours(row: Primitive) -> bool:
    """Tell whether the rules of a row are those of this library, and not a user's."""
    home = _home(row.value).partition(".")[0]
    if home not in ("taylorad", "numpy", "scipy") and not isinstance(row.value, np.ufunc):
        return False
    rules = [rule for name, rule in vars(row).items() if name not in ("value", "exact")]
    return all(map(_is_our_rule, rules))


def _is_our_rule(rule: Any) -> bool:
    if isinstance(rule, tuple):
        return all(map(_is_our_rule, rule))
    if isinstance(rule, Primitive):
        return is_ours(rule)
    return not callable(rule) or _home(rule).startswith("taylorad.primitives.")


def _home(function: Any) -> str:
    return str(getattr(function, "__module__", ""))
