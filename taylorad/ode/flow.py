"""Steps of a right-hand side, as far as its next switch and over it.

Many steps are taken in one go, as if nothing switched. Those before the first in which something
may are good; that one is taken by itself, up to the switch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from taylorad.errors import IntegrationError
from taylorad.ode.blocks import Block
from taylorad.ode.branch import Branch, with_slack
from taylorad.ode.choice import alike, watching
from taylorad.ode.digits.stepping import Later
from taylorad.ode.events.across import NotSmooth, across
from taylorad.ode.events.pursuit import Pursuit
from taylorad.ode.events.switches import GRADUAL
from taylorad.ode.events.watch import composed
from taylorad.ode.scales import held_order
from taylorad.ode.steps.interface import Exit
from taylorad.ode.steps.sampling import polynomial
from taylorad.ode.steps.stepper import Motion, Stepper, Tolerance
from taylorad.ode.steps.stops import Stops
from taylorad.ode.tracing.lines import Held

__all__ = ["Crossed", "Flow", "total"]

ALIKE = 64
"""Series agree over a step if they differ by no more than so many times the tolerance."""

ASIDE, FARTHER = 2.0**-10, 8
"""Where, in terms of a step, the code is traced anew, on the other side of a switch; and how many
times as far if it is the same there."""

SAME = 1e-12
"""Coefficients that differ by no more than this, of their size, are the same."""

FARTHEST = 2.0**900
"""The longest step, where there is nothing to go by."""

_EVENT = Exit.EVENT


class Crossed(IntegrationError):
    """A switch was met where none may be crossed."""


@dataclass
class _Side:
    """A side of a switch: what varies there, what changes, and where the solution is."""

    variation: Any
    changed: list[Held]
    given: list[Any]
    state: Any
    parts: Any


class Flow(Branch):
    """A right-hand side that goes on, step by step."""

    def run(
        self, motion: Motion, end: tuple[float, float], tolerance: Tolerance, steps: int = 2**62
    ) -> Exit:
        """Take many steps of which nothing is wanted but where they lead."""
        if not self.size:
            self._wait(motion, end, tolerance)
            return Exit.END
        return self.stepper.propagate(  # type: ignore[no-any-return]
            motion, end[0], tolerance, self.given, end_low=end[1], steps=steps
        )

    def fit(self, motion: Motion, end: tuple[Any, Any], tolerance: Tolerance) -> bool:
        """Take a lower order, if doubles do not hold all parts of this one; tell whether so."""
        if self.dtype == object or not self.size:
            return False
        order = held_order(self.series_at(motion, end, tolerance))
        if order is None:
            return False
        self.order = order
        if isinstance(self.stepper, Stepper) and self.system is not None:
            self.stepper = Stepper(watching(self.system), order)
            self.make_room(self.lines)
        else:
            self._interpret(motion.time, motion.state.reshape(self.shape))
        return True

    def series_at(self, motion: Motion, end: tuple[Any, Any], tolerance: Tolerance) -> Any:
        """Give the series of the components, even where no step is possible."""
        here, parts = motion.copy(), self.stepper.parts()
        here.cap, parts[:] = math.inf, math.nan
        tiny = replace(tolerance, longest=math.ulp(abs(here.time) or 1.0))
        self.stepper.propagate(here, end[0], tiny, self.given, end_low=end[1], steps=1, parts=parts)
        return parts[: self.size]

    def visit(self, motion: Motion, stops: Stops, tolerance: Tolerance) -> None:
        """Go from stop to stop: as far as that is possible without watching."""
        if not self.jumps and self.size and isinstance(self.stepper, Stepper):
            end, low = stops.times[-1].tolist()
            self.stepper.propagate(motion, end, tolerance, self.given, end_low=low, guide=stops)

    def record(
        self, motion: Motion, end: tuple[float, float], tolerance: Tolerance, steps: int
    ) -> Block:
        """Take many steps; there are none if that is not possible."""
        before = motion.steps
        if self.most > 1 and self.size:
            self._kept(motion, end, tolerance, steps)
        else:
            times = self.times
            times[0, :2] = motion.time, motion.time_low
            self._once(motion, end, tolerance)
            times[0, 2] = motion.step
        return self._block(motion, motion.steps - before)

    def pursue(
        self,
        motion: Motion,
        end: tuple[float, float],
        tolerance: Tolerance,
        steps: float,
        pursuit: Pursuit,
    ) -> tuple[Block, Exit]:
        """Take many steps, up to an event that ends the integration, or may do so."""
        exit = self._kept(motion, end, tolerance, steps, guide=pursuit)
        taken = pursuit.taken
        times, parts = self.times[:taken], self.parts[:taken]
        ended = exit is _EVENT
        return Block(times, parts, self.size, motion.time, motion.state, ended), exit

    @property
    def is_pursuable(self) -> bool:
        """Whether machine code can see all that is to be seen in a step."""
        return (
            not self.held
            and isinstance(self.stepper, Stepper)
            and None not in self.rows
            and self.size > 0
        )

    def _kept(
        self,
        motion: Motion,
        end: tuple[float, float],
        tolerance: Tolerance,
        steps: float,
        guide: Pursuit | None = None,
    ) -> Exit:
        """Take and record steps, if not too many."""
        steps = int(steps) if steps < self.most else self.most
        if steps > len(self.times):
            self.parts, self.times = self._room(min(2 * steps, self.most))
        exit: Exit = self.stepper.propagate(
            motion,
            end[0],
            tolerance,
            self.given,
            end_low=end[1],
            steps=steps,
            parts=self.parts,
            times=self.times,
            guide=guide,
        )
        return exit

    def _block(self, motion: Motion, count: int) -> Block:
        parts = self.parts if isinstance(self.parts, Later) else self.parts[:count]
        return Block(self.times[:count], parts, self.size, motion.time, motion.state)

    def quiet(self, block: Block, relative: float) -> int:
        """Tell in how many of the first steps nothing switches."""
        self.switches.now = block.times[0, 0]
        if not self._is_on_its_side(block.times[0, 2], relative):
            return 0
        return self.switches.quiet(block.parts, block.times[:, 2], relative)

    def step(
        self, before: Motion, motion: Motion, end: tuple[float, float], tolerance: Tolerance
    ) -> Block:
        """Take one step, no further than the next switch; there is none if that is not possible."""
        begin = motion.time, motion.time_low
        seen: dict[Any, Any] = {}  # of each side the series
        came, agrees = None, False
        while True:
            self.switches.now = begin[0]  # they are others where the code was traced anew
            if not self._once(motion, end, tolerance):
                return self._block(motion, 0)
            # The series of what jumps may well end before the state's.
            observed = self.parts[0, self.switches.sudden]
            h = motion.step * self.switches.share(observed, motion.step, tolerance.relative)
            h = self.switches.sharp(self.parts[0], h, begin[0], tolerance.relative)
            if agrees or self._is_on_its_side(h, tolerance.relative):
                break
            # What jumps because something else does is no switch of its own.
            came = came or self._came_from(before, h, tolerance.relative)
            seen[self._side()] = self.parts[0, : self.size].copy()
            self._change_sides(before, h, tolerance.relative)
            if came.changed:
                before.state = self._varied(came, before, end, tolerance)
                before.lost = 0 * before.state
            motion.restore(before)
            agrees = self._side() in seen and _agree([*seen.values()], h, tolerance)
            if self._side() in seen and not agrees:
                raise IntegrationError(
                    f"both sides of a switch in the right-hand side lead back to it at t = "
                    f"{motion.time}: the solution slides along it, or ends there",
                    motion.time,
                    self.shown.of(motion.state),
                )
        switch = None if agrees else self.switches.first(self.parts[0], h, tolerance.relative)
        if switch is not None and abs(switch) < abs(h):
            h = switch
        if abs(h) < abs(motion.step):
            motion.restore(before)
            self.cut(motion, begin, h, tolerance)
        self.times[0] = *begin, h
        return self._block(motion, 1)

    def _came_from(self, motion: Motion, h: Any, relative: Any) -> _Side:
        """Note the side of a switch that the solution comes from."""
        variation = self.system.variation if self.system is not None else None
        held = variation.held if variation is not None else []
        sides = zip(held, self.held, self.switches.after(self.parts[0], h, relative))
        return _Side(
            variation,
            [held for held, here, there in sides if here != there and held.row.name not in GRADUAL],
            [motion.time, *self.given],
            motion.state,
            self.parts[0, : self.size].copy(),
        )

    def _varied(
        self, came: _Side, motion: Motion, end: tuple[float, float], tolerance: Tolerance
    ) -> Any:
        """Give the state on the other side of a switch, with all solutions nearby."""

        def expanded(state: Any) -> Any:
            there = motion.copy()
            there.state, there.lost = state, 0 * state
            self._once(there, end, tolerance)
            return self.parts[0, : self.size]

        try:
            state = across(came.variation, came.changed, came.parts, came.given, expanded)
            gap = np.max(np.abs(state - came.state))
            if not motion.steps and gap > SAME * np.max(np.abs(state)):
                raise NotSmooth("the solution begins on a switch")
        except NotSmooth as error:
            text = f"at t = {motion.time} {error}: there are no derivatives by what is varied"
            raise IntegrationError(text, motion.time, self.shown.of(motion.state)) from error
        return state

    def cut(self, motion: Motion, times: Any, s: float, tolerance: Tolerance) -> None:
        """Go as far as a time s after the beginning of a step."""
        time, low = total(times[0], s)
        end = total(time, low + times[1])
        motion.step = 0.0
        if end != (motion.time, motion.time_low):
            self.run(motion, end, tolerance)

    def series(self, block: Block) -> Any:
        """Give the series of the events: shape (count, events, order + 1)."""
        rows, n = self.rows, self.size
        if None not in rows:  # then they are one behind the other
            return block.parts[:, n : n + len(rows)]
        found = with_slack((len(block), len(rows), self.order + 1), self.dtype)
        for i, (event, row) in enumerate(zip(self.events, rows, strict=True)):
            for step, (parts, (time, _, _)) in enumerate(zip(block.parts, block.times)):
                if row is not None:
                    found[step, i] = parts[row]
                else:
                    found[step, i] = composed(
                        event.function, time, parts[:n], self.shape, self.args
                    )
        return found

    def values(self, t: float, state: Any) -> list[Any]:
        """Compute the events' functions."""
        if self.dtype == object:  # of which NumPy itself has no functions
            y = state[:, None]
            return [composed(e.function, t, y, self.shape, self.args)[0] for e in self.events]
        y = state.reshape(self.shape)
        with np.errstate(all="ignore"):
            return [np.ravel(event.function(t, y, *self.args))[0] for event in self.events]

    def _once(self, motion: Motion, end: tuple[float, float], tolerance: Tolerance) -> bool:
        """Take one step; the parts are the first then."""
        if not self.size:
            self._wait(motion, end, tolerance)
            return True
        steps = motion.steps
        if isinstance(self.stepper, Stepper):
            parts = self.parts[0]
        else:
            parts = self.parts = Later()
        self.stepper.propagate(
            motion, end[0], tolerance, self.given, end_low=end[1], steps=1, parts=parts
        )
        return motion.steps > steps

    def _wait(self, motion: Motion, end: tuple[float, float], tolerance: Tolerance) -> None:
        """Let time pass where there is nothing that changes."""
        left = (end[0] - motion.time) + (end[1] - motion.time_low)
        longest = min(tolerance.longest, motion.cap, FARTHEST)
        motion.cap = np.inf
        motion.step = min(max(left, -longest), longest)
        if abs(left) > longest:
            time, low = total(motion.time, motion.step)
            end = total(time, low + motion.time_low)
        motion.time, motion.time_low = end
        motion.steps += 1

    # --- switches ---

    def _side(self) -> tuple[Any, ...]:
        guards = self.system.guards if self.system is not None else []
        said = self.system.said if self.system is not None else ""
        pivots = repr(self.system.unvaried.pivots) if self.system is not None else ""
        return (self.held, said, pivots, tuple((origin, truth) for _, truth, origin in guards))

    def _is_on_its_side(self, h: Any, relative: Any) -> bool:
        return self.switches.after(self.parts[0], h, relative) == self.held

    def _change_sides(self, before: Motion, h: Any, relative: Any) -> None:
        assert self.system is not None
        there = self.switches.after(self.parts[0], h, relative)
        jumping = any(
            x != y and held.row.name not in GRADUAL
            for held, x, y in zip(self.system.held, self.held, there, strict=True)
        )
        if jumping and getattr(self.fun, "smooth", False):
            raise Crossed(
                f"after t = {float(before.time):.17g} a switch in the right-hand side is crossed",
                *(before.time, before.state.reshape(self.shape).copy()),
            )
        self.hold(there)
        system = self.system.unvaried
        given = [*self._arguments(system, before.state, before.time), *self.held]
        known = self.switches.values(given)
        parts = self.parts[0, : self.size]
        landed = getattr(self.fun, "landed", None)
        if landed is not None:  # what follows from the rest may jump, in the note too
            before.state = landed(before, parts, h, self.args, relative)
        if any(bool(known[line]) != truth for line, truth, _ in system.guards):
            later = self.switches.first(self.parts[0], h, relative)
            self._trace_beyond(before.time, parts, h / 2 if later is None else later / 2)

    def _trace_beyond(self, time: Any, parts: Any, farthest: Any) -> None:
        """Trace the code on the other side of a switch, and on this side of the next.

        Near to it roundings may decide as if it had not been crossed.
        """
        came, aside = self.system, 2 * ASIDE * farthest
        assert came is not None
        while True:
            self._trace_anew(time + aside, polynomial(parts, aside))
            if self.system is None or not alike(came, self.system) or aside == farthest:
                return
            aside = min(FARTHER * aside, farthest, key=abs)

    def _trace_anew(self, t: Any, state: Any) -> None:
        y = state.reshape(self.shape)
        try:
            self.trace(t, y)
        except np.linalg.LinAlgError as error:
            raise IntegrationError(f"at t = {t}: {error}", t, self.shown.of(state)) from error


def _agree(series: Sequence[Any], h: Any, tolerance: Tolerance) -> bool:
    """Tell whether series are the same over a step: then it does not matter which side it is on.

    So it is where a loop of the user's ends when something is small, and rounding errors decide.
    """
    first, *others = series
    powers = np.array([abs(h) ** k for k in range(first.shape[-1])])
    most = ALIKE * tolerance.relative * (np.abs(first[:, 0]) + tolerance.floors)
    gaps = [np.sum(np.abs(x - first) * powers, axis=1) for x in others]
    return bool(gaps) and all(np.all(gap <= most) for gap in gaps)


def total(a: float, b: float) -> tuple[float, float]:
    """Add two numbers: the sum, and what rounding lost."""
    s = a + b
    if s - s:  # infinite
        return s, 0.0
    c = s - a
    return s, (a - (s - c)) + (b - c)
