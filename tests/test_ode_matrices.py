"""Right-hand sides that solve linear systems, against the same systems solved by hand."""

import pickle

import mpmath
import numpy as np
import pytest
from scipy.integrate import solve_ivp as scipy_solve_ivp

import taylorad as ta
from taylorad.ode.steps.stepper import Stepper

SLOPES = np.array([[-0.1, 1.0], [-1.0, -0.2]])


def rotation(angle):
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([np.stack([c, s]), np.stack([-s, c])])


def rotating(t, y):
    """A matrix of which every entry vanishes now and then, so that no pivot serves for long."""
    return np.linalg.solve(rotation(3 * t + y[0] / 8), SLOPES @ y)


def transposed(t, y):
    return rotation(3 * t + y[0] / 8).T @ (SLOPES @ y)


START = np.array([1.0, 0.5])


def is_compiled(fun, start):
    return isinstance(ta.ode.Integrator(fun, 0, start)._flow.stepper, Stepper)


@pytest.mark.parametrize(("digits", "size"), [(None, 1e-14), (30, 1e-29)])
@pytest.mark.parametrize("end", [10, -4])
def test_pivots_are_exchanged_on_the_way(digits, size, end):
    found, known = (
        ta.ode.solve_ivp(f, (0, end), START, digits=digits) for f in (rotating, transposed)
    )
    assert found.success
    assert is_compiled(rotating, START)
    assert np.max(np.abs(found.y[:, -1] - known.y[:, -1])) < size * np.max(np.abs(known.y))


def test_derivatives_where_pivots_are_exchanged():
    found, known = (ta.ode.sensitivities(f, (0, 6), START, order=2) for f in (rotating, transposed))
    a, b = (run.flow.coefficients[..., -1] for run in (found, known))
    assert np.max(np.abs(a - b)) < 1e-12 * np.max(np.abs(b))

    def last(f):
        return lambda x: np.sum(ta.ode.solve_ivp(f, (0, 6), x).y[:, -1] ** 2)

    for derivative in (ta.grad, ta.hessian):
        a, b = (derivative(last(f))(START) for f in (rotating, transposed))
        assert np.allclose(a, b, rtol=1e-11, atol=0)


def test_the_adjoint_equation_goes_back_over_other_pivots():
    def last(f):
        def total(k):
            def fun(t, y, k):
                return f(t, y) * np.sum(k)

            return np.sum(ta.ode.solve_ivp(fun, (0, 5), START, args=(k,)).y[:, -1])

        return total

    k = np.full(24, 1 / 24)
    a, b = (ta.grad(last(f))(k) for f in (rotating, transposed))
    assert np.allclose(a, b, rtol=1e-11, atol=0)


def test_events_and_ensembles_where_pivots_are_exchanged():
    found, known = (
        ta.ode.solve_ivp(f, (0, 10), START, events=lambda t, y: np.sin(8 * y[1])).t_events[0]
        for f in (rotating, transposed)
    )
    assert len(found) > 3
    assert np.allclose(found, known, rtol=1e-13, atol=0)
    starts = START + np.arange(3.0)[:, None] / 4
    found, known = (ta.ode.ensemble(f, (0, 5), starts).y for f in (rotating, transposed))
    assert np.allclose(found, known, rtol=1e-13, atol=0)


@pytest.mark.parametrize("digits", [None, 25])
def test_pickled_and_resumed_bit_for_bit_with_the_same_pivots(digits):
    start = START if digits is None else [mpmath.mpf(x) for x in START]
    whole = ta.ode.Integrator(rotating, 0, start, digits=digits)
    for _ in range(5):
        whole.step()
        resumed = pickle.loads(pickle.dumps(whole))
        for integrator in (whole, resumed):
            integrator.step()
            integrator.step()
        assert resumed.time == whole.time
        assert np.array_equal(resumed.state, whole.state)


MASSES = np.array([1.0, 2.0, 0.5, 1.5, 0.7])


def chain(t, state):
    """A pendulum of five links, by its mass matrix."""
    q, v = state
    n = len(MASSES)
    below = np.cumsum(MASSES[::-1])[::-1]
    shared = below[np.maximum.outer(np.arange(n), np.arange(n))]
    angles = q[:, None] - q
    force = -(shared * np.sin(angles)) @ v**2 - below * np.sin(q)
    return np.stack([v, np.linalg.solve(shared * np.cos(angles), force)])


def energy(state):
    q, v = state
    below = np.cumsum(MASSES[::-1])[::-1]
    shared = below[np.maximum.outer(np.arange(5), np.arange(5))]
    return v @ (shared * np.cos(q[:, None] - q)) @ v / 2 - below @ np.cos(q)


def test_mass_matrix():
    start = np.stack([np.linspace(0.5, 1.2, 5), np.zeros(5)])
    assert is_compiled(chain, start)
    run = ta.ode.solve_ivp(chain, (0, 20), start)
    assert abs(energy(run.y[..., -1]) - energy(start)) < 1e-13

    def flat(t, y):
        return chain(t, y.reshape(2, 5)).ravel()

    known = scipy_solve_ivp(flat, (0, 2), start.ravel(), "DOP853", rtol=1e-13, atol=1e-13)
    found = ta.ode.solve_ivp(chain, (0, 2), start).y[..., -1]
    assert np.allclose(found.ravel(), known.y[:, -1], rtol=0, atol=1e-10)


@pytest.mark.parametrize("inverted", [False, True])
def test_constant_matrices_have_all_digits(inverted):
    """1 / 3 is no double."""
    matrix = np.array([[3.0, 1.0, 0.0], [1.0, 7.0, 0.1], [0.0, 0.3, 11.0]])

    def fun(t, y):
        if inverted:
            return -np.linalg.solve(matrix + 0 * y[0], np.eye(3)) @ y
        return np.linalg.solve(matrix, -y)

    start = np.array([1.0, 2.0, -1.0])
    run = ta.ode.solve_ivp(fun, (0, 1), start, digits=40)
    with mpmath.workdps(50):
        exact = mpmath.expm(-mpmath.inverse(mpmath.matrix(matrix))) * mpmath.matrix(start)
        assert max(abs(run.y[i, -1] - exact[i]) for i in range(3)) < 1e-38
    run = ta.ode.solve_ivp(fun, (0, 1), start)
    assert max(abs(run.y[i, -1] - float(exact[i])) for i in range(3)) < 1e-15


def test_stacks_of_systems_and_several_right_hand_sides():
    def fun(t, y):
        m = np.stack([rotation(y[0]), 2 * rotation(t)])
        b = np.stack([np.reshape(y, (2, 2)), np.reshape(y[::-1], (2, 2))])
        return np.reshape(np.sum(np.linalg.solve(m, b) * np.array([0.5, 0.25]), axis=0), -1)

    def by_hand(t, y):
        m = np.stack([rotation(y[0]).T, rotation(t).T / 2])
        b = np.stack([np.reshape(y, (2, 2)), np.reshape(y[::-1], (2, 2))])
        return np.reshape(np.sum((m @ b) * np.array([0.5, 0.25]), axis=0), -1)

    start = np.array([1.0, -0.5, 0.25, 2.0])
    found, known = (ta.ode.solve_ivp(f, (0, 3), start).y[:, -1] for f in (fun, by_hand))
    assert is_compiled(fun, start)
    assert np.allclose(found, known, rtol=1e-13, atol=0)


def test_in_implicit_equations():
    def residual(t, y, yp):
        return np.linalg.inv(rotation(3 * t + y[0] / 8)) @ (SLOPES @ y) - yp

    found = ta.ode.solve_ivp(ta.ode.implicit(residual), (0, 4), START).y[:, -1]
    known = ta.ode.solve_ivp(transposed, (0, 4), START).y[:, -1]
    assert np.allclose(found, known, rtol=1e-13, atol=0)


def test_where_the_matrix_becomes_singular_it_ends():
    def fun(t, y):
        return np.linalg.solve(
            np.stack([np.stack([1.0, y[1]]), np.stack([1.0, 2 - t])]), [1.0, 2.0]
        )

    # y1' = 1 / (2 - t - y1), which is singular where y1 meets 2 - t.
    run = ta.ode.solve_ivp(fun, (0, 3), [0.0, 0.0])
    assert not run.success
    assert "singular" in run.message
    known = scipy_solve_ivp(
        fun,
        (0, 3),
        [0.0, 0.0],
        "DOP853",
        rtol=1e-12,
        atol=1e-12,
        events=_ends(lambda t, y: 2 - t - y[1] - 1e-3),
    )
    assert known.t[-1] < run.t[-1] < known.t[-1] + 1e-3
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        ta.ode.solve_ivp(fun, (2, 3), [0.0, 0.0])


def _ends(event):
    event.terminal = True
    return event


def test_determinants():
    random = np.random.default_rng(5)
    for n in range(1, 8):
        a = random.standard_normal((2, n, n))
        primal, slope = ta.jvp(np.linalg.det, (a,), (np.ones((2, n, n)),))
        assert np.allclose(primal, np.linalg.det(a), rtol=1e-12, atol=0)
        known = np.linalg.det(a) * np.sum(np.linalg.inv(a), axis=(1, 2))
        assert np.allclose(slope, known, rtol=1e-10, atol=1e-12)
    _, size = np.linalg.slogdet(a[0])
    logs = ta.value_and_grad(lambda x: np.linalg.slogdet(x)[1])(a[0])
    assert np.allclose(logs[0], size, rtol=1e-12)
    assert np.allclose(logs[1], np.linalg.inv(a[0]).T, rtol=1e-9, atol=1e-12)
    with pytest.raises(TypeError, match="of 11 rows"):
        ta.grad(np.linalg.det)(np.eye(11))


def test_determinants_of_singular_matrices_have_derivatives():
    a = np.outer([1.0, 2.0, 3.0], [1.0, -1.0, 2.0])  # of rank 1
    assert np.array_equal(ta.grad(np.linalg.det)(a), np.zeros((3, 3)))
    hessian = ta.hessian(np.linalg.det)(a)
    for i, j, k, m in np.ndindex(3, 3, 3, 3):
        if i == k or j == m:
            assert hessian[i, j, k, m] == 0
        else:  # what is left of the matrix without these rows and columns
            sign = (-1.0) ** (i + j + k + m) * (-1) ** ((i < k) + (j < m))
            assert hessian[i, j, k, m] == sign * a[3 - i - k, 3 - j - m]


def test_determinants_in_right_hand_sides():
    def fun(t, y):
        return -np.linalg.det(np.stack([y, y**2, np.cos(t) * np.array([1.0, 2.0, 4.0])])) * y

    start = np.array([0.5, 0.25, -0.25])
    assert is_compiled(fun, start)
    known = scipy_solve_ivp(fun, (0, 2), start, "DOP853", rtol=1e-13, atol=1e-13).y[:, -1]
    assert np.allclose(ta.ode.solve_ivp(fun, (0, 2), start).y[:, -1], known, rtol=0, atol=1e-11)
