"""A right-hand side made ready for steps: traced, compiled, on one side of its switches.

Where the user's code chose by ``if``, the trace is that of one branch; on the other side of the
switch it is traced again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from taylorad.errors import InputError, IntegrationError
from taylorad.ode.dense import polynomial
from taylorad.ode.events import Event, composed, resolved
from taylorad.ode.interface import Exit
from taylorad.ode.stepper import Motion, Stepper, Tolerance
from taylorad.ode.stepsize import LAST
from taylorad.ode.switches import Switches, values
from taylorad.ode.system import NotTraceable, System, system

__all__ = ["Flow"]

ASIDE = 2.0**-10
"""Where, in terms of a step, the code is traced anew: on the other side of a switch."""


ROUGHLY = 1e-3
"""An event function is taken for its series if it is that near, where nothing else is known."""


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

    Attributes
    ----------
    parts : ndarray, shape (n + functions, order + 1)
        Of the last step.
    series : ndarray, shape (events, order + 1)
        Those of the events.
    """

    def __init__(
        self,
        fun: Callable[..., Any],
        events: Sequence[Event],
        args: tuple[Any, ...],
        order: int,
        t: float,
        y: Any,
    ) -> None:
        self.fun, self.events, self.args, self.order = fun, events, args, order
        self.shape = np.shape(y)
        self.size = int(np.size(y))
        # Of each event the row that it has among the parts; None if it is composed.
        self.rows: list[int | None] = []
        self.held: tuple[float, ...] = ()
        self.system: System | None = None
        self.trace(t, y)

    # --- tracing ---

    def trace(self, t: float, y: Any) -> None:
        """Trace the right-hand side and the events, on the side of their switches that y is on."""
        if not self.size:
            self.held, self.parts = (), np.zeros((0, self.order + 1))
            self.rows = [None] * len(self.events)
            return
        if y.dtype != float:
            self._interpret(t, y)
            return
        try:
            traced = self._traced(t, y)
        except NotTraceable:
            self._interpret(t, y)
            return
        operands = [[line] for held in traced.held for line in held.operands]
        ahead = self.size + sum(map(len, traced.functions))
        rows = []
        for held in traced.held:
            rows.append([*range(ahead, ahead + len(held.operands))])
            ahead += len(held.operands)
        if self.system is None or not _alike(self.system, traced):
            functions = [*traced.functions, *operands]
            self.stepper: Any = Stepper(replace(traced, functions=functions), self.order)
            self.parts = self.stepper.parts()
        self.system = traced
        self.switches = Switches(traced, rows)
        self.parameters: Any = [float(x) for p in traced.parameters for x in np.ravel(p)]
        known = values(traced, [*np.ravel(y).tolist(), float(t), *self.parameters])
        self.held = tuple(known[held.line] for held in traced.held)

    def _traced(self, t: float, y: Any) -> System:
        functions = [event.function for event in self.events]
        try:
            traced = system(self.fun, t, y, self.args, functions)
        except NotTraceable:
            system(self.fun, t, y, self.args)
            functions = [g for g in functions if self._is_traceable(g, t, y)]
            traced = system(self.fun, t, y, self.args, functions)
        rows: list[int | None] = []
        ahead = iter(traced.functions)
        for i, event in enumerate(self.events):
            lines = next(ahead) if event.function in functions else None
            if lines is not None and len(lines) != 1:
                raise InputError(f"event {i} returned {len(lines)} numbers; it must return one")
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
        from taylorad.ode.choice import stepper_of  # which brings mpmath in

        functions = [event.function for event in self.events]
        stepper: Any
        stepper, given = stepper_of(self.fun, t, y, self.order, self.args, functions)
        if getattr(stepper, "system", None) is not None and stepper.system.held:
            raise InputError(
                "the right-hand side jumps, by a comparison, abs or the like, which is located for "
                "floats only, not for mpmath numbers; integrate each branch by itself, up to an "
                "event"
            )
        self.stepper, self.parameters = stepper, given
        self.system, self.held = None, ()
        self.rows = [self.size + i for i in range(len(functions))]
        self.parts = self.stepper.parts()

    # --- stepping ---

    @property
    def jumps(self) -> bool:
        """Whether anything is held for a step."""
        return bool(self.held)

    @property
    def given(self) -> list[Any]:
        """What the stepper is given."""
        return [*self.parameters, *self.held]

    def run(
        self, motion: Motion, end: tuple[float, float], tolerance: Tolerance, steps: int
    ) -> Exit:
        """Take many steps of which nothing is wanted but where they lead."""
        if not self.size:
            self._once(motion, end, tolerance)
            return Exit.END
        exit: Exit = self.stepper.propagate(
            motion, end[0], tolerance, self.given, end_low=end[1], steps=steps
        )
        return exit

    def step(self, motion: Motion, end: tuple[float, float], tolerance: Tolerance) -> bool:
        """Take one step, no further than the next switch; tell whether that was possible."""
        seen = {self._side()}
        while True:
            before = motion.copy()
            if not self._once(motion, end, tolerance):
                return False
            # The events' series, and those of what jumps, may well end before the state's.
            self._expand_events(before.time)
            observed = self.parts[self.size :]
            longest = resolved([*self.series, *observed], motion.step, tolerance.relative)
            h = longest if motion.step > 0 else -longest
            if not self.jumps or self._is_on_its_side(h):
                break
            self._change_sides(before, h)
            self._return(motion, before)
            if self._side() in seen:
                raise IntegrationError(
                    f"both sides of a switch in the right-hand side lead back to it at t = "
                    f"{motion.time}: the solution slides along it, or ends there",
                    motion.time,
                    motion.state.reshape(self.shape),
                )
            seen.add(self._side())
        if longest < abs(motion.step):
            self.cut(motion, before, h, tolerance)
        while not self._is_as_foreseen(motion):
            self.cut(motion, before, motion.step / 2, tolerance)
        switch = self.switches.first(self.parts, motion.step) if self.jumps else None
        if switch is not None and abs(switch) < abs(motion.step):
            self.cut(motion, before, switch, tolerance)
        return True

    def cut(self, motion: Motion, before: Motion, s: float, tolerance: Tolerance) -> None:
        """Go back, and take the step only as far as a time s after its beginning."""
        time, low = total(before.time, s)
        low += before.time_low
        time, low = total(time, low)
        self._return(motion, before)
        motion.step = 0.0
        if (time, low) != (before.time, before.time_low):
            self._once(motion, (time, low), tolerance)

    def _expand_events(self, time: float) -> None:
        rows = np.empty((len(self.events), self.order + 1), dtype=self.parts.dtype)
        for i, (event, row) in enumerate(zip(self.events, self.rows, strict=True)):
            if row is not None:
                rows[i] = self.parts[row]
            else:
                y = self.parts[: self.size]
                rows[i] = composed(event.function, time, y, self.shape, self.args)
        self.series = rows

    def _is_as_foreseen(self, motion: Motion) -> bool:
        """Check events whose last terms vanish, which says nothing of how long they are good."""
        for event, row in zip(self.events, self.series, strict=True):
            if np.any(row[-LAST:]) or not self.size:
                continue
            y = motion.state.reshape(self.shape)
            with np.errstate(all="ignore"):
                value = np.ravel(event.function(motion.time, y, *self.args))[0]
            sizes = polynomial(np.abs(row)[None], abs(motion.step))[0]
            error = abs(value - polynomial(row[None], motion.step)[0])
            if error > ROUGHLY * sizes and motion.step:
                return False
        return True

    def _once(self, motion: Motion, end: tuple[float, float], tolerance: Tolerance) -> bool:
        if not self.size:
            motion.step = end[0] - motion.time
            motion.time, motion.time_low = end
            motion.steps += 1
            return True
        steps = motion.steps
        self.stepper.propagate(
            motion,
            end[0],
            tolerance,
            self.given,
            end_low=end[1],
            steps=1,
            parts=self.parts,
        )
        return motion.steps > steps

    def _return(self, motion: Motion, before: Motion) -> None:
        rejected = motion.rejected
        vars(motion).update(vars(before.copy()))
        motion.rejected = rejected

    # --- switches ---

    def _side(self) -> tuple[Any, ...]:
        guards = self.system.guards if self.system is not None else []
        return (self.held, tuple((origin, truth) for _, truth, origin in guards))

    def _is_on_its_side(self, h: float) -> bool:
        return self.switches.after(self.parts, h) == self.held

    def _change_sides(self, before: Motion, h: float) -> None:
        assert self.system is not None
        self.held = self.switches.after(self.parts, h)
        arguments = [*before.state.tolist(), before.time, *self.given]
        known = values(self.system, arguments)
        if any(bool(known[line]) != truth for line, truth, _ in self.system.guards):
            y = polynomial(self.parts[: self.size], ASIDE * h)
            self.trace(before.time + ASIDE * h, y.reshape(self.shape))


def _alike(a: System, b: System) -> bool:
    """Tell whether two systems are the same program."""
    return all(
        x == y
        for x, y in (
            (a.program.steps, b.program.steps),
            (a.rates, b.rates),
            (a.functions, b.functions),
            (a.held, b.held),
            (a.guards, b.guards),
        )
    )


def total(a: float, b: float) -> tuple[float, float]:
    """Add two numbers: the sum, and what rounding lost."""
    s = a + b
    if s - s:  # infinite
        return s, 0.0
    c = s - a
    return s, (a - (s - c)) + (b - c)
