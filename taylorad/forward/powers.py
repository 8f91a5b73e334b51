"""Whole powers by repeated squaring, which is right at a zero of the base."""

from __future__ import annotations

from typing import Any

import numpy as np

from taylorad.dispatch import bottom
from taylorad.forward import kernels
from taylorad.forward.algebra import Algebra, buffer
from taylorad.forward.whole import written_down
from taylorad.primitives.elementwise import multiply
from taylorad.primitives.squaring import by_squaring

__all__ = ["is_whole", "squared", "whole_power"]


def is_whole(exponent: Any) -> bool:
    """Tell whether every exponent is a whole number."""
    if isinstance(exponent, (float, int)):
        return isinstance(exponent, int) or exponent.is_integer()
    exponent = np.asarray(bottom(exponent))
    if exponent.dtype.kind == "c":
        return False
    if exponent.dtype == object:
        exponent = exponent.astype(float)
    return bool(np.all(exponent == np.floor(exponent)))


def whole_power(x: Any, exponent: Any) -> Any:
    """Raise a jet to whole powers, of which there may be one for each entry."""
    y: Any
    one = isinstance(exponent, (float, int))
    if not one:
        exponent = np.asarray(bottom(exponent)).astype(float)
        one = not exponent.ndim
    if one:
        y = x.like(squared(x.c, abs(int(exponent)), x.algebra))
        return 1 / y if exponent < 0 else y
    n = np.abs(exponent).astype(int)
    y = np.ones_like(x, shape=np.broadcast_shapes(x.shape, n.shape))
    square: Any = x
    while np.any(n):
        y = np.where(n & 1, y * square, y)
        n = n >> 1
        square = square * square if np.any(n) else square
    negative = exponent < 0
    return np.where(negative, 1 / np.where(negative, y, 1.0), y) if np.any(negative) else y


def squared(x: Any, n: int, algebra: Algebra) -> Any:
    """Give the coefficients of the n-th power, for n >= 0."""
    if n == 0:
        y = buffer(x, x.shape)
        y[0] = 1.0
        return y
    return by_squaring(x, n, lambda a, b: _product(a, b, algebra))


def _product(a: Any, b: Any, algebra: Algebra) -> Any:
    kernel = kernels.kernel(multiply, (True, True))
    c = None
    if kernel is not None:
        c = kernel(algebra, (a, b))
        c = written_down(algebra, multiply, (a, b), (True, True)) if c is None else c
    return algebra.multiply(a, b) if c is None else c
