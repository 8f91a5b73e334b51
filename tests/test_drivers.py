"""Every function that takes a function: shapes, arguments, containers, orders, refusals."""

import collections
import inspect
import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest

import taylorad as ta
from taylorad.errors import (
    ExpansionError,
    InputError,
    InputTypeError,
    OutputError,
    SingularityError,
)

X = np.array([0.6, -0.3, 1.2, 0.9])
V = np.array([0.5, -1.0, 0.25, 2.0])
M = np.array([[0.6, -0.3, 1.2], [0.9, 0.1, -0.7]])
A = np.cos(np.arange(16.0)).reshape(4, 4)


def smooth(x):
    x = np.ravel(x)
    return np.sum(np.sin(x) * np.roll(x, 1)) + np.exp(np.mean(x)) * x[0] ** 2


def near(ours, theirs, tolerance=1e-12):
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


# --- shapes ----------------------------------------------------------------------------------

SHAPES = [(), (1,), (3,), (2, 3), (1, 1, 2)]
INPUTS = {
    shape: np.cos(np.arange(1.0, 1 + math.prod(shape))).reshape(shape)[()] for shape in SHAPES
}


def to_shape(shape):
    """A smooth function with results of a shape."""
    weights = np.sin(np.arange(1.0, 1 + math.prod(shape))).reshape(shape)
    return lambda x: weights * smooth(x) + np.cos(weights * np.sum(x))


@pytest.mark.parametrize("into", SHAPES)
@pytest.mark.parametrize("out", SHAPES)
def test_shapes(into, out):
    f, x = to_shape(out), INPUTS[into]
    assert np.shape(ta.jacobian(f)(x)) == out + into
    for order in range(4):
        assert np.shape(ta.derivative_tensor(f, order)(x)) == out + into * order
    near(ta.derivative_tensor(f, 1)(x), ta.jacobian(f)(x))
    near(ta.derivative_tensor(f, 2)(x), ta.jacobian(ta.jacobian(f))(x))
    near(ta.derivative_tensor(f, 0)(x), f(x))
    value, tangent = ta.jvp(f, (x,), (np.ones(into)[()],))
    assert np.shape(value) == np.shape(tangent) == out
    near(tangent, np.tensordot(ta.jacobian(f)(x), np.ones(into), len(into)))
    value, pullback = ta.vjp(f, x)
    (bar,) = pullback(np.ones(out)[()])
    assert np.shape(bar) == into
    near(bar, np.tensordot(np.ones(out), ta.jacobian(f)(x), len(out)))
    assert ta.taylor(f, x, 5).coefficients.shape == (6, *out)
    assert ta.derivatives(f, x, 5).shape == (6, *out)
    terms = math.comb(math.prod(into) + 3, 3)
    assert ta.multivariate_taylor(f, x, 3).coefficients.shape == (terms, *out)


@pytest.mark.parametrize("into", SHAPES)
def test_shapes_of_scalar_functions(into):
    f, x = smooth, INPUTS[into]
    one = np.ones(into)[()]
    assert np.shape(ta.grad(f)(x)) == into
    value, gradient = ta.value_and_grad(f)(x)
    assert np.shape(value) == ()
    near(gradient, ta.jacobian(f)(x))
    h = ta.hessian(f)(x)
    assert np.shape(h) == into + into
    near(h, ta.derivative_tensor(f, 2)(x))
    for method in ("forward-over-reverse", "hyperdual", "taylor"):
        near(ta.hessian(f, method=method)(x), h)
    value, gradient, again = ta.value_grad_hessian(f)(x)
    near(value, f(x))
    near(gradient, ta.grad(f)(x))
    near(again, h)
    assert np.shape(ta.hvp(f)(x, one)) == into
    near(ta.hvp(f)(x, one), np.tensordot(h, one, len(into)))
    diagonal = ta.hessian_diagonal(f)(x)
    assert np.shape(diagonal) == into
    size = math.prod(into)
    near(np.ravel(diagonal), np.diag(np.reshape(h, (size, size))))
    third = ta.third_order(f)(x, one, one)
    assert np.shape(third) == into
    t = np.tensordot(ta.derivative_tensor(f, 3)(x), one, len(into))
    near(third, np.tensordot(t, one, len(into)))


def test_scalars_come_back_as_numbers():
    results = [
        ta.grad(np.sin)(0.3),
        ta.derivative(np.sin)(0.3),
        ta.derivative(np.sin, 4)(np.float64(0.3)),
        ta.jacobian(np.sin)(0.3),
        ta.hessian(np.sin)(0.3),
        ta.hvp(np.sin)(0.3, 1.0),
        ta.hessian_diagonal(np.sin)(0.3),
        ta.third_order(np.sin)(0.3, 1.0, 1.0),
        *ta.value_grad_hessian(np.sin)(0.3),
        *ta.value_and_grad(np.sin)(0.3),
        *ta.jvp(np.sin, (0.3,), (1.0,)),
        ta.vjp(np.sin, 0.3)[0],
        *ta.vjp(np.sin, 0.3)[1](1.0),
        ta.derivative_tensor(np.sin, 2)(0.3),
        ta.grad(lambda x: np.sum(x**2))(np.float64(1.0)),
        ta.grad(lambda x: 3.0)(1.0),
        ta.value_and_grad(lambda x: 3.0)(1.0)[0],
    ]
    for result in results:
        assert isinstance(result, float)
        assert np.isfinite(result)


def test_integers_count_as_floats():
    assert ta.grad(lambda x: x**3)(2) == 12.0
    assert ta.derivative(lambda x: x**3, 2)(2) == 12.0
    assert ta.grad(lambda p: p[0] ** 2 * p[1])([3, 2]) == [12.0, 9.0]
    near(ta.hessian(lambda x: x[0] * x[1])((1.0, 2.0))[0][1], 1.0)


# --- constants and dead ends -----------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda x: 3.0,
        lambda x: 3,
        lambda x: np.float64(3),
        lambda x: np.array(3.0),
        lambda x: np.floor(np.sum(x)) * 0 + 3,
        lambda x: np.sum(np.sign(x)) * 0 + 3,
    ],
)
def test_constant_functions(f):
    near(ta.grad(f)(X), np.zeros(4))
    near(ta.jacobian(f)(X), np.zeros(4))
    for method in (None, "hyperdual", "taylor"):
        near(ta.hessian(f, method=method)(X), np.zeros((4, 4)))
    near(ta.hvp(f)(X, V), np.zeros(4))
    near(ta.hessian_diagonal(f)(X), np.zeros(4))
    near(ta.third_order(f)(X, V, V), np.zeros(4))
    value, gradient, h = ta.value_grad_hessian(f)(X)
    assert value == 3
    near(gradient, np.zeros(4))
    near(h, np.zeros((4, 4)))
    near(ta.taylor(f, X, 3, V).coefficients, [3, 0, 0, 0])
    near(ta.derivatives(f, 1.0, 2), [3, 0, 0])
    near(ta.multivariate_taylor(f, X, 2).coefficients, [3] + [0] * 14)
    near(ta.jvp(f, (X,), (V,))[1], 0)
    near(ta.vjp(f, X)[1](1.0)[0], np.zeros(4))


def test_linear_functions():
    f = lambda x: A @ x
    near(ta.jacobian(f)(X), A)
    near(ta.derivative_tensor(f, 2)(X), np.zeros((4, 4, 4)))
    near(ta.hessian(lambda x: V @ x)(X), np.zeros((4, 4)))
    near(ta.hvp(lambda x: V @ x)(X, V), np.zeros(4))
    near(ta.hessian(lambda x: x[0])(X), np.zeros((4, 4)))
    near(ta.grad(lambda x: x[2])(X), [0, 0, 1, 0])
    near(ta.hessian(lambda x: x[0] * 1)(np.ones(1)), [[0.0]])


def test_an_input_that_is_not_used():
    gradient = ta.grad(lambda p: p["a"] ** 2)({"a": 3.0, "b": X, "c": M})
    assert gradient["a"] == 6.0
    near(gradient["b"], np.zeros(4))
    near(gradient["c"], np.zeros((2, 3)))


def test_an_input_used_twice():
    near(ta.grad(lambda x, y: np.sum(x * y), argnums=(0, 1))(X, X)[0], X)
    near(ta.grad(lambda p: np.sum(p[0] * p[1]))([X, X])[1], X)


def test_the_identity():
    near(ta.jacobian(lambda x: x)(X), np.eye(4))
    near(ta.jvp(lambda x: x, (X,), (V,))[1], V)
    assert ta.grad(lambda x: x)(2.0) == 1.0
    near(ta.hessian(lambda x: x)(2.0), 0.0)
    value, pullback = ta.vjp(lambda x: x, X)
    bar = pullback(V)[0]
    bar[0] = 99.0
    value[0] = 99.0
    assert V[0] == 0.5, "the cotangent that was handed in has changed"
    assert X[0] == 0.6, "the point has changed"


# --- Jacobians and Hessians ------------------------------------------------------------------


@pytest.mark.parametrize(("n", "m"), [(1, 7), (7, 1), (3, 4), (4, 3), (5, 5), (40, 3), (3, 40)])
def test_jacobians_wide_and_tall(n, m):
    weights = np.cos(np.arange(n * m, dtype=float)).reshape(m, n)
    x = np.linspace(-1, 1, n)
    f = lambda x: np.sin(weights @ x)
    truth = np.cos(weights @ x)[:, None] * weights
    near(ta.jacobian(f)(x), truth)
    near(ta.jacobian(lambda p: {"y": f(p["x"])})({"x": x})["y"]["x"], truth)


def test_jacobians_of_containers():
    f = lambda p: (p["a"] * p["b"], {"c": np.sum(p["b"] ** 2)})
    j = ta.jacobian(f)({"a": 2.0, "b": X})
    near(j[0]["a"], X)
    near(j[0]["b"], 2 * np.eye(4))
    near(j[1]["c"]["a"], 0.0)
    near(j[1]["c"]["b"], 2 * X)
    several = ta.jacobian(lambda a, b: a * b, argnums=(0, 1))(2.0, X)
    near(several[0], X)
    near(several[1], 2 * np.eye(4))


METHODS = ["forward-over-reverse", "hyperdual", "taylor"]
Parameters = collections.namedtuple("Parameters", "shift matrix rest")


@pytest.mark.parametrize("method", METHODS)
def test_hessians_of_containers(method):
    def f(p):
        y = p.matrix @ np.ones(3) * p.shift
        return np.sum(np.sin(y)) * p.rest["s"] + np.sum(p.matrix**3) + np.prod(p.rest["t"][0])

    p = Parameters(0.7, M, {"s": 1.3, "t": [X, None]})
    h = ta.hessian(f, method=method)(p)
    assert type(h) is type(h.matrix) is Parameters
    flat, sizes = np.concatenate([[0.7], M.ravel(), [1.3], X]), [1, 7, 8, 12]

    def flattened(z):
        return f(Parameters(z[0], np.reshape(z[1:7], (2, 3)), {"s": z[7], "t": [z[8:], None]}))

    whole = ta.derivative_tensor(flattened, 2)(flat)
    leaves = lambda p: [p.shift, p.matrix, p.rest["s"], p.rest["t"][0]]
    starts = [0, *sizes]
    for i, row in enumerate(leaves(h)):
        for j, block in enumerate(leaves(row)):
            truth = whole[starts[i] : starts[i + 1], starts[j] : starts[j + 1]]
            assert np.shape(block) == np.shape(leaves(p)[i]) + np.shape(leaves(p)[j])
            near(np.ravel(block), np.ravel(truth))


@pytest.mark.parametrize("method", METHODS)
def test_hessians_of_several_arguments(method):
    f = lambda x, c, y: np.sum(x**2 * y) * c
    blocks = ta.hessian(f, argnums=(0, 2), method=method)(X, 3.0, V)
    near(blocks[0][0], np.diag(6 * V))
    near(blocks[0][1], np.diag(6 * X))
    near(blocks[1][0], np.diag(6 * X))
    near(blocks[1][1], np.zeros((4, 4)))
    near(ta.hessian(f, 2, method)(X, 3.0, V), np.zeros((4, 4)))
    near(ta.hessian(f, -3, method)(X, 3.0, V), np.diag(6 * V))


@pytest.mark.parametrize("bound", [1, 10_000, 100_000, 10**9])
def test_memory_bound_changes_nothing(monkeypatch, bound):
    x = np.linspace(-1, 1, 90)
    f = lambda x: np.sum(np.exp(x[1:] * x[:-1])) + np.sum(x) ** 3
    truth, diagonal = ta.hessian(f)(x), ta.hessian_diagonal(f)(x)
    monkeypatch.setattr("taylorad.drivers.hessians.MEMORY_BOUND", bound)
    near(ta.hessian(f)(x), truth)
    near(ta.hessian_diagonal(f)(x), diagonal)
    near(np.diag(truth), diagonal)
    value, gradient, h = ta.value_grad_hessian(f)(x)
    near(value, f(x))
    near(gradient, ta.grad(f)(x))
    near(h, truth)
    blocks = ta.hessian(lambda p: f(np.concatenate([p["a"], p["b"]])))({"a": x[:40], "b": x[40:]})
    near(blocks["b"]["a"], truth[40:, :40])


def counted(f):
    calls = []

    def counting(*args, **kwargs):
        calls.append(1)
        return f(*args, **kwargs)

    return counting, calls


def test_one_call_is_enough():
    for driver in (
        ta.value_grad_hessian,
        ta.grad,
        ta.value_and_grad,
        ta.hessian,
        ta.hessian_diagonal,
    ):
        f, calls = counted(smooth)
        driver(f)(X)
        assert len(calls) == 1
    f, calls = counted(smooth)
    ta.hvp(f)(X, V)
    ta.third_order(f)(X, V, V)
    ta.taylor(f, X, 9, V)
    ta.multivariate_taylor(f, X, 2)
    ta.jvp(f, (X,), (V,))
    _, pullback = ta.vjp(f, X)
    pullback(1.0)
    pullback(2.0)
    assert len(calls) == 6
    f, calls = counted(lambda x: np.sum(np.exp(x)))
    ta.value_grad_hessian(f)(np.linspace(0, 1, 60))
    assert len(calls) == 1


def test_hessians_are_exactly_symmetric_where_the_function_is():
    h = ta.hessian(lambda x: np.prod(x) * np.sum(x**2))(X)
    near(h, h.T, 1e-15)


# --- further arguments -----------------------------------------------------------------------


def test_further_arguments_are_passed():
    f = lambda x, a, *, k=1.0: np.sum(x**3) * a * k
    near(ta.grad(f)(X, 2.0, k=3.0), 18 * X**2)
    near(ta.hessian(f)(X, 2.0, k=3.0), np.diag(36 * X))
    near(ta.hvp(f)(X, V, 2.0, k=3.0), 36 * X * V)
    near(ta.hessian_diagonal(f)(X, 2.0, k=3.0), 36 * X)
    near(ta.third_order(f)(X, V, V, 2.0, k=3.0), 36 * V * V)
    near(ta.value_grad_hessian(f)(X, 2.0, k=3.0)[1], 18 * X**2)
    near(ta.jacobian(f)(X, 2.0, k=3.0), 18 * X**2)
    near(ta.derivative(lambda x, a, k=1.0: x**3 * a * k, 2)(X, 2.0, k=3.0), 36 * X)
    assert ta.grad(lambda x, words: x * len(words["list"]))(2.0, {"list": ["a", "b"]}) == 2.0
    near(ta.grad(lambda x, n: np.sum(x[:n]))(X, 2), [1, 1, 0, 0])


def test_has_aux():
    f = lambda x, k: (np.sum(x**2) * k, {"twice": 2 * x, "name": "text", "none": None})
    gradient, aux = ta.grad(f, has_aux=True)(X, 3.0)
    near(gradient, 6 * X)
    assert aux["name"] == "text"
    near(np.asarray(aux["twice"], float), 2 * X)
    (value, aux), gradient = ta.value_and_grad(f, has_aux=True)(X, 3.0)
    near(value, 3 * np.sum(X**2))
    near(np.asarray(aux["twice"], float), 2 * X)
    h = ta.jacobian(lambda x: ta.grad(f, has_aux=True)(x, 3.0)[0])(X)
    near(h, 6 * np.eye(4))
    with pytest.raises((TypeError, ValueError), match=r"has_aux|pair"):
        ta.grad(lambda x: np.sum(x), has_aux=True)(X)


def test_has_aux_nested_keeps_the_outer_derivative():
    def outer(x):
        _, aux = ta.grad(lambda y: (y * x, y * x * x), has_aux=True)(3.0)
        return aux  # 3 x²

    assert ta.grad(outer)(2.0) == 12.0


def test_wrapping_leaves_names_alone():
    assert callable(ta.grad(smooth))
    assert list(inspect.signature(ta.hvp(smooth)).parameters)[:2] == ["x", "v"]


# --- series ----------------------------------------------------------------------------------


def test_taylor_of_high_order():
    series = ta.taylor(np.exp, 0.0, 200).coefficients
    truth = [float(1 / mpmath.factorial(k)) for k in range(201)]
    np.testing.assert_allclose(series[:150], truth[:150], rtol=1e-13)
    c = ta.taylor(lambda x: 1 / (1 - x), 0.0, 200).coefficients
    np.testing.assert_array_equal(c, np.ones(201))
    f = lambda x: np.exp(np.sin(x)) * np.sqrt(1 + x**2)
    with mpmath.workdps(120):
        g = lambda x: mpmath.exp(mpmath.sin(x)) * mpmath.sqrt(1 + x * x)
        truth = [float(t) for t in mpmath.taylor(g, mpmath.mpf("0.5"), 60)]
    np.testing.assert_allclose(ta.taylor(f, 0.5, 200).coefficients[:61], truth, rtol=1e-11)


def test_derivatives_of_high_order_do_not_overflow_on_the_way():
    d = ta.derivatives(lambda x: 1 / (1 - x / 40), 0.0, 180)
    truth = [float(mpmath.factorial(k) / mpmath.mpf(40) ** k) for k in range(181)]
    np.testing.assert_allclose(d, truth, rtol=1e-12)
    near(ta.derivative(lambda x: 1 / (1 - x / 40), 180)(0.0) / truth[180], 1.0)


def test_fibonacci_exactly():
    series = ta.taylor(lambda x: x / (1 - x - x * x), Fraction(0), 60).coefficients
    fibonacci = [0, 1]
    for _ in range(59):
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    assert list(series) == fibonacci
    assert all(isinstance(c, (int, Fraction)) for c in series)


def test_500_digits():
    with mpmath.workdps(500):
        third = mpmath.mpf(1) / 3
        c = ta.taylor(lambda x: np.exp(x) * np.sin(x), third, 100).coefficients
        truth = mpmath.exp(third) * mpmath.sin(third + 100 * mpmath.pi / 4) * mpmath.sqrt(2) ** 100
        assert abs(c[100] * mpmath.factorial(100) / truth - 1) < mpmath.mpf(10) ** -480


@pytest.mark.parametrize(("n", "order"), [(10, 4), (4, 10), (2, 20), (1, 30)])
def test_series_in_many_variables(n, order):
    """exp of a linear form: coefficient of t^i is exp(a x) a^i / i!."""
    a, x = np.linspace(0.3, 1.1, n), np.linspace(-0.2, 0.4, n)
    series = ta.multivariate_taylor(lambda x: np.exp(a @ x), x, order)
    assert len(series.coefficients) == math.comb(n + order, order)
    powers = np.array(list(series.algebra.monomials))
    factorials = np.array([math.prod(map(math.factorial, m)) for m in powers.tolist()], float)
    truth = np.exp(a @ x) * np.prod(a**powers, axis=1) / factorials
    np.testing.assert_allclose(series.coefficients, truth, rtol=1e-12)


def test_the_tensor_of_third_derivatives_in_ten_variables():
    x = np.linspace(0.5, 1.4, 10)
    tensor = ta.derivative_tensor(lambda x: np.sum(x) ** 2 * x[0] + np.prod(x[:3]), 3)(x)
    assert tensor.shape == (10, 10, 10)
    truth = np.zeros((10, 10, 10))
    truth[0] += 2
    truth[:, 0] += 2
    truth[:, :, 0] += 2
    for i, j, k in [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]:
        truth[i, j, k] += 1
    near(tensor, truth)
    for axes in [(1, 0, 2), (0, 2, 1), (2, 1, 0)]:
        np.testing.assert_array_equal(tensor, np.transpose(tensor, axes))


def test_independent_points():
    x = np.linspace(0.1, 2.0, 6).reshape(2, 3)
    near(ta.derivative(np.log, 3)(x), 2 / x**3)
    near(ta.derivatives(np.exp, x, 2), np.stack([np.exp(x)] * 3))
    series = ta.taylor(lambda t: np.exp(2 * t), x, 4)
    near(series.coefficients, [np.exp(2 * x) * 2**k / math.factorial(k) for k in range(5)])


def test_directions():
    near(ta.taylor(smooth, X, 2, V).coefficients[2], V @ ta.hessian(smooth)(X) @ V / 2)
    near(ta.taylor(smooth, X, 1, 1.0).coefficients[1], np.sum(ta.grad(smooth)(X)))
    near(ta.taylor(smooth, M, 1, np.ones(3)).coefficients[1], np.sum(ta.grad(smooth)(M)))
    near(
        ta.taylor(np.sin, 0.5, 2, 3.0).coefficients,
        [math.sin(0.5), 3 * math.cos(0.5), -4.5 * math.sin(0.5)],
    )
    for wrong in (np.ones(3), np.ones((2, 4)), np.ones((4, 1))):
        with pytest.raises(InputError, match="direction"):
            ta.taylor(smooth, X, 2, wrong)


def test_order_zero():
    near(ta.taylor(np.exp, 1.0, 0).coefficients, [math.e])
    near(ta.derivative(np.exp, 0)(1.0), math.e)
    near(ta.derivatives(np.exp, 1.0, 0), [math.e])
    near(ta.multivariate_taylor(np.sum, X, 0).coefficients, [np.sum(X)])
    near(ta.derivative_tensor(smooth, 0)(X), smooth(X))


# --- complex numbers -------------------------------------------------------------------------


def test_complex_points():
    z = 0.4 + 0.3j
    near(ta.derivative(np.sin)(z), np.cos(z))
    near(ta.derivatives(np.exp, z, 3), [np.exp(z)] * 4)
    near(ta.taylor(lambda z: 1 / (1 - z), z, 5).coefficients, (1 - z) ** -np.arange(1.0, 7))
    f = lambda z: np.stack(
        [z[0] ** 2 * z[1], np.log(z[1]), np.linalg.solve([[2.0, 1j], [0.5, 1.0]], z)[0]]
    )
    point, direction = np.array([z, 1 - 2j]), np.array([0.3j, 1.0 + 0j])
    value, tangent = ta.jvp(f, (point,), (direction,))
    near(value, f(point))
    h = 1e-3
    t = h * np.exp(2j * np.pi * np.arange(8) / 8)
    near(tangent, sum(f(point + s * direction) / s for s in t) / 8, 1e-11)
    near(ta.jacobian(f)(point) @ direction, tangent)
    near(ta.multivariate_taylor(lambda z: z[0] * z[1], point, 2).coefficient((1, 1)), 1)
    near(ta.derivative_tensor(lambda z: z[0] ** 2 * z[1], 2)(point)[0, 1], 2 * z)


def test_real_point_complex_values():
    f = lambda x: np.exp(1j * x)
    near(ta.derivative(f, 3)(0.3), -1j * np.exp(0.3j))
    near(ta.jvp(f, (0.3,), (2.0,))[1], 2j * np.exp(0.3j))
    with pytest.raises(OutputError, match="complex"):
        ta.grad(f)(0.3)


def test_complex_gradients_are_refused():
    with pytest.raises((OutputError, InputTypeError), match="complex"):
        ta.grad(lambda z: z * z)(1j)
    with pytest.raises((OutputError, InputTypeError), match="complex"):
        ta.hessian(lambda z: z * z)(1j)


def test_functions_of_complex_numbers_that_have_no_derivative():
    for f in (np.abs, np.conj, np.real, np.imag, np.linalg.norm, np.var):
        with pytest.raises(TypeError):
            ta.jvp(f, (np.array([1j, 2.0]),), (np.ones(2) + 0j,))


# --- bad input -------------------------------------------------------------------------------

DRIVERS = {
    "grad": lambda f, x: ta.grad(f)(x),
    "value_and_grad": lambda f, x: ta.value_and_grad(f)(x),
    "jacobian": lambda f, x: ta.jacobian(f)(x),
    "hessian": lambda f, x: ta.hessian(f)(x),
    "hyperdual": lambda f, x: ta.hessian(f, method="hyperdual")(x),
    "hessian by taylor": lambda f, x: ta.hessian(f, method="taylor")(x),
    "value_grad_hessian": lambda f, x: ta.value_grad_hessian(f)(x),
    "hessian_diagonal": lambda f, x: ta.hessian_diagonal(f)(x),
    "hvp": lambda f, x: ta.hvp(f)(x, x),
    "third_order": lambda f, x: ta.third_order(f)(x, x, x),
    "jvp": lambda f, x: ta.jvp(f, (x,), (x,)),
    "vjp": lambda f, x: ta.vjp(f, x),
    "taylor": lambda f, x: ta.taylor(f, x, 2),
    "derivatives": lambda f, x: ta.derivatives(f, x, 2),
    "derivative": lambda f, x: ta.derivative(f, 2)(x),
    "multivariate_taylor": lambda f, x: ta.multivariate_taylor(f, x, 2),
    "derivative_tensor": lambda f, x: ta.derivative_tensor(f, 2)(x),
}
driver = pytest.mark.parametrize("driver", DRIVERS.values(), ids=DRIVERS)


@driver
@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (np.array([1, 2]), InputTypeError, "int64"),
        (np.array([1.0, np.nan]), InputError, "NaN"),
        (np.zeros(0), InputError, "empty"),
        (np.array([True, False]), InputTypeError, "bool"),
        (np.array(["a", "b"]), InputTypeError, "x|argument|primals|number|dtype"),
        ("text", InputTypeError, "x|argument|primals|number|dtype"),
        (np.array([1, 2], dtype="M8[s]"), InputTypeError, "x|argument|primals|number|dtype"),
        (object(), InputTypeError, "x|argument|primals|number|dtype"),
        (np.longdouble(1) + np.zeros(2, np.longdouble), InputTypeError, "longdouble|float128"),
    ],
    ids=[
        "integers",
        "NaN",
        "empty",
        "booleans",
        "strings",
        "text",
        "dates",
        "object",
        "longdouble",
    ],
)
def test_bad_points(driver, x, error, message):
    with pytest.raises(error, match=message):
        driver(lambda x: np.sum(x * x), x)


@driver
def test_bad_results(driver):
    for result in (None, "text", object(), {"a": "text"}, [None], (), {}):
        with pytest.raises(OutputError, match="returned"):
            driver(lambda x: result, X)  # noqa: B023


SCALAR_DRIVERS = ["grad", "value_and_grad", "hessian", "hyperdual", "hessian by taylor"]
SCALAR_DRIVERS += ["value_grad_hessian", "hessian_diagonal", "hvp", "third_order"]


@pytest.mark.parametrize("name", SCALAR_DRIVERS)
def test_functions_that_are_not_scalar(name):
    for f in (
        lambda x: x,
        lambda x: (np.sum(x), np.sum(x)),
        lambda x: [np.sum(x)],
        lambda x: x[:1],
    ):
        with pytest.raises(OutputError, match=r"taylorad.jacobian"):
            DRIVERS[name](f, X)


@pytest.mark.parametrize("order", [-1, -10])
def test_negative_orders(order):
    for call in (ta.taylor, ta.derivatives, ta.multivariate_taylor):
        with pytest.raises(InputError, match="order"):
            call(np.exp, 1.0, order)
    with pytest.raises(InputError, match="order"):
        ta.derivative(np.exp, order)
    with pytest.raises(InputError, match="order"):
        ta.derivative_tensor(np.exp, order)


@pytest.mark.parametrize("order", [1.0, "2", None, True, 1j])
def test_orders_that_are_no_integers(order):
    for call in (ta.taylor, ta.derivatives, ta.multivariate_taylor):
        with pytest.raises(InputTypeError, match="order"):
            call(np.exp, 1.0, order)
    with pytest.raises(InputTypeError, match="order"):
        ta.derivative(np.exp, order)


def test_numpy_integers_are_orders():
    near(ta.derivative(np.exp, np.int64(2))(0.0), 1.0)
    near(ta.taylor(np.exp, 0.0, np.int8(2)).coefficients, [1, 1, 0.5])


def test_directions_and_tangents_that_do_not_fit():
    for wrong in (np.ones(3), np.ones((4, 1)), 1.0):
        with pytest.raises(InputError, match=r"fit|expected"):
            ta.jvp(smooth, (X,), (wrong,))
        with pytest.raises(InputError, match=r"fit|expected"):
            ta.hvp(smooth)(X, wrong)
        with pytest.raises(InputError, match=r"fit|expected"):
            ta.third_order(smooth)(X, wrong, X)
        with pytest.raises(InputError, match=r"fit|expected"):
            ta.vjp(lambda x: x * 2, X)[1](wrong)
    with pytest.raises(InputError, match="expected"):
        ta.jvp(smooth, (X,), (X, X))
    with pytest.raises(InputTypeError, match="tuple"):
        ta.jvp(smooth, X, V)
    with pytest.raises(InputTypeError):
        ta.jvp(smooth, (X,), (np.array([1, 0, 0, 0]),))
    with pytest.raises(InputError, match="NaN"):
        ta.hvp(smooth)(X, X * np.nan)


def test_bad_methods():
    with pytest.raises(InputError, match="hyperdual"):
        ta.hessian(smooth, method="magic")
    for call in (ta.grad, ta.hessian, ta.jacobian, ta.derivative, ta.value_grad_hessian):
        with pytest.raises(TypeError, match=r"callable|function"):
            call(3.0)(X)


def test_errors_of_the_function_come_through():
    def broken(x):
        raise KeyError("mine")

    for call in DRIVERS.values():
        with pytest.raises(KeyError, match="mine"):
            call(broken, X)
    with pytest.raises(ValueError, match="broadcast"):
        ta.grad(lambda x: np.sum(x + np.ones(3)))(X)
    with pytest.raises(ZeroDivisionError):
        ta.grad(lambda x: x * (1 / 0))(1.0)


def test_infinite_points_are_points():
    assert ta.grad(lambda x: np.exp(-x))(np.inf) == 0.0
    assert ta.derivative(np.arctan)(np.inf) == 0.0


def test_singular_points():
    for f in (np.sqrt, np.log, lambda x: x**0.5, np.cbrt, lambda x: 1 / x, lambda x: x**-2.0):
        with pytest.raises((SingularityError, RuntimeWarning)):
            ta.taylor(f, 0.0, 3)
    near(
        ta.taylor(lambda x: np.sin(x) / x, 0.0, 6).coefficients,
        [1, 0, -1 / 6, 0, 1 / 120, 0, -1 / 5040],
    )
    near(
        ta.taylor(lambda x: (1 - np.cos(x)) / x**2, 0.0, 4).coefficients,
        [0.5, 0, -1 / 24, 0, 1 / 720],
    )
    near(
        ta.taylor(lambda x: np.log(np.sin(x) / x), 0.0, 4).coefficients, [0, 0, -1 / 6, 0, -1 / 180]
    )
    near(ta.taylor(lambda x: np.sqrt(x * x * (1 + x)), 0.0, 3).coefficients, [0, 1, 0.5, -0.125])
    near(ta.derivative(lambda x: np.sin(x) / x, 2)(np.array([0.0, 1.0]))[0], -1 / 3)
    near(ta.taylor(np.abs, 0.0, 2).coefficients, [0, 1, 0])
    near(ta.taylor(lambda x: np.maximum(x, x * x), 0.0, 2).coefficients, [0, 1, 0])
    near(ta.taylor(lambda x: np.maximum(-x, x * x), 0.0, 2).coefficients, [0, 0, 1])


def test_powers_at_zero_and_below():
    cases = [(0, 2.0), (1, 0), (0, 0.0), (0, 1), (-2, -3.0), (-2, 2), (-2.0, 3.0), (0.0, 3.0)]
    for base, exponent in cases:
        f = lambda x: x**exponent  # noqa: B023
        whole = [math.prod(exponent - j for j in range(k)) for k in range(4)]
        with np.errstate(all="ignore"):
            truth = [
                c * (float(base) ** (exponent - k) if c and (base or exponent >= k) else 0.0)
                for k, c in enumerate(whole)
            ]
        near(ta.derivatives(f, float(base), 3), truth)
        near(ta.grad(f)(float(base)), truth[1])
        near(ta.hessian(f)(float(base)), truth[2])
        near(ta.hessian(f, method="hyperdual")(float(base)), truth[2])
        near(ta.hessian(f, method="taylor")(float(base)), truth[2])


# --- results belong to the caller ------------------------------------------------------------

K = np.arange(4.0)
SHARING = {
    "identity": lambda x: x,
    "view": lambda x: x[::-1],
    "reshape": lambda x: x.reshape(2, 2).T,
    "parts": lambda x: (x[:2], [x[1:]]),
    "broadcast": lambda x: np.broadcast_to(x, (3, 4)),
    "broadcast entry": lambda x: np.broadcast_to(x[0], (3,)),
    "broadcast constant": lambda x: (np.broadcast_to(1.0, (4,)), x),
    "constant": lambda x: {"k": K, "x": x},
    "sum": lambda x: np.sum(x),
    "linear": lambda x: K @ x,
    "zeros": lambda x: np.zeros_like(x),
    "select": lambda x: np.where(x > 0, x, K),
}


def scalar_of(f):
    return lambda x: np.sum(leaves(f(x))[0])


def leaves(tree):
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, (tuple, list)):
        return [leaf for branch in tree for leaf in leaves(branch)]
    return [getattr(tree, "coefficients", tree)]


OWNING = {
    "value_and_grad": lambda f, x: ta.value_and_grad(scalar_of(f))(x),
    "grad": lambda f, x: ta.grad(scalar_of(f))(x),
    "grad by two": lambda f, x: ta.grad(lambda x, k: scalar_of(f)(x) + np.sum(k), (0, 1))(x, K),
    "grad with aux": lambda f, x: ta.grad(lambda x: (np.sum(x), f(x)), has_aux=True)(x)[0],
    "jvp": lambda f, x: ta.jvp(f, (x,), (V,)),
    "jacobian": lambda f, x: ta.jacobian(f)(x),
    "taylor": lambda f, x: ta.taylor(f, x, 2, V),
    "taylor of order 0": lambda f, x: ta.taylor(f, x, 0, V),
    "multivariate_taylor": lambda f, x: ta.multivariate_taylor(f, x, 2),
    "derivative_tensor": lambda f, x: [ta.derivative_tensor(scalar_of(f), k)(x) for k in range(3)],
    "hessian": lambda f, x: ta.hessian(scalar_of(f))(x),
    "hyperdual": lambda f, x: ta.hessian(scalar_of(f), method="hyperdual")(x),
    "by taylor": lambda f, x: ta.hessian(scalar_of(f), method="taylor")(x),
    "value_grad_hessian": lambda f, x: ta.value_grad_hessian(scalar_of(f))(x),
    "hvp": lambda f, x: ta.hvp(scalar_of(f))(x, V),
    "hessian_diagonal": lambda f, x: ta.hessian_diagonal(scalar_of(f))(x),
    "third_order": lambda f, x: ta.third_order(scalar_of(f))(x, V, V),
}


def check_ownership(results, *given):
    for result in leaves(results):
        if isinstance(result, np.ndarray):
            result += 1.0  # writeable, and no entry stands for several
            for a in given:
                assert not np.shares_memory(result, a)


@pytest.mark.parametrize("f", SHARING.values(), ids=SHARING)
@pytest.mark.parametrize("driver", OWNING.values(), ids=OWNING)
def test_results_share_no_memory_with_what_was_given(driver, f):
    x, k, v = X.copy(), K.copy(), V.copy()
    for result in leaves(driver(f, x)):
        check_ownership(result, x, K, V)
    for a, before in ((x, X), (K, k), (V, v)):
        np.testing.assert_array_equal(a, before)


@pytest.mark.parametrize("f", SHARING.values(), ids=SHARING)
def test_cotangents_share_no_memory_with_seeds(f):
    x = X.copy()
    value, pullback = ta.vjp(f, x)
    for result in leaves(value):
        assert not np.shares_memory(result, x)
    seeds = leaves(value)
    for bars in (pullback(value), pullback(value)):
        check_ownership(bars, x, K, *(s for s in seeds if isinstance(s, np.ndarray)))
    np.testing.assert_array_equal(x, X)


def test_results_can_be_added_to():
    g = ta.grad(np.sum)(X)
    g += 1
    np.testing.assert_array_equal(g, np.full(4, 2.0))
    np.testing.assert_array_equal(ta.grad(np.sum)(X), np.ones(4))


# --- what is no result -----------------------------------------------------------------------

ONCE = {
    "grad": lambda f: ta.grad(f)(1.0),
    "value_and_grad": lambda f: ta.value_and_grad(f)(1.0),
    "jacobian": lambda f: ta.jacobian(f)(1.0),
    "jvp": lambda f: ta.jvp(f, (1.0,), (1.0,)),
    "vjp": lambda f: ta.vjp(f, 1.0),
    "taylor": lambda f: ta.taylor(f, 1.0, 2),
    "multivariate_taylor": lambda f: ta.multivariate_taylor(f, 1.0, 2),
    "derivative": lambda f: ta.derivative(f)(1.0),
    "derivatives": lambda f: ta.derivatives(f, 1.0, 2),
    "derivative_tensor": lambda f: ta.derivative_tensor(f, 2)(1.0),
    "hessian": lambda f: ta.hessian(f)(1.0),
    "hyperdual": lambda f: ta.hessian(f, method="hyperdual")(1.0),
    "by taylor": lambda f: ta.hessian(f, method="taylor")(1.0),
    "hessian_diagonal": lambda f: ta.hessian_diagonal(f)(1.0),
    "value_grad_hessian": lambda f: ta.value_grad_hessian(f)(1.0),
    "hvp": lambda f: ta.hvp(f)(1.0, 1.0),
    "third_order": lambda f: ta.third_order(f)(1.0, 1.0, 1.0),
}
NUMBERS = {
    "Taylor": ta.Taylor([1.0, 2.0]),
    "constant Taylor": ta.Taylor([1.0]),
    "Dual": ta.Dual(1.0, 1.0),
    "HyperDual": ta.HyperDual(1.0, 1.0, 1.0, 0.0),
    "MultivariateTaylor": ta.MultivariateTaylor.variables([1.0, 2.0], 2)[0],
}


@pytest.mark.parametrize("once", ONCE.values(), ids=ONCE)
@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS)
def test_numbers_made_by_hand_are_no_results(once, number):
    for f in (lambda x: number, lambda x: x * number, lambda x: number * np.sin(x)):
        with pytest.raises(OutputError, match=r"by hand.*plain results"):
            once(f)


@pytest.mark.parametrize("once", ONCE.values(), ids=ONCE)
@pytest.mark.parametrize("inner", ONCE.values(), ids=ONCE)
def test_numbers_of_an_inner_derivative_are_no_results(once, inner):
    """A number that was kept when its derivative was over belongs to nobody."""

    def leaking(x):
        kept = []
        inner(lambda y: (kept.append(y * x), y * y)[1])
        return kept[0] * x

    with pytest.raises((OutputError, ExpansionError), match="derivative that is over"):
        once(leaking)


def test_derivatives_whose_coefficients_are_too_small_for_floats():
    """1/200! underflows; the derivative it stands for is 1."""
    np.testing.assert_allclose(ta.derivatives(np.exp, 0.0, 200), np.ones(201), rtol=1e-13)
    np.testing.assert_allclose(ta.derivative(np.sin, 201)(0.3), np.cos(0.3), rtol=1e-13)
    np.testing.assert_allclose(
        ta.derivative(np.exp, 175)(np.array([0.0, 1.0])), [1, np.e], rtol=1e-13
    )
