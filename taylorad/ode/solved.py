"""Initial value problems of plain numbers: what `solve_ivp` comes down to, and its result."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult

from taylorad.errors import InputError, IntegrationError
from taylorad.ode.inputs import as_length, as_time, as_times
from taylorad.ode.integrator import Integrator
from taylorad.ode.records import Checkpoints, Ends, Points, Segments

__all__ = ["OdeResult", "Options", "as_span", "solved"]

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


@dataclass(frozen=True)
class Options:
    """Those of `solve_ivp`, and whether gradients are to be by the adjoint equation, always."""

    dense_output: bool
    events: Any
    tol: float | None
    rtol: Any
    atol: Any
    order: int | None
    max_step: float
    first_step: float | None
    digits: int | None
    adjoint: bool = False


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
    if first_step is not None and not (0 < as_length("first_step", first_step) <= abs(tf - t0)):
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
    motion, shown = integrator._motion, integrator._flow.shown
    t, y = kept.found()
    if len(t) == 1 and times is None and not status:
        t, y = np.repeat(t, 2), np.repeat(y, 2, axis=1)  # of an empty span both ends, as in SciPy
    # Without any time SciPy has no shape.
    y = shown.along(y) if len(t) else np.array([])
    watched = options.events is not None
    ends = begun.found(motion, shown) if checkpoints else None
    return OdeResult(
        t=t,
        y=y,
        sol=segments.solution(shown) if options.dense_output else None,
        t_events=[np.array(x) for x in integrator.t_events] if watched else None,
        y_events=[np.array(x) for x in integrator.y_events] if watched else None,
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
    if not ((times >= min(t0, tf)) & (times <= max(t0, tf))).all():
        raise InputError("Values in `t_eval` are not within `t_span`.")
    if ((times[1:] <= times[:-1]) if tf >= t0 else (times[1:] >= times[:-1])).any():
        raise InputError("Values in `t_eval` are not properly sorted.")
    return times
