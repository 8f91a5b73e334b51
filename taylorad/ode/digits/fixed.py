"""The recurrences of a system as a Python function on whole numbers.

The series of a step are computed in fixed point: a part is a Python integer times a power of two
that is the line's own. Time is counted in units near the radius of convergence, so that parts of
all degrees are of one size, and a convolution is a sum of products of integers, without one
normalisation. The higher the degree, the fewer digits a part needs, for it will be multiplied by a
high power of the step: every `BLOCK` degrees all parts lose bits, and products become cheaper.

The function is written out for a system, as the recurrences of `taylorad.forward.recurrence` are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from operator import mul
from typing import Any, NamedTuple

from taylorad.ode.tracing.recurrences import Choice, Inner, Node, Recurrences

__all__ = ["BLOCK", "Factor", "Term", "Writer"]

BLOCK = 8
"""After so many degrees parts lose bits."""


class Factor(NamedTuple):
    """A number times the values of lines, over the value of another.

    Attributes
    ----------
    number, values, divisor
    condition : (int, bool) or None
        It is 0 unless the value of a line is, or is not, zero.
    """

    number: float = 1.0
    values: tuple[int, ...] = ()
    divisor: int | None = None
    condition: tuple[int, bool] | None = None


class Term(NamedTuple):
    """One term of a recurrence: a factor, times an interior or a newest part.

    Attributes
    ----------
    target : int
        The line it belongs to.
    factor : Factor
    source : Inner or int
        The interior, or the line of the newest part.
    over_degree : bool
    """

    target: int
    factor: Factor
    source: Inner | int
    over_degree: bool = False

    @property
    def sources(self) -> tuple[int, ...]:
        """The lines that it is a product of parts of."""
        return (self.source,) if isinstance(self.source, int) else self.source[:2]


class Writer:
    """Writes ``sweep(last, heads, slope, scales, factors, shifts, drop) -> parts by lines``.

    Attributes
    ----------
    terms : list of Term
        What ``factors`` and ``shifts`` are of: a term is its factor times its source, shifted to
        the right. Behind them are those of the rates, which become parts of the components.
    lines : list of int
        What ``heads`` and the result are of.
    """

    def __init__(self, recurrences: Recurrences, order: int) -> None:
        self.recurrences, self.order = recurrences, order
        self.system = recurrences.system
        self.time = self.system.time
        self.terms = [t for line, node in recurrences.nodes.items() for t in _terms(line, node)]
        self._terms_of: dict[int, list[tuple[int, Term]]] = {}
        for place, term in enumerate(self.terms):
            self._terms_of.setdefault(term.target, []).append((place, term))
        self._numbers = {inner: i for i, inner in enumerate(recurrences.inners)}
        wanted = [*range(self.system.size), self.time, *recurrences.nodes, *recurrences.wanted]
        self.lines = list(dict.fromkeys(wanted))
        self.source = "\n".join(self._text())

    def function(self) -> Callable[..., Any]:
        """Give it."""
        return _function(self.source)

    def _text(self) -> Iterable[str]:
        n, nodes, t = self.system.size, self.recurrences.nodes, self.time
        inners = self.recurrences.inners
        histories = {i for inner in inners for i in (inner.a, inner.b)} - {t}
        weighted = {inner.a for inner in inners if inner.weighted} - {t}
        # Those of lines that are in convolutions begin with degree 1, others with their values.
        lists = [*(f"p{i}" for i in sorted(histories)), *(f"w{i}" for i in sorted(weighted))]
        count = len(self.terms) + n
        yield "def sweep(last, heads, slope, factors, shifts, drop):"
        yield f"    {_unpacked('h', self.lines)} = heads"
        yield f"    {_unpacked('F', range(count))} = factors"
        yield f"    {_unpacked('S', range(count))} = shifts"
        for i in self.lines:
            yield f"    y{i}, o{i} = h{i}, [h{i}]"
        yield from (f"    {name} = []" for name in lists)
        yield "    for k in range(last):"
        yield f"        if not k % {BLOCK} and k:"
        yield "            slope >>= drop"
        yield from (f"            x{i} >>= drop" for i in range(n))
        yield from (f"            {name} = [v >> drop for v in {name}]" for name in lists)
        for number, term in enumerate(self.terms):
            if isinstance(term.source, Inner):
                yield f"            S{number} -= drop"
                yield f"            if S{number} < 0:"
                yield f"                F{number} <<= -S{number}; S{number} = 0"
        yield "        if k:"
        yield f"            y{t} = slope if k == 1 else 0"
        for i in self.lines:
            if i not in nodes and i != t:
                yield f"            y{i} = {f'x{i}' if i < n else 0}"
        yield from (f"            {line}" for line in self._interiors())
        for line in nodes:
            yield f"            y{line} = {self._node(line)}"
            yield f"            o{line}.append(y{line})"
        yield from (f"            p{i}.append(y{i})" for i in sorted(histories))
        yield from (f"            w{i}.append(k * y{i})" for i in sorted(weighted))
        yield f"        if k < {self.order}:"
        for i, rate in enumerate(self.system.rates):
            place = len(self.terms) + i
            yield f"            x{i} = (F{place} * y{rate} >> S{place}) // (k + 1)"
            yield f"            o{i}.append(x{i})"
        yield f"    return {', '.join(f'o{i}' for i in self.lines)},"

    def _interiors(self) -> Iterable[str]:
        inners = [i for i in self.recurrences.inners if self.time not in (i.a, i.b)]
        if any(i.is_square for i in inners):
            yield "middle = k // 2 - 1"
        for line in dict.fromkeys(i.b for i in inners if not i.is_square):
            yield f"r{line} = p{line}[::-1]"
        for number, inner in enumerate(self.recurrences.inners):
            a, b = inner.a, inner.b
            if self.time in (a, b):
                if a == self.time:
                    other = f"p{b}"
                else:
                    other = f"{'pw'[inner.weighted]}{a}"
                value = f"slope * {other}[-1] if k > 1 else 0"
                if a == b:
                    value = "slope * slope if k == 2 else 0"
            elif inner.is_square:
                pairs = f"p{a}, p{a}[:middle:-1]"
                single = f"(0 if k & 1 else p{a}[middle] * p{a}[middle])"
                value = f"2 * sum(map(mul, {pairs})) + {single}"
            else:
                value = f"sum(map(mul, {'pw'[inner.weighted]}{a}, r{b}))"
            yield f"I{number} = {value}"

    def _node(self, line: int) -> str:
        over: list[str] = []
        plain: list[str] = []
        for place, term in self._terms_of.get(line, ()):
            inner = isinstance(term.source, Inner)
            source = f"I{self._numbers[term.source]}" if inner else f"y{term.source}"  # type: ignore[index]
            (over if term.over_degree else plain).append(f"(F{place} * {source} >> S{place})")
        if over:
            plain.append(f"({' + '.join(over)}) // k")
        return " + ".join(plain) or "0"


@lru_cache(maxsize=64)
def _function(text: str) -> Callable[..., Any]:
    scope: dict[str, Any] = {"mul": mul}
    exec(text, scope)
    return scope["sweep"]  # type: ignore[no-any-return]


def _unpacked(letter: str, numbers: Iterable[int]) -> str:
    return "".join(f"{letter}{i}, " for i in numbers)


def _terms(line: int, node: Node | Choice) -> Iterable[Term]:
    if isinstance(node, Choice):
        for chosen, source in ((True, node.yes), (False, node.no)):
            if source is not None:
                yield Term(line, Factor(condition=(node.condition, chosen)), source)
        return
    for i in node.interiors:
        yield Term(line, Factor(i.number, i.values, node.divisor), i.inner, i.over_degree)
    for n in node.newest:
        yield Term(line, Factor(n.number, n.values, node.divisor), n.line)
