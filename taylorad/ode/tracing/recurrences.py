"""What it takes to get from the parts of degree below k to those of degree k.

Each line of a system's program is a *node*: a sum of the interiors of convolutions, which need only
older parts and so can all be computed first, and of *newest* terms, values times parts of degree k:

    y_k = (sum of numbers * values * interiors [/ k] + sum of numbers * values * parts) [/ value]

The interior of a convolution is ``sum of a_j b_(k-j)`` over 0 < j < k. It is this form that makes
the machine code fast: no matter how the nodes depend on each other, all interiors of a degree are
independent of one another.

Three rules make interiors fewer. A factor that is a multiple of another line, up to a constant, is
that line: interiors have no part of degree 0. Where both ``a D b`` and ``b D a`` are wanted, as for
a power, the second is k times the plain product less the first. And lines that stay, as ``x - x``
does, drop out.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np

from taylorad.forward.program import Step
from taylorad.ode.tracing.columns import NONE, Column, named, reached, stretches
from taylorad.ode.tracing.listing import Listing
from taylorad.ode.tracing.nodes import Choice, Inner, Interior, Newest, Node, nodes_of, one_by_one
from taylorad.ode.tracing.sums import Sums, collected, copied, in_order
from taylorad.ode.tracing.system import System

__all__ = ["Choice", "Inner", "Interior", "Newest", "Node", "Recurrences"]

MOST_PRODUCTS = 3
"""So many products become part of a sum of numbers."""


class Recurrences:
    """The nodes of a system.

    Parameters
    ----------
    system : System
    wanted : list of int
        The lines whose series are wanted: rates, switches, functions.
    most_products : int, optional
        So many products become part of a sum.

    Attributes
    ----------
    system, wanted
        As given.
    listing : Listing
        The lines of the program, in columns.
    sums : Sums
        The lines that move and are computed, in an order in which each comes after those whose
        newest parts it needs.
    values : list of int
        The lines whose values are needed, in order, arguments apart; picks are no arguments.
    rows : dict of int to tuple of int
        Components side by side, by the first, which stands for all.
    lengths : dict of int to int
        Of how many lanes lines are that are rows.
    """

    def __init__(
        self, system: System, wanted: list[int], most_products: int = MOST_PRODUCTS
    ) -> None:
        self.system, self.wanted = system, wanted
        self.rows: dict[int, tuple[int, ...]] = {}
        self.lengths: dict[int, int] = {}
        program = system.program
        self.listing = listing = Listing(program.steps)
        roots = np.array([*wanted, *(line for line, _, _ in system.guards)], int)
        needed = reached(listing.size, roots, listing.below)
        computed = np.flatnonzero(needed & (listing.row > 0))
        picks = np.flatnonzero(needed & (listing.row == 0) & (listing.arity > 0))
        self.values: list[int] = sorted([*computed.tolist(), *picks.tolist()])
        sums = nodes_of(program, listing, computed[listing.moves[computed]])
        sums = _shared(_rooted(_without_still(sums)))
        kept = [*wanted, *(program.steps[i].operands[0] for i in picks.tolist())]
        self.sums = _reached(_merged(sums, kept, most_products), kept)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The lines of the program."""
        return self.system.program.steps

    @cached_property
    def nodes(self) -> dict[int, Node | Choice]:
        """The recurrence of each line by itself."""
        return one_by_one(self.sums)

    @cached_property
    def inners(self) -> list[Inner]:
        """The interiors that are needed."""
        terms = self.sums.interiors
        shares = [None if x != x else x for x in terms["share"].tolist()]
        columns = [terms[name].tolist() for name in ("a", "b", "weighted")]
        return [*dict.fromkeys(map(Inner, *columns, shares))]


def _reached(sums: Sums, wanted: list[int]) -> Sums:
    """Leave out lines that nothing needs."""
    terms, counts, starts = sums.terms, sums.counts, sums.starts

    def below(lines: Column) -> Column:
        rows = stretches(starts[lines], counts[lines])
        more = [i for line in lines.tolist() for i in sums.choices.get(line, ())[1:]]
        return np.concatenate([terms["a"][rows], terms["b"][rows], np.array(more, int)])

    found = reached(sums.size, np.array(wanted, int), below)
    stays = found[terms["node"]]
    return replace(sums, lines=sums.lines[found[sums.lines]], terms=terms.compress(stays))


# --- fewer interiors, and fewer nodes -----------------------------------------------------------


def _without_still(sums: Sums) -> Sums:
    """Leave out terms of lines that turn out to stay, as that of x - x."""
    while True:
        still = np.zeros(sums.size + 1, bool)
        still[sums.lines] = sums.counts[sums.lines] == 0
        still[[*sums.choices]] = False
        drops = still[sums.terms["a"]] | still[sums.terms["b"]]
        if not drops.any():
            return sums
        sums = sums.of_terms(sums.terms.compress(~drops))


def _rooted(sums: Sums) -> Sums:
    """Have interiors of the lines that their factors are multiples of, up to a constant."""
    alone = sums.is_newest & (sums.counts == 1)[sums.terms["node"]]
    roots = sums.terms.compress(alone & (sums.divisors == NONE)[sums.terms["node"]])
    root = np.full(sums.size + 1, NONE)
    root[roots["node"]] = np.arange(len(roots))
    terms = copied(sums.terms)
    inner = np.flatnonzero(~sums.is_newest)
    for side in ("a", "b"):
        rows = inner
        while (rows := rows[root[terms[side][rows]] != NONE]).size:
            of = roots.take(root[terms[side][rows]])
            terms["number"][rows] *= of["number"]
            terms["values"][rows] = sums.products.times(terms["values"][rows], of["values"])
            terms[side][rows] = of["a"]
    return sums.of_terms(terms)


def _shared(sums: Sums) -> Sums:
    """Write one of two weighted interiors of the same factors by the other."""
    terms = sums.interiors
    if not terms.size:
        return sums
    weighted = np.flatnonzero(terms["weighted"])
    some = terms.take(weighted)
    low, high = np.minimum(some["a"], some["b"]), np.maximum(some["a"], some["b"])
    places, numbers = named(some["node"], low, high)
    turned = weighted[(some["a"] != some["a"][places][numbers]) & some["over_degree"]]
    if turned.size:
        counts = np.ones(len(terms), int)
        counts[turned] = 2
        second = (np.cumsum(counts) - 1)[turned]
        terms = terms.repeat(counts)
        first = second - 1
        terms["weighted"][first] = terms["over_degree"][first] = False
        terms["a"][second], terms["b"][second] = terms["b"][first], terms["a"][first]
        terms["number"][second] *= -1.0
    return sums.of_terms(in_order([collected(terms, sums.products), sums.newest]))


def _merged(sums: Sums, wanted: list[int], most: int) -> Sums:
    """Put sums that one other sum needs in their place.

    Products that are many, or shared, stay apart: they go side by side better than sums do.
    """
    opens = _opening(sums, wanted, most)
    terms, newest = sums.terms, sums.is_newest
    is_open = opens[terms["a"]] & newest
    if not is_open.any():
        return sums
    has_open = np.zeros(sums.size + 1, bool)
    has_open[terms["node"][is_open]] = True
    node = terms["node"]
    rows = np.flatnonzero(has_open[node] & ~opens[node])
    node, number, values = node[rows], terms["number"][rows], terms["values"][rows]
    while (opened := is_open[rows]).any():
        below = terms["a"][rows]
        counts = np.where(opened, sums.counts[below], 1)
        starts = np.where(opened, sums.starts[below], rows)
        place = np.repeat(np.arange(len(rows)), counts)
        rows, node, number, values = (
            stretches(starts, counts),
            *(x[place] for x in (node, number, values)),
        )
        opened = opened[place]
        number = np.where(opened, number * terms["number"][rows], number)
        more = np.where(opened, terms["values"][rows], 0)
        values = sums.products.times(values, more)
    found = terms.take(rows)
    found["node"], found["number"], found["values"] = node, number, values
    newest = found["b"] == NONE
    others = terms.compress(~(has_open | opens)[terms["node"]])
    some = [others, found.compress(~newest), collected(found.compress(newest), sums.products)]
    return replace(sums, lines=sums.lines[~opens[sums.lines]], terms=in_order(some))


def _opening(sums: Sums, wanted: list[int], most: int) -> Column:
    """Tell of lines whether they are put in the place of the one term that stands for them."""
    size, newest, interiors = sums.size, sums.newest, sums.interiors
    uses = np.bincount(newest["a"], minlength=size + 1)
    # A choice is between lines, not sums.
    for lines in (wanted, sums.chosen, interiors["a"], interiors["b"]):
        uses[lines] = 2
    _, numbers = named(*(interiors[name] for name in ("a", "b", "weighted")))
    shared = np.bincount(numbers)[numbers] > 1
    opens = np.zeros(size + 1, bool)
    opens[sums.lines] = (uses[sums.lines] == 1) & (sums.divisors[sums.lines] == NONE)
    opens[[*sums.choices]] = False
    opens[interiors["node"][shared]] = False
    products = np.zeros(size + 1, bool)
    products[interiors["node"]] = True
    if np.count_nonzero(opens & products) > most:
        opens &= ~(products & _of_long_sums(newest, opens, products, most))
    return opens


def _of_long_sums(newest: Column, opens: Column, products: Column, most: int) -> Column:
    """Tell what sums are not to take in products, for they would have too many, nor parts of them.

    Lines that are opened have one user each, and so are trees, whose roots are the sums.
    """
    own = np.arange(len(opens))
    user = own.copy()
    inside = opens[newest["a"]]
    user[newest["a"][inside]] = newest["node"][inside]
    sums = np.where(products, own, user)  # for each line the sum that it ends up in
    while (sums[sums] != sums).any():
        sums = sums[sums]
    counts = np.bincount(sums[user[opens & products]], minlength=len(opens))
    long = counts > most
    while (user[user] != user).any():
        long, user = long | long[user], user[user]
    return np.asarray(long | long[user])
