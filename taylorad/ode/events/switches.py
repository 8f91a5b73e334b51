"""Where the right-hand side jumps: which side of its switches the solution is on.

What a comparison, a sign or a rounding in the user's code says is held for a step. Its operands are
expanded together with the state; where they say something else, the step ends, and the next begins
with what holds on the other side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from taylorad.errors import InputError
from taylorad.forward.program import Step
from taylorad.ode.events.polynomials import horner
from taylorad.ode.events.roots import may_vanish, roots
from taylorad.ode.events.search import ROUNDINGS, last_of, thresholds
from taylorad.ode.events.watch import resolved
from taylorad.ode.tracing.lines import Held
from taylorad.ode.tracing.system import System
from taylorad.ode.tracing.values import as_taken
from taylorad.primitives.linear import select
from taylorad.primitives.registry import Primitive

__all__ = ["GRADUAL", "NEVER", "Switches", "leading"]

HIDDEN = 16
"""So many times the noise a move must be."""

ASIDE = 0.25
"""How far from a threshold of a rounding its value is asked for."""


class Switches:
    """The functions whose roots are where a system's held values change.

    Parameters
    ----------
    system : System
    ahead : int
        How many rows of a step's parts are ahead of the operands of what is held.

    Attributes
    ----------
    now : number
        The time at the beginning of the step, which is known to a rounding only.
    sudden : list of int
        The rows of operands of what jumps.
    """

    def __init__(self, system: System, ahead: int) -> None:
        rows = []
        for held in system.held:
            rows.append([*range(ahead, ahead + len(held.operands))])
            ahead += len(held.operands)
        self.system, self.now = system, 0.0
        self.held = list(zip(system.held, rows, strict=True))
        self.sudden = [i for x, own in self.held if x.row.name not in GRADUAL for i in own]
        for held, _ in self.held:
            if held.row.name not in _KNOWN:
                raise InputError(
                    f"where {held.row.name} of something that moves jumps cannot be located; use "
                    "comparisons, np.sign, np.floor and their like"
                )

    def values(self, arguments: Sequence[Any]) -> dict[int, Any]:
        """Compute what is held, and the lines that guards are about.

        Parameters
        ----------
        arguments : sequence of float
            The state, the time and the parameters; and what is held, unless it is to be computed.

        Returns
        -------
        dict
            The values of lines.
        """
        system, steps = self.system, self.system.program.steps
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
                        value = self._held(rows[line], [found[i] for i in jumps[line]])
                    found[line] = value
                elif line in wanted:
                    operands = as_taken(step.primitive, [found[i] for i in step.operands])
                    found[line] = self._value(step, operands)
        return found

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
                if held.row.name in AT_POINTS:
                    good &= _stay_apart(series[0] - series[1])
                    continue
                if held.row.name in GRADUAL:
                    good &= held.row.value(series[0][:, 0], series[1][:, 0])
                    continue
                terms = [np.abs(x) * powers for x in series]
                size = sum(np.sum(x, axis=1) for x in terms)
                moving = series[0] - series[1] if len(rows) > 1 else series[0]
                rest = np.sum(np.abs(moving[:, 1:]) * powers[:, 1:], axis=1)
                for x in terms:
                    low = np.max(x[:, : order // 2 + 1], axis=1)
                    good &= np.max(x[:, -last_of(order) :] / small, axis=1) <= low
                if held.row.name not in NEVER:
                    good &= _distances(held, moving[:, 0]) > rest + 2 * ROUNDINGS * size
        return len(good) if good.all() else int(np.argmin(good))

    def first(self, parts: Any, h: Any, relative: Any) -> Any:
        """Give the time of the first switch in ``(0, h]`` after the beginning of a step, or None.

        Parameters
        ----------
        parts : ndarray, shape (lines, order + 1)
        h : float
        relative : float
            The tolerance.
        """
        times = []
        for held, rows in self.held:
            if held.row.name in AT_POINTS:
                continue
            for series, noise in self._watched(held, rows, parts, h, relative):
                times += self._crossings(series, h, noise)[:1]
        return min(times, key=abs, default=None)

    def after(self, parts: Any, h: Any, relative: Any) -> tuple[Any, ...]:
        """Give what holds right after the beginning of a step of size h."""
        values = []
        for held, rows in self.held:
            operands = [parts[row][0] for row in rows]
            for series, noise in self._watched(held, rows, parts, h, relative):
                if abs(series[0]) <= noise:  # on the threshold: the next terms tell
                    side = leading(series, h, noise)
                    if len(rows) > 1:
                        operands = [side, 0 * side]
                    else:
                        nearest = self._nearest(2 * (operands[0] - series[0])) / 2
                        operands = [nearest + ASIDE * side]
                    break
            values.append(self._held(held.row, operands))
        return tuple(values)

    def share(self, series: Any, h: Any, relative: Any) -> float:
        """Give the share of a step over which functions are what their series say."""
        return resolved(series, h, relative) if len(series) else 1.0

    def sharp(self, parts: Any, h: Any, time: Any, relative: Any) -> Any:
        """Give how long a step of size h may be for roundings not to hide that a function moves.

        A step may be so long that all that is near its beginning is less than what roundings make
        of its end.

        Parameters
        ----------
        parts : ndarray, shape (lines, order + 1)
        h, time : float
        relative : float
            The tolerance.
        """
        for held, rows in self.held:
            if held.row.name in AT_POINTS:
                continue
            for series, _ in self._watched(held, rows, parts, h, relative):
                there = self._error(relative) * abs(time)
                move = _first_move(np.abs(series).tolist(), there)

                def hides(
                    h: Any, held: Held = held, rows: list[int] = rows, move: Any = move
                ) -> bool:
                    noises = [noise for _, noise in self._watched(held, rows, parts, h, relative)]
                    return bool(max(noises) * HIDDEN > move)

                while move and hides(h) and not hides(0 * h):
                    h = h / 4
        return h

    def _watched(
        self, held: Held, rows: list[int], parts: Any, h: Any, relative: Any
    ) -> Iterator[tuple[Any, Any]]:
        """Give functions that vanish where a held value changes, and the errors of their values."""
        name, error = held.row.name, self._error(relative)
        if name in NEVER or name in GRADUAL:
            return
        first = parts[rows[0]]
        size = np.abs(first)
        if len(rows) > 1:
            moving = first - parts[rows[1]]
            noise = error * _sum(size + np.abs(parts[rows[1]]), h)
            yield moving, noise + error * abs(self.now * moving[1])
            return
        shift = 0.5 if name == "rint" else 0.0
        thresholds = [0.0]
        if name not in _OF_SIGN and first[0] - first[0] == 0:
            nearest = self._nearest(first[0] - shift) + shift
            thresholds = [nearest - 1, nearest, nearest + 1]
        for threshold in thresholds:
            series = first.copy()
            series[0] -= threshold
            yield series, error * (_sum(size, h) + abs(self.now * first[1]))

    # --- of doubles ---

    def _error(self, relative: Any) -> Any:
        """Give the error of a function's values, of the sum of its terms."""
        return ROUNDINGS

    def _crossings(self, series: Any, h: Any, noise: Any) -> list[Any]:
        """Give when a function changes its sign, at least the first time."""
        if not may_vanish(series, h, noise) or not np.all(np.isfinite(series)):
            return []
        met = roots(series, 0.0, h, noise=noise, handled=bool(abs(series[0]) <= noise))
        return [root.time for root in met if root.direction]

    def _nearest(self, x: Any) -> Any:
        """Give the nearest whole number."""
        return round(x)

    def _value(self, step: Step, operands: Sequence[Any]) -> Any:
        """Compute a line that is no argument."""
        if not operands:
            return step.number
        if step.primitive is select:
            return select.value(*operands[:2], condition=operands[2])
        assert step.primitive is not None
        return step.primitive.value(*operands, **step.params)

    def _held(self, row: Primitive, operands: list[Any]) -> Any:
        """Compute what is held."""
        return float(row.value(*operands))


def _first_move(sizes: list[Any], there: Any) -> Any:
    """Give how far a function goes at first: from where it is, or until it turns; 0 if it stays.

    Parameters
    ----------
    sizes : list of number
        Those of its coefficients.
    there : number
        What is not known of the time.
    """
    first = 0 if sizes[0] > there * sizes[1] else 1
    begin = sizes[first]
    if not begin or not first:
        return begin
    turns = [(begin / x) ** (1 / k) for k, x in enumerate(sizes[2:], 1) if x]
    return begin * min(turns) if turns else 0


def _stay_apart(gaps: Any) -> Any:
    """Tell of which steps two numbers that are told apart begin as those of the first.

    What they are in passing, at points within a step, makes no step of its own: on both sides of a
    point they differ.
    """
    apart = gaps[:, 0] != 0
    return (apart == apart[0]) & (apart | np.all(gaps == 0, axis=1))


def _distances(held: Held, values: Any) -> Any:
    """Give how far values are from where what is held of them changes."""
    if len(held.operands) > 1 or held.row.name in _OF_SIGN:
        return np.abs(values)
    shift = 0.5 if held.row.name == "rint" else 0.0
    return np.abs(values - shift - np.round(values - shift))


def _sum(sizes: Any, h: Any) -> Any:
    return horner(sizes.tolist(), abs(h))


def leading(series: Any, h: Any, noise: Any) -> int:
    """Give the sign that the first term that matters has after the beginning of a step."""
    power = 1.0
    for x in series.tolist():
        if abs(x * power) > noise:
            return 1 if x * power > 0 else -1
        power *= h
    return 0


NEVER = {"isnan", "isinf", "isfinite"}
_OF_SIGN = {"sign", "leading sign", "signbit", "logical_not"}
_ROUNDINGS = {"floor", "ceil", "trunc", "rint"}
AT_POINTS = {"equal", "not_equal"}
GRADUAL = {"outweighs"}
"""Where these change nothing jumps: they are asked at the beginning of each step, and hold."""

_COMPARISONS = AT_POINTS | {"less", "less_equal", "greater", "greater_equal", "leads"}
_KNOWN = NEVER | GRADUAL | _OF_SIGN | _ROUNDINGS | _COMPARISONS
