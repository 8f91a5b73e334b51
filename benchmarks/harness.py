"""What every benchmark does: time two programs call by call, and put a table where it belongs.

A machine is never quiet, so absolute times say little and only ratios are results. Both sides run
in one process, alternating call by call, so that whatever else the machine does meets both alike;
medians drop what interrupted single calls.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

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
