"""The machine code around the orders of many trajectories: lanes that take from a queue.

A core is a function

    void propagate(ptr states, ptr lost, ptr clocks, ptr ends, ptr given, ptr limits, ptr exits,
                   ptr work, ptr points, ptr found, ptr taken)

The first five have a row for each trajectory: its components, what their rounding lost, its clock
as `Clock` has it, the two words of its end, its parameters. ``limits`` are as `Shared` has them,
and behind that the floors of the components, of all or of each. ``exits`` gets an `Exit` for each
trajectory, an integer of 64 bits. ``work`` has room for `Core.work` doubles, all zero, and begins a
line of the cache. Where trajectories are sampled, ``points`` has a row of times for each, ``found``
gets a state for each time, and ``taken`` says how many of them there are, integers of 64 bits.

There are as many trajectories under way as a register has *lanes*. They take steps together, each
of its own length; what would be a branch for one is a choice between numbers for many. A lane whose
trajectory ends takes the next of the queue at once. When the queue is empty it idles: it takes
steps of length zero from some point.

What a trajectory does depends on itself only: lanes never meet, but to agree upon where to branch.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from taylorad.ode.steps.batch import Batch
from taylorad.ode.steps.code import Code, Name
from taylorad.ode.steps.interface import Exit, Shared
from taylorad.ode.steps.lanes.exchange import NONE, PARAMETERS, UNDER_WAY, Exchange, Sample
from taylorad.ode.steps.loop import SMALLEST
from taylorad.ode.steps.stepsize import on_grid, step_size

if TYPE_CHECKING:
    from taylorad.ode.steps.core import Access, Core

__all__ = ["Queue"]

_FOR_COMPONENTS = ("x", "lost", "floors", "foreseen", "scale", "back x", "back lost")
_NUMBERS = ("high", "low", "before high", "before low", "step", "allowed", "cap")
_BOUNDS = ("end", "end low", "sign")
_OF_SAMPLES = ("point", "before point", "taken", "before taken", "due")
_INTEGERS = ("count", "rejected", "most", "exit", "trajectory")


class Queue:
    """The text of a loop over the steps of many trajectories.

    Parameters
    ----------
    core : Core
    is_sampled : bool
        Whether solutions are wanted at times between.
    """

    def __init__(self, core: Core, is_sampled: bool = False) -> None:
        assert isinstance(core.code, Batch)
        self.is_sampled = is_sampled
        self.core, self.code = core, core.code
        self.lanes = self.code.lanes
        self.given = sum(int(p.size) for p in core.system.parameters)
        self.places: dict[str, int] = {}

    def written(self) -> str:
        """Write the text."""
        code = self.code
        self._enter()
        self._refill()
        self._head()
        self._rejected()
        self._accepted()
        self._ended()
        code.label("orders")
        self._advance(self.core.expand(self._size))
        code.label("leave")
        code.do("ret void")
        takes = ", ".join(f"ptr noalias %{x}" for x in PARAMETERS)
        head = f"define void @propagate({takes}) alignstack(64) {{"
        functions = [Exchange(self).written()]
        if self.is_sampled:
            functions.append(Sample(self).written())
        return self.core.module(*functions, "\n".join([head, "entry:", *code.lines, "}"]))

    # --- what a lane has in memory -----------------------------------------------------------

    def _claim(self, name: str, count: int = 1) -> None:
        self.places[name] = self.core.work
        self.core.arrays[name] = self.core.claim(count)

    def _load(self, name: str) -> str:
        return self.code.load(self.core.arrays[name], 0)

    def _store(self, value: Name, name: str) -> None:
        self.code.store(value, self.core.arrays[name], 0)

    def _integers(self, name: str) -> str:
        return self.code.let(f"load <{self.lanes} x i64>, ptr {self.core.arrays[name]}, align 8")

    def _store_integers(self, value: str, name: str) -> None:
        self.code.do(f"store <{self.lanes} x i64> {value}, ptr {self.core.arrays[name]}, align 8")

    # --- the function ------------------------------------------------------------------------

    def _enter(self) -> None:
        code, core = self.code, self.core
        for name in _FOR_COMPONENTS:
            self._claim(name, core.n)
        for name in (*_NUMBERS, *_BOUNDS, *_INTEGERS, "next"):
            self._claim(name)
        self._claim("given", self.given)
        if self.is_sampled:
            for name in _OF_SAMPLES:
                self._claim(name)
            self._claim("sample", core.n)
        single = Code(lines=code.lines, count=code.count)
        limits = [single.load("%limits", place) for place in range(Shared.STEPS)]
        code.count = single.count
        factor, longest, defect = (code.broadcast(x) for x in limits)
        self.factor, self.longest, self.defect = factor, longest, defect
        code.do(f"store i64 0, ptr {core.arrays['next']}")
        # Every lane has just ended, and nothing came of it.
        self._store_integers(f"splat (i64 {Exit.END.value})", "exit")
        self._store_integers(f"splat (i64 {NONE})", "trajectory")
        code.do("br label %refill")

    def _refill(self) -> None:
        """Have the lanes that have ended take what is next in the queue."""
        code = self.code
        code.label("refill")

        self._call_for_each("exit", UNDER_WAY, "exchange")
        some = code.any(self._is_taken())
        code.do(f"br i1 {some}, label %begin, label %leave")
        code.label("begin")
        self.core.enter()
        code.do("br label %head")

    def _call_for_each(self, name: str, idle: int, function: str) -> None:
        """Call a function for each lane of which an integer is not a certain one."""
        code = self.code

        def one(lane: str) -> list[str]:
            at = code.let(f"getelementptr i64, ptr {self.core.arrays[name]}, i64 {lane}")
            number = code.let(f"load i64, ptr {at}")
            some = code.let(f"icmp ne i64 {number}, {idle}")
            block = lane.removeprefix("%i.")
            code.do(f"br i1 {some}, label %call.{block}, label %same.{block}")
            code.label(f"call.{block}")
            given = ", ".join(f"ptr %{x}" for x in PARAMETERS)
            code.do(f"call void @{function}({given}, i64 {lane}, i64 {number})")
            code.do(f"br label %same.{block}")
            code.label(f"same.{block}")
            return []

        code.loop(self.lanes, one)

    def _is_taken(self) -> str:
        return self.code.instruction(f"icmp sge i64 {self._integers('trajectory')}, 0")

    def _head(self) -> None:
        """Evaluate the right-hand sides, and check the steps that led here."""
        code, core = self.code, self.core
        code.label("head")
        self.high, self.low = self._load("high"), self._load("low")
        core.now = self.high
        core.evaluate()
        step = self._load("step")
        error = core.defect(code.absolute(step))
        # Not NaN, as infinity times zero would be: of a first step the defect does not matter.
        fine = code.compare("ole", error, self._load("allowed"))
        self.is_taken = self._is_taken()
        self.wrong = code.instruction(f"xor i1 {fine}, true")
        self.wrong = code.instruction(f"and i1 {self.wrong}, {self.is_taken}")
        self.step = step
        code.do(f"br i1 {code.any(self.wrong)}, label %rejected, label %accepted")

    def _rejected(self) -> None:
        """Have the lanes that went wrong go back, to try half the step."""
        code, wrong = self.code, self.wrong
        code.label("rejected")
        zero = code.constant(0.0)
        # A first step has no step before it: the right-hand side is not finite here.
        none = code.compare("oeq", self.step, zero)
        back = code.instruction(f"and i1 {wrong}, {code.instruction(f'xor i1 {none}, true')}")

        def restore(access: Access) -> list[str]:
            for name in ("x", "lost"):
                value = code.choose(back, access.load(f"back {name}"), access.load(name))
                access.store(value, name)
            access.store(code.choose(back, zero, access.load("foreseen")), "foreseen")
            return []

        self.core.over_states(restore)
        half = code.multiply(code.absolute(self.step), code.constant(0.5)) or ""
        before, before_low = self._load("before high"), self._load("before low")
        small = code.multiply(code.absolute(before), code.constant(SMALLEST)) or ""
        for name, value in {
            "high": before,
            "low": before_low,
            "step": zero,
            "allowed": code.constant(math.inf),
            "cap": half,
        }.items():
            self._store(code.choose(back, value, self._load(name)), name)
        if self.is_sampled:
            point = code.choose(back, self._load("before point"), self._load("point"))
            self._store(point, "point")
            taken = self._chosen(back, *map(self._integers, ("before taken", "taken")))
            self._store_integers(taken, "taken")
        one = code.instruction(f"zext i1 {back} to i64")
        for name, operation in (("count", "sub"), ("rejected", "add")):
            value = code.instruction(f"{operation} i64 {self._integers(name)}, {one}")
            self._store_integers(value, name)
        # So is a lane that has no step to go back.
        too_small = code.instruction(f"and i1 {back}, {code.compare('ule', half, small)}")
        first = code.instruction(f"and i1 {wrong}, {none}")
        stuck = code.instruction(f"or i1 {too_small}, {first}")
        self._leave_those(stuck, f"splat (i64 {Exit.STUCK.value})")
        code.do(f"br i1 {code.any(stuck)}, label %refill, label %head")

    def _leave_those(self, ended: str, exits: str) -> None:
        """Write which lanes have ended, and why."""
        self._store_integers(self._chosen(ended, exits, f"splat (i64 {UNDER_WAY})"), "exit")

    def _chosen(self, truth: str, a: str, b: str) -> str:
        """Choose between integers."""
        kind = f"<{self.lanes} x i64>"
        return self.code.let(f"select <{self.lanes} x i1> {truth}, {kind} {a}, {kind} {b}")

    def _accepted(self) -> None:
        """Remember where the steps begin; see whether that is where to."""
        code = self.code
        code.label("accepted")
        self.core.remember()
        left = code.subtract(self._load("end"), self.high)
        left = code.add(left, code.subtract(self._load("end low"), self.low))
        self.sign = self._load("sign")
        self.left = code.multiply(left, self.sign) or ""
        self.count = self._integers("count")
        self.there = code.compare("ole", self.left, code.constant(0.0))
        enough = code.instruction(f"icmp uge i64 {self.count}, {self._integers('most')}")
        ended = code.instruction(f"or i1 {self.there}, {enough}")
        self.at_end = code.instruction(f"and i1 {ended}, {self.is_taken}")
        code.do(f"br i1 {code.any(self.at_end)}, label %ended, label %orders")

    def _ended(self) -> None:
        code = self.code
        code.label("ended")
        exits = code.instruction(
            f"select i1 {self.there}, i64 {Exit.END.value}, i64 {Exit.STEPS.value}"
        )
        self._leave_those(self.at_end, exits)
        code.do("br label %refill")

    def _size(self) -> str:
        """Write the choice of steps."""
        self.cap = self._load("cap")
        longest = self.code.smaller(self.code.smaller(self.longest, self.cap), self.left)
        return step_size(self.core, self.count, self.factor, longest)

    def _advance(self, size: str) -> None:
        """Sum the series up, and move the times on."""
        code, cap = self.code, self.cap
        h = code.multiply(size, self.sign) or ""
        last = code.compare("oge", size, self.left)
        if self.core.system.is_timed:
            h = code.choose(last, h, on_grid(code, self.high, self.low, h))
        if self.is_sampled:
            self._sample(h)
        self.core.advance(h)
        time, rest = code.total_of_two(self.high, self.low, h)
        # The last step ends where it is to end, whatever the roundings.
        time = code.choose(last, self._load("end"), time)
        self._store(time, "high")
        self._store(code.choose(last, self._load("end low"), rest), "low")
        self._store(self.high, "before high")
        self._store(self.low, "before low")
        self._store(h, "step")
        self._store(self.defect, "allowed")
        # A step that had to be shortened tells that the next had better not be much longer.
        short = code.compare("oge", size, cap)
        twice = code.add(size, size) or ""
        self._store(code.choose(short, twice, code.constant(math.inf)), "cap")
        self._store_integers(code.instruction(f"add i64 {self.count}, 1"), "count")
        code.do("br label %head")

    def _sample(self, h: str) -> None:
        """Sum the series up at the times that lie in the steps, one of each lane at once.

        What is sampled in steps that will be taken back is sampled again.
        """
        code, core = self.code, self.core
        self._store(self._load("point"), "before point")
        self._store_integers(self._integers("taken"), "before taken")
        far = code.multiply(h, self.sign) or ""
        code.do("br label %samples")
        code.label("samples")
        s = code.subtract(code.subtract(self._load("point"), self.high), self.low) or ""
        # Not where there is no further time, which is NaN.
        due = code.compare("ole", code.multiply(s, self.sign) or "", far)
        code.do(f"br i1 {code.any(due)}, label %sample, label %sampled")
        code.label("sample")
        self._store_integers(code.instruction(f"zext i1 {due} to i64"), "due")
        powers = core.powers(s, 1)

        def one(access: Access) -> list[str]:
            gain, _ = core.series(access, powers)
            access.store(code.add(access.load("x"), gain) or "", "sample")
            return []

        core.over_states(one)
        self._call_for_each("due", 0, "sample")
        code.do("br label %samples")
        code.label("sampled")
