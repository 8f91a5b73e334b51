"""What a core and its caller have agreed upon: places in arrays, and reasons to return."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Protocol

__all__ = ["Clock", "Exit", "Guide", "Limits", "Shared"]


class Exit(IntEnum):
    """Why a core returned, or a guide."""

    END = 0  # the time wanted has been reached
    STEPS = 1  # the number of steps wanted has been taken
    STUCK = 2  # the time cannot advance: steps became too small, or f is not finite
    EVENT = 3  # of a guide: there was an event that ends the integration
    OPEN = 4  # of a guide: whether there was one is to be looked at


class Guide(Protocol):
    """Machine code that calls a core over and over, and does something in between."""

    def table(self, core: int, places: Sequence[int]) -> int:
        """Give the address of the table that it is called by, as a core is by its own.

        Parameters
        ----------
        core : int
            The address of the core's table.
        places : sequence of int
            The component at each place of the core's arrays of components.
        """


class Clock(IntEnum):
    """Places in ``clock``, in doubles."""

    TIME = 0
    TIME_LOW = 1
    STEP = 2  # the last step
    STEPS = 3  # how many steps have been taken so far; an integer
    REJECTED = 4  # how many have been taken back so far; an integer
    CAP = 5  # the largest step wanted, after one that had to be shortened


class Limits(IntEnum):
    """Places in ``limits``, in doubles."""

    END = 0
    END_LOW = 1
    SIGN = 2  # of the direction of time
    FACTOR = 3  # log2 of what a step is of the radius of convergence
    LONGEST = 4  # the largest step
    DEFECT = 5  # the largest defect times the step, over the floor and the component
    STEPS = 6  # how many steps may be taken; an integer
    FLOORS = 7


class Shared(IntEnum):
    """Places in ``limits`` of a core for many trajectories, in doubles."""

    FACTOR = 0  # as in `Limits`
    LONGEST = 1
    DEFECT = 2
    STEPS = 3  # how many steps each trajectory may take; an integer, as all that follow
    COUNT = 4  # how many trajectories there are
    ENDS = 5  # from one end to the next, in doubles: none if it is the same for all
    GIVEN = 6  # from the parameters of one to those of the next
    APART = 7  # from the floors of one to those of the next
    POINTS = 8  # at how many times each is sampled
    FLOORS = 9
