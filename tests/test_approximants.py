"""Padé approximants and the radius of convergence of series."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from numpy.testing import assert_allclose

import taylorad as ta


def variable(x=0.0, order=15):
    return ta.Taylor.variable(x, order)


@pytest.mark.parametrize(("m", "n"), [(0, 0), (3, 0), (0, 3), (2, 3), (4, 4)])
def test_pade_of_exp_in_fractions(m, n):
    c = [Fraction(1, math.factorial(k)) for k in range(m + n + 1)]
    r = ta.Taylor(c).pade(m, n)

    def exact(a, b, sign):
        return [
            Fraction(sign**j * math.factorial(m + n - j) * math.comb(a, j), math.factorial(m + n))
            for j in range(a + 1)
        ]

    assert list(r.numerator) == exact(m, n, 1)
    assert list(r.denominator) == exact(n, m, -1)
    assert abs(r(Fraction(1, 10)) - Fraction(math.exp(0.1))) < 0.2 ** (m + n + 1)


def test_pade_in_floats():
    r = np.exp(variable(0.0, 12)).pade(6, 6)
    assert_allclose(r(1.0), math.e, rtol=1e-12)
    vector = np.exp(variable(0.0, 8) * np.array([1.0, 1000.0])).pade(4, 4)
    assert vector.denominator.shape == (5, 2)
    assert_allclose(vector(1e-3), np.exp([1e-3, 1.0]), rtol=1e-7)
    assert_allclose(vector.numerator[1], [0.5, 500.0])


def test_poles():
    x = variable(0.0, 3)
    poles = (1 / (1 + x**2)).pade(0, 2).poles()
    assert_allclose(sorted(poles, key=np.imag), [-1j, 1j], atol=1e-14)
    z = variable(mpmath.mpf(0), 3)
    poles = (1 / ((1 - z) * (2 - z))).pade(0, 2).poles()
    assert [mpmath.nstr(p, 15) for p in poles] == ["1.0", "2.0"]
    with pytest.raises(ta.errors.InputError, match="one entry"):
        np.exp(variable([0.0, 1.0], 2)).pade(1, 1).poles()


@pytest.mark.parametrize("x", [0.3, Fraction(1, 3)])
def test_degenerate_pade(x):
    geometric = ta.Taylor([x**k for k in range(9)])
    assert abs(geometric.pade(0, 1).poles()[0] - 1 / x) < 1e-14
    with pytest.raises(ta.errors.SingularityError, match="lower a degree"):
        geometric.pade(3, 3)


RADII = {
    "1/(1-x)": (lambda x: 1 / (1 - x), 0.0, 1.0),
    "log at 2": (np.log, 2.0, 2.0),
    "Runge at 0": (lambda x: 1 / (1 + x**2), 0.0, 1.0),
    "Runge at 1": (lambda x: 1 / (1 + x**2), 1.0, math.sqrt(2)),
    "tan": (np.tan, 0.0, math.pi / 2),
    "tanh at 0.3": (np.tanh, 0.3, abs(0.3 + 0.5j * math.pi)),
    "sqrt": (lambda x: np.sqrt(1 + x), 0.0, 1.0),
    "golden": (lambda x: 1 / (1 - x - x**2), 0.0, (math.sqrt(5) - 1) / 2),
    "period 4": (lambda x: 1 / (1 + x**4), 0.0, 1.0),
    "three poles": (lambda x: 1 / np.sqrt(np.sin(x) ** 3 + np.cos(x) ** 3), 1.5, 0.856194490192345),
    "complex pole": (lambda x: 1 / (x - (1 + 2j)), 0.0, math.sqrt(5)),
    "exp": (np.exp, 1.0, math.inf),
    "sin": (np.sin, 0.0, math.inf),
    "Gauss": (lambda x: np.exp(-(x**2)), 0.5, math.inf),
    "polynomial": (lambda x: x**3 - x, 1.0, math.inf),
    "constant": (lambda x: 0 * x, 1.0, math.inf),
}


@pytest.mark.parametrize("name", RADII)
def test_radius(name):
    f, x, expected = RADII[name]
    assert_allclose(f(variable(x, 40)).radius(), expected, rtol=1e-3)


def test_radius_of_each_entry():
    assert_allclose(np.log(variable([1.0, 3.0], 20)).radius(), [1.0, 3.0])


def test_radius_of_numbers_beyond_floats():
    x = variable(Fraction(0), 40)
    assert_allclose((1 / (1 - 10**20 * x)).radius(), 1e-20)
    assert math.isnan(ta.Taylor([1.0] * 10 + [math.nan]).radius())


def test_radius_wants_enough_coefficients():
    with pytest.raises(ta.errors.InputError, match="order"):
        np.tan(variable(0.0, 6)).radius()
