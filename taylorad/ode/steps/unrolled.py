"""The machine code of a small system: every order written out.

All parts are in registers, or where LLVM spills them. The interiors of a degree are sums of
products side by side in vectors; the sums of newest terms are single numbers, for each waits for
the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from taylorad.ode.steps.code import Name
from taylorad.ode.steps.core import TRUTHS, Access, Core
from taylorad.ode.steps.stepsize import decisive
from taylorad.ode.tracing.recurrences import Choice, Inner, Interior, Node, Recurrences
from taylorad.ode.tracing.rows import emit
from taylorad.primitives.elementwise import power

__all__ = ["Unrolled"]

Degree = int | str
"""A degree, known or in a register."""

LANES = 4
"""Interiors side by side."""


@dataclass
class _Pack:
    """Interiors side by side."""

    inners: list[Inner]
    width: int

    @property
    def first(self) -> tuple[tuple[int, bool], ...]:
        return tuple((i.a, i.weighted) for i in self._lanes)

    @property
    def second(self) -> tuple[tuple[int, bool], ...]:
        return tuple((i.b, False) for i in self._lanes)

    @property
    def _lanes(self) -> list[Inner]:
        return [*self.inners, *[self.inners[-1]] * (self.width - len(self.inners))]

    @property
    def is_square(self) -> bool:
        return all(i.is_square for i in self.inners)


class Unrolled(Core):
    """The text of a core whose orders are written out."""

    def __init__(self, recurrences: Recurrences, order: int, batch: int = 1) -> None:
        super().__init__(recurrences, order, batch)
        # Where numbers are vectors, they are alone.
        self.lanes = LANES if batch == 1 else 1
        self.parts: dict[tuple[int, Degree], Name] = {}
        self.weighted: dict[tuple[int, int], Name] = {}
        self.vectors: dict[tuple[tuple[tuple[int, bool], ...], int], str] = {}
        self.values: dict[int, str] = {}
        self.kinds: dict[int, str] = {}
        self.factors: dict[tuple[float, tuple[int, ...], int | None], Name] = {}
        self.packs = self._packed()
        self.depths = self._depths()
        self.groups = self._grouped()
        self.accesses = [Access(self, members[0], width) for members, width in self.groups]
        self.members = dict(
            zip(self.accesses, (members for members, _ in self.groups), strict=True)
        )

    # --- arrangement -------------------------------------------------------------------------

    def _packed(self) -> list[_Pack]:
        """Put interiors side by side, those together that have a factor in common."""
        packs = []
        for square in (False, True):
            left = [i for i in self.recurrences.inners if i.is_square == square]
            while left:
                counts: dict[int, int] = {}
                for inner in left:
                    for line in {inner.a, inner.b}:
                        counts[line] = counts.get(line, 0) + 1
                common = max(counts, key=lambda line: counts[line])
                chosen = [i for i in left if common in (i.a, i.b)][: self.lanes]
                chosen += [i for i in left if i not in chosen][: self.lanes - len(chosen)]
                left = [i for i in left if i not in chosen]
                ordered = [self._turned(i, common) for i in chosen]
                packs.append(_Pack(ordered, 1 << (len(chosen) - 1).bit_length()))
        return packs

    def _turned(self, inner: Inner, common: int) -> Inner:
        return Inner(inner.b, inner.a) if inner.a == common and not inner.weighted else inner

    def _depths(self) -> dict[int, int]:
        """How many nodes come before each."""
        depths: dict[int, int] = {}
        for line, node in self.recurrences.nodes.items():
            below = [node.yes, node.no] if isinstance(node, Choice) else []
            if isinstance(node, Node):
                below = [term.line for term in node.newest]
            depths[line] = 1 + max((depths.get(i, 0) for i in below if i is not None), default=0)
        return depths

    def _grouped(self) -> list[tuple[list[int], int]]:
        """Put the components side by side for the end of the step; give numbers and width."""
        groups = []
        for start in range(0, self.n, self.lanes):
            members = [*range(start, min(start + self.lanes, self.n))]
            groups.append((members, 1 << (len(members) - 1).bit_length()))
        return groups

    # --- parts -------------------------------------------------------------------------------

    def _part(self, line: int, k: Degree) -> Name:
        """Give a part: None if it is zero."""
        return self.parts.get((line, k))

    def _of(self, stream: tuple[int, bool], k: int) -> Name:
        """Give a part of a line, or of D of it."""
        line, weighted = stream
        if not weighted or k == 1:
            return self._part(line, k)
        if (line, k) not in self.weighted:
            part = self._part(line, k)
            self.weighted[line, k] = self.code.multiply(part, self._number(float(k)))
        return self.weighted[line, k]

    def _number(self, x: float) -> str:
        return self.code.constant(x)

    def _vector(self, streams: tuple[tuple[int, bool], ...], k: int) -> str:
        key = (streams, k)
        if key not in self.vectors:
            self.vectors[key] = self.code.packed([self._of(s, k) for s in streams])
        return self.vectors[key]

    # --- interiors ---------------------------------------------------------------------------

    def _interiors(self, k: int) -> Mapping[Inner, Name]:
        """Write all interiors of a degree: old parts side by side, the newest two alone."""
        code = self.code
        found: dict[Inner, Name] = {}
        for pack in self.packs:
            single = pack.width == 1
            width = pack.width
            lag = 1 if single else 2
            first, second = pack.first, pack.second

            def of(streams: tuple[tuple[int, bool], ...], j: int, single: bool = single) -> Name:
                return self._of(streams[0], j) if single else self._vector(streams, j)

            if pack.is_square:
                pairs = [(of(first, j), of(first, k - j)) for j in range(lag, (k + 1) // 2)][::-1]
                total = self._dot(pairs, width)
                total = code.add(total, total, width)
                if k % 2 == 0 and k // 2 >= lag:
                    middle = of(first, k // 2)
                    total = code.fused(middle, middle, total, width)
            else:
                js = sorted(range(lag, k - lag + 1), key=lambda j: max(j, k - j))
                total = self._dot([(of(first, j), of(second, k - j)) for j in js], width)
            for lane, inner in enumerate(pack.inners):
                y = total if single or total is None else code.lane(total, width, lane)
                if lag == 2 and k > 1:
                    y = self._ends(inner, k, y)
                key = inner if inner.weighted or inner.a <= inner.b else Inner(inner.b, inner.a)
                found[key] = y
        return found

    def _ends(self, inner: Inner, k: int, total: Name) -> Name:
        """Add the terms with the first parts."""
        code, a, b = self.code, (inner.a, inner.weighted), (inner.b, False)
        if k == 2:
            return code.fused(self._of(a, 1), self._of(b, 1), total)
        if inner.is_square:
            twice = self._of(a, 1)
            return code.fused(code.add(twice, twice), self._of(a, k - 1), total)
        total = code.fused(self._of(a, 1), self._of(b, k - 1), total)
        return code.fused(self._of(a, k - 1), self._of(b, 1), total)

    def _dot(self, pairs: Sequence[tuple[Name, Name]], width: int) -> Name:
        """Add up products, the oldest first, in two sums."""
        pairs = [pair for pair in pairs if None not in pair]
        half = len(pairs) // 2 if len(pairs) > 3 else len(pairs)
        totals: list[Name] = []
        for chain in (pairs[:half], pairs[half:]):
            total: Name = None
            for a, b in chain:
                total = self.code.fused(a, b, total, width)
            totals.append(total)
        return self.code.add(totals[0], totals[1], width)

    # --- nodes -------------------------------------------------------------------------------

    def _factor(self, number: float, lines: tuple[int, ...], divisor: int | None) -> Name:
        """Give a number times the values of lines, over the value of another; None for 1."""
        key = (number, lines, divisor)
        if key not in self.factors:
            name: Name = None
            for line in lines:
                value = self._value(line)
                name = value if name is None else self.code.multiply(name, value)
            if divisor is not None:
                inverse = self._inverse(divisor)
                name = inverse if name is None else self.code.multiply(name, inverse)
            if number == -1.0 and name is not None:
                name = self.code.negative(name)
            elif number != 1.0:
                x = self._number(number)
                name = x if name is None else self.code.multiply(name, x)
            self.factors[key] = name
        return self.factors[key]

    def _inverse(self, line: int) -> str:
        key = (0.0, (line,), None)
        if key not in self.factors:
            one = self._number(1.0)
            self.factors[key] = self.code.divide(one, self._value(line))
        name = self.factors[key]
        assert name is not None
        return name

    def _value(self, line: int) -> str:
        return self.values[line]

    def node(self, line: int, k: Degree, inners: Mapping[Inner, Name]) -> Name:
        node = self.recurrences.nodes[line]
        if isinstance(node, Choice):
            return self._chosen(node, k)
        code = self.code
        over: Name = None
        total: Name = None
        for interior in node.interiors:
            y, factor = inners[interior.inner], self._factor(interior.number, interior.values, None)
            if interior.over_degree:
                over = self._added(over, factor, interior, y)
            else:
                total = self._added(total, factor, interior, y)
        total = code.add(total, self.over(over, k))
        if node.divisor is not None:
            total = code.multiply(total, self._inverse(node.divisor))
        for term in sorted(node.newest, key=lambda term: self.depths.get(term.line, 0)):
            part = self._part(term.line, k)
            plain = not term.values and node.divisor is None
            if plain and term.number in (1.0, -1.0):
                join = code.add if term.number == 1.0 else code.subtract
                total = join(total, part)
                continue
            factor = self._factor(term.number, term.values, node.divisor)
            total = code.fused(factor, part, total) if part is not None else total
        return total

    def _added(self, total: Name, factor: Name, interior: Interior, y: Name) -> Name:
        if factor is None:
            return self.code.add(total, y)
        if interior.number == -1.0 and not interior.values:
            return self.code.subtract(total, y)
        return self.code.fused(factor, y, total)

    def _chosen(self, node: Choice, k: Degree) -> Name:
        yes, no = (None if i is None else self._part(i, k) for i in (node.yes, node.no))
        if yes is None and no is None:
            return None
        zero = self._number(0.0)
        return self.code.choose(self._condition(node.condition), yes or zero, no or zero)

    def _condition(self, line: int) -> str:
        name = self.values[line]
        if self.kinds.get(line) == "b":
            return name
        return self.code.instruction(f"fcmp une double {name}, {self.code.constant(0.0)}")

    # --- for the loop over steps --------------------------------------------------------------

    @property
    def places(self) -> Sequence[int]:
        return [i for members, width in self.groups for i in _padded(members, width)]

    @property
    def widths(self) -> list[int]:
        return sorted({width for _, width in self.groups})

    def enter(self) -> None:
        place, program = 0, self.system.program
        for line, step in enumerate(program.steps):
            if step.primitive is not None:
                continue
            if step.number is not None:
                self.values[line] = self.code.constant(float(step.number))
            elif line > self.system.time:
                self.values[line] = self.code.load(self.arrays["given"], place)
                place += 1
        for line in self.recurrences.values:
            if not self.steps[line].moves:
                self.write_value(line)

    def evaluate(self) -> None:
        for access, members in self.members.items():
            x = access.load("x")
            for lane, i in enumerate(members):
                self.values[i] = self.parts[i, 0] = self.code.lane(x, access.width, lane)
        time = self.system.time
        self.values[time] = self.parts[time, 0] = self.now
        self.parts[time, 1] = self._number(1.0)
        for line in self.recurrences.values:
            if self.steps[line].moves:
                self.write_value(line)
                self.parts[line, 0] = self.values[line]

    def write_value(self, line: int) -> None:
        """Write the value of a line."""
        step = self.steps[line]
        row = step.primitive
        assert row is not None
        operands = list(step.operands)
        kinds = [self.kinds.get(i, "f") for i in operands]
        numbers = [
            self.steps[i].number if self.steps[i].primitive is None else None for i in operands
        ]
        truth = row.name in TRUTHS
        names = [self.values[i] for i in operands]
        result = "b" if truth else "f"
        self.kinds[line] = result
        exponent = numbers[-1] if row is power else None
        value = None if exponent is None else self.code.half_power(names[0], float(exponent))
        self.values[line] = value or emit(
            self.code, row, step.params, names, kinds, result, numbers
        )

    def expand(self, size: Callable[[], str]) -> str:
        chosen = ""
        for k in range(self.order + (len(self.recurrences.wanted) > self.n)):
            self.degree(k)
            if k + 1 == decisive(self.order):
                chosen = size()
        return chosen

    def degree(self, k: int) -> None:
        """Write the parts of nodes of a degree, and those of components of the next."""
        if k:
            inners = self._interiors(k)
            for line in self.recurrences.nodes:
                self.put(line, k, self.node(line, k, inners))
        if k < self.order:
            for i in range(self.n):
                self.put(i, k + 1, self.over(self.rate(i, k), k + 1))

    def put(self, line: int, k: Degree, part: Name) -> None:
        """Take note of a part."""
        self.parts[line, k] = part

    def over(self, x: Name, k: Degree) -> Name:
        assert isinstance(k, int)
        return self.code.over_degree(x, k)

    def rate(self, i: int, k: Degree) -> Name:
        line = self.system.rates[i]
        if not self.steps[line].moves:
            return None if k else self._value(line)
        return self._part(line, k)

    def over_states(self, body: Callable[..., Sequence[str]], *carried: str) -> Sequence[str]:
        now: Sequence[str] = carried
        for access in self.accesses:
            now = body(access, *now)
        return now

    def rates(self, access: Access) -> str:
        names = [self.rate(i, 0) for i in self.members[access]]
        return self.code.packed(_padded(names, access.width))

    def part(self, access: Access, k: int) -> str:
        members = _padded(self.members[access], access.width)
        if access.width == 1:
            return self.parts[members[0], k] or self.code.constant(0.0)
        return self._vector(tuple((i, False) for i in members), k)

    def keep(self, parts: str) -> None:
        length = self.order + 1
        lines = [*range(self.n), *self.recurrences.wanted[self.n :]]
        for place, line in enumerate(lines):
            for k in range(length):
                part = self._part(line, k)
                if not k and not self.steps[line].moves:
                    part = self._value(line)
                self.code.store(part, parts, place * length + k)


def _padded(members: Sequence[Any], width: int) -> list[Any]:
    return [*members, *[members[-1]] * (width - len(members))]
