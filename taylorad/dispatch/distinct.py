"""The distinct entries of an array."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["distinct"]

Array = np.ndarray[Any, Any]


def distinct(a: Any) -> tuple[Array, Array, Array]:
    """Do what ``np.unique`` does, without the 12 ms in which that imports ``numpy.ma``.

    Parameters
    ----------
    a : array of numbers

    Returns
    -------
    values, places, numbers : ndarray
        The distinct entries in ascending order, where each of them comes first, and which of them
        each entry is, both in the order of ``np.ravel(a)``.
    """
    flat = np.ravel(a)
    order = flat.argsort(kind="stable")
    ascending = flat[order]
    is_new = np.ones(len(flat), bool)
    is_new[1:] = ascending[1:] != ascending[:-1]
    numbers = np.empty(len(flat), int)
    numbers[order] = is_new.cumsum() - 1
    return ascending[is_new], order[is_new], numbers
