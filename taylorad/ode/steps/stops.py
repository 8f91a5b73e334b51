"""Stops on the way of an integration, at which components are set, or something is added to them.

All of the way is taken by machine code: a routine that calls the core from stop to stop.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from taylorad.machine.module import Code, build
from taylorad.ode.steps.interface import Clock, Exit, Limits
from taylorad.ode.steps.routine import Routine

__all__ = ["Stops"]

Array = np.ndarray[Any, Any]


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
    """

    def __init__(
        self, times: Array, set_at: Array, values: Array, added_at: Array, summands: Array
    ) -> None:
        self.times = np.array(times, order="C")
        self._changes = [
            (components, np.array(numbers, order="C"))
            for components, numbers in ((set_at, values), (added_at, summands))
        ]
        self._table = np.zeros(4 + 4 * len(self._changes), np.int64)
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

    def entrance(self, places: Sequence[int]) -> Callable[[int], int]:
        """Give what calls a core, whose components have these places, from stop to stop.

        It takes the address of the table that the core is called by, as `door` does.
        """
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
        self._table[2:] = about
        call, table = _visitor().call, self._table.ctypes.data
        return lambda core: call(core, table)


_VISIT = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)


class _Visitor(NamedTuple):
    """The machine code, which lives as long as this, and how to call it."""

    code: Code
    call: Callable[[int, int], int]


@lru_cache(maxsize=1)
def _visitor() -> _Visitor:
    r = _visit()
    code = build("\n".join([*sorted(r.declarations), r.text]), level=2)
    return _Visitor(code, _VISIT(code.address("visit")))


def _visit() -> Routine:
    r = Routine(head="i32 @visit(ptr %table, ptr %stops)")

    def pointer(table: str, place: int) -> str:
        return r.let(f"load ptr, ptr {r.at(table, place)}, align 8")

    core, *given = [pointer("%table", i) for i in range(8)]
    state, clock, limits = given[0], given[1], given[3]
    count, room, times = r.whole("%stops", 0), r.whole("%stops", 2), pointer("%stops", 3)
    lost, foreseen = r.at(state, room), r.at(state, r.times(room, 2))
    last = r.plus(r.whole(clock, Clock.STEPS), r.whole(limits, Limits.STEPS))

    def stop() -> None:
        k = r.whole("%stops", 1)
        for place, limit in enumerate((Limits.END, Limits.END_LOW)):
            r.store(r.load(r.at(times, r.times(k, 2)), place), limits, limit)
        left = r.let(f"sub i64 {last}, {r.whole(clock, Clock.STEPS)}")
        r.write(left, limits, Limits.STEPS)
        r.store(r.constant(math.inf), clock, Clock.CAP)
        r.each(room, lambda i: r.store(r.constant(0.0), foreseen, i))
        addresses = ", ".join(f"ptr {x}" for x in given)
        status = r.let(f"call i32 {core}({addresses})")
        reached = r.let(f"icmp eq i32 {status}, {Exit.END.value}")
        r.when(reached, lambda: None, lambda: r.leave(f"i32 {status}"))
        for first, is_set in ((4, True), (8, False)):
            change(first, k, is_set)
        r.write(r.plus(k, 1), "%stops", 1)

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
