"""What a propagation tells of itself."""

from __future__ import annotations

from typing import NamedTuple

from taylorad.ode.dense import OdeSolution

__all__ = ["Propagation"]


class Propagation(NamedTuple):
    """What became of a propagation.

    Attributes
    ----------
    outcome : str
        ``"finished"``: the time has been reached. ``"event"``: a terminal event. ``"steps"``: as
        many steps as wanted have been taken. ``"stopped"``: by the callback.
    steps : int
        How many have been taken.
    sol : OdeSolution or None
        The continuous solution, if it was asked for.

    Examples
    --------
    >>> import taylorad as ta
    >>> integrator = ta.ode.Integrator(lambda t, y: -y, 0.0, [1.0])
    >>> integrator.propagate_until(10.0, max_steps=2)
    Propagation(outcome='steps', steps=2, sol=None)
    """

    outcome: str
    steps: int
    sol: OdeSolution | None = None
