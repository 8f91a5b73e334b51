"""Variational equations: run times and compile times against heyoka, flow maps against daceypy.

Alone, within some minutes: ``PYTHONPATH=benchmarks python -m flow_parts.variations``.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

if __name__ == "__main__":
    os.environ["TAYLORAD_CACHE"] = ""  # nothing that an earlier run compiled

import daceypy
import heyoka as hy
import numpy as np
from daceypy import RK
from harness import seconds
from integration.tables import markdown
from integration.timing import in_turns

import taylorad as ta
from taylorad.forward.algebra import multivariate
from taylorad.ode.steps.translation import BEST, forget
from taylorad.ode.variations.varied import Varied

Array = Any
Run = Callable[[], tuple[Array, int]]

ROUNDING = 2.0**-52
MODES = {
    "default": {},
    "fast_math": {"fast_math": True},
    "compact": {"compact_mode": True},
    "compact, fast_math": {"compact_mode": True, "fast_math": True},
}
QUICK_TO_COMPILE = 60
"""So many coefficients heyoka compiles without compact mode within a minute."""

AGREED = 1e-9
"""So exact all sides have to be, of the largest coefficient of a degree."""


@dataclass(frozen=True)
class Problem:
    name: str
    function: Callable[..., Any]
    start: tuple[float, ...]
    end: float
    orders: tuple[int, ...]


def kepler(t: float, y: Array) -> Any:
    x, z, vx, vz = y
    pull = (x * x + z * z) ** -1.5
    return [vx, vz, -x * pull, -z * pull]


def lorenz(t: float, y: Array) -> Any:
    x, y, z = y
    return [10 * (y - x), x * (28 - z) - y, x * y - (8 / 3) * z]


PROBLEMS = [
    Problem("Lorenz", lorenz, (1.0, 1.0, 1.0), 5.0, (1, 2)),
    Problem("Kepler", kepler, (0.5, 0.0, 0.0, math.sqrt(3.0)), 6 * math.pi, (1, 2, 3, 4, 5)),
]


# --- sides ---


@dataclass(frozen=True)
class Side:
    """Who integrates: a run, and how the state that it gives is put into our order."""

    run: Run
    ordered: Callable[[Array], Array] = np.asarray


def start_of(problem: Problem, order: int) -> Array:
    """Give the polynomials to begin with: a row for each monomial."""
    n = len(problem.start)
    y = np.zeros((multivariate(n, order).size, n))
    y[0], y[1 : n + 1] = problem.start, np.eye(n)
    return y


def ours(problem: Problem, order: int, tol: float = ROUNDING) -> ta.ode.Integrator:
    """Make ours, nothing of it compiled before unless it is in use."""
    forget()
    y = start_of(problem, order)
    algebra = multivariate(len(problem.start), order)
    return ta.ode.Integrator(
        *(Varied(problem.function, algebra), 0.0, y, (np.zeros(0),)),
        **{"rtol": tol, "atol": np.full(y.shape, tol)},
    )


def our_side(problem: Problem, integrator: ta.ode.Integrator) -> Side:
    start = np.asarray(integrator.state)

    def run() -> tuple[Array, int]:
        integrator.time, integrator.state = 0.0, start
        steps = integrator.propagate_until(problem.end).steps
        return integrator.state, steps

    stepper = integrator._engine.flow.stepper
    while stepper.code.level < BEST:  # until it is the quicker code that comes with use
        run()
    return Side(run)


def heyokas(problem: Problem, order: int, mode: dict[str, Any], real: Any = float) -> Any:
    hy.llvm_state.clear_memcache()
    variables = hy.make_vars(*(f"y{i}" for i in range(len(problem.start))))
    rates = problem.function(0.0, np.array(variables, object))
    system = hy.var_ode_sys(list(zip(variables, rates)), hy.var_args.vars, order=order)
    precision = {"tol": ROUNDING} if real is float else {"fp_type": real}
    return hy.taylor_adaptive(system, [real(x) for x in problem.start], **precision, **mode)


def heyokas_side(problem: Problem, order: int, integrator: Any) -> Side:
    """Give heyoka's: where we have coefficients, it has derivatives."""
    n = len(problem.start)
    position = multivariate(n, order).position
    rows, columns, scales = [], [], []
    for i in range(len(integrator.state)):
        component, *exponents = integrator.get_mindex(i)
        rows.append(position[tuple(exponents)])
        columns.append(component)
        scales.append(math.prod(map(math.factorial, exponents)))
    start, real = integrator.state.copy(), integrator.state.dtype.type

    def run() -> tuple[Array, int]:
        integrator.time = real(0)
        integrator.state[:] = start
        steps = integrator.propagate_until(real(problem.end))[3]
        return integrator.state, steps

    def ordered(state: Array) -> Array:
        found = np.zeros((len(position), n), state.dtype)
        found[rows, columns] = state / np.array(scales)
        return found

    return Side(run, ordered)


def error(problem: Problem, order: int, found: Array, truth: Array) -> float:
    """Give the largest error of a coefficient, of the largest of its degree."""
    grades = multivariate(len(problem.start), order).grade
    return max(
        float(np.max(np.abs(found[g] - truth[g])) / np.max(np.abs(truth[g]))) for g in grades
    )


def truth_of(problem: Problem, order: int) -> Array:
    """Give the coefficients at the end by heyoka in 80 bits."""
    integrator = heyokas(problem, order, {"compact_mode": True}, np.longdouble)
    side = heyokas_side(problem, order, integrator)
    return side.ordered(side.run()[0].copy())


# --- run times ---


@dataclass
class Race:
    """Of one problem and order: seconds, steps, errors and seconds of compiling, by sides."""

    problem: Problem
    order: int
    times: dict[str, float]
    steps: dict[str, int]
    errors: dict[str, float]
    built: dict[str, float]

    @property
    def best(self) -> str:
        return min((k for k in self.times if k != "ours"), key=lambda k: self.times[k])


def race(problem: Problem, order: int, budget: float) -> Race:
    truth = truth_of(problem, order)
    built, sides = {}, {}
    made: list[Any] = []
    built["ours"] = seconds(lambda: made.append(first_step(problem, order)))
    sides["ours"] = our_side(problem, made.pop())
    for name, mode in MODES.items():
        if truth.size > QUICK_TO_COMPILE and "compact" not in name:
            continue
        built[name] = seconds(lambda mode=mode: made.append(heyokas(problem, order, mode)))
        sides[name] = heyokas_side(problem, order, made.pop())
    errors, steps = {}, {}
    for name, side in sides.items():
        found, steps[name] = side.run()
        errors[name] = error(problem, order, side.ordered(found), truth)
        if not errors[name] < AGREED:
            sys.exit(f"{problem.name}, order {order}: {name} is wrong by {errors[name]:.1e}")
    times = dict(zip(sides, in_turns([side.run for side in sides.values()], budget)))
    return Race(problem, order, times, steps, errors, built)


def first_step(problem: Problem, order: int) -> ta.ode.Integrator:
    integrator = ours(problem, order)
    integrator.step()
    integrator.time, integrator.state = 0.0, start_of(problem, order)
    return integrator


def races(budget: float = 3.0) -> Iterator[Race]:
    for problem in PROBLEMS:
        for order in problem.orders:
            found = race(problem, order, budget)
            print(f"{problem.name}, order {order}: {found.times}", file=sys.stderr)
            yield found


def races_table(found: list[Race]) -> str:
    rows = []
    for r in found:
        a, b = r.times["ours"], r.times[r.best]
        rows.append(
            [
                *(r.problem.name, r.order, r.errors and start_of(r.problem, r.order).size),
                *(f"**{a / b:.2g}** (≤ 0.5)", f"{1e6 * a:.1f}", f"{1e6 * b:.1f}", r.best),
                *(r.steps["ours"], r.steps[r.best]),
                *(f"{r.errors['ours']:.0e}", f"{r.errors[r.best]:.0e}"),
            ]
        )
    head = ["problem", "order", "equations", "ours / heyoka", "ours, µs", "heyoka, µs", "its mode"]
    return markdown([*head, "steps", "heyoka's", "error", "heyoka's"], rows)


def modes_table(found: list[Race]) -> str:
    rows = [
        [
            *(r.problem.name, r.order),
            *(f"{1e6 * r.times[m]:.1f}" if m in r.times else "" for m in ("ours", *MODES)),
            *(f"{r.built[m]:.2f}" if m in r.built else "" for m in ("ours", *MODES)),
        ]
        for r in found
    ]
    head = ["problem", "order", *(f"{m}, µs" for m in ("ours", *MODES))]
    return markdown([*head, *(f"{m}, s to compile" for m in ("ours", *MODES))], rows)


# --- flow maps ---


class Orbit(daceypy.integrator):
    @staticmethod
    def f(y: Array, t: float) -> Array:
        pull = (y[0] * y[0] + y[1] * y[1]).pow(-1.5)
        return daceypy.array([y[2], y[3], -y[0] * pull, -y[1] * pull])


def daces_map(problem: Problem, order: int, tol: float) -> Array:
    n = len(problem.start)
    integrator = Orbit(RK.RK78(), daceypy.array)
    integrator.loadTime(0.0, problem.end)
    integrator.loadTol(tol, tol)
    integrator.loadStepSize()
    start = daceypy.array([x + daceypy.DA(i + 1) for i, x in enumerate(problem.start)])
    end = integrator.propagate(start, 0.0, problem.end)
    monomials = multivariate(n, order).monomials
    return np.array([[y.getCoefficient(list(m)) for y in end] for m in monomials])


def maps_table(order: int = 5, budget: float = 10.0) -> str:
    """Compare flow maps over an orbit, ours with the largest tolerance that errs no more."""
    problem = Problem("Kepler", kepler, (0.5, 0.0, 0.0, math.sqrt(3.0)), 2 * math.pi, (order,))
    daceypy.DA.init(order, len(problem.start))
    truth = truth_of(problem, order)
    rows = []
    for tol in (1e-6, 1e-9, 1e-12):
        theirs = error(problem, order, daces_map(problem, order, tol), truth)
        for own in 10.0 ** np.arange(-4, -16, -1):
            runner = ours(problem, order, own)
            run = our_side(problem, runner).run
            mine = error(problem, order, run()[0], truth)
            if mine <= theirs:
                break

        def whole(own: float = own) -> Any:
            return ta.ode.flow_map(kepler, (0.0, problem.end), problem.start, order, rtol=own)

        whole()
        a, w, b = in_turns([run, whole, lambda tol=tol: daces_map(problem, order, tol)], budget)
        ratios = [f"**{a / b:.2g}**", f"{w / b:.2g}"]
        times = [f"{1e3 * x:.3g}" for x in (a, w, b)]
        rows.append([f"{tol:.0e}", *ratios, *times, f"{own:.0e}", f"{mine:.0e}", f"{theirs:.0e}"])
    head = ["daceypy's tolerance", "ours / daceypy", "by `flow_map`", "ours, ms", "`flow_map`, ms"]
    return markdown([*head, "daceypy, ms", "our tolerance", "error", "daceypy's"], rows)


def tables() -> Iterator[str]:
    """Measure, and write one table after the other."""
    found = list(races())
    title = "**Variational equations**, with respect to the initial state, at 2⁻⁵²"
    yield f"{title}\n\n{races_table(found)}"
    yield f"**Every mode, and seconds to compile**\n\n{modes_table(found)}"
    yield f"**Flow maps of order 5 of an orbit**, at equal errors\n\n{maps_table()}"


def main() -> None:
    hy.llvm_state.set_diskcache_enabled(False)
    for table in tables():
        print(f"{table}\n", flush=True)


if __name__ == "__main__":
    main()
