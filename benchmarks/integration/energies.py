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

TIMES = 16
"""So often, at equal distances, an error is looked at: the last alone may be small by luck."""


def energies(problem: Problem, run: Run) -> list[list[float]]:
    """Give the relative errors of the energy along the long run, for several initial conditions.

    The energies themselves are computed in long doubles. Energy is conserved where the time does
    not enter, so that a run may go on from where it is, as if from time zero.
    """
    assert problem.energy is not None
    errors = []
    for start in several_starts(problem, STARTS):
        before, state = problem.energy(start.astype(np.longdouble)), start
        errors.append([])
        for _ in range(TIMES):
            state, _ = run(state, problem.long / TIMES)
            after = problem.energy(state.astype(np.longdouble))
            errors[-1].append(float((after - before) / before))
    return errors


def spread(errors: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Give the root of the mean square along the runs, and the mean at their ends.

    The latter is in terms of its standard deviation. Where errors are unbiased it has Student's
    distribution with 15 degrees of freedom: 3 is exceeded by chance in one case of a hundred.
    """
    ends = [run[-1] for run in errors]
    deviation = statistics.stdev(ends) / math.sqrt(len(ends))
    squares = [e * e for run in errors for e in run]
    return math.sqrt(statistics.fmean(squares)), statistics.fmean(ends) / deviation
