"""Where solutions that vary begin: at other times, and with values that equations imply."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from taylorad.dispatch import shape_of
from taylorad.dispatch.containers import flatten
from taylorad.dispatch.operands import bottom
from taylorad.forward.algebra import Algebra
from taylorad.forward.jet import Jet
from taylorad.ode.dae.implicit import Implicit
from taylorad.ode.events.watch import prepared
from taylorad.ode.leaves import carried
from taylorad.ode.solved import Options
from taylorad.ode.tolerances import tolerance
from taylorad.ode.variations.problem import whole

__all__ = ["FREE", "Shift", "begun", "order_of", "seen", "tolerances"]

FREE: dict[str, Any] = {
    "tol": None,
    "rtol": None,
    "atol": None,
    "first_step": None,
    "max_step": math.inf,
}
FREE |= {"max_step": math.inf, "events": None, "dense_output": False}
"""Options of a way that is no part of the solution."""


def begun(
    fun: Any, t0: Any, y0: Any, args: tuple[Any, ...], options: Options
) -> tuple[Any, Any, Options]:
    """Give an ordinary problem for an implicit equation: right-hand side, state and options.

    Entries of the state that follow from others do so with their derivatives.
    """
    if not isinstance(fun, Implicit):
        return fun, y0, options
    leaves, rebuild = flatten(args)
    plain = np.asarray(bottom(y0))
    limits = tolerance(
        plain, options.tol, options.rtol, options.atol, options.max_step, options.digits
    )
    explicit, state, limits, events = fun.begun(
        bottom(t0), plain, rebuild([bottom(x) for x in leaves]), limits, prepared(options.events)
    )
    floors = limits.floors.reshape(state.shape) * limits.relative
    watched = None if options.events is None else events
    given = replace(options, tol=None, rtol=limits.relative, atol=floors, events=watched)
    order = order_of((t0, y0, args))
    if not order:
        return explicit, state, given
    y, yp = explicit.parts(state)
    state = explicit.state(y0 + (np.reshape(y, plain.shape) - plain), yp)
    return explicit, explicit.lifted(t0, state, args, order), given


def order_of(tree: Any) -> int:
    """Give the order of the highest derivatives that numbers carry, by all transformations."""
    orders: dict[float, int] = {}
    todo = carried(tree)
    while todo:
        x = todo.pop()
        orders[x.tag] = max(orders.get(x.tag, 1), x.order if isinstance(x, Jet) else 1)
        todo += carried(x.c if isinstance(x, Jet) else getattr(x, "value", None))
    return sum(orders.values())


def seen(y: Any, shape: tuple[int, ...], before: int = 0) -> Any:
    """Give what is the user's of states, of this shape, behind so many axes and ahead of others.

    Behind it in the state of an implicit equation there are rates.
    """
    whole_shape = shape_of(y)
    if whole_shape[before : before + len(shape)] == shape:
        return y
    mine = y[(slice(None),) * before + (slice(math.prod(shape)),)]
    return np.reshape(mine, (*whole_shape[:before], *shape, *whole_shape[before + 1 :]))


class Shift:
    """The right-hand side that leads on by times whose value is 0, of many states, or back."""

    def __init__(self, fun: Any, sign: int) -> None:
        self.fun, self.sign = fun, sign

    def __call__(self, s: Any, states: Any, t: Any, shift: Any, *args: Any) -> Any:
        along = s if self.sign > 0 else 1 - s
        rates = []
        for k in range(len(t)):
            d = shift[k]
            rate = whole(self.fun(t[k] + along * d, states[..., k], *args))
            rates.append(self.sign * d * np.reshape(rate, states.shape[:-1]))
        return np.stack(rates, axis=-1)


def tolerances(y: Any, c: Any, algebra: Algebra, options: Options) -> Options:
    """Give the tolerance of all coefficients c of a state y.

    Those of a degree have the size of the largest of them, at the beginning, or 1 if that is less.
    """
    y, c = (np.asarray(bottom(x)) for x in (y, c))
    limits = tolerance(y, options.tol, options.rtol, options.atol, options.max_step, options.digits)
    floors = np.empty(c.shape, limits.floors.dtype)
    floors[0] = np.reshape(limits.floors, y.shape)
    for grade in algebra.grade[1:]:
        floors[grade] = min(1.0, np.max(np.abs(c[grade]), initial=0.0)) or 1.0
    return replace(options, tol=None, rtol=limits.relative, atol=floors * limits.relative)
