"""Machine code that looks through recorded steps for roots of functions: what is easy, in doubles.

Most steps have no root, and most roots are simple. A step without one is known by the sizes of its
terms; otherwise by Bernstein coefficients on halves and halves of halves, as in
`taylorad.ode.events.roots`, and a piece on which the function is monotone, with different signs at
its ends, has one root. What is not decided in a few halvings, because it touches zero or is within
its errors, is left to `roots`.

First each step is looked at for whether the functions' series say enough: they were not asked when
its length was chosen.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from enum import IntEnum
from functools import lru_cache
from typing import Any

import numpy as np

from taylorad.machine.module import Code, build
from taylorad.ode.events.bernstein import to_bernstein
from taylorad.ode.events.isolation import DEPTH, FIELDS, WIDTH, isolate, natural, newton
from taylorad.ode.steps.door import address
from taylorad.ode.steps.routine import Routine
from taylorad.ode.steps.stepsize import LAST

__all__ = [
    *("ASK", "ENDLESS", "FRESH", "MET"),
    *("ROUNDINGS", "SPACING", "Search", "Size", "Verdict", "last_of", "thresholds"),
]

ROUNDINGS = 2.0**-48
"""The error of a function's values, of the sum of its terms."""

SPACING = 2.0**-51
"""The error of the time at which they are, of the time."""

ROUGHLY = 1e-3
"""A function is taken for its series if it is that near, where nothing else is known."""

TRUST = 64.0
"""How much larger than the tolerance the last terms of a function may be."""

MET, FRESH, ASK = 0.0, 2.0, 3.0
"""Signs that are none: where a root was dealt with; where a run begins; where it is not certain."""

ENDLESS = 2.0**-112
"""Last terms that are smaller than this say nothing of how long a step may be."""


class Verdict(IntEnum):
    """What became of a search."""

    DONE = 0
    FULL = 1  # there was no room for more
    UNRESOLVED = 2  # the next step is too long for a function's series
    UNFORESEEN = 3  # a function is not what its series says at the end of the next step
    SINGULAR = 5  # a function has no series at the beginning of the next step
    UNKNOWN = 4  # the functions' values at the end of the last step are to be told


class Size(IntEnum):
    """Places in ``sizes``, whole numbers."""

    STRIDE = 0  # doubles from step to step
    COUNT = 1  # steps
    EVENTS = 2  # functions
    ORDER = 3
    ROOM = 4  # rows that `found` has
    STEP = 5  # where to begin; then where it ended
    FOUND = 6  # where to begin to write rows; then how many there are


_VERDICTS = {verdict.value: verdict for verdict in Verdict}
_STRIDE, _COUNT = Size.STRIDE.value, Size.COUNT.value
_STEP, _FOUND = Size.STEP.value, Size.FOUND.value


def last_of(order: int) -> int:
    """Give how many of the last terms are to be small."""
    return min(LAST, order - order // 2)


@lru_cache(maxsize=128)
def thresholds(order: int, relative: float) -> Any:
    """Give how small the last terms are to be."""
    degrees = np.arange(order + 1 - last_of(order), order + 1)
    return (TRUST * relative) ** (degrees / order)


class Search:
    """Functions that are looked for roots of, in one recorded step after the other.

    Parameters
    ----------
    events : int
        How many functions.
    order : int
    relative : float
        The tolerance.

    Attributes
    ----------
    signs : ndarray of float
        Of each function at the end of the last step, or `MET`, `FRESH`, `ASK`.
    final : ndarray
        The functions' values after the last recorded step; NaN where not known.
    found : ndarray
        What was found, in rows of `FIELDS`.
    sizes : memoryview
        See `Size`.
    is_blind : bool
        Whether series are taken for the functions whatever their last terms are.
    address, addresses : int, tuple of int
        Where the machine code is, and what it takes behind series and times.
    """

    def __init__(self, events: int, order: int, relative: float) -> None:
        self.signs, self.final = np.full(events, FRESH), np.full(events, np.nan)
        if events:
            self.code = _compiled()
            self.address = self.code.address("search")
            self._call = _SEARCH(self.address)
        self._room = max(64, 4 * events * (order + 1))
        sizes = np.array([0, 0, events, order, self._room, 0, 0])
        self.sizes = sizes.data
        self.found = np.zeros((self._room, FIELDS))
        n, table = order + 1, _table(order)
        padded = table.shape[1]
        # Of which terms one is to be large, which are to be small, and which there are.
        self._weights = np.zeros((3, padded))
        self._weights[0, : order // 2 + 1] = self._weights[2, :n] = 1.0
        self._last = 1.0 / thresholds(order, relative)
        self._limits = np.array([ROUGHLY])
        self.is_blind: bool | None = None
        self.trust(False)
        work = np.zeros((events + DEPTH + 3) * (padded + 2))
        self._kept = (self.signs, self.final, table, self._limits, self._weights, work, self.found)
        self.addresses = tuple(map(address, (sizes, *self._kept))) if events else ()

    def trust(self, blindly: bool) -> None:
        """Say whether series are taken for the functions whatever their last terms are."""
        self.final.fill(np.nan)
        if blindly is not self.is_blind:
            self.is_blind = blindly
            self._limits[0] = np.inf if blindly else ROUGHLY
            n = int(self.sizes[Size.ORDER]) + 1
            self._weights[1, n - len(self._last) : n] = 0.0 if blindly else self._last

    def over(self, series: Any, times: Any, start: int) -> Verdict:
        """Look through steps; what was found is in ``found[:sizes[FOUND]]``, up to ``sizes[STEP]``.

        Parameters
        ----------
        series : ndarray, shape (steps, functions, order + 1)
            Those of a step one behind the other, with room for `WIDTH` more behind the last.
        times : ndarray, shape (steps, 3)
            As a core records them.
        start : int
            Where to begin.
        """
        sizes = self.sizes
        sizes[_STRIDE], sizes[_COUNT] = series.strides[0] // 8, len(series)
        sizes[_STEP], sizes[_FOUND] = start, 0
        return _VERDICTS[self._call(address(series[0]), address(times), *self.addresses)]


_SEARCH = ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_void_p] * 10)


@lru_cache(maxsize=128)
def _table(order: int) -> Any:
    """Give for each term its shares of the Bernstein coefficients, as many as fill vectors."""
    n = order + 1
    table = np.zeros((n, -(-n // WIDTH) * WIDTH))
    table[:, :n] = to_bernstein(order).T
    return table


@lru_cache(maxsize=1)
def _compiled() -> Code:
    """Compile it, once for all."""
    routines = [newton(), natural(), isolate(), _search()]
    declarations = sorted(set().union(*(r.declarations for r in routines)))
    return build("\n".join([*declarations, *(r.text for r in routines)]), level=2)


def _powers(r: Routine, h: str) -> tuple[str, str]:
    """Give the powers of h of degrees below the width, and everywhere that of the width."""
    power, total = h, r.constant(1.0, WIDTH)
    for bit in range(WIDTH.bit_length() - 1):
        lanes = ", ".join(f"i1 {(k >> bit) & 1}" for k in range(WIDTH))
        wide = r.everywhere(power, WIDTH)
        chosen = r.choose(f"<{lanes}>", wide, r.constant(1.0, WIDTH), WIDTH)
        total = r.multiply(total, chosen, WIDTH) or ""
        power = r.multiply(power, power) or ""
    return total, r.everywhere(power, WIDTH)


def _search() -> Routine:
    arrays = ("series", "times", "sizes", "signs", "final")
    names = (*arrays, "table", "limits", "weights", "work", "found")
    r = Routine(head=f"i32 @search({', '.join(f'ptr noalias %{x}' for x in names)})")
    sizes = {x: r.whole("%sizes", x) for x in Size}
    order, events = sizes[Size.ORDER], sizes[Size.EVENTS]
    n, zero = r.plus(order, 1), r.constant(0.0)
    roughly = r.load("%limits", 0)
    chunks = r.let(f"sdiv i64 {r.plus(n, WIDTH - 1)}, {WIDTH}")
    padded = r.times(chunks, WIDTH)
    terms, rests = "%work", r.at("%work", r.times(events, padded))
    highs = r.at(rests, events)
    stack = r.at(highs, events)
    step, count = (r.variable(sizes[x], "i64") for x in (Size.STEP, Size.FOUND))

    def leave(verdict: Verdict) -> None:
        r.write(r.get(step), "%sizes", Size.STEP)
        r.write(r.get(count), "%sizes", Size.FOUND)
        r.leave(f"i32 {verdict.value}")

    def row(e: str) -> str:
        return r.at("%series", r.plus(r.times(r.get(step), sizes[Size.STRIDE]), r.times(e, n)))

    def check(e: str, near: str, far: str) -> None:
        """Compute the terms of a function, and see whether the series says enough."""
        c, a = row(e), r.at(terms, r.times(e, padded))
        first, last, there = (r.at("%weights", r.times(padded, k)) for k in range(3))
        nothing, everywhere = r.constant(0.0, WIDTH), r.kind(WIDTH)

        def several(j: str, power: str, rest: str, low: str, high: str) -> Sequence[str]:
            k = r.times(j, WIDTH)
            x = r.load(c, k, WIDTH)
            # Of a solution that is a polynomial steps are so long that their powers overflow.
            good = r.compare("une", x, nothing, WIDTH)
            valid = r.compare("une", r.load(there, k, WIDTH), nothing, WIDTH)
            good = r.let(f"and <{WIDTH} x i1> {good}, {valid}")
            x = r.choose(good, r.multiply(x, power, WIDTH) or "", nothing, WIDTH)
            r.store(x, a, k, WIDTH)
            size = r.absolute(x, WIDTH)
            large = r.multiply(size, r.load(first, k, WIDTH), WIDTH) or ""
            small = r.multiply(size, r.load(last, k, WIDTH), WIDTH) or ""
            return (
                r.multiply(power, far, WIDTH) or "",
                r.add(rest, size, WIDTH) or "",
                r.larger(large, low, WIDTH),
                r.larger(small, high, WIDTH),
            )

        _, sums, lows, peaks = r.loop(
            chunks, several, (everywhere, near), *[(everywhere, nothing)] * 3
        )
        rest = r.sum(sums, WIDTH)
        low, high = r.largest(lows, WIDTH), r.largest(peaks, WIDTH)
        r.store(rest, rests, e)
        r.store(r.divide(high, low), highs, e)
        gap = r.subtract(rest, rest) or ""
        odd = r.both(r.compare("uno", gap, gap), r.compare("olt", roughly, r.constant(math.inf)))
        r.when(odd, lambda: leave(Verdict.SINGULAR))
        long = r.both(r.compare("ogt", high, low), r.compare("ogt", low, zero))
        r.when(long, lambda: leave(Verdict.UNRESOLVED))
        r.when(r.compare("oeq", high, zero), lambda: foresee(e, a, rest))

    def foresee(e: str, a: str, rest: str) -> None:
        """Compare with the value that follows, where the last terms are zero."""
        more = r.let(f"icmp slt i64 {r.plus(r.get(step), 1)}, {sizes[Size.COUNT]}")
        following = r.variable(r.load("%final", e))

        def inside() -> None:
            r.put(following, r.load(r.at(row(e), sizes[Size.STRIDE]), 0))

        def outside() -> None:
            known = r.compare("ord", r.get(following), zero)
            r.when(known, lambda: None, lambda: leave(Verdict.UNKNOWN))

        r.when(more, inside, outside)
        (value,) = r.over(n, lambda k, sum: (r.add(sum, r.load(a, k)) or "",), zero)
        gap = r.absolute(r.subtract(r.get(following), value) or "")
        far = r.compare("ogt", gap, r.multiply(rest, roughly) or "")
        r.when(far, lambda: leave(Verdict.UNFORESEEN))

    def one(e: str, h: str) -> None:
        c, a = row(e), r.at(terms, r.times(e, padded))
        first, total = r.load(a, 0), r.load(rests, e)
        time = r.add(r.absolute(r.load("%times", r.times(r.get(step), 3))), r.absolute(h)) or ""
        unsure = r.multiply(r.absolute(r.load(c, 1)), r.constant(SPACING))
        noise = r.multiply(total, r.constant(ROUNDINGS))
        noise = r.fused(unsure, time, noise) or ""
        size = r.absolute(first)
        # What the rest can do, and roundings.
        rest = r.add(r.subtract(total, size), r.multiply(noise, r.constant(2.0))) or ""
        known = r.load("%signs", e)
        sign = r.choose(r.compare("ogt", first, zero), r.constant(1.0), r.constant(-1.0))
        turned = r.compare("oeq", known, r.negative(sign) or "")
        turned = r.either(turned, r.compare("oeq", known, r.constant(ASK)))
        place = r.at("%found", r.times(r.get(count), FIELDS))
        now, number = r.as_double(r.get(step)), r.as_double(e)

        def look() -> None:
            for k, value in enumerate((now, number, h, zero, known)):
                r.store(value, place, k)
            r.increase(count)

        def quiet() -> None:
            r.when(turned, look)
            r.store(sign, "%signs", e)

        def near() -> None:
            allowed = r.variable(noise)
            endless = r.compare("ult", r.load(highs, e), r.constant(ENDLESS))
            fresh = r.compare("oeq", known, r.constant(FRESH))

            def own() -> None:  # the step is no measure of the function
                moved = r.let(f"call double @natural(ptr {a}, i64 {order})")
                r.put(allowed, r.multiply(moved, r.constant(ROUNDINGS)) or "")

            r.when(r.both(fresh, endless), own)
            fresh = r.both(fresh, r.compare("ole", size, r.get(allowed)))
            met = r.either(fresh, r.compare("oeq", known, r.constant(MET)))
            given = f"ptr {c}, ptr {a}, i64 {order}, ptr %table, ptr {stack}, double {total}"
            given += f", double {noise}, double {h}, double {now}, double {number}, i1 {met}"
            after = r.at("%signs", e)
            number_met = r.let(f"call i64 @isolate({given}, ptr {after}, ptr {place})")
            clear = r.let(f"icmp sge i64 {number_met}, 0")
            r.when(clear, lambda: None, lambda: r.store(r.constant(ASK), "%signs", e))
            told = r.let(f"select i1 {clear}, i1 {r.let(f'xor i1 {turned}, true')}, i1 false")
            r.when(told, lambda: r.increase(count, number_met), look)

        r.when(r.compare("ogt", size, rest), quiet, near)

    def body() -> None:
        h = r.load("%times", r.plus(r.times(r.get(step), 3), 2))
        near, far = _powers(r, h)
        r.each(events, lambda e: check(e, near, far))
        r.each(events, lambda e: one(e, h))
        r.increase(step)
        # A function has no more roots in a step than its series has terms.
        room = r.plus(r.get(count), r.times(events, n))
        full = r.let(f"icmp sgt i64 {room}, {sizes[Size.ROOM]}")
        r.when(full, lambda: leave(Verdict.FULL))

    r.repeat(lambda: r.let(f"icmp slt i64 {r.get(step)}, {sizes[Size.COUNT]}"), body)
    leave(Verdict.DONE)
    return r
