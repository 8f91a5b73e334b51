"""Which of the roots of functions are events, and when these end the integration."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from taylorad.ode.events.watch import Event

__all__ = ["Ending"]

ALWAYS = 2**62
"""So often what ends nothing may occur."""


class Ending:
    """What is wanted of events, and how often.

    Parameters
    ----------
    events : sequence of Event

    Attributes
    ----------
    is_possible : bool
        Whether any of them ends the integration.
    directions : ndarray
    left : ndarray of int
        How many occurrences of each end it.
    """

    def __init__(self, events: Sequence[Event]) -> None:
        self.is_possible = any(math.isfinite(event.most) for event in events)
        self.directions = np.array([event.direction for event in events])
        most = [int(e.most) if math.isfinite(e.most) else ALWAYS for e in events]
        self.left = np.array(most, dtype=np.int64)

    def counted(self, found: Any, known: int = 0) -> tuple[Any, bool]:
        """Give the roots that are events, up to one that ends the integration; and if there is one.

        Those that are met at the same time are events too.

        Parameters
        ----------
        found : ndarray, shape (count, 4)
            Step, function, time and direction of all roots, in order.
        known : int
            So many of them, the first, are events that have been counted before.
        """
        if not self.is_possible:
            wanted = self.directions[found[:, 1].astype(int)]
            return found[
                (wanted == 0) | (wanted * found[:, 3] > 0)
            ] if wanted.any() else found, False
        met = found[:known].tolist()
        last = None
        for row in found[known:].tolist():
            if last is not None and (row[0], row[2]) != last:
                break
            number = int(row[1])
            wanted = self.directions[number]
            if not wanted or wanted * row[3] > 0:
                self.left[number] -= 1
                met.append(row)
                if self.left[number] <= 0:
                    last = (row[0], row[2])
        if len(met) < len(found):
            found = np.array(met).reshape(-1, 4)
        return found, last is not None
