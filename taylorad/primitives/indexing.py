"""Indexing, assignment and taking, for every kind of key that NumPy knows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from taylorad.primitives.linear import (
    assign,
    broadcast_to,
    gather,
    index,
    reshape,
    select,
    shape_of,
)
from taylorad.primitives.registry import implements


def getitem(a: Any, key: tuple[Any, ...]) -> Any:
    """Index as NumPy does: basic keys by ``index``, integer and boolean arrays by ``gather``."""
    if is_basic(key):
        return index(a, key=key)
    places = places_of(a.shape)[key]
    return gather(a, places=places, shape=a.shape)


def setitem(a: Any, key: tuple[Any, ...], value: Any) -> Any:
    """Give ``a`` with ``a[key] = value`` done."""
    if is_basic(key):
        shape = shape_of(np.empty(a.shape, bool)[key])
        return assign(a, _fitted(value, shape), key=key)
    places = places_of(a.shape)[key]
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
    return all(
        k is None
        or k is Ellipsis
        or (isinstance(k, (slice, int, np.integer)) and not isinstance(k, bool))
        for k in key
    )


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
    return broadcast_to(reshape(value, shape=raised), shape=shape)


@implements(np.take)
def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    """Take entries along an axis."""
    places = np.take(places_of(a.shape), indices, axis, mode=mode)  # type: ignore[call-overload]
    return gather(a, places=places, shape=a.shape)


@implements(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Any:
    """Take, for each line along an axis, the entries named there."""
    places = np.take_along_axis(places_of(arr.shape), indices, axis)
    return gather(arr, places=places, shape=arr.shape)
