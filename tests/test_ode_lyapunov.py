"""Lyapunov exponents: those that are known, those that are published, and sums and pairs."""

import math

import numpy as np
import pytest
from unwritten import unwritten

import taylorad as ta
from taylorad.errors import InputError, InputTypeError, IntegrationError

spectrum = ta.ode.lyapunov_spectrum
PARAMETERS = (10.0, 28.0, 8 / 3)


def lorenz(t, y, s, r, b):
    x, y, z = y
    return [s * (y - x), x * (r - z) - y, x * y - b * z]


def henon_heiles(t, y):
    x, y, u, v = y
    return [u, v, -x - 2 * x * y, -y - x * x + y * y]


@pytest.fixture(scope="module")
def butterfly():
    return spectrum(lorenz, (0, 1500), [1.0, 1.0, 1.0], PARAMETERS)


def test_lorenz(butterfly):
    # J. C. Sprott, Chaos and Time-Series Analysis (2003): 0.9056, 0, -14.5723
    known = np.array([0.9056, 0.0, -14.5723])
    assert np.all(np.abs(butterfly.exponents - known) < 4 * butterfly.standard_errors)
    assert np.all(butterfly.standard_errors < [0.01, 0.002, 0.01])
    assert butterfly.dimension == pytest.approx(2.062, abs=1e-3)
    assert repr(butterfly).startswith(f"LyapunovSpectrum({butterfly.exponents[0]:.6g} ± 0.00")


def test_the_sum_is_the_mean_divergence(butterfly):
    assert abs(np.sum(butterfly.exponents) + 10 + 1 + 8 / 3) < 2e-11


def test_convergence_is_told(butterfly):
    assert butterfly.t[-1] == 1500
    assert butterfly.t[0] > 150
    assert np.all(np.diff(butterfly.t) > 0)
    assert butterfly.estimates.shape == (len(butterfly.t), 3)
    assert len(butterfly.t) > 500
    np.testing.assert_array_equal(butterfly.estimates[-1], butterfly.exponents)
    assert butterfly.y.shape == (3,)
    np.testing.assert_allclose(butterfly.frame.T @ butterfly.frame, np.eye(3), atol=1e-14)


def test_standard_errors_are_those_of_many_runs():
    starts = np.random.default_rng(0).standard_normal((24, 3)) + [1, 1, 20]
    runs = [spectrum(lorenz, (0, 300), y, PARAMETERS, seed=i) for i, y in enumerate(starts)]
    spread = np.std([run.exponents for run in runs], axis=0, ddof=1)
    told = np.sqrt(np.mean([run.standard_errors**2 for run in runs], axis=0))
    assert np.all(told > spread / 1.6)
    assert np.all(told[[0, 2]] < 1.8 * spread[[0, 2]])


def test_the_largest_alone():
    run = spectrum(lorenz, (0, 600), [1.0, 1.0, 1.0], PARAMETERS, k=1)
    assert run.exponents.shape == (1,)
    assert run.frame.shape == (3, 1)
    assert abs(run.exponents[0] - 0.9056) < 4 * run.standard_errors[0]
    assert math.isnan(run.dimension)


LINEAR = np.array([[0.5, 2.0, 0.0], [0.0, -0.25, 3.0], [0.0, 0.0, -4.0]])


@pytest.mark.parametrize("k", [1, 2, 3])
def test_linear_systems_have_their_eigenvalues(k):
    run = spectrum(lambda t, y: LINEAR @ y, (0, 200), np.ones(3), k=k, transient=100)
    np.testing.assert_allclose(run.exponents, [0.5, -0.25, -4.0][:k], rtol=1e-12)
    backward = spectrum(lambda t, y: LINEAR @ y, (0, -200), np.zeros(3), k=k, transient=100)
    np.testing.assert_allclose(backward.exponents, [4.0, 0.25, -0.5][:k], rtol=1e-12)


def test_growth_and_decay_beyond_all_numbers():
    rates = np.array([40.0, -3.0, -700.0])
    run = spectrum(lambda t, y: rates * y, (0, 100), np.zeros(3))
    np.testing.assert_allclose(run.exponents, rates, rtol=1e-11)


def test_a_periodic_coefficient_has_its_mean():
    run = spectrum(lambda t, y, k: (k + np.sin(t)) * y, (0, 202 * np.pi), [0.0], (0.25,))
    periods = spectrum(
        lambda t, y, k: (k + np.sin(t)) * y, (0, 202 * np.pi), [0.0], (0.25,), transient=2 * np.pi
    )
    assert abs(run.exponents[0] - 0.25) < 2 / 500
    assert abs(periods.exponents[0] - 0.25) < 1e-14


def test_hamiltonian_exponents_come_in_pairs():
    run = spectrum(henon_heiles, (0, 1500), [0.0, -0.25, 0.42, 0.0], transient=700)  # chaotic
    np.testing.assert_allclose(run.exponents, -run.exponents[::-1], atol=1e-8)
    assert abs(np.sum(run.exponents)) < 1e-13
    assert run.exponents[0] > 0.02 > 5 * abs(run.exponents[1])


def test_regular_motion_has_none():
    def kepler(t, y):
        x, y, u, v = y
        pull = (x * x + y * y) ** -1.5
        return [u, v, -pull * x, -pull * y]

    run = spectrum(kepler, (0, 2000), [0.5, 0.0, 0.0, np.sqrt(3.0)], transient=0)
    # Deviations grow linearly.
    assert np.all(np.abs(run.exponents) < 2 * np.log(2000 * 24) / 2000)
    assert abs(np.sum(run.exponents)) < 1e-14


def test_matrices_as_states():
    turn = np.array([[0.25, 1.0], [-1.0, 0.25]])
    run = spectrum(lambda t, y, a: a @ y, (0, 60), np.eye(2), (turn,))
    np.testing.assert_allclose(run.exponents, 0.25, rtol=1e-12)
    assert run.y.shape == (2, 2)
    assert run.frame.shape == (2, 2, 4)


def test_what_does_not_trace():
    def implicit(t, y):
        matrix = np.array([[2.0 + y[0] ** 2, 0.0], [1.0, 3.0]])
        return -unwritten(np.linalg.solve(matrix, y))

    run = spectrum(implicit, (0, 40), [0.5, 0.5])
    np.testing.assert_allclose(run.exponents, [-1 / 3, -1 / 2], atol=0.02)
    assert run.exponents[0] > run.exponents[1]


def test_across_switches():
    def relay(t, y):
        x, v = y
        return [v, -x - 0.2 * v - 0.5 * np.sign(x) + np.cos(1.3 * t)]

    run = spectrum(relay, (0, 300), [1.0, 0.0], transient=100)
    # The flow contracts at a constant rate; what it does at a switch has the determinant 1.
    assert abs(np.sum(run.exponents) + 0.2) < 1e-12
    assert np.all(run.exponents < -0.05)


def test_implicit_equations():
    def mixed(t, y, yp):  # of rates 1 and -2
        return [yp[0] + yp[1] - y[0] + 2 * y[1], yp[0] - yp[1] - y[0] - 2 * y[1]]

    found = ta.ode.lyapunov_spectrum(ta.ode.implicit(mixed), (0, 20), [1.0, 1.0], transient=12)
    assert np.max(np.abs(found.exponents - [1, -2])) < 1e-10

    def constrained(t, y, yp):  # the last entry follows from the others, and decays as they do
        return [yp[0] + 3 * y[0], yp[1] + y[1] + y[0], y[2] - y[0] * y[1] - y[1]]

    problem = (ta.ode.implicit(constrained), (0, 60), [1.0, 1.0, 0.0])
    found = ta.ode.lyapunov_spectrum(*problem, transient=20)
    assert found.frame.shape == (3, 2)
    assert np.max(np.abs(found.exponents - [-1, -3])) < 1e-8
    assert found.dimension == 0
    with pytest.raises(InputError, match="k is 3; a state of 2"):
        ta.ode.lyapunov_spectrum(*problem, k=3)


def test_intervals_and_tolerances_change_nothing_but_digits():
    base = spectrum(lorenz, (0, 30), [1.0, 1.0, 1.0], PARAMETERS, transient=5)
    short = spectrum(lorenz, (0, 30), [1.0, 1.0, 1.0], PARAMETERS, transient=5, interval=0.02)
    long = spectrum(lorenz, (0, 30), [1.0, 1.0, 1.0], PARAMETERS, transient=5, interval=1e9)
    assert len(long.t) < len(short.t) / 10
    # Roundings grow by e**0.9 in a unit of time, and change the rest of the path.
    np.testing.assert_allclose(short.exponents, base.exponents, atol=1e-5)
    np.testing.assert_allclose(long.exponents, base.exponents, atol=1e-5)
    loose = spectrum(lorenz, (0, 12), [1.0, 1.0, 1.0], PARAMETERS, tol=1e-9, transient=2)
    exact = spectrum(lorenz, (0, 12), [1.0, 1.0, 1.0], PARAMETERS, transient=2)
    np.testing.assert_allclose(loose.exponents, exact.exponents, atol=1e-4)


def test_it_is_the_same_each_time():
    first, second = (spectrum(lorenz, (0, 40), [1.0, 1.0, 1.0], PARAMETERS) for _ in range(2))
    np.testing.assert_array_equal(first.estimates, second.estimates)


def test_an_end_that_cannot_be_reached():
    with pytest.raises(IntegrationError, match="singular at t = 1") as caught:
        spectrum(lambda t, y: [y[0] ** 2, -y[1]], (0, 3), [1.0, 1.0])
    assert np.shape(caught.value.state) == (2,)
    assert 0.9 < caught.value.time < 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, "k is 0"),
        ({"k": 4}, "1 to 3 exponents"),
        ({"k": 1.5}, "k is 1.5"),
        ({"transient": 10.0}, "transient"),
        ({"transient": -1.0}, "transient"),
        ({"transient": "long"}, "transient is 'long'"),
        ({"interval": 0.0}, "interval"),
        ({"interval": math.nan}, "interval"),
        ({"interval": 1e-300}, "no time passes"),
        ({"tol": 2.0}, "rtol is 2"),
        ({"t_span": (0, math.inf)}, "finite"),
        ({"t_span": (1, 1)}, "finite"),
        ({"t_span": 3}, "two numbers"),
        ({"y0": [1j, 0, 0]}, "real numbers"),
        ({"y0": []}, "no components"),
    ],
)
def test_wrong_arguments(options, message):
    given = {"t_span": (1, 11), "y0": [1.0, 1.0, 1.0], "args": PARAMETERS} | options
    with pytest.raises(InputError, match=message):
        spectrum(lorenz, **given)


def test_no_function():
    with pytest.raises(InputTypeError):
        spectrum(3, (0, 1), [1.0])
