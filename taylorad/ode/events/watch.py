"""Events: the roots of functions of time and state along the steps' polynomials, in order.

A root at a step's end is seen by the polynomials of both steps, each with its own rounding errors.
So what is remembered of a function from step to step is its sign: a root right at the beginning of
a step is new if the sign changed, and was dealt with if the last step left the function at zero.

Machine code (`search`) deals with what is clear; what it leaves open is looked at here.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from taylorad.errors import InputError, InputTypeError
from taylorad.forward.taylor import Taylor
from taylorad.ode.events.polynomials import Polynomial, horner
from taylorad.ode.events.roots import roots
from taylorad.ode.events.search import (
    ASK,
    ENDLESS,
    FRESH,
    ROUNDINGS,
    SPACING,
    Search,
    Size,
    Verdict,
    last_of,
    thresholds,
)
from taylorad.ode.steps.sampling import polynomial

__all__ = ["NOTHING", "Event", "Watch", "composed", "prepared", "resolved"]


NOTHING = np.zeros((0, 4))
"""No roots."""

_STEP, _FOUND = Size.STEP.value, Size.FOUND.value


class Event:
    """An event function, its attributes read.

    Attributes
    ----------
    function : callable
        ``g(t, y, *args)``.
    direction : float
    most : float
        How many occurrences end the integration.
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

    def through(self, function: Callable[..., Any]) -> Event:
        """Give the same event as one of another function, that of another state."""
        other = copy.copy(self)
        other.function = function
        return other


def prepared(events: Any) -> list[Event]:
    """Read what the user gives as events; those that were read are as they are."""
    if events is None:
        return []
    if callable(events):
        return [Event(events)]
    if not isinstance(events, (list, tuple)):
        raise InputTypeError(f"events is a function or a list of functions, not {events!r}")
    return [g if isinstance(g, Event) else Event(g) for g in events]


class Watch:
    """Functions that are followed from step to step by their signs.

    Parameters
    ----------
    count : int
        How many.
    order : int
    relative : float
        The tolerance.

    Attributes
    ----------
    signs : list of (int or None)
        At the end of the last step that was looked at here; 0 where a root was, None before the
        first.
    """

    def __init__(self, count: int, order: int, relative: float) -> None:
        self.about, self.relative = (count, order, relative), relative
        self.search = Search(*self.about)
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self.signs: list[int | None] = [None] * self.about[0]
        self.search.signs.fill(FRESH)

    def __getstate__(self) -> dict[str, Any]:
        return {"about": self.about, "signs": self.signs, "sure": self.search.signs.copy()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(*state["about"])  # type: ignore[misc]
        self.signs = list(state["signs"])
        self.search.signs[:] = state["sure"]

    def over(
        self,
        series: Any,
        times: Any,
        values: Callable[[int], Any],
        *,
        trusting: bool = False,
        verdict: Verdict | None = None,
    ) -> tuple[Verdict, int, Any]:
        """Look through steps for roots, in ``(0, h]`` each; those at 0 that are new included.

        Parameters
        ----------
        series : ndarray of float, shape (steps, functions, order + 1)
        times : ndarray of float, shape (steps, 3)
        values : callable
            Gives the functions' values at the end of a step.
        trusting : bool
            Whether the series are taken for the functions, whatever their last terms are.
        verdict : Verdict, optional
            Of a search that has been over them, up to where it left off.

        Returns
        -------
        verdict : Verdict
            Whether a step is too long for the functions.
        done : int
            How many of the steps have been looked through.
        found : ndarray, shape (count, 4)
            Step, function, time after the step's beginning, and direction of all roots, in order.
        """
        search, found = self.search, []
        if verdict is None:
            search.trust(trusting)
            verdict = search.over(series, times, 0)
        while True:
            start = search.sizes[_STEP]
            if count := search.sizes[_FOUND]:
                found.append(self._settled(search.found[:count], series, times))
            if verdict is Verdict.UNKNOWN:
                with np.errstate(all="ignore"):
                    ends = polynomial(series[start], times[start, 2])
                given = np.asarray(values(start), dtype=float)
                search.final[:] = np.where(np.isnan(given), np.nan_to_num(ends), given)
            elif verdict is not Verdict.FULL:
                break
            verdict = search.over(series, times, start)
        if not found:
            return verdict, start, NOTHING
        rows = found[0] if len(found) == 1 else np.concatenate(found)
        if len(self.signs) > 1 and len(rows) > 1:
            rows = rows[np.lexsort((np.abs(rows[:, 2]), rows[:, 0]))]
        return verdict, start, rows

    def blindly(self, series: Any, times: Any, values: Callable[[int], Any]) -> tuple[int, Any]:
        """Look through one step over which functions need not be what their series say.

        Where a function is singular it vanishes only if it is less and less toward there, and has
        another sign behind: not at a pole, nor where it ceases to be defined.

        Returns
        -------
        done : int
        found : ndarray, shape (count, 4)
            As `over` has them.
        """
        _, done, found = self.over(series, times, values, trusting=True)
        ends, h = np.asarray(values(0), dtype=float), times[0, 2]
        for i, row in enumerate(series[0]):
            if np.all(np.isfinite(row)) and resolved(row[None], h, self.relative) >= 1:
                continue
            start, slope, sign = np.nan_to_num(np.sign([row[0], row[1] * np.sign(h), ends[i]]))
            self.signs[i], self.search.signs[i] = int(sign) or None, sign or FRESH
            others = found[:, 1] != i
            if start * slope < 0 and start * sign <= 0:
                found = found if sum(~others) == 1 else [*found[others], (0, i, h, sign)]
            else:
                found = found[others]
            found = np.reshape(found, (-1, 4))
        return done, found

    def _settled(self, rows: Any, series: Any, times: Any) -> Any:
        """Look at what the search has left open."""
        if 0.0 not in rows[:, 3].tolist():
            return rows[:, :4].copy()
        found = []
        for step, number, time, direction, before in rows.tolist():
            if direction:
                found.append((step, number, time, direction))
                continue
            i = int(number)
            sign = self.signs[i] if before == ASK else None if before == FRESH else int(before)
            row, begin = series[int(step), i], times[int(step), 0]
            met, self.signs[i] = crossings(row, time, sign, begin)
            found += [(step, number, *root) for root in met]
        return np.array(found, dtype=float).reshape(-1, 4)

    def leave(self, rows: Any, s: float, found: list[list[float]]) -> None:
        """Remember the signs where a step is cut short.

        Parameters
        ----------
        rows : ndarray, shape (functions, order + 1)
            Their series.
        s : float
            When.
        found : list of list
            All roots in the step.
        """
        for i, row in enumerate(rows):
            mine = [(time, direction) for _, number, time, direction in found if number == i]
            if any(time == s for time, _ in mine):
                sign = 0
            else:  # what it will be that the next root changes; or it has none
                later = (-int(direction) for time, direction in mine if abs(time) > abs(s))
                value = horner(row.tolist(), s)
                sign = next(later, 0) or (value > 0) - (value < 0)
            self.signs[i], self.search.signs[i] = sign, sign


def crossings(
    row: Any, h: float, before: int | None, begin: float = 0.0
) -> tuple[list[tuple[float, int]], int | None]:
    """Give the roots of a function in a step, with their directions, and its sign at the end.

    Parameters
    ----------
    row : ndarray, shape (order + 1,)
    h : float
        The step.
    before : int or None
        The sign at the end of the step before; None if there is none.
    begin : float
        The time at which the step begins.
    """
    if not np.all(np.isfinite(row)) or not h:
        return [], before
    if _is_endless(row, h):
        # The step is no measure of time, nor is what the function is at its end.
        noise, relative = ROUNDINGS * _natural(np.abs(row), abs(h)), ROUNDINGS
        start = int(np.sign(row[0]))
        if before is None and abs(row[0]) <= noise:
            start = 0
        errors = {"relative": relative}
    else:
        noise = ROUNDINGS * horner(np.abs(row).tolist(), abs(h))
        noise += SPACING * abs(row[1]) * (abs(begin) + abs(h))
        start = int(np.sign(row[0])) if abs(row[0]) > noise else 0
        errors = {"noise": noise}
    found = [(0.0, start)] if before and start == -before else []
    met = roots(
        row,
        0.0,
        h,
        **errors,
        include_low=bool(before) and not start,
        handled=before == 0 or (before is None and not start),
    )
    if before and not start and met and met[0].direction == before:
        met = met[1:]  # it has that sign already: the root that the last step saw
    found += [(root.time, root.direction) for root in met]
    sign = Polynomial(row.tolist()).sign(h, **errors)
    return found, sign if sign or found else start or before


def _is_endless(row: Any, h: float) -> bool:
    """Tell whether a step is so long because the series ends."""
    p = len(row) - 1
    with np.errstate(all="ignore"):
        sizes = np.log2(np.abs(row)) + np.arange(p + 1) * math.log2(abs(h))
    return bool(np.max(sizes[-last_of(p) :]) < np.max(sizes[: p // 2 + 1]) + math.log2(ENDLESS))


def _natural(sizes: Any, h: float) -> float:
    """Give how much a function moves in its own time, in which its first two moving terms meet."""
    moving = [int(k) for k in np.flatnonzero(sizes) if k]
    if len(moving) < 2:
        return 0.0
    m, *later = moving
    with np.errstate(all="ignore"):
        time = min(h, *((sizes[m] / sizes[k]) ** (1.0 / (k - m)) for k in later))
        return float(horner(sizes[1:].tolist(), time) * time)


def resolved(rows: Any, h: float, relative: float) -> float:
    """Give the share of a step over which functions are what their series say; 1 if all of it.

    The last terms are to be small, as a core has them, but beside the largest term of the first
    half: a function may well need shorter steps than the state that it is of.

    Parameters
    ----------
    rows : ndarray, shape (functions, order + 1)
    h : float
    relative : float
    """
    p = rows.shape[1] - 1
    size = np.abs(rows).astype(float)
    last, first = np.arange(p + 1 - last_of(p), p + 1), np.arange(p // 2 + 1)
    with np.errstate(all="ignore"):
        size = size * abs(h) ** np.arange(p + 1)
        quotients = thresholds(p, relative) * size[:, first, None] / size[:, None, last]
        shares = np.max(quotients ** (1.0 / (last - first[:, None])), axis=1, initial=0.0)
    # Of a function without first terms nothing is known; what is 0 / 0 does not matter.
    known = np.any(size[:, first] > 0, axis=1)[:, None] & (size[:, last] > 0)
    return float(np.min(np.where(known, shares, 1.0), initial=1.0))


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
