"""Polynomials whose coefficients are doubles, in whole numbers: no rounding until the end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from taylorad.errors import InputError

__all__ = ["Noisy", "Polynomial", "doubles", "evaluate", "horner", "quotient"]


def evaluate(coefficients: npt.ArrayLike, t: float) -> float:
    """Give the value of a polynomial, as if computed exactly and rounded once.

    Parameters
    ----------
    coefficients : array_like of float, shape (n + 1,)
        By ascending degree.
    t : float

    Returns
    -------
    float

    Examples
    --------
    >>> from taylorad.ode.events.polynomials import evaluate
    >>> evaluate([-1.0, 3.0, -3.0, 1.0], 1.00001)  # (t - 1)³, where Horner has no digit right
    1.0000000000196...e-15
    """
    c = doubles(coefficients)
    if not all(map(math.isfinite, (*c, t))):
        raise InputError("evaluate: a coefficient or the time is NaN or infinite")
    value, scale = Polynomial(c).exact(float(t))
    return quotient(value, 1 << scale)


def horner(coefficients: Sequence[float], t: float) -> float:
    """Evaluate a polynomial, with all roundings: inf where it is beyond all doubles."""
    total = 0.0
    for c in reversed(coefficients):
        total = total * t + c
    return total


def doubles(coefficients: npt.ArrayLike) -> list[float]:
    c = np.asarray(coefficients, dtype=float)
    if c.ndim != 1 or not c.size:
        raise InputError(f"coefficients of shape {c.shape}; give those of one polynomial")
    floats: list[float] = c.tolist()
    return floats


def quotient(numerator: int, denominator: int) -> float:
    """Give the double nearest to a quotient of whole numbers, of any size."""
    try:
        return numerator / denominator
    except OverflowError:
        return math.inf if (numerator > 0) == (denominator > 0) else -math.inf
    except ZeroDivisionError:
        return math.inf


class Polynomial:
    """A polynomial with doubles for coefficients, and the same in whole numbers."""

    def __init__(self, floats: Sequence[float]) -> None:
        self.floats = floats
        self.degree = len(floats) - 1

    @cached_property
    def wholes(self) -> tuple[list[int], int]:
        """The coefficients as whole numbers, and the power of two to divide them by."""
        ratios = [x.as_integer_ratio() for x in self.floats]
        most = max(d for _, d in ratios).bit_length()
        return [m << most - d.bit_length() for m, d in ratios], most - 1

    @cached_property
    def derivative(self) -> Polynomial:
        q = Polynomial([k * x for k, x in enumerate(self.floats) if k])
        wholes, scale = self.wholes
        q.wholes = [k * m for k, m in enumerate(wholes) if k], scale
        return q

    def exact(self, t: float) -> tuple[int, int]:
        """Give the value as a whole number, and the power of two to divide it by."""
        a, d = t.as_integer_ratio()
        s = d.bit_length() - 1
        wholes, scale = self.wholes
        value = shift = 0
        for m in reversed(wholes):
            value = value * a + (m << shift)
            shift += s
        return value, scale + shift - s

    @cached_property
    def sizes(self) -> Polynomial:
        """The polynomial whose coefficients are the sizes of these."""
        q = Polynomial([abs(x) for x in self.floats])
        wholes, scale = self.wholes
        q.wholes = [abs(m) for m in wholes], scale
        return q

    def sign(self, t: float, noise: float = 0.0, relative: float = 0.0) -> int:
        """Give the sign of the value; 0 if it is no larger than the noise.

        That is `noise`, and `relative` times the sum of the sizes of all terms.
        """
        v, scale = self.exact(t)
        for share, whole in ((noise, 1 << scale), (relative, None)):
            if share:
                m, d = share.as_integer_ratio()
                size = self.sizes.exact(abs(t))[0] if whole is None else whole
                if abs(v) * d <= m * size:
                    return 0
        return (v > 0) - (v < 0)

    def expansion(self, start: float, stop: float) -> tuple[list[float], int]:
        """Expand about `start` in units of ``stop - start``.

        Returns
        -------
        coefficients : list of float
            Each rounded once; the largest is between 1/2 and 1.
        exponent : int
            The power of two by which they are to be multiplied.
        """
        (a, d), (b, e) = start.as_integer_ratio(), stop.as_integer_ratio()
        s = max(d, e).bit_length() - 1
        a, b = a * ((1 << s) // d), b * ((1 << s) // e)
        n = self.degree
        wholes, scale = self.wholes
        c = [m << s * (n - k) for k, m in enumerate(wholes)]
        if a:
            for i in range(n):
                for k in range(n - 1, i - 1, -1):
                    c[k] += a * c[k + 1]
        width = 1
        for k in range(n + 1):
            c[k] *= width
            width *= b - a
        bits = max(map(abs, c)).bit_length()
        unit = 1 << bits
        return [m / unit for m in c], bits - scale - s * n


class Noisy(Polynomial):
    """A polynomial and the errors of its values."""

    def __init__(self, floats: Sequence[float], noise: float, relative: float) -> None:
        super().__init__(floats)
        self.noise, self.relative = noise, relative

    def clear_sign(self, t: float) -> int:
        """Give the sign, 0 if within the noise."""
        return self.sign(t, self.noise, self.relative)

    def noise_at(self, t: float, exponent: int) -> float:
        """Give the noise, in units of a power of two."""
        if not self.relative:
            m, e = math.frexp(self.noise)
            return math.ldexp(m, min(e - exponent, 1000))
        value, scale = self.sizes.exact(abs(t))
        scale += exponent
        size = quotient(value << max(-scale, 0), 1 << max(scale, 0))
        return self.relative * size
