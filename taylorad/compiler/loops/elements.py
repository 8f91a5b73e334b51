"""What is computed inside a loop nest: loads, operations, each of them once.

`Elements` is a value-numbered graph of all entries that one pass through a nest needs. Known zeros
drop out of it; an entry knows how deep in the nest it has to be computed.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from taylorad.compiler.loops.indices import Affine, Index, Request, entries
from taylorad.compiler.loops.pulling import Step, Test, step
from taylorad.compiler.loops.source import Source
from taylorad.primitives.elementwise import add, divide, multiply, negative, subtract
from taylorad.primitives.linear import select
from taylorad.primitives.registry import TABLE, Primitive
from taylorad.wengert.list import Line, frozen
from taylorad.wengert.trace import convert

__all__ = ["NONE", "Element", "Elements"]

NONE = -1
"""Number of the known zero."""


class Element(NamedTuple):
    """An entry.

    Attributes
    ----------
    kind : {"f", "i", "b"}
    level : int
        How many of the loops, from the outermost on, it is inside of.
    row : Primitive or None
    operands : tuple of int
    detail : Any
        The parameters of a row; for a load the line and the index; for a number the number; for a
        test the `Test`.
    """

    kind: str
    level: int
    row: Primitive | None
    operands: tuple[int, ...]
    detail: Any

    @property
    def is_number(self) -> bool:
        """Whether it is known while compiling."""
        return self.row is None and not isinstance(self.detail, tuple)

    @property
    def is_load(self) -> bool:
        """Whether it is read from memory."""
        return self.row is None and isinstance(self.detail, tuple) and not self.is_test

    @property
    def is_test(self) -> bool:
        """Whether it tells where an index lies."""
        return isinstance(self.detail, Test)


@dataclass
class Elements:
    """All that a pass through a nest computes.

    Parameters
    ----------
    source : Source
    extents : tuple of int
        Of the loops of the nest.

    Attributes
    ----------
    members : list of Element
    at : dict of Request to int
        The element that an entry of a line is.
    """

    source: Source
    extents: tuple[int, ...]
    members: list[Element] = field(default_factory=list)
    at: dict[Request, int] = field(default_factory=dict)
    _seen: dict[Any, int] = field(default_factory=dict)

    def pull(self, wanted: Iterable[Request], stored: Container[int]) -> None:
        """Compute entries, from those of stored lines.

        Parameters
        ----------
        wanted : iterable of Request
        stored : container of int
            The lines that lie in memory, inputs and constants apart.

        Raises
        ------
        taylorad.compiler.loops.indices.Split
            If the nest is to be split first.
        """
        steps: dict[Request, Step | None] = {}
        waiting = list(wanted)[::-1]
        while waiting:
            request = waiting[-1]
            if request in self.at:
                waiting.pop()
                continue
            number, index = request
            known = request in steps
            if not known:
                leaf = self.source.lines[number].row is None or number in stored
                steps[request] = None if leaf else step(self.source, number, index, self.extents)
            found = steps[request]
            needs = [*entries(index)]
            if found is not None:
                needs += found.requests
                needs += (need for test in found.tests for need in entries((test.place,)))
            missing = () if known else [need for need in needs if need not in self.at]
            if missing:
                waiting += missing[::-1]
            else:
                self.at[request] = self._element(request, found)
                waiting.pop()

    def value(self, wanted: Sequence[Request], kind: str) -> int:
        """Give an entry that has been pulled, or the product of two."""
        factors = [self.at[request] for request in wanted]
        if len(factors) == 1:
            return self.converted(factors[0], kind)
        return self._apply(multiply, {}, factors, kind)

    def level(self, index: Iterable[Affine]) -> int:
        """Tell how many loops an index is inside of."""
        return max((v + 1 for a in index for v in a.loops), default=0)

    def operand(self, number: int, kind: str) -> int:
        """Give an element, a zero if there is none, as a kind of number."""
        if number == NONE:
            return self.number(0, kind)
        return self.converted(number, kind)

    def number(self, value: Any, kind: str) -> int:
        """Give a number as an element."""
        return self._add(Element(kind, 0, None, (), value), ("number", kind, repr(value)))

    def converted(self, number: int, kind: str) -> int:
        """Give an element as another kind of number."""
        if number == NONE or self.members[number].kind == kind:
            return number
        element = self.members[number]
        if element.is_number and kind == "f" and abs(element.detail) < 2**53:
            return self.number(float(element.detail), kind)
        return self._apply(convert, {}, [number], kind)

    def _element(self, request: Request, made: Step | None) -> int:
        number, index = request
        line = self.source.lines[number]
        kind = line.dtype.kind
        if made is None:
            return self._leaf(line, number, index)
        found = [self.at[r] for r in made.requests]
        if made.kind == "zero":
            return NONE
        if made.kind == "same":
            return self.converted(found[0], kind)
        if made.kind == "apply":
            assert line.row is not None
            return self._apply(line.row, line.params, found, kind)
        if made.kind == "choose":
            tests = [self._test(test) for test in made.tests]
            both = tests[0]
            for other in tests[1:]:
                both = self._apply(_BOTH, {}, [both, other], "b")
            return self._chosen(both, found[0], found[1] if len(found) > 1 else NONE, kind)
        if made.kind == "pick":
            result = found[-1]
            for test, option in zip(made.tests[::-1], found[-2::-1], strict=True):
                result = self._chosen(self._test(test), option, result, kind)
            return self.converted(result, kind)
        if made.kind == "products":
            pairs = zip(found[::2], found[1::2], strict=True)
            found = [self._apply(multiply, {}, list(pair), kind) for pair in pairs]
        total = self.converted(found[0], kind)
        for term in found[1:]:
            total = self._apply(add, {}, [total, self.converted(term, kind)], kind)
        return total

    def _leaf(self, line: Line, number: int, index: Index) -> int:
        kind = line.dtype.kind
        if line.is_constant:
            value = np.asarray(line.value)
            if not any(a.terms for a in index):
                return self.number(value[tuple(a.offset for a in index)].item(), kind)
            if (same := self.source.uniform(number)) is not None:
                return self.number(same, kind)
        element = Element(kind, self.level(index), None, (), (number, index))
        return self._add(element, ("load", number, index))

    def _test(self, test: Test) -> int:
        element = Element("b", self.level((test.place,)), None, (), test)
        return self._add(element, ("test", test))

    def _chosen(self, test: int, yes: int, no: int, kind: str) -> int:
        if yes == no:
            return yes
        return self._apply(select, {}, [yes, no, test], kind)

    def _apply(self, row: Primitive, params: dict[str, Any], found: list[int], kind: str) -> int:
        if NONE in found:
            simple = self._without_zeros(row, found, kind)
            if simple is not None:
                return simple
            found = [self.number(0, kind) if n == NONE else n for n in found]
        elements = [self.members[n] for n in found]
        if row is multiply and kind == "f" and (simple := self._scaled(found)) is not None:
            return simple
        level = max((e.level for e in elements), default=0)
        params = {k: v for k, v in params.items() if k != "condition"} if params else params
        key = (row, frozen(params) if params else (), *found, kind)
        return self._add(Element(kind, level, row, tuple(found), params), key)

    def _scaled(self, found: list[int]) -> int | None:
        """Scale by one number where two are asked for, if their product is not rounded."""
        for one, other in (found, found[::-1]):
            scale, inner = self.members[one], self.members[other]
            if not (scale.is_number and inner.row is multiply and inner.kind == "f"):
                continue
            for second, x in (inner.operands, inner.operands[::-1]):
                if self.members[second].is_number and self.members[x].kind == "f":
                    product = _exact_product(scale.detail, self.members[second].detail)
                    if product is not None:
                        return self._apply(multiply, {}, [self.number(product, "f"), x], "f")
        return None

    def _without_zeros(self, row: Primitive, found: list[int], kind: str) -> int | None:
        """Give an operation of which operands are known zeros, if that leaves something simpler."""
        if row in (add, subtract):
            a, b = found
            if b == NONE:
                return self.converted(a, kind)
            b = self.converted(b, kind)
            return b if row is add else self._apply(negative, {}, [b], kind)
        if row in (multiply, negative, convert):
            return NONE
        if row is divide and found[0] == NONE:
            below = found[1]  # the mean of nothing is 0 / 0
            unknown = below != NONE and self.members[below].detail != 0
            return NONE if unknown or kind != "f" else self.number(math.nan, "f")
        if row is select and found[0] == found[1]:
            return NONE
        return None

    def _add(self, element: Element, key: Any) -> int:
        if key not in self._seen:
            self._seen[key] = len(self.members)
            self.members.append(element)
        return self._seen[key]


def _exact_product(a: float, b: float) -> float | None:
    """Give the product of two numbers, if it is not rounded and so as good as multiplying twice."""
    a, b = float(a), float(b)
    if not math.isfinite(a * b) or abs(a * b) < 2.0**-900:
        return None
    return a * b if Fraction(a) * Fraction(b) == Fraction(a * b) else None


_BOTH = TABLE[np.logical_and]
