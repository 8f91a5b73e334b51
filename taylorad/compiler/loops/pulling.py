"""What an entry of a line is made of: from an index of the line to indices of its operands.

Most rows only move entries. For them an entry of the result *is* an entry of an operand, and which
one is arithmetic on indices, done here while compiling. What is left of a program are its inputs,
elementwise operations, and known zeros where the adjoint of a slice puts nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from taylorad.compiler.loops.indices import (
    ZERO,
    Affine,
    Computed,
    Index,
    Request,
    aligned,
    constant,
    reshaped,
    unravelled,
    variable,
)
from taylorad.compiler.loops.patterns import runs
from taylorad.compiler.loops.source import Source
from taylorad.primitives import linear
from taylorad.primitives.contraction import matmul_row
from taylorad.primitives.registry import Primitive
from taylorad.wengert.list import Line

__all__ = ["SHORT", "Step", "Test", "is_moving", "is_pulled", "step"]

SHORT = 4
"""A sum of no more terms is written out."""


class Test(NamedTuple):
    """Whether an index lies in a span, if that is known at run time only."""

    place: Affine
    span: range


class Step(NamedTuple):
    """How an entry comes about.

    Attributes
    ----------
    kind : {"zero", "same", "apply", "choose", "pick", "total", "products"}
        A zero that no number was computed for; the entry of another line; the line's own operation
        on entries; the first if all tests hold, else the second or zero; the first of which the
        test holds, else the last; a sum; a sum of products of neighbours.
    requests : tuple of Request
    tests : tuple of Test
    """

    kind: str
    requests: tuple[Request, ...] = ()
    tests: tuple[Test, ...] = ()


NOTHING = Step("zero")


def step(source: Source, number: int, index: Index, extents: Sequence[int]) -> Step:
    """Go from an entry of a line to those it is made of.

    Raises
    ------
    Split
        Where the step differs from one part of the nest to another.
    """
    line = source.lines[number]
    assert line.row is not None
    rule = RULES.get(line.row)
    found = rule(source, line, index, extents) if rule is not None else None
    if found is not None:
        return found
    operands = ((i, aligned(index, source.lines[i].shape)) for i in line.operands)
    return Step("apply", tuple(operands))


def is_moving(row: Primitive | None) -> bool:
    """Tell whether each entry of the result is one entry of the only operand."""
    return row in (linear.index, linear.reshape, linear.transpose, linear.broadcast_to)


def is_pulled(row: Primitive | None) -> bool:
    """Tell whether entries of the result can be followed to entries of the operands."""
    return row in RULES


# --- the rows --------------------------------------------------------------------------------

Rule = Callable[[Source, Line, Index, Sequence[int]], Step | None]


def _same(line: Line, index: Index) -> Step:
    return Step("same", ((line.operands[0], index),))


def _spans(key: Any, shape: tuple[int, ...]) -> Iterator[int | range | None]:
    """Give for each entry of a basic key what it takes of its axis; None for a new axis."""
    key = key if isinstance(key, tuple) else (key,)
    given = sum(k is not None and k is not Ellipsis for k in key)
    if not any(k is Ellipsis for k in key):
        key = (*key, Ellipsis)
    axes = iter(shape)
    for k in key:
        if k is None:
            yield None
        elif k is Ellipsis:
            for _ in range(len(shape) - given):
                yield range(next(axes))
        elif isinstance(k, slice):
            n = next(axes)
            yield range(n)[k]
        else:
            n = next(axes)
            yield int(k) % n


def _index(source: Source, line: Line, index: Index, extents: Sequence[int]) -> Step:
    places = iter(index)
    inner = []
    for span in _spans(line.params["key"], source.lines[line.operands[0]].shape):
        if span is None:
            next(places)
        elif isinstance(span, int):
            inner.append(constant(span))
        else:
            inner.append(next(places).times(span.step).shifted(span.start))
    return _same(line, tuple(inner))


def _region(
    key: Any, shape: tuple[int, ...], piece: tuple[int, ...], index: Index, extents: Sequence[int]
) -> tuple[Index | None, tuple[Test, ...]]:
    """Give the index of the piece that a key assigns, and what is to be tested at run time.

    None if the index lies outside.
    """
    places, inner, tests = iter(index), [], []
    for span in _spans(key, shape):
        if span is None:
            inner.append(ZERO)
            continue
        place = next(places)
        whole = range(span, span + 1) if isinstance(span, int) else span
        inside, at = place.within(whole, extents)
        if inside is False:
            return None, ()
        if inside is None:
            tests.append(Test(place, whole if whole.step > 0 else whole[::-1]))
        if not isinstance(span, int):
            inner.append(at)
    return aligned(tuple(inner), piece), tuple(tests)


def _scatter(source: Source, line: Line, index: Index, extents: Sequence[int]) -> Step:
    (piece,) = line.operands
    shape = source.lines[piece].shape
    at, tests = _region(line.params["key"], line.shape, shape, index, extents)
    if at is None:
        return NOTHING
    return Step("choose" if tests else "same", ((piece, at),), tests)


def _assign(source: Source, line: Line, index: Index, extents: Sequence[int]) -> Step:
    whole, piece = line.operands
    shape = source.lines[piece].shape
    at, tests = _region(line.params["key"], line.shape, shape, index, extents)
    under = (whole, aligned(index, source.lines[whole].shape))
    if at is not None and not tests:
        return Step("same", ((piece, at),))
    if source.is_zero(whole):
        return NOTHING if at is None else Step("choose", ((piece, at),), tests)
    return Step("same", (under,)) if at is None else Step("choose", ((piece, at), under), tests)


def _concatenate(source: Source, line: Line, index: Index, extents: Sequence[int]) -> Step:
    axis = line.params["axis"]
    place, start, options = index[axis], 0, []
    for operand in line.operands:
        n = source.lines[operand].shape[axis]
        inside, at = place.within(range(start, start + n), extents)
        start += n
        if inside is False:
            continue
        request = (operand, (*index[:axis], at, *index[axis + 1 :]))
        if inside:
            return Step("same", (request,))
        options.append((request, Test(place, range(start - n, start))))
    requests = tuple(request for request, _ in options)
    return Step("pick", requests, tuple(test for _, test in options[:-1]))


def _reshape(source: Source, line: Line, index: Index, extents: Sequence[int]) -> Step:
    return _same(line, reshaped(index, line.shape, source.lines[line.operands[0]].shape, extents))


def _transpose(source: Source, line: Line, index: Index, extents: Sequence[int]) -> Step:
    axes = line.params["axes"]
    return _same(line, tuple(index[axes.index(k)] for k in range(len(axes))))


def _broadcast(source: Source, line: Line, index: Index, extents: Sequence[int]) -> Step:
    return _same(line, aligned(index, source.lines[line.operands[0]].shape))


def _gather(source: Source, line: Line, index: Index, extents: Sequence[int]) -> Step:
    whole = source.lines[line.operands[0]].shape
    lead = len(whole) - len(line.params["shape"])
    shape = whole[lead:]
    if line.names:
        places = line.computed_params["places"]
        place = _entry(places, aligned(index[lead:], source.lines[places].shape), shape)
    else:
        place = _known_entry(source, line.params["places"], index[lead:], shape, extents)
    return _same(line, (*index[:lead], *unravelled(place, shape, extents)))


def _entry(places: int, index: Index, shape: Sequence[int]) -> Affine:
    return variable(Computed("entry", (places, index), 1, math.prod(shape)))


def _known_entry(
    source: Source, places: Any, index: Index, shape: Sequence[int], extents: Sequence[int]
) -> Affine:
    for pattern in source.patterns(places):
        inside = [a.within(s, extents) for a, s in zip(index, pattern.spans, strict=True)]
        if any(found is False for found, _ in inside):
            continue
        if any(found is None for found, _ in inside):
            break
        place = constant(pattern.start)
        for (_, at), coefficient in zip(inside, pattern.coefficients, strict=True):
            place = place.plus(at.times(coefficient))
        return place
    return _entry(source.array(places), index, shape)


def _scatter_add(source: Source, line: Line, index: Index, extents: Sequence[int]) -> Step:
    shape, places = line.params["shape"], line.params["places"]
    lead = len(index) - len(shape)
    inverse = source.inverse(places, shape)
    place = _known_entry(source, inverse, index[lead:], places.shape, extents)
    return _same(line, (*index[:lead], *unravelled(place, places.shape, extents)))


def _sum(source: Source, line: Line, index: Index, extents: Sequence[int]) -> Step | None:
    axes = line.params["axis"]
    shape = source.lines[line.operands[0]].shape
    requests = []
    for place in np.ndindex(*(shape[i] for i in axes)):
        full = list(index)
        for axis, k in sorted(zip(axes, place, strict=True)):
            full.insert(axis, constant(k))
        requests.append((line.operands[0], tuple(full)))
    return Step("total", tuple(requests)) if requests else NOTHING


def _matmul(source: Source, line: Line, index: Index, extents: Sequence[int]) -> Step | None:
    a, b = line.operands
    left, right = source.lines[a].shape, source.lines[b].shape
    requests = []
    for k in range(left[-1]):
        requests.append((a, aligned((*index[:-1], constant(k)), left)))
        requests.append((b, aligned((*index[:-2], constant(k), index[-1]), right)))
    return Step("products", tuple(requests)) if requests else NOTHING


def _select(source: Source, line: Line, index: Index, extents: Sequence[int]) -> Step | None:
    if line.names:
        return None
    a, b = line.operands
    condition = source.array(line.params["condition"])
    at = aligned(index, source.lines[condition].shape)
    if (found := runs(source.lines[condition].value)) is not None:
        axis, stretches = found
        for stretch, holds in stretches:
            inside, _ = at[axis].within(stretch, extents)
            if inside is None:
                break
            if inside:
                chosen = a if holds else b
                return Step("same", ((chosen, aligned(index, source.lines[chosen].shape)),))
    requests = ((i, aligned(index, source.lines[i].shape)) for i in (a, b))
    return Step("apply", (*requests, (condition, at)))


RULES: dict[Primitive, Rule] = {
    linear.index: _index,
    linear.scatter: _scatter,
    linear.assign: _assign,
    linear.concatenate: _concatenate,
    linear.reshape: _reshape,
    linear.transpose: _transpose,
    linear.broadcast_to: _broadcast,
    linear.gather: _gather,
    linear.scatter_add: _scatter_add,
    linear.sum_: _sum,
    linear.select: _select,
    matmul_row: _matmul,
}
