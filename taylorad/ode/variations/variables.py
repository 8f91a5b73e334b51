"""What a solution is varied by: its initial state, the initial time, arguments."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from taylorad.compiler.arguments import NotForMachines, read
from taylorad.errors import InputError
from taylorad.forward.algebra import Algebra, multivariate

__all__ = ["Name", "Variables"]

Name = str | int
"""``"y0"``, ``"t0"``, or the number of an argument."""


class Variables:
    """The variables of polynomials, and where they come from.

    Parameters
    ----------
    wrt : Name or sequence of Name
    y0 : ndarray
    args : tuple

    Attributes
    ----------
    names : list of Name
    shapes : list of tuple of int
    places : list of slice
        Those of each name, among all variables.
    args : tuple
        The arguments; whole numbers among those that vary are floats.
    """

    def __init__(self, wrt: Any, y0: Any, args: tuple[Any, ...]) -> None:
        names = [wrt] if isinstance(wrt, (str, int)) else list(wrt)
        if "args" in names:
            at = names.index("args")
            names[at : at + 1] = range(len(args))
        self.names: list[Name] = names
        if not names or len(set(names)) < len(names):
            raise InputError(f"wrt is {wrt!r}; it must name something to vary, each thing once")
        self.args = list(args)
        self.shapes, self.places = [], []
        count = 0
        for name in names:
            shape = self._shape(name, y0)
            self.shapes.append(shape)
            self.places.append(slice(count, count + math.prod(shape)))
            count += math.prod(shape)
        self.count = count
        if not count:
            raise InputError(f"wrt is {wrt!r}, which has no entries")

    def _shape(self, name: Any, y0: Any) -> tuple[int, ...]:
        if name == "y0":
            return np.shape(y0)
        if name == "t0":
            return ()
        if not isinstance(name, int) or not -len(self.args) <= name < len(self.args):
            raise InputError(
                f"wrt names {name!r}; there are 'y0', 't0', 'args', and the numbers of "
                f"{len(self.args)} arguments"
            )
        number = self.args[name]
        array = np.asarray(number)
        if array.dtype.kind in "iu":
            array = array.astype(float)
            self.args[name] = array[()]
        elif array.dtype.kind != "f" and not all(hasattr(x, "_mpf_") for x in array.flat):
            raise InputError(f"wrt names argument {name}, which is {number!r}: no real numbers")
        return array.shape

    def algebra(self, order: int) -> Algebra:
        """Give the algebra of polynomials of an order."""
        return multivariate(self.count, order)

    def seeds(self) -> list[tuple[int, int]]:
        """Give the parameter and the monomial of each entry of an argument that varies."""
        found = []
        for name, place in zip(self.names, self.places, strict=True):
            if not isinstance(name, int):
                continue
            first = _numbers(self.args[: name % len(self.args)])
            found += [(first + i, 1 + j) for i, j in enumerate(range(place.start, place.stop))]
        return found

    def place(self, name: Name) -> slice | None:
        """Give where the variables of a name are."""
        return dict(zip(self.names, self.places, strict=True)).get(name)

    def number(self, name: Name) -> int:
        if name not in self.names:
            raise InputError(f"there is no derivative by {name!r}, only by {self.names}")
        return self.names.index(name)

    def initial(self, y0: Any, algebra: Algebra) -> Any:
        """Give the coefficients of the initial state."""
        found = np.zeros((algebra.size, *np.shape(y0)), y0.dtype)
        found[0] = y0
        place = self.place("y0")
        if place is not None and algebra.order:
            flat = found.reshape(algebra.size, -1)
            for i, j in enumerate(range(place.start, place.stop)):
                flat[1 + j, i] = 1
        return found


def _numbers(args: Sequence[Any]) -> int:
    """Count the floats in arguments."""
    try:
        leaves: Iterable[Any] = read(tuple(args), {}, frozenset()).leaves
    except NotForMachines:  # mpmath numbers, one argument each
        leaves = args
    arrays = map(np.asarray, leaves)
    return sum(int(a.size) for a in arrays if a.dtype == float or a.dtype == object)
