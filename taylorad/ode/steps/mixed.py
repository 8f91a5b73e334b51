"""Writing arithmetic on numbers and on rows of them: what meets a row is put into all its lanes.

The text is that for single numbers; what is computed from a row is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from taylorad.compiler.vectors import registers
from taylorad.ode.steps.code import Code, Name, kind_of

__all__ = ["Mixed"]


@dataclass
class Mixed(Code):
    """The instructions of a function on numbers and rows.

    Operations on so many numbers side by side as they are told are as they stand.

    Attributes
    ----------
    widths : dict of str to int
        How many lanes rows have.
    """

    widths: dict[str, int] = field(default_factory=dict)

    def forget(self) -> None:
        """Forget what has been computed; a row stays one."""
        self.names.clear()

    def row(self, name: str, width: int) -> str:
        """Take note that a register is a row."""
        self.wide.add(name)
        self.widths[name] = width
        return name

    def in_row(self, operand: str, width: int) -> str:
        """Give a row that has a number in every lane, if it is none already."""
        self.lanes = width
        return self.spread(operand)

    def picked(self, row: str, lanes: Sequence[int], width: int) -> str:
        """Give lanes of a row; the last is repeated until the width is reached."""
        kind = kind_of(self.widths[row])
        places = ", ".join(f"i32 {k}" for k in [*lanes, *[lanes[-1]] * (width - len(lanes))])
        text = f"shufflevector {kind} {row}, {kind} poison, <{width} x i32> <{places}>"
        return self.row(self.after(text, (row,)), width)

    def instruction(self, text: str) -> str:
        """Append an instruction without side effects, or find it; give the name of its result."""
        self._are_rows(1, *registers(text))
        return super().instruction(text)

    def vector(self, text: str) -> str:
        """Append an instruction as it stands, or find it; its result is a row."""
        return self.row(self.plain(text), self.lanes)

    def call(self, function: str, *operands: str) -> str:
        self._are_rows(1, *operands)
        return super().call(function, *operands)

    def spread(self, operand: str, kind: str = "double") -> str:
        """Give a row that has a number in every lane, if it is none already."""
        name = super().spread(operand, kind)
        if name != operand and operand in self.waits:
            self.waits[name] = self.waits[operand] + 1
        return name

    def _are_rows(self, width: int, *operands: str) -> bool:
        """Tell whether operands are rows: they then have the lanes of what is written next."""
        rows: Iterable[str] = () if width > 1 else self.wide.intersection(operands)
        for name in rows:
            self.lanes = self.widths[name]
        return bool(rows)

    def _two(self, operation: str, a: str, b: str, width: int) -> str:
        if not self._are_rows(width, a, b):
            return super()._two(operation, a, b, width)
        name = super()._two(operation, self.spread(a), self.spread(b), self.lanes)
        return self.row(name, self.lanes)

    def negative(self, a: Name, width: int = 1) -> Name:
        if a is None or not self._are_rows(width, a):
            return super().negative(a, width)
        return self.row(super().negative(a, self.lanes) or "", self.lanes)

    def intrinsic_of(self, name: str, operands: tuple[str, ...], width: int = 1) -> str:
        if not self._are_rows(width, *operands):
            return super().intrinsic_of(name, operands, width)
        rows = tuple(map(self.spread, operands))
        return self.row(super().intrinsic_of(name, rows, self.lanes), self.lanes)

    def choose(self, condition: str, a: str, b: str, width: int = 1) -> str:
        if not self._are_rows(width, condition, a, b):
            return super().choose(condition, a, b, width)
        rows = self.spread(condition, "i1"), self.spread(a), self.spread(b)
        return self.row(super().choose(*rows, self.lanes), self.lanes)
