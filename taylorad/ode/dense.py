"""The solution between the steps: piecewise Taylor polynomials."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from taylorad.errors import InputError

__all__ = ["OdeSolution", "Piece", "polynomial"]


class Piece:
    """The polynomial of one step.

    Attributes
    ----------
    start, low : float
        The time it is about, in two words.
    stop : float
        The time it is good to.
    coefficients : ndarray, shape (n, order + 1)
    """

    def __init__(self, start: float, low: float, stop: float, coefficients: Any) -> None:
        self.start, self.low, self.stop, self.coefficients = start, low, stop, coefficients

    def __call__(self, t: Any) -> Any:
        """Evaluate it at a time, or at many."""
        return polynomial(self.coefficients, (t - self.start) - self.low)


def polynomial(coefficients: Any, s: Any) -> Any:
    """Evaluate polynomials by Horner's rule.

    Parameters
    ----------
    coefficients : ndarray, shape (n, order + 1)
    s : float, or ndarray of shape (points,)

    Returns
    -------
    ndarray, shape (n,) or (n, points)
    """
    if np.ndim(s):
        coefficients = coefficients[:, None, :]
    total = coefficients[..., -1] * (1 + 0 * s)
    for k in range(coefficients.shape[-1] - 2, -1, -1):
        total = total * s + coefficients[..., k]
    return total


class OdeSolution:
    """A continuous solution: on every step its Taylor polynomial.

    Called with a time, or an array of times, it gives the state there. Outside the span of
    integration the polynomial of the nearest step is continued, as SciPy does it, which soon goes
    wrong; where two steps meet the earlier time's is taken. Made by `solve_ivp` and `Integrator`.

    Attributes
    ----------
    ts : ndarray, shape (n_segments + 1,)
        The ends of the steps.
    t_min, t_max : float
    n_segments : int

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> sol = ta.ode.solve_ivp(lambda t, y: -y, (0, 2), [1.0], dense_output=True).sol
    >>> sol(1.5) - np.exp(-1.5)
    array([0.0000000000000])
    >>> sol([0.5, 1.5]).shape
    (1, 2)
    >>> sol.derivative(1.5) + np.exp(-1.5)
    array([0.0000000000000])
    """

    def __init__(self, pieces: Sequence[Piece], shape: tuple[int, ...]) -> None:
        self.ts = np.array([pieces[0].start, *(piece.stop for piece in pieces)])
        self.shape = shape
        self.n_segments = len(pieces)
        self.t_min, self.t_max = np.min(self.ts), np.max(self.ts)
        self.ascending = bool(self.ts[-1] >= self.ts[0])
        self._starts = np.array([piece.start for piece in pieces])
        self._lows = np.array([piece.low for piece in pieces])
        self._coefficients = np.stack([piece.coefficients for piece in pieces])

    def __call__(self, t: Any) -> Any:
        """Give the state at times.

        Parameters
        ----------
        t : float or array_like, shape (n_points,)

        Returns
        -------
        ndarray, of the shape of the state, or that with ``n_points`` behind
        """
        return self.derivative(t, 0)

    def derivative(self, t: Any, k: int = 1) -> Any:
        """Give the k-th derivative of the state by time.

        Parameters
        ----------
        t : float or array_like, shape (n_points,)
        k : int

        Returns
        -------
        ndarray, of the shape of the state, or that with ``n_points`` behind
        """
        c = self._coefficients
        t = np.asarray(t, dtype=object if c.dtype == object else float)
        if t.ndim > 1:
            raise InputError(f"`t` must be a float or a 1-D array, not of shape {t.shape}")
        if int(k) != k or k < 0:
            raise InputError(f"k is {k}; a derivative is of order 0, 1, 2, ...")
        times = np.atleast_1d(t)
        which = self._segments(times)
        s = ((times - self._starts[which]) - self._lows[which])[:, None]
        total = np.zeros((len(times), c.shape[1]), dtype=c.dtype)
        for degree in range(c.shape[-1] - 1, k - 1, -1):
            factor = math.perm(degree, k)
            total = total * s + factor * c[which, :, degree]
        y = total.T.reshape(*self.shape, len(times))
        return y if t.ndim else y[..., 0]

    def _segments(self, times: Any) -> Any:
        inner = self.ts[1:-1]
        if self.ascending:
            return np.searchsorted(inner, times, side="left")
        return len(inner) - np.searchsorted(inner[::-1], times, side="right")
