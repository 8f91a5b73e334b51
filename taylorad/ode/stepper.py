"""Steps of a system by machine code: what a core needs and gives, in Python's terms."""

from __future__ import annotations

import ctypes
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from taylorad.machine.module import Code, build
from taylorad.ode.core import Core
from taylorad.ode.grouped import Grouped
from taylorad.ode.grouping import LANES
from taylorad.ode.interface import Clock, Exit, Limits
from taylorad.ode.recurrences import Recurrences
from taylorad.ode.stepsize import MARGIN
from taylorad.ode.system import System
from taylorad.ode.unrolled import Unrolled

__all__ = ["Motion", "Stepper", "Tolerance"]

Array = np.ndarray[Any, np.dtype[np.float64]]

_CORE = ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_void_p] * 7)
_ROUNDING = 2.0**-52

MOST_WRITTEN = 8
"""Convolutions of a system whose orders are written out."""

MOST_SPREAD = 100
"""Vectors of nodes of a system whose groups are spread out."""


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
    level : {0, 1}
        The effort of compiling.
    form : {"", "written", "spread", "looped"}
        How the orders are written: each out; by groups that are spread out; by loops over groups.
        By default chosen by size.

    Attributes
    ----------
    functions : int
        How many functions of time and state are expanded together with the components.
    """

    def __init__(self, system: System, order: int, level: int = 1, form: str = "") -> None:
        self.system, self.order = system, order
        observed = [line for lines in system.functions for line in lines]
        self.functions = len(observed)
        recurrences = Recurrences(system, [*system.rates, *observed])
        form = form or _form(recurrences)
        self._core: Core = (
            Unrolled(recurrences, order)
            if form == "written"
            else Grouped(recurrences, order, is_spread=form == "spread")
        )
        self.code: Code = build(self._core.written(), level=level)
        self._call = _CORE(self.code.address("propagate"))
        self._places = np.array(self._core.places)
        _, self._firsts = np.unique(self._places, return_index=True)
        self._memory = np.zeros(self._core.work + 8)
        self._work = -(-self._memory.ctypes.data // 64) * 64
        room = len(self._places)
        held = len(system.held) + sum(int(p.size) for p in system.parameters)
        self._state, self._clock = np.zeros(3 * room), np.zeros(len(Clock))
        self._limits, self._given = np.zeros(Limits.FLOORS + room), np.zeros(held + 1)
        self._most = self._limits[Limits.STEPS : Limits.FLOORS].view(np.int64)
        self._counts = self._clock[Clock.STEPS : Clock.CAP].view(np.int64)
        arrays = (self._state, self._clock, self._given, self._limits)
        self._addresses = tuple(a.ctypes.data for a in arrays)
        self._lock = threading.Lock()

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
        with self._lock:  # which are here for the next call, too
            return self._propagate(motion, (end, end_low), tolerance, given, steps, parts, times)

    def _propagate(
        self,
        motion: Motion,
        end: tuple[float, float],
        tolerance: Tolerance,
        given: Sequence[float] | Array,
        steps: int,
        parts: Array | None,
        times: Array | None,
    ) -> Exit:
        room, state, clock, limits = len(self._places), self._state, self._clock, self._limits
        state[:room], state[room : 2 * room] = motion.state[self._places], motion.lost[self._places]
        state[2 * room :] = 0.0  # no step has foreseen anything
        clock[:] = motion.time, motion.time_low, motion.step, 0.0, 0.0, motion.cap
        self._counts[:] = motion.steps, motion.rejected
        left = (end[0] - motion.time) + (end[1] - motion.time_low)
        limits[: Limits.STEPS] = (
            *end,
            math.copysign(1.0, left),
            (math.log2(tolerance.relative) - MARGIN) / self.order,
            tolerance.longest,
            self._defect(tolerance.relative),
        )
        self._most[0] = steps
        limits[Limits.FLOORS :] = tolerance.floors[self._places]
        self._given[: len(given)] = given
        places = (0 if x is None else x.ctypes.data for x in (parts, times))
        status = Exit(self._call(*self._addresses, *places, self._work))
        motion.state, motion.lost = state[self._firsts], state[room + self._firsts]
        motion.time, motion.time_low, motion.step = clock[:3].tolist()
        motion.steps, motion.rejected = self._counts.tolist()
        motion.cap = float(clock[Clock.CAP])
        return status

    def _defect(self, relative: float) -> float:
        """Give the largest defect: an honest step's is p + 1 times its error, and roundings."""
        return 8 * (self.order + 1) * relative * self.system.size + 2**10 * _ROUNDING


def _form(recurrences: Recurrences) -> str:
    """Choose how the orders of a system are written."""
    if len(recurrences.inners) <= MOST_WRITTEN and len(recurrences.nodes) <= 8 * MOST_WRITTEN:
        return "written"
    vectors = len(recurrences.nodes) // LANES
    return "spread" if vectors <= MOST_SPREAD else "looped"
