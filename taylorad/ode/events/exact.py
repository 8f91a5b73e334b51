"""Switches and events of steps in mpmath numbers: located to all digits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mpmath
import numpy as np

from taylorad.forward.program import Step
from taylorad.ode.events.crossings import first_crossing
from taylorad.ode.events.polynomials import horner
from taylorad.ode.events.switches import GRADUAL, Switches, leading
from taylorad.ode.steps.sampling import polynomial
from taylorad.ode.tracing.constants import number
from taylorad.ode.tracing.values import jump, value
from taylorad.primitives.registry import Primitive

__all__ = ["ExactSwitches", "sharpened"]

ROUNDINGS = 16
"""The error of a function's values, of the sum of its terms, in terms of the tolerance."""

GUARD = 32
"""Bits by which times are more exact than mpmath's working precision."""

NEAR = 2.0**-16
"""By no more than this, of a step, doubles are wrong of a root's time."""

SMALLEST = 1e-290
"""The least tolerance that doubles are told of."""


class ExactSwitches(Switches):
    """See `Switches`."""

    def quiet(self, parts: Any, steps: Any, relative: Any) -> int:
        """Tell whether no function comes near to vanishing in a recorded step: 1, or 0."""
        (h,), (parts,) = steps, parts
        for held, rows in self.held:
            if held.row.name in GRADUAL:
                continue
            if self.share(parts[rows], h, relative) < 1:
                return 0
            for series, noise in self._watched(held, rows, parts, h, relative):
                sizes = np.abs(series).tolist()
                rest = horner(sizes[1:], abs(h)) * abs(h)
                if not sizes[0] > rest + 2 * noise:
                    return 0
        return 1

    def first(self, parts: Any, h: Any, relative: Any) -> Any:
        """Give the time of the first switch, to more digits than mpmath works with."""
        with mpmath.workprec(mpmath.mp.prec + GUARD):
            return super().first(parts, h, relative)

    def share(self, series: Any, h: Any, relative: Any) -> float:
        """See `Switches`; in units of the step and of each function's largest term."""
        terms = np.abs(series) * np.array([abs(h) ** k for k in range(series.shape[1])], object)
        sizes = np.max(terms, axis=1, keepdims=True, initial=0)
        terms = (terms / (sizes + (sizes == 0))).astype(float)
        return super().share(terms, 1.0, max(float(relative), SMALLEST))

    def _error(self, relative: Any) -> Any:
        return ROUNDINGS * mpmath.mpf(relative)

    def _crossings(self, series: Any, h: Any, noise: Any) -> list[Any]:
        before = leading(series, h, noise)
        if not (noise and before) or not all(map(mpmath.isfinite, series)):
            return []  # without noise the operand is zero, and stays
        found = first_crossing(series.tolist(), h, before, noise)
        return [] if found is None else [found]

    def _nearest(self, x: Any) -> Any:
        return mpmath.nint(x)

    def _value(self, step: Step, operands: Sequence[Any]) -> Any:
        if not operands:
            return number(step.number)
        assert step.primitive is not None
        return value(step.primitive, operands, step.params)

    def _held(self, row: Primitive, operands: list[Any]) -> Any:
        return jump(row, [number(x) for x in operands])


def sharpened(row: Any, s: Any, simple: Any, h: Any) -> Any:
    """Give the time of a root to the digits of a series of mpmath numbers, by Newton's method.

    Where a function has jumped over zero between two steps of the size h there is no root to find.
    """
    slopes, found = np.array([k * x for k, x in enumerate(row) if k]), s
    for _ in range(mpmath.mp.prec.bit_length() if simple else 0):
        slope = polynomial(slopes[None], found)[0]
        found -= polynomial(row[None], found)[0] / slope if slope else 0
    return found if abs(found - s) <= NEAR * abs(h) else s
