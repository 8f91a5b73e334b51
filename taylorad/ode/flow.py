"""A right-hand side made ready for steps: traced, compiled, on one side of its switches.

Many steps are taken in one go, as if nothing switched. Those before the first in which something
may are good; that one is taken by itself, up to the switch.

Where the user's code chose by ``if``, the trace is that of one branch; on the other side of the
switch it is traced again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from taylorad.errors import InputError, IntegrationError
from taylorad.ode.blocks import Block
from taylorad.ode.choice import alike, stepper_of, watching
from taylorad.ode.digits.direct import Direct
from taylorad.ode.digits.precision import words_for
from taylorad.ode.digits.stepping import Later
from taylorad.ode.events.exact import ExactSwitches
from taylorad.ode.events.isolation import WIDTH
from taylorad.ode.events.switches import Switches
from taylorad.ode.events.variations import NotSmooth, across
from taylorad.ode.events.watch import Event, composed
from taylorad.ode.steps.interface import Exit
from taylorad.ode.steps.sampling import polynomial
from taylorad.ode.steps.stepper import Motion, Stepper, Tolerance
from taylorad.ode.tracing.garbage import none_sought
from taylorad.ode.tracing.system import NotTraceable, System, jumps, system

__all__ = ["Flow", "total", "with_slack"]

ASIDE = 2.0**-10
"""Where, in terms of a step, the code is traced anew: on the other side of a switch."""

MOST = 512
"""So many steps are recorded in one go,"""

MEMORY = 2**18
"""if no more bytes than these are taken."""

SAME = 1e-12
"""Coefficients that differ by no more than this, of their size, are the same."""

FARTHEST = 2.0**900
"""The longest step, where there is nothing to go by."""


class Flow:
    """The stepper of a problem, and what it is given.

    Parameters
    ----------
    fun : callable
        ``fun(t, y, *args)``.
    events : list of Event
    args : tuple
    order : int
    t, y
        Where to begin.
    digits : int, optional
        That mpmath numbers are to have.

    Attributes
    ----------
    most : int
        How many steps are recorded in one go.
    """

    def __init__(
        self,
        fun: Callable[..., Any],
        events: Sequence[Event],
        args: tuple[Any, ...],
        order: int,
        t: float,
        y: Any,
        digits: int | None = None,
    ) -> None:
        self.fun, self.events, self.args, self.order = fun, events, args, order
        self.shape = np.shape(y)
        self.size = int(np.size(y))
        self.digits, self.words = digits, words_for(digits)
        # Of each event the row that it has among the parts; None if it is composed.
        self.rows: list[int | None] = []
        self.stepper: Any = None
        # Those of mpmath numbers, of each of the branches that there were.
        self.steppers: list[Any] = []
        self.parameters: Any = []
        self.hold(())
        self.system: System | None = None
        self.trace(t, y)

    # --- tracing ---

    def trace(self, t: float, y: Any) -> None:
        """Trace the right-hand side and the events, on the side of their switches that y is on."""
        if not self.size:
            self.parameters = []
            self.hold(())
            self.rows = [None] * len(self.events)
            self.make_room(0)
            return
        if y.dtype == float:
            try:
                self._translate(t, y)
                return
            except NotTraceable:
                pass
        self._interpret(t, y)

    @none_sought()
    def _translate(self, t: float, y: Any) -> None:
        """Take steps by machine code."""
        traced = self._traced(t, y)
        if self.system is None or not alike(self.system, traced):
            self.stepper = Stepper(watching(traced), self.order)
            self.make_room(self.size + self.stepper.functions)
        self.system = traced
        self.parameters = [float(x) for p in traced.parameters for x in np.ravel(p)]
        self._begin_with(Switches(traced.unvaried, self._ahead), float(t), y)

    @property
    def _ahead(self) -> int:
        """How many lines are ahead of the operands of what is held."""
        return self.size + sum(row is not None for row in self.rows)

    def _begin_with(self, switches: Switches, t: Any, y: Any) -> None:
        """Compute what is held at the beginning."""
        self.switches, system = switches, switches.system
        self.hold(())
        # Of mpmath numbers a trace is made with doubles: code may have chosen otherwise.
        guards = system.guards if y.dtype == object else []
        if system.held or guards:
            known = switches.values(self._arguments(system, np.ravel(y), t))
            self.hold(tuple(known[held.line] for held in system.held))
            if any(bool(known[line]) != truth for line, truth, _ in guards):
                raise InputError(
                    f"at t = {t} an `if` in the right-hand side, or in an event, depends on more "
                    "digits than a double has; write np.where instead"
                )

    def _arguments(self, system: System, state: Any, t: Any) -> list[Any]:
        """Give the arguments of a system, which may be what is varied, but for what is held."""
        numbers = sum(p.size for p in system.parameters)
        return [*state[: system.size].tolist(), t, *self.parameters[:numbers]]

    def _traced(self, t: float, y: Any) -> System:
        functions = [event.function for event in self.events]
        try:
            traced = system(self.fun, t, y, self.args, functions, may_wait=True)
        except NotTraceable:
            system(self.fun, t, y, self.args)
            functions = [g for g in functions if self._is_traceable(g, t, y)]
            traced = system(self.fun, t, y, self.args, functions)
        rows: list[int | None] = []
        ahead = iter(traced.functions)
        for i, event in enumerate(self.events):
            lines = next(ahead) if event.function in functions else None
            if lines is not None:
                _check_event(i, lines)
            rows.append(None if lines is None else self.size + sum(r is not None for r in rows))
        self.rows = rows
        return traced

    def _is_traceable(self, g: Callable[..., Any], t: float, y: Any) -> bool:
        try:
            system(self.fun, t, y, self.args, [g])
        except NotTraceable:
            return False
        return True

    def _interpret(self, t: float, y: Any) -> None:
        """Take steps in Python, where machine code does not serve."""
        functions = [event.function for event in self.events]
        self.stepper, self.parameters = stepper_of(
            *(self.fun, t, y, self.order, self.args, functions),
            words=self.words,
            held=True,
            known=self.steppers,
        )
        if isinstance(self.stepper, Direct) and jumps(self.fun, t, y, self.args):
            raise InputError(
                "the right-hand side jumps, by a comparison, abs or the like. Where it does is "
                "found if it can be taken apart into real numbers; but here the state is complex, "
                "or it uses what has no formula. Integrate each branch by itself, up to an event"
            )
        self.rows = [self.size + i for i in range(len(functions))]
        self.make_room(self.size + self.stepper.functions, self.stepper.parts().dtype)
        self.system = getattr(self.stepper, "system", None)
        if self.system is None:
            self.hold(())
        else:
            if self.stepper not in self.steppers:
                self.steppers.append(self.stepper)
            for i in range(len(functions)):
                _check_event(i, self.system.functions[i])
            self._begin_with(ExactSwitches(self.system, self._ahead), t, y)

    def make_room(self, lines: int, dtype: Any = float) -> None:
        """Make room for steps: one at first."""
        self.lines, self.dtype = lines, dtype
        self.most = 1
        if self.stepper is None or isinstance(self.stepper, Stepper):
            self.most = min(max(MEMORY // (8 * (lines + 1) * (self.order + 1)), 1), MOST)
        self.parts, self.times = self._room(1)

    def _room(self, steps: int) -> tuple[Any, Any]:
        parts = with_slack((steps, self.lines, self.order + 1), self.dtype)
        return parts, np.zeros((steps, 3), object if self.dtype == object else float)

    # --- stepping ---

    @property
    def jumps(self) -> bool:
        """Whether anything is held for a step."""
        return bool(self.held)

    def hold(self, held: tuple[float, ...]) -> None:
        """Note what is held for the next steps."""
        self.held, self.given = held, [*self.parameters, *held]

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

    def record(
        self, motion: Motion, end: tuple[float, float], tolerance: Tolerance, steps: int
    ) -> Block:
        """Take many steps; there are none if that is not possible."""
        steps = min(steps, self.most)
        if steps > len(self.times):
            self.parts, self.times = self._room(min(2 * steps, self.most))
        before, times = motion.steps, self.times
        if self.most > 1 and self.size:
            self.stepper.propagate(
                motion,
                end[0],
                tolerance,
                self.given,
                end_low=end[1],
                steps=steps,
                parts=self.parts,
                times=times,
            )
        else:
            times[0, :2] = motion.time, motion.time_low
            self._once(motion, end, tolerance)
            times[0, 2] = motion.step
        return self._block(motion, motion.steps - before)

    def _block(self, motion: Motion, count: int) -> Block:
        parts = self.parts if isinstance(self.parts, Later) else self.parts[:count]
        return Block(self.times[:count], parts, self.size, motion.time, motion.state)

    def quiet(self, block: Block, relative: float) -> int:
        """Tell in how many of the first steps nothing switches."""
        if not self._is_on_its_side(block.times[0, 2], relative):
            return 0
        return self.switches.quiet(block.parts, block.times[:, 2], relative)

    def step(self, motion: Motion, end: tuple[float, float], tolerance: Tolerance) -> Block:
        """Take one step, no further than the next switch; there is none if that is not possible."""
        seen, begin = {self._side()}, (motion.time, motion.time_low)
        while True:
            before = motion.noted()
            if not self._once(motion, end, tolerance):
                return self._block(motion, 0)
            # The series of what jumps may well end before the state's.
            observed = self.parts[0, self._ahead :]
            h = motion.step * self.switches.share(observed, motion.step, tolerance.relative)
            if self._is_on_its_side(h, tolerance.relative):
                break
            system, given, parts = self.system, self.given, self.parts[0, : self.size].copy()
            self._change_sides(before, h, tolerance.relative)
            motion.restore(before)
            if system is not None and system.variation is not None:
                self._vary(system, given, parts, motion, end, tolerance)
            if self._side() in seen:
                raise IntegrationError(
                    f"both sides of a switch in the right-hand side lead back to it at t = "
                    f"{motion.time}: the solution slides along it, or ends there",
                    motion.time,
                    motion.state.reshape(self.shape),
                )
            seen.add(self._side())
        switch = self.switches.first(self.parts[0], h, tolerance.relative)
        if switch is not None and abs(switch) < abs(h):
            h = switch
        if abs(h) < abs(motion.step):
            motion.restore(before)
            self.cut(motion, begin, h, tolerance)
        self.times[0] = *begin, h
        return self._block(motion, 1)

    def _vary(
        self,
        system: System,
        given: Sequence[Any],
        parts: Any,
        motion: Motion,
        end: tuple[float, float],
        tolerance: Tolerance,
    ) -> None:
        """Go over to the other side of a switch with all solutions nearby."""
        numbers = len(given) - len(system.held)
        sides = zip(system.variation.held, given[numbers:], self.held, strict=False)
        changed = [held for held, before, now in sides if before != now]

        def expanded(state: Any) -> Any:
            there = motion.copy()
            there.state, there.lost = state, 0 * state
            self._once(there, end, tolerance)
            return self.parts[0, : self.size]

        given = [motion.time, *given]
        try:
            state = across(system.variation, changed, parts, given, expanded)
            gap = np.max(np.abs(state - motion.state))
            if not motion.steps and gap > SAME * np.max(np.abs(state)):
                raise NotSmooth("the solution begins on a switch")
        except NotSmooth as error:
            text = f"at t = {motion.time} {error}: there are no derivatives by what is varied"
            state = motion.state.reshape(self.shape)
            raise IntegrationError(text, motion.time, state) from error
        motion.state, motion.lost = state, 0 * state

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
        return (self.held, tuple((origin, truth) for _, truth, origin in guards))

    def _is_on_its_side(self, h: Any, relative: Any) -> bool:
        return self.switches.after(self.parts[0], h, relative) == self.held

    def _change_sides(self, before: Motion, h: Any, relative: Any) -> None:
        assert self.system is not None
        self.hold(self.switches.after(self.parts[0], h, relative))
        system = self.system.unvaried
        given = [*self._arguments(system, before.state, before.time), *self.held]
        known = self.switches.values(given)
        if any(bool(known[line]) != truth for line, truth, _ in system.guards):
            y = polynomial(self.parts[0, : self.size], ASIDE * h)
            self.trace(before.time + ASIDE * h, y.reshape(self.shape))


def with_slack(shape: tuple[int, ...], dtype: Any = float) -> Any:
    """Make an array behind which there is room for a vector that is read past its end."""
    count = math.prod(shape)
    return np.zeros(count + WIDTH, dtype)[:count].reshape(shape)


def _check_event(i: int, lines: Sequence[int]) -> None:
    if len(lines) != 1:
        raise InputError(f"event {i} returned {len(lines)} numbers; it must return one")


def total(a: float, b: float) -> tuple[float, float]:
    """Add two numbers: the sum, and what rounding lost."""
    s = a + b
    if s - s:  # infinite
        return s, 0.0
    c = s - a
    return s, (a - (s - c)) + (b - c)
