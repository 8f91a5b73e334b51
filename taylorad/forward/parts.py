"""The degree-k part of every line of a program, as an expression.

This is the recurrence itself, stated once. `recurrence` writes it out in Python, for any number
type, and `sweep` in LLVM's language, for doubles.
"""

from __future__ import annotations

from dataclasses import dataclass

from taylorad.forward.program import Program, Step
from taylorad.primitives.elementwise import add, divide, multiply, subtract
from taylorad.primitives.linear import select
from taylorad.primitives.registry import Primitive

__all__ = [
    "Apply",
    "Convolution",
    "Degree",
    "Expression",
    "Part",
    "Value",
    "Weighted",
    "convolutions",
    "part",
]


@dataclass(frozen=True)
class Part:
    """The degree-k part of a line."""

    line: int


@dataclass(frozen=True)
class Value:
    """The value of a line; None is the number zero."""

    line: int | None


@dataclass(frozen=True)
class Weighted:
    """The degree-k part of D applied to a line."""

    line: int


@dataclass(frozen=True)
class Degree:
    """The degree k, as a number."""


@dataclass(frozen=True)
class Convolution:
    """The sum of the degree-j part of a times the degree-(k-j) part of b.

    It runs over ``low <= j <= k - high``. ``weighted`` says that D a is meant, not a; it has no
    part of degree 0.
    """

    a: int
    b: int
    weighted: bool = False
    low: int = 0
    high: int = 0


@dataclass(frozen=True)
class Apply:
    """A row without an equation, applied to numbers."""

    row: Primitive
    operands: tuple[Expression, ...]


Expression = Part | Value | Weighted | Degree | Convolution | Apply


def part(program: Program, line: int) -> Expression:
    """Give the degree-k part of a line that moves, in terms of what comes before it."""
    steps = program.steps
    step = steps[line]
    if step.equation:
        return _solved(steps, line, step)
    row, operands = step.primitive, step.operands
    assert row is not None
    moving = [steps[j].moves for j in operands]
    if row is multiply and all(moving):
        return Convolution(operands[0], operands[1])
    if row is divide and moving[1]:
        known = Convolution(line, operands[1], high=1)
        first = Part(operands[0]) if moving[0] else Value(None)
        return Apply(divide, (Apply(subtract, (first, known)), Value(operands[1])))
    if row is add and not all(moving):
        return Part(operands[moving.index(True)])
    # Constant factors and conditions stay; a constant term has no part.
    kept = [row in (multiply, divide) or (row is select and i == 2) for i in range(len(operands))]
    return Apply(
        row,
        tuple(
            Part(j) if moves else Value(j if keeps else None)
            for j, moves, keeps in zip(operands, moving, kept)
        ),
    )


def _solved(steps: tuple[Step, ...], line: int, step: Step) -> Expression:
    """``d Dy = sum n Dx``, solved for the degree-k part of y."""
    total: Expression | None = None
    for x, sign, n in step.equation:
        term: Expression = (
            Convolution(x, n, weighted=True, low=1)
            if steps[n].moves
            else Apply(multiply, (Weighted(x), Value(n)))
        )
        if sign == "-":  # from zero, not negated: -0.0 would be printed as such
            total = Apply(subtract, (total or Value(None), term))
        else:
            total = term if total is None else Apply(add, (total, term))
    assert total is not None
    if step.denominator is None:
        return Apply(divide, (total, Degree()))
    known = Convolution(line, step.denominator, weighted=True, low=1, high=1)
    over = Apply(multiply, (Degree(), Value(step.denominator)))
    return Apply(divide, (Apply(subtract, (total, known)), over))


def convolutions(expression: Expression) -> list[Convolution]:
    """Give the convolutions in an expression."""
    if isinstance(expression, Convolution):
        return [expression]
    if isinstance(expression, Apply):
        return [c for x in expression.operands for c in convolutions(x)]
    return []
