"""Lynx and hare: a differential equation fitted to data, by exact Gauss-Newton and by Newton.

The equations of Lotka and Volterra, in logarithms, are fitted to the pelts that the Hudson's Bay
Company bought. Derivatives of the solution by rates and by where it begins are exact, the first
ones for Gauss and Newton, the second ones too for Newton alone. Residuals do not vanish: so the
former gains digits at a constant rate, and the latter doubles them.

The numbers of pelts, in thousands, are those of C. Gordon Hewitt, The Conservation of the Wild Life
of Canada, Scribner (1921), as tabulated by J. M. Mahaffy, Math 636 lecture notes, San Diego State
University (2010), and used in B. Carpenter, Predator-Prey Population Dynamics: the Lotka-Volterra
model in Stan (2018), whose estimates are medians of a posterior with weak priors.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import taylorad as ta

FIGURE = Path(__file__).parent / "output" / "fit_ode.png"
YEARS = np.arange(1900.0, 1921.0)
HARES = [
    *(30.0, 47.2, 70.2, 77.4, 36.3, 20.6, 18.1, 21.4, 22.0, 25.4, 27.1),
    *(40.3, 57.0, 76.6, 52.3, 19.5, 11.2, 7.6, 14.6, 16.2, 24.7),
]
LYNXES = [
    *(4.0, 6.1, 9.8, 35.2, 59.4, 41.7, 19.0, 13.0, 8.3, 9.1, 7.4),
    *(8.0, 12.3, 19.5, 45.7, 51.1, 29.7, 15.8, 9.7, 10.1, 8.6),
]
DATA = np.log([HARES, LYNXES])
NAMES = ["birth of hares", "hunt", "death of lynxes", "feed", "hares, 1900", "lynxes, 1900"]
GUESS = [0.5, 0.025, 0.9, 0.025, 30.0, 4.0]
PUBLISHED = [0.55, 0.028, 0.80, 0.024, 34.0, 5.9]  # Carpenter's
ITERATIONS = 40


def lotka_volterra(t, y, birth, hunt, death, feed):
    """Logarithms of both numbers change by rates."""
    hares, lynxes = np.exp(y[0]), np.exp(y[1])
    return [birth - hunt * lynxes, feed * hares - death]


def solution(p, order, years=YEARS):
    """Give the logarithms in all years as a polynomial in the deviations of all six numbers."""
    *rates, hares, lynxes = p
    return ta.ode.sensitivities(
        *(lotka_volterra, (years[0], years[-1]), np.log([hares, lynxes]), tuple(rates)),
        **{"wrt": ["args", "y0"], "order": order, "t_eval": years},
    ).flow


def derivatives(p, second):
    """Give half the sum of squares, its gradient, and its Hessian or what Gauss has for it."""
    flow = solution(p, 2 if second else 1)
    scale = np.array([1, 1, 1, 1, 1 / p[4], 1 / p[5]])  # of logarithms by what they are of
    residuals = (flow.tensor(0) - DATA).ravel()
    slopes = flow.tensor(1).reshape(residuals.size, 6) * scale
    hessian = slopes.T @ slopes
    if second:
        curved = flow.tensor(2).reshape(residuals.size, 6, 6) * np.outer(scale, scale)
        curved[:, 4, 4] -= slopes[:, 4] / p[4]
        curved[:, 5, 5] -= slopes[:, 5] / p[5]
        hessian = hessian + np.tensordot(residuals, curved, 1)
    return residuals @ residuals / 2, slopes.T @ residuals, hessian


@dataclass(frozen=True)
class Descent:
    """The way of a method to the minimum."""

    p: np.ndarray
    value: float
    gradients: list[float]  # their lengths, each component times its number
    steps: int


def minimise(second: bool) -> Descent:
    """Go down by whole steps, halved while the sum of squares would grow."""
    p, gradients = np.array(GUESS), []
    value, gradient, hessian = derivatives(p, second)
    for _ in range(ITERATIONS):
        gradients.append(float(np.linalg.norm(gradient * p)))
        if gradients[-1] < 1e-12:
            break
        way = -np.linalg.solve(hessian, gradient)
        if way @ gradient > 0:
            way = -gradient * p**2
        share = 1.0
        while True:
            new = p + share * way
            if np.all(new > 0):
                found = derivatives(new, second)
                if found[0] <= value * (1 + 1e-13):
                    break
            share /= 2
        p, (value, gradient, hessian) = new, found
    return Descent(p, value, gradients, len(gradients) - 1)


@dataclass(frozen=True)
class Result:
    gauss_newton: Descent
    newton: Descent
    errors: np.ndarray  # standard ones, by the exact Hessian


def main() -> Result:
    gauss, newton = minimise(second=False), minimise(second=True)
    value, _, hessian = derivatives(newton.p, second=True)
    variance = 2 * value / (DATA.size - newton.p.size)
    result = Result(gauss, newton, np.sqrt(np.diag(np.linalg.inv(hessian)) * variance))
    print("Lotka-Volterra equations, fitted to the logarithms of 21 years of pelts")
    for row in zip(NAMES, newton.p, result.errors, PUBLISHED, strict=True):
        print("  {:16s} {:9.5f} ± {:.5f}   published {:.3g}".format(*row))
    print(f"  sum of squares {2 * newton.value:.12f}")
    for name, path in (("Gauss-Newton", gauss), ("Newton", newton)):
        lengths = " ".join(f"{x:.0e}" for x in path.gradients)
        print(f"  {name:12s} {path.steps:2d} steps, gradients {lengths}")
    draw(result)
    return result


def draw(result) -> None:
    figure = Figure(figsize=(12, 4), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=[1.4, 1, 1])
    years = np.linspace(YEARS[0], YEARS[-1], 400)
    curves = np.exp(solution(result.newton.p, 0, years).tensor(0))
    fitted = solution(result.newton.p, 0).tensor(0)
    for name, color, data, curve, fit in zip(
        ("hares", "lynxes"), ("C0", "C1"), DATA, curves, fitted, strict=True
    ):
        left.plot(years, curve, color=color)
        left.plot(YEARS, np.exp(data), "o", ms=4, color=color, label=name)
        middle.plot(YEARS, data - fit, "o-", ms=4, lw=0.7, color=color, label=name)
    left.set(xlabel="year", ylabel="pelts [thousands]", title="Pelts and fit")
    middle.axhline(0, color="0.5", lw=0.8)
    middle.set(xlabel="year", ylabel="log(pelts) less fit", title="Residuals")
    for name, path in (("Gauss-Newton", result.gauss_newton), ("Newton", result.newton)):
        right.semilogy(path.gradients, "o-", ms=4, label=name)
    right.set(xlabel="step", ylabel="length of the gradient", title="Convergence")
    for axes in (left, middle, right):
        axes.legend()
        axes.grid(alpha=0.3)
    for axes in (left, middle):
        axes.set_xticks(YEARS[::5])
    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, dpi=120)
    print(f"  figure  {FIGURE.parent.name}/{FIGURE.name}")


if __name__ == "__main__":
    main()
