"""Steps by machine code in numbers of several words: what a core needs and gives, as mpmath's."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import mpmath
import numpy as np

from taylorad.errors import InputError
from taylorad.machine.module import Code, build
from taylorad.machine.multiword import joined, split
from taylorad.ode.digits.multiword.core import Core
from taylorad.ode.digits.multiword.sums import AHEAD
from taylorad.ode.digits.multiword.values import evaluable
from taylorad.ode.digits.stepping import Stepping
from taylorad.ode.steps.interface import Exit
from taylorad.ode.steps.stepper import Motion, Tolerance
from taylorad.ode.tracing.constants import number
from taylorad.ode.tracing.system import System

__all__ = ["Multiword", "NoFormula", "order_for_words"]

_CORE = ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_void_p] * 4)

ORDER_PER_BIT = 0.43
"""Measured: a quarter more than by the rule of Jorba and Zou, for high degrees cost little."""

SPARE = 10
"""Bits by which parts of high degree are more exact than they need to be."""

STEEP = 1.25
"""How much faster parts may fall than on the average to the last, to be believed."""

LEAST = 2.0**-960
"""A component may well be zero, of which no part is small."""

ENDLESS = 2.0**900
"""A time that is never reached, with which arithmetic goes on."""

GUARD = 20
"""Bits by which steps are more exact than asked for, as far as there are so many."""


BEYOND = 4
"""Bits by which what is left out of a step is less than its rounding, at the most."""


def _bits_of(relative: Any, words: int) -> float:
    """Give how many bits of a step are to be right."""
    with mpmath.workprec(53):
        return min(GUARD - float(mpmath.log(relative, 2)), 53 * words + BEYOND)


def order_for_words(relative: Any, words: int) -> int:
    """Give the order that costs least, an even one: see `taylorad.ode.tolerances.order_for`."""
    return 2 * math.ceil(ORDER_PER_BIT * _bits_of(relative, words) / 2)


class NoFormula(Exception):
    """A function in the right-hand side is not known for numbers of several words."""


class Multiword(Stepping):
    """The machine code of a system; with the interface of `taylorad.ode.steps.stepper.Stepper`.

    State and time of a `Motion` are mpmath numbers. They have one word more than parts, exactly
    that of the machine, so that a run in pieces is the run in one. Constants of the right-hand side
    count as in `taylorad.ode.digits.digits.Digits`.

    Parameters
    ----------
    system : System
    order : int
        The last degree of the series.
    words : int
        Of a number: 2 for 31 digits, 4 for 62.

    Raises
    ------
    NoFormula
        If there is a function in the right-hand side for which there is no formula.
    """

    def __init__(self, system: System, order: int, words: int) -> None:
        self.system, self.words = system, words
        core = Core(system, order, words)
        rows = {system.program.steps[i].primitive for i in core.recurrences.values}
        if lacking := [row for row in rows if row is None or not evaluable(row)]:
            raise NoFormula(f"{lacking[0]!r} in numbers of several words")
        super().__init__(system.size, len(core.wanted) - system.size, order)
        self.code: Code = build(core.written(), level=1)
        self._call = _CORE(self.code.address("propagate"))
        self._places, self._room = core.places, core.room
        self._streams = np.array([core.forward[line] for line in core.wanted])
        self._memory = np.zeros(core.work + 8)
        self._offset = -self._memory.ctypes.data % 64 // 8
        held = len(system.held) + sum(int(p.size) for p in system.parameters)
        self._clock, self._limits = np.zeros(core.places.clock), np.zeros(core.places.limits)
        self._given = np.zeros((held + 1) * words)
        arrays = (self._clock, self._given, self._limits, self._memory[self._offset :])
        self._addresses = tuple(a.ctypes.data for a in arrays)

    def _precision(self, tolerance: Tolerance) -> AbstractContextManager[Any]:
        return mpmath.workprec(53 * (self.words + 2))  # type: ignore[no-any-return]

    def _loop(
        self,
        motion: Motion,
        end: tuple[Any, Any],
        tolerance: Tolerance,
        given: Sequence[Any] | np.ndarray[Any, Any],
        steps: int,
    ) -> Exit:
        finish = _sum(number(end[0]), end[1])
        self._write(motion, finish, tolerance, given, steps)
        status = Exit(self._call(*self._addresses))
        self._read(motion, finish)
        return status

    def _write(
        self,
        motion: Motion,
        end: Any,
        tolerance: Tolerance,
        given: Sequence[Any] | np.ndarray[Any, Any],
        steps: int,
    ) -> None:
        places, clock, limits = self._places, self._clock, self._limits
        wide, bits = self.words + 1, _bits_of(tolerance.relative, self.words)
        time = _sum(number(motion.time), motion.time_low)
        state = [_sum(number(x), lost) for x, lost in zip(motion.state, motion.lost, strict=True)]
        if mpmath.isinf(end):
            end = math.copysign(ENDLESS, end)
        clock[:] = 0.0
        clock[: places.before] = _words([*state, time], wide)
        clock[places.hint] = abs(float(motion.step))
        clock[places.allowed], clock[places.cap] = math.inf, float(motion.cap)
        limits[: places.sign] = split(end, wide)
        limits[places.sign] = -1.0 if end < time else 1.0
        limits[places.factor] = -bits / self.order
        limits[places.longest] = float(tolerance.longest)
        # An honest step's defect is p + 1 times its error; and there are roundings.
        honest = 8 * (self.order + 1) * 2.0**-bits * self.system.size
        limits[places.defect] = honest + 2.0 ** (11 - 53 * self.words)
        limits[places.smallest] = 4 * 2.0**-bits
        limits[places.most] = steps
        limits[places.decay] = 2.0 ** (-STEEP * bits / self.order)
        enough = 53.0 * np.arange(1, self.words + 1) - bits - SPARE
        limits[places.enough : places.floors] = 2.0**enough
        limits[places.floors :] = [max(float(x), LEAST) for x in tolerance.floors]
        self._given[: len(given) * self.words] = _words(map(number, given), self.words)

    def _read(self, motion: Motion, end: Any) -> None:
        places, clock = self._places, self._clock
        numbers = clock[: places.before].reshape(-1, self.words + 1).tolist()
        *state, time = map(joined, numbers)
        motion.state, motion.lost = np.empty(len(state), object), np.zeros(len(state))
        motion.state[:] = state
        reached = np.array_equal(numbers[-1], self._limits[: places.sign])
        motion.time, motion.time_low = end if reached else time, 0.0
        motion.step = joined(clock[places.step : places.step + self.words].tolist())
        motion.steps += int(clock[places.count])
        motion.rejected += int(clock[places.rejected])
        motion.cap = float(clock[places.cap])

    def _parts(self) -> Callable[[], np.ndarray[Any, Any]] | None:
        """Give what makes the parts of the last step: the streams, in time's own units."""
        if not self._clock[self._places.swept]:
            return None
        unit = math.frexp(self._clock[self._places.unit])[1] - 1
        degrees = np.arange(self.order + 1)
        planes = self._room * np.arange(self.words)
        places = self._streams[:, None, None] + (AHEAD - 1 + degrees)[:, None] + planes
        streams = self._memory[self._offset + places]

        def make() -> np.ndarray[Any, Any]:
            parts = self.parts()
            for row, line in zip(parts, streams.tolist(), strict=True):
                row[:] = [mpmath.ldexp(joined(x), -unit * k) for k, x in enumerate(line)]
            return parts

        return make


def _sum(x: Any, low: Any) -> Any:
    return x + low if low else x


def _words(numbers: Iterable[Any], words: int) -> list[float]:
    found: list[float] = []
    for x in numbers:
        parts = split(x, words)
        if mpmath.isfinite(x) and (not math.isfinite(parts[0]) or (x and not parts[0])):
            raise InputError(
                f"{mpmath.nstr(x, 3)} is beyond the range of doubles, of which numbers of up to 62 "
                "digits are made; ask for more digits, or for another unit"
            )
        found += parts
    return found
