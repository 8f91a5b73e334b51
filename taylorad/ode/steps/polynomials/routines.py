"""What is done to polynomials whose coefficients are series: functions written once.

A *row* has a number for each monomial: the values of a line, or its parts of one degree. A *stream*
has the parts of a line by degrees, for each monomial; those of a factor in reverse order are
neighbours, too, so that a part of a product of series is a sum of products side by side. Nobody
counts to the end exactly: beyond the last term the second factor has zeros.

Functions go through the monomials in order. A quotient's parts need those of lower monomials of its
own, which are there by then; what is not yet there counts as zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from taylorad.forward.algebra import Algebra
from taylorad.ode.steps.code import Code, kind_of
from taylorad.ode.tracing.variation import pairs

__all__ = ["LANES", "Routines"]

LANES = 8
"""Products side by side."""


class Routines:
    """The functions, and the tables that they go by.

    Parameters
    ----------
    algebra : Algebra
    length : int
        How many degrees a series has.

    Attributes
    ----------
    size : int
        The number of monomials.
    span : int
        Doubles of a series in order, whole vectors.
    stride : int
        Doubles from the series of a monomial to that of the next.
    """

    def __init__(self, algebra: Algebra, length: int) -> None:
        self.algebra, self.size = algebra, algebra.size
        self.span = -(-length // LANES) * LANES
        self.stride = self.span + LANES
        self.texts: list[str] = []
        self.declarations: set[str] = set()
        self._tables()
        for name, rows in (("products", "every"), ("squares", "half"), ("multiples", "first")):
            self._products(name, rows)
        self._quotients()
        for name, derived in (("scaled", False), ("derived", True)):
            self._sums(name, derived=derived)
        for name, derived in (("unscaled", False), ("solved", True)):
            self._solutions(name, derived=derived)
        self._copies("forward", lambda part, zero: (part, zero))
        self._copies("backward", lambda part, zero: (zero, part))

    # --- tables ------------------------------------------------------------------------------

    def _tables(self) -> None:
        found = pairs(self.algebra)
        half = [[(a, b) for a, b in row if a < b] for row in found]
        half[0] = []
        self._pairs("every", found)
        self._pairs("half", half)
        self._pairs("first", [[(row, 0)] for row in range(self.size)])
        # Behind the last there is a monomial whose series is zero.
        middle = [next((a for a, b in row if a == b), self.size) for row in found]
        self._table("middle", "i32", middle)
        grade = np.searchsorted(self.algebra.degrees, np.arange(self.algebra.order + 2))
        self._table("grade", "i64", grade.tolist())
        self._table("degree", "double", [float(k) for k in self.algebra.degrees])

    def _pairs(self, name: str, rows: list[list[tuple[int, int]]]) -> None:
        starts = np.cumsum([0, *map(len, rows)]).tolist()
        self._table(f"{name}.starts", "i32", starts)
        self._table(f"{name}.pairs", "i32", [i for row in rows for pair in row for i in pair])

    def _table(self, name: str, kind: str, entries: Sequence[float]) -> None:
        numbers = ", ".join(f"{kind} {x}" for x in entries)
        self.texts.append(f"@{name} = internal constant [{len(entries)} x {kind}] [{numbers}]")

    # --- of series ---------------------------------------------------------------------------

    def _products(self, name: str, rows: str) -> None:
        """Write ``out = base + factor * (parts of degree k of a times b)``, of so many monomials.

        The streams are those of a in order, and of b in reverse, from its degree k on.
        """
        takes = "ptr %out, ptr %base, double %factor, ptr %a, ptr %b, i64 %k, i64 %count"
        with self._function(name, takes) as code:

            def one(row: str, total: str) -> None:
                base = code.load("%base", row)
                code.store(code.fused(total, "%factor", base), "%out", row)

            self._by_chunks(code, rows, one)

    def _quotients(self) -> None:
        """Write ``out = (base - parts of degree k of a times b) * inverse``.

        Here a is the result itself, times ``weight`` of degree k; its stream is added to.
        """
        takes = "ptr %out, ptr %base, double %inverse, ptr %a, ptr %b, i64 %k, double %weight"
        with self._function("quotients", f"{takes}, i64 %count") as code:
            newest = code.let("getelementptr double, ptr %a, i64 %k")

            def one(row: str, total: str) -> None:
                rest = code.subtract(code.load("%base", row), total)
                value = code.multiply(rest, "%inverse") or ""
                code.store(value, "%out", row)
                code.store(code.multiply(value, "%weight"), self._series(code, newest, row), 0)

            self._by_chunks(code, "every", one)

    def _by_chunks(self, code: Code, rows: str, one: Callable[[str, str], None]) -> None:
        """Go through the monomials, in as many vectors of degrees as k takes."""
        chunks = self.span // LANES
        number = code.let("lshr i64 %k, 3")
        cases = " ".join(f"i64 {c}, label %chunks.{c}" for c in range(chunks - 1))
        code.do(f"switch i64 {number}, label %chunks.{chunks - 1} [{cases}]")
        for c in range(chunks):
            code.label(f"chunks.{c}")

            def monomial(row: str, count: int = c + 1) -> list[str]:
                one(row, self._summed(code, rows, row, count))
                return []

            code.loop("%count", monomial)
            code.do("br label %done")
        code.label("done")

    def _summed(self, code: Code, rows: str, row: str, count: int) -> str:
        """Add up the products that make a monomial."""

        def terms(p: str, *sums: str) -> list[str]:
            a, b = (self._entry(code, f"{rows}.pairs", p, k, 2) for k in range(2))
            return self._dot(code, a, b, sums)

        kind, zero = kind_of(LANES), code.constant(0.0, LANES)
        first, last = (self._entry(code, f"{rows}.starts", row, k) for k in range(2))
        sums = code.loop(last, terms, *[(kind, zero)] * count, start=first)
        if rows == "half":
            middle = self._entry(code, "middle", row)
            sums = [code.add(x, x, LANES) or "" for x in sums]
            sums = self._dot(code, middle, middle, sums)
        while len(sums) > 1:
            sums = [code.add(sums[0], sums[1], LANES) or "", *sums[2:]]
        return code.sum(sums[0], LANES)

    def _dot(self, code: Code, a: str, b: str, sums: list[str] | tuple[str, ...]) -> list[str]:
        series = [self._series(code, *x) for x in (("%a", a), ("%b", b))]
        found = []
        for c, total in enumerate(sums):
            x, y = (code.load(at, c * LANES, LANES) for at in series)
            found.append(code.fused(x, y, total, LANES) or "")
        return found

    def _series(self, code: Code, stream: str, row: str) -> str:
        return code.let(f"getelementptr [{self.stride} x double], ptr {stream}, i64 {row}")

    def _copies(self, name: str, order: Callable[[str, str], tuple[str, str]]) -> None:
        """Write a row, times a number, to a stream, and zero to the degree that follows."""
        with self._function(name, "ptr %stream, ptr %row, double %factor, i64 %count") as code:

            def one(row: str) -> list[str]:
                part = code.multiply(code.load("%row", row), "%factor") or ""
                both = code.packed(order(part, code.constant(0.0)))
                code.store(both, self._series(code, "%stream", row), 0, 2)
                return []

            code.loop("%count", one)

    # --- of rows -----------------------------------------------------------------------------

    def _sums(self, name: str, *, derived: bool) -> None:
        """Write ``out = base + factor * a * b``, of monomials from one to another.

        If derived it is D a in place of a, where D multiplies monomials by their degree.
        """
        takes = "ptr %out, ptr %base, double %factor, ptr %a, ptr %b, i64 %first, i64 %last"
        with self._function(name, takes) as code:

            def one(row: str) -> list[str]:
                total = self._over_pairs(code, row, derived=derived)
                base = code.load("%base", row)
                code.store(code.fused(total, "%factor", base), "%out", row)
                return []

            code.loop("%last", one, start="%first")

    def _solutions(self, name: str, *, derived: bool) -> None:
        """Write the solution of ``out * b = base``, or D out * b, given 1 over the value of b."""
        takes = "ptr %out, ptr %base, double %inverse, ptr %b, i64 %first, i64 %last"
        with self._function(name, takes) as code:

            def one(row: str) -> list[str]:
                base = code.load("%base", row)
                code.store(code.constant(0.0), "%out", row)
                known = self._over_pairs(code, row, a="%out", derived=derived)
                share = "%inverse"
                if derived:
                    share = code.divide(share, code.load("@degree", row))
                code.store(code.multiply(code.subtract(base, known), share), "%out", row)
                return []

            code.loop("%last", one, start="%first")

    def _over_pairs(self, code: Code, row: str, a: str = "%a", derived: bool = False) -> str:
        def term(p: str, total: str) -> list[str]:
            left, right = (self._entry(code, "every.pairs", p, k, 2) for k in range(2))
            x, y = code.load(a, left), code.load("%b", right)
            if derived:
                x = code.multiply(x, code.load("@degree", left)) or ""
            return [code.fused(x, y, total) or ""]

        first, last = (self._entry(code, "every.starts", row, k) for k in range(2))
        zero = ("double", code.constant(0.0))
        (total,) = code.loop(last, term, zero, start=first)
        return total

    # --- writing -----------------------------------------------------------------------------

    def _entry(self, code: Code, table: str, i: str, more: int = 0, times: int = 1) -> str:
        """Read a number of a table of integers."""
        if times > 1:
            i = code.let(f"mul nuw nsw i64 {i}, {times}")
        at = code.let(f"getelementptr i32, ptr @{table}, i64 {i}")
        at = code.let(f"getelementptr i32, ptr {at}, i64 {more}") if more else at
        return code.let(f"zext i32 {code.let(f'load i32, ptr {at}')} to i64")

    @contextmanager
    def _function(self, name: str, takes: str) -> Iterator[Code]:
        code = Code()
        code.lines.append(f"define internal void @{name}({takes}) noinline {{")
        code.label("entry")
        yield code
        code.do("ret void")
        self.texts.append("\n".join([*code.lines, "}"]))
        self.declarations |= code.declarations
