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
)
from taylorad.wengert.list import Line

__all__ = ["cotangents", "unbroadcast"]

Cotangents = list[tuple[int, Any]]


def cotangents(line: Line, g: Any) -> Cotangents:
    """Pairs (number of an earlier line, its cotangent), given that of this line's value."""
    assert line.primitive is not None
    return _RULES[type(line.primitive)](line.primitive, line, g)


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


def _linear(row: Linear, line: Line, g: Any) -> Cotangents:
    shapes = [shape_of(x) for x in line.operands]
    fit = unbroadcast if row.broadcasts else _as_is
    return [
        (source, fit(row.transpose(i, g, shapes, **line.params), shapes[i]))
        for i, source in enumerate(line.sources)
        if source is not None
    ]


def _as_is(g: Any, shape: tuple[int, ...]) -> Any:
    return g


def _bilinear(row: Bilinear, line: Line, g: Any) -> Cotangents:
    found = []
    for i, source in enumerate(line.sources):
        if source is not None:
            other, shape = line.operands[1 - i], shape_of(line.operands[i])
            found.append(
                (source, unbroadcast(row.transpose(i, g, other, shape, **line.params), shape))
            )
    return found


def _implicit(row: Implicit, line: Line, g: Any) -> Cotangents:
    """From ``a y = b``: the cotangent of b solves the transposed equation (Giles 2008)."""
    a_at, b_at = row.roles
    a, b = line.operands[a_at], line.operands[b_at]
    b_bar = row.adjoint(a, g)
    found = []
    if (source := line.sources[b_at]) is not None:
        found.append((source, unbroadcast(b_bar, shape_of(b))))
    if (source := line.sources[a_at]) is not None:
        a_bar = row.product.transpose(0, -b_bar, line.value, shape_of(a))
        found.append((source, unbroadcast(a_bar, shape_of(a))))
    return found


def _elementwise(row: Elementwise, line: Line, g: Any) -> Cotangents:
    return [
        (source, unbroadcast(g * row.partial(i, line.value, line.operands), shape_of(x)))
        for i, (source, x) in enumerate(zip(line.sources, line.operands, strict=True))
        if source is not None
    ]


def _local_series(row: LocalSeries, line: Line, g: Any) -> Cotangents:
    (x,), (source,) = line.operands, line.sources
    return [(source, g * row(x, n=line.params.get("n", 0) + 1))]  # type: ignore[list-item]


_RULES: dict[type[Primitive], Callable[[Any, Line, Any], Cotangents]] = {
    Linear: _linear,
    Bilinear: _bilinear,
    Implicit: _implicit,
    Elementwise: _elementwise,
    LocalSeries: _local_series,
}
