"""What groups compute once a step: the values of lines, and what newest terms are multiplied by."""

from __future__ import annotations

from fractions import Fraction

from taylorad.compiler.emitter import converted
from taylorad.compiler.operations import emit
from taylorad.ode.core import TRUTHS
from taylorad.ode.grouping import LANES, Group
from taylorad.ode.interiors import Interiors
from taylorad.ode.layout import Chunk, Degree
from taylorad.ode.recurrences import Choice, Newest, Node

__all__ = ["Factors"]


class Factors(Interiors):
    """A core that evaluates lines by groups."""

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

        code = self.code

        def chunk(c: Chunk) -> None:
            code.lanes = width
            names = [self.gather(self.values, slots, c, width) for slots in operands]
            if width > 1:
                self.code.wide |= set(names)
            kinds = ["f"] * len(names)
            result = "b" if row.name in TRUTHS else "f"
            exponent = numbers[-1]
            value = None if exponent is None else code.half_power(names[0], float(exponent), width)
            value = value or emit(code, row, first.params, names, kinds, result, numbers)
            value = converted(code, value, result, "f")
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
            self.record(self.slots_of(self.observed), False, self.stream(self.observed, False), 0)

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

    def record(self, slots: tuple[int, ...], weighted: bool, stream: int, k: Degree) -> None:
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
