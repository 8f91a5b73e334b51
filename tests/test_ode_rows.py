"""Every function of the table in a right-hand side: those too whose value is code of other rows."""

import mpmath
import numpy as np
import pytest
from scipy import special

import taylorad as ta
from taylorad.ode.steps.stepper import Motion, Stepper, Tolerance
from taylorad.ode.tracing.system import system

mp = mpmath.mp

# A function, the same in mpmath, and the ends of an interval in which it is analytic.
ROWS = {
    "exp": (np.exp, mp.exp, -1, 1),
    "exp2": (np.exp2, lambda x: mp.mpf(2) ** x, -1, 1),
    "expm1": (np.expm1, mp.expm1, -1, 1),
    "log": (np.log, mp.log, 0.5, 2),
    "log2": (np.log2, lambda x: mp.log(x, 2), 0.5, 2),
    "log10": (np.log10, mp.log10, 0.5, 2),
    "log1p": (np.log1p, mp.log1p, -0.5, 1),
    "sqrt": (np.sqrt, mp.sqrt, 0.5, 2),
    "cbrt": (np.cbrt, mp.cbrt, 0.5, 2),
    "sin": (np.sin, mp.sin, -1, 2),
    "cos": (np.cos, mp.cos, -1, 2),
    "tan": (np.tan, mp.tan, -1, 1),
    "arcsin": (np.arcsin, mp.asin, -0.75, 0.5),
    "arccos": (np.arccos, mp.acos, -0.75, 0.5),
    "arctan": (np.arctan, mp.atan, -1, 2),
    "sinh": (np.sinh, mp.sinh, -1, 2),
    "cosh": (np.cosh, mp.cosh, -1, 2),
    "tanh": (np.tanh, mp.tanh, -1, 2),
    "arcsinh": (np.arcsinh, mp.asinh, -1, 2),
    "arccosh": (np.arccosh, mp.acosh, 1.5, 3),
    "arctanh": (np.arctanh, mp.atanh, -0.75, 0.5),
    "erf": (special.erf, mp.erf, -1, 2),
    "erfc": (special.erfc, mp.erfc, -1, 2),
    "expit": (special.expit, lambda x: 1 / (1 + mp.exp(-x)), -1, 2),
    "logit": (special.logit, lambda x: mp.log(x / (1 - x)), 0.25, 0.875),
    "sinc": (np.sinc, mp.sincpi, -1, 2),
    "gamma": (special.gamma, mp.gamma, 1, 2),
    "gammaln": (special.gammaln, mp.loggamma, 1, 3),
    "hypot": (lambda x: np.hypot(x, 0.75), lambda x: mp.hypot(x, 0.75), -1, 2),
    "arctan2": (lambda x: np.arctan2(x, 0.75), lambda x: mp.atan2(x, 0.75), -1, 2),
    "logaddexp": (
        lambda x: np.logaddexp(x, 0.25),
        lambda x: mp.log(mp.exp(x) + mp.exp(0.25)),
        *(-1, 2),
    ),
    "xlogy": (lambda x: special.xlogy(x, x + 2), lambda x: x * mp.log(x + 2), -1, 2),
    "xlog1py": (lambda x: special.xlog1py(x, x + 1), lambda x: x * mp.log(x + 2), -1, 2),
}


@pytest.mark.parametrize("name", list(ROWS))
def test_a_function_of_time_is_integrated(name):
    f, exact, a, b = ROWS[name]
    integrator = ta.ode.Integrator(lambda t, y: [f(t)], float(a), [0.0])
    integrator.propagate_until(float(b))
    with mpmath.workdps(30):
        total = mpmath.quad(exact, [a, (a + b) / 2, b])
        size = mpmath.quad(lambda x: abs(exact(x)), [a, 0.0, b] if a < 0 < b else [a, b])
    assert abs(integrator.state[0] - total) < 8e-16 * size


@pytest.mark.parametrize("form", ["written", "spread", "looped"])
@pytest.mark.parametrize("name", ["tanh", "arctan", "arcsin", "expit", "hypot", "logaddexp"])
def test_values_that_are_code_of_other_rows_in_every_form(name, form):
    f, exact, a, b = ROWS[name]
    traced = system(lambda t, y: [f(t)] * 3 + [f(t) * y[3]], float(a), np.array([0, 0, 0, 1.0]))
    motion = Motion(np.array([0, 0, 0, 1.0]), np.zeros(4), float(a))
    tolerance = Tolerance(2.0**-52, np.ones(4))
    Stepper(traced, 20, form=form).propagate(motion, float(b), tolerance)
    with mpmath.workdps(30):
        total = mpmath.quad(exact, [a, (a + b) / 2, b])
        expected = [*[total] * 3, mp.exp(total)]
    np.testing.assert_allclose(motion.state, np.array(expected, float), rtol=2e-15, atol=2e-15)


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        # Over t from -1 to 1: whole periods, and what is left of them.
        (lambda t: np.remainder(t, 0.5), 4 * 0.125),
        (lambda t: np.fmod(t, 0.5), 0.0),
        (lambda t: np.fmod(t + 1, 0.75), 2 * 0.28125 + 0.125),
        (lambda t: np.floor(2 * t), -1.0),
        (lambda t: np.trunc(2 * t), 0.0),
        (lambda t: np.abs(t), 1.0),
    ],
)
def test_remainders_jump(f, expected):
    integrator = ta.ode.Integrator(lambda t, y: [f(t)], -1.0, [0.0])
    integrator.propagate_until(1.0)
    assert integrator.state[0] == pytest.approx(expected, abs=4e-16)


def test_whole_numbers_made_of_floats_jump():
    integrator = ta.ode.Integrator(lambda t, y: (2 * t + 0 * y).astype(int) * 1.0, 0.25, [0.0])
    integrator.propagate_until(1.75)
    assert integrator.state[0] == pytest.approx(0.5 + 2 * 0.5 + 3 * 0.25, abs=4e-16)
