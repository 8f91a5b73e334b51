"""What nodes cost less where numbers are vectors already: fewer products for the same sums.

A power has one interior in place of two. And a rate that is a multiple of a sum of lines leaves the
number to the division by the degree.
"""

from __future__ import annotations

from dataclasses import dataclass

from taylorad.ode.steps.joined import inners_of, joined
from taylorad.ode.tracing.recurrences import Choice, Node, Recurrences

__all__ = ["Thin", "thin"]


@dataclass
class Thin:
    """Recurrences of fewer products.

    Attributes
    ----------
    recurrences : Recurrences
    multiples : dict of int to float
        Rates that are multiples of their nodes.
    """

    recurrences: Recurrences
    multiples: dict[int, float]


def thin(recurrences: Recurrences) -> Thin:
    """Have fewer products."""
    found = joined(recurrences)
    nodes = found.nodes
    multiples = {}
    for line in {*recurrences.system.rates} - _needed(found):
        number = _common(nodes.get(line))
        if number != 1.0:
            nodes[line] = _divided(nodes[line], number)
            multiples[line] = number
    return Thin(found, multiples)


def _needed(recurrences: Recurrences) -> set[int]:
    """Give the lines that others need parts of; those of a rate are also D of its component."""
    nodes, rates = recurrences.nodes, recurrences.system.rates
    needed: set[int] = set()
    for inner in inners_of(nodes):
        needed.update(inner[:2])
        if inner.weighted and inner.a < len(rates):
            needed.add(rates[inner.a])
    for node in nodes.values():
        if isinstance(node, Node):
            needed.update(term.line for term in node.newest)
        else:
            needed.update(line for line in (node.yes, node.no) if line is not None)
    return needed


def _common(node: Node | Choice | None) -> float:
    """Give the number that all terms of a sum are multiples of."""
    if not isinstance(node, Node) or node.interiors or node.divisor is not None:
        return 1.0
    numbers = {1.0 if term.values else abs(term.number) for term in node.newest}
    return numbers.pop() if len(numbers) == 1 else 1.0


def _divided(node: Node | Choice, number: float) -> Node:
    assert isinstance(node, Node)
    return node._replace(newest=tuple(x._replace(number=x.number / number) for x in node.newest))
