"""Steps of many trajectories of one system side by side: what the machine code needs, in Python.

The trajectories stand in a queue, and lanes of a register work it off; each takes its own steps,
from its own time to its own end, and what becomes of it does not depend on the others. Memory is
that of `Motions`, which change in place.
"""

from __future__ import annotations

import ctypes
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from taylorad.machine.module import Code, build
from taylorad.ode.steps.interface import Clock, Shared
from taylorad.ode.steps.lanes.large import Large
from taylorad.ode.steps.lanes.queue import Queue
from taylorad.ode.steps.lanes.rolled import Rolled
from taylorad.ode.steps.stepper import Motion, Tolerance
from taylorad.ode.steps.stepsize import MARGIN, largest_defect
from taylorad.ode.tracing.recurrences import Recurrences
from taylorad.ode.tracing.system import System

__all__ = ["Lanes", "Motions", "NotForLanes"]

Array = np.ndarray[Any, np.dtype[np.float64]]

_CORE = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 8)

_CLOCK, _STEPS, _FLOORS = len(Clock), Shared.STEPS.value, Shared.FLOORS.value

MOST_WRITTEN = 16
"""Components, or interiors, of a system whose text goes through them one by one."""

WIDTHS = (2, 4, 8, 16)
"""How many lanes there can be."""


class NotForLanes(Exception):
    """The trajectories of a system have to be taken one by one; says why."""


@dataclass(frozen=True)
class Motions:
    """Where the integrations of many trajectories stand: one row for each.

    Attributes
    ----------
    state : ndarray, shape (N, n)
        The components.
    lost : ndarray, shape (N, n)
        What their rounding has lost so far.
    clock : ndarray, shape (N, len(Clock))
        What `Clock` says.
    """

    state: Array
    lost: Array
    clock: Array

    @classmethod
    def begin(
        cls, states: ArrayLike, times: ArrayLike = 0.0, times_low: ArrayLike = 0.0
    ) -> Motions:
        """Begin from states, at one time or a time for each."""
        state = np.array(states, float, ndmin=2, order="C")
        clock = np.zeros((len(state), len(Clock)))
        clock[:, Clock.TIME], clock[:, Clock.TIME_LOW] = times, times_low
        clock[:, Clock.CAP] = math.inf
        return cls(state, np.zeros_like(state), clock)

    def __post_init__(self) -> None:
        for array in (self.state, self.lost, self.clock):
            if array.dtype != float or not array.flags.c_contiguous or not array.flags.writeable:
                raise ValueError("rows must be neighbours, of floats, and not read-only")
        if self.lost.shape != self.state.shape:
            raise ValueError(f"shapes {self.state.shape} and {self.lost.shape} of state and lost")

    @property
    def time(self) -> Array:
        """The times; the second words are `time_low`."""
        return self.clock[:, Clock.TIME]

    @property
    def time_low(self) -> Array:
        """The second words of the times."""
        return self.clock[:, Clock.TIME_LOW]

    @property
    def step(self) -> Array:
        """The last steps, with their signs."""
        return self.clock[:, Clock.STEP]

    @property
    def steps(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """How many steps have been taken."""
        return self.clock.view(np.int64)[:, Clock.STEPS]

    @property
    def rejected(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """How many steps were taken back."""
        return self.clock.view(np.int64)[:, Clock.REJECTED]

    @property
    def cap(self) -> Array:
        """The largest steps wanted, after those that had to be shortened."""
        return self.clock[:, Clock.CAP]

    def __len__(self) -> int:
        return len(self.state)

    def __getitem__(self, rows: slice) -> Motions:
        """Give some neighbouring trajectories, which change with these."""
        return Motions(self.state[rows], self.lost[rows], self.clock[rows])

    def motion(self, i: int) -> Motion:
        """Give a trajectory, which does not change with these."""
        high, low, step, _, _, cap = self.clock[i].tolist()
        steps, rejected = int(self.steps[i]), int(self.rejected[i])
        state, lost = self.state[i].copy(), self.lost[i].copy()
        return Motion(state, lost, high, low, step, steps, rejected, cap)


class Lanes:
    """The machine code of a system for many trajectories; threads may use it at the same time.

    Parameters
    ----------
    system : System
    order : int
        The last degree of the series.
    width : {2, 4, 8, 16}
        How many lanes there are.
    level : {0, 1}
        The effort of compiling.

    Raises
    ------
    NotForLanes
        If something of the right-hand side is held during a step, which is another thing for each
        trajectory.
    """

    def __init__(self, system: System, order: int, width: int = 8, level: int = 1) -> None:
        if width not in WIDTHS:
            raise ValueError(f"width {width}: it can be {', '.join(map(str, WIDTHS))}")
        if system.held or system.guards:
            raise NotForLanes("the right-hand side makes choices, which differ by trajectories")
        self.system, self.order, self.width = system, order, width
        recurrences = Recurrences(system, system.rates)
        is_large = max(system.size, len(recurrences.inners)) > MOST_WRITTEN
        core = (Large if is_large else Rolled)(recurrences, order, width)
        self.code: Code = build(Queue(core).written(), level=level)
        self._work = core.work
        self._call = _CORE(self.code.address("propagate"))
        self._given = sum(int(p.size) for p in system.parameters)

    def propagate(
        self,
        motions: Motions,
        end: ArrayLike,
        tolerance: Tolerance,
        given: ArrayLike = (),
        *,
        end_low: ArrayLike = 0.0,
        steps: int = 2**62,
    ) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Take steps until each trajectory is at its end, or has taken so many.

        Parameters
        ----------
        motions : Motions
            Changed to where the integrations then stand.
        end, end_low : float, or ndarray of shape (N,)
        tolerance : Tolerance
            Of all.
        given : array_like, shape (p,) or (N, p)
            The parameters, of all or of each.
        steps : int

        Returns
        -------
        ndarray, shape (N,)
            An `Exit` for each; on `Exit.STUCK` the trajectory is at its last good point.
        """
        count, n = len(motions), self.system.size
        exits = np.empty(count, np.int64)
        if motions.clock.shape != (count, _CLOCK) or motions.state.shape != (count, n):
            raise ValueError(f"states of shape {motions.state.shape}; each has {n} components")
        if not count:
            return exits
        values = np.ascontiguousarray(given, float)
        if values.shape not in ((self._given,), (count, self._given)):
            raise ValueError(f"parameters of shape {values.shape}; there are {self._given} of each")
        ends = np.empty((1 if np.ndim(end) == np.ndim(end_low) == 0 else count, 2))
        ends[:, 0], ends[:, 1] = end, end_low
        limits = np.empty(_FLOORS + n)
        limits[:_STEPS] = (
            (math.log2(tolerance.relative) - MARGIN) / self.order,
            tolerance.longest,
            largest_defect(self.order, n, tolerance.relative),
        )
        strides = 0 if len(ends) == 1 else 2, 0 if values.ndim == 1 else self._given
        limits[_STEPS:_FLOORS].view(np.int64)[:] = (steps, count, *strides)
        limits[_FLOORS:] = tolerance.floors
        memory = np.zeros(self._work + 8)
        arrays = (motions.state, motions.lost, motions.clock, ends, values, limits, exits, memory)
        *addresses, work = map(_address, arrays)
        self._call(*addresses, -(-work // 64) * 64)
        return exits


def _address(array: np.ndarray[Any, Any]) -> int:
    """Give where an array begins, quicker than its attribute ``ctypes`` does."""
    return array.__array_interface__["data"][0]  # type: ignore[no-any-return]
