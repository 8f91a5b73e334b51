"""Functions given by coefficients or by a table of values: polynomials and broken lines."""

from __future__ import annotations

from typing import Any

import numpy as np

from taylorad.primitives.linear import as_array
from taylorad.primitives.registry import implements


@implements(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    """Evaluate a polynomial, the highest coefficient first, by Horner's rule."""
    x = as_array(x)
    y = np.zeros_like(x)
    for coefficient in as_array(p):
        y = y * x + coefficient
    return y


@implements(np.interp)
def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Any:
    """Interpolate linearly; at a point of the table the slope is that to the right."""
    x, xp, fp = as_array(x), as_array(xp), as_array(fp)
    if np.ndim(xp) != 1 or np.shape(xp) != np.shape(fp) or not len(xp):
        raise ValueError("fp and xp are not of the same length")
    if period is not None:
        left, right = None, None
        x, xp, fp = _periodic(x, xp, fp, abs(period))
    slopes = np.concatenate([np.diff(fp) / np.diff(xp), [0.0]])  # constant beyond the table
    last = len(xp) - 1
    i = np.clip(np.searchsorted(xp, x, side="right") - 1, 0, last)
    left_x, left_y, slope = (np.take(table, i) for table in (xp, fp, slopes))
    y = left_y + (x - left_x) * slope
    y = np.where(np.less(x, xp[0]), fp[0] if left is None else left, y)
    # Beyond the table x may be infinite.
    return np.where(np.greater(x, xp[last]), fp[last] if right is None else right, y)


def _periodic(x: Any, xp: Any, fp: Any, period: float) -> tuple[Any, Any, Any]:
    """Reduce to one period, and continue the table beyond both its ends."""
    xp = np.remainder(xp, period)
    order = np.argsort(xp)
    xp, fp = np.take(xp, order), np.take(fp, order)
    xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
    return np.remainder(x, period), xp, np.concatenate([fp[-1:], fp, fp[:1]])
