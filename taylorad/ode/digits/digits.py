"""Steps of a traced system in mpmath's numbers, to any number of digits.

The values at the beginning of a step are mpmath's; the series is found in whole numbers by the
function that `fixed` writes. How many binary digits stand behind the point is chosen for each line
and each step: a run over the first few degrees finds how large its parts are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np

from taylorad.dispatch.exact import Exact, plain
from taylorad.ode.digits.eager import Eager, is_finite, log2
from taylorad.ode.digits.fixed import BLOCK, Term, Writer
from taylorad.ode.tracing.constants import number, numberless
from taylorad.ode.tracing.recurrences import Recurrences
from taylorad.ode.tracing.system import System
from taylorad.primitives.elementwise import add, divide, multiply, negative, subtract
from taylorad.primitives.linear import select
from taylorad.primitives.registry import Primitive

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
        self.system = system
        observed = [line for lines in system.functions for line in lines]
        super().__init__(system.size, len(observed), order, exact=True)
        self.steps = system.program.steps
        recurrences = Recurrences(numberless(system), [*system.rates, *observed])
        self.recurrences, self.wanted = recurrences, [*range(system.size), *observed]
        self.writer = Writer(recurrences, order)
        self.sweep = self.writer.function()
        self.values: dict[int, Any] = {}

    def _enter(self, given: Sequence[Any] | np.ndarray[Any, Any]) -> None:
        numbers, self.values = iter(given), {}
        for line, step in enumerate(self.steps):
            if step.primitive is None and step.number is not None:
                self.values[line] = number(step.number)
            elif step.primitive is None and line > self.system.time:
                self.values[line] = number(next(numbers))
        self._evaluate(moves=False)

    def _begin(self, time: Any, low: Any, state: list[Any]) -> list[Any] | None:
        self.values |= dict(enumerate(map(number, state)))
        self.values[self.system.time] = time + low
        try:
            self._evaluate(moves=True)
        except (ArithmeticError, ValueError):
            return None
        needed = [self.values[line] for line in self.writer.lines]
        if not all(type(x) is mpmath.mpf and is_finite(x) for x in needed):
            return None
        return [self.values[line] for line in self.system.rates]

    def _evaluate(self, moves: bool) -> None:
        values = self.values
        for line in self.recurrences.values:
            step = self.steps[line]
            if step.moves == moves:
                operands = [values[i] for i in step.operands]
                assert step.primitive is not None
                values[line] = _value(step.primitive, operands, step.params)

    # --- the series ----------------------------------------------------------------------------

    def _expand(self, scales: list[Any], most: Any, sign: int, hint: Any) -> Any:
        self.factors = [self._factor(term) for term in self.writer.terms]
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
        for last in (TRIAL, self.order + (self.functions > 0)):
            places = [size - self.bits for size in sizes]
            self.places = dict(zip(self.writer.lines, places, strict=True))
            self.parts_of = self._swept(last, heads, sign * mantissa, whole)
            sizes = [
                max(sizes[i] if heads[i][1] else -math.inf, self._largest(line), least)
                for i, line in enumerate(self.writer.lines)
            ]
            sizes = [int(x) for x in sizes]

    def _largest(self, line: int) -> float:
        """Give about log2 of the largest of the first parts, in units of a step."""
        found = (
            x.bit_length() + self.places[line] - k * self.drop // BLOCK
            for k, x in enumerate(self.parts_of[line][: TRIAL + 1])
            if x
        )
        return max(found, default=-math.inf)

    def _swept(
        self, last: int, heads: list[Any], mantissa: int, whole: int
    ) -> dict[int, list[int]]:
        places, factors, shifts = self.places, [], []
        time = self.system.time

        def put(factor: tuple[int, int], shift: int) -> None:
            factors.append(factor[0] << max(-shift, 0))
            shifts.append(max(shift, 0))

        for term, factor in zip(self.writer.terms, self.factors, strict=True):
            source = term.source
            below = (
                places[source] if isinstance(source, int) else places[source.a] + places[source.b]
            )
            put(factor, places[term.target] - factor[1] - below)
        for i, rate in enumerate(self.system.rates):
            put((mantissa, whole), places[i] - whole - places[rate])
        starts = [_shifted(_whole(h), h[2] - place) for h, place in zip(heads, places.values())]
        slope = _shifted(mantissa, whole - places[time])
        found = self.sweep(last, starts, slope, factors, shifts, self.drop)
        result = dict(zip(self.writer.lines, found, strict=True))
        result[time] = [*result[time][:1], slope]
        return result

    def _factor(self, term: Term) -> tuple[int, int]:
        """Give a factor as a whole number and a power of two."""
        if term.condition is not None:
            line, wanted = term.condition
            return int((self.values[line] != 0) == wanted), 0
        if not term.values and term.divisor is None:
            x = mpmath.mpf(term.number)
        else:
            x = mpmath.fprod([term.number, *(self.values[i] for i in term.values)])
            if term.divisor is not None:
                x /= self.values[term.divisor]
        return _whole(x._mpf_), x._mpf_[2]

    def _shift(self, line: int, k: int) -> int:
        """Give how many bits a part has lost: those of components are found a degree earlier."""
        moved = k - 1 if line < self.size else k
        return max(moved, 0) // BLOCK * self.drop if line != self.system.time else 0

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
        share = (h / self.unit)._mpf_
        # The powers of the share need no more digits than the parts have.
        factor, shift = share[1], -share[2]
        if shift < 0:
            factor, shift = factor << -shift, 0
        gains, foreseen = [], []
        lags = [self._shift(0, k) for k in range(self.order + 1)]
        for i in range(self.size):
            gain = rate = 0
            parts = self.parts_of[i]
            for k in range(self.order, 0, -1):
                part = parts[k] << lags[k]
                gain = (gain * factor >> shift) + part
                rate = (rate * factor >> shift) + k * part
            gain = gain * factor >> shift
            gains.append(mpmath.ldexp(gain, self.places[i]))
            foreseen.append(mpmath.ldexp(rate, self.places[i]) / self.unit)
        return gains, foreseen

    def _keep(self, parts: np.ndarray[Any, Any]) -> None:
        powers = [mpmath.mpf(1)]
        for _ in range(self.order):
            powers.append(powers[-1] / self.unit)
        for row, line in zip(parts, self.wanted, strict=True):
            found = self.parts_of[line]
            for k, power in enumerate(powers):
                x = found[k] if k < len(found) else 0
                row[k] = mpmath.ldexp(x, self.places[line] + self._shift(line, k)) * power
            row[0] = self.values[line]


def _whole(x: tuple[int, int, int, int]) -> int:
    return -x[1] if x[0] else x[1]


def _shifted(x: int, left: int) -> int:
    return x << left if left >= 0 else x >> -left


_ARITHMETIC: dict[Primitive, Callable[..., Any]] = {
    add: lambda a, b: a + b,
    subtract: lambda a, b: a - b,
    multiply: lambda a, b: a * b,
    divide: lambda a, b: a / b,
    negative: lambda a: -a,
    select: lambda yes, no, condition: yes if condition else no,
}


def _value(row: Primitive, operands: list[Any], params: dict[str, Any]) -> Any:
    """Compute a row of mpmath numbers."""
    if row in _ARITHMETIC:
        return _ARITHMETIC[row](*operands)
    if row.exact is not None and not params:
        rule = row.exact
        return (
            getattr(mpmath.mp, rule)(*operands)
            if isinstance(rule, str)
            else rule(mpmath.mp, *operands)
        )
    return plain(row(*map(Exact, operands), **params))
