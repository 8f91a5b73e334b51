"""What the public number classes have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Self

import numpy as np

from taylorad.dispatch import Value, bottom
from taylorad.dispatch.exact import plain
from taylorad.dispatch.operands import as_order
from taylorad.errors import InputError, InputTypeError, user_line
from taylorad.forward.algebra import Algebra
from taylorad.forward.display import LATEX, TEXT, Style, polynomial
from taylorad.forward.jet import Jet
from taylorad.forward.polynomial import as_numbers

__all__ = ["Number", "Series", "as_coefficients", "stacked"]


class Number(Jet):
    """A jet that people make, print and store: to be subclassed."""

    @property
    def value(self) -> Any:
        """The value: the coefficient of degree 0."""
        return plain(self.c[0])

    def _terms(self, style: Style) -> Iterable[tuple[Any, str]]:
        """Give the coefficients with their monomials."""
        raise NotImplementedError

    def _polynomial(self, style: Style) -> str:
        return polynomial(self._terms(style), style, zeros=True)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._polynomial(TEXT)})"

    def _repr_latex_(self) -> str:
        return f"${self._polynomial(LATEX)}$"

    def __reduce__(self) -> Any:
        # Algebras carry large tables and are rebuilt from their names.
        make, *sizes = self.algebra.family
        return _restored, (type(self), plain(self.c), make, self._algebra_sizes(sizes))

    def _algebra_sizes(self, sizes: list[int]) -> tuple[int, ...]:
        return tuple(sizes)


def _restored(cls: type[Number], c: Any, make: Callable[..., Algebra], sizes: Any) -> Any:
    return cls.of(as_coefficients(c), make(*sizes))


class Series(Number):
    """A series that ends at an order: to be subclassed."""

    @property
    def coefficients(self) -> Any:
        """Normalised coefficients, monomials first: shape ``(number of them, *shape)``.

        A NumPy array; an object array for mpmath numbers and fractions.
        """
        return plain(self.c)

    def truncate(self, order: int) -> Self:
        """Cut off at a lower order.

        Parameters
        ----------
        order : int
            At most the present order.

        Returns
        -------
        Taylor or MultivariateTaylor

        Raises
        ------
        InputError
            If the order is negative, or higher than what is known.

        Examples
        --------
        >>> import numpy as np
        >>> import taylorad as ta
        >>> np.exp(ta.Taylor.variable(0.0, 20)).truncate(2)
        Taylor(1 + t + 0.5 t² + O(t³))
        """
        order = as_order(order)
        if order > self.order:
            raise InputError(
                f"truncate({order}): the series is known to order {self.order} only{user_line()}"
            )
        algebra = self.algebra.truncated(order)
        return self.like(self.c[: algebra.size], algebra)

    def _terms(self, style: Style) -> Iterable[tuple[Any, str]]:
        return zip(map(plain, self.c), map(style.monomial, self.algebra.monomials))

    def _polynomial(self, style: Style) -> str:
        remainder = style.monomial((self.order + 1,))
        return polynomial(self._terms(style), style, remainder)

    def _algebra_sizes(self, sizes: list[int]) -> tuple[int, ...]:
        return (*sizes, self.order)

    def _composes(self, d: Any) -> bool:
        """Tell inner series from numbers; those of other transformations are numbers here."""
        return isinstance(d, Series) and d.tag == self.tag

    def _displacement(self, given: Any) -> Any:
        """Give numbers to evaluate at, or an inner series that is known no further than this."""
        d = as_numbers(given, "displacements")
        if not self._composes(d):
            return d
        if np.any(bottom(d) != 0):
            raise InputError(
                f"the inner series has the constant term {d.value}{user_line()}, but this series "
                "is one in displacements from its point of expansion: expand the outer function "
                "about that value, and subtract it (g - g.value)"
            )
        return d.truncate(min(d.order, self.order))


def as_coefficients(given: Any) -> Any:
    """Give coefficients as a user may write them, checked to have a first axis."""
    c = as_numbers(given)
    if isinstance(c, Value) and c.tag == Jet.tag:
        raise InputTypeError(
            f"the coefficients of a series are numbers, not {type(c).__name__} numbers made by hand"
            f"{user_line()}; use MultivariateTaylor for several variables"
        )
    if not c.shape or not c.shape[0]:
        raise InputError(
            f"coefficients need at least one entry along a first axis, that of the monomials; got "
            f"shape {c.shape}{user_line()}"
        )
    return c


def stacked(*components: Any) -> Any:
    """Broadcast components against each other and put them one behind the other."""
    parts = [as_numbers(x, "components") for x in components]
    try:
        shape = np.broadcast_shapes(*(x.shape for x in parts))
    except ValueError as error:
        raise InputError(
            f"components of shapes {', '.join(str(x.shape) for x in parts)} do not broadcast"
            f"{user_line()}"
        ) from error
    return as_coefficients(np.stack([np.broadcast_to(x, shape) for x in parts]))
