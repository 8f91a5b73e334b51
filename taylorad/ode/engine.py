"""The engine of an integration: blocks of steps, up to the next terminal event.

Steps are taken many at a time, and looked through afterwards. Those that should not have been
taken, behind a terminal event or a switch, are taken back: the engine returns to where the block
began, and takes the good ones again. Steps are the same each time, to the last bit, so nothing
depends on how many were taken at a time. Where an event may end it all, and machine code sees all
that is to be seen, each step is looked through before the next: see `Pursuit`.
"""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from taylorad.errors import InputError
from taylorad.ode.blocks import Block
from taylorad.ode.branch import with_slack
from taylorad.ode.digits.pickling import exactly
from taylorad.ode.events.ending import Ending
from taylorad.ode.events.exact import sharpened
from taylorad.ode.events.pursuit import Pursuit
from taylorad.ode.events.search import Verdict
from taylorad.ode.events.watch import NOTHING, Event, Watch, resolved
from taylorad.ode.failures import TOO_SMALL, failed, failure
from taylorad.ode.flow import Flow
from taylorad.ode.standstill import Standstill
from taylorad.ode.steps.interface import Exit
from taylorad.ode.steps.sampling import evaluate
from taylorad.ode.steps.stepper import Motion, Tolerance

__all__ = ["SPACINGS", "Engine", "Time"]

Time = tuple[Any, Any]
"""A time in two words."""

CHUNK = 20_000
"""So many steps between two looks at the keyboard."""

SPACINGS = 10
"""A step must be so many times the spacing of doubles."""

NEAREST = 2.0**-40
"""Events make steps no shorter than this, of the time."""

FARTHER = 32.0
"""So many times as long is each next one, where they are still singular."""

AHEAD, FREELY = 2**14, 128
"""Bytes of steps that are taken at a time at first; so many steps where all of them are good."""

_OPEN = Exit.OPEN  # to look up members of enumerations takes a while


class Engine:
    """An integration that goes on.

    Parameters
    ----------
    flow : Flow
    motion : Motion
    tolerance : Tolerance
    events : list of Event
    is_order_free : bool
        Whether another order may be taken than that of the flow.

    Attributes
    ----------
    last : Block or None
        The steps that were taken last, if they were recorded.
    t_events, y_events : list of list
        Times and states of the events so far.
    reach : number
        How long the last steps were for events that are singular; 0 where none is.
    """

    def __init__(
        self,
        flow: Flow,
        motion: Motion,
        tolerance: Tolerance,
        events: list[Event],
        is_order_free: bool = False,
    ) -> None:
        self.flow, self.motion, self.tolerance, self.events = flow, motion, tolerance, events
        self.t_events: list[list[Any]] = [[] for _ in events]
        self.y_events: list[list[Any]] = [[] for _ in events]
        self.ending = Ending(events)
        self.exact = motion.state.dtype == object
        self.is_order_free = is_order_free
        self.standstill, self.ahead = Standstill(), 1
        self.forget()

    @cached_property
    def watch(self) -> Watch:
        """What looks for events."""
        relative = max(float(self.tolerance.relative), 1e-290)
        return Watch(len(self.events), self.flow.order, relative)

    @cached_property
    def pursuit(self) -> Pursuit:
        """What goes as far as an event that ends it all."""
        return Pursuit(self.watch.search, self.ending)

    def forget(self) -> None:
        """Forget what is no longer so where the integration has been moved by hand."""
        if self.events:
            self.watch.forget()
        self.motion.step, self.motion.cap = 0.0, math.inf
        self.standstill.idle, self.reach = 0, 0.0
        self.last: Block | None = None

    def place(self, y: Any) -> None:
        """Go on from another state of the user's."""
        motion, flow = self.motion, self.flow
        if flow.constrained:
            state = flow.constrained.settled(motion.time, y, motion.state, flow.args).ravel()
        else:
            if y.dtype == complex and motion.state.dtype == float and not flow.shown.in_pairs:
                raise InputError("the state is real: begin with a complex one for it to be complex")
            state = flow.shown.vector(y)
        motion.state, motion.lost = state, np.zeros(state.size, state.dtype)
        self.forget()

    def settle(self) -> None:
        """Go on at another time, or with other parameters, with what follows from these."""
        if self.flow.constrained:
            self.place(self.flow.shown.of(self.motion.state))
        self.forget()

    def begin(self) -> None:
        """Take few steps at a time, to begin with, if some may be in vain."""
        self.ahead = 0

    def _few(self) -> int:
        if not (self.events or self.flow.jumps):
            return min(FREELY, self.flow.most)
        size = 8 * (self.flow.lines + 1) * (self.flow.order + 1)
        return min(max(AHEAD // size, 1), 16)

    def __getstate__(self) -> dict[str, Any]:
        """Give all but what is compiled, and how to make that."""
        flow = self.flow
        made = (flow.fun, self.events, flow.args, flow.order, *flow.traced_at, flow.digits)
        given = {**vars(self), "flow": (made, flow.held), "last": self.final()}
        given.pop("pursuit", None)
        return exactly(given) if self.exact else given

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        made, held = state["flow"]
        self.flow = Flow(*made)
        self.flow.hold(held)

    def final(self) -> Block | None:
        """Give the last step."""
        return None if self.last is None or not len(self.last) else self.last.last()

    def copy(self) -> Engine:
        """Give another that does not change with this one; what is compiled they share."""
        new = object.__new__(Engine)
        vars(new).update(vars(self))
        new.motion = self.motion.copy()
        if self.events:
            new.watch = copy.deepcopy(self.watch)
            vars(new).pop("pursuit", None)
        new.ending, new.standstill = copy.deepcopy(self.ending), copy.copy(self.standstill)
        new.t_events, new.y_events = (
            [list(x) for x in lists] for lists in (self.t_events, self.y_events)
        )
        new.flow = copy.copy(self.flow)
        new.flow.make_room(new.flow.lines, new.flow.dtype)
        new.last = self.final()
        return new

    # --- going on ---

    def run(self, end: Time, steps: float) -> None:
        """Take steps of which nothing is wanted but where they lead."""
        motion, self.last = self.motion, None
        before = (motion.time, motion.steps, motion.state)
        if self.flow.run(motion, end, self.tolerance, int(min(steps, CHUNK))) is Exit.STUCK:
            self._begin_anew(end, self.tolerance)
        else:
            self.standstill.check(self.flow, motion, self.tolerance, before, end)

    def advance(self, end: Time, most: float = math.inf, longest: float = math.inf) -> Block:
        """Take as many steps as seem convenient, up to a terminal event.

        Parameters
        ----------
        end : (number, number)
        most : float
            How many steps there may be.
        longest : float
            How long they may be.
        """
        motion, flow, tolerance = self.motion, self.flow, self.tolerance
        self.last = None
        if longest < tolerance.longest:
            tolerance = replace(tolerance, longest=longest)
        longest = tolerance.longest
        if longest < math.inf and not self.exact and longest < SPACINGS * math.ulp(motion.time):
            raise failed(TOO_SMALL, motion, flow)
        pursuit = self.pursuit if self.ending.is_possible and flow.is_pursuable else None
        done, found, ended, cap = 0, NOTHING, False, None
        while not done:
            start = motion.noted()
            if pursuit is not None:
                block, exit = flow.pursue(motion, end, tolerance, most, pursuit)
                done = len(block)
                if exit is not _OPEN:
                    kept, found = block, pursuit.found
                    break
            else:
                self.ahead = self.ahead or self._few()
                block, done = self._recorded(start, end, tolerance, int(min(most, self.ahead)))
            if self.events:
                done, found, ended, cap = self._watched(block.first(done), pursuit)
            kept = self._kept(block, start, end, tolerance, done, found[-1] if ended else None)
            if cap is not None:
                motion.cap = cap
        if not done:
            self._begin_anew(end, tolerance)
            return self.advance(end, most, longest)
        if len(found):
            self._note(kept, found)
        before = (start.time, start.steps, start.state)
        self.standstill.check(flow, motion, self.tolerance, before, end)
        self.last = kept
        return kept

    def _recorded(
        self, start: Motion, end: Time, tolerance: Tolerance, count: int
    ) -> tuple[Block, int]:
        """Record steps; tell how many of the first lead over no switch."""
        flow, motion = self.flow, self.motion
        block = flow.record(motion, end, tolerance, count)
        good = len(block)
        if good and flow.jumps:
            good = flow.quiet(block, tolerance.relative)
            if not good:
                motion.restore(start)
                block, self.ahead = flow.step(start, motion, end, tolerance), 1
                good = len(block)
        if not good:
            self._begin_anew(end, tolerance)
            return self._recorded(start, end, tolerance, count)
        return block, good

    def _begin_anew(self, end: Time, tolerance: Tolerance) -> None:
        """Begin with a lower order, if no step was possible for parts overflow; or say why not."""
        motion, flow = self.motion, self.flow
        if motion.steps or not (self.is_order_free and flow.fit(motion, end, tolerance)):
            raise failure(flow, motion, end, tolerance)
        motion.step, motion.rejected, motion.cap = 0.0, 0, math.inf
        for name in ("watch", "pursuit"):
            vars(self).pop(name, None)

    def _kept(
        self,
        block: Block,
        start: Motion,
        end: Time,
        tolerance: Tolerance,
        done: int,
        last: Any,
    ) -> Block:
        """Go back to the end of the last good step, or into it where a terminal event was met."""
        flow, motion = self.flow, self.motion
        if last is None and done == len(block):
            self.ahead = min(2 * self.ahead, flow.most)
            return block
        motion.restore(start)
        if last is None:
            if done:
                flow.run(motion, end, tolerance, done)
            self.ahead = max(done, 1)
            return block.first(done)
        self.begin()  # the good steps, and the last as far as that
        step, _, s, _ = last.tolist()
        whole = int(step)
        kept = block.first(whole + 1)
        flow.cut(motion, kept.times[whole].tolist(), s, tolerance)
        kept.times[whole, 2] = s
        kept.stop, kept.state, kept.ended = motion.time, motion.state, True
        return kept

    # --- events ---

    def _watched(self, block: Block, pursuit: Pursuit | None) -> tuple[int, Any, bool, Any]:
        """Look for events, or go on where a pursuit has left off.

        Returns
        -------
        done : int
            How many steps were looked through.
        found : ndarray, shape (count, 4)
            What counts, up to a terminal event.
        ended : bool
            Whether the last of these is one.
        cap : number or None
            How long the next step may be, if the one that was next is too long for the events.
        """
        series, times, scale = self._searchable(block)

        def values(step: int) -> Any:
            upto = block.first(step + 1)
            return np.divide(self.flow.values(upto.stop, upto.state), scale).real

        before, known = (pursuit.verdict, pursuit.counted) if pursuit else (None, 0)
        verdict, done, found = self.watch.over(series, times, values, verdict=before)
        cap = None
        if verdict is Verdict.DONE:
            self.reach = 0.0
        else:
            cap = self._cap(verdict, series[done], times[done, 2], block.times[done], values(done))
            if cap is None and not done:
                done, found = self.watch.blindly(series[:1], times[:1], values)
        counted, ended = self.ending.counted(found, known) if len(found) else (found, False)
        if ended:
            step, _, s, _ = counted[-1].tolist()
            self.watch.leave(series[int(step)], s, [x for x in found.tolist() if x[0] == step])
        if self.exact and len(counted):
            rows, h = self.flow.series(block)[0], block.times[0, 2]
            counted = counted.astype(object)
            counted[:, 2] = [sharpened(rows[int(x[1])], x[2] * h, x[3], h) for x in counted]
        return done, counted, ended, None if ended else cap

    def _cap(self, verdict: Verdict, rows: Any, h: float, times: Any, ends: Any) -> Any:
        """Give how long a step may be that is too long for the events; None if that is too short.

        A function that is singular, or undefined, blocks no integration.
        """
        nearest = NEAREST * max(abs(times[0]), abs(times[0] + times[2]))
        if verdict is Verdict.SINGULAR:  # here, but perhaps not right behind it
            reach = max(nearest, FARTHER * self.reach)
            if abs(times[2]) > reach:
                self.reach = reach
                return reach
            if not np.any(np.isfinite(ends) > np.isfinite(rows[:, 0])):  # nor at its end
                return None
        share = resolved(rows, h, self.watch.relative) if verdict is Verdict.UNRESOLVED else 0.5
        size = min(share, 0.9) * abs(times[2])
        return size if size > nearest else None

    def _searchable(self, block: Block) -> tuple[Any, Any, Any]:
        """Give the events' series and the steps' times as doubles, and what they were divided by.

        mpmath numbers need not be within the range of doubles: the unit of time is the step.
        """
        series, times, scale = self.flow.series(block), block.times, 1
        if series.dtype == float:
            return series, times, scale
        real = with_slack(series.shape)
        if self.exact:
            powers = np.array([times[0, 2] ** k for k in range(series.shape[-1])])
            series = np.vectorize(lambda x: getattr(x, "real", x), otypes=[object])(series) * powers
            if not np.all(series - series == 0):
                text = f"At t = {float(block.times[0, 0]):.17g} the function of an event is not "
                text += "analytic, which it has to be with `digits`: begin a little later."
                raise failed(text, self.motion, self.flow)
            scale = np.max(np.abs(series)) or 1
            series, times = series / scale, np.array([[0.0, 0.0, 1.0]])
        real[:] = series.real if series.dtype == complex else series
        return real, times, scale

    def _note(self, block: Block, found: Any) -> None:
        """Write down when events were, and where the integration was then."""
        rows, seen = found.tolist(), self.flow.shown.of
        before = len(rows)
        if block.ended:
            last, before = rows[-1], before - 1
            while before and rows[before - 1][0] == last[0] and rows[before - 1][2] == last[2]:
                before -= 1
        if before:
            which, s = found[:before, 0].astype(int), found[:before, 2]
            begin = block.times[which]
            times = (begin[:, 0] + (begin[:, 1] + s)).tolist()
            states = seen(evaluate(block.coefficients, which, s).T)
            for row, time, state in zip(rows, times, states):
                self.t_events[int(row[1])].append(time)
                self.y_events[int(row[1])].append(state)
        for row in rows[before:]:  # where it stands
            self.t_events[int(row[1])].append(self.motion.time)
            self.y_events[int(row[1])].append(seen(self.motion.state).copy()[()])
