"""Many trajectories side by side: each as if it were alone."""

import math
import threading

import numpy as np
import pytest
from test_ode_steps import chain, kepler, lorenz, pairs

from taylorad.ode.steps.interface import Exit
from taylorad.ode.steps.lanes.lanes import Lanes, Motions, NotForLanes, Samples
from taylorad.ode.steps.stepper import Motion, Stepper, Tolerance
from taylorad.ode.tracing.system import system

ROUNDING = 2.0**-52
KEPLER = [0.5, 0.0, 0.0, 3**0.5]


def van_der_pol(t, y):
    return [y[1], 3.0 * (1 - y[0] * y[0]) * y[1] - y[0]]


def pendulum(t, y, g):
    return [y[1], -g * np.sin(y[0])]


def double_pendulum(t, y):
    a, b, p, q = y
    c, s = np.cos(a - b), np.sin(a - b)
    u = 6 * (2 * p - 3 * c * q) / (16 - 9 * c * c)
    v = 6 * (8 * q - 3 * c * p) / (16 - 9 * c * c)
    return [u, v, -0.5 * (u * v * s + 3 * np.sin(a)), 0.5 * (u * v * s - np.sin(b))]


def linear(t, y):
    """Rates of which the series are summed up with components, and one that leads to these."""
    x, z, w, u = y
    return [2.5 * (z - x) + 3.0, -1.5 * x, 0.3 - 2.0 * w + x - z, 0.1 * (w - u) + 0.0 * z]


def powers(t, y):
    """Powers of the same, and products of what they are of with what they are."""
    x, z = y
    a, b = (1 + x * x) ** 0.3, (1 + x * x) ** -1.7
    return [z * b, -x * a + 0.1 * x * b]


def of_everything(t, y):
    return [
        y[0] ** 1.7 * np.exp(-t) - np.sqrt(y[0]) / 4,
        np.tanh(y[1]) + np.arctan(y[0]) - np.log(2 + y[1] ** 2) + np.cos(t),
    ]


def alone(stepper, state, start, end, tolerance, given=(), steps=2**62):
    motion = Motion(np.array(state, float), np.zeros(len(state)), start)
    return stepper.propagate(motion, end, tolerance, given, steps=steps), motion


def compared(f, y0, end, args=(), count=11, width=8, order=20, tol=ROUNDING, start=0.0, **near):
    """Integrate trajectories from around a point to different ends, in lanes and one by one."""
    y0 = np.asarray(y0, float)
    rng = np.random.default_rng(1)
    states = y0 * (1 + 0.1 * rng.uniform(-1, 1, (count, y0.size)))
    ends = start + (end - start) * rng.uniform(0.2, 1, count)
    traced, given = system(f, start, y0, args), [float(a) for a in args]
    tolerance = Tolerance(tol, np.ones(y0.size))
    motions = Motions.begin(states, start)
    exits = Lanes(traced, order, width).propagate(motions, ends, tolerance, given)
    stepper = Stepper(traced, order)
    for i, state in enumerate(states):
        exit, motion = alone(stepper, state, start, ends[i], tolerance, given)
        assert exits[i] == exit == Exit.END
        assert (motions.time[i], motions.time_low[i]) == (ends[i], 0.0)
        assert (motions.steps[i], motions.rejected[i]) == (motion.steps, motion.rejected)
        np.testing.assert_allclose(motions.state[i], motion.state, **near)


@pytest.mark.parametrize("width", [2, 4, 8, 16])
@pytest.mark.parametrize(
    ("f", "y0", "end", "args"),
    [
        (kepler, KEPLER, 10.0, ()),
        (lorenz, [1.0, 2.0, 3.0], 2.0, ()),
        (van_der_pol, [2.0, 0.1], 8.0, ()),
        (pendulum, [1.0, 0.3], 20.0, (1.3,)),
        (double_pendulum, [0.5, 0.3, 0.1, 0.2], 3.0, ()),
        (linear, [1.0, 0.5, -0.3, 0.7], 3.0, ()),
        (powers, [1.0, 0.5], 5.0, ()),
        (of_everything, [1.0, 1.0], 3.0, ()),
        (lambda t, y: 3 * t**2 * y, [1.0], 1.5, ()),
        (lambda t, y: [t**3, y[0] * t, 2.0], [0.1, 1.0, 1.0], 2.0, ()),
        (lambda t, y: 0.2 * np.sin(y) + 0.5, [1.0, 0.4], 3.0, ()),
    ],
    ids=[
        *("kepler", "lorenz", "van der pol", "pendulum", "double pendulum", "linear", "powers"),
        *("everything", "time", "steady rates", "multiples"),
    ],
)
def test_each_is_as_if_alone(f, y0, end, args, width):
    compared(f, y0, end, args, width=width, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("order", [2, 3, 4, 7, 8, 9, 10, 11, 12, 21, 30])
@pytest.mark.parametrize(
    ("f", "y0"), [(kepler, KEPLER), (double_pendulum, [0.5, 0.3, 0.1, 0.2]), (linear, np.ones(4))]
)
def test_orders(f, y0, order):
    tol = max(10.0**-order, ROUNDING)
    compared(f, y0, 2.0, order=order, tol=tol, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("order", [2, 5, 20, 21])
@pytest.mark.parametrize(("f", "n"), [(pairs, 30), (chain, 46), (lambda t, y: -y * t, 17)])
def test_systems_of_many_equations(f, n, order):
    y0 = np.random.default_rng(n).uniform(-1, 1, n)
    near = {"rtol": 1e-12, "atol": 1e-13}
    compared(f, y0, 1.0, order=order, tol=max(10.0**-order, ROUNDING), count=3, **near)


def sampled(f, y0, times, order=20, width=8, **options):
    """Integrate from around a point to the last of some times, and sample at all."""
    traced, times = system(f, 0.0, y0), np.asarray(times, float)
    count = 11
    states = y0 * np.linspace(1, 1.1, count)[:, None]
    motions = Motions.begin(states)
    samples = Samples.begin(np.tile(times, (count, 1)), motions)
    lanes = Lanes(traced, order, width, is_sampled=True)
    tolerance = Tolerance(max(10.0**-order, ROUNDING), np.ones(y0.size))
    exits = np.full(count, Exit.STEPS.value)
    while np.any(exits == Exit.STEPS):
        exits = lanes.propagate(motions, times[-1], tolerance, samples=samples, **options)
    assert np.all(exits == Exit.END)
    assert np.all(samples.taken == len(times))
    return traced, states, tolerance, motions, samples


@pytest.mark.parametrize("width", [2, 8, 16])
@pytest.mark.parametrize(
    ("f", "y0", "order"),
    [
        (kepler, np.array(KEPLER), 20),
        (double_pendulum, np.array([0.5, 0.3, 0.1, 0.2]), 21),
        (linear, np.array([1.0, 0.5, -0.3, 0.7]), 7),
        (of_everything, np.ones(2), 20),
        (chain, np.linspace(-1, 1, 46), 20),
    ],
    ids=["kepler", "double pendulum", "linear", "everything", "chain"],
)
@pytest.mark.parametrize("end", [1.5, -1.5])
def test_samples_are_what_ends_there(f, y0, order, end, width):
    if f is of_everything:
        end = abs(end)
    times = np.array([0.0, 1e-9, 0.01, 0.011, 0.3, 0.9, 1.0]) * end
    traced, states, tolerance, motions, samples = sampled(f, y0, times, order, width)
    np.testing.assert_array_equal(samples.values[:, 0], states)
    np.testing.assert_allclose(samples.values[:, -1], motions.state, rtol=1e-12, atol=1e-13)
    stepper, near = Stepper(traced, order), 10 * max(10.0**-order, 1e-14)
    for i, state in enumerate(states):
        for k, time in enumerate(times):
            _, motion = alone(stepper, state, 0.0, time, tolerance)
            np.testing.assert_allclose(samples.values[i, k], motion.state, rtol=near, atol=near)


def test_what_is_sampled_in_steps_that_are_taken_back_is_sampled_again():
    turn = lambda t, y: [np.tanh(30 * (t - 1)) + 0 * y[0]]
    times = np.linspace(0, 2, 400)
    _, states, _, motions, samples = sampled(turn, np.ones(1), times)
    assert np.all(motions.rejected > 0)
    wanted = states + (np.logaddexp(30 * (times - 1), 30 * (1 - times)) - 30) / 30
    np.testing.assert_allclose(samples.values[..., 0], wanted, rtol=1e-13)


@pytest.mark.parametrize("f", [kepler, chain])
def test_samples_do_not_depend_on_how_many_steps_go_together(f):
    y0 = np.array(KEPLER) if f is kepler else np.linspace(-1, 1, 46)
    times = np.linspace(0, 3, 50)
    *_, motions, samples = sampled(f, y0, times)
    *_, others, again = sampled(f, y0, times, steps=1)
    assert np.all(motions.steps > 2)
    np.testing.assert_array_equal(samples.values, again.values)
    np.testing.assert_array_equal(motions.state, others.state)


def test_who_samples_is_made_for_it():
    traced, motions = system(kepler, 0.0, np.array(KEPLER)), Motions.begin([KEPLER])
    tolerance, samples = Tolerance(ROUNDING, np.ones(4)), Samples.begin([[1.0]], motions)
    with pytest.raises(ValueError, match="made to sample"):
        Lanes(traced, 20).propagate(motions, 1.0, tolerance, samples=samples)
    with pytest.raises(ValueError, match="made to sample"):
        Lanes(traced, 20, is_sampled=True).propagate(motions, 1.0, tolerance)
    with pytest.raises(ValueError, match="shapes"):
        Samples(samples.times, samples.values, np.zeros(2, np.int64))
    with pytest.raises(ValueError, match="int64"):
        Samples(samples.times, samples.values, np.zeros(1))


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 40])
@pytest.mark.parametrize("width", [8, 16])
def test_any_number_of_trajectories(count, width):
    """Against the closed form, forward for some and backward for others."""
    rng = np.random.default_rng(count)
    amplitudes, ends = rng.uniform(1, 2, count), rng.uniform(-30, 30, count)
    starts = rng.uniform(-3, 3, count)
    lanes = Lanes(system(lambda t, y: [y[1], -y[0]], 0.0, np.ones(2)), 20, width)
    states = amplitudes[:, None] * np.stack([np.sin(starts), np.cos(starts)], axis=1)
    motions = Motions.begin(states.reshape(-1, 2), starts)
    exits = lanes.propagate(motions, ends, Tolerance(ROUNDING, np.ones(2)))
    assert exits.shape == (count,)
    assert np.all(exits == Exit.END)
    np.testing.assert_array_equal(motions.time, ends)
    wanted = amplitudes[:, None] * np.stack([np.sin(ends), np.cos(ends)], axis=1)
    np.testing.assert_allclose(motions.state, wanted.reshape(-1, 2), atol=2e-14)


def test_times_in_two_words_and_one_end_for_all():
    lanes = Lanes(system(lambda t, y: [1.0], 0.0, np.ones(1)), 8)
    motions = Motions.begin(np.zeros((3, 1)), 1.0, 1e-20)
    exits = lanes.propagate(motions, 2.0, Tolerance(ROUNDING, np.ones(1)), end_low=3e-20)
    assert np.all(exits == Exit.END)
    assert motions.time.tolist() == [2.0] * 3
    assert motions.time_low.tolist() == [3e-20] * 3


@pytest.mark.parametrize("bad", [0, 3, 9, 10])
@pytest.mark.parametrize("width", [4, 8])
def test_what_goes_wrong_does_not_spread(bad, width):
    """One begins with NaN, the next blows up; all others are as if those were not there."""
    states = np.linspace(-1.0, -0.5, 11)[:, None]
    states[bad], states[(bad + 1) % 11] = np.nan, 1.0
    lanes = Lanes(system(lambda t, y: y * y, 0.0, np.ones(1)), 20, width)
    motions, tolerance = Motions.begin(states), Tolerance(ROUNDING, np.ones(1))
    exits = lanes.propagate(motions, 3.0, tolerance)
    others = [i for i in range(11) if i not in (bad, (bad + 1) % 11)]
    assert np.all(exits[others] == Exit.END)
    wanted = states[others] / (1 - 3 * states[others])
    np.testing.assert_allclose(motions.state[others], wanted, rtol=1e-15)
    assert exits[bad] == exits[(bad + 1) % 11] == Exit.STUCK
    assert motions.steps[bad] == 0
    assert motions.time[bad] == 0.0
    blown = motions.motion((bad + 1) % 11)
    assert 0 < 1 - blown.time < 1e-12
    assert np.all(np.isfinite(blown.state))


def test_ends_that_cannot_be_reached():
    lanes = Lanes(system(kepler, 0.0, np.array(KEPLER)), 20)
    motions, ends = Motions.begin(np.array([KEPLER] * 5)), [math.nan, math.inf, 1.0, 0.0, -math.inf]
    exits = lanes.propagate(motions, ends, Tolerance(ROUNDING, np.ones(4)), steps=50)
    assert exits.tolist() == [Exit.STUCK, Exit.STEPS, Exit.END, Exit.END, Exit.STEPS]
    assert motions.steps.tolist()[:2] == [0, 50]
    assert np.all(np.isfinite(motions.state))


def test_rejected_steps_are_as_if_alone():
    def f(t, y):  # at first it has parts of degree 13 only, by which no step is chosen
        u = t * t * t
        return [np.sin((u * u) * (u * u))]

    traced, tolerance = system(f, 0.0, np.zeros(1)), Tolerance(1e-12, np.ones(1))
    ends = np.linspace(1, 1.5, 9)
    motions = Motions.begin(np.zeros((9, 1)))
    Lanes(traced, 20).propagate(motions, ends, tolerance)
    stepper = Stepper(traced, 20)
    for i, end in enumerate(ends):
        _, motion = alone(stepper, [0.0], 0.0, end, tolerance)
        assert (motions.steps[i], motions.rejected[i]) == (motion.steps, motion.rejected)
        np.testing.assert_allclose(motions.state[i], motion.state, rtol=1e-12)
    assert motions.rejected.max() > 0


def test_parameters_of_all_and_of_each():
    f = lambda t, y, k, m: -k * y + m
    lanes = Lanes(system(f, 0.0, np.ones(1), (2.0, 3.0)), 20)
    given = np.random.default_rng(3).uniform(0.5, 2, (13, 2))
    tolerance = Tolerance(ROUNDING, np.ones(1))
    solution = lambda k, m: m / k + (1 - m / k) * np.exp(-k)
    motions = Motions.begin(np.ones((13, 1)))
    lanes.propagate(motions, 1.0, tolerance, given)
    np.testing.assert_allclose(motions.state[:, 0], solution(*given.T), rtol=1e-15)
    motions = Motions.begin(np.ones((13, 1)))
    lanes.propagate(motions, 1.0, tolerance, [2.0, 3.0])
    np.testing.assert_allclose(motions.state[:, 0], solution(2.0, 3.0), rtol=1e-15)


@pytest.mark.parametrize("size", [1, 20])
def test_choices_by_parameters(size):
    f = lambda t, y, k: np.where(k > 0, -k * y, np.where(k < -1, 1.0, y))
    lanes = Lanes(system(f, 0.0, np.ones(size), (1.0,)), 20)
    given = np.array([2.0, 0.5, -0.5, -2.0] * 3)[:, None]
    motions = Motions.begin(np.ones((12, size)))
    exits = lanes.propagate(motions, 1.0, Tolerance(ROUNDING, np.ones(size)), given)
    assert np.all(exits == Exit.END)
    wanted = np.tile([math.exp(-2), math.exp(-0.5), math.e, 2.0], 3)
    np.testing.assert_allclose(motions.state, np.outer(wanted, np.ones(size)), rtol=1e-15)


def test_a_limit_of_steps_and_going_on():
    """In pieces as in one go, bit for bit."""
    lanes = Lanes(system(kepler, 0.0, np.array(KEPLER)), 20)
    tolerance = Tolerance(ROUNDING, np.ones(4))
    states = np.array(KEPLER) * np.linspace(1, 1.1, 10)[:, None]
    motions, whole = Motions.begin(states), Motions.begin(states)
    exits = lanes.propagate(whole, 5.0, tolerance, steps=7)
    assert np.all(exits == Exit.STEPS)
    assert whole.steps.tolist() == [7] * 10
    for steps in (3, 4):
        lanes.propagate(motions, 5.0, tolerance, steps=steps)
    for name in ("state", "lost", "clock"):
        np.testing.assert_array_equal(getattr(motions, name), getattr(whole, name))


def test_a_part_of_the_trajectories():
    lanes = Lanes(system(kepler, 0.0, np.array(KEPLER)), 20)
    states = np.array(KEPLER) * np.linspace(1, 1.1, 10)[:, None]
    motions, tolerance = Motions.begin(states), Tolerance(ROUNDING, np.ones(4))
    lanes.propagate(motions[3:6], 5.0, tolerance)
    assert motions.time.tolist() == [0.0] * 3 + [5.0] * 3 + [0.0] * 4
    np.testing.assert_array_equal(motions.state[6:], states[6:])


def test_threads_share_the_code():
    lanes = Lanes(system(kepler, 0.0, np.array(KEPLER)), 20)
    states = np.array(KEPLER) * np.linspace(1, 1.1, 64)[:, None]
    together, apart = Motions.begin(states), Motions.begin(states)
    tolerance = Tolerance(ROUNDING, np.ones(4))
    lanes.propagate(together, 20.0, tolerance)
    threads = [
        threading.Thread(target=lanes.propagate, args=(apart[k : k + 16], 20.0, tolerance))
        for k in range(0, 64, 16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(apart.state, together.state)


def test_long_runs_do_not_drift():
    energy = lambda y: 0.5 * (y[:, 2] ** 2 + y[:, 3] ** 2) - 1 / np.hypot(y[:, 0], y[:, 1])
    states = np.array(KEPLER) * np.linspace(1, 1.05, 16)[:, None]
    motions = Motions.begin(states)
    lanes = Lanes(system(kepler, 0.0, np.array(KEPLER)), 20, 16)
    lanes.propagate(motions, 200 * math.pi, Tolerance(ROUNDING, np.ones(4)))
    np.testing.assert_allclose(energy(motions.state), energy(states), rtol=1e-13)


def test_what_is_held_is_not_for_lanes():
    with pytest.raises(NotForLanes, match="choices"):
        Lanes(system(lambda t, y: np.where(y > 0, 1.0, -y), 0.0, np.ones(1)), 20)


def test_what_does_not_fit_is_refused():
    lanes = Lanes(system(lambda t, y, k: -k * y, 0.0, np.ones(2), (1.0,)), 8)
    tolerance = Tolerance(ROUNDING, np.ones(2))
    with pytest.raises(ValueError, match="components"):
        lanes.propagate(Motions.begin(np.ones((4, 3))), 1.0, tolerance, [1.0])
    with pytest.raises(ValueError, match="parameters"):
        lanes.propagate(Motions.begin(np.ones((4, 2))), 1.0, tolerance)
    with pytest.raises(ValueError, match="neighbours"):
        Motions.begin(np.ones((4, 2)))[::2]
    with pytest.raises(ValueError, match="width"):
        Lanes(lanes.system, 8, 3)


def test_floors_of_each():
    """As if each were alone with its own, bit for bit."""
    lanes = Lanes(system(kepler, 0.0, np.array(KEPLER)), 14)
    states = np.array(KEPLER) * np.linspace(1, 1.1, 11)[:, None]
    floors = 10.0 ** np.random.default_rng(4).uniform(-6, 0, (11, 4))
    together = Motions.begin(states)
    lanes.propagate(together, 5.0, Tolerance(1e-9, floors))
    for i in range(11):
        motion = Motions.begin(states[i])
        lanes.propagate(motion, 5.0, Tolerance(1e-9, floors[i]))
        np.testing.assert_array_equal(motion.state[0], together.state[i])
    assert len(set(together.steps.tolist())) > 1
    with pytest.raises(ValueError, match="floors"):
        lanes.propagate(together, 6.0, Tolerance(1e-9, np.ones(3)))
