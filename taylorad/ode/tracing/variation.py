"""A system whose state and parameters are polynomials, as a system of their coefficients.

Each line of a program becomes as many as there are monomials. Parts of products are sums of
products of parts; those of an elementwise function y = f(x, ...) follow from its partials by the
recurrence of all graded algebras, with D multiplying the part of degree k by k:

    D y = sum_i (df/dx_i) D x_i

What a partial is in need of is a line like any other, of which parts are asked for in turn, of
lower degree. So no function has a rule of its own here. Parts that are zero are no lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from taylorad.forward.algebra import Algebra
from taylorad.forward.program import NoProgram, Program
from taylorad.ode.tracing.lines import Lines
from taylorad.ode.tracing.system import System
from taylorad.primitives import elementwise
from taylorad.primitives.linear import select
from taylorad.primitives.numbers import RealConstant
from taylorad.primitives.registry import Constant, Elementwise

__all__ = ["Variation", "copied", "needed", "pairs"]

Line = int | None
"""A line of a program; None is zero."""


class Variation(System):
    """A system of the coefficients of polynomials.

    Its state has the shape ``(M, *shape)``, a row for each monomial. Its last parameters are the
    coefficients of the parameters that vary. What else it observes, and what jumps in it, is that
    of the system that is varied, in lines of that one.

    Parameters
    ----------
    base : System
    algebra : Algebra
    seeds : sequence of (int, int)
        The parameter, counted as a number, and the monomial, of each coefficient that is given.
    values : array_like
        These coefficients.
    """

    def __init__(
        self, base: System, algebra: Algebra, seeds: Sequence[tuple[int, int]], values: Any
    ) -> None:
        self.base, self.algebra, self.seeds = base, algebra, list(seeds)
        self.shape = (algebra.size, *base.shape)
        self.parameters = [*base.parameters, np.asarray(values, float)]
        self.functions, self.held, self.guards = base.functions, base.held, base.guards
        self.is_timed, self.said = base.is_timed, ""
        if base.said:
            make, *variables = algebra.family
            self.said = f"{base.said} {make.__name__} {variables} {algebra.order} {self.seeds}"

    def __getattr__(self, name: str) -> Any:
        """Give lines when they are asked for: if there is machine code of them, they are not."""
        if name not in ("program", "rates"):
            raise AttributeError(name)
        self.program, self.rates = self.expanded.program, self.expanded.rates
        return getattr(self, name)

    @property
    def unvaried(self) -> System:
        return self.base.unvaried

    @property
    def variation(self) -> Variation:
        return self

    def observing(self, functions: list[list[int]]) -> System:
        return Variation(
            self.base.observing(functions), self.algebra, self.seeds, self.parameters[-1]
        )

    @cached_property
    def expanded(self) -> System:
        """The system with a line for every coefficient of every line."""
        found = _Expansion(self)
        system = System(
            self.shape,
            Program(tuple(found.trace.steps), len(found.trace.steps), 0),
            found.rates,
            found.functions,
            found.trace.held,
            found.guards,
            self.parameters,
            self.is_timed,
            self,
            found.directions,
        )
        system.said = self.said
        return system


def copied(base: System, trace: Lines, given: Sequence[int]) -> list[int]:
    """Write the lines of a system anew; give where each stands.

    Parameters
    ----------
    base : System
    trace : Lines
    given : sequence of int
        The lines of the state, the time and the parameters.
    """
    places: list[int] = []
    arguments = iter(given)
    held = {x.line: x for x in base.held}
    for number, step in enumerate(base.program.steps):
        if number in held:
            x = held[number]
            places.append(trace.line(x.row, [places[i] for i in x.operands], {}))
        elif step.primitive is not None:
            operands = [places[i] for i in step.operands]
            places.append(trace.line(step.primitive, operands, step.params))
        elif step.number is not None:
            places.append(trace.constant(step.number).line)
        else:
            places.append(next(arguments))
    return places


def needed(base: System, wanted: Iterable[int]) -> list[int]:
    """Give the lines that some follow from, and these, in order."""
    steps, found = base.program.steps, set(wanted)
    for line in range(len(steps) - 1, -1, -1):
        if line in found:
            found.update(steps[line].operands)
    return sorted(found)


class _Expansion:
    """Lines of parts."""

    def __init__(self, system: Variation) -> None:
        base, algebra = system.base.expanded, system.algebra
        self.degrees = algebra.degrees.tolist()
        self.trace = trace = Lines()
        self.pairs = pairs(algebra)
        self.parts: dict[tuple[int, int], Line] = {}
        argument, size = trace.argument, base.size
        state = [[argument(True) for _ in range(size)] for _ in self.degrees]
        given = [*state[0], argument(True)]
        given += [argument(False) for p in base.parameters for _ in range(p.size)]
        for row, lines in enumerate(state):
            self.parts.update({(state[0][i], row): line for i, line in enumerate(lines)})
        for parameter, monomial in system.seeds:
            self.parts[given[size + 1 + parameter], monomial] = argument(False)
        varying = {line for line, _ in self.parts}
        self.still = {line: line not in varying for line in given}
        places = copied(base, trace, given)
        rows = range(len(self.degrees))
        for line in needed(base, base.rates):
            for row in rows:
                self.part(places[line], row)
        zero = trace.constant(0.0).line
        rates = [self.part(places[i], row) for row in rows for i in base.rates]
        self.rates = [zero if part is None else part for part in rates]
        self.directions = [
            [state[row][i] for row in rows if self.degrees[row] == degree]
            for degree in range(1, algebra.order + 1)
            for i in range(size)
        ]
        self.functions = [[places[i] for i in lines] for lines in base.functions]
        self.guards = [(places[i], truth, origin) for i, truth, origin in base.guards]
        while trace.unsolved:
            trace.solve(trace.unsolved.pop())

    # --- parts -------------------------------------------------------------------------------

    def varies(self, line: int) -> bool:
        """Tell whether a line has parts of degree above 0."""
        found = self.still.get(line)
        if found is None:
            step = self.trace.steps[line]
            moving = step.primitive is not None and not isinstance(step.primitive, Constant)
            found = not (moving and any(map(self.varies, step.operands)))
            self.still[line] = found
        return not found

    def part(self, line: int, monomial: int) -> Line:
        """Give the line of a coefficient of a line."""
        if not monomial:
            return line
        key = (line, monomial)
        if key not in self.parts:
            self.parts[key] = self._part(line, monomial) if self.varies(line) else None
        return self.parts[key]

    def _part(self, line: int, monomial: int) -> Line:
        step = self.trace.steps[line]
        row, operands = step.primitive, step.operands
        if row is None:  # an argument, whose coefficients are known
            return None
        if row is elementwise.multiply:
            x, y = operands
            return self._product(x, y, self.pairs[monomial])
        if row is elementwise.divide:
            u, v = operands
            known = [(a, b) for a, b in self.pairs[monomial] if b]
            rest = self._difference(self.part(u, monomial), self._product(line, v, known))
            return None if rest is None else self._line(row, rest, v)
        parts = [self.part(i, monomial) for i in operands[:2]]
        if row is elementwise.negative:
            return self._negative(parts[0])
        if row is elementwise.add:
            return self._sum(parts)
        if row is elementwise.subtract:
            return self._difference(*parts)
        if row is select:
            if parts == [None, None]:
                return None
            zero = self.trace.constant(0.0).line
            return self._line(row, *(zero if i is None else i for i in parts), operands[2])
        return self._applied(line, monomial)

    def _applied(self, line: int, monomial: int) -> Line:
        """Solve ``D y = sum_i g_i D x_i`` for a part of y."""
        step, degrees = self.trace.steps[line], self.degrees
        row = step.primitive
        if not isinstance(row, Elementwise):
            raise NoProgram(repr(row))
        total: list[Line] = []
        for position, x in enumerate(step.operands):
            if not self.varies(x):
                continue
            g = self.trace.partial(row, position, line)
            weights: dict[int, list[tuple[int, int]]] = {}
            for a, b in self.pairs[monomial]:
                if a:
                    weights.setdefault(degrees[a], []).append((a, b))
            for degree, pairs in weights.items():
                product = self._product(x, g, pairs)
                share = Fraction(degree, degrees[monomial])  # to all digits
                total.append(self._times(RealConstant.of(share), product))
        return self._sum(total)

    def _product(self, x: int, y: int, pairs: Iterable[tuple[int, int]]) -> Line:
        """Add up products of parts; equal ones of a square are computed once."""
        counts: dict[tuple[int, int], int] = {}
        for a, b in pairs:
            factors = self.part(x, a), self.part(y, b)
            if None not in factors:
                low, high = sorted(i for i in factors if i is not None)
                counts[low, high] = counts.get((low, high), 0) + 1
        return self._sum(
            self._times(float(count), self._line(elementwise.multiply, *factors))
            for factors, count in counts.items()
        )

    def _line(self, row: Any, *operands: int) -> int:
        return self.trace.line(row, operands, {})

    def _times(self, number: float, line: Line) -> Line:
        if line is None or number == 1.0:
            return line
        return self._line(elementwise.multiply, line, self.trace.constant(number).line)

    def _negative(self, line: Line) -> Line:
        return None if line is None else self._line(elementwise.negative, line)

    def _sum(self, lines: Iterable[Line]) -> Line:
        total: Line = None
        for line in lines:
            if line is not None:
                total = line if total is None else self._line(elementwise.add, total, line)
        return total

    def _difference(self, a: Line, b: Line) -> Line:
        if a is None or b is None:
            return a if b is None else self._negative(b)
        return self._line(elementwise.subtract, a, b)


def pairs(algebra: Algebra) -> list[list[tuple[int, int]]]:
    """Give for each monomial those whose product it is."""
    found = [[(0, monomial), (monomial, 0)] for monomial in range(algebra.size)]
    found[0] = [(0, 0)]
    for columns in algebra.inner:
        for a, b, monomial in zip(*(column.tolist() for column in columns), strict=True):
            found[monomial].append((a, b))
    return found
