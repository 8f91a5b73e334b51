"""What the loop over the degree goes through: which numbers are where in the room to work in.

The machine code of a degree is the same for all systems. It reads from tables what is to be added
up: so it is quickly compiled, however large a system is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from taylorad.ode.tracing.recurrences import Choice, Inner, Node, Recurrences

__all__ = ["Factor", "Tables"]

Factor = tuple[float, tuple[int, ...], int | None]
"""A number times the values of lines, over the value of another line."""

ONE: Factor = (1.0, (), None)


@dataclass
class Tables:
    """The terms of all nodes, and the places of what they are made of.

    Attributes
    ----------
    newest : dict of int to int
        Numbers of the lines whose newest parts are kept, in the order of the slots.
    factors : dict of Factor to int
        Numbers of factors.
    terms : list of (Factor, Inner or int)
        The terms of nodes: factors, and interiors or lines.
    nodes : list of tuple of int
        For each node where its terms end: those that are divided by the degree, those that are
        added as they are, and all; and the line.
    choices : list of (int, Choice)
        Terms whose line depends on a condition.
    """

    recurrences: Recurrences
    newest: dict[int, int] = field(default_factory=dict)
    factors: dict[Factor, int] = field(default_factory=dict)
    terms: list[tuple[Factor, Inner | int | None]] = field(default_factory=list)
    nodes: list[tuple[int, int, int, int]] = field(default_factory=list)
    choices: list[tuple[int, Choice]] = field(default_factory=list)

    def __post_init__(self) -> None:
        system = self.recurrences.system
        for line in (*range(system.size), system.time, *self.recurrences.nodes):
            self.newest[line] = len(self.newest)
        self.factors[ONE] = 0
        depths = _depths(self.recurrences)
        for line, node in self.recurrences.nodes.items():
            if isinstance(node, Choice):
                self.choices.append((len(self.terms), node))
                ends = [len(self.terms), self._put([(ONE, None)])] * 2
                self.nodes.append((ends[0], ends[1], ends[1], line))
            else:
                self.nodes.append((*self._ends(node, depths), line))

    def _ends(self, node: Node, depths: dict[int, int]) -> tuple[int, int, int]:
        over: list[tuple[Factor, Inner | int | None]] = []
        rest: list[tuple[Factor, Inner | int | None]] = []
        for i in node.interiors:
            (over if i.over_degree else rest).append(((i.number, i.values, node.divisor), i.inner))
        # What comes last is waited for least.
        for n in sorted(node.newest, key=lambda term: depths.get(term.line, 0)):
            rest.append(((n.number, n.values, node.divisor), n.line))
        plain = [term for term in rest if term[0] == ONE]
        products = [term for term in rest if term[0] != ONE]
        return self._put(over), self._put(plain), self._put(products)

    def _put(self, terms: Sequence[tuple[Factor, Inner | int | None]]) -> int:
        for factor, _ in terms:
            self.factors.setdefault(factor, len(self.factors))
        self.terms += terms
        return len(self.terms)


def _depths(recurrences: Recurrences) -> dict[int, int]:
    """How many nodes come before each."""
    depths: dict[int, int] = {}
    for line, node in recurrences.nodes.items():
        below = [node.yes, node.no] if isinstance(node, Choice) else []
        if isinstance(node, Node):
            below = [term.line for term in node.newest]
        depths[line] = 1 + max((depths.get(i, 0) for i in below if i is not None), default=0)
    return depths
