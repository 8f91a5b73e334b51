"""The period of a Kepler orbit to fifty digits, and to others: 2π for a half axis of 1."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import mpmath
from matplotlib.figure import Figure

import taylorad as ta

FIGURE = Path(__file__).parent / "output" / "kepler_digits.png"
ECCENTRICITY = "0.5"
DIGITS = [20, 30, 40, 50, 70, 100]


def planet(t, y):
    x, z, u, v = y
    pull = (x**2 + z**2) ** -1.5
    return [u, v, -x * pull, -z * pull]


def axis(t, y):
    return y[1]


axis.terminal = 2  # half a turn, and a whole one


@dataclass(frozen=True)
class Result:
    digits: int
    period: str
    error: float  # relative
    order: int
    steps: int


def period(digits: int) -> Result:
    with mpmath.workdps(digits):
        e = mpmath.mpf(ECCENTRICITY)
        start = [1 - e, mpmath.mpf(0), mpmath.mpf(0), mpmath.sqrt((1 + e) / (1 - e))]
        integrator = ta.ode.Integrator(planet, mpmath.mpf(0), start, events=axis)
        integrator.propagate_until(mpmath.mpf(10))
        found = +integrator.time
        with mpmath.workdps(digits + 20):
            error = float(abs(found / (2 * mpmath.pi) - 1))
        return Result(digits, str(found), error, integrator.order, integrator.nsteps)


def main() -> list[Result]:
    results = [period(digits) for digits in DIGITS]
    print(f"Period of a Kepler orbit of eccentricity {ECCENTRICITY}, by the event of its return")
    print(f"  {next(x.period for x in results if x.digits == 50)}")
    print("  digits  relative error  order  steps")
    for x in results:
        print(f"  {x.digits:6d}  {x.error:14.0e}  {x.order:5d}  {x.steps:5d}")
    draw(results)
    return results


def draw(results: list[Result]) -> None:
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    digits = [x.digits for x in results]
    left.semilogy(digits, [10.0**-d for d in digits], "k--", lw=1, label="last digit asked for")
    # An error of nothing at all is drawn where the next digit would be.
    left.semilogy(digits, [x.error or 10.0 ** (-x.digits - 1) for x in results], "o", label="error")
    left.set(xlabel="digits asked for", ylabel="relative error", title="The period of an orbit")
    left.set_yticks([10.0**-d for d in range(20, 101, 20)])
    left.legend()
    right.plot(digits, [x.order for x in results], "o-", lw=1, label="order of the series")
    right.plot(digits, [x.steps for x in results], "s-", lw=1, label="steps for one orbit")
    right.set(xlabel="digits asked for", ylim=(0, None), title="What it takes")
    right.legend()
    for axes in (left, right):
        axes.grid(alpha=0.3)
    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, dpi=120)
    print(f"  figure  {FIGURE.parent.name}/{FIGURE.name}")


if __name__ == "__main__":
    main()
