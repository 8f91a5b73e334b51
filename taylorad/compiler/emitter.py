"""Writing instructions in LLVM's language, none of them twice.

Registers hold ``double``, ``i64`` and ``i1``; in memory a truth value takes a byte.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Emitter", "REGISTER", "converted", "literal"]

REGISTER = {"f": "double", "i": "i64", "b": "i1"}
"""The type of a register by the kind of number."""


@dataclass
class Emitter:
    """Writes instructions, none of them twice, and remembers which functions they call.

    Attributes
    ----------
    lines : list of str
    functions : set of str
        Functions of `taylorad.machine.mathematics` that are called.
    declarations : set of str
        Declarations of what else is called.
    """

    lines: list[str] = field(default_factory=list)
    functions: set[str] = field(default_factory=set)
    declarations: set[str] = field(default_factory=set)
    names: dict[str, str] = field(default_factory=dict)
    count: int = 0

    def name(self) -> str:
        """Make a new name."""
        self.count += 1
        return f"%t{self.count}"

    def instruction(self, text: str) -> str:
        """Append an instruction without side effects, or find it; give the name of its result."""
        name = self.names.get(text)
        if name is None:
            self.names[text] = name = self.name()
            self.lines.append(f"  {name} = {text}")
        return name

    def call(self, function: str, *operands: str) -> str:
        """Call a function of our mathematics."""
        self.functions.add(function)
        return self.instruction(f"call double @ta.{function}({_doubles(operands)})")

    def intrinsic(self, name: str, *operands: str) -> str:
        """Call an intrinsic function of LLVM, or one of the C library."""
        self.declarations.add(f"declare double @{name}({', '.join(['double'] * len(operands))})")
        return self.instruction(f"call double @{name}({_doubles(operands)})")

    def forget(self) -> None:
        """Forget what has been computed, as one must where another block of code begins."""
        self.names.clear()


def _doubles(operands: Sequence[str]) -> str:
    return ", ".join(f"double {x}" for x in operands)


def literal(value: Any, kind: str) -> str:
    """Write a number as an operand."""
    if kind == "b":
        return "true" if value else "false"
    if kind == "i":
        return str(int(value))
    (bits,) = struct.unpack("<Q", struct.pack("<d", float(value)))
    return f"0x{bits:016X}"


def converted(emitter: Emitter, name: str, kind: str, to: str) -> str:
    """Convert a register to another kind of number, as NumPy does."""
    if kind == to:
        return name
    if to == "b":
        compare = "fcmp une double" if kind == "f" else "icmp ne i64"
        return emitter.instruction(f"{compare} {name}, {literal(0, kind)}")
    if to == "i":
        return emitter.instruction(
            f"zext i1 {name} to i64"
            if kind == "b"
            # A number that no integer can hold gives none in particular, in C; and no harm here.
            else f"call i64 @llvm.fptosi.sat.i64.f64(double {name})"
        )
    if name.lstrip("-").isdigit():
        return literal(int(name), "f")
    how = "uitofp i1" if kind == "b" else "sitofp i64"
    return emitter.instruction(f"{how} {name} to double")
