"""What a reduction combines entries in.

Within the innermost loop that is a register of which LLVM makes several, for sums in an order of
its own; behind it, memory. Sums of many such parts carry along what the additions lose.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from taylorad.compiler.emitter import literal
from taylorad.compiler.loops.memory import MEMORY, Array
from taylorad.compiler.loops.text import Text

__all__ = ["Total"]

FEW = 8
"""Parts of a sum that are added up as they come."""


@dataclass
class Total:
    """The result of a reduction on its way.

    Parameters
    ----------
    text : Text
    array : Array
        Where the result goes.
    combine : {"sum", "any", "all"}
    parts : int
        How many times something is added to one place.
    scope : str
        Metadata of accesses to the array.
    """

    text: Text
    array: Array
    combine: str
    parts: int
    scope: str

    def __post_init__(self) -> None:
        # LLVM vectorises no `or` of single bits: in registers they are whole numbers.
        self.register = "double" if self.array.kind == "f" else "i64"
        self.memory = MEMORY[self.array.kind] if self.array.shape else self.register
        self.pointer = "" if self.array.shape else self.text.variable(self.register)
        self.carry = ""
        if not self.array.shape and self.array.kind == "f" and self.parts > FEW:
            self.carry = self.text.variable("double")

    @property
    def start(self) -> str:
        """What there is before the first entry."""
        return literal(self.combine == "all", "f" if self.array.kind == "f" else "i")

    def begin(self) -> None:
        """Write the start to memory."""
        if self.pointer:
            self.text.effect(f"store {self.register} {self.start}, ptr {self.pointer}", 0)
            if self.carry:
                self.text.effect(f"store double {literal(0, 'f')}, ptr {self.carry}", 0)
            return
        size = math.prod(self.array.shape) * (1 if self.array.kind == "b" else 8)
        self.text.declarations.add("declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
        self.text.effect(
            f"call void @llvm.memset.p0.i64(ptr {self.array.pointer}, "
            f"i8 {int(self.combine == 'all')}, i64 {size}, i1 false)",
            0,
        )

    def inside(self, value: str, level: int) -> str:
        """Combine a value within the innermost loop; give the variable that holds the part."""
        part = self.text.variable(self.register)
        self.text.update(self.register, part, self._with(self.register, value, "reassoc "), level)
        return part

    def add_part(self, part: str, pointer: str, level: int) -> None:
        """Add the part of an innermost loop behind it."""
        value = self.text.fresh(f"load {self.register}, ptr {part}", level)
        if self.combine == "sum":
            self.add(value, pointer, level)
            return
        if self.memory != self.register:
            value = self.text.fresh(f"trunc {self.register} {value} to {self.memory}", level)
        operation = "or" if self.combine == "any" else "and"
        self._update(pointer, f"{operation} {self.memory} $, {value}", level)

    def add(self, value: str, pointer: str, level: int) -> None:
        """Combine a value with what is in memory."""
        text = self.text
        old = self._update(pointer, self._with(self.memory, value), level)
        if not self.carry:
            return
        # What the addition lost (Knuth), to be added at the end.
        new = text.fresh(f"load double, ptr {self.pointer}", level)
        part = text.fresh(f"fsub double {new}, {old}", level)
        rest = text.fresh(f"fsub double {new}, {part}", level)
        rest = text.fresh(f"fsub double {old}, {rest}", level)
        lost = text.fresh(f"fsub double {value}, {part}", level)
        lost = text.fresh(f"fadd double {lost}, {rest}", level)
        text.update("double", self.carry, f"fadd double $, {lost}", level)

    def finish(self) -> None:
        """Write the result to memory, if it is not there."""
        if not self.pointer:
            return
        text = self.text
        total = text.fresh(f"load {self.register}, ptr {self.pointer}", 0)
        if self.carry:
            carry = text.fresh(f"load double, ptr {self.carry}", 0)
            exact = text.fresh(f"fadd double {total}, {carry}", 0)
            # Of infinities nothing is lost, but infinity less infinity.
            broken = text.fresh(f"fcmp uno double {carry}, {carry}", 0)
            total = text.fresh(f"select i1 {broken}, double {total}, double {exact}", 0)
        if self.array.kind == "b":
            total = text.fresh(f"trunc i64 {total} to i8", 0)
        text.effect(f"store {MEMORY[self.array.kind]} {total}, ptr {self.array.pointer}", 0)

    def _with(self, kind: str, value: str, freedom: str = "") -> str:
        """Write the combination of what there is with a value."""
        if self.combine == "sum":
            return f"fadd {freedom}double $, {value}" if kind == "double" else f"add i64 $, {value}"
        return (self.text.either if self.combine == "any" else self.text.both)(kind, value)

    def _update(self, pointer: str, value: str, level: int) -> str:
        if self.pointer:
            return self.text.update(self.memory, self.pointer, value, level)
        return self.text.update(self.memory, pointer, value, level, self.scope)
