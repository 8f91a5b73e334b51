"""Variance, deviation and norms, in terms of other rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from taylorad.errors import NoRuleError, user_line
from taylorad.primitives.reductions import counted, reduced_axes
from taylorad.primitives.registry import implements


@implements(np.var)
def var(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: float = 0,
    keepdims: Any = False,
    *,
    where: Any = True,
    mean: Any = np._NoValue,
    correction: Any = np._NoValue,
) -> Any:
    """Give the variance along the axes."""
    ddof = ddof if correction is np._NoValue else correction
    centre = np.mean(a, axis, keepdims=True, where=where) if mean is np._NoValue else mean
    deviation = a - centre
    if np.iscomplexobj(deviation):
        deviation = np.hypot(*deviation.parts("np.var"))
    if where is not True:  # what is left out may be NaN, of which nothing is to come back
        deviation = np.where(where, deviation, 0.0)
    squares = np.square(deviation)
    freedom = np.maximum(counted(a, axis, keepdims, where) - ddof, 0)
    return np.sum(squares, axis, keepdims=keepdims, where=where) / freedom


@implements(np.std)
def std(a: Any, *args: Any, **kwargs: Any) -> Any:
    """Give the standard deviation along the axes."""
    return np.sqrt(var(a, *args, **kwargs))


def _ignoring_nan(function: Any, of_numbers: Any) -> None:
    def body(a: Any, *args: Any, where: Any = True, **kwargs: Any) -> Any:
        numbers = ~np.isnan(a)
        numbers = numbers if where is True or where is np._NoValue else numbers & where
        return of_numbers(a, *args, where=numbers, **kwargs)

    implements(function)(body)


_ignoring_nan(np.nansum, np.sum)
_ignoring_nan(np.nanprod, np.prod)
_ignoring_nan(np.nanmean, np.mean)
_ignoring_nan(np.nanvar, var)
_ignoring_nan(np.nanstd, std)


@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Give vector norms of any order, and the Frobenius, 1- and inf-norm of matrices."""
    if np.iscomplexobj(x):
        x = np.hypot(*x.parts("np.linalg.norm"))
    if axis is None and (ord is None or (ord == 2 and x.ndim == 1)):
        root = np.sqrt(np.sum(np.square(x)))
        return np.reshape(root, (1,) * x.ndim) if keepdims else root
    axes = reduced_axes(axis, x.ndim)
    if len(axes) == 1:
        return _vector_norm(x, 2 if ord is None else ord, axes, keepdims)
    if len(axes) != 2:
        raise ValueError("Improper number of dimensions to norm.")
    if ord in (None, "fro", "f"):
        return np.sqrt(np.sum(np.square(x), axis=axes, keepdims=keepdims))
    if ord in (1, -1, np.inf, -np.inf):
        over, along = axes if abs(ord) == 1 else axes[::-1]
        sums = np.sum(np.abs(x), axis=over, keepdims=True)
        best = (np.max if ord > 0 else np.min)(sums, axis=along, keepdims=True)
        return best if keepdims else np.squeeze(best, axes)
    raise NoRuleError(
        f"np.linalg.norm(ord={ord!r}) of a matrix needs singular values, which have no rule yet"
        f"{user_line()}; use the Frobenius, 1- or inf-norm"
    )


def _vector_norm(x: Any, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    if isinstance(ord, str):
        raise ValueError(f"Invalid norm order {ord!r} for vectors")
    if ord in (np.inf, -np.inf):
        return (np.max if ord > 0 else np.min)(np.abs(x), axis=axes, keepdims=keepdims)
    if ord == 0:
        return np.sum(np.not_equal(x, 0) * 1.0, axis=axes, keepdims=keepdims)
    if ord == 2:
        return np.sqrt(np.sum(np.square(x), axis=axes, keepdims=keepdims))
    size = np.abs(x)
    total = np.sum(size if ord == 1 else size**ord, axis=axes, keepdims=keepdims)
    return total if ord == 1 else total ** (1 / ord)


@implements(np.linalg.vector_norm)
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """Give the norm of the entries along the axes, as of one vector."""
    return _vector_norm(x, ord, reduced_axes(axis, x.ndim), keepdims)


@implements(np.linalg.matrix_norm)
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """Give the norms of matrices that stand in the last two axes."""
    return norm(x, ord, (-2, -1), keepdims)
