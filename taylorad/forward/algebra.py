"""Truncated polynomial algebras, graded by total degree.

Dual numbers, hyperdual numbers, Taylor series in one variable and in many are all polynomials
truncated to a set of monomials (Weil algebras). An element is an array of coefficients with one
axis in front, the monomials in order of degree; the other axes are those of the value. An algebra
knows where each degree stands, and how products of monomials fall on monomials. That is all in
which the forward modes differ.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import Any, TypeVar

import numpy as np

from taylorad.dispatch import Value
from taylorad.dispatch.distinct import distinct

__all__ = ["Algebra", "Univariate", "dual", "hyperdual", "multivariate", "rays", "univariate"]

Monomial = tuple[int, ...]
Product = Callable[[Any, Any], Any]


class Algebra:
    """A graded algebra, given by the degrees of its monomials and its inner products.

    Parameters
    ----------
    degrees : sequence of int
        Degree of each monomial, in ascending order, starting with 0 for the monomial 1.
    inner : for each degree >= 2, (left, right, out)
        Arrays of indices: monomial ``left`` times monomial ``right`` is monomial ``out``, neither
        factor being 1. Sorted by ``out``.
    monomials : sequence of tuples of int, optional
        The exponents, where the algebra has names for its variables.
    """

    def __init__(
        self,
        degrees: Any,
        inner: Sequence[tuple[Any, Any, Any]],
        monomials: Sequence[Monomial] = (),
    ) -> None:
        self.degrees = np.asarray(degrees)
        self.size = len(self.degrees)
        self.order = int(self.degrees[-1])
        edges = np.searchsorted(self.degrees, np.arange(self.order + 2))
        self.grade: list[Any] = [slice(int(a), int(b)) for a, b in itertools.pairwise(edges)]
        self.monomials = tuple(monomials)
        self.inner = list(inner)
        self.family: tuple[Any, ...] = ()
        self.table: bytes | None = None  # what machine code reads (see `kernels`)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "table": None}  # addresses mean nothing elsewhere

    @cached_property
    def position(self) -> dict[Monomial, int]:
        """Where each monomial stands."""
        return {m: i for i, m in enumerate(self.monomials)}

    def weights(self, ndim: int) -> Any:
        """Degree of each coefficient, shaped to multiply arrays with ``ndim`` value axes."""
        return self.degrees.reshape(-1, *(1,) * ndim) if ndim else self.degrees

    def convolve(self, a: Any, b: Any, k: int, low: int = 0, high: int = 0) -> Any:
        """Give the degree-k part of a product, leaving ends out.

        The sum over the products of the degree-j part of ``a`` and the degree-(k-j) part of ``b``
        for ``low <= j <= k - high``, where ``low`` and ``high`` are 0 or 1.
        """
        part = self.grade[k]
        total = self._inner(a, b, k) if k > 1 else None
        if low == 0:
            end = a[0] * b[part]
            total = end if total is None else total + end
        if high == 0:
            end = a[part] * b[0]
            total = end if total is None else total + end
        return total if total is not None else a[part] * b[0] * 0

    def product_part(self, a: Any, b: Any, k: int, product: Product) -> Any:
        """Give the sum over j >= 1 of the degree-j part of ``a`` times that of ``b``."""
        part = self.grade[k]
        total = product(a[part], b[:1])
        if k > 1:
            left, right = self.inner[k - 2][:2]
            total = total + self._gathered(a, b, left, right, *self._starts[k - 2], part, product)
        return total

    def _inner(self, a: Any, b: Any, k: int) -> Any:
        left, right = self.inner[k - 2][:2]
        return self._gathered(a, b, left, right, *self._starts[k - 2], self.grade[k])

    @cached_property
    def _starts(self) -> list[tuple[Any, Any]]:
        return [distinct(out)[1::-1] for _, _, out in self.inner]

    def _gathered(
        self,
        a: Any,
        b: Any,
        left: Any,
        right: Any,
        starts: Any,
        reached: Any,
        part: slice,
        product: Product = np.multiply,
    ) -> Any:
        terms = product(a[left], b[right])
        total = terms if len(starts) == len(left) else np.add.reduceat(terms, starts, axis=0)
        if len(reached) == part.stop - part.start:
            return total
        full = np.zeros_like(total, shape=(part.stop - part.start, *total.shape[1:]))
        full[reached - part.start] = total
        return full

    @cached_property
    def _all_inner(self) -> tuple[Any, Any, Any, Any] | None:
        if not self.inner:
            return None
        left, right, out = (np.concatenate(column) for column in zip(*self.inner, strict=True))
        reached, starts, _ = distinct(out)
        return left, right, starts, reached

    def multiply(self, a: Any, b: Any, product: Product = np.multiply) -> Any:
        """Multiply two elements; ``product`` multiplies coefficients, with one axis in front."""
        c = product(a, b[:1])
        if self.order:
            c[1:] += product(a[:1], b[1:])
        if self._all_inner is not None:
            rest = slice(self.grade[2].start, self.size)
            left, right, starts, reached = self._all_inner
            c[rest] += self._gathered(a, b, left, right, starts, reached, rest, product)
        return c

    def truncated(self, order: int) -> Algebra:
        """Give the same algebra cut off at a lower order."""
        make, *variables = self.family
        lower: Algebra = make(*variables, order)
        return lower


class Univariate(Algebra):
    """Taylor series in one variable: the coefficient of degree k stands at k."""

    def __init__(self, order: int) -> None:
        super().__init__(np.arange(order + 1), (), [(k,) for k in range(order + 1)])
        self.grade = list(range(order + 1))

    def convolve(self, a: Any, b: Any, k: int, low: int = 0, high: int = 0) -> Any:
        """Give one coefficient of a Cauchy product (see `Algebra.convolve`)."""
        first = a[low : k + 1 - high]
        second = b[high : k + 1 - low][::-1]
        if a.ndim == b.ndim == 1:
            return first.dot(second)
        return (first * second).sum(axis=0)

    def product_part(self, a: Any, b: Any, k: int, product: Product) -> Any:
        """Give one coefficient of a product of arrays (see `Algebra.product_part`)."""
        return product(a[1 : k + 1], b[:k][::-1]).sum(axis=0, keepdims=True)

    def multiply(self, a: Any, b: Any, product: Product = np.multiply) -> Any:
        """Multiply two series (see `Algebra.multiply`)."""
        if product is np.multiply and a.ndim == b.ndim == 1:
            return np.convolve(a, b)[: self.size]
        c = product(a[:1], b)
        for j in range(1, self.size):
            c[j:] += product(a[j : j + 1], b[: self.size - j])
        return c

    def truncated(self, order: int) -> Univariate:
        """Give the series algebra of a lower order."""
        return univariate(order)


A = TypeVar("A", bound=Algebra)


def _of_family(algebra: A, *family: Any) -> A:
    algebra.family = family
    return algebra


@lru_cache(maxsize=256)
def univariate(order: int) -> Univariate:
    """Taylor series in one variable, to an order."""
    return _of_family(Univariate(order), univariate)


@lru_cache(maxsize=64)
def dual(n: int = 1) -> Algebra:
    """Dual numbers with ``n`` independent infinitesimals: monomials 1, e_1, ..., e_n."""
    return _of_family(Algebra([0] + [1] * n, ()), dual, n)


@lru_cache(maxsize=64)
def hyperdual(n: int = 1, m: int = 1) -> Algebra:
    """Hyperdual numbers: 1, e_1..e_n, f_1..f_m, and all e_i f_j, with e_i e_j = f_i f_j = 0."""
    e = np.repeat(np.arange(1, n + 1), m)
    f = np.tile(np.arange(n + 1, n + m + 1), n)
    out = np.arange(1 + n + m, 1 + n + m + n * m)
    pairs = (np.stack([e, f], 1).ravel(), np.stack([f, e], 1).ravel(), np.repeat(out, 2))
    algebra = Algebra([0] + [1] * (n + m) + [2] * (n * m), [pairs])
    return _of_family(algebra, hyperdual, n, m)


@lru_cache(maxsize=64)
def rays(n: int, order: int) -> Algebra:
    """``n`` series in one variable each that never mix: monomials 1 and t_i**k."""
    degrees = [0] + [k for k in range(1, order + 1) for _ in range(n)]
    i = np.arange(n)
    inner = []
    for k in range(2, order + 1):
        j = np.tile(np.arange(1, k), n)
        which = np.repeat(i, k - 1)
        inner.append(
            (1 + (j - 1) * n + which, 1 + (k - j - 1) * n + which, 1 + (k - 1) * n + which)
        )
    return _of_family(Algebra(degrees, inner), rays, n)


@lru_cache(maxsize=64)
def multivariate(n: int, order: int) -> Algebra:
    """Taylor series in ``n`` variables, to a total degree; graded lexicographic order.

    Parameters
    ----------
    n : int
        Number of variables.
    order : int
        Total degree at which series are cut off; C(n + order, order) monomials remain.
    """
    by_degree = [_exponents(n, k) for k in range(order + 1)]
    offsets = np.cumsum([0, *map(len, by_degree)])
    # A monomial's number within its degree is found through a key unique to it.
    key = np.array(
        [(order + 1) ** i for i in range(n)],
        dtype=object if n * math.log2(order + 2) > 62 else np.int64,
    )
    keys = [m @ key for m in by_degree]
    sorters = [np.argsort(k) for k in keys]
    inner = []
    for k in range(2, order + 1):
        left, right, out = [], [], []
        for j in range(1, k):
            products = (keys[j][:, None] + keys[k - j][None, :]).ravel()
            left.append(np.repeat(np.arange(len(keys[j])), len(keys[k - j])) + offsets[j])
            right.append(np.tile(np.arange(len(keys[k - j])), len(keys[j])) + offsets[k - j])
            found = np.searchsorted(keys[k], products, sorter=sorters[k])
            out.append(sorters[k][found] + offsets[k])
        columns = [np.concatenate(column) for column in (left, right, out)]
        by_out = np.argsort(columns[2], kind="stable")
        inner.append((columns[0][by_out], columns[1][by_out], columns[2][by_out]))
    degrees = np.repeat(np.arange(order + 1), [len(m) for m in by_degree])
    monomials = [tuple(map(int, m)) for part in by_degree for m in part]
    return _of_family(Algebra(degrees, inner, monomials), multivariate, n)


def _exponents(n: int, degree: int) -> Any:
    """Exponents of the monomials of one degree, the first variable's highest power first."""
    if n == 1:
        return np.array([[degree]])
    parts = []
    for first in range(degree, -1, -1):
        rest = _exponents(n - 1, degree - first)
        parts.append(np.concatenate([np.full((len(rest), 1), first), rest], axis=1))
    return np.concatenate(parts)


def aligned(c: Any, ndim: int) -> Any:
    """Give coefficients whose value has ``ndim`` axes, by axes of length 1 behind the first."""
    missing = ndim + 1 - c.ndim
    return c if missing <= 0 else c.reshape((c.shape[0], *(1,) * missing, *c.shape[1:]))


def buffer(like: Any, shape: int | tuple[int, ...]) -> Any:
    """Give a zero array that coefficients of the kind of ``like`` can be written into."""
    if isinstance(like, Value):
        return np.zeros_like(like, shape=shape)
    if getattr(like, "dtype", None) is _FLOAT:  # costs less to ask than result_type
        return np.zeros(shape)
    return np.zeros(shape, np.result_type(like, float))


_FLOAT = np.dtype(float)
