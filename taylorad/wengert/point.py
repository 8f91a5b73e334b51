"""What scalar lines are at one point, and a little aside of it, computed when someone asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from taylorad.primitives.registry import Constant
from taylorad.wengert.arithmetic import Scalars
from taylorad.wengert.unrounded import Unrounded

__all__ = ["Point"]

ASIDE = 1e-4
"""By so much, relatively, arguments are changed to see what is so by chance."""


class Point:
    """A point at which a list is run that is still being written.

    Parameters
    ----------
    scalars : Scalars
    inputs : mapping of int to number or ndarray
        What is given, by line.
    varying : sequence of int
        Those that are others aside.
    """

    def __init__(self, scalars: Scalars, inputs: Mapping[int, Any], varying: Sequence[int]) -> None:
        self.scalars, self.inputs, self.varying = scalars, inputs, varying
        self._known: list[Any] = []
        self._moving = bytearray()

    def value(self, number: int, aside: bool = False) -> float:
        """Compute a line, there or a little aside, on the same branch."""
        if number < 0:
            return 0.0
        known = self._aside if aside else self._here
        lines = self.scalars.lines
        known += [None] * (len(lines) - len(known))
        with np.errstate(all="ignore"):
            todo = [number]
            while todo:
                i = todo[-1]
                line = lines[i]
                missing = [j for j in line.operands if known[j] is None]
                if known[i] is not None or line.row is None or not missing:
                    todo.pop()
                    if aside and isinstance(line.row, Constant):
                        self.value(i)
                        known[i] = self._here[i]
                    elif known[i] is None:
                        known[i] = line.value if line.row is None else line.apply(known)
                else:
                    todo += missing
        return float(known[number])

    def moves(self, number: int) -> bool:
        """Tell whether a line depends on anything that is given."""
        moving, lines = self._moving, self.scalars.lines
        one = self.scalars.one if isinstance(self.scalars, Unrounded) else None
        for i in range(len(moving), len(lines)):
            given = i in self.inputs or any(moving[j] for j in lines[i].operands)
            moving.append(given and i != one)
        return number >= 0 and bool(moving[number])

    @cached_property
    def _here(self) -> list[Any]:
        known: list[Any] = [None] * len(self.scalars.lines)
        for i, x in self.inputs.items():
            known[i] = x
        return known

    @cached_property
    def _aside(self) -> list[Any]:
        known, random = list(self._here[: max(self.inputs) + 1]), np.random.default_rng(0)
        known = [x if i in self.inputs else None for i, x in enumerate(known)]
        for i in self.varying:
            x = np.asarray(known[i])
            known[i] = (x + ASIDE * (np.abs(x) + 1) * random.uniform(0.5, 1.5, x.shape))[()]
        return known
