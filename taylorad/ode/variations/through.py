"""`solve_ivp` of numbers that carry derivatives: one transformation after the other.

The innermost answers first. If it is one of polynomials, their coefficients move by a larger system
(`varied`), which is solved in turn; if it records, all of the solution becomes one line of its list
(`recorded`). Coefficients and values may belong to other transformations.

Times that carry derivatives are reached in a second integration: s from 0 to 1 leads from y(t) to
y(t + d) by

    dY/ds = d f(t + s d, Y)

where d is a number whose value is 0.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import mpmath
import numpy as np

from taylorad.dispatch import bottom, shape_of
from taylorad.dispatch.containers import flatten
from taylorad.dispatch.exact import plain
from taylorad.dispatch.operands import as_operand
from taylorad.drivers.seeds import coefficients_of
from taylorad.errors import InputError, IntegrationError, user_line
from taylorad.forward.jet import Jet
from taylorad.ode.digits.precision import exact_state
from taylorad.ode.events.watch import prepared
from taylorad.ode.inputs import as_times, not_traced
from taylorad.ode.leaves import carried, numbered
from taylorad.ode.solved import OdeResult, Options, as_span, solved
from taylorad.ode.variations.beginning import FREE, Shift, begun, seen, tolerances
from taylorad.ode.variations.occurrences import occurrence
from taylorad.ode.variations.problem import Problem, lowest, stripped, whole, with_products
from taylorad.ode.variations.recorded import recorded
from taylorad.ode.variations.varied import Varied
from taylorad.wengert.tape import Entry

__all__ = ["solve", "solve_with_derivatives"]


def solve_with_derivatives(
    fun: Any, t_span: Any, y0: Any, t_eval: Any, args: tuple[Any, ...], options: Options
) -> OdeResult:
    """Solve a problem in which some number carries derivatives."""
    not_traced(t_span, y0, t_eval, args)
    if options.dense_output:
        raise InputError(
            "of numbers that carry derivatives solve_ivp gives the solution at times: dense_output "
            f"is not for them{user_line()}; use t_eval"
        )
    t0, tf = t_span
    y0 = whole(y0)
    if options.digits is not None:
        y0 = y0 * as_operand(mpmath.mpf(1)) if carried(y0) else exact_state(y0)
    span = as_span((bottom(whole(t0)), bottom(whole(tf))))
    times = None if t_eval is None else as_times(bottom(whole(t_eval)))
    shape = shape_of(y0)
    fun, y0, options = begun(fun, t0, y0, args, options)
    start = y0
    if carried(t0):
        shift = np.reshape(t0 - span[0], 1)
        y0 = _shifted(fun, shift, span[:1], y0[..., None], args, options, -1)[..., 0]
    problem = Problem(fun, span, y0, args, times, options)
    found = solve(problem)[0] if options.events is None else _with_events(problem)
    if t_eval is not None and carried(t_eval):
        shift = whole(t_eval)[: len(found.t)] - found.t  # an event may have ended it
        found.y = _shifted(fun, shift, found.t, found.y, args, options)
    elif t_eval is None and carried((t0, tf)):
        last = found.y[..., -1:]
        if carried(tf) and not found.status:
            last = _shifted(fun, np.reshape(tf - span[1], 1), span[1:], last, args, options)
        found.y = np.concatenate([start[..., None], found.y[..., 1:-1], last], axis=-1)
    if len(found.t):  # without any time there is no shape
        found.y = seen(found.y, shape)
    if found.y_events is not None:
        found.y_events = [seen(y, shape, 1) if len(y) else y for y in found.y_events]
    return found


def _with_events(problem: Problem) -> OdeResult:
    """Solve a problem with events: these are found first, of plain numbers."""
    options, events = problem.options, prepared(problem.options.events)
    leaves, _, rebuild = numbered(problem.args)
    bare = rebuild([bottom(x) for x in leaves])
    y0, (t0, tf) = bottom(problem.y0), problem.span
    first, _ = solve(replace(problem, y0=y0, args=bare))
    marks = [t for times in first.t_events for t in times.tolist()]
    sign = -1 if tf < t0 else 1
    times = sorted({*first.t.tolist(), *marks}, key=lambda t: sign * t)
    end = times[-1] if first.status else tf
    options = replace(options, events=None)
    given = replace(problem, span=(t0, end), times=as_times(times), options=options)
    y = solve(given)[0].y
    places = {t: i for i, t in enumerate(times)}
    first.y = y[..., [places[t] for t in first.t.tolist()]]
    for i, event in enumerate(events):
        pairs = [
            occurrence(problem.fun, event.function, t, y[..., places[t]], problem.args, t - t0)
            for t in first.t_events[i].tolist()
        ]
        if pairs:
            first.t_events[i], first.y_events[i] = map(np.stack, zip(*pairs, strict=True))
    return first


def solve(problem: Problem, checkpoints: bool = False) -> tuple[OdeResult, Any]:
    """Solve a problem; give times and states at which its steps began too, if they are wanted."""
    innermost = max(carried((problem.y0, problem.args)), key=lambda x: x.tag, default=None)
    if innermost is None:
        leaves, rebuild = flatten(problem.args)
        found, ends = solved(
            *(problem.fun, problem.span, plain(problem.y0), problem.times),
            rebuild(map(plain, leaves)),
            problem.options,
            checkpoints,
        )
        if found.status < 0:
            raise IntegrationError(found.message, found.t[-1:], found.y, found.singularity)
        return found, ends
    if isinstance(innermost, Jet):
        return _expanded(problem, innermost, checkpoints)
    assert isinstance(innermost, Entry)
    return recorded(problem, innermost.tape, solve), None


# --- polynomials ------------------------------------------------------------------------------


def _expanded(problem: Problem, like: Jet, checkpoints: bool) -> tuple[OdeResult, Any]:
    """Solve for the coefficients of polynomials."""
    args, y0 = problem.args, problem.y0
    algebra = lowest(like, (y0, args))
    given, seeds, values = stripped(args, like.tag, algebra)
    c = coefficients_of(y0, like.tag, algebra)[: algebra.size]
    options = tolerances(y0, c, algebra, problem.options)
    varied = Varied(problem.fun, with_products(algebra), seeds)
    found, ends = solve(
        replace(problem, fun=varied, y0=c, args=(*given, values), options=options), checkpoints
    )
    if not len(found.t):
        found.y = np.zeros((algebra.size, 0))
    found.y = like.like(as_operand(found.y), algebra)
    if ends is not None:
        times, states = ends
        ends = times, like.like(states, algebra)
    return found, ends


# --- times ------------------------------------------------------------------------------------


def _shifted(
    fun: Any,
    shift: Any,
    t: Any,
    states: Any,
    args: tuple[Any, ...],
    options: Options,
    sign: int = 1,
) -> Any:
    """Give states at times t + shift from those at t, or the other way about."""
    options = replace(options, **FREE)
    span, times = (0.0, 1.0), np.array([1.0])
    t = as_times(t)
    if not shape_of(states)[-1]:
        return states
    problem = Problem(Shift(fun, sign), span, states, (t, shift, *args), times, options)
    return solve(problem)[0].y[..., 0]
