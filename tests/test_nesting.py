"""Derivatives of derivatives: every mode inside every other, and perturbations never confused.

A mode is a way to differentiate a function of one number once. What nests them is closed forms,
or mpmath where there is none.
"""

import itertools
import math

import mpmath
import numpy as np
import pytest
import scipy.special

import taylorad as ta

# --- the modes -------------------------------------------------------------------------------


def by_jvp(f):
    return lambda x: ta.jvp(f, (x,), (1.0,))[1]


def by_vjp(f):
    return lambda x: ta.vjp(f, x)[1](1.0)[0]


def by_taylor(f):
    return lambda x: ta.taylor(f, x, 2).coefficients[1]


def by_high_taylor(f):
    return lambda x: ta.taylor(f, x, 5).coefficients[1]


def by_derivatives(f):
    return lambda x: ta.derivatives(f, x, 3)[1]


def by_multivariate(f):
    def slope(x):
        series = ta.multivariate_taylor(lambda z: f(z[0]), np.stack([x]), 2)
        return series.coefficient((1,))

    return slope


def by_tensor(f):
    return lambda x: ta.derivative_tensor(lambda z: f(z[0]), 1)(np.stack([x]))[0]


def by_jacobian_rows(f):
    return lambda x: ta.jacobian(lambda z: f(z[0]))(np.stack([x, 0.0]))[0]


def by_jacobian_columns(f):
    return lambda x: ta.jacobian(lambda z: np.stack([f(z), z]))(x)[0]


def by_hvp(f):
    return lambda x: ta.hvp(lambda z: z[1] * f(z[0]))(np.stack([x, 0.0]), np.array([0.0, 1.0]))[0]


def by_hessian(method):
    def mode(f):
        h = ta.hessian(lambda z: z[1] * f(z[0]), method=method)
        return lambda x: h(np.stack([x, 0.0]))[0, 1]

    return mode


def by_hessian_diagonal(f):  # d²/dy² of y f(x+y)/2 at y = 0
    def slope(x):
        return ta.hessian_diagonal(lambda y: y[0] * f(x + y[0]) / 2)(np.zeros(1))[0]

    return slope


def by_third_order(f):
    def slope(x):
        z = np.stack([x, 0.0, 0.0])
        u, v = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])
        return ta.third_order(lambda z: z[1] * z[2] * f(z[0]))(z, u, v)[0]

    return slope


def by_value_grad_hessian(f):
    return lambda x: ta.value_grad_hessian(f)(x)[1]


MODES = {
    "derivative": ta.derivative,
    "grad": ta.grad,
    "value_and_grad": lambda f: lambda x: ta.value_and_grad(f)(x)[1],
    "value_grad_hessian": by_value_grad_hessian,
    "jvp": by_jvp,
    "vjp": by_vjp,
    "taylor": by_taylor,
    "taylor to order 5": by_high_taylor,
    "derivatives": by_derivatives,
    "multivariate_taylor": by_multivariate,
    "derivative_tensor": by_tensor,
    "jacobian by rows": by_jacobian_rows,
    "jacobian by columns": by_jacobian_columns,
    "hvp": by_hvp,
    "hessian": by_hessian(None),
    "hessian by hyperduals": by_hessian("hyperdual"),
    "hessian by taylor": by_hessian("taylor"),
    "hessian_diagonal": by_hessian_diagonal,
    "third_order": by_third_order,
}
mode = pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
outer_mode = pytest.mark.parametrize("outer", MODES.values(), ids=MODES)
inner_mode = pytest.mark.parametrize("inner", MODES.values(), ids=MODES)
THREE = [
    "derivative",
    "grad",
    "jvp",
    "taylor",
    "multivariate_taylor",
    "hessian",
    "hessian_diagonal",
]


def close(ours, theirs, tolerance=1e-11):
    np.testing.assert_allclose(float(ours), float(theirs), rtol=tolerance, atol=tolerance)


# --- one function through each kind of row ---------------------------------------------------


def linear(x):
    a = np.stack([x, 2 * x, x * x])
    return np.sum(np.flip(np.concatenate([a, a[1:]]))[1:4] * np.arange(1.0, 4.0)) - np.cumsum(a)[1]


def bilinear(x):
    a = np.stack([np.stack([x, x**2]), np.stack([1.0 + 0 * x, x**3])])
    return np.sum(a @ a) + np.einsum("ij,ij->", a, a) + np.sum(np.convolve(a[0], a[1]))


def implicit(x):
    a = np.stack([np.stack([2 + x, x]), np.stack([x * x, 3.0 + 0 * x])])
    b = np.stack([x, 1 + x])
    return np.sum(np.linalg.solve(a, b)) + 1 / (1 + x * x)


def elementwise(x):
    return np.exp(np.sin(x)) * np.sqrt(1 + x**2) + np.tanh(x) ** 3 + x**1.5 + np.arctan2(x, 2.0)


def local_series(x):
    return scipy.special.gammaln(1 + x) * np.sinc(x) + scipy.special.digamma(x + 2)


def selection(x):
    a = np.stack([x, x * x, -x, np.sin(3 * x)])
    return np.max(a) * np.sort(a)[1] + np.abs(a[2]) ** 3 + np.where(x > 0, a[3], 0.0)


def assignment(x):
    out = np.zeros_like(np.stack([x, x, x]))
    for i in range(3):
        out[i] = x ** (i + 1)
    out[1:] *= out[:-1]
    return np.sum(out) ** 2


def mp_implicit(x):
    a = mpmath.matrix([[2 + x, x], [x * x, 3]])
    return sum(mpmath.lu_solve(a, mpmath.matrix([x, 1 + x]))) + 1 / (1 + x * x)


def mp_elementwise(x):
    mp = mpmath
    return (
        mp.exp(mp.sin(x)) * mp.sqrt(1 + x**2) + mp.tanh(x) ** 3 + x ** mp.mpf(1.5) + mp.atan(x / 2)
    )


def mp_local_series(x):
    return mpmath.loggamma(1 + x) * mpmath.sincpi(x) + mpmath.psi(0, x + 2)


ROWS = {
    # flip of (x, 2x, x², 2x, x²) is (x², 2x, x², 2x, x); [1:4] weighted by 1, 2, 3
    "linear": (linear, lambda x: 2 * x + 2 * x**2 + 6 * x - 3 * x),
    "bilinear": (
        bilinear,
        lambda x: 1 + 2 * x + 5 * x**2 + 2 * x**3 + 2 * x**4 + 2 * x**5 + 2 * x**6,
    ),
    "implicit": (implicit, mp_implicit),
    "elementwise": (elementwise, mp_elementwise),
    "local series": (local_series, mp_local_series),
    # at 0.7 the largest is sin 3x, the last but two x²
    "selection": (selection, lambda x: mpmath.sin(3 * x) * (x**2 + 1) + x**3),
    "assignment": (assignment, lambda x: (x + x**3 + x**5) ** 2),
}
row = pytest.mark.parametrize(("f", "truth"), ROWS.values(), ids=ROWS)
POINT = 0.7


def derivative_of(truth, order):
    with mpmath.workdps(60):
        return mpmath.diff(truth, mpmath.mpf(POINT), order)


# --- the matrix ------------------------------------------------------------------------------


@mode
@row
def test_once(mode, f, truth):
    close(f(POINT), truth(mpmath.mpf(POINT)))
    close(mode(f)(POINT), derivative_of(truth, 1))


def everything(x):
    return elementwise(linear(x) / 4) * implicit(x) + local_series(bilinear(x) / 9) * selection(x)


def true_everything(x):
    values = {name: truth for name, (_, truth) in ROWS.items()}
    first = values["elementwise"](values["linear"](x) / 4) * values["implicit"](x)
    return first + values["local series"](values["bilinear"](x) / 9) * values["selection"](x)


@outer_mode
@inner_mode
def test_twice(outer, inner):
    close(outer(inner(everything))(POINT), TRUE_SECOND, 1e-10)


with mpmath.workdps(60):
    TRUE_SECOND = mpmath.diff(true_everything, mpmath.mpf(POINT), 2)


@row
@pytest.mark.parametrize("outer", THREE)
@pytest.mark.parametrize("inner", THREE)
def test_twice_through_every_kind_of_row(f, truth, outer, inner):
    close(MODES[outer](MODES[inner](f))(POINT), derivative_of(truth, 2), 1e-10)


@pytest.mark.parametrize("names", list(itertools.product(THREE, repeat=3)), ids="-".join)
def test_three_times(names):
    first, second, third = (MODES[name] for name in names)
    # the third derivative of x² exp 2x is (8 x² + 24 x + 12) exp 2x
    truth = math.exp(1.4) * (8 * 0.49 + 24 * 0.7 + 12)
    close(first(second(third(lambda x: x * x * np.exp(2 * x))))(POINT), truth)


@row
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_order_on_top_of_order(f, truth, order):
    """A derivative of some order of one of another: jets of jets of every height."""
    inner = ta.derivative(f, order)
    for more in range(4):
        close(ta.derivative(inner, more)(POINT), derivative_of(truth, order + more), 1e-8)
    close(ta.grad(inner)(POINT), derivative_of(truth, order + 1), 1e-9)
    close(ta.derivative(ta.grad(f), order)(POINT), derivative_of(truth, order + 1), 1e-9)


@row
def test_five_times_the_same(f, truth):
    for once in (ta.grad, by_jvp, ta.derivative):
        g = f
        for _ in range(3):
            g = once(g)
        close(g(POINT), derivative_of(truth, 3), 1e-9)


# --- many entries ----------------------------------------------------------------------------

X = np.array([0.6, -0.3, 1.2, 0.9])
V = np.array([0.5, -1.0, 0.25, 2.0])
A = np.cos(np.arange(16.0)).reshape(4, 4) + 3 * np.eye(4)


def scalar(x):
    return (
        np.sum(np.sin(A @ x) * x[::-1])
        + np.prod(x)
        + np.sum(np.linalg.solve(A + np.outer(x, x), x))
    )


def entry_of(g, i):
    return ta.grad(lambda x: g(x)[i])


HESSIANS = {
    "hessian": ta.hessian,
    "hyperdual": lambda f: ta.hessian(f, method="hyperdual"),
    "taylor": lambda f: ta.hessian(f, method="taylor"),
    "value_grad_hessian": lambda f: lambda x: ta.value_grad_hessian(f)(x)[2],
    "jacobian of grad": lambda f: ta.jacobian(ta.grad(f)),
    "jacobian of jacobian": lambda f: ta.jacobian(ta.jacobian(f)),
    "columns of hvp": lambda f: lambda x: np.stack([ta.hvp(f)(x, e) for e in np.eye(4)]),
    "jvp of grad": lambda f: (
        lambda x: np.stack([ta.jvp(ta.grad(f), (x,), (e,))[1] for e in np.eye(4)])
    ),
    "vjp of grad": lambda f: (
        lambda x: np.stack([ta.vjp(ta.grad(f), x)[1](e)[0] for e in np.eye(4)])
    ),
    "grad of jvp": lambda f: (
        lambda x: np.stack(
            [ta.grad(lambda z: ta.jvp(f, (z,), (e,))[1])(x) for e in np.eye(4)]  # noqa: B023
        )
    ),
    "grad of grad": lambda f: lambda x: np.stack([entry_of(ta.grad(f), i)(x) for i in range(4)]),
    "derivative_tensor": lambda f: ta.derivative_tensor(f, 2),
    "tensor of grad": lambda f: ta.derivative_tensor(ta.grad(f), 1),
    "tensor of tensor": lambda f: ta.derivative_tensor(ta.derivative_tensor(f, 1), 1),
    "multivariate_taylor": lambda f: lambda x: ta.multivariate_taylor(f, x, 2).hessian(),
}


@pytest.mark.parametrize("method", HESSIANS.values(), ids=HESSIANS)
def test_all_hessians_agree(method):
    h = method(scalar)(X)
    np.testing.assert_allclose(h, ta.hessian(scalar)(X), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(h, h.T, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("method", HESSIANS.values(), ids=HESSIANS)
def test_third_derivatives_from_hessians(method):
    """The derivative along v of each Hessian, forwards and backwards, is D³f[v]."""
    tensor = np.tensordot(ta.derivative_tensor(scalar, 3)(X), V, 1)
    forwards = ta.jvp(method(scalar), (X,), (V,))[1]
    np.testing.assert_allclose(forwards, tensor, rtol=1e-10, atol=1e-11)
    backwards = ta.grad(lambda x: np.sum(method(scalar)(x) * A))(X)
    truth = np.tensordot(A, ta.derivative_tensor(scalar, 3)(X), 2)
    np.testing.assert_allclose(backwards, truth, rtol=1e-10, atol=1e-11)


def test_third_and_fourth_order():
    t3, t4 = (ta.derivative_tensor(scalar, k)(X) for k in (3, 4))
    uv = ta.third_order(scalar)(X, V, X)
    np.testing.assert_allclose(uv, t3 @ X @ V, rtol=1e-11)
    inner = lambda x: ta.third_order(scalar)(x, V, V)
    np.testing.assert_allclose(ta.jacobian(inner)(X), t4 @ V @ V, rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(
        ta.hessian(lambda x: V @ ta.hvp(scalar)(x, V))(X), t4 @ V @ V, rtol=1e-10
    )
    trace = lambda x: np.sum(ta.hessian_diagonal(scalar)(x))
    np.testing.assert_allclose(ta.hessian(trace)(X), np.trace(t4), rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(ta.hessian_diagonal(trace)(X), np.diag(np.trace(t4)), rtol=1e-10)


# --- perturbations are not confused ----------------------------------------------------------


@outer_mode
@inner_mode
def test_pinned_confusions(outer, inner):
    # D(x D(x + y, y=1), x=1) = 1 and D(x D(x y, y=1), x=4) = 8
    assert float(outer(lambda x: x * inner(lambda y: x + y)(1.0))(1.0)) == pytest.approx(
        1, abs=1e-13
    )
    assert float(outer(lambda x: x * inner(lambda y: x * y)(1.0))(4.0)) == pytest.approx(
        8, abs=1e-12
    )


CONFUSIONS = {
    "inner at the outer variable": (lambda x, d: d(lambda y: y * x)(x) * x, lambda x: 2 * x),
    "inner ignores its variable": (lambda x, d: d(lambda y: x * x)(x) + x, lambda x: 1),
    "inner returns a constant": (lambda x, d: d(lambda y: 3.0)(x) + x, lambda x: 1),
    "inner ignores the outer": (lambda x, d: d(lambda y: y**3)(2.0) * x, lambda x: 12),
    "inner point depends": (lambda x, d: d(np.sin)(x * x), lambda x: -2 * x * math.sin(x * x)),
    "twice the same variable": (lambda x, d: d(lambda y: x * y * y)(x), lambda x: 4 * x),
    "outer by name": (lambda x, d: d(lambda x: x * x)(x) * x, lambda x: 4 * x),
    "sum of two inner": (
        lambda x, d: d(lambda y: x * y)(1.0) + d(lambda y: x + y)(1.0),
        lambda x: 1,
    ),
    "product of two inner": (
        lambda x, d: d(np.exp)(x) * d(np.sin)(x),
        lambda x: math.exp(x) * (math.cos(x) - math.sin(x)),
    ),
    "inner in inner": (
        lambda x, d: d(lambda y: y * d(lambda z: x * y * z)(y))(x),
        lambda x: 4 * x,
    ),
    "inner value in control flow": (
        lambda x, d: x * x if d(lambda y: y * x)(1.0) > 0 else -x,
        lambda x: 2 * x,
    ),
    "closure made outside": (lambda x, d: make_line(x, d)(3.0), lambda x: 6 * x),
    "kept and used later": (
        lambda x, d: (lambda g: g(x))(d(lambda y: y * x * x)),
        lambda x: 2 * x,
    ),
}


def make_line(x, d):
    slope = d(lambda y: y * y * x)(x)  # 2 x²
    return lambda t: slope * t / 2


@outer_mode
@pytest.mark.parametrize("inner", THREE)
@pytest.mark.parametrize("name", CONFUSIONS)
def test_confusions(outer, inner, name):
    program, slope = CONFUSIONS[name]
    f = lambda x: program(x, MODES[inner])
    close(outer(f)(0.7), slope(0.7), 1e-12)


def test_vectors_are_not_confused():
    """∂/∂x of (the gradient by y of x·y²) with several directions at once on both levels."""
    inner = lambda x: ta.grad(lambda y: np.sum(x * y * y))(2 * X)
    np.testing.assert_allclose(ta.jacobian(inner)(X), np.diag(4 * X))
    inner = lambda x: ta.hessian(lambda y: np.sum(x * y**3))(X)
    truth = 6 * X[:, None, None] * np.eye(4)[:, :, None] * np.eye(4)[:, None, :]
    np.testing.assert_allclose(ta.jacobian(inner)(X), truth)
    inner = lambda x: ta.jacobian(lambda y: np.outer(x, y) @ y)(x)
    truth = ta.derivative_tensor(lambda x: inner_closed(x), 1)(X)
    np.testing.assert_allclose(ta.jacobian(inner)(X), truth)


def inner_closed(x):
    return 2 * np.outer(x, x)


def test_newton_inside_a_derivative():
    """An iteration that itself differentiates: x = √p by Newton's method on x² − p."""

    def root(p):
        x = 1.0 + 0 * p
        for _ in range(8):
            g = lambda z: z * z - p
            x = x - g(x) / ta.grad(g)(x)
        return x

    for k, truth in enumerate([math.sqrt(2), 0.5 / math.sqrt(2), -0.25 * 2**-1.5, 0.375 * 2**-2.5]):
        close(ta.derivative(root, k)(2.0), truth)
    close(ta.grad(ta.grad(root))(2.0), -0.25 * 2**-1.5)


def test_pinned_values():
    def loop(x):
        out = x
        for _ in range(5):
            out *= np.sin(out)
        return out

    f = 0.01753717849708632820
    for once in (ta.grad, by_jvp, by_taylor, ta.derivative):
        close(loop(1.0), f)
        close(once(loop)(1.0), 0.36676042682811699387, 1e-14)
        close(once(lambda x: np.sin(loop(x)))(1.0), 0.36670402920671642513, 1e-14)
    g = lambda x: 5 * np.sin(np.log(x))
    values = [4.45288520833873530, 0.75805403804434959, -0.74744970249686490]
    np.testing.assert_allclose(ta.derivatives(g, 3.0, 2), values, rtol=1e-14)
    h = lambda z: np.log(z[0]) + z[0] * z[1] - np.sin(z[1])
    value, gradient, hessian = ta.value_grad_hessian(h)(np.array([2.0, 5.0]))
    close(value, 11.65207145522308378, 1e-15)
    np.testing.assert_allclose(gradient, [5.5, 1.71633781453677374], rtol=1e-15)
    np.testing.assert_allclose(hessian, [[-0.25, 1], [1, -0.958924274663138]], rtol=1e-14)
    k = lambda x: np.exp(x) / np.sqrt(np.sin(x) ** 3 + np.cos(x) ** 3)
    values = [4.49778005394616195025, 4.05342789389862065771, 9.46307368159660335254]
    np.testing.assert_allclose(ta.derivatives(k, 1.5, 2), values, rtol=2e-15)
    d = np.array([1.0, -1.0, 2.0])
    cubic = lambda x: x[0] ** 3 * x[1] + x[1] ** 3 * x[2] + x[2] ** 3 * x[0]
    np.testing.assert_array_equal(ta.third_order(cubic)(d * 0 + [1, 2, 3], d, d), [72, -24, 108])
    for n in range(1, 8):
        assert ta.derivative(lambda x: x**n, n + 1)(0.0) == 0  # noqa: B023
        assert ta.derivative(lambda x: x**n, n)(0.0) == math.factorial(n)  # noqa: B023
    assert ta.derivative(lambda x: np.abs(-(x**2)), 2)(0.0) == 2
    for once in MODES.values():
        assert float(once(lambda x: np.maximum(x, x))(0.5)) == pytest.approx(1, abs=1e-14)
        assert float(once(lambda x: x**0)(0.0)) == pytest.approx(0, abs=1e-14)


def test_a_value_that_escapes_its_derivative_is_refused():
    """Used after its transformation is over it could only lose what it carries."""

    def leaking(inner):
        def f(x):
            kept = []
            inner(lambda y: (kept.append(y * x), y * x)[1])(3.0)
            return kept[0] * x  # 3 x²

        return f

    for outer, inner in itertools.product([ta.grad, by_jvp, by_taylor], repeat=2):
        try:
            slope = float(outer(leaking(inner))(2.0))
        except (TypeError, ValueError):
            continue
        assert slope == 12.0


def test_a_function_as_a_result_is_refused():
    """Manzyuk et al. (2019): the derivative of a curried function would confuse perturbations."""
    for once in (ta.grad, by_jvp, by_vjp, by_taylor):
        with pytest.raises(TypeError, match="returned"):
            once(lambda u: lambda x: np.sin(x + u))(0.0)
