"""Jacobians that are kept in the form they arise in: sums of scaled rows of simple matrices.

Of an array with p entries the Jacobian by n variables is a p×n matrix, which nobody wants to write
out before it has to be. What is known of it is its form, and products with it are cheap in that
form: a *term* is the matrix of which row i is ``scale[i]`` times row ``places[i]`` of a *kernel*,
and a kernel is the unit matrix, one row, or the product of a matrix with another term. The scales
are numbers of the call; the places are known beforehand.

A row of zeros has the place -1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from taylorad.dispatch import Value, shape_of
from taylorad.primitives.linear import gather, scatter_add

__all__ = [
    "Kernel",
    "Places",
    "Product",
    "Row",
    "Term",
    "Unit",
    "added",
    "diagonal",
    "pulled",
    "times",
    "written",
]

Places = np.ndarray[Any, np.dtype[np.int64]]


class Kernel:
    """A matrix with one column a variable.

    Attributes
    ----------
    height : int
        How many rows it has.
    """

    height: int


@dataclass(eq=False)
class Unit(Kernel):
    """The unit matrix: the derivative of the variables by themselves."""

    height: int


@dataclass(eq=False)
class Row(Kernel):
    """One row, the gradient of a scalar: every row of a term is a multiple of it."""

    row: Any
    height: int = 1


@dataclass(eq=False)
class Product(Kernel):
    """A matrix times a term: the derivative of a matrix times an array."""

    matrix: Any
    term: Term

    @property
    def height(self) -> int:  # type: ignore[override]
        """How many rows it has."""
        return int(shape_of(self.matrix)[0])


@dataclass(frozen=True, eq=False)
class Term:
    """Rows of a kernel, scaled.

    Attributes
    ----------
    scale : float, array or value
        What broadcasts to the shape of the array of which this is the derivative.
    places : array of int
        In the shape of that array.
    kernel : Kernel
    clean : bool
        Whether the scale is 0 wherever the place is -1. It may be anything there otherwise.
    """

    scale: Any
    places: Places
    kernel: Kernel
    clean: bool = False

    @cached_property
    def mask(self) -> Any:
        """Where there is something; None if that is everywhere."""
        mask = self.places >= 0
        return None if mask.all() else mask

    @cached_property
    def key(self) -> bytes:
        """What is equal for equal places."""
        return self.places.tobytes()

    @cached_property
    def is_whole(self) -> bool:
        """Whether it takes the rows of the kernel as they come."""
        flat = self.places.ravel()
        return flat.size == self.kernel.height and bool(np.all(flat == np.arange(flat.size)))

    @property
    def is_uniform(self) -> bool:
        """Whether all scales are the same number."""
        return not shape_of(self.scale)

    def full(self) -> Any:
        """Give the scale in the shape of the places, and 0 where there is nothing."""
        scale, shape = self.scale, self.places.shape
        if self.mask is not None and (self.is_uniform or not self.clean):
            scale = np.where(self.mask, scale, 0.0)
        if isinstance(scale, Value) or shape:
            scale = scale if shape_of(scale) == shape else np.broadcast_to(scale, shape)
        return scale

    def flat(self) -> Any:
        """Give the same as a vector."""
        scale = self.full()
        return scale if len(shape_of(scale)) == 1 else np.reshape(scale, (self.places.size,))

    def scaled(self, factor: Any, shape: tuple[int, ...]) -> Term:
        """Give the derivative of the array times something, broadcast to a shape."""
        places = self.places if self.places.shape == shape else np.broadcast_to(self.places, shape)
        clean = self.clean and not self.is_uniform
        return Term(times(self.scale, factor), places, self.kernel, clean)


def times(a: Any, b: Any) -> Any:
    """Multiply; what is 1 costs nothing, and what has one entry becomes a number."""
    a, b = (np.reshape(x, ()) if shape_of(x) and math.prod(shape_of(x)) == 1 else x for x in (a, b))
    for this, other in ((a, b), (b, a)):
        if not isinstance(this, Value) and not np.ndim(this) and this == 1:
            return other
    return a * b


def added(terms: Sequence[Term]) -> list[Term]:
    """Add terms of one shape up, each to one of the same kernel that has room for it."""
    found: list[Term] = []
    for term in terms:
        for i, other in enumerate(found):
            if (both := _both(other, term)) is not None:
                found[i] = both
                break
        else:
            found.append(term)
    return found


def _both(a: Term, b: Term) -> Term | None:
    if a.kernel is not b.kernel:
        return None
    if a.key == b.key:
        clean = a.clean and b.clean and a.is_uniform == b.is_uniform
        return Term(a.scale + b.scale, a.places, a.kernel, clean)
    if np.any((a.places != b.places) & (a.places >= 0) & (b.places >= 0)):
        return None
    return Term(a.full() + b.full(), np.maximum(a.places, b.places), a.kernel, True)


# --- what is done with them in the end -------------------------------------------------------


def pulled(u: Any, kernel: Kernel) -> Any:
    """Multiply a row vector with a kernel."""
    if isinstance(kernel, Unit):
        return u
    if isinstance(kernel, Row):
        return np.reshape(u, ()) * kernel.row
    assert isinstance(kernel, Product)
    return pulled(onto_rows(kernel.term, np.matmul(u, kernel.matrix)), kernel.term.kernel)


def onto_rows(term: Term, u: Any) -> Any:
    """Give what each row of the kernel of a term is multiplied by in ``u @ term``."""
    weights = times(term.scale if term.mask is None else term.flat(), u)
    if not shape_of(weights):
        weights = np.broadcast_to(weights, (term.places.size,))
    return placed(np.reshape(weights, (-1,)), term.places.ravel(), (term.kernel.height,))


def placed(v: Any, places: Places, shape: tuple[int, ...]) -> Any:
    """Add the entries of a vector up in places of an array; -1 is nowhere."""
    size = math.prod(shape)
    if places.size == size and np.array_equal(places, np.arange(size)):
        return v if len(shape) == 1 else np.reshape(v, shape)
    kept = np.flatnonzero(places >= 0)
    if kept.size < places.size:
        v, places = gather(v, places=kept, shape=(places.size,)), places[kept]
    return scatter_add(v, places=places, shape=shape)


def written(term: Term) -> Any:
    """Write the matrix of a term out; the unit matrix is for others to write."""
    kernel = term.kernel
    rows = _written(kernel)
    if isinstance(kernel, Row):
        scale = np.reshape(term.flat(), (-1, 1))
        return scale * rows
    if not term.is_whole:
        rows = rows[np.maximum(term.places.ravel(), 0)]
    if term.is_uniform and term.mask is None:
        return times(term.scale, rows)
    return np.reshape(term.flat(), (-1, 1)) * rows


def _written(kernel: Kernel) -> Any:
    if isinstance(kernel, Row):
        return np.reshape(kernel.row, (1, -1))
    assert isinstance(kernel, Product)
    matrix, term = kernel.matrix, kernel.term
    if not isinstance(term.kernel, Unit):
        scale = term.scale if term.is_uniform and term.mask is None else term.flat()
        rows = _written(term.kernel)
        if not term.is_whole:
            rows = rows[np.maximum(term.places.ravel(), 0)]
        return np.matmul(times(matrix, scale), rows)
    matrix = times(matrix, term.scale if term.is_uniform else term.flat())
    if term.is_whole:
        return matrix
    places = term.places.ravel()
    kept = np.flatnonzero(places >= 0)
    return scatter_add(matrix[:, kept], places=places[kept], shape=(term.kernel.height,))


def diagonal(term: Term, size: int) -> Any:
    """Give the diagonal of the matrix of a term, of ``size`` rows and columns."""
    kernel = term.kernel
    if isinstance(kernel, Row):
        return times(term.flat(), kernel.row)
    places = term.places.ravel()
    if isinstance(kernel, Unit):
        there = places == np.arange(size)
        if not there.any():
            return 0.0
        return term.flat() if there.all() else np.where(there, term.flat(), 0.0)
    assert isinstance(kernel, Product)
    matrix, inner = kernel.matrix, kernel.term
    if not term.is_whole:
        matrix = matrix[np.maximum(places, 0)]
    scale = term.scale if term.is_uniform and term.mask is None else term.flat()
    return times(scale, _product_diagonal(matrix, inner, size))


def _product_diagonal(matrix: Any, term: Term, size: int) -> Any:
    """Give the diagonal of a matrix times a term: what is constant in it is multiplied first."""
    scale = term.scale if term.is_uniform and term.mask is None else term.flat()
    second = term.kernel
    if isinstance(second, Unit) and term.is_whole:
        return times(np.reshape(matrix, (-1,))[:: size + 1], scale)
    if isinstance(second, Unit):
        places = term.places.ravel()
        columns = np.flatnonzero(places >= 0)
        entries = times(
            matrix[places[columns], columns], scale[columns] if np.ndim(scale) else scale
        )
        return placed(entries, places[columns], (size,))
    if isinstance(second, Product) and isinstance(second.term.kernel, Unit):
        last = second.term
        if last.is_whole:
            rows = second.matrix
            if not term.is_whole:
                rows = rows[np.maximum(term.places.ravel(), 0)]
            summed = np.matmul(matrix * np.transpose(rows), np.reshape(term.flat(), (-1, 1)))
            factor = last.scale if last.is_uniform else last.flat()
            return times(np.reshape(summed, (size,)), factor)
    return np.sum(matrix * np.transpose(written(term)), axis=1)
