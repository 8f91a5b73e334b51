"""Programs that do the same to every entry along the last axis: straight-line code in one loop.

A series expanded about a thousand points is a thousand series. The program of one of them, a
*lane*, is taken apart into scalars, and runs on vectors that hold several lanes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from taylorad.compiler.emitter import literal
from taylorad.compiler.lowered import Lowered
from taylorad.compiler.opening import is_plain
from taylorad.compiler.straight import MEMORY, Lowering
from taylorad.compiler.vectors import Vectors
from taylorad.machine.features import has_fma, processor
from taylorad.machine.mathematics import definitions
from taylorad.machine.vectors import vector
from taylorad.primitives import linear
from taylorad.primitives.contraction import matmul_row
from taylorad.primitives.registry import Primitive
from taylorad.wengert.list import Line, WengertList
from taylorad.wengert.scalars import expand

__all__ = ["lower"]

FEWEST = 8
"""A program of fewer lanes is taken apart as a whole, or becomes loops."""


def lower(program: WengertList, limit: int, share: tuple[int, int] = (0, 1)) -> Lowered | None:
    """Lower a program lane by lane.

    Parameters
    ----------
    program : WengertList
    limit : int
        The most scalar lines that one lane may have.
    share : (int, int), optional
        Which of how many equal parts of the lanes the loop is to run over.

    Returns
    -------
    Lowered or None
        None if lanes mix, or are too few, or too long.
    """
    count = max((program[i].shape[-1] for i in program.inputs if program[i].shape), default=0)
    if count < FEWEST:
        return None
    try:
        lane = _Lane(program, count, share)
    except _LanesMix:
        return None
    small = expand(lane.program, limit)
    return None if small is None else _lowered(small, lane)


class _LanesMix(Exception):
    """The entries along the last axis do not stay apart."""


class _Lane:
    """One lane of a program: the same program, with a last axis of length 1.

    Attributes
    ----------
    program : WengertList
        Constants that differ from lane to lane are inputs, behind the others.
    arguments, results : list of bool
        Which inputs and outputs have lanes; all outputs must.
    constants : list of ndarray
        The constants that became inputs.
    count : int
    span : range
        The lanes to run over.
    """

    def __init__(self, program: WengertList, count: int, share: tuple[int, int] = (0, 1)) -> None:
        self.count = count
        k, parts = share
        self.span = range(count * k // parts, count * (k + 1) // parts)
        self.whole = program
        self.has_lanes: list[bool] = []
        self.program = WengertList(
            inputs=list(program.inputs), outputs=list(program.outputs), guards=program.guards
        )
        self.constants: list[Any] = []
        self._constants: list[int] = []
        self._only_guards = {
            i
            for guard in program.guards
            for i in [guard.line]
            if _holds_lane_by_lane(program[i], guard.expected) and i not in program.outputs
        }
        for number, line in enumerate(program.lines):
            if number in self._only_guards and any(number in x.operands for x in program.lines):
                self._only_guards.discard(number)
            self._add(number, line)
        if not all(self.has_lanes[i] for i in program.outputs):
            raise _LanesMix
        for number in self._constants:  # last, for there may be a lot to compare
            self._settle(number)
        self.arguments = [self.has_lanes[i] for i in self.program.inputs]
        self.results = [True] * len(program.outputs)

    def _add(self, number: int, line: Line) -> None:
        if line.row is None:
            self._add_leaf(number, line)
            return
        lanes = [self.has_lanes[i] for i in line.operands]
        if not any(lanes):
            self._append(line, line.shape, line.params, False)
            return
        rule = _RULES.get(line.row)
        if number in self._only_guards:
            self._append(line, line.shape, line.params, False)
        elif rule is not None:
            params = rule(self, line)
            self._append(line, self._shape(line), params, True)
        elif is_plain(line, self.whole):
            for i, mine in zip(line.operands, lanes, strict=True):
                shape = self.whole[i].shape
                if not mine and shape and shape[-1] != 1:
                    raise _LanesMix
            self._append(line, self._shape(line), line.params, True)
        else:
            raise _LanesMix

    def _add_leaf(self, number: int, line: Line) -> None:
        mine = line.shape[-1:] == (self.count,)
        if not line.is_constant or not mine:
            self._append(line, self._shape(line) if mine else line.shape, {}, mine)
            return
        self._append(line, self._shape(line), {}, True)
        self._constants.append(number)

    def _settle(self, number: int) -> None:
        """Make a constant one number of the lane, or an input if it differs from lane to lane."""
        line, mine = self.whole[number], self.program.lines[number]
        first = line.value[..., :1]
        if np.array_equal(np.broadcast_to(first, line.shape), line.value, equal_nan=True):
            mine.value = first
        else:
            self.program.inputs.append(number)
            self.constants.append(line.value)

    def _append(self, line: Line, shape: tuple[int, ...], params: Any, lanes: bool) -> None:
        value = None if lanes else line.value
        self.program.lines.append(
            Line(line.row, line.operands, params, line.names, shape, line.dtype, value, line.origin)
        )
        self.has_lanes.append(lanes)

    def _shape(self, line: Line) -> tuple[int, ...]:
        if line.shape[-1:] != (self.count,):
            raise _LanesMix
        return (*line.shape[:-1], 1)

    # --- rules: parameters for one lane ---

    def keyed(self, line: Line, shape: tuple[int, ...]) -> None:
        """Check that a key takes all of the last axis of a shape, and leaves it last."""
        strides = (*(0,) * (len(shape) - 1), 1)
        marked = np.lib.stride_tricks.as_strided(
            np.empty(math.prod(shape), np.bool_), shape, strides
        )
        part = marked[line.params["key"]]
        if part.shape[-1:] != (self.count,) or part.strides[-1] != 1 or any(part.strides[:-1]):
            raise _LanesMix


def _holds_lane_by_lane(line: Line, expected: bool) -> bool:
    """Tell whether a choice comes out as expected if it does so in every lane."""
    whole = line.row is not None and not line.shape and not line.params
    value = line.row.value if line.row is not None else None
    return whole and ((value is np.any and not expected) or (value is np.all and expected))


# --- rules -----------------------------------------------------------------------------------


def _index(lane: _Lane, line: Line) -> Any:
    lane.keyed(line, lane.whole[line.operands[0]].shape)
    return line.params


def _scatter(lane: _Lane, line: Line) -> Any:
    lane.keyed(line, line.shape)
    return line.params | {"shape": (*line.params["shape"][:-1], 1)}


def _assign(lane: _Lane, line: Line) -> Any:
    lane.keyed(line, line.shape)
    if not lane.has_lanes[line.operands[0]]:
        raise _LanesMix
    return line.params


def _reshape(lane: _Lane, line: Line) -> Any:
    return line.params | {"shape": (*line.params["shape"][:-1], 1)}


def _transpose(lane: _Lane, line: Line) -> Any:
    if line.params["axes"][-1] != len(line.shape) - 1:
        raise _LanesMix
    return line.params


def _along(lane: _Lane, line: Line) -> Any:
    axis = line.params["axis"]
    rank = len(lane.whole[line.operands[0]].shape)
    if rank - 1 in (axis if isinstance(axis, tuple) else (axis,)):
        raise _LanesMix
    return line.params


def _concatenate(lane: _Lane, line: Line) -> Any:
    if not all(lane.has_lanes[i] for i in line.operands):
        raise _LanesMix
    return _along(lane, line)


def _select(lane: _Lane, line: Line) -> Any:
    if line.names:
        return line.params
    condition = np.asarray(line.params["condition"])
    if condition.shape[-1:] != (lane.count,):
        return line.params
    first = condition[..., :1]
    if not np.array_equal(np.broadcast_to(first, condition.shape), condition):
        raise _LanesMix
    return line.params | {"condition": first}


def _matmul(lane: _Lane, line: Line) -> Any:
    a, b = line.operands
    if lane.has_lanes[a] or not lane.has_lanes[b]:
        raise _LanesMix
    return line.params


_RULES: dict[Primitive, Callable[[_Lane, Line], Any]] = {
    linear.index: _index,
    linear.scatter: _scatter,
    linear.assign: _assign,
    linear.reshape: _reshape,
    linear.broadcast_to: _reshape,
    linear.transpose: _transpose,
    linear.sum_: _along,
    linear.cumsum: _along,
    linear.concatenate: _concatenate,
    linear.select: _select,
    matmul_row: _matmul,
}


# --- the loop --------------------------------------------------------------------------------

_HEADER = "i32 @{}(ptr noalias %arguments, ptr noalias %results, ptr noalias %constants)"


def _lowered(small: WengertList, lane: _Lane) -> Lowered:
    """Write the loop over the lanes, and again for what the fast functions are not made for."""
    fast = _Loop(small, lane, careful=False)
    functions, declarations = fast.emitter.functions, fast.emitter.declarations
    helpers = fast.emitter.helpers.values()
    loops = [fast]
    text = []
    if fast.emitter.beyond:
        loops.append(_Loop(small, lane, careful=True))
        functions |= loops[1].emitter.functions
        declarations |= loops[1].emitter.declarations
        call = "call i32 @{}(ptr %arguments, ptr %results, ptr %constants)"
        text = [
            f"define {_HEADER.format('core')} {{",
            f"  %code = {call.format('fast')}",
            "  %odd = icmp eq i32 %code, 2",
            "  br i1 %odd, label %again, label %done",
            "again:",
            f"  %careful = {call.format('careful')}",
            "  ret i32 %careful",
            "done:",
            "  ret i32 %code",
            "}",
        ]
    for loop, name in zip(loops, ("fast", "careful") if text else ("core",), strict=True):
        linkage = "internal " if text else ""
        text += [f"define {linkage}{_HEADER.format(name)} {{", *loop.text, "}"]
    every = definitions(functions, fma=has_fma(), declared=declarations)
    flops = sum(line.dtype.kind == "f" and line.row is not None for line in small.lines)
    return Lowered(
        "\n".join([*sorted(declarations), every, *helpers, *text, ""]),
        [np.ascontiguousarray(c) for c in lane.constants],
        notes=[f"the same {flops} operations for each of {len(lane.span)} lanes"],
        flops=flops * len(lane.span),
        level=1,
    )


class _Loop(Lowering):
    """The text of the loop over the lanes around the straight line of one."""

    def __init__(self, program: WengertList, lane: _Lane, careful: bool) -> None:
        count = len(lane.span)
        width = 1 if careful else min(processor().vector_bits // 64, 1 << count.bit_length() - 1)
        super().__init__(program, Vectors(lanes=width, careful=careful))
        self.emitter: Vectors
        self.lane, self.width = lane, width
        self.with_lanes = {f"%x{k}" for k, mine in enumerate(lane.arguments) if mine} | {
            f"%r{k}" for k, mine in enumerate(lane.results) if mine
        }
        self._write()

    def _write(self) -> None:
        """Write guards and results of one lane."""
        program, given = self.program, len(self.lane.whole.inputs)
        for k, number in enumerate(program.inputs):
            table, place = ("%arguments", k) if k < given else ("%constants", k - given)
            pointer = self._named(self._address(table, place, "ptr"))
            self._put(f"%x{k} = load ptr, ptr {pointer}")
            self.sources[number] = f"%x{k}"
        for k in range(len(program.outputs)):
            pointer = self._named(self._address("%results", k, "ptr"))
            self._put(f"%r{k} = load ptr, ptr {pointer}")
        self._put("br label %loop")
        self.text.append("loop:")
        self._put(f"%i = phi i64 [ {self.lane.span.start}, %0 ], [ %next, %loop ]")
        self._put("%flags = phi i64 [ 0, %0 ], [ %more, %loop ]")
        span, put = self.lane.span, self.emitter.instruction
        # The last vector overlaps the one before if it must.
        self._put(f"%first = call i64 @llvm.umin.i64(i64 %i, i64 {span.stop - self.width})")
        self.emitter.declarations.add("declare i64 @llvm.umin.i64(i64, i64)")
        wrong = [
            put(f"xor i1 {self._value(g.line)}, {'true' if g.expected else 'false'}")
            for g in program.guards
        ]
        for k, output in enumerate(program.outputs):
            self._results(k, output)
        flags = "%flags"
        for bit, condition in [*((1, c) for c in wrong), (2, self.emitter.any_beyond())]:
            if condition:
                mark = put(f"select i1 {self.emitter.any(condition)}, i64 {bit}, i64 0")
                flags = put(f"or i64 {flags}, {mark}")
        self._put(f"%more = or i64 {flags}, 0")
        self._put(f"%next = add nuw nsw i64 %i, {self.width}")
        self._put(f"%again = icmp ult i64 %next, {span.stop}")
        self._put("br i1 %again, label %loop, label %end")
        self.text.append("end:")
        # Where the fast functions are not to be trusted, nor are the guards.
        self._put("%odd = icmp uge i64 %more, 2")
        self._put("%wrong = trunc i64 %more to i32")
        self._put("%code = select i1 %odd, i32 2, i32 %wrong")
        self._put("ret i32 %code")

    def _results(self, k: int, number: int) -> None:
        line = self.lines[number]
        size = math.prod(line.shape)
        if line.row is not linear.assemble:  # constants
            values = np.ravel(line.value)
            for place in range(size):
                self._store(f"%r{k}", place, line, literal(values[place], line.dtype.kind))
            return
        places, sources = line.params["places"].tolist(), line.params["sources"].tolist()
        for place in {*range(size)}.difference(places):
            self._store(f"%r{k}", place, line, literal(0, line.dtype.kind))
        for place, source in zip(places, sources, strict=True):
            self._store(f"%r{k}", place, line, self._value(line.operands[source]))

    def _address(self, base: str, place: int, kind: str) -> str:
        if base not in self.with_lanes:
            return super()._address(base, place, kind)
        here = self.emitter.plain(f"getelementptr inbounds {kind}, ptr {base}, i64 %first")
        return super()._address(here, place * self.lane.count, kind)

    def _arithmetic(self, instruction: str) -> str:
        return self.emitter.instruction(instruction)

    def _load(self, source: str, kind: str, pointer: str) -> str:
        if source not in self.with_lanes or self.width == 1:
            return super()._load(source, kind, pointer)
        size = 1 if kind == "i8" else 8
        return self.emitter.vector(f"load {vector(kind, self.width)}, ptr {pointer}, align {size}")

    def _store(self, base: str, place: int, line: Line, value: str) -> None:
        if self.width == 1:
            super()._store(base, place, line, value)
            return
        kind, size = MEMORY[line.dtype.kind]
        if kind == "i8":
            value = self.emitter.instruction(f"zext i1 {value} to i8")
        pointer = self._named(self._address(base, place, kind))
        value = f"{vector(kind, self.width)} {self.emitter.spread(value, kind)}"
        self._put(f"store {value}, ptr {pointer}, align {size}")
