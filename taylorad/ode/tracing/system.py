"""The right-hand side of a differential equation as a program of recurrences.

The user's function is traced and taken apart into scalars; these are run on the symbols of
`taylorad.forward.program`, which brings in what their recurrences need. The arguments that move are
the components of the state, and the time; parameters stay.

What jumps, ``x > 0`` and ``np.floor(x)`` say, is *held*: it is an argument that stays for a step.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from taylorad.compiler.arguments import NotForMachines
from taylorad.errors import TayloradError
from taylorad.forward.program import NoProgram, Program
from taylorad.ode.tracing.garbage import none_sought
from taylorad.ode.tracing.lines import Held
from taylorad.ode.tracing.reading import Reading
from taylorad.ode.tracing.recording import Recording, parameters_of, traced
from taylorad.wengert.arithmetic import NotExpandable
from taylorad.wengert.scalars import Expansion

__all__ = ["Described", "NotTraceable", "System", "switch", "system"]

MOST_SCALARS = 200_000
"""The most scalar operations that a right-hand side may be taken apart into."""


class NotTraceable(Exception):
    """The right-hand side cannot be written down as a program of scalars; says why."""


class Described(ABC):
    """A right-hand side that says by itself what system it is, without being traced as a whole."""

    @abstractmethod
    def system(self, t: float, y: Any, args: Sequence[Any], functions: Sequence[Any]) -> System:
        """Give the system; see `system`."""

    @abstractmethod
    def switch(self, t: Any, y: Any, args: Sequence[Any]) -> str:
        """Name something in it that may jump; see `switch`."""


@dataclass
class System:
    """A system of first-order differential equations.

    Attributes
    ----------
    shape : tuple of int
        Of the state, which has ``size`` components.
    program : Program
        Its arguments are the components of the state, the time, the parameters, and what is held.
    rates : list of int
        The line of each component's derivative.
    functions : list of list of int
        Lines of the entries of other functions of time and state, those of events.
    held : list of Held
    guards : list of (int, bool, origin)
        Lines that a choice in the user's code was made by: they do not move, and the program holds
        while they are what they are here.
    parameters : list of ndarray
        What the parameters are, before they are taken apart into numbers.
    is_timed : bool
        Whether the rates depend on the time.
    variation : Variation or None
        What this is the expansion of, if it is one.
    alike : sequence of sequence of int
        Components that may well have rates that are alike.
    pivots : sequence
        Those of eliminations in it, which were chosen where it was traced.
    said : str
        What all this follows from; empty if that is not known.
    """

    shape: tuple[int, ...]
    program: Program
    rates: list[int]
    functions: list[list[int]] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    guards: list[tuple[int, bool, Any]] = field(default_factory=list)
    parameters: list[np.ndarray[Any, Any]] = field(default_factory=list)
    is_timed: bool = True
    variation: Any = None
    alike: Sequence[Sequence[int]] = ()
    pivots: Sequence[Any] = ()
    said: str = field(default="", init=False)  # of another that is made by `replace` it is not

    @property
    def size(self) -> int:
        """The number of components."""
        return math.prod(self.shape)

    @property
    def time(self) -> int:
        """The line of the time."""
        return self.size

    @property
    def entries(self) -> list[int]:
        """How many entries each of the functions has."""
        return [len(lines) for lines in self.functions]

    @property
    def expanded(self) -> System:
        """The system with all of its lines."""
        return self

    @property
    def unvaried(self) -> System:
        """The system whose lines what is held, and what guards, is written in."""
        return self

    def observing(self, functions: list[list[int]]) -> System:
        """Give the system with functions more, of which the lines are known."""
        found = replace(self, functions=[*self.functions, *functions])
        found.said = self.said and f"{self.said} {functions}"
        return found


@none_sought()
def system(
    f: Callable[..., Any],
    t: float,
    y: np.ndarray[Any, Any],
    args: Sequence[Any] = (),
    functions: Sequence[Callable[..., Any]] = (),
    *,
    may_wait: bool = False,
) -> System:
    """Trace a right-hand side, and other functions of time and state.

    Parameters
    ----------
    f : callable
        ``f(t, y, *args)``.
    t : float
    y : ndarray
        Where it is traced; of floats.
    args : sequence, optional
        Numbers and arrays of floats among them are parameters.
    functions : sequence of callable, optional
        ``g(t, y, *args)``.
    may_wait : bool
        Whether the trace may be taken apart when someone first asks for lines of the program, which
        then raises what this does. If there is machine code of it on disk, nobody will.

    Raises
    ------
    NotTraceable
        If it cannot be done.
    taylorad.errors.InputError
        If what ``f`` returns has not the shape of the state.
    """
    if isinstance(f, Described):
        return f.system(t, y, args, functions)
    try:
        recorded, parameters = traced(f, t, y, args, functions), parameters_of(args)
    except NoProgram as error:
        raise NotTraceable(f"it uses {error}") from error
    except NotForMachines as error:
        raise NotTraceable(error.warning or "an argument is no number") from error
    if may_wait and recorded.said and not recorded.may_jump:
        return _Unread(recorded, parameters)
    return _read(recorded, parameters, (np.float64(t), y, *parameters))


def switch(f: Callable[..., Any], t: Any, y: Any, args: Sequence[Any]) -> str:
    """Name something in a right-hand side that may jump, as far as a trace can tell."""
    if isinstance(f, Described):
        return f.switch(t, y, args)
    try:
        real = np.array([float(x.real) for x in y.flat]).reshape(y.shape)
        return traced(f, float(t), real, args, ()).switch
    except (NoProgram, NotForMachines, TayloradError):  # it cannot be traced at all
        return ""


def _read(
    recorded: Recording, parameters: list[np.ndarray[Any, Any]], at: Sequence[Any] | None
) -> System:
    """Take a trace apart: where it is to be run, if that matters."""
    expansion = Expansion(recorded.program, MOST_SCALARS, at)
    try:
        read = Reading(expansion.run(), recorded).read()
        found = System(recorded.shape, *read, parameters, recorded.is_timed)
    except NotExpandable as error:
        raise NotTraceable("it uses what cannot be taken apart into scalars") from error
    except NoProgram as error:
        raise NotTraceable(f"it uses {error}") from error
    found.pivots = expansion.pivots
    found.said = recorded.said
    if found.said and found.pivots:
        found.said += repr(found.pivots)
    return found


class _Unread(System):
    """A system that is taken apart when its lines are asked for; nothing in it jumps."""

    def __init__(self, recorded: Recording, parameters: list[np.ndarray[Any, Any]]) -> None:
        self.shape, self.parameters, self.said = recorded.shape, parameters, recorded.said
        self.held, self.guards = [], []
        self.is_timed = recorded.is_timed
        self._recorded = recorded
        if not self.entries:  # of which there are no lines to ask for
            self.functions = []

    @property
    def entries(self) -> list[int]:
        return self._recorded.sizes[1:]

    def __getattr__(self, name: str) -> Any:
        if name not in ("program", "rates", "functions"):
            raise AttributeError(name)
        found = _read(self._recorded, self.parameters, None)
        assert not any((found.held, found.guards))
        self.program, self.rates, self.functions = found.program, found.rates, found.functions
        return getattr(self, name)
