"""The machine code of a small system: every order written out.

All parts are in registers, or where LLVM spills them. The interiors of a degree are sums of
products side by side in vectors; the sums of newest terms are single numbers, for each waits for
the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import accumulate
from typing import Any

from taylorad.ode.steps.code import Name
from taylorad.ode.steps.core import Access
from taylorad.ode.steps.interiors import LANES, Interiors, Stream
from taylorad.ode.steps.stepsize import decisive
from taylorad.ode.steps.values import Values
from taylorad.ode.tracing.recurrences import Choice, Inner, Node, Recurrences

__all__ = ["Degree", "Unrolled", "padded", "power_of_two"]

Degree = int | str
"""A degree, known or in a register."""


class Unrolled(Values):
    """The text of a core whose orders are written out."""

    recurrences: Recurrences

    def __init__(self, recurrences: Recurrences, order: int, batch: int = 1) -> None:
        super().__init__(recurrences, order, batch)
        # Where numbers are vectors, they are alone.
        self.lanes = LANES if batch == 1 else 1
        self.parts: dict[tuple[int, Degree], Name] = {}
        self.weighted: dict[tuple[int, Degree], Name] = {}
        self.end = order + (len(recurrences.wanted) > self.n)
        self.values, self.kinds = {}, {}
        self.factors: dict[tuple[float, tuple[int, ...], int | None], Name] = {}
        self.interiors = Interiors(self, self.lanes)
        self.depths = self._depths()
        self.groups = self.grouped()
        starts = accumulate((width for _, width in self.groups), initial=0)
        self.accesses = [Access(self, at, width) for at, (_, width) in zip(starts, self.groups)]
        self.members = dict(
            zip(self.accesses, (members for members, _ in self.groups), strict=True)
        )

    # --- arrangement -------------------------------------------------------------------------

    def _depths(self) -> dict[int, int]:
        """How many nodes come before each."""
        depths: dict[int, int] = {}
        for line, node in self.recurrences.nodes.items():
            below = [node.yes, node.no] if isinstance(node, Choice) else []
            if isinstance(node, Node):
                below = [term.line for term in node.newest]
            depths[line] = 1 + max((depths.get(i, 0) for i in below if i is not None), default=0)
        return depths

    @property
    def components(self) -> Sequence[int]:
        """The components whose parts are written."""
        return range(self.n)

    def grouped(self) -> list[tuple[list[int], int]]:
        """Put the components side by side for the end of the step; give numbers and width."""
        return self.in_groups(self.components)

    def in_groups(self, lines: Sequence[int]) -> list[tuple[list[int], int]]:
        """Put some side by side."""
        starts = range(0, len(lines), self.lanes)
        groups = [[*lines[start : start + self.lanes]] for start in starts]
        return [(members, power_of_two(len(members))) for members in groups]

    # --- parts -------------------------------------------------------------------------------

    def _part(self, line: int, k: Degree) -> Name:
        """Give a part: None if it is zero."""
        return self.parts.get((line, k))

    def of(self, stream: Stream, k: Degree) -> Name:
        """Give a part of a line, or of D of it."""
        line, weighted = stream
        if not weighted or k == 1:
            return self._part(line, k)
        if line < self.n and isinstance(k, int):
            return self.rate(line, k - 1)
        if (line, k) not in self.weighted:
            self.weighted[line, k] = self.code.multiply(self._part(line, k), self.degree_of(k))
        return self.weighted[line, k]

    def degree_of(self, k: Degree) -> str:
        """Give a degree as a number."""
        return self._number(float(k))

    def _number(self, x: float) -> str:
        return self.code.constant(x)

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
        old: Name = None
        sums: list[tuple[int, bool, Callable[[Name], Name]]] = []

        def term(y: Name, number: float, values: tuple[int, ...], divisor: int | None) -> None:
            if y is not None:
                is_product = not _is_plain(number, values, divisor)
                add = partial(self._added, y, number, values, divisor)
                sums.append((code.wait(y), is_product, add))

        for interior in node.interiors:
            y, about = inners[interior.inner], (interior.number, interior.values, None)
            if interior.over_degree:
                over = self._added(y, *about, over)
            elif node.divisor is not None:
                old = self._added(y, *about, old)
            else:
                term(y, *about)
        if node.divisor is not None:
            term(self.over(over, k, old), 1.0, (), node.divisor)
        elif over is not None:
            sums.append((code.wait(over), True, partial(self.over, over, k)))
        for newest in sorted(node.newest, key=lambda newest: self.depths.get(newest.line, 0)):
            part = self._part(newest.line, k)
            term(part, newest.number, newest.values, node.divisor)
        # Each sum waits for the one before, so what is known first is added first. To begin with
        # what is no product takes no time.
        total: Name = None
        for *_, add in sorted(sums, key=lambda entry: entry[:2]):
            total = add(total)
        return total

    def _added(
        self, y: Name, number: float, values: tuple[int, ...], divisor: int | None, total: Name
    ) -> Name:
        """Add a term to a sum."""
        if _is_plain(number, values, divisor):
            return (self.code.add if number > 0 else self.code.subtract)(total, y)
        return self.code.fused(self._factor(number, values, divisor), y, total)

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
        return [i for members, width in self.groups for i in padded(members, width)]

    @property
    def widths(self) -> list[int]:
        return sorted({width for _, width in self.groups})

    def enter(self) -> None:
        self.read_given(self.system.time)
        for line in self.recurrences.values:
            if not self.steps[line].moves:
                self.write_value(line)

    def evaluate(self) -> None:
        for access in self.accesses:
            self.take(access.load("x"), access)
        time = self.system.time
        self.values[time] = self.parts[time, 0] = self.now
        self.parts[time, 1] = self._number(1.0)
        for line in self.recurrences.values:
            if self.steps[line].moves:
                self.write_value(line)
                self.parts[line, 0] = self.values[line]

    def take(self, x: str, access: Access) -> None:
        """Take note of the values of components."""
        for lane, i in enumerate(self.members[access]):
            self.values[i] = self.parts[i, 0] = self.code.lane(x, access.width, lane)

    def expand(self, size: Callable[[], str]) -> str:
        chosen = ""
        for k in range(self.end):
            self.degree(k)
            if k + 1 == decisive(self.order):
                chosen = size()
        return chosen

    def degree(self, k: int) -> None:
        """Write the parts of nodes of a degree, and those of components of the next."""
        if k:
            inners = self.interiors.written(k)
            for line in self.recurrences.nodes:
                self.put(line, k, self.node(line, k, inners))
        if k < self.order:
            for i in self.components:
                self.put(i, k + 1, self.following(i, k))

    def following(self, i: int, k: int) -> Name:
        """Write the part of a component of the degree after k."""
        return self.over(self.rate(i, k), k + 1)

    def put(self, line: int, k: Degree, part: Name) -> None:
        """Take note of a part."""
        self.parts[line, k] = part

    def over(self, x: Name, k: Degree, onto: Name = None) -> Name:
        """Divide by a degree, and add."""
        assert isinstance(k, int)
        return self.code.over_degree(x, k, onto=onto)

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
        return self.code.packed(padded(names, access.width))

    def part(self, access: Access, k: int) -> str:
        if access.width == 1:
            return self.parts[self.members[access][0], k] or self.code.constant(0.0)
        members = padded(self.members[access], access.width)
        return self.interiors.vector(self.interiors.streams([(i, False) for i in members]), k) or ""

    def keep(self, parts: str) -> None:
        for place, line in enumerate([*range(self.n), *self.recurrences.wanted[self.n :]]):
            self.keep_line(line, parts, place)

    def keep_line(self, line: int, parts: str, place: int) -> None:
        """Write the parts of a line to a place."""
        length = self.order + 1
        for k in range(length):
            part = self._part(line, k)
            if not k and not self.steps[line].moves:
                part = self._value(line)
            self.code.store(part, parts, place * length + k)


def _is_plain(number: float, values: tuple[int, ...], divisor: int | None) -> bool:
    """Tell whether a term is a part as it is, or its negative."""
    return not values and divisor is None and number in (1.0, -1.0)


def power_of_two(count: int) -> int:
    """Give the width of a vector that has room for so many."""
    return 1 << (count - 1).bit_length()


def padded(members: Sequence[Any], width: int) -> list[Any]:
    """Repeat the last until the width is reached."""
    return [*members, *[members[-1]] * (width - len(members))]
