"""Steps that were taken in one go, with all that is known of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Block"]


@dataclass(slots=True)
class Block:
    """Recorded steps; what they are of is there until the next are recorded.

    Attributes
    ----------
    times : ndarray, shape (count, 3)
        The two words of the time at which each step begins, and its length.
    parts : ndarray, shape (count, lines, order + 1)
        The series of each step: components, then functions.
    size : int
        How many components there are.
    stop : number
        The time at the end of the last step.
    state : ndarray
        The components there.
    ended : bool
        Whether it is a terminal event that ended it.
    """

    times: Any
    parts: Any
    size: int
    stop: Any
    state: Any
    ended: bool = False

    def __len__(self) -> int:
        return len(self.times)

    @property
    def coefficients(self) -> Any:
        """The series of the components."""
        return self.parts[:, : self.size]

    @property
    def stops(self) -> Any:
        """The times at the ends of the steps."""
        return np.append(self.times[1:, 0], np.array([self.stop], self.times.dtype))

    @property
    def states(self) -> Any:
        """The components at the ends of the steps: shape (count, n)."""
        if len(self) == 1:
            return self.state[None].copy()
        return np.concatenate([self.parts[1:, : self.size, 0], self.state[None]])

    def first(self, count: int) -> Block:
        """Give the first few steps."""
        if count == len(self):
            return self
        stop, state = self.times[count, 0], self.parts[count, : self.size, 0]
        return Block(self.times[:count], self.parts[:count], self.size, stop, state)

    def last(self) -> Block:
        """Give the last step, to be kept."""
        return Block(
            self.times[-1:].copy(), self.parts[-1:].copy(), self.size, self.stop, self.state
        )
