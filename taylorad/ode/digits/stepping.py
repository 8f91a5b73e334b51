"""What steppers in numbers other than doubles have in common: `propagate`, and parts made later."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

import numpy as np

from taylorad.ode.steps.interface import Exit
from taylorad.ode.steps.stepper import Motion, Tolerance

__all__ = ["Later", "Stepping"]

Array = np.ndarray[Any, Any]


class Later:
    """The parts of a recorded step, of shape (1, lines, order + 1), made when someone looks.

    Mostly nobody does; and thousands of mpmath numbers take as long as the step that they are of.

    Attributes
    ----------
    make : callable
        Gives the parts, of shape (lines, order + 1). What it makes them of does not change.
    """

    make: Callable[[], Array]

    @cached_property
    def array(self) -> Array:
        """All of them."""
        return self.make()[None]

    def __getitem__(self, key: Any) -> Any:
        return self.array[key]


class Stepping(ABC):
    """Steps in numbers other than doubles; with the interface of `taylorad.ode.steps.stepper`.

    Parameters
    ----------
    size : int
        How many components there are.
    functions : int
        How many functions of time and state are expanded together with the components.
    order : int
        The last degree of the series.
    """

    def __init__(self, size: int, functions: int, order: int) -> None:
        self.size, self.functions, self.order = size, functions, order
        self._lock = threading.Lock()

    def parts(self) -> Array:
        """Make room for the parts of a step: components, then functions, by degrees."""
        return np.zeros((self.size + self.functions, self.order + 1), object)

    def propagate(
        self,
        motion: Motion,
        end: Any,
        tolerance: Tolerance,
        given: Sequence[Any] | Array = (),
        *,
        end_low: Any = 0.0,
        steps: int = 2**62,
        parts: Array | Later | None = None,
    ) -> Exit:
        """Take steps until a time is reached, or so many have been taken; see `Stepper`.

        What gets the parts of the last step may be a `Later` too.
        """
        with self._lock, self._precision(tolerance):
            status = self._loop(motion, (end, end_low), tolerance, given, steps)
            if parts is not None and (make := self._parts()) is not None:
                if isinstance(parts, Later):
                    parts.make = make
                else:
                    parts[:] = make()
        return status

    @abstractmethod
    def _precision(self, tolerance: Tolerance) -> AbstractContextManager[Any]:
        """Set the precision to work with."""

    @abstractmethod
    def _loop(
        self,
        motion: Motion,
        end: tuple[Any, Any],
        tolerance: Tolerance,
        given: Sequence[Any] | Array,
        steps: int,
    ) -> Exit:
        """Take steps."""

    @abstractmethod
    def _parts(self) -> Callable[[], Array] | None:
        """Give a function that makes the parts of the last step; None if there are none."""
