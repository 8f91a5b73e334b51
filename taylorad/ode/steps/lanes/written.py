"""The machine code of trajectories side by side, of a small system: every order written out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest

from taylorad.ode.steps.code import Name
from taylorad.ode.steps.interiors import Interiors
from taylorad.ode.steps.lanes.series import Series
from taylorad.ode.steps.lanes.thin import thin
from taylorad.ode.tracing.recurrences import Inner, Recurrences

__all__ = ["Written"]

HALVES = 2
"""A sum is waited for by each of its terms, so it is in parts that are under way together."""

NEWEST = 2
"""So many terms of a sum are added last, for they come last."""

Term = tuple[Name, Name]


class Written(Series):
    """The text of a core whose orders are written out.

    Attributes
    ----------
    multiples : dict of int to float
        As `Thin` has them.
    """

    def __init__(self, recurrences: Recurrences, order: int, batch: int) -> None:
        thinned = thin(recurrences)
        self.multiples = thinned.multiples
        super().__init__(thinned.recurrences, order, batch)
        self.interiors = Couples(self)

    def following(self, i: int, k: int) -> Name:
        times = self.multiples.get(self.system.rates[i], 1.0) if k else 1.0
        return self.code.over_degree(self.rate(i, k), k + 1, times=times)

    def linear(self, line: int) -> list[tuple[float, int]]:
        times = self.multiples.get(line, 1.0)
        return [(times * number, other) for number, other in super().linear(line)]


class Couples(Interiors):
    """The text of interiors, of two neighbouring degrees together.

    Attributes
    ----------
    later : dict of Inner to Name
        Interiors of the second degree, but for the terms that have parts of the first.
    weighted : dict of (Inner, int) to Name
        Of interiors that stand for two, first factors times the latest of their weights.
    """

    core: Written

    def __init__(self, core: Written) -> None:
        super().__init__(core, 1)
        self.later: dict[Inner, Name] = {}
        self.weighted: dict[tuple[Inner, int], Name] = {}

    def written(self, k: int) -> Mapping[Inner, Name]:
        inners = self.core.recurrences.inners
        if k == 1:
            return dict.fromkeys(inners)
        return {inner: (self._ended if k % 2 else self._begun)(inner, k) for inner in inners}

    def _begun(self, inner: Inner, k: int) -> Name:
        """Write an interior of degree k, and what that of the next has parts of less degree of.

        The oldest come first: it is for the newest that degrees wait.
        """
        code, of = self.code, self.core.of
        now: list[Term] = []
        later: list[Term] = []
        last = k // 2 if inner.is_square else k - 1
        for j in sorted(range(1, last + 1), key=lambda j: max(j, k - j)):
            first = self._first(inner, j, k)
            if not inner.is_square or 2 * j < k:
                now.append((first, of((inner.b, False), k - j)))
            if j > 1:
                first = self._first(inner, j, k + 1)
                later.append((first, of((inner.b, False), k + 1 - j)))
        total, following = self._sums(now, later)
        if inner.is_square:  # of which terms come in pairs
            middle = of((inner.a, False), k // 2)
            total = code.fused(middle, middle, code.add(total, total))
            following = code.add(following, following)
        self.later[inner] = following
        return total

    def _ended(self, inner: Inner, k: int) -> Name:
        """Add the terms of degree k that have parts of degree k - 1."""
        code, of = self.code, self.core.of
        total = self.later.pop(inner)
        first, last = self._first(inner, 1, k), self._first(inner, k - 1, k)
        if inner.is_square:
            return code.fused(code.add(first, first), last, total)
        total = code.fused(first, of((inner.b, False), k - 1), total)
        return code.fused(last, of((inner.b, False), 1), total)

    def _first(self, inner: Inner, j: int, k: int) -> Name:
        """Give the first factor of a term of degree k."""
        if inner.share is None:
            return self.core.of((inner.a, inner.weighted), j)
        part = self.core.of((inner.a, False), j)
        if (inner, j) in self.weighted:  # of degree k - 1
            found = self.code.add(self.weighted[inner, j], part)
        else:
            found = self.code.multiply(part, self.code.constant(inner.share * j + k))
        self.weighted[inner, j] = found
        return found

    def _sums(self, *sums: list[Term]) -> Iterator[Name]:
        """Add products up: most of each sum in parts, the last terms to the sum of these."""
        code = self.code
        parts = [terms[n:-NEWEST:HALVES] for terms in sums for n in range(HALVES)]
        totals: list[Name] = [None] * len(parts)
        for row in zip_longest(*parts, fillvalue=(None, None)):
            totals = [code.fused(*term, total) for term, total in zip(row, totals, strict=True)]
        for n, terms in enumerate(sums):
            total: Name = None
            for part in totals[n * HALVES : (n + 1) * HALVES]:
                total = code.add(total, part)
            for term in terms[-NEWEST:]:
                total = code.fused(*term, total)
            yield total
