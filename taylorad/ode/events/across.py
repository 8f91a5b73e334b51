"""What a switch in the right-hand side does to the polynomials that a solution is varied by.

Solutions nearby cross the switch at other times. With s the deviation of the time, a polynomial
too, the solution on this side of the switch leads to it in the time s, and that on the other side
comes from it:

    g(Y(s)) = 0,    Z(s) = Y(s)

where g is the function that changes its sign, Y the solution as it came, Z as it goes on. What is
wanted is Z(0). As s has no constant term, each degree of s, and then of Z(0), follows from those
below it (to first order this is the saltation matrix of [1]_). The coefficients of polynomials may
be polynomials in turn, where what is varied was varied before.

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
from taylorad.drivers.seeds import coefficients_of
from taylorad.forward.algebra import univariate
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
    polynomials = _Polynomials(variation)
    order = polynomials.order
    if parts.shape[1] <= order:
        raise NotSmooth(
            f"a switch is crossed by a series of order {parts.shape[1] - 1}, too short for "
            f"derivatives of order {order}"
        )
    series = polynomials.in_time(parts)
    functions = _functions(polynomials, changed, series, arguments)
    times = [_time(order, g) for g in functions]
    s = times[0]
    sizes = [np.abs(polynomials.coefficients(t)) for t in times]
    scale = float(max(np.max(sizes[0]), 1e-300))
    gaps = [np.abs(polynomials.coefficients(t - s)) for t in times]
    if any(np.max(gap) > SAME * scale for gap in gaps):
        raise NotSmooth("several switches are crossed at once")
    wanted = _composed(series, s)
    found = wanted
    for _ in range(order):
        behind = polynomials.in_time(expanded(polynomials.coefficients(found).reshape(-1)))
        found = wanted - s * _composed(behind[1:], s)
    return polynomials.coefficients(found).reshape(-1)


class _Polynomials:
    """Polynomials, maybe of polynomials, and their coefficients: those of a variation's state."""

    def __init__(self, variation: Variation) -> None:
        self.levels: list[tuple[Variation, int]] = []  # the last is the one of plain numbers
        system: System = variation
        while isinstance(system, Variation):
            self.levels.append((system, fresh_tag()))
            system = system.base
        self.base = system.expanded
        self.sizes = [level.algebra.size for level, _ in self.levels]
        self.order = sum(level.algebra.order for level, _ in self.levels)

    def of(self, c: Any) -> Any:
        """Give the polynomials of these coefficients, an axis for each of the levels first."""
        value = as_operand(c)
        for level, tag in self.levels:
            value = Jet.of(value, level.algebra, tag)
        return value

    def coefficients(self, value: Any) -> Any:
        """Give the coefficients of polynomials."""
        for level, tag in reversed(self.levels):
            value = coefficients_of(value, tag, level.algebra)
        return np.asarray(bottom(value))

    def in_time(self, parts: Any) -> Any:
        """Give the series of a state as polynomials, the degree in time first."""
        c = parts[:, : self.order + 1]
        c = c.reshape(*self.sizes, -1, c.shape[1])
        return self.of(np.moveaxis(c, -1, -2).copy())

    def parameters(self, given: Sequence[Any]) -> list[Any]:
        """Give the parameters, those that vary as polynomials, and what is held."""
        found = [as_operand(x) for x in given]
        for level, tag in self.levels:
            count = sum(p.size for p in level.base.parameters)
            numbers, values = found[:count], found[count : count + len(level.seeds)]
            held = found[count + len(level.seeds) :]
            terms: dict[int, dict[int, Any]] = {}
            for (parameter, monomial), value in zip(level.seeds, values, strict=True):
                terms.setdefault(parameter, {})[monomial] = value
            for parameter, at in terms.items():
                x = numbers[parameter]
                c = [x, *(at.get(m, 0 * x) for m in range(1, level.algebra.size))]
                numbers[parameter] = Jet.of(np.stack(c), level.algebra, tag)
            found = [*numbers, *held]
        return found


def _composed(series: Any, s: Any) -> Any:
    """Put a polynomial s, without constant term, into series in time, the degree first."""
    total = series[-1]
    for k in range(len(series) - 2, -1, -1):
        total = total * s + series[k]
    return total


def _time(order: int, g: Any) -> Any:
    """Solve g(s) = 0 for the polynomial s: g is a series in time that begins with zero."""
    sizes = np.abs(bottom(g))[1:].tolist()
    slope = bottom(g)[1] if order else 1
    if order and not abs(slope) > GRAZING * max(sizes):
        raise NotSmooth("a switch is touched")
    s = 0 * g[0]
    for _ in range(order):
        s = s - _composed(g, s) / slope
    return s


def _functions(
    polynomials: _Polynomials, changed: Sequence[Held], series: Any, arguments: Sequence[Any]
) -> list[Any]:
    """Give what changes sign, as series in time: the degree first."""
    powers = univariate(polynomials.order)
    if bottom(series).dtype == object:  # floats, of which there may be some, count as fractions
        arguments = [exact(x) for x in arguments]
    time, *given = arguments
    t = np.zeros((*polynomials.sizes, powers.size), bottom(series).dtype)
    t.reshape(-1)[:2] = [time, 1][: powers.size]
    numbers = [series[:, i] for i in range(series.shape[1])]
    operands = [line for held in changed for line in held.operands]
    moving = [Taylor.of(x, powers) for x in (*numbers, polynomials.of(t))]
    values = _values(polynomials.base, operands, [*moving, *polynomials.parameters(given)])
    found = []
    for held in changed:
        x = [values[i] for i in held.operands]
        g = x[0] - x[1] if len(x) > 1 else x[0]
        if not isinstance(g, Taylor):
            raise NotSmooth("something else than the solution switches")
        c = polynomials.coefficients(g.c).copy()
        c.reshape(-1)[0] = 0  # it is on the switch, whichever that is
        found.append(polynomials.of(c))
    return found


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
