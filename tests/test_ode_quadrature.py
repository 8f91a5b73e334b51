"""Integrals along solutions, by Gauss's rule: against closed forms, and components of the state."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

import taylorad as ta
from taylorad.ode.steps.quadrature import Quadrature
from taylorad.ode.steps.stepper import Motion, Stepper
from taylorad.ode.steps.stops import Stops
from taylorad.ode.tolerances import tolerance
from taylorad.ode.tracing.system import system
from taylorad.ode.variations import adjoint


def integrals(fun, extra, y0, times, tol=None, args=(), order=20):
    """Integrate functions of a solution along it, with stops at times at which nothing is done."""
    y0 = np.asarray(y0, float)
    n = y0.size

    def whole(t, z, *args):
        return np.concatenate([fun(t, z[:n], *args), extra(t, z[:n], *args)])

    count = np.size(extra(0.0, y0, *args))
    limits = tolerance(y0, tol, None, None, math.inf)
    every = system(whole, 0.0, np.concatenate([y0, np.zeros(count)]), args)
    quadrature = Quadrature(every, n, order, limits.relative)
    stepper = Stepper(system(fun, 0.0, y0, args), order)
    none, nothing = np.zeros(0, int), np.zeros((len(times), 0))
    stops = Stops(
        np.stack([times, np.zeros(len(times))], 1), none, nothing, none, nothing, quadrature
    )
    motion = Motion(y0, np.zeros(n), 0.0)
    given = np.concatenate([np.ravel(a) for a in args]) if args else ()
    stepper.propagate(motion, times[-1], limits, given, guide=stops)
    assert not len(stops.left)
    return quadrature.integrals


def circle(t, y):
    return np.stack([y[1], -y[0]])


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("legs", [1, 7, 300])
def test_along_a_circle(sign, legs):
    """sin, its square, t times cos, exp(sin) cos, and 3, from 0 to T."""
    T = sign * 20.0
    found = integrals(
        circle,
        lambda t, y: np.stack(
            [
                y[0],
                y[0] ** 2,
                t * y[1],
                np.exp(y[0]) * y[1],
                y[1] / (2 + y[0]) ** 2,
                3.0 + 0 * t,
            ]
        ),
        [0.0, 1.0],
        np.linspace(0, T, legs + 1)[1:],
    )
    s, c = math.sin(T), math.cos(T)
    exact = [1 - c, T / 2 - s * c / 2, c + T * s - 1, math.exp(s) - 1, 0.5 - 1 / (2 + s), 3 * T]
    np.testing.assert_allclose(found, exact, rtol=1e-14, atol=2e-13)


def test_of_many_steps_more_than_are_kept_at_a_time():
    found = integrals(circle, lambda t, y: np.stack([y[0] ** 2, y[1] ** 2]), [0.0, 1.0], [5000.0])
    T = 5000.0
    half = math.sin(2 * T) / 4
    np.testing.assert_allclose(found, [T / 2 - half, T / 2 + half], rtol=1e-13)


@pytest.mark.parametrize("tol", [1e-4, 1e-8, 1e-12])
def test_errors_follow_the_tolerance(tol):
    found = integrals(circle, lambda t, y: np.exp(y[:1]) * y[1], [0.0, 1.0], [10.0], tol, order=12)
    assert abs(found[0] - (math.exp(math.sin(10)) - 1)) < 10 * tol


def test_functions_that_are_less_smooth_than_the_solution():
    """The solution is a straight line, of which one step is enough."""
    line = lambda t, y: np.zeros(1) - 1.0 + 0 * y
    found = integrals(
        line,
        lambda t, y: np.stack([np.sqrt(y[0]), 1 / y[0], 1 / (1 + 400 * (y[0] - 0.5) ** 2)]),
        [1.0],
        [1 - 2.0**-10],
    )
    end = 2.0**-10
    curve = (math.atan(10) + math.atan(20 * (0.5 - end))) / 20
    exact = [2 / 3 * (1 - end**1.5), 10 * math.log(2), curve]
    np.testing.assert_allclose(found, exact, rtol=1e-13)


def test_what_is_not_a_number_and_what_is_noise_have_an_end():
    def extra(t, y):
        noise = (1.0 + y[0]) - 1.0 - y[0]
        with np.errstate(invalid="ignore"):
            return np.stack([np.sqrt(y[0] - 2), np.sin(1e16 * noise), y[1]])

    # Either takes too many pieces, and leaves nothing that could be taken for an integral.
    assert np.all(np.isnan(integrals(circle, extra, [0.0, 1.0], [1.0])))


def test_gradients_where_the_rule_gives_up_are_those_of_components(monkeypatch):
    gone = []

    def given_up(self):
        gone.append(self)
        return np.full(len(self._sums), np.nan)

    rng = np.random.default_rng(0)
    w, b, y0 = rng.standard_normal((6, 6)), rng.standard_normal(6), rng.standard_normal(6)

    def gradient():
        return ta.ode.adjoint_gradient(
            net, (0.0, 1.0), y0, (w, b), terminal=lambda y, w, b: np.sum(y**2)
        ).gradient

    wanted = gradient()
    monkeypatch.setattr(Quadrature, "integrals", property(given_up))
    found = gradient()
    assert len(gone) == 1
    for key in wanted:
        np.testing.assert_allclose(found[key], wanted[key], rtol=1e-12, atol=1e-13)


def net(t, y, w, b):
    return np.tanh(w @ y + b * np.cos(t)) - 0.1 * y**3


def test_gradients_are_those_of_components(monkeypatch):
    rng = np.random.default_rng(0)
    w, b, y0 = rng.standard_normal((6, 6)), rng.standard_normal(6), rng.standard_normal(6)
    made = []
    whole = Quadrature.__init__

    def counted(self, *args):
        made.append(1)
        whole(self, *args)

    monkeypatch.setattr(Quadrature, "__init__", counted)

    def gradient():
        return ta.ode.adjoint_gradient(
            net, (0.0, 10.0), y0, (w, b), terminal=lambda y, w, b: np.sum(y**2)
        ).gradient

    found = gradient()
    assert made
    monkeypatch.setattr(adjoint, "MOST", 0)
    expected = gradient()
    assert len(made) == 1
    for name in ("y0", 0, 1):
        size = np.max(np.abs(expected[name]))
        np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=1e-13 * size)


def test_parameters_that_are_zero_and_bring_in_what_is_singular():
    """y' = -1 + sum(p sqrt(y)): at p = 0 what p brings in has no effect on the steps."""
    count, T = 40, 1 - 1e-6
    found = ta.ode.adjoint_gradient(
        lambda t, y, p: -1.0 + np.sum(p) * np.sqrt(y),
        (0.0, T),
        [1.0],
        (np.zeros(count),),
        terminal=lambda y, p: y[0],
    )
    with mpmath.workdps(30):
        exact = float(mpmath.mpf(2) / 3 * (1 - (1 - mpmath.mpf(T)) ** 1.5))
    np.testing.assert_allclose(found.gradient[0], np.full(count, exact), rtol=1e-12)


def test_where_there_are_switches_they_are_components():
    k = np.linspace(0.5, 1.5, 40)
    found = ta.ode.adjoint_gradient(
        lambda t, y, k: -k * np.abs(y),
        (0.0, 1.0),
        np.ones(40),
        (k,),
        terminal=lambda y, k: np.sum(y),
    )
    np.testing.assert_allclose(found.gradient[0], -np.exp(-k), rtol=1e-13)
