"""The machine code of a system: quickly made at first, made to be quick later.

To compile with no effort takes a quarter of the time; the code is a few tenths slower where orders
are written out, and a few times slower where they are loops. So a system begins with such code.
When that has run for about as long as it takes to make better code, better code is made: nobody
knows beforehand how long an integration will be, and so none takes much more than twice the time
that it would if one knew. Both give the same bits.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from taylorad.forward.program import NoProgram
from taylorad.machine.module import Code, Recipe, build, find
from taylorad.ode.steps.alike import side_by_side
from taylorad.ode.steps.code import array_of
from taylorad.ode.steps.core import Core
from taylorad.ode.steps.groups.group import LANES
from taylorad.ode.steps.groups.grouped import Grouped
from taylorad.ode.steps.polynomials.polynomials import Polynomials
from taylorad.ode.steps.polynomials.prepared import Prepared
from taylorad.ode.steps.rowed import Rowed
from taylorad.ode.steps.turning import Turning
from taylorad.ode.steps.unrolled import Unrolled
from taylorad.ode.tracing import recording
from taylorad.ode.tracing.garbage import none_sought
from taylorad.ode.tracing.recurrences import Recurrences
from taylorad.ode.tracing.system import NotTraceable, System
from taylorad.ode.tracing.variation import Variation

__all__ = ["Translation", "forget", "is_written", "keep", "recipe"]

MOST_WRITTEN = 10
"""Convolutions of a system whose orders are written out."""

MOST_EXPANDED = 400
"""Products of coefficients of a system of polynomials that is expanded line by line."""

HIGHEST_TURNED, LEAST_TURNED, MOST_TURNED = 2, 150, 600
"""The highest derivatives, the least nodes and the most products of a loop over rows.

Of third derivatives lanes are needed in so many orders that to read them takes most of the time.
"""

MOST_SPREAD = 60
"""Vectors of nodes of a system whose groups are spread out."""

QUICK, BEST = 0, 1
"""Levels of effort."""

EFFORT = 2e-6
"""Seconds that better code takes to be made, for each byte of the first."""

FIRST = 16
"""So many steps tell how long a step takes."""

RECENT = 16
"""So many codes are kept when nothing uses them: a system may well come again."""

_NAMES = ("propagate", "places", "room", "work")
_recent: dict[Code, float] = {}  # for how long each has run; the latest are behind
_LOCK = threading.Lock()


class Translation:
    """The machine code of a system.

    Parameters
    ----------
    system : System
    order : int
        The last degree of the series.
    level : {0, 1} or None
        The effort of compiling; by default more where it turns out to be worth it.
    form : {"", "written", "turning", "spread", "looped", "tabled"}
        How the orders are written: each out; by a loop over them, of rows; by groups that are
        spread out; by loops over groups; by tables of monomials. By default chosen by size.

    Attributes
    ----------
    code : Code
    address : int
        Where the core is.
    places : list of int
        The component at each place of an array of components.
    work : int
        Doubles that a call works in.
    is_last : bool
        Whether there will be no better code.
    steps : int
        The most steps to be taken by the code at hand before `ran` is told, unless it is the last.
    """

    def __init__(self, system: System, order: int, level: int | None, form: str) -> None:
        write = partial(_written, system, order, form)
        self._recipe = recipe(system, (order, form), write, _NAMES)
        found = find(self._recipe, level=BEST) if level is None else None
        code = found or build(self._recipe, level=QUICK if level is None else level)
        self._use(code, is_last=bool(found) or level is not None)
        address = self.code.address
        room, work = (ctypes.c_int64.from_address(address(x)).value for x in ("room", "work"))
        self.places = (ctypes.c_int32 * room).from_address(address("places"))[:]
        self.work = work

    def _use(self, code: Code, is_last: bool) -> None:
        self.code, self.address = code, code.address("propagate")
        self.is_last = is_last
        self.steps = 2**62 if is_last else FIRST
        keep(code)

    def ran(self, steps: int, seconds: float) -> None:
        """Take note of the time that steps took; make better code when that is due."""
        left = EFFORT * self.code.size - _count(self.code, seconds)
        if left <= 0:
            self._use(build(self._recipe, level=BEST), is_last=True)
        elif steps:
            self.steps = max(FIRST, int(left * steps / max(seconds, 1e-9)))


def _count(code: Code, seconds: float) -> float:
    """Give for how long code has run."""
    with _LOCK:
        total = _recent[code] = _recent.get(code, 0.0) + seconds
    return total


def keep(code: Code) -> None:
    """Keep code a little longer, when nothing uses it."""
    with _LOCK:
        _recent[code] = _recent.pop(code, 0.0)
        while len(_recent) > RECENT:
            del _recent[next(iter(_recent))]


def recipe(
    system: System, settings: tuple[Any, ...], write: Callable[[], str], names: tuple[str, ...]
) -> Recipe:
    """Say what a text follows from, if that is known of the system; otherwise write it."""

    @none_sought()
    def written() -> str:
        try:
            return write()
        except NoProgram as error:
            raise NotTraceable(f"it uses {error}") from error

    if system.said:
        return Recipe(repr((system.said, *settings)), written, names)
    text = written()
    return Recipe(text, lambda: text, names)


def _written(system: System, order: int, form: str) -> str:
    """Write the text, and what a caller has to know of it."""
    core = _core(system, order, form)
    text, places = core.written(), core.places
    constants = [
        f"@places = constant {array_of(places, 'i4')}",
        f"@room = constant i64 {len(places)}",
        f"@work = constant i64 {core.work}",
    ]
    vars(core).clear()  # much of it refers back to it, and would wait for a search for garbage
    return "\n".join([*constants, text])


def _core(system: System, order: int, form: str) -> Core:
    variation, most = system, MOST_EXPANDED
    if isinstance(variation, Variation):
        if variation.algebra.order <= HIGHEST_TURNED:
            most = MOST_TURNED
        if form == "tabled" or (not form and _products(variation) > most):
            return Polynomials(Prepared(variation), order)
        system = variation.expanded
    observed = [line for lines in system.functions for line in lines]
    recurrences = Recurrences(system, [*system.rates, *observed])
    beside = side_by_side(recurrences)
    form = form or _form(recurrences, beside)
    if form == "written":
        return Rowed(beside, order) if beside.rows else Unrolled(recurrences, order)
    if form == "turning":
        return Turning(beside, order)
    if form == "tabled":
        assert isinstance(variation, Variation)
        return Polynomials(Prepared(variation), order)
    return Grouped(recurrences, order, is_spread=form == "spread")


def _products(system: Variation) -> int:
    """Count the products of coefficients that there are, roughly."""
    base = system.base
    inners = len(Recurrences(base, base.rates).inners)
    return inners * (2 * system.algebra.size + sum(len(out) for *_, out in system.algebra.inner))


def forget() -> None:
    """Let go of machine code that nothing uses, and of traces."""
    recording.forget()
    with _LOCK:
        _recent.clear()


def _form(recurrences: Recurrences, beside: Recurrences) -> str:
    """Choose how the orders of a system are written."""
    lines, variation = recurrences.sums.lines, recurrences.system.variation
    if is_written(beside):
        return "written"
    if beside.rows and variation.algebra.order <= HIGHEST_TURNED and len(lines) >= LEAST_TURNED:
        return "turning"
    if variation is not None and _products(variation) > MOST_EXPANDED:
        return "tabled"
    return "spread" if len(lines) // LANES <= MOST_SPREAD else "looped"


def is_written(recurrences: Recurrences) -> bool:
    """Tell whether the orders of a system are written out, one number after the other."""
    rows = recurrences.lengths.keys()
    alone = [i for i in recurrences.inners if rows.isdisjoint((i.a, i.b))]
    lines = recurrences.nodes if rows else recurrences.sums.lines
    # Interiors of rows are loops. If they are many, groups are as quick, and compile sooner.
    is_small = len(alone) <= MOST_WRITTEN and len(recurrences.inners) <= 2 * MOST_WRITTEN
    return is_small and len(lines) <= 8 * MOST_WRITTEN
