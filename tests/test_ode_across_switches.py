"""Derivatives of solutions that cross switches, against closed forms in series arithmetic."""

import numpy as np
import pytest

import taylorad as ta
from taylorad.errors import IntegrationError

MANY = 5


def assert_same(flow, expected, size=1e-12):
    found, known = flow.coefficients.astype(float), expected.coefficients
    assert found.shape == known.shape
    assert np.max(np.abs(found - known)) <= size * np.max(np.abs(known))


def two_speeds(t, y, where):
    return np.where(y < where, 1.0, 2.0) + 0 * y


def two_speeds_by_if(t, y, where):
    return [1.0 + 0 * y[0]] if y[0] < where else [2.0 + 0 * y[0]]


@pytest.mark.parametrize("fun", [two_speeds, two_speeds_by_if])
@pytest.mark.parametrize("digits", [None, 30, 70])
def test_where_the_switch_is_may_vary(fun, digits):
    flow = ta.ode.flow_map(fun, (0, 3), [0.25], 3, (1.0,), wrt=["y0", 0], digits=digits)
    y, where = ta.MultivariateTaylor.variables([0.25, 1.0], 3)
    assert_same(flow[0], where + 2 * (3 - (where - y)))


def growth_then_decay(t, y):
    return np.where(y < 1, y, 1 / y)


@pytest.mark.parametrize("order", range(MANY + 1))
def test_all_orders(order):
    flow = ta.ode.flow_map(growth_then_decay, (0, 2), [0.5], order)
    (y,) = ta.MultivariateTaylor.variables([0.5], order)
    assert_same(flow[0], np.sqrt(1 + 2 * (2 + np.log(y))))


def test_backward():
    flow = ta.ode.flow_map(growth_then_decay, (0, -1), [1.5], MANY)
    (y,) = ta.MultivariateTaylor.variables([1.5], MANY)
    crossing = (1 - y**2) / 2  # y**2 is 1.5**2 + 2 t on the way back to 1
    assert_same(flow[0], np.exp(-1 - crossing) * np.exp(0 * y))


def springs(t, y, soft, hard):
    x, v = y
    return np.array([v, -np.where(x > 0, soft, hard) * x])


@pytest.mark.parametrize("fun", ["where", "by if"])
def test_oscillator_with_two_springs(fun):
    def by_if(t, y, soft, hard):
        return [y[1], -(soft if y[0] > 0 else hard) * y[0]]

    given = [1.0, 0.25, 0.5, 3.0]
    f = springs if fun == "where" else by_if
    wrt = ["y0", 0, 1]
    flow = ta.ode.flow_map(f, (0, 6.0), given[:2], 4, tuple(given[2:]), wrt=wrt)
    x, v, soft, hard = ta.MultivariateTaylor.variables(given, 4)
    slow, fast = np.sqrt(soft), np.sqrt(hard)
    first = (np.pi / 2 + np.arctan(v / (slow * x))) / slow
    speed = np.sqrt(v**2 + soft * x**2)
    second = first + np.pi / fast
    assert second.value < 6 < second.value + np.pi / slow.value
    rest = slow * (6.0 - second)
    assert_same(flow[0], speed / slow * np.sin(rest))
    assert_same(flow[1], speed * np.cos(rest))


@pytest.mark.parametrize("digits", [None, 30, 70])
def test_functions_of_the_state_switch(digits):
    def turns(t, y, bound):
        inside = np.where((y > -1) & (y < 9), np.sin(y), 9.0)
        return np.where(np.exp(inside) < np.exp(bound), 1.0, 3.0)

    flow = ta.ode.flow_map(turns, (0, 0.8), [0.25], 3, (0.5,), wrt=["y0", 0], digits=digits)
    y, bound = ta.MultivariateTaylor.variables([0.25, 0.5], 3)
    there = np.arcsin(bound)
    assert_same(flow[0], there + 3 * (0.8 - (there - y)))


@pytest.mark.parametrize("digits", [None, 30])
def test_what_jumps_because_something_else_does(digits):
    def in_turn(t, y):
        inside = np.where(y < 0.5, y, 9.0)
        return np.where(inside < 2, 1.0, 3.0)

    flow = ta.ode.flow_map(in_turn, (0, 1), [0.25], 3, digits=digits)
    (y,) = ta.MultivariateTaylor.variables([0.25], 3)
    assert_same(flow[0], 0.5 + 3 * (1 - (0.5 - y)))


def test_branches_that_hold_something_else():
    def chosen(t, y, bound):
        if y[0] < bound:
            return [np.where(t < 5, 1.0, 7.0) * np.where(y[0] > -5, 1.0, 9.0)]
        return [np.where(y[0] > 0.3 * t, 2.0, 7.0) * np.where(t > 5, 7.0, 1.0)]

    flow = ta.ode.flow_map(chosen, (0, 2), [0.25], 3, (1.0,), wrt=["y0", 0])
    y, bound = ta.MultivariateTaylor.variables([0.25, 1.0], 3)
    assert_same(flow[0], bound + 2 * (2 - (bound - y)))


def test_orders_that_series_in_time_do_not_have():
    for order, options in ((26, {}), (10, {"rtol": 1e-3})):
        with pytest.raises(IntegrationError, match="too short for derivatives"):
            ta.ode.flow_map(growth_then_decay, (0, 2), [0.5], order, **options)


def test_of_time():
    def kicked(t, y, when):
        return np.where(t < when, 0.0, 1.0) * y

    flow = ta.ode.flow_map(kicked, (0, 2), [3.0], 4, (0.75,), wrt=["y0", 0])
    y, when = ta.MultivariateTaylor.variables([3.0, 0.75], 4)
    assert_same(flow[0], y * np.exp(2 - when))


def test_dry_friction():
    def rubbing(t, y, k):
        return [y[1], -k * np.sign(y[1]) - y[0]]

    flow = ta.ode.flow_map(rubbing, (0, 5.0), [4.0, 0.5], 2, (0.3,), wrt=["y0", 0])
    x, v, k = ta.MultivariateTaylor.variables([4.0, 0.5, 0.3], 2)
    # It turns about (-k, 0) while it moves to the right, and about (k, 0) to the left.
    radius, turned = np.sqrt((x + k) ** 2 + v**2), np.arctan(v / (x + k))
    left = 5.0 - (turned + np.pi)
    assert 0 < left.value < np.pi
    assert_same(flow[0], -k - (radius - 4 * k) * np.cos(left))
    assert_same(flow[1], (radius - 4 * k) * np.sin(left))


def test_without_a_derivative_there_is_an_error():
    def begins(t, y):
        return [y[1], -np.abs(y[0])]

    assert ta.ode.sensitivities(begins, (0, 1), [0.0, 1.0], order=1).success
    result = ta.ode.sensitivities(begins, (0, 1), [0.0, 1.0], order=2)
    assert not result.success
    assert "begins on a switch" in result.message
    with pytest.raises(IntegrationError, match="begins on a switch"):
        ta.ode.flow_map(begins, (0, 1), [0.0, 1.0], 2)
