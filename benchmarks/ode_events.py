"""Events and dense output against heyoka and SciPy: ``python benchmarks/ode_events.py``.

In one process, on one core, taking turns; only ratios mean much. All sides must find the same
events. heyoka calls back for each event; with states the callback evaluates the step's polynomial,
and SciPy (DOP853, with a right-hand side compiled by numba, at a tolerance of 1e-12) does so too.
Half a minute; ``--write`` puts the table into the documentation. The peers:
``pip install -e ".[bench]"``.
"""

from __future__ import annotations

import os
import sys

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # one core for each
os.environ["TAYLORAD_CACHE"] = ""  # nothing that an earlier run compiled

import argparse
import platform
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from harness import ROOT, medians, microseconds, one_core, seconds, write_block
from scipy.integrate import solve_ivp

import taylorad as ta

try:
    import heyoka as hy
    import numba
except ImportError as missing:
    sys.exit(f"{missing}: pip install -e '.[bench]' (heyoka on Linux only)")

PAGE = ROOT / "docs/benchmarks.md"
LOOSE = 1e-12
"""The tolerance of SciPy's runs."""

# --- problems --------------------------------------------------------------------------------


def pendulum(t: Any, y: Any, sin: Any = np.sin) -> list[Any]:
    return [y[1], -sin(y[0])]


def kepler(t: Any, s: Any, sin: Any = None) -> list[Any]:
    x, y, u, v = s
    r = (x * x + y * y) ** -1.5
    return [u, v, -x * r, -y * r]


def henon_heiles(t: Any, s: Any, sin: Any = None) -> list[Any]:
    x, y, u, v = s
    return [u, v, -x - 2.0 * x * y, y * y - y - x * x]


def lorenz(t: Any, s: Any, sin: Any = None) -> list[Any]:
    x, y, z = s
    return [10.0 * (y - x), x * (28.0 - z) - y, x * y - 8.0 / 3.0 * z]


@dataclass(frozen=True)
class Problem:
    """A problem, and a function whose roots are wanted."""

    name: str
    function: Callable[..., list[Any]]
    start: tuple[float, ...]
    end: float
    event: Callable[[Any, Any], Any]


PROBLEMS = (
    Problem("pendulum, crossings", pendulum, (1.0, 0.0), 2000.0, lambda t, y: y[0]),
    Problem(
        "Kepler e = 0.5, apsides",
        kepler,
        (0.5, 0.0, 0.0, 3**0.5),
        1000.0,
        lambda t, s: s[0] * s[2] + s[1] * s[3],
    ),
    Problem(
        "Henon and Heiles, section", henon_heiles, (0.0, 0.1, 0.35, 0.2), 1000.0, lambda t, s: s[0]
    ),
    Problem("Lorenz, section", lorenz, (1.0, 1.0, 1.0), 30.0, lambda t, s: s[2] - 27.0),
)

# --- sides -----------------------------------------------------------------------------------

Run = Callable[[], Any]


class Ours:
    """Our integrator, run again and again."""

    def __init__(self, problem: Problem, terminal: bool = False, watched: bool = True) -> None:
        def event(t: Any, y: Any) -> Any:
            return problem.event(t, y)

        event.terminal = terminal  # type: ignore[attr-defined]
        self.problem = problem
        self.integrator = ta.ode.Integrator(
            lambda t, y: problem.function(t, y),
            0.0,
            list(problem.start),
            events=event if watched else None,
        )

    def again(self) -> ta.ode.Integrator:
        integrator = self.integrator
        for found in (*integrator.t_events, *integrator.y_events):
            found.clear()
        integrator.time, integrator.state = 0.0, self.problem.start
        return integrator

    def all(self) -> Any:
        integrator = self.again()
        integrator.propagate_until(self.problem.end)
        return integrator.t_events[0]

    def stops(self) -> Any:
        integrator = self.again()
        while integrator.propagate_until(self.problem.end).outcome == "event":
            pass
        return integrator.t_events[0]


class Heyokas:
    """The peer's."""

    def __init__(self, problem: Problem, kind: str = "") -> None:
        self.problem = problem
        self.times, self.states = times, states = [], []

        # heyoka copies what it is given, but not what functions refer to.
        def note(integrator: Any, time: float, direction: int) -> None:
            times.append(time)

        def note_state(integrator: Any, time: float, direction: int) -> None:
            integrator.update_d_output(time)
            times.append(time)
            states.append(integrator.d_output.copy())

        names = [f"y{i}" for i in range(len(problem.start))]
        y = hy.make_vars(*names)
        rates = problem.function(hy.time, y, hy.sin)
        event, options = problem.event(hy.time, y), {}
        if kind == "stops":
            options["t_events"] = [hy.t_event(event)]
        elif kind:
            callback = note if kind == "times" else note_state
            options["nt_events"] = [hy.nt_event(event, callback=callback)]
        pairs = list(zip(y, rates, strict=True))
        self.integrator = hy.taylor_adaptive(pairs, list(problem.start), **options)

    def again(self) -> Any:
        self.times.clear()
        self.states.clear()
        integrator = self.integrator
        integrator.time = 0.0
        integrator.state[:] = self.problem.start
        if integrator.with_events:
            integrator.reset_cooldowns()
        return integrator

    def all(self) -> Any:
        self.again().propagate_until(self.problem.end)
        return self.times

    def stops(self) -> Any:
        integrator = self.again()
        while integrator.propagate_until(self.problem.end)[0] != hy.taylor_outcome.time_limit:
            self.times.append(integrator.time)
        return self.times


def scipys(problem: Problem) -> Run:
    loops = numba.njit(problem.function)
    rates = numba.njit(lambda t, y: np.array(loops(t, y, np.sin)))
    event = problem.event

    def run() -> Any:
        start = list(problem.start)
        found = solve_ivp(
            rates, (0.0, problem.end), start, "DOP853", events=event, rtol=LOOSE, atol=LOOSE
        )
        return found.t_events[0]

    return run


# --- measuring -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """A line of the table."""

    problem: str
    what: str
    ours: float
    heyoka: float
    scipy: float | None = None


def agree(ours: Any, theirs: Any, name: str, tolerance: float) -> None:
    # A chaotic orbit is the same for a while only; an event at the start does not count with us.
    theirs = [t for t in theirs if t > 1e-9]
    few = min(len(ours), len(theirs), 20)
    if abs(len(ours) - len(theirs)) > 1 or not np.allclose(
        ours[:few], theirs[:few], rtol=tolerance
    ):
        sys.exit(f"{name}: {len(ours)} events, not {len(theirs)}: {ours[:3]}, {theirs[:3]}")


def events(problem: Problem, budget: float) -> Iterable[Line]:
    ours, stops = Ours(problem), Ours(problem, terminal=True)
    times, states, halts = (Heyokas(problem, kind) for kind in ("times", "states", "stops"))
    scipy_run = scipys(problem)
    for other in (stops.stops, times.all, states.all, halts.stops):
        agree(ours.all(), other(), problem.name, 1e-9)
    agree(ours.all(), scipy_run(), problem.name, 1e-5)
    slow = min(seconds(scipy_run) for _ in range(3))
    us, them = medians([ours.all, times.all], budget)
    yield Line(problem.name, "times (ours: and states)", us, them, slow)
    us, them = medians([ours.all, states.all], budget)
    yield Line(problem.name, "times and states", us, them, slow)
    us, them = medians([stops.stops, halts.stops], budget)
    yield Line(problem.name, "stopping at each", us, them)


def dense(problem: Problem, budget: float) -> Iterable[Line]:
    ours, theirs = Ours(problem, watched=False), Heyokas(problem)
    grid = np.linspace(0.0, problem.end, int(10 * problem.end) + 1)

    def our_grid() -> Any:
        return ours.again().propagate_grid(grid)

    def their_grid() -> Any:
        return theirs.again().propagate_grid(grid)[-1]

    def our_output() -> Any:
        return ours.again().propagate_until(problem.end, dense_output=True).sol

    def their_output() -> Any:
        return theirs.again().propagate_until(problem.end, c_output=True)[4]

    if not np.allclose(our_grid().T[:100], their_grid()[:100], rtol=1e-9, atol=1e-11):
        sys.exit(f"{problem.name}: the states differ")
    sol, output = our_output(), their_output()
    for what, calls in (
        (f"grid of {len(grid)}", (our_grid, their_grid)),
        ("dense output", (our_output, their_output)),
        (f"its values at {len(grid)}", (lambda: sol(grid), lambda: output(grid))),
    ):
        yield Line(problem.name.split(",")[0], what, *medians(calls, budget))


def table(lines: Iterable[Line]) -> str:
    head = ["problem", "what", "taylorad", "heyoka", "ratio", "SciPy"]
    rows = [f"| {' | '.join(head)} |", "| --- | --- |" + " ---: |" * 4]
    for line in lines:
        slow = "" if line.scipy is None else microseconds(line.scipy)
        cells = (line.problem, line.what, microseconds(line.ours), microseconds(line.heyoka))
        rows.append(f"| {' | '.join(cells)} | **{line.ours / line.heyoka:.2f}** | {slow} |")
        print(rows[-1], flush=True)
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help=f"into {PAGE.relative_to(ROOT)}")
    parser.add_argument("--budget", type=float, default=1.0, help="seconds for each line")
    options = parser.parse_args()
    one_core()
    lines = [x for p in PROBLEMS for x in events(p, options.budget)]
    lines += [x for p in PROBLEMS[:2] for x in dense(p, options.budget)]
    versions = f"heyoka {hy.__version__}, SciPy {scipy.__version__}, numba {numba.__version__}"
    text = f"Microseconds a run; {platform.machine()}, {versions}.\n\n{table(lines)}"
    if options.write:
        write_block(PAGE, "ode-events", text)


if __name__ == "__main__":
    main()
