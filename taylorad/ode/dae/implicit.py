"""What users hold of an implicit equation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from taylorad.errors import InputError, InputTypeError
from taylorad.ode.dae.consistency import consistent
from taylorad.ode.dae.explicit import Explicit
from taylorad.ode.digits.precision import exact_state
from taylorad.ode.events.watch import Event
from taylorad.ode.steps.stepper import Tolerance

__all__ = ["Implicit", "implicit"]


class Implicit:
    """An implicit equation; made by `implicit`."""

    def __init__(self, F: Callable[..., Any], yp0: Any = None) -> None:
        if not callable(F):
            raise InputTypeError(f"F is a function of t, y and yp, not {F!r}")
        self.F, self.yp0 = F, yp0

    def __call__(self, *args: Any) -> NoReturn:
        raise InputTypeError(
            "an implicit equation is no right-hand side that could be called; give it to what "
            "integrates it, such as taylorad.ode.solve_ivp, Integrator, ensemble or sensitivities"
        )

    def begun(
        self, t: Any, y: Any, args: Sequence[Any], limits: Tolerance, events: Sequence[Event]
    ) -> tuple[Explicit, Any, Tolerance, list[Event]]:
        """Give an ordinary problem: right-hand side, initial state, tolerance and events.

        Parameters
        ----------
        t : number
        y : ndarray
            The state as it was given.
        args : sequence
        limits : Tolerance
            That of y.
        events : sequence of Event
            Of y, too.
        """
        yp = self._slopes(y)
        y, yp, form = consistent(self.F, t, y, yp, args)
        explicit = Explicit(self.F, y.shape, form.hidden, y.dtype == object)
        return explicit, explicit.state(y, yp), explicit.limits(limits), explicit.watched(events)

    def _slopes(self, y: Any) -> Any:
        if y.dtype.kind == "c" or any(hasattr(x, "_mpc_") for x in y.flat):
            raise InputError(
                "the state of an implicit equation must be real: give real and "
                "imaginary parts as entries of their own"
            )
        if self.yp0 is None:
            return 0 * y
        yp = np.asarray(self.yp0)
        if yp.shape != y.shape:
            raise InputError(f"yp0 has shape {yp.shape}, for a state of shape {y.shape}")
        try:
            if np.iscomplexobj(yp):
                raise TypeError("complex")
            return exact_state(yp) if y.dtype == object else yp.astype(float)
        except (TypeError, ValueError) as error:
            raise InputTypeError(f"yp0 is {self.yp0!r}; it must be of real numbers") from error


def implicit(F: Callable[..., Any], yp0: Any = None) -> Implicit:
    """State an implicit equation ``F(t, y, y') = 0``, to be integrated as others are.

    What this gives takes the place of the right-hand side in `solve_ivp`, `Integrator`, `ensemble`,
    `sensitivities` and `flow_map`. The equation may be an ordinary one that is not solved for y',
    or differential-algebraic of index 1: entries of y of which F has no rate are then found from
    the others.

    Parameters
    ----------
    F : callable
        ``F(t, y, yp, *args)``, in plain NumPy: the residual, with as many entries as y has.
    yp0 : array_like, optional
        A guess of the rate at the beginning, which chooses among several; 0, unless told. The
        initial state of those entries that have no rate is a guess, too: the solution begins with
        consistent values, by Newton's method. The other entries begin as they are given.

    Returns
    -------
    Implicit

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> def divider(t, y, yp):  # a capacitor is charged through a diode
    ...     charged, current = y
    ...     return yp[0] - current, np.sin(t) - charged - np.log1p(current)
    >>> run = ta.ode.solve_ivp(ta.ode.implicit(divider), (0, 1), [0.0, 0.0])
    >>> run.y[:, -1]
    array([0.38534942..., 0.57794216...])
    """
    return Implicit(F, yp0)
