"""The Arenstorf orbit: a satellite between Earth and Moon that returns to where it came from.

The plane restricted three-body problem in the rotating frame, distances in units of that from Earth
to Moon. Initial values and period are those of E. Hairer, S. P. Nørsett, G. Wanner, Solving
Ordinary Differential Equations I (2nd ed., 1993), section II.0, to the 30 digits printed there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import mpmath
import numpy as np
from matplotlib.figure import Figure
from scipy.integrate import solve_ivp

import taylorad as ta

FIGURE = Path(__file__).parent / "output" / "arenstorf_orbit.png"
MOON = "0.012277471"  # its share of the mass
START = ["0.994", "0", "0", "-2.00158510637908252240537862224"]
PERIOD = "17.0652165601579625588917206249"
DIGITS = 40


def satellite(t, y, moon):
    x, z, u, v = y
    earth = 1 - moon
    to_earth = ((x + moon) ** 2 + z**2) ** 1.5
    to_moon = ((x - earth) ** 2 + z**2) ** 1.5
    return [
        u,
        v,
        x + 2 * v - earth * (x + moon) / to_earth - moon * (x - earth) / to_moon,
        z - 2 * u - earth * z / to_earth - moon * z / to_moon,
    ]


@dataclass(frozen=True)
class Result:
    """How far from its start the satellite is after a period: the largest component."""

    doubles: float
    rounded: float  # exactly integrated, from initial values rounded to doubles
    digits: float
    dop853: float


def gap(y, start) -> float:
    return float(max(abs(a - b) for a, b in zip(y, start, strict=True)))


def main() -> Result:
    start, moon, period = np.array(START, dtype=float), float(MOON), float(PERIOD)
    orbit = ta.ode.solve_ivp(satellite, (0, period), start, args=(moon,), dense_output=True)
    peer = solve_ivp(
        *(satellite, (0, period), start),
        **{"method": "DOP853", "rtol": 2.3e-14, "atol": 1e-15, "args": (moon,)},
    )
    with mpmath.workdps(DIGITS):
        exact, steps = after(PERIOD, START, MOON)
        rounded, _ = after(period, start, moon)
        result = Result(
            doubles=gap(orbit.y[:, -1], start),
            rounded=gap(rounded, start.tolist()),
            digits=gap(exact, map(mpmath.mpf, START)),
            dop853=gap(peer.y[:, -1], start),
        )
    print("Arenstorf orbit: distance from the start after one period, worst component")
    print(f"  taylorad, in doubles           {result.doubles:.0e}  {orbit.nsteps:4d} steps")
    print(f"  SciPy's DOP853, rtol 2.3e-14   {result.dop853:.0e}  {len(peer.t) - 1:4d} steps")
    print(f"  taylorad, in {DIGITS} digits         {result.digits:.0e}  {steps:4d} steps")
    print(f"  the same, data rounded to doubles first: {result.rounded:.0e}")
    draw(orbit, result)
    return result


def after(period, start, moon):
    """Integrate in mpmath's numbers; give the state and the number of steps."""
    y = [mpmath.mpf(x) for x in start]
    integrator = ta.ode.Integrator(satellite, mpmath.mpf(0), y, (mpmath.mpf(moon),))
    integrator.propagate_until(mpmath.mpf(period))
    return integrator.state, integrator.nsteps


def draw(orbit, result: Result) -> None:
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.15])

    moon, period = float(MOON), float(PERIOD)
    x, y = orbit.sol(np.linspace(0, period, 4000))[:2]
    left.plot(x, y, lw=1.2)
    left.plot(*orbit.y[:2], ".", ms=3.5, color="tab:blue", label="ends of steps")
    for name, place, size in (("Earth", -moon, 9), ("Moon", 1 - moon, 5)):
        left.plot(place, 0, "o", ms=size, color="0.35")
        left.annotate(name, (place, 0), (0, 8), textcoords="offset points", ha="center")
    left.set(xlabel="x [Earth–Moon distances]", ylabel="y [Earth–Moon distances]")
    left.set(aspect="equal", xlim=(-1.4, 1.25), title="One period, in the rotating frame")
    left.legend(loc="lower right", fontsize="small")

    distance = np.hypot(orbit.y[0] - 1 + moon, orbit.y[1])[:-1]
    right.loglog(distance, np.diff(orbit.t), ".", ms=5)
    right.set(xlabel="distance from the Moon [Earth–Moon distances]", ylabel="step [time units]")
    right.set(title=f"{orbit.nsteps} steps of order {orbit.order}")
    right.grid(alpha=0.3)

    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, dpi=120)
    print(f"  figure  {FIGURE.parent.name}/{FIGURE.name}")


if __name__ == "__main__":
    main()
