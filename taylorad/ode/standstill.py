"""Integrations that get nowhere: steps are negligible, or taken back over and over."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from taylorad.ode.failures import TOO_SMALL, failed
from taylorad.ode.flow import Flow
from taylorad.ode.steps.stepper import Motion, Tolerance

__all__ = ["FAR", "REJECTED", "SHARE", "Standstill"]

REJECTED, SHARE = 1000, 0.25
"""So many steps taken back, and so many for each that was not: it gets nowhere."""

FAR, IDLE, ENDLESS = 1e9, 20_000, 1_000_000
"""With so many steps still to go it gets nowhere if so many do not move; or so many without end."""

STILL = 64.0
"""Of the tolerance: by so much the state changes where it does not move."""


class Standstill:
    """What tells when an integration gets nowhere.

    Attributes
    ----------
    idle : int
        How many steps have not moved so far, one after the other.
    """

    def __init__(self) -> None:
        self.idle = self._mover = 0

    def check(
        self,
        flow: Flow,
        motion: Motion,
        tolerance: Tolerance,
        before: tuple[Any, int, Any],
        end: tuple[Any, Any],
    ) -> None:
        """Raise where steps are negligible, or taken back over and over as at a branch point.

        Parameters
        ----------
        flow : Flow
        motion : Motion
        tolerance : Tolerance
        before : (number, int, ndarray)
            Time, steps and state some steps ago.
        end : (number, number)
        """
        time, count, state = before
        steps = motion.steps - count or 1
        if motion.rejected > REJECTED and motion.rejected > SHARE * motion.steps:
            text = f"At t = {float(motion.time):.17g} steps are taken back over and over: the "
            raise failed(f"{text}solution is not analytic there.", motion, flow)
        way, is_exact = abs(motion.time - time), motion.state.dtype == object
        if is_exact or FAR * way >= steps * abs(end[0] - motion.time):
            self.idle = 0
            return
        far = way >= steps * math.ulp(motion.time)
        moved = far and self._has_moved(state, motion.state, tolerance)
        self.idle = 0 if moved else self.idle + steps
        if not way:
            self.idle += IDLE // 100
        if self.idle > (IDLE if math.isfinite(end[0]) else ENDLESS):
            text = f"At t = {float(motion.time):.17g} the solution does not move any more, and "
            raise failed(f"{text}{TOO_SMALL[0].lower()}{TOO_SMALL[1:]}", motion, flow)

    def _has_moved(self, before: Any, now: Any, tolerance: Tolerance) -> bool:
        """Tell whether a component is not what it was; look at the one first that was not, last."""
        floors, i, least = tolerance.floors, self._mover, STILL * tolerance.relative
        if now.size and abs(now.item(i) - before.item(i)) > least * (
            abs(now.item(i)) + floors.item(i)
        ):
            return True
        moved = np.abs(now - before) > least * (np.abs(now) + floors)
        self._mover = int(np.argmax(moved)) if moved.size else 0
        return bool(moved.any())
