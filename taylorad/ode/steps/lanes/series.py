"""The end of a step of trajectories side by side: sums of series, in as few operations as can be.

Vectors of many trajectories keep the processor busy. So it counts how many operations there are,
not how long they wait for one another.
"""

from __future__ import annotations

from collections.abc import Sequence

from taylorad.ode.steps.batch import Batch
from taylorad.ode.steps.code import Name
from taylorad.ode.steps.core import Access
from taylorad.ode.steps.unrolled import Unrolled
from taylorad.ode.tracing.recurrences import Node, Recurrences

__all__ = ["Series"]

WORTH = 4
"""To follow a component takes about as long as so many degrees."""


class Series(Unrolled):
    """A core whose series are summed up by Horner's rule.

    Attributes
    ----------
    follows : bool
        Whether rates that are linear in the components are summed up with these.
    followed : dict of int to list of (float, int)
        The components whose rates are sums of multiples of components: the series of such a rate
        has been summed up with these.
    """

    follows = True
    code: Batch

    def __init__(self, recurrences: Recurrences, order: int, batch: int) -> None:
        super().__init__(recurrences, order, batch)
        rates = enumerate(self.system.rates if self.follows else ())
        self.followed = {i: terms for i, line in rates if (terms := self.linear(line))}

    def linear(self, line: int) -> list[tuple[float, int]]:
        """Give the multiples of components that a line is the sum of, but for a constant."""
        if line < self.n:
            return [(1.0, line)]
        node = self.recurrences.nodes.get(line)
        if not isinstance(node, Node) or node.interiors or node.divisor is not None:
            return []
        if len(node.newest) > self.order // WORTH:
            return []
        if any(term.values or term.line >= self.n for term in node.newest):
            return []
        return [(term.number, term.line) for term in node.newest]

    def powers(self, h: str, width: int) -> list[str]:
        return [h, self.code.multiply(h, h) or ""]

    def series(self, access: Access, powers: Sequence[str]) -> tuple[str, str]:
        """Sum even and odd degrees up as Horner does, and the derivatives with them."""
        code, (h, square) = self.code, powers
        follows = access.start in self.followed
        sums: list[Name] = []
        slopes: list[Name] = []
        for first in (1, 2):
            total: Name = None
            slope: Name = None
            for k in reversed(range(first, self.order + 1, 2)):
                if not follows:
                    slope = code.fused(slope, square, total)
                total = code.fused(total, square, self.part(access, k))
            sums.append(total)
            slopes.append(slope)
        total = code.fused(sums[1], h, sums[0])
        gain = code.fused(total, h, access.load("lost")) or ""
        # With u = h h, of E(u) + h O(u) the derivative is O(u) + 2 h (E'(u) + h O'(u)).
        slope = code.fused(code.fused(slopes[1], h, slopes[0]), code.add(h, h), sums[1])
        return gain, code.fused(slope, h, total) or ""

    def advance(self, h: str) -> None:
        super().advance(h)
        if not self.followed:
            return
        # The rate goes without the last parts of what it follows.
        code, power = self.code, self._last_power(h)
        for i, terms in self.followed.items():
            rate = self._rate_but_for(terms, i)
            for number, line in terms:
                now = code.load(self.arrays["x"], line)
                last = code.negative(self.part(self.accesses[line], self.order))
                rate = self._plus(number, code.fused(last, power, now), rate)
            code.store(rate, self.arrays["foreseen"], i)

    def _rate_but_for(self, terms: Sequence[tuple[float, int]], i: int) -> Name:
        """Give a rate at the beginning of the step less what it follows there."""
        if self.system.rates[i] < self.n:
            return None
        rate = self.rate(i, 0)
        for number, line in terms:
            rate = self._plus(-number, self.values[line], rate)
        return rate

    def _plus(self, number: float, x: Name, total: Name) -> Name:
        """Add a multiple."""
        if number == 1.0:
            return self.code.add(total, x)
        return self.code.fused(x, self.code.constant(number), total)

    def _last_power(self, h: str) -> Name:
        """Give the power of h that the parts of the last degree are multiplied by."""
        power: Name = None
        square: Name = h
        for k in range(self.order.bit_length()):
            if self.order >> k & 1:
                power = square if power is None else self.code.multiply(power, square)
            square = self.code.multiply(square, square)
        return power
