"""Initial value problems of numbers that carry derivatives, and what these are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from taylorad.dispatch import Value
from taylorad.dispatch.operands import as_operand
from taylorad.errors import ExpansionError, InputTypeError, user_line
from taylorad.forward.algebra import Algebra, Univariate, multivariate
from taylorad.forward.jet import Jet
from taylorad.ode.leaves import carried, numbered
from taylorad.ode.solved import Options
from taylorad.primitives.linear import as_array

__all__ = ["Problem", "lowest", "stripped", "whole", "with_products"]


@dataclass(frozen=True)
class Problem:
    """An initial value problem whose times are plain numbers.

    Attributes
    ----------
    fun : callable
    span : (float, float)
    y0
    args : tuple
    times : ndarray or None
        At which the solution is wanted.
    options : Options
    """

    fun: Any
    span: tuple[float, float]
    y0: Any
    args: tuple[Any, ...]
    times: Any
    options: Options


def whole(a: Any) -> Any:
    """Give an array, or a value, of anything that NumPy takes for an array."""
    a = as_operand(a)
    try:
        return as_array(a) if isinstance(a, (list, tuple, float, int)) else a
    except ValueError as error:
        raise InputTypeError(f"{a!r} is not an array: {error}") from error


def lowest(like: Jet, tree: Any) -> Algebra:
    """Give the algebra that all polynomials of a transformation have a place in."""
    algebra = like.algebra
    for x in carried(tree):
        if isinstance(x, Jet) and x.tag == like.tag:
            if x.algebra.family != algebra.family:
                raise ExpansionError(
                    f"solve_ivp was given numbers of different expansions{user_line()}"
                )
            algebra = min(algebra, x.algebra, key=lambda a: a.order)
    return algebra


def with_products(algebra: Algebra) -> Algebra:
    """Give the same algebra as one that lists the products of its monomials."""
    return multivariate(1, algebra.order) if isinstance(algebra, Univariate) else algebra


def stripped(
    args: Sequence[Any], tag: float, algebra: Algebra
) -> tuple[tuple[Any, ...], list[tuple[int, int]], Any]:
    """Take polynomials out of arguments.

    Returns
    -------
    args : tuple
        With their values.
    seeds : list of (int, int)
        The parameter and the monomial of each coefficient above degree 0 that is not zero.
    values
        These coefficients.
    """
    leaves, first, rebuild = numbered(tuple(args))
    seeds: list[tuple[int, int]] = []
    pieces: list[Any] = []
    for i, leaf in enumerate(leaves):
        if isinstance(leaf, Jet) and leaf.tag == tag:
            c = np.reshape(leaf.c[: algebra.size], (algebra.size, -1))
            leaves[i] = leaf.c[0]
            monomials, entries = np.nonzero(_may_differ_from_zero(c[1:]))
            seeds += [(first[i] + int(e), 1 + int(m)) for m, e in zip(monomials, entries)]
            pieces.append(c[1 + monomials, entries])
    values = np.concatenate(pieces) if pieces else np.zeros(0)
    return rebuild(leaves), seeds, values


def _may_differ_from_zero(c: Any) -> Any:
    if isinstance(c, Jet):
        return np.any(_may_differ_from_zero(c.c), axis=0)
    if isinstance(c, Value):
        return np.ones(c.shape, bool)
    return c != 0
