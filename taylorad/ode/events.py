"""Events: the roots of functions of time and state along a step's polynomial, in order.

A root at a step's end is seen by the polynomials of both steps, each with its own rounding errors.
So what is remembered of a function from step to step is its sign: a root right at the beginning of
a step is new if the sign changed, and was dealt with if the last step left the function at zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from taylorad.errors import InputError, InputTypeError
from taylorad.forward.taylor import Taylor
from taylorad.ode.dense import polynomial
from taylorad.ode.roots import may_vanish, roots

__all__ = ["Event", "Found", "Watch", "composed", "prepared", "resolved"]

ROUNDINGS = 2.0**-48
"""The error of an event function's values, of the sum of its terms."""


class Event:
    """An event function, its attributes read.

    Attributes
    ----------
    function : callable
        ``g(t, y, *args)``.
    direction : float
    most : float
        How many occurrences end the integration.
    count : int
        How often it has occurred.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        if not callable(function):
            raise InputTypeError(f"an event is a function of t and y, not {function!r}")
        self.function = function
        terminal = getattr(function, "terminal", None)
        if terminal is not None and (int(terminal) != terminal or terminal < 0):
            raise InputError(
                "The `terminal` attribute of each event must be a boolean or positive integer."
            )
        self.most = int(terminal) if terminal else float("inf")
        self.direction = float(getattr(function, "direction", 0))
        self.count = 0

    def concerns(self, direction: int) -> bool:
        """Tell whether a crossing in this direction is one of the event."""
        return not self.direction or self.direction * direction > 0


def prepared(events: Any) -> list[Event]:
    """Read what the user gives as events."""
    if events is None:
        return []
    if callable(events):
        return [Event(events)]
    if not isinstance(events, (list, tuple)):
        raise InputTypeError(f"events is a function or a list of functions, not {events!r}")
    return [Event(g) for g in events]


class Found(NamedTuple):
    """A root: when after the step's beginning, of which function, and in which direction."""

    time: float
    number: int
    direction: int


class Watch:
    """Functions that are followed from step to step by their signs.

    Attributes
    ----------
    signs : list of (int or None)
        At the end of the last step; 0 where a root was, None before the first.
    """

    def __init__(self, count: int) -> None:
        self.signs: list[int | None] = [None] * count

    def over(self, rows: Any, h: Any) -> list[Found]:
        """Give the roots in ``(0, h]`` in order of travel, those at 0 that are new included.

        Parameters
        ----------
        rows : ndarray, shape (count, order + 1)
            The functions' series.
        h : float
            The step.
        """
        if not len(rows):
            return []
        given, rows, h = rows, _reals(rows), float(h)
        noise = noises(rows, h)
        found = []
        possible = may_vanish(rows, h, noise)
        for i, row in enumerate(rows):
            before = self.signs[i]
            start = _sign(row[0], noise[i])
            new = before is not None and before * start < 0
            if new:
                found.append(Found(0.0, i, start))
            if possible[i] and np.all(np.isfinite(row)):
                found += [
                    Found(root.time, i, root.direction)
                    for root in roots(
                        row,
                        0.0,
                        h,
                        noise=float(noise[i]),
                        include_low=bool(before) and not start,
                        handled=before == 0 or (before is None and not start),
                    )
                ]
        if given.dtype == object:
            found = [x._replace(time=_sharpened(given[x.number], x)) for x in found]
        return sorted(found, key=lambda x: abs(x.time))

    def leave(self, rows: Any, s: Any, at: Sequence[Found] = ()) -> None:
        """Remember the signs at the end of a step, cut short where roots ``at`` were met."""
        if not len(rows):
            return
        met = {x.number for x in at if x.time == s}
        rows, s = _reals(rows), float(s)
        noise, values = noises(rows, s), polynomial(rows, s)
        for i, value in enumerate(values):
            # Within the noise there is a root that has been met, unless the step was cut short
            # before it came to that.
            self.signs[i] = 0 if i in met else _sign(value, 0.0 if met else noise[i])


def noises(rows: Any, h: float) -> Any:
    """Estimate the errors of the values of polynomials."""
    return ROUNDINGS * polynomial(np.abs(rows), abs(h))


def resolved(rows: Any, h: Any, relative: Any) -> Any:
    """Give the longest step, up to ``abs(h)``, over which functions are what their series say.

    The last terms are to be that much smaller than the largest of the first half: a function may
    well need shorter steps than the state that it is of.
    """
    if not len(rows) or h == 0:
        return abs(h)
    c = np.abs(np.asarray(rows)).astype(float)
    p = c.shape[1] - 1
    last = np.arange(max(p - 3, p // 2 + 1), p + 1)
    first = np.arange(p // 2 + 1)
    with np.errstate(all="ignore"):
        quotients = float(relative) * c[:, first, None] / c[:, None, last]
        steps = np.max(quotients ** (1.0 / (last - first[:, None])), axis=1, initial=0.0)
    # Of a function without first terms nothing is known; what is 0 / 0 does not matter.
    known = np.any(c[:, first] > 0, axis=1)[:, None] & (c[:, last] > 0)
    longest = float(np.min(np.where(known, steps, np.inf)))
    return longest if longest < float(abs(h)) else abs(h)


def composed(
    g: Callable[..., Any], t: float, y: Any, shape: tuple[int, ...], args: Sequence[Any]
) -> Any:
    """Expand a function along a step: of the step's polynomials ``y``, by Taylor arithmetic."""
    order = y.shape[1] - 1
    time = Taylor.variable(t, order)
    state = Taylor(np.ascontiguousarray(y.T).reshape(order + 1, *shape))
    value = g(time, state, *args)
    row = np.zeros(order + 1, dtype=y.dtype)
    c = value.coefficients if isinstance(value, Taylor) else np.asarray(value)[None]
    row[: len(c)] = np.reshape(c, (len(c), -1))[:, 0]
    return row


def _reals(rows: Any) -> Any:
    """Give series as floats: event functions are real, whatever the state is of."""
    return np.asarray(rows.real if rows.dtype.kind == "c" else rows).astype(float)


def _sharpened(row: Any, root: Found) -> Any:
    """Give the time of a root to the digits of a series of mpmath numbers, by Newton's method."""
    import mpmath

    s = mpmath.mpf(root.time)
    slopes = np.array([k * x for k, x in enumerate(row) if k])
    for _ in range(mpmath.mp.prec.bit_length() if root.direction else 0):
        slope = polynomial(slopes[None], s)[0]
        s -= polynomial(row[None], s)[0] / slope if slope else 0
    return s


def _sign(x: float, noise: float) -> int:
    return 0 if abs(x) <= noise else 1 if x > 0 else -1
