"""Whether memory stays as it is over ten million steps."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import taylorad as ta
from integration.problems import lorenz

STATM = Path("/proc/self/statm")
START = [1.0, 2.0, 3.0]
MANY, SOME = 10_000_000, 300_000


@dataclass
class Growth:
    """Resident bytes before and after so many steps."""

    what: str
    steps: int
    before: int
    after: int


def resident() -> int:
    """Give the bytes of memory that the process has, where the system tells."""
    if not STATM.exists():
        return 0
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def growths(quick: bool = False) -> Iterator[Growth]:
    """Integrate Lorenz's equations in several ways, each twice before it is measured.

    At first better code is made, which takes its own room.
    """
    for what, steps, go in ways():
        number = steps // 10 if quick else steps
        for _ in range(2):
            go(number)
        gc.collect()
        before = resident()
        taken = go(number)
        gc.collect()
        yield Growth(what, taken, before, resident())


def ways() -> Iterator[tuple[str, int, Callable[[int], int]]]:
    """Give ways to integrate: a name, a number of steps, and what takes them."""
    integrator = ta.ode.Integrator(lorenz, 0.0, START)
    integrator.propagate_until(1e9, max_steps=MANY // 10)  # until its code is the better one

    def plain(steps: int) -> int:
        return integrator.propagate_until(1e9, max_steps=steps).steps

    def watched(steps: int) -> int:
        return integrator.propagate_until(1e9, max_steps=steps, callback=lambda i: None).steps

    def ground(t: Any, y: Any) -> Any:
        return y[2] - 60.0  # which is above all of it

    def events(steps: int) -> int:
        end = 0.035 * steps
        return int(ta.ode.solve_ivp(lorenz, (0, end), START, t_eval=[end], events=ground).nsteps)

    yield "`Integrator.propagate_until`", MANY, plain
    yield "the same with a callback", SOME, watched
    yield "`solve_ivp` with an event", SOME, events
