"""Steps of a system by machine code: what a core needs and gives, in Python's terms."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct
from time import perf_counter
from typing import Any

import numpy as np

from taylorad.machine.module import Code
from taylorad.ode.steps.interface import Clock, Exit, Limits
from taylorad.ode.steps.stepsize import MARGIN, largest_defect
from taylorad.ode.steps.translation import Translation
from taylorad.ode.tracing.system import System

__all__ = ["Motion", "Stepper", "Tolerance"]

Array = np.ndarray[Any, np.dtype[np.float64]]

_CLOCK = Struct("=dddqqd")
_LIMITS = Struct("=6dq")
"""As `Clock` and `Limits` have them, but for the floors; to fill arrays one by one takes longer."""

_EXITS = tuple(Exit)
_WHOLE = slice(None)


@dataclass
class Tolerance:
    """How exact the steps are to be.

    Attributes
    ----------
    relative : float
        Of each component and its floor together.
    floors : ndarray
        Below this a component counts as zero: the absolute tolerance over the relative one.
    longest : float
        The largest step.
    """

    relative: float
    floors: Array
    longest: float = math.inf


@dataclass
class Motion:
    """Where an integration stands.

    Attributes
    ----------
    state : ndarray
        The components.
    lost : ndarray
        What their rounding has lost so far.
    time, time_low : float
        The time in two words.
    step : float
        The last step, with its sign.
    steps, rejected : int
        How many steps have been taken, and how many were taken back.
    cap : float
        The largest step wanted, after one that had to be shortened.
    """

    state: Array
    lost: Array
    time: float
    time_low: float = 0.0
    step: float = 0.0
    steps: int = 0
    rejected: int = 0
    cap: float = math.inf

    def copy(self) -> Motion:
        """Give another that does not change with this one."""
        return Motion(
            self.state.copy(),
            self.lost.copy(),
            *(self.time, self.time_low, self.step, self.steps, self.rejected, self.cap),
        )


class Stepper:
    """The machine code of a system.

    Parameters
    ----------
    system : System
    order : int
        The last degree of the series.
    level : {0, 1} or None
        The effort of compiling; by default more as soon as that is worth it.
    form : {"", "written", "spread", "looped"}
        How the orders are written: each out; by groups that are spread out; by loops over groups.
        By default chosen by size.

    Attributes
    ----------
    functions : int
        How many functions of time and state are expanded together with the components.
    """

    def __init__(
        self, system: System, order: int, level: int | None = None, form: str = ""
    ) -> None:
        self.system, self.order = system, order
        self.functions = sum(map(len, system.functions))
        self._machine = Translation(system, order, level, form)
        places = np.array(self._machine.places)
        room = len(places)
        _, firsts = np.unique(places, return_index=True)
        is_plain = np.array_equal(places, np.arange(system.size))
        self._places: Any = _WHOLE if is_plain else places
        self._firsts: Any = _WHOLE if is_plain else firsts
        self._memory = np.zeros(self._machine.work + 8)
        self._work = -(-self._memory.ctypes.data // 64) * 64
        held = len(system.held) + sum(int(p.size) for p in system.parameters)
        self._state, self._clock = np.zeros(3 * room), np.zeros(len(Clock))
        self._limits, self._given = np.zeros(Limits.FLOORS + room), np.zeros(held + 1)
        self._floors = self._limits[Limits.FLOORS :]
        self._x, self._lost, self._foreseen = self._state.reshape(3, room)
        self._clock_bytes, self._limits_bytes = self._clock.data, self._limits.data
        arrays = (self._state, self._clock, self._given, self._limits)
        self._addresses = tuple(a.ctypes.data for a in arrays)
        self._size = system.size
        self._lock = threading.Lock()

    @property
    def code(self) -> Code:
        """The machine code that runs at present."""
        return self._machine.code

    def parts(self) -> Array:
        """Make room for the parts of a step: components, then functions, by degrees."""
        return np.zeros((self.system.size + self.functions, self.order + 1))

    def propagate(
        self,
        motion: Motion,
        end: float,
        tolerance: Tolerance,
        given: Sequence[float] | Array = (),
        *,
        end_low: float = 0.0,
        steps: int = 2**62,
        parts: Array | None = None,
        times: Array | None = None,
    ) -> Exit:
        """Take steps until a time is reached, or so many have been taken.

        Parameters
        ----------
        motion : Motion
            Changed to where the integration then stands; on `Exit.STUCK` the last good point.
        end, end_low : float
        tolerance : Tolerance
        given : array_like
            The parameters, then what is held.
        steps : int
        parts : ndarray, optional
            Gets the parts of the last step, about the point where it began: (lines, order + 1).
        times : ndarray, optional
            If given, of shape (steps, 3), all steps are recorded: it gets the two words of the time
            at which each began, and its length; ``parts`` of shape (steps, lines, order + 1) gets
            the parts of each.
        """
        with self._lock:  # of what is here for the next call, too
            self._x[:], self._lost[:] = motion.state[self._places], motion.lost[self._places]
            self._foreseen[:] = 0.0  # no step has foreseen anything
            self._floors[:] = tolerance.floors[self._places]
            if len(given):
                self._given[: len(given)] = given
            _CLOCK.pack_into(
                self._clock_bytes,
                0,
                *(motion.time, motion.time_low, motion.step),
                *(motion.steps, motion.rejected, motion.cap),
            )
            left = (end - motion.time) + (end_low - motion.time_low)
            limits = (
                *(end, end_low, math.copysign(1.0, left)),
                (math.log2(tolerance.relative) - MARGIN) / self.order,
                tolerance.longest,
                largest_defect(self.order, self._size, tolerance.relative),
            )
            status = self._run(motion.steps, limits, steps, parts, times)
            motion.state, motion.lost = self._x[self._firsts], self._lost[self._firsts]
            if self._firsts is _WHOLE:  # which gives views
                motion.state, motion.lost = motion.state.copy(), motion.lost.copy()
            motion.time, motion.time_low, motion.step, *rest = _CLOCK.unpack_from(self._clock_bytes)
            motion.steps, motion.rejected, motion.cap = rest
        return status

    def _run(
        self,
        before: int,
        limits: tuple[float, ...],
        steps: int,
        parts: Array | None,
        times: Array | None,
    ) -> Exit:
        """Take steps, and say after each few how long they took."""
        machine, places = self._machine, (0, 0)
        strides = (0, 0)
        if parts is not None:
            places = (parts.ctypes.data, 0 if times is None else times.ctypes.data)
        if parts is not None and times is not None:
            strides = (parts.strides[0], times.strides[0])
        while True:
            _LIMITS.pack_into(self._limits_bytes, 0, *limits, min(steps, machine.steps))
            start = perf_counter()
            status: Exit = _EXITS[machine.call(*self._addresses, *places, self._work)]
            if machine.is_last:
                return status
            taken = _CLOCK.unpack_from(self._clock_bytes)[Clock.STEPS] - before
            machine.ran(taken, perf_counter() - start)
            steps, before = steps - taken, before + taken
            if status is not Exit.STEPS or not steps:
                return status
            places = (places[0] + taken * strides[0], places[1] + taken * strides[1])
