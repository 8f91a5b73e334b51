"""Taylor series in one variable, against closed forms and mpmath."""

import copy
import math
import pickle
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from numpy.testing import assert_allclose

import taylorad as ta

# --- closed forms ----------------------------------------------------------------------------

CATALAN = [math.comb(2 * k, k) // (k + 1) for k in range(16)]
FIBONACCI = [0, 1]
while len(FIBONACCI) < 40:
    FIBONACCI.append(FIBONACCI[-1] + FIBONACCI[-2])


def variable(x=0.0, order=15):
    return ta.Taylor.variable(x, order)


def factorials(order):
    return np.array([math.factorial(k) for k in range(order + 1)], float)


CLOSED_FORMS = {
    "Bernoulli": (
        lambda x: x / np.expm1(x),
        [float(mpmath.bernoulli(k)) / math.factorial(k) for k in range(15)],
    ),
    "Catalan": (lambda x: 2 / (1 + np.sqrt(1 - 4 * x)), CATALAN),
    "Bell": (
        lambda x: np.exp(np.expm1(x)),
        [float(mpmath.bell(k)) / math.factorial(k) for k in range(16)],
    ),
    "Fibonacci": (lambda x: x / (1 - x - x**2), FIBONACCI[:16]),
    "central binomial": (
        lambda x: 1 / np.sqrt(1 - 4 * x),
        [math.comb(2 * k, k) for k in range(16)],
    ),
    "exp": (np.exp, 1 / factorials(15)),
}


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_closed_forms(name):
    f, expected = CLOSED_FORMS[name]
    y = f(variable())
    assert_allclose(y.coefficients[: len(expected)], expected, rtol=1e-12, atol=1e-16)


def test_fractions_stay_fractions():
    x = variable(Fraction(0), 39)
    c = (x / (1 - x - x**2)).coefficients
    assert c.dtype == object
    assert list(c) == FIBONACCI
    assert all(type(k) is Fraction for k in c)


def test_hundreds_of_digits():
    with mpmath.workdps(120):
        x = mpmath.mpf(1) / 3
        y = np.sin(variable(x, 30))
        assert isinstance(y.value, mpmath.mpf)
        for k, c in enumerate(y.coefficients):
            exact = mpmath.sin(x + k * mpmath.pi / 2) / mpmath.factorial(k)
            assert abs(c - exact) < mpmath.mpf(10) ** -115


# --- making them -----------------------------------------------------------------------------


def test_coefficients_are_normalised():
    y = np.exp(2 * variable(0.0, 5))
    assert y.order == 5
    assert_allclose(y.coefficients, 2.0 ** np.arange(6) / factorials(5))
    assert_allclose([y.derivative(k) for k in range(6)], 2.0 ** np.arange(6))


def test_derivative_of_high_order():
    # 200! is no float, 200! / 200! is.
    assert_allclose(np.exp(variable(0.0, 200)).derivative(150), 1.0, rtol=1e-12)
    y = ta.Taylor(np.zeros(201) + 1e-300)
    assert_allclose(y.derivative(200), float(mpmath.factorial(200) * mpmath.mpf(1e-300)))


@pytest.mark.parametrize(
    ("coefficients", "dtype"),
    [([1, 2], float), ([1.0, 2.0], float), ([1j, 2], complex), ([Fraction(1, 2), 1], object)],
)
def test_kinds_of_numbers(coefficients, dtype):
    t = ta.Taylor(coefficients)
    assert t.coefficients.dtype == dtype
    assert list(t.coefficients) == coefficients


def test_input_is_not_kept():
    c = np.array([1.0, 2.0])
    t = ta.Taylor(c)
    c[0] = 5.0
    assert t.value == 1.0


def test_values_of_any_shape():
    x = np.linspace(0.1, 0.6, 6).reshape(2, 3)
    y = np.sin(variable(x, 4))
    assert y.shape == (2, 3)
    assert y.coefficients.shape == (5, 2, 3)
    assert_allclose(y.derivative(3), -np.cos(x))
    assert_allclose(y[1, 2].coefficients, np.sin(variable(x[1, 2], 4)).coefficients)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: ta.Taylor(1.0), ta.errors.InputError),
        (lambda: ta.Taylor([]), ta.errors.InputError),
        (lambda: ta.Taylor([[1.0], [1.0, 2.0]]), ta.errors.InputError),
        (lambda: ta.Taylor(["a"]), ta.errors.InputTypeError),
        (lambda: ta.Taylor(variable()), ta.errors.InputTypeError),
        (lambda: variable(0.0, -1), ta.errors.InputError),
        (lambda: variable(0.0, 1.5), ta.errors.InputTypeError),
        (lambda: variable(0.0, 3).truncate(4), ta.errors.InputError),
        (lambda: variable(0.0, 3).derivative(4), ta.errors.InputError),
        (lambda: variable(0.0, 0).differentiate(), ta.errors.InputError),
        (lambda: variable(0.0, 0).inverse(), ta.errors.InputError),
        (lambda: variable(0.0, 3).pade(2, 2), ta.errors.InputError),
        (lambda: variable(0.0, 3)(variable(1.0, 3)), ta.errors.InputError),
        (lambda: (variable() ** 2).inverse(), ta.errors.SingularityError),
    ],
)
def test_refusals(make, error):
    with pytest.raises(error):
        make()


# --- calculus --------------------------------------------------------------------------------


def test_differentiate_and_integrate():
    x = variable(0.3, 10)
    assert_allclose(np.sin(x).differentiate().coefficients, np.cos(x).coefficients[:10])
    back = np.cos(x).integrate(np.sin(0.3))
    assert back.order == 11
    assert_allclose(back.coefficients[:11], np.sin(x).coefficients)


def test_integral_of_vectors_and_fractions():
    y = variable([1.0, 2.0], 2).integrate([5.0, 6.0])
    assert_allclose(y.value, [5.0, 6.0])
    assert list(variable(Fraction(1), 1).integrate().coefficients) == [0, 1, Fraction(1, 2)]


def test_evaluation():
    y = np.exp(variable(0.0, 20))
    t = np.linspace(-1, 1, 7)
    assert_allclose(y(t), np.exp(t))
    assert np.shape(y(0.5)) == ()
    assert_allclose(y(0.5j), np.exp(0.5j))
    assert variable(Fraction(1), 2)(Fraction(1, 3)) == Fraction(4, 3)
    assert_allclose(float(y(mpmath.mpf(0.5))), np.exp(0.5))


def test_displacements_broadcast_against_the_value():
    x = np.array([0.1, 0.2, 0.3])
    y = np.exp(variable(x, 15))
    t = np.array([[0.5], [-0.5]])
    assert_allclose(y(t), np.exp(x + t))
    assert y.truncate(0)(t).shape == (2, 3)


@pytest.mark.parametrize("order", [0, 1, 2, 7, 30, 80])
def test_composition(order):
    inner = np.sin(variable(0.2, order)) - np.sin(0.2)
    outer = np.exp(variable(np.sin(0.2), order))
    expected = np.exp(np.sin(variable(0.2, order)))
    assert_allclose(outer(inner).coefficients, expected.coefficients, rtol=1e-10, atol=1e-13)


def test_composition_takes_the_lower_order_and_broadcasts():
    assert np.exp(variable(0.0, 9))(variable(0.0, 4)).order == 4
    assert np.exp(variable(0.0, 3))(variable(0.0, 4)).order == 3
    y = np.exp(variable([0.0, 1.0], 4))(2 * variable(0.0, 4))
    assert_allclose(y.value, np.exp([0.0, 1.0]))
    assert_allclose(y.derivative(4), 16 * np.exp([0.0, 1.0]))


def test_composition_with_several_variables():
    u, v = ta.MultivariateTaylor.variables([0.0, 0.0], 4)
    y = np.exp(variable(0.0, 4))(u * v)
    assert_allclose(y.coefficients, np.exp(u * v).coefficients)


def test_composition_at_a_dual_displacement():
    y = np.exp(variable(0.0, 20))(ta.Dual(0.5, 1.0))
    assert_allclose([y.value, y.tangent], np.exp(0.5))


def test_reversion_of_lambert():
    x = variable(Fraction(0), 20)
    c = [Fraction((-1) ** (k - 1), math.factorial(k - 1)) if k else Fraction(0) for k in range(21)]
    w = ta.Taylor(c).inverse()
    expected = [Fraction(k ** (k - 1), math.factorial(k)) if k else 0 for k in range(21)]
    assert list(w.coefficients) == expected
    assert list(ta.Taylor(c)(w).coefficients) == list(x.coefficients)


def test_reversion_in_floats():
    t = np.tan(variable(0.0, 25)).inverse()
    assert_allclose(t.coefficients, np.arctan(variable(0.0, 25)).coefficients, atol=1e-13)
    x = variable([0.5, 2.0], 12)
    inverse = np.log(x).inverse()
    assert inverse.shape == (2,)
    assert_allclose(inverse.derivative(3), [0.5, 2.0])
    assert_allclose(np.log(x)(inverse).coefficients[2:], 0.0, atol=1e-12)


# --- as values -------------------------------------------------------------------------------

EXP = [1.0, 1.0, 0.5, 1 / 6]


@pytest.mark.parametrize(
    ("series", "text"),
    [
        (ta.Taylor(EXP[:3]), "Taylor(1 + t + 0.5 t² + O(t³))"),
        (ta.Taylor([0.0, -1.0, 0.0, -0.25]), "Taylor(-t - 0.25 t³ + O(t⁴))"),
        (ta.Taylor([0.0, 0.0]), "Taylor(0 + O(t²))"),
        (ta.Taylor([1j, 1 - 2j]), "Taylor((0+1j) + (1-2j) t + O(t²))"),
        (ta.Taylor([Fraction(1, 2), Fraction(-1)]), "Taylor(1/2 - t + O(t²))"),
        (ta.Taylor([mpmath.mpf(2), mpmath.mpf("0.25")]), "Taylor(2 + 0.25 t + O(t²))"),
        (ta.Taylor([[1, 2], [0, 1]]), "Taylor([1, 2] + [0, 1] t + O(t²))"),
        (ta.Taylor(np.ones((1, 99))), "Taylor([1, 1, ..., 1, 1] + O(t))"),
        (
            ta.Taylor(np.ones(13)),
            "Taylor(1 + t + t² + t³ + t⁴ + t⁵ + t⁶ + t⁷ + … + O(t¹³))",
        ),
        (ta.Taylor([1.0, 1.0]).pade(1, 0), "Pade((1 + t) / (1))"),
    ],
)
def test_repr(series, text):
    assert repr(series) == text


@pytest.mark.parametrize(
    ("series", "latex"),
    [
        (ta.Taylor(EXP[:3]), "$1 + t + 0.5 t^{2} + O(t^{3})$"),
        (ta.Taylor([Fraction(-1, 2), Fraction(3)]), r"$-\frac{1}{2} + 3 t + O(t^{2})$"),
        (ta.Taylor([1e-7, 0.0]), r"$1 \times 10^{-7} + O(t^{2})$"),
        (ta.Taylor([math.inf, 0.0]), r"$\infty + O(t^{2})$"),
        (ta.Taylor([1.0, 1.0]).pade(1, 0), r"$\frac{1 + t}{1}$"),
    ],
)
def test_latex(series, latex):
    assert series._repr_latex_() == latex


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
@pytest.mark.parametrize(
    "series",
    [
        ta.Taylor(EXP),
        ta.Taylor([[1.0, 2.0], [3.0, 4.0]]),
        ta.Taylor([Fraction(1, 3), mpmath.mpf(2)]),
    ],
)
def test_copies(series, copied):
    twin = copied(series)
    assert type(twin) is ta.Taylor
    assert twin.order == series.order
    assert np.array_equal(twin.coefficients, series.coefficients)
    assert np.array_equal((twin * series).coefficients, (series * series).coefficients)
    if series.shape:
        twin[0] = 9.0
        assert series.value[0] == 1.0


def test_pickle_is_small():
    assert len(pickle.dumps(ta.Taylor(np.ones(100)))) < 2000


def test_orders_mix_to_the_lower():
    assert (variable(0.0, 3) + variable(0.0, 5)).order == 3


def test_derivative_with_respect_to_coefficients():
    # d/ds of exp(s t): t exp(s t).
    def f(s):
        return np.exp(s * ta.Taylor([0.0, 1.0, 0.0, 0.0])).derivative(3)

    assert_allclose(ta.derivative(f)(2.0), 12.0)
    assert_allclose(
        ta.grad(lambda s: np.exp(variable(s, 4))(0.5))(0.0),
        float(np.polyval([1 / 24, 1 / 6, 1 / 2, 1, 1], 0.5)),
    )


def test_derivative_with_respect_to_the_displacement():
    y = np.exp(variable(0.0, 25))
    assert_allclose(ta.derivative(y, order=3)(0.5), np.exp(0.5))


def test_plot():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    ax = np.log(variable([1.0, 2.0], 12)).plot(plt.figure().gca(), label="log")
    curves = [line for line in ax.lines if len(line.get_xdata()) == 400]
    assert len(curves) == 2
    t = curves[0].get_xdata()
    assert_allclose(t[-1], 2.2)
    assert len(ax.lines) == 2 + 4
    with pytest.raises(ta.errors.InputTypeError, match="complex"):
        ta.Taylor([1j, 1.0]).plot()
    plt.close("all")
