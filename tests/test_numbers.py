"""Exact numbers: fractions, whole numbers and mpmath to any number of digits, in every mode.

The same rows, recurrences and drivers as for floats; nothing passes through a double.
"""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import scipy.special as sp

import taylorad as ta
from taylorad.errors import InputTypeError, NotAnalyticError, OutputError

mp = mpmath.mp
F = Fraction


def fractions(*values):
    return np.array([F(v) for v in values], object)


def unequal(*shape):
    """Different fractions, none of which a double holds."""
    n = math.prod(shape)
    return np.array([F(k * k % 17 * 10 + k, 107) for k in range(1, n + 1)], object).reshape(shape)


def assert_digits(got, exact, digits, size=0):
    """Compare numbers relative to the largest of them, or to ``size``."""
    got, exact = np.atleast_1d(got), np.atleast_1d(exact)
    assert got.shape == exact.shape
    assert all(isinstance(x, (mpmath.mpf, mpmath.mpc)) or x == 0 for x in got.flat)
    limit = mpmath.mpf(10) ** -digits * max(size, *map(abs, exact.flat))
    for a, b in zip(got.flat, exact.flat, strict=True):
        assert abs(a - b) <= limit, (a, b)


# --- many digits -----------------------------------------------------------------------------

FIVE_HUNDRED = {
    "exp": (np.exp, lambda x, k: mp.exp(x) / mp.factorial(k)),
    "sin": (np.sin, lambda x, k: mp.sin(x + k * mp.pi / 2) / mp.factorial(k)),
    "log": (
        np.log,
        lambda x, k: mp.log(x) if k == 0 else (-1) ** (k + 1) / (k * x**k),
    ),
    "sqrt": (np.sqrt, lambda x, k: mp.binomial(mp.mpf(1) / 2, k) * x ** (mp.mpf(1) / 2 - k)),
    "arctan": (
        np.arctan,
        lambda x, k: (
            mp.atan(x) if k == 0 else mp.im((-1) ** (k + 1) / (k * (x - mp.j) ** k))
        ),
    ),
    "x exp x": (lambda x: x * np.exp(x), lambda x, k: mp.exp(x) * (x + k) / mp.factorial(k)),
    "1/(1 - x)": (lambda x: 1 / (1 - x), lambda x, k: 1 / (1 - x) ** (k + 1)),
}  # fmt: skip


@pytest.mark.parametrize("name", FIVE_HUNDRED)
def test_five_hundred_digits(name):
    f, exact = FIVE_HUNDRED[name]
    with mp.workdps(500):
        x = mpmath.mpf(1) / 3
        got = ta.taylor(f, x, 100).coefficients
        with mp.workdps(560):
            expected = [exact(x, k) for k in range(101)]
        for k, (a, b) in enumerate(zip(got, expected, strict=True)):
            assert isinstance(a, mpmath.mpf)
            assert abs(a - b) <= mpmath.mpf(10) ** -490 * abs(b), k


COMPOSED = {
    "exp(sin x) sqrt(1+x²)": lambda np, x: np.exp(np.sin(x)) * np.sqrt(1 + x**2),
    "tanh x log(2+x)": lambda np, x: np.tanh(x) * np.log(2 + x),
    "(1+x)**x": lambda np, x: (1 + x) ** x,
    "x**-3.5": lambda np, x: x**-3.5,
    "rational": lambda np, x: (x - 2) ** 3 / (x * x + 1) ** 2,
}


@pytest.mark.parametrize("name", COMPOSED)
def test_compositions_to_sixty_digits(name):
    f = COMPOSED[name]
    with mp.workdps(60):
        x = mpmath.mpf(1) / 3
        got = ta.taylor(lambda x: f(np, x), x, 12).coefficients
        with mp.workdps(80):
            exact = mp.taylor(lambda x: f(mp, x), x, 12)
        assert_digits(got, exact, 57)


CONSTANTS = {
    "log2": (np.log2, lambda x: mp.log(x, 2)),
    "log10": (np.log10, mp.log10),
    "exp2": (np.exp2, lambda x: mpmath.mpf(2) ** x),
    "deg2rad": (lambda x: np.sin(np.deg2rad(x)), lambda x: mp.sin(x * mp.pi / 180)),
    "rad2deg": (np.rad2deg, lambda x: x * 180 / mp.pi),
    "degrees": (np.degrees, lambda x: x * 180 / mp.pi),
    "logaddexp2": (
        lambda x: np.logaddexp2(x, 2 * x),
        lambda x: mp.log(mpmath.mpf(2) ** x + mpmath.mpf(2) ** (2 * x), 2),
    ),
    "erf": (sp.erf, mp.erf),
    "erfc": (sp.erfc, mp.erfc),
    "sinc": (np.sinc, lambda x: mp.sinpi(x) / (mp.pi * x)),
    "cbrt": (np.cbrt, mp.cbrt),
    "gamma": (sp.gamma, mp.gamma),
    "expit": (sp.expit, lambda x: 1 / (1 + mp.exp(-x))),
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_constants_of_rules_have_all_digits(name):
    """ln 2, π/180, 2/√π: a double among them would show in the seventeenth digit."""
    f, exact = CONSTANTS[name]
    with mp.workdps(60):
        x = mpmath.mpf(1) / 3
        got = ta.derivatives(f, x, 4)
        with mp.workdps(80):
            expected = [mp.diff(exact, x, k) for k in range(5)]
        assert_digits(got, expected, 56)
        assert_digits(ta.grad(f)(x), expected[1], 57)
        assert_digits(ta.hessian(f)(x), expected[2], 56, size=1)


def test_precision_is_that_of_the_moment():
    x = mpmath.mpf(2)
    with mp.workdps(100):
        long = ta.derivative(np.log, 3)(x * 1)
        assert abs(ta.derivative(np.sqrt, 1)(x) - 1 / (2 * mp.sqrt(2))) < mpmath.mpf(10) ** -99
    assert abs(long - mpmath.mpf(1) / 4) < mpmath.mpf(10) ** -15


@pytest.mark.parametrize("point", [0.5, mpmath.mpf(0.5)])
@pytest.mark.parametrize("derivative", [ta.derivative, ta.grad])
def test_parts_of_complex_numbers_are_refused(point, derivative):
    parts = [
        *(lambda z: z.real, lambda z: z.imag, lambda z: z.conj()),
        *(np.real, np.imag, np.conj, np.abs),
    ]
    for part in parts:
        with pytest.raises(NotAnalyticError):
            derivative(lambda x, part=part: part(np.exp(1j * x)))(point)
        expected = {np.imag: 0, parts[1]: 0}.get(part, 1)
        assert derivative(lambda x, part=part: part(x))(point) == expected
    with pytest.raises(OutputError, match="complex"):
        ta.grad(lambda x: np.exp(1j * x))(point)


def test_complex_mpmath_numbers():
    with mp.workdps(50):
        z = mpmath.mpc(1, 2) / 3
        got = ta.taylor(lambda x: np.exp(x) / (1 + x * x) * np.tanh(x), z, 10).coefficients
        exact = mp.taylor(lambda x: mp.exp(x) / (1 + x * x) * mp.tanh(x), z, 10)
        assert_digits(got, exact, 46)
        assert_digits(
            ta.derivatives(lambda x: np.arcsinh(x) + sp.gamma(x) * np.sinc(x), z, 3),
            [
                mp.diff(lambda x: mp.asinh(x) + mp.gamma(x) * mp.sinpi(x) / (mp.pi * x), z, k)
                for k in range(4)
            ],
            46,
        )


# --- rational series -------------------------------------------------------------------------


def rational(f, x, order):
    got = ta.taylor(f, x, order).coefficients
    assert all(isinstance(c, (Fraction, int)) for c in got)
    return list(got)


def test_fibonacci_numbers():
    fibonacci = [0, 1]
    for _ in range(99):
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    assert rational(lambda x: x / (1 - x - x**2), F(0), 100) == fibonacci


def test_bernoulli_numbers_in_fractions():
    got = rational(lambda x: x / (np.exp(x) - 1), F(0), 20)
    expected = [F(*map(int, mpmath.bernfrac(k))) / math.factorial(k) for k in range(21)]
    assert got == expected
    assert rational(lambda x: x / np.expm1(x), F(0), 20) == expected


def test_catalan_numbers():
    got = rational(lambda x: (1 - np.sqrt(1 - 4 * x)) / (2 * x), F(0), 30)
    assert got == [math.comb(2 * k, k) // (k + 1) for k in range(31)]


def test_central_binomials():
    got = rational(lambda x: 1 / np.sqrt(1 - 4 * x), F(0), 30)
    assert got == [math.comb(2 * k, k) for k in range(31)]


def test_bell_numbers():
    got = rational(lambda x: np.exp(np.exp(x) - 1), F(0), 15)
    bell = [1]
    for n in range(15):
        bell.append(sum(math.comb(n, k) * bell[k] for k in range(n + 1)))
    assert got == [F(b, math.factorial(k)) for k, b in enumerate(bell)]


def test_tree_function_by_reversion():
    x = ta.Taylor.variable(F(0), 12)
    w = (x * np.exp(x)).inverse()
    expected = [F(0)] + [F((-k) ** (k - 1), math.factorial(k)) for k in range(1, 13)]
    assert list(w.coefficients) == expected


ELEMENTARY = {
    "sin": (np.sin, lambda k: (0, 1, 0, -1)[k % 4] * F(1, math.factorial(k))),
    "cos": (np.cos, lambda k: (1, 0, -1, 0)[k % 4] * F(1, math.factorial(k))),
    "sinh": (np.sinh, lambda k: k % 2 * F(1, math.factorial(k))),
    "cosh": (np.cosh, lambda k: (k + 1) % 2 * F(1, math.factorial(k))),
    "log1p": (np.log1p, lambda k: F((-1) ** (k + 1), k) if k else F(0)),
    "arctan": (np.arctan, lambda k: (0, 1, 0, -1)[k % 4] * F(1, max(k, 1))),
    "arctanh": (np.arctanh, lambda k: k % 2 * F(1, max(k, 1))),
    "arcsin": (
        np.arcsin,
        lambda k: k % 2 * F(math.comb(k - 1, (k - 1) // 2), 4 ** ((k - 1) // 2) * k) if k else F(0),
    ),
    "arcsinh": (
        np.arcsinh,
        lambda k: (
            k % 2 * (-1) ** ((k - 1) // 2)
            * F(math.comb(k - 1, (k - 1) // 2), 4 ** ((k - 1) // 2) * k) if k else F(0)
        ),
    ),
    "expm1": (np.expm1, lambda k: F(int(k > 0), math.factorial(k))),
}  # fmt: skip


@pytest.mark.parametrize("name", ELEMENTARY)
def test_elementary_functions_have_rational_series_at_zero(name):
    f, exact = ELEMENTARY[name]
    assert rational(f, F(0), 15) == [exact(k) for k in range(16)]


def test_tangent_and_tanh_numbers():
    tan = rational(np.tan, F(0), 9)
    assert tan == [0, 1, 0, F(1, 3), 0, F(2, 15), 0, F(17, 315), 0, F(62, 2835)]
    tanh = rational(np.tanh, F(0), 9)
    assert tanh == [0, 1, 0, -F(1, 3), 0, F(2, 15), 0, -F(17, 315), 0, F(62, 2835)]
    assert rational(sp.expit, F(0), 3) == [F(1, 2), F(1, 4), 0, -F(1, 48)]


def test_logarithm_at_one_and_roots_of_squares():
    assert rational(np.log, F(1), 6) == [0, 1, -F(1, 2), F(1, 3), -F(1, 4), F(1, 5), -F(1, 6)]
    got = rational(np.sqrt, F(4, 9), 3)
    assert got == [F(2, 3), F(3, 4), -F(27, 64), F(243, 512)]


def test_whole_numbers():
    x = np.array([1, 2, 3], object)
    assert list(ta.grad(lambda x: np.sum(x**3 / 3))(x)) == [1, 4, 9]
    hessian = ta.hessian(lambda x: x[0] * x[1] * x[2])(x)
    assert hessian.tolist() == [[0, 3, 2], [3, 0, 1], [2, 1, 0]]
    big = np.array([10**40 + 1], object)
    assert ta.grad(lambda x: x[0] ** 3)(big)[0] == 3 * (10**40 + 1) ** 2
    with pytest.raises(TypeError):
        ta.grad(np.sum)(np.array([1, 2, 3]))
    with pytest.raises(TypeError, match=r"mpmath\.mpf"):
        ta.grad(lambda x: x**2)(2**53 + 1)


# --- gradients, Hessians, products -----------------------------------------------------------


def cubic(x):
    return x[0] ** 3 * x[1] / x[2] + x[1] * x[2] ** 2 - 7 * x[0]


CUBIC_POINT = fractions("1/3", "2/5", "-3/7")


def cubic_derivatives():
    a, b, c = CUBIC_POINT
    gradient = [3 * a**2 * b / c - 7, a**3 / c + c**2, -(a**3) * b / c**2 + 2 * b * c]
    hessian = [
        [6 * a * b / c, 3 * a**2 / c, -3 * a**2 * b / c**2],
        [3 * a**2 / c, F(0), -(a**3) / c**2 + 2 * c],
        [-3 * a**2 * b / c**2, -(a**3) / c**2 + 2 * c, 2 * a**3 * b / c**3 + 2 * b],
    ]
    return gradient, hessian


def test_gradient_and_hessian_in_fractions():
    gradient, hessian = cubic_derivatives()
    x = CUBIC_POINT
    assert ta.grad(cubic)(x).tolist() == gradient
    assert ta.jacobian(cubic)(x).tolist() == gradient
    for method in ("forward-over-reverse", "hyperdual", "taylor"):
        assert ta.hessian(cubic, method=method)(x).tolist() == hessian
    value, g, h = ta.value_grad_hessian(cubic)(x)
    assert (value, g.tolist(), h.tolist()) == (cubic(x), gradient, hessian)
    assert ta.hessian_diagonal(cubic)(x).tolist() == [hessian[i][i] for i in range(3)]
    v = fractions("1/2", "-1/3", "5")
    assert ta.hvp(cubic)(x, v).tolist() == (np.array(hessian, object) @ v).tolist()
    assert ta.jvp(cubic, (x,), (v,))[1] == np.array(gradient, object) @ v
    assert ta.vjp(cubic, x)[1](F(2, 3))[0].tolist() == [F(2, 3) * g for g in gradient]
    tensor = ta.derivative_tensor(cubic, 2)(x)
    assert tensor.tolist() == hessian
    assert ta.jacobian(ta.grad(cubic))(x).tolist() == hessian


def test_third_derivatives_in_fractions():
    f = lambda x: x[0] ** 3 * x[1] + x[1] ** 3 * x[2] + x[2] ** 3 * x[0]
    x, d = fractions(1, 2, 3), fractions(1, -1, 2)
    assert ta.third_order(f)(x, d, d).tolist() == [72, -24, 108]
    series = ta.multivariate_taylor(f, x, 4)
    assert series.coefficient((3, 1, 0)) == 1
    assert series.coefficient((1, 1, 0)) == 3
    along = ta.taylor(f, x, 4, direction=d).coefficients
    assert list(along) == [
        sum(
            series.coefficient(m) * math.prod(int(d[i]) ** e for i, e in enumerate(m))
            for m in np.ndindex(5, 5, 5)
            if sum(m) == k
        )
        for k in range(5)
    ]


def test_hessian_in_many_digits():
    def f(x):
        return np.exp(x[0] * x[1]) * np.sin(x[2]) + np.log(x[0]) / x[2]

    with mp.workdps(60):
        x = np.array([mpmath.mpf(k) / 7 for k in (3, 5, 9)], object)
        gradient, hessian = ta.grad(f)(x), ta.hessian(f)(x)
        a, b, c = x
        e, s, co = mp.exp(a * b), mp.sin(c), mp.cos(c)
        assert_digits(gradient, [b * e * s + 1 / (a * c), a * e * s, e * co - mp.log(a) / c**2], 58)
        mixed = e * s * (1 + a * b)
        expected = [
            [b * b * e * s - 1 / (a * a * c), mixed, b * e * co - 1 / (a * c**2)],
            [mixed, a * a * e * s, a * e * co],
            [b * e * co - 1 / (a * c**2), a * e * co, -e * s + 2 * mp.log(a) / c**3],
        ]
        assert_digits(hessian, np.array(expected, object), 58)
        for method in ("hyperdual", "taylor"):
            assert_digits(ta.hessian(f, method=method)(x), hessian, 58)


def test_floats_meet_exact_numbers_at_their_exact_value():
    got = ta.derivative(lambda x: 0.1 * x**2)(F(1, 2))
    assert got == F(0.1)
    with mp.workdps(40):
        assert ta.derivative(lambda x: 0.1 * x)(mpmath.mpf(1)) == mpmath.mpf(0.1)


# --- structure and contractions --------------------------------------------------------------

A, B, V = unequal(3, 3), unequal(3, 4), unequal(4)


def row_sums(x):
    return np.sum(x * x, axis=-1)


STRUCTURE = {
    "matmul": lambda x: (x @ x.T)[:2],
    "matmul constant": lambda x: A @ x,
    "vector products": lambda x: np.dot(x[0], x[1]) + np.vdot(x, x) + np.inner(x[1], x[2]),
    "outer": lambda x: np.outer(x[0], x[1]),
    "tensordot": lambda x: np.tensordot(x, x, ((0,), (0,))),
    "einsum": lambda x: np.einsum("ij,kj,il->kl", x, x, x),
    "kron": lambda x: np.kron(x[:2], x[:, :1]),
    "cross": lambda x: np.cross(x[:, 0], x[:, 1]),
    "convolve": lambda x: np.convolve(x[0], x[1]),
    "trace": lambda x: np.trace(x @ x.T),
    "sum": lambda x: np.sum(x**2, axis=0) + np.mean(x, axis=0),
    "var": lambda x: np.var(x, axis=1),
    "prod": lambda x: np.prod(x, axis=1),
    "cumsum": lambda x: np.cumsum(x * x, axis=1),
    "cumprod": lambda x: np.cumprod(x, axis=0),
    "diff": lambda x: np.diff(x * x, axis=1),
    "sort": lambda x: np.sort(x**3, axis=1),
    "max": lambda x: np.max(x * x, axis=0) - np.min(x, axis=0),
    "median": lambda x: np.median(x * x),
    "where": lambda x: np.where(x > F(1, 2), x * x, 1 / x),
    "maximum": lambda x: np.maximum(x, F(3, 4)) ** 2,
    "abs": lambda x: np.abs(x - F(9, 20)) * x,
    "clip": lambda x: np.clip(x, F(1, 3), F(5, 4)) * x,
    "sign": lambda x: np.sign(x - F(1, 2)) * x**2,
    "floor": lambda x: np.floor(3 * x) * x,
    "remainder": lambda x: np.remainder(7 * x, F(2, 3)) * x,
    "reshape": lambda x: x.reshape(4, 3) @ A,
    "transpose": lambda x: np.swapaxes(x, 0, 1) * V[:, None],
    "index": lambda x: x[::-1, [0, 2]] * x[1:, :2][[0, 1, 0]],
    "mask": lambda x: x[x > F(1, 2)] ** 2,
    "stack": lambda x: np.stack([x[0] * x[1], x[2] ** 2]) / x[:2],
    "concatenate": lambda x: np.concatenate([x[0] ** 2, x[1] / x[2]]),
    "roll": lambda x: np.roll(x, 2) * np.flip(x, 0),
    "tile": lambda x: np.tile(x[0], 2) * np.repeat(x[1], 2),
    "pad": lambda x: np.pad(x, 1) ** 2,
    "tril": lambda x: np.tril(x @ x.T) + np.triu(A),
    "diag": lambda x: np.diag(x[0]) @ x.T,
    "take": lambda x: np.take(x, [3, 0], axis=1) ** 2,
    "norm": lambda x: np.linalg.norm(x, 1, axis=0) ** 2,
    "assignment": lambda x: assigned(x),
    "power": lambda x: x**3 / x**-2,
    "average": lambda x: np.average(x * x, axis=1, weights=V),
}


def floats(a):
    return np.asarray(a).astype(float)


def assigned(x):
    out = np.zeros_like(x)
    for i in range(3):
        out[i] = x[i] ** 2
        out[i, 1:] *= x[i, :-1]
    return out


@pytest.mark.parametrize("name", STRUCTURE)
def test_structure_of_exact_arrays(name):
    """In fractions derivatives are exact: all modes agree to the last digit, and with floats."""
    f = STRUCTURE[name]
    x = B
    jacobian = ta.jacobian(f)(x)
    plain = floats(f(B.astype(float)))
    close = floats(ta.jacobian(f)(B.astype(float)))
    assert np.shape(jacobian) == np.shape(plain) + np.shape(x)
    np.testing.assert_allclose(floats(jacobian), close, rtol=1e-13, atol=1e-13)
    assert all(isinstance(c, (Fraction, int)) for c in np.ravel(jacobian))
    v = unequal(3, 4)[::-1, ::-1]
    value, tangent = ta.jvp(f, (x,), (v,))
    assert np.array_equal(np.asarray(tangent), np.tensordot(jacobian, v, 2))
    value, pullback = ta.vjp(f, x)
    np.testing.assert_allclose(floats(value), plain, rtol=1e-13)
    g = tangent + F(1, 3)
    (bar,) = pullback(g)
    assert np.sum(bar * v) == np.sum(g * tangent)
    c = ta.taylor(f, x, 3, direction=v).coefficients
    second = ta.jvp(lambda x: ta.jvp(f, (x,), (v,))[1], (x,), (v,))[1]
    assert np.array_equal(np.asarray(c[1]), np.asarray(tangent))
    assert np.array_equal(2 * np.asarray(c[2]), np.asarray(second))


@pytest.mark.parametrize("name", STRUCTURE)
def test_structure_of_mpmath_arrays(name):
    f = STRUCTURE[name]
    with mp.workdps(50):
        x = np.array([mpmath.mpf(v.numerator) / v.denominator for v in B.flat]).reshape(B.shape)
        v = unequal(3, 4)[::-1, ::-1]
        exact = ta.taylor(f, B, 3, direction=v).coefficients
        direction = np.array([mpmath.mpf(v.numerator) / v.denominator for v in v.flat])
        got = ta.taylor(f, x, 3, direction=direction.reshape(v.shape)).coefficients
        for a, b in zip(np.ravel(got), np.ravel(exact), strict=True):
            b = mpmath.mpf(F(b).numerator) / F(b).denominator
            assert abs(a - b) <= mpmath.mpf(10) ** -45 * (1 + abs(b))


def test_independent_exact_points():
    x = fractions("1/2", "-3", "7/5")
    got = ta.taylor(lambda x: (x - 1) / (x + 1), x, 4).coefficients
    assert got.shape == (5, 3)
    for i, p in enumerate(x):
        expected = [(p - 1) / (p + 1)] + [-2 * F(-1) ** k / (p + 1) ** (k + 1) for k in range(1, 5)]
        assert got[:, i].tolist() == expected
    assert ta.derivative(lambda x: x**3, 2)(x).tolist() == [6 * p for p in x]
    assert ta.derivatives(lambda x: x**2, x, 2).tolist() == [
        [p * p for p in x],
        [2 * p for p in x],
        [2, 2, 2],
    ]


def test_nested_exact_derivatives():
    f = lambda x: x**4 / (1 + x)
    x = F(2, 3)
    direct = ta.derivative(f, 3)(x)
    assert isinstance(direct, Fraction)
    assert ta.derivative(ta.derivative(ta.derivative(f)))(x) == direct
    assert ta.grad(ta.derivative(f, 2))(x) == direct
    assert ta.derivative(ta.grad(ta.grad(f)))(x) == direct


# --- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [np.exp, np.sin, np.log, np.tanh, np.arctan, sp.erf, sp.gamma, np.cbrt, np.log2, np.sinc]
    + [lambda x: x ** F(1, 3), lambda x: np.hypot(x, x), lambda x: x**x],
)
def test_transcendental_functions_of_fractions_are_refused(f):
    with pytest.raises(InputTypeError, match=r"fraction.*mpmath|mpmath") as caught:
        ta.taylor(f, F(2, 3), 3)
    assert isinstance(caught.value, TypeError)
    with pytest.raises(InputTypeError):
        ta.grad(f)(F(2, 3))


def test_what_is_no_number_is_refused():
    import decimal

    for bad in (decimal.Decimal("0.5"), np.array([1, "a"], object), np.array([None], object)):
        with pytest.raises(TypeError):
            ta.taylor(lambda x: x * x, bad, 2)
    with pytest.raises(TypeError):
        ta.taylor(lambda x: x * decimal.Decimal("0.5"), F(1, 2), 2)


def test_results_are_plain_python_numbers():
    assert type(ta.grad(lambda x: x * x)(F(1, 3))) is Fraction
    assert type(ta.derivative(lambda x: x * x)(mpmath.mpf(2))) is mpmath.mpf
    assert type(ta.value_and_grad(lambda x: x * x)(F(1, 3))[0]) is Fraction
    gradient = ta.grad(lambda p: p["a"] * p["b"][0])({"a": F(1, 2), "b": fractions("1/3")})
    assert gradient["a"] == F(1, 3)
    assert gradient["b"].tolist() == [F(1, 2)]
    assert type(gradient["a"]) is Fraction
    nan = mpmath.mpf("nan")
    with pytest.raises(ValueError, match="NaN"):
        ta.grad(lambda x: x)(nan)


@pytest.mark.parametrize("exponent", [Fraction(1, 2), Fraction(-1, 2), Fraction(2, 3), 0.5, 3, -2])
def test_powers_of_fractions_that_are_fractions(exponent):
    """The binomial series is exact for every rational exponent."""
    got = ta.taylor(lambda x: (1 + x) ** exponent, Fraction(0), 8).coefficients
    binomial, expected = Fraction(1), []
    for k in range(9):
        expected.append(binomial)
        binomial = binomial * (Fraction(exponent) - k) / (k + 1)
    assert list(got) == expected
    assert np.power(ta.Taylor([Fraction(8, 27), 1]), Fraction(2, 3)).value == Fraction(4, 9)
    with pytest.raises(TypeError, match="no fraction"):
        ta.taylor(lambda x: (2 + x) ** Fraction(1, 2), Fraction(0), 2)
