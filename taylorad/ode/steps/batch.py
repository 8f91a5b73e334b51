"""Writing arithmetic on many trajectories side by side: numbers are vectors of one double of each.

The text is that for single numbers, with other types.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from taylorad.compiler.vectors import registers
from taylorad.machine.vectors import widened
from taylorad.ode.steps.code import Code

__all__ = ["Batch"]

_CALLED = re.compile(r"call \w+ @([\w.]+)\(")
_CONSTANT = re.compile(r"splat \(double (\w+)\)")


@dataclass
class Batch(Code):
    """The instructions of a function on numbers of many trajectories.

    All registers are vectors, but for those of what `let` is given as it stands.
    """

    def instruction(self, text: str) -> str:
        """Append the form for vectors of an instruction; give the name of its result."""
        text = _CONSTANT.sub(r"\1", text)
        self.wide.update(registers(text))
        called = _CALLED.match(text)
        text = widened(text, self.lanes, self.spread)
        if called is not None:
            self._called(called.group(1), text)
        return self.vector(text)

    def call(self, function: str, *operands: str) -> str:
        """Call a function of our mathematics."""
        zero = "0x8000000000000000"
        names = [
            x if x.startswith("%") else self.instruction(f"fadd double {x}, {zero}")
            for x in operands
        ]
        self.wide.update(names)
        return super().call(function, *names)

    def broadcast(self, name: str) -> str:
        """Give a number that is the same for all trajectories."""
        whole = self.kind()
        first = self.let(f"insertelement {whole} poison, double {name}, i64 0")
        zeros = f"<{self.lanes} x i32> zeroinitializer"
        return self.let(f"shufflevector {whole} {first}, {whole} poison, {zeros}")

    def any(self, truth: str) -> str:
        """Tell whether something holds for any trajectory."""
        bits = self.let(f"bitcast <{self.lanes} x i1> {truth} to i{self.lanes}")
        return self.let(f"icmp ne i{self.lanes} {bits}, 0")
