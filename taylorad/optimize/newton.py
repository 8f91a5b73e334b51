"""A trust-region Newton method for smooth functions of not too many variables.

Far from a minimum three things make it go on where the textbook method crawls:

- The trust region is a ball in variables scaled by the largest curvatures met so far, so units of
  parameters do not matter.
- Along a direction of negative curvature the model takes the curvature's absolute value: each
  direction is descended at its own pace, where a shift of the whole Hessian slows down all.
- A step ``s`` bends along the valley: third derivatives give the acceleration of Newton's path,
  ``a = -½ H⁻¹ D³f[s, s, ·]``, taken where it is a small correction.

Near a minimum the value is flat to the square root of rounding. The last steps therefore look at
the gradient alone, and end at rounding level.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from taylorad.errors import InputError
from taylorad.optimize.model import EPS, QuadraticModel

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

__all__ = ["newton"]

DONE, LIMIT, STUCK, STOPPED = 0, 1, 2, 99
MESSAGES = {
    DONE: "The gradient vanishes, to rounding or within gtol.",
    LIMIT: "The number of iterations reached maxiter.",
    STUCK: "No step, however short, decreases the function.",
    STOPPED: "`callback` raised `StopIteration`.",
}


def newton(
    fun: Callable[..., Any],
    x0: Any,
    args: tuple[Any, ...] = (),
    *,
    jac: Callable[..., Any] | None = None,
    hess: Callable[..., Any] | None = None,
    third: Callable[..., Any] | None = None,
    callback: Callable[..., Any] | None = None,
    maxiter: int = 1000,
    gtol: float = 0.0,
    radius: float | None = None,
    disp: bool = False,
    tol: float | None = None,
    hessp: Any = None,
    bounds: Any = None,
    constraints: Any = (),
) -> OptimizeResult:
    """Minimise a function by a trust-region Newton method.

    This is what `minimize` takes when no method is named and the variables are few. It is also a
    custom method for `scipy.optimize.minimize`.

    Parameters
    ----------
    fun, jac, hess : callable
        Value, gradient and Hessian, each of ``(x, *args)``.
    x0 : array_like
        Where to start.
    args : tuple, optional
        Further arguments of the functions.
    third : callable, optional
        ``third(x, u, v, *args)``, the third derivative applied to two directions: steps then bend
        along curved valleys. `minimize` passes ``taylorad.third_order(fun)``.
    callback : callable, optional
        Called after every step as ``callback(x)``, or as ``callback(intermediate_result=...)`` if
        that is what its parameter is called; ``StopIteration`` ends the run.
    maxiter : int, default 1000
        The largest number of iterations.
    gtol : float, default 0
        Stop where no entry of the gradient is larger; 0 goes on to rounding level.
    radius : float, optional
        First radius of the trust region, in variables scaled by the roots of the Hessian's
        diagonal. By default the scaled length of ``x0``: a change by about 100 %.
    disp : bool, default False
        Whether to print the message at the end.
    tol : float, optional
        SciPy's name of ``gtol``.
    hessp, bounds, constraints : optional
        SciPy passes these to every custom method; there may be no bounds or constraints.

    Returns
    -------
    scipy.optimize.OptimizeResult
        With ``x``, ``fun``, ``jac``, ``hess``, counts, ``success``, ``status`` and ``message``.

    Raises
    ------
    taylorad.errors.InputError
        If the function or a derivative is not finite at ``x0``, or there are bounds or constraints.

    References
    ----------
    .. [1] Conn, Gould and Toint, "Trust-Region Methods", SIAM 2000, chapters 7 and 17.4.
    .. [2] Moré, "The Levenberg-Marquardt algorithm: implementation and theory", Lecture Notes in
       Mathematics 630 (1978): the scaling.
    .. [3] Greenstadt, "On the relative efficiencies of gradient methods", Mathematics of
       Computation 21 (1967): absolute curvatures.
    .. [4] Transtrum and Sethna, "Improvements to the Levenberg-Marquardt algorithm for nonlinear
       least-squares minimization", arXiv:1201.5885 (2012): acceleration along the valley.

    Examples
    --------
    >>> import numpy as np, scipy.optimize, taylorad as ta
    >>> p = ta.optimize.problem(scipy.optimize.rosen)
    >>> result = scipy.optimize.minimize(
    ...     p.fun, np.array([-1.2, 1.0]), jac=p.jac, hess=p.hess, method=ta.optimize.newton
    ... )
    >>> result.x
    array([1., 1.])
    """
    if bounds is not None or constraints:
        raise InputError("newton takes no bounds or constraints: use method='trust-constr'")
    if not (callable(jac) and callable(hess)):
        raise InputError("newton needs jac and hess: taylorad.optimize.problem(f) has them")
    run = _Run(
        _bound(fun, args),
        _bound(jac, args),
        _bound(hess, args),
        None if third is None else _bound(third, args),
        report=_reporter(callback),
        maxiter=maxiter,
        gtol=gtol if tol is None else tol,
    )
    # A trial point may lie where the function overflows: it is refused, not warned about.
    with np.errstate(all="ignore"):
        result = run.minimise(np.atleast_1d(np.array(x0, dtype=float)), radius)
    if disp:
        print(result.message)
    return result


@dataclass(frozen=True)
class _Point:
    x: Any
    value: float
    gradient: Any
    hessian: Any

    @property
    def is_finite(self) -> bool:
        parts = (self.value, self.gradient, self.hessian)
        return all(bool(np.all(np.isfinite(part))) for part in parts)


@dataclass
class _Run:
    """One minimisation: `descend` by the value, then `polish` by the gradient."""

    fun: Callable[[Any], float]
    jac: Callable[[Any], Any]
    hess: Callable[[Any], Any]
    third: Callable[[Any, Any, Any], Any] | None
    report: Callable[[_Point], None]
    maxiter: int
    gtol: float
    nit: int = 0
    nfev: int = 0
    njev: int = 0

    def minimise(self, x: Any, radius: float | None) -> OptimizeResult:
        from scipy.optimize import OptimizeResult

        self.here = self.point(x, self.value(x))
        if not self.here.is_finite:
            raise InputError("the function, its gradient or its Hessian is not finite at x0")
        self.scale = np.zeros_like(x)
        try:
            status = self.descend(radius)
            if status in (DONE, STUCK):
                status = self.polish(status)
        except StopIteration:
            status = STOPPED
        return OptimizeResult(
            x=self.here.x,
            fun=self.here.value,
            jac=self.here.gradient,
            hess=self.here.hessian,
            nit=self.nit,
            nfev=self.nfev,
            njev=self.njev,
            nhev=self.njev,
            success=status == DONE,
            status=status,
            message=MESSAGES[status],
        )

    def descend(self, radius: float | None) -> int:
        """Go down by steps within the trust region, until the value no longer shows them."""
        first, model = self.here.value, self.model()
        radius = radius or float(np.linalg.norm(model.scale * self.here.x)) or np.inf
        while self.nit < self.maxiter:
            x, value = self.here.x, self.here.value
            rounding = 10 * EPS * abs(value)
            unseen = model.decrement / 2 <= rounding + EPS**2 * (first - value)
            if model.is_convex and (unseen or np.max(np.abs(self.here.gradient)) <= self.gtol):
                return DONE
            self.nit += 1
            step, shift = model.escape(radius) if unseen else model.step(radius)
            trial = x + model.displacement(step + self.bend(model, step, shift))
            reached = self.value(trial)
            # Rounding counts on both sides, so that it cannot refuse a good step [1].
            promise = model.promise(step)
            gain = (value - reached + rounding) / (promise + rounding)
            length = float(np.linalg.norm(step))
            if gain > 0.75 and shift > 0:
                radius = max(radius, 2 * length)
            elif not gain >= 0.25:
                radius = length / 4
            point = self.point(trial, reached) if gain > 1e-4 else None
            if point is not None and point.is_finite:
                self.move(point)
                model = self.model()
            else:
                radius = length / 4
                if promise <= rounding or radius <= EPS * np.linalg.norm(self.scale * x):
                    return STUCK
        return LIMIT

    def bend(self, model: QuadraticModel, step: Any, shift: float) -> Any:
        """Give the acceleration of Newton's path along a step, if it is a small correction [4]."""
        none = np.zeros_like(step)
        if self.third is None:
            return none
        s = model.displacement(step)
        bend = -model.solve(model.components(self.third(self.here.x, s, s)), shift) / 2
        return bend if np.linalg.norm(bend) <= np.linalg.norm(step) / 2 else none

    def polish(self, status: int) -> int:
        """Take full Newton steps for as long as they make the gradient vanish."""
        model = self.model()
        while model.is_regular:
            x = self.here.x
            step = -model.solve(model.slope)
            if np.linalg.norm(step) <= 1e-7 * np.linalg.norm(self.scale * x):
                status = DONE
            trial = x + model.displacement(step)
            point = self.point(trial, self.value(trial))
            if not point.is_finite:
                break
            after = QuadraticModel.of(point.gradient, point.hessian, self.scale)
            if not (after.is_regular and after.decrement < model.decrement / 10):
                break
            self.nit += 1
            self.move(point)
            model = after
        return status

    def model(self) -> QuadraticModel:
        """Give the model where we stand, in variables scaled by the largest curvatures met [2]."""
        curvature = np.sqrt(np.abs(np.diag(self.here.hessian)))
        self.scale = np.maximum(self.scale, curvature)
        scale = np.where(self.scale > 0, self.scale, 1.0)
        return QuadraticModel.of(self.here.gradient, self.here.hessian, scale)

    def value(self, x: Any) -> float:
        self.nfev += 1
        return float(self.fun(x))

    def point(self, x: Any, value: float) -> _Point:
        self.njev += 1
        return _Point(x, value, self.jac(x), self.hess(x))

    def move(self, point: _Point) -> None:
        self.here = point
        self.report(point)


def _bound(function: Callable[..., Any], args: tuple[Any, ...]) -> Callable[..., Any]:
    return lambda *x: function(*x, *args)


def _reporter(callback: Callable[..., Any] | None) -> Callable[[_Point], None]:
    """Call back in either of SciPy's two ways."""
    if callback is None:
        return lambda point: None
    if set(inspect.signature(callback).parameters) != {"intermediate_result"}:
        return lambda point: callback(point.x.copy())

    def report(point: _Point) -> None:
        from scipy.optimize import OptimizeResult

        callback(intermediate_result=OptimizeResult(x=point.x.copy(), fun=point.value))

    return report
