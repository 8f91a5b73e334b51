"""Sums of parts in loops over vectors: a sparse matrix by its diagonals.

Lines that stand side by side often add up lines that stand side by side too: neighbours on a grid,
the forces between a row of bodies and the bodies so many places on. What lanes add up from places
that are equally far off is one read of a vector, times their numbers; lanes without a term have the
number zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from taylorad.dispatch.distinct import distinct
from taylorad.ode.steps.code import kind_of
from taylorad.ode.steps.groups.gathering import Gathering
from taylorad.ode.steps.groups.group import LANES
from taylorad.ode.tracing.columns import Column, named

__all__ = ["Diagonals", "Matrix", "Term"]

MOST_READ = 2
"""So many vectors may be read for a term; if it takes more, terms are put together lane by lane."""

TOGETHER = 2
"""Sums that take turns, for each product waits for the one before."""

MOST_ROUNDS = 4
"""Up to so many rounds have code of their own, where that is about as many for all vectors."""

Term = tuple[Column, Column]
"""The slots that a term of the sums of all lanes is read from, and its numbers."""


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
    is_exact : bool
        Whether all numbers are 1, -1 and 0.
    is_full : bool
        Whether the last vector is filled up with repetitions of its last sum.
    """

    starts: str
    counts: str
    rounds: int | None
    reads: str
    numbers: str
    base: int
    is_exact: bool
    is_full: bool


class Diagonals(Gathering):
    """A core that can add up lines that stand side by side."""

    def matrix(self, terms: Sequence[Term]) -> Matrix | None:
        """Find out how to add up newest parts times numbers; None if they are too scattered.

        A part that is not a number gets into other lanes, times zero. The step is lost then anyway,
        if there is no choice between lines, one of which need not be a number.
        """
        if self.recurrences.sums.choices:
            return None
        count = len(terms[0][0])
        chunks = -(-count // LANES)
        every = np.arange(chunks * LANES)
        starts, slots, patterns = _diagonals(terms, every[:count])
        full = _diagonals(terms, np.minimum(every, count - 1))
        rounds, needed = (-(-np.diff(x) // TOGETHER) for x in (starts, full[0]))
        is_full = bool(needed[-1] <= rounds.max())
        if is_full:
            rounds, (starts, slots, patterns) = needed, full
        most = int(rounds.max())
        few = most <= MOST_ROUNDS and 4 * most * chunks <= 5 * rounds.sum()
        if few:
            rounds[:] = most
        if TOGETHER * rounds.sum() > MOST_READ * len(terms) * chunks:
            return None
        base = min(int(slots.min()) for slots, _ in terms)
        # Which numbers they are, the first of which are zeros.
        places, kinds = named(*np.concatenate([np.zeros((1, LANES)), patterns]).T)
        numbers = np.concatenate([np.zeros((1, LANES)), patterns])[places].ravel()
        begin = np.cumsum(rounds) - rounds
        reads = np.zeros((TOGETHER * int(rounds.sum()), 2), int)
        vector = np.repeat(np.arange(chunks), np.diff(starts))
        rows = TOGETHER * begin[vector] + np.arange(len(slots)) - starts[vector]
        reads[rows] = np.column_stack([slots - base, kinds[1:] * LANES])
        tables = [self.table(x) for x in (2 * TOGETHER * begin, rounds, reads.ravel())]
        is_exact = all((np.abs(x) == 1.0).all() for _, x in terms)
        row = self.row_of(numbers)
        repeated = most if few else None
        return Matrix(tables[0], tables[1], repeated, tables[2], row, base, is_exact, is_full)

    def products(self, matrix: Matrix, bases: Sequence[tuple[str, int]], c: str) -> list[str]:
        """Write the sums of a vector, and those that are alike: of arrays, from a slot on."""
        code = self.code
        start = self._entry(matrix.starts, c)
        first_parts = [
            code.let(f"getelementptr inbounds double, ptr {array}, i64 {base}")
            for array, base in bases
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
                    # Where the product is exact: to fuse it with the sum would only hinder stores.
                    if matrix.is_exact:
                        product = code.multiply(parts, numbers, LANES)
                        found.append(code.add(total, product, LANES) or "")
                    else:
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


def _diagonals(terms: Sequence[Term], places: Column) -> tuple[Column, Column, Column]:
    """Give the reads of vectors, where those of each begin, and the numbers of their lanes.

    What is read goes by the slot that its first lane has. ``places`` are those of the lanes.
    """
    lane, vector = np.arange(len(places)) % LANES, np.arange(len(places)) // LANES
    far = 1 + max(int(slots.max()) for slots, _ in terms) + LANES
    first = np.concatenate([vector * far + slots[places] - lane + LANES for slots, _ in terms])
    numbers = np.concatenate([numbers[places] for _, numbers in terms])
    found, _, which = distinct(first)
    cells = which * LANES + np.tile(lane, len(terms))
    patterns = np.bincount(cells, numbers, len(found) * LANES).reshape(-1, LANES)
    starts = np.searchsorted(found, np.arange(vector[-1] + 2) * far)
    return starts, found % far - LANES, patterns
