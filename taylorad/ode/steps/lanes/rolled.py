"""The machine code of trajectories side by side: a loop over the degrees, two in each round.

The first degrees are written out, for dividing by them takes two words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from taylorad.compiler.emitter import literal
from taylorad.ode.steps.code import DRIFT, Name
from taylorad.ode.steps.core import Access
from taylorad.ode.steps.lanes.pairs import Pairs
from taylorad.ode.steps.stepsize import decisive
from taylorad.ode.steps.unrolled import Degree
from taylorad.ode.tracing.recurrences import Recurrences

__all__ = ["Rolled"]


MOST_WRITTEN = 2
"""Up to so many convolutions all degrees are written out: short loops are hard to foresee."""


class Rolled(Pairs):
    """The text of a core whose orders are a loop.

    Attributes
    ----------
    first : int
        The first degree in the loop; even, and 4 at the least.
    follows : bool
        Whether rates that are components are summed up with these.
    """

    first, follows = DRIFT, True

    def __init__(self, recurrences: Recurrences, order: int, batch: int) -> None:
        super().__init__(recurrences, order, batch)
        self.first = min(self.first, order)
        rates = enumerate(self.system.rates)
        self.followed = {i: line for i, line in rates if line < self.n} if self.follows else {}
        high = [1 / max(k, 1) for k in range(self.length)]
        low = [float(Fraction(1, max(k, 1)) - Fraction(x)) for k, x in enumerate(high)]
        self.table("inverses", "double", [literal(x, "f") for x in high])
        self.table("rests", "double", [literal(x, "f") for x in low])
        self.inverses: dict[Degree, tuple[str, str | None]] = {}

    def over(self, x: Name, k: Degree, onto: Name = None) -> Name:
        if isinstance(k, int):
            return super().over(x, k, onto)
        if k not in self.inverses:
            low = self._entry("rests", k) if self.first < DRIFT else None
            self.inverses[k] = self._entry("inverses", k), low
        high, low = self.inverses[k]
        return self.code.fused(x, high, self.code.fused(x, low, onto))

    def _entry(self, table: str, k: str) -> str:
        at = self.code.let(f"getelementptr double, ptr @{table}, i64 {k}")
        return self.code.broadcast(self.code.let(f"load double, ptr {at}"))

    # --- components ----------------------------------------------------------------------------

    def evaluate(self) -> None:
        super().evaluate()
        time = self.system.time
        self.put(time, 1, self.parts[time, 1])

    def part(self, access: Access, k: int) -> str:
        place: Degree
        if isinstance(access.start, int):
            place = access.start * self.length + k
        else:
            place = self.sum(self.code.let(f"mul nsw i64 {access.start}, {self.length}"), k)
        return self.code.load(self.history, place)

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
        # A rate that is another component has been summed up with that, but for its last part,
        # which the component itself does without.
        if self.followed:
            code, power = self.code, self._last_power(h)
            for i, other in self.followed.items():
                part = code.load(self.stream(other), self.order)
                rate = code.fused(code.negative(part), power, code.load(self.arrays["x"], other))
                code.store(rate, self.arrays["foreseen"], i)

    def _last_power(self, h: str) -> Name:
        """Give the power of h that the parts of the last degree are multiplied by."""
        power: Name = None
        square: Name = h
        for k in range(self.order.bit_length()):
            if self.order >> k & 1:
                power = square if power is None else self.code.multiply(power, square)
            square = self.code.multiply(square, square)
        return power

    # --- orders ------------------------------------------------------------------------------

    def expand(self, size: Callable[[], str]) -> str:
        for k in range(self.first):
            self.degree(k)
        start, end = -(-self.first // 2), (self.order + 1) // 2
        # Where a step can be chosen before the last round, that has text of its own.
        is_early = start < end and decisive(self.order) <= 2 * (end - 1)

        def one(number: Degree, *newest: str) -> Sequence[str]:
            k = self.twice(number)
            self.carry(k, newest)
            return self.carried(self._round(k))

        stop = end - is_early
        newest = self.repeat(start, self._looped(stop), one, self.carried(self.first))
        chosen = size()
        if is_early:
            one(self._looped(stop), *newest)
        return chosen

    def _looped(self, number: int) -> Degree:
        """Give a number that text is written for, or in a register, for a loop."""
        if len(self.recurrences.inners) <= MOST_WRITTEN:
            return number
        return self.code.let(f"add i64 0, {number}")

    @property
    def moving(self) -> list[int]:
        """The components that have parts of all degrees."""
        return [i for i in range(self.n) if self.is_computed(i)]

    def carried(self, k: Degree) -> list[str]:
        """Give the newest parts of components, which a round takes over from that before."""
        zero = self.code.constant(0.0)
        return [self.parts[i, k] or zero for i in self.moving]

    def carry(self, k: Degree, newest: Sequence[str]) -> None:
        """Take note of what a round takes over."""
        for i, part in zip(self.moving, newest, strict=True):
            self.parts[i, k] = part

    def _round(self, k: Degree) -> Degree:
        """Write the parts of degrees k and k + 1, and those of components up to k + 2."""
        middle, last = self.sum(k, 1), self.sum(k, 2)
        now, later = self.pairs(k)
        for degree, following, sums in ((k, middle, now), (middle, last, later)):
            for line in self.recurrences.nodes:
                self.put(line, degree, self.node(line, degree, sums))
            for i in self.moving:
                self.put(i, following, self.over(self.rate(i, degree), following))
        return last
