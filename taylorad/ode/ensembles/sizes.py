"""How many trajectories are handed out together."""

from __future__ import annotations

import math

__all__ = ["Sizes"]

AT_FIRST = 8
"""Times the least number: as long as nobody knows how long a trajectory takes."""

SHORTEST, LONGEST = 0.02, 1.0
"""Of the time wanted, and so many of it: what is handed out takes no less, and no more."""

MOST_BYTES = 2**22
"""What is handed out is no larger than this, about."""


class Sizes:
    """Numbers of trajectories: large at first, and small in the end, so that all end together.

    No result depends on them.

    Parameters
    ----------
    workers : int
    least : int
        They are multiples of this, unless so many are too large.
    bytes_of_each : int
        What a trajectory takes in memory.
    seconds : float
        How long a worker is to be left alone at most.
    fixed : int, optional
        The number, if it has been chosen.
    """

    def __init__(
        self, workers: int, least: int, bytes_of_each: int, seconds: float, fixed: int | None
    ) -> None:
        self.workers, self.seconds, self.fixed = workers, seconds, fixed
        self.most = max(MOST_BYTES // bytes_of_each, 1)
        self.least = min(least, self.most)
        self.rate = 0.0  # seconds for a trajectory

    def took(self, count: int, seconds: float) -> None:
        """Note how long some trajectories took."""
        self.rate = max(seconds, 1e-9) / count

    def next(self, left: int) -> int:
        """Give how many are next, of those that are left."""
        if self.fixed is not None:
            return min(self.fixed, left)
        size = left / (2 * self.workers)
        if self.rate:
            few, many = (x * self.seconds / self.rate for x in (SHORTEST, LONGEST))
            size = min(max(size, few), many)
        else:
            size = min(size, AT_FIRST * self.least)
        return min(self.least * math.ceil(size / self.least), self.most, left)
