"""Joining arrays into one, and splitting one into several."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from taylorad.primitives.indexing import places_of
from taylorad.primitives.linear import as_array, concatenate, gather, index, shape_of
from taylorad.primitives.registry import implements


@implements(np.concatenate, np.concat)
def _concatenate(arrays: Any, axis: Any = 0, **dtype: Any) -> Any:
    arrays = [as_array(a) for a in arrays]
    if axis is None:
        arrays, axis = [np.reshape(a, -1) for a in arrays], 0
    return concatenate(*arrays, axis=normalize_axis_index(axis, len(arrays[0].shape)))


@implements(np.stack)
def _stack(arrays: Any, axis: int = 0, **dtype: Any) -> Any:
    return _concatenate([np.expand_dims(a, axis) for a in arrays], axis)


@implements(np.vstack)
def _vstack(tup: Any, **dtype: Any) -> Any:
    return _concatenate([np.reshape(a, (1, -1)) if np.ndim(a) < 2 else a for a in tup], 0)


@implements(np.hstack)
def _hstack(tup: Any, **dtype: Any) -> Any:
    arrays = [np.atleast_1d(a) for a in tup]
    return _concatenate(arrays, 0 if np.ndim(arrays[0]) == 1 else 1)


@implements(np.column_stack)
def _column_stack(tup: Any) -> Any:
    return _concatenate([np.reshape(a, (-1, 1)) if np.ndim(a) < 2 else a for a in tup], 1)


@implements(np.dstack)
def _dstack(tup: Any) -> Any:
    return _concatenate([np.atleast_3d(a) for a in tup], 2)


@implements(np.append)
def _append(arr: Any, values: Any, axis: Any = None) -> Any:
    return _concatenate([arr, values], axis)


@implements(np.array_split)
def _array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    axis = normalize_axis_index(axis, ary.ndim)
    pieces = np.array_split(np.arange(ary.shape[axis]), indices_or_sections)
    lead = (slice(None),) * axis
    starts = np.cumsum([0, *map(len, pieces)])
    return [index(ary, key=(*lead, slice(int(a), int(b)))) for a, b in itertools.pairwise(starts)]


@implements(np.split)
def _split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    np.split(np.empty(ary.shape, np.bool_), indices_or_sections, axis)  # raises as NumPy does
    if np.ndim(indices_or_sections):
        cuts = [0, *indices_or_sections, ary.shape[axis]]
        lead = (slice(None),) * normalize_axis_index(axis, ary.ndim)
        return [index(ary, key=(*lead, slice(a, b))) for a, b in itertools.pairwise(cuts)]
    return _array_split(ary, indices_or_sections, axis)


def _split_along(function: Any, axis: int) -> None:
    def body(ary: Any, indices_or_sections: Any) -> Any:
        function(np.empty(ary.shape, np.bool_), indices_or_sections)  # raises as NumPy does
        return _split(ary, indices_or_sections, min(axis, ary.ndim - 1))

    implements(function)(body)


_split_along(np.vsplit, 0)
_split_along(np.hsplit, 1)  # along the only axis, if there is but one
_split_along(np.dsplit, 2)


# --- by places: the entries of all arguments are numbered, and NumPy joins the numbers ---------


class _Numbered:
    """The entries of several arrays in one line."""

    def __init__(self) -> None:
        self.lines: list[Any] = []
        self.size = 0

    def places(self, a: Any) -> Any:
        """Take in an array and give where its entries stand."""
        a = as_array(a)
        places = self.size + places_of(shape_of(a))
        self.lines.append(np.reshape(a, -1))
        self.size += places.size
        return places

    def gather(self, places: Any) -> Any:
        return gather(concatenate(*self.lines, axis=0), places=places, shape=(self.size,))


@implements(np.insert)
def _insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    entries = _Numbered()
    return entries.gather(np.insert(entries.places(arr), obj, entries.places(values), axis))


@implements(np.block)
def _block(arrays: Any) -> Any:
    entries = _Numbered()

    def places(part: Any) -> Any:
        return [places(p) for p in part] if isinstance(part, list) else entries.places(part)

    return entries.gather(np.block(places(arrays)))
