"""The recurrence of one line of a program: interiors of convolutions, and newest parts.

It follows from the line's degree-k part as an expression, multiplied out. A large program has many
lines of few *forms*: the lines of a form differ in which lines they need, and in known numbers. So
each form is taken apart once.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

import numpy as np

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
from taylorad.ode.tracing.columns import NONE, Column, named, stretches
from taylorad.ode.tracing.listing import Listing
from taylorad.ode.tracing.sums import TERM, Products, Sums, collected, in_order
from taylorad.primitives.elementwise import add, divide, multiply, negative, subtract
from taylorad.primitives.linear import select

__all__ = ["Choice", "Inner", "Interior", "Newest", "Node", "nodes_of", "one_by_one"]


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


def nodes_of(program: Program, listing: Listing, lines: Column) -> Sums:
    """Give the recurrences of lines that move."""
    nothing = np.full(len(lines), NONE)
    names = np.column_stack([lines, listing.needs[lines], nothing])
    kinds = 2 * listing.moves + listing.is_number
    kinds[NONE] = 4
    # Of each name the first that is the same.
    firsts = np.argmax(names[:, :, None] == names[:, None, :], axis=1)
    alike = (listing.row[lines], listing.signs[lines], *kinds[names].T, *firsts.T)
    places, numbers = named(*alike)
    forms = []
    for own in names[places].tolist():
        given = tuple([i for i in own if i != NONE])
        forms.append(_form(listing.steps, given, part(program, given[0])))
    choices: dict[int, tuple[int, int, int]] = {}
    for k, form in enumerate(forms):
        if isinstance(form, Choice):
            who = [NONE if i is None else i for i in form]
            every = names[numbers == k]
            choices |= zip(every[:, 0].tolist(), map(tuple, every[:, who].tolist()), strict=True)
    sums = [_Form() if isinstance(form, Choice) else form for form in forms]
    below = np.array([NONE if form.divisor is None else form.divisor for form in sums], int)
    divisors = np.full(listing.size + 1, NONE)
    divisors[lines] = names[np.arange(len(lines)), below[numbers]]
    products = Products(listing.size)
    terms, form_of = _filled_in(sums, numbers, names, listing, products)
    if not all(form.is_plain for form in sums):
        plain = np.array([form.is_plain for form in sums])[form_of]
        terms = in_order([terms.compress(plain), collected(terms.compress(~plain), products)])
    return Sums(lines, terms, divisors, products, choices)


def _filled_in(
    forms: Sequence[_Form], numbers: Column, names: Column, listing: Listing, products: Products
) -> tuple[Column, Column]:
    """Give the terms of lines, and the form of each: ``numbers`` are those of the lines' forms."""
    rows = [row for form in forms for row in form.rows]
    counts = np.array([len(form.rows) for form in forms], int)
    starts = np.cumsum(counts) - counts
    terms = stretches(starts[numbers], counts[numbers])
    line = np.repeat(np.arange(len(numbers)), counts[numbers])

    own, factors, values, a, b, weighted, over_degree = zip(*rows) if rows else [()] * 7

    def names_at(places: Sequence[int]) -> Column:
        return np.asarray(names[line, np.array(places, int)[terms]])

    found = np.empty(len(terms), TERM)
    found["node"] = names[line, 0]
    found["number"] = np.array(own, float)[terms]
    for places in zip_longest(*factors, fillvalue=NONE):
        found["number"] *= listing.number[names_at(places)]
    found["values"] = 0
    for places in zip_longest(*values, fillvalue=NONE):
        found["values"] = products.times(found["values"], names_at(places) + 1)
    found["a"], found["b"] = names_at(a), names_at(b)
    found["weighted"] = np.array(weighted, bool)[terms]
    found["over_degree"] = np.array(over_degree, bool)[terms]
    found["share"] = np.nan
    return found, numbers[line]


def one_by_one(sums: Sums) -> dict[int, Node | Choice]:
    """Give the recurrence of each line by itself."""
    interiors: dict[int, list[Interior]] = {}
    newest: dict[int, list[Newest]] = {}
    lines = sums.products.lines
    for node, number, values, a, b, share, weighted, over_degree in sums.terms.tolist():
        if b == NONE:
            newest.setdefault(node, []).append(Newest(number, lines(values), a))
        else:
            inner = Inner(a, b, weighted, None if share != share else share)
            term = Interior(number, lines(values), inner, over_degree)
            interiors.setdefault(node, []).append(term)
    found: dict[int, Node | Choice] = {}
    for line in sums.lines.tolist():
        if line in sums.choices:
            condition, *chosen = sums.choices[line]
            found[line] = Choice(condition, *(None if i == NONE else i for i in chosen))
        else:
            below = int(sums.divisors[line])
            divisor = None if below == NONE else below
            found[line] = Node(tuple(interiors.get(line, ())), tuple(newest.get(line, ())), divisor)
    return found


def _is_number(step: Step) -> bool:
    return step.primitive is None and step.number is not None


class _Term(NamedTuple):
    """A number times numbers and values of lines, times an interior or a newest part."""

    number: float
    factors: tuple[int, ...]
    values: tuple[int, ...]
    of: Part | Weighted | Convolution


_Row = tuple[float, tuple[int, ...], tuple[int, ...], int, int, bool, bool]
"""A number, factors, values, a, b, and whether it is weighted, and over the degree: a term."""


class _Form(NamedTuple):
    """The recurrence of lines of one form; what it needs is counted in the names of a line.

    If it is plain no terms are equal, and none is zero, whatever the names.
    """

    rows: Sequence[_Row] = ()
    divisor: int | None = None
    is_plain: bool = True


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
    interiors: list[_Row] = []
    newest: list[_Row] = []
    for number, *lines, term in _multiplied_out(steps, expression, 1.0, (), ()):
        factors, values = (tuple(map(place, x)) for x in lines)
        if isinstance(term, Convolution):
            a, b = place(term.a), place(term.b)
            interiors.append((number, factors, values, a, b, term.weighted, over_degree))
            if not term.low:
                newest.append((number, factors, (*values, a), b, NONE, False, False))
            if not term.high:
                newest.append((number, factors, (*values, b), a, NONE, False, False))
        else:
            newest.append((number, factors, values, place(term.line), NONE, False, False))
    parts = {(values, line) for _, _, values, line, *_ in newest}
    is_short = all(not factors and len(values) < 2 for _, factors, values, *_ in newest)
    is_distinct = len(set(names)) == len(names) and len(parts) == len(newest)
    return _Form(
        [*interiors, *newest], None if divisor is None else place(divisor), is_short and is_distinct
    )


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
