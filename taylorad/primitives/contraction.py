"""Products that contract: matmul, einsum and convolve are rows, the rest are made of them."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from taylorad.primitives.elementwise import multiply
from taylorad.primitives.linear import as_array, gather, reshape, shape_of, sum_
from taylorad.primitives.registry import Bilinear, enter, implements
from taylorad.primitives.squaring import by_squaring

# --- matmul of stacks of matrices ------------------------------------------------------------


def _matmul_transpose(position: int, g: Any, other: Any, shape: Any) -> Any:
    flipped = np.swapaxes(other, -1, -2)
    return np.matmul(g, flipped) if position == 0 else np.matmul(flipped, g)


def _matmul_batched(a: Any, b: Any) -> Any:
    rank = max(a.ndim, b.ndim)
    if rank == 3 and len(b) == 1:  # one matrix on the right: the batch joins the rows
        rows = np.reshape(a, (a.shape[0] * a.shape[1], a.shape[2]))
        return np.reshape(rows @ b[0], (*a.shape[:2], b.shape[2]))
    if rank == 3 and len(a) == 1 and b.shape[2] < b.shape[1]:  # the batch joins the columns
        columns = np.reshape(np.moveaxis(b, 0, 1), (b.shape[1], len(b) * b.shape[2]))
        return np.moveaxis(np.reshape(a[0] @ columns, (a.shape[1], len(b), b.shape[2])), 1, 0)
    a, b = (np.reshape(x, (len(x), *(1,) * (rank - x.ndim), *x.shape[1:])) for x in (a, b))
    return np.matmul(a, b)


SHORT = 16
"""Products of vectors of no more entries are sums, which take less time than a change of shapes."""

MATRICES = ((-1.0, 1.0), (-1.0, 1.0))
matmul_row: Bilinear = enter(
    Bilinear(
        np.matmul,
        transpose=_matmul_transpose,
        batched=_matmul_batched,
        domain=MATRICES,
        name="matmul",
    )
)


@implements(np.matmul, np.linalg.matmul)
def matmul(a: Any, b: Any) -> Any:
    """Multiply matrices as ``@`` does: vectors become one-row or one-column matrices."""
    m, n = len(shape_of(a)), len(shape_of(b))
    if not m or not n:
        raise ValueError("matmul: an operand is a scalar; use * for it")
    if m > 1 and n > 1:
        return matmul_row(a, b)
    row, column = m == 1, n == 1
    a, b = as_array(a), as_array(b)
    if row and column and _are_short(a, b):
        return sum_(multiply(a, b), axis=(0,))
    if row:
        a = reshape(a, shape=(1, a.shape[0]))
    if column:
        b = reshape(b, shape=(b.shape[0], 1))
    y = matmul_row(a, b)
    shape = y.shape[: -1 if column else None]
    return reshape(y, shape=(*shape[:-1],) if row and column else _without(shape, row))


def _are_short(a: Any, b: Any) -> bool:
    return a.shape == b.shape and len(a) <= SHORT and a.dtype.kind == b.dtype.kind == "f"


def _without(shape: tuple[int, ...], row: bool) -> tuple[int, ...]:
    return (*shape[:-2], shape[-1]) if row else shape


implements(np.vecdot, np.linalg.vecdot)(lambda x1, x2, /, axis=-1: np.sum(x1 * x2, axis=axis))
if hasattr(np, "matvec"):  # since NumPy 2.2
    implements(np.matvec)(lambda a, v, /: np.matmul(a, v[..., None])[..., 0])
    implements(np.vecmat)(lambda v, a, /: np.matmul(v[..., None, :], a)[..., 0, :])


@implements(np.dot)
def dot(a: Any, b: Any, out: Any = None) -> Any:
    """Contract the last axis of ``a`` with the last but one of ``b``."""
    m, n = len(shape_of(a)), len(shape_of(b))
    if not m or not n:
        return a * b
    if n <= 2:
        return matmul(a, b)
    return tensordot(a, b, (-1, -2))


implements(np.linalg.multi_dot)(lambda arrays: _chain(list(arrays)))


def _chain(arrays: list[Any]) -> Any:
    product = arrays[0]
    for a in arrays[1:]:
        product = dot(product, a)
    return product


@implements(np.linalg.matrix_power)
def _matrix_power(a: Any, n: int) -> Any:
    if n < 0:
        return np.linalg.solve(_matrix_power(a, -n), np.eye(a.shape[-1]))
    return by_squaring(a, n, matmul) if n else a * 0 + np.eye(a.shape[-1])


@implements(np.tensordot, np.linalg.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Contract the named axes of ``a`` with those of ``b``."""
    m, n = np.ndim(a), np.ndim(b)
    if np.ndim(axes) == 0 and not isinstance(axes, tuple):
        pairs = (list(range(m - axes, m)), list(range(axes)))
    else:
        pairs = tuple([x] if np.ndim(x) == 0 else list(x) for x in axes)  # type: ignore[assignment]
    over_a = [normalize_axis_index(i, m) for i in pairs[0]]
    over_b = [normalize_axis_index(i, n) for i in pairs[1]]
    if [np.shape(a)[i] for i in over_a] != [np.shape(b)[i] for i in over_b]:
        raise ValueError(
            f"tensordot: shapes {np.shape(a)} and {np.shape(b)} do not match along {axes}"
        )
    free_a = [i for i in range(m) if i not in over_a]
    free_b = [i for i in range(n) if i not in over_b]
    size = math.prod(np.shape(a)[i] for i in over_a)
    left = np.reshape(np.transpose(a, free_a + over_a), (-1, size))
    right = np.reshape(np.transpose(b, over_b + free_b), (size, -1))
    shape = [np.shape(a)[i] for i in free_a] + [np.shape(b)[i] for i in free_b]
    return np.reshape(matmul_row(left, right), tuple(shape))


@implements(np.inner)
def _inner(a: Any, b: Any, /) -> Any:
    return a * b if not np.ndim(a) or not np.ndim(b) else tensordot(a, b, (-1, -1))


@implements(np.vdot)
def _vdot(a: Any, b: Any, /) -> Any:
    if np.iscomplexobj(a):
        a = np.conj(a)  # not a complex-differentiable function: refused where a is ours
    return dot(np.ravel(a), np.ravel(b))


@implements(np.outer, np.linalg.outer)
def _outer(a: Any, b: Any, out: Any = None) -> Any:
    return np.reshape(a, (-1, 1)) * np.reshape(b, (1, -1))


def _ufunc_outer(ufunc: Any) -> None:
    def outer(a: Any, b: Any) -> Any:
        a, b = as_array(a), as_array(b)
        return ufunc(np.reshape(a, a.shape + (1,) * b.ndim), b)

    implements((ufunc, "outer"))(outer)


for _ufunc in (np.add, np.subtract, np.multiply, np.divide, np.power, np.maximum, np.minimum):
    _ufunc_outer(_ufunc)


@implements(np.kron)
def _kron(a: Any, b: Any) -> Any:
    rank = max(np.ndim(a), np.ndim(b))
    sa = (1,) * (rank - np.ndim(a)) + np.shape(a)
    sb = (1,) * (rank - np.ndim(b)) + np.shape(b)
    left = np.reshape(a, tuple(n for size in sa for n in (size, 1)))
    right = np.reshape(b, tuple(n for size in sb for n in (1, size)))
    return np.reshape(left * right, tuple(p * q for p, q in zip(sa, sb, strict=True)))


@implements(np.cross)
def _cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None
) -> Any:
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(as_array(a), axisa, -1), np.moveaxis(as_array(b), axisb, -1)
    if a.shape[-1] == b.shape[-1] == 2:
        return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    if a.shape[-1] != 3 or b.shape[-1] != 3:
        raise ValueError("incompatible dimensions for cross product (dimension must be 3)")
    (x, y, z), (u, v, w) = (tuple(c[..., i] for i in range(3)) for c in (a, b))
    return np.stack([y * w - z * v, z * u - x * w, x * v - y * u], axisc)


implements(np.linalg.cross)(lambda x1, x2, /, *, axis=-1: np.cross(x1, x2, axis=axis))


# --- einsum ----------------------------------------------------------------------------------


def _einsum_value(a: Any, b: Any, subscripts: str) -> Any:
    return np.einsum(subscripts, a, b, optimize=a.dtype != object and b.dtype != object)


def _einsum_transpose(position: int, g: Any, other: Any, shape: Any, subscripts: str) -> Any:
    left, right, out = _terms(subscripts)
    mine, theirs = (left, right) if position == 0 else (right, left)
    return _einsum(g, other, subscripts=f"{out},{theirs}->{mine}")


def _einsum_batched(a: Any, b: Any, subscripts: str) -> Any:
    left, right, out = _terms(subscripts)
    batch = next(c for c in _LETTERS if c not in subscripts)
    if len(a) == len(b):
        return _einsum(a, b, subscripts=f"{batch}{left},{batch}{right}->{batch}{out}")
    if len(a) == 1:
        return _einsum(a[0], b, subscripts=f"{left},{batch}{right}->{batch}{out}")
    return _einsum(a, b[0], subscripts=f"{batch}{left},{right}->{batch}{out}")


_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_einsum: Bilinear = enter(
    Bilinear(
        _einsum_value,
        transpose=_einsum_transpose,
        batched=_einsum_batched,
        domain=MATRICES,
        name="einsum",
    )
)


def _terms(subscripts: str) -> tuple[str, str, str]:
    inputs, out = subscripts.split("->")
    left, right = inputs.split(",")
    return left, right, out


@implements(np.einsum)
def einsum(*operands: Any, out: Any = None, optimize: Any = False, **kwargs: Any) -> Any:
    """Contract by Einstein's convention, two operands at a time, from left to right."""
    if not isinstance(operands[0], str):
        operands = _in_words(operands)
    labels, output, arrays = _labelled(operands[0].replace(" ", ""), list(operands[1:]))
    label, result = _reduced(arrays[0], labels[0], set("".join(labels[1:]) + output))
    for i in range(1, len(arrays)):
        needed = set("".join(labels[i + 1 :]) + output)
        next_label, operand = _reduced(arrays[i], labels[i], needed | set(label))
        label, result = _reduced(result, label, needed | set(next_label))
        joined = "".join(c for c in dict.fromkeys(label + next_label) if c in needed)
        result = _einsum(result, operand, subscripts=f"{label},{next_label}->{joined}")
        label = joined
    return np.transpose(result, [label.index(c) for c in output])


def _in_words(operands: tuple[Any, ...]) -> tuple[Any, ...]:
    """Turn ``(a, [0, 1], b, [1, 2], ..., [0, 2])`` into ``("ab,bc->ac", a, b, ...)``."""
    terms = [
        "".join("..." if i is Ellipsis else _LETTERS[operator.index(i)] for i in term)
        for term in (*operands[1::2], *(operands[-1:] if len(operands) % 2 else ()))
    ]
    arrays = operands[: 2 * (len(operands) // 2) : 2]
    output = terms.pop() if len(operands) % 2 else None
    inputs = ",".join(terms)
    return (inputs if output is None else f"{inputs}->{output}", *arrays)


def _labelled(subscripts: str, arrays: list[Any]) -> tuple[list[str], str, list[Any]]:
    """Split the subscripts, with every Ellipsis written out in unused letters."""
    arrays = [a if hasattr(a, "ndim") else np.asarray(a) for a in arrays]
    inputs, arrow, output = subscripts.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(arrays):
        raise ValueError(f"einsum: {len(terms)} terms in {subscripts!r}, {len(arrays)} operands")
    free = [c for c in _LETTERS if c not in subscripts]
    spread = 0
    for i, (term, a) in enumerate(zip(terms, arrays, strict=True)):
        if "..." in term:
            extra = a.ndim - len(term) + 3
            spread = max(spread, extra)
            terms[i] = term.replace("...", "".join(free[:extra][::-1]))
        if len(terms[i]) != a.ndim:
            raise ValueError(f"einsum: term {term!r} does not fit an operand with {a.ndim} axes")
    if not arrow:
        counted = "".join(inputs.replace("...", "").split(","))
        output = "..." + "".join(c for c in sorted(set(counted)) if counted.count(c) == 1)
    return terms, output.replace("...", "".join(free[:spread][::-1])), arrays


def _reduced(a: Any, label: str, needed: set[str]) -> tuple[str, Any]:
    """Take diagonals for repeated letters, and sum over letters nobody else needs."""
    once = "".join(dict.fromkeys(label))
    if once != label:
        places = np.einsum(f"{label}->{once}", np.arange(math.prod(a.shape)).reshape(a.shape))
        a = gather(a, places=places, shape=a.shape)
    axes = tuple(i for i, c in enumerate(once) if c not in needed)
    return "".join(c for c in once if c in needed), sum_(a, axis=axes) if axes else a


# --- convolution -----------------------------------------------------------------------------


def _convolve_value(a: Any, v: Any) -> Any:
    if a.ndim == v.ndim == 1 and a.dtype != object:
        return np.convolve(a, v)
    lead = np.broadcast_shapes(a.shape[:-1], v.shape[:-1])
    n, m = a.shape[-1], v.shape[-1]
    out = np.zeros((*lead, n + m - 1), np.result_type(a, v))
    for i in range(m):
        out[..., i : i + n] += a * v[..., i : i + 1]
    return out


def _convolve_transpose(position: int, g: Any, other: Any, shape: Any) -> Any:
    n = other.shape[-1]
    return _convolve(g, other[..., ::-1])[..., n - 1 : n - 1 + shape[-1]]


_convolve: Bilinear = enter(
    Bilinear(
        _convolve_value,
        transpose=_convolve_transpose,
        batched=lambda a, v: _convolve(a, v),
        domain=MATRICES,
        name="convolve",
    )
)


@implements(np.convolve)
def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """Convolve two vectors; ``mode`` as NumPy's."""
    a, v = np.atleast_1d(a), np.atleast_1d(v)
    if a.ndim != 1 or v.ndim != 1 or not len(a) or not len(v):
        raise ValueError(f"convolve takes two vectors, not shapes {a.shape} and {v.shape}")
    long, short = max(len(a), len(v)), min(len(a), len(v))
    full = _convolve(a, v)
    start, length = {
        "full": (0, long + short - 1),
        "same": ((short - 1) // 2, long),
        "valid": (short - 1, long - short + 1),
    }[mode]
    return full[start : start + length]


@implements(np.correlate)
def _correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    if np.iscomplexobj(v):
        v = np.conj(v)
    a, v = np.atleast_1d(a), np.atleast_1d(v)
    # NumPy slides the shorter over the longer, which shows where "same" cannot be centred.
    return convolve(a, v[::-1], mode) if len(a) >= len(v) else convolve(v, a[::-1], mode)[::-1]
