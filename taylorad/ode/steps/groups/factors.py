"""What groups compute once a step: the values of lines, and what newest terms are multiplied by."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from taylorad.compiler.emitter import converted
from taylorad.ode.steps.code import Name
from taylorad.ode.steps.core import TRUTHS, Access
from taylorad.ode.steps.groups.group import LANES, Group
from taylorad.ode.steps.groups.interiors import Interiors
from taylorad.ode.steps.groups.layout import Chunk, Degree
from taylorad.ode.tracing.columns import Column
from taylorad.ode.tracing.rows import emit

__all__ = ["Factors", "Place"]

Place = tuple[str, int]
"""An array, and where in it a row begins."""


class Factors(Interiors):
    """A core that evaluates lines by groups."""

    prepared: dict[Group, tuple[list[Place | None], list[Place] | None]]
    """Where the factors of newest terms stand, and those of interiors if there is a divisor."""

    def enter(self) -> None:
        code = self.code
        self.values = self.claim(self.size)
        # Reads of vectors may begin before the first entry, and end behind the last.
        size = LANES + self.size + LANES
        both = self.claim(2 * size)
        first, second = (
            code.let(f"getelementptr inbounds double, ptr {both}, i64 {LANES + place}")
            for place in (0, size)
        )
        self.newest = first, second
        self.history = self.claim(self.used)
        self.arrays["rates"] = self.claim(self.room)
        self.claim_rows()
        self._bring()
        place = 0
        for line in np.flatnonzero(self.recurrences.listing.row[:-1] == 0).tolist():
            step = self.steps[line]
            if step.number is not None:
                code.store(code.constant(float(step.number)), self.values, int(self.slots[line]))
            elif line > self.system.time:
                code.store(
                    code.load(self.arrays["given"], place), self.values, int(self.slots[line])
                )
                place += 1
        high, low = [0.0, 1.0], [0.0, 0.0]
        for k in range(2, self.length):
            high.append(1 / k)
            low.append(float(Fraction(1, k) - Fraction(1 / k)))
        self.inverses = [self.table_of(name, x) for name, x in (("high", high), ("low", low))]
        self._evaluate(moving=False)

    def _bring(self) -> None:
        """Bring the components to where lines of the cache begin, and forget an earlier call."""
        code = self.code
        inside = {"x": self.values} | {x: self.claim(self.room) for x in ("lost", "floors")}
        self.outside = {name: self.arrays[name] for name in inside}

        def fetch(access: Access) -> list[str]:
            for name, array in inside.items():
                code.store(access.load(name), array, access.start, access.width)
            code.store(None, foreseen, access.start, access.width)
            return []

        foreseen = self.claim(self.room)
        self.over_states(fetch)
        self.arrays |= inside | {"foreseen": foreseen}

        def clear(c: str) -> list[str]:
            for array in self.newest:
                code.store(None, array, self.at(c, LANES, 0), LANES)
            return []

        code.loop(self.size // LANES, clear)

    def leave(self) -> None:
        def put(access: Access) -> list[str]:
            for name in ("x", "lost"):
                place = self.outside[name]
                self.code.store(access.load(name), place, access.start, access.width)
            return []

        self.over_states(put)

    def _evaluate(self, moving: bool) -> None:
        """Write the values of lines."""
        for group in self.evaluations:
            if self.steps[group.members[0]].moves == moving:
                self._evaluate_group(group)

    def _evaluate_group(self, group: Group) -> None:
        width, first = group.width, self.steps[group.members[0]]
        row = first.primitive
        assert row is not None
        operands = [
            group.padded(self.recurrences.listing.needs[group.members, k])
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
            names = [self._operand(lines, c, width) for lines in operands]
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

    def _operand(self, lines: Column, c: Chunk, width: int) -> str:
        """Read values, or give known numbers."""
        listing = self.recurrences.listing
        if listing.is_number[lines].all() and (lines != lines[0]).any():
            row = self.row_of(listing.number[lines])
            return self._wide(row, self.at(c, width, 0), width)
        return self.gather(self.values, self.slots_of(lines), c, width)

    def evaluate(self) -> None:
        """Write the values of all lines, and what follows from them once a step."""
        self.code.store(self.now, self.values, int(self.slots[self.system.time]))
        self._evaluate(moving=True)
        self._prepare()
        slots, width = self.slots_of(self.rate_lines), self.state.width

        def rates(c: Chunk) -> None:
            values = self.gather(self.values, slots, c, width)
            self.code.store(values, self.arrays["rates"], self.at(c, width, 0), width)

        self.over_group(self.state, rates)
        if len(self.observed):
            self.record(self.slots_of(self.observed), False, self.observed_stream, 0)

    def _prepare(self) -> None:
        """Write the factors of newest terms, and of interiors over a divisor, once a step."""
        self.prepared = {}
        for group in self.groups:
            group_factors = [self._home(group, terms) for terms in group.newest]
            over = None
            if group.divisors is not None:
                over = [(self.claim(group.width * group.chunks), 0) for _ in group.interiors]
            self.prepared[group] = (group_factors, over)
            self.over_group(group, lambda c, g=group: self._prepare_chunk(g, c))  # type: ignore[misc]

    def _home(self, group: Group, terms: Column) -> Place | None:
        """Give where a factor stands: if it is one value, then among the values."""
        if group.divisors is None:
            lines = self.value_lines(terms)
            if not lines:
                return None
            if len(lines) == 1 and (terms["number"] == 1.0).all():
                slots = self.slots_of(group.padded(lines[0]))
                if self._is_run(self.values, slots):
                    return self.values, int(slots[0])
        return self.claim(group.width * group.chunks), 0

    def value_lines(self, terms: Column) -> list[Column]:
        """Give the lines whose values terms are multiplied by, one after the other."""
        return self.recurrences.sums.products.columns(terms["values"])

    def factor(self, place: Place, c: Chunk, width: int) -> str:
        """Read what has been prepared."""
        array, start = place
        return self.code.load(array, self.at(c, width, start), width)

    def _prepare_chunk(self, group: Group, c: Chunk) -> None:
        code, width = self.code, group.width
        factors, over = self.prepared[group]
        inverse: Name = None
        if group.divisors is not None:
            below = self.slots_of(group.padded(group.divisors))
            value = self.gather(self.values, below, c, width)
            inverse = code.divide(code.constant(1.0, width), value, width)
        found = [
            (place, terms)
            for place, terms in zip(factors, group.newest, strict=True)
            if place is not None and place[0] != self.values
        ]
        found += zip(over or (), group.interiors)
        for (array, _), terms in found:
            code.store(self.product(group, terms, c, inverse), array, self.at(c, width, 0), width)

    def product(self, group: Group, terms: Column, c: Chunk, total: Name = None) -> Name:
        """Multiply a number by what terms are multiplied by; None is 1."""
        code, width = self.code, group.width
        for lines in self.value_lines(terms):
            value = self.gather(self.values, self.slots_of(group.padded(lines)), c, width)
            total = value if total is None else code.multiply(total, value, width)
        numbers = self.in_chunk(group, terms["number"], c)
        if {*numbers.tolist()} != {1.0}:
            row = self.numbers(numbers, c, width)
            total = row if total is None else code.multiply(total, row, width)
        return total

    def record(self, slots: Column, weighted: bool, stream: int, k: Degree) -> None:
        """Write parts to a stream: of lines that stand apart elsewhere, or of D of lines."""
        width = min(LANES, len(slots))

        def chunk(c: Chunk) -> None:
            parts = self.gather(self.front.array if k else self.values, slots, c, width)
            if weighted:
                parts = self.weighted(parts, k, width)
            self.record_part(parts, stream, c, width, k)

        self.over_group(Group(slots), chunk)
