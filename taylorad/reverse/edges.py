"""Derivatives of a list of scalars, written as a list of scalars.

The lines are taken away one by one, the last first. What is left is the output as a function of
lines that are there still, known by its derivatives by these: the first are the cotangents of
reverse mode; the second, edges between lines, are pushed through the lines taken away [1]_, and so
are the third. Of a line ``y = φ(p, q, ...)`` the chain rule says, with ``y_p`` its partials and
``F_y`` the derivatives of the output before,

    F_p   +=  F_y y_p
    F_pq  +=  F_yq y_p + F_py y_q + F_yy y_p y_q + F_y y_pq

and so on. Only what is not zero by structure is ever touched, each unordered pair once, and what
different entries have in common is computed once.

References
----------
.. [1] Gower and Mello, "A new framework for the computation of Hessians", Optimization Methods
   and Software 27 (2012).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import combinations, combinations_with_replacement, permutations
from typing import Any

import numpy as np

from taylorad.primitives.elementwise import power
from taylorad.primitives.linear import index
from taylorad.primitives.registry import Constant
from taylorad.reverse.local import Local, local
from taylorad.wengert.arithmetic import FLOAT, NOTHING, Scalars
from taylorad.wengert.list import WengertList
from taylorad.wengert.scalars import assembled
from taylorad.wengert.writer import pruned

__all__ = ["Sweep", "derivatives", "diagonal"]

Terms = dict[int, dict[tuple[int, ...], list[int]]]
"""What adds up to the derivatives of one order, by the last line of each and the others, falling.
"""


def derivatives(
    program: WengertList, orders: Iterable[int], inputs: Sequence[int] | None = None
) -> WengertList:
    """Write the derivatives of a program.

    Parameters
    ----------
    program : WengertList
        Scalar lines, as `taylorad.wengert.scalars.expand` writes them, with one scalar output.
    orders : iterable of {0, 1, 2, 3}
    inputs : sequence of int, optional
        Which of the inputs to differentiate by, all unless told otherwise. Their entries, laid end
        to end, are the variables.

    Returns
    -------
    WengertList
        With the same inputs and guards, and for each order one output: the value, the gradient of
        shape ``(n,)``, the Hessian of shape ``(n, n)``, the tensor of shape ``(n, n, n)``.

    Raises
    ------
    taylorad.reverse.local.NotDifferentiable
        If the program has a row whose partials are no list of scalars.
    """
    orders = list(orders)
    scalars = Scalars.continuing(program)
    variables, count = _variables(program, inputs)
    sweep = Sweep(scalars, program, variables, orders)
    outputs = []
    for order in orders:
        numbers = np.full((count,) * order, NOTHING)
        if order:
            for places, number in sweep.found[order].items():
                for permuted in set(permutations(places)):
                    numbers[permuted] = number
        else:
            numbers = np.array(program.outputs[0])
        outputs.append(assembled(scalars, numbers, FLOAT))
    scalars.list.outputs = outputs
    return pruned(scalars.list)


def diagonal(program: WengertList, inputs: Sequence[int] | None = None) -> WengertList:
    """Write the diagonal of the Hessian of a program; see `derivatives`."""
    scalars = Scalars.continuing(program)
    variables, count = _variables(program, inputs)
    sweep = Sweep(scalars, program, variables, [2])
    numbers = np.full(count, NOTHING)
    for (a, b), number in sweep.found[2].items():
        if a == b:
            numbers[a] = number
    scalars.list.outputs = [assembled(scalars, numbers, FLOAT)]
    return pruned(scalars.list)


def _variables(program: WengertList, inputs: Sequence[int] | None) -> tuple[dict[int, int], int]:
    """Number the variables: by line of the program, and how many there are."""
    start: dict[int, int] = {}
    count = 0
    for i in range(len(program.inputs)) if inputs is None else inputs:
        number = program.inputs[i]
        start[number] = count
        count += int(np.prod(program[number].shape))
    variables = {}
    for number, line in enumerate(program.lines):
        if number in start and not line.shape:
            variables[number] = start[number]
        elif line.row is index and line.operands[0] in start:
            (source,) = line.operands
            place = np.ravel_multi_index(line.params["key"], program[source].shape)
            variables[number] = start[source] + int(place)
    return variables, count


class Sweep:
    """The derivatives of one line of a list of scalars by some others.

    Parameters
    ----------
    scalars : Scalars
        Where they are written; its first lines are those of the program.
    program : WengertList
    variables : mapping of int to int
        The lines to differentiate by, and what they are called: different numbers from 0.
    orders : sequence of int
        Those that are wanted; others are formed only as far as these need them.

    Attributes
    ----------
    found : list of dict
        By order: the number of the line that is the derivative by the variables of these names,
        in falling order. What is zero by structure is not there.
    """

    def __init__(
        self,
        scalars: Scalars,
        program: WengertList,
        variables: Mapping[int, int],
        orders: Sequence[int],
    ) -> None:
        self.scalars, self.program, self.orders = scalars, program, orders
        self.order = max(orders)
        # Variables go last, whatever their lines: their names are the negative numbers.
        self.names = {number: name - len(program) for number, name in variables.items()}
        self.one = scalars.number(1.0)
        self.partials: dict[int, Local] = {}
        self.curved: set[int] = set()
        self._survey()
        self.terms: list[Terms] = [{} for _ in range(self.order + 1)]
        output = program.outputs[0]
        if output in self.names or output in self.partials:
            self._put((self.names.get(output, output),), self.one)
        for number in sorted(self.partials, reverse=True):
            self._take_away(number)
        self.found = [
            {
                tuple(i + len(program) for i in (first, *rest)): scalars.total(numbers)
                for first, by_rest in terms.items()
                for rest, numbers in by_rest.items()
            }
            for terms in self.terms
        ]

    def _survey(self) -> None:
        """Find the lines that depend on the variables, and those that do so with curvature."""
        lines, curved = self.program.lines, self.curved
        active = bytearray(len(lines))
        for number in self.names:
            active[number] = 1
        known: dict[Any, Local] = {}
        moving: dict[int, list[bool]] = {}
        for number, line in enumerate(lines):
            if line.row is None or active[number] or isinstance(line.row, Constant):
                continue
            which = [bool(active[i]) for i in line.operands]
            if True in which and line.dtype == FLOAT:
                active[number] = 1
                moving[number] = which
        for number, which in moving.items():
            line = lines[number]
            key = (line.row, *which) if line.row is not power and not line.params else None
            found = known.get(key) if key else None
            if found is None:
                found = local(self.scalars, line, which, self.order)
                if key:
                    known[key] = found
            self.partials[number] = found
            if found.curved or not curved.isdisjoint(line.operands):
                curved.add(number)

    def _put(self, key: tuple[int, ...], number: int) -> None:
        """Add to the derivative by the lines of a key, which fall."""
        if number < 0:
            return
        if len(key) not in self.orders and self.curved.isdisjoint(key):
            return  # nothing that is wanted comes of it
        by_rest = self.terms[len(key)].setdefault(key[0], {})
        by_rest.setdefault(key[1:], []).append(number)

    def _take_away(self, number: int) -> None:
        """Replace the derivatives by a line with those by its operands."""
        by_order = [terms.pop(number, None) for terms in self.terms]
        known = [
            (self.scalars.total(numbers), rest)
            for by_rest in by_order
            if by_rest
            for rest, numbers in by_rest.items()
        ]
        if not known:
            return
        self.scalars.origin = self.program[number].origin
        factors = self._factors(number, 1 + max(rest.count(number) for _, rest in known))
        for derivative, rest in known:
            again = rest.count(number)
            others = rest[again:]
            for operands, factor in factors[again]:
                if len(operands) + len(others) > self.order:
                    break
                term = self._times(derivative, factor)
                if others:
                    operands, ways = _joined(operands, others)
                    if ways > 1:
                        term = self.scalars.multiply(self.scalars.number(float(ways)), term)
                self._put(operands, term)

    def _factors(self, number: int, most: int) -> list[list[tuple[tuple[int, ...], int]]]:
        """Give what a derivative by a line, once and up to ``most`` times, is multiplied by.

        For three operands and twice that is ``y_p y_qr + y_q y_pr + y_r y_pq``: one term for each
        way to deal the operands out among the times.
        """
        scalars = self.scalars
        once = self._once(number)
        every = [once]
        singles = sorted((key[0] for key in once if len(key) == 1), reverse=True)
        for times in range(2, most + 1):
            fewer, products = every[-1], {}
            for size in range(times, self.order + 1):
                for key in combinations_with_replacement(singles, size):
                    terms = [
                        self._times(fewer[rest], once[first])
                        for first, rest in _dealt(key)
                        if first in once and rest in fewer
                    ]
                    product = scalars.total(terms)
                    if product != NOTHING and scalars.lines[product].value != 0:
                        products[key] = product
            every.append(products)
        return [sorted(products.items(), key=_size) for products in every]

    def _once(self, number: int) -> dict[tuple[int, ...], int]:
        """Give the partials of a line by its operands, which fall."""
        line, partials = self.program[number], self.partials[number]
        values = partials.written(self.scalars, (number, *line.operands))
        operands = [self.names.get(i, i) for i in line.operands]
        once: dict[tuple[int, ...], int] = {}
        for positions, place in partials.places:
            key = tuple([operands[i] for i in positions])
            if all(map(operator.ge, key, key[1:])):
                once[key] = self.scalars.add(once.get(key, NOTHING), values[place])
        return once

    def _times(self, a: int, b: int) -> int:
        return a if b == self.one else self.scalars.times_partial(a, b)


def _size(item: tuple[tuple[int, ...], int]) -> int:
    return len(item[0])


@cache
def _choices(size: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Give all ways to part places 0 to size - 1 in two, place 0 in the first part."""
    rest = range(1, size)
    return [
        ((0, *chosen), tuple(i for i in rest if i not in chosen))
        for number in range(size)
        for chosen in combinations(rest, number)
    ]


def _dealt(key: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    for first, rest in _choices(len(key)):
        yield tuple([key[i] for i in first]), tuple([key[i] for i in rest])


def _joined(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[tuple[int, ...], int]:
    """Join two falling keys; and in how many ways the places of the whole can be theirs."""
    if len(a) == len(b) == 1 and a != b:  # the case that makes up most of a Hessian
        return (a + b if a > b else b + a), 1
    whole = tuple(sorted(a + b, reverse=True))
    ways = 1
    for i in set(a).intersection(b):
        ways *= math.comb(whole.count(i), a.count(i))
    return whole, ways
