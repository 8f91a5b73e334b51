"""The adjoint equation of an initial value problem, integrated backward.

The cotangent λ of a state that moves by y' = f(t, y, p), and that of the parameters, μ, obey

    λ' = -(df/dy)ᵀ λ,    μ' = -(df/dp)ᵀ λ

backward in time [1]_; where a cotangent of the solution comes in, λ jumps by it. All that costs as
much as few forward integrations, whatever the number of parameters. The state goes back along with
them. That need not be stable, as in a motion that loses energy, so the states at which steps began,
and those in their middles, are kept, and on the way back the state is made theirs. Nothing depends
on μ: of many parameters it is integrated over the steps of the others, by quadrature.

References
----------
.. [1] Y. Cao, S. Li, L. Petzold, R. Serban, "Adjoint sensitivity analysis for
   differential-algebraic equations", SIAM J. Sci. Comput. 24 (2003).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from taylorad.dispatch import bottom, shape_of
from taylorad.dispatch.operands import size_of
from taylorad.drivers.boundary import as_output, evaluate
from taylorad.drivers.seeds import coefficients_of
from taylorad.forward.jet import Jet
from taylorad.ode.integrator import Integrator
from taylorad.ode.leaves import carried, numbered
from taylorad.ode.solved import OdeResult
from taylorad.ode.steps.quadrature import Quadrature
from taylorad.ode.steps.stepper import Stepper
from taylorad.ode.steps.stops import Stops
from taylorad.ode.tolerances import tolerance
from taylorad.ode.tracing.reversal import Reversal
from taylorad.ode.tracing.system import Described, NotTraceable, System, switch, system
from taylorad.ode.variations.problem import Problem, lowest, stripped, with_products
from taylorad.ode.variations.varied import Varied
from taylorad.reverse.sweep import sweep
from taylorad.wengert.tape import Entry, Tape

__all__ = ["Adjoint", "pulled_back"]

CHUNK = 10_000
"""So many stops between two looks at the keyboard."""

FEW, MOST = 32, 2000
"""Of few parameters they are as quick as components; of many they take long to be compiled."""


class Adjoint(Described):
    """The right-hand side of state, cotangent and cotangents of parameters, one behind the other.

    Parameters
    ----------
    fun : callable
        ``fun(t, y, *args)``.
    shape : tuple of int
        Of the state.
    wanted : sequence of int
        The leaves of the arguments that are parameters.
    """

    smooth = True

    def __init__(
        self, fun: Callable[..., Any], shape: tuple[int, ...], wanted: Sequence[int]
    ) -> None:
        self.fun, self.shape, self.wanted = fun, shape, tuple(wanted)
        self.size = math.prod(shape)

    def system(self, t: float, z: Any, args: Sequence[Any], functions: Sequence[Any]) -> System:
        """Give the system; see `taylorad.ode.tracing.system.system`."""
        if functions:
            raise NotTraceable("a function of state and cotangents")
        base = system(self.fun, t, self._state(z), args, may_wait=True)
        leaves, first, _ = numbered(tuple(args))
        numbers = [first[i] + k for i in self.wanted for k in range(size_of(leaves[i]))]
        return Reversal(base, numbers)

    def switch(self, t: Any, z: Any, args: Sequence[Any]) -> str:
        """Name something that may jump; see `taylorad.ode.tracing.system.switch`."""
        return switch(self.fun, t, self._state(z), args)

    def _state(self, z: Any) -> Any:
        return np.reshape(z[: self.size], self.shape)

    def __call__(self, t: Any, z: Any, *args: Any) -> Any:
        n, tape = self.size, Tape()
        leaves, _, rebuild = numbered(args)
        inputs = [self._state(z), *[leaves[i] for i in self.wanted]]
        entries = [tape.input(x) for x in inputs]
        for i, entry in zip(self.wanted, entries[1:], strict=True):
            leaves[i] = entry
        answer = as_output(evaluate(self.fun, t, entries[0], *rebuild(leaves)), self.fun, math.inf)
        bars: list[Any] = [None] * len(inputs)
        if isinstance(answer, Entry) and answer.tape is tape:
            seed = np.reshape(z[n : 2 * n], answer.shape)
            bars = sweep(tape, [(answer.number, seed)], range(len(inputs)))
            answer = answer.value
        flat = [
            np.zeros(size_of(x)) if bar is None else np.reshape(-bar, (-1,))
            for bar, x in zip(bars, inputs, strict=True)
        ]
        return np.concatenate([np.reshape(answer, (-1,)), *flat])


def pulled_back(
    problem: Problem,
    found: OdeResult,
    checkpoints: tuple[Any, Any],
    g: Any,
    wanted: Sequence[int],
) -> list[Any]:
    """Pull a cotangent of a solution back to the inputs.

    Parameters
    ----------
    problem : Problem
    found : OdeResult
        The solution.
    checkpoints : (ndarray, array)
        Times in two words, and the states then.
    g : array, of the shape of the solution
    wanted : sequence of int
        0 for the initial state; from 1 on, leaves of the arguments.

    Returns
    -------
    list
        With None for what is not wanted.
    """
    shape = shape_of(problem.y0)
    n = math.prod(shape)
    leaves, _, _ = numbered(problem.args)
    parameters = [i - 1 for i in wanted if i]
    sizes = [size_of(leaves[i]) for i in parameters]
    times, places, seen = _merged(checkpoints[0], found.t)

    def rows(*pieces: Any) -> Any:
        flat = [np.reshape(x, (n, shape_of(x)[-1])) for x in pieces]
        return np.moveaxis(np.concatenate(flat, axis=-1), -1, 0)

    z = _back(
        _Way(
            Adjoint(problem.fun, shape, parameters),
            n,
            sum(sizes),
            times,
            rows(checkpoints[1], found.y)[places],
            rows(np.zeros((n, 1)), g)[1 + seen],
            places >= len(checkpoints[0]),
            problem.args,
            problem,
        )
    )
    bars: list[Any] = [None] * (1 + len(leaves))
    if 0 in wanted:
        bars[0] = np.reshape(z[n : 2 * n], shape)
    ends = np.cumsum([2 * n, *sizes]).tolist()
    for i, start, end in zip(parameters, ends, ends[1:]):
        bars[1 + i] = np.reshape(z[start:end], shape_of(leaves[i]))
    return bars


def _merged(stops: Any, times: Any) -> tuple[Any, Any, Any]:
    """Merge checkpoints, and times at which the solution is known; those are at hand for both.

    Returns
    -------
    times : ndarray, shape (count, 2)
    places : ndarray of int
        Of each its place among the checkpoints, or behind these among the others.
    seen : ndarray of int
        Its place among the others; -1 if it is none of them.
    """
    sign, last = (-1.0 if stops[-1, 0] < stops[0, 0] else 1.0), len(stops) - 1
    at = np.minimum(np.searchsorted(sign * stops[:, 0], sign * times), last)
    is_there = stops[at, 0] == times
    seen, there, apart = np.full(len(stops), -1), *map(np.flatnonzero, (is_there, ~is_there))
    seen[at[there]] = there
    every = np.concatenate([stops, np.stack([times[apart], 0 * apart], axis=1)])
    order = np.argsort(sign * every[:, 0], kind="stable")
    places = np.concatenate([np.arange(len(stops)), len(stops) + apart])
    return every[order], places[order], np.concatenate([seen, apart])[order]


@dataclass(frozen=True)
class _Way:
    """The way back: of polynomials their coefficients have axes in front of that of the state."""

    fun: Any
    size: int
    parameters: int
    times: Any
    states: Any  # shape (times, ..., n)
    jumps: Any  # shape (times, ..., n)
    extra: Any  # where it need not stop if there is no jump
    args: tuple[Any, ...]
    problem: Problem


def _back(way: _Way) -> Any:
    """Give state and cotangents at the beginning."""
    given = (way.states, way.jumps, way.args)
    innermost = max(carried(given), key=lambda x: x.tag, default=None)
    if innermost is None:
        return _Backward(way).run()
    assert isinstance(innermost, Jet)
    tag, algebra = innermost.tag, lowest(innermost, given)
    args, seeds, values = stripped(way.args, tag, algebra)
    states, jumps = (
        np.moveaxis(coefficients_of(x, tag, algebra)[: algebra.size], 0, 1)
        for x in (way.states, way.jumps)
    )
    varied = Varied(way.fun, with_products(algebra), seeds)
    z = _back(replace(way, fun=varied, states=states, jumps=jumps, args=(*args, values)))
    return innermost.like(z, algebra)


class _Backward:
    """The integration backward, of plain numbers, from the last jump on."""

    def __init__(self, way: _Way) -> None:
        jumps = np.asarray(way.jumps, float)
        there = np.any(jumps, axis=tuple(range(1, jumps.ndim)))
        kept = np.flatnonzero(there | ~way.extra)
        kept = kept[kept <= np.max(np.flatnonzero(there), initial=-1)][::-1]
        self.way, self.n = way, way.size
        self.times, self.jumps = way.times[kept], jumps[kept]
        self.states = np.asarray(way.states)[kept]

    def run(self) -> Any:
        """Give state and cotangents at the beginning."""
        before, way = self.jumps.shape[1:-1], self.way
        if not len(self.times):
            return np.zeros((*before, 2 * self.n + way.parameters))
        if FEW < way.parameters <= MOST and isinstance(way.fun, Adjoint):
            alone = Adjoint(way.fun.fun, way.fun.shape, ())
            integrator = self._integrator(alone, np.zeros(2 * self.n))
            quadrature = self._quadrature(integrator)
            if quadrature is not None and self._went(integrator, before, quadrature):
                integrals = quadrature.integrals
                if np.all(np.isfinite(integrals)):
                    return np.concatenate([integrator.state, integrals])
        integrator = self._integrator(way.fun, np.zeros((*before, 2 * self.n + way.parameters)))
        self._went(integrator, before)
        return integrator.state

    def _quadrature(self, integrator: Integrator) -> Quadrature | None:
        """Give what integrates cotangents of parameters along; none where there are switches."""
        way, flow = self.way, integrator._flow
        if flow.jumps or not isinstance(flow.stepper, Stepper):
            return None
        z = np.concatenate([integrator.state, np.zeros(way.parameters)])
        system = way.fun.system(integrator.time, z, way.args, ())
        relative = integrator._engine.tolerance.relative
        return Quadrature(system, 2 * self.n, integrator.order, relative)

    def _went(
        self, integrator: Integrator, before: tuple[int, ...], quadrature: Quadrature | None = None
    ) -> bool:
        """Go back to the beginning: there are no integrals of a way that is watched."""
        engine, motion, n = integrator._engine, integrator._motion, self.n
        numbers = np.arange(motion.state.size).reshape(*before, -1)
        states, cotangents = (np.ravel(numbers[..., i : i + n]) for i in (0, n))
        for first in range(0, len(self.times), CHUNK):
            some = slice(first, first + CHUNK)
            values, summands = (x[some].reshape(-1, len(states)) for x in (self.states, self.jumps))
            stops = Stops(self.times[some], states, values, cotangents, summands, quadrature)
            integrator._flow.visit(motion, stops, engine.tolerance)
            if stops.left and quadrature is not None:
                return False
            for stop in stops.left:
                integrator._propagate(stops.times[stop])
                stops.change(stop, motion)
                engine.forget()
        return True

    def _integrator(self, fun: Any, z: Any) -> Integrator:
        """Be at the end."""
        way, problem = self.way, self.way.problem
        options = problem.options
        y = np.asarray(bottom(problem.y0), float)
        limits = tolerance(y, options.tol, options.rtol, options.atol, options.max_step)
        z[..., : self.n] = self.states[0]
        integrator = Integrator(
            fun,
            float(self.times[0, 0]),
            z,
            way.args,
            rtol=limits.relative,
            atol=self._floors(z, np.ravel(limits.floors)) * limits.relative,
            order=options.order,
            max_step=options.max_step,
        )
        integrator._motion.time_low = float(self.times[0, 1])
        return integrator

    def _floors(self, z: Any, least: Any) -> Any:
        """Give below what size a number counts as zero."""
        n, floors = self.n, np.empty_like(z)
        sizes = np.max(np.abs(self.states), axis=(0, -1))[..., None]
        floors[..., :n] = np.where(sizes > 0, np.minimum(sizes, 1.0), 1.0)
        floors[(0,) * (z.ndim - 1)][:n] = least
        sizes = np.max(np.abs(self.jumps), axis=(0, -1))[..., None]
        floors[..., n:] = np.where(sizes > 0, sizes, np.max(np.abs(self.jumps)))
        return floors
