"""The Jacobian of a program on arrays, carried forwards line by line as sums of terms.

Edge pushing sees the zeros and the common pieces among the derivatives of scalars [1]_. Here the
same is seen on arrays. A function of entries scales the rows of a Jacobian; what moves entries
moves its rows; the derivative of a sum is one row, which broadcasting repeats; a product with a
matrix is left standing as a product. None of that takes more work than the line itself, whatever
the number of variables: it is forward mode with all directions at once, in a form in which they
take no room. What comes of it is what matrix calculus [2]_ would write down by hand.

Applied to the program of a gradient it gives the Hessian, as a sum of few simple matrices.

References
----------
.. [1] Gower and Mello, "A new framework for the computation of Hessians", Optimization Methods
   and Software 27 (2012).
.. [2] Laue, Mitterreiter and Giesen, "Computing higher order derivatives of matrix and tensor
   expressions", NeurIPS 2018.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from taylorad.primitives import elementwise, linear
from taylorad.primitives.contraction import matmul_row
from taylorad.primitives.registry import (
    Bilinear,
    Constant,
    Elementwise,
    Linear,
    LocalSeries,
    Primitive,
    rows,
)
from taylorad.reverse.maps import LARGEST_MATRIX, LinearMaps, Unstructured
from taylorad.reverse.terms import Kernel, Term, Unit, added, times
from taylorad.wengert.arithmetic import FLOAT
from taylorad.wengert.list import Line, WengertList

__all__ = ["Unstructured", "jacobian"]

MOST_TERMS = 24
"""A line of which the Jacobian is a sum of more terms than this has no structure to speak of."""


def jacobian(
    program: WengertList, number: int, values: Sequence[Any], count: int
) -> tuple[list[Term], int]:
    """Give the derivative of a line of a program by its first inputs.

    Parameters
    ----------
    program : WengertList
    number : int
        Of the line.
    values : sequence
        Of all lines, in whatever is to hold the result; constants plain.
    count : int
        How many of the inputs are variables. Their entries are laid end to end.

    Returns
    -------
    list of Term
        What adds up to the Jacobian; nothing where that is 0.
    int
        The number of variables.

    Raises
    ------
    Unstructured
        If a line on the way leads to no sum of few terms.
    """
    return _Propagation(program, values, count).run(number)


class _Propagation:
    """The Jacobians of the lines so far."""

    def __init__(self, program: WengertList, values: Sequence[Any], count: int) -> None:
        self.program, self.values, self.count = program, values, count
        self.terms: list[list[Term]] = []
        self.maps = LinearMaps()

    def run(self, last: int) -> tuple[list[Term], int]:
        lines = self.program.lines
        variables = self.program.inputs[: self.count]
        edges = np.cumsum([0, *(math.prod(lines[i].shape) for i in variables)]).tolist()
        unit = Unit(edges[-1])
        first = dict(zip(variables, edges))
        needed = {last}
        for number in range(last, -1, -1):
            if number in needed:
                needed.update(lines[number].operands)
        for number, line in enumerate(lines[: last + 1]):
            found: list[Term] = []
            if number in first:
                size = math.prod(line.shape)
                places = np.arange(first[number], first[number] + size).reshape(line.shape)
                found = [Term(1.0, places, unit)]
            elif number in needed:
                found = added(self._derived(number, line))
            if len(found) > MOST_TERMS:
                raise Unstructured
            self.terms.append(found)
        return self.terms[last], edges[-1]

    def _derived(self, number: int, line: Line) -> list[Term]:
        row = line.row
        if row is None or isinstance(row, Constant):
            return []
        if not any(self.terms[i] for i in line.operands):
            return []
        if line.dtype != FLOAT or any(self.terms[i] for i in line.operands[len(line.arguments) :]):
            raise Unstructured
        rule = _RULES.get(row) or _KINDS.get(type(row))
        if rule is None:
            raise Unstructured
        return rule(self, number, line)

    def shape(self, number: int) -> tuple[int, ...]:
        return self.program[number].shape

    # --- functions of entries ------------------------------------------------------------

    def scaled(self, number: int, line: Line, factor: Callable[[int], Any]) -> list[Term]:
        """Scale the terms of each operand by what the function gives for its position."""
        found = []
        for position, i in enumerate(line.arguments):
            if self.terms[i]:
                by = factor(position)
                found += [term.scaled(by, line.shape) for term in self.terms[i]]
        return found


# --- rules ---------------------------------------------------------------------------------------

Rule = Callable[[_Propagation, int, Line], list[Term]]


def _by_partials(self: _Propagation, number: int, line: Line) -> list[Term]:
    row = line.row
    assert isinstance(row, Elementwise)
    xs = [self.values[i] for i in line.arguments]
    return self.scaled(number, line, lambda i: row.partial(i, self.values[number], xs))


def _by_series(self: _Propagation, number: int, line: Line) -> list[Term]:
    row, (x,) = line.row, line.arguments
    assert isinstance(row, LocalSeries)
    n = line.params.get("n", 0) + 1
    return self.scaled(number, line, lambda i: row(self.values[x], n=n))


def _signed(self: _Propagation, number: int, line: Line) -> list[Term]:
    last = 1.0 if line.row is elementwise.add else -1.0
    return self.scaled(number, line, lambda i: last if i == len(line.operands) - 1 else 1.0)


def _product(self: _Propagation, number: int, line: Line) -> list[Term]:
    a, b = line.operands
    return self.scaled(number, line, lambda i: self.values[(b, a)[i]])


def _quotient(self: _Propagation, number: int, line: Line) -> list[Term]:
    b = self.values[line.operands[1]]
    return self.scaled(number, line, lambda i: -(self.values[number] / b) if i else 1.0 / b)


def _select(self: _Propagation, number: int, line: Line) -> list[Term]:
    condition = self.values[line.operands[2]] if line.names else line.params["condition"]
    found = []
    for position, i in enumerate(line.arguments):
        for term in self.terms[i]:
            wide = term.scaled(1.0, line.shape)
            if line.names:  # not a product with 0 or 1, that is not 0 where the scale is infinite
                pair = (wide.full(), 0.0) if position == 0 else (0.0, wide.full())
                found.append(Term(np.where(condition, *pair), wide.places, term.kernel, True))
            else:
                chosen = np.asarray(condition, bool) == (position == 0)
                places = np.where(chosen, wide.places, -1)
                found.append(Term(wide.scale, places, term.kernel))
    return found


def _moved(self: _Propagation, number: int, line: Line) -> list[Term]:
    """Move scales and places as the line moves entries; entries that it sets to 0 have none."""
    if line.names:
        raise Unstructured
    several: dict[int, tuple[Kernel, list[list[Term]]]] = {}
    for position, i in enumerate(line.arguments):
        for term in self.terms[i]:
            kernel, parts = several.setdefault(
                id(term.kernel), (term.kernel, [[] for _ in line.arguments])
            )
            parts[position].append(term)
    assert line.row is not None
    found = []
    for kernel, parts in several.values():
        for k in range(max(map(len, parts))):
            terms = [part[k] if k < len(part) else None for part in parts]
            found.append(_together(self, line, kernel, terms))
    return found


def _together(self: _Propagation, line: Line, kernel: Kernel, terms: Sequence[Term | None]) -> Term:
    row = line.row
    assert row is not None
    shapes = [self.shape(i) for i in line.arguments]
    numbers = [
        np.zeros(s, np.int64) if t is None else t.places + 1
        for t, s in zip(terms, shapes, strict=True)
    ]
    places = np.asarray(row.value(*numbers, **line.params)) - 1
    scales = [t.scale for t in terms if t is not None]
    if all(t.is_uniform for t in terms if t is not None) and all(s is scales[0] for s in scales):
        return Term(scales[0], places, kernel)
    full = [np.zeros(s) if t is None else t.full() for t, s in zip(terms, shapes, strict=True)]
    return Term(row(*full, **line.params), places, kernel, True)


def _sum(self: _Propagation, number: int, line: Line) -> list[Term]:
    (a,), axes = line.arguments, line.params["axis"]
    shape, found, rest = self.shape(a), [], []
    kept = tuple(1 if i in axes else n for i, n in enumerate(shape))
    for term in self.terms[a]:
        first = term.places[
            tuple(slice(0, 1) if i in axes else slice(None) for i in range(len(shape)))
        ]
        if line.shape and term.mask is None and np.all(term.places == first):
            scale = np.sum(term.full(), axis=axes)
            found.append(Term(scale, first.reshape(line.shape), term.kernel))
        else:
            rest.append(term)
    if rest:
        onto = np.broadcast_to(np.arange(math.prod(kept)).reshape(kept), shape)
        found += self.maps.collected(rest, onto, line.shape)
    return found


def _gather(self: _Propagation, number: int, line: Line) -> list[Term]:
    """Take entries; of places that are computed only the multiples of rows are known, and one."""
    if not line.names:
        return _moved(self, number, line)
    a, at = line.operands
    places, shape = self.values[at], self.shape(a)
    if math.prod(line.shape) == 1:
        chosen = linear.scatter_add(np.ones(self.shape(at)), places=places, shape=shape)
        return self.maps.contracted(
            [(t, times(chosen, t.full())) for t in self.terms[a]], line.shape
        )
    return [
        Term(linear.gather(scale, places=places, shape=shape), np.zeros(line.shape, np.int64), row)
        for scale, row in self.maps.multiples(self.terms[a])
    ]


def _scatter_add(self: _Propagation, number: int, line: Line) -> list[Term]:
    g, shape = line.operands[0], line.shape
    terms = self.terms[g]
    if not line.names:
        if np.shape(line.params["places"]) != self.shape(g):
            raise Unstructured
        return self.maps.collected(terms, line.params["places"], shape)
    at = line.operands[1]
    if self.shape(at) != self.shape(g):
        raise Unstructured
    if math.prod(self.shape(g)) == 1:
        terms = self.maps.collected(terms, np.zeros(1, np.int64), self.shape(g))
    return [
        Term(
            linear.scatter_add(scale, places=self.values[at], shape=shape),
            np.zeros(shape, np.int64),
            row,
        )
        for scale, row in self.maps.multiples(terms)
    ]


def _matmul(self: _Propagation, number: int, line: Line) -> list[Term]:
    a, b = line.operands
    if len(self.shape(a)) != 2 or len(self.shape(b)) != 2:
        return _as_matrix(self, number, line)
    (rows, inner), columns = self.shape(a), self.shape(b)[1]
    left, right = self.values[a], self.values[b]
    if inner == 1:
        return self.scaled(number, line, lambda i: left if i else right)
    found: list[Term] = []
    if self.terms[b]:
        if columns == 1:
            found += self.maps.applied(left, self.terms[b], line.shape)
        elif rows == 1:
            wide = [t.scaled(np.transpose(left), (inner, columns)) for t in self.terms[b]]
            onto = np.broadcast_to(np.arange(columns), (inner, columns))
            found += self.maps.collected(wide, onto, line.shape)
        else:
            found += _as_matrix(self, number, line)
    if self.terms[a]:
        if rows == 1:
            found += self.maps.applied(np.transpose(right), self.terms[a], line.shape)
        elif columns == 1:
            wide = [t.scaled(np.transpose(right), (rows, inner)) for t in self.terms[a]]
            onto = np.broadcast_to(np.arange(rows)[:, None], (rows, inner))
            found += self.maps.collected(wide, onto, line.shape)
        elif not self.terms[b]:
            found += _as_matrix(self, number, line)
        else:
            raise Unstructured
    return found


def _einsum(self: _Propagation, number: int, line: Line) -> list[Term]:
    """Multiply entry by entry with all axes there are, and add up along those that are not left."""
    inputs, out = line.params["subscripts"].split("->")
    labels = inputs.split(",")
    summed = [c for c in dict.fromkeys("".join(labels)) if c not in out]
    order = [*out, *summed]
    if summed and any(self.program[i].is_constant for i in line.operands):
        return _as_matrix(self, number, line)
    lengths = {
        c: n for i, label in zip(line.operands, labels) for c, n in zip(label, self.shape(i))
    }
    shape = (*(lengths[c] for c in order),)
    if math.prod(shape) > LARGEST_MATRIX:
        raise Unstructured

    def aligned(a: Any, label: str) -> Any:
        a = np.transpose(a, [label.index(c) for c in order if c in label])
        return np.reshape(a, tuple(lengths[c] if c in label else 1 for c in order))

    found = []
    for position, i in enumerate(line.operands):
        j, label, other = line.operands[1 - position], labels[position], labels[1 - position]
        for term in self.terms[i]:
            scale = term.scale if term.is_uniform else aligned(term.full(), label)
            moved = Term(scale, aligned(term.places, label), term.kernel, not term.is_uniform)
            found.append(moved.scaled(aligned(self.values[j], other), shape))
    if not summed:
        return found
    size = math.prod(line.shape)
    onto = np.broadcast_to(np.arange(size).reshape(-1, 1), (size, math.prod(shape) // size))
    return self.maps.collected(found, onto, line.shape)


def _as_matrix(self: _Propagation, number: int, line: Line) -> list[Term]:
    """Let the matrix of a linear line stand for it, if nothing in it depends on the call."""
    active = [i for i in line.arguments if self.terms[i]]
    if line.names or len(active) != 1:
        raise Unstructured
    (x,) = active
    constants = [None if i == x else self.program[i].value for i in line.arguments]
    if any(c is None and i != x for c, i in zip(constants, line.arguments)):
        raise Unstructured
    size, out = math.prod(self.shape(x)), math.prod(line.shape)
    if size * max(size, out) > LARGEST_MATRIX or not size * out:
        raise Unstructured
    row = line.row
    assert row is not None
    columns = []
    for unit in np.eye(size):
        args = [unit.reshape(self.shape(x)) if c is None else c for c in constants]
        columns.append(np.ravel(row.value(*args, **line.params)))
    return self.maps.applied(np.stack(columns, axis=1), self.terms[x], line.shape)


_MOVING = (
    *(linear.index, linear.scatter, linear.assign, linear.reshape),
    *(linear.transpose, linear.broadcast_to, linear.concatenate),
)

_BY_NAME = {row.name: row for row in rows() if isinstance(row, Bilinear)}

_RULES: dict[Primitive, Rule] = {
    **dict.fromkeys((elementwise.add, elementwise.subtract, elementwise.negative), _signed),
    elementwise.multiply: _product,
    elementwise.divide: _quotient,
    linear.select: _select,
    linear.sum_: _sum,
    linear.gather: _gather,
    linear.scatter_add: _scatter_add,
    matmul_row: _matmul,
    _BY_NAME["einsum"]: _einsum,
    **dict.fromkeys(_MOVING, _moved),
}

_KINDS: dict[type[Primitive], Rule] = {
    Elementwise: _by_partials,
    LocalSeries: _by_series,
    Linear: _as_matrix,
    Bilinear: _as_matrix,
}
