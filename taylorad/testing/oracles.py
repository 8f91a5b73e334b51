"""The numbers to compare with: mpmath's, to 50 digits, and extrapolated differences.

A *curve* is how arguments move: for each of them the first coefficients of a series in t, arrays
that broadcast against those of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from taylorad.primitives.registry import Elementwise, LocalSeries, Primitive

__all__ = ["DIGITS", "Exact", "Point", "difference", "random_point", "size_of"]

DIGITS = 50
"""Digits in which mpmath computes what floats are compared with."""

Point = tuple[Any, ...]
Curve = Sequence[Sequence[Any]]


class Exact:
    """The function of a row that acts entry by entry, in mpmath.

    Parameters
    ----------
    row : Primitive
        A row that names its counterpart.
    """

    def __init__(self, row: Primitive) -> None:
        import mpmath

        self.mp = mpmath.mp
        self.series = row.exact_series if isinstance(row, LocalSeries) else None
        self.rule = row.exact

    @staticmethod
    def of(row: Any) -> Exact | None:
        """The counterpart of a row, None if it has none."""
        if isinstance(row, LocalSeries):
            return Exact(row) if row.exact_series is not None else None
        return Exact(row) if isinstance(row, Elementwise) and row.exact is not None else None

    def __call__(self, *x: Any) -> Any:
        if self.series is not None:
            return self.series(self.mp, x[0], 0)[0]
        if isinstance(self.rule, str):
            return getattr(self.mp, self.rule)(*x)
        assert self.rule is not None
        return self.rule(self.mp, *x)

    def coefficients(self, curve: Curve, order: int) -> Any:
        """Taylor coefficients along a curve, an object array with the degree as first axis.

        Rows that act entry by entry are differentiated numerically. Local series state their
        coefficients, which takes mpmath less time, and are tried by `disagreement`.
        """
        along = self._composed if self.series is not None else self._differentiated
        with self.mp.workdps(DIGITS):
            return self._entrywise(along, curve, order)

    def disagreement(self, curve: Curve) -> Any:
        """How far a local series is from what numerical differentiation says, to order 3."""
        with self.mp.workdps(30):
            stated = self._entrywise(self._composed, curve, 3)
            return abs(self._entrywise(self._differentiated, curve, 3) - stated) / abs(stated).max()

    def condition(self, curve: Curve, exact: Any) -> Any:
        """How far the coefficients move with relative changes of those of the curve.

        From ``∂y[k]/∂x[j]``, the coefficient of degree k - j of the partial along the curve.
        """
        total = np.zeros(exact.shape, object)
        with self.mp.workdps(DIGITS):
            for i, c in enumerate(curve):
                scale = abs(_objects(c[0])) + self.mp.mpf(10) ** -DIGITS
                step = scale * self.mp.mpf(10) ** (-DIGITS // 2)
                moved = [list(other) for other in curve]
                moved[i][0] = _objects(c[0]) + step
                partial = abs(self.coefficients(moved, len(exact) - 1) - exact) / step
                for j, part in enumerate(c[: len(exact)]):
                    total[j:] += abs(_objects(part)) * partial[: len(exact) - j]
        return floats(total)

    def _entrywise(self, along: Callable[..., Sequence[Any]], curve: Curve, order: int) -> Any:
        parts = np.broadcast_arrays(*(_objects(part) for c in curve for part in c))
        ends = np.cumsum([len(c) for c in curve])[:-1]
        out = np.empty((order + 1, *parts[0].shape), object)
        for place in np.ndindex(parts[0].shape):
            entries = np.empty(len(parts), object)
            entries[:] = [self.mp.mpmathify(part[place]) for part in parts]
            out[(slice(None), *place)] = along(np.split(entries, ends), order)
        return out

    def _differentiated(self, paths: Sequence[Any], order: int) -> list[Any]:
        if not order:
            return [self(*(path[0] for path in paths))]
        # mpmath's steps are of the size 2**-precision, and its precision grows with the order. So t
        # is scaled to how far arguments are from twice their size, and some orders are put on top
        # for derivatives that are small beside the value.
        reach = [
            self.mp.root(abs(path[0] / part), j)
            for path in paths
            for j, part in enumerate(path[1:], 1)
            if part
        ]
        scale = max(1, min(reach, default=1))
        c = self.mp.taylor(
            lambda t: self(*(_horner(path, t * scale) for path in paths)),
            0,
            max(order, 8) if self.series is None else order,
            chop=False,
        )
        return [part / scale**k for k, part in enumerate(c[: order + 1])]

    def _composed(self, paths: Sequence[Any], order: int) -> list[Any]:
        ((x, *rest),) = paths
        assert self.series is not None
        y = [self.mp.mpf(0)] * (order + 1)
        for outer in self.series(self.mp, x, order)[::-1]:
            y = [
                self.mp.fsum(rest[j - 1] * y[k - j] for j in range(1, min(k, len(rest)) + 1))
                for k in range(order + 1)
            ]
            y[0] += outer
        return y


def floats(exact: Any) -> Any:
    """Round to floats."""
    return np.asarray(exact, object).astype(float)


def _objects(a: Any) -> Any:
    return np.asarray(a).astype(object)


def _horner(c: Any, t: Any) -> Any:
    y = c[-1]
    for part in c[-2::-1]:
        y = y * t + part
    return y


def difference(g: Callable[[float], Any]) -> tuple[Any, Any]:
    """The derivative of ``g`` at 0 by extrapolated central differences, and its error [1]_.

    References
    ----------
    .. [1] C. J. F. Ridders, Accurate computation of F'(x) and F'(x)F''(x), Adv. Eng. Software 4
       (1982).
    """
    before: list[Any] = []
    best: Any = np.nan
    error: Any = np.inf
    for n, h in enumerate(2.0**-k for k in range(5, 13)):
        row = [(np.asarray(g(h)) - np.asarray(g(-h))) / (2 * h)]
        for j in range(n):
            row.append(row[j] + (row[j] - before[j]) / (4.0 ** (j + 1) - 1))
            change = np.maximum(abs(row[j + 1] - row[j]), abs(row[j + 1] - before[j]))
            better = change < error
            best, error = np.where(better, row[j + 1], best), np.where(better, change, error)
        before = row
    return best, error


def random_point(like: Point, seed: int = 0) -> Point:
    """Directions shaped like a point, with no entry near 0."""
    rng = np.random.default_rng(seed)

    def draw(shape: tuple[int, ...]) -> Any:
        return rng.uniform(0.5, 1.0, shape) * rng.choice([-1, 1], shape)

    return tuple(draw(np.shape(x)) for x in like)


def size_of(*arrays: Any) -> float:
    """How large the entries are: what sums of them are compared by."""
    return max((float(np.max(np.abs(a))) for a in arrays if np.size(a)), default=0.0)
