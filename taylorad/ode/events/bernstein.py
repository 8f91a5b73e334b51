"""Bernstein coefficients of polynomials: between the least and the largest lie all values."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

__all__ = ["to_bernstein", "to_first_half"]


@lru_cache(maxsize=128)
def to_bernstein(n: int) -> npt.NDArray[np.float64]:
    """Give the matrix from coefficients to Bernstein coefficients, on [0, 1]."""
    return np.array(
        [[math.comb(i, k) / math.comb(n, k) for k in range(n + 1)] for i in range(n + 1)]
    )


@lru_cache(maxsize=128)
def to_first_half(n: int) -> npt.NDArray[np.float64]:
    """Give the matrix from Bernstein coefficients to those on the first half."""
    return np.array([[math.comb(i, k) / 2**i for k in range(n + 1)] for i in range(n + 1)])
