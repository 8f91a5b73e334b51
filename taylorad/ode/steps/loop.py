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
from typing import TYPE_CHECKING

from taylorad.ode.steps.interface import Clock, Exit, Limits
from taylorad.ode.steps.stepsize import on_grid, step_size

if TYPE_CHECKING:
    from taylorad.ode.steps.core import Access, Core

__all__ = ["SMALLEST", "Loop"]

SMALLEST = 2.0**-50
"""A step that is no more than this of the time makes no progress."""


class Loop:
    """The text of a loop over the steps of one trajectory.

    Parameters
    ----------
    core : Core
    """

    def __init__(self, core: Core) -> None:
        self.core, self.code = core, core.code

    def written(self) -> str:
        """Write the text."""
        code = self.code
        self._enter()
        self._head()
        self._accepted()
        code.label("orders")
        self._advance(self.core.expand(self._size))
        self._rejected()
        self._leave()
        names = ("state", "clock", "given", "limits", "parts", "times", "work")
        given = ", ".join(f"ptr noalias %{x}" for x in names)
        # What waits on the stack is as wide as a line of the cache, and must not stand in two.
        head = f"define i32 @propagate({given}) alignstack(64) {{"
        begin = code.lines.index("head:") + 1
        code.lines[begin:begin] = self._phis
        return self.core.module("\n".join([head, "entry:", *code.lines, "}"]))

    def _integer(self, pointer: str, place: int) -> str:
        """Read an integer."""
        at = self.code.let(f"getelementptr inbounds double, ptr {pointer}, i64 {place}")
        return self.code.let(f"load i64, ptr {at}, align 8")

    def _enter(self) -> None:
        code, core = self.code, self.core
        self.limits = {x: code.load("%limits", x) for x in Limits if x < Limits.STEPS}
        self.first = self._integer("%clock", Clock.STEPS)
        self.most = code.let(f"add i64 {self.first}, {self._integer('%limits', Limits.STEPS)}")
        floors = code.let(f"getelementptr inbounds double, ptr %limits, i64 {Limits.FLOORS.value}")
        core.arrays["floors"] = floors
        for k, name in enumerate(("x", "lost", "foreseen")):
            at = code.let(f"getelementptr inbounds double, ptr %state, i64 {k * core.room}")
            core.arrays[name] = at
        for name in ("scale", "back x", "back lost"):
            core.arrays[name] = core.claim(core.room)
        core.enter()
        core.now = "%t.high"
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
            "%taken.back": ["i64", self._integer("%clock", Clock.REJECTED)],
        }
        code.do("br label %entry.end")
        code.label("entry.end")
        code.do("br label %head")

    def _head(self) -> None:
        """Evaluate the right-hand side, and check the step that led here."""
        code = self.code
        code.label("head")
        self.core.evaluate()
        error = self.core.defect(code.absolute("%h.before"))
        # Not NaN, as infinity times zero would be: of a first step the defect does not matter.
        fine = code.let(f"fcmp ole double {error}, %allowed")
        code.do(f"br i1 {fine}, label %accepted, label %rejected")

    def _accepted(self) -> None:
        """Remember where the step begins; leave if that is where to."""
        code = self.code
        code.label("accepted")
        self.core.remember()
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

    def _size(self) -> str:
        """Write the choice of a step."""
        code, limits = self.code, self.limits
        longest = code.smaller(code.smaller(limits[Limits.LONGEST], "%cap"), self.left)
        return step_size(self.core, "%count", limits[Limits.FACTOR], longest)

    def _advance(self, size: str) -> None:
        """Sum the series up, and foresee the rates at the end of the step."""
        code = self.code
        h = code.multiply(size, self.limits[Limits.SIGN]) or ""
        last = code.compare("oge", size, self.left)
        if self.core.system.is_timed:
            h = code.choose(last, h, on_grid(code, "%t.high", "%t.low", h))
        self.core.advance(h)
        time, rest = code.total_of_two("%t.high", "%t.low", h)
        # The last step ends where it is to end, whatever the roundings.
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
        self.core.keep(self._record(h))
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
        skipped = code.let(f"select i1 {recorded}, i64 {number}, i64 0")
        skipped = code.let(f"mul i64 {skipped}, {self.core.lines * (self.core.order + 1)}")
        return code.let(f"getelementptr inbounds double, ptr %parts, i64 {skipped}")

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

        self.core.over_states(restore)
        half = code.multiply(code.absolute("%h.before"), code.constant(0.5)) or ""
        small = code.multiply(code.absolute("%before.high"), code.constant(SMALLEST))
        stuck = code.let(f"fcmp ule double {half}, {small}")
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
        self.core.leave()
        code.store(final["%t.high"], "%clock", Clock.TIME)
        code.store(final["%t.low"], "%clock", Clock.TIME_LOW)
        code.store(final["%h.before"], "%clock", Clock.STEP)
        code.store(final["%cap"], "%clock", Clock.CAP)
        for name, place in (("%count", Clock.STEPS), ("%taken.back", Clock.REJECTED)):
            at = code.let(f"getelementptr inbounds double, ptr %clock, i64 {place.value}")
            code.do(f"store i64 {final[name]}, ptr {at}, align 8")
        code.do(f"ret i32 {status}")
