"""The interiors of the convolutions of groups: nearly all of the work.

All interiors of a degree are added up before any of its parts is known, and wait in rows. Many go
through the older parts together, for two degrees at once; of squares it is half as long. Where
every degree has code of its own they are written out, and the newest parts are in registers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from taylorad.ode.steps.code import Name, kind_of
from taylorad.ode.steps.groups.diagonals import Diagonals
from taylorad.ode.steps.groups.grouping import Group
from taylorad.ode.steps.groups.layout import Chunk, Degree
from taylorad.ode.tracing.recurrences import Interior

__all__ = ["Interiors"]

RECENT = 3
"""So many of the newest degrees are taken from registers, where degrees are written out."""

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
    """

    now: str
    later: str
    place: int
    a: int
    b: int


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


class Interiors(Diagonals):
    """A core that can convolve."""

    before: Degree = 0
    """Where two degrees have code of their own, the first of them in that of the second."""

    def claim_rows(self) -> None:
        """Make rows for the interiors, and put those together that go together."""
        self.rows_of = {
            (group, number): (
                self.claim(group.width * group.chunks),
                self.claim(group.width * group.chunks),
            )
            for group in self.groups
            for number in range(len(group.factors))
        }
        self.every = {key: self._sums(*key) for key in self.rows_of}
        self.batches = list(self._batches())
        self.sums: dict[tuple[str, int], Name] = {}

    def _batches(self) -> Iterator[_Batch]:
        """Put sums together; those of groups with as many vectors go from vector to vector."""
        kinds: dict[tuple[int, bool, int], list[list[_Sum]]] = {}
        for group in self.groups:
            for number in range(len(group.factors)):
                sums = self.every[group, number]
                width, square = group.width, sums[0].a == sums[0].b
                if self._is_even(sums, width) and not self.is_written_out:
                    kinds.setdefault((width, square, group.chunks), []).append(sums)
                else:
                    for one in sums:
                        kinds.setdefault((width, square, 1), []).append([one])
        for (width, square, chunks), found in kinds.items():
            found.sort(key=lambda sums: (sums[0].b, sums[0].a))  # what they share is read once
            count = -(-len(found) // MOST_SUMS)
            for n in range(count):
                some = found[len(found) * n // count : len(found) * (n + 1) // count]
                vectors = min(chunks, MOST_SUMS // len(some))
                times, rest = divmod(chunks, vectors)
                yield _Batch(width, square, [s for x in some for s in x[:vectors]], vectors, times)
                if rest:
                    yield _Batch(width, square, [s for x in some for s in x[-rest:]], rest, 1)

    def _sums(self, group: Group, number: int) -> list[_Sum]:
        first, second, weighted = group.factors[number]
        row, width = self.rows_of[group, number], group.width
        both = self.streams_of(first, weighted), self.streams_of(second, False)
        return [
            _Sum(*row, c * width, *(self.place_of(streams, c, width) for streams in both))
            for c in range(group.chunks)
        ]

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

    def _put(self, batch: _Batch, totals: Sequence[Name], place: str, *, later: bool) -> None:
        for total, s in zip(totals, batch.sums, strict=True):
            row = s.later if later else s.now
            if self.is_spread and batch.times == 1:
                self.sums[row, s.place] = total
            else:
                self.code.store(total, self._beyond(row, place), s.place, batch.width)

    def pair_of_interiors(self, k: Degree) -> None:
        """Add up all interiors of an even degree, and most of those of the next."""
        for batch in self.batches:
            self._over_vectors(batch, lambda h, p, b=batch: self._pair(b, h, p, k))  # type: ignore[misc]

    def interiors_by_rows(self, k: str) -> None:
        """See to it that the rows hold all interiors of a degree, whichever it is."""
        code, name = self.code, self.code.name()[1:]
        even = f"icmp eq i64 {code.let(f'and i64 {k}, 1')}, 0"
        for case, add, condition in (
            ("first", self._none, f"icmp eq i64 {k}, 1"),
            ("even", self._pair, even),
            ("odd", self._complete, "icmp eq i64 0, 0"),
        ):
            chosen = code.let(condition)
            code.do(f"br i1 {chosen}, label %{case}.{name}, label %not.{case}.{name}")
            code.label(f"{case}.{name}")
            for batch in self.batches:
                self._over_vectors(batch, lambda h, p, b=batch, f=add: f(b, h, p, k))  # type: ignore[misc]
            code.do(f"br label %end.{name}")
            code.label(f"not.{case}.{name}")
        code.do(f"br label %end.{name}")
        code.label(f"end.{name}")

    def _none(self, batch: _Batch, history: str, place: str, k: str) -> None:
        """Write that interiors of degree 1 are zero."""
        zero = self.code.constant(0.0, batch.width)
        self._put(batch, [zero] * len(batch.sums), place, later=False)

    def _pair(self, batch: _Batch, history: str, place: str, k: Degree) -> None:
        """Add up the interiors of an even degree, and most of those of the next.

        What is read for one degree serves the other. What is left out are the products with parts
        of degree k, which are not known yet: see `_completed`.
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
        self._put(batch, totals, place, later=False)
        self._put(batch, later, place, later=True)

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
                if j < k - j or not batch.square:
                    now[n] = code.fused(part(s.a, j), part(s.b, k - j), now[n], width)
                if j > 1:
                    later[n] = code.fused(part(s.a, j), part(s.b, k + 1 - j), later[n], width)
        return now, later

    def _looped_sums(self, batch: _Batch, history: str, k: str) -> tuple[list[Name], list[Name]]:
        """Add up products for two degrees in a loop; half of squares.

        A factor's part that the next degree wants is the one that was read a round before.
        """
        code, width, sums = self.code, batch.width, batch.sums
        n, behinds = len(sums), list(dict.fromkeys(s.b for s in sums))

        def terms(j: str, *carried: str) -> list[str]:
            before = dict(zip(behinds, carried[2 * n :], strict=True))
            ahead = self._beyond(history, code.let(f"mul nuw nsw i64 {j}, {width}"))
            other = code.let(f"sub nuw nsw i64 {k}, {j}")
            behind = self._beyond(history, code.let(f"mul nuw nsw i64 {other}, {width}"))
            x = {a: code.load(ahead, a, width) for a in dict.fromkeys(s.a for s in sums)}
            y = {b: code.load(behind, b, width) for b in behinds}
            now = [
                code.fused(x[s.a], y[s.b], total, width) or ""
                for s, total in zip(sums, carried[:n], strict=True)
            ]
            later = [
                code.fused(x[s.a], before[s.b], total, width) or ""
                for s, total in zip(sums, carried[n : 2 * n], strict=True)
            ]
            return [*now, *later, *y.values()]

        zero = (kind_of(width), code.constant(0.0, width))
        half = code.let(f"lshr i64 {k}, 1")
        count = half if batch.square else k
        carried = code.loop(count, terms, *[zero] * (2 * n + len(behinds)), start=1)
        now: list[Name] = [*carried[:n]]
        later: list[Name] = [*carried[n : 2 * n]]
        if batch.square:
            newest = dict(zip(behinds, carried[2 * n :], strict=True))
            for place, s in enumerate(sums):
                middle = self._part(history, s.a, half, width)
                later[place] = code.fused(middle, newest[s.b], later[place], width)
        return now, later

    def _part(self, history: str, stream: int, k: Degree, width: int) -> str:
        """Read parts of a degree: the newest are in registers, where degrees are written out."""
        if (stream, k) in self.recent and (k == self.before or self._is_recent(k)):
            return self.recent[stream, k]
        if isinstance(k, int):
            return self.code.load(history, stream + k * width, width)
        place = self.code.let(f"mul nuw nsw i64 {k}, {width}")
        return self.code.load(self._beyond(history, place), stream, width)

    def _is_recent(self, k: Degree) -> bool:
        return isinstance(k, int) and isinstance(self.degree, int) and k > self.degree + 1 - RECENT

    def _complete(self, batch: _Batch, history: str, place: str, k: str) -> None:
        """Add the products with parts of the degree before to the interiors of an odd degree."""
        code, width = self.code, batch.width
        before = code.let(f"mul nuw nsw i64 {code.let(f'sub nuw nsw i64 {k}, 1')}, {width}")
        newest = self._beyond(history, before)
        totals = []
        for s in batch.sums:
            parts = [code.load(newest, x, width) for x in (s.a, s.b)]
            total = code.load(self._beyond(s.later, place), s.place, width)
            totals.append(self._completed(total, s.a, s.b, parts, width, history))
        self._put(batch, totals, place, later=False)

    def _completed(
        self, total: Name, a: int, b: int, newest: Sequence[str], width: int, history: str
    ) -> str:
        """Add the products of the first parts with the newest."""
        code = self.code
        first = code.load(history, a + width, width)
        if a == b:
            return code.fused(code.add(first, first, width), newest[0], total, width) or ""
        sum_ = code.fused(first, newest[1], total, width)
        return code.fused(code.load(history, b + width, width), newest[0], sum_, width) or ""

    def interior(self, group: Group, number: int, c: Chunk, k: Degree) -> Name:
        """Give an interior of a vector of a group; None for those of degree 1."""
        code, width = self.code, group.width
        now, later = self.rows_of[group, number]
        if isinstance(k, str) and not self.is_spread:
            return code.load(now, self.at(c, width, 0), width)
        assert isinstance(c, int)
        s = self.every[group, number][c]
        if k == 1:
            return None
        row = later if self.before else now
        if (row, s.place) in self.sums:
            total = self.sums[row, s.place]
        else:
            total = code.load(row, s.place, width)
        if not self.before:
            return total
        newest = [self._part(self.history, x, self.before, width) for x in (s.a, s.b)]
        return self._completed(total, s.a, s.b, newest, width, self.history)

    def interior_factor(self, group: Group, terms: Sequence[Interior], c: Chunk) -> Name:
        """Give what an interior is multiplied by; None for 1."""
        code, width = self.code, group.width
        total: Name = None
        for v in range(len(terms[0].values)):
            lines = self.slots_of(group.padded([term.values[v] for term in terms]))
            value = self.gather(self.values, lines, c, width)
            total = value if total is None else code.multiply(total, value, width)
        numbers = self.in_chunk(group, [term.number for term in terms], c)
        if set(numbers) != {1.0}:
            row = self.numbers(numbers, c, width)
            total = row if total is None else code.multiply(total, row, width)
        return total
