"""Real constants that know themselves to any number of digits.

In a rule they are ordinary floats; where mpmath numbers flow, the exact arithmetic asks for
``exact`` and no digit is lost to a double.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

__all__ = ["DEGREE", "LN2", "LN10", "PI", "TWO_OVER_ROOT_PI", "RealConstant"]


class RealConstant(float):
    """A float together with the way to compute it in mpmath's working precision."""

    exact: Callable[[Any], Any]

    def __new__(cls, value: float, exact: Callable[[Any], Any]) -> RealConstant:
        """Pair the double with ``exact(mpmath)``."""
        self = super().__new__(cls, value)
        self.exact = exact
        return self

    @classmethod
    def of(cls, fraction: Fraction) -> RealConstant:
        """Give a fraction: the nearest double, and itself where numbers are exact."""
        return cls(fraction.numerator / fraction.denominator, lambda mp: fraction)


PI = RealConstant(math.pi, lambda mp: +mp.pi)
LN2 = RealConstant(math.log(2), lambda mp: mp.log(2))
LN10 = RealConstant(math.log(10), lambda mp: mp.log(10))
DEGREE = RealConstant(math.pi / 180, lambda mp: mp.pi / 180)
TWO_OVER_ROOT_PI = RealConstant(2 / math.sqrt(math.pi), lambda mp: 2 / mp.sqrt(mp.pi))
