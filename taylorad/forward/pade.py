"""Padé approximants: the rational functions that agree with a series to highest order."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from taylorad.dispatch import bottom
from taylorad.dispatch.exact import plain
from taylorad.errors import InputError, SingularityError, user_line
from taylorad.forward.algebra import buffer, univariate
from taylorad.forward.display import LATEX, TEXT, Style, polynomial
from taylorad.forward.polynomial import as_numbers, evaluate, is_exact, solve

__all__ = ["Pade", "pade"]

_WORST = 1e14  # condition number up to which at least two digits are right


@dataclass(frozen=True, eq=False, repr=False)
class Pade:
    """A rational function ``numerator(t) / denominator(t)``, as `Taylor.pade` gives it.

    Attributes
    ----------
    numerator, denominator : array
        Coefficients by ascending degree along the first axis; ``denominator[0]`` is 1.

    Examples
    --------
    >>> import numpy as np
    >>> import taylorad as ta
    >>> ta.Taylor.variable(0.0, 2) / (1 + ta.Taylor.variable(0.0, 2))
    Taylor(t - t² + O(t³))
    >>> r = np.exp(ta.Taylor.variable(0.0, 2)).pade(1, 1)
    >>> r
    Pade((1 + 0.5 t) / (1 - 0.5 t))
    >>> float(r(0.1))
    1.10526315789...
    """

    numerator: Any
    denominator: Any

    def __call__(self, t: Any) -> Any:
        """Evaluate at displacements, which broadcast against the value.

        Parameters
        ----------
        t : array_like

        Returns
        -------
        array or number

        Examples
        --------
        >>> import numpy as np
        >>> import taylorad as ta
        >>> r = np.log1p(ta.Taylor.variable(0.0, 10)).pade(5, 5)
        >>> bool(abs(r(1.0) - np.log(2)) < 1e-7)
        True
        """
        t = as_numbers(t, "displacements")
        p, q = (evaluate(as_numbers(c), t) for c in (self.numerator, self.denominator))
        return plain(p / q)

    def poles(self) -> Any:
        """Give the zeros of the denominator, the nearest first.

        Returns
        -------
        array of complex
            Of mpmath numbers, if the series was one of exact numbers.

        Raises
        ------
        InputError
            If the value is an array: take the approximant of one entry.

        Examples
        --------
        >>> import numpy as np
        >>> import taylorad as ta
        >>> r = np.tan(ta.Taylor.variable(0.0, 12)).pade(5, 6)
        >>> bool(np.isclose(r.poles()[0] ** 2, (np.pi / 2) ** 2))
        True
        """
        q = self.denominator
        if q.ndim != 1:
            raise InputError(
                f"poles: the value has shape {q.shape[1:]}{user_line()}; ask the approximant of "
                "one entry, such as series[0].pade(m, n)"
            )
        q = np.trim_zeros(q, "b")[::-1]
        if q.dtype == object:
            return np.array(sorted(_exact_roots(q), key=abs), dtype=object)
        found = np.roots(q)
        return found[np.argsort(abs(found))]

    def _fraction(self, style: Style) -> tuple[str, str]:
        p, q = (
            polynomial(zip(c, (style.monomial((k,)) for k in range(len(c)))), style)
            for c in (self.numerator, self.denominator)
        )
        return p, q

    def __repr__(self) -> str:
        p, q = self._fraction(TEXT)
        return f"Pade(({p}) / ({q}))"

    def _repr_latex_(self) -> str:
        p, q = self._fraction(LATEX)
        return rf"$\frac{{{p}}}{{{q}}}$"


def _exact_roots(q: Any) -> list[Any]:
    """Give the roots of a polynomial, highest coefficient first: eigenvalues of its companion."""
    from mpmath import mp

    if len(q) < 3:  # of a matrix with one entry mpmath 1.3 gives the vectors as well
        return [-mp.mpmathify(c) / mp.mpmathify(q[0]) for c in q[1:]]
    companion = mp.zeros(len(q) - 1)
    for j, c in enumerate(q[1:]):
        companion[0, j] = -mp.mpmathify(c) / mp.mpmathify(q[0])
        if j:
            companion[j, j - 1] = 1
    return list(mp.eig(companion, left=False, right=False))


def pade(c: Any, m: int, n: int) -> Pade:
    """Give the approximant with numerator of degree ``m`` and denominator of degree ``n``.

    In floats ``t`` is measured in a length that levels the coefficients, and a system too near to
    a singular one counts as singular: its solution would be made of rounding errors.
    """
    c = c[: m + n + 1]
    if not n:
        return Pade(plain(c), plain(c[:1] * 0 + 1))
    sizes = np.abs(bottom(c))[max(0, m - n + 1) :]
    length: Any = Fraction(1) if is_exact(c) else _leveling_length(sizes)
    powers = np.stack([np.broadcast_to(length**k, c.shape[1:]) for k in range(m + n + 1)])
    d = np.moveaxis(c * powers, 0, -1)
    # Degrees m+1 .. m+n of q(t) c(t) vanish; coefficients of negative degree are zero.
    places = m + np.arange(1, n + 1)[:, None] - np.arange(n + 1)
    matrix = d[..., np.maximum(places, 0)] * (places >= 0)
    message = f"pade({m}, {n}): this entry of the table is degenerate{user_line()}; lower a degree"
    if not is_exact(c) and not np.all(np.linalg.cond(bottom(matrix)[..., 1:]) < _WORST):
        raise SingularityError(message)
    x = solve(matrix[..., 1:], -matrix[..., :1], message)
    q = buffer(c, (m + n + 1, *c.shape[1:]))
    q[0] = length**0
    q[1 : n + 1] = np.moveaxis(x[..., 0], -1, 0) / powers[1 : n + 1]
    p = univariate(m).multiply(q[: m + 1], c[: m + 1])
    return Pade(plain(p), plain(q[: n + 1]))


def _leveling_length(sizes: Any) -> Any:
    """Give the length in which the first and last coefficients that are not zero are equal."""
    present = sizes > 0
    first = np.argmax(present, axis=0)
    last = len(sizes) - 1 - np.argmax(present[::-1], axis=0)
    low, high = (np.take_along_axis(sizes, k[None], 0)[0] for k in (first, last))
    level = np.any(present, axis=0) & (last > first)
    ratio = np.where(level, low, 1.0) / np.where(level, high, 1.0)
    return ratio ** (1 / np.maximum(last - first, 1))
