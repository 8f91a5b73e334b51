"""Hessians by their structure: the Jacobian of the traced gradient, as a sum of simple matrices.

When the Hessian of a function on arrays is traced to be compiled, the usual way carries all n
directions through the gradient as dense arrays. Most of that work is on zeros, or on many multiples
of the same row. Here the program of the gradient is traced on its own, and its Jacobian comes of it
as a sum of terms (see `taylorad.reverse.structured`); only in the end is the matrix written, in one
pass over its entries, or its diagonal without the matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from taylorad.dispatch.operands import as_operand
from taylorad.drivers.expansion import Inner, common_trace
from taylorad.drivers.gradients import value_and_grad
from taylorad.primitives.linear import scatter_add
from taylorad.reverse.structured import Unstructured, jacobian
from taylorad.reverse.terms import Term, Unit, diagonal, written
from taylorad.wengert.list import WengertList
from taylorad.wengert.simplify import normal_form
from taylorad.wengert.trace import Trace, Traced

__all__ = ["structured"]

MOST_MASKS = 3
"""So many sparse terms are tested for at every entry of a matrix that is full anyway."""


def structured(
    call: Callable[[Sequence[Any]], Any],
    points: Sequence[Any],
    orders: Sequence[int] | None,
) -> list[Any] | None:
    """Give derivatives put together from the structure of the gradient's program.

    Parameters
    ----------
    call : callable
        Hands leaves in place of the points to the user's function.
    points : sequence
        What to differentiate by.
    orders : sequence of {0, 1, 2} or None
        None asks for the diagonal of the second derivative.

    Returns
    -------
    list or None
        For each order an array with one axis an order, along which the entries of all points are
        laid end to end. None where the usual way is to be gone: the points are not of a trace that
        is to be compiled, or the gradient does what leads to no sum of few terms.
    """
    trace = common_trace(points)
    if trace is None:
        return None
    points = [as_operand(x) for x in points]
    inner = Inner(trace)
    try:
        value, bars = value_and_grad(lambda leaves: call(leaves))(
            [inner.argument(x.value) for x in points]
        )
        flat = [np.reshape(bar, (-1,)) for bar in bars]
        gradient: Any = flat[0] if len(flat) == 1 else np.concatenate(flat)
    except Exception:
        return None  # whatever it is, the usual way will say it better
    finally:
        inner.closed = True
    if not all(isinstance(v, Traced) and v.tape is inner for v in (value, gradient)):
        return None
    program = normal_form(inner, [value.number, gradient.number])
    return _derived(program, trace, [*points, *inner.outer], len(points), orders)


def _derived(
    program: WengertList,
    trace: Trace,
    inputs: Sequence[Traced],
    count: int,
    orders: Sequence[int] | None,
) -> list[Any] | None:
    """Write the lines of a gradient's program into a trace, and its derivative after them."""
    lines, (value, gradient) = program.lines, program.outputs
    every = WengertList(lines, program.inputs, [*range(len(lines))], program.guards)
    entries = trace.splice(every, inputs)
    values = [v if line.value is None else line.value for v, line in zip(entries, lines)]
    try:
        found, size = jacobian(program, gradient, values, count)
    except Unstructured:
        return None
    if orders is None:
        return [_lifted(_diagonal(found, size), inputs[0])]
    forms: list[Callable[[], Any]] = [
        lambda: entries[value],
        lambda: entries[gradient],
        lambda: _lifted(_matrix(found, size), inputs[0]),
    ]
    return [forms[order]() for order in orders]


def _lifted(result: Any, like: Traced) -> Any:
    """Give what turned out to be constant as a value of the trace too."""
    return result if isinstance(result, Traced) else like.lift(result)


def _diagonal(terms: Sequence[Term], size: int) -> Any:
    total: Any = np.zeros(size)
    for term in terms:
        total = total + diagonal(term, size)
    return total


def _matrix(terms: Sequence[Term], size: int) -> Any:
    """Write the Hessian out, in one pass: of multiples of units each row has one entry."""
    units = [term for term in terms if isinstance(term.kernel, Unit)]
    parts = [written(term) for term in terms if not isinstance(term.kernel, Unit)]
    if parts and len(units) <= MOST_MASKS:
        columns = np.arange(size)
        for term in units:
            mask = term.places[:, None] == columns
            parts.append(np.where(mask, np.reshape(term.flat(), (-1, 1)), 0.0))
    elif units or not parts:
        parts.append(_scattered(units, size))
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total if np.shape(total) == (size, size) else np.broadcast_to(total, (size, size))


def _scattered(terms: Sequence[Term], size: int) -> Any:
    """Write a matrix that is mostly zeros."""
    entries, cells = [np.zeros(0)], [np.zeros(0, np.int64)]
    for term in terms:
        rows = np.flatnonzero(term.places >= 0)
        scale = term.flat()
        if len(rows) and len(rows) == rows[-1] + 1 - rows[0]:
            scale = scale[int(rows[0]) : int(rows[-1]) + 1]
        else:
            scale = scale[rows]
        entries.append(scale)
        cells.append(rows * size + term.places[rows])
    values = np.concatenate(entries[1:]) if terms else entries[0]
    return scatter_add(values, places=np.concatenate(cells), shape=(size, size))
