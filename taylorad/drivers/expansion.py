"""Expand first and differentiate after: second and third derivatives of small functions.

When a derivative is traced to be compiled, the usual way records what a sweep on arrays does, with
all directions carried along. For a small function this is not what a machine does best. Here the
function is traced on its own, taken apart into scalars and differentiated scalar by scalar, where
zeros of structure and pieces in common are seen; what comes of it goes into the outer trace.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from taylorad.dispatch import Value, as_operand, number_type
from taylorad.drivers.boundary import scalar_output
from taylorad.primitives.registry import LocalSeries, Owner, Primitive
from taylorad.reverse.edges import derivatives, diagonal
from taylorad.reverse.local import NotDifferentiable
from taylorad.wengert.list import WengertList
from taylorad.wengert.scalars import expand
from taylorad.wengert.simplify import normal_form
from taylorad.wengert.trace import Trace, Traced

__all__ = ["Inner", "common_trace", "taken_apart"]

MOST_LINES = 2000
"""A function of more scalar lines than this is differentiated as it is, on arrays."""

MOST_DERIVATIVE_LINES = 4000
"""So is one of which the derivatives have more than this: the compiler makes straight-line code of
no longer programs, and compiling them would take too long."""


def taken_apart(
    call: Callable[[Sequence[Any]], Any],
    f: Callable[..., Any],
    points: Sequence[Any],
    orders: Sequence[int] | None,
    most_lines: int = MOST_LINES,
    most_derivative_lines: int = MOST_DERIVATIVE_LINES,
) -> list[Any] | None:
    """Give derivatives written scalar by scalar, where that is the way for a function.

    Parameters
    ----------
    call : callable
        Hands leaves in place of the points to the user's function ``f``.
    points : sequence
        What to differentiate by.
    orders : sequence of int or None
        None asks for the diagonal of the second derivative.
    most_lines, most_derivative_lines : int, optional
        How many scalar lines the function and its derivatives may have at most.

    Returns
    -------
    list or None
        For each order an array with one axis an order, along which the entries of all points are
        laid end to end. None where the usual way is to be gone: the points are not of a trace that
        takes things apart, the function is too large for it, or does what is no scalar program.
    """
    trace = common_trace(points)
    if trace is None:
        return None
    points = [as_operand(x) for x in points]
    inner = Inner(trace)
    try:
        y = scalar_output(call([inner.argument(x.value) for x in points]), f, inner.tag)
    except Exception:
        return None  # whatever it is, the usual way will say it better
    finally:
        inner.closed = True
    if not isinstance(y, Traced) or y.tape is not inner:
        return None
    program = normal_form(inner, [y.number])
    found = _differentiated(program, len(points), orders, most_lines)
    if found is None or sum(line.row is not None for line in found.lines) > most_derivative_lines:
        return None
    return [*trace.splice(found, [*points, *inner.outer])]


def _differentiated(
    program: WengertList, count: int, orders: Sequence[int] | None, most_lines: int
) -> WengertList | None:
    if any(isinstance(line.row, LocalSeries) for line in program.lines):
        return None  # their values come from Python, and better for a whole array at once
    small = expand(program, most_lines)
    if small is None:
        return None
    try:
        if orders is None:
            return diagonal(small, range(count))
        return derivatives(small, orders, range(count))
    except NotDifferentiable:
        return None


def common_trace(points: Sequence[Any]) -> Trace | None:
    """Give the trace that all points are of, if it takes derivatives apart."""
    first = points[0]
    if not isinstance(first, Traced) or not first.tape.takes_apart:
        return None
    for x in points:
        if not isinstance(x, Traced) or x.tape is not first.tape or isinstance(x.value, Value):
            return None
        if number_type(x).kind != "f":
            return None
    return first.tape


class Inner(Trace):
    """The trace of a function called in another trace, of which it may use values.

    Attributes
    ----------
    outer : list of Traced
        The values of the other trace that it uses: arguments, after those of the function.
    """

    __slots__ = ("_number", "_trace", "outer")

    def __init__(self, trace: Trace) -> None:
        super().__init__()
        self._trace = trace
        self._number: dict[int, Traced] = {}
        self.outer: list[Traced] = []

    def record(self, primitive: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Compute an operation and append it."""
        own = {name: self._own(value) for name, value in params.items()}
        return super().record(primitive, tuple(map(self._own, args)), own)

    def _own(self, a: Any) -> Any:
        if not isinstance(a, Owner) or (isinstance(a, Traced) and a.tape is self):
            return a
        if not isinstance(a, Traced) or a.tape is not self._trace or isinstance(a.value, Value):
            raise TypeError("a value of yet another transformation")
        a = as_operand(a)
        found = self._number.get(a.number)
        if found is None:
            found = self._number[a.number] = self.argument(a.value)
            self.stepwise[-1] = self._trace.stepwise[a.number]
            self.outer.append(a)
        return found
