"""How many digits are computed with, where the user asks for more than doubles have."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from fractions import Fraction
from functools import wraps
from numbers import Real
from typing import Any, TypeVar, cast

import mpmath
import numpy as np

from taylorad.errors import InputError, InputTypeError

__all__ = [
    "exact_state",
    "in_own_precision",
    "in_precision_of",
    "relative_for",
    "words_for",
    "working",
]

MOST = {2: 31, 4: 62}
"""The digits of so many words."""

SPARE = 64
"""Bits that numbers of any length have more than was asked for."""

Function = TypeVar("Function", bound=Callable[..., Any])


def words_for(digits: int | None) -> int:
    """Give how many doubles a number is made of; 0 if it is one of mpmath's.

    Examples
    --------
    >>> [words_for(digits) for digits in (20, 30, 60, 100)]
    [2, 2, 4, 0]
    """
    if digits is None:
        return 0
    if not isinstance(digits, Real) or int(digits) != digits or digits < 1:
        raise InputError(f"digits is {digits!r}; it must be a whole number, at least 1")
    return next((words for words, most in MOST.items() if digits <= most), 0)


def relative_for(digits: int) -> Any:
    """Give the tolerance that goes with digits."""
    return mpmath.mpf(10) ** -digits


def working(digits: int | None) -> AbstractContextManager[Any]:
    """Have mpmath compute with so many digits, and some more."""
    if digits is None:
        return nullcontext()
    words = words_for(digits)
    bits = 53 * (words + 2) if words else math.ceil(digits * math.log2(10)) + SPARE
    return mpmath.workprec(max(bits, mpmath.mp.prec))  # type: ignore[no-any-return]


def in_precision_of(digits: Callable[..., int | None]) -> Callable[[Function], Function]:
    """Have a function run with the digits that its arguments tell."""

    def decorator(function: Function) -> Function:
        @wraps(function)
        def run(*args: Any, **options: Any) -> Any:
            wanted = digits(*args, **options)
            if wanted is None:  # as it mostly is: then this is to cost nothing
                return function(*args, **options)
            with working(wanted):
                return function(*args, **options)

        return cast(Function, run)

    return decorator


def in_own_precision(method: Function) -> Function:
    """Have a method run with the ``digits`` of its object."""

    @wraps(method)
    def run(self: Any, *args: Any, **options: Any) -> Any:
        if self.digits is None:
            return method(self, *args, **options)
        with working(self.digits):
            return method(self, *args, **options)

    return cast(Function, run)


def exact_state(y0: Any) -> Any:
    """Give a state as an array of mpmath numbers: floats and whole numbers at their exact values.

    Strings are decimal numbers, rounded to mpmath's working precision.
    """
    given = np.asarray(y0, dtype=object)
    state = np.empty(given.shape, dtype=object)
    for place, x in np.ndenumerate(given):
        try:
            state[place] = _number(x)
        except (TypeError, ValueError) as error:
            raise InputTypeError(f"y0 has {x!r} in it, which is no number") from error
    if not all(map(mpmath.isfinite, state.flat)):
        raise InputError("All components of the initial state `y0` must be finite.")
    return state


def _number(x: Any) -> Any:
    if isinstance(x, Fraction):
        return mpmath.mpf(x.numerator) / x.denominator
    if isinstance(x, np.generic):
        x = x.item()
    return x if isinstance(x, (mpmath.mpf, mpmath.mpc)) else +mpmath.mpmathify(x)
