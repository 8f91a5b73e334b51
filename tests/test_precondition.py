"""The diagonal preconditioner: exact, safeguarded, and of use."""

import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator, cg

import taylorad as ta

X = np.array([0.3, -0.7, 1.1, 0.2])
STIFFNESS = np.array([1e6, 1.0, 1e3, 1e-2])


def convex(x):
    return np.sum(STIFFNESS * np.cosh(x)) + np.sum(x[1:] * x[:-1]) * 1e-3


def test_is_the_inverse_of_the_hessians_diagonal():
    M = ta.precondition.diagonal(convex, X)
    h = np.diag(ta.hessian(convex)(X))
    assert isinstance(M, LinearOperator)
    assert M.shape == (4, 4)
    np.testing.assert_allclose(M.diagonal, h, rtol=1e-14)
    np.testing.assert_allclose(M @ np.eye(4), np.diag(1 / h), rtol=1e-14)
    np.testing.assert_allclose(M.H @ X, X / h, rtol=1e-14)
    np.testing.assert_allclose(M.dot(X), X / h, rtol=1e-14)


def test_further_arguments():
    M = ta.precondition.diagonal(lambda x, a: np.sum(a * x**2), X, args=(STIFFNESS,))
    np.testing.assert_allclose(M.diagonal, 2 * STIFFNESS)


@pytest.mark.parametrize(
    ("floor", "safeguarded"),
    [(1e-12, [4.0, 2.0, 4e-12, 4e-12]), (0.1, [4.0, 2.0, 0.4, 0.4])],
)
def test_small_and_negative_entries_are_safeguarded(floor, safeguarded):
    M = ta.precondition.diagonal(lambda x: 2 * x[0] ** 2 - x[1] ** 2 + x[2], X, floor=floor)
    np.testing.assert_array_equal(M.diagonal, [4.0, -2.0, 0.0, 0.0])
    np.testing.assert_allclose(M.safeguarded, safeguarded)
    np.testing.assert_allclose(M @ np.ones(4), 1 / np.array(safeguarded))


def test_a_diagonal_of_zeros_counts_as_ones():
    M = ta.precondition.diagonal(lambda x: x[0] * x[1], X[:2])
    np.testing.assert_array_equal(M @ X[:2], X[:2])


def test_speeds_up_conjugate_gradients():
    rng = np.random.default_rng(1)
    weights = 10.0 ** rng.uniform(0, 6, 100)

    def f(x):
        return np.sum(weights * x**2) / 2 + np.sum(np.diff(x) ** 2) / 2

    x = rng.standard_normal(100)
    hessian, gradient = ta.hessian(f)(x), ta.grad(f)(x)
    counts = []
    for M in (None, ta.precondition.diagonal(f, x)):
        steps = []
        solution, info = cg(hessian, gradient, rtol=1e-10, maxiter=5000, M=M, callback=steps.append)
        assert info == 0
        np.testing.assert_allclose(hessian @ solution, gradient, atol=1e-9 * np.abs(gradient).max())
        counts.append(len(steps))
    assert counts[1] * 10 < counts[0]


def test_scaled_function_has_a_unit_diagonal_and_the_same_minimum():
    g = ta.precondition.scaled(convex, X)
    np.testing.assert_allclose(g.to_x(g.start), X, rtol=1e-15)
    np.testing.assert_allclose(g.to_z(X), g.start, rtol=1e-15)
    assert g(g.start) == pytest.approx(convex(X), rel=1e-15)
    np.testing.assert_allclose(ta.hessian_diagonal(g)(g.start), np.ones(4), rtol=1e-13)
    direct, result = (ta.optimize.minimize(f, start) for f, start in ((convex, X), (g, g.start)))
    np.testing.assert_allclose(g.to_x(result.x), direct.x, atol=1e-8)


def test_scaled_function_passes_arguments_on():
    g = ta.precondition.scaled(lambda x, a: np.sum(a * x**2), X, args=(STIFFNESS,))
    np.testing.assert_allclose(g.root, np.sqrt(2 * STIFFNESS))
    assert g(g.start, STIFFNESS) == pytest.approx(np.sum(STIFFNESS * X**2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ta.precondition.diagonal(convex, X, "hutchinson"), "no estimator is called"),
        (lambda: ta.precondition.scaled(convex, X, "hutchinson"), "no estimator is called"),
        (lambda: ta.precondition.diagonal(convex, X, floor=-1.0), "floor is relative"),
        (lambda: ta.precondition.diagonal(lambda x: np.sum(x) * np.inf * x[0], X), "not finite"),
    ],
)
def test_bad_input_is_named(call, message):
    with (
        np.errstate(all="ignore"),
        pytest.raises(ta.errors.InputError, match=message),
    ):
        call()
