"""Programs of series, swept degree by degree in one loop: code whose size no order changes.

Rows on whole series (`taylorad.forward.whole`) are put together to one program of their
recurrences, with value numbering across them: a sine finds the cosine that another row needs. The
values that the recurrences start from, the seeds and the choices, which know nothing of degrees,
are a program of their own, `start`, lowered as others are; `degrees` writes the rest.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from taylorad.compiler import lanes, straight
from taylorad.compiler.degrees import SHORT, Finish, Sweep, core_text
from taylorad.compiler.lowered import Lowered
from taylorad.compiler.opening import opened
from taylorad.forward.algebra import Univariate
from taylorad.forward.program import RATIONAL, NoProgram, Program, Step, Stream, Trace
from taylorad.forward.text import module
from taylorad.forward.whole import OnSeries
from taylorad.primitives import linear
from taylorad.primitives.elementwise import add, divide, multiply, negative, power, sqrt, subtract
from taylorad.primitives.registry import Primitive
from taylorad.wengert.apart import MOVES
from taylorad.wengert.inference import inferred
from taylorad.wengert.list import Guard, Line, WengertList
from taylorad.wengert.scalars import expand
from taylorad.wengert.trace import convert
from taylorad.wengert.writer import Writer, pruned

__all__ = ["lower"]

_FLOAT = np.dtype(float)
_WITHOUT_POLES = RATIONAL - {divide}


def lower(
    program: WengertList, limit: int, rest: Callable[[WengertList], Lowered | None]
) -> Lowered | None:
    """Lower a program of series.

    Parameters
    ----------
    program : WengertList
    limit : int
        The most scalar lines that what the series start from may have for a point.
    rest : callable
        Lowers what is computed from the series.

    Returns
    -------
    Lowered or None
        None if there is more to it than series in one variable, of one order and for the same
        points, what these start from, and what is computed of them.
    """
    try:
        return _Series(program, limit).lowered(rest)
    except (_More, NoProgram):
        return None


class _More(Exception):
    """A program that is not only series."""


class _Series:
    """The parts of a program: what the series start from, and their recurrences."""

    def __init__(self, program: WengertList, limit: int) -> None:
        self.program, self.lines, self.limit = program, program.lines, limit
        swept = [i for i, line in enumerate(self.lines) if isinstance(line.row, OnSeries)]
        if not swept:
            raise _More
        self.swept = dict.fromkeys(swept)
        self.shape = self.lines[swept[0]].shape
        for i in swept:
            row = self.lines[i].row
            assert isinstance(row, OnSeries)
            if not isinstance(row.algebra, Univariate) or self.lines[i].shape != self.shape:
                raise _More
        self.start = Writer()
        self.at: dict[int, int] = {}  # lines that the series start from, in `start`
        self.trace = Trace()
        self.streams: dict[int, Stream] = {}
        self.sweep = Sweep(
            Program((), 0, 0), order=self.shape[0] - 1, lanes=math.prod(self.shape[1:])
        )
        self.late: dict[int, None] = {}  # lines that are computed from the series
        self.heads: list[int] = []  # lines of `start` that the sweep is given
        self._values: dict[int, int] = {}

    def lowered(self, rest: Callable[[WengertList], Lowered | None]) -> Lowered:
        if not self.sweep.lanes:
            raise _More
        for i, line in enumerate(self.lines):
            if i in self.swept:
                self._record(i, line)
            else:
                self._copy(i, line)
        sweep = self.sweep
        sweep.program = Program(tuple(self.trace.steps), 0, 0)
        finish = self._finish()
        self._choose()
        for i in sweep.computed:
            self._top(i)
        self._set_results()
        parts = [_renamed(self._begun(), "start")]
        if finish is not None:
            if (ending := rest(finish)) is None:
                raise _More
            parts.append(_renamed(ending, "finish"))
            assert sweep.finish is not None
            sweep.finish.constants = len(parts[0].constants)
        core, memory = core_text(sweep, failed=len(self.program.guards) + 1)
        sums = sum(i not in sweep.tops for i in sweep.computed)
        points = f", at {sweep.lanes} points" if sweep.lanes > 1 else ""
        return Lowered(
            module(*(part.text for part in parts), core),
            [c for part in parts for c in part.constants],
            symbols={name: place for part in parts for name, place in part.symbols.items()},
            notes=[
                f"{len(sweep.computed)} series to order {sweep.order}{points}",
                *(note for part in parts[1:] for note in part.notes),
            ],
            memory=memory + sum(part.memory for part in parts),
            flops=sum(part.flops for part in parts) + sums * sweep.order**2 * sweep.lanes,
            level=max(2, *(part.level for part in parts)),
        )

    # --- what the series start from ---

    def _copy(self, i: int, line: Line) -> None:
        """Copy a line that knows nothing of the series but their values."""
        start, first = self.start, line.operands[0] if line.operands else None
        if line.row is None and line.is_constant:
            self.at[i] = start.constant(line.value, line.origin)
        elif line.row is None:
            self.at[i] = start.input(line.shape, line.dtype)
        elif first in self.swept and line.row is linear.index and line.params["key"] == (0,):
            self.at[i] = self._value(self.streams[first].line)
        elif any(j in self.swept or j in self.late for j in line.operands):
            self.late[i] = None
        else:
            operands = tuple(self.at[j] for j in line.operands)
            self.at[i] = start.emit(
                line.row, operands, line.params, line.names, line.shape, line.dtype, line.origin
            )

    def _record(self, i: int, line: Line) -> None:
        """Take a row up into the recurrences."""
        row = line.row
        assert isinstance(row, OnSeries)
        operands = [
            self._operand(j, moves) for j, moves in zip(line.operands, row.moving, strict=True)
        ]
        inner = row.row
        if inner is sqrt and self._top(operands[0].line) is not None:
            # Of a short series by x Dy = y/2 Dx, whose sums are short; else by 2 y Dy = Dx.
            inner, operands = power, [*operands, self.trace.constant(0.5)]
        self.streams[i] = self.trace.record(inner, operands, {})
        while self.trace.unsolved:
            self.trace.solve(self.trace.unsolved.pop())
        if row.row not in _WITHOUT_POLES:
            self.sweep.checked.append(self.streams[i].line)

    def _operand(self, j: int, moves: bool) -> Stream:
        line = self.lines[j]
        if j in self.late:
            raise _More
        if j in self.streams and (moves == (j in self.swept or line.shape == self.shape)):
            return self.streams[j]
        if not moves and line.is_constant and np.size(line.value) == 1:
            return self.trace.constant(float(np.ravel(line.value)[0]))
        if line.shape != (self.shape if moves else self.shape[1:]) and (moves or line.shape):
            raise _More
        if line.dtype.kind not in "fi":
            raise _More
        stream = self.trace.append(Step(None, (), {}, moves), ("argument", j, moves))
        self.streams[j] = stream
        if moves:
            self._seed(j, stream.line)
        else:
            self._values[stream.line] = self._spread(self.at[j])
        return stream

    def _seed(self, j: int, argument: int) -> None:
        """Find out where a series that is given ends."""
        marks = _nonzero(self.program, j, {})
        tops = np.flatnonzero(marks.reshape(len(marks), -1).any(axis=1))
        top = max(1, int(tops[-1])) if len(tops) else 1
        self._values[argument] = self._part(j, 0)
        if top <= SHORT:
            self.sweep.tops[argument] = top
            self.sweep.short[argument] = [
                self._head(self._part(j, degree)) for degree in range(1, top + 1)
            ]
        elif j in self.program.inputs:
            self.sweep.long[argument] = -1 - self.program.inputs.index(j)
        else:
            self.sweep.long[argument] = self._head(self.at[j], whole=True)

    def _part(self, j: int, degree: int) -> int:
        return self._emit(linear.index, (self.at[j],), {"key": (degree,)})

    def _emit(
        self,
        row: Primitive,
        operands: tuple[int, ...],
        params: dict[str, Any] | None = None,
        names: tuple[str, ...] = (),
    ) -> int:
        return self.start.emit(row, operands, params or {}, names, self.shape[1:], _FLOAT)

    def _spread(self, number: int) -> int:
        """Give a value for each point."""
        line = self.start.lines[number]
        if line.shape == self.shape[1:] and line.dtype == _FLOAT:
            return number
        zeros = self.start.constant(np.zeros(self.shape[1:]))
        return self._emit(add, (number, zeros))

    def _value(self, i: int) -> int:
        """Give the line of `start` that is the value of a line of the recurrences."""
        if i not in self._values:
            self._values[i] = self._valued(self.trace.steps[i])
        return self._values[i]

    def _valued(self, step: Step) -> int:
        row, operands = step.primitive, tuple(self._value(j) for j in step.operands)
        if row is None:
            return self.start.constant(float(step.number))
        if row is linear.select:
            return self._emit(row, operands, {}, ("condition",))
        lines = [self.start.lines[j] for j in operands]
        kinds = [(line.shape, line.dtype) for line in lines]
        kind = inferred(row, [line.value for line in lines], kinds, step.params)
        if kind is None:
            raise _More
        return self.start.emit(row, operands, step.params, (), *kind)

    def _head(self, number: int, whole: bool = False) -> Any:
        """Have the sweep given a value: as a number in its text, or by its place."""
        line = self.start.lines[number]
        if line.dtype.kind == "b":
            number = self.start.emit(convert, (number,), {"dtype": "<f8"}, (), line.shape, _FLOAT)
            line = self.start.lines[number]
        if not whole:
            if line.is_constant and np.all(line.value == np.ravel(line.value)[0]):
                return float(np.ravel(line.value)[0])
            number = self._spread(number)
        if number not in self.heads:
            self.heads.append(number)
            self.sweep.rooms.append(self.sweep.order + 1 if whole else 1)
        return self.heads.index(number)

    # --- the recurrences ---

    def _top(self, i: int) -> int | None:
        """Give the last degree of a line that is short."""
        tops, step = self.sweep.tops, self.trace.steps[i]
        if not step.moves:
            return 0
        if i in tops or step.primitive is None:
            return tops.get(i)
        below = [self._top(j) for j in step.operands]
        if None in below:
            return None
        known = [n for n in below if n is not None]
        if step.primitive in (add, subtract, negative) or (
            step.primitive is divide and not self.trace.steps[step.operands[1]].moves
        ):
            top = max(known)
        elif step.primitive is multiply:
            top = sum(known)
        else:
            return None
        if top > SHORT:
            return None
        tops[i] = top
        return top

    def _choose(self) -> None:
        """Choose the lines that are needed."""
        steps, needed = self.trace.steps, set()
        todo = [self.streams[i].line for i in self.program.outputs if i in self.swept]
        todo += [*self.sweep.checked, *self.sweep.kept]
        while todo:
            i = todo.pop()
            if i not in needed:
                needed.add(i)
                todo += steps[i].needs
        self.sweep.computed = [
            i for i in sorted(needed) if steps[i].moves and steps[i].primitive is not None
        ]
        for i in sorted(needed):
            self.sweep.values[i] = self._head(self._value(i))
        for given in (self.sweep.short, self.sweep.long):
            for i in given.keys() - needed:
                del given[i]

    def _set_results(self) -> None:
        for k, output in enumerate(self.program.outputs):
            if output in self.swept:
                self.sweep.results.append((k, self.streams[output].line))
            elif output not in self.late:
                self.heads.append(self.at[output])
                self.sweep.rooms.append(0)
                self.sweep.early[len(self.heads) - 1] = k

    def _finish(self) -> WengertList | None:
        """Give the program of what is computed from the series; have them kept for it."""
        outputs = [i for i in self.program.outputs if i in self.late]
        guards = [g for g in self.program.guards if g.line in self.late]
        if not outputs and not guards:
            return None
        inputs = self.program.inputs
        needed, todo = set(), [*outputs, *(g.line for g in guards)]
        while todo:
            i = todo.pop()
            if i not in needed:
                needed.add(i)
                todo += () if i in self.swept else self.lines[i].operands
        series = sorted(needed & self.swept.keys())
        finish, number = WengertList(), {}
        for i in [*inputs, *series, *sorted(needed - {*inputs, *series})]:
            line, given = self.lines[i], i in self.swept
            number[i] = len(finish.lines)
            operands = () if given else tuple(number[j] for j in line.operands)
            finish.lines.append(line.moved(operands, is_input=given))
        finish.inputs = [number[i] for i in (*inputs, *series)]
        finish.outputs = [number[i] for i in outputs]
        finish.guards = [Guard(number[g.line], g.expected, g.origin) for g in guards]
        self.sweep.kept = [self.streams[i].line for i in series]
        places = [k for k, i in enumerate(self.program.outputs) if i in self.late]
        self.sweep.finish = Finish(len(inputs), places)
        return finish

    def _begun(self) -> Lowered:
        """Lower what the series start from."""
        begin = self.start.list
        begin.outputs = list(self.heads)
        guards = self.program.guards
        begin.guards = [
            Guard(self.at[g.line], g.expected, g.origin) for g in guards if g.line not in self.late
        ]
        begin = opened(pruned(begin))
        if (
            self.sweep.lanes >= lanes.FEWEST
            and (lowered := lanes.lower(begin, self.limit)) is not None
        ):
            return lowered
        small = expand(begin, self.limit)
        if small is None or not straight.lowerable(small):
            raise _More
        return straight.lower(small)


def _renamed(lowered: Lowered, name: str) -> Lowered:
    """Give a core another name, and all that its text defines names of its own."""
    text = lowered.text
    defined = re.findall(r"^(?:define\b[^@\n]*)?@([\w.$-]+)(?:\(| =)", text, re.MULTILINE)
    names = {d: name if d == "core" else f"{name}.{d}" for d in defined}
    text = re.sub(r"@([\w.$-]+)", lambda found: f"@{names.get(found[1], found[1])}", text)
    text = text.replace(f"define i32 @{name}(", f"define internal i32 @{name}(")
    return replace(lowered, text=text)


def _nonzero(program: WengertList, number: int, known: dict[int, Any]) -> Any:
    """Tell which entries of a line may be other than zero."""
    if number not in known:
        line = program[number]
        if line.is_constant:
            known[number] = np.not_equal(line.value, 0)
        elif line.row in MOVES and not line.names:
            operands: Sequence[Any] = [_nonzero(program, i, known) for i in line.operands]
            known[number] = np.asarray(line.row.value(*operands, **line.params))
        else:
            known[number] = np.ones(line.shape, bool)
    return known[number]
