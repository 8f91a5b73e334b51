"""Right-hand sides that choose among entries: the largest, those in order, places in tables."""

from fractions import Fraction
from itertools import combinations, pairwise

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import taylorad as ta
from taylorad.errors import NoRuleError
from taylorad.ode.steps.stepper import Stepper
from taylorad.ode.tracing.system import NotTraceable, system
from taylorad.wengert.scalars import expand
from taylorad.wengert.simplify import normal_form
from taylorad.wengert.trace import Trace

SPEEDS = np.array([1.0, 2.0, -1.0, -0.5])
START = np.array([0.265625, -1.546875, 1.140625, 0.8671875])
END = 3

CHOICES = {
    "max": np.max,
    "method": lambda x: x.max(),
    "min": np.min,
    "reduce": lambda x: np.maximum.reduce(x),
    "ptp": np.ptp,
    "sort": lambda x: np.sort(x) @ np.array([1.0, -2.0, 4.0, 0.5]),
    "argsort": lambda x: x[np.argsort(x)[1]] + np.take(np.array([1.0, 2, 4, 8]), np.argsort(x)[2]),
    "median": np.median,
    "percentile": lambda x: np.percentile(x, 75),
    "median of three": lambda x: np.median(x[1:]),
    "argmax": lambda x: x[np.argmax(x)] - np.argmin(x),
    "axes": lambda x: np.max(np.min(np.reshape(x, (2, 2)), axis=1)),
    "norm": lambda x: np.linalg.norm(x, np.inf),
    "count": lambda x: 1.0 * np.count_nonzero(x > 0.5) + np.sum(x < 0),
    "interp": lambda x: np.interp(x[0], [0.0, 0.5, 1.0, 3.0], [1.0, 2.0, 0.0, 1.0]),
    "searchsorted": lambda x: 1.0 * np.searchsorted([0.0, 0.5, 2.0], x[1]),
    "round": lambda x: np.round(x[1], 0) + np.round(x[0], 1),
}


def integral(choice, start):
    """Integrate what is linear between the times where two entries, or one and a value, meet."""
    speeds = [Fraction(v) for v in SPEEDS]
    values = [Fraction(k, 20) for k in range(-200, 200)] if choice in ("round", "interp") else []
    values += [Fraction(k, 2) for k in range(-20, 20)]
    times = {Fraction(0), Fraction(END)}
    for (a, u), (b, v) in combinations(zip(start, speeds, strict=True), 2):
        for sign in (1, -1):
            if u != sign * v:
                times.add((sign * b - a) / (u - sign * v))
    for a, u in zip(start, speeds, strict=True):
        times |= {(x - a) / u for x in values}
    times = sorted(t for t in times if 0 <= t <= END)
    total = Fraction(0)
    for t, u in pairwise(times):
        middle = np.array([float(a + v * (t + u) / 2) for a, v in zip(start, speeds, strict=True)])
        value = Fraction(float(CHOICES[choice](middle))).limit_denominator(10**9)
        total += (u - t) * value
    return total


def fun(choice):
    return lambda t, y: np.concatenate([SPEEDS, np.reshape(CHOICES[choice](y[:4]), (1,))])


@pytest.mark.parametrize("choice", CHOICES)
def test_choices_are_made_at_the_right_time(choice):
    start = np.append(START, 0.0)
    assert isinstance(ta.ode.Integrator(fun(choice), 0, start)._flow.stepper, Stepper)
    known = integral(choice, [Fraction(x) for x in START])
    run = ta.ode.solve_ivp(fun(choice), (0, END), start)
    assert run.success
    assert abs(run.y[4, -1] - float(known)) < 1e-13 * (1 + abs(known))
    exact = ta.ode.solve_ivp(fun(choice), (0, END), start, digits=30).y[4, -1]
    # `round` divides by 10, of which there is no double; tables have none here.
    with mpmath.workdps(40):
        error = abs(exact - mpmath.mpf(known.numerator) / known.denominator)
    assert error < (1e-27 if choice != "round" else 1e-14)


@pytest.mark.parametrize("choice", CHOICES)
def test_choices_have_derivatives(choice):
    """It is quadratic in the start, as long as the choices are made in the same order."""
    start, step = [Fraction(x) for x in START], Fraction(1, 2**20)
    known = []
    for i in range(4):
        there, back = ([*start] for _ in range(2))
        there[i] += step
        back[i] -= step
        known.append(float((integral(choice, there) - integral(choice, back)) / (2 * step)))

    def last(x):
        y0 = np.concatenate([x, np.zeros(1)])
        return ta.ode.solve_ivp(fun(choice), (0, END), y0).y[4, -1]

    assert np.allclose(ta.grad(last)(START), known, rtol=0, atol=1e-6)
    run = ta.ode.sensitivities(fun(choice), (0, END), np.append(START, 0.0))
    assert np.allclose(run.derivative("y0")[4, -1, :4], known, rtol=0, atol=1e-6)


NUMBERS = st.sampled_from([-np.inf, -1.5, -0.0, 0.0, 0.5, 1.0, 2.0, np.inf, np.nan])
CHOSEN = {
    "sort": np.sort,
    "argsort": lambda x: np.argsort(x, stable=True),
    "argmax": np.argmax,
    "argmin": np.argmin,
    "max": np.max,
    "axis": lambda x: np.sort(np.reshape(x, (2, 3)), axis=0),
    "left": lambda x: np.searchsorted([-1.0, 0.0, 0.0, 1.0], x),
    "right": lambda x: np.searchsorted([-1.0, 0.0, 0.0, 1.0], x, side="right"),
    "digitize": lambda x: np.digitize(x, np.array([-1.0, 0.0, 1.0])),
    "downwards": lambda x: np.digitize(x, np.array([1.0, 0.0, -1.0]), right=True),
    "count": lambda x: np.count_nonzero(np.reshape(x, (2, 3)), axis=0),
    "sum": lambda x: np.sum(np.reshape(x > 0, (2, 3)), axis=0),
}


@pytest.mark.parametrize("name", CHOSEN)
@settings(derandomize=True, deadline=None, max_examples=40, database=None)
@given(x=st.lists(NUMBERS, min_size=6, max_size=6).map(np.array))
def test_taken_apart_they_choose_as_numpy_does(name, x):
    """Also of equal numbers, and of NaN."""
    f, trace = CHOSEN[name], Trace()
    y = f(trace.argument(np.arange(6.0)))
    program = expand(normal_form(trace, [y.number]), 10_000, [x])
    (found,) = [program.evaluate(x)[i] for i in program.outputs]
    with np.errstate(invalid="ignore"):
        assert np.array_equal(found, f(x), equal_nan=True)


def test_too_many_comparisons_are_not_written():
    with pytest.raises(NotTraceable, match="taken apart"):
        system(lambda t, y: np.sort(y), 0.0, np.arange(100.0))


@pytest.mark.parametrize(
    ("name", "fun"),
    [
        ("linalg.pinv", lambda y: np.linalg.pinv(np.outer(y, y) + np.eye(2)) @ y),
        ("linalg.eigvalsh", lambda y: np.linalg.eigvalsh(np.outer(y, y))),
        ("linalg.qr", lambda y: np.linalg.qr(np.outer(y, y))[1][0]),
        ("linalg.svd", lambda y: np.linalg.svd(np.outer(y, y))[1]),
        ("partition", lambda y: np.partition(y, 1)),
    ],
)
def test_what_nothing_is_known_of_is_named(name, fun):
    with pytest.raises(NoRuleError, match=f"numpy.{name} has no"):
        ta.ode.solve_ivp(lambda t, y: fun(y), (0, 1), [0.3, -0.2])


def test_lists_of_numbers_in_products():
    def turning(t, y):
        return np.cross([0.0, 0.0, np.cos(t)], y)

    run = ta.ode.solve_ivp(turning, (0, 2), [1.0, 0.0, 1.0])
    assert isinstance(ta.ode.Integrator(turning, 0, [1.0, 0.0, 1.0])._flow.stepper, Stepper)
    angle = np.sin(2.0)
    assert np.allclose(run.y[:, -1], [np.cos(angle), np.sin(angle), 1.0], rtol=0, atol=1e-15)
