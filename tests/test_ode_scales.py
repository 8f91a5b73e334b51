"""Late times, and motion that is very slow or very fast in the unit of time."""

import math

import mpmath
import numpy as np
import pytest

import taylorad as ta
from taylorad.ode import solve_ivp
from taylorad.ode.scales import held_order
from taylorad.ode.steps.interface import Exit
from taylorad.ode.steps.lanes.lanes import Lanes, Motions
from taylorad.ode.steps.stepper import Motion, Stepper, Tolerance
from taylorad.ode.tracing.system import system

LATE = [1e5, 1e7, 1.7e9]


def driven(t, y):
    return [y[1], -y[0] + np.cos(1.3 * t)]


def driven_exactly(start, t):
    """Give the solution from (1, 0) on, to 40 digits."""
    with mpmath.workdps(40):
        a = 1 / (1 - mpmath.mpf(1.3) ** 2)
        forced = lambda t: (a * mpmath.cos(1.3 * t), -a * mpmath.mpf(1.3) * mpmath.sin(1.3 * t))
        x, v = forced(mpmath.mpf(start))
        x, v, s = 1 - x, -v, mpmath.mpf(t) - mpmath.mpf(start)
        free = x * mpmath.cos(s) + v * mpmath.sin(s), v * mpmath.cos(s) - x * mpmath.sin(s)
        return [p + q for p, q in zip(free, forced(mpmath.mpf(t)))]


@pytest.mark.parametrize("start", LATE)
def test_late_times(start):
    run = solve_ivp(driven, (start, start + 10), [1.0, 0.0])
    assert run.success
    assert run.nrejected == 0
    wanted = [float(x) for x in driven_exactly(start, start + 10)]
    # The product 1.3 t is rounded once a step.
    np.testing.assert_allclose(run.y[:, -1], wanted, atol=10 * 2.0**-53 * 1.3 * start)


@pytest.mark.parametrize("digits", [20, 30, 60])
@pytest.mark.parametrize("start", [10**7, 10**9])
def test_late_times_in_many_digits(digits, start):
    run = solve_ivp(
        lambda t, y: [y[1], -y[0] + np.cos(t)], (start, start + 10), [1, 0], digits=digits
    )
    assert run.success
    with mpmath.workdps(60):
        half = lambda t: (t * mpmath.sin(t) / 2, mpmath.sin(t) / 2 + t * mpmath.cos(t) / 2)
        x, v = half(mpmath.mpf(start))
        wanted = half(mpmath.mpf(start + 10))[0]
        wanted += (1 - x) * mpmath.cos(10) - v * mpmath.sin(10)
        assert abs(run.y[0, -1] - wanted) < mpmath.mpf(10) ** (1 - digits) * start


def test_times_that_are_doubles_lose_nothing():
    """Where the time is used as it is, steps that end at doubles make no errors of time."""
    run = solve_ivp(lambda t, y: [np.cos(t - 1e8)], (1e8, 1e8 + 50), [0.0])
    np.testing.assert_allclose(run.y[0, -1], np.sin(50.0), atol=5e-15)


def test_a_long_way_to_late_times():
    integrator = ta.ode.Integrator(driven, 0.0, [1.0, 0.0])
    integrator.propagate_until(1e5)
    assert integrator.nrejected == 0
    wanted = [float(x) for x in driven_exactly(0, 1e5)]
    np.testing.assert_allclose(integrator.state, wanted, atol=1e-9)


def test_late_times_in_lanes():
    lanes = Lanes(system(driven, 0.0, np.ones(2)), 24)
    motions = Motions.begin(np.tile([1.0, 0.0], (3, 1)), 1e7 + np.arange(3))
    lanes.propagate(motions, 1e7 + 10, Tolerance(2.0**-52, np.ones(2)))
    assert not np.any(motions.rejected)
    for start, state in zip(1e7 + np.arange(3), motions.state):
        wanted = [float(x) for x in driven_exactly(start, 1e7 + 10)]
        np.testing.assert_allclose(state, wanted, atol=10 * 2.0**-53 * 1.3e7)


@pytest.mark.parametrize("rate", [1e-15, 1e-16, 1e-17, 2.2e-18, 1e-19])
@pytest.mark.parametrize("scaled", [False, True])
def test_slow_motion(rate, scaled):
    """The coefficients of high degree underflow, and the speed is far below its floor."""
    slow = (lambda t, y: [rate * y[1], -rate * y[0]]) if scaled else None
    slow = slow or (lambda t, y: [y[1], -rate * rate * y[0]])
    run = solve_ivp(slow, (0, 10 / rate), [1.0, 0.0])
    assert run.success
    np.testing.assert_allclose(run.y[0, -1], np.cos(10.0), rtol=3e-15)


@pytest.mark.parametrize("mu", [1e-28, 1e-34, 1e-38])
def test_slow_orbits(mu):
    def kepler(t, y):
        r3 = (y[0] ** 2 + y[1] ** 2) ** -1.5
        return [y[2], y[3], -mu * y[0] * r3, -mu * y[1] * r3]

    run = solve_ivp(kepler, (0, 2 * np.pi / np.sqrt(mu)), [1.0, 0.0, 0.0, np.sqrt(mu)])
    assert run.success
    np.testing.assert_allclose(run.y[:2, -1], [1, 0], atol=3e-14)


@pytest.mark.parametrize("slow", [1e12, 1e15, 1e18])
@pytest.mark.parametrize("form", ["written", "spread", "looped", "lanes"])
def test_slow_motion_keeps_its_energy_in_every_form(form, slow):
    """The last parts underflow, and powers of the step overflow: with parts of zero in between."""
    mu = slow**-2.0

    def kepler(t, y):
        r3 = (y[0] ** 2 + y[1] ** 2) ** 1.5
        return [y[2], y[3], -mu * y[0] / r3, -mu * y[1] / r3]

    y0, end = np.array([1.0, 0.0, 0.0, 1.2 / slow]), 20 * np.pi * slow
    traced, tolerance = system(kepler, 0.0, y0), Tolerance(2.0**-52, np.ones(4))
    if form == "lanes":
        motions = Motions.begin(np.tile(y0, (3, 1)))
        Lanes(traced, 24).propagate(motions, end, tolerance)
        motion = motions.motion(1)
    else:
        motion = Motion(y0, np.zeros(4), 0.0)
        assert Stepper(traced, 24, 0, form).propagate(motion, end, tolerance) is Exit.END
    assert motion.time == end
    assert motion.rejected == 0
    assert motion.steps < 300
    x, y, vx, vy = motion.state * [1.0, 1.0, slow, slow]
    energy = (vx**2 + vy**2) / 2 - 1 / np.hypot(x, y)
    np.testing.assert_allclose(energy, 1.2**2 / 2 - 1, rtol=5e-15)


def rotating(t, y, speed):
    return [speed * y[1], -speed * y[0]]


def test_fast_motion_overflows_at_an_order_that_was_asked_for():
    run = solve_ivp(rotating, (0, 1e-14), [1.0, 0.0], args=(1e15,), order=24)
    assert not run.success
    assert "overflows at degree 2" in run.message
    assert "unit of time" in run.message


@pytest.mark.parametrize("speed", [1e12, 1e14, 1e16, 1e18, 1e21, 1e-12, 1e-15, 1e-18])
def test_any_unit_of_time_will_do(speed):
    """Of a fast motion high parts overflow, so the order is lower; of a slow one they vanish."""
    times = np.linspace(0, 20, 101) / speed
    run = solve_ivp(
        *(rotating, (0, times[-1]), [1.0, 0.0]),
        args=(speed,),
        dense_output=True,
        events=lambda t, y, speed: y[0],
    )
    assert run.success
    assert run.order == 24 if speed < 1e13 else run.order < 20
    wanted = np.cos(speed * times)
    np.testing.assert_allclose(run.sol(times)[0], wanted, atol=5e-15)
    np.testing.assert_allclose(speed * run.t_events[0], np.pi * (np.arange(6) + 0.5), rtol=5e-15)
    integrator = ta.ode.Integrator(rotating, 0.0, [1.0, 0.0], args=(speed,))
    np.testing.assert_allclose(integrator.propagate_grid(times)[0], wanted, atol=5e-15)
    assert integrator.order == run.order
    many = ta.ode.ensemble(rotating, (0, times[-1]), np.eye(2)[[0, 1, 0]], args=(speed,))
    assert many.success.all()
    np.testing.assert_allclose(many.y[[0, 2], 0], wanted[-1], rtol=1e-14)
    slope = ta.grad(lambda w: solve_ivp(rotating, (0, times[-1]), [1.0, 0.0], args=(w,)).y[0, -1])
    np.testing.assert_allclose(slope(speed), -np.sin(20) * times[-1], rtol=1e-14)


@pytest.mark.parametrize("speed", [1e-20, 1e-18, 1e-15, 1e-12, 1.0, 1e12, 1e16, 1e20])
def test_any_unit_of_time_will_do_for_complex_numbers(speed):
    """y' = i w y**2 from 1 on is y = 1 / (1 - i w t)."""
    run = solve_ivp(lambda t, y: 1j * speed * y * y, (0, 2 / speed), np.array([1.0 + 0j]))
    assert run.success
    np.testing.assert_allclose(run.y[0, -1], 1 / (1 - 2j), rtol=3e-15)
    assert run.order == 24 if speed < 1e13 else run.order < 20


@pytest.mark.parametrize("slow", [1.0, 1e6, 1e12, 1e15, 1e18, 1e-6, 1e-12, 1e-15])
@pytest.mark.parametrize("kind", [float, complex])
def test_rates_that_tell_the_time_in_any_unit(kind, slow):
    """How late it is may be told by the length of a step only: else no step would be checked."""
    run = solve_ivp(lambda t, y: np.cos(t / slow) * y / slow, (0, 30 * slow), [kind(1.0)])
    assert run.success
    np.testing.assert_allclose(run.y[0, -1], np.exp(np.sin(30.0)), rtol=2e-14)


@pytest.mark.parametrize("power", [65, 100, 1000])
def test_high_powers_of_an_exact_zero(power):
    run = solve_ivp(lambda t, y: [t**power], (0, 1), [0.0])
    np.testing.assert_allclose(run.y[0, -1], 1 / (power + 1), rtol=1e-12)


def test_a_step_is_not_so_long_that_it_hides_a_switch():
    def restored(t, y):
        return [y[1], -np.sign(y[0])]

    integrator = ta.ode.Integrator(restored, 0.0, [1.0, 1.0])
    integrator.propagate_until(1e9, max_steps=200)
    assert integrator.nsteps == 200
    position, speed = integrator.state
    assert abs(speed**2 / 2 + abs(position) - 1.5) < 1e-14


@pytest.mark.parametrize("piece", [0.05, 0.1, 0.3, 1.0, 100.0])
def test_pieces_that_end_at_switches_go_on(piece):
    integrator = ta.ode.Integrator(lambda t, y: np.where(np.sin(y) > 0, 1.0, 2.0), 0.0, [0.1])
    while integrator.time < 60.0:
        integrator.propagate_until(min(integrator.time + piece, 60.0))
    turns, left = divmod(60.0 - (np.pi - 0.1), 1.5 * np.pi)  # of half at one speed, half at two
    angle = np.pi + 2 * np.pi * turns + (2 * left if left < np.pi / 2 else left + np.pi / 2)
    np.testing.assert_allclose(integrator.state, [angle], rtol=1e-14)


@pytest.mark.parametrize("size", [0.0, 1e-300, 0.5, 1.0, 2.0, 1e20])
def test_only_what_grows_to_be_infinite_takes_a_lower_order(size):
    """A function that is not analytic has parts that are no numbers, too."""
    assert held_order(np.array([[1.0] + 9 * [size] + 15 * [math.nan]])) is None
    assert held_order(np.array([[1.0] + 24 * [size]])) is None
    with np.errstate(over="ignore"):
        growing = np.array([[2.0, -3.0]]).T * 2.0 ** (60.0 * np.arange(25))
    assert held_order(growing) == 14
