"""Lyapunov exponents: the mean rates at which small deviations grow.

A frame of deviations moves along with the solution, by the first-order variational equations.
Before they have all turned into the direction that grows fastest, they are made orthonormal again,
and the logarithms of what their lengths were are added up.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from operator import index
from typing import Any

import numpy as np
from scipy.linalg.lapack import dgeqrf, dorgqr

from taylorad.dispatch import fresh_tag
from taylorad.drivers.seeds import coefficients_of
from taylorad.errors import InputError, IntegrationError
from taylorad.forward.algebra import dual
from taylorad.forward.jet import Jet
from taylorad.ode.dae.implicit import Implicit
from taylorad.ode.inputs import arguments, as_start, no_derivatives
from taylorad.ode.integrator import Integrator
from taylorad.ode.solved import Options, as_span
from taylorad.ode.tolerances import tolerance
from taylorad.ode.variations.beginning import begun, seen
from taylorad.ode.variations.varied import Varied

__all__ = ["LyapunovSpectrum", "lyapunov_spectrum"]

WANTED, MOST = math.log(1e4), math.log(1e6)
"""By what factor lengths may come to differ: as they are aimed at, and at most.

A factor c costs as many digits of the slowest.
"""

POINTS = 512
"""There are no fewer points of the convergence."""

ROUNDING = 1e-10
"""Directions that are shorter than this, of the longest, are none."""

BLOCKS = 20
"""In so many parts the time is divided to see by how much their means differ."""


class LyapunovSpectrum:
    """What `lyapunov_spectrum` found.

    Attributes
    ----------
    exponents : ndarray, shape (k,)
        Descending, but for statistical errors.
    standard_errors : ndarray, shape (k,)
        Of the averages, from how the means of parts of the time differ. What decays more slowly,
        such as ``log(t) / t`` where deviations grow linearly, they know nothing of.
    t : ndarray, shape (n_points,)
        Times up to which there are averages.
    estimates : ndarray, shape (n_points, k)
        The averages up to these times.
    y : ndarray
        The state at the end.
    frame : ndarray
        The orthonormal deviations at the end: shape of the state, with ``k`` behind.
    nsteps : int

    Examples
    --------
    >>> import taylorad as ta
    >>> rest = ta.ode.lyapunov_spectrum(lambda t, y: [y[0], -2 * y[1]], (0, 50), [0.0, 0.0])
    >>> rest.exponents
    array([ 1., -2.])
    >>> rest.dimension
    1.5
    """

    def __init__(
        self, start: float, t: Any, sums: Any, y: Any, frame: Any, nsteps: int, size: int
    ) -> None:
        passed = np.abs(t - start)
        self.t, self.estimates = t, sums / passed[:, None]
        self.exponents = self.estimates[-1]
        self.standard_errors = _standard_errors(passed, sums)
        self.y, self.frame, self.nsteps, self._size = y, frame, nsteps, size

    @property
    def dimension(self) -> float:
        """The Kaplan-Yorke dimension; NaN where it takes more exponents than there are.

        The number of dimensions in which volumes neither grow nor shrink: that of exponents whose
        sum is not negative, and the part of the next that makes it zero.
        """
        exponents = np.sort(self.exponents)[::-1]
        sums = np.cumsum(exponents)
        j = int(np.argmax(sums < 0)) if np.any(sums < 0) else len(sums)
        if j == len(sums):
            return float(j) if j == self._size else math.nan
        return float(j + (sums[j - 1] / -exponents[j] if j else 0.0))

    def __repr__(self) -> str:
        pairs = zip(self.exponents, self.standard_errors, strict=True)
        return f"LyapunovSpectrum({', '.join(f'{x:.6g} ± {e:.1g}' for x, e in pairs)})"


def lyapunov_spectrum(
    fun: Callable[..., Any],
    t_span: Any,
    y0: Any,
    args: tuple[Any, ...] = (),
    *,
    k: int | None = None,
    transient: float | None = None,
    interval: float | None = None,
    tol: float | None = None,
    rtol: Any = None,
    atol: Any = None,
    max_step: float = math.inf,
    seed: Any = 0,
) -> LyapunovSpectrum:
    """Compute Lyapunov exponents of a solution: at what rates deviations from it grow or shrink.

    A frame of ``k`` deviations moves by the exact variational equations, and is made orthonormal
    again and again [1]_ [2]_, whenever it has been stretched enough.

    Parameters
    ----------
    fun : callable
        ``fun(t, y, *args)``, as in `solve_ivp`. Of an implicit equation there are as many exponents
        as entries of the state are free.
    t_span : (float, float)
        From when to when. Exponents are rates by time that passes, backward too.
    y0 : array_like
        The state at the beginning, of real numbers, in units in which its components are of
        similar size.
    args : tuple, optional
    k : int, optional
        How many exponents, from the largest on; by default all.
    transient : float, optional
        How long to wait, for the solution to come near its attractor and for the frame to turn
        into place, before averages begin; by default a tenth of the time.
    interval : float, optional
        The longest time from one orthonormal frame to the next. Shorter ones are chosen as the
        growth demands.
    tol, rtol, atol, max_step : optional
        See `solve_ivp`.
    seed : int or numpy.random.Generator
        For the first frame, which is random.

    Returns
    -------
    LyapunovSpectrum

    Raises
    ------
    taylorad.errors.InputError, taylorad.errors.InputTypeError
        If arguments make no sense.
    taylorad.errors.IntegrationError
        If the end cannot be reached.

    References
    ----------
    .. [1] G. Benettin, L. Galgani, A. Giorgilli, J.-M. Strelcyn, "Lyapunov characteristic exponents
       for smooth dynamical systems and for Hamiltonian systems", Meccanica 15 (1980).
    .. [2] I. Shimada, T. Nagashima, "A numerical approach to ergodic problem of dissipative
       dynamical systems", Progress of Theoretical Physics 61 (1979).

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> def lorenz(t, y, s, r, b):
    ...     x, y, z = y
    ...     return [s * (y - x), x * (r - z) - y, x * y - b * z]
    >>> spectrum = ta.ode.lyapunov_spectrum(lorenz, (0, 500), [1.0, 1.0, 1.0], (10.0, 28.0, 8 / 3))
    >>> np.round(spectrum.exponents, 1)
    array([  0.9,   0. , -14.6])
    >>> divergence = -(10 + 1 + 8 / 3)  # at every point: the sum of the exponents
    >>> abs(np.sum(spectrum.exponents) - divergence) < 1e-11
    np.True_
    """
    no_derivatives(t_span, y0, args)
    t0, tf = as_span(t_span)
    y, args = as_start(y0), arguments(args)
    shape = y.shape
    options = Options(False, None, tol, rtol, atol, None, max_step, None, None)
    bound, free = None, np.eye(y.size)
    if isinstance(fun, Implicit) and y.size:
        fun, y, options = begun(fun, t0, y, args, options)
        bound = _Bound(fun, args)
        free = bound.directions(t0, y)
    k = _count(k, y, free.shape[1])
    span = _finite_span(t0, tf)
    wait = span / 10 if transient is None else _seconds("transient", transient)
    longest = span / POINTS if interval is None else _seconds("interval", interval)
    if not 0 <= wait < span or not longest > 0:
        raise InputError(
            f"transient is {wait} and interval {longest}; of a time of {span} the former must "
            "leave something, and the latter be positive"
        )
    floors = np.ones((k + 1, y.size))
    limits = tolerance(y, options.tol, options.rtol, options.atol, max_step)
    floors[0] = limits.floors
    frame = np.linalg.qr(np.random.default_rng(seed).standard_normal((free.shape[1], k)))[0]
    frame = free @ frame if bound else frame
    integrator = Integrator(
        Varied(fun, dual(k)),
        t0,
        np.concatenate([y[None], frame.T.reshape(k, *y.shape)]),
        (*args, np.zeros(0)),
        rtol=limits.relative,
        atol=(floors * limits.relative).reshape(k + 1, *y.shape),
        max_step=max_step,
    )
    if free.shape[1] == y.size:
        bound = None
    stretching = _Stretching(integrator, math.copysign(longest, tf - t0), bound)
    try:
        start = t0 + math.copysign(wait, tf - t0)
        for _ in stretching.until(start):
            pass
        points = list(stretching.until(tf))
    except IntegrationError as error:
        state = seen(np.asarray(error.state).reshape(k + 1, *y.shape)[0], shape)
        raise IntegrationError(str(error), error.time, state, error.singularity) from None
    times, logs = zip(*points, strict=True)
    state = integrator.state
    return LyapunovSpectrum(
        *(start, np.array(times), np.cumsum(logs, axis=0)),
        *(seen(state[0], shape), np.moveaxis(seen(state[1:], shape, 1), 0, -1)),
        *(integrator.nsteps, free.shape[1]),
    )


class _Bound:
    """What directions an implicit equation leaves free: the rest of the state follows from some."""

    def __init__(self, fun: Any, args: tuple[Any, ...]) -> None:
        self.fun, self.args = fun, args

    def kept(self, t: float, y: Any, rows: Any) -> Any:
        """Give deviations from a state that solutions can have, near to others."""
        tag, algebra = fresh_tag(), dual(len(rows))
        c = np.concatenate([y[None], rows.reshape(-1, *y.shape)])
        state = self.fun.lifted(t, Jet.of(c, algebra, tag), self.args, 1)
        return coefficients_of(state, tag, algebra)[1:].reshape(rows.shape)

    def directions(self, t: float, y: Any) -> Any:
        """Give orthonormal columns that span all of them."""
        found, sizes, _ = np.linalg.svd(self.kept(t, y, np.eye(y.size)).T)
        return found[:, sizes > ROUNDING * sizes[0]]


class _Stretching:
    """A frame that moves, and is made orthonormal after so many steps as stretch it enough."""

    def __init__(self, integrator: Integrator, longest: float, bound: _Bound | None) -> None:
        self.integrator, self.longest, self.bound = integrator, longest, bound
        self.steps = 1  # at first, for one step cannot stretch it much

    def until(self, end: float) -> Any:
        """Give, up to a time, when it was orthonormal, and the logarithms of its lengths before."""
        integrator = self.integrator
        motion = integrator._motion
        while motion.time != end:
            before = motion.noted()
            stop = motion.time + self.longest
            if abs(stop - motion.time) >= abs(end - motion.time):
                stop = end
            if stop == motion.time:
                raise InputError(f"interval is {self.longest}: no time passes at {motion.time}")
            steps = integrator.propagate_until(stop, max_steps=self.steps).steps
            frame, lengths = self._orthonormal()
            logs = [math.log(x) if x else -math.inf for x in lengths]
            stretch = max(0.0, *logs) - min(0.0, *logs)
            if not stretch < MOST and steps > 1:
                motion.restore(before)
                integrator._engine.forget()
                self.steps = steps // 2
                continue
            self._put(frame)
            # As many steps as it takes; slowly, for what comes next may be faster.
            self.steps = max(1, math.ceil(steps * min(WANTED / max(stretch, 1e-9), 2.0)))
            yield motion.time, logs

    def _orthonormal(self) -> tuple[Any, Any]:
        """Give a frame that spans the same, and its lengths before, orthogonally to the former."""
        motion = self.integrator._motion
        k, *shape = self.integrator._flow.shape
        k -= 1
        rows = motion.state.reshape(k + 1, -1)[1:]
        if self.bound is not None:  # else what rounding leaves behind would decay more slowly
            rows = self.bound.kept(motion.time, motion.state[: rows.shape[1]].reshape(shape), rows)
        factors, scales, _, _ = dgeqrf(rows.T)
        lengths = [abs(factors.item(i, i)) for i in range(k)]
        return dorgqr(factors, scales, overwrite_a=True)[0], lengths

    def _put(self, frame: Any) -> None:
        """Go on with another frame; the solution keeps what its rounding has lost."""
        motion = self.integrator._motion
        n = len(frame)
        motion.state, motion.lost = motion.state.copy(), motion.lost.copy()
        motion.state[n:] = frame.T.ravel()
        motion.lost[n:] = 0.0
        self.integrator._engine.forget()


def _standard_errors(passed: Any, sums: Any) -> Any:
    """Give the standard errors of averages, from sums up to times, by the means of parts.

    Those that follow each other are not independent: what one has too much is mostly missing to the
    next, for lengths that vary without growing. So their covariance is counted too.
    """
    times = np.linspace(0.0, passed[-1], BLOCKS + 1)
    known = np.concatenate([[0.0], passed])
    columns = np.concatenate([np.zeros((1, sums.shape[1])), sums]).T
    means = np.diff([np.interp(times, known, column) for column in columns]) * BLOCKS / passed[-1]
    deviations = means - np.mean(means, axis=1, keepdims=True)
    variance = np.sum(deviations**2, axis=1)
    neighbours = np.sum(deviations[:, 1:] * deviations[:, :-1], axis=1)
    total = np.maximum(variance + 2 * neighbours, variance / BLOCKS)
    return np.sqrt(total / (BLOCKS * (BLOCKS - 1)))


def _count(k: Any, y: Any, most: int) -> int:
    if y.dtype != float:
        raise InputError(f"y0 has dtype {y.dtype}; Lyapunov exponents are those of real numbers")
    if not y.size:
        raise InputError("y0 has no components")
    try:
        count = most if k is None else index(k)
    except TypeError:
        count = 0
    if not 1 <= count <= most:
        raise InputError(f"k is {k!r}; a state of {most} components has 1 to {most} exponents")
    return count


def _finite_span(t0: float, tf: float) -> float:
    span = abs(tf - t0)
    if not 0 < span < math.inf:
        raise InputError(f"t_span is ({t0}, {tf}); averages take a finite time, and some")
    return span


def _seconds(name: str, given: Any) -> float:
    try:
        return float(given)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} is {given!r}; it must be a time") from error
