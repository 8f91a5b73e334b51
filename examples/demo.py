"""The demonstration: regressions certified by NIST, solved with exact second derivatives.

Minimises the sum of squares of 19 sets of the NIST Statistical Reference Datasets, each from both
of its certified starting points, by a trust-region Newton method, and compares parameters, residual
sum of squares and standard errors with the certified values. Three shorter examples follow.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import hyperdual_second_derivative
import nist
import numpy as np
import preconditioned_minimisation
import series_radius
from matplotlib.figure import Figure

import taylorad as ta

FIGURE = Path(__file__).parent / "output" / "nist_fits.png"
CERTIFIED_DIGITS = 11
NOTES = """
Lanczos1: its data are a sum of exponentials but for residuals of 1e-13. In double precision they
are known to 1e-16, so the RSS has three digits; the parameters, at a condition of 1e4, have ten.

Standard errors: NIST certifies those of the linearised model, from JᵀJ; `digits` of them agree. The
exact Hessian adds the second derivatives of the residuals: `exact/linear` is what that changes.
Estimates with standard errors from the exact Hessian:
"""
CAPTION = """Nonlinear regressions
certified by NIST:
data, fits from start 2, and
digits of the worst parameter
that agree with the 11 certified"""


@dataclass(frozen=True)
class Fit:
    """A set fitted from one starting point; digits are those that agree with NIST's."""

    data: nist.Dataset
    start: int
    converged: bool
    iterations: int
    parameters: np.ndarray
    parameter_digits: float  # of the worst parameter
    rss_digits: float
    standard_errors: np.ndarray  # from the exact Hessian
    linear_digits: float  # of the standard errors as NIST has them, from the exact Jacobian


def fit(data: nist.Dataset, start: int) -> Fit:
    result = ta.optimize.minimize(
        data.sum_of_squares, data.starts[start - 1], options={"maxiter": 3000}
    )
    return Fit(
        data=data,
        start=start,
        converged=result.success,
        iterations=result.nit,
        parameters=result.x,
        parameter_digits=digits(result.x, data.parameters),
        rss_digits=digits(result.fun, data.rss),
        standard_errors=standard_errors(result.fun, result.hess, data.y.size),
        linear_digits=digits(linear_errors(data, result), data.standard_deviations),
    )


def digits(found, certified) -> float:
    """Count the digits that agree: the log relative error of the worst."""
    error = float(np.max(np.abs(found - certified) / np.abs(certified)))
    return -np.log10(max(error, 10.0**-CERTIFIED_DIGITS))


def standard_errors(rss: float, hessian: np.ndarray, observations: int) -> np.ndarray:
    """Give the parameters' standard errors: their covariance is s² (H/2)⁻¹, s² = RSS/(m - n)."""
    variance = rss / (observations - len(hessian))
    scale = np.sqrt(np.diag(hessian))  # parameters differ by many orders of magnitude
    inverse = np.linalg.inv(hessian / np.outer(scale, scale))
    return np.sqrt(2 * variance * np.diag(inverse)) / scale


def linear_errors(data: nist.Dataset, result) -> np.ndarray:
    """Give the standard errors of the linearised model, whose covariance is s² (JᵀJ)⁻¹."""
    jacobian = ta.jacobian(data.residual)(result.x)
    scale = np.linalg.norm(jacobian, axis=0)
    r = np.linalg.qr(jacobian / scale, mode="r")  # JᵀJ = RᵀR, at the root of its condition
    deviation = np.sqrt(result.fun / (len(jacobian) - len(r)))
    return deviation * np.linalg.norm(np.linalg.inv(r), axis=1) / scale


def report(fits: list[tuple[Fit, Fit]]) -> None:
    print("NIST regressions by trust-region Newton with exact Hessians")
    print("Digits that agree with the 11 certified ones, of the worst parameter and of the RSS\n")
    print(f"{'':22s}{'------ start 1 -----':>21s}{'------ start 2 -----':>21s}   standard errors")
    columns = f"{'iter.':>7s}{'b':>7s}{'RSS':>7s}"
    print(f"{'set':10s}{'level':9s}{'n':>3s}{columns}{columns}   digits  exact/linear")
    for pair in fits:
        data = pair[0].data
        ratio = pair[1].standard_errors / data.standard_deviations
        print(
            f"{data.name:10s}{data.level:9s}{data.parameters.size:3d}"
            + "".join(
                f"{fit.iterations:7d}{fit.parameter_digits:7.1f}{fit.rss_digits:7.1f}"
                for fit in pair
            )
            + f"{pair[1].linear_digits:9.1f}  {ratio.min():.3f} to {ratio.max():.3f}"
        )
    for start in (1, 2):
        good = sum(pair[start - 1].parameter_digits >= 9 for pair in fits)
        print(f"from start {start}: {good} of {len(fits)} sets to at least 9 digits")
    print(NOTES)
    for pair in fits:
        estimates = [
            f"b{i} = {b:.5g} ± {error:.2g}"
            for i, (b, error) in enumerate(
                zip(pair[1].parameters, pair[1].standard_errors, strict=True), 1
            )
        ]
        for row in range(0, len(estimates), 3):
            name = pair[0].data.name if row == 0 else ""
            print(f"{name:10s}" + "".join(f"{e:30s}" for e in estimates[row : row + 3]).rstrip())
    print()


def draw(fits: list[Fit]) -> None:
    figure = Figure(figsize=(15, 10), layout="constrained")
    panels = figure.subplots(4, 5).ravel()
    for axes, one in zip(panels, fits, strict=False):
        data = one.data
        if data.x.ndim == 1:
            curve = np.linspace(data.x.min(), data.x.max(), 500)
            size = 5 if data.y.size < 60 else 3
            axes.plot(data.x, data.y, "o", ms=size, color="tab:blue", alpha=0.4, mew=0)
            axes.plot(curve, data.model(one.parameters, curve), color="tab:red", lw=1.2)
        else:
            draw_groups(axes, one)
        axes.set_title(f"{data.name}: {one.parameter_digits:.1f} digits", fontsize="medium")
        axes.tick_params(labelsize="small")
    for axes in panels[len(fits) :]:
        axes.set_axis_off()
        axes.text(0, 0.5, CAPTION, va="center")
    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, dpi=100)
    print(f"figure  {FIGURE.parent.name}/{FIGURE.name}\n")


def draw_groups(axes, one: Fit) -> None:
    """Draw a response against the first predictor, in a colour for each value of the second."""
    first, second = one.data.x
    for i, group in enumerate(np.unique(second)):
        chosen = second == group
        curve = np.linspace(first.min(), first.max(), 200)
        fitted = one.data.model(one.parameters, np.stack([curve, np.full_like(curve, group)]))
        axes.plot(first[chosen], one.data.y[chosen], "o", ms=3, color=f"C{i}", alpha=0.4, mew=0)
        axes.plot(curve, fitted, color=f"C{i}", lw=1.2)


def main() -> list[tuple[Fit, Fit]]:
    began = time.perf_counter()
    fits = [(fit(data, 1), fit(data, 2)) for data in nist.load_all()]
    report(fits)
    draw([second for _, second in fits])
    for example in (series_radius, hyperdual_second_derivative, preconditioned_minimisation):
        example.main()
        print()
    print(f"{time.perf_counter() - began:.0f} s")
    return fits


if __name__ == "__main__":
    main()
