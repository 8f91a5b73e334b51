"""Long integrations leave memory as it is."""

import gc
import os
from pathlib import Path

import numpy as np
import pytest

import taylorad as ta

STATM = Path("/proc/self/statm")
START = [1.0, 2.0, 3.0]
MOST = 2**20

pytestmark = pytest.mark.skipif(not STATM.exists(), reason="the system does not tell")


def resident():
    gc.collect()
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def lorenz(t, y):
    x, y, z = y
    return [10 * (y - x), x * (28 - z) - y, x * y - (8 / 3) * z]


def above(t, y):
    return y[2] - 60.0  # the attractor is below


def grown(go):
    """Give the growth of resident memory by a long run, after a short one."""
    go(0.1)
    before = resident()
    go(1.0)
    return resident() - before


def test_ten_million_steps():
    integrator = ta.ode.Integrator(lorenz, 0.0, START)
    most = 10_000_000
    growth = grown(lambda share: integrator.propagate_until(1e9, max_steps=int(share * most)))
    assert integrator.nsteps == 11_000_000
    assert growth < MOST


def test_with_a_callback():
    integrator = ta.ode.Integrator(lorenz, 0.0, START)
    options = {"callback": lambda _: None}
    go = lambda share: integrator.propagate_until(1e9, max_steps=int(share * 20_000), **options)
    assert grown(go) < MOST


def test_by_solve_ivp_with_an_event():
    def go(share):
        end = 1000 * share
        result = ta.ode.solve_ivp(lorenz, (0, end), START, t_eval=[end], events=above)
        assert result.nsteps > 15_000 * share

    assert grown(go) < MOST


def test_by_grids_of_few_points():
    integrator = ta.ode.Integrator(lorenz, 0.0, START)
    go = lambda share: integrator.propagate_grid(integrator.time + np.array([0.0, 1000 * share]))
    assert grown(go) < MOST


def test_many_integrators():
    def go(share):
        for k in range(int(100 * share)):
            ta.ode.Integrator(lorenz, 0.0, START, args=()).propagate_until(0.5 + k / 100)

    assert grown(go) < 8 * MOST
