"""Gradients through a differential equation: against JAX with diffrax, and finite differences.

Every side is given the loosest tolerance, of a ladder, with which its gradient has the error that
is wanted; then all take turns. Alone, within five minutes:
``PYTHONPATH=benchmarks python -m flow_parts.gradients``.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

if __name__ == "__main__":
    os.environ["TAYLORAD_CACHE"] = ""  # nothing that an earlier run compiled
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numba
import numpy as np
import scipy.integrate

try:
    import diffrax
    import jax
    import jax.numpy as jnp
except ImportError as missing:
    sys.exit(f"{missing}: pip install -e '.[bench]'")

from integration.tables import markdown
from integration.timing import in_turns

import taylorad as ta

Array = Any
Gradient = Callable[[Array], Array]

LADDER = (1e-5, 1e-6, 1e-7, 1e-8, 1e-10, 1e-11, 1e-13, 1e-14, 2.0**-52)
ERRORS = (1e-6, 1e-9, 1e-12)
SIZES = (4, 10, 20)
DIRECTIONS = 6  # along which gradients are compared


def prey(t: float, y: Array, p: Array) -> Any:
    return [y[0] * (p[0] - y[1]), y[1] * (y[0] - p[1])]


def net(t: float, y: Array, p: Array) -> Any:
    return np.tanh(p @ y)


@dataclass(frozen=True)
class Problem:
    """The gradient, by parameters, of the sum of squares of the last state."""

    name: str
    fun: Callable[..., Any]
    traced: Callable[..., Any]  # for JAX
    loop: Callable[..., Any]  # for SciPy
    start: Array
    p: Array
    end: float


def problems() -> list[Problem]:
    weights = matrix(10)
    return [
        Problem(
            "Lotka-Volterra, 2 parameters",
            prey,
            lambda t, y, p: jnp.stack([y[0] * (p[0] - y[1]), y[1] * (y[0] - p[1])]),
            numba.njit(lambda t, y, p: np.array([y[0] * (p[0] - y[1]), y[1] * (y[0] - p[1])])),
            np.array([1.0, 0.5]),
            np.array([1.1, 0.8]),
            30.0,
        ),
        Problem(
            "neural, 10 states, 100 parameters",
            net,
            lambda t, y, p: jnp.tanh(p @ y),
            numba.njit(lambda t, y, p: np.tanh(p @ y)),
            np.ones(10),
            weights,
            10.0,
        ),
    ]


def matrix(n: int) -> Array:
    weights = np.random.default_rng(0).standard_normal((n, n))
    return weights - weights.T


@dataclass(frozen=True)
class Truth:
    """The gradient along some directions, to 30 digits."""

    directions: Array
    slopes: Array

    def away(self, gradient: Array) -> float:
        """Tell how far a gradient is from that, of the largest slope."""
        found = np.tensordot(self.directions, gradient, gradient.ndim)
        return float(np.max(np.abs(found - self.slopes)) / np.max(np.abs(self.slopes)))


def truth(problem: Problem) -> Truth:
    def along(t: Any, y: Any, s: Any, direction: Any) -> Any:
        return problem.fun(t, y, problem.p + s * direction)

    def slope(direction: Array) -> float:
        run = ta.ode.sensitivities(
            *(along, (0, problem.end), problem.start, (0.0, direction)),
            wrt=0,
            t_eval=[problem.end],
            digits=30,
        )
        return float(2 * run.y[:, 0] @ run.derivative(0)[:, 0])

    size = problem.p.size
    mixed, _ = np.linalg.qr(np.random.default_rng(1).standard_normal((size, size)))
    directions = mixed[:DIRECTIONS].reshape(-1, *problem.p.shape)
    return Truth(directions, np.array([slope(each) for each in directions]))


# --- the sides --------------------------------------------------------------------------------


def ours(problem: Problem) -> dict[str, Callable[[float], Gradient]]:
    span, start = (0.0, problem.end), problem.start
    times = [problem.end]

    def forward(tol: float) -> Gradient:
        def gradient(p: Array) -> Array:
            run = ta.ode.sensitivities(problem.fun, span, start, (p,), wrt=0, tol=tol, t_eval=times)
            return 2 * np.tensordot(run.y[:, 0], run.derivative(0)[:, 0], 1)

        return gradient

    def adjoint(tol: float) -> Gradient:
        def gradient(p: Array) -> Array:
            found = ta.ode.adjoint_gradient(
                *(problem.fun, span, start, (p,)),
                terminal=lambda y, p: np.sum(y**2),
                wrt=0,
                tol=tol,
            )
            return found.gradient[0]

        return gradient

    return {"forward": forward, "adjoint": adjoint}


def diffraxs(problem: Problem) -> dict[str, Callable[[float], Gradient]]:
    solver = diffrax.Dopri8()

    def way(adjoint: Any, derive: Any) -> Callable[[float], Gradient]:
        def loss(p: Array, tol: float) -> Array:
            run = diffrax.diffeqsolve(
                diffrax.ODETerm(problem.traced),
                *(solver, 0.0, problem.end, None, jnp.asarray(problem.start)),
                args=p,
                stepsize_controller=diffrax.PIDController(rtol=tol, atol=tol),
                adjoint=adjoint,
                max_steps=16384,
            )
            return jnp.sum(run.ys[-1] ** 2)

        compiled = jax.jit(derive(loss))
        return lambda tol: lambda p: np.asarray(compiled(p, tol))

    return {
        "forward": way(diffrax.ForwardMode(), jax.jacfwd),
        "checkpoints": way(diffrax.RecursiveCheckpointAdjoint(), jax.grad),
        "backsolve": way(diffrax.BacksolveAdjoint(solver=solver), jax.grad),
    }


def differences(problem: Problem) -> dict[str, Callable[[float], Gradient]]:
    """Central differences, with the step that suits the tolerance."""

    def of(tol: float) -> Gradient:
        tol = max(tol, 3e-14)

        def loss(p: Array) -> float:
            run = scipy.integrate.solve_ivp(
                *(problem.loop, (0, problem.end), problem.start, "DOP853"),
                rtol=tol,
                atol=tol,
                args=(p,),
            )
            return float(np.sum(run.y[:, -1] ** 2))

        def gradient(p: Array) -> Array:
            found, h = np.empty(p.shape), tol ** (1 / 3)
            for place in np.ndindex(p.shape):
                d = np.zeros(p.shape)
                d[place] = h
                found[place] = (loss(p + d) - loss(p - d)) / (2 * h)
            return found

        return gradient

    return {"central, DOP853": of}


# --- at equal errors --------------------------------------------------------------------------


@dataclass
class Side:
    """A way to a gradient, by tolerance, and how exact each of these is."""

    of: Callable[[float], Gradient]
    problem: Problem
    wanted: Truth
    known: dict[float, tuple[Gradient, float]] = field(default_factory=dict)

    def within(self, error: float) -> Gradient | None:
        """Give the loosest that is as exact as that."""
        for tol in LADDER:
            if tol > 100 * error:
                continue
            if tol not in self.known:
                gradient = self.of(tol)
                self.known[tol] = gradient, self.wanted.away(gradient(self.problem.p))
            gradient, found = self.known[tol]
            if found <= error:
                return gradient
        return None


def race(problem: Problem, budget: float = 2.0) -> Iterator[list[str]]:
    wanted = truth(problem)
    groups = [
        {name: Side(of, problem, wanted) for name, of in make(problem).items()}
        for make in (ours, diffraxs, differences)
    ]
    for error in ERRORS:
        sides = [
            {name: g for name, side in group.items() if (g := side.within(error)) is not None}
            for group in groups
        ]
        calls = [lambda g=g: g(problem.p) for group in sides for g in group.values()]
        taken = iter(in_turns(calls, budget * len(calls)))
        times = [{name: next(taken) for name in group} for group in sides]
        best = min(times[0].values())
        cells = [f"{best / min(t.values()):.2g}" if t else "not reached" for t in times[1:]]
        row = [f"{error:.0e}", f"**{cells[0]}**", cells[1]]
        yield [*row, *(", ".join(f"{k} {1e3 * t:.3g}" for k, t in ts.items()) for ts in times)]


def races_table(problem: Problem) -> str:
    head = ["error", "ours / diffrax", "ours / differences"]
    return markdown([*head, "ours, ms", "diffrax, ms", "differences, ms"], race(problem))


def growth_table() -> str:
    """Give how long the adjoint takes, of ever more parameters."""
    rows = []
    for n in SIZES:
        weights, start = matrix(n) * np.sqrt(10 / n), np.ones(n)

        def solution(w: Array = weights, y: Array = start) -> Any:
            return ta.ode.solve_ivp(net, (0, 100), y, args=(w,), t_eval=[100])

        def gradient(w: Array = weights, y: Array = start) -> Any:
            f = lambda y, w: np.sum(y**2)
            return ta.ode.adjoint_gradient(net, (0, 100), y, (w,), terminal=f)

        one, all_ = in_turns([solution, gradient], 6.0)
        rows.append([n * n + n, f"{1e3 * one:.3g}", f"{1e3 * all_:.3g}", f"**{all_ / one:.2g}**"])
    return markdown(["inputs", "solution, ms", "with gradient, ms", "ratio"], rows)


def tables() -> Iterator[str]:
    """Measure, and write one table after the other."""
    jax.config.update("jax_enable_x64", True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jax and numba, of themselves
        for problem in problems():
            yield f"**{problem.name}: gradients at equal errors**\n\n{races_table(problem)}"
        yield f"**The adjoint of many inputs**\n\n{growth_table()}"


def main() -> None:
    for table in tables():
        print(f"{table}\n", flush=True)


if __name__ == "__main__":
    main()
