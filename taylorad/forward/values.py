"""The values that a sweep starts from, computed by NumPy's own loops.

A ufunc is a loop in C over numbers in memory. The machine code calls that loop directly: the values
are NumPy's to the last bit, without NumPy's warnings and without the cost of a call from Python.
Rows whose value is written in NumPy code are run on symbols, and the ufuncs recorded. What remains,
a power or a value of a user's, is computed by Python and given.

References
----------
.. [1] NumPy reference, *UFunc API* and *Python types and C-structures*: ``PyUFuncGenericFunction``,
   ``PyUFuncObject``.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from taylorad.forward.program import RATIONAL, Program, Step, Stream, Trace
from taylorad.forward.sweep import heads
from taylorad.forward.text import INSTRUCTIONS, Text, constant
from taylorad.primitives.registry import TABLE, Primitive

__all__ = ["Values", "values_text"]

_COMPARISONS: dict[Any, str] = {
    TABLE[np.equal]: "oeq",
    TABLE[np.not_equal]: "une",
    TABLE[np.less]: "olt",
    TABLE[np.less_equal]: "ole",
    TABLE[np.greater]: "ogt",
    TABLE[np.greater_equal]: "oge",
}
_LOGIC: dict[Any, str] = {
    TABLE[np.logical_and]: "and",
    TABLE[np.logical_or]: "or",
    TABLE[np.logical_xor]: "xor",
}


class Values(NamedTuple):
    """The text of a function that computes the heads of a sweep.

    ``text`` defines ``void @name(i64 lanes, ptr xs, ptr given, ptr loops, ptr heads, ptr work)``.
    ``xs`` are the addresses of coefficients of the arguments that move, ``given`` those of the
    values of ``lines``; ``loops`` has the address of the C function and its data for every one of
    ``loops``. It writes where the heads are to ``heads``, and works in memory for ``slots`` doubles
    a lane.
    """

    text: str
    lines: list[int]
    loops: list[int]
    slots: int


def values_text(program: Program, name: str) -> Values:
    """Write the values that a program's sweep starts from as a function."""
    return _Writer(program, name).written()


class _Double(Stream):
    """A symbol that is known to stand for doubles: a value may be written for each type."""

    @property
    def dtype(self) -> Any:
        """What NumPy is told."""
        return self.number_type


class _Trace(Trace):
    symbol = _Double


class _Writer:
    def __init__(self, program: Program, name: str) -> None:
        self.program = program
        self.given: list[int] = []
        self.places: dict[int, int] = {}  # of the lines of the program, in the trace
        self.trace = _Trace()
        for i in sorted(_needed(program)):
            self.places[i] = self.line(i).line
        self.text = Text(
            f"define void @{name}(i64 %lanes, ptr %xs, ptr %given, ptr %loops, ptr %heads, "
            "ptr %work)"
        )

    def line(self, i: int) -> Stream:
        step = self.program.steps[i]
        if i < self.program.arguments and step.moves:
            return self.trace.append(Step(None, (), {}, False), ("argument", i))
        row = step.primitive
        if row in RATIONAL or (row is not None and _is_ours(row)):
            before = self.trace.steps.copy(), self.trace.seen.copy()
            operands = [_Double(self.trace, self.places[j]) for j in step.operands]
            arithmetic = row in RATIONAL
            result = self.trace.record(row, operands, {}) if arithmetic else row.value(*operands)
            if isinstance(result, Stream) and all(map(_is_known, self.trace.steps)):
                return result
            self.trace.steps, self.trace.seen = before
        elif row is None and i >= self.program.arguments:
            return self.trace.constant(step.number)
        self.given.append(i)
        return self.trace.append(Step(None, (), {}, False), ("given", i))

    def written(self) -> Values:
        text, steps = self.text, self.trace.steps
        arrays = text.let("alloca [8 x ptr]")
        count, strides = text.let("alloca i64"), text.let("alloca [8 x i64]")
        text.store("%lanes", count, 0, "i64")
        for i in range(8):
            text.store("8", strides, i, "i64")
        source = {place: i for i, place in self.places.items() if steps[place].primitive is None}
        moving = [i for i in range(self.program.arguments) if self.program.steps[i].moves]
        self.slots: dict[int, str] = {}
        self.used = 0
        loops: list[int] = []
        for place, step in enumerate(steps):
            line = source.get(place)
            if step.primitive is not None:
                self.allot(place)
            elif line in moving:
                self.slots[place] = text.load("%xs", moving.index(line), "ptr")
            elif line in self.given:
                self.slots[place] = text.load("%given", self.given.index(line), "ptr")
        pending: list[int] = []
        for place, step in enumerate(steps):
            if step.primitive is None:
                continue
            if _is_arithmetic(step.primitive):
                pending.append(place)
                continue
            self.compute(pending)
            pending = []
            for i, operand in enumerate((*step.operands, place)):
                text.store(self.array(operand), arrays, i, "ptr")
            function, data = (text.load("%loops", len(loops) + i, "ptr") for i in range(2))
            found = _loop(step.primitive)
            assert found is not None
            loops += found
            text.do(f"call void {function}(ptr {arrays}, ptr {count}, ptr {strides}, ptr {data})")
        self.compute(pending)
        for i, line in enumerate(heads(self.program)):
            text.store(self.slots[self.places[line]], "%heads", i, "ptr")
        text.do("ret void")
        return Values(str(text), self.given, loops, self.used)

    def allot(self, place: int) -> None:
        self.slots[place] = self.text.at("%work", self.text.multiply(self.used, "%lanes"))
        self.used += 1

    def array(self, place: int) -> str:
        """Give where a value stands; a constant is written out first."""
        if place not in self.slots:
            x = constant(float(self.trace.steps[place].number))
            self.allot(place)
            self.text.loop(0, "%lanes", lambda l: self.text.store(x, self.slots[place], l))
        return self.slots[place]

    def compute(self, places: list[int]) -> None:
        """Write a loop over the lanes for lines that are arithmetic."""
        if not places:
            return
        text, steps = self.text, self.trace.steps

        def lane(l: str) -> None:
            known: dict[int, str] = {}

            def value(place: int) -> str:
                step = steps[place]
                if place in self.slots:
                    return known.get(place) or text.load(self.slots[place], l)
                return constant(float(step.number))

            for place in places:
                known[place] = _arithmetic(
                    text, steps[place].primitive, [value(j) for j in steps[place].operands]
                )
                text.store(known[place], self.slots[place], l)

        text.loop(0, "%lanes", lane)


def _needed(program: Program) -> Iterable[int]:
    """Give the heads of a program, and what they are computed from."""
    needed: set[int] = set()
    todo = heads(program)
    while todo:
        line = todo.pop()
        if line not in needed:
            needed.add(line)
            todo += program.steps[line].operands
    return needed


def _is_ours(row: Primitive) -> bool:
    """Tell whether a row's value may be run on symbols: a user's may depend on anything."""
    package = __name__.partition(".")[0]
    module = getattr(row.value, "__module__", None) or ""
    return isinstance(row.value, np.ufunc) or module.partition(".")[0] == package


def _is_known(step: Step) -> bool:
    row = step.primitive
    return row is None or _is_arithmetic(row) or _loop(row) is not None


def _is_arithmetic(row: Primitive) -> bool:
    return row in RATIONAL or row in _COMPARISONS or row in _LOGIC


def _arithmetic(text: Text, row: Any, operands: list[str]) -> str:
    if row in RATIONAL:
        return text.arithmetic(INSTRUCTIONS[row], *operands)
    if row in _COMPARISONS:
        truth = text.let(f"fcmp {_COMPARISONS[row]} double {', '.join(operands)}")
    else:
        truths = [text.let(f"fcmp une double {x}, 0.0") for x in operands]
        truth = text.let(f"{_LOGIC[row]} i1 {', '.join(truths)}")
    return text.let(f"uitofp i1 {truth} to double")


# --- where NumPy keeps its loops -------------------------------------------------------------

# Of a ufunc object, after its header: nin, nout, nargs, identity, functions, data, ntypes.
_COUNTS, _FUNCTIONS, _DATA, _TYPES = 16, 32, 40, 48


@cache
def _loop(row: Primitive) -> tuple[int, int] | None:
    """Give the addresses of a row's loop over doubles and of its data, if it is a ufunc's."""
    ufunc = row.value
    if not isinstance(ufunc, np.ufunc) or ufunc.nout != 1 or ufunc.signature is not None:
        return None
    wanted = "d" * ufunc.nin + "->d"
    if wanted not in ufunc.types or not _holds(ufunc):
        return None
    place = 8 * ufunc.types.index(wanted)
    functions, data = (_address(id(ufunc) + offset) for offset in (_FUNCTIONS, _DATA))
    return _address(functions + place), _address(data + place) if data else 0


def _holds(ufunc: Any) -> bool:
    """Tell whether a ufunc is laid out as it is documented."""
    counts = struct.unpack("3i", ctypes.string_at(id(ufunc) + _COUNTS, 12))
    (types,) = struct.unpack("i", ctypes.string_at(id(ufunc) + _TYPES, 4))
    return counts == (ufunc.nin, ufunc.nout, ufunc.nargs) and types == ufunc.ntypes


def _address(place: int) -> int:
    return int(ctypes.c_uint64.from_address(place).value)
