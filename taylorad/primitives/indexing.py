"""Indexing, assignment and taking, for every kind of key that NumPy knows.

Whole numbers that belong to a trace may be indices: their places are then computed, and that they
lie within the array is written down.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from taylorad.primitives.linear import (
    assign,
    broadcast_to,
    gather,
    index,
    reshape,
    select,
    shape_of,
)
from taylorad.primitives.registry import Owner, implements


def getitem(a: Any, key: tuple[Any, ...]) -> Any:
    """Index as NumPy does: basic keys by ``index``, integer and boolean arrays by ``gather``."""
    if is_basic(key):
        return index(a, key=key)
    if sum(isinstance(k, Owner) for k in key) == 1 and is_basic(_without(key, 0)):
        return _taken(a, key)
    places = places_of(a.shape)[settled(key)]
    return gather(a, places=places, shape=a.shape)


def _without(key: tuple[Any, ...], stand_in: Any) -> tuple[Any, ...]:
    return tuple(stand_in if isinstance(k, Owner) else k for k in key)


def settled(key: tuple[Any, ...]) -> tuple[Any, ...]:
    """Give a key with plain indices in place of those that belong to a trace."""
    return tuple(k.settle() if isinstance(k, Owner) else k for k in key)


def _taken(a: Any, key: tuple[Any, ...]) -> Any:
    """Index by basic keys and one array of whole numbers that belong to a trace."""
    at = next(i for i, k in enumerate(key) if isinstance(k, Owner))
    # Where that axis stands once the other indices are taken: NumPy is asked on a marked axis.
    basic = _without(key, slice(None))
    marked = np.empty(a.shape, np.bool_)
    strides = np.lib.stride_tricks.as_strided(marked, strides=_marks(a.shape, key, at))[basic]
    axis = strides.strides.index(1)
    part = index(a, key=basic)
    return np.take(part, key[at], axis)


def _marks(shape: tuple[int, ...], key: tuple[Any, ...], at: int) -> tuple[int, ...]:
    """Strides of 0, but of 1 along the axis that the index at a position of the key belongs to."""
    before = sum(k is not None for k in key[:at] if k is not Ellipsis)
    if Ellipsis in key[:at]:
        before = len(shape) - sum(k is not None for k in key[at:])
    return tuple(int(i == before) for i in range(len(shape)))


def setitem(a: Any, key: tuple[Any, ...], value: Any) -> Any:
    """Give ``a`` with ``a[key] = value`` done."""
    if is_basic(key):
        shape = shape_of(np.empty(a.shape, bool)[key])
        return assign(a, _fitted(value, shape), key=key)
    places = places_of(a.shape)[settled(key)]
    value = _fitted(value, places.shape)
    # Where a place is named twice NumPy keeps the last value: so does the map back.
    source = np.full(a.size, -1)
    source[places.ravel()] = np.arange(places.size)
    source = source.reshape(a.shape)
    if not places.size:
        return a
    new = gather(value, places=np.maximum(source, 0), shape=places.shape)
    return select(new, a, condition=source >= 0)


def is_basic(key: tuple[Any, ...]) -> bool:
    """Tell whether a key is made of integers, slices, Ellipsis and newaxis only."""
    for k in key:
        if type(k) not in _BASIC and (not isinstance(k, (int, np.integer)) or isinstance(k, bool)):
            return False
    return True


_BASIC = frozenset({int, slice, type(None), type(Ellipsis)})


def places_of(shape: tuple[int, ...]) -> Any:
    """Number the entries of an array of a shape."""
    return np.arange(math.prod(shape)).reshape(shape)


def _fitted(value: Any, shape: tuple[int, ...]) -> Any:
    """Broadcast to a shape as assignment does, which drops leading axes of length 1."""
    own = shape_of(value)
    while len(own) > len(shape) and own[0] == 1:
        own = own[1:]
    if len(own) > len(shape) or np.broadcast_shapes(own, shape) != shape:
        raise ValueError(f"could not broadcast input of shape {own} into shape {shape}")
    raised = (1,) * (len(shape) - len(own)) + own  # the row broadcasts along axes that are there
    if not hasattr(value, "shape") or value.shape != raised:
        value = reshape(value, shape=raised)
    return value if raised == shape else broadcast_to(value, shape=shape)


@implements(np.take)
def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    """Take entries along an axis."""
    if isinstance(indices, Owner):
        return _take_computed(a, indices, axis, mode)
    places = np.take(places_of(a.shape), indices, axis, mode=mode)  # type: ignore[call-overload]
    return gather(a, places=places, shape=a.shape)


@implements(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Any:
    """Take, for each line along an axis, the entries named there."""
    if axis is None:
        arr, axis = reshape(arr, shape=(math.prod(arr.shape),)), 0
    if isinstance(indices, Owner):
        axis = normalize_axis_index(axis, len(arr.shape))
        stride = math.prod(arr.shape[axis + 1 :])
        lead = (slice(None),) * axis
        start = places_of(arr.shape)[(*lead, slice(0, 1))]
        return gather(
            arr, places=start + stride * _within(indices, arr.shape[axis]), shape=arr.shape
        )
    places = np.take_along_axis(places_of(arr.shape), indices, axis)
    return gather(arr, places=places, shape=arr.shape)


def _take_computed(a: Any, indices: Any, axis: Any, mode: str) -> Any:
    if mode != "raise":
        indices, mode = indices.settle(), mode
        return take(a, indices, axis, mode=mode)
    if axis is None:
        a, axis = reshape(a, shape=(math.prod(a.shape),)), 0
    axis = normalize_axis_index(axis, len(a.shape))
    stride = math.prod(a.shape[axis + 1 :])
    start = places_of(a.shape)[(*(slice(None),) * axis, 0)]
    start = start.reshape((*a.shape[:axis], *(1,) * indices.ndim, *a.shape[axis + 1 :]))
    along = reshape(indices, shape=indices.shape + (1,) * (len(a.shape) - axis - 1))
    return gather(a, places=start + stride * _within(along, a.shape[axis]), shape=a.shape)


def _within(indices: Any, size: int) -> Any:
    """Count indices from the front, and write down that they lie within an axis."""
    if not np.all(np.logical_and(np.greater_equal(indices, -size), np.less(indices, size))):
        raise IndexError(f"index out of bounds for an axis of size {size}")
    return np.where(np.less(indices, 0), indices + size, indices)
