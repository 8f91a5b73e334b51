"""When events happen, and where: times and states that carry derivatives.

An event is a root of g(t, y(t)). Solutions nearby have theirs a time s later, a number whose value
is 0:

    g(t + s, y(t + s)) = 0

From s = 0, each of Newton's steps with the slope of the plain numbers makes one order more right,
and y(t + s) is as many terms of the series at t as there are orders.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np

from taylorad.dispatch import bottom, shape_of
from taylorad.dispatch.exact import plain
from taylorad.dispatch.operands import as_operand
from taylorad.drivers.seeds import coefficients_of
from taylorad.errors import IntegrationError
from taylorad.forward.algebra import Algebra, univariate
from taylorad.forward.jet import Jet
from taylorad.forward.taylor import Taylor
from taylorad.ode.leaves import numbered
from taylorad.ode.variations.beginning import order_of
from taylorad.ode.variations.problem import whole

__all__ = ["Touched", "occurrence", "occurrences"]

TOUCHING = 2.0**-20
"""A function whose slope is less than this, of what its curvature makes in all the time, touches.

Where it touches is known to half of the digits, and so the slope is not zero there.
"""


SPACING = 2.0**-40
"""So well, of itself, the time of an event is known at least."""


class Touched(IntegrationError):
    """The function of an event touches zero, or jumps over it: its time has no derivatives."""


def occurrence(
    fun: Callable[..., Any],
    g: Callable[..., Any],
    t: Any,
    y: Any,
    args: Sequence[Any],
    passed: Any,
) -> tuple[Any, Any]:
    """Give the time of an event, and the state there, with their derivatives.

    Parameters
    ----------
    fun : callable
        ``fun(t, y, *args)``.
    g : callable
        ``g(t, y, *args)``, which is zero.
    t : number
        When it is, for the plain numbers.
    y
        The state at that time, of all solutions.
    args : sequence
    passed : number
        How long it took.

    Raises
    ------
    Touched
        If g does not cross zero.
    """
    order = order_of((y, args))
    leaves, first, rebuild = numbered(tuple(args))
    if hasattr(t, "_mpf_"):  # functions of floats would be those of doubles
        one = as_operand(mpmath.mpf(1))
        leaves = [x * one if k >= 0 else x for x, k in zip(leaves, first, strict=True)]
        args = rebuild(leaves)
    bare = rebuild([as_operand(bottom(x)) for x in leaves])
    slopes = _along(g, t, _series(fun, t, plain(bottom(y)), bare, 2), bare)
    value, slope, curvature = slopes[:3]
    far = abs(value) > abs(slope) * (TOUCHING * abs(passed) + SPACING * abs(t))
    if far or not abs(slope) > TOUCHING * abs(curvature * passed):
        how = "jumps over zero" if far and value else "is only touched"
        text = f"at t = {float(t):.17g} an event {how}: its time has no derivatives"
        raise Touched(text, t, plain(bottom(y)))
    series, s = _series(fun, t, y, args, order), 0.0
    there = y
    for _ in range(order):
        value = np.reshape(whole(g(t + s, there, *args)), ())
        s = s - (value - as_operand(bottom(value))) / slope
        there = series[-1]
        for k in range(order - 1, -1, -1):
            there = there * s + series[k]
    return t + s, there


def occurrences(
    fun: Callable[..., Any],
    g: Callable[..., Any],
    t0: Any,
    times: Any,
    states: Any,
    args: Sequence[Any],
    algebra: Algebra,
    tag: float,
) -> tuple[Any, Any]:
    """Give the coefficients of times and of states of an event, as often as it happened.

    Parameters
    ----------
    fun, g : callable
    t0 : number
    times : ndarray, shape (count,)
    states : ndarray, shape (count, M, *shape)
        The coefficients of all solutions at these times.
    args : sequence
        Those that vary are polynomials with this algebra and tag.

    Returns
    -------
    ndarray, shape (M, count)
    ndarray, shape (M, *shape, count)
        Where the event is only touched they are NaN, but for the values.
    """
    when = np.zeros((algebra.size, len(times)), times.dtype)
    where = np.moveaxis(np.array(states), 0, -1).copy()
    for k, t in enumerate(times.tolist()):
        y = Jet.of(as_operand(where[..., k].copy()), algebra, tag)
        try:
            found = occurrence(fun, g, t, y, args, t - t0)
        except Touched:
            when[0, k], when[1:, k], where[1:, ..., k] = t, math.nan, math.nan
            continue
        when[:, k], where[..., k] = (plain(coefficients_of(x, tag, algebra)) for x in found)
    return when, where


def _series(fun: Callable[..., Any], t: Any, y: Any, args: Sequence[Any], order: int) -> Any:
    """Give the series of a solution in time: its parts, of numbers of any kind."""
    parts = [as_operand(y)]
    powers, shape = univariate(order), shape_of(y)
    for k in range(1, order + 1):
        rates = whole(fun(_clock(t, order), _in_time(parts, order), *args))
        c = coefficients_of(np.reshape(rates, shape), math.inf, powers)
        parts.append(as_operand(c)[k - 1] / k)
    return parts


def _along(g: Callable[..., Any], t: Any, parts: Sequence[Any], args: Sequence[Any]) -> Any:
    """Give the series of a function along a solution."""
    order = len(parts) - 1
    value = np.reshape(whole(g(_clock(t, order), _in_time(parts, order), *args)), ())
    return plain(coefficients_of(value, math.inf, univariate(order)))


def _clock(t: Any, order: int) -> Taylor:
    c = np.array([t, 1.0, *[0.0] * order], object if hasattr(t, "_mpf_") else float)
    return Taylor.of(as_operand(c[: order + 1]), univariate(order))


def _in_time(parts: Sequence[Any], order: int) -> Taylor:
    rest = [0 * parts[0]] * (order + 1 - len(parts))
    return Taylor.of(np.stack([*parts, *rest]), univariate(order))
