"""Right-hand sides of which not all of the state is free: some of it follows from the rest.

The steps of such a one are those of any other; but where the state is set anew, or a switch is
crossed, what follows from the rest is found anew. Implicit equations are such.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from taylorad.ode.steps.stepper import Motion

__all__ = ["Constrained"]


class Constrained(Protocol):
    """What steps need to know of such a right-hand side, besides calling it.

    Attributes
    ----------
    shape : tuple of int
        Of the user's state, behind which others may stand.
    hint : str
        What else may be the reason where the integration cannot go on.
    """

    shape: tuple[int, ...]
    hint: str

    def settled(self, t: Any, y: Any, state: Any, args: Sequence[Any]) -> Any:
        """Give the consistent state of the user's y, near to another one."""

    def landed(self, at: Motion, series: Any, h: Any, args: Sequence[Any], relative: Any) -> Any:
        """Give the state on the other side of a switch, where what follows may jump.

        Parameters
        ----------
        at : Motion
            On the switch.
        series : ndarray, shape (size, order + 1)
            Of a step of size h that begins there, as if nothing jumped.
        h : number
        args : sequence
        relative : float
            The tolerance, with which it is told whether there is a jump at all.
        """
