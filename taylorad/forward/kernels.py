"""The sweeps of rows as functions that Python calls: coefficients in, new coefficients out.

A kernel is compiled when it is first wanted, in some milliseconds, and found on disk by later
processes. It says None where it is not sure (see `entry`): the recurrences in NumPy serve all
number types, strides and shapes, and find the words for what is singular. That they agree is a
matter of tests, for which `numpy_only` switches kernels off.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any

import numpy as np

from taylorad.dispatch import Value, number_type
from taylorad.forward.algebra import Algebra, aligned
from taylorad.forward.program import RATIONAL, NoProgram, Program, program
from taylorad.forward.recurrence import solve
from taylorad.primitives.elementwise import divide
from taylorad.primitives.linear import select
from taylorad.primitives.registry import Elementwise, Primitive

__all__ = ["Kernel", "kernel", "numpy_only"]


class Kernel:
    """The sweep of a row for one pattern of arguments that carry parts.

    Parameters
    ----------
    row : Primitive
    moving : tuple of bool
        Which arguments carry parts.

    Raises
    ------
    NoProgram
        If there can be none.
    """

    __slots__ = ("_call", "_carried", "_given", "_lines", "moving", "row")

    def __init__(self, row: Primitive, moving: tuple[bool, ...]) -> None:
        self.row, self.moving = row, moving
        self._lines = program(row, moving)
        self._carried = [i for i, moves in enumerate(moving) if moves]
        self._call: Any = None  # compiled when there are numbers for it
        self._given: Any = None

    def __call__(self, algebra: Algebra, xs: Sequence[Any]) -> Any:
        """Give the coefficients of the result, or None if it takes NumPy to compute them.

        Parameters
        ----------
        algebra : Algebra
        xs : sequence
            Coefficients of the arguments that carry parts, and values of the others.
        """
        if self._call is None and not self._is_ready_for(xs):
            return None
        table = algebra.table or _table(algebra)
        if self._given is None:
            c = self._call(table, *xs)
            return c if c is not None else self._spread(table, xs, ())
        coefficients = [xs[i] for i in self._carried]
        for c in coefficients:
            if type(c) is not np.ndarray:  # numbers of another transformation
                return None
        given = self._given(xs)
        c = self._call(table, *coefficients, *given)
        return c if c is not None else self._spread(table, coefficients, given)

    @property
    def is_compiled(self) -> bool:
        """Whether there is machine code."""
        return self._call is not None

    def without_code(self, algebra: Algebra, xs: Sequence[Any]) -> Any:
        """Do the same in NumPy, for what is not to be done often enough to compile it."""
        if not self._are_floats(xs):
            return None
        given = [x for x, moves in zip(xs, self.moving) if not moves]
        if any(isinstance(v, Value) or number_type(v).kind not in "fiub" for v in given):
            return None
        values = [x[0] if moves else x for x, moves in zip(xs, self.moving)]
        with np.errstate(all="ignore"):
            y0 = self.row.value(*values)
            c = solve(algebra, self.row, list(xs), self.moving, y0)
        if self._lines.steps[self._lines.result].primitive in _WITHOUT_POLES:
            return c
        return c if algebra.order and np.all(np.isfinite(c[algebra.degrees <= 1])) else None

    def _are_floats(self, xs: Sequence[Any]) -> bool:
        return all(type(xs[i]) is np.ndarray and xs[i].dtype == _FLOAT for i in self._carried)

    def _is_ready_for(self, xs: Sequence[Any]) -> bool:
        """Compile, if these are numbers that machine code is for."""
        if not self._are_floats(xs):
            return False
        try:
            call, given = _compiled(self._lines)
        except NoProgram:
            return False
        self._given = _given_values(self._lines, given)
        self._call = call
        return True

    def _spread(self, table: bytes, coefficients: Sequence[Any], given: Sequence[Any]) -> Any:
        """Call with arguments that are C-ordered and of one shape; not if they were already."""
        if any(type(c) is not np.ndarray or c.dtype != _FLOAT for c in coefficients) or any(
            isinstance(v, Value) or number_type(v).kind not in "fiub" for v in given
        ):
            return None
        values = [np.asarray(v) for v in given]
        shapes = [c.shape[1:] for c in coefficients]
        shape = np.broadcast_shapes(*shapes, *(v.shape for v in values))
        if (
            all(other == shape for other in shapes)
            and all(c.flags.c_contiguous and c.flags.aligned for c in coefficients)
            and all(v.dtype == _FLOAT and v.flags.c_contiguous for v in values)
            and all(v.shape in ((), shape) for v in values)
        ):
            return None
        size = len(coefficients[0])
        spread = [np.broadcast_to(aligned(c, len(shape)), (size, *shape)) for c in coefficients]
        spread += [np.broadcast_to(v, shape) for v in values]
        return self._call(table, *(np.array(x, float, order="C") for x in spread))


_FLOAT = np.dtype(float)
_ARITHMETIC = RATIONAL - {select}
_WITHOUT_POLES = RATIONAL - {divide}


@lru_cache(maxsize=1024)
def _kernel(row: Primitive | None, moving: tuple[bool, ...]) -> Kernel | None:
    """Give the kernel of a row for a pattern of arguments that carry parts, if it has one."""
    if not isinstance(row, Elementwise) and row not in _ARITHMETIC:
        return None
    try:
        return Kernel(row, moving)
    except NoProgram:
        return None


def _none(row: Primitive | None, moving: tuple[bool, ...]) -> Kernel | None:
    return None


kernel = _none if os.environ.get("TAYLORAD_KERNELS") == "0" else _kernel


@contextmanager
def numpy_only() -> Iterator[None]:
    """Compute series in NumPy throughout (for tests); ``TAYLORAD_KERNELS=0`` does it for good."""
    global kernel
    before, kernel = kernel, _none
    try:
        yield
    finally:
        kernel = before


def _given_values(
    lines: Program, wanted: list[int]
) -> Callable[[Sequence[Any]], Sequence[Any]] | None:
    """Give a function that computes the values a sweep is given, of the arguments."""
    steps = lines.steps
    if not wanted:
        return None

    def value(i: int, xs: Sequence[Any]) -> Any:
        step = steps[i]
        if step.primitive is not None:
            return step.primitive.value(*[value(j, xs) for j in step.operands])
        if i >= lines.arguments:
            return step.number
        x = xs[i]
        return x[0] if step.moves else float(x) if isinstance(x, int) else x

    if len(wanted) == 1 and wanted[0] < lines.arguments:  # the commonest: x + 1
        (only,) = wanted
        return lambda xs: (float(xs[only]) if type(xs[only]) is int else xs[only],)
    return lambda xs: [value(i, xs) for i in wanted]


# --- machine code ----------------------------------------------------------------------------


class _Method(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    ]


_FASTCALL = 0x80
_KEPT: list[Any] = []  # CPython does not keep alive what its built-in functions are made of


@cache
def _shared() -> Any:
    """Give the code that all kernels share, or None where there can be none."""
    try:
        from taylorad.machine import layout
        from taylorad.machine.module import build
    except (ImportError, OSError):
        return None
    if not layout.verified():
        return None
    from taylorad.forward.convolutions import convolutions_text
    from taylorad.forward.entry import entry_text
    from taylorad.forward.text import module

    symbols = {**layout.symbols(), "none": id(None)}
    return build(module(convolutions_text(), entry_text()), level=1, symbols=symbols)


def _table(algebra: Algebra) -> bytes:
    from taylorad.forward.convolutions import Table

    algebra.table = Table(algebra, _shared())
    return algebra.table


def _compiled(lines: Program) -> tuple[Callable[..., Any], list[int]]:
    """Give the machine code of a program as a built-in function, and the lines it is given."""
    shared = _shared()
    if shared is None:
        raise NoProgram("no compiler")
    from taylorad.forward.entry import MOST, SPECIFICATION
    from taylorad.forward.sweep import heads, sweep_text
    from taylorad.forward.text import module
    from taylorad.forward.values import values_text
    from taylorad.machine.module import build

    if max(lines.arguments, len(heads(lines))) > MOST:
        raise NoProgram("too many values")
    sweep, values = sweep_text(lines, "sweep"), values_text(lines, "values")
    code = build(module(sweep.text, values.text), level=1)
    specification = struct.pack(
        f"{len(SPECIFICATION) + len(values.loops)}Q",
        code.address("sweep"),
        code.address("values"),
        sum(step.moves for step in lines.steps[: lines.arguments]),
        len(values.lines),
        values.slots,
        sweep.arrays,
        sweep.sums,
        lines.steps[lines.result].primitive not in _WITHOUT_POLES,
        *values.loops,
    )
    method = _Method(b"sweep", shared.address("call"), _FASTCALL, None)
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.py_object]
    _KEPT.append((shared, code, method))
    return make(ctypes.addressof(method), specification, None), values.lines
