"""Where the parts of a larger system stand in memory, and how its groups are gone through.

The newest parts of all lines stand in one row, by *slots*; the members of a group have neighbouring
slots. Lines that enter convolutions have their parts by degrees too, in *streams* of eight lines.
Groups are *spread out*, each vector with code of its own and all places known, or, if there are too
many, gone through in loops, with tables of slots.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from taylorad.ode.steps.code import kind_of
from taylorad.ode.steps.core import Access, Core
from taylorad.ode.steps.groups.evaluation import evaluations
from taylorad.ode.steps.groups.group import LANES, Group
from taylorad.ode.steps.groups.grouping import grouped
from taylorad.ode.steps.joined import joined
from taylorad.ode.tracing.columns import NONE, Column
from taylorad.ode.tracing.recurrences import Recurrences

__all__ = ["Chunk", "Degree", "Front", "Layout", "filled"]

MOST_WRITTEN = 12
"""Up to so many vectors of interiors every degree has code of its own; more are a loop over it."""

MOST_REPEATED = 4
"""Up to so many vectors of components have code of their own; more are a loop over them."""

Chunk = int | str
"""The number of a vector of a group, known or in a register."""

Degree = int | str
"""A degree, known or in a register."""


@dataclass
class Front:
    """The newest parts of a degree.

    Attributes
    ----------
    array : str
        Where they stand in memory.
    degree : int or str
    before : int or str
        The degree whose parts the interiors still lack; 0 if they lack none.
    row : dict of int to str
        Registers, by the vectors of the array.
    latest : dict of (int, str) to str
        Those of a loop, by slots and its counter.
    """

    array: str
    degree: Degree = 0
    before: Degree = 0
    row: dict[int, str] = field(default_factory=dict)
    latest: dict[tuple[int, str], str] = field(default_factory=dict)


def filled(members: Column) -> Column:
    """Repeat the last member until a vector is full."""
    return np.concatenate([members, np.repeat(members[-1:], -len(members) % LANES)])


class Layout(Core):
    """A core whose lines stand in groups."""

    recurrences: Recurrences

    def __init__(self, recurrences: Recurrences, order: int, *, is_spread: bool) -> None:
        recurrences = joined(recurrences)
        super().__init__(recurrences, order)
        components, self.groups = grouped(recurrences)
        self.state = Group(np.concatenate([filled(group.members) for group in components]))
        self._places: list[int] = self.state.members.tolist()
        self.rate_lines = np.array(self.system.rates, int)[self.state.members]
        self.is_spread = is_spread
        # Functions are wanted up to the order; where two degrees are done at once, there may be
        # one too many.
        self.last = order + (len(recurrences.wanted) > self.n)
        self.length = 2 * -(-self.last // 2) + 1
        self.slots = np.full(len(self.steps) + 1, NONE)
        self.size = 0
        self._place_slots()
        self.streams: dict[tuple[bytes, bool], int] = {}
        self.used = 0
        self.tables: dict[bytes, str] = {}
        self.rows: dict[bytes, str] = {}
        self._place_streams()
        sums = sum(len(group.factors) * group.chunks for group in self.groups)
        self.is_written_out = self.is_spread and sums <= MOST_WRITTEN
        self.recent: dict[tuple[int, Chunk, Degree], str] = {}
        self.over: dict[tuple[str, int], list[str]] = {}
        self.values = self.history = ""
        self.newest = ("", "")  # of two degrees
        self.front = Front("")

    def _place_slots(self) -> None:
        """Find places for all lines: groups first, then what has no parts, but for the time."""
        stands: list[Column] = []
        for group in (self.state, *self.groups):
            group.slot = self.size
            stands.append(self._place(group.padded(group.members)))
        home = np.full(len(self.slots), NONE)
        for number, group in enumerate(self.groups):
            home[group.members] = number
        self.evaluations = [
            Group(lines) for lines in evaluations(self.recurrences, home, self.slots)
        ]
        rest = self.slots[:-1] == NONE
        for group in self.evaluations:
            rest[group.members] = False
        lines, time = np.flatnonzero(rest), self.system.time
        stands.append(self._place(lines[np.argsort(lines != time, kind="stable")]))
        for group in self.evaluations:
            if home[group.members[0]] == NONE:
                stands.append(self._place(group.padded(group.members)))
        self.stands = np.concatenate(stands)
        # Where values that fill a vector up are repetitions, too.
        self.complete = np.zeros(self.size, bool)
        for group in (self.state, *self.evaluations):
            slots = self.slots_of(group.padded(group.members))
            if self.is_run(slots):
                self.complete[slots[0] : slots[0] + len(slots)] = True

    def _place(self, lines: Column) -> Column:
        """Let lines stand side by side, from where a vector begins; give where each stands."""
        places = np.arange(self.size, self.size + len(lines) + -len(lines) % LANES)
        free = np.flatnonzero(self.slots[lines] == NONE)[::-1]
        self.slots[lines[free]] = places[free]
        self.size += len(places)
        places[: len(lines)] = self.slots[lines]
        return places

    def is_run(self, slots: Column) -> bool:
        """Tell whether slots are neighbours, in order, or repetitions that fill a vector up."""
        first = int(slots[0])
        return self.stands[first : first + len(slots)].tobytes() == slots.tobytes()

    def slots_of(self, lines: Column | Sequence[int]) -> Column:
        return np.asarray(self.slots[lines])

    def _place_streams(self) -> None:
        """Find out which lines have their parts by degrees, and in which company."""
        self.streams_of(self.state.members, False)  # the first: those of the components
        observed = np.array(self.recurrences.wanted[self.n :], int)
        self.observed = filled(observed)
        self.observed_stream = self._claim_stream(len(self.observed))
        found: dict[tuple[bytes, bool], Column] = {}
        for group in self.groups:
            for a, b, weighted in group.factors:
                for lines, is_weighted in ((a, weighted), (b, False)):
                    self.streams_of(lines, is_weighted)
                    for slots in self.company(lines):
                        found.setdefault((slots.tobytes(), is_weighted), slots)
        own = (self.state.members, *(group.padded(group.members) for group in self.groups))
        native = {slots.tobytes() for lines in own for slots in self.company(lines)}
        self.strange = [
            (slots, key[1], self.streams[key])
            for key, slots in found.items()
            if key[0] not in native
        ]
        if len(observed):
            self.strange.append((self.slots_of(self.observed), False, self.observed_stream))

    def streams_of(self, lines: Column, weighted: bool) -> list[int]:
        """Give the places of the parts of some lines.

        Where groups are spread out, those of each vector, which may be found in more than one
        company; else those of all: by vectors, degrees and lanes.
        """
        found = []
        for slots in self.company(lines):
            key = slots.tobytes(), weighted
            if key not in self.streams:
                self.streams[key] = self._claim_stream(len(slots))
            found.append(self.streams[key])
        return found

    def company(self, lines: Column) -> list[Column]:
        """Give the slots of lines whose parts stand together."""
        slots = self.slots_of(lines)
        width = min(LANES, len(slots)) if self.is_spread else len(slots)
        return [slots[k : k + width] for k in range(0, len(slots), width)]

    def _claim_stream(self, lanes: int) -> int:
        place, doubles = self.used, lanes * self.length
        self.used += -(-doubles // LANES) * LANES  # whole lines of the cache
        return place

    def place_of(self, streams: Sequence[int], c: int, width: int) -> int:
        """Give where the parts of a vector begin."""
        return streams[c] if self.is_spread else streams[0] + c * width * self.length

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

        if group.chunks <= MOST_REPEATED:
            now: Sequence[str] = carried
            for c in range(group.chunks):
                now = chunk(c, *now)
            return now
        return self.code.loop(group.chunks, chunk, *[(kind_of(group.width), x) for x in carried])

    def over_group(
        self, group: Group, body: Callable[[Chunk], None], numbers: range | None = None
    ) -> None:
        """Do something for every vector of a group, or for some of them."""
        numbers = numbers or range(group.chunks)
        if self.is_spread or len(numbers) == 1:
            for chunk in numbers:
                body(chunk)
            return

        def once(chunk: str) -> list[str]:
            body(chunk)
            return []

        self.code.loop(numbers.stop, once, start=numbers.start)

    def at(self, chunk: Chunk, width: int, start: int) -> str:
        """Give the place of a chunk, counted in doubles."""
        if isinstance(chunk, int):
            return str(chunk * width + start)
        place = self.code.plain(f"mul nuw nsw i64 {chunk}, {width}")
        return self.code.plain(f"add nuw nsw i64 {place}, {start}") if start else place

    def in_stream(self, stream: int, chunk: Chunk, width: int, k: str | int) -> str:
        """Give the place of a chunk's parts of a degree."""
        code = self.code
        start = self.at(chunk, width * self.length, stream)
        if isinstance(k, int) and isinstance(chunk, int):
            return str(int(start) + k * width)
        if isinstance(k, int):
            return code.plain(f"add nuw nsw i64 {start}, {k * width}") if k else start
        degrees = code.plain(f"mul nuw nsw i64 {k}, {width}")
        return code.plain(f"add nuw nsw i64 {start}, {degrees}")
