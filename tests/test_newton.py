"""The trust-region Newton method."""

import numpy as np
import pytest

import taylorad as ta
from taylorad.optimize import minimize, newton, problem

X0 = np.array([-1.2, 1.0, 0.5])


def rosen(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def woods(x):
    a, b, c, d = x[::4], x[1::4], x[2::4], x[3::4]
    return np.sum(
        100 * (b - a**2) ** 2
        + (1 - a) ** 2
        + 90 * (d - c**2) ** 2
        + (1 - c) ** 2
        + 10 * (b + d - 2) ** 2
        + 0.1 * (b - d) ** 2
    )


# Of Moré, Garbow and Hillstrom, "Testing unconstrained optimization software", ACM TOMS 7 (1981).
PROBLEMS = {
    "Beale": (
        lambda x: sum(
            (c - x[0] * (1 - x[1] ** i)) ** 2 for i, c in ((1, 1.5), (2, 2.25), (3, 2.625))
        ),
        [1.0, 1.0],
        [3.0, 0.5],
    ),
    "Powell badly scaled": (
        lambda x: (1e4 * x[0] * x[1] - 1) ** 2 + (np.exp(-x[0]) + np.exp(-x[1]) - 1.0001) ** 2,
        [0.0, 1.0],
        [1.0981593296998e-5, 9.1061467398665],
    ),
    "Brown badly scaled": (
        lambda x: (x[0] - 1e6) ** 2 + (x[1] - 2e-6) ** 2 + (x[0] * x[1] - 2) ** 2,
        [1.0, 1.0],
        [1e6, 2e-6],
    ),
    "Rosenbrock": (rosen, [-1.2, 1.0], [1.0, 1.0]),
    "Wood": (woods, [-3.0, -1.0, -3.0, -1.0], [1.0, 1.0, 1.0, 1.0]),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_newton_reaches_known_minima_to_rounding(name):
    f, start, minimum = PROBLEMS[name]
    result = minimize(f, start)
    assert result.success
    np.testing.assert_allclose(result.x, minimum, rtol=1e-10)


def test_singular_minimum():
    def powell(x):
        return (
            (x[0] + 10 * x[1]) ** 2
            + 5 * (x[2] - x[3]) ** 2
            + (x[1] - 2 * x[2]) ** 4
            + 10 * (x[0] - x[3]) ** 4
        )

    result = minimize(powell, [3.0, -1.0, 0.0, 1.0])
    assert result.success
    np.testing.assert_allclose(result.x, 0.0, atol=1e-6)


@pytest.mark.parametrize("start", [[1.0, 0.0], [0.0, 0.0], [0.5, 1e-9]])
def test_saddle_points_are_left(start):
    result = minimize(lambda x: x[0] ** 2 - x[1] ** 2 + x[1] ** 4, start)
    assert result.success
    np.testing.assert_allclose(np.abs(result.x), [0.0, np.sqrt(0.5)], atol=1e-12)


def test_trial_points_outside_the_domain_are_refused():
    for start in (1e-3, 50.0):
        result = minimize(lambda x: x[0] - np.log(x[0]), [start])
        np.testing.assert_allclose(result.x, 1.0, rtol=1e-14)


def test_third_derivatives_save_iterations():
    p = problem(rosen)
    plain = newton(p.fun, X0, jac=p.jac, hess=p.hess)
    bent = newton(p.fun, X0, jac=p.jac, hess=p.hess, third=ta.third_order(rosen))
    np.testing.assert_allclose(plain.x, bent.x, rtol=1e-14)
    assert bent.nit < plain.nit


def test_ends_of_a_run():
    limited = minimize(rosen, X0, options={"maxiter": 3})
    assert (limited.success, limited.status, limited.nit) == (False, 1, 3)
    loose = minimize(rosen, X0, tol=1.0)
    assert loose.success
    assert np.max(np.abs(loose.jac)) <= 1.0
    kink = minimize(lambda x: np.abs(x[0] - 1) + x[1] ** 2, [3.0, 0.0], options={"maxiter": 50})
    assert not kink.success


def test_callbacks(capsys):
    seen = []
    minimize(rosen, X0, callback=lambda x: seen.append(x), options={"disp": True})
    assert rosen(seen[-1]) <= rosen(seen[0])
    assert "gradient vanishes" in capsys.readouterr().out

    def stop(intermediate_result):
        if intermediate_result.fun < 1:
            raise StopIteration

    stopped = minimize(rosen, X0, callback=stop)
    assert (stopped.success, stopped.status) == (False, 99)
    assert stopped.fun < 1
