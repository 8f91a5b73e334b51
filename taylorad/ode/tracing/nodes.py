"""The recurrence of one line of a program: interiors of convolutions, and newest parts.

It follows from the line's degree-k part as an expression, multiplied out. A large program has many
lines of few *forms*: the lines of a form differ in which lines they need, and in known numbers. So
each form is taken apart once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import NamedTuple

from taylorad.forward.parts import (
    Apply,
    Convolution,
    Degree,
    Expression,
    Part,
    Value,
    Weighted,
    part,
)
from taylorad.forward.program import Program, Step
from taylorad.primitives.elementwise import add, divide, multiply, negative, subtract
from taylorad.primitives.linear import select

__all__ = ["Choice", "Inner", "Interior", "Newest", "Node", "collected", "nodes_of"]


class Inner(NamedTuple):
    """The interior of a convolution: of the parts of a, or those of D a, with those of b.

    With a ``share``, the part j of a is for degree k times j times that, and times k besides.
    """

    a: int
    b: int
    weighted: bool = False
    share: float | None = None

    @property
    def is_square(self) -> bool:
        """Whether terms come in equal pairs."""
        return self.a == self.b and not self.weighted


class Newest(NamedTuple):
    """A number times the values of lines times the newest part of a line."""

    number: float
    values: tuple[int, ...]
    line: int


class Interior(NamedTuple):
    """A number times the values of lines times an interior, maybe divided by the degree."""

    number: float
    values: tuple[int, ...]
    inner: Inner
    over_degree: bool = False


class Node(NamedTuple):
    """The recurrence of one line.

    Attributes
    ----------
    interiors : tuple of Interior
    newest : tuple of Newest
    divisor : int or None
        The line whose value all is divided by.
    """

    interiors: tuple[Interior, ...] = ()
    newest: tuple[Newest, ...] = ()
    divisor: int | None = None

    @property
    def needs(self) -> list[int]:
        """The lines whose newest parts it needs."""
        return [line for _, _, line in self.newest]


class Choice(NamedTuple):
    """A line that is one of two others; which of them does not change during a step."""

    condition: int
    yes: int | None
    no: int | None

    @property
    def needs(self) -> list[int]:
        """The lines whose newest parts it needs."""
        return [line for line in (self.yes, self.no) if line is not None]

    @property
    def interiors(self) -> tuple[Interior, ...]:
        """None: to choose is no product."""
        return ()


def nodes_of(program: Program, lines: Sequence[int]) -> dict[int, Node | Choice]:
    """Give the recurrences of lines that move."""
    steps = program.steps
    kinds = [2 * s.moves + (s.primitive is None and s.number is not None) for s in steps]
    alike: dict[tuple[object, ...], list[tuple[int, ...]]] = {}
    for line in lines:
        step = steps[line]
        names = (line, *(step.needs if step.equation else step.operands))
        key: tuple[object, ...] = (step.primitive, *[kinds[i] for i in names])
        if step.equation:
            key += tuple([sign for _, sign, _ in step.equation])
        if len(set(names)) < len(names):
            key += tuple([names.index(i) for i in names])
        alike.setdefault(key, []).append(names)
    found: dict[int, Node | Choice] = {}
    for every in alike.values():
        names = every[0]
        form = _form(steps, names, part(program, names[0]))
        found.update(zip([line for line, *_ in every], _with_names(form, every, steps)))
    return {line: found[line] for line in lines}


def _is_number(step: Step) -> bool:
    return step.primitive is None and step.number is not None


class _Term(NamedTuple):
    """A number times numbers and values of lines, times an interior or a newest part."""

    number: float
    factors: tuple[int, ...]
    values: tuple[int, ...]
    of: Part | Weighted | Convolution


class _Form(NamedTuple):
    """The recurrence of lines of one form; what it needs is counted in the names of a line.

    If it is plain no terms are equal, and none is zero, whatever the names.
    """

    interiors: list[tuple[float, tuple[int, ...], tuple[int, ...], tuple[int, int, bool]]]
    newest: list[tuple[float, tuple[int, ...], tuple[int, ...], int]]
    over_degree: bool
    divisor: int | None
    is_plain: bool = False


def _with_names(
    form: _Form | Choice, every: Sequence[tuple[int, ...]], steps: Sequence[Step]
) -> Iterable[Node | Choice]:
    """Give the recurrences of lines that need these."""
    names = [*zip(*every)]
    count = len(every)
    if isinstance(form, Choice):
        nothing = (None,) * count
        return map(Choice, *[nothing if i is None else names[i] for i in form])

    def numbers(number: float, factors: Sequence[int]) -> list[float]:
        found = [number] * count
        for i in factors:
            found = [x * float(steps[line].number) for x, line in zip(found, names[i])]
        return found

    def values(places: Sequence[int]) -> Sequence[tuple[int, ...]]:
        return [*zip(*[names[i] for i in places])] if places else ((),) * count

    newest = [
        map(Newest, numbers(number, factors), values(lines), names[line])
        for number, factors, lines, line in form.newest
    ]
    interiors = []
    for number, factors, lines, (a, b, weighted) in form.interiors:
        inners = map(Inner, names[a], names[b], repeat(weighted))
        over = repeat(form.over_degree)
        interiors.append(map(Interior, numbers(number, factors), values(lines), inners, over))
    terms = zip(*newest) if newest else repeat(())
    return map(
        Node,
        zip(*interiors) if interiors else ((),) * count,
        terms if form.is_plain else map(collected, terms),
        repeat(None) if form.divisor is None else names[form.divisor],
    )


def collected(newest: Sequence[tuple[float, tuple[int, ...], int]]) -> tuple[Newest, ...]:
    """Add up the numbers of equal terms."""
    if len(newest) == 1:
        return (Newest(*newest[0]),) if newest[0][0] else ()
    numbers: dict[tuple[tuple[int, ...], int], float] = {}
    for number, values, line in newest:
        key = (tuple(sorted(values)) if len(values) > 1 else values, line)
        numbers[key] = numbers.get(key, 0.0) + number
    return tuple([Newest(n, *key) for key, n in numbers.items() if n])


# --- from expressions ------------------------------------------------------------------------


def _form(steps: Sequence[Step], names: tuple[int, ...], expression: Expression) -> _Form | Choice:
    """Take an expression apart."""
    place = names.index
    if isinstance(expression, Apply) and expression.row is select:
        yes, no, condition = expression.operands
        assert isinstance(condition, Value)
        assert condition.line is not None
        places = [place(x.line) if isinstance(x, Part) else None for x in (yes, no)]
        return Choice(place(condition.line), *places)
    over_degree, divisor = False, None
    if isinstance(expression, Apply) and expression.row is divide:
        expression, below = expression.operands
        match below:
            case Degree():
                over_degree = True
            case Value(line):
                divisor = line
            case Apply(_, (Degree(), Value(line))):
                over_degree, divisor = True, line
    form = _Form([], [], over_degree, None if divisor is None else place(divisor))
    for number, *lines, term in _multiplied_out(steps, expression, 1.0, (), ()):
        factors, values = (tuple(map(place, x)) for x in lines)
        if isinstance(term, Convolution):
            a, b = place(term.a), place(term.b)
            form.interiors.append((number, factors, values, (a, b, term.weighted)))
            if not term.low:
                form.newest.append((number, factors, (*values, a), b))
            if not term.high:
                form.newest.append((number, factors, (*values, b), a))
        else:
            form.newest.append((number, factors, values, place(term.line)))
    parts = {(values, line) for _, _, values, line in form.newest}
    is_short = all(not factors and len(values) < 2 for _, factors, values, _ in form.newest)
    is_distinct = len(set(names)) == len(names) and len(parts) == len(form.newest)
    return form._replace(is_plain=is_short and is_distinct)


def _multiplied_out(
    steps: Sequence[Step],
    expression: Expression,
    number: float,
    factors: tuple[int, ...],
    values: tuple[int, ...],
) -> list[_Term]:
    """Find the terms of a sum, times a number, known numbers and values."""
    if isinstance(expression, (Part, Weighted, Convolution)):
        return [_Term(number, factors, values, expression)]
    if isinstance(expression, Value):
        return []  # the number zero: constants have no parts
    assert isinstance(expression, Apply)
    row, operands = expression.row, expression.operands
    if row is negative:
        return _multiplied_out(steps, operands[0], -number, factors, values)
    if row is add or row is subtract:
        last = number if row is add else -number
        return [
            *_multiplied_out(steps, operands[0], number, factors, values),
            *_multiplied_out(steps, operands[1], last, factors, values),
        ]
    assert row is multiply
    x, y = operands
    if isinstance(x, Value):
        x, y = y, x
    assert isinstance(y, Value)
    if y.line is None:
        return []
    if _is_number(steps[y.line]):
        return _multiplied_out(steps, x, number, (*factors, y.line), values)
    return _multiplied_out(steps, x, number, factors, (*values, y.line))
