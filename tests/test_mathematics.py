"""The elementary functions of compiled code, against mpmath and NumPy, at several processors."""

from __future__ import annotations

import ctypes
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.special
from mpmath import mp, mpf

from taylorad.machine.features import has_fma, processor
from taylorad.machine.mathematics import FUNCTIONS, coefficients, definition, definitions
from taylorad.machine.module import Code, build

Array = np.ndarray[Any, np.dtype[np.float64]]

LEVELS = ("native", "avx2", "generic")  # with AVX-512 if there is; with FMA; SSE2 without
EXTREMES = (
    *(0.0, 1.0, 5e-324, 1e-310, 2.0**-1022, 1e-300, 1e-20, 0.49999999999999994, 0.5, 2.0, 2.5),
    *(3.0, 10.0, 100.0, 1000.0, 1e15, 2.0**52 + 1, 2.0**53 + 2, 1e22, 1e308, math.inf, math.nan),
    *(709.0, 710.0, 746.0, 1023.0, 1024.0, 1074.0, 1075.0, 1076.0),
)


# --- every function, what it is and where it is tried ----------------------------------------


def _odd(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Extend a function that mpmath has for x ≥ 0, or has accurately only there."""
    return lambda x: f(x) if x >= 0 else -f(-x)


@dataclass(frozen=True)
class Case:
    """A function: its value to any precision, how far off we may be, where, and SciPy's name."""

    exact: Callable[..., Any]
    ulps: float
    ranges: tuple[tuple[float, float], ...]
    critical: tuple[float, ...] = ()  # to be tried with their neighbours
    numpy: Callable[..., Any] | None = None
    apart: int = 4  # from NumPy or SciPy, in units of the last place


EVERYWHERE = ((-1e300, 1e300), (-1.0, 1.0), (-9.0, 9.0))
POSITIVE = ((1e-320, 1e-300), (1e-3, 9.0), (1e-300, 1e300), (0.7, 1.42))
EXPONENT = ((-1.0, 1.0), (-30.0, 30.0), (-745.0, 709.7), (-745.1, -708.0), (708.0, 709.7))
HALF_LN2 = tuple((k + 0.5) * math.log(2) for k in (-1075, -1022, -3, -1, 0, 1, 7, 1023))
QUARTERS = tuple(k * math.pi / 4 for k in (1, 2, 3, 4, 5, 22, 710, 1420, 10**9 + 1, 10**11))
ANGLES = ((-1.0, 1.0), (-9.0, 9.0), (-1e6, 1e6), (-1e12, 1e12))
PIVOTS = (math.tan(math.pi / 8), math.sin(math.pi / 8), math.cos(math.pi / 8), 1.0, 0.5)

CASES = {
    "exp": Case(mp.exp, 0.76, EXPONENT, HALF_LN2),
    "exp2": Case(lambda x: mpf(2) ** x, 0.76, (*EXPONENT, (-1075.0, 1023.9)), (0.5, 1.5, -1073.5)),
    "expm1": Case(mp.expm1, 0.9, EXPONENT, HALF_LN2),
    "sinh": Case(_odd(mp.sinh), 0.9, EXPONENT, HALF_LN2),
    "cosh": Case(mp.cosh, 0.8, EXPONENT, HALF_LN2),
    "tanh": Case(_odd(mp.tanh), 0.9, ((-1.0, 1.0), (-22.0, 22.0)), HALF_LN2),
    "logistic": Case(
        lambda x: mp.exp(x) / (1 + mp.exp(x)), 0.8, EXPONENT, HALF_LN2, scipy.special.expit
    ),
    "log": Case(mp.log, 0.6, POSITIVE, (0.5**0.5, 1.0, 2.0**0.5)),
    "log2": Case(lambda x: mp.log(x) / mp.log(2), 0.6, POSITIVE, (0.5**0.5, 1.0, 2.0**0.5)),
    "log10": Case(lambda x: mp.log(x) / mp.log(10), 0.6, POSITIVE, (0.5**0.5, 1.0, 2.0**0.5)),
    "log1p": Case(
        mp.log1p, 0.6, (*POSITIVE, (-1.0, 1.0), (-1e-9, 1e-9)), (0.5**0.5 - 1, 2.0**0.5 - 1)
    ),
    "arcsinh": Case(_odd(mp.asinh), 0.6, EVERYWHERE, (2.0**28,)),
    "arccosh": Case(mp.acosh, 0.6, ((1.0, 1.1), (1.0, 9.0), (1.0, 1e300)), (2.0**28,)),
    "arctanh": Case(_odd(mp.atanh), 0.6, ((-1.0, 1.0), (-1e-5, 1e-5)), (1 / 3,)),
    "sin": Case(mp.sin, 0.85, ANGLES, QUARTERS),
    "cos": Case(mp.cos, 0.85, ANGLES, QUARTERS),
    "tan": Case(mp.tan, 1.0, ANGLES, QUARTERS),
    "arcsin": Case(mp.asin, 0.8, ((-1.0, 1.0), (-1e-9, 1e-9)), PIVOTS),
    "arccos": Case(mp.acos, 0.8, ((-1.0, 1.0), (-1e-9, 1e-9)), PIVOTS),
    "arctan": Case(mp.atan, 0.8, EVERYWHERE, PIVOTS),
    "cbrt": Case(_odd(mp.cbrt), 0.6, (*EVERYWHERE, (0.0, 1e-310)), (1.0, 8.0)),
    "erf": Case(mp.erf, 0.9, ((-1.0, 1.0), (-7.0, 7.0)), (0.5, 0.75, 1.0), scipy.special.erf),
    "erfc": Case(
        mp.erfc,
        1.3,
        ((-1.0, 1.0), (-7.0, 7.0), (0.0, 27.2)),
        (0.5,),
        scipy.special.erfc,
        apart=512,  # SciPy has an exp(−x²) that is wrong by the rounding of x²
    ),
    # of two arguments
    "power": Case(mp.power, 0.8, ()),
    "arctan2": Case(mp.atan2, 0.8, ()),
    "hypot": Case(mp.hypot, 0.8, ()),
}


def _two_samples(name: str, rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    """Draw two arguments of every size; for a power such that the result is in range."""

    def sizes(low: float, high: float) -> Array:
        return rng.choice((-1.0, 1.0), count) * 10.0 ** rng.uniform(low, high, count)

    if name == "power":
        x = np.abs(np.concatenate([sizes(-320, 300), 1 + sizes(-14, -1), rng.uniform(0, 2, count)]))
        a = rng.uniform(-744, 709, x.size) / np.log(x)
        return np.concatenate([x, x]), np.concatenate([a, rng.uniform(-1, 1, x.size)])
    spans = ((-1, 1), (-322, 307), (-322, -290), (290, 307))
    x, y = (np.concatenate([sizes(*span) for span in spans]) for _ in range(2))
    return x, y


@cache
def samples(name: str, count: int = 40) -> tuple[Array, ...]:
    """Draw arguments: uniform in each range, of every size in it, and next to what is critical."""
    case, rng = CASES[name], np.random.default_rng(7)
    if not case.ranges:
        return _two_samples(name, rng, count)
    drawn = [np.nextafter(x, (-np.inf, x, np.inf)) for x in case.critical]
    for low, high in case.ranges:
        far = max(-low, high)
        tiny = 10.0 ** rng.uniform(-17, 0, count)
        drawn += [rng.uniform(low, high, count), far * tiny, -far * tiny, low + (high - low) * tiny]
    x = np.concatenate(drawn)
    inside = [(low <= x) & (x <= high) for low, high in case.ranges]
    return (x[np.logical_or.reduce(inside)],)


@cache
def references(name: str) -> list[Any]:
    """Return the values at the samples to 250 bits, which is enough after any cancellation."""
    with mpmath.workprec(250):
        return [CASES[name].exact(*map(mpf, arguments)) for arguments in zip(*samples(name))]


def ulps(computed: float, exact: Any) -> float:
    """Return the distance in units of the last place that a double next to the value has."""
    if not math.isfinite(computed):
        return 0.0 if abs(exact) >= mpf(2) ** 1024 * (1 - mpf(2) ** -54) else math.inf
    exponent = max(mp.frexp(exact)[1] - 53, -1074)
    return float(abs(mpf(computed) - exact) / mpf(2) ** exponent)


# --- machine code of a loop and of a single call ---------------------------------------------

LOOP = """
define void @loop(i64 %n, ptr noalias %to, ptr %xs, ptr %ys) {{
entry:
  br label %body
body:
  %i = phi i64 [0, %entry], [%next, %body]
  %at.x = getelementptr double, ptr %xs, i64 %i
  %x = load double, ptr %at.x
  %at.y = getelementptr double, ptr %ys, i64 %i
  %y = load double, ptr %at.y
  %r = call double @ta.{name}({arguments})
  %at = getelementptr double, ptr %to, i64 %i
  store double %r, ptr %at
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %n
  br i1 %more, label %body, label %done
done:
  ret void
}}
define double @single(double %x, double %y) {{
  %r = call double @ta.{name}.scalar({arguments})
  ret double %r
}}
"""
SPECIAL = """
define i1 @special(double %x) {{
  %r = call i1 @ta.{name}.special(double %x)
  ret i1 %r
}}
"""


@cache
def code(name: str, level: str) -> Code:
    """Compile a function; `level` is what the environment says, for the cache's sake."""
    one = definition(name, fma=has_fma())
    arguments = ("double %x", "double %x, double %y")[one.arity - 1]
    head, loops = definitions([name], fma=has_fma()), LOOP + (SPECIAL if one.special else "")
    return build(head + loops.format(name=name, arguments=arguments), level=3)


def loop(name: str, level: str, x: Array, y: Array | None = None) -> Array:
    """Run the loop over arrays."""
    pointer = ctypes.c_void_p
    run = ctypes.CFUNCTYPE(None, ctypes.c_int64, *[pointer] * 3)(code(name, level).address("loop"))
    x = np.ascontiguousarray(x)
    y = x if y is None else np.ascontiguousarray(y)
    result = np.empty_like(x)
    run(len(x), *(array.ctypes.data for array in (result, x, y)))
    return result


def single(name: str, level: str) -> Callable[[float, float], float]:
    """Return the form for straight-line code."""
    double = ctypes.c_double
    kind = ctypes.CFUNCTYPE(double, double, double)
    run = kind(code(name, level).address("single"))
    return lambda x, y: float(run(x, y))


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name a processor, having made it the one that code is made for."""
    monkeypatch.setenv("TAYLORAD_CPU", request.param)
    return str(request.param)


# --- what must hold --------------------------------------------------------------------------


def test_every_function_has_a_case() -> None:
    assert set(CASES) == set(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_accuracy(name: str, level: str) -> None:
    computed = loop(name, level, *samples(name))
    errors = [ulps(y, exact) for y, exact in zip(computed.tolist(), references(name))]
    worst = int(np.argmax(errors))
    assert errors[worst] <= CASES[name].ulps, [x[worst] for x in samples(name)]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_agrees_with_numpy(name: str) -> None:
    peer = CASES[name].numpy or getattr(np, name)
    with np.errstate(all="ignore"):
        wanted, computed = peer(*samples(name)), loop(name, "native", *samples(name))
    if CASES[name].numpy is not None:  # SciPy's go to zero before they are subnormal
        wanted = np.where(np.abs(computed) < 2.0**-1021, computed, wanted)
    np.testing.assert_array_max_ulp(computed, wanted, CASES[name].apart)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_extremes(name: str, level: str) -> None:
    peer = CASES[name].numpy or getattr(np, name)
    values = np.array([sign * x for x in EXTREMES for sign in (1.0, -1.0)])
    given = [values]
    if definition(name).arity == 2:
        given = [both.ravel() for both in np.meshgrid(values, values)]
    with np.errstate(all="ignore"):
        wanted = peer(*given)
    run = single(name, level)
    calls = np.array([run(*pair) for pair in zip(given[0].tolist(), given[-1].tolist())])
    near = abs(values) <= 2.0**40 if definition(name).special else np.full(len(wanted), True)
    for computed, compared in (
        (loop(name, level, *given), near),
        (calls, np.full_like(near, True)),
    ):
        known = compared & ~np.isnan(wanted)
        np.testing.assert_array_equal(np.isnan(computed[compared]), np.isnan(wanted[compared]))
        np.testing.assert_array_equal(np.signbit(computed[known]), np.signbit(wanted[known]))
        np.testing.assert_array_equal(np.isinf(computed[known]), np.isinf(wanted[known]))
        finite = known & np.isfinite(wanted)
        if CASES[name].numpy is not None:
            finite &= np.abs(computed) >= 2.0**-1021
        np.testing.assert_array_max_ulp(computed[finite], wanted[finite], CASES[name].apart)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_loops_are_vectorised(name: str, level: str) -> None:
    lanes = processor().vector_bits // 64
    vectors = re.findall(rf"= f(?:mul|add|sub) <{lanes} x double>", code(name, level).optimised())
    assert len(vectors) > 5
    loop_body = code(name, level).assembly().partition("single:")[0]
    assert "call" not in loop_body


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_far_arguments_are_told_and_left_to_libm(name: str, level: str) -> None:
    address = code(name, level).address("special")
    special = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_double)(address)
    assert [special(x) for x in (0.0, -(2.0**40), 1e13, -1e300, math.nan)] == [0, 0, 1, 1, 0]
    with mpmath.workprec(1200):
        for x in (1e13, -1e22, 1e300, 1.7e308):
            assert ulps(single(name, level)(x, 0.0), CASES[name].exact(mpf(x))) < 1


@pytest.mark.parametrize("level", ["native"], indirect=True)
def test_exact_values_are_exact(level: str) -> None:
    n = np.arange(-1074.0, 1024.0)
    np.testing.assert_array_equal(loop("exp2", level, n), np.ldexp(1.0, n.astype(int)))
    np.testing.assert_array_equal(loop("log2", level, np.ldexp(1.0, n.astype(int))), n)
    np.testing.assert_array_equal(loop("log10", level, 10.0 ** np.arange(23)), np.arange(23.0))
    np.testing.assert_array_equal(loop("cbrt", level, np.arange(999.0) ** 3), np.arange(999.0))
    np.testing.assert_array_equal(
        loop("power", level, np.full(34, 3.0), np.arange(34.0)), [float(3**k) for k in range(34)]
    )
    np.testing.assert_array_equal(loop("hypot", level, n * 3, n * 4), abs(n) * 5)


def test_a_module_declares_everything_once() -> None:
    text = definitions(["sin", "cos", "exp", "sin"], fma=True)
    for needle in ("declare double @llvm.fma.f64", "define internal double @ta.sin("):
        assert text.count(needle) == 1
    assert "declare double @exp(" not in definitions(
        ["exp"], declared=["declare double @exp(double)"]
    )
    assert "llvm.fma" not in definitions(FUNCTIONS, fma=False)


def test_works_without_passes(level: str) -> None:
    calls = "".join(
        f"define double @call.{name}(double %x, double %y) {{\n"
        f"  %r = call double @ta.{name}({', '.join(('double %x', 'double %y')[:arity])})\n"
        "  ret double %r\n}\n"
        for name in FUNCTIONS
        for arity in (definition(name).arity,)
    )
    plain = build(definitions(FUNCTIONS, fma=has_fma()) + "\n" + calls, level=0)
    kind = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double, ctypes.c_double)
    for name in FUNCTIONS:
        x, y = (float(arguments[-1]) for arguments in (samples(name)[0], samples(name)[-1]))
        wanted = loop(name, level, np.array([x]), np.array([y]))[0]
        np.testing.assert_equal(kind(plain.address(f"call.{name}"))(x, y), wanted)


# --- the numbers -----------------------------------------------------------------------------


def _removable(f: Callable[[Any], Any], at_zero: Any) -> Callable[[Any], Any]:
    return lambda z: f(z) if abs(z) > 1e-20 else at_zero


def _root(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return f(√z) / √z − 1 as a function of z."""
    return lambda z: f(mp.sqrt(z)) / mp.sqrt(z) - 1


def _erfc_factor(t: Any) -> Any:
    x = 4 * (1 + t) / (1 - t)
    return (1 + 2 * x) * mp.exp(x * x) * mp.erfc(x) - mpf(5) / 4


@pytest.mark.filterwarnings("ignore:Descending")  # mpmath 1.3 knows no other order
def test_polynomials_are_chebyshev_interpolants() -> None:
    with mpmath.workprec(200):
        little, more = mpf("0.0296"), mpf("1.01")
        half_ln2, quarter = more * mp.log(2) / 2, more * (mp.pi / 4) ** 2
        atanh = _root(mp.atanh)
        third = mpf(1) / 3
        fits: dict[str, tuple[Callable[[Any], Any], Any, Any]] = {
            "EXP": (
                _removable(lambda r: (mp.exp(r) - 1 - r - r * r / 2) / r**3, third / 2),
                -half_ln2,
                half_ln2,
            ),
            "ATANH": (_removable(lambda z: 2 * atanh(z) / z, 2 * third), 0, little),
            "ATANH_TAIL": (
                _removable(lambda z: (2 * atanh(z) / z - 2 * third) / z, mpf(2) / 5),
                0,
                little,
            ),
            "SIN": (_removable(lambda z: _root(mp.sin)(z) / z, -third / 2), 0, quarter),
            "COS": (
                _removable(lambda z: (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2, third / 8),
                0,
                quarter,
            ),
            "ATAN": (
                _removable(lambda z: _root(mp.atan)(z) / z, -third),
                0,
                more * mp.tan(mp.pi / 8) ** 2,
            ),
            "CBRT": (lambda m: m**-third, third * 1.5, 4),
            "ERF": (_removable(_root(mp.erf), 2 / mp.sqrt(mp.pi) - 1), 0, 1),
            "ERFC": (_erfc_factor, mpf(-7) / 9, mpf(3) / 4),
        }
        for name, (f, low, high) in fits.items():
            stored = list(getattr(coefficients, name))
            if name == "EXP":
                assert stored.pop(0) == 0.5
            fitted = mp.chebyfit(f, [low, high], len(stored))[::-1]
            np.testing.assert_allclose(stored, [float(c) for c in fitted], rtol=1e-13, atol=0)


def test_constants_are_sums_of_their_parts() -> None:
    with mpmath.workprec(200):
        for parts, value, bits in (
            ((coefficients.LN2, coefficients.LN2_ERROR), mp.log(2), 106),
            ((coefficients.LN2_SHORT, coefficients.LN2_TAIL), mp.log(2), 92),
            ((coefficients.LOG2_E, coefficients.LOG2_E_ERROR), 1 / mp.log(2), 106),
            ((coefficients.LOG10_E, coefficients.LOG10_E_ERROR), 1 / mp.log(10), 106),
            ((2 / 3, coefficients.TWO_THIRDS_ERROR), mpf(2) / 3, 106),
            ((coefficients.TWO_OVER_PI,), 2 / mp.pi, 53),
            (coefficients.HALF_PI, mp.pi / 2, 159),
            *((part, k * mp.pi / 4, 104) for k, part in enumerate(coefficients.PI_QUARTERS)),
        ):
            assert abs(mp.fsum(parts) - value) <= value * mpf(2) ** -bits
    assert coefficients.LN2_SHORT * 2**40 % 1 == 0
