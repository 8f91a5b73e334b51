"""The error of the energy over long runs: how large, and whether it drifts."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import numpy as np

from integration.problems import Problem
from integration.sides import Run
from integration.timing import several_starts

STARTS = 16
"""So many initial conditions are averaged over."""


def energies(problem: Problem, run: Run) -> list[float]:
    """Give the relative errors of the energy after the long run, from several initial conditions.

    The energies themselves are computed in long doubles.
    """
    assert problem.energy is not None
    errors = []
    for start in several_starts(problem, STARTS):
        state, _ = run(start, problem.long)
        before, after = (problem.energy(y.astype(np.longdouble)) for y in (start, state))
        errors.append(float((after - before) / before))
    return errors


def spread(errors: Sequence[float]) -> tuple[float, float]:
    """Give the root of the mean square, and the mean in terms of its standard deviation.

    Where errors are unbiased the latter has Student's distribution with 15 degrees of freedom: 3 is
    exceeded by chance in one case of a hundred.
    """
    deviation = statistics.stdev(errors) / math.sqrt(len(errors))
    return math.sqrt(statistics.fmean(e * e for e in errors)), statistics.fmean(errors) / deviation
