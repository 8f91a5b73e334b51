"""The recurrences of many lines, in columns: a row for each term of each sum.

A *term* is a number times the values of lines, times the interior of a convolution or the newest
part of a line. Rows of terms are taken, for NumPy would index and copy their fields one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from taylorad.ode.tracing.columns import NONE, Column, named

__all__ = ["TERM", "Products", "Sums", "collected", "copied", "in_order"]

TERM = np.dtype(
    [
        ("node", np.int64),  # the line whose recurrence it is in
        ("number", float),
        ("values", np.int64),  # see `Products`
        ("a", np.int64),  # the interior is that of a and b; without b, the newest part is that of a
        ("b", np.int64),
        ("share", float),  # NaN for none; see `Inner`
        ("weighted", bool),
        ("over_degree", bool),
    ],
    align=True,
)
"""Of a term."""

_WHOLE = np.dtype((np.void, TERM.itemsize))
"""Of a term as so many bytes."""


class Products:
    """Products of values of lines, numbered: 0 is that of none, i + 1 is the value of line i.

    Parameters
    ----------
    size : int
        How many lines there are.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._longer: list[tuple[int, ...]] = []
        self._numbers: dict[tuple[int, ...], int] = {}

    def number(self, lines: tuple[int, ...]) -> int:
        """Give the number of a product."""
        if len(lines) < 2:
            return lines[0] + 1 if lines else 0
        found = self._numbers.get(lines)
        if found is None:
            self._longer.append(lines)
            found = self._numbers[lines] = self.size + len(self._longer)
        return found

    def lines(self, number: int) -> tuple[int, ...]:
        """Give the lines whose values are multiplied."""
        if number > self.size:
            return self._longer[number - self.size - 1]
        return (number - 1,) if number else ()

    def times(self, x: Column, y: Column) -> Column:
        """Multiply products."""
        found = x + y  # where one of them is that of none
        if (both := np.flatnonzero(x * y)).size:
            places, kinds = named(x[both], y[both])
            pairs = zip(x[both[places]].tolist(), y[both[places]].tolist(), strict=True)
            numbers = [self.number(self.lines(a) + self.lines(b)) for a, b in pairs]
            found[both] = np.array(numbers)[kinds]
        return found

    def ordered(self, x: Column) -> Column:
        """Put the lines of each into ascending order."""
        if not self._longer:
            return x
        longer = [self.number(tuple(sorted(lines))) for lines in [*self._longer]]
        return np.concatenate([np.arange(self.size + 1), longer])[x]

    def lengths(self, x: Column) -> Column:
        """Count the lines of each."""
        longer = np.array([0, *map(len, self._longer)])
        return np.where(x > self.size, longer[np.maximum(x - self.size, 0)], x > 0)

    def columns(self, x: Column) -> list[Column]:
        """Give the lines of products that have as many, one after the other."""
        if (x <= self.size).all():
            return [x - 1] if x[0] else []
        return [*np.array([self.lines(number) for number in x.tolist()]).T]


@dataclass
class Sums:
    """The recurrences of lines.

    Attributes
    ----------
    lines : ndarray of int
        The lines, in order.
    terms : ndarray of TERM
        In the order of lines; the interiors of each are before its newest parts.
    divisors : ndarray of int
        By lines: that by whose value all is divided.
    products : Products
    choices : dict of int to (int, int, int)
        Lines that are one of two others: the condition, and these; without one the part is zero.
    """

    lines: Column
    terms: Column
    divisors: Column
    products: Products
    choices: dict[int, tuple[int, int, int]]

    @property
    def size(self) -> int:
        """How many lines the program has."""
        return self.products.size

    def of_terms(self, terms: Column) -> Sums:
        """Give the same of other terms."""
        return replace(self, terms=terms)

    @cached_property
    def counts(self) -> Column:
        """By lines: how many terms they have."""
        return np.bincount(self.terms["node"], minlength=self.size + 1)

    @cached_property
    def starts(self) -> Column:
        """By lines: which is their first term."""
        return np.cumsum(self.counts) - self.counts

    @cached_property
    def is_newest(self) -> Column:
        """Which terms are of newest parts."""
        return np.asarray(self.terms["b"] == NONE)

    @cached_property
    def newest(self) -> Column:
        """The terms of newest parts."""
        return np.asarray(self.terms.compress(self.is_newest))

    @cached_property
    def interiors(self) -> Column:
        """The terms of interiors."""
        return np.asarray(self.terms.compress(~self.is_newest))

    @property
    def chosen(self) -> list[int]:
        """The lines that others choose between."""
        return [line for _, *lines in self.choices.values() for line in lines if line != NONE]


def in_order(pieces: Sequence[Column]) -> Column:
    """Put terms together, by lines."""
    pieces = [piece for piece in pieces if piece.size]
    if len(pieces) < 2:
        return pieces[0] if pieces else np.empty(0, TERM)
    terms = np.concatenate([piece.view(_WHOLE) for piece in pieces]).view(TERM)
    return np.asarray(terms.take(terms["node"].argsort(kind="stable")))


def copied(terms: Column) -> Column:
    """Copy terms."""
    return np.asarray(terms.view(_WHOLE).copy().view(TERM))


def collected(terms: Column, products: Products) -> Column:
    """Add up the numbers of equal terms; those whose number is zero drop out."""
    found = copied(terms)
    found["values"] = products.ordered(terms["values"])
    turned = (terms["a"] > terms["b"]) & (terms["b"] != NONE) & ~terms["weighted"]
    found["a"][turned], found["b"][turned] = terms["b"][turned], terms["a"][turned]
    names = ("node", "a", "b", "values", "weighted", "over_degree")
    places, numbers = named(*(found[name] for name in names))
    totals = np.bincount(numbers, found["number"], len(places))
    found = found.take(places)
    found["number"] = totals
    return np.asarray(found.compress(totals != 0))
