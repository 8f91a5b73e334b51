"""What is being checked, and how a difference is reported."""

from __future__ import annotations

from typing import Any

import numpy as np

from taylorad.dispatch.exact import plain
from taylorad.errors import InputError, InputTypeError
from taylorad.extending import custom_derivative
from taylorad.primitives.registry import Elementwise, LocalSeries, Primitive, lookup
from taylorad.testing.oracles import Exact, Point

__all__ = ["ROUNDING", "TINY", "Subject", "written"]

ROUNDING = 64 * float(np.finfo(float).eps)
"""Relative error in the arguments that a result is forgiven."""

TINY = 2 * float(np.finfo(float).smallest_subnormal)
"""Absolute error of numbers that no float is nearer to."""


class Subject:
    """A function, the row behind it, and the accuracy to hold it to.

    Parameters
    ----------
    function : Primitive, custom_derivative or function with a rule
    params : dict
        Keyword parameters of its calls.
    order : int
        Highest degree to compare.
    rtol : float
        Relative error allowed.
    """

    def __init__(self, function: Any, params: dict[str, Any], order: int, rtol: float) -> None:
        row = function.row if isinstance(function, custom_derivative) else function
        row = row if isinstance(row, Primitive) else lookup(function)
        if row is None:
            raise InputTypeError(f"check_primitive: {function!r} has no rule")
        self.row: Any = row
        self.params, self.order, self.rtol = params, order, rtol
        named = row if isinstance(row, Primitive) else function
        self.name = getattr(named, "name", None) or getattr(function, "__name__", "function")
        self.entrywise = isinstance(row, (Elementwise, LocalSeries)) or (
            isinstance(function, np.ufunc) and function.signature is None
        )
        self.exact = Exact.of(row)

    def __call__(self, *args: Any) -> Any:
        return self.row(*args, **self.params)

    def default_points(self) -> list[Point]:
        """Points drawn from the row's domain."""
        if not isinstance(self.row, Primitive):
            raise InputError(
                f"{self.name} is made of other rules and states no domain: give points"
            )
        rng = np.random.default_rng(0)
        domain = self.row.domain

        def draw(*shapes: tuple[int, ...]) -> Point:
            return tuple(rng.uniform(*d, shapes[i % len(shapes)]) for i, d in enumerate(domain))

        if self.entrywise or getattr(self.row, "broadcasts", False):
            return [draw(()), draw(()), draw((2, 1), (2,))]
        return [draw((3, 3) if len(domain) > 1 else (3,)) for _ in range(2)]

    def check(
        self,
        mode: str,
        point: Any,
        got: Any,
        expected: Any,
        allowed: Any = 0.0,
        rtol: float | None = None,
    ) -> None:
        """Raise unless ``got`` agrees with ``expected`` in every entry.

        It may differ by ``rtol`` (the subject's own by default) times the entry, plus ``allowed``.
        """
        got, expected = (_numbers(plain(a)) for a in (got, expected))
        if got.shape != expected.shape:
            raise self.mistake(mode, point, f"shape {got.shape}, not {expected.shape}")
        limit = (self.rtol if rtol is None else rtol) * abs(expected) + allowed
        with np.errstate(invalid="ignore"):  # infinities are equal or they are not
            off = abs(got - expected)
        fine = (off <= limit) | (got == expected) | ((got != got) & (expected != expected))
        if not np.all(fine):
            place = tuple(int(i) for i in np.argwhere(~fine)[0])
            limit = np.broadcast_to(limit, off.shape)
            at = f" in entry {place}" if place else ""
            raise self.mistake(
                mode,
                point,
                f"{got[place]} where {expected[place]} is expected{at}, off by "
                f"{off[place]:.3g} (allowed: {limit[place]:.3g})",
            )

    def mistake(self, mode: str, point: Point, text: str) -> AssertionError:
        """Make the error that says what is wrong, in which mode and where."""
        return AssertionError(f"{self.name}, {mode}, at {', '.join(map(written, point))}: {text}")


def _numbers(a: Any) -> Any:
    a = np.asarray(a)
    return a.astype(float) if a.dtype.kind in "biu" else a


def written(x: Any) -> str:
    """Write a number, or an array on one line."""
    x = np.asarray(x)
    if not x.ndim:
        return repr(x.item())
    return np.array2string(x, precision=6, threshold=8).replace("\n", "")
