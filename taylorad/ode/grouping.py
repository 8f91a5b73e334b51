"""Which nodes go side by side: those of one form, in an order in which lanes fit to lanes.

Nodes are told apart by colours, as in tests whether two graphs are the same (colour refinement):
the first colour of a node is the form of its recurrence; then those part whose convolutions have
factors of other colours, that are factors in other places, or that add up parts of other colours.
So the x of all pairs of bodies end up in one group, their y in another. Where a sum takes a term
does not matter, for that differs from body to body.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from taylorad.ode.recurrences import Choice, Node, Recurrences

__all__ = ["LANES", "Group", "grouped"]

LANES = 8
"""The most lines side by side."""

ROUNDS = 3
"""How often colours are refined."""


@dataclass(eq=False)
class Group:
    """Lines of one kind.

    Attributes
    ----------
    members : list of int
    nodes : list of Node or Choice
        Of the members; none for groups of values, and for the components.
    slot : int
        Where the newest part of the first member stands.
    """

    members: list[int]
    nodes: list[Node | Choice] = field(default_factory=list)
    slot: int = 0

    @property
    def width(self) -> int:
        """Lines in a vector."""
        return min(LANES, 1 << (len(self.members) - 1).bit_length())

    @property
    def chunks(self) -> int:
        """How many vectors there are."""
        return -(-len(self.members) // self.width)

    def padded(self, of: Sequence[int]) -> list[int]:
        """Repeat the last entry until all vectors are full."""
        return [*of, *[of[-1]] * (self.width * self.chunks - len(of))]

    @property
    def factors(self) -> list[tuple[list[int], list[int], bool]]:
        """The factors of each interior, by members, and whether the first is weighted."""
        nodes = [node for node in self.nodes if isinstance(node, Node)]
        if not nodes:
            return []
        found = []
        for inners in zip(*([i.inner for i in node.interiors] for node in nodes)):
            a, b = [inner.a for inner in inners], [inner.b for inner in inners]
            found.append((self.padded(a), self.padded(b), inners[0].weighted))
        return found


def grouped(recurrences: Recurrences) -> tuple[list[Group], list[Group]]:
    """Put components, and nodes of one kind, together: nodes first that others need."""
    depths: dict[int, int] = {}
    nodes: dict[int, Node | Choice] = {}
    for line, node in recurrences.nodes.items():
        below = _below(node)
        depths[line] = 1 + max((depths.get(i, 0) for i in below), default=0)
        nodes[line] = _ordered(node, depths) if isinstance(node, Node) else node
    colours = _coloured(nodes, depths, recurrences)
    found: dict[int, Group] = {}
    for line in sorted(nodes, key=lambda line: depths[line]):
        group = found.setdefault(colours[line], Group([]))
        group.members.append(line)
        group.nodes.append(nodes[line])
    groups = list(found.values())
    _align(groups)
    return _components(recurrences, groups, colours), groups


def _components(
    recurrences: Recurrences, groups: Sequence[Group], colours: dict[int, int]
) -> list[Group]:
    """Put components together whose rates are, unless that leaves vectors half empty."""
    rates = recurrences.system.rates
    place = {line: k for group in groups for k, line in enumerate(group.members)}

    def key(i: int, depth: int = 3) -> tuple[int, ...]:
        """Follow the rates: those of positions are velocities, whose rates are nodes."""
        line = rates[i]
        if line in colours:
            return (colours[line], place[line])
        return (
            (*key(line, depth - 1)[:-1], -1, key(line, depth - 1)[-1])
            if (line < len(rates) and depth)
            else (-2, i)
        )

    found: dict[tuple[int, ...], list[int]] = {}
    for i in sorted(range(len(rates)), key=key):
        found.setdefault(key(i)[:-1], []).append(i)
    if any(2 * len(members) < LANES for members in found.values()):
        return [Group(list(range(len(rates))))]
    return [Group(members) for members in found.values()]


def _below(node: Node | Choice) -> list[int]:
    if isinstance(node, Choice):
        return [i for i in (node.yes, node.no) if i is not None]
    return [term.line for term in node.newest]


def _ordered(node: Node, depths: dict[int, int]) -> Node:
    """Have the terms in an order that is the same for nodes of the same form."""
    newest = sorted(node.newest, key=lambda term: (depths.get(term.line, 0), len(term.values)))
    return Node(node.interiors, tuple(newest), node.divisor)


def _form(node: Node | Choice) -> Hashable:
    if isinstance(node, Choice):
        return (node.yes is None, node.no is None)
    interiors = tuple((len(i.values), i.inner.weighted, i.over_degree) for i in node.interiors)
    return interiors, tuple(len(term.values) for term in node.newest), node.divisor is None


def _coloured(
    nodes: dict[int, Node | Choice], depths: dict[int, int], recurrences: Recurrences
) -> dict[int, int]:
    names: dict[Hashable, int] = {}

    def name(what: Hashable) -> int:
        return names.setdefault(what, len(names))

    colours = {line: name((depths[line], _form(node))) for line, node in nodes.items()}
    for _ in range(ROUNDS):
        roles: dict[int, set[Hashable]] = {line: set() for line in nodes}
        for line, node in nodes.items():
            for place, term in enumerate(node.interiors if isinstance(node, Node) else ()):
                for side, factor in enumerate((term.inner.a, term.inner.b)):
                    if factor in roles:
                        roles[factor].add((colours[line], place, side))
        new = {}
        for line, node in nodes.items():
            inner = [i.inner for i in node.interiors] if isinstance(node, Node) else []
            factors = tuple((colours.get(i.a, -1), colours.get(i.b, -1)) for i in inner)
            terms = frozenset(colours.get(i, -1) for i in _below(node))
            new[line] = name((colours[line], factors, terms, frozenset(roles[line])))
        colours = new
    return colours


def _align(groups: Sequence[Group]) -> None:
    """Order the members of groups by those of groups that they multiply, or are multiplied in."""
    home = {line: group for group in groups for line in group.members}
    done: set[int] = set()
    for seed in sorted(groups, key=lambda g: -len(g.members) * len(g.factors)):
        waiting = [seed]
        if id(seed) in done:
            continue
        done.add(id(seed))
        while waiting:
            group = waiting.pop(0)
            for other, pairs in _related(group, home):
                if id(other) in done or len(dict(pairs)) < len(other.members):
                    continue
                done.add(id(other))
                waiting.append(other)
                _reorder(other, dict(pairs))


def _related(group: Group, home: dict[int, Group]) -> list[tuple[Group, list[tuple[int, int]]]]:
    """Give groups whose members belong to those of a group: their lines, and to which."""
    found: dict[tuple[int, int], list[tuple[int, int]]] = {}
    of: dict[int, Group] = {}
    place_of = {line: place for place, line in enumerate(group.members)}
    for place, node in enumerate(group.nodes):
        needs = _below(node)
        if isinstance(node, Node):
            needs = [x for i in node.interiors for x in (i.inner.a, i.inner.b)] + needs
        for position, line in enumerate(needs):
            if line in home and home[line] is not group:
                of[id(home[line])] = home[line]
                found.setdefault((id(home[line]), position), []).append((line, place))
    for other in {id(g): g for g in home.values()}.values():
        if other is group:
            continue
        for line, node in zip(other.members, other.nodes):
            inner = [i.inner for i in node.interiors] if isinstance(node, Node) else []
            needs = [x for i in inner for x in (i.a, i.b)] + _below(node)
            for position, factor in enumerate(needs):
                if factor in place_of:
                    of[id(other)] = other
                    key = (id(other), -1 - position)
                    found.setdefault(key, []).append((line, place_of[factor]))
    return [(of[key], pairs) for (key, _), pairs in found.items()]


def _reorder(group: Group, places: dict[int, int]) -> None:
    both = sorted(zip(group.members, group.nodes), key=lambda pair: places[pair[0]])
    group.members = [line for line, _ in both]
    group.nodes = [node for _, node in both]
