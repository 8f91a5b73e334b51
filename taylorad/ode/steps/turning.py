"""The machine code of a system with many derivatives: lines in rows, and a loop over degrees.

Two degrees are written, the even ones and the next; all others are done by the same code. Written
out each would take as long to compile, and they would be more than a processor keeps at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from taylorad.ode.steps.code import Name, array_of, kind_of
from taylorad.ode.steps.core import Access
from taylorad.ode.steps.rowed import Rowed
from taylorad.ode.steps.unrolled import Degree, padded
from taylorad.ode.tracing.recurrences import Inner, Recurrences

__all__ = ["Turning"]


class Turning(Rowed):
    """The text of a core with lines in rows, and a loop over degrees.

    Attributes
    ----------
    columns : dict of Access to str
        Where the parts of components stand that are in no row, side by side.
    """

    def __init__(self, recurrences: Recurrences, order: int) -> None:
        super().__init__(recurrences, order)
        self.rounds = (self.end - 1) // 2
        self.length = 2 * self.rounds + 3
        self.columns: dict[Access, str] = {}
        self.numbers: dict[Degree, str] = {}
        kept = [i for i in [*self.rows, *recurrences.wanted[self.n :]] if self.steps[i].moves]
        for line in kept:
            self.sums.arrays.setdefault((line, False), "")

    def is_looped(self, inner: Inner) -> bool:
        return True

    def enter(self) -> None:
        for access in self.accesses:
            if self.members[access][0] not in self.rows:
                self.columns[access] = self.claim(self.length * access.width)
        inverses = [Fraction(1, max(k, 1)) for k in range(self.length)]
        rests = [float(x - Fraction(float(x))) for x in inverses]
        for name, numbers in (("inverses", [*map(float, inverses)]), ("rests", rests)):
            self.globals.append(f"@{name} = private constant {array_of(numbers, 'f8')}")
        super().enter()

    # --- degrees -----------------------------------------------------------------------------

    def expand(self, size: Callable[[], str]) -> str:
        code, components = self.code, self.components
        self.degree(0)
        self.degree(1)
        self._record(1)
        begin = [(kind_of(self.width(i)), self._whole(i, 2)) for i in components]
        last = code.loop(self.rounds + 1, self._round, *begin, start=1)
        self._put(last, self.length - 1)
        self._record(self.length - 1, of_components=True)
        return size()

    def _whole(self, line: int, k: Degree) -> str:
        return self.in_row(self._part(line, k), line)

    def _put(self, parts: Sequence[str], k: Degree) -> None:
        """Take note of the parts of components."""
        for i, part in zip(self.components, parts, strict=True):
            self.put(i, k, self.code.row(part, self.width(i)) if i in self.lengths else part)

    def _round(self, number: str, *parts: str) -> list[str]:
        """Write an even degree and the next; give the components of the degree after."""
        code = self.code
        k = code.let(f"shl nuw nsw i64 {number}, 1")
        before, after, following = (code.let(f"add nsw i64 {k}, {more}") for more in (-1, 1, 2))
        self.sums.read(before)
        self._put(parts, k)
        inners = self.sums.even(k, before)
        for line in self.recurrences.nodes:
            self.put(line, k, self.node(line, k, inners))
        for i in self.components:
            self.put(i, after, self.over(self.rate(i, k), after))
        self._record(k)
        inners = self.sums.odd(after, k)
        for line in self.recurrences.nodes:
            self.put(line, after, self.node(line, after, inners))
        self._record(after)
        rates = ((i, self.over(self.rate(i, after), following)) for i in self.components)
        return [self.in_row(rate, i) for i, rate in rates]

    def _record(self, k: Degree, *, of_components: bool = False) -> None:
        """Write parts to where they are read again."""
        code = self.code
        self.sums.record(k, [(i, False) for i in self.rows] if of_components else None)
        for access, array in self.columns.items():
            names = [self._part(i, k) for i in self.members[access]]
            parts = code.packed(padded(names, access.width))
            code.store(parts, array, self.place(k, access.width), access.width)

    def over(self, x: Name, k: Degree, onto: Name = None) -> Name:
        if isinstance(k, int):
            return super().over(x, k, onto)
        high, rest = (self.code.load(f"@{name}", k) for name in ("inverses", "rests"))
        return self.code.fused(x, high, self.code.fused(x, rest, onto))

    def degree_of(self, k: Degree) -> str:
        if isinstance(k, int):
            return super().degree_of(k)
        if k not in self.numbers:
            self.numbers[k] = self.code.let(f"uitofp i64 {k} to double")
        return self.numbers[k]

    # --- for the loop over steps --------------------------------------------------------------

    def part(self, access: Access, k: int) -> str:
        array = self.columns.get(access) or self.sums.arrays[self.members[access][0], False]
        return self.code.load(array, k * access.width, access.width)

    def table(self, line: int) -> str:
        table = self.sums.arrays[line, False]
        self.code.store(self._whole(line, 0), table, 0, self.width(line))
        return table

    def keep_line(self, line: int, parts: str, place: int) -> None:
        code, length = self.code, self.order + 1
        if line in self.lengths or line in self.beside or not self.steps[line].moves:
            super().keep_line(line, parts, place)
            return
        array, lane, width = "", 0, 1
        if line < self.n:
            access = next(x for x in self.columns if line in self.members[x])
            array, width = self.columns[access], access.width
            lane = self.members[access].index(line)
        else:
            array = self.sums.arrays[line, False]
        code.store(self._part(line, 0), parts, place * length)

        def degree(k: str) -> list[str]:
            at = code.let(f"add nuw nsw i64 {self.place(k, width)}, {lane}")
            to = code.let(f"add nuw nsw i64 {k}, {place * length}")
            code.store(code.load(array, at), parts, to)
            return []

        code.loop(length, degree, start=1)
