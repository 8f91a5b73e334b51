"""Steps by machine code: right, exact, and never believed without being checked."""

import math

import mpmath
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from unwritten import unwritten

import taylorad as ta
from taylorad.ode.steps.interface import Exit
from taylorad.ode.steps.stepper import Motion, Stepper, Tolerance
from taylorad.ode.steps.unrolled import Unrolled
from taylorad.ode.tracing.recurrences import Inner, Recurrences
from taylorad.ode.tracing.system import NotTraceable, system

FORMS = ["written", "spread", "looped"]


def kepler(t, y):
    x, z, vx, vz = y
    r = (x * x + z * z) ** -1.5
    return [vx, vz, -x * r, -z * r]


def lorenz(t, y):
    x, z, w = y
    return [10.0 * (z - x), x * (28.0 - w) - z, x * z - 8 / 3 * w]


def integrated(f, y0, end, args=(), order=20, tol=2.0**-52, start=0.0, level=1, form="written"):
    y0 = np.asarray(y0, float)
    traced = system(f, start, y0, args)
    given = np.concatenate([*(np.ravel(p) for p in traced.parameters), []])
    motion = Motion(y0.ravel(), np.zeros(y0.size), start)
    tolerance = Tolerance(tol, np.ones(y0.size))
    status = Stepper(traced, order, level, form).propagate(motion, end, tolerance, given)
    return status, motion


# Right-hand sides whose solutions are known: f, y(0), end, y(end).
KNOWN = {
    "decay": (lambda t, y: -y, [1.0], 3.0, [math.exp(-3)]),
    "circle": (lambda t, y: [y[1], -y[0]], [0.0, 1.0], 20.0, [math.sin(20), math.cos(20)]),
    "time": (lambda t, y: 3 * t**2 * y, [1.0], 1.5, [math.exp(1.5**3)]),
    "logistic": (lambda t, y: y * (1 - y), [0.5], 5.0, [1 / (1 + math.exp(-5))]),
    "tangent": (lambda t, y: 1 + y**2, [0.0], 1.2, [math.tan(1.2)]),
    "quotient": (lambda t, y: y / (1 + t), [1.0], 4.0, [5.0]),
    "root": (lambda t, y: 1 / (2 * np.sqrt(y)), [1.0], 2.0, [2.5 ** (2 / 3)]),
    "power": (lambda t, y: y**1.5, [1.0], 1.0, [4.0]),
    "logarithm": (lambda t, y: 1 + 0 * np.log(y + t), [1.0], 2.0, [3.0]),
    "exponential": (lambda t, y: np.exp(-y), [0.0], 4.0, [math.log(5)]),
    "cosine of time": (lambda t, y: [np.cos(t)], [0.0], 10.0, [math.sin(10)]),
    "of no time": (lambda t, y: [1.0], [0.0], 7.0, [7.0]),
    "at rest": (lambda t, y: -y - y**3, [0.0], 5.0, [0.0]),
    "a matrix": (
        lambda t, y: y @ np.array([[0.0, 1.0], [-1.0, 0.0]]),
        np.eye(2),
        1.0,
        [math.cos(1), math.sin(1), -math.sin(1), math.cos(1)],
    ),
}


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("form", FORMS)
def test_known_solutions(name, level, form):
    f, y0, end, wanted = KNOWN[name]
    status, motion = integrated(f, y0, end, level=level, form=form)
    assert status is Exit.END
    assert motion.time == end
    np.testing.assert_allclose(motion.state, wanted, rtol=4e-15, atol=4e-15)


@pytest.mark.parametrize("name", [n for n in KNOWN if n not in ("power", "time", "quotient")])
def test_backward_in_time(name):
    f, y0, end, _ = KNOWN[name]
    _, there = integrated(f, y0, end)
    shape = np.shape(y0)
    status, back = integrated(f, there.state.reshape(shape), 0.0, start=end)
    assert status is Exit.END
    np.testing.assert_allclose(back.state, np.ravel(y0), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("order", [2, 3, 4, 7, 12, 30])
@pytest.mark.parametrize("form", FORMS)
def test_orders(order, form):
    tol = 10.0 ** -min(order, 15)
    f = KNOWN["circle"][0]
    status, motion = integrated(f, [0.0, 1.0], 5.0, order=order, tol=tol, form=form)
    assert status is Exit.END
    np.testing.assert_allclose(motion.state, [math.sin(5), math.cos(5)], atol=200 * tol)


def test_parameters_are_read_at_run_time():
    f = lambda t, y, k, m: -k * y + m
    traced = system(f, 0.0, np.ones(1), (2.0, 3.0))
    stepper = Stepper(traced, 20)
    for k, m in ((2.0, 3.0), (0.5, -1.0)):
        motion = Motion(np.ones(1), np.zeros(1), 0.0)
        stepper.propagate(motion, 1.0, Tolerance(1e-16, np.ones(1)), [k, m])
        wanted = m / k + (1 - m / k) * math.exp(-k)
        np.testing.assert_allclose(motion.state, [wanted], rtol=1e-15)


@pytest.mark.parametrize("form", FORMS)
def test_parts_are_those_of_the_solution(form):
    traced = system(kepler, 0.0, np.array([0.5, 0.0, 0.0, 3**0.5]))
    stepper = Stepper(traced, 20, form=form)
    motion = Motion(np.array([0.5, 0.0, 0.0, 3**0.5]), np.zeros(4), 0.0)
    parts = stepper.parts()
    status = stepper.propagate(motion, 1.0, Tolerance(2.0**-52, np.ones(4)), steps=1, parts=parts)
    assert status is Exit.STEPS
    with mpmath.workdps(40):
        f = lambda t, y: [mpmath.mpf(v) for v in kepler(t, [mpmath.mpf(v) for v in y])]
        solution = mpmath.odefun(f, 0, [mpmath.mpf("0.5"), 0, 0, mpmath.mpf(3**0.5)])
        wanted = [float(v) for v in solution(motion.step)]
    found = [np.polyval(row[::-1], motion.step) for row in parts]
    np.testing.assert_allclose(found, wanted, rtol=1e-15)
    np.testing.assert_allclose(motion.state, wanted, rtol=3e-16)


@pytest.mark.parametrize("form", FORMS)
def test_functions_are_expanded_with_the_state(form):
    g = lambda t, y: [y[0] * y[1] + t, np.sin(y[0])]
    traced = system(KNOWN["circle"][0], 0.0, np.array([0.3, 0.8]), functions=[g])
    stepper = Stepper(traced, 12, form=form)
    motion, parts = Motion(np.array([0.3, 0.8]), np.zeros(2), 0.0), stepper.parts()
    stepper.propagate(motion, 1.0, Tolerance(1e-12, np.ones(2)), steps=1, parts=parts)
    series = lambda t: (0.3 * np.cos(t) + 0.8 * np.sin(t), 0.8 * np.cos(t) - 0.3 * np.sin(t))
    wanted = ta.taylor(lambda t: np.stack(g(t, series(t))), 0.0, 12).coefficients
    np.testing.assert_allclose(parts[2:].T, wanted, rtol=1e-12, atol=1e-15)


def test_vanishing_coefficients_do_not_make_a_step_endless():
    """Where the fastest peer takes one step to the end, and is 5.6 % off."""
    _, motion = integrated(lambda t, y: 3 * t**2 * y, [1.0], 1.0)
    np.testing.assert_allclose(motion.state, [math.e], rtol=1e-15)
    _, motion = integrated(lambda t, y: [np.sin((t * t) * (t * t))], [0.0], 3.0, tol=1e-12)
    with mpmath.workdps(20):
        wanted = float(mpmath.quad(lambda t: mpmath.sin(t**4), mpmath.linspace(0, 3, 30)))
    np.testing.assert_allclose(motion.state, [wanted], atol=1e-11)


def test_a_singularity_ends_it_at_the_last_good_point():
    status, motion = integrated(lambda t, y: y**2, [1.0], 3.0)
    assert status is Exit.STUCK
    assert 0 < 1 - motion.time < 1e-12
    assert np.all(np.isfinite(motion.state))


def test_what_is_not_finite_at_the_start_goes_nowhere():
    status, motion = integrated(lambda t, y: np.log(y), [-1.0], 1.0)
    assert status is Exit.STUCK
    assert (motion.time, motion.steps) == (0.0, 0)


def test_long_runs_do_not_drift():
    energy = lambda y: 0.5 * (y[2] ** 2 + y[3] ** 2) - 1 / np.hypot(y[0], y[1])
    y0 = np.array([0.5, 0.0, 0.0, 3**0.5])
    status, motion = integrated(kepler, y0, 200 * math.pi)
    assert status is Exit.END
    assert abs(energy(motion.state) / energy(y0) - 1) < 1e-13


def test_a_power_takes_two_convolutions_that_share_their_factors():
    traced = system(kepler, 0.0, np.ones(4))
    recurrences = Recurrences(traced, traced.rates)
    assert len(recurrences.inners) == 6
    weighted = [inner for inner in recurrences.inners if inner.weighted]
    assert len(weighted) == 1
    assert Inner(weighted[0].a, weighted[0].b) in recurrences.inners


def test_no_degree_waits_for_more_than_it_must():
    def van_der_pol(t, y):
        return [y[1], 3.0 * (1.0 - y[0] * y[0]) * y[1] - y[0]]

    traced = system(van_der_pol, 0.0, np.array([2.0, 0.0]))
    core = Unrolled(Recurrences(traced, traced.rates), 24)
    core.written()
    early, late = (core.code.wait(core.parts[1, k]) for k in (12, 24))
    # From one v_k to the next: into an old sum, with its factor to all others, over the degree.
    assert 0 < late - early <= 3 * 12


@pytest.mark.parametrize("rate", [1e-40, 1e-20, 1e20])
@pytest.mark.parametrize("order", [4, 8, 12])
def test_scales_of_time(order, rate):
    status, motion = integrated(
        lambda t, y: -rate * y, [1.0], 3 / rate, order=order, tol=1e-10, level=0
    )
    assert status is Exit.END
    np.testing.assert_allclose(motion.state, math.exp(-3), rtol=1e-9)


def test_what_cannot_be_traced_says_so():
    with pytest.raises(NotTraceable, match="scalars"):
        system(lambda t, y: unwritten(np.linalg.solve(np.diag(1 + y), y)), 0.0, np.ones(3))


def pairs(t, y):
    """Bodies that attract one another."""
    n = len(y) // 6
    x = [y[3 * i : 3 * i + 3] for i in range(n)]
    total = [[0.0, 0.0, 0.0] for _ in range(n)]
    for i in range(n):
        for j in range(i):
            d = [x[j][k] - x[i][k] for k in range(3)]
            r = (d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + 1) ** -1.5
            for k in range(3):
                total[i][k] = total[i][k] + (1 + 0.1 * j) * d[k] * r
                total[j][k] = total[j][k] - (1 + 0.1 * i) * d[k] * r
    return [*y[3 * n :], *(a for b in total for a in b)]


def chain(t, y):
    n = len(y) // 2
    q = np.concatenate([[0.0], y[:n], [0.0]])
    d = q[1:] - q[:-1]
    force = d + 0.25 * d**3 - 0.1 * np.sin(q[1:])
    return np.concatenate([y[n:], force[1:] - force[:-1]])


@pytest.mark.parametrize("form", ["spread", "looped"])
@pytest.mark.parametrize(("f", "n"), [(pairs, 30), (chain, 46), (lambda t, y: -y * t, 11)])
def test_groups_do_what_single_lines_do(form, f, n):
    y0 = np.random.default_rng(n).uniform(-1, 1, n)
    _, wanted = integrated(f, y0, 1.0)
    status, motion = integrated(f, y0, 1.0, form=form)
    assert status is Exit.END
    np.testing.assert_allclose(motion.state, wanted.state, rtol=1e-13, atol=1e-14)


def test_larger_systems_against_scipy():
    f, y0 = pairs, np.random.default_rng(1).uniform(-1, 1, 30)
    _, motion = integrated(f, y0, 1.0, form="")
    peer = solve_ivp(f, (0.0, 1.0), y0, "DOP853", rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(motion.state, peer.y[:, -1], rtol=1e-10, atol=1e-11)


def test_a_stepper_forgets_what_went_wrong():
    f = lambda t, y: y**2
    traced = system(f, 0.0, np.ones(1))
    stepper, tolerance = Stepper(traced, 20), Tolerance(2.0**-52, np.ones(1))
    stuck = Motion(np.ones(1), np.zeros(1), 0.0)
    assert stepper.propagate(stuck, 3.0, tolerance) is Exit.STUCK
    fine = Motion(np.ones(1), np.zeros(1), 0.0)
    assert stepper.propagate(fine, 0.5, tolerance) is Exit.END
    np.testing.assert_allclose(fine.state, [2.0], rtol=1e-15)


@pytest.mark.parametrize("form", FORMS)
def test_truths_are_combined(form):
    f = lambda t, y: np.where((y > -1) & ~(y > 5) | (y < -9), 1.0, -y)
    traced = system(f, 0.0, np.zeros(1))
    stepper, motion = Stepper(traced, 8, form=form), Motion(np.zeros(1), np.zeros(1), 0.0)
    held = [1.0 if h.row.name == "greater" and n == 0 else 0.0 for n, h in enumerate(traced.held)]
    stepper.propagate(motion, 2.0, Tolerance(1e-12, np.ones(1)), held)
    np.testing.assert_allclose(motion.state, [2.0], rtol=1e-14)
