"""In what order two degrees are done: parts of the second as soon as they can be.

Places whose rates are speeds are known a degree before the forces there. So all that follows from
places is found for two degrees at once: neither waits for the other, and what is read for one
serves the other.
"""

from __future__ import annotations

from collections.abc import Container, Hashable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from taylorad.ode.steps.groups.grouping import Group
from taylorad.ode.steps.groups.layout import Layout

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

    What is needed and given are groups, numbers of vectors of components, and streams; each with
    0 or 1, for the degree.

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
        width = core.state.width
        self.home: dict[int, Hashable] = {line: core.slots[line] // width for line in range(core.n)}
        self.home |= {line: group for group in core.groups for line in group.members}
        self.owners: dict[tuple[int, ...], tuple[Hashable, int]] = {}
        for group in (core.state, *core.groups):
            for c, slots in enumerate(core.company(group.padded(group.members))):
                self.owners[slots] = (c if group is core.state else group), c
        self.lines = {slot: line for line, slot in core.slots.items()}
        self.runs: list[list[Group]] = []
        for group in core.groups:
            run = self._run_of(group)
            if run is None:
                self.runs.append([group])
            else:
                run.append(group)
        found = {self.home.get(line) for line in core.system.rates}
        for slots, _, _ in core.strange:
            found |= {self.home.get(self.lines[slot]) for slot in slots}
        for run in self.runs:
            homes = {self.home.get(i) for g in run for lines in g.needs for i in lines}
            found |= homes if run[0].chunks == 1 else homes - {*run}
        self.wanted = {group for group in core.groups if group in found or group in late}

    def _run_of(self, group: Group) -> list[Group] | None:
        """Find the run that a group belongs to, before which there is all that it needs."""
        needed = {self.home.get(line) for lines in group.needs for line in lines}
        for run in reversed(self.runs):
            if self._belongs(group, run):
                return run
            if not needed.isdisjoint(run):
                break
        return None

    def _belongs(self, group: Group, run: Sequence[Group]) -> bool:
        if (group.width, group.chunks) != (run[0].width, run[0].chunks):
            return False
        starts = {
            line: -1 if other in self.late else other.slot
            for other in run
            for line in other.members
        }
        for lines in group.needs:
            slots = self.core.slots_of(lines)
            found = {starts.get(line) for line in lines} - {None}
            if found and not (found == {slots[0]} and self.core.is_run(slots)):
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
        rates = [core.system.rates[i] for i in core.places]
        # The components of the first degree are known to begin with.
        known = {(c, 0) for c in range(core.state.chunks)}
        needs = [
            self._homes(rates[c * width : (c + 1) * width], 0) - known
            for c in range(core.state.chunks)
        ]
        tasks = []
        for _, some in groupby(range(len(needs)), key=needs.__getitem__):
            first, *rest = some
            numbers = range(first, first + 1 + len(rest))
            gives: set[Hashable] = {(c, 1) for c in numbers}
            tasks.append(_Task(Stage("components", numbers, (1,)), gives, needs[first]))
        return tasks

    def _streams(self, degree: int) -> list[_Task]:
        tasks = []
        for number, (slots, weighted, _) in enumerate(self.core.strange):
            stage = Stage("stream", range(number, number + 1), (degree,))
            needs = self._homes([self.lines[slot] for slot in slots], degree)
            tasks.append(_Task(stage, {((slots, weighted), degree)}, needs))
        return tasks

    def _homes(self, lines: Sequence[int], degree: int) -> set[Hashable]:
        return {(self.home[line], degree) for line in lines if line in self.home}

    def _run(self, number: int, degree: int) -> _Task:
        run = self.runs[number]
        own: set[Hashable] = {(group, degree) for group in run}
        needs = {x for group in run for lines in group.needs for x in self._homes(lines, degree)}
        needs -= own
        along = set(needs)
        for group in run:
            for a, b, weighted in group.factors:
                for lines, is_weighted in ((a, weighted), (b, False)):
                    for c, slots in enumerate(self.core.company(lines)):
                        owner, place = self.owners.get(slots, ((slots, is_weighted), c))
                        needs.add((owner, 0))
                        if owner not in run or owner in self.late or place != c:
                            along.add((owner, 0))
        return _Task(Stage("run", range(number, number + 1), (degree,)), own, needs, along)
