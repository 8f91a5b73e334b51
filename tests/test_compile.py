"""Compiled functions give what the function gives, whatever it is and however it is called.

The table, the scenarios of `test_structure` and programs drawn at random are run both ways. What
machine code computes may differ from NumPy's by 4 units in the last place an operation, and sums
by the order in which they are added.
"""

import pickle
import re
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
from test_structure import ARGUMENTS, GROUPS, flat, scenarios
from test_table import EXAMPLES, ROWS

import taylorad as ta
from taylorad.compiler import compiled as compiled_module
from taylorad.compiler import team
from taylorad.errors import CompileWarning, InputError, InputTypeError
from taylorad.primitives.registry import Constant

X = np.array([0.6, -0.3, 1.2, 0.9])
EPS = np.finfo(float).eps


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def assert_same(ours, theirs, tolerance=1e-13):
    """Compare results, containers and all."""
    ours, theirs = flat(ours), flat(theirs)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert np.shape(a) == np.shape(b)
        assert np.result_type(a) == np.result_type(b)
        scale = np.max(np.abs(b), initial=0.0) if np.result_type(b).kind in "fc" else 0.0
        scale = scale if np.isfinite(scale) else 0.0
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * scale)


def assert_compiles(f, *args, tolerance=1e-13):
    """Check a function compiled against itself, and that it did compile."""
    compiled = ta.compile(f)
    expected = f(*args)
    for _ in range(2):
        assert_same(compiled(*args), expected, tolerance)
    assert len(compiled.programs) == 1
    return compiled


# --- the table -------------------------------------------------------------------------------


def points_of(row):
    rng = np.random.default_rng(7)
    if row.name in EXAMPLES:
        return EXAMPLES[row.name]
    drawn = [
        np.concatenate([rng.uniform(low, high, 29), [low, high, (low + high) / 2]])
        for low, high in row.domain
    ]
    return [(tuple(drawn), {}), (tuple(d[3] for d in drawn), {})]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_rows_to_four_units_in_the_last_place(row):
    for args, params in points_of(row):
        if row.name == "floor_divide":
            args = (args[0], np.where(args[1] == 0, 1.5, args[1]))
        compiled = ta.compile(lambda *a, params=params: row(*a, **params))
        with np.errstate(all="ignore"):
            try:
                expected = row(*args, **params)
            except ValueError as error:  # of a number where NumPy wants an array
                with pytest.raises(ValueError, match=re.escape(str(error))):
                    compiled(*args)
                continue
        got = compiled(*args)
        if isinstance(expected, tuple):
            assert_same(got, expected)
            continue
        if isinstance(row, Constant) or np.result_type(expected).kind != "f":
            np.testing.assert_array_equal(got, expected)
        else:
            summed = row.name in ("sum", "matmul", "einsum", "convolve", "solve", "cumsum")
            limit = 40 * EPS * np.max(np.abs(expected)) if summed else 0.0
            if row.name.startswith("logaddexp"):  # near its zero a difference of larger numbers
                limit = 4 * EPS * np.maximum(1.0, np.max(np.abs(args), axis=0))
            off = np.abs(got - expected)
            assert np.all(off <= 4 * np.spacing(np.abs(expected)) + limit)
        assert np.shape(got) == np.shape(expected)


@scenarios(GROUPS)
def test_scenarios(case):
    assert_compiles(case.raw, *case.of(ARGUMENTS))


@scenarios(GROUPS)
def test_gradients_of_scenarios(case):
    args = case.of(ARGUMENTS)
    weights = np.arange(1.0, 1.0 + np.size(case(*args)))

    def gradient(*args):
        return ta.grad(lambda *a: np.sum(case(*a) * weights), argnums=tuple(range(len(args))))(
            *args
        )

    assert_compiles(gradient, *args)


DRIVERS = {
    "grad": lambda x: ta.grad(rosenbrock)(x),
    "value_and_grad": lambda x: ta.value_and_grad(rosenbrock)(x),
    "hessian": lambda x: ta.hessian(rosenbrock)(x),
    "hyperdual": lambda x: ta.hessian(rosenbrock, method="hyperdual")(x),
    "taylor hessian": lambda x: ta.hessian(rosenbrock, method="taylor")(x),
    "value_grad_hessian": lambda x: ta.value_grad_hessian(rosenbrock)(x),
    "hvp": lambda x: ta.hvp(rosenbrock)(x, x[::-1]),
    "diagonal": lambda x: ta.hessian_diagonal(rosenbrock)(x),
    "third": lambda x: ta.third_order(rosenbrock)(x, x, x[::-1]),
    "tensor": lambda x: ta.derivative_tensor(rosenbrock, 3)(x),
    "jvp": lambda x: ta.jvp(lambda y: np.sin(y) * y[0], (x,), (x,)),
    "vjp": lambda x: ta.vjp(lambda y: np.sin(y) * y[0], x)[1](x),
    "jacobian": lambda x: ta.jacobian(lambda y: np.outer(np.exp(y), y))(x),
    "derivatives": lambda x: ta.derivatives(lambda t: np.tanh(t) / (1 + t * t), x, 6),
    "derivative": lambda x: ta.derivative(np.arctan, 5)(x),
    "taylor": lambda x: ta.taylor(lambda t: np.exp(np.sin(t)), x, 7).coefficients,
    "nested": lambda x: ta.grad(lambda y: np.sum(ta.grad(rosenbrock)(y) ** 2))(x),
    "compiled within": lambda x: ta.grad(ta.compile(rosenbrock))(x),
}


@pytest.mark.parametrize("name", DRIVERS)
def test_drivers(name):
    assert_compiles(DRIVERS[name], X, tolerance=1e-12)


# --- choices ---------------------------------------------------------------------------------


def variants(compiled):
    return len(compiled.programs)


def test_branches():
    compiled = ta.compile(lambda x: x * 2 if x > 0 else -x)
    assert [compiled(v) for v in (1.0, -1.0, 3.0, -4.0, 0.0)] == [2, 1, 6, 4, 0]
    assert variants(compiled) == 2


def halved(x):
    while np.sum(x) > 1:
        x = x / 2
    return x


def test_loops_until():
    compiled = ta.compile(ta.grad(lambda x: np.sum(halved(x) ** 2)))
    for scale in (1.0, 3.0, 10.0, 2.0, 1.0):
        x = scale * np.array([0.4, 0.3])
        assert_same(compiled(x), ta.grad(lambda x: np.sum(halved(x) ** 2))(x))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sort(x) * np.arange(4),
        lambda x: x[np.argsort(x)][0],
        lambda x: x[np.argmax(x)] * x,
        lambda x: np.max(x) - np.min(x) + np.median(x),
        lambda x: x[x > 0],
        lambda x: x[np.flatnonzero(x > 0.5)],
        lambda x: np.where(x > 0, x, -2 * x),
        lambda x: np.abs(x) + np.maximum(x, x[::-1]) + np.clip(x, -0.5, 0.5),
        lambda x: x[int(np.floor(2 + x[0]))],
        lambda x: sum(x[i] for i in range(int(np.rint(np.abs(x[0]))) + 1)),
        lambda x: np.sum(x * (x > 0) * ((x < 1) & (x > -1))),
        lambda x: np.interp(x, [-1.0, 0.0, 2.0], [3.0, 1.0, 2.0]),
        lambda x: np.select([x > 1, x > 0], [x**2, x**3], -x),
        lambda x: np.piecewise(x, [x > 0, x <= 0], [np.sin, np.cos]),
        lambda x: np.take_along_axis(x.reshape(2, 2), np.argsort(x.reshape(2, 2), 0), 0),
        lambda x: np.sign(x) * np.floor(3 * x) + np.round(x, 1),
        lambda x: x if np.all(np.isfinite(x)) else x * 0,
    ],
)
def test_whatever_depends_on_values(f):
    compiled = ta.compile(f)
    rng = np.random.default_rng(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompileWarning)
        for _ in range(25):
            x = rng.permutation(rng.uniform(-1.9, 1.9, 4))
            assert_same(compiled(x), f(x))


def test_indices_beyond_the_end():
    compiled = ta.compile(lambda x, i: x[i])
    assert compiled(X, np.array([3, 0])).tolist() == [0.9, 0.6]
    assert compiled(X, np.array([-1, -4])).tolist() == [0.9, 0.6]
    for far in ([4, 0], [0, -5], [2**62, -(2**62)]):
        with pytest.raises(IndexError):
            compiled(X, np.array(far))
    assert variants(compiled) == 1


def test_a_choice_that_never_settles_is_named():
    compiled = ta.compile(halved)

    def check():
        for k in range(20):
            assert_same(compiled(np.array([2.0**k])), halved(np.array([2.0**k])))

    with pytest.warns(CompileWarning, match=r"halved runs uncompiled.*test_compile.py, line \d+"):
        check()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert compiled(np.array([2.0**30])) == 1  # said once


def test_what_fixes_a_number_runs_as_it_is():
    compiled = ta.compile(lambda x: float(x) * 2)
    with pytest.warns(CompileWarning, match="fixed as a float"):
        assert compiled(2.0) == 4.0
    assert compiled(3.0) == 6.0


# --- how it is called ------------------------------------------------------------------------


def test_shapes_and_types_choose_the_program():
    compiled = ta.compile(lambda x: x * 2)
    for x in (1.5, X, X.reshape(2, 2), X[:2], 1 + 2j, X * 1j, X.astype(np.float32), np.arange(3)):
        assert_same(compiled(x), x * 2)
    assert compiled(np.arange(3)).dtype == int
    assert compiled(X.astype(np.float32)).dtype == np.float32


def test_layouts():
    a = np.random.default_rng(0).normal(size=(4, 6, 5))
    compiled = ta.compile(lambda x: np.exp(x) + x[0])
    for x in (
        *(a, a[::2], a[:, ::-1], a.T, a.transpose(1, 0, 2), np.asfortranarray(a), a[..., 1:3]),
        *(np.broadcast_to(a[0], a.shape), a.astype(">f8"), a[:0], a[:, :0], a[:1], a[..., :1]),
    ):
        if not len(x):
            with pytest.raises(IndexError):
                compiled(x)
            continue
        result = compiled(x)
        assert_same(result, np.exp(x) + x[0])
        assert result.flags.c_contiguous
        assert result.flags.writeable
    unaligned = np.frombuffer(b"\0" + a.tobytes(), np.uint8)[1:].view(float).reshape(a.shape)
    assert not unaligned.flags.aligned
    assert_same(compiled(unaligned), np.exp(a) + a[0])


def test_containers():
    def f(p, q=(1.0, 2.0), *, scale=1.0):
        return {"sum": p["w"] @ p["x"] + scale, "parts": [p["b"][0] * q[0], q[1]], "name": "f"}

    p = {"w": X, "x": X[::-1], "b": (2.0, None, [X])}
    compiled = ta.compile(f)
    for call in ((p,), (p, (3.0, X))):
        for keywords in ({}, {"scale": 2.5}):
            ours, theirs = compiled(*call, **keywords), f(*call, **keywords)
            assert ours.keys() == theirs.keys()
            assert ours["name"] == "f"
            assert_same([ours["sum"], ours["parts"]], [theirs["sum"], theirs["parts"]])


def test_static_arguments():
    traced = []

    def f(x, n, kind="sum"):
        traced.append((n, kind))
        return getattr(np, kind)(x**n)

    compiled = ta.compile(f)
    for n, kind in ((2, "sum"), (3, "sum"), (2, "prod"), (2, "sum"), (3, "sum")):
        assert_same(compiled(X, n, kind), getattr(np, kind)(X**n))
    assert traced == [(2, "sum"), (3, "sum"), (2, "prod")]
    doubled = ta.compile(lambda x, s: x * float(s), static_argnums=1)
    assert_same(doubled(X, 2.0), X * 2)
    assert_same(doubled(X, 3.0), X * 3)
    named = ta.compile(lambda x, s: x * float(s), static_argnames="s")
    assert_same(named(X, s=2.0), X * 2)


def test_programs_are_not_kept_for_ever(monkeypatch):
    monkeypatch.setattr(compiled_module, "MOST_FAMILIES", 3)
    compiled = ta.compile(lambda x, n: x * n)
    for n in range(8):
        assert_same(compiled(X, n), X * n)
    assert len(compiled.programs) == 3


def test_results_of_every_kind():
    compiled = ta.compile(lambda x: (x, x, 1.0, None, "s", np.arange(2), [x[0]], x > 0))
    y = compiled(X)
    assert_same(y[0], X)
    assert y[2:5] == (1.0, None, "s")
    assert y[7].dtype == bool
    y[0][0] = y[5][0] = 77  # results belong to whoever asked for them
    again = compiled(X)
    assert again[0][0] == X[0]
    assert again[1][0] == X[0]
    assert again[5][0] == 0
    assert X[0] == 0.6


def test_scalars_come_back_as_numpys():
    assert type(ta.compile(lambda x: x * 2)(2.0)) is np.float64
    assert type(ta.compile(np.sum)(X)) is np.float64
    assert type(ta.compile(lambda x: x > 1)(2.0)) is np.bool_


def test_out():
    compiled = ta.compile(ta.grad(rosenbrock))
    out = np.empty(4)
    assert compiled(X, out=out) is out
    assert_same(out, ta.grad(rosenbrock)(X))
    strided = np.empty((4, 2))[:, 0]
    compiled(X, out=strided)
    assert_same(strided, out)
    x = X.copy()
    compiled(x, out=x)
    assert_same(x, out)
    both = ta.compile(lambda x: (x * 2, x + 1))
    pair = (np.empty(4), np.empty(4))
    assert both(X, out=pair) is pair
    assert_same(pair, (X * 2, X + 1))
    for wrong in (np.empty(3), np.empty(4, int), [0.0] * 4, (out, out)):
        with pytest.raises((InputError, TypeError, ValueError)):
            compiled(X, out=wrong)


BAD = [
    (np.array([1.0, np.nan]), InputError),
    (np.array([]), InputError),
    (np.array([1, 2]), InputTypeError),
    (np.array([1.0, 2.0], dtype=np.longdouble), InputTypeError),
    ("abc", InputTypeError),
    (None, InputTypeError),
    (np.array(["a", "b"]), InputTypeError),
    ({1.0, 2.0}, InputTypeError),
    (object(), InputTypeError),
]


@pytest.mark.parametrize(("x", "error"), BAD, ids=lambda p: repr(p)[:20])
def test_bad_input_raises_what_the_function_raises(x, error):
    compiled = ta.compile(ta.grad(rosenbrock))
    compiled(X[:2])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompileWarning)
        with pytest.raises(error) as ours:
            compiled(x)
    with pytest.raises(error) as theirs:
        ta.grad(rosenbrock)(x)
    without_line = re.compile(r" \(test_compile.py, line \d+\)")
    assert without_line.sub("", str(ours.value)) == without_line.sub("", str(theirs.value))
    assert_same(compiled(X[:2]), ta.grad(rosenbrock)(X[:2]))


def test_errors_of_the_function_come_through():
    def f(x):
        if x.shape == (3,):
            raise KeyError("three")
        return x @ x

    compiled = ta.compile(f)
    with pytest.raises(KeyError, match="three"):
        compiled(X[:3])
    assert compiled(X) == pytest.approx(X @ X)
    with pytest.raises(TypeError):
        compiled()
    with pytest.raises(TypeError):
        compiled(X, X)
    with pytest.raises(InputError):
        ta.compile(3)


def test_singular_systems():
    compiled = ta.compile(np.linalg.solve)
    a, b = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([1.0, 2.0])
    assert_same(compiled(a, b), np.linalg.solve(a, b))
    with pytest.raises(np.linalg.LinAlgError):
        compiled(np.ones((2, 2)), b)


def test_numbers_that_only_numpy_knows():
    import mpmath

    compiled = ta.compile(lambda x: np.sin(x) ** 2)
    assert ta.derivative(compiled)(mpmath.mpf(1)) == mpmath.mpf(2) * mpmath.sin(1) * mpmath.cos(1)
    assert ta.grad(compiled)(1.0) == pytest.approx(np.sin(2.0))
    assert ta.taylor(compiled, 0.3, 3).order == 3


def test_closures_are_frozen_and_arguments_are_not():
    a = np.array([1.0, 2.0])
    compiled = ta.compile(lambda x: x * a)
    assert compiled(np.ones(2)).tolist() == [1, 2]
    a[0] = 5
    assert compiled(np.ones(2)).tolist() == [1, 2]


# --- several threads ---------------------------------------------------------------------------

MANY = np.random.default_rng(5).uniform(-1.0, 1.0, (40, 3))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(np.exp(np.sin(x)), axis=1),
        lambda x: (np.sum(x**2), np.tanh(x), x[::-1, 1:] * 2, x > 0),
        lambda x: ta.grad(lambda y: np.sum(np.sin(y[1:] * y[:-1])))(x),
        lambda x: ta.value_and_grad(lambda y: np.sum(y @ y.T))(x),
        lambda x: ta.hessian(lambda y: np.sum(np.exp(y[1:] - y[:-1] ** 2)) * np.sum(y))(x[:, 0]),
        lambda x: ta.derivatives(lambda t: np.exp(np.sin(t)), x[:, 1], 4),
        lambda x: np.sort(x, axis=0) + np.cumsum(x, axis=0),
        lambda x: x[:0],
    ],
)
def test_several_threads_give_the_same(f, monkeypatch):
    monkeypatch.setattr(team, "WORTH", 0)
    monkeypatch.setattr(team, "threads", lambda: 3)
    compiled = ta.compile(f, parallel=True)
    for x in (MANY, MANY[::-1]):
        assert_same(compiled(x), f(x), tolerance=1e-12)


def test_several_threads_are_told_of(monkeypatch):
    monkeypatch.setattr(team, "WORTH", 0)
    monkeypatch.setattr(team, "threads", lambda: 3)
    compiled = ta.compile(ta.grad(lambda x: np.sum(np.sin(x) ** 2)), parallel=True)
    compiled(MANY)
    assert "divided among 3 threads" in compiled.explain()
    bad = MANY.copy()
    bad[-1, -1] = np.nan
    with pytest.raises(InputError):
        compiled(bad)
    twin = pickle.loads(pickle.dumps(compiled))
    assert_same(twin(MANY), np.sin(2 * MANY))


# --- threads, processes, pickles -------------------------------------------------------------


def test_threads():
    compiled = ta.compile(ta.value_and_grad(rosenbrock))
    wrong = []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(300):
            x = rng.normal(size=rng.integers(2, 6))
            value, _gradient = compiled(x)
            if not np.isclose(value, rosenbrock(x), rtol=1e-12):
                wrong.append(x)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_pickling():
    compiled = ta.compile(ta.grad(rosenbrock))
    compiled(X)
    twin = pickle.loads(pickle.dumps(compiled))
    assert_same(twin(X), ta.grad(rosenbrock)(X))
    with pytest.raises(InputTypeError, match="define it at the top of a module"):
        twin(X[:2])
    whole = pickle.loads(pickle.dumps(ta.compile(rosenbrock)))
    assert whole(X) == pytest.approx(rosenbrock(X))


def test_a_second_process_compiles_nothing(tmp_path):
    code = """
import numpy as np, taylorad as ta
from taylorad.machine import module
made = []
compiled, module._compiled = module._compiled, lambda *a: (made.append(a), compiled(*a))[1]
for n in (4, 3000):
    ta.compile(ta.grad(lambda x: np.sum(np.exp(x[1:] * x[:-1]))))(np.ones(n) / 2)
print(len(made))
"""
    import os

    environment = os.environ | {"TAYLORAD_CACHE": str(tmp_path)}
    counts = [
        int(
            subprocess.run(
                [sys.executable, "-c", code],
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for _ in range(2)
    ]
    assert counts[0] > 0
    assert counts[1] == 0


# --- looking inside --------------------------------------------------------------------------


def test_looking_inside():
    compiled = ta.compile(ta.grad(rosenbrock))
    with pytest.raises(InputError, match="call it first"):
        compiled.explain()
    compiled(X)
    assert "kernel" in compiled.explain()
    assert "define" in compiled.llvm
    assert "ret" in compiled.asm
    assert compiled.programs[0].inputs
    assert "compiled" in repr(compiled)
    assert compiled.__wrapped__ is compiled.function


def test_called_back():
    import scipy.special as sp

    compiled = assert_compiles(lambda x: np.sum(np.exp(sp.gamma(2 + x**2)) * np.fft.fft(x).real), X)
    assert "called back" in compiled.explain()
