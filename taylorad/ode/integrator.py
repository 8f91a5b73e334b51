"""Integration under the user's control: step by step, or as far as is wanted."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from taylorad.errors import InputError, InputTypeError
from taylorad.ode.blocks import Block
from taylorad.ode.dae.implicit import Implicit
from taylorad.ode.dense import OdeSolution
from taylorad.ode.digits.precision import in_own_precision, in_precision_of
from taylorad.ode.engine import Engine, Time
from taylorad.ode.events.watch import prepared
from taylorad.ode.flow import Flow, total
from taylorad.ode.inputs import arguments, as_start, as_time, as_times, fixed, no_derivatives
from taylorad.ode.paired import flow_of
from taylorad.ode.progress import Progress
from taylorad.ode.propagation import Propagation
from taylorad.ode.records import Points, Record, Segments
from taylorad.ode.steps.stepper import Motion
from taylorad.ode.tolerances import order_for, tolerance

__all__ = ["Integrator"]


class Integrator:
    """An initial value problem and where its integration stands.

    Errors of rounding are carried along, and the time has two words, so that long integrations do
    not drift. Pickled and loaded, it goes on bit for bit as if nothing had happened, provided that
    ``fun`` and the events can be pickled: functions of a module. Each is for one thread at a time.

    Parameters
    ----------
    fun : callable
        ``fun(t, y, *args)``, the derivative of the state, in plain NumPy. What jumps in it, as in
        ``np.where``, ``if`` or ``abs``, is located and integrated to. It must depend on nothing
        but its arguments.
    t0 : float
    y0 : array_like
        The state, of any shape; it may be complex.
    args : tuple, optional
        Further arguments of ``fun`` and the events. Floats and arrays of floats among them may be
        changed without compiling anew.
    tol, rtol, atol, order, max_step, events, digits : optional
        See `solve_ivp`.

    Attributes
    ----------
    order : int
        That of the series; after the first step it may be lower, if none was asked for.
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
    >>> np.abs(integrator.state - [1, 0]) < 1e-15
    array([ True,  True])
    >>> np.abs(integrator.propagate_grid([2.0, 3.0])[0] - np.sin([2.0, 3.0])) < 1e-15
    array([ True,  True])
    """

    @in_precision_of(lambda *args, digits=None, **options: digits)
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
        digits: int | None = None,
    ) -> None:
        if not callable(fun):
            raise InputTypeError(f"fun is a function of t and y, not {fun!r}")
        no_derivatives(t0, y0, args)
        y, self.digits = as_start(y0, digits), digits
        limits = tolerance(y, tol, rtol, atol, max_step, digits)
        degree = order_for(limits.relative, order, y.dtype == object, digits)
        t0, args, watched = as_time(t0), arguments(args), prepared(events)
        if not math.isfinite(t0):
            raise InputError(f"the initial time is {t0}; it must be finite")
        if isinstance(fun, Implicit):
            fun, y, limits, watched = fun.begun(t0, y, args, limits, watched)
        flow = flow_of(fun, watched, args, degree, t0, y, digits)
        limits, state = flow.shown.limits(limits), flow.shown.vector(y).copy()
        motion = Motion(state, np.zeros(state.size, state.dtype), t0)
        self._engine = Engine(flow, motion, limits, flow.events, order is None)

    # --- where it stands ---

    @property
    def _motion(self) -> Motion:
        return self._engine.motion

    @property
    def _flow(self) -> Flow:
        return self._engine.flow

    @property
    def order(self) -> int:
        return self._flow.order

    @property
    def t_events(self) -> list[list[Any]]:
        return self._engine.t_events

    @property
    def y_events(self) -> list[list[Any]]:
        return self._engine.y_events

    @property
    def state(self) -> Any:
        """The state; may be set, as a whole: its entries are read-only."""
        return fixed(self._flow.shown.of(self._motion.state))[()]

    @state.setter
    @in_own_precision
    def state(self, y: Any) -> None:
        y, shown = as_start(y, self.digits), self._flow.shown
        if y.shape != shown.shape:
            raise InputError(f"a state of shape {y.shape}, not {shown.shape}")
        self._engine.place(y)

    @property
    def time(self) -> float:
        """The time; may be set."""
        return self._motion.time

    @time.setter
    @in_own_precision
    def time(self, t: float) -> None:
        engine = self._engine
        t = as_time(t)
        if not math.isfinite(t):
            raise InputError(f"the time is {t}; it must be finite")
        engine.motion.time, engine.motion.time_low = t, 0.0
        engine.settle()

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
        """The further arguments of ``fun`` and of the events; may be set, as a whole."""
        return self._flow.args

    @parameters.setter
    @in_own_precision
    def parameters(self, args: tuple[Any, ...]) -> None:
        engine = self._engine
        engine.flow.args = arguments(args)
        engine.settle()
        engine.flow.trace(self.time, engine.motion.state.reshape(engine.flow.shape))

    @property
    def taylor_coefficients(self) -> Any:
        """The series of the last step, about its beginning: shape ``(*shape, order + 1)``."""
        return self._flow.shown.along(self._last().coefficients[0]).copy()

    def dense_output(self) -> OdeSolution:
        """Give the continuous solution over the last step."""
        last = self._last()
        return OdeSolution(last.times, last.stops, last.coefficients, self._flow.shown)

    def copy(self) -> Integrator:
        """Give another in the same place, that does not change with this one."""
        return copy.deepcopy(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Integrator:
        new = copy.copy(self)
        new._engine = self._engine.copy()
        return new

    def _last(self) -> Block:
        last = self._engine.final()
        if last is None:
            raise InputError("there is no last step: take one, by step() or with dense_output=True")
        return last

    # --- going on ---

    @in_own_precision
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
        if not abs(max_step) > 0:
            raise InputError(f"max_step is {max_step}; a step must go somewhere")
        self._engine.advance(self._after(max_step), 1)
        return self.time

    @in_own_precision
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

    @in_own_precision
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

    @in_own_precision
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
        finite = np.isfinite(times) if times.dtype == float else [*map(math.isfinite, times.flat)]
        if times.ndim != 1 or not np.all(finite):
            raise InputError(f"times must be a vector of finite numbers, not {times}")
        steps = np.diff(times, prepend=self.time)
        if np.any(steps < 0) and np.any(steps > 0):
            raise InputError("times must be sorted, from the present time on")
        end = times[-1] if len(times) else self.time
        points = Points(self._motion, times, 1 if end >= self.time else -1)
        self._propagate((end, 0.0), [points], **options)
        _, columns = points.found()
        return self._flow.shown.along(columns)

    def _propagate(
        self,
        end: Time,
        records: Sequence[Record] = (),
        *,
        max_steps: int | None = None,
        callback: Callable[[Integrator], Any] | None = None,
        dense_output: bool = False,
        progress: bool = False,
        first_step: float = math.inf,
    ) -> Propagation:
        engine, motion = self._engine, self._motion
        if not math.isfinite(end[0]):
            self._check_end(end[0], bool(max_steps or callback))
        if max_steps is not None and (int(max_steps) != max_steps or max_steps < 0):
            raise InputError(f"max_steps is {max_steps}; it must be a whole number")
        first, most = motion.steps, math.inf if max_steps is None else max_steps
        if dense_output:
            segments = Segments(motion)
            records = [*records, segments]
        is_watched = records or engine.events or callback or engine.flow.jumps
        outcome = "finished"
        if is_watched:
            engine.begin()
        bar = Progress(motion.time, end[0]) if progress else None
        try:
            while motion.time != end[0] or motion.time_low != end[1]:
                left = most - (motion.steps - first)
                if left <= 0:
                    outcome = "steps"
                    break
                if not is_watched:
                    engine.run(end, left)
                    if bar is not None:
                        bar.update(motion.time)
                    continue
                few = callback is not None or first_step < math.inf
                block = engine.advance(end, 1 if few else left, first_step)
                first_step = math.inf
                for record in records:
                    record.take(block)
                if bar is not None:
                    bar.update(motion.time)
                if callback is not None and _is_true(callback(self)):
                    outcome = "stopped"
                    break
                if block.ended:
                    outcome = "event"
                    break
        finally:
            if bar is not None:
                bar.close()
        sol = segments.solution(self._flow.shown) if dense_output else None
        return Propagation(outcome, motion.steps - first, sol)

    def _check_end(self, end: Any, is_bounded: bool) -> None:
        if math.isnan(end):
            raise InputError("the time to propagate to is NaN")
        if not (is_bounded or self._engine.events):
            raise InputError("to propagate without end takes a terminal event or max_steps")

    def _after(self, dt: float) -> Time:
        time, low = total(self._motion.time, dt)
        return total(time, low + self._motion.time_low)


def _is_true(answer: Any) -> bool:
    return isinstance(answer, (bool, np.bool_)) and bool(answer)
