"""The end of a step of trajectories side by side: sums of series, in as few operations as can be.

Vectors of many trajectories keep the processor busy. So it counts first of all how many operations
there are, and only then how long they wait for one another.
"""

from __future__ import annotations

from collections.abc import Sequence

from taylorad.ode.steps.batch import Batch
from taylorad.ode.steps.code import Name
from taylorad.ode.steps.core import Access
from taylorad.ode.steps.stepsize import bounded
from taylorad.ode.steps.unrolled import Unrolled
from taylorad.ode.tracing.recurrences import Node, Recurrences

__all__ = ["Series"]

CHAINS = 4
"""A sum is in parts that are under way together."""

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
        """Give h, its square, its fourth power, and four times that."""
        code = self.code
        square = code.multiply(h, h) or ""
        fourth = code.multiply(square, square) or ""
        return [h, square, fourth, code.multiply(fourth, code.constant(float(CHAINS))) or ""]

    def series(self, access: Access, powers: Sequence[str]) -> tuple[str, str]:
        """Sum every fourth degree up as Horner does, and the derivatives with them.

        That are as many operations as for all degrees in one sum, and a quarter of the wait.
        """
        code, (h, _, fourth, power) = self.code, powers
        follows = access.start in self.followed
        sums: list[Name] = []
        slopes: list[Name] = []
        for first in range(1, CHAINS + 1):
            total: Name = None
            slope: Name = None
            for k in reversed(range(first, self.order + 1, CHAINS)):
                if not follows:
                    slope = code.fused(slope, fourth, total)
                total = code.fused(total, fourth, self.part(access, k))
            sums.append(total)
            slopes.append(slope)
        total = self._joined(sums, powers)
        gain = code.fused(total, h, access.load("lost")) or ""
        if follows:
            return gain, total or ""
        # With u = h**4, of h**k P(u) the derivative is h**(k - 1) (k P(u) + 4 u P'(u)).
        rates = [
            code.fused(slope, power, code.multiply(x, code.constant(float(k))) if k > 1 else x)
            for k, (x, slope) in enumerate(zip(sums, slopes, strict=True), 1)
        ]
        return gain, self._joined(rates, powers) or ""

    def _joined(self, sums: Sequence[Name], powers: Sequence[str]) -> Name:
        """Give the sum of the sums, times the powers of h from 0 on."""
        code, (h, square, *_) = self.code, powers
        low, high = (code.fused(b, h, a) for a, b in (sums[:2], sums[2:]))
        return code.fused(high, square, low)

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
        return bounded(self.code, power or "")
