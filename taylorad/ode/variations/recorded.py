"""A solution as one line of a list, and cotangents pulled back through it.

Of few inputs their directions are carried along by the integration, as long as that makes a small
system. Of more the adjoint equation is integrated backward (`adjoint`), unless the solution crosses
a switch: then it is directions, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from taylorad.dispatch import number_type, shape_of
from taylorad.dispatch.operands import as_operand, size_of
from taylorad.drivers.seeds import duals, unit_directions
from taylorad.forward.jet import Jet
from taylorad.ode.flow import Crossed
from taylorad.ode.leaves import carried, numbered
from taylorad.ode.solved import OdeResult
from taylorad.ode.variations.adjoint import pulled_back
from taylorad.ode.variations.problem import Problem
from taylorad.primitives.registry import Pulled
from taylorad.wengert.tape import Entry, Record, Tape

__all__ = ["recorded"]

SMALL = 64
"""A system of no more equations, those of directions included, is as fast as the adjoint's."""

Solve = Callable[..., tuple[OdeResult, Any]]


@dataclass
class _Inputs:
    """The initial state and the leaves of the arguments: those that a tape knows among them."""

    problem: Problem
    operands: list[Any]
    sources: list[int | None]
    rebuild: Callable[..., Any]

    @staticmethod
    def of(problem: Problem, tape: Tape) -> _Inputs:
        leaves, _, rebuild = numbered(problem.args)
        operands, sources = [], []
        for x in (problem.y0, *leaves):
            known = isinstance(x, Entry) and x.tape is tape
            operands.append(x.value if known else x)
            sources.append(x.number if known else None)
        return _Inputs(problem, operands, sources, rebuild)

    @property
    def wanted(self) -> list[int]:
        return [i for i, source in enumerate(self.sources) if source is not None]

    def with_operands(self, operands: Sequence[Any]) -> Problem:
        return replace(self.problem, y0=operands[0], args=self.rebuild(operands[1:]))


def recorded(problem: Problem, tape: Tape, solve: Solve) -> OdeResult:
    """Solve a problem, and append the solution to a tape."""
    inputs = _Inputs.of(problem, tape)
    directions = sum(size_of(inputs.operands[i]) for i in inputs.wanted)
    is_small = (1 + directions) * size_of(problem.y0) <= SMALL and not problem.options.adjoint
    if is_small or _is_recorded(inputs.operands):
        found, pullback = _with_directions(inputs, solve)
    else:
        found, pullback = _with_adjoint(inputs, solve)
    row = Pulled(lambda *args: found.y, name="solve_ivp", pullback=pullback)
    tape.check_open(row)
    operands, sources = tuple(inputs.operands), tuple(inputs.sources)
    found.y = as_operand(found.y)
    found.y = tape._append(Record(row, operands, sources, {}, found.y))
    return found


def _is_recorded(tree: Any) -> bool:
    """Tell whether some number belongs to a tape, maybe as a coefficient of a polynomial."""
    for x in carried(tree):
        while isinstance(x, Jet):
            x = x.c
        if isinstance(x, Entry):
            return True
    return False


def _with_directions(inputs: _Inputs, solve: Solve) -> tuple[OdeResult, Callable[[Any], Any]]:
    """Carry a direction for every entry of every input."""
    points = [inputs.operands[i] for i in inputs.wanted]
    jets, _ = duals(points, unit_directions(points))
    operands = list(inputs.operands)
    for i, jet in zip(inputs.wanted, jets, strict=True):
        operands[i] = jet
    found, _ = solve(inputs.with_operands(operands))
    c = found.y.c
    found.y = c[0]
    directions = np.reshape(c[1:], (len(c) - 1, -1)) if c[0].size else np.zeros((len(c) - 1, 0))
    ends = np.cumsum([size_of(x) for x in points]).tolist()

    def pullback(g: Any) -> list[Any]:
        bar = np.matmul(directions, np.reshape(g, (-1,)))
        bars: list[Any] = [None] * len(inputs.operands)
        for i, x, end in zip(inputs.wanted, points, ends, strict=True):
            bars[i] = np.reshape(bar[end - size_of(x) : end], shape_of(x))
        return bars

    return found, pullback


def _with_adjoint(inputs: _Inputs, solve: Solve) -> tuple[OdeResult, Callable[[Any], Any]]:
    """Keep where steps began, to go back there."""
    problem = inputs.with_operands(inputs.operands)
    found, checkpoints = solve(problem, checkpoints=True)
    solution = copy(found)  # of which the states become a line of the tape

    def directly(g: Any) -> Any:
        again = replace(inputs, problem=replace(inputs.problem, times=found.t))
        return _with_directions(again, solve)[1](g)

    def pullback(g: Any) -> Any:
        # The adjoint equation has no line of its own, and is one of real numbers.
        if _is_recorded(g) or number_type(solution.y).kind in "cO":
            return directly(g)
        try:
            return pulled_back(problem, solution, checkpoints, g, inputs.wanted)
        except Crossed:
            return directly(g)

    return found, pullback
