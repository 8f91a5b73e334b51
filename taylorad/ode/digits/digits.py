"""Steps of a traced system in mpmath's numbers, to any number of digits.

The values at the beginning of a step are mpmath's; the series is found in whole numbers by the
function that `fixed` writes. How many binary digits stand behind the point is chosen for each line
and each step: a run over the first few degrees finds how large its parts are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import is_, mul
from typing import Any

import mpmath
import numpy as np
from mpmath.libmp import from_man_exp

from taylorad.ode.digits.eager import Eager, is_finite, log2
from taylorad.ode.digits.fixed import BLOCK, Factor, Writer
from taylorad.ode.tracing.constants import number, numberless
from taylorad.ode.tracing.recurrences import Recurrences
from taylorad.ode.tracing.system import System
from taylorad.ode.tracing.values import value

__all__ = ["Digits"]

TRIAL = 4
"""Degrees that tell how large parts are."""

SHORT = 6
"""Binary digits of a unit of time, for products with it to be cheap."""

THIN = 6
"""A part of fewer binary digits tells nothing of its size."""

GROWTH = 12
"""Bits that may be lost for a step longer than expected."""

MARGIN = 0.1
"""Log2 of how much longer than the step before a step is expected to be."""

RETRY = 1.0
"""Log2 of how much shorter than it could be a step may be."""

ATTEMPTS = 60
"""Units of time to be tried, at most."""


class Digits(Eager):
    """Steps of real mpmath numbers; with the interface of `taylorad.ode.steps.stepper.Stepper`.

    Floats in the right-hand side count as what they are in binary, ``0.1`` as 0.1000000000000000055
    and so on. Numbers known to more digits are given as parameters, ``args`` of the function: they
    are traced as floats, and ``given`` has their digits.

    Parameters
    ----------
    system : System
    order : int
    """

    def __init__(self, system: System, order: int) -> None:
        self.system, self.is_timed = system, system.is_timed
        observed = [line for lines in system.functions for line in lines]
        super().__init__(system.size, len(observed), order, exact=True)
        self.steps = system.program.steps
        recurrences = Recurrences(numberless(system), [*system.rates, *observed])
        self.recurrences, self.wanted = recurrences, [*range(system.size), *observed]
        self.clock = system.time
        self.writer = Writer(recurrences, order)
        self.names = list(dict.fromkeys(term.factor for term in self.writer.terms))
        self.numbers = {name.number: mpmath.mpf(name.number) for name in self.names}
        # Of each term, and of the rates, where it goes to and what its product is of.
        self.ways = [(term.target, *term.sources) for term in self.writer.terms]
        self.ways += [(i, rate) for i, rate in enumerate(system.rates)]
        self.sweep = self.writer.function()
        self.values: dict[int, Any] = {}
        self._known: tuple[Any, ...] = ()
        self._place_of_values: tuple[Any, ...] = ()

    def _enter(self, given: Sequence[Any] | np.ndarray[Any, Any]) -> None:
        known = (self.bits, *given)
        if _are_same(known, self._known):
            return
        self._known, self._place_of_values = known, ()
        numbers, self.values = iter(given), {}
        for line, step in enumerate(self.steps):
            if step.primitive is None and step.number is not None:
                self.values[line] = number(step.number)
            elif step.primitive is None and line > self.clock:
                self.values[line] = number(next(numbers))
        self._evaluate(moves=False)

    def _begin(self, time: Any, low: Any, state: list[Any]) -> list[Any] | None:
        place = (time, low, *state)
        if _are_same(place, self._place_of_values):  # the end of the last step
            return [self.values[line] for line in self.system.rates]
        self._place_of_values = ()
        self.values = self.values | dict(enumerate(map(number, state)))
        self.values[self.clock] = time + low
        try:
            self._evaluate(moves=True)
        except (ArithmeticError, ValueError):
            return None
        needed = [self.values[line] for line in self.writer.lines]
        if not all(type(x) is mpmath.mpf and is_finite(x) for x in needed):
            return None
        self._place_of_values = place
        return [self.values[line] for line in self.system.rates]

    def _evaluate(self, moves: bool) -> None:
        values = self.values
        for line in self.recurrences.values:
            step = self.steps[line]
            if step.moves == moves:
                operands = [values[i] for i in step.operands]
                assert step.primitive is not None
                values[line] = value(step.primitive, operands, step.params)

    # --- the series ----------------------------------------------------------------------------

    def _expand(self, scales: list[Any], most: Any, sign: int, hint: Any) -> Any:
        factors = {name: self._factor(name) for name in self.names}
        self.factors = [factors[term.factor] for term in self.writer.terms]
        floors = [log2(x) for x in scales]
        self.drop = max(math.floor(-self.factor * BLOCK), 0)
        limit = (GROWTH / self.order) - self.drop / BLOCK
        unit = (log2(hint) if hint else self._guess(floors)) + self.drop / BLOCK + MARGIN
        unit = min(unit, log2(most) - limit + 1)
        for _ in range(ATTEMPTS):
            self._sweep(unit, sign)
            size = self._size_in_units(floors)
            if size <= limit + RETRY or self.unit_log + limit >= log2(most):
                break
            unit = self.unit_log + size + self.drop / BLOCK + MARGIN
        size = min(size, limit)
        if self.unit_log + size >= log2(most):
            h = +mpmath.mpf(most)
        else:  # of few digits, for products with it to be cheap
            share = math.ldexp(math.floor(2.0 ** (size % 1) * 2**15), -15)
            h = mpmath.ldexp(mpmath.mpf(share), math.floor(size)) * abs(self.unit)
        return h if h > 0 else None

    def _guess(self, floors: list[float]) -> float:
        """Give log2 of a first step."""
        rates = max(log2(self.values[line]) for line in self.system.rates)
        return max(floors) - rates - 2 if rates > -math.inf else 0.0

    def _sweep(self, unit: float, sign: int) -> None:
        """Find the parts in a unit of time."""
        whole = math.floor(unit) + 1 - SHORT
        mantissa = math.ceil(2.0 ** (unit - whole))
        self.unit_log = math.log2(mantissa) + whole
        self.unit = mpmath.ldexp(sign * mantissa, whole)
        heads = [self.values[line]._mpf_ for line in self.writer.lines]
        tops = [h[2] + h[3] for h in heads if h[1]]
        # What is zero at first may be small later: it has more digits until it is known.
        least = min(tops, default=0) - self.bits
        sizes = [h[2] + h[3] if h[1] else least for h in heads]
        slope = sign * mantissa, whole
        self._place(sizes)
        self._sweep_up_to(TRIAL, heads, slope)
        self._place(
            [
                int(max(size if head[1] else least, self._largest(line), least))
                for line, head, size in zip(self.writer.lines, heads, sizes)
            ]
        )
        self._sweep_up_to(self.order + (self.functions > 0), heads, slope)

    def _place(self, sizes: list[int]) -> None:
        """Choose the last binary places of lines."""
        places = [size - self.bits for size in sizes]
        self.places = dict(zip(self.writer.lines, places, strict=True))

    def _largest(self, line: int) -> float:
        """Give about log2 of the largest of the first parts, in units of a step."""
        found = (
            x.bit_length() + self.places[line] - k * self.drop // BLOCK
            for k, x in enumerate(self.parts_of[line][: TRIAL + 1])
            if x
        )
        return max(found, default=-math.inf)

    def _sweep_up_to(self, last: int, heads: list[Any], slope: tuple[int, int]) -> None:
        """Find the parts up to a degree, in a unit of time."""
        places, factors, shifts = self.places, [], []
        time, (mantissa, whole) = self.clock, slope
        rates = [slope] * self.size
        for (target, *sources), (factor, exponent) in zip(self.ways, [*self.factors, *rates]):
            shift = places[target] - exponent - sum([places[source] for source in sources])
            factors.append(factor << -shift if shift < 0 else factor)
            shifts.append(shift if shift > 0 else 0)
        starts = [_shifted(_whole(h), h[2] - place) for h, place in zip(heads, places.values())]
        moved = _shifted(mantissa, whole - places[time])
        found = self.sweep(last, starts, moved, factors, shifts, self.drop)
        self.parts_of = dict(zip(self.writer.lines, found, strict=True))
        self.parts_of[time] = [*self.parts_of[time][:1], moved]

    def _factor(self, factor: Factor) -> tuple[int, int]:
        """Give a factor as a whole number and a power of two."""
        if factor.condition is not None:
            line, wanted = factor.condition
            return int((self.values[line] != 0) == wanted), 0
        x = self.numbers[factor.number]
        for line in factor.values:
            x *= self.values[line]
        if factor.divisor is not None:
            x /= self.values[factor.divisor]
        return _whole(x._mpf_), x._mpf_[2]

    def _shift(self, line: int, k: int) -> int:
        """Give how many bits a part has lost: those of components are found a degree earlier."""
        moved = k - 1 if line < self.size else k
        return max(moved, 0) // BLOCK * self.drop if line != self.clock else 0

    def _size_in_units(self, floors: list[float]) -> float:
        """Give log2 of the step, in units of time."""
        degrees = self._last
        found = [(k, *self._part_size(k, floors)) for k in degrees]
        if max(bits for *_, bits in found) >= THIN:
            return self._size([(k, size) for k, size, _ in found])
        # The unit is too small for the last degrees: go by the last that there are.
        for k in range(degrees[0] - 1, TRIAL, -1):
            size, bits = self._part_size(k, floors)
            if bits >= THIN:
                return max(self._size([(k, size)]), 2 * RETRY - self.drop / BLOCK)
        return 2 * RETRY

    def _part_size(self, k: int, floors: list[float]) -> tuple[float, int]:
        size, bits = -math.inf, 0
        for i, floor in enumerate(floors):
            x = self.parts_of[i][k]
            if x:
                place = self.places[i] + self._shift(i, k)
                size = max(size, math.log2(abs(x)) + place - floor)
                bits = max(bits, x.bit_length())
        return size, bits

    # --- what is made of it ----------------------------------------------------------------------

    def _advance(self, h: Any) -> tuple[list[Any], list[Any]]:
        _, share, exponent, _ = (h / self.unit)._mpf_
        # The powers of the share, and their derivatives, in whole numbers: what parts have lost,
        # they have in addition.
        place = self.bits + SHORT
        powers, slopes, power, lag = [], [], 1 << place, 0
        for k in range(1, self.order + 1):
            more = self._shift(0, k) - lag
            lag += more
            slopes.append(k * power << more)
            power = _shifted(power * share, exponent + more)
            powers.append(power)
        gains, foreseen = [], []
        make, bits, inverse = mpmath.mp.make_mpf, self.bits, 1 / self.unit
        for i in range(self.size):
            parts, at = self.parts_of[i][1:], self.places[i] - place
            gains.append(make(from_man_exp(sum(map(mul, parts, powers)), at, bits, "n")))
            rate = make(from_man_exp(sum(map(mul, parts, slopes)), at, bits, "n"))
            foreseen.append(rate * inverse)
        return gains, foreseen

    def _written(self) -> np.ndarray[Any, Any]:
        parts, power, powers = self.parts(), mpmath.mpf(1), []
        for _ in range(self.order + 1):
            powers.append((_whole(power._mpf_), power._mpf_[2]))
            power /= self.unit
        make, bits = mpmath.mp.make_mpf, self.bits
        for row, line in zip(parts, self.wanted, strict=True):
            row[:] = mpmath.mpf(0)
            found, place = self.parts_of[line], self.places[line]
            for k, (x, (factor, exponent)) in enumerate(zip(found, powers)):
                exponent += place + self._shift(line, k)
                row[k] = make(from_man_exp(x * factor, exponent, bits, "n"))
            row[0] = self.values[line]
        return parts


def _are_same(a: tuple[Any, ...], b: tuple[Any, ...]) -> bool:
    return len(a) == len(b) and all(map(is_, a, b))


def _whole(x: tuple[int, int, int, int]) -> int:
    return -x[1] if x[0] else x[1]


def _shifted(x: int, left: int) -> int:
    return x << left if left >= 0 else x >> -left
