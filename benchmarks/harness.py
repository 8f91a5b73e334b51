"""What every benchmark does: time two programs call by call, and put a table where it belongs.

A machine is never quiet, so absolute times say little and only ratios are results. Both sides run
in one process, alternating call by call, so that whatever else the machine does meets both alike;
medians drop what interrupted single calls.
"""

from __future__ import annotations

import gc
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Row:
    """One line of a table: the same problem, ours and a peer's.

    ``least`` is the target: the least ratio (the peer's time over ours) that we accept. ``check``
    raises if the two do not give the same numbers.
    """

    problem: str
    peer: str
    ours: Callable[[], object]
    theirs: Callable[[], object]
    least: float
    check: Callable[[], None]


@dataclass(frozen=True)
class Result:
    """A row with the median seconds of both sides."""

    row: Row
    ours: float
    theirs: float

    @property
    def ratio(self) -> float:
        return self.theirs / self.ours


def seconds(call: Callable[[], object]) -> float:
    """Time one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def medians(
    calls: Sequence[Callable[[], object]], budget: float = 1.5, least: int = 15
) -> list[float]:
    """Give the median seconds of each call, alternating between them.

    Rounds go on until ``budget`` seconds are spent, and at least ``least`` times.
    """
    for _ in range(3):  # warm up: caches, lazy tables, the processor's clock
        for call in calls:
            call()
    taken: list[list[float]] = [[] for _ in calls]
    end = time.perf_counter() + budget
    while time.perf_counter() < end or len(taken[0]) < least:
        for times, call in zip(taken, calls):
            times.append(seconds(call))
    return [statistics.median(times) for times in taken]


def measure(row: Row, budget: float = 1.5) -> Result:
    """Check that both sides agree, then time them."""
    row.check()
    return Result(row, *medians([row.ours, row.theirs], budget))


def second_process(script: Path, arguments: Sequence[str]) -> dict[str, float]:
    """Give what a benchmark prints, called with ``--preparations`` twice, with one cache on disk.

    It is to print the seconds of preparation of each problem, as JSON. The second process finds the
    first's machine code.
    """
    command = [sys.executable, str(script), "--preparations", *arguments]
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "TAYLORAD_CACHE": cache}
        for _ in range(2):
            run = subprocess.run(command, env=environment, capture_output=True, text=True)
    if run.returncode:
        print(f"The second process failed: {run.stderr[-300:]}", file=sys.stderr)
        return {}
    found: dict[str, float] = json.loads(run.stdout)
    return found


# --- several sides at once -------------------------------------------------------------------


@dataclass(frozen=True)
class Side:
    """One way to solve a problem: what makes the function to call, and the arguments of a call.

    ``note`` says where it does less than the others (arrays bound beforehand, say): its time is
    reported, but it is not the one to beat. ``read`` turns what a call gives into arrays.
    """

    name: str
    build: Callable[[], Callable[..., Any]]
    args: tuple[Any, ...]
    note: str = ""
    read: Callable[[Any], Any] = lambda result: result
    prepared: bool = True  # False: another side has done its preparation


@dataclass
class Measured:
    """A side, the seconds it took to make and call for the first time, and those of a call."""

    side: Side
    call: Callable[..., Any] | None = None
    preparation: float = math.nan
    median: float = math.nan
    failure: str = ""


def one_core() -> None:
    """Stay on one core, where the system lets us: no side then waits for a thread elsewhere."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def prepare(side: Side) -> tuple[Measured, Any]:
    """Make the function and call it once; give the first result too."""
    measured = Measured(side)
    try:
        start = time.perf_counter()
        measured.call = side.build()
        result = measured.call(*side.args)
        if side.prepared:
            measured.preparation = time.perf_counter() - start
        return measured, side.read(result)
    except Exception as error:
        measured.call = None
        measured.failure = f"{type(error).__name__}: {error}".splitlines()[0]
        return measured, None


def difference(result: Any, reference: Any, tolerance: float = 1e-10) -> str:
    """Say how two results differ, or nothing when they agree."""
    both = [
        [np.asarray(p) for p in (r if isinstance(r, tuple) else (r,))] for r in (result, reference)
    ]
    shapes, others = ([part.shape for part in parts] for parts in both)
    if shapes != others:
        return f"differs: shapes {shapes}, not {others}"
    flat = [np.concatenate([part.ravel() for part in parts]) for parts in both]
    try:
        scale = np.max(np.abs(flat[1]))
        np.testing.assert_allclose(*flat, rtol=tolerance, atol=1e-3 * tolerance * scale)
    except (AssertionError, ValueError) as error:
        return "differs: " + " ".join(str(error).split())[:120]
    return ""


def compare(sides: Iterable[Side], budget: float = 2.0, least: int = 9) -> list[Measured]:
    """Prepare every side, check each against the first that works, and time those that agree.

    The sides take turns of about a millisecond: many calls of a fast function, so that reading
    the clock costs nothing, and after a few that do not count, for threads that fell asleep and
    caches that others filled. The loop around the calls is timeit's, the same for all.
    """
    found, reference = [], None
    for side in sides:
        measured, result = prepare(side)
        if measured.call is not None:
            if reference is None:
                reference = result
            measured.failure = difference(result, reference)
        found.append(measured)
    prepare_again(found)
    timed = [m for m in found if m.call is not None and not m.failure]
    turns = [turn(m) for m in timed]
    taken: list[list[float]] = [[] for _ in turns]
    end = time.perf_counter() + budget
    while turns and (time.perf_counter() < end or len(taken[0]) < least):
        for times, (timer, number) in zip(taken, turns):
            timer.timeit(1 + number // 5)
            times.append(timer.timeit(number) / number)
    for measured, times in zip(timed, taken):
        measured.median = statistics.median(times)
    return found


def prepare_again(found: Iterable[Measured], times: int = 4, most: float = 1.0) -> None:
    """Prepare what takes less than a second several times more, in turns, and keep the median.

    What is there already is let go first, so that each time is from the beginning.
    """
    quick = [m for m in found if m.preparation < most and not m.failure]
    taken = [[m.preparation] for m in quick]
    for _ in range(times):
        for measured, preparations in zip(quick, taken):
            measured.call = None
            gc.collect()
            new, _ = prepare(measured.side)
            measured.call = new.call
            preparations.append(new.preparation)
            del new  # or what it compiled would be there for the next
    for measured, preparations in zip(quick, taken):
        measured.preparation = statistics.median(preparations)


def turn(measured: Measured, seconds: float = 1e-3) -> tuple[timeit.Timer, int]:
    """Make the timer of a side, and choose how many calls one of its turns has."""
    args = measured.side.args
    names = ", ".join(f"a{i}" for i in range(len(args)))
    setup = "f = function" + (f"; ({names},) = args" if args else "")
    names_of = {"function": measured.call, "args": args}
    timer = timeit.Timer(f"f({names})", setup, globals=names_of)
    once = min(timer.repeat(5, 1))
    number = max(1, int(seconds / once))
    if number > 1:  # the clock was read for one call: choose again
        number = max(1, int(seconds * number / timer.timeit(number)))
    return timer, number


# --- tables ----------------------------------------------------------------------------------


def microseconds(t: float) -> str:
    """Write a time in microseconds to three digits or so."""
    us = t * 1e6
    return f"{us:.3g}" if us < 1000 else f"{us:,.0f}".replace(",", "\u202f")


def table(results: Iterable[Result]) -> str:
    """Write results as a Markdown table."""
    lines = [
        "| problem | peer | peer / ours | target | ours, µs | peer, µs |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r.row.problem} | {r.row.peer} | **{r.ratio:.2g}** | ≥ {r.row.least:g} "
        f"| {microseconds(r.ours)} | {microseconds(r.theirs)} |"
        for r in results
    ]
    return "\n".join(lines)


def write_block(path: Path, name: str, text: str) -> bool:
    """Put text between the markers ``<!-- name:begin -->`` and ``<!-- name:end -->`` of a file."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    if begin not in old or end not in old:
        return False
    head, _, rest = old.partition(begin)
    tail = rest.partition(end)[2]
    path.write_text(f"{head}{begin}\n{text}\n{end}{tail}", encoding="utf-8")
    return True
