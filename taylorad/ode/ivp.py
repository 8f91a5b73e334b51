"""`scipy.integrate.solve_ivp` by Taylor series."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from taylorad.errors import InputError
from taylorad.ode.digits.precision import in_precision_of
from taylorad.ode.inputs import arguments, no_effect
from taylorad.ode.leaves import carried
from taylorad.ode.solved import OdeResult, Options, as_span, solved
from taylorad.ode.variations.through import solve_with_derivatives

__all__ = ["solve_ivp"]


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
    **extraneous: Any,
) -> OdeResult:
    """Solve an initial value problem ``dy/dt = fun(t, y)``, ``y(t0) = y0``, by Taylor series.

    Signature and result are those of `scipy.integrate.solve_ivp`. By default the solution is as
    exact as doubles are, for that costs little more than a few digits.

    It may be called within a function that is differentiated, as by `taylorad.grad`: ``y0``,
    ``args``, and times, may carry derivatives, and ``result.y``, ``result.t_events`` and
    ``result.y_events`` then do.

    Parameters
    ----------
    fun : callable
        ``fun(t, y, *args)``, in plain NumPy; it may return an array or a list. What jumps in it, as
        in ``np.where``, ``if`` or ``abs``, is located and integrated to. It must depend on nothing
        but its arguments. An equation that is not solved for the rates is given by `implicit`.
    t_span : (float, float)
        From when to when; it may run backward.
    y0 : array_like
        The state at the beginning, of any shape; a number too. It may be complex, and ``fun`` need
        not be analytic then.
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
        ``rtol`` of 1e-3 to 24 for the smallest; less where doubles cannot hold so many coefficients
        in that unit of time.
    max_step : float
        The largest step.
    first_step : float, optional
        The largest first step.
    digits : int, optional
        How many decimal digits to compute with; results are mpmath numbers. Up to 31 and up to 62
        go by machine code, in numbers of two and of four doubles, more by mpmath. Floats and whole
        numbers in ``y0`` and ``t_span`` count as exact, ``rtol`` is ``10**-digits``.
    **extraneous
        What SciPy's methods take besides, as ``jac``; there is a warning.

    Returns
    -------
    OdeResult
        If the integration cannot go on, where the solution is singular or ``fun`` not finite,
        ``success`` is False, ``message`` says why, and the last point is the last good one.

    Raises
    ------
    taylorad.errors.InputError, taylorad.errors.InputTypeError
        If arguments make no sense.
    taylorad.errors.IntegrationError
        If numbers carry derivatives, and the integration cannot go on.

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
    no_effect(extraneous, 3)
    args = () if args is None else arguments(args)
    options = Options(dense_output, events, tol, rtol, atol, order, max_step, first_step, digits)
    if carried((t_span, y0, t_eval, args)):
        return solve_with_derivatives(fun, t_span, y0, t_eval, args, options)
    return solved(fun, as_span(t_span), y0, t_eval, args, options)[0]
