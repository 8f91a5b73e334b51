"""Which asteroids go along with Jupiter: an ensemble of thousands on a local Dask cluster.

The restricted problem of three bodies: Sun and Jupiter on circles, asteroids without mass in their
plane, in a frame that turns with them. Units are the distance and the masses of both; Jupiter goes
round in 2 pi. About 60 degrees ahead of Jupiter an asteroid librates, in the shape of a tadpole:
it is a Trojan. Farther from there it comes round to 60 degrees behind and back: a horseshoe.

Without Dask (``pip install 'taylorad[dask]'``) threads of this process do the same.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

import taylorad as ta

FIGURE = Path(__file__).parent / "output" / "asteroids_dask.png"
ANGLES, AXES = 120, 81  # how many angles from Jupiter, and semi-major axes
YEARS = 2000
LOOKS = 300  # at each asteroid
WORKERS = 2

YEAR = 2 * np.pi / 11.862
MASS = 1 / 1048.35  # Jupiter's
LIBRATION = 2 * np.pi / np.sqrt(27 / 4 * MASS) / YEAR  # what small ones take, years
GONE, HORSESHOE, TADPOLE = range(3)


def motion(t, y, mass):
    """An asteroid; the Sun is at (-mass, 0), Jupiter at (1 - mass, 0)."""
    place, speed = y
    from_sun, from_planet = place + np.array([mass, 0]), place - np.array([1 - mass, 0])
    pull = -(1 - mass) * (from_sun @ from_sun) ** -1.5 * from_sun
    pull = pull - mass * (from_planet @ from_planet) ** -1.5 * from_planet
    turning = 2 * np.array([speed[1], -speed[0]]) + place
    return np.array([speed, pull + turning])


def jacobi(y):
    """Give Jacobi's integral; components of places, then of speeds, come first."""
    place, speed = y
    sun = np.hypot(place[0] + MASS, place[1])
    planet = np.hypot(place[0] - 1 + MASS, place[1])
    potential = np.sum(place**2, axis=0) / 2 + (1 - MASS) / sun + MASS / planet
    return 2 * potential - np.sum(speed**2, axis=0)


def on_circles(angles, axes):
    """Give asteroids that go round the Sun on circles, at angles from Jupiter."""
    direction = np.array([np.cos(angles), np.sin(angles)])
    ahead = np.array([-direction[1], direction[0]])
    place = axes * direction - np.array([[MASS], [0]])
    speed = np.sqrt((1 - MASS) / axes) * ahead - np.array([[0], [MASS]])  # with the Sun's
    turning = np.array([-place[1], place[0]])
    return np.moveaxis(np.array([place, speed - turning]), -1, 0)


@contextmanager
def workers():
    """Give the executor of a cluster on this machine, or None for threads."""
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        print("Dask is not installed (pip install 'taylorad[dask]'): threads do the work")
        yield None
        return
    # With a cluster of other machines all that changes is this: Client("scheduler:8786").
    cluster = LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=":0")
    with cluster, Client(cluster) as client:
        yield client.get_executor()


@dataclass(frozen=True)
class Result:
    angles: np.ndarray  # at the beginning, in degrees
    axes: np.ndarray
    width: np.ndarray  # of the libration, in degrees: (ANGLES, AXES)
    kind: np.ndarray
    drift: float  # of Jacobi's integral, the largest of what stays
    period: float  # of a libration of 10 degrees, in years
    seconds: float


def main() -> Result:
    angles = np.radians(np.linspace(10, 180, ANGLES))
    axes = np.linspace(0.945, 1.055, AXES)
    starts = on_circles(*(x.ravel() for x in np.meshgrid(angles, axes, indexing="ij")))
    times = np.linspace(0, YEARS * YEAR, LOOKS)
    with workers() as executor:
        begin = time.perf_counter()
        run = ta.ode.ensemble(
            motion,
            (0, times[-1]),
            starts,
            args=(MASS,),
            t_eval=times,
            executor=executor,
            progress=True,
        )
        seconds = time.perf_counter() - begin
    y = np.moveaxis(run.y, 0, 2)  # (2, 2, asteroids, times)
    seen = np.unwrap(np.arctan2(y[0, 1], y[0, 0] + MASS), axis=1)  # from the Sun
    lowest, highest = np.min(seen, axis=1), np.max(seen, axis=1)
    kind = np.full(len(seen), GONE)
    stays = run.success & (lowest > 0) & (highest < 2 * np.pi)
    kind[stays] = np.where(highest[stays] < np.pi, TADPOLE, HORSESHOE)
    width = np.where(stays, highest - lowest, np.inf)
    integral = jacobi(y[..., stays, :])
    shape = (ANGLES, AXES)
    result = Result(
        np.degrees(angles),
        axes,
        np.degrees(width).reshape(shape),
        kind.reshape(shape),
        float(np.max(np.abs(integral / integral[:, :1] - 1))),
        period_of(times, seen[np.argmin(np.abs(width - np.radians(10)))]) / YEAR,
        seconds,
    )
    steps = int(run.nsteps.sum())
    print(f"{kind.size} asteroids for {YEARS} years: {steps:,} steps in {seconds:.1f} s")
    print(f"  Trojans {np.sum(kind == TADPOLE)}, on horseshoes {np.sum(kind == HORSESHOE)}")
    print(f"  the integral changes by at most {result.drift:.0e} of itself")
    print(f"  a libration of 10 degrees takes {result.period:.1f} years; in theory {LIBRATION:.1f}")
    draw(result, y, seen)
    return result


def period_of(times, angle):
    """Give the period of an oscillation, by where it passes its mean upward."""
    above = angle > (np.min(angle) + np.max(angle)) / 2
    up = times[1:][above[1:] & ~above[:-1]]
    return (up[-1] - up[0]) / (len(up) - 1)


def draw(result: Result, y, seen) -> None:
    figure = Figure(figsize=(11, 5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.3, 1])

    tadpoles = np.ma.masked_where(result.kind != TADPOLE, result.width)
    horseshoes = np.ma.masked_where(result.kind != HORSESHOE, result.width)
    grid = {"shading": "nearest", "rasterized": True}
    left.pcolormesh(result.angles, result.axes, horseshoes.T, cmap=ListedColormap(["0.82"]), **grid)
    shown = left.pcolormesh(result.angles, result.axes, tadpoles.T, cmap="viridis", **grid)
    figure.colorbar(shown, label="width of the libration [degrees]")
    left.plot(60, 1, "+", color="white", ms=9)
    left.set(xlabel="angle ahead of Jupiter [degrees]", ylabel="semi-major axis [Jupiter's]")
    left.set(title="Trojans (coloured), horseshoes (grey)")

    width, kind = result.width.ravel(), result.kind.ravel()
    for wanted, of, color in (
        (15, TADPOLE, "tab:blue"),
        (70, TADPOLE, "tab:green"),
        (320, HORSESHOE, "0.6"),
    ):
        one = np.argmin(np.where(kind == of, np.abs(width - wanted), np.inf))
        right.plot(*y[0, :, one], ".", ms=1.5, color=color, zorder=of)
    right.plot(-MASS, 0, "o", color="gold", ms=9)
    right.plot(1 - MASS, 0, "o", color="tab:red", ms=6)
    right.set(aspect="equal", title=f"Three of them, for {YEARS} years", xticks=[], yticks=[])

    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, dpi=120)
    print(f"  figure  {FIGURE.parent.name}/{FIGURE.name}")


if __name__ == "__main__":
    main()
