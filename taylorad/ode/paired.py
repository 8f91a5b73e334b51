"""Right-hand sides of complex states, as such of pairs of real numbers.

Time is real. So it does not matter whether a right-hand side is analytic in the state: conjugates
and absolute values are real functions of real and imaginary parts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from taylorad.dispatch import Value, shape_of
from taylorad.dispatch.containers import map_leaves
from taylorad.dispatch.operands import as_entries, fresh_tag
from taylorad.errors import InputError, NoRuleError
from taylorad.forward.cartesian import Cartesian, parts_of
from taylorad.ode.events.watch import Event
from taylorad.ode.flow import Flow
from taylorad.ode.shown import Shown
from taylorad.ode.tracing.reads import Made
from taylorad.ode.tracing.system import Described, NotTraceable

__all__ = ["Paired", "PairedEvent", "flow_of"]


class _OfPairs(Made):
    """A function of time and complex state, as one of a state of shape ``(*shape, 2)``.

    Parameters
    ----------
    function : callable
        ``function(t, y, *args)``.
    shape : tuple of int
        Of y.
    """

    def __init__(self, function: Callable[..., Any], shape: tuple[int, ...]) -> None:
        self.function, self.shown = function, Shown(shape, in_pairs=True)
        self.made_of = function, shape

    def _answer(self, t: Any, pairs: Any, args: tuple[Any, ...]) -> Any:
        """Call the function: with parts if these carry something, and else with complex numbers."""
        if not isinstance(pairs, Value):
            return self.function(t, self.shown.of(pairs.ravel())[()], *args)
        tag = fresh_tag()

        def wrapped(leaf: Any) -> Any:
            return Cartesian(leaf, None, tag) if isinstance(leaf, Value) else leaf

        y = Cartesian(pairs[..., 0], pairs[..., 1], tag)
        return as_entries(self.function(wrapped(t), y, *map_leaves(wrapped, args)))


class Paired(_OfPairs):
    """A right-hand side; see `_OfPairs`."""

    def __call__(self, t: Any, pairs: Any, *args: Any) -> Any:
        x, y = parts_of(self._answer(t, pairs, args))
        shape = self.shown.shape
        if math.prod(shape_of(x)) != math.prod(shape):
            raise InputError(
                f"the right-hand side returned an array of shape {shape_of(x)} for a state of "
                f"shape {shape}"
            )
        x = np.reshape(x, shape)
        y = np.zeros(shape) if y is None else np.reshape(y, shape)
        return np.stack([x, y], axis=-1)


class PairedEvent(_OfPairs):
    """An event; see `_OfPairs`. Of what it gives the real part counts."""

    def __call__(self, t: Any, pairs: Any, *args: Any) -> Any:
        return parts_of(self._answer(t, pairs, args))[0]


def flow_of(
    fun: Callable[..., Any],
    events: list[Event],
    args: tuple[Any, ...],
    order: int,
    t0: Any,
    y: Any,
    digits: int | None = None,
) -> Flow:
    """Give a flow; of complex states that of pairs, if all of it has a formula by parts."""
    if y.dtype == complex and not isinstance(fun, Described):
        paired = Paired(fun, y.shape)
        watched = [event.through(PairedEvent(event.function, y.shape)) for event in events]
        pairs = paired.shown.vector(y).reshape(*y.shape, 2)
        try:
            return Flow(paired, watched, args, order, t0, pairs)
        except (NotTraceable, NoRuleError):
            pass
    return Flow(fun, events, args, order, t0, y, digits)
