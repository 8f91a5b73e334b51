"""The machine code of a single lane, between steps and the queue.

What has ended is written, what is next is read; and what a step is sampled at is noted.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from taylorad.ode.steps.code import Code
from taylorad.ode.steps.interface import Clock, Shared

if TYPE_CHECKING:
    from taylorad.ode.steps.lanes.queue import Queue

__all__ = ["NONE", "PARAMETERS", "UNDER_WAY", "Exchange", "Sample"]

UNDER_WAY = -1
"""The exit of a lane whose trajectory has not ended."""

NONE = -1
"""The trajectory of a lane that idles."""

PARAMETERS = (
    *("states", "lost", "clocks", "ends", "given", "limits", "exits", "work"),
    *("points", "found", "taken"),
)
"""What a core is given."""

_CLOCK = {
    Clock.TIME: "high",
    Clock.TIME_LOW: "low",
    Clock.STEP: "step",
    Clock.STEPS: "count",
    Clock.REJECTED: "rejected",
    Clock.CAP: "cap",
}
"""Where a lane has what is in a clock."""


class OfLane:
    """The text of a function of what `Queue` takes, a lane, and a number.

    Parameters
    ----------
    queue : Queue
    """

    def __init__(self, queue: Queue) -> None:
        self.queue, self.code = queue, Code()
        self.n, self.given, self.lanes = queue.core.n, queue.given, queue.lanes

    def _function(self, name: str) -> str:
        """Give the text of the function, once it is written."""
        self.code.do("ret void")
        self.queue.code.declarations |= self.code.declarations
        takes = [*(f"ptr noalias %{x}" for x in PARAMETERS), "i64 %lane", "i64 %number"]
        head = f"define internal void @{name}({', '.join(takes)}) noinline {{"
        return "\n".join([head, "entry:", *self.code.lines, "}"])

    def _at(self, name: str, i: int | str = 0) -> str:
        """Give the address of an entry of a lane's array."""
        start = self.queue.places[name]
        at = self.code.let(f"getelementptr double, ptr %work, i64 {start}")
        row = self.code.let(f"mul i64 {i}, {self.lanes}")
        place = self.code.let(f"add i64 {row}, %lane")
        return self.code.let(f"getelementptr double, ptr {at}, i64 {place}")

    def _number(self, name: str, i: int | str = 0) -> str:
        return self.code.load(self._at(name, i), 0)

    def _integer(self, name: str) -> str:
        return self.code.let(f"load i64, ptr {self._at(name)}")

    def _put(self, value: str | None, name: str) -> None:
        self.code.store(value, self._at(name), 0)

    def _put_integer(self, value: str | int, name: str) -> None:
        self.code.do(f"store i64 {value}, ptr {self._at(name)}")

    def _row(self, array: str, trajectory: str, stride: int | str) -> str:
        """Give where a trajectory's row begins."""
        place = self.code.let(f"mul i64 {trajectory}, {stride}")
        return self.code.let(f"getelementptr double, ptr %{array}, i64 {place}")

    def _shared(self, place: int) -> str:
        at = self.code.let(f"getelementptr double, ptr %limits, i64 {place}")
        return self.code.let(f"load i64, ptr {at}")

    def _over(self, count: int, body: Callable[[str], None]) -> None:
        def one(i: str) -> list[str]:
            body(i)
            return []

        self.code.loop(count, one)

    def _copy_out(self, name: str, row: str) -> None:
        self._over(self.n, lambda i: self.code.store(self._number(name, i), row, i))

    def _copy_in(self, row: str, name: str, count: int) -> None:
        self._over(count, lambda i: self.code.store(self.code.load(row, i), self._at(name, i), 0))

    def _first(self, name: str) -> str:
        """Read an integer that all lanes have in common."""
        place = self.queue.places[name]
        return self.code.let(
            f"load i64, ptr {self.code.let(f'getelementptr double, ptr %work, i64 {place}')}"
        )

    def _store_first(self, value: str, name: str) -> None:
        place = self.queue.places[name]
        at = self.code.let(f"getelementptr double, ptr %work, i64 {place}")
        self.code.do(f"store i64 {value}, ptr {at}")

    def _next_point(self, trajectory: str, taken: str) -> None:
        """Have the lane know at what time it is sampled next; NaN if there is none."""
        code, points = self.code, self._shared(Shared.POINTS)
        self._put_integer(taken, "taken")
        self._put(code.constant(math.nan), "point")
        some = code.let(f"icmp ult i64 {taken}, {points}")
        code.do(f"br i1 {some}, label %point, label %none")
        code.label("point")
        row = self._row("points", trajectory, points)
        self._put(code.load(row, taken), "point")
        code.do("br label %none")
        code.label("none")


class Exchange(OfLane):
    """The text of ``exchange``, which is given the exit of the lane."""

    def written(self) -> str:
        code = self.code
        trajectory = self._integer("trajectory")
        some = code.let(f"icmp sge i64 {trajectory}, 0")
        code.do(f"br i1 {some}, label %write, label %fetch")
        code.label("write")
        self._write(trajectory)
        code.do("br label %fetch")
        code.label("fetch")
        self._fetch()
        return self._function("exchange")

    def _write(self, trajectory: str) -> None:
        """Write how the trajectory of the lane ended."""
        code = self.code
        for name, array in (("x", "states"), ("lost", "lost")):
            self._copy_out(name, self._row(array, trajectory, self.n))
        clock = self._row("clocks", trajectory, len(Clock))
        for place, name in _CLOCK.items():
            code.store(self._number(name), clock, place.value)
        at = code.let(f"getelementptr i64, ptr %exits, i64 {trajectory}")
        code.do(f"store i64 %number, ptr {at}")
        if self.queue.is_sampled:
            at = code.let(f"getelementptr i64, ptr %taken, i64 {trajectory}")
            code.do(f"store i64 {self._integer('taken')}, ptr {at}")

    def _fetch(self) -> None:
        """Take the next trajectory; if there is none, stand still where the last one stands."""
        code = self.code
        following, count = self._first("next"), self._shared(Shared.COUNT)
        some = code.let(f"icmp ult i64 {following}, {count}")
        last = code.let(f"sub i64 {count}, 1")
        row = code.let(f"select i1 {some}, i64 {following}, i64 {last}")
        number = code.let(f"select i1 {some}, i64 {following}, i64 {NONE}")
        self._put_integer(number, "trajectory")
        self._put_integer(UNDER_WAY, "exit")
        self._store_first(code.let(f"add i64 {following}, 1"), "next")
        for name, array in (("x", "states"), ("lost", "lost")):
            self._copy_in(self._row(array, row, self.n), name, self.n)
        self._over(self.n, lambda i: code.store(None, self._at("foreseen", i), 0))
        self._copy_in(self._row("given", row, self._shared(Shared.GIVEN)), "given", self.given)
        floors = self._row("limits", row, self._shared(Shared.APART))
        floors = code.let(f"getelementptr double, ptr {floors}, i64 {Shared.FLOORS.value}")
        self._copy_in(floors, "floors", self.n)
        clock = self._row("clocks", row, len(Clock))
        now = {name: code.load(clock, place.value) for place, name in _CLOCK.items()}
        for name, value in now.items():
            self._put(value, name)
        for name in ("before high", "before low", "step"):
            self._put(None, name)
        self._put(code.constant(math.inf), "allowed")
        most = code.let(f"add i64 {self._integer('count')}, {self._shared(Shared.STEPS)}")
        self._put_integer(most, "most")
        ends = self._row("ends", row, self._shared(Shared.ENDS))
        end, low = (
            code.choose(some, code.load(ends, k), now[name])
            for k, name in enumerate(("high", "low"))
        )
        left = code.add(code.subtract(end, now["high"]), code.subtract(low, now["low"])) or ""
        sign = code.intrinsic_of("copysign", (code.constant(1.0), left))
        for name, value in zip(("end", "end low", "sign"), (end, low, sign), strict=True):
            self._put(value, name)
        if self.queue.is_sampled:
            at = code.let(f"getelementptr i64, ptr %taken, i64 {row}")
            taken = code.let(f"load i64, ptr {at}")
            none = self._shared(Shared.POINTS)
            self._next_point(row, code.let(f"select i1 {some}, i64 {taken}, i64 {none}"))


class Sample(OfLane):
    """The text of ``sample``, which notes what a step of the lane is at a time."""

    def written(self) -> str:
        code = self.code
        trajectory, taken = self._integer("trajectory"), self._integer("taken")
        row = code.let(f"mul i64 {trajectory}, {self._shared(Shared.POINTS)}")
        self._copy_out("sample", self._row("found", code.let(f"add i64 {row}, {taken}"), self.n))
        self._next_point(trajectory, code.let(f"add i64 {taken}, 1"))
        return self._function("sample")
