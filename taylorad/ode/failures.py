"""Why an integration cannot go on."""

from __future__ import annotations

from typing import Any

from taylorad.errors import IntegrationError
from taylorad.ode.flow import Flow
from taylorad.ode.singularity import nearest_singularity
from taylorad.ode.steps.stepper import Motion, Tolerance

__all__ = ["TOO_SMALL", "failed", "failure"]

TOO_SMALL = "Required step size is less than spacing between numbers."

LARGE = 1e100
"""A series that overflows has been as large as this before."""


def failed(text: str, motion: Motion, flow: Flow, where: Any = None) -> IntegrationError:
    """Make the error."""
    if flow.constrained:
        text += flow.constrained.hint
    return IntegrationError(text, motion.time, flow.shown.of(motion.state).copy()[()], where)


def failure(
    flow: Flow, motion: Motion, end: tuple[Any, Any], tolerance: Tolerance
) -> IntegrationError:
    """Say why there is no step from here."""
    parts = flow.series_at(motion, end, tolerance)
    rates = parts[:, 1]
    if not all(map(_is_finite, rates.tolist())):
        text = f"At t = {float(motion.time):.17g} the right-hand side is not finite."
        return failed(text, motion, flow)
    away = nearest_singularity(parts)
    if away is not None:
        where = motion.time + away
        text = f"{TOO_SMALL} The solution seems to be singular at t = {float(where):.12g}."
        return failed(text, motion, flow, where)
    bad = [k for k, x in enumerate(parts.T) if not all(map(_is_finite, x.tolist()))]
    if bad:
        text = f"{TOO_SMALL} The series about t = {float(motion.time):.17g} "
        if max(map(abs, parts[: flow.size, bad[0] - 1].tolist()), default=0) < LARGE:
            text += f"is not finite at degree {bad[0]}: the solution is not analytic there."
            return failed(text, motion, flow)
        text += f"overflows at degree {bad[0]}: take a unit of time that is nearer to that of the "
        return failed(f"{text}motion, or an order below that.", motion, flow)
    return failed(TOO_SMALL, motion, flow)


def _is_finite(x: Any) -> bool:
    return bool(x - x == 0)  # for numbers of any kind
