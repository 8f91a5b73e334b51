"""Columns of numbers: rows that are alike, stretches of rows, what leads on from line to line.

A large program has thousands of lines, and what becomes of them thousands of terms. They are held
in columns of NumPy's, so that each pass over them is a few operations on these, whatever their
number. Where a column of lines has none it says `NONE`, which as an index is the last place: arrays
by lines have one more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from operator import mul
from typing import Any

import numpy as np

from taylorad.dispatch.distinct import distinct

__all__ = ["NONE", "Column", "depths", "named", "reached", "stretches", "words"]

NONE = -1

Column = np.ndarray[Any, Any]

_LARGEST = 2**62
_FEW = 50  # rows that Python tells apart sooner than NumPy does


def named(*columns: Column) -> tuple[Column, Column]:
    """Number rows by what their columns say, in the order in which they first come.

    Returns
    -------
    places : ndarray
        The first row of each kind.
    numbers : ndarray
        The kind of each row.
    """
    if len(columns[0]) < _FEW:
        found: dict[tuple[Any, ...], int] = {}
        rows = zip(*[(_bits(x) if x.dtype.kind == "f" else x).tolist() for x in columns])
        kinds = [found.setdefault(row, len(found)) for row in rows]
        return np.array([*map(kinds.index, range(len(found)))], int), np.array(kinds, int)
    _, places, numbers = distinct(_packed(columns))
    order = places.argsort()
    rank = np.empty(len(order), int)
    rank[order] = np.arange(len(order))
    return places[order], rank[numbers]


def _packed(columns: Sequence[Column] | Column) -> Column:
    """Make one whole number of those in a row."""
    if not len(columns[0]):
        return np.zeros(0, np.int64)
    rows = np.array([_bits(x) if x.dtype.kind == "f" else x for x in columns], np.int64)
    low = rows.min(axis=1)
    counts = (rows.max(axis=1) - low + 1).tolist()
    steps = [*accumulate(counts, mul, initial=1)]
    if steps.pop() <= _LARGEST:
        return np.asarray(np.array(steps) @ (rows - low[:, None]))
    half = len(rows) // 2
    return _packed([distinct(_packed(some))[2] for some in (rows[:half], rows[half:])])


def _bits(column: Column) -> Column:
    """Number the numbers of a column: NaNs are alike, and no zero is negative."""
    return distinct((column + 0.0).view(np.int64))[2]


def stretches(starts: Column, counts: Column) -> Column:
    """Give the numbers of the rows of stretches, one after the other."""
    before = (starts - counts.cumsum() + counts).repeat(counts)
    return np.asarray(before + np.arange(len(before)))


def words(nodes: Column, letters: Column, size: int) -> Column:
    """Number what nodes have: the same number for those of the same letters in the same order.

    Parameters
    ----------
    nodes, letters : ndarray of int
        A row for each letter, in the order of nodes.
    size : int
        How many nodes there are.
    """
    counts = np.bincount(nodes, minlength=size)
    starts, found, known = np.cumsum(counts) - counts, np.zeros(size, int), 1
    for count in np.flatnonzero(np.bincount(counts)).tolist():
        if count:
            some = np.flatnonzero(counts == count)
            places, numbers = named(*letters[starts[some] + np.arange(count)[:, None]])
            found[some], known = numbers + known, known + len(places)
    return found


def depths(size: int, lines: Column, needs: Column) -> Column:
    """Give for each line how many come before it in turn: a row says what a line needs."""
    waits = np.bincount(lines, minlength=size)
    order = np.argsort(needs, kind="stable")
    users, counts = lines[order], np.bincount(needs, minlength=size)
    starts, found, depth = np.cumsum(counts) - counts, np.zeros(size, int), 0
    ready, last = np.flatnonzero((waits == 0) & (counts > 0)), np.empty(size, int)
    while ready.size:
        depth += 1
        waiting = users[stretches(starts[ready], counts[ready])]
        np.subtract.at(waits, waiting, 1)
        ready = waiting[waits[waiting] == 0]
        last[ready] = places = np.arange(len(ready))
        ready = ready[last[ready] == places]  # each once
        found[ready] = depth
    return found


def reached(size: int, roots: Column, below: Callable[[Column], Column]) -> Column:
    """Tell which of so many lines can be come to from some: ``below`` takes and gives lines."""
    found, last = np.zeros(size + 1, bool), np.empty(size + 1, int)
    found[NONE] = True
    todo = roots
    while todo.size:
        todo = todo[~found[todo]]
        last[todo] = places = np.arange(len(todo))
        todo = todo[last[todo] == places]  # each once
        found[todo] = True
        todo = below(todo)
    found[NONE] = False
    return found
