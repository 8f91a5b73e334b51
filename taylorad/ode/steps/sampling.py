"""The polynomials of steps evaluated: by machine code at many times of many steps.

By Horner's rule, eight times at once where they are in the same step.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from taylorad.machine.module import Code, build
from taylorad.ode.steps.routine import Routine

__all__ = ["evaluate", "polynomial"]

WIDTH = 8


def polynomial(coefficients: Any, s: Any) -> Any:
    """Evaluate polynomials in numbers of any kind.

    Parameters
    ----------
    coefficients : ndarray, shape (n, order + 1)
    s : float, or ndarray of shape (points,)

    Returns
    -------
    ndarray, shape (n,) or (n, points)
    """
    if np.ndim(s):
        return _by_numpy(coefficients, s[:, None])
    return _by_numpy(coefficients, s)


def _by_numpy(coefficients: Any, s: Any) -> Any:
    """Evaluate polynomials whose degrees come last; s has a place for each component."""
    total = coefficients[..., -1] * (1 + 0 * s)
    for k in range(coefficients.shape[-1] - 2, -1, -1):
        total = total * s + coefficients[..., k]
    return total.T


def evaluate(coefficients: Any, which: Any, s: Any) -> Any:
    """Evaluate polynomials of several steps.

    Parameters
    ----------
    coefficients : ndarray, shape (steps, n, order + 1)
        The series of each step; may be a part of a larger array.
    which : ndarray of int, shape (points,)
        The step of each point.
    s : ndarray, shape (points,)
        The time since its beginning.

    Returns
    -------
    ndarray, shape (n, points)
    """
    n, size = coefficients.shape[1:]
    if coefficients.dtype != float or coefficients.strides[1:] != (8 * size, 8) or not n:
        return _by_numpy(coefficients[which], np.asarray(s)[:, None])
    count = len(s)
    padded = np.zeros(count + WIDTH)  # what is computed beyond the last point goes nowhere
    padded[:count] = s
    found = np.empty((n, count + WIDTH))
    which = np.ascontiguousarray(which, dtype=np.int64)
    stride = coefficients.strides[0] // 8
    addresses = (a.ctypes.data for a in (coefficients, which, padded, found))
    _sampler().call(*addresses, stride, n, size, count)
    return found[:, :count]


_SAMPLE = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4, *[ctypes.c_int64] * 4)


class _Sampler(NamedTuple):
    """The machine code, which lives as long as this, and how to call it."""

    code: Code
    call: Callable[..., None]


@lru_cache(maxsize=1)
def _sampler() -> _Sampler:
    r = _sample()
    code = build("\n".join([*sorted(r.declarations), r.text]), level=2)
    return _Sampler(code, _SAMPLE(code.address("sample")))


def _sample() -> Routine:
    r = Routine(
        head="void @sample(ptr noalias %c, ptr noalias %which, ptr noalias %s, "
        "ptr noalias %found, i64 %stride, i64 %n, i64 %size, i64 %count)"
    )
    j = r.variable("0", "i64")
    last, room = r.plus("%size", -1), r.plus("%count", WIDTH)

    def several() -> None:
        """Take the points ahead that are in the same step, at most eight."""
        first = r.get(j)
        step = r.whole("%which", first)
        ahead = r.variable("1", "i64")

        def more() -> str:
            place = r.plus(first, r.get(ahead))
            room = r.both(
                r.let(f"icmp slt i64 {r.get(ahead)}, {WIDTH}"),
                r.let(f"icmp slt i64 {place}, %count"),
            )
            # Beyond the last point the first is looked at, which is not used.
            place = r.let(f"select i1 {room}, i64 {place}, i64 {first}")
            return r.both(room, r.let(f"icmp eq i64 {r.whole('%which', place)}, {step}"))

        r.repeat(more, lambda: r.increase(ahead))
        width, rows = r.get(ahead), r.at("%c", r.times(step, "%stride"))
        s = r.load("%s", first, WIDTH)

        def component(i: str) -> None:
            row = r.at(rows, r.times(i, "%size"))

            def term(k: str, total: str) -> Sequence[str]:
                c = r.load(row, r.let(f"sub i64 {r.plus(last, -1)}, {k}"))
                return (r.fused(total, s, r.everywhere(c, WIDTH), WIDTH) or "",)

            start = r.everywhere(r.load(row, last), WIDTH)
            (y,) = r.loop(last, term, (r.kind(WIDTH), start))
            r.store(y, "%found", r.plus(r.times(i, room), first), WIDTH)

        r.each("%n", component)
        r.put(j, r.plus(first, width))

    r.repeat(lambda: r.let(f"icmp slt i64 {r.get(j)}, %count"), several)
    r.leave("void")
    return r
