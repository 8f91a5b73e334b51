"""Loops on vectors: every length, every way through memory, every width of vectors."""

import ctypes

import numpy as np
import pytest

import taylorad as ta
from taylorad.compiler.vectors import Vectors
from taylorad.machine.mathematics import FUNCTIONS, definition, definitions
from taylorad.machine.module import build
from taylorad.machine.vectors import lane_by_lane, widened

LENGTHS = [*range(1, 20), 31, 32, 33, 40, 63, 64, 65, 100, 2049, 4101]

# Each is of a vector x and a matrix a with three columns and as many rows.
PROGRAMS = {
    "plain": lambda x, a: 3 * x + x * x,
    "backwards": lambda x, a: x[::-1] - x,
    "every second": lambda x, a: x[::2] * 2,
    "every third, backwards": lambda x, a: x[::-3] + 1,
    "far apart": lambda x, a: a.ravel()[::7] * 2,
    "a column": lambda x, a: a[:, 1] * x,
    "into every second": lambda x, a: np.stack([x, -x], axis=1),
    "transposed": lambda x, a: a.T * 2,
    "rows": lambda x, a: a * np.array([1.0, 2.0, 3.0]),
    "by an index": lambda x, a: x[np.argsort(x[:5])] + x[0],
    "where": lambda x, a: np.where(x > 0.3, x, -2 * x),
    "truth": lambda x, a: (x > 0.3) & (x < 0.9),
    "of integers": lambda x, a: np.floor(x) * (np.arange(len(x)) % 3),
    "neighbours": lambda x, a: np.pad(x, 1)[2:] - np.pad(x, 1)[:-2],
    "remainder": lambda x, a: np.fmod(x, 0.3),
    "any": lambda x, a: x * np.any(x > 0.999),
    "all": lambda x, a: x * np.all(x[: len(x) // 2] < 2),
}
SUMS = {
    "sum": lambda x, a: np.sum(x),
    "sum of squares": lambda x, a: np.sum(x * x) * x,
    "sum of exponentials": lambda x, a: np.sum(np.exp(x)) + x,
    "along rows": lambda x, a: np.sum(a * a, axis=1),
    "along columns": lambda x, a: np.sum(a * a, axis=0),
    "of two at once": lambda x, a: np.array([np.sum(x), np.sum(x * x)]),
    "by groups": lambda x, a: np.bincount(np.arange(len(x)) % 3, weights=x),
    "distances": lambda x, a: np.sum((a[:40, None] - a[None, :40]) ** 2, axis=(1, 2)),
    "gradient": ta.grad(lambda x, a: np.sum((x[1:] - x[:-1] ** 2) ** 2) + np.sum(a[::2] ** 3)),
    "product": lambda x, a: a.T @ x,
}


def data(n):
    rng = np.random.default_rng(n)
    return rng.uniform(0.1, 1.0, n), rng.uniform(0.1, 1.0, (n, 3))


@pytest.mark.parametrize("name", PROGRAMS)
def test_entry_by_entry_to_the_last_bit(name):
    f = PROGRAMS[name]
    for n in LENGTHS:
        args = data(n)
        np.testing.assert_array_equal(ta.compile(f)(*args), f(*args), err_msg=f"n = {n}")


@pytest.mark.parametrize("name", SUMS)
def test_sums_have_every_entry_once(name):
    f = SUMS[name]
    for n in LENGTHS:
        args = data(n)
        found, wanted = ta.compile(f)(*args), f(*args)
        np.testing.assert_allclose(found, wanted, rtol=1e-13, err_msg=f"n = {n}")


@pytest.mark.parametrize("cpu", ["generic", "avx2"])
@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 37])
def test_with_narrower_vectors(cpu, n, monkeypatch):
    monkeypatch.setenv("TAYLORAD_CPU", cpu)
    args = data(n)
    for name, f in {**PROGRAMS, **SUMS}.items():
        if name == "gradient" and n == 1:
            continue
        np.testing.assert_allclose(ta.compile(f)(*args), f(*args), rtol=1e-13, err_msg=name)


def test_a_last_vector_neither_loses_nor_adds():
    """Sums of powers of two tell which entries were added, and how often."""
    for n in range(1, 50):
        x = 2.0 ** np.arange(n)
        assert ta.compile(np.sum)(x) == 2.0**n - 1
        assert ta.compile(lambda x: np.sum(np.exp2(x)))(np.arange(float(n))) == 2.0**n - 1


def test_nan_and_infinity_in_the_last_vector_only():
    for n in (9, 17, 33):
        for odd in (np.nan, np.inf):
            for place in (0, n - 2, n - 1):
                x = np.ones(n)
                x[place] = odd
                assert repr(ta.compile(np.sum)(x)) == repr(np.sum(x))
                np.testing.assert_array_equal(ta.compile(lambda x: x * 2)(x), x * 2)


def test_arguments_beyond_the_fast_functions_in_any_lane():
    for n in (8, 9, 70):
        for place in range(0, n, 4):
            x = np.linspace(0.1, 1.0, n)
            x[place] = 1e22
            f = lambda x: np.sin(x) * np.sum(np.cos(x))
            np.testing.assert_allclose(ta.compile(f)(x), f(x), rtol=1e-14)


def test_a_vector_makes_vectors_of_what_it_meets():
    emitter = Vectors(lanes=4)
    x = emitter.vector("load <4 x double>, ptr %p, align 8")
    y = emitter.instruction("fadd double %s, 0x3FF0000000000000")
    z = emitter.instruction(f"fmul double {x}, {y}")
    emitter.call("exp", z)
    emitter.intrinsic("fmod", z, z)
    text = "\n".join(emitter.lines)
    assert "fadd double %s" in text
    assert "shufflevector <4 x double>" in text
    assert "call <4 x double> @ta.exp.v4(" in text
    assert emitter.functions == {"exp.v4"}
    assert list(emitter.helpers) == ["@fmod.v4"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_vectors_equal_those_of_numbers(name):
    arity, lanes = definition(name).arity, 4
    takes = [f"%x{k}" for k in range(arity)]
    loads = [
        f"  %p{k} = getelementptr double, ptr %x, i64 {lanes * k}\n"
        f"  {x} = load <{lanes} x double>, ptr %p{k}, align 8"
        for k, x in enumerate(takes)
    ]
    whole = ", ".join(f"<{lanes} x double> {x}" for x in takes)
    call = f"call double @ta.{name}({', '.join(f'double %e{k}' for k in range(arity))})"
    entries = [
        "\n".join(
            [
                *(
                    f"  %e{k} = extractelement <{lanes} x double> {x}, i64 {lane}".replace(
                        "%e", f"%e{lane}."
                    )
                    for k, x in enumerate(takes)
                ),
                f"  %s{lane} = {call.replace('%e', f'%e{lane}.')}",
                f"  %q{lane} = getelementptr double, ptr %y, i64 {lanes + lane}",
                f"  store double %s{lane}, ptr %q{lane}",
            ]
        )
        for lane in range(lanes)
    ]
    text = "\n".join(
        [
            definitions([name, f"{name}.v{lanes}"]),
            "define void @f(ptr %x, ptr %y) {",
            *loads,
            f"  %v = call <{lanes} x double> @ta.{name}.v{lanes}({whole})",
            f"  store <{lanes} x double> %v, ptr %y, align 8",
            *entries,
            "  ret void",
            "}",
        ]
    )
    code = build(text, level=1)
    x, y = np.array([0.3, 0.9, -0.2, 1.7, 0.5, 2.5, 1.5, -0.7]), np.zeros(2 * lanes)
    run = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(code.address("f"))
    run(x.ctypes.data, y.ctypes.data)
    np.testing.assert_array_equal(y[:lanes], y[lanes:])


def test_what_has_no_vector_form_is_called_for_every_lane():
    text = lane_by_lane("@fmod", 2, 8)
    assert text.count("call double @fmod(") == 8
    assert widened("fneg double %x", 2, lambda x, kind: x) == "fneg <2 x double> %x"
