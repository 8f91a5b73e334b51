"""A program cut where machine code ends: kernels, and lines that NumPy is called back for.

Lines that no lowering knows (complex numbers, Bessel functions, what a user's own primitive does)
run in NumPy. A line's stage says how many changes of sides its inputs have behind them; lines of
an even stage are one kernel, those of an odd one are called back one after the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from taylorad.compiler import lanes, series, straight
from taylorad.compiler.loops import lowering as loops
from taylorad.compiler.lowered import Lowered
from taylorad.compiler.opening import opened
from taylorad.compiler.team import Team, team
from taylorad.errors import SingularityError
from taylorad.machine.call import bind, careful
from taylorad.machine.layout import ELEMENTS
from taylorad.machine.module import Code, build
from taylorad.machine.signature import Argument, Result, Signature
from taylorad.wengert.apart import MOVES
from taylorad.wengert.list import Guard, Line, WengertList
from taylorad.wengert.scalars import expand

__all__ = ["FAILED", "Kernel", "Plan", "plan"]

FAILED: Any = type("Failed", (), {"__repr__": lambda self: "FAILED"})()
"""What running a plan gives where a guard failed."""

MOST_SCALARS = 8000
"""A program of no more scalar lines than this may become straight-line code."""

LONG_LINES = 16
"""It does not if a line that computes has more entries than this, on average: loops are better."""

LONG_WORK = 20_000
"""Floating-point operations from which on other threads may run meanwhile."""


@dataclass
class Kernel:
    """A part of a program in machine code.

    Attributes
    ----------
    program : WengertList
    takes, gives : list of int
        The lines of the whole program that it reads and computes.
    lowered : Lowered
    code : Code
    form : str
        Which lowering made it.
    team : Team or None
        The same in parts, for several threads.
    """

    program: WengertList
    takes: list[int]
    gives: list[int]
    lowered: Lowered
    code: Code
    form: str
    team: Team | None = None

    def signature(self, numbers: Sequence[bool], tuple_result: bool) -> Signature:
        """Say what it takes and gives; ``numbers`` tells which arguments are Python's."""
        lines = self.program.lines
        return Signature(
            tuple(
                Argument(_kind(lines[i]), lines[i].shape, number=number)
                for i, number in zip(self.program.inputs, numbers, strict=True)
            ),
            tuple(
                Result(_kind(lines[i]), lines[i].shape, number=not lines[i].shape)
                for i in self.program.outputs
            ),
            tuple_result=tuple_result,
            release_gil=self.lowered.flops > LONG_WORK,
        )

    def bound(
        self,
        numbers: Sequence[bool],
        tuple_result: bool,
        slow: Any,
        name: str,
        by: Callable[..., Any] = bind,
    ) -> Any:
        """Make a function of it that Python can call, ``by`` one of the ways there are."""
        if self.team is not None:
            return _by_many(self.team)
        signature = self.signature(numbers, tuple_result)
        return by(self.code, signature, self.lowered.constants, slow, name)


class _Step:
    """A kernel as a plan calls it: the first time in a way that takes no further machine code.

    There may be no second time, for a program that is one kernel is called by `Variant.fast`.
    """

    def __init__(self, kernel: Kernel, numbers: Sequence[bool]) -> None:
        self._kernel, self._numbers = kernel, numbers
        self._called = False
        self._function: Any = None

    def __call__(self, *arguments: Any) -> Any:
        if self._function is not None:
            return self._function(*arguments)
        by = bind if self._called else careful
        function = self._kernel.bound(self._numbers, True, _failed, "kernel", by)
        if self._called:
            self._function = function
        self._called = True
        return function(*arguments)


def _by_many(team: Team) -> Any:
    def call(*arguments: Any) -> Any:
        results = team.run([np.asarray(a) for a in arguments])
        return FAILED if results is None else results

    return call


def _kind(line: Any) -> Any:
    return line.dtype.name


class Plan:
    """How a program is run: kernels and lines called back, in turn.

    Attributes
    ----------
    program : WengertList
    steps : list of Kernel or int
        An int is a line that is called back.
    """

    def __init__(
        self, program: WengertList, steps: list[Kernel | int], parallel: bool = False
    ) -> None:
        self.program, self.steps, self.parallel = program, steps, parallel
        lines = program.lines
        self._run: list[Any] = []
        for step in steps:
            if isinstance(step, int):
                checks = [g for g in program.guards if g.line == step]
                self._run.append((None, step, checks))
            else:
                numbers = [not lines[i].shape and lines[i].dtype != bool for i in step.takes]
                self._run.append((_Step(step, numbers), step.takes, step.gives))
        self._constants = [line.value for line in lines]
        made = {i for step in self.kernels for i in step.gives}
        self._shared = [i for i in dict.fromkeys(program.outputs) if i not in made]

    @property
    def kernels(self) -> list[Kernel]:
        """The steps that are machine code."""
        return [step for step in self.steps if isinstance(step, Kernel)]

    def __reduce__(self) -> Any:
        return plan, (self.program, self.parallel)  # machine code is made where the program arrives

    @property
    def whole(self) -> Kernel | None:
        """The kernel that is the whole program, if there is one, and it is for one thread."""
        if len(self.steps) == 1 and isinstance(self.steps[0], Kernel):
            kernel = self.steps[0]
            if kernel.team is not None:
                return None
            program = self.program
            if kernel.takes == program.inputs and kernel.gives == program.outputs:
                return kernel
        return None

    def run(self, leaves: Sequence[Any]) -> list[Any] | Any:
        """Run the program.

        Parameters
        ----------
        leaves : sequence
            Arrays in C order and numbers, of the types and shapes of the inputs.

        Returns
        -------
        list or FAILED
            The values of the outputs.
        """
        values = list(self._constants)
        for number, leaf in zip(self.program.inputs, leaves, strict=True):
            values[number] = leaf
        for call, these, those in self._run:
            if call is None:
                line = self.program.lines[these]
                try:
                    value = line.apply(values)
                except SingularityError:  # of a series, which eager code may deal with
                    return FAILED
                if np.shape(value) != line.shape or np.result_type(value) != line.dtype:
                    return FAILED
                if any(bool(value) != guard.expected for guard in those):
                    return FAILED
                values[these] = _plain(value)
            else:
                # To a kernel a single truth value is an array.
                given = [values[i] for i in these]
                results = call(*[np.asarray(v) if type(v) is np.bool_ else v for v in given])
                if results is FAILED:
                    return FAILED
                for i, result in zip(those, results, strict=True):
                    values[i] = result
        for i in self._shared:
            values[i] = _own(values[i], leaves)
        return [values[i] for i in self.program.outputs]


def _own(value: Any, leaves: Sequence[Any]) -> Any:
    """Give an array that nobody else has."""
    if not isinstance(value, np.ndarray):
        return value
    return value if value.flags.owndata and all(value is not x for x in leaves) else value.copy()


def _plain(value: Any) -> Any:
    """Give an array in C order, and what has no axes as a number."""
    return np.asarray(value, order="C") if np.ndim(value) else np.asarray(value)[()]


def _failed(*args: Any) -> Any:
    return FAILED


def plan(program: WengertList, parallel: bool = False) -> Plan:
    """Cut a program into kernels and lines called back, and compile the kernels.

    Parameters
    ----------
    program : WengertList
    parallel : bool, default False
        Whether large kernels are to be divided among threads.
    """
    program = opened(program)
    wanted = dict.fromkeys(program.outputs)
    if (small := _straight(program) or _swept(program)) is not None:
        return Plan(
            program, [_compiled(program, program.inputs, list(wanted), small, parallel)], parallel
        )
    lines, stage = program.lines, _stages(program)
    guards = {g.line for g in program.guards}
    steps: list[Kernel | int] = []
    for s in range(max(stage, default=0) + 1):
        here = [i for i, n in enumerate(stage) if n == s and lines[i].row is not None]
        later = {j for i, n in enumerate(stage) if n > s for j in lines[i].operands}
        gives = [i for i in wanted if stage[i] == s and _is_known(lines[i])]
        gives += [i for i in here if i in later and i not in wanted]
        if s % 2:
            part, takes = _part(program, here, gives)
            how = _swept(part)
            steps += here if how is None else [_compiled(part, takes, gives, how)]
            continue
        if gives or any(i in guards for i in here):
            steps.append(_kernel(program, here, gives, parallel))
    return Plan(program, steps, parallel)


def _is_known(line: Line) -> bool:
    """Tell whether a kernel can copy a line, if it does not compute it."""
    return line.row is not None or line.dtype.name in ("float64", "int64", "bool")


def _stages(program: WengertList) -> list[int]:
    stage: list[int] = []
    for line in program.lines:
        if line.row is None:
            stage.append(0)
            continue
        before = max((stage[i] for i in line.operands), default=0)
        odd = not loops.lowerable(line, program)
        stage.append(before + (before % 2 != odd))
    return stage


def _kernel(program: WengertList, here: list[int], gives: list[int], parallel: bool) -> Kernel:
    """Compile some lines of a program."""
    part, takes = _part(program, here, gives)
    return _compiled(part, takes, gives, _straight(part) or _looped(part), parallel)


def _compiled(
    part: WengertList,
    takes: list[int],
    gives: list[int],
    how: tuple[Lowered, str],
    parallel: bool = False,
) -> Kernel:
    lowered, form = how
    code = build(lowered.text, level=lowered.level, symbols=lowered.symbols)
    shared = team(part, lowered, form, MOST_SCALARS) if parallel else None
    return Kernel(part, takes, gives, lowered, code, form, shared)


def _part(program: WengertList, here: list[int], gives: list[int]) -> tuple[WengertList, list[int]]:
    """Give some lines of a program as a program, and the lines that are its inputs."""
    lines = program.lines
    inside = set(here)
    reads = dict.fromkeys(j for i in here for j in lines[i].operands if j not in inside)
    reads |= dict.fromkeys(i for i in gives if i not in inside)
    if inside >= {i for i, line in enumerate(lines) if line.row is not None}:
        # The whole program takes them all, or all that a kernel can take.
        takes = [i for i in program.inputs if lines[i].dtype.name in ELEMENTS]
    else:
        takes = [i for i in program.inputs if i in reads]
    takes += [i for i in reads if i not in takes and not lines[i].is_constant]
    number: dict[int, int] = {}
    part = WengertList()
    for i in [*takes, *(i for i in reads if lines[i].is_constant), *here]:
        line = lines[i]
        number[i] = len(part.lines)
        operands = tuple(number[j] for j in line.operands) if i in inside else ()
        part.lines.append(line.moved(operands, is_input=i in takes))
    part.inputs = [number[i] for i in takes]
    part.outputs = [number[i] for i in gives]
    part.guards = [
        Guard(number[g.line], g.expected, g.origin) for g in program.guards if g.line in inside
    ]
    return part, takes


def _straight(program: WengertList) -> tuple[Lowered, str] | None:
    """Lower to straight-line code, if the program is small and knows no other functions."""
    sizes = [
        math.prod(line.shape)
        for line in program.lines
        if line.row is not None and line.row not in MOVES
    ]
    if sum(sizes) > min(LONG_LINES * len(sizes), 2 * MOST_SCALARS):
        return None
    small = expand(program, MOST_SCALARS)
    if small is None or not straight.lowerable(small):
        return None
    return straight.lower(small), "straight line"


def _swept(program: WengertList) -> tuple[Lowered, str] | None:
    """Lower to a loop over the degree, if the program is series and what they start from."""
    lowered = series.lower(program, MOST_SCALARS, _alone)
    return None if lowered is None else (lowered, "series")


def _alone(program: WengertList) -> Lowered | None:
    """Lower a program without series; None if it has lines that must be called back."""
    if (straight := _straight(program)) is not None:
        return straight[0]
    computed = [line for line in program.lines if line.row is not None]
    known = all(loops.lowerable(line, program) for line in computed)
    return _looped(program)[0] if known else None


def _looped(program: WengertList) -> tuple[Lowered, str]:
    """Lower to one loop over lanes if each of them is small, and to loops if not."""
    if (lowered := lanes.lower(program, MOST_SCALARS)) is not None:
        return lowered, "lanes"
    return loops.lower(program), "loops"
