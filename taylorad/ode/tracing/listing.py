"""The lines of a program in columns."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

from taylorad.forward.program import Step
from taylorad.ode.tracing.columns import NONE, Column
from taylorad.primitives.registry import Primitive

__all__ = ["Listing"]


class Listing:
    """The lines of a program; arrays by lines have an entry more, for `NONE`.

    Attributes
    ----------
    steps : sequence of Step
    rows : list of Primitive or None
    row : ndarray of int
        Which of the rows each line is; the first is None, which is that of arguments and numbers.
    moves : ndarray of bool
    number : ndarray of float
        Of known numbers; of no line it is 1.
    is_number : ndarray of bool
    needs : ndarray of int
        What each line is computed from: its operands, then what is in its equation.
    arity : ndarray of int
        How many operands there are.
    signs : ndarray of int
        Lines whose equations have the same signs have the same number; 0 is for those of none.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps, size = steps, len(steps)
        primitives = [step.primitive for step in steps]
        ids: dict[Primitive | None, int] = {None: 0}
        self.row = np.array([ids.setdefault(row, len(ids)) for row in primitives] + [0])
        self.rows = [*ids]
        self.moves = np.array([step.moves for step in steps] + [False])
        self.number = np.ones(size + 1)
        self.is_number = np.zeros(size + 1, bool)
        needs = [step.operands for step in steps]
        self.arity = np.array([len(lines) for lines in needs] + [0])
        self.signs = np.zeros(size + 1, int)
        signs: dict[tuple[str, ...], int] = {(): 0}
        for line in np.flatnonzero(self.row == 0)[:-1].tolist():
            if (number := steps[line].number) is not None:
                self.is_number[line], self.number[line] = True, float(number)
        for line in np.flatnonzero(self.moves & (self.row > 0)).tolist():
            step = steps[line]
            if step.equation:
                needs[line] = step.needs
                of = tuple([sign for _, sign, _ in step.equation])
                self.signs[line] = signs.setdefault(of, len(signs))
        counts = np.array([len(lines) for lines in needs] + [0])
        self.needs = np.full((size + 1, int(counts.max())), NONE)
        filled = np.arange(self.needs.shape[1]) < counts[:, None]
        self.needs[filled] = np.fromiter(chain.from_iterable(needs), int)

    @property
    def size(self) -> int:
        """How many lines there are."""
        return len(self.steps)

    def below(self, lines: Column) -> Column:
        """Give the lines that some are computed from."""
        return self.needs[lines].ravel()
