"""The Pleiades problem: seven stars in a plane, with close encounters.

Masses and initial values of E. Hairer, S. P. Nørsett, G. Wanner, Solving Ordinary Differential
Equations I (2nd ed., 1993), section II.10. The encounters are events: the distance of two stars is
least where its derivative vanishes. The places at the end are checked against those of the Test Set
for IVP Solvers (F. Mazzia, C. Magherini, University of Bari, release 2.4, 2008).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import taylorad as ta

FIGURE = Path(__file__).parent / "output" / "pleiades.png"
END = 3
MASSES = [1, 2, 3, 4, 5, 6, 7]
X = [3, 3, -1, -3, 2, -2, 2]
Y = [3, -3, 2, 0, 0, -4, 4]
U = [0, 0, 0, 0, 0, 1.75, -1.5]
V = [0, 0, 0, -1.25, 1, 0, 0]
PAIRS = [(i, j) for i in range(7) for j in range(i)]
CLOSE = 0.3
PUBLISHED = [  # x and y at the end
    *(0.3706139143970502, 3.237284092057233, -3.222559032418324, 0.6597091455775310),
    *(0.3425581707156584, 1.562172101400631, -0.7003092922212495),
    *(-3.943437585517392, -3.271380973972550, 5.225081843456543, -2.590612434977470),
    *(1.198213693392275, -0.2429682344935824, 1.091449240428980),
]


def stars(t, state):
    x, y, u, v = (state[7 * k : 7 * k + 7] for k in range(4))
    pull_x, pull_y = [0] * 7, [0] * 7
    for i, j in PAIRS:
        apart_x, apart_y = x[i] - x[j], y[i] - y[j]
        cube = (apart_x**2 + apart_y**2) ** -1.5
        for k, force in ((i, -MASSES[j] * cube), (j, MASSES[i] * cube)):
            pull_x[k] = pull_x[k] + force * apart_x
            pull_y[k] = pull_y[k] + force * apart_y
    return [*u, *v, *pull_x, *pull_y]


def nearest(i: int, j: int):
    """Give the event that two stars are nearest to each other."""

    def approach(t, state):
        x, y, u, v = (state[7 * k + i] - state[7 * k + j] for k in range(4))
        return x * u + y * v

    approach.direction = 1
    return approach


@dataclass(frozen=True)
class Result:
    encounters: list[tuple[float, int, int, float]]  # time, two stars, distance
    error: float  # of a place at the end, at most
    steps: int


def main() -> Result:
    start = np.array([*X, *Y, *U, *V], dtype=float)
    run = ta.ode.solve_ivp(
        *(stars, (0, END), start), events=[nearest(*p) for p in PAIRS], dense_output=True
    )
    encounters = sorted(
        (float(t), j + 1, i + 1, float(np.hypot(y[i] - y[j], y[7 + i] - y[7 + j])))
        for (i, j), times, states in zip(PAIRS, run.t_events, run.y_events, strict=True)
        for t, y in zip(times, states, strict=True)
    )
    encounters = [x for x in encounters if x[3] < CLOSE]
    error = float(np.max(np.abs(run.y[:14, -1] - PUBLISHED)))
    result = Result(encounters, error, run.nsteps)
    print(f"Pleiades to t = {END}: {run.nsteps} steps of order {run.order}")
    print(f"  places at the end, from the published ones: {result.error:.0e}")
    print(f"  encounters nearer than {CLOSE}:  time     stars  distance")
    for t, i, j, distance in encounters:
        print(f"{t:36.6f}  {i} and {j}  {distance:.6f}")
    draw(run, encounters)
    return result


def draw(run, encounters) -> None:
    figure = Figure(figsize=(10, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.2])
    y = run.sol(np.linspace(0, END, 3000))
    for k in range(7):
        (line,) = left.plot(y[k], y[7 + k], lw=1.1)
        left.plot(y[k, 0], y[7 + k, 0], "o", ms=4, color=line.get_color())
        left.annotate(
            f"{k + 1}", (y[k, 0], y[7 + k, 0]), (4, 4), textcoords="offset points", fontsize="small"
        )
    left.set(aspect="equal", xlabel="x", ylabel="y", title="Paths from t = 0 (dots) to 3")
    right.semilogy(run.t[:-1], np.diff(run.t), ".-", lw=0.6, ms=4, label="step")
    times, distances = [x[0] for x in encounters], [x[3] for x in encounters]
    right.semilogy(times, distances, "o", color="tab:red", label="distance of an encounter")
    right.set(xlabel="time", title="Steps (in time) follow encounters (in distance)")
    right.legend(loc="lower left", fontsize="small")
    right.grid(alpha=0.3)
    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, dpi=120)
    print(f"  figure  {FIGURE.parent.name}/{FIGURE.name}")


if __name__ == "__main__":
    main()
