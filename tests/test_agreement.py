"""Whatever NumPy code is compiled, and however it is called: the function itself is the oracle.

Programs drawn at random are run as they are, as Wengert lists, as Python source and as machine
code. Then come the numbers where arithmetic ends, calls that nobody should make, threads,
processes, and memory.

Tolerance: 4 units in the last place an operation, of the largest number that any step of the
program computes, and as much as the result moves when its arguments do by as little. Whole
numbers and truth values are to be equal, and so are shapes and types.
"""

import contextlib
import gc
import os
import random
import subprocess
import sys
import threading
import warnings
import weakref
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import taylorad as ta
from taylorad.errors import CompileWarning, InputError

few = settings(derandomize=True, deadline=None, max_examples=15, database=None)
more = settings(few, max_examples=50)

EPS = np.finfo(float).eps

# --- random programs -------------------------------------------------------------------------

MOST = 60
"""Entries of an array that a step may give to the next."""


def fitting(x, y):
    """Give two operands that broadcast to something small."""
    try:
        shape = np.broadcast_shapes(np.shape(x), np.shape(y))
    except ValueError:
        return x, np.sum(y)
    return (x, y) if np.prod(shape) <= MOST else (x, np.sum(y))


def pairwise(function):
    return lambda x, y, k: function(*fitting(x, y))


def along(function):
    """Reduce over one axis, some, or all."""

    def step(x, y, k):
        axes = [None, *range(-np.ndim(x), np.ndim(x))]
        return function(x, axis=axes[k % len(axes)])

    return step


def reduced(function):
    def step(x, y, k):
        axes = [None, *range(-np.ndim(x), np.ndim(x))]
        axes += [(0, -1)] if np.ndim(x) > 1 else []
        return function(x, axis=axes[k % len(axes)], keepdims=k % 2 == 1)

    return step


SLICES = [
    *(np.s_[1:], np.s_[:-1], np.s_[::-1], np.s_[::2], np.s_[::-2], np.s_[3:0:-1], np.s_[5:1]),
    *(np.s_[:, None], np.s_[None], np.s_[..., None], np.s_[...], np.s_[..., 0], np.s_[0], -1),
    *(np.s_[..., ::-1], np.s_[:, 1:], np.s_[..., -1, :], np.s_[1:, ::-1], np.s_[0, ..., None]),
    *([0], [0, -1, 0], np.s_[..., [0, 0]], np.array([[0, -1], [0, 0]]), np.s_[[0, -1], ..., None]),
    *(np.s_[[0, 0], [-1, 0]], np.s_[:, [True]], np.s_[[]], True, np.s_[0:1, [0]]),
]


def sliced(x, y, k):
    return np.asarray(x)[SLICES[k % len(SLICES)]] if np.isscalar(x) else x[SLICES[k % len(SLICES)]]


def masked(x, y, k):
    x = np.ravel(x)
    return x[(x > 0) if k % 2 else np.flatnonzero(x > 0.3)]


def by_order(x, y, k):
    x = np.ravel(x)
    order = np.argsort(x, kind="stable")  # otherwise NumPy's own order of ties differs by machine
    return [x[order], np.take(x, np.argsort(-x)[:2]), np.sort(x) + order][k % 3]


def joined(x, y, k):
    x, y = np.ravel(x), np.ravel(y)
    return np.concatenate([y[: k % 5], x, x[::-1][: k % 3]])


def stacked(x, y, k):
    return np.stack([x, x * 2, x - 1][: 1 + k % 3], axis=k % (np.ndim(x) + 1))


def rearranged(x, y, k):
    ways = [
        *(np.ravel, np.transpose, lambda x: np.reshape(x, (-1, 1)), lambda x: np.expand_dims(x, 0)),
        *(np.squeeze, np.atleast_2d, lambda x: np.reshape(np.transpose(x), np.shape(x))),
        *(lambda x: np.swapaxes(np.atleast_2d(x), 0, -1), lambda x: np.moveaxis(x, 0, -1)),
        *(lambda x: np.ravel(x, order="F"), lambda x: np.broadcast_to(x, (2, *np.shape(x)))),
    ]
    return ways[k % len(ways)](x)


def moved(x, y, k):
    ways = [
        *(np.flip, lambda x: np.roll(x, 2), lambda x: np.repeat(x, 2), lambda x: np.tile(x, 2)),
        *(lambda x: np.pad(x, 1), lambda x: np.pad(x, 1, mode="edge"), lambda x: np.diff(x)),
        *(np.tril, np.diag, np.trace, lambda x: np.append(x, 1.0), lambda x: np.delete(x, 0)),
    ]
    return ways[k % len(ways)](x)


def contracted(x, y, k):
    a = np.reshape(x, (-1, np.shape(x)[-1])) if np.ndim(x) else np.reshape(x, (1, 1))
    v, w = np.ravel(x)[:5], np.ravel(y)[:5]
    short = min(len(v), len(w))
    ways = [
        *(lambda: a @ a.T, lambda: np.einsum("ij,ij->j", a, a), lambda: np.outer(v, w)),
        *(lambda: v[:short] @ w[:short], lambda: np.einsum("ij,kj->ik", a, a[:1])),
        *(lambda: np.tensordot(a, a, axes=([0], [0])), lambda: np.einsum("i,j->ji", v, w)),
        *(lambda: a.T @ a[:, 0], lambda: np.inner(v, v), lambda: np.einsum("ij->i", a)),
    ]
    return ways[k % len(ways)]()


def assigned(x, y, k):
    """Write to parts of new arrays, to views of them, and in place."""
    x, y = fitting(x, y)
    out = np.zeros_like(x, dtype=float, shape=(4, 3))
    out[k % 4] = np.sum(x)
    out[::2, 1:] += np.sum(y) / 3
    out[:, -1] *= 2
    view = out[1:].T
    view[0] -= 1.5
    out[[0, 2], [1, 1]] = np.sum(x) - k
    out[out > 3] = 3.0
    return out if k % 2 else out[::-1] * np.sum(x)


def in_place(x, y, k):
    x, y = fitting(x, y)
    if np.shape(y) and np.shape(np.broadcast_arrays(x, y)[0]) != np.shape(x):
        y = np.sum(y)
    z = x * 1.0
    z += y
    z *= 0.5
    if np.ndim(z):
        z[:1] -= 1.0
        z[..., -1:] = z[..., :1] + 2
    return z


def looped(x, y, k):
    total, terms = 0.25, []
    for a in np.ravel(x)[:5]:
        total = total * 0.5 + a if a > 0.1 * k else total - a * a / 4
        terms.append(total)
    return np.stack(terms) if terms else total * np.ones(2)


def halved(x, y, k):
    rounds = 0
    while np.sum(np.abs(x)) > 2 + k and rounds < 4:
        x, rounds = x / 2, rounds + 1
    return x + rounds


def branched(x, y, k):
    if k % 2:
        return x * 2 if np.sum(x) > 0 else y - 1
    return np.ravel(x) if np.all(x < np.mean(y)) or np.size(x) == 1 else x + int(np.sum(x > 0))


def whole(x, y, k):
    n = np.floor(np.abs(x)).astype(int)
    ways = [
        *(lambda: n % 3, lambda: n // 2 + k, lambda: -n * n, lambda: n - 2 ** (k % 4)),
        *(lambda: np.sum(n) - n, lambda: np.cumsum(n), lambda: np.maximum(n, 1), lambda: n & 3),
        *(lambda: n / 4, lambda: n > 1, lambda: np.sign(n - 1), lambda: n.astype(float) * 0.5),
        *(lambda: np.where(n > 0, n, -1), lambda: abs(n - 2), lambda: n << 1, lambda: np.mean(n)),
    ]
    return ways[k % len(ways)]()


def truths(x, y, k):
    x, y = fitting(x, y)
    a, b = x > y, y > 0.5
    ways = [
        *(lambda: a & ~b, lambda: a | b, lambda: a ^ b, lambda: np.logical_not(a), lambda: a == b),
        *(lambda: np.any(a), lambda: np.all(a, axis=-1), lambda: np.sum(a), lambda: a + b),
        *(lambda: a * x, lambda: np.where(a, x, 0), lambda: np.count_nonzero(a), lambda: a * 1),
        *(lambda: np.isfinite(x) & (x != y), lambda: np.cumsum(a), lambda: a @ (a.T * 1)),
    ]
    return ways[k % len(ways)]()


def largest(x, y, k):
    ways = [
        *(lambda: np.argmax(x), lambda: np.ravel(x)[np.argmax(x)] * y, lambda: np.median(x)),
        *(lambda: np.argmin(x, axis=-1), lambda: x[np.argmax(np.ravel(x)[: len(x)])]),
        *(lambda: np.max(x) - x, lambda: np.ptp(x)),
        lambda: np.take_along_axis(x, np.argsort(x), -1),
    ]
    return ways[k % len(ways)]()


STEPS = {
    "add": pairwise(lambda x, y: x + y),
    "subtract": pairwise(lambda x, y: x * 1 - y),
    "multiply": pairwise(lambda x, y: x * y),
    "divide": pairwise(lambda x, y: x / (1 + y * y)),
    "power": lambda x, y, k: (1 + x * x) ** (k % 5 - 2),
    "root": lambda x, y, k: np.sqrt(0.5 + x * x),
    "exp": lambda x, y, k: np.exp(np.clip(x, -3, 2)),
    "log": lambda x, y, k: np.log1p(np.abs(x)) + np.log(2 + np.cos(x)),
    "sine": lambda x, y, k: np.sin(x) - np.arctan(x),
    "tanh": lambda x, y, k: np.tanh(x) + np.cosh(np.sin(x)),
    "arctan2": pairwise(lambda x, y: np.arctan2(x, 1 + y * y)),
    "hypot": pairwise(lambda x, y: np.hypot(1 + x * x, y)),
    "maximum": pairwise(np.maximum),
    "minimum": pairwise(lambda x, y: np.minimum(x, 0.3) + np.fmin(x, y)),
    "absolute": lambda x, y, k: np.abs(x) + np.sign(x),
    "clip": lambda x, y, k: np.clip(x, -0.7, 0.9),
    "where": pairwise(lambda x, y: np.where(x > y, x, y * y)),
    "floor": lambda x, y, k: np.floor(3 * x) / 2 + np.rint(x),
    "remainder": lambda x, y, k: np.remainder(x, 0.7) + np.fmod(x, 1.3),
    "sum": reduced(np.sum),
    "mean": reduced(np.mean),
    "max": reduced(np.max),
    "min": reduced(np.min),
    "variance": reduced(np.var),
    "product": reduced(lambda x, **how: np.prod(np.cos(x), **how)),
    "cumsum": along(np.cumsum),
    "cumprod": along(lambda x, axis: np.cumprod(np.cos(x), axis=axis)),
    "sort": lambda x, y, k: np.sort(x, axis=k % max(1, np.ndim(x)) if k % 2 else None),
    **{
        step.__name__: step
        for step in (
            *(sliced, masked, by_order, joined, stacked, rearranged, moved, contracted, assigned),
            *(in_place, looped, halved, branched, whole, truths, largest),
        )
    },
}

SHAPES = [(5,), (2, 3), (), (3, 1), (1,), (2, 1, 3), (0,), (3, 0), (1, 1), (2, 2, 2), (4, 1)]
PROGRAMS = st.lists(
    st.tuples(st.sampled_from(sorted(STEPS)), *[st.integers(0, 31)] * 3), min_size=1, max_size=7
)


class Program:
    """Steps that take two earlier results each, counted back from the last, and a number."""

    def __init__(self, steps):
        self.steps = steps

    def __call__(self, x, others):
        return self.run(x, others)[-1]

    def run(self, x, others):
        results = [others["b"][0], others["b"][1][0], others["a"], x]
        for name, i, j, k in self.steps:
            result = STEPS[name](results[-1 - i % len(results)], results[-1 - j % len(results)], k)
            results.append(result if np.size(result) <= MOST else np.sum(result))
        return results

    def contained(self, x, others):
        results = self.run(x, others)
        return {"last": results[-1], "parts": [results[len(results) // 2], (results[-1], "s", 2)]}

    def series(self, x, others):
        return ta.taylor(lambda t: self(x + t * np.cos(x), others) * 1.0, 0.0, 3).coefficients

    def scalar(self, x, others):
        y = self(x, others)
        return np.sum(y * np.cos(np.arange(1.0, 1.0 + np.size(y)).reshape(np.shape(y))))

    def gradient(self, x, others):
        return ta.value_and_grad(self.scalar, argnums=(0, 1))(x, others)

    def product(self, x, others):
        return ta.hvp(lambda x: self.scalar(x, others))(x, np.cos(x))

    def scale(self, x, others):
        """The largest number anywhere."""
        sizes = [np.max(np.abs(r), initial=0.0) for r in self.run(x, others)]
        return max(1.0, *(float(s) for s in sizes if np.isfinite(s)))

    def __repr__(self):
        return f"Program({self.steps})"


def arguments(seed, shape, spread=1.5):
    rng = np.random.default_rng(seed)
    numbers = lambda *shape: rng.uniform(-spread, spread, shape)
    x = numbers(*shape) if shape else np.float64(numbers(1)[0])
    return x, {"a": numbers(3), "b": (float(numbers(1)[0]), [numbers(2, 3)])}


def leaves(tree):
    if isinstance(tree, dict):
        tree = [tree[k] for k in sorted(tree)]
    if isinstance(tree, (tuple, list)):
        for branch in tree:
            yield from leaves(branch)
    else:
        yield tree


def outcome(function, *args):
    """What a call comes to: its results, or the type of its error."""
    try:
        with silence():
            return list(leaves(function(*args)))
    except Exception as error:
        return type(error)


def is_numeric(a):
    numbers = (np.ndarray, np.generic, float, int, complex)
    return isinstance(a, numbers) and np.asarray(a).dtype.kind in "biufc"


def disagreement(ours, theirs, slack):
    """Say how two outcomes differ, or nothing; ``slack`` is for each, or relative for all."""
    if isinstance(ours, type) or isinstance(theirs, type):
        same = isinstance(ours, type) and isinstance(theirs, type)
        same = same and (issubclass(ours, theirs) or issubclass(theirs, ours))
        return None if same else f"{ours} instead of {theirs}"
    if len(ours) != len(theirs):
        return f"{len(ours)} results instead of {len(theirs)}"
    relative = 0.0 if isinstance(slack, list) else slack
    slack = slack if isinstance(slack, list) else [slack] * len(theirs)
    for a, b, room in zip(ours, theirs, slack, strict=True):
        if not is_numeric(b):
            if type(a) is not type(b):
                return f"{type(a)} instead of {type(b)}"
            continue
        if np.shape(a) != np.shape(b):
            return f"shape {np.shape(a)} instead of {np.shape(b)}"
        if np.result_type(a) != np.result_type(b):
            return f"type {np.result_type(a)} instead of {np.result_type(b)}"
        a, b = np.asarray(a), np.asarray(b)
        if b.dtype.kind in "biu":
            equal = np.array_equal(a, b)
        else:
            equal = np.allclose(a, b, rtol=relative, atol=room, equal_nan=True)
        if not equal:
            return f"{a} instead of {b}, allowed {room}"
    return None


def slack_of(function, scale, x, others, result):
    """How far apart results may be: by rounding, and by what rounding makes of the arguments."""
    if isinstance(result, type):
        return []
    rooms = [4 * EPS * scale * 40] * len(result)
    for sign in (1, -1):
        near = outcome(function, x * (1 + sign * 64 * EPS), others)
        if isinstance(near, type) or len(near) != len(result):
            continue
        for i, (a, b) in enumerate(zip(near, result, strict=True)):
            if not is_numeric(b) or np.shape(a) != np.shape(b) or not np.size(b):
                continue
            with np.errstate(all="ignore"):
                size = np.abs(np.asarray(b, float))
                off = np.abs(np.asarray(a, float) - np.asarray(b, float))
            off, size = (float(np.max(n[np.isfinite(n)], initial=0.0)) for n in (off, size))
            rooms[i] = max(rooms[i], 4 * off, 160 * EPS * size)
    return rooms


def views(x):
    """The same numbers in other layouts."""
    x = np.asarray(x)
    if not x.ndim:
        return [x]
    spread = np.zeros((*x.shape, 2))
    spread[..., 0] = x
    backwards = np.ascontiguousarray(x[::-1])[::-1]
    raw = np.frombuffer(b"\0" + np.ascontiguousarray(x).tobytes(), np.uint8)
    unaligned = raw[1:].view(float).reshape(x.shape)
    return [spread[..., 0], backwards, np.asfortranarray(x), x.astype(">f8"), unaligned]


@contextmanager
def silence():
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def check(program, what, shape, seed):
    """Compare the ways to run a program, for several arguments of one shape."""
    with silence():
        return compared(program, what, shape, seed)


def compared(program, what, shape, seed):
    function = getattr(program, what)
    first = arguments(seed, shape)
    calls = [first, first, arguments(seed + 1, shape), arguments(seed + 2, shape, 4.0)]
    x, others = arguments(seed + 3, shape)
    calls += [(view, others) for view in views(x)[seed % 2 :: 2]]
    if shape:
        row = x[:1] if shape[0] else x
        calls.append((np.broadcast_to(row, shape), others))
    compiled = ta.compile(function)
    try:
        listed = ta.wengert(function, *first)
    except Exception:  # the function raises it, too; or there is a NaN, or nothing to be listed
        listed = None
    source = listed.python().function() if listed is not None else None
    for number, (x, others) in enumerate(calls):
        expected = outcome(function, x, others)
        scale = 1.0 if isinstance(expected, type) else program.scale(x, others)
        scale = scale**2 if what in ("gradient", "product", "series") else scale
        slack = slack_of(function, scale, x, others, expected)
        for name, run in (("list", listed), ("python", source), ("compiled", compiled)):
            if run is None:
                continue
            got = outcome(run, x, others)
            if name != "compiled" and isinstance(got, type) and issubclass(got, ValueError):
                continue  # the list does not hold for these arguments
            wrong = disagreement(got, expected, slack)
            assert wrong is None, f"{name}, call {number}: {wrong}"
    return compiled


@more
@given(steps=PROGRAMS, shape=st.sampled_from(SHAPES), seed=st.integers(0, 999))
def test_random_programs(steps, shape, seed):
    check(Program(steps), "contained", shape, seed)


@few
@given(steps=PROGRAMS, shape=st.sampled_from(SHAPES), seed=st.integers(0, 999))
def test_gradients_of_random_programs(steps, shape, seed):
    check(Program(steps), "gradient", shape, seed)


@few
@given(steps=PROGRAMS, shape=st.sampled_from(SHAPES), seed=st.integers(0, 999))
def test_hessian_products_of_random_programs(steps, shape, seed):
    check(Program(steps), "product", shape, seed)


@few
@given(steps=PROGRAMS, shape=st.sampled_from(SHAPES), seed=st.integers(0, 999))
def test_series_of_random_programs(steps, shape, seed):
    check(Program(steps), "series", shape, seed)


# --- where arithmetic ends -------------------------------------------------------------------

SPECIAL = np.array(
    [
        *(0.0, -0.0, 1.0, -1.0, 0.5, -2.5, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 1e-310),
        *(2.3e-308, 1e-300, -1e-160, 1e-8, 1e16, 1e160, -1e200, 1e300, 1.7976931348623157e308),
        *(-1.7976931348623157e308, 709.5, -745.2, 720.0, -1e5, -0.7, 1e22, 2.0**53 + 2),
    ]
)
OF_ONE = {
    name: getattr(np, name)
    for name in (
        *("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "arcsin"),
        *("arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh", "cbrt"),
        *("sqrt", "square", "reciprocal", "abs", "sign", "floor", "ceil", "trunc", "rint", "isnan"),
        *("isinf", "isfinite", "signbit", "negative", "sinc", "nan_to_num", "sort", "cumsum"),
        *("diff", "max", "min", "nanmax", "argmax", "argmin", "sum", "mean", "var", "prod"),
    )
} | {
    "x**3": lambda x: x**3,
    "x**0": lambda x: x**0.0,
    "x**0.5": lambda x: x**0.5,
    "x**1.5": lambda x: x**1.5,
    "x**20": lambda x: x**20.0,
    "1/x": lambda x: x**-1.0,
    "0*x": lambda x: x * 0,
    "x-x": lambda x: x - x,
    "x/x": lambda x: x / x,
    "0/x": lambda x: 0 / x,
    "1/(1/x)": lambda x: 1 / (1 / x),
    "minus minus": lambda x: np.negative(-x),
    "zeros": lambda x: np.zeros_like(x) * x,
    "where": lambda x: np.where(x > 0, x, -x),
    "clip": lambda x: np.clip(x, -1, 1),
    "round": lambda x: np.round(x, 2),
    "interp": lambda x: np.interp(x, [0.0, 1.0], [2.0, 3.0]),
    "x % 1": lambda x: x % 1,
    "x // 2": lambda x: x // 2.0,
    "mean of nothing": lambda x: np.mean(x[:0]) + np.sum(x[:0]) / np.zeros(3),
    "argsort": lambda x: np.argsort(x, kind="stable"),
}
OF_TWO = {
    name: getattr(np, name)
    for name in (
        *("add", "subtract", "multiply", "divide", "power", "maximum", "minimum", "fmax", "fmin"),
        *("arctan2", "hypot", "fmod", "remainder", "floor_divide", "logaddexp", "less", "equal"),
        *("less_equal", "greater", "greater_equal", "not_equal", "copysign"),
    )
}


def assert_close(ours, theirs, room=0.0):
    """Equal, but for 4 units in the last place; infinite, NaN and zero alike, but for its sign."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
    with np.errstate(all="ignore"):
        same = (ours == theirs) | ((ours != ours) & (theirs != theirs))
        if theirs.dtype.kind == "f":
            size = np.abs(np.where(np.isfinite(theirs), theirs, 0.0))
            same |= np.abs(ours - theirs) <= 4 * np.spacing(size) + room
    assert np.all(same), (ours[~same], theirs[~same])


@pytest.mark.parametrize("repeats", [1, 40], ids=["straight", "loops"])
@pytest.mark.parametrize("name", OF_ONE)
def test_special_values(name, repeats):
    x = np.tile(SPECIAL, repeats)
    for chosen in (x, x[np.isfinite(x)][:5]) if name in ("sum", "mean", "var", "prod") else (x,):
        compiled = ta.compile(OF_ONE[name])
        with silence():
            assert_close(compiled(chosen), OF_ONE[name](chosen))
    if name not in ("diff", "mean of nothing"):
        compiled = ta.compile(OF_ONE[name])
        for number in SPECIAL:
            with silence():
                assert_close(compiled(np.array([number])), OF_ONE[name](np.array([number])))


@pytest.mark.parametrize("name", OF_TWO)
def test_pairs_of_special_values(name):
    f = OF_TWO[name]
    a, b = SPECIAL[:, None], SPECIAL
    with np.errstate(all="ignore"):
        expected = f(a, b)
        room = 4 * EPS if name == "logaddexp" else 0.0  # near its zero
        assert_close(ta.compile(f)(a, b), expected, room)
        for k in range(0, len(b), 5):  # a constant may become another instruction
            right = ta.compile(lambda a, k=k: f(a, b[k]))
            left = ta.compile(lambda b, k=k: f(a[k, 0], b))
            assert_close(right(a), expected[:, k : k + 1], room)
            assert_close(left(b), expected[k], room)


def test_numbers_below_the_smallest():
    """What is not a normal number any more may have lost its digits."""
    compiled = ta.compile(lambda x: x**-2.0 + 2 * (0.5 * x))
    x = np.array([1e160, 5e-324, 1e300])
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(compiled(x), x**-2.0 + 2 * (0.5 * x), rtol=1e-15, atol=3e-308)


def test_choices_by_nan():
    """What was NaN in the call that was traced is no choice that holds for others."""
    compiled = ta.compile(lambda x: float(np.sign(x[0])) * x + int(np.isnan(x[0])))
    for first in (np.nan, 2.0, np.nan, -2.0, np.inf):
        x = np.array([first, 1.0])
        np.testing.assert_array_equal(compiled(x), float(np.sign(first)) * x + np.isnan(first))
    assert len(compiled.programs) == 3


def test_nothing_is_written_where_there_is_nothing():
    """A loop over no entries once ran one round, into the memory of others."""

    def program(x):
        y = np.sort(x, axis=None)
        return np.sum(y**3 * np.cos(x))

    x = np.float64(0.4)
    product = lambda x: ta.hvp(program)(x, np.cos(x))
    np.testing.assert_allclose(ta.compile(product)(x), product(x), rtol=4e-15)


TYPES = ["f2", "f4", "f8", "g", *("i1", "i2", "i4", "i8", "q"), *("u1", "u2", "u4", "u8")]
TYPES += ["F", "D", "G", "?"]
OF_TYPES = {
    "itself": lambda x: x,
    "turned": lambda x: x.T,
    "twice": lambda x: (x, x * 2),
    "half": lambda x: x * 0.5,
    "sums": lambda x: (x.sum(), x.mean(), x.max(0), np.cumsum(x, axis=1), np.prod(x)),
    "single": lambda x: np.sum(x[0, 0]) + np.prod(x[:1, :1]) + np.sum(x[0, 0], axis=None),
    "sine": lambda x: np.sin(x),
    "plus bytes": lambda x: x + np.ones(3, np.int8),
    "plus singles": lambda x: x + np.full(3, 0.3, np.float32),
    "plus a byte": lambda x: x + np.int8(1),
    "in place": lambda x: x.__iadd__(x),
    "assigned": lambda x: np.concatenate([x[0], np.zeros_like(x[0]), x[1] > 0]),
    "typed": lambda x: np.sum(x != 0, dtype=float) + np.sum(x, dtype=complex),
    "compared": lambda x: (x > 0, x == x, np.where(x > 0, x, 0)),
}


@pytest.mark.parametrize("name", OF_TYPES)
def test_types_of_numbers(name):
    f = OF_TYPES[name]
    compiled = ta.compile(f)
    for code in TYPES:
        x = np.array([[1, 2, 3], [4, 5, 6]]).astype(code)
        for _ in range(2):
            expected, given = outcome(f, x.copy()), x.copy()
            got = outcome(compiled, given)
            assert disagreement(got, expected, 1e-14) is None, code
            assert not any(np.may_share_memory(y, given) for y in got if not isinstance(got, type))


def test_types_that_machines_do_not_know_beside_those_they_do():
    compiled = ta.compile(lambda x, y: x * 2)
    both = ta.compile(lambda x, y: x * y)
    x = np.array([1.0, 2.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error", CompileWarning)
        for code in TYPES:
            assert compiled(x, np.ones(3, code)).tolist() == [2, 4]
            assert both(x, np.full(2, 1, code)).tolist() == [1, 2]


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.zeros_like(x, dtype=float) + np.ones_like(x),
        lambda x: np.tril(x) + np.full_like(x, 2.5),
        lambda x: np.sum(x, where=x > 2) + np.prod(x, where=x > 2),
        lambda x: np.concatenate([x[0], x[0] * 0.5, x[1] > 2]),
        lambda x: np.median(x * 1),
    ],
)
def test_types_of_what_is_made(f):
    compiled = ta.compile(f)
    for code in TYPES:
        x = np.array([[1, 2, 3], [4, 5, 6]]).astype(code)
        expected = outcome(f, x)
        assert disagreement(outcome(compiled, x), expected, 1e-14) is None, code


def adding_at(x):
    y = x.copy()
    np.add.at(y, [0, 0], 1)
    return y


def putting(x):
    np.put(x, [0], x[1] * 2)
    return x * 2


def changing_the_order(x):
    order = np.argsort(x)
    np.asarray(order)[0] = 0
    return x[order]


@pytest.mark.parametrize("f", [adding_at, putting, changing_the_order])
def test_what_changes_arrays_unseen_runs_as_it_is(f):
    for x in (np.array([3, 1, 2]), np.array([3.0, 1.0, 2.0])):
        compiled, expected = ta.compile(f), x.copy()
        result = f(expected)
        for _ in range(2):
            given = x.copy()
            with silence():
                assert compiled(given).tolist() == result.tolist()
            assert given.tolist() == expected.tolist()


def test_guards_come_before_what_they_guard():
    def f(a):
        return np.linalg.cholesky(a) if np.linalg.det(a) > 0 else -a

    compiled = ta.compile(f)
    for a in (np.diag([1.0, 2.0]), np.diag([-1.0, 1.0]), np.zeros((2, 2))):
        np.testing.assert_allclose(compiled(a), f(a))
    with pytest.raises(np.linalg.LinAlgError):
        compiled(np.diag([-1.0, -1.0]))


def test_static_arguments_by_all_their_bits():
    compiled = ta.compile(lambda x, s: x / s, static_argnums=1)
    with silence():
        assert [compiled(1.0, s) for s in (0.0, -0.0, 2.0)] == [np.inf, -np.inf, 0.5]
    weights = np.array([1.0, 2.0])
    assert [compiled(2.0, w).tolist() for w in (weights, weights * 2)] == [[2, 1], [1, 0.5]]
    assert len(compiled.programs) == 5


def test_out_of_the_wrong_form():
    compiled, x = ta.compile(lambda x: x * 2), np.arange(3.0)
    for wrong in (np.empty((2, 3)), np.empty(2), [0.0] * 3, np.empty(3, "f4"), (x, x)):
        with pytest.raises((InputError, TypeError, ValueError)):
            compiled(x, out=wrong)
    assert compiled.is_compiled
    plain = ta.compile(lambda x: (x * float(x[0]), x + 1))
    pair = (np.empty(3), np.empty(3))
    for _ in range(2):
        with silence():
            assert plain(x + 1, out=pair) is pair
        assert [y.tolist() for y in pair] == [[1, 2, 3], [2, 3, 4]]
    shifted = np.arange(4.0)
    compiled(shifted[:3], out=shifted[1:])
    assert shifted.tolist() == [0, 0, 2, 4]


def test_two_names_of_one_type():
    compiled = ta.compile(lambda x: x * 2)
    for _ in range(3):
        for code in "qlQL":
            assert compiled(np.arange(3).astype(code)).tolist() == [0, 2, 4]
    assert len(compiled.programs) == 2


# --- calls that nobody should make -----------------------------------------------------------


def alone(body, tmp_path, **environment):
    """Run a function of this file in a process of its own: it may crash."""
    code = f"import test_agreement; test_agreement.{body.__name__}()"
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", code],
        env=os.environ | {"TAYLORAD_CACHE": str(tmp_path / "cache")} | environment,
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


class Sub(np.ndarray):
    pass


class Odd:
    def __array__(self, dtype=None, copy=None):
        return np.ones(3)


def strange(rng):
    """Things that may be handed to a function of arrays of three floats."""
    x = rng.normal(size=3)
    read_only = x.copy()
    read_only.flags.writeable = False
    raw = np.zeros(25, np.uint8)
    raw[1:] = x.view(np.uint8)
    yield from (x, x.tolist(), tuple(x), None, 2.0, 3, True, "abc", b"abc", 1j, {}, {1.0}, object())
    yield from (np.float64(2), np.float32(2), np.int64(2), np.bool_(True), np.complex128(1j))
    yield from (np.longdouble(2), np.float16(2), np.datetime64("2020"), Odd(), Odd, range(3), ...)
    yield from (x[:2], x[:0], x[None], x.reshape(3, 1), np.array(2.0), np.zeros((0, 3)), x[::-1])
    yield from (read_only, raw[1:].view(float), np.broadcast_to(x[:1], 3), x.astype(">f8"))
    yield from (np.broadcast_to(1.0, (0, 2**40)), np.zeros((1,) * 33))
    yield from (x.view(Sub), np.matrix(x), np.ma.array(x, mask=[True, False, False]))
    yield from (np.zeros(6)[::2], np.zeros((3, 2))[:, 0], np.asfortranarray(np.ones((3, 3))).T)
    for code in (*TYPES, "O", "U3", "S3", "M8[s]", "m8[s]", "V4", "f8,i4", "3f8"):
        yield np.zeros(3, code)
    yield from (10**400, -(2**63), 2**63, float("inf"), float("nan"), -0.0, np.array([x, x]).T)


def strange_calls():
    """Hand anything to compiled functions of every kind, before and after what they expect."""
    rng = np.random.default_rng(0)
    x = np.array([1.0, 2.0, 0.5])
    functions = {
        "straight": lambda x: x * 2 + 1,
        "number": lambda x: np.sum(x * x),
        "loops": lambda x: np.sum(np.outer(x, np.ones(4000)) ** 2, axis=1),
        "branch": lambda x: x * 2 if np.sum(x) > 0 else -x,
        "pair": lambda x: (x + 1, x > 0),
        "gradient": ta.grad(lambda x: np.sum(np.sin(x) * x[::-1])),
        "back": lambda x: np.fft.fft(x).real * np.sort(x),
        "two": lambda x, y=2.0: x * y,
        "itself": lambda x: x,
    }
    for name, f in functions.items():
        compiled = ta.compile(f)
        for round_ in range(3):
            for thing in strange(rng):
                expected, got = outcome(f, thing), outcome(compiled, thing)
                wrong = disagreement(got, expected, 1e-12)
                # Python's numbers count as NumPy's.
                assert wrong is None or type(thing) in (float, complex), (name, thing, wrong)
            if round_:
                assert disagreement(outcome(compiled, x), outcome(f, x), 1e-12) is None
        for args, kwargs in (
            ((), {}),
            ((x, x, x), {}),
            ((x,), {"nobody": 1}),
            ((), {"x": x}),
            ((x,), {"x": x}),
            ((x,), {"out": 3}),
            ((x,), {"out": x[:1]}),
        ):
            ours = outcome(partial(compiled, **kwargs), *args)
            theirs = outcome(partial(f, **kwargs), *args)
            if "out" in kwargs:
                assert isinstance(ours, type)
            else:
                assert disagreement(ours, theirs, 1e-12) is None, (name, args, kwargs)
        for _ in range(200):  # arguments and results that nobody keeps
            compiled(np.random.default_rng(1).normal(size=3))
            compiled(rng.normal(size=(3, 3))[:, 1])


def test_strange_calls(tmp_path):
    alone(strange_calls, tmp_path)


# --- threads ---------------------------------------------------------------------------------


def together(*works):
    """Run functions at once, and raise what one of them raises."""
    failed, start = [], threading.Barrier(len(works))

    def guarded(work):
        try:
            start.wait()
            work()
        except BaseException as error:
            failed.append(error)
            raise

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed[0]


def flipping(x):
    y = np.sin(x) if np.sum(x) > 0 else x * x
    return np.sum(y) * y if x[0] > x[-1] else y - 1


def threads_together():
    """Call one function from many threads while others compile; all results are right."""
    gradient = ta.grad(lambda x: np.sum(flipping(x) ** 2))
    compiled = ta.compile(gradient)

    def calling(seed):
        def work():
            rng = np.random.default_rng(seed)
            for _ in range(150):
                x = rng.normal(size=rng.integers(1, 6))
                np.testing.assert_allclose(compiled(x), gradient(x), rtol=1e-11, atol=1e-12)

        return work

    def compiling(seed):
        def work():
            for k in range(12):
                f = lambda x, k=k: np.sum(np.exp(x * (k + seed)) ** 2)
                x = np.linspace(0, 0.1, 3 + k)
                np.testing.assert_allclose(ta.compile(f)(x), f(x), rtol=1e-12)

        return work

    for interval in (5e-3, 1e-6):
        sys.setswitchinterval(interval)
        together(*map(calling, range(4)), *map(compiling, range(2)))
    assert compiled.is_compiled

    first = ta.compile(lambda x: np.cos(x) * 2)  # more threads than programs may be kept
    x = np.arange(3.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        together(*[lambda: first(x)] * 16)
    assert len(first.programs) == 1


def test_threads(tmp_path):
    alone(threads_together, tmp_path)


# --- memory ----------------------------------------------------------------------------------


def resident():
    """Megabytes of memory in use."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 2**20


def never_settling(x):
    return x * 2 if np.sum(x) % 2 < 1 else x * 3


def grows(work, rounds):
    """Megabytes by which memory grows over some rounds, the second time."""
    for k in range(rounds):
        work(k)
    gc.collect()
    before = resident()
    for k in range(rounds):
        work(k)
    gc.collect()
    return resident() - before


def memory_stays():
    """No way through a compiled function keeps anything of a call."""
    x, turned = np.ones(500), np.ones((500, 2))[:, 0]
    fast = ta.compile(lambda x: (x * 2, np.sum(x)))
    flip = ta.compile(never_settling)
    back = ta.compile(lambda x: np.sort(np.fft.fft(x).real))
    plain = ta.compile(lambda x: float(x[0]) * x)
    bad = ta.compile(ta.grad(lambda x: np.sum(x * x)))

    def failing(k):
        with contextlib.suppress(InputError):
            bad(np.full(500, np.nan))

    with silence():
        growth = {
            "fast": grows(lambda k: fast(x), 10_000),
            "slow": grows(lambda k: fast(turned), 10_000),
            "out": grows(lambda k: fast(x, out=(turned, np.empty(()))), 5_000),
            "flip": grows(lambda k: flip(x[: 1 + k % 2] * 1.0), 2_000),
            "back": grows(lambda k: back(x), 5_000),
            "plain": grows(lambda k: plain(x), 5_000),
            "failing": grows(failing, 300),
            "dropped": grows(lambda k: ta.compile(lambda x: x * 2 + k % 7)(x), 150),
        }
    assert max(growth.values()) < 4, growth

    compiled = ta.compile(lambda x: np.exp(x) * 17.25)
    compiled(x)
    died = [weakref.ref(thing) for thing in (compiled, type(compiled), compiled.function)]
    died += [weakref.ref(kernel.code) for kernel in compiled._at_hand().plan.kernels]
    del compiled
    gc.collect()
    assert [ref() for ref in died] == [None] * len(died)


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")
def test_memory(tmp_path):
    alone(memory_stays, tmp_path)


# --- processes -------------------------------------------------------------------------------

WORKERS = """
import multiprocessing, os, pickle, sys
from concurrent.futures import ProcessPoolExecutor
import numpy as np, taylorad as ta

def f(x):
    return np.sum(np.exp(x[1:] * x[:-1])) if x[0] > 0 else np.sum(x)

def called(compiled, n):
    return compiled(np.linspace(0.1, 1, n)), compiled(-np.ones(n))

if __name__ == "__main__":
    compiled = ta.compile(ta.grad(f))
    compiled(np.ones(4))
    whole = ta.compile(f)
    with ProcessPoolExecutor(4, multiprocessing.get_context("spawn")) as pool:
        for n, got in zip((3, 4, 4, 5) * 2, pool.map(called, [whole] * 8, (3, 4, 4, 5) * 2)):
            np.testing.assert_allclose(got, called(f, n), rtol=1e-12)
        y = pool.submit(compiled, np.full(4, 0.5)).result()
    np.testing.assert_allclose(y, ta.grad(f)(np.full(4, 0.5)), rtol=1e-12)
    print("done")
"""


def run_workers(tmp_path, cache):
    script = tmp_path / "workers.py"
    script.write_text(WORKERS)
    return subprocess.Popen(
        [sys.executable, str(script)],
        env=os.environ | {"TAYLORAD_CACHE": str(cache)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_processes_share_a_cache(tmp_path):
    """Four workers that start at once, with a cache that is empty, and one that is damaged."""
    cache = tmp_path / "cache"
    for _ in range(2):
        for k, file in enumerate(cache.glob("*.object")):
            file.write_bytes((b"", b"not what it says", file.read_bytes()[:-7])[k % 3])
        output, errors = (process := run_workers(tmp_path, cache)).communicate()
        assert (process.returncode, output) == (0, "done\n"), errors
    assert len(list(cache.glob("*.object"))) > 2
    assert not list(cache.glob("*.part"))


def test_caches_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    x = np.linspace(0, 1, 9)
    unusable = ("", tmp_path / "file", tmp_path / "file" / "below", "/proc/nowhere", "\n", "\udcff")
    for k, cache in enumerate(unusable):
        monkeypatch.setenv("TAYLORAD_CACHE", str(cache))
        f = lambda x, k=k: np.sum(np.tanh(x[1:]) * x[:-1] + k)
        np.testing.assert_allclose(ta.compile(ta.grad(f))(x), ta.grad(f)(x), rtol=1e-12)


# --- processors ------------------------------------------------------------------------------


def a_dozen_programs():
    rng = random.Random(7)
    for seed in range(12):
        names = rng.choices(sorted(STEPS), k=5)
        steps = [(name, 0, rng.randrange(9), rng.randrange(32)) for name in names]
        for what in ("contained", "gradient"):
            check(Program(steps), what, SHAPES[seed % 4], seed)
    test_special_values("exp", 40)
    test_special_values("x // 2", 40)


@pytest.mark.parametrize("cpu", ["generic", "avx2"])
def test_lesser_processors(cpu, tmp_path):
    alone(a_dozen_programs, tmp_path, TAYLORAD_CPU=cpu)
