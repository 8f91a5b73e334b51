"""Problems and minimisation with exact derivatives."""

import inspect
import subprocess
import sys
import threading

import numpy as np
import pytest
from scipy import optimize

import taylorad as ta
from taylorad.optimize import minimize, problem
from taylorad.optimize.minimize import METHODS

X0 = np.array([-1.2, 1.0, 0.5])


def rosen(x, a=1.0):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (a - x[:-1]) ** 2)


def woods(x):
    a, b, c, d = x[::4], x[1::4], x[2::4], x[3::4]
    return np.sum(
        100 * (b - a**2) ** 2
        + (1 - a) ** 2
        + 90 * (d - c**2) ** 2
        + (1 - c) ** 2
        + 10 * (b + d - 2) ** 2
        + 0.1 * (b - d) ** 2
    )


class Counted:
    """A function that counts its calls."""

    def __init__(self, f):
        self.f, self.calls = f, 0

    def __call__(self, *args):
        self.calls += 1
        return self.f(*args)


# --- problem -----------------------------------------------------------------------------


def test_problem_gives_exact_derivatives():
    p = problem(rosen)
    assert p.fun(X0) == pytest.approx(optimize.rosen(X0), rel=1e-14)
    np.testing.assert_allclose(p.jac(X0), optimize.rosen_der(X0), rtol=1e-13)
    np.testing.assert_allclose(p.hess(X0), optimize.rosen_hess(X0), rtol=1e-13)
    product = optimize.rosen_hess_prod(X0, X0)
    np.testing.assert_allclose(p.hessp(X0, X0), product, rtol=1e-13)
    np.testing.assert_allclose(problem(rosen).hessp(X0, X0), product, rtol=1e-13)


def test_one_point_is_evaluated_once():
    f = Counted(rosen)
    p = problem(f)
    p.fun(X0), p.jac(X0), p.hess(X0), p.fun(X0), p.hessp(X0, X0)
    assert f.calls == 1
    assert (p.nfev, p.njev, p.nhev, p.nhvp) == (1, 1, 1, 0)


def test_orders_follow_what_the_solver_asks_for():
    p = problem(rosen, order=0)
    for shift in (0.0, 0.1, 0.2):
        p.fun(X0 + shift), p.jac(X0 + shift)
    assert (p.nfev, p.njev, p.nhev) == (4, 3, 0)  # the first point did not know
    for shift in (0.3, 0.4, 0.5):  # trial points that are refused
        p.fun(X0 + shift)
    assert (p.nfev, p.njev) == (7, 4)  # the first of them was expected to be accepted


def test_many_variables_form_no_hessian():
    x = np.ones(20_000)
    p = problem(rosen)
    p.fun(x), p.jac(x)
    np.testing.assert_allclose(p.hessp(x, x), optimize.rosen_hess_prod(x, x))
    assert p.nhev == 0


def test_points_and_results_may_be_overwritten():
    p, x = problem(rosen), X0.copy()
    p.jac(x)[:] = np.nan
    np.testing.assert_allclose(p.jac(x), optimize.rosen_der(x))
    x += 0.1
    np.testing.assert_allclose(p.jac(x), optimize.rosen_der(x))


def test_arguments_are_part_of_the_point():
    p = problem(rosen, args=(2.0,))
    assert p.fun(X0) == rosen(X0, 2.0)
    assert p.fun(X0, 3.0) == rosen(X0, 3.0)
    assert p.fun(X0) == rosen(X0, 2.0)
    assert problem(rosen, 2.0).fun(X0) == rosen(X0, 2.0)


def test_numbers_in_arrays_are_numbers():
    p = problem(lambda x: (x - 2) ** 2)
    assert p.fun(np.array([3.0])) == 1.0
    np.testing.assert_array_equal(p.hess(np.array([3.0])), [[2.0]])


def test_several_threads_at_once():
    p, wrong = problem(rosen), []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(30):
            x = rng.standard_normal(3)
            good = np.allclose(p.jac(x), optimize.rosen_der(x)) and np.allclose(
                p.hess(x), optimize.rosen_hess(x)
            )
            if not good or not np.isclose(p.fun(x), optimize.rosen(x)):
                wrong.append(x)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_problem_refuses_what_is_no_function():
    with pytest.raises(ta.errors.InputTypeError, match="f must be a function"):
        problem(3)


# --- minimize ----------------------------------------------------------------------------


@pytest.mark.parametrize("function", ["minimize", "curve_fit"])
def test_signature_is_that_of_scipy(function):
    ours = inspect.signature(getattr(ta.optimize, function)).parameters
    theirs = inspect.signature(getattr(optimize, function)).parameters
    assert [name for name in ours if name != "compile"] == list(theirs)


@pytest.mark.parametrize("method", [m for m in METHODS if m not in ("cobyla", "dogleg", "tnc")])
def test_every_method(method):
    result = minimize(rosen, X0, method=method, options={"maxiter": 2000})
    assert result.success
    assert result.compiled == bool(METHODS[method])
    assert not minimize(rosen, X0, method=method, compile=False).compiled
    np.testing.assert_allclose(result.x, 1.0, atol=1e-3)


def test_dogleg_where_the_hessian_is_positive_definite():
    np.testing.assert_allclose(minimize(rosen, X0 * 0 + 1.1, method="dogleg").x, 1.0, atol=1e-5)


@pytest.mark.parametrize("method", ["BFGS", "L-BFGS-B", "trust-exact", "newton"])
def test_no_finite_differences(method):
    f = Counted(rosen)
    result = minimize(f, X0, method=method)
    # Newton's refused steps are evaluated for their value alone, and D³f once an iteration.
    assert f.calls <= result.nfev + 2 + (2 * result.nit if method == "newton" else 0)


def test_scipys_rosenbrock_as_it_is():
    result = minimize(optimize.rosen, X0)
    assert result.success
    np.testing.assert_array_equal(result.x, 1.0)


def test_arguments():
    for args in ((2.0,), 2.0):
        np.testing.assert_allclose(minimize(rosen, X0[:2], args=args).x, [2.0, 4.0], rtol=1e-12)


@pytest.mark.parametrize("n", [8, 400])
def test_few_and_many_variables(n):
    result = minimize(woods, np.tile([-3.0, -1.0, -3.0, -1.0], n // 4))
    assert result.success
    np.testing.assert_allclose(result.x, 1.0, atol=1e-6)


@pytest.mark.parametrize("method", [None, "trust-exact", "trust-constr", "newton"])
def test_derivatives_given_are_used(method):
    jac, hess = Counted(optimize.rosen_der), Counted(optimize.rosen_hess)
    result = minimize(rosen, X0, jac=jac, hess=hess, method=method)
    np.testing.assert_allclose(result.x, 1.0, atol=1e-6)
    assert jac.calls > 0
    assert hess.calls > 0


def test_other_ways_to_give_derivatives():
    both = Counted(lambda x: (rosen(x), optimize.rosen_der(x)))
    for given in (
        {"fun": both, "jac": True},
        {"fun": rosen, "jac": "2-point", "method": "BFGS"},
        {"fun": rosen, "jac": "2-point"},
        {"fun": rosen, "hessp": optimize.rosen_hess_prod},
        {"fun": rosen, "hess": optimize.BFGS(), "method": "trust-constr"},
    ):
        np.testing.assert_allclose(minimize(x0=X0, **given).x, 1.0, atol=1e-4)
    assert both.calls > 0


def test_custom_methods_get_all_derivatives():
    def descend(fun, x0, args, jac, hess, hessp, **options):
        step = -np.linalg.solve(hess(x0, *args), jac(x0, *args))
        return optimize.OptimizeResult(x=x0 + step, fun=fun(x0 + step, *args), success=True)

    result = minimize(lambda x: np.sum((x - 3) ** 2), X0, method=descend)
    np.testing.assert_allclose(result.x, 3.0)


@pytest.mark.parametrize("method", [None, "L-BFGS-B", "SLSQP", "trust-constr"])
def test_bounds(method):
    result = minimize(rosen, X0, method=method, bounds=[(-2, 0.5)] * 3)
    np.testing.assert_allclose(result.x, [0.5, 0.257426, 0.066268], atol=3e-5)


DISC = {"type": "ineq", "fun": lambda x, r: r**2 - x[0] ** 2 - x[1] ** 2, "args": (1.0,)}
SPHERE = optimize.NonlinearConstraint(lambda x: [x[0] ** 2 + x[1] ** 2, x[2]], -np.inf, [1, 9])
PLANE = optimize.LinearConstraint(np.ones((1, 3)), -5, 5)


@pytest.mark.parametrize("method", [None, "SLSQP", "trust-constr"])
@pytest.mark.parametrize("constraints", [DISC, SPHERE, [DISC, PLANE], (SPHERE, PLANE)])
def test_constraints(method, constraints):
    result = minimize(rosen, X0 * 0 + 0.1, method=method, constraints=constraints)
    assert result.success
    np.testing.assert_allclose(result.x, [0.785816, 0.618459, 0.382491], atol=1e-4)


def test_equality_constraint():
    line = {"type": "eq", "fun": lambda x: x[0] + x[1] - 1}
    for method, error in ((None, 1e-12), ("SLSQP", 1e-4)):
        result = minimize(lambda x: np.sum(x**2), X0[:2], method=method, constraints=line)
        np.testing.assert_allclose(result.x, 0.5, atol=error)


def test_derivatives_of_constraints_given_are_used():
    jac = Counted(lambda x: np.array([2 * x[0], 2 * x[1], 0.0]))
    circle = optimize.NonlinearConstraint(lambda x: x[0] ** 2 + x[1] ** 2, -np.inf, 1, jac=jac)
    for method in ("trust-constr", "SLSQP"):
        jac.calls = 0
        minimize(rosen, X0 * 0 + 0.1, method=method, constraints=circle)
        assert jac.calls > 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: minimize(rosen, [[1.0, 2.0]]), "x0 must be a vector"),
        (lambda: minimize(rosen, []), "x0 must be a vector"),
        (lambda: minimize(rosen, ["a"]), "x0 must be a vector"),
        (lambda: minimize(rosen, [np.nan, 1.0]), "NaN"),
        (lambda: minimize(rosen, X0, method="gauss"), "no method is called 'gauss'"),
        (lambda: minimize(rosen, X0, method="newton", bounds=[(0, 1)] * 3), "trust-constr"),
        (lambda: minimize(rosen, X0, method="newton", jac="2-point"), "needs jac and hess"),
        (lambda: minimize(lambda x: x[0] * np.inf, X0), "not finite at x0"),
    ],
)
def test_bad_input_is_named(call, message):
    with np.errstate(all="ignore"), pytest.raises(ta.errors.InputError, match=message):
        call()


def test_function_without_one_number_is_named():
    for x0 in (X0, np.ones(400)):
        with pytest.raises(ta.errors.OutputError, match="array of shape"):
            minimize(lambda x: x**2, x0)


def test_importing_does_not_import_scipy_optimize():
    code = "import sys, taylorad.optimize, taylorad.precondition; print('scipy' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
