"""Numbers of several words on the side of Python: from and to mpmath, exactly where it can be.

The words of a number are doubles whose exact sum it is, each the nearest to what those before it
leave. ``split`` and ``joined`` are inverse to each other for every number that the words can hold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, TypeAlias

import mpmath
import numpy as np
from mpmath import mpf
from mpmath.libmp import from_man_exp

__all__ = ["Exact", "digits", "joined", "joined_array", "split", "split_array", "unit"]

Exact: TypeAlias = Any
"""An int, float, Fraction, mpf, or a str that is one in decimal."""


def unit(words: int) -> Any:
    """Return u to the power of words, u = 2⁻⁵³ being the largest relative error of a double."""
    return mpf(2) ** (-53 * words)


def digits(words: int) -> int:
    """Return how many decimal digits are carried.

    Examples
    --------
    >>> digits(2), digits(4)
    (31, 63)
    """
    return int(53 * words * math.log10(2.0))


def split(x: Exact, words: int) -> tuple[float, ...]:
    """Return the words of a number.

    Parameters
    ----------
    x : int, float, Fraction, mpf, NumPy scalar or str
    words : int

    Examples
    --------
    >>> split("0.1", 2)
    (0.1, -5.551115123125783e-18)
    """
    special = _special(x)
    if special is not None:
        return (special,) + (0.0,) * (words - 1)
    if isinstance(x, mpf) and _is_plain(x):
        return _split_plain(x, words)
    rest, parts = _fraction(x), []
    for _ in range(words):
        part = _nearest(rest)
        parts.append(part)
        if math.isinf(part):
            break
        rest -= Fraction(part)
    return (*parts, *[0.0] * (words - len(parts)))


def joined(words: Sequence[float]) -> Any:
    """Return the sum of words as an mpf, exactly: its precision is what that takes.

    Examples
    --------
    >>> mpmath.nstr(joined((0.1, -5.551115123125783e-18)), 30)
    '0.0999999999999999999999999999999995'
    """
    parts = [float(word) for word in words if word]
    if not all(map(math.isfinite, parts)):
        return mpf(math.fsum(parts) if math.isfinite(parts[0]) else parts[0])
    if not parts:
        return mpf(0)
    halves = [math.frexp(part) for part in parts]
    lowest = min(exponent for _, exponent in halves) - 53
    total = sum(int(math.ldexp(m, 53)) << (e - 53 - lowest) for m, e in halves)
    return mpmath.mp.make_mpf(from_man_exp(total, lowest))


def split_array(values: Any, words: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the words of every entry; they are the first axis of the result.

    Examples
    --------
    >>> split_array([1, "0.1"], 2).shape
    (2, 2)
    """
    values = np.asarray(values, dtype=object)
    parts = [split(x, words) for x in values.ravel()]
    return np.array(parts, dtype=np.float64).reshape(-1, words).T.reshape(words, *values.shape)


def joined_array(words: Any) -> np.ndarray[Any, np.dtype[np.object_]]:
    """Return the numbers of which the first axis holds the words."""
    words = np.asarray(words, dtype=np.float64)
    flat = words.reshape(len(words), -1)
    result = np.empty(flat.shape[1], dtype=object)
    for place, parts in enumerate(flat.T.tolist()):
        result[place] = joined(parts)
    return result.reshape(words.shape[1:])


def _special(x: Exact) -> float | None:
    """Return a zero with its sign, an infinity or NaN as a double, None for all others."""
    if isinstance(x, str):
        return float(x) if x.strip(" +-").lower() in ("inf", "infinity", "nan") else None
    if isinstance(x, (float, mpf, np.floating)) and not (x and mpmath.isfinite(x)):
        return float(x)
    return None


def _is_plain(x: Any) -> bool:
    """Tell whether doubles can hold all of a number's bits, neither too high nor too low."""
    _, _, exponent, bits = x._mpf_
    return bool(exponent >= -1074 and exponent + bits < 1023 and bits < 1000)


def _split_plain(x: Any, words: int) -> tuple[float, ...]:
    """Return the words, by whole numbers, which is quick."""
    negative, rest, exponent, _ = x._mpf_
    rest, exponent = int(-rest if negative else rest), int(exponent)
    parts = []
    for _ in range(words):
        part = float(rest)
        parts.append(math.ldexp(part, exponent))
        rest -= int(part)
    return tuple(parts)


def _fraction(x: Exact) -> Fraction:
    if isinstance(x, mpf):
        negative, mantissa, exponent, _ = x._mpf_
        size = Fraction(int(mantissa)) * Fraction(2) ** int(exponent)
        return -size if negative else size
    return Fraction(x.item() if isinstance(x, np.generic) else x)


def _nearest(x: Fraction) -> float:
    """Return the nearest double; the division of integers is rounded correctly."""
    try:
        return x.numerator / x.denominator
    except OverflowError:
        return math.inf if x > 0 else -math.inf
