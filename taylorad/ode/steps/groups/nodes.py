"""The parts of nodes: interiors, and newest terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from taylorad.ode.steps.code import Name, kind_of
from taylorad.ode.steps.groups.diagonals import Matrix, Term
from taylorad.ode.steps.groups.factors import Factors, Place
from taylorad.ode.steps.groups.group import LANES, Group
from taylorad.ode.steps.groups.layout import Chunk, Degree, Front
from taylorad.ode.tracing.columns import NONE, Column
from taylorad.ode.tracing.recurrences import Recurrences

__all__ = ["Nodes"]

LONG = 4
"""Sums of so many terms are added up in two."""


class Nodes(Factors):
    """A core that writes the parts of groups at its front."""

    def __init__(self, recurrences: Recurrences, order: int, *, is_spread: bool) -> None:
        super().__init__(recurrences, order, is_spread=is_spread)
        self.combinations: dict[Group, tuple[set[int], Matrix]] = {}
        self.wanted: set[Group] = set()

    def nodes(self, run: Sequence[Group], c: Chunk, fronts: Sequence[Front]) -> None:
        """Write the parts of a vector of groups that are gone through together."""
        alike: dict[Matrix, list[tuple[Group, Front]]] = {}
        for group in run:
            if group in self.combinations:
                matrix = replace(self.combinations[group][1], base=0)
                alike.setdefault(matrix, []).extend((group, front) for front in fronts)
        combined: dict[tuple[Group, Degree], str] = {}
        for matrix, sums in alike.items():
            bases = [(front.array, self.combinations[g][1].base) for g, front in sums]
            totals = self.products(matrix, bases, str(c))
            for (group, front), total in zip(sums, totals, strict=True):
                combined[group, front.degree] = total
        for self.front in fronts:
            for group in run:
                self._node(group, c, combined.get((group, self.front.degree)))

    def _node(self, group: Group, c: Chunk, combined: Name) -> None:
        code, width, front = self.code, group.width, self.front
        if group.choices is not None:
            part = self._chosen(group, group.choices, c)
        else:
            part = self._solved(group, c, combined)
        if self.is_spread and isinstance(c, int):
            front.row[group.slot // LANES + c] = self.whole(part, width)
        elif group in self.wanted:
            code.store(part, front.array, self.at(c, width, group.slot), width)
        if isinstance(c, str):
            front.latest[group.slot, c] = part
        self.record_parts(part, group.padded(group.members), c, width, front.degree)

    def fill_up(self, group: Group) -> None:
        """Repeat the last part until its vector is full."""
        code, width, count = self.code, group.width, len(group.members)
        array = self.front.array
        last = code.load(array, group.slot + count - 1)
        for place in range(count, width * group.chunks):
            code.store(last, array, group.slot + place)
        if count % width:
            c, padded = group.chunks - 1, group.padded(group.members)
            part = code.load(array, group.slot + c * width, width)
            self.record_parts(part, padded, c, width, self.front.degree)

    def _chosen(self, group: Group, choices: Column, c: Chunk) -> str:
        code, width = self.code, group.width
        which, *both = choices.T
        condition = self.gather(self.values, self.slots_of(group.padded(which)), c, width)
        parts = []
        for lines in both:
            if lines[0] == NONE:
                parts.append(code.constant(0.0, width))
            else:
                slots = self.slots_of(group.padded(lines))
                parts.append(self.gather(self.front.array, slots, c, width))
        kind = kind_of(width)
        truth = code.let(f"fcmp une {kind} {condition}, {code.constant(0.0, width)}")
        bits = "i1" if width == 1 else f"<{width} x i1>"
        return code.let(f"select {bits} {truth}, {kind} {parts[0]}, {kind} {parts[1]}")

    def _solved(self, group: Group, c: Chunk, combined: Name) -> str:
        code, width, newest = self.code, group.width, group.newest
        factors, over_divisor = self.prepared[group]
        apart = self.combinations[group][0] if combined else set()
        over: Name = None
        total: Name = None
        # Most terms are known sooner than interiors, the last not before them.
        early = range(len(newest) - 1 if len(newest) < LONG else 0)
        for j in early:
            if j not in apart:
                total = self._added(total, group, newest[j], factors[j], c)
        for number, interior in enumerate(group.interiors):
            y = self.interior(group, number, c)
            if y is None:
                continue
            if over_divisor is not None:
                factor: Name = self.factor(over_divisor[number], c, width)
            else:
                factor = self.product(group, interior, c)
            if interior["over_degree"][0] and factor is None:
                over = code.add(over, y, width)
                continue
            if interior["over_degree"][0]:  # divided while the interior is waited for
                factor = self.over_degree(factor, self.front.degree, width)
            total = (
                code.add(total, y, width) if factor is None else code.fused(factor, y, total, width)
            )
        total = code.add(total, self.over_degree(over, self.front.degree, width), width)
        sums = [total, combined]
        for j in range(len(early), len(newest)):
            # Each waits for the one before: if many wait for the same, they do so in two queues.
            queue = j % 2 if len(newest) >= LONG else 0
            if j not in apart:
                sums[queue] = self._added(sums[queue], group, newest[j], factors[j], c)
        return code.add(sums[0], sums[1], width) or code.constant(0.0, width)

    def combine(self, group: Group, needed: Column) -> None:
        """Find the terms in loops whose lines do not stand side by side, and how to add them up.

        Unless that leaves the last vector to be filled up, and nodes need it: ``needed`` tells of
        lines whether they do.
        """
        factors, _ = self.prepared[group]
        terms: dict[int, Term] = {}
        in_loop = not self.is_spread and group.chunks > 1
        for j, newest in enumerate(group.newest if in_loop else ()):
            lines = newest["a"]
            side_by_side = self.is_run(self.slots_of(group.padded(lines)))
            if factors[j] is None and not side_by_side and (lines != lines[0]).any():
                terms[j] = (self.slots_of(lines), newest["number"])
        matrix = self.matrix([*terms.values()]) if terms else None
        if matrix is not None and (matrix.is_full or not needed[group.members].any()):
            self.combinations[group] = {*terms}, matrix

    def _added(
        self, total: Name, group: Group, terms: Column, place: Place | None, c: Chunk
    ) -> Name:
        """Add terms to sums."""
        code, width = self.code, group.width
        lines = self.slots_of(group.padded(terms["a"]))
        part = self.gather(self.front.array, lines, c, width)
        if place is not None:
            return code.fused(self.factor(place, c, width), part, total, width)
        numbers = self.in_chunk(group, terms["number"], c)
        kinds = {*numbers.tolist()}
        if kinds == {1.0}:
            return code.add(total, part, width)
        if kinds == {-1.0}:
            return code.subtract(total, part, width)
        return code.fused(self.numbers(numbers, c, width), part, total, width)

    def over_degree(self, x: Name, k: Degree, width: int) -> Name:
        """Divide by a degree in two words."""
        if x is None:
            return None
        code = self.code
        if isinstance(k, int):
            return code.over_degree(x, k, width)
        if (k, width) not in self.over:
            words = (code.load(table, k) for table in self.inverses)
            self.over[k, width] = [code.everywhere(word, width) for word in words]
        high, rest = self.over[k, width]
        return code.fused(x, high, code.multiply(x, rest, width), width)
