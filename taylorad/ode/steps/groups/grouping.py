"""Which nodes go side by side: those of one form, in an order in which lanes fit to lanes.

Nodes are told apart by colours, as in tests whether two graphs are the same (colour refinement):
the first colour of a node is the form of its recurrence; then those part whose convolutions have
factors of other colours, that are factors in other places, or that add up parts of other colours.
So the x of all pairs of bodies end up in one group, their y in another. Where a sum takes a term
does not matter, for that differs from body to body.

In a group those are neighbours whose components are equally far apart, and so neighbours too.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from taylorad.ode.tracing.recurrences import Choice, Newest, Node, Recurrences

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
    def shares(self) -> list[float | None]:
        """The share of each interior, that of all members."""
        first = self.nodes[0] if self.nodes else None
        return [i.inner.share for i in first.interiors] if isinstance(first, Node) else []

    @cached_property
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

    @cached_property
    def needs(self) -> list[list[int]]:
        """The lines whose newest parts the nodes need, by terms."""
        terms = zip(*[node.needs for node in self.nodes], strict=True)
        return [self.padded(lines) for lines in terms]


def grouped(recurrences: Recurrences) -> tuple[list[Group], list[Group]]:
    """Put components, and nodes of one kind, together: nodes first that others need."""
    depths: dict[int, int] = {}
    nodes: dict[int, Node | Choice] = {}
    for line, node in recurrences.nodes.items():
        depths[line] = 1 + max([depths.get(i, 0) for i in node.needs], default=0)
        nodes[line] = _ordered(node, depths) if isinstance(node, Node) else node
    colours = _coloured(nodes, depths, recurrences)
    found: dict[int, Group] = {}
    for line in sorted(nodes, key=lambda line: depths[line]):
        group = found.setdefault(colours[line], Group([]))
        group.members.append(line)
        group.nodes.append(nodes[line])
    groups = _fuller(list(found.values()), depths, colours)
    for group in groups:
        _by_operation(group, recurrences)
    _align(groups)
    return _components(recurrences, groups, colours), groups


def _fuller(
    groups: Sequence[Group], depths: dict[int, int], colours: dict[int, int]
) -> list[Group]:
    """Put sums together, whatever their terms, where that makes for far fewer vectors."""
    found: list[Group] = []
    sums: dict[int, list[Group]] = {}
    for group in groups:
        peers = sums.setdefault(depths[group.members[0]], []) if _is_sum(group) else []
        for other in peers:
            together = -(-(len(other.members) + len(group.members)) // LANES)
            if 4 * together <= 3 * (other.chunks + group.chunks):
                _join(other, group)
                colours |= dict.fromkeys(group.members, colours[other.members[0]])
                break
        else:
            peers.append(group)
            found.append(group)
    return found


def _join(group: Group, other: Group) -> None:
    """Take the sums of another group in, with terms that are zero where there are too few."""
    nodes = [*group.nodes, *other.nodes]
    terms = max(len(node.needs) for node in nodes)
    group.nodes = [_with_terms(node, terms) for node in nodes]
    group.members = [*group.members, *other.members]
    _reorder(group, {line: line for line in group.members})


def _is_sum(group: Group) -> bool:
    """Tell whether nodes are sums of lines times numbers."""
    return all(
        isinstance(node, Node)
        and not node.interiors
        and node.divisor is None
        and node.newest
        and not any(term.values for term in node.newest)
        for node in group.nodes
    )


def _with_terms(node: Node | Choice, count: int) -> Node | Choice:
    """Add terms that are zero to a sum."""
    if isinstance(node, Choice):
        return node
    zero = Newest(0.0, (), node.newest[0].line)
    return Node((), (*[zero] * (count - len(node.newest)), *node.newest))


def _by_operation(group: Group, recurrences: Recurrences) -> None:
    """Have sines before cosines: lines of more than one operation, in the order of operands."""
    steps = [recurrences.steps[line] for line in group.members]
    operations = list(dict.fromkeys(step.primitive for step in steps))
    if len(operations) > 1:
        places = {
            line: (operations.index(step.primitive), step.operands)
            for line, step in zip(group.members, steps, strict=True)
        }
        ranks = {line: k for k, line in enumerate(sorted(places, key=places.__getitem__))}
        _reorder(group, ranks)


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


def _ordered(node: Node, depths: dict[int, int]) -> Node:
    """Have the terms in an order that is the same for nodes of the same form."""
    if len(node.newest) < 2:
        return node
    newest = sorted(node.newest, key=lambda term: (depths.get(term.line, 0), len(term.values)))
    return Node(node.interiors, tuple(newest), node.divisor)


def _form(node: Node | Choice) -> Hashable:
    if isinstance(node, Choice):
        return (node.yes is None, node.no is None)
    interiors = tuple([(len(i.values), i.inner[2:], i.over_degree) for i in node.interiors])
    return interiors, tuple([len(values) for _, values, _ in node.newest]), node.divisor is None


def _coloured(
    nodes: dict[int, Node | Choice], depths: dict[int, int], recurrences: Recurrences
) -> dict[int, int]:
    names: dict[Hashable, int] = {}

    def name(what: Hashable) -> int:
        return names.setdefault(what, len(names))

    colours = {line: name((depths[line], _form(node))) for line, node in nodes.items()}
    factors = {line: _factors(node) for line, node in nodes.items()}
    needs = {line: node.needs for line, node in nodes.items()}
    kinds = 0
    for _ in range(ROUNDS):
        if kinds == (kinds := len(set(colours.values()))):
            break
        every = [-1] * len(recurrences.steps)
        roles: dict[int, set[Hashable]] = {}
        for line, colour in colours.items():
            every[line] = colour
            for place, factor in enumerate(factors[line]):
                roles.setdefault(factor, set()).add((colour, place))
        of = every.__getitem__
        colours = {
            line: name(
                (
                    colour,
                    tuple(map(of, factors[line])),
                    frozenset(map(of, needs[line])),
                    frozenset(roles.get(line, ())),
                )
            )
            for line, colour in colours.items()
        }
    return colours


def _factors(node: Node | Choice) -> list[int]:
    """Give the factors of the interiors, two by two."""
    return [x for i in node.interiors for x in i.inner[:2]]


def _align(groups: Sequence[Group]) -> None:
    """Order the members of groups by those of groups that they multiply, or are multiplied in."""
    relations = _Relations(groups)
    done: set[Group] = set()
    for seed in sorted(groups, key=lambda g: -len(g.members) * len(_factors(g.nodes[0]))):
        waiting = [seed]
        if seed in done:
            continue
        done.add(seed)
        company = [seed]  # whose members belong to one another, one to one
        while waiting:
            group = waiting.pop(0)
            for other, places in relations.of(group):
                if other not in done and len(places) == len(other.members):
                    done.add(other)
                    waiting.append(other)
                    _reorder(other, places)
                    counts = {len(group.members), len(other.members), len(set(places.values()))}
                    if group in company and len(counts) == 1:
                        company.append(other)
        _in_rows(company, relations)


def _in_rows(company: Sequence[Group], relations: _Relations) -> None:
    """Let those be neighbours whose components are equally far apart, and so neighbours too."""
    for group in company:
        needs = [node.needs for node in group.nodes]
        if _is_sum(group) and not any(i in relations.home for lines in needs for i in lines):
            rows: dict[tuple[int, ...], list[tuple[int, int]]] = {}
            for k, lines in enumerate(needs):
                rows.setdefault(tuple(i - lines[0] for i in lines), []).append((lines[0], k))
            # Short ones stand between long ones, so that no vector is of many.
            left, order = sorted(rows.values(), key=len), []
            for turn in range(len(left)):
                order += [k for _, k in sorted(left.pop(0 if turn % 2 else -1))]
            for other in company:
                _reorder(other, {other.members[k]: place for place, k in enumerate(order)})
            return


class _Relations:
    """Which lines need which, by groups."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self.home = {line: group for group in groups for line in group.members}
        self.number = {group: k for k, group in enumerate(groups)}
        self.needs: dict[int, list[int]] = {}
        self.users: dict[int, list[tuple[int, int]]] = {}
        for group in groups:
            for line, node in zip(group.members, group.nodes):
                needs = self.needs[line] = _factors(node) + node.needs
                for position, needed in enumerate(needs):
                    if needed in self.home:
                        self.users.setdefault(needed, []).append((line, position))

    def of(self, group: Group) -> list[tuple[Group, dict[int, int]]]:
        """Give groups whose members belong to those of a group: their lines, and to which."""
        found: dict[tuple[Group, int], dict[int, int]] = {}
        for place, line in enumerate(group.members):
            for position, needed in enumerate(self.needs[line]):
                other = self.home.get(needed, group)
                if other is not group:
                    found.setdefault((other, position), {})[needed] = place
        forward = len(found)
        for place, line in enumerate(group.members):
            for user, position in self.users.get(line, ()):
                other = self.home[user]
                if other is not group:
                    found.setdefault((other, -1 - position), {})[user] = place
        pairs = list(found.items())
        pairs[forward:] = sorted(pairs[forward:], key=lambda pair: self._rank(*pair[0]))
        return [(other, places) for (other, _), places in pairs]

    def _rank(self, other: Group, position: int) -> tuple[int, int]:
        return self.number[other], -position


def _reorder(group: Group, places: dict[int, int]) -> None:
    both = sorted(zip(group.members, group.nodes), key=lambda pair: places[pair[0]])
    group.members = [line for line, _ in both]
    group.nodes = [node for _, node in both]
