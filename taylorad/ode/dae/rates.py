"""An implicit equation solved for the rates of its state, as a list of scalar lines.

Constraints hold along the solution, and so do their derivatives, ``F_t + F_y y' = 0``. With these
in their place an equation of index 1 is one linear system for the rates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from taylorad.errors import InputError
from taylorad.ode.dae.form import Form, form_of, too_high
from taylorad.ode.dae.residual import Residual
from taylorad.primitives.registry import lookup
from taylorad.wengert.arithmetic import NOTHING
from taylorad.wengert.elimination import Equation, Singular, solved
from taylorad.wengert.list import Guard, WengertList

__all__ = ["ANOTHER_FORM", "solved_for_rates"]

ANOTHER_FORM = (
    "the residual F(t, y, yp) is of another form here than where the integration began; integrate "
    "each form by itself, up to an event"
)


def solved_for_rates(residual: Residual, hidden: Sequence[int]) -> WengertList:
    """Write the rates of the state as a list.

    Raises
    ------
    taylorad.errors.InputError
        If it cannot be done, for structural reasons.
    """
    n, lines = residual.size, residual.scalars
    order: list[int] = list(range(n))
    constraints, form = residual.rows, Form()
    if hidden:
        by_time, by_state, by_slopes = residual.partials(residual.rows)
        p = {j: number for number, j in residual.slopes.items()}
        order = [j for j in order if j not in hidden] + [n + j for j in hidden]
        at = {j: k for k, j in enumerate(order)}
        equations: list[Equation] = []
        right = []
        for row, (moved, slopes) in enumerate(zip(by_state, by_slopes)):
            known = [lines.multiply(x, p.get(j, NOTHING)) for j, x in moved.items() if j in hidden]
            right.append(lines.negative(lines.total([by_time[row], *known])))
            mine = {at[j]: x for j, x in moved.items() if j not in hidden}
            equations.append(mine | {at[n + j]: x for j, x in slopes.items()})
    else:
        form = form_of(residual)
        if form.hidden:
            raise InputError(ANOTHER_FORM)
        rows, equations = form.rows, form.equations
        right = [lines.negative(row) for row in residual.without_slopes(rows)]
        constraints = residual.without_slopes(form.constraints)
        by_time, by_state, _ = residual.partials(constraints)
        equations = [*equations, *by_state]
        right += [lines.negative(x) for x in by_time]
    try:
        found, conditions, _ = solved(residual, equations, [[x] for x in right])
    except Singular as error:
        raise InputError(too_high([order[j] for j in error.unknowns], n)) from error
    rates = {j: line for j, (line,) in zip(order, found, strict=True)}
    if hidden:
        rates |= {j: p[j] for j in hidden}
    # What jumps in a constraint is not in its derivative, and is to be seen all the same.
    same: Any = lookup(np.equal)
    for jump in residual.jumps_in(constraints):
        conditions.append(lines.emit(same, (jump, jump), {}, (), (), np.dtype(bool)))
    conditions += form.conditions
    lines.list.guards += [Guard(c, bool(residual.value(c))) for c in conditions]
    behind = [rates[n + j] for j in hidden]
    return residual.program([*(rates[j] for j in range(n)), *behind])
