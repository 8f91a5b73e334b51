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


class Rolled(Pairs):
    """The text of a core whose orders are a loop.

    Attributes
    ----------
    first : int
        The first degree in the loop; even, and 4 at the least.
    """

    first = DRIFT

    def __init__(self, recurrences: Recurrences, order: int, batch: int) -> None:
        super().__init__(recurrences, order, batch)
        self.first = min(self.first, order)
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

    # --- orders ------------------------------------------------------------------------------

    def expand(self, size: Callable[[], str]) -> str:
        for k in range(self.first):
            self.degree(k)
        start, end = -(-self.first // 2), (self.order + 1) // 2
        # Where a step can be chosen before the last round, that has text of its own.
        is_early = start < end and decisive(self.order) <= 2 * (end - 1)

        def one(number: str, *newest: str) -> Sequence[str]:
            k = self.twice(number)
            self.carry(k, newest)
            return self.carried(self._round(k))

        stop = end - is_early
        kind = self.code.kind()
        begin = [(kind, part) for part in self.carried(self.first)]
        newest = self.code.loop(stop, one, *begin, start=start)
        chosen = size()
        if is_early:
            one(self.code.let(f"add i64 0, {stop}"), *newest)
        return chosen

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

    def _round(self, k: str) -> str:
        """Write the parts of degrees k and k + 1, and those of components up to k + 2."""
        middle, last = self.sum(k, 1), self.sum(k, 2)
        now, later = self.pairs(k)
        for degree, following, sums in ((k, middle, now), (middle, last, later)):
            for line in self.recurrences.nodes:
                self.put(line, degree, self.node(line, degree, sums))
            for i in self.moving:
                self.put(i, following, self.over(self.rate(i, degree), following))
        return last
