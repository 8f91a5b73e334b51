"""Taylor series in one variable."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from taylorad.dispatch import bottom
from taylorad.dispatch.exact import plain
from taylorad.dispatch.operands import as_order
from taylorad.errors import InputError, InputTypeError, user_line
from taylorad.forward import convergence, polynomial
from taylorad.forward.algebra import buffer, univariate
from taylorad.forward.number import Series, as_coefficients
from taylorad.forward.pade import Pade, pade
from taylorad.forward.polynomial import as_numbers

__all__ = ["Taylor"]


class Taylor(Series):
    """A Taylor series ``c[0] + c[1] t + c[2] t² + ...``, cut off at an order.

    It is an ordinary value: arithmetic, NumPy's functions and indexing act on it as on an array of
    its values, and carry the series along. Where two series of different order meet, the result
    has the lower one.

    Parameters
    ----------
    coefficients : array_like of shape ``(order + 1, *shape)``
        Normalised coefficients, the degree first: ``c[k]`` is the k-th derivative over ``k!``.
        Float or complex, or mpmath numbers and fractions, which stay what they are.

    Raises
    ------
    InputError
        If there is no first axis, or nothing along it.
    InputTypeError
        If the coefficients are not numbers.

    Examples
    --------
    >>> import numpy as np
    >>> import taylorad as ta
    >>> t = ta.Taylor([0.0, 1.0, 0.0, 0.0])
    >>> np.exp(t)
    Taylor(1 + t + 0.5 t² + 0.166667 t³ + O(t⁴))
    >>> from fractions import Fraction
    >>> x = ta.Taylor.variable(Fraction(0), 6)
    >>> x / (1 - x - x**2)
    Taylor(t + t² + 2 t³ + 3 t⁴ + 5 t⁵ + 8 t⁶ + O(t⁷))
    """

    def __init__(self, coefficients: Any) -> None:
        self.c = as_coefficients(coefficients)
        self.algebra = univariate(len(self.c) - 1)

    @classmethod
    def variable(cls, x: Any, order: int) -> Self:
        """Give the series ``x + t``.

        Parameters
        ----------
        x : array_like
            The point; an array means independent points, expanded side by side.
        order : int

        Returns
        -------
        Taylor

        Raises
        ------
        InputError
            If the order is negative.

        Examples
        --------
        >>> import numpy as np
        >>> import taylorad as ta
        >>> np.log(ta.Taylor.variable(1.0, 3))
        Taylor(t - 0.5 t² + 0.333333 t³ + O(t⁴))
        >>> ta.Taylor.variable([1.0, 2.0], 3) ** 2
        Taylor([1, 4] + [2, 4] t + [1, 1] t² + O(t⁴))
        """
        order, x = as_order(order), as_numbers(x, "the point")
        c = buffer(x, (order + 1, *x.shape))
        c[0] = x
        c[1:2] = 1
        return cls.of(c, univariate(order))

    def derivative(self, k: int = 1) -> Any:
        """Give the k-th derivative at the point of expansion, ``k! c[k]``.

        Parameters
        ----------
        k : int

        Returns
        -------
        array or number

        Raises
        ------
        InputError
            If ``k`` is negative or above the order.

        Examples
        --------
        >>> import numpy as np
        >>> import taylorad as ta
        >>> y = np.exp(2 * ta.Taylor.variable(0.0, 5))
        >>> round(float(y.derivative(5)), 9)
        32.0
        """
        if as_order(k, "k") > self.order:
            raise InputError(
                f"derivative({k}): the series is known to order {self.order} only{user_line()}"
            )
        return plain(polynomial.derivative(self.c, k))

    def differentiate(self) -> Self:
        """Give the series of the derivative, of one order less.

        Returns
        -------
        Taylor

        Raises
        ------
        InputError
            If the order is 0.

        Examples
        --------
        >>> import taylorad as ta
        >>> ta.Taylor([1.0, 2.0, 3.0]).differentiate()
        Taylor(2 + 6 t + O(t²))
        """
        if not self.order:
            raise InputError(f"differentiate: the series is known to order 0 only{user_line()}")
        return self._of(polynomial.differentiate(self.c))

    def integrate(self, c: Any = 0.0) -> Self:
        """Give the antiderivative with value ``c`` at the point of expansion, of one order more.

        Parameters
        ----------
        c : array_like, optional

        Returns
        -------
        Taylor

        Examples
        --------
        >>> import taylorad as ta
        >>> ta.Taylor([2.0, 6.0]).integrate(1.0)
        Taylor(1 + 2 t + 3 t² + O(t³))
        """
        return self._of(polynomial.integrate(self.c, as_numbers(c, "the constant")))

    def __call__(self, t: Any) -> Any:
        """Evaluate the polynomial at displacements, or compose with an inner series.

        Parameters
        ----------
        t : array_like, Taylor or MultivariateTaylor
            Displacements from the point of expansion; they broadcast against the value as NumPy
            arrays do, so that several of them for a vector of length n have shape ``(m, 1)`` and
            give ``(m, n)``. An inner series, without constant term, gives the series of the
            composition.

        Returns
        -------
        array, number, Taylor or MultivariateTaylor

        Raises
        ------
        InputError
            If an inner series has a constant term.

        Examples
        --------
        >>> import numpy as np
        >>> import taylorad as ta
        >>> e = np.exp(ta.Taylor.variable(0.0, 15))
        >>> float(e(1.0))
        2.71828182845...
        >>> e.truncate(3)(ta.Taylor([0.0, 2.0, 0.0, 0.0]))
        Taylor(1 + 2 t + 2 t² + 1.33333 t³ + O(t⁴))
        """
        d = self._displacement(t)
        if not self._composes(d):
            return plain(polynomial.evaluate(self.c, d))
        outer = self.c[: d.order + 1]
        return d.like(polynomial.compose(outer, d.c, d.algebra))

    def inverse(self) -> Self:
        """Give the inverse series: the displacement t as a series in ``s = f(x + t) - f(x)``.

        Found by Newton's iteration on truncated series, of the cost of a few compositions [1]_.

        Returns
        -------
        Taylor
            Without constant term.

        Raises
        ------
        SingularityError
            If the first derivative is zero.

        References
        ----------
        .. [1] R. P. Brent, H. T. Kung, Fast algorithms for manipulating formal power series,
           J. ACM 25 (1978).

        Examples
        --------
        >>> import numpy as np
        >>> import taylorad as ta
        >>> np.exp(ta.Taylor.variable(0.0, 3)).inverse()
        Taylor(t - 0.5 t² + 0.333333 t³ + O(t⁴))
        """
        if not self.order:
            raise InputError(f"inverse: the series is known to order 0 only{user_line()}")
        return self._of(polynomial.reversion(self.c))

    def pade(self, m: int, n: int) -> Pade:
        """Give the Padé approximant [m/n], which agrees with the series to order m + n [1]_.

        Parameters
        ----------
        m, n : int
            Degrees of the numerator and of the denominator; ``m + n`` is at most the order.

        Returns
        -------
        Pade
            With ``numerator``, ``denominator`` and ``poles()``, to be called at displacements.

        Raises
        ------
        InputError
            If ``m + n`` is above the order.
        SingularityError
            If there is no such approximant with ``denominator[0] = 1``, or rounding hides it: the
            function is rational of lower degrees, or floats do not hold enough digits.

        References
        ----------
        .. [1] G. A. Baker, P. Graves-Morris, Padé Approximants, 2nd ed., Cambridge (1996).

        Examples
        --------
        >>> import numpy as np
        >>> import taylorad as ta
        >>> np.exp(ta.Taylor.variable(0.0, 4)).pade(2, 2)
        Pade((1 + 0.5 t + 0.0833333 t²) / (1 - 0.5 t + 0.0833333 t²))
        """
        m, n = as_order(m, "m"), as_order(n, "n")
        if m + n > self.order:
            raise InputError(
                f"pade({m}, {n}) needs the series to order {m + n}; it is known to order "
                f"{self.order}{user_line()}"
            )
        return pade(self.c, m, n)

    def radius(self) -> Any:
        """Estimate the radius of convergence.

        The last coefficients are fitted to those of a function with one, two or three nearest
        singularities, such as ``(1 - b t + a t²)**(-s)``, which allows for points on the real axis
        and for conjugate pairs [1]_; functions in powers of ``t²``, ``t³``, ... are seen as such
        first. The radius is infinite if the last coefficients are zero, or if the fits disagree
        while the coefficients fall faster and faster. It is an estimate: it knows the coefficients
        and not the function, and a higher order makes it better.

        Returns
        -------
        float or array of float
            For each entry of the value.

        Raises
        ------
        InputError
            If there are too few coefficients: about 7 that are not zero by symmetry are needed.

        References
        ----------
        .. [1] Y. F. Chang, G. Corliss, Ratio-like and recurrence relation tests for convergence of
           series, J. Inst. Maths Applics 25 (1980).

        Examples
        --------
        >>> import numpy as np
        >>> import taylorad as ta
        >>> x = ta.Taylor.variable(1.0, 20)
        >>> bool(np.isclose((1 / (1 + x**2)).radius(), np.sqrt(2)))
        True
        >>> np.exp(x).radius()
        inf
        """
        return convergence.radius(bottom(self.c))

    def plot(self, ax: Any = None, span: tuple[float, float] | None = None, **style: Any) -> Any:
        """Draw the polynomial against the displacement, and the radius of convergence.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default the current axes.
        span : (float, float), optional
            Displacements; by default a little more than the disc of convergence, or (-1, 1) where
            no radius is to be had.
        **style
            Passed on to ``ax.plot``.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        ImportError
            If matplotlib is not installed: ``pip install taylorad[plot]``.
        InputTypeError
            If the series is complex.

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> import numpy as np
        >>> import taylorad as ta
        >>> ax = np.sin(ta.Taylor.variable(0.0, 5)).plot(span=(-3.0, 3.0))
        >>> ax.get_xlabel()
        'displacement t'
        """
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise ImportError("plot needs matplotlib: pip install taylorad[plot]") from error
        c = np.asarray(bottom(self.c))
        if np.iscomplexobj(c.flat[0] if c.dtype == object else c):
            raise InputTypeError(
                f"plot: a complex series has no graph{user_line()}; plot those of its real and "
                "imaginary coefficients"
            )
        try:
            radii = [r for r in np.ravel(self.radius()) if np.isfinite(r)]
        except InputError:  # too few coefficients to tell
            radii = []
        reach = 1.1 * max(radii) if radii else 1.0
        t = np.linspace(*(span or (-reach, reach)), 400)
        ax = plt.gca() if ax is None else ax
        ax.plot(t, polynomial.evaluate(c.astype(float).reshape(len(c), -1), t[:, None]), **style)
        for r in radii:
            for place in (-r, r):
                ax.axvline(place, color="gray", linestyle="--", linewidth=0.8)
        ax.set_xlabel("displacement t")
        return ax

    def _of(self, c: Any) -> Self:
        return self.like(c, univariate(len(c) - 1))
