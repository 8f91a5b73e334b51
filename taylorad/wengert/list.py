"""The Wengert list: the program of a call, one operation a line, each result assigned once.

A list is in normal form: constants are lines of their own, no two lines compute the same, nothing
is computed in vain, and shapes and types of all results are known. It is data: `simplify` makes it,
`text`, `notebook` and `graph` show it, `source` and `symbols` write it in other languages, the
compiler reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from taylorad.primitives.registry import Primitive

__all__ = ["Guard", "Line", "WengertList", "frozen", "kept", "repeats"]


class Line:
    """One line: ``row(*operands, **params)``, an input, or a constant.

    Attributes
    ----------
    row : Primitive or None
        The operation; None for inputs and constants.
    operands : tuple of int
        Numbers of earlier lines. The last ``len(names)`` of them are parameters of the row.
    names : tuple of str
        Names of the parameters that are lines: ``condition`` of where, ``places`` of gather.
    params : dict
        The other parameters: shapes, axes, keys.
    shape, dtype
        Of the result.
    value
        The numbers of a constant; None for the others.
    origin : (str, int) or None
        File and line of the user's code.
    """

    __slots__ = ("dtype", "names", "operands", "origin", "params", "row", "shape", "value")

    def __init__(
        self,
        row: Primitive | None,
        operands: tuple[int, ...],
        params: dict[str, Any],
        names: tuple[str, ...],
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        value: Any = None,
        origin: tuple[str, int] | None = None,
    ) -> None:
        self.row, self.operands, self.params, self.names = row, operands, params, names
        self.shape, self.dtype, self.value, self.origin = shape, dtype, value, origin

    @property
    def is_input(self) -> bool:
        """Whether the line is an argument of the program."""
        return self.row is None and self.value is None

    @property
    def is_constant(self) -> bool:
        """Whether the line is a number or an array that the program holds."""
        return self.row is None and self.value is not None

    @property
    def arguments(self) -> tuple[int, ...]:
        """The operands that the row takes by position."""
        return self.operands[: len(self.operands) - len(self.names)]

    @property
    def computed_params(self) -> dict[str, int]:
        """The parameters that are lines."""
        return dict(zip(self.names, self.operands[len(self.operands) - len(self.names) :]))

    def moved(self, operands: tuple[int, ...], is_input: bool = False) -> Line:
        """Give the same line of another list, with operands of that; or its result as an input."""
        row, value = (None, None) if is_input else (self.row, self.value)
        return Line(
            row, operands, self.params, self.names, self.shape, self.dtype, value, self.origin
        )

    def apply(self, values: Sequence[Any]) -> Any:
        """Compute the line from the values of all earlier ones."""
        assert self.row is not None
        computed = {name: values[i] for name, i in self.computed_params.items()}
        return self.row(*(values[i] for i in self.arguments), **self.params, **computed)


@dataclass(frozen=True)
class Guard:
    """A choice of the traced call: the program holds where ``line`` comes out ``expected``."""

    line: int
    expected: bool
    origin: tuple[str, int] | None = None


@dataclass
class WengertList:
    """A program in normal form.

    Attributes
    ----------
    lines : list of Line
    inputs, outputs : list of int
        Line numbers; an output may be an input or a constant.
    guards : list of Guard
    """

    lines: list[Line] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    guards: list[Guard] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.lines)

    def __getitem__(self, number: int) -> Line:
        return self.lines[number]

    def evaluate(self, *inputs: Any, check: Callable[[int, Any], None] | None = None) -> list[Any]:
        """Give the values of all lines for other inputs, of any number type.

        Parameters
        ----------
        *inputs : numbers or arrays
        check : callable, optional
            Called with the number and the value of a line as soon as it is computed, so that it may
            raise before others are.

        Raises
        ------
        ValueError
            For another number of inputs than the list has.
        """
        if len(inputs) != len(self.inputs):
            raise ValueError(f"the list has {len(self.inputs)} inputs, not {len(inputs)}")
        values: list[Any] = [line.value for line in self.lines]
        for number, value in zip(self.inputs, inputs, strict=True):
            values[number] = value
        for number, line in enumerate(self.lines):
            if line.row is not None:
                values[number] = line.apply(values)
                if check is not None:
                    check(number, values[number])
        return values

    def users(self) -> list[list[int]]:
        """For every line the lines that use it, once each."""
        users: list[list[int]] = [[] for _ in self.lines]
        for number, line in enumerate(self.lines):
            for source in dict.fromkeys(line.operands):
                users[source].append(number)
        return users


_LARGE = 4096


def repeats(a: np.ndarray[Any, Any]) -> bool:
    """Tell whether all entries of an array are one number, down to the sign of zero; not of NaN."""
    kind = a.dtype.kind
    if not a.size or kind not in "biufc":
        return False
    first = a.flat[0]
    if first != first or a.flat[-1] != first:
        return False
    if not any(a.strides):
        return True
    if not np.all(a == first):
        return False
    return bool(
        first != 0 or kind in "biu" or (kind == "f" and not np.ptp(np.signbit(a).view("i1")))
    )


def kept(a: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Copy an array that is to stay as it is; one number that a large one repeats is kept once."""
    return np.broadcast_to(a.flat[0], a.shape) if a.size > _LARGE and repeats(a) else a.copy()


class _Content:
    """A large array as a key, equal for arrays of the same bits.

    It is hashed by some of its entries: what takes the time with a large array is to go through it.
    """

    __slots__ = ("_array", "_hash")

    def __init__(self, a: np.ndarray[Any, Any]) -> None:
        self._array = a
        some = a.flat[:: max(1, a.size // 64)]
        self._hash = hash((a.shape, a.dtype.str, some.tobytes()))

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> Any:
        return _Content, (self._array,)  # the hash is of this process

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Content) or other._hash != self._hash:
            return False
        a, b = self._array, other._array
        if a is b:
            return True
        if (a.shape, a.dtype) != (b.shape, b.dtype):
            return False
        if a.itemsize == 8 and a.dtype.kind in "fiu":
            return bool(np.all(a.view(np.int64) == b.view(np.int64)))
        return a.tobytes() == b.tobytes()


def frozen(a: Any) -> Any:
    """Give something hashable that is equal for equal parameters, and different for others.

    It may refer to a large array, which is not to be changed from then on.
    """
    kind = type(a)
    if kind is int:
        return a
    if kind is float:
        return ("float", a.hex())  # -0.0 == 0.0, and NaN is not NaN
    if isinstance(a, (tuple, list)):
        return tuple(map(frozen, a))
    if isinstance(a, dict):
        return (*sorted(a), *map(frozen, map(a.__getitem__, sorted(a)))) if a else ()
    if isinstance(a, np.ndarray):
        if a.size > _LARGE:
            return (a.shape, a.dtype.str, repr(a.flat[0])) if repeats(a) else _Content(a)
        return (a.shape, a.dtype.str, a.tobytes())
    if kind is slice:
        return ("slice", a.start, a.stop, a.step)
    if isinstance(a, (float, complex, np.generic)):
        return (kind.__name__, repr(a))
    return (kind.__name__, a)
