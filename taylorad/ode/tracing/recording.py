"""The trace of a right-hand side, and of other functions of time and state, as one program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from taylorad.compiler.arguments import read
from taylorad.compiler.opening import opened
from taylorad.drivers.boundary import as_output, evaluate
from taylorad.errors import InputError
from taylorad.forward.program import NoProgram, program
from taylorad.primitives.registry import Constant, Elementwise, Primitive
from taylorad.wengert import trace as recording
from taylorad.wengert.digest import digest
from taylorad.wengert.simplify import normal_form

__all__ = ["Recording"]


class Recording:
    """The trace of one call, and the constants among its results."""

    def __init__(
        self,
        f: Callable[..., Any],
        t: float,
        y: np.ndarray[Any, Any],
        args: Sequence[Any],
        functions: Sequence[Callable[..., Any]],
    ) -> None:
        self.shape = y.shape
        call = read(tuple(args), {}, frozenset())
        trace = recording.Trace()
        time, state = trace.argument(np.float64(t)), trace.argument(y.astype(float))
        self.parameters = [np.asarray(leaf) for leaf in call.leaves if _moves(leaf)]
        leaves = [trace.argument(leaf) if _moves(leaf) else leaf for leaf in call.leaves]
        given, _ = call.rebuild(leaves)
        results = []
        for function in (f, *functions):
            with np.errstate(all="ignore"):  # what is not finite is the integrator's to report
                answer = evaluate(function, time, state, *given)
            answer = as_output(answer, function, float("inf"))
            results.append(answer)
        trace.closed = True
        if np.shape(results[0]) != y.shape and np.size(results[0]) != y.size:
            raise InputError(
                f"the right-hand side returned an array of shape {np.shape(results[0])} for a "
                f"state of shape {y.shape}"
            )
        self.results = results
        records = [r.number for r in results if isinstance(r, recording.Traced)]
        self.program = opened(normal_form(trace, records))

    @property
    def jumps(self) -> bool:
        """Whether anything may have to be held, or a choice was made."""
        rows = {(line.row, len(line.arguments)) for line in self.program.lines}
        return bool(self.program.guards) or any(_may_jump(*row) for row in rows)

    @cached_property
    def said(self) -> str:
        """What says which program this is."""
        constants = [x for x in self.results if not isinstance(x, recording.Traced)]
        order = [isinstance(x, recording.Traced) for x in self.results]
        shapes = [np.shape(x) for x in self.parameters]
        return digest(self.program, self.shape, shapes, order, list(map(np.asarray, constants)))


def _moves(leaf: Any) -> bool:
    return np.asarray(leaf).dtype == float


def _may_jump(row: Primitive | None, arguments: int) -> bool:
    """Tell whether a row may have to be held, or its recurrence asks for something that has."""
    if not isinstance(row, Elementwise):
        return isinstance(row, Constant)
    try:
        steps = program(row, (True,) * arguments).steps
    except NoProgram:
        return True
    return any(isinstance(step.primitive, Constant) for step in steps)
