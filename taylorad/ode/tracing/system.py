"""The right-hand side of a differential equation as a program of recurrences.

The user's function is traced and taken apart into scalars; these are run on the symbols of
`taylorad.forward.program`, which brings in what their recurrences need. The arguments that move are
the components of the state, and the time; parameters stay.

What jumps, ``x > 0`` and ``np.floor(x)`` say, is *held*: it is an argument that stays for a step.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from taylorad.compiler.arguments import NotForMachines
from taylorad.errors import TayloradError
from taylorad.forward.program import RATIONAL, NoProgram, Program
from taylorad.ode.tracing.garbage import none_sought
from taylorad.ode.tracing.lines import Held, Lines
from taylorad.ode.tracing.recording import Recording, parameters_of, traced
from taylorad.primitives import elementwise, linear
from taylorad.primitives.numbers import PI, RealConstant
from taylorad.primitives.registry import Constant, Elementwise, Primitive, lookup
from taylorad.wengert import trace as recording
from taylorad.wengert.arithmetic import FLOAT, NotExpandable
from taylorad.wengert.list import Line, WengertList
from taylorad.wengert.scalars import Expansion
from taylorad.wengert.writer import used

__all__ = ["Described", "NotTraceable", "System", "switch", "system"]

MOST_SCALARS = 200_000
"""The most scalar operations that a right-hand side may be taken apart into."""

LARGEST_POWER = 2**16
"""A whole power of no more than this is a product, which is right at zero too."""


class NotTraceable(Exception):
    """The right-hand side cannot be written down as a program of scalars; says why."""


class Described(ABC):
    """A right-hand side that says by itself what system it is, without being traced as a whole."""

    @abstractmethod
    def system(self, t: float, y: Any, args: Sequence[Any], functions: Sequence[Any]) -> System:
        """Give the system; see `system`."""

    @abstractmethod
    def switch(self, t: Any, y: Any, args: Sequence[Any]) -> str:
        """Name something in it that may jump; see `switch`."""


@dataclass
class System:
    """A system of first-order differential equations.

    Attributes
    ----------
    shape : tuple of int
        Of the state, which has ``size`` components.
    program : Program
        Its arguments are the components of the state, the time, the parameters, and what is held.
    rates : list of int
        The line of each component's derivative.
    functions : list of list of int
        Lines of the entries of other functions of time and state, those of events.
    held : list of Held
    guards : list of (int, bool, origin)
        Lines that a choice in the user's code was made by: they do not move, and the program holds
        while they are what they are here.
    parameters : list of ndarray
        What the parameters are, before they are taken apart into numbers.
    is_timed : bool
        Whether the rates depend on the time.
    variation : Variation or None
        What this is the expansion of, if it is one.
    alike : sequence of sequence of int
        Components that may well have rates that are alike.
    pivots : sequence
        Those of eliminations in it, which were chosen where it was traced.
    said : str
        What all this follows from; empty if that is not known.
    """

    shape: tuple[int, ...]
    program: Program
    rates: list[int]
    functions: list[list[int]] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    guards: list[tuple[int, bool, Any]] = field(default_factory=list)
    parameters: list[np.ndarray[Any, Any]] = field(default_factory=list)
    is_timed: bool = True
    variation: Any = None
    alike: Sequence[Sequence[int]] = ()
    pivots: Sequence[Any] = ()
    said: str = field(default="", init=False)  # of another that is made by `replace` it is not

    @property
    def size(self) -> int:
        """The number of components."""
        return math.prod(self.shape)

    @property
    def time(self) -> int:
        """The line of the time."""
        return self.size

    @property
    def entries(self) -> list[int]:
        """How many entries each of the functions has."""
        return [len(lines) for lines in self.functions]

    @property
    def expanded(self) -> System:
        """The system with all of its lines."""
        return self

    @property
    def unvaried(self) -> System:
        """The system whose lines what is held, and what guards, is written in."""
        return self

    def observing(self, functions: list[list[int]]) -> System:
        """Give the system with functions more, of which the lines are known."""
        found = replace(self, functions=[*self.functions, *functions])
        found.said = self.said and f"{self.said} {functions}"
        return found


@none_sought()
def system(
    f: Callable[..., Any],
    t: float,
    y: np.ndarray[Any, Any],
    args: Sequence[Any] = (),
    functions: Sequence[Callable[..., Any]] = (),
    *,
    may_wait: bool = False,
) -> System:
    """Trace a right-hand side, and other functions of time and state.

    Parameters
    ----------
    f : callable
        ``f(t, y, *args)``.
    t : float
    y : ndarray
        Where it is traced; of floats.
    args : sequence, optional
        Numbers and arrays of floats among them are parameters.
    functions : sequence of callable, optional
        ``g(t, y, *args)``.
    may_wait : bool
        Whether the trace may be taken apart when someone first asks for lines of the program, which
        then raises what this does. If there is machine code of it on disk, nobody will.

    Raises
    ------
    NotTraceable
        If it cannot be done.
    taylorad.errors.InputError
        If what ``f`` returns has not the shape of the state.
    """
    if isinstance(f, Described):
        return f.system(t, y, args, functions)
    try:
        recorded, parameters = traced(f, t, y, args, functions), parameters_of(args)
    except NoProgram as error:
        raise NotTraceable(f"it uses {error}") from error
    except NotForMachines as error:
        raise NotTraceable(error.warning or "an argument is no number") from error
    if may_wait and recorded.said and not recorded.may_jump:
        return _Unread(recorded, parameters)
    return _read(recorded, parameters, (np.float64(t), y, *parameters))


def switch(f: Callable[..., Any], t: Any, y: Any, args: Sequence[Any]) -> str:
    """Name something in a right-hand side that may jump, as far as a trace can tell."""
    if isinstance(f, Described):
        return f.switch(t, y, args)
    try:
        real = np.array([float(x.real) for x in y.flat]).reshape(y.shape)
        return traced(f, float(t), real, args, ()).switch
    except (NoProgram, NotForMachines, TayloradError):  # it cannot be traced at all
        return ""


def _read(
    recorded: Recording, parameters: list[np.ndarray[Any, Any]], at: Sequence[Any] | None
) -> System:
    """Take a trace apart: where it is to be run, if that matters."""
    expansion = Expansion(recorded.program, MOST_SCALARS, at)
    try:
        found = _Reading(expansion.run(), recorded).system(parameters)
    except NotExpandable as error:
        raise NotTraceable("it uses what cannot be taken apart into scalars") from error
    except NoProgram as error:
        raise NotTraceable(f"it uses {error}") from error
    found.pivots = expansion.pivots
    found.said = recorded.said
    if found.said and found.pivots:
        found.said += repr(found.pivots)
    return found


class _Unread(System):
    """A system that is taken apart when its lines are asked for; nothing in it jumps."""

    def __init__(self, recorded: Recording, parameters: list[np.ndarray[Any, Any]]) -> None:
        self.shape, self.parameters, self.said = recorded.shape, parameters, recorded.said
        self.held, self.guards = [], []
        self.is_timed = recorded.is_timed
        self._recorded = recorded

    @property
    def entries(self) -> list[int]:
        return self._recorded.sizes[1:]

    def __getattr__(self, name: str) -> Any:
        if name not in ("program", "rates", "functions"):
            raise AttributeError(name)
        found = _read(self._recorded, self.parameters, None)
        assert not any((found.held, found.guards))
        self.program, self.rates, self.functions = found.program, found.rates, found.functions
        return getattr(self, name)


class _Reading:
    """Scalar lines that become lines of recurrences."""

    def __init__(self, scalars: WengertList, recorded: Recording) -> None:
        self.scalars, self.lines, self.recorded = scalars, scalars.lines, recorded
        self.trace = Lines()
        self.places: list[Any] = []  # of each scalar line that one which it becomes
        size = int(np.prod(recorded.shape))
        self.entries: dict[int, list[int]] = {}
        argument = self.trace.argument
        state = [argument(True) for _ in range(size)]
        time = argument(True)
        inputs = list(scalars.inputs)
        self.entries[inputs[0]] = [time]
        self.entries[inputs[1]] = state
        for number, shape in zip(inputs[2:], recorded.shapes, strict=True):
            self.entries[number] = [argument(False) for _ in range(math.prod(shape))]

    def system(self, parameters: list[np.ndarray[Any, Any]]) -> System:
        places, write = self.places, self.trace.line
        for number, (line, is_used) in enumerate(zip(self.lines, used(self.scalars))):
            row = line.row
            if not is_used:
                places.append(None)
            elif row in RATIONAL and line.dtype is FLOAT and not line.names:
                places.append(write(row, [places[i] for i in line.operands], {}))
            else:
                places.append(self._read(number, line))
        rates, *functions = self._results()
        guards = [(self._place(g.line), g.expected, g.origin) for g in self.scalars.guards]
        self._solve()
        return System(
            self.recorded.shape,
            Program(tuple(self.trace.steps), len(self.trace.steps), 0),
            rates,
            functions,
            self.trace.held,
            guards,
            parameters,
            self.recorded.is_timed,
        )

    def _solve(self) -> None:
        while self.trace.unsolved:
            self.trace.solve(self.trace.unsolved.pop())

    def _place(self, number: int) -> int:
        place = self.places[number]
        assert isinstance(place, int)
        return place

    def _number(self, x: float) -> int:
        return self.trace.constant(x if isinstance(x, RealConstant) else float(x)).line

    def _results(self) -> list[list[int]]:
        outputs = iter(self.scalars.outputs)
        found = []
        for constant in self.recorded.constants:
            if constant is None:
                found.append(self._entries_of(next(outputs)))
            else:
                found.append([self._number(x) for x in np.ravel(constant).astype(float).tolist()])
        return found

    def _entries_of(self, number: int) -> list[int]:
        """Give the lines of the entries of a result."""
        line = self.lines[number]
        if number in self.entries:
            return list(self.entries[number])
        if line.is_constant:
            return [self._number(x) for x in np.ravel(line.value)]
        if line.row is not linear.assemble:
            return [self._place(number)]
        entries = [self._number(0.0)] * int(np.prod(line.shape))
        places, sources = line.params["places"].tolist(), line.params["sources"].tolist()
        for place, source in zip(places, sources, strict=True):
            entries[place] = self._place(line.operands[source])
        return entries

    def _read(self, number: int, line: Line) -> int | None:
        """Give what a scalar line becomes; None for arrays."""
        row = line.row
        if line.dtype.kind == "b":
            row = _OF_TRUTHS.get(row, row)
        elif row in _OF_BITS:  # whole numbers are floats here
            raise NoProgram(repr(row))
        if row is None:
            if line.shape:
                return None
            return self.entries[number][0] if line.is_input else self._number(line.value)
        if row is linear.index:
            source, place = line.operands[0], 0
            for k, length in zip(line.params["key"], self.lines[source].shape, strict=True):
                place = place * length + int(k)
            return self.entries[source][place]
        if row is linear.assemble:
            return None
        found = self._applied(row, [self.places[i] for i in line.operands], line)
        if line.dtype.kind == "b" and isinstance(self.trace.steps[found].primitive, Constant):
            one, zero = self._number(1.0), self._number(0.0)  # as what is held has it
            return self.trace.line(linear.select, [one, zero, found], {})
        return found

    def _applied(self, row: Primitive, operands: list[Any], line: Line) -> int:
        trace, steps = self.trace, self.trace.steps
        moving = [steps[i].moves for i in operands]
        if row is recording.convert:
            return self._converted(operands[0], line)
        if row is elementwise.power and not moving[1]:  # of parameters too: they may vary
            exponent = steps[operands[1]].number
            if exponent is not None and float(exponent).is_integer():
                return self._power(operands[0], int(exponent))
            if exponent == 0.5:
                row, operands = elementwise.sqrt, operands[:1]
        if row in _WHOLE and any(moving):
            quotient = trace.line(elementwise.divide, operands, {})
            whole = trace.line(_WHOLE[row], [quotient], {})
            if row is _QUOTIENT:
                return whole
            product = trace.line(elementwise.multiply, [operands[1], whole], {})
            return trace.line(elementwise.subtract, [operands[0], product], {})
        if row is elementwise.arctan2 and any(moving):
            return self._angle(*operands)
        # A condition is an operand like any other.
        params = {} if line.names or row is linear.select else line.params
        if any(moving) and isinstance(row, Elementwise) and (params or line.names):
            raise NoProgram(repr(row))
        return trace.line(row, operands, params)

    def _angle(self, y: int, x: int) -> int:
        """Write `arctan2`, which jumps behind the origin: there, by the angle seen from behind."""
        line, zero, half = self.trace.line, self._number(0.0), self._number(PI)
        left, below = (line(_row(np.less), [z, zero], {}) for z in (x, y))
        turn = line(linear.select, [line(elementwise.negative, [half], {}), half, below], {})
        turn = line(linear.select, [turn, zero, left], {})
        side = line(linear.select, [self._number(-1.0), self._number(1.0), left], {})
        angle = line(elementwise.arctan2, [self._times(side, y), self._times(side, x)], {})
        return line(elementwise.add, [angle, turn], {})

    def _converted(self, x: int, line: Line) -> int:
        """Make whole numbers, or truths, of floats."""
        kind = self.lines[line.operands[0]].dtype.kind
        if line.dtype.kind == kind or line.dtype.kind == "f":
            return x
        if line.dtype.kind == "b":
            return self.trace.line(_row(np.not_equal), [x, self._number(0.0)], {})
        return self.trace.line(_row(np.trunc), [x], {}) if kind == "f" else x

    def _power(self, x: int, n: int) -> int:
        """Multiply by repeated squaring, which is right at zero."""
        if abs(n) > LARGEST_POWER:
            return self.trace.line(elementwise.power, [x, self._number(n)], {})
        product, k = None, abs(n)
        while k:
            if k & 1:
                product = x if product is None else self._times(product, x)
            k >>= 1
            x = self._times(x, x) if k else x
        one = self._number(1.0)
        if product is None:
            return one
        return product if n > 0 else self.trace.line(elementwise.divide, [one, product], {})

    def _times(self, a: int, b: int) -> int:
        return self.trace.line(elementwise.multiply, [a, b], {})


def _row(function: Any) -> Primitive:
    row = lookup(function)
    assert isinstance(row, Primitive)
    return row


_OF_TRUTHS: dict[Primitive | None, Primitive] = {
    elementwise.add: _row(np.logical_or),
    elementwise.multiply: _row(np.logical_and),
}
"""What sums and products of truths are."""

_OF_BITS = {_row(f) for f in (np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert)}

_QUOTIENT = _row(np.floor_divide)

_WHOLE = {
    _row(np.remainder): _row(np.floor),
    _QUOTIENT: _row(np.floor),
    _row(np.fmod): _row(np.trunc),
}
"""Of remainders, and of that quotient, what makes whole numbers of quotients."""
