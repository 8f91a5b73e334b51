"""The outer solar system for a million years, and the error of its energy.

Sun (with the inner planets), Jupiter, Saturn, Uranus, Neptune and Pluto, by Newton's law. Masses
and initial values, of 5 September 1994, are those of E. Hairer, C. Lubich, G. Wanner, Geometric
Numerical Integration (2nd ed., 2006), section I.2.4, table 2.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import taylorad as ta

FIGURE = Path(__file__).parent / "output" / "outer_solar_system.png"
YEAR = 365.25  # days
YEARS = 1_000_000
NAMES = ["Sun", "Jupiter", "Saturn", "Uranus", "Neptune", "Pluto"]
G = 2.95912208286e-4 * YEAR**2  # au³ / (solar mass · year²)
MASSES = np.array(  # solar masses
    [
        *(1.00000597682, 0.000954786104043, 0.000285583733151),
        *(0.0000437273164546, 0.0000517759138449, 1 / 1.3e8),
    ]
)
PLACES = np.array(  # au
    [
        [0, 0, 0],
        [-3.5023653, -3.8169847, -1.5507963],
        [9.0755314, -3.0458353, -1.6483708],
        [8.3101420, -16.2901086, -7.2521278],
        [11.4707666, -25.7294829, -10.8169456],
        [-15.5387357, -25.2225594, -3.1902382],
    ]
)
SPEEDS = YEAR * np.array(  # au / year
    [
        [0, 0, 0],
        [0.00565429, -0.00412490, -0.00190589],
        [0.00168318, 0.00483525, 0.00192462],
        [0.00354178, 0.00137102, 0.00055029],
        [0.00288930, 0.00114527, 0.00039677],
        [0.00276725, -0.00170702, -0.00136504],
    ]
)
FIRST, SECOND = np.triu_indices(len(MASSES), 1)  # of each pair


def motion(t, y):
    places, speeds = y
    apart = places[SECOND] - places[FIRST]
    pull = G * apart * (np.sum(apart**2, axis=1) ** -1.5)[:, None]
    rates = [0] * len(MASSES)
    for i, j, force in zip(FIRST, SECOND, pull, strict=True):
        rates[i] = rates[i] + MASSES[j] * force
        rates[j] = rates[j] - MASSES[i] * force
    return np.array([speeds, np.stack(rates)])


def energy(y):
    """Give the energy, in numbers long enough for their own errors not to show."""
    places, speeds = y.astype(np.longdouble)
    masses = MASSES.astype(np.longdouble)
    apart = np.sqrt(np.sum((places[SECOND] - places[FIRST]) ** 2, axis=1))
    potential = -np.longdouble(G) * np.sum(masses[FIRST] * masses[SECOND] / apart)
    return np.sum(masses[:, None] * speeds**2) / 2 + potential


@dataclass(frozen=True)
class Result:
    years: np.ndarray
    errors: np.ndarray  # of the energy, relative
    steps: int
    walk: np.ndarray  # what one random rounding a step would come to


def main() -> Result:
    start = np.array([x - np.average(x, axis=0, weights=MASSES) for x in (PLACES, SPEEDS)])
    integrator = ta.ode.Integrator(motion, 0.0, start)
    first, years, errors, steps = energy(start), [], [], []
    while integrator.time < YEARS:
        integrator.propagate_for(YEARS / 500)
        years.append(integrator.time)
        errors.append(float((energy(integrator.state) - first) / abs(first)))
        steps.append(integrator.nsteps)
    walk = 2.0**-53 * np.sqrt(steps)
    result = Result(np.array(years), np.array(errors), integrator.nsteps, walk)
    size = np.max(np.abs(result.errors))
    print(f"Outer solar system for {YEARS:,} years: {result.steps:,} steps")
    print(f"  relative error of the energy    {result.errors[-1]:+.0e}, at most {size:.0e}")
    print(f"  2**-53 times the root of steps  {walk[-1]:.0e}")
    draw(start, result)
    return result


def draw(start, result: Result) -> None:
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.25])

    orbits = ta.ode.Integrator(motion, 0.0, start).propagate_grid(np.linspace(0, 250, 4000))[0]
    for k, name in enumerate(NAMES):
        x, y = orbits[k, 0], orbits[k, 1]
        if k == 0:
            left.plot(x[0], y[0], "o", ms=4, color="tab:orange")
        else:
            left.plot(x, y, lw=0.9, label=name)
    left.set(aspect="equal", xlabel="x [au]", ylabel="y [au]", title="The first 250 years")
    left.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=5, fontsize="x-small")

    years = result.years / 1e6
    walk = result.walk
    right.fill_between(years, -walk, walk, color="0.88", label=r"$\pm 2^{-53}\sqrt{\rm steps}$")
    right.plot(years, result.errors, lw=1, color="tab:red", label="measured")
    right.set(xlabel="time [million years]", ylabel="relative error of the energy", xlim=(0, None))
    right.set(title=f"{result.steps:,} steps")
    right.legend(loc="upper left", fontsize="small")
    right.grid(alpha=0.3)

    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, dpi=120)
    print(f"  figure  {FIGURE.parent.name}/{FIGURE.name}")


if __name__ == "__main__":
    main()
