"""The checks that suit each kind of row, one function each."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from taylorad.dispatch import Value, bottom
from taylorad.dispatch.containers import flatten
from taylorad.drivers import jvp, vjp
from taylorad.forward.algebra import Algebra, hyperdual, multivariate, univariate
from taylorad.forward.jet import Jet
from taylorad.primitives.registry import (
    Bilinear,
    Constant,
    Implicit,
    Linear,
    LocalSeries,
)
from taylorad.testing.oracles import Point, difference, floats, random_point, size_of
from taylorad.testing.subject import ROUNDING, TINY, Subject

__all__ = ["MODES", "suitable"]


def suitable(row: Any) -> tuple[str, ...]:
    """Names of the checks for a row, by its kind."""
    if isinstance(row, Constant):
        return ("value", "constant")
    extra = next((names for kind, names in _BY_KIND.items() if isinstance(row, kind)), ())
    return (*_ALWAYS, *extra)


def jet(coefficients: Sequence[Any], algebra: Algebra) -> Any:
    """Make a jet of the first coefficients, the others being zero."""
    x = np.asarray(coefficients[0])
    c = np.zeros((algebra.size, *x.shape), np.result_type(x, float))
    for i, part in enumerate(coefficients[: algebra.size]):
        c[i] = part
    return Jet.of(c, algebra)


def coefficients(y: Any, algebra: Algebra) -> Any:
    """Give the coefficients of a result; what carries none is constant."""
    if isinstance(y, Jet):
        return y.c
    c = np.zeros((algebra.size, *np.shape(y)))
    c[0] = bottom(y)
    return c


# --- every kind ------------------------------------------------------------------------------


def _value(subject: Subject, point: Point) -> None:
    if subject.exact is not None:
        still = [[x] for x in point]
        exact = subject.exact.coefficients(still, 0)
        allowed = TINY + ROUNDING * subject.exact.condition(still, exact)[0]
        subject.check("value", point, subject(*point), floats(exact[0]), allowed)
    if isinstance(subject.row, Constant):
        return
    carried = subject(*(jet([x], univariate(1)) for x in point))
    subject.check("value of a series", point, bottom(carried), subject(*point), rtol=ROUNDING)


def _constant(subject: Subject, point: Point) -> None:
    y = subject(*(jet([x, d], univariate(2)) for x, d in zip(point, random_point(point))))
    for leaf, expected in zip(flatten(y)[0], flatten(subject(*point))[0], strict=True):
        if isinstance(leaf, Value):
            raise subject.mistake("constant", point, "the result carries derivatives")
        subject.check("constant", point, leaf, expected)


def _partials(subject: Subject, point: Point) -> None:
    """Forward, by one argument after the other."""
    for i, directions in enumerate(_one_at_a_time(subject, point)):
        mode = f"partials by argument {i}"
        _, got = jvp(subject, point, directions)
        if subject.exact is not None:
            curve = [[x, d] for x, d in zip(point, directions)]
            exact = subject.exact.coefficients(curve, 1)
            allowed = TINY + ROUNDING * subject.exact.condition(curve, exact)[1]
            subject.check(mode, point, got, floats(exact[1]), allowed)
        else:
            expected, error = difference(
                _along(subject, [[x, d] for x, d in zip(point, directions)])
            )
            subject.check(mode, point, got, expected, 10 * error + 1e-8 * size_of(expected))


def _one_at_a_time(subject: Subject, point: Point) -> list[Point]:
    """Directions that move one argument: by 1 entry by entry, else any way."""
    directions = [np.ones(np.shape(x)) for x in point] if subject.entrywise else random_point(point)
    return [
        tuple(d if i == j else np.zeros(np.shape(d)) for j, d in enumerate(directions))
        for i in range(len(point))
    ]


def _along(subject: Subject, curve: Sequence[Sequence[Any]]) -> Callable[[Any], Any]:
    return lambda t: subject(
        *(sum((part * t**j for j, part in enumerate(c[1:], 1)), c[0]) for c in curve)
    )


def _reverse(subject: Subject, point: Point) -> None:
    """``<g, J v> = <J^T g, v>``."""
    v = random_point(point)
    y, tangent = jvp(subject, point, v)
    value, pullback = vjp(subject, *point)
    subject.check("value in reverse", point, value, y, rtol=ROUNDING)
    (g,) = random_point((y,), 1)
    bars = pullback(g)
    for x, bar in zip(point, bars):
        if np.shape(bar) != np.shape(x):
            text = f"a cotangent of shape {np.shape(bar)} for an argument of shape {np.shape(x)}"
            raise subject.mistake("reverse", point, text)
    left, *right = (a * b for a, b in zip((g, *bars), (tangent, *v)))
    size = sum(float(np.sum(abs(terms))) for terms in (left, *right))
    total = sum(np.sum(terms) for terms in right)
    mode = "reverse: <g, J v> and <J^T g, v>"
    subject.check(mode, point, total, np.sum(left), subject.rtol * size + TINY)


def _second_order(subject: Subject, point: Point) -> None:
    v = random_point(point, 2)
    (g,) = random_point((subject(*point),), 3)
    _, over_reverse = jvp(lambda *x: vjp(subject, *x)[1](g), point, v)
    over_forward = vjp(lambda *x: jvp(subject, x, v)[1], *point)[1](g)
    for i, (a, b) in enumerate(zip(over_reverse, over_forward)):
        mode = f"forward-over-reverse and reverse-over-forward by argument {i}"
        subject.check(mode, point, a, b, subject.rtol * size_of(a, b))


def _taylor(subject: Subject, point: Point) -> None:
    """Along a line, and along a curve."""
    ones = tuple(np.ones(np.shape(x)) for x in point)
    line = [[x, d] for x, d in zip(point, ones if len(point) == 1 else random_point(point, 4))]
    size = max(1.0, size_of(*point))  # far out, a curve bends further out
    bends = [(0.25 * (1 / size) ** j, random_point(point, seed)) for j, seed in ((1, 5), (2, 6))]
    curve = [[x, d, *(s * bend[i] for s, bend in bends)] for i, (x, d) in enumerate(line)]
    algebra = univariate(subject.order)
    for mode, path in (("taylor along a line", line), ("taylor along a curve", curve)):
        got = coefficients(subject(*(jet(c, algebra) for c in path)), algebra)
        if subject.exact is None:
            _by_nesting(subject, mode, point, path, got)
            continue
        if isinstance(subject.row, LocalSeries) and np.any(
            subject.exact.disagreement(path) > 1e-20
        ):
            raise subject.mistake(mode, point, "exact_series is not the series of its own value")
        exact = subject.exact.coefficients(path, subject.order)
        expected, allowed = floats(exact), TINY
        if np.any(abs(got - expected) > subject.rtol * abs(expected) + allowed):
            allowed = TINY + ROUNDING * subject.exact.condition(path, exact)
        subject.check(mode, point, got, expected, allowed)


def _by_nesting(
    subject: Subject, mode: str, point: Point, path: Sequence[Sequence[Any]], got: Any
) -> None:
    """Compare the first coefficients with nested first derivatives."""
    g = _along(subject, path)
    for k in range(min(subject.order, 3) + 1):
        expected = g(0.0) / math.factorial(k)
        subject.check(f"{mode}, degree {k}", point, got[k], expected, subject.rtol * size_of(got))
        g = _slope(g)


def _slope(g: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda t: jvp(g, (t,), (1.0,))[1]


def _hyperdual(subject: Subject, point: Point) -> None:
    """Hyperdual numbers against dual numbers of dual numbers."""
    u, v, w = (random_point(point, seed) for seed in (7, 8, 9))
    algebra = hyperdual(1, 1)
    got = coefficients(subject(*(jet(c, algebra) for c in zip(point, u, v, w))), algebra)

    def slope(t: Any) -> Any:
        moved = tuple(x + t * b for x, b in zip(point, v))
        return jvp(subject, moved, tuple(a + t * b for a, b in zip(u, w)))[1]

    e1, e12 = jvp(slope, (0.0,), (1.0,))
    _, e2 = jvp(subject, point, v)
    allowed = subject.rtol * size_of(got)
    for i, expected in enumerate((e1, e2, e12), 1):
        name = ("e1", "e2", "e12")[i - 1]
        subject.check(f"hyperdual {name} and nested duals", point, got[i], expected, allowed)


def _multivariate(subject: Subject, point: Point) -> None:
    """Series in two variables against series in one, along rays."""
    order = min(subject.order, 6)
    u, v = random_point(point, 10), random_point(point, 11)
    plane, ray = multivariate(2, order), univariate(order)
    c = coefficients(subject(*(jet(parts, plane) for parts in zip(point, u, v))), plane)
    for s, t in ((1.0, 0.0), (0.75, -0.5), (-0.5, 1.25)):
        line = (jet([x, s * a + t * b], ray) for x, a, b in zip(point, u, v))
        expected = coefficients(subject(*line), ray)
        powers = np.array([s**i * t**j for i, j in plane.monomials])
        terms = c * powers.reshape(-1, *(1,) * (c.ndim - 1))
        got = np.stack([terms[part].sum(0) for part in plane.grade])
        size = np.stack([abs(terms[part]).sum(0) for part in plane.grade])
        # A degree that vanishes by symmetry, or nearly, is rounded as its neighbours are.
        padded = np.concatenate([size[:1], size, size[-1:]])
        size = np.maximum(np.maximum(padded[:-2], padded[2:]), size)
        mode = f"multivariate along the ray ({s}, {t})"
        subject.check(mode, point, got, expected, (subject.rtol + ROUNDING) * size)


def _mixed(subject: Subject, point: Point) -> None:
    """Arguments held constant against arguments that carry nothing."""
    algebra = univariate(min(subject.order, 4))
    moving = [jet([x, d], algebra) for x, d in zip(point, random_point(point, 12))]
    still = [jet([x], algebra) for x in point]
    for chosen in itertools.product((True, False), repeat=len(point)):
        if all(chosen) or not any(chosen):
            continue
        got = subject(*(m if yes else x for yes, m, x in zip(chosen, moving, point)))
        full = subject(*(m if yes else s for yes, m, s in zip(chosen, moving, still)))
        names = ", ".join(str(i) for i, yes in enumerate(chosen) if yes)
        expected = coefficients(full, algebra)
        allowed = subject.rtol * size_of(expected)
        mode = f"mixed, only argument {names} moving"
        subject.check(mode, point, coefficients(got, algebra), expected, allowed)


# --- one kind --------------------------------------------------------------------------------


def _local_series(subject: Subject, point: Point) -> None:
    """Each derivative against differences of the one before."""
    (x,) = point
    for n in range(subject.order):
        expected, error = difference(lambda t, n=n: subject.row(x + t, n=n))  # type: ignore[misc]
        allowed = 10 * error + 1e-8 * size_of(expected)
        subject.check(f"derivative {n + 1}", point, subject.row(x, n=n + 1), expected, allowed)


def _linear(subject: Subject, point: Point) -> None:
    """``f(a x + b y) = a f(x) + b f(y)``; a series goes through part by part."""
    other = random_point(point, 13)
    got = subject(*(2.0 * x - 0.5 * d for x, d in zip(point, other)))
    expected = 2.0 * subject(*point) - 0.5 * subject(*other)
    subject.check("linearity", point, got, expected, subject.rtol * size_of(expected))
    parts = [point, *(random_point(point, seed) for seed in (13, 14, 15))]
    c = subject(*(jet(column, univariate(3)) for column in zip(*parts))).c
    each = np.stack([np.asarray(subject(*part)) for part in parts])
    subject.check("linear, part by part", point, c, each, subject.rtol * size_of(each))


def _bilinear(subject: Subject, point: Point) -> None:
    """Linear in each argument; a series of products is the Cauchy product."""
    for i, other in enumerate(random_point(point, 13)):
        moved = [(*point[:i], x, *point[i + 1 :]) for x in (other, 2.0 * point[i] - 0.5 * other)]
        expected = 2.0 * subject(*point) - 0.5 * subject(*moved[0])
        mode = f"linearity in argument {i}"
        allowed = subject.rtol * size_of(expected)
        subject.check(mode, point, subject(*moved[1]), expected, allowed)
    a, b = ([x, *(random_point(point, seed)[i] for seed in (13, 14))] for i, x in enumerate(point))
    c = subject(jet(a, univariate(2)), jet(b, univariate(2))).c
    for k in range(3):
        expected = sum(subject(a[j], b[k - j]) for j in range(k + 1))
        mode = f"Cauchy product, degree {k}"
        subject.check(mode, point, c[k], expected, subject.rtol * size_of(expected))


def _implicit(subject: Subject, point: Point) -> None:
    """The equation that the result solves, as series."""
    algebra = univariate(min(subject.order, 4))
    args = [jet([x, d], algebra) for x, d in zip(point, random_point(point, 13))]
    a, b = (args[i] for i in subject.row.roles)
    y = subject(*args)
    got = subject.row.product(a, y).c
    expected = b.c.reshape(len(b.c), *(1,) * (got.ndim - b.c.ndim), *b.c.shape[1:])
    allowed = 10 * subject.rtol * size_of(y.c) * max(1.0, size_of(a.c))
    expected = np.broadcast_to(expected, got.shape)
    subject.check("residual of the equation", point, got, expected, allowed)


MODES: dict[str, Callable[[Subject, Point], None]] = {
    "value": _value,
    "constant": _constant,
    "partials": _partials,
    "reverse": _reverse,
    "second order": _second_order,
    "taylor": _taylor,
    "hyperdual": _hyperdual,
    "multivariate": _multivariate,
    "mixed": _mixed,
    "local series": _local_series,
    "linear": _linear,
    "bilinear": _bilinear,
    "implicit": _implicit,
}
"""The checks, by the names that users choose them by."""

_BY_KIND: dict[type, tuple[str, ...]] = {
    LocalSeries: ("local series",),
    Linear: ("linear",),
    Bilinear: ("bilinear",),
    Implicit: ("implicit",),
}
_ALWAYS = ("value", "partials", "reverse", "second order", "taylor", "hyperdual") + (
    "multivariate",
    "mixed",
)
