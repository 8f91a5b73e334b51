"""Shapes and types of results, without the results.

A trace needs numbers only where a choice is made by them. For large arrays the rest of the call is
written down unseen: of most rows it is plain what shape and type of number comes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from taylorad.dispatch import shape_of
from taylorad.primitives import linear
from taylorad.primitives.contraction import matmul_row
from taylorad.primitives.registry import (
    Bilinear,
    Constant,
    Elementwise,
    Implicit,
    Linear,
    Primitive,
)

__all__ = ["LARGE", "Kind", "inferred"]

Kind = tuple[tuple[int, ...], np.dtype[Any]]
"""Shape, and type of number."""

LARGE = 2**14
"""Entries from which on a result is not computed before it is needed."""


def inferred(
    row: Primitive, operands: Sequence[Any], kinds: Sequence[Kind], params: dict[str, Any]
) -> Kind | None:
    """Give the shape and type of a result, or None if only computing it would tell.

    Parameters
    ----------
    row : Primitive
    operands : sequence
        Plain constants; None for operands that are known by kind alone.
    kinds : sequence of Kind
        Of all operands.
    params : dict
        Plain parameters; those that are computed by their kinds.
    """
    shape = _shape(row, [shape for shape, _ in kinds], params)
    if shape is None:
        return None
    samples = [
        np.ones((1,) * len(shape), dtype) if operand is None or np.ndim(operand) else operand
        for operand, (shape, dtype) in zip(operands, kinds, strict=True)
    ]
    if row in _OF_THE_SAME_NUMBERS:
        return shape, np.result_type(*samples)
    if row is linear.sum_ or row is linear.cumsum:
        return shape, np.add.reduce(np.ones(1, kinds[0][1])).dtype
    if row is linear.select:
        return shape, np.where(True, *samples).dtype
    with np.errstate(all="ignore"):
        return shape, np.asarray(row.value(*samples, **params)).dtype


_OF_THE_SAME_NUMBERS = {
    *(linear.index, linear.scatter, linear.gather, linear.assign, linear.reshape),
    *(linear.transpose, linear.broadcast_to, linear.concatenate),
}


def _shape(
    row: Primitive, shapes: list[tuple[int, ...]], params: dict[str, Any]
) -> tuple[int, ...] | None:
    if row in (linear.scatter, linear.reshape, linear.broadcast_to):
        return tuple(params["shape"])
    if row is linear.index:
        return shape_of(np.broadcast_to(np.False_, shapes[0])[params["key"]])
    if row in (linear.assign, linear.cumsum):
        return shapes[0]
    if row is linear.transpose:
        return tuple(shapes[0][i] for i in params["axes"])
    if row is linear.sum_:
        return tuple(n for i, n in enumerate(shapes[0]) if i not in params["axis"])
    if row is linear.concatenate:
        axis = params["axis"]
        total = sum(shape[axis] for shape in shapes)
        return (*shapes[0][:axis], total, *shapes[0][axis + 1 :])
    if row is linear.select:
        condition = params["condition"]
        return np.broadcast_shapes(*shapes, np.shape(condition))
    if row is matmul_row:
        a, b = shapes
        return (*np.broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-1])
    if isinstance(row, Elementwise) or _stands_for_ufunc(row):
        return np.broadcast_shapes(*shapes)
    return None


def _stands_for_ufunc(row: Primitive) -> bool:
    entrywise = isinstance(row, (Linear, Bilinear, Implicit, Constant))
    return entrywise and isinstance(row.value, np.ufunc) and row.value.signature is None
