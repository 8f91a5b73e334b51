"""Which nodes go side by side: those of one form, in an order in which lanes fit to lanes.

Nodes are told apart by colours, as in tests whether two graphs are the same (colour refinement):
the first colour of a node is the form of its recurrence; then those part whose convolutions have
factors of other colours, that are factors in other places, or that add up parts of other colours.
So the x of all pairs of bodies end up in one group, their y in another. Where a sum takes a term
does not matter, for that differs from body to body.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from taylorad.dispatch.distinct import distinct
from taylorad.ode.steps.groups.alignment import aligned
from taylorad.ode.steps.groups.group import LANES, Group
from taylorad.ode.tracing.columns import NONE, Column, depths, named, words
from taylorad.ode.tracing.listing import Listing
from taylorad.ode.tracing.recurrences import Recurrences
from taylorad.ode.tracing.sums import Sums

__all__ = ["grouped"]

ROUNDS = 3
"""How often colours are refined."""


def grouped(recurrences: Recurrences) -> tuple[list[Group], list[Group]]:
    """Put components, and nodes of one kind, together: nodes first that others need."""
    sums, size = recurrences.sums, recurrences.listing.size
    depth = _depths(sums)
    sums = _ordered(sums, depth)
    colours = _coloured(sums, depth)
    lines = sums.lines[np.argsort(depth[sums.lines], kind="stable")]
    _, numbers = named(colours[lines])
    members = np.split(lines[np.argsort(numbers, kind="stable")], np.cumsum(np.bincount(numbers)))
    groups = [Group.of(some, sums) for some in members if some.size]
    groups = _fuller(groups, depth, colours)
    for group in groups:
        _by_operation(group, recurrences.listing)
    aligned(groups, size)
    return _components(recurrences, groups, colours), groups


def _depths(sums: Sums) -> Column:
    """Give for each line how many nodes come before it, and itself; 0 if it is no node."""
    newest = sums.newest
    chosen = [(line, i) for line, (_, *both) in sums.choices.items() for i in both if i != NONE]
    pairs = np.array(chosen, int).reshape(-1, 2)
    lines = np.concatenate([newest["node"], pairs[:, 0]])
    needs = np.concatenate([newest["a"], pairs[:, 1]])
    is_node = np.zeros(sums.size + 1, bool)
    is_node[sums.lines] = True
    among = is_node[needs]
    return depths(sums.size + 1, lines[among], needs[among]) + is_node


def _ordered(sums: Sums, depth: Column) -> Sums:
    """Have the terms in an order that is the same for nodes of the same form."""
    terms, newest = sums.terms, sums.is_newest
    deep = np.where(newest, depth[terms["a"]], 0)
    length = np.where(newest, sums.products.lengths(terms["values"]), 0)
    return sums.of_terms(terms.take(np.lexsort((length, deep, newest, terms["node"]))))


def _forms(sums: Sums, depth: Column) -> Column:
    """Number the forms of recurrences: by nodes, in order."""
    terms, lines = sums.terms, sums.lines
    of = np.searchsorted(lines, terms["node"])
    lengths = sums.products.lengths(terms["values"])
    kind = (sums.is_newest, lengths, terms["weighted"], terms["over_degree"], terms["share"])
    _, letters = named(*kind)
    choice = np.zeros(sums.size + 1, int)
    for line, (_, yes, no) in sums.choices.items():
        choice[line] = 1 + (yes == NONE) + 2 * (no == NONE)
    divided = sums.divisors[lines] != NONE
    return named(depth[lines], words(of, letters, len(lines)), divided, choice[lines])[1]


def _coloured(sums: Sums, depth: Column) -> Column:
    """Give the colours of nodes, by lines; `NONE` for others."""
    terms, lines, count = sums.terms, sums.lines, len(sums.lines)
    colours = np.full(sums.size + 1, NONE)
    if not count:
        return colours
    colours[lines] = _forms(sums, depth)
    place = np.full(sums.size + 1, NONE)
    place[lines] = np.arange(count)
    inner = np.flatnonzero(~sums.is_newest)
    node, position = terms["node"][inner], 2 * (inner - sums.starts[terms["node"][inner]])
    # The factors of interiors, two by two, and in which place of which node they are.
    factors = np.column_stack([terms["a"][inner], terms["b"][inner]]).ravel()
    users = np.repeat(node, 2)
    roles = np.column_stack([position, position + 1]).ravel()
    many = int(roles.max(initial=0)) + 1
    among = place[factors] != NONE
    newest = sums.newest
    needs = [(line, i) for line, (_, *both) in sums.choices.items() for i in both if i != NONE]
    pairs = np.array(needs, int).reshape(-1, 2)
    adders = place[np.concatenate([newest["node"], pairs[:, 0]])]
    added = np.concatenate([newest["a"], pairs[:, 1]])
    kinds = 0
    for _ in range(ROUNDS):
        if kinds == (kinds := int(colours.max()) + 1):
            break
        own = words(place[users], colours[factors], count)
        below = _sets(adders, colours[added] + 1, kinds + 1, count)
        above = _sets(
            place[factors[among]],
            (colours[users] * many + roles)[among],
            kinds * many,
            count,
        )
        colours[lines] = named(colours[lines], own, below, above)[1]
    return colours


def _sets(nodes: Column, letters: Column, kinds: int, count: int) -> Column:
    """Number the sets of what nodes have."""
    pairs = distinct(nodes * kinds + letters)[0]
    return words(pairs // kinds, pairs % kinds, count)


def _fuller(groups: Sequence[Group], depth: Column, colours: Column) -> list[Group]:
    """Put sums together, whatever their terms, where that makes for far fewer vectors."""
    found: list[Group] = []
    sums: dict[int, list[Group]] = {}
    for group in groups:
        peers = sums.setdefault(int(depth[group.members[0]]), []) if group.is_sum else []
        for other in peers:
            together = -(-(len(other.members) + len(group.members)) // LANES)
            if 4 * together <= 3 * (other.chunks + group.chunks):
                colours[group.members] = colours[other.members[0]]
                other.join(group)
                break
        else:
            peers.append(group)
            found.append(group)
    return found


def _by_operation(group: Group, listing: Listing) -> None:
    """Have sines before cosines: lines of more than one operation, in the order of operands."""
    lines = group.members
    places, operations = named(listing.row[lines])
    if len(places) > 1:
        operands = listing.needs[lines].copy()
        operands[np.arange(operands.shape[1]) >= listing.arity[lines, None]] = NONE
        group.reorder(np.lexsort((*operands.T[::-1], operations)))


def _components(recurrences: Recurrences, groups: Sequence[Group], colours: Column) -> list[Group]:
    """Put components together whose rates are, unless that leaves vectors half empty.

    The rates of positions are velocities, whose rates are nodes.
    """
    rates = np.array(recurrences.system.rates, int)
    place = np.zeros(len(colours), int)
    for group in groups:
        place[group.members] = np.arange(len(group.members))
    every = np.arange(len(rates))
    line, last, hops = rates, every, 0 * every
    for _ in range(3):
        further = (colours[line] == NONE) & (line < len(rates))
        last, hops = np.where(further, line, last), hops + further
        line = np.where(further, rates[np.where(further, line, 0)], line)
    is_node = colours[line] != NONE
    kind = np.where(is_node, colours[line], -2)
    order = np.lexsort((np.where(is_node, place[line], last), -hops, kind))
    _, numbers = named(kind[order], hops[order])
    counts = np.bincount(numbers)
    if 2 * counts.min() < LANES:
        return [Group(every)]
    return [Group(some) for some in np.split(order, np.cumsum(counts)[:-1])]
