"""The machine code of a larger system: nodes of one kind side by side, and loops over them.

Nodes whose recurrences have the same form are members of a *group*, eight of them in a vector. A
pair of bodies, a spring of a chain, a cell of a grid: each finds its like by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from taylorad.ode.steps.code import Name, kind_of
from taylorad.ode.steps.core import Access
from taylorad.ode.steps.groups.diagonals import Matrix, Term
from taylorad.ode.steps.groups.factors import Factors, Place
from taylorad.ode.steps.groups.grouping import LANES, Group
from taylorad.ode.steps.groups.layout import Chunk, Degree, filled
from taylorad.ode.tracing.recurrences import Choice, Newest, Node, Recurrences

__all__ = ["Grouped"]

LONG = 4
"""Sums of so many terms are added up in two."""


class Grouped(Factors):
    """The text of a core whose nodes are in groups."""

    def __init__(self, recurrences: Recurrences, order: int, *, is_spread: bool) -> None:
        super().__init__(recurrences, order, is_spread=is_spread)
        self.combinations: dict[Group, tuple[set[int], Matrix]] = {}
        self.combined: dict[Group, str] = {}

    def orders(self) -> None:
        code = self.code
        zero = code.constant(0.0)
        self._components(0)
        for group in self.groups:
            self._combine(group)
        self.runs = self._runs()
        time = self.slots[self.system.time]
        code.store(code.constant(1.0), self.newest, time)
        last = self.last

        def whole(k: Degree) -> None:
            self._degree(k)
            self._components(k)

        def pair(number: Degree) -> list[str]:
            self.before = 0
            if isinstance(number, str):
                self.row = {}
                k: Degree = code.let(f"shl nuw nsw i64 {number}, 1")
                following: Degree = code.let(f"add nuw nsw i64 {k}, 1")
            else:
                k, following = 2 * number, 2 * number + 1
            self.pair_of_interiors(k)
            whole(k)
            self.before = k
            if following != last:
                whole(following)
            return []

        def alone(k: str) -> list[str]:
            self.interiors_by_rows(k)
            whole(k)
            code.store(zero, self.newest, time)
            return []

        if not self.is_spread:
            code.loop(last, alone, start=1)
            return
        whole(1)
        code.store(zero, self.newest, time)
        if self.is_written_out:
            for number in range(1, -(-last // 2)):
                pair(number)
        else:
            code.loop(-(-last // 2), pair, start=1)

    def _degree(self, k: Degree) -> None:
        """Write the parts of all nodes."""
        self.degree = k
        for width in {group.width for group in self.groups}:
            self._over(self.code.constant(0.0, width), k, width)
        for run in self.runs:
            self.over_group(run[0], lambda c, run=run: self._nodes(run, c, k))  # type: ignore[misc]
            for group in run:
                if group in self.combinations:
                    self._fill_up(group, k)
        for (slots, weighted), stream in self.streams.items():
            if slots not in self.native:
                self.record(slots, weighted, stream, k)
        if self.observed:
            self.record(self.slots_of(self.observed), False, self.observed_stream, k)

    def _runs(self) -> list[list[Group]]:
        """Put groups together whose vectors are gone through in one loop.

        Those are as many, and what one needs of another is in the same vector.
        """
        runs: list[list[Group]] = []
        for group in self.groups:
            if runs and self._belongs(group, runs[-1]):
                runs[-1].append(group)
            else:
                runs.append([group])
        return runs

    def _belongs(self, group: Group, run: Sequence[Group]) -> bool:
        shape = (group.width, group.chunks)
        if shape != (run[0].width, run[0].chunks):
            return False
        starts = {
            line: -1 if other in self.combinations else other.slot  # not filled up yet
            for other in run
            for line in other.members
        }
        for lines in self._needs(group):
            slots = self.slots_of(lines)
            found = {starts.get(line) for line in lines} - {None}
            if found and not (found == {slots[0]} and self.is_run(slots)):
                return False
        return True

    def _needs(self, group: Group) -> list[list[int]]:
        """Give the lines whose newest parts the nodes of a group need, by terms."""
        needs = [
            [term.line for term in node.newest]
            if isinstance(node, Node)
            else [line for line in (node.yes, node.no) if line is not None]
            for node in group.nodes
        ]
        return [group.padded(lines) for lines in zip(*needs, strict=True)]

    def _nodes(self, run: Sequence[Group], c: Chunk, k: Degree) -> None:
        alike: dict[Matrix, list[Group]] = {}
        for group in run:
            if group in self.combinations:
                matrix = replace(self.combinations[group][1], base=0)
                alike.setdefault(matrix, []).append(group)
        for matrix, groups in alike.items():
            bases = [self.combinations[group][1].base for group in groups]
            self.combined |= zip(groups, self.products(matrix, bases, str(c)), strict=True)
        for group in run:
            self._node(group, c, k)

    def _node(self, group: Group, c: Chunk, k: Degree) -> None:
        code, width = self.code, group.width
        first = group.nodes[0]
        if isinstance(first, Choice):
            part = self._chosen(group, c)
        else:
            part = self._solved(group, first, c, k)
        if self.is_spread and isinstance(c, int):
            self.row[group.slot // LANES + c] = self.whole(part, width)
        else:
            code.store(part, self.newest, self.at(c, width, group.slot), width)
        if isinstance(c, str):
            self.latest[group.slot, c] = part
        self.record_parts(part, group.padded(group.members), c, width, k)

    def _fill_up(self, group: Group, k: Degree) -> None:
        """Repeat the last part until its vector is full."""
        code, width, count = self.code, group.width, len(group.members)
        last = code.load(self.newest, group.slot + count - 1)
        for place in range(count, width * group.chunks):
            code.store(last, self.newest, group.slot + place)
        if count % width:
            c, padded = group.chunks - 1, group.padded(group.members)
            part = code.load(self.newest, group.slot + c * width, width)
            self.record_parts(part, padded, c, width, k)

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
        over: Name = None
        total: Name = None
        for number, interior in enumerate(first.interiors):
            y = self.interior(group, number, c, k)
            if y is None:
                continue
            factor = self.interior_factor(group, [node.interiors[number] for node in nodes], c)
            before = over if interior.over_degree else total
            if factor is None:
                added = code.add(before, y, width)
            else:
                added = code.fused(factor, y, before, width)
            if interior.over_degree:
                over = added
            else:
                total = added
        total = code.add(total, self._over(over, k, width), width)
        if into is not None and total is not None:
            total = code.multiply(total, self.factor(into, c, width), width)
        apart: set[int] = set()
        sums = [total, None]
        if group in self.combinations:
            apart, sums[1] = self.combinations[group][0], self.combined[group]
        for j in range(len(first.newest)):
            # Each waits for the one before: if many wait for the same, they do so in two queues.
            queue = j % 2 if len(first.newest) >= LONG else 0
            if j not in apart:
                terms = [node.newest[j] for node in nodes]
                sums[queue] = self._added(sums[queue], group, terms, factors[j], c)
        return code.add(sums[0], sums[1], width) or code.constant(0.0, width)

    def _combine(self, group: Group) -> None:
        """Find the terms in loops whose lines do not stand side by side, and how to add them up."""
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
        if matrix is not None:
            self.combinations[group] = {*terms}, matrix

    def _added(
        self, total: Name, group: Group, terms: Sequence[Newest], place: Place | None, c: Chunk
    ) -> Name:
        """Add terms to sums."""
        code, width = self.code, group.width
        lines = self.slots_of(group.padded([term.line for term in terms]))
        part = self.gather(self.newest, lines, c, width)
        if place is not None:
            return code.fused(self.factor(place, c, width), part, total, width)
        numbers = self.in_chunk(group, [term.number for term in terms], c)
        if set(numbers) == {1.0}:
            return code.add(total, part, width)
        if set(numbers) == {-1.0}:
            return code.subtract(total, part, width)
        return code.fused(self.numbers(numbers, c, width), part, total, width)

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
            if k:
                rates = self.gather(self.newest, slots, c, width)
            else:
                rates = code.load(self.arrays["rates"], self.at(c, width, 0), width)
            parts = self._over(rates, following, width) or ""
            self.record_parts(parts, self.places, c, width, following, rates)
            if self.is_spread:
                found[int(c)] = parts
            else:
                code.store(parts, self.waiting, self.at(c, width, 0), width)

        self.over_group(group, chunk)

        def move(c: Chunk) -> None:
            place = self.at(c, width, 0)
            code.store(code.load(self.waiting, place, width), self.newest, place, width)

        self.row = {}
        if not self.is_spread:
            self.over_group(group, move)
        elif self.is_written_out:
            self.row = {c: self.whole(parts, width) for c, parts in found.items()}

    def rates(self, access: Access) -> str:
        return access.load("rates")

    def part(self, access: Access, k: int) -> str:
        place = self.in_stream(0, access.chunk, access.width, k)
        return self.code.load(self.history, place, access.width)

    def powers(self, h: str, width: int) -> list[str]:
        """Write h**k, and k h**(k - 1), to rows; give where they stand."""
        code, count = self.code, -(-(self.order + 1) // LANES)
        powers, derived = self.claim(count * LANES), self.claim(count * LANES)
        total = ""
        factor = h
        for bit in (1, 2, 4):
            chosen = ", ".join(f"i1 {bool(k & bit):d}" for k in range(LANES))
            all_lanes, kind = code.everywhere(factor, LANES), kind_of(LANES)
            ones = code.constant(1.0, LANES)
            lanes = code.let(f"select <{LANES} x i1> <{chosen}>, {kind} {all_lanes}, {kind} {ones}")
            total = (code.multiply(total, lanes, LANES) or "") if total else lanes
            factor = code.multiply(factor, factor) or ""
        for c in range(count):
            code.store(total, powers, c * LANES, LANES)
            degrees = code.constant([c * LANES + k + 1.0 for k in range(LANES)], LANES)
            code.store(code.multiply(total, degrees, LANES), derived, c * LANES, LANES)
            total = code.multiply(total, code.everywhere(factor, LANES), LANES) or ""
        return [powers, derived]

    def series(self, access: Access, powers: Sequence[str]) -> tuple[str, str]:
        """Sum up the series, the least terms first, in two sums each."""
        code, width = self.code, access.width
        gains: list[Name] = [access.load("lost"), None]
        rates: list[Name] = [None, None]
        for k in range(self.order, 0, -1):
            part, parity = self.part(access, k), k % 2
            for totals, row, place in ((gains, powers[0], k), (rates, powers[1], k - 1)):
                power = code.everywhere(code.load(row, place), width)
                totals[parity] = code.fused(part, power, totals[parity], width)
        return code.add(gains[0], gains[1], width) or "", code.add(rates[0], rates[1], width) or ""

    def keep(self, parts: str) -> None:
        """Write the parts of all lines that are wanted, line by line, in loops over degrees."""
        code, length = self.code, self.order + 1

        def first(access: Access) -> list[str]:
            place = self.in_stream(0, access.chunk, access.width, 0)
            code.store(access.load("back x"), self.history, place, access.width)
            return []

        self.over_states(first)

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
            lines(len(rows) // LANES, self.observed_stream, self.table(tuple(rows)))
