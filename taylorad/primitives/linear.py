"""The linear rows: every function that moves entries or adds them up is made of these few.

Each states its transpose, and how it acts on arrays with one more axis in front.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from taylorad.primitives.registry import Linear, Owner, enter


def number_like(a: Any, value: int) -> Any:
    """Give a number of the kind that an array holds, which leaves its type as it is."""
    kind = getattr(a, "number_type", np.dtype(float)).kind
    return {"b": bool, "i": int, "u": int}.get(kind, float)(value)


def shape_of(a: Any) -> tuple[int, ...]:
    """Give the shape of anything that NumPy takes for an array."""
    return a.shape if hasattr(a, "shape") else np.shape(a)


def as_array(a: Any) -> Any:
    """Give a number, an array or nested lists of them as an array or a value."""
    if hasattr(a, "shape"):
        return a
    if isinstance(a, (list, tuple)) and any(isinstance(x, (Owner, list, tuple)) for x in a):
        return np.stack([as_array(x) for x in a])
    return np.asarray(a)


def _entry(a: Any) -> Any:
    # NumPy would store an object array of no axes, in a place of one, as the object.
    return a[()] if isinstance(a, np.ndarray) and not a.ndim else a


def _scatter(g: Any, key: Any, shape: tuple[int, ...]) -> Any:
    out = np.zeros(shape, np.result_type(g))
    out[key] = _entry(g)
    return out


def _scatter_add(g: Any, places: Any, shape: tuple[int, ...]) -> Any:
    # The axes of ``g`` in front of those of ``places`` are a batch: each element of it gets a
    # stretch of one long vector of its own.
    lead = np.shape(g)[: np.ndim(g) - np.ndim(places)]
    size, batch = math.prod(shape), math.prod(lead)
    bins = (np.arange(batch)[:, None] * size + places.ravel()).ravel()
    kind = np.result_type(g)
    if kind.kind == "f":
        return np.bincount(bins, np.ravel(g), batch * size).reshape(lead + shape)
    out = np.zeros(batch * size, kind)
    np.add.at(out, bins, np.ravel(g))
    return out.reshape(lead + shape)


def _gather(a: Any, places: Any, shape: tuple[int, ...]) -> Any:
    lead = a.shape[: a.ndim - len(shape)]
    return a.reshape(*lead, -1)[..., places]


def _assign(a: Any, v: Any, key: Any) -> Any:
    out = np.array(np.broadcast_to(a, shape_of(a)), np.result_type(a, v))
    out[key] = _entry(v)
    return out


def _assign_transpose(position: int, g: Any, shapes: Any, key: Any) -> Any:
    return assign(g, 0.0, key=key) if position == 0 else index(g, key=key)


def _concatenate_transpose(position: int, g: Any, shapes: Any, axis: int) -> Any:
    start = sum(shape[axis] for shape in shapes[:position])
    piece = slice(start, start + shapes[position][axis])
    return index(g, key=(slice(None),) * axis + (piece,))


def _sum_transpose(position: int, g: Any, shapes: Any, axis: tuple[int, ...]) -> Any:
    (shape,) = shapes
    kept = tuple(1 if i in axis else n for i, n in enumerate(shape))
    return broadcast_to(reshape(g, shape=kept), shape=shape)


def _segment_sum_transpose(position: int, g: Any, shapes: Any, starts: Any) -> Any:
    lengths = np.diff(starts, append=shapes[0][-1])
    before = np.zeros((*np.shape(g)[:-1], starts[0]))  # entries that belong to no segment
    return np.concatenate([before, np.repeat(g, lengths, axis=-1)], axis=-1)


def _cumsum_transpose(position: int, g: Any, shapes: Any, axis: int) -> Any:
    back = (slice(None),) * axis + (slice(None, None, -1),)
    return index(cumsum(index(g, key=back), axis=axis), key=back)


def _assemble(*entries: Any, sources: Any, places: Any, shape: tuple[int, ...]) -> Any:
    stacked = np.array(np.broadcast_arrays(*entries))  # the axes behind the first are a batch
    lead = stacked.shape[1:]
    out = np.zeros((*lead, math.prod(shape)), stacked.dtype)
    out[..., places] = np.moveaxis(stacked[sources], 0, -1)
    return out.reshape(lead + shape)


def _assemble_transpose(
    position: int, g: Any, shapes: Any, sources: Any, places: Any, shape: tuple[int, ...]
) -> Any:
    mine = gather(g, places=places[sources == position], shape=shape)
    return sum_(mine, axis=(len(shape_of(mine)) - 1,))


index: Linear = enter(
    Linear(
        lambda a, key: a[key],
        name="index",
        transpose=lambda position, g, shapes, key: scatter(g, key=key, shape=shapes[0]),
        batch=lambda size, key: {"key": (slice(None), *key)},
    )
)
scatter: Linear = enter(
    Linear(
        _scatter,
        name="scatter",
        transpose=lambda position, g, shapes, key, shape: index(g, key=key),
        batch=lambda size, key, shape: {"key": (slice(None), *key), "shape": (size, *shape)},
    )
)
gather: Linear = enter(
    Linear(
        _gather,
        name="gather",
        transpose=lambda position, g, shapes, places, shape: scatter_add(
            g, places=places, shape=shape
        ),
    )
)
scatter_add: Linear = enter(
    Linear(
        _scatter_add,
        name="scatter_add",
        transpose=lambda position, g, shapes, places, shape: gather(g, places=places, shape=shape),
    )
)
assign: Linear = enter(
    Linear(
        _assign,
        name="assign",
        transpose=_assign_transpose,
        batch=lambda size, key: {"key": (slice(None), *key)},
    )
)
reshape: Linear = enter(
    Linear(
        lambda a, shape: np.asarray(a).reshape(shape),
        name="reshape",
        transpose=lambda position, g, shapes, shape: reshape(g, shape=shapes[0]),
        batch=lambda size, shape: {"shape": (size, *shape)},
    )
)
transpose: Linear = enter(
    Linear(
        lambda a, axes: np.transpose(a, axes),
        name="transpose",
        transpose=lambda position, g, shapes, axes: transpose(
            g, axes=tuple(int(i) for i in np.argsort(axes))
        ),
        batch=lambda size, axes: {"axes": (0, *(i + 1 for i in axes))},
    )
)
broadcast_to: Linear = enter(
    Linear(
        lambda a, shape: np.broadcast_to(a, shape),
        name="broadcast_to",
        transpose=lambda position, g, shapes, shape: g,
        batch=lambda size, shape: {"shape": (size, *shape)},
        broadcasts=True,
    )
)
concatenate: Linear = enter(
    Linear(
        lambda *arrays, axis: np.concatenate(arrays, axis),
        name="concatenate",
        transpose=_concatenate_transpose,
        batch=lambda size, axis: {"axis": axis + 1},
    )
)
sum_: Linear = enter(
    Linear(
        lambda a, axis: np.add.reduce(a, axis),
        name="sum",
        transpose=_sum_transpose,
        batch=lambda size, axis: {"axis": tuple(i + 1 for i in axis)},
    )
)
segment_sum: Linear = enter(
    Linear(
        lambda a, starts: np.add.reduceat(a, starts, axis=-1),
        name="segment_sum",
        transpose=_segment_sum_transpose,
    )
)
cumsum: Linear = enter(
    Linear(
        lambda a, axis: np.cumsum(a, axis),
        name="cumsum",
        transpose=_cumsum_transpose,
        batch=lambda size, axis: {"axis": axis + 1},
    )
)
select: Linear = enter(
    Linear(
        lambda a, b, condition: np.where(condition, a, b),
        name="where",
        transpose=lambda position, g, shapes, condition: (
            select(g, 0.0, condition=condition)
            if position == 0
            else select(0.0, g, condition=condition)
        ),
        broadcasts=True,
    )
)
assemble: Linear = enter(Linear(_assemble, name="assemble", transpose=_assemble_transpose))
"""An array made of scalars: entry ``sources[i]`` goes to the place ``places[i]``, counted in C
order; the other places are 0. One scalar may go to several places."""
