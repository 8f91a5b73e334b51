"""What a switch in the right-hand side does to the polynomials that a solution is varied by.

Solutions nearby cross the switch at other times. With s the deviation of the time, a polynomial
too, the solution on this side of the switch leads to it in the time s, and that on the other side
comes from it:

    g(Y(s)) = 0,    Z(s) = Y(s)

where g is the function that changes its sign, Y the solution as it came, Z as it goes on. What is
wanted is Z(0). As s has no constant term, each degree of s, and then of Z(0), follows from those
below it (to first order this is the saltation matrix of [1]_).

References
----------
.. [1] M. A. Aizerman, F. R. Gantmakher, "On the stability of periodic motions", Journal of Applied
   Mathematics and Mechanics 22 (1958).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from taylorad.dispatch import as_operand, bottom, fresh_tag
from taylorad.forward.algebra import Algebra, univariate
from taylorad.forward.jet import Jet
from taylorad.forward.taylor import Taylor
from taylorad.ode.tracing.constants import number as exact
from taylorad.ode.tracing.lines import Held
from taylorad.ode.tracing.system import System
from taylorad.ode.tracing.values import as_taken
from taylorad.ode.tracing.variation import Variation
from taylorad.primitives.linear import select

__all__ = ["NotSmooth", "across"]

GRAZING = 2.0**-26
"""A function whose slope is less than this, of its terms, does not cross zero."""

SAME = 2.0**-20
"""Times of crossing that differ by no more than this are the same, of their size."""


class NotSmooth(Exception):
    """The solution has no derivatives behind a switch; says why."""


def across(
    variation: Variation,
    changed: Sequence[Held],
    parts: Any,
    arguments: Sequence[Any],
    expanded: Callable[[Any], Any],
) -> Any:
    """Give the coefficients of the state behind a switch.

    Parameters
    ----------
    variation : Variation
        The system in front of it.
    changed : sequence of Held
        What is not what it was.
    parts : ndarray, shape (M n, order + 1)
        The series of the coefficients at the switch, in front of it.
    arguments : sequence
        The time, the parameters and what was held.
    expanded : callable
        Gives the like of ``parts`` for a state of coefficients behind the switch.

    Returns
    -------
    ndarray, shape (M n,)

    Raises
    ------
    NotSmooth
        If the solution does not cross, but touches; or crosses several switches at once.
    """
    algebra = variation.algebra
    order = algebra.order
    series = parts[:, : order + 1].reshape(algebra.size, -1, order + 1)
    functions = _functions(variation, changed, series, arguments)
    times = [_time(algebra, g) for g in functions]
    s = times[0]
    scale = float(max(np.max(np.abs(s)), 1e-300))
    if any(np.max(np.abs(t - s)) > SAME * scale for t in times):
        raise NotSmooth("several switches are crossed at once")
    wanted = _composed(algebra, series, s)
    found = wanted
    for _ in range(order):
        behind = expanded(found.reshape(-1))[:, : order + 1]
        behind = behind.reshape(algebra.size, -1, order + 1).copy()
        behind[..., 0] = 0
        found = wanted - _composed(algebra, behind, s)
    return found.reshape(-1)


def _composed(algebra: Algebra, series: Any, s: Any) -> Any:
    """Put a polynomial s, without constant term, into series in time: shape (M, n)."""
    total = series[..., -1]
    s = s[:, None]
    for k in range(series.shape[-1] - 2, -1, -1):
        total = algebra.multiply(total, s) + series[..., k]
    return total


def _time(algebra: Algebra, g: Any) -> Any:
    """Solve g(s) = 0 for the polynomial s: g has the shape (M, order + 1)."""
    slope = g[0, 1] if g.shape[1] > 1 else 1
    size = max(abs(x) for x in g[0, 1:].tolist()) if g.shape[1] > 1 else 1
    if not abs(slope) > GRAZING * size:
        raise NotSmooth("a switch is touched")
    s = np.zeros(algebra.size, g.dtype)
    for _ in range(algebra.order):
        s = s - _composed(algebra, g[:, None], s)[:, 0] / slope
        s[0] = 0
    return s


def _functions(
    variation: Variation, changed: Sequence[Held], series: Any, arguments: Sequence[Any]
) -> list[Any]:
    """Give what changes sign, as polynomials and series in time: shape (M, order + 1)."""
    algebra, base, tag = variation.algebra, variation.base, fresh_tag()
    powers = univariate(series.shape[-1] - 1)

    def number(c: Any) -> Any:
        return Taylor.of(Jet.of(as_operand(np.moveaxis(c, -1, 1)), algebra, tag), powers)

    if series.dtype == object:  # floats, of which there may be some, count as fractions
        arguments = [exact(x) for x in arguments]
    time, *given = arguments
    t = np.zeros((algebra.size, powers.size), series.dtype)
    t[0, 0], t[0, 1:2] = time, 1
    state = [number(series[:, i]) for i in range(series.shape[1])]
    given = [
        number(x) if isinstance(x, np.ndarray) else as_operand(x)
        for x in _parameters(variation, given, t)
    ]
    operands = [line for held in changed for line in held.operands]
    values = _values(base, operands, [*state, number(t), *given])
    found = []
    for held in changed:
        x = [values[i] for i in held.operands]
        g = x[0] - x[1] if len(x) > 1 else x[0]
        if not isinstance(g, Taylor):
            raise NotSmooth("something else than the solution switches")
        assert isinstance(g.c, Jet)
        assert g.c.tag == tag
        found.append(np.array(bottom(g.c.c)))
        found[-1][0, 0] = 0  # it is on the switch, whichever that is
    return found


def _parameters(variation: Variation, given: Sequence[Any], like: Any) -> list[Any]:
    """Give the parameters, those that vary as polynomials."""
    found: list[Any] = list(given)
    numbers = sum(p.size for p in variation.base.parameters)
    for (parameter, monomial), value in zip(variation.seeds, given[numbers:], strict=False):
        if not isinstance(found[parameter], np.ndarray):
            c = np.zeros_like(like)
            c[0, 0] = found[parameter]
            found[parameter] = c
        found[parameter][monomial, 0] = value
    return found[:numbers] + found[numbers + len(variation.seeds) :]


def _values(base: System, wanted: Sequence[int], arguments: Sequence[Any]) -> dict[int, Any]:
    """Compute lines of a program, of whatever numbers."""
    steps, needed = base.program.steps, set(wanted)
    for line in range(len(steps) - 1, -1, -1):
        if line in needed:
            needed.update(steps[line].operands)
    values: dict[int, Any] = {}
    given = iter(arguments)
    for line, step in enumerate(steps):
        if step.primitive is None:
            values[line] = next(given) if step.number is None else step.number
        elif line in needed:
            operands = as_taken(step.primitive, [values[i] for i in step.operands])
            if step.primitive is select:
                values[line] = operands[0] if operands[2] else operands[1]
            else:
                values[line] = step.primitive(*operands, **step.params)
    return values
