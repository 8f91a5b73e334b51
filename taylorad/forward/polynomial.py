"""What one does with truncated polynomials: evaluate, compose, differentiate, integrate, invert.

Everything here is plain NumPy code on arrays of normalised coefficients with the monomials as
first axis, so that it runs on floats, complex and exact numbers, and on the values of an outer
transformation, whatever the shape of the value.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np

from taylorad.dispatch import Value, as_operand, bottom
from taylorad.dispatch.exact import with_room
from taylorad.errors import InputError, InputTypeError, SingularityError, user_line
from taylorad.forward.algebra import Algebra, aligned, buffer, univariate

__all__ = [
    "as_numbers",
    "compose",
    "derivative",
    "derivative_tensor",
    "differentiate",
    "differentiate_in",
    "evaluate",
    "evaluate_in",
    "integrate",
    "integrate_in",
    "is_exact",
    "reversion",
    "reversion_of_map",
    "solve",
]

_NO_INVERSE = (
    "inverse: the first derivative is zero or singular, so that there is no inverse series: "
    "expand about another point"
)

# --- numbers in and out ----------------------------------------------------------------------


def as_numbers(given: Any, what: str = "coefficients") -> Any:
    """Give what a user handed over as a new float, complex or exact array, or a value."""
    if isinstance(given, Value):
        return given
    try:
        array = np.asarray(given)
    except ValueError as error:
        raise InputError(f"{what}: {error}{user_line()}") from error
    if array.dtype.kind == "O":
        return as_operand(array)
    if array.dtype.kind not in "iufc":
        raise InputTypeError(
            f"{what} are to be numbers, not {array.dtype}{user_line()}; give float, complex, "
            "mpmath numbers or fractions"
        )
    return np.array(array, np.result_type(array, float))


def is_exact(a: Any) -> bool:
    """Tell whether the numbers at the bottom are mpmath numbers or fractions."""
    return bool(np.asarray(bottom(a)).dtype == object)


def _padded(c: Any, size: int) -> Any:
    """Cut off, or continue with zeros, to ``size`` coefficients."""
    if size <= len(c):
        return c[:size]
    longer = buffer(c, (size, *c.shape[1:]))
    longer[: len(c)] = c
    return longer


# --- one variable ----------------------------------------------------------------------------


def evaluate(c: Any, t: Any) -> Any:
    """Evaluate a polynomial by Horner's rule; ``t`` broadcasts against the value."""
    y = np.zeros_like(t)
    for part in c[::-1]:
        y = y * t + part
    return y


def derivative(c: Any, k: int) -> Any:
    """Give the k-th derivative, ``k! c[k]``, where ``k!`` alone may be too large for a float."""
    y = c[k]
    for low in range(0, k, 100):
        factor = math.perm(min(low + 100, k), min(100, k - low))
        y = y * (factor if is_exact(y) else float(factor))
    return y


def differentiate(c: Any) -> Any:
    """Give the series of the derivative, of one order less."""
    return c[1:] * _degrees(1, len(c), c.ndim)


def integrate(c: Any, constant: Any) -> Any:
    """Give the series of the antiderivative with the given constant, of one order more."""
    rest = c / _degrees(1, len(c) + 1, c.ndim)
    return np.concatenate([np.expand_dims(np.broadcast_to(constant, c.shape[1:]), 0), rest])


def _degrees(start: int, stop: int, ndim: int) -> Any:
    return np.arange(start, stop).reshape(-1, *(1,) * (ndim - 1))


def compose(outer: Any, inner: Any, algebra: Algebra) -> Any:
    """Put an element of any graded algebra into a series in one variable.

    Horner's rule on blocks: polynomials of degree about the square root of the order, whose powers
    are computed once [1]_. That pays from the lowest orders on.

    Parameters
    ----------
    outer : array (order + 1, *shape)
    inner : array (algebra.size, *shape)
        Without constant term, if the result is to be right to the order of ``outer``.
    algebra : Algebra
        The inner one, whose order is at most that of ``outer``.

    References
    ----------
    .. [1] M. S. Paterson, L. J. Stockmeyer, On the number of nonscalar multiplications necessary
       to evaluate polynomials, SIAM J. Comput. 2 (1973); R. P. Brent, H. T. Kung, Fast algorithms
       for manipulating formal power series, J. ACM 25 (1978).
    """
    ndim = max(outer.ndim, inner.ndim) - 1
    outer, inner = aligned(outer, ndim), aligned(inner, ndim)
    step = math.isqrt(len(outer))
    powers = [buffer(inner, inner.shape)]
    powers[0][0] = inner[0] * 0 + 1
    for _ in range(step):
        powers.append(algebra.multiply(inner, powers[-1]))
    giant = powers.pop()
    rows = -(-len(outer) // step)
    table = np.reshape(_padded(outer, rows * step), (rows, step, *outer.shape[1:]))
    blocks = np.einsum("bj...,jn...->bn...", table, np.stack(powers))
    y = blocks[-1]
    for block in blocks[:-1][::-1]:
        y = algebra.multiply(giant, y) + block
    return y


def reversion(c: Any) -> Any:
    """Give the series g with f(g(s)) = f(0) + s, by Newton's iteration.

    If g is right to order n, then f(g(s)) - s starts at order n + 1 and g' is 1/f'(g) to order
    n - 1, so that g - (f(g) - s) g' is right to order 2n. Each round also takes away rounding
    errors that earlier ones left.
    """
    order = len(c) - 1
    if np.any(bottom(c[1]) == 0):
        raise SingularityError(_NO_INVERSE + user_line())
    f = buffer(c, c.shape)
    f[1:] = c[1:]
    g = buffer(c, (2, *c.shape[1:]))
    g[1] = 1 / c[1]
    while len(g) <= order:
        known = min(2 * (len(g) - 1), order)
        algebra = univariate(known)
        g = _padded(g, known + 1)
        residual = compose(f[: known + 1], g, algebra)
        residual[1] = residual[1] - 1
        g = g - algebra.multiply(_padded(differentiate(g), known + 1), residual)
    return g


# --- several variables -----------------------------------------------------------------------


def evaluate_in(c: Any, d: Any, algebra: Algebra) -> Any:
    """Evaluate a polynomial in n variables at ``d``, whose last axis runs over them.

    The result has shape ``(*d.shape[:-1], *value)``. ``d`` may be a vector of series: that is
    composition.
    """
    n = d.shape[-1]
    x = np.moveaxis(d, -1, 0)
    part = np.ones_like(x[:1])
    # The monomials of a degree, in graded lexicographic order, are x_0 times all those of the
    # degree before, then x_1 times those of them without x_0, and so on; these are tails.
    starts = [0] * n
    y = np.tensordot(part, c[:1], ((0,), (0,)))
    for k in range(1, algebra.order + 1):
        blocks = [x[i] * part[start:] for i, start in enumerate(starts)]
        starts = [0, *np.cumsum([len(b) for b in blocks[:-1]], dtype=int).tolist()]
        part = np.concatenate(blocks)
        y = y + np.tensordot(part, c[algebra.grade[k]], ((0,), (0,)))
    return y


def differentiate_in(c: Any, algebra: Algebra, variable: int) -> Any:
    """Give the partial derivative, of one order less."""
    index, factor = _raised(algebra.truncated(algebra.order - 1), algebra, variable)
    return c[index] * factor.reshape(-1, *(1,) * (c.ndim - 1))


def integrate_in(c: Any, algebra: Algebra, variable: int, constant: Any) -> Any:
    """Give the antiderivative in one variable, of one order more."""
    higher = algebra.truncated(algebra.order + 1)
    index, factor = _raised(algebra, higher, variable)
    y = buffer(c[0] + constant, (higher.size, *c.shape[1:]))
    y[0] = constant
    y[index] = c / factor.reshape(-1, *(1,) * (c.ndim - 1))
    return y


@lru_cache(maxsize=256)
def _raised(low: Algebra, high: Algebra, variable: int) -> tuple[Any, Any]:
    """Where each monomial times a variable stands, and the power of the variable there."""
    places, powers = [], []
    for monomial in low.monomials:
        power = monomial[variable] + 1
        places.append(high.position[*monomial[:variable], power, *monomial[variable + 1 :]])
        powers.append(power)
    return np.array(places), np.array(powers)


def derivative_tensor(c: Any, algebra: Algebra, k: int) -> Any:
    """Give all k-th derivatives, shape ``(*value, n, ..., n)``."""
    index, factorials = _tensor_places(algebra, k)
    factors = np.array(factorials, dtype=object if is_exact(c) else float)
    n = len(algebra.monomials[0])
    with with_room(bottom(c), max(factorials, default=1).bit_length()):
        entries = c[index] * as_operand(factors).reshape(-1, *(1,) * (c.ndim - 1))
    tensor = np.reshape(entries, (*(n,) * k, *c.shape[1:]))
    return np.moveaxis(tensor, range(k), range(-k, 0))


@lru_cache(maxsize=64)
def _tensor_places(algebra: Algebra, k: int) -> tuple[Any, list[int]]:
    """Where the monomial of each entry of the k-th derivative stands, and its factorial."""
    n = len(algebra.monomials[0])
    monomials = [tuple(map(i.count, range(n))) for i in product(range(n), repeat=k)]
    return (
        np.array([algebra.position[m] for m in monomials]),
        [math.prod(map(math.factorial, m)) for m in monomials],
    )


def reversion_of_map(f: Any, n: int) -> Any:
    """Give the coefficients of the inverse of a jet of n series in n variables.

    Newton's iteration as in `reversion`.
    """
    c, order = f.c, f.order
    identity = buffer(c, c.shape)
    identity[1 : n + 1] = np.eye(n)
    g = buffer(c, (n + 1, n))
    linear = solve(np.swapaxes(c[1 : n + 1], 0, 1), np.eye(n), _NO_INVERSE + user_line())
    g[1:] = np.swapaxes(linear, 0, 1)
    known = 1
    while known < order:
        known = min(2 * known, order)
        algebra = f.algebra.truncated(known)
        g = _padded(g, algebra.size)
        residual = evaluate_in(c[: algebra.size], f.like(g, algebra), algebra).c
        residual[0] = residual[0] - c[0]
        residual = residual - identity[: algebra.size]
        slopes = [_padded(differentiate_in(g, algebra, i), algebra.size) for i in range(n)]
        for i, slope in enumerate(slopes):
            g = g - algebra.multiply(slope, residual[:, i : i + 1])
    return g


# --- linear systems --------------------------------------------------------------------------


def solve(a: Any, b: Any, singular: str) -> Any:
    """Solve linear systems; ``singular`` says what it means that one has no answer."""
    try:
        x = np.linalg.solve(a, b)
        if is_exact(x) or np.all(np.isfinite(bottom(x))):
            return x
    except (np.linalg.LinAlgError, ArithmeticError):
        pass
    raise SingularityError(singular)
