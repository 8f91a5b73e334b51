"""Compiled derivatives against every peer: ``python benchmarks/compile.py [GROUP ...]``.

Each problem is solved by ``taylorad.compile`` and by every peer that is installed, in one process,
on one core, taking turns; NumPy arrays go in and come out. All must give the same numbers before
they are timed. Without a group all problems are measured, in about ten minutes; ``--list`` names
them. The peers: ``pip install -e ".[bench]"``.
"""

from __future__ import annotations

import os
import sys

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # one core for each
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # XLA's: it compiles slowly, and says so at length
if "--preparations" not in sys.argv:
    os.environ["TAYLORAD_CACHE"] = ""  # nothing that an earlier run compiled

import argparse
import json
import math
import platform
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from harness import (
    ROOT,
    Measured,
    Side,
    compare,
    microseconds,
    one_core,
    prepare,
    second_process,
    write_block,
)
from peers import PEERS, load
from problems import Problem, problems

import taylorad as ta

# --- ours ------------------------------------------------------------------------------------


def ours(problem: Problem) -> Side:
    f, args, order = problem.function, problem.args, problem.order
    if problem.kind == "eager series":
        eager = lambda x: ta.taylor(f, x, order).coefficients
        return Side("taylorad", lambda: eager, args, prepared=False)
    if problem.group == "multivariate":
        build = lambda: operation(problem.kind, *ta.multivariate_taylor(f, *args, order))
        return Side("taylorad", build, (), read=lambda y: y.coefficients, prepared=False)
    compiled = {
        "gradient": lambda: ta.grad(f),
        "hvp": lambda: ta.hvp(f),
        "hessian": lambda: ta.hessian(f),
        "value_and_grad": lambda: ta.value_and_grad(f),
        "diagonal": lambda: ta.hessian_diagonal(f),
        "tensor": lambda: ta.derivative_tensor(f, order),
        "series": lambda: lambda x: ta.taylor(f, x, order).coefficients,
    }[problem.kind]
    return Side("taylorad", lambda: ta.compile(compiled()), args)


def operation(kind: str, u: Any, v: Any) -> Callable[[], Any]:
    return {"product": lambda: u * v, "exp": lambda: np.exp(u), "quotient": lambda: u / v}[kind]


def warm_up() -> None:
    """Start the compiler, as the peers' are started: that is no problem's time."""
    if hasattr(ta, "compile"):
        ta.compile(lambda x: x + 1.0)(np.ones(3))


def preparations(chosen: Iterable[Problem]) -> None:
    """Print the seconds of preparation of each problem, as JSON: what ``second_process`` runs."""
    one_core()
    warm_up()
    made = {p.name: prepare(ours(p))[0].preparation for p in chosen}
    print(json.dumps({name: t for name, t in made.items() if not math.isnan(t)}))


# --- measuring -------------------------------------------------------------------------------


@dataclass
class Outcome:
    """What was measured of a problem. The best peer is the fastest that does the same as we do."""

    problem: Problem
    ours: Measured
    peers: list[Measured]
    again: float = math.nan  # seconds of preparation in a second process
    best: Measured | None = field(init=False)
    jax: float = field(init=False)  # seconds of preparation

    def __post_init__(self) -> None:
        by_jax = (m.preparation for m in self.peers if m.side.name in ("JAX", "JAX jet"))
        self.jax = next(by_jax, math.nan)
        same = [m for m in self.peers if not m.failure and not m.side.note]
        self.best = min(same, key=lambda m: m.median, default=None)


def run(problem: Problem, modules: list[Any], budget: float, peers_only: bool) -> Outcome:
    sides = [side for module in modules for side in module.sides(problem)]
    if peers_only:
        absent = Measured(ours(problem), failure="not measured")
        return Outcome(problem, absent, compare(sides, budget))
    *peers, mine = compare([*sides, ours(problem)], budget)
    return Outcome(problem, mine, peers)


# --- tables ----------------------------------------------------------------------------------


def milliseconds(t: float) -> str:
    return "–" if math.isnan(t) else f"{1e3 * t:.2g}" if t < 0.0095 else f"{1e3 * t:.0f}"


def ratio(theirs: float, ours: float) -> str:
    value = theirs / ours
    return "not yet" if math.isnan(value) else f"**{value:.2g}**"


def share(value: float) -> str:
    return "–" if math.isnan(value) else f"**{value:.2g}**"


def time_of(measured: Measured) -> str:
    return "–" if math.isnan(measured.median) else microseconds(measured.median)


def short_table(outcomes: Iterable[Outcome]) -> str:
    """One line a problem: ours and the best peer."""
    lines = [
        "| problem | best peer | peer / ours | ours, µs | peer, µs "
        "| prepared in, ms: ours | again | JAX | ours / JAX |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for o in outcomes:
        if o.best is not None:
            lines.append(
                f"| {o.problem.name} | {o.best.side.name} "
                f"| {ratio(o.best.median, o.ours.median)} "
                f"| {time_of(o.ours)} | {time_of(o.best)} | {milliseconds(o.ours.preparation)} "
                f"| {milliseconds(o.again)} | {milliseconds(o.jax)} "
                f"| {share(o.ours.preparation / o.jax)} |"
            )
    return "\n".join(lines)


def long_table(outcomes: Iterable[Outcome]) -> str:
    """One line a peer."""
    lines = [
        "| problem | peer | peer / ours | peer, µs | peer prepared in, ms | |",
        "|---|---|---|---|---|---|",
    ]
    for o in outcomes:
        for m in o.peers:
            lines.append(
                f"| {o.problem.name} | {m.side.name} | {ratio(m.median, o.ours.median)} "
                f"| {time_of(m)} | {milliseconds(m.preparation)} | {m.failure or m.side.note} |"
            )
    return "\n".join(lines)


def as_json(outcomes: Iterable[Outcome], versions: str) -> str:
    def numbers(m: Measured) -> dict[str, Any]:
        found = {"name": m.side.name, "seconds": m.median, "preparation": m.preparation}
        found |= {"note": m.side.note, "failure": m.failure}
        return {k: v for k, v in found.items() if v != "" and v == v}

    rows = [
        {
            "group": o.problem.group,
            "problem": o.problem.name,
            "ours": numbers(o.ours) | ({} if math.isnan(o.again) else {"again": o.again}),
            "peers": [numbers(m) for m in o.peers],
        }
        for o in outcomes
    ]
    return json.dumps({"versions": versions, "problems": rows}, indent=1, ensure_ascii=False)


# --- the command -----------------------------------------------------------------------------


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="*", help="groups, or parts of problems' names")
    parser.add_argument("--list", action="store_true", help="name the problems and stop")
    parser.add_argument("--quick", action="store_true", help="fewer turns: noisier, faster")
    parser.add_argument("--peers", default=",".join(PEERS), help="only these, comma-separated")
    parser.add_argument("--peers-only", action="store_true", help="leave ours out")
    parser.add_argument("--write", action="store_true", help="into README.md and docs/ too")
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
    ]
    if options.list:
        print("\n".join(f"{p.group:13} {p.name}" for p in chosen))
        return
    if options.preparations:
        preparations(chosen)
        return
    modules, missing = load(options.peers.split(","))
    versions = f"Python {platform.python_version()}, {', '.join(m.VERSION for m in modules)}."
    if missing:
        print(f"Not installed, left out: {'; '.join(missing)}.", file=sys.stderr)
    one_core()
    warm_up()
    budget = 0.5 if options.quick else 3.0
    outcomes = []
    for problem in chosen:
        outcomes.append(run(problem, modules, budget, options.peers_only))
        report(outcomes[-1])
    if hasattr(ta, "compile") and not options.peers_only:
        again = second_process(Path(__file__), options.groups)
        for o in outcomes:
            o.again = again.get(o.problem.name, math.nan)
    short, long = short_table(outcomes), long_table(outcomes)
    print(f"{short}\n\n{long}\n\n{versions}")
    if options.json:
        options.json.write_text(as_json(outcomes, versions), encoding="utf-8")
    if options.write:
        for page, text in (("README.md", short), ("docs/benchmarks.md", f"{short}\n\n{long}")):
            done = write_block(ROOT / page, "compile", f"{text}\n\n{versions}")
            print(f"{page}: {'written' if done else 'has no markers'}", file=sys.stderr)
    if any(o.ours.failure.startswith("differs") for o in outcomes):
        sys.exit("Ours differs from the peers: see above.")


def report(outcome: Outcome) -> None:
    """Say at once what came out, and why what did not."""
    print(f"{outcome.problem.name}", file=sys.stderr)
    for m in (outcome.ours, *outcome.peers):
        absent = m is outcome.ours and m.call is None and m.failure != "not measured"
        state = "not yet:" if absent else ""
        print(
            f"    {m.side.name:28} {time_of(m):>8} µs, prepared in {milliseconds(m.preparation)} ms"
            f"  {state} {m.failure or m.side.note}",
            file=sys.stderr,
        )


if __name__ == "__main__":
    main()
