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

from taylorad.dispatch import Value
from taylorad.dispatch.operands import as_operand
from taylorad.drivers.expansion import Inner, common_trace
from taylorad.drivers.gradients import value_and_grad
from taylorad.primitives.linear import assign, index, scatter_add
from taylorad.reverse.structured import Unstructured, jacobians
from taylorad.reverse.terms import Term, Unit, diagonal, written
from taylorad.wengert.list import WengertList
from taylorad.wengert.simplify import normal_form
from taylorad.wengert.trace import Trace, Traced

__all__ = ["structured"]


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
        gradient = flat[0] if len(flat) == 1 else np.concatenate(flat)
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
    lines = program.lines
    every = WengertList(lines, program.inputs, [*range(len(lines))], program.guards)
    entries = trace.splice(every, inputs)
    values = [v if line.value is None else line.value for v, line in zip(entries, lines)]
    try:
        found, size = jacobians(program, values, count)
    except Unstructured:
        return None
    value, gradient = program.outputs
    if orders is None:
        return [_diagonal(found[gradient], size)]
    forms: list[Callable[[], Any]] = [
        lambda: entries[value],
        lambda: entries[gradient],
        lambda: _matrix(found[gradient], size),
    ]
    return [forms[order]() for order in orders]


def _diagonal(terms: Sequence[Term], size: int) -> Any:
    total: Any = np.zeros(size)
    for term in terms:
        total = total + diagonal(term, size)
    return total


def _matrix(terms: Sequence[Term], size: int) -> Any:
    """Write the Hessian: the full terms in one pass, then what has few entries on top."""
    dense: Any = None
    for term in terms:
        if not isinstance(term.kernel, Unit):
            more = written(term)
            dense = more if dense is None else dense + more
    sparse = [term for term in terms if isinstance(term.kernel, Unit)]
    if dense is None:
        dense = np.zeros((size, size))
    elif not isinstance(dense, Value) or np.shape(dense) != (size, size):
        dense = np.broadcast_to(dense, (size, size))
    if not sparse:
        return dense
    flat = np.reshape(dense, (size * size,))
    rows = np.arange(size)
    for term in sparse:
        there = rows[term.places >= 0]
        cells = there * size + term.places[there]
        step = set(np.diff(cells).tolist())
        if (len(step) == 1 and step != {0}) or len(cells) == 1:
            key = (slice(int(cells[0]), int(cells[-1]) + 1, int(*step) if step else 1),)
            scale = term.flat()
            scale = scale if term.mask is None else index(scale, key=(slice(there[0], there[-1] + 1),))
            flat = assign(flat, index(flat, key=key) + scale, key=key)
        else:
            full = term.flat()
            full = full if term.mask is None else full[there]
            flat = flat + scatter_add(full, places=cells, shape=(size * size,))
    return np.reshape(flat, (size, size))
