"""Taylor integration against heyoka and SciPy: ``python benchmarks/ode.py [GROUP ...]``.

Each problem is integrated by ``taylorad.ode.Integrator``, by heyoka in its modes, and by SciPy's
DOP853 and LSODA with right-hand sides that numba compiled, in one process, on one core, taking
turns. The errors are those at the end of the run, against a closed form or against heyoka in 80 or
113 bits. All must agree before they are timed. Without a group everything is measured, in about ten
minutes; ``--list`` names the problems, ``--write`` puts tables and figure into the documentation.
The peers: ``pip install -e ".[bench]"``.
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
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import scipy
from harness import ROOT, microseconds, one_core, second_process, seconds, write_block

try:
    import heyoka as hy
    import numba
except ImportError as missing:
    sys.exit(f"{missing}: pip install -e '.[bench]' (heyoka on Linux only)")

from integration import tables
from integration.batches import LANES, Batch, measure_batch
from integration.curves import measure_curves
from integration.energies import energies
from integration.memory import Growth, growths
from integration.problems import Problem, problems
from integration.sides import heyokas, heyokas_run, ours, warm_up
from integration.timing import Effort, Outcome, measure, measure_builds

PAGE, FIGURE = ROOT / "docs/benchmarks.md", "figures/work_precision.png"


def measure_all(outcome: Outcome, effort: Effort) -> None:
    """Measure everything of a problem but how long it takes to build."""
    problem = outcome.problem
    runs = measure(outcome, effort)
    if runs:
        measure_curves(outcome, effort)
    if problem.long:
        mode = effort.modes(problem)[outcome.best]
        best = heyokas_run(heyokas(problem, mode))
        outcome.energies = {
            "ours": energies(problem, runs["ours"]),
            "heyoka": energies(problem, best),
        }


def preparations(chosen: Iterable[Problem]) -> None:
    """Print the seconds to the first step of each problem: what ``second_process`` runs."""
    warm_up()
    made = {}
    for problem in chosen:
        gc.collect()  # as before other builds; of all that the peers have loaded it takes a while
        made[problem.name] = seconds(lambda problem=problem: ours(problem).step())
    print(json.dumps(made))


def text_of(outcomes: Sequence[Outcome], batches: Sequence[Batch], memory: Sequence[Growth]) -> str:
    parts = [
        ("**Whole runs at the smallest tolerance**", tables.runs_table(outcomes)),
        ("**Many initial conditions at once**", tables.batches_table(batches)),
        ("**From a plain function to the first step**", tables.builds_table(outcomes)),
        (
            "**Energy over long runs**, from 16 initial conditions, at 16 times along each run",
            tables.energies_table(outcomes),
        ),
        ("**Memory over long runs**", tables.memory_table(memory)),
        (
            "**Work and precision**: time against error, from a tolerance of 1e-3 to rounding",
            f"![Time against error, a panel for each problem]({FIGURE})",
        ),
        ("", tables.summary(outcomes)),
        ("", tables.precision_table(outcomes)),
        ("**Every peer**; SciPy's at a tolerance of 1e-12", tables.modes_table(outcomes)),
        (
            "",
            f"Python {platform.python_version()}, heyoka {hy.__version__}, SciPy "
            f"{scipy.__version__}, numba {numba.__version__}, NumPy {np.__version__}.",
        ),
    ]
    return "\n\n".join(part for title, body in parts if body for part in (title, body) if part)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="*", help="groups, or parts of problems' names")
    parser.add_argument("--list", action="store_true", help="name the problems and stop")
    parser.add_argument("--quick", action="store_true", help="less of each: noisier, faster")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md too")
    parser.add_argument("--json", type=Path, help="write every number to this file")
    parser.add_argument("--figure", type=Path, help="draw time against error into this file")
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
    pictures = [options.figure] * bool(options.figure) + [PAGE.parent / FIGURE] * options.write
    if pictures:
        from integration.figure import draw  # and matplotlib
    warm_up()
    memory = list(growths(options.quick))  # first, while the process is small
    effort = Effort(0.5, 0.5, 0.2, True) if options.quick else Effort(3.0, 1.5, 0.6, False)
    outcomes, batches = [Outcome(problem) for problem in chosen], []
    for outcome in outcomes:  # then these, for what a process holds slows the rest
        measure_builds(outcome, effort)
    for outcome in outcomes:
        problem = outcome.problem
        measure_all(outcome, effort)
        report(outcome)
        if problem.group == "small":
            batches += [measure_batch(problem, lanes, effort.run / 2) for lanes in LANES]
    again = second_process(Path(__file__), [*options.groups, *["--quick"] * options.quick])
    for o in outcomes:
        o.again = again.get(o.problem.name, math.nan)
    text = text_of(outcomes, batches, memory)
    print(text)
    if options.json:
        options.json.write_text(tables.as_json(outcomes, batches, memory), encoding="utf-8")
    if options.write:
        write_block(ROOT / "README.md", "ode", tables.runs_table(outcomes))
        done = write_block(PAGE, "ode", text)
        print(f"{PAGE.name}: {'written' if done else 'has no markers'}", file=sys.stderr)
    for path in pictures:
        draw(outcomes, path)


def report(outcome: Outcome) -> None:
    """Say at once what came out."""
    built = {"taylorad": outcome.built} | outcome.heyoka_built
    times = ", ".join(f"{name} {tables.milliseconds(t)}" for name, t in built.items())
    print(f"{outcome.problem.name}\n    built in ms: {times}", file=sys.stderr)
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
