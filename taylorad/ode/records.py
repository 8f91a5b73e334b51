"""What is kept of the steps of an integration: their ends, values between them, or all of them."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from taylorad.ode.blocks import Block
from taylorad.ode.dense import OdeSolution
from taylorad.ode.shown import Shown
from taylorad.ode.steps.sampling import evaluate
from taylorad.ode.steps.stepper import Motion

__all__ = ["Checkpoints", "Ends", "Points", "Record", "Segments"]


class Record(Protocol):
    """Something that steps are shown to, before they are overwritten."""

    def take(self, block: Block) -> None:
        """Keep what is wanted of steps."""


class Ends:
    """Times and states at the ends of the steps, and at the start.

    Parameters
    ----------
    start : Motion
    """

    def __init__(self, start: Motion) -> None:
        self.times = [np.array([start.time])]
        self.states = [start.state[None].copy()]

    def take(self, block: Block) -> None:
        self.times.append(block.stops)
        self.states.append(block.states)

    def found(self) -> tuple[Any, Any]:
        """Give times, and states: shape (n, points)."""
        return np.concatenate(self.times), np.concatenate(self.states).T


class Checkpoints:
    """Where steps began, and their middles: the time in two words, and the state."""

    def __init__(self) -> None:
        self.times: list[Any] = []
        self.states: list[Any] = []

    def take(self, block: Block) -> None:
        time, low, h = block.times.T
        half, count = h / 2, len(block)
        middle = time + half
        gap = middle - time
        rest = low + ((time - (middle - gap)) + (half - gap))
        words = np.stack([time, low, middle + rest, rest - ((middle + rest) - middle)], axis=1)
        self.times.append(words.reshape(2 * count, 2))
        within = evaluate(block.coefficients, np.arange(count), half).T
        states = np.stack([block.coefficients[..., 0], within], axis=1)
        self.states.append(states.reshape(2 * count, -1))

    def found(self, last: Motion, shown: Shown) -> tuple[Any, Any]:
        """Give times, shape (points, 2), and states, shape (*shape, points), the last included."""
        times = np.concatenate([*self.times, [[last.time, last.time_low]]])
        states = np.concatenate([*self.states, last.state[None]])
        return times, shown.along(states.T)


class Points:
    """The solution at given times.

    Parameters
    ----------
    start : Motion
    times : ndarray
        Sorted in the direction of travel.
    sign : {-1, 1}
        Of that direction.
    """

    def __init__(self, start: Motion, times: Any, sign: int) -> None:
        self.times, self.sign, self.along = times, sign, sign * times
        self.place = self._up_to(start.time)
        self.values = [np.repeat(start.state[:, None], self.place, axis=1)]

    def _up_to(self, stop: Any) -> int:
        return int(self.along.searchsorted(self.sign * stop, side="right"))

    def take(self, block: Block) -> None:
        first, last = self.place, self._up_to(block.stop)
        if last > first:
            times = self.times[first:last]
            which = (self.sign * block.stops).searchsorted(self.along[first:last])
            s = (times - block.times[which, 0]) - block.times[which, 1]
            self.values.append(evaluate(block.coefficients, which, s))
            self.place = last

    def found(self) -> tuple[Any, Any]:
        """Give the times that were reached, and the values there: shape (n, points)."""
        return self.times[: self.place], np.concatenate(self.values, axis=1)


class Segments:
    """All steps, whole.

    Parameters
    ----------
    start : Motion
    """

    def __init__(self, start: Motion) -> None:
        self.start = start.copy()
        self.times: list[Any] = []
        self.stops: list[Any] = []
        self.coefficients: list[Any] = []

    def take(self, block: Block) -> None:
        self.times.append(block.times.copy())
        self.stops.append(block.stops)
        self.coefficients.append(block.coefficients.copy())

    def solution(self, shown: Shown) -> OdeSolution:
        """Give the continuous solution; without steps it is constant."""
        if not self.times:
            time, low, state = self.start.time, self.start.time_low, self.start.state
            times = np.array([[time, low, 0 * time]])
            return OdeSolution(times, times[:, 0], state[None, :, None], shown)
        parts = (self.times, self.stops, self.coefficients)
        times, stops, coefficients = (np.concatenate(x) for x in parts)
        return OdeSolution(times, stops, coefficients, shown)
