"""The values of lines, one by one: at the beginning of a step, and of what does not move."""

from __future__ import annotations

from collections.abc import Sequence

from taylorad.forward.program import Step
from taylorad.ode.steps.code import Code
from taylorad.ode.steps.core import TRUTHS, Core
from taylorad.ode.tracing.rows import emit
from taylorad.primitives.elementwise import power

__all__ = ["Values", "Valued"]


class Valued:
    """A text that has values of lines in registers.

    Attributes
    ----------
    values : dict of int to str
    kinds : dict of int to str
        ``b`` for truths, ``f`` for numbers.
    """

    code: Code
    steps: Sequence[Step]
    values: dict[int, str]
    kinds: dict[int, str]

    def write_value(self, line: int) -> None:
        """Write the value of a line."""
        step = self.steps[line]
        row = step.primitive
        assert row is not None
        operands = list(step.operands)
        kinds = [self.kinds.get(i, "f") for i in operands]
        numbers = [
            self.steps[i].number if self.steps[i].primitive is None else None for i in operands
        ]
        truth = row.name in TRUTHS
        names = [self.values[i] for i in operands]
        result = "b" if truth else "f"
        self.kinds[line] = result
        exponent = numbers[-1] if row is power else None
        value = None if exponent is None else self.code.half_power(names[0], float(exponent))
        self.values[line] = value or emit(
            self.code, row, step.params, names, kinds, result, numbers
        )


class Values(Valued, Core):
    """A core that has values of lines in registers."""

    def read_given(self, after: int) -> None:
        """Read parameters and what is held: the arguments that stand behind a line."""
        place = 0
        for line, step in enumerate(self.steps):
            if step.primitive is not None or step.params:
                continue
            if step.number is not None:
                self.values[line] = self.code.constant(float(step.number))
            elif line > after:
                self.values[line] = self.code.load(self.arrays["given"], place)
                place += 1
