"""Where the right-hand side jumps: which side of its switches the solution is on.

What a comparison, a sign or a rounding in the user's code says is held for a step. Its operands are
expanded together with the state; where they say something else, the step ends, and the next begins
with what holds on the other side.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from taylorad.errors import InputError
from taylorad.ode.events.polynomials import horner
from taylorad.ode.events.roots import may_vanish, roots
from taylorad.ode.events.search import ROUNDINGS, last_of, thresholds
from taylorad.ode.tracing.system import Held, System
from taylorad.primitives.linear import select

__all__ = ["Switches", "values"]

ASIDE = 0.25
"""How far from a threshold of a rounding its value is asked for."""


def values(system: System, arguments: Sequence[float]) -> dict[int, Any]:
    """Compute what is held, and the lines that guards are about.

    Parameters
    ----------
    system : System
    arguments : sequence of float
        The state, the time and the parameters; and what is held, unless it is to be computed.

    Returns
    -------
    dict
        The values of lines.
    """
    steps = system.program.steps
    jumps = {held.line: held.operands for held in system.held}
    todo = [*(line for line, _, _ in system.guards), *jumps]
    wanted: set[int] = set()
    while todo:
        line = todo.pop()
        if line not in wanted:
            wanted.add(line)
            todo += jumps.get(line, steps[line].operands)
    rows = {held.line: held.row for held in system.held}
    found: dict[int, Any] = {}
    given = iter(arguments)
    with np.errstate(all="ignore"):
        for line, step in enumerate(steps):
            if step.primitive is None and step.number is None:
                value = next(given, None)
                if value is None and line in rows:
                    value = float(rows[line].value(*(found[i] for i in jumps[line])))
                found[line] = value
            elif line in wanted:
                operands = [found[i] for i in step.operands]
                found[line] = _applied(step.primitive, operands, step) if operands else step.number
    return found


def _applied(row: Any, operands: list[Any], step: Any) -> Any:
    if row is select:
        return select.value(*operands[:2], condition=operands[2])
    return row.value(*operands, **step.params)


class Switches:
    """The functions whose roots are where a system's held values change.

    Parameters
    ----------
    system : System
    rows : list of list of int
        For each held value the rows of its operands among a step's parts.
    """

    def __init__(self, system: System, rows: list[list[int]]) -> None:
        self.held = list(zip(system.held, rows, strict=True))
        for held, _ in self.held:
            if held.row.name not in _KNOWN:
                raise InputError(
                    f"where {held.row.name} of something that moves jumps cannot be located; use "
                    "comparisons, np.sign, np.floor and their like"
                )

    def quiet(self, parts: Any, steps: Any, relative: float) -> int:
        """Tell in how many of the first of recorded steps no function comes near to vanishing.

        Parameters
        ----------
        parts : ndarray, shape (count, lines, order + 1)
        steps : ndarray, shape (count,)
            Their lengths.
        relative : float
            The tolerance.
        """
        order = parts.shape[-1] - 1
        good = np.ones(len(steps), bool)
        small = thresholds(order, relative)
        with np.errstate(all="ignore"):
            powers = np.abs(steps)[:, None] ** np.arange(order + 1)
            for held, rows in self.held:
                series = [parts[:, row] for row in rows]
                terms = [np.abs(x) * powers for x in series]
                size = sum(np.sum(x, axis=1) for x in terms)
                moving = series[0] - series[1] if len(rows) > 1 else series[0]
                rest = np.sum(np.abs(moving[:, 1:]) * powers[:, 1:], axis=1)
                for x in terms:
                    low = np.max(x[:, : order // 2 + 1], axis=1)
                    good &= np.max(x[:, -last_of(order) :] / small, axis=1) <= low
                if held.row.name not in _NEVER:
                    good &= _distances(held, moving[:, 0]) > rest + 2 * ROUNDINGS * size
        return len(good) if good.all() else int(np.argmin(good))

    def first(self, parts: Any, h: float) -> float | None:
        """Give the time of the first switch in ``(0, h]`` after the beginning of a step."""
        times = []
        for held, rows in self.held:
            for series, noise in _watched(held, rows, parts, h):
                if not may_vanish(series, h, noise) or not np.all(np.isfinite(series)):
                    continue
                here = abs(series[0]) <= noise
                met = roots(series, 0.0, h, noise=noise, handled=bool(here))
                times += [root.time for root in met if root.direction][:1]
        return min(times, key=abs, default=None)

    def after(self, parts: Any, h: float) -> tuple[float, ...]:
        """Give what holds right after the beginning of a step of size h."""
        values = []
        for held, rows in self.held:
            operands = [parts[row][0] for row in rows]
            for series, noise in _watched(held, rows, parts, h):
                if abs(series[0]) <= noise:  # on the threshold: the next terms tell
                    side = _leading(series, h, noise)
                    if len(rows) > 1:
                        operands = [float(side), 0.0]
                    else:
                        operands = [round(2 * (operands[0] - series[0])) / 2 + ASIDE * side]
                    break
            values.append(float(held.row.value(*operands)))
        return tuple(values)


def _watched(held: Held, rows: list[int], parts: Any, h: float) -> Iterator[tuple[Any, float]]:
    """Give the functions that vanish where a held value changes, and the errors of their values."""
    name = held.row.name
    if name in _NEVER:
        return
    first = parts[rows[0]]
    size = np.abs(first)
    if len(rows) > 1:
        yield (
            first - parts[rows[1]],
            ROUNDINGS * _sum(size + np.abs(parts[rows[1]]), h),
        )
        return
    shift = 0.5 if name == "rint" else 0.0
    thresholds = [0.0]
    if name not in _OF_SIGN and math.isfinite(first[0]):
        nearest = round(first[0] - shift) + shift
        thresholds = [nearest - 1, nearest, nearest + 1]
    for threshold in thresholds:
        series = first.copy()
        series[0] -= threshold
        yield series, ROUNDINGS * _sum(size, h)


def _distances(held: Held, values: Any) -> Any:
    """Give how far values are from where what is held of them changes."""
    if len(held.operands) > 1 or held.row.name in _OF_SIGN:
        return np.abs(values)
    shift = 0.5 if held.row.name == "rint" else 0.0
    return np.abs(values - shift - np.round(values - shift))


def _sum(sizes: Any, h: float) -> float:
    return horner(sizes.tolist(), abs(h))


def _leading(series: Any, h: float, noise: float) -> int:
    """Give the sign that the first term that matters has after the beginning of a step."""
    term = 1.0
    for x in series.tolist():
        if abs(x * term) > noise:
            return 1 if x * term > 0 else -1
        term *= h
    return 0


_NEVER = {"isnan", "isinf", "isfinite"}
_OF_SIGN = {"sign", "leading sign", "signbit", "logical_not"}
_ROUNDINGS = {"floor", "ceil", "trunc", "rint"}
_COMPARISONS = {"equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "leads"}
_KNOWN = _NEVER | _OF_SIGN | _ROUNDINGS | _COMPARISONS
