"""What users teach taylorad works in every mode, or is refused with a reason."""

import functools
import math

import mpmath
import numpy as np
import pytest
import scipy.special

import taylorad as ta
from taylorad.testing import check_primitive

# --- one row of each kind --------------------------------------------------------------------


# Made when a test asks for them: the tests of the table see its own rows only.
@functools.cache
def row(name):
    rules = {
        "gd": {
            "function": lambda x: np.arctan(np.sinh(x)),
            "partials": lambda y, x: np.cos(y),
            "domain": ((-1.0, 1.0),),
            "exact": lambda mp, x: mp.atan(mp.sinh(x)),
        },
        "betaln": {
            "function": lambda a, b: scipy.special.betaln(a, b),
            "partials": lambda y, a, b: (
                scipy.special.digamma(a) - scipy.special.digamma(a + b),
                scipy.special.digamma(b) - scipy.special.digamma(a + b),
            ),
            "domain": ((0.5, 2.0), (0.5, 2.0)),
        },
        "power law": {
            "function": np.vectorize(math.pow),
            "partials": (lambda y, x, a: a * y / x, lambda y, x, a: y * np.log(x)),
            "domain": ((0.5, 2.0), (0.5, 2.0)),
        },
        "geometric": {
            "function": lambda x: 1 / (1 - x),
            "series": lambda x, order: np.stack([(1 - x) ** -(k + 1.0) for k in range(order + 1)]),
            "domain": ((-0.5, 0.5),),
        },
        "smoothed": {
            "function": lambda a: np.convolve(a, [0.25, 0.5, 0.25], "same"),
            "transpose": lambda g, shape: np.convolve(g, [0.25, 0.5, 0.25], "same"),
        },
        "rounded": {"function": lambda x: np.round(x, 1), "constant": True},
    }
    return ta.primitive(name=name, **rules[name])


@pytest.mark.parametrize("name", ["gd", "power law", "geometric", "betaln"])
def test_rows_pass_their_own_check(name):
    check_primitive(row(name))


def test_partials_that_are_no_elementwise_program():
    """A partial through a local series (digamma) has no recurrence: it is evaluated by degrees."""
    with mpmath.workdps(40):
        exact = mpmath.taylor(lambda x: mpmath.log(mpmath.beta(x, 2 * x + 1)), mpmath.mpf(1.5), 8)
    series = ta.taylor(lambda x: row("betaln")(x, 2 * x + 1), 1.5, 8)
    np.testing.assert_allclose(series.coefficients, np.array(exact, float), rtol=1e-12)
    f = lambda p: row("betaln")(p[0], p[1])
    p = np.array([1.5, 2.0])
    hessians = [ta.hessian(f, method=m)(p) for m in (None, "hyperdual", "taylor")]
    np.testing.assert_allclose(hessians[0], hessians[1], rtol=1e-13)
    np.testing.assert_allclose(hessians[0], hessians[2], rtol=1e-13)


def test_partials_that_branch():
    square = ta.primitive(lambda x: x * abs(x), partials=lambda y, x: 2 * x if x > 0 else -2 * x)
    np.testing.assert_allclose(ta.taylor(square, -1.5, 3).coefficients, [-2.25, 3, -1, 0])


def test_linear_rows():
    a, v = np.arange(5.0), np.array([1.0, -1, 2, 0, 3])
    f = lambda x: np.sum(row("smoothed")(x) ** 3)
    plain = lambda x: np.sum(np.convolve(x, [0.25, 0.5, 0.25], "same") ** 3)
    np.testing.assert_allclose(ta.grad(f)(a), ta.grad(plain)(a))
    np.testing.assert_allclose(ta.hessian(f)(a), ta.hessian(plain)(a))
    np.testing.assert_allclose(
        ta.taylor(f, a, 3, v).coefficients, ta.taylor(plain, a, 3, v).coefficients
    )
    np.testing.assert_allclose(ta.hvp(f)(a, v), ta.hessian(plain)(a) @ v)


def test_constant_rows():
    assert ta.grad(lambda x: x * row("rounded")(x))(1.23) == 1.2


def test_numpy_functions_get_rules():
    """A function of a library is recognised wherever user code calls it."""
    ta.primitive(scipy.special.j1, partials=lambda y, x: scipy.special.j0(x) - y / x)
    ta.primitive(scipy.special.j0, partials=lambda y, x: -scipy.special.j1(x))
    with mpmath.workdps(30):
        exact = mpmath.taylor(lambda x: mpmath.besselj(0, x), 2, 10)
    got = ta.taylor(lambda x: scipy.special.j0(x), 2.0, 10).coefficients
    np.testing.assert_allclose(got, np.array(exact, float), rtol=1e-11)


# --- custom derivatives ----------------------------------------------------------------------


def test_custom_derivative():
    @ta.custom_derivative
    def softplus(x):
        return np.log1p(np.exp(x))

    with pytest.raises(ValueError, match="defpartials"):
        softplus(1.0)

    @softplus.defpartials
    def _(y, x):
        return 1 / (1 + np.exp(-x))

    x = np.array([-1.0, 0.5])
    np.testing.assert_allclose(ta.jacobian(softplus)(x), np.diag(1 / (1 + np.exp(-x))))
    np.testing.assert_allclose(ta.derivative(softplus, 2)(0.0), 0.25)
    with mpmath.workdps(40):
        third = ta.derivative(softplus, 3)(mpmath.mpf(1))
        assert mpmath.almosteq(
            third, mpmath.diff(lambda t: mpmath.log1p(mpmath.exp(t)), 1, 3), 1e-30
        )


# --- refusals --------------------------------------------------------------------------------


SELECTING = {
    "maximum": lambda x: np.maximum(x, 0.1),
    "clip": lambda x: np.clip(x, 0, 9),
    "fmin": lambda x: np.fmin(x, 5.0),
    "heaviside": lambda x: np.heaviside(x, 1.0) * x,
    "where": lambda x: np.where(x > 0, x, 0.0),
    "abs": lambda x: np.abs(x),
    "array": lambda x: x * np.array(1.0),
}


@pytest.mark.parametrize("g", SELECTING.values(), ids=SELECTING)
def test_partials_that_select(g):
    half_square = ta.primitive(lambda x: x * x / 2, partials=lambda y, x: g(x))
    np.testing.assert_allclose(ta.taylor(half_square, 0.7, 3).coefficients, [0.245, 0.7, 0.5, 0])
    assert ta.hessian(half_square)(0.7) == 1


@pytest.mark.parametrize(
    "rules", [{}, {"partials": abs, "constant": True}, {"partials": abs, "series": abs}]
)
def test_one_kind_of_rule(rules):
    with pytest.raises(ta.errors.InputError, match="exactly one"):
        ta.primitive(lambda x: x, **rules)


def test_rules_are_functions():
    with pytest.raises(TypeError, match="not callable"):
        ta.primitive(lambda x: x, partials=3)
    with pytest.raises(TypeError, match="not callable"):
        ta.custom_derivative(3)
