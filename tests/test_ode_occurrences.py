"""Derivatives of when events happen, and of where: against closed forms in series arithmetic."""

import pickle

import mpmath
import numpy as np
import pytest

import taylorad as ta
from taylorad.errors import IntegrationError
from taylorad.ode import implicit, sensitivities, solve_ivp


def fall(t, y, g):
    return [y[1], -g + 0 * y[0]]


def ground(t, y, g):
    return y[0]


ground.terminal = True

FALL = np.array([10.0, 3.0, 9.81])


def fallen(p):
    """When it is on the ground, and how fast."""
    height, speed, g = p
    last = np.sqrt(speed**2 + 2 * g * height)
    return np.stack([(speed + last) / g, -last])


def close(found, wanted, within=1e-13):
    found, wanted = np.asarray(found, float), np.asarray(wanted, float)
    assert found.shape == wanted.shape
    assert np.max(np.abs(found - wanted)) <= within * np.max(np.abs(wanted))


@pytest.mark.parametrize(
    "derivative",
    [
        ta.jacobian,
        lambda f: ta.hessian(lambda p: np.sum(f(p))),
        lambda f: ta.jacobian(ta.grad(lambda p: f(p)[0])),
        lambda f: ta.derivative_tensor(lambda p: f(p)[1], 3),
    ],
)
def test_a_fall_through_solve_ivp(derivative):
    def f(p):
        run = solve_ivp(fall, (0, 10), p[:2], args=(p[2],), events=ground)
        assert run.status == 1
        return np.stack([run.t_events[0][0], run.y_events[0][0, 1]])

    close(derivative(f)(FALL), derivative(fallen)(FALL))


@pytest.mark.parametrize("order", [0, 1, 4])
def test_a_fall_by_sensitivities(order):
    run = sensitivities(
        *(fall, (0, 10), FALL[:2], (FALL[2],)), wrt=["y0", 0], order=order, events=[ground]
    )
    wanted = fallen(ta.MultivariateTaylor.variables(FALL, order)).coefficients
    close(run.event_times[0].coefficients[:, 0], wanted[:, 0])
    close(run.event_states[0].coefficients[:, 1, 0], wanted[:, 1])
    assert np.max(np.abs(run.event_states[0].coefficients[:, 0])) < 1e-14
    assert run.event_states[0].shape == (2, 1)
    again = pickle.loads(pickle.dumps(run))
    assert np.array_equal(again.event_times[0].coefficients, run.event_times[0].coefficients)


def test_many_events_of_several_kinds_and_times_that_move():
    def half(t, y, k):
        return y[0] - 0.5

    def never(t, y, k):
        return y[0] - 5

    def f(p):
        run = solve_ivp(
            *(lambda t, y, k: [y[1], -k * y[0]], (p[1], 10), [1.0, 0.0]),
            args=(p[0],),
            events=[half, never],
            t_eval=[5.0, 8.0],
        )
        assert run.t_events[1].shape == (0,)
        return np.concatenate([run.t_events[0], run.y[0], run.y_events[0][:, 1]])

    def closed(p):
        w = np.sqrt(p[0])
        angles = [np.pi * (2 * k + s / 3) for k, s in ((0, 1), (1, -1), (1, 1), (2, -1))]
        at = [np.cos(w * (t - p[1])) for t in (5.0, 8.0)]
        return np.stack([*(p[1] + a / w for a in angles), *at, *(-w * np.sin(a) for a in angles)])

    p = np.array([1.44, 0.0])
    close(f(p), closed(p))
    close(ta.jacobian(f)(p), ta.jacobian(closed)(p))


def test_a_terminal_event_ends_what_the_end_of_the_span_would_move():
    def f(end):
        run = solve_ivp(fall, (0, end), [10.0, 0.0], args=(9.81,), events=ground)
        return np.stack([run.y[0, -1], *run.t_events[0]])

    assert np.array_equal(ta.jacobian(f)(10.0), [0, 0])
    close(ta.jacobian(f)(1.0), [-9.81])


def test_many_parameters_backward():
    """By the adjoint equation, against the directional derivative by sensitivities."""
    rng = np.random.default_rng(0)
    weights, direction = rng.standard_normal((2, 9, 9)) / 4

    def event(t, y, w):
        return y[0] - 0.05 * np.sum(w[0]) - 0.7

    net = lambda t, y, w: np.tanh(w @ y)
    when = lambda w: solve_ivp(net, (0, -3), np.ones(9), args=(w,), events=event).t_events[0][0]
    along = sensitivities(
        *(lambda t, y, s: net(t, y, weights + s * direction), (0, -3), np.ones(9), (0.0,)),
        wrt=0,
        events=lambda t, y, s: event(t, y, weights + s * direction),
    )
    close(np.sum(ta.grad(when)(weights) * direction), along.event_times[0].gradient()[0, 0])


@pytest.mark.parametrize("digits", [None, 30])
def test_implicit_equations(digits):
    equation = implicit(lambda t, y, yp, k: [yp[0] + k * y[1], y[1] - y[0]])
    options = {"events": lambda t, y, k: y[1] - 1, "digits": digits}
    run = sensitivities(equation, (0, 5), [2.0, 2.0], (0.5,), wrt=0, order=3, **options)
    (k,) = ta.MultivariateTaylor.variables([0.5], 3)
    close(run.event_times[0].coefficients[:, 0], (np.log(2) / k).coefficients)
    assert np.max(np.abs(run.event_states[0].coefficients[1:])) < 1e-14
    when = lambda k: solve_ivp(equation, (0, 5), [2.0, 2.0], args=(k,), **options).t_events[0][0]
    with mpmath.workdps(30):
        found = ta.grad(when)(mpmath.mpf(0.5) if digits else 0.5) / -4
        assert abs(found - mpmath.log(2)) < (1e-28 if digits else 1e-14)


def test_behind_a_switch():
    def f(p):
        run = solve_ivp(
            lambda t, y, k: np.where(y < 1, 1.0, k) + 0 * y,
            *((0, 5), [p[0]]),
            args=(p[1],),
            events=lambda t, y, k: y[0] - 2,
        )
        return run.t_events[0][0]

    closed = lambda p: 1 - p[0] + 1 / p[1]
    p = np.array([0.2, 3.0])
    close(ta.hessian(f)(p), ta.hessian(closed)(p))


def test_what_is_only_touched():
    problem = (lambda t, y: [y[1], -y[0]], (0, 3), [0.0, 1.0])
    touches = lambda t, y: y[0] - 1
    run = sensitivities(*problem, order=2, events=touches)
    assert abs(run.event_times[0].value[0] - np.pi / 2) < 1e-7
    assert np.all(np.isnan(run.event_times[0].coefficients[1:]))
    with pytest.raises(IntegrationError, match="only touched"):
        ta.grad(lambda v: solve_ivp(*problem[:2], [0.0, v], events=touches).t_events[0][0])(1.0)


@pytest.mark.parametrize("digits", [30, 70])
def test_functions_of_parameters_with_many_digits(digits):
    """Beyond a switch, with exponentials of what varies."""

    def speed(t, y, k):
        return np.where(np.sin(y) < 0.5, 1.0, np.exp(k)) + 0 * y

    run = sensitivities(
        *(speed, (0, 1), [0.25], (1.25,)),
        wrt=["y0", 0],
        order=3,
        events=lambda t, y, k: y[0] ** 2 - np.exp(k) / 8,
        digits=digits,
    )
    with mpmath.workdps(digits + 5):
        numbers = np.array([mpmath.mpf(0.25), mpmath.mpf(1.25)], object)
        y, k = ta.MultivariateTaylor.variables(numbers, 3)
        turn = mpmath.asin(mpmath.mpf(0.5))
        wanted = turn - y + (np.sqrt(np.exp(k) / 8) - turn) / np.exp(k)
        found = run.event_times[0].coefficients[:, 0]
        errors = [abs(a - b) for a, b in zip(found, wanted.coefficients, strict=True)]
        assert max(errors) < mpmath.mpf(10) ** (3 - digits)


@pytest.mark.parametrize("digits", [30, 60, 70])
def test_gradients_of_times_with_many_digits(digits):
    def when(k):
        run = solve_ivp(
            lambda t, y, k: np.exp(k) + 0 * y,
            *((0, 3), [0.0]),
            events=lambda t, y, k: y[0] - 1,
            args=(k,),
            digits=digits,
        )
        return run.t_events[0][0]

    with mpmath.workdps(digits + 5):
        for derivative in (ta.derivative, ta.grad):
            found = derivative(when)(-0.75)
            assert abs(found / -mpmath.exp(mpmath.mpf(0.75)) - 1) < mpmath.mpf(10) ** (2 - digits)
