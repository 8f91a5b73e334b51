"""Derivatives of solutions: against forty digits, closed forms, and what flows have to obey."""

import math
import os
import subprocess
import sys
import textwrap
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import reference_sensitivities as known
from unwritten import unwritten

import taylorad as ta
from taylorad.errors import InputError, InputTypeError, IntegrationError
from taylorad.ode.steps.stepper import Motion, Stepper, Tolerance
from taylorad.ode.tracing.system import system
from taylorad.ode.tracing.variation import Variation
from taylorad.ode.variations.variables import Variables

EPS = 2.0**-52
sensitivities, flow_map = ta.ode.sensitivities, ta.ode.flow_map


def relative(found, wanted):
    """Give the largest error, in terms of the largest number."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert found.shape == wanted.shape
    return float(np.max(np.abs(found - wanted)) / np.max(np.abs(wanted)))


def coefficients(flow):
    """Give a series' coefficients by exponents."""
    return dict(zip(flow.monomials, flow.coefficients, strict=True))


def pendulum(t, y):
    return [y[1], -np.sin(y[0])]


# --- references ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def references():
    return known.references()


@pytest.mark.parametrize("problem", known.PROBLEMS, ids=lambda problem: problem.name)
def test_first_and_second_derivatives_have_eleven_digits_and_more(problem, references):
    flow = flow_map(
        *(problem.function, (0, problem.end), problem.start, 2, problem.args), wrt=["y0", "args"]
    )
    with mpmath.workdps(known.DIGITS):
        for k, wanted in enumerate(references[problem.name]):
            assert relative(flow.tensor(k), wanted) < 1e-12


@pytest.mark.parametrize("problem", known.PROBLEMS[::2], ids=lambda problem: problem.name)
def test_thirty_digits_have_thirty(problem, references):
    flow = flow_map(
        *(problem.function, (0, problem.end), problem.start, 1, problem.args),
        wrt=["y0", "args"],
        digits=30,
    )
    with mpmath.workdps(known.DIGITS):
        for k, wanted in enumerate(references[problem.name][:2]):
            assert relative(flow.tensor(k), wanted) < 1e-27


# --- closed forms ----------------------------------------------------------------------------


@pytest.mark.parametrize("order", range(7))
def test_a_pole_that_moves(order):
    flow = flow_map(lambda t, y: y**2, (0, 0.5), [1.0], order)
    wanted = [2.0] + [2.0 * 2 * 1.0 ** (k - 1) for k in range(1, order + 1)]
    # x / (1 - x / 2) about 1: 2, then 4 d (1 + d + d**2 + ...)
    np.testing.assert_allclose(flow.coefficients[:, 0], wanted, rtol=2e-14)


def test_growth_to_order_five():
    flow = flow_map(lambda t, y, k: k * y, (0, 2), [3.0], 5, (0.25,), wrt=["y0", 0])
    for (i, j), found in coefficients(flow).items():
        power = 2.0**j / math.factorial(j) * math.exp(0.5)
        wanted = {0: 3.0, 1: 1.0}.get(i, 0.0) * power
        assert found[0] == pytest.approx(wanted, rel=2e-14, abs=0)


def test_logistic_growth_to_order_five():
    def logistic(t, y, rate, limit):
        return rate * y * (1 - y / limit)

    flow = flow_map(logistic, (0, 1.5), [0.5], 5, (1.25, 2.0), wrt=["y0", 0, 1])
    with mpmath.workdps(40):

        def solution(y, rate, limit):
            return limit / (1 + (limit / y - 1) * mpmath.exp(-rate * 1.5))

        for m, found in coefficients(flow).items():
            scale = math.prod(map(math.factorial, m))
            wanted = mpmath.diff(solution, (0.5, 1.25, 2.0), m) / scale if sum(m) else 0
            if sum(m):
                assert abs(found[0] - wanted) < 1e-13 * max(abs(wanted), 0.01)


def test_the_initial_time_with_all_else():
    def f(t, y, k):
        return k * t * y

    flow = flow_map(f, (0.5, 1.25), [2.0], 4, (0.75,), wrt=["t0", "y0", 0])
    with mpmath.workdps(40):

        def solution(t0, y, k):
            return y * mpmath.exp(k * (mpmath.mpf(1.25) ** 2 - t0**2) / 2)

        for m, found in coefficients(flow).items():
            scale = math.prod(map(math.factorial, m))
            wanted = mpmath.diff(solution, (0.5, 2.0, 0.75), m) / scale if sum(m) else None
            if sum(m):
                assert abs(found[0] - wanted) < 1e-13


def test_forty_orders():
    flow = flow_map(lambda t, y: y**2, (0, 0.2), [1.0], 40)
    wanted = 1.25 * np.cumprod([1.0, 1.25, *[0.25] * 39])
    np.testing.assert_allclose(flow.coefficients[:, 0], wanted, rtol=1e-14, atol=1e-15)


# --- what flows obey -------------------------------------------------------------------------


def test_areas_are_preserved_over_a_hundred_periods():
    period = 6.743001419250385  # from an angle of 1
    matrix = flow_map(pendulum, (0, 100 * period), [1.0, 0.0]).gradient()
    # It shears: the period depends on the angle. Roundings of the entries count by their size.
    assert np.max(np.abs(matrix)) > 50
    assert abs(np.linalg.det(matrix) - 1) < 1e-12


def kepler(t, y):
    x, y, u, v = y
    pull = (x * x + y * y) ** -1.5
    return [u, v, -pull * x, -pull * y]


def test_transition_matrices_are_symplectic_over_a_hundred_orbits():
    flow = sensitivities(
        kepler, (0, 200 * np.pi), [0.9, 0.0, 0.0, np.sqrt(2 / 0.9 - 1)], t_eval=[200 * np.pi]
    )
    matrix = flow.derivative("y0")[:, 0]
    size = np.max(np.abs(matrix))
    assert size > 500
    form = np.kron([[0.0, 1.0], [-1.0, 0.0]], np.eye(2))
    assert np.max(np.abs(matrix.T @ form @ matrix - form)) < 1e-15 * size**2
    # Numbers of the matrix's size cancel.
    exact = mpmath.matrix(matrix.tolist())
    with mpmath.workdps(50):
        assert abs(mpmath.det(exact) - 1) < 1e-12 * size


def test_maps_of_half_the_way_compose():
    half, whole = (flow_map(pendulum, (0, t), [1.0, 0.25], 4) for t in (1.5, 3.0))
    there = half.coefficients[0]
    second = flow_map(pendulum, (0, 1.5), there, 4)
    deviation = ta.MultivariateTaylor.variables([0.0, 0.0], 4)
    composed = second(half(deviation) - there)
    np.testing.assert_allclose(composed.coefficients, whole.coefficients, rtol=0, atol=2e-13)
    end = whole.coefficients[0]
    back = flow_map(pendulum, (3, 0), end, 4)
    round_trip = back(whole(deviation) - end) - [1.0, 0.25]
    np.testing.assert_allclose(round_trip.coefficients, deviation.coefficients, atol=2e-13)


def test_maps_are_right_at_deviations():
    flow = flow_map(pendulum, (0, 4), [1.0, 0.25], 6)
    errors = []
    for size in (0.1, 0.05):
        deviation = size * np.array([0.6, -0.8])
        start = np.array([1.0, 0.25]) + deviation
        truth = ta.ode.solve_ivp(pendulum, (0, 4), start).y[:, -1]
        errors.append(np.max(np.abs(flow(deviation) - truth)))
    assert errors[0] < 1e-6
    assert 2**6 < errors[0] / errors[1] < 2**8  # the first term left out is of degree 7


# --- arguments -------------------------------------------------------------------------------


def differences(fun, span, y0, args, wrt, h=2.0**-17):
    """Give first derivatives of the last state by differences, in double-double numbers."""
    parts = []
    for name in wrt:
        base = np.asarray(y0 if name == "y0" else args[name], float)

        def at(change, name=name, base=base):
            moved = base + change.reshape(base.shape)
            given = list(args)
            if name != "y0":
                given[name] = moved if base.ndim else float(moved)
            start = moved if name == "y0" else np.asarray(y0, float)
            run = ta.ode.solve_ivp(fun, span, start, args=tuple(given), t_eval=span[1:])
            return run.y[..., -1]

        for unit in h * np.eye(base.size):
            near = (at(unit) - at(-unit)) / (2 * h)
            far = (at(2 * unit) - at(-2 * unit)) / (4 * h)
            parts.append((4 * near - far) / 3)
    return np.moveaxis(np.array(parts), 0, -1)


def many(t, y, k):
    x = y[0]
    return [
        np.tan(k * x) / 4 - np.arctan2(x, k) + np.hypot(x, k) - np.log1p(k * x) + np.tanh(k) * x,
        np.expm1(-k * x) + np.sqrt(x) * np.arcsin(0.125 * x) + np.sinh(t * k) - np.cos(k),
    ]


ARGUMENTS = {
    "power of a parameter": (lambda t, y, k: k**y, [0.5], (1.5,), ["y0", 0]),
    "parameter in the exponent": (lambda t, y, k: y**k, [0.5], (1.5,), [0, "y0"]),
    "whole exponent": (lambda t, y, k: y**k, [0.5], (2,), [0, "y0"]),
    "parameter and time": (lambda t, y, k: [np.sin(k * t)], [0.5], (1.5,), [0]),
    "parameter alone": (lambda t, y, k: [np.cos(k), y[0]], [0.5, 0.0], (1.5,), [0, "y0"]),
    "no use of it": (lambda t, y, a, b: -b * y, [0.5], (1.5, 2.0), [0, 1]),
    "nothing moves": (lambda t, y, k: [0.0 * k], [0.5], (1.5,), ["y0", 0]),
    "many functions": (many, [0.5, 0.5], (0.75,), ["y0", 0]),
    "whole numbers": (lambda t, y, n, k: k * y**n, [0.5], (2, 0.25), [1, "y0"]),
    "whole numbers in an array": (
        *(lambda t, y, n, k: k * y * n[1], [0.5], (np.array([2, 3]), 0.25)),
        [0, "y0", 1],
    ),
    "single precision": (lambda t, y, k: k * y, [0.5], (np.float32(0.75),), [0]),
    "arrays and their order": (
        lambda t, y, a, b, c: np.array(
            [a * y[0] + b[0] * y[1] * c[1][0], b[1] * y[0] - c[0][1] * y[1] * t]
        ),
        *([1.0, 2.0], (0.5, np.array([0.3, 0.4]), np.array([[1.0, 2.0], [3.0, 4.0]]))),
        [2, 0, "y0", 1],
    ),
    "nested arguments before it": (
        *(lambda t, y, p, q, k: p[0] * y * k - p[1][1] * q["a"], [1.0]),
        *((((1.25, [2, 0.5]), {"a": 0.75}, 0.25)), [2, "y0"]),
    ),
    "no numbers before it": (
        *(lambda t, y, f, s, n, k: f(y) * k, [1.0], (np.sin, "s", None, 0.25)),
        [3, "y0"],
    ),
    "matrices": (
        *(lambda t, y, a: a @ y, [[1.0, 2.0], [3.0, 4.0]]),
        *((np.array([[0.1, 0.2], [0.3, -0.4]]),), ["y0", 0]),
    ),
    "a number": (lambda t, y, k: -k * y * y, 1.0, (0.5,), ["y0", 0]),
    "what does not trace": (
        lambda t, y, k: unwritten(np.linalg.solve(np.array([[2.0, y[0]], [t, 3.0]]), k * y)),
        *([1.0, 2.0], (1.25,), ["y0", 0]),
    ),
    "what does not trace, by its matrix": (
        lambda t, y, a: unwritten(np.linalg.solve(a + y[0], y)),
        *([1.0, 2.0], (np.array([[1.0, 0.25], [0.5, -1.5]]),), ["y0", 0]),
    ),
    "the greater of two": (lambda t, y, k: np.maximum(y, k), [0.25], (0.75,), ["y0", 0]),
}


@pytest.mark.parametrize("name", ARGUMENTS)
@pytest.mark.parametrize("span", [(0.0, 0.75), (0.75, 0.0)], ids=["forward", "backward"])
def test_first_derivatives_by_arguments_of_all_kinds(name, span):
    fun, y0, args, wrt = ARGUMENTS[name]
    found = flow_map(fun, span, y0, 1, args, wrt=wrt).gradient()
    wanted = differences(fun, span, y0, args, wrt)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)


def test_all_arguments_and_those_counted_from_the_last():
    def f(t, y, a, b):
        return a * y + b

    everything = sensitivities(f, (0, 1), [1.0], (0.5, 0.25), wrt=["args", "y0"])
    assert everything.wrt == [0, 1, "y0"]
    last = sensitivities(f, (0, 1), [1.0], (0.5, 0.25), wrt=-1)
    assert last.wrt == [1]
    np.testing.assert_array_equal(last.derivative(-1), last.derivative(1))
    np.testing.assert_allclose(last.derivative(1), everything.derivative(1), rtol=1e-15)


def test_second_derivatives_by_pairs_of_names():
    def f(t, y, k, p):
        return [y[1], -k * np.sin(y[0]) + p[0] * p[1] * y[1]]

    args = (1.25, np.array([0.5, -0.25]))
    run = sensitivities(f, (0, 2), [1.0, 0.25], args, wrt=["y0", 0, 1], order=2, t_eval=[1, 2])
    assert run.derivative().shape == (2, 2)
    assert run.derivative("y0").shape == (2, 2, 2)
    assert run.derivative(0).shape == (2, 2)
    assert run.derivative("y0", 1).shape == (2, 2, 2, 2)
    assert run.derivative(0, 0).shape == (2, 2)
    np.testing.assert_array_equal(
        run.derivative("y0", 1), np.moveaxis(run.derivative(1, "y0"), -2, -1)
    )
    h = 2.0**-14

    def first(k):
        moved = sensitivities(f, (0, 2), [1.0, 0.25], (k, args[1]), wrt=[1], t_eval=[1, 2])
        return moved.derivative(1)

    wanted = (first(1.25 + h) - first(1.25 - h)) / (2 * h)
    np.testing.assert_allclose(run.derivative(1, 0), wanted, atol=1e-8)


def test_zero_is_no_special_state():
    flow = flow_map(lambda t, y, k: [k * y[1], k * y[0]], (0, 1), [0.0, 0.0], 3, (2.0,), wrt="y0")
    c, s = math.cosh(2.0), math.sinh(2.0)
    np.testing.assert_allclose(flow.gradient(), [[c, s], [s, c]], rtol=1e-14)
    assert np.all(flow.coefficients[3:] == 0)


def test_an_empty_span_is_the_identity():
    flow = flow_map(pendulum, (1, 1), [1.0, 2.0], 3)
    np.testing.assert_array_equal(flow.gradient(), np.eye(2))
    np.testing.assert_array_equal(flow.coefficients[0], [1.0, 2.0])


# --- ways through -----------------------------------------------------------------------------


def test_the_solution_is_that_of_solve_ivp():
    times = np.linspace(0, 5, 7)
    run = sensitivities(pendulum, (0, 5), [1.0, 0.25], order=2, t_eval=times, dense_output=True)
    plain = ta.ode.solve_ivp(pendulum, (0, 5), [1.0, 0.25], t_eval=times)
    np.testing.assert_array_equal(run.t, plain.t)
    np.testing.assert_allclose(run.y, plain.y, atol=5e-15)
    np.testing.assert_allclose(run.sol(times), plain.y, atol=5e-15)
    dense = run.sol.flow(times)
    np.testing.assert_allclose(dense.coefficients, run.flow.coefficients, atol=2e-14)
    assert (run.sol.t_min, run.sol.t_max) == (0, 5)
    assert run.sol.flow(1.25).tensor(2).shape == (2, 2, 2)


def test_an_event_ends_it():
    def below(t, y):
        return y[0]

    below.terminal, below.direction = True, -1
    run = sensitivities(pendulum, (0, 9), [1.0, 0.0], events=below)
    assert run.status == 1
    assert run.t_events[0][0] == pytest.approx(1.674993, abs=1e-6)
    assert run.y_events[0].shape == (1, 2)
    end = run.t[-1]
    wanted = flow_map(pendulum, (0, end), [1.0, 0.0]).gradient()
    np.testing.assert_allclose(run.derivative("y0")[:, -1], wanted, atol=1e-14)
    with pytest.raises(InputError, match="event ended"):
        flow_map(pendulum, (0, 9), [1.0, 0.0], events=below)


def test_what_is_singular_says_so():
    run = sensitivities(lambda t, y: y**2, (0, 3), [1.0], order=2)
    assert not run.success
    assert run.singularity == pytest.approx(1, abs=1e-3)
    assert run.flow.shape == run.y.shape
    with pytest.raises(IntegrationError, match="singular"):
        flow_map(lambda t, y: y**2, (0, 3), [1.0])
    nothing = sensitivities(lambda t, y: y**2, (0, 3), [1.0], t_eval=[2.0])
    assert nothing.y.shape == (1, 0)


def test_complex_states():
    flow = flow_map(lambda t, y, k: 1j * k * y, (0, 1), [1.0 + 0.5j], 3, (2.0,), wrt=["y0", 0])
    e = np.exp(2j)
    for (i, j), found in coefficients(flow).items():
        wanted = {0: 1 + 0.5j, 1: 1}.get(i, 0) * e * 1j**j / math.factorial(j)
        assert abs(found[0] - wanted) < 1e-14


@pytest.mark.parametrize("digits", [30, 60, 80])
def test_many_digits(digits):
    flow = flow_map(lambda t, y, k: k * y, (0, 1), [1], 2, (2,), wrt=["y0", 0], digits=digits)
    with mpmath.workdps(digits + 5):
        e = mpmath.exp(2)
        wanted = [e, e, e, 0, e, e / 2]
        errors = [abs(a - b) for a, b in zip(flow.coefficients[:, 0], wanted, strict=True)]
        assert max(errors) < mpmath.mpf(10) ** (2 - digits)


@pytest.mark.parametrize("digits", [30, 50, 70])
def test_functions_to_order_five_with_many_digits(digits):
    """An exponent, or a share of a degree, that is a double would show."""
    with mpmath.workdps(digits + 5):
        (y,) = ta.MultivariateTaylor.variables(np.array([mpmath.mpf(1)], object), 5)
        less = 1 - mpmath.mpf(0.3)
        for fun, wanted in (
            (lambda t, y: y**0.3, (y**less + less) ** (1 / less)),
            (lambda t, y: np.exp(-y), np.log(np.exp(y) + 1)),
        ):
            flow = flow_map(fun, (0, 1), [1], 5, digits=digits)
            errors = [abs(a - b) for a, b in zip(flow[0].coefficients, wanted.coefficients)]
            assert max(errors) < mpmath.mpf(10) ** (2 - digits)


def test_digits_are_kept_whatever_mpmath_is_set_to():
    run = sensitivities(
        lambda t, y, k: -k * y, (0, 1), [1], (1,), wrt=[0], order=2, digits=30, t_eval=[1]
    )
    flow = run.flow_map()
    firsts = run.derivative(0)[0, 0], flow.gradient()[0, 0]
    seconds = run.derivative(0, 0)[0, 0], flow.hessian()[0, 0, 0], flow.tensor(2)[0, 0, 0]
    with mpmath.workdps(40):
        assert max(abs(x + mpmath.exp(-1)) for x in firsts) < mpmath.mpf(10) ** -29
        assert max(abs(x - mpmath.exp(-1)) for x in seconds) < mpmath.mpf(10) ** -29


@pytest.mark.parametrize("digits", [None, 30])
@pytest.mark.parametrize(
    "ahead",
    [
        *(
            None,
            "s",
            np.sin,
            2,
            True,
            (None, mpmath.mpf(1)),
            (mpmath.mpf(1), 2.0),
            (3, (2.0, None)),
        ),
        *((3, (2.0, None)), {"a": 1.0}, {"a": mpmath.mpf(1)}),
        *(np.array([1, 2]), np.array([1.0, 2.0])),
        np.array([mpmath.mpf(1), mpmath.mpf(2)]),
    ],
    ids=repr,
)
def test_arguments_ahead_of_one_of_mpmath(ahead, digits):
    args, y0 = (ahead, mpmath.mpf(2)), [mpmath.mpf(1)]
    flow = flow_map(lambda t, y, a, b: b * y, (0, 1), y0, 1, args, wrt=1, digits=digits)
    assert abs(flow.coefficients[1, 0] - mpmath.exp(2)) < 1e-13


@pytest.mark.parametrize(
    ("args", "count"), [((np.array([mpmath.mpf(2), 1], object),), 2), ((Fraction(2),), 1)]
)
def test_exact_numbers_of_several_kinds_vary(args, count):
    def fun(t, y, k):
        return -np.sum(k) * y

    run = sensitivities(fun, (0, 1), [1], args, wrt=0, digits=40, t_eval=[1])
    with mpmath.workdps(40):
        wanted = -mpmath.exp(-sum(map(int, np.ravel(args[0]))))
        found = np.ravel(run.derivative(0))
        assert len(found) == count
        assert max(abs(x - wanted) for x in found) < 1e-38


def test_mpmath_numbers():
    with mpmath.workdps(40):
        half = mpmath.mpf(1) / 3
        flow = flow_map(
            lambda t, y, k: k * y, (0, 1), [mpmath.mpf(1)], 1, (half,), wrt=["t0", 0, "y0"]
        )
        e = mpmath.exp(half)
        errors = flow.coefficients[:, 0] - np.array([e, -half * e, e, e])
        assert max(map(abs, errors)) < mpmath.mpf(10) ** -38


FORMS = ["written", "spread", "looped", "tabled"]
PROGRAMS = {name: ARGUMENTS[name] for name in list(ARGUMENTS)[:8]}


def taken(name, order, form):
    fun, y0, args, wrt = PROGRAMS[name]
    y0 = np.asarray(y0, float)
    variables = Variables(wrt, y0, args)
    algebra = variables.algebra(order)
    base = system(fun, 0.0, y0, tuple(variables.args))
    seeds = variables.seeds()
    varied = Variation(base, algebra, seeds, np.ones(len(seeds)))
    initial = variables.initial(y0, algebra)
    motion = Motion(initial.ravel(), np.zeros(initial.size), 0.0)
    tolerance = Tolerance(EPS, np.ones(initial.size))
    given = [float(x) for p in varied.parameters for x in np.ravel(p)]
    Stepper(varied, 16, 0, form).propagate(motion, 0.5, tolerance, given)
    assert motion.time == 0.5
    return motion.state.reshape(initial.shape)


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_all_forms_of_code_do_the_same(name, order):
    first = taken(name, order, "looped")
    for form in FORMS[:1] * (order == 1) + FORMS[1:2] * (order < 3) + FORMS[3:]:
        np.testing.assert_allclose(taken(name, order, form), first, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("order", range(4))
def test_what_is_called_does_what_is_traced(order):
    def opaque(t, y, k):
        # The same numbers, by a matrix that depends on the state.
        matrix = np.stack([np.stack([1.0 + y[0] ** 2, 0.0 * k]), np.array([0.0, 1.0])])
        return unwritten(np.linalg.solve(matrix, np.stack([y[1], -k * y[0]])))

    def plain(t, y, k):
        return [y[1] / (1.0 + y[0] ** 2), -k * y[0]]

    traced, called = (
        flow_map(f, (0, 1), [0.5, 0.25], order, (1.5,), wrt=["y0", 0, "t0"])
        for f in (plain, opaque)
    )
    np.testing.assert_allclose(called.coefficients, traced.coefficients, rtol=0, atol=1e-13)


PROCESS = """
import json, sys
import taylorad as ta
found = []
for order in (1, 2):
    for wrt in ("y0", 0, ["y0", 0], [1]):
        flow = ta.ode.flow_map(
            lambda t, y, k, m: [y[1], -k * y[0] + m * y[1] ** 2],
            *((0, 1), [1.0, 0.5], order, (1.5, 0.25)), wrt=wrt,
        )
        found.append(flow.coefficients.tolist())
print(json.dumps(found))
"""


def test_a_second_process_finds_the_right_code(tmp_path):
    environment = {**os.environ, "TAYLORAD_CACHE": str(tmp_path)}
    texts = [
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(PROCESS)],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        ).stdout
        for _ in range(2)
    ]
    assert texts[0] == texts[1] != ""
    assert any(tmp_path.iterdir())


# --- wrong arguments -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"order": -1}, InputError, "order must be at least 0"),
        ({"order": 1.5}, InputTypeError, "integer"),
        ({"wrt": "y"}, InputError, "wrt names 'y'"),
        ({"wrt": []}, InputError, "something to vary"),
        ({"wrt": None}, InputError, "wrt names None"),
        ({"wrt": True}, InputError, "wrt names True"),
        ({"wrt": [["y0"]]}, InputError, "wrt names"),
        ({"wrt": ["y0", "y0"]}, InputError, "each thing once"),
        ({"wrt": [0, -1]}, InputError, "each thing once"),
        ({"wrt": 1}, InputError, "numbers of 1 arguments"),
        ({"wrt": 0, "args": ("a",)}, InputError, "array of real numbers"),
        ({"wrt": 0, "args": (True,)}, InputError, "array of real numbers"),
        ({"wrt": 0, "args": (2j,)}, InputError, "array of real numbers"),
        ({"wrt": "args", "args": ()}, InputError, "something to vary"),
        ({"y0": []}, InputError, "no entries"),
        ({"y0": [math.nan]}, InputError, "finite"),
        ({"t_span": 3}, InputError, "two numbers"),
        ({"t_span": (math.nan, 1)}, InputError, "finite"),
        ({"tol": 1e-9, "rtol": 1e-9}, InputError, "another name"),
        ({"fun": 3}, InputTypeError, "function"),
    ],
)
def test_wrong_arguments(options, error, message):
    given = {"fun": lambda t, y, *k: -y, "t_span": (0, 1), "y0": [1.0], "args": (1.0,)}
    with pytest.raises(error, match=message):
        sensitivities(**{**given, **options})


def test_derivatives_that_are_not_there():
    run = sensitivities(lambda t, y, k: -k * y, (0, 1), [1.0], (1.0,))
    with pytest.raises(InputError, match="no derivative by 0"):
        run.derivative(0)
    with pytest.raises(InputError, match="order 2"):
        run.derivative("y0", "y0")
    with pytest.raises(InputError, match=r"truncate\(2\)"):
        run.flow_map(2)
    run = sensitivities(lambda t, y: -y, (0, 1), [1.0], t_eval=[])
    with pytest.raises(InputError, match="no last state"):
        run.flow_map()
