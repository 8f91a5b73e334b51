"""Stops on the way of an integration, at which components are set, or something is added to them.

All of the way is taken by machine code: a routine that calls the core from stop to stop.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from taylorad.machine.module import Code, build
from taylorad.ode.steps.door import ARGUMENTS
from taylorad.ode.steps.interface import Clock, Exit, Limits
from taylorad.ode.steps.quadrature import NOTHING, Quadrature, piecewise
from taylorad.ode.steps.routine import Routine

__all__ = ["Stops"]

Array = np.ndarray[Any, Any]

_ALONG = 12
"""Where in the table that of the quadrature begins."""


class Stops:
    """Times in order, and what is done to the state there.

    Parameters
    ----------
    times : ndarray, shape (count, 2)
        In two words.
    set_at : ndarray of int, shape (s,)
        The components that are set,
    values : ndarray, shape (count, s)
        to these.
    added_at : ndarray of int, shape (a,)
        The components that something is added to,
    summands : ndarray, shape (count, a)
        these.
    quadrature : Quadrature, optional
        Integrals to be computed on the way.
    """

    def __init__(
        self,
        times: Array,
        set_at: Array,
        values: Array,
        added_at: Array,
        summands: Array,
        quadrature: Quadrature | None = None,
    ) -> None:
        self.times = np.array(times, order="C")
        self._changes = [
            (components, np.array(numbers, order="C"))
            for components, numbers in ((set_at, values), (added_at, summands))
        ]
        self._quadrature = quadrature  # which is to live as long as this
        self._along = NOTHING if quadrature is None else quadrature.table
        self._table = np.zeros(_ALONG + len(self._along), np.int64)
        self._table[:2] = len(times), 0
        self._kept: list[Array] = []

    @property
    def left(self) -> range:
        """The stops that are still to be made."""
        count, done = self._table[:2].tolist()
        return range(done, count)

    def change(self, stop: int, motion: Any) -> None:
        """Do to the state what is done at a stop."""
        state, lost = motion.state.copy(), motion.lost.copy()
        (set_at, values), (added_at, summands) = self._changes
        state[set_at], lost[set_at] = values[stop], 0.0
        state[added_at] += summands[stop]
        motion.state, motion.lost = state, lost

    def table(self, core: int, places: Sequence[int]) -> int:
        """See `Guide`."""
        place = np.array(places)
        self._kept = []
        about = [len(place), self.times.ctypes.data]
        for components, numbers in self._changes:
            column = np.full(1 + max(places), -1)  # of each component
            column[components] = np.arange(len(components))
            there = np.flatnonzero(column[place] >= 0)
            pairs = np.stack([there, column[place][there]], axis=1)
            about += [len(pairs), pairs.ctypes.data, len(components), numbers.ctypes.data]
            self._kept.append(pairs)
        self._table[2:] = [*about, *self._along]
        called = [_visitor().address("visit"), core, self._table.ctypes.data]
        entrance = np.array([*called, *[0] * (ARGUMENTS - 2)])
        self._kept.append(entrance)
        return int(entrance.ctypes.data)


@lru_cache(maxsize=1)
def _visitor() -> Code:
    """Compile it, once for all."""
    r = _visit()
    inner = piecewise()
    declarations = sorted(r.declarations | inner.declarations)
    return build("\n".join([*declarations, inner.text, r.text]), level=2)


def _visit() -> Routine:
    unused = [f"ptr %x{k}" for k in range(ARGUMENTS - 2)]
    r = Routine(head=f"i32 @visit({', '.join(['ptr %table', 'ptr %stops', *unused])})")

    def pointer(table: str, place: int) -> str:
        return r.let(f"load ptr, ptr {r.at(table, place)}, align 8")

    core, *given = [pointer("%table", i) for i in range(8)]
    piece, parts, recorded = (pointer("%stops", _ALONG + i) for i in range(3))
    most, lines = (r.whole("%stops", _ALONG + i) for i in (3, 4))
    given[4:6] = parts, recorded
    allowed, *sums = (pointer("%stops", _ALONG + i) for i in (5, 7, 8))
    number = r.whole("%stops", _ALONG + 6)
    status = r.variable("0", "i32")
    state, clock, limits = given[0], given[1], given[3]
    count, room, times = r.whole("%stops", 0), r.whole("%stops", 2), pointer("%stops", 3)
    lost, foreseen = r.at(state, room), r.at(state, r.times(room, 2))
    last = r.plus(r.whole(clock, Clock.STEPS), r.whole(limits, Limits.STEPS))

    def stop() -> None:
        k = r.whole("%stops", 1)
        for place, limit in enumerate((Limits.END, Limits.END_LOW)):
            r.store(r.load(r.at(times, r.times(k, 2)), place), limits, limit)
        r.put(status, str(Exit.STEPS.value))
        r.repeat(lambda: r.let(f"icmp ne i32 {r.get(status)}, {Exit.END.value}"), leg)
        for first, is_set in ((4, True), (8, False)):
            change(first, k, is_set)
        r.write(r.plus(k, 1), "%stops", 1)

    def leg() -> None:
        """Go on, as far as there is room for steps that are integrated over."""
        before = r.whole(clock, Clock.STEPS)
        left = r.let(f"sub i64 {last}, {before}")
        fewer = r.let(f"icmp slt i64 {left}, {most}")
        r.write(r.let(f"select i1 {fewer}, i64 {left}, i64 {most}"), limits, Limits.STEPS)
        r.store(r.constant(math.inf), clock, Clock.CAP)
        r.each(room, lambda i: r.store(r.constant(0.0), foreseen, i))
        addresses = ", ".join(f"ptr {x}" for x in given)
        r.put(status, r.let(f"call i32 {core}({addresses})"))
        after = r.whole(clock, Clock.STEPS)
        taken = r.let(f"sub i64 {after}, {before}")
        to = f"ptr {piece}, ptr {parts}, ptr {recorded}, i64 {taken}, i64 {lines}, ptr {given[2]}"
        to += f", ptr {allowed}, i64 {number}, ptr {sums[0]}, ptr {sums[1]}"
        integrals = r.let(f"icmp ne ptr {piece}, null")
        r.when(integrals, lambda: r.do(f"call void @integrate({to})"))
        stuck = r.let(f"icmp eq i32 {r.get(status)}, {Exit.STUCK.value}")
        paused = r.let(f"icmp eq i32 {r.get(status)}, {Exit.STEPS.value}")
        done = r.both(paused, r.let(f"icmp eq i64 {after}, {last}"))
        r.when(r.either(stuck, done), lambda: r.leave(f"i32 {r.get(status)}"))

    def change(first: int, k: str, is_set: bool) -> None:
        pairs, width = pointer("%stops", first + 1), r.whole("%stops", first + 2)
        row = r.at(pointer("%stops", first + 3), r.times(k, width))

        def one(i: str) -> None:
            pair = r.at(pairs, r.times(i, 2))
            place, value = r.whole(pair, 0), r.load(row, r.whole(pair, 1))
            if is_set:
                r.store(r.constant(0.0), lost, place)
            else:
                value = r.add(r.load(state, place), value) or ""
            r.store(value, state, place)

        r.each(r.whole("%stops", first), one)

    r.repeat(lambda: r.let(f"icmp slt i64 {r.whole('%stops', 1)}, {count}"), stop)
    r.leave(f"i32 {Exit.END.value}")
    return r
