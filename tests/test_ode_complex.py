"""Complex states: by real and imaginary parts, in machine code, whether analytic or not."""

import pickle

import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
import scipy.special

import taylorad as ta
from taylorad.errors import ConversionError, InputError, IntegrationError
from taylorad.ode import Integrator, solve_ivp
from taylorad.ode.digits.direct import Direct
from taylorad.ode.paired import Paired
from taylorad.ode.steps.stepper import Stepper
from taylorad.ode.tracing.reads import known_by


def kerr(t, y):
    """y' = i |y|**2 y turns with the frequency |y|**2."""
    return 1j * np.abs(y) ** 2 * y


def rotor(t, y, speed):
    return 1j * speed * y


START = np.array([1.0 + 0.5j, -0.3j, 0.7 - 0.2j])


def stepper_of(fun, y0, args=()):
    return type(Integrator(fun, 0.0, y0, args)._flow.stepper)


# --- against closed forms --------------------------------------------------------------------


@pytest.mark.parametrize(
    "fun",
    [
        kerr,
        lambda t, y: 1j * y * np.conj(y) * y,
        lambda t, y: 1j * (y.real**2 + y.imag**2) * y,
        lambda t, y: 1j * (y.conj() * y).real * y,
        lambda t, y: 1j * abs(y) * y * abs(y),
        lambda t, y: [1j * np.vdot(z, z) * z for z in y],
        lambda t, y: np.stack([1j * np.linalg.norm(y[i : i + 1]) ** 2 * y[i] for i in range(3)]),
    ],
)
def test_what_is_not_analytic(fun):
    run = solve_ivp(fun, (0, 5), START)
    assert stepper_of(fun, START) is Stepper
    np.testing.assert_allclose(
        run.y[:, -1], START * np.exp(5j * np.abs(START) ** 2), rtol=0, atol=1e-14
    )


@pytest.mark.parametrize("power", [2, 4, 6])
def test_sizes_of_nothing(power):
    """A wave is where it was put, and nothing elsewhere."""

    def lattice(t, y):
        return -1j * (np.roll(y, 1) + np.roll(y, -1)) + 1j * np.abs(y) ** power * y

    start = np.zeros(8, complex)
    start[3] = 1.5
    ours = solve_ivp(lattice, (0, 1), start)
    theirs = scipy.integrate.solve_ivp(lattice, (0, 1), start, "DOP853", rtol=1e-12, atol=1e-14)
    assert stepper_of(lattice, start) is Stepper
    np.testing.assert_allclose(ours.y[:, -1], theirs.y[:, -1], rtol=0, atol=1e-10)
    apart = solve_ivp(lambda t, y: 1j * abs(y) * abs(y) * y, (0, 1), [0j, 2.0])
    np.testing.assert_allclose(apart.y[:, -1], [0, 2 * np.exp(4j)], rtol=0, atol=1e-14)


def test_a_schroedinger_equation():
    rng = np.random.default_rng(3)
    H = rng.normal(size=(6, 6)) + 1j * rng.normal(size=(6, 6))
    H = H + H.conj().T
    psi = rng.normal(size=6) + 1j * rng.normal(size=6)
    for fun in (
        lambda t, y: -1j * (H @ y),
        lambda t, y: -1j * np.dot(H, y),
        lambda t, y: -1j * np.einsum("ij,j->i", H, y),
        lambda t, y: np.linalg.solve(1j * np.eye(6), H @ y),
    ):
        run = solve_ivp(fun, (0, 3), psi)
        assert stepper_of(fun, psi) is Stepper
        np.testing.assert_allclose(
            run.y[:, -1], scipy.linalg.expm(-3j * H) @ psi, rtol=0, atol=3e-13
        )
        norms = np.linalg.norm(run.y, axis=0)
        np.testing.assert_allclose(norms, norms[0], rtol=1e-14)


@pytest.mark.parametrize(
    ("rate", "solution", "start"),
    [
        (lambda t, y: 1j * y**2, lambda t: 1 / (1 - 1j * t), 1.0),
        (lambda t, y: 1j * np.exp(-y), lambda t: np.log(1 + 1j * t), 0.0),
        (lambda t, y: 1j / (2 * y), lambda t: np.sqrt(1 + 1j * t), 1.0),
        (lambda t, y: 1j * np.cos(y) ** 2, lambda t: np.arctan(1j * t), 0.0),
        (lambda t, y: 1j * np.cosh(y) ** -1, lambda t: np.arcsinh(1j * t), 0.0),
        (lambda t, y: 1j * (1 - np.tanh(y) ** 2) / (1 - np.tanh(y) ** 2), lambda t: 1j * t, 0.0),
        (lambda t, y: 1j * (1 + np.tan(y) ** 2) * np.cos(y) ** 4, lambda t: np.arctan(1j * t), 0.0),
        (lambda t, y: 1j * np.sqrt(1 + np.sinh(y) ** 2) ** -1, lambda t: np.arcsinh(1j * t), 0.0),
        (lambda t, y: 1j * (1 + np.expm1(-y)), lambda t: np.log1p(1j * t), 0.0),
        (lambda t, y: 1j * np.exp2(y), lambda t: -np.log2(1 - 1j * t * np.log(2)), 0.0),
        (lambda t, y: 1j * (2 + y) * np.log(2 + y), lambda t: 2 ** np.exp(1j * t) - 2, 0.0),
        (lambda t, y: 1j * y**1.5, lambda t: (1 - 0.5j * t) ** -2, 1.0),
        (lambda t, y: 1j * y ** (1 + 1j), lambda t: (1 + t) ** 1j, 1.0),
        (lambda t, y: y * 10 ** (0.5j * t), None, 1.0),
        (lambda t, y: 1j * np.log10(10.0 + 0 * y) + 0 * np.log1p(1 + y), lambda t: 1j * t, 0.0),
    ],
)
def test_functions(rate, solution, start):
    run = solve_ivp(rate, (0, 0.75), np.array([start], complex), dense_output=True)
    assert run.success
    assert stepper_of(rate, np.array([start], complex)) is Stepper
    times = np.linspace(0, 0.75, 7)
    if solution is None:
        w = 0.5j * np.log(10)
        solution = lambda t: np.exp((np.exp(w * t) - 1) / w)
    np.testing.assert_allclose(run.sol(times)[0], solution(times), rtol=2e-15, atol=2e-15)


def test_a_number_and_a_matrix():
    run = solve_ivp(lambda t, y: 1j * y, (0, 1), 1.0 + 0j)
    assert run.y.shape == (run.t.size,) == run.y[:].shape
    np.testing.assert_allclose(run.y[-1], np.exp(1j), rtol=1e-15)
    start = np.array([[1.0, 1j], [2.0, 3.0]])
    run = solve_ivp(lambda t, y: 1j * y.T, (0, 1), start)
    expected = np.cos(1) * start + 1j * np.sin(1) * start.T
    np.testing.assert_allclose(run.y[..., -1], expected, rtol=1e-15)


def test_backward_and_forth():
    there = solve_ivp(kerr, (2, -3), START)
    back = solve_ivp(kerr, (-3, 2), there.y[:, -1])
    np.testing.assert_allclose(back.y[:, -1], START, rtol=0, atol=3e-14)


def test_tolerances_are_of_the_state():
    loose = solve_ivp(kerr, (0, 5), START, rtol=1e-6, atol=[1e-6, 1e-8, 1e-7])
    exact = START * np.exp(5j * np.abs(START) ** 2)
    assert 1e-13 < np.max(np.abs(loose.y[:, -1] - exact)) < 1e-5
    assert loose.order < 16


def test_the_same_as_scipys():
    rng = np.random.default_rng(5)
    y0 = rng.normal(size=5) + 1j * rng.normal(size=5)

    def chain(t, y, drive):
        hop = np.concatenate([y[1:], y[:1]]) + np.roll(y, 1)
        return -1j * (hop + np.abs(y) ** 2 * y) - 0.1 * y + drive * np.exp(1j * t)

    ours = solve_ivp(chain, (0, 4), y0, args=(0.3,), t_eval=[1.0, 2.5, 4.0])
    theirs = scipy.integrate.solve_ivp(
        chain, (0, 4), y0, "DOP853", args=(0.3,), t_eval=[1.0, 2.5, 4.0], rtol=1e-12, atol=1e-13
    )
    assert ours.y.shape == theirs.y.shape
    np.testing.assert_allclose(ours.y, theirs.y, rtol=0, atol=1e-10)


# --- all that integrations have --------------------------------------------------------------


def test_events():
    real = lambda t, y: y[0].real
    size = lambda t, y: np.abs(y[1]) - 0.5
    run = solve_ivp(
        lambda t, y: np.stack([1j * y[0], y[1]]), (0, 5), [1.0 + 0j, 0.1j], events=[real, size]
    )
    np.testing.assert_allclose(run.t_events[0], [np.pi / 2, 3 * np.pi / 2], rtol=1e-14)
    np.testing.assert_allclose(run.t_events[1], [np.log(5)], rtol=1e-14)
    np.testing.assert_allclose(run.y_events[1], [[5**1j, 0.5j]], rtol=1e-14)
    real.terminal = 2
    run = solve_ivp(rotor, (0, 50), [1.0 + 0j], args=(1.0,), events=lambda t, y, w: real(t, y))
    assert run.status == 0
    stops = lambda t, y, w: y[0].imag
    stops.terminal = 2
    run = solve_ivp(rotor, (0, 50), [1.0 + 0j], args=(2.0,), events=stops)
    assert (run.status, run.y.dtype, run.y_events[0].dtype) == (1, complex, complex)
    np.testing.assert_allclose(run.t_events[0], [np.pi / 2, np.pi], rtol=1e-14)


def test_events_that_do_not_trace():
    seen = []

    def event(t, y):
        seen.append(isinstance(y, np.ndarray))
        return float(np.real(y[0])) if isinstance(y, np.ndarray) else y[0].real

    run = solve_ivp(lambda t, y: 1j * y, (0, 2), [1.0 + 0j], events=event)
    np.testing.assert_allclose(run.t_events[0], [np.pi / 2], rtol=1e-14)


def test_switches_are_located():
    """Beyond |y| = 2 it grows no more, but turns."""

    def fun(t, y):
        return np.where(np.abs(y) < 2, (1 + 1j) * y, 1j * y)

    run = solve_ivp(fun, (0, 3), [1.0 + 0j])
    np.testing.assert_allclose(run.y[0, -1], 2 * np.exp(3j), rtol=1e-14)

    pulse = lambda t, y: np.where((t > 1) & (t < 1.5), 2.0, 0.0) * np.ones(1, complex) + 0 * y
    np.testing.assert_allclose(solve_ivp(pulse, (0, 3), [1j]).y[0, -1], 1 + 1j, rtol=1e-15)

    def chosen(t, y):
        return [1j * y[0] + y[0]] if y[0].real > 0 else [-1j * y[0] + y[0]]

    with pytest.raises(IntegrationError, match="slides"):
        Integrator(chosen, 0.0, [1.0 + 0j]).propagate_until(4.0)


def test_angles():
    run = solve_ivp(lambda t, y: 1j * np.angle(y) * y, (0, 1), [np.exp(0.5j)])
    np.testing.assert_allclose(run.y[0, -1], np.exp(0.5j * np.e), rtol=1e-14)


def test_a_blow_up():
    run = solve_ivp(lambda t, y: 1j * y**2, (0, 3), [-1j])
    assert not run.success
    np.testing.assert_allclose(run.singularity, 1, rtol=1e-12)
    assert run.y.dtype == complex
    with pytest.raises(IntegrationError) as caught:
        Integrator(lambda t, y: 1j * y**2, 0.0, [-1j]).propagate_until(3.0)
    assert caught.value.state.dtype == complex
    assert caught.value.state.shape == (1,)


def test_integrators():
    integrator = Integrator(rotor, 0.0, START, (1.0,))
    integrator.propagate_until(1.0)
    assert integrator.state.shape == START.shape
    np.testing.assert_allclose(integrator.state, np.exp(1j) * START, rtol=0, atol=1e-15)
    grid = integrator.propagate_grid([1.0, 1.5, 2.0])
    np.testing.assert_allclose(grid, np.exp(1j * np.array([1.0, 1.5, 2.0])) * START[:, None])
    series = integrator.taylor_coefficients
    assert series.shape == (*START.shape, integrator.order + 1)
    np.testing.assert_allclose(series[:, 1], 1j * series[:, 0], rtol=0, atol=1e-15)
    integrator.parameters = (-2.0,)
    integrator.time, integrator.state = 0.0, 2 * START
    seen = []
    done = integrator.propagate_for(
        0.75, dense_output=True, callback=lambda it: seen.append(it.state[0])
    )
    np.testing.assert_allclose(integrator.state, 2 * np.exp(-1.5j) * START, rtol=0, atol=2e-15)
    np.testing.assert_allclose(seen[-1], integrator.state[0])
    np.testing.assert_allclose(
        done.sol.derivative(0.5), -4j * np.exp(-1j) * START, rtol=0, atol=1e-14
    )
    assert not np.any(done.sol.derivative(0.5, integrator.order + 1))
    integrator.state = [1.0, 2.0, 3.0]  # real numbers are complex ones
    assert integrator.state.tolist() == [1.0, 2.0, 3.0]
    with pytest.raises(InputError, match="shape"):
        integrator.state = [1.0]


def test_integrators_go_on_bit_for_bit():
    one = Integrator(kerr, 0.0, START, events=lambda t, y: y[0].imag)
    one.propagate_until(2.0)
    other, third = pickle.loads(pickle.dumps(Integrator(kerr, 0.0, START))), one.copy()
    other.propagate_until(2.0)
    for integrator in (one, other, third):
        integrator.propagate_until(5.0)
    assert one.state.tolist() == other.state.tolist() == third.state.tolist()


def test_functions_of_pairs_are_known_by_what_they_are_made_of():
    """So the second time nothing is traced."""

    def told(function, shape):
        return known_by((Paired(function, shape),), ((*shape, 2),))

    assert told(kerr, (3,)) == told(kerr, (3,)) is not None
    assert told(kerr, (3,)) != told(kerr, (4,))
    assert told(kerr, (3,)) != told(rotor, (3,))
    first = Integrator(kerr, 0.0, START)._flow.stepper
    assert Integrator(kerr, 0.0, START)._flow.stepper.code is first.code


def test_scipys_own_solve_ivp():
    run = scipy.integrate.solve_ivp(kerr, (0, 5), START, method=ta.ode.Taylor, dense_output=True)
    exact = START * np.exp(5j * np.abs(START) ** 2)
    np.testing.assert_allclose(run.y[:, -1], exact, rtol=0, atol=1e-14)
    np.testing.assert_allclose(
        run.sol(2.0), START * np.exp(2j * np.abs(START) ** 2), rtol=0, atol=1e-14
    )


def test_ensembles():
    starts = np.array([START, 2 * START, -START])
    many = ta.ode.ensemble(kerr, (0, 1), starts)
    exact = starts * np.exp(1j * np.abs(starts) ** 2)
    np.testing.assert_allclose(many.y, exact, rtol=0, atol=2e-14)


def test_arguments_may_be_complex():
    fun = lambda t, y, a, pair: a * y + pair[0]
    run = solve_ivp(fun, (0, 1), [1.0 + 0j], args=(0.5j, (0.0j, 1)))
    np.testing.assert_allclose(run.y[0, -1], np.exp(0.5j), rtol=1e-15)
    integrator = Integrator(fun, 0.0, [1.0 + 0j], (0.5j, (0.0j, 1)))
    integrator.parameters = (1j, (0.0j, 1))
    integrator.propagate_until(1.0)
    np.testing.assert_allclose(integrator.state[0], np.exp(1j), rtol=1e-15)


def test_constant_and_real_rates():
    run = solve_ivp(lambda t, y: [1.0, 2j], (0, 1), [0j, 1.0])
    np.testing.assert_allclose(run.y[:, -1], [1, 1 + 2j], rtol=1e-15)
    run = solve_ivp(lambda t, y: np.cos(t) * np.ones(2), (0, 1), [0j, 1j])
    np.testing.assert_allclose(run.y[:, -1], np.sin(1) + np.array([0, 1j]), rtol=1e-15)


def test_what_is_wrong_is_named():
    with pytest.raises(InputError, match="the state is real"):
        Integrator(lambda t, y: -y, 0.0, [1.0]).state = [1j]
    with pytest.raises(InputError, match=r"returned an array of shape \(2,\) for a state of shape"):
        solve_ivp(lambda t, y: y[:2], (0, 1), START)

    def filled(t, y):
        rates = np.empty(3, complex)
        rates[0] = 1j * y[0]
        return rates

    with pytest.raises(ConversionError, match=r"test_ode_complex.py, line \d+\).*np.zeros_like"):
        solve_ivp(filled, (0, 1), START)


def test_what_has_no_formula_goes_the_slow_way():
    fun = lambda t, y: 1j * y / np.arcsin(np.sin(1.0 + 0 * y))
    assert stepper_of(fun, START[:1]) is Direct
    run = solve_ivp(fun, (0, 1), START[:1])
    np.testing.assert_allclose(run.y[0, -1], np.exp(1j) * START[0], rtol=1e-14)
