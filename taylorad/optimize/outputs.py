"""Users' functions as solvers want them: what they return in shape, and compiled."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

__all__ = ["compiled", "is_compiled", "scalar", "vector"]


def compiled(f: Callable[..., Any], wanted: bool = True) -> Callable[..., Any]:
    """Compile a function, which then runs as it is where it cannot be compiled."""
    if not wanted:
        return f
    from taylorad.compiler.compiled import quietly

    return quietly(f)


def is_compiled(*functions: Callable[..., Any]) -> bool:
    """Tell whether all of the functions that have been called ran as machine code."""
    called = [f for f in functions if getattr(f, "was_called", True)]
    return bool(called) and all(getattr(f, "is_compiled", False) for f in called)


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
