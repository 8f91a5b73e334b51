"""What linear maps make of terms: sums over entries, products with matrices.

A map that depends on no variable takes the Jacobian of an array to that of its image. A row of a
kernel that all entries share stays as it is, only the multiples of it are mapped. Of other kernels
a sum over everything makes a row, and a matrix stays standing in front of them: it need not be
multiplied out before the end, and for a product with a vector, or a diagonal, not even then.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from taylorad.dispatch import Value, shape_of
from taylorad.dispatch.distinct import distinct
from taylorad.reverse.terms import Places, Product, Row, Term, Unit, placed, pulled, times
from taylorad.wengert.list import frozen

__all__ = ["LARGEST_MATRIX", "LinearMaps", "Unstructured"]

LARGEST_MATRIX = 2**20
"""Entries of the largest matrix that is made to stand for a linear line, or a sum."""

FEW = 4
"""As many terms may come of one in a sum; where it would be more, it becomes a matrix."""


class Unstructured(Exception):
    """A program whose Jacobian is not known as a sum of few terms."""


class LinearMaps:
    """Linear maps of terms; the same matrix times the same kernel is one kernel."""

    def __init__(self) -> None:
        self.products: dict[Any, Product] = {}
        self.constants: dict[Any, Any] = {}

    # --- sums ----------------------------------------------------------------------------

    def collected(self, terms: Sequence[Term], onto: Places, shape: tuple[int, ...]) -> list[Term]:
        """Add entries up in places of an array of some shape."""
        size = math.prod(shape)
        if size == 1:
            return self.contracted([(term, term.full()) for term in terms], shape)
        onto = onto.ravel()
        found: list[Term] = []
        for term in terms:
            found += self._collected(term, onto, shape, size)
        return found

    def _collected(self, term: Term, onto: Places, shape: tuple[int, ...], size: int) -> list[Term]:
        """Give one term for the first row of the kernel in every sum, one for the second, ..."""
        places, height = term.places.ravel(), term.kernel.height
        there = np.flatnonzero((places >= 0) & (onto >= 0))
        cells = onto[there] * height + places[there]
        sums, _, cell = distinct(cells)
        rows = sums // height
        rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
        depth = int(rank.max(initial=-1)) + 1
        if depth > FEW:
            return [self._as_matrix(term, there, cells, shape)]
        found = []
        for k in range(depth):
            mine = np.full(places.size, -1)
            mine[there] = np.where(rank[cell] == k, rows[cell], -1)
            at = np.full(size, -1)
            at[rows[rank == k]] = sums[rank == k] % height
            scale = placed(term.flat(), mine, shape)
            found.append(Term(scale, at.reshape(shape), term.kernel, True))
        return found

    def _as_matrix(self, term: Term, there: Places, cells: Places, shape: tuple[int, ...]) -> Term:
        """Let the scales be the entries of a matrix in front of the kernel."""
        size, height = math.prod(shape), term.kernel.height
        if size * height > LARGEST_MATRIX:
            raise Unstructured
        onto = np.full(term.places.size, -1)
        onto[there] = cells
        matrix = placed(term.flat(), onto, (size, height))
        whole = Term(1.0, np.arange(height), term.kernel)
        return Term(1.0, np.arange(size).reshape(shape), Product(matrix, whole))

    def contracted(
        self, weighted: Sequence[tuple[Term, Any]], shape: tuple[int, ...]
    ) -> list[Term]:
        """Add all entries of terms up, with scales: what is no row yet becomes one."""
        zero = np.zeros(shape, np.int64)
        found, total = [], None
        for term, scale in weighted:
            if isinstance(term.kernel, Row):
                found.append(Term(np.sum(scale), zero, term.kernel))
                continue
            vector = np.reshape(scale, (-1,))
            u = placed(vector, term.places.ravel(), (term.kernel.height,))
            more = pulled(u, term.kernel)
            total = more if total is None else total + more
        if total is not None:
            found.append(Term(1.0, zero, Row(total)))
        return found

    def multiples(self, terms: Sequence[Term]) -> list[tuple[Any, Row]]:
        """Give terms as scales and rows, if that is what they are."""
        found = []
        for term in terms:
            if not isinstance(term.kernel, Row):
                raise Unstructured
            found.append((term.full(), term.kernel))
        return found

    # --- products with matrices ----------------------------------------------------------

    def applied(self, matrix: Any, terms: Sequence[Term], shape: tuple[int, ...]) -> list[Term]:
        """Multiply a matrix with terms, which become those of an array of some shape."""
        matrix = self._kept(matrix)
        if shape_of(matrix)[0] == 1:
            row = np.reshape(matrix, (-1,))
            return self.contracted([(t, times(row, t.flat())) for t in terms], shape)
        found = []
        for term in terms:
            if isinstance(term.kernel, Row):
                column = np.reshape(term.flat(), (-1, 1))
                scale = np.reshape(np.matmul(matrix, column), shape)
                found.append(Term(scale, np.zeros(shape, np.int64), term.kernel))
            else:
                found.append(self._left_standing(matrix, term, shape))
        return found

    def _left_standing(self, matrix: Any, term: Term, shape: tuple[int, ...]) -> Term:
        factor, scale = 1.0, term.scale
        places = term.places.ravel()
        if term.is_uniform:
            factor, scale = scale, 1.0
        if isinstance(term.kernel, Unit) and term.is_uniform and not isinstance(matrix, Value):
            if not term.is_whole:
                whole = np.zeros((len(matrix), term.kernel.height))
                kept = np.flatnonzero(places >= 0)
                np.add.at(whole.T, places[kept], matrix[:, kept].T)
                matrix, places = self._kept(whole), np.arange(term.kernel.height)
        elif not term.is_uniform:
            scale = term.flat()
        mark = self._mark
        key = mark(matrix), mark(scale), places.tobytes(), id(term.kernel)
        kernel = self.products.get(key)
        if kernel is None:
            kernel = self.products[key] = Product(matrix, Term(scale, places, term.kernel))
        return Term(factor, np.arange(len(matrix)).reshape(shape), kernel)

    def _kept(self, matrix: Any) -> Any:
        """Give of equal constants always the same."""
        if isinstance(matrix, Value):
            return matrix
        matrix = np.ascontiguousarray(matrix)
        if matrix.flags.writeable:
            matrix = matrix.copy()
            matrix.flags.writeable = False
        return self.constants.setdefault(frozen(matrix), matrix)

    def _mark(self, a: Any) -> Any:
        """Give what is equal for the same factor."""
        if isinstance(a, Value):
            return getattr(a, "number", id(a))
        return id(a) if np.ndim(a) else float(a)
