"""Where the parts of a larger system stand in memory, and how its groups are gone through.

The newest parts of all lines stand in one row, by *slots*; the members of a group have neighbouring
slots. Lines that enter convolutions have their parts by degrees too, in *streams* of eight lines.
Groups are *spread out*, each vector with code of its own and all places known, or, if there are too
many, gone through in loops, with tables of slots.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from taylorad.ode.core import Access, Core
from taylorad.ode.grouping import LANES, Group, grouped
from taylorad.ode.recurrences import Recurrences

__all__ = ["Chunk", "Degree", "Layout", "filled", "is_run"]

MOST_WRITTEN = 12
"""Up to so many vectors of interiors every degree has code of its own; more are a loop over it."""

Chunk = int | str
"""The number of a vector of a group, known or in a register."""

Degree = int | str


def filled(members: Sequence[int]) -> list[int]:
    """Repeat the last member until a vector is full."""
    return [*members, *[members[-1]] * (-len(members) % LANES)]


def is_run(slots: Sequence[int]) -> bool:
    """Tell whether slots are neighbours, in order."""
    return all(slot == slots[0] + k for k, slot in enumerate(slots))


class Layout(Core):
    """A core whose lines stand in groups."""

    def __init__(self, recurrences: Recurrences, order: int, *, is_spread: bool) -> None:
        super().__init__(recurrences, order)
        components, self.groups = grouped(recurrences)
        self._places = [i for group in components for i in filled(group.members)]
        self.state = Group(self._places)
        self.is_spread = is_spread
        # Functions are wanted up to the order; a loop over degrees then goes one too far.
        self.length = order + 1 + (len(recurrences.wanted) > self.n)
        self.row: dict[int, str] = {}
        self.slots: dict[int, int] = {}
        self._place_slots()
        self.streams: dict[tuple[tuple[int, ...], bool], int] = {}
        self.tables: dict[tuple[int, ...], str] = {}
        self.rows: dict[tuple[float, ...], str] = {}
        self._place_streams()
        sums = sum(len(group.factors) * group.chunks for group in self.groups)
        self.is_written_out = self.is_spread and sums <= MOST_WRITTEN
        self.recent: dict[int, str] = {}
        self.over: dict[tuple[str, int], list[str]] = {}
        self.values = self.newest = self.history = self.waiting = ""
        self.prepared: dict[Group, tuple[list[str | None], str | None]] = {}

    def _place_slots(self) -> None:
        place = 0
        for group in (self.state, *self.groups):
            group.slot = place
            for k, line in enumerate(group.members):
                self.slots.setdefault(line, place + k)
            place += -(-len(group.padded(group.members)) // LANES) * LANES
        others = [
            self.system.time,
            *(
                line
                for line, step in enumerate(self.steps)
                if line not in self.slots and line != self.system.time
            ),
        ]
        for line in others:
            self.slots[line] = place
            place += 1
        self.size = -(-place // LANES) * LANES
        self.others = self.slots[self.system.time]  # which have no parts, but for the time

    def slots_of(self, lines: Sequence[int]) -> tuple[int, ...]:
        return tuple(self.slots[line] for line in lines)

    def _place_streams(self) -> None:
        """Find out which lines have their parts by degrees, and in which company."""
        self.stream(self.places, False)  # the first: that of the components
        observed = self.recurrences.wanted[self.n :]
        self.observed = filled(observed) if observed else []
        if observed:
            self.stream(self.observed, False)
        for group in self.groups:
            for a, b, weighted in group.factors:
                self.stream(a, weighted)
                self.stream(b, False)

    def stream(self, lines: Sequence[int], weighted: bool) -> int:
        """Give the place of the parts of some lines by chunks, degrees and lanes."""
        key = (self.slots_of(lines), weighted)
        if key not in self.streams:
            used = sum(len(lanes) for lanes, _ in self.streams)
            self.streams[key] = used * self.length
        return self.streams[key]

    @property
    def places(self) -> Sequence[int]:
        return self._places

    @property
    def widths(self) -> list[int]:
        return [self.state.width]

    def over_states(self, body: Callable[..., Sequence[str]], *carried: str) -> Sequence[str]:
        group = self.state

        def chunk(c: Chunk, *now: str) -> Sequence[str]:
            access = Access(self, self.at(c, group.width, 0), group.width, c)
            return body(access, *now)

        if self.is_spread or group.chunks == 1:
            now: Sequence[str] = carried
            for c in range(group.chunks):
                now = chunk(c, *now)
            return now
        return self.code.loop(group.chunks, chunk, *[("double", x) for x in carried])

    def over_group(self, group: Group, body: Callable[[Chunk], None]) -> None:
        """Do something for every chunk of a group."""
        if self.is_spread or group.chunks == 1:
            for chunk in range(group.chunks):
                body(chunk)
            return

        def once(chunk: str) -> list[str]:
            body(chunk)
            return []

        self.code.loop(group.chunks, once)

    def at(self, chunk: Chunk, width: int, start: int) -> str:
        """Give the place of a chunk, counted in doubles."""
        if isinstance(chunk, int):
            return str(chunk * width + start)
        place = self.code.let(f"mul nuw nsw i64 {chunk}, {width}")
        return self.code.let(f"add nuw nsw i64 {place}, {start}") if start else place

    def in_stream(self, stream: int, chunk: Chunk, width: int, k: str | int) -> str:
        """Give the place of a chunk's parts of a degree."""
        code = self.code
        start = self.at(chunk, width * self.length, stream)
        if isinstance(k, int) and isinstance(chunk, int):
            return str(int(start) + k * width)
        if isinstance(k, int):
            return code.let(f"add nuw nsw i64 {start}, {k * width}") if k else start
        return code.let(f"add nuw nsw i64 {start}, {code.let(f'mul nuw nsw i64 {k}, {width}')}")
