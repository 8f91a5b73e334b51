"""In what order two degrees are done: parts of the second as soon as they can be.

Places whose rates are speeds are known a degree before the forces there. So all that follows from
places is found for two degrees at once: neither waits for the other, and what is read for one
serves the other.
"""

from __future__ import annotations

from collections.abc import Container, Hashable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from taylorad.ode.steps.groups.group import Group
from taylorad.ode.steps.groups.layout import Layout
from taylorad.ode.tracing.columns import NONE, Column

__all__ = ["Stage", "Stages"]


@dataclass(frozen=True)
class Stage:
    """What is written in one go.

    Attributes
    ----------
    kind : {"run", "components", "stream"}
        A run of groups; components, from the rates of the degree before; lines that stand together
        in a stream only.
    numbers : range
        Those of vectors of components; else one: that of the run or of the stream.
    degrees : tuple of int
        0 and 1: of the first and of the second.
    """

    kind: str
    numbers: range
    degrees: tuple[int, ...]


@dataclass
class _Task:
    """A stage that waits, and what for; ``along`` is that in one loop with the degree before."""

    stage: Stage
    gives: set[Hashable]
    needs: set[Hashable]
    along: set[Hashable] = field(default_factory=set)


class Stages:
    """The order of all stages of one degree, or two.

    What is needed and given are *homes*, which are the vectors of components and then the groups,
    by numbers; and streams. Each comes with 0 or 1, for the degree.

    Parameters
    ----------
    core : Layout
    late : container of Group
        Those whose last vector is not full before all are done.

    Attributes
    ----------
    late : container of Group
        As given.
    runs : list of list of Group
        Groups whose vectors are gone through in one loop. Those are as many, and what one needs of
        another is in the same vector.
    wanted : set of Group
        Those whose newest parts are needed elsewhere than in the loop over their run.
    """

    def __init__(self, core: Layout, late: Container[Group]) -> None:
        self.core, self.late = core, late
        self.numbers = {group: core.state.chunks + k for k, group in enumerate(core.groups)}
        self.home = np.full(len(core.slots), NONE)
        self.home[: core.n] = core.slots[: core.n] // core.state.width
        self.owners: dict[bytes, tuple[int, int]] = {}
        for c, slots in enumerate(core.company(core.state.members)):
            self.owners[slots.tobytes()] = c, c
        for group, number in self.numbers.items():
            self.home[group.members] = number
            for c, slots in enumerate(core.company(group.padded(group.members))):
                self.owners[slots.tobytes()] = number, c
        self.homes = {group: [*map(self._homes, group.needs)] for group in core.groups}
        self.lines = np.full(core.size, NONE)
        self.lines[core.slots[:-1]] = np.arange(len(core.slots) - 1)
        self.runs: list[list[Group]] = []
        for group in core.groups:
            run = self._run_of(group)
            if run is None:
                self.runs.append([group])
            else:
                run.append(group)
        found = self._homes(core.system.rates)
        for slots, _, _ in core.strange:
            found |= self._homes(self.lines[slots])
        for run in self.runs:
            homes = self._needed(*run)
            found |= homes if run[0].chunks == 1 else homes - {self.numbers[g] for g in run}
        self.wanted = {g for g, number in self.numbers.items() if number in found or g in late}

    def _run_of(self, group: Group) -> list[Group] | None:
        """Find the run that a group belongs to, before which there is all that it needs."""
        needed = self._needed(group)
        for run in reversed(self.runs):
            if self._belongs(group, run):
                return run
            if not needed.isdisjoint(self.numbers[other] for other in run):
                break
        return None

    def _homes(self, lines: Column | Sequence[int]) -> set[int]:
        """Give the homes of lines."""
        return {*np.flatnonzero(np.bincount(self.home[lines] + 1)[1:]).tolist()}

    def _needed(self, *groups: Group) -> set[int]:
        """Give the homes of what groups need."""
        return set().union(*(homes for group in groups for homes in self.homes[group]))

    def _belongs(self, group: Group, run: Sequence[Group]) -> bool:
        if (group.width, group.chunks) != (run[0].width, run[0].chunks):
            return False
        starts = {self.numbers[other]: -1 if other in self.late else other.slot for other in run}
        for lines, homes in zip(group.needs, self.homes[group], strict=True):
            found = {starts[home] for home in homes if home in starts}
            if found:
                slots = self.core.slots_of(lines)
                if found != {int(slots[0])} or not self.core.is_run(slots):
                    return False
        return True

    def of(self, count: int) -> list[Stage]:
        """Give the stages of one degree, or two."""
        found: list[Stage] = []
        known: set[Hashable] = {(c, 0) for c in range(self.core.state.chunks)}
        waiting = [task for degree in range(count) for task in self._streams(degree)]
        if count == 2:
            waiting = [*self._components(), *waiting]

        def settle() -> None:
            while ready := [task for task in waiting if task.needs <= known]:
                for task in ready:
                    waiting.remove(task)
                    found.append(task.stage)
                    known.update(task.gives)

        settle()
        for number in range(len(self.runs)):
            tasks = [self._run(number, degree) for degree in range(count)]
            if count == 2 and not tasks[1].along <= known:
                waiting.append(tasks.pop())
            degrees = tuple(range(len(tasks)))
            found.append(Stage("run", range(number, number + 1), degrees))
            known.update(*(task.gives for task in tasks))
            settle()
        assert not waiting
        return found

    def _components(self) -> list[_Task]:
        """Give vectors of components of the second degree; neighbours that wait for the same."""
        core, width = self.core, self.core.state.width
        rates = self.home[core.rate_lines]
        # The components of the first degree are known to begin with.
        rates[rates < core.state.chunks] = NONE
        needs = [
            {(home, 0) for home in some if home != NONE}
            for some in rates.reshape(-1, width).tolist()
        ]
        tasks = []
        for _, some in groupby(range(len(needs)), key=needs.__getitem__):
            first, *rest = some
            numbers = range(first, first + 1 + len(rest))
            gives: set[Hashable] = {(c, 1) for c in numbers}
            wait: set[Hashable] = {*needs[first]}
            tasks.append(_Task(Stage("components", numbers, (1,)), gives, wait))
        return tasks

    def _streams(self, degree: int) -> list[_Task]:
        tasks = []
        for number, (slots, weighted, _) in enumerate(self.core.strange):
            stage = Stage("stream", range(number, number + 1), (degree,))
            needs: set[Hashable] = {(home, degree) for home in self._homes(self.lines[slots])}
            tasks.append(_Task(stage, {((slots.tobytes(), weighted), degree)}, needs))
        return tasks

    def _run(self, number: int, degree: int) -> _Task:
        run = self.runs[number]
        own: set[Hashable] = {(self.numbers[group], degree) for group in run}
        needs: set[Hashable] = {(home, degree) for home in self._needed(*run)}
        needs -= own
        along = set(needs)
        here = {self.numbers[group] for group in run if group not in self.late}
        for group in run:
            for a, b, weighted in group.factors:
                for lines, is_weighted in ((a, weighted), (b, False)):
                    for c, slots in enumerate(self.core.company(lines)):
                        key = slots.tobytes()
                        owner: tuple[Hashable, int] = self.owners.get(key, ((key, is_weighted), c))
                        needs.add((owner[0], 0))
                        if owner[0] not in here or owner[1] != c:
                            along.add((owner[0], 0))
        return _Task(Stage("run", range(number, number + 1), (degree,)), own, needs, along)
