"""Taylor series in several variables, against closed forms."""

import copy
import itertools
import math
import pickle
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from numpy.testing import assert_allclose

import taylorad as ta


def variables(x=(0.0, 0.0), order=4):
    return ta.MultivariateTaylor.variables(x, order)


def test_variables():
    x = variables([1.0, 2.0, 3.0], 2)
    assert x.shape == (3,)
    assert x.order == 2
    assert_allclose(x.value, [1.0, 2.0, 3.0])
    assert_allclose(x.gradient(), np.eye(3))
    assert x.monomials[:4] == ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))
    assert x.monomials[4:7] == ((2, 0, 0), (1, 1, 0), (1, 0, 1))
    assert x.coefficients.shape == (10, 3)
    assert variables([1.0], 0).coefficients.shape == (1, 1)


def test_coefficients_of_exp():
    x, y = variables(order=6)
    f = np.exp(2 * x + 3 * y)
    for i, j in f.monomials:
        expected = 2.0**i * 3.0**j / math.factorial(i) / math.factorial(j)
        assert_allclose(f.coefficient((i, j)), expected)


@pytest.mark.parametrize(("n", "order"), [(10, 4), (4, 10)])
def test_many_variables(n, order):
    a = np.arange(1.0, n + 1) / n
    f = np.exp(a @ variables(np.zeros(n), order))
    exponents = f.monomials[-1]
    expected = a[-1] ** order / math.factorial(order)
    assert exponents[-1] == order
    assert_allclose(f.coefficients[-1], expected)
    assert_allclose(f(a / 4), np.exp(a @ a / 4), rtol=1e-2)


def test_gradient_hessian_tensor():
    def f(x):
        return np.log(x[0]) + x[0] * x[1] - np.sin(x[1])

    y = f(variables([2.0, 5.0], 3))
    assert_allclose(y.value, 11.65207145522308378)
    assert_allclose(y.gradient(), [5.5, 1.71633781453677374])
    assert_allclose(y.hessian(), [[-0.25, 1], [1, -0.958924274663138]])
    third = np.zeros((2, 2, 2))
    third[0, 0, 0], third[1, 1, 1] = 2 / 8, np.cos(5.0)
    assert_allclose(y.tensor(3), third)
    assert_allclose(y.tensor(0), y.value)


def test_tensor_contracts_to_directional_derivatives():
    x = variables([1.0, 2.0, 3.0], 3)
    f = x[0] ** 3 * x[1] + x[1] ** 3 * x[2] + x[2] ** 3 * x[0]
    d = np.array([1.0, -1.0, 2.0])
    assert_allclose(f.tensor(3) @ d @ d, [72.0, -24.0, 108.0])


def test_values_with_axes_keep_them_in_front():
    x = variables([1.0, 2.0], 2)
    f = np.outer(x, x)
    assert f.shape == (2, 2)
    assert f.gradient().shape == (2, 2, 2)
    assert f.hessian().shape == (2, 2, 2, 2)
    assert_allclose(f.gradient()[0, 1], [2.0, 1.0])
    assert_allclose(f.hessian()[1, 1], [[0.0, 0.0], [0.0, 2.0]])


def test_fractions():
    x, y = variables([Fraction(1), Fraction(2)], 3)
    f = 1 / (x + y)
    assert f.coefficient((2, 1)) == Fraction(-3, 81)
    assert f.hessian()[0, 1] == Fraction(2, 27)
    assert f([Fraction(0), Fraction(0)]) == Fraction(1, 3)
    assert f.coefficients.dtype == object


def test_evaluation():
    x, y = variables(order=14)
    f = np.exp(x) * np.cos(y)
    assert_allclose(f([0.3, 0.2]), np.exp(0.3) * np.cos(0.2))
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (4, 3, 2))
    assert_allclose(f(points), np.exp(points[..., 0]) * np.cos(points[..., 1]))
    vector = np.stack([f, x])
    assert vector(points).shape == (4, 3, 2)
    assert_allclose(vector(points)[..., 1], points[..., 0], atol=1e-16)


def test_composition():
    s, t = variables([0.2, 0.1], 6)
    inner = np.stack([np.sin(s * t), s + t**2])
    at = inner.value
    x, y = variables(at, 6)
    outer = np.exp(x) / (1 + y)
    expected = np.exp(inner[0]) / (1 + inner[1])
    assert_allclose(outer(inner - at).coefficients, expected.coefficients, atol=1e-13)


def test_composition_with_one_variable():
    x, y = variables(order=8)
    t = ta.Taylor.variable(0.0, 5)
    composed = np.exp(x + 2 * y)([np.sin(t), t**2])
    assert type(composed) is ta.Taylor
    assert composed.order == 5
    assert_allclose(composed.coefficients, np.exp(np.sin(t) + 2 * t**2).coefficients, atol=1e-15)


def test_differentiate_and_integrate():
    x, y = variables([0.5, 0.2], 5)
    f = np.exp(x * y)
    assert_allclose(f.differentiate(0).coefficients, (y * f).truncate(4).coefficients)
    assert_allclose(f.differentiate(1).coefficients, (x * f).truncate(4).coefficients)
    back = f.integrate(1, 7.0)
    assert back.value == 7.0
    assert back.order == 6
    assert_allclose(back.differentiate(1).coefficients, f.coefficients)


def test_inverse_of_a_map():
    x, y = variables([0.3, 0.4], 8)
    f = np.stack([np.exp(x) * np.cos(y), np.exp(x) * np.sin(y)])
    g = f.inverse()
    identity = variables(order=8).coefficients
    assert_allclose(g(f - f.value).coefficients, identity, atol=1e-9)
    assert_allclose((f(g) - f.value).coefficients, identity, atol=1e-10)
    u, v = variables(f.value, 8)
    exact = np.stack([0.5 * np.log(u**2 + v**2), np.arctan2(v, u)])
    assert_allclose(g.coefficients[1:], exact.coefficients[1:], rtol=1e-9, atol=1e-9)


def test_inverse_of_a_map_in_fractions():
    x, y = variables([Fraction(0), Fraction(0)], 5)
    f = np.stack([y + x**2, x - y**2 * x])
    g = f.inverse()
    assert np.array_equal(f(g).coefficients, variables(order=5).coefficients)
    assert all(type(c) is Fraction for c in g.coefficients.flat)


def test_inverse_of_one_variable_agrees_with_taylor():
    f = np.tan(variables([0.5], 9))
    expected = np.tan(ta.Taylor.variable(0.5, 9)).inverse()
    assert_allclose(f.inverse().coefficients[:, 0], expected.coefficients, atol=1e-13)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: variables(1.0, 2), ta.errors.InputError),
        (lambda: variables([], 2), ta.errors.InputError),
        (lambda: variables([1.0], -2), ta.errors.InputError),
        (lambda: ta.MultivariateTaylor(np.ones(4), 2), ta.errors.InputError),
        (lambda: ta.MultivariateTaylor(np.ones(4), 0), ta.errors.InputError),
        (lambda: variables()[0].coefficient((1,)), ta.errors.InputError),
        (lambda: variables()[0].coefficient((4, 1)), ta.errors.InputError),
        (lambda: variables()[0].coefficient((-1, 1)), ta.errors.InputError),
        (lambda: variables().tensor(5), ta.errors.InputError),
        (lambda: variables(order=0).gradient(), ta.errors.InputError),
        (lambda: variables().differentiate(2), ta.errors.InputError),
        (lambda: variables().differentiate("x"), ta.errors.InputTypeError),
        (lambda: variables(order=0).differentiate(0), ta.errors.InputError),
        (lambda: variables()([1.0, 2.0, 3.0]), ta.errors.InputError),
        (lambda: variables()(1.0), ta.errors.InputError),
        (lambda: variables()(variables([1.0, 0.0])), ta.errors.InputError),
        (lambda: variables()[0].inverse(), ta.errors.InputError),
        (lambda: (variables() ** 2).inverse(), ta.errors.SingularityError),
        (lambda: variables() + variables([0.0] * 3), ta.errors.ExpansionError),
    ],
)
def test_refusals(make, error):
    with pytest.raises(error):
        make()


def test_repr_and_latex():
    x, y = variables([1.0, 0.0], 2)
    f = x * y - y**2 / 2
    assert repr(f) == "MultivariateTaylor(t₂ + t₁ t₂ - 0.5 t₂² + O(t³))"
    assert f._repr_latex_() == "$t_{2} + t_{1} t_{2} - 0.5 t_{2}^{2} + O(t^{3})$"


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
@pytest.mark.parametrize("point", [[1.0, 2.0], [Fraction(1), mpmath.mpf(2)]])
def test_copies(point, copied):
    x = variables(point, 3)
    twin = copied(x)
    assert type(twin) is ta.MultivariateTaylor
    assert np.array_equal(twin.coefficients, x.coefficients)
    assert np.array_equal((twin * x).coefficients, (x * x).coefficients)


def test_pickle_is_small():
    assert len(pickle.dumps(variables(np.zeros(3), 8)[0])) < 3000


def test_monomials_are_all_there():
    monomials = variables(np.zeros(3), 4).monomials
    expected = {m for m in itertools.product(range(5), repeat=3) if sum(m) <= 4}
    assert len(monomials) == len(expected)
    assert set(monomials) == expected
