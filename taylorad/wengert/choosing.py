"""Choices among entries by their values, taken apart: comparisons, and what is chosen by each.

Which entry is the largest, and in which order entries stand, is told by comparing them two by two:
a whole number that follows from these is a *tree*, a choice by a comparison between other trees or
constants. What is computed of trees alone is a tree, and an entry at a place that is one is a
choice between entries. So places that depend on values become choices that do.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from taylorad.primitives.elementwise import add
from taylorad.primitives.linear import select
from taylorad.primitives.registry import Primitive, lookup
from taylorad.primitives.selection import argmax, leads
from taylorad.wengert.arithmetic import NotExpandable, Numbers
from taylorad.wengert.list import Line
from taylorad.wengert.trace import convert

if TYPE_CHECKING:
    from taylorad.wengert.scalars import Expansion

__all__ = ["applied", "counted", "extreme", "gathered", "ordered", "searched"]

MOST = 1000
"""So many comparisons may be written for one array."""

BOOL, WHOLE = np.dtype(bool), np.dtype(np.int64)


def applied(self: Expansion, row: Primitive, entries: tuple[int, ...], line: Line) -> int:
    """Write a row of scalars: of trees by what it is of their constants."""
    scalars, chosen = self.scalars, self.chosen
    entries = tuple(map(scalars.actual, entries))
    given = [i for i in entries if scalars.lines[i].value is None]
    if row is select and scalars.lines[entries[-1]].value is not None:
        return entries[0] if scalars.lines[entries[-1]].value else entries[1]
    if not given or not all(_is_tree(self, i) for i in given):
        return scalars.emit(row, entries, line.params, line.names, (), line.dtype)
    key = (row, entries, line.dtype)
    if key not in chosen:
        by = scalars.lines[given[0]].operands[2]
        yes, no = (
            applied(self, row, tuple(_branch(self, i, by, side) for i in entries), line)
            for side in (0, 1)
        )
        chosen[key] = _chosen(self, yes, no, by, line.dtype)
    return chosen[key]


def _is_tree(self: Expansion, number: int) -> bool:
    """Tell whether a line is chosen among constants."""
    known, line = self.trees, self.scalars.lines[number]
    if number not in known:
        known[number] = line.value is not None or (
            line.row is select
            and line.dtype.kind in "bi"
            and all(_is_tree(self, i) for i in line.operands[:2])
        )
    return known[number]


def _branch(self: Expansion, number: int, by: int, side: int) -> int:
    """Give what a tree is on one side of a choice."""
    line = self.scalars.lines[number]
    chooses = line.row is select and line.operands[2] == by and line.dtype.kind in "bi"
    return line.operands[side] if chooses else number


def _chosen(self: Expansion, yes: int, no: int, by: int, dtype: Any) -> int:
    if yes == no:
        return yes
    return self.scalars.emit(select, (yes, no, by), {}, ("condition",), (), dtype)


def gathered(self: Expansion, line: Line, operands: list[Numbers]) -> Numbers:
    """Take entries from places that are trees."""
    shape = self.lines[line.operands[0]].shape
    if not self.chooses or line.names != ("places",) or shape != tuple(line.params["shape"]):
        raise NotExpandable
    scalars, entries = self.scalars, operands[0]
    places = [*map(scalars.actual, operands[1])]
    found: dict[int, int] = {}

    def entry(place: int) -> int:
        if place not in found:
            value = scalars.lines[place].value
            if value is not None:
                found[place] = scalars.actual(entries[int(value)])
            else:
                yes, no, by = scalars.lines[place].operands
                found[place] = _chosen(self, entry(yes), entry(no), by, line.dtype)
        return found[place]

    if not all(_is_tree(self, i) for i in places):
        raise NotExpandable
    return [entry(i) for i in places]


# --- who wins --------------------------------------------------------------------------------


def extreme(self: Expansion, line: Line, operands: list[Numbers]) -> Numbers:
    """Write the place of the largest entry, or the smallest: the winner of the halves' winners."""
    scalars = self.scalars
    _check(len(operands[0]))

    def best(entries: list[tuple[int, int]]) -> tuple[int, int]:
        if len(entries) == 1:
            return entries[0]
        half = len(entries) // 2
        (x, i), (y, j) = best(entries[:half]), best(entries[half:])
        stays = _holds(self, (x, y) if line.row is argmax else (y, x), x)
        kind = scalars.lines[x].dtype
        return _chosen(self, x, y, stays, kind), _chosen(self, i, j, stays, WHOLE)

    found = []
    for entries in _along(self, line):
        pairs = [(x, scalars.constant(i)) for i, x in enumerate(entries)]
        found.append(best(pairs)[1])
    return found


def ordered(self: Expansion, line: Line, operands: list[Numbers]) -> Numbers:
    """Write the places of entries in order: neighbours change places until none has to."""
    axis, scalars = line.params["axis"], self.scalars
    _check(len(operands[0]) * line.shape[axis] // 2)
    found = []
    for entries in _along(self, line):
        places = [scalars.constant(i) for i in range(len(entries))]
        for last in range(len(entries) - 1, 0, -1):
            for i in range(last):
                x, y = entries[i : i + 2]
                stays, kind = _holds(self, (y, x), y), scalars.lines[x].dtype
                entries[i : i + 2] = (
                    _chosen(self, *pair, stays, kind) for pair in ((x, y), (y, x))
                )
                p, q = places[i : i + 2]
                places[i : i + 2] = (
                    _chosen(self, *pair, stays, WHOLE) for pair in ((p, q), (q, p))
                )
        found.append(places)
    lengths = [*line.shape]
    lengths.append(lengths.pop(axis))
    numbers: Numbers = np.moveaxis(np.reshape(found, lengths), -1, axis).ravel().tolist()
    return numbers


def searched(self: Expansion, line: Line, operands: list[Numbers]) -> Numbers:
    """Write where numbers stand in a table, by halving it."""
    table, wanted = operands
    scalars, side = self.scalars, line.params.get("side", "left")
    if len(self.lines[line.operands[0]].shape) != 1 or not line.params.keys() <= {"side"}:
        raise NotExpandable
    _check(len(wanted) * len(table))
    row = lookup(np.less_equal if side == "left" else np.less)
    assert isinstance(row, Primitive)

    def place(x: int, first: int, last: int) -> int:
        if first == last:
            return scalars.constant(first)
        middle = (first + last) // 2
        pair = (x, scalars.actual(table[middle]))
        before = scalars.emit(row, pair, {}, (), (), BOOL)
        return _chosen(self, place(x, first, middle), place(x, middle + 1, last), before, WHOLE)

    return [place(scalars.actual(x), 0, len(table)) for x in wanted]


def counted(self: Expansion, terms: list[int], line: Line) -> int:
    """Write a sum of whole numbers or truths."""
    if not self.chooses or line.dtype != WHOLE:
        raise NotExpandable
    scalars, kind = self.scalars, {"dtype": WHOLE.str}
    whole = [scalars.emit(convert, (i,), kind, (), (), WHOLE) for i in map(scalars.actual, terms)]
    total = scalars.constant(0)
    for number in whole:
        total = scalars.emit(add, (total, number), {}, (), (), WHOLE)
    return total


def _along(self: Expansion, line: Line) -> list[Numbers]:
    """Give the entries of an operand along the axis of a line."""
    moved = np.moveaxis(self.array(line.operands[0]), line.params["axis"], -1)
    found = moved.reshape(math.prod(moved.shape[:-1]), -1).tolist()
    return [[*map(self.scalars.actual, entries)] for entries in found]


def _check(comparisons: int) -> None:
    if comparisons > MOST:
        raise NotExpandable


def _holds(self: Expansion, pair: tuple[int, int], nan: int) -> int:
    """Write that the first of two is not less, or one of them is NaN: see `maximum`."""
    scalars = self.scalars
    wins = scalars.emit(leads, pair, {}, (), (), BOOL)
    missing = scalars.emit(_ISNAN, (nan,), {}, (), (), BOOL)
    return scalars.emit(_OR, (wins, missing), {}, (), (), BOOL)


def _row(function: Any) -> Primitive:
    row = lookup(function)
    assert isinstance(row, Primitive)
    return row


_ISNAN, _OR = _row(np.isnan), _row(np.logical_or)
