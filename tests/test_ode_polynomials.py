"""Systems of polynomials: tables of monomials against lines for every coefficient."""

import numpy as np
import pytest

from taylorad.forward.algebra import dual, hyperdual, multivariate
from taylorad.ode.choice import watching
from taylorad.ode.steps.stepper import Motion, Stepper, Tolerance
from taylorad.ode.tracing.system import system
from taylorad.ode.tracing.variation import Variation

ORDER = 14


def everything(t, y, a, b):
    x, u, v = y
    w = np.exp(np.sin(a) * x) / (2 + np.cos(b * u + t))
    s = np.sqrt(1.5 + x * x) ** -3 + (a + u * u) ** b
    r = np.arctan(a * v - x) * b - a**2 / (b + x**2) + t * a
    return np.array([w - 0.25 * s, -x + np.log(2 + np.tanh(u * v)) / a, r * 0.5 + a - b / 3])


def still_factors(t, y, a, b):
    """Parameters whose value may be zero, times what moves but does not vary."""
    x, u, v = y
    return np.array(
        [a * np.cos(t) * u, b * (1 - t) + x / (b + 1), (a - b) / (2 + np.sin(t)) + v * a]
    )


def choices(t, y, a, b):
    x, u, v = y
    return np.array([np.where(x > a, b * u, u * u), np.abs(v) * a + t, np.maximum(u, v) - b * x])


def constant_rates(t, y, a, b):
    return np.array([a, 0.0 * y[0] + b, np.cos(t)])


def functions_of_time_too(t, y, a, b):
    """What moves but does not vary, solved for after what does."""
    x, u, v = y
    return np.array([np.arcsinh(x) * np.exp(t), np.sin(t) - u / np.log(2 + t), np.cos(a * v) * t])


def some_stay(t, y, a, b):
    """Beside what varies, functions of the time alone, and a rate that is always the same."""
    x, u, _ = y
    return np.array([np.sin(u) - x + np.tanh(t * t), np.exp(x) - 0.3 * u, 1.0])


def lines(t, y, a, b):
    x, u, v = y
    return np.array([u, v + x, -x - 2 * u])


SYSTEMS = [
    everything,
    still_factors,
    choices,
    constant_rates,
    functions_of_time_too,
    some_stay,
    lines,
]
ALGEBRAS = [dual(9), hyperdual(2, 3), multivariate(1, 6), multivariate(2, 4), multivariate(4, 2)]


def sampled(fun, algebra, seeds, observing=False):
    """Give the parts of a step by one form and by the other."""
    y, parameters = np.array([0.4, 0.75, -0.3]), (0.0 if fun is still_factors else 0.6, 0.35)
    functions = [lambda t, y, a, b: y[0] * y[1] - a * t] if observing else []
    base = watching(system(fun, 0.2, y, parameters, functions))
    rng = np.random.default_rng(3)
    values = rng.uniform(0.5, 1.5, len(seeds))
    variation = Variation(base, algebra, seeds, values)
    state = rng.uniform(-1, 1, (algebra.size, 3))
    state[0] = y
    held = [1.0 if h.row.name in ("greater", "greater_equal") else -1.0 for h in base.held]
    found = []
    for form in ("spread", "tabled"):
        stepper = Stepper(variation, ORDER, 0, form)
        motion = Motion(state.ravel().copy(), np.zeros(state.size), 0.2)
        parts = stepper.parts()
        tolerance = Tolerance(1e-12, np.ones(state.size), np.inf)
        given = [*parameters, *values, *held]
        stepper.propagate(motion, 5.0, tolerance, given, steps=1, parts=parts)
        found.append((parts, motion.step))
    return found


@pytest.mark.parametrize("algebra", ALGEBRAS, ids=lambda a: f"{a.family[0].__name__} {a.size}")
@pytest.mark.parametrize("fun", SYSTEMS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("varies", ["state", "parameters", "both"])
def test_both_forms_give_the_same_parts(fun, algebra, varies):
    last = algebra.size - 1
    seeds = [] if varies == "state" else [(0, min(1, last)), (1, last)]
    if varies == "both" and last > 2:
        seeds += [(0, 2), (1, 1)]
    (a, step), (b, other_step) = sampled(fun, algebra, seeds, varies == "both")
    scale = np.max(np.abs(a), axis=0)  # of each degree
    assert np.all(np.isfinite(scale))
    assert np.max(np.abs(a - b) / (scale + 1e-300)) < 1e-12
    np.testing.assert_allclose(step, other_step, rtol=1e-3)
