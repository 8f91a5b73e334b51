"""The radius of convergence of a series, estimated from the coefficients at hand.

Near its radius a function behaves like ``(1 - b t + a t²)**(-s)``, whose factor has one root (a
singularity on the real axis) or two (a conjugate pair, or two real ones). Such a function
satisfies a differential equation, hence its coefficients the recurrence

    k c_k = b (k-1) c_{k-1} + b s c_{k-1} - a (k-2) c_{k-2} - 2 a s c_{k-2}.

The last coefficients are fitted to it, with the products as free numbers, by least squares, for
one singularity, then two, then three, until the fit is good: the ratio-like tests of Chang and
Corliss, in the form known as differential approximants. Compared with bare ratios or roots of
coefficients, this needs no extrapolation to infinite k.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from taylorad.errors import InputError, user_line

__all__ = ["radius"]

_FEWEST = 7  # terms, for four unknowns and two older coefficients
_WINDOW = 8  # coefficients that tell the trend
_GOOD = 1e-6  # misfit with which no further singularity is looked for
_NOISE = math.log(1e-12)  # below its neighbours by this much, a coefficient is rounding error
_AGREE = 0.01  # relative spread of estimates from successive windows
_ENTIRE = 0.25  # ratios of coefficients fall at least like this power of k without a singularity


def radius(c: Any) -> Any:
    """Estimate the radius of each entry of coefficients ``c`` of shape ``(order + 1, *shape)``."""
    c = np.asarray(c)
    out = np.empty(c.shape[1:])
    for place in np.ndindex(out.shape):
        out[place] = _radius(c[(slice(None), *place)])
    return out if out.shape else float(out)


def _radius(c: Any) -> float:
    logs = np.array([_log_modulus(x) for x in c])
    if not np.all(logs < math.inf):
        return math.nan
    _drop_noise(logs)
    nonzero = np.flatnonzero(logs > -math.inf)
    order, last = len(c) - 1, int(nonzero[-1]) if len(nonzero) else 0
    tail = nonzero[nonzero >= order // 3]
    # Even and odd functions, or others in powers of t**stride, are series in that power.
    stride = int(np.gcd.reduce(np.diff(tail))) if len(tail) > 1 else 1
    if (order - last) // stride >= 2:
        return math.inf  # a conjugate pair makes single zeros only: this is a polynomial
    places = slice(last % stride, None, stride)
    logs, phases = logs[places], np.array([_phase(x) for x in c[places]])
    if len(logs) < _FEWEST:
        raise InputError(
            f"radius: {len(logs)} coefficients that are not zero by symmetry tell too little"
            f"{user_line()}; expand to order {stride * _FEWEST} or higher"
        )
    ends = range(max(_FEWEST - 2, len(logs) - 4), len(logs) + 1)
    estimates = [_nearest_singularity(logs[:end], phases[:end]) for end in ends]
    # The median: roots made of noise change from window to window.
    nearest = float(np.median(estimates))
    if max(estimates) - min(estimates) > _AGREE * nearest and _steepens(logs):
        return math.inf
    return float(nearest ** (1 / stride))


def _steepens(logs: Any) -> bool:
    """Tell whether coefficients fall faster and faster, as those of entire functions do."""
    ends = [max(len(logs) // 2, 4), max(3 * len(logs) // 4, 5), len(logs)]
    slopes = [_slope(logs[:end]) for end in ends]
    return bool(np.all(np.diff(slopes) < -_ENTIRE * np.diff(np.log(ends))))


def _slope(logs: Any) -> float:
    """Mean slope of the last logarithms."""
    k = np.flatnonzero(logs > -math.inf)
    k = k[k >= min(len(logs) - 1 - _WINDOW, k[-1] - 1)]
    return float(np.polyfit(k, logs[k], 1)[0]) if len(k) > 1 else 0.0


def _log_modulus(x: Any) -> float:
    """Log of the modulus, also of numbers that are too large or small for a float."""
    if x == 0:
        return -math.inf
    if isinstance(x, Fraction):
        return math.log(abs(x.numerator)) - math.log(x.denominator)
    if hasattr(x, "_mpf_") or hasattr(x, "_mpc_"):
        import mpmath

        return float(mpmath.log(abs(x)))
    size = float(abs(x))
    return math.log(size) if math.isfinite(size) else math.inf


def _phase(x: Any) -> complex:
    if x == 0:
        return 0j
    if isinstance(x, Fraction):
        return complex((x > 0) - (x < 0))
    return complex(x / abs(x))


def _drop_noise(logs: Any) -> None:
    """Take coefficients for zero that are rounding errors beside their neighbours."""
    half = len(logs) // 2
    slope = 0.0
    if half and max(logs[:half]) > -math.inf and max(logs[half:]) > -math.inf:
        low, high = int(np.argmax(logs[:half])), half + int(np.argmax(logs[half:]))
        slope = (logs[high] - logs[low]) / (high - low)
    level = logs - slope * np.arange(len(logs))
    for k in range(len(logs)):
        if level[k] < np.max(level[max(0, k - 3) : k + 4]) + _NOISE:
            logs[k] = -math.inf


def _nearest_singularity(logs: Any, phases: Any) -> float:
    """Fit the recurrence to the last coefficients; inf where no finite singularity shows."""
    top = len(logs) - 1
    slope = _slope(logs)
    # With the trend divided out, coefficients neither overflow nor outweigh each other.
    c = phases * np.exp(np.minimum(logs - max(logs[-3:]) - slope * (np.arange(top + 1) - top), 99))
    factor = [1.0]
    for singularities in range(1, min(3, (top + 1) // 3) + 1):
        k = np.arange(max(singularities, top - 2 * singularities - 3), top + 1)
        weight = k / top
        older = [c[k - i] for i in range(1, singularities + 1)]
        matrix = np.stack([*(weight * x for x in older), *older], 1)
        fit = np.linalg.lstsq(matrix, weight * c[k])[0]
        factor = [*-fit[:singularities][::-1], 1.0]
        if np.linalg.norm(matrix @ fit - weight * c[k]) < _GOOD * np.linalg.norm(weight * c[k]):
            break
    roots = [abs(root) for root in np.roots(factor) if 0.5 < abs(root) < 1e3]
    return min(roots) * math.exp(-slope) if roots else math.inf
