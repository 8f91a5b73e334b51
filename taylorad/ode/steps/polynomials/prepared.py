"""The lines of a system that is varied: what varies in each, and by what it is multiplied."""

from __future__ import annotations

from collections.abc import Iterator

from taylorad.forward.program import Step
from taylorad.ode.tracing.lines import Lines
from taylorad.ode.tracing.variation import Variation, copied
from taylorad.primitives.elementwise import divide, multiply
from taylorad.primitives.registry import Constant

__all__ = ["Prepared"]

Factor = tuple[int, str]
"""A line, and the kind of its stream: ``forward``, ``weighted`` by the degree, or ``backward``."""


class Prepared:
    """The lines of the system that is varied, in which parameters count as what moves.

    Parameters
    ----------
    system : Variation

    Attributes
    ----------
    steps : list of Step
    rates : list of int
    observed : list of int
    parameters : dict of int to list of (int, int)
        The lines of parameters that vary: monomials, and places among what is given.
    values : list of int
        The lines whose values are needed, in order, arguments apart.
    moving, varying : set of int
        The lines that depend on state or time, and those that have parts of degree above 0.
    """

    def __init__(self, system: Variation) -> None:
        self.system, base, trace = system, system.base.expanded, Lines()
        numbers = sum(p.size for p in base.parameters)
        seeded = {parameter for parameter, _ in system.seeds}
        given = [trace.argument(True) for _ in range(base.size + 1)]
        given += [trace.argument(i in seeded) for i in range(numbers)]
        self.time = base.size
        self.parameters: dict[int, list[tuple[int, int]]] = {}
        for place, (parameter, monomial) in enumerate(system.seeds):
            line = given[base.size + 1 + parameter]
            self.parameters.setdefault(line, []).append((monomial, numbers + place))
        for _ in system.seeds:  # what is held stands behind them
            trace.argument(False)
        places = copied(base, trace, given)
        while trace.unsolved:
            trace.solve(trace.unsolved.pop())
        self.steps: list[Step] = trace.steps
        self.rates = [places[i] for i in base.rates]
        self.observed = [places[i] for lines in base.functions for i in lines]
        self.wanted = [*range(system.size), *self.observed]
        needed = self._needed(
            [*self.rates, *self.observed, *(places[i] for i, _, _ in base.guards)]
        )
        self.values = [i for i in sorted(needed) if self.steps[i].primitive is not None]
        self.moving = self._followers(range(base.size + 1))
        self.varying = self._followers([*range(base.size), *self.parameters])

    def _needed(self, wanted: list[int]) -> set[int]:
        found: set[int] = set()
        todo = list(wanted)
        while todo:
            line = todo.pop()
            if line not in found:
                found.add(line)
                todo += self.steps[line].needs
        return found

    def _followers(self, lines: Iterator[int] | range | list[int]) -> set[int]:
        """Give lines that depend on some."""
        found = set(lines)
        for line, step in enumerate(self.steps):
            if not isinstance(step.primitive, Constant) and not found.isdisjoint(step.operands):
                found.add(line)
        return found

    def count(self, line: int) -> int:
        """Give how many monomials a line has."""
        return self.system.algebra.size if line in self.varying else 1

    def in_order(self, a: int, b: int) -> tuple[int, int]:
        """Put the factor first that varies."""
        return (a, b) if a in self.varying else (b, a)

    def factors(self, line: int) -> Iterator[Factor]:
        """Give the streams that the parts of a line are made of."""
        step = self.steps[line]
        if step.primitive is multiply and set(step.operands) <= self.moving:
            a, b = self.in_order(*step.operands)
            yield from ((a, "forward"), (b, "backward"))
        elif step.primitive is divide and step.operands[1] in self.moving:
            yield from ((line, "forward"), (step.operands[1], "backward"))
        for x, _, n in step.equation:
            if {x, n} <= self.moving:
                yield from ((x, "weighted"), (n, "backward"))
        if step.equation and step.denominator in self.moving:
            yield from ((line, "weighted"), (step.denominator or 0, "backward"))
