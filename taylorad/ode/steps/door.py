"""The door from Python into the cores: one built-in function, to which arguments come in a table.

To hand seven addresses to a core by ctypes takes longer than a few of its steps do. Here they are
written down once, behind the address of the core, and it is the address of this table that a call
takes. Other threads may run meanwhile.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from taylorad.machine.module import Code, build

__all__ = ["address", "door"]

ARGUMENTS = 7
"""Addresses that a core takes."""

_CALLED = (
    "PyLong_AsVoidPtr",
    "PyLong_FromLongLong",
    "PyEval_SaveThread",
    "PyEval_RestoreThread",
)
_METH_O = 0x8

_byte, _address = ctypes.c_char.from_buffer, ctypes.addressof

_LOCK = threading.Lock()


class _Method(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("entry", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("documentation", ctypes.c_char_p),
    ]


class _Door(NamedTuple):
    """The built-in function, and what CPython does not keep alive for it."""

    call: Callable[[int], int]
    code: Code
    method: _Method


def address(array: Any) -> int:
    """Give where the numbers of an array are: not empty, in C order, and free to be written.

    Its ``ctypes.data`` takes four times as long.
    """
    return _address(_byte(array))


def door() -> Callable[[int], int]:
    """Give the function that calls a core: takes the address of a table, gives what it returns.

    In the table are the address of the core and those that it takes. Nothing is checked.
    """
    with _LOCK:  # of two that were made at once one would go, and its code with it
        return _door().call


@lru_cache(maxsize=1)
def _door() -> _Door:
    api = ctypes.pythonapi
    symbols = {name: ctypes.cast(getattr(api, name), ctypes.c_void_p).value for name in _CALLED}
    code = build(_text(), level=1, symbols={k: v for k, v in symbols.items() if v})
    method = _Method(b"core", code.address("enter"), _METH_O, None)
    new = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    make: Any = new(("PyCFunction_NewEx", api))
    return _Door(make(ctypes.addressof(method), None, None), code, method)


def _text() -> str:
    lines = []
    for i in range(ARGUMENTS + 1):
        lines.append(f"%place{i} = getelementptr ptr, ptr %table, i64 {i}")
        lines.append(f"%address{i} = load ptr, ptr %place{i}")
    addresses = ", ".join(f"ptr %address{i + 1}" for i in range(ARGUMENTS))
    return "\n".join(
        [
            "declare ptr @PyLong_AsVoidPtr(ptr)",
            "declare ptr @PyLong_FromLongLong(i64)",
            "declare ptr @PyEval_SaveThread()",
            "declare void @PyEval_RestoreThread(ptr)",
            "define ptr @enter(ptr %self, ptr %number) {",
            "%table = call ptr @PyLong_AsVoidPtr(ptr %number)",
            *lines,
            "%thread = call ptr @PyEval_SaveThread()",
            f"%status = call i32 %address0({addresses})",
            "call void @PyEval_RestoreThread(ptr %thread)",
            "%wide = sext i32 %status to i64",
            "%result = call ptr @PyLong_FromLongLong(i64 %wide)",
            "ret ptr %result",
            "}",
            "",
        ]
    )
