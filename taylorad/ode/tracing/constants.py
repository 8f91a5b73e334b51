"""The constants of a system with all their digits."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import mpmath

from taylorad.ode.tracing.system import System
from taylorad.primitives.numbers import RealConstant

__all__ = ["number", "numberless"]


def numberless(system: System) -> System:
    """Have all numbers as values, but powers of two: products of others would round."""
    steps = system.program.steps
    steps = tuple(
        replace(s, number=None) if s.number is not None and not _is_power(s.number) else s
        for s in steps
    )
    return replace(system, program=replace(system.program, steps=steps))


def _is_power(x: Any) -> bool:
    return (
        math.isfinite(x) and not isinstance(x, RealConstant) and abs(math.frexp(x)[0]) in (0, 0.5)
    )


def number(x: Any) -> Any:
    """Give any real number as mpmath's, with all its digits."""
    if isinstance(x, RealConstant):
        x = x.exact(mpmath.mp)
    if isinstance(x, Fraction):
        return mpmath.mpf(x.numerator) / x.denominator
    return x if isinstance(x, mpmath.mpf) else +mpmath.mpmathify(x)  # pi is no mpf, +pi is one
