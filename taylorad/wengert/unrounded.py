"""Writing scalar lines without rounding constants, for numbers of more digits than doubles have.

``0.1 * 0.7`` of a product rule is no double. Here it stays a product, to be computed in whatever
numbers the program is run with: what would be folded is multiplied by a 1 that is not known to be
constant until the program has become one of recurrences, which do not fold.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from taylorad.primitives import elementwise
from taylorad.primitives.registry import Primitive, lookup
from taylorad.wengert.arithmetic import Scalars

__all__ = ["Unrounded"]

_ARITHMETIC = {
    elementwise.add: Fraction.__add__,
    elementwise.subtract: Fraction.__sub__,
    elementwise.multiply: Fraction.__mul__,
    elementwise.divide: Fraction.__truediv__,
}


class Unrounded(Scalars):
    """Writes scalar lines, and computes with constants only where that is exact.

    Attributes
    ----------
    one : int or None
        A line that is always 1.
    """

    one: int | None = None

    def with_one(self, number: int) -> None:
        """Have a line made that is 1 wherever another is finite."""
        row = lookup(np.isfinite)
        assert isinstance(row, Primitive)
        self.one = self.as_float(self.emit(row, (number,), {}, (), (), np.dtype(bool)))

    def _identified(self, row: Primitive, operands: tuple[int, ...]) -> int | None:
        if self.one is None or row not in _ARITHMETIC:
            return super()._identified(row, operands)
        values = [self.lines[i].value for i in operands]
        if None in values or _is_exact(row, values):
            return super()._identified(row, operands)
        first = self.multiply(operands[0], self.one)
        write = self.arithmetic(row)
        assert write is not None
        found: int = write(first, operands[1])
        return found


def _is_exact(row: Primitive, values: list[float]) -> bool:
    with np.errstate(all="ignore"):
        rounded = float(row.value(*map(np.float64, values)))
    if not np.all(np.isfinite([*values, rounded])):
        return True
    a, b = map(Fraction, values)
    return _ARITHMETIC[row](a, b) == Fraction(rounded)
