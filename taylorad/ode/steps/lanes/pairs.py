"""Interiors of two neighbouring degrees together, of trajectories side by side.

The parts of a line stand one degree behind the other in its *stream*, a number of each; those that
are zero for all times are never written. Degrees k and k + 1 have all but their newest factors in
common; what needs the parts of degree k is added when they are known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

from taylorad.ode.steps.code import Name
from taylorad.ode.steps.lanes.series import Series
from taylorad.ode.steps.unrolled import Degree
from taylorad.ode.tracing.recurrences import Inner, Recurrences

__all__ = ["Late", "Pairs", "Sums"]


class Late(Mapping[Inner, Name]):
    """Interiors whose text is written where they are needed."""

    def __init__(self, write: Callable[[Inner], Name]) -> None:
        self.write = write

    def __getitem__(self, inner: Inner) -> Name:
        return self.write(inner)

    def __iter__(self) -> Iterator[Inner]:
        return iter(())

    def __len__(self) -> int:
        return 0


Sums: TypeAlias = Mapping[Inner, Name]
"""Interiors."""


class Pairs(Series):
    """A core whose parts are in streams.

    Attributes
    ----------
    length : int
        Of a stream.
    streams : dict of (int, bool) to int
        Where the stream of a line begins, or that of D of it.
    products : dict of (int, Degree) to str
        Parts times their degrees, in registers.
    abreast : int
        How many interiors go through the older parts together, if there are so many.
    rows : dict of bool to list of list of Inner
        Such interiors: products, and squares.
    """

    abreast = 4

    def __init__(self, recurrences: Recurrences, order: int, batch: int) -> None:
        super().__init__(recurrences, order, batch)
        inners = recurrences.inners
        self.length = order + 3  # for the last pair may go one degree too far
        keys = [(i, False) for i in range(self.n)]
        for inner in inners:
            keys += [(inner.a, inner.weighted), (inner.b, False)]
        self.streams = {key: k * self.length for k, key in enumerate(dict.fromkeys(keys))}
        self.products: dict[tuple[int, Degree], str] = {}
        self.history = ""
        self.rows = {square: self._rows(square) for square in (False, True)}

    def _rows(self, square: bool) -> list[list[Inner]]:
        inners = [i for i in self.recurrences.inners if i.is_square == square]
        cuts = [*range(0, len(inners), self.abreast), len(inners)]
        return [inners[start:end] for start, end in pairwise(cuts)]

    def table(self, name: str, kind: str, entries: Sequence[object]) -> None:
        """Have a table of constants."""
        text = ", ".join(f"{kind} {x}" for x in entries)
        self.globals.append(f"@{name} = private constant [{len(entries)} x {kind}] [{text}]")

    # --- streams -----------------------------------------------------------------------------

    def enter(self) -> None:
        self.history = self.claim(len(self.streams) * self.length)
        super().enter()

    def is_computed(self, line: int) -> bool:
        """Whether a line has parts of all degrees: neither the time, nor what has a steady rate."""
        if line == self.system.time:
            return False
        return line >= self.n or self.steps[self.system.rates[line]].moves

    def stream(self, line: int, weighted: bool = False) -> str:
        """Give the address of a stream."""
        return self.at(self.streams[line, weighted])

    def at(self, place: int | str) -> str:
        """Give the address of a place among all streams."""
        return self.code.let(f"getelementptr {self.code.kind()}, ptr {self.history}, i64 {place}")

    def put(self, line: int, k: Degree, part: Name) -> None:
        super().put(line, k, part)
        if part is None:
            return
        if (line, False) in self.streams:
            self.code.store(part, self.stream(line), k)
        if (line, True) in self.streams:
            product = part if k == 1 else self.code.multiply(part, self.degree_as_number(k)) or ""
            self.products[line, k] = product
            self.code.store(product, self.stream(line, True), k)

    def degree_as_number(self, k: Degree) -> str:
        """Give a degree as a number."""
        if isinstance(k, int):
            return self.code.constant(float(k))
        return self.code.broadcast(self.code.let(f"sitofp i64 {k} to double"))

    # --- interiors ---------------------------------------------------------------------------

    def pairs(self, k: str) -> tuple[Sums, Sums]:
        """Write interiors of degree k, which is even, and of k + 1: ask when all else is there."""
        now, later = self.older(k)
        return now, Late(lambda inner: self._completed(inner, later[inner], k))

    def _completed(self, inner: Inner, total: Name, k: str) -> Name:
        """Add the terms of degree k + 1 that have parts of degree k."""
        code = self.code
        first_a = code.load(self.stream(inner.a, inner.weighted), 1)
        new_a = self.newest(inner.a, inner.weighted, k)
        if inner.is_square:
            return code.fused(code.add(first_a, first_a), new_a, total)
        first_b = code.load(self.stream(inner.b), 1)
        new_b = self.newest(inner.b, False, k)
        return code.fused(new_a, first_b, code.fused(first_a, new_b, total))

    def newest(self, line: int, weighted: bool, k: Degree) -> str:
        """Give a part that is in a register, unless it is known from the beginning."""
        found = self.products if weighted else self.parts
        return found.get((line, k)) or self.code.load(self.stream(line, weighted), k)

    def older(self, k: str) -> tuple[Sums, Sums]:
        """Write what of interiors of degrees k and k + 1 has parts of less than degree k."""
        now: dict[Inner, Name] = {}
        later: dict[Inner, Name] = {}
        for square, rows in self.rows.items():
            for row in rows:
                a = [self.stream(i.a, i.weighted) for i in row]
                b = [self.stream(i.b) for i in row]
                totals = self.squares(k, a) if square else self.plain(k, a, b)
                now |= dict(zip(row, totals, strict=False))
                later |= dict(zip(row, totals[len(row) :], strict=True))
        return now, later

    def plain(self, k: str, a: Sequence[str], b: Sequence[str]) -> list[str]:
        """Add up products of degrees k and k + 1, but for those with parts of degree k."""
        code = self.code
        below = self.difference(k, 1)
        begin = [
            code.multiply(code.load(x, 1), code.load(y, below)) or ""
            for x, y in zip(a, b, strict=True)
        ]
        return self._summed(k, k, a, b, begin)

    def squares(self, k: str, a: Sequence[str]) -> list[str]:
        """Do the same where products come in pairs."""
        code = self.code
        below, half = self.difference(k, 1), self.half(k)
        above = self.sum(half, 1)
        begin = [code.multiply(code.load(x, 1), code.load(x, below)) or "" for x in a]
        totals = self._summed(k, half, a, a, begin)
        middles = [code.load(x, half) for x in a]
        even = [
            code.fused(m, m, code.add(t, t)) or "" for m, t in zip(middles, totals, strict=False)
        ]
        odd = [
            code.fused(m, code.load(x, above), t)
            for m, x, t in zip(middles, a, totals[len(a) :], strict=True)
        ]
        return [*even, *(code.add(t, t) or "" for t in odd)]

    def _summed(
        self,
        k: str,
        stop: str,
        a: Sequence[str],
        b: Sequence[str],
        begin: Sequence[str],
    ) -> list[str]:
        """Add up products of degrees k and k + 1, with the first factors' degrees from 2 on."""
        code, count = self.code, len(a)

        def terms(j: str, *totals: str) -> list[str]:
            seen: dict[tuple[str, str], str] = {}

            def load(stream: str, degree: str) -> str:
                if (stream, degree) not in seen:
                    seen[stream, degree] = code.load(stream, degree)
                return seen[stream, degree]

            back = self.difference(k, j)
            degrees = [back] * count + [self.sum(back, 1)] * count
            return [
                code.fused(load(x, j), load(y, degree), total) or ""
                for x, y, degree, total in zip([*a, *a], [*b, *b], degrees, totals, strict=True)
            ]

        zeros = [code.constant(0.0)] * count
        return code.loop(stop, terms, *[(code.kind(), x) for x in (*begin, *zeros)], start=2)

    # --- degrees -----------------------------------------------------------------------------

    def sum(self, a: str, b: int) -> str:
        return self.code.let(f"add nsw i64 {a}, {b}")

    def difference(self, a: str, b: int | str) -> str:
        return self.code.let(f"sub nsw i64 {a}, {b}")

    def twice(self, a: str) -> str:
        return self.code.let(f"shl nuw nsw i64 {a}, 1")

    def half(self, a: str) -> str:
        return self.code.let(f"lshr i64 {a}, 1")
