"""Values of a call that is being traced, as user code meets them.

They are arrays like any other, but that what Python wants to know of them (a truth value, an index,
a length of time to go on) is written down as a choice; what varies and would be fixed is refused.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from taylorad.dispatch import Value, number_type
from taylorad.dispatch.operands import as_entries, as_operand, refuse
from taylorad.dispatch.value import TYPED
from taylorad.errors import (
    ConversionError,
    NoRuleError,
    NotAnalyticError,
    user_line,
)
from taylorad.primitives.registry import Constant, Owner, enter, lookup
from taylorad.wengert.tape import Entry, Record

if TYPE_CHECKING:
    from taylorad.wengert.trace import Trace

__all__ = ["Traced", "convert", "read_only"]

convert = enter(
    Constant(lambda a, dtype: np.asarray(a).astype(dtype)[()], name="convert", domain=())
)
"""Another type of number, of what carries no derivative."""


class Traced(Entry):
    """A value of a call that is being traced."""

    traced = True
    tape: Trace

    def __init__(self, tape: Trace, number: int) -> None:
        self.tape, self.number, self.tag = tape, number, tape.tag

    @property
    def value(self) -> Any:
        """The value in the call that was traced."""
        return self.tape.value(self.number)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value."""
        return self.tape.kinds[self.number][0]

    @property
    def number_type(self) -> np.dtype[Any]:
        """Type of its numbers."""
        return self.tape.kinds[self.number][1]

    def _adopt(self, other: Entry) -> None:
        self.number = other.number

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers; object for a scalar that carries derivatives, as NumPy sees it."""
        kind = self.number_type
        return super().dtype if kind.kind in "fcO" else kind

    def lift(self, plain: Any) -> Any:
        """Append a constant."""
        value = self.tape._plain(plain) if isinstance(plain, Value) else np.asarray(plain)
        value = value if not value.flags.writeable else value.copy()
        return self.tape._append(Record(None, (), (), {}, value))

    def settle(self) -> Any:
        """Give the plain numbers, which the program is to hold for and no others.

        Raises
        ------
        taylorad.errors.ConversionError
            If the numbers vary from one argument to the next, so that no program would hold.
        """
        if not self.tape.stepwise[self.number]:
            self.refuse_conversion("plain numbers")
        value = read_only(np.asarray(self.value))
        if self.number_type.kind == "b" and not self.shape:
            self.tape.decide(self, bool(self.value))
        else:
            same = np.equal(self, value)
            if value.dtype.kind in "fc" and np.any(np.isnan(value)):
                same = np.logical_or(same, np.logical_and(np.isnan(self), np.isnan(value)))
            bool(np.all(same))
        return value[()]

    def _operand(self, a: Any) -> Any:
        if isinstance(a, (list, tuple)) and any(isinstance(x, (Value, list, tuple)) for x in a):
            return [self._operand(x) for x in a]
        return a if self._keeps(a) else as_operand(a)

    def _entries(self, a: Any) -> Any:
        if not self._keeps(a):
            return as_entries(a)
        small = a.dtype.kind in "iu" and a.itemsize < 8 and self.number_type.str[1:] == "i8"
        return a.astype(int) if small else a

    def _keeps(self, a: Any) -> bool:
        """Tell whether a plain array must keep its type, for the result's depends on it."""
        plain = isinstance(a, (np.ndarray, np.generic)) and a.dtype != object
        return plain and self.number_type.str[1:] not in ("f8", "c16", "O")

    def _become(self, new: Any) -> None:
        if not isinstance(new, Value):
            new = self.lift(new)
        if isinstance(new, Traced) and new.number_type != self.number_type:
            if not np.can_cast(new.number_type, self.number_type, "same_kind"):
                raise TypeError(f"cannot cast {new.number_type} to {self.number_type} in place")
            new = new.astype(self.number_type)
        super()._become(new)

    def __setitem__(self, key: Any, value: Any) -> None:
        value = self._operand(value)
        kind = number_type(value) if isinstance(value, (Traced, np.ndarray, np.generic)) else None
        if kind is not None and kind != self.number_type and kind.kind in "biufc":
            value = value.astype(self.number_type)
        super().__setitem__(key, value)

    def refuse_conversion(self, target: str) -> NoReturn:
        """Raise because a number that varies would be fixed as ``target``."""
        raise ConversionError(
            f"a number that varies from call to call would be fixed as {target}{user_line()}; use "
            "NumPy's functions (np.sin, not math.sin) on it, and pass what is fixed as an int or "
            "with static_argnums"
        )

    def foreign(
        self, function: Callable[..., Any], method: str, args: Any, kwargs: dict[str, Any]
    ) -> Any:
        """Record a function that the table does not know: it will be called as it is.

        Of what is piecewise constant it is called now, and the program holds for that.
        """
        owners = [a for a in (*args, *kwargs.values()) if isinstance(a, Owner)]
        if not owners or any(not isinstance(a, Traced) or a.tape is not self.tape for a in owners):
            refuse(function, method)
        if method == "at":
            refuse(function, method)
        call = function if method == "__call__" else getattr(function, method)
        if all(self.tape.stepwise[a.number] for a in owners):  # type: ignore[attr-defined]
            args = [a.settle() if isinstance(a, Traced) else a for a in args]
            kwargs = {k: a.settle() if isinstance(a, Traced) else a for k, a in kwargs.items()}
            result = call(*args, **kwargs)
            if result is None:  # it was to change an array of which it had a copy
                refuse(function, method)
            return result
        args = [as_operand(a) for a in args]
        if any(isinstance(a, list) for a in args):
            refuse(function, method)
        result = _called_back(call)(*args, **kwargs)
        if not isinstance(result.value, (np.ndarray, np.generic, float, int, complex)):
            refuse(function, method)
        self.tape.stepwise[result.number] = False
        return result

    def __array_ufunc__(
        self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **params: Any
    ) -> Any:
        try:
            inputs, params = _typed(inputs, params)
            return super().__array_ufunc__(ufunc, method, *inputs, out=out, **params)
        except (NoRuleError, NotAnalyticError):
            if out is not None:
                raise
            return self.foreign(ufunc, method, inputs, params)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: Any, kwargs: dict[str, Any]
    ) -> Any:
        try:
            if lookup(function) is not None and function not in TYPED:
                args, kwargs = _typed(args, kwargs)
            return super().__array_function__(function, types, args, kwargs)
        except (NoRuleError, NotAnalyticError):
            return self.foreign(function, "__call__", args, kwargs)

    @property
    def real(self) -> Any:
        """The real part."""
        return np.real(self) if self.number_type.kind == "c" else self

    @property
    def imag(self) -> Any:
        """The imaginary part."""
        return np.imag(self) if self.number_type.kind == "c" else np.zeros(self.shape)

    def conj(self) -> Any:
        """Give the complex conjugate."""
        return np.conj(self) if self.number_type.kind == "c" else self

    def astype(self, dtype: Any, **kwargs: Any) -> Any:
        """Convert to another type of number."""
        dtype = np.dtype(dtype)
        if dtype == self.number_type:
            return self.copy()
        if dtype.kind not in "biufc":
            self.refuse_conversion(f"an array of {dtype}")
        return convert(self, dtype=dtype.str)

    def __bool__(self) -> bool:
        self.refresh()
        if self.number_type.kind != "b":
            return bool(np.not_equal(self, 0))
        return self.tape.decide(self, bool(self.value))

    def __int__(self) -> int:
        return int(self.settle()) if self._is_stepwise else super().__int__()

    def __float__(self) -> float:
        return float(self.settle()) if self._is_stepwise else super().__float__()

    def __index__(self) -> int:
        return operator.index(self.settle()) if self._is_stepwise else super().__index__()

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        if self.number_type.kind in "biu":
            return np.asarray(self.settle(), dtype)
        return super().__array__(dtype, copy)

    @property
    def _is_stepwise(self) -> bool:
        self.refresh()
        return self.tape.stepwise[self.number]


def _typed(args: Any, params: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Convert operands to the type that is asked for, where that loses nothing."""
    if params.get("dtype") is None:
        return args, params
    dtype = np.dtype(params["dtype"])

    def converted(a: Any) -> Any:
        if isinstance(a, (list, tuple)) and any(isinstance(x, Value) for x in a):
            return [converted(x) for x in a]
        return a.astype(dtype) if isinstance(a, Traced) and a.number_type != dtype else a

    kinds = {a.number_type for a in _traced(args)}
    if any(dtype.kind not in "biufc" or not np.can_cast(k, dtype, "same_kind") for k in kinds):
        return args, params
    return tuple(map(converted, args)), {k: v for k, v in params.items() if k != "dtype"}


def _traced(args: Any) -> Iterator[Traced]:
    for a in args:
        if isinstance(a, Traced):
            yield a
        elif isinstance(a, (list, tuple)):
            yield from _traced(a)


@lru_cache(maxsize=1024)
def _called_back(function: Callable[..., Any]) -> Constant:
    """Make the row of a function that the table does not know."""
    return Constant(function, name=getattr(function, "__name__", "function"), opaque=True)


def read_only(value: Any) -> Any:
    """Give an array that no function called back can change."""
    if isinstance(value, np.ndarray) and value.flags.writeable:
        value = value.view()
        value.flags.writeable = False
    return value
