"""The table is the specification: every row, in every mode, against independent numbers.

The tests read the table, so a new row is tested without a test being written. Rows whose calls take
parameters need one example call in ``EXAMPLES``; a test says so if it is missing.
"""

import math
import operator

import mpmath
import numpy as np
import pytest
import scipy.special as sp
from oracles import cauchy

import taylorad as ta
from taylorad.dispatch import Value, bottom
from taylorad.dispatch.containers import flatten
from taylorad.dispatch.exact import Exact
from taylorad.forward.algebra import univariate
from taylorad.forward.jet import Jet
from taylorad.primitives.registry import (
    FUNCTIONS,
    TABLE,
    Constant,
    Elementwise,
    LocalSeries,
    rows,
)
from taylorad.testing import check_derivatives, check_primitive

mp = mpmath.mp
ROWS = [row for row in rows() if row.domain]  # others are not for real numbers
ENTRYWISE = [r for r in ROWS if isinstance(r, (Elementwise, LocalSeries))]
UNARY = [r for r in ENTRYWISE if len(r.domain) == 1]

V = np.array([0.3, 0.8, 0.5, 0.2])
M = np.array([[0.9, 0.2, 0.4], [0.3, 0.7, 0.1], [0.6, 0.5, 0.8]])


def names(row):
    return row.name


def exact_function(row):
    """The row's function of mpmath numbers."""
    if isinstance(row, LocalSeries):
        return lambda x: row.exact_series(mp, x, 0)[0]
    rule = row.exact
    if rule is None:
        return lambda *x: row(*map(Exact, x)).plain()  # a body of arithmetic
    return getattr(mp, rule) if isinstance(rule, str) else lambda *x: rule(mp, *x)


def polynomial(c, t):
    return sum(part * t**k for k, part in enumerate(c))


def series(c, order):
    """A Taylor number with the given leading coefficients."""
    return ta.Taylor([*c, *[0 * c[0]] * (order + 1 - len(c))][: order + 1])


def assert_coefficients(got, exact, rtol=1e-12, condition=0.0):
    """Compare coefficient by coefficient, relative to each one alone."""
    exact = np.array([complex(c) for c in exact])
    off = np.abs(np.asarray(got) - exact)
    limit = rtol * np.abs(exact) + condition + 1e-323
    worst = int(np.argmax(off / limit))
    assert np.all(off <= limit), (
        f"degree {worst}: {got[worst]} where {exact[worst]} is expected, relative error "
        f"{off[worst] / abs(exact[worst]) if exact[worst] else math.inf:.1e}"
    )


# --- every row, every mode -------------------------------------------------------------------

EXAMPLES = {
    "index": [((M,), {"key": (slice(None, None, -2), 1)}), ((V,), {"key": (None, 2, ...)})],
    "scatter": [((V,), {"key": (1, slice(0, 4)), "shape": (3, 5)})],
    "gather": [((M,), {"places": np.array([[8, 0], [0, 3]]), "shape": (3, 3)})],
    "scatter_add": [((V,), {"places": np.array([2, 0, 2, 1]), "shape": (3,)})],
    "assign": [((M, V[:3]), {"key": (1,)}), ((V, V[:2]), {"key": (slice(None, None, 2),)})],
    "reshape": [((M,), {"shape": (9, 1)})],
    "transpose": [((M[None, :2],), {"axes": (2, 0, 1)})],
    "broadcast_to": [((V[None, None],), {"shape": (2, 3, 4)}), ((M[:, :1],), {"shape": (3, 2)})],
    "concatenate": [((M, M[:, :2], V[:3, None]), {"axis": 1})],
    "sum": [((M,), {"axis": (0,)}), ((M,), {"axis": (0, 1)})],
    "assemble": [
        (
            (V[0], V[1]),
            {"sources": np.array([1, 0, 1]), "places": np.array([0, 2, 3]), "shape": (2, 3)},
        )
    ],
    "segment_sum": [((V,), {"starts": np.array([0, 2, 3])})],
    "cumsum": [((M,), {"axis": 1})],
    "where": [((V, M[:, :1]), {"condition": np.arange(12).reshape(3, 4) % 3 == 0})],
    "matmul": [((M, M[:, :2]), {}), ((np.stack([M, M.T]), M[:, :1]), {})],
    "einsum": [((M, M), {"subscripts": "ij,kj->ki"}), ((V, M), {"subscripts": "a,bc->bca"})],
    "convolve": [((V, V[:2]), {})],
    "solve": [((M, M[:, :2]), {}), ((np.stack([M, M.T]), np.stack([M[:, :1]] * 2)), {})],
    "argsort": [((M,), {"axis": 0})],
    "argmax": [((M,), {"axis": 1})],
    "argmin": [((M,), {"axis": 0})],
    "isclose": [((V, V + 1e-12), {})],
    "allclose": [((V, V), {})],
    "array_equal": [((V, V), {})],
    "searchsorted": [((np.sort(V), V), {})],
}


@pytest.mark.parametrize("row", ROWS, ids=names)
def test_row_in_every_mode(row):
    if row.name not in EXAMPLES:
        check_primitive(row, order=20)
        return
    for args, params in EXAMPLES[row.name]:
        check_primitive(row, order=20, points=[args], **params)


CALLS = {
    np.reshape: (M, (-1, 1)),
    np.broadcast_to: (M, (2, 3, 3)),
    np.take_along_axis: (M, np.array([[2], [0], [1]]), 1),
    np.cross: (M, M[::-1]),
    np.roll: (V, 2),
    np.dsplit: (M[None, :, :2], 2),
    np.select: ([V > 0.4, V > 0.25], [V, V * V]),
    np.piecewise: (V, [V > 0.4, V <= 0.4], [np.sin, np.square]),
    np.interp: (V, np.array([0.1, 0.45, 1.0]), M[1]),
    np.quantile: (M, 0.3),
    np.percentile: (V, [20, 65]),
    np.digitize: (V, np.array([0.1, 0.45, 1.0])),
    np.linalg.multi_dot: ([M, M, V[:3]],),
    np.einsum: ("ij,jk,kl->il", M, M, M),
    (np.add, "reduceat"): (V, np.array([0, 2])),
}
# What NumPy lets one call most functions with, tried in turn.
PATTERNS = [(M,), (V,), (M, M * 0.97), (V, V[::-1]), (M, 1), (V, 1), (M, 0, 1)]


def example_call(function):
    body = getattr(*function) if isinstance(function, tuple) else function
    for args in [CALLS[function]] if function in CALLS else PATTERNS:
        try:
            return body, args, body(*args)
        except (TypeError, ValueError, IndexError):
            continue
    pytest.fail(f"{function} needs an example call in CALLS")


def function_name(function):
    return ".".join(getattr(f, "__name__", f) for f in np.atleast_1d(np.array(function, object)))


@pytest.mark.parametrize("function", list(FUNCTIONS), ids=function_name)
def test_function_made_of_rows(function):
    body, args, plain = example_call(function)
    moving = [i for i, a in enumerate(args) if isinstance(a, np.ndarray) and a.dtype == float]
    carried = [ta.Taylor.variable(a, 2) if i in moving else a for i, a in enumerate(args)]
    got, want = flatten(body(*carried))[0], flatten(plain)[0]
    assert len(got) == len(want)
    for g, w in zip(got, want, strict=True):
        if not isinstance(w, (np.ndarray, np.number)):
            assert g == w
        elif function is not np.empty_like:
            np.testing.assert_allclose(np.asarray(bottom(g)), w, rtol=1e-14, strict=np.ndim(w) > 0)
    if not any(isinstance(g, Value) for g in got) or function is np.empty_like:
        return

    def f(*leaves):
        replaced = dict(zip(moving, leaves, strict=True))
        return body(*(replaced.get(i, a) for i, a in enumerate(args)))

    check_derivatives(f, *(args[i] for i in moving), order=2)


UFUNCS = [f for f in FUNCTIONS if isinstance(f, np.ufunc) and f.signature is None]


@pytest.mark.parametrize("function", UFUNCS, ids=function_name)
def test_ufunc_made_of_rows(function):
    points = [(0.4, 0.7), (1.5, -0.3), (V[:, None], M[2] - 0.05)]
    check_primitive(function, order=12, points=[p[: function.nin] for p in points])


# --- the same rows with other numbers, and nested --------------------------------------------


def inner_series(row, number):
    """Coefficients of argument series, in a number type, that no double holds."""
    third = number(1) / 3
    return [
        [
            number(low) + (number(high) - number(low)) * (1 + i) * third,
            1 - i * third,
            third / 2,
            -third / 3,
        ]
        for i, (low, high) in enumerate(row.domain)
    ]


@pytest.mark.parametrize("row", ENTRYWISE, ids=names)
def test_sixty_digits(row):
    with mp.workdps(60):
        c = inner_series(row, mpmath.mpf)
        order = 3 if isinstance(row, LocalSeries) else 8
        got = row(*(series(x, order) for x in c)).coefficients
        f = exact_function(row)
        with mp.workdps(80):
            exact = mp.taylor(lambda t: f(*(polynomial(x, t) for x in c)), 0, order, chop=False)
        assert all(isinstance(x, mpmath.mpf) for x in got)
        for k, (a, b) in enumerate(zip(got, exact, strict=True)):
            # 60 digits of the largest coefficient: single ones may be small by cancellation.
            assert abs(a - b) <= mpmath.mpf(10) ** -57 * max(map(abs, exact)), k


# Rows of real numbers only: NumPy, SciPy or the gamma family's zeta have no complex ones.
REAL_ONLY = {
    *("hypot", "cbrt", "logaddexp", "logaddexp2", "arctan2", "remainder", "fmod"),
    *("logit", "sinc", "psi", "gammaln", "gamma", "x/√(x²+y²)"),
}


@pytest.mark.parametrize("row", ENTRYWISE, ids=names)
def test_complex_numbers(row):
    c = [
        [complex(x[0]) + 0.2j * (1 - i), 0.5 + 0.25j, 0.125j]
        for i, x in enumerate(inner_series(row, float))
    ]
    arguments = [series(x, 12) for x in c]
    if row.name in REAL_ONLY:
        with pytest.raises(TypeError):
            row(*arguments)
        return
    got = row(*arguments).coefficients
    with mp.workdps(50):
        f = exact_function(row)
        exact = mp.taylor(
            lambda t: f(*(polynomial(map(mp.mpmathify, x), t) for x in c)), 0, 12, chop=False
        )
    assert_coefficients(got, exact)


@pytest.mark.parametrize("row", ENTRYWISE, ids=names)
def test_derivatives_of_derivatives(row):
    """Series of series, series of gradients, gradients of series: all are one derivative."""
    x = np.array([0.25 * a + 0.75 * b for a, b in row.domain])
    d = np.array([1.0, -0.5])[: len(x)]

    def f(t):
        return row(*(a + b * t for a, b in zip(x, d, strict=True)))

    direct = ta.derivatives(f, 0.0, 4)
    size = np.max(np.abs(direct))
    ways = {
        "series of series": ta.derivative(ta.derivative(f, 2), 2),
        "first of first of first of first": ta.derivative(
            ta.derivative(ta.derivative(ta.derivative(f)))
        ),
        "gradient of series": ta.grad(ta.derivative(f, 3)),
        "series of gradient": ta.derivative(ta.grad(f), 3),
        "gradient of gradient of series": ta.grad(ta.grad(ta.derivative(f, 2))),
        "series of Hessian": ta.derivative(lambda t: ta.hessian(f)(t), 2),
        "series of hyperdual Hessian": ta.derivative(
            lambda t: ta.hessian(f, method="hyperdual")(t), 2
        ),
    }
    for name, way in ways.items():
        assert way(0.0) == pytest.approx(direct[4], rel=1e-11, abs=1e-13 * size), name


@pytest.mark.parametrize("row", ENTRYWISE, ids=names)
def test_hessian_of_a_sum_three_ways(row):
    rng = np.random.default_rng(7)
    x = np.stack([rng.uniform(*interval, 4) for interval in row.domain])

    def f(x):
        y = row(*x)
        return np.sum((y + y**3) * np.arange(1, 5))

    reference = ta.hessian(f, method="forward-over-reverse")(x)
    for method in ("hyperdual", "taylor"):
        other = ta.hessian(f, method=method)(x)
        np.testing.assert_allclose(other, reference, rtol=1e-12, atol=1e-13 * abs(reference).max())


@pytest.mark.parametrize("row", ENTRYWISE, ids=names)
def test_arrays_are_independent_points(row):
    rng = np.random.default_rng(8)
    points = [rng.uniform(*interval, (3, 2)) for interval in row.domain]
    x = np.stack(points)
    together = ta.taylor(lambda v: row(*v), x, 12).coefficients
    for place in np.ndindex(3, 2):
        alone = ta.taylor(lambda v: row(*v), x[(slice(None), *place)], 12).coefficients
        got = together[(slice(None), *place)]
        size = np.abs(alone) + np.sqrt(np.abs(np.roll(alone, 1) * np.roll(alone, -1)))
        assert np.all(np.abs(got - alone) <= 1e-13 * size), place


# --- compositions ----------------------------------------------------------------------------


def times_sine(np_, x):
    for _ in range(5):
        x = x * np_.sin(x)
    return x


def product_of_factors(np_, x):
    y = 1
    for k in range(1, 31):
        y = y * (x - k / mpmath.mpf(8) if np_ is mp else x - k / 8)
    return y


def newton_root(np_, x):
    y = x
    for _ in range(6):
        y = (y + x / y) / 2
    return y


def continued_fraction(np_, x):
    y = x
    for k in range(8, 0, -1):
        y = x / (k + y)
    return y


COMPOSITIONS = {
    "exp(sin x) sqrt(1+x²)": (lambda np, x: np.exp(np.sin(x)) * np.sqrt(1 + x**2), 0.7),
    "exp x / sqrt(sin³x + cos³x)": (
        lambda np, x: np.exp(x) / np.sqrt(np.sin(x) ** 3 + np.cos(x) ** 3),
        1.5,
    ),
    "five times x sin x": (times_sine, 1.0),
    "5 sin log x": (lambda np, x: 5 * np.sin(np.log(x)), 3.0),
    "thirty factors": (product_of_factors, 2.7),
    "Newton's square root": (newton_root, 2.0),
    "continued fraction": (continued_fraction, 0.8),
    "nested roots": (lambda np, x: np.sqrt(1 + np.sqrt(1 + np.sqrt(x))), 0.6),
    "bell over bump": (lambda np, x: np.exp(-1 / (1 - x * x)) / (1 + np.exp(-x * x)), 0.3),
    "x**x": (lambda np, x: x**x, 1.3),
    "(1+x)**(1/(2+x))": (lambda np, x: (1 + x) ** (1 / (2 + x)), 0.5),
    "sin cos tan": (lambda np, x: np.sin(np.cos(np.tan(x))), 0.4),
    "tanh over polynomial": (lambda np, x: np.tanh(3 * x) / (1 + x + x**4), 0.9),
    "arctan of a quotient": (lambda np, x: np.atan((1 - x) / (1 + x)), 0.25),
    "log cosh": (lambda np, x: np.log(np.cosh(x)), 1.75),
    "exp of exp": (lambda np, x: np.exp(np.exp(x) - 1), 0.1),
    "rational": (lambda np, x: (1 - 2 * x + 3 * x**2) / (1 + x) ** 3, 0.45),
}


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_composition(name):
    f, x = COMPOSITIONS[name]
    got = ta.taylor(lambda x: f(np, x), x, 20).coefficients
    with mp.workdps(50):
        exact = mp.taylor(lambda t: f(mp, t), x, 21, chop=False)
    # What a rounding error in x would do to a coefficient: x (k + 1) c[k + 1]. It matters where a
    # coefficient is small by cancellation, and only there.
    spread = np.array([float(abs(x * (k + 1) * exact[k + 1])) for k in range(21)])
    assert_coefficients(got, exact[:21], condition=64 * np.finfo(float).eps * spread)


def test_special_functions_composed():
    def f(np, x, erf, gamma):
        return erf(x) * np.exp(x * x) + gamma(1 + x) / (1 + np.exp(-x))

    got = ta.taylor(lambda x: f(np, x, sp.erf, sp.gamma), 0.75, 20).coefficients
    exact = cauchy(lambda x: f(mp, x, mp.erf, mp.gamma), mpmath.mpf(0.75), 0.7, 20)
    assert_coefficients(got, exact)


def test_pinned_values():
    def f(x):
        return np.exp(x) / np.sqrt(np.sin(x) ** 3 + np.cos(x) ** 3)

    np.testing.assert_allclose(
        ta.derivatives(f, 1.5, 3),
        [4.49778005394616195025, 4.05342789389862065771, 9.46307368159660335254, 32.1679045136889],
        rtol=1e-13,
    )
    loop = lambda x: times_sine(np, x)
    np.testing.assert_allclose(
        ta.derivatives(loop, 1.0, 1), [0.01753717849708632820, 0.36676042682811699387], rtol=1e-14
    )
    assert ta.grad(lambda x: np.sin(loop(x)))(1.0) == pytest.approx(0.36670402920671642513, 1e-14)
    np.testing.assert_allclose(
        ta.derivatives(lambda x: 5 * np.sin(np.log(x)), 3.0, 2),
        [4.45288520833873530, 0.75805403804434959, -0.74744970249686490],
        rtol=1e-14,
    )
    value, gradient, hessian = ta.value_grad_hessian(
        lambda z: np.log(z[0]) + z[0] * z[1] - np.sin(z[1])
    )(np.array([2.0, 5.0]))
    assert value == pytest.approx(11.65207145522308378, rel=1e-15)
    np.testing.assert_allclose(gradient, [5.5, 1.71633781453677374], rtol=1e-15)
    np.testing.assert_allclose(hessian, [[-0.25, 1], [1, -0.958924274663138]], rtol=1e-14)
    x, d = np.array([1.0, 2.0, 3.0]), np.array([1.0, -1.0, 2.0])
    cubic = lambda v: v[0] ** 3 * v[1] + v[1] ** 3 * v[2] + v[2] ** 3 * v[0]
    np.testing.assert_allclose(ta.third_order(cubic)(x, d, d), [72, -24, 108], rtol=1e-14)


@pytest.mark.parametrize("outer", [ta.derivative, ta.grad])
@pytest.mark.parametrize("inner", [ta.derivative, ta.grad])
def test_no_perturbation_confusion(outer, inner):
    assert outer(lambda x: x * inner(lambda y: x + y)(1.0))(1.0) == 1.0
    assert outer(lambda x: x * inner(lambda y: x * y)(1.0))(4.0) == 8.0


# --- hard points -----------------------------------------------------------------------------

HARD = {
    np.tanh: [20.0, -20.0, 1e-9, 350.0],
    np.log1p: [1e-10, -0.999999, 1e15],
    np.expm1: [1e-12, -40.0, -1e-9],
    np.exp: [700.0, -700.0],
    np.exp2: [1000.0, -1000.0],
    np.log: [1e8, 1.0 + 1e-12, 0.5],
    np.sqrt: [1e10, 1e-3],
    np.cbrt: [-0.3, 1e9, -1e9],
    np.sin: [1e6, 1e-8, 1e15],
    np.cos: [1e6, -1e6],
    np.tan: [1e4, 1.5707],
    np.arctan: [1e8, -1e8, 1e-9, 1e160],
    np.arcsinh: [1e200, -1e200, 1e-9, 1e10],
    np.arcsin: [1 - 1e-10, -1 + 1e-10, 1e-9],
    np.arccos: [1 - 1e-10, -1 + 1e-10],
    np.arccosh: [1 + 1e-10, 1e200],
    np.arctanh: [1 - 1e-12, -1 + 1e-12, 1e-9],
    np.sinh: [700.0, 1e-9],
    np.cosh: [-700.0, 1e-9],
    np.hypot: [(1e200, 1e200), (3e-9, 4e-9), (1e-30, 1.0), (-5.0, 1e-3)],
    np.arctan2: [(1e200, 1e200), (-1e8, 1.0), (1e-9, -1.0), (-1e-9, -1.0)],
    np.logaddexp: [(0.0, 800.0), (700.0, -700.0), (1.0, 1.0), (-1000.0, -1001.0)],
    np.logaddexp2: [(0.0, 900.0), (1.0, 1.0)],
    np.power: [(2.0, 300.0), (1e-3, -3.5), (1.0 + 1e-12, 2.5), (10.0, -0.5)],
    np.sinc: [0.0, 1e-3, -1e-3, 0.5, 1.0, 3.0, 30.0, -30.5],
    sp.expit: [40.0, -40.0, 700.0, -700.0, 1e-9],
    sp.erf: [6.0, -6.0, 1e-9],
    sp.erfc: [-5.0, 6.0],
    sp.gamma: [-2.5, 30.0, -0.001, 1.4616],
    sp.gammaln: [-2.5, 1e5, 2.0001],
    sp.digamma: [-2.5, 1e5, 0.01],
    sp.logit: [1e-10, 1 - 1e-10, 0.5],
    sp.xlogy: [(0.0, 2.0), (1e-200, 3.0)],
}


@pytest.mark.parametrize("function", HARD, ids=function_name)
def test_hard_points(function):
    modes = ("value", "partials", "reverse", "taylor")
    for point in HARD[function]:
        check_primitive(function, order=20, points=[point], modes=modes)


HOMOGENEOUS = {
    "sqrt": (np.sqrt, mp.sqrt),
    "log": (np.log, mp.log),
    "cbrt": (np.cbrt, mp.cbrt),
    "x**-0.5": (lambda x: x**-0.5, lambda x: x ** mpmath.mpf(-0.5)),
    "1/x": (lambda x: 1 / x, lambda x: 1 / x),
    "arcsinh": (np.arcsinh, mp.asinh),
    "arctan": (np.arctan, mp.atan),
}


@pytest.mark.parametrize("x", [1e-300, 1e-30, 1e30, 1e300])
@pytest.mark.parametrize("name", HOMOGENEOUS)
def test_scaled_direction(name, x):
    """Along x + x t coefficients are of one size, however large or small x is."""
    if name in ("arcsinh", "arctan") and x < 1:
        x = 1 / x  # near 0 these are polynomials, in which x**20 underflows
    f, exact = HOMOGENEOUS[name]
    got = ta.taylor(f, x, 20, direction=x).coefficients
    with mp.workdps(50):
        expected = mp.taylor(lambda t: exact(x + x * t), 0, 20, chop=False)
    # mpmath's differences see no further than 50 digits below the value.
    noise = 1e-40 * float(abs(expected[0]))
    assert_coefficients(got, expected, condition=noise)


@pytest.mark.parametrize("x", [1e-200, 1e200])
def test_hypot_neither_overflows_nor_underflows(x):
    got = ta.taylor(lambda t: np.hypot(x * (1 + t), 2 * x * (1 - t)), 0.0, 20).coefficients
    with mp.workdps(50):
        expected = mp.taylor(lambda t: mp.sqrt((1 + t) ** 2 + 4 * (1 - t) ** 2), 0, 20)
    assert_coefficients(got / x, expected)
    one = ta.taylor(lambda t: np.hypot(x * (1 + t), x), 0.0, 20).coefficients
    with mp.workdps(50):
        expected = mp.taylor(lambda t: mp.sqrt((1 + t) ** 2 + 1), 0, 20)
    assert_coefficients(one / x, expected)


# --- high orders -----------------------------------------------------------------------------

# Function, counterpart, point, and the radius of the circle for Cauchy's integral: inside that of
# convergence for those with singularities, large for entire ones, whose coefficients fall so fast.
HIGH = {
    "exp": (np.exp, mp.exp, 0.5, 60),
    "sin": (np.sin, mp.sin, 1.0, 60),
    "cosh": (np.cosh, mp.cosh, 1.0, 60),
    "log": (np.log, mp.log, 0.7, 0.35),
    "sqrt": (np.sqrt, mp.sqrt, 1.3, 0.65),
    "power": (lambda x: x**0.3, lambda x: x ** mpmath.mpf(0.3), 0.9, 0.45),
    "tan": (np.tan, mp.tan, 0.5, 0.5),
    "tanh": (np.tanh, mp.tanh, 0.5, 0.8),
    "arcsin": (np.arcsin, mp.asin, 0.25, 0.35),
    "arctan": (np.arctan, mp.atan, 0.4, 0.5),
    "arccosh": (np.arccosh, mp.acosh, 2.0, 0.5),
    "expit": (sp.expit, lambda x: 1 / (1 + mp.exp(-x)), 0.3, 1.5),
    "sinc": (np.sinc, lambda x: mp.sinc(mp.pi * x), 0.75, 20),
    "exp(sin x) sqrt(1+x²)": (
        lambda x: np.exp(np.sin(x)) * np.sqrt(1 + x**2),
        lambda x: mp.exp(mp.sin(x)) * mp.sqrt(1 + x**2),
        0.7,
        0.6,
    ),
}


def closed_form(name, x, order):
    """Coefficients of functions that mpmath takes too long to integrate on a circle."""
    if name == "gammaln":
        return [mp.loggamma(x), mp.psi(0, x)] + [
            (-1) ** k * mp.zeta(k, x) / k for k in range(2, order + 1)
        ]
    if name == "digamma":
        return [mp.psi(0, x)] + [(-1) ** (k + 1) * mp.zeta(k + 1, x) for k in range(1, order + 1)]
    bell = [2 / mp.sqrt(mp.pi) * mp.exp(-x * x)]  # of erf': g' = -2 x g
    bell.append(-2 * x * bell[0])
    for k in range(1, order):
        bell.append(-2 * (x * bell[k] + bell[k - 1]) / (k + 1))
    return [mp.erf(x)] + [bell[k - 1] / k for k in range(1, order + 1)]


CLOSED = {"gammaln": (sp.gammaln, 2.5), "digamma": (sp.digamma, 2.5), "erf": (sp.erf, 0.5)}


@pytest.mark.parametrize("name", [*HIGH, *CLOSED])
def test_order_200(name):
    if name in HIGH:
        f, exact, x, radius = HIGH[name]
        expected = cauchy(exact, mpmath.mpf(x), radius, 201, digits=60)
    else:
        f, x = CLOSED[name]
        with mp.workdps(200):
            expected = closed_form(name, mpmath.mpf(x), 201)
    got = ta.taylor(f, x, 200).coefficients
    # As for compositions: what rounding x would do.
    spread = np.array([float(abs(x * (k + 1) * expected[k + 1])) for k in range(201)])
    assert_coefficients(got, expected[:201], condition=64 * np.finfo(float).eps * spread)


# --- the checks see mistakes -----------------------------------------------------------------


def test_check_primitive_accepts_rules_of_users():
    bump = ta.primitive(
        lambda x: np.exp(-x * x), partials=lambda y, x: -2 * x * y, domain=((-1.0, 1.0),)
    )
    check_primitive(bump)
    geometric = ta.primitive(
        lambda x: 1 / (1 - x),
        series=lambda x, order: np.stack([(1 - x) ** -(k + 1.0) for k in range(order + 1)]),
        name="geometric",
    )
    check_primitive(geometric)
    matrix = np.arange(6.0).reshape(2, 3)
    linear = ta.primitive(lambda x: matrix @ x, transpose=lambda g, shape: matrix.T @ g, name="A x")
    check_primitive(linear)

    @ta.custom_derivative
    def ratio(x, y):
        return x / y

    @ratio.defpartials
    def _(z, x, y):
        return 1 / y, -z / y

    check_primitive(ratio, points=[(0.5, 2.0), (V[:, None], M[0])])


MISTAKES = {  # made when they are tested: a row that is made is in the table
    "bad, partials by argument 0": lambda: ta.primitive(
        np.cosh.__call__, partials=lambda y, x: 1.001 * np.sinh(x), name="bad"
    ),
    "bad, value": lambda: ta.primitive(
        lambda x: x**2, partials=lambda y, x: 2 * x, exact=lambda mp, x: x**3, name="bad"
    ),
    "bad, reverse": lambda: ta.primitive(
        lambda x: 2 * x, transpose=lambda g, shape: 3 * g, name="bad"
    ),
    "bad, [a-z]": lambda: ta.primitive(lambda x: x * x, transpose=lambda g, shape: g, name="bad"),
    "bad, ": lambda: ta.primitive(
        np.exp.__call__,
        series=lambda x, order: np.stack(
            [np.exp(x) / math.factorial(max(k, 1) - (k == 3)) for k in range(order + 1)]
        ),
        name="bad",
    ),
}


@pytest.mark.parametrize("message", MISTAKES)
def test_check_primitive_sees_mistakes(message):
    row = MISTAKES[message]()
    with pytest.raises(AssertionError, match=message):
        check_primitive(row)


def test_check_primitive_sees_none_where_there_is_none():
    check_primitive(
        ta.primitive(np.floor.__call__, constant=True, exact=lambda mp, x: x, name="good")
    )


def test_check_primitive_refuses_what_it_cannot_check():
    with pytest.raises(TypeError, match="no rule"):
        check_primitive(np.i0)
    with pytest.raises(ValueError, match="points"):
        check_primitive(np.var)
    with pytest.raises(ValueError, match="tailor"):
        check_primitive(np.sin, modes=["tailor"])


def test_check_derivatives_sees_mistakes():
    @ta.custom_derivative
    def wrong_second(x):
        return np.sin(x)

    @ta.custom_derivative
    def cosine(x):
        return np.cos(x)

    wrong_second.defpartials(lambda y, x: cosine(x))
    cosine.defpartials(lambda y, x: np.sin(x))
    check_derivatives(wrong_second, V, order=1)
    for modes in (["forward"], ["reverse"]):
        with pytest.raises(AssertionError, match=f"{modes[0]} over {modes[0]}"):
            check_derivatives(wrong_second, V, modes=modes)
    with pytest.raises(ValueError, match="sideways"):
        check_derivatives(np.sin, 1.0, modes=["sideways"])


def test_check_derivatives_takes_containers():
    def f(p, x):
        return {"a": p["w"] @ x, "b": [np.sum(np.tanh(x)), p["s"] ** 2]}

    check_derivatives(f, {"w": M, "s": 0.5}, V[:3], order=2)


def test_operators_are_the_rows():
    x = ta.Taylor.variable(0.5, 3)
    for operate, function in (
        (operator.add, np.add),
        (operator.mul, np.multiply),
        (operator.truediv, np.divide),
        (operator.pow, np.power),
        (operator.mod, np.remainder),
    ):
        for a, b in ((x, 2.5), (2.5, x), (x, x)):
            np.testing.assert_array_equal(operate(a, b).coefficients, function(a, b).coefficients)
    assert isinstance(operator.floordiv(2.5, x), float)
    assert isinstance(x, Jet)
    assert x.algebra is univariate(3)
    assert isinstance(TABLE[np.floor], Constant)
