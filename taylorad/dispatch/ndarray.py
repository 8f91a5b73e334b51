"""The operators, methods and properties that people use of ndarray, for our values.

All are the NumPy function of the same name. NumPy's loops over object arrays look for methods too
(``np.sin`` of an object array calls ``entry.sin()``), so every ufunc of the table is one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np

from taylorad.dispatch.operands import as_operand, bottom
from taylorad.primitives.registry import FUNCTIONS, TABLE, Owner, lookup

__all__ = ["ArrayMethods"]


class ArrayMethods(Owner):
    """Everything about arrays that follows from ``shape``, ``dtype`` and NumPy's functions."""

    _view: Any = None  # of which array it is a part, if it is (see `views`)
    _version = 0

    __hash__ = object.__hash__
    __array_priority__ = 1000.0

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        raise NotImplementedError

    @property
    def number_type(self) -> np.dtype[Any]:
        """Type of the numbers at the bottom: float64, complex128, or object for exact ones."""
        raise NotImplementedError

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers; object for a scalar, as NumPy sees it.

        NumPy's own code for object arrays (``np.mean(np.asarray(x))``) converts its scalars by
        ``scalar.dtype.type``, which for object leaves them alone.
        """
        return self.number_type if self.shape else np.dtype(object)

    def refuse_conversion(self, target: str) -> NoReturn:
        """Raise because the value would lose what it carries as ``target``."""
        raise NotImplementedError

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of entries."""
        return math.prod(self.shape)

    @property
    def T(self: Any) -> Any:
        """The array with its axes reversed."""
        return np.transpose(self)

    @property
    def mT(self: Any) -> Any:
        """The array with its last two axes exchanged."""
        return np.matrix_transpose(self)

    @property
    def flat(self: Any) -> Iterator[Any]:
        """Its entries in C order."""
        return iter(np.ravel(self))

    @property
    def real(self) -> Any:
        """The real part: the value itself; refused for complex numbers."""
        return np.real(self)

    @property
    def imag(self) -> Any:
        """The imaginary part: zero; refused for complex numbers."""
        return np.imag(self)

    def conj(self: Any) -> Any:
        """Give the complex conjugate: the value itself; refused for complex numbers."""
        return np.conjugate(self)

    def reshape(self: Any, *shape: Any, order: Any = "C") -> Any:
        """Give the entries in another shape."""
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, order=order)

    def ravel(self: Any, order: Any = "C") -> Any:
        """Give the entries in one line."""
        return np.ravel(self, order=order)

    def flatten(self: Any, order: Any = "C") -> Any:
        """Give the entries in one line."""
        return np.ravel(self, order=order).copy()

    def transpose(self: Any, *axes: Any) -> Any:
        """Permute the axes."""
        order = axes[0] if len(axes) == 1 else axes or None
        return np.transpose(self, order)

    def astype(self, dtype: Any, **kwargs: Any) -> Any:
        """Give the value itself: floating-point types only."""
        if np.dtype(dtype).kind not in "fcO":
            self.refuse_conversion(f"an array of {np.dtype(dtype)}")
        return self.copy()

    def copy(self, order: str = "C") -> Any:
        """Give a copy that assignments to the original do not reach."""
        as_operand(self)
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin._view = None
        return twin

    __copy__ = copy

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()

    def item(self: Any, *place: Any) -> Any:
        """Give one entry (as a value: it keeps what it carries)."""
        if len(place) == 1 and not isinstance(place[0], tuple):
            return np.ravel(self)[place[0]]
        return self[place[0] if len(place) == 1 else place] if place else np.reshape(self, ())

    def fill(self, value: Any) -> None:
        """Set every entry."""
        self[...] = value

    def sort(self: Any, axis: int = -1, **kwargs: Any) -> None:
        """Sort the entries in place."""
        self[...] = np.sort(self, axis)

    def tolist(self) -> Any:
        """Give nested lists of entries."""
        return [part.tolist() for part in self] if self.shape else self

    def __round__(self, digits: int | None = None) -> Any:
        number = bottom(self)
        return int(np.rint(number)) if digits is None else np.round(number, digits)

    def __divmod__(self: Any, other: Any) -> tuple[Any, Any]:
        return self // other, self % other

    def __rdivmod__(self: Any, other: Any) -> tuple[Any, Any]:
        return other // self, other % self

    def __format__(self, spec: str) -> str:
        if not spec:
            return repr(self)
        number = bottom(self)
        number = getattr(number, "value", number)  # that a trace is made with
        return format(number if self.shape else number[()], spec)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key: Any) -> Any:
        raise NotImplementedError

    def __setitem__(self, key: Any, value: Any) -> None:
        raise NotImplementedError


# --- operators and methods, from the table ---------------------------------------------------


def _operator(ufunc: Any, swapped: bool = False) -> Any:
    row = lookup(ufunc)
    assert row is not None

    def operate(self: Any, other: Any) -> Any:
        if not isinstance(other, (float, int)):
            if not isinstance(other, ArrayMethods) and (
                getattr(other, "__array_ufunc__", True) is None or isinstance(other, str)
            ):
                return NotImplemented
            other = self._entries(other)
        if self._view is not None:
            self.refresh()
        return row(other, self) if swapped else row(self, other)

    return operate


def _in_place(ufunc: Any) -> Any:
    operate = _operator(ufunc)

    def apply(self: Any, other: Any) -> Any:
        result = operate(self, other)
        if not self.shape and self._view is None:
            return result  # scalars are immutable, as NumPy's are
        self._become(result)
        return self

    return apply


def _delegate(function: Any) -> Any:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    method.__doc__ = f"Apply ``np.{function.__name__}``."
    return method


_ARITHMETIC = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.divide,
    "floordiv": np.floor_divide,
    "mod": np.remainder,
    "pow": np.power,
    "matmul": np.matmul,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
}
_UNARY = {
    "neg": np.negative,
    "pos": np.positive,
    "abs": np.absolute,
    "invert": np.invert,
}
_COMPARISONS = {
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}
_METHODS: tuple[Any, ...] = (
    *(np.sum, np.mean, np.prod, np.cumsum, np.cumprod, np.var, np.std, np.ptp),
    *(np.max, np.min, np.argmax, np.argmin, np.argsort, np.searchsorted, np.clip, np.round),
    *(np.dot, np.trace, np.diagonal, np.take, np.repeat, np.squeeze, np.swapaxes),
    *(np.any, np.all, np.nonzero),
)


def _furnish() -> None:
    for name, ufunc in _ARITHMETIC.items():
        setattr(ArrayMethods, f"__{name}__", _operator(ufunc))
        setattr(ArrayMethods, f"__r{name}__", _operator(ufunc, swapped=True))
        setattr(ArrayMethods, f"__i{name}__", _in_place(ufunc))
    for name, ufunc in _COMPARISONS.items():
        setattr(ArrayMethods, f"__{name}__", _operator(ufunc))
    for name, ufunc in _UNARY.items():
        setattr(ArrayMethods, f"__{name}__", _delegate(ufunc))
    for function in _METHODS:
        setattr(ArrayMethods, function.__name__, _delegate(function))
    for function in [*TABLE, *FUNCTIONS]:
        if isinstance(function, np.ufunc) and not hasattr(ArrayMethods, function.__name__):
            setattr(ArrayMethods, function.__name__, _delegate(function))


_furnish()
