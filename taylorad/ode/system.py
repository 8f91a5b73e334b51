"""The right-hand side of a differential equation as a program of recurrences.

The user's function is traced and taken apart into scalars; these are run on the symbols of
`taylorad.forward.program`, which brings in what their recurrences need. The arguments that move are
the components of the state, and the time; parameters stay.

What jumps, ``x > 0`` and ``np.floor(x)`` say, is *held*: it is an argument that stays for a step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from taylorad.compiler.arguments import NotForMachines, read
from taylorad.compiler.opening import opened
from taylorad.drivers.boundary import as_output, evaluate
from taylorad.errors import InputError
from taylorad.forward.program import NoProgram, Program, Step, Stream, Trace
from taylorad.primitives import elementwise, linear
from taylorad.primitives.registry import Constant, Elementwise, Primitive, lookup
from taylorad.wengert import trace as recording
from taylorad.wengert.list import Line, WengertList
from taylorad.wengert.scalars import expand
from taylorad.wengert.simplify import normal_form

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
    """

    shape: tuple[int, ...]
    program: Program
    rates: list[int]
    functions: list[list[int]] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    guards: list[tuple[int, bool, Any]] = field(default_factory=list)
    parameters: list[np.ndarray[Any, Any]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """The number of components."""
        return len(self.rates)

    @property
    def time(self) -> int:
        """The line of the time."""
        return self.size


def system(
    f: Callable[..., Any],
    t: float,
    y: np.ndarray[Any, Any],
    args: Sequence[Any] = (),
    functions: Sequence[Callable[..., Any]] = (),
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

    Raises
    ------
    NotTraceable
        If it cannot be done.
    taylorad.errors.InputError
        If what ``f`` returns has not the shape of the state.
    """
    try:
        recorded = _Recording(f, t, y, args, functions)
        scalars = expand(recorded.program, MOST_SCALARS)
        if scalars is None:
            raise NotTraceable("it uses what cannot be taken apart into scalars")
        return _Reading(scalars, recorded).system()
    except NoProgram as error:
        raise NotTraceable(f"it uses {error}") from error
    except NotForMachines as error:
        raise NotTraceable(error.warning or "an argument is no number") from error


class _Recording:
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


def _moves(leaf: Any) -> bool:
    return np.asarray(leaf).dtype == float


class _Reading:
    """Scalar lines run on symbols."""

    def __init__(self, scalars: WengertList, recorded: _Recording) -> None:
        self.scalars, self.lines, self.recorded = scalars, scalars.lines, recorded
        self.trace = Trace()
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
            return self.trace.constant(float(line.value)) if not np.shape(line.value) else None
        if line.is_input:
            return self.entries[number][0] if not line.shape else None
        if line.row is linear.index:
            source = line.operands[0]
            place = np.ravel_multi_index(line.params["key"], self.lines[source].shape)
            return self.entries[source][int(place)]
        if line.row is linear.assemble:
            return None
        operands = [self.streams[i] for i in line.operands]
        assert line.row is not None
        return self._applied(line.row, operands, line)

    def _applied(self, row: Primitive, operands: list[Any], line: Line) -> Stream:
        trace, steps = self.trace, self.trace.steps
        moving = [steps[x.line].moves for x in operands]
        if isinstance(row, Constant) and any(moving):
            return self._hold(row, operands)
        if row is recording.convert:
            return operands[0]  # type: ignore[no-any-return]
        if row is elementwise.power and moving == [True, False]:
            exponent = steps[operands[1].line].number
            if exponent is not None and float(exponent).is_integer():
                return self._power(operands[0], int(exponent))
            if exponent == 0.5:
                row, operands = elementwise.sqrt, operands[:1]
        if row is _REMAINDER and any(moving):
            quotient = trace.record(elementwise.divide, operands, {})
            whole = self._hold(_FLOOR, [quotient])
            product = trace.record(elementwise.multiply, [operands[1], whole], {})
            return trace.record(elementwise.subtract, [operands[0], product], {})
        params = {k: v for k, v in line.params.items() if row is not linear.select}
        if line.names:
            params |= {"condition": operands.pop()}
        if any(moving) and isinstance(row, Elementwise) and params:
            raise NoProgram(repr(row))
        return trace.record(row, tuple(operands), params)

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


_FLOOR, _REMAINDER = _row(np.floor), _row(np.remainder)
