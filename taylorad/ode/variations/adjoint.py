"""The adjoint equation of an initial value problem, integrated backward.

The cotangent λ of a state that moves by y' = f(t, y, p), and that of the parameters, μ, obey

    λ' = -(df/dy)ᵀ λ,    μ' = -(df/dp)ᵀ λ

backward in time [1]_; where a cotangent of the solution comes in, λ jumps by it. All that costs as
much as few forward integrations, whatever the number of parameters. The state goes back along with
them. That need not be stable, as in a motion that loses energy, so the states at which steps began,
and those in their middles, are kept, and on the way back the state is made theirs.

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
from taylorad.ode.engine import Time
from taylorad.ode.integrator import Integrator
from taylorad.ode.leaves import carried, numbered
from taylorad.ode.steps.interface import Exit
from taylorad.ode.steps.stepper import Motion
from taylorad.ode.tolerances import tolerance
from taylorad.ode.tracing.reversal import Reversal
from taylorad.ode.tracing.system import NotTraceable, System, jumps, system
from taylorad.ode.variations.problem import Problem, lowest, stripped, with_products
from taylorad.ode.variations.varied import Varied
from taylorad.reverse.sweep import sweep
from taylorad.wengert.tape import Entry, Tape

__all__ = ["Adjoint", "pulled_back"]


class Adjoint:
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

    def jumps(self, t: Any, z: Any, args: Sequence[Any]) -> bool:
        """Tell whether something may jump; see `taylorad.ode.tracing.system.jumps`."""
        return jumps(self.fun, t, self._state(z), args)

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
    problem: Problem, times: Any, checkpoints: tuple[Any, Any], g: Any, wanted: Sequence[int]
) -> list[Any]:
    """Pull a cotangent of the solution at times back to the inputs.

    Parameters
    ----------
    problem : Problem
    times : ndarray
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
    stops, states = checkpoints
    leaves, _, _ = numbered(problem.args)
    parameters = [i - 1 for i in wanted if i]
    sizes = [size_of(leaves[i]) for i in parameters]
    way = _Way(
        Adjoint(problem.fun, shape, parameters),
        n,
        sum(sizes),
        stops,
        np.reshape(np.moveaxis(states, -1, 0), (len(stops), n)),
        times,
        np.reshape(np.moveaxis(g, -1, 0), (len(times), n)),
        problem.args,
        problem,
    )
    z = _back(way)
    bars: list[Any] = [None] * (1 + len(leaves))
    if 0 in wanted:
        bars[0] = np.reshape(z[n : 2 * n], shape)
    ends = np.cumsum([2 * n, *sizes]).tolist()
    for i, start, end in zip(parameters, ends, ends[1:]):
        bars[1 + i] = np.reshape(z[start:end], shape_of(leaves[i]))
    return bars


@dataclass(frozen=True)
class _Way:
    """The way back: of polynomials their coefficients have axes in front of that of the state."""

    fun: Any
    size: int
    parameters: int
    stops: Any
    states: Any  # shape (stops, ..., n)
    times: Any
    jumps: Any  # shape (times, ..., n)
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
    """The integration backward, of plain numbers."""

    def __init__(self, way: _Way) -> None:
        self.way, self.n = way, way.size
        self.states, jumps = np.asarray(way.states), np.asarray(way.jumps, float)
        there = np.any(jumps, axis=tuple(range(1, jumps.ndim)))
        self.times, self.jumps = np.asarray(way.times)[there], jumps[there]
        self.left = len(self.times)  # how many jumps are still to be made
        self.sign = -1.0 if way.stops[-1, 0] < way.stops[0, 0] else 1.0

    def run(self) -> Any:
        """Give state and cotangents at the beginning."""
        way, n, stops = self.way, self.n, self.way.stops
        z = np.zeros((*self.states.shape[1:-1], 2 * n + way.parameters))
        if not self.left:
            return z
        integrator = self._integrator(z)
        motion, engine = integrator._motion, integrator._engine
        for state, (time, low) in zip(self.states[::-1], stops[::-1].tolist(), strict=True):
            while self.left and self.sign * self.times[self.left - 1] > self.sign * time:
                self._go(integrator, (float(self.times[self.left - 1]), 0.0))
                self._jump(motion)
            self._go(integrator, (time, low))
            if self.left and self.times[self.left - 1] == time:
                self._jump(motion)
            motion.state, motion.lost = motion.state.copy(), motion.lost.copy()
            motion.state.reshape(z.shape)[..., :n] = state
            motion.lost.reshape(z.shape)[..., :n] = 0
            engine.forget()
        return integrator.state

    def _go(self, integrator: Integrator, end: Time) -> None:
        """Go on to a time, the short way if there are no switches to be watched."""
        flow, motion = integrator._flow, integrator._motion
        if (motion.time, motion.time_low) == end:
            return
        tolerance = integrator._engine.tolerance
        if flow.jumps or flow.run(motion, end, tolerance) is not Exit.END:
            integrator._propagate(end)

    def _jump(self, motion: Motion) -> None:
        """Let the next cotangent in."""
        self.left -= 1
        n, jump = self.n, self.jumps[self.left]
        motion.state = motion.state.copy()
        motion.state.reshape(*jump.shape[:-1], -1)[..., n : 2 * n] += jump

    def _integrator(self, z: Any) -> Integrator:
        """Be at the end."""
        way, problem = self.way, self.way.problem
        options = problem.options
        y = np.asarray(bottom(problem.y0), float)
        limits = tolerance(y, options.tol, options.rtol, options.atol, options.max_step)
        z[..., : self.n] = self.states[-1]
        integrator = Integrator(
            way.fun,
            way.stops[-1, 0],
            z,
            way.args,
            rtol=limits.relative,
            atol=self._floors(z, np.ravel(limits.floors)) * limits.relative,
            order=options.order,
            max_step=options.max_step,
        )
        integrator._motion.time_low = float(way.stops[-1, 1])
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
