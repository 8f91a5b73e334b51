"""What an entry of a line is made of: one step from an index of the line to indices of its operands.

Most rows only move entries. For them an entry of the result *is* an entry of an operand, and which
one is arithmetic on indices, done here while compiling. What is left of a program are its inputs,
elementwise operations, and known zeros where the adjoint of a slice puts nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from taylorad.compiler.indices import ZERO, Affine, Computed, Index, constant, variable
from taylorad.primitives import linear
from taylorad.primitives.contraction import matmul_row
from taylorad.primitives.registry import Primitive
from taylorad.wengert.list import Line, WengertList

__all__ = [
    "SHORT",
    "Request",
    "Source",
    "Step",
    "Test",
    "aligned",
    "entries",
    "is_moving",
    "is_pulled",
    "ravelled",
]

SHORT = 8
"""A sum of no more terms is written out."""

Request = tuple[int, Index]
"""A line and where an entry of it is wanted."""


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


@dataclass
class Source:
    """The lines of a program, those for its constant arrays of indices and conditions included.

    Attributes
    ----------
    program : WengertList
    lines : list of Line
        The lines of the program, then the additional constants.
    """

    program: WengertList
    lines: list[Line] = field(default_factory=list)
    _arrays: dict[int, int] = field(default_factory=dict)
    _uniform: dict[int, Any] = field(default_factory=dict)
    _patterns: dict[int, list[Pattern]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lines = list(self.program.lines)

    def array(self, a: Any) -> int:
        """Give a constant array a line."""
        key = id(a)  # of something that the program keeps alive
        if key not in self._arrays:
            self._arrays[key] = len(self.lines)
            a = np.asarray(a)
            a = a.astype(np.int64) if a.dtype.kind in "iu" else a
            self.lines.append(Line(None, (), {}, (), a.shape, a.dtype, a))
        return self._arrays[key]

    def is_zero(self, number: int) -> bool:
        """Tell whether a line is an array of zeros that something is put into."""
        line = self.lines[number]
        return line.is_constant and bool(line.shape) and not np.any(line.value)

    def uniform(self, number: int) -> Any:
        """Give the number that all entries of a constant are; None if there is none."""
        if number not in self._uniform:
            value = np.asarray(self.lines[number].value)
            first = value.flat[0].item() if value.size else None
            same = first is not None and np.all(value == first)
            signs = value.dtype.kind == "f" and np.ptp(np.signbit(value).astype(int)) if same else 0
            self._uniform[number] = first if same and not signs else None
        return self._uniform[number]

    def runs(self, number: int) -> list[tuple[int, list[tuple[range, bool]]]]:
        """Give, for a condition that varies along one axis only and seldom, axis and runs."""
        value = np.asarray(self.lines[number].value)
        wide = [k for k, n in enumerate(value.shape) if n > 1]
        if len(wide) != 1:
            return []
        flat = value.ravel() != 0
        cuts = [0, *(int(t) + 1 for t in np.flatnonzero(flat[1:] != flat[:-1])), len(flat)]
        if len(cuts) > _MOST_PIECES + 1:
            return []
        spans = [range(a, b) for a, b in zip(cuts, cuts[1:], strict=False)]
        return [(wide[0], [(span, bool(flat[span[0]])) for span in spans])]

    def patterns(self, places: Any) -> list[Pattern]:
        """Give the linear pieces of an array of indices, none if they are too many."""
        if id(places) not in self._patterns:
            self._patterns[id(places)] = list(_patterns(np.asarray(places)))
        return self._patterns[id(places)]

    def step(self, number: int, index: Index, extents: Sequence[int]) -> Step:
        """Go from an entry of a line to those it is made of.

        Raises
        ------
        Split
            Where the step differs from one part of the nest to another.
        """
        line = self.lines[number]
        assert line.row is not None
        rule = RULES.get(line.row)
        found = rule(self, line, index, extents) if rule is not None else None
        if found is not None:
            return found
        operands = ((i, aligned(index, self.lines[i].shape)) for i in line.operands)
        return Step("apply", tuple(operands))


def aligned(index: Index, shape: tuple[int, ...]) -> Index:
    """Give the index of an operand that is broadcast, from the right."""
    index = index[len(index) - len(shape) :]
    return tuple(ZERO if n == 1 else a for a, n in zip(index, shape, strict=True))


def entries(index: Index) -> Iterator[Request]:
    """Give the entries that an index is read from."""
    for a in index:
        for v, _ in a.terms:
            if isinstance(v, int):
                continue
            if v.kind == "entry":
                yield v.of
                yield from entries(v.of[1])
            else:
                yield from entries((v.of,))


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
            tests.append(Test(place, whole))
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


def reshaped(
    index: Index, shape: Sequence[int], inner: Sequence[int], extents: Sequence[int]
) -> Index:
    """Give the index into another shape with as many entries, in C order.

    Axes are taken in the smallest groups that hold as many entries on both sides.
    """
    result: list[Affine] = []
    i = j = 0
    while i < len(shape) or j < len(inner):
        first_i, first_j = i, j
        mine = theirs = 1
        if i < len(shape):
            mine, i = shape[i], i + 1
        if j < len(inner):
            theirs, j = inner[j], j + 1
        while mine != theirs:
            if mine < theirs and i < len(shape):
                mine, i = mine * shape[i], i + 1
            elif j < len(inner):
                theirs, j = theirs * inner[j], j + 1
            else:
                mine, i = mine * shape[i], i + 1
        result += unravelled(ravelled(index[first_i:i], shape[first_i:i]), inner[first_j:j], extents)
    return tuple(result)


def ravelled(index: Index, shape: Sequence[int]) -> Affine:
    """Give the place of an entry in C order."""
    place = ZERO
    for a, n in zip(index, shape, strict=True):
        place = place.times(n).plus(a)
    return place


def unravelled(place: Affine, shape: Sequence[int], extents: Sequence[int]) -> list[Affine]:
    """Give the index of the entry at a place in C order."""
    index = [ZERO] * len(shape)
    wide = [k for k, n in enumerate(shape) if n > 1]
    for k in wide[:0:-1]:
        place, index[k] = place.divided(shape[k], extents)
    if wide:
        index[wide[0]] = place
    return index


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
        at = line.computed_params["places"]
        place = _entry(source, at, aligned(index[lead:], source.lines[at].shape), shape)
    else:
        place = _known_entry(source, line.params["places"], index[lead:], shape, extents)
    return _same(line, (*index[:lead], *unravelled(place, shape, extents)))


def _entry(source: Source, at: int, index: Index, shape: Sequence[int]) -> Affine:
    return variable(Computed("entry", (at, index), 1, math.prod(shape)))


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
    at = source.array(places)
    return _entry(source, at, index, shape)


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
    for axis, runs in source.runs(condition):
        for run, holds in runs:
            inside, _ = at[axis].within(run, extents)
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
    linear.sum_: _sum,
    linear.select: _select,
    matmul_row: _matmul,
}


# --- arrays of indices -----------------------------------------------------------------------


class Pattern(NamedTuple):
    """A box of an array of indices in which they are linear."""

    spans: tuple[range, ...]
    start: int
    coefficients: tuple[int, ...]


_MOST_PIECES = 4


def _patterns(places: Any) -> Iterator[Pattern]:
    """Cut an array of indices into a few boxes, as those of ``roll`` and ``flip`` can be."""
    cuts = []
    for axis, n in enumerate(places.shape):
        change = np.diff(places, n=2, axis=axis)
        others = tuple(k for k in range(places.ndim) if k != axis)
        at = np.flatnonzero(np.any(change != 0, axis=others)) + 1
        # Where the difference changes twice in a row an entry stands out: a step lies there.
        bounds = [0, *(int(t) + 1 for k, t in enumerate(at) if k % 2 == 0), n]
        if len(bounds) > _MOST_PIECES:
            return
        cuts.append([range(a, b) for a, b in zip(bounds, bounds[1:], strict=False) if a < b])
    boxes: list[tuple[range, ...]] = [()]
    for spans in cuts:
        boxes = [(*box, span) for box in boxes for span in spans]
    if len(boxes) > _MOST_PIECES:
        return
    found = [_pattern(places, box) for box in boxes]
    if all(pattern is not None for pattern in found):
        yield from (pattern for pattern in found if pattern is not None)


def _pattern(places: Any, box: tuple[range, ...]) -> Pattern | None:
    piece = places[tuple(slice(s.start, s.stop) for s in box)]
    start = int(piece.flat[0])
    origin = (0,) * piece.ndim
    coefficients = []
    expected = np.full(piece.shape, start)
    for axis, n in enumerate(piece.shape):
        next_one = (*origin[:axis], 1, *origin[axis + 1 :])
        coefficient = int(piece[next_one]) - start if n > 1 else 0
        coefficients.append(coefficient)
        line = np.arange(n) * coefficient
        expected += line.reshape((n,) + (1,) * (piece.ndim - axis - 1))
    return Pattern(box, start, tuple(coefficients)) if np.array_equal(piece, expected) else None
