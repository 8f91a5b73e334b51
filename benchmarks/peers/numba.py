"""Loops written by hand and compiled by Numba: what one would do without a library.

The recurrences are those of the textbook: of exp from ``y' = u' y``, of sqrt from ``y y = u``.
``fastmath`` lets LLVM reorder the sums, and so use the vector units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import cos, exp, sin, sqrt
from typing import Any

import numba
import numpy as np
from harness import Side
from problems import Problem

VERSION = f"numba {numba.__version__}"
numba.njit(lambda x: x + 1)(1.0)  # start the compiler


def sides(problem: Problem) -> Iterator[Side]:
    if problem.kind == "value_and_grad":
        yield Side("numba, by hand", lambda: numba.njit(value_and_grad), problem.args)
    elif problem.kind == "series":  # what is compiled is no peer of what is not
        order = problem.order
        source = series if problem.size == 1 else series_of_many
        for name, fast in (("numba, by hand", False), ("numba, by hand, fastmath", True)):
            build = lambda fast=fast: called(numba.njit(source, fastmath=fast), order)
            yield Side(name, build, problem.args)
        if problem.size > 1:
            build = lambda: called(one_by_one(), order)
            yield Side("numba, point by point, fastmath", build, problem.args)


def called(compiled: Callable[..., Any], order: int) -> Callable[..., Any]:
    return lambda x: compiled(x, order)


def value_and_grad(x: Any) -> Any:
    a, b, c = x[0], x[1], x[2]
    e, s, w = exp(a), sin(b), 1 / sqrt(1 + b * b)
    quotient = c * c * w
    g = np.empty(3)
    g[0] = e * s + quotient
    g[1] = e * cos(b) - quotient * a * b * w * w
    g[2] = 2 * c * a * w
    return e * s + quotient * a, g


def series(x: float, order: int) -> Any:
    """Give the coefficients of exp(sin x)·sqrt(1 + x²)."""
    n = order + 1
    slope, y, r, out = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    s, c = sin(x), cos(x)
    # slope[j] = (j + 1) s_{j+1}: the coefficients of cos, from those of sin and cos at x.
    scale = 1.0
    for j in range(n):
        slope[j] = c * scale
        s, c = c, -s
        scale /= j + 1
    y[0] = exp(sin(x))
    r[0] = sqrt(1 + x * x)
    out[0] = y[0] * r[0]
    half = 0.5 / r[0]
    for k in range(1, n):
        total = 0.0
        for j in range(k):
            total += slope[j] * y[k - 1 - j]
        y[k] = total / k
        total = 0.0
        for j in range(1, k):
            total += r[j] * r[k - j]
        u = 2 * x if k == 1 else 1.0 if k == 2 else 0.0
        r[k] = (u - total) * half
        total = 0.0
        for j in range(k + 1):
            total += y[j] * r[k - j]
        out[k] = total
    return out


def one_by_one() -> Callable[..., Any]:
    one = numba.njit(series, fastmath=True)

    @numba.njit
    def many(points: Any, order: int) -> Any:
        out = np.empty((order + 1, points.size))
        for i in range(points.size):
            out[:, i] = one(points[i], order)
        return out

    return many


LANES = 8


def series_of_many(points: Any, order: int) -> Any:
    """Do the same for many points, eight at a time."""
    n = order + 1
    out = np.empty((n, points.size))
    slope, y, r = np.empty((n, LANES)), np.empty((n, LANES)), np.empty((n, LANES))
    x, half, total = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    for start in range(0, points.size, LANES):  # the size is a multiple of eight
        for l in range(LANES):
            x[l] = points[start + l]
            s, c = sin(x[l]), cos(x[l])
            y[0, l] = exp(s)
            r[0, l] = sqrt(1 + x[l] * x[l])
            half[l] = 0.5 / r[0, l]
            out[0, start + l] = y[0, l] * r[0, l]
            scale = 1.0
            for j in range(n):
                slope[j, l] = c * scale
                s, c = c, -s
                scale /= j + 1
        for k in range(1, n):
            total[:] = 0.0
            for j in range(k):
                for l in range(LANES):
                    total[l] += slope[j, l] * y[k - 1 - j, l]
            for l in range(LANES):
                y[k, l] = total[l] / k
            total[:] = 0.0
            for j in range(1, k):
                for l in range(LANES):
                    total[l] += r[j, l] * r[k - j, l]
            for l in range(LANES):
                u = 2 * x[l] if k == 1 else 1.0 if k == 2 else 0.0
                r[k, l] = (u - total[l]) * half[l]
            total[:] = 0.0
            for j in range(k + 1):
                for l in range(LANES):
                    total[l] += y[j, l] * r[k - j, l]
            for l in range(LANES):
                out[k, start + l] = total[l]
    return out
