"""What users give as states, times and further arguments: checked, and as numbers of one kind."""

from __future__ import annotations

import cmath
import warnings
from collections.abc import Iterable
from numbers import Number
from typing import Any

import numpy as np

from taylorad.dispatch import Value, bottom
from taylorad.dispatch.containers import map_leaves
from taylorad.errors import ConversionError, InputError, InputTypeError, user_line
from taylorad.ode.digits.precision import exact_state
from taylorad.ode.leaves import carried

__all__ = [
    "NOT_FINITE",
    "arguments",
    "as_accuracy",
    "as_length",
    "as_start",
    "as_time",
    "as_times",
    "fixed",
    "no_derivatives",
    "no_effect",
    "not_traced",
]

FLOAT = np.dtype(float)

NOT_FINITE = "All components of the initial state `y0` must be finite."

FEW = 32
"""So many numbers are looked at more quickly one by one."""


def not_traced(*given: Any) -> None:
    """Refuse numbers of a program that is being written down."""
    if any(isinstance(bottom(x), Value) for x in carried(given)):
        raise ConversionError(
            f"an integration cannot be traced{user_line()}: what it does depends on its numbers. "
            "taylorad.compile runs functions that integrate as they are"
        )


def no_derivatives(*given: Any) -> None:
    """Refuse numbers that carry derivatives where nothing is known of these."""
    not_traced(given)
    if carried(given):
        raise InputError(
            f"numbers that carry derivatives are for taylorad.ode.solve_ivp alone{user_line()}: "
            "differentiate that, or vary plain numbers by taylorad.ode.sensitivities"
        )


def as_start(y0: Any, digits: int | None = None) -> Any:
    """Check a state, and give it as a new array of floats, complex or mpmath numbers."""
    if digits is not None:
        return exact_state(y0)
    try:
        y = np.asarray(y0)
    except ValueError as error:
        raise InputTypeError(f"y0 is not an array: {error}") from error
    if y.dtype is FLOAT or y.dtype.kind in "biuf":
        y = y.astype(float, order="C")
    elif y.dtype.kind == "c":
        y = y.astype(complex, order="C")
    elif y.dtype == object and all(map(_is_number, y.flat)):
        y = exact_state(y)
    else:
        raise InputTypeError(f"y0 has dtype {y.dtype}; it must be of numbers")
    if y.dtype != object and not _is_finite(y):
        raise InputError(NOT_FINITE)
    return y


def _is_number(x: Any) -> bool:
    return isinstance(x, Number) or hasattr(x, "_mpf_") or hasattr(x, "_mpc_")


def _is_finite(y: Any) -> bool:
    if y.size > FEW:
        return bool(np.isfinite(y).all())
    return all(map(cmath.isfinite, y.ravel().tolist()))


def as_time(t: Any) -> Any:
    """Give a float, or the mpmath number that it is."""
    if type(t) is float:
        return t
    try:
        if isinstance(t, (str, bytes)):
            raise TypeError("it is text")
        return +t if hasattr(t, "_mpf_") else float(t)
    except (TypeError, ValueError) as error:
        raise InputTypeError(f"a time is {t!r}; it must be a real number") from error


def as_times(t: Any) -> Any:
    """Give a vector of floats, or of mpmath numbers."""
    try:
        times = np.asarray(t)
        if times.dtype.kind in "US":
            raise TypeError("they are texts")
        return times if times.dtype == object else times.astype(float)
    except (TypeError, ValueError) as error:
        raise InputTypeError(f"times are {t!r}; they must be real numbers") from error


def as_length(name: str, x: Any) -> float:
    """Check how long a step may be."""
    try:
        if isinstance(x, (str, bytes)):
            raise TypeError("it is text")
        return float(x)
    except (TypeError, ValueError) as error:
        raise InputTypeError(f"{name} is {x!r}; it must be a real number") from error


def as_accuracy(name: str, x: Any) -> Any:
    """Give what says how exact steps are to be as an array of floats."""
    try:
        return np.asarray(x, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputTypeError(f"{name} is {x!r}; it must be a real number, or several") from error


def no_effect(extraneous: Iterable[str], level: int) -> None:
    """Warn of options of other methods, as SciPy's do; the caller so many levels up gave them."""
    if names := ", ".join(f"`{x}`" for x in extraneous):
        text = f"The following arguments have no effect for a chosen solver: {names}."
        warnings.warn(text, stacklevel=1 + level)


def arguments(args: Any) -> tuple[Any, ...]:
    """Give further arguments as a tuple, in which arrays are copies that nobody changes."""
    try:
        return tuple([a if isinstance(a, float) else map_leaves(fixed, a) for a in args])
    except TypeError as error:
        raise InputTypeError(
            "Supplied 'args' cannot be unpacked. Please supply `args` as a tuple (e.g. "
            f"`args=({args},)`)"
        ) from error


def fixed(leaf: Any) -> Any:
    """Give a copy of an array of which no entry can be set, for that would be in vain."""
    if isinstance(leaf, np.ndarray):
        leaf = leaf.copy()
        leaf.flags.writeable = False
    return leaf
