"""Traces: what is written down of a call, and its normal form."""

import pickle

import numpy as np
import pytest
from test_structure import ARGUMENTS, GROUPS, flat, scenarios

import taylorad as ta
from taylorad.compiler import lanes
from taylorad.compiler.opening import opened
from taylorad.dispatch import as_operand, number_type, shape_of
from taylorad.errors import ConversionError
from taylorad.machine.call import Argument, Result, Signature, run
from taylorad.machine.module import build
from taylorad.wengert import trace as tracing
from taylorad.wengert.list import frozen, kept, repeats
from taylorad.wengert.simplify import normal_form
from taylorad.wengert.trace import Trace, Traced

X = np.array([0.6, -0.3, 1.2, 0.9])


def traced(f, *args):
    """Give the trace of a call, and its results in one line."""
    trace = Trace()
    results = flat(f(*[trace.argument(a) for a in args]))
    return trace, results


def listed(f, *args):
    """Give the list of a function with one result."""
    trace, (result,) = traced(f, *args)
    return normal_form(trace, [result.number])


# --- what is not computed before it is needed --------------------------------------------------


@scenarios(GROUPS)
def test_shapes_and_types_are_known_without_the_numbers(case, monkeypatch):
    monkeypatch.setattr(tracing, "LARGE", 0)
    args = case.of(ARGUMENTS)
    trace, results = traced(case.raw, *args)
    for number in range(len(trace.records)):
        value = trace.value(number)
        assert trace.kinds[number] == (shape_of(value), number_type(value))
    for ours, theirs in zip(results, flat(case.raw(*args)), strict=True):
        ours = as_operand(ours)
        ours = ours.value if isinstance(ours, Traced) else ours
        np.testing.assert_allclose(ours, theirs, rtol=1e-13, atol=1e-13)


def test_large_arrays_are_not_computed():
    x = np.ones(2 * tracing.LARGE + 1)
    trace, (y,) = traced(lambda x: np.exp(x[1:] * x[:-1]).reshape(2, -1).T + 1.0, x)
    assert y.shape == (tracing.LARGE, 2)
    assert [record.value is None for record in trace.records[1:]] == [True] * (
        len(trace.records) - 1
    )
    assert y.value[0, 0] == np.exp(1.0) + 1.0


def test_constants_do_not_change_with_the_users_arrays():
    a = np.array([1.0, 2.0])

    def f(x):
        y = x * a
        a[0] = 7.0
        return y + x * a

    program = listed(f, np.ones(2))
    assert program.evaluate(np.ones(2))[program.outputs[0]].tolist() == [8.0, 4.0]


# --- choices ---------------------------------------------------------------------------------


def guards(f, *args):
    trace, _ = traced(f, *args)
    return [outcome for _, outcome in trace.guards]


def test_choices_are_written_down_once():
    assert guards(lambda x: x if x > 0 else -x, 2.0) == [True]
    assert guards(lambda x: x if x > 0 else -x, -2.0) == [False]
    assert guards(lambda x: sum(x if x > 0 else -x for _ in range(3)), 2.0) == [True] * 3
    assert guards(lambda x: x[x > 0], X) == [True]
    assert guards(lambda x: x[int(np.floor(x[0]))], X) == [True]
    assert guards(lambda x: np.where(x > 0, x, -x), X) == []
    assert guards(lambda x: np.sort(x), X) == [True]  # that the places are within


def test_what_varies_is_never_fixed():
    for f in (float, int, lambda x: range(x), complex):
        with pytest.raises(ConversionError):
            traced(f, 2.0)
    assert traced(lambda x: x * int(np.sign(x)), 2.0)[0].guards


# --- normal form -----------------------------------------------------------------------------


def rows(program):
    return [line.row.name for line in program.lines if line.row is not None]


@pytest.mark.parametrize(
    ("f", "left"),
    [
        (lambda x: x + 0.0, []),
        (lambda x: x * 1.0, []),
        (lambda x: x / 1.0, []),
        (lambda x: np.negative(-x), []),
        (lambda x: x - (-x), ["add"]),
        (lambda x: x + (-x), ["subtract"]),
        (lambda x: 2.0 * (4.0 * x), ["multiply"]),
        (lambda x: 0.1 * (0.3 * x), ["multiply", "multiply"]),  # would be rounded otherwise
        (lambda x: 0.0 * x, ["multiply"]),  # NaN for infinite x
        (lambda x: x**1, []),
        (lambda x: x.reshape(2, 2).reshape(4), []),
        (lambda x: x.reshape(2, 2).T.T, ["reshape"]),
        (lambda x: x[:][...], []),
        (lambda x: np.sum(x.reshape(1, 4), axis=0), []),
        (lambda x: np.where(True, x, 1.0), []),
        (lambda x: np.sin(x) + np.sin(x), ["sin", "add"]),
        (lambda x: np.sin(x) * 0 + np.cos(X), ["sin", "multiply", "add"]),
        (lambda x: (np.sin(x), np.exp(x) * 2)[1], ["exp", "multiply"]),
    ],
)
def test_identities(f, left):
    program = listed(f, X)
    assert rows(program) == left
    np.testing.assert_array_equal(program.evaluate(X)[program.outputs[0]], f(X))


def test_gradients_are_lists_too():
    program = listed(ta.grad(lambda x: np.sum(np.sin(x) ** 2)), X)
    np.testing.assert_allclose(program.evaluate(X)[program.outputs[0]], np.sin(2 * X), rtol=1e-15)


# --- lanes -----------------------------------------------------------------------------------

T = np.linspace(-1.3, 1.7, 24)


def by_lanes(f, *args):
    """Run a function lane by lane; None if its lanes mix."""
    program = opened(listed(f, *args))
    lowered = lanes.lower(program, 1000)
    if lowered is None:
        return None
    signature = Signature(
        tuple(Argument(program[i].dtype.name, program[i].shape) for i in program.inputs),
        tuple(Result(program[i].dtype.name, program[i].shape) for i in program.outputs),
        tuple_result=True,
    )
    code = build(lowered.text, level=lowered.level, symbols=lowered.symbols)
    found = run(code, signature, lowered.constants, args)
    return found if isinstance(found, int) else found[0]


@pytest.mark.parametrize(
    "f",
    [
        lambda t: np.exp(t) * np.sin(t),
        lambda t: np.stack([t, t**2, np.cos(t)]),
        lambda t: np.stack([t, t**2])[1:, None][0, 0] + np.arange(24.0),
        lambda t: np.sum(np.outer(np.arange(3.0), t), axis=0),
        lambda t: np.where(t > 0, t, -2 * t),
        lambda t: np.concatenate([np.ones((2, 24)), t[None]]),
        lambda t: np.pad(t[None], ((1, 1), (0, 0))),
        lambda t: np.array([[1.0, 2.0], [3.0, 4.0]]) @ np.stack([t, t + 1]),
        lambda t: np.swapaxes(np.stack([np.stack([t, t + 1])] * 3), 0, 1),
        lambda t: t > 0.5,
        lambda t: ta.derivatives(lambda s: np.tanh(s) / (2 + s), t, 5),
        lambda t: ta.taylor(np.sqrt, t + 3, 4).coefficients,
    ],
)
def test_lanes(f):
    found = by_lanes(f, T)
    assert found is not None
    np.testing.assert_allclose(found, f(T), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(
    "f",
    [
        lambda t: t[::-1] + t,
        lambda t: t - np.mean(t),
        lambda t: np.cumsum(t),
        lambda t: t[1:],
        lambda t: np.roll(t, 1),
        lambda t: t.reshape(2, 12),
        lambda t: np.stack([t, t]).T,
        lambda t: np.sum(t),
        lambda t: t @ np.ones((24, 24)),
        lambda t: t * (1 if np.any(t > 0) else 2),
    ],
)
def test_lanes_that_mix(f):
    assert by_lanes(f, T) is None


def test_guards_of_lanes():
    program = listed(ta.derivative(np.tanh, 3), T)
    assert program.guards
    bad = T.copy()
    bad[7] = np.nan
    assert isinstance(by_lanes(ta.derivative(np.tanh, 3), T), np.ndarray)
    with pytest.raises(ta.errors.InputError):
        ta.compile(ta.derivative(np.tanh, 3))(bad)


def test_arguments_beyond_the_fast_functions():
    for huge in (1e13, 1e300):
        t = T.copy()
        t[5] = huge
        np.testing.assert_allclose(
            by_lanes(lambda t: np.sin(t) + t * 0, t), np.sin(t), rtol=1e-13, atol=1e-16
        )


# --- what is read where it was put --------------------------------------------------------------


def test_what_was_put_into_an_array_is_read_without_it():
    def f(x):
        y = np.zeros_like(x, shape=(3, len(x)))
        y[0] = x
        y[1:] = x
        return y[0]

    trace, (result,) = traced(f, X)
    assert result.number == trace.inputs[0]


def test_what_is_read_is_an_array_of_its_own():
    def f(x):
        y = np.zeros_like(x)
        y[1:3] = x[:2]
        y[0] = 3 * x[1]
        part = y[1:3]
        part[0] = 7.0
        return np.stack([y[0], y[1], y[-1], np.sum(part), np.sum(y[:2]), x[0]])

    program = listed(f, X)
    for x in (X, X[::-1].copy()):
        np.testing.assert_array_equal(program.evaluate(x)[program.outputs[0]], f(x))


# --- large constants ---------------------------------------------------------------------------


def test_keys_of_large_arrays():
    a = np.random.default_rng(0).standard_normal(10_000)
    b = a.copy()
    b[777] += 1
    assert frozen(a) == frozen(a.copy())
    assert hash(frozen(a)) == hash(frozen(a.copy()))
    assert frozen(a) != frozen(b)
    assert frozen(a) != frozen(a.reshape(100, 100))
    assert frozen(a) == pickle.loads(pickle.dumps(frozen(a)))
    zeros = np.zeros(10_000)
    assert frozen(zeros) != frozen(-zeros)
    assert frozen(zeros) == frozen(np.broadcast_to(0.0, 10_000))


@pytest.mark.parametrize("number", [0.0, -0.0, 2.5, 3, True, 1j])
def test_one_number_is_kept_once(number):
    a = np.full((90, 90), number)
    assert repeats(a)
    assert kept(a).strides == (0, 0)
    np.testing.assert_array_equal(np.signbit(kept(a).real), np.signbit(a.real))
    a[7, 8] = not number
    assert not repeats(a)
    assert kept(a).strides == a.strides
    assert not np.may_share_memory(kept(a), a)


def test_nan_and_two_zeros_are_no_one_number():
    assert not repeats(np.full(3, np.nan))
    assert not repeats(np.array([0.0, -0.0, 0.0]))
    assert not repeats(np.zeros(0))
