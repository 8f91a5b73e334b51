"""Taylor series in several variables."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from math import comb
from typing import Any, Self

import numpy as np

from taylorad.dispatch.exact import plain
from taylorad.dispatch.operands import as_order
from taylorad.errors import InputError, InputTypeError, user_line
from taylorad.forward import polynomial
from taylorad.forward.algebra import buffer, multivariate
from taylorad.forward.number import Series, as_coefficients
from taylorad.forward.polynomial import as_numbers

__all__ = ["MultivariateTaylor"]


class MultivariateTaylor(Series):
    """A Taylor series in n variables t₁ ... tₙ, cut off at a total degree.

    Usually made by `variables`; then it is an ordinary value, as `Taylor` is.

    Parameters
    ----------
    coefficients : array_like of shape ``(C(n + order, order), *shape)``
        Normalised coefficients: that of ``t₁**i t₂**j ...`` is the mixed derivative over
        ``i! j! ...``. Monomials stand in order of degree, within a degree those with the higher
        power of the first variable first: 1, t₁, t₂, t₁², t₁t₂, t₂², ...
    n : int
        Number of variables.

    Raises
    ------
    InputError
        If the number of coefficients is not that of an order.

    Examples
    --------
    >>> import numpy as np
    >>> import taylorad as ta
    >>> x, y = ta.MultivariateTaylor.variables([0.0, 1.0], 2)
    >>> np.exp(x) * y
    MultivariateTaylor(1 + t₁ + t₂ + 0.5 t₁² + t₁ t₂ + O(t³))
    """

    def __init__(self, coefficients: Any, n: int) -> None:
        self.c = as_coefficients(coefficients)
        if as_order(n, "n") < 1:
            raise InputError(f"a series needs at least one variable{user_line()}")
        order = 0
        while (size := comb(n + order, order)) < len(self.c):
            order += 1
        if size != len(self.c):
            raise InputError(
                f"{len(self.c)} coefficients in {n} variables end inside degree {order}"
                f"{user_line()}: to that order there are {size}; fill up with zeros"
            )
        self.algebra = multivariate(n, order)

    @classmethod
    def variables(cls, x: Any, order: int) -> Self:
        """Give the vector of series ``x[i] + tᵢ``.

        Parameters
        ----------
        x : array_like of shape (n,)
            The point of expansion.
        order : int

        Returns
        -------
        MultivariateTaylor of shape (n,)

        Raises
        ------
        InputError
            If ``x`` is not a vector, or the order is negative.

        Examples
        --------
        >>> import numpy as np
        >>> import taylorad as ta
        >>> x = ta.MultivariateTaylor.variables([1.0, 2.0], 3)
        >>> x[0] * x[1]
        MultivariateTaylor(2 + 2 t₁ + t₂ + t₁ t₂ + O(t⁴))
        """
        order, x = as_order(order), as_numbers(x, "the point")
        if x.ndim != 1 or not x.size:
            raise InputError(
                f"the point of expansion is to be a vector with one entry for each variable, not "
                f"of shape {x.shape}{user_line()}"
            )
        (n,) = x.shape
        algebra = multivariate(n, order)
        c = buffer(x, (algebra.size, n))
        c[0] = x
        if order:
            c[1 : n + 1] = np.eye(n)
        return cls.of(c, algebra)

    @property
    def monomials(self) -> tuple[tuple[int, ...], ...]:
        """Exponents of the monomials, in the order of the coefficients."""
        return self.algebra.monomials

    @property
    def _n(self) -> int:
        return len(self.algebra.monomials[0])

    def coefficient(self, exponents: Sequence[int]) -> Any:
        """Give the coefficient of one monomial.

        Parameters
        ----------
        exponents : sequence of n int

        Returns
        -------
        array or number

        Raises
        ------
        InputError
            If these are not n exponents, or their sum is above the order.

        Examples
        --------
        >>> import numpy as np
        >>> import taylorad as ta
        >>> x, y = ta.MultivariateTaylor.variables([0.0, 0.0], 4)
        >>> float(np.exp(x * y).coefficient((2, 2)))
        0.5
        """
        monomial = tuple(as_order(i, "an exponent") for i in exponents)
        if len(monomial) != self._n:
            raise InputError(
                f"coefficient({monomial}): the series has {self._n} variables{user_line()}"
            )
        if sum(monomial) > self.order:
            raise InputError(
                f"coefficient({monomial}): the series is known to order {self.order} only"
                f"{user_line()}"
            )
        return plain(self.c[self.algebra.position[monomial]])

    def gradient(self) -> Any:
        """Give the first derivatives at the point of expansion.

        Returns
        -------
        array of shape ``(*shape, n)``

        Examples
        --------
        >>> import numpy as np
        >>> import taylorad as ta
        >>> x = ta.MultivariateTaylor.variables([1.0, 2.0], 2)
        >>> np.prod(x).gradient()
        array([2., 1.])
        """
        return self.tensor(1)

    def hessian(self) -> Any:
        """Give the second derivatives at the point of expansion.

        Returns
        -------
        array of shape ``(*shape, n, n)``

        Examples
        --------
        >>> import numpy as np
        >>> import taylorad as ta
        >>> x = ta.MultivariateTaylor.variables([1.0, 2.0], 2)
        >>> np.sum(x**2).hessian()
        array([[2., 0.],
               [0., 2.]])
        """
        return self.tensor(2)

    def tensor(self, k: int) -> Any:
        """Give all k-th derivatives at the point of expansion: a symmetric tensor.

        Parameters
        ----------
        k : int

        Returns
        -------
        array of shape ``(*shape, n, ..., n)``

        Raises
        ------
        InputError
            If ``k`` is negative or above the order.

        Examples
        --------
        >>> import numpy as np
        >>> import taylorad as ta
        >>> x, y = ta.MultivariateTaylor.variables([1.0, 2.0], 3)
        >>> (x**2 * y).tensor(3)[0, 0]
        array([0., 2.])
        """
        if as_order(k, "k") > self.order:
            raise InputError(
                f"derivatives of order {k}: the series is known to order {self.order} only"
                f"{user_line()}"
            )
        return plain(polynomial.derivative_tensor(self.c, self.algebra, k))

    def differentiate(self, variable: int) -> Self:
        """Give the series of a partial derivative, of one order less.

        Parameters
        ----------
        variable : int
            The number of the variable, from 0.

        Returns
        -------
        MultivariateTaylor

        Raises
        ------
        InputError
            If there is no such variable, or the order is 0.

        Examples
        --------
        >>> import taylorad as ta
        >>> x, y = ta.MultivariateTaylor.variables([0.0, 0.0], 3)
        >>> (x**2 * y).differentiate(0)
        MultivariateTaylor(2 t₁ t₂ + O(t³))
        """
        variable = self._variable(variable)
        if not self.order:
            raise InputError(f"differentiate: the series is known to order 0 only{user_line()}")
        c = polynomial.differentiate_in(self.c, self.algebra, variable)
        return self.like(c, self.algebra.truncated(self.order - 1))

    def integrate(self, variable: int, c: Any = 0.0) -> Self:
        """Give an antiderivative in one variable, of one order more.

        Parameters
        ----------
        variable : int
            The number of the variable, from 0.
        c : array_like, optional
            Its value at the point of expansion; where the variable's displacement is zero, it has
            that value throughout.

        Returns
        -------
        MultivariateTaylor

        Raises
        ------
        InputError
            If there is no such variable.

        Examples
        --------
        >>> import taylorad as ta
        >>> x, y = ta.MultivariateTaylor.variables([0.0, 0.0], 2)
        >>> (x * y).integrate(1, 5.0)
        MultivariateTaylor(5 + 0.5 t₁ t₂² + O(t⁴))
        """
        variable, constant = self._variable(variable), as_numbers(c, "the constant")
        integral = polynomial.integrate_in(self.c, self.algebra, variable, constant)
        return self.like(integral, self.algebra.truncated(self.order + 1))

    def _variable(self, variable: int) -> int:
        try:
            number = operator.index(variable)
        except TypeError:
            raise InputTypeError(
                f"a variable is given by its number, not {variable!r}{user_line()}"
            ) from None
        if not 0 <= number < self._n:
            raise InputError(
                f"there is no variable {number}: they are numbered 0 to {self._n - 1}{user_line()}"
            )
        return number

    def __call__(self, displacement: Any) -> Any:
        """Evaluate the polynomial at displacement vectors, or compose with a vector of series.

        Parameters
        ----------
        displacement : array_like of shape (..., n), or series of that shape
            The last axis runs over the variables. Inner series (`Taylor` or `MultivariateTaylor`,
            without constant terms) give the series of the composition.

        Returns
        -------
        array, number, Taylor or MultivariateTaylor of shape ``(..., *shape)``

        Raises
        ------
        InputError
            If the last axis has not length n, or an inner series has a constant term.

        Examples
        --------
        >>> import numpy as np
        >>> import taylorad as ta
        >>> x, y = ta.MultivariateTaylor.variables([0.0, 0.0], 12)
        >>> f = np.exp(x + 2 * y)
        >>> bool(np.isclose(f([0.1, 0.2]), np.exp(0.5)))
        True
        >>> t = ta.Taylor.variable(0.0, 2)
        >>> f([t, t**2])
        Taylor(1 + t + 2.5 t² + O(t³))
        """
        d = self._displacement(displacement)
        if not d.ndim or d.shape[-1] != self._n:
            raise InputError(
                f"a displacement is to have {self._n} entries along its last axis, one for each "
                f"variable; got shape {d.shape}{user_line()}"
            )
        outer = self.truncate(d.order) if self._composes(d) else self
        return plain(polynomial.evaluate_in(outer.c, d, outer.algebra))

    def inverse(self) -> Self:
        """Give the inverse of a map: displacements as series in ``s = f(x + t) - f(x)``.

        Returns
        -------
        MultivariateTaylor of shape (n,)
            Without constant terms.

        Raises
        ------
        InputError
            If this is not a vector of n series in n variables.
        SingularityError
            If the Jacobian matrix is singular.

        Examples
        --------
        >>> import numpy as np
        >>> import taylorad as ta
        >>> x, y = ta.MultivariateTaylor.variables([0.0, 0.0], 3)
        >>> f = np.stack([x + y**2, y])
        >>> f.inverse()[0]
        MultivariateTaylor(t₁ - t₂² + O(t⁴))
        """
        n = self._n
        if self.shape != (n,) or not self.order:
            raise InputError(
                f"inverse: takes {n} series in {n} variables to order 1 or higher, not shape "
                f"{self.shape} and order {self.order}{user_line()}"
            )
        return self.like(polynomial.reversion_of_map(self, n))
