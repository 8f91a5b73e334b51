"""Two transistors amplify a sine: a circuit of index 1, as one writes it down, node by node.

Capacitors stand between nodes, so that only differences of voltages have rates. It is a problem of
the Test Set for Initial Value Problem Solvers (F. Mazzia, C. Magherini, release 2.4, 2008), which
has the voltages after 0.2 seconds to 15 digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import taylorad as ta

FIGURE = Path(__file__).parent / "output" / "transistor_amplifier.png"
END = 0.2
SUPPLY = 6.0
PUBLISHED = np.array(
    [
        *(-0.5562145012262709e-2, 0.3006522471903042e1, 0.2849958788608128e1),
        *(0.2926422536206241e1, 0.2704617865010554e1, 0.2761837778393145e1),
        *(0.4770927631616772e1, 0.1236995868091548e1),
    ]
)


def signal(t):
    return 0.1 * np.sin(200 * np.pi * t)


def transistor(voltage):
    return 1e-6 * (np.exp(voltage / 0.026) - 1)


def currents(t, y, yp):
    """What flows into each node; Kirchhoff says that it adds up to 0."""
    first, second = transistor(y[1] - y[2]), transistor(y[4] - y[5])
    r = 9000.0
    c = 1e-6
    return [
        (signal(t) - y[0]) / 1000 + c * (yp[1] - yp[0]),
        SUPPLY / r - 2 * y[1] / r + c * (yp[0] - yp[1]) - 0.01 * first,
        first - y[2] / r - 2 * c * yp[2],
        (SUPPLY - y[3]) / r + 3 * c * (yp[4] - yp[3]) - 0.99 * first,
        SUPPLY / r - 2 * y[4] / r + 3 * c * (yp[3] - yp[4]) - 0.01 * second,
        second - y[5] / r - 4 * c * yp[5],
        (SUPPLY - y[6]) / r + 5 * c * (yp[7] - yp[6]) - 0.99 * second,
        -y[7] / r + 5 * c * (yp[6] - yp[7]),
    ]


@dataclass(frozen=True)
class Result:
    steps: int
    error: float  # of the voltages at the end, against those that were published
    residual: float  # the largest current that does not add up, in amperes


def main() -> Result:
    start = [0.0, SUPPLY / 2, SUPPLY / 2, SUPPLY, SUPPLY / 2, SUPPLY / 2, SUPPLY, 0.0]
    equation = ta.ode.implicit(currents)
    run = ta.ode.solve_ivp(equation, (0, END), start, dense_output=True)
    times = np.linspace(0, END, 2001)
    voltages, rates = run.sol(times), run.sol.derivative(times)
    draw(times, voltages)
    return Result(
        steps=run.nsteps,
        error=float(np.max(np.abs(run.y[:, -1] / PUBLISHED - 1))),
        residual=float(np.max(np.abs(currents(times, voltages, rates)))),
    )


def draw(times, voltages) -> None:
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(1e3 * times, voltages[7], label="out, node 8", lw=1.2)
    axes.plot(1e3 * times, voltages[3], label="between, node 4", lw=1.0)
    axes.plot(1e3 * times, signal(times), label="in", lw=1.0)
    axes.set(xlabel="time in ms", ylabel="volts", title="An amplifier of two transistors settles")
    axes.legend(loc="upper right")
    axes.grid(alpha=0.3)
    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, dpi=150)


if __name__ == "__main__":
    result = main()
    print(f"{result.steps} steps; relative error of the published voltages {result.error:.1e}")
    print(f"Kirchhoff's law holds to {result.residual:.1e} A at all times")
