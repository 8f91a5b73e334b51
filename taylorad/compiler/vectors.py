"""Writing instructions on vectors: many entries, or many lanes, at once.

Everything is written as for single numbers. What is computed from a vector becomes one, and the
numbers that it meets are put into every lane; so a program is vectorised by its loads alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from taylorad.compiler.emitter import Emitter
from taylorad.machine.mathematics import definition
from taylorad.machine.vectors import function_name, lane_by_lane, vector, widened

__all__ = ["Vectors", "reduced", "registers"]

_CALLED = re.compile(r"call \w+ @([\w.]+)\(")
_SUFFIXES = {"double": "f64", "i64": "i64", "i1": "i1"}
registers = re.compile(r"%[\w.]+").findall


@dataclass
class Vectors(Emitter):
    """Writes instructions on numbers and on vectors.

    Attributes
    ----------
    lanes : int
        How many numbers a vector holds.
    wide : set of str
        The registers that are vectors.
    helpers : dict of str to str
        Functions that must be defined.
    careful : bool
        Whether functions are to be right for all arguments, at any cost.
    beyond : list of str
        Whether arguments of this pass are beyond a function.
    """

    lanes: int = 1
    wide: set[str] = field(default_factory=set)
    helpers: dict[str, str] = field(default_factory=dict)
    careful: bool = False
    beyond: list[str] = field(default_factory=list)

    def instruction(self, text: str) -> str:
        """Append an instruction without side effects, or find it; give the name of its result."""
        if self.wide.isdisjoint(registers(text)):
            return self.plain(text)
        called = _CALLED.match(text)
        text = widened(text, self.lanes, self.spread)
        if called is not None:
            self._called(called.group(1), text)
        return self.vector(text)

    def plain(self, text: str) -> str:
        """Append an instruction as it stands, or find it."""
        return super().instruction(text)

    def vector(self, text: str) -> str:
        """Append an instruction as it stands, or find it; its result is a vector."""
        name = self.plain(text)
        self.wide.add(name)
        return name

    def spread(self, operand: str, kind: str) -> str:
        """Give a vector that has a number in every lane, if it is none already."""
        if operand in self.wide:
            return operand
        if not operand.startswith("%"):
            return f"splat ({kind} {operand})"
        whole = vector(kind, self.lanes)
        one = self.plain(f"insertelement {whole} poison, {kind} {operand}, i64 0")
        zeros = f"<{self.lanes} x i32> zeroinitializer"
        return self.vector(f"shufflevector {whole} {one}, {whole} poison, {zeros}")

    def call(self, function: str, *operands: str) -> str:
        """Call a function of our mathematics, and see whether arguments are beyond it."""
        given = ", ".join(f"double {x}" for x in operands)
        special = definition(function).special
        if special and not self.careful:
            self.beyond.append(self.instruction(f"call i1 @ta.{function}.special({given})"))
        form = ".scalar" if special and self.careful else ""
        name = self.instruction(f"call double @ta.{function}{form}({given})")
        if name not in self.wide:
            self.functions.add(function)
        return name

    def any_beyond(self) -> str:
        """Tell whether any argument was beyond a function; nothing if none could be."""
        if not self.beyond:
            return ""
        some = self.beyond[0]
        for other in self.beyond[1:]:
            some = self.instruction(f"or i1 {some}, {other}")
        return self.any(some)

    def any(self, truth: str) -> str:
        """Tell whether something holds in any lane."""
        return self.plain(reduced("or", "i1", truth, self.lanes)) if truth in self.wide else truth

    def forget(self) -> None:
        """Forget what has been computed, as one must where another block of code begins."""
        super().forget()
        self.wide.clear()

    def _called(self, name: str, text: str) -> None:
        """See to it that the form for vectors of a function is there."""
        if name.startswith("ta."):
            self.functions.add(f"{name.split('.')[1]}.v{self.lanes}")
        elif not name.startswith("llvm."):
            form, arity = function_name(f"@{name}", self.lanes), text.count("double>") - 1
            self.helpers[form] = lane_by_lane(f"@{name}", arity, self.lanes)


def reduced(operation: str, kind: str, register: str, lanes: int) -> str:
    """Combine the lanes of a vector: by ``fadd``, in any order, ``add``, ``or`` or ``and``."""
    form = f"@llvm.vector.reduce.{operation}.v{lanes}{_SUFFIXES[kind]}"
    whole = f"{vector(kind, lanes)} {register}"
    if operation == "fadd":
        return f"call reassoc double {form}(double -0.0, {whole})"
    return f"call {kind} {form}({whole})"
