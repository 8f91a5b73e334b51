"""Work and precision: time against error, as the tolerance goes from a thousandth to rounding.

The error of a tolerance is the root of the mean square over several initial conditions, for that of
a single run may be small by luck.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from integration.problems import Problem
from integration.sides import (
    METHODS,
    Array,
    Run,
    compiled,
    error,
    heyokas,
    heyokas_run,
    our_run,
    scipys_run,
    settled,
    truths,
)
from integration.timing import Effort, Outcome, Point, in_turns, several_starts

TOLERANCES = (1e-3, 1e-5, 1e-7, 1e-9, 1e-11, 1e-13, 1e-15, 1e-16)
LEAST = dict.fromkeys(METHODS, 1e-13)
"""SciPy's allow no smaller tolerance."""

STARTS = 4


def measure_curves(outcome: Outcome, effort: Effort) -> None:
    """Find the curves: ours, heyoka's fastest modes without fast_math and with, and SciPy's."""
    problem, modes = outcome.problem, effort.modes(outcome.problem)
    makes: dict[str, Callable[[float], Run]] = {"ours": lambda tol: our_run(settled(problem, tol))}
    for fast in (False, True):
        names = [name for name in modes if ("fast_math" in name) == fast]
        if names:
            mode = modes[min(names, key=lambda name: outcome.heyoka[name].time)]
            makes["heyoka" + ", fast_math" * fast] = lambda tol, mode=mode: heyokas_run(
                heyokas(problem, mode, tol)
            )
    loops = compiled(problem)
    for method in METHODS:
        makes[method] = lambda tol, method=method: scipys_run(method, loops, tol)
    starts = several_starts(problem, 2 if effort.quick else STARTS)
    ends = truths(problem, starts)
    outcome.curves = {name: [] for name in makes}
    for tol in TOLERANCES[:: 2 if effort.quick else 1]:
        names = [name for name in makes if tol >= LEAST.get(name, 0)]
        runs = [makes[name](tol) for name in names]
        points = [mean_point(tol, run, problem, starts, ends) for run in runs]
        calls = [lambda run=run: run(problem.start, problem.end) for run in runs]
        for name, point, time in zip(names, points, in_turns(calls, effort.curve)):
            point.time = time
            if point.error < 1:  # else it has nothing in common with the solution
                outcome.curves[name].append(point)


def mean_point(tol: float, run: Run, problem: Problem, starts: Array, ends: list[Array]) -> Point:
    """Find the mean error of runs, and the steps of the last."""
    squares, steps = [], 0
    for start, end in zip(starts, ends):
        state, steps = run(start, problem.end)
        squares.append(error(state, end) ** 2)
    return Point(tol, math.sqrt(math.fsum(squares) / len(squares)), steps)


def time_at(curve: Sequence[Point], error: float) -> float:
    """Give the least time of a curve's points for an error, between two of them by powers."""
    found = [p.time for p in curve if p.error <= error]
    for a, b in pairwise(curve):
        if b.error < error < a.error:
            share = math.log(a.error / error) / math.log(a.error / b.error)
            found.append(a.time ** (1 - share) * b.time**share)
    return min(found, default=math.nan)


def ratios(outcome: Outcome, peer: str) -> list[float]:
    """Give our time over a peer's at the error of each of its points; NaN where ours has none."""
    ours = outcome.curves.get("ours", [])
    return [time_at(ours, point.error) / point.time for point in outcome.curves.get(peer, [])]
