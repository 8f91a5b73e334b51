"""The residual ``F(t, y, y')`` of an implicit equation, as scalar lines, and its partials."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from taylorad.compiler.opening import opened
from taylorad.dispatch.containers import flatten
from taylorad.drivers.boundary import as_output, evaluate
from taylorad.errors import InputError
from taylorad.ode.dae.gradients import Gradients
from taylorad.primitives.linear import assemble, index
from taylorad.primitives.registry import Constant, Owner
from taylorad.wengert.arithmetic import NOTHING, Scalars
from taylorad.wengert.list import Line, WengertList
from taylorad.wengert.point import Point
from taylorad.wengert.scalars import expand
from taylorad.wengert.simplify import normal_form
from taylorad.wengert.trace import Trace, Traced
from taylorad.wengert.unrounded import Unrounded
from taylorad.wengert.writer import pruned

__all__ = ["Residual", "held", "plain", "varies"]

MOST_SCALARS = 200_000
"""The most scalar operations that a residual may be taken apart into."""

_MOVES, _SLOPES = 1, 2


class Residual:
    """The lines of a residual, to which more may be written.

    Parameters
    ----------
    F : callable
        ``F(t, y, yp, *args)``.
    t : float
    y, yp : ndarray
        Where it is traced; of floats.
    args : sequence
        Floats and arrays of floats in it vary.
    exact : bool
        Whether nothing is to be rounded, for the lines are to be run in mpmath's numbers.

    Attributes
    ----------
    scalars : Scalars
    rows : list of int
        The line of each entry.
    inputs : list of int
        Time, y, y', and what varies of the arguments.
    size : int
    """

    def __init__(
        self,
        F: Callable[..., Any],
        t: float,
        y: Any,
        yp: Any,
        args: Sequence[Any],
        exact: bool = False,
    ) -> None:
        self.size = y.size
        program = _by_entry(_traced(F, t, y, yp, args), y.size)
        self.scalars: Scalars = (Unrounded if exact else Scalars).continuing(program)
        self.rows = program.outputs
        self.inputs = program.inputs
        self.time = program.inputs[0]
        self.state = self._entries(program.inputs[1])
        self.slopes = self._entries(program.inputs[2])
        names = {self.time: 0}
        names |= {number: 1 + place for number, place in self.state.items()}
        names |= {number: 1 + y.size + place for number, place in self.slopes.items()}
        if isinstance(self.scalars, Unrounded):
            self.scalars.with_one(self.time)
        self._gradients = Gradients(self.scalars, names)
        self._kinds = bytearray()
        self._varying = {self.time: _MOVES, **dict.fromkeys(self.state, _MOVES)}
        self._varying |= dict.fromkeys(self.slopes, _SLOPES)
        leaves = [x for x in flatten(args)[0] if varies(x)]
        given = zip(self.inputs, [np.float64(t), y, yp, *leaves], strict=True)
        self._point = Point(self.scalars, dict(given), self.inputs[:3])

    @property
    def lines(self) -> list[Any]:
        """All lines."""
        return self.scalars.lines

    def _entries(self, source: int) -> dict[int, int]:
        """Give the lines of the entries of an input, those that are used."""
        lines, shape = self.scalars.lines, self.scalars.lines[source].shape
        if not shape:
            return {source: 0}
        return {
            number: int(np.ravel_multi_index(line.params["key"], shape))
            for number, line in enumerate(lines)
            if line.row is index and line.operands[0] == source
        }

    # --- what lines depend on, and are ---

    def _kind(self, number: int) -> int:
        kinds, lines, varying = self._kinds, self.lines, self._varying
        one = getattr(self.scalars, "one", None)
        for i in range(len(kinds), len(lines)):
            if i == one:  # as it always is
                kinds.append(0)
                continue
            kind = varying.get(i, 0)
            if i not in varying:
                for j in lines[i].operands:
                    kind |= kinds[j]
            kinds.append(kind)
        return kinds[number] if number >= 0 else 0

    def has_slopes(self, number: int) -> bool:
        """Tell whether a line depends on y'."""
        return bool(self._kind(number) & _SLOPES)

    def moves(self, number: int) -> bool:
        """Tell whether a line depends on time, state or y'."""
        return self._kind(number) != 0

    def value(self, number: int, aside: bool = False) -> float:
        """Compute a line, where the residual was traced or a little aside, on the same branch."""
        return self._point.value(number, aside)

    # --- other lines ---

    def partials(
        self, rows: Sequence[int]
    ) -> tuple[list[int], list[dict[int, int]], list[dict[int, int]]]:
        """Write the partials of lines.

        Returns
        -------
        by_time : list of int
        by_state, by_slopes : list of dict
            For each line, by entry; what is zero by structure is not there.
        """
        n, found = self.size, [self._gradients.of(row) for row in rows]
        return (
            [known.get(0, NOTHING) for known in found],
            [{k - 1: line for k, line in known.items() if 1 <= k <= n} for known in found],
            [{k - 1 - n: line for k, line in known.items() if k > n} for known in found],
        )

    def without_slopes(self, rows: Sequence[int]) -> list[int]:
        """Write lines with 0 for all of y'."""
        at = dict.fromkeys(self.slopes, NOTHING)
        scalars = self.scalars
        for number in range(max(rows, default=-1) + 1):
            if number not in at and self.has_slopes(number):
                line = self.lines[number]
                operands = tuple([at.get(i, i) for i in line.operands])
                more = (line.params, line.names, line.shape, line.dtype, line.origin)
                at[number] = scalars.emit(line.row, operands, *more)
        return [at.get(row, row) for row in rows]

    def jumps_in(self, rows: Sequence[int]) -> list[int]:
        """Give the lines that jump, of those that some are computed from: comparisons and such."""
        needed = set(rows)
        for number in range(max(rows, default=-1), -1, -1):
            if number in needed:
                needed.update(self.lines[number].operands)
        return [
            i
            for i in sorted(needed)
            if i >= 0 and isinstance(self.lines[i].row, Constant) and self.moves(i)
        ]

    def program(self, outputs: Sequence[int]) -> WengertList:
        """Give the list of which these lines are the outputs."""
        scalars = self.scalars
        lines = [scalars.actual(number) for number in outputs]
        return pruned(
            WengertList(list(self.lines), list(self.inputs), lines, list(scalars.list.guards))
        )


def held(program: WengertList, inputs: Iterable[Any]) -> WengertList:
    """Give a list in which comparisons, signs and the like say what they do for certain inputs."""
    values = program.evaluate(*inputs)
    lines = [
        Line(None, (), {}, (), line.shape, line.dtype, plain(value))
        if isinstance(line.row, Constant)
        else line
        for line, value in zip(program.lines, values, strict=True)
    ]
    return WengertList(lines, program.inputs, program.outputs)


def varies(leaf: Any) -> bool:
    """Tell whether a leaf of the arguments is no part of the program."""
    return np.asarray(leaf).dtype == float


def plain(x: Any) -> Any:
    """Give the plain numbers behind any value, as floats if they are mpmath's."""
    while isinstance(x, Owner):
        x = x.value if x.traced else x.primal  # type: ignore[attr-defined]
    if isinstance(x, np.ndarray) and x.dtype == object:
        return np.array([float(plain(entry)) for entry in x.flat]).reshape(x.shape)
    return float(x) if hasattr(x, "_mpf_") else x


def _by_entry(program: WengertList, size: int) -> WengertList:
    """Give a list of scalars with a scalar output for each entry of the one it has."""
    (output,) = program.outputs
    line, scalars = program[output], Scalars.continuing(program)
    if line.is_constant:
        rows = [scalars.number(float(x)) for x in np.ravel(line.value)]
    elif line.row is not assemble:
        rows = [output]
    else:
        rows = [scalars.number(0.0)] * size
        for place, source in zip(line.params["places"].tolist(), line.params["sources"].tolist()):
            rows[place] = line.operands[source]
    scalars.list.outputs = rows
    return pruned(scalars.list)


def _traced(F: Callable[..., Any], t: float, y: Any, yp: Any, args: Sequence[Any]) -> WengertList:
    trace = Trace()
    given = [trace.argument(x) for x in (np.float64(t), y, yp)]
    leaves, rebuild = flatten(args)
    leaves = [trace.argument(np.asarray(x)[()]) if varies(x) else x for x in leaves]
    with np.errstate(all="ignore"):  # what is not finite is told of later
        answer = as_output(evaluate(F, *given, *rebuild(leaves)), F, float("inf"))
    trace.closed = True
    if np.size(answer) != y.size:
        raise InputError(
            f"the residual F(t, y, yp) has shape {np.shape(answer)} for a state of shape "
            f"{y.shape}; it must have as many entries"
        )
    if not isinstance(answer, Traced):
        raise InputError("the residual F(t, y, yp) depends neither on the state nor on its rate")
    at = [np.float64(t), y, yp, *(np.asarray(x) for x in flatten(args)[0] if varies(x))]
    program = expand(opened(normal_form(trace, [answer.number])), MOST_SCALARS, at)
    if program is None:
        raise InputError(
            "the residual F(t, y, yp) uses what cannot be taken apart into scalars, such as "
            "eigenvalues of matrices: let them be unknowns more"
        )
    return program
