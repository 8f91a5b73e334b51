"""`taylorad.ode.solve_ivp`, and the method for SciPy's: right, exact, honest about failures."""

import inspect
import math
import warnings

import mpmath
import numpy as np
import pytest
import scipy.integrate
import scipy.special
from scipy.integrate._ivp import ivp as scipys_own
from unwritten import unwritten

import taylorad as ta
from taylorad.errors import InputError, InputTypeError
from taylorad.ode import solve_ivp
from taylorad.ode.tolerances import OVERHEAD


def circle(t, y):
    return [y[1], -y[0]]


def lorenz(t, y):
    x, z, w = y
    return [10.0 * (z - x), x * (28.0 - w) - z, x * z - 8 / 3 * w]


def arenstorf(t, y):
    x, z, vx, vz = y
    mu = 0.012277471
    nu = 1 - mu
    d1 = ((x + mu) ** 2 + z**2) ** 1.5
    d2 = ((x - nu) ** 2 + z**2) ** 1.5
    return [
        vx,
        vz,
        x + 2 * vz - nu * (x + mu) / d1 - mu * (x - nu) / d2,
        z - 2 * vx - nu * z / d1 - mu * z / d2,
    ]


def lotka_volterra(t, y, a, b):
    return np.array([y[0] * (a - b * y[1]), -y[1] * (a - b * y[0])])


# --- right ---


def test_lorenz_as_mpmath_has_it():
    result = solve_ivp(lorenz, (0, 2), [1.0, 1.0, 1.0], dense_output=True)
    with mpmath.workdps(30):
        f = lambda t, y: [10 * (y[1] - y[0]), y[0] * (28 - y[2]) - y[1], y[0] * y[1] - r * y[2]]
        r = mpmath.mpf(8 / 3)
        solution = mpmath.odefun(f, 0, [1, 1, 1])
        for t in (0.7, 2.0):
            wanted = [float(x) for x in solution(t)]
            np.testing.assert_allclose(result.sol(t), wanted, rtol=1e-13)
    assert result.t[-1] == 2
    np.testing.assert_array_equal(result.sol(0.0), [1, 1, 1])


def test_arenstorf_orbit_closes():
    """Initial values and period of Hairer, Nørsett and Wanner, page 130."""
    y0 = [0.994, 0.0, 0.0, -2.00158510637908252240537862224]
    result = solve_ivp(arenstorf, (0, 17.0652165601579625588917206249), y0)
    assert result.success
    np.testing.assert_allclose(result.y[:, -1], y0, atol=5e-9)


def test_as_scipy_at_its_most_exact():
    options = {"args": (1.5, 0.8), "rtol": 1e-13, "atol": 1e-13}
    times = np.linspace(0, 15, 40)
    wanted = scipy.integrate.solve_ivp(
        lotka_volterra, (0, 15), [2.0, 1.0], "DOP853", times, **options
    )
    found = solve_ivp(lotka_volterra, (0, 15), [2.0, 1.0], t_eval=times, args=(1.5, 0.8))
    assert found.t.tolist() == times.tolist()
    np.testing.assert_allclose(found.y, wanted.y, rtol=1e-10)
    assert found.nfev < wanted.nfev / 20


@pytest.mark.parametrize("tol", [1e-3, 1e-6, 1e-9, 1e-12, 1e-15])
def test_tolerances_are_kept(tol):
    result = solve_ivp(circle, (0, 10), [0.0, 1.0], tol=tol)
    error = np.max(np.abs(result.y - [np.sin(result.t), np.cos(result.t)]))
    assert error < 30 * tol


@pytest.mark.parametrize("tol", [0.5, 1e-3, 1e-6, 1e-9, 1e-12, 1e-15])
def test_the_order_costs_least(tol):
    order = solve_ivp(circle, (0, 0.1), [0.0, 1.0], tol=tol).order
    costs = {p: (p + OVERHEAD) ** 2 * (tol / 4) ** (-1 / p) for p in range(2, 40, 2)}
    assert costs[order] < 1.03 * min(costs.values())
    assert order % 2 == 0


def test_the_rule_of_tolerances():
    y0 = [1e-3, 2.0]
    steps = lambda **options: solve_ivp(circle, (0, 10), y0, **options).t.tolist()
    assert steps(tol=1e-8) == steps(rtol=1e-8) == steps(rtol=[1e-8, 1e-3], atol=1e-8)
    assert steps(tol=1e-8) != steps(rtol=1e-8, atol=1e-2)
    assert steps(atol=2.0**-52) == steps()
    small = solve_ivp(circle, (0, 10), [1e-20, 2e-20])  # no absolute error of 1e-16
    wanted = 1e-20 * np.cos(10) + 2e-20 * np.sin(10)
    np.testing.assert_allclose(small.y[0, -1], wanted, rtol=1e-14)


def test_backward_in_time():
    result = solve_ivp(circle, (3, -4), [math.sin(3), math.cos(3)], dense_output=True)
    assert np.all(np.diff(result.t) < 0)
    t = np.linspace(-4, 3, 57)
    np.testing.assert_allclose(result.sol(t), [np.sin(t), np.cos(t)], atol=1e-14)
    found = solve_ivp(circle, (3, -4), [math.sin(3), math.cos(3)], t_eval=t[::-1])
    np.testing.assert_allclose(found.y, result.sol(t[::-1]), atol=1e-15)


def test_states_of_all_shapes():
    turn = np.array([[0.0, 1.0], [-1.0, 0.0]])
    matrix = solve_ivp(lambda t, y: y @ turn, (0, 1), np.eye(2, dtype=int), dense_output=True)
    c, s = math.cos(1), math.sin(1)
    np.testing.assert_allclose(matrix.y[..., -1], [[c, s], [-s, c]], rtol=1e-15)
    assert matrix.y.shape == (2, 2, len(matrix.t))
    assert matrix.sol(0.5).shape == (2, 2)
    assert matrix.sol([0.5, 0.6, 0.7]).shape == (2, 2, 3)
    number = solve_ivp(lambda t, y: -y, (0, 1), 2, dense_output=True)
    assert number.y.shape == number.t.shape
    np.testing.assert_allclose(number.sol(1.0), 2 / math.e, rtol=1e-15)
    one = solve_ivp(lambda t, y: -y[0], (0, 1), [2])  # a number for a state of one component
    np.testing.assert_allclose(one.y[:, -1], [2 / math.e], rtol=1e-15)
    none = solve_ivp(lambda t, y: y, (0, 1), [], dense_output=True)
    assert none.success
    assert none.sol([0.5, 0.7]).shape == (0, 2)


def test_an_empty_span():
    result = solve_ivp(lambda t, y: 2 * y, (4, 4), [2, 3], dense_output=True)
    assert (result.status, result.success) == (0, True)
    np.testing.assert_array_equal(result.y, [[2, 2], [3, 3]])
    np.testing.assert_array_equal(result.sol([4, 5]), [[2, 2], [3, 3]])


def test_derivatives_of_the_solution():
    sol = solve_ivp(circle, (0, 5), [0.0, 1.0], dense_output=True).sol
    t = np.linspace(0, 5, 23)
    np.testing.assert_allclose(sol.derivative(t), [np.cos(t), -np.sin(t)], atol=1e-13)
    np.testing.assert_allclose(sol.derivative(t, 3), [-np.cos(t), np.sin(t)], atol=1e-10)
    assert sol.derivative(1.0).shape == (2,)
    with pytest.raises(InputError, match="order 0, 1"):
        sol.derivative(1.0, -1)
    with pytest.raises(InputError, match="1-D"):
        sol(np.zeros((2, 2)))


def test_outside_the_span_the_last_polynomial_goes_on():
    sol = solve_ivp(circle, (0, 1), [0.0, 1.0], dense_output=True).sol
    assert (sol.t_min, sol.t_max) == (0, 1)
    np.testing.assert_allclose(sol([-0.1, 1.1])[0], np.sin([-0.1, 1.1]), atol=1e-12)


def test_steps_can_be_limited():
    result = solve_ivp(circle, (0, 2), [0.0, 1.0], max_step=0.25, first_step=0.125)
    assert result.t[1] == 0.125
    assert np.max(np.diff(result.t)) <= 0.25
    np.testing.assert_allclose(result.y[0], np.sin(result.t), atol=1e-15)


# --- what jumps ---


def test_a_force_of_one_sign():
    """Parabolas, put together where the sign changes; energy is kept to the last digit."""
    result = solve_ivp(lambda t, y: [y[1], -np.sign(y[0])], (0, 40), [1.0, 0.0])
    assert result.success
    period = 4 * math.sqrt(2)
    phase = 40 % period
    away = phase - period if phase > period - math.sqrt(2) else phase
    assert abs(away) < math.sqrt(2)
    np.testing.assert_allclose(result.y[:, -1], [1 - away**2 / 2, -away], atol=1e-12)


@pytest.mark.parametrize("way", ["where", "if", "maximum", "abs"])
def test_a_piecewise_linear_oscillator(way):
    def f(t, y):
        if way == "where":
            k = np.where(y[0] > 0, 4.0, 1.0)
        elif way == "if":
            k = 4.0 if y[0] > 0 else 1.0
        elif way == "maximum":
            return [y[1], -3 * np.maximum(y[0], 0) - y[0]]
        else:
            return [y[1], -2.5 * y[0] - 1.5 * abs(y[0])]
        return [y[1], -k * y[0]]

    result = solve_ivp(f, (0, 10), [0.0, 1.0], dense_output=True)
    assert result.success
    half = math.pi / 2  # up with frequency 2, down with frequency 1
    t = np.linspace(0, 10, 101)
    phase = t % (half + math.pi)
    wanted = np.where(phase < half, np.sin(2 * phase) / 2, -np.sin(phase - half))
    np.testing.assert_allclose(result.sol(t)[0], wanted, atol=1e-13)


def test_steps_in_time():
    result = solve_ivp(lambda t, y: np.floor(t), (0, 4.5), [0.0])
    np.testing.assert_allclose(result.y[0, -1], 8, rtol=1e-15)
    assert result.t.tolist() == [0, 1, 2, 3, 4, 4.5]

    def late(t, y):
        return 2 * y if t > 1.5 else -y

    result = solve_ivp(late, (0, 3), [1.0])
    np.testing.assert_allclose(result.y[0, -1], math.exp(1.5), rtol=1e-14)


def test_sliding_is_an_error():
    result = solve_ivp(lambda t, y: -np.sign(y - 0.2 * t), (0, 10), [1.0])
    assert (result.status, result.success) == (-1, False)
    assert "slides" in result.message
    np.testing.assert_allclose(result.t[-1], 1 / 1.2, rtol=1e-15)


# --- failures ---


def test_a_blow_up_is_reported():
    result = solve_ivp(lambda t, y: [y[0] ** 2, -y[1]], (0, 3), [1.0, 1.0], dense_output=True)
    assert (result.status, result.success) == (-1, False)
    assert "step size is less" in result.message
    np.testing.assert_allclose(result.singularity, 1, rtol=1e-12)
    assert 0 < 1 - result.t[-1] < 1e-12
    assert np.all(np.isfinite(result.y))
    np.testing.assert_allclose(result.sol(0.5), [2, math.exp(-0.5)], rtol=1e-14)


def test_a_singularity_other_than_a_pole():
    result = solve_ivp(lambda t, y: 1 / (2 * (y - 1)), (0, 2), [2.0])  # y = 1 + sqrt(1 - t)...
    assert result.success
    result = solve_ivp(lambda t, y: -1 / (2 * (y - 1)), (0, 2), [2.0])
    assert not result.success
    np.testing.assert_allclose(result.singularity, 1, rtol=1e-9)


def test_what_is_not_finite_at_the_start():
    result = solve_ivp(lambda t, y: np.log(y), (0, 1), [-1.0])
    assert result.status == -1
    assert "not finite" in result.message
    assert result.t.tolist() == [0]


def test_overflow_is_no_success():
    result = solve_ivp(lambda t, y: 50 * y, (0, 100), [1.0])
    assert not result.success
    assert np.all(np.isfinite(result.y))


@pytest.mark.parametrize(
    ("arguments", "options", "error", "text"),
    [
        (((0, math.nan), [1.0]), {}, InputError, "t_span"),
        (((math.inf, 0), [1.0]), {}, InputError, "t_span"),
        (((0, 1, 2), [1.0]), {}, InputError, "t_span"),
        ((3, [1.0]), {}, InputError, "t_span"),
        (((0, 1), [math.nan]), {}, InputError, "`y0` must be finite"),
        (((0, 1), ["a"]), {}, InputTypeError, "y0"),
        (((0, 1), None), {}, InputTypeError, "y0"),
        ((("a", 1), [1.0]), {}, InputError, "t_span"),
        (((0, 1), [1.0]), {"args": 3}, InputTypeError, "Supplied 'args' cannot be unpacked"),
        (((0, 1), [1.0]), {"t_eval": [0, 2]}, InputError, "not within"),
        (((0, 1), [1.0]), {"t_eval": [1, 0]}, InputError, "sorted"),
        (((0, 1), [1.0]), {"t_eval": [[1, 0]]}, InputError, "1-dimensional"),
        (((0, 1), [1.0]), {"rtol": -1}, InputError, "rtol"),
        (((0, 1), [1.0]), {"rtol": 1e-3, "tol": 1e-3}, InputError, "tol"),
        (((0, 1), [1.0]), {"atol": [1, 2]}, InputError, "wrong shape"),
        (((0, 1), [1.0]), {"atol": -1}, InputError, "positive"),
        (((0, 1), [1.0]), {"order": 1}, InputError, "order"),
        (((0, 1), [1.0]), {"order": "a"}, InputError, "order"),
        (((0, 1), [1.0]), {"digits": "a"}, InputError, "digits"),
        (((0, 1), [1.0]), {"max_step": 0}, InputError, "max_step"),
        (((0, 1), [1.0]), {"first_step": 2}, InputError, "first_step"),
        (((0, 1), [1.0]), {"method": "RK45"}, InputError, "taylorad.ode.Taylor"),
        (((0, 1), [1.0]), {"events": 3}, InputTypeError, "event"),
        (((0, 1), [1.0]), {"events": [3]}, InputTypeError, "event"),
        (((0, 1), [1.0]), {"events": lambda t, y: np.stack([y[0], t])}, InputError, "event 0"),
        (((0, math.inf), [1.0]), {}, InputError, "terminal"),
    ],
)
def test_arguments_that_make_no_sense(arguments, options, error, text):
    with pytest.raises(error, match=text):
        solve_ivp(lambda t, y, *args: -y, *arguments, **options)


def test_wrong_shapes_are_named():
    with pytest.raises(InputError, match=r"\(3,\).*\(2,\)"):
        solve_ivp(lambda t, y: np.ones(3), (0, 1), [1.0, 2.0])


# --- SciPy's own tests, with our method in the place of RK45 ---


def scipys_tests():
    """Import them, with the marks of SciPy's that this suite does not know."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pytest.mark, "_config", None)
        return pytest.importorskip("scipy.integrate._ivp.tests.test_ivp")


theirs = scipys_tests()
GENERAL = [
    "test_args",
    "test_args_single_value",
    "test_array_rtol",
    "test_classes",
    "test_duplicate_timestamps",
    "test_empty",
    "test_event_terminal_integer",
    "test_event_terminal_iv",
    "test_events",
    "test_first_step",
    "test_initial_state_finiteness",
    "test_integration",
    "test_integration_zero_rhs",
    "test_max_step",
    "test_no_integration",
    "test_no_integration_class",
    "test_t_eval",
    "test_t_eval_dense_output",
    "test_t_eval_early_event",
    "test_tbound_respected_larger_interval",
    "test_tbound_respected_oscillator",
    "test_tbound_respected_small_interval",
    "test_zero_interval",
]
GIVEN = {"num_parallel_threads": 1, "method": "RK45", "n_events": 3, "f0_fill": math.nan}


@pytest.mark.parametrize("name", [name for name in GENERAL if hasattr(theirs, name)])
def test_of_scipy(name, monkeypatch):
    monkeypatch.setitem(scipys_own.METHODS, "RK45", ta.ode.Taylor)
    monkeypatch.setattr(theirs, "RK45", ta.ode.Taylor)
    test = getattr(theirs, name)
    given = {k: v for k, v in GIVEN.items() if k in inspect.signature(test).parameters}
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        test(**given)


def test_scipy_gives_what_we_give():
    theirs = scipy.integrate.solve_ivp(lorenz, (0, 2), [1.0, 1.0, 1.0], ta.ode.Taylor)
    ours = solve_ivp(lorenz, (0, 2), [1.0, 1.0, 1.0])
    np.testing.assert_array_equal(theirs.t, ours.t)
    np.testing.assert_array_equal(theirs.y, ours.y)
    broken = scipy.integrate.solve_ivp(lambda t, y: y**2, (0, 2), [1.0], ta.ode.Taylor)
    assert broken.status == -1
    assert "singular at t = 1" in broken.message


# --- numbers other than floats, and functions that do not trace ---


def test_complex_states():
    result = solve_ivp(lambda t, y: 1j * y, (0, 3), [1.0 + 0j], dense_output=True)
    np.testing.assert_allclose(result.y[0], np.exp(1j * result.t), atol=1e-15)
    np.testing.assert_allclose(result.sol(1.3), [np.exp(1.3j)], atol=1e-15)


def test_functions_that_cannot_be_taken_apart():
    f = lambda t, y: unwritten(np.linalg.solve(np.eye(2) * (1 + t), y))
    event = lambda t, y: y[0] - 3
    result = solve_ivp(f, (0, 3), [1.0, 2.0], events=event)
    np.testing.assert_allclose(result.y[:, -1], [4, 8], rtol=1e-14)
    np.testing.assert_allclose(result.t_events[0], [2], rtol=1e-14)


def test_numbers_of_many_digits():
    with mpmath.workdps(50):
        event = lambda t, y: y[0]
        event.terminal = 2
        y0 = [mpmath.mpf(0), mpmath.mpf(1)]
        result = solve_ivp(circle, (0, 7), y0, events=event, dense_output=True)
        assert result.status == 1
        assert abs(result.t_events[0][1] - 2 * mpmath.pi) < 1e-48
        third = mpmath.mpf(1) / 3
        assert abs(result.sol(third)[0] - mpmath.sin(third)) < 1e-49
        broken = solve_ivp(lambda t, y: y * y, (0, 2), [mpmath.mpf(1)])
        assert broken.status == -1
        assert abs(broken.t[-1] - 1) < 1e-45


def test_a_branch_point_is_not_crept_along():
    result = solve_ivp(lambda t, y: -np.sqrt(y), (0, 3), [1.0])
    assert not result.success
    assert "not analytic" in result.message
    np.testing.assert_allclose(result.t[-1], 2, atol=1e-3)


def test_switches_faster_than_the_state():
    result = solve_ivp(lambda t, y: [np.sign(np.cos(40 * t))], (0, 3), [0.0])
    np.testing.assert_allclose(result.y[0, -1], (120 - 38 * np.pi) / 40, rtol=1e-11)


# --- what cannot be located, or is not what it seems ---


@pytest.mark.parametrize(
    "f",
    [
        lambda t, y: np.where((t > 1) & (t < 1.5), 2.0, 0.0) * np.ones(1) + 0 * np.arcsin(0.1j * y),
        lambda t, y: np.where((t > 1) & (t < 1.5), 2.0, 0.0) + 0 * scipy.special.gammaln(y),
        lambda t, y: np.searchsorted(np.linspace(1, 3, 1001), t) * 1.0 + 0 * y,
    ],
)
def test_jumps_that_cannot_be_located_are_refused(f):
    start = [1.0 + 0j] if np.iscomplexobj(f(0.0, np.ones(1))) else [1.0]
    with pytest.raises(InputError, match=r"jumps|searchsorted"):
        solve_ivp(f, (0, 3), start)


def test_what_has_no_jumps_goes_on():
    run = solve_ivp(lambda t, y: [scipy.special.gammaln(y[0])], (0, 1), [3.0])
    theirs = scipy.integrate.solve_ivp(
        lambda t, y: [scipy.special.gammaln(y[0])], (0, 1), [3.0], rtol=1e-12, atol=1e-12
    )
    np.testing.assert_allclose(run.y[0, -1], theirs.y[0, -1], rtol=1e-10)


@pytest.mark.parametrize(
    "f",
    [
        lambda t, y: np.where(np.isclose(t, 1.0, rtol=0.0, atol=0.05), 10.0, 0.0) + 0 * y,
        lambda t, y: [10.0 if np.allclose(t, 1.0, rtol=0.0, atol=0.05) else 0.0],
        lambda t, y: [10.0 if (t > 0.95) & (t < 1.05) else 0.0],
        lambda t, y: [0.0 if (t < 0.95) | (t > 1.05) else 10.0],
        lambda t, y: [10.0 if (t > 0.95) ^ (t > 1.05) else 0.0],
        lambda t, y: [0.0 if ~((t > 0.95) & (t < 1.05)) else 10.0],
        lambda t, y: [10.0 * ((t + 0.05) // 1.0 - (t - 0.05) // 1.0) if 0.5 < t < 1.5 else 0.0],
    ],
)
def test_a_pulse_said_in_many_ways(f):
    run = solve_ivp(f, (0, 3), [0.0])
    np.testing.assert_allclose(run.y[0, -1], 1.0, rtol=1e-13)


def test_to_choose_by_types_is_an_error():
    with pytest.raises(InputError, match=r"called twice .*isinstance"):
        solve_ivp(lambda t, y: -y if isinstance(y, np.ndarray) else y, (0, 1), [1.0])


def test_chance_is_an_error():
    chance = np.random.default_rng(0)
    with pytest.raises(InputError, match="nor depend on anything"):
        solve_ivp(lambda t, y: y * chance.random(), (0, 1), [1.0])


def test_an_event_that_is_no_number():
    with pytest.raises(InputError, match="truth value"):
        solve_ivp(lambda t, y: -y, (0, 1), [1.0], events=lambda t, y: y[0] > 0.5)


@pytest.mark.parametrize(
    ("option", "given"),
    [("max_step", "a"), ("max_step", [1, 2]), ("first_step", "1"), ("atol", "x"), ("rtol", "x")],
)
def test_what_is_no_number_is_named(option, given):
    with pytest.raises(InputTypeError, match=f"^{option} is .*real number"):
        solve_ivp(lambda t, y: -y, (0, 1), [1.0], **{option: given})


@pytest.mark.parametrize("span", ["01", ("0", "1"), 5, (0, 1, 2)])
def test_spans_are_two_numbers(span):
    with pytest.raises(InputError, match="two numbers"):
        solve_ivp(lambda t, y: -y, span, [1.0])


def test_texts_are_no_times():
    with pytest.raises(InputTypeError, match="real numbers"):
        solve_ivp(lambda t, y: -y, (0, 1), [1.0], t_eval="01")


def test_what_other_methods_take_has_no_effect():
    """As in SciPy, where the warning names the line of the user's."""
    with pytest.warns(UserWarning, match="no effect .*`jac`, `lband`") as caught:
        run = solve_ivp(lambda t, y: -y, (0, 1), [1.0], jac=lambda t, y: [[-1.0]], lband=0)
    assert caught[0].filename == __file__
    np.testing.assert_allclose(run.y[0, -1], np.exp(-1.0), rtol=1e-15)
