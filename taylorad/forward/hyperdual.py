"""Dual and hyperdual numbers: first and second derivatives without truncation error."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from taylorad.dispatch.exact import plain
from taylorad.forward.algebra import dual, hyperdual
from taylorad.forward.display import Style
from taylorad.forward.number import Number, stacked

__all__ = ["Dual", "HyperDual"]


class Dual(Number):
    """A number ``value + tangent ε`` with ε² = 0: a value and its first derivative.

    Parameters
    ----------
    value, tangent : array_like
        Float, complex, mpmath numbers or fractions; they broadcast against each other.

    Raises
    ------
    InputError
        If the shapes do not broadcast.
    InputTypeError
        If they are not numbers.

    Examples
    --------
    The derivative of x² sin x at 2:

    >>> import numpy as np
    >>> import taylorad as ta
    >>> x = ta.Dual(2.0, 1.0)
    >>> y = x**2 * np.sin(x)
    >>> y
    Dual(3.63719 + 1.9726 ε)
    >>> bool(np.isclose(y.tangent, 4 * np.sin(2) + 4 * np.cos(2)))
    True
    """

    def __init__(self, value: Any, tangent: Any) -> None:
        self.c, self.algebra = stacked(value, tangent), dual(1)

    @property
    def tangent(self) -> Any:
        """The coefficient of ε; with several independent ones, these along a first axis."""
        return plain(self.c[1] if self.algebra.size == 2 else self.c[1:])

    def _terms(self, style: Style) -> Iterable[tuple[Any, str]]:
        return (self.value, ""), (self.tangent, style.infinitesimal)


class HyperDual(Number):
    """A number ``value + e1 ε₁ + e2 ε₂ + e12 ε₁ε₂`` with ε₁² = ε₂² = 0.

    With ``e1 = e2 = 1`` and ``e12 = 0``, a function's ``e12`` is its second derivative, exact to
    rounding [1]_.

    Parameters
    ----------
    value, e1, e2, e12 : array_like
        Float, complex, mpmath numbers or fractions; they broadcast against each other.

    Raises
    ------
    InputError
        If the shapes do not broadcast.
    InputTypeError
        If they are not numbers.

    References
    ----------
    .. [1] J. A. Fike, J. J. Alonso, The development of hyper-dual numbers for exact
       second-derivative calculations, AIAA paper 2011-886 (2011).

    Examples
    --------
    >>> import numpy as np
    >>> import taylorad as ta
    >>> x = ta.HyperDual(1.5, 1.0, 1.0, 0.0)
    >>> y = np.exp(x) / np.sqrt(np.sin(x) ** 3 + np.cos(x) ** 3)
    >>> float(y.value), float(y.e1), float(y.e12)
    (4.4977800539461..., 4.0534278938986..., 9.4630736815966...)
    """

    def __init__(self, value: Any, e1: Any, e2: Any, e12: Any) -> None:
        self.c, self.algebra = stacked(value, e1, e2, e12), hyperdual(1, 1)

    @property
    def _directions(self) -> tuple[int, int]:
        _, n, m = self.algebra.family
        return n, m

    def _first(self, start: int, count: int) -> Any:
        return plain(self.c[start] if self._directions == (1, 1) else self.c[start : start + count])

    @property
    def e1(self) -> Any:
        """The coefficient of ε₁; with several independent ones, these along a first axis."""
        return self._first(1, self._directions[0])

    @property
    def e2(self) -> Any:
        """The coefficient of ε₂; with several independent ones, these along a first axis."""
        return self._first(1 + self._directions[0], self._directions[1])

    @property
    def e12(self) -> Any:
        """The coefficient of ε₁ε₂; with several of each, these along the first two axes."""
        n, m = self._directions
        if (n, m) == (1, 1):
            return plain(self.c[3])
        return plain(self.c[1 + n + m :].reshape((n, m, *self.shape)))

    def _terms(self, style: Style) -> Iterable[tuple[Any, str]]:
        first, second = (style.infinitesimal + style.index(i) for i in (1, 2))
        return (self.value, ""), (self.e1, first), (self.e2, second), (self.e12, first + second)
