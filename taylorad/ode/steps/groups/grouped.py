"""The machine code of a larger system: nodes of one kind side by side, and loops over them.

Nodes whose recurrences have the same form are members of a *group*, eight of them in a vector. A
pair of bodies, a spring of a chain, a cell of a grid: each finds its like by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from taylorad.ode.steps.code import Name, kind_of
from taylorad.ode.steps.core import Access
from taylorad.ode.steps.groups.gathering import entry
from taylorad.ode.steps.groups.group import LANES
from taylorad.ode.steps.groups.layout import Chunk, Degree, Front, filled
from taylorad.ode.steps.groups.nodes import Nodes
from taylorad.ode.steps.groups.stages import Stage, Stages
from taylorad.ode.steps.stepsize import bounded

__all__ = ["Grouped"]


class Grouped(Nodes):
    """The text of a core whose nodes are in groups."""

    def orders(self) -> None:
        needed = np.zeros(len(self.slots), bool)
        for group in self.groups:
            for lines in group.needs:
                needed[lines] = True
        for group in self.groups:
            self.combine(group, needed)
        late = [g for g, (_, matrix) in self.combinations.items() if not matrix.is_full]
        self.stages = Stages(self, late)
        self.wanted = self.stages.wanted
        self.put_together(self.stages.runs)
        self.one, self.both = self.stages.of(1), self.stages.of(2)
        every, time = range(self.state.chunks), int(self.slots[self.system.time])
        first = Front(self.newest[1], 1)
        self._components(every, first)
        self.code.store(self.code.constant(1.0), first.array, time)
        self._write(self.one, first)
        following = Front(self.newest[0], 2)
        self._components(every, following, first)  # of which a rate may be the time itself
        self.code.store(self.code.constant(0.0), first.array, time)
        count = -(-self.last // 2)

        def pair(number: str) -> list[str]:
            k = self.code.let(f"shl nuw nsw i64 {number}, 1")
            self._pair_of_degrees(Front(self.newest[0], k))
            return []

        if self.is_written_out:
            for _ in range(1, count):
                following = self._pair_of_degrees(following)
        else:
            self.code.loop(count, pair, start=1)

    def _pair_of_degrees(self, first: Front) -> Front:
        """Write the parts of an even degree and of the next; give the components that follow."""
        self.front = first
        self.pair_of_interiors(first.degree)
        second = Front(self.newest[1], self._after(first), first.degree)
        if second.degree == self.last:
            self._write(self.one, first)
            self._components(range(self.state.chunks), second, first)
            return second
        self._write(self.both, first, second)
        following = Front(self.newest[0], self._after(second))
        self._components(range(self.state.chunks), following, second)
        return following

    def _after(self, front: Front) -> Degree:
        k = front.degree
        return k + 1 if isinstance(k, int) else self.code.let(f"add nuw nsw i64 {k}, 1")

    def _write(self, stages: Sequence[Stage], *fronts: Front) -> None:
        """Write the parts of all nodes, at one degree or two; of the second components as well."""
        for front in fronts:
            for width in {group.width for group in self.groups}:
                self.over_degree(self.code.constant(0.0, width), front.degree, width)
        for stage in stages:
            if stage.kind == "components":
                self._components(stage.numbers, *reversed(fronts))
            elif stage.kind == "run":
                self._run(stage.numbers[0], [fronts[k] for k in stage.degrees], len(fronts))
            else:
                self.front = fronts[stage.degrees[0]]
                self.record(*self.strange[stage.numbers[0]], self.front.degree)

    def _run(self, number: int, fronts: Sequence[Front], degrees: int) -> None:
        run = self.stages.runs[number]

        def once(c: Chunk) -> None:
            if degrees == 2 and not fronts[0].before:
                self.front = fronts[0]
                self.pair_along(number, c, self.front.degree, waits=len(fronts) == 1)
            self.nodes(run, c, fronts)

        self.over_group(run[0], once)
        for self.front in fronts:
            for group in run:
                if group in self.stages.late:
                    self.fill_up(group)

    def _components(self, numbers: range, following: Front, front: Front | None = None) -> None:
        """Write parts of components from those of the degree before: of so many vectors."""
        code, group, k = self.code, self.state, following.degree
        width = group.width
        slots = self.slots_of(self.rate_lines)
        if isinstance(k, int) and k > self.order:
            return
        self.over_degree(code.constant(0.0, width), k, width)
        if front is not None:
            self.front = front

        def once(c: Chunk) -> None:
            if front is None:
                rates = code.load(self.arrays["rates"], self.at(c, width, 0), width)
            else:
                rates = self.gather(front.array, slots, c, width)
            parts = self.over_degree(rates, k, width) or ""
            self.record_parts(parts, self.state.members, c, width, k, rates)
            if self.is_written_out and isinstance(c, int):
                following.row[c] = self.whole(parts, width)
            elif not self.is_spread:
                code.store(parts, following.array, self.at(c, width, 0), width)

        self.over_group(group, once, numbers)

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
            degrees = code.constant([c * LANES + k + 1.0 for k in range(LANES)], LANES)
            rows = (total, powers), (code.multiply(total, degrees, LANES) or "", derived)
            for row, place in rows:
                code.store(bounded(code, row, LANES), place, c * LANES, LANES)
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
                    line = entry(code, order, lane)
                    place = code.let(f"mul nuw nsw i64 {line}, {length}")
                    place = code.let(f"add nuw nsw i64 {place}, {k}")
                    code.store(code.lane(vector, LANES, lane), parts, place)
                return []

            code.loop(count, chunk)

        lines(self.room // LANES, 0, self.table(self.state.members))
        if len(self.observed):
            rows = filled(np.arange(self.n, len(self.recurrences.wanted)))
            lines(len(rows) // LANES, self.observed_stream, self.table(rows))
