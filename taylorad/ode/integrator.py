"""Integration under the user's control: step by step, or as far as is wanted."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from taylorad.errors import InputError, InputTypeError, IntegrationError
from taylorad.ode.dense import OdeSolution, Piece, polynomial
from taylorad.ode.events import Found, Watch, prepared
from taylorad.ode.flow import Flow, total
from taylorad.ode.inputs import arguments, as_start, as_time, as_times
from taylorad.ode.interface import Exit
from taylorad.ode.progress import Progress
from taylorad.ode.singularity import nearest_singularity
from taylorad.ode.stepper import Motion
from taylorad.ode.tolerances import order_for, tolerance

__all__ = ["Integrator", "Propagation"]

CHUNK = 20_000
"""So many steps between two looks at the keyboard."""

REJECTED, SHARE = 1000, 0.25
"""So many steps taken back, and so many for each that was not: it gets nowhere."""

SPACINGS = 10
"""A step must be so many times the spacing of doubles."""


@dataclass(frozen=True)
class Propagation:
    """What became of a propagation.

    Attributes
    ----------
    outcome : str
        ``"finished"``: the time has been reached. ``"event"``: a terminal event. ``"steps"``: as
        many steps as wanted have been taken. ``"stopped"``: by the callback.
    steps : int
        How many have been taken.
    sol : OdeSolution or None
        The continuous solution, if it was asked for.

    Examples
    --------
    >>> import taylorad as ta
    >>> integrator = ta.ode.Integrator(lambda t, y: -y, 0.0, [1.0])
    >>> integrator.propagate_until(10.0, max_steps=2)
    Propagation(outcome='steps', steps=2, sol=None)
    """

    outcome: str
    steps: int
    sol: OdeSolution | None = None


class Integrator:
    """An initial value problem and where its integration stands.

    Errors of rounding are carried along, and the time has two words, so that long integrations do
    not drift. Pickled and loaded, it goes on bit for bit as if nothing had happened, provided that
    ``fun`` and the events can be pickled: functions of a module.

    Parameters
    ----------
    fun : callable
        ``fun(t, y, *args)``, the derivative of the state, in plain NumPy. What jumps in it, as in
        ``np.where``, ``if`` or ``abs``, is located and integrated to. It must depend on nothing
        but its arguments.
    t0 : float
    y0 : array_like
        The state, of any shape.
    args : tuple, optional
        Further arguments of ``fun`` and the events. Floats and arrays of floats among them may be
        changed without compiling anew.
    tol, rtol, atol, order, max_step : optional
        See `solve_ivp`.
    events : callable or list of callables, optional
        See `solve_ivp`.

    Attributes
    ----------
    order : int
        The order of the series.
    last_step : float
        The size of the last step, with its sign.
    nsteps, nrejected : int
        How many steps have been taken, and how many were taken back.
    t_events, y_events : list of list
        Times and states of the events so far.

    Raises
    ------
    taylorad.errors.InputError, taylorad.errors.InputTypeError
        If arguments make no sense.

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> integrator = ta.ode.Integrator(lambda t, y: [y[1], -y[0]], 0.0, [0.0, 1.0])
    >>> integrator.propagate_until(np.pi / 2).outcome
    'finished'
    >>> integrator.state
    array([1.0000000000000, 0.0000000000000])
    >>> integrator.propagate_grid([2.0, 3.0])[0] - np.sin([2.0, 3.0])
    array([0.0000000000000, 0.0000000000000])
    """

    def __init__(
        self,
        fun: Callable[..., Any],
        t0: float,
        y0: Any,
        args: tuple[Any, ...] = (),
        *,
        tol: float | None = None,
        rtol: Any = None,
        atol: Any = None,
        order: int | None = None,
        max_step: float = math.inf,
        events: Any = None,
    ) -> None:
        if not callable(fun):
            raise InputTypeError(f"fun is a function of t and y, not {fun!r}")
        y = as_start(y0)
        self._fun, self._args = fun, arguments(args)
        self._tolerance = tolerance(y, tol, rtol, atol, max_step)
        self.order = order_for(self._tolerance.relative, order, y.dtype == object)
        self._events = prepared(events)
        self._watch = Watch(len(self._events))
        self.t_events: list[list[float]] = [[] for _ in self._events]
        self.y_events: list[list[Any]] = [[] for _ in self._events]
        t0 = as_time(t0)
        if not math.isfinite(t0):
            raise InputError(f"the initial time is {t0}; it must be finite")
        self._motion = Motion(y.ravel().copy(), np.zeros(y.size, y.dtype), t0)
        self._flow = Flow(fun, self._events, self._args, self.order, t0, y)
        self._piece: Piece | None = None

    # --- where it stands ---

    @property
    def state(self) -> Any:
        """The state; may be set."""
        return self._motion.state.reshape(self._flow.shape).copy()[()]

    @state.setter
    def state(self, y: Any) -> None:
        y = as_start(y)
        if y.shape != self._flow.shape:
            raise InputError(f"a state of shape {y.shape}, not {self._flow.shape}")
        self._motion.state, self._motion.lost = y.ravel().copy(), np.zeros(y.size, y.dtype)
        self._moved()

    @property
    def time(self) -> float:
        """The time; may be set."""
        return self._motion.time

    @time.setter
    def time(self, t: float) -> None:
        self._motion.time, self._motion.time_low = as_time(t), 0.0
        self._moved()

    @property
    def time_words(self) -> tuple[float, float]:
        """The time in two words: their exact sum is meant."""
        return self._motion.time, self._motion.time_low

    @property
    def last_step(self) -> float:
        return self._motion.step

    @property
    def nsteps(self) -> int:
        return self._motion.steps

    @property
    def nrejected(self) -> int:
        return self._motion.rejected

    @property
    def parameters(self) -> tuple[Any, ...]:
        """The further arguments of ``fun`` and of the events; may be set."""
        return self._args

    @parameters.setter
    def parameters(self, args: tuple[Any, ...]) -> None:
        self._args = self._flow.args = arguments(args)
        self._flow.trace(self.time, np.asarray(self.state))
        self._moved()

    @property
    def taylor_coefficients(self) -> Any:
        """The series of the last step, about its beginning: shape ``(*shape, order + 1)``."""
        return self._last().coefficients.reshape(*self._flow.shape, -1).copy()

    def dense_output(self) -> OdeSolution:
        """Give the continuous solution over the last step."""
        return OdeSolution([self._last()], self._flow.shape)

    def copy(self) -> Integrator:
        """Give another in the same place, that does not change with this one."""
        return copy.deepcopy(self)

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if k != "_flow"} | {"_y": self.state}

    def __setstate__(self, state: dict[str, Any]) -> None:
        y = np.asarray(state.pop("_y"))
        vars(self).update(state)
        self._flow = Flow(self._fun, self._events, self._args, self.order, self.time, y)

    def __deepcopy__(self, memo: dict[int, Any]) -> Integrator:
        new = object.__new__(Integrator)
        vars(new).update({k: copy.copy(v) for k, v in vars(self).items()})
        new._motion = self._motion.copy()
        new._events = copy.deepcopy(self._events, {})
        new._watch = copy.deepcopy(self._watch)
        new.t_events = [list(x) for x in self.t_events]
        new.y_events = [list(x) for x in self.y_events]
        new._flow.events = new._events
        new._flow.parts = self._flow.parts.copy()
        return new

    def _moved(self) -> None:
        """Forget what is no longer so where the integration has been moved by hand."""
        self._watch = Watch(len(self._events))
        self._motion.step, self._motion.cap = 0.0, math.inf
        self._piece = None

    def _last(self) -> Piece:
        if self._piece is None:
            raise InputError("there is no last step: take one, by step() or with dense_output=True")
        return self._piece

    # --- going on ---

    def step(self, max_step: float = math.inf) -> float:
        """Take one step.

        Parameters
        ----------
        max_step : float
            How far to go at most; negative for backward in time.

        Returns
        -------
        float
            The time at the end of the step: less far if a terminal event was met.

        Raises
        ------
        taylorad.errors.IntegrationError
            If that is not possible. State and time are then as before.
        """
        self._advance(self._after(max_step))
        return self.time

    def propagate_for(self, dt: float, **options: Any) -> Propagation:
        """Go on for a time; see `propagate_until`.

        Parameters
        ----------
        dt : float
            Negative for backward in time.
        **options
            Those of `propagate_until`.

        Returns
        -------
        Propagation
        """
        return self._propagate(self._after(as_time(dt)), **options)

    def propagate_until(
        self,
        t: float,
        *,
        max_steps: int | None = None,
        callback: Callable[[Integrator], Any] | None = None,
        dense_output: bool = False,
        progress: bool = False,
    ) -> Propagation:
        """Go on until a time.

        Parameters
        ----------
        t : float
        max_steps : int, optional
        callback : callable, optional
            Called with the integrator after each step. If it returns True, that was the last. It
            may change ``parameters``, ``state`` and ``time``.
        dense_output : bool
            Whether to give the continuous solution.
        progress : bool
            Whether to show a bar, if tqdm is installed.

        Returns
        -------
        Propagation

        Raises
        ------
        taylorad.errors.IntegrationError
            If that is not possible. State and time are then those of the last good point.
        """
        return self._propagate(
            (as_time(t), 0.0),
            max_steps=max_steps,
            callback=callback,
            dense_output=dense_output,
            progress=progress,
        )

    def propagate_grid(self, times: Any, **options: Any) -> Any:
        """Give the state at times, by the polynomials of the steps.

        Parameters
        ----------
        times : array_like
            Ascending, or descending, from the present time on.
        **options
            ``max_steps``, ``callback`` and ``progress`` of `propagate_until`.

        Returns
        -------
        ndarray, of the shape of the state with ``n_points`` behind
            For as many of them as have been reached, if something ended it early. The integrator
            stands at the last one.
        """
        times = as_times(times)
        if times.ndim != 1 or not all(map(math.isfinite, times)):
            raise InputError(f"times must be a vector of finite numbers, not {times}")
        steps = np.diff(times, prepend=self.time)
        if np.any(steps < 0) and np.any(steps > 0):
            raise InputError("times must be sorted, from the present time on")
        now, low, shape = self.time, self._motion.time_low, self._flow.shape
        start = Piece(now, low, now, self._motion.state[:, None])
        pieces, end = [start], (times[-1] if len(times) else now)
        keep = options.pop("callback", None)

        def kept(integrator: Integrator) -> Any:
            pieces.append(integrator._last())
            return keep(integrator) if keep else None

        self._propagate((end, 0.0), callback=kept, **options)
        columns, place = [], 0
        sign = 1.0 if end >= now else -1.0
        for t in times.tolist():
            while place < len(pieces) and sign * (pieces[place].stop - t) < 0:
                place += 1
            if place == len(pieces):
                break
            columns.append(pieces[place](t))
        return np.array(columns).T.reshape(*shape, len(columns))

    def _propagate(
        self,
        end: tuple[float, float],
        *,
        max_steps: int | None = None,
        callback: Callable[[Integrator], Any] | None = None,
        dense_output: bool = False,
        progress: bool = False,
    ) -> Propagation:
        if math.isnan(end[0]):
            raise InputError("the time to propagate to is NaN")
        if math.isinf(end[0]) and not (self._events or max_steps or callback):
            raise InputError("to propagate without end takes a terminal event or max_steps")
        first, most = self.nsteps, math.inf if max_steps is None else max_steps
        look = bool(self._events) or callback is not None or dense_output or self._flow.jumps
        pieces = []
        outcome = "finished"
        with Progress(progress, self.time, end[0]) as bar:
            while self.time_words != end:
                left = most - (self.nsteps - first)
                if left <= 0:
                    outcome = "steps"
                    break
                if look:
                    ended = self._advance(end)
                    pieces += [self._last()] if dense_output else []
                    if callback is not None and callback(self) is True:
                        outcome = "stopped"
                        break
                    if ended:
                        outcome = "event"
                        break
                else:
                    self._run(end, int(min(left, CHUNK)))
                bar.update(self.time)
        sol = None
        if dense_output:
            now, low = self.time_words
            rest = Piece(now, low, now, self._motion.state[:, None])
            sol = OdeSolution(pieces or [rest], self._flow.shape)
        return Propagation(outcome, self.nsteps - first, sol)

    def _run(self, end: tuple[float, float], steps: int) -> None:
        self._piece = None
        if self._flow.run(self._motion, end, self._tolerance, steps) is Exit.STUCK:
            raise self._failure(end)
        self._check_progress()

    def _advance(self, end: tuple[float, float], longest: float = math.inf) -> bool:
        """Take one step; tell whether a terminal event ended it."""
        motion, flow = self._motion, self._flow
        longest = min(self._tolerance.longest, longest)
        if motion.state.dtype != object and longest < SPACINGS * math.ulp(motion.time):
            raise self._failed("Required step size is less than spacing between numbers.")
        before = motion.copy()
        limited = replace(self._tolerance, longest=longest)
        if not flow.step(motion, end, limited):
            raise self._failure(end)
        self._check_progress()
        self._piece = self._as_piece(before)
        if not self._events:
            return False
        rows = flow.series
        found, last = self._counted(self._watch.over(rows, motion.step))
        if last is not None and abs(last.time) < abs(motion.step):
            flow.cut(motion, before, last.time, self._tolerance)
            self._piece.stop = motion.time
        start, low = before.time, before.time_low
        for root in found:
            self.t_events[root.number].append(start + (low + root.time))
            y = polynomial(self._piece.coefficients, root.time)
            self.y_events[root.number].append(y.reshape(flow.shape)[()])
        self._watch.leave(rows, motion.step, found if last is not None else ())
        return last is not None

    def _counted(self, found: list[Found]) -> tuple[list[Found], Found | None]:
        """Give the roots that are events, up to one that ends the integration."""
        met: list[Found] = []
        for root in found:
            event = self._events[root.number]
            if not event.concerns(root.direction):
                continue
            event.count += 1
            met.append(root)
            if event.count >= event.most:
                return met, root
        return met, None

    def _as_piece(self, before: Motion) -> Piece:
        n = self._flow.size
        parts = self._flow.parts[:n].copy()
        return Piece(before.time, before.time_low, self._motion.time, parts)

    def _after(self, dt: float) -> tuple[float, float]:
        time, low = total(self._motion.time, dt)
        return total(time, low + self._motion.time_low)

    # --- failing ---

    def _failure(self, end: tuple[float, float]) -> IntegrationError:
        """Say why there is no step from here."""
        flow, here = self._flow, self._motion.copy()
        parts = flow.stepper.parts()
        parts[:] = math.nan
        tiny = replace(self._tolerance, longest=math.ulp(abs(here.time) or 1.0))
        options: dict[str, Any] = {"end_low": end[1], "steps": 1, "parts": parts}
        flow.stepper.propagate(here, end[0], tiny, flow.given, **options)
        rates = parts[: flow.size, 1]
        if not here.steps > self._motion.steps and not np.all(np.isfinite(rates.astype(complex))):
            reason = "the right-hand side is not finite"
            return self._failed(f"At t = {float(self.time):.17g} {reason}.")
        away = nearest_singularity(parts[: flow.size])
        text = "Required step size is less than spacing between numbers."
        if away is None:
            return self._failed(text)
        where = self._motion.time + away
        return self._failed(
            f"{text} The solution seems to be singular at t = {float(where):.12g}.", where
        )

    def _check_progress(self) -> None:
        """Raise where steps are taken back over and over, as at a branch point."""
        if self.nrejected > max(REJECTED, SHARE * self.nsteps):
            raise self._failed(
                f"At t = {float(self.time):.17g} steps are taken back over and over: the solution "
                "is not analytic there."
            )

    def _failed(self, text: str, singularity: float | None = None) -> IntegrationError:
        return IntegrationError(text, self.time, self.state, singularity)
