"""Solutions right to the last digits that doubles can give, and what that takes.

A rounding of the state grows, from when it happens to the end, by a factor that is measured here:
no integrator in doubles can be expected to come nearer than a few times that. Where a problem is
stiff, stability makes the steps short: at most z over the largest rate, where the partial sum of
exp(-z) exceeds 1. A rounding of the fast component then grows by terms ``z**k / k!`` before they
cancel.
"""

import math

import mpmath
import numpy as np
import pytest
from extrapolation import extrapolated
from reference_problems import DIGITS, MOON, PROBLEMS, arenstorf, solutions

import taylorad as ta

EPS = 2.0**-52
BY_NAME = {problem.name: problem for problem in PROBLEMS}
SOLUTIONS = solutions()
KNOWN = [problem for problem in PROBLEMS if problem.name in SOLUTIONS]
STIFF = ["HIRES", "Robertson", "Van der Pol, 1e6", "Brusselator on a line, 500 places"]
FEW = 4
ORDER = ta.ode.Integrator(lambda t, y: -y, 0.0, 1.0).order


def integrated(problem, start=None, begin=0.0):
    integrator = ta.ode.Integrator(
        problem.function, begin, problem.start if start is None else start
    )
    integrator.propagate_until(problem.end)
    return integrator


def relative(found, known):
    """Give the error of each component; those much smaller than the largest count as larger."""
    with mpmath.workdps(50):
        known = [mpmath.mpf(x) for x in known]
        least = mpmath.mpf(10) ** -6 * max(abs(x) for x in known)
        return [float(abs(mpmath.mpf(x) - y) / max(abs(y), least)) for x, y in zip(found, known)]


def growth(problem, places=16, change=2.0**-34):
    """Give the largest factor by which a relative change of the state on the way grows."""
    steps = integrated(problem).nsteps
    integrator = ta.ode.Integrator(problem.function, 0.0, problem.start)
    signs = np.random.default_rng(0).choice([-1, 1], (places, len(problem.start)))
    found = []
    for sign in signs:
        t, y = integrator.time, integrator.state
        ends = [integrated(problem, start, t).state for start in (y, y * (1 + change * sign))]
        found.append(max(relative(ends[1], ends[0])) / change)
        integrator.propagate_until(problem.end, max_steps=max(1, steps // places))
    return max(found)


def edge(order):
    """Give the z up to which the partial sum of exp(-z) is no larger than 1."""
    coefficients = [(-1) ** k / math.factorial(k) for k in range(order, -1, -1)]
    z = np.arange(1, 40, 1e-3)
    return z[np.argmax(np.abs(np.polyval(coefficients, z)) > 1)]


def hump(order):
    z = edge(order)
    return max(z**k / math.factorial(k) for k in range(order + 1))


def bound(problem):
    """Give the error that the roundings of doubles explain."""
    magnified = hump(ORDER) if problem.name in STIFF else 1
    return FEW * EPS * growth(problem) * magnified


def test_the_oracle_knows_a_circle():
    with mpmath.workdps(40):
        found = extrapolated(lambda t, y: [y[1], -y[0]], [0, 1], 20, 25)
        assert abs(found[0] - mpmath.sin(20)) < mpmath.mpf(10) ** -24
        assert abs(found[1] - mpmath.cos(20)) < mpmath.mpf(10) ** -24


def test_the_oracle_knows_time():
    with mpmath.workdps(40):
        (found,) = extrapolated(lambda t, y: [3 * t**2 * y[0]], [1], 1.5, 25)
        assert abs(found / mpmath.exp(mpmath.mpf(1.5) ** 3) - 1) < mpmath.mpf(10) ** -24


def test_the_digits_kept_are_those_of_the_oracle():
    problem = BY_NAME["Brusselator"]
    again = extrapolated(problem.function, problem.start, problem.end, 18)
    assert max(relative(again, SOLUTIONS[problem.name])) < 1e-17


@pytest.mark.parametrize("problem", [p for p in KNOWN if p.published], ids=lambda p: p.name)
def test_published_values(problem):
    known = SOLUTIONS[problem.name][:: problem.every]
    assert max(relative(problem.published, known)) < problem.exact


@pytest.mark.parametrize("problem", KNOWN, ids=lambda p: p.name)
def test_doubles(problem):
    assert max(relative(integrated(problem).state, SOLUTIONS[problem.name])) < bound(problem)


@pytest.mark.parametrize(
    "problem", [p for p in PROBLEMS if p.name not in SOLUTIONS], ids=lambda p: p.name
)
def test_doubles_where_there_is_nothing_but_published_values(problem):
    found = integrated(problem).state[:: problem.every]
    assert max(relative(found, problem.published)) < problem.exact + FEW * EPS * hump(ORDER)


@pytest.mark.parametrize(
    "name",
    [
        *("Brusselator", "Brusselator on a line, 20 places", "Lotka-Volterra", "Lorenz"),
        *("Arenstorf", "Van der Pol, 1e3"),
    ],
)
def test_more_digits(name):
    problem = BY_NAME[name]
    with mpmath.workdps(DIGITS + 8):
        start = np.array([mpmath.mpf(x) for x in problem.start], dtype=object)
        integrator = ta.ode.Integrator(problem.function, mpmath.mpf(0), start)
        integrator.propagate_until(mpmath.mpf(problem.end))
        found = integrator.state
    assert max(relative(found, SOLUTIONS[name])) < 10.0 ** (1 - DIGITS) * growth(problem)


@pytest.mark.parametrize("name", STIFF)
def test_steps_of_stiff_problems_are_what_stability_wants(name):
    integrator = integrated(BY_NAME[name])
    least = stiffness(BY_NAME[name]) / edge(integrator.order)
    assert 0.9 < integrator.nsteps / least < 1.25
    assert integrator.nrejected < 0.01 * integrator.nsteps


def stiffness(problem):
    """Integrate the spectral radius of the Jacobian along the solution."""
    if "places" in problem.name:  # for diffusion it is known
        places = len(problem.start) // 2
        return problem.end * 4 * 0.02 * (places + 1) ** 2 * np.cos(np.pi / (2 * places + 2)) ** 2
    integrator = ta.ode.Integrator(problem.function, 0.0, problem.start)
    jacobian = ta.jacobian(lambda y: np.stack(problem.function(0.0, y)))
    times = np.concatenate([[0], np.geomspace(1e-6, 1, 200)]) * problem.end
    radii = []
    for t in times:
        integrator.propagate_until(t)
        radii.append(np.max(np.abs(np.linalg.eigvals(jacobian(integrator.state)))))
    return np.trapezoid(radii, times)


def of_lotka_volterra(y):
    return y[0] - 3 * np.log(y[0]) + y[1] - 1.5 * np.log(y[1])


def of_jacobi(y):
    x, z, u, v = y
    earth = 1 - MOON
    far = 2 * earth / np.hypot(x + MOON, z) + 2 * MOON / np.hypot(x - earth, z)
    return x * x + z * z + far - u * u - v * v


def momentum(y):
    return np.arange(1, 8) @ y[14:21]


INVARIANTS = {
    "Lotka-Volterra": of_lotka_volterra,
    "Arenstorf": of_jacobi,
    "Pleiades": momentum,
    "HIRES": lambda y: y[6] + y[7],
    "Robertson": np.sum,
}


@pytest.mark.parametrize("name", INVARIANTS)
def test_invariants(name):
    problem, invariant = BY_NAME[name], INVARIANTS[name]
    start, end = np.array(problem.start), integrated(problem).state
    slopes = ta.grad(invariant)
    rounding = EPS * max(np.abs(slopes(y)) @ np.abs(y) for y in (start, end))
    assert abs(invariant(end) - invariant(start)) <= FEW * rounding


def test_the_arenstorf_orbit_closes_as_far_as_its_data_are_exact():
    """The period and the speed are rounded to doubles: by that, and what it grows to, it misses."""
    problem = BY_NAME["Arenstorf"]
    gap = max(abs(integrated(problem).state - problem.start))
    known = max(abs(float(x) - y) for x, y in zip(SOLUTIONS["Arenstorf"], problem.start))
    assert gap < 20 * known < 1e-8
    assert arenstorf(0.0, np.array(problem.start))[0] == 0.0
