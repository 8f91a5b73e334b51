"""A second derivative, exact to rounding, from one evaluation with a hyperdual number.

The function is that of Squire and Trapp, "Using complex variables to estimate derivatives of real
functions", SIAM Review 40 (1998), on which methods of differentiation are usually compared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import taylorad as ta

POINT = 1.5
KNOWN = 9.46307368159660335254  # to 21 digits, with mpmath


def f(x):
    return np.exp(x) / np.sqrt(np.sin(x) ** 3 + np.cos(x) ** 3)


@dataclass(frozen=True)
class Result:
    second_derivative: float
    error: float  # relative
    best_difference_error: float  # relative, of central differences with the best of all steps


def main() -> Result:
    y = f(ta.HyperDual(POINT, 1.0, 1.0, 0.0))  # x + ε₁ + ε₂: then f″ is the part of ε₁ε₂
    steps = 10.0 ** np.arange(-8, 0, 0.25)
    differences = (f(POINT + steps) - 2 * f(POINT) + f(POINT - steps)) / steps**2
    result = Result(
        second_derivative=float(y.e12),
        error=float(abs(y.e12 / KNOWN - 1)),
        best_difference_error=float(np.min(np.abs(differences / KNOWN - 1))),
    )
    print(f"exp(x)/√(sin³x + cos³x) at {POINT}: {y}")
    print(f"  second derivative   {result.second_derivative:.15f}")
    print(f"  known               {KNOWN:.15f}")
    print(f"  relative error      {result.error:.0e}")
    print(f"  finite differences  {result.best_difference_error:.0e} at the best of all steps")
    return result


if __name__ == "__main__":
    main()
