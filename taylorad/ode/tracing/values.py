"""The values of a system's lines, in mpmath's numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import mpmath
import numpy as np

from taylorad.dispatch.exact import Exact, plain
from taylorad.ode.tracing.constants import number
from taylorad.primitives.elementwise import add, divide, multiply, negative, subtract
from taylorad.primitives.linear import select
from taylorad.primitives.registry import Primitive

__all__ = ["as_taken", "jump", "value"]

_OF_TRUTHS = {"bitwise_and", "bitwise_or", "bitwise_xor", "invert"}
"""All other rows take real numbers; what was held of a comparison is one, too."""

_ARITHMETIC: dict[Primitive, Callable[..., Any]] = {
    add: lambda a, b: a + b,
    subtract: lambda a, b: a - b,
    multiply: lambda a, b: a * b,
    divide: lambda a, b: a / b,
    negative: lambda a: -a,
    select: lambda yes, no, condition: yes if condition else no,
}


def as_taken(row: Primitive | None, operands: Sequence[Any]) -> Sequence[Any]:
    """Give operands as a row takes them: as truths, or as they are."""
    return [bool(x) for x in operands] if getattr(row, "name", "") in _OF_TRUTHS else operands


def value(row: Primitive, operands: Sequence[Any], params: Mapping[str, Any]) -> Any:
    """Compute a row of mpmath numbers."""
    operands = as_taken(row, operands)
    if operands and all(isinstance(x, (bool, np.bool_)) for x in operands):
        return row.value(*operands, **params)
    if row in _ARITHMETIC:
        return _ARITHMETIC[row](*operands)
    if row.exact is not None and not params:
        rule = row.exact
        return (
            getattr(mpmath.mp, rule)(*operands)
            if isinstance(rule, str)
            else rule(mpmath.mp, *operands)
        )
    return plain(row(*map(Exact, operands), **params))


def jump(row: Primitive, operands: Sequence[Any]) -> Any:
    """Compute what a comparison, a sign or a rounding says of mpmath numbers, as one of these."""
    x = value(row, operands, {})
    return mpmath.mpf(int(x)) if isinstance(x, (bool, np.bool_)) else number(x)
