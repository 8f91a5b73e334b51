"""Where a polynomial of mpmath numbers changes its sign first, to all its digits.

The interval is halved until Bernstein coefficients, in whole numbers, tell one crossing: they
change sign as often as the polynomial does, or an even number of times more, and not at all too
often when pieces are short (Collins and Akritas, SYMSAC 1976). What is no larger than the noise
has no sign. In the end there is Newton's method.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import comb
from typing import Any

import mpmath

__all__ = ["first_crossing"]

SPARE = 24
"""Bits below the noise, besides those that an expansion loses."""


def first_crossing(series: Sequence[Any], h: Any, before: int, noise: Any) -> Any:
    """Give the first time between 0 and h at which a polynomial leaves a sign.

    A crossing at h itself, within the noise, is none.

    Parameters
    ----------
    series : sequence of mpf
        By ascending degree.
    h : mpf
        Negative for backward in time.
    before : {-1, 1}
        The sign that it has right after 0.
    noise : mpf
        Positive; values no larger may be zero.

    Returns
    -------
    mpf or None

    Examples
    --------
    >>> import mpmath
    >>> from taylorad.ode.events.crossings import first_crossing
    >>> first_crossing([mpmath.mpf(-2), mpmath.mpf(0), mpmath.mpf(1)], mpmath.mpf(4), -1, 1e-15)
    mpf('1.41421356237309...')
    """
    terms, power = [], mpmath.mpf(before)
    for c in series:
        terms.append(c * power)
        power *= h
    bits = len(terms) + SPARE
    wholes = [int(mpmath.nint(mpmath.ldexp(term / noise, bits))) for term in terms]
    found = _isolated(_bernstein(wholes), 1 << bits, 2 * bits + mpmath.mp.prec)
    if found is None:
        return None
    low, high = found
    return h * (low if low == high else _solved(terms, low, high))


def _bernstein(wholes: list[int]) -> list[int]:
    """Give the Bernstein coefficients on [0, 1]."""
    n = len(wholes) - 1
    shares = [w // comb(n, k) for k, w in enumerate(wholes)]
    return [sum(comb(j, k) * shares[k] for k in range(j + 1)) for j in range(n + 1)]


def _isolated(b: list[int], noise: int, depth: int) -> tuple[Any, Any] | None:
    """Give ends between which a polynomial that begins positive turns negative, only once.

    They are equal where it has been within the noise before.
    """
    pieces = [(b, 0, 0)]
    while pieces:
        b, place, level = pieces.pop()
        if min(b) >= -noise:  # positive, or as good as zero
            continue
        low, high = (mpmath.ldexp(x, -level) for x in (place, place + 1))
        signs = [x > 0 for x in b if abs(x) > noise]
        changes = sum(x is not y for x, y in pairwise(signs))
        if signs[0] and changes == 1:
            return low, high
        if not signs[0] and place and not (changes and level < depth):
            return low, low
        if level >= depth:
            return high, high
        left, right = _halves(b)
        pieces += [(right, 2 * place + 1, level + 1), (left, 2 * place, level + 1)]
    return None


def _halves(b: list[int]) -> tuple[list[int], list[int]]:
    """Give the coefficients on both halves of an interval, by de Casteljau's algorithm."""
    left, right = [b[0]], [b[-1]]
    while len(b) > 1:
        b = [(x + y) >> 1 for x, y in pairwise(b)]
        left.append(b[0])
        right.append(b[-1])
    return left, right[::-1]


def _solved(terms: list[Any], low: Any, high: Any) -> Any:
    """Give the root between two points, the polynomial being positive at the lower.

    Newton's method and bisection, as in `taylorad.ode.events.roots`.
    """
    x, last = (low + high) / 2, high - low
    while last > mpmath.eps * x:
        y = slope = mpmath.mpf(0)
        for term in reversed(terms):
            slope = slope * x + y
            y = y * x + term
        if not y:
            break
        low, high = (x, high) if y > 0 else (low, x)
        new = x - y / slope if slope else low
        if not low < new < high or abs(new - x) > last / 2:
            new = (low + high) / 2
        last, x = abs(new - x), new
    return x
