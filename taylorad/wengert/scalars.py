"""A list taken apart into scalars.

Every array becomes an array of line numbers. Rows that only move entries are applied to these as
they are to any array, elementwise rows entry by entry, and sums and products are written out. What
comes of it is a straight line of scalar operations, in which every entry that is the same as
another, or nothing, has gone. That pays for small programs, and for those whose derivatives have
few entries.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, reduce
from typing import Any

import numpy as np

from taylorad.dispatch.distinct import distinct
from taylorad.primitives import elementwise, linear
from taylorad.primitives.contraction import matmul_row
from taylorad.primitives.registry import (
    TABLE,
    Bilinear,
    Constant,
    Elementwise,
    LocalSeries,
    Primitive,
    lookup,
    rows,
)
from taylorad.wengert.arithmetic import FLOAT, NOTHING, Scalars
from taylorad.wengert.list import Guard, Line, WengertList
from taylorad.wengert.trace import convert
from taylorad.wengert.writer import pruned

__all__ = ["MOVES", "assembled", "expand"]

MOVES = frozenset(
    {
        *(linear.index, linear.scatter, linear.gather, linear.assign, linear.reshape),
        *(linear.transpose, linear.broadcast_to, linear.concatenate),
    }
)
"""Rows that only move entries, and pad."""

Numbers = np.ndarray[Any, np.dtype[np.int64]]
"""Line numbers in the places of an array's entries, `NOTHING` where it is padded."""


def expand(program: WengertList, limit: int) -> WengertList | None:
    """Take a program apart into scalar lines.

    Parameters
    ----------
    program : WengertList
    limit : int
        The most lines that may be written, constants apart.

    Returns
    -------
    WengertList or None
        The same program, with the same inputs, of which each entry that is used is a line, and the
        same outputs, which are put together by lines of `assemble`. None if it would have more
        lines than the limit, or has lines that cannot be taken apart: a matrix factorised, a
        function nothing is known of, places that depend on the numbers.
    """
    expansion = _Expansion(program, limit)
    try:
        return expansion.run()
    except _NotExpandable:
        return None


class _NotExpandable(Exception):
    """A program that is no straight line of scalars, or too long a one."""


class _Expansion:
    """The expansion of one program: for every line of it the numbers of its entries."""

    def __init__(self, program: WengertList, limit: int) -> None:
        self.program, self.limit = program, limit
        self.scalars = Scalars()
        self.rules = _rules(len(TABLE))
        self.numbers: list[Any] = []  # arrays, and integers for lines without axes

    def run(self) -> WengertList:
        program, scalars = self.program, self.scalars
        kinds = {line.dtype.str[1:] for line in program.lines if not line.is_constant}
        if not kinds <= {"f8", "i8", "b1"}:
            raise _NotExpandable
        for line in program.lines:
            if line.row is None:  # all of these, before any is taken apart
                self.room(math.prod(line.shape))
        inputs = {i: scalars.input(program[i].shape, program[i].dtype) for i in program.inputs}
        for i, line in enumerate(program.lines):
            scalars.origin = line.origin
            if i in inputs:
                numbers = self._entries(inputs[i], line)
            elif line.is_constant:
                numbers = self._constants(line.value)
            else:
                numbers = self._taken_apart(line)
            self.numbers.append(numbers if line.shape else int(numbers))
        self.room(0)
        scalars.origin = None
        out = scalars.list
        out.outputs = [
            assembled(scalars, np.asarray(self.numbers[i]), program[i].dtype)
            for i in program.outputs
        ]
        guards = (Guard(int(self.numbers[g.line]), g.expected, g.origin) for g in program.guards)
        out.guards = [g for g in dict.fromkeys(guards) if not scalars.lines[g.line].is_constant]
        return pruned(out)

    def room(self, entries: int) -> None:
        """Stop where there are too many lines already, or so many entries surely become too many.

        Entries that are the same, or nothing, cost nothing in the end; hence the margin.
        """
        if self.scalars.operations > self.limit or entries > _MARGIN * self.limit:
            raise _NotExpandable

    def _entries(self, number: int, line: Line) -> Any:
        if not line.shape:
            return number
        self.room(math.prod(line.shape))
        return np.array(self.scalars.entries(number), np.int64).reshape(line.shape)

    def _constants(self, value: Any) -> Any:
        if isinstance(value, (float, int)):
            return self.scalars.constant(value)
        value = np.asarray(value)
        self.room(value.size)
        write: Any = self.scalars.number if value.dtype.kind == "f" else self.scalars.constant
        return np.array([write(v) for v in value.ravel().tolist()], np.int64).reshape(value.shape)

    def _taken_apart(self, line: Line) -> Any:
        row, operands = line.row, [self.numbers[i] for i in line.operands]
        assert row is not None
        rule = self.rules.get(row)
        if row is linear.index and not line.shape:
            return operands[0][line.params["key"]]
        if rule is None:
            if not isinstance(row, (Elementwise, LocalSeries)):
                raise _NotExpandable
            rule = _each
        if rule is _each and not line.shape:  # short ways for what is scalar already
            self.room(1)
            scalars, more = self.scalars, (line.params, line.names, (), line.dtype)
            write = scalars.arithmetic(row) if line.dtype == FLOAT else None
            if write is not None:
                return write(*map(scalars.as_float, operands))
            return scalars.emit(row, tuple(operands), *more)
        return rule(self, line, [np.asarray(n) for n in operands])


def assembled(scalars: Scalars, numbers: Numbers, dtype: np.dtype[Any]) -> int:
    """Write the line that puts an array together, of which the entries have these numbers."""
    shape = numbers.shape
    if not shape:
        return scalars.actual(int(numbers))
    flat = numbers.ravel()
    places = np.flatnonzero(flat != NOTHING)
    entries, _, sources = distinct(flat[places])
    lines = [scalars.lines[i] for i in entries]
    if all(line.is_constant for line in lines):
        values = np.zeros(len(flat), dtype)
        values[places] = np.array([line.value for line in lines])[sources] if lines else 0
        return scalars.constant(values.reshape(shape))
    params = {"sources": sources, "places": places, "shape": shape}
    return scalars.emit(linear.assemble, tuple(entries.tolist()), params, (), shape, dtype)


_MARGIN = 4  # entries of an array to a line of the result

# --- rules: what a row does to arrays of line numbers ----------------------------------------

Rule = Callable[[_Expansion, Line, list[Numbers]], Numbers]


def _moved(self: _Expansion, line: Line, operands: list[Numbers]) -> Numbers:
    """Let a row that moves entries move the numbers; what it pads with, zeros, is nothing."""
    assert line.row is not None
    if line.names:
        raise _NotExpandable
    self.room(math.prod(line.shape))
    moved = line.row.value(*(np.asarray(n + 1) for n in operands), **line.params)
    return np.asarray(moved) - 1


def _select(self: _Expansion, line: Line, operands: list[Numbers]) -> Numbers:
    if not line.names:
        return _moved(self, line, operands)
    a, b, condition = operands
    lines = self.scalars.lines
    known = [lines[i].value for i in condition.ravel()]
    if None in known:
        return _each(self, line, operands)
    return np.where(np.reshape(known, condition.shape), a, b)


def _each(self: _Expansion, line: Line, operands: list[Numbers]) -> Numbers:
    """Write an elementwise row for each entry."""
    scalars, row, shape = self.scalars, line.row, line.shape
    assert row is not None
    self.room(math.prod(shape))
    write = scalars.arithmetic(row) if line.dtype == FLOAT else None
    columns = [_entries(n, shape) for n in operands]
    if write is not None:
        found = list(map(write, *_as_floats(self, line, columns)))
    else:
        found = [
            scalars.emit(row, entries, line.params, line.names, (), line.dtype)
            for entries in zip(*columns)
        ]
    return np.array(found, np.int64).reshape(shape)


def _entries(numbers: Numbers, shape: tuple[int, ...]) -> list[int]:
    """Give the entries of an array that is broadcast."""
    if numbers.shape != shape:
        if not numbers.shape:
            return [int(numbers)] * math.prod(shape)
        numbers = np.broadcast_to(numbers, shape)
    return numbers.ravel().tolist()


def _as_floats(self: _Expansion, line: Line, columns: list[list[int]]) -> list[list[int]]:
    """Give whole numbers and truth values among operands as floats."""
    sources = [self.program[i] for i in line.operands]
    if all(source.row is not None and source.dtype == FLOAT for source in sources):
        return columns
    return [[*map(self.scalars.as_float, column)] for column in columns]


def _power(self: _Expansion, line: Line, operands: list[Numbers]) -> Numbers:
    base, exponent = operands
    powers = [self.scalars.lines[i].value for i in exponent.ravel()]
    if line.dtype == FLOAT and all(p == 2 for p in powers):
        return _product(self, line, [base, base])
    return _each(self, line, operands)


def _product(self: _Expansion, line: Line, operands: list[Numbers]) -> Numbers:
    """Multiply entry by entry."""
    self.room(math.prod(line.shape))
    columns = _as_floats(self, line, [_entries(n, line.shape) for n in operands])
    return np.array([*map(self.scalars.multiply, *columns)], np.int64).reshape(line.shape)


def _assemble(self: _Expansion, line: Line, operands: list[Numbers]) -> Numbers:
    out = np.full(math.prod(line.shape), NOTHING)
    out[line.params["places"]] = np.array(operands)[line.params["sources"]]
    return out.reshape(line.shape)


def _sum(self: _Expansion, line: Line, operands: list[Numbers]) -> Numbers:
    (a,), axes = operands, line.params["axis"]
    kept = [i for i in range(a.ndim) if i not in axes]
    terms = np.transpose(a, (*kept, *axes)).reshape(math.prod(line.shape), -1)
    return _totals(self, line, terms.tolist())


def _totals(self: _Expansion, line: Line, terms: list[list[int]]) -> Numbers:
    """Write a sum for each list of terms."""
    scalars = self.scalars
    if line.dtype != FLOAT:
        raise _NotExpandable
    self.room(sum(map(len, terms)))
    found = [scalars.total(map(scalars.as_float, t)) for t in terms]
    return np.array(found, np.int64).reshape(line.shape)


def _segment_sum(self: _Expansion, line: Line, operands: list[Numbers]) -> Numbers:
    (a,), starts = operands, line.params["starts"]
    pieces = [np.split(entries, starts)[1:] for entries in a.reshape(-1, a.shape[-1])]
    return _totals(self, line, [piece.tolist() for entries in pieces for piece in entries])


def _scatter_add(self: _Expansion, line: Line, operands: list[Numbers]) -> Numbers:
    if line.names:
        raise _NotExpandable
    (g,) = operands
    places = line.params["places"]
    if g.ndim > places.ndim or np.shape(g) != np.shape(places):
        raise _NotExpandable
    terms: list[list[int]] = [[] for _ in range(math.prod(line.shape))]
    for place, number in zip(places.ravel().tolist(), g.ravel().tolist()):
        terms[place].append(number)
    return _totals(self, line, terms)


def _cumsum(self: _Expansion, line: Line, operands: list[Numbers]) -> Numbers:
    (a,), axis = operands, line.params["axis"]
    self.room(a.size)
    if line.dtype != FLOAT:
        raise _NotExpandable
    (flat,) = _as_floats(self, line, [a.ravel().tolist()])
    out = np.moveaxis(np.array(flat, np.int64).reshape(a.shape), axis, 0).copy()
    for i in range(1, len(out)):
        pairs = zip(out[i - 1].ravel().tolist(), out[i].ravel().tolist())
        out[i] = np.reshape([self.scalars.add(*pair) for pair in pairs], out[i].shape)
    return np.moveaxis(out, 0, axis)


def _matmul(self: _Expansion, line: Line, operands: list[Numbers]) -> Numbers:
    a, b = operands
    return _contracted(self, line, a[..., :, None, :], np.swapaxes(b, -1, -2)[..., None, :, :])


def _einsum(self: _Expansion, line: Line, operands: list[Numbers]) -> Numbers:
    inputs, out = line.params["subscripts"].split("->")
    labels = inputs.split(",")
    summed = [c for c in dict.fromkeys("".join(labels)) if c not in out]
    order = [*out, *summed]

    def aligned(a: Numbers, label: str) -> Numbers:
        a = np.transpose(a, [label.index(c) for c in order if c in label])
        return a[tuple(slice(None) if c in label else None for c in order)]

    a, b = map(aligned, operands, labels)
    whole = np.broadcast_shapes(a.shape, b.shape)
    flat = (*whole[: len(out)], math.prod(whole[len(out) :]))
    return _contracted(self, line, *(np.broadcast_to(n, whole).reshape(flat) for n in (a, b)))


def _contracted(self: _Expansion, line: Line, a: Numbers, b: Numbers) -> Numbers:
    """Multiply entry by entry and add up along the last axis."""
    if line.dtype != FLOAT:
        raise _NotExpandable
    shape = np.broadcast(a, b).shape
    self.room(2 * math.prod(shape))
    scalars, n = self.scalars, shape[-1]
    u, v = _as_floats(self, line, [_entries(numbers, shape) for numbers in (a, b)])
    starts = [n * k for k in range(math.prod(line.shape))]
    found = [scalars.total(map(scalars.multiply, u[k : k + n], v[k : k + n])) for k in starts]
    return np.array(found, np.int64).reshape(line.shape)


def _convolve(self: _Expansion, line: Line, operands: list[Numbers]) -> Numbers:
    """Write a convolution as products of the one with the other's windows, padded."""
    a, b = operands
    if a.shape[-1] < b.shape[-1]:
        a, b = b, a
    n, m = a.shape[-1], b.shape[-1]
    edge = [(0, 0)] * (a.ndim - 1) + [(m - 1, m - 1)]
    padded = np.pad(a, edge, constant_values=NOTHING)
    windows = np.lib.stride_tricks.sliding_window_view(padded, m, axis=-1)
    assert windows.shape[-2] == n + m - 1
    return _contracted(self, line, windows, b[..., None, ::-1])


def _among(self: _Expansion, line: Line, operands: list[Numbers]) -> Numbers:
    """Write any and all as chains of two."""
    assert line.row is not None
    if len(operands) != 1 or not line.params.keys() <= {"axis", "keepdims"}:
        raise _NotExpandable
    (a,) = operands
    scalars = self.scalars
    if not a.size or any(scalars.lines[i].dtype.kind != "b" for i in a.ravel()):
        raise _NotExpandable
    self.room(a.size)
    pair = lookup(np.logical_or if line.row.value is np.any else np.logical_and)
    assert isinstance(pair, Primitive)
    axis = line.params.get("axis")
    axes = range(a.ndim) if axis is None else np.atleast_1d(axis) % a.ndim
    kept = [i for i in range(a.ndim) if i not in axes]
    chains = np.transpose(a, (*kept, *axes)).reshape(math.prod(line.shape), -1).tolist()

    def both(a: int, b: int) -> int:
        return scalars.emit(pair, (a, b), {}, (), (), line.dtype)

    return np.array([reduce(both, chain) for chain in chains], np.int64).reshape(line.shape)


@cache
def _rules(size: int) -> dict[Primitive, Rule]:
    """Give the rules; made anew when rows have come into the table."""
    known = [row for row in rows() if isinstance(row, Constant)]
    named = {row.name: row for row in rows() if isinstance(row, Bilinear)}
    return {
        # Constant rows act entry by entry if they stand for a ufunc.
        **{row: _each for row in known if isinstance(row.value, np.ufunc) or row is convert},
        **{row: _each for f, row in TABLE.items() if isinstance(f, np.ufunc)},
        **{row: _among for row in known if row.value in (np.any, np.all)},
        **dict.fromkeys(MOVES, _moved),
        linear.select: _select,
        linear.assemble: _assemble,
        linear.sum_: _sum,
        linear.segment_sum: _segment_sum,
        linear.scatter_add: _scatter_add,
        linear.cumsum: _cumsum,
        elementwise.power: _power,
        matmul_row: _matmul,
        named["einsum"]: _einsum,
        named["convolve"]: _convolve,
    }
