"""The machine code of a system whose numbers are polynomials: a loop over degrees of time.

Of each line there is a row of parts, one for each monomial. What is done to rows is called from the
loop, once for each line; at the beginning of a step rows of values are computed grade by grade, by
the same recurrences, in which D then multiplies monomials by their degree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from taylorad.ode.steps.core import Access
from taylorad.ode.steps.polynomials.routines import LANES
from taylorad.ode.steps.polynomials.rows import Degree, Rows
from taylorad.primitives.elementwise import add, divide, multiply, negative, subtract
from taylorad.primitives.linear import select

__all__ = ["Polynomials"]


class Polynomials(Rows):
    """The text of a core that goes through the lines of a program, degree by degree."""

    def enter(self) -> None:
        code, of = self.code, self.of
        self.claim_rows()
        inverses = [Fraction(1, max(k, 1)) for k in range(self.order + 2)]
        self.write_table("inverses", list(map(float, inverses)))
        self.write_table("rests", [float(x - Fraction(float(x))) for x in inverses])
        self.read_given(of.time)
        for line, seeds in of.parameters.items():
            code.store(self.values[line], self.row(line, 0), 0)
            for monomial, place in seeds:
                seed = code.load(self.arrays["given"], place)
                code.store(seed, self.row(line, 0), monomial)
        for line in of.rates:
            if line not in of.moving and line in self.values:
                code.store(self.values[line], self.row(line, 0), 0)
        self._written([line for line in of.values if line not in of.moving])

    def evaluate(self) -> None:
        code, of = self.code, self.of

        def begin(access: Access) -> list[str]:
            code.store(access.load("x"), self.history, access.start, LANES)
            return []

        self.over_states(begin)
        for i in range(self.components):
            self.values[i] = code.load(self.row(i, 0), 0)
        self.values[of.time] = self.now
        code.store(self.now, self.row(of.time, 0), 0)
        self._written([line for line in of.values if line in of.moving])
        for i, line in enumerate(of.rates):
            at = self.at(self.arrays["rates"], i * self.monomials)
            self.rowwise(at, self.whole(line, 0))
        self.fill(self.arrays["rates"])

    def _written(self, lines: Sequence[int]) -> None:
        """Write values, and rows of them, grade by grade."""
        code, of = self.code, self.of
        for line in lines:
            self.write_value(line)
            if line in self.rows and self.kinds[line] == "f":
                code.store(self.values[line], self.row(line, 0), 0)
        divisors = [self.steps[i].operands[1] for i in lines if self.steps[i].primitive is divide]
        divisors += [d for i in lines if (d := self.steps[i].denominator) is not None]
        for line in divisors:
            if line not in self.inverses or line in of.moving:
                self.inverses[line] = code.divide(code.constant(1.0), self.values[line])
        varying = [line for line in lines if line in of.varying]

        def grade(number: str) -> list[str]:
            entries = [
                code.let(f"load i64, ptr {code.let(f'getelementptr i64, ptr @grade, i64 {i}')}")
                for i in (number, code.let(f"add nuw nsw i64 {number}, 1"))
            ]
            for line in varying:
                self._value_of_grade(line, *entries)
            return []

        if varying:
            code.loop(self.order_of + 1, grade, start=1)

    def _value_of_grade(self, line: int, first: str, last: str) -> None:
        """Write the parts of a line's value of a degree in the variables."""
        code, of, step = self.code, self.of, self.steps[line]
        row, out = step.primitive, self.row(line, 0)
        at = f"i64 {first}, i64 {last}"
        if row is multiply and set(step.operands) <= of.varying:
            a, b = (self.row(i, 0) for i in step.operands)
            self.apply("scaled", out, self.nothing, 1.0, f"ptr {a}, ptr {b}, {at}")
        elif row is divide and step.operands[1] in of.varying:
            u, v = step.operands
            base = self.row(u, 0) if u in of.varying else self.nothing
            self.apply("unscaled", out, base, self.inverses[v], f"ptr {self.row(v, 0)}, {at}")
        elif not step.equation:
            self._linear(line, 0, of.varying)
            code.store(self.values[line], out, 0)  # of numbers that do not vary, too
        else:
            base = self.nothing
            for x, sign, n in step.equation:
                if x in of.varying:
                    row_of_n = self._row_of_value(n)
                    given = f"ptr {self.row(x, 0)}, ptr {row_of_n}, {at}"
                    self.apply("derived", self.sums, base, float(f"{sign}1"), given)
                    base = self.sums
            inverse, below = code.constant(1.0), self._row_of_value(None)
            if step.denominator is not None:
                inverse = self.inverses[step.denominator]
                below = self._row_of_value(step.denominator)
            self.apply("solved", out, base, inverse, f"ptr {below}, {at}")

    def _row_of_value(self, line: int | None) -> str:
        """Give a row of values, also of what does not vary; without a line that of the number 1."""
        if line is not None and (line < self.components or line in self.rows):
            return self.row(line, 0)
        key = -1 if line is None else line
        if key not in self.rows:
            self.rows[key] = self.claimed(self.wide)
        value = self.code.constant(1.0) if line is None else self.values[line]
        self.code.store(value, self.at("%work", self.rows[key]), 0)
        return self.at("%work", self.rows[key])

    def _linear(self, line: int, k: Degree, known: set[int]) -> None:
        """Write what goes entry by entry; operands that are not known have no parts."""
        code, step = self.code, self.steps[line]
        row, operands = step.primitive, step.operands
        rows = [self.row(i, k) if i in known else None for i in operands]

        def value(at: str) -> str:
            x = [None if r is None else code.load(r, at, LANES) for r in rows]
            zero = code.constant(0.0, LANES)
            if row is negative:
                return code.negative(x[0], LANES) or zero
            if row is add:
                return code.add(x[0], x[1], LANES) or zero
            if row is subtract:
                return code.subtract(x[0], x[1], LANES) or zero
            if row is multiply:
                number = self.values[operands[1] if x[1] is None else operands[0]]
                return code.multiply(code.everywhere(number, LANES), x[0] or x[1], LANES) or zero
            if row is divide:
                inverse = code.everywhere(self.inverses[operands[1]], LANES)
                return code.multiply(x[0], inverse, LANES) or zero
            assert row is select
            condition = self.values[operands[2]]
            if self.kinds.get(operands[2]) != "b":
                condition = code.let(f"fcmp une double {condition}, {code.constant(0.0)}")
            kind = code.kind(LANES)
            return code.let(f"select i1 {condition}, {kind} {x[0] or zero}, {kind} {x[1] or zero}")

        self.rowwise(self.row(line, k), value)

    def orders(self) -> None:
        for line in dict.fromkeys(line for line, _ in self.streams):
            self._spread(line, 0)
        self._components(0)
        self.code.loop(self.last + 1, self._degree, start=1)

    def _degree(self, k: str) -> list[str]:
        """Write the parts of all lines of a degree, and those of components of the next."""
        code, of = self.code, self.of
        self.number = code.let(f"uitofp i64 {k} to double")
        first = code.let(f"icmp eq i64 {k}, 1")
        one = code.choose(first, code.constant(1.0), code.constant(0.0))
        code.store(one, self.row(of.time, k), 0)
        for line in (*range(self.components), of.time):
            self._spread(line, k)
        for line in of.values:
            if line in of.moving and line in self.rows:
                self._part(line, k)
                self._spread(line, k)
        for place, line in enumerate(of.observed):
            at = code.let(f"add nuw nsw i64 {k}, {place * (self.order + 1)}")
            part = code.load(self.row(line, k), 0) if line in of.moving else code.constant(0.0)
            code.store(part, self.seen, at)
        self._components(k)
        return []

    def _components(self, k: Degree) -> None:
        """Write the parts of components of the degree after k."""
        code, of = self.code, self.of
        following = k + 1 if isinstance(k, int) else code.let(f"add nuw nsw i64 {k}, 1")
        high, low = (
            code.everywhere(code.load(f"@{name}", following), LANES)
            for name in ("inverses", "rests")
        )
        for i, line in enumerate(of.rates):
            whole = self.whole(line, k) if line in of.moving or not k else None

            def value(at: str, whole: Callable[[str], str] | None = whole) -> str:
                if whole is None:  # the row before went on into this one
                    return code.constant(0.0, LANES)
                x = whole(at)
                return code.fused(x, high, code.multiply(x, low, LANES), LANES) or ""

            self.rowwise(self.row(i, following), value)
        start = code.let(f"mul nuw nsw i64 {following}, {self.lengths}")
        self.fill(self.at(self.history, start))

    def _spread(self, line: int, k: Degree) -> None:
        """Add the newest parts of a line to its streams."""
        row, count = "", self.of.count(line)
        for kind in ("forward", "weighted", "backward"):
            if (line, kind) not in self.streams:
                continue
            row = row or self.row(line, k)
            name, factor, at = kind, self.code.constant(1.0), k
            if kind == "weighted":
                name = "forward"
                factor = self.number if k else self.code.constant(0.0)
            elif kind == "backward":
                at = self.back(self._after(k))
            start = self.at(self.at("%work", self.streams[line, kind]), at)
            self.code.do(f"call void @{name}(ptr {start}, ptr {row}, double {factor}, i64 {count})")

    def _after(self, k: Degree) -> Degree:
        return k + 1 if isinstance(k, int) else self.code.let(f"add nuw nsw i64 {k}, 1")

    def _part(self, line: int, k: str) -> None:
        """Write the parts of a line of a degree."""
        of, step = self.of, self.steps[line]
        row, operands, out = step.primitive, step.operands, self.row(line, k)
        if row is multiply and set(operands) <= of.moving:
            self._product(line, out, self.nothing, 1.0, operands[0], operands[1], k)
        elif row is multiply and not of.varying.isdisjoint(set(operands) - of.moving):
            one = self.code.constant(1.0)
            self._scaled(out, self.nothing, one, operands[0], operands[1], k)
        elif row is divide and operands[1] in of.moving:
            u, v = operands
            base = self.row(u, k) if u in of.moving else self.nothing
            self._quotient(line, out, base, self.inverses[v], "forward", v, k)
        elif row is divide and operands[1] in of.varying:
            self._unscaled(out, self.row(operands[0], k), operands[1])
        elif step.equation:
            self._solved(line, out, k)
        else:
            self._linear(line, k, of.moving)

    def _solved(self, line: int, out: str, k: str) -> None:
        """Solve ``d D y = sum of n D x`` for the newest part of y; D multiplies it by k."""
        code, of, step = self.code, self.of, self.steps[line]
        base, d = self.nothing, step.denominator
        for x, sign, n in step.equation:
            if x not in of.moving:
                continue
            if n in of.moving:
                self._product(line, self.sums, base, float(f"{sign}1"), x, n, k, "weighted")
            else:
                factor = self.number if sign == "+" else code.negative(self.number) or ""
                self._scaled(self.sums, base, factor, x, n, k)
            base = self.sums
        over = code.load("@inverses", k)
        if d in of.moving and d is not None:
            inverse = code.multiply(self.inverses[d], over) or ""
            self._quotient(line, out, base, inverse, "weighted", d, k)
            return
        # Never is the divisor of what does not move zero in all its parts.
        if d is not None and d not in of.varying:
            over = code.multiply(over, self.inverses[d]) or ""
        if line not in of.varying:  # the sums of other monomials are those of another line
            code.store(code.multiply(code.load(base, 0), over), out, 0)
            return
        all_lanes = code.everywhere(over, LANES)

        def value(at: str) -> str:
            return code.multiply(code.load(base, at, LANES), all_lanes, LANES) or ""

        self.rowwise(out, value)
        if d is not None and d in of.varying:
            self._unscaled(out, out, d)

    def _product(
        self,
        line: int,
        out: str,
        base: str,
        factor: float,
        a: int,
        b: int,
        k: str,
        kind: str = "forward",
    ) -> None:
        """Write a part of a product of what moves; of what varies by all pairs of monomials."""
        of, name, count = self.of, "products", self.of.count(line)
        if kind == "forward":
            a, b = of.in_order(a, b)
        if a == b and kind == "forward":
            name = "squares"
        elif b not in of.varying:
            name = "multiples"
        streams = f"ptr {self.stream(a, kind)}, ptr {self.stream(b, 'backward', k)}"
        self.apply(name, out, base, factor, f"{streams}, i64 {k}, i64 {count}")

    def _quotient(
        self, line: int, out: str, base: str, inverse: str, kind: str, b: int, k: str
    ) -> None:
        weight = self.code.constant(1.0) if kind == "forward" else self.number
        streams = f"ptr {self.stream(line, kind)}, ptr {self.stream(b, 'backward', k)}"
        given = f"{streams}, i64 {k}, double {weight}, i64 {self.of.count(line)}"
        self.apply("quotients", out, base, inverse, given)

    def _scaled(self, out: str, base: str, factor: str, a: int, b: int, k: str) -> None:
        """Write a multiple of a product of what moves and what does not."""
        rows = [self.row(i, k) if i in self.of.moving else self._row_of_value(i) for i in (a, b)]
        every = f"i64 0, i64 {self.monomials}"
        self.apply("scaled", out, base, factor, f"ptr {rows[0]}, ptr {rows[1]}, {every}")

    def _unscaled(self, out: str, base: str, b: int) -> None:
        given = f"ptr {self.row(b, 0)}, i64 0, i64 {self.monomials}"
        self.apply("unscaled", out, base, self.inverses[b], given)
