"""Which way the second derivatives of a traced call are written down.

Machines like few scalars or, failing that, few operations on arrays. So a function of few scalar
lines is taken apart into them (`expansion`). Of a larger one the structure of the Hessian is used
where it has any (`structure`); where not, the function is taken apart as far as a compiler bears.
The usual way, forward over reverse with all directions at once, is left to large programs that
multiply matrices of variables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from taylorad.drivers.expansion import taken_apart
from taylorad.drivers.structure import structured

__all__ = ["second_derivatives"]

FEW_LINES = 500
"""A function of no more scalar lines than this may be taken apart before its structure is asked."""

FEW_DERIVATIVE_LINES = 1000
"""It is, if its derivatives have no more than this. Up to there machine code takes about as long
for the scalars as for loops over the structure; beyond, it takes longer, as does compiling it."""


def second_derivatives(
    call: Callable[[Sequence[Any]], Any],
    f: Callable[..., Any],
    points: Sequence[Any],
    orders: Sequence[int] | None,
) -> list[Any] | None:
    """Give derivatives up to the second in the form that suits a compiler best.

    Parameters
    ----------
    call : callable
        Hands leaves in place of the points to the user's function ``f``.
    points : sequence
        What to differentiate by.
    orders : sequence of {0, 1, 2} or None
        None asks for the diagonal of the second derivative.

    Returns
    -------
    list or None
        For each order an array with one axis an order, along which the entries of all points are
        laid end to end. None where the usual way is to be gone.
    """
    found = taken_apart(call, f, points, orders, FEW_LINES, FEW_DERIVATIVE_LINES)
    if found is None:
        found = structured(call, points, orders)
    return taken_apart(call, f, points, orders) if found is None else found
