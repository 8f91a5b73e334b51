"""Differential equations by extrapolation, in mpmath's numbers: an oracle for Taylor series.

It is Gragg's midpoint rule over harmonic numbers of substeps, extrapolated by Aitken and Neville,
as in E. Hairer, S. P. Nørsett, G. Wanner, Solving Ordinary Differential Equations I, section II.9.
It calls the right-hand side for its values only, so that it shares nothing with what it checks. It
is slow: about a second for each unit of an orbit's time.
"""

from __future__ import annotations

import mpmath
import numpy as np

GUARD = 15
"""Digits that roundings may cost: extrapolation magnifies them."""


SMALL = mpmath.mpf(10) ** -7
"""Components that are smaller than that, relatively, count as that large."""


def extrapolated(f, y0, end, digits=25, columns=None):
    """Integrate from time 0 with steps of a relative error below ``10**-digits``.

    Parameters
    ----------
    f : callable
        ``f(t, y)``, of an object array.
    y0 : sequence of numbers
        Each is meant exactly.
    end : number
    digits : int
    columns : int
        The extrapolation's, of order 2 each.

    Returns
    -------
    list of mpf
    """
    columns = columns or max(6, digits // 2)
    with mpmath.workdps(digits + GUARD):
        y = np.array([mpmath.mpf(x) for x in y0], dtype=object)
        t, end = mpmath.mpf(0), mpmath.mpf(end)
        tolerance = mpmath.mpf(10) ** -digits
        h = end / 1000
        floor = SMALL * max(abs(y))
        while t < end:
            h = min(h, end - t)
            new, error = _step(f, t, y, h, columns)
            sizes = np.maximum(abs(new), floor)
            worst = max(abs(error) / sizes) / tolerance
            if worst <= 1:
                t, y = t + h, new
            factor = float(worst + mpmath.mpf(10) ** -40) ** (-1 / (2 * columns - 1))
            h = h * mpmath.mpf(min(2.0, max(0.1, 0.85 * factor)))
        return list(y)


def _step(f, t, y, h, columns):
    """Give the state a step later, and how far the last two extrapolations are apart."""
    first = np.array(f(t, y), dtype=object)
    row: list[np.ndarray] = []
    for k in range(columns):
        new = [_midpoint(f, t, y, first, h, 2 * (k + 1))]
        for j in range(k):
            square = (mpmath.mpf(k + 1) / (k - j)) ** 2
            new.append(new[j] + (new[j] - row[j]) / (square - 1))
        row, before = new, row
    return row[-1], row[-1] - before[-1]


def _midpoint(f, t, y, first, h, number):
    """Go a step by the midpoint rule in so many substeps; their error has even powers of h only."""
    s = h / number
    before, now = y, y + s * first
    for i in range(1, number):
        before, now = now, before + 2 * s * np.array(f(t + i * s, now), dtype=object)
    return (before + now + s * np.array(f(t + h, now), dtype=object)) / 2
