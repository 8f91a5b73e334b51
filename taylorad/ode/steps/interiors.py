"""The interiors of a system whose orders are written out, side by side in vectors.

The newest terms are single numbers, for each degree waits for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import zip_longest
from typing import TYPE_CHECKING

from taylorad.ode.steps.code import Name
from taylorad.ode.tracing.recurrences import Inner

if TYPE_CHECKING:
    from taylorad.ode.steps.unrolled import Unrolled

__all__ = ["LANES", "Interiors", "Stream", "Streams", "outwards"]

Stream = tuple[int, bool]
"""A line, or D of it."""

LANES = 4
"""Interiors side by side."""

NEWEST = 2
"""So many terms of a sum are added last, for they come last."""


@dataclass
class Streams:
    """Streams side by side.

    Attributes
    ----------
    lanes : tuple of Stream
    parts : dict of int to str
        Their parts of each degree, as far as there was use for them.
    """

    lanes: tuple[Stream, ...]
    parts: dict[int, str] = field(default_factory=dict)


@dataclass
class _Pack:
    """Interiors side by side, and their factors."""

    inners: list[Inner]
    width: int
    first: Streams
    second: Streams

    @cached_property
    def is_square(self) -> bool:
        return all(i.is_square for i in self.inners)


class Interiors:
    """The text of interiors.

    Parameters
    ----------
    core : Unrolled
    lanes : int
        How many there are side by side.
    inners : list of Inner, optional
        Unless they are all.
    """

    def __init__(self, core: Unrolled, lanes: int, inners: list[Inner] | None = None) -> None:
        self.core, self.code, self.lanes = core, core.code, lanes
        self.inners = core.recurrences.inners if inners is None else inners
        self.sides: dict[tuple[Stream, ...], Streams] = {}
        self.begun: dict[tuple[int, int], Name] = {}
        self.packs = self._packed()

    def _packed(self) -> list[_Pack]:
        """Put interiors side by side, those together that have a factor in common.

        Squares have half as many terms, so they are by themselves if that takes no more vectors.
        """
        packs = []
        inners = self.inners
        squares, others = ([i for i in inners if i.is_square == square] for square in (True, False))
        is_apart = self._vectors(squares) + self._vectors(others) == self._vectors(inners)
        for left in (others, squares) if is_apart else ([*inners],):
            while left:
                counts: dict[int, int] = {}
                for inner in left:
                    for line in {inner.a, inner.b}:
                        counts[line] = counts.get(line, 0) + 1
                common = max(counts, key=lambda line: counts[line])
                chosen = [i for i in left if common in (i.a, i.b)][: self.lanes]
                chosen += [i for i in left if i not in chosen][: self.lanes - len(chosen)]
                left = [i for i in left if i not in chosen]
                packs.append(self._pack([self._turned(i, common) for i in chosen]))
        return packs

    def _vectors(self, inners: Sequence[Inner]) -> int:
        """Give how many vectors it takes to have interiors side by side."""
        return -(-len(inners) // self.lanes)

    def _pack(self, inners: list[Inner]) -> _Pack:
        width = 1 << (len(inners) - 1).bit_length()
        lanes = [*inners, *[inners[-1]] * (width - len(inners))]
        first, second = [(i.a, i.weighted) for i in lanes], [(i.b, False) for i in lanes]
        return _Pack(inners, width, self.streams(first), self.streams(second))

    def _turned(self, inner: Inner, common: int) -> Inner:
        return Inner(inner.b, inner.a) if inner.a == common and not inner.weighted else inner

    def streams(self, lanes: Sequence[Stream]) -> Streams:
        """Put streams side by side: the same if they have been."""
        return self.sides.setdefault(tuple(lanes), Streams(tuple(lanes)))

    def vector(self, streams: Streams, k: int) -> Name:
        """Give parts side by side."""
        part: Name = streams.parts.get(k)
        if part is None:
            if len(streams.lanes) == 1:
                part = self.core.of(streams.lanes[0], k)
            else:
                part = self.code.packed([self.core.of(s, k) for s in streams.lanes])
            if part is not None:
                streams.parts[k] = part
        return part

    def written(self, k: int) -> Mapping[Inner, Name]:
        """Write all interiors of a degree: old parts side by side, the newest alone."""
        found: dict[Inner, Name] = {}
        for number, pack in enumerate(self.packs):
            if (number, k) not in self.begun:
                self._begin(number, k)
            total = self.begun.pop((number, k))
            for lane, inner in enumerate(pack.inners):
                y = None if total is None else self.code.lane(total, pack.width, lane)
                if _lag(pack, k) == 2 and k > 1:
                    y = self._ends(inner, k, y)
                key = inner if inner.weighted or inner.a <= inner.b else Inner(inner.b, inner.a)
                found[key] = y
        return found

    def _begin(self, number: int, k: int) -> None:
        """Write the old terms of interiors side by side.

        Those of degree k, if it is even, and of k + 1 are written together, for they have factors
        in common; there are more numbers than registers.
        """
        pack, code = self.packs[number], self.code
        degrees = range(k, min(k + 2 - k % 2, self.core.end))
        totals = self._dots([self._pairs(pack, degree) for degree in degrees], pack.width)
        for degree, total in zip(degrees, totals, strict=True):
            if pack.is_square:
                total = code.add(total, total, pack.width)
                if degree % 2 == 0 and degree // 2 >= _lag(pack, degree):
                    middle = self.vector(pack.first, degree // 2)
                    total = code.fused(middle, middle, total, pack.width)
            self.begun[number, degree] = total

    def _pairs(self, pack: _Pack, k: int) -> list[tuple[Name, Name]]:
        """Give the factors of the old terms, the oldest first; of a square, half of them."""
        lag, first, second, of = _lag(pack, k), pack.first, pack.second, self.vector
        if pack.is_square:
            js: Iterable[int] = reversed(range(lag, (k + 1) // 2))
        else:
            js = outwards(lag, k - lag)
        return [(of(first, j), of(second, k - j)) for j in js]

    def _ends(self, inner: Inner, k: int, total: Name) -> Name:
        """Add the terms with the first parts."""
        code, of, a, b = self.code, self.core.of, (inner.a, inner.weighted), (inner.b, False)
        first, last = (of(a, 1), of(b, k - 1)), (of(a, k - 1), of(b, 1))
        if k == 2:
            return code.fused(*first, total)
        if inner.is_square:
            twice = code.instruction(f"fadd double {first[0]}, {first[0]}")
            return code.fused(twice, first[1], total)
        for pair in sorted((first, last), key=lambda pair: code.wait(*pair)):
            total = code.fused(*pair, total)
        return total

    def _dots(self, sums: Sequence[list[tuple[Name, Name]]], width: int) -> list[Name]:
        """Add up products: most of each sum in two halves, to which those known last are added."""
        code = self.code
        halves: list[list[tuple[Name, Name]]] = []
        last: list[list[tuple[Name, Name]]] = []
        for pairs in sums:
            known = [pair for pair in pairs if None not in pair]
            known.sort(key=lambda pair: code.wait(*pair))
            most = max(len(known) - NEWEST, 0)
            half = min(len(known) // 2, most)
            halves += [known[:half], known[half:most]]
            last.append(known[most:])
        totals: list[Name] = [None] * len(halves)
        for terms in zip_longest(*halves):
            for n, term in enumerate(terms):
                if term is not None:
                    totals[n] = code.fused(term[0], term[1], totals[n], width)
        found: list[Name] = []
        for low, high, newest in zip(totals[::2], totals[1::2], last, strict=True):
            total = code.add(low, high, width)
            for a, b in newest:
                total = code.fused(a, b, total, width)
            found.append(total)
        return found


@cache
def outwards(first: int, last: int) -> list[int]:
    """Give whole numbers from the middle on."""
    return sorted(range(first, last + 1), key=lambda j: abs(2 * j - first - last))


def _lag(pack: _Pack, k: int) -> int:
    """Give the first degree of the old terms; the newest parts, by which the others go, are late.

    Vectors do without those, and so do sums that are begun a degree before.
    """
    return 1 if pack.width == 1 and k % 2 == 0 else 2
