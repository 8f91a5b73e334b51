"""Numbers of two and four words: as many digits as they have, at machine speed."""

import ctypes
import math
import pickle

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf
from test_ode_digits import KNOWN, kepler, known, numbers, third
from unwritten import unwritten

import taylorad as ta
from taylorad.errors import InputError, InputTypeError, IntegrationError
from taylorad.machine.module import build
from taylorad.machine.multiword import ONE, definitions, split
from taylorad.ode.choice import stepper_of
from taylorad.ode.digits.digits import Digits
from taylorad.ode.digits.direct import Direct
from taylorad.ode.digits.multiword.stepper import Multiword, order_for_words
from taylorad.ode.digits.multiword.sums import sum_of_products, sum_of_squares
from taylorad.ode.digits.precision import words_for
from taylorad.ode.steps.interface import Exit
from taylorad.ode.steps.stepper import Motion, Tolerance
from taylorad.ode.tracing.system import system

DIGITS = (30, 60)


@pytest.fixture(params=DIGITS)
def digits(request):
    return request.param


def agree(found, wanted, digits, growth=1):
    """No error above a few units of the last digit, but for what the solution makes of errors."""
    with mp.workdps(digits + 20):
        for x, y in zip(found, wanted, strict=True):
            error = abs(x - y) / max(abs(y), 1)
            assert error <= growth * mpf(10) ** -digits, mpmath.nstr(error, 5)


def end_of(f, y0, end, digits, **options):
    run = ta.ode.solve_ivp(f, (0, end), y0, digits=digits, **options)
    assert run.success, run.message
    return run.y[..., -1].ravel()


def of_words(f, y0, digits, **options):
    """Make an integrator, of which machine code takes the steps."""
    integrator = ta.ode.Integrator(f, 0, y0, digits=digits, **options)
    assert isinstance(integrator._flow.stepper, Multiword)
    assert integrator._flow.stepper.words == words_for(digits)
    return integrator


# --- known solutions ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in KNOWN if n != "a choice"])
def test_known_solutions(name, digits):
    f, y0, end, _ = KNOWN[name]
    integrator = of_words(f, y0, digits)
    integrator.propagate_until(end)
    with mp.workdps(90):
        agree(integrator.state.ravel(), known(name), digits)


def keplers(t, e):
    """Solve Kepler's equation: give place and speed."""
    t, e = mpf(t), mpf(e)
    anomaly = mp.findroot(lambda E: E - e * mp.sin(E) - t, t)
    rate, b = 1 / (1 - e * mp.cos(anomaly)), mp.sqrt(1 - e * e)
    place = [mp.cos(anomaly) - e, b * mp.sin(anomaly)]
    return [*place, -rate * mp.sin(anomaly), rate * b * mp.cos(anomaly)]


@pytest.mark.parametrize("e", ["0.5", "0.9"])
def test_keplers_equation(e, digits):
    with mp.workdps(90):
        y0 = [1 - mpf(e), 0, 0, mp.sqrt((1 + mpf(e)) / (1 - mpf(e)))]
        wanted = keplers(10, e)
    agree(end_of(kepler, y0, 10, digits), wanted, digits, growth=1 if e == "0.5" else 100)


def lorenz(t, y):
    x, z, w = y
    return [10.0 * (z - x), x * (28.0 - w) - z, x * z - 8 / 3 * w]


def test_chaos_agrees_with_numbers_of_eighty_digits(digits):
    wanted = end_of(lorenz, [1, 1, 1], 10, 80)
    # Errors grow by exp(0.9 t), the components are as large as 20.
    agree(end_of(lorenz, [1, 1, 1], 10, digits), wanted, digits, growth=math.exp(9))


def test_a_pendulum_agrees_with_numbers_of_eighty_digits(digits):
    f = lambda t, y: [y[1], -np.sin(y[0]) - y[1] / 8 + np.cos(t) / 2]
    agree(end_of(f, [1, 0], 20, digits), end_of(f, [1, 0], 20, 80), digits)


FUNCTIONS = {
    "sinh": lambda t, y: -np.sinh(y) * np.cosh(t) / 8,
    "tan": lambda t, y: np.tan(t / 2) * y,
    "arcsin": lambda t, y: np.arcsin(t / 3) - y,
    "arccos": lambda t, y: np.arccos(y / 4),
    "arcsinh": lambda t, y: -np.arcsinh(y * t),
    "arccosh": lambda t, y: np.arccosh(2 + y),
    "arctanh": lambda t, y: np.arctanh(y / 4) - t,
    "arctan2": lambda t, y: np.arctan2(y, 1 + t),
    "hypot": lambda t, y: -np.hypot(y, t),
    "cbrt": lambda t, y: np.cbrt(y),
    "log10": lambda t, y: np.log10(y + t) + np.log2(y + 2) + np.log1p(y),
    "expm1": lambda t, y: -np.expm1(y) / 4,
    "a power": lambda t, y: (1 + y) ** 0.3 - y**2.5 / 9,
    "an exponent": lambda t, y: 2.0 ** (-y) + (1 + t) ** y / 20,
    "a high power": lambda t, y: -((y / 2) ** 70),
    "a quotient": lambda t, y: (1 + y * t) / (2 + y * y) - 3 * y / 7,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_in_the_right_hand_side(name):
    f = FUNCTIONS[name]
    y0, end = [mpf(1)], mpf(1)
    wanted = end_of(f, y0, end, 80)
    for digits in DIGITS:
        integrator = of_words(f, y0, digits)
        integrator.propagate_until(end)
        agree(integrator.state, wanted, digits)


def test_larger_systems(digits):
    """Three bodies in space."""
    masses = np.array([0.5, 0.25, 0.125])

    def bodies(t, y):
        x, v = y.reshape(2, 3, 3)
        d = x[:, None, :] - x[None, :, :]
        r = np.sum(d * d, axis=2) + np.eye(3)
        pull = np.sum(masses[None, :, None] * d * (r**-1.5)[:, :, None], axis=1)
        return np.concatenate([v.ravel(), -pull.ravel()])

    angles = 2 * np.pi * np.arange(3) / 3
    circle = np.stack([np.cos(angles), np.sin(angles), 0.1 * np.cos(2 * angles)], axis=1)
    y0 = np.concatenate([circle, 0.5 * circle[:, [1, 0, 2]] * [-1.0, 1.0, 0.5]]).ravel()
    integrator = of_words(bodies, y0, digits)
    integrator.propagate_until(1)
    agree(integrator.state, end_of(bodies, y0, 1, 80), digits)


@pytest.mark.parametrize("n", [2, 3, 12])
def test_rates_that_are_components_themselves(n, digits):
    turned = lambda t, y: np.concatenate([y[-1:], y[:-1]])  # of n = 2 cosh and sinh
    found = ta.ode.solve_ivp(turned, (0, 1), [1] + [0] * (n - 1), digits=digits).y[:, -1]
    with mp.workdps(digits + 20):
        wanted = [sum(1 / mp.factorial(n * k + j) for k in range(50)) for j in range(n)]
    agree(found, wanted, digits)
    found = ta.ode.solve_ivp(lambda t, y: [1, y[0]], (0, 0.5), [0.5, 1], digits=digits).y[:, -1]
    agree(found, [mpf(1), mpf(1.375)], digits)


@pytest.mark.parametrize("processor", ["avx2", "generic"])
def test_any_processor_will_do(processor, digits, monkeypatch):
    monkeypatch.setenv("TAYLORAD_CPU", processor)
    with mp.workdps(90):
        y0, end = [mpf("0.5"), 0, 0, mp.sqrt(3)], 2 * mp.pi
    integrator = of_words(kepler, y0, digits)
    integrator.propagate_until(end)
    agree(integrator.state, y0, digits, growth=10)


def test_functions_that_there_are_not_go_another_way(digits):
    f = lambda t, y: np.logaddexp(y, t)
    integrator = ta.ode.Integrator(f, 0, [1], digits=digits)
    assert isinstance(integrator._flow.stepper, Digits)
    integrator.propagate_until(1)
    agree(integrator.state, end_of(f, [1], 1, 80), digits)


def test_the_way_that_serves_is_chosen():
    y = numbers([1, 1, 1, 1])
    for words in (2, 4):
        assert isinstance(stepper_of(kepler, 0, y, 20, words=words)[0], Multiword)
    assert isinstance(stepper_of(kepler, 0, y, 20)[0], Digits)
    solved = lambda t, y: unwritten(np.linalg.solve(np.diag(1 + y), y))
    assert isinstance(stepper_of(solved, 0, y, 20, words=2)[0], Direct)
    integrator = ta.ode.Integrator(kepler, 0, [1, 0, 0, 1], digits=100)
    assert isinstance(integrator._flow.stepper, Digits)


# --- in time ------------------------------------------------------------------------------------


def test_backward_in_time(digits):
    integrator = of_words(KNOWN["circle"][0], [0, 1], digits)
    integrator.propagate_until(mpf(20))
    with mp.workdps(90):
        agree(integrator.state, [mp.sin(20), mp.cos(20)], digits)
    assert integrator.last_step > 0
    integrator.propagate_until(-3)
    assert integrator.last_step < 0
    with mp.workdps(90):
        agree(integrator.state, [-mp.sin(3), mp.cos(3)], digits)


def test_the_end_is_met_to_all_digits(digits):
    integrator = of_words(lambda t, y: [1.0, t], [0, 0], digits)
    with mp.workdps(digits):
        end = mp.pi / 3
    integrator.propagate_until(end)
    assert integrator.time == end
    with mp.workdps(90):
        agree(integrator.state, [end, end * end / 2], digits)
    integrator.propagate_for(end)
    with mp.workdps(90):
        agree([integrator.time], [2 * end], digits)


def test_roundings_of_many_steps_stay_below_the_last_digit(digits):
    integrator = of_words(KNOWN["circle"][0], [0, 1], digits)
    integrator.propagate_until(2000)
    assert integrator.nsteps > 100
    with mp.workdps(90):
        agree(integrator.state, [mp.sin(2000), mp.cos(2000)], digits, growth=10)


@pytest.mark.parametrize("scale", [-30, -12, 12, 30])
def test_time_may_have_any_unit(scale, digits):
    """Parts of high degree would overflow, or vanish, if time were counted in other units."""
    f = lambda t, y, s: [s * y[1], -s * y[0]]
    with mp.workdps(90):
        rate = mpf(10) ** scale
        wanted = [mp.sin(3), mp.cos(3)]
        integrator = of_words(f, [0, 1], digits, args=(rate,))
        integrator.propagate_until(3 / rate)
    assert integrator.nrejected == 0
    agree(integrator.state, wanted, digits)


@pytest.mark.parametrize("size", ["1e-100", "1e100"])
def test_states_may_have_any_size(size, digits):
    with mp.workdps(90):
        size = mpf(size)
        integrator = of_words(KNOWN["circle"][0], [0, size], digits, atol=size * 1e-70)
        integrator.propagate_until(3)
        agree(integrator.state / size, [mp.sin(3), mp.cos(3)], digits)


def test_numbers_beyond_doubles_are_refused(digits):
    for size in ("1e400", "1e-400"):
        integrator = of_words(KNOWN["circle"][0], [0, size], digits)
        with pytest.raises(InputError, match="range of doubles"):
            integrator.propagate_until(1)
    agree(end_of(KNOWN["decay"][0], ["1e400"], 1, 70) / mpf("1e400"), [mp.exp(-1)], 14)


def test_no_absolute_tolerance(digits):
    state = end_of(KNOWN["circle"][0], [0, 100], 3, digits, atol=0)
    with mp.workdps(90):
        agree(state / 100, [mp.sin(3), mp.cos(3)], digits)


def test_a_step_ends_where_parts_vanish(digits):
    """What is a polynomial has no last parts; the step is checked all the same."""
    integrator = of_words(KNOWN["powers of time"][0], [0], digits)
    integrator.propagate_until(2)
    with mp.workdps(90):
        agree(integrator.state, [mpf(32) / 5], digits)
    integrator = of_words(KNOWN["time"][0], [1], digits)
    integrator.propagate_until(mpf(3) / 2)
    assert integrator.nsteps > 2


def test_zeros_say_nothing_of_the_radius(digits):
    """The last parts vanish, and so might those by which the number of words is chosen."""
    f = lambda t, y: 8 * t**7 * y
    integrator = of_words(f, [1], digits, order=46 if digits == 30 else 86)
    integrator.propagate_until(mpf(5) / 4)
    assert integrator.nrejected > 0
    with mp.workdps(90):
        agree(integrator.state, [mp.exp(mpf(1.25) ** 8)], digits, growth=10)


def test_powers_of_an_exact_zero(digits):
    integrator = of_words(KNOWN["at rest"][0], [0], digits)
    integrator.propagate_until(5)
    assert integrator.state.tolist() == [0]
    state = end_of(lambda t, y: [y[0] ** 3 * y[1] + 1, -(y[0] ** 2)], [0, 0], 0.5, digits)
    agree(state, end_of(lambda t, y: [y[0] ** 3 * y[1] + 1, -(y[0] ** 2)], [0, 0], 0.5, 80), digits)


# --- what users have ------------------------------------------------------------------------------


def test_parameters_have_all_their_digits(digits):
    with mp.workdps(90):
        k, m = mpf(1) / 3, numbers([mp.pi])
        wanted = [m[0] / k + (1 - m[0] / k) * mp.exp(-k)]
    agree(end_of(third, [1], 1, digits, args=(k, m)), wanted, digits)


def test_parameters_may_be_changed(digits):
    integrator = of_words(third, [1], digits, args=(mpf(1), mpf(0)))
    integrator.propagate_until(1)
    integrator.parameters = (mpf(2), mpf(0))
    integrator.propagate_until(2)
    with mp.workdps(90):
        agree(integrator.state, [mp.exp(-3)], digits)


def test_numbers_are_taken_exactly(digits):
    with mp.workdps(90):
        given = ["0.1", 0.1, 3, mpf(1) / 7, np.float64(0.25)]
        wanted = [mpf("0.1"), mpf(0.1), 3, mpf(1) / 7, mpf(0.25)]
    integrator = of_words(lambda t, y: 0 * y, given, digits)
    integrator.propagate_until(1)
    agree(integrator.state, wanted, digits + 2)
    integrator.state = list(reversed(given))
    agree(integrator.state, wanted[::-1], digits + 2)


def test_digits_that_make_no_sense():
    for digits in (0, 2.5, -3):
        with pytest.raises(InputError, match="digits"):
            ta.ode.solve_ivp(kepler, (0, 1), [1, 0, 0, 1], digits=digits)
    with pytest.raises(InputTypeError, match="no number"):
        ta.ode.solve_ivp(kepler, (0, 1), [1, 0, 0, "one"], digits=30)
    with pytest.raises(InputError, match="finite"):
        ta.ode.solve_ivp(kepler, (0, 1), [1, 0, 0, math.nan], digits=30)


def test_fewer_digits_take_less_order():
    orders = [ta.ode.Integrator(kepler, 0, [1, 0, 0, 1], digits=d).order for d in (16, 20, 30)]
    assert orders == sorted(set(orders))
    assert ta.ode.Integrator(kepler, 0, [1, 0, 0, 1], digits=30, tol=1e-20).order < orders[-1]
    assert ta.ode.Integrator(kepler, 0, [1, 0, 0, 1], digits=30, order=25).order == 25


@pytest.mark.parametrize("order", [3, 4, 9])
def test_low_orders(order, digits):
    run = ta.ode.solve_ivp(KNOWN["circle"][0], (0, 1), [0, 1], digits=digits, order=order, tol=1e-3)
    with mp.workdps(50):
        agree(run.y[:, -1], [mp.sin(1), mp.cos(1)], 7)


def test_events_and_times_and_dense_output(digits):
    crossing = lambda t, y: y[0]
    with mp.workdps(90):
        times = [mpf(1) / 3, mpf(2), mpf(5) / 2]
    run = ta.ode.solve_ivp(
        *(KNOWN["circle"][0], (0, 7), [0, 1]),
        **{"digits": digits, "events": crossing, "t_eval": times, "dense_output": True},
    )
    with mp.workdps(90):
        agree(run.t_events[0], [mp.pi, 2 * mp.pi], digits)
        agree(run.y_events[0].ravel(), [0, -1, 0, 1], digits)
        agree(run.y[0], list(map(mp.sin, times)), digits)
        wanted = mp.sin(mpf(1) / 3)
        third = mpf(1) / 3
    with mp.workdps(10):  # the digits are the solution's, not those mpmath happens to be set to
        agree(run.sol(third)[:1], [wanted], digits)


def test_a_terminal_event(digits):
    top = lambda t, y: y[1]
    top.terminal = True
    run = ta.ode.solve_ivp(KNOWN["circle"][0], (0, math.inf), [0, 1], digits=digits, events=top)
    assert run.status == 1
    with mp.workdps(90):
        agree([run.t[-1], *run.y[:, -1]], [mp.pi / 2, 1, 0], digits)


def test_a_polynomial_to_an_event_without_end(digits):
    far = lambda t, y: y[1] - 3
    far.terminal = True
    run = ta.ode.solve_ivp(lambda t, y: [1, t], (0, math.inf), [0, 0], digits=digits, events=far)
    assert run.status == 1
    with mp.workdps(90):
        agree([run.t[-1], *run.y[:, -1]], [mp.sqrt(6), mp.sqrt(6), 3], digits)


def test_a_grid(digits):
    integrator = of_words(KNOWN["circle"][0], [0, 1], digits)
    found = integrator.propagate_grid([1, 2, 30])
    with mp.workdps(90):
        agree(found[0], [mp.sin(1), mp.sin(2), mp.sin(30)], digits)


# --- steps --------------------------------------------------------------------------------------


def test_parts_are_those_of_the_solution(digits):
    g = lambda t, y: [y[0] * y[1] + t, np.sin(y[0]), t]
    with mp.workdps(90):
        y0 = numbers([mpf(3) / 10, mpf(8) / 10])
        x = lambda t: y0[0] * mp.cos(t) + y0[1] * mp.sin(t)
        z = lambda t: y0[1] * mp.cos(t) - y0[0] * mp.sin(t)
        solution = [x, z, lambda t: x(t) * z(t) + t, lambda t: mp.sin(x(t)), lambda t: t]
        wanted = [mpmath.taylor(s, 0, 20) for s in solution]
        words = words_for(digits)
        stepper, _ = stepper_of(KNOWN["circle"][0], 0, y0, 20, (), [g], [3], words=words)
        assert isinstance(stepper, Multiword)
        motion, parts = Motion(y0.copy(), np.zeros(2), mpf(0)), stepper.parts()
        tolerance = Tolerance(mpf(10) ** -digits, np.ones(2))
        assert stepper.propagate(motion, 5, tolerance, steps=1, parts=parts) is Exit.STEPS
        assert (motion.steps, motion.rejected) == (1, 0)
        for row, coefficients in zip(parts, wanted, strict=True):
            sizes = [abs(a - b) * motion.step**k for k, (a, b) in enumerate(zip(row, coefficients))]
            assert max(sizes) < mpf(10) ** -digits
        state = [mpmath.polyval(list(row[::-1]), motion.step) for row in parts[:2]]
        agree(motion.state, state, digits)


def test_what_is_held_is_given(digits):
    f, y0, end, _ = KNOWN["a choice"]
    words = words_for(digits)
    relative = mpf(10) ** -digits
    stepper = Multiword(
        system(f, 0.0, np.array([2.0, -1.0])), order_for_words(relative, words), words
    )
    motion = Motion(numbers(y0), np.zeros(2), mpf(0))
    given = [1.0, 0.0]
    assert stepper.propagate(motion, end, Tolerance(relative, np.ones(2)), given) is Exit.END
    with mp.workdps(90):
        agree(motion.state, known("a choice"), digits)


def test_a_run_in_pieces_is_the_run_in_one_bit_for_bit(digits):
    y0 = [0.5, 0, 0, "1.7"]
    whole = of_words(kepler, y0, digits, max_step=0.3)
    whole.propagate_until(3)
    pieces = of_words(kepler, y0, digits, max_step=0.3)
    while pieces.propagate_until(3, max_steps=1).outcome == "steps":
        assert 0 < pieces.last_step <= 0.3
        pieces = pickle.loads(pickle.dumps(pieces))
    assert pieces.nsteps == whole.nsteps
    assert pieces.state.tolist() == whole.state.tolist()
    assert pieces.copy().state.tolist() == whole.state.tolist()


def test_steps_that_fail(digits):
    integrator = of_words(lambda t, y: y * y, [1], digits)
    with pytest.raises(IntegrationError) as caught:
        integrator.propagate_until(2)
    assert abs(integrator.time - 1) < mpf(10) ** (2 - digits)
    assert integrator.state[0] > mpf(10) ** (digits - 2)
    assert caught.value.time == integrator.time
    for f, y0 in ((lambda t, y: np.log(y), -1), (lambda t, y: 1 / y, 0), (np.multiply, math.inf)):
        if math.isinf(y0):
            continue
        integrator = of_words(f, [y0], digits)
        with pytest.raises(IntegrationError, match="not finite"):
            integrator.propagate_until(1)
        assert (integrator.time, integrator.nsteps) == (0, 0)
    run = ta.ode.solve_ivp(lambda t, y: y**3, (0, 2), [1], digits=digits)
    assert not run.success
    assert abs(run.t[-1] - mpf(1) / 2) < mpf(10) ** (2 - digits)


def test_a_root_at_its_branch_point_gets_nowhere(digits):
    integrator = of_words(lambda t, y: np.sqrt(y), [0], digits)
    with pytest.raises(IntegrationError):
        integrator.propagate_until(1)
    assert integrator.time == 0


def test_a_step_that_is_too_long_is_taken_back(digits):
    """The first parts say nothing of the bump at t = 3."""
    f = lambda t, y: y * 0 + 1 / (1 + 10000 * (t - 3) ** 2)
    integrator = of_words(f, [0], digits, max_step=2)
    integrator.propagate_until(5)
    with mp.workdps(90):
        agree(integrator.state, [(mp.atan(200) + mp.atan(300)) / 100], digits)


# --- sums ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [1, 2, 3, 4])
def test_sums_of_products_are_right_for_all_degrees(words):
    room, most = 48, 30
    kind = f"{{ {', '.join(['double'] * words)} }}"
    helpers = [sum_of_products(words, room), sum_of_squares(words, room)]
    text = [ONE, *sorted(set().union(*(h.declarations for h in helpers)))]
    text += [definitions(()), *(line for h in helpers for line in h.lines)]
    for name, more in (("products", ""), ("squares", ", double %k")):
        text += [
            f"define void @{name}.run(ptr %to, ptr %a, ptr %b, i64 %n{more}) {{",
            f"  %x = call {kind} @{name}.w{words}(ptr %a, ptr %b, i64 %n{more})",
            f"  store {kind} %x, ptr %to",
            "  ret void",
            "}",
        ]
    code = build("\n".join(text))
    rng = np.random.default_rng(5)
    with mp.workdps(100):
        a, b = ([mpf(x) + mpf(y) / 2**60 for x, y in rng.normal(size=(most, 2))] for _ in "ab")
        a, b = ([split(x, words) for x in side] for side in (a, b))
        exact = [[mpmath.fsum(x) for x in side] for side in (a, b)]
        for k in range(1, most):
            one, other, same = (np.zeros((words, room)) for _ in range(3))
            for j in range(1, k):
                one[:, j - 1], other[:, k - j - 1] = a[j], b[j]
                same[:, k - j - 1] = a[j]
            to = np.zeros(words)
            address = [x.ctypes.data for x in (to, one, other)]
            run = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3, ctypes.c_int64)
            run(code.address("products.run"))(*address, (k + 6) // 8)
            wanted = mpmath.fdot(exact[0][1:k], exact[1][k - 1 : 0 : -1])
            assert abs(mpmath.fsum(to) - wanted) < 3 * (k + 1) * mpf(2) ** (-53 * words) * 40
            address[2] = same.ctypes.data
            run = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3, ctypes.c_int64, ctypes.c_double)
            run(code.address("squares.run"))(*address, ((k + 1) // 2 + 7) // 8, float(k))
            wanted = mpmath.fdot(exact[0][1:k], exact[0][k - 1 : 0 : -1])
            assert abs(mpmath.fsum(to) - wanted) < 3 * (k + 1) * mpf(2) ** (-53 * words) * 40


@pytest.mark.parametrize("digits", [30, 60, 100])
def test_where_a_blow_up_is(digits):
    result = ta.ode.solve_ivp(lambda t, y: y * y, (0, 2), [1], digits=digits)
    assert result.status == -1
    assert "singular at t = 1" in result.message
    assert abs(result.singularity - 1) < 1e-20


@pytest.mark.parametrize("digits", DIGITS)
def test_functions_of_a_state_that_moves_evenly(digits):
    """The step is as long as the way, and its unit of time no longer, or squares would overflow."""
    seen = lambda t, y: y[0] ** 2 - 0.5
    run = ta.ode.solve_ivp(lambda t, y: 2 + 0 * y, (0, 1), [0.25], events=seen, digits=digits)
    with mpmath.workdps(digits + 10):
        wanted = (mpmath.sqrt(0.5) - 0.25) / 2
        assert abs(run.t_events[0][0] / wanted - 1) < mpmath.mpf(10) ** (2 - digits)
        turns = ta.ode.solve_ivp(
            lambda t, y: np.where(np.sin(y) < 0.5, 1.0, 3.0) + 0 * y,
            (0, 0.75),
            [0.25],
            digits=digits,
        )
        turn = mpmath.asin(0.5)
        wanted = turn + 3 * (1 - turn)
        assert abs(turns.y[0, -1] / wanted - 1) < mpmath.mpf(10) ** (2 - digits)
