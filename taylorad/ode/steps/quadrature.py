"""Integrals along a solution whose steps are known: by Gauss's rule, eight nodes side by side.

A component that nothing depends on, as a cotangent of a parameter, needs no series of its own. The
values of a right-hand side at eight times, which is one vector, have less work in them than the
convolutions of one degree; and the rule is right to the 16th power of how far a step goes towards
the nearest singularity. Functions that are less smooth than the solution are found by their last
two Legendre coefficients, and their steps taken in pieces.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from taylorad.machine.module import build
from taylorad.ode.steps.batch import Batch
from taylorad.ode.steps.core import module_of
from taylorad.ode.steps.routine import Routine
from taylorad.ode.steps.translation import keep, recipe
from taylorad.ode.steps.values import Valued
from taylorad.ode.tracing.system import System
from taylorad.ode.tracing.variation import needed
from taylorad.primitives.elementwise import add, multiply, negative, subtract

__all__ = ["NOTHING", "Quadrature", "piecewise"]

NODES = 8
MEMORY, MOST_STEPS = 2**17, 256
"""So many bytes of steps, and so many steps, are kept at a time."""

NOTHING = [0, 0, 0, 2**62, *[0] * 5]
"""The table where there are no integrals."""

SMALLEST, MOST_PIECES = 2.0**-20, 256
"""A piece of a step is no shorter than this, of the step; after so many tries it gives up."""

_PLACES, _WEIGHTS = np.polynomial.legendre.leggauss(NODES)
_LAST = [
    _WEIGHTS * np.polynomial.legendre.Legendre.basis(k)(_PLACES) * (k + 0.5)
    for k in (NODES - 2, NODES - 1)
]
_SMOOTH = frozenset({add, subtract, multiply, negative})
"""What makes nothing less smooth."""


class Quadrature:
    """The machine code of integrals.

    Parameters
    ----------
    system : System
        Its last components are the integrals: no rate depends on them.
    solved : int
        How many others there are.
    order : int
        Of the series of these.
    relative : float
        The tolerance.
    """

    def __init__(self, system: System, solved: int, order: int, relative: float) -> None:
        count, lines = system.size - solved, solved * (order + 1)

        def write() -> str:
            return _Piece(system.expanded, solved, order).written()

        about = recipe(system, ("quadrature", solved, order), write, ("piece", "work"))
        self.code = build(about, level=0)
        keep(self.code)
        work = ctypes.c_int64.from_address(self.code.address("work")).value
        steps = min(max(MEMORY // (8 * lines), 1), MOST_STEPS)
        self._sums = np.zeros((count, NODES))
        # How large the last coefficients may be, for an error of twice their degree.
        self._allowed = np.array([relative ** ((NODES - 1) / (2 * NODES))])
        self._kept = [np.zeros(steps * lines), np.zeros((steps, 3)), np.zeros(work + 8)]
        parts, times, room = (x.ctypes.data for x in self._kept)
        self.table = [
            *(self.code.address("piece"), parts, times, steps, lines),
            *(self._allowed.ctypes.data, count, self._sums.ctypes.data, room + -room % 64),
        ]
        """What `integrate` is given."""

    @property
    def integrals(self) -> Any:
        """What they have come to so far; NaN if a step was too rough for the rule."""
        return self._sums.sum(axis=1)


class _Given(dict[int, str]):
    """Values of lines in registers; those of arguments are read where they are needed."""

    def __init__(self, piece: _Piece) -> None:
        super().__init__()
        self.piece = piece

    def __missing__(self, line: int) -> str:
        return self.piece.argument(line)


class _Piece(Valued):
    """The text of a function: writes what integrals are made of in a piece of a step.

    That are the values at the nodes, to the beginning of ``work``. It tells whether something in
    them is less smooth than that goes.
    """

    def __init__(self, system: System, solved: int, order: int) -> None:
        self.system, self.solved, self.order = system, solved, order
        self.code, self.steps = Batch(lanes=NODES, batch=NODES), system.program.steps
        self.values, self.kinds = _Given(self), {}
        self.given = {
            line: place
            for place, line in enumerate(
                line
                for line, step in enumerate(self.steps)
                if step.primitive is None and step.number is None and line > system.time
            )
        }

    def argument(self, line: int) -> str:
        """Give an argument at the nodes."""
        code, number = self.code, self.steps[line].number
        if number is not None:
            return code.constant(float(number))
        if line < self.solved:
            return code.load(self.states, line)
        return self._everywhere("%given", self.given[line])

    def _everywhere(self, pointer: str, place: int | str) -> str:
        at = self.code.let(f"getelementptr inbounds double, ptr {pointer}, i64 {place}")
        return self.code.spread(self.code.let(f"load double, ptr {at}, align 8"), "double")

    def written(self) -> str:
        code, wanted = self.code, self.system.rates[self.solved :]
        place = NODES * len(wanted)
        self.states = code.let(f"getelementptr inbounds double, ptr %work, i64 {place}")
        time, low, begin, length = (self._everywhere("%about", k) for k in range(4))
        allowed = code.let("getelementptr inbounds double, ptr %about, i64 4")
        allowed = code.let(f"load double, ptr {allowed}, align 8")
        code.declarations.add("declare double @llvm.fabs.f64(double)")
        nodes = _vector((_PLACES + 1) / 2)
        s = code.fused(length, nodes, begin) or ""
        self.values[self.system.time] = code.add(time, code.add(low, s)) or ""
        code.loop(self.solved, lambda i: self._state(i, s))
        rough = "false"
        for line in needed(self.system, wanted):
            step = self.steps[line]
            if step.primitive is None:
                continue
            self.write_value(line)
            if step.moves and step.primitive not in _SMOOTH and self.kinds[line] == "f":
                rough = code.let(f"or i1 {rough}, {self._is_rough(self.values[line], allowed)}")
        for place, line in enumerate(wanted):
            code.store(self.values[line], "%work", place)
        code.do(f"ret i1 {rough}")
        head = "define i1 @piece(ptr %row, ptr %about, ptr %given, ptr %work) alignstack(64) {"
        work = f"@work = constant i64 {NODES * (len(wanted) + self.solved)}"
        return module_of(code, work, "\n".join([head, "entry:", *code.lines, "}"]))

    def _state(self, i: str, s: str) -> list[str]:
        """Evaluate the polynomial of a component."""
        code, length = self.code, self.order + 1
        first = code.let(f"mul nuw nsw i64 {i}, {length}")
        row = code.let(f"getelementptr inbounds double, ptr %row, i64 {first}")
        total = self._everywhere(row, self.order)
        for k in range(self.order - 1, -1, -1):
            total = code.fused(total, s, self._everywhere(row, k)) or ""
        code.store(total, self.states, i)
        return []

    def _is_rough(self, value: str, allowed: str) -> str:
        """Compare the last coefficients of a line with its size."""
        code = self.code
        a, b = (code.multiply(value, _vector(weights)) for weights in _LAST)
        size = code.multiply(code.absolute(value), _vector(_WEIGHTS))
        a, b, size = (code.sum(x or "", NODES) for x in (a, b, size))
        last = code.let(f"fadd double {self._size(a)}, {self._size(b)}")
        most = code.let(f"fmul double {allowed}, {size}")
        return code.let(f"fcmp ugt double {last}, {most}")

    def _size(self, number: str) -> str:
        return self.code.let(f"call double @llvm.fabs.f64(double {number})")


def _vector(numbers: Iterable[float]) -> str:
    return "<" + ", ".join(f"double {_literal(x)}" for x in numbers) + ">"


def _literal(x: float) -> str:
    return f"0x{np.float64(x).view(np.uint64):016X}"


def piecewise() -> Routine:
    """Write the routine that adds up integrals over steps: in pieces, where that is needed."""
    r = Routine(
        head="internal void @integrate(ptr %piece, ptr %parts, ptr %times, i64 %steps, i64 %lines, "
        "ptr %given, ptr %allowed, i64 %count, ptr %sums, ptr %work)"
    )
    about = r.variable("zeroinitializer", "[8 x double]")
    begin, length = r.variable(r.constant(0.0)), r.variable(r.constant(0.0))
    tries = r.variable("0", "i64")
    r.store(r.load("%allowed", 0), about, 4)
    weights = _vector(_WEIGHTS / 2)
    whole = f"<{NODES} x double>"

    def step(i: str) -> None:
        row = r.at("%parts", r.times(i, "%lines"))
        when = r.at("%times", r.times(i, 3))
        for k in range(2):
            r.store(r.load(when, k), about, k)
        h = r.load(when, 2)
        least = r.multiply(r.absolute(h), r.constant(SMALLEST)) or ""
        r.put(begin, r.constant(0.0))
        r.put(length, h)
        r.put(tries, "0")
        r.repeat(lambda: r.compare("une", r.get(begin), h), lambda: piece(row, h, least))

    def piece(row: str, h: str, least: str) -> None:
        r.increase(tries)
        enough = r.let(f"icmp sgt i64 {r.get(tries)}, {MOST_PIECES}")
        rest = r.subtract(h, r.get(begin)) or ""
        r.put(length, r.choose(enough, rest, r.get(length)))
        r.store(r.get(begin), about, 2)
        r.store(r.get(length), about, 3)
        rough = r.let(f"call i1 %piece(ptr {row}, ptr {about}, ptr %given, ptr %work)")
        good = r.let(f"xor i1 {rough}, true")
        short = r.compare("ole", r.absolute(r.get(length)), least)

        def add() -> None:
            # NaN, where it gave up: then there are no integrals.
            lost = r.let(f"and i1 {rough}, {enough}")
            share = r.choose(lost, r.constant(math.nan), r.get(length))
            share = r.everywhere(share, NODES)
            share = r.let(f"fmul {whole} {share}, {weights}")

            def one(k: str) -> None:
                place = r.times(k, NODES)
                value = r.load("%work", place, NODES)
                total = r.load("%sums", place, NODES)
                r.store(r.fused(value, share, total, NODES), "%sums", place, NODES)

            r.each("%count", one)
            left = r.subtract(h, r.get(begin)) or ""
            is_last = r.compare("oeq", r.get(length), left)
            end = r.choose(is_last, h, r.add(r.get(begin), r.get(length)) or "")
            r.put(begin, end)
            left = r.subtract(h, end) or ""
            twice = r.add(r.get(length), r.get(length)) or ""
            is_more = r.compare("olt", r.absolute(twice), r.absolute(left))
            r.put(length, r.choose(is_more, twice, left))

        def halve() -> None:
            r.put(length, r.multiply(r.get(length), r.constant(0.5)) or "")

        r.when(r.either(r.either(good, short), enough), add, halve)

    r.each("%steps", step)
    r.leave("void")
    return r
