"""Where an entry lies, as a function of the loops around it.

Inside a loop nest an index is a whole number that is linear in the loop variables as long as only
slices, shifts, flips and broadcasts have been met. Where it is not (a reshape that cuts a loop
into pieces of the wrong size, an index read from an array) a `Computed` number takes part in it
like one more variable.

Loop variables count 0, 1, 2, ... up to their extent. A nest is split where a linear index is not
yet one case throughout (`Split`): a loop is cut in two, parted into every other entry, or made a
loop of loops.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

__all__ = [
    "ZERO",
    "Affine",
    "Computed",
    "Index",
    "Request",
    "Split",
    "aligned",
    "constant",
    "entries",
    "linear",
    "ravelled",
    "reshaped",
    "unravelled",
    "variable",
]

Index: TypeAlias = "tuple[Affine, ...]"
Request: TypeAlias = "tuple[int, Index]"
"""A line, and where an entry of it is wanted."""


class Computed(NamedTuple):
    """A whole number in ``range(size)`` that is not linear in the loop variables.

    Attributes
    ----------
    kind : {"quotient", "remainder", "clamped", "entry"}
        Of what the number is.
    of : Affine, or (int, Index)
        What is divided or clamped; for an entry the line and the index it is read at.
    by : int
        What it is divided by.
    size : int
    """

    kind: str
    of: Any
    by: int
    size: int


Variable: TypeAlias = "int | Computed"


class Affine(NamedTuple):
    """``offset`` plus the sum of ``coefficient * variable``; variables in a fixed order."""

    offset: int
    terms: tuple[tuple[Variable, int], ...] = ()

    def shifted(self, n: int) -> Affine:
        """Add a number."""
        return Affine(self.offset + n, self.terms) if n else self

    def times(self, n: int) -> Affine:
        """Multiply by a number."""
        if n == 1:
            return self
        return Affine(self.offset * n, tuple((v, c * n) for v, c in self.terms) if n else ())

    def plus(self, other: Affine) -> Affine:
        """Add another."""
        if not other.terms:
            return self.shifted(other.offset)
        if not self.terms:
            return other.shifted(self.offset)
        return linear(self.offset + other.offset, (*self.terms, *other.terms))

    def bounds(self, extents: Sequence[int]) -> tuple[int, int]:
        """Give the least and the largest value."""
        low = high = self.offset
        for v, c in self.terms:
            last = c * ((extents[v] if isinstance(v, int) else v.size) - 1)
            if c > 0:
                high += last
            else:
                low += last
        return low, high

    def replaced(self, table: Mapping[int, Affine]) -> Affine:
        """Put other expressions in place of loop variables."""
        result = Affine(self.offset)
        for v, c in self.terms:
            inner = table.get(v, variable(v)) if isinstance(v, int) else _replaced(v, table)
            result = result.plus(inner.times(c))
        return result

    @property
    def loops(self) -> Iterable[int]:
        """The loop variables that take part, those of computed numbers included."""
        for v, _ in self.terms:
            if isinstance(v, int):
                yield v
            elif v.kind == "entry":
                for part in v.of[1]:
                    yield from part.loops
            else:
                yield from v.of.loops

    def divided(self, n: int, extents: Sequence[int]) -> tuple[Affine, Affine]:
        """Give quotient and remainder by a positive number; never negative itself.

        Raises
        ------
        Split
            Where the two are linear on parts of the nest.
        """
        whole = tuple((v, c // n) for v, c in self.terms if c % n == 0)
        over = tuple((v, c) for v, c in self.terms if c % n)
        rest = Affine(self.offset % n, over)
        low, high = rest.bounds(extents)
        turns = low // n
        if high // n == turns:
            return Affine(self.offset // n + turns, whole), rest.shifted(-turns * n)
        if len(over) == 1 and isinstance(over[0][0], int) and over[0][1] == 1:
            v, extent = over[0][0], extents[over[0][0]]
            head = -rest.offset % n
            if head:
                raise Split("cut", v, head)
            if extent % n:
                raise Split("cut", v, extent - extent % n)
            raise Split("nest", v, n)
        _, most = self.bounds(extents)
        return (
            variable(Computed("quotient", self, n, most // n + 1)),
            variable(Computed("remainder", self, n, n)),
        )

    def within(self, span: range, extents: Sequence[int]) -> tuple[bool | None, Affine]:
        """Tell whether the index lies in a span, and at which place of it.

        None means that this is known at run time only. The place is then clamped.

        Raises
        ------
        Split
            Where the answer is one and the same on parts of the nest.
        """
        if not span:
            return False, ZERO
        if span.step < 0:
            inside, place = self.within(span[::-1], extents)
            return inside, place.times(-1).shifted(len(span) - 1)
        low, high = self.bounds(extents)
        if high < span[0] or low > span[-1]:
            return False, ZERO
        single = len(self.terms) == 1 and isinstance(self.terms[0][0], int)
        if low < span[0] or high > span[-1]:
            if single:
                raise self._leaving(span, extents)
            return None, self._clamped(span)
        if len(span) == 1:
            return True, ZERO
        from_start = self.shifted(-span[0])
        if all(c % span.step == 0 for _, c in self.terms):
            if from_start.offset % span.step:
                return False, ZERO
            terms = tuple((v, c // span.step) for v, c in self.terms)
            return True, Affine(from_start.offset // span.step, terms)
        if single:
            v, c = self.terms[0]
            assert isinstance(v, int)
            raise Split("part", v, min(span.step // math.gcd(c, span.step), extents[v]))
        return None, self._clamped(span)

    def _leaving(self, span: range, extents: Sequence[int]) -> Split:
        """Say where along its only variable the index enters or leaves a span."""
        ((v, c),) = self.terms
        assert isinstance(v, int)
        first, last = (span[0], span[-1]) if c > 0 else (span[-1], span[0])
        enters = -((self.offset - first) // c)
        leaves = (last - self.offset) // c + 1
        return Split("cut", v, enters if 0 < enters < extents[v] else leaves)

    def _clamped(self, span: range) -> Affine:
        near = variable(Computed("clamped", self.shifted(-span[0]), 1, span[-1] - span[0] + 1))
        if span.step == 1:
            return near
        return variable(Computed("quotient", near, span.step, len(span)))


ZERO = Affine(0)


def constant(n: int) -> Affine:
    """Give a number as an index."""
    return Affine(n)


def variable(v: Variable) -> Affine:
    """Give a variable as an index."""
    return Affine(0, ((v, 1),))


def linear(offset: int, terms: Iterable[tuple[Variable, int]]) -> Affine:
    """Sum up terms, of which several may have the same variable."""
    total: dict[Variable, int] = {}
    for v, c in terms:
        total[v] = total.get(v, 0) + c
    kept = [(v, c) for v, c in total.items() if c]
    return Affine(offset, tuple(sorted(kept, key=_order) if len(kept) > 1 else kept))


def _order(term: tuple[Variable, int]) -> tuple[int, int, str]:
    v = term[0]
    return (0, v, "") if isinstance(v, int) else (1, 0, repr(v))


def _replaced(v: Computed, table: Mapping[int, Affine]) -> Affine:
    if v.kind == "entry":
        line, index = v.of
        return variable(v._replace(of=(line, tuple(a.replaced(table) for a in index))))
    return variable(v._replace(of=v.of.replaced(table)))


def aligned(index: Index, shape: tuple[int, ...]) -> Index:
    """Give the index of an operand that is broadcast, from the right."""
    index = index[len(index) - len(shape) :]
    return tuple(ZERO if n == 1 else a for a, n in zip(index, shape, strict=True))


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
        place = ravelled(index[first_i:i], shape[first_i:i])
        result += unravelled(place, inner[first_j:j], extents)
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


class Split(Exception):
    """A nest is to be split along a loop before an index can be followed further.

    Parameters
    ----------
    kind : {"cut", "part", "nest"}
        Cut in two at ``n``; part into ``n`` loops over every n-th entry; make it a loop over
        blocks of ``n`` and one within a block.
    loop : int
    n : int
    """

    def __init__(self, kind: str, loop: int, n: int) -> None:
        super().__init__(kind, loop, n)
        self.kind, self.loop, self.n = kind, loop, n

    def pieces(
        self, extents: tuple[int, ...]
    ) -> Iterable[tuple[tuple[int, ...], dict[int, Affine]]]:
        """Give the extents of the new nests, and their variables in place of the old."""
        v, n, extent = self.loop, self.n, extents[self.loop]
        if self.kind == "nest":
            table = {w: variable(w + 1) for w in range(v + 1, len(extents))}
            table[v] = linear(0, [(v, n), (v + 1, 1)]) if extent > n else variable(v + 1)
            yield (*extents[:v], extent // n, n, *extents[v + 1 :]), table
            return
        spans = (
            [range(n), range(n, extent)]
            if self.kind == "cut"
            else [range(extent)[start::n] for start in range(n)]
        )
        for span in spans:
            place = Affine(span[0], ((v, span.step),) if len(span) > 1 else ())
            yield (*extents[:v], len(span), *extents[v + 1 :]), {v: place}
