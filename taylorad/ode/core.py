"""The machine code around the orders of a step: one loop over steps.

A core is a function

    i32 propagate(ptr state, ptr clock, ptr given, ptr limits, ptr parts, ptr times, ptr work)

``state`` holds the components, what their rounding lost, and the rates that the last step foresaw
for its end. ``clock`` is as `Clock` has it; ``given`` are the parameters and what is held;
``limits`` are as `Limits` has them, and behind that the floors of the components. ``parts``, or
null, is where the parts of the last step go, by lines (components, then functions) and degrees.
If ``times`` is not null either, steps are recorded: ``parts`` gets those of each, one behind the
other, ``times`` gets the two words of the time at which each begins, and its length. ``work`` has
room for `Core.work` doubles. It returns an `Exit`.

A step is accepted when the right-hand side at its end is what its polynomial foresaw: its *defect*
is small. The value is needed for the next step anyway. So no step is believed on the strength of
coefficients that happen to vanish, and none that has lost its way is built upon.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence

from taylorad.machine.features import has_fma
from taylorad.machine.mathematics import definitions
from taylorad.ode.code import Code
from taylorad.ode.interface import Clock, Exit, Limits
from taylorad.ode.recurrences import Recurrences
from taylorad.ode.stepsize import step_size

__all__ = ["TRUTHS", "Access", "Core"]


TRUTHS = frozenset(
    {
        *("equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "leads"),
        *("logical_and", "logical_or", "logical_xor", "logical_not"),
        *("bitwise_and", "bitwise_or", "bitwise_xor", "invert"),  # of truths: all else is real
        *("isnan", "isinf", "isfinite", "signbit"),
    }
)
"""Rows whose value is true or false."""

SMALLEST = 2.0**-50
"""A step that is no more than this of the time makes no progress."""


class Access:
    """A few components side by side: what is known of them, in arrays.

    Attributes
    ----------
    width : int
        How many there are, repetitions of the last included.
    chunk : int or str
        The number of the vector among all, known or in a register.
    """

    def __init__(self, core: Core, start: int | str, width: int, chunk: int | str = 0) -> None:
        self.core, self.start, self.width, self.chunk = core, start, width, chunk

    def load(self, array: str) -> str:
        """Read from an array of components."""
        return self.core.code.load(self.core.arrays[array], self.start, self.width)

    def store(self, value: str, array: str) -> None:
        """Write to an array of components."""
        self.core.code.store(value, self.core.arrays[array], self.start, self.width)


class Core:
    """The text of a core; subclasses write the orders.

    Parameters
    ----------
    recurrences : Recurrences
    order : int
        The last degree.

    Attributes
    ----------
    work : int
        Doubles that a call works in.
    """

    def __init__(self, recurrences: Recurrences, order: int) -> None:
        self.recurrences, self.order = recurrences, order
        self.system, self.steps = recurrences.system, recurrences.steps
        self.n = self.system.size
        self.code = Code()
        self.arrays: dict[str, str] = {}
        self.globals: list[str] = []
        self.work = 0

    def claim(self, doubles: int) -> str:
        """Find room to work in, where a line of the cache begins."""
        place, self.work = self.work, self.work + -(-doubles // 8) * 8
        return self.code.let(f"getelementptr inbounds double, ptr %work, i64 {place}")

    # --- what a subclass knows ---

    @property
    @abstractmethod
    def places(self) -> Sequence[int]:
        """The component at each place of an array of components."""

    @property
    @abstractmethod
    def widths(self) -> list[int]:
        """The widths that components come in."""

    @abstractmethod
    def enter(self) -> None:
        """Write what is done once a call: read parameters, compute what does not move."""

    @abstractmethod
    def evaluate(self) -> None:
        """Write the values of all lines at the beginning of a step."""

    @abstractmethod
    def orders(self) -> None:
        """Write the parts of degree 1 and more."""

    @abstractmethod
    def over_states(self, body: Callable[..., Sequence[str]], *carried: str) -> Sequence[str]:
        """Do something for all components: ``body`` takes an `Access` and what is carried along."""

    @abstractmethod
    def rates(self, access: Access) -> str:
        """Give the rates at the beginning of the step."""

    @abstractmethod
    def part(self, access: Access, k: int) -> str:
        """Give parts of components."""

    @abstractmethod
    def keep(self, parts: str) -> None:
        """Write all parts to a place."""

    # --- the function ---

    def written(self) -> str:
        """Write the text."""
        code = self.code
        self._enter()
        self._head()
        self._accepted()
        code.label("orders")
        self.orders()
        self._advance(step_size(self))
        self._rejected()
        self._leave()
        declarations = sorted(code.declarations)
        functions = definitions(code.functions, fma=has_fma(), declared=declarations)
        names = ("state", "clock", "given", "limits", "parts", "times", "work")
        head = f"define i32 @propagate({', '.join(f'ptr noalias %{x}' for x in names)}) {{"
        body = [
            x for line in code.lines for x in ((line, *self._phis) if line == "head:" else (line,))
        ]
        parts = [*self.globals, *declarations, functions, *code.helpers.values(), head, "entry:"]
        return "\n".join([*parts, *body, "}", ""])

    @property
    def room(self) -> int:
        """Doubles in an array of components, padding included."""
        return len(self.places)

    def integer(self, pointer: str, place: int) -> str:
        """Read an integer."""
        at = self.code.let(f"getelementptr inbounds double, ptr {pointer}, i64 {place}")
        return self.code.let(f"load i64, ptr {at}, align 8")

    def _enter(self) -> None:
        code = self.code
        self.limits = {x: code.load("%limits", x) for x in Limits if x < Limits.STEPS}
        self.first = self.integer("%clock", Clock.STEPS)
        self.most = code.let(f"add i64 {self.first}, {self.integer('%limits', Limits.STEPS)}")
        floors = code.let(f"getelementptr inbounds double, ptr %limits, i64 {Limits.FLOORS.value}")
        self.arrays["floors"] = floors
        for k, name in enumerate(("x", "lost", "foreseen")):
            at = code.let(f"getelementptr inbounds double, ptr %state, i64 {k * self.room}")
            self.arrays[name] = at
        for name in ("scale", "back x", "back lost"):
            self.arrays[name] = self.claim(self.room)
        self.enter()
        zero, endless = code.constant(0.0), code.constant(math.inf)
        self._incoming = {
            "%t.high": ["double", code.load("%clock", Clock.TIME)],
            "%t.low": ["double", code.load("%clock", Clock.TIME_LOW)],
            "%before.high": ["double", zero],
            "%before.low": ["double", zero],
            "%h.before": ["double", zero],
            "%allowed": ["double", endless],
            "%cap": ["double", code.load("%clock", Clock.CAP)],
            "%count": ["i64", self.first],
            "%taken.back": ["i64", self.integer("%clock", Clock.REJECTED)],
        }
        code.do("br label %entry.end")
        code.label("entry.end")
        code.do("br label %head")

    def _head(self) -> None:
        """Evaluate the right-hand side, and check the step that led here."""
        code = self.code
        code.label("head")
        self.evaluate()

        def defect(access: Access, worst: str) -> list[str]:
            width = access.width
            size = code.absolute(access.load("x"), width)
            scale = code.add(size, access.load("floors"), width)
            inverse = code.divide(code.constant(1.0, width), scale or "", width)
            access.store(inverse, "scale")
            gap = code.subtract(self.rates(access), access.load("foreseen"), width)
            scaled = code.multiply(code.absolute(gap or "", width), inverse, width) or ""
            # A sum, not the largest, for that would leave NaNs out.
            return [code.add(worst, code.sum(scaled, width)) or ""]

        (worst,) = self.over_states(defect, code.constant(0.0))
        step = code.absolute("%h.before")
        # Not NaN, as infinity times zero would be: of a first step the defect does not matter.
        fine = code.let(f"fcmp ole double {code.multiply(worst, step)}, %allowed")
        code.do(f"br i1 {fine}, label %accepted, label %rejected")

    def _accepted(self) -> None:
        """Remember where the step begins; leave if that is where to."""
        code = self.code
        code.label("accepted")

        def remember(access: Access) -> list[str]:
            for name in ("x", "lost"):
                access.store(access.load(name), f"back {name}")
            return []

        self.over_states(remember)
        left = code.subtract(self.limits[Limits.END], "%t.high")
        left = code.add(left, code.subtract(self.limits[Limits.END_LOW], "%t.low"))
        self.left = code.multiply(left, self.limits[Limits.SIGN]) or ""
        code.do("br label %accepted.end")
        code.label("accepted.end")
        there = code.let(f"fcmp ole double {self.left}, {code.constant(0.0)}")
        code.do(f"br i1 {there}, label %leave, label %more")
        code.label("more")
        enough = code.let(f"icmp uge i64 %count, {self.most}")
        code.do(f"br i1 {enough}, label %leave, label %orders")

    def _advance(self, size: str) -> None:
        """Sum the series up, and foresee the rates at the end of the step."""
        code, p = self.code, self.order
        h = code.multiply(size, self.limits[Limits.SIGN]) or ""
        powers = {width: self._powers(h, width) for width in self.widths}

        def advance(access: Access) -> list[str]:
            width = access.width
            rising = powers[width]
            parts = [self.part(access, k) for k in range(1, p + 1)]
            gain = self._polynomial(parts, rising, width)
            rates = [
                code.multiply(x, code.constant(float(k), width), width) or "" if k > 1 else x
                for k, x in enumerate(parts, 1)
            ]
            access.store(self._polynomial(rates, rising, width), "foreseen")
            gain = code.fused(gain, rising[0], access.load("lost"), width) or ""
            x, lost = code.total(access.load("x"), gain, width)
            access.store(x, "x")
            access.store(lost, "lost")
            return []

        self.over_states(advance)
        high, lost = code.total("%t.high", h)
        low = code.add("%t.low", lost)
        time = code.add(high, low) or ""
        rest = code.subtract(low, code.subtract(time, high)) or ""
        # The last step ends where it is to end, whatever the roundings.
        last = code.let(f"fcmp oge double {size}, {self.left}")
        time, rest = (
            code.let(f"select i1 {last}, double {self.limits[end]}, double {value}")
            for value, end in ((time, Limits.END), (rest, Limits.END_LOW))
        )
        # A step that had to be shortened tells that the next had better not be much longer.
        twice = code.add(size, size)
        short = code.let(f"fcmp oge double {size}, %cap")
        cap = code.let(f"select i1 {short}, double {twice}, double {code.constant(math.inf)}")
        self._back(
            {
                "%t.high": time,
                "%t.low": rest,
                "%before.high": "%t.high",
                "%before.low": "%t.low",
                "%h.before": h,
                "%allowed": self.limits[Limits.DEFECT],
                "%cap": cap,
                "%count": code.let("add nuw i64 %count, 1"),
                "%taken.back": "%taken.back",
            }
        )
        kept = code.let("icmp ne ptr %parts, null")
        code.do(f"br i1 {kept}, label %keep, label %next")
        code.label("keep")
        self.keep(self._record(h))
        code.do("br label %next")
        code.label("next")
        code.do("br label %head")

    def _record(self, h: str) -> str:
        """Write when the step was, if all are recorded; give the place of its parts."""
        code = self.code
        number = code.let(f"sub i64 %count, {self.first}")
        recorded = code.let("icmp ne ptr %times, null")
        code.do(f"br i1 {recorded}, label %record, label %recorded")
        code.label("record")
        first = code.let(f"mul i64 {number}, 3")
        at = code.let(f"getelementptr inbounds double, ptr %times, i64 {first}")
        for place, value in enumerate(("%t.high", "%t.low", h)):
            code.store(value, at, place)
        code.do("br label %recorded")
        code.label("recorded")
        lines = self.n + len(self.recurrences.wanted[self.n :])
        skipped = code.let(f"select i1 {recorded}, i64 {number}, i64 0")
        skipped = code.let(f"mul i64 {skipped}, {lines * (self.order + 1)}")
        return code.let(f"getelementptr inbounds double, ptr %parts, i64 {skipped}")

    def _powers(self, h: str, width: int) -> list[str]:
        """Give h, its square, the square of that and so on."""
        powers = [self.code.everywhere(h, width)]
        while 2 ** len(powers) < self.order:
            powers.append(self.code.multiply(powers[-1], powers[-1], width) or "")
        return powers

    def _polynomial(self, coefficients: Sequence[str], powers: Sequence[str], width: int) -> str:
        """Evaluate a polynomial by halving (Estrin)."""
        terms, level = list(coefficients), 0
        while len(terms) > 1:
            pairs = zip(terms[1::2], terms[::2])
            halved = [self.code.fused(b, powers[level], a, width) or "" for b, a in pairs]
            terms = halved + terms[2 * len(halved) :]
            level += 1
        return terms[0]

    def _rejected(self) -> None:
        """Go back, to try half the step."""
        code = self.code
        code.label("rejected")
        # A first step has no step before it: the right-hand side is not finite here.
        none = code.let(f"fcmp oeq double %h.before, {code.constant(0.0)}")
        code.do(f"br i1 {none}, label %leave, label %again")
        code.label("again")

        def restore(access: Access) -> list[str]:
            for name in ("x", "lost"):
                access.store(access.load(f"back {name}"), name)
            access.store(code.constant(0.0, access.width), "foreseen")
            return []

        self.over_states(restore)
        half = code.multiply(code.absolute("%h.before"), code.constant(0.5)) or ""
        small = code.multiply(code.absolute("%before.high"), code.constant(SMALLEST))
        stuck = code.let(f"fcmp ole double {half}, {small}")
        back = {
            "%t.high": "%before.high",
            "%t.low": "%before.low",
            "%before.high": "%before.high",
            "%before.low": "%before.low",
            "%h.before": code.constant(0.0),
            "%allowed": code.constant(math.inf),
            "%cap": half,
            "%count": code.let("sub i64 %count, 1"),
            "%taken.back": code.let("add nuw i64 %taken.back, 1"),
        }
        self._back(back)
        code.do(f"br i1 {stuck}, label %stuck, label %retry")
        for label, then in (("stuck", "leave"), ("retry", "head")):
            code.label(label)
            code.do(f"br label %{then}")
        blocks = ("entry.end", "next", "retry")
        self._phis = [
            f"  {name} = phi {kind} "
            + ", ".join(f"[ {x}, %{block} ]" for x, block in zip(values, blocks, strict=True))
            for name, (kind, *values) in self._incoming.items()
        ]

    def _back(self, values: dict[str, str]) -> None:
        for name, value in values.items():
            self._incoming[name].append(value)

    def _leave(self) -> None:
        """Write the clock."""
        code = self.code
        code.label("leave")
        ways = {
            "accepted.end": Exit.END,
            "more": Exit.STEPS,
            "rejected": Exit.STUCK,
            "stuck": Exit.STUCK,
        }
        status = code.let(
            "phi i32 " + ", ".join(f"[ {exit.value}, %{block} ]" for block, exit in ways.items())
        )
        final = {
            name: code.let(
                f"phi {kind} "
                + ", ".join(f"[ {values[-1] if b == 'stuck' else name}, %{b} ]" for b in ways)
            )
            for name, (kind, *values) in self._incoming.items()
        }
        code.store(final["%t.high"], "%clock", Clock.TIME)
        code.store(final["%t.low"], "%clock", Clock.TIME_LOW)
        code.store(final["%h.before"], "%clock", Clock.STEP)
        code.store(final["%cap"], "%clock", Clock.CAP)
        for name, place in (("%count", Clock.STEPS), ("%taken.back", Clock.REJECTED)):
            at = code.let(f"getelementptr inbounds double, ptr %clock, i64 {place.value}")
            code.do(f"store i64 {final[name]}, ptr {at}, align 8")
        code.do(f"ret i32 {status}")
