"""What the user says of how exact an integration is to be, in the terms of a stepper."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np

from taylorad.errors import InputError
from taylorad.ode.digits.precision import relative_for, words_for
from taylorad.ode.inputs import as_accuracy, as_length
from taylorad.ode.steps.stepper import Tolerance
from taylorad.ode.steps.stepsize import MARGIN

__all__ = ["natural_floors", "order_for", "tolerance"]

SMALLEST = 2.0**-52
"""Doubles cannot be told to be more exact."""

OVERHEAD = 5
"""What a degree costs besides its convolutions, in terms of what one more degree adds to these.

At equal errors of the solution 4 to 10 are the fastest, on systems of 2 to 128 equations and from 3
to 16 digits: they take a sixth less time than Jorba and Zou's rule with one order more.
"""


def tolerance(
    y0: Any, tol: Any, rtol: Any, atol: Any, max_step: float, digits: int | None = None
) -> Tolerance:
    """Give what a stepper takes: the relative tolerance, and floors that are atol / rtol.

    Without ``atol`` the floor is the largest component of the initial state, or 1 if that is more.
    """
    if tol is not None and rtol is not None:
        raise InputError("tol is another name of rtol; give one of them")
    if y0.dtype == object:
        return _of_mpmath(y0, _first(tol, rtol, 0), atol, max_step, digits)
    relative = as_accuracy("rtol", _first(tol, rtol, SMALLEST))
    if not (relative >= 0).all():
        raise InputError(f"rtol is {relative}; it must be positive")
    if relative.ndim and relative.shape != np.shape(y0):
        raise InputError(f"`rtol` has wrong shape: {relative.shape}, not {np.shape(y0)}")
    smallest = max(float(relative.min(initial=math.inf)), SMALLEST)
    if smallest >= 1:
        raise InputError(f"rtol is {smallest}; it must be below 1")
    if not as_length("max_step", max_step) > 0:
        raise InputError("`max_step` must be positive.")
    if atol is None:
        floors = np.full(y0.size, min(1.0, float(np.abs(y0).max(initial=0.0))) or 1.0)
    else:
        absolute = as_accuracy("atol", atol)
        if not (absolute >= 0).all():
            raise InputError("`atol` must be positive.")
        if absolute.ndim and absolute.shape != np.shape(y0):
            raise InputError(f"`atol` has wrong shape: {absolute.shape}, not {np.shape(y0)}")
        # A component may well be zero, of which no part is small.
        least = np.finfo(float).tiny
        floors = np.maximum(np.broadcast_to(absolute, np.shape(y0)).ravel() / smallest, least)
    return Tolerance(smallest, floors, float(max_step))


def natural_floors(states: Any) -> Any:
    """Give the floors of many states, one in each row, as without ``atol``: the same for all of it.

    That is what `tolerance` has for one.
    """
    largest = np.max(np.abs(states), axis=1, initial=0.0)
    return np.where(largest > 0, np.minimum(largest, 1.0), 1.0)


def _of_mpmath(y0: Any, rtol: Any, atol: Any, max_step: float, digits: int | None) -> Tolerance:
    """Give the tolerance for mpmath numbers: by default ``digits``, or their working precision."""
    import mpmath

    relative = mpmath.mpf(rtol) or (relative_for(digits) if digits else +mpmath.eps)
    if not 0 < relative < 1:
        raise InputError(f"rtol is {rtol}; it must be positive and below 1")
    largest = max((abs(x) for x in y0.ravel()), default=0)
    floor = min(mpmath.mpf(1), largest) or mpmath.mpf(1) if atol is None else atol / relative
    floors = np.empty(y0.shape, dtype=object)
    floors[...] = floor
    return Tolerance(relative, floors.ravel(), max_step)


def order_for(
    relative: Any, order: int | None, exact: bool = False, digits: int | None = None
) -> int:
    """Choose the order that costs least."""
    if order is None and digits and words_for(digits):
        from taylorad.ode.digits.multiword.stepper import order_for_words

        return order_for_words(relative, words_for(digits))
    if order is None and exact:
        from taylorad.ode.digits.eager import order_of

        return order_of(relative)
    if order is None:
        return _cheapest(relative)
    if not isinstance(order, Real) or int(order) != order or order < 2:
        raise InputError(f"order is {order!r}; it must be a whole number, at least 2")
    return int(order)


def _cheapest(relative: float) -> int:
    """Give the order p at which the work for a given time is least.

    Each of the p degrees of a step has convolutions as long as itself and something besides, which
    comes to (p + OVERHEAD)**2; the step is as long as tol**(1/p). The work for a given time is the
    quotient, which is least where 2 / (p + OVERHEAD) = L / p**2, with L = -log(tol). Without the
    overhead that is p = L / 2 (A. Jorba, M. Zou, Experimental Mathematics 14, 2005).

    The order is even: where motion can be reversed in time, what the first omitted term then does
    to the energy on the way in, it undoes on the way out.
    """
    L = -math.log(relative) + MARGIN * math.log(2)
    return 2 * max(1, round((L + math.sqrt(L * (L + 8 * OVERHEAD))) / 8))


def _first(*values: Any) -> Any:
    return next(x for x in values if x is not None)
