"""What becomes of trajectories: of those of a chunk, and of all."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from taylorad.errors import InputError, TayloradError
from taylorad.ode.ensembles.starts import Chunk, Starts
from taylorad.ode.shown import Shown
from taylorad.ode.steps.stepper import Motion

__all__ = ["Failure", "Outcome", "Outcomes"]

Array = np.ndarray[Any, Any]


class Failure(NamedTuple):
    """Why a trajectory could not go on, and where it seems to be singular."""

    message: str
    singularity: Any = None

    @classmethod
    def by(cls, error: Exception) -> Failure:
        """Say what an exception says."""
        text = (
            str(error) if isinstance(error, TayloradError) else f"{type(error).__name__}: {error}"
        )
        return cls(text, getattr(error, "singularity", None))


@dataclass
class Outcome:
    """What became of a chunk; at first nothing has happened yet.

    Attributes
    ----------
    times : ndarray, shape (count,)
        The last good ones.
    states : ndarray, shape (count, n)
        Then.
    values : ndarray, shape (count, n, points)
        The solutions at times that were asked for; NaN where these were not reached.
    steps : ndarray, shape (count,)
    failures : dict of int to Failure
        By places in the chunk.
    seconds : float
        How long it took.
    """

    times: Array
    states: Array
    values: Array
    steps: Array
    failures: dict[int, Failure] = field(default_factory=dict)
    seconds: float = 0.0

    @classmethod
    def of(cls, chunk: Chunk) -> Outcome:
        states = chunk.states.reshape(len(chunk), math.prod(chunk.states.shape[1:]))
        values = np.full((*states.shape, chunk.times.shape[1]), math.nan, states.dtype)
        return cls(chunk.begin.copy(), states, values, np.zeros(len(chunk), np.int64))

    def stands(self, i: int, motion: Motion, shown: Shown) -> None:
        """Note where a trajectory stands, as far as the user sees its state."""
        self.times[i], self.states[i] = motion.time, shown.of(motion.state).ravel()
        self.steps[i] = motion.steps


class Outcomes:
    """What became of all.

    Parameters
    ----------
    starts : Starts
    out : array, optional
        Gets the states.
    """

    def __init__(self, starts: Starts, out: Any = None) -> None:
        self.points = starts.points
        shape = (starts.count, *starts.shape, *([] if self.points is None else [self.points]))
        if out is not None and tuple(getattr(out, "shape", ())) != shape:
            raise InputError(f"`out` must be an array of shape {shape}")
        if out is not None and not np.can_cast(starts.dtype, out.dtype, "same_kind"):
            raise InputError(f"`out` has dtype {out.dtype}, and states are {starts.dtype}")
        self.y = np.empty(shape, starts.dtype) if out is None else out
        self.t = np.empty(starts.count, object if starts.dtype == object else float)
        self.status = np.zeros(starts.count, np.int8)
        self.nsteps = np.zeros(starts.count, np.int64)
        self.singularity = np.full(starts.count, math.nan)
        self.messages: dict[int, str] = {}

    def take(self, chunk: Chunk, outcome: Outcome) -> None:
        """Note what became of a chunk."""
        rows = slice(chunk.first, chunk.first + len(chunk))
        found = outcome.states if self.points is None else outcome.values
        self.y[rows] = found.reshape(len(chunk), *self.y.shape[1:])
        self.t[rows], self.nsteps[rows] = outcome.times, outcome.steps
        for i, (message, singularity) in outcome.failures.items():
            self.messages[chunk.first + i] = message
            self.status[chunk.first + i] = -1
            if singularity is not None:
                self.singularity[chunk.first + i] = float(singularity)
