"""One recurrence for every elementwise function in every graded algebra.

Let D multiply the degree-k part of a truncated polynomial by k. D is a derivation, so
``y = f(x1, x2, ...)`` has ``D y = sum_i (df/dx_i) D x_i``, whose degree-k part needs the partials
up to degree k - 1 only; the partials may therefore use y itself.

A row's partials are run once on symbols (`Stream`), which gives the short straight-line program of
everything the recurrence involves. Value numbering closes circles: the partial of sin asks for cos
of the same argument, whose partial asks for sin again, which is there already. The program is then
swept degree by degree over arrays of coefficients.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from taylorad.dispatch import Value
from taylorad.forward.algebra import Algebra, Univariate, aligned, buffer
from taylorad.primitives.elementwise import add, divide, multiply, negative, subtract
from taylorad.primitives.registry import Constant, Elementwise, Primitive
from taylorad.primitives.structural import select

__all__ = ["Program", "Step", "kernel", "program", "solve"]

# --- the program of a row --------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One line of a program: ``primitive`` applied to earlier lines.

    ``moves`` tells whether the line has parts of degree above 0. ``equation`` is there for lines
    that are solved from D y: pairs (argument line, numerator line, denominator line or None), one
    for each argument that moves, the partial being numerator/denominator.
    """

    primitive: Primitive | None
    operands: tuple[int, ...]
    params: dict[str, Any]
    moves: bool
    equation: tuple[tuple[int, int, int | None], ...] = ()
    number: Any = None


@dataclass(frozen=True, eq=False)
class Program:
    """The lines, arguments first, then the result, then what its recurrence needs."""

    steps: tuple[Step, ...]
    result: int


class Stream(Value):
    """The symbol of a line while a rule is being run."""

    tag = float("inf")
    shape = ()  # type: ignore[assignment]
    dtype = np.dtype(float)  # type: ignore[assignment]

    def __init__(self, trace: _Trace, line: int) -> None:
        self.trace, self.line = trace, line

    def lift(self, plain: Any) -> Stream:
        return self.trace.constant(plain)

    def interpret(
        self, primitive: Primitive, args: tuple[Any, ...], params: dict[str, Any]
    ) -> Stream:
        return self.trace.record(primitive, args, params)


class _Trace:
    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.seen: dict[Any, int] = {}
        self.unsolved: list[int] = []

    def append(self, step: Step, key: Any) -> Stream:
        if key not in self.seen:
            self.seen[key] = len(self.steps)
            self.steps.append(step)
        return Stream(self, self.seen[key])

    def constant(self, number: Any) -> Stream:
        step = Step(None, (), {}, False, number=number)
        return self.append(step, ("number", type(number), float(number)))

    def record(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Stream:
        if "condition" in params:  # where: the condition is a line of its own
            args, params = (*args, params["condition"]), {}
        lines = [a.line if isinstance(a, Stream) else self.constant(a).line for a in args]
        if primitive is negative and self.steps[lines[0]].primitive is negative:
            return Stream(self, self.steps[lines[0]].operands[0])
        moves = not isinstance(primitive, Constant) and any(self.steps[i].moves for i in lines)
        key = (primitive, *lines)
        new = key not in self.seen
        stream = self.append(Step(primitive, tuple(lines), params, moves), key)
        if new and moves and isinstance(primitive, Elementwise):
            self.unsolved.append(stream.line)
        return stream

    def solve(self, line: int) -> None:
        """State the equation of a line by running its row's partials."""
        step = self.steps[line]
        row = step.primitive
        assert isinstance(row, Elementwise)
        arguments = [Stream(self, i) for i in step.operands]
        equation: list[tuple[int, int, int | None]] = []
        for position, argument in enumerate(step.operands):
            if self.steps[argument].moves:
                partial = row.series_partial(position, Stream(self, line), arguments)
                partial = partial if isinstance(partial, Stream) else self.constant(partial)
                equation.append((argument, partial.line, None))
        if len(equation) == 1:
            # g = n/d: solving d Dy = n Dx saves the convolution that would compute the quotient.
            argument, g, _ = equation[0]
            quotient = self.steps[g]
            if quotient.primitive is divide and quotient.moves:
                numerator, denominator = quotient.operands
                equation = [(argument, numerator, denominator)]
        self.steps[line] = Step(
            row, step.operands, step.params, step.moves, tuple(equation), step.number
        )


@lru_cache(maxsize=1024)
def program(row: Elementwise, moving: tuple[bool, ...]) -> Program:
    """Trace the program of a row for the given pattern of arguments that carry parts."""
    trace = _Trace()
    arguments = [
        trace.append(Step(None, (), {}, moves), ("argument", i)) for i, moves in enumerate(moving)
    ]
    result = trace.record(row, arguments, {})
    while trace.unsolved:
        trace.solve(trace.unsolved.pop())
    return _pruned(trace.steps, len(moving), result.line)


def _pruned(steps: list[Step], arguments: int, result: int) -> Program:
    """Drop lines nothing needs (quotients that became denominators), and renumber."""
    needed = set(range(arguments))
    todo = [result]
    while todo:
        line = todo.pop()
        if line not in needed:
            needed.add(line)
            todo += [
                *steps[line].operands,
                *(i for entry in steps[line].equation for i in entry if i is not None),
            ]
    order = sorted(needed)
    number = {old: new for new, old in enumerate(order)}
    kept = [
        Step(
            s.primitive,
            tuple(number[i] for i in s.operands),
            s.params,
            s.moves,
            tuple(
                (number[x], number[n], None if d is None else number[d]) for x, n, d in s.equation
            ),
            s.number,
        )
        for s in (steps[i] for i in order)
    ]
    return Program(tuple(kept), number[result])


# --- its sweep -------------------------------------------------------------------------------

_OPERATORS = {add: "{} + {}", subtract: "{} - {}", multiply: "{} * {}", divide: "{} / {}"}
_OPERATORS |= {negative: "-{}", select: "select({}, {}, condition={})"}


@lru_cache(maxsize=1024)
def kernel(lines: Program, scalar: bool) -> Callable[..., None]:
    """Write a program as a Python function that sweeps it degree by degree.

    The function reads like the recurrence on paper, and costs what a hand-written one costs. Of
    line i, ``v_i`` is the value, ``p_i`` the array of all parts, ``w_i`` that of D p_i. The
    ``scalar`` form is for one series in one variable: there a convolution is a dot product with
    the reversed array ``r_i``, kept so that both factors are contiguous.
    """
    return _Writer(lines, scalar).function()


class _Writer:
    def __init__(self, lines: Program, scalar: bool) -> None:
        self.steps, self.scalar = lines.steps, scalar
        self.reversed: set[int] = set()
        self.weighted = {x for step in self.steps for x, _, _ in step.equation}

    def function(self) -> Callable[..., None]:
        computed = [i for i, s in enumerate(self.steps) if s.moves and s.primitive is not None]
        body = {i: self.part(i) for i in computed}
        loop = [] if self.scalar else ["g = grade[k]"]
        for i, expression in body.items():
            loop.append(f"new = p_{i}[{self.at}] = {expression}")
            if i in self.weighted:
                loop.append(f"w_{i}[{self.at}] = k * new")
            if i in self.reversed:
                loop.append(f"r_{i}[order - k] = new")
        unpack = [f"v_{i} = v[{i}]" for i in range(len(self.steps))]
        unpack += [f"p_{i} = p[{i}]" for i, s in enumerate(self.steps) if s.moves]
        unpack += [f"w_{i} = w[{i}]" for i in sorted(self.weighted)]
        unpack += [f"r_{i} = p_{i}[::-1].copy()" for i in sorted(self.reversed)]
        text = "def sweep(order, grade, convolve, v, p, w):\n"
        text += "".join(f"    {line}\n" for line in unpack)
        text += "    for k in range(1, order + 1):\n"
        text += "".join(f"        {line}\n" for line in loop)
        scope: dict[str, Any] = {"select": select}
        exec(text, scope)
        scope["sweep"].source = text
        return scope["sweep"]  # type: ignore[no-any-return]

    @property
    def at(self) -> str:
        return "k" if self.scalar else "g"

    def part(self, i: int) -> str:
        """The degree-k part of a line, as an expression."""
        step = self.steps[i]
        if step.equation:
            return self.equation(i, step)
        operands = step.operands
        if step.primitive is multiply and all(self.steps[j].moves for j in operands):
            return self.convolution("p", *operands)
        if step.primitive is divide and self.steps[operands[1]].moves:
            known = self.convolution("p", i, operands[1], high=1)
            return f"({self.piece(operands[0])} - {known}) / v_{operands[1]}"
        pieces = [self.piece(j) for j in operands]
        if step.primitive in (multiply, divide, select):  # constant factors and conditions
            pieces = [
                piece if self.steps[j].moves or (step.primitive is select and n < 2) else f"v_{j}"
                for n, (j, piece) in enumerate(zip(operands, pieces, strict=True))
            ]
        if step.primitive not in _OPERATORS:
            raise NotImplementedError(f"partials cannot use {step.primitive!r}")
        return _OPERATORS[step.primitive].format(*pieces)

    def piece(self, j: int) -> str:
        return f"p_{j}[{self.at}]" if self.steps[j].moves else "0.0"

    def equation(self, i: int, step: Step) -> str:
        """``d Dy = sum n Dx``, solved for the degree-k part of y."""
        terms = [
            self.convolution("w", x, n, low=1)
            if self.steps[n].moves
            else f"w_{x}[{self.at}] * v_{n}"
            for x, n, _ in step.equation
        ]
        total = " + ".join(terms)
        denominator = step.equation[0][2]
        if denominator is None:
            return f"({total}) / k"
        self.weighted.add(i)
        known = self.convolution("w", i, denominator, low=1, high=1)
        return f"({total} - {known}) / (k * v_{denominator})"

    def convolution(self, left: str, a: int, b: int, low: int = 0, high: int = 0) -> str:
        if not self.scalar:
            return f"convolve({left}_{a}, p_{b}, k, {low}, {high})"
        self.reversed.add(b)
        first = f"{left}_{a}[{low}:k + {1 - high}]"
        return f"{first}.dot(r_{b}[order - k + {low}:order + {1 - high}])"


def solve(
    algebra: Algebra, row: Elementwise, xs: list[Any], moving: tuple[bool, ...], y0: Any
) -> Any:
    """Give the coefficients of ``y = row(*xs)``.

    Parameters
    ----------
    algebra : Algebra
    row : Elementwise
    xs : list of arrays
        Coefficients of the arguments that move; plain values of the others.
    moving : tuple of bool
        Which arguments move.
    y0 : array
        The value, computed already.
    """
    lines = program(row, moving)
    ndim = np.ndim(y0)
    value: list[Any] = []
    parts: list[Any] = []
    for x, moves in zip(xs, moving, strict=True):
        x = aligned(x, ndim) if moves else x
        value.append(x[0] if moves else x)
        parts.append(x if moves else None)
    for number, step in enumerate(lines.steps[len(xs) :], len(xs)):
        if number == lines.result:
            new = y0
        elif step.primitive is None:
            new = step.number
        elif step.primitive is select:
            a, b, condition = (value[i] for i in step.operands)
            new = select(a, b, condition=condition)
        else:
            new = step.primitive(*(value[i] for i in step.operands), **step.params)
        value.append(new)
        part = None
        if step.moves:
            part = buffer(new, (algebra.size, *np.shape(new)))
            part[0] = new
        parts.append(part)
    scalar = (
        isinstance(algebra, Univariate)
        and ndim == 0
        and not any(isinstance(p, Value) for p in parts)
    )
    weights = algebra.weights(ndim)
    weighted = [
        None if p is None else p * weights if i < len(xs) else buffer(p, p.shape)
        for i, p in enumerate(parts)
    ]
    kernel(lines, scalar)(algebra.order, algebra.grade, algebra.convolve, value, parts, weighted)
    return parts[lines.result]
