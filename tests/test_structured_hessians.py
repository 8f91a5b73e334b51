"""Hessians by the structure of the gradient's program agree with those of forward over reverse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import taylorad as ta
from taylorad.dispatch.containers import flatten
from taylorad.drivers.structure import structured
from taylorad.primitives.linear import assemble
from taylorad.reverse.structured import jacobian
from taylorad.reverse.terms import Product, Row, Term, Unit, added, diagonal, pulled, written
from taylorad.wengert.list import WengertList
from taylorad.wengert.simplify import normal_form
from taylorad.wengert.trace import Trace

quick = settings(derandomize=True, deadline=None, max_examples=60, database=None)

rng = np.random.default_rng(11)
N = 7
X = rng.uniform(0.3, 1.2, N)
SQUARE = rng.standard_normal((N, N))
TALL = rng.standard_normal((12, N))
WEIGHTS = rng.uniform(0.5, 1.5, N)
TARGET = rng.standard_normal(12)
ONTO = np.array([2, 0, 5, 2, 2, 6, 1, 2, 2])


def helmholtz(x):
    bx = WEIGHTS @ x / 20
    mixing = np.sum(x * np.log(x / (1 - bx)))
    attraction = x @ (SQUARE + SQUARE.T) @ x / (np.sqrt(8) * bx)
    return mixing - attraction * np.log((1 + 2.4 * bx) / (1 - 0.4 * bx))


def stencil(x):
    inner = 2 * x[1:-1] - x[:-2] - x[2:]
    return np.sum(np.sin(inner) ** 2) + np.sum(np.exp(x[::2])) + x[0] * x[-1]


def softmax_entropy(x):
    p = np.exp(x - np.max(x))
    p = p / np.sum(p)
    return -np.sum(p * np.log(p))


def on_a_grid(x):
    u = np.zeros((5, 5), like=x)
    u[1:-1, 1:-1] = np.reshape(np.concatenate([x, x[:2] ** 2]), (3, 3))
    return np.sum((u[1:] - u[:-1]) ** 2 * np.cos(u[1:])) + np.sum((u[:, 1:] - u[:, :-1]) ** 4)


FUNCTIONS = {
    "rosenbrock": lambda x: np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2),
    "helmholtz": helmholtz,
    "stencil": stencil,
    "grid": on_a_grid,
    "logistic regression": lambda x: np.sum(np.logaddexp(0, TALL @ x)) + 0.5 * x @ x,
    "least squares": lambda x: np.sum((TALL @ np.sin(x) - TARGET) ** 2),
    "least squares, einsum": lambda x: np.sum((np.einsum("ij,j->i", TALL, x) - TARGET) ** 4),
    "a matrix from the right": lambda x: np.sum(np.tanh(x @ SQUARE) ** 3),
    "a chain of matrices": lambda x: np.sum(np.exp(0.1 * TALL @ np.sin(SQUARE @ np.cos(x)))),
    "quadratic": lambda x: x @ SQUARE @ x,
    "outer product": lambda x: np.sum(np.cos(np.outer(x, x[:3]))),
    "pairs": lambda x: np.sum(np.exp(-((x[:, None] - x) ** 2))),
    "outer product, einsum": lambda x: np.sum(np.cos(np.einsum("i,j->ij", x, x[:3]))),
    "einsum, both ways": lambda x: np.sum(np.einsum("ij,i->j", np.outer(x, x**2), x) ** 2),
    "norm": lambda x: np.linalg.norm(x - 2),
    "norms": lambda x: np.sum(np.linalg.norm(TALL * x, axis=1)),
    "logsumexp": lambda x: np.log(np.sum(np.exp(x * WEIGHTS))),
    "softmax": softmax_entropy,
    "variance": lambda x: np.var(x) ** 2 + np.mean(x**3) * np.std(x),
    "product": lambda x: np.prod(x) + np.prod(x[:3]) * x[4],
    "where": lambda x: np.sum(np.where(x > 0.7, x**3, np.sin(x) * x[0])),
    "where, fixed": lambda x: np.sum(np.where(WEIGHTS > 1, x**3, np.sin(x) * x[0]) ** 2),
    "maximum": lambda x: np.max(x) * np.sum(np.maximum(x, 0.6) ** 2),
    "gather": lambda x: np.sum(x[ONTO] ** 3 * np.arange(9.0)) * np.sum(x[[0, 0, 3]]),
    "cumulative": lambda x: np.sum(np.sin(np.cumsum(x)) * x),
    "convolution": lambda x: np.sum(np.convolve(x**2, [1.0, -2.0, 1.0]) ** 3),
    "columns": lambda x: np.sum(np.sum(np.reshape(x[:6], (2, 3)) ** 2, axis=0) ** 2),
    "rows": lambda x: np.prod(np.sum(TALL * np.sin(x), axis=1) + 9),
    "stacked": lambda x: np.sum(np.stack([x, x**2, np.full(N, x[3])]) ** 3 * WEIGHTS),
    "concatenated": lambda x: np.sum(
        np.concatenate([x[4:] * x[0], x[:2], np.ones(2), [np.sum(x)]]) ** 3 * WEIGHTS[0]
    ),
    "padded": lambda x: np.sum(np.pad(x, (1, 2)) ** 2 * np.roll(np.pad(x, (2, 1)), 1) ** 2),
    "zeros": lambda x: np.sum(x[1:] ** 2 * x[:-1] ** 2) + np.exp(2.0),
    "scalars": lambda x: np.exp(x[0] * x[1]) * np.sin(x[2]) / (1 + x[3] ** 2),
    "power": lambda x: np.sum(x ** x[::-1]) + np.sum(2.0**x) + np.sum(x**0.5),
    "quotient": lambda x: np.sum(x / np.sum(x)) ** 2 + np.sum(1 / (1 + x[1:] * x[:-1])),
    "a third of it": lambda x: np.sum(x[2:4] ** 3),
    "matrix of variables": lambda x: np.sum((np.reshape(x[:6], (2, 3)) @ TALL[:3, :4]) ** 3),
    "flipped": lambda x: np.sum(x[::-1] * np.cos(x) * np.transpose(np.reshape(x, (1, N)))[:, 0]),
}


def by_structure(f, orders=(2,)):
    """Derivatives by structure and no other way."""

    def derivatives(x):
        found = structured(lambda leaves: f(*leaves), [x], orders)
        assert found is not None
        return tuple(found)

    return derivatives


def traced(f, *args):
    """The list of a call, as it is made for the compiler."""
    trace = Trace(takes_apart=True)
    results = f(*map(trace.argument, args))
    trace.closed = True
    results = results if isinstance(results, tuple) else (results,)
    lifted = [y if hasattr(y, "tape") else trace.argument(X).lift(y) for y in results]
    return normal_form(trace, [y.number for y in lifted])


def run(program, *args):
    with np.errstate(all="ignore"):
        values = program.evaluate(*args)
    return [values[i] for i in program.outputs]


def assert_close(ours, theirs, tolerance=1e-12):
    assert np.shape(ours) == np.shape(theirs)
    scale = np.max(np.abs(theirs), initial=1.0)
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * scale)


# --- agreement -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FUNCTIONS)
def test_agrees_with_forward_over_reverse(name):
    f = FUNCTIONS[name]
    found = run(traced(by_structure(f, [0, 1, 2]), X), X)
    for ours, theirs in zip(found, ta.value_grad_hessian(f)(X), strict=True):
        assert_close(ours, theirs)
    (ours,) = run(traced(by_structure(f, None), X), X)
    assert_close(ours, ta.hessian_diagonal(f)(X))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_holds_at_other_points(name):
    f, other = FUNCTIONS[name], np.sort(X) + 0.01
    program = traced(by_structure(f), np.sort(X))
    assert_close(run(program, other)[0], ta.hessian(f)(other))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_compiled(name):
    f = FUNCTIONS[name]
    assert_close(ta.compile(by_structure(f))(X)[0], ta.hessian(f)(X))
    assert_close(ta.compile(by_structure(f, None))(X)[0], ta.hessian_diagonal(f)(X))


def test_several_arguments():
    def loss(p, scale):
        z = TALL @ p["w"] * scale + p["b"]
        return np.sum(np.log(1 + np.exp(z))) + 0.1 * np.sum(p["w"] ** 2) * p["b"]

    p = {"w": X, "b": 0.3}
    for argnums in (0, 1, (0, 1)):
        compiled = ta.compile(ta.hessian(loss, argnums))(p, 0.7)
        eager = ta.hessian(loss, argnums)(p, 0.7)
        for ours, theirs in zip(flatten(compiled)[0], flatten(eager)[0], strict=True):
            assert_close(ours, theirs)


def test_arrays_with_axes_and_what_is_no_variable():
    def f(m, data):
        return np.sum(np.exp(m * data) * m[0]) + np.sum(data @ np.reshape(m, (-1,))[:3])

    m, data = rng.standard_normal((40, 3)), rng.standard_normal((40, 3))
    compiled, eager = ta.compile(ta.hessian(f))(m, data), ta.hessian(f)(m, data)
    assert_close(compiled, eager)
    data = data + 1
    assert_close(ta.compile(ta.hessian_diagonal(f))(m, data), ta.hessian_diagonal(f)(m, data))


def test_a_number_that_the_function_closes_over():
    def inner(c):
        return ta.hessian(lambda x: np.sum(np.exp(c * x)) * np.sum(x) ** 2)(np.arange(60.0) / 60)

    # The points are constants here: that is none of this way's business.
    assert_close(ta.compile(inner)(0.5), inner(0.5))

    def outer(x, c):
        return ta.hessian(lambda z: np.sum(np.exp(c * z)) * np.sum(z * x) ** 2)(x)

    x = np.arange(60.0) / 60
    compiled = ta.compile(outer)
    for c in (0.5, 0.7):
        assert_close(compiled(x, c), outer(x, c))


# --- form ------------------------------------------------------------------------------------


def terms_of(f, x):
    """The terms of the derivative of a gradient."""
    program = traced(ta.grad(f), x)
    values = program.evaluate(x)
    values = [v if line.value is None else line.value for v, line in zip(values, program.lines)]
    found, size = jacobian(program, program.outputs[0], values, 1)
    assert size == x.size
    return found


def test_what_has_bands_is_bands():
    terms = terms_of(FUNCTIONS["rosenbrock"], X)
    assert len(terms) == 3
    assert all(isinstance(term.kernel, Unit) for term in terms)


def test_a_function_of_a_product_is_a_product():
    (term,) = terms_of(lambda x: np.sum(np.log(1 + np.exp(TALL @ x))), X)
    assert isinstance(term.kernel, Product)
    assert isinstance(term.kernel.term.kernel, Product)


def test_helmholtz_has_a_diagonal_a_matrix_and_few_rows():
    kernels = [term.kernel for term in terms_of(helmholtz, X)]
    assert sum(isinstance(kernel, Unit) for kernel in kernels) == 1
    assert sum(isinstance(kernel, Product) for kernel in kernels) <= 2
    assert sum(isinstance(kernel, Row) for kernel in kernels) <= 4


def test_no_matrix_for_a_diagonal():
    n = 200
    A = rng.standard_normal((30, n))
    for f in (FUNCTIONS["rosenbrock"], lambda x: np.sum(np.log(1 + np.exp(A @ x)))):
        program = traced(by_structure(f, None), np.linspace(0.1, 0.9, n))
        for line in program.lines:
            assert line.is_constant or np.prod(line.shape) <= n


def test_the_diagonal_of_a_million():
    x = np.linspace(-1.0, 1.0, 10**6)
    d = ta.compile(ta.hessian_diagonal(FUNCTIONS["rosenbrock"]))(x)
    expected = np.full(x.size, 200.0)
    expected[0] = 0
    expected[:-1] += 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
    np.testing.assert_allclose(d, expected, rtol=1e-12)


# --- which way -------------------------------------------------------------------------------


def compiled_lines(f, x):
    compiled = ta.compile(ta.hessian(f))
    assert_close(compiled(x), ta.hessian(f)(x))
    (program,) = compiled.programs
    return [line for line in program.lines if line.row is not None]


def test_few_scalars_are_taken_apart():
    lines = compiled_lines(FUNCTIONS["scalars"], X)
    assert all(not line.shape for line in lines if line.dtype == float and line.row is not assemble)
    assert lines[-1].row is assemble


def test_many_are_left_together():
    x = np.linspace(0.1, 0.9, 300)
    assert len(compiled_lines(FUNCTIONS["rosenbrock"], x)) < 40
    assert len(compiled_lines(lambda x: np.sum(np.exp(x)) ** 2, x)) < 40


def test_products_of_variables_go_the_usual_way():
    def f(x):
        m = np.reshape(x, (8, 8))
        return np.sum(np.tanh(m @ np.sin(m)))

    x = rng.standard_normal(64)
    assert_close(ta.compile(ta.hessian(f))(x), ta.hessian(f)(x))


# --- giving up -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum((np.reshape(x[:4], (2, 2)) @ np.reshape(x[:4] ** 2, (2, 2))) ** 2),
        lambda x: np.sum(np.linalg.solve(SQUARE + np.diag(x), x)),
        lambda x: np.sum(np.sort(x) ** 2 * np.arange(float(N))),
    ],
    ids=["matrices", "solve", "sorted"],
)
def test_gives_up(f):
    trace = Trace(takes_apart=True)
    x = trace.argument(X)
    assert structured(lambda leaves: f(*leaves), [x], [2]) is None
    assert_close(ta.compile(ta.hessian(f))(X), ta.hessian(f)(X), 1e-10)
    assert_close(ta.compile(ta.hessian_diagonal(f))(X), ta.hessian_diagonal(f)(X), 1e-10)


def test_is_for_machines():
    assert structured(lambda leaves: np.sum(leaves[0] ** 2), [X], [2]) is None
    assert structured(lambda leaves: np.sum(leaves[0] ** 2), [Trace().argument(X)], [2]) is None


def test_errors_are_those_of_the_function():
    def f(x):
        raise ValueError("not today")

    with pytest.raises(ValueError, match="not today"):
        ta.compile(ta.hessian(f))(X)


# --- terms -----------------------------------------------------------------------------------


def dense(term):
    """The matrix of a term, by the definition."""
    kernel = term.kernel
    if isinstance(kernel, Unit):
        rows = np.eye(kernel.height)
    elif isinstance(kernel, Row):
        rows = kernel.row[None]
    else:
        rows = kernel.matrix @ dense(kernel.term)
    scale = np.broadcast_to(term.scale, term.places.shape).ravel()
    places = term.places.ravel()
    return np.where(places[:, None] >= 0, scale[:, None] * rows[places], 0)


def terms(n):
    """Terms of n rows of every kind."""
    unit, row = Unit(n), Row(rng.standard_normal(n))
    tall = Product(rng.standard_normal((n + 2, n)), Term(1.0, np.arange(n), unit))
    scaled = Product(rng.standard_normal((n, n)), Term(rng.standard_normal(n), np.arange(n), unit))
    mixed = np.array([3, -1, 0, 0, 2, 1][:n])
    sparse = Product(rng.standard_normal((n, n)), Term(rng.standard_normal(n), mixed, unit))
    inner = Term(rng.standard_normal(n + 2), np.arange(n + 2), tall)
    chain = Product(rng.standard_normal((n, n + 2)), inner)
    longer = Product(rng.standard_normal((n, n)), Term(2.0, np.arange(n)[::-1], chain))
    picked = Product(rng.standard_normal((n, n)), Term(rng.standard_normal(n), mixed, tall))
    for kernel in (unit, row, tall, scaled, sparse, chain, longer, picked):
        for places in (np.arange(n), mixed, np.full(n, 1)):
            for scale in (1.0, 2.5, rng.standard_normal(n)):
                yield Term(scale, places % kernel.height if kernel is row else places, kernel)


def test_products_diagonals_and_matrices_of_terms():
    n = 6
    u = rng.standard_normal(n)
    for term in terms(n):
        if isinstance(term.kernel, Row) and np.any(term.places < 0):
            continue
        expected = dense(term)
        whole = Product(np.eye(n), term)
        assert_close(np.broadcast_to(pulled(u, whole), (n,)), u @ expected)
        assert_close(np.broadcast_to(diagonal(term, n), (n,)), np.diagonal(expected))
        if not isinstance(term.kernel, Unit):
            assert_close(np.broadcast_to(written(term), (n, n)), expected)


def test_terms_are_merged():
    unit = Unit(4)
    first = Term(np.array([1.0, 2, 9, 3]), np.array([0, 1, -1, 3]), unit)
    second = Term(2.0, np.array([-1, -1, 2, -1]), unit)
    (both,) = added([first, second])
    assert_close(dense(both), np.diag([1.0, 2, 2, 3]))
    assert len(added([first, Term(1.0, np.array([1, 1, 1, 1]), unit)])) == 2


# --- random programs -------------------------------------------------------------------------

STEPS = [
    lambda x, u, v: u + v,
    lambda x, u, v: u * v,
    lambda x, u, v: u - 0.5 * v[::-1],
    lambda x, u, v: np.sin(u),
    lambda x, u, v: np.exp(0.3 * np.tanh(u)),
    lambda x, u, v: u / (2 + np.cos(v)),
    lambda x, u, v: u * np.sum(v) / 7,
    lambda x, u, v: 0.3 * SQUARE @ u,
    lambda x, u, v: np.concatenate([u[2:], v[:2]]),
    lambda x, u, v: np.where(WEIGHTS > 1, u, v),
    lambda x, u, v: np.where(x > 0.7, u, 0.5),
    lambda x, u, v: u * v[0],
    lambda x, u, v: np.sum(np.outer(u, v), axis=1) / 5,
    lambda x, u, v: np.pad(u[1:-1], 1) + x,
    lambda x, u, v: np.cumsum(u) / 4,
    lambda x, u, v: u[[0, 0, 3, 2, 1, 6, 6]],
    lambda x, u, v: np.full(N, u @ v / 9),
]


@quick
@given(
    st.lists(
        st.tuples(st.sampled_from(range(len(STEPS))), *[st.integers(0, 5)] * 2),
        min_size=1,
        max_size=7,
    )
)
def test_random_programs(steps):
    def f(x):
        values = [x, x**2]
        for step, i, j in steps:
            values.append(
                STEPS[step](x, values[-1 - i % len(values)], values[-1 - j % len(values)])
            )
        return np.sum(values[-1] * np.cos(values[-2]))

    trace = Trace(takes_apart=True)
    found = structured(lambda leaves: f(*leaves), [trace.argument(X)], [1, 2])
    if found is None:
        return
    found = found + structured(lambda leaves: f(*leaves), [Trace.argument(trace, X)], None)
    expected = [ta.grad(f)(X), ta.hessian(f)(X), ta.hessian_diagonal(f)(X)]
    for ours, theirs in zip(found, expected, strict=True):
        assert_close(getattr(ours, "value", ours), theirs)


def test_lists_are_not_changed():
    program = traced(ta.grad(helmholtz), X)
    before = str(program)
    assert isinstance(program, WengertList)
    jacobian(program, program.outputs[0], program.evaluate(X), 1)
    assert str(program) == before


def test_choices_of_the_function_are_kept():
    def f(x):
        return np.sum(np.exp(x) * x[0]) if x[0] > 0 else np.sum(x**4) * x[1]

    x = np.linspace(0.1, 0.9, 60)
    compiled = ta.compile(ta.hessian(f))
    for point in (x, -x, x):
        assert_close(compiled(point), ta.hessian(f)(point))
    assert len(compiled.programs) == 2


def test_no_nan_from_what_is_not_chosen():
    def f(x):
        return np.sum(np.where(x > 0, np.sqrt(np.where(x > 0, x, 1.0)), x**2)) * np.sum(x)

    x = np.linspace(-1.0, 1.0, 60)
    assert_close(ta.compile(ta.hessian(f))(x), ta.hessian(f)(x))
    assert np.isfinite(ta.compile(ta.hessian_diagonal(f))(x)).all()
