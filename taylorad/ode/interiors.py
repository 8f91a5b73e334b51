"""The interiors of the convolutions of groups: nearly all of the work.

Many go through the older parts together, in one loop; of squares it is half as long. Where every
degree has code of its own the products are written out, and the newest parts are in registers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from taylorad.ode.code import Name, kind_of
from taylorad.ode.gathering import Gathering
from taylorad.ode.grouping import Group
from taylorad.ode.layout import Chunk, Degree
from taylorad.ode.recurrences import Interior

__all__ = ["Interiors", "Sums"]

RECENT = 3
"""So many of the newest degrees are taken from registers, where degrees are written out."""

MOST_SUMS = 12
"""Sums that go through the older parts together: as many as there are registers for."""

MOST_PAIRS = 8
"""The same where two degrees are done at once."""

Sums = dict[tuple[int, int, int], str]
"""Interiors by group, chunk and number."""

_Sum = tuple[tuple[int, int, int], int, int]
"""An interior, by group, chunk and number, and where its factors' streams begin."""


class Interiors(Gathering):
    """A core that can convolve."""

    def all_interiors(self, k: Degree) -> Sums:
        """Add up all interiors of a degree, many in one loop; give them by group, chunk, number."""
        found: Sums = {}
        for width, square, batch in self._batches(MOST_SUMS):
            found |= self._batch(batch, width, square, k)
        return found

    def _batches(self, most: int) -> Iterator[tuple[int, bool, list[_Sum]]]:
        """Give interiors that may go together: those of one width, squares or not."""
        kinds: dict[tuple[int, bool], list[_Sum]] = {}
        for g, group in enumerate(self.groups):
            for number, (a, b, weighted) in enumerate(group.factors):
                first, second = self.stream(a, weighted), self.stream(b, False)
                for c in range(group.chunks):
                    places = [
                        int(self.in_stream(stream, c, group.width, 0)) for stream in (first, second)
                    ]
                    kind = (group.width, first == second)
                    kinds.setdefault(kind, []).append(((g, c, number), places[0], places[1]))
        for (width, square), sums in kinds.items():
            sums.sort(key=lambda entry: (entry[2], entry[1]))
            count = -(-len(sums) // most)
            for n in range(count):
                yield width, square, sums[len(sums) * n // count : len(sums) * (n + 1) // count]

    def _batch(self, batch: Sequence[_Sum], width: int, square: bool, k: Degree) -> Sums:
        """Add up some interiors in one loop over the older parts; squares in half of it."""
        code = self.code
        if isinstance(k, int):
            return {key: self._written_sum(a, b, width, k) for key, a, b in batch}

        def terms(j: str, *totals: str) -> list[str]:
            forth = code.let(f"mul nuw nsw i64 {j}, {width}")
            back = code.let(f"mul nuw nsw i64 {code.let(f'sub nuw nsw i64 {k}, {j}')}, {width}")
            ahead, behind = (
                code.let(f"getelementptr inbounds double, ptr {self.history}, i64 {x}")
                for x in (forth, back)
            )
            seen: dict[tuple[str, int], str] = {}

            def load(pointer: str, place: int) -> str:
                if (pointer, place) not in seen:
                    seen[pointer, place] = code.load(pointer, place, width)
                return seen[pointer, place]

            return [
                code.fused(load(ahead, a), load(behind, b), total, width) or ""
                for (_, a, b), total in zip(batch, totals, strict=True)
            ]

        zero = (kind_of(width), code.constant(0.0, width))
        count = k
        if square:
            count = code.let(f"lshr i64 {code.let(f'add nuw nsw i64 {k}, 1')}, 1")
        totals = code.loop(count, terms, *[zero] * len(batch), start=1)
        if square:
            totals = self._squared(batch, totals, width, k)
        return {key: total for (key, *_), total in zip(batch, totals, strict=True)}

    def _squared(
        self, batch: Sequence[_Sum], totals: Sequence[str], width: int, k: str
    ) -> list[str]:
        """Double the sums of half the products, and add the middle ones of even degrees."""
        code = self.code
        half = code.let(f"lshr i64 {k}, 1")
        odd = code.let(f"trunc i64 {k} to i1")
        share = code.let(f"select i1 {odd}, double {code.constant(0.0)}, {'double 1.0'}")
        factor = code.everywhere(share, width)
        # Of degree 1 the middle would be that of degree 0, where nothing is ever written.
        at = code.let(f"mul nuw nsw i64 {half}, {width}")
        at = code.let(f"getelementptr inbounds double, ptr {self.history}, i64 {at}")
        found = []
        for (_, a, _), total in zip(batch, totals, strict=True):
            middle = code.load(at, a, width)
            square = code.multiply(code.multiply(middle, factor, width), middle, width)
            found.append(code.add(code.add(total, total, width), square, width) or "")
        return found

    def pair_of_interiors(self, k: str) -> tuple[Sums, Sums]:
        """Add up the interiors of an even degree, 4 or more, and the most of those of the next.

        What is read for one degree serves the other: a factor's part that the next degree wants
        is the one that was read a round before. What is left out are the products with parts of
        degree k, which are not known yet: see `completed`.
        """
        now: Sums = {}
        later: Sums = {}
        for width, square, batch in self._batches(MOST_PAIRS):
            n, zero = len(batch), (kind_of(width), self.code.constant(0.0, width))
            behinds = list(dict.fromkeys(b for _, _, b in batch))
            carried = self._pair(batch, behinds, width, square, k, zero)
            sums, next_sums = carried[:n], carried[n : 2 * n]
            if square:
                newest = dict(zip(behinds, carried[2 * n :], strict=True))
                sums, next_sums = self._pair_of_squares(batch, sums, next_sums, newest, width, k)
            for (key, _, _), total, next_total in zip(batch, sums, next_sums, strict=True):
                now[key], later[key] = total, next_total
        return now, later

    def _pair(
        self,
        batch: Sequence[_Sum],
        behinds: Sequence[int],
        width: int,
        square: bool,
        k: str,
        zero: tuple[str, str],
    ) -> list[str]:
        """Go through the older parts: give sums for both degrees, and the parts read last."""
        code, n = self.code, len(batch)

        def terms(j: str, *carried: str) -> list[str]:
            before = dict(zip(behinds, carried[2 * n :], strict=True))
            forth = code.let(f"mul nuw nsw i64 {j}, {width}")
            back = code.let(f"mul nuw nsw i64 {code.let(f'sub nuw nsw i64 {k}, {j}')}, {width}")
            ahead, behind = (
                code.let(f"getelementptr inbounds double, ptr {self.history}, i64 {x}")
                for x in (forth, back)
            )
            x = {a: code.load(ahead, a, width) for a in dict.fromkeys(a for _, a, _ in batch)}
            y = {b: code.load(behind, b, width) for b in behinds}
            now = [
                code.fused(x[a], y[b], total, width) or ""
                for (_, a, b), total in zip(batch, carried[:n], strict=True)
            ]
            later = [
                code.fused(x[a], before[b], total, width) or ""
                for (_, a, b), total in zip(batch, carried[n : 2 * n], strict=True)
            ]
            return [*now, *later, *y.values()]

        count = code.let(f"lshr i64 {k}, 1") if square else k
        return code.loop(count, terms, *[zero] * (2 * n + len(behinds)), start=1)

    def _pair_of_squares(
        self,
        batch: Sequence[_Sum],
        sums: Sequence[str],
        next_sums: Sequence[str],
        newest: dict[int, str],
        width: int,
        k: str,
    ) -> tuple[list[str], list[str]]:
        """Double the sums of half the products, and add what stands in the middle."""
        code = self.code
        half = code.let(f"mul nuw nsw i64 {code.let(f'lshr i64 {k}, 1')}, {width}")
        at = code.let(f"getelementptr inbounds double, ptr {self.history}, i64 {half}")
        now, later = [], []
        for (_, a, b), total, next_total in zip(batch, sums, next_sums, strict=True):
            middle = code.load(at, a, width)
            twice = code.add(total, total, width)
            now.append(code.fused(middle, middle, twice, width) or "")
            next_total = code.fused(middle, newest[b], next_total, width) or ""
            later.append(code.add(next_total, next_total, width) or "")
        return now, later

    def completed(self, later: Sums, k: str) -> Sums:
        """Add the products with parts of degree k to the interiors of degree k + 1."""
        code, found = self.code, {}
        for width, square, batch in self._batches(MOST_PAIRS):
            place = code.let(f"mul nuw nsw i64 {k}, {width}")
            at = code.let(f"getelementptr inbounds double, ptr {self.history}, i64 {place}")
            for key, a, b in batch:
                first, new = code.load(self.history, a + width, width), code.load(at, b, width)
                if square:
                    total = code.fused(code.add(first, first, width), new, later[key], width)
                else:
                    total = code.fused(first, new, later[key], width)
                    first, new = code.load(self.history, b + width, width), code.load(at, a, width)
                    total = code.fused(first, new, total, width)
                found[key] = total or ""
        return found

    def _written_sum(self, a: int, b: int, width: int, k: int) -> str:
        """Write an interior out, the oldest products first."""
        code = self.code

        def load(stream: int, j: int) -> str:
            place = stream + j * width
            if j > k - RECENT and place in self.recent:
                return self.recent[place]
            return code.load(self.history, place, width)

        totals: list[Name] = [None, None]
        if a == b:
            for n, j in enumerate(range((k - 1) // 2, 0, -1)):
                totals[n % 2] = code.fused(load(a, j), load(a, k - j), totals[n % 2], width)
            total = code.add(totals[0], totals[1], width)
            total = code.add(total, total, width)
            if k % 2 == 0:
                total = code.fused(load(a, k // 2), load(a, k // 2), total, width)
        else:
            for n, j in enumerate(sorted(range(1, k), key=lambda j: max(j, k - j))):
                totals[n % 2] = code.fused(load(a, j), load(b, k - j), totals[n % 2], width)
            total = code.add(totals[0], totals[1], width)
        return total or code.constant(0.0, width)

    def interiors(self, group: Group, c: Chunk, k: Degree) -> list[str]:
        """Add up the products of old parts, all interiors of a chunk in one loop."""
        code, width = self.code, group.width
        pairs = group.factors
        if not pairs:
            return []
        places = [
            (
                self.in_stream(self.stream(a, weighted), c, width, 0),
                self.in_stream(self.stream(b, False), c, width, k),
            )
            for a, b, weighted in pairs
        ]

        def terms(j: str, *totals: str) -> list[str]:
            forth = code.let(f"mul nuw nsw i64 {j}, {width}")
            found = []
            for (a, b), total in zip(places, totals, strict=True):
                x = code.load(self.history, code.let(f"add nuw nsw i64 {a}, {forth}"), width)
                y = code.load(self.history, code.let(f"sub nuw nsw i64 {b}, {forth}"), width)
                found.append(code.fused(x, y, total, width) or "")
            return found

        zero = (kind_of(width), code.constant(0.0, width))
        return code.loop(k, terms, *[zero] * len(pairs), start=1)

    def interior_factor(self, group: Group, terms: Sequence[Interior], c: Chunk) -> Name:
        """Give what an interior is multiplied by; None for 1."""
        code, width = self.code, group.width
        total: Name = None
        for v in range(len(terms[0].values)):
            lines = self.slots_of(group.padded([term.values[v] for term in terms]))
            value = self.gather(self.values, lines, c, width)
            total = value if total is None else code.multiply(total, value, width)
        numbers = [term.number for term in terms]
        if set(numbers) != {1.0}:
            numbers += [numbers[-1]] * (width * group.chunks - len(numbers))
            row = self.numbers(numbers, c, width)
            total = row if total is None else code.multiply(total, row, width)
        return total
