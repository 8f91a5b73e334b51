"""What a reduction combines entries in.

Within the innermost loop that is a register, with a part for each lane if it is a vector; behind
it, memory. Sums of many such parts carry along what the additions lose.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from taylorad.compiler.emitter import REGISTER, literal
from taylorad.compiler.loops import access
from taylorad.compiler.loops.memory import MEMORY, Array
from taylorad.compiler.loops.text import Text
from taylorad.compiler.vectors import reduced
from taylorad.machine.vectors import vector

__all__ = ["Total"]

FEW = 8
"""Parts of a sum that are added up as they come."""

_LANES = {
    ("sum", "f"): "fadd",
    ("sum", "i"): "add",
    ("any", "b"): "or",
    ("all", "b"): "and",
}


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
        self.register = REGISTER[self.array.kind]
        self.memory = MEMORY[self.array.kind] if self.array.shape else self.register
        self.pointer = "" if self.array.shape else self.text.variable(self.register)
        self.carry = ""
        if not self.array.shape and self.array.kind == "f" and self.parts > FEW:
            self.carry = self.text.variable("double")

    @property
    def start(self) -> str:
        """What there is before the first entry."""
        return literal(self.combine == "all", self.array.kind)

    @property
    def nothing(self) -> str:
        """What changes nothing when it is combined with anything: of floats, -0.0."""
        return literal(-0.0, "f") if self.array.kind == "f" else self.start

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
        kind = self.kind
        part = self.text.variable(kind)
        self.text.update(kind, part, self._with(kind, self._in_lanes(value), "reassoc "), level)
        return part

    @property
    def kind(self) -> str:
        """The type of a part: of a number for each lane."""
        lanes = self.text.lanes
        return vector(self.register, lanes) if lanes > 1 else self.register

    def clear(self, part: str) -> str:
        """Give the instruction that empties a part."""
        start = f"splat ({self.register} {self.start})" if self.text.lanes > 1 else self.start
        return f"store {self.kind} {start}, ptr {part}"

    def add_part(self, part: str, pointer: str, level: int) -> None:
        """Add the part of an innermost loop behind it."""
        value, lanes = self.text.fresh(f"load {self.kind}, ptr {part}", level), self.text.lanes
        if lanes > 1:
            operation = _LANES[self.combine, self.array.kind]
            value = self.text.fresh(reduced(operation, self.register, value, lanes), level)
        self.add(value, pointer, level)

    def add_lanes(self, value: str, pointer: str, step: int) -> None:
        """Combine the lanes of a value with as many entries in memory, some steps apart."""
        text, kind = self.text, self.memory
        value = self._in_memory(self._in_lanes(value))
        old = access.load(text, kind, pointer, step, self.scope)
        new = text.vector(self._with(vector(kind, text.lanes), value).replace("$", old))
        access.store(text, kind, new, pointer, step, self.scope)

    def add(self, value: str, pointer: str, level: int) -> None:
        """Combine a value with what is in memory."""
        text = self.text
        value = self._in_memory(value)
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
            total = text.fresh(f"zext i1 {total} to i8", 0)
        text.effect(f"store {MEMORY[self.array.kind]} {total}, ptr {self.array.pointer}", 0)

    def _with(self, kind: str, value: str, freedom: str = "") -> str:
        """Write the combination of what there is with a value."""
        operation = _LANES[self.combine, self.array.kind]
        return f"{operation} {freedom if operation == 'fadd' else ''}{kind} $, {value}"

    def _in_memory(self, value: str) -> str:
        if self.memory == self.register:
            return value
        return self.text.instruction(f"zext {self.register} {value} to {self.memory}")

    def _in_lanes(self, value: str) -> str:
        return self.text.spread(value, self.register) if self.text.lanes > 1 else value

    def _update(self, pointer: str, value: str, level: int) -> str:
        if self.pointer:
            return self.text.update(self.memory, self.pointer, value, level)
        return self.text.update(self.memory, pointer, value, level, self.scope)
