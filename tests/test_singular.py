"""Singular points, ties and bad input: the right answer, or a clear exception.

What must never come out is a finite number that is wrong.
"""

import math
import warnings
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import scipy.special as sp
from oracles import cauchy

import taylorad as ta
from taylorad.errors import (
    ConversionError,
    ExpansionError,
    InputError,
    InputTypeError,
    OutputError,
    SingularityError,
)

mp = mpmath.mp


def coefficients(f, x=0.0, order=8):
    return ta.taylor(f, x, order).coefficients


def assert_series(got, exact):
    """Compare relative to each coefficient, and to the largest where it is an exact zero."""
    exact = np.array([float(mpmath.re(c)) for c in exact])
    np.testing.assert_allclose(got, exact, rtol=1e-12, atol=1e-15 * np.abs(exact).max())


# --- removable singularities -----------------------------------------------------------------

REMOVABLE = {
    "sin x / x": lambda np, x: np.sin(x) / x,
    "(1 - cos x) / x²": lambda np, x: (1 - np.cos(x)) / x**2,
    "log(sin x / x)": lambda np, x: np.log(np.sin(x) / x),
    "sin²x / x²": lambda np, x: np.sin(x) ** 2 / x**2,
    "x / (exp x - 1)": lambda np, x: x / (np.exp(x) - 1),
    "expm1 x / x": lambda np, x: np.expm1(x) / x,
    "tan x / x": lambda np, x: np.tan(x) / x,
    "(x - sin x) / x³": lambda np, x: (x - np.sin(x)) / x**3,
    "(tan x - sin x) / x³": lambda np, x: (np.tan(x) - np.sin(x)) / x**3,
    "1/sin x - 1/x over x": lambda np, x: (x - np.sin(x)) / (x * np.sin(x)) / x,
    "nested": lambda np, x: np.exp((np.sin(x) / x - 1) / x) / ((1 - np.cos(x)) / x**2),
    "sin(sin x) / sin x": lambda np, x: np.sin(np.sin(x)) / np.sin(x),
    "root of a removable one": lambda np, x: np.sqrt(np.sin(x) / x),
    "root of an even zero": lambda np, x: np.sqrt(1 - np.cos(x)) ** 2 / x**2,
    "log(1 + x) / sin x": lambda np, x: np.log(1 + x) / np.sin(x),
    "(exp x - 1 - x) / (cos x - 1)": lambda np, x: (np.exp(x) - 1 - x) / (np.cos(x) - 1),
    "power of a removable one": lambda np, x: (np.sin(x) / x) ** 2.5,
    "polynomials": lambda np, x: (x**5 - 3 * x**3) / (x**3 + x**4),
}


@pytest.mark.parametrize("name", REMOVABLE)
def test_removable_singularity(name):
    f = REMOVABLE[name]
    exact = cauchy(lambda x: f(mp, x), 0, mpmath.mpf(1) / 2, 12)
    assert_series(coefficients(lambda x: f(np, x), order=12), exact)


@pytest.mark.parametrize("name", REMOVABLE)
@pytest.mark.parametrize("order", [0, 1, 2])
def test_removable_singularity_at_low_order(name, order):
    """The orders that the division uses up are made up for."""
    f = REMOVABLE[name]
    low = coefficients(lambda x: f(np, x), order=order)
    assert len(low) == order + 1
    high = coefficients(lambda x: f(np, x), order=12)
    np.testing.assert_allclose(low, high[: order + 1], rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("name", REMOVABLE)
def test_singular_and_regular_points_in_one_array(name):
    f = REMOVABLE[name]
    x = np.array([[0.5, 0.0, -0.75], [0.0, 1.0, 2.0]])
    together = coefficients(lambda x: f(np, x), x, 6)
    for place in np.ndindex(x.shape):
        alone = coefficients(lambda x: f(np, x), x[place], 6)
        np.testing.assert_allclose(together[(slice(None), *place)], alone, rtol=1e-10, atol=1e-12)


def test_bernoulli_numbers():
    got = coefficients(lambda x: x / (np.exp(x) - 1), order=20)
    bernoulli = [mpmath.bernoulli(k) / mpmath.factorial(k) for k in range(21)]
    assert_series(got, bernoulli)


def test_hypot_of_two_that_vanish():
    """It is sqrt(x² + y²) there, whose argument vanishes to an even order."""
    np.testing.assert_array_equal(
        coefficients(lambda x: np.hypot(3 * x, 4 * x), 0.0, 3), [0, 5, 0, 0]
    )
    mixed = ta.taylor(lambda x: np.hypot(3 * x, 4 * x), np.array([0.0, 1.0]), 2).coefficients
    np.testing.assert_allclose(mixed, [[0, 5], [5, 5], [0, 0]], atol=1e-15)


def test_removable_singularity_elsewhere():
    f = lambda x: np.log(x) / (x - 1)
    assert_series(coefficients(f, 1.0), [(-1.0) ** k / (k + 1) for k in range(9)])
    at_two = coefficients(lambda x: (x**3 - 8) / (x - 2), 2.0, 4)
    np.testing.assert_array_equal(at_two, [12, 6, 1, 0, 0])


def test_derivatives_of_removable_singularities():
    f = lambda x: np.sin(x) / x
    assert ta.derivative(f, 2)(0.0) == pytest.approx(-1 / 3, rel=1e-15)
    np.testing.assert_allclose(ta.derivatives(f, 0.0, 4), [1, 0, -1 / 3, 0, 1 / 5], atol=1e-16)
    assert ta.derivative(lambda x: x * f(x) * f(2 * x), 3)(0.0) == pytest.approx(-5, rel=1e-14)


def right_or_refused(run, exact):
    """The right number, an ArithmeticError, or NaN after a RuntimeWarning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            got = np.asarray(run())
        except ArithmeticError:
            return
    if np.isnan(got).any() and caught:
        return
    np.testing.assert_allclose(got, exact, rtol=1e-12)


NESTED = {
    "derivative of derivative": lambda f: ta.derivative(ta.derivative(f))(0.0),
    "second of first": lambda f: ta.derivative(lambda x: ta.derivative(f)(x) * x, 2)(0.0) / 2,
    "gradient of derivative": lambda f: ta.grad(ta.derivative(f))(0.0),
    "derivative of gradient": lambda f: ta.derivative(ta.grad(f))(0.0),
    "gradient of gradient": lambda f: ta.grad(ta.grad(f))(0.0),
    "Hessian": lambda f: ta.hessian(f)(0.0),
    "hyperdual": lambda f: ta.hessian(f, method="hyperdual")(0.0),
    "multivariate": lambda f: ta.hessian(f, method="taylor")(0.0),
    "diagonal": lambda f: ta.hessian_diagonal(lambda x: f(x[0]))(np.array([0.0]))[0],
    "jvp of jvp": lambda f: ta.jvp(lambda x: ta.jvp(f, (x,), (1.0,))[1], (0.0,), (1.0,))[1],
    "hvp": lambda f: ta.hvp(f)(0.0, 1.0),
}


@pytest.mark.parametrize("name", NESTED)
def test_removable_singularity_in_nested_derivatives(name):
    """A valuation seen at one level says nothing of what the entries carry for the others."""
    right_or_refused(lambda: NESTED[name](lambda x: np.sin(x) / x), -1 / 3)
    right_or_refused(lambda: NESTED[name](lambda x: (1 - np.cos(x)) / x**2), -1 / 12)
    right_or_refused(lambda: NESTED[name](lambda x: np.sqrt(x**2 + x**4) / x), 1.0)
    right_or_refused(lambda: NESTED[name](lambda x: np.sqrt(x**4)), 2.0)


def test_zero_throughout_over_zero_is_refused():
    with pytest.raises(SingularityError):
        coefficients(lambda x: (x - x) / (x - x))
    with pytest.raises(SingularityError):
        coefficients(lambda x: np.sqrt(0 * x))


# --- powers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("base", [0.0, -2.0, 3.0])
@pytest.mark.parametrize("power", [0, 0.0, 1, 2, 2.0, 5.0, np.float64(3.0), np.int64(2)])
def test_whole_powers_of_any_base(base, power):
    n = int(power)
    exact = [math.comb(n, k) * base ** (n - k) if k <= n else 0.0 for k in range(9)]
    np.testing.assert_allclose(coefficients(lambda x: x**power, base), exact, rtol=1e-14)
    np.testing.assert_allclose(
        coefficients(lambda x: np.power(x, power), np.full(2, base))[:, 1], exact, rtol=1e-14
    )
    assert ta.grad(lambda x: x**power)(base) == pytest.approx(exact[1], rel=1e-15)
    for method in ("forward-over-reverse", "hyperdual", "taylor"):
        hessian = ta.hessian(lambda x: np.sum(x**power), method=method)(np.array([base]))
        assert hessian[0, 0] == pytest.approx(2 * exact[2], rel=1e-15)


@pytest.mark.parametrize("power", [-3, -3.0, -1.0])
def test_negative_whole_powers_of_negative_bases(power):
    n = int(power)
    binomial = [math.prod(n - j for j in range(k)) / math.factorial(k) for k in range(9)]
    exact = [b * (-2.0) ** (n - k) for k, b in enumerate(binomial)]
    np.testing.assert_allclose(coefficients(lambda x: x**power, -2.0), exact, rtol=1e-14)
    assert ta.grad(lambda x: x**power)(-2.0) == pytest.approx(exact[1], rel=1e-15)
    with pytest.raises(SingularityError):
        coefficients(lambda x: x**power, 0.0)


def test_power_zero_of_a_dual_number():
    x = ta.Dual(0.0, 1.0) ** 0
    assert (x.value, x.tangent) == (1.0, 0.0)
    y = ta.Dual(0.0, 1.0) ** np.array([0.0, 1.0, 2.0])
    np.testing.assert_array_equal(y.value, [1, 0, 0])
    np.testing.assert_array_equal(y.tangent, [0, 1, 0])


def test_derivative_beyond_the_degree_is_zero():
    for n in range(1, 12):
        assert ta.derivative(lambda x, n=n: x**n, n + 1)(0.0) == 0.0
        assert ta.derivative(lambda x, n=n: x**n, n)(0.0) == math.factorial(n)


def test_array_of_exponents_at_zero():
    powers = np.array([0.0, 1.0, 2.0, 3.0])
    got = coefficients(lambda x: x**powers, np.zeros(4), 3)
    np.testing.assert_array_equal(got, np.eye(4))
    np.testing.assert_array_equal(
        ta.jacobian(lambda x: x**powers)(np.zeros(4)).diagonal(), [0, 1, 0, 0]
    )


def test_a_power_that_is_differentiated_by_its_exponent():
    """At exponent 0 the partials vanish, and their derivatives do not."""
    f = lambda v: v[0] ** v[1]
    for x, a in ((2.0, 0.0), (0.5, 1.0), (3.0, 2.0), (1.0, 0.0)):
        log = math.log(x)
        mixed = x ** (a - 1) * (1 + a * log)
        exact = [[a * (a - 1) * x ** (a - 2), mixed], [mixed, x**a * log**2]]
        for method in ("forward-over-reverse", "hyperdual", "taylor"):
            got = ta.hessian(f, method=method)(np.array([x, a]))
            np.testing.assert_allclose(got, exact, rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(ta.derivative_tensor(f, 2)(np.array([x, a])), exact, rtol=1e-13)


def test_a_zero_base_differentiated_by_the_exponent():
    np.testing.assert_array_equal(ta.grad(lambda a: 0.0**a)(2.0), 0.0)
    np.testing.assert_array_equal(ta.grad(lambda v: v[0] ** v[1])(np.array([0.0, 2.0])), [0.0, 0.0])


def test_fractional_powers_of_fitting_zeros():
    np.testing.assert_allclose(
        coefficients(lambda x: (x * x) ** 1.5, order=5), [0, 0, 0, 1, 0, 0], atol=1e-16
    )
    got = coefficients(lambda x: np.sqrt(x * x + x**3), order=5)
    np.testing.assert_allclose(got, [0, *(sp.binom(0.5, k) for k in range(5))], atol=1e-16)
    np.testing.assert_allclose(coefficients(lambda x: np.cbrt(8 * x**3), order=3), [0, 2, 0, 0])
    np.testing.assert_allclose(coefficients(lambda x: np.cbrt(-8 * x**3), order=3), [0, -2, 0, 0])


def test_norm_at_zero_along_a_line():
    """|t| is analytic on the side we look at: the root of t² is t there."""
    got = ta.taylor(np.linalg.norm, np.zeros(2), 3, direction=np.array([3.0, 4.0])).coefficients
    np.testing.assert_allclose(got, [0, 5, 0, 0], atol=1e-15)
    got = coefficients(lambda t: np.linalg.norm(np.stack([t, t * t])), order=3)
    np.testing.assert_allclose(got, [0, 1, 0, 0.5], atol=1e-15)
    with pytest.raises(SingularityError):
        ta.multivariate_taylor(np.linalg.norm, np.zeros(2), 2)


def test_products_with_a_logarithm_at_zero():
    """x log y is 0 at x = 0; as x leaves 0 its derivatives are those of x log y."""
    got = coefficients(lambda x: sp.xlogy(x, 2 + x), order=3)
    np.testing.assert_allclose(got, [0, math.log(2), 0.5, -0.125], rtol=1e-14)
    got = coefficients(lambda x: sp.xlog1py(x, 1 + x), order=3)
    np.testing.assert_allclose(got, [0, math.log(2), 0.5, -0.125], rtol=1e-14)
    assert ta.grad(lambda y: sp.xlogy(0.0, y))(0.0) == 0.0
    assert ta.derivative(lambda y: sp.xlogy(0.0, y), 2)(3.0) == 0.0
    hessian = ta.hessian(lambda v: sp.xlogy(v[0], v[1]))(np.array([0.0, 2.0]))
    np.testing.assert_allclose(hessian, [[0, 0.5], [0.5, 0]], rtol=1e-15)


# --- ties ------------------------------------------------------------------------------------


def test_absolute_value_looks_at_the_leading_coefficient():
    assert ta.derivative(lambda x: np.abs(-(x**2)), 2)(0.0) == 2.0
    np.testing.assert_array_equal(coefficients(np.abs, order=2), [0, 1, 0])
    np.testing.assert_array_equal(coefficients(lambda x: np.abs(-x), order=2), [0, 1, 0])
    np.testing.assert_array_equal(coefficients(lambda x: abs(x**3 - x), order=3), [0, 1, 0, -1])
    got = coefficients(np.abs, np.array([-1.0, 0.0, 2.0]), 1)
    np.testing.assert_array_equal(got, [[1, 0, 2], [-1, 1, 1]])
    assert ta.grad(np.abs)(0.0) == 0.0


def test_maximum_of_equals():
    for f in (np.maximum, np.minimum, np.fmax, np.fmin):
        assert ta.derivative(lambda x, f=f: f(x, x))(1.0) == 1.0
        assert ta.grad(lambda x, f=f: f(x, x))(1.0) == 1.0
        assert ta.grad(lambda x, f=f: f(x * x, x * 1.0))(0.5) in (1.0, 2 * 0.5)


def test_maximum_at_a_tie_is_the_larger_just_past_it():
    f = lambda x: np.maximum(np.sin(x), x)  # sin x < x for x > 0
    np.testing.assert_array_equal(coefficients(f, order=3), [0, 1, 0, 0])
    g = lambda x: np.minimum(np.sin(x), x)
    np.testing.assert_allclose(coefficients(g, order=3), [0, 1, 0, -1 / 6])
    np.testing.assert_array_equal(coefficients(lambda x: np.maximum(x, 0.0), order=1), [0, 1])
    np.testing.assert_array_equal(coefficients(lambda x: np.minimum(x, 0.0), order=1), [0, 0])


def test_clip_at_its_ends():
    f = lambda x: np.clip(x, -1.0, 1.0)
    np.testing.assert_array_equal(coefficients(f, 1.0, 1), [1, 0])
    np.testing.assert_array_equal(coefficients(f, -1.0, 1), [-1, 1])
    np.testing.assert_array_equal(coefficients(f, np.array([-2.0, 0.0, 2.0]), 1)[1], [0, 1, 0])


def test_sorting_ties():
    f = lambda x: np.sort(np.stack([2 * x, x, x * x]))
    np.testing.assert_array_equal(coefficients(f, order=2).T, [[0, 0, 1], [0, 1, 0], [0, 2, 0]])
    g = lambda x: np.max(np.stack([x, -x, 2 * x]))
    np.testing.assert_array_equal(coefficients(g, order=1), [0, 2])
    assert int(ta.jvp(lambda x: np.argmax(np.stack([x, 2 * x])), (0.0,), (1.0,))[0]) == 1
    np.testing.assert_array_equal(ta.grad(np.max)(np.array([1.0, 1.0])), [1, 0])
    np.testing.assert_array_equal(
        ta.grad(lambda x: np.median(x))(np.array([1.0, 1.0, 1.0])), [0, 1, 0]
    )


def test_whole_part_is_constant():
    for f in (np.floor, np.ceil, np.trunc, np.rint, np.sign):
        assert ta.derivative(lambda x, f=f: f(x) * x)(1.5) == f(1.5)
        assert ta.grad(lambda x, f=f: f(x) * x)(-1.5) == f(-1.5)
    assert ta.derivative(lambda x: np.remainder(x, 1.0))(2.5) == 1.0
    assert ta.derivative(lambda y: np.remainder(7.0, y))(2.0) == -3.0
    assert ta.derivative(lambda x: np.heaviside(x, 0.5) * x)(0.0) == 0.5


# --- branch points and poles -----------------------------------------------------------------

SINGULAR = {
    "sqrt x": (np.sqrt, 0.0),
    "sqrt(x - x²)": (lambda x: np.sqrt(x - x * x), 0.0),
    "sqrt sin x": (lambda x: np.sqrt(np.sin(x)), 0.0),
    "cbrt x": (np.cbrt, 0.0),
    "x**2.5": (lambda x: x**2.5, 0.0),
    "x**-0.5": (lambda x: x**-0.5, 0.0),
    "(x³)**0.5": (lambda x: (x**3) ** 0.5, 0.0),
    "log x": (np.log, 0.0),
    "log x²": (lambda x: np.log(x * x), 0.0),
    "log2 x": (np.log2, 0.0),
    "log1p": (np.log1p, -1.0),
    "1/x": (lambda x: 1 / x, 0.0),
    "x/x²": (lambda x: x / x**2, 0.0),
    "cos x / sin x": (lambda x: np.cos(x) / np.sin(x), 0.0),
    "reciprocal": (np.reciprocal, 0.0),
    "x**-2": (lambda x: x**-2, 0.0),
    "arcsin": (np.arcsin, 1.0),
    "arccos": (np.arccos, -1.0),
    "arccosh": (np.arccosh, 1.0),
    "arctanh": (np.arctanh, 1.0),
    "arctan2": (lambda x: np.arctan2(x, x), 0.0),
    "x**x": (lambda x: x**x, 0.0),
    "0**x": (lambda x: 0.0**x, 0.0),
    "exp(1/x)": (lambda x: np.exp(1 / x), 0.0),
    "logit": (sp.logit, 0.0),
    "gamma": (sp.gamma, 0.0),
    "gamma at -2": (sp.gamma, -2.0),
    "gammaln": (sp.gammaln, 0.0),
    "digamma": (sp.digamma, -1.0),
    "xlogy": (lambda x: sp.xlogy(x, x), 0.0),
}


def value_and_warning(run):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        value = np.asarray(run())
    return value, any(issubclass(w.category, RuntimeWarning) for w in caught)


def never_wrongly_finite(f, x, run):
    """An ArithmeticError; or infinities and NaN, with a warning.

    The warning may be missing where the value itself is infinite and the function does not warn of
    that: SciPy's do not.
    """
    try:
        result, warned = value_and_warning(run)
    except ArithmeticError:
        return
    assert not np.all(np.isfinite(result)), result
    try:
        value, usual = value_and_warning(lambda: f(np.float64(x)))
    except ArithmeticError:
        return
    assert warned or (not np.isfinite(value) and not usual), result


@pytest.mark.parametrize("name", SINGULAR)
def test_singular_point_in_forward_modes(name):
    f, x = SINGULAR[name]
    never_wrongly_finite(f, x, lambda: coefficients(f, x, 4)[1:])
    never_wrongly_finite(f, x, lambda: coefficients(f, np.array([0.5, x]), 4)[1:, 1])
    never_wrongly_finite(f, x, lambda: ta.derivative(f, 2)(x))
    never_wrongly_finite(f, x, lambda: ta.jvp(f, (x,), (1.0,))[1])
    never_wrongly_finite(f, x, lambda: ta.multivariate_taylor(f, x, 2).coefficients[1:])
    never_wrongly_finite(f, x, lambda: ta.hessian(f, method="hyperdual")(x))
    never_wrongly_finite(f, x, lambda: ta.hessian(f, method="taylor")(x))


@pytest.mark.parametrize("name", [n for n in SINGULAR if n != "x**2.5"])
def test_singular_point_in_reverse_modes(name):
    f, x = SINGULAR[name]
    never_wrongly_finite(f, x, lambda: ta.grad(f)(x))
    never_wrongly_finite(f, x, lambda: ta.hessian(f)(x))


def test_a_branch_point_is_a_clear_arithmetic_error():
    for f in (np.sqrt, np.cbrt, lambda x: x**2.5):
        with pytest.raises(SingularityError, match="branch point") as caught:
            coefficients(f)
        assert isinstance(caught.value, ArithmeticError)
        assert "test_singular.py" in str(caught.value)
    with pytest.raises(SingularityError, match="pole of order 2"):
        coefficients(lambda x: np.cos(x) / x**2)


def test_derivatives_that_exist_before_a_branch_point():
    """x**2.5 is twice differentiable at 0, and x**1.5 once, from the right."""
    assert ta.grad(lambda x: x**2.5)(0.0) == 0.0
    assert ta.grad(lambda x: x**1.5)(0.0) == 0.0


# --- bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize("driver", [ta.taylor, ta.derivatives, ta.multivariate_taylor])
def test_bad_orders(driver):
    for order in (-1, np.int64(-3)):
        with pytest.raises(ValueError, match="order") as caught:
            driver(np.sin, 1.0, order)
        assert isinstance(caught.value, InputError)
    for order in (1.5, "2", None, True, 2.0):
        with pytest.raises(TypeError, match="order") as caught:
            driver(np.sin, 1.0, order)
        assert isinstance(caught.value, InputTypeError)


def test_bad_orders_of_functions_of_functions():
    for driver in (ta.derivative, ta.derivative_tensor):
        with pytest.raises(ValueError, match="order"):
            driver(np.sin, -1)
        with pytest.raises(TypeError, match="order"):
            driver(np.sin, 0.5)


DRIVERS = {
    "taylor": lambda f, x: ta.taylor(f, x, 2),
    "derivative": lambda f, x: ta.derivative(f)(x),
    "derivatives": lambda f, x: ta.derivatives(f, x, 2),
    "multivariate_taylor": lambda f, x: ta.multivariate_taylor(f, x, 2),
    "derivative_tensor": lambda f, x: ta.derivative_tensor(f, 2)(x),
    "grad": lambda f, x: ta.grad(f)(x),
    "value_and_grad": lambda f, x: ta.value_and_grad(f)(x),
    "jacobian": lambda f, x: ta.jacobian(f)(x),
    "hessian": lambda f, x: ta.hessian(f)(x),
    "hyperdual hessian": lambda f, x: ta.hessian(f, method="hyperdual")(x),
    "value_grad_hessian": lambda f, x: ta.value_grad_hessian(f)(x),
    "hvp": lambda f, x: ta.hvp(f)(x, x),
    "hessian_diagonal": lambda f, x: ta.hessian_diagonal(f)(x),
    "third_order": lambda f, x: ta.third_order(f)(x, x, x),
    "jvp": lambda f, x: ta.jvp(f, (x,), (x,)),
    "vjp": lambda f, x: ta.vjp(f, x),
}


@pytest.mark.parametrize("name", DRIVERS)
def test_bad_points(name):
    run = DRIVERS[name]
    for x in (np.array([1, 2]), np.int64(3), np.array([True]), np.longdouble(1.0), "1"):
        with pytest.raises(TypeError):
            run(np.sum, x)
    for x in (np.array([]), [], np.zeros((0, 3)), np.nan, np.array([1.0, np.nan])):
        with pytest.raises(ValueError, match=r"empty|NaN"):
            run(np.sum, x)
    for x in (1, [1, 2], 2.0, [0.5, 1]):  # numbers that Python code means as floats
        run(np.sum, x)


@pytest.mark.parametrize("name", DRIVERS)
def test_functions_that_return_nonsense(name):
    run = DRIVERS[name]
    for f in (lambda x: None, lambda x: "a", lambda x: [], lambda x: {"a": None}):
        with pytest.raises(OutputError):
            run(f, 1.5)


SCALAR = ["grad", "value_and_grad", "hessian", "hyperdual hessian", "value_grad_hessian", "hvp"] + [
    "hessian_diagonal",
    "third_order",
]


@pytest.mark.parametrize("name", SCALAR)
def test_functions_that_must_return_one_number(name):
    x = np.array([1.0, 2.0])
    for f in (lambda x: x, lambda x: x[:1], lambda x: (x[0], x[1])):
        with pytest.raises(OutputError, match=r"one number|jacobian"):
            DRIVERS[name](f, x)
    with pytest.raises(OutputError, match="complex"):
        DRIVERS[name](lambda x: x[0] * (1 + 2j), x)


def test_wrong_shapes():
    x = np.array([1.0, 2.0])
    f = lambda x: np.sum(x**2)
    with pytest.raises(InputError, match="fit"):
        ta.taylor(f, x, 2, direction=np.ones(3))
    with pytest.raises(InputError, match="fit"):
        ta.hvp(f)(x, np.ones(3))
    with pytest.raises(InputError, match="fit"):
        ta.third_order(f)(x, np.ones(2), np.ones(3))
    with pytest.raises(InputError):
        ta.jvp(f, (x,), (np.ones(3),))
    with pytest.raises(InputError):
        ta.jvp(f, (x,), (x, x))
    with pytest.raises(InputTypeError):
        ta.jvp(f, x, x)
    with pytest.raises(InputError):
        ta.vjp(np.sin, x)[1](np.ones(3))
    with pytest.raises(InputError, match="argnums"):
        ta.grad(f, argnums=1)(x)
    with pytest.raises(InputTypeError, match="argnums"):
        ta.grad(f, argnums="x")(x)
    with pytest.raises(InputError, match="method"):
        ta.hessian(f, method="magic")


def test_mixing_expansions():
    one, two = ta.Taylor.variable(1.0, 3), ta.Taylor.variable(1.0, 5)
    assert (one * two).order == 3
    x, y = ta.MultivariateTaylor.variables(np.array([1.0, 2.0]), 3)
    z, *_ = ta.MultivariateTaylor.variables(np.array([1.0, 2.0, 3.0]), 3)
    for a, b in ((x, z), (x, one), (one, ta.Dual(1.0, 1.0)), (ta.HyperDual(1.0, 1, 1, 0), y)):
        for combine in (lambda a, b: a + b, lambda a, b: a * b, np.hypot, np.maximum):
            with pytest.raises(ExpansionError, match="expansions"):
                combine(a, b)
        with pytest.raises(ExpansionError):
            np.stack([a, b])


def test_numbers_that_escape_from_their_derivative():
    kept = []

    def f(x):
        kept.append(x)
        return x * x

    ta.taylor(f, 2.0, 2)
    ta.taylor(f, 3.0, 2)
    product = kept[0] * kept[1]  # two variables: one is the other's coefficient
    assert product.value is not None
    for convert in (float, int, complex, math.sin, lambda x: [1, 2, 3][x]):
        with pytest.raises(ConversionError, match="derivatives"):
            ta.taylor(lambda x, convert=convert: convert(x), 1.0, 2)


def test_exact_numbers_at_singular_points():
    third = Fraction(1, 3)
    f = lambda x: (x**3 - third**3) / (x - third)
    assert list(coefficients(f, third, 3)) == [Fraction(1, 3), 1, 1, 0]
    with pytest.raises(ArithmeticError):
        coefficients(lambda x: 1 / (x - third), third)
    with pytest.raises(ArithmeticError):
        coefficients(np.sqrt, mpmath.mpf(0))
    with pytest.raises(ArithmeticError):
        coefficients(np.log, mpmath.mpf(0))
    with mp.workdps(40):
        got = coefficients(lambda x: np.sin(x) / x, mpmath.mpf(0), 6)
        for k, c in enumerate(got):
            exact = 0 if k % 2 else (-1) ** (k // 2) / mpmath.factorial(k + 1)
            assert abs(c - exact) < mpmath.mpf(10) ** -39
