"""Compiled cores as functions Python can call.

A *core* is ``define i32 @core(ptr %arguments, ptr %results, ptr %constants)``: it reads the data
of its arguments and constants, writes that of its results, and returns 0; any other number says
that a guard failed and the results mean nothing.

`bind` makes a built-in function of a core: it checks its arguments and makes its results in
machine code (`taylorad.machine.entry`), in less time than it takes to enter a Python function.
Where the layout of objects is not what we know, a Python function does the same: `careful` makes
it, also for what is hardly ever called. Whatever does not fit the signature is handed to a Python
callable, the slow way. `run` calls a core once, with checks and errors, and lets the caller say
where results go.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from taylorad.machine import layout
from taylorad.machine.entry import entry_text
from taylorad.machine.module import Code, build
from taylorad.machine.signature import Argument, Result, Signature

__all__ = ["Argument", "Result", "Signature", "bind", "careful", "run", "run_at"]

Function = Callable[..., Any]
Array = np.ndarray[Any, Any]

_FASTCALL_WITH_KEYWORDS = 0x82
# Calls through this let go of the interpreter's lock.
_CORE = ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_void_p] * 3)
_NUMBERS: dict[str, tuple[type, ...]] = {
    "float64": (float, np.float64),
    "complex128": (complex, np.complex128),
    "int64": (int, np.int64),
}


class _Method(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("entry", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("documentation", ctypes.c_char_p),
    ]


def bind(
    code: Code, signature: Signature, constants: Sequence[Array], slow: Function, name: str
) -> Function:
    """Make a function Python can call of a core.

    Parameters
    ----------
    code : Code
        What defines ``core``.
    signature : Signature
        What it takes and gives. The core may assume that results overlap nothing else.
    constants : sequence of ndarray
        What else it reads. Arrays in C order are read where they are, others are copied.
    slow : callable
        Gets the arguments, and returns for us, when they are not what the signature says, when a
        guard fails, or when there is no memory for the results.
    name : str
        The name that Python shows.

    Returns
    -------
    callable
        A built-in function, which keeps alive all it needs. It takes part in Python's search for
        reference cycles: a ``slow`` that refers back to it keeps neither alive.
    """
    if not layout.verified():
        return careful(code, signature, constants, slow, name)
    constants = [_plain(constant) for constant in constants]
    # Level 0 costs a nanosecond a call, and compiles in a fifth of the time.
    entry = build(entry_text(signature), level=0, symbols=layout.symbols())
    addresses = [code.address("core"), *(constant.ctypes.data for constant in constants)]
    method = _Method(name.encode(), entry.address("entry"), _FASTCALL_WITH_KEYWORDS, None)
    # The entry reads the first two; the others are here to live as long as the function does,
    # and CPython reads the method until it has let go of this tuple.
    held = (struct.pack(f"{len(addresses)}P", *addresses), slow, code, entry, method, constants)
    new = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)
    make: Any = new(("PyCFunction_NewEx", ctypes.pythonapi))
    function: Function = make(ctypes.addressof(method), held, None)
    return function


def run(
    code: Code,
    signature: Signature,
    constants: Sequence[Array],
    arguments: Sequence[Any],
    out: Sequence[Array] | None = None,
) -> list[Any] | int:
    """Call a core once; other threads may run meanwhile.

    Parameters
    ----------
    code, signature, constants
        As for `bind`.
    arguments : sequence
        Arrays of the shapes and kinds of the signature, and numbers.
    out : sequence of ndarray, optional
        Arrays to write the results to, of their shapes and kinds, overlapping nothing else.

    Returns
    -------
    list or int
        The results, or the number of the guard that failed.

    Raises
    ------
    TypeError, ValueError
        If an array is not what the signature says.
    """
    if len(arguments) != len(signature.arguments):
        raise TypeError(f"{len(signature.arguments)} arguments, not {len(arguments)}")
    given = [_plain(np.asarray(argument)) for argument in arguments]
    for place, (array, wanted) in enumerate(zip(given, signature.arguments, strict=True)):
        _check(array, wanted, f"argument {place}")
    constants = [_plain(constant) for constant in constants]
    if out is None:
        return _run(code, signature, constants, given)
    if len(out) != len(signature.results):
        raise TypeError(f"{len(signature.results)} arrays for results, not {len(out)}")
    for place, (array, result) in enumerate(zip(out, signature.results, strict=True)):
        _check(array, result, f"result {place}")
        if not (array.flags.c_contiguous and array.flags.aligned and array.flags.writeable):
            raise ValueError(f"result {place}: not a writable array in C order")
        others = [*given, *constants, *out[:place]]
        if any(np.may_share_memory(array, other) for other in others):
            raise ValueError(f"result {place} overlaps another array")
    return _run(code, signature, constants, given, out)


def _run(
    code: Code,
    signature: Signature,
    constants: Sequence[Array],
    given: Sequence[Array],
    out: Sequence[Array] | None = None,
) -> list[Any] | int:
    made = [np.empty(r.shape, r.dtype) for r in signature.results] if out is None else out
    failed = int(_CORE(code.address("core"))(_table(given), _table(made), _table(constants)))
    if failed or out is not None:
        return failed or list(made)
    pairs = zip(made, signature.results, strict=True)
    return [array[()] if result.number else array for array, result in pairs]


def run_at(
    code: Code, arguments: Sequence[Array], results: Sequence[int], constants: Sequence[Array]
) -> int:
    """Call a core that writes its results to given addresses; tell which guard failed, or 0.

    Nothing is checked: arrays are C-ordered, of the kinds and shapes that the core was made for,
    and there is room at the addresses. Other threads may run meanwhile.
    """
    addresses = (ctypes.c_void_p * (len(results) + 1))(*results)
    core = _CORE(code.address("core"))
    return int(core(_table(arguments), addresses, _table(constants)))


def careful(
    code: Code, signature: Signature, constants: Sequence[Array], slow: Function, name: str
) -> Function:
    """Do in Python what `bind` has machine code do: nothing to compile, some 10 us a call."""
    wanted, constants = signature.arguments, [_plain(constant) for constant in constants]

    def function(*args: Any, **keywords: Any) -> Any:
        if keywords or len(args) != len(wanted) or not all(map(_fits, args, wanted)):
            return slow(*args, **keywords)
        given = [np.asarray(arg, w.dtype) for arg, w in zip(args, wanted, strict=True)]
        try:
            results = _run(code, signature, constants, given)
        except (MemoryError, ValueError):  # there is no room for the results
            return slow(*args)
        if isinstance(results, int):
            return slow(*args)
        return tuple(results) if signature.tuple_result else results[0]

    function.__name__ = function.__qualname__ = name
    return function


def _fits(arg: Any, wanted: Argument) -> bool:
    kind = type(arg)
    if wanted.number:
        return kind in _NUMBERS[wanted.dtype] and (kind is not int or -(2**63) <= arg < 2**63)
    return (
        kind is np.ndarray
        and arg.shape == wanted.shape
        and arg.dtype == layout.ELEMENTS[wanted.dtype]
        and arg.flags.c_contiguous
        and arg.flags.aligned
    )


def _check(array: Array, wanted: Argument | Result, which: str) -> None:
    if array.shape != wanted.shape or array.dtype != layout.ELEMENTS[wanted.dtype]:
        is_now = f"{array.dtype} of shape {array.shape}"
        raise ValueError(f"{which} is {is_now}, not {wanted.dtype} of shape {wanted.shape}")


def _plain(array: Array) -> Array:
    """Return an array itself if a core can read it, and else a copy."""
    return np.require(array, requirements=["C", "A"])


def _table(arrays: Sequence[Array]) -> Any:
    return (ctypes.c_void_p * (len(arrays) + 1))(*(array.ctypes.data for array in arrays))
