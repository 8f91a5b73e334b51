"""Whole powers, whatever it is that is multiplied."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

__all__ = ["by_squaring"]

T = TypeVar("T")


def by_squaring(x: T, n: int, times: Callable[[T, T], T]) -> T:
    """Give the n-th power, for n > 0, by repeated squaring, which is right at a zero too."""
    product = None
    while True:
        if n & 1:
            product = x if product is None else times(product, x)
        n >>= 1
        if not n:
            assert product is not None
            return product
        x = times(x, x)
