"""Functions that move entries about or add them up.

A few linear rows (index, scatter, reshape, sum, ...) are the whole of it; every NumPy function is
a short body made of them, with NumPy's own signature.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from taylorad.primitives.registry import Linear, enter, implements

# --- the rows --------------------------------------------------------------------------------


def _shape(a: Any) -> tuple[int, ...]:
    return a.shape if hasattr(a, "shape") else np.shape(a)


def _scatter(g: Any, key: Any, shape: tuple[int, ...]) -> Any:
    out = np.zeros(shape, np.result_type(g))
    out[key] = g
    return out


def _scatter_add(g: Any, places: Any, shape: tuple[int, ...]) -> Any:
    # One axis in front of ``places`` may be a batch; the last len(shape) axes are scattered into.
    lead = np.shape(g)[: np.ndim(g) - np.ndim(places)]
    out = np.zeros((math.prod(lead), math.prod(shape)), np.result_type(g))
    np.add.at(out, (slice(None), places.ravel()), np.reshape(g, (out.shape[0], -1)))
    return out.reshape(lead + shape)


def _gather(a: Any, places: Any, shape: tuple[int, ...]) -> Any:
    lead = a.shape[: a.ndim - len(shape)]
    return a.reshape(*lead, -1)[..., places]


def _assign(a: Any, v: Any, key: Any) -> Any:
    out = np.array(np.broadcast_to(a, _shape(a)), np.result_type(a, v))
    out[key] = v
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


def _cumsum_transpose(position: int, g: Any, shapes: Any, axis: int) -> Any:
    back = (slice(None),) * axis + (slice(None, None, -1),)
    return index(cumsum(index(g, key=back), axis=axis), key=back)


index = enter(
    Linear(
        lambda a, key: a[key],
        name="index",
        transpose=lambda position, g, shapes, key: scatter(g, key=key, shape=shapes[0]),
        batch=lambda size, key: {"key": (slice(None), *key)},
    )
)
scatter = enter(
    Linear(
        _scatter,
        name="scatter",
        transpose=lambda position, g, shapes, key, shape: index(g, key=key),
        batch=lambda size, key, shape: {"key": (slice(None), *key), "shape": (size, *shape)},
    )
)
gather = enter(
    Linear(
        _gather,
        name="gather",
        transpose=lambda position, g, shapes, places, shape: scatter_add(
            g, places=places, shape=shape
        ),
    )
)
scatter_add = enter(
    Linear(
        _scatter_add,
        name="scatter_add",
        transpose=lambda position, g, shapes, places, shape: gather(g, places=places, shape=shape),
    )
)
assign = enter(
    Linear(
        _assign,
        name="assign",
        transpose=_assign_transpose,
        batch=lambda size, key: {"key": (slice(None), *key)},
    )
)
reshape = enter(
    Linear(
        lambda a, shape: np.reshape(a, shape),
        name="reshape",
        transpose=lambda position, g, shapes, shape: reshape(g, shape=shapes[0]),
        batch=lambda size, shape: {"shape": (size, *shape)},
    )
)
transpose = enter(
    Linear(
        lambda a, axes: np.transpose(a, axes),
        name="transpose",
        transpose=lambda position, g, shapes, axes: transpose(
            g, axes=tuple(int(i) for i in np.argsort(axes))
        ),
        batch=lambda size, axes: {"axes": (0, *(i + 1 for i in axes))},
    )
)
broadcast_to = enter(
    Linear(
        lambda a, shape: np.broadcast_to(a, shape),
        name="broadcast_to",
        transpose=lambda position, g, shapes, shape: g,
        batch=lambda size, shape: {"shape": (size, *shape)},
        broadcasts=True,
    )
)
concatenate = enter(
    Linear(
        lambda *arrays, axis: np.concatenate(arrays, axis),
        name="concatenate",
        transpose=_concatenate_transpose,
        batch=lambda size, axis: {"axis": axis + 1},
    )
)
sum_ = enter(
    Linear(
        lambda a, axis: np.add.reduce(a, axis),
        name="sum",
        transpose=_sum_transpose,
        batch=lambda size, axis: {"axis": tuple(i + 1 for i in axis)},
    )
)
segment_sum = enter(
    Linear(
        lambda a, starts: np.add.reduceat(a, starts, axis=-1),
        name="segment_sum",
        transpose=lambda position, g, shapes, starts: gather_last(
            g,
            places=np.repeat(np.arange(len(starts)), np.diff(starts, append=shapes[0][-1])),
        ),
    )
)
cumsum = enter(
    Linear(
        lambda a, axis: np.cumsum(a, axis),
        name="cumsum",
        transpose=_cumsum_transpose,
        batch=lambda size, axis: {"axis": axis + 1},
    )
)
select = enter(
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


def gather_last(a: Any, places: Any) -> Any:
    """Take entries along the last axis."""
    return take(a, places, axis=-1)


# --- indexing --------------------------------------------------------------------------------


def getitem(a: Any, key: tuple[Any, ...]) -> Any:
    """Index as NumPy does: basic keys by ``index``, integer and boolean arrays by ``gather``."""
    if is_basic(key):
        return index(a, key=key)
    places = _places(a.shape)[key]
    return gather(a, places=places, shape=a.shape)


def setitem(a: Any, key: tuple[Any, ...], value: Any) -> Any:
    """Give ``a`` with ``a[key] = value`` done."""
    if is_basic(key):
        shape = _shape(np.empty(a.shape, bool)[key])
        return assign(a, broadcast_to(_fitted(value, shape), shape=shape), key=key)
    places = _places(a.shape)[key]
    value = broadcast_to(_fitted(value, places.shape), shape=places.shape)
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
        or (isinstance(k, (slice, int, np.integer))
        and not isinstance(k, bool))
        for k in key
    )


def _places(shape: tuple[int, ...]) -> Any:
    return np.arange(math.prod(shape)).reshape(shape)


def _fitted(value: Any, shape: tuple[int, ...]) -> Any:
    """Drop leading axes of length 1, as assignment does, and check that the rest broadcasts."""
    own = _shape(value)
    while len(own) > len(shape) and own[0] == 1:
        own = own[1:]
    if own != _shape(value):
        value = np.reshape(value, own)
    if np.broadcast_shapes(own, shape) != shape:
        raise ValueError(f"could not broadcast input of shape {own} into shape {shape}")
    return value


# --- shape -----------------------------------------------------------------------------------

implements(np.shape)(_shape)
implements(np.ndim)(lambda a: len(_shape(a)))
implements(np.size)(lambda a, axis=None: math.prod(_shape(a)) if axis is None else _shape(a)[axis])
implements(np.iscomplexobj)(lambda x: np.issubdtype(x.dtype, np.complexfloating))
implements(np.isrealobj)(lambda x: not np.issubdtype(x.dtype, np.complexfloating))
implements(np.result_type)(lambda *args: np.result_type(*(getattr(a, "dtype", a) for a in args)))


@implements(np.reshape)
def _reshape(
    a: Any, /, shape: Any = None, order: str = "C", *, newshape: Any = None, copy: Any = None
) -> Any:
    shape = newshape if shape is None else shape
    if order != "C":
        raise ValueError(f"reshape of derivative-carrying arrays is in order 'C', not {order!r}")
    shape = (
        tuple(map(operator.index, shape)) if hasattr(shape, "__len__") else (operator.index(shape),)
    )
    return reshape(a, shape=np.empty(a.shape, np.bool_).reshape(shape).shape)


implements(np.ravel)(lambda a, order="C": _reshape(a, -1, order))


@implements(np.transpose, np.permute_dims)
def _transpose(a: Any, axes: Any = None) -> Any:
    axes = range(a.ndim)[::-1] if axes is None else axes
    if a.ndim < 2 and len(axes) == a.ndim:
        return a
    return transpose(a, axes=tuple(normalize_axis_index(i, a.ndim) for i in axes))


@implements(np.matrix_transpose)
def _matrix_transpose(x: Any, /) -> Any:
    return _swapaxes(x, -1, -2)


@implements(np.swapaxes)
def _swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    axes = list(range(a.ndim))
    axes[axis1], axes[axis2] = axes[axis2], axes[axis1]
    return _transpose(a, axes)


@implements(np.moveaxis)
def _moveaxis(a: Any, source: Any, destination: Any) -> Any:
    origin = normalize_axis_tuple(source, a.ndim, "source")
    target = normalize_axis_tuple(destination, a.ndim, "destination")
    axes = [i for i in range(a.ndim) if i not in origin]
    for to, start in sorted(zip(target, origin, strict=True)):
        axes.insert(to, start)
    return _transpose(a, axes)


@implements(np.squeeze)
def _squeeze(a: Any, axis: Any = None) -> Any:
    return _reshape(a, np.squeeze(np.empty(a.shape, np.bool_), axis).shape)


@implements(np.expand_dims)
def _expand_dims(a: Any, axis: Any) -> Any:
    return _reshape(a, np.expand_dims(np.empty(_shape(a), np.bool_), axis).shape)


@implements(np.atleast_1d)
def _atleast_1d(*arrays: Any) -> Any:
    done = tuple(a if _shape(a) else _reshape(a, 1) for a in arrays)
    return done[0] if len(done) == 1 else done


@implements(np.broadcast_to)
def _broadcast_to(array: Any, shape: Any, subok: bool = False) -> Any:
    shape = (shape,) if np.ndim(shape) == 0 else tuple(shape)
    return broadcast_to(array, shape=shape)


@implements(np.broadcast_arrays)
def _broadcast_arrays(*args: Any, subok: bool = False) -> Any:
    shape = np.broadcast_shapes(*map(_shape, args))
    return tuple(_broadcast_to(a, shape) for a in args)


# --- joining and splitting -------------------------------------------------------------------


@implements(np.concatenate, np.concat)
def _concatenate(arrays: Any, axis: Any = 0, **dtype: Any) -> Any:
    arrays = list(arrays)
    if axis is None:
        arrays, axis = [_reshape(a, -1) if hasattr(a, "tag") else np.ravel(a) for a in arrays], 0
    arrays = [a if hasattr(a, "shape") else np.asarray(a) for a in arrays]
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


@implements(np.append)
def _append(arr: Any, values: Any, axis: Any = None) -> Any:
    return _concatenate([arr, values], axis)


@implements(np.array_split)
def _array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    axis = normalize_axis_index(axis, ary.ndim)
    pieces = np.array_split(np.arange(ary.shape[axis]), indices_or_sections)
    lead = (slice(None),) * axis
    starts = np.cumsum([0, *map(len, pieces)])
    return [
        index(ary, key=(*lead, slice(int(a), int(b))))
        for a, b in zip(starts, starts[1:], strict=False)
    ]


@implements(np.split)
def _split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    np.split(np.empty(ary.shape, np.bool_), indices_or_sections, axis)  # raises as NumPy does
    if np.ndim(indices_or_sections):
        cuts = [0, *indices_or_sections, ary.shape[axis]]
        lead = (slice(None),) * normalize_axis_index(axis, ary.ndim)
        return [index(ary, key=(*lead, slice(a, b))) for a, b in zip(cuts, cuts[1:], strict=False)]
    return _array_split(ary, indices_or_sections, axis)


# --- rearranging -----------------------------------------------------------------------------


def _rearranged(function: Any) -> Any:
    """Body of a function that only moves entries: let NumPy move their places, then gather."""

    def body(a: Any, *args: Any, **kwargs: Any) -> Any:
        return gather(a, places=function(_places(a.shape), *args, **kwargs), shape=a.shape)

    return implements(function)(body)


for _function in (np.tile, np.repeat, np.roll, np.rot90, np.diagonal, np.delete, np.resize):
    _rearranged(_function)


@implements(np.take)
def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    """Take entries along an axis."""
    places = np.take(_places(a.shape), indices, axis, mode=mode)
    return gather(a, places=places, shape=a.shape)


@implements(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Any:
    """Take, for each line along an axis, the entries named there."""
    places = np.take_along_axis(_places(arr.shape), indices, axis)
    return gather(arr, places=places, shape=arr.shape)


@implements(np.flip)
def _flip(m: Any, axis: Any = None) -> Any:
    axes = normalize_axis_tuple(range(m.ndim) if axis is None else axis, m.ndim)
    back = slice(None, None, -1)
    return index(m, key=tuple(back if i in axes else slice(None) for i in range(m.ndim)))


implements(np.flipud)(lambda m: _flip(m, 0))
implements(np.fliplr)(lambda m: _flip(m, 1))


@implements(np.pad)
def _pad(array: Any, pad_width: Any, mode: str = "constant", **kwargs: Any) -> Any:
    if mode != "constant":
        return gather(
            array, places=np.pad(_places(array.shape), pad_width, mode, **kwargs), shape=array.shape
        )
    fill = kwargs.get("constant_values", 0)
    padded = np.pad(np.zeros(array.shape, np.bool_), pad_width, constant_values=True)
    before = np.pad(_places(array.shape), pad_width, constant_values=-1)
    start = np.unravel_index(np.argmax(before == 0), before.shape)
    key = tuple(slice(int(i), int(i) + n) for i, n in zip(start, array.shape, strict=True))
    out = scatter(array, key=key, shape=padded.shape)
    if not np.any(fill):
        return out
    return out + np.pad(np.zeros(array.shape), pad_width, constant_values=fill)


@implements(np.diag)
def _diag(v: Any, k: int = 0) -> Any:
    if v.ndim == 2:
        return np.diagonal(v, k)
    if v.ndim != 1:
        raise ValueError("Input must be 1- or 2-d.")
    n = len(v) + abs(k)
    places = np.diagonal(_places((n, n)), k)
    return scatter_add(v, places=places, shape=(n, n))


@implements(np.trace)
def _trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, **dtype: Any) -> Any:
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1)


@implements(np.tril)
def _tril(m: Any, k: int = 0) -> Any:
    return select(m, 0.0, condition=np.tril(np.ones(m.shape[-2:], bool), k))


@implements(np.triu)
def _triu(m: Any, k: int = 0) -> Any:
    return select(m, 0.0, condition=np.triu(np.ones(m.shape[-2:], bool), k))


# --- filled arrays ---------------------------------------------------------------------------


def _filled(value: float) -> Any:
    def body(
        a: Any,
        dtype: Any = None,
        order: Any = "K",
        subok: Any = True,
        shape: Any = None,
        *,
        device: Any = None,
    ) -> Any:
        plain = np.full(a.shape if shape is None else shape, value)
        return a.lift(plain)

    return body


implements(np.zeros_like, np.empty_like)(_filled(0.0))
implements(np.ones_like)(_filled(1.0))


@implements(np.full_like)
def _full_like(
    a: Any,
    fill_value: Any,
    dtype: Any = None,
    order: Any = "K",
    subok: Any = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Any:
    shape = a.shape if shape is None else shape
    shape = (shape,) if np.ndim(shape) == 0 else tuple(shape)
    zero = a.lift(np.zeros(())) if hasattr(a, "lift") else 0.0
    return broadcast_to(fill_value + zero, shape=shape)


@implements(np.copy)
def _copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    return a.copy()


# --- sums ------------------------------------------------------------------------------------


def reduced_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """Give the axes a reduction runs over, None meaning all."""
    return tuple(range(ndim)) if axis is None else normalize_axis_tuple(axis, ndim)


def keep(result: Any, shape: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    """Put the reduced axes back, with length 1."""
    return np.reshape(result, tuple(1 if i in axes else n for i, n in enumerate(shape)))


@implements(np.sum)
def _sum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = 0,
    where: Any = True,
) -> Any:
    if where is not True:
        a = select(a, 0.0, condition=where)
    axes = reduced_axes(axis, a.ndim)
    result = sum_(a, axis=axes) if axes else a
    result = keep(result, a.shape, axes) if keepdims is True else result
    return result if initial is np._NoValue or not initial else result + initial


def _reduce_along_first(body: Any) -> Any:
    # ufunc.reduce works along axis 0 unless told, where the functions work along all.
    def reduce(a: Any, axis: Any = 0, *args: Any, **kwargs: Any) -> Any:
        return body(a, axis, *args, **kwargs)

    return reduce


implements((np.add, "reduce"))(_reduce_along_first(_sum))


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
    total = _sum(a, axis, keepdims=keepdims, where=where)
    if where is not True:
        return total / np.sum(np.broadcast_to(where, a.shape), axis=axis, keepdims=keepdims is True)
    return total / math.prod(a.shape[i] for i in reduced_axes(axis, a.ndim))


@implements(np.average)
def _average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = False
) -> Any:
    if weights is None:
        return np.mean(a, axis, keepdims=keepdims)
    if np.shape(weights) != np.shape(a) and axis is not None:
        weights = np.expand_dims(
            weights, [i for i in range(np.ndim(a)) if i not in reduced_axes(axis, np.ndim(a))]
        )
    total = np.sum(weights * np.ones(np.shape(a)), axis=axis, keepdims=keepdims)
    mean = np.sum(a * weights, axis=axis, keepdims=keepdims) / total
    return (mean, total) if returned else mean


@implements(np.cumsum)
def _cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    if axis is None:
        a, axis = _reshape(a, -1), 0
    return cumsum(a, axis=normalize_axis_index(axis, a.ndim))


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
        a = _concatenate([ends.pop(0), a], axis)
    if ends:
        a = _concatenate([a, *ends], axis)
    lead = (slice(None),) * axis
    for _ in range(n):
        a = index(a, key=(*lead, slice(1, None))) - index(a, key=(*lead, slice(None, -1)))
    return a


@implements(np.trapezoid)
def _trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    y = np.moveaxis(y, axis, -1)
    if x is not None:
        x = np.moveaxis(x, axis, -1) if np.ndim(x) > 1 else x
        dx = np.diff(x, axis=-1)
    return np.sum(dx * (y[..., 1:] + y[..., :-1]) / 2, axis=-1)
