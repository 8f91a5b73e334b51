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

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from taylorad.forward.parts import (
    Apply,
    Convolution,
    Degree,
    Expression,
    Part,
    Value,
    Weighted,
    part,
)
from taylorad.forward.program import Step
from taylorad.ode.tracing.system import System
from taylorad.primitives.elementwise import add, divide, multiply, negative, subtract
from taylorad.primitives.linear import select

__all__ = ["Choice", "Inner", "Interior", "Newest", "Node", "Recurrences"]

MOST_PRODUCTS = 3
"""So many products become part of a sum."""


class Inner(NamedTuple):
    """The interior of a convolution: of the parts of a, or those of D a, with those of b."""

    a: int
    b: int
    weighted: bool = False

    @property
    def is_square(self) -> bool:
        """Whether terms come in equal pairs."""
        return self.a == self.b and not self.weighted


class Newest(NamedTuple):
    """A number times the values of lines times the newest part of a line."""

    number: float
    values: tuple[int, ...]
    line: int


class Interior(NamedTuple):
    """A number times the values of lines times an interior, maybe divided by the degree."""

    number: float
    values: tuple[int, ...]
    inner: Inner
    over_degree: bool = False


class Node(NamedTuple):
    """The recurrence of one line.

    Attributes
    ----------
    interiors : tuple of Interior
    newest : tuple of Newest
    divisor : int or None
        The line whose value all is divided by.
    """

    interiors: tuple[Interior, ...] = ()
    newest: tuple[Newest, ...] = ()
    divisor: int | None = None


class Choice(NamedTuple):
    """A line that is one of two others; which of them does not change during a step."""

    condition: int
    yes: int | None
    no: int | None


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
    nodes: dict[int, Node | Choice] = field(default_factory=dict)
    values: list[int] = field(default_factory=list)
    inners: list[Inner] = field(default_factory=list)

    def __post_init__(self) -> None:
        steps = self.steps
        program = self.system.program
        computed = [i for i in sorted(self._needed(self.wanted)) if steps[i].primitive is not None]
        found: dict[int, Node | Choice] = {
            line: _node(steps, part(program, line)) for line in computed if steps[line].moves
        }
        found = _moving(found)
        found = {line: _shared(_rooted(node, found)) for line, node in found.items()}
        found = _merged(found, self.wanted)
        kept = _reached(found, self.wanted)
        self.nodes = {line: node for line, node in found.items() if line in kept}
        self.values = computed
        inners = [i for node in self.nodes.values() for i in _inners(node)]
        self.inners = list(dict.fromkeys(inners))

    @property
    def steps(self) -> tuple[Step, ...]:
        """The lines of the program."""
        return self.system.program.steps

    def _needed(self, wanted: Iterable[int]) -> set[int]:
        needed: set[int] = set()
        todo = [*wanted, *(i for i, _, _ in self.system.guards)]
        steps = self.steps
        while todo:
            line = todo.pop()
            if line not in needed:
                needed.add(line)
                todo += steps[line].needs
        return needed


def _inners(node: Node | Choice) -> list[Inner]:
    return [term.inner for term in node.interiors] if isinstance(node, Node) else []


def _operands(node: Node | Choice) -> list[int]:
    """Give the lines whose newest parts a node needs."""
    if isinstance(node, Choice):
        return [i for i in (node.yes, node.no) if i is not None]
    return [n.line for n in node.newest]


def _reached(nodes: dict[int, Node | Choice], wanted: Iterable[int]) -> set[int]:
    reached: set[int] = set()
    todo = list(wanted)
    while todo:
        line = todo.pop()
        if line in nodes and line not in reached:
            reached.add(line)
            node = nodes[line]
            todo += _operands(node)
            todo += [i for inner in _inners(node) for i in (inner.a, inner.b)]
    return reached


# --- from expressions ------------------------------------------------------------------------


def _node(steps: tuple[Step, ...], expression: Expression) -> Node | Choice:
    if isinstance(expression, Apply) and expression.row is select:
        yes, no, condition = expression.operands
        assert isinstance(condition, Value)
        assert condition.line is not None
        lines = [x.line if isinstance(x, Part) else None for x in (yes, no)]
        return Choice(condition.line, *lines)
    over_degree, divisor = False, None
    if isinstance(expression, Apply) and expression.row is divide:
        expression, below = expression.operands
        match below:
            case Degree():
                over_degree = True
            case Value(line):
                divisor = line
            case Apply(_, (Degree(), Value(line))):
                over_degree, divisor = True, line
    terms: list[_Term] = []
    _take_apart(steps, expression, 1.0, (), terms)
    interiors: list[Interior] = []
    newest: list[Newest] = []
    for number, values, term in terms:
        if isinstance(term, Convolution):
            a, b = term.a, term.b
            interiors.append(Interior(number, values, Inner(a, b, term.weighted), over_degree))
            if not term.low:
                newest.append(Newest(number, (*values, a), b))
            if not term.high:
                newest.append(Newest(number, (*values, b), a))
        else:
            newest.append(Newest(number, values, term.line))
    return Node(tuple(interiors), _collected(newest), divisor)


_Term = tuple[float, tuple[int, ...], Part | Weighted | Convolution]


def _take_apart(
    steps: tuple[Step, ...],
    expression: Expression,
    number: float,
    values: tuple[int, ...],
    terms: list[_Term],
) -> None:
    """Multiply a sum out: find its terms, times a number and values."""
    if isinstance(expression, (Part, Weighted, Convolution)):
        terms.append((number, values, expression))
        return
    if isinstance(expression, Value):
        return  # the number zero: constants have no parts
    assert isinstance(expression, Apply)
    row, operands = expression.row, expression.operands
    if row is negative:
        _take_apart(steps, operands[0], -number, values, terms)
    elif row is add or row is subtract:
        _take_apart(steps, operands[0], number, values, terms)
        _take_apart(steps, operands[1], number if row is add else -number, values, terms)
    else:
        assert row is multiply
        x, y = operands
        if isinstance(x, Value):
            x, y = y, x
        assert isinstance(y, Value)
        if y.line is None:
            return
        factor = steps[y.line].number if steps[y.line].primitive is None else None
        if factor is None:
            _take_apart(steps, x, number, (*values, y.line), terms)
        else:
            _take_apart(steps, x, number * float(factor), values, terms)


def _collected(newest: Sequence[Newest]) -> tuple[Newest, ...]:
    """Add up the numbers of equal terms."""
    if len(newest) == 1:
        return tuple(newest) if newest[0].number else ()
    numbers: dict[tuple[tuple[int, ...], int], float] = {}
    for number, values, line in newest:
        key = (tuple(sorted(values)) if len(values) > 1 else values, line)
        numbers[key] = numbers.get(key, 0.0) + number
    return tuple([Newest(n, values, line) for (values, line), n in numbers.items() if n])


# --- fewer interiors, and fewer nodes -----------------------------------------------------------

Nodes = dict[int, Node | Choice]


def _moving(nodes: Nodes) -> Nodes:
    """Leave out terms of lines that turn out to stay, as that of x - x."""
    found: Nodes = {}
    still: set[int] = set()
    for line, node in nodes.items():
        if isinstance(node, Node):
            if still:
                interiors = [i for i in node.interiors if still.isdisjoint(i.inner[:2])]
                newest = [term for term in node.newest if term.line not in still]
                node = Node(tuple(interiors), tuple(newest), node.divisor)
            if not node.interiors and not node.newest:
                still.add(line)
        found[line] = node
    return found


def _rooted(node: Node | Choice, nodes: Nodes) -> Node | Choice:
    """Have interiors of the lines that their factors are multiples of."""
    if isinstance(node, Choice) or not node.interiors:
        return node
    interiors = []
    for number, values, inner, over_degree in node.interiors:
        lines = []
        for line in (inner.a, inner.b):
            while (root := _root(nodes.get(line))) is not None:
                number, values, line = number * root.number, (*values, *root.values), root.line
            lines.append(line)
        inner = Inner(lines[0], lines[1], inner.weighted)
        interiors.append(Interior(number, values, inner, over_degree))
    return node._replace(interiors=tuple(interiors))


def _root(node: Node | Choice | None) -> Newest | None:
    """Give the line that a node is a multiple of."""
    if not isinstance(node, Node) or node.interiors or node.divisor is not None:
        return None
    return node.newest[0] if len(node.newest) == 1 else None


def _shared(node: Node | Choice) -> Node | Choice:
    """Write one of two weighted interiors of the same factors by the other."""
    if isinstance(node, Choice) or not node.interiors:
        return node
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
    for node in nodes.values():
        for inner in _inners(node):
            shared[inner] = shared.get(inner, 0) + 1
    for node in nodes.values():
        weight = 1 if isinstance(node, Node) else 2  # a choice is between lines, not sums
        for line in _operands(node):
            uses[line] = uses.get(line, 0) + weight
        for inner in _inners(node):
            uses[inner.a] = uses[inner.b] = 2
    opening = {
        line: node
        for line, node in nodes.items()
        if isinstance(node, Node)
        and node.divisor is None
        and uses.get(line) == 1
        and all(shared[inner] == 1 for inner in _inners(node))
    }
    for line in _products_of_long_sums(nodes, opening):
        del opening[line]
    return {
        line: _opened(node, opening) if isinstance(node, Node) else node
        for line, node in nodes.items()
        if line not in opening
    }


def _products_of_long_sums(nodes: Nodes, opening: dict[int, Node]) -> list[int]:
    """Give the products that sums are not to take in, for they have too many."""
    counts: dict[int, int] = {}
    for line, node in nodes.items():
        taken = [i for i in _operands(node) if i in opening]
        counts[line] = sum(1 if opening[i].interiors else counts.get(i, 0) for i in taken)
    long = {line for line, count in counts.items() if count > MOST_PRODUCTS}
    for line in reversed(nodes):
        if line in long:
            long.update(i for i in _operands(nodes[line]) if i in opening)
    return [line for line in opening if line in long and opening[line].interiors]


def _opened(node: Node, opening: dict[int, Node]) -> Node:
    if opening.keys().isdisjoint([term.line for term in node.newest]):
        return node
    interiors, newest = list(node.interiors), []
    todo = list(reversed(node.newest))
    while todo:
        term = todo.pop()
        below = opening.get(term.line)
        if below is None:
            newest.append(term)
            continue
        interiors += [
            Interior(term.number * number, (*term.values, *values), inner, over_degree)
            for number, values, inner, over_degree in below.interiors
        ]
        todo += [
            Newest(term.number * number, (*term.values, *values), line)
            for number, values, line in reversed(below.newest)
        ]
    return node._replace(interiors=tuple(interiors), newest=_collected(newest))
