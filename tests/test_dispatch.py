"""What NumPy, Python and people do to our values: it means what NumPy means, or it says why not."""

import collections
import copy
import inspect
import math
import operator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.optimize
import scipy.special
from numpy.testing import overrides

import taylorad as ta
from taylorad.dispatch.distinct import distinct
from taylorad.errors import ConversionError, MutationError, NoRuleError, TayloradError
from taylorad.primitives.registry import FUNCTIONS, TABLE, Constant, lookup

X = np.array([0.6, -0.3, 1.2, 0.9])
V = np.array([0.5, -1.0, 0.25, 2.0])
M = np.array([[0.6, -0.3, 1.2], [0.9, 0.1, -0.7]])


def slope(f, x, v):
    """Derivative of ``f(x + t v)`` at 0, by the polynomial through nine values."""
    t = 0.004 * np.arange(-4, 5)
    weights = np.array([3, -32, 168, -672, 0, 672, -168, 32, -3]) / (840 * 0.004)
    return sum(w * np.asarray(f(x + s * v), float) for w, s in zip(weights, t))


def check(f, x=X, v=V):
    """Value, tangent and cotangent of ``f`` are right; ``f`` may return anything array-like."""
    v = np.broadcast_to(v, np.shape(x)) if np.ndim(v) != np.ndim(x) else v
    value = np.asarray(f(np.array(x)), float)
    truth = slope(f, x, v)
    whole = lambda z: np.stack(f(z)) if isinstance(f(z), list) else f(z)
    y, tangent = ta.jvp(whole, (x,), (v,))
    np.testing.assert_allclose(np.asarray(y), value, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(np.asarray(tangent), truth, rtol=1e-9, atol=1e-9)
    y, pullback = ta.vjp(whole, x)
    np.testing.assert_allclose(np.asarray(y), value, rtol=1e-13, atol=1e-14)
    seed = np.cos(np.arange(value.size, dtype=float)).reshape(value.shape)
    (bar,) = pullback(seed)
    np.testing.assert_allclose(np.sum(bar * v), np.sum(seed * truth), rtol=1e-9, atol=1e-9)
    return tangent


def table(text):
    """One function of x a line, written as people write it."""
    lines = [line for line in text.strip().splitlines() if line]
    scope = {"np": np, "special": scipy.special, "operator": operator, "copy": copy, "M": M}
    functions = [eval(f"lambda x: {line}", scope) for line in lines]
    return pytest.mark.parametrize("f", functions, ids=lines)


# --- methods and properties ------------------------------------------------------------------


@table("""
x.T
x.T @ x
x.mT
x.reshape(3, 2)
x.reshape((3, 2))
x.reshape(-1)
x.reshape(3, -1, order="F")
x.ravel()
x.ravel("F")
x.flatten()
x.flatten(order="F")
x.transpose()
x.transpose(1, 0)
x.transpose((1, 0))
x.transpose(None)
x.swapaxes(0, 1)
x[None].squeeze()
x[None].squeeze(axis=0)
x.sum()
x.sum(0)
x.sum(axis=1, keepdims=True)
x.mean()
x.mean(axis=0)
x.prod()
x.prod(axis=1)
x.cumsum()
x.cumsum(axis=1)
x.cumprod(axis=0)
x.var()
x.var(axis=0, ddof=1)
x.std(axis=1)
x.max()
x.max(axis=1)
x.min(0)
x.dot(x.T)
x.dot([1.0, 2.0, 3.0])
x.trace()
x.trace(1)
x.diagonal()
x.diagonal(1)
x.take([0, 4, 4])
x.take([0, 2], axis=1)
x.repeat(2)
x.repeat([1, 2], axis=0)
x.clip(-0.2, 0.7)
x.clip(min=0.0)
x.clip(max=0.5)
x.copy() * x
x.astype(float)
x.astype("float64") * 2
x.item(1, 2)
x[0, 0].item()
x[1].item(2)
np.stack(list(x.flat))
x.ptp() if hasattr(x, "ptp") else np.ptp(x)
x.real
x.conj()
x.conjugate()
x.ravel()[x.argmax()]
x[x.argmin(axis=0), np.arange(3)]
x[np.arange(2)[:, None], x.argsort(axis=1)]
x[x.nonzero()]
x.ravel()[(x > 0).ravel()]
x * x.ndim + x.size * x.shape[0] + len(x)
x.imag + x
x[0].tolist()
abs(x)
-x
+x
x.round() * x
x[x > x.mean()]
x.any() * x
x.all() * x
""")
def test_methods_and_properties(f):
    check(f, M, np.cos(np.arange(6.0)).reshape(2, 3))


@pytest.mark.parametrize("name", ["shape", "ndim", "size", "dtype"])
def test_queries_are_plain(name):
    seen = []
    ta.grad(lambda x: (seen.append(getattr(x, name)), np.sum(x))[1])(M)
    assert seen == [getattr(M, name)]


# --- operators -------------------------------------------------------------------------------

PLAIN = {
    "array": np.array([1.5, 0.5, -2.5, 3.25]),
    "row": np.array([[1.5, 0.5, -2.5, 3.25]]),
    "list": [1.5, 0.5, -2.5, 3.25],
    "np.float64": np.float64(2.5),
    "np.float32": np.float32(2.5),
    "np.int64": np.int64(3),
    "0-d array": np.array(2.5),
    "float": 2.5,
    "int": 3,
    "bool": True,
    "fraction-free object array": np.array([1.5, 0.5, -2.5, 3.25], dtype=object).astype(float),
    "integers": np.array([1, 2, -3, 4]),
    "int8": np.array([1, 2, -3, 4], np.int8),
    "uint16": np.array([1, 2, 3, 4], np.uint16),
    "np.int8": np.int8(3),
    "float16": np.array([1.5, 0.5, -2.5, 3.25], np.float16),
}
BINARY = ["add", "sub", "mul", "truediv", "mod", "pow", "lt", "le", "gt", "ge", "eq", "ne"]


@pytest.mark.parametrize("other", PLAIN.values(), ids=PLAIN)
@pytest.mark.parametrize("name", [*BINARY, "floordiv"])
def test_plain_numbers_on_either_side(name, other):
    operate = getattr(operator, name)
    x = np.abs(X) + 0.47
    if name != "pow" or np.all(np.asarray(other) > 0):
        check(lambda x: operate(other, x) * 1.0, x)
    check(lambda x: operate(x, other) * 1.0, x)


@table(
    """
np.arange(4.0) @ x
np.ones((2, 4)) @ x
x @ np.ones((4, 2))
[1.0, 2.0, 3.0, 4.0] @ x
np.eye(4)[1:3] @ x
np.add(x, [1.0, 2.0, 3.0, 4.0])
np.add([1.0, 2.0, 3.0, 4.0], x)
np.multiply([[1.0], [2.0]], x)
np.power(x * x, [1, 2, 3, 0])
np.power([1.5, 2.0, 0.5, 1.0], x)
np.maximum(x, [0.5, 0.5, 0.5, 0.5])
np.arctan2([1.0, 2.0, 3.0, 4.0], x)
np.hypot(x, (1.0, 2.0, 3.0, 4.0))
np.where(x > 0, [1.0, 2.0, 3.0, 4.0], x)
np.dot([1.0, 2.0, 3.0, 4.0], x)
np.outer([1.0, 2.0], x)
np.add(x, 1.0, dtype=float)
np.multiply(x, x, order="C")
np.array([100, -3, 7, 100], np.int8) * x * np.int8(100)
np.power(x, np.array([2, 3, 1, 0], np.int8))
np.power(np.array([2, 3, 1, 10], np.int16), x)
np.arctan2(np.array([100, 2, 3, 4], np.int8), x)
np.hypot(np.int8(100), x)
np.logaddexp(np.array([1, 2, 3, 4], np.uint8), x)
np.dot(np.array([100, 100, 100, 100], np.int8), x)
np.outer(np.array([100, 120], np.int8), x)
np.concatenate([np.array([100, 120], np.int8), x]) * 2
np.where(x > 0, np.array([100, 120, 1, 2], np.int8), x) * np.int8(100)
np.full_like(x, np.int8(100)) * np.int8(100) * x
np.sum(x, initial=np.int16(300)) * x
x[np.array([1, 0], np.int8)] + np.array([100, 100], np.int8)
[x[0], 2.0] * x[:2]
x[:2] + [x[0], x[1] * x[2]]
np.multiply([x[0], 1.0], x[:2])
np.subtract([[x[0], 1.0], [2.0, x[3]]], x[:2])
[x[0], x[1]] @ x[:2]
x[0] ** 2 + 2 ** x[1] + x[0] ** x[2]
pow(x, 3)
sum(x)
sum([x, x * x])
max(x)
min(x[0], x[1], 0.1)
sorted(x)
sorted(x, key=lambda e: -e)[0]
abs(x[1])
math.prod(x) if False else np.prod(x)
""".replace("math.prod(x) if False else ", "")
)
def test_operators_and_builtins(f):
    check(f)


# --- ufunc methods ---------------------------------------------------------------------------


@table("""
np.add.reduce(x)
np.add.reduce(x[None], axis=1)
np.add.accumulate(x)
np.add.outer(x, x)
np.add.outer([1.0, 2.0], x)
np.add.reduceat(x, [0, 2])
np.add.reduceat(x, [1, 3])
np.multiply.reduce(x)
np.multiply.accumulate(x)
np.multiply.outer(x, np.ones(2))
np.multiply.outer(np.ones(2), x)
np.subtract.outer(x, x)
np.divide.outer(x, [2.0, 3.0])
np.maximum.reduce(x)
np.minimum.reduce(x)
np.maximum.outer(x, [0.0, 0.5])
np.add.reduce([x, x * x])
np.add.reduce(x.reshape(2, 2), axis=None)
np.logical_and.reduce(x > 0) * x
""")
def test_ufunc_methods(f):
    check(f)


@pytest.mark.parametrize(
    "method", ["subtract.reduce", "power.accumulate", "arctan2.outer", "add.at"]
)
def test_ufunc_methods_without_a_rule_say_so(method):
    ufunc, name = method.split(".")
    call = getattr(getattr(np, ufunc), name)
    arguments = {"outer": lambda x: (x, x), "at": lambda x: (x, [0], 1.0)}.get(name, lambda x: (x,))
    with pytest.raises(NoRuleError, match=rf"numpy\.{ufunc}\.{name} has no"):
        ta.grad(lambda x: np.sum(call(*arguments(x))))(X)


# --- object arrays ---------------------------------------------------------------------------


@table("""
np.array([x[0], x[1] * x[2]])
np.array([[x[0], 1.0], [2.0, x[1]]])
np.array([x, x * x])
np.array([x[0] ** 2, np.sin(x[1])]) @ np.ones((2, 2))
np.asarray(x) * 2
np.asarray(x)[1:] * np.asarray(x)[:-1]
np.asanyarray(x).sum()
np.sin(np.asarray(x))
np.asarray(x).reshape(2, 2).T
np.exp(np.array([x[0], x[1]]))
np.arctan2(np.asarray(x), 2.0)
np.array([x[0]]) + x
x + np.array([x[0], 1.0, 2.0, x[3]])
np.array(x[0]) * x[1]
np.ascontiguousarray(x) * x
np.atleast_1d(np.asarray(x[0]))
np.concatenate([np.asarray(x), x])
np.concatenate([np.array([x[0]]), [1.0]])
np.stack([x[0], x[1], 2.0])
np.stack([np.asarray(x), x])
np.sum([x[0], x[1] * x[2], 3.0])
np.mean([x[0], x[1]])
np.dot(np.array([x[0], x[1]]), np.array([1.0, x[2]]))
np.asarray(x) @ np.asarray(x)
np.linalg.norm([x[0], x[1]])
np.var(np.asarray(x))
np.std([x[0], x[1], 1.0])
np.max([x[0], x[1]])
np.sqrt(np.sum(np.asarray(x) ** 2))
np.where(np.asarray(x) > 0, x, 0.0)
np.prod(np.array([x[0], x[1]]))
np.cumsum([x[0], x[1]])
np.diff(np.asarray(x))
np.array([row @ row for row in np.stack([x, 2 * x])])
np.fromiter((e * e for e in x), dtype=object)
np.maximum(np.asarray(x), 0.0)
np.array([x[0], None])[0]
""")
def test_plain_arrays_of_our_values(f):
    check(f)


def test_rosenbrock_as_it_is():
    x = np.array([1.3, 0.7, 0.8, 1.9, 1.2])
    gradient, hessian = scipy.optimize.rosen_der(x), scipy.optimize.rosen_hess(x)
    np.testing.assert_allclose(ta.grad(scipy.optimize.rosen)(x), gradient, rtol=1e-13)
    for method in ("forward-over-reverse", "hyperdual", "taylor"):
        h = ta.hessian(scipy.optimize.rosen, method=method)(x)
        np.testing.assert_allclose(h, hessian, rtol=1e-12, atol=1e-12)
    product = scipy.optimize.rosen_hess_prod(x, x)
    np.testing.assert_allclose(ta.hvp(scipy.optimize.rosen)(x, x), product, rtol=1e-13)
    expected = [scipy.optimize.rosen(x), gradient, hessian]
    for ours, theirs in zip(ta.value_grad_hessian(scipy.optimize.rosen)(x), expected):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@table("""
special.erf(x)
special.erfc(x)
special.expit(x)
special.logit(0.5 + x / 4)
special.xlogy(x, x * x + 1)
special.xlogy(2.0, x * x + 1)
special.xlog1py(x, x * x)
special.log1p(x)
special.expm1(x)
special.gammaln(x + 1)
special.digamma(x + 1)
special.psi(x + 1)
special.gamma(x + 1)
np.sinc(x)
""")
def test_special_functions(f):
    check(f)


# --- making arrays ---------------------------------------------------------------------------


@table("""
np.zeros(4, like=x) + x
np.zeros((2, 4), like=x) + x
np.ones(4, like=x) * x
np.empty(4, like=x).shape[0] * x
np.full(4, 2.0, like=x) * x
np.full(4, fill_value=2.0, like=x) * x
np.full((2, 4), x[0], like=x) * x
np.array([x[0], 1.0], like=x)
np.array([[x[0], 1.0], [2.0, 3.0]], like=x)
np.asarray([x[0], 1.0], like=x)
np.asarray(x, like=x)
np.array(x, like=x)
np.array([1.0, 2.0, 3.0, 4.0], like=x) * x
np.zeros_like(x) + x
np.ones_like(x, dtype=float) * x
np.full_like(x, x[0])
np.where(np.ones_like(x, dtype=bool), x, 0.0)
x[np.zeros_like(x, dtype=int)]
x[np.full_like(x, 2, dtype=int)]
np.sum(x[np.zeros_like(x, dtype=bool)]) + x
np.empty_like(x).size * x
""")
def test_making_arrays(f):
    check(f)


# --- assignment ------------------------------------------------------------------------------


def filled(x):
    out = np.zeros_like(x)
    for i in range(len(x)):
        out[i] = x[i] ** 2
    return out


def filled_like(x):
    out = np.zeros((2, len(x)), like=x)
    out[0] = x
    out[1, ::-1] = 2 * x
    out[:, 0] = 1.0
    out[1, [1, 2]] += x[:2]
    return out


def filled_matrix(x):
    out = np.zeros((3, 3), like=x)
    out[np.arange(3), np.arange(3)] = x[:3]
    out[0, 1:] = x[2:]
    out[out == 0] = -1.0
    return out


def swapped(x):
    x = x.copy()
    x[0], x[1] = x[1], x[0]
    x[[2, 3]] = x[[3, 2]]
    return x


def cumulated(x):
    out = np.empty_like(x)
    out[0] = x[0]
    for i in range(1, len(x)):
        out[i] = out[i - 1] * x[i]
    return out


def last_of_equals_wins(x):
    out = np.zeros_like(x)
    out[[0, 0, 1]] = x[:3]
    return out


def masked(x):
    y = x.copy()
    y[x < 0] = 0.0
    y[x > 1] *= 3
    return y


def assigned_wholly(x):
    y = np.zeros_like(x)
    y[...] = x * x
    y[:] += 1
    return y


def in_place_operators(x):
    y = x * 1.0
    y += x
    y *= y
    y -= 0.5
    y /= x
    y **= 2
    return y


def in_place_with_plain(x):
    y = x.copy()
    y += np.arange(4.0)
    y *= [1.0, 2.0, 3.0, 4.0]
    y -= 1
    return y


def two_names(x):
    y = x * 1.0
    z = y
    z += 1
    z[0] = x[1]
    return y * x


def scalars_are_immutable(x):
    a = b = x[0]
    b += 1
    b *= x[1]
    return a * b


def row_is_a_view(x):
    out = np.zeros((2, 4), like=x)
    row = out[1]
    row[2] = x[2]
    row += x
    return out


def view_of_a_view(x):
    out = np.zeros((2, 4), like=x)
    part = out[1][1:]
    part[0] = x[0]
    part[1:][0] = x[1]
    return out


def view_sees_the_base(x):
    out = np.zeros((2, 4), like=x)
    row = out[0]
    out[0, 1] = x[1]
    return row * 1.0


def view_sees_the_base_when_returned(x):
    out = np.zeros((2, 4), like=x)
    row = out[0]
    out[:] = x
    return row


def copy_of_a_view_sees_the_base(x):
    out = np.zeros((2, 4), like=x)
    row = out[0]
    out[0, 1] = x[1]
    return row.copy()


def deepcopy_of_a_view_sees_the_base(x):
    out = np.zeros((2, 4), like=x)
    row = out[0]
    out[0, 1] = x[1]
    return copy.deepcopy(row)


def keyword_sees_the_base(x):
    out = np.zeros((2, 4), like=x)
    row = out[0]
    out[0, 1] = x[1]
    return np.sum(a=row)


def siblings_see_each_other(x):
    out = np.zeros((2, 4), like=x)
    left, right = out[:, :3], out[:, 1:]
    left[0, 1] = x[1]
    right[1] = left[0] + 1
    return left * 1.0


def in_place_on_a_view(x):
    out = np.stack([x, 2 * x])
    row = out[0]
    row *= x
    return out


def rows_in_a_loop(x):
    out = np.stack([x, 2 * x])
    for row in out:
        row[0] = x[3]
        row *= 2
    return out


def a_copy_is_no_view(x):
    out = np.stack([x, 2 * x])
    row = out[0].copy()
    row[:] = 0.0
    advanced = out[[0]]
    advanced[:] = 0.0
    return out


def argument_of_a_helper(x):
    def normalise(y):
        y /= np.sum(y)

    z = x * x
    normalise(z)
    return z


def shifted_within_itself(x):
    y = x.copy()
    y[1:] = y[:-1]
    y[1:] += y[:-1]
    return y


def broadcast_into(x):
    out = np.zeros((3, 4), like=x)
    out[1:] = x
    out[:, :1] = x[:3, None]
    out[0] = x[None]
    return out


def out_argument(x):
    y = np.zeros_like(x)
    np.multiply(x, x, out=y)
    np.add(y, 1.0, y)
    z = np.zeros(1, like=x)
    np.sum(y, keepdims=True, out=z)
    return y * z


def out_argument_of_a_view(x):
    out = np.zeros((2, 4), like=x)
    np.exp(x, out=out[0])
    return out


def filled_with_fill(x):
    y = np.zeros_like(x)
    y.fill(x[1])
    return y * x


def empty_selection(x):
    y = x.copy()
    y[x > 100] = 7.0
    y[[]] = 3.0
    y[2:2] = 1.0
    return y


def transposed_row(x):
    out = np.zeros((4, 2), like=x)
    out.T[0] = x
    out.T[1][::-1] += x
    return out


def reshaped_and_reversed(x):
    out = np.zeros(8, like=x)
    out.reshape(2, 4)[::-1, ::2][0] = x[:2]
    out.reshape(4, 2).T.flat  # noqa: B018
    return out


def several_views_then_the_base(x):
    out = np.stack([x, 2 * x])
    row, column, line, pieces = out[1], out[:, 2], out.ravel(), np.split(out, 2, axis=1)
    out[1] = x[::-1]
    line[0] = x[3]
    pieces[1][0] *= 2
    return np.concatenate([row, column, line, *map(np.ravel, pieces), out[0]])


def diagonal_by_einsum(x):
    out = np.outer(x, [1.0, 2.0, 3.0, 4.0])
    np.einsum("ii->i", out)[...] = x
    np.einsum("ij->ji", out)[0] += x[3]
    np.einsum("ij->j", out)[...] = 0.0
    return out


def diagonal_in_step(x):
    out = np.outer(x, [1.0, 2.0, 3.0, 4.0])
    diagonal, trace = np.diagonal(out), np.trace(out)
    out[0, 0] = x[3]
    return diagonal * trace


def what_numpy_copies_is_a_copy(x):
    out = np.stack([x, 2 * x])
    copies = [out.T.ravel(), out.reshape(-1, order="F"), out[:, ::2].reshape(-1), out.flatten()]
    copies += [np.ravel(out, "F"), np.reshape(out[:, 1:], -1), out[[0, 1]], out[out < 9], 1 * out]
    copies += [np.concatenate([out]), np.tile(out, 1), np.roll(out, 1), np.conj(out), np.abs(out)]
    for a in copies:
        a[...] = 7.0
        a += 1.0
    return out


def what_gives_its_argument_back_is_a_copy(x):
    out = np.stack([x])
    copies = [np.prod(out, axis=0), np.multiply.reduce(out), np.cumprod(out, axis=0), out.sum(())]
    copies += [np.maximum.accumulate(out), np.clip(out, None, None), np.sort(out, axis=0), +out]
    copies += [np.array(out, like=out), np.max(out, axis=0), np.mean(out, axis=0), np.copy(out)]
    for a in copies:
        a *= 2.0
    return out


def views_of_scalars_are_copies(x):
    s = x[0] * 2
    for part in (np.atleast_1d(s), s.reshape(1), np.expand_dims(s, 0), np.atleast_3d(s)):
        part[...] = 7.0
    t = s
    t *= 3
    return s * x


def zero_dimensional_views(x):
    out = x * 1.0
    a, b, c = out[..., 0], np.squeeze(out[1:2]), out[2:3].reshape(())
    a += x[3]
    b[...] = x[2]
    c *= 2
    out[0] += 1
    return np.stack([out[0], a * 1.0, out[1], out[2], b + 0.0])


def rows_exchanged_by_views(x):
    out = np.stack([x, 2 * x])
    out[0], out[1] = out[1], out[0]  # as in NumPy, both are the second then
    return out


def truth_of_a_view(x):
    out = x * 1.0
    first = out[:1]
    out[0] = 0.0
    return x if first else 2 * x


def plain_array_of_a_view(x):
    out = x * 1.0
    part = out[:2]
    out[0] = 5 * x[1]
    return np.stack([np.asarray(part)[0], *np.array([part, part])[1]])


def long_chain_of_views(x):
    out = rest = np.resize(x, 2000) * 1.0
    while len(rest) > 3:
        rest = rest[1:]
    out[-2] = x[0]
    return rest * 1.0


def sorted_in_place(x):
    y, z = x * x, np.stack([x, x[::-1]])
    y.sort()
    z.sort(axis=0)
    z[1, 1:].sort()
    return np.stack([y, *z])


def gradients_in_place(x):
    slope = np.gradient(x * x, edge_order=2)
    np.nan_to_num(slope, copy=False)
    slope[1:-1] /= 2
    return slope


def while_loop(x):
    y = x[0]
    while y < 10:
        y = y * 1.5 + abs(x[1])
    return y


def branches(x):
    if x[0] > x[1] and not x[1] > 0:
        return x[0] * x[2]
    return x[1]


def recursion(x):
    return x[0] if len(x) == 1 else x[0] * recursion(x[1:]) + 1


def dictionary_of_functions(x):
    functions = {"sin": np.sin, "square": lambda y: y * y}
    return sum(functions[name](x) for name in ["sin", "square"])


def closure(x):
    factor = x[0] * 2

    def inner(y):
        return factor * y

    return inner(inner(x))


def generator(x):
    def powers():
        y = x
        for _ in range(3):
            yield y
            y = y * x

    return np.stack(list(powers()))


def unpacking(x):
    a, *rest, b = x
    (c, d), (e, f) = np.reshape(x, (2, 2))
    return np.stack([a * b, rest[0] * c, d + e * f])


def default_dict(x):
    terms = collections.defaultdict(float)
    for i, e in enumerate(x):
        terms[i % 2] += e * e
    return np.stack([terms[0], terms[1]])


def comprehension(x):
    return np.stack([a * b for a in x for b in x if a > b])


def matching(x):
    match x:
        case _ if x[0] > 0:
            return x * 2
    return x


def zipped(x):
    return np.stack([a * b for a, b in zip(x[1:], x)] + [reversed_sum(x)])


def reversed_sum(x):
    total = 0
    for e in reversed(list(x)):
        total = total * 2 + e
    return total


PROGRAMS = [
    value
    for name, value in list(globals().items())
    if inspect.isfunction(value)
    and list(inspect.signature(value).parameters) == ["x"]
    and not name.startswith("test")
]


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_programs(f):
    check(f)


def test_arguments_are_not_changed():
    def changes(x):
        x += 1
        x[0] = 0.0
        return np.sum(x * x)

    x = X.copy()
    np.testing.assert_allclose(ta.grad(changes)(x), [0, *(2 * (X + 1))[1:]])
    np.testing.assert_allclose(ta.jvp(changes, (x,), (V,))[1], 2 * (X + 1)[1:] @ V[1:])
    np.testing.assert_array_equal(ta.hessian(changes)(x), np.diag([0.0, 2, 2, 2]))
    np.testing.assert_array_equal(x, X)


CUTS = """
a[:]
a[...]
a[None]
a[1:]
a[::-1]
a[::-2]
a[0]
a[-1]
a[0, ..., 1]
a[..., 0]
a[..., 1:]
a[:, None, :1]
a.T
a.mT
a.ravel()
a.reshape(-1)
a.reshape(2, -1)
a.squeeze()
a.real
np.reshape(a, a.shape[::-1])
np.reshape(a, -1, order="F")
np.transpose(a)
np.swapaxes(a, 0, 1)
np.moveaxis(a, 0, -1)
np.rollaxis(a, 1)
np.expand_dims(a, 0)
np.squeeze(a[:1])
np.flip(a)
np.flipud(a)
np.fliplr(a)
np.rot90(a)
np.atleast_1d(a)
np.atleast_2d(a[0], a)[0]
np.atleast_3d(a)
np.split(a, 2)[1]
np.array_split(a, 3, axis=1)[0]
np.hsplit(a, 2)[1]
np.vsplit(a, [1])[0]
np.einsum("ij->ji", a)
np.einsum("ii->i", a)
a.copy()
a.flatten()
a[[1, 0]]
a[a == a]
""".strip().splitlines()


@pytest.mark.parametrize("inner", CUTS)
@pytest.mark.parametrize("write", ["part", "whole", "both"])
def test_views_of_views(inner, write):
    """What is written into a part of a part, or into what it was cut from, is seen as in NumPy."""
    cut, compared = {text: eval(f"lambda a: {text}", {"np": np}) for text in CUTS}, 0
    for outer in CUTS:

        def f(x):
            whole = np.stack([x, 2 * x, x[::-1], 3 * x])
            between = cut[inner](whole)
            part = cut[outer](between)  # noqa: B023
            if write != "whole":
                part[...] = 2.0 * part[::-1] if part.ndim else 3.0 * part
            if write != "part":
                whole *= 3.0
                end = between[..., -1:] if between.ndim else between
                end += x[0]
                part += x[1]
            return whole * 1.0, between * 1.0, part * 1.0

        try:
            expected = f(X), f(V)
        except (ValueError, IndexError, TypeError):  # does not fit, as it happens
            continue
        compared += 1
        given = ta.jvp(f, (X,), (V,))
        for ours, theirs in zip((*given, ta.vjp(f, X)[0]), (*expected, expected[0])):
            for one, other in zip(ours, theirs, strict=True):
                np.testing.assert_allclose(one, other, err_msg=f"{outer} of {inner}")
    assert compared > 5


# --- values among values ---------------------------------------------------------------------


def test_comparison_is_by_value():
    def f(x):
        assert x[0] > x[1]
        assert x[0] == 0.6
        assert x[1] != 0.6
        assert 0.5 < x[0] < 0.7
        assert np.float64(0.5) < x[0]
        assert bool(x[0])
        assert not bool(x[0] * 0)
        assert np.array_equal(x, X)
        assert np.allclose(x, X + 1e-12)
        assert np.isclose(x[0], 0.6)
        assert np.all(x == X)
        assert np.any(x < 0)
        assert x[0] in [0.1, x[0]]
        assert (x > 0).dtype == bool
        assert np.isfinite(x).all()
        assert x != "text"
        assert type(np.argmax(x)) in (int, np.int64)
        assert max(range(4), key=lambda i: x[i]) == 2
        with pytest.raises(ValueError, match="ambiguous"):
            bool(x > 0)
        return np.sum(x)

    for mode in (ta.grad(f), ta.hessian(f), ta.hessian_diagonal(f)):
        mode(X)
    ta.taylor(lambda t: f(X + 0 * t), 0.0, 3)


def test_hash_and_identity():
    def f(x):
        seen = {x: "array", x[0]: "scalar"}
        assert seen[x] == "array"
        assert len({x, x}) == 1
        return np.sum(x)

    ta.grad(f)(X)
    ta.jvp(f, (X,), (V,))


def test_copies():
    def f(x):
        y = copy.copy(x)
        z = copy.deepcopy({"a": [x]})["a"][0]
        y[0] = 0.0
        z[1] = 0.0
        return np.sum(x * x) + np.sum(y) + np.sum(z)

    np.testing.assert_allclose(ta.grad(f)(X), 2 * X + [1, 1, 2, 2])
    np.testing.assert_allclose(ta.jvp(f, (X,), (V,))[1], (2 * X + [1, 1, 2, 2]) @ V)


def test_scalars_have_no_length():
    with pytest.raises(TypeError, match="unsized"):
        ta.grad(len)(1.0)
    with pytest.raises(TypeError, match=r"unsized|0-d"):
        ta.grad(lambda x: next(iter(x)))(1.0)
    with pytest.raises(IndexError):
        ta.grad(lambda x: x[0])(1.0)
    with pytest.raises(IndexError):
        ta.grad(lambda x: x[4])(X)


def test_zero_dimensional_arrays():
    for x in (np.array(0.3), np.float64(0.3), 0.3, [0.3][0]):
        assert ta.grad(lambda x: np.sin(x) * x[()] + x.sum())(x) == pytest.approx(
            math.cos(0.3) * 0.3 + math.sin(0.3) + 1
        )
        assert isinstance(ta.grad(np.sin)(x), float)
    assert ta.grad(lambda x: x.reshape(1)[0] ** 2)(np.array(3.0)) == 6.0


# --- containers ------------------------------------------------------------------------------

Pair = collections.namedtuple("Pair", "left right")


def test_containers_as_arguments():
    tree = {"a": 2.0, "b": [X, (M, None)], "c": Pair(1.0, []), "d": {}}

    def f(p):
        assert p["b"][1][1] is None
        assert p["c"].right == []
        return p["a"] * np.sum(p["b"][0]) + np.sum(p["b"][1][0] ** 2) * p["c"].left

    g = ta.grad(f)(tree)
    assert list(g) == ["a", "b", "c", "d"]
    assert g["a"] == np.sum(X)
    np.testing.assert_allclose(g["b"][0], np.full(4, 2.0))
    np.testing.assert_allclose(g["b"][1][0], 2 * M)
    assert g["b"][1][1] is None
    assert g["c"] == Pair(np.sum(M**2), [])
    assert type(g["c"]) is Pair
    assert g["d"] == {}


def test_containers_as_results():
    def f(x):
        return {"sum": np.sum(x), "rest": Pair(x * x, (x[0], None, [])), "plain": 3.0}

    value, tangent = ta.jvp(f, (X,), (V,))
    assert value["sum"] == np.sum(X)
    assert tangent["plain"] == 0.0
    np.testing.assert_allclose(tangent["rest"].left, 2 * X * V)
    assert tangent["rest"].right == (V[0], None, [])
    value, pullback = ta.vjp(f, X)
    (bar,) = pullback({"sum": 1.0, "rest": Pair(np.ones(4), (2.0, None, [])), "plain": 5.0})
    np.testing.assert_allclose(bar, 1 + 2 * X + [2, 0, 0, 0])
    jacobian = ta.jacobian(f)(X)
    np.testing.assert_allclose(jacobian["rest"].left, np.diag(2 * X))
    np.testing.assert_allclose(jacobian["plain"], np.zeros(4))
    series = ta.taylor(f, X, 2, V)
    np.testing.assert_allclose(series["rest"].left.coefficients[2], V * V)


def test_containers_of_other_classes():
    tree = collections.defaultdict(list, a=2.0, b=Pair(X, [Pair(3.0, None)]))
    f = lambda p: p["a"] * np.sum(p["b"].left) * p["b"].right[0].left
    g = ta.grad(f)(tree)
    assert type(g) is collections.defaultdict
    assert g.default_factory is list
    assert g["b"].right == [Pair(2 * np.sum(X), None)]
    np.testing.assert_allclose(g["b"].left, np.full(4, 6.0))
    assert "c" not in tree
    h = ta.hessian(f)(tree)
    np.testing.assert_allclose(h["a"]["b"].left, np.full(4, 3.0))
    value, tangent = ta.jvp(lambda p: collections.defaultdict(float, y=p["a"] ** 2), (tree,), (g,))
    assert type(value) is collections.defaultdict
    assert tangent["y"] == 4 * g["a"]


def test_empty_results():
    f = lambda x: {"none": x[:0], "matrix": np.outer(x, x[4:]), "sum": np.sum(x[:0]) + x[0]}
    value, pullback = ta.vjp(f, X)
    assert value["none"].shape == (0,)
    (bar,) = pullback({"none": np.zeros(0), "matrix": np.zeros((4, 0)), "sum": 2.0})
    np.testing.assert_array_equal(bar, [2.0, 0, 0, 0])
    np.testing.assert_array_equal(ta.vjp(lambda x: x[:0], X)[1](np.zeros(0))[0], np.zeros(4))
    with pytest.raises(ValueError, match="shape"):
        ta.vjp(lambda x: x[:0], X)[1](np.zeros(1))
    value, tangent = ta.jvp(f, (X,), (V,))
    assert value["matrix"].shape == tangent["matrix"].shape == (4, 0)
    assert ta.taylor(lambda x: x[4:], X, 2, V).coefficients.shape == (3, 0)


def test_jacobian_of_empty_results():
    assert ta.jacobian(lambda x: x[:0])(X).shape == (0, 4)
    assert ta.jacobian(lambda x: np.outer(x, x[4:]))(X).shape == (4, 0, 4)


@pytest.mark.parametrize("ordered", [dict, collections.OrderedDict])
def test_dictionaries_by_key_and_not_by_order(ordered):
    f = lambda p: p["a"] * 2 + p["b"] * 3
    _, pullback = ta.vjp(lambda p: {"y": p["a"] * 2, "z": p["b"] * 3}, ordered(a=1.0, b=2.0))
    assert pullback({"z": 10.0, "y": 1.0})[0] == {"a": 2.0, "b": 30.0}
    tangent = ta.jvp(f, (ordered(a=1.0, b=2.0),), (ordered(b=1.0, a=0.0),))[1]
    assert tangent == 3.0


def test_mismatched_containers_are_refused():
    with pytest.raises((ValueError, TypeError)):
        ta.jvp(lambda p: p["a"], ({"a": 1.0},), ({"b": 1.0},))
    with pytest.raises((ValueError, TypeError)):
        ta.jvp(lambda p: p[0], ([1.0, 2.0],), ([1.0],))
    with pytest.raises((ValueError, TypeError)):
        ta.jvp(lambda p: p[0] * p[1], ([1.0, 2.0],), ((1.0, 2.0, 3.0),))


def test_argnums():
    f = lambda x, y, z: np.sum(x * y) * z
    args = (X, V, 3.0)
    bars = [3 * V, 3 * X, X @ V]
    for i in range(-3, 3):
        np.testing.assert_allclose(ta.grad(f, i)(*args), bars[i])
        np.testing.assert_allclose(ta.jacobian(f, argnums=i)(*args), bars[i])
    for several in ((0, 2), [2, 0], (1,), (-1, 0), (0, 1, 2)):
        for ours, i in zip(ta.grad(f, several)(*args), several, strict=True):
            np.testing.assert_allclose(ours, bars[i])
    np.testing.assert_allclose(ta.grad(f)(*args), bars[0])
    np.testing.assert_allclose(ta.grad(lambda x, *, k: np.sum(x) * k)(X, k=2.0), np.full(4, 2.0))
    for wrong, error in ((3, ValueError), (-4, ValueError), ("x", TypeError), (1.5, TypeError)):
        with pytest.raises(error, match="argnums"):
            ta.grad(f, wrong)(*args)
    with pytest.raises(ValueError, match="argnums"):
        ta.grad(f, (0, 0))(*args)


# --- threads ---------------------------------------------------------------------------------


def test_threads():
    def job(seed):
        random = np.random.default_rng(seed)
        x, v = random.uniform(0.2, 1.0, (2, 5))
        f = lambda x: np.sum(np.sin(x) * np.exp(x[::-1])) + np.prod(x) ** 2
        h = ta.hessian(f)(x)
        inner = ta.grad(lambda x: np.sum(ta.grad(f)(x) * v))(x)
        series = ta.taylor(lambda t: f(x + t * v), 0.0, 4 + seed % 5).coefficients
        special = ta.grad(lambda x: np.sum(scipy.special.gammaln(x) * scipy.special.erf(x)))(x)
        return h @ v, inner, ta.hvp(f)(x, v), 2 * series[2], v @ h @ v, special

    alone = [job(seed) for seed in range(24)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(job, range(24)))
    for one, other in zip(alone, together):
        for a, b in zip(one, other):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(one[0], one[1], rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(one[0], one[2], rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(one[3], one[4], rtol=1e-10, atol=1e-12)


# --- what cannot work says so ----------------------------------------------------------------

HERE = "test_dispatch.py"


def line_of_last_statement(f):
    lines, start = inspect.getsourcelines(f)
    return start + len(lines) - 1


def float_of(x):
    return float(x[0])


def int_of(x):
    return int(x[0])


def complex_of(x):
    return complex(x[0])


def math_sin(x):
    return math.sin(x[0])


def math_floor(x):
    return math.floor(x[0])


def rounded(x):
    return round(x[0], 2) * x[1]


def range_of(x):
    return range(x[0])


def list_index(x):
    return [1.0, 2.0][x[0]]


def index_by_value(x):
    return x[x[0]]


def index_by_array_of_values(x):
    return x[x > 0][x]


def index_plain_by_value(x):
    return np.arange(3.0)[x[0]]


def plain_assignment(x):
    out = np.zeros(3)
    out[0] = x[0]


def plain_slice_assignment(x):
    out = np.zeros(4)
    out[:] = x


def plain_in_place(x):
    out = np.zeros(4)
    out += x


def plain_out(x):
    return np.add(x, 1.0, out=np.zeros(4))


def plain_fill(x):
    np.zeros(4).fill(x[0])


def float_array_of_values(x):
    return np.array([x[0], x[1]], dtype=float)


def float_asarray(x):
    return np.asarray(x, dtype=float)


def as_int(x):
    return x.astype(int)


def plain_at(x):
    np.add.at(np.zeros(4), [0], x[0])


def plain_copyto(x):
    np.copyto(np.zeros(4), x)


def plain_put(x):
    np.put(np.zeros(4), [0], x[0])


def broadcast_assigned(x):
    np.broadcast_to(x, (2, 4))[0, 0] = 1.0


CONVERSIONS = [
    (float_of, ConversionError, "float"),
    (int_of, ConversionError, "int"),
    (complex_of, ConversionError, "complex"),
    (math_sin, ConversionError, "np.sin, not math.sin"),
    (math_floor, ConversionError, "np"),
    (range_of, ConversionError, "index"),
    (list_index, ConversionError, "index"),
    (index_by_value, ConversionError, "index"),
    (index_by_array_of_values, ConversionError, "index"),
    (index_plain_by_value, TypeError, "index"),
    (plain_assignment, MutationError, "np.zeros_like"),
    (plain_slice_assignment, TayloradError, "np.zeros_like"),
    (plain_in_place, MutationError, "np.zeros_like"),
    (plain_out, MutationError, "np.zeros_like"),
    (plain_fill, MutationError, "np.zeros_like"),
    (float_array_of_values, ConversionError, "np.stack"),
    (float_asarray, ConversionError, "np.stack"),
    (as_int, ConversionError, "array of int64"),
    (plain_at, TayloradError, r"np\.|numpy\.add\.at"),
    (plain_copyto, TayloradError, "numpy.copyto"),
    (plain_put, TayloradError, "numpy.put"),
    (broadcast_assigned, MutationError, "copy it first"),
]


@pytest.mark.parametrize("mode", ["grad", "jvp", "taylor", "hessian", "multivariate_taylor"])
@pytest.mark.parametrize(
    ("f", "error", "way_out"), CONVERSIONS, ids=[f.__name__ for f, *_ in CONVERSIONS]
)
def test_refusals_name_the_line_and_the_way_out(f, error, way_out, mode):
    call = {
        "grad": lambda: ta.grad(f)(X),
        "jvp": lambda: ta.jvp(f, (X,), (V,)),
        "taylor": lambda: ta.taylor(f, X, 3),
        "hessian": lambda: ta.hessian(f, method="hyperdual")(X),
        "multivariate_taylor": lambda: ta.multivariate_taylor(f, X, 2),
    }[mode]
    with pytest.raises(error, match=way_out) as caught:
        call()
    assert f"{HERE}, line {line_of_last_statement(f)}" in str(caught.value)


def test_rounding_is_a_constant():
    """Python's ``round`` gives plain numbers; it must not raise in words nobody understands."""
    assert ta.grad(rounded)(X)[1] == pytest.approx(0.6)


def test_formatting():
    seen = []
    ta.grad(lambda x: (seen.append(f"{x[0]} {x!r} {x!s}"), np.sum(x))[1])(X)
    ta.taylor(lambda x: (seen.append(f"{x} {x!r}"), x)[1], 1.0, 2)
    assert all(seen)


def test_mixing_expansions_is_refused():
    a, b = ta.Taylor.variable(1.0, 3), ta.MultivariateTaylor.variables(np.ones(2), 3)
    with pytest.raises(TypeError, match="different expansions"):
        _ = a * b
    with pytest.raises(TypeError, match="different expansions"):
        _ = ta.Dual(1.0, 1.0) + ta.HyperDual(1.0, 1.0, 1.0, 0.0)


def test_ufunc_keywords():
    with pytest.raises(TypeError, match="where"):
        ta.grad(lambda x: np.sum(np.add(x, 1.0, where=x > 0)))(X)
    with pytest.raises(TypeError, match="dtype"):
        ta.grad(lambda x: np.sum(x, dtype=int))(X)
    with pytest.raises(TypeError, match="dtype"):
        ta.grad(lambda x: np.sum(np.add(x, 1.0, dtype=int)))(X)
    with pytest.raises(TypeError):
        ta.grad(lambda x: np.sum(x, no_such_keyword=1))(X)


# --- coverage of NumPy -----------------------------------------------------------------------

# Through these nothing flows: they answer with plain numbers.
CONSTANT = {
    name
    for line in """all allclose any argmax argmin argsort argwhere array_equal count_nonzero
        flatnonzero isclose iscomplexobj isrealobj ndim nonzero result_type searchsorted shape size
        around round iscomplex isneginf isposinf isreal equal greater greater_equal less
        less_equal not_equal logical_and logical_not logical_or logical_xor ceil floor floor_divide
        isfinite isinf isnan rint sign signbit spacing trunc""".splitlines()
    for name in line.split()
}

# Without a rule, and why; each says so when called.
NO_RULE = {
    "text": """_center _expandtabs _expandtabs_length _ljust _lstrip_chars _lstrip_whitespace
        _partition _partition_index _replace _rjust _rpartition _rpartition_index _rstrip_chars
        _rstrip_whitespace _slice _strip_chars _strip_whitespace _zfill count endswith find index
        isalnum isalpha isdecimal isdigit islower isnumeric isspace istitle isupper rfind rindex
        startswith str_len _join _rsplit _split _splitlines capitalize center decode encode
        expandtabs ljust lower mod partition replace rjust rpartition swapcase title translate upper
        zfill array2string array_repr array_str""",
    "dates": """isnat busday_count busday_offset datetime_as_string is_busday""",
    "whole numbers and bits": """bitwise_and bitwise_count bitwise_or bitwise_xor gcd invert lcm
        left_shift right_shift packbits unpackbits bincount ravel_multi_index unravel_index""",
    "parts of floating-point numbers": """frexp ldexp modf nextafter divmod""",
    "inner workings of NumPy": """_ones_like clip can_cast common_type min_scalar_type
        may_share_memory shares_memory einsum_path apply_over_axes apply_along_axis
        sliding_window_view require astype""",
    "files, text and records": """genfromtxt loadtxt save savetxt savez savez_compressed
        append_fields apply_along_fields assign_fields_by_name drop_fields find_duplicates join_by
        merge_arrays rec_append_fields rec_drop_fields rec_join recursive_fill_fields rename_fields
        repack_fields require_fields stack_arrays structured_to_unstructured
        unstructured_to_structured frombuffer fromfile fromiter fromstring""",
    "linear algebra that comes in a later issue": """cholesky cond det eig eigh eigvals eigvalsh
        lstsq matrix_rank pinv qr slogdet svd svdvals tensorinv tensorsolve""",
    "Fourier transforms, which come later": """fft fft2 fftn fftshift hfft ifft ifft2 ifftn
        ifftshift ihfft irfft irfft2 irfftn rfft rfft2 rfftn""",
    "complex numbers are differentiated as such, not by their parts": """angle imag real
        real_if_close sort_complex arccos arcsin arctanh log log10 log2 logn power sqrt""",
    "sets and histograms": """digitize histogram histogram2d histogram_bin_edges histogramdd
        intersect1d isin lexsort setdiff1d setxor1d union1d unique unique_all unique_counts
        unique_inverse unique_values argpartition""",
    "writing into an array": """copyto fill_diagonal place put put_along_axis putmask""",
    "polynomials as lists of coefficients: write Horner's rule": """poly polyadd polyder polydiv
        polyfit polyint polymul polysub polygrid2d polyval2d polyvalnd roots vander""",
    "composites of functions that have one, not yet written out": """choose compress corrcoef cov
        cumulative_prod cumulative_sum extract fix i0 ix_ nanargmax nanargmin nancumprod nancumsum
        nanmax nanmedian nanmin nanpercentile nanquantile percentile quantile trim_zeros unstack
        array_equiv diag_indices_from tril_indices_from triu_indices_from""",
    "makers of arrays: from plain numbers only": """arange array asanyarray asarray
        ascontiguousarray asfortranarray empty eye fromfunction full geomspace identity linspace
        logspace ones tri zeros""",
}
WITHOUT = {name for names in NO_RULE.values() for name in names.split()}
MAKERS = {*NO_RULE["makers of arrays: from plain numbers only"].split(), "require"}
READERS = {"frombuffer", "fromfile", "fromiter", "fromstring", "genfromtxt", "loadtxt"}


def is_handled(function):
    return function in TABLE or function in FUNCTIONS


def full_name(function):
    module = getattr(function, "__module__", None) or "numpy"
    return f"{module}.{function.__name__}"


UFUNCS = sorted(overrides.get_overridable_numpy_ufuncs(), key=lambda u: u.__name__)
ARRAY_FUNCTIONS = sorted(overrides.get_overridable_numpy_array_functions(), key=full_name)


@pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda u: u.__name__)
def test_every_ufunc_is_handled_or_says_that_it_is_not(ufunc):
    def call(x):
        return ufunc(*[x] * ufunc.nin)

    whole_numbers_only = is_handled(ufunc) and not getattr(lookup(ufunc), "domain", True)
    if not is_handled(ufunc) or whole_numbers_only:
        assert ufunc.__name__ in WITHOUT
        with pytest.raises((NoRuleError, TypeError), match=ufunc.__name__):
            ta.grad(lambda x: np.sum(call(x)))(M)
        return
    x = M @ M.T + 3.0  # a square matrix of entries larger than 1, for matmul and arccosh
    x = np.full((2, 2), 0.5) if ufunc.__name__ in ("arcsin", "arccos", "arctanh") else x
    found = []

    def keep(x):
        found.append(call(x))
        return np.sum(x)

    ta.grad(keep)(x)
    ta.jvp(keep, (x,), (x,))
    ta.multivariate_taylor(keep, x, 2)
    for result in found:
        assert isinstance(result, np.ndarray) == (ufunc.__name__ in CONSTANT)
        np.testing.assert_allclose(strip(result), call(x), rtol=1e-13)


def strip(value):
    while not isinstance(value, (np.ndarray, np.generic, float, int, bool)):
        value = value.primal
    return value


@pytest.mark.parametrize("function", ARRAY_FUNCTIONS, ids=full_name)
def test_every_function_is_handled_or_says_that_it_is_not(function):
    name = function.__name__
    if is_handled(function) or name in MAKERS | READERS:
        return
    assert name in WITHOUT or function.__module__ in ("numpy.char", "numpy.strings")
    found = []

    def call(x):
        for arguments in ((x,), (x, x), (x, x, x), (x, x, x, x), ([x, x],), (1, x), (x, 1)):
            try:
                found.append(function(*arguments))
            except TypeError as error:
                found.append(error)
            if isinstance(found[-1], NoRuleError):
                raise found[-1]
        return np.sum(x)

    with pytest.raises(NoRuleError, match=rf"\.{name} has no differentiation rule"):
        ta.grad(call)(M)


def test_the_list_of_what_has_no_rule_is_up_to_date():
    known = {f.__name__ for f in [*UFUNCS, *ARRAY_FUNCTIONS]}
    # Not there in every NumPy from 2.0 on.
    some = {"cumulative_prod", "cumulative_sum", "unstack", "svdvals", "_slice", "polyvalnd", "fix"}
    assert known >= WITHOUT - some
    rows = {full_name(f) for f in [*UFUNCS, *ARRAY_FUNCTIONS] if is_handled(f)}
    assert len(rows) > 170


REAL_CONSTANTS = [r for r in TABLE.values() if isinstance(r, Constant) and r.domain]


@pytest.mark.parametrize("row", REAL_CONSTANTS, ids=repr)
def test_constants_answer_with_plain_numbers(row):
    arguments = 1 if row.name in ("sign", "floor", "ceil", "trunc", "rint", "spacing") else None
    count = arguments or getattr(row.value, "nin", 1)
    answers = []
    ta.grad(lambda x: (answers.append(row(*[x] * count)), np.sum(x))[1])(M)
    assert type(answers[0]) is np.ndarray


@pytest.mark.parametrize("shape", [(0,), (1,), (30,), (5, 6)])
def test_distinct_is_unique(shape):
    a = np.random.default_rng(0).integers(0, 9, shape)
    wanted = np.unique(a, return_index=True, return_inverse=True)
    for got, want in zip(distinct(a), wanted, strict=True):
        np.testing.assert_array_equal(got, want.ravel())
