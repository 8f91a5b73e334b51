"""The Taylor series of a function to order 20, and how far it converges.

The function is smooth on the whole real line, but has poles at ±i: no series about a real point
sees further than to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import taylorad as ta

FIGURE = Path(__file__).parent / "output" / "series_radius.png"
CENTRE = 0.5
RADIUS = float(np.hypot(CENTRE, 1.0))  # to ±i


def f(x):
    return np.exp(np.sin(x)) / (1 + x**2)


@dataclass(frozen=True)
class Result:
    series: ta.Taylor
    radius: float  # estimated from the coefficients
    error_inside: float  # of the series at half the radius
    error_outside: float  # at one and a half


def main() -> Result:
    series = ta.taylor(f, CENTRE, 20)
    radius = series.radius()
    inside, outside = (abs(series(t) - f(CENTRE + t)) for t in (RADIUS / 2, 1.5 * RADIUS))
    print(f"exp(sin x)/(1 + x²) about {CENTRE}, to order 20")
    print(f"  radius of convergence  {radius:.4f} from the coefficients, {RADIUS:.4f} to the poles")
    print(f"  error of the series    {inside:.0e} at half the radius, {outside:.0e} at 1½")
    draw(series, radius)
    return Result(series, radius, inside, outside)


def draw(series: ta.Taylor, radius: float) -> None:
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)

    t = np.linspace(-2.2, 2.2, 500)
    left.axvspan(CENTRE - radius, CENTRE + radius, color="0.92", label="converges")
    for order, colour in ((5, "tab:green"), (10, "tab:orange"), (20, "tab:red")):
        left.plot(CENTRE + t, series.truncate(order)(t), colour, lw=1.2, label=f"order {order}")
    left.plot(CENTRE + t, f(CENTRE + t), "k", lw=1.8, label="exp(sin x)/(1 + x²)")
    left.plot(CENTRE, f(CENTRE), "ko")
    left.set(xlim=(CENTRE - 2.2, CENTRE + 2.2), ylim=(-0.5, 2.5), xlabel="x")
    left.legend(loc="upper right", fontsize="small", framealpha=1)

    k = np.arange(series.order + 1)
    right.semilogy(k, np.abs(series.coefficients), "o", color="tab:red", label="$|c_k|$")
    right.semilogy(k, radius ** -k.astype(float), "k--", lw=1, label=f"${radius:.3f}^{{-k}}$")
    right.set(xlabel="degree k", xticks=k[::5])
    right.legend()

    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, dpi=120)
    print(f"  figure                 {FIGURE.parent.name}/{FIGURE.name}")


if __name__ == "__main__":
    main()
