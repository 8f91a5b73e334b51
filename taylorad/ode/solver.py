"""Taylor series as a method of `scipy.integrate.solve_ivp`."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.integrate import DenseOutput, OdeSolver

from taylorad.errors import InputError, IntegrationError
from taylorad.ode.dae.implicit import Implicit
from taylorad.ode.dense import OdeSolution
from taylorad.ode.engine import SPACINGS
from taylorad.ode.inputs import as_length, no_effect
from taylorad.ode.integrator import Integrator
from taylorad.ode.tolerances import SMALLEST

__all__ = ["Taylor"]


class Taylor(OdeSolver):  # type: ignore[misc]
    """A method for `scipy.integrate.solve_ivp`: ``method=taylorad.ode.Taylor``.

    SciPy calls ``fun`` as it is given; with ``args`` they become constants of the compiled code.
    Events are then SciPy's, which sees at most one root a step; those of `taylorad.ode.solve_ivp`
    are all found.

    Parameters
    ----------
    fun : callable
        ``fun(t, y)``, in plain NumPy.
    t0 : float
    y0 : array_like, shape (n,)
    t_bound : float
        The end; it may be before ``t0``.
    max_step, first_step, rtol, atol, tol, order : optional
        See `taylorad.ode.solve_ivp`.
    vectorized : bool
        Whether ``fun`` takes states as columns.
    **extraneous
        What other methods take; there is a warning.

    Examples
    --------
    >>> import numpy as np, scipy.integrate, taylorad as ta
    >>> result = scipy.integrate.solve_ivp(
    ...     lambda t, y: [y[1], -y[0]], (0, np.pi), [0.0, 1.0], method=ta.ode.Taylor
    ... )
    >>> np.abs(result.y[:, -1] - [0, -1]) < 1e-15
    array([ True,  True])
    """

    def __init__(
        self,
        fun: Callable[..., Any],
        t0: float,
        y0: Any,
        t_bound: float,
        max_step: float = math.inf,
        rtol: Any = None,
        atol: Any = None,
        vectorized: bool = False,
        first_step: float | None = None,
        *,
        tol: float | None = None,
        order: int | None = None,
        **extraneous: Any,
    ) -> None:
        if isinstance(fun, Implicit):
            fun()  # which says where it is to be given
        no_effect(extraneous, 2)
        super().__init__(fun, t0, y0, t_bound, vectorized, support_complex=True)
        if first_step is not None and not (
            0 < as_length("first_step", first_step) <= abs(t_bound - t0)
        ):
            raise InputError("`first_step` must be positive, and within the bounds.")
        if rtol is not None and np.any(np.asarray(rtol) < SMALLEST):
            warnings.warn(
                "At least one element of `rtol` is too small. "
                f"Setting `rtol = np.maximum(rtol, {SMALLEST})`.",
                stacklevel=2,
            )
        self.max_step, self.first_step = max_step, first_step
        self._integrator = Integrator(
            _as_column(fun) if vectorized else fun,
            *(t0, np.asarray(y0)),
            **{"tol": tol, "rtol": rtol, "atol": atol, "order": order},
            max_step=max_step,
        )
        self.order = self._integrator.order
        self.nfev = 1
        self._sol: OdeSolution | None = None

    def _step_impl(self) -> tuple[bool, str | None]:
        integrator = self._integrator
        engine, longest, most = integrator._engine, math.inf, self.max_step
        if not integrator.nsteps:
            longest = self.first_step or math.inf
            # As of SciPy's methods the first step is one that doubles can tell, even so.
            most = max(most, SPACINGS * math.ulp(integrator.time))
        if most != engine.tolerance.longest:
            engine.tolerance = replace(engine.tolerance, longest=most)
        try:
            engine.advance((float(self.t_bound), 0.0), 1, longest)
        except IntegrationError as error:
            return False, str(error)
        self.t, self.y = integrator.time, integrator.state
        self.nfev = 1 + integrator.nsteps + integrator.nrejected
        self._sol = integrator.dense_output()
        return True, None

    def _dense_output_impl(self) -> Any:
        return _Polynomial(self.t_old, self.t, self._sol)


class _Polynomial(DenseOutput):  # type: ignore[misc]
    """The polynomial of a step."""

    def __init__(self, t_old: float, t: float, sol: Any) -> None:
        super().__init__(t_old, t)
        self._sol = sol

    def _call_impl(self, t: Any) -> Any:
        return self._sol(t)


def _as_column(fun: Callable[..., Any]) -> Callable[..., Any]:
    return lambda t, y: np.ravel(fun(t, y[:, None]))
