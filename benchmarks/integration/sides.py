"""Who integrates: ours, heyoka in its modes, and SciPy with right-hand sides by numba.

Each is made into a `Run`, a function from a state and a time to the state then and the number of
steps. The truth comes from a closed form, or from heyoka in numbers of 80 or 113 bits.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import heyoka as hy
import numba
import numpy as np
from scipy.integrate import solve_ivp

import taylorad as ta
from integration.problems import Mode, Problem
from taylorad.ode.steps.stepper import Stepper
from taylorad.ode.steps.translation import BEST, forget

Array = Any
Run = Callable[[Array, float], tuple[Array, int]]
"""Integrates from a state to a time; gives the state there, and the number of steps."""

ROUNDING = 2.0**-52

METHODS = ("DOP853", "LSODA")


def ours(problem: Problem, tol: float = ROUNDING) -> ta.ode.Integrator:
    """Make ours of the function, nothing of it compiled before unless it is in use."""
    forget()
    return ta.ode.Integrator(problem.function, 0.0, problem.start, tol=max(tol, ROUNDING))


def settled(problem: Problem, tol: float = ROUNDING) -> ta.ode.Integrator:
    """Make ours, and use it until its code is the quicker one that comes with use."""
    integrator = ours(problem, tol)
    run, stepper = our_run(integrator), integrator._engine.flow.stepper
    while stepper.code.level < BEST:
        run(problem.start, problem.end)
    return integrator


def better(problem: Problem) -> Stepper:
    """Make the quicker code at once."""
    flow = ours(problem)._engine.flow
    return Stepper(flow.system, flow.order, level=BEST)


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
    return hy.taylor_adaptive(equations(problem, mode), start, **options)


def equations(problem: Problem, mode: Mode) -> list[tuple[Any, Any]]:
    """Give the equations as heyoka wants them: ours, or of its own model of gravity."""
    if mode.get("model"):
        return model(problem.masses)
    state = np.array([hy.expression(f"y{i}") for i in range(problem.size)], dtype=object)
    rates = problem.function(hy.time, state, EXPRESSIONS)
    return [(y, hy.expression(rate)) for y, rate in zip(state, rates)]


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


def compiled(problem: Problem) -> Callable[..., Any]:
    """Compile the right-hand side by numba, and check that it is the same function."""
    loops: Callable[..., Any] = numba.njit(problem.loops)
    rates = np.asarray(problem.function(0.0, problem.start))
    np.testing.assert_allclose(loops(0.0, problem.start), rates, rtol=1e-12, atol=1e-14)
    return loops


def truths(problem: Problem, starts: Array) -> list[Array]:
    """Give the states at the end to more digits than a double has."""
    real = hy.real128 if problem.group == "small" else np.longdouble
    integrator = heyokas(problem, {"compact_mode": True}, real=real)
    found = []
    for start in starts:
        integrator.time = real(0)
        integrator.state[:] = [real(x) for x in start]
        integrator.propagate_until(real(problem.end))
        state = np.array([np.longdouble(str(x)) for x in integrator.state])
        if problem.exact is not None:
            exact = problem.exact(start, problem.end)
            if error(state, exact) > 1e-17:
                sys.exit(f"{problem.name}: the reference is not the closed form")
            state = exact
        found.append(state)
    return found


def error(state: Array, truth: Array) -> float:
    """Give the largest error of a component, in terms of the largest component."""
    return float(np.max(np.abs(state - truth)) / np.max(np.abs(truth)))


def warm_up() -> None:
    """Start both compilers: that is no problem's time."""
    ta.ode.Integrator(lambda t, y: -y, 0.0, [1.0]).step()
    x = hy.expression("x")
    hy.taylor_adaptive([(x, -x)], [1.0]).step()
