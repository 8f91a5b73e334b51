"""The parts of nodes: interiors, and newest terms."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace

from taylorad.ode.steps.code import Name, kind_of
from taylorad.ode.steps.groups.diagonals import Matrix, Term
from taylorad.ode.steps.groups.factors import Factors, Place
from taylorad.ode.steps.groups.grouping import LANES, Group
from taylorad.ode.steps.groups.layout import Chunk, Degree, Front
from taylorad.ode.tracing.recurrences import Choice, Newest, Node, Recurrences

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
        first = group.nodes[0]
        if isinstance(first, Choice):
            part = self._chosen(group, c)
        else:
            part = self._solved(group, first, c, combined)
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

    def _chosen(self, group: Group, c: Chunk) -> str:
        code, width = self.code, group.width
        choices = [node for node in group.nodes if isinstance(node, Choice)]
        condition = self.gather(
            self.values, self.slots_of(group.padded([x.condition for x in choices])), c, width
        )
        parts = []
        for lines in ([x.yes for x in choices], [x.no for x in choices]):
            if lines[0] is None:
                parts.append(code.constant(0.0, width))
            else:
                slots = self.slots_of(group.padded([i or 0 for i in lines]))
                parts.append(self.gather(self.front.array, slots, c, width))
        kind = kind_of(width)
        truth = code.let(f"fcmp une {kind} {condition}, {code.constant(0.0, width)}")
        bits = "i1" if width == 1 else f"<{width} x i1>"
        return code.let(f"select {bits} {truth}, {kind} {parts[0]}, {kind} {parts[1]}")

    def _solved(self, group: Group, first: Node, c: Chunk, combined: Name) -> str:
        code, width = self.code, group.width
        nodes = [node for node in group.nodes if isinstance(node, Node)]
        factors, over_divisor = self.prepared[group]
        apart = self.combinations[group][0] if combined else set()
        over: Name = None
        total: Name = None
        # Most terms are known sooner than interiors, the last not before them.
        early = range(len(first.newest) - 1 if len(first.newest) < LONG else 0)
        for j in early:
            if j not in apart:
                total = self._added(total, group, [node.newest[j] for node in nodes], factors[j], c)
        for number, interior in enumerate(first.interiors):
            y = self.interior(group, number, c)
            if y is None:
                continue
            if over_divisor is not None:
                factor: Name = self.factor(over_divisor[number], c, width)
            else:
                factor = self.product(group, [node.interiors[number] for node in nodes], c)
            if interior.over_degree and factor is None:
                over = code.add(over, y, width)
                continue
            if interior.over_degree:  # divided while the interior is waited for
                factor = self.over_degree(factor, self.front.degree, width)
            total = (
                code.add(total, y, width) if factor is None else code.fused(factor, y, total, width)
            )
        total = code.add(total, self.over_degree(over, self.front.degree, width), width)
        sums = [total, combined]
        for j in range(len(early), len(first.newest)):
            # Each waits for the one before: if many wait for the same, they do so in two queues.
            queue = j % 2 if len(first.newest) >= LONG else 0
            if j not in apart:
                terms = [node.newest[j] for node in nodes]
                sums[queue] = self._added(sums[queue], group, terms, factors[j], c)
        return code.add(sums[0], sums[1], width) or code.constant(0.0, width)

    def combine(self, group: Group, needed: Set[int]) -> None:
        """Find the terms in loops whose lines do not stand side by side, and how to add them up.

        Unless that leaves the last vector to be filled up, and nodes need it.
        """
        nodes = [node for node in group.nodes if isinstance(node, Node)]
        factors, _ = self.prepared[group]
        terms: dict[int, Term] = {}
        in_loop = nodes and not self.is_spread and group.chunks > 1
        for j in range(len(nodes[0].newest) if in_loop else 0):
            lines = [node.newest[j].line for node in nodes]
            side_by_side = self.is_run(self.slots_of(group.padded(lines)))
            if factors[j] is None and not side_by_side and len(set(lines)) > 1:
                terms[j] = (self.slots_of(lines), [node.newest[j].number for node in nodes])
        matrix = self.matrix([*terms.values()]) if terms else None
        if matrix is not None and (matrix.is_full or needed.isdisjoint(group.members)):
            self.combinations[group] = {*terms}, matrix

    def _added(
        self, total: Name, group: Group, terms: Sequence[Newest], place: Place | None, c: Chunk
    ) -> Name:
        """Add terms to sums."""
        code, width = self.code, group.width
        lines = self.slots_of(group.padded([term.line for term in terms]))
        part = self.gather(self.front.array, lines, c, width)
        if place is not None:
            return code.fused(self.factor(place, c, width), part, total, width)
        numbers = self.in_chunk(group, [term.number for term in terms], c)
        if set(numbers) == {1.0}:
            return code.add(total, part, width)
        if set(numbers) == {-1.0}:
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
