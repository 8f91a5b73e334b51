"""Where the solution is singular, as its last series tells."""

from __future__ import annotations

from typing import Any

import mpmath

__all__ = ["nearest_singularity"]

ALIKE = 0.1
"""Estimates no further apart than this, relatively, are one."""

FEWEST = 4
"""Parts that an estimate takes."""


def nearest_singularity(parts: Any) -> Any:
    """Estimate how far the nearest singularity is, if it is real; None if it does not show.

    Of ``C (1 - t/s)**a`` the quotient of coefficients is ``(1 - (a + 1)/k) / s``, a line in 1/k:
    where it meets 0 is 1/s (Domb and Sykes, Proc. Roy. Soc. A 240, 1957).

    Parameters
    ----------
    parts : ndarray, shape (n, order + 1)
    """
    if parts.dtype.kind == "c" or any(isinstance(x, mpmath.mpc) for x in parts.flat):
        return None  # they are complex, and have no sign
    found = [s for row in parts if (s := _of(row.tolist())) is not None]
    return min(found, key=abs, default=None)


def _of(row: list[Any]) -> Any:
    finite = next((k for k, x in enumerate(row) if x - x != 0), len(row))
    last = finite - 1
    if last < FEWEST or not all(row[last - FEWEST + 1 : last + 1]):
        return None
    ratios = {k: row[k] / row[k - 1] for k in range(last - 2, last + 1)}
    inverse = [k * ratios[k] - (k - 1) * ratios[k - 1] for k in (last - 1, last)]
    if not all(x - x == 0 for x in inverse) or not all(inverse):
        return None
    distances = [1 / x for x in inverse]
    alike = abs(distances[1] - distances[0]) <= ALIKE * abs(distances[1])
    return distances[1] if alike else None
