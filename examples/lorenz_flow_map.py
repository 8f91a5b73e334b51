"""The flow of Lorenz' equations as a polynomial: a cloud of points mapped, and integrated.

The state after some time is a polynomial in where it began, of any degree that is wanted. It is
computed once; then a cloud of starting points goes through it at once. How wrong it is falls with
the radius r of the cloud as r to the degree plus one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import taylorad as ta

FIGURE = Path(__file__).parent / "output" / "lorenz_flow_map.png"
START = np.array([-8.0, 8.0, 27.0])
TIME = 1.0
ORDERS = [1, 2, 3, 4, 5, 6, 7, 8]
SHOWN = [1, 5]
RADII = [1.0, 0.5, 0.25, 0.125]
POINTS = 500


def lorenz(t, y):
    x, y, z = y
    return [10 * (y - x), x * (28 - z) - y, x * y - (8 / 3) * z]


def ball(radius):
    """Give points within a ball, one in each row."""
    rng = np.random.default_rng(0)
    directions = rng.standard_normal((POINTS, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return radius * rng.random((POINTS, 1)) ** (1 / 3) * directions


def integrated(deviations):
    """Integrate from each of the points by itself."""
    integrator = ta.ode.Integrator(lorenz, 0.0, START)
    ends = np.empty_like(deviations)
    for i, deviation in enumerate(deviations):
        integrator.time, integrator.state = 0.0, START + deviation
        integrator.propagate_until(TIME)
        ends[i] = integrator.state
    return ends


@dataclass(frozen=True)
class Result:
    errors: np.ndarray  # the largest, by radius and order


def main() -> Result:
    flow = ta.ode.flow_map(lorenz, (0, TIME), START, ORDERS[-1])
    maps = {order: flow.truncate(order) for order in ORDERS}
    truths = {radius: integrated(ball(radius)) for radius in RADII}
    errors = np.array(
        [
            [np.max(np.abs(maps[k](ball(radius)) - truths[radius])) for k in ORDERS]
            for radius in RADII
        ]
    )
    print(f"Flow of Lorenz' equations over {TIME:g}, {POINTS} points: largest error by degree")
    print("  radius   " + "".join(f"{k:>9d}" for k in ORDERS))
    for radius, row in zip(RADII, errors, strict=True):
        print(f"  {radius:<9g}" + "".join(f"{x:9.0e}" for x in row))
    draw(maps, truths[RADII[0]], errors)
    return Result(errors)


def draw(maps, truth, errors) -> None:
    figure = Figure(figsize=(12, 4.2), layout="constrained")
    *clouds, right = figure.subplots(1, len(SHOWN) + 1)
    for axes, order in zip(clouds, SHOWN, strict=True):
        mapped = maps[order](ball(RADII[0]))
        axes.plot(truth[:, 0], truth[:, 2], "o", ms=4, mfc="none", mew=0.6, label="integrated")
        axes.plot(mapped[:, 0], mapped[:, 2], ".", ms=2.5, label=f"mapped, degree {order}")
        axes.set(xlabel="x", ylabel="z", title=f"A ball of radius {RADII[0]:g} after {TIME:g}")
        axes.legend()
    for radius, row in zip(RADII, errors, strict=True):
        right.semilogy(ORDERS, row, "o-", ms=4, label=f"radius {radius:g}")
    right.set(xlabel="degree of the map", ylabel="largest error", title="Errors of the map")
    right.legend()
    for axes in (*clouds, right):
        axes.grid(alpha=0.3)
    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, dpi=120)
    print(f"  figure  {FIGURE.parent.name}/{FIGURE.name}")


if __name__ == "__main__":
    main()
