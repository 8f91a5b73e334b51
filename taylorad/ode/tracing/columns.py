"""Columns of numbers: rows that are alike, stretches of rows, what leads on from line to line.

A large program has thousands of lines, and what becomes of them thousands of terms. They are held
in columns of NumPy's, so that each pass over them is a few operations on these, whatever their
number. Where a column of lines has none it says `NONE`, which as an index is the last place: arrays
by lines have one more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from taylorad.dispatch.distinct import distinct

__all__ = ["NONE", "Column", "depths", "named", "reached", "stretches", "words"]

NONE = -1

Column = np.ndarray[Any, Any]

_LARGEST = 2**62


def named(*columns: Column) -> tuple[Column, Column]:
    """Number rows by what their columns say, in the order in which they first come.

    Returns
    -------
    places : ndarray
        The first row of each kind.
    numbers : ndarray
        The kind of each row.
    """
    _, places, numbers = distinct(_packed(columns))
    order = np.argsort(places)
    rank = np.empty(len(order), int)
    rank[order] = np.arange(len(order))
    return places[order], rank[numbers]


def _packed(columns: tuple[Column, ...]) -> Column:
    """Make one whole number of those in a row."""
    total, kinds = np.zeros(len(columns[0]), np.int64), 1
    if not len(total):
        return total
    for column in columns:
        if column.dtype.kind == "f":
            # No zero is negative, and NaNs are alike.
            column = distinct((column + 0.0).view(np.int64))[2]
        low = int(column.min())
        count = int(column.max()) - low + 1
        if kinds * count > _LARGEST:
            total, column, low = distinct(total)[2], distinct(column)[2], 0
            kinds, count = int(total.max()) + 1, int(column.max()) + 1
        if count > 1:
            total, kinds = total * count + (column - low), kinds * count
    return total


def stretches(starts: Column, counts: Column) -> Column:
    """Give the numbers of the rows of stretches, one after the other."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    return np.asarray(np.arange(total) + np.repeat(starts - ends + counts, counts))


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
