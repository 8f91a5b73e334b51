"""The radius of convergence of a series, estimated from the coefficients at hand.

Near its radius a function behaves like ``(1 - b t + a t²)**(-s)``, whose factor has one root (a
singularity on the real axis) or two (a conjugate pair, or two real ones). Such a function
satisfies a differential equation, hence its coefficients the recurrence

    k c_k = b (k-1) c_{k-1} + b s c_{k-1} - a (k-2) c_{k-2} - 2 a s c_{k-2}.

The last coefficients are fitted to it, with the four products as free numbers, by least squares:
the ratio-like tests of Chang and Corliss, in the form known as differential approximants. Compared
with bare ratios or roots of coefficients, this needs no extrapolation to infinite k.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from taylorad.errors import InputError, user_line

__all__ = ["radius"]

_FEWEST = 7  # terms, for four unknowns and two older coefficients
_WINDOW = 8  # equations
_NOISE = math.log(1e-12)  # below its neighbours by this much, a coefficient is rounding error
_ENTIRE = 0.25  # the estimate grows at least like this power of k if there is no singularity


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
    ends = [max(_FEWEST - 2, len(logs) // 2), 3 * len(logs) // 4, len(logs)]
    estimates = [_nearest_singularity(logs[:end], phases[:end]) for end in ends]
    return estimates[-1] ** (1 / stride) if _settles(ends, estimates) else math.inf


def _settles(ends: list[int], estimates: list[float]) -> bool:
    """Tell whether estimates from more and more coefficients stop growing."""
    if math.inf in estimates:
        return math.isfinite(estimates[-1])
    growth = np.diff(np.log(estimates)) / np.maximum(np.diff(np.log(ends)), 1e-3)
    return bool(np.min(growth) < _ENTIRE)


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
        return complex(math.copysign(1, x.numerator))
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
    k = np.arange(max(2, top + 1 - _WINDOW), top + 1)
    start = k[0] - 2
    present = start + np.flatnonzero(logs[start:] > -math.inf)
    first, last = present[0], present[-1]
    slope = (logs[last] - logs[first]) / max(last - first, 1)
    # With the trend divided out, coefficients neither overflow nor outweigh each other.
    c = phases * np.exp(logs - logs[last] - slope * (np.arange(top + 1) - last))
    weight = k / top
    columns = [weight * c[k - 1], c[k - 1], weight * c[k - 2], c[k - 2]]
    right = weight * c[k]
    fit, misfit = _least_squares(columns[:2], right)
    factor = [-fit[0], 1.0]
    if misfit > 1e-6:
        fit, _ = _least_squares(columns, right)
        factor = [-fit[2], -fit[0], 1.0]
    roots = [abs(root) for root in np.roots(factor) if 0.5 < abs(root) < 1e3]
    return min(roots) * math.exp(-slope) if roots else math.inf


def _least_squares(columns: list[Any], right: Any) -> tuple[Any, float]:
    matrix = np.stack(columns, 1)
    fit = np.linalg.lstsq(matrix, right)[0]
    return fit, float(np.linalg.norm(matrix @ fit - right) / np.linalg.norm(right))
