"""What a core is made of: the orders of a step, which a loop over steps goes around.

Subclasses of `Core` write the orders; `taylorad.ode.steps.loop` and
`taylorad.ode.steps.lanes.queue` are the loops, for one trajectory and for many side by side.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Protocol

from taylorad.forward.program import Step
from taylorad.machine.features import has_fma
from taylorad.machine.mathematics import definitions
from taylorad.ode.steps.batch import Batch
from taylorad.ode.steps.code import Code, Name
from taylorad.ode.steps.loop import SMALLEST, Loop
from taylorad.ode.tracing.system import System

__all__ = ["LATE", "SMALLEST", "TRUTHS", "Access", "Core", "Source", "module_of"]


LATE = 2.0**-44
"""How much of the rates, times the time, roundings of the time may make in a step.

That is 2**-53 for each radian that a rate goes through in a step, and more near its zeros.
"""

TRUTHS = frozenset(
    {
        *("equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "leads"),
        *("outweighs", "logical_and", "logical_or", "logical_xor", "logical_not"),
        *("bitwise_and", "bitwise_or", "bitwise_xor", "invert"),  # of truths: all else is real
        *("isnan", "isinf", "isfinite", "signbit"),
    }
)
"""Rows whose value is true or false."""


def module_of(code: Code, *texts: str) -> str:
    """Put texts together with what functions in them need."""
    declarations = sorted(code.declarations)
    called = definitions(code.functions, fma=has_fma(), declared=declarations)
    return "\n".join([*declarations, called, *code.helpers.values(), *texts, ""])


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


class Source(Protocol):
    """What a core is written from: a program, and the lines whose series are wanted.

    These are the components, then functions of time and state. ``values`` are the lines whose
    values are needed, in order, arguments apart.
    """

    wanted: list[int]
    values: list[int]

    @property
    def system(self) -> System:
        """What the program is of."""

    @property
    def steps(self) -> Sequence[Step]:
        """The lines of the program."""


class Core:
    """The text of a core; subclasses write the orders.

    Parameters
    ----------
    recurrences : Source
    order : int
        The last degree.
    batch : int, optional
        How many trajectories there are side by side.

    Attributes
    ----------
    arrays : dict of str to str
        Where arrays begin: of components, and of what is given.
    now : str
        The time, at the beginning of a step.
    work : int
        Doubles that a call works in.
    """

    recurrences: Source

    def __init__(self, recurrences: Source, order: int, batch: int = 1) -> None:
        self.recurrences, self.order = recurrences, order
        self.system, self.steps = recurrences.system, recurrences.steps
        self.n = self.system.size
        self.code = Code() if batch == 1 else Batch(lanes=batch, batch=batch)
        self.arrays: dict[str, str] = {"given": "%given"}
        self.now = ""
        self.globals: list[str] = []
        self.work = 0

    def claim(self, numbers: int) -> str:
        """Find room to work in, where a line of the cache begins."""
        place, self.work = self.work, self.work + -(-numbers * self.code.batch // 8) * 8
        return self.code.let(f"getelementptr inbounds double, ptr %work, i64 {place}")

    @property
    def lines(self) -> int:
        """How many lines parts are wanted of: components, then functions."""
        return len(self.recurrences.wanted)

    @property
    def room(self) -> int:
        """Numbers in an array of components, padding included."""
        return len(self.places)

    def written(self) -> str:
        """Write the text of a core for one trajectory."""
        return Loop(self).written()

    def module(self, *functions: str) -> str:
        """Put the text of functions together with what they need."""
        return module_of(self.code, *self.globals, *functions)

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

    def orders(self) -> None:
        """Write the parts of degree 1 and more; for a subclass whose `expand` is the one here."""
        raise NotImplementedError

    def expand(self, size: Callable[[], str]) -> str:
        """Write the orders, and the choice of a step: what ``size`` gives, once it can be made."""
        self.orders()
        return size()

    @abstractmethod
    def over_states(self, body: Callable[..., Sequence[str]], *carried: str) -> Sequence[str]:
        """Do something for all components: ``body`` takes an `Access` and what is carried along.

        That are vectors as wide as the components come in, if there is only one width.
        """

    def joined(
        self,
        body: Callable[[Access], Sequence[str]],
        join: Callable[[str, str, int], Name],
        over_lanes: Callable[[str, int], str],
        count: int = 1,
    ) -> list[str]:
        """Join what ``body`` gives for all components: vectors first, at the end their lanes."""
        totals: list[str] = []
        for width, vectors in self.gathered(body, join, count):
            lanes = [over_lanes(vector, width) for vector in vectors]
            both = zip(lanes, totals, strict=True) if totals else ()
            totals = [join(a, b, 1) or "" for a, b in both] or lanes
        return totals

    def gathered(
        self,
        body: Callable[[Access], Sequence[str]],
        join: Callable[[str, str, int], Name],
        count: int,
    ) -> list[tuple[int, Sequence[str]]]:
        """Join what ``body`` gives for components that come in the same width."""
        zero, widths = self.code.constant, self.widths

        def one(access: Access, *now: str) -> list[str]:
            first = widths.index(access.width) * count
            found = list(now)
            for k, value in enumerate(body(access), first):
                is_first = now[k] == zero(0.0, access.width)
                found[k] = value if is_first else join(value, now[k], access.width) or ""
            return found

        vectors = self.over_states(one, *(zero(0.0, w) for w in widths for _ in range(count)))
        return [(w, vectors[k * count : (k + 1) * count]) for k, w in enumerate(widths)]

    @abstractmethod
    def rates(self, access: Access) -> str:
        """Give the rates at the beginning of the step."""

    @abstractmethod
    def part(self, access: Access, k: int) -> str:
        """Give parts of components."""

    @abstractmethod
    def keep(self, parts: str) -> None:
        """Write all parts to a place."""

    def leave(self) -> None:
        """Write what is done once a call, at its end."""

    # --- the beginning of a step ---

    def defect(self, step: str) -> str:
        """Write what a step makes of the gap of rates and what was foreseen; give the sum.

        And write by what parts are measured.
        """
        code, is_timed = self.code, self.system.is_timed

        def one(access: Access) -> list[str]:
            width = access.width
            size = code.absolute(access.load("x"), width)
            scale = code.add(size, access.load("floors"), width)
            inverse = code.divide(code.constant(1.0, width), scale or "", width)
            access.store(inverse, "scale")
            rates, foreseen = self.rates(access), access.load("foreseen")
            gap = code.absolute(code.subtract(rates, foreseen, width) or "", width)
            if is_timed:
                sizes = code.add(code.absolute(rates, width), code.absolute(foreseen, width), width)
                gap = code.multiply(gap, code.everywhere(step, width), width) or ""
                gap = code.fused(code.everywhere(late, width), sizes, gap, width) or ""
            return [code.multiply(gap, inverse, width) or ""]

        # A right-hand side is told the time in one double, and may multiply it: where it is late,
        # rates are not known better than that.
        late = ""
        if is_timed:
            late = code.multiply(code.absolute(self.now), code.constant(-LATE)) or ""

        # A sum, not the largest, for that would leave NaNs out.
        (worst,) = self.joined(one, code.add, code.sum)
        return worst if is_timed else code.multiply(worst, step) or ""

    def remember(self) -> None:
        """Write where the step begins."""

        def one(access: Access) -> list[str]:
            for name in ("x", "lost"):
                access.store(access.load(name), f"back {name}")
            return []

        self.over_states(one)

    # --- the end of a step ---

    def advance(self, h: str) -> None:
        """Write the components at the end of a step, and the rates foreseen there."""
        code = self.code
        powers = {width: self.powers(h, width) for width in self.widths}

        def one(access: Access) -> list[str]:
            width = access.width
            gain, rates = self.series(access, powers[width])
            access.store(rates, "foreseen")
            x, lost = code.total(access.load("x"), gain, width)
            access.store(x, "x")
            access.store(lost, "lost")
            return []

        self.over_states(one)

    def series(self, access: Access, powers: Sequence[str]) -> tuple[str, str]:
        """Sum up the series of components and of their rates.

        To the former belongs what rounding has lost, not the value at the beginning of the step.
        The first term is added last, for it is the largest: so it is rounded once.
        """
        code, width = self.code, access.width
        parts = [self.part(access, k) for k in range(1, self.order + 1)]
        square = code.multiply(powers[0], powers[0], width)
        gain = code.fused(
            self.polynomial(parts[1:], powers, width), square, access.load("lost"), width
        )
        gain = code.fused(parts[0], powers[0], gain, width) or ""
        rates = [
            code.multiply(x, code.constant(float(k), width), width) or "" if k > 1 else x
            for k, x in enumerate(parts, 1)
        ]
        return gain, self.polynomial(rates, powers, width) or ""

    def powers(self, h: str, width: int) -> list[str]:
        """Give h, its square, the square of that and so on."""
        powers = [self.code.everywhere(h, width)]
        while 2 ** len(powers) < self.order:
            powers.append(self.code.multiply(powers[-1], powers[-1], width) or "")
        return powers

    def polynomial(self, coefficients: Sequence[str], powers: Sequence[str], width: int) -> Name:
        """Evaluate a polynomial by halving (Estrin); None if it has no coefficients."""
        terms, level = list(coefficients), 0
        while len(terms) > 1:
            pairs = zip(terms[1::2], terms[::2])
            halved = [self.code.fused(b, powers[level], a, width) or "" for b, a in pairs]
            terms = halved + terms[2 * len(halved) :]
            level += 1
        return terms[0] if terms else None
