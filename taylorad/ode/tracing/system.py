"""The right-hand side of a differential equation as a program of recurrences.

The user's function is traced and taken apart into scalars; these are run on the symbols of
`taylorad.forward.program`, which brings in what their recurrences need. The arguments that move are
the components of the state, and the time; parameters stay.

What jumps, ``x > 0`` and ``np.floor(x)`` say, is *held*: it is an argument that stays for a step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from taylorad.compiler.arguments import NotForMachines
from taylorad.forward.program import RATIONAL, NoProgram, Program, Step, Stream, Trace
from taylorad.ode.tracing.garbage import none_sought
from taylorad.ode.tracing.recording import Recording
from taylorad.primitives import elementwise, linear
from taylorad.primitives.registry import Constant, Elementwise, Primitive, lookup
from taylorad.wengert import trace as recording
from taylorad.wengert.list import Line, WengertList
from taylorad.wengert.scalars import expand

__all__ = ["Held", "NotTraceable", "System", "system"]

MOST_SCALARS = 200_000
"""The most scalar operations that a right-hand side may be taken apart into."""

LARGEST_POWER = 64
"""A whole power of no more than this is a product, which is right at zero too."""


class NotTraceable(Exception):
    """The right-hand side cannot be written down as a program of scalars; says why."""


@dataclass(frozen=True)
class Held:
    """Something that jumps.

    Attributes
    ----------
    row : Primitive
        What it is of its operands: a comparison, a sign, a rounding.
    line : int
        The argument of the program that stands for it.
    operands : tuple of int
        Lines of the program.
    """

    row: Primitive
    line: int
    operands: tuple[int, ...]


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
    said: str = field(default="", init=False)  # of another that is made by `replace` it is not

    @property
    def size(self) -> int:
        """The number of components."""
        return math.prod(self.shape)

    @property
    def time(self) -> int:
        """The line of the time."""
        return self.size

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
    try:
        recorded = Recording(f, t, y, args, functions)
    except NoProgram as error:
        raise NotTraceable(f"it uses {error}") from error
    except NotForMachines as error:
        raise NotTraceable(error.warning or "an argument is no number") from error
    if may_wait and recorded.said and not functions and not recorded.jumps:
        return _Unread(recorded)
    return _read(recorded)


def _read(recorded: Recording) -> System:
    """Take a trace apart."""
    try:
        scalars = expand(recorded.program, MOST_SCALARS)
        if scalars is None:
            raise NotTraceable("it uses what cannot be taken apart into scalars")
        found = _Reading(scalars, recorded).system()
    except NoProgram as error:
        raise NotTraceable(f"it uses {error}") from error
    found.said = recorded.said
    return found


class _Unread(System):
    """A system that is taken apart when its lines are asked for; nothing in it jumps."""

    def __init__(self, recorded: Recording) -> None:
        self.shape, self.parameters, self.said = recorded.shape, recorded.parameters, recorded.said
        self.functions, self.held, self.guards = [], [], []
        self._recorded = recorded

    def __getattr__(self, name: str) -> Any:
        if name not in ("program", "rates"):
            raise AttributeError(name)
        found = _read(self._recorded)
        assert not any((found.held, found.guards))
        self.program, self.rates = found.program, found.rates
        return getattr(self, name)


class _Trace(Trace):
    """Lines in which what jumps is held."""

    def __init__(self, hold: Callable[[Primitive, list[Stream]], Stream]) -> None:
        super().__init__()
        self.hold = hold

    def record(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Stream:
        if isinstance(primitive, Constant):
            operands = [a if isinstance(a, Stream) else self.constant(a) for a in args]
            if any(self.steps[x.line].moves for x in operands):
                return self.hold(primitive, operands)
        return super().record(primitive, args, params)


class _Reading:
    """Scalar lines run on symbols."""

    def __init__(self, scalars: WengertList, recorded: Recording) -> None:
        self.scalars, self.lines, self.recorded = scalars, scalars.lines, recorded
        self.trace = _Trace(self._hold)
        self.streams: list[Stream | None] = []
        self.held: list[Held] = []
        size = int(np.prod(recorded.shape))
        self.entries: dict[int, list[Stream]] = {}
        state = [self._argument(True) for _ in range(size)]
        time = self._argument(True)
        inputs = list(scalars.inputs)
        self.entries[inputs[0]] = [time]
        self.entries[inputs[1]] = state
        for number, value in zip(inputs[2:], recorded.parameters, strict=True):
            self.entries[number] = [self._argument(False) for _ in range(value.size)]

    def _argument(self, moves: bool) -> Stream:
        place = len(self.trace.steps)
        return self.trace.append(Step(None, (), {}, moves), ("argument", place))

    def system(self) -> System:
        for number, line in enumerate(self.lines):
            self.streams.append(self._stream(number, line))
        rates, *functions = self._results()
        guards = [(self._line(g.line), g.expected, g.origin) for g in self.scalars.guards]
        self._solve()
        return System(
            self.recorded.shape,
            Program(tuple(self.trace.steps), len(self.trace.steps), 0),
            rates,
            functions,
            self.held,
            guards,
            self.recorded.parameters,
        )

    def _solve(self) -> None:
        while self.trace.unsolved:
            self.trace.solve(self.trace.unsolved.pop())

    def _line(self, number: int) -> int:
        stream = self.streams[number]
        assert stream is not None
        return stream.line

    def _results(self) -> list[list[int]]:
        outputs = iter(self.scalars.outputs)
        found = []
        for result in self.recorded.results:
            if isinstance(result, recording.Traced):
                found.append(self._entries_of(next(outputs)))
            else:
                values = np.ravel(result).astype(float).tolist()
                found.append([self.trace.constant(x).line for x in values])
        return found

    def _entries_of(self, number: int) -> list[int]:
        """Give the lines of the entries of a result."""
        line = self.lines[number]
        if number in self.entries:
            return [stream.line for stream in self.entries[number]]
        if line.is_constant:
            return [self.trace.constant(float(x)).line for x in np.ravel(line.value)]
        if line.row is not linear.assemble:
            return [self._line(number)]
        zero = self.trace.constant(0.0).line
        entries = [zero] * int(np.prod(line.shape))
        places, sources = line.params["places"].tolist(), line.params["sources"].tolist()
        for place, source in zip(places, sources, strict=True):
            entries[place] = self._line(line.operands[source])
        return entries

    def _stream(self, number: int, line: Line) -> Stream | None:
        """Give the symbol of a line; None for arrays."""
        if line.is_constant:
            return self.trace.constant(float(line.value)) if not line.shape else None
        if line.is_input:
            return self.entries[number][0] if not line.shape else None
        if line.row is linear.index:
            source, place = line.operands[0], 0
            for k, length in zip(line.params["key"], self.lines[source].shape, strict=True):
                place = place * length + int(k)
            return self.entries[source][place]
        if line.row is linear.assemble:
            return None
        operands = [self.streams[i] for i in line.operands]
        assert line.row is not None
        return self._applied(line.row, operands, line)

    def _applied(self, row: Primitive, operands: list[Any], line: Line) -> Stream:
        trace, steps = self.trace, self.trace.steps
        if row in RATIONAL and not line.names:
            return trace.record(row, operands, {})
        moving = [steps[x.line].moves for x in operands]
        if row is recording.convert:
            return self._converted(operands[0], line)
        if row is elementwise.power and moving == [True, False]:
            exponent = steps[operands[1].line].number
            if exponent is not None and float(exponent).is_integer():
                return self._power(operands[0], int(exponent))
            if exponent == 0.5:
                row, operands = elementwise.sqrt, operands[:1]
        if row in _WHOLE and any(moving):
            quotient = trace.record(elementwise.divide, operands, {})
            whole = trace.record(_WHOLE[row], [quotient], {})
            product = trace.record(elementwise.multiply, [operands[1], whole], {})
            return trace.record(elementwise.subtract, [operands[0], product], {})
        params = {k: v for k, v in line.params.items() if row is not linear.select}
        if line.names:
            params |= {"condition": operands.pop()}
        if any(moving) and isinstance(row, Elementwise) and params:
            raise NoProgram(repr(row))
        return trace.record(row, tuple(operands), params)

    def _converted(self, x: Stream, line: Line) -> Stream:
        """Make whole numbers, or truths, of floats."""
        kind = self.lines[line.operands[0]].dtype.kind
        if line.dtype.kind == kind or line.dtype.kind == "f":
            return x
        if line.dtype.kind == "b":
            return self.trace.record(_row(np.not_equal), (x, 0.0), {})
        return self.trace.record(_row(np.trunc), (x,), {}) if kind == "f" else x

    def _power(self, x: Stream, n: int) -> Stream:
        """Multiply by repeated squaring, which is right at zero."""
        if abs(n) > LARGEST_POWER:
            return self.trace.record(elementwise.power, (x, self.trace.constant(float(n))), {})
        product, k = None, abs(n)
        while k:
            if k & 1:
                product = x if product is None else self._times(product, x)
            k >>= 1
            x = self._times(x, x) if k else x
        one = self.trace.constant(1.0)
        if product is None:
            return one
        return product if n > 0 else self.trace.record(elementwise.divide, (one, product), {})

    def _times(self, a: Stream, b: Stream) -> Stream:
        return self.trace.record(elementwise.multiply, (a, b), {})

    def _hold(self, row: Primitive, operands: list[Stream]) -> Stream:
        lines = tuple(x.line for x in operands)
        for held in self.held:
            if (held.row, held.operands) == (row, lines):
                return Stream(self.trace, held.line)
        stream = self._argument(False)
        self.held.append(Held(row, stream.line, lines))
        return stream


def _row(function: Any) -> Primitive:
    row = lookup(function)
    assert isinstance(row, Primitive)
    return row


_WHOLE = {_row(np.remainder): _row(np.floor), _row(np.fmod): _row(np.trunc)}
"""Of remainders that which makes whole numbers of quotients."""
