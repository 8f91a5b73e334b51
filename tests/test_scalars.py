"""Programs taken apart into scalars, differentiated as such, and made into straight-line code."""

import ctypes

import mpmath
import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st

import taylorad as ta
from taylorad.compiler import straight
from taylorad.compiler.opening import opened
from taylorad.errors import OutputError
from taylorad.machine.module import build
from taylorad.primitives.linear import assemble
from taylorad.reverse.edges import derivatives, diagonal
from taylorad.reverse.local import NotDifferentiable
from taylorad.wengert.scalars import expand
from taylorad.wengert.simplify import normal_form
from taylorad.wengert.trace import Trace

quick = settings(derandomize=True, deadline=None, max_examples=40, database=None)

rng = np.random.default_rng(7)
POSITIVE, MATRIX = rng.uniform(0.5, 1.5, 6), rng.standard_normal((6, 6))
ONTO = np.array([2, 0, 5, 2])


def listed(f, *args, takes_apart=False):
    """The list of a call."""
    trace = Trace(takes_apart)
    with np.errstate(all="ignore"):
        y = f(*map(trace.argument, args))
    trace.closed = True
    return normal_form(trace, [v.number for v in (y if isinstance(y, tuple) else (y,))])


def apart(f, *args):
    """The list of a call, taken apart."""
    program = expand(listed(f, *args), 50_000)
    assert program is not None
    return program


def run(program, *args):
    """The outputs of a list."""
    with np.errstate(all="ignore"):
        values = program.evaluate(*args)
    return [values[i] for i in program.outputs]


def called(program, *args):
    """What the machine code of a list of scalars returns, and its outputs."""
    program = opened(program)
    lowered = straight.lower(program)
    code = build(lowered.text, level=lowered.level, symbols=lowered.symbols)
    core = ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_void_p] * 3)(code.address("core"))
    lines = program.lines
    given_ = [np.array(x, lines[i].dtype) for x, i in zip(args, program.inputs, strict=True)]
    results = [np.full(lines[i].shape, 7, lines[i].dtype) for i in program.outputs]

    def addresses(arrays):
        return (ctypes.c_void_p * max(1, len(arrays)))(*[a.ctypes.data for a in arrays])

    status = core(*map(addresses, (given_, results, lowered.constants)))
    return status, results


def count(program):
    """How many lines of a list are operations."""
    return sum(line.row is not None for line in program.lines)


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def mixing(x):
    b = np.linspace(0.02, 0.03, len(x))
    A = MATRIX[: len(x), : len(x)]
    bx = np.dot(b, x)
    return np.sum(x * np.log(x / (1 - bx))) - x @ (A + A.T) @ x / bx * np.log((1 + bx) / (1 - bx))


def mutated(x):
    y = np.zeros_like(x)
    y[1:4] = x[:3] * x[3:]
    y[0] = 2.0
    y[ONTO[:2]] = x[4:]
    return np.sum(y * x)


def planets(x):
    r = np.reshape(x, (3, 2))
    d = r[:, None] - r[None, :] + np.array([0.1, 0.2])
    return np.sum(np.where(np.eye(3) > 0, 0.0, np.sum(d**2, -1) ** -0.5))


FUNCTIONS = {
    "Rosenbrock": rosenbrock,
    "mixture": mixing,
    "assignment": mutated,
    "planets": planets,
    "products": lambda x: np.prod(x) + np.sum(np.outer(x, x) @ MATRIX),
    "powers": lambda x: np.sum(x**3 + x**-2 + x**0.5 + x**2.5 + x**1 + x**0) + x[0] ** x[1],
    "einsum": lambda x: np.einsum("i,ij,j->", x, MATRIX, np.sin(x)) + np.trace(np.outer(x, x)),
    "convolution": lambda x: (
        np.sum(np.convolve(x, x[:3], "same") ** 2) + np.sum(np.correlate(x, x))
    ),
    "running": lambda x: np.sum(np.cumsum(x) * np.cumprod(x)) + np.sum(np.diff(x, 2) ** 2),
    "segments": lambda x: np.sum(np.add.reduceat(x, [0, 2, 3]) ** 3),
    "taken": lambda x: np.sum(x[ONTO] * np.arange(4.0)) * np.sum(np.roll(x, 2)[::-1] * x),
    "choices": lambda x: np.sum(np.where(x > 1, np.exp(x), x**2) * np.maximum(x, 0.9) + abs(x - 1)),
    "functions": lambda x: (
        np.sum(np.tanh(x) + np.arctan2(x, x[::-1] + 1) + np.hypot(x, 2) + np.logaddexp(x, 0.5))
        + np.sum(np.log1p(x) * np.expm1(-x) + np.arcsinh(x) / np.cosh(x) + np.cbrt(x))
        + np.sum(scipy.special.erf(x) + scipy.special.expit(x) + np.arcsin(x / 2))
    ),
    "remainders": lambda x: np.sum(np.remainder(7 * x, 2.0) ** 2 + np.fmod(7 * x, 2.0) * x),
    "quotients": lambda x: (x[0] / x[1] + 3 / x[2] - x[3] / 4) / (-x[4] / x[5]),
    "linear": lambda x: np.sum(MATRIX @ x),
    "one variable": lambda x: np.exp(-x[3] * x[3]),
}
every_function = pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)


# --- taking apart ----------------------------------------------------------------------------


@every_function
def test_expansion_computes_the_same(f):
    program = apart(f, POSITIVE)
    assert all(not line.shape or line.is_input for line in program.lines)
    for x in (POSITIVE, POSITIVE[::-1].copy()):
        np.testing.assert_allclose(run(program, x)[0], f(x), rtol=1e-13)


def test_every_output_is_put_together():
    def f(x, m, k):
        padded = np.pad(x * 2, 1)
        return padded, m.T @ x, x, m > 0, k + 1, np.any(m > 3), np.sum(x)

    args = (POSITIVE[:2], MATRIX[:2, :3], np.int64(4))
    program = apart(f, *args)
    for found, expected in zip(run(program, *args), f(*args), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-15)
        assert np.shape(found) == np.shape(expected)
    status, results = called(program, *args)
    assert status == 0
    for found, expected in zip(results, f(*args), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-15)


def test_gradients_written_on_arrays_lose_their_padding():
    program = apart(ta.grad(rosenbrock), np.linspace(-1, 1, 30))
    assert count(program) < 30 * 15
    zeros = [line for line in program.lines if line.is_constant and np.all(line.value == 0)]
    assert not zeros


def test_what_is_no_straight_line_of_scalars_is_not_taken_apart():
    refused = {
        "solve": lambda x: np.linalg.solve(MATRIX, x),
        "sort": np.sort,
        "argmax": lambda x: x[np.argmax(x)],
        "complex": lambda x: x * 1j,
        "unknown": lambda x: scipy.special.zetac(x),
    }
    for name, f in refused.items():
        assert expand(listed(f, POSITIVE), 10_000) is None, name


def test_limit():
    program = listed(rosenbrock, np.ones(50))
    size = count(expand(program, 10_000))
    assert expand(program, size + 10) is not None
    assert expand(program, size - 10) is None
    assert expand(listed(lambda x: MATRIX[:1, :1] * x, np.ones(10**6)), 1000) is None


def test_a_number_zero_is_not_nothing():
    program = apart(lambda x: np.sum(np.array([0.0, 1.0]) * x), np.array([1.0, 2.0]))
    assert np.isnan(run(program, np.array([np.inf, 1.0]))[0])
    assert np.isnan(called(program, np.array([np.inf, 1.0]))[1][0])
    # what padding is multiplied by does not matter
    program = apart(ta.grad(lambda x: x[0] ** 2 * np.log(x[1])), np.array([1.0, 2.0]))
    status, (g,) = called(program, np.array([0.0, np.inf]))
    assert status == 0
    assert g[0] != g[0]
    assert g[1] == 0


def test_guards_stay():
    def f(x):
        if x[0] > 1:
            return x[0] * x[1]
        return np.where(x[1] > 3, x[0], x[1]) if not np.all(x > 0) else x[1]

    program = apart(f, np.array([0.5, 2.0]))
    assert len(program.guards) == 2
    for derived in (program, derivatives(apart(f, np.array([2.0, 2.0])), [0, 1])):
        assert all(not derived[g.line].shape for g in derived.guards)
    assert called(program, np.array([0.5, 2.0]))[0] == 0
    assert called(program, np.array([1.5, 2.0]))[0] == 1
    assert called(program, np.array([0.5, -2.0]))[0] == 2


# --- assemble --------------------------------------------------------------------------------


def test_assemble_is_a_linear_row_like_any_other():
    sources, places = np.array([1, 0, 1]), np.array([0, 3, 4])

    def put(a, b):
        return assemble(a, b, sources=sources, places=places, shape=(2, 3))

    np.testing.assert_array_equal(put(2.0, 3.0), [[3, 0, 0], [2, 3, 0]])

    def f(x):
        return np.sum(put(x[0] ** 2, x[0] * x[1]) * np.arange(6.0).reshape(2, 3))

    x = np.array([3.0, 5.0])  # 3 x0² + 4 x0 x1
    np.testing.assert_allclose(ta.grad(f)(x), [6 * 3 + 4 * 5, 4 * 3])
    np.testing.assert_allclose(ta.hessian(f)(x), [[6, 4], [4, 0]])
    np.testing.assert_allclose(ta.hessian(f, method="hyperdual")(x), [[6, 4], [4, 0]])
    np.testing.assert_allclose(ta.derivative_tensor(f, 2)(x), [[6, 4], [4, 0]])


# --- derivatives -----------------------------------------------------------------------------


@every_function
def test_derivatives_agree_with_the_eager_ones(f):
    program = derivatives(apart(f, POSITIVE), [0, 1, 2, 3])
    for order, found in enumerate(run(program, POSITIVE)):
        expected = ta.derivative_tensor(f, order)(POSITIVE) if order else f(POSITIVE)
        scale = np.max(abs(expected), initial=1e-300)
        np.testing.assert_allclose(found / scale, expected / scale, atol=1e-12)
    status, results = called(program, POSITIVE)
    assert status == 0
    for found, expected in zip(results, run(program, POSITIVE), strict=True):
        scale = np.max(abs(expected), initial=1e-300)
        np.testing.assert_allclose(found / scale, expected / scale, atol=1e-14)


def test_derivatives_by_closed_form():
    def f(x):
        return np.exp(x[0] * x[1]) * np.sin(x[2])

    x = np.array([0.3, 0.7, 1.1])
    with mpmath.workdps(40):
        third = [
            mpmath.diff(lambda *v: mpmath.exp(v[0] * v[1]) * mpmath.sin(v[2]), tuple(x.tolist()), n)
            for n in ((1, 1, 1), (2, 1, 0), (0, 0, 3), (1, 0, 2))
        ]
    tensor = run(derivatives(apart(f, x), [3]), x)[0]
    found = [tensor[i] for i in ((2, 0, 1), (0, 1, 0), (2, 2, 2), (2, 0, 2))]
    np.testing.assert_allclose(found, np.array(third, float), rtol=1e-14)


def test_hessian_of_many_arguments_is_one_matrix():
    def f(a, b, c):
        return a * np.sum(b**2) + c[0, 1] * b[0] * a

    args = (np.float64(2.0), np.array([1.0, 3.0]), np.ones((2, 2)))
    program = derivatives(apart(f, *args), [1, 2], inputs=[1, 2])
    gradient, hessian = run(program, *args)
    np.testing.assert_allclose(gradient, [4 + 2, 12, 0, 2, 0, 0])
    expected = np.zeros((6, 6))
    expected[0, 0] = expected[1, 1] = 4
    expected[0, 3] = expected[3, 0] = 2
    np.testing.assert_allclose(hessian, expected)


def test_diagonal():
    x = POSITIVE
    np.testing.assert_allclose(
        run(diagonal(apart(mixing, x)), x)[0], np.diag(ta.hessian(mixing)(x)), rtol=1e-12
    )


def test_a_sparse_hessian_takes_lines_in_proportion():
    sizes = [count(derivatives(apart(rosenbrock, np.ones(n)), [2])) for n in (20, 40, 60)]
    assert sizes[1] - sizes[0] == sizes[2] - sizes[1]
    assert sizes[2] < 60 * 12
    program = derivatives(apart(rosenbrock, np.ones(60)), [2])
    line = program[program.outputs[0]]
    assert line.row is assemble
    assert len(line.params["places"]) == 60 + 2 * 59
    assert len(line.operands) == 60 + 59


def test_a_constant_hessian_is_a_constant():
    program = derivatives(apart(lambda x: x @ (MATRIX @ x), POSITIVE), [2])
    assert program[program.outputs[0]].is_constant
    status, (hessian,) = called(program, POSITIVE)
    assert status == 0
    np.testing.assert_allclose(hessian, MATRIX + MATRIX.T, rtol=1e-15)


def test_products_that_are_the_same_are_computed_once():
    program = derivatives(apart(lambda x: np.exp(np.dot(MATRIX[0], x)), POSITIVE), [1, 2, 3])
    assert sum(line.row is not None and line.row.name == "exp" for line in program.lines) == 1


def test_choices_keep_infinities_out():
    def f(x):
        return 1 / np.where(x[0] > 0, x[0], x[1])

    program = derivatives(apart(f, np.array([1.0, 2.0])), [1, 2])
    _, (gradient, hessian) = called(program, np.array([0.0, 0.0]))
    np.testing.assert_array_equal(gradient, [0, -np.inf])
    np.testing.assert_array_equal(hessian, [[0, 0], [0, np.inf]])


def test_local_series():
    def f(x):
        return np.sum(np.sinc(x) * x)

    program = derivatives(apart(f, POSITIVE), [1, 2, 3])
    for order, found in enumerate(run(program, POSITIVE), 1):
        np.testing.assert_allclose(found, ta.derivative_tensor(f, order)(POSITIVE), atol=1e-12)


def test_rows_without_a_program_are_told():
    from taylorad.primitives.registry import Elementwise, enter

    odd = enter(
        Elementwise(
            lambda x: x * 2.0,
            name="odd",
            partials=lambda y, x: 1.0 if x > 0 else 2.0,
            exact=lambda mp, x: 2 * x,
        )
    )
    program = apart(lambda x: odd(x[0]), np.array([1.0]))
    with pytest.raises(NotDifferentiable):
        derivatives(program, [1])


OPERATIONS = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / (2 + b * b),
    "sine": lambda a, b: np.sin(a),
    "negative": lambda a, b: -a,
    "tangent": lambda a, b: np.tanh(a - b),
    "double": lambda a, b: 0.5 * a,
    "square": lambda a, b: a**2,
    "choice": lambda a, b: np.where(a > b, a * b, b),
    "root": lambda a, b: np.sqrt(1 + a * a),
    "shift": lambda a, b: np.concatenate([a[1:], b[:1]]),
    "mean": lambda a, b: a - np.mean(b),
}


@quick
@given(st.data())
def test_random_programs(data):
    steps = data.draw(st.lists(st.sampled_from(sorted(OPERATIONS)), min_size=1, max_size=9))
    picks = [data.draw(st.tuples(*[st.integers(0, 2 + i)] * 2)) for i in range(len(steps))]

    def f(x):
        values = [x, x * x, np.cos(x)]
        for step, (i, j) in zip(steps, picks, strict=True):
            values.append(OPERATIONS[step](values[i], values[j]))
        return np.sum(values[-1])

    x = np.array([0.3, -0.7, 1.2])
    program = derivatives(apart(f, x), [0, 1, 2])
    expected = f(x), ta.grad(f)(x), ta.hessian(f)(x)
    for outputs in (run(program, x), called(program, x)[1]):
        for found, reference in zip(outputs, expected, strict=True):
            scale = np.max(abs(reference), initial=1.0)
            np.testing.assert_allclose(found / scale, reference / scale, atol=1e-13)


# --- in a trace ------------------------------------------------------------------------------


def both(driver, *args):
    """A derivative eagerly, and from a trace that takes it apart."""
    program = listed(driver, *args, takes_apart=True)
    arrays = {line.row.name for line in program.lines if line.shape and line.row is not None}
    assert arrays <= {"isnan", "reshape", "index", "assemble"}
    small = expand(program, 20_000)
    status, results = called(small, *args)
    assert status == 0
    expected = driver(*args)
    expected = expected if isinstance(expected, tuple) else (expected,)
    for found, reference in zip(results, expected, strict=True):
        np.testing.assert_allclose(found, reference, rtol=1e-11, atol=1e-12)
    return program


@pytest.mark.parametrize("name", ["Rosenbrock", "mixture", "choices", "products"])
def test_drivers_write_derivatives_as_scalars(name):
    f = FUNCTIONS[name]
    both(ta.hessian(f), POSITIVE)
    both(ta.value_grad_hessian(f), POSITIVE)
    both(ta.hessian_diagonal(f), POSITIVE)
    both(ta.derivative_tensor(f, 3), POSITIVE)
    both(ta.derivative_tensor(f, 2), POSITIVE)


def test_long_programs():
    x = np.linspace(-1, 1, 100)
    small = expand(listed(ta.hessian(rosenbrock), x, takes_apart=True), 4000)
    assert straight.lower(small).level == 0
    np.testing.assert_allclose(called(small, x)[1][0], ta.hessian(rosenbrock)(x), rtol=1e-12)
    assert straight.lower(apart(rosenbrock, x[:5])).level == 1


def test_what_can_be_written():
    assert straight.lowerable(apart(mixing, POSITIVE))
    assert straight.lowerable(derivatives(apart(lambda x: np.sum(x**2.5), POSITIVE), [1, 2]))
    assert not straight.lowerable(apart(np.sinc, POSITIVE))


def test_shapes_of_arguments():
    x = POSITIVE.reshape(3, 2)
    both(ta.hessian(lambda m: np.sum(np.sin(m @ m.T))), x)
    both(ta.derivative_tensor(lambda m: np.sum(np.sin(m @ m.T)), 3), x)
    both(ta.hessian(lambda t: np.exp(t * t)), np.float64(0.3))


def test_values_of_the_outer_call_are_arguments():
    def g(x, t):
        def f(z):
            return np.sum(np.sin(z) * t) * (z[0] if t[0] > 0 else z[1])

        return ta.hessian(f)(x * 2)

    x, t = POSITIVE[:3], POSITIVE[3:]
    program = listed(g, x, t, takes_apart=True)
    small = expand(program, 1000)
    np.testing.assert_allclose(called(small, x, t)[1][0], g(x, t), rtol=1e-12)
    np.testing.assert_allclose(called(small, t, x)[1][0], g(t, x), rtol=1e-12)
    assert called(small, x, -t)[0] > 0


def test_checks_are_made():
    small = expand(listed(ta.hessian(rosenbrock), POSITIVE, takes_apart=True), 5000)
    assert called(small, POSITIVE)[0] == 0
    assert called(small, np.where(np.arange(6) == 4, np.nan, POSITIVE))[0] == 1
    with pytest.raises(OutputError, match="shape"):
        listed(ta.hessian(lambda x: x), POSITIVE, takes_apart=True)


def test_other_functions_go_the_usual_way():
    def f(x):
        return np.sum(np.linalg.solve(np.eye(3) + np.outer(x, x), x))

    program = listed(ta.hessian(f), POSITIVE[:3], takes_apart=True)
    np.testing.assert_allclose(run(program, POSITIVE[:3])[0], ta.hessian(f)(POSITIVE[:3]))
    large = listed(ta.hessian(rosenbrock), np.ones(500), takes_apart=True)
    assert len(large) < 500
    assert len(listed(ta.hessian(rosenbrock), POSITIVE)) < 60  # for people: on arrays
