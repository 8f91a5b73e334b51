"""Writing arithmetic on numbers and on rows of them: what meets a row is put into all its lanes.

The text is that for single numbers; what is computed from a row is one.
"""

from __future__ import annotations

from dataclasses import dataclass

from taylorad.ode.steps.code import Code, Name

__all__ = ["Mixed"]


@dataclass
class Mixed(Code):
    """The instructions of a function on numbers and rows, which are as long as there are lanes.

    Operations on so many numbers side by side as they are told are as they stand.
    """

    def forget(self) -> None:
        """Forget what has been computed; a row stays one."""
        self.names.clear()

    def spread(self, operand: str, kind: str = "double") -> str:
        """Give a row that has a number in every lane, if it is none already."""
        name = super().spread(operand, kind)
        if name != operand and operand in self.waits:
            self.waits[name] = self.waits[operand] + 1
        return name

    def _are_rows(self, width: int, *operands: str) -> bool:
        return width == 1 and not self.wide.isdisjoint(operands)

    def _row(self, name: str) -> str:
        self.wide.add(name)
        return name

    def _two(self, operation: str, a: str, b: str, width: int) -> str:
        if not self._are_rows(width, a, b):
            return super()._two(operation, a, b, width)
        return self._row(super()._two(operation, self.spread(a), self.spread(b), self.lanes))

    def negative(self, a: Name, width: int = 1) -> Name:
        if a is None or not self._are_rows(width, a):
            return super().negative(a, width)
        return self._row(super().negative(a, self.lanes) or "")

    def intrinsic_of(self, name: str, operands: tuple[str, ...], width: int = 1) -> str:
        if not self._are_rows(width, *operands):
            return super().intrinsic_of(name, operands, width)
        rows = tuple(map(self.spread, operands))
        return self._row(super().intrinsic_of(name, rows, self.lanes))

    def choose(self, condition: str, a: str, b: str, width: int = 1) -> str:
        if not self._are_rows(width, condition, a, b):
            return super().choose(condition, a, b, width)
        rows = self.spread(condition, "i1"), self.spread(a), self.spread(b)
        return self._row(super().choose(*rows, self.lanes))
