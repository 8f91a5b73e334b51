"""First and second derivatives of solutions, to forty digits, for ``test_ode_sensitivities.py``.

They lie in ``reference_sensitivities.json``, which running this file writes anew (minutes). Nothing
of them comes from taylorad:

- of Van der Pol's and Lotka's and Volterra's equations, the variational equations are integrated by
  `extrapolation`; SymPy derives the right-hand sides for them, parameters being components that do
  not move;
- of Kepler's problem, the closed form of the solution is differentiated by differences, in numbers
  of 120 digits.

Initial values and parameters are floats and meant as such. Derivatives are by the initial state,
then by the parameters.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mpmath
import numpy as np

FILE = Path(__file__).parent / "reference_sensitivities.json"
DIGITS = 40


@dataclass(frozen=True)
class Problem:
    name: str
    function: Callable[..., Any]
    start: tuple[float, ...]
    args: tuple[float, ...]
    end: float


def van_der_pol(t, y, stiffness):
    x, v = y
    return [v, stiffness * (1 - x * x) * v - x]


def lotka_volterra(t, y, birth, hunt, feed, death):
    prey, predators = y
    return [prey * (birth - hunt * predators), predators * (feed * prey - death)]


def kepler(t, y, mass):
    x, z, u, v = y
    pull = mass * (x * x + z * z) ** -1.5
    return [u, v, -pull * x, -pull * z]


PROBLEMS = [
    Problem("Van der Pol", van_der_pol, (2.0, 0.5), (1.5,), 6.0),
    Problem("Lotka-Volterra", lotka_volterra, (1.0, 0.5), (1.5, 0.75, 1.25, 3.0), 5.0),
    Problem("Kepler", kepler, (1.0, 0.25, -0.125, 0.75), (1.25,), 10.0),
]


def references() -> dict[str, list[Any]]:
    """Give for each problem the state at the end, its first and its second derivatives."""
    with mpmath.workdps(DIGITS + 5):
        return {
            name: [_numbers(values) for values in kept]
            for name, kept in json.loads(FILE.read_text()).items()
        }


def _numbers(values: Any) -> Any:
    return np.vectorize(mpmath.mpf, otypes=[object])(np.array(values, dtype=object))


def by_variational_equations(problem: Problem) -> list[Any]:
    """Integrate state and parameters, the first derivatives and the second ones, side by side."""
    import sympy
    from extrapolation import extrapolated

    n, m = len(problem.start), len(problem.start) + len(problem.args)
    z = sympy.symbols(f"z:{m}")
    rates = [*map(sympy.sympify, problem.function(0, z[:n], *z[n:])), *[sympy.Integer(0)] * (m - n)]
    values = sympy.lambdify(z, rates, "mpmath")
    entries = [
        (i, j, sympy.lambdify(z, rates[i].diff(z[j]), "mpmath"))
        for i, j in itertools.product(range(n), range(m))
        if rates[i].diff(z[j]) != 0
    ]
    second = [
        (i, j, k, sympy.lambdify(z, rates[i].diff(z[j], z[k]), "mpmath"))
        for i, j, k in itertools.product(range(n), range(m), range(m))
        if rates[i].diff(z[j], z[k]) != 0
    ]

    def variational(t, y):
        state, s1, s2 = y[:m], y[m : m + m * m].reshape(m, m), y[m + m * m :].reshape(m, m, m)
        d1, d2 = np.zeros_like(s1), np.zeros_like(s2)
        for i, j, f in entries:
            number = f(*state)
            d1[i] += number * s1[j]
            d2[i] += number * s2[j]
        for i, j, k, f in second:
            d2[i] += f(*state) * np.multiply.outer(s1[j], s1[k])
        return np.concatenate([np.array(values(*state), dtype=object), d1.ravel(), d2.ravel()])

    start = [*problem.start, *problem.args, *np.eye(m).ravel(), *np.zeros(m**3)]
    end = np.array(extrapolated(variational, start, problem.end, DIGITS + 2), dtype=object)
    first = end[m : m + m * m].reshape(m, m)
    return [end[:n], first[:n], end[m + m * m :].reshape(m, m, m)[:n]]


def orbit(x, y, u, v, mass, time):
    """Give a state on an ellipse, by Lagrange's coefficients."""
    sqrt, sin, cos = mpmath.sqrt, mpmath.sin, mpmath.cos
    r0 = sqrt(x * x + y * y)
    a = 1 / (2 / r0 - (u * u + v * v) / mass)
    slope = (x * u + y * v) / sqrt(mass * a)
    mean = sqrt(mass / a**3) * time

    def equation(e):
        return e - (1 - r0 / a) * sin(e) + slope * (1 - cos(e)) - mean

    e = mpmath.findroot(equation, mean)
    f = 1 - a / r0 * (1 - cos(e))
    g = time - sqrt(a**3 / mass) * (e - sin(e))
    r = a + (r0 - a) * cos(e) + slope * a * sin(e)
    df = -sqrt(mass * a) / (r * r0) * sin(e)
    dg = 1 - a / r * (1 - cos(e))
    return np.array([f * x + g * u, f * y + g * v, df * x + dg * u, df * y + dg * v])


def by_differences(problem: Problem) -> list[Any]:
    """Differentiate the closed form of an orbit: errors are of the order of h**2."""
    with mpmath.workdps(120):
        h = mpmath.mpf(10) ** -30
        center = np.array([mpmath.mpf(x) for x in (*problem.start, *problem.args)], dtype=object)
        m = len(center)
        units = h * np.eye(m, dtype=int)

        def at(shift):
            return orbit(*(center + shift), problem.end)

        first = [(at(a) - at(-a)) / (2 * h) for a in units]
        second = [
            [(at(a + b) - at(a - b) - at(b - a) + at(-a - b)) / (4 * h * h) for a in units]
            for b in units
        ]
        return [at(0 * units[0]), np.moveaxis(first, -1, 0), np.moveaxis(second, -1, 0)]


def main() -> None:
    kept = {}
    for problem in PROBLEMS:
        find = by_differences if problem.name == "Kepler" else by_variational_equations
        kept[problem.name] = [_texts(values) for values in find(problem)]
        print(problem.name, kept[problem.name][0], flush=True)
    FILE.write_text(json.dumps(kept, indent=1) + "\n")


def _texts(values: Any) -> Any:
    if isinstance(values, mpmath.mpf):
        return mpmath.nstr(values, DIGITS)
    return [_texts(value) for value in values]


if __name__ == "__main__":
    main()
