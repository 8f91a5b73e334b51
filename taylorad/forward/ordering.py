"""Comparing jets whose values tie: the leading coefficients that differ decide.

Just past the point, in the direction of the expansion, the series with the larger leading
coefficient is the larger one. With several variables the coefficients are compared in the order in
which they are stored, by degree and then lexicographically: one consistent choice.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from taylorad.dispatch import Value, bottom
from taylorad.dispatch.exact import of_one_kind
from taylorad.forward.algebra import Algebra, aligned
from taylorad.primitives.registry import Constant
from taylorad.primitives.selection import leading_sign, leads

__all__ = ["compare"]


def compare(
    row: Constant, algebra: Algebra, args: list[Any], own: list[bool], params: dict[str, Any]
) -> Any:
    """Evaluate an ordering row on coefficients."""
    c = of_one_kind([bottom(a) for a in args])
    values = [a[0] if mine else a for a, mine in zip(c, own, strict=True)]
    if row is leading_sign:
        return _leading_sign(c[0]) if np.any(values[0] == 0) else row.value(values[0])
    if row is leads:
        tie = np.equal(*values)
        answer = np.greater_equal(*values)
        if not np.any(tie):
            return answer
        return np.where(tie, _leading_sign(_difference(c, own, np.ndim(answer))) >= 0, answer)
    (value,) = values
    if not np.any(np.diff(np.sort(value, axis=None)) == 0):
        return row.value(value, **params)
    return row.value(_ranks(c[0]), **params)


def _difference(c: list[Any], own: list[bool], ndim: int) -> Any:
    a, b = (aligned(x, ndim) if mine else x for x, mine in zip(c, own, strict=True))
    if all(own):
        return a - b
    d = a if own[0] else -b
    shape = np.broadcast_shapes(d.shape[1:], np.shape(b if own[0] else a))
    d = np.broadcast_to(d, (len(d), *shape))
    return np.concatenate([d[:1] - b if own[0] else a + d[:1], d[1:]])


def _leading_sign(c: Any) -> Any:
    """Sign of the first coefficient that is not zero."""
    first = np.argmax(c != 0, axis=0)
    leading = np.take_along_axis(c, np.expand_dims(first, 0), 0)[0]
    return np.sign(leading) if c.dtype != object else np.vectorize(_sign, otypes=[float])(leading)


def _sign(x: Any) -> float:
    return float((x > 0) - (x < 0))


def _ranks(c: Any) -> Any:
    """Number the entries in lexicographic order of their coefficients, equal ones alike."""
    if isinstance(c, Value):  # of a trace: no program would hold for other numbers
        c.refuse_conversion("ranks")
    columns = list(zip(*c.reshape(len(c), -1), strict=True))
    rank = {column: i for i, column in enumerate(sorted(set(columns)))}
    return np.array([rank[column] for column in columns]).reshape(c.shape[1:])
