"""A right-hand side made ready for steps: traced, compiled, on one side of its switches.

Where the user's code chose by ``if``, the trace is that of one branch; on the other side of the
switch it is traced again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from taylorad.errors import InputError
from taylorad.ode.choice import alike, stepper_of, watching
from taylorad.ode.constrained import Constrained
from taylorad.ode.digits.direct import Direct
from taylorad.ode.digits.precision import words_for
from taylorad.ode.events.exact import ExactSwitches
from taylorad.ode.events.isolation import WIDTH
from taylorad.ode.events.switches import Switches
from taylorad.ode.events.watch import Event
from taylorad.ode.shown import Shown
from taylorad.ode.steps.stepper import Stepper
from taylorad.ode.tracing.garbage import none_sought
from taylorad.ode.tracing.system import NotTraceable, System, switch, system

__all__ = ["Branch", "with_slack"]

MOST = 512
"""So many steps are recorded in one go,"""

MEMORY = 2**18
"""if no more bytes than these are taken."""


class Branch:
    """The stepper of a problem, and what it is given.

    Parameters
    ----------
    fun : callable
        ``fun(t, y, *args)``; if it says ``smooth``, no switch in it may be crossed.
    events : list of Event
    args : tuple
    order : int
    t, y
        Where to begin.
    digits : int, optional
        That mpmath numbers are to have.

    Attributes
    ----------
    constrained : Constrained or None
        The right-hand side, if some of the state follows from the rest.
    shown : Shown
        What the user sees of states.
    most : int
        How many steps are recorded in one go.
    traced_at : (number, ndarray)
        The time and the state where the right-hand side was traced last, which tell the pivots of
        eliminations in it.
    """

    def __init__(
        self,
        fun: Callable[..., Any],
        events: list[Event],
        args: tuple[Any, ...],
        order: int,
        t: float,
        y: Any,
        digits: int | None = None,
    ) -> None:
        self.fun, self.events, self.args, self.order = fun, events, args, order
        self.shape = np.shape(y)
        given: Any = fun
        self.constrained: Constrained | None = given if hasattr(given, "settled") else None
        shape = self.constrained.shape if self.constrained else self.shape
        self.shown: Shown = getattr(fun, "shown", None) or Shown(shape)
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

    def trace(self, t: float, y: Any) -> None:
        """Trace the right-hand side and the events, on the side of their switches that y is on."""
        self.traced_at = t, y.copy()
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
                if self.shown.in_pairs:  # there is a way with complex numbers
                    raise
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
        entries = iter(traced.entries)
        for i, event in enumerate(self.events):
            is_traced = event.function in functions
            if is_traced:
                _check_event(i, next(entries))
            rows.append(self.size + sum(r is not None for r in rows) if is_traced else None)
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
        if isinstance(self.stepper, Direct) and (what := switch(self.fun, t, y, self.args)):
            raise InputError(
                f"the right-hand side jumps, by {what}. Where it does is found if it can be taken "
                "apart into real numbers; but here the state is complex, or it uses what has no "
                "formula, or compares more than a thousand numbers. Integrate each branch by "
                "itself, up to an event"
            )
        self.rows = [self.size + i for i in range(len(functions))]
        self.make_room(self.size + self.stepper.functions, self.stepper.parts().dtype)
        self.system = getattr(self.stepper, "system", None)
        if self.system is None:
            self.hold(())
        else:
            if self.stepper not in self.steppers:
                self.steppers.append(self.stepper)
            for i, count in enumerate(self.system.entries[: len(functions)]):
                _check_event(i, count)
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

    @property
    def jumps(self) -> bool:
        """Whether anything is held for a step."""
        return bool(self.held)

    def hold(self, held: tuple[float, ...]) -> None:
        """Note what is held for the next steps."""
        self.held, self.given = held, [*self.parameters, *held]


def with_slack(shape: tuple[int, ...], dtype: Any = float) -> Any:
    """Make an array behind which there is room for a vector that is read past its end."""
    count = math.prod(shape)
    return np.zeros(count + WIDTH, dtype)[:count].reshape(shape)


def _check_event(i: int, entries: int) -> None:
    if entries != 1:
        raise InputError(f"event {i} returned {entries} numbers; it must return one")
