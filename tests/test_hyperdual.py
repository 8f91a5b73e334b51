"""Dual and hyperdual numbers."""

import copy
import pickle
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from numpy.testing import assert_allclose

import taylorad as ta
from taylorad.forward.algebra import dual, hyperdual


def test_dual():
    y = np.sin(ta.Dual(0.5, 2.0))
    assert_allclose([y.value, y.tangent], [np.sin(0.5), 2 * np.cos(0.5)])


def test_dual_to_the_power_0():
    y = ta.Dual(0.0, 1.0) ** 0
    assert (y.value, y.tangent) == (1.0, 0.0)


def test_hyperdual_of_fike_and_alonso():
    x = ta.HyperDual(1.5, 1.0, 1.0, 0.0)
    y = np.exp(x) / np.sqrt(np.sin(x) ** 3 + np.cos(x) ** 3)
    expected = [4.49778005394616195, 4.05342789389862066, 4.05342789389862066, 9.4630736815966073]
    assert_allclose([y.value, y.e1, y.e2, y.e12], expected, rtol=1e-14)


def test_hyperdual_chain_rule():
    a, b, c, d = 0.7, 2.0, 3.0, 5.0
    y = np.exp(ta.HyperDual(a, b, c, d))
    assert_allclose([y.value, y.e1, y.e2, y.e12], np.exp(a) * np.array([1, b, c, d + b * c]))


def test_mixed_derivative():
    x, y = ta.HyperDual(1.0, 1.0, 0.0, 0.0), ta.HyperDual(2.0, 0.0, 1.0, 0.0)
    f = x**2 * y**3
    assert (f.value, f.e1, f.e2, f.e12) == (8.0, 16.0, 12.0, 24.0)


def test_components_broadcast():
    x = ta.HyperDual([1.0, 2.0], 1, 1, 0)
    assert x.shape == (2,)
    y = x**3
    assert_allclose(y.e12, [6.0, 12.0])
    assert ta.Dual(1.0, [[1.0, 2.0]]).shape == (1, 2)


def test_exact_numbers():
    y = ta.HyperDual(Fraction(1, 3), 1, 1, 0) ** 3
    assert (y.value, y.e1, y.e12) == (Fraction(1, 27), Fraction(1, 3), 2)
    with mpmath.workdps(50):
        third = mpmath.mpf(1) / 3
        y = np.exp(ta.Dual(third, 1))
        assert abs(y.tangent - mpmath.exp(third)) < mpmath.mpf(10) ** -48


def test_several_directions():
    c = np.arange(12.0).reshape(6, 2)
    x = ta.HyperDual.of(c, hyperdual(2, 1))
    assert_allclose(x.e1, c[1:3])
    assert_allclose(x.e2, c[3:4])
    assert_allclose(x.e12, c[4:].reshape(2, 1, 2))
    assert_allclose(ta.Dual.of(c, dual(5)).tangent, c[1:])


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: ta.Dual([1.0, 2.0], [1.0, 2.0, 3.0]), ta.errors.InputError),
        (lambda: ta.Dual("1", 0.0), ta.errors.InputTypeError),
        (lambda: ta.Dual(ta.Dual(1.0, 0.0), 1.0), ta.errors.InputTypeError),
        (lambda: ta.Dual(1.0, 1.0) + ta.HyperDual(1, 1, 1, 0), ta.errors.ExpansionError),
        (lambda: ta.Dual(1.0, 1.0) + ta.Taylor([1.0, 1.0]), ta.errors.ExpansionError),
    ],
)
def test_refusals(make, error):
    with pytest.raises(error):
        make()


@pytest.mark.parametrize(
    ("number", "text", "latex"),
    [
        (ta.Dual(1.0, 2.0), "Dual(1 + 2 ε)", r"$1 + 2 \varepsilon$"),
        (ta.Dual(1.0, 0.0), "Dual(1 + 0 ε)", r"$1 + 0 \varepsilon$"),
        (ta.Dual([1.0, 2.0], 1.0), "Dual([1, 2] + [1, 1] ε)", r"$[1, 2] + [1, 1] \varepsilon$"),
        (
            ta.HyperDual(1.0, 2.0, -3.0, 0.5),
            "HyperDual(1 + 2 ε₁ - 3 ε₂ + 0.5 ε₁ε₂)",
            r"$1 + 2 \varepsilon_{1} - 3 \varepsilon_{2} + 0.5 \varepsilon_{1}\varepsilon_{2}$",
        ),
    ],
)
def test_repr(number, text, latex):
    assert repr(number) == text
    assert number._repr_latex_() == latex


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
@pytest.mark.parametrize(
    "number",
    [
        ta.Dual(1.0, 2.0),
        ta.Dual.of(np.ones((4, 2)), dual(3)),
        ta.HyperDual(1.0, 2.0, 3.0, 4.0),
        ta.HyperDual.of(np.ones((12, 2)), hyperdual(3, 2)),
        ta.Dual(Fraction(1, 3), mpmath.mpf(2)),
    ],
)
def test_copies(number, copied):
    twin = copied(number)
    assert type(twin) is type(number)
    assert repr(twin) == repr(number)
    assert repr(twin * number) == repr(number * number)
