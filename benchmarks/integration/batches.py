"""Many initial conditions at once, one to a lane, against heyoka's batches.

``python benchmarks/ode.py`` has this among all else. Alone, within a minute:
``PYTHONPATH=benchmarks python -m integration.batches [PART OF A NAME ...]``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

if __name__ == "__main__":
    os.environ["TAYLORAD_CACHE"] = ""  # nothing that an earlier run compiled

import heyoka as hy
import numpy as np
from harness import one_core

from integration.problems import Mode, Problem, problems
from integration.sides import ROUNDING, Array, equations, error, our_run, ours
from integration.timing import in_turns, several_starts
from taylorad.ode.steps.lanes.lanes import Lanes, Motions

LANES = (8, 16)

BatchRun = Callable[[Array, float], tuple[Array, int]]
"""Integrates from states, shape (lanes, n), to a time; gives them there and the steps of all."""


MOST = 1e-4
"""Nothing is further apart that solves the same problem, chaos included."""


@dataclass
class Batch:
    """What was measured of a problem in so many lanes."""

    problem: Problem
    lanes: int
    best: str  # the fastest of heyoka's modes
    ours: float  # seconds
    our_steps: int  # of all lanes together
    heyoka: float
    heyoka_steps: int
    apart: float  # how far ours are from one by one


def heyokas_batch(problem: Problem, mode: Mode, lanes: int) -> BatchRun:
    hy.llvm_state.clear_memcache()
    state = np.repeat(problem.start[:, None], lanes, axis=1)
    integrator = hy.taylor_adaptive_batch(equations(problem, mode), state, tol=ROUNDING, **mode)

    def run(starts: Array, end: float) -> tuple[Array, int]:
        integrator.set_time(0.0)
        integrator.state[:] = starts.T
        integrator.propagate_until(end)
        return integrator.state.T.copy(), sum(r[3] for r in integrator.propagate_res)

    return run


def our_batch(problem: Problem, lanes: int) -> BatchRun:
    engine = ours(problem)._engine
    code = Lanes(engine.flow.system, engine.flow.order, lanes)

    def run(starts: Array, end: float) -> tuple[Array, int]:
        motions = Motions.begin(starts)
        code.propagate(motions, end, engine.tolerance)
        return motions.state, int(np.sum(motions.steps))

    return run


def measure_batch(problem: Problem, lanes: int, budget: float) -> Batch:
    """Time ours and heyoka's, after checking that both give what single runs give."""
    starts = several_starts(problem, lanes)
    modes = {name: mode for name, mode in problem.modes.items() if "compact" not in name}
    runs = {"ours": our_batch(problem, lanes)}
    runs |= {name: heyokas_batch(problem, mode, lanes) for name, mode in modes.items()}
    alone = our_run(ours(problem))
    wanted = np.array([alone(start, problem.end)[0] for start in starts])
    apart, steps = {}, {}
    for name, run in runs.items():
        ends, steps[name] = run(starts, problem.end)
        apart[name] = error(ends, wanted)
        if not apart[name] < MOST:
            sys.exit(f"{problem.name}, {lanes} lanes: {name} differs, by {apart[name]:.1e}")
    calls = [lambda run=run: run(starts, problem.end) for run in runs.values()]
    times = dict(zip(runs, in_turns(calls, budget)))
    best = min(modes, key=lambda name: times[name])
    return Batch(
        *(problem, lanes, best, times["ours"], steps["ours"], times[best], steps[best]),
        apart["ours"],
    )


def main() -> None:
    from integration.tables import batches_table  # which has what is here

    one_core()
    hy.llvm_state.set_diskcache_enabled(False)
    chosen = [p for p in problems() if p.group == "small"]
    if parts := sys.argv[1:]:
        chosen = [p for p in chosen if any(part in p.name for part in parts)]
    print(batches_table(measure_batch(p, lanes, 1.5) for p in chosen for lanes in LANES))


if __name__ == "__main__":
    main()
