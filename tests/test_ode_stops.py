"""Stops on the way: by machine code what one leg after the other gives, to the bit."""

from __future__ import annotations

import numpy as np
import pytest

import taylorad as ta
from taylorad.ode.steps.stepper import Motion, Stepper
from taylorad.ode.steps.stops import Stops
from taylorad.ode.tolerances import tolerance
from taylorad.ode.tracing.system import system


def oscillator(t, y, k):
    return np.concatenate([y[3:], -k * y[:3] + 0.1 * np.sin(t)])


def chain(t, y, k):
    return k * np.tanh(np.roll(y, 1) - y)


@pytest.mark.parametrize(("fun", "size"), [(oscillator, 6), (chain, 70)])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_way_with_stops_is_its_legs_one_by_one(fun, size, sign):
    rng = np.random.default_rng(0)
    legs, given = 300, [1.5]
    times = np.zeros((legs, 2))
    times[:, 0] = sign * np.cumsum(rng.uniform(0, 0.5, legs))
    times[:, 1] = 1e-18 * rng.uniform(-1, 1, legs)
    times[7] = times[6]  # nothing to go
    set_at, added_at = np.array([4, 1]), np.array([0, 2, 5])
    values, summands = rng.uniform(-1, 1, (legs, 2)), rng.uniform(-0.1, 0.1, (legs, 3))
    start = rng.uniform(-1, 1, size)
    limits = tolerance(start, None, None, None, np.inf)

    def stepper():
        return Stepper(system(fun, 0.0, start, (1.5,)), 18)

    def stops():
        return Stops(times, set_at, values, added_at, summands)

    whole = Motion(start, np.zeros(size), 0.0)
    way, ends = stops(), times[-1].tolist()
    stepper().propagate(whole, ends[0], limits, given, end_low=ends[1], guide=way)
    assert not len(way.left)

    single, by_hand = Motion(start, np.zeros(size), 0.0), stops()
    one = stepper()
    for k in by_hand.left:
        one.propagate(single, times[k, 0], limits, given, end_low=times[k, 1])
        by_hand.change(k, single)
    assert (whole.time, whole.time_low) == (single.time, single.time_low) == tuple(ends)
    np.testing.assert_array_equal(whole.state, single.state)
    np.testing.assert_array_equal(whole.lost, single.lost)
    np.testing.assert_array_equal(whole.state[set_at], values[-1])
    assert whole.steps == single.steps > legs - 2


def test_what_cannot_be_reached_is_left():
    start = np.array([1.0])
    motion, limits = Motion(start, np.zeros(1), 0.0), tolerance(start, None, None, None, np.inf)
    none = np.zeros(0, int)
    times = np.array([[0.25, 0.0], [0.5, 0.0], [2.0, 0.0], [3.0, 0.0]])
    way = Stops(times, none, np.zeros((4, 0)), none, np.zeros((4, 0)))
    Stepper(system(lambda t, y: y**2, 0.0, start), 20).propagate(motion, 3.0, limits, guide=way)
    assert way.left == range(2, 4)
    assert 0.99 < motion.time < 1.01


def test_only_so_many_steps():
    start = np.array([1.0])
    motion, limits = Motion(start, np.zeros(1), 0.0), tolerance(start, None, None, None, np.inf)
    none = np.zeros(0, int)
    way = Stops(
        np.array([[1.0, 0.0], [200.0, 0.0]]), none, np.zeros((2, 0)), none, np.zeros((2, 0))
    )
    stepper = Stepper(system(lambda t, y: -y, 0.0, start), 20)
    stepper.propagate(motion, 200.0, limits, steps=30, guide=way)
    assert motion.steps == 30
    assert way.left == range(1, 2)


@pytest.mark.parametrize("end", [2.0, -2.0])
@pytest.mark.parametrize("times", [[0.3], [0.0, 0.7, 2.0], np.linspace(0, 2, 200), None])
def test_gradients_of_what_is_seen_between_steps_at_them_and_early(times, end):
    """Of weighted states of y' = -k y by 40 numbers k, in closed form."""
    rng = np.random.default_rng(1)
    k = rng.uniform(0.5, 1.5, 40)
    t_eval = None if times is None else np.sign(end) * np.asarray(times)

    def solution(k):
        return ta.ode.solve_ivp(
            lambda t, y, k: -k * y, (0, end), np.ones(40), args=(k,), t_eval=t_eval
        )

    run = solution(k)
    weights = rng.uniform(-1, 1, run.y.shape)
    expected = np.sum(-weights * run.t * np.exp(-k[:, None] * run.t), axis=1)
    found = ta.grad(lambda k: np.sum(weights * solution(k).y))(k)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
