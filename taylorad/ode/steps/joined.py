"""One convolution for the two of a power.

A power has two interiors of the same factors, a weighted one and a plain one. They become one whose
weights are sums: those of neighbouring degrees differ by a constant, so additions take the place of
products.
"""

from __future__ import annotations

from copy import copy

import numpy as np

from taylorad.ode.tracing.columns import NONE, named
from taylorad.ode.tracing.recurrences import Choice, Inner, Node, Recurrences
from taylorad.ode.tracing.sums import Sums, copied

__all__ = ["Nodes", "inners_of", "joined"]

Nodes = dict[int, Node | Choice]


def joined(recurrences: Recurrences) -> Recurrences:
    """Have one interior for two where that can be."""
    found = copy(recurrences)
    for name in ("nodes", "inners"):
        vars(found).pop(name, None)
    found.sums = _joined(recurrences.sums)
    return found


def inners_of(nodes: Nodes) -> list[Inner]:
    """Give the interiors of all nodes, as often as there are any."""
    return [i.inner for x in nodes.values() if isinstance(x, Node) for i in x.interiors]


def _joined(sums: Sums) -> Sums:
    """Have one interior for two: with u over the degree, and v besides, v ((u / v) j + k) / k."""
    rows = np.flatnonzero(~sums.is_newest)
    some = sums.interiors
    _, numbers = named(some["a"], some["b"], some["weighted"])
    once = np.bincount(numbers)[numbers] == 1
    low, high = np.minimum(some["a"], some["b"]), np.maximum(some["a"], some["b"])
    _, numbers = named(some["node"], low, high, some["values"])
    plain = np.flatnonzero(once & ~some["weighted"] & ~some["over_degree"])
    other = np.full(len(rows), NONE)
    other[numbers[plain]] = plain
    other = other[numbers]
    whole = once & some["weighted"] & some["over_degree"] & (low != high) & (other != NONE)
    if not whole.any():
        return sums
    whole, other = np.flatnonzero(whole), other[whole]
    terms = copied(sums.terms)
    terms["share"][rows[whole]] = some["number"][whole] / some["number"][other]
    terms["number"][rows[whole]] = some["number"][other]
    terms["weighted"][rows[whole]] = False
    stays = np.ones(len(terms), bool)
    stays[rows[other]] = False
    return sums.of_terms(terms.compress(stays))
