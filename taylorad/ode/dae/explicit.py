"""An implicit equation as a right-hand side, which is traced as any other."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from taylorad.dispatch.containers import flatten
from taylorad.errors import InputError, IntegrationError
from taylorad.ode.dae.consistency import consistent, lifted
from taylorad.ode.dae.rates import ANOTHER_FORM, solved_for_rates
from taylorad.ode.dae.residual import Residual, plain, varies
from taylorad.ode.events.watch import Event
from taylorad.ode.steps.sampling import polynomial
from taylorad.ode.steps.stepper import Motion, Tolerance
from taylorad.wengert.list import WengertList

__all__ = ["Explicit"]

ASIDE = 2.0**-10
"""Where, in terms of a step, comparisons say what they do on the other side of a switch;"""

NEAREST = 2.0**-36
"""in terms of the time no nearer than this."""

ROUNDING = 2**12
"""By less than this, of the tolerance, nothing jumps."""


class Explicit:
    """A right-hand side that is found anew, with other pivots, wherever it is traced.

    It is `Constrained`.

    Parameters
    ----------
    F : callable
    shape : tuple of int
        Of y.
    hidden : sequence of int
        Entries of y whose rates are part of the state, behind y.
    exact : bool
        Whether states are of mpmath's numbers.
    """

    hint = (
        " Of an implicit equation that may be where it cannot be solved for the rates any more: its"
        " index changes, or two branches of solutions meet."
    )

    def __init__(
        self, F: Callable[..., Any], shape: tuple[int, ...], hidden: Sequence[int], exact: bool
    ) -> None:
        self.F, self.shape, self.hidden, self.exact = F, shape, tuple(hidden), exact
        self.size = math.prod(shape)
        # Where the rate of each entry is in the state; anywhere for those that F does not have.
        self._places = np.zeros(self.size, int)
        self._places[list(self.hidden)] = range(self.size, self.size + len(self.hidden))
        self._whole = (self.size + len(self.hidden),) if self.hidden else shape
        self._known: tuple[Any, WengertList] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_known": None}

    def __call__(self, t: Any, state: Any, *args: Any) -> Any:
        """Give the rates of a state."""
        program = self._program(t, state, args)
        y, yp = self.parts(state)
        leaves = [x for x in flatten(args)[0] if varies(plain(x))]
        expected = {guard.line: guard.expected for guard in program.guards}

        def check(number: int, value: Any) -> None:
            if number in expected and bool(value) != expected[number]:
                raise InputError(
                    "a choice in the residual, or of a pivot, depends on the last digit of what it "
                    "compares: begin elsewhere, or write np.where instead of `if`"
                )

        values = program.evaluate(t, y, yp, *leaves, check=check)
        return np.reshape(np.stack([values[i] for i in program.outputs]), np.shape(state))

    def parts(self, state: Any) -> tuple[Any, Any]:
        """Give y and y', where it is in the state."""
        if not self.hidden:
            return state, np.zeros(self.shape)
        return (
            np.reshape(state[: self.size], self.shape),
            np.reshape(state[self._places], self.shape),
        )

    def state(self, y: Any, yp: Any) -> Any:
        """Give the state of y and y'."""
        return np.concatenate([y.ravel(), yp.ravel()[list(self.hidden)]]) if self.hidden else y

    def settled(self, t: Any, y: Any, state: Any, args: Sequence[Any]) -> Any:
        """Give the consistent state of y, near to another one."""
        _, yp = self.parts(state.reshape(self._whole))
        y, yp, form = consistent(self.F, t, y, yp, args)
        if form.hidden != list(self.hidden):
            raise InputError(ANOTHER_FORM)
        return self.state(y, yp)

    def landed(self, at: Motion, series: Any, h: Any, args: Sequence[Any], relative: Any) -> Any:
        """Give the state on the other side of a switch, where what has no rate may jump."""
        s = ASIDE * h
        if series.dtype == float:  # far enough for doubles to tell
            s = math.copysign(max(abs(s), min(abs(h) / 2, NEAREST * abs(at.time))), h)
        there = self.parts(polynomial(series, s).reshape(self._whole))
        y, yp = self.parts(at.state.reshape(self._whole))
        try:
            beyond = (at.time + s, *there)
            new, yp, form = consistent(self.F, at.time, y, yp, args, beyond)
            if form.hidden != list(self.hidden):
                raise InputError(ANOTHER_FORM)
            self._program(at.time + s, polynomial(series, s).reshape(self._whole), args)
        except InputError as error:
            text = f"behind a switch of the implicit equation at t = {at.time}: {error}"
            raise IntegrationError(text, at.time, y) from error
        state = self.state(new, yp).ravel()
        jumped = np.abs(state - at.state) > ROUNDING * relative * np.max(np.abs(state))
        return state if np.any(jumped) else at.state

    def lifted(self, t: Any, state: Any, args: Sequence[Any], order: int) -> Any:
        """Give a state with the derivatives of what follows from the rest of it, and from ``args``.

        Parameters
        ----------
        t : number
        state
            Consistent as far as plain numbers go; it may carry derivatives, and so may t and args.
        args : sequence
        order : int
            Of the highest derivatives.
        """
        y, yp = lifted(self.F, t, *self.parts(state), args, order)
        if not self.hidden:
            return y
        return np.concatenate([np.reshape(y, (-1,)), np.reshape(yp, (-1,))[list(self.hidden)]])

    def limits(self, limits: Tolerance) -> Tolerance:
        """Give the tolerance of the state: of rates it is that of what they are the rates of."""
        floors = limits.floors
        return replace(limits, floors=np.concatenate([floors, floors[list(self.hidden)]]))

    def watched(self, events: Sequence[Event]) -> list[Event]:
        """Give events of y as such of the state."""
        if not self.hidden:
            return list(events)
        return [event.through(_OfState(event.function, self.shape)) for event in events]

    def _program(self, t: Any, state: Any, args: Sequence[Any]) -> WengertList:
        numbers = [plain(x) for x in (t, state, *flatten(args)[0])]
        key = [np.asarray(x).tobytes() if varies(x) else x for x in numbers]
        if self._known is None or self._known[0] != key:
            time, state, *leaves = numbers
            y, yp = self.parts(state)
            residual = Residual(self.F, time, y, yp, flatten(args)[1](leaves), self.exact)
            self._known = key, solved_for_rates(residual, self.hidden)
        return self._known[1]


class _OfState:
    """An event function of y as one of the state, in which rates are behind y."""

    def __init__(self, function: Callable[..., Any], shape: tuple[int, ...]) -> None:
        self.function, self.shape = function, shape

    def __call__(self, t: Any, state: Any, *args: Any) -> Any:
        y = np.reshape(state[: math.prod(self.shape)], self.shape)
        return self.function(t, y, *args)
