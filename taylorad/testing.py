"""Checks of rules and of derivatives: the tests of our own table, and for rules of your own.

Nothing here asks how a mode works. Each check compares two ways to the same number: a rule and
mpmath, two modes, a mode and differences, a map and its transpose.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from taylorad.dispatch import Value, bottom
from taylorad.dispatch.containers import flatten
from taylorad.drivers import jvp, vjp
from taylorad.drivers.boundary import as_points, plain
from taylorad.errors import InputError, InputTypeError
from taylorad.extending import custom_derivative
from taylorad.forward.algebra import Algebra, hyperdual, multivariate, univariate
from taylorad.forward.jet import Jet
from taylorad.primitives.registry import (
    Bilinear,
    Constant,
    Elementwise,
    Implicit,
    Linear,
    LocalSeries,
    Primitive,
    lookup,
)

__all__ = ["check_derivatives", "check_primitive"]

DIGITS = 50
"""Digits in which mpmath computes what floats are compared with."""

ROUNDING = 64 * float(np.finfo(float).eps)
"""Relative error in the input that the output is forgiven."""

Point = tuple[Any, ...]


def check_primitive(
    function: Any,
    *,
    order: int = 10,
    points: Sequence[Any] | None = None,
    rtol: float = 1e-12,
    modes: Sequence[str] | None = None,
    **params: Any,
) -> None:
    """Check a rule in every mode.

    Parameters
    ----------
    function : Primitive, custom_derivative or a NumPy or SciPy function with a rule
        What `taylorad.primitive` returned, for instance.
    order : int, default 10
        Highest degree of the Taylor coefficients that are compared.
    points : sequence, optional
        Where to check: arguments, or tuples of arguments where there are several. By default some
        points are drawn from the ``domain`` of the rule: numbers, and arrays that broadcast, for a
        function that acts entry by entry; vectors, or square matrices, for others.
    rtol : float, default 1e-12
        Relative error allowed, in every coefficient. A coefficient that is small by cancellation
        may be off by 64 rounding errors of what it is the sum of: the change that relative changes
        of the arguments by that much would make. Where differences are all there is to compare
        with, their own error is allowed as well.
    modes : sequence of str, optional
        The checks to run, by default all that suit the kind of rule: ``"value"``, ``"constant"``,
        ``"partials"``, ``"reverse"``, ``"second order"``, ``"taylor"``, ``"hyperdual"``,
        ``"multivariate"``, ``"mixed"``, ``"linear"``, ``"bilinear"``, ``"implicit"``.
    **params
        Keyword parameters of the function.

    Raises
    ------
    AssertionError
        Naming the rule, the mode, the point and the numbers that differ.

    See Also
    --------
    check_derivatives : for a function made of others.

    Notes
    -----
    Where the rule names its counterpart in mpmath (``exact=``), values, partials and coefficients
    are compared with mpmath's numerical differentiation in 50 digits; else partials with
    extrapolated central differences and coefficients with nested first derivatives. Hyperdual
    numbers are compared with nested dual ones, series in two variables with series along rays,
    forward-over-reverse with reverse-over-forward, arguments held constant with arguments that
    carry nothing. Linear rules are tried for linearity, coefficient by coefficient, and all for
    ``<g, J v> = <J^T g, v>``.

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> from taylorad.testing import check_primitive
    >>> check_primitive(np.arctan2, order=5)
    >>> square = ta.primitive(lambda x: x * x, partials=lambda y, x: 3 * x, name="square")
    >>> try:
    ...     check_primitive(square)
    ... except AssertionError as error:
    ...     print(str(error).split(":")[0])
    square, partials by argument 0, at 0.60958...
    """
    subject = _Subject(function, params, order, rtol)
    chosen = subject.modes if modes is None else modes
    unknown = set(chosen) - set(_MODES)
    if unknown:
        raise InputError(f"modes are {', '.join(_MODES)}; there is no {', '.join(sorted(unknown))}")
    for point in subject.default_points() if points is None else map(_as_point, points):
        for mode in chosen:
            if mode in subject.modes:
                _MODES[mode](subject, point)


class _Subject:
    """What is being checked: a function, the row behind it, what to compare it with."""

    def __init__(
        self, function: Any, params: dict[str, Any], order: int, rtol: float
    ) -> None:
        row = function.row if isinstance(function, custom_derivative) else function
        if not isinstance(row, Primitive):
            row = lookup(function)
        if row is None:
            raise InputTypeError(f"check_primitive: {function!r} has no rule")
        self.row: Any = row
        self.params, self.order, self.rtol = params, order, rtol
        self.name = getattr(row if isinstance(row, Primitive) else function, "name", None) or getattr(
            function, "__name__", "function"
        )
        self.entrywise = isinstance(row, (Elementwise, LocalSeries)) or (
            isinstance(function, np.ufunc) and function.signature is None
        )
        self.exact = _exact_counterpart(row)

    def __call__(self, *args: Any) -> Any:
        return self.row(*args, **self.params)

    @property
    def modes(self) -> tuple[str, ...]:
        if isinstance(self.row, Constant):
            return ("value", "constant")
        extra = next((m for kind, m in _BY_KIND if isinstance(self.row, kind)), ())
        return (*_ALWAYS, *extra)

    def default_points(self) -> list[Point]:
        """Points drawn from the row's domain."""
        if not isinstance(self.row, Primitive):
            raise InputError(f"{self.name} is made of other rules and states no domain: give points")
        rng = np.random.default_rng(0)
        domain = self.row.domain

        def draw(*shapes: tuple[int, ...]) -> Point:
            return tuple(
                rng.uniform(*interval, shape) for interval, shape in zip(domain, itertools.cycle(shapes))
            )

        if self.entrywise or getattr(self.row, "broadcasts", False):
            return [draw(()) for _ in range(3)] + [draw((2, 1), (3,))]
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
        """Raise unless ``got`` agrees with ``expected`` in every entry."""
        got, expected = (np.asarray(plain(a)) for a in (got, expected))
        got, expected = (a.astype(float) if a.dtype.kind in "biu" else a for a in (got, expected))
        label = f"{self.name}, {mode}, at {', '.join(map(_written, point))}"
        if got.shape != expected.shape:
            raise AssertionError(f"{label}: shape {got.shape}, not {expected.shape}")
        limit = (self.rtol if rtol is None else rtol) * np.abs(expected) + allowed
        off = np.abs(got - expected)
        wrong = ~((off <= limit) | (got == expected) | ((got != got) & (expected != expected)))
        if np.any(wrong):
            place = tuple(int(i) for i in np.argwhere(wrong)[0])
            at = f" in entry {place}" if place else ""
            raise AssertionError(
                f"{label}: {got[place]} where {expected[place]} is expected{at}, off by "
                f"{_written(off[place])} (allowed: {_written(np.broadcast_to(limit, off.shape)[place])})"
            )


def _exact_counterpart(row: Any) -> Callable[..., Any] | None:
    """The function of mpmath numbers, if the row names one."""
    if isinstance(row, LocalSeries) and row.exact_series is not None:
        series = row.exact_series
        return lambda mp, x: series(mp, x, 0)[0]
    rule = getattr(row, "exact", None)
    if isinstance(rule, str):
        return lambda mp, *x: getattr(mp, rule)(*x)
    return rule if isinstance(row, Elementwise) else None


def _as_point(point: Any) -> Point:
    args = point if isinstance(point, tuple) else (point,)
    return tuple(np.asarray(a, np.result_type(a, float)) for a in args)


def _written(x: Any) -> str:
    x = np.asarray(x)
    if x.ndim:
        return np.array2string(x, precision=6, threshold=8).replace("\n", "")
    return repr(x.item()) if x.dtype != object else str(x)


# --- the numbers to compare with -------------------------------------------------------------


def _mp() -> Any:
    import mpmath

    return mpmath.mp


def _entrywise(mp: Any, function: Callable[..., Sequence[Any]], *arrays: Any) -> Any:
    """Apply a function of mpmath numbers, giving a sequence, to the entries of arrays.

    The sequence becomes the first axis.
    """
    arrays = np.broadcast_arrays(*(np.asarray(a).astype(object) for a in arrays))
    columns = []
    for place in np.ndindex(arrays[0].shape):
        columns.append(function(*(mp.mpmathify(a[place]) for a in arrays)))
    out = np.empty((len(columns[0]), len(columns)), object)
    for i, column in enumerate(columns):
        out[:, i] = column
    return out.reshape(-1, *arrays[0].shape)


def _along(subject: _Subject, mp: Any, curve: Sequence[Any], order: int) -> Any:
    """Coefficients of the exact function along a curve, given by its coefficients."""
    f = subject.exact
    assert f is not None
    sizes = np.cumsum([len(c) for c in curve])[:-1]

    def one(*coefficients: Any) -> Any:
        paths = np.split(np.array(coefficients, object), sizes)
        return mp.taylor(lambda t: f(mp, *(_horner(p, t) for p in paths)), 0, order)

    return _entrywise(mp, one, *(part for c in curve for part in c))


def _floats(exact: Any) -> Any:
    return np.asarray(exact, object).astype(float)


def _horner(c: Any, t: Any) -> Any:
    y = c[-1]
    for part in c[-2::-1]:
        y = y * t + part
    return y


def _condition(subject: _Subject, mp: Any, curve: Sequence[Any], exact: Any) -> Any:
    """How far coefficients move with relative changes of those of the curve.

    From ``d y_k / d x_j``, the coefficient of degree k - j of the partial along the curve.
    """
    order = len(exact) - 1
    step = mp.mpf(10) ** (-DIGITS // 2)
    total = np.zeros(exact.shape, object)
    for i, c in enumerate(curve):
        moved = [list(other) for other in curve]
        moved[i][0] = np.asarray(moved[i][0]).astype(object) + step
        partial = np.abs(_along(subject, mp, moved, order) - exact) / step
        for j, part in enumerate(c):
            if j <= order:
                total[j:] += np.abs(np.asarray(part)).astype(object) * partial[: order + 1 - j]
    return _floats(total)


def _difference(g: Callable[[float], Any]) -> tuple[Any, Any]:
    """The derivative of ``g`` at 0 by extrapolated central differences, and its error.

    References
    ----------
    .. [1] C. J. F. Ridders, Accurate computation of F'(x) and F'(x)F''(x), Adv. Eng. Software 4
       (1982).
    """
    steps = [2.0**-k for k in range(5, 13)]
    table: list[Any] = []
    best, error = np.nan, np.inf
    for n, h in enumerate(steps):
        row = [(np.asarray(g(h)) - np.asarray(g(-h))) / (2 * h)]
        for j in range(n):
            row.append(row[j] + (row[j] - table[j]) / (4.0 ** (j + 1) - 1))
            change = np.maximum(np.abs(row[j + 1] - row[j]), np.abs(row[j + 1] - table[j]))
            better = change < error
            best, error = np.where(better, row[j + 1], best), np.where(better, change, error)
        table = row
    return best, error


# --- the modes -------------------------------------------------------------------------------


def _random(point: Point, seed: int = 0) -> Point:
    """Directions shaped like a point."""
    rng = np.random.default_rng(seed)
    return tuple(rng.uniform(0.5, 1.0, np.shape(x)) * rng.choice([-1, 1], np.shape(x)) for x in point)


def _sized(*arrays: Any) -> float:
    """How large the entries are: what sums of them are compared by."""
    return max((float(np.max(np.abs(a))) for a in arrays if np.size(a)), default=0.0)


def _jet(coefficients: Sequence[Any], algebra: Algebra) -> Any:
    """A jet with the given leading coefficients, the others being zero."""
    x = np.asarray(coefficients[0])
    c = np.zeros((algebra.size, *x.shape), np.result_type(x, float))
    for i, part in enumerate(coefficients[: algebra.size]):
        c[i] = part
    return Jet.of(c, algebra)


def _coefficients(y: Any, like: Any, algebra: Algebra) -> Any:
    if isinstance(y, Jet):
        return y.c
    c = np.zeros((algebra.size, *np.shape(like)))
    c[0] = bottom(y)
    return c


def _check_value(subject: _Subject, point: Point) -> None:
    if subject.exact is not None:
        y = subject(*point)
        mp = _mp()
        with mp.workdps(DIGITS):
            exact = _along(subject, mp, [[x] for x in point], 0)
            subject.check("value", point, y, _floats(exact[0]), allowed=_TINY)
    if isinstance(subject.row, Constant):
        return
    y = subject(*point)
    carried = subject(*(_jet([x], univariate(1)) for x in point))
    subject.check("value of a series", point, carried.primal, y, rtol=ROUNDING)


def _check_constant(subject: _Subject, point: Point) -> None:
    y = subject(*(_jet([x, d], univariate(2)) for x, d in zip(point, _random(point))))
    for leaf, expected in zip(flatten(y)[0], flatten(subject(*point))[0], strict=True):
        if isinstance(leaf, Value):
            raise AssertionError(f"{subject.name}, constant: the result carries derivatives")
        subject.check("constant", point, leaf, expected)


def _check_partials(subject: _Subject, point: Point) -> None:
    for i in range(len(point)):
        v = tuple(
            (np.ones if subject.entrywise else np.zeros)(np.shape(x)) if j == i else np.zeros(np.shape(x))
            for j, x in enumerate(point)
        )
        if not subject.entrywise:
            v = tuple(d if j == i else np.zeros(np.shape(d)) for j, d in enumerate(_random(point)))
        _, got = jvp(subject, point, v)
        mode = f"partials by argument {i}"
        if subject.exact is not None:
            mp = _mp()
            with mp.workdps(DIGITS):
                curve = [[x, d] for x, d in zip(point, v)]
                exact = _along(subject, mp, curve, 1)
                allowed = ROUNDING * _condition(subject, mp, curve, exact)[1]
                subject.check(mode, point, got, _floats(exact[1]), allowed + _TINY)
        else:
            expected, error = _difference(lambda t: subject(*(x + t * d for x, d in zip(point, v))))
            allowed = 10 * error + 1e-8 * _sized(expected)
            subject.check(mode, point, got, expected, allowed)


def _check_reverse(subject: _Subject, point: Point) -> None:
    """``<g, J v> = <J^T g, v>``."""
    v = _random(point)
    y, tangent = jvp(subject, point, v)
    value, pullback = vjp(subject, *point)
    subject.check("value in reverse", point, value, y, rtol=ROUNDING)
    (g,) = _random((y,), 1)
    bars = pullback(g)
    for x, bar in zip(point, bars):
        if np.shape(bar) != np.shape(x):
            raise AssertionError(
                f"{subject.name}, reverse: a cotangent of shape {np.shape(bar)} for an argument of "
                f"shape {np.shape(x)}"
            )
    left, right = np.sum(g * tangent), sum(np.sum(b * d) for b, d in zip(bars, v))
    size = np.sum(np.abs(g * tangent)) + sum(np.sum(np.abs(b * d)) for b, d in zip(bars, v))
    subject.check("reverse: <g, J v> and <J^T g, v>", point, right, left, subject.rtol * size)


def _check_second_order(subject: _Subject, point: Point) -> None:
    """Forward-over-reverse against reverse-over-forward."""
    v = _random(point, 2)
    (g,) = _random((subject(*point),), 3)
    _, over_reverse = jvp(lambda *x: vjp(subject, *x)[1](g), point, v)
    over_forward = vjp(lambda *x: jvp(subject, x, v)[1], *point)[1](g)
    for i, (a, b) in enumerate(zip(over_reverse, over_forward)):
        mode = f"forward-over-reverse and reverse-over-forward by argument {i}"
        subject.check(mode, point, a, b, subject.rtol * _sized(a, b))


def _check_taylor(subject: _Subject, point: Point) -> None:
    """Along a line, and along a curve."""
    ones = tuple(np.ones(np.shape(x)) for x in point)
    line = [[x, d] for x, d in zip(point, ones if len(point) == 1 else _random(point, 4))]
    bends = [[0.25 * b for b in _random(point, seed)] for seed in (5, 6)]
    curve = [[x, d, *(bend[i] for bend in bends)] for i, (x, d) in enumerate(line)]
    for mode, path in (("taylor along a line", line), ("taylor along a curve", curve)):
        algebra = univariate(subject.order)
        got = subject(*(_jet(c, algebra) for c in path)).c
        if subject.exact is None:
            _check_by_nesting(subject, mode, point, path, got)
            continue
        mp = _mp()
        with mp.workdps(DIGITS):
            # A local series states its coefficients in closed form; they are checked to a lower
            # order by differentiation, which is slow for what mpmath computes slowly.
            order = min(subject.order, 4) if isinstance(subject.row, LocalSeries) else subject.order
            exact = _along(subject, mp, path, order)
            if isinstance(subject.row, LocalSeries):
                stated = _stated(subject, mp, path)
                low = stated[: order + 1]
                if any(abs(a - b) > 1e-20 * abs(b) + 1e-30 for a, b in zip(low.flat, exact.flat)):
                    raise AssertionError(f"{subject.name}, {mode}: its exact_series is wrong")
                exact = stated
            expected, allowed = _floats(exact), _TINY
            off = np.abs(got - expected)
            if not np.all(off <= subject.rtol * np.abs(expected) + allowed):
                allowed = allowed + ROUNDING * _stable_condition(subject, mp, path, exact)
            subject.check(mode, point, got, expected, allowed)


def _stated(subject: _Subject, mp: Any, path: Sequence[Any]) -> Any:
    """Compose the exact coefficients of a local series with a path."""
    (c,) = path
    size = subject.order + 1

    def composed(x: Any, *rest: Any) -> Any:
        outer = subject.row.exact_series(mp, x, subject.order)
        y = [mp.mpf(0)] * size
        for a in outer[::-1]:
            y = [
                mp.fsum(rest[j - 1] * y[k - j] for j in range(1, min(k, len(rest)) + 1))
                for k in range(size)
            ]
            y[0] += a
        return y

    return _entrywise(mp, composed, *c)


def _stable_condition(subject: _Subject, mp: Any, path: Sequence[Any], exact: Any) -> Any:
    if not isinstance(subject.row, LocalSeries):
        return _condition(subject, mp, path, exact)
    moved = [[np.asarray(path[0][0]) * (1 + 1e-8), *path[0][1:]]]
    return _floats(np.abs(_stated(subject, mp, moved) - exact) / 1e-8)


def _check_by_nesting(
    subject: _Subject, mode: str, point: Point, path: Sequence[Any], got: Any
) -> None:
    """Compare the first coefficients with nested first derivatives."""

    def g(t: Any) -> Any:
        return subject(*(sum(part * t**j for j, part in enumerate(c)) + 0 * t for c in path))

    for k in range(min(subject.order, 3) + 1):
        expected = g(0.0) / math.factorial(k)
        subject.check(f"{mode}, degree {k}", point, got[k], expected, subject.rtol * _sized(got))
        g = _slope(g)


def _slope(g: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda t: jvp(g, (t,), (1.0,))[1]


def _check_hyperdual(subject: _Subject, point: Point) -> None:
    """Hyperdual numbers against dual numbers of dual numbers."""
    u, v, w = (_random(point, seed) for seed in (7, 8, 9))
    algebra = hyperdual(1, 1)
    y = subject(*(_jet(parts, algebra) for parts in zip(point, u, v, w)))
    got = _coefficients(y, subject(*point), algebra)

    def slope(t: Any) -> Any:
        moved = tuple(x + t * b for x, b in zip(point, v))
        return jvp(subject, moved, tuple(a + t * b for a, b in zip(u, w)))[1]

    e1, e12 = jvp(slope, (0.0,), (1.0,))
    _, e2 = jvp(subject, point, v)
    allowed = subject.rtol * _sized(got)
    for name, i, expected in (("e1", 1, e1), ("e2", 2, e2), ("e12", 3, e12)):
        subject.check(f"hyperdual {name} and nested duals", point, got[i], expected, allowed)


def _check_multivariate(subject: _Subject, point: Point) -> None:
    """Series in two variables against series in one along rays."""
    order = min(subject.order, 6)
    u, v = _random(point, 10), _random(point, 11)
    plane = multivariate(2, order)
    y = subject(*(_jet([x, a, b], plane) for x, a, b in zip(point, u, v)))
    c = _coefficients(y, subject(*point), plane)
    ray = univariate(order)
    for s, t in ((1.0, 0.0), (0.75, -0.5), (-0.5, 1.25)):
        line = [_jet([x, s * a + t * b], ray) for x, a, b in zip(point, u, v)]
        expected = subject(*line).c
        powers = np.array([s**i * t**j for i, j in plane.monomials])
        terms = c * powers.reshape(-1, *(1,) * (c.ndim - 1))
        got = np.stack([terms[part].sum(0) for part in plane.grade])
        size = np.stack([np.abs(terms[part]).sum(0) for part in plane.grade])
        mode = f"multivariate along the ray ({s}, {t})"
        subject.check(mode, point, got, expected, (subject.rtol + ROUNDING) * _spread(size))


def _spread(size: Any) -> Any:
    """Let neighbouring degrees vouch for each other: one alone may vanish by symmetry."""
    padded = np.concatenate([size[:1], size, size[-1:]])
    return np.maximum(np.maximum(padded[:-2], padded[2:]), size)


def _check_mixed(subject: _Subject, point: Point) -> None:
    """Arguments held constant against arguments that carry nothing."""
    algebra = univariate(min(subject.order, 4))
    moving = [_jet([x, d], algebra) for x, d in zip(point, _random(point, 12))]
    still = [_jet([x], algebra) for x in point]
    for chosen in itertools.product((True, False), repeat=len(point)):
        if all(chosen) or not any(chosen):
            continue
        got = subject(*(m if yes else x for yes, m, x in zip(chosen, moving, point)))
        full = subject(*(m if yes else s for yes, m, s in zip(chosen, moving, still)))
        names = ", ".join(str(i) for i, yes in enumerate(chosen) if yes)
        mode = f"mixed: argument {names} moving"
        subject.check(mode, point, got.c, full.c, subject.rtol * _sized(full.c))


def _check_linear(subject: _Subject, point: Point) -> None:
    """``f(a x + b y) = a f(x) + b f(y)``; a series goes through part by part."""
    other = _random(point, 13)
    got = subject(*(2.0 * x - 0.5 * d for x, d in zip(point, other)))
    expected = 2.0 * subject(*point) - 0.5 * subject(*other)
    size = _sized(expected)
    subject.check("linearity", point, got, expected, subject.rtol * size)
    parts = [point, *(_random(point, seed) for seed in (13, 14, 15))]
    c = subject(*(_jet(column, univariate(3)) for column in zip(*parts))).c
    each = np.stack([np.asarray(subject(*part)) for part in parts])
    subject.check("linear: part by part", point, c, each, subject.rtol * _sized(each))


def _check_bilinear(subject: _Subject, point: Point) -> None:
    """Linear in each argument; a series of products is the Cauchy product."""
    other = _random(point, 13)
    for i in (0, 1):
        pair = [list(point) for _ in range(3)]
        pair[1][i] = other[i]
        pair[2][i] = 2.0 * point[i] - 0.5 * other[i]
        expected = 2.0 * subject(*pair[0]) - 0.5 * subject(*pair[1])
        size = _sized(expected)
        mode = f"linearity in argument {i}"
        subject.check(mode, point, subject(*pair[2]), expected, subject.rtol * size)
    a, b = ([x, *(_random(point, seed)[i] for seed in (13, 14))] for i, x in enumerate(point))
    c = subject(_jet(a, univariate(2)), _jet(b, univariate(2))).c
    for k in range(3):
        expected = sum(subject(a[j], b[k - j]) for j in range(k + 1))
        mode = f"Cauchy product, degree {k}"
        subject.check(mode, point, c[k], expected, subject.rtol * _sized(expected))


def _check_implicit(subject: _Subject, point: Point) -> None:
    """The equation that the result solves, as series."""
    algebra = univariate(min(subject.order, 4))
    args = [_jet([x, d], algebra) for x, d in zip(point, _random(point, 13))]
    y = subject(*args)
    a_at, b_at = subject.row.roles
    back = subject.row.product(args[a_at], y).c
    b = np.broadcast_to(_aligned(args[b_at].c, back.ndim), back.shape)
    size = subject.rtol * _sized(y.c) * max(1.0, _sized(args[a_at].c))
    subject.check("residual of the equation", point, back, b, 10 * size)


def _aligned(c: Any, ndim: int) -> Any:
    return c.reshape(len(c), *(1,) * (ndim - c.ndim), *c.shape[1:])


_TINY = 2 * float(np.finfo(float).smallest_subnormal)
_MODES: dict[str, Callable[[_Subject, Point], None]] = {
    "value": _check_value,
    "constant": _check_constant,
    "partials": _check_partials,
    "reverse": _check_reverse,
    "second order": _check_second_order,
    "taylor": _check_taylor,
    "hyperdual": _check_hyperdual,
    "multivariate": _check_multivariate,
    "mixed": _check_mixed,
    "linear": _check_linear,
    "bilinear": _check_bilinear,
    "implicit": _check_implicit,
}
_ALWAYS = tuple(m for m in _MODES if m not in ("constant", "linear", "bilinear", "implicit"))
_BY_KIND: tuple[tuple[type[Primitive], tuple[str, ...]], ...] = (
    (Linear, ("linear",)),
    (Bilinear, ("bilinear",)),
    (Implicit, ("implicit",)),
)


# --- functions of users ----------------------------------------------------------------------


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
        forward, forward over reverse, and so on.
    rtol, atol : float
        Error allowed, relative to the largest entry, and absolute; besides the differences' own.

    Raises
    ------
    AssertionError
        Naming the function, the modes, and the numbers that differ.

    Examples
    --------
    >>> import numpy as np
    >>> from taylorad.testing import check_derivatives
    >>> check_derivatives(lambda x, p: p["a"] * np.sin(x) @ x, np.array([0.3, 0.4]), {"a": 2.0})
    """
    unknown = set(modes) - set(_DIRECTIONS)
    if unknown:
        raise InputError(f"modes are forward and reverse; there is no {', '.join(sorted(unknown))}")
    points, rebuild = as_points(args, "args")

    def flat(*leaves: Any) -> tuple[Any, ...]:
        return tuple(flatten(f(*rebuild(leaves)))[0])

    name = getattr(f, "__name__", type(f).__name__)
    _check_recursively(flat, tuple(points), order, tuple(modes), (name,), rtol, atol)


def _check_recursively(
    f: Callable[..., tuple[Any, ...]],
    point: Point,
    order: int,
    modes: tuple[str, ...],
    path: tuple[str, ...],
    rtol: float,
    atol: float,
) -> None:
    v = _random(point, len(path))
    steps = [_difference(lambda t, i=i: f(*(x + t * d for x, d in zip(point, v)))[i])  # type: ignore[misc]
             for i in range(len(f(*point)))]
    for mode in modes if order else ():
        derived, pairs = _DIRECTIONS[mode](f, point, v)
        label = f"{path[0]}, {' over '.join((mode, *path[:0:-1]))}"
        for got, expected, error in pairs(steps):
            size = max(_sized(got), _sized(expected))
            off = np.abs(got - expected)
            limit = atol + rtol * size + 10 * error
            if not np.all(off <= limit):
                raise AssertionError(
                    f"{label}, at {', '.join(map(_written, point))}: {_written(got)} where "
                    f"differences give {_written(expected)} (off by {_sized(off):.2g}, allowed: "
                    f"{_sized(limit):.2g})"
                )
        _check_recursively(derived, point, order - 1, modes, (*path, mode), rtol, atol)


Pairs = Callable[[list[tuple[Any, Any]]], Iterator[tuple[Any, Any, Any]]]


def _forward(
    f: Callable[..., tuple[Any, ...]], point: Point, v: Point
) -> tuple[Callable[..., tuple[Any, ...]], Pairs]:
    def derived(*x: Any) -> tuple[Any, ...]:
        return tuple(jvp(f, x, v)[1])

    def pairs(differences: list[tuple[Any, Any]]) -> Iterator[tuple[Any, Any, Any]]:
        for got, (expected, error) in zip(derived(*point), differences):
            yield got, expected, error

    return derived, pairs


def _reverse(
    f: Callable[..., tuple[Any, ...]], point: Point, v: Point
) -> tuple[Callable[..., tuple[Any, ...]], Pairs]:
    g = _random(tuple(map(np.asarray, f(*point))), 1)

    def derived(*x: Any) -> tuple[Any, ...]:
        return tuple(vjp(f, *x)[1](g))

    def pairs(differences: list[tuple[Any, Any]]) -> Iterator[tuple[Any, Any, Any]]:
        expected = sum(np.sum(w * d) for w, (d, _) in zip(g, differences))
        error = sum(np.sum(np.abs(w) * e) for w, (_, e) in zip(g, differences))
        yield sum(np.sum(b * d) for b, d in zip(derived(*point), v)), expected, error

    return derived, pairs


_DIRECTIONS = {"forward": _forward, "reverse": _reverse}
