"""Second derivatives, and third ones along directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from taylorad.dispatch import fresh_tag
from taylorad.dispatch.exact import plain
from taylorad.dispatch.operands import size_of
from taylorad.drivers.boundary import (
    as_point,
    as_points,
    evaluate,
    scalar_output,
)
from taylorad.drivers.gradients import Argnums, Selected, grad, matching, value_and_grad
from taylorad.drivers.seeds import coefficients_of, duals, seeded, unit_directions
from taylorad.drivers.series import derivative_tensor
from taylorad.drivers.ways import second_derivatives
from taylorad.errors import InputError
from taylorad.forward.algebra import hyperdual, rays
from taylorad.forward.hyperdual import HyperDual
from taylorad.forward.jet import Jet
from taylorad.wengert.tape import Tape

__all__ = ["hessian", "hessian_diagonal", "hvp", "third_order", "value_grad_hessian"]

MEMORY_BOUND = 2**28
"""Bytes that the values of a list may take while all directions are carried at once; beyond it
they are carried in chunks."""


def hessian(
    f: Callable[..., Any], argnums: Argnums = 0, method: str | None = None
) -> Callable[..., Any]:
    """Give the Hessian of a function.

    Parameters
    ----------
    f : callable
        Function in plain NumPy that returns one real number.
    argnums : int or sequence of int, default 0
        The positional arguments to differentiate by; containers as in `grad`.
    method : {"forward-over-reverse", "hyperdual", "taylor"}, optional
        The default sweeps back once over a list whose values carry all directions; the others
        propagate hyperdual numbers or second-order Taylor series forwards. All agree to rounding.

    Returns
    -------
    callable
        ``(*args) -> array`` of shape ``(*x.shape, *x.shape)``; for containers, a container of
        containers, both shaped like the argument.

    Raises
    ------
    taylorad.errors.OutputError
        If ``f`` does not return one real number.

    Notes
    -----
    Directions are carried in chunks where the values of all lines would take more than
    ``taylorad.drivers.hessians.MEMORY_BOUND`` bytes (256 MiB).

    References
    ----------
    .. [1] Griewank and Walther, "Evaluating Derivatives", 2nd ed., SIAM 2008, chapter 5.
    .. [2] Fike and Alonso, "The development of hyper-dual numbers for exact second-derivative
       calculations", AIAA 2011-886.

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> ta.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    if method not in (None, *_METHODS):
        raise InputError(f"method must be one of {', '.join(_METHODS)}, not {method!r}")
    compute = _METHODS[method or "forward-over-reverse"]

    def matrix(*args: Any, **kwargs: Any) -> Any:
        selected = Selected(argnums, args)
        if method is None and (found := _compilable(f, selected, kwargs, [2])):
            return _blocks(found[0], selected)
        h = compute(f, selected, kwargs)[2]
        return _blocks(h, selected)

    return matrix


def value_grad_hessian(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """Give the value, gradient and Hessian of a function, from one sweep.

    Parameters
    ----------
    f : callable
        Function in plain NumPy that returns one real number.
    argnums : int or sequence of int, default 0
        The positional arguments to differentiate by; containers as in `grad`.

    Returns
    -------
    callable
        ``(*args) -> (value, gradient, hessian)``, shaped as `grad` and `hessian` give them.

    See Also
    --------
    hessian : raises the same exceptions.

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> ta.value_grad_hessian(lambda x: np.sum(x**3))(np.array([1.0, 2.0]))
    (np.float64(9.0), array([ 3., 12.]), array([[ 6.,  0.],
           [ 0., 12.]]))
    """

    def triple(*args: Any, **kwargs: Any) -> Any:
        selected = Selected(argnums, args)
        if found := _compilable(f, selected, kwargs, [0, 1, 2]):
            value, flat, h = found
            gradient = [np.reshape(flat[a:b], np.shape(x)) for a, b, x in _spans(selected)]
        else:
            value, gradient, h = _forward_over_reverse(f, selected, kwargs)
        return plain(value), selected.rebuild(map(plain, gradient)), _blocks(h, selected)

    return triple


def _compilable(
    f: Callable[..., Any], selected: Selected, kwargs: dict[str, Any], orders: list[int]
) -> list[Any] | None:
    """Give derivatives as a machine likes them, if it is for a machine that they are traced."""
    call = lambda leaves: selected.call(f, leaves, kwargs)
    return second_derivatives(call, f, selected.points, orders)


def _spans(selected: Selected) -> list[tuple[int, int, Any]]:
    """Give for each point where its entries are among all, laid end to end."""
    edges = np.cumsum([0, *map(size_of, selected.points)]).tolist()
    return list(zip(edges[:-1], edges[1:], selected.points, strict=True))


def _blocks(h: Any, selected: Selected) -> Any:
    """Cut a square matrix into blocks shaped like the arguments."""
    spans = _spans(selected)
    if len(spans) == 1 and len(np.shape(selected.points[0])) == 1:
        return selected.rebuild([selected.rebuild([plain(h)])])
    return selected.rebuild(
        selected.rebuild(
            plain(np.reshape(h[a:b, c:d], np.shape(x) + np.shape(y))) for c, d, y in spans
        )
        for a, b, x in spans
    )


def _forward_over_reverse(
    f: Callable[..., Any], selected: Selected, kwargs: dict[str, Any]
) -> tuple[Any, list[Any], Any]:
    points = selected.points
    n = sum(map(size_of, points))
    chunk = _chunk(f, selected, kwargs, n)
    both = value_and_grad(lambda leaves: selected.call(f, leaves, kwargs))
    columns = []
    for start in range(0, n, chunk):
        directions = unit_directions(points, start, start + chunk)
        jets, tag = duals(points, directions)
        value, gradient = both(jets)
        algebra = jets[0].algebra
        parts = [coefficients_of(g, tag, algebra) for g in gradient]
        flat = [np.reshape(c[1:], (algebra.size - 1, -1)) for c in parts]
        columns.append(flat[0] if len(flat) == 1 else np.concatenate(flat, axis=1))
    h = columns[0] if len(columns) == 1 else np.concatenate(columns)
    return coefficients_of(value, tag, algebra)[0], [c[0] for c in parts], h


def _chunk(f: Callable[..., Any], selected: Selected, kwargs: dict[str, Any], n: int) -> int:
    """How many directions to carry at once within `MEMORY_BOUND`."""
    if n <= 64:
        return n
    tape = Tape()
    scalar_output(selected.call(f, [tape.input(x) for x in selected.points], kwargs), f, tape.tag)
    entries = sum(size_of(record.value) for record in tape.records)
    return max(1, min(n, MEMORY_BOUND // (16 * max(entries, 1))))


def _by_hyperduals(
    f: Callable[..., Any], selected: Selected, kwargs: dict[str, Any]
) -> tuple[Any, list[Any], Any]:
    """Hyperdual numbers with many e_i and all f_j at once: the parts e_i f_j are the Hessian."""
    points = selected.points
    n = sum(map(size_of, points))
    chunk = max(1, min(n, MEMORY_BOUND // (64 * (n + 1) * n)))
    units, rows = unit_directions(points), []
    for start in range(0, n, chunk):
        some = unit_directions(points, start, start + chunk)
        m = len(some[0])
        tag, algebra = fresh_tag(), hyperdual(m, n)
        jets = [
            seeded(HyperDual, x, np.concatenate([e, u]), algebra, tag)
            for x, e, u in zip(points, some, units, strict=True)
        ]
        y = scalar_output(selected.call(f, jets, kwargs), f, tag)
        c = coefficients_of(y, tag, algebra)
        rows.append(np.reshape(c[1 + m + n :], (m, n)))
    return c[0], [c[1 + m : 1 + m + n]], np.concatenate(rows)


def _by_taylor(
    f: Callable[..., Any], selected: Selected, kwargs: dict[str, Any]
) -> tuple[Any, list[Any], Any]:
    """The second-order multivariate series in all arguments laid end to end."""
    points = selected.points
    edges = np.cumsum([0, *map(size_of, points)])

    def flat(v: Any) -> Any:
        leaves: list[Any] = [
            np.reshape(v[a:b], np.shape(x))
            for a, b, x in zip(edges[:-1], edges[1:], points, strict=True)
        ]
        return scalar_output(selected.call(f, leaves, kwargs), f, leaves[0].tag)

    v = np.concatenate([np.reshape(x, -1) for x in points])
    return None, [], derivative_tensor(flat, 2)(v)


_METHODS: dict[str, Callable[..., tuple[Any, list[Any], Any]]] = {
    "forward-over-reverse": _forward_over_reverse,
    "hyperdual": _by_hyperduals,
    "taylor": _by_taylor,
}


def hvp(f: Callable[..., Any]) -> Callable[..., Any]:
    """Give the product of a function's Hessian with a vector.

    Parameters
    ----------
    f : callable
        Function in plain NumPy that returns one real number.

    Returns
    -------
    callable
        ``(x, v, *args) -> product``, where ``v`` and the product are shaped like ``x`` (an array
        or a container); further arguments are passed to ``f``.

    See Also
    --------
    hessian : raises the same exceptions.

    References
    ----------
    .. [1] Pearlmutter, "Fast exact multiplication by the Hessian", Neural Computation 6 (1994).

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> ta.hvp(lambda x: np.sum(x**3))(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    array([ 6., 12.])
    """

    def product(x: Any, v: Any, *args: Any, **kwargs: Any) -> Any:
        points, rebuild = as_points(x)
        directions = matching(v, x, "v")
        jets, tag = duals(points, [np.expand_dims(d, 0) for d in directions])
        gradient = grad(lambda leaves: f(rebuild(leaves), *args, **kwargs))(jets)
        return rebuild(plain(coefficients_of(g, tag, jets[0].algebra)[1]) for g in gradient)

    return product


def hessian_diagonal(f: Callable[..., Any]) -> Callable[..., Any]:
    """Give the diagonal of a function's Hessian, by second-order series along every coordinate.

    Parameters
    ----------
    f : callable
        Function of one array, in plain NumPy, that returns one real number.

    Returns
    -------
    callable
        ``(x, *args) -> array`` shaped like ``x``; further arguments are passed to ``f``.

    See Also
    --------
    hessian : raises the same exceptions.

    Notes
    -----
    All coordinates are carried at once, in the algebra with monomials t_i and t_i**2 only: six
    products for an operation where hyperdual numbers take nine.

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> ta.hessian_diagonal(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([4., 0.])
    """

    def diagonal(x: Any, *args: Any, **kwargs: Any) -> Any:
        x = as_point(x)
        call = lambda leaves: evaluate(f, *leaves, *args, **kwargs)
        found = second_derivatives(call, f, [x], None)
        if found:
            return np.reshape(found[0], np.shape(x))
        n = size_of(x)
        chunk = max(1, min(n, MEMORY_BOUND // (256 * n)))
        pieces = []
        for start in range(0, n, chunk):
            (units,) = unit_directions([x], start, start + chunk)
            tag, algebra = fresh_tag(), rays(len(units), 2)
            jet = seeded(Jet, x, units, algebra, tag)
            y = scalar_output(evaluate(f, jet, *args, **kwargs), f, tag)
            pieces.append(2 * coefficients_of(y, tag, algebra)[1 + len(units) :])
        return plain(np.reshape(np.concatenate(pieces), np.shape(x)))

    return diagonal


def third_order(f: Callable[..., Any]) -> Callable[..., Any]:
    """Give the third derivative of a function applied to two directions.

    Parameters
    ----------
    f : callable
        Function of one array, in plain NumPy, that returns one real number.

    Returns
    -------
    callable
        ``(x, u, v, *args) -> D³f(x)[u, v, ·]``, an array shaped like ``x``.

    See Also
    --------
    hessian : raises the same exceptions.

    References
    ----------
    .. [1] Gower and Gower, "Higher-order reverse automatic differentiation with emphasis on the
       third-order", Mathematical Programming 155 (2016).

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> f = lambda x: x[0] ** 3 * x[1] + x[1] ** 3 * x[2] + x[2] ** 3 * x[0]
    >>> d = np.array([1.0, -1.0, 2.0])
    >>> ta.third_order(f)(np.array([1.0, 2.0, 3.0]), d, d)
    array([ 72., -24., 108.])
    """

    def applied(x: Any, u: Any, v: Any, *args: Any, **kwargs: Any) -> Any:
        x = as_point(x)
        (u,), (v,) = matching(u, x, "u"), matching(v, x, "v")
        tag, algebra = fresh_tag(), hyperdual(1, 1)
        jet = seeded(HyperDual, x, np.stack([u, v]), algebra, tag)
        g = grad(lambda z: f(z, *args, **kwargs))(jet)
        return plain(coefficients_of(g, tag, algebra)[3])

    return applied
