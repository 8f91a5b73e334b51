"""One convolution for the two of a power.

A power has two interiors of the same factors, a weighted one and a plain one. They become one whose
weights are sums: those of neighbouring degrees differ by a constant, so additions take the place of
products.
"""

from __future__ import annotations

from collections import Counter
from copy import copy

from taylorad.ode.tracing.recurrences import Choice, Inner, Interior, Node, Recurrences

__all__ = ["Nodes", "inners_of", "joined"]

Nodes = dict[int, Node | Choice]


def joined(recurrences: Recurrences) -> Recurrences:
    """Have one interior for two where that can be."""
    uses = Counter(inners_of(recurrences.nodes))
    once = {inner for inner, count in uses.items() if count == 1}
    found = copy(recurrences)
    found.nodes = {
        line: _joined(node, once) if isinstance(node, Node) and len(node.interiors) > 1 else node
        for line, node in recurrences.nodes.items()
    }
    found.inners = list(dict.fromkeys(inners_of(found.nodes)))
    return found


def inners_of(nodes: Nodes) -> list[Inner]:
    """Give the interiors of all nodes, as often as there are any."""
    return [i.inner for x in nodes.values() if isinstance(x, Node) for i in x.interiors]


def _joined(node: Node, once: set[Inner]) -> Node:
    """Have one interior for two: with u over the degree, and v besides, v ((u / v) j + k) / k."""
    plain = {
        (*sorted(i.inner[:2]), i.values): i
        for i in node.interiors
        if not i.inner.weighted and not i.over_degree and i.inner in once
    }
    found = {term: term for term in node.interiors}
    for term in node.interiors:
        inner = term.inner
        other = plain.get((*sorted(inner[:2]), term.values)) if inner.a != inner.b else None
        if other is not None and inner.weighted and term.over_degree and inner in once:
            whole = Inner(inner.a, inner.b, share=term.number / other.number)
            found[term] = Interior(other.number, term.values, whole, over_degree=True)
            del found[other]
    return node._replace(interiors=tuple(found.values()))
