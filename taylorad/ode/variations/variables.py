"""What a solution is varied by: its initial state, the initial time, arguments."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from taylorad.dispatch.operands import size_of
from taylorad.errors import InputError
from taylorad.forward.algebra import Algebra, multivariate
from taylorad.ode.digits.precision import exact_state
from taylorad.ode.leaves import numbered

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
        self.args = list(args)
        names = [wrt] if isinstance(wrt, str) or not isinstance(wrt, Iterable) else list(wrt)
        if "args" in names:
            at = names.index("args")
            names[at : at + 1] = range(len(args))
        self.names: list[Name] = [self._name(name) for name in names]
        if not names or len(set(self.names)) < len(names):
            raise InputError(f"wrt is {wrt!r}; it must name something to vary, each thing once")
        self.shapes, self.places = [], []
        count = 0
        for name in self.names:
            shape = self._shape(name, y0)
            self.shapes.append(shape)
            self.places.append(slice(count, count + math.prod(shape)))
            count += math.prod(shape)
        self.count = count
        if not count:
            raise InputError(f"wrt is {wrt!r}, which has no entries")

    def _name(self, name: Any) -> Name:
        """Check a name; arguments counted from the last are counted from the first."""
        if isinstance(name, str) and name in ("y0", "t0"):
            return name
        count = len(self.args)
        is_number = isinstance(name, (int, np.integer)) and not isinstance(name, bool)
        if is_number and -count <= name < count:
            return int(name) % count
        raise InputError(
            f"wrt names {name!r}; there are 'y0', 't0', 'args', and the numbers of {count} "
            "arguments"
        )

    def _shape(self, name: Name, y0: Any) -> tuple[int, ...]:
        if name == "y0":
            return np.shape(y0)
        if name == "t0":
            return ()
        number = self.args[int(name)]
        array = np.asarray(number)
        if array.dtype.kind in "iuf" and array.dtype != float:
            array = array.astype(float)
            self.args[int(name)] = array[()]
        elif array.dtype != float:
            kinds = (float, int, Fraction, np.floating, np.integer)
            exact = [hasattr(x, "_mpf_") for x in array.flat]
            if not all(x or isinstance(y, kinds) for x, y in zip(exact, array.flat)):
                raise InputError(
                    f"wrt names argument {name}, which is {number!r}: no number or array of real "
                    "numbers"
                )
            if not all(exact):
                self.args[int(name)] = exact_state(array)[()]
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
            first = _numbers(self.args[:name])
            found += [(first + i, 1 + j) for i, j in enumerate(range(place.start, place.stop))]
        return found

    def place(self, name: Name) -> slice | None:
        """Give where the variables of a name are."""
        return dict(zip(self.names, self.places, strict=True)).get(name)

    def number(self, name: Name) -> int:
        found = self._name(name)
        if found not in self.names:
            raise InputError(f"there is no derivative by {name!r}, only by {self.names}")
        return self.names.index(found)

    def times(self, t0: Any, algebra: Algebra) -> Any:
        """Give the coefficients of the initial time."""
        found = np.zeros(algebra.size, object if hasattr(t0, "_mpf_") else float)
        found[0] = t0
        place = self.place("t0")
        if place is not None and algebra.order:
            found[1 + place.start] = 1
        return found

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
    """Count the parameters in arguments."""
    leaves, first, _ = numbered(tuple(args))
    return sum(int(size_of(x)) for x, number in zip(leaves, first, strict=True) if number >= 0)
