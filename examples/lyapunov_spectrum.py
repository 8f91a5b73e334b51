"""The Lyapunov exponents of the Lorenz attractor, as the averages converge.

Their sum is known: volumes shrink at the same rate everywhere. So the averages of single exponents
wander, and that of the sum does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import taylorad as ta

FIGURE = Path(__file__).parent / "output" / "lyapunov_spectrum.png"
PARAMETERS = (10.0, 28.0, 8 / 3)
TIME = 10_000.0
# J. C. Sprott, Chaos and Time-Series Analysis, Oxford University Press (2003).
PUBLISHED = np.array([0.9056, 0.0, -14.5723])


def lorenz(t, y, s, r, b):
    x, y, z = y
    return [s * (y - x), x * (r - z) - y, x * y - b * z]


@dataclass(frozen=True)
class Result:
    spectrum: ta.ode.LyapunovSpectrum
    deviations: np.ndarray  # from what is published, in standard errors
    sum_error: float


def main() -> Result:
    spectrum = ta.ode.lyapunov_spectrum(lorenz, (0, TIME), [1.0, 1.0, 1.0], PARAMETERS)
    s, _, b = PARAMETERS
    result = Result(
        spectrum,
        (spectrum.exponents - PUBLISHED) / spectrum.standard_errors,
        abs(float(np.sum(spectrum.exponents)) + s + 1 + b),
    )
    print(f"Lorenz attractor, {TIME:g} time units, {spectrum.nsteps} steps")
    for x, error, known in zip(
        spectrum.exponents, spectrum.standard_errors, PUBLISHED, strict=True
    ):
        print(f"  {x:10.5f} ± {error:.5f}   published {known:9.4f}")
    print(f"  sum {np.sum(spectrum.exponents):.12f}, wrong by {result.sum_error:.0e}")
    print(f"  Kaplan-Yorke dimension {spectrum.dimension:.4f}")
    draw(spectrum)
    return result


def draw(spectrum) -> None:
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    passed = spectrum.t - spectrum.t[0]
    shown = passed > 1
    names = ["λ₁", "λ₂", "λ₃"]
    for name, values in zip(names, spectrum.estimates.T, strict=True):
        line = left.plot(passed[shown], values[shown], label=f"{name} = {values[-1]:.4f}")[0]
        wandering = np.abs(values - values[-1])
        kept = shown & (passed < 0.5 * passed[-1])
        right.plot(passed[kept], wandering[kept], color=line.get_color(), lw=0.6)
    left.set(xscale="log", xlabel="time of the average", title="Averages")
    left.legend(loc="center left")
    errors = np.abs(np.sum(spectrum.estimates, axis=1) + PARAMETERS[0] + 1 + PARAMETERS[2])
    right.plot(
        passed[shown], errors[shown], color="0.4", lw=0.6, label="of the sum, from what it is"
    )
    t = np.array([1.0, passed[-1]])
    right.plot(t, 0.5 / np.sqrt(t), "k--", lw=0.8, label="time$^{-1/2}$")
    right.set(xscale="log", yscale="log", xlabel="time of the average")
    right.set(title="Distances from the last averages", ylim=(1e-15, 10))
    right.legend(loc="center left")
    for axes in (left, right):
        axes.grid(alpha=0.3)
    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, dpi=120)
    print(f"  figure  {FIGURE.parent.name}/{FIGURE.name}")


if __name__ == "__main__":
    main()
