"""A list taken apart into scalars.

What comes of it is a straight line of scalar operations, in which every entry that is the same as
another, or nothing, has gone. That pays for small programs, and for those whose derivatives have
few entries.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, chain
from typing import Any

import numpy as np

from taylorad.dispatch.distinct import distinct
from taylorad.primitives import linear
from taylorad.primitives.registry import TABLE, Elementwise, LocalSeries
from taylorad.wengert.apart import Arrangement, Array, each, rules_of
from taylorad.wengert.arithmetic import FLOAT, NOTHING, NotExpandable, Numbers, Scalars
from taylorad.wengert.list import Guard, Line, WengertList, frozen
from taylorad.wengert.point import Point
from taylorad.wengert.unrounded import Unrounded
from taylorad.wengert.writer import pruned

__all__ = ["Expansion", "assembled", "expand"]


def expand(program: WengertList, limit: int, at: Sequence[Any] | None = None) -> WengertList | None:
    """Take a program apart into scalar lines.

    Parameters
    ----------
    program, limit, at
        See `Expansion`.

    Returns
    -------
    WengertList or None
        The same program, with the same inputs, of which each entry that is used is a line, and the
        same outputs, which are put together by lines of `assemble`. None if it would have more
        lines than the limit, or has lines that cannot be taken apart: a matrix factorised, a
        function nothing is known of, places that depend on the numbers.
    """
    try:
        return pruned(Expansion(program, limit, at).run())
    except NotExpandable:
        return None


class Expansion:
    """The expansion of one program: for every line of it the numbers of its entries.

    Parameters
    ----------
    program : WengertList
    limit : int
        The most lines that may be written, constants apart.
    at : sequence, optional
        The inputs, as they are where the program is to be run. If they are known, what depends on
        the order of numbers is written as choices by comparisons; and equations are solved by
        elimination, with pivots that are large there, and a guard where they are too small.

    Attributes
    ----------
    pivots : list
        Of each elimination.
    """

    def __init__(self, program: WengertList, limit: int, at: Sequence[Any] | None = None) -> None:
        self.program, self.lines, self.limit = program, program.lines, limit
        self.at, self.chooses = at, at is not None
        self.scalars = Unrounded() if self.chooses else Scalars()
        self.rules = rules_of(len(TABLE), self.chooses)
        self.numbers: list[Numbers] = []
        self.are_floats: list[bool] = []  # of lines, whether their entries surely are
        self.known: dict[Any, Any] = {}  # how entries are arranged
        self.trees: dict[int, bool] = {}  # see `choosing`
        self.chosen: dict[Any, int] = {}
        self.point: Point | None = None  # see `elimination`
        self.guards: list[Guard] = []
        self.pivots: list[Any] = []

    def run(self) -> WengertList:
        """Give the scalar lines, those that nothing needs among them.

        Raises
        ------
        NotExpandable
            Where `expand` has none.
        """
        program, scalars = self.program, self.scalars
        kinds = {line.dtype.str[1:] for line in program.lines if not line.is_constant}
        if not kinds <= {"f8", "i8", "b1"}:
            raise NotExpandable
        for line in program.lines:
            if line.row is None:  # all of these, before any is taken apart
                self.room(math.prod(line.shape))
        inputs = {i: scalars.input(program[i].shape, program[i].dtype) for i in program.inputs}
        if self.at is not None:
            given = dict(zip(inputs.values(), self.at, strict=True))
            self.point = Point(scalars, given, list(given))
        for i, line in enumerate(program.lines):
            scalars.origin = line.origin
            if line.row is not None:
                numbers = self._taken_apart(line)
            elif i in inputs:
                numbers = self._entries(inputs[i], line)
            else:
                numbers = self._constants(line.value)
            self.numbers.append(numbers)
            self.are_floats.append(line.row is not None and line.dtype == FLOAT)
        self.room(0)
        scalars.origin = None
        out = scalars.list
        out.outputs = [assembled(scalars, self.array(i), program[i].dtype) for i in program.outputs]
        guards = [Guard(self.numbers[g.line][0], g.expected, g.origin) for g in program.guards]
        guards += self.guards
        out.guards = [g for g in dict.fromkeys(guards) if not scalars.lines[g.line].is_constant]
        return out

    def room(self, entries: int) -> None:
        """Stop where there are too many lines already, or so many entries surely become too many.

        Entries that are the same, or nothing, cost nothing in the end; hence the margin.
        """
        if self.scalars.operations > self.limit or entries > _MARGIN * self.limit:
            raise NotExpandable

    def array(self, number: int) -> Array:
        return np.array(self.numbers[number], np.int64).reshape(self.lines[number].shape)

    def _entries(self, number: int, line: Line) -> Numbers:
        if not line.shape:
            return [number]
        self.room(math.prod(line.shape))
        return self.scalars.entries(number)

    def _constants(self, value: Any) -> Numbers:
        if isinstance(value, (float, int)):
            return [self.scalars.constant(value)]
        value = np.asarray(value)
        self.room(value.size)
        write: Any = self.scalars.number if value.dtype.kind == "f" else self.scalars.constant
        return [write(v) for v in value.ravel().tolist()]

    def _taken_apart(self, line: Line) -> Numbers:
        row = line.row
        self.room(math.prod(line.shape))
        rule = self.rules.get(row)
        if rule is None:
            if not isinstance(row, (Elementwise, LocalSeries)):
                raise NotExpandable
            rule = each
        return rule(self, line, [self.numbers[i] for i in line.operands])

    def columns(self, line: Line, operands: list[Numbers]) -> list[Numbers]:
        """Broadcast operands to the shape of a line."""
        shape, lines = line.shape, self.lines
        return [
            numbers if lines[i].shape == shape else self._broadcast(numbers, lines[i], shape)
            for i, numbers in zip(line.operands, operands)
        ]

    def _broadcast(self, numbers: Numbers, source: Line, shape: tuple[int, ...]) -> Numbers:
        if len(numbers) == 1:
            return numbers * math.prod(shape)
        places = self.known.get((source.shape, shape))
        if places is None:
            places = np.broadcast_to(np.arange(len(numbers)).reshape(source.shape), shape)
            self.known[source.shape, shape] = places = places.ravel().tolist()
        return [numbers[place] for place in places]

    def floats(self, line: Line, columns: list[Numbers]) -> list[Numbers]:
        """Give whole numbers and truth values among operands as floats."""
        if False not in [self.are_floats[i] for i in line.operands]:
            return columns
        return [[*map(self.scalars.as_float, column)] for column in columns]

    def arranged(self, line: Line, operands: list[Numbers], arrange: Arrangement) -> list[Numbers]:
        """Arrange the entries of operands, as is found out once for all lines of a kind.

        Parameters
        ----------
        line : Line
        operands : list of list of int
        arrange : callable
            Of the line, and arrays of its operands' shapes, whose entries are numbered from 1. It
            gives arrays of these numbers, and zeros where there is nothing.
        """
        shapes = tuple([self.lines[i].shape for i in line.operands])
        key = (line.row, shapes, frozen(line.params))
        places = self.known.get(key)
        if places is None:
            ends = [*accumulate(map(math.prod, shapes), initial=1)]
            entries = [np.arange(*k).reshape(shape) for *k, shape in zip(ends, ends[1:], shapes)]
            arranged = arrange(line, *entries)
            self.room(sum(found.size for found in arranged))
            places = self.known[key] = [(found - 1).ravel().tolist() for found in arranged]
        source = [*chain.from_iterable(operands), NOTHING]
        return [[source[place] for place in some] for some in places]


def assembled(scalars: Scalars, numbers: Array, dtype: np.dtype[Any]) -> int:
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
