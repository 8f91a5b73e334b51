"""What it takes to get from the parts of degree below k to those of degree k.

Each line of a system's program is a *node*: a sum of the interiors of convolutions, which need only
older parts and so can all be computed first, and of *newest* terms, values times parts of degree k:

    y_k = (sum of numbers * values * interiors [/ k] + sum of numbers * values * parts) [/ value]

The interior of a convolution is ``sum of a_j b_(k-j)`` over 0 < j < k. It is this form that makes
the machine code fast: no matter how the nodes depend on each other, all interiors of a degree are
independent of one another.

Two rules make interiors fewer. A factor that is a multiple of another line, up to a constant, is
that line: interiors have no part of degree 0. And where both ``a D b`` and ``b D a`` are wanted, as
for a power, the second is k times the plain product less the first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

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
from taylorad.ode.system import System
from taylorad.primitives.elementwise import add, divide, multiply, negative, subtract
from taylorad.primitives.linear import select

__all__ = ["Choice", "Inner", "Interior", "Newest", "Node", "Recurrences"]


@dataclass(frozen=True)
class Inner:
    """The interior of a convolution: of the parts of a, or those of D a, with those of b."""

    a: int
    b: int
    weighted: bool = False

    @property
    def is_square(self) -> bool:
        """Whether terms come in equal pairs."""
        return self.a == self.b and not self.weighted


@dataclass(frozen=True)
class Newest:
    """A number times the values of lines times the newest part of a line."""

    number: float
    values: tuple[int, ...]
    line: int


@dataclass(frozen=True)
class Interior:
    """A number times the values of lines times an interior, maybe divided by the degree."""

    number: float
    values: tuple[int, ...]
    inner: Inner
    over_degree: bool = False


@dataclass(frozen=True)
class Node:
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


@dataclass(frozen=True)
class Choice:
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
        needed = self._needed(self.wanted)
        found: dict[int, Node | Choice] = {}
        for line in sorted(needed):
            if steps[line].moves and steps[line].primitive is not None:
                found[line] = _node(steps, part(self.system.program, line))
        found = {line: _shared(_rooted(node, found)) for line, node in found.items()}
        found = _merged(found, self.wanted)
        kept = _reached(found, self.wanted)
        self.nodes = {line: node for line, node in found.items() if line in kept}
        self.values = [i for i in sorted(needed) if steps[i].primitive is not None]
        inners = [i for node in self.nodes.values() for i in _inners(node)]
        self.inners = list(dict.fromkeys(inners))

    @property
    def steps(self) -> tuple[Step, ...]:
        """The lines of the program."""
        return self.system.program.steps

    def _needed(self, wanted: Iterable[int]) -> set[int]:
        needed: set[int] = set()
        todo = [*wanted, *(i for i, _, _ in self.system.guards)]
        while todo:
            line = todo.pop()
            if line not in needed:
                needed.add(line)
                todo += self.steps[line].needs
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
    interiors: list[Interior] = []
    newest: list[Newest] = []
    for number, values, term in _terms(steps, expression, 1.0, ()):
        match term:
            case Part(line) | Weighted(line):
                newest.append(Newest(number, values, line))
            case Convolution(a, b, weighted, low, high):
                interiors.append(Interior(number, values, Inner(a, b, weighted), over_degree))
                if not low:
                    newest.append(Newest(number, (*values, a), b))
                if not high:
                    newest.append(Newest(number, (*values, b), a))
    return Node(tuple(interiors), _collected(newest), divisor)


_Term = tuple[float, tuple[int, ...], Part | Weighted | Convolution]


def _terms(
    steps: tuple[Step, ...], expression: Expression, number: float, values: tuple[int, ...]
) -> Iterable[_Term]:
    match expression:
        case Part() | Weighted() | Convolution():
            yield number, values, expression
        case Value():
            pass  # the number zero: constants have no parts
        case Apply(row, (x,)) if row is negative:
            yield from _terms(steps, x, -number, values)
        case Apply(row, (x, y)) if row is add or row is subtract:
            yield from _terms(steps, x, number, values)
            yield from _terms(steps, y, number if row is add else -number, values)
        case Apply(row, (x, y)) if row is multiply:
            if isinstance(x, Value):
                x, y = y, x
            assert isinstance(y, Value)
            if y.line is None:
                return
            factor = steps[y.line].number if steps[y.line].primitive is None else None
            if factor is None:
                yield from _terms(steps, x, number, (*values, y.line))
            else:
                yield from _terms(steps, x, number * float(factor), values)
        case _:
            raise AssertionError(expression)


def _collected(newest: Iterable[Newest]) -> tuple[Newest, ...]:
    """Add up the numbers of equal terms."""
    numbers: dict[tuple[tuple[int, ...], int], float] = {}
    for term in newest:
        key = (tuple(sorted(term.values)), term.line)
        numbers[key] = numbers.get(key, 0.0) + term.number
    return tuple(Newest(n, values, line) for (values, line), n in numbers.items() if n)


# --- fewer interiors, and fewer nodes -----------------------------------------------------------

Nodes = dict[int, Node | Choice]


def _rooted(node: Node | Choice, nodes: Nodes) -> Node | Choice:
    """Have interiors of the lines that their factors are multiples of."""
    if isinstance(node, Choice):
        return node
    interiors = []
    for term in node.interiors:
        number, values, inner = term.number, term.values, term.inner
        lines = []
        for line in (inner.a, inner.b):
            while (root := _root(nodes.get(line))) is not None:
                number, values, line = number * root.number, (*values, *root.values), root.line
            lines.append(line)
        interiors.append(
            replace(
                term, number=number, values=values, inner=replace(inner, a=lines[0], b=lines[1])
            )
        )
    return replace(node, interiors=tuple(interiors))


def _root(node: Node | Choice | None) -> Newest | None:
    """Give the line that a node is a multiple of."""
    if not isinstance(node, Node) or node.interiors or node.divisor is not None:
        return None
    return node.newest[0] if len(node.newest) == 1 else None


def _shared(node: Node | Choice) -> Node | Choice:
    """Write one of two weighted interiors of the same factors by the other."""
    if isinstance(node, Choice):
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
    return replace(node, interiors=tuple(interiors))


def _merged(nodes: Nodes, wanted: Iterable[int]) -> Nodes:
    """Put sums that one other sum needs in their place."""
    uses: dict[int, int] = dict.fromkeys(wanted, 2)
    for node in nodes.values():
        for line in _operands(node):
            uses[line] = uses.get(line, 0) + 1
        for inner in _inners(node):
            for line in (inner.a, inner.b):
                uses[line] = 2
    found: Nodes = {}
    for line, node in nodes.items():
        found[line] = _opened(node, found, uses) if isinstance(node, Node) else node
    return found


def _opened(node: Node, found: Nodes, uses: dict[int, int]) -> Node:
    interiors, newest = list(node.interiors), []
    for term in node.newest:
        below = found.get(term.line)
        if not isinstance(below, Node) or below.divisor is not None or uses[term.line] > 1:
            newest.append(term)
            continue
        interiors += [
            replace(i, number=term.number * i.number, values=(*term.values, *i.values))
            for i in below.interiors
        ]
        newest += [
            Newest(term.number * t.number, (*term.values, *t.values), t.line) for t in below.newest
        ]
    return replace(node, interiors=tuple(interiors), newest=_collected(newest))
