"""Series in machine code, compiled with the function: any row, order and number of points."""

import itertools
import pickle

import numpy as np
import pytest
import scipy.special as sp

import taylorad as ta
from taylorad.errors import CompileWarning, SingularityError
from taylorad.forward import kernels
from taylorad.forward.program import NoProgram, program
from taylorad.forward.whole import FEWEST, OnSeries
from taylorad.primitives.elementwise import add, divide, multiply, negative, subtract
from taylorad.primitives.registry import Elementwise, rows

sp.erf(0.0)  # its rows are entered when it has been imported
RATIONAL = [add, subtract, multiply, divide, negative]
ROWS = [row for row in rows() if isinstance(row, Elementwise)] + RATIONAL
CALLED_BACK = {"logit", "xlogy", "xlog1py"}  # of whose values there is no machine code
POINTS = np.linspace(0.2, 0.4, 11)
pytestmark = pytest.mark.skipif(
    kernels.kernel(multiply, (True, True)) is None, reason="no kernels here"
)


def curve(x):
    return np.exp(np.sin(x)) * np.sqrt(1 + x**2)


def coefficients(f, order):
    return lambda *args: ta.taylor(lambda x: f(x, *args[1:]), args[0], order).coefficients


def assert_close(a, b, tolerance=1e-11):
    """Compare coefficients, on the scale of the geometric series that bounds them."""
    assert np.shape(a) == np.shape(b)
    size = np.abs(b).reshape(len(b), -1).max(axis=1)
    assert np.isfinite(size).all()
    first, degrees = max(size[0], 1.0), np.arange(len(b))
    with np.errstate(divide="ignore"):
        growth = np.max((size[1:] / first) ** (1 / degrees[1:]), initial=1e-3)
    limit = tolerance * first * np.maximum(growth**degrees, 1e-280)
    off = np.abs(a - b).reshape(len(b), -1).max(axis=1)
    assert np.all(off <= limit), (off / limit).max()


def is_swept(compiled):
    plan = compiled._at_hand().plan
    return [kernel.form for kernel in plan.kernels] == ["series"] and len(plan.steps) == 1


def patterns():
    for row in ROWS:
        for moving in itertools.product((True, False), repeat=len(row.domain)):
            if any(moving):
                try:
                    program(row, moving)
                except NoProgram:
                    continue
                yield pytest.param(row, moving, id=f"{row.name}{list(map(int, moving))}")


@pytest.mark.parametrize(("row", "moving"), [*patterns()])
def test_every_row(row, moving):
    def f(x):
        inner = np.sin(x) / 2
        args = [
            (lo + hi) / 2 + (hi - lo) / 3 * inner * (-1) ** i if moves else lo + 0.7 * (hi - lo)
            for i, ((lo, hi), moves) in enumerate(zip(row.domain, moving))
        ]
        return row(*args)

    for order, x in ((1, 0.3), (5, 0.3), (30, 0.3), (30, POINTS), (200, POINTS[:3])):
        g = coefficients(f, order)
        compiled = ta.compile(g)
        assert_close(compiled(x), g(x))
        assert_close(compiled(x + 0.05), g(x + 0.05))
        assert is_swept(compiled) == (order >= FEWEST and row.name not in CALLED_BACK)


# --- programs ---------------------------------------------------------------------------------

PROGRAMS = {
    "sines share their cosines": lambda x: np.sin(x) * np.cos(x) + np.sin(2 * x),
    "whole powers": lambda x: (1 + x + x**3) ** 5 / (2 + x) ** 3 + x**-2,
    "roots": lambda x: np.sqrt(1 + x**2) + np.sqrt(np.exp(x)) + np.cbrt(2 + x) + (1 + x) ** 1.5,
    "a short series below": lambda x: np.exp(x) / (1 + x**2) - 1 / (3 - x),
    "no sum at all": lambda x: 3 * x**2 + 1 - x / 2,
    "the argument": lambda x: x,
    "a kink": lambda x: np.abs(x - 0.25) * np.where(x > 0, np.exp(x), x),
    "through squares": lambda x: np.tanh(x) ** 2 + np.arctan(np.sin(x) ** 2),
}


@pytest.mark.parametrize("f", PROGRAMS.values(), ids=PROGRAMS)
def test_programs(f):
    for order, x in ((12, 0.3), (13, POINTS[:2]), (37, POINTS[:8]), (200, POINTS)):
        g = coefficients(f, order)
        compiled = ta.compile(g)
        assert_close(compiled(x), g(x))
        assert_close(compiled(x + 0.3), g(x + 0.3))


def test_many_points():
    x = np.linspace(-1.0, 1.0, 1001)
    for shape in ((1001,), (7, 143), (2, 5)):
        points = x[: np.prod(shape)].reshape(shape)
        g = coefficients(curve, 40)
        assert_close(ta.compile(g)(points), g(points))


def test_other_arguments():
    scaled = lambda x, a: a * np.exp(a * x) + np.sin(x) ** a
    for x, a in ((0.3, 1.7), (POINTS, 1.7), (POINTS, POINTS + 1.0)):
        g = coefficients(scaled, 30)
        compiled = ta.compile(lambda x, a: ta.taylor(lambda t: scaled(t, a), x, 30).coefficients)
        assert_close(compiled(x, a), g(x, a))
        assert_close(compiled(x, a + 1), g(x, a + 1))


def test_series_as_arguments():
    rng = np.random.default_rng(3)
    g = lambda c: np.exp(ta.Taylor(c) * 0.3).coefficients
    for shape in ((30,), (30, 3), (30, 20)):
        c = rng.normal(size=shape) * 0.5 ** np.arange(30).reshape(-1, *[1] * (len(shape) - 1))
        compiled = ta.compile(g)
        assert_close(compiled(c), g(c))
        assert is_swept(compiled)


W = np.linspace(-1.0, 2.0, 11)
C = np.cos(np.arange(231.0)).reshape(21, 11) * 0.5 ** np.arange(21)[:, None]
HELD = {
    "weights": lambda x: ta.taylor(lambda t: np.exp(W * t) + W, x, 20).coefficients,
    "exponents": lambda x: ta.taylor(lambda t: (1 + t) ** W, x, 20).coefficients,
    "whole exponents": lambda x: ta.taylor(lambda t: t ** np.arange(11), x, 20).coefficients,
    "a condition": lambda x: (
        ta.taylor(lambda t: np.where(W > 0, np.sin(t), np.cos(t)), x, 20).coefficients
    ),
    "a direction": lambda x: ta.taylor(np.exp, x, 20, W).coefficients,
    "a series": lambda x: (np.exp(ta.Taylor(C)) * ta.taylor(np.sin, x, 20)).coefficients,
    "a displacement": lambda x: ta.taylor(np.exp, x, 20)(0.1),
}


@pytest.mark.parametrize("g", HELD.values(), ids=HELD)
def test_arrays_that_the_program_holds(g):
    compiled = ta.compile(g)
    for x in (POINTS, POINTS + 0.5):
        np.testing.assert_allclose(compiled(x), g(x), rtol=1e-11, atol=1e-13)


def test_several_results():
    g = lambda x: (
        tuple(s.coefficients for s in ta.taylor(lambda t: (np.exp(t), t**2), x, 20)) + (np.cos(x),)
    )
    for x in (0.3, POINTS):
        compiled = ta.compile(g)
        for ours, theirs in zip(compiled(x), g(x), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-15)
        assert is_swept(compiled)


MIXED = {
    "one of the coefficients": lambda x: ta.derivative(curve, 20)(x),
    "all derivatives": lambda x: ta.derivatives(curve, x, 15),
    "a sum of series": lambda x: ta.taylor(lambda t: np.sum(np.exp(t * x)), x, 15).coefficients,
    "vectors": lambda x: ta.taylor(lambda t: np.cumsum(np.sin(t)) * np.cos(t), x, 15).coefficients,
    "a gradient": lambda x: ta.grad(lambda z: np.sum(ta.derivative(np.exp, 14)(z * z)))(x),
    "a series of a gradient": lambda x: (
        ta.taylor(lambda t: ta.grad(lambda z: np.sum(np.sin(z) ** 3))(t), x, 15).coefficients
    ),
    "a series in a series": lambda x: (
        ta.taylor(lambda t: ta.derivative(np.sin, 13)(t), x, 14).coefficients
    ),
    "several variables": lambda x: (
        ta.multivariate_taylor(
            lambda z: np.exp(np.sum(np.sin(z))), x[:2] if np.ndim(x) else x, 12
        ).coefficients
    ),
    "a function of SciPy's": lambda x: (
        ta.taylor(lambda t: sp.gammaln(np.exp(t)), x, 14).coefficients
    ),
}


@pytest.mark.parametrize("g", MIXED.values(), ids=MIXED)
def test_with_other_lines(g):
    for x in (np.float64(0.3), POINTS[:3]):
        compiled = ta.compile(g)
        expected = g(x)
        np.testing.assert_allclose(compiled(x), expected, rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(compiled(x), expected, rtol=1e-9, atol=1e-10)


# --- where series are singular ------------------------------------------------------------------


def test_removable_singularities():
    for order in (20, 40):
        g = coefficients(lambda x: np.sin(x) / x, order)
        compiled = ta.compile(g)
        compiled(2.0)
        if order == 40:
            with pytest.warns(CompileWarning, match="too long to be compiled"):
                compiled(0.0)
        for x in (2.0, 0.0, 2.0, 0.0):
            np.testing.assert_allclose(compiled(x), g(x), rtol=1e-12, atol=1e-14)


SINGULAR = {
    "pole": (lambda x: 1 / x, 0.0),
    "root": (np.sqrt, 0.0),
    "arcsine": (lambda x: np.arcsin(1 - x), 0.0),
    "power": (lambda x: (1 - x) ** 1.5, 1.0),
}


@pytest.mark.parametrize("order", [5, 20, 60])
@pytest.mark.parametrize(("f", "bad"), SINGULAR.values(), ids=SINGULAR)
def test_singular_points(f, bad, order):
    g = coefficients(f, order)
    for x in (np.float64(0.5), np.full(5, 0.5), np.full(20, 0.5)):
        compiled = ta.compile(g)
        assert_close(compiled(x), g(x))
        y = np.append(x[:-1], bad) if x.shape else np.float64(bad)
        messages = []
        for function in (g, compiled):
            with pytest.raises(SingularityError) as caught:
                function(y)
            messages.append(str(caught.value))
        assert messages[0] == messages[1]
        assert_close(compiled(x), g(x))


def test_invalid_points():
    compiled = ta.compile(coefficients(curve, 30))
    for x in (0.5, POINTS):
        compiled(x)
        with pytest.raises(ta.errors.InputError, match="NaN"):
            compiled(x * np.nan)


# --- the rest -----------------------------------------------------------------------------------


def test_pickle():
    compiled = ta.compile(coefficients(curve, 30))
    expected = compiled(0.5)
    again = pickle.loads(pickle.dumps(compiled))
    np.testing.assert_array_equal(again(0.5), expected)
    program = compiled.programs[0]
    twin = pickle.loads(pickle.dumps(program))
    assert any(isinstance(line.row, OnSeries) for line in twin.lines)


def test_code_does_not_grow_with_the_order():
    texts = []
    for order in (20, 50, 200):
        compiled = ta.compile(coefficients(curve, order))
        compiled(0.5)
        texts.append(compiled.llvm)
    assert max(map(len, texts)) - min(map(len, texts)) < 100


def test_list():
    shown = str(ta.wengert(coefficients(curve, 30), 0.5))
    assert "sin of a series" in shown
