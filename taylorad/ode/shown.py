"""What users see of states.

Steps are taken of vectors of real numbers, or of what else a stepper has. A user's state may have
any shape; others may stand behind it; and complex numbers may be pairs of real ones.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from taylorad.ode.steps.stepper import Tolerance

__all__ = ["Shown"]


class Shown:
    """The user's view of vectors of numbers.

    Parameters
    ----------
    shape : tuple of int
        Of the user's state.
    in_pairs : bool
        Whether each of its numbers is complex, and two of the vector's.
    """

    def __init__(self, shape: tuple[int, ...], in_pairs: bool = False) -> None:
        self.shape, self.in_pairs = shape, in_pairs
        self.size = math.prod(shape) * (1 + in_pairs)

    def of(self, states: Any) -> Any:
        """Give states of vectors: shape ``(..., n)`` becomes ``(..., *shape)``."""
        seen = states[..., : self.size]
        if self.in_pairs:
            seen = np.ascontiguousarray(seen).view(complex)
        return seen.reshape((*states.shape[:-1], *self.shape))

    def along(self, columns: Any) -> Any:
        """Give states of columns: shape ``(n, points)`` becomes ``(*shape, points)``."""
        if self.in_pairs:
            return np.moveaxis(self.of(columns.T), 0, -1)
        return columns[: self.size].reshape((*self.shape, *columns.shape[1:]))

    def limits(self, tolerance: Tolerance) -> Tolerance:
        """Give the tolerance of vectors, of that of states."""
        return replace(tolerance, floors=np.repeat(tolerance.floors, 1 + self.in_pairs))

    def vector(self, y: Any) -> Any:
        """Give the vector of a state."""
        return np.ascontiguousarray(y, complex).view(float).ravel() if self.in_pairs else y.ravel()
