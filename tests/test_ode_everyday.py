"""Right-hand sides and events as they are written every day, against closed forms."""

import mpmath
import numpy as np
import pytest
import scipy.special

import taylorad as ta


def circle(t, y):
    return [y[1], -y[0]]


def angle(t, y):
    return np.arctan2(y[0], y[1])


def events(function, span=(0, 10), start=(0.0, 1.0), **options):
    """Give the times of an event on a circle on which the sine of the time is y[0]."""
    times = ta.ode.solve_ivp(circle, span, list(start), events=function, **options).t_events[0]
    return times.astype(float)


# --- angles ---


@pytest.mark.parametrize("end", [10.0, -10.0])
def test_angles_jump_where_they_do(end):
    run = ta.ode.solve_ivp(lambda t, y: [*circle(t, y[:2]), angle(t, y)], (0, end), [0.0, 1.0, 0.0])
    # The angle is the time, less full turns.
    np.testing.assert_allclose(run.y[2, -1], (10 - 4 * np.pi) ** 2 / 2, rtol=1e-14)
    assert run.nsteps < 30


def test_angles_jump_in_many_digits():
    run = ta.ode.solve_ivp(
        lambda t, y: [*circle(t, y[:2]), angle(t, y)], (0, 10), [0, 1, 0], digits=40
    )
    with mpmath.workdps(40):
        assert abs(run.y[2, -1] - (10 - 4 * mpmath.pi) ** 2 / 2) < 1e-38


@pytest.mark.parametrize("digits", [None, 20, 40, 70])
@pytest.mark.parametrize("level", [0.3, -2.0, 3.0])
def test_angles_reach_values_once_a_turn(level, digits):
    def rising(t, y):
        return angle(t, y) - level

    rising.direction = 1
    first = level % (2 * np.pi)
    expected = np.arange(first, 10, 2 * np.pi)
    np.testing.assert_allclose(events(rising, digits=digits), expected, rtol=1e-14)
    # Where it jumps back it changes its sign, too.
    rising.direction = -1
    jumps = events(rising, digits=digits)
    np.testing.assert_allclose(jumps, [np.pi, 3 * np.pi], rtol=1e-14)


# --- events that are not finite everywhere ---


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize(
    ("function", "sines"),
    [
        (lambda x: 1 / x - 2, [0.5]),  # a pole at the beginning
        (lambda x: 1 / x, []),  # a pole is no root
        (lambda x: np.log(x) + 1, [np.exp(-1.0)]),  # undefined for half of the time
        (lambda x: np.log(x - 0.5) + 2, [0.5 + np.exp(-2.0)]),
        (lambda x: np.sqrt(x - 0.5) - 0.1, [0.51]),  # not defined at the beginning
        (lambda x: np.sqrt(x - 2), []),  # never defined
        (lambda x: np.cbrt(x - 0.5), [0.5]),  # singular where it vanishes
        (lambda x: 1 / x**2 - 4, [0.5, -0.5]),
    ],
)
def test_functions_that_are_not_finite_everywhere(function, sines, terminal):
    def event(t, y):
        return function(y[0])

    begin = np.arcsin(sines)
    expected = np.sort(np.ravel([begin, np.pi - begin, begin + 2 * np.pi, 3 * np.pi - begin]))
    expected = expected[(expected > 0) & (expected < 9)][: 1 if terminal else None]
    event.terminal = terminal
    np.testing.assert_allclose(events(event, (0, 9)), expected, rtol=1e-12)


def test_tangents_vanish_between_their_poles():
    np.testing.assert_allclose(events(lambda t, y: np.tan(t)), np.pi * np.arange(1, 4), rtol=1e-14)


@pytest.mark.parametrize("size", [1e-280, 1e-200, 1e-160, 1.0, 1e200])
def test_events_of_any_size(size):
    expected = np.pi * np.arange(1, 4)
    np.testing.assert_allclose(events(lambda t, y: y[0], start=(0, size)), expected, rtol=1e-15)
    np.testing.assert_allclose(events(lambda t, y: size * y[0]), expected, rtol=1e-15)


# --- truths as numbers ---


@pytest.mark.parametrize("digits", [None, 20, 70])
@pytest.mark.parametrize(
    ("of", "expected"),
    [
        # On (0, 2 pi): both on a quarter of it, one of them on three.
        (lambda up, right: up + right, 1.5 * np.pi),  # of truths: one of them, or both
        (lambda up, right: 1.0 * up + right, 2 * np.pi),
        (lambda up, right: up * right, np.pi / 2),
        (lambda up, right: np.logical_and(up, right) * 1.0, np.pi / 2),
        (lambda up, right: (up | right) * 2.0, 3 * np.pi),
        (lambda up, right: (up ^ right) + 1, 3 * np.pi),
        (lambda up, right: ~up, np.pi),
        (lambda up, right: (up != right) * 1.0, np.pi),
        (lambda up, right: np.all(np.stack([up, right])).astype(float), np.pi / 2),
        (lambda up, right: np.where(np.logical_and(up, right), 1, 3) * 1.0, 5 * np.pi),
    ],
)
def test_truths_count(of, expected, digits):
    def rates(t, y):
        return [*circle(t, y), of(y[0] > 0, y[1] > 0)]

    run = ta.ode.solve_ivp(
        lambda t, y: rates(t, y[:2]), (0, 2 * np.pi), [0.0, 1.0, 0.0], digits=digits
    )
    np.testing.assert_allclose(float(run.y[2, -1]), expected, rtol=1e-14)


# --- what cannot be done is named ---


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda y: np.fft.fft(y).real, "numpy.fft.fft"),
        (lambda y: scipy.special.bei(y), "scipy.special.bei"),
        (lambda y: y * np.linalg.eigvalsh(np.outer(y, y))[0], "numpy.linalg.eigvalsh"),
    ],
)
def test_functions_without_a_rule_are_named(function, name):
    with pytest.raises(ta.errors.NoRuleError, match=f"{name} has no differentiation rule"):
        ta.ode.solve_ivp(lambda t, y: function(y), (0, 1), [0.1, 0.2])


def test_jumps_that_cannot_be_located_are_named():
    with pytest.raises(ta.errors.InputError, match=r"jumps, by argsort \(.*line \d+\)"):
        ta.ode.solve_ivp(lambda t, y: np.sort(y), (0, 1), np.linspace(0, 1, 100))


def test_numbers_may_be_printed_on_the_way(capsys):
    def decay(t, y):
        print(f"{t:.3f} {y[0]:+.2f}")
        return -y

    assert ta.ode.solve_ivp(decay, (0, 1), [1.0]).success
    assert set(capsys.readouterr().out.splitlines()) == {"0.000 +1.00"}


# --- what is changed in place ---


def test_entries_of_states_and_parameters_cannot_be_set_in_vain():
    integrator = ta.ode.Integrator(lambda t, y, k: -k * y, 0.0, [1.0, 2.0], (np.array([1.0]),))
    with pytest.raises(ValueError, match="read-only"):
        integrator.state[0] = 3.0
    with pytest.raises(ValueError, match="read-only"):
        integrator.parameters[0][0] = 3.0
    state = integrator.state.copy()
    state[0] = 3.0
    integrator.state = state
    integrator.propagate_until(1.0)
    np.testing.assert_allclose(integrator.state, [3 / np.e, 2 / np.e], rtol=1e-15)


def test_parameters_in_containers_are_copies():
    """What is traced again, where an `if` goes the other way, must not find other numbers."""
    given = {"rates": [np.array([1.0])]}

    def decay(t, y, p):
        return -p["rates"][0] * y if t < 1 else -p["rates"][0] * y * 1.0

    integrator = ta.ode.Integrator(decay, 0.0, [1.0], (given,))
    integrator.propagate_until(0.5)
    given["rates"][0][0] = 5.0
    integrator.propagate_until(2.0)
    np.testing.assert_allclose(integrator.state, [np.exp(-2.0)], rtol=1e-15)


# --- what cannot go on ---


@pytest.mark.parametrize(
    "rate",
    [
        lambda t, y: np.sqrt(y),
        lambda t, y: np.hypot(t, 0.0) + 0 * y,
        lambda t, y: (t**2) ** 0.5 + 0 * y,
        lambda t, y: np.cbrt(t) + 0 * y,
    ],
)
def test_beginning_where_a_function_has_no_series(rate):
    run = ta.ode.solve_ivp(rate, (0, 1), [0.0])
    assert not run.success
    assert run.t.tolist() == [0.0]
    assert "is not finite at degree 2: the solution is not analytic there" in run.message


# --- loops that end when something is small ---


@pytest.mark.parametrize("order", [None, 20, 25, 28])
@pytest.mark.parametrize("small", [1e-15, 1e-14, 1e-10, 1e-8])
def test_newton_within_a_right_hand_side(small, order):
    """Where the last correction is no more than roundings, they say how many there are.

    At a half period the guess is right, and the first correction small, for no longer than that.
    """
    eccentricity = 0.3

    def along(t, y):
        anomaly = t
        for _ in range(20):
            gap = anomaly - eccentricity * np.sin(anomaly) - t
            move = gap / (1 - eccentricity * np.cos(anomaly))
            anomaly = anomaly - move
            if abs(move) < small:
                break
        return [np.cos(anomaly)]

    run = ta.ode.solve_ivp(along, (0, 6), [0.0], order=order)
    end = mpmath.findroot(lambda x: x - eccentricity * mpmath.sin(x) - 6, 6)
    # With the anomaly x the integral is that of cos(x) (1 - e cos(x)).
    expected = mpmath.sin(end) - eccentricity * (end / 2 + mpmath.sin(2 * end) / 4)
    np.testing.assert_allclose(run.y[0, -1], float(expected), rtol=1e-13)


@pytest.mark.parametrize("rate", [lambda t, y: -np.sign(y), lambda t, y: -np.sign(y) - 0.5])
def test_solutions_do_not_slide(rate):
    run = ta.ode.solve_ivp(rate, (0, 2), [1.0])
    assert not run.success
    assert "slides" in run.message


def test_whole_turns_and_the_rest():
    def rates(t, y):
        whole, rest = divmod(t, 1.5)
        back, _ = divmod(4.0, t + 1)
        return [whole, rest, back]

    run = ta.ode.solve_ivp(rates, (0, 4), [0.0, 0.0, 0.0])
    # 4 / (t + 1) is above 3 until 1/3, above 2 until 1, above 1 until 3.
    expected = [1.5 + 2 * 1.0, 2 * 1.5**2 / 2 + 0.5, 3 * (1 / 3) + 2 * (2 / 3) + 2]
    np.testing.assert_allclose(run.y[:, -1], expected, rtol=1e-14)


@pytest.mark.parametrize("of", [lambda k: k & 2, lambda k: k | 4, lambda k: k ^ 1, lambda k: ~k])
def test_bits_of_whole_numbers_are_refused(of):
    """They are no truths."""
    for rate in (lambda k: of(k) * 1.0, lambda k: np.where(of(k), 1.0, 0.0)):
        with pytest.raises(ta.errors.InputError, match="jumps, by floor"):
            ta.ode.solve_ivp(lambda t, y, rate=rate: [rate(np.floor(t).astype(int))], (0, 4), [0.0])


# --- events that jump have no derivatives ---


def test_times_of_jumps_are_not_differentiated():
    def wrapped(t, y, stiffness):
        return np.mod(t * stiffness + 1, 2.0) - 1  # jumps from 1 to -1

    wrapped.terminal, wrapped.direction = True, -1

    def time(stiffness, event=wrapped):
        run = ta.ode.solve_ivp(
            lambda t, y, k: -k * y, (0, 5), [1.0], args=(stiffness,), events=event
        )
        return run.t_events[0][0]

    assert time(0.8) == pytest.approx(1 / 0.8, rel=1e-15)
    with pytest.raises(ta.errors.IntegrationError, match="jumps over zero"):
        ta.grad(time)(0.8)

    def rising(t, y, stiffness):
        return wrapped(t, y, stiffness) + 0.5

    rising.terminal, rising.direction = True, 1
    slope = ta.grad(lambda k: time(k, rising))(0.8)
    np.testing.assert_allclose(slope, -1.5 / 0.8**2, rtol=1e-14)
