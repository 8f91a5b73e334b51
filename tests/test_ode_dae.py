"""Implicit equations and index-1 DAEs: closed forms, published digits, and those of mpmath."""

import pickle

import mpmath
import numpy as np
import pytest
import scipy.integrate
import scipy.optimize

import taylorad as ta
from taylorad.errors import InputError, InputTypeError, IntegrationError
from taylorad.ode import Integrator, implicit, solve_ivp
from taylorad.ode.dae.form import rank_of

# --- problems ---


def linear(t, y, yp):
    """A DAE of which all rows are mixed: a = exp(-t), b = sin t, with an algebraic c = a b."""
    a, b, c = y
    first, second, third = yp[0] + a, yp[1] - np.cos(t), c - a * b
    return first + 2 * second + third, second - first, third - first


def capacitor(t, y, yp, C):
    """A capacitor between two nodes, on which no rate alone depends."""
    a, b = y
    current = C * (yp[0] - yp[1])
    return current + (a - np.sin(t)), b - current


def diode(t, y, yp):
    """A capacitor that is charged through a diode: what flows is known implicitly."""
    charge, current = y
    return yp[0] - current, current - 0.25 * (np.exp(0.5 * t + 1 - charge - current) - 1)


def pendulum(t, y, yp):
    """Of length 1, with gravity 1 and the force in the rod, its constraint differentiated twice."""
    x, z, u, v, force = y
    return (
        *(yp[0] - u, yp[1] - v, yp[2] + force * x, yp[3] + force * z + 1.0),
        u * u + v * v - force * (x * x + z * z) - z,
    )


def robertson(t, y, yp):
    a, b, c = y
    return (
        yp[0] + 0.04 * a - 1e4 * b * c,
        yp[1] - 0.04 * a + 1e4 * b * c + 3e7 * b**2,
        a + b + c - 1,
    )


def akzo_nobel(t, y, yp):
    a, b, c, d, e, f = y
    r1, r2, r3 = 18.7 * a**4 * np.sqrt(b), 0.58 * c * d, 0.58 / 34.4 * a * e
    r4, r5, inflow = 0.09 * a * d**2, 0.42 * f**2 * np.sqrt(b), 3.3 * (0.9 / 737 - b)
    return np.stack(
        [
            yp[0] + 2 * r1 - r2 + r3 + r4,
            yp[1] + 0.5 * r1 + r4 + 0.5 * r5 - inflow,
            yp[2] - r1 + r2 - r3,
            yp[3] + r2 - r3 + 2 * r4,
            yp[4] - r2 + r3 - r5,
            115.83 * a * d - f,
        ]
    )


def cubic(t, y, yp):
    return yp**3 + yp - y - t


def clairaut(t, y, yp):
    return t * yp + yp**2 - y


def rotated(t, y, yp):
    """A circle, of which every pivot vanishes once in a while."""
    c, s = np.cos(t), np.sin(t)
    first, second = yp[0] - y[1], yp[1] + y[0]
    return c * first + s * second, c * second - s * first


def relay(t, y, yp):
    """What has no rate jumps at the time 1/2, and what has one does not."""
    a, b, c = y
    return yp[0] - 1, b - 2 * np.sign(a - 0.5) - a * a, yp[2] - b + 0.1 * c


# --- right ---


@pytest.mark.parametrize("end", [3.0, -2.0])
def test_linear_rows_that_are_mixed(end):
    run = solve_ivp(implicit(linear), (0, end), [1.0, 0.0, 5.0], dense_output=True)
    t = np.linspace(0, end, 50)
    wanted = [np.exp(-t), np.sin(t), np.exp(-t) * np.sin(t)]
    assert run.success
    np.testing.assert_allclose(run.y[:, 0], [1, 0, 0], atol=1e-16)
    np.testing.assert_allclose(run.sol(t), wanted, rtol=1e-14, atol=1e-14)
    slopes = [-np.exp(-t), np.cos(t), np.exp(-t) * (np.cos(t) - np.sin(t))]
    np.testing.assert_allclose(run.sol.derivative(t), slopes, rtol=1e-12, atol=1e-12)


def test_combinations_of_rows_may_be_constraints():
    C = 0.3
    run = solve_ivp(implicit(capacitor), (0, 2), [1.0, 0.5], args=(C,))
    # With w = a - b: C w' + w / 2 = sin(t) / 2, and w begins as it is given.
    assert run.y[0, 0] - run.y[1, 0] == pytest.approx(0.5, abs=1e-15)
    with mpmath.workdps(30):
        w = mpmath.odefun(lambda t, w: [(mpmath.sin(t) - w[0]) / (2 * mpmath.mpf(C))], 0, [0.5])
        w = w(2)[0]
        wanted = [(mpmath.sin(2) + w) / 2, (mpmath.sin(2) - w) / 2]
    np.testing.assert_allclose(run.y[:, -1], np.array(wanted, float), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("digits", [None, 30])
def test_coefficients_of_combinations_may_move(digits):
    def varactor(t, y, yp):  # a capacitance that depends on what lies across it
        w = y[0] - y[1]
        current = (1 + w * w) * (yp[0] - yp[1])
        turned = np.cos(t), np.sin(t)
        first, second = current + (y[0] - np.sin(t) - 1), y[1] - current
        return turned[0] * first + turned[1] * second, turned[0] * second - turned[1] * first

    run = solve_ivp(implicit(varactor), (0, 4), [1.0, 0.5], digits=digits)
    explicit = lambda t, w: (np.sin(t) + 1 - w) / (2 + 2 * w * w)
    w = solve_ivp(explicit, (0, 4), [0.5]).y[0, -1]
    wanted = [(np.sin(4) + 1 + w) / 2, (np.sin(4) + 1 - w) / 2]
    np.testing.assert_allclose(run.y[:, -1].astype(float), wanted, rtol=1e-13)


def test_combinations_that_enter_by_a_function_are_unknowns():
    """As what flows through a capacitor with a law of its own, between two nodes."""
    law = lambda q: q + 0.2 * np.sin(q)

    def nodes(t, y, yp):
        current = law(yp[0] - yp[1])
        return current + y[0] - np.sin(t), y[1] - current

    def with_rate(t, y, yp):
        current = law(y[2])
        return current + y[0] - np.sin(t), y[1] - current, y[2] - (yp[0] - yp[1])

    with pytest.raises(InputError, match="where only combinations are, let these be unknowns"):
        solve_ivp(implicit(nodes), (0, 1), [1.0, 0.5])
    run = solve_ivp(implicit(with_rate), (0, 1), [1.0, 0.5, 0.0], dense_output=True)
    voltage = lambda t: run.sol(t)[0] - run.sol(t)[1]
    rate = lambda t: scipy.optimize.brentq(
        lambda q: 2 * law(q) + voltage(t) - np.sin(t), -9, 9, xtol=1e-15
    )
    assert abs(voltage(0.0) - 0.5) < 1e-15
    for t in (0.0, 0.5, 1.0):
        slope = run.sol.derivative(t)
        assert abs(slope[0] - slope[1] - rate(t)) < 1e-13


def test_a_rank_by_chance_is_no_constraint():
    # The coefficients are dependent at t = 0 only, and there the equation is singular.
    by_chance = lambda t, y, yp: (yp[0] + yp[1] - y[0], yp[0] + (1 + t) * yp[1] - y[1])
    with pytest.raises(InputError, match="begin elsewhere"):
        solve_ivp(implicit(by_chance), (0, 1), [1.0, 2.0])
    assert solve_ivp(implicit(by_chance), (1, 2), [1.0, 2.0]).success


def test_digits_ask_for_combinations_that_are_exact():
    def residual(t, y, yp, third=0.3):
        return third * yp[0] + 0.75 * yp[1] - y[0], 0.1 * yp[0] + 0.25 * yp[1] - y[1]

    assert solve_ivp(implicit(residual), (0, 1), [1.0, 1.0]).success
    with pytest.raises(InputError, match="as exactly as doubles"):
        solve_ivp(implicit(residual), (0, 1), [1.0, 1.0], digits=30)
    with mpmath.workdps(30):
        args = (3 * mpmath.mpf(0.1),)
        assert solve_ivp(implicit(residual), (0, 1), [1.0, 1.0], digits=30, args=args).success


def test_combinations_add_up_with_residuals_of_random_systems():
    for seed in range(6):
        rng = np.random.default_rng(seed)
        M, A, Q = (rng.normal(size=(4, 4)) for _ in range(3))

        def residual(t, y, yp, M=M, A=A, Q=Q):
            y, yp = Q @ y, Q @ yp
            rows = [yp[:2] - np.sin(A[:2] @ y), y[2:] + 0.2 * np.arctan(A[2:] @ y) - np.cos(y[:2])]
            return M @ np.concatenate(rows)

        start = rng.normal(size=4)
        run = solve_ivp(implicit(residual), (0, 1), start, dense_output=True)
        np.testing.assert_allclose(Q[:2] @ run.y[:, 0], Q[:2] @ start, atol=1e-13)
        for t in (0.0, 0.3, 0.9):
            left = residual(t, run.sol(t), run.sol.derivative(t))
            np.testing.assert_allclose(left, 0, atol=1e-12)


def diode_of_mpmath(t, digits):
    """What flows obeys (1 + 1 / (i + leak)) i' = 1/2 - i, which can be integrated."""
    with mpmath.workdps(digits):
        leak, push = mpmath.mpf(0.25), mpmath.mpf(0.5)
        begin = mpmath.lambertw(leak * mpmath.exp(1 + leak)).real - leak

        def passed(s):  # where 1/2 - i is exp(-s)
            return (mpmath.log(push - mpmath.exp(-s) + leak) + s) / (push + leak) + s

        first = -mpmath.log(push - begin)
        s = mpmath.findroot(lambda s: passed(s) - passed(first) - t, first + t / 2)
        current = push - mpmath.exp(-s)
        return np.array([1 + push * t - current - mpmath.log(current / leak + 1), current])


def test_diode_to_the_last_digits():
    run = solve_ivp(implicit(diode), (0, 3), [0.0, 0.0])
    wanted = diode_of_mpmath(3, 30).astype(float)
    np.testing.assert_allclose(run.y[:, -1], wanted, rtol=2e-14)


@pytest.mark.parametrize("digits", [30, 40, 70])
def test_more_digits(digits):
    run = solve_ivp(implicit(diode), (0, 1), [0.0, 0.0], digits=digits)
    wanted = diode_of_mpmath(1, digits + 10)
    with mpmath.workdps(digits + 10):
        assert max(abs(run.y[:, -1] / wanted - 1)) < mpmath.mpf(10) ** (2 - digits)


def test_products_of_constants_have_all_digits():
    def residual(t, y, yp):
        return yp[0] - y[1], 0.3 * y[1] - 0.1 * (0.7 * y[0])

    run = solve_ivp(implicit(residual), (0, 1), [1.0, 0.0], digits=30)
    with mpmath.workdps(40):
        wanted = mpmath.exp(mpmath.mpf(0.1) * mpmath.mpf(0.7) / mpmath.mpf(0.3))
        assert abs(run.y[0, -1] / wanted - 1) < mpmath.mpf(10) ** -29


def test_mpmath_states():
    with mpmath.workdps(40):
        run = solve_ivp(implicit(clairaut, [mpmath.mpf(1)]), (1, 2), [mpmath.mpf(1) / 3])
        rate = (mpmath.sqrt(1 + mpmath.mpf(4) / 3) - 1) / 2
        assert abs(run.y[0, -1] - (2 * rate + rate**2)) < mpmath.mpf(10) ** -38


def test_pendulum_against_elliptic_functions():
    run = solve_ivp(implicit(pendulum), (0, 10), [1.0, 0.0, 0.0, 0.0, 3.0])
    with mpmath.workdps(30):
        s = mpmath.ellipfun("cd", 10, m=0.5) / mpmath.sqrt(2)  # sin(angle / 2)
        x, z = 2 * s * mpmath.sqrt(1 - s**2), 2 * s**2 - 1
        force = -3 * z
    np.testing.assert_allclose(run.y[:2, -1], [float(x), float(z)], atol=1e-12)
    np.testing.assert_allclose(run.y[4, -1], float(force), rtol=1e-12)


def test_constraints_do_not_drift():
    integrator = Integrator(implicit(pendulum), 0.0, [1.0, 0.0, 0.0, 0.0, 0.0])
    integrator.propagate_until(3000.0)
    assert integrator.nsteps > 9000
    y = integrator.state
    assert abs(pendulum(0, y, 0 * y)[4]) < 1e-12


def test_robertson_conserves_what_is_a_constraint():
    run = solve_ivp(implicit(robertson), (0, 40), [1.0, 0.0, 0.5])
    published = [0.7158270687, 0.9185534764e-5, 0.2841637457]
    np.testing.assert_allclose(run.y[:, -1], published, rtol=2e-10)
    with mpmath.workdps(40):  # as an ordinary equation, with other code, to other digits
        f = lambda t, y: [
            -0.04 * y[0] + 1e4 * y[1] * (1 - y[0] - y[1]),
            0.04 * y[0] - 1e4 * y[1] * (1 - y[0] - y[1]) - 3e7 * y[1] ** 2,
        ]
        wanted = solve_ivp(f, (0, 1), [mpmath.mpf(1), mpmath.mpf(0)]).y[:, -1].astype(float)
    run = solve_ivp(implicit(robertson), (0, 1), [1.0, 0.0, 0.5])
    np.testing.assert_allclose(run.y[:2, -1], wanted, rtol=1e-12)
    assert abs(np.sum(run.y[:, -1]) - 1) < 1e-15


def test_akzo_nobel_as_published():
    # Test Set for Initial Value Problem Solvers, release 2.4 (Mazzia, Magherini, 2008).
    published = [
        *(0.1150794920661702, 0.1203831471567715e-2, 0.1611562887407974),
        *(0.3656156421249283e-3, 0.1708010885264404e-1, 0.4873531310307455e-2),
    ]
    run = solve_ivp(implicit(akzo_nobel), (0, 180), [0.444, 0.00123, 0.0, 0.007, 0.0, 0.0])
    assert run.y[5, 0] == pytest.approx(115.83 * 0.444 * 0.007, rel=1e-15)
    np.testing.assert_allclose(run.y[:, -1], published, rtol=1e-13)


def test_rates_that_are_roots():
    run = solve_ivp(implicit(cubic), (0, 2), [1.0])
    assert run.y.shape == (1, len(run.t))
    with mpmath.workdps(30):

        def rate(t, y):  # Cardano
            q = (t + y[0]) / 2
            root = mpmath.sqrt(q**2 + mpmath.mpf(1) / 27)
            return [mpmath.cbrt(q + root) - mpmath.cbrt(root - q)]

        wanted = float(mpmath.odefun(rate, 0, [1])(2)[0])
    assert run.y[0, -1] == pytest.approx(wanted, rel=1e-14)


@pytest.mark.parametrize(("guess", "rate"), [(0.5, 1.0), (-1.0, -2.0)])
def test_the_guess_of_the_rate_chooses_the_branch(guess, rate):
    run = solve_ivp(implicit(clairaut, [guess]), (1, 4), [2.0])
    np.testing.assert_allclose(run.y[0], run.t * rate + rate**2, rtol=1e-14)


@pytest.mark.parametrize("digits", [None, 25])
def test_pivots_that_vanish_are_exchanged(digits):
    run = solve_ivp(implicit(rotated), (0, 20), [1.0, 0.0], digits=digits, dense_output=True)
    t = np.linspace(0, 20, 400)
    found = run.sol(t).astype(float)
    np.testing.assert_allclose(found, [np.cos(t), -np.sin(t)], atol=2e-14)


def test_states_of_any_shape():
    def residual(t, y, yp):
        return np.stack([yp[0] - y[0], y[1] - 2 * y[0]])

    run = solve_ivp(implicit(residual), (0, 1), [[1.0, 2.0], [0.0, 0.0]], dense_output=True)
    assert run.y.shape == (2, 2, len(run.t))
    np.testing.assert_allclose(run.y[..., -1], np.outer([1, 2], [1, 2]) * np.e, rtol=1e-14)
    run = solve_ivp(implicit(lambda t, y, yp: yp**3 - 8 * y**3, 1.0), (0, 1), 1.0)
    assert run.y.shape == (len(run.t),)
    assert run.y[-1] == pytest.approx(np.exp(2), rel=1e-14)


def test_ranks_of_sparse_matrices():
    rng = np.random.default_rng(5)
    for n in (1, 2, 3, 5, 8, 13, 30):
        for _ in range(30):
            left, right = rng.integers(-2, 3, (2, n, n)) * (rng.uniform(size=(2, n, n)) < 2 / n)
            matrix = np.where(rng.uniform() < 0.5, left @ right, left).astype(float)
            matrix = matrix[: rng.integers(1, n + 1)]
            assert rank_of(matrix) == np.linalg.matrix_rank(matrix)
    assert rank_of(np.diag([1e-200, 1e200])) == 2
    assert rank_of(np.array([[1.0, 1e-17, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])) == 2
    assert rank_of(np.zeros((0, 3))) == 0
    assert rank_of(np.array([[np.nan, 1.0], [0.0, 1.0]])) == 2


def test_many_equations_of_a_higher_index():
    n = 40

    def F(t, y, yp):
        rates = yp[:n] - y[n:]
        return np.concatenate([rates, y[n:] - y[:n] ** 2 if t < 0 else y[:n] - np.sin(t)])

    with pytest.raises(InputError, match="index is higher than 1"):
        solve_ivp(implicit(F), (0, 1), np.zeros(2 * n))
    assert solve_ivp(implicit(F), (-1, -0.5), np.zeros(2 * n)).success


def test_large_and_sparse():
    n = 60

    def chain(t, y, yp):
        u, w = y[:n], y[n:]
        beside = lambda x: np.concatenate([x[1:], [0.0]]) + np.concatenate([[0.0], x[:-1]])
        up = yp[:n]
        return np.concatenate([4 * up + beside(up) - beside(u) + 2 * u - w, w**3 + w - u])

    start = np.concatenate([np.sin(np.arange(1, n + 1)), np.zeros(n)])
    run = solve_ivp(implicit(chain), (0, 1), start)
    mass = 4 * np.eye(n) + np.eye(n, k=1) + np.eye(n, k=-1)

    def rates(t, u):
        q = np.sqrt((u / 2) ** 2 + 1 / 27)
        w = np.cbrt(u / 2 + q) + np.cbrt(u / 2 - q)
        pulled = np.concatenate([u[1:], [0]]) + np.concatenate([[0], u[:-1]]) - 2 * u
        return np.linalg.solve(mass, pulled + w)

    options = {"method": "DOP853", "rtol": 1e-13, "atol": 1e-14}
    wanted = scipy.integrate.solve_ivp(rates, (0, 1), start[:n], **options).y[:, -1]
    np.testing.assert_allclose(run.y[:n, -1], wanted, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("digits", [30, 60])
def test_derivatives_to_more_digits(digits):
    """Of y' + y'**3 = k y, of which the rate is part of the state, and which has a closed form."""

    def cubic(t, y, yp, k):
        return yp**3 + yp - k * y

    def end(k):
        return solve_ivp(implicit(cubic), (0, 1), [1.0], args=(k,), digits=digits).y[0, -1]

    def slope(y, k):
        return mpmath.findroot(lambda p: p**3 + p - k * y, 0.8)

    # With p = y' as parameter y = (p + p**3) / k, dt = dy / p, so k t = log p + 3 / 2 p**2 + C;
    # t = 1 and y = 1 at the beginning give p at the end, and its derivative by k.
    with mpmath.workdps(digits + 15):
        k = mpmath.mpf(2)
        p = slope(1, k)
        f = lambda p: mpmath.log(p) + 3 * p**2 / 2
        q = mpmath.findroot(lambda q: f(q) - f(p) - k, 1.2)
        dp = 1 / (1 + 3 * p**2)
        dq = (1 + (1 / p + 3 * p) * dp) / (1 / q + 3 * q)
        wanted = ((1 + 3 * q**2) * dq - (q + q**3) / k) / k
        run = ta.ode.sensitivities(implicit(cubic), (0, 1), [1.0], (2.0,), wrt=0, digits=digits)
        found = [run.derivative(0)[0, -1], ta.grad(end)(2.0), ta.derivative(end)(k)]
        for x in found:
            assert abs(x / wanted - 1) < mpmath.mpf(10) ** (2 - digits)


# --- events, switches, going on ---


@pytest.mark.parametrize("digits", [None, 28])
def test_events_see_the_users_state(digits):
    def half(t, y, k):
        assert y.shape == (1,)
        return y[0] - k

    half.terminal = True
    run = solve_ivp(
        implicit(lambda t, y, yp, k: yp**2 - y**2, [1.0]),
        *((0, 5), [1.0]),
        events=half,
        args=(2.0,),
        digits=digits,
    )
    assert run.status == 1
    assert float(run.t_events[0][0]) == pytest.approx(np.log(2), abs=1e-15)
    assert run.y_events[0].shape == (1, 1)


def test_an_event_ends_sensitivities_too():
    half = lambda t, y: y[0] - 2
    half.terminal, half.direction = True, 1
    grows = implicit(lambda t, y, yp: yp**2 - y**2, [1.0])
    run = ta.ode.sensitivities(grows, (0, 5), [1.0], events=half)
    assert run.status == 1
    assert run.t[-1] == pytest.approx(np.log(2), abs=1e-15)
    np.testing.assert_allclose(run.derivative("y0")[0, -1], [2.0], rtol=1e-14)


def test_what_has_no_rate_jumps_at_a_switch():
    seen = lambda t, y: y[2] + 0.9
    for digits in (None, 70):
        run = solve_ivp(implicit(relay), (0, 1), [0.0, 0.0, 0.0], digits=digits, events=seen)
        with mpmath.workdps(30):
            tenth, half = mpmath.mpf(0.1), mpmath.mpf(0.5)
            end = [mpmath.mpf(0)]
            for begin, side in ((0, -2), (half, 2)):
                f = lambda t, c, side=side, tenth=tenth: [side + t * t - tenth * c[0]]
                end = mpmath.odefun(f, begin, end)(begin + half)
        np.testing.assert_allclose(float(run.y[1, -1]), 3.0, rtol=1e-15)
        np.testing.assert_allclose(float(run.y[2, -1]), float(end[0]), rtol=1e-14)
        assert len(run.t_events[0]) == 2
        assert 0.5 in run.t


@pytest.mark.parametrize("chosen", ["where", "if"])
def test_rates_in_the_state_jump_too(chosen):
    def push(t, y, yp):
        if chosen == "where":
            return yp**3 + yp - np.where(y < 0.5, 2.0, 10.0)
        return yp**3 + yp - (2.0 if y[0] < 0.5 else 10.0)

    end = lambda t, y: y[0] - 1
    end.terminal = True
    run = solve_ivp(implicit(push), (0, 2), [0.0], events=end)
    assert run.t[-1] == pytest.approx(0.75, abs=1e-15)
    np.testing.assert_allclose(run.y[0], [0, 0.5, 1.0], atol=1e-15)


def test_derivatives_where_what_has_no_rate_jumps_are_refused():
    def F(t, y, yp):
        return yp[0] + y[1], y[1] - np.where(y[0] > 1, y[0], 2 * y[0])

    problem = (implicit(F), (0, 2), [2.0, 2.0])
    assert abs(solve_ivp(*problem).y[0, -1] - 4 * np.exp(-4)) < 1e-14
    with pytest.raises(IntegrationError, match="follow from others jump"):
        ta.ode.flow_map(*problem)
    with pytest.raises(IntegrationError, match="follow from others jump"):
        ta.grad(lambda y: solve_ivp(implicit(F), (0, 2), [y, y]).y[0, -1])(2.0)


def test_parameters_change_what_follows_from_them():
    integrator = Integrator(
        implicit(lambda t, y, yp, k: (yp[0] - y[1], y[1] - k * y[0])), 0.0, [1.0, 7.0], args=(2.0,)
    )
    integrator.propagate_until(1.0)
    np.testing.assert_allclose(integrator.state, np.exp(2) * np.array([1, 2]), rtol=1e-14)
    integrator.parameters = (3.0,)
    np.testing.assert_allclose(integrator.state, np.exp(2) * np.array([1, 3]), rtol=1e-14)
    integrator.propagate_until(2.0)
    np.testing.assert_allclose(integrator.state, np.exp(5) * np.array([1, 3]), rtol=1e-14)
    integrator.state = [2.0, 0.0]
    np.testing.assert_allclose(integrator.state, [2.0, 6.0], rtol=1e-15)


def test_step_by_step_with_rates_in_the_state():
    integrator = Integrator(implicit(clairaut, [1.0]), 1.0, [2.0])
    integrator.step(0.5)
    assert integrator.state.shape == (1,)
    assert integrator.taylor_coefficients.shape == (1, integrator.order + 1)
    np.testing.assert_allclose(integrator.dense_output()(1.25), [2.25], rtol=1e-15)
    np.testing.assert_allclose(integrator.propagate_grid([2.0, 3.0]), [[3.0, 4.0]], rtol=1e-15)
    integrator.time = 1.0  # the rate is found again: 4 = c + c**2
    rate = (np.sqrt(17) - 1) / 2
    integrator.propagate_until(2.0)
    np.testing.assert_allclose(integrator.state, [2 * rate + rate**2], rtol=1e-14)


def test_pickled_it_goes_on_to_the_last_bit():
    for problem, start in ((diode, [0.0, 0.0]), (cubic, [1.0])):
        integrator = Integrator(implicit(problem), 0.0, start)
        integrator.propagate_until(0.5)
        other = pickle.loads(pickle.dumps(integrator))
        integrator.propagate_until(2.0)
        other.propagate_until(2.0)
        np.testing.assert_array_equal(other.state, integrator.state)


# --- derivatives ---


def test_the_right_hand_side_can_be_differentiated():
    """With tangents of state and parameters as a state of their own, against differences."""
    make = lambda k: Integrator(implicit(forced), 0.0, [0.5, 0.0], args=(k,))
    integrator = make(1.5)
    rates = integrator._flow.fun
    assert not rates.hidden

    def variations(t, both, k):
        y, moved = both
        value, slope = ta.jvp(lambda y, k: rates(t, y, k), (y, k), (moved, np.array(1.0)))
        return np.stack([value, slope])

    with mpmath.workdps(40):
        h = mpmath.mpf(10) ** -12
        runs = []
        for side in (h, -h):
            k = mpmath.mpf(1.5) + side
            runs.append(solve_ivp(implicit(forced), (0, 2), [0.5, 0.0], args=(k,), digits=40))
        start, wanted = ((runs[0].y[:, i] - runs[1].y[:, i]) / (2 * h) for i in (0, -1))
    begin = np.stack([integrator.state, start.astype(float)])
    found = solve_ivp(variations, (0, 2), begin, args=(1.5,)).y[..., -1]
    np.testing.assert_allclose(found[0], runs[0].y[:, -1].astype(float), rtol=1e-11)
    np.testing.assert_allclose(found[1], wanted.astype(float), rtol=1e-12)


def test_consistent_values_have_derivatives():
    integrator = Integrator(implicit(forced), 0.0, [0.5, 0.0], args=(1.5,))
    rates, y = integrator._flow.fun, integrator.state
    found = ta.taylor(lambda k: rates.lifted(0.0, y + 0 * k, (k,), 4), 1.5, 4).coefficients

    def entry(k):  # of y**3 + y = k / 2, by Cardano
        root = np.sqrt(k**2 / 16 + 1 / 27)
        return np.cbrt(root + k / 4) - np.cbrt(root - k / 4)

    np.testing.assert_allclose(found[1:, 0], 0, atol=1e-15)
    np.testing.assert_allclose(found[:, 1], ta.taylor(entry, 1.5, 4).coefficients, rtol=1e-13)

    integrator = Integrator(implicit(cubic), 0.0, [1.0])  # p**3 + p = y
    rates, state = integrator._flow.fun, integrator._motion.state
    moved = ta.jvp(
        lambda state: rates.lifted(0.0, state, (), 1), (state,), (np.array([1.0, 0.0]),)
    )[1]
    np.testing.assert_allclose(moved, [1.0, 1 / (3 * state[1] ** 2 + 1)], rtol=1e-14)


def test_a_switch_to_a_higher_index_ends_it():
    def residual(t, y, yp):
        return yp[0] - y[1], np.where(t < 1, y[1] - y[0], y[0] - np.e * np.cos(t - 1))

    run = solve_ivp(implicit(residual), (0, 2), [1.0, 0.0])
    assert not run.success
    assert "behind a switch" in run.message
    np.testing.assert_allclose((run.t[-1], run.y[0, -1]), (1.0, np.e), rtol=1e-14)


def forced(t, y, yp, k):
    return yp[0] + y[1] - np.sin(k * t), y[1] ** 3 + y[1] - k * y[0]


# --- refused ---


@pytest.mark.parametrize(
    ("F", "start", "message"),
    [
        (lambda t, y, yp: (yp[0] - y[1], y[0] - np.sin(t)), [0.0, 1.0], "index is higher than 1"),
        (lambda t, y, yp: (yp[0] - y[1], 0 * y[1]), [0.0, 1.0], "entry 1 of y .* not determined"),
        (lambda t, y, yp: yp**2 - y, [1.0], "with these y0 and yp0"),
        (lambda t, y, yp: (yp[0] - y[0], np.exp(y[1]) + 1), [1.0, 1.0], "does not converge"),
        (lambda t, y, yp: (yp[0], np.log(y[1])), [1.0, -1.0], "is nan in row 1 at t = 0"),
        (lambda t, y, yp: np.log(-y) * yp, [1.0], "is nan in row 0"),
        (lambda t, y, yp: np.log(-y) * np.sin(yp), [1.0], "is nan in row 0"),
        (lambda t, y, yp: yp[:1] - y[:1], [1.0, 1.0], r"shape \(1,\) for a state of shape \(2,\)"),
        (lambda t, y, yp: np.zeros(2), [1.0, 1.0], "depends neither"),
        (
            lambda t, y, yp: np.linalg.pinv(np.outer(y, y) + np.eye(2)) @ yp,
            [1.0, 1.0],
            "unknowns more",
        ),
        (lambda t, y, yp: yp - 1j * y, [1j], "must be real"),
    ],
)
def test_what_cannot_be_solved_is_said_to_be(F, start, message):
    with pytest.raises(InputError, match=message):
        solve_ivp(implicit(F), (0, 1), start)


def test_arguments_of_the_wrong_kind():
    with pytest.raises(InputTypeError, match="F is a function"):
        implicit(3)
    with pytest.raises(InputError, match="yp0 has shape"):
        solve_ivp(implicit(cubic, [1.0, 2.0]), (0, 1), [1.0])
    for guess in ([1j], ["a"]):
        with pytest.raises(InputTypeError, match=r"yp0 is .* real numbers"):
            solve_ivp(implicit(cubic, guess), (0, 1), [1.0])
    with pytest.raises(InputTypeError, match="give it to what integrates it"):
        scipy.integrate.solve_ivp(implicit(cubic), (0, 1), [1.0])
    with pytest.raises(InputTypeError, match="give it to what integrates it"):
        scipy.integrate.solve_ivp(implicit(cubic), (0, 1), [1.0], method=ta.ode.Taylor)


def test_where_branches_meet_it_ends_with_the_reason():
    run = solve_ivp(implicit(lambda t, y, yp: (yp[0] - 1, y[1] ** 2 - t)), (1, -1), [0.0, 1.0])
    assert not run.success
    assert "cannot be solved for the rates any more" in run.message
    assert run.singularity == pytest.approx(0, abs=1e-10)
    assert 0 < run.t[-1] < 1e-9
    np.testing.assert_allclose(run.y[:, -1] - [run.t[-1] - 1, np.sqrt(run.t[-1])], 0, atol=1e-9)
    integrator = Integrator(implicit(lambda t, y, yp: yp**2 - t, [1.0]), 1.0, [1.0])
    with pytest.raises(IntegrationError, match="two branches") as caught:
        integrator.propagate_until(-1.0)
    assert caught.value.state.shape == (1,)
