"""The solution between the steps: piecewise Taylor polynomials."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np

from taylorad.errors import InputError
from taylorad.ode.shown import Shown
from taylorad.ode.steps.sampling import evaluate

__all__ = ["OdeSolution"]


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

    def __init__(self, times: Any, stops: Any, coefficients: Any, shown: Shown) -> None:
        self.ts = np.concatenate([times[:1, 0], stops])
        self.shape = shown.shape
        self.n_segments = len(stops)
        self.t_min, self.t_max = np.min(self.ts), np.max(self.ts)
        self.ascending = bool(self.ts[-1] >= self.ts[0])
        self._times = times
        self._bits = mpmath.mp.prec  # of numbers other than doubles
        self._coefficients, self._shown = coefficients[:, : shown.size], shown

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
        with mpmath.workprec(max(self._bits, mpmath.mp.prec)):
            return self._derivative(t, k)

    def _derivative(self, t: Any, k: int) -> Any:
        c = self._coefficients
        t = np.asarray(t, dtype=object if c.dtype == object else float)
        if t.ndim > 1:
            raise InputError(f"`t` must be a float or a 1-D array, not of shape {t.shape}")
        if int(k) != k or k < 0:
            raise InputError(f"k is {k}; a derivative is of order 0, 1, 2, ...")
        times = np.atleast_1d(t)
        which = self._segments(times)
        s = (times - self._times[which, 0]) - self._times[which, 1]
        if k:
            used, which = np.unique(which, return_inverse=True)
            factors = [math.perm(degree, k) for degree in range(c.shape[-1])]
            c = np.ascontiguousarray((c[used] * np.array(factors, dtype=c.dtype))[..., k:])
        if not c.shape[-1]:
            c = np.zeros((*c.shape[:-1], 1), c.dtype)
        y = self._shown.along(evaluate(c, which, s))
        return y if t.ndim else y[..., 0]

    def _segments(self, times: Any) -> Any:
        inner = self.ts[1:-1]
        if self.ascending:
            return np.searchsorted(inner, times, side="left")
        return len(inner) - np.searchsorted(inner[::-1], times, side="right")
