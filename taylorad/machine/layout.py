"""Where CPython and NumPy keep what a compiled call reads, and proof that they do.

A compiled call looks into its arguments itself, as any extension module written in C does; only
that C's headers are not there to say where things are. So the places are written down here, and
`verified` compares, on objects of this process, what is read there with what Python says. Where
it says no, calls go the careful way through NumPy (see `taylorad.machine.call`).
"""

from __future__ import annotations

import ctypes
import platform
import struct
import sys
import sysconfig
from functools import cache
from typing import Any

import numpy as np

__all__ = [
    "ALIGNED_AND_C_ORDERED",
    "BYTES_CONTENT",
    "DTYPE_NUMBER",
    "DTYPE_ORDER",
    "ELEMENTS",
    "FLAGS",
    "DATA",
    "DIMENSIONS",
    "DTYPE",
    "NDIM",
    "SCALAR_VALUE",
    "TUPLE_ITEMS",
    "TYPE",
    "symbols",
    "verified",
]

TYPE = 8  # of any object
# Of an array:
DATA, NDIM, DIMENSIONS, DTYPE, FLAGS = 16, 24, 32, 56, 64
ALIGNED_AND_C_ORDERED = 0x101
# Of a dtype: its byte order is one character, '=' or '|' where it is the machine's.
DTYPE_ORDER, DTYPE_NUMBER = 26, 28
SCALAR_VALUE = 16  # of float, complex and NumPy's scalars of fixed size
TUPLE_ITEMS = tuple.__basicsize__
BYTES_CONTENT = bytes.__basicsize__ - 1

ELEMENTS = {name: np.dtype(name) for name in ("float64", "complex128", "int64", "bool")}

_CALLED = [
    "PyErr_Clear",
    "PyEval_RestoreThread",
    "PyEval_SaveThread",
    "PyLong_AsLongLongAndOverflow",
    "PyObject_Vectorcall",
    "PyTuple_New",
    "Py_DecRef",
    "Py_IncRef",
]
_NEW_FROM_DESCR, _ARRAY_TYPE, _ABI_VERSION = 94, 2, 0  # in NumPy's table of C functions
_SLOT_ALLOC = 47  # Py_tp_alloc, of the stable ABI


@cache
def verified() -> bool:
    """Say whether everything is where this module says it is, in this process."""
    # What differs by design, some of it not safe to look at.
    if (
        platform.python_implementation() != "CPython"
        or sysconfig.get_config_var("Py_GIL_DISABLED")
        or hasattr(sys, "gettotalrefcount")
        or struct.calcsize("P") != 8
        or sys.byteorder != "little"
        or np.ndarray.__basicsize__ < FLAGS + 4
        or np.dtype.__basicsize__ < DTYPE_NUMBER + 4
    ):
        return False
    try:
        return _arrays_hold() and _scalars_hold() and _containers_hold() and _table_holds()
    except (AttributeError, TypeError, ValueError):
        return False


@cache
def symbols() -> dict[str, int]:
    """Return the addresses of what compiled calls refer to by name."""
    api = ctypes.pythonapi
    found = {name: ctypes.cast(getattr(api, name), ctypes.c_void_p).value for name in _CALLED}
    found["PyArray_NewFromDescr"] = _table()[_NEW_FROM_DESCR]
    for name, dtype in ELEMENTS.items():
        found[f"{name}_dtype"] = id(dtype)
        found[f"{name}_type"] = id(dtype.type)
        found[f"{name}_alloc"] = _slot(dtype.type, _SLOT_ALLOC)
    found |= {"array_type": id(np.ndarray), "True_": id(np.True_), "False_": id(np.False_)}
    found |= {f"python_{kind.__name__}": id(kind) for kind in (float, complex, int)}
    if not all(found.values()):
        raise AttributeError("CPython or NumPy lacks a C function")
    return {name: address for name, address in found.items() if address is not None}


def _read(thing: object, offset: int, kind: str) -> Any:
    """Read a number inside an object, at a place known to be in its memory."""
    return struct.unpack(kind, ctypes.string_at(id(thing) + offset, struct.calcsize(kind)))[0]


def _arrays_hold() -> bool:
    shapes: list[tuple[int, ...]] = [(), (3,), (2, 5), (4, 0, 1), (1, 1, 7, 2)]
    arrays = [np.zeros(shape, dtype) for shape in shapes for dtype in ELEMENTS.values()]
    arrays += [np.zeros((4, 6))[::2, 1:], np.zeros((3, 2)).T, np.zeros(3, ">f8"), np.zeros(2, "i2")]
    arrays += [np.frombuffer(bytes(17), dtype="f8", count=2, offset=1)]
    for array in arrays:
        if (
            _read(array, TYPE, "P") != id(np.ndarray)
            or _read(array, DATA, "P") != array.ctypes.data
            or _read(array, NDIM, "i") != array.ndim
            or _read(array, DTYPE, "P") != id(array.dtype)
            or _read(array, FLAGS, "i") != array.flags.num
            or _read(array.dtype, DTYPE_NUMBER, "i") != array.dtype.num
            or _read(array.dtype, DTYPE_ORDER, "c") != array.dtype.byteorder.encode()
        ):
            return False
        # Only now that so much agrees: what is there is a pointer to the lengths.
        lengths = _read(array, DIMENSIONS, "P")
        if array.ndim and ctypes.string_at(lengths, 8 * array.ndim) != struct.pack(
            f"{array.ndim}q", *array.shape
        ):
            return False
    contiguous, transposed, unaligned = np.zeros((2, 2)), arrays[-4], arrays[-1]
    return [
        array.flags.num & ALIGNED_AND_C_ORDERED == ALIGNED_AND_C_ORDERED
        for array in (contiguous, transposed, unaligned)
    ] == [True, False, False]


def _scalars_hold() -> bool:
    pairs = [(2.5, "d"), (np.float64(-1.5), "d"), (np.int64(-7), "q"), (np.True_, "?")]
    halves = [(1.5 + 2j, "d"), (np.complex128(1.5 + 2j), "d")]
    return (
        all(_read(number, SCALAR_VALUE, kind) == number for number, kind in pairs)
        and all(_read(number, SCALAR_VALUE, kind) == number.real for number, kind in halves)
        and all(_read(number, SCALAR_VALUE + 8, kind) == number.imag for number, kind in halves)
    )


def _containers_hold() -> bool:
    content, items = b"what bytes hold", (object(), object())
    return ctypes.string_at(id(content) + BYTES_CONTENT, len(content)) == content and all(
        _read(items, TUPLE_ITEMS + 8 * i, "P") == id(item) for i, item in enumerate(items)
    )


def _table_holds() -> bool:
    table = _table()
    if table[_ARRAY_TYPE] != id(np.ndarray):
        return False
    # The order of the table is part of the ABI, whose version is its first function.
    abi = ctypes.PYFUNCTYPE(ctypes.c_uint)(table[_ABI_VERSION] or 0)()
    return abi >> 24 == 2 and bool(symbols())


def _table() -> Any:
    unpack = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
    capsule = np._core._multiarray_umath._ARRAY_API  # type: ignore[attr-defined]
    pointer = unpack(("PyCapsule_GetPointer", ctypes.pythonapi))(capsule, None)
    return ctypes.cast(pointer, ctypes.POINTER(ctypes.c_void_p))


def _slot(kind: type, slot: int) -> int | None:
    get = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_int)
    address: int | None = get(("PyType_GetSlot", ctypes.pythonapi))(kind, slot)
    return address
