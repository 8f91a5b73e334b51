"""The loop over steps in Python, for numbers that machine code has no registers for.

It is the loop of `core`, line by line: a step is accepted when the right-hand side at its end is
what the series foresaw. Subclasses know how the series is found: `digits` runs the recurrences of a
traced system in mpmath's numbers, `direct` feeds Taylor numbers to a function that does not trace.

mpmath numbers are computed with guard digits: steps are `GUARD` bits more exact than the tolerance
says, which the growth of errors from step to step may use up, and roundings are smaller still. The
numbers of a `Motion` keep these guard digits; ``+x`` rounds to mpmath's working precision. Its time
is an mpmath number, and so are the entries of its state, an object array.
"""

from __future__ import annotations

import copy
import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import mpmath
import numpy as np

from taylorad.ode.digits.stepping import Stepping
from taylorad.ode.steps.core import LATE, SMALLEST
from taylorad.ode.steps.interface import Exit
from taylorad.ode.steps.stepper import Motion, Tolerance
from taylorad.ode.steps.stepsize import LAST, MARGIN

__all__ = ["Eager", "is_finite", "log2", "order_of", "power_of_two"]

GUARD = 20
"""Bits by which steps of mpmath numbers are more exact than asked for."""

SPARE = 28
"""Bits by which roundings of mpmath numbers are smaller than that."""

OVERHEAD = 2000
"""What a degree costs besides its convolutions, in terms of what one more degree adds to these if
numbers are of one bit: measured, from 15 to 300 digits."""


def order_of(relative: Any, exact: bool = True) -> int:
    """Give the order that costs least for a tolerance, of mpmath numbers or not.

    See `taylorad.ode.tolerances`: the overhead of a degree is divided by what a product takes,
    which grows with its digits.
    """
    L = math.log(2) * (GUARD * exact - log2(relative))
    return max(2, math.ceil(1 + (L + math.sqrt(L * L + 8 * math.log(2) * OVERHEAD)) / 4))


def log2(x: Any) -> float:
    """Give the logarithm of the size of any number; mpmath numbers may be beyond all doubles."""
    if isinstance(x, mpmath.mpc):
        return max(log2(x.real), log2(x.imag))
    if isinstance(x, mpmath.mpf):
        _, mantissa, exponent, _ = x._mpf_
        if mantissa:
            return math.log2(mantissa) + int(exponent)
        return -math.inf if x == 0 else math.inf
    size = abs(x)
    return math.log2(size) if size else -math.inf


def is_finite(x: Any) -> bool:
    """Tell whether a number of any kind is one."""
    return bool(mpmath.isfinite(x))


class Eager(Stepping):
    """Steps in Python; to be subclassed.

    Parameters
    ----------
    size : int
        How many components there are.
    functions : int
        How many functions of time and state are expanded together with the components.
    order : int
        The last degree of the series.
    exact : bool
        Whether with mpmath numbers.

    Attributes
    ----------
    is_timed : bool
        Whether the rates may depend on the time.
    """

    is_timed: bool = True

    def __init__(self, size: int, functions: int, order: int, exact: bool) -> None:
        super().__init__(size, functions, order)
        self.exact = exact
        self._made: Callable[[], np.ndarray[Any, Any]] | None = None

    # --- what a subclass knows ---

    @abstractmethod
    def _enter(self, given: Sequence[Any] | np.ndarray[Any, Any]) -> None:
        """Read the parameters and what is held."""

    @abstractmethod
    def _begin(self, time: Any, low: Any, state: list[Any]) -> list[Any] | None:
        """Give the rates; None where they do not exist."""

    @abstractmethod
    def _expand(self, scales: list[Any], most: Any, sign: int, hint: Any) -> Any:
        """Find the series and give the size of the step, at most ``most``; None if there is none.

        ``hint`` is the size of the step before.
        """

    @abstractmethod
    def _advance(self, h: Any) -> tuple[list[Any], list[Any]]:
        """Give what the components gain in a step, and the rates foreseen for its end."""

    @abstractmethod
    def _written(self) -> np.ndarray[Any, Any]:
        """Give the parts."""

    # --- what a driver needs ---

    def _precision(self, tolerance: Tolerance) -> AbstractContextManager[Any]:
        """Set the precision to work with, which is the tolerance's and guard digits."""
        self.factor = log2(tolerance.relative) / self.order
        self.bits = 53
        if not self.exact:
            self.factor -= (MARGIN + 1.5) / self.order
            return nullcontext()
        self.factor -= GUARD / self.order
        self.bits = math.ceil(SPARE - self.factor * self.order + math.log2(self.order))
        return mpmath.workprec(self.bits)  # type: ignore[no-any-return]

    def _loop(
        self,
        motion: Motion,
        end: tuple[Any, Any],
        tolerance: Tolerance,
        given: Sequence[Any] | np.ndarray[Any, Any],
        steps: int,
    ) -> Exit:
        number = mpmath.mpmathify if self.exact else float
        self._made, end = None, (number(end[0]), number(end[1]))
        motion.time, motion.time_low = number(motion.time), number(motion.time_low)
        if self.exact:
            for name in ("state", "lost"):
                numbers = np.empty(self.size, object)
                numbers[:] = [number(x) for x in getattr(motion, name)]
                setattr(motion, name, numbers)
        self._enter(given)
        floors = [number(x) for x in tolerance.floors]
        sign = -1 if (end[0] - motion.time) + (end[1] - motion.time_low) < 0 else 1
        # An honest step's defect is p + 1 times its error; and there are roundings.
        tight = power_of_two(self.factor * self.order, self.exact)
        allowed = 8 * (self.order + 1) * self.size * tight + power_of_two(
            11 - self.bits, self.exact
        )
        spacing = LATE * power_of_two(53 - self.bits, self.exact)
        smallest = 4 * tight if self.exact else SMALLEST
        now, foreseen = motion.copy(), None
        hint, cap, count = abs(motion.step), math.inf, 0
        while True:
            state = list(now.state)
            rates = self._begin(now.time, now.time_low, state)
            scales = [abs(x) + floor for x, floor in zip(state, floors)]
            good = rates is not None and all(scales)
            if good and foreseen is not None:
                assert rates is not None
                # For what is late see `taylorad.ode.steps.core.Core.defect`.
                late = spacing * abs(now.time) if self.is_timed else 0
                gaps = (
                    (abs(r - g) * abs(now.step) - late * (abs(r) + abs(g))) / s
                    for r, g, s in zip(rates, foreseen, scales)
                )
                good = sum(gaps) <= allowed
            if not good:
                if foreseen is None:
                    return Exit.STUCK
                # The motion is still where the step began; half of it is tried from there.
                cap = hint = abs(now.step) / 2
                motion.rejected += 1
                if cap <= smallest * abs(motion.time):
                    motion.step = 0.0
                    return Exit.STUCK
                now, foreseen, count = motion.copy(), None, count - 1
                continue
            _settle(motion, now)
            left = sign * ((end[0] - now.time) + (end[1] - now.time_low))
            if left <= 0:
                return Exit.END
            if count >= steps:
                return Exit.STEPS
            most = min(left, tolerance.longest, cap)
            size = self._expand(scales, most, sign, hint)
            # mpmath numbers never overflow: a blow-up would go on for ever.
            if size is None:
                if not self.exact:
                    self._note()  # the parts that there are tell why
                return Exit.STUCK
            if self.exact and size < left and size <= smallest * abs(now.time):
                self._note()  # the parts tell why
                return Exit.STUCK
            gains, foreseen = self._advance(sign * size)
            self._note()
            now = _moved(now, gains, sign * size)
            if size >= left:  # the last step ends where it is to end, whatever the roundings
                now.time, now.time_low = end
            hint, cap, count = size, math.inf, count + 1
            now.steps += 1

    def _note(self) -> None:
        """Remember how to make the parts of this step."""
        self._made = None
        self._made = copy.copy(self)._kept

    def _kept(self) -> np.ndarray[Any, Any]:
        with mpmath.workprec(self.bits):
            return self._written()

    def _parts(self) -> Callable[[], np.ndarray[Any, Any]] | None:
        return self._made

    def _size(self, logarithms: list[tuple[int, float]]) -> float:
        """Give log2 of a step, by log2 of the sizes of the last parts."""
        return min(-size / k for k, size in logarithms) + self.factor

    @property
    def _last(self) -> list[int]:
        """The degrees that decide upon the step."""
        return sorted({max(k, 1) for k in range(self.order, self.order - LAST, -1)})


def power_of_two(y: float, exact: bool) -> Any:
    """Give 2**y."""
    if exact:
        return mpmath.ldexp(mpmath.mpf(2.0 ** (y % 1)), math.floor(y))
    return 2.0 ** max(min(y, 900.0), -900.0)


def _total(a: Any, b: Any) -> tuple[Any, Any]:
    """Give a sum and what its rounding lost (Knuth's 2Sum)."""
    total = a + b
    rest = total - a
    return total, (a - (total - rest)) + (b - rest)


def _moved(motion: Motion, gains: list[Any], h: Any) -> Motion:
    new = motion.copy()
    for i, gain in enumerate(gains):
        new.state[i], new.lost[i] = _total(motion.state[i], gain + motion.lost[i])
    high, lost = _total(motion.time, h)
    new.time, new.time_low = _total(high, motion.time_low + lost)
    new.step = h
    return new


def _settle(motion: Motion, found: Motion) -> None:
    """Make a motion what has been found to be good."""
    motion.state, motion.lost = found.state, found.lost
    motion.time, motion.time_low, motion.step = found.time, found.time_low, found.step
    motion.steps = found.steps
