"""The code of many trajectories side by side: of few operations, and found again."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from taylorad.ode.steps.lanes.lanes import Lanes, Motions
from taylorad.ode.steps.lanes.thin import thin
from taylorad.ode.steps.stepper import Tolerance
from taylorad.ode.tracing.recurrences import Recurrences
from taylorad.ode.tracing.system import system


def kepler(t, y):
    x, z, vx, vz = y
    r = (x * x + z * z) ** -1.5
    return [vx, vz, -x * r, -z * r]


def lorenz(t, y):
    x, z, w = y
    return [10.0 * (z - x), x * (28.0 - w) - z, x * z - 8 / 3 * w]


def pendulum(t, y, g):
    return [y[1], -g * np.sin(y[0])]


def powers(t, y):
    """Powers of the same, and products of what they are of with what they are."""
    x, z = y
    a, b = (1 + x * x) ** 0.3, (1 + x * x) ** -1.7
    return [z * b, -x * a + 0.1 * x * b]


def recurrences(f, y):
    traced = system(f, 0.0, np.array(y))
    return Recurrences(traced, traced.rates)


@pytest.mark.parametrize(
    ("f", "y", "exponents"),
    [
        (kepler, [0.5, 0.0, 0.0, 1.7], [-1.5]),
        (powers, [1.0, 0.5], [0.3, -1.7]),
        (lorenz, [1.0, 2.0, 3.0], []),
    ],
)
def test_a_power_has_one_interior_in_place_of_two(f, y, exponents):
    before = recurrences(f, y)
    after = thin(before)
    assert len(before.inners) - len(after.recurrences.inners) == len(exponents)
    # Of y = x**p the term of degree k is ((p + 1) j - k) / k times a product.
    wanted = sorted(-(p + 1) for p in exponents)
    shares = [i.share for i in after.recurrences.inners if i.share is not None]
    np.testing.assert_allclose(sorted(shares), wanted, rtol=1e-15)


def test_a_rate_that_is_a_multiple_leaves_the_number_to_the_division():
    after = thin(recurrences(lorenz, [1.0, 2.0, 3.0]))
    rate = after.recurrences.system.rates[0]
    assert after.multiples == {rate: 10.0}
    assert sorted(x.number for x in after.recurrences.nodes[rate].newest) == [-1.0, 1.0]


@pytest.mark.parametrize("width", [2, 16])
def test_pickled_it_is_as_before(width):
    lanes = Lanes(system(pendulum, 0.0, np.ones(2), (1.3,)), 14, width)
    states, found = np.array([[1.0, 0.3], [0.2, -0.7], [2.0, 0.0]]), []
    for one in (lanes, pickle.loads(pickle.dumps(lanes))):
        motions = Motions.begin(states)
        one.propagate(motions, 5.0, Tolerance(1e-9, np.ones(2)), [1.3])
        found.append((motions.state, motions.lost, motions.clock))
    assert (one.order, one.width) == (14, width)
    np.testing.assert_equal(found[0], found[1])


PROGRAM = """
import os, pickle, sys
import numpy as np
from taylorad.machine import module
from taylorad.ode.steps.lanes import lanes as side
from taylorad.ode.steps.stepper import Tolerance
from taylorad.ode.tracing.system import system

counts = dict(compiled=0, written=0)
compiled, written = module._compiled, side._written

def counted(*args):
    counts["compiled"] += 1
    return compiled(*args)

def counting(*args):
    counts["written"] += 1
    return written(*args)

module._compiled, side._written = counted, counting

def f(t, y, k):
    return [y[1], -k * np.sin(y[0])]

if os.path.exists("saved"):
    with open("saved", "rb") as file:
        lanes = pickle.load(file)
else:
    lanes = side.Lanes(system(f, 0.0, np.ones(2), (1.0,), may_wait=True), 20)
    with open("saved", "wb") as file:
        pickle.dump(lanes, file)
motions = side.Motions.begin([[1.0, 0.0], [0.5, 0.1]])
lanes.propagate(motions, 5.0, Tolerance(2.0**-52, np.ones(2)), [1.0])
print(counts["compiled"], counts["written"], *map(float.hex, motions.state.ravel().tolist()))
"""


@pytest.mark.parametrize("caches", [("here", "here"), ("here", "there")])
def test_another_process_neither_compiles_nor_writes(tmp_path, caches):
    """It finds the code on disk, or that comes along in the pickle."""
    outputs = []
    for seed, cache in enumerate(caches, 1):
        environment = {"PYTHONHASHSEED": str(seed), "TAYLORAD_CACHE": str(tmp_path / cache)}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
            env={**os.environ, **environment},
        )
        outputs.append(done.stdout.split())
    assert [line[:2] for line in outputs] == [["1", "1"], ["0", "0"]]
    assert outputs[0][2:] == outputs[1][2:]
