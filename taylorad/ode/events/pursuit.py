"""Machine code that goes as far as an event that ends the integration.

Steps are taken one by one, and each is looked through before the next. Where the only root in a
step ends it all, that step is taken anew, no further than the root. What is less simple, several
roots in a step, or what the search leaves open, is looked at in Python.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import IntEnum
from functools import lru_cache
from typing import Any

import numpy as np

from taylorad.machine.module import Code, build
from taylorad.ode.events.ending import Ending
from taylorad.ode.events.isolation import FIELDS, WIDTH
from taylorad.ode.events.search import MET, Search, Size, Verdict
from taylorad.ode.steps.door import ARGUMENTS, address
from taylorad.ode.steps.interface import Clock, Exit, Limits
from taylorad.ode.steps.routine import Routine

__all__ = ["Pursuit"]

BEYOND = 2.0**-40
"""So far beyond a step, of its length, another goes that tells the functions at its end."""


class _Place(IntEnum):
    """Places in the table of a pursuit."""

    PURSUE = 0  # by which it is called: the routine, the core's table and its own
    CORE = 1
    TABLE = 2
    SEARCH = 8  # the search, and what it takes, but for series and times
    LEFT = 17  # as `Ending` has them
    DIRECTIONS = 18
    KEPT = 19  # where state and clock are kept, of two times
    SPARE = 20  # where a step goes that is not wanted
    NUMBERS = 21  # in a state
    OFFSET = 22  # of the functions' series among a step's parts
    WIDTH = 23  # of the parts of a step
    COUNTED = 24  # rows that have been counted
    VERDICT = 25  # on the last step, if that is left open
    ROOM = 26  # that the table has


_SIZES, _SIGNS, _FINAL, _FOUND = (_Place.SEARCH + k for k in (1, 2, 3, 8))
_COUNTED, _VERDICT = _Place.COUNTED.value, _Place.VERDICT.value
_STEP, _COUNT, _ROWS = Size.STEP.value, Size.COUNT.value, Size.FOUND.value
_VERDICTS = {verdict.value: verdict for verdict in Verdict}


class Pursuit:
    """What takes steps and looks through them.

    Parameters
    ----------
    search : Search
    ending : Ending
    """

    def __init__(self, search: Search, ending: Ending) -> None:
        self.search, self.ending = search, ending
        self._places: Sequence[int] | None = None
        self._code = _compiled()

    def table(self, core: int, places: Sequence[int]) -> int:
        """See `Guide`."""
        if places is not self._places:
            self._lay_out(core, places)
        search, table = self.search, self._table
        if search.is_blind:
            search.trust(False)
        sizes = search.sizes
        sizes[_STEP] = sizes[_COUNT] = sizes[_ROWS] = table[_COUNTED] = 0
        return self._beginning

    def _lay_out(self, core: int, places: Sequence[int]) -> None:
        search, ending = self.search, self.ending
        numbers, size, n = 3 * len(places), 1 + max(places), search.sizes[Size.ORDER] + 1
        width = (size + search.sizes[Size.EVENTS]) * n
        table = np.zeros(_Place.ROOM, np.int64)
        self._kept = np.zeros(2 * (numbers + len(Clock))), np.zeros(width + WIDTH)
        beginning = address(table)
        table[_Place.PURSUE] = self._code.address("pursue")
        table[_Place.CORE], table[_Place.TABLE] = core, beginning
        table[_Place.SEARCH : _Place.LEFT] = search.address, *search.addresses
        arrays = (ending.left, ending.directions, *self._kept)
        table[_Place.LEFT : _Place.NUMBERS] = [address(x) for x in arrays]
        table[_Place.NUMBERS : _Place.COUNTED] = numbers, size * n, width
        search.sizes[Size.STRIDE] = width
        self._table, self._beginning, self._places = table.data, beginning, places

    @property
    def taken(self) -> int:
        """How many steps have been recorded."""
        return self.search.sizes[_COUNT]

    @property
    def counted(self) -> int:
        """How many rows are events that have been counted."""
        return self._table[_COUNTED]

    @property
    def verdict(self) -> Verdict:
        """What the search has said of the last step, where that is left open."""
        return _VERDICTS[self._table[_VERDICT]]

    @property
    def found(self) -> Any:
        """The rows of events that have been counted."""
        return self.search.found[: self._table[_COUNTED]]


@lru_cache(maxsize=1)
def _compiled() -> Code:
    """Compile it, once for all."""
    r = _pursue()
    return build("\n".join([*sorted(r.declarations), r.text]), level=2)


def _pursue() -> Routine:
    unused = [f"ptr %x{k}" for k in range(ARGUMENTS - 2)]
    r = Routine(head=f"i32 @pursue({', '.join(['ptr %table', 'ptr %own', *unused])})")

    def pointer(table: str, place: int) -> str:
        return r.let(f"load ptr, ptr {r.at(table, place)}, align 8")

    core, state, clock, given, limits, first_parts, first_times, work = (
        pointer("%table", i) for i in range(ARGUMENTS + 1)
    )
    search = pointer("%own", _Place.SEARCH)
    handed = [pointer("%own", _Place.SEARCH + k) for k in range(1, 9)]
    sizes, signs, final, found = (pointer("%own", k) for k in (_SIZES, _SIGNS, _FINAL, _FOUND))
    left, directions = pointer("%own", _Place.LEFT), pointer("%own", _Place.DIRECTIONS)
    spare = pointer("%own", _Place.SPARE)
    numbers, offset, width = (
        r.whole("%own", x) for x in (_Place.NUMBERS, _Place.OFFSET, _Place.WIDTH)
    )
    kept = [pointer("%own", _Place.KEPT)]
    kept.append(r.at(kept[0], r.plus(numbers, len(Clock))))
    events, n = r.whole(sizes, Size.EVENTS), r.plus(r.whole(sizes, Size.ORDER), 1)
    sign = r.load(limits, Limits.SIGN)
    last = r.plus(r.whole(clock, Clock.STEPS), r.whole(limits, Limits.STEPS))
    # Those of the first step of all.
    before = r.whole(sizes, Size.COUNT)
    back = r.let(f"sub i64 0, {before}")
    parts = r.at(first_parts, r.times(back, width))
    times = r.at(first_times, r.times(back, 3))
    status = r.variable("0", "i32")

    def copied(source: Sequence[str], place: Sequence[str]) -> None:
        r.each(numbers, lambda i: r.store(r.load(source[0], i), place[0], i))
        for k in range(len(Clock)):
            r.write(r.whole(source[1], k), place[1], k)

    def at(which: int) -> tuple[str, str]:
        return kept[which], r.at(kept[which], numbers)

    def go(parts: str, times: str, steps: int) -> None:
        r.write(str(steps), limits, Limits.STEPS)
        given_to = (state, clock, given, limits, parts, times, work)
        addresses = ", ".join(f"ptr {x}" for x in given_to)
        r.put(status, r.let(f"call i32 {core}({addresses})"))

    def is_status(exit: Exit) -> str:
        return r.let(f"icmp eq i32 {r.get(status)}, {exit.value}")

    def look() -> str:
        """Look through the last step."""
        series = r.at(parts, offset)
        addresses = ", ".join(f"ptr {x}" for x in (series, times, *handed))
        verdict = r.let(f"call i32 {search}({addresses})")
        return r.let(f"zext i32 {verdict} to i64")

    def open_with(verdict: str) -> None:
        r.write(verdict, "%own", _Place.VERDICT)
        r.leave(f"i32 {Exit.OPEN.value}")

    def step() -> None:
        taken = r.whole(sizes, Size.COUNT)
        now = r.at(times, r.times(taken, 3))
        copied((state, clock), at(0))
        count = r.whole(clock, Clock.STEPS)
        go(r.at(parts, r.times(taken, width)), now, 1)
        none = r.let(f"icmp eq i64 {r.whole(clock, Clock.STEPS)}, {count}")
        r.when(none, lambda: r.leave(f"i32 {r.get(status)}"))
        r.write(r.plus(taken, 1), sizes, Size.COUNT)
        r.each(events, lambda e: r.store(r.constant(math.nan), final, e))
        verdict = r.variable(look(), "i64")
        unknown = r.let(f"icmp eq i64 {r.get(verdict)}, {Verdict.UNKNOWN.value}")
        r.when(unknown, lambda: r.put(verdict, peered(now)))
        unclear = r.let(f"icmp ne i64 {r.get(verdict)}, {Verdict.DONE.value}")
        r.when(unclear, lambda: open_with(r.get(verdict)))
        rows = r.let(f"sub i64 {r.whole(sizes, Size.FOUND)}, {r.whole('%own', _Place.COUNTED)}")
        r.when(r.let(f"icmp ne i64 {rows}, 0"), lambda: consider(rows, now))
        r.when(is_status(Exit.END), lambda: r.leave(f"i32 {Exit.END.value}"))

    def peered(now: str) -> str:
        """Ask what the functions are at the end of a step, and look again."""
        copied((state, clock), at(1))
        goal = [r.load(limits, x) for x in (Limits.END, Limits.END_LOW, Limits.LONGEST)]
        tiny = r.multiply(r.absolute(r.load(now, 2)), r.constant(BEYOND))
        r.store(r.multiply(sign, r.constant(math.inf)), limits, Limits.END)
        r.store(r.constant(0.0), limits, Limits.END_LOW)
        r.store(tiny, limits, Limits.LONGEST)
        count = r.whole(clock, Clock.STEPS)
        go(spare, "null", 1)
        some = r.let(f"icmp ne i64 {r.whole(clock, Clock.STEPS)}, {count}")
        there = r.at(spare, offset)
        r.when(
            some,
            lambda: r.each(events, lambda e: r.store(r.load(there, r.times(e, n)), final, e)),
        )
        copied(at(1), (state, clock))
        for x, value in zip((Limits.END, Limits.END_LOW, Limits.LONGEST), goal, strict=True):
            r.store(value, limits, x)
        return look()

    def consider(rows: str, now: str) -> None:
        """See whether what was found in a step is an event, and the last."""
        row = r.at(found, r.times(r.whole("%own", _Place.COUNTED), FIELDS))
        direction = r.load(row, 3)
        clear = r.compare("une", direction, r.constant(0.0))
        clear = r.both(clear, r.let(f"icmp eq i64 {rows}, 1"))
        r.when(clear, lambda: None, lambda: open_with(str(Verdict.DONE.value)))
        event = r.let(f"fptosi double {r.load(row, 1)} to i64")
        product = r.multiply(direction, r.load(directions, event)) or ""

        def dropped() -> None:
            r.write(r.whole("%own", _Place.COUNTED), sizes, Size.FOUND)

        def met() -> None:
            r.write(r.whole(sizes, Size.FOUND), "%own", _Place.COUNTED)
            more = r.plus(r.whole(left, event), -1)
            r.write(more, left, event)
            r.when(r.let(f"icmp sle i64 {more}, 0"), lambda: end(event, r.load(row, 2), now))

        r.when(r.compare("olt", product, r.constant(0.0)), dropped, met)

    def end(event: str, s: str, now: str) -> None:
        """Take a step anew, as far as an event."""
        copied(at(0), (state, clock))
        r.store(r.constant(0.0), clock, Clock.STEP)
        high, lost = r.total(r.load(now, 0), s)
        high, low = r.total(high, r.add(lost, r.load(now, 1)) or "")
        far = r.subtract(high, r.load(clock, Clock.TIME)) or ""
        near = r.subtract(low, r.load(clock, Clock.TIME_LOW)) or ""
        way = r.add(far, near) or ""

        def onward() -> None:
            r.store(high, limits, Limits.END)
            r.store(low, limits, Limits.END_LOW)
            one = r.let(f"call double @llvm.copysign.f64(double {r.constant(1.0)}, double {way})")
            r.store(one, limits, Limits.SIGN)
            foreseen = r.let(f"sdiv i64 {r.times(numbers, 2)}, 3")
            rest = r.let(f"sdiv i64 {numbers}, 3")
            r.each(rest, lambda i: r.store(r.constant(0.0), r.at(state, foreseen), i))
            go("null", "null", 2**62)

        differs = r.either(
            r.compare("une", far, r.constant(0.0)), r.compare("une", near, r.constant(0.0))
        )
        r.put(status, str(Exit.END.value))
        r.when(differs, onward)
        stuck = is_status(Exit.STUCK)

        def undone() -> None:
            r.write(r.plus(r.whole(sizes, Size.COUNT), -1), sizes, Size.COUNT)
            r.write(r.plus(r.whole("%own", _Place.COUNTED), -1), "%own", _Place.COUNTED)
            r.write(r.plus(r.whole(left, event), 1), left, event)
            r.leave(f"i32 {Exit.STUCK.value}")

        r.when(stuck, undone)
        r.store(s, now, 2)
        r.store(r.constant(MET), signs, event)
        r.leave(f"i32 {Exit.EVENT.value}")

    r.declarations.add("declare double @llvm.copysign.f64(double, double)")
    r.repeat(lambda: r.let(f"icmp slt i64 {r.whole(clock, Clock.STEPS)}, {last}"), step)
    r.leave(f"i32 {Exit.STEPS.value}")
    return r
