"""More digits than doubles have, against heyoka and mpmath: ``python benchmarks/ode_digits.py``.

Kepler's orbit and Lorenz' attractor in numbers of two and four doubles (``digits=30, 60``), against
heyoka's numbers of 113 and 237 bits, of MPFR and of libquadmath; and with mpmath's numbers, against
``mpmath.odefun``. In one process, on one core, taking turns. Two times are given: that of a step,
each side at its default tolerance; and that of the whole run at equal errors, where heyoka has the
loosest tolerance with which it is no less exact than we are. Errors are those at the end, by closed
forms, or by 80 digits of ours with another order. About a minute; ``--full`` has odefun at 50 and
71 digits, which takes minutes. The peer: ``pip install -e ".[bench]"``.
"""

from __future__ import annotations

import os
import sys

os.environ["TAYLORAD_CACHE"] = ""  # nothing that an earlier run compiled

import argparse
import math
import platform
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mpmath
from harness import ROOT, medians, microseconds, one_core, seconds, write_block
from mpmath import mp, mpf

import taylorad as ta

try:
    import heyoka as hy
except ImportError as missing:
    sys.exit(f"{missing}: pip install -e '.[bench]' (heyoka on Linux only)")

REFERENCE = 80
"""Digits of references."""

SIDES = ((30, 113, "MPFR"), (30, 113, "libquadmath"), (60, 237, "MPFR"))
"""Our digits, the bits of the peer's numbers, and whose they are."""

PAGE = ROOT / "docs/benchmarks.md"

# --- problems --------------------------------------------------------------------------------


def kepler(t: Any, y: Any) -> list[Any]:
    x, z, vx, vz = y
    r = (x * x + z * z) ** -1.5
    return [vx, vz, -x * r, -z * r]


def lorenz(t: Any, y: Any) -> list[Any]:
    x, z, w = y
    return [10.0 * (z - x), x * (28.0 - w) - z, x * z - 2.5 * w]


@dataclass
class Problem:
    """A problem, with the solution at its end."""

    name: str
    function: Callable[[Any, Any], list[Any]]
    start: list[Any]
    end: Any
    truth: list[Any]


def problems() -> Iterable[Problem]:
    with mp.workdps(REFERENCE):
        start = [mpf("0.5"), mpf(0), mpf(0), mp.sqrt(3)]
        yield Problem("Kepler, e = 0.5, 10 orbits", kepler, start, 20 * mp.pi, start)
        start, end = [mpf(1), mpf(1), mpf(1)], mpf(10)
        run = ta.ode.solve_ivp(lorenz, (0, end), start, digits=REFERENCE, order=120)
        yield Problem("Lorenz to t = 10", lorenz, start, end, list(run.y[:, -1]))


def error(state: Iterable[Any], truth: list[Any]) -> float:
    """Give the largest error of a component, in terms of the largest component."""
    with mp.workdps(REFERENCE):
        worst = max(abs(x - y) for x, y in zip(state, truth, strict=True))
        return float(worst / max(map(abs, truth)))


# --- sides -----------------------------------------------------------------------------------

Run = Callable[[], tuple[list[Any], int]]
"""Integrates from the start to the end; gives the state there, and the number of steps."""


def ours(problem: Problem, digits: int) -> Run:
    integrator = ta.ode.Integrator(problem.function, 0, problem.start, digits=digits)

    def run() -> tuple[list[Any], int]:
        integrator.time, integrator.state = 0, problem.start
        steps = integrator.propagate_until(problem.end).steps
        return list(integrator.state), steps

    return run


def heyokas(problem: Problem, bits: int, whose: str, tol: float | None = None) -> Run:
    def real(x: Any) -> Any:
        text = mpmath.nstr(x, REFERENCE)
        return hy.real(text, bits) if whose == "MPFR" else hy.real128(text)

    variables = hy.make_vars(*(f"y{i}" for i in range(len(problem.start))))
    rates = problem.function(hy.time, variables)
    with mp.workdps(REFERENCE):
        start, end = [real(x) for x in problem.start], real(problem.end)
        options = {} if tol is None else {"tol": real(mpf(tol))}
    hy.llvm_state.clear_memcache()
    pairs = list(zip(variables, rates, strict=True))
    integrator = hy.taylor_adaptive(pairs, start, fp_type=type(end), **options)

    def run() -> tuple[list[Any], int]:
        integrator.time = real(mpf(0))
        for i, x in enumerate(start):
            integrator.state[i] = x
        steps = integrator.propagate_until(end)[3]
        with mp.workdps(REFERENCE):
            return [mpf(str(x)) for x in integrator.state], steps

    return run


def as_exact(problem: Problem, bits: int, whose: str, wanted: float) -> Run:
    """Give the peer at the loosest tolerance with which it is as exact as wanted."""
    digits = math.ceil(-math.log10(wanted)) - 2
    while True:
        run = heyokas(problem, bits, whose, 10.0**-digits)
        if error(run()[0], problem.truth) <= wanted or digits > bits * math.log10(2):
            return run
        digits += 1


# --- measuring -------------------------------------------------------------------------------


@dataclass
class Outcome:
    """What came out for a problem and a peer."""

    problem: Problem
    digits: int
    peer: str
    built: tuple[float, float]
    steps: tuple[float, float]
    runs: tuple[float, float]
    errors: tuple[float, float]

    def line(self) -> str:
        def both(pair: tuple[float, float], write: Callable[[float], str]) -> str:
            return " / ".join(map(write, pair))

        return (
            f"| {self.problem.name} | {self.digits} | {self.peer} "
            f"| **{self.steps[1] / self.steps[0]:.3g}** | **{self.runs[1] / self.runs[0]:.3g}** "
            f"| {both(self.steps, microseconds)} | {both(self.errors, '{:.1e}'.format)} "
            f"| {both(self.built, lambda t: f'{1e3 * t:.0f}')} |"
        )


def measured(problem: Problem, digits: int, bits: int, whose: str, budget: float) -> Outcome:
    sides: list[Run] = []
    built = (
        seconds(lambda: sides.append(ours(problem, digits))),
        seconds(lambda: sides.append(heyokas(problem, bits, whose))),
    )
    found = [run() for run in sides]
    times = medians(sides, budget, 5)
    errors = (error(found[0][0], problem.truth), error(found[1][0], problem.truth))
    equal = as_exact(problem, bits, whose, errors[0])
    runs = medians([sides[0], equal], budget, 5)
    steps = (times[0] / found[0][1], times[1] / found[1][1])
    peer = f"heyoka, {bits} bits of {whose}"
    return Outcome(problem, digits, peer, built, steps, (runs[0], runs[1]), errors)


def against_odefun(digits: int, kepler_problem: Problem) -> str:
    """Integrate one orbit with mpmath's numbers; give a line."""
    f, start = kepler_problem.function, kepler_problem.start
    with mp.workdps(digits):
        end = 2 * mp.pi
        states: dict[str, Any] = {}

        def mine() -> None:
            given = [+x for x in start]
            states["ours"] = ta.ode.solve_ivp(f, (mpf(0), end), given).y[:, -1]

        def theirs() -> None:
            exact = lambda t, y: f(t, y[:2] + y[2:])
            states["odefun"] = mpmath.odefun(exact, 0, [+x for x in start])(end)

        mine()
        times = medians([mine], 1.0, 3) + [seconds(theirs)]
        errors = [error(state, start) for state in states.values()]
    return (
        f"| {digits} | **{times[1] / times[0]:.0f}** | {times[0]:.3g} / {times[1]:.3g} "
        f"| {errors[0]:.1e} / {errors[1]:.1e} |"
    )


def tables(full: bool, budget: float) -> str:
    lines = [
        f"{platform.machine()}, heyoka {hy.__version__}, mpmath {mpmath.__version__}.",
        "",
        "| problem | digits | peer | step: peer / ours | run at equal error: peer / ours "
        "| µs a step | errors | ms to build |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for problem in problems():
        for digits, bits, whose in SIDES:
            lines.append(measured(problem, digits, bits, whose, budget).line())
            print(lines[-1], file=sys.stderr)
    lines += [
        "",
        "One orbit of Kepler's with mpmath's numbers, against `mpmath.odefun`:",
        "",
        "| digits | odefun / ours | seconds | errors |",
        "|---|---|---|---|",
    ]
    orbit = next(iter(problems()))
    for digits in (15, 34, 50, 71) if full else (15, 34):
        lines.append(against_odefun(digits, orbit))
        print(lines[-1], file=sys.stderr)
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="odefun at 50 and 71 digits too")
    parser.add_argument("--quick", action="store_true", help="less of each: noisier, faster")
    parser.add_argument("--write", type=Path, nargs="?", const=PAGE, help="into a page too")
    options = parser.parse_args()
    one_core()
    ta.ode.Integrator(kepler, 0, [1, 0, 0, 1], digits=30)  # what is loaded at first use
    text = tables(options.full, 0.3 if options.quick else 2.0)
    print(text)
    if options.write:
        done = write_block(options.write, "ode-digits", text)
        print("written" if done else "the page has no markers", file=sys.stderr)


if __name__ == "__main__":
    main()
