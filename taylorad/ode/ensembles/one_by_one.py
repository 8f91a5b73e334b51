"""Trajectories one by one: of large systems, with switches, in Python, of other numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from threading import Event, Lock
from time import perf_counter
from typing import Any

import mpmath

from taylorad.errors import IntegrationError
from taylorad.ode.choice import watching
from taylorad.ode.engine import Engine
from taylorad.ode.ensembles.outcomes import Failure, Outcome
from taylorad.ode.ensembles.problem import Alone, Problem
from taylorad.ode.ensembles.starts import Chunk, Starts, arguments_of
from taylorad.ode.integrator import Integrator
from taylorad.ode.records import Points
from taylorad.ode.steps.stepper import Stepper

__all__ = ["OneByOne", "Retraced", "Stopped", "finish"]


_LOCK = Lock()
"""How precisely mpmath computes is the same for all threads."""


class Stopped(Exception):
    """Nobody waits for the result any more."""


class OneByOne:
    """Solves chunks of a system that was traced once.

    Parameters
    ----------
    problem : Problem

    Raises
    ------
    NotTraceable
        If there is no machine code of it.
    """

    together = 1
    """So many trajectories at least are worth being handed out together."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.order = problem, problem.order
        Stepper(watching(problem.system), problem.order)

    def __call__(self, chunk: Chunk, stop: Event | None = None) -> Outcome:
        return _each(chunk, Alone(self.problem, chunk).engine, stop)


class Retraced:
    """Solves chunks with the function itself, which is traced for each trajectory.

    Parameters
    ----------
    fun : callable
    starts : Starts
    options : dict
        Those of `Integrator`.
    """

    together = 1

    def __init__(self, fun: Callable[..., Any], starts: Starts, options: dict[str, Any]) -> None:
        self.fun, self.options, self.varies = fun, options, starts.varies
        self.args: Sequence[Any] = [
            None if v else a for a, v in zip(starts.args, starts.varies, strict=True)
        ]
        t, y, args = starts.example()
        self.order = Integrator(fun, t, y, args, **options).order  # so mistakes are seen at once
        self.precision = mpmath.mp.prec if starts.dtype == object else None

    def __call__(self, chunk: Chunk, stop: Event | None = None) -> Outcome:
        def engine(i: int) -> Engine:
            t, y = chunk.begin[i], chunk.states[i]
            args = arguments_of(self.args, self.varies, chunk, i)
            return Integrator(self.fun, t, y, args, **self.options)._engine

        if self.precision is None:
            return _each(chunk, engine, stop)
        with _LOCK, mpmath.workprec(self.precision):  # which it is not yet in another process
            return _each(chunk, engine, stop)


def _each(chunk: Chunk, engine_of: Callable[[int], Engine], stop: Event | None) -> Outcome:
    """Integrate one after the other; what goes wrong with one is its own matter."""
    start = perf_counter()
    outcome = Outcome.of(chunk)
    for i in range(len(chunk)):
        try:
            engine = engine_of(i)
        except Exception as error:
            outcome.failures[i] = Failure.by(error)
            continue
        machine_code = isinstance(engine.flow.stepper, Stepper)
        if machine_code and not (chunk.times.shape[1] or engine.flow.jumps):
            if _arrives(engine, chunk, i, outcome, stop):
                continue
            engine = engine_of(i)
        finish(engine, chunk, i, outcome, stop)
    outcome.seconds = perf_counter() - start
    return outcome


def _arrives(engine: Engine, chunk: Chunk, i: int, outcome: Outcome, stop: Event | None) -> bool:
    """Integrate a trajectory as if nothing were amiss on the way; tell whether that is so."""
    motion, end = engine.motion, chunk.end[i]
    try:
        while motion.time != end or motion.time_low:
            _look(stop)
            engine.run((end, 0.0), math.inf)
    except Stopped:
        raise
    except Exception:
        return False
    outcome.stands(i, motion, engine.flow.shown)
    return True


def _look(stop: Event | None) -> None:
    if stop is not None and stop.is_set():
        raise Stopped


def finish(engine: Engine, chunk: Chunk, i: int, outcome: Outcome, stop: Event | None) -> None:
    """Integrate a trajectory of a chunk to its end, and note what became of it.

    It takes the steps that `solve_ivp` takes.
    """
    motion, end, times = engine.motion, chunk.end[i], chunk.times[i]
    points = Points(motion, times, -1 if end < motion.time else 1) if len(times) else None
    engine.begin()
    good = motion.noted()
    try:
        while motion.time != end or motion.time_low:
            _look(stop)
            good = motion.noted()
            block = engine.advance((end, 0.0))
            if points is not None:
                points.take(block)
    except Stopped:
        raise
    except IntegrationError as error:
        outcome.failures[i] = Failure.by(error)
    except Exception as error:  # of the user's function
        outcome.failures[i] = Failure.by(error)
        motion.restore(good)
    outcome.stands(i, motion, engine.flow.shown)
    if points is not None:
        reached, values = points.found()
        seen = engine.flow.shown.along(values)
        outcome.values[i, :, : len(reached)] = seen.reshape(outcome.states.shape[1], len(reached))
