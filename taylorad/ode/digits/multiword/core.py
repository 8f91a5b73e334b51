"""The loop over steps in numbers of several words: that of `taylorad.ode.steps.core`, line by line.

A core is a function

    i32 propagate(ptr clock, ptr given, ptr limits, ptr work)

``clock`` is as `Places` has it: the components, the time and what else changes. ``given`` are the
parameters and what is held, ``limits`` what the integration is to keep to. ``work`` has room for
`Core.work` doubles, all zero at the first call; the streams of what is wanted are in it. A number
is its words, one after the other: states and times have one more than parts, so that the roundings
of steps do not add up. It returns a `taylorad.ode.steps.interface.Exit`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

from taylorad.machine.features import has_fma
from taylorad.machine.multiword import ONE, Number, definitions, split
from taylorad.ode.digits.multiword.orders import Orders
from taylorad.ode.digits.multiword.places import LIMITS, Places
from taylorad.ode.digits.multiword.sums import AHEAD, LANES, powers, sum_of_products, sum_of_squares
from taylorad.ode.steps.code import kind_of
from taylorad.ode.steps.core import LATE
from taylorad.ode.steps.interface import Exit
from taylorad.ode.steps.stepsize import LAST, exp2, logarithm
from taylorad.ode.tracing.system import System

__all__ = ["Core"]

RANGE = 400.0
"""Log2 of what parts of the last degree may be, in units of the step: they have to be numbers."""

UNITS = 120
"""So many units of time are tried."""

GROWTH = 1.25
"""A step may be so many times the last one: parts of high degree have no digits for more."""

LONGER = 2.0
"""Where it could be so much longer still, they are found once more."""

NEAR = 2.0**-20
"""What a step may be longer than it ought to be, if that is where to end."""

FARTHEST = 900.0
"""Log2 of the largest unit, and of the inverse of the smallest."""


class Core(Orders):
    """The text of a core.

    Parameters
    ----------
    system : System
    order : int
        The last degree.
    words : int
        Of a number.
    """

    def __init__(self, system: System, order: int, words: int) -> None:
        super().__init__(system, order, words)
        self.places = Places(self.n, words)
        self.powers = self.claim(words * self.room)  # of the step, in units
        self.slopes = self.claim(words * self.room)  # their derivatives
        self.spread = self.claim(words * self.room)
        self.foreseen = self.claim(words * self.n)
        self.range = min(RANGE / order, 200.0)
        self.left: Number = ()
        self.remaining = self.unit = self.size = self.cap = ""

    # --- memory ------------------------------------------------------------------------------

    def _read(self, name: str) -> str:
        """Read a double of the clock or the limits."""
        return self.code.load(self._pointer(name), getattr(self.places, name))

    def _write(self, value: str, name: str) -> None:
        self.code.store(value, "%clock", getattr(self.places, name))

    def _pointer(self, name: str) -> str:
        return "%limits" if name in LIMITS else "%clock"

    def _number(self, name: str, i: int | str = 0, words: int = 0) -> str:
        """Give the address of a number of the clock or the limits."""
        place = getattr(self.places, name)
        if not isinstance(i, int):
            i = self.code.let(f"mul nuw nsw i64 {i}, {words}")
            place = self.code.let(f"add nuw nsw i64 {i}, {place}")
        return self.code.let(
            f"getelementptr inbounds double, ptr {self._pointer(name)}, i64 {place}"
        )

    def _entry(self, array: int, i: str, words: int) -> str:
        """Give the address of a number in the room to work in."""
        place = self.code.let(f"mul nuw nsw i64 {i}, {words}")
        return self.at(self.code.let(f"add nuw nsw i64 {place}, {array}"))

    def _copy(self, to: str, origin: str) -> None:
        size = 8 * (self.words + 1) * (self.n + 1)
        self.code.declarations.add("declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")
        given = f"ptr {self._number(to)}, ptr {self._number(origin)}, i64 {size}, i1 false"
        self.code.do(f"call void @llvm.memcpy.p0.p0.i64({given})")

    def _over_components(
        self, body: Callable[..., list[str]], *carried: tuple[str, str]
    ) -> list[str]:
        return self.code.loop(self.n, body, *carried)

    # --- the function ------------------------------------------------------------------------

    def written(self) -> str:
        """Write the text."""
        code = self.code
        self._head()
        self._accepted()
        self._begin()
        self._orders()
        self._advance()
        self._rejected()
        helpers = [
            *(sum_of_products(words, self.room) for words in range(1, self.words + 1)),
            *(sum_of_squares(words, self.room) for words in range(1, self.words + 1)),
            powers(self.words, self.room, self.order),
        ]
        operations = self.written_operations()
        declarations = set(code.declarations).union(*(h.declarations for h in helpers))
        functions = definitions(self.of.functions, fma=has_fma(), declared=declarations)
        takes = "ptr noalias %clock, ptr %given, ptr %limits, ptr noalias %work"
        head = f"define i32 @propagate({takes}) {{"
        lines = [line for helper in helpers for line in helper.lines]
        return "\n".join(
            [
                ONE,
                self._inverses(),
                *self.written_tables(),
                *sorted(declarations),
                functions,
                *lines,
                *operations,
                head,
                *code.lines,
                "}",
                "",
            ]
        )

    def _inverses(self) -> str:
        entries = [0.0] * (self.words + 1)
        for k in range(1, self.last + 2):
            entries += split(Fraction(1, k), self.words + 1)
        numbers = ", ".join(f"double {self.of.written(x)}" for x in entries)
        return f"@inverses = internal constant [{len(entries)} x double] [{numbers}]"

    def _head(self) -> None:
        """Evaluate the right-hand side, and check the step that led here."""
        code, of, n = self.code, self.of, self.n
        code.label("entry")
        self.enter()
        code.do("br label %head")
        code.label("head")

        def known(i: str) -> list[str]:
            x = self.load(self._number("state", i, self.words + 1), self.words)
            self.store(x, self._entry(self.values, i, self.words), self.words)
            return []

        code.loop(n + 1, known)  # the time stands behind the components
        self.evaluate(moving=True)
        for i, line in enumerate(self.system.rates):
            rate = self.value(line).words
            self.store(rate, self.at(self.rates + i * self.words), self.words)

        def defect(i: str, worst: str) -> list[str]:
            x = code.load(self._number("state", i, self.words + 1), 0)
            floor = code.load(self._number("floors", i, 1), 0)
            inverse = code.divide(code.constant(1.0), code.add(code.absolute(x), floor) or "")
            code.store(inverse, self._entry(self.scale, i, 1), 0)
            rate = self.load(self._entry(self.rates, i, self.words), self.words)
            foreseen = self.load(self._entry(self.foreseen, i, self.words), self.words)
            gap = code.absolute(of.shown(of.subtract(rate, foreseen)[0]))
            gap = code.multiply(gap, step) or ""
            if self.system.is_timed:  # see `taylorad.ode.steps.core.Core.defect`
                sizes = code.add(code.absolute(rate[0]), code.absolute(foreseen[0]))
                gap = code.fused(late, sizes, gap) or ""
            # A sum, not the largest, for that would leave NaNs out.
            return [code.fused(gap, inverse, worst) or ""]

        unit = code.constant(-LATE * 2.0 ** (53 - 53 * self.words))
        late = code.multiply(code.absolute(self._read("time")), unit)

        step = code.absolute(self._read("step"))
        (worst,) = self._over_components(defect, ("double", code.constant(0.0)))
        # Not NaN, as infinity times zero would be: of a first step the defect does not matter.
        fine = code.let(f"fcmp ole double {worst}, {self._read('allowed')}")
        code.do(f"br i1 {fine}, label %accepted, label %rejected")

    def _accepted(self) -> None:
        """Remember where the step begins; leave if that is where to."""
        code, wide = self.code, self.wide
        code.label("accepted")
        self._copy("before", "state")
        end, time = (self.load(self._number(x), wide.words) for x in ("end", "time"))
        sign = self._read("sign")
        self.left = tuple(wide.times(word, sign) for word in wide.subtract(end, time))[: self.words]
        self.remaining = self.of.shown(self.left[0])
        there = code.let(f"fcmp ole double {self.remaining}, {code.constant(0.0)}")
        self._leave_if(there, Exit.END, "more")
        enough = code.let(f"fcmp oge double {self._read('count')}, {self._read('most')}")
        self._leave_if(enough, Exit.STEPS, "begin")

    def _leave_if(self, condition: str, exit: Exit, otherwise: str) -> None:
        label = f"leave.{otherwise}"
        self.code.do(f"br i1 {condition}, label %{label}, label %{otherwise}")
        self.code.label(label)
        self.code.do(f"ret i32 {exit.value}")
        self.code.label(otherwise)

    def _begin(self) -> None:
        """Choose the unit of time: about the size of the last step, at first what rates suggest."""
        code = self.code
        self.prepare()

        def fastest(i: str, most: str) -> list[str]:
            rate = code.load(self._entry(self.rates, i, self.words), 0)
            scale = code.load(self._entry(self.scale, i, 1), 0)
            return [code.larger(most, code.multiply(code.absolute(rate), scale) or "")]

        (rate,) = self._over_components(fastest, ("double", code.constant(0.0)))
        guess = code.divide(code.constant(1.0), rate)
        guess = code.smaller(code.smaller(guess, self.remaining), self._read("longest"))
        hint = self._read("hint")
        known = code.let(f"fcmp ogt double {hint}, {code.constant(0.0)}")
        hint = code.let(f"select i1 {known}, double {hint}, double {guess}")
        self._write(self._bounded(hint), "hint")
        self._write(code.constant(0.0), "swept")
        self._write(code.constant(2.0**FARTHEST), "ceiling")
        code.do("br label %orders")

    def _bounded(self, x: str) -> str:
        """Give a number of which powers of two near it are numbers, too."""
        x = self.code.larger(x, self.code.constant(2.0**-FARTHEST))
        return self.code.smaller(x, self.code.constant(2.0**FARTHEST))

    def _orders(self) -> None:
        """Expand, and choose the step; again in another unit of time if that was a bad one."""
        code = self.code
        code.label("orders")
        hint = self._read("hint")
        bits = code.let(f"bitcast double {hint} to i64")
        self.unit = code.let(f"bitcast i64 {code.let(f'and i64 {bits}, {0x7FF << 52}')} to double")
        self._write(self.unit, "unit")
        most = code.multiply(hint, code.constant(GROWTH)) or ""
        enough = self._number("enough")
        self.expand(
            self.unit,
            code.divide(most, self.unit),
            self._read("decay"),
            [code.load(enough, w) for w in range(self.words - 1)],
        )
        tried = code.add(self._read("swept"), code.constant(1.0)) or ""
        self._write(tried, "swept")
        y = code.add(self._radius(), self._read("factor")) or ""
        y = code.smaller(code.larger(y, code.constant(-FARTHEST)), code.constant(FARTHEST))
        free = code.multiply(exp2(code, y), self.unit) or ""
        self.cap = self._read("cap")
        # A step that all but reaches the end is to reach it, though expanded in another unit.
        farther = code.multiply(free, code.constant(1 + NEAR))
        near = code.let(f"fcmp oge double {farther}, {self.remaining}")
        size = code.let(f"select i1 {near}, double {self.remaining}, double {free}")
        for bound in (self._read("longest"), self.cap, self._read("ceiling")):
            size = code.smaller(size, bound)
        # Parts have to be numbers, and of enough words for the step.
        known = code.let(f"fcmp oge double {y}, {code.constant(-self.range)}")
        last = code.let(f"fcmp oge double {size}, {self.remaining}")
        longer = code.multiply(most, code.constant(LONGER))
        bound = code.let(f"select i1 {last}, double {most}, double {longer}")
        short = code.let(f"fcmp ole double {size}, {bound}")
        self.size = code.smaller(size, most)
        fine = code.let(f"and i1 {known}, {short}")
        code.do(f"br i1 {fine}, label %advance, label %redo")
        code.label("redo")
        many = code.let(f"fcmp oge double {tried}, {code.constant(float(UNITS))}")
        self._leave_if(many, Exit.STUCK, "again")
        # No unit that is larger than the step: functions of the state would overflow.
        self._write(self._bounded(size), "hint")
        lower = code.let(f"select i1 {known}, double {self._read('ceiling')}, double {free}")
        self._write(lower, "ceiling")
        code.do("br label %orders")

    def _radius(self) -> str:
        """Give log2 of the radius of convergence, in units of time."""
        code = self.code
        width = LAST if self.order >= LAST else 2
        degrees = range(self.order - width + 1, self.order + 1)

        def largest(i: str, most: str) -> list[str]:
            scale = code.load(self._entry(self.scale, i, 1), 0)
            at = self._entry(self.forward[0] + AHEAD - 1, i, self.words * self.room)
            sizes = code.absolute(code.load(at, degrees[0], width), width)
            sizes = code.multiply(sizes, code.everywhere(scale, width), width) or ""
            return [code.intrinsic_of("maximum", (most, sizes), width)]  # a NaN is the largest

        zero = code.constant(0.0, width)
        (sizes,) = self._over_components(largest, (kind_of(width), zero))
        return logarithm(code, code.absolute(sizes, width), degrees)

    def _advance(self) -> None:
        """Sum the series up, and foresee the rates at the end of the step."""
        code, of, wide, words = self.code, self.of, self.wide, self.words
        code.label("advance")
        size, sign = self.size, self._read("sign")
        last = code.let(f"fcmp oge double {size}, {self.remaining}")
        time = self.load(self._number("time"), words + 1)
        small = code.multiply(code.absolute(time[0]), self._read("smallest"))
        small = code.let(f"fcmp ole double {size}, {small}")
        stuck = code.let(f"select i1 {last}, i1 false, i1 {small}")
        self._leave_if(stuck, Exit.STUCK, "go")
        # The last step ends where it is to end, to all digits.
        h = of.choose(last, self.left, (size,))
        h = tuple(of.times(word, sign) for word in h)
        self.store(h, self._number("step"), words)
        inverse = code.divide(code.constant(1.0), self.unit)
        spread = self.at(self.spread)
        self.store(tuple(of.times(word, inverse) for word in h), spread, words)
        powers, slopes = (self.at(x + AHEAD) for x in (self.powers, self.slopes))
        code.do(f"call void @powers(ptr {powers}, ptr {slopes}, ptr {spread})")
        vectors = -(-self.order // LANES)

        def advance(i: str) -> list[str]:
            stream = self._entry(self.forward[0] + AHEAD, i, words * self.room)
            gain = self.called("products", words, f"ptr {stream}, ptr {powers}, i64 {vectors}")
            rate = self.called("products", words, f"ptr {stream}, ptr {slopes}, i64 {vectors}")
            rate = tuple(of.times(word, inverse) for word in rate)
            self.store(rate, self._entry(self.foreseen, i, words), words)
            at = self._number("state", i, words + 1)
            self.store(wide.add(self.load(at, words + 1), gain), at, words + 1)
            return []

        self._over_components(advance)
        end = self.load(self._number("end"), words + 1)
        self.store(wide.choose(last, end, wide.add(time, h)), self._number("time"), words + 1)
        self._write(size, "hint")
        self._write(self._read("defect"), "allowed")
        # A step that had to be shortened tells that the next had better not be much longer.
        short = code.let(f"fcmp oge double {size}, {self.cap}")
        endless = code.constant(math.inf)
        twice = code.add(size, size)
        cap = code.let(f"select i1 {short}, double {twice}, double {endless}")
        self._write(cap, "cap")
        self._write(code.add(self._read("count"), code.constant(1.0)) or "", "count")
        code.do("br label %head")

    def _rejected(self) -> None:
        """Go back, to try half the step."""
        code = self.code
        code.label("rejected")
        # A first step has no step before it: the right-hand side is not finite here.
        none = code.let(f"fcmp oeq double {self._read('step')}, {code.constant(0.0)}")
        self._leave_if(none, Exit.STUCK, "back")
        self._copy("state", "before")
        size = 8 * self.words * self.n
        foreseen = self.at(self.foreseen)
        code.do(f"call void @llvm.memset.p0.i64(ptr {foreseen}, i8 0, i64 {size}, i1 false)")
        half = code.multiply(code.absolute(self._read("step")), code.constant(0.5)) or ""
        self.store((), self._number("step"), self.words)
        for name in ("hint", "cap"):
            self._write(half, name)
        self._write(code.constant(math.inf), "allowed")
        for name, change in (("count", -1.0), ("rejected", 1.0)):
            self._write(code.add(self._read(name), code.constant(change)) or "", name)
        small = code.multiply(code.absolute(self._read("time")), self._read("smallest"))
        stuck = code.let(f"fcmp ole double {half}, {small}")
        self._leave_if(stuck, Exit.STUCK, "retry")
        code.do("br label %head")
