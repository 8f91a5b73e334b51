"""Checking the derivatives of any function against finite differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from taylorad.dispatch.containers import flatten
from taylorad.dispatch.operands import as_order
from taylorad.drivers import jvp, vjp
from taylorad.drivers.boundary import as_points
from taylorad.errors import InputError
from taylorad.testing.oracles import Point, difference, random_point, size_of
from taylorad.testing.subject import written

__all__ = ["check_derivatives"]

Flat = Callable[..., tuple[Any, ...]]  # arrays to arrays


def check_derivatives(
    f: Callable[..., Any],
    *args: Any,
    order: int = 2,
    modes: Sequence[str] = ("forward", "reverse"),
    rtol: float = 1e-6,
    atol: float = 1e-8,
) -> None:
    """Check the derivatives of a function against finite differences.

    Parameters
    ----------
    f : callable
        Function in plain NumPy; it may return containers.
    *args : scalars, arrays or containers of them
        Point; the function is differentiated by all of it.
    order : int, default 2
        How often to differentiate.
    modes : sequence of {"forward", "reverse"}, default both
        Modes to use at every order, in all combinations: with both, order 2 tries forward over
        forward, forward over reverse, reverse over forward and reverse over reverse.
    rtol, atol : float
        Error allowed, relative to the largest entry, and absolute; besides the differences' own.

    Raises
    ------
    AssertionError
        Naming the function, the modes, the point and the numbers that differ.

    See Also
    --------
    check_primitive : for a single rule, to more digits and in more modes.

    Examples
    --------
    >>> import numpy as np
    >>> from taylorad.testing import check_derivatives
    >>> check_derivatives(lambda x, p: p["a"] * np.sin(x) @ x, np.array([0.3, 0.4]), {"a": 2.0})
    """
    order = as_order(order)
    unknown = set(modes) - set(_DERIVED)
    if unknown:
        raise InputError(f"modes are forward and reverse, not {', '.join(sorted(unknown))}")
    points, rebuild = as_points(args, "args")

    def flat(*leaves: Any) -> tuple[Any, ...]:
        return tuple(flatten(f(*rebuild(leaves)))[0])

    name = getattr(f, "__name__", type(f).__name__)

    def recurse(g: Flat, path: tuple[str, ...]) -> None:
        if len(path) == order:
            return
        for mode in modes:
            derived, got, expected, error = _DERIVED[mode](g, tuple(points), len(path))
            for a, b, e in zip(got, expected, error, strict=True):
                limit = atol + rtol * size_of(a, b) + 10 * e
                if not np.all(abs(a - b) <= limit):
                    raise AssertionError(
                        f"{name}, {' over '.join((mode, *path))}, at "
                        f"{', '.join(map(written, points))}: {written(a)} where differences give "
                        f"{written(b)}, off by {size_of(a - b):.3g} (allowed: {size_of(limit):.3g})"
                    )
            recurse(derived, (mode, *path))

    recurse(flat, ())


def _differences(f: Flat, point: Point, v: Point) -> tuple[list[Any], list[Any]]:
    """Derivatives of the outputs along a direction, and their errors."""
    sizes = [np.shape(y) for y in f(*point)]
    ends = np.cumsum([int(np.prod(shape, dtype=int)) for shape in sizes])[:-1]

    def moved(t: float) -> Any:
        return np.concatenate([np.ravel(y) for y in f(*(x + t * d for x, d in zip(point, v)))])

    best, error = difference(moved)
    return (
        [a.reshape(s) for a, s in zip(np.split(best, ends), sizes)],
        [a.reshape(s) for a, s in zip(np.split(error, ends), sizes)],
    )


def _forward(f: Flat, point: Point, seed: int) -> tuple[Flat, list[Any], list[Any], list[Any]]:
    v = random_point(point, seed)

    def derived(*x: Any) -> tuple[Any, ...]:
        return tuple(jvp(f, x, v)[1])

    return derived, list(derived(*point)), *_differences(f, point, v)


def _reverse(f: Flat, point: Point, seed: int) -> tuple[Flat, list[Any], list[Any], list[Any]]:
    """The derivative along a direction once more, now by cotangents."""
    v = random_point(point, seed)
    g = random_point(f(*point), seed + 100)

    def derived(*x: Any) -> tuple[Any, ...]:
        return tuple(vjp(f, *x)[1](g))

    expected, error = _differences(f, point, v)
    return (
        derived,
        [sum(np.sum(bar * d) for bar, d in zip(derived(*point), v))],
        [sum(np.sum(w * d) for w, d in zip(g, expected))],
        [sum(np.sum(abs(w) * e) for w, e in zip(g, error))],
    )


_DERIVED = {"forward": _forward, "reverse": _reverse}
