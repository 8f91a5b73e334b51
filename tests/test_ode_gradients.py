"""Derivatives that go through solve_ivp: forward, reverse and adjoint, against closed forms."""

import pickle

import mpmath
import numpy as np
import pytest
import scipy.special as sp
from scipy.linalg import expm, expm_frechet
from unwritten import unwritten

import taylorad as ta
from taylorad.errors import (
    CompileWarning,
    ConversionError,
    InputError,
    InputTypeError,
    IntegrationError,
    OutputError,
)
from taylorad.ode import adjoint_gradient, sensitivities, solve_ivp
from taylorad.ode.variations import recorded

RNG = np.random.default_rng(5)
TIMES = np.array([0.0, 0.5, 1.25, 2.0])
MATRIX = np.array([[0.1, 1.0, 0.0], [-1.0, 0.2, 0.3], [0.0, 0.1, -0.5]])
START = np.array([1.0, 2.0, 3.0])
WEIGHTS = RNG.standard_normal((3, 4))


@pytest.fixture(params=["directions", "adjoint"])
def way(request, monkeypatch):
    """The way in which reverse mode goes."""
    monkeypatch.setattr(recorded, "SMALL", 10**6 if request.param == "directions" else 0)


def close(found, wanted, within=1e-13):
    found, wanted = np.asarray(found, float), np.asarray(wanted, float)
    assert found.shape == wanted.shape
    assert np.max(np.abs(found - wanted)) <= within * max(1.0, np.max(np.abs(wanted)))


# --- linear systems ---------------------------------------------------------------------------


def linear(matrix, y0, t_eval=TIMES):
    def fun(t, y, matrix):
        return matrix @ y

    return solve_ivp(fun, (0, 2), y0, t_eval=t_eval, args=(matrix,)).y


def loss(matrix, y0):
    return np.sum(WEIGHTS * linear(matrix, y0))


def by_matrix():
    """The derivative of the loss by the matrix, by Fréchet derivatives of the exponential."""
    found = np.zeros((3, 3))
    for i, j in np.ndindex(3, 3):
        unit = np.zeros((3, 3))
        unit[i, j] = 1
        for k, t in enumerate(TIMES):
            slope = expm_frechet(MATRIX * t, unit * t, compute_expm=False)
            found[i, j] += WEIGHTS[:, k] @ slope @ START
    return found


def by_start():
    return sum(expm(MATRIX * t).T @ WEIGHTS[:, k] for k, t in enumerate(TIMES))


@pytest.mark.usefixtures("way")
def test_reverse_mode():
    close(ta.grad(loss, argnums=1)(MATRIX, START), by_start())
    slope, start = ta.grad(loss, argnums=(0, 1))(MATRIX, START)
    close(slope, by_matrix())
    close(start, by_start())


def test_forward_mode():
    slope = ta.jvp(loss, (MATRIX, START), (np.ones((3, 3)), np.array([1.0, -1.0, 2.0])))[1]
    close(slope, np.sum(by_matrix()) + by_start() @ [1.0, -1.0, 2.0])
    jacobian = ta.jacobian(linear, argnums=1)(MATRIX, START)
    close(jacobian, np.stack([expm(MATRIX * t) for t in TIMES], 1))


@pytest.mark.usefixtures("way")
def test_reverse_rows_of_a_jacobian():
    last = lambda matrix: linear(matrix, START)[:, -1]  # fewer outputs than inputs
    found = ta.jacobian(last)(MATRIX)
    for i, j in np.ndindex(3, 3):
        unit = np.zeros((3, 3))
        unit[i, j] = 2
        close(found[:, i, j], expm_frechet(MATRIX * 2, unit, compute_expm=False) @ START)


@pytest.mark.usefixtures("way")
def test_hessian_is_that_by_series():
    f = lambda matrix: loss(matrix, START)
    found = ta.hessian(f)(MATRIX)
    close(found, ta.hessian(f, method="taylor")(MATRIX))
    direction = RNG.standard_normal((3, 3))
    close(ta.hvp(f)(MATRIX, direction), np.tensordot(found, direction))


@pytest.mark.usefixtures("way")
def test_gradient_with_respect_to_a_cotangent():
    pulled = lambda g: np.sum(ta.vjp(lambda m: linear(m, START), MATRIX)[1](g)[0])
    ones = np.ones((3, 3))
    close(ta.grad(pulled)(WEIGHTS), ta.jvp(lambda m: linear(m, START), (MATRIX,), (ones,))[1])


# --- the logistic equation --------------------------------------------------------------------


def logistic(t, y, rate, capacity):
    return rate * y * (1 - y / capacity)


def grown(p):
    """The solution in closed form."""
    rate, capacity, start, t = p
    return capacity / (1 + (capacity / start - 1) * np.exp(-rate * t))


def integrated(p):
    rate, capacity, start, t = p
    return solve_ivp(logistic, (0, t), [start], args=(rate, capacity)).y[0, -1]


POINT = np.array([0.7, 3.0, 0.5, 2.5])


@pytest.mark.parametrize(
    "derivative",
    [
        ta.grad,
        ta.hessian,
        lambda f: ta.hessian(f, method="hyperdual"),
        lambda f: ta.jacobian(ta.grad(f)),
        lambda f: ta.grad(lambda p: np.sum(ta.grad(f)(p) * np.arange(4.0))),
        lambda f: ta.grad(lambda p: np.sum(ta.hessian(f)(p) * np.arange(16.0).reshape(4, 4))),
        lambda f: ta.derivative_tensor(f, 3),
        lambda f: lambda p: ta.hvp(f)(p, np.array([1.0, 2.0, -1.0, 0.5])),
        lambda f: lambda p: ta.third_order(f)(p, np.ones(4), np.arange(4.0)),
        lambda f: lambda p: ta.taylor(lambda s: f(p + s * np.ones(4)), 0.0, 6).coefficients,
    ],
)
def test_derivatives_of_all_orders_and_modes(derivative):
    close(derivative(integrated)(POINT), derivative(grown)(POINT), 2e-12)


@pytest.mark.usefixtures("way")
def test_reverse_over_reverse():
    starts = np.array([0.5, 1.0, 1.5, 2.0, 2.5])

    def sums(solve):
        return lambda p: np.sum(solve(p) ** 2)

    def by_ode(p):
        return solve_ivp(logistic, (0, 2), p, args=(0.7, 3.0)).y[:, -1]

    def closed(p):
        return grown((0.7, 3.0, p, 2.0))

    for derivative in (
        ta.grad,
        ta.hessian,
        lambda f: ta.grad(lambda p: np.sum(ta.grad(f)(p) ** 2)),
        lambda f: ta.grad(lambda p: np.sum(ta.hessian(f)(p) ** 2)),
    ):
        close(derivative(sums(by_ode))(starts), derivative(sums(closed))(starts), 1e-12)


# --- other oracles ----------------------------------------------------------------------------


def van_der_pol(t, y, mu):
    return [y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]]


# By mpmath's odefun with 40 digits, the variational equations written out by hand: y(3) from
# (2, 0) with mu = 1/2, its derivatives by y0, v0 and mu, and the second by mu.
VAN_DER_POL = np.array([-1.96274791233219662497, -0.43356804248197938547])
BY_ALL = np.array(
    [
        [0.028824438319712629311, 0.21678402124098969273, 0.078751930462086437555],
        [-1.3860429628783113854, -1.2905490908471403173, -0.60552926013827833817],
    ]
)
TWICE_BY_MU = np.array([0.26448819124292486504, -1.5496778437874821436])


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("i", [0, 1])
def test_van_der_pol_to_all_digits(i):
    def last(p):
        return solve_ivp(van_der_pol, (0, 3), p[:2], args=(p[2],)).y[i, -1]

    p = np.array([2.0, 0.0, 0.5])
    close(last(p), VAN_DER_POL[i], 1e-14)
    close(ta.grad(last)(p), BY_ALL[i], 1e-14)
    close([ta.jvp(last, (p,), (unit,))[1] for unit in np.eye(3)], BY_ALL[i], 1e-14)
    close(ta.hessian(last)(p)[2, 2], TWICE_BY_MU[i], 1e-13)
    problem = (van_der_pol, (0, 3), p[:2], (p[2],))
    found = adjoint_gradient(*problem, terminal=lambda y, mu: y[i]).gradient
    close([*found["y0"], found[0]], BY_ALL[i], 1e-14)


def kepler(t, y):
    r = np.sqrt(y[0] ** 2 + y[1] ** 2)
    return [y[2], y[3], -y[0] / r**3, -y[1] / r**3]


def energy(y):
    return (y[2] ** 2 + y[3] ** 2) / 2 - 1 / np.sqrt(y[0] ** 2 + y[1] ** 2)


def momentum(y):
    return y[0] * y[3] - y[1] * y[2]


@pytest.mark.parametrize("invariant", [energy, momentum])
@pytest.mark.parametrize("end", [20.0, -20.0])
def test_invariants_have_the_gradient_of_the_beginning(invariant, end):
    start = np.array([0.5, 0.0, 0.0, np.sqrt(3.0)])
    found = adjoint_gradient(kepler, (0, end), start, terminal=invariant)
    close(found.value, invariant(start), 1e-13)
    close(found.gradient["y0"], ta.grad(invariant)(start), 1e-12)
    directly = ta.grad(lambda y: invariant(solve_ivp(kepler, (0, end), y).y[:, -1]))(start)
    close(directly, ta.grad(invariant)(start), 1e-12)


def test_a_motion_that_forgets_is_not_integrated_backward_blindly():
    """The state alone, backward, would grow by exp(200)."""

    def driven(t, y, p):
        return -50 * (y - p[0] * np.sin(p[1] * t))

    def closed(p, t=4.0):  # with what is left of the start, exp(-200), forgotten
        w = p[1]
        return p[0] * 50 * (50 * np.sin(w * t) - w * np.cos(w * t)) / (2500 + w * w)

    p = np.array([1.3, 2.0])
    found = adjoint_gradient(driven, (0, 4), [0.7], (p,), terminal=lambda y, p: y[0], wrt=["y0", 0])
    close(found.value, closed(p))
    close(found.gradient[0], ta.grad(closed)(p))
    assert abs(found.gradient["y0"][0]) < 1e-15


def test_a_motion_on_a_manifold_that_attracts():
    """Backward it leaves that by exp(10) in every step; sensitivities with 30 digits know it."""
    problem = (van_der_pol, (0, 30), [2.0, 0.0], (20.0,))
    wanted = sensitivities(*problem, wrt=["y0", 0], t_eval=[30], digits=30)
    found = adjoint_gradient(*problem, terminal=lambda y, mu: y[0] + 0.3 * y[1]).gradient
    weights = np.array([1.0, 0.3])
    for name in ("y0", 0):
        slope = np.asarray(weights @ wanted.derivative(name)[:, 0], float)
        assert np.max(np.abs(found[name] - slope)) < 2e-13 * np.max(np.abs(slope))


def test_hundred_parameters():
    n = 10
    weights = RNG.standard_normal((n, n))
    weights -= weights.T
    start = np.linspace(-1, 1, n)

    def net(t, y, w):
        return np.tanh(w @ y)

    def distance(w):
        return np.sum(solve_ivp(net, (0, 3), start, t_eval=[1.0, 2.0, 3.0], args=(w,)).y ** 2)

    gradient = ta.grad(distance)(weights)
    for _ in range(3):
        direction = RNG.standard_normal((n, n))
        slope = ta.jvp(distance, (weights,), (direction,))[1]
        close(np.sum(gradient * direction), slope)
    step = 1e-5 * direction
    difference = (distance(weights + step) - distance(weights - step)) / 2e-5
    assert abs(difference - slope) < 1e-6 * abs(slope)


def test_adjoint_is_what_sensitivities_say():
    k = np.array([1.3, 0.2])

    def pendulum(t, y, k):
        return [y[1], -k[0] * np.sin(y[0]) - k[1] * y[1]]

    result = sensitivities(pendulum, (0, 5), [1.0, 0.0], (k,), wrt=["y0", 0])
    found = adjoint_gradient(
        pendulum, (0, 5), [1.0, 0.0], (k,), terminal=lambda y, k: y[0] + 3 * y[1]
    )
    weights = np.array([1.0, 3.0])
    close(found.gradient["y0"], weights @ result.derivative("y0")[:, -1])
    close(found.gradient[0], weights @ result.derivative(0)[:, -1])


@pytest.mark.parametrize(
    "fun",
    [
        lambda t, y, p: -p[1] * y ** p[0],
        lambda t, y, p: np.tanh(p[0] * (y - 0.6)) - p[1] * y,
        lambda t, y, p: sp.expit(p[0] * (y - 0.6)) - p[1],
        lambda t, y, p: np.hypot(p[0] * y, 0.3) - p[1] * y,
        lambda t, y, p: np.arctan2(p[0] * y, 1 + y * y) * t,
        lambda t, y, p: unwritten(np.linalg.solve(np.eye(2) * p[0] + np.outer(y, y), y)),
        lambda t, y, p: [sum(p[i % 2] * y[i] * y[1 - i] for i in range(2)), -y[0] * p[0]],
        lambda t, y, p: -sp.gammaln(2 + p[0] * y) - p[1] * y,
    ],
)
def test_adjoint_of_all_kinds_of_functions(fun):
    p, start = np.array([0.7, 0.4]), [1.0, 0.5]
    f = lambda p: np.sum(solve_ivp(fun, (0, 1.3), start, args=(p,)).y[:, -1])
    found = adjoint_gradient(fun, (0, 1.3), start, (p,), terminal=lambda y, p: np.sum(y), wrt=0)
    close(found.gradient[0], [ta.jvp(f, (p,), (unit,))[1] for unit in np.eye(2)])


# --- times ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("way")
def test_ends_of_the_span():
    def bell(p):
        return solve_ivp(lambda t, y: -t * y, (p[0], p[1]), [p[2]]).y[0, -1]

    closed = lambda p: p[2] * np.exp((p[0] ** 2 - p[1] ** 2) / 2)
    point = np.array([0.5, 1.5, 2.0])
    for derivative in (ta.grad, ta.hessian, lambda f: ta.derivative_tensor(f, 4)):
        close(derivative(bell)(point), derivative(closed)(point), 1e-12)


@pytest.mark.usefixtures("way")
def test_times_at_which_the_solution_is_wanted():
    times = np.array([0.5, 1.0, 2.0])
    f = lambda times: solve_ivp(lambda t, y: -t * y, (0, 2), [1.0], t_eval=times).y[0]
    close(ta.jacobian(f)(times), np.diag(-times * np.exp(-(times**2) / 2)))
    total = lambda f: lambda times: np.sum(f(times) * np.arange(3.0))
    closed = lambda times: np.exp(-(times**2) / 2)
    close(ta.hessian(total(f))(times), ta.hessian(total(closed))(times))


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("length", [0.0, 1.0])
def test_both_ends_move_without_times_too(length):
    def first_and_last(p):
        y = solve_ivp(lambda t, y: -t * y, (p[0], p[0] + length), [p[1]]).y[0]
        return np.stack([y[0], y[-1]])

    last = lambda p: p[1] * np.exp((p[0] ** 2 - (p[0] + length) ** 2) / 2)
    p = np.array([0.25, 2.0])
    close(ta.jacobian(first_and_last)(p), [[0, 1], ta.grad(last)(p)])


@pytest.mark.usefixtures("way")
def test_no_time_at_all():
    f = lambda tf: solve_ivp(lambda t, y: 3 * y, (0.0, tf), [2.0]).y[0, -1]
    assert ta.grad(f)(0.0) == 6.0
    g = lambda y: solve_ivp(lambda t, y: 3 * y, (1.0, 1.0), [y]).y[0, -1]
    assert ta.grad(g)(2.0) == 1.0


@pytest.mark.usefixtures("way")
def test_ends_of_steps_are_plain_times():
    def f(k):
        result = solve_ivp(lambda t, y, k: -k * y, (0, 5), [1.0], args=(k,))
        assert result.t.dtype == float
        return np.sum(result.y[0] * np.sin(result.t)), result.t

    gradient, times = ta.grad(f, has_aux=True)(0.5)
    close(gradient, np.sum(-times * np.exp(-0.5 * times) * np.sin(times)))


# --- what is given ----------------------------------------------------------------------------


@pytest.mark.usefixtures("way")
def test_nested_arguments():
    tree = {"a": [np.array([1.0, 2.0]), 0.5], "b": {"c": 0.25}, "n": 2}

    def fun(t, y, p, n):
        return [-p["a"][0][0] * y[0] + p["b"]["c"] * n * y[1], -p["a"][1] * y[1]]

    def last(a, b):
        return solve_ivp(fun, (0, 1), [1.0, 2.0], args=({"a": a, "b": b}, 2)).y[0, -1]

    def closed(a, b):  # variation of constants
        r, s, c = a[0][0], a[1], b["c"]
        return np.exp(-r) + 4 * c * (np.exp(-s) - np.exp(-r)) / (r - s)

    found = ta.grad(last, argnums=(0, 1))(tree["a"], tree["b"])
    wanted = ta.grad(closed, argnums=(0, 1))(tree["a"], tree["b"])
    close(found[0][0], wanted[0][0])
    close(found[0][1], wanted[0][1])
    close(found[1]["c"], wanted[1]["c"])
    result = adjoint_gradient(
        fun, (0, 1), [1, 2], (tree, 2), terminal=lambda y, p, n: y[0], wrt="args"
    )
    assert list(result.gradient) == [0]
    close(result.gradient[0]["a"][0], wanted[0][0])
    assert result.gradient[0]["n"] == 0


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("few", [1, 6])
def test_states_of_any_shape(few):
    shape = (2, few)
    f = lambda y: np.sum(solve_ivp(lambda t, y: -y, (0, 1), y).y[..., -1] ** 2)
    y = RNG.standard_normal(shape)
    close(ta.grad(f)(y), 2 * y * np.exp(-2))
    g = lambda y: solve_ivp(lambda t, y: -y * y, (0, 1), y).y[-1]
    close(ta.grad(g)(1.0), 0.25)


@pytest.mark.usefixtures("way")
def test_parameters_that_are_zero():
    def fun(t, y, p):
        return (p[0] ** 2 + p[1] ** 3 + np.sqrt(1 + p[2]) + p[3] ** 0 + p[4]) * y

    def closed(p):
        return np.exp(p[0] ** 2 + p[1] ** 3 + np.sqrt(1 + p[2]) + 1 + p[4])

    last = lambda p: solve_ivp(fun, (0, 1), [1.0], args=(p,)).y[0, -1]
    p = np.zeros(5)
    for derivative in (ta.grad, ta.hessian):
        close(derivative(last)(p), derivative(closed)(p))


@pytest.mark.usefixtures("way")
def test_what_jumps_without_a_switch_being_met():
    def fun(t, y, p):
        return -p[0] * np.abs(y % 100) * np.where(p > 0.5, p, 2 * p)[1]

    p, start = np.array([0.7, 0.4]), [1.0, 0.5]
    found = adjoint_gradient(fun, (0, 1.3), start, (p,), terminal=lambda y, p: np.sum(y))
    closed = lambda y, p: np.sum(y * np.exp(-2.6 * p[0] * p[1]))
    wanted = ta.grad(closed, argnums=(0, 1))(np.array(start), p)
    close(found.gradient["y0"], wanted[0])
    close(found.gradient[0], wanted[1])
    hessian = ta.hessian(lambda p: np.sum(solve_ivp(fun, (0, 1.3), start, args=(p,)).y[:, -1]))(p)
    close(hessian, ta.hessian(lambda p: closed(np.array(start), p))(p))


def test_numbers_made_by_hand():
    decay = lambda t, y, k: -k * y
    last = lambda k, start=1.0: solve_ivp(decay, (0, 1), [start], args=(k,)).y[0, -1]
    series = last(ta.Taylor.variable(0.5, 5))
    assert type(series) is ta.Taylor
    close(series.coefficients, np.exp(-ta.Taylor.variable(0.5, 5)).coefficients)
    start, k = ta.MultivariateTaylor.variables([2.0, 0.5], 3)
    series = last(k, start)
    assert type(series) is ta.MultivariateTaylor
    close(series.coefficients, (start * np.exp(-k)).coefficients)
    dual = last(ta.Dual(0.5, 1.0))
    assert type(dual) is ta.Dual
    close(dual.c[1], -np.exp(-0.5))


@pytest.mark.usefixtures("way")
def test_many_points():
    times = np.linspace(0, 3, 200)[1:]
    data = np.exp(-0.8 * times)

    def misfit(p):
        return np.sum(
            (solve_ivp(decay, (0, 3), p[:1], t_eval=times, args=(p[1],)).y[0] - data) ** 2
        )

    def decay(t, y, k):
        return -k * y

    closed = lambda p: np.sum((p[0] * np.exp(-p[1] * times) - data) ** 2)
    p = np.array([1.2, 0.5])
    close(ta.hessian(misfit)(p), ta.hessian(closed)(p), 1e-13)
    found = adjoint_gradient(
        *(decay, (0, 3), p[:1], (p[1],)),
        observed=lambda y, k: np.sum((y[0] - data) ** 2),
        t_eval=times,
    )
    close(found.value, closed(p))
    close([found.gradient["y0"][0], found.gradient[0]], ta.grad(closed)(p))


def test_functionals_of_mpmath_numbers_and_whole_ones():
    decay = lambda t, y, k: -k * y
    for y0 in ([mpmath.mpf(2)], [2]):
        with mpmath.workdps(30):
            found = adjoint_gradient(
                *(decay, (0, 1), y0, (1,)), terminal=lambda y, k: y[0], wrt=["y0", 0]
            )
            bars = [found.gradient["y0"][0], -found.gradient[0] / 2, found.value / 2]
            exact = all(isinstance(x, mpmath.mpf) for x in bars)
            assert exact == isinstance(y0[0], mpmath.mpf)
            assert max(abs(x - mpmath.exp(-1)) for x in bars) < (1e-28 if exact else 1e-15)


@pytest.mark.parametrize("times", [[0.25, 0.5], [0.0, 0.25, 1.0], [1.0]])
def test_functionals_of_all_kinds(times):
    k = 0.5
    found = adjoint_gradient(
        *(lambda t, y, k: -k * y, (0.0, 1.0), [2.0], (k,)),
        terminal=lambda y, k: k * y[0],
        running=lambda t, y, k: t * y[0],
        observed=lambda y, k: np.sum(y**2),
        t_eval=times,
        wrt=["y0", "args", "t0", "tf"],
    )

    def closed(y, k, t0, tf):
        at = lambda t: y * np.exp(-k * (t - t0))
        inner = lambda t: -(t / k + 1 / k**2) * at(t)
        return k * at(tf) + inner(tf) - inner(t0) + sum(at(t) ** 2 for t in times)

    point = (2.0, k, 0.0, 1.0)
    close(found.value, closed(*point))
    wanted = ta.grad(closed, argnums=(0, 1, 2, 3))(*point)
    gradient = found.gradient
    close([gradient["y0"][0], gradient[0], gradient["t0"], gradient["tf"]], wanted)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("n", [2, 6])
def test_complex_states(n):
    def turned(k):
        return solve_ivp(lambda t, y, k: 1j * k * y, (0, 1), np.ones(n) + 0j, args=(k,)).y[:, -1]

    k = np.linspace(0.5, 1.5, n)
    slope = 1j * np.exp(1j * k)
    for found in (
        ta.jvp(turned, (k,), (np.ones(n),))[1],
        ta.vjp(turned, k)[1](np.ones(n) + 0j)[0],
    ):
        assert np.max(np.abs(found - slope)) < 1e-14


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("n", [1, 6])
def test_no_points_at_all(n):
    def f(k):
        run = solve_ivp(lambda t, y, k: -k * y, (0, 1), np.ones(n), args=(k,), t_eval=[])
        return np.sum(k) + np.sum(run.y)

    close(ta.grad(f)(np.ones(n)), np.ones(n))
    close(ta.jvp(f, (np.ones(n),), (np.ones(n),))[1], float(n))


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    "fun",
    [
        lambda t, y, p: -y,
        lambda t, y, p: p,
        lambda t, y, p: [0.0] * 7,
        lambda t, y, p: np.cumsum(p * y)[::-1],
    ],
)
def test_rates_that_depend_on_little(fun):
    def last(p, y):
        return np.sum(solve_ivp(fun, (0, 1), y, args=(p,)).y[:, -1] ** 2)

    p, y = np.linspace(0.1, 0.4, 7), np.linspace(1, 2, 7)
    by_p, by_y = ta.grad(last, argnums=(0, 1))(p, y)
    for direction in np.eye(7)[:3]:
        close(by_p @ direction, ta.jvp(lambda p: last(p, y), (p,), (direction,))[1])
        close(by_y @ direction, ta.jvp(lambda y: last(p, y), (y,), (direction,))[1])


# --- switches ---------------------------------------------------------------------------------


def on_two_sides(t, y, k):
    return np.where(y > 0.5, -k * y, -2 * k * y)


def by_choice(t, y, k):
    return -k * y if y[0] > 0.5 else -2 * k * y


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("end", [1.0, 2.0])
@pytest.mark.parametrize("fun", [on_two_sides, by_choice])
def test_derivatives_go_across_switches(fun, end):
    def last(k, end):
        return solve_ivp(fun, (0, end), [1.0], args=(k,)).y[0, -1]

    def closed(k, end):  # across: 1/2 is reached at log(2) / k
        return np.exp(-k * end) if k * end < np.log(2) else 2 * np.exp(-2 * k * end)

    for derivative in (ta.grad, ta.hessian, lambda f: ta.derivative(f, 3)):
        close(derivative(last)(0.5, end), derivative(closed)(0.5, end))
    of_both = lambda f: ta.jacobian(ta.grad(lambda p: f(p[0], p[1])))
    close(of_both(last)(np.array([0.5, end])), of_both(closed)(np.array([0.5, end])))
    thrice = lambda f: ta.grad(ta.grad(ta.grad(lambda k: f(k, end))))
    close(thrice(last)(0.5), thrice(closed)(0.5))
    found = adjoint_gradient(fun, (0, end), [1.0], (0.5,), terminal=lambda y, k: y[0])
    close(found.gradient[0], ta.grad(closed)(0.5, end))
    close(found.gradient["y0"], [ta.grad(across_from)(1.0, end)])


def across_from(start, end, k=0.5):
    if k * end < np.log(2 * start):
        return start * np.exp(-k * end)
    return 2 * start**2 * np.exp(-2 * k * end)


@pytest.mark.usefixtures("way")
def test_hessians_across_many_switches():
    """Two springs, in turn: the state goes around ellipses that fit together."""

    def springs(t, y, stiff):
        return [y[1], -np.where(y[0] > 0, stiff[0], stiff[1]) * y[0]]

    def last(p):
        return solve_ivp(springs, (0, 18.0), p[:2], args=(p[2:],)).y[:, -1]

    def closed(p):
        x, v, soft, hard = p
        slow, fast = np.sqrt(soft), np.sqrt(hard)
        left = 18.0 - (np.pi / 2 + np.arctan(v / (slow * x))) / slow
        left = left - 4 * np.pi * (1 / slow + 1 / fast)
        assert 0 < left < np.pi / fast  # after four turns it is on the left
        speed = np.sqrt(v**2 + soft * x**2)
        return np.stack([-speed / fast * np.sin(fast * left), -speed * np.cos(fast * left)])

    p = np.array([1.0, 0.25, 1.5, 5.0])
    weights = np.array([1.0, 0.5])
    close(ta.jacobian(last)(p), ta.jacobian(closed)(p), 1e-12)
    of = lambda f: ta.hessian(lambda p: f(p) @ weights)(p)
    close(of(last), of(closed), 1e-12)


# --- what is refused --------------------------------------------------------------------------


def test_numbers_that_come_in_by_the_back_door_are_refused():
    last = lambda fun: solve_ivp(fun, (0, 1), [1.0]).y[0, -1]
    for f in (lambda k: last(lambda t, y: -k * y), lambda k: last(lambda t, y: [k])):
        with pytest.raises(InputError, match="args"):
            ta.grad(f)(0.5)
        with pytest.raises(InputError, match="args"):
            ta.jvp(f, (0.5,), (1.0,))
    with pytest.raises(InputError, match="args"):
        ta.grad(lambda k: solve_ivp(lambda t, y: -k * y, (0, 1), [k]).y[0, -1])(0.5)


@pytest.mark.parametrize(
    "f",
    [
        lambda k: ta.ode.sensitivities(lambda t, y, k: -k * y, (0, 1), [1.0], (k,)).y[0, -1],
        lambda k: ta.ode.sensitivities(lambda t, y: -y, (0, k), [1.0]).y[0, -1],
        lambda k: ta.ode.flow_map(lambda t, y: -y, (0, 1), [k]).coefficients[1, 0],
        lambda k: ta.ode.lyapunov_spectrum(lambda t, y, k: -k * y, (0, 1), [1.0], (k,)).exponents,
        lambda k: ta.ode.Integrator(lambda t, y, k: -k * y, 0, [1.0], (k,)).state[0],
    ],
)
def test_derivatives_go_through_solve_ivp_alone(f):
    with pytest.raises(InputError, match="are for taylorad"):
        ta.jvp(f, (0.5,), (1.0,))
    with pytest.raises(ConversionError, match="cannot be traced"):
        ta.wengert(f, 0.5)


def test_a_state_of_no_shape():
    with pytest.raises(InputTypeError, match="is not an array"):
        ta.grad(lambda p: solve_ivp(lambda t, y: -y, (0, 1), [[1.0, p], [p]]).y[0, 0, -1])(3.0)


def test_an_ensemble_is_no_way_around():
    for y0, args in ((np.ones((3, 1)), True), (None, False)):

        def f(k, y0=y0, args=args):
            starts = k * np.ones((3, 1)) if y0 is None else y0
            return ta.ode.ensemble(lambda t, y, k: -k * y, (0, 1), starts, (k if args else 1.0,)).y

        with pytest.raises((InputError, ConversionError), match="derivatives"):
            ta.jvp(f, (0.5,), (1.0,))


# --- more digits ---


@pytest.mark.parametrize("digits", [30, 60, 75])
@pytest.mark.parametrize("point", [2.0, mpmath.mpf(2)])
def test_more_digits(digits, point):
    def end(k, y0=1.0, tf=1.0):
        run = solve_ivp(lambda t, y, k: -k * y, (0, tf), [y0], args=(k,), digits=digits)
        return run.y[0, -1]

    with mpmath.workdps(digits + 10):
        value = mpmath.exp(-2)
        found = [
            (ta.grad(end)(point), -value),
            (ta.derivative(end)(point), -value),
            (ta.grad(ta.grad(end))(point), value),
            (ta.hessian(end)(point), value),
            (ta.taylor(end, point, 5).coefficients[5], -value / 120),
            (ta.grad(lambda y0: end(2.0, y0))(point), value),
            (ta.grad(lambda t: end(2.0, 1.0, t / 2))(point), -value),
            (ta.derivative(lambda t: end(2.0, 1.0, t / 2))(point), -value),
        ]
        for got, exact in found:
            assert abs(got / exact - 1) < mpmath.mpf(10) ** (2 - digits)
        times = ta.jacobian(
            lambda t: solve_ivp(
                lambda t, y: -y, (0, 2), [1.0], t_eval=np.stack([t, 2 * t]), digits=digits
            ).y[0]
        )(point / 3)
        for got, share in zip(times, (1, 2)):
            exact = -share * mpmath.exp(-share * (point / 3))
            assert abs(got / exact - 1) < mpmath.mpf(10) ** (2 - digits)


def test_more_digits_of_matrices_of_parameters():
    """The state is a matrix, too, and there are more parameters than directions are carried for."""
    turn = np.array([[0.0, 0.5], [-0.5, 0.0]])
    turned = np.block([[turn, np.zeros((2, 2))], [np.zeros((2, 2)), 2 * turn]])

    def trace(w, digits):
        options = {"digits": digits, "atol": np.full((4, 4), 1e-25), "rtol": 1e-28}
        run = solve_ivp(lambda t, y, w: w @ y, (0, 1), np.eye(4), args=(w,), **options)
        return np.trace(run.y[..., -1])

    with mpmath.workdps(40):
        found = ta.grad(lambda w: trace(w, 30))(turned)
        wanted = mpmath.expm(mpmath.matrix(turned.tolist()), method="pade").T  # of tr exp(w)
        size = max(abs(x) for x in (found - np.array(wanted.tolist(), object)).flat)
    assert size < 1e-24


def test_dense_output_carries_no_derivatives():
    f = lambda k: solve_ivp(lambda t, y: -y, (0, 1), [k], dense_output=True).sol(0.5)[0]
    with pytest.raises(InputError, match="t_eval"):
        ta.grad(f)(1.0)


def test_what_cannot_be_integrated_raises():
    f = lambda k: solve_ivp(lambda t, y, k: k * y**2, (0, 2), [1.0], args=(k,)).y[0, -1]
    with pytest.raises(IntegrationError, match="singular"):
        ta.grad(f)(1.0)


def test_tracing_is_refused_and_compiling_runs_as_it_is():
    f = lambda k: solve_ivp(lambda t, y: -y, (0, 1), [k]).y[0, -1]
    with pytest.raises(ConversionError, match="cannot be traced"):
        ta.wengert(f, 0.5)
    for g in (f, ta.grad(f)):
        with pytest.warns(CompileWarning, match="cannot be traced"):
            found = ta.compile(g)(0.5)
        assert found == g(0.5)


def test_functionals_that_make_no_sense():
    problem = (lambda t, y: -y, (0, 1), [1.0])
    with pytest.raises(InputError, match="Give terminal"):
        adjoint_gradient(*problem)
    with pytest.raises(InputError, match="give both"):
        adjoint_gradient(*problem, observed=lambda y: y[0, 0])
    equation = ta.ode.implicit(lambda t, y, yp: yp + y)
    with pytest.raises(InputError, match="a component more"):
        adjoint_gradient(equation, *problem[1:], running=lambda t, y: y[0])
    with pytest.raises(OutputError, match="functional returned an array"):
        adjoint_gradient(*problem, terminal=lambda y: y)
    for wrt in ("y1", ["y0", "y0"], 0, []):
        with pytest.raises(InputError, match="wrt"):
            adjoint_gradient(*problem, terminal=lambda y: y[0], wrt=wrt)


def test_results_can_be_pickled():
    found = adjoint_gradient(lambda t, y: -y, (0, 1), [1.0], terminal=lambda y: y[0])
    again = pickle.loads(pickle.dumps(found))
    assert again.value == found.value
