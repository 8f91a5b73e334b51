"""The problems of the benchmarks are what they say, whoever integrates them."""

import sys
from pathlib import Path

import numpy as np
import pytest

import taylorad as ta

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from integration.problems import problems

PROBLEMS = list(problems())
SMALL = [p for p in PROBLEMS if not p.only_built]
NAMED = {"ids": lambda problem: problem.name}


@pytest.mark.parametrize("problem", PROBLEMS, **NAMED)
def test_both_forms_of_a_right_hand_side_agree(problem):
    y = problem.start + 0.01 * np.cos(np.arange(problem.size))
    np.testing.assert_allclose(
        problem.loops(0.0, y), np.asarray(problem.function(0.0, y)), rtol=1e-12, atol=1e-14
    )


@pytest.mark.parametrize("problem", [p for p in SMALL if p.energy], **NAMED)
def test_energy_is_conserved(problem):
    start = np.asarray(problem.start, dtype=np.longdouble)
    slope = ta.grad(problem.energy)(np.asarray(problem.start, dtype=float))
    rates = np.asarray(problem.function(0.0, problem.start), dtype=float)
    assert abs(slope @ rates) <= 1e-13 * (np.abs(slope) @ np.abs(rates))
    assert np.isfinite(problem.energy(start))


@pytest.mark.parametrize("problem", [p for p in SMALL if p.exact], **NAMED)
@pytest.mark.parametrize("t", [0.0, 1.0, 20.0])
def test_closed_forms(problem, t):
    start = problem.start * (1 + 0.01 * np.sin(np.arange(problem.size) + 1))
    end = ta.ode.solve_ivp(problem.function, (0, t), start).y[:, -1]
    np.testing.assert_allclose(end, problem.exact(start, t).astype(float), rtol=0, atol=1e-13)
