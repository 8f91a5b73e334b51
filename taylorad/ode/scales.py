"""Which order doubles hold, where the unit of time is far from that of the motion.

In seconds, an electron in an atom moves so fast that parts of degree 20 overflow. The series has to
end sooner then. (Those of a very slow motion vanish, which `taylorad.ode.steps.stepsize` sees to.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from taylorad.ode.steps.stepsize import HELD

__all__ = ["held_order", "is_fast"]

LOWEST = 4
"""The lowest order that is worth a try."""

FAST = 2.0**30
"""Rates of so many times their components may well make parts that overflow."""


def held_order(parts: Any) -> int | None:
    """Give the even order up to which doubles hold all parts; None if that is this one, or too low.

    Parameters
    ----------
    parts : ndarray, shape (n, order + 1)
        The series of the components.
    """
    sizes = np.max(np.abs(parts), axis=0)
    bad = int(np.argmin(np.isfinite(sizes)))
    if bad <= LOWEST:  # or 0, if there is none
        return None
    last = np.arange(bad - 2, bad)  # one of which may vanish
    with np.errstate(divide="ignore"):
        bits = np.max(np.log2(sizes[last]) / last)
    if not bits * bad > HELD:  # what is not finite has not grown to be so
        return None
    order = 2 * int(HELD / bits // 2)
    return order if LOWEST <= order < bad else None


def is_fast(fun: Callable[..., Any], t: float, y: Any, args: tuple[Any, ...], floors: Any) -> bool:
    """Tell whether parts may overflow."""
    with np.errstate(all="ignore"):
        rates = np.abs(np.ravel(fun(t, y, *args)))
    return bool(np.any(rates > FAST * (np.abs(np.ravel(y)) + floors)))
