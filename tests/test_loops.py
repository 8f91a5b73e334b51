"""Programs lowered to loops compute what the list of their lines does."""

import ctypes

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import taylorad as ta
from taylorad.compiler.loops import lowering as loops
from taylorad.compiler.loops.indices import Affine, Split, variable
from taylorad.compiler.opening import opened
from taylorad.machine.module import build
from taylorad.wengert.simplify import normal_form
from taylorad.wengert.trace import Trace

RNG = np.random.default_rng(2)


def uniform(*shape):
    return RNG.uniform(0.2, 1.5, shape)


def program_of(f, *xs):
    trace = Trace()
    with np.errstate(all="ignore"):
        y = f(*(trace.argument(x) for x in xs))
    trace.closed = True
    results = y if isinstance(y, (tuple, list)) else [y]
    return opened(normal_form(trace, [r.number for r in results if hasattr(r, "number")]))


def addresses(arrays):
    return (ctypes.c_void_p * (len(arrays) + 1))(*(a.ctypes.data for a in arrays))


class Core:
    """A lowered program that can be called."""

    def __init__(self, program):
        self.program = program
        self.lowered = loops.lower(program)
        code = build(self.lowered.text, level=self.lowered.level, symbols=self.lowered.symbols)
        kind = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * 3)
        self.call, self.code = kind(code.address("core")), code

    def __call__(self, *xs):
        lines = self.program.lines
        inputs = [
            np.ascontiguousarray(x, lines[i].dtype)
            for x, i in zip(xs, self.program.inputs, strict=True)
        ]
        # What lies around the results is watched.
        rooms = [
            np.ones(int(np.prod(lines[i].shape)) + 16, lines[i].dtype) for i in self.program.outputs
        ]
        results = [
            room[8:-8].reshape(lines[i].shape)
            for room, i in zip(rooms, self.program.outputs, strict=True)
        ]
        tables = map(addresses, (inputs, results, self.lowered.constants))
        code = self.call(*tables)
        assert all(np.all(room[:8] == 1) and np.all(room[-8:] == 1) for room in rooms)
        return code, results


def expected(program, *xs):
    """The code a core returns, and its results."""
    with np.errstate(all="ignore"):
        values = program.evaluate(*xs)
    failed = (k for k, g in enumerate(program.guards) if bool(values[g.line]) != g.expected)
    return next(failed, -1) + 1, [values[i] for i in program.outputs]


def check(program, *xs, rtol=1e-12):
    for line in program.lines:
        assert line.row is None or loops.lowerable(line, program), line.row
    core = Core(program)
    code, results = core(*xs)
    wanted, values = expected(program, *xs)
    assert code == wanted
    if not code:
        for result, value in zip(results, values, strict=True):
            size = np.max(np.abs(np.asarray(value, float)), initial=1, where=np.isfinite(value))
            np.testing.assert_allclose(result, value, rtol=rtol, atol=rtol * size)
    return core


CASES = {}


def case(*arguments):
    def enter(f):
        xs = [uniform(*a) if isinstance(a, tuple) else a for a in arguments]
        CASES[f.__name__] = f, xs
        return f

    return enter


@case((12,))
def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


@case((5, 4), (4,))
def broadcasts(a, b):
    return a * b + np.sin(a)


@case((30, 40))
def sums_along_axes(a):
    return np.sum(a, axis=1), np.sum(a, axis=0), np.sum(a), a.T * 2


@case((10, 12, 9))
def sums_in_three_dimensions(a):
    return np.sum(a, axis=1), np.sum(a, axis=(0, 2)), np.sum(a, axis=(1, 2))


@case((10,), (3,))
def concatenates(a, b):
    return np.concatenate([a, b, a[::-1], b[1:2]]) * 2


@case((4, 3), (4, 2))
def concatenates_columns(a, b):
    return np.concatenate([a, b, b], axis=1) + 1


@case((10,))
def slices_backwards(a):
    return a[::-1][::2] + a[5:], a[7:1:-3]


@case((6, 4))
def reshapes(a):
    return a.reshape(3, 8) * 2, a.reshape(-1)[::3], a.T.reshape(8, 3) + 1, a.T.reshape(-1)


@case((12,))
def sums_of_blocks(a):
    return np.sum(a.reshape(4, 3) ** 2, axis=1)


@case((20,))
def rolls(a):
    return np.roll(a, 1) * a - np.roll(a, -2)


@case((6, 7))
def rolls_axes(a):
    return np.roll(a, 1, axis=1) * a - np.roll(a, -2, axis=0)


@case((6, 6))
def triangles(a):
    return np.tril(a) @ np.triu(a), np.diag(a), np.diag(a[0])


@case((6,))
def masks(a):
    return np.where(np.arange(6) < 3, a, a * a), np.where(a > 0.7, a, -a)


@case((7, 5))
def maxima(a):
    return np.max(a, axis=0), np.min(a)


@case((30,))
def gathers(a):
    return a[np.array([3, 1, 4, 1, 5])] * 2, np.repeat(a[:5], 3), np.tile(a[:4], 2)


@case((20,))
def assigns(a):
    y = np.zeros_like(a)
    y[3:10] = a[3:10] ** 2
    y[::5] = a[:4]
    y[0] = 7.0
    return y


@case((20, 30), (30, 25))
def multiplies_matrices(a, b):
    return a @ b


@case((3, 20, 30), (30, 5))
def multiplies_stacks(a, b):
    return a @ b


@case((3, 12, 13), (3, 13, 12))
def multiplies_small_matrices(a, b):
    return np.sin(a) @ b


@case((41, 35), (35, 41))
def adds_transposed(a, b):
    return a + b.T, np.sum(a * b.T, axis=0)


@case((5, 1, 20, 30), (4, 30, 25))
def multiplies_broadcast_stacks(a, b):
    return a @ b


@case((40, 40))
def multiplies_parts(a):
    return a[::2, 1:21] @ a[:20, ::3], a.T @ a, np.outer(a[0], a[1]) @ a


@case((14, 15))
def truths(a):
    t = a > 0.5
    counts = np.sum(t), np.sum(t, axis=0), np.cumsum(t, 0), np.argmax(t, axis=1)
    kept = np.any(t, axis=1, keepdims=True), np.all(t, axis=(0, 1))
    return *counts, *kept, t & (a < 0.8), t * a, ~t


@case((4, 20))
def sums_of_segments(a):
    parts = np.add.reduceat(a, [1, 3, 7], axis=1), np.add.reduceat(a[0], [2, 5, 8])
    return *parts, np.add.reduceat(a[0][:11], [2, 5, 8])


@case((20, 20))
def diagonals(a):
    return np.diagonal(a) ** 3, np.trace(a), np.tile(a[:3], (2, 2)), np.pad(a[0], 2, mode="wrap")


@case((60,), (9,))
def convolves_where_all_overlaps(a, b):
    return np.convolve(a, b, "valid")


@case((40, 60), (60,))
def multiplies_vectors(a, b):
    return a @ b, b @ a.T


@case((3, 14, 15), (14, 15, 12))
def contracts(a, b):
    return np.tensordot(a, b, 2), np.einsum("ijk,jkl->il", a, b)


@case((3, 4), (3, 5))
def contracts_little(a, b):
    return np.einsum("ij,ik->jk", a, b), np.einsum("ij,ik->i", a, b)


@case((50,))
def far_arguments(a):
    return np.sin(a * 1e14), np.cos(a), np.tan(a)


@case((9, 6))
def softmax(a):
    e = np.exp(a - np.max(a, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


@case((1, 5), (4, 1))
def axes_of_length_one(a, b):
    return a + b, np.sum(a, axis=0), np.sum(b, axis=1)


@case((0,), (4,))
def nothing_at_all(a, b):
    return np.sum(a), np.concatenate([a, b]), a * 2


@case((0, 5), (5, 0))
def no_rows(a, b):
    sums = np.sum(a, axis=0), np.sum(a, axis=1), np.sum(a), np.all(a > 0, axis=0)
    return *sums, np.cumsum(a, 0), np.argmax(a, axis=1), np.sort(b), a @ b, b @ a


@case((5,))
def empty_slices(a):
    return np.sum(np.exp(a[3:3]) * 2) + a


@case(np.arange(6))
def whole_numbers(i):
    return i * 2 + 1, i > 3, np.sum(i), np.any(i > 4), i / 2, i.astype(float)


@case((4, 4))
def running(a):
    return np.prod(a), np.cumsum(a.ravel()), np.cumsum(a, axis=0)


@case((4, 4), (4,))
def solves(a, b):
    return np.linalg.solve(a + 4 * np.eye(4), b)


@case((2, 3, 3), (3, 2))
def solves_stacks(a, b):
    return np.linalg.solve(a + 4 * np.eye(3), b)


@case((9,), (4,))
def convolves(a, b):
    return np.convolve(a, b)


@case((9,))
def repeated_results(a):
    return a, a, a * 1, a * 2, a * 2


@case((10,), np.array([3, -2, 7]))
def computed_places(a, i):
    return a[i]


@case((10, 5), np.array([3, -2, 7]))
def computed_rows(a, i):
    return a[:, 1:][i]


@case((12,))
def sorts(a):
    return np.sort(a)


@case((9, 9))
def heat(u):
    for _ in range(3):
        v = u[1:-1, 1:-1]
        laplacian = u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4 * v
        u = u.copy()
        u[1:-1, 1:-1] += 0.1 * laplacian
    return u


@case((40,))
def heat_on_a_ring(u):
    for _ in range(30):
        u = u + 0.1 * (np.roll(u, 1) - 2 * u + np.roll(u, -1))
    return u


def total(f):
    """A scalar function that depends on all results of another."""

    def scalar(*xs):
        y = f(*xs)
        ys = y if isinstance(y, tuple) else (y,)
        weights = (1 + np.arange(z.size).reshape(z.shape) for z in ys)
        return sum(np.sum(np.cos(z) * w) for z, w in zip(ys, weights) if z.dtype.kind in "fO")

    return scalar


@pytest.mark.parametrize("name", CASES)
def test_values(name):
    f, xs = CASES[name]
    check(program_of(f, *xs), *xs)


SMOOTH = [name for name, (_, xs) in CASES.items() if xs[0].dtype.kind == "f" and xs[0].size]


@pytest.mark.parametrize("name", SMOOTH)
def test_gradients(name):
    f, xs = CASES[name]
    check(program_of(ta.grad(total(f)), *xs), *xs, rtol=1e-10)


LONG_SORTS = {"softmax"}  # sorting is left to NumPy where there is much to sort


@pytest.mark.parametrize(
    "name", [n for n in SMOOTH if len(CASES[n][1]) == 1 and n not in LONG_SORTS]
)
def test_hessian_vector_products(name):
    f, (x,) = CASES[name]
    xs = x, uniform(*x.shape)
    check(program_of(ta.hvp(total(f)), *xs), *xs, rtol=1e-10)


@pytest.mark.parametrize("name", ["rosenbrock", "sums_of_blocks", "rolls", "reshapes", "assigns"])
def test_hessians(name):
    f, (x,) = CASES[name]
    check(program_of(ta.hessian(total(f)), x), x, rtol=1e-10)


@pytest.mark.parametrize("cpu", ["native", "avx2", "generic"])
def test_every_processor(cpu, monkeypatch):
    monkeypatch.setenv("TAYLORAD_CPU", cpu)
    for name in ("rosenbrock", "far_arguments", "softmax", "sums_along_axes", "maxima"):
        f, xs = CASES[name]
        check(program_of(f, *xs), *xs)
    x = uniform(1000)
    check(program_of(ta.grad(rosenbrock), x), x)


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 1023, 1024, 2048, 2049, 20_000])
def test_sums_are_as_exact_as_numpys(n):
    from math import fsum

    x = RNG.normal(size=n) * 10.0 ** RNG.integers(-8, 8, n)
    _, (y,) = Core(program_of(np.sum, x))(x)
    exact = fsum(x)
    assert abs(y - exact) <= max(2 * abs(np.sum(x) - exact), 2e-16 * np.sum(abs(x)))


@pytest.mark.parametrize("special", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("n", [5, 5000])
def test_sums_of_infinities(special, n):
    x = uniform(n)
    x[n // 2] = special
    core = Core(program_of(lambda x: (np.sum(x), np.sum(x, axis=0) * 2), x))
    _, (y, z) = core(x)
    np.testing.assert_equal([y, z], [special, special])


def test_special_values():
    special = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e300, 1e-310, -1e-310])
    x, y = (a.ravel() for a in np.meshgrid(special, special))

    def f(x, y):
        pairs = x + y, x - y, x * y, x / y, np.maximum(x, y), np.minimum(x, y), np.hypot(x, y)
        tests = x < y, x >= y, np.isnan(x), np.isinf(x), np.signbit(x), np.isfinite(x)
        alone = np.sqrt(x), abs(x), np.sign(x), np.floor(x), np.exp(x), np.log(x), x**2, np.tanh(x)
        return *pairs, *tests, *alone

    program = program_of(f, x, y)
    _, results = Core(program)(x, y)
    _, values = expected(program, x, y)
    for result, value in zip(results, values, strict=True):
        np.testing.assert_allclose(result, value, rtol=1e-15)


@pytest.mark.parametrize(
    "a",
    [
        [[1.0, 3.0, 3.0], [2.0, np.nan, np.nan], [-np.inf, -np.inf, -np.inf]],
        [[0.0, -0.0, 0.0], [-0.0, 0.0, np.inf], [np.inf, np.nan, -np.inf]],
    ],
)
def test_places_of_extremes(a):
    def f(a):
        from taylorad.primitives.selection import argmax, argmin, argsort

        return [row(a, axis=axis) for row in (argmax, argmin, argsort) for axis in (0, 1)]

    check(program_of(f, np.array(a)), np.array(a))


def test_guards_stop_at_the_first_that_fails():
    def f(x):
        if np.any(x > 2):
            return x
        if x[0] < 0.5:
            return x * 2
        return x * 3

    x = np.full(10, 0.7)
    core = check(program_of(f, x), x)
    for y in (np.full(10, 0.1), np.full(10, 3.0), np.r_[0.1, np.full(9, 3.0)]):
        assert core(y)[0] == expected(core.program, y)[0] > 0


def test_indices_out_of_range_do_no_harm():
    x, i = uniform(10), np.array([3, 2])
    core = check(program_of(lambda x, i: x[i], x, i), x, i)
    code, _ = core(x, np.array([2**62, -(2**62)]))
    assert code > 0


def test_singular_systems_are_reported():
    a, b = np.eye(3), np.ones(3)
    core = check(program_of(np.linalg.solve, a, b), a, b)
    assert core(np.ones((3, 3)), b)[0] == -2


def test_large_temporaries_come_from_the_heap():
    x = uniform(5000)

    def f(x):
        y = np.exp(x)
        return y[1:] * y[:-1]

    assert check(program_of(f, x), x).lowered.memory == 40_000


def test_slices_leave_no_tests_in_loops():
    x = uniform(1000)
    text = Core(program_of(ta.grad(rosenbrock), x)).lowered.text
    assert text.count("phi") == 1
    assert "select i1" not in text.replace("select i1 %t", "", 4)


def test_jets_dissolve():
    x, v = uniform(1000), uniform(1000)
    core = Core(program_of(ta.hvp(rosenbrock), x, v))
    assert core.lowered.memory == 0
    assert core.lowered.text.count("phi") == 1


def test_where_an_index_leaves_a_span():
    back = Affine(9, ((0, -2),))
    for span in (range(4, 12), range(0, 4), range(-5, 5)):
        with pytest.raises(Split) as split:
            back.within(span, (8,))
        inside = [9 - 2 * t in span for t in range(8)]
        cut = split.value.n
        assert inside[cut - 1] != inside[cut]


def test_a_flat_index_comes_apart():
    flat = variable(0).times(6).plus(variable(1))
    assert flat.divided(6, (5, 6)) == (variable(0), variable(1))
    with pytest.raises(Split):
        variable(0).divided(6, (30,))


# --- random programs -------------------------------------------------------------------------


class Programs:
    """A random function: a choice of operations, made once."""

    def __init__(self, seed):
        self.seed = seed

    def __call__(self, *xs):
        rng = np.random.default_rng(self.seed)
        values = list(xs)
        for _ in range(rng.integers(2, 14)):
            a = values[rng.integers(len(values))]
            operation = OPERATIONS[rng.integers(len(OPERATIONS))]
            y = operation(rng, a, values)
            if y is not None and 0 < np.size(y) < 400:
                values.append(y)
        return tuple(values[-3:])


def _slices(rng, a, _):
    def some(n):
        step = int(rng.choice([1, 1, 2, -1, -3]))
        cut = sorted(rng.integers(0, n + 1, 2))
        return slice(*map(int, cut), step) if step > 0 else slice(None, None, step)

    return a[tuple(some(n) for n in a.shape)]


def _binary(rng, a, values):
    b = values[rng.integers(len(values))]
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        b = np.sum(b)
    return (a + b, a - b, a * b, a / (1 + b * b), np.where(a > b, a, b))[rng.integers(5)]


def _reshapes(rng, a, _):
    n = a.size
    m = int(rng.choice([d for d in range(1, n + 1) if n % d == 0]))
    return a.reshape((m, n // m) if rng.random() < 0.7 else (n,))


def _pads(rng, a, _):
    n = a.shape[0] if a.ndim else 1
    step = int(rng.choice([1, 2, 3]))
    y = np.zeros_like(a, shape=(n * step + 3, *a.shape[1:]))
    y[1 : 1 + n * step : step] = a
    return y


def _product(rng, a, _):
    return a @ a.T if a.ndim == 2 else None


OPERATIONS = [
    lambda rng, a, values: np.sin(a),
    lambda rng, a, values: np.exp(-a * a),
    lambda rng, a, values: a.T,
    lambda rng, a, values: np.sum(a, axis=int(rng.integers(a.ndim))) if a.ndim else None,
    lambda rng, a, values: np.sum(a),
    lambda rng, a, values: np.roll(a, int(rng.integers(-3, 4)), 0) if a.ndim else None,
    lambda rng, a, values: np.concatenate([a, a[:1] * 2, a]) if a.ndim else None,
    lambda rng, a, values: np.cumsum(a, 0) if a.ndim else None,
    lambda rng, a, values: a.ravel()[rng.integers(0, a.size, 5)] if a.ndim else None,
    lambda rng, a, values: np.broadcast_to(a, (3, *a.shape)) if a.ndim < 3 else None,
    lambda rng, a, values: a[..., None] if a.ndim < 3 else None,
    _slices,
    _slices,
    _binary,
    _binary,
    _binary,
    _reshapes,
    _pads,
    _product,
]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 10**9))
def test_random_programs(seed):
    rng = np.random.default_rng(seed)
    xs = [rng.uniform(0.2, 1.5, shape) for shape in ((int(rng.integers(1, 9)),), (3, 4))]
    f = Programs(seed)
    check(program_of(f, *xs), *xs, rtol=1e-10)
    if seed % 2:
        g = ta.grad(total(f), argnums=(0, 1))
        check(program_of(lambda *xs: [y + 0.5 * y for y in g(*xs)], *xs), *xs, rtol=1e-8)


@pytest.mark.parametrize("rows", [23, 64, 203])
@pytest.mark.parametrize("length", [33, 96, 300])
@pytest.mark.parametrize("count", [2, 3])
def test_products_with_few_vectors(rows, length, count):
    a, x, y = uniform(rows, length), uniform(count, length), uniform(count, rows)
    for f, args in (
        (lambda a, x: x @ a.T, (a, x)),
        (lambda a, x: a @ x.T, (a, x)),
        (lambda a, x: np.einsum("ij,kj->ik", a, x), (a, x)),
        (lambda a, y: y @ a, (a, y)),
        (lambda a, x: a[1:, 2:] @ x[:, 2:].T, (a, x)),
        (lambda a, x: a[::2] @ x[::-1].T, (a, x)),
    ):
        check(program_of(f, *args), *args, rtol=1e-13)
