"""The values of a system's lines in numbers of several words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from taylorad.machine.multiword import FUNCTIONS
from taylorad.machine.multiword.values import Value
from taylorad.primitives import elementwise
from taylorad.primitives.linear import select
from taylorad.primitives.registry import Primitive, lookup
from taylorad.primitives.selection import leads

__all__ = ["evaluable", "evaluated"]

LARGEST_WHOLE = 3
"""Up to here a power that is a half more than a whole number is a root and products."""

Formula = Callable[..., Value]


def evaluable(row: Primitive) -> bool:
    """Tell whether there is a formula for a row."""
    return row in _FORMULAS


def evaluated(row: Primitive, operands: Sequence[Value], numbers: Sequence[Any]) -> Value:
    """Write the value of a line.

    Parameters
    ----------
    row : Primitive
    operands : sequence of Value
        For ``select`` its condition is the last.
    numbers : sequence
        What each operand is known to be, or None.
    """
    if row is elementwise.power and numbers[1] is not None:
        y = _half_power(operands[0], float(numbers[1]))
        if y is not None:
            return y
    return _FORMULAS[row](*operands)


def _half_power(x: Value, exponent: float) -> Value | None:
    """Write powers such as those of gravity by a root; None for others."""
    whole = abs(exponent) - 0.5
    if not whole.is_integer() or whole > LARGEST_WHOLE:
        return None
    total = x.sqrt()
    for _ in range(int(whole)):
        total = total * x
    return total if exponent > 0 else 1 / total


def _compared(how: str) -> Formula:
    def write(a: Value, b: Value) -> Value:
        return a.constant(1).where(a.of.compare(how, a.words, b.words), 0)

    return write


def _not(a: Value) -> Value:
    return a.constant(1).where(a.is_("oeq", 0.0), 0)


def _called(name: str) -> Formula:
    return lambda *operands: operands[0].call(name, *operands[1:])


def _sech_squared(x: Value) -> Value:
    z = (-abs(x)).scaled(2.0).call("exp")
    return z.scaled(4.0) / ((z + 1) * (z + 1))


def _row(function: Any) -> Primitive:
    row = lookup(function)
    assert isinstance(row, Primitive)
    return row


_FORMULAS: dict[Primitive, Formula] = {
    elementwise.add: lambda a, b: a + b,
    elementwise.subtract: lambda a, b: a - b,
    elementwise.multiply: lambda a, b: a * b,
    elementwise.divide: lambda a, b: a / b,
    elementwise.negative: lambda a: -a,
    elementwise.sqrt: lambda a: a.sqrt(),
    elementwise.power: _called("power"),
    elementwise.logistic: _called("logistic"),
    elementwise.sech_squared: _sech_squared,
    elementwise.one_minus_square: lambda x: (1 - x) * (x + 1),
    elementwise.root_one_plus_square: lambda x: x.constant(1).call("hypot", x),
    elementwise.cosine: lambda x, y: x / x.call("hypot", y),
    select: lambda yes, no, condition: yes.where(condition.is_("une", 0.0), no),
    leads: _compared("oge"),
    _row(np.logical_not): _not,
    **{
        _row(function): _compared(how)
        for function, how in (
            *((np.equal, "oeq"), (np.not_equal, "une"), (np.less, "olt")),
            *((np.less_equal, "ole"), (np.greater, "ogt"), (np.greater_equal, "oge")),
        )
    },
    **{
        _row(getattr(np, name)): _called(name)
        for name in FUNCTIONS
        if isinstance(getattr(np, name, None), np.ufunc) and name != "power"
    },
}
