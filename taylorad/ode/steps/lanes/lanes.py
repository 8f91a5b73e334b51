"""Steps of many trajectories of one system side by side: what the machine code needs, in Python.

The trajectories stand in a queue, and lanes of a register work it off; each takes its own steps,
from its own time to its own end, and what becomes of it does not depend on the others. Memory is
that of `Motions`, which change in place.
"""

from __future__ import annotations

import ctypes
import math
from dataclasses import dataclass
from functools import partial
from struct import Struct
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from taylorad.machine.module import Code, arrive, build, parcel
from taylorad.ode.steps.core import Core
from taylorad.ode.steps.door import address
from taylorad.ode.steps.interface import Clock, Shared
from taylorad.ode.steps.lanes.exchange import PARAMETERS
from taylorad.ode.steps.lanes.large import Large
from taylorad.ode.steps.lanes.queue import Queue
from taylorad.ode.steps.lanes.rolled import Rolled
from taylorad.ode.steps.lanes.written import Written
from taylorad.ode.steps.stepper import Motion, Tolerance
from taylorad.ode.steps.stepsize import MARGIN, largest_defect
from taylorad.ode.steps.translation import is_written, keep, recipe
from taylorad.ode.tracing.recurrences import Recurrences
from taylorad.ode.tracing.system import System

__all__ = ["Lanes", "Motions", "NotForLanes", "Samples", "are_faster"]

Array = np.ndarray[Any, np.dtype[np.float64]]

_CORE = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * len(PARAMETERS))

_LIMITS, _FLOORS = Struct("=dddqqqqqq"), Shared.FLOORS.value
"""As `Shared` has it, and how many there are."""

_AT_REST = np.array([0.0, 0.0, 0.0, 0.0, 0.0, math.inf])
"""A clock at first, as `Clock` has it."""

_TIME, _TIME_LOW, _STEPS = Clock.TIME.value, Clock.TIME_LOW.value, Clock.STEPS.value

MOST_WRITTEN = 12
"""Interiors, in vectors of eight lanes, of a system whose orders are written out.

Beyond, compiling takes too long for what is gained, which is a tenth to a third.
"""

MOST_WIDE = 1800
"""Interiors times order squared, of orders that are written out in vectors of sixteen lanes.

Beyond, their code does not stay in a processor's nearest cache, and is slower than that of eight.
"""

MOST_ROLLED = 16
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
        clock = np.empty((len(state), len(_AT_REST)))
        clock[:] = _AT_REST
        clock[:, _TIME], clock[:, _TIME_LOW] = times, times_low
        return cls(state, np.zeros(state.shape), clock)

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
        return self.clock.view(np.int64)[:, _STEPS]

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


@dataclass(frozen=True)
class Samples:
    """At which times trajectories are sampled, and what they are then: one row for each.

    Attributes
    ----------
    times : ndarray, shape (N, points)
        In the order in which they are passed, after the beginning.
    values : ndarray, shape (N, points, n)
    taken : ndarray of int64, shape (N,)
        How many of them there are so far.
    """

    times: Array
    values: Array
    taken: np.ndarray[Any, np.dtype[np.int64]]

    def __post_init__(self) -> None:
        count, points = self.times.shape
        if self.values.shape[:-1] != (count, points) or self.taken.shape != (count,):
            raise ValueError(f"shapes {self.times.shape}, {self.values.shape}, {self.taken.shape}")
        for array, kind in ((self.times, float), (self.values, float), (self.taken, np.int64)):
            if array.dtype != kind or not array.flags.c_contiguous or not array.flags.writeable:
                raise ValueError("rows must be neighbours, of floats and int64, and not read-only")

    @classmethod
    def begin(cls, times: ArrayLike, motions: Motions) -> Samples:
        """Begin where trajectories do; what they are there is known, if it is asked for."""
        times = np.array(times, float, order="C")
        first = (times[:, :1] == motions.time[:, None]) & (motions.time_low[:, None] == 0)
        values = np.full((*times.shape, motions.state.shape[1]), math.nan)
        values[:, :1] = np.where(first[..., None], motions.state[:, None], math.nan)
        return cls(times, values, first[:, 0].astype(np.int64))

    def __getitem__(self, rows: Any) -> Samples:
        """Give a copy of some trajectories."""
        return Samples(self.times[rows], self.values[rows], self.taken[rows])


class Lanes:
    """The machine code of a system for many trajectories; threads may use it at the same time.

    A pickle has the system, and the code if that is on disk: another process makes it anew only
    where that is of no use.

    Parameters
    ----------
    system : System
    order : int
        The last degree of the series.
    width : {2, 4, 8, 16}
        How many lanes there are, at most.
    level : {0, 1}
        The effort of compiling.
    is_sampled : bool
        Whether solutions are wanted at times between.

    Raises
    ------
    NotForLanes
        If something of the right-hand side is held during a step, which is another thing for each
        trajectory.
    """

    def __init__(
        self,
        system: System,
        order: int,
        width: int = 8,
        level: int = 1,
        is_sampled: bool = False,
    ) -> None:
        if width not in WIDTHS:
            raise ValueError(f"width {width}: it can be {', '.join(map(str, WIDTHS))}")
        if system.held or system.guards:
            raise NotForLanes("the right-hand side makes choices, which differ by trajectories")
        self.system, self.order, self.width = system, order, width
        self.level, self.is_sampled = level, is_sampled
        write = partial(_written, system, order, width, is_sampled)
        names, kind = ("propagate", "work"), ("lanes", order, width, is_sampled)
        self.code: Code = build(recipe(system, kind, write, names), level=level)
        keep(self.code)
        self._work = ctypes.c_int64.from_address(self.code.address("work")).value
        self._call = _CORE(self.code.address("propagate"))
        self._given = sum(int(p.size) for p in system.parameters)

    def __reduce__(self) -> Any:
        made_of = (self.system, self.order, self.width, self.level, self.is_sampled)
        return _arrived, (parcel(self.code), *made_of)

    def propagate(
        self,
        motions: Motions,
        end: ArrayLike,
        tolerance: Tolerance,
        given: ArrayLike = (),
        *,
        end_low: ArrayLike = 0.0,
        steps: int = 2**62,
        samples: Samples | None = None,
    ) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Take steps until each trajectory is at its end, or has taken so many.

        Parameters
        ----------
        motions : Motions
            Changed to where the integrations then stand.
        end, end_low : float, or ndarray of shape (N,)
        tolerance : Tolerance
            Of all; but the floors may have a row for each.
        given : array_like, shape (p,) or (N, p)
            The parameters, of all or of each.
        steps : int
        samples : Samples, optional
            If it is made to sample, and only then.

        Returns
        -------
        ndarray, shape (N,)
            An `Exit` for each; on `Exit.STUCK` the trajectory is at its last good point.
        """
        count, n = len(motions), self.system.size
        exits = np.empty(count, np.int64)
        if motions.clock.shape != (count, len(_AT_REST)) or motions.state.shape != (count, n):
            raise ValueError(f"states of shape {motions.state.shape}; each has {n} components")
        if not count:
            return exits
        if (samples is not None) != self.is_sampled:
            raise ValueError("samples are for lanes that are made to sample, and for no others")
        if samples is not None and samples.values.shape[::2] != (count, n):
            raise ValueError(f"samples of shape {samples.values.shape}")
        values = np.asarray(given, float)
        if values.shape not in ((self._given,), (count, self._given)):
            raise ValueError(f"parameters of shape {values.shape}; there are {self._given} of each")
        floors = np.asarray(tolerance.floors)
        if floors.shape not in ((n,), (count, n)):
            raise ValueError(f"floors of shape {floors.shape}; there are {n} of each")
        rows = 1 if _is_one(end) and _is_one(end_low) else count
        # In one array: limits and floors, ends, parameters, and what the core works in.
        ends = _FLOORS + floors.size
        parameters = ends + 2 * rows
        work = parameters + values.size
        memory = np.zeros(work + self._work + 8)
        _LIMITS.pack_into(
            memory.data,
            0,
            (math.log2(tolerance.relative) - MARGIN) / self.order,
            tolerance.longest,
            largest_defect(self.order, n, tolerance.relative),
            steps,
            count,
            0 if rows == 1 else 2,
            0 if values.ndim == 1 else self._given,
            0 if floors.ndim == 1 else n,
            0 if samples is None else samples.times.shape[1],
        )
        memory[_FLOORS:ends] = floors.ravel()
        memory[ends:parameters:2], memory[ends + 1 : parameters : 2] = end, end_low
        if values.size:
            memory[parameters:work] = values.ravel()
        begin, sampled = address(memory), [0, 0, 0]
        if samples is not None:
            sampled = [address(x) for x in (samples.times, samples.values, samples.taken)]
        self._call(
            *(address(array) for array in (motions.state, motions.lost, motions.clock)),
            *(begin + 8 * ends, begin + 8 * parameters, begin),
            *(address(exits), -(-(begin + 8 * work) // 64) * 64, *sampled),
        )
        return exits


def _is_one(x: Any) -> bool:
    """Tell whether there is one for all."""
    return isinstance(x, (float, int)) or np.ndim(x) == 0


def _arrived(sent: tuple[str, bytes] | None, *made_of: Any) -> Lanes:
    arrive(sent)
    return Lanes(*made_of)


def are_faster(system: System) -> bool:
    """Tell whether lanes are faster than a `Stepper` that takes one trajectory after the other.

    Of larger systems that has lanes enough within each step, and what it works on stays nearby: it
    takes a half to a third of the time. But where few products are, it has none.
    """
    recurrences = Recurrences(system, system.rates)
    largest = max(len(recurrences.inners), system.size)
    return largest <= MOST_ROLLED or is_written(recurrences)


def _written(system: System, order: int, width: int, is_sampled: bool) -> str:
    """Write the text, and what a caller has to know of it."""
    recurrences = Recurrences(system, system.rates)
    interiors = len(recurrences.inners)
    core: Core
    if max(interiors, system.size) > MOST_ROLLED:
        core = Large(recurrences, order, width)
    elif interiors * max(width // 8, 1) > MOST_WRITTEN:
        core = Rolled(recurrences, order, width)
    else:
        is_wide = interiors * order**2 <= MOST_WIDE
        core = Written(recurrences, order, width if is_wide else min(width, 8))
    text = Queue(core, is_sampled).written()
    return f"@work = constant i64 {core.work}\n{text}"
