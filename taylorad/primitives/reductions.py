"""Sums and products along axes and what follows: means, running sums, differences."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from taylorad.primitives.linear import (
    as_array,
    cumsum,
    index,
    number_like,
    segment_sum,
    select,
    sum_,
)
from taylorad.primitives.registry import Constant, enter, implements


def reduced_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """Give the axes a reduction runs over, None meaning all."""
    return tuple(range(ndim)) if axis is None else normalize_axis_tuple(axis, ndim)


def keep(result: Any, shape: tuple[int, ...], axes: tuple[int, ...], keepdims: Any = True) -> Any:
    """Put the reduced axes back, with length 1, if that is asked for."""
    if not keepdims or keepdims is np._NoValue:
        return result
    return np.reshape(result, tuple(1 if i in axes else n for i, n in enumerate(shape)))


def widened(a: Any) -> Any:
    """Give whole numbers and truth values as the type that NumPy adds them up in."""
    kind = getattr(a, "number_type", a.dtype)
    to = np.add.reduce(np.ones(1, kind)).dtype if kind.kind in "biu" else kind
    return a if kind == to else a.astype(to)


@implements(np.sum)
def _sum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = np._NoValue,
    where: Any = True,
) -> Any:
    if where is not True:
        a = select(a, number_like(a, 0), condition=where)
    axes = reduced_axes(axis, a.ndim)
    result = keep(sum_(a, axis=axes) if axes else widened(a).copy(), a.shape, axes, keepdims)
    return result if initial is np._NoValue else result + initial


def reduces(ufunc: Any, body: Callable[..., Any]) -> None:
    """Declare what ``ufunc.reduce`` means: the body, but along axis 0 unless told otherwise."""

    def reduce(a: Any, axis: Any = 0, *args: Any, **kwargs: Any) -> Any:
        return body(a, axis, *args, **kwargs)

    implements((ufunc, "reduce"))(reduce)


reduces(np.add, _sum)


@implements(np.prod)
def prod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = np._NoValue,
    where: Any = True,
) -> Any:
    """Multiply the entries along the axes, halving their number at a time (right at zeros)."""
    if where is not True:
        a = np.where(where, a, number_like(a, 1))
    a = widened(a)
    axes = reduced_axes(axis, a.ndim)
    kept = tuple(i for i in range(a.ndim) if i not in axes)
    y = np.reshape(np.transpose(a, axes + kept), (-1, *(a.shape[i] for i in kept)))
    if not len(y):
        y = np.ones_like(a, shape=(1, *y.shape[1:]))
    while len(y) > 1:
        half = len(y) // 2
        rest = y[2 * half :]
        y = y[:half] * y[half : 2 * half]
        y = np.concatenate([y, rest]) if len(rest) else y
    result = keep(index(y, key=(0,)), a.shape, axes, keepdims)
    return result if initial is np._NoValue else result * initial


reduces(np.multiply, prod)


@implements(np.cumprod)
def cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Multiply cumulatively, doubling the reach at a time (Hillis and Steele 1986)."""
    a = widened(a)
    y = (np.reshape(a, -1) if axis is None else np.moveaxis(a, axis, 0)).copy()
    reach = 1
    while reach < len(y):
        y = np.concatenate([y[:reach], y[reach:] * y[:-reach]])
        reach *= 2
    return y if axis is None else np.moveaxis(y, 0, axis)


implements((np.multiply, "accumulate"))(lambda a, axis=0, dtype=None, out=None: cumprod(a, axis))


@implements(np.mean)
def _mean(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    *,
    where: Any = True,
) -> Any:
    return _sum(a, axis, keepdims=keepdims, where=where) / counted(a, axis, keepdims, where)


def counted(a: Any, axis: Any, keepdims: Any, where: Any) -> Any:
    """Count the entries that a reduction takes in."""
    if where is True:
        return math.prod(a.shape[i] for i in reduced_axes(axis, a.ndim))
    return np.sum(np.broadcast_to(where, a.shape), axis=axis, keepdims=keepdims)


@implements(np.average)
def _average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = False
) -> Any:
    if weights is None:
        mean, total = np.mean(a, axis, keepdims=keepdims), float(counted(a, axis, keepdims, True))
    else:
        weights = _weights(a, axis, weights)
        total = np.sum(weights, axis=axis, keepdims=keepdims)
        mean = np.sum(a * weights, axis=axis, keepdims=keepdims) / total
    return (mean, np.broadcast_to(total, np.shape(mean))) if returned else mean


def _weights(a: Any, axis: Any, weights: Any) -> Any:
    """Give weights the shape of ``a``; they may come along the axes averaged over only."""
    shape, own = np.shape(a), np.shape(weights)
    if own == shape:
        return weights
    if axis is None:
        raise TypeError("Axis must be specified when shapes of a and weights differ.")
    axes = reduced_axes(axis, len(shape))
    if own != tuple(shape[i] for i in axes):
        raise ValueError(
            "Shape of weights must be consistent with shape of a along specified axis."
        )
    weights = np.transpose(weights, np.argsort(axes))
    return np.broadcast_to(keep(weights, shape, tuple(set(range(len(shape))) - {*axes})), shape)


@implements(np.cumsum)
def _cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    if axis is None:
        a, axis = np.reshape(a, -1), 0
    return cumsum(widened(a), axis=normalize_axis_index(axis, a.ndim))


implements((np.add, "accumulate"))(lambda a, axis=0, dtype=None, out=None: _cumsum(a, axis))


@implements((np.add, "reduceat"))
def _reduceat(a: Any, indices: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
    starts = np.asarray(indices)
    if np.any(np.diff(starts) <= 0):
        raise ValueError("np.add.reduceat of derivative-carrying arrays takes increasing indices")
    return np.moveaxis(segment_sum(np.moveaxis(a, axis, -1), starts=starts), -1, axis)


@implements(np.diff)
def _diff(
    a: Any, n: int = 1, axis: int = -1, prepend: Any = np._NoValue, append: Any = np._NoValue
) -> Any:
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n}")
    axis = normalize_axis_index(axis, a.ndim)
    ends = [
        np.broadcast_to(e, (*a.shape[:axis], 1, *a.shape[axis + 1 :])) if np.ndim(e) == 0 else e
        for e in (prepend, append)
        if e is not np._NoValue
    ]
    if prepend is not np._NoValue:
        a = np.concatenate([ends.pop(0), a], axis)
    if ends:
        a = np.concatenate([a, *ends], axis)
    lead = (slice(None),) * axis
    for _ in range(n):
        a = index(a, key=(*lead, slice(1, None))) - index(a, key=(*lead, slice(None, -1)))
    return a


@implements(np.ediff1d)
def _ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    ends = [np.reshape(e, -1) for e in (to_begin, to_end) if e is not None]
    line = np.diff(np.reshape(ary, -1))
    before, after = ends[: to_begin is not None], ends[to_begin is not None :]
    return np.concatenate([*before, line, *after]) if ends else line


@implements(np.gradient)
def _gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    f, spacings = as_array(f), [as_array(v) for v in varargs or (1.0,)]
    axes = reduced_axes(axis, f.ndim)
    if len(spacings) == 1 and np.ndim(spacings[0]) == 0:
        spacings = spacings * len(axes)
    if len(spacings) != len(axes):
        raise TypeError("invalid number of arguments")
    if edge_order not in (1, 2):
        raise ValueError("'edge_order' greater than 2 not supported")
    if any(f.shape[i] < edge_order + 1 for i in axes):
        raise ValueError(
            "Shape of array too small to calculate a numerical gradient, at least (edge_order + 1) "
            "elements are required."
        )
    slopes = tuple(
        np.moveaxis(_slopes(np.moveaxis(f, i, -1), spacing, edge_order), -1, i)
        for i, spacing in zip(axes, spacings, strict=True)
    )
    return slopes[0] if len(slopes) == 1 else slopes


def _slopes(f: Any, spacing: Any, edge_order: int) -> Any:
    """Differentiate the parabola through each entry and its neighbours, along the last axis."""
    if np.ndim(spacing) > 1 or (np.ndim(spacing) and np.shape(spacing) != f.shape[-1:]):
        raise ValueError("when 1d, distances must match the length of the corresponding dimension")
    steps = np.diff(spacing) if np.ndim(spacing) else np.broadcast_to(spacing, (f.shape[-1] - 1,))
    secants = np.diff(f, axis=-1) / steps
    first, last = secants[..., :1], secants[..., -1:]
    left, right = steps[:-1], steps[1:]
    between = (right * secants[..., :-1] + left * secants[..., 1:]) / (left + right)
    if edge_order == 2:  # the slope of a parabola is linear
        first, last = 2 * first - between[..., :1], 2 * last - between[..., -1:]
    return np.concatenate([first, between, last], axis=-1)


_turns = enter(
    Constant(lambda p, **params: np.unwrap(p, **params) - p, name="turns", domain=((-9.0, 9.0),))
)


@implements(np.unwrap)
def _unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: float = 2 * math.pi) -> Any:
    return p + _turns(p, discont=discont, axis=axis, period=period)


@implements(np.trapezoid)
def _trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    y = np.moveaxis(y, axis, -1)
    if x is not None:
        x = np.moveaxis(x, axis, -1) if np.ndim(x) > 1 else x
        dx = np.diff(x, axis=-1)
    return np.sum(dx * (y[..., 1:] + y[..., :-1]) / 2, axis=-1)
