"""Which lines are stored, and which loop nests compute them.

A line is stored if it has to be (results, reductions, operands of BLAS), or if computing it again
wherever it is needed costs more than writing and reading it. The lines are gone through from the
last to the first: when a line's turn comes, all who need entries of it are known. A stored line
joins a nest over the same box that reads the same arrays, if there is one; the others are inlined
where they are needed.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field

from taylorad.compiler.loops.costs import Costs
from taylorad.compiler.loops.indices import Affine, Index, Request, Split, entries
from taylorad.compiler.loops.pulling import step
from taylorad.compiler.loops.roots import Root, identity, root
from taylorad.compiler.loops.source import Source
from taylorad.compiler.loops.views import Opaque

__all__ = ["Fusion", "Nest", "fused"]


RECENT = 16
"""Nests made last, among which a root looks for company."""


@dataclass(eq=False)
class Nest:
    """Loops over a box, and what they fill.

    Attributes
    ----------
    extents : tuple of int
    roots : list of Root
    reads : int
        The arrays that are read, as a set of bits.
    needs : set of Nest
        The nests that have to come before.
    opaque : Opaque or None
        What is done instead of loops over a box.
    top, bottom : int
        The last and the first of the lines that it computes.
    """

    extents: tuple[int, ...]
    roots: list[Root] = field(default_factory=list)
    reads: int = 0
    needs: set[Nest] = field(default_factory=set)
    opaque: Opaque | None = None
    top: int = -1
    bottom: int = -1

    def take_in(self, root: Root, extents: tuple[int, ...]) -> None:
        """Take in a root, over a box of a size that need not be quite the same."""
        if not self.roots:
            self.extents = extents
        whole = tuple(map(max, self.extents, extents))
        self.roots = [other.limited(self.extents, whole) for other in self.roots]
        self.roots.append(root.limited(extents, whole))
        self.extents = whole

    def reaches(self, others: Set[Nest]) -> bool:
        """Tell whether one of other nests has to come before this one, or is this one."""
        lowest = min((nest.bottom for nest in others), default=0)
        seen, waiting = {self}, [self]
        while waiting:
            nest = waiting.pop()
            if nest in others:
                return True
            # A nest needs lines before its own only: below the lowest there is none of the others.
            new = {n for n in nest.needs - seen if n.top >= lowest}
            waiting += new
            seen |= new
        return False


@dataclass(frozen=True)
class Demand:
    """A part of a nest that needs entries of a line.

    Attributes
    ----------
    index : Index
        Of the line.
    extents : tuple of int
    origin : Index
        Where in the nest's box the part lies.
    """

    index: Index
    extents: tuple[int, ...]
    origin: Index

    def pieces(self, split: Split) -> Iterable[Demand]:
        """Split the part."""
        for extents, table in split.pieces(self.extents):
            index, origin = (
                tuple(a.replaced(table) for a in at) for at in (self.index, self.origin)
            )
            yield Demand(index, extents, origin)

    def is_at(self, index: Index) -> bool:
        """Tell whether the entry is at an index of the nest's box."""
        if len(self.origin) != len(index):
            return False
        table = dict(enumerate(self.origin))
        return self.index == tuple(a.replaced(table) for a in index)

    @property
    def level(self) -> int:
        """How many loops the entry is inside of."""
        return max((v + 1 for a in self.index for v in a.loops), default=0)

    def shifts(self) -> tuple[int, ...] | None:
        """Give where the part starts, if it is a plain box."""
        found = []
        for k, a in enumerate(self.origin):
            if a.terms and a.terms != ((k, 1),):
                return None
            found.append(a.offset)
        return tuple(found) if len(found) == len(self.extents) else None

    def in_whole(self) -> tuple[Index, tuple[range, ...]]:
        """Give the index in terms of the loops of the whole nest, and which part this is."""
        shifts = self.shifts()
        if shifts is None:
            return self.index, (*map(range, self.extents),)
        table = {k: Affine(-c, ((k, 1),)) for k, c in enumerate(shifts) if c}
        index = tuple(a.replaced(table) for a in self.index) if table else self.index
        spans = zip(shifts, self.extents, strict=True)
        return index, tuple(range(c, c + n) for c, n in spans)


Demands = dict[Nest, dict[Demand, None]]


def fused(source: Source, costs: Costs, wanted: Iterable[int]) -> Fusion:
    """Decide on stored lines and nests.

    Parameters
    ----------
    source : Source
    costs : Costs
    wanted : iterable of int
        The lines that are results.
    """
    fusion = Fusion(source, costs, set(wanted))
    for number in reversed(range(len(source.program.lines))):
        fusion.settle(number)
    return fusion


@dataclass
class Fusion:
    """The decisions so far.

    Attributes
    ----------
    nests : list of Nest
    stored : dict of int to Nest
        What computes each stored line.
    users : dict of int to list of Nest
        What reads it.
    """

    source: Source
    costs: Costs
    wanted: set[int]
    nests: list[Nest] = field(default_factory=list)
    stored: dict[int, Nest] = field(default_factory=dict)
    users: dict[int, list[Nest]] = field(default_factory=dict)
    demands: defaultdict[int, Demands] = field(default_factory=lambda: defaultdict(dict))

    def settle(self, number: int) -> None:
        """Decide on a line of which all users are settled."""
        demands = self.demands.pop(number, {})
        if self.source.lines[number].row is None or not (demands or number in self.wanted):
            return
        if number in self.wanted or number in self.costs.forced:
            self._store(number, demands)
        else:
            line = self.source.lines[number]
            evaluations = sum(_evaluations(parts) for parts in demands.values())
            places = sum(map(len, demands.values()))
            if self.costs.is_worth_storing(number, math.prod(line.shape), evaluations, places):
                self._store(number, demands)
            else:
                for nest, parts in demands.items():
                    for part in parts:
                        self._follow(nest, number, part)

    def _store(self, number: int, demands: Demands) -> None:
        spans = self._needed(number, demands)
        if (opaque := self.costs.opaque.get(number)) is not None:
            opaque = opaque.within(spans)
            nest = Nest((), opaque=opaque)
            self.nests.append(nest)
            for seen in opaque.views:
                part = Demand(seen.index, seen.shape, ())
                self.demands[seen.line].setdefault(nest, {})[part] = None
        else:
            new, extents = root(self.source, number, spans)
            reads = self.costs.reads(number)
            nest = self._joined(new, extents, reads, demands)
            nest.take_in(new, extents)
            nest.reads |= reads
            for wanted in new.requests:
                part = Demand(wanted[1], extents, identity(extents))
                if wanted[0] == number:
                    self._follow(nest, number, part)
                else:
                    self._ask(nest, wanted, part)
        nest.top, nest.bottom = max(nest.top, number), number
        self.stored[number] = nest
        self.users[number] = list(demands)
        for user in demands:
            if user is not nest:
                user.needs.add(nest)

    def _needed(self, number: int, demands: Demands) -> tuple[range, ...]:
        """Give the part of a line that is needed."""
        shape = self.source.lines[number].shape
        every = (part for parts in demands.values() for part in parts)
        parts = [part for part in every if math.prod(part.extents)]  # nothing has no bounds
        if number in self.wanted or not parts:
            return (*map(range, shape),)
        hull: list[range] = []
        for axis in range(len(shape)):
            bounds = [part.index[axis].bounds(part.extents) for part in parts]
            hull.append(range(min(b[0] for b in bounds), max(b[1] for b in bounds) + 1))
        return (*hull,)

    def _joined(self, new: Root, extents: tuple[int, ...], reads: int, demands: Demands) -> Nest:
        """Give the nest that a root joins, a new one if it fits into none."""
        users = [] if new.line in self.costs.cuts else [*demands]
        near = [nest for nest in self.nests[: -RECENT - 1 : -1] if nest not in demands]
        for nest in users + near:
            if nest.opaque is not None or not _are_near(nest.extents, extents):
                continue
            parts = demands.get(nest, {})
            if not (parts or nest.reads & reads):
                continue
            if parts and (new.combine or any(not p.is_at(new.wanted[0][1]) for p in parts)):
                continue
            if nest.reaches(demands.keys() - {nest}):
                continue
            return nest
        nest = Nest(extents)
        self.nests.append(nest)
        return nest

    def _follow(self, nest: Nest, number: int, part: Demand) -> None:
        """Ask for what an entry of a line is made of."""
        waiting = [part]
        while waiting:
            part = waiting.pop()
            try:
                found = step(self.source, number, part.index, part.extents)
            except Split as split:
                waiting += part.pieces(split)
                continue
            for request in found.requests:
                self._ask(nest, request, part)
            for test in found.tests:
                for request in entries((test.place,)):
                    self._ask(nest, request, part)

    def _ask(self, nest: Nest, request: Request, part: Demand) -> None:
        for number, index in (request, *entries(request[1])):
            if number < len(self.source.program.lines) and self.source.lines[number].row:
                demand = Demand(index, part.extents, part.origin)
                self.demands[number].setdefault(nest, {})[demand] = None

    def in_order(self) -> list[Nest]:
        """Give the nests, each after those it needs."""
        order: dict[Nest, None] = {}
        waiting = list(self.nests)
        while waiting:
            nest = waiting[-1]
            missing = [n for n in nest.needs if n not in order]
            if nest in order or not missing:
                order[waiting.pop()] = None
            else:
                waiting += sorted(missing, key=self.nests.index)
        return list(order)


def _are_near(a: Sequence[int], b: Sequence[int]) -> bool:
    """Tell whether loops over one box may as well be loops over another."""
    return len(a) == len(b) and all(
        m == n or (min(m, n) > 1 and 8 * abs(m - n) <= max(m, n)) for m, n in zip(a, b, strict=True)
    )


def _evaluations(parts: Iterable[Demand]) -> int:
    """Count how often a nest evaluates a line in all, equal entries of its passes once."""
    by_index: dict[tuple[Index, int], list[tuple[range, ...]]] = defaultdict(list)
    for part in parts:
        index, spans = part.in_whole()
        by_index[index, part.level].append(spans)
    count = 0
    for (_, level), boxes in by_index.items():
        each = sum(math.prod(map(len, spans[:level])) for spans in boxes)
        if len({len(spans) for spans in boxes}) == 1:
            hull = [max(r.stop for r in rs) - min(r.start for r in rs) for rs in zip(*boxes)]
            each = min(each, math.prod(hull[:level]))
        count += each
    return count
