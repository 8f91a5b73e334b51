"""What rows do to arrays of which every entry is a line of its own.

Every array is a list of line numbers. Rows that only move entries move these as they do any, which
is found out once for all lines that are alike; elementwise rows are written entry by entry, and
sums and products are written out. Rows that depend on the order of numbers have rules in
`choosing`, and linear systems in `elimination`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, reduce
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from taylorad.primitives import elementwise, linear, selection
from taylorad.primitives.contraction import matmul_row
from taylorad.primitives.linalg import solve_row
from taylorad.primitives.registry import (
    TABLE,
    Bilinear,
    Constant,
    Primitive,
    lookup,
    rows,
)
from taylorad.wengert import choosing, elimination
from taylorad.wengert.arithmetic import FLOAT, NOTHING, NotExpandable, Numbers
from taylorad.wengert.list import Line
from taylorad.wengert.trace import convert

if TYPE_CHECKING:
    from taylorad.wengert.scalars import Expansion

__all__ = ["MOVES", "Array", "Arrangement", "each", "rules_of"]

MOVES = frozenset(
    {
        *(linear.index, linear.scatter, linear.gather, linear.assign, linear.reshape),
        *(linear.transpose, linear.broadcast_to, linear.concatenate),
    }
)
"""Rows that only move entries, and pad."""

Array = np.ndarray[Any, Any]

Arrangement = Callable[..., list[Array]]


Rule = Callable[["Expansion", Line, list[Numbers]], Numbers]
"""Gives the entries of a line from those of its operands."""


def _moved(self: Expansion, line: Line, operands: list[Numbers]) -> Numbers:
    """Let a row that moves entries move the numbers; what it pads with, zeros, is nothing."""
    if line.names:
        return choosing.gathered(self, line, operands)
    (found,) = self.arranged(line, operands, _as_moved)
    return found


def _as_moved(line: Line, *entries: Array) -> list[Array]:
    assert line.row is not None
    return [np.asarray(line.row.value(*entries, **line.params))]


def _reshape(self: Expansion, line: Line, operands: list[Numbers]) -> Numbers:
    return operands[0]


def _select(self: Expansion, line: Line, operands: list[Numbers]) -> Numbers:
    if not line.names:
        return _moved(self, line, operands)
    lines = self.scalars.lines
    known = [lines[i].value for i in operands[2]]
    if None in known:
        return each(self, line, operands)
    chosen = zip(*self.columns(line, operands))
    return [a if lines[condition].value else b for a, b, condition in chosen]


def each(self: Expansion, line: Line, operands: list[Numbers]) -> Numbers:
    """Write an elementwise row for each entry."""
    scalars, row = self.scalars, line.row
    assert row is not None
    write = scalars.arithmetic(row) if line.dtype == FLOAT else None
    columns = self.columns(line, operands)
    if write is not None:
        return list(map(write, *self.floats(line, columns)))
    if False not in [self.are_floats[i] for i in line.operands]:
        more = line.params, line.names, (), line.dtype
        return [scalars.emit(row, entries, *more) for entries in zip(*columns)]
    return [choosing.applied(self, row, entries, line) for entries in zip(*columns)]


def _power(self: Expansion, line: Line, operands: list[Numbers]) -> Numbers:
    powers = [self.scalars.lines[i].value for i in operands[1]]
    if line.dtype == FLOAT and all(p == 2 for p in powers):
        base, _ = self.floats(line, self.columns(line, operands))
        return [*map(self.scalars.multiply, base, base)]
    return each(self, line, operands)


def _assemble(self: Expansion, line: Line, operands: list[Numbers]) -> Numbers:
    out = [NOTHING] * math.prod(line.shape)
    for place, source in zip(line.params["places"].tolist(), line.params["sources"].tolist()):
        (out[place],) = operands[source]
    return out


def _sum(self: Expansion, line: Line, operands: list[Numbers]) -> Numbers:
    (terms,) = self.arranged(line, operands, _as_terms)
    return _totals(self, line, _cut(terms, math.prod(line.shape)))


def _as_terms(line: Line, a: Array) -> list[Array]:
    axes = line.params["axis"]
    kept = [i for i in range(a.ndim) if i not in axes]
    return [np.transpose(a, (*kept, *axes))]


def _cut(terms: Numbers, count: int) -> list[Numbers]:
    """Cut a list into pieces of one length."""
    size = len(terms) // max(count, 1)
    return [terms[k * size : (k + 1) * size] for k in range(count)]


def _totals(self: Expansion, line: Line, terms: list[Numbers]) -> Numbers:
    """Write a sum for each list of terms."""
    scalars = self.scalars
    self.room(sum(map(len, terms)))
    if line.dtype != FLOAT:
        return [choosing.counted(self, t, line) for t in terms]
    return [scalars.total(map(scalars.as_float, t)) for t in terms]


def _segment_sum(self: Expansion, line: Line, operands: list[Numbers]) -> Numbers:
    (length,) = self.lines[line.operands[0]].shape[-1:]
    ends = [*line.params["starts"].tolist(), length]
    rows = _cut(operands[0], len(operands[0]) // max(length, 1))
    return _totals(self, line, [row[i:k] for row in rows for i, k in pairwise(ends)])


def _scatter_add(self: Expansion, line: Line, operands: list[Numbers]) -> Numbers:
    if line.names:
        raise NotExpandable
    places = line.params["places"]
    if self.lines[line.operands[0]].shape != np.shape(places):
        raise NotExpandable
    terms: list[Numbers] = [[] for _ in range(math.prod(line.shape))]
    for place, number in zip(places.ravel().tolist(), operands[0]):
        terms[place].append(number)
    return _totals(self, line, terms)


def _cumsum(self: Expansion, line: Line, operands: list[Numbers]) -> Numbers:
    axis = line.params["axis"]
    if line.dtype != FLOAT:
        raise NotExpandable
    (flat,) = self.floats(line, operands)
    out = np.moveaxis(np.array(flat, np.int64).reshape(line.shape), axis, 0).copy()
    for i in range(1, len(out)):
        pairs = zip(out[i - 1].ravel().tolist(), out[i].ravel().tolist())
        out[i] = np.reshape([self.scalars.add(*pair) for pair in pairs], out[i].shape)
    found: Numbers = np.moveaxis(out, 0, axis).ravel().tolist()
    return found


def _contraction(arrange: Arrangement) -> Rule:
    """Make the rule of a product that is added up along the last axis of what is multiplied."""

    def rule(self: Expansion, line: Line, operands: list[Numbers]) -> Numbers:
        if line.dtype != FLOAT:
            raise NotExpandable
        count, multiply = math.prod(line.shape), self.scalars.multiply
        columns = self.floats(line, self.arranged(line, operands, arrange))
        factors = zip(*(_cut(column, count) for column in columns))
        return [self.scalars.total(map(multiply, *some)) for some in factors]

    return rule


def _as_matmul(line: Line, a: Array, b: Array) -> list[Array]:
    factors = a[..., :, None, :], np.swapaxes(b, -1, -2)[..., None, :, :]
    return [*np.broadcast_arrays(*factors)]


def _as_einsum(line: Line, a: Array, b: Array) -> list[Array]:
    inputs, out = line.params["subscripts"].split("->")
    labels = inputs.split(",")
    order = [*out, *(c for c in dict.fromkeys("".join(labels)) if c not in out)]

    def aligned(a: Array, label: str) -> Array:
        a = np.transpose(a, [label.index(c) for c in order if c in label])
        return a[tuple(slice(None) if c in label else None for c in order)]

    return [*np.broadcast_arrays(*map(aligned, (a, b), labels))]


def _as_convolve(line: Line, a: Array, b: Array) -> list[Array]:
    """Arrange a convolution as products of the one with the other's windows, padded."""
    if a.shape[-1] < b.shape[-1]:
        a, b = b, a
    n, m = a.shape[-1], b.shape[-1]
    padded = np.pad(a, [(0, 0)] * (a.ndim - 1) + [(m - 1, m - 1)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, m, axis=-1)
    assert windows.shape[-2] == n + m - 1
    return [*np.broadcast_arrays(windows, b[..., None, ::-1])]


def _among(self: Expansion, line: Line, operands: list[Numbers]) -> Numbers:
    """Write any and all as chains of two."""
    assert line.row is not None
    if len(operands) != 1 or not line.params.keys() <= {"axis", "keepdims"}:
        raise NotExpandable
    scalars = self.scalars
    if not operands[0] or any(scalars.lines[i].dtype.kind != "b" for i in operands[0]):
        raise NotExpandable
    pair = lookup(np.logical_or if line.row.value is np.any else np.logical_and)
    assert isinstance(pair, Primitive)
    a = self.array(line.operands[0])
    axis = line.params.get("axis")
    axes = range(a.ndim) if axis is None else np.atleast_1d(axis) % a.ndim
    kept = [i for i in range(a.ndim) if i not in axes]
    chains = np.transpose(a, (*kept, *axes)).reshape(math.prod(line.shape), -1).tolist()

    def both(a: int, b: int) -> int:
        return scalars.emit(pair, (a, b), {}, (), (), line.dtype)

    return [reduce(both, chain) for chain in chains]


@cache
def rules_of(size: int, chooses: bool) -> dict[Primitive | None, Rule]:
    """Give the rules; made anew when rows have come into the table."""
    known = [row for row in rows() if isinstance(row, Constant)]
    named = {row.name: row for row in rows() if isinstance(row, Bilinear)}
    found: dict[Primitive | None, Rule] = {
        # Constant rows act entry by entry if they stand for a ufunc.
        **{row: each for row in known if isinstance(row.value, np.ufunc) or row is convert},
        **{row: each for f, row in TABLE.items() if isinstance(f, np.ufunc)},
        **{row: _among for row in known if row.value in (np.any, np.all)},
        **dict.fromkeys(MOVES, _moved),
        linear.reshape: _reshape,
        linear.select: _select,
        linear.assemble: _assemble,
        linear.sum_: _sum,
        linear.segment_sum: _segment_sum,
        linear.scatter_add: _scatter_add,
        linear.cumsum: _cumsum,
        elementwise.power: _power,
        matmul_row: _contraction(_as_matmul),
        named["einsum"]: _contraction(_as_einsum),
        named["convolve"]: _contraction(_as_convolve),
    }
    if chooses:
        found |= {row: choosing.searched for row in known if row.value is np.searchsorted}
        found |= dict.fromkeys((selection.argmax, selection.argmin), choosing.extreme)
        found[selection.argsort] = choosing.ordered
        found[solve_row] = elimination.solution
    return found
