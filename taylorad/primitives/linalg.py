"""Linear algebra: the solution of a linear system, which an equation defines; determinants."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from taylorad.errors import NoRuleError, user_line
from taylorad.primitives.contraction import matmul_row
from taylorad.primitives.registry import Implicit, enter, implements


def _solve_batched(a: Any, b: Any) -> Any:
    rank = max(a.ndim, b.ndim)
    a, b = (x.reshape(len(x), *(1,) * (rank - x.ndim), *x.shape[1:]) for x in (a, b))
    return np.linalg.solve(a, b)


def _solve_value(a: Any, b: Any) -> Any:
    return _eliminated(a, b) if object in (a.dtype, b.dtype) else np.linalg.solve(a, b)


def _eliminated(a: Any, b: Any) -> Any:
    """Solve in exact numbers: Gauss-Jordan elimination with the largest pivot of each column."""
    n = a.shape[-1]
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    m = np.concatenate(
        [np.broadcast_to(a, (*lead, n, n)), np.broadcast_to(b, (*lead, *b.shape[-2:]))], axis=-1
    )
    for place in np.ndindex(lead):
        t = m[place]
        for i in range(n):
            pivot = i + int(np.argmax(np.abs(t[i:, i])))
            if t[pivot, i] == 0:
                raise np.linalg.LinAlgError("Singular matrix")
            t[[i, pivot]] = t[[pivot, i]]
            t[i] = t[i] / t[i, i]
            rest = np.arange(n) != i
            t[rest] = t[rest] - np.multiply.outer(t[rest, i], t[i])
    return m[..., n:]


solve_row: Implicit = enter(
    Implicit(
        _solve_value,
        name="solve",
        product=matmul_row,
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
        return np.reshape(solve(a, np.reshape(b, (-1, 1))), np.shape(a)[:-1])
    rank = max(np.ndim(a), np.ndim(b))
    a, b = (np.reshape(x, (1,) * (rank - np.ndim(x)) + np.shape(x)) for x in (a, b))
    return solve_row(a, b)


@implements(np.linalg.inv)
def inv(a: Any) -> Any:
    """Invert a matrix, by solving for the identity."""
    return solve(a, np.eye(a.shape[-1]))


MOST_ROWS = 10
"""Of a determinant; its minors are twice as many for each more."""


@implements(np.linalg.det)
def det(a: Any) -> Any:
    """Give the determinant, row by row from the minors: right where the matrix is singular too."""
    n = np.shape(a)[-1] if np.ndim(a) > 1 else 0
    if np.ndim(a) < 2 or np.shape(a)[-2] != n:
        raise np.linalg.LinAlgError(f"det needs square matrices, not shape {np.shape(a)}")
    if n > MOST_ROWS:
        raise NoRuleError(
            f"np.linalg.det of {n} rows has no rule{user_line()}; up to {MOST_ROWS} it has one"
        )
    minors = np.ones_like(a, shape=(*np.shape(a)[:-2], 1))
    known: dict[tuple[int, ...], int] = {(): 0}
    for row in range(n):
        chosen = list(combinations(range(n), row + 1))
        columns = np.array(chosen)
        without = np.array([[known[(*c[:k], *c[k + 1 :])] for k in range(row + 1)] for c in chosen])
        signs = (-1.0) ** (row + np.arange(row + 1))
        minors = np.sum(a[..., row, columns] * signs * minors[..., without], axis=-1)
        known = {c: i for i, c in enumerate(chosen)}
    return minors[..., 0]


@implements(np.linalg.slogdet)
def slogdet(a: Any) -> Any:
    """Give the sign of the determinant, and the logarithm of its size."""
    value = det(a)
    return np.sign(value), np.log(np.abs(value))
