"""Functions that move entries about or add them up.

A few linear rows (index, scatter, reshape, sum, ...) are the whole of it; every NumPy function is
a short body made of them, with NumPy's own signature.
"""

from __future__ import annotations

import itertools
import math
import operator
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from taylorad.errors import NoRuleError, user_line
from taylorad.primitives.registry import Linear, Owner, enter, implements

# --- the rows --------------------------------------------------------------------------------


def _shape(a: Any) -> tuple[int, ...]:
    return a.shape if hasattr(a, "shape") else np.shape(a)


def as_array(a: Any) -> Any:
    """Give a number, an array or nested lists of them as an array or a value."""
    if hasattr(a, "shape"):
        return a
    if isinstance(a, (list, tuple)) and any(isinstance(x, (Owner, list, tuple)) for x in a):
        return np.stack([as_array(x) for x in a])
    return np.asarray(a)


def _scatter(g: Any, key: Any, shape: tuple[int, ...]) -> Any:
    out = np.zeros(shape, np.result_type(g))
    out[key] = g
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


def _segment_sum_transpose(position: int, g: Any, shapes: Any, starts: Any) -> Any:
    lengths = np.diff(starts, append=shapes[0][-1])
    before = np.zeros((*np.shape(g)[:-1], starts[0]))  # entries that belong to no segment
    return np.concatenate([before, np.repeat(g, lengths, axis=-1)], axis=-1)


def _cumsum_transpose(position: int, g: Any, shapes: Any, axis: int) -> Any:
    back = (slice(None),) * axis + (slice(None, None, -1),)
    return index(cumsum(index(g, key=back), axis=axis), key=back)


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
        lambda a, shape: np.reshape(a, shape),
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
        return assign(a, _fitted(value, shape), key=key)
    places = _places(a.shape)[key]
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


def _places(shape: tuple[int, ...]) -> Any:
    return np.arange(math.prod(shape)).reshape(shape)


def _fitted(value: Any, shape: tuple[int, ...]) -> Any:
    """Broadcast to a shape as assignment does, which drops leading axes of length 1."""
    own = _shape(value)
    while len(own) > len(shape) and own[0] == 1:
        own = own[1:]
    if len(own) > len(shape) or np.broadcast_shapes(own, shape) != shape:
        raise ValueError(f"could not broadcast input of shape {own} into shape {shape}")
    return _broadcast_to(np.reshape(value, own), shape)


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
    shape = tuple(map(operator.index, shape)) if np.iterable(shape) else (operator.index(shape),)
    if order == "F":
        return np.transpose(_reshape(np.transpose(a), shape[::-1]))
    if order != "C":
        raise ValueError(
            f"order={order!r} asks how an array lies in memory, which one that carries derivatives "
            "does not say; use 'C' or 'F'"
        )
    return reshape(a, shape=np.empty(a.shape, np.bool_).reshape(shape).shape)


implements(np.ravel)(lambda a, order="C": _reshape(a, -1, order))


@implements(np.transpose, np.permute_dims)
def _transpose(a: Any, axes: Any = None) -> Any:
    axes = range(a.ndim)[::-1] if axes is None else axes
    if a.ndim < 2 and len(axes) == a.ndim:
        return a
    return transpose(a, axes=tuple(normalize_axis_index(i, a.ndim) for i in axes))


@implements(np.matrix_transpose, np.linalg.matrix_transpose)
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
    shape = tuple(shape) if np.iterable(shape) else (shape,)
    own = _shape(array)
    if len(own) < len(shape):  # the row broadcasts along axes that are there
        array = np.reshape(array, (1,) * (len(shape) - len(own)) + own)
    return broadcast_to(array, shape=shape)


@implements(np.broadcast_arrays)
def _broadcast_arrays(*args: Any, subok: bool = False) -> Any:
    shape = np.broadcast_shapes(*map(_shape, args))
    return tuple(_broadcast_to(a, shape) for a in args)


@implements(np.real, np.conjugate)
def _real(val: Any) -> Any:
    if np.iscomplexobj(val):
        raise TypeError("the real part and the conjugate are not complex-differentiable")
    return val


# --- joining and splitting -------------------------------------------------------------------


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
    places = np.take(_places(a.shape), indices, axis, mode=mode)  # type: ignore[call-overload]
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


_COPYING = ("edge", "reflect", "symmetric", "wrap")


@implements(np.pad)
def _pad(array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    if mode != "constant":
        if mode not in _COPYING or kwargs.get("reflect_type", "even") != "even":
            raise NoRuleError(
                f"np.pad(mode={mode!r}) has no differentiation rule{user_line()}: use a mode that "
                f"copies entries ({', '.join(_COPYING)}), or np.concatenate"
            )
        places: Any = np.pad(_places(array.shape), pad_width, mode, **kwargs)  # type: ignore[call-overload]
        return gather(array, places=places, shape=array.shape)
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


implements(np.linalg.diagonal)(lambda x, /, *, offset=0: np.diagonal(x, offset, -2, -1))
implements(np.linalg.trace)(lambda x, /, *, offset=0, dtype=None: np.trace(x, offset, -2, -1))


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
        shape = a.shape if shape is None else shape
        return np.full(shape, value, dtype) if _counts(dtype) else a.lift(np.full(shape, value))

    return body


def _counts(dtype: Any) -> bool:
    """Tell whether a type is for counting and masking: no derivative could be kept in it."""
    return dtype is not None and np.dtype(dtype).kind in "biu"


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
    if hasattr(fill_value, "tag"):
        return _broadcast_to(fill_value, shape)
    plain = np.broadcast_to(fill_value, shape)
    return plain.astype(dtype) if _counts(dtype) else a.lift(plain)


@implements(np.copy)
def _copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    return a.copy()


# --- sums ------------------------------------------------------------------------------------


def reduced_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """Give the axes a reduction runs over, None meaning all."""
    return tuple(range(ndim)) if axis is None else normalize_axis_tuple(axis, ndim)


def keep(result: Any, shape: tuple[int, ...], axes: tuple[int, ...], keepdims: Any = True) -> Any:
    """Put the reduced axes back, with length 1, if that is asked for."""
    if not keepdims or keepdims is np._NoValue:
        return result
    return np.reshape(result, tuple(1 if i in axes else n for i, n in enumerate(shape)))


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
        a = select(a, 0.0, condition=where)
    axes = reduced_axes(axis, a.ndim)
    result = keep(sum_(a, axis=axes) if axes else a, a.shape, axes, keepdims)
    return result if initial is np._NoValue else result + initial


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
