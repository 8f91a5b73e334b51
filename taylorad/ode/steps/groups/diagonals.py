"""Sums of parts in loops over vectors: a sparse matrix by its diagonals.

Lines that stand side by side often add up lines that stand side by side too: neighbours on a grid,
the forces between a row of bodies and the bodies so many places on. What lanes add up from places
that are equally far off is one read of a vector, times their numbers; lanes without a term have the
number zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from taylorad.ode.steps.code import kind_of
from taylorad.ode.steps.groups.gathering import Gathering
from taylorad.ode.steps.groups.grouping import LANES
from taylorad.ode.tracing.recurrences import Choice

__all__ = ["Diagonals", "Matrix", "Term"]

MOST_READ = 2
"""So many vectors may be read for a term; if it takes more, terms are put together lane by lane."""

TOGETHER = 2
"""Sums that take turns, for each product waits for the one before."""

MOST_ROUNDS = 4
"""Up to so many rounds have code of their own, as many for all vectors; more are a loop."""

Term = tuple[tuple[int, ...], Sequence[float]]
"""The slots that a term of the sums of all lanes is read from, and its numbers.

The last vector need not be full: the other lanes are then zero.
"""


@dataclass(frozen=True)
class Matrix:
    """Tables of what each vector adds up.

    Attributes
    ----------
    starts, counts : str
        By vectors: where their reads begin in ``reads``, and how many rounds of them there are.
    rounds : int or None
        Of all vectors, if these are few.
    reads : str
        Slots, and places in ``numbers``.
    numbers : str
    base : int
        The slot that those in ``reads`` are counted from: sums that are alike differ in it alone.
    """

    starts: str
    counts: str
    rounds: int | None
    reads: str
    numbers: str
    base: int


class Diagonals(Gathering):
    """A core that can add up lines that stand side by side."""

    def matrix(self, terms: Sequence[Term]) -> Matrix | None:
        """Find out how to add up newest parts times numbers; None if they are too scattered.

        A part that is not a number gets into other lanes, times zero. The step is lost then anyway,
        if there is no choice between lines, one of which need not be a number.
        """
        if any(isinstance(node, Choice) for node in self.recurrences.nodes.values()):
            return None
        lines = len(terms[0][0])
        chunks = -(-lines // LANES)
        base = min(min(slots) for slots, _ in terms)
        patterns: dict[tuple[float, ...], int] = {(0.0,) * LANES: 0}
        vectors: list[list[int]] = []
        for c in range(chunks):
            found: dict[int, list[float]] = {}
            for slots, numbers in terms:
                for place in range(c * LANES, min(lines, (c + 1) * LANES)):
                    lane = place % LANES
                    found.setdefault(slots[place] - lane, [0.0] * LANES)[lane] += numbers[place]
            reads = []
            for slot in sorted(found):
                number = patterns.setdefault(tuple(found[slot]), len(patterns))
                reads += [slot - base, number * LANES]
            vectors.append(reads)
        rounds = [-(-len(reads) // (2 * TOGETHER)) for reads in vectors]
        few = max(rounds) <= MOST_ROUNDS
        rounds = [max(rounds) if few else count for count in rounds]
        if TOGETHER * sum(rounds) > MOST_READ * len(terms) * chunks:
            return None
        starts = [2 * TOGETHER * sum(rounds[:c]) for c in range(chunks)]
        for reads, count in zip(vectors, rounds, strict=True):
            reads += [0] * (2 * TOGETHER * count - len(reads))
        numbers = [x for pattern in patterns for x in pattern]
        rows = [
            self.table(tuple(entries))
            for entries in (starts, rounds, [entry for reads in vectors for entry in reads])
        ]
        repeated = rounds[0] if few else None
        return Matrix(rows[0], rows[1], repeated, rows[2], self.row_of(numbers), base)

    def products(self, matrix: Matrix, bases: Sequence[int], c: str) -> list[str]:
        """Write the sums of a vector, and those that are alike."""
        code = self.code
        start = self._entry(matrix.starts, c)
        first_parts = [
            code.let(f"getelementptr inbounds double, ptr {self.newest}, i64 {base}")
            for base in bases
        ]
        count = len(bases)

        def reads(number: str, *totals: str) -> list[str]:
            first = code.let(f"mul nuw nsw i64 {number}, {2 * TOGETHER}")
            first = code.let(f"add nuw nsw i64 {first}, {start}")
            at = code.let(f"getelementptr inbounds i32, ptr {matrix.reads}, i64 {first}")
            found = []
            for k in range(TOGETHER):
                slot, place = (self._entry(at, 2 * k + side) for side in (0, 1))
                numbers = code.load(matrix.numbers, place, LANES)
                for array, total in zip(
                    first_parts, totals[k * count : (k + 1) * count], strict=True
                ):
                    parts = code.load(array, slot, LANES)
                    found.append(code.fused(parts, numbers, total, LANES) or "")
            return found

        zero = (kind_of(LANES), code.constant(0.0, LANES))
        totals = [code.constant(0.0, LANES)] * (TOGETHER * count)
        if matrix.rounds is None:
            totals = code.loop(self._entry(matrix.counts, c), reads, *[zero] * len(totals))
        else:
            for number in range(matrix.rounds):
                totals = reads(str(number), *totals)
        return [
            code.add(a, b, LANES) or "" for a, b in zip(totals[:count], totals[count:], strict=True)
        ]

    def _entry(self, table: str, place: str | int) -> str:
        code = self.code
        at = code.let(f"getelementptr inbounds i32, ptr {table}, i64 {place}")
        return code.let(f"sext i32 {code.let(f'load i32, ptr {at}')} to i64")
