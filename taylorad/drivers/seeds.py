"""Points made into jets: the point as value, directions as parts of degree 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from taylorad.dispatch import Value, fresh_tag, shape_of
from taylorad.forward.algebra import Algebra, buffer, dual
from taylorad.forward.hyperdual import Dual
from taylorad.forward.jet import Jet

__all__ = ["coefficients_of", "duals", "seeded", "unit_directions"]


def seeded(kind: type[Jet], x: Any, directions: Any, algebra: Algebra, tag: float) -> Any:
    """Make a jet with value ``x`` and ``directions`` (first axis: monomials of degree 1)."""
    like = x
    if not isinstance(x, Value) and (isinstance(directions, Value) or directions.dtype.kind == "c"):
        like = directions
    c = buffer(like, (algebra.size, *shape_of(x)))
    c[0] = x
    if algebra.order:
        c[1 : 1 + len(directions)] = directions
    return kind.of(c, algebra, tag)


def unit_directions(points: Sequence[Any], start: int = 0, stop: int | None = None) -> list[Any]:
    """Unit vectors of the space of all points together, numbers start..stop, one array a point."""
    sizes = [int(np.size(x)) if not isinstance(x, Value) else x.size for x in points]
    n = sum(sizes)
    eye = np.eye(n)[start:stop]
    edges = np.cumsum([0, *sizes])
    return [
        eye[:, a:b].reshape(-1, *np.shape(x))
        for a, b, x in zip(edges[:-1], edges[1:], points, strict=True)
    ]


def duals(points: Sequence[Any], directions: Sequence[Any]) -> tuple[list[Any], float]:
    """Make dual numbers carrying several directions at once; give them and their tag."""
    tag = fresh_tag()
    algebra = dual(len(directions[0]))
    return [seeded(Dual, x, d, algebra, tag) for x, d in zip(points, directions, strict=True)], tag


def coefficients_of(y: Any, tag: float, algebra: Algebra) -> Any:
    """Give the coefficients of a result in the transformation ``tag``; constants have one."""
    if isinstance(y, Jet) and y.tag == tag:
        # An array that repeats numbers is read-only; a result belongs to whoever asked for it.
        return y.c if isinstance(y.c, Value) or y.c.flags.writeable else y.c.copy()
    c = buffer(y if isinstance(y, Value) else np.asarray(y), (algebra.size, *np.shape(y)))
    c[0] = y
    return c
