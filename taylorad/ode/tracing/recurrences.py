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

from collections.abc import Iterable
from dataclasses import dataclass, field

from taylorad.forward.program import Step
from taylorad.ode.tracing.nodes import Choice, Inner, Interior, Newest, Node, collected, nodes_of
from taylorad.ode.tracing.system import System

__all__ = ["Choice", "Inner", "Interior", "Newest", "Node", "Recurrences"]

MOST_PRODUCTS = 3
"""So many products become part of a sum."""

Nodes = dict[int, Node | Choice]


@dataclass
class Recurrences:
    """The nodes of a system.

    Attributes
    ----------
    system : System
    wanted : list of int
        The lines whose series are wanted: rates, switches, functions.
    nodes : dict of int to Node or Choice
        The lines that move and are computed, in an order in which each comes after those whose
        newest parts it needs.
    values : list of int
        The lines whose values are needed, in order, arguments apart.
    inners : list of Inner
        The interiors that are needed.
    """

    system: System
    wanted: list[int]
    nodes: Nodes = field(default_factory=dict)
    values: list[int] = field(default_factory=list)
    inners: list[Inner] = field(default_factory=list)

    def __post_init__(self) -> None:
        program, steps = self.system.program, self.steps
        computed = [i for i in sorted(self._needed()) if steps[i].primitive is not None]
        found = nodes_of(program, [line for line in computed if steps[line].moves])
        _drop_still(found)
        roots = _roots(found)
        for line, node in found.items():
            if isinstance(node, Node) and node.interiors:
                found[line] = _shared(_rooted(node, roots))
        found = _merged(found, self.wanted)
        kept = _reached(found, self.wanted)
        self.nodes = {line: node for line, node in found.items() if line in kept}
        self.values = computed
        interiors = [i for node in self.nodes.values() for i in node.interiors]
        self.inners = list(dict.fromkeys([i.inner for i in interiors]))

    @property
    def steps(self) -> tuple[Step, ...]:
        """The lines of the program."""
        return self.system.program.steps

    def _needed(self) -> set[int]:
        needed: set[int] = set()
        todo = [*self.wanted, *(i for i, _, _ in self.system.guards)]
        steps = self.steps
        while todo:
            line = todo.pop()
            if line not in needed:
                needed.add(line)
                todo += steps[line].needs
        return needed


def _reached(nodes: Nodes, wanted: Iterable[int]) -> set[int]:
    reached: set[int] = set()
    todo = list(wanted)
    while todo:
        line = todo.pop()
        if line in nodes and line not in reached:
            reached.add(line)
            node = nodes[line]
            todo += node.needs
            for interior in node.interiors:
                todo += interior.inner[:2]
    return reached


# --- fewer interiors, and fewer nodes -----------------------------------------------------------


def _drop_still(nodes: Nodes) -> None:
    """Leave out terms of lines that turn out to stay, as that of x - x."""
    still: set[int] = set()
    for line, node in nodes.items():
        if isinstance(node, Node):
            if still:
                interiors = [i for i in node.interiors if still.isdisjoint(i.inner[:2])]
                newest = [term for term in node.newest if term.line not in still]
                node = nodes[line] = Node(tuple(interiors), tuple(newest), node.divisor)
            if not node.interiors and not node.newest:
                still.add(line)


def _roots(nodes: Nodes) -> dict[int, Newest]:
    """Give for multiples of other lines what they are."""
    return {
        line: node.newest[0]
        for line, node in nodes.items()
        if isinstance(node, Node) and len(node.newest) == 1
        if not node.interiors and node.divisor is None
    }


def _rooted(node: Node, roots: dict[int, Newest]) -> Node:
    """Have interiors of the lines that their factors are multiples of."""
    if all(i.inner.a not in roots and i.inner.b not in roots for i in node.interiors):
        return node
    interiors = []
    for number, values, inner, over_degree in node.interiors:
        lines = []
        for line in (inner.a, inner.b):
            while line in roots:
                root = roots[line]
                number, values, line = number * root.number, (*values, *root.values), root.line
            lines.append(line)
        inner = Inner(lines[0], lines[1], inner.weighted)
        interiors.append(Interior(number, values, inner, over_degree))
    return node._replace(interiors=tuple(interiors))


def _shared(node: Node) -> Node:
    """Write one of two weighted interiors of the same factors by the other."""
    terms: dict[tuple[Inner, tuple[int, ...], bool], float] = {}

    def put(inner: Inner, values: tuple[int, ...], over_degree: bool, number: float) -> None:
        if not inner.weighted and inner.a > inner.b:
            inner = Inner(inner.b, inner.a)
        key = (inner, tuple(sorted(values)), over_degree)
        terms[key] = terms.get(key, 0.0) + number

    for term in node.interiors:
        inner = term.inner
        turned = Inner(inner.b, inner.a, True)
        if inner.weighted and term.over_degree and any(k[0] == turned for k in terms):
            put(Inner(inner.a, inner.b), term.values, False, term.number)
            put(turned, term.values, True, -term.number)
        else:
            put(inner, term.values, term.over_degree, term.number)
    interiors = (Interior(n, values, i, over) for (i, values, over), n in terms.items() if n)
    return node._replace(interiors=tuple(interiors))


def _merged(nodes: Nodes, wanted: Iterable[int]) -> Nodes:
    """Put sums that one other sum needs in their place.

    Products that are many, or shared, stay apart: they go side by side better than sums do.
    """
    uses: dict[int, int] = dict.fromkeys(wanted, 2)
    shared: dict[Inner, int] = {}
    needs = {line: node.needs for line, node in nodes.items()}
    for line, node in nodes.items():
        weight = 1 if isinstance(node, Node) else 2  # a choice is between lines, not sums
        for i in needs[line]:
            uses[i] = uses.get(i, 0) + weight
        for _, _, inner, _ in node.interiors:
            shared[inner] = shared.get(inner, 0) + 1
            uses[inner.a] = uses[inner.b] = 2
    opening = {
        line: node
        for line, node in nodes.items()
        if uses.get(line) == 1
        and isinstance(node, Node)
        and node.divisor is None
        and all(shared[i.inner] == 1 for i in node.interiors)
    }
    for line in _products_of_long_sums(needs, opening):
        del opening[line]
    found: Nodes = {}
    for line, node in nodes.items():
        if line not in opening:
            if isinstance(node, Node) and not opening.keys().isdisjoint(needs[line]):
                node = _opened(node, opening)
            found[line] = node
    return found


def _products_of_long_sums(needs: dict[int, list[int]], opening: dict[int, Node]) -> list[int]:
    """Give the products that sums are not to take in, for they have too many."""
    counts: dict[int, int] = {}
    for line, lines in needs.items():
        count = 0
        for i in lines:
            if (below := opening.get(i)) is not None:
                count += 1 if below.interiors else counts.get(i, 0)
        counts[line] = count
    long = {line for line, count in counts.items() if count > MOST_PRODUCTS}
    if not long:
        return []
    for line in reversed(needs):
        if line in long:
            long.update(i for i in needs[line] if i in opening)
    return [line for line in opening if line in long and opening[line].interiors]


def _opened(node: Node, opening: dict[int, Node]) -> Node:
    """Put the sums that are opened in the place of the terms that stand for them."""
    interiors, newest = list(node.interiors), []
    todo: list[tuple[float, tuple[int, ...], int]] = [*reversed(node.newest)]
    while todo:
        number, values, line = todo.pop()
        below = opening.get(line)
        if below is None:
            newest.append((number, values, line))
            continue
        for own, more, inner, over_degree in below.interiors:
            interiors.append(Interior(number * own, (*values, *more), inner, over_degree))
        for own, more, line in reversed(below.newest):
            todo.append((number * own, (*values, *more), line))
    return Node(tuple(interiors), collected(newest), node.divisor)
