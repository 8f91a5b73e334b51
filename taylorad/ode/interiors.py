"""The interiors of the convolutions of groups: nearly all of the work.

Many go through the older parts together, in one loop; of squares it is half as long. Where every
degree has code of its own the products are written out, and the newest parts are in registers.
"""

from __future__ import annotations

from collections.abc import Sequence

from taylorad.ode.code import Name, kind_of
from taylorad.ode.gathering import Gathering
from taylorad.ode.grouping import Group
from taylorad.ode.layout import Chunk, Degree
from taylorad.ode.recurrences import Interior

__all__ = ["Interiors"]

RECENT = 3
"""So many of the newest degrees are taken from registers, where degrees are written out."""

MOST_SUMS = 12
"""Sums that go through the older parts together: as many as there are registers for."""

_Sum = tuple[tuple[int, int, int], int, int]
"""An interior, by group, chunk and number, and where its factors' streams begin."""


class Interiors(Gathering):
    """A core that can convolve."""

    def all_interiors(self, k: Degree) -> dict[tuple[int, int, int], str]:
        """Add up all interiors of a degree, many in one loop; give them by group, chunk, number."""
        wanted: dict[tuple[int, bool], list[_Sum]] = {}
        for g, group in enumerate(self.groups):
            for number, (a, b, weighted) in enumerate(group.factors):
                first, second = self.stream(a, weighted), self.stream(b, False)
                for c in range(group.chunks):
                    places = [
                        int(self.in_stream(stream, c, group.width, 0)) for stream in (first, second)
                    ]
                    entry = ((g, c, number), places[0], places[1])
                    kind = (group.width, first == second)
                    wanted.setdefault(kind, []).append(entry)
        found: dict[tuple[int, int, int], str] = {}
        for (width, square), sums in wanted.items():
            sums.sort(key=lambda entry: (entry[2], entry[1]))
            count = -(-len(sums) // MOST_SUMS)
            for n in range(count):
                batch = sums[len(sums) * n // count : len(sums) * (n + 1) // count]
                found |= self._batch(batch, width, square, k)
        return found

    def _batch(
        self, batch: Sequence[_Sum], width: int, square: bool, k: Degree
    ) -> dict[tuple[int, int, int], str]:
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
