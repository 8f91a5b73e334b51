"""One program of a function: for arguments of one kind, and one way through its branches."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from taylorad.compiler.arguments import Call
from taylorad.compiler.plan import FAILED, Plan, plan
from taylorad.compiler.results import Results
from taylorad.errors import InputError, named
from taylorad.wengert.simplify import normal_form
from taylorad.wengert.trace import Trace

__all__ = ["Variant", "put"]


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep Python from looking for cycles among the many lines that are all still needed."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def put(values: Sequence[Any], out: Any) -> None:
    """Put results into the array of the caller's, or the tuple of those."""
    outs = out if isinstance(out, tuple) else (out,)
    if len(outs) != len(values):
        raise InputError(f"out= must be {len(values)} arrays, not {len(outs)}")
    for into, value in zip(outs, values, strict=True):
        if not isinstance(into, np.ndarray) or into.shape != np.shape(value):
            raise InputError(f"out= must be an array of shape {np.shape(value)}")
    for into, value in zip(outs, values, strict=True):
        np.copyto(into, value, casting="no")


def _plain(leaf: Any) -> Any:
    """Give an array in C order, and what has no axes as a number."""
    return np.require(leaf, requirements=["C", "A"]) if leaf.ndim else leaf[()]


class Variant:
    """A traced and compiled program.

    Attributes
    ----------
    plan : Plan
    results : Results
    """

    def __init__(self, function: Callable[..., Any], call: Call, parallel: bool = False) -> None:
        with _collector_paused():
            self._make(function, call, parallel)

    def _make(self, function: Callable[..., Any], call: Call, parallel: bool) -> None:
        trace = Trace(takes_apart=True)
        entries = [trace.argument(leaf) for leaf in call.leaves]
        args, kwargs = call.rebuild(entries)
        try:
            self.results = Results(function(*args, **kwargs), trace)
        finally:
            trace.closed = True
        self.plan: Plan = plan(normal_form(trace, self.results.records), parallel)
        self._is_flat = call.is_flat
        self._numbers = [not isinstance(leaf, np.ndarray) for leaf in call.leaves]

    def run(self, call: Call) -> Any:
        """Compute the results for a call; FAILED if a guard fails."""
        try:
            return self.plan.run([_plain(leaf) for leaf in call.leaves])
        except Exception:  # a guard may be about to fail; if not, the function raises it as well
            return FAILED

    def give(self, values: Sequence[Any], out: Any = None) -> Any:
        """Put the answer together from the results, or into arrays of the caller's."""
        if out is None:
            return self.results.build(values)
        if not self.results.is_flat:
            raise InputError("out= needs a function of which each result is an array")
        put(values, out)
        return out

    def fast(self, slow: Callable[..., Any], name: str) -> Any:
        """Give the program as a built-in that calls ``slow`` where it does not fit, or None."""
        kernel = self.plan.whole
        if kernel is None or not self._is_flat or not self.results.is_flat:
            return None
        return kernel.bound(self._numbers, self.results.is_tuple, slow, name)

    def failing(self, call: Call) -> str:
        """Name the line of the guard that fails for a call."""
        values = self.plan.program.evaluate(*call.leaves)
        for guard in self.plan.program.guards:
            if bool(values[guard.line]) != guard.expected:
                return named(guard.origin)
        return ""
