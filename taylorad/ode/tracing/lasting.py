"""What functions read, in words that mean the same in every process.

So what it takes to find the machine code that was made of a trace can be kept on disk: the next
process need not run a function on symbols to know its code again.
"""

from __future__ import annotations

import dis
import marshal
import sys
import types
from collections.abc import Hashable
from hashlib import sha256
from typing import Any

import numpy as np

from taylorad.machine.module import SOURCES
from taylorad.primitives.registry import Primitive

__all__ = ["lasting"]

_PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes, type(Ellipsis)})
_MODULES = ("builtins", "types", "math", "numpy", "scipy.special")
"""Where functions and types are that do not say where they are from."""

_SETS = frozenset({dis.opmap[name] for name in ("BUILD_SET", "SET_ADD", "SET_UPDATE")})
"""Instructions that make sets, which are not in the same order again."""


class _Unknown(Exception):
    """Something that has no name outside of this process, or an order of its own in each."""


def lasting(known: Hashable) -> str:
    """Give a digest of what `taylorad.ode.tracing.reads.known_by` gave; empty if there is none.

    It is another for another version of anything.
    """
    scipy = getattr(sys.modules.get("scipy"), "__version__", "")
    try:
        what = (SOURCES, sys.version, np.__version__, scipy, _plain(known))
    except _Unknown:
        return ""
    # Version 2 is the last that says nothing of which objects are the same.
    return sha256(marshal.dumps(what, 2)).hexdigest()


def _plain(x: Any) -> Any:
    kind = type(x)
    if kind is tuple:
        return tuple([_plain(e) for e in x])
    if kind in _PLAIN:
        return x
    if kind is types.CodeType:
        return _code(x)
    return x.name if isinstance(x, Primitive) else _name(x)


def _name(x: Any) -> str:
    """Name what is where it says it is."""
    if x is not set and x is not frozenset:
        name = getattr(x, "__name__", "")
        for module in (getattr(x, "__module__", ""), *_MODULES):
            if getattr(sys.modules.get(module), name, None) is x:
                return f"{module}.{name}"
    raise _Unknown


def _code(code: types.CodeType) -> Any:
    """Give what a code does, but for where it is written."""
    if not _SETS.isdisjoint(code.co_code[::2]):
        raise _Unknown
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    return (code.co_code, code.co_exceptiontable, names, counts, _plain(code.co_consts))
