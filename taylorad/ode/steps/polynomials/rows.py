"""Where the numbers of a core of polynomials stand: rows of parts, and streams of them.

Components have a row for each degree; other lines one for the newest, and those that are factors
have streams.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from taylorad.compiler.emitter import literal
from taylorad.ode.steps.core import Access
from taylorad.ode.steps.polynomials.prepared import Prepared
from taylorad.ode.steps.polynomials.routines import LANES, Routines
from taylorad.ode.steps.values import Values

__all__ = ["Degree", "Rows"]

Degree = int | str
"""A degree, known or in a register."""


class Rows(Values):
    """A core whose numbers are in rows.

    Parameters
    ----------
    prepared : Prepared
    order : int
        The last degree of time.
    """

    def __init__(self, prepared: Prepared, order: int) -> None:
        super().__init__(prepared, order)
        self.of = prepared
        self.last = order if prepared.observed else order - 1
        algebra = prepared.system.algebra
        self.routines = Routines(algebra, self.last + 1)
        self.monomials, self.order_of = algebra.size, algebra.order
        self.components = len(prepared.rates)
        self.values, self.kinds = {}, {}
        self.inverses: dict[int, str] = {}
        self._places = [
            row * self.components + i for i in range(self.components) for row in range(algebra.size)
        ]
        self._places += self._places[-1:] * (-self.n % LANES)
        self.wide = -(-self.monomials // LANES) * LANES
        self.lengths = self.room + self.wide
        streams = [f for line in prepared.values for f in prepared.factors(line)]
        self.streams = dict.fromkeys(streams, 0)
        moving = [i for i in prepared.values if i in prepared.moving | prepared.varying]
        self.rows = dict.fromkeys((prepared.time, *prepared.parameters, *moving), 0)
        for line in prepared.rates:
            if line >= self.components:
                self.rows[line] = 0
        self.globals += self.routines.texts
        self.code.declarations |= self.routines.declarations

    @property
    def places(self) -> Sequence[int]:
        return self._places

    @property
    def widths(self) -> list[int]:
        return [LANES]

    def over_states(self, body: Callable[..., Sequence[str]], *carried: str) -> Sequence[str]:
        def chunk(c: str, *now: str) -> Sequence[str]:
            start = self.code.let(f"mul nuw nsw i64 {c}, {LANES}")
            return body(Access(self, start, LANES, c), *now)

        kind = self.code.kind(LANES)
        return self.code.loop(self.room // LANES, chunk, *[(kind, x) for x in carried])

    def at(self, pointer: str, place: Degree) -> str:
        return self.code.let(f"getelementptr double, ptr {pointer}, i64 {place}")

    def row(self, line: int, k: Degree) -> str:
        """Give where the parts of a line of the newest degree are."""
        if line >= self.components:
            return self.at("%work", self.rows[line])
        start = self.code.let(f"mul nuw nsw i64 {k}, {self.lengths}")
        return self.at(self.at(self.history, start), line * self.monomials)

    def stream(self, line: int, kind: str, k: Degree = 0) -> str:
        """Give where a factor's stream begins: of one in reverse, where its degree k stands."""
        start = self.at("%work", self.streams[line, kind])
        return self.at(start, self.back(k)) if kind == "backward" else start

    def back(self, k: Degree) -> str:
        return self.code.let(f"sub nsw i64 {self.routines.span - 1}, {k}")

    def claimed(self, numbers: int) -> int:
        place, self.work = self.work, self.work + -(-numbers // LANES) * LANES
        return place

    def claim_rows(self) -> None:
        """Find room for rows and streams, in which there are zeros at first."""
        code, of = self.code, self.of
        first = self.work
        self.history = self.at("%work", self.claimed((self.order + 2) * self.lengths))
        self.arrays["rates"] = self.at("%work", self.claimed(self.lengths))
        self.seen = self.at("%work", self.claimed(len(of.observed) * (self.order + 1)))
        self.nothing, self.sums = (self.at("%work", self.claimed(self.wide)) for _ in range(2))
        for line in self.rows:
            self.rows[line] = self.claimed(self.wide)
        self.claimed(LANES)
        for factor in self.streams:
            # Behind the last monomial there is one whose series is zero.
            self.streams[factor] = self.claimed((self.monomials + 1) * self.routines.stride)
        code.declarations.add("declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
        at, size = self.at("%work", first), 8 * (self.work - first)
        code.do(f"call void @llvm.memset.p0.i64(ptr {at}, i8 0, i64 {size}, i1 false)")

    def write_table(self, name: str, entries: Sequence[float]) -> None:
        numbers = ", ".join(f"double {literal(x, 'f')}" for x in entries)
        self.globals.append(f"@{name} = internal constant [{len(entries)} x double] [{numbers}]")

    def apply(self, name: str, out: str, base: str, factor: str | float, given: str) -> None:
        if isinstance(factor, float):
            factor = self.code.constant(factor)
        self.code.do(f"call void @{name}(ptr {out}, ptr {base}, double {factor}, {given})")

    def rowwise(self, out: str, value: Callable[[str], str]) -> None:
        """Write a row, a vector at a time."""
        code = self.code

        def chunk(c: str) -> list[str]:
            at = code.let(f"mul nuw nsw i64 {c}, {LANES}")
            code.store(value(at), out, at, LANES)
            return []

        code.loop(self.wide // LANES, chunk)

    def whole(self, line: int, k: Degree) -> Callable[[str], str]:
        row = self.row(line, k)
        return lambda at: self.code.load(row, at, LANES)

    def fill(self, array: str) -> None:
        """Repeat the last component until its vector is full."""
        last = self.code.load(array, self.n - 1)
        for place in range(self.n, self.room):
            self.code.store(last, array, place)

    def plus(self, place: str, number: int) -> str:
        return self.code.let(f"add nuw nsw i64 {place}, {number}")

    def rates(self, access: Access) -> str:
        return access.load("rates")

    def part(self, access: Access, k: int) -> str:
        array = self.at(self.history, k * self.lengths)
        return self.code.load(array, access.start, LANES)

    def keep(self, parts: str) -> None:
        code, length = self.code, self.order + 1

        def first(access: Access) -> list[str]:
            code.store(access.load("back x"), self.history, access.start, LANES)
            return []

        self.over_states(first)

        def monomial(row: str) -> list[str]:
            line = code.let(f"mul nuw nsw i64 {row}, {self.components}")
            for i in range(self.components):
                place = code.let(f"mul nuw nsw i64 {self.plus(line, i)}, {length}")
                origin = self.plus(row, i * self.monomials)

                def degree(k: str, place: str = place, origin: str = origin) -> list[str]:
                    start = code.let(f"mul nuw nsw i64 {k}, {self.lengths}")
                    part = code.load(self.at(self.history, start), origin)
                    code.store(part, parts, code.let(f"add nuw nsw i64 {place}, {k}"))
                    return []

                code.loop(length, degree)
            return []

        code.loop(self.monomials, monomial)
        for place, line in enumerate(self.of.observed):
            code.store(self.values[line], self.seen, place * length)
        behind = self.at(parts, self.n * length)
        count = len(self.of.observed) * length

        def seen(i: str) -> list[str]:
            code.store(code.load(self.seen, i), behind, i)
            return []

        if count:
            code.loop(count, seen)
