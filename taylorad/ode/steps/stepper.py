"""Steps of a system by machine code: what a core needs and gives, in Python's terms."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from math import copysign
from struct import Struct
from time import perf_counter
from typing import Any

import numpy as np

from taylorad.machine.module import Code
from taylorad.ode.steps.door import address, door
from taylorad.ode.steps.interface import Clock, Exit, Guide, Limits
from taylorad.ode.steps.stepsize import MARGIN, largest_defect
from taylorad.ode.steps.translation import Translation
from taylorad.ode.tracing.system import System

__all__ = ["Motion", "Stepper", "Tolerance"]

Array = np.ndarray[Any, np.dtype[np.float64]]

_CLOCK, _BOTH = Struct("=dddqqd"), Struct("=dddqqd6dq")
"""As `Clock` has it, and `Limits` behind that, but for the floors."""

_TABLE = ("core", "state", "clock", "given", "limits", "parts", "times", "work")
"""What a core is called by: see `door`."""

_CLOCK_AT = len(_TABLE)
_LIMITS_AT = _CLOCK_AT + len(Clock)
_TAKEN, _MOST = _CLOCK_AT + Clock.STEPS.value, _LIMITS_AT + Limits.STEPS.value
_FLOORS_AT = _LIMITS_AT + Limits.FLOORS.value

_CORE, _PARTS, _TIMES = map(_TABLE.index, ("core", "parts", "times"))
_CLOCK_BYTE = 8 * _CLOCK_AT
_NOWHERE, _NOTHING = (0, 0), (None, None)
_EXITS = tuple(Exit)
_STEPS = Exit.STEPS.value


@dataclass(frozen=True, eq=False)
class Tolerance:
    """How exact the steps are to be; neither this nor the floors are written into.

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

    As it goes on it gets other arrays: those that it had are never written into.

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

    def noted(self) -> Motion:
        """Give another that stays where this one is now, with the same arrays."""
        note = object.__new__(Motion)
        note.__dict__ = self.__dict__.copy()
        return note

    def restore(self, note: Motion) -> None:
        """Go back to where it was."""
        vars(self).update(vars(note))


class Stepper:
    """The machine code of a system.

    Parameters
    ----------
    system : System
    order : int
        The last degree of the series.
    level : {0, 1} or None
        The effort of compiling; by default more as soon as that is worth it.
    form : {"", "written", "turning", "spread", "looped", "tabled"}
        How the orders are written, as `Translation` has it; by default chosen by size.

    Attributes
    ----------
    functions : int
        How many functions of time and state are expanded together with the components.
    """

    def __init__(
        self, system: System, order: int, level: int | None = None, form: str = ""
    ) -> None:
        self.system, self.order = system, order
        self.functions = sum(system.entries)
        self._machine = Translation(system, order, level, form)
        self._lock = threading.Lock()
        self._enter = door()
        places = self._machine.places
        self._is_plain = places == [*range(system.size)]
        if not self._is_plain:
            self._places = np.array(places)
            _, self._firsts = np.unique(self._places, return_index=True)
        self._lay_out(len(places), len(system.held) + sum(p.size for p in system.parameters))
        self._tolerance: Tolerance | None = None
        self._parts: Array | None = None
        self._times: Array | None = None
        self._there = _NOWHERE
        self._left: tuple[Array | None, Array | None] = _NOTHING

    def _lay_out(self, room: int, held: int) -> None:
        """Make room for all that a core is given: one array, that starts with its table."""
        given = _FLOORS_AT + room
        state = given + held + 1
        work = -(-(state + 3 * room) // 8) * 8
        memory = np.zeros(work + self._machine.work + 8)
        begin = address(memory)
        skipped = -begin % 64 // 8
        begin, memory = begin + 8 * skipped, memory[skipped:]
        self._memory, self._table = memory.data, begin
        self._words = memory.view(np.int64).data
        self._floors = memory[_FLOORS_AT:given]
        self._given = memory[given:state]
        self._x, self._lost, self._foreseen = memory[state : state + 3 * room].reshape(3, room)
        beginnings = {"state": state, "clock": _CLOCK_AT, "given": given}
        beginnings |= {"limits": _LIMITS_AT, "work": work}
        for name, place in beginnings.items():
            self._words[_TABLE.index(name)] = begin + 8 * place
        self._words[_CORE] = self._machine.address

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
        guide: Guide | None = None,
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
        guide : Guide, optional
            What is to call the core.
        """
        time, low = motion.time, motion.time_low
        with self._lock:  # of what is here for the next call, too
            left, self._left = self._left, _NOTHING
            if motion.state is left[0] and motion.lost is left[1]:
                pass  # there they are, as the last call left them
            elif self._is_plain:
                self._x[:], self._lost[:] = motion.state, motion.lost
            else:
                # To take is quicker than to index, if no place is checked.
                motion.state.take(self._places, out=self._x, mode="clip")
                motion.lost.take(self._places, out=self._lost, mode="clip")
            self._foreseen.fill(0.0)  # no step has foreseen anything
            if len(given):
                self._given[: len(given)] = given
            if tolerance is not self._tolerance:
                self._aim(tolerance)
            self._words[_PARTS], self._words[_TIMES] = self._recorded(parts, times)
            most = self._machine.steps
            factor, longest, defect = self._limits
            # One by one: arguments that come in tuples take longer.
            _BOTH.pack_into(
                self._memory,
                _CLOCK_BYTE,
                time,
                low,
                motion.step,
                motion.steps,
                motion.rejected,
                motion.cap,
                end,
                end_low,
                copysign(1.0, (end - time) + (end_low - low)),
                factor,
                longest,
                defect,
                steps if steps < most else most,
            )
            machine, table = self._machine, self._table
            if guide is not None:
                table = guide.table(table, machine.places)
            if machine.is_last:
                status = self._enter(table)
            else:
                status = self._run(table, motion.steps, steps, parts, times)
            time, low, step, count, rejected, cap = _CLOCK.unpack_from(self._memory, _CLOCK_BYTE)
            motion.time, motion.time_low, motion.step = time, low, step
            motion.steps, motion.rejected, motion.cap = count, rejected, cap
            if self._is_plain:
                state, lost = self._x.copy(), self._lost.copy()
            else:
                state, lost = self._x[self._firsts], self._lost[self._firsts]
            motion.state, motion.lost = self._left = state, lost
        return _EXITS[status]

    def _aim(self, tolerance: Tolerance) -> None:
        """Note how exact steps are to be."""
        self._tolerance, relative = tolerance, tolerance.relative
        floors = tolerance.floors
        self._floors[:] = floors if self._is_plain else floors[self._places]
        factor = (math.log2(relative) - MARGIN) / self.order
        defect = largest_defect(self.order, self.system.size, relative)
        self._limits = factor, tolerance.longest, defect

    def _recorded(self, parts: Array | None, times: Array | None) -> tuple[int, int]:
        """Tell where steps are to be recorded."""
        if parts is None:
            return _NOWHERE
        if parts is not self._parts or times is not self._times:
            self._parts, self._times = parts, times
            self._there = address(parts), 0 if times is None else address(times)
        return self._there

    def _run(
        self,
        table: int,
        before: int,
        steps: int,
        parts: Array | None,
        times: Array | None,
    ) -> int:
        """Take steps, and say after each few how long they took."""
        machine, words, enter = self._machine, self._words, self._enter
        while True:
            start = perf_counter()
            status = enter(table)
            if machine.is_last:
                return status
            taken = words[_TAKEN] - before
            machine.ran(taken, perf_counter() - start)
            words[_CORE] = machine.address
            steps, before = steps - taken, before + taken
            if status != _STEPS or not steps:
                return status
            words[_MOST] = min(steps, machine.steps)
            if parts is not None and times is not None:
                words[_PARTS] += taken * parts.strides[0]
                words[_TIMES] += taken * times.strides[0]
