"""What users' functions return, in the shapes that derivatives are taken of."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

__all__ = ["scalar", "vector"]


def scalar(f: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function return its number in an array, as SciPy's solvers do."""

    @wraps(f)
    def number(*args: Any, **kwargs: Any) -> Any:
        y = f(*args, **kwargs)
        return np.reshape(y, ()) if getattr(y, "size", 0) == 1 else y

    return number


def vector(f: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function return its numbers in a list, or one number, as SciPy's solvers do."""

    @wraps(f)
    def array(*args: Any, **kwargs: Any) -> Any:
        y = f(*args, **kwargs)
        y = np.stack(y) if isinstance(y, (list, tuple)) else y
        return y if np.ndim(y) else np.reshape(y, (1,))

    return array
