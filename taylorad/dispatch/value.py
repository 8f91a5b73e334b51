"""What NumPy calls mean on our values.

A `Value` is a duck array: NumPy hands every call that involves one to `Value.__array_ufunc__` or
`Value.__array_function__`, which find the row in the table; the row asks its owner, the argument
with the largest tag. Tags are drawn afresh for every transformation, so the innermost one open
always answers first, and nested derivatives cannot confuse their perturbations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from taylorad.dispatch.ndarray import ArrayMethods
from taylorad.dispatch.operands import as_entries, as_operand, bottom, refuse
from taylorad.dispatch.views import indexed, rearranged
from taylorad.errors import ConversionError, MutationError, NotAnalyticError, user_line
from taylorad.primitives import indexing, linear
from taylorad.primitives.registry import TABLE, Primitive, lookup

__all__ = ["TYPED", "Value"]


class Value(ArrayMethods):
    """An array that belongs to a transformation: to be subclassed.

    A subclass gives ``shape``, ``dtype``, ``primal`` (the value one level down) and ``interpret``,
    says with ``lift`` how a plain array joins the transformation, and with ``_adopt`` how to take
    over the state of another value of its own class, which is what assignment amounts to.
    """

    @property
    def primal(self) -> Any:
        """The value one level down, without what this transformation carries."""
        raise NotImplementedError

    @property
    def is_complex(self) -> bool:
        """Whether the numbers are complex; of exact ones, whether any of them is."""
        kind = self.number_type.kind
        return kind == "c" or (kind == "O" and _has_complex(bottom(self)))

    def parts(self, what: str) -> tuple[Any, Any]:
        """Give real and imaginary part of complex numbers, which ``what`` needs."""
        raise NotAnalyticError(what)

    def lift(self, plain: Any) -> Any:
        """Give ``plain`` as a value of this transformation, carrying nothing."""
        raise NotImplementedError

    def _adopt(self, other: Any) -> None:
        raise NotImplementedError

    def add_at(self, key: tuple[Any, ...], piece: Any) -> bool:
        """Add to a part in place, and tell whether that was possible; only a sole holder may."""
        return False

    def foreign(
        self, function: Callable[..., Any], method: str, args: Any, kwargs: dict[str, Any]
    ) -> Any:
        """Say what a function means that the table does not know."""
        refuse(function, method)

    def _operand(self, a: Any) -> Any:
        """Turn what stands beside this value in a call into a value or a plain array."""
        return as_operand(a)

    def _entries(self, a: Any) -> Any:
        """The same for functions that work entry by entry."""
        return as_entries(a)

    # --- NumPy's protocols ---

    def __array_ufunc__(
        self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **params: Any
    ) -> Any:
        row = TABLE.get(ufunc) if method == "__call__" else None
        if row is None:
            found = lookup(ufunc if method == "__call__" else (ufunc, method))
            if found is None:
                return self.foreign(ufunc, method, inputs, params)
            row = found  # type: ignore[assignment]
        if params:
            params = _without_storage(ufunc, params)
            params.pop("order", None)
            if method == "__call__" and (
                "where" in params or (params and isinstance(row, Primitive))
            ):
                raise TypeError(
                    f"np.{ufunc.__name__}: {', '.join(params)}= is not supported on values that "
                    f"carry derivatives{user_line()}; use np.where on the result"
                )
        result = row(*map(self._entries, inputs), **params)  # type: ignore[misc]
        return result if out is None else _write_out(out[0], result)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: Any, kwargs: dict[str, Any]
    ) -> Any:
        row = lookup(function)
        if row is None:
            if function in _CREATORS:
                return _create(self, function, args, kwargs)
            return self.foreign(function, "__call__", args, kwargs)
        kwargs = {k: as_operand(v) for k, v in kwargs.items()}
        if function not in TYPED:
            kwargs = _without_storage(function, kwargs)
        out = kwargs.pop("out", None)
        result = row(*map(self._operand, args), **kwargs)
        rearranged(function, args, kwargs, result)
        return result if out is None else _write_out(out, result)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        """Make an object array of scalar values (NumPy calls this where it wants an ndarray)."""
        if dtype is not None and np.dtype(dtype) != object:
            self.refuse_conversion(f"a NumPy array of {np.dtype(dtype)}")
        self.refresh()
        out = np.empty(self.shape, object)
        if self.shape:
            for place in np.ndindex(self.shape):
                out[place] = linear.index(self, key=place)
        else:
            out[()] = self
        return out

    # --- conversions: what would lose a derivative is refused ---

    def __bool__(self) -> bool:
        self.refresh()
        return bool(self.primal)

    def refuse_conversion(self, target: str) -> NoReturn:
        """Raise because the value would lose what it carries as ``target``."""
        raise ConversionError(
            f"a number that carries derivatives would lose them as {target}"
            f"{user_line()}; use NumPy's functions (np.sin, not math.sin), which keep them, and "
            "np.zeros_like(x) or np.stack for arrays that hold such values"
        )

    def __float__(self) -> float:
        self.refuse_conversion("a float")

    def __int__(self) -> int:
        self.refuse_conversion("an int")

    def __complex__(self) -> complex:
        self.refuse_conversion("a complex")

    def __index__(self) -> int:
        self.refuse_conversion("an index")

    def _mpmath_(self, precision: Any, rounding: Any) -> NoReturn:
        self.refuse_conversion("an mpmath number")

    # --- indexing and assignment ---

    def __getitem__(self, key: Any) -> Any:
        key = key if isinstance(key, tuple) else (key,)
        if not indexing.is_basic(key):
            key = _plain_key(key)
        if self._view is not None:
            self.refresh()
        part = indexing.getitem(self, key)
        indexed(self, key, part)
        return part

    def __setitem__(self, key: Any, value: Any) -> None:
        key = _plain_key(key if isinstance(key, tuple) else (key,))
        self.refresh()
        self._become(indexing.setitem(self, key, as_operand(value)))

    def _become(self, new: Any) -> None:
        """Take over the value of ``new``: all that assignment and in-place operators do."""
        if not isinstance(new, Value):
            new = self.lift(new)
        if type(new) is not type(self) or new.tag != self.tag:
            raise MutationError(
                f"cannot keep a {type(new).__name__} of an inner derivative in a "
                f"{type(self).__name__} of an outer one{user_line()}; build a new array with "
                "np.stack or np.concatenate"
            )
        if new.shape != self.shape:
            raise ValueError(f"cannot put shape {new.shape} in place of shape {self.shape}")
        self._adopt(new)
        self._version += 1
        if self._view is not None:
            self._view.put_back(self)

    def refresh(self) -> None:
        """Show what the array that this is a view of holds now."""
        if self._view is not None:
            new = self._view.current()
            if new is not None:
                self._adopt(new)
                self._version += 1  # views of this view are to be cut again as well


def _without_storage(function: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Drop what only says how results are stored; types that would change numbers are refused."""
    dtype = params.pop("dtype", None)
    if dtype is not None and np.dtype(dtype) not in (float, complex, object):
        name = getattr(function, "__name__", function)
        raise TypeError(
            f"np.{name}(dtype={np.dtype(dtype)}) would lose what the numbers carry"
            f"{user_line()}; they are float64, complex128 or exact: drop dtype="
        )
    return {k: v for k, v in params.items() if k not in _STORAGE_ONLY}


def _has_complex(a: Any) -> bool:
    """Tell whether there is a complex number among exact ones."""
    return any(hasattr(x, "_mpc_") or isinstance(x, complex) for x in np.ravel(a))


_STORAGE_ONLY = frozenset({"casting", "subok", "signature"})
TYPED = {np.zeros_like, np.ones_like, np.empty_like, np.full_like}


_CREATORS = {np.zeros, np.ones, np.empty, np.full, np.array, np.asarray, np.asanyarray}


def _create(like: Value, function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Make an array by a NumPy creation function called with ``like=``."""
    if function in (np.array, np.asarray, np.asanyarray):
        operand = as_entries(args[0])
        if not isinstance(operand, Value):
            return like.lift(np.asarray(operand))
        return operand.copy() if function is np.array else operand
    if function is np.full and isinstance(args[1], Value):
        return np.full_like(args[1], args[1], shape=args[0])
    return like.lift(function(*args, **kwargs))


def _write_out(out: Any, result: Any) -> Any:
    out = out[0] if isinstance(out, tuple) else out
    if not isinstance(out, Value):
        raise MutationError(
            f"out= is a plain array, which cannot hold values that carry derivatives{user_line()}; "
            "drop out=, or make it with np.zeros_like of such a value"
        )
    out[...] = result
    return out


def _plain_key(key: Any) -> Any:
    if isinstance(key, tuple):
        return tuple(map(_plain_key, key))
    if isinstance(key, list):
        return np.asarray(key, dtype=None if key else int)
    if isinstance(key, Value):
        if key.traced and key.number_type.kind == "i":
            return key
        if key.traced:
            return key.settle()
        raise ConversionError(
            f"an index carries derivatives{user_line()}; indices are whole numbers: take them "
            "from np.argmax, np.floor(...).astype(int) on plain arrays, or range"
        )
    return key
