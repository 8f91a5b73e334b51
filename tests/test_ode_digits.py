"""Any number of digits, and right-hand sides that do not trace: right to the last digit."""

import math

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpc, mpf
from unwritten import unwritten

import taylorad as ta
from taylorad.errors import InputError, NotAnalyticError
from taylorad.ode.choice import stepper_of
from taylorad.ode.digits.digits import Digits
from taylorad.ode.digits.direct import Direct
from taylorad.ode.digits.eager import order_of
from taylorad.ode.steps.interface import Exit
from taylorad.ode.steps.stepper import Motion, Stepper, Tolerance
from taylorad.ode.tracing.system import system


def kepler(t, y):
    x, z, vx, vz = y
    r = (x * x + z * z) ** -1.5
    return [vx, vz, -x * r, -z * r]


def numbers(values):
    """Give an object array of mpmath numbers."""
    out = np.empty(len(values), object)
    out[:] = [mpmath.mpmathify(x) for x in values]
    return out


def integrated(f, y0, end, digits=50, args=(), start=0, way=None, order=None):
    """Integrate mpmath numbers; give status and motion."""
    with mp.workdps(digits + 15):
        y0 = numbers(y0) if not isinstance(y0, np.ndarray) else y0
        tol = mpf(10) ** -digits
        order = order or order_of(tol)
        stepper, given = stepper_of(f, start, y0, order, args)
        if way is Direct:
            stepper, given = Direct(f, y0.shape, order, object), args
        assert isinstance(stepper, way or Digits)
        motion = Motion(y0.ravel().copy(), np.zeros(y0.size), mpf(start))
        status = stepper.propagate(motion, mpf(end), Tolerance(tol, np.ones(y0.size)), given)
    return status, motion


def agree(found, wanted, digits):
    """Right to the last digit: no error above one unit of it."""
    with mp.workdps(digits + 15):
        for x, y in zip(found, wanted, strict=True):
            assert abs(x - y) <= mpf(10) ** -digits * max(abs(y), 1), mpmath.nstr(x - y, 5)


def third(t, y, k, m):
    return -k * y + m


# Right-hand sides whose solutions are known: f, y(0), end, y(end) by mpmath.
KNOWN = {
    "decay": (lambda t, y: -y, [1], 3, lambda: [mp.exp(-3)]),
    "circle": (lambda t, y: [y[1], -y[0]], [0, 1], 20, lambda: [mp.sin(20), mp.cos(20)]),
    "time": (lambda t, y: 3 * t**2 * y, [1], 1.5, lambda: [mp.exp(mpf(1.5) ** 3)]),
    "powers of time": (lambda t, y: [(t * t) * (t * t)], [0], 2, lambda: [mpf(32) / 5]),
    "time itself": (lambda t, y: [t], [1], 2, lambda: [mpf(3)]),
    "a square": (lambda t, y: np.cos(t * t) * t, [0], 2, lambda: [mp.sin(4) / 2]),
    "logistic": (lambda t, y: y * (1 - y), [0.5], 5, lambda: [1 / (1 + mp.exp(-5))]),
    "tangent": (lambda t, y: 1 + y**2, [0], 1.25, lambda: [mp.tan(1.25)]),
    "quotient": (lambda t, y: y / (1 + t), [1], 4, lambda: [mpf(5)]),
    "root": (lambda t, y: 1 / (2 * np.sqrt(y)), [1], 2, lambda: [mpf(2.5) ** (mpf(2) / 3)]),
    "power": (lambda t, y: y**1.5, [1], 1, lambda: [mpf(4)]),
    "logarithm": (lambda t, y: np.log(y) * y, [2], 1, lambda: [mpf(2) ** mp.e]),
    "exponential": (lambda t, y: np.exp(-y), [0], 4, lambda: [mp.log(5)]),
    "tanh": (lambda t, y: np.tanh(t) * y, [1], 3, lambda: [mp.cosh(3)]),
    "arctan": (lambda t, y: [np.arctan(t)], [0], 2, lambda: [2 * mp.atan(2) - mp.log(5) / 2]),
    "a bell": (lambda t, y: [np.exp(-t * t)], [0], 2, lambda: [mp.erf(2) * mp.sqrt(mp.pi) / 2]),
    "base two": (lambda t, y: np.exp2(-y), [0], 4, lambda: [mp.log(1 + 4 * mp.log(2), 2)]),
    "binary floats": (lambda t, y: 0.1 * (0.3 * (0.7 * y)), [1], 2, None),
    "of no time": (lambda t, y: [1.0], [0], 7, lambda: [mpf(7)]),
    "at rest": (lambda t, y: -y - y**3, [0], 5, lambda: [mpf(0)]),
    "a choice": (
        lambda t, y: np.where(y > 0, -y, 3 * y),
        [2, -1],
        2,
        lambda: [2 * mp.exp(-2), -mp.exp(6)],
    ),
    "a matrix": (
        lambda t, y: y @ np.array([[0.0, 1.0], [-1.0, 0.0]]),
        numbers([1, 0, 0, 1]).reshape(2, 2),
        1,
        lambda: [mp.cos(1), mp.sin(1), -mp.sin(1), mp.cos(1)],
    ),
}


def known(name):
    if name == "binary floats":
        return [mp.exp(2 * mpf(0.1) * mpf(0.3) * mpf(0.7))]
    return KNOWN[name][3]()


@pytest.mark.parametrize("name", [n for n in KNOWN if n != "a choice"])
def test_known_solutions(name):
    f, y0, end, _ = KNOWN[name]
    status, motion = integrated(f, y0, end)
    assert status is Exit.END
    assert motion.time == mpf(end)
    with mp.workdps(80):
        agree(motion.state, known(name), 50)


@pytest.mark.parametrize("name", ["circle", "logistic", "exponential", "a choice", "quotient"])
def test_known_solutions_directly(name):
    f, y0, end, _ = KNOWN[name]
    status, motion = integrated(f, y0, end, digits=30, way=Direct)
    assert status is Exit.END
    with mp.workdps(60):
        agree(motion.state, known(name), 30)


def test_what_is_held_is_given():
    f, y0, end, _ = KNOWN["a choice"]
    traced = system(f, 0.0, np.array([2.0, -1.0]))
    stepper = Digits(traced, order_of(1e-30))
    motion = Motion(numbers(y0), np.zeros(2), mpf(0))
    held = [1.0, 0.0]
    assert len(traced.held) == 2
    assert stepper.propagate(motion, end, Tolerance(1e-30, np.ones(2)), held) is Exit.END
    with mp.workdps(60):
        agree(motion.state, known("a choice"), 30)


@pytest.mark.parametrize("digits", [15, 34, 71, 200])
def test_a_kepler_orbit_to_the_last_digit(digits):
    with mp.workdps(digits + 20):
        y0 = [mpf("0.5"), 0, 0, mp.sqrt(3)]
        end = 2 * mp.pi
    status, motion = integrated(kepler, y0, end, digits)
    assert status is Exit.END
    agree(motion.state, y0, digits)


def test_keplers_equation():
    with mp.workdps(80):
        e, t = mpf("0.5"), mpf(10)
        anomaly = mp.findroot(lambda E: E - e * mp.sin(E) - t, t)
        rate, b = 1 / (1 - e * mp.cos(anomaly)), mp.sqrt(1 - e * e)
        wanted = [mp.cos(anomaly) - e, b * mp.sin(anomaly)]
        wanted += [-rate * mp.sin(anomaly), rate * b * mp.cos(anomaly)]
        y0 = [mpf("0.5"), 0, 0, mp.sqrt(3)]
    _, motion = integrated(kepler, y0, 10, 50)
    agree(motion.state, wanted, 50)


def test_roundings_of_many_steps_stay_below_the_last_digit():
    _, motion = integrated(KNOWN["circle"][0], [0, 1], 2000, 25)
    with mp.workdps(60):
        agree(motion.state, [mp.sin(2000), mp.cos(2000)], 25)


def test_mpmath_agrees_on_a_pendulum():
    f = lambda t, y: [y[1], -np.sin(y[0]) - y[1] / 8]
    _, motion = integrated(f, [1, 0], 3, 30)
    with mp.workdps(36):
        g = lambda t, y: [y[1], -mp.sin(y[0]) - y[1] / 8]
        wanted = mpmath.odefun(g, 0, [mpf(1), mpf(0)])(3)
    agree(motion.state, wanted, 30)


def test_chaos_agrees_with_itself_at_more_digits():
    def lorenz(t, y):
        x, z, w = y
        return [10.0 * (z - x), x * (28.0 - w) - z, x * z - 8 / 3 * w]

    _, motion = integrated(lorenz, [1, 1, 1], 10, 40)
    _, better = integrated(lorenz, [1, 1, 1], 10, 55, order=70)
    with mp.workdps(80):
        # Errors grow by exp(0.9 t).
        assert max(abs(motion.state - better.state)) < mpf(10) ** -40 * 10 * mp.exp(9)


@pytest.mark.parametrize("size", ["1e-400", "1e400", "1e-30"])
def test_numbers_beyond_doubles(size):
    with mp.workdps(60):
        size = mpf(size)
        stepper = Digits(system(KNOWN["circle"][0], 0.0, np.ones(2)), order_of(1e-40))
        motion = Motion(numbers([0, size]), np.zeros(2), mpf(0))
        floors = numbers([size, size])
        stepper.propagate(motion, mpf(3), Tolerance(mpf("1e-40"), floors))
        agree(motion.state / size, [mp.sin(3), mp.cos(3)], 40)


def test_backward_in_time():
    f, y0, end, _ = KNOWN["circle"]
    _, there = integrated(f, y0, end)
    status, back = integrated(f, there.state, 0, start=end)
    assert status is Exit.END
    agree(back.state, y0, 49)


def test_parameters_have_all_their_digits():
    with mp.workdps(80):
        k, m = mpf(1) / 3, numbers([mp.pi])
        status, motion = integrated(third, [1], 1, args=(k, m))
        assert status is Exit.END
        agree(motion.state, [m[0] / k + (1 - m[0] / k) * mp.exp(-k)], 50)


def test_numbers_of_the_function_itself_have_all_their_digits():
    with mp.workdps(80):
        x = mpf(1) / 3
    _, motion = integrated(lambda t, y: y * x, [1], 1, 30, way=Direct)
    with mp.workdps(60):
        agree(motion.state, [mp.exp(mpf(1) / 3)], 30)


def test_complex_numbers():
    f = lambda t, y: 1j * y + 0 * t
    _, motion = integrated(f, [mpc(1)], 3, 30, way=Direct)
    with mp.workdps(60):
        agree(motion.state, [mp.expj(3)], 30)


def test_parts_are_those_of_the_solution():
    g = lambda t, y: [y[0] * y[1] + t, np.sin(y[0]), t]
    with mp.workdps(50):
        y0 = numbers([mpf(3) / 10, mpf(8) / 10])
        series = lambda t: (
            y0[0] * mp.cos(t) + y0[1] * mp.sin(t),
            y0[1] * mp.cos(t) - y0[0] * mp.sin(t),
        )
        solution = [
            *(lambda t, i=i: series(t)[i] for i in range(2)),
            lambda t: series(t)[0] * series(t)[1] + t,
            lambda t: mp.sin(series(t)[0]),
            lambda t: t,
        ]
        wanted = [mpmath.taylor(x, 0, 20) for x in solution]
        for way in (Digits, Direct):
            stepper, _ = stepper_of(KNOWN["circle"][0], 0, y0, 20, functions=[g], sizes=[3])
            if way is Direct:
                stepper = Direct(KNOWN["circle"][0], (2,), 20, object, [g], [3])
            assert isinstance(stepper, way)
            assert stepper.functions == 3
            motion, parts = Motion(y0.copy(), np.zeros(2), mpf(0)), stepper.parts()
            tolerance = Tolerance(mpf("1e-25"), np.ones(2))
            status = stepper.propagate(motion, 5, tolerance, steps=1, parts=parts)
            assert status is Exit.STEPS
            assert (motion.steps, motion.rejected) == (1, 0)
            for row, coefficients in zip(parts, wanted, strict=True):
                gaps = [
                    abs(a - b) * motion.step**k for k, (a, b) in enumerate(zip(row, coefficients))
                ]
                assert max(gaps) < mpf("1e-31")
            state = [mpmath.polyval(list(row[::-1]), motion.step) for row in parts[:2]]
            assert max(abs(state - motion.state)) < mpf("1e-31")


def test_a_singularity_ends_it_at_the_last_good_point():
    status, motion = integrated(lambda t, y: y**2, [1], 3, 25)
    assert status is Exit.STUCK
    assert abs(1 - motion.time) < mpf("1e-25")
    assert motion.state[0] > mpf("1e25")
    status, motion = integrated(lambda t, y: np.log(y), [-1], 1, 25)
    assert status is Exit.STUCK
    assert (motion.time, motion.steps) == (0, 0)


def test_a_switch_stepped_over_is_noticed():
    """Signs are read where a step begins; the defect at its end gives the switch away."""
    f = lambda t, y: -y if y[0] > 0.5 else -2 * y
    status, motion = directly(f, [1.0], 2.0)
    assert status is Exit.END
    assert motion.rejected > 10
    np.testing.assert_allclose(motion.state, [0.5 * math.exp(-2 * (2 - math.log(2)))], rtol=1e-12)


# --- floats and complex numbers that do not trace ---------------------------------------------


def directly(f, y0, end, order=20, tol=2.0**-52, start=0.0, given=()):
    y0 = np.asarray(y0)
    stepper = Direct(f, y0.shape, order, y0.dtype)
    motion = Motion(y0.ravel().copy(), np.zeros(y0.size, y0.dtype), start)
    status = stepper.propagate(motion, end, Tolerance(tol, np.ones(y0.size)), given)
    return status, motion


def solved(t, y):
    """Give y / (1 + y), by a linear system."""
    return unwritten(np.linalg.solve(np.diag(1 + y), y))


def test_linear_algebra_in_the_right_hand_side():
    status, motion = directly(solved, [1.0, 2.0], 3.0)
    assert status is Exit.END
    wanted = [float(mpmath.lambertw(y * mp.exp(y + 3)).real) for y in (1, 2)]
    np.testing.assert_allclose(motion.state, wanted, rtol=1e-15)
    status, back = directly(solved, motion.state, 0.0, start=3.0)
    np.testing.assert_allclose(back.state, [1.0, 2.0], rtol=1e-14)


def test_sorting_in_the_right_hand_side():
    f = lambda t, y: -np.sort(y)[::-1] * np.array([1.0, 2.0, 3.0])
    status, motion = directly(f, [5.0, 3.0, 1.0], 1.0)
    assert status is Exit.END
    np.testing.assert_allclose(motion.state, np.exp([-1.0, -2, -3]) * [5, 3, 1], rtol=1e-15)


def test_complex_states():
    status, motion = directly(lambda t, y, a: a * y * t, [1 + 1j], 2.0, given=(1j,))
    assert status is Exit.END
    np.testing.assert_allclose(motion.state, [(1 + 1j) * np.exp(2j)], rtol=1e-15)
    with pytest.raises(NotAnalyticError):
        directly(lambda t, y: np.conj(y), [1 + 1j], 2.0)


def test_direct_steps_are_those_of_machine_code():
    y0 = np.array([0.5, 0.0, 0.0, 3**0.5])
    _, motion = directly(kepler, y0, 3.0)
    other = Motion(y0, np.zeros(4), 0.0)
    Stepper(system(kepler, 0.0, y0), 20).propagate(other, 3.0, Tolerance(2.0**-52, np.ones(4)))
    np.testing.assert_allclose(motion.state, other.state, rtol=1e-15, atol=1e-15)
    assert abs(motion.steps - other.steps) <= 1


def test_direct_limits():
    status, motion = directly(lambda t, y: np.linalg.solve(np.diag(1 / y), y), [1.0], 3.0)
    assert status is Exit.STUCK
    assert 0 < 1 - motion.time < 1e-12
    assert directly(lambda t, y: np.log(y), [-1.0], 1.0)[0] is Exit.STUCK
    assert directly(lambda t, y: np.sqrt(y), [0.0], 1.0)[0] is Exit.STUCK
    with pytest.raises(InputError, match="2 numbers for a state of shape"):
        directly(lambda t, y: [1.0, 2.0], [0.0], 1.0)
    with pytest.raises(InputError, match="complex"):
        directly(lambda t, y: 1j * y, [0.0], 1.0)


def test_the_number_of_calls_is_the_order():
    calls = []

    def f(t, y):
        calls.append(isinstance(y, ta.Taylor))
        return solved(t, y)

    _, motion = directly(f, [1.0, 2.0], 1.0)
    assert all(calls)
    assert len(calls) <= 20 * motion.steps + 1


def test_the_way_that_serves_is_chosen():
    y = np.ones(2)
    assert isinstance(stepper_of(kepler, 0.0, np.ones(4), 20)[0], Stepper)
    assert isinstance(stepper_of(kepler, 0.0, numbers([1, 1, 1, 1]), 20)[0], Digits)
    assert isinstance(stepper_of(solved, 0.0, y, 20)[0], Direct)
    assert isinstance(stepper_of(solved, 0.0, numbers([1, 2]), 20)[0], Direct)
    assert isinstance(stepper_of(kepler, 0.0, np.ones(4) * 1j, 20)[0], Direct)
    assert stepper_of(third, 0.0, y, 20, (2.0, np.array([1.0, 3.0])))[1] == [2.0, 1.0, 3.0]


def test_a_run_in_pieces_is_the_run_in_one_bit_for_bit():
    y0 = numbers([mpf("0.5"), 0, 0, mpf("1.7")])
    stepper = Digits(system(kepler, 0.0, y0.astype(float)), order_of(1e-30))
    tolerance = Tolerance(1e-30, np.ones(4), longest=0.3)
    whole, pieces = (Motion(y0.copy(), np.zeros(4), mpf(0)) for _ in range(2))
    assert stepper.propagate(whole, 3, tolerance) is Exit.END
    while stepper.propagate(pieces, 3, tolerance, steps=1) is Exit.STEPS:
        assert 0 < pieces.step <= 0.3
        stepper = Digits(stepper.system, stepper.order)  # nothing is remembered elsewhere
    assert pieces.steps == whole.steps
    assert list(pieces.state) == list(whole.state)
    assert list(pieces.lost) == list(whole.lost)


def test_larger_systems_keep_their_energy():
    n = 8
    masses = np.arange(1.0, n + 1) / 64

    def bodies(t, y):
        x, v = y
        d = x[:, None, :] - x[None, :, :]
        r = np.sum(d * d, axis=2) + np.eye(n)
        return np.stack([v, -np.sum(masses[None, :, None] * d * (r**-1.5)[:, :, None], axis=1)])

    def energy(y):
        x, v = y
        e = sum(mpf(m) * mp.fdot(w, w) / 2 for m, w in zip(masses, v))
        pairs = [(i, j) for i in range(n) for j in range(i)]
        for i, j in pairs:
            e -= mpf(masses[i] * masses[j]) / mp.sqrt(mp.fdot(x[i] - x[j], x[i] - x[j]))
        return e

    angles = 2 * np.pi * np.arange(n) / n
    circle = np.stack([np.cos(angles), np.sin(angles), 0.1 * np.cos(3 * angles)], axis=1)
    y0 = np.stack([circle, 0.5 * circle[:, [1, 0, 2]] * [-1.0, 1.0, 0.5]])
    start = numbers(y0.ravel()).reshape(y0.shape)
    status, motion = integrated(bodies, start, 0.5, 30)
    assert status is Exit.END
    with mp.workdps(45):
        before, after = energy(start), energy(motion.state.reshape(y0.shape))
        assert abs(after / before - 1) < mpf("1e-30")


@pytest.mark.parametrize("way", [Digits, Direct])
@pytest.mark.parametrize("name", ["circle", "of no time", "at rest", "power"])
def test_single_steps_need_no_end(way, name):
    f, y0, _, _ = KNOWN[name]
    y0 = numbers(y0)
    stepper, _ = stepper_of(f, 0, y0, 40)
    if way is Direct:
        stepper = Direct(f, y0.shape, 40, object)
    motion = Motion(y0.copy(), np.zeros(y0.size), mpf(0))
    tolerance = Tolerance(1e-30, np.ones(y0.size))
    assert stepper.propagate(motion, math.inf, tolerance, steps=1) is Exit.STEPS
    assert motion.steps == 1
    assert 0 < motion.step < math.inf
    assert motion.time == motion.step


@pytest.mark.parametrize("digits", [None, 30])
def test_the_series_of_a_step_stays_though_others_go_on(digits):
    """It is made when someone looks, of what the step was, though copies share the stepper."""
    start = numbers([1, 0, 0, 1])
    one, lonely = (ta.ode.Integrator(kepler, 0, start, digits=digits) for _ in range(2))
    other = one.copy()
    for integrator in (one, lonely, other, other):
        integrator.step()
    series = one.taylor_coefficients
    assert np.all(series == lonely.taylor_coefficients)
    assert not np.all(series == other.taylor_coefficients)
    with mp.workdps(40):
        polynomial = sum(c * one.last_step**k for k, c in enumerate(series.T))
        assert max(abs(polynomial - one.state)) < mpf(10) ** -18


@pytest.mark.parametrize("digits", [None, 30])
@pytest.mark.parametrize(
    ("ahead", "number"),
    [
        ({"a": 0.5}, lambda a: a["a"]),
        ({"a": np.array([0.25, 0.5])}, lambda a: a["a"][1]),
        ((1, (0.5, None)), lambda a: a[1][0]),
        ([0.5], lambda a: a[0]),
    ],
)
def test_floats_in_containers_beside_mpmath_numbers(ahead, number, digits):
    run = ta.ode.solve_ivp(
        *(lambda t, y, a, b: b * number(a) * y, (0, 1), [mpmath.mpf(1)]),
        **{"args": (ahead, mpmath.mpf(2)), "digits": digits},
    )
    assert abs(run.y[0, -1] - mpmath.e) < 1e-14


@pytest.mark.parametrize("digits", [30, 60, 80])
def test_events_that_stay_what_they_are(digits):
    """Whether one vanishes at the end of a step is asked of the function itself."""

    def still(t, y):
        return np.sin(y[1] - 0.5)

    def zero(t, y):
        return np.sin(y[1])

    run = ta.ode.solve_ivp(
        lambda t, y: [np.cos(t), 0 * y[1]], (0, 2), [0.0, 0.0], events=[still, zero], digits=digits
    )
    assert run.success
    assert [len(times) for times in run.t_events] == [0, 0]


@pytest.mark.parametrize("digits", [30, 60, 75])
def test_constants_have_all_digits_wherever_they_stand(digits):
    with mpmath.workdps(digits + 10):
        degree = mpmath.pi / 180
        for f, rate in [
            (lambda one: np.deg2rad(one), degree),
            (lambda one: -np.deg2rad(one), -degree),
            (lambda one: 2.5 * np.deg2rad(-one), -degree * 5 / 2),
            (lambda one: np.rad2deg(one), 1 / degree),
            (lambda one: np.deg2rad(np.deg2rad(one)), degree**2),
            (lambda one: np.deg2rad(one) - math.pi / 180 * one, degree - mpmath.mpf(math.pi / 180)),
        ]:
            run = ta.ode.solve_ivp(lambda t, y, f=f: f(1 + 0 * y), (0, 1), [0.0], digits=digits)
            assert abs(run.y[0, -1] - rate) < mpmath.mpf(10) ** (1 - digits) * max(1, abs(rate))
