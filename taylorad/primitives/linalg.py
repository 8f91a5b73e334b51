"""Linear algebra: the solution of a linear system, the first function defined by an equation."""

from __future__ import annotations

from typing import Any

import numpy as np

from taylorad.primitives.contraction import _matmul
from taylorad.primitives.registry import Implicit, enter, implements


def _solve_batched(a: Any, b: Any) -> Any:
    rank = max(a.ndim, b.ndim)
    a, b = (x.reshape(len(x), *(1,) * (rank - x.ndim), *x.shape[1:]) for x in (a, b))
    return np.linalg.solve(a, b)


_solve = enter(
    Implicit(
        np.linalg.solve,
        name="solve",
        product=_matmul,
        roles=(0, 1),
        adjoint=lambda a, g: np.linalg.solve(np.swapaxes(a, -1, -2), g),
        batched=_solve_batched,
        domain=((-1.0, 1.0), (-1.0, 1.0)),
    )
)


@implements(np.linalg.solve)
def solve(a: Any, b: Any) -> Any:
    """Solve ``a @ x = b``; a vector ``b`` is a one-column matrix."""
    if np.ndim(a) < 2 or np.shape(a)[-1] != np.shape(a)[-2]:
        raise np.linalg.LinAlgError(f"solve needs square matrices, not shape {np.shape(a)}")
    if np.ndim(b) == 1:
        return np.reshape(_solve(a, np.reshape(b, (-1, 1))), np.shape(a)[:-1])
    return _solve(a, b)


@implements(np.linalg.inv)
def inv(a: Any) -> Any:
    """Invert a matrix, by solving for the identity."""
    return solve(a, np.eye(a.shape[-1]))
