"""Where user data come in and results go out: checks of points and of what functions return."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from taylorad.dispatch import Value, as_operand, bottom, number_type
from taylorad.dispatch.containers import flatten
from taylorad.errors import (
    ConversionError,
    InputError,
    InputTypeError,
    MutationError,
    OutputError,
    TayloradError,
    line_of,
)

__all__ = [
    "as_outputs",
    "as_point",
    "as_points",
    "evaluate",
    "scalar_output",
]


# What NumPy says of object arrays, where it asks nobody.
_OBJECT_ARRAYS = (
    "which has no callable",
    "'float' object has no attribute",
    "'int' object has no attribute",
    "not supported for the input types",
    "Cannot cast ufunc",
    "dtype('O')",
)


def evaluate(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a user's function, and say of NumPy's errors on our values what they mean."""
    if not callable(f):
        raise InputTypeError(f"a function is to be differentiated, not {f!r}")
    try:
        return f(*args, **kwargs)
    except IndexError as error:
        if "arrays are valid indices" in str(error):  # all NumPy says of an index that is no number
            raise ConversionError(
                f"an index is not a whole number{line_of(error)}; if it was computed from the "
                "argument it carries derivatives: take indices from range or np.argmax"
            ) from error
        raise
    except (TypeError, AttributeError) as error:
        if not isinstance(error, TayloradError) and any(t in str(error) for t in _OBJECT_ARRAYS):
            raise ConversionError(
                f"NumPy cannot compute with a plain array of numbers that carry derivatives"
                f"{line_of(error)}; make it with np.stack([...]) or np.array([...], like=x) of "
                "such a number, and use x itself for np.asarray(x)"
            ) from error
        raise
    except ValueError as error:
        # NumPy, refused a float of ours while filling a plain array, speaks of sequences instead.
        if isinstance(error.__cause__ or error.__context__, ConversionError):
            raise MutationError(
                "a number that carries derivatives was written into a plain array"
                f"{line_of(error)}, which cannot keep them; make the array with np.zeros_like or "
                "np.zeros(n, like=x) of such a number, or collect the entries and np.stack them"
            ) from None
        raise


def as_point(x: Any, name: str = "x", may_be_empty: bool = False) -> Any:
    """Check a point of expansion and give it as float64, complex128, exact numbers or a value.

    Python integers (also in lists) count as floats, as in NumPy's own promotion; an integer array
    is refused, because a function may well mean something else by it.
    """
    if isinstance(x, float) and x == x:
        return np.float64(x)
    if x is None or isinstance(x, (str, bytes, bool, dict, set)):
        raise InputTypeError(f"{name} is {_described(x)}, where one number or array is expected")
    weak = _is_weak(x)
    x = as_operand(x)
    if isinstance(x, Value):
        if number_type(x) not in (float, complex, object):  # of a call that is being traced
            raise _inexact_type(name, number_type(x))
        _check_content(bottom(x), name, may_be_empty)
        return x
    try:
        a = np.asarray(x)
    except ValueError as error:
        raise InputTypeError(f"{name} is not an array: {error}") from error
    if a.dtype == object:
        a = as_operand(a)  # a list of values, mpmath numbers or fractions
        _check_content(bottom(a), name, may_be_empty)
        return a
    if a.dtype.kind in "iu" and weak:
        if a.size and np.any(a.astype(float).astype(a.dtype) != a):
            raise InputTypeError(f"{name} has integers that no float64 can hold; use mpmath.mpf")
        a = a.astype(float)
    if a.dtype.kind not in "fc" or a.dtype.itemsize > (8 if a.dtype.kind == "f" else 16):
        raise _inexact_type(name, a.dtype)
    a = a.astype(complex if a.dtype.kind == "c" else float, copy=False)
    _check_content(a, name, may_be_empty)
    return a[()]


def _inexact_type(name: str, dtype: Any) -> InputTypeError:
    return InputTypeError(
        f"{name} has dtype {dtype}, which cannot be differentiated by without loss; pass it "
        "as float64 or complex128 (x.astype(float)), or as mpmath numbers for more digits"
    )


def _described(x: Any) -> str:
    return "None" if x is None else f"a {type(x).__name__}"


def _is_weak(x: Any) -> bool:
    if isinstance(x, (list, tuple)):
        return all(map(_is_weak, x))
    return isinstance(x, (int, float, complex)) and not isinstance(x, (bool, np.generic))


def _check_content(a: Any, name: str, may_be_empty: bool) -> None:
    size = np.size(a)
    if not size and not may_be_empty:
        raise InputError(f"{name} is empty (shape {np.shape(a)}): nothing to differentiate by")
    bad = np.isnan(a) if number_type(a).kind in "fc" else np.not_equal(a, a)
    if np.any(bad):
        places = np.argwhere(bad)
        at = f" at {tuple(map(int, places[0]))}" if np.ndim(a) else ""
        raise InputError(f"{name} contains NaN{at}")


def as_points(tree: Any, name: str = "x") -> tuple[list[Any], Callable[..., Any]]:
    """Check the leaves of a container of points; give them and the way to put them back."""
    if tree is None:
        raise InputTypeError(f"{name} is None, where numbers or arrays are expected")
    leaves, rebuild = flatten(tree)
    if not leaves:
        raise InputError(f"{name} is an empty container: nothing to differentiate by")
    return [as_point(leaf, name) for leaf in leaves], rebuild


def as_output(y: Any, function: Any, tag: float) -> Any:
    """Check one leaf of what a user's function returned to the transformation ``tag``."""
    try:
        y = as_operand(y)
        a = y if isinstance(y, Value) else np.asarray(y)
        a = as_operand(a) if a.dtype == object else a
    except InputTypeError:
        a = np.asarray(None)
    if isinstance(a, Value):
        if a.tag > tag:
            raise OutputError(
                f"{_name(function)} returned a {type(a).__name__} of an inner derivative that is "
                "over, or made by hand, of which no derivative is known; return plain results of "
                "it, such as its coefficients"
            )
        return a
    if a.dtype.kind not in "biufc":
        raise OutputError(
            f"{_name(function)} returned {type(y).__name__}, which is no number or array; return "
            "what you computed, or containers (tuple, list, dict) of that"
        )
    return a[()]


def as_outputs(y: Any, function: Any, tag: float) -> tuple[list[Any], Callable[..., Any]]:
    """Check the leaves of what a user's function returned, and the way to put them back."""
    leaves, rebuild = flatten(y)
    if not leaves:
        raise OutputError(f"{_name(function)} returned {y!r}; did you forget the return statement?")
    return [as_output(leaf, function, tag) for leaf in leaves], rebuild


def scalar_output(y: Any, function: Any, tag: float = float("inf")) -> Any:
    """Check that a user's function returned one real number."""
    leaves, _ = as_outputs(y, function, tag)
    if len(leaves) != 1 or isinstance(y, (tuple, list, dict)):
        raise OutputError(
            f"{_name(function)} returned a {type(y).__name__}, but a gradient is of one number; "
            "use taylorad.jacobian or taylorad.vjp"
        )
    (leaf,) = leaves
    shape = np.shape(leaf)
    if shape:
        raise OutputError(
            f"{_name(function)} returned an array of shape {shape}, but a gradient is of one "
            "number; sum it, or use taylorad.jacobian"
        )
    if np.iscomplexobj(leaf):
        raise OutputError(
            f"{_name(function)} returned a complex number, but a gradient is of a real one; "
            "use taylorad.jacobian or taylorad.derivative"
        )
    return leaf


def _name(function: Any) -> str:
    return getattr(function, "__name__", type(function).__name__)
