"""Initial value problems with known solutions, for ``test_ode_references.py``.

Each has what others have published or, if that is feasible, 25 digits by `extrapolation`, of which
nothing is a Taylor series. These lie in ``reference_solutions.json``, which running this file with
the names of problems writes anew (some minutes). Of the stiff ones the file has 28 digits by
heyoka, another program for Taylor series, in numbers of 113 bits; where both are there, they agree.
Constants are floats and are meant as such: the digits are of the problem that the machine is given.

The published values are those of

- the Test Set for IVP Solvers (F. Mazzia, C. Magherini, University of Bari, release 2.4, 2008) for
  HIRES, the Pleiades, and Van der Pol's equation;
- E. Hairer's test set for the Brusselator with diffusion (of the 1000 components every seventh);
- DETEST (W. H. Enright, J. D. Pryce, Algorithm 648, ACM TOMS 13, 1987), problem D2, for Robertson's
  reaction, whose components it scales by 1, 10**4 and 100;
- E. Hairer, S. P. Nørsett, G. Wanner, Solving Ordinary Differential Equations I (2nd ed., 1993),
  section II.0, for the Arenstorf orbit, which closes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mpmath
import numpy as np

SOLUTIONS = Path(__file__).parent / "reference_solutions.json"
DIGITS = 25


@dataclass(frozen=True)
class Problem:
    """An initial value problem from time 0 to ``end``.

    ``published`` are values at the end of every ``every``-th component, with a relative error below
    ``exact``.
    """

    name: str
    function: Callable[..., Any]
    start: Any
    end: float
    published: tuple[float, ...] = ()
    exact: float = 0.0
    every: int = 1
    digits: int = DIGITS  # of the extrapolation; 0: it would take hours


def brusselator(t, y):
    u, v = y
    return [1 + u * u * v - 4 * u, 3 * u - u * u * v]


def diffusion(t, y):
    """The Brusselator on a line between two walls; u and v of a place side by side."""
    u, v = y[::2], y[1::2]
    rate = 0.02 * (len(u) + 1) ** 2
    turned = u * u * v
    parts = []
    for x, wall in ((u, 1.0), (v, 3.0)):
        left, right = np.concatenate([[wall], x[:-1]]), np.concatenate([x[1:], [wall]])
        parts.append(rate * (left - 2.0 * x + right))
    return np.stack([1.0 + turned - 4.0 * u + parts[0], 3.0 * u - turned + parts[1]], 1).ravel()


def diffusion_start(n):
    x = np.arange(1, n + 1) / (n + 1)
    return np.stack([1 + 0.5 * np.sin(2 * np.pi * x), np.full(n, 3.0)], 1).ravel()


def lotka_volterra(t, y):
    prey, predators = y
    return [1.5 * prey - prey * predators, prey * predators - 3 * predators]


def lorenz(t, y):
    x, y, z = y
    return [10 * (y - x), x * (28 - z) - y, x * y - (8 / 3) * z]


MOON = 0.012277471


def arenstorf(t, y):
    x, z, u, v = y
    earth = 1 - MOON
    to_earth = earth * ((x + MOON) ** 2 + z**2) ** -1.5
    to_moon = MOON * ((x - earth) ** 2 + z**2) ** -1.5
    return [
        u,
        v,
        x + 2 * v - to_earth * (x + MOON) - to_moon * (x - earth),
        z - 2 * u - (to_earth + to_moon) * z,
    ]


def pleiades(t, y):
    xs, ys, us, vs = (y[7 * k : 7 * k + 7] for k in range(4))
    pulls_x, pulls_y = [0] * 7, [0] * 7
    for i in range(7):
        for j in range(i):
            dx, dy = xs[i] - xs[j], ys[i] - ys[j]
            cube = (dx**2 + dy**2) ** -1.5
            pulls_x[i], pulls_x[j] = (
                pulls_x[i] - (j + 1) * cube * dx,
                pulls_x[j] + (i + 1) * cube * dx,
            )
            pulls_y[i], pulls_y[j] = (
                pulls_y[i] - (j + 1) * cube * dy,
                pulls_y[j] + (i + 1) * cube * dy,
            )
    return [*us, *vs, *pulls_x, *pulls_y]


def hires(t, y):
    a, b, c, d, e, f, g, h = y
    bound = 280 * f * h - 1.81 * g
    return [
        -1.71 * a + 0.43 * b + 8.32 * c + 0.0007,
        1.71 * a - 8.75 * b,
        -10.03 * c + 0.43 * d + 0.035 * e,
        8.32 * b + 1.71 * c - 1.12 * d,
        -1.745 * e + 0.43 * f + 0.43 * g,
        -280 * f * h + 0.69 * d + 1.71 * e - 0.43 * f + 0.69 * g,
        bound,
        -bound,
    ]


def robertson(t, y):
    a, b, c = y
    slow, fast = 0.04 * a - 1e4 * b * c, 3e7 * b * b
    return [-slow, slow - fast, fast]


def van_der_pol(stiffness):
    def function(t, y):
        x, v = y
        return [v, stiffness * ((1 - x * x) * v - x)]

    return function


ELSEWHERE = json.loads((Path(__file__).parent / "reference_published.json").read_text())

PROBLEMS = [
    Problem(
        *("Brusselator", brusselator, [1.5, 3.0], 20.0),
        # By Mathematica's NDSolve in 32 digits.
        *((0.4986370712683478, 4.596780349452011), 1e-15),
    ),
    Problem("Brusselator on a line, 20 places", diffusion, diffusion_start(20), 10.0),
    Problem(
        *("Brusselator on a line, 500 places", diffusion, diffusion_start(500), 10.0),
        *(tuple(ELSEWHERE["diffusion"]), 1e-13, 7, 0),
    ),
    Problem("Lotka-Volterra", lotka_volterra, [10.0, 5.0], 15.0),
    Problem("Lorenz", lorenz, [-8.0, 8.0, 27.0], 20.0),
    Problem("Arenstorf", arenstorf, [0.994, 0.0, 0.0, -2.0015851063790825], 17.06521656015796),
    Problem(
        "Pleiades",
        pleiades,
        [
            *(3.0, 3.0, -1.0, -3.0, 2.0, -2.0, 2.0),
            *(3.0, -3.0, 2.0, 0.0, 0.0, -4.0, 4.0),
            *(0.0, 0.0, 0.0, 0.0, 0.0, 1.75, -1.5),
            *(0.0, 0.0, 0.0, -1.25, 1.0, 0.0, 0.0),
        ],
        3.0,
        tuple(ELSEWHERE["pleiades"]),
        1e-13,
    ),
    Problem(
        *("HIRES", hires, [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0057], 321.8122),
        *(tuple(ELSEWHERE["hires"]), 3e-13, 1, 0),
    ),
    Problem(
        *("Robertson", robertson, [1.0, 0.0, 0.0], 40.0),
        *((7.158270687193941e-01, 9.185534764557338e-06, 2.841637457458413e-01), 1e-13, 1, 0),
    ),
    Problem("Van der Pol, 1e3", van_der_pol(1e3), [2.0, 0.0], 2.0),
    Problem(
        *("Van der Pol, 1e6", van_der_pol(1e6), [2.0, 0.0], 2.0),
        *((1.706167732170483, -0.8928097010247975), 3e-14, 1, 0),
    ),
]


def solutions() -> dict[str, list[mpmath.mpf]]:
    """Give the digits at the end of each problem that has them."""
    with mpmath.workdps(DIGITS + 5):
        kept = json.loads(SOLUTIONS.read_text())
        return {name: [mpmath.mpf(x) for x in values] for name, values in kept.items()}


def main() -> None:
    from extrapolation import extrapolated

    for problem in PROBLEMS:
        if problem.digits and problem.name in sys.argv[1:]:
            end = extrapolated(problem.function, problem.start, problem.end, problem.digits + 3)
            found = json.loads(SOLUTIONS.read_text())
            found[problem.name] = [mpmath.nstr(x, problem.digits) for x in end]
            SOLUTIONS.write_text(json.dumps(found, indent=1) + "\n")
            print(problem.name, *found[problem.name], sep="\n    ", flush=True)


if __name__ == "__main__":
    main()
