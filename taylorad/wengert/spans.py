"""Stretches of the first axis of an array: what a key takes and another leaves."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["are_disjoint", "is_full", "span"]


def span(key: tuple[Any, ...], shape: tuple[int, ...]) -> range | None:
    """Give the places on the first axis that a key takes, if it takes all of the others."""
    if not key or not shape or len(key) > len(shape):
        return None
    if not all(isinstance(k, slice) and is_full(k, n) for k, n in zip(key[1:], shape[1:])):
        return None
    first = key[0]
    if isinstance(first, slice):
        places = range(*first.indices(shape[0]))
        return places if places.step == 1 else None
    if isinstance(first, (int, np.integer)) and first >= 0:
        return range(int(first), int(first) + 1)
    return None


def is_full(k: Any, size: int) -> bool:
    """Tell whether one part of a key takes all of an axis, in its order."""
    return isinstance(k, slice) and k.indices(size) == (0, size, 1)


def are_disjoint(a: range, b: range) -> bool:
    """Tell whether two spans have no place in common."""
    return not a or not b or a.stop <= b.start or b.stop <= a.start
