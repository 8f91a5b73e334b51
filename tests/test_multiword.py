"""Numbers of several words: operations and functions against mpmath, at several processors."""

from __future__ import annotations

import ctypes
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import pairwise
from typing import Any

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf

from taylorad.machine.features import has_fma
from taylorad.machine.module import Code, build
from taylorad.machine.multiword import (
    FUNCTIONS,
    ONE,
    OPERATIONS,
    Number,
    Text,
    Words,
    definitions,
    digits,
    joined,
    joined_array,
    split,
    split_array,
    unit,
)

LEVELS = ("native", "avx2", "generic")  # with AVX-512 if there is; with FMA; SSE2 without
BITS = 1400  # of mpmath: enough for the difference of any two numbers here
TERMS = (1, 2, 5, 40)  # in sums of products

Operation = Callable[..., Number]
Pattern = tuple[float, ...]


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name a processor, having made it the one that code is made for."""
    monkeypatch.setenv("TAYLORAD_CPU", request.param)
    return str(request.param)


# --- running -----------------------------------------------------------------------------------


@dataclass
class Kernel:
    """Machine code of an operation on numbers side by side."""

    code: Code
    words: int
    width: int
    arity: int

    def __call__(self, *arguments: Sequence[Pattern]) -> list[Pattern]:
        """Apply it to lists of numbers, as long as there are lanes."""
        given = [np.array(numbers, dtype=float).T.copy() for numbers in arguments]
        result = np.empty((self.words, self.width))
        kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (self.arity + 1))
        kind(self.code.address("run"))(result.ctypes.data, *(x.ctypes.data for x in given))
        return [tuple(number) for number in result.T.tolist()]


def kernel(
    operation: Callable[[Words], Operation],
    words: int,
    arity: int,
    width: int = 1,
    one: bool = False,
) -> Kernel:
    """Compile an operation: word k of lane l is at place k·width + l."""
    text = Text()
    register = None
    if one:
        register = text.let("load double, ptr @ta.one")
        if width > 1:
            whole = f"<{width} x double>"
            register = text.let(f"insertelement {whole} poison, double {register}, i64 0")
            zeros = f"<{width} x i32> zeroinitializer"
            register = text.let(f"shufflevector {whole} {register}, {whole} poison, {zeros}")
    of = Words(text, words, width, one=register)
    arguments = []
    for k in range(arity):
        places = [
            text.let(f"getelementptr double, ptr %x{k}, i64 {i * width}") for i in range(words)
        ]
        arguments.append(tuple(text.let(f"load {of.kind}, ptr {at}, align 8") for at in places))
    result = of.full(operation(of)(*arguments))
    for i, word in enumerate(result):
        at = text.let(f"getelementptr double, ptr %to, i64 {i * width}")
        text.lines.append(f"  store {of.kind} {word}, ptr {at}, align 8")
    takes = ", ".join(["ptr %to", *(f"ptr %x{k}" for k in range(arity))])
    needed = definitions(of.functions, declared=text.declarations)
    lines = [ONE, needed, *sorted(text.declarations), f"define void @run({takes}) {{"]
    return Kernel(build("\n".join([*lines, *text.lines, "  ret void", "}"])), words, width, arity)


def dot(m: int) -> Callable[[Words], Operation]:
    return lambda of: lambda *x: of.dot((x[2 * i], x[2 * i + 1]) for i in range(m))


def method(name: str) -> Callable[[Words], Operation]:
    return lambda of: getattr(of, name)


def called(name: str) -> Callable[[Words], Operation]:
    return lambda of: lambda *x: of.call(name, *x)


# --- drawing -----------------------------------------------------------------------------------


def number(draw: random.Random, words: int, exponent: int = 300) -> Pattern:
    """Draw a number: its words may have gaps between them, and touch."""
    word, parts = draw.uniform(1, 2) * 2.0 ** draw.randint(-exponent, exponent), []
    for _ in range(words):
        parts.append(word)
        gap = 2.0 ** -draw.choice((53, 53, 53, 54, 56, 60, 80))
        word = abs(word) * gap * draw.choice((1.0, draw.uniform(0.5, 1))) * draw.choice((-1, 1))
    sign = draw.choice((-1, 1))
    return split(joined([sign * part for part in parts]), words)


def neighbour(draw: random.Random, a: Pattern) -> Pattern:
    """Draw a number that all but cancels with another when added."""
    words, kept = len(a), draw.randint(0, len(a))
    tail = [x * draw.choice((1, -1, 0.5, 2, draw.random(), -1 - 2.0**-52)) for x in a[kept:]]
    factor = 1 + draw.choice((0, 1)) * mpf(2) ** -draw.randint(1, 53 * words)
    return split(joined([-x for x in a[:kept]] + tail) * factor, words)


def relative(computed: Pattern, exact: Any, scale: Any = None) -> float:
    """Return an error in units of uⁿ of the value, or of a scale."""
    scale = abs(exact) if scale is None else scale
    error = abs(joined(computed) - exact)
    return float(error / scale / unit(len(computed))) if error else 0.0


def assert_normalised(x: Pattern) -> None:
    for high, low in pairwise(x):
        assert abs(low) <= abs(high) * 2.0**-52


# --- numbers of Python -------------------------------------------------------------------------


@pytest.mark.parametrize("words", [1, 2, 4])
def test_split_and_joined_are_inverse(words: int) -> None:
    draw = random.Random(1)
    with mpmath.workprec(BITS):
        for _ in range(200):
            x = number(draw, words)
            assert split(joined(x), words) == x
            y = mpf(draw.getrandbits(53 * words - 8)) * mpf(2) ** draw.randint(-200, 200)
            assert joined(split(y, words)) == y
            assert relative(split(y / 3, words), y / 3) <= 1


def test_split_takes_every_kind_of_number() -> None:
    third = split(Fraction(1, 3), 4)
    with mpmath.workprec(BITS):
        assert split(mpf(1) / 3, 4) == third
    assert split("0.1", 4) == split(Fraction(1, 10), 4) == split("1e-1", 4)
    assert split(2**80 + 1, 2) == (2.0**80, 1.0)
    assert split(np.float64(0.1), 2) == (0.1, 0.0)
    assert split(np.int64(3), 2) == (3.0, 0.0)
    assert split(10**400, 2) == (math.inf, 0.0)
    assert split("-inf", 2) == split(mpf("-inf"), 2) == split(-math.inf, 2) == (-math.inf, 0.0)
    assert all(math.isnan(split(x, 2)[0]) for x in (math.nan, "nan", mpf("nan")))
    assert joined((math.inf, 0.0)) == math.inf
    assert (digits(2), digits(4)) == (31, 63)


def test_arrays_are_split_along_their_first_axis() -> None:
    values = np.array([[1, "0.1", 0.5], [Fraction(1, 3), mpf(2), 3]], dtype=object)
    parts = split_array(values, 4)
    assert parts.shape == (4, 2, 3)
    assert tuple(parts[:, 0, 1]) == split("0.1", 4)
    back = joined_array(parts)
    assert back.shape == (2, 3)
    assert back[0, 0] == 1
    assert back[1, 0] == joined(split(Fraction(1, 3), 4))
    assert joined_array(split_array(np.array(0.5), 2)).shape == ()


# --- operations --------------------------------------------------------------------------------

EXACT: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "sqrt": mp.sqrt,
}
BOUNDS = {  # in units of uⁿ, for two words and for more
    "add": (3.01, 1.0),
    "subtract": (3.01, 1.0),
    "multiply": (8.0, 6.0),
    "divide": (15.01, 32.0),
    "sqrt": (33 / 8, 32.0),
}


@pytest.mark.parametrize("words", [2, 3, 4])
@pytest.mark.parametrize("name", list(EXACT))
def test_operations_are_within_their_bounds(name: str, words: int, level: str) -> None:
    run, draw = kernel(method(name), words, OPERATIONS[name]), random.Random(words)
    bound = BOUNDS[name][words > 2]
    if name == "multiply" and words == 2 and has_fma():
        bound = 4.0
    with mpmath.workprec(BITS):
        for _ in range(400):
            a = number(draw, words)
            b = number(draw, words) if draw.random() < 0.5 else neighbour(draw, a)
            if name == "subtract":
                b = tuple(-x for x in b)
            if joined(b) == 0:
                continue
            given = [split(abs(joined(a)), words)] if name == "sqrt" else [a, b]
            values = [joined(x) for x in given]
            exact = EXACT[name](*values)
            scale = abs(exact)
            if words > 2 and name in ("add", "subtract"):
                scale += unit(1) * sum(map(abs, values))
            (result,) = run(*([x] for x in given))
            assert relative(result, exact, scale) <= bound
            assert_normalised(result)


@pytest.mark.parametrize("words", [2, 4])
@pytest.mark.parametrize("m", TERMS)
def test_sums_of_products_are_rounded_once(m: int, words: int, level: str) -> None:
    run, draw = kernel(dot(m), words, 2 * m), random.Random(m)
    with mpmath.workprec(BITS):
        for _ in range(60):
            given = [number(draw, words, 20) for _ in range(2 * m)]
            products = [joined(a) * joined(b) for a, b in zip(given[::2], given[1::2])]
            if m > 1 and draw.random() < 0.7:  # the last all but cancels what was before
                wanted = -sum(products[:-1]) * (1 + mpf(2) ** -draw.randint(1, 53 * words))
                given[-2] = split(wanted / joined(given[-1]), words)
                products[-1] = joined(given[-2]) * joined(given[-1])
            (result,) = run(*([x] for x in given))
            assert relative(result, sum(products), sum(map(abs, products))) <= 3 * (m + 1)
            assert_normalised(result)


@pytest.mark.parametrize("words", [2, 4])
def test_vectors_agree_with_numbers(words: int, level: str) -> None:
    draw, lanes = random.Random(3), 8
    operations = {name: (method(name), arity) for name, arity in OPERATIONS.items()}
    operations["dot"] = dot(5), 10
    operations["absolute"] = method("absolute"), 1
    operations["larger"] = larger, 2
    operations["exp"] = called("exp"), 1
    for operation, arity in operations.values():
        given = [[number(draw, words, 20) for _ in range(lanes)] for _ in range(arity)]
        single = kernel(operation, words, arity)
        wanted = [single(*([x] for x in numbers))[0] for numbers in zip(*given)]
        for one in (False, True):
            computed = kernel(operation, words, arity, lanes, one)(*given)
            np.testing.assert_array_equal(computed, wanted)


def larger(of: Words) -> Operation:
    return lambda a, b: of.choose(of.compare("ogt", a, b), a, b)


@pytest.mark.parametrize("words", [2, 4])
def test_sums_of_products_may_be_shared_out_among_lanes(words: int, level: str) -> None:
    draw, lanes = random.Random(8), 8
    text = Text()
    of, single = Words(text, words, lanes), Words(text, words)
    factors = []
    for name in "ab":
        places = [
            text.let(f"getelementptr double, ptr %{name}, i64 {i * lanes}") for i in range(words)
        ]
        factors.append(tuple(text.let(f"load {of.kind}, ptr {at}, align 8") for at in places))
    total = single.normalised(of.folded(of.accumulate(of.nothing, *factors)))
    for i, word in enumerate(single.full(total)):
        at = text.let(f"getelementptr double, ptr %to, i64 {i}")
        text.lines.append(f"  store double {word}, ptr {at}")
    head = "define void @run(ptr %to, ptr %a, ptr %b) {"
    code = build("\n".join([*sorted(text.declarations), head, *text.lines, "  ret void", "}"]))
    for _ in range(20):
        numbers = [[number(draw, words, 20) for _ in range(lanes)] for _ in "ab"]
        a, b = (np.array(side).T.copy() for side in numbers)
        result = np.empty(words)
        run = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3)(code.address("run"))
        run(result.ctypes.data, a.ctypes.data, b.ctypes.data)
        with mpmath.workprec(BITS):
            products = [joined(x) * joined(y) for x, y in zip(*numbers)]
            scale = sum(map(abs, products))
            assert relative(tuple(result.tolist()), sum(products), scale) <= 3 * (lanes + 1)


@pytest.mark.parametrize("words", [2, 4])
def test_comparison_sees_the_last_word(words: int) -> None:
    draw, run = random.Random(4), kernel(larger, words, 2)
    size = kernel(method("absolute"), words, 1)
    for _ in range(50):
        a = number(draw, words)
        b = (*a[:-1], a[-1] * 0.5)
        wanted = a if joined(a) > joined(b) else b
        assert run([a], [b]) == run([b], [a]) == [wanted]
        assert size([a]) == [a if a[0] > 0 else tuple(-x for x in a)]


@pytest.mark.parametrize("words", [2, 4])
def test_words_that_are_not_there_are_zero(words: int) -> None:
    draw = random.Random(5)
    bound = 32 * unit(words)
    for name in ("add", "subtract", "multiply", "divide"):
        shorter, whole = (kernel(form(name), words, 2) for form in (with_a_double, method))
        for _ in range(20):
            a, b = number(draw, words, 20), (draw.uniform(-9, 9), *[0.0] * (words - 1))
            with mpmath.workprec(BITS):
                values = [joined(run([a], [b])[0]) for run in (shorter, whole)]
                assert abs(values[0] - values[1]) <= abs(values[1]) * bound
    of = Words(Text(), words)
    assert of.normalised(of.nothing) == of.nothing
    assert of.add(of.nothing, ("%a",))[0] == "%a"
    assert of.full(of.constant("0.5")) == (of.written(0.5), *[of.written(0.0)] * (words - 1))


def with_a_double(name: str) -> Callable[[Words], Operation]:
    """Return an operation whose second operand is its first word."""
    return lambda of: lambda a, b: method(name)(of)(a, b[:1])


def test_zero_has_a_root_and_negative_numbers_have_none(level: str) -> None:
    for words in (2, 4):
        run = kernel(method("sqrt"), words, 1)
        assert run([(0.0,) * words]) == [(0.0,) * words]
        assert math.isnan(run([(-1.0, *[0.0] * (words - 1))])[0][0])


# --- functions ---------------------------------------------------------------------------------

Range = tuple[float, float]


@dataclass(frozen=True)
class Case:
    """A function: its value to any precision, where it is tried, evenly and by size."""

    exact: Callable[..., Any]
    even: tuple[Range, ...]
    sizes: tuple[Range, ...] = ()  # powers of ten
    signs: tuple[int, ...] = (1, -1)


def _cbrt(x: Any) -> Any:
    return mp.sign(x) * mp.cbrt(abs(x))


CASES = {
    "exp": Case(mp.exp, ((-1, 1), (-200, 700)), ((-30, 0),)),
    "exp2": Case(lambda x: mpf(2) ** x, ((-1, 1), (-300, 1000))),
    "expm1": Case(mp.expm1, ((-1, 1), (-200, 700)), ((-30, 0),)),
    "expm1_near_zero": Case(mp.expm1, ((-0.35, 0.35),), ((-30, -1),)),
    "sinh": Case(mp.sinh, ((-1, 1), (-700, 700)), ((-30, 0),)),
    "cosh": Case(mp.cosh, ((-1, 1), (-700, 700))),
    "tanh": Case(mp.tanh, ((-1, 1), (-90, 90)), ((-30, 0),)),
    "logistic": Case(lambda x: 1 / (1 + mp.exp(-x)), ((-1, 1), (-200, 700))),
    "log": Case(mp.log, ((0.6, 1.5),), ((-200, 300),), (1,)),
    "log2": Case(lambda x: mp.log(x) / mp.log(2), ((0.6, 1.5),), ((-200, 300),), (1,)),
    "log10": Case(lambda x: mp.log(x) / mp.log(10), ((0.6, 1.5),), ((-200, 300),), (1,)),
    "log1p": Case(mp.log1p, ((-0.9, 2),), ((-30, -1),)),
    "arcsinh": Case(lambda x: mp.sign(x) * mp.asinh(abs(x)), ((-3, 3),), ((-30, 200),)),
    "arccosh": Case(mp.acosh, ((1, 1.01), (1, 9)), ((0, 200),), (1,)),
    "arctanh": Case(mp.atanh, ((-1, 1),), ((-30, -1),)),
    "power": Case(mp.power, ((0.1, 9),), ((-2, 2),), (1,)),
    "cbrt": Case(_cbrt, ((-2, 2),), ((-200, 300),)),
    "hypot": Case(mp.hypot, ((-1, 1),), ((-100, 300),)),
    "sin": Case(mp.sin, ((-1, 1), (-30, 30)), ((-30, 15), (15, 300))),
    "cos": Case(mp.cos, ((-1, 1), (-30, 30)), ((-30, 15), (15, 300))),
    "tan": Case(mp.tan, ((-1, 1), (-30, 30)), ((-30, 15),)),
    "arcsin": Case(mp.asin, ((-1, 1),), ((-30, 0),)),
    "arccos": Case(mp.acos, ((-1, 1),)),
    "arctan": Case(mp.atan, ((-3, 3),), ((-30, 30),)),
    "arctan2": Case(mp.atan2, ((-1, 1),), ((-100, 100),)),
}
TWO = ("power", "hypot", "arctan2")


def test_every_function_has_a_case() -> None:
    assert {*CASES, "sincos"} == set(FUNCTIONS)


@cache
def samples(name: str, words: int, count: int = 25) -> list[tuple[list[Pattern], Any]]:
    """Draw arguments, with the values."""
    case, draw = CASES[name], random.Random(6)
    found: list[tuple[list[Pattern], Any]] = []

    def fraction() -> Any:
        return mpf(draw.getrandbits(60 * words)) / mpf(2) ** (60 * words)

    def even(low: float, high: float) -> Any:
        return low + (mpf(high) - low) * fraction()

    def size(low: float, high: float) -> Any:
        x = draw.choice(case.signs) * mpf(10) ** int(draw.uniform(low, high)) * fraction()
        return 1 + x if name == "arccosh" else x

    with mpmath.workprec(BITS):
        for drawer, spans in ((even, case.even), (size, case.sizes)):
            for span in spans:
                for _ in range(count):
                    given = [split(drawer(*span), words) for _ in range(1 + (name in TWO))]
                    found.append((given, case.exact(*map(joined, given))))
    return found


@pytest.mark.parametrize("words", [2, 4])
@pytest.mark.parametrize("name", list(CASES))
def test_functions_are_right_to_the_last_digits(name: str, words: int, level: str) -> None:
    run = kernel(called(name), words, 1 + (name in TWO))
    with mpmath.workprec(BITS):
        for given, exact in samples(name, words):
            (result,) = run(*([x] for x in given))
            assert relative(result, exact) <= 8 * words, given
            assert_normalised(result)


@pytest.mark.parametrize("words", [2, 4])
def test_angles_next_to_multiples_of_a_quarter_turn(words: int, level: str) -> None:
    draw = random.Random(7)
    with mpmath.workprec(2 * BITS):
        for name in ("sin", "cos"):
            run = kernel(called(name), words, 1)
            for k in (1, 2, 3, 5, 355, 10**6, 2**49, 2**52, 3**200, *draw.sample(range(999), 9)):
                x = split(k * mp.pi / 2, words)
                assert relative(run([x])[0], CASES[name].exact(joined(x))) <= 8 * words, k


NAN, INF = math.nan, math.inf
SPECIAL: dict[str, list[tuple[Pattern, float]]] = {
    "exp": [
        ((0.0,), 1),
        ((INF,), INF),
        ((-INF,), 0),
        ((NAN,), NAN),
        ((800.0,), INF),
        ((-800.0,), 0),
    ],
    "exp2": [
        ((0.0,), 1),
        ((INF,), INF),
        ((-INF,), 0),
        ((NAN,), NAN),
        ((10.0,), 1024),
        ((-2.0,), 0.25),
    ],
    "expm1": [((0.0,), 0), ((INF,), INF), ((-INF,), -1), ((NAN,), NAN)],
    "sinh": [((0.0,), 0), ((INF,), INF), ((-INF,), -INF), ((NAN,), NAN)],
    "cosh": [((0.0,), 1), ((INF,), INF), ((-INF,), INF)],
    "tanh": [((0.0,), 0), ((INF,), 1), ((-INF,), -1), ((NAN,), NAN)],
    "logistic": [((0.0,), 0.5), ((INF,), 1), ((-INF,), 0), ((NAN,), NAN)],
    "log": [
        ((1.0,), 0),
        ((0.0,), -INF),
        ((-1.0,), NAN),
        ((INF,), INF),
        ((-INF,), NAN),
        ((NAN,), NAN),
    ],
    "log2": [((1.0,), 0), ((0.0,), -INF), ((-1.0,), NAN), ((INF,), INF), ((NAN,), NAN)],
    "log10": [((1.0,), 0), ((0.0,), -INF), ((-1.0,), NAN), ((INF,), INF), ((NAN,), NAN)],
    "log1p": [((0.0,), 0), ((-1.0,), -INF), ((-2.0,), NAN), ((INF,), INF), ((NAN,), NAN)],
    "arcsinh": [((0.0,), 0), ((INF,), INF), ((-INF,), -INF), ((NAN,), NAN)],
    "arccosh": [((1.0,), 0), ((0.5,), NAN), ((INF,), INF), ((NAN,), NAN)],
    "arctanh": [((0.0,), 0), ((1.0,), INF), ((-1.0,), -INF), ((2.0,), NAN), ((NAN,), NAN)],
    "power": [
        ((0.0, 2.0), 0),
        ((0.0, -2.0), INF),
        ((0.0, 0.0), 1),
        ((INF, 2.0), INF),
        ((INF, -2.0), 0),
        ((-2.0, 3.0), -8),
        ((-2.0, 2.0), 4),
        ((-2.0, 0.5), NAN),
        ((NAN, 1.0), NAN),
        ((3.0, 0.0), 1),
    ],
    "cbrt": [
        ((0.0,), 0),
        ((8.0,), 2),
        ((-27.0,), -3),
        ((INF,), INF),
        ((-INF,), -INF),
        ((NAN,), NAN),
    ],
    "hypot": [((0.0, 0.0), 0), ((3.0, 4.0), 5), ((3e300, -4e300), 5e300)],
    "sin": [((0.0,), 0), ((-0.0,), -0.0), ((INF,), NAN), ((-INF,), NAN), ((NAN,), NAN)],
    "cos": [((0.0,), 1), ((INF,), NAN), ((NAN,), NAN)],
    "tan": [((0.0,), 0), ((-0.0,), -0.0), ((INF,), NAN), ((NAN,), NAN)],
    "arcsin": [((0.0,), 0), ((2.0,), NAN), ((NAN,), NAN)],
    "arccos": [((1.0,), 0), ((-2.0,), NAN), ((NAN,), NAN)],
    "arctan": [((0.0,), 0), ((NAN,), NAN)],
    "arctan2": [((0.0, 0.0), 0), ((0.0, 1.0), 0), ((1.0, NAN), NAN)],
}


@pytest.mark.parametrize("words", [2, 4])
@pytest.mark.parametrize("name", list(SPECIAL))
def test_special_arguments(name: str, words: int, level: str) -> None:
    run = kernel(called(name), words, 1 + (name in TWO))
    for arguments, wanted in SPECIAL[name]:
        given = [(x, *[0.0] * (words - 1)) for x in arguments]
        (result,) = run(*([x] for x in given))
        if math.isnan(wanted):
            assert math.isnan(result[0]), arguments
        elif wanted in (0, INF, -INF):
            assert result == (wanted, *[0.0] * (words - 1)), arguments
            assert math.copysign(1, result[0]) == math.copysign(1, wanted)
        else:
            with mpmath.workprec(BITS):
                assert relative(result, mpf(wanted)) <= 8 * words, arguments


@pytest.mark.parametrize("words", [2, 4])
def test_inverse_tangents_at_infinity_are_right_angles(words: int, level: str) -> None:
    zeros = [0.0] * (words - 1)
    with mpmath.workprec(BITS):
        for y, x, angle in (
            (INF, 1.0, mp.pi / 2),
            (-INF, 1.0, -mp.pi / 2),
            (1.0, -INF, mp.pi),
            (INF, INF, mp.pi / 4),
            (1.0, -1.0, 3 * mp.pi / 4),
            (-1e-250, -1e250, -mp.pi),
            (0.0, -1.0, mp.pi),
        ):
            (result,) = kernel(called("arctan2"), words, 2)([(y, *zeros)], [(x, *zeros)])
            assert relative(result, angle) <= 8 * words
        (result,) = kernel(called("arctan"), words, 1)([(INF, *zeros)])
        assert relative(result, mp.pi / 2) <= 8 * words
        for x in (1.0, -1.0):
            (result,) = kernel(called("arcsin"), words, 1)([(x, *zeros)])
            assert relative(result, x * mp.pi / 2) <= 8 * words


# --- text --------------------------------------------------------------------------------------


def test_a_module_has_everything_once() -> None:
    text = definitions(["sin.w4", "exp.w4", "power.w4", "sin.w4"], fma=True)
    for needle in (
        "declare double @llvm.fma.f64",
        "double, double } @ta.sin.w4(double %x0.0",
        "@ta.exp.w5(double %x0.0",
        "@ta.pi.w4 =",
    ):
        assert text.count(needle) == 1
    assert "declare double @log(" not in definitions(
        ["log.w2"], declared=["declare double @log(double)"]
    )
    every = [f"{name}.w2" for name in FUNCTIONS]
    assert "llvm.fma" not in definitions(every, fma=False)
    build(definitions(every, fma=has_fma()))


def test_products_take_as_many_instructions_as_stated() -> None:
    for words, count in ((2, 12), (4, 112)):
        text = Text()
        of = Words(text, words, fma=True)
        names = [tuple(f"%{x}{i}" for i in range(words)) for x in "cab"]
        of.accumulate(*names)
        arithmetic = [line for line in text.lines if "fneg" not in line]
        assert len(arithmetic) == count
