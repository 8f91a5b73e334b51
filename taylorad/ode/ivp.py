"""`scipy.integrate.solve_ivp` by Taylor series."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult

from taylorad.errors import InputError, IntegrationError
from taylorad.ode.digits.precision import in_precision_of
from taylorad.ode.inputs import arguments, as_time, as_times
from taylorad.ode.integrator import Integrator
from taylorad.ode.leaves import carried
from taylorad.ode.records import Checkpoints, Ends, Points, Segments

__all__ = ["OdeResult", "Options", "solve_ivp", "solved", "as_span"]

MESSAGES = {
    0: "The solver successfully reached the end of the integration interval.",
    1: "A termination event occurred.",
}


class OdeResult(OptimizeResult):  # type: ignore[misc]
    """What `solve_ivp` found; a dictionary whose entries are attributes too.

    Attributes
    ----------
    t : ndarray, shape (n_points,)
    y : ndarray, shape (n, n_points)
        Of a state of another shape, that with ``n_points`` behind.
    sol : OdeSolution or None
    t_events, y_events : list of ndarray, or None
        For each event the times and the states of its occurrences.
    nfev : int
        How often the right-hand side was expanded.
    njev, nlu : int
        0: no Jacobian is needed.
    nsteps, nrejected : int
        How many steps were taken, and how many were taken back.
    order : int
        Of the series.
    status : int
        0: the end was reached. 1: a terminal event. -1: it could not go on.
    message : str
    success : bool
        Whether the status is not -1.
    singularity : float or None
        Where the solution seems to be singular, if that is what ended it.

    Examples
    --------
    >>> import taylorad as ta
    >>> result = ta.ode.solve_ivp(lambda t, y: y**2, (0, 3), [1.0])
    >>> result.success, result.status
    (False, -1)
    >>> result.message
    'Required step size ... The solution seems to be singular at t = 1.'
    """


@in_precision_of(lambda *args, digits=None, **options: digits)
def solve_ivp(
    fun: Callable[..., Any],
    t_span: Any,
    y0: Any,
    method: Any = None,
    t_eval: Any = None,
    dense_output: bool = False,
    events: Any = None,
    vectorized: bool = False,
    args: tuple[Any, ...] | None = None,
    *,
    tol: float | None = None,
    rtol: Any = None,
    atol: Any = None,
    order: int | None = None,
    max_step: float = math.inf,
    first_step: float | None = None,
    digits: int | None = None,
) -> OdeResult:
    """Solve an initial value problem ``dy/dt = fun(t, y)``, ``y(t0) = y0``, by Taylor series.

    Signature and result are those of `scipy.integrate.solve_ivp`. By default the solution is as
    exact as doubles are, for that costs little more than a few digits.

    Parameters
    ----------
    fun : callable
        ``fun(t, y, *args)``, in plain NumPy; it may return an array or a list. What jumps in it, as
        in ``np.where``, ``if`` or ``abs``, is located and integrated to. It must depend on nothing
        but its arguments. An equation that is not solved for the rates is given by `implicit`.
    t_span : (float, float)
        From when to when; it may run backward.
    y0 : array_like
        The state at the beginning, of any shape; a number too.
    method : optional
        ``"Taylor"``; there is no other.
    t_eval : array_like, optional
        Times at which to give the solution, sorted, within ``t_span``: exactly, by the polynomials
        of the steps. By default the ends of the steps.
    dense_output : bool
        Whether to give the continuous solution.
    events : callable or list of callables, optional
        Functions ``event(t, y, *args)`` of which the roots are wanted. All of them are found, in
        order, close pairs too, and where a function only touches zero. ``event.terminal``, a bool
        or a number of occurrences, ends the integration; ``event.direction`` selects roots where
        the function rises (positive) or falls (negative) in the direction of travel. A root at
        ``t0`` itself does not count. An event may call ``fun``: where ``fun(t, y)[0]`` vanishes,
        the first component is largest or smallest.
    vectorized : bool
        Ignored.
    args : tuple, optional
        Further arguments of ``fun`` and the events.
    tol, rtol, atol : float or array_like, optional
        The error of a step in a component y is at most about ``rtol * |y| + atol``. ``tol`` is
        another name of ``rtol``; an array counts as its least entry. By default and at least
        ``rtol`` is 2**-52, and ``atol`` is ``rtol`` times the largest component of ``y0``, or times
        1 if that is less.
    order : int, optional
        The last degree of the series. By default the even one that costs least, from 8 for an
        ``rtol`` of 1e-3 to 24 for the smallest.
    max_step : float
        The largest step.
    first_step : float, optional
        The largest first step.
    digits : int, optional
        How many decimal digits to compute with; results are mpmath numbers. Up to 31 and up to 62
        go by machine code, in numbers of two and of four doubles, more by mpmath. Floats and whole
        numbers in ``y0`` and ``t_span`` count as exact, ``rtol`` is ``10**-digits``.

    Returns
    -------
    OdeResult
        If the integration cannot go on, where the solution is singular or ``fun`` not finite,
        ``success`` is False, ``message`` says why, and the last point is the last good one.

    Raises
    ------
    taylorad.errors.InputError, taylorad.errors.InputTypeError
        If arguments make no sense.

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> def pendulum(t, y, k):
    ...     angle, speed = y
    ...     return speed, -k * np.sin(angle)
    >>> def upright(t, y, k):
    ...     return y[0]
    >>> upright.terminal = 2
    >>> result = ta.ode.solve_ivp(pendulum, (0, 10), [1.0, 0.0], events=upright, args=(1.0,))
    >>> result.t_events[0]  # a quarter of the period, and three quarters
    array([1.67499..., 5.02498...])
    >>> result.message
    'A termination event occurred.'
    """
    name = method if isinstance(method, str) else getattr(method, "__name__", method)
    if name not in (None, "Taylor"):
        raise InputError(
            f"there is no method {method!r}, only 'Taylor'; scipy.integrate.solve_ivp has others, "
            "and takes taylorad.ode.Taylor for a method too"
        )
    args = () if args is None else arguments(args)
    options = Options(dense_output, events, tol, rtol, atol, order, max_step, first_step, digits)
    if carried((t_span, y0, t_eval, args)):
        from taylorad.ode.variations.through import solve_with_derivatives

        return solve_with_derivatives(fun, t_span, y0, t_eval, args, options)
    return solved(fun, as_span(t_span), y0, t_eval, args, options)[0]


@dataclass(frozen=True)
class Options:
    """Those of `solve_ivp`, and of how many inputs `grad` is to carry directions along."""

    dense_output: bool
    events: Any
    tol: float | None
    rtol: Any
    atol: Any
    order: int | None
    max_step: float
    first_step: float | None
    digits: int | None
    directions: int = 4


def solved(
    fun: Callable[..., Any],
    span: tuple[float, float],
    y0: Any,
    t_eval: Any,
    args: tuple[Any, ...],
    options: Options,
    checkpoints: bool = False,
) -> tuple[OdeResult, tuple[Any, Any] | None]:
    """Solve a problem of plain numbers; give checkpoints too, if they are wanted.

    These are the times at which steps begin and the last one ends, in two words, and the states.
    """
    t0, tf = span
    times = _times(t_eval, t0, tf)
    first_step = options.first_step
    if first_step is not None and not 0 < first_step <= abs(tf - t0):
        raise InputError(f"`first_step` is {first_step}; it must be positive, within `t_span`")
    integrator = Integrator(
        *(fun, t0, y0, args),
        tol=options.tol,
        rtol=options.rtol,
        atol=options.atol,
        order=options.order,
        max_step=options.max_step,
        events=options.events,
        digits=options.digits,
    )
    if math.isinf(tf) and not any(math.isfinite(e.most) for e in integrator._engine.events):
        raise InputError(f"t_span is {span!r}: without end, it takes a terminal event")
    start, singularity = integrator._motion.copy(), None
    kept = Ends(start) if times is None else Points(start, times, -1 if tf < t0 else 1)
    segments, begun = Segments(start), Checkpoints()
    records = [kept, *[segments] * options.dense_output, *[begun] * checkpoints]
    try:
        done = integrator._propagate((tf, 0.0), records, first_step=first_step or math.inf)
        status = int(done.outcome == "event")
        message = MESSAGES[status]
    except IntegrationError as error:
        status, message, singularity = -1, str(error), error.singularity
    motion, shape = integrator._motion, integrator._flow.shown
    t, y = kept.found()
    if len(t) == 1 and times is None and not status:
        t, y = np.repeat(t, 2), np.repeat(y, 2, axis=1)  # of an empty span both ends, as in SciPy
    # Without any time SciPy has no shape.
    y = y[: math.prod(shape)].reshape(*shape, len(t)) if len(t) else np.array([])
    events = integrator._engine.events
    ends = begun.found(motion, shape) if checkpoints else None
    return OdeResult(
        t=t,
        y=y,
        sol=segments.solution(shape) if options.dense_output else None,
        t_events=[np.array(x) for x in integrator.t_events] if events else None,
        y_events=[np.array(x) for x in integrator.y_events] if events else None,
        nfev=motion.steps + motion.rejected + 1,
        njev=0,
        nlu=0,
        nsteps=motion.steps,
        nrejected=motion.rejected,
        order=integrator.order,
        status=status,
        message=message,
        success=status >= 0,
        singularity=singularity,
    ), ends


def as_span(t_span: Any) -> tuple[float, float]:
    """Check a span of time."""
    try:
        t0, tf = map(as_time, t_span)
    except (TypeError, ValueError) as error:
        raise InputError(f"t_span is {t_span!r}; it must be two numbers: (t0, tf)") from error
    if not math.isfinite(t0) or math.isnan(tf):
        raise InputError(f"t_span is {t_span!r}; t0 must be finite, and tf a number")
    return t0, tf


def _times(t_eval: Any, t0: float, tf: float) -> Any:
    if t_eval is None:
        return None
    times = as_times(t_eval)
    if times.ndim != 1:
        raise InputError("`t_eval` must be 1-dimensional.")
    if not np.all((times >= min(t0, tf)) & (times <= max(t0, tf))):
        raise InputError("Values in `t_eval` are not within `t_span`.")
    if np.any(np.diff(times) * (1 if tf >= t0 else -1) <= 0):
        raise InputError("Values in `t_eval` are not properly sorted.")
    return times
