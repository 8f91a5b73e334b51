"""In what order lines stand side by side: so that what a vector needs is a vector, too.

In a group those are neighbours whose components are equally far apart, and so neighbours too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from taylorad.ode.steps.groups.group import Group
from taylorad.ode.tracing.columns import NONE, Column, named

__all__ = ["aligned"]


def aligned(groups: Sequence[Group], size: int) -> None:
    """Order the members of groups by those of groups that they multiply, or are multiplied in.

    Parameters
    ----------
    groups : sequence of Group
        They are changed.
    size : int
        How many lines the program has.
    """
    relations = _Relations(groups, size)
    done: set[int] = set()
    for seed in sorted(range(len(groups)), key=relations.weight, reverse=True):
        waiting = [seed]
        if seed in done:
            continue
        done.add(seed)
        company = [seed]  # whose members belong to one another, one to one
        while waiting:
            group = waiting.pop(0)
            for other, places in relations.of(group, done):
                done.add(other)
                waiting.append(other)
                groups[other].reorder(np.argsort(places, kind="stable"))
                counts = {len(groups[group].members), len(places), len({*places.tolist()})}
                if group in company and len(counts) == 1:
                    company.append(other)
        _in_rows([groups[k] for k in company], relations)


def _in_rows(company: Sequence[Group], relations: _Relations) -> None:
    """Let those be neighbours whose components are equally far apart, and so neighbours too."""
    for group in company:
        needs = group.terms["a"]
        if group.is_sum and (relations.home[needs] == NONE).all():
            first = needs[:, 0]
            _, rows = named(*(needs - first[:, None]).T)
            # Short ones stand between long ones, so that no vector is of many.
            left = np.argsort(np.bincount(rows), kind="stable").tolist()
            rank = np.empty(len(left), int)
            for turn in range(len(left)):
                rank[left.pop(0 if turn % 2 else -1)] = turn
            order = np.lexsort((first, rank[rows]))
            for other in company:
                other.reorder(order)
            return


class _Relations:
    """Which lines need which, by groups, which go by their numbers."""

    def __init__(self, groups: Sequence[Group], size: int) -> None:
        self.groups = groups
        self.home = np.full(size + 1, NONE)
        for k, group in enumerate(groups):
            self.home[group.members] = k
        self.place = np.full(size + 1, NONE)
        self.users: list[list[tuple[int, int]]] = [[] for _ in groups]
        for k in range(len(groups)):
            for position, lines in enumerate(self._needs(k)):
                for other in self._homes(lines):
                    if other != k:
                        self.users[other].append((k, position))

    def weight(self, number: int) -> int:
        """Give how many factors the interiors of a group have."""
        group = self.groups[number]
        return len(group.members) * len(group.interiors)

    def _needs(self, number: int) -> list[Column]:
        """Give the lines that members need: factors of interiors, then those of newest parts."""
        group = self.groups[number]
        if group.choices is not None:
            return [lines for lines in group.choices.T[1:] if lines[0] != NONE]
        factors = [side for x in group.interiors for side in (x["a"], x["b"])]
        return [*factors, *(x["a"] for x in group.newest)]

    def _homes(self, lines: Column) -> list[int]:
        """Give the groups that lines are in."""
        return (np.flatnonzero(np.bincount(self.home[lines] + 1)[1:])).tolist()

    def of(self, number: int, done: set[int]) -> Iterator[tuple[int, Column]]:
        """Give groups whose members all belong to those of a group, and to which; not those done.

        Those that the members need are first.
        """
        own = self.groups[number].members
        found = []
        for position, lines in enumerate(self._needs(number)):
            homes = self.home[lines]
            for other in self._homes(lines):
                first = int(np.argmax(homes == other))
                found.append((first, position, other, lines))
        for _, _, other, lines in sorted(found, key=lambda x: x[:2]):
            if other != number and other not in done:
                self.place[self.groups[other].members] = NONE
                among = self.home[lines] == other
                self.place[lines[among]] = np.flatnonzero(among)
                places = self.place[self.groups[other].members]
                if (places != NONE).all():
                    yield other, places
        for other, position in self.users[number]:
            if other not in done:
                lines = self._needs(other)[position]
                if (self.home[lines] == number).all():
                    self.place[own] = np.arange(len(own))
                    yield other, self.place[lines]
