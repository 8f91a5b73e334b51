"""Taylor integration against heyoka and SciPy: ``python benchmarks/ode.py [GROUP ...]``.

Each problem is integrated by ``taylorad.ode.Integrator``, by heyoka in its modes, and by SciPy's
DOP853 and LSODA with right-hand sides that numba compiled, in one process, on one core, taking
turns. The errors are those at the end of the run, against a closed form or against heyoka in 80 or
113 bits. All must agree before they are timed. Without a group everything is measured, in about
four minutes; ``--list`` names the problems. The peers: ``pip install -e ".[bench]"``.
"""

from __future__ import annotations

import os
import sys

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # one core for each
if "--preparations" not in sys.argv:
    os.environ["TAYLORAD_CACHE"] = ""  # nothing that an earlier run compiled

import argparse
import gc
import json
import math
import platform
import statistics
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import scipy
from harness import (
    ROOT,
    microseconds,
    one_core,
    second_process,
    seconds,
    write_block,
)
from ode_problems import Mode, Problem, problems
from scipy.integrate import solve_ivp

import taylorad as ta

try:
    import heyoka as hy
    import numba
except ImportError as missing:
    sys.exit(f"{missing}: pip install -e '.[bench]' (heyoka on Linux only)")

Array = Any
Run = Callable[[Array, float], tuple[Array, int]]
"""Integrates from a state to a time; gives the state there, and the number of steps."""

ROUNDING = 2.0**-52
TOLERANCES = (1e-3, 1e-5, 1e-7, 1e-9, 1e-11, 1e-13, 1e-15, 1e-16)
LOOSE = 1e-12
"""The tolerance of SciPy's runs, whose rounding allows no less."""

METHODS = ("DOP853", "LSODA")

SLOW = 0.05
"""A call of so many seconds needs no warming up."""

STARTS = 16
"""So many initial conditions has the energy's mean."""

# --- the sides -------------------------------------------------------------------------------


def ours(problem: Problem, tol: float = ROUNDING) -> ta.ode.Integrator:
    return ta.ode.Integrator(problem.function, 0.0, problem.start, tol=max(tol, ROUNDING))


def our_run(integrator: ta.ode.Integrator) -> Run:
    def run(start: Array, end: float) -> tuple[Array, int]:
        integrator.time, integrator.state = 0.0, start
        steps = integrator.propagate_until(end).steps
        return integrator.state, steps

    return run


def heyokas(problem: Problem, mode: Mode, tol: float = ROUNDING, real: Any = float) -> Any:
    """Make heyoka's integrator of the same function, nothing of it compiled before."""
    hy.llvm_state.clear_memcache()
    options = {k: v for k, v in mode.items() if k != "model"}
    options |= {"tol": tol} if real is float else {"fp_type": real}
    start = [real(x) for x in problem.start]
    if mode.get("model"):
        return hy.taylor_adaptive(model(problem.masses), start, **options)
    state = np.array([hy.expression(f"y{i}") for i in range(problem.size)], dtype=object)
    rates = problem.function(hy.time, state, EXPRESSIONS)
    pairs = [(y, hy.expression(rate)) for y, rate in zip(state, rates)]
    return hy.taylor_adaptive(pairs, start, **options)


def model(masses: Array) -> list[tuple[Any, Any]]:
    """Give heyoka's own equations of gravity, in our order: all places, then all speeds."""
    n = len(masses)
    pairs = {str(y): (y, rate) for y, rate in hy.model.nbody(n, masses=masses, Gconst=1.0)}
    names = [f"{v}{x}_{i}" for v in ("", "v") for i in range(n) for x in "xyz"]
    return [pairs[name] for name in names]


def _sin(x: Any) -> Any:
    return np.frompyfunc(hy.sin, 1, 1)(x) if isinstance(x, np.ndarray) else hy.sin(x)


EXPRESSIONS = SimpleNamespace(sin=_sin, concatenate=np.concatenate, dot=np.dot)
"""What of NumPy's namespace the right-hand sides need, for arrays of heyoka's expressions."""


def heyokas_run(integrator: Any) -> Run:
    def run(start: Array, end: float) -> tuple[Array, int]:
        integrator.time = 0.0
        integrator.state[:] = start
        steps = integrator.propagate_until(end)[3]
        return integrator.state.copy(), steps

    return run


def scipys_run(method: str, loops: Callable[..., Any], tol: float) -> Run:
    def run(start: Array, end: float) -> tuple[Array, int]:
        solution = solve_ivp(loops, (0.0, end), start, method, rtol=tol, atol=tol)
        return solution.y[:, -1], solution.t.size - 1

    return run


def reference(problem: Problem) -> Array:
    """Give the state at the end to more digits than a double has."""
    real = hy.real128 if problem.group == "small" else np.longdouble
    integrator = heyokas(problem, {"compact_mode": True}, real=real)
    integrator.propagate_until(real(problem.end))
    state = np.array([np.longdouble(str(x)) for x in integrator.state])
    if problem.exact is None:
        return state
    exact = problem.exact(problem.end)
    if error(state, exact) > 1e-17:
        sys.exit(f"{problem.name}: the reference is not the closed form")
    return exact


def error(state: Array, truth: Array) -> float:
    """Give the largest error of a component, in terms of the largest component."""
    return float(np.max(np.abs(state - truth)) / np.max(np.abs(truth)))


# --- measuring -------------------------------------------------------------------------------


def in_turns(
    calls: Sequence[Callable[[], Any]], budget: float, least: int = 2, turn: float = 1e-3
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
    matched: dict[str, Point] = field(default_factory=dict)  # ours, no less exact than SciPy's
    built: float = math.nan
    again: float = math.nan  # in a second process
    heyoka_built: dict[str, float] = field(default_factory=dict)
    energies: dict[str, list[float]] = field(default_factory=dict)
    curve: list[Point] = field(default_factory=list)
    heyoka_curve: list[Point] = field(default_factory=list)
    curve_mode: str = ""

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


def measure(problem: Problem, effort: Effort) -> Outcome:
    outcome = Outcome(problem)
    slow = {} if effort.quick else problem.slow
    modes = problem.modes | slow
    keep: dict[str, Any] = {}

    def once(mode: str) -> Any:
        keep[mode] = heyokas(problem, modes[mode])
        return keep[mode]

    quick = [lambda mode=mode: heyokas(problem, mode) for mode in problem.modes.values()]
    found = builds([lambda: ours(problem), *quick], effort.build)
    outcome.built = found[0]
    outcome.heyoka_built = dict(zip(problem.modes, found[1:]))
    for mode in slow:
        outcome.heyoka_built[mode] = seconds(lambda mode=mode: once(mode).step())
    if problem.only_built:
        agree(problem)
        return outcome

    loops = numba.njit(problem.loops)
    check_rates(problem, loops)
    truth = reference(problem)
    runs: dict[str, Run] = {"ours": our_run(ours(problem))}
    for mode in modes:
        runs[mode] = heyokas_run(keep.get(mode) or heyokas(problem, modes[mode]))
    for method in METHODS:
        runs[method] = scipys_run(method, loops, LOOSE)
    points = dict(zip(runs, timed(problem, list(runs.values()), truth, effort.run)))
    allowed = 1e3 * max(points["ours"].error, ROUNDING)
    for name, point in points.items():
        if not point.error < (1e6 if name in METHODS else 1) * allowed:
            sys.exit(f"{problem.name}: {name} differs, by {point.error:.1e}")
        point.tol = LOOSE if name in METHODS else ROUNDING
    far = [name for name in runs if name not in METHODS]
    time_steps(problem, [(runs[name], points[name]) for name in far], effort.run / 3)
    outcome.ours = points.pop("ours")
    outcome.scipy = {method: points.pop(method) for method in METHODS}
    outcome.heyoka = points
    compare_curves(outcome, truth, effort)
    if problem.long:
        best = heyokas_run(keep.get(outcome.best) or heyokas(problem, modes[outcome.best]))
        outcome.energies = {
            "ours": energies(problem, runs["ours"]),
            "heyoka": energies(problem, best),
        }
    return outcome


def timed(problem: Problem, runs: Sequence[Run], truth: Array, budget: float) -> list[Point]:
    """Run once for the errors, then for the times."""
    points = []
    for run in runs:
        state, steps = run(problem.start, problem.end)
        points.append(Point(math.nan, error(state, truth), steps))
    calls = [lambda run=run: run(problem.start, problem.end) for run in runs]
    for point, time in zip(points, in_turns(calls, budget)):
        point.time = time
    return points


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


def compare_curves(outcome: Outcome, truth: Array, effort: Effort) -> None:
    """Find time and error by tolerance, ours and heyoka's, and ours that is as exact as SciPy's."""
    problem = outcome.problem
    mode = min(problem.modes, key=lambda mode: outcome.heyoka[mode].time)
    outcome.curve_mode = mode
    tolerances = TOLERANCES[::2] if effort.quick else TOLERANCES
    for tol in tolerances:
        mine = our_run(ours(problem, tol))
        theirs = heyokas_run(heyokas(problem, problem.modes[mode], tol))
        a, b = timed(problem, [mine, theirs], truth, effort.curve)
        a.tol = b.tol = tol
        outcome.curve.append(a)
        outcome.heyoka_curve.append(b)
    for method, point in outcome.scipy.items():
        enough = [p for p in outcome.curve if p.error <= point.error]
        outcome.matched[method] = min([*enough, outcome.ours], key=lambda p: p.time)


def time_at(curve: Sequence[Point], error: float) -> float:
    """Give the least time of a curve's points for an error, between two of them by powers."""
    found = [p.time for p in curve if p.error <= error]
    for a, b in pairwise(curve):
        if b.error < error < a.error:
            share = math.log(a.error / error) / math.log(a.error / b.error)
            found.append(a.time ** (1 - share) * b.time**share)
    return min(found, default=math.nan)


def energies(problem: Problem, run: Run) -> list[float]:
    """Give the relative error of the energy after the long run, from several initial conditions."""
    assert problem.energy is not None
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(STARTS):
        start = problem.start * (1 + 0.01 * rng.uniform(-1, 1, problem.size))
        state, _ = run(start, problem.long)
        before, after = (problem.energy(y.astype(np.longdouble)) for y in (start, state))
        errors.append(float((after - before) / before))
    return errors


def check_rates(problem: Problem, loops: Callable[..., Any]) -> None:
    """Check that numba's function is the function; this compiles it, too."""
    rates = np.asarray(problem.function(0.0, problem.start))
    np.testing.assert_allclose(loops(0.0, problem.start), rates, rtol=1e-12, atol=1e-14)


def agree(problem: Problem) -> None:
    """Check that both come to the same state."""
    mode = next(iter(problem.modes.values()))
    runs = [our_run(ours(problem)), heyokas_run(heyokas(problem, mode))]
    a, b = (run(problem.start, problem.end)[0] for run in runs)
    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


# --- a second process ------------------------------------------------------------------------


def preparations(chosen: Iterable[Problem]) -> None:
    """Print the seconds to the first step of each problem: what ``second_process`` runs."""
    warm_up()
    made = {p.name: seconds(lambda p=p: ours(p).step()) for p in chosen}
    print(json.dumps(made))


def warm_up() -> None:
    """Start both compilers: that is no problem's time."""
    ta.ode.Integrator(lambda t, y: -y, 0.0, [1.0]).step()
    x = hy.expression("x")
    hy.taylor_adaptive([(x, -x)], [1.0]).step()


# --- tables ----------------------------------------------------------------------------------


def milliseconds(t: float) -> str:
    return "–" if math.isnan(t) else f"{1e3 * t:.2g}" if t < 0.0095 else f"{1e3 * t:.0f}"


def nanoseconds(t: float) -> str:
    return microseconds(1e3 * t)


def target(value: float, most: float) -> str:
    return f"**{value:.2g}** (≤ {most:g})"


def runs_table(outcomes: Iterable[Outcome]) -> str:
    lines = [
        "| problem (equations) | heyoka, best mode | ours / heyoka | ours, µs | heyoka, µs "
        "| steps: ours | heyoka | ns per step: ours | heyoka | ratio | error: ours | heyoka |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for o in outcomes:
        if o.ours is None:
            continue
        a, b = o.ours, o.heyoka[o.best]
        lines.append(
            f"| {o.problem.name} ({o.problem.size}) | {o.best} "
            f"| {target(a.time / b.time, o.problem.most)} "
            f"| {microseconds(a.time)} | {microseconds(b.time)} | {a.steps} | {b.steps} "
            f"| {nanoseconds(a.step)} | {nanoseconds(b.step)} | **{a.step / b.step:.2g}** "
            f"| {a.error:.1e} | {b.error:.1e} |"
        )
    return "\n".join(lines)


def modes_table(outcomes: Iterable[Outcome]) -> str:
    lines = [
        "| problem | peer | ours / peer | peer, µs | steps | error | ours there, µs | its error |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for o in outcomes:
        for peer, b in (o.heyoka | o.scipy).items():
            a = o.matched.get(peer, o.ours)
            assert a is not None
            name = peer if peer in o.scipy else f"heyoka, {peer}"
            lines.append(
                f"| {o.problem.name} | {name} | **{a.time / b.time:.2g}** "
                f"| {microseconds(b.time)} | {b.steps} | {b.error:.1e} "
                f"| {microseconds(a.time)} | {a.error:.1e} |"
            )
    return "\n".join(lines)


def builds_table(outcomes: Iterable[Outcome]) -> str:
    lines = [
        "| problem (equations) | ours, ms | in a second process | heyoka, ms, by modes "
        "| ours / heyoka's best mode | ours / its quickest to build |",
        "|---|---|---|---|---|---|",
    ]
    for o in outcomes:
        built = o.heyoka_built
        modes = ", ".join(f"{mode} {milliseconds(t)}" for mode, t in built.items())
        best = built[o.best] if o.heyoka else min(built.values())
        lines.append(
            f"| {o.problem.name} ({o.problem.size}) | {milliseconds(o.built)} "
            f"| {milliseconds(o.again)} | {modes} | {target(o.built / best, 0.5)} "
            f"| **{o.built / min(built.values()):.2g}** |"
        )
    return "\n".join(lines)


def energies_table(outcomes: Iterable[Outcome]) -> str:
    lines = [
        "| long run | rms error of the energy: ours | heyoka | ratio | mean / its deviation: ours "
        "| heyoka |",
        "|---|---|---|---|---|---|",
    ]
    for o in outcomes:
        if o.energies:
            (rms, bias), (rms2, bias2) = (spread(o.energies[k]) for k in ("ours", "heyoka"))
            lines.append(
                f"| {o.problem.name.split(',')[0]}, to t = {o.problem.long:.6g} "
                f"| {rms:.2e} | {rms2:.2e} | **{rms / rms2:.2g}** | {bias:+.1f} | {bias2:+.1f} |"
            )
    return "\n".join(lines)


def spread(errors: Sequence[float]) -> tuple[float, float]:
    """Give the root of the mean square, and the mean by its standard deviation: 3 is a bias."""
    deviation = statistics.stdev(errors) / math.sqrt(len(errors))
    return math.sqrt(statistics.fmean(e * e for e in errors)), statistics.fmean(errors) / deviation


def precision_table(outcomes: Iterable[Outcome]) -> str:
    lines = [
        "| problem | heyoka | tol | error: ours | heyoka | µs: ours | heyoka "
        "| ours / heyoka, same tol | same error |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for o in outcomes:
        for a, b in zip(o.curve, o.heyoka_curve):
            same = time_at(o.curve, b.error) / b.time
            lines.append(
                f"| {o.problem.name} | {o.curve_mode} | {a.tol:.0e} "
                f"| {a.error:.1e} | {b.error:.1e} "
                f"| {microseconds(a.time)} | {microseconds(b.time)} | **{a.time / b.time:.2g}** "
                f"| {'–' if math.isnan(same) else f'**{same:.2g}**'} |"
            )
    return "\n".join(lines)


def tables(outcomes: Sequence[Outcome]) -> str:
    parts = (
        ("**Whole runs at the smallest tolerance**", runs_table),
        ("**From a plain function to the first step**", builds_table),
        ("**Energy over long runs**, 16 initial conditions each", energies_table),
        ("**Every peer**; SciPy's at a tolerance of 1e-12", modes_table),
        ("**Work and precision**", precision_table),
    )
    return "\n\n".join(f"{title}\n\n{make(outcomes)}" for title, make in parts)


def as_json(outcomes: Iterable[Outcome], versions: str) -> str:
    rows = []
    for o in outcomes:
        row = {k: v for k, v in asdict(o).items() if k != "problem"}
        rows.append({"problem": o.problem.name, "group": o.problem.group, **row})
    return json.dumps({"versions": versions, "problems": rows}, indent=1, ensure_ascii=False)


# --- the command -----------------------------------------------------------------------------


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="*", help="groups, or parts of problems' names")
    parser.add_argument("--list", action="store_true", help="name the problems and stop")
    parser.add_argument("--quick", action="store_true", help="less of each: noisier, faster")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md too")
    parser.add_argument("--json", type=Path, help="write every number to this file")
    parser.add_argument("--preparations", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    options = parse()
    warnings.simplefilter("ignore")
    chosen = [
        p
        for p in problems()
        if not options.groups or any(g == p.group or g in p.name for g in options.groups)
        if not (options.quick and p.only_built)
    ]
    if options.list:
        print("\n".join(f"{p.group:6} {p.size:5} {p.name}" for p in chosen))
        return
    one_core()
    hy.llvm_state.set_diskcache_enabled(False)
    if options.preparations:
        preparations(chosen)
        return
    warm_up()
    effort = Effort(0.5, 0.5, 0.1, True) if options.quick else Effort(3.0, 1.5, 0.3, False)
    outcomes = []
    for problem in chosen:
        outcomes.append(measure(problem, effort))
        report(outcomes[-1])
    again = second_process(Path(__file__), [*options.groups, *["--quick"] * options.quick])
    for o in outcomes:
        o.again = again.get(o.problem.name, math.nan)
    versions = (
        f"Python {platform.python_version()}, heyoka {hy.__version__}, SciPy {scipy.__version__}, "
        f"numba {numba.__version__}, NumPy {np.__version__}."
    )
    text = f"{tables(outcomes)}\n\n{versions}"
    print(text)
    if options.json:
        options.json.write_text(as_json(outcomes, versions), encoding="utf-8")
    if options.write:
        done = write_block(ROOT / "docs/benchmarks.md", "ode", text)
        print(f"docs/benchmarks.md: {'written' if done else 'has no markers'}", file=sys.stderr)


def report(outcome: Outcome) -> None:
    """Say at once what came out."""
    print(outcome.problem.name, file=sys.stderr)
    print(f"    built in {milliseconds(outcome.built)} ms", end="", file=sys.stderr)
    for mode, t in outcome.heyoka_built.items():
        print(f", {mode} {milliseconds(t)}", end="", file=sys.stderr)
    print(file=sys.stderr)
    sides = {"taylorad": outcome.ours} | outcome.heyoka | outcome.scipy
    for name, point in sides.items():
        if point is not None:
            print(
                f"    {name:26} {microseconds(point.time):>9} µs, {point.steps:6} steps, "
                f"error {point.error:.1e}",
                file=sys.stderr,
            )


if __name__ == "__main__":
    main()
