"""The trace of a right-hand side, and of other functions of time and state, as one program.

Traces are remembered: that of functions that read the same as they did then, and were given the
same kinds of arguments, needs not be made again (see `reads`). What it takes to find the code that
was made of one is kept on disk, with that code.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Hashable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from taylorad.compiler.arguments import read
from taylorad.compiler.opening import opened
from taylorad.compiler.operations import is_elementwise
from taylorad.dispatch import Value
from taylorad.dispatch.exact import plain
from taylorad.drivers.boundary import as_output, evaluate
from taylorad.errors import InputError, named
from taylorad.forward.program import NoProgram, program
from taylorad.machine.objects import load, store
from taylorad.ode.tracing.lasting import lasting
from taylorad.ode.tracing.reads import known_by
from taylorad.primitives.elementwise import arctan2
from taylorad.primitives.linalg import solve_row
from taylorad.primitives.registry import Constant, Elementwise, Primitive
from taylorad.wengert import trace as recording
from taylorad.wengert.digest import digest
from taylorad.wengert.list import WengertList
from taylorad.wengert.simplify import as_recorded, needed, normal_form

__all__ = ["Recording", "forget", "parameters_of", "traced"]

SAME = 1e-8
"""What is that near, in terms of the largest component, is the same."""

MOST = 64
"""So many traces are remembered."""

_remembered: dict[Hashable, Recording] = {}  # the latest are behind
_LOCK = threading.Lock()


def traced(
    f: Callable[..., Any],
    t: float,
    y: np.ndarray[Any, Any],
    args: Sequence[Any],
    functions: Sequence[Callable[..., Any]],
) -> Recording:
    """Give the trace of a call: one that is remembered, if it is the same."""
    key = known_by((f, *functions), (y.shape, *args))
    with _LOCK:
        found = _remembered.get(key)
    if found is None:
        name = "" if functions or key is None else lasting(key)
        found = _Recalled.of(name, (f, t, y, args, functions))
        if found is None:
            found = Recording(f, t, y, args, functions)
            if key is None or found.is_guarded:  # which holds for some states
                return found
            if name and found.said and not found.may_jump:
                store(name, _Recalled.kept(found))
    with _LOCK:
        _remembered[key] = _remembered.pop(key, found)
        while len(_remembered) > MOST:
            del _remembered[next(iter(_remembered))]
    return found


def forget() -> None:
    """Let go of all traces."""
    with _LOCK:
        _remembered.clear()


def parameters_of(args: Sequence[Any]) -> list[np.ndarray[Any, Any]]:
    """Give what among arguments are parameters."""
    return [np.asarray(leaf) for leaf in read(tuple(args), {}, frozenset()).leaves if _moves(leaf)]


class Recording:
    """The trace of one call.

    Attributes
    ----------
    shape : tuple of int
        Of the state.
    shapes : list of tuple of int
        Of the parameters.
    sizes : list of int
        How many entries each result has: that of the right-hand side, then those of functions.
    constants : list
        Of each result what it is, if that is constant; None where it is an output of the program.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        t: float,
        y: np.ndarray[Any, Any],
        args: Sequence[Any],
        functions: Sequence[Callable[..., Any]],
    ) -> None:
        self.shape = y.shape
        call = read(tuple(args), {}, frozenset())
        trace = recording.Trace()
        time, state = trace.argument(np.float64(t)), trace.argument(y.astype(float))
        self.shapes = [np.shape(leaf) for leaf in call.leaves if _moves(leaf)]
        leaves = [trace.argument(leaf) if _moves(leaf) else leaf for leaf in call.leaves]
        given, _ = call.rebuild(leaves)
        results = []
        for function in (f, *functions):
            with np.errstate(all="ignore"):  # what is not finite is the integrator's to report
                answer = evaluate(function, time, state, *given)
            answer = as_output(answer, function, float("inf"))
            if function is not f and np.asarray(getattr(answer, "value", answer)).dtype == bool:
                raise InputError(
                    "an event returned a truth value; it must return a number that is zero where "
                    "the event is: y[0] - 1 instead of y[0] > 1"
                )
            results.append(answer)
        trace.closed = True
        _check_captured(trace, results)
        if np.shape(results[0]) != y.shape and np.size(results[0]) != y.size:
            raise InputError(
                f"the right-hand side returned an array of shape {np.shape(results[0])} for a "
                f"state of shape {y.shape}"
            )
        _check(results[0], f, t, y, args)
        self.sizes = [int(np.size(r)) for r in results]
        self.constants = [None if isinstance(r, recording.Traced) else r for r in results]
        for record in trace.records:
            if record.primitive is not None:  # its numbers have served their purpose
                record.value = None
        self._trace = trace
        self._outputs = [r.number for r in results if isinstance(r, recording.Traced)]

    @cached_property
    def program(self) -> WengertList:
        """The program; in normal form, unless it is taken apart and nothing else."""
        form = normal_form if self.may_jump else as_recorded
        return opened(form(self._trace, self._outputs, self._used), but_analytic=True)

    @cached_property
    def _used(self) -> bytearray:
        """Which records anything depends on."""
        guards = [number for number, _ in self._trace.guards]
        return needed(self._trace, [*self._outputs, *guards])

    @property
    def is_guarded(self) -> bool:
        """Whether a choice was made."""
        return bool(self._trace.guards)

    @cached_property
    def may_jump(self) -> bool:
        """Whether anything may have to be held, or a choice was made, as the trace has it."""
        trace, used = self._trace, self._used
        kinds = [dtype.kind for _, dtype in trace.kinds]
        rows = set()
        for number, record in enumerate(trace.records):
            if used[number] and record.primitive is not None:
                of = ["f" if i is None else kinds[i] for i in record.sources]
                rows.add((record.primitive, "".join(of), kinds[number]))
        return self.is_guarded or any(
            _jumping(row, len(of)) or _branches(row, of, kind) for row, of, kind in rows
        )

    @property
    def switch(self) -> str:
        """What jumps, and where in the user's code, between two sides; empty if nothing does.

        To ask whether two numbers are equal, or one of them NaN, has the same answer on both sides.
        Of a function that there is no rule for nothing is known.
        """
        for line in self.program.lines:
            for row in _jumping(line.row, len(line.arguments)):
                if row is not None and row.name not in _AT_POINTS and not _is_opaque(row):
                    return f"{row.name}{named(line.origin)}"
        return ""

    @cached_property
    def is_timed(self) -> bool:
        """Whether the rates depend on the time."""
        if self.constants[0] is not None:
            return False
        return bool(needed(self._trace, self._outputs[:1])[self._trace.inputs[0]])

    @cached_property
    def said(self) -> str:
        """What says which program this is."""
        constants = [x for x in self.constants if x is not None]
        order = [x is None for x in self.constants]
        constants = list(map(np.asarray, constants))
        more = (self._outputs, self.shape, self.shapes, order, constants)
        return digest(self._trace, self._used, *more)


class _Recalled(Recording):
    """The trace of a call that another process made; it is made anew when more of it is asked for.

    Nothing in it jumps.
    """

    def __init__(self, facts: Sequence[Any], call: tuple[Any, ...]) -> None:
        shape, self.said, self.is_timed = facts
        self.shape = tuple(shape)
        self.sizes = [math.prod(shape)]
        self.may_jump = False
        self._call = call

    @classmethod
    def of(cls, name: str, call: tuple[Any, ...]) -> _Recalled | None:
        """Give what was kept under a name, if there is something."""
        image = load(name) if name else None
        return None if image is None else cls(json.loads(image), call)

    @staticmethod
    def kept(recorded: Recording) -> bytes:
        """Give what is kept of a trace."""
        return json.dumps([recorded.shape, recorded.said, recorded.is_timed]).encode()

    def __getattr__(self, name: str) -> Any:
        if name not in ("shapes", "constants", "_trace", "_outputs"):
            raise AttributeError(name)
        found = Recording(*self._call)
        if found.said != self.said:
            raise InputError(
                "what the right-hand side reads has changed since it was integrated for the first "
                "time; it must depend on nothing but its arguments"
            )
        vars(self).update(vars(found), _call=())
        return vars(self)[name]


def _check(traced: Any, f: Callable[..., Any], t: float, y: Any, args: Sequence[Any]) -> None:
    """Check that the right-hand side is, to numbers, what it is to a trace."""
    with np.errstate(all="ignore"):
        numbers, value = (
            np.ravel(x if np.iscomplexobj(x) else np.asarray(x, float))  # from mpmath numbers too
            for x in (f(np.float64(t), y.copy(), *args), plain(getattr(traced, "value", traced)))
        )
        if np.array_equal(numbers, value):
            return
        if numbers.shape == value.shape and numbers.dtype == value.dtype:
            largest = np.max(np.abs(numbers), where=np.isfinite(numbers), initial=0.0)
            if np.allclose(numbers, value, rtol=0.0, atol=SAME * largest, equal_nan=True):
                return
    raise InputError(
        f"the right-hand side, called twice at t = {t:.17g} with the same state, gives {numbers} "
        f"for an array and {value} for the object that stands for one while it is traced: it must "
        "not choose by types (isinstance), nor depend on anything but its arguments"
    )


def _check_captured(trace: recording.Trace, results: Sequence[Any]) -> None:
    """Check that no number of another transformation has come in by the back door."""
    for x in (*(x for r in trace.records for x in r.operands), *results):
        if (
            isinstance(x, Value)
            and x.tag > 0
            and not (isinstance(x, recording.Traced) and x.tape is trace)
        ):
            raise InputError(
                "the right-hand side uses a number that carries derivatives and is none of its "
                "arguments: hand it over by solve_ivp(..., args=(...))"
            )


def _moves(leaf: Any) -> bool:
    return np.asarray(leaf).dtype == float


def _jumping(row: Primitive | None, arguments: int) -> list[Primitive | None]:
    """Give what in a row has to be held, or what its recurrence asks for that has."""
    if row is arctan2:  # left of the origin
        return [row]
    if row is solve_row:
        return [None]  # pivots may have to be chosen anew
    if not isinstance(row, Elementwise):
        return [row] if isinstance(row, Constant) else []
    try:
        steps = program(row, (True,) * arguments).steps
    except NoProgram:
        return [None]
    return [step.primitive for step in steps if isinstance(step.primitive, Constant)]


def _is_opaque(row: Primitive) -> bool:
    return isinstance(row, Constant) and row.opaque


def _branches(row: Primitive, kinds: str, result: str) -> bool:
    """Tell whether the code of a row may branch, where that will take the place of the row."""
    if not isinstance(row, Elementwise) or row.real_analytic:
        return False
    return not is_elementwise(row, kinds, result, (None,) * len(kinds))


_AT_POINTS = {
    *("equal", "not_equal", "isnan", "isinf", "isfinite"),
    *("logical_and", "logical_or", "logical_xor", "logical_not"),  # of what is told apart itself
}
