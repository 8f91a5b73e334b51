"""A system that has been traced, and how exact its solutions are to be: all that a worker needs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from taylorad.compiler.arguments import read
from taylorad.ode.engine import Engine
from taylorad.ode.ensembles.starts import Chunk, Starts
from taylorad.ode.flow import Flow
from taylorad.ode.inputs import as_start
from taylorad.ode.steps.stepper import Motion, Tolerance
from taylorad.ode.tolerances import natural_floors
from taylorad.ode.tracing.system import System

__all__ = ["Alone", "Problem"]

Array = np.ndarray[Any, Any]


class Problem:
    """What all trajectories have in common.

    Parameters
    ----------
    traced : System
        Without guards: then it is the same for all.
    order : int
    tolerance : Tolerance
    own_floors : bool
        Whether the floors follow from the state that a trajectory begins with.
    starts : Starts
    """

    def __init__(
        self, traced: System, order: int, tolerance: Tolerance, own_floors: bool, starts: Starts
    ) -> None:
        self.system, self.order = traced, order
        self.tolerance, self.own_floors = tolerance, own_floors
        # The parameters of all; those of which every trajectory has its own are missing.
        self._given = [
            None if varies else _numbers(a)
            for a, varies in zip(starts.args, starts.varies, strict=True)
        ]

    def given(self, chunk: Chunk) -> Array:
        """Give the parameters, of all or of each."""
        if not chunk.args:
            return np.concatenate([*self._given, ()])
        count, own = len(chunk), iter(chunk.args)
        columns = [
            _rows(next(own)) if numbers is None else np.broadcast_to(numbers, (count, numbers.size))
            for numbers in self._given
        ]
        return np.concatenate(columns, axis=1)

    def floors(self, states: Array) -> Array:
        """Give the floors, of all or of each."""
        if not self.own_floors:
            return self.tolerance.floors
        return np.repeat(natural_floors(states)[:, None], states.shape[1], axis=1)

    def exact(self, floors: Array) -> Tolerance:
        """Give the tolerance with such floors."""
        return Tolerance(self.tolerance.relative, floors, self.tolerance.longest)


class Alone(Flow):
    """Takes steps of a single trajectory; does without the function.

    Parameters
    ----------
    problem : Problem
    chunk : Chunk
        Where it is from.
    """

    def __init__(self, problem: Problem, chunk: Chunk) -> None:
        self.problem, self.chunk = problem, chunk
        self._states = chunk.states.reshape(len(chunk), -1)
        self._all_given, self._all_floors = problem.given(chunk), problem.floors(self._states)
        super().__init__(_missing, [], (), problem.order, 0.0, np.zeros(problem.system.shape))

    def _traced(self, t: float, y: Any) -> System:
        return self.problem.system

    def engine(self, i: int) -> Engine:
        """Put it where a trajectory begins."""
        own, floors = self._all_given, self._all_floors
        y, t = as_start(self._states[i]), float(self.chunk.begin[i])
        self.parameters = (own[i] if own.ndim == 2 else own).tolist()
        self._begin_with(self.switches, t, y)
        tolerance = self.problem.exact(floors[i] if floors.ndim == 2 else floors)
        return Engine(self, Motion(y, np.zeros(y.size), t), tolerance, [])


def _missing(*_: Any) -> None:
    raise AssertionError("what makes no choices is not traced anew")


def _numbers(a: Any) -> Array:
    """Give those numbers of an argument that are parameters."""
    leaves = read((a,), {}, frozenset()).leaves
    moving = [np.ravel(x) for x in leaves if np.asarray(x).dtype == float]
    return np.concatenate([*moving, np.empty(0)])


def _rows(a: Any) -> Array:
    """Give an argument of which every trajectory has its own as a matrix."""
    numbers = np.asarray(a, float)
    return numbers.reshape(len(numbers), math.prod(numbers.shape[1:]))
