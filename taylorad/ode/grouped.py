"""The machine code of a larger system: nodes of one kind side by side, and loops over them.

Nodes whose recurrences have the same form are members of a *group*, eight of them in a vector. A
pair of bodies, a spring of a chain, a cell of a grid: each finds its like by itself.
"""

from __future__ import annotations

from fractions import Fraction

from taylorad.compiler.emitter import converted
from taylorad.compiler.operations import emit
from taylorad.ode.code import Name, kind_of
from taylorad.ode.core import TRUTHS, Access
from taylorad.ode.grouping import LANES, Group
from taylorad.ode.interiors import Interiors
from taylorad.ode.layout import Chunk, Degree, filled
from taylorad.ode.recurrences import Choice, Newest, Node

__all__ = ["Grouped"]


class Grouped(Interiors):
    """The text of a core whose nodes are in groups."""

    def enter(self) -> None:
        code = self.code
        self.values, self.newest = self.claim(self.size), self.claim(self.size)
        length = sum(len(lanes) for lanes, _ in self.streams) * self.length
        self.history = self.claim(length)
        self.waiting = self.claim(self.room)
        place = 0
        for line, step in enumerate(self.steps):
            if step.primitive is not None:
                continue
            if step.number is not None:
                code.store(code.constant(float(step.number)), self.values, self.slots[line])
            elif line > self.system.time:
                code.store(code.load("%given", place), self.values, self.slots[line])
                place += 1
        high, low = [0.0, 1.0], [0.0, 0.0]
        for k in range(2, self.order + 2):
            high.append(1 / k)
            low.append(float(Fraction(1, k) - Fraction(1 / k)))
        self.inverses = [self.table_of(name, x) for name, x in (("high", high), ("low", low))]
        self._evaluate(moving=False)

    def _evaluate(self, moving: bool) -> None:
        """Write the values of lines, those of one kind together."""
        depths: dict[int, int] = {}
        found: dict[object, list[int]] = {}
        for line in self.recurrences.values:
            step = self.steps[line]
            if step.moves != moving:
                continue
            depths[line] = 1 + max((depths.get(i, 0) for i in step.operands), default=0)
            exponents = tuple(
                self.steps[i].number if step.primitive.name == "power" else None  # type: ignore[union-attr]
                for i in step.operands
            )
            found.setdefault((depths[line], step.primitive, exponents), []).append(line)
        for key in sorted(found, key=lambda key: key[0]):  # type: ignore[index]
            self._evaluate_group(Group(found[key]))

    def _evaluate_group(self, group: Group) -> None:
        width, first = group.width, self.steps[group.members[0]]
        row = first.primitive
        assert row is not None
        operands = [
            self.slots_of(group.padded([self.steps[m].operands[k] for m in group.members]))
            for k in range(len(first.operands))
        ]
        numbers = [
            self.steps[i].number if self.steps[i].primitive is None else None
            for i in first.operands
        ]
        if row.name != "power":
            numbers = [None] * len(numbers)
        own = self.slots_of(group.padded(group.members))

        def chunk(c: Chunk) -> None:
            self.code.lanes = width
            names = [self.gather(self.values, slots, c, width) for slots in operands]
            if width > 1:
                self.code.wide |= set(names)
            kinds = ["f"] * len(names)
            result = "b" if row.name in TRUTHS else "f"
            value = emit(self.code, row, first.params, names, kinds, result, numbers)
            value = converted(self.code, value, result, "f")
            self.scatter(value, self.values, own, c, width)

        self.over_group(group, chunk)

    def evaluate(self) -> None:
        """Write the values of all lines, and what follows from them once a step."""

        def copy(c: Chunk) -> None:
            width = self.state.width
            x = self.code.load(self.arrays["x"], self.at(c, width, 0), width)
            self.code.store(x, self.values, self.at(c, width, 0), width)
            place = self.in_stream(0, c, width, 0)
            self.code.store(x, self.history, place, width)

        self.over_group(self.state, copy)
        self.code.store("%t.high", self.values, self.slots[self.system.time])
        self._evaluate(moving=True)
        self._prepare()
        if self.observed:
            self._record(self.slots_of(self.observed), False, self.stream(self.observed, False), 0)

    def _prepare(self) -> None:
        """Write the factors of newest terms, and the inverses, once a step."""
        for group in self.groups:
            group_factors = [
                self.claim(group.width * group.chunks) if self._has_factor(group, k) else None
                for k in range(len(self._terms(group)))
            ]
            inverse = None
            if isinstance(group.nodes[0], Node) and group.nodes[0].divisor is not None:
                inverse = self.claim(group.width * group.chunks)
            self.prepared[group] = (group_factors, inverse)
            self.over_group(group, lambda c, g=group: self._prepare_chunk(g, c))  # type: ignore[misc]

    def _terms(self, group: Group) -> tuple[Newest, ...]:
        first = group.nodes[0]
        return first.newest if isinstance(first, Node) else ()

    def _has_factor(self, group: Group, k: int) -> bool:
        first = group.nodes[0]
        assert isinstance(first, Node)
        return bool(first.newest[k].values) or first.divisor is not None

    def _prepare_chunk(self, group: Group, c: Chunk) -> None:
        code, width = self.code, group.width
        factors, into = self.prepared[group]
        first = group.nodes[0]
        if isinstance(first, Choice):
            return
        nodes = [node for node in group.nodes if isinstance(node, Node)]
        inverse = None
        if into is not None:
            below = self.slots_of(group.padded([node.divisor or 0 for node in nodes]))
            value = self.gather(self.values, below, c, width)
            inverse = code.divide(code.constant(1.0, width), value, width)
            code.store(inverse, into, self.at(c, width, 0), width)
        for k, place in enumerate(factors):
            if place is None:
                continue
            total = inverse
            for v in range(len(first.newest[k].values)):
                lines = self.slots_of(group.padded([node.newest[k].values[v] for node in nodes]))
                value = self.gather(self.values, lines, c, width)
                total = value if total is None else code.multiply(total, value, width)
            numbers = [node.newest[k].number for node in nodes]
            if set(numbers) != {1.0}:
                numbers += [numbers[-1]] * (width * group.chunks - len(numbers))
                total = code.multiply(total, self.numbers(numbers, c, width), width)
            code.store(total, place, self.at(c, width, 0), width)

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

        def degree(k: str) -> list[str]:
            self.row = {}
            self._degree(k)
            self._components(k)
            code.store(zero, self.newest, time)
            return []

        self.row = {}
        code.loop(last, degree, start=1)
        self.row = {}

    def _degree(self, k: Degree) -> None:
        for width in {group.width for group in self.groups}:
            self._over(self.code.constant(0.0, width), k, width)
        self.sums = self.all_interiors(k) if self.is_spread else {}
        for group in self.groups:
            self.over_group(group, lambda c, g=group: self._node(g, c, k))  # type: ignore[misc]
        own = (self.places, *(group.padded(group.members) for group in self.groups))
        native = set(map(self.slots_of, own))
        for (slots, weighted), stream in self.streams.items():
            if weighted or slots not in native:
                self._record(slots, weighted, stream, k)

    def _record(self, slots: tuple[int, ...], weighted: bool, stream: int, k: Degree) -> None:
        """Write parts to a stream: of lines that stand apart elsewhere, or of D of lines."""
        code = self.code
        width = min(LANES, len(slots))
        number = ""
        if weighted:
            known = isinstance(k, int)
            number = code.constant(float(k)) if known else code.let(f"uitofp i64 {k} to double")

        def chunk(c: Chunk) -> None:
            parts = self.gather(self.newest if k else self.values, slots, c, width)
            if weighted:
                parts = code.multiply(parts, code.everywhere(number, width), width) or ""
            self.record_part(parts, self.in_stream(stream, c, width, k), width, k)

        self.over_group(Group(list(range(len(slots)))), chunk)

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
                self.row[c] = self.whole(found[c], width)
            else:
                code.store(code.load(self.waiting, place, width), self.newest, place, width)

        if self.is_written_out:
            self.row = {}
        self.over_group(group, move)

    def rates(self, access: Access) -> str:
        slots = self.slots_of([self.system.rates[i] for i in self.places])
        return self.gather(self.values, slots, access.chunk, access.width)

    def part(self, access: Access, k: int) -> str:
        place = self.in_stream(0, access.chunk, access.width, k)
        return self.code.load(self.history, place, access.width)

    def keep(self) -> None:
        """Write the parts of all lines that are wanted, line by line, in loops over degrees."""
        code, length = self.code, self.order + 1

        def lines(count: int, stream: int, table: str) -> None:
            def chunk(c: str) -> list[str]:
                first = code.let(f"mul nuw nsw i64 {c}, {LANES}")
                order = code.let(f"getelementptr inbounds i32, ptr {table}, i64 {first}")
                code.loop(length, lambda k: degree(c, k, order))
                return []

            def degree(c: str, k: str, order: str) -> list[str]:
                parts = code.load(self.history, self.in_stream(stream, c, LANES, k), LANES)
                for lane in range(LANES):
                    at = code.let(f"getelementptr inbounds i32, ptr {order}, i64 {lane}")
                    line = code.let(f"zext i32 {code.let(f'load i32, ptr {at}')} to i64")
                    place = code.let(f"mul nuw nsw i64 {line}, {length}")
                    place = code.let(f"add nuw nsw i64 {place}, {k}")
                    code.store(code.lane(parts, LANES, lane), "%parts", place)
                return []

            code.loop(count, chunk)

        lines(self.room // LANES, 0, self.table(tuple(self.places)))
        if self.observed:
            rows = filled([self.n + k for k in range(len(self.recurrences.wanted) - self.n)])
            stream = self.stream(self.observed, False)
            lines(len(rows) // LANES, stream, self.table(tuple(rows)))
