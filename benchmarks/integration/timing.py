"""Whole runs of a problem, and the time from a plain function to the first step."""

from __future__ import annotations

import gc
import math
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from harness import seconds

from integration.problems import Problem
from integration.sides import (
    METHODS,
    ROUNDING,
    Array,
    Run,
    better,
    compiled,
    error,
    heyokas,
    heyokas_run,
    our_run,
    ours,
    scipys_run,
    settled,
    truths,
)

LOOSE = 1e-12
"""The tolerance of SciPy's runs, whose rounding allows no less."""

SLOW = 0.05
"""A call of so many seconds needs no warming up."""


@dataclass
class Point:
    """One run: its tolerance, its error, its seconds and steps."""

    tol: float
    error: float
    steps: int
    time: float = math.nan
    step: float = math.nan  # seconds


@dataclass
class Outcome:
    """What was measured of a problem; by mode where it is heyoka's, by method where SciPy's."""

    problem: Problem
    ours: Point | None = None
    heyoka: dict[str, Point] = field(default_factory=dict)
    scipy: dict[str, Point] = field(default_factory=dict)
    built: float = math.nan
    better: float = math.nan  # code, and the first
    again: float = math.nan  # in a second process
    heyoka_built: dict[str, float] = field(default_factory=dict)
    energies: dict[str, list[list[float]]] = field(default_factory=dict)
    curves: dict[str, list[Point]] = field(default_factory=dict)

    @property
    def best(self) -> str:
        """The fastest of heyoka's modes."""
        return min(self.heyoka, key=lambda mode: self.heyoka[mode].time)


@dataclass(frozen=True)
class Effort:
    """How long to measure, in seconds, and what to leave out."""

    run: float
    build: float
    curve: float
    quick: bool

    def modes(self, problem: Problem) -> dict[str, Any]:
        """Give the modes of heyoka's that are measured."""
        return problem.modes | problem.slow


def in_turns(
    calls: Sequence[Callable[[], Any]], budget: float, least: int = 3, turn: float = 1e-3
) -> list[float]:
    """Give the median seconds of each call, taking turns until each has had its share of a budget.

    A turn has as many calls as take a millisecond, after one that does not count.
    """
    share = budget / len(calls)
    once = [seconds(call) for call in calls]
    once = [t if t > SLOW else min(t, seconds(call)) for t, call in zip(once, calls)]
    numbers = [max(1, int(turn / t)) for t in once]
    taken: list[list[float]] = [[] for _ in calls]
    spent = [0.0] * len(calls)
    while True:
        left = [i for i, times in enumerate(taken) if spent[i] < share or len(times) < least]
        if not left:
            return [statistics.median(times) for times in taken]
        for i in left:
            call, number = calls[i], numbers[i]
            if once[i] < SLOW:
                call()
            t = seconds(lambda call=call, number=number: [call() for _ in range(number)])
            taken[i].append(t / number)
            spent[i] += t


def builds(makes: Sequence[Callable[[], Any]], budget: float, times: int = 5) -> list[float]:
    """Give the median seconds from each function to the end of its first step."""
    taken: list[list[float]] = [[] for _ in makes]
    for _ in range(times):
        for make, found in zip(makes, taken):
            if sum(found) < budget or not found:
                gc.collect()  # what was made before, with its machine code
                found.append(seconds(lambda make=make: make().step()))
    return [statistics.median(found) for found in taken]


def measure_builds(outcome: Outcome, effort: Effort) -> None:
    """Time building, ours and by those of heyoka's modes that do not take seconds."""
    problem = outcome.problem
    quick = [lambda mode=mode: heyokas(problem, mode) for mode in problem.modes.values()]
    found = builds([lambda: ours(problem), *quick], effort.build)
    outcome.built = found[0]
    outcome.heyoka_built = dict(zip(problem.modes, found[1:]))
    gc.collect()
    outcome.better = seconds(lambda: better(problem))


def measure(outcome: Outcome, effort: Effort) -> dict[str, Run]:
    """Time running; give the runs, ours and by heyoka's modes and SciPy's methods."""
    problem, modes = outcome.problem, effort.modes(outcome.problem)
    keep: dict[str, Any] = {}  # what takes seconds to build

    def once(mode: str) -> Any:
        keep[mode] = heyokas(problem, modes[mode])
        return keep[mode]

    for mode in modes.keys() - problem.modes.keys():
        outcome.heyoka_built[mode] = seconds(lambda mode=mode: once(mode).step())
    if problem.only_built:
        agree(problem)
        return {}

    runs: dict[str, Run] = {"ours": our_run(settled(problem))}
    for mode in modes:
        runs[mode] = heyokas_run(keep.get(mode) or heyokas(problem, modes[mode]))
    loops = compiled(problem)
    for method in METHODS:
        runs[method] = scipys_run(method, loops, LOOSE)
    time_runs(outcome, runs, effort)
    return runs


def time_runs(outcome: Outcome, runs: dict[str, Run], effort: Effort) -> None:
    """Check that all come to the truth, then time them."""
    problem = outcome.problem
    (truth,) = truths(problem, [problem.start])
    points = {}
    for name, run in runs.items():
        state, steps = run(problem.start, problem.end)
        tol = LOOSE if name in METHODS else ROUNDING
        points[name] = Point(tol, error(state, truth), steps)
    allowed = 1e3 * max(points["ours"].error, ROUNDING)
    for name, point in points.items():
        if not point.error < (1e6 if name in METHODS else 1) * allowed:
            sys.exit(f"{problem.name}: {name} differs, by {point.error:.1e}")
    calls = [lambda run=run: run(problem.start, problem.end) for run in runs.values()]
    for point, time in zip(points.values(), in_turns(calls, effort.run)):
        point.time = time
    far = [name for name in runs if name not in METHODS]
    time_steps(problem, [(runs[name], points[name]) for name in far], effort.run / 3)
    outcome.ours = points.pop("ours")
    outcome.scipy = {method: points.pop(method) for method in METHODS}
    outcome.heyoka = points


def time_steps(problem: Problem, sides: Sequence[tuple[Run, Point]], budget: float) -> None:
    """Find the seconds of a step by a longer run, in which what a call costs counts less."""
    if not problem.far:
        for _, point in sides:
            point.step = point.time / point.steps
        return
    steps = [run(problem.start, problem.far)[1] for run, _ in sides]
    calls = [lambda run=run: run(problem.start, problem.far) for run, _ in sides]
    for (_, point), number, time in zip(sides, steps, in_turns(calls, budget)):
        point.step = time / number


def agree(problem: Problem) -> None:
    """Check that both come to the same state."""
    mode = next(iter(problem.modes.values()))
    runs = [our_run(ours(problem)), heyokas_run(heyokas(problem, mode))]
    a, b = (run(problem.start, problem.end)[0] for run in runs)
    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


def several_starts(problem: Problem, number: int) -> Array:
    """Give initial conditions about that of the problem: a percent off, at random."""
    rng = np.random.default_rng(0)
    return problem.start * (1 + 0.01 * rng.uniform(-1, 1, (number, problem.size)))
