"""Shapes and rearranging: bodies made of the linear rows.

Each has the signature of the NumPy function it stands for.
"""

from __future__ import annotations

import math
import operator
from typing import Any, Literal

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from taylorad.errors import NoRuleError, user_line
from taylorad.primitives.indexing import places_of
from taylorad.primitives.linear import (
    broadcast_to,
    gather,
    index,
    number_like,
    reshape,
    scatter,
    scatter_add,
    select,
    shape_of,
    transpose,
)
from taylorad.primitives.registry import implements

# --- shape -----------------------------------------------------------------------------------

implements(np.shape)(shape_of)
implements(np.ndim)(lambda a: len(shape_of(a)))
implements(np.size)(
    lambda a, axis=None: math.prod(shape_of(a)) if axis is None else shape_of(a)[axis]
)
implements(np.iscomplexobj)(lambda x: x.is_complex)
implements(np.isrealobj)(lambda x: not x.is_complex)
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
    return _reshape(a, np.expand_dims(np.empty(shape_of(a), np.bool_), axis).shape)


@implements(np.rollaxis)
def _rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    axis = normalize_axis_index(axis, a.ndim)
    start = normalize_axis_index(start, a.ndim + 1) if start >= 0 else start + a.ndim
    return _moveaxis(a, axis, start - 1 if axis < start else start)


def _at_least(function: Any) -> None:
    def raised(a: Any) -> Any:
        shape = function(np.empty(shape_of(a), np.bool_)).shape
        return a if shape == a.shape else _reshape(a, shape)

    def body(*arrays: Any) -> Any:
        return raised(*arrays) if len(arrays) == 1 else tuple(map(function, arrays))

    implements(function)(body)


_at_least(np.atleast_1d)
_at_least(np.atleast_2d)
_at_least(np.atleast_3d)


@implements(np.broadcast_to)
def _broadcast_to(array: Any, shape: Any, subok: bool = False) -> Any:
    shape = tuple(shape) if np.iterable(shape) else (shape,)
    own = shape_of(array)
    if len(own) < len(shape):  # the row broadcasts along axes that are there
        array = np.reshape(array, (1,) * (len(shape) - len(own)) + own)
    return broadcast_to(array, shape=shape)


@implements(np.broadcast_arrays)
def _broadcast_arrays(*args: Any, subok: bool = False) -> Any:
    shape = np.broadcast_shapes(*map(shape_of, args))
    return tuple(_broadcast_to(a, shape) for a in args)


@implements(np.real)
def _real(val: Any) -> Any:
    return val.parts("the real part or conjugate")[0] if np.iscomplexobj(val) else val


@implements(np.conjugate)
def _conjugate(x: Any) -> Any:
    if np.iscomplexobj(x):
        real, imag = x.parts("the real part or conjugate")
        return real - 1j * imag
    return x.copy()


@implements(np.angle)
def _angle(z: Any, deg: bool = False) -> Any:
    real, imag = z.parts("np.angle") if np.iscomplexobj(z) else (z, np.zeros(z.shape))
    angle = np.arctan2(imag, real)
    return np.degrees(angle) if deg else angle


@implements(np.imag)
def _imag(val: Any) -> Any:
    return val.parts("the imaginary part")[1] if np.iscomplexobj(val) else np.zeros(val.shape)


# --- rearranging -----------------------------------------------------------------------------


def _rearranged(function: Any) -> Any:
    """Body of a function that only moves entries: let NumPy move their places, then gather."""

    def body(a: Any, *args: Any, **kwargs: Any) -> Any:
        return gather(a, places=function(places_of(a.shape), *args, **kwargs), shape=a.shape)

    return implements(function)(body)


for _function in (np.tile, np.repeat, np.roll, np.rot90, np.diagonal, np.delete, np.resize):
    _rearranged(_function)


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
        places: Any = np.pad(places_of(array.shape), pad_width, mode, **kwargs)
        return gather(array, places=places, shape=array.shape)
    fill = kwargs.get("constant_values", 0)
    padded = np.pad(np.zeros(array.shape, np.bool_), pad_width, constant_values=True)
    before = np.pad(places_of(array.shape), pad_width, constant_values=-1)
    start = np.unravel_index(np.argmax(before == 0), before.shape)
    key = tuple(slice(int(i), int(i) + n) for i, n in zip(start, array.shape, strict=True))
    out = scatter(array, key=key, shape=padded.shape)
    if not np.any(fill):
        return out
    return out + np.pad(np.zeros(array.shape), pad_width, constant_values=fill)


@implements(np.meshgrid)
def _meshgrid(
    *xi: Any, copy: bool = True, sparse: bool = False, indexing: Literal["xy", "ij"] = "xy"
) -> Any:
    places = [np.arange(math.prod(shape_of(x))) for x in xi]
    grids = np.meshgrid(*places, sparse=sparse, indexing=indexing)
    return tuple(
        gather(np.reshape(x, -1), places=grid, shape=(math.prod(shape_of(x)),))
        for x, grid in zip(xi, grids, strict=True)
    )


@implements(np.diag)
def _diag(v: Any, k: int = 0) -> Any:
    if v.ndim == 2:
        return np.diagonal(v, k)
    if v.ndim != 1:
        raise ValueError("Input must be 1- or 2-d.")
    n = len(v) + abs(k)
    places = np.diagonal(places_of((n, n)), k)
    return scatter_add(v, places=places, shape=(n, n))


implements(np.diagflat)(lambda v, k=0: np.diag(np.reshape(v, -1), k))


@implements(np.trace)
def _trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, **dtype: Any) -> Any:
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1)


implements(np.linalg.diagonal)(lambda x, /, *, offset=0: np.diagonal(x, offset, -2, -1))
implements(np.linalg.trace)(lambda x, /, *, offset=0, dtype=None: np.trace(x, offset, -2, -1))


@implements(np.tril)
def _tril(m: Any, k: int = 0) -> Any:
    return select(m, number_like(m, 0), condition=np.tril(np.ones(m.shape[-2:], bool), k))


@implements(np.triu)
def _triu(m: Any, k: int = 0) -> Any:
    return select(m, number_like(m, 0), condition=np.triu(np.ones(m.shape[-2:], bool), k))


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
        if _counts(dtype):
            return np.full(shape, value, dtype)
        return a.lift(np.broadcast_to(np.array(value, _kind(a, dtype)), shape))

    return body


def _kind(a: Any, dtype: Any = None) -> Any:
    """Give the type of an array like ``a``: NumPy's, or one that derivatives can be kept in."""
    if dtype is not None:
        return dtype if a.traced else float
    return a.number_type if a.traced or a.number_type.kind in "biu" else float


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
    if _counts(dtype):
        return plain.astype(dtype)
    return a.lift(plain.astype(_kind(a, dtype)) if a.traced else plain)


@implements(np.copy)
def _copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    return a.copy()
