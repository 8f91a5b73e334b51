"""The interiors of the convolutions of groups: nearly all of the work.

Many go through the older parts together, for two degrees at once; of squares it is half as long.
They are added up before any part of these degrees is known, and wait in rows. Those of loops that
are many for each vector are added up there instead, next to the nodes that they are for, while its
parts are at hand. Where every degree has code of its own the sums are written out, and the newest
parts are in registers.

The weights of a power's parts are counted up in the loop. For the next degree each is 1 more, which
takes an addition only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from taylorad.ode.steps.code import Name, kind_of
from taylorad.ode.steps.groups.diagonals import Diagonals
from taylorad.ode.steps.groups.group import Group
from taylorad.ode.steps.groups.layout import Chunk, Degree

__all__ = ["Interiors"]

RECENT = 2
"""So many of the newest degrees are taken from registers, where degrees are written out."""

LEAST_ALONG = 3
"""So many sums of a vector, or more, are added up in the loop over its nodes."""

MOST_SUMS = 5
"""Sums, for two degrees each, that go together: so that none waits for its own last product."""


@dataclass(frozen=True)
class _Sum:
    """An interior of a vector of lines.

    Attributes
    ----------
    now, later : str
        The rows that it waits in: that of an even degree, or of any, and that of the next.
    place : int
        Where in the rows.
    a, b : int
        Where the parts of its factors begin.
    share : float or None
        By which those of a are weighted, as `Inner` has it.
    """

    now: str
    later: str
    width: int
    place: int
    a: int
    b: int
    share: float | None


@dataclass(frozen=True)
class _Batch:
    """Sums that go through the older parts together.

    Attributes
    ----------
    width : int
    square : bool
        Whether both factors are one.
    sums : list of _Sum
    vectors, times : int
        How many vectors of each group these are, and how often the same is done for the next.
    """

    width: int
    square: bool
    sums: list[_Sum]
    vectors: int
    times: int


def _shared_out(found: list[list[_Sum]]) -> Iterator[list[list[_Sum]]]:
    """Give so many sums at a time: neighbours share what they read."""
    found.sort(key=lambda sums: (sums[0].b, sums[0].a))
    count = -(-len(found) // MOST_SUMS)
    for n in range(count):
        yield found[len(found) * n // count : len(found) * (n + 1) // count]


class Interiors(Diagonals):
    """A core that can convolve."""

    def claim_rows(self) -> None:
        """Make rows for the interiors."""
        self.rows_of = {
            (group, number): (
                self.claim(group.width * group.chunks),
                self.claim(group.width * group.chunks),
            )
            for group in self.groups
            for number in range(len(group.factors))
        }
        self.every = {key: self._sums(*key) for key in self.rows_of}
        self.sums: dict[tuple[str, Chunk], Name] = {}

    def put_together(self, runs: Sequence[Sequence[Group]]) -> None:
        """Find the sums that are added up in the loops of runs, and those that are so before."""
        self.along: list[list[tuple[bool, list[list[_Sum]]]]] = []
        kinds: dict[tuple[int, bool, int], list[list[_Sum]]] = {}
        for run in runs:
            width, chunks = run[0].width, run[0].chunks
            own = [self.every[group, n] for group in run for n in range(len(group.factors))]
            self.along.append([])
            for square in (True, False):
                found = [sums for sums in own if square == (sums[0].a == sums[0].b)]
                if not self.is_written_out and len(found) >= LEAST_ALONG:
                    self.along[-1] += [(square, some) for some in _shared_out(found)]
                    continue
                for sums in found:
                    if self._is_even(sums, width) and not self.is_written_out:
                        kinds.setdefault((width, square, chunks), []).append(sums)
                    else:
                        kinds.setdefault((width, square, 1), []).extend([one] for one in sums)
        self.apart = [
            batch for kind, found in kinds.items() for batch in self._batches(*kind, found)
        ]

    def _batches(
        self, width: int, square: bool, chunks: int, found: list[list[_Sum]]
    ) -> Iterator[_Batch]:
        """Put sums together; those of groups with as many vectors go from vector to vector."""
        for some in _shared_out(found):
            vectors = min(chunks, MOST_SUMS // len(some))
            times, rest = divmod(chunks, vectors)
            yield _Batch(width, square, [s for x in some for s in x[:vectors]], vectors, times)
            if rest:
                yield _Batch(width, square, [s for x in some for s in x[-rest:]], rest, 1)

    def _sums(self, group: Group, number: int) -> list[_Sum]:
        first, second, weighted = group.factors[number]
        row, width = self.rows_of[group, number], group.width
        both = self.streams_of(first, weighted), self.streams_of(second, False)
        found = []
        for c in range(group.chunks):
            a, b = (self.place_of(streams, c, width) for streams in both)
            found.append(_Sum(*row, width, c * width, a, b, group.shares[number]))
        return found

    def _is_even(self, sums: Sequence[_Sum], width: int) -> bool:
        """Tell whether the parts of all vectors are equally far apart."""
        stride, first = width * self.length, sums[0]
        return all(
            (s.a - first.a, s.b - first.b) == (c * stride, c * stride) for c, s in enumerate(sums)
        )

    def _over_vectors(self, batch: _Batch, body: Callable[[str, str], None]) -> None:
        """Go through all vectors of a batch: ``body`` takes the history, and a place in rows."""
        code = self.code

        def once(number: str) -> list[str]:
            place = code.let(f"mul nuw nsw i64 {number}, {batch.vectors * batch.width}")
            skipped = code.let(f"mul nuw nsw i64 {place}, {self.length}")
            body(self._beyond(self.history, skipped), place)
            return []

        if batch.times == 1:
            body(self.history, "0")
        else:
            code.loop(batch.times, once)

    def _beyond(self, array: str, place: str) -> str:
        return self.code.let(f"getelementptr inbounds double, ptr {array}, i64 {place}")

    def pair_of_interiors(self, k: Degree) -> None:
        """Add up interiors of an even degree, and most of those of the next."""
        for batch in self.apart:
            self._over_vectors(batch, lambda h, p, b=batch: self._pair(b, h, p, k))  # type: ignore[misc]

    def _pair(self, batch: _Batch, history: str, place: str, k: Degree) -> None:
        """Add up those of a batch, and put them where they wait."""
        for totals, row in zip(self._totals(batch, history, k), ("now", "later"), strict=True):
            for total, s in zip(totals, batch.sums, strict=True):
                if self.is_spread and batch.times == 1:
                    self.sums[getattr(s, row), s.place // batch.width] = total
                else:
                    at = self._beyond(getattr(s, row), place)
                    self.code.store(total, at, s.place, batch.width)

    def pair_along(self, number: int, c: Chunk, k: Degree, *, waits: bool) -> None:
        """Add up those of a vector of a run; maybe those of the next degree have to wait."""
        for square, some in self.along[number]:
            width = some[0][0].width
            first, history = self._from(c, width)
            batch = _Batch(width, square, [sums[first] for sums in some], 1, 1)
            now, later = self._totals(batch, history, k)
            for s, total in zip(batch.sums, now, strict=True):
                self.sums[s.now, c] = total
            for s, total in zip(batch.sums, later, strict=True):
                if waits:
                    self.code.store(total, s.later, self.at(c, width, 0), width)
                else:
                    self.sums[s.later, c] = total

    def _totals(
        self, batch: _Batch, history: str, k: Degree
    ) -> tuple[Sequence[Name], Sequence[Name]]:
        """Add up the interiors of an even degree, and most of those of the next.

        What is read for one degree serves the other. What is left out are the products with parts
        of degree k, which are not known yet: see `interior`.
        """
        if isinstance(k, int):
            totals, later = self._written_sums(batch, history, k)
        else:
            totals, later = self._looped_sums(batch, history, k)
        if batch.square:
            code, width = self.code, batch.width
            half = k // 2 if isinstance(k, int) else code.let(f"lshr i64 {k}, 1")
            middles = [self._part(history, s.a, half, width) for s in batch.sums]
            totals = [
                code.fused(m, m, code.add(total, total, width), width)
                for m, total in zip(middles, totals, strict=True)
            ]
            later = [code.add(total, total, width) for total in later]
        return totals, later

    def _written_sums(self, batch: _Batch, history: str, k: int) -> tuple[list[Name], list[Name]]:
        """Add up products for two degrees, each written out, the oldest first; half of squares."""
        code, width, sums = self.code, batch.width, batch.sums
        now: list[Name] = [None] * len(sums)
        later = list(now)
        read: dict[tuple[int, int], str] = {}

        def part(stream: int, j: int) -> str:
            if (stream, j) not in read:
                read[stream, j] = self._part(history, stream, j, width)
            return read[stream, j]

        last = k // 2 if batch.square else k - 1
        for j in sorted(range(1, last + 1), key=lambda j: max(j, k - j)):
            for n, s in enumerate(sums):
                x, following = self._weighted(part(s.a, j), self._weight(s, j, k), width)
                if j < k - j or not batch.square:
                    now[n] = code.fused(x, part(s.b, k - j), now[n], width)
                if j > 1:
                    later[n] = code.fused(following, part(s.b, k + 1 - j), later[n], width)
        return now, later

    def _weight(self, s: _Sum, j: Degree, k: Degree) -> str | None:
        """Give what a part j is weighted by for degree k; None for nothing."""
        if s.share is None:
            return None
        if isinstance(j, int) and isinstance(k, int):
            return self.code.constant(s.share * j + k, s.width)
        share = self.code.constant(s.share, s.width)
        return self.code.fused(share, self.degree(j, s.width), self.degree(k, s.width), s.width)

    def _weighted(self, part: str, weight: str | None, width: int) -> tuple[Name, Name]:
        """Give the first factors of terms of a degree, and of the next: that is weighted 1 more."""
        if weight is None:
            return part, part
        first = self.code.multiply(part, weight, width)
        return first, self.code.add(first, part, width)

    def _looped_sums(self, batch: _Batch, history: str, k: str) -> tuple[list[Name], list[Name]]:
        """Add up products for two degrees in a loop; half of squares.

        A factor's part that the next degree wants is the one that was read a round before.
        """
        code, width, sums = self.code, batch.width, batch.sums
        n, behinds = len(sums), list(dict.fromkeys(s.b for s in sums))
        first_weights = {s.share: self._weight(s, 1, k) or "" for s in sums if s.share is not None}

        def terms(j: str, *carried: str) -> list[str]:
            rest = iter(carried[2 * n :])
            before = {b: next(rest) for b in behinds}
            weights = {share: next(rest) for share in first_weights}
            ahead = self._beyond(history, code.let(f"mul nuw nsw i64 {j}, {width}"))
            other = code.let(f"sub nuw nsw i64 {k}, {j}")
            behind = self._beyond(history, code.let(f"mul nuw nsw i64 {other}, {width}"))
            x = {a: code.load(ahead, a, width) for a in dict.fromkeys(s.a for s in sums)}
            y = {b: code.load(behind, b, width) for b in behinds}
            first = [
                self._weighted(x[s.a], None if s.share is None else weights[s.share], width)
                for s in sums
            ]
            now = [
                code.fused(a, y[s.b], total, width) or ""
                for (a, _), s, total in zip(first, sums, carried[:n], strict=True)
            ]
            later = [
                code.fused(a, before[s.b], total, width) or ""
                for (_, a), s, total in zip(first, sums, carried[n : 2 * n], strict=True)
            ]
            for share, weight in weights.items():
                weights[share] = code.add(weight, code.constant(share, width), width) or ""
            return [*now, *later, *y.values(), *weights.values()]

        zero = (kind_of(width), code.constant(0.0, width))
        half = code.let(f"lshr i64 {k}, 1")
        count = half if batch.square else k
        begin = [zero] * (2 * n + len(behinds)) + [(zero[0], x) for x in first_weights.values()]
        carried = code.loop(count, terms, *begin, start=1)
        now: list[Name] = [*carried[:n]]
        later: list[Name] = [*carried[n : 2 * n]]
        if batch.square:
            newest = dict(zip(behinds, carried[2 * n :], strict=True))
            for place, s in enumerate(sums):
                middle = self._part(history, s.a, half, width)
                later[place] = code.fused(middle, newest[s.b], later[place], width)
        return now, later

    def _part(self, history: str, stream: int, k: Degree, width: int, c: Chunk = 0) -> str:
        """Read parts of a degree: the newest may be in registers."""
        if (stream, c, k) in self.recent and (k == self.front.before or self._is_recent(k)):
            return self.recent[stream, c, k]
        if isinstance(k, int):
            return self.code.load(history, stream + k * width, width)
        place = self.code.let(f"mul nuw nsw i64 {k}, {width}")
        return self.code.load(self._beyond(history, place), stream, width)

    def _is_recent(self, k: Degree) -> bool:
        degree = self.front.degree
        return isinstance(k, int) and isinstance(degree, int) and k >= degree - RECENT

    def interior(self, group: Group, number: int, c: Chunk) -> Name:
        """Give an interior of a vector of a group; None for those of degree 1."""
        code, width, front = self.code, group.width, self.front
        if front.degree == 1:
            return None
        row = self.rows_of[group, number][1 if front.before else 0]
        if (row, c) in self.sums:
            total = self.sums[row, c]
        else:
            total = code.load(row, self.at(c, width, 0), width)
        if not front.before:
            return total
        vector, history = self._from(c, width)
        s, c = self.every[group, number][vector], 0 if isinstance(c, int) else c
        first = code.load(history, s.a + width, width)
        newest = self._part(history, s.a, front.before, width, c)
        if s.a == s.b:
            return code.fused(code.add(first, first, width), newest, total, width)
        if s.share is not None:
            first, newest = (
                code.multiply(part, self._weight(s, j, front.degree), width) or ""
                for j, part in ((1, first), (front.before, newest))
            )
        terms = [
            (code.load(history, s.b + width, width), newest),
            (first, self._part(history, s.b, front.before, width, c)),
        ]
        # What stands further on is known later.
        a, b, _ = group.factors[number]
        for x, y in terms if self.slots[a[0]] <= self.slots[b[0]] else reversed(terms):
            total = code.fused(x, y, total, width)
        return total

    def _from(self, c: Chunk, width: int) -> tuple[int, str]:
        """Give what the sums of a vector are counted from: a vector, and where its parts begin."""
        if isinstance(c, int):
            return c, self.history
        return 0, self._beyond(self.history, self.at(c, width * self.length, 0))
