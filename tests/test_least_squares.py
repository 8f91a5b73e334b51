"""Least squares and curve fitting with exact Jacobians."""

import inspect

import numpy as np
import pytest
from scipy import optimize

import taylorad as ta
from taylorad.optimize import curve_fit, least_squares


def residuals(x):
    return [10 * (x[1] - x[0] ** 2), 1 - x[0]]


@pytest.mark.parametrize("method", ["trf", "dogbox", "lm"])
def test_least_squares(method):
    result = least_squares(residuals, [-1.2, 1.0], method=method)
    np.testing.assert_allclose(result.x, 1.0, atol=1e-9)
    np.testing.assert_allclose(result.jac, [[-20.0, 10.0], [-1.0, 0.0]], atol=1e-7)


def test_least_squares_passes_everything_on():
    def model(x, t, shift=0.0):
        return x[0] * np.exp(-x[1] * t) + shift

    t = np.linspace(0, 3, 20)
    result = least_squares(
        lambda x, t, shift: model(x, t, shift) - model([2.0, 0.7], t, 1.0),
        [1.0, 1.0],
        bounds=([0.0, 0.0], [5.0, 5.0]),
        x_scale="jac",
        loss="soft_l1",
        args=(t,),
        kwargs={"shift": 1.0},
    )
    np.testing.assert_allclose(result.x, [2.0, 0.7], rtol=1e-7)


def test_another_jacobian_is_used():
    calls = []

    def jac(x):
        calls.append(x)
        return np.array([[-20 * x[0], 10.0], [-1.0, 0.0]])

    np.testing.assert_allclose(least_squares(residuals, [-1.2, 1.0], jac=jac).x, 1.0)
    assert calls
    np.testing.assert_allclose(least_squares(residuals, [-1.2, 1.0], jac="3-point").x, 1.0)


def test_one_residual():
    np.testing.assert_allclose(least_squares(lambda x: x[0] - 2, 1.0).x, 2.0)


def test_signature_has_all_of_scipys():
    ours = inspect.signature(least_squares).parameters
    theirs = inspect.signature(optimize.least_squares).parameters
    own = ("compile", "newer")
    assert [name for name in theirs if name in ours] == [name for name in ours if name not in own]


def test_function_that_cannot_be_differentiated_is_named():
    with pytest.raises(ta.errors.TayloradError):
        least_squares(lambda x: [float(x[0])], [1.0])


def decay(x, a, b, c):
    return a * np.exp(-b * x) + c


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"p0": [1.0, 2.0, 0.0]},
        {"sigma": np.linspace(0.1, 0.3, 40), "absolute_sigma": True},
        {"sigma": np.diag(np.linspace(0.01, 0.03, 40)) + 0.001},
        {"bounds": (0, [3.0, 2.0, 1.0])},
        {"method": "dogbox"},
    ],
)
def test_curve_fit_agrees_with_scipy(options):
    x = np.linspace(0, 4, 40)
    y = decay(x, 2.5, 1.3, 0.5) + 0.05 * np.random.default_rng(0).standard_normal(40)
    popt, pcov = curve_fit(decay, x, y, **options)
    reference, covariance = optimize.curve_fit(decay, x, y, **options)
    np.testing.assert_allclose(popt, reference, rtol=1e-5)
    np.testing.assert_allclose(pcov, covariance, rtol=1e-4)


def test_curve_fit_has_the_exact_covariance():
    x = np.linspace(0, 4, 40)
    y = decay(x, 2.5, 1.3, 0.5) + 0.05 * np.random.default_rng(0).standard_normal(40)
    popt, pcov, info, _, _ = curve_fit(decay, x, y, full_output=True)
    e = np.exp(-popt[1] * x)
    jacobian = np.stack([e, -popt[0] * x * e, np.ones(40)], axis=1)
    variance = np.sum(info["fvec"] ** 2) / 37
    np.testing.assert_allclose(pcov, variance * np.linalg.inv(jacobian.T @ jacobian), rtol=1e-4)


def test_curve_fit_omits_nan():
    x = np.linspace(0, 4, 40)
    y = decay(x, 2.5, 1.3, 0.5)
    y[3] = np.nan
    popt, _ = curve_fit(decay, x, y, check_finite=False, nan_policy="omit")
    np.testing.assert_allclose(popt, [2.5, 1.3, 0.5], rtol=1e-8)
