"""Series in machine code agree with series in NumPy, whatever the row, algebra, order and shape."""

import itertools
import os
import pickle
import subprocess
import sys
import threading
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import scipy.special as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import taylorad as ta
from taylorad.errors import SingularityError
from taylorad.forward import kernels
from taylorad.forward.algebra import dual, hyperdual, multivariate, rays, univariate
from taylorad.forward.jet import Jet
from taylorad.forward.program import NoProgram, program
from taylorad.forward.sweep import sweep_text
from taylorad.primitives.elementwise import add, divide, multiply, negative, power, subtract
from taylorad.primitives.registry import TABLE, Elementwise, rows

sp.erf(0.0)  # its rows are entered when it has been imported
RATIONAL = [add, subtract, multiply, divide, negative]
ROWS = [row for row in rows() if isinstance(row, Elementwise)] + RATIONAL
ALGEBRAS = {
    **{f"order {n}": univariate(n) for n in (0, 1, 2, 3, 20, 200)},
    "dual": dual(1),
    "dual(3)": dual(3),
    "hyperdual": hyperdual(1, 1),
    "hyperdual(2, 3)": hyperdual(2, 3),
    "rays": rays(3, 4),
    "one variable of many": multivariate(1, 7),
    "two variables": multivariate(2, 9),
    "three variables": multivariate(3, 5),
}
SHAPES = [(), (3,), (2, 3), (9,), (0,), (2, 0)]
pytestmark = pytest.mark.skipif(
    kernels.kernel(multiply, (True, True)) is None, reason="no kernels here"
)


def patterns(row):
    return [m for m in itertools.product((True, False), repeat=len(row.domain)) if any(m)]


def arguments(row, moving, algebra, shape, rng):
    """Draw arguments whose coefficients fall off as those of a function do."""
    xs = []
    for domain, moves in zip(row.domain, moving):
        value = rng.uniform(*domain, size=shape)
        if moves:
            fall = 0.3 ** algebra.weights(len(shape))
            c = rng.normal(size=(algebra.size, *shape)) * fall
            c[0] = value
            xs.append(Jet.of(c, algebra))
        else:
            xs.append(value if shape else float(value))
    return xs


def in_numpy(function, *args):
    with kernels.numpy_only():
        return function(*args)


def assert_close(a, b, degrees, tolerance=1e-11):
    """Compare coefficients, on the scale of the geometric series that bounds them."""
    assert a.shape == b.shape
    assert a.dtype == b.dtype
    if not b.size:
        return
    size = np.abs(b).reshape(len(b), -1).max(axis=1)
    assert np.isfinite(size).all()
    first = max(size[0], 1.0)
    with np.errstate(divide="ignore"):
        growth = np.max((size[1:] / first) ** (1 / degrees[1:]), initial=1e-3)
    limit = tolerance * first * growth**degrees
    off = np.abs(a - b).reshape(len(b), -1).max(axis=1)
    assert np.all(off <= limit), (off / limit).max()


@pytest.mark.parametrize("value", [0.0, 1.0, -1.5, np.inf, np.nan])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_without_code_the_same_is_declined(row, value):
    for moving in patterns(row):
        kernel = kernels.kernel(row, moving)
        if kernel is not None:
            xs = [np.array([value, 1.0, 0.5]) if moves else 0.5 for moves in moving]
            with np.errstate(all="ignore"):
                answers = kernel(univariate(2), xs), kernel.without_code(univariate(2), xs)
            assert len({answer is None for answer in answers}) == 1


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row_in_every_algebra(row):
    rng = np.random.default_rng(1)
    for moving in patterns(row):
        try:
            program(row, moving)
        except NoProgram:
            continue
        kernel = kernels.kernel(row, moving)
        assert kernel is not None
        for algebra, shape in itertools.product(ALGEBRAS.values(), SHAPES):
            if algebra.size * np.prod(shape) > 700:
                continue  # in NumPy that takes its time
            xs = arguments(row, moving, algebra, shape, rng)
            given = [x.c if isinstance(x, Jet) else x for x in xs]
            served = kernel(algebra, given)
            assert served is not None or not algebra.order
            alone = kernel.without_code(algebra, given)
            assert (alone is None) == (served is None)
            if served is not None:
                assert_close(alone, served, algebra.degrees)
            if algebra.order:
                got, expected = row(*xs), in_numpy(row, *xs)
                assert_close(got.c, expected.c, algebra.degrees)


@pytest.mark.parametrize("row", [r for r in ROWS if isinstance(r.value, np.ufunc)], ids=str)
def test_values_are_numpys(row):
    rng = np.random.default_rng(2)
    for shape in ((), (1,), (1001,)):
        plain = [rng.uniform(*domain, size=shape)[()] for domain in row.domain]
        x, *others = plain
        got = row(ta.Taylor([x, np.ones(shape)]), *others)
        np.testing.assert_array_equal(got.value, row.value(*plain))


@pytest.mark.parametrize("name", ["exp", "log", "sin", "tanh", "arctan", "sqrt", "cbrt"])
def test_against_mpmath(name):
    exact = {"arctan": "atan"}.get(name, name)
    got = getattr(np, name)(ta.Taylor.variable(0.7, 30)).coefficients
    with mpmath.mp.workdps(60):
        expected = mpmath.taylor(getattr(mpmath, exact), mpmath.mpf(0.7), 30)
    np.testing.assert_allclose(got, np.array(expected, float), rtol=1e-12, atol=1e-14)


def test_product_of_many_variables_against_its_definition():
    rng = np.random.default_rng(3)
    algebra = multivariate(4, 6)
    a, b = (ta.MultivariateTaylor(rng.normal(size=algebra.size), 4) for _ in range(2))
    expected = np.zeros(algebra.size)
    for (i, m), (j, n) in itertools.product(enumerate(algebra.monomials), repeat=2):
        total = tuple(np.add(m, n))
        if sum(total) <= algebra.order:
            expected[algebra.position[total]] += a.c[i] * b.c[j]
    np.testing.assert_allclose((a * b).coefficients, expected, rtol=0, atol=1e-12)


# --- arguments of all sorts ------------------------------------------------------------------


@pytest.mark.parametrize(
    "rearrange",
    [
        lambda c: np.asfortranarray(c),
        lambda c: c[:, ::-1],
        lambda c: c[:, ::2],
        lambda c: np.swapaxes(c, 1, 2),
        lambda c: np.broadcast_to(c[:, :1], c.shape),
        lambda c: np.frombuffer(b"x" + c.tobytes(), offset=1).reshape(c.shape),
        lambda c: c[:7],
    ],
)
def test_strides(rearrange):
    rng = np.random.default_rng(4)
    c = rearrange(0.3 + 0.2 * rng.random((9, 4, 3)))
    x, same = ta.Taylor(c), ta.Taylor(np.array(c, order="C"))
    for f in (np.exp, lambda x: x * x, lambda x: x / (1 + x), lambda x: x**1.5, np.tanh):
        np.testing.assert_array_equal(f(x).coefficients, f(same).coefficients)


@pytest.mark.parametrize("constant", [2, 2.5, np.float32(1.5), np.int64(3), np.float64(0.5)])
@pytest.mark.parametrize("shape", [(), (3,), (2, 1), (1, 3), (2, 3)])
def test_constants_broadcast(constant, shape):
    x = ta.Taylor.variable(np.linspace(0.5, 1.0, 3), 6)
    a = np.full(shape, constant) if shape else constant
    for f in (np.power, np.add, np.subtract, np.multiply, np.divide, np.arctan2, np.hypot):
        got = f(x, a), f(a, x)
        expected = in_numpy(f, x, a), in_numpy(f, a, x)
        for g, e in zip(got, expected):
            np.testing.assert_allclose(g.coefficients, e.coefficients, rtol=1e-13, atol=1e-15)


def test_series_broadcast_against_each_other():
    x = ta.Taylor.variable(np.linspace(0.5, 1.0, 3), 6)
    y = ta.Taylor.variable(np.linspace(0.5, 1.0, 2)[:, None], 4)
    for f in (np.add, np.multiply, np.divide, np.power, np.arctan2):
        got, expected = f(x, y), in_numpy(f, x, y)
        assert got.shape == (2, 3)
        np.testing.assert_allclose(got.coefficients, expected.coefficients, rtol=1e-13, atol=1e-15)


def test_other_numbers_are_left_to_numpy():
    z = ta.Taylor.variable(0.5 + 0.5j, 5)
    np.testing.assert_allclose(np.exp(z).coefficients[3], np.exp(0.5 + 0.5j) / 6)
    np.testing.assert_allclose((ta.Taylor.variable(0.5, 3) * 1j).coefficients[1], 1j)
    assert (ta.Taylor.variable(Fraction(1, 3), 3) ** 2).coefficients[1] == Fraction(2, 3)
    with mpmath.mp.workdps(40):
        c = np.exp(ta.Taylor.variable(mpmath.mpf(1), 3)).coefficients
        assert abs(c[2] - mpmath.e / 2) < mpmath.mpf(10) ** -38
    nested = ta.taylor(lambda x: ta.taylor(np.exp, x, 3).coefficients[3], 0.0, 3)
    np.testing.assert_allclose(nested.coefficients, [1 / 6, 1 / 6, 1 / 12, 1 / 36])


@pytest.mark.parametrize("f", [np.log, np.sqrt, np.arcsin, np.cbrt, lambda x: 1 / x])
@pytest.mark.parametrize("x", [0.0, -1.0, 1.0, 2.0, np.inf, 1e308])
def test_singular_points_as_in_numpy(f, x):
    def outcome():
        with np.errstate(all="ignore"):
            try:
                return f(ta.Taylor([x, 1.0, 0.5])).coefficients
            except SingularityError as error:
                return str(error)

    got, expected = outcome(), in_numpy(outcome)
    if isinstance(expected, str):
        assert got == expected
    else:
        np.testing.assert_allclose(got, expected, rtol=1e-14)


def test_a_point_that_is_not_a_number_spoils_no_other():
    x = ta.Taylor.variable(np.array([1.0, np.inf, 2.0]), 4)
    y = np.exp(-x * x).coefficients
    np.testing.assert_allclose(y[:, 0], np.exp(-(ta.Taylor.variable(1.0, 4) ** 2)).coefficients)


def test_results_are_arrays_of_their_own():
    x = ta.Taylor.variable(0.5, 8)
    y = np.exp(x)
    before = x.coefficients.copy()
    y.coefficients[:] = 0
    np.testing.assert_array_equal(x.coefficients, before)


def test_nothing_is_leaked():
    x = ta.Taylor.variable(np.ones(3), 8)
    bad = ta.Taylor.variable(np.zeros(3), 8)
    kernel = kernels.kernel(TABLE[np.log], (True,))
    kernel(x.algebra, [x.c])
    things = (None, np.dtype(float), x.c, bad.c)
    before = [sys.getrefcount(t) for t in things]
    for _ in range(1000):
        assert kernel(x.algebra, [x.c]) is not None
        assert kernel(x.algebra, [bad.c]) is None
    after = [sys.getrefcount(t) for t in things]
    assert max(abs(a - b) for a, b in zip(after, before)) < 50


# --- programs, threads, processes ------------------------------------------------------------

UNARY = [np.sin, np.cos, np.tanh, np.arctan, np.exp, sp.expit, np.arcsinh, np.square]
BINARY = [np.add, np.subtract, np.multiply, lambda a, b: a / (2 + b * b), np.hypot]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([univariate(5), univariate(17), multivariate(2, 4), hyperdual(1, 2), dual(2)]),
    st.sampled_from([(), (2,), (1, 5)]),
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 30), st.integers(0, 30)), max_size=8),
    st.integers(0, 2**32 - 1),
)
def test_random_programs(algebra, shape, lines, seed):
    rng = np.random.default_rng(seed)
    fall = 0.4 ** algebra.weights(len(shape))
    start = [
        Jet.of(rng.uniform(0.3, 0.9, (algebra.size, *shape)) * fall, algebra) for _ in range(2)
    ]

    def run():
        values = [*start, 0.5]
        for f, i, j in lines:
            a, b = values[i % len(values)], values[j % len(values)]
            if f >= len(UNARY):
                values.append(BINARY[f - len(UNARY)](a, b))
            else:
                values.append(0.5 * UNARY[f](a))
        return values

    for got, expected in zip(run(), in_numpy(run)):
        if isinstance(got, Jet):
            assert_close(got.c, expected.c, algebra.degrees, 1e-9)


def test_threads():
    kernels.kernel.cache_clear()
    algebra = multivariate(3, 4)
    algebra.table = None
    rng = np.random.default_rng(5)
    x = Jet.of(rng.normal(size=(algebra.size, 4)) * 0.3 ** algebra.weights(1), algebra)
    expected = in_numpy(lambda: np.exp(np.sin(x)) * x)
    results, gate = [], threading.Barrier(6)

    def work():
        gate.wait()
        for _ in range(50):
            results.append(np.exp(np.sin(x)) * x)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 300
    for result in results:
        np.testing.assert_array_equal(result.c, results[0].c)
    assert_close(results[0].c, expected.c, algebra.degrees)


def test_many_lanes():
    x = ta.Taylor.variable(np.linspace(0.1, 0.9, 5001), 6)
    got, expected = np.tanh(x) / x, in_numpy(lambda: np.tanh(x) / x)
    np.testing.assert_allclose(got.coefficients, expected.coefficients, rtol=1e-11, atol=1e-12)
    a = np.linspace(0.5, 1.5, 5001)
    got, expected = x**a, in_numpy(lambda: x**a)
    np.testing.assert_allclose(got.coefficients, expected.coefficients, rtol=1e-11)


def test_long_work_lets_other_threads_run():
    x = ta.Taylor.variable(np.linspace(0.1, 0.9, 20_000), 6)
    expected = np.exp(x).coefficients
    results = []
    threads = [
        threading.Thread(target=lambda: results.extend(np.exp(x).coefficients for _ in range(5)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 20
    for result in results:
        np.testing.assert_array_equal(result, expected)


def test_an_algebra_pickles_without_addresses():
    algebra = multivariate(2, 3)
    x = Jet.of(np.ones(algebra.size), algebra)
    np.exp(x)
    assert algebra.table is not None
    again = pickle.loads(pickle.dumps(x))
    assert again.algebra.table is None
    np.testing.assert_array_equal(np.exp(again).c, np.exp(x).c)


def test_text_is_for_every_order():
    sweep = sweep_text(program(power, (True, False)), "sweep")
    assert sweep.text.count("define") == 1
    assert len(sweep.text.splitlines()) < 400


def run(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


SERIES = "print(np.exp(ta.Taylor.variable(0.0, 2)).coefficients.tolist())"


def test_import_does_not_wait_for_a_compiler():
    assert run("import sys, taylorad; print('llvmlite' in sys.modules)") == "False"


@pytest.mark.parametrize("hidden", ["llvmlite", "llvmlite.binding"])
def test_without_a_compiler(hidden):
    code = f"import sys; sys.modules[{hidden!r}] = None; import numpy as np, taylorad as ta; "
    assert run(code + SERIES) == "[1.0, 1.0, 0.5]"


def test_switched_off():
    code = "import sys, numpy as np, taylorad as ta; "
    told = run(code + SERIES + "; print('llvmlite' in sys.modules)", TAYLORAD_KERNELS="0")
    assert told.split("\n") == ["[1.0, 1.0, 0.5]", "False"]
