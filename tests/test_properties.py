"""Laws that hold for all numbers: of rings, of derivatives, of inverses; and of random programs.

Series of whole numbers and of fractions are added and multiplied without rounding, so the laws of
rings hold to the last bit there. The random programs are made of the functions in the table, each
fed with arguments from its domain; whatever they compute, all modes have to agree on it.
"""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import taylorad as ta
from taylorad.forward.algebra import dual, hyperdual, multivariate, rays, univariate
from taylorad.forward.jet import Jet
from taylorad.primitives.registry import TABLE, Elementwise, LocalSeries, rows

few = settings(derandomize=True, deadline=None, max_examples=12, database=None)
more = settings(few, max_examples=100)

ALGEBRAS = {
    "univariate": univariate(6),
    "univariate of order 0": univariate(0),
    "multivariate": multivariate(3, 3),
    "dual": dual(3),
    "hyperdual": hyperdual(2, 3),
    "rays": rays(3, 4),
}
in_every_algebra = pytest.mark.parametrize("algebra", ALGEBRAS.values(), ids=ALGEBRAS)
SHAPES = [(), (2,), (3, 1), (2, 1, 2), (3, 2)]
WHOLE = st.integers(-9, 9)
UNIT = st.floats(-1, 1).map(lambda x: round(x, 3))


@st.composite
def elements(draw, algebra, entries=WHOLE, first=None, shape=None, kind=float):
    """An element of an algebra whose value has one of the `SHAPES`."""
    shape = draw(st.sampled_from(SHAPES)) if shape is None else shape
    c = draw(hnp.arrays(kind, (algebra.size, *shape), elements=entries, fill=st.nothing()))
    if first is not None:
        c[0] = draw(hnp.arrays(kind, shape, elements=first, fill=st.nothing()))[()]
    return Jet.of(c, algebra)


def drawn(data, algebra, count, **how):
    return [data.draw(elements(algebra, **how)) for _ in range(count)]


def compatible(data, algebra, count, **how):
    """Elements whose shapes broadcast."""
    shapes = data.draw(st.sampled_from([(SHAPES[i], SHAPES[j]) for i, j in PAIRS]))
    return [data.draw(elements(algebra, shape=shapes[i % 2], **how)) for i in range(count)]


PAIRS = [(0, 0), (0, 1), (1, 0), (1, 2), (2, 1), (2, 3), (3, 0), (1, 4), (4, 4), (4, 2)]


def equal(a, b):
    np.testing.assert_array_equal(np.asarray(a.c + 0.0), np.asarray(b.c + 0.0))


def near(a, b, scale=1.0, tolerance=1e-11):
    a, b = (getattr(y, "c", y) for y in (a, b))
    scale = max(float(np.max(np.abs(b), initial=0.0)), scale)
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * scale)


def size(*series):
    """Largest coefficient, which intermediate results are of the order of."""
    return max(float(np.max(np.abs(s.c))) for s in series)


# --- rings -----------------------------------------------------------------------------------


@in_every_algebra
@few
@given(data=st.data())
def test_ring(algebra, data):
    a, b, c = compatible(data, algebra, 3)
    zero, one = a - a, np.ones_like(a)
    assert not zero.c.any()
    equal(a + b, b + a)
    equal((a + b) + c, a + (b + c))
    equal(a * b, b * a)
    equal((a * b) * c, a * (b * c))
    equal(a * (b + c), a * b + a * c)
    equal(a + zero, a)
    equal(a * one, a)
    equal(a * zero, zero)
    equal(-a, -1 * a)
    equal(a - b, a + (-b))
    equal(2 * a, a + a)
    equal(a + 3, a + 3 * one)
    equal(1 - a, one - a)


@in_every_algebra
@few
@given(data=st.data())
def test_powers(algebra, data):
    (a,) = drawn(data, algebra, 1, entries=st.integers(-3, 3))
    product = np.ones_like(a)
    for n in range(6):
        equal(a**n, product)
        equal(a ** float(n), product)
        equal(np.power(a, n), product)
        product = product * a
    equal(a**2, np.square(a))
    equal((a + 1) ** 3, a**3 + 3 * a**2 + 3 * a + 1)


@in_every_algebra
@few
@given(data=st.data())
def test_arrays_of_series_multiply_entry_by_entry(algebra, data):
    """Contractions, sums and products are those of the entries, whatever the algebra."""
    (a,) = drawn(data, algebra, 1, shape=(2, 3), entries=st.integers(-4, 4))
    (b,) = drawn(data, algebra, 1, shape=(3, 2), entries=st.integers(-4, 4))
    product = a @ b
    equal(product, np.einsum("ij,jk->ik", a, b))
    equal(product.T, b.T @ a.T)
    for i, k in np.ndindex(2, 2):
        equal(product[i, k], sum(a[i, j] * b[j, k] for j in range(3)))
    equal(np.sum(a), sum(a[i, j] for i, j in np.ndindex(2, 3)))
    equal(np.prod(a[0]), a[0, 0] * a[0, 1] * a[0, 2])
    equal(np.cumprod(a[0])[2], np.prod(a[0]))
    full = np.convolve(a[0], b[:, 0])
    for k in range(5):
        terms = [a[0, i] * b[k - i, 0] for i in range(3) if 0 <= k - i < 3]
        equal(full[k], sum(terms))
    equal(np.outer(a[0], b[:, 1])[2, 1], a[0, 2] * b[1, 1])


@few
@given(data=st.data())
def test_products_by_their_definition(data):
    """The exponents of a product add up; what exceeds the order is dropped."""
    for algebra in (multivariate(2, 4), multivariate(4, 2), univariate(5)):
        a, b = drawn(data, algebra, 2, shape=())
        expected = dict.fromkeys(algebra.monomials, 0.0)
        for (m, p), (n, q) in itertools.product(
            zip(algebra.monomials, a.c), zip(algebra.monomials, b.c)
        ):
            total = tuple(i + j for i, j in zip(m, n))
            if total in expected:
                expected[total] += p * q
        assert list((a * b).c) == list(expected.values())


FUNCTIONS = {
    "times": lambda a, b: a * b,
    "divided by": lambda a, b: a / (b + 2),
    "exp sin": lambda a, b: np.exp(np.sin(a)) + b,
    "sqrt": lambda a, b: np.sqrt(a + 2) - np.cbrt(b + 2),
    "power": lambda a, b: (a + 2) ** 1.5 * (b + 2) ** -2,
    "power of series": lambda a, b: (a + 2) ** b,
    "tanh arctan2": lambda a, b: np.tanh(a) * np.arctan2(b, a + 2),
    "gamma": lambda a, b: scipy.special.gamma(a + 2) * scipy.special.erf(b),
    "maximum": lambda a, b: np.maximum(a, b) + np.abs(a) * b,
    "solve": lambda a, b: np.linalg.solve(
        np.eye(2) * (a[..., None, None] + 4) + np.outer(b, [1.0, 2.0]).reshape(-1, 2, 1),
        np.stack([a, b], -1)[..., None],
    ),
}
functions = pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
_CUBE, _SQUARE = multivariate(3, 4), multivariate(5, 2)


def monomials(n, *exponents):
    """The monomials in ``n`` variables with the given exponents, of the others 0."""
    return [tuple(e.get(i, 0) for i in range(n)) for e in exponents]


QUOTIENTS = {
    "univariate": (univariate(4), _CUBE, monomials(3, *({0: k} for k in range(5)))),
    "dual": (dual(3), _CUBE, monomials(3, {}, {0: 1}, {1: 1}, {2: 1})),
    "rays": (
        rays(3, 4),
        _CUBE,
        monomials(3, {}, *({i: k} for k in range(1, 5) for i in range(3))),
    ),
    "hyperdual": (
        hyperdual(2, 3),
        _SQUARE,
        monomials(
            5,
            {},
            *({i: 1} for i in range(5)),
            *({i: 1, j: 1} for i in range(2) for j in range(2, 5)),
        ),
    ),
}


@pytest.mark.parametrize(("small", "large", "kept"), QUOTIENTS.values(), ids=QUOTIENTS)
@functions
@settings(few, max_examples=4)
@given(data=st.data())
def test_every_algebra_is_a_quotient_of_polynomials(small, large, kept, f, data):
    """Dropping monomials first, or computing in all of them and dropping then, is the same."""
    a, b = drawn(data, large, 2, entries=UNIT, shape=(2,))
    y = f(a, b)
    kept = [large.position[m] for m in kept]
    near(f(Jet.of(a.c[kept], small), Jet.of(b.c[kept], small)), y.c[kept], size(y))


@functions
@settings(few, max_examples=4)
@given(data=st.data())
def test_truncation_commutes(f, data):
    a, b = (ta.Taylor(s.c) for s in drawn(data, univariate(6), 2, entries=UNIT, shape=(2,)))
    y = f(a, b)
    for order in range(6):
        near(f(a.truncate(order), b.truncate(order)), y.truncate(order))
        near(f(a, b.truncate(order)), y.truncate(order))  # the lower order wins
    p, q = (ta.MultivariateTaylor(s.c, 2) for s in drawn(data, multivariate(2, 4), 2, entries=UNIT))
    if p.shape == q.shape:
        z = f(p, q)
        for order in range(4):
            near(f(p.truncate(order), q.truncate(order)), z.truncate(order))


# --- the rules of differentiation ------------------------------------------------------------


@few
@given(data=st.data())
def test_leibniz(data):
    a, b = (ta.Taylor(s.c) for s in drawn(data, univariate(5), 2, shape=(2,)))
    d = ta.Taylor.differentiate
    equal(d(a * b), d(a) * b + a * d(b))
    equal(d(a + b), d(a) + d(b))
    equal(d(a.integrate(3.0)), a)
    for k in range(6):  # the k-th derivative of a product
        terms = [math.comb(k, j) * a.derivative(j) * b.derivative(k - j) for j in range(k + 1)]
        np.testing.assert_allclose((a * b).derivative(k), sum(terms), rtol=1e-14)
    p, q = (ta.MultivariateTaylor(s.c, 3) for s in drawn(data, multivariate(3, 3), 2, shape=()))
    for i in range(3):
        equal((p * q).differentiate(i), p.differentiate(i) * q + p * q.differentiate(i))
        equal(p.integrate(i, 2.0).differentiate(i), p)
        for j in range(3):
            equal(p.differentiate(i).differentiate(j), p.differentiate(j).differentiate(i))


def without_constant(series):
    return series - series.value


@few
@given(data=st.data())
def test_chain_rule(data):
    small = st.integers(-3, 3)
    f, g, h = (ta.Taylor(s.c) for s in drawn(data, univariate(5), 3, entries=small, shape=()))
    g, h = without_constant(g), without_constant(h)
    equal(f(g)(h), f(g(h)))
    equal(f(g).differentiate(), f.differentiate()(g) * g.differentiate())
    equal((f * g)(h), f(h) * g(h))
    t = ta.Taylor([0.0, 1, 0, 0, 0, 0])
    equal(f(t), f)
    equal(t(g), g)


@few
@given(data=st.data())
def test_chain_rule_in_several_variables(data):
    small = st.integers(-2, 2)
    f, *inner = drawn(data, multivariate(2, 3), 3, entries=small, shape=())
    f, p, q = (ta.MultivariateTaylor(s.c, 2) for s in (f, *inner))
    g = np.stack([without_constant(p), without_constant(q)])
    composed = f(g)
    for i in range(2):
        slopes = [f.differentiate(j)(g) * g[j].differentiate(i) for j in range(2)]
        equal(composed.differentiate(i), sum(slopes))
    t = ta.Taylor([0.0, 1, 2, -1])
    equal(composed([t, t * t]), f([s([t, t * t]) for s in g]))


@pytest.mark.parametrize("f", [np.sin, np.exp, np.arctan, np.tanh, scipy.special.erf, np.sinc])
@few
@given(data=st.data())
def test_functions_of_series_are_compositions(f, data):
    """``f(g)`` is the series of f about ``g(0)``, with ``g - g(0)`` put in: in every algebra."""
    (g,) = drawn(data, univariate(6), 1, entries=UNIT, shape=())
    outer = f(ta.Taylor.variable(g.c[0], 6))
    near(f(ta.Taylor(g.c)), outer(without_constant(ta.Taylor(g.c))))
    (g,) = drawn(data, multivariate(3, 3), 1, entries=UNIT, shape=())
    outer, g = f(ta.Taylor.variable(g.c[0], 3)), ta.MultivariateTaylor(g.c, 3)
    near(f(g), outer(without_constant(g)))


# --- identities ------------------------------------------------------------------------------

POSITIVE = st.floats(0.5, 3).map(lambda x: round(x, 3))
IDENTITIES = {
    "exp log": lambda a, b: (np.exp(np.log(a)), a),
    "log exp": lambda a, b: (np.log(np.exp(a)), a),
    "expm1 log1p": lambda a, b: (np.expm1(np.log1p(a)), a),
    "exp of a sum": lambda a, b: (np.exp(a + b), np.exp(a) * np.exp(b)),
    "log of a product": lambda a, b: (np.log(a * b), np.log(a) + np.log(b)),
    "Pythagoras": lambda a, b: (np.sin(a) ** 2 + np.cos(a) ** 2, np.ones_like(a)),
    "hyperbolic Pythagoras": lambda a, b: (np.cosh(a) ** 2 - np.sinh(a) ** 2, np.ones_like(a)),
    "sin of a sum": lambda a, b: (
        np.sin(a + b),
        np.sin(a) * np.cos(b) + np.cos(a) * np.sin(b),
    ),
    "tan": lambda a, b: (np.tan(a / 4) * np.cos(a / 4), np.sin(a / 4)),
    "tanh": lambda a, b: (np.tanh(a) * np.cosh(a), np.sinh(a)),
    "quotient": lambda a, b: ((a / b) * b, a),
    "reciprocal": lambda a, b: (np.reciprocal(a) * a, np.ones_like(a)),
    "square root": lambda a, b: (np.sqrt(a) ** 2, a),
    "cube root": lambda a, b: (np.cbrt(a) ** 3, a),
    "power of a power": lambda a, b: ((a**1.5) ** (2 / 3), a),
    "powers add": lambda a, b: (a**0.3 * a**1.2, a**1.5),
    "powers of series add": lambda a, b: (a**b * a ** (1 - b), a),
    "power": lambda a, b: (a**b, np.exp(b * np.log(a))),
    "negative power": lambda a, b: (a**-3 * a**3, np.ones_like(a)),
    "hypot": lambda a, b: (np.hypot(a, b) ** 2, a**2 + b**2),
    "arctan2": lambda a, b: (np.tan(np.arctan2(a, b) / 2), a / (np.hypot(a, b) + b)),
    "arcsin": lambda a, b: (np.sin(np.arcsin(a / 8)), a / 8),
    "arccos": lambda a, b: (np.arccos(a / 8) + np.arcsin(a / 8), np.pi / 2 + 0 * a),
    "arctan": lambda a, b: (np.tan(np.arctan(a)), a),
    "arcsinh": lambda a, b: (np.sinh(np.arcsinh(a)), a),
    "arccosh": lambda a, b: (np.cosh(np.arccosh(a + 1)), a + 1),
    "arctanh": lambda a, b: (np.tanh(np.arctanh(a / 8)), a / 8),
    "logaddexp": lambda a, b: (np.exp(np.logaddexp(a, b)), np.exp(a) + np.exp(b)),
    "expit": lambda a, b: (scipy.special.logit(scipy.special.expit(a)), a),
    "gamma": lambda a, b: (scipy.special.gamma(a + 1), a * scipy.special.gamma(a)),
    "gammaln": lambda a, b: (
        scipy.special.gammaln(a + 1),
        np.log(a) + scipy.special.gammaln(a),
    ),
    "digamma": lambda a, b: (scipy.special.digamma(a + 1), 1 / a + scipy.special.digamma(a)),
    "erf": lambda a, b: (scipy.special.erf(a), 1 - scipy.special.erfc(a)),
    "xlogy": lambda a, b: (scipy.special.xlogy(a, b), a * np.log(b)),
    "norm": lambda a, b: (np.linalg.norm(np.stack([a, b])) ** 2, np.sum(a * a + b * b)),
    "maximum and minimum": lambda a, b: (np.maximum(a, b) + np.minimum(a, b), a + b),
}


@in_every_algebra
@pytest.mark.parametrize("identity", IDENTITIES.values(), ids=IDENTITIES)
@settings(few, max_examples=3)
@given(data=st.data())
def test_identities(identity, algebra, data):
    a, b = drawn(data, algebra, 2, entries=UNIT.map(lambda x: x / 4), first=POSITIVE, shape=(2,))
    one, other = identity(a, b)
    near(one, other, 10.0 * size(a, b), 1e-12)


FRACTIONS = st.builds(Fraction, st.integers(-4, 4), st.integers(1, 3))
UNITS = st.sampled_from([Fraction(1), Fraction(-2), Fraction(1, 3)])


@few
@given(data=st.data())
def test_reversion(data):
    """f∘f⁻¹ = f⁻¹∘f = t, exactly in fractions."""
    rest = data.draw(st.lists(FRACTIONS, min_size=4, max_size=4))
    f = ta.Taylor([Fraction(0), data.draw(UNITS), *rest])
    t = [0, 1, 0, 0, 0, 0]
    assert list(f(f.inverse()).coefficients) == t
    assert list(f.inverse()(f).coefficients) == t
    assert list(f.inverse().inverse().coefficients) == list(f.coefficients)


@few
@given(data=st.data())
def test_reversion_of_a_map(data):
    algebra = multivariate(2, 3)
    c = np.empty((algebra.size, 2), object)
    for place in np.ndindex(c.shape):
        c[place] = data.draw(FRACTIONS)
    c[0], c[1], c[2] = Fraction(0), (data.draw(UNITS), Fraction(0)), (Fraction(3), Fraction(-1))
    f = ta.MultivariateTaylor(c, 2)
    t = np.zeros((algebra.size, 2), int)
    t[1, 0] = t[2, 1] = 1
    assert f(f.inverse()).coefficients.tolist() == t.tolist()
    assert f.inverse()(f).coefficients.tolist() == t.tolist()


@in_every_algebra
@few
@given(data=st.data())
def test_linear_systems(algebra, data):
    """A·solve(A, b) = b and A·A⁻¹ = 1."""
    a, b = (
        data.draw(elements(algebra, entries=UNIT, shape=shape)) for shape in ((2, 2), (3, 2, 1))
    )
    a = a + 3 * np.eye(2)
    one = np.zeros_like(a) + np.eye(2)
    near(a @ np.linalg.solve(a, b), b, size(a, b))
    inverse = np.linalg.inv(a)
    near(a @ inverse, one, size(a, inverse))
    near(inverse @ a, one, size(a, inverse))
    near(np.linalg.matrix_power(a, -2) @ a @ a, one, size(a))


@few
@given(data=st.data())
def test_linear_systems_in_fractions(data):
    c = np.array(data.draw(st.lists(FRACTIONS, min_size=16, max_size=16)), object)
    a = ta.Taylor(c[:12].reshape(3, 2, 2)) + 9 * np.eye(2)
    b = ta.Taylor(np.array([c[:2], c[7:9], c[14:]], object))
    assert (a @ np.linalg.solve(a, b)).coefficients.tolist() == b.coefficients.tolist()


# --- gradients and Hessians ------------------------------------------------------------------

HOMOGENEOUS = {
    "norm": (np.linalg.norm, 1),
    "3-norm": (lambda x: np.linalg.norm(x, 3), 1),
    "geometric mean": (lambda x: np.prod(x) ** (1 / len(x)), 1),
    "product": (np.prod, 4),
    "quotient": (lambda x: np.sum(x**3) / np.mean(x), 2),
    "largest": (lambda x: np.max(x) * np.sort(x)[1], 2),
    "quadratic": (lambda x: x @ np.outer(np.arange(4.0), np.ones(4)) @ x, 2),
    "roots": (lambda x: np.sum(np.sqrt(np.outer(x, x[::-1]))), 1),
    "angle": (lambda x: np.arctan2(x[0], x[1]) + np.log(x[2] / x[3]), 0),
    "entropy": (lambda x: np.sum(scipy.special.xlogy(x, x / np.sum(x))), 1),
    "solution": (lambda x: np.sum(np.linalg.solve(np.diag(x) + np.outer(x, x) / np.sum(x), x)), 0),
    "deviation": (lambda x: np.std(x) * np.var(x), 3),
}


@pytest.mark.parametrize(("f", "degree"), HOMOGENEOUS.values(), ids=HOMOGENEOUS)
@few
@given(data=st.data())
def test_euler(f, degree, data):
    """x·∇f = d f, H x = (d-1) ∇f, and D³f(x, x, ·) = (d-1)(d-2) ∇f."""
    seed = data.draw(st.integers(0, 10**6))
    x = np.random.default_rng(seed).uniform(0.5, 2, 4)
    value, gradient, hessian = ta.value_grad_hessian(f)(x)
    scale = 10 * max(abs(value), np.max(np.abs(gradient)), np.max(np.abs(hessian)))
    near(x @ gradient, degree * value, scale)
    near(hessian @ x, (degree - 1) * gradient, scale)
    near(ta.third_order(f)(x, x, x), (degree - 1) * (degree - 2) * gradient, 10 * scale)
    scaled = ta.taylor(lambda t: f(t * x), 1.0, 5).coefficients
    falling = [math.prod(degree - i for i in range(k)) / math.factorial(k) for k in range(6)]
    near(scaled, value * np.array(falling), 10 * scale)


# --- random programs -------------------------------------------------------------------------

rows()  # those of scipy.special, too
N = 5


def into(interval, x):
    """Bring any numbers smoothly into an interval."""
    low, high = interval
    return (low + high) / 2 + 0.49 * (high - low) * np.sin(x)


def entrywise(function, domain):
    if len(domain) == 1:
        return lambda x, y: function(into(domain[0], x + y))
    return lambda x, y: function(into(domain[0], x), into(domain[1], y))


def assigned(x, y):
    out = np.zeros_like(x)
    out[1:] = x[:-1] * y[1:]
    out[[0, 2]] += y[[2, 4]]
    out[::2] *= 0.5
    tail = out[3:]
    tail += np.sin(x[0])
    return out


def looped(x, y):
    total, terms = 0.1, []
    for a, b in zip(x, y):
        total = total * np.cos(a) + b if a > b else total - a * b / 2
        terms.append(total)
    return np.stack(terms)


STEPS = {
    **{
        function.__name__: entrywise(function, row.domain)
        for function, row in TABLE.items()
        if isinstance(row, (Elementwise, LocalSeries)) and isinstance(function, np.ufunc)
    },
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - 2 * y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / (1 + y * y),
    "whole powers": lambda x, y: (x / 3) ** 3 - np.power(y / 2, [2, 0, 1, 4, 3]),
    "negative": lambda x, y: -x,
    "absolute": lambda x, y: np.abs(x) + y,
    "maximum": lambda x, y: np.maximum(x, y) - np.minimum(x, 0.3),
    "where": lambda x, y: np.where(x > y, x, y * y),
    "clip": lambda x, y: np.clip(x, -0.7, 0.9) + y,
    "sort": lambda x, y: np.sort(x) + y,
    "largest": lambda x, y: np.max(x) * y,
    "flip": lambda x, y: x[::-1] + y[[0, 0, 3, 1, 2]],
    "roll": lambda x, y: np.roll(x, 2) * y,
    "cumsum": lambda x, y: np.cumsum(x) / 3 - y,
    "cumprod": lambda x, y: np.cumprod(np.cos(x)) + y,
    "diff": lambda x, y: np.diff(x, append=y[:1]),
    "concatenate": lambda x, y: np.concatenate([x[:2], y[1:4]]),
    "pad": lambda x, y: np.pad(x[1:-1], 1, mode="edge") * y,
    "mean": lambda x, y: x - np.mean(y) / 2,
    "norm": lambda x, y: y / np.linalg.norm(1 + x * x),
    "outer": lambda x, y: np.outer(x, y).sum(axis=0) / 3,
    "matmul": lambda x, y: np.tril(np.outer(x, y)) @ np.cos(y),
    "einsum": lambda x, y: np.einsum("i,j,ij->j", x, y, np.eye(N) + 0.2),
    "convolve": lambda x, y: np.convolve(x, y[:3], "same") / 2,
    "solve": lambda x, y: np.linalg.solve(4 * np.eye(N) + np.outer(np.sin(x), np.cos(y)), y),
    "reshape": lambda x, y: np.reshape(np.stack([x, y]), (N, 2)).T.ravel()[::2],
    "assigned": assigned,
    "looped": looped,
}
PROGRAMS = st.lists(
    st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 9), st.integers(0, 9)),
    min_size=2,
    max_size=6,
)


def program(steps):
    """Each step takes two results of earlier ones, counted back from the last."""

    def run(x):
        results = [x]
        for name, i, j in steps:
            x, y = (results[-1 - back % len(results)] for back in (i, j))
            results.append(STEPS[name](x, y))
        return results[-1] + np.tanh(results[len(steps) // 2])

    return run


@pytest.mark.parametrize("name", STEPS)
def test_one_step(name):
    agree_on(program([(name, 0, 0)]), 0)
    agree_on(program([("sin", 0, 0), (name, 1, 0), ("multiply", 0, 1)]), 1)


@more
@given(steps=PROGRAMS, seed=st.integers(0, 10**6))
def test_random_programs(steps, seed):
    agree_on(program(steps), seed)


def agree_on(vector, seed):
    """Value, and every way to every derivative up to the third."""
    random = np.random.default_rng(seed)
    x, v, weights = random.uniform(-1.5, 1.5, N), *random.uniform(-1, 1, (2, N))
    scalar = lambda x: weights @ vector(x)
    value, gradient = ta.value_and_grad(scalar)(x)
    near(value, scalar(x), 1.0, 1e-13)

    jacobian = ta.jacobian(vector)(x)
    near(weights @ jacobian, gradient, size_of(jacobian))
    y, tangent = ta.jvp(vector, (x,), (v,))
    y_again, pullback = ta.vjp(vector, x)
    near(y, vector(x), 1.0, 1e-13)
    near(y_again, y, 1.0, 1e-13)
    near(tangent, jacobian @ v, size_of(jacobian))
    near(weights @ tangent, pullback(weights)[0] @ v, size_of(jacobian))

    hessian = ta.hessian(scalar)(x)
    scale = max(1.0, size_of(hessian), size_of(gradient))
    near(hessian, hessian.T, scale)
    for method in ("hyperdual", "taylor"):
        near(ta.hessian(scalar, method=method)(x), hessian, scale)
    near(ta.hessian_diagonal(scalar)(x), np.diag(hessian), scale)
    near(ta.hvp(scalar)(x, v), hessian @ v, scale)
    near(ta.jacobian(ta.grad(scalar))(x), hessian, scale)
    near(ta.derivative_tensor(scalar, 2)(x), hessian, scale)

    series = ta.taylor(scalar, x, 3, v).coefficients
    along = lambda t: scalar(x + t * v)
    nested = ta.derivative(ta.derivative(ta.derivative(along)))(0.0)
    scale = max(scale, abs(nested))
    near(series, [value, gradient @ v, v @ hessian @ v / 2, nested / 6], scale)
    near(ta.third_order(scalar)(x, v, v) @ v, nested, scale)


def size_of(a):
    return float(np.max(np.abs(a)))
