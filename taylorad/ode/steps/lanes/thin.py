"""What nodes cost less where numbers are vectors already: fewer products for the same sums.

A power has two interiors of the same factors, a weighted one and a plain one. They become one whose
weights are sums: those of neighbouring degrees differ by a constant, so additions take the place of
products. And a rate that is a multiple of a sum of lines leaves the number to the division by the
degree.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

from taylorad.ode.tracing.recurrences import Choice, Inner, Interior, Node, Recurrences

__all__ = ["Thin", "thin"]


@dataclass
class Thin:
    """Recurrences of fewer products.

    Attributes
    ----------
    recurrences : Recurrences
    shares : dict of Inner to float
        Weighted interiors that stand for two: a term of degree k is not j times a product, but j
        times this, and k times besides.
    multiples : dict of int to float
        Rates that are multiples of their nodes.
    """

    recurrences: Recurrences
    shares: dict[Inner, float]
    multiples: dict[int, float]


def thin(recurrences: Recurrences) -> Thin:
    """Have fewer products."""
    nodes = dict(recurrences.nodes)
    used = _inners(nodes)
    once = {inner for inner in used if used.count(inner) == 1}
    shares: dict[Inner, float] = {}
    for line, node in nodes.items():
        if isinstance(node, Node):
            nodes[line] = _joined(node, once, shares)
    multiples = {}
    for line in {*recurrences.system.rates} - _needed(nodes):
        number = _common(nodes.get(line))
        if number != 1.0:
            nodes[line] = _divided(nodes[line], number)
            multiples[line] = number
    found = copy(recurrences)
    found.nodes, found.inners = nodes, list(dict.fromkeys(_inners(nodes)))
    return Thin(found, shares, multiples)


Nodes = dict[int, Node | Choice]


def _inners(nodes: Nodes) -> list[Inner]:
    """Give the interiors of all nodes, as often as there are any."""
    return [i.inner for x in nodes.values() if isinstance(x, Node) for i in x.interiors]


def _needed(nodes: Nodes) -> set[int]:
    """Give the lines that others need parts of."""
    needed = {line for inner in _inners(nodes) for line in inner[:2]}
    for node in nodes.values():
        if isinstance(node, Node):
            needed.update(term.line for term in node.newest)
        else:
            needed.update(line for line in (node.yes, node.no) if line is not None)
    return needed


def _joined(node: Node, once: set[Inner], shares: dict[Inner, float]) -> Node:
    """Have one interior for two: with u over the degree, and v besides, v ((u / v) j + k) / k."""
    plain = {
        (*sorted(i.inner[:2]), i.values): i
        for i in node.interiors
        if not i.inner.weighted and not i.over_degree and i.inner in once
    }
    found = {term: term for term in node.interiors}
    for term in node.interiors:
        inner = term.inner
        other = plain.get((*sorted(inner[:2]), term.values))
        if other is not None and inner.weighted and term.over_degree and inner in once:
            shares[inner] = term.number / other.number
            found[term] = Interior(other.number, term.values, inner, over_degree=True)
            del found[other]
    return node._replace(interiors=tuple(found.values()))


def _common(node: Node | Choice | None) -> float:
    """Give the number that all terms of a sum are multiples of."""
    if not isinstance(node, Node) or node.interiors or node.divisor is not None:
        return 1.0
    numbers = {1.0 if term.values else abs(term.number) for term in node.newest}
    return numbers.pop() if len(numbers) == 1 else 1.0


def _divided(node: Node | Choice, number: float) -> Node:
    assert isinstance(node, Node)
    return node._replace(newest=tuple(x._replace(number=x.number / number) for x in node.newest))
