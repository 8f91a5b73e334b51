"""Trajectories side by side, in lanes of machine code."""

from __future__ import annotations

import math
from threading import Event
from time import perf_counter
from typing import Any

import numpy as np

from taylorad.ode.engine import CHUNK
from taylorad.ode.ensembles.one_by_one import Stopped, finish
from taylorad.ode.ensembles.outcomes import Failure, Outcome
from taylorad.ode.ensembles.problem import Alone, Problem
from taylorad.ode.ensembles.starts import Chunk
from taylorad.ode.inputs import NOT_FINITE
from taylorad.ode.standstill import FAR, REJECTED, SHARE
from taylorad.ode.steps.interface import Exit
from taylorad.ode.steps.lanes.lanes import Lanes, Motions, Samples

__all__ = ["SideBySide"]

Array = np.ndarray[Any, Any]

WIDTH = 8
"""Lanes."""

LOOK = 0.1
"""Seconds between two looks at whether anybody still waits."""

FIRST = 64
"""So many steps tell how long a step takes."""


class SideBySide:
    """Solves chunks by lanes.

    A trajectory that gets stuck is integrated again from its beginning, alone: what is said of it
    is what `solve_ivp` says.

    Parameters
    ----------
    problem : Problem
    is_sampled : bool
        Whether solutions are wanted at times besides their ends.
    """

    together = WIDTH

    def __init__(self, problem: Problem, is_sampled: bool) -> None:
        self.problem, self.order = problem, problem.order
        self.lanes = Lanes(problem.system, problem.order, WIDTH, is_sampled=is_sampled)
        self.speed = 0.0  # seconds for a step of one trajectory, the last time

    def __call__(self, chunk: Chunk, stop: Event | None = None) -> Outcome:
        start = perf_counter()
        run = _Run(self, chunk, stop)
        run.go()
        run.outcome.seconds = perf_counter() - start
        return run.outcome


class _Run:
    """A chunk that is being solved."""

    def __init__(self, solver: SideBySide, chunk: Chunk, stop: Event | None) -> None:
        self.solver, self.chunk, self.stop = solver, chunk, stop
        self.outcome = Outcome.of(chunk)
        self.given = solver.problem.given(chunk)
        self.floors = solver.problem.floors(self.outcome.states)
        self.motions = Motions.begin(self.outcome.states, chunk.begin)
        self.samples: Samples | None = None
        if solver.lanes.is_sampled:
            self.samples = Samples.begin(chunk.times, self.motions)
            self.outcome.values = self.samples.values.swapaxes(1, 2)

    def go(self) -> None:
        chunk, outcome, motions = self.chunk, self.outcome, self.motions
        sound = np.isfinite(outcome.states).all(axis=1)
        started = np.flatnonzero(sound)
        rows = self._reach(started, chunk.end)
        outcome.times[rows], outcome.states[rows] = chunk.end[rows], motions.state[rows]
        outcome.steps[rows] = motions.steps[rows]
        outcome.values[~sound] = math.nan
        for i in np.flatnonzero(~sound).tolist():
            outcome.failures[i] = Failure(NOT_FINITE)
        stuck = np.setdiff1d(started, rows, assume_unique=True).tolist()
        if stuck:
            alone = Alone(self.solver.problem, chunk)
            for i in stuck:
                outcome.values[i] = math.nan
                finish(alone.engine(i), chunk, i, outcome, self.stop)

    def _reach(self, rows: Array, ends: Array) -> Array:
        """Take some trajectories to their ends; give those that arrive there."""
        arrived: list[Array] = []
        taken, before = 0, self.motions.time.copy()
        while rows.size:
            if self.stop is not None and self.stop.is_set():
                raise Stopped
            steps = min(self._pace(rows.size), CHUNK - taken)
            exits = self._propagate(rows, ends, steps)
            if not arrived and not exits.any():  # all are there
                return rows
            arrived.append(rows[exits == Exit.END])
            rows = rows[exits == Exit.STEPS]
            taken += steps
            if taken == CHUNK:
                rows = rows[~self._gets_nowhere(rows, before, ends)]
                taken, before = 0, self.motions.time.copy()
        return np.sort(np.concatenate([*arrived, rows]))

    def _pace(self, count: int) -> int:
        """Choose how many steps to take before looking up; what becomes of them is the same."""
        speed = self.solver.speed
        return max(int(LOOK / (speed * count)), 1) if speed else FIRST

    def _propagate(self, rows: Array, ends: Array, steps: int) -> Array:
        """Take steps of some trajectories."""
        solver, motions = self.solver, self.motions
        given, floors, samples = self.given, self.floors, self.samples
        some = len(rows) < len(motions)
        if some:
            motions = Motions(motions.state[rows], motions.lost[rows], motions.clock[rows])
            ends = ends[rows]
            given = given[rows] if given.ndim == 2 else given
            floors = floors[rows] if floors.ndim == 2 else floors
            samples = None if samples is None else samples[rows]
        before, start = int(motions.steps.sum()), perf_counter()
        exits = solver.lanes.propagate(
            *(motions, ends, solver.problem.exact(floors), given),
            steps=steps,
            samples=samples,
        )
        done = int(motions.steps.sum()) - before
        if done > FIRST:
            solver.speed = (perf_counter() - start) / done
        if some:
            for name in ("state", "lost", "clock"):
                getattr(self.motions, name)[rows] = getattr(motions, name)
            if samples is not None and self.samples is not None:
                self.samples.values[rows], self.samples.taken[rows] = samples.values, samples.taken
        return exits

    def _gets_nowhere(self, rows: Array, before: Array, ends: Array) -> Array:
        """Tell which trajectories may have come where an `Engine` gives up: they go alone."""
        now, rejected = self.motions.time[rows], self.motions.rejected[rows]
        back = (rejected > REJECTED) & (rejected > SHARE * self.motions.steps[rows])
        way, left = np.abs(now - before[rows]), np.abs(ends[rows] - now)
        return np.asarray(back | (FAR * way < CHUNK * left))
