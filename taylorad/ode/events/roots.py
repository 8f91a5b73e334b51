"""All real roots of a polynomial on an interval, in order of travel: the events of a Taylor step.

Three stages, each doing only what the one before could not decide.

*Exclusion*: where the constant exceeds all the rest together, nothing vanishes.

*Isolation*: the interval is halved until on every piece the polynomial has one sign, or is
monotone, or is nothing but noise. This is read off its Bernstein coefficients: it lies between the
least and the greatest of them, and it is monotone where they are (Lane and Riesenfeld, "Bounds on a
polynomial", BIT 21, 1981; in exact arithmetic the method of Collins and Akritas, SYMSAC 1976). They
are doubles with a bound on their error, as in the bitstream method of Eigenwillig, Kettner,
Krandick, Mehlhorn, Schmitt and Wolpert (CASC 2005). After every few halvings the polynomial is
expanded anew about the piece, in whole numbers, so that the error stays relative to the values on
the piece, however small they are. It ends: no piece is halved that is shorter than a few units in
the last place of the interval, and only pieces next to a (complex) root of the polynomial or of its
derivative get that far, by the one-circle theorem.

*Refinement*: Newton's method, kept within a bracket by bisection, on values computed in whole
numbers and rounded once; with Python's long integers this costs about what a compensated Horner
scheme costs in Python's floats, and there is no condition number to worry about.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from taylorad.errors import InputError
from taylorad.ode.events.bernstein import to_bernstein, to_first_half
from taylorad.ode.events.polynomials import Noisy, Polynomial, doubles, horner, quotient

__all__ = ["Root", "may_vanish", "roots"]

UNIT = 2.0**-53
"""The unit roundoff of doubles."""

HALVINGS = 8
"""How often a piece is halved before the polynomial is expanded anew about it."""

SHORTEST = 4 * UNIT
"""The shortest piece, relative to the end farther from zero."""


class Root(NamedTuple):
    """A place where a polynomial vanishes, or is lost in the noise.

    Attributes
    ----------
    time : float
        Where.
    direction : int
        1 if the polynomial goes from negative to positive in the direction of travel, -1 if from
        positive to negative, 0 if it touches zero and turns back.
    simple : bool
        Whether this is one crossing beyond doubt, with the polynomial monotone all through it;
        not a touch, nor several roots so close that they count as one.
    """

    time: float
    direction: int
    simple: bool


def roots(
    coefficients: npt.ArrayLike,
    low: float,
    high: float,
    *,
    noise: float = 0.0,
    relative: float = 0.0,
    include_low: bool = False,
    handled: bool = False,
) -> list[Root]:
    """Give all roots of ``coefficients[0] + coefficients[1] t + ...`` after `low`, up to `high`.

    The coefficients are taken for exact. A root is a stretch of time in which the polynomial is
    not larger than `noise`, or an instant in which it changes sign: so with noise 0 there is one
    for each real root. Where the polynomial stays within the noise between two of its roots, they
    are one `Root`; and so are those that doubles hardly tell apart, nearer to each other than a few
    units in the last place of the interval's end.

    Intervals are half open: a root at `high` belongs to this interval, a root at `low` to the one
    before. What lies beyond `high` is looked at only for the direction of a root there.

    Parameters
    ----------
    coefficients : array_like of float, shape (n + 1,)
    low, high : float
        The times between which to look. With ``high < low`` time runs backward: the roots come in
        order from `low` to `high`, with directions as they are met. Equal, there is no root.
    noise : float
        The error of the polynomial's values, which is that of its coefficients; a value no larger
        may be zero.
    relative : float
        The same, as a share of the sum of the sizes of the polynomial's terms, which is less and
        less toward 0. For `low` = 0, and without `noise`.
    include_low : bool
        Whether a root at `low` counts too.
    handled : bool
        Whether `low` is a root that has been dealt with, even if rounding errors larger than
        the noise have moved it to right after `low`. The next root counts however near it is, if
        the polynomial exceeds the noise, or turns back, in between.

    Returns
    -------
    list of Root
        Empty if the polynomial is zero, or nothing but noise, from `low` to `high`.

    Raises
    ------
    InputError
        If a coefficient, an end or the noise is not finite, or the noise is negative.

    Examples
    --------
    >>> from taylorad.ode.events.roots import roots
    >>> roots([0.0, -1.0, 0.0, 4.0], -1.0, 1.0)  # 4 t³ - t
    [Root(time=-0.5, direction=1, simple=True), Root(time=0.0, direction=-1, simple=True),
     Root(time=0.5, direction=1, simple=True)]
    >>> roots([0.0, -1.0, 0.0, 4.0], 0.0, -1.0)  # backward
    [Root(time=-0.5, direction=-1, simple=True)]
    >>> roots([1.0 + 1e-15, -2.0, 1.0], 0.0, 3.0)  # (t - 1)² + 1e-15
    []
    >>> roots([1.0 + 1e-15, -2.0, 1.0], 0.0, 3.0, noise=4e-15)
    [Root(time=1.0, direction=0, simple=False)]
    """
    c = doubles(coefficients)
    low, high, rest = float(low), float(high), 0.0
    if not 0.0 <= noise < math.inf:
        raise InputError(f"roots: noise={noise!r}; give a finite number that is not negative")
    if relative and (noise or low or not 0.0 < relative < 1.0):
        raise InputError(f"roots: relative={relative!r}; below 1, from 0 on, and without noise")
    if low == 0.0:
        size = abs(high)
        for x in c[:0:-1]:
            rest = (rest + abs(x)) * size
        # Every rounding error is of a number no larger than the rest, which is why they are
        # made up for; a NaN or an infinity does not pass.
        most = rest * (1.0 + 4.0 * len(c) * UNIT)
        if most + noise + relative * (most + abs(c[0])) < abs(c[0]) < math.inf:
            return []
    while c and c[-1] == 0.0:
        c.pop()
    if not all(map(math.isfinite, (*c, high - low))):
        raise InputError("roots: a coefficient or an end of the interval is NaN or infinite")
    if len(c) < 2 or low == high:
        return []
    p = Noisy(c, noise, relative)
    samples = list(_samples(p, low, high))
    if handled:
        samples[0] = samples[0]._replace(sign=0)
    found = []
    for component in _components(samples, low, high):
        if component.before or include_low:
            found.append(_root(p, component, high - low))
    return found


def may_vanish(
    coefficients: npt.ArrayLike, high: npt.ArrayLike, noise: npt.ArrayLike = 0.0
) -> npt.NDArray[np.bool_]:
    """Tell which of many polynomials may vanish between 0 and `high`; of the others none does.

    Parameters
    ----------
    coefficients : array_like, shape (..., n + 1)
    high, noise : array_like
        Broadcast against the polynomials.

    Returns
    -------
    array of bool, shape (...)
        True too where a coefficient is NaN or infinite.

    Examples
    --------
    >>> from taylorad.ode.events.roots import may_vanish
    >>> may_vanish([[1.0, -2.0], [1.0, -0.5]], 1.0)
    array([ True, False])
    """
    c = np.abs(np.asarray(coefficients, dtype=float))
    n = c.shape[-1]
    size = np.abs(np.asarray(high, dtype=float))[..., None]
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        # A power too small for a double must not make a large coefficient vanish.
        powers = np.maximum(size ** np.arange(1, n), np.finfo(float).tiny)
        rest = np.sum(c[..., 1:] * powers, axis=-1) * (1.0 + 4.0 * n * UNIT)
        excluded: npt.NDArray[np.bool_] = (rest + noise < c[..., 0]) & np.isfinite(c[..., 0])
    return ~excluded


class _Chart:
    """An expansion of a polynomial about an interval, in which pieces of it are looked at."""

    def __init__(self, p: Noisy, start: float, stop: float) -> None:
        self.start, self.stop = start, stop
        a, power, exponent = [], 1.0, 0
        for c in p.floats:
            a.append(c * power)
            power *= stop
        self.total = sum(map(abs, a))
        # Doubles serve if nothing overflows nor loses bits at the lower end of their range.
        if start or not (1e-250 < self.total < math.inf and abs(power) > 1e-290):
            a, exponent = p.expansion(start, stop)
            self.total = sum(map(abs, a))
        self.sizes, self.graded = [abs(x) for x in a], bool(p.relative) and not start
        self.noise = [p.noise_at(start, exponent), p.noise_at(stop, exponent)]
        self.relative = p.relative
        self.lowest = next((k for k, c in enumerate(p.floats) if c), 0)
        self.values = to_bernstein(p.degree) @ a

    def time(self, x: float) -> float:
        return self.stop if x == 1.0 else self.start + (self.stop - self.start) * x

    def noises(self, x: float, y: float) -> list[float]:
        """Give the least and the largest noise on a piece."""
        if not self.graded:
            return self.noise
        return [self.relative * horner(self.sizes, z) for z in (x, y)]

    def leads(self, y: float) -> bool:
        """Tell whether up to y the lowest of the terms is larger than all others together."""
        m = self.lowest
        return self.sizes[m] > 1.001 * horner(self.sizes[m + 1 :], y) * y


class _Sample(NamedTuple):
    """The sign of a polynomial at a time, 0 if within the noise, and whether it is monotone."""

    time: float
    sign: int
    monotone: bool


def _samples(p: Noisy, low: float, high: float) -> Iterator[_Sample]:
    """Give samples that tell all: between two the polynomial keeps its sign, or is monotone.

    Or else it is within the noise, or the piece too short to be halved: then there is one sample
    with sign 0, not monotone.
    """
    n = p.degree
    half = to_first_half(n)
    shortest = SHORTEST * max(abs(low), abs(high))
    chart = _Chart(p, low, high)
    pieces: list[tuple[_Chart, int, int, Any]] = [(chart, 0, 0, chart.values)]
    while pieces:
        chart, depth, j, values = pieces.pop()
        b: list[float] = values.tolist()
        least, most = min(b), max(b)
        # Of the expansion and each matrix: n + 2 roundings of numbers that sum up to no more.
        error = (depth + 2) * (n + 2) * UNIT * chart.total
        x, y = j / 2**depth, (j + 1) / 2**depth
        near, far = chart.noises(x, y)
        bar = max(error, far)
        start, stop = chart.time(x), chart.time(y)
        if p.relative:
            shortest = SHORTEST * abs(stop)
        if least > bar or most < -bar:
            sign = 1 if least > bar else -1
            yield _Sample(start, sign, True)
            yield _Sample(stop, sign, True)
        elif _is_monotone(b, 2.0 * error):
            for t, v in ((start, b[0]), (stop, b[-1])):
                certain = abs(v) > error + far
                yield _Sample(t, (-1 if v < 0.0 else 1) if certain else p.clear_sign(t), True)
        elif max(most, -least) + error <= near or abs(stop - start) <= shortest:
            yield _Sample(start + (stop - start) / 2, 0, False)
        elif chart.graded and not j and chart.leads(y):
            yield _Sample(start, p.clear_sign(start), True)
            yield _Sample(stop, p.clear_sign(stop), True)
        elif depth == HALVINGS or (depth and max(most, -least) < 1000.0 * error):
            chart = _Chart(p, start, stop)
            pieces.append((chart, 0, 0, chart.values))
        else:
            # The second half is the first of the polynomial run backward.
            pieces.append((chart, depth + 1, 2 * j + 1, (half @ values[::-1])[::-1]))
            pieces.append((chart, depth + 1, 2 * j, half @ values))


def _is_monotone(b: Sequence[float], least: float) -> bool:
    """Tell whether numbers rise, or fall, by more than something from each to the next."""
    if b[-1] < b[0]:
        return all(x - y > least for x, y in pairwise(b))
    return all(y - x > least for x, y in pairwise(b))


class _Component(NamedTuple):
    """A stretch of time in which the polynomial vanishes, with its signs at the ends of it.

    A sign is 0 if the stretch begins at `low`, or lasts until `high`.
    """

    start: float
    before: int
    stop: float
    after: int
    monotone: bool


def _components(samples: Sequence[_Sample], low: float, high: float) -> Iterator[_Component]:
    start, before = low, 0
    vanished, monotone = False, True
    for t, sign, smooth in samples:
        if not sign:
            vanished, monotone = True, monotone and smooth
            continue
        if vanished or sign == -before:
            yield _Component(start, before, t, sign, monotone)
        start, before = t, sign
        vanished, monotone = False, True
    if vanished and before:
        yield _Component(start, before, high, 0, monotone)


def _root(p: Noisy, c: _Component, width: float) -> Root:
    """Say what happens in a component, and when."""
    before = c.before or _beyond(p, c.start, -width)
    after = c.after or _beyond(p, c.stop, width)
    crosses = after == -before
    if c.before == -c.after:
        time = _solve(p, c.start, c.stop, after)
    elif crosses:
        time = _solve_or_end(p, c.start, c.stop, after)
    else:  # Where it only touches zero, it is the derivative that changes sign.
        onward = 1 if width > 0 else -1
        time = _solve_or_end(p.derivative, c.start, c.stop, (before or after) * onward)
    return Root(time, after if crosses else 0, crosses and c.monotone)


def _beyond(p: Noisy, end: float, width: float) -> int:
    """Give the sign that the polynomial has when it leaves the noise beyond an end."""
    signs = (p.clear_sign(end + math.ldexp(width, -k)) for k in range(52, -1, -1))
    return next(filter(None, signs), 0)


def _solve_or_end(q: Polynomial, start: float, stop: float, after: int) -> float:
    """Give the time when a polynomial takes a sign; `stop` if that is later, `start` if earlier."""
    if q.sign(start) in (0, after):
        return start
    if q.sign(stop) in (0, -after):
        return stop
    return _solve(q, start, stop, after)


def _solve(q: Polynomial, start: float, stop: float, after: int) -> float:
    """Give the time at which a polynomial takes the sign `after`, which it has at `stop`.

    Newton's method and bisection as in ``rtsafe`` of Press, Teukolsky, Vetterling and Flannery,
    "Numerical Recipes", section 9.4.
    """
    lower, upper = min(start, stop), max(start, stop)
    slope, t = q.derivative, _approximate(q, lower, upper)
    before = last = upper - lower
    while True:
        value, s = q.exact(t)
        if not value:
            return t
        if (value > 0) == (after > 0):
            stop = t
        else:
            start = t
        v, r = slope.exact(t)
        step = quotient(value, v << s - r)
        if abs(step) <= math.ulp(t):  # what is left after it is the square of that
            return min(max(t - step, lower), upper)
        new = t - step
        if not min(start, stop) < new < max(start, stop) or abs(step) > before / 2:
            new = start + (stop - start) / 2
            if new in (start, stop):
                return t
        before, last, t = last, abs(new - t), new


def _approximate(q: Polynomial, lower: float, upper: float) -> float:
    """Give a root in a bracket as nearly as plain doubles and a few steps can."""
    middle = t = lower + (upper - lower) / 2
    for _ in range(8):
        value = slope = 0.0
        for c in reversed(q.floats):
            slope = slope * t + value
            value = value * t + c
        new = t - value / slope if slope else math.nan
        if not lower < new < upper:
            return middle
        if abs(new - t) <= 1e-9 * abs(t):
            return new
        t = new
    return t
