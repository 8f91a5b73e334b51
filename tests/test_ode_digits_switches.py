"""Right-hand sides that jump, in numbers of many digits, against closed forms."""

from __future__ import annotations

import pickle

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf

import taylorad as ta
from taylorad.errors import InputError, IntegrationError
from taylorad.ode.events.crossings import first_crossing
from taylorad.ode.steps import stepper as machine

DIGITS = [30, 50, 60, 75]
"""In numbers of two words, of four, and in whole numbers."""

pytestmark = pytest.mark.parametrize("digits", DIGITS)


@pytest.fixture(autouse=True)
def _more_digits(digits):
    with mp.workdps(digits + 15):
        yield


def agree(found, expected, digits, scale=100):
    gaps = [abs(x - y) for x, y in zip(found, expected, strict=True)]
    assert max(gaps) < scale * mpf(10) ** -digits, [mpmath.nstr(x, 3) for x in gaps]


# --- problems with closed forms ---------------------------------------------------------------


def bang(t, y):
    """Accelerate toward zero, always as much: the path is made of arcs of parabolas."""
    return [y[1], -np.sign(y[0])]


def bang_state(t, height):
    quarter = mp.sqrt(2 * height)  # also the speed at zero
    arc = int(mp.floor((t + quarter) / (2 * quarter)))
    s, sign = t + quarter - 2 * quarter * arc, (-1) ** arc
    return [sign * (quarter * s - s * s / 2), sign * (quarter - s)]


def spring(t, y, k):
    return [y[1], -y[0] - k * np.maximum(y[0], 0)]


def spring_by_if(t, y, k):
    x, v = y
    return [v, -x - k * x] if x > 0 else [v, -x]


def spring_by_where(t, y, k):
    return [y[1], np.where(y[0] > 0, -(1 + k) * y[0], -y[0])]


def spring_by_abs(t, y, k):
    return [y[1], -y[0] - k * (y[0] + abs(y[0])) / 2]


def spring_state(t):
    """Give the state for k = 3, from (0, 1): half periods are a quarter and a half of 2 pi."""
    s = t - 3 * mp.pi / 2 * mp.floor(t / (3 * mp.pi / 2))
    if s < mp.pi / 2:
        return [mp.sin(2 * s) / 2, mp.cos(2 * s)]
    return [-mp.sin(s - mp.pi / 2), -mp.cos(s - mp.pi / 2)]


@pytest.mark.parametrize("end", ["8.3", "-8.3"])
def test_arcs_of_parabolas(digits, end):
    height, end = mpf(1) / 3, mpf(end)
    run = ta.ode.solve_ivp(bang, (0, end), [height, 0], digits=digits)
    assert run.success
    state = bang_state(abs(end), height)
    agree(run.y[:, -1], [state[0], state[1] * mp.sign(end)], digits)


@pytest.mark.parametrize(
    ("f", "end"),
    [
        (spring, 20),
        (spring_by_if, 9),
        (spring_by_if, -9),
        (spring_by_where, 9),
        (spring_by_abs, -9),
    ],
)
def test_a_spring_of_two_stiffnesses(digits, f, end):
    run = ta.ode.solve_ivp(f, (0, end), [0, 1], args=(3,), digits=digits)
    assert run.success
    agree(run.y[:, -1], spring_state(mpf(end)), digits, 1000)


def test_numbers_of_mpmath_without_digits(digits):
    with mp.workdps(digits):
        one = mpf(1)
        run = ta.ode.solve_ivp(
            *(spring, (0, 10), [0 * one, one]), args=(3 * one,), events=lambda t, y, k: y[0]
        )
        agree(run.t_events[0], [mp.pi / 2 * k for k in (1, 3, 4, 6)], digits)
        agree(run.y[:, -1], spring_state(mpf(10)), digits)


def test_events_times_and_dense_output(digits):
    times = [mpf(k) / 3 for k in range(28)]
    options = {"t_eval": times, "dense_output": True, "events": lambda t, y, k: y[1]}
    run = ta.ode.solve_ivp(spring, (0, 9), [0, 1], args=(3,), digits=digits, **options)
    agree(run.t_events[0], [mp.pi * x for x in (0.25, 1, 1.75, 2.5)], digits)
    for k, t in enumerate(times):
        agree(run.y[:, k], spring_state(t), digits, 1000)
        agree(run.sol(t), spring_state(t), digits, 1000)


def test_an_event_that_jumps(digits):
    event = lambda t, y: abs(y[0]) - 0.5
    event.terminal = 5
    integrator = ta.ode.Integrator(
        lambda t, y: [y[1], -y[0]], 0, [0, 1], digits=digits, events=event
    )
    assert integrator.propagate_until(100).outcome == "event"
    agree(integrator.t_events[0], [mp.pi / 6 * k for k in (1, 5, 7, 11, 13)], digits)
    agree(integrator.state, [0.5, mp.sqrt(3) / 2], digits)


def test_roundings(digits):
    """Of the time: a staircase, and a saw."""
    end = mpf(7) / 3
    run = ta.ode.solve_ivp(
        lambda t, y: [np.floor(2 * t), np.rint(3 * t), np.mod(t, 0.5), np.ceil(t - 1)],
        *((0, end), [0, 0, 0, 0]),
        digits=digits,
    )
    stairs = mpf(1 + 2 + 3) / 2 + 4 * (end - 2)
    nearest = mpf(1 + 2 + 3 + 4 + 5 + 6) / 3 + 7 * (end - mpf(13) / 6)
    saw = mpf(4) / 8 + (end - 2) ** 2 / 2
    agree(run.y[:, -1], [stairs, nearest, saw, 1 * (2 - 1) + 2 * (end - 2)], digits)


@pytest.mark.parametrize("depth", ["0", "1e-20", "1e-45"])
def test_two_switches_as_near_as_you_like(digits, depth):
    """|x**2 - depth| is a touch of zero, or goes below; doubles cannot tell."""
    depth = mpf(depth)
    f = lambda t, y: [1.0, np.abs(y[0] * y[0] - y[2]), 0 * y[2]]
    run = ta.ode.solve_ivp(f, (0, 3), [-1, 0, depth], digits=digits)
    width = mp.sqrt(depth)
    area = lambda x: x**3 / 3 - depth * x
    expected = area(mpf(2)) - 2 * area(width) + 2 * area(-width) - area(mpf(-1))
    agree(run.y[1:2, -1], [expected], digits)


def test_a_threefold_root(digits):
    begin = -mpf(8) / 7
    run = ta.ode.solve_ivp(lambda t, y: [1.0, np.abs(y[0] ** 3)], (0, 3), [begin, 0], digits=digits)
    agree(run.y[1:, -1], [(begin**4 + (begin + 3) ** 4) / 4], digits)


def test_step_by_step_and_there_and_back(digits):
    given = (spring, 0, [0, 1], (3,))
    one, other = (ta.ode.Integrator(*given, digits=digits) for _ in range(2))
    while one.time < 10:
        one.step()
    agree(one.state, spring_state(one.time), digits, 1000)
    there = one.copy()
    there.propagate_until(20)
    agree(there.state, other.propagate_grid([1, 7, 20])[:, -1], digits, 1000)
    one.propagate_until(0)
    agree(one.state, [0, 1], digits, 1000)


def test_a_copy_goes_on_from_a_pickle(digits):
    integrator = ta.ode.Integrator(spring_by_if, 0, [0, 1], (3,), digits=digits)
    integrator.propagate_until(5)
    loaded = pickle.loads(pickle.dumps(integrator))
    loaded.propagate_until(9)
    agree(loaded.state, spring_state(mpf(9)), digits, 1000)


# --- what cannot be ------------------------------------------------------------------------------


def test_a_block_that_stops_is_an_error(digits):
    """Friction holds it at the second turn: at -1/2 the spring is weaker."""
    rub = lambda t, y: [y[1], -y[0] - np.sign(y[1])]
    integrator = ta.ode.Integrator(rub, 0, [mpf(7) / 2, 0], digits=digits)
    with pytest.raises(IntegrationError, match="slides along it"):
        integrator.propagate_until(20)
    agree([integrator.time, *integrator.state], [2 * mp.pi, -0.5, 0], digits)
    run = ta.ode.solve_ivp(rub, (0, 20), [mpf(7) / 2, 0], digits=digits)
    assert not run.success
    assert "slides along it" in run.message


def test_an_if_of_more_digits_than_doubles_have_is_an_error(digits):
    by_if = lambda t, y: [1.0] if y[0] < 1.0 else [2.0]
    nearly = [1 - mpf("1e-25")]
    with pytest.raises(InputError, match=r"write np\.where instead"):
        ta.ode.solve_ivp(by_if, (0, 1), nearly, digits=digits)
    by_where = lambda t, y: np.where(y < 1.0, 1.0, 2.0)
    run = ta.ode.solve_ivp(by_where, (0, 1), nearly, digits=digits)
    agree(run.y[:, -1], [1 + 2 * (1 - mpf("1e-25"))], digits)


def test_what_cannot_be_located_is_refused(digits):
    with pytest.raises(InputError, match="cannot be located"):
        ta.ode.solve_ivp(lambda t, y: np.spacing(y), (0, 1), [mpf(1)], digits=digits)


# --- roots ---------------------------------------------------------------------------------------


def _product(roots):
    series = [mpf(1)]
    for root in roots:
        series = [
            low - high / root
            for low, high in zip([*series, mpf(0)], [mpf(0), *series], strict=True)
        ]
    return series


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("near", "first"),
    [
        (["0.3", "0.7"], "0.3"),
        (["0.3", "0.3", "0.9"], "0.9"),  # a touch is no crossing
        (["0.3", "0.3", "0.3"], "0.3"),
        (["1", "2"], None),  # at the end it is the next step's
        (["2", "-1"], None),
        (["0.5", "0.500000000001"], "0.5"),
        (["1e-20", "0.5"], "1e-20"),
        ([], None),
    ],
)
def test_first_crossings(digits, near, first, sign):
    roots = [*map(mpf, near), mpf(-3), mpf("1.5"), mpf(5)]
    series = [x * sign**k * 7 for k, x in enumerate(_product(roots))]
    found = first_crossing(series, mpf(sign), 1, 40 * mpf(10) ** -digits)
    if first is None:
        assert found is None
    else:
        crossings = len({*near}) == len(near)
        agree([found * sign], [mpf(first)], digits if crossings else digits // 3 - 1)


def test_a_crossing_that_is_all_within_the_noise_at_first(digits):
    """What holds at the beginning is given up as soon as the sign is certain."""
    noise = mpf(10) ** -digits
    found = first_crossing([mpf(0), noise / 2, mpf(-1)], mpf(1), 1, noise)
    assert 0 < found < 2 * mp.sqrt(noise)


def test_doubles_know_nothing_of_it(digits):
    """Switches of doubles are located as ever, beside those of more digits."""
    run = ta.ode.solve_ivp(spring, (0, 20), [0.0, 1.0], args=(3.0,))
    agree(run.y[:, -1], spring_state(mpf(20)), 13)
    integrator = ta.ode.Integrator(spring, 0.0, [0.0, 1.0], (3.0,))
    assert isinstance(integrator._flow.stepper, machine.Stepper)


def test_conditions_are_combined(digits):
    def slow_inside(t, y):
        return np.where((y * y > 2) & ~(y > 2) | (y * y < 0.5), 2.0, 4.0)

    end = ta.ode.solve_ivp(slow_inside, (0, 3), [0], digits=digits).y[0, -1]
    there = mp.sqrt(0.5) / 2 + (mp.sqrt(2) - mp.sqrt(0.5)) / 4 + (2 - mp.sqrt(2)) / 2
    agree([end], [2 + 4 * (3 - there)], digits)


def test_what_is_zero_all_the_time_jumps_nowhere(digits):
    def f(t, y):
        return [np.floor(y[0]) + np.fmod(y[0], 1.5), np.where(t > 0.5, 1.0 + y[0], 0.0)]

    run = ta.ode.solve_ivp(f, (0, 1), [0.0, 0.0], digits=digits)
    assert run.success
    assert run.y[0, -1] == 0
    assert abs(run.y[1, -1] - 0.5) < mpf(10) ** (2 - digits)


def test_an_event_that_is_singular_where_it_begins_says_so():
    event = lambda t, y: np.exp(y[0]) - 2 + t**0.5
    run = ta.ode.solve_ivp(lambda t, y: np.cos(t) + 0 * y, (0, 1), [0.0], events=event, digits=30)
    assert not run.success
    assert "not analytic" in run.message
