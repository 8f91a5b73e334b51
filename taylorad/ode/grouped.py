"""The machine code of a larger system: nodes of one kind side by side, and loops over them.

Nodes whose recurrences have the same form are members of a *group*, eight of them in a vector. A
pair of bodies, a spring of a chain, a cell of a grid: each finds its like by itself.
"""

from __future__ import annotations

from taylorad.ode.code import Name, kind_of
from taylorad.ode.core import Access
from taylorad.ode.factors import Factors
from taylorad.ode.grouping import LANES, Group
from taylorad.ode.interiors import Sums
from taylorad.ode.layout import Chunk, Degree, filled
from taylorad.ode.recurrences import Choice, Node

__all__ = ["Grouped"]

FIRST_PAIR = 4
"""From this degree on two are done at once."""


class Grouped(Factors):
    """The text of a core whose nodes are in groups."""

    def orders(self) -> None:
        code = self.code
        zero = code.constant(0.0)

        def copy(c: Chunk) -> list[str]:
            place = self.at(c, LANES, 0)
            values = code.load(self.values, place, LANES)
            code.store(values, self.newest, place, LANES)
            return []

        code.loop(self.size // LANES, copy)
        self._components(0)

        def clear(c: str) -> list[str]:
            code.store(code.constant(0.0, LANES), self.newest, self.at(c, LANES, 0), LANES)
            return []

        code.loop(self.size // LANES, clear, start=self.others // LANES)
        time = self.slots[self.system.time]
        code.store(code.constant(1.0), self.newest, time)
        last = self.order + (len(self.recurrences.wanted) > self.n)
        if self.is_written_out:
            for k in range(1, last):
                self._degree(k)
                self._components(k)
                if k < 3:
                    code.store(zero, self.newest, time)
            return

        def degree(k: Degree) -> list[str]:
            self._degree(k)
            self._components(k)
            code.store(zero, self.newest, time)
            return []

        def pair(number: str) -> list[str]:
            self.row = {}
            twice = code.let(f"shl nuw nsw i64 {number}, 1")
            now, later = self.pair_of_interiors(twice)
            self._degree(twice, now)
            self._components(twice)
            following = code.let(f"add nuw nsw i64 {twice}, 1")
            self._degree(following, self.completed(later, twice))
            self._components(following)
            return []

        if not self.is_spread:
            code.loop(last, degree, start=1)
            return
        for k in range(1, min(last, FIRST_PAIR)):
            degree(k)
        self.row = {}
        code.loop(last // 2, pair, start=FIRST_PAIR // 2)
        self.row = {}
        if last > FIRST_PAIR and last % 2:
            degree(str(last - 1))

    def _degree(self, k: Degree, sums: Sums | None = None) -> None:
        """Write the parts of all nodes; ``sums`` are the interiors, if they are known."""
        for width in {group.width for group in self.groups}:
            self._over(self.code.constant(0.0, width), k, width)
        if sums is None:
            sums = self.all_interiors(k) if self.is_spread else {}
        self.sums = sums
        for group in self.groups:
            self.over_group(group, lambda c, g=group: self._node(g, c, k))  # type: ignore[misc]
        own = (self.places, *(group.padded(group.members) for group in self.groups))
        native = set(map(self.slots_of, own))
        for (slots, weighted), stream in self.streams.items():
            if weighted or slots not in native:
                self.record(slots, weighted, stream, k)

    def _node(self, group: Group, c: Chunk, k: Degree) -> None:
        code, width = self.code, group.width
        own = self.slots_of(group.padded(group.members))
        first = group.nodes[0]
        if isinstance(first, Choice):
            part = self._chosen(group, c)
        else:
            part = self._solved(group, first, c, k)
        if self.is_spread and isinstance(c, int):
            self.row[group.slot // LANES + c] = self.whole(part, width)
        else:
            code.store(part, self.newest, self.at(c, width, group.slot), width)
        if (own, False) in self.streams:
            place = self.in_stream(self.streams[own, False], c, width, k)
            self.record_part(part, place, width, k)

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
                parts.append(self.gather(self.newest, slots, c, width))
        kind = kind_of(width)
        truth = code.let(f"fcmp une {kind} {condition}, {code.constant(0.0, width)}")
        bits = "i1" if width == 1 else f"<{width} x i1>"
        return code.let(f"select {bits} {truth}, {kind} {parts[0]}, {kind} {parts[1]}")

    def _solved(self, group: Group, first: Node, c: Chunk, k: Degree) -> str:
        code, width = self.code, group.width
        nodes = [node for node in group.nodes if isinstance(node, Node)]
        factors, into = self.prepared[group]
        if isinstance(c, int) and self.is_spread:
            g = self.groups.index(group)
            totals = [self.sums[g, c, number] for number in range(len(first.interiors))]
        else:
            totals = self.interiors(group, c, k)
        over: Name = None
        total: Name = None
        for place, (interior, y) in enumerate(zip(first.interiors, totals, strict=True)):
            terms = [node.interiors[place] for node in nodes]
            factor = self.interior_factor(group, terms, c)
            if interior.over_degree:
                over = (
                    code.add(over, y, width)
                    if factor is None
                    else code.fused(factor, y, over, width)
                )
            else:
                total = (
                    code.add(total, y, width)
                    if factor is None
                    else code.fused(factor, y, total, width)
                )
        total = code.add(total, self._over(over, k, width), width)
        if into is not None and total is not None:
            total = code.multiply(total, code.load(into, self.at(c, width, 0), width), width)
        for j in range(len(first.newest)):
            lines = self.slots_of(group.padded([node.newest[j].line for node in nodes]))
            part = self.gather(self.newest, lines, c, width)
            if (at := factors[j]) is not None:
                factor = code.load(at, self.at(c, width, 0), width)
                total = code.fused(factor, part, total, width)
                continue
            numbers = group_numbers = [node.newest[j].number for node in nodes]
            if set(numbers) == {1.0}:
                total = code.add(total, part, width)
            elif set(numbers) == {-1.0}:
                total = code.subtract(total, part, width)
            else:
                numbers = [*group_numbers, *[numbers[-1]] * (width * group.chunks - len(numbers))]
                total = code.fused(self.numbers(numbers, c, width), part, total, width)
        return total or code.constant(0.0, width)

    def _over(self, x: Name, k: Degree, width: int) -> Name:
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

    def _components(self, k: Degree) -> None:
        """Write the parts of the components of the next degree."""
        code, group = self.code, self.state
        width = group.width
        slots = self.slots_of([self.system.rates[i] for i in self.places])
        following: Degree = k + 1 if isinstance(k, int) else code.let(f"add nuw nsw i64 {k}, 1")
        if k == self.order:
            return
        found: dict[int, str] = {}
        self._over(code.constant(0.0, width), following, width)

        def chunk(c: Chunk) -> None:
            rates = self.gather(self.newest, slots, c, width)
            parts = self._over(rates, following, width) or ""
            place = self.in_stream(0, c, width, following)
            self.record_part(parts, place, width, following)
            if isinstance(c, int):
                found[c] = parts
            else:
                code.store(parts, self.waiting, self.at(c, width, 0), width)

        self.over_group(group, chunk)

        def move(c: Chunk) -> None:
            place = self.at(c, width, 0)
            if isinstance(c, int):
                code.store(found[c], self.newest, place, width)
                if self.is_spread:
                    self.row[c] = self.whole(found[c], width)
            else:
                code.store(code.load(self.waiting, place, width), self.newest, place, width)

        if self.is_spread:
            self.row = {}
        self.over_group(group, move)

    def rates(self, access: Access) -> str:
        slots = self.slots_of([self.system.rates[i] for i in self.places])
        return self.gather(self.values, slots, access.chunk, access.width)

    def part(self, access: Access, k: int) -> str:
        place = self.in_stream(0, access.chunk, access.width, k)
        return self.code.load(self.history, place, access.width)

    def keep(self, parts: str) -> None:
        """Write the parts of all lines that are wanted, line by line, in loops over degrees."""
        code, length = self.code, self.order + 1

        def lines(count: int, stream: int, table: str) -> None:
            def chunk(c: str) -> list[str]:
                first = code.let(f"mul nuw nsw i64 {c}, {LANES}")
                order = code.let(f"getelementptr inbounds i32, ptr {table}, i64 {first}")
                code.loop(length, lambda k: degree(c, k, order))
                return []

            def degree(c: str, k: str, order: str) -> list[str]:
                vector = code.load(self.history, self.in_stream(stream, c, LANES, k), LANES)
                for lane in range(LANES):
                    at = code.let(f"getelementptr inbounds i32, ptr {order}, i64 {lane}")
                    line = code.let(f"zext i32 {code.let(f'load i32, ptr {at}')} to i64")
                    place = code.let(f"mul nuw nsw i64 {line}, {length}")
                    place = code.let(f"add nuw nsw i64 {place}, {k}")
                    code.store(code.lane(vector, LANES, lane), parts, place)
                return []

            code.loop(count, chunk)

        lines(self.room // LANES, 0, self.table(tuple(self.places)))
        if self.observed:
            rows = filled([self.n + k for k in range(len(self.recurrences.wanted) - self.n)])
            stream = self.stream(self.observed, False)
            lines(len(rows) // LANES, stream, self.table(tuple(rows)))
