"""`scipy.optimize.least_squares` and `curve_fit` with exact Jacobians."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from taylorad.drivers import jacobian
from taylorad.optimize.outputs import compiled, is_compiled, vector

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

__all__ = ["curve_fit", "least_squares"]


def least_squares(
    fun: Callable[..., Any],
    x0: Any,
    jac: Any = None,
    bounds: Any = (-np.inf, np.inf),
    method: str = "trf",
    ftol: float | None = 1e-8,
    xtol: float | None = 1e-8,
    gtol: float | None = 1e-8,
    x_scale: Any = None,
    loss: Any = "linear",
    f_scale: float = 1.0,
    diff_step: Any = None,
    tr_solver: str | None = None,
    tr_options: dict[str, Any] | None = None,
    jac_sparsity: Any = None,
    max_nfev: int | None = None,
    verbose: int = 0,
    args: tuple[Any, ...] = (),
    kwargs: dict[str, Any] | None = None,
    *,
    compile: bool = True,
    **newer: Any,
) -> OptimizeResult:
    """Solve a nonlinear least-squares problem with bounds, with the exact Jacobian.

    The signature and the result are those of `scipy.optimize.least_squares`.

    Parameters
    ----------
    fun : callable
        ``fun(x, *args, **kwargs) -> residuals``, in plain NumPy.
    x0 : array_like
        Where to start.
    jac : callable or {"2-point", "3-point", "cs"}, optional
        Instead of the exact Jacobian, another one or finite differences.
    bounds, method, ftol, xtol, gtol, x_scale, loss, f_scale : optional
        As in SciPy.
    diff_step, tr_solver, tr_options, jac_sparsity, max_nfev, verbose : optional
        As in SciPy.
    args, kwargs : tuple and dict, optional
        Further arguments of ``fun`` and ``jac``.
    compile : bool, default True
        Whether to make machine code of the Jacobian where that is possible, see `taylorad.compile`.
    **newer
        Arguments that newer versions of SciPy have added, such as ``callback``.

    Returns
    -------
    scipy.optimize.OptimizeResult
        As SciPy gives it, and ``compiled``: whether the exact Jacobian ran as machine code.

    Raises
    ------
    taylorad.errors.TayloradError
        If ``fun`` cannot be differentiated, see `taylorad.jacobian`.

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> def rosenbrock(x):
    ...     return [10 * (x[1] - x[0] ** 2), 1 - x[0]]
    >>> ta.optimize.least_squares(rosenbrock, [-1.2, 1.0]).x.round(8)
    array([1., 1.])
    """
    from scipy import optimize

    if x_scale is not None:  # the default has changed
        newer["x_scale"] = x_scale
    exact = compiled(jacobian(vector(fun)), compile)
    result = optimize.least_squares(
        fun,
        x0,
        jac=exact if jac is None else jac,
        bounds=bounds,
        method=method,
        ftol=ftol,
        xtol=xtol,
        gtol=gtol,
        loss=loss,
        f_scale=f_scale,
        diff_step=diff_step,
        tr_solver=tr_solver,
        tr_options=tr_options or {},
        jac_sparsity=jac_sparsity,
        max_nfev=max_nfev,
        verbose=verbose,
        args=args,
        kwargs=kwargs or {},
        **newer,
    )
    result.compiled = is_compiled(exact) and jac is None
    return result


def curve_fit(
    f: Callable[..., Any],
    xdata: Any,
    ydata: Any,
    p0: Any = None,
    sigma: Any = None,
    absolute_sigma: bool = False,
    check_finite: bool | None = None,
    bounds: Any = (-np.inf, np.inf),
    method: str | None = None,
    jac: Any = None,
    *,
    full_output: bool = False,
    nan_policy: str | None = None,
    compile: bool = True,
    **kwargs: Any,
) -> Any:
    """Fit a function to data by least squares, with the exact Jacobian.

    The signature and the result are those of `scipy.optimize.curve_fit`.

    Parameters
    ----------
    f : callable
        The model ``f(xdata, *parameters)``, in plain NumPy.
    xdata, ydata : array_like
        The data.
    p0 : array_like, optional
        Where to start; ones if not given.
    sigma, absolute_sigma, check_finite, bounds, method : optional
        As in SciPy.
    jac : callable or {"2-point", "3-point", "cs"}, optional
        Instead of the exact Jacobian, another one or finite differences.
    full_output, nan_policy, **kwargs : optional
        As in SciPy.
    compile : bool, default True
        Whether to make machine code of the Jacobian where that is possible, see `taylorad.compile`.

    Returns
    -------
    popt, pcov : ndarray
        The parameters and their covariance; with ``full_output`` also what SciPy adds.

    Raises
    ------
    taylorad.errors.TayloradError
        If ``f`` cannot be differentiated, see `taylorad.jacobian`.

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> x = np.linspace(0, 4, 9)
    >>> popt, pcov = ta.optimize.curve_fit(lambda x, a, b: a * np.exp(-b * x), x, 2 * np.exp(-x))
    >>> popt.round(8)
    array([2., 1.])
    """
    from scipy import optimize

    return optimize.curve_fit(
        f,
        xdata,
        ydata,
        p0=p0,
        sigma=sigma,
        absolute_sigma=absolute_sigma,
        check_finite=check_finite,
        bounds=bounds,
        method=method,
        jac=_by_parameters(f, compile) if jac is None else jac,
        full_output=full_output,
        nan_policy=nan_policy,
        **kwargs,
    )


def _by_parameters(f: Callable[..., Any], compile: bool) -> Callable[..., Any]:
    by_vector = compiled(jacobian(lambda parameters, x: vector(f)(x, *parameters)), compile)
    return lambda x, *parameters: by_vector(np.array(parameters, dtype=float), x)
