"""What a loop nest is for: each root fills one array, entry by entry or by a reduction.

A root says over which box of indices it runs, which entries it wants at each, and where what
becomes of them goes. Sums, products that contract, convolutions and sums by groups are all of one
kind: some entries, multiplied, are added to a place that depends on the index.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from taylorad.compiler.loops.indices import (
    Affine,
    Computed,
    Index,
    Request,
    aligned,
    constant,
    entries,
    ravelled,
    variable,
)
from taylorad.compiler.loops.pulling import SHORT, Test
from taylorad.compiler.loops.source import Source
from taylorad.primitives import contraction, linear
from taylorad.primitives.registry import Primitive, rows
from taylorad.wengert.list import Line

__all__ = [
    "Root",
    "identity",
    "is_product",
    "is_reduction",
    "reduced_axes",
    "reduces",
    "root",
    "wants_stored",
]


MIDDLING = 24
"""A product of rows and columns of no more terms is written out, if it reads from memory."""


@dataclass(frozen=True)
class Root:
    """An array to be filled.

    Attributes
    ----------
    line : int
    combine : {None, "sum", "any", "all"}
        What is made of the entries that go to one place.
    wanted : tuple of Request
        The entries at an index of the box; two are multiplied.
    place : Affine
        Where the result goes, counted in C order.
    tests : tuple of Test
        Where in the box of the nest there is something to be done.
    """

    line: int
    combine: str | None
    wanted: tuple[Request, ...]
    place: Affine
    tests: tuple[Test, ...] = ()

    @property
    def requests(self) -> Iterator[Request]:
        """All entries that have to be known, those that the place is computed from included."""
        yield from self.wanted
        yield from entries((self.place,))

    def replaced(self, table: Mapping[int, Affine]) -> Root:
        """Put other expressions in place of loop variables."""
        return replace(
            self,
            wanted=tuple((n, tuple(a.replaced(table) for a in at)) for n, at in self.wanted),
            place=self.place.replaced(table),
            tests=tuple(Test(test.place.replaced(table), test.span) for test in self.tests),
        )

    def limited(self, extents: Sequence[int], within: Sequence[int]) -> Root:
        """Limit the root to its own extents, within a nest of larger ones."""
        loops = enumerate(zip(extents, within, strict=True))
        tests = (Test(variable(k), range(n)) for k, (n, whole) in loops if n < whole)
        return replace(self, tests=(*self.tests, *tests))

    def is_active(self, extents: Sequence[int]) -> bool:
        """Tell whether there is something to be done in a box.

        Raises
        ------
        Split
            If there is in a part of it.
        """
        return all(test.place.within(test.span, extents)[0] for test in self.tests)


Planned = tuple[Root, tuple[int, ...]]
"""A root, and the extents of its box."""


def identity(shape: Sequence[int]) -> Index:
    """Give the index that runs over a whole array, one loop an axis."""
    return tuple(variable(k) if n > 1 else constant(0) for k, n in enumerate(shape))


def root(source: Source, number: int, spans: Sequence[range]) -> Planned:
    """Give the root that computes a part of a line, and maybe more."""
    line = source.lines[number]
    if is_reduction(source, number):
        assert line.row is not None
        plan = _PLANS.get(line.row, _reduction)
        return plan(source, number, line, spans)
    extents = tuple(map(len, spans))
    at = tuple(a.shifted(s.start) for a, s in zip(identity(extents), spans, strict=True))
    return Root(number, None, ((number, at),), ravelled(at, line.shape)), extents


def reduces(row: Primitive | None) -> bool:
    """Tell whether there are reducing loops for a row."""
    return row in _REDUCTIONS or row in _PLANS


def is_reduction(source: Source, number: int) -> bool:
    """Tell whether a line is computed by a reducing loop."""
    line = source.lines[number]
    if line.row is linear.sum_:
        shape = source.lines[line.operands[0]].shape
        return bool(math.prod(shape[k] for k in line.params["axis"]) > SHORT)
    if line.row is contraction.matmul_row:
        k = source.lines[line.operands[0]].shape[-1]
        return bool(k > (MIDDLING if line.shape[-1] > 1 else SHORT))
    if line.row is linear.scatter_add and not line.names:
        return source.inverse(line.params["places"], line.params["shape"]) is None
    return reduces(line.row)


def wants_stored(source: Source, number: int) -> bool:
    """Tell whether the operands of a line had better lie in memory.

    A written out product reads each entry many times over; sums whose places are computed are done
    entry by entry, and nothing else should be.
    """
    line = source.lines[number]
    if line.row is contraction.matmul_row:
        return source.lines[line.operands[0]].shape[-1] > SHORT
    return line.row is linear.scatter_add and is_reduction(source, number)


def is_product(line: Line) -> bool:
    """Tell whether a line multiplies matrices, which BLAS does as well."""
    return line.row in (contraction.matmul_row, EINSUM)


# --- along axes ------------------------------------------------------------------------------


def _reduction(source: Source, number: int, line: Line, spans: Sequence[range]) -> Planned:
    (operand, *_), axes = line.operands, reduced_axes(line, source)
    shape = source.lines[operand].shape
    at = identity(shape)
    place = tuple(a for k, a in enumerate(at) if k not in axes)
    if len(place) < len(line.shape):  # keepdims
        place = tuple(constant(0) if k in axes else a for k, a in enumerate(at))
    assert line.row is not None
    combine = _REDUCTIONS[line.row]
    return Root(number, combine, ((operand, at),), ravelled(place, line.shape)), shape


def reduced_axes(line: Line, source: Source) -> tuple[int, ...]:
    """Give the axes that a line reduces."""
    ndim = len(source.lines[line.operands[0]].shape)
    axis = source.lines[line.operands[1]].value if len(line.operands) > 1 else None
    axis = line.params.get("axis", axis)
    if axis is None:
        return tuple(range(ndim))
    return tuple(int(k) % ndim for k in np.atleast_1d(axis))


# --- products --------------------------------------------------------------------------------


def _matmul(source: Source, number: int, line: Line, spans: Sequence[range]) -> Planned:
    a, b = line.operands
    left, right = source.lines[a].shape, source.lines[b].shape
    *batch, m, n = line.shape
    # The columns run innermost, unless there is but one.
    box = (*batch, m, left[-1], n) if n > 1 else (*batch, m, 1, left[-1])
    *stack, row, x, y = identity(box)
    inner, column = (x, y) if n > 1 else (y, x)
    wanted = (
        (a, aligned((*stack, row, inner), left)),
        (b, aligned((*stack, inner, column), right)),
    )
    place = ravelled((*stack, row, column), line.shape)
    return Root(number, "sum", wanted, place), box


def _einsum(source: Source, number: int, line: Line, spans: Sequence[range]) -> Planned:
    inputs, out = line.params["subscripts"].split("->")
    terms = inputs.split(",")
    sizes: dict[str, int] = {}
    for term, operand in zip(terms, line.operands, strict=True):
        for c, n in zip(term, source.lines[operand].shape, strict=True):
            sizes[c] = max(n, sizes.get(c, 1))
    summed = [c for c in sizes if c not in out]
    # Innermost what runs through memory in one go: a letter that is last wherever it is.
    last = out[-1:] if out and terms[1].endswith(out[-1]) else ""
    order = [*(c for c in out if c != last), *summed, *last]
    at = dict(zip(order, identity([sizes[c] for c in order]), strict=True))
    wanted = tuple(
        (operand, aligned(tuple(at[c] for c in term), source.lines[operand].shape))
        for term, operand in zip(terms, line.operands, strict=True)
    )
    box = tuple(sizes[c] for c in order)
    place = ravelled(tuple(at[c] for c in out), line.shape)
    return Root(number, "sum", wanted, place), box


def _convolve(source: Source, number: int, line: Line, spans: Sequence[range]) -> Planned:
    a, v = line.operands
    long, short = source.lines[a].shape, source.lines[v].shape
    if long[-1] < short[-1]:
        a, v, long, short = v, a, short, long
    part = spans[-1]
    if part.start >= short[-1] - 1 and part.stop <= long[-1]:  # nowhere do they but overlap
        box = (*line.shape[:-1], short[-1], len(part))
        *stack, i, k = identity(box)
        j = k.shifted(part.start).plus(i.times(-1))
        wanted = ((a, aligned((*stack, j), long)), (v, aligned((*stack, i), short)))
        place = ravelled((*stack, k.shifted(part.start)), line.shape)
        return Root(number, "sum", wanted, place), box
    box = (*line.shape[:-1], short[-1], long[-1])
    *stack, i, j = identity(box)
    wanted = ((a, aligned((*stack, j), long)), (v, aligned((*stack, i), short)))
    return Root(number, "sum", wanted, ravelled((*stack, i.plus(j)), line.shape)), box


# --- by groups -------------------------------------------------------------------------------


def _scatter_add(source: Source, number: int, line: Line, spans: Sequence[range]) -> Planned:
    g = line.operands[0]
    box = source.lines[g].shape
    at = identity(box)
    if line.names:
        places = line.computed_params["places"]
    else:
        places = source.array(line.params["places"])
    axes = len(source.lines[places].shape)
    lead = len(box) - axes
    inner = line.shape[lead:]
    patterns = [] if line.names else source.patterns(line.params["places"])
    if len(patterns) == 1:
        entry = constant(patterns[0].start)
        for a, coefficient in zip(at[lead:], patterns[0].coefficients, strict=True):
            entry = entry.plus(a.times(coefficient))
    else:
        index = aligned(at[lead:], source.lines[places].shape)
        entry = variable(Computed("entry", (places, index), 1, math.prod(inner)))
    place = ravelled(at[:lead], line.shape[:lead]).times(math.prod(inner)).plus(entry)
    return Root(number, "sum", ((g, at),), place), box


def _segment_sum(source: Source, number: int, line: Line, spans: Sequence[range]) -> Planned:
    (a,), starts = line.operands, np.asarray(line.params["starts"])
    *lead, n = source.lines[a].shape
    lengths = np.diff(starts, append=n)
    first = int(starts[0])
    if len({*lengths.tolist()}) == 1:
        box = (*lead, len(starts), int(lengths[0]))
        *stack, segment, j = identity(box)
        inner = segment.times(int(lengths[0])).plus(j)
    else:
        box = (*lead, n - first)
        *stack, inner = identity(box)
        groups = source.array(np.repeat(np.arange(len(starts)), lengths))
        segment = variable(Computed("entry", (groups, (inner,)), 1, len(starts)))
    wanted = ((a, (*stack, inner.shifted(first))),)
    return Root(number, "sum", wanted, ravelled((*stack, segment), line.shape)), box


def _row(name: str) -> Primitive:
    return next(row for row in rows() if row.name == name)


EINSUM = _row("einsum")
_REDUCTIONS = {
    linear.sum_: "sum",
    _row("any"): "any",
    _row("all"): "all",
}
_PLANS = {
    contraction.matmul_row: _matmul,
    EINSUM: _einsum,
    _row("convolve"): _convolve,
    linear.scatter_add: _scatter_add,
    linear.segment_sum: _segment_sum,
}
