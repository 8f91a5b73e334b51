"""What a cotangent of a result means for the arguments: one rule a kind of row.

All are NumPy code on whatever the values are, so they nest: over jets they give forward-over-
reverse, over the entries of an outer list reverse-over-reverse.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from taylorad.dispatch import shape_of
from taylorad.primitives.registry import (
    Bilinear,
    Elementwise,
    Implicit,
    Linear,
    LocalSeries,
    Primitive,
    Pulled,
)
from taylorad.wengert.tape import Record

__all__ = ["cotangents", "unbroadcast"]

Cotangents = list[tuple[int, Any]]


def cotangents(record: Record, g: Any) -> Cotangents:
    """Pairs (number of an earlier line, its cotangent), given that of this line's value."""
    assert record.primitive is not None
    return _RULES[type(record.primitive)](record.primitive, record, g)


def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """Add up a cotangent over the axes along which its owner was broadcast."""
    have = shape_of(g)
    if have == shape:
        return g
    extra = len(have) - len(shape)
    axes = tuple(range(extra)) + tuple(
        i + extra for i, n in enumerate(shape) if n == 1 and have[i + extra] != 1
    )
    if axes:
        g = np.sum(g, axis=axes, keepdims=True)
    return np.reshape(g, shape) if shape_of(g) != shape else g


def _linear(row: Linear, record: Record, g: Any) -> Cotangents:
    shapes = [shape_of(x) for x in record.operands]
    fit = unbroadcast if row.broadcasts else _as_is
    return [
        (source, fit(row.transpose(i, g, shapes, **record.params), shapes[i]))
        for i, source in enumerate(record.sources)
        if source is not None
    ]


def _as_is(g: Any, shape: tuple[int, ...]) -> Any:
    return g


def _bilinear(row: Bilinear, record: Record, g: Any) -> Cotangents:
    found = []
    for i, source in enumerate(record.sources):
        if source is not None:
            other, shape = record.operands[1 - i], shape_of(record.operands[i])
            found.append(
                (source, unbroadcast(row.transpose(i, g, other, shape, **record.params), shape))
            )
    return found


def _implicit(row: Implicit, record: Record, g: Any) -> Cotangents:
    """From ``a y = b``: the cotangent of b solves the transposed equation (Giles 2008)."""
    a_at, b_at = row.roles
    a, b = record.operands[a_at], record.operands[b_at]
    b_bar = row.adjoint(a, g)
    found = []
    if (source := record.sources[b_at]) is not None:
        found.append((source, unbroadcast(b_bar, shape_of(b))))
    if (source := record.sources[a_at]) is not None:
        a_bar = row.product.transpose(0, -b_bar, record.value, shape_of(a))
        found.append((source, unbroadcast(a_bar, shape_of(a))))
    return found


def _elementwise(row: Elementwise, record: Record, g: Any) -> Cotangents:
    return [
        (source, unbroadcast(g * row.partial(i, record.value, record.operands), shape_of(x)))
        for i, (source, x) in enumerate(zip(record.sources, record.operands, strict=True))
        if source is not None
    ]


def _local_series(row: LocalSeries, record: Record, g: Any) -> Cotangents:
    (x,), (source,) = record.operands, record.sources
    return [(source, g * row(x, n=record.params.get("n", 0) + 1))]  # type: ignore[list-item]


def _pulled(row: Pulled, record: Record, g: Any) -> Cotangents:
    found = zip(record.sources, row.pullback(g), strict=True)
    return [(source, bar) for source, bar in found if source is not None]


_RULES: dict[type[Primitive], Callable[[Any, Record, Any], Cotangents]] = {
    Linear: _linear,
    Bilinear: _bilinear,
    Implicit: _implicit,
    Elementwise: _elementwise,
    LocalSeries: _local_series,
    Pulled: _pulled,
}
