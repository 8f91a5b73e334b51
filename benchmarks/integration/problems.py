"""Equations of motion, where they begin, how far they go.

A right-hand side is written once, as plain NumPy code; its last argument is the namespace. The
peer with expressions of its own (heyoka) is given the same function, with arrays of its expressions
and a namespace of its functions. ``loops`` is the same once more as numba wants it: floats, loops,
an array to return. The benchmark compares the two before it times anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import mpmath
import numpy as np

Array = Any
Mode = dict[str, Any]

DEFAULT: dict[str, Mode] = {"default": {}}
FAST: dict[str, Mode] = {"fast_math": {"fast_math": True}}
COMPACT: dict[str, Mode] = {"compact_mode": {"compact_mode": True}}
COMPACT_FAST: dict[str, Mode] = {
    "compact_mode, fast_math": {"compact_mode": True, "fast_math": True}
}
MODEL: dict[str, Mode] = {
    f"its own n bodies, {name}": {"model": True, **mode}
    for name, mode in (DEFAULT | COMPACT | COMPACT_FAST).items()
}
MODEL_DEFAULT = {"its own n bodies, default": MODEL.pop("its own n bodies, default")}


@dataclass(frozen=True)
class Problem:
    """An initial value problem.

    ``end``, ``far`` and ``long`` are the times of the run that is timed, of the one that tells the
    time of a step, and of the one whose energy error is measured. ``modes`` are the peer's,
    ``slow`` those that take it seconds to build: once only. Where they
    name its model, its own equations for the motion of ``masses`` take the place of ours. ``exact``
    is the closed form: of a start and a time the state, found in mpmath's numbers. ``most`` is the
    target: the largest ratio of our time to that of the peer's best mode.
    """

    group: str
    name: str
    function: Callable[..., Any]
    start: Array
    end: float
    loops: Callable[..., Any]
    most: float
    energy: Callable[[Array], Any] | None = None
    long: float = 0.0
    far: float = 0.0
    masses: Array | None = None  # times the constant of gravity
    exact: Callable[[Array, float], Array] | None = None
    modes: dict[str, Mode] = field(default_factory=lambda: DEFAULT | FAST | COMPACT)
    slow: dict[str, Mode] = field(default_factory=dict)
    only_built: bool = False

    @property
    def size(self) -> int:
        return len(self.start)


# --- small -----------------------------------------------------------------------------------


def kepler(t: Any, y: Any, np: Any = np) -> Any:
    x, y, vx, vy = y
    cube = (x * x + y * y) ** -1.5
    return [vx, vy, -x * cube, -y * cube]


def kepler_loops(t: float, y: Array) -> Array:
    r2 = y[0] * y[0] + y[1] * y[1]
    cube = 1.0 / (r2 * math.sqrt(r2))
    return np.array([y[2], y[3], -y[0] * cube, -y[1] * cube])


def kepler_energy(y: Array) -> Any:
    return (y[2] ** 2 + y[3] ** 2) / 2 - 1 / np.sqrt(y[0] ** 2 + y[1] ** 2)


def kepler_exact(start: Array, t: float) -> Array:
    """Solve Kepler's equation, for the orbit through a state at time 0, by Lagrange's f and g."""
    with mpmath.workdps(40):
        x, y, u, v = map(mpmath.mpf, start.tolist())
        r, moving = mpmath.hypot(x, y), x * u + y * v
        a = 1 / (2 / r - (u * u + v * v))
        n, root = a ** mpmath.mpf(-1.5), mpmath.sqrt(a)

        def late(E: Any) -> Any:  # by Kepler's equation for the difference of anomalies
            return E - (1 - r / a) * mpmath.sin(E) + moving / root * (1 - mpmath.cos(E)) - n * t

        E = mpmath.findroot(late, n * t)
        c, s = mpmath.cos(E), mpmath.sin(E)
        now = a + (r - a) * c + moving * root * s  # the distance
        f, g = 1 - a / r * (1 - c), t - (E - s) / n
        df, dg = -root * s / (r * now), 1 - a / now * (1 - c)
        parts = [f * x + g * u, f * y + g * v, df * x + dg * u, df * y + dg * v]
        return np.array([np.longdouble(mpmath.nstr(z, 25)) for z in parts])


ELLIPSE = np.array([0.5, 0.0, 0.0, math.sqrt(3.0)])


def lorenz(t: Any, y: Any, np: Any = np) -> Any:
    x, y, z = y
    return [10.0 * (y - x), x * (28.0 - z) - y, x * y - (8.0 / 3.0) * z]


def lorenz_loops(t: float, y: Array) -> Array:
    rates = [10.0 * (y[1] - y[0]), y[0] * (28.0 - y[2]) - y[1], y[0] * y[1] - (8.0 / 3.0) * y[2]]
    return np.array(rates)


def van_der_pol(t: Any, y: Any, np: Any = np) -> Any:
    x, v = y
    return [v, 3.0 * (1.0 - x * x) * v - x]


def van_der_pol_loops(t: float, y: Array) -> Array:
    return np.array([y[1], 3.0 * (1.0 - y[0] * y[0]) * y[1] - y[0]])


def pendulum(t: Any, y: Any, np: Any = np) -> Any:
    angle, speed = y
    return [speed, -np.sin(angle)]


def pendulum_loops(t: float, y: Array) -> Array:
    return np.array([y[1], -math.sin(y[0])])


def pendulum_energy(y: Array) -> Any:
    return y[1] ** 2 / 2 - np.cos(y[0])


# --- large -----------------------------------------------------------------------------------


def chain(t: Any, y: Any, np: Any = np) -> Any:
    """Hang pendulums in a row, each bound to its neighbours by a spring."""
    n = len(y) // 2
    angles, speeds = y[:n], y[n:]
    pulls = 0.5 * (angles[1:] - angles[:-1])
    free = np.concatenate([pulls, [0.0]]) - np.concatenate([[0.0], pulls])
    return np.concatenate([speeds, free - np.sin(angles)])


def chain_loops(t: float, y: Array) -> Array:
    n = len(y) // 2
    rates = np.empty(2 * n)
    for i in range(n):
        rates[i] = y[n + i]
        a = -math.sin(y[i])
        if i > 0:
            a += 0.5 * (y[i - 1] - y[i])
        if i < n - 1:
            a += 0.5 * (y[i + 1] - y[i])
        rates[n + i] = a
    return rates


def chain_energy(y: Array) -> Any:
    n = len(y) // 2
    angles, speeds = y[:n], y[n:]
    return np.sum(speeds**2) / 2 - np.sum(np.cos(angles)) + np.sum(np.diff(angles) ** 2) / 4


def chain_start(n: int) -> Array:
    return np.concatenate([np.random.default_rng(1).uniform(-2, 2, n), np.zeros(n)])


def fermi(t: Any, y: Any, np: Any = np) -> Any:
    """Fermi, Pasta, Ulam and Tsingou: masses on springs that harden, between two walls."""
    n = len(y) // 2
    places, speeds = y[:n], y[n:]
    d = np.concatenate([places, [0.0]]) - np.concatenate([[0.0], places])
    forces = d + 0.25 * (d * d * d)
    return np.concatenate([speeds, forces[1:] - forces[:-1]])


def fermi_loops(t: float, y: Array) -> Array:
    n = len(y) // 2
    rates = np.empty(2 * n)
    before = y[0] + 0.25 * y[0] ** 3
    for i in range(n):
        d = y[i + 1] - y[i] if i < n - 1 else -y[i]
        force = d + 0.25 * (d * d * d)
        rates[i], rates[n + i] = y[n + i], force - before
        before = force
    return rates


def fermi_energy(y: Array) -> Any:
    n = len(y) // 2
    d = np.diff(np.concatenate([[0], y[:n], [0]]))
    return np.sum(y[n:] ** 2) / 2 + np.sum(d**2 / 2 + d**4 / 16)


def fermi_start(n: int) -> Array:
    return np.concatenate([2 * np.sin(np.pi * np.arange(1, n + 1) / (n + 1)), np.zeros(n)])


def bodies(masses: Array, G: float) -> dict[str, Any]:
    """Make the motion of bodies under their gravity: the function, its loops and the energy."""
    n = len(masses)
    m = [float(x) for x in G * masses]
    weights = np.array(m)

    def function(t: Any, y: Any, np: Any = np) -> Any:
        places = y[: 3 * n].reshape(n, 3)
        pulls: list[list[Any]] = [[] for _ in range(n)]
        for i in range(n):
            for j in range(i + 1, n):
                d = places[j] - places[i]
                w = d * np.dot(d, d) ** -1.5
                pulls[i].append(m[j] * w)
                pulls[j].append(-m[i] * w)
        return np.concatenate([y[3 * n :], *map(sum, pulls)])

    def loops(t: float, y: Array) -> Array:
        rates = np.zeros(6 * n)
        rates[: 3 * n] = y[3 * n :]
        for i in range(n):
            for j in range(i + 1, n):
                x, z, u = (
                    y[3 * j] - y[3 * i],
                    y[3 * j + 1] - y[3 * i + 1],
                    y[3 * j + 2] - y[3 * i + 2],
                )
                r2 = x * x + z * z + u * u
                w = 1.0 / (r2 * math.sqrt(r2))
                for k, d in enumerate((x, z, u)):
                    rates[3 * (n + i) + k] += weights[j] * w * d
                    rates[3 * (n + j) + k] -= weights[i] * w * d
        return rates

    def energy(y: Array) -> Any:
        places, speeds = y[: 3 * n].reshape(n, 3), y[3 * n :].reshape(n, 3)
        weight = weights.astype(y.dtype)
        i, j = np.triu_indices(n, 1)
        distances = np.sqrt(np.sum((places[j] - places[i]) ** 2, axis=1))
        kinetic = np.sum(weight[:, None] * speeds**2) / 2
        return kinetic - np.sum(weight[i] * weight[j] / distances)

    return {"function": function, "loops": loops, "energy": energy, "masses": weights}


def at_rest(masses: Array, places: Array, speeds: Array) -> Array:
    """Give the state in which the centre of mass rests at the origin."""
    parts = [x - masses @ x / np.sum(masses) for x in (places, speeds)]
    return np.concatenate([x.ravel() for x in parts])


def outer_planets() -> dict[str, Any]:
    """Give the Sun, the four outer planets and Pluto, in astronomical units and years.

    The data are those of Hairer, Lubich and Wanner, Geometric Numerical Integration, I.2.4.
    """
    year = 365.25
    masses = np.array(
        [
            *(1.00000597682, 0.000954786104043, 0.000285583733151),
            *(0.0000437273164546, 0.0000517759138449, 1 / 1.3e8),
        ]
    )
    places = np.array(
        [
            [0, 0, 0],
            [-3.5023653, -3.8169847, -1.5507963],
            [9.0755314, -3.0458353, -1.6483708],
            [8.3101420, -16.2901086, -7.2521278],
            [11.4707666, -25.7294829, -10.8169456],
            [-15.5387357, -25.2225594, -3.1902382],
        ]
    )
    speeds = year * np.array(
        [
            [0, 0, 0],
            [0.00565429, -0.00412490, -0.00190589],
            [0.00168318, 0.00483525, 0.00192462],
            [0.00354178, 0.00137102, 0.00055029],
            [0.00288930, 0.00114527, 0.00039677],
            [0.00276725, -0.00170702, -0.00136504],
        ]
    )
    start = at_rest(masses, places, speeds)
    return {"start": start, **bodies(masses, 2.95912208286e-4 * year * year)}


def planets(n: int = 20) -> dict[str, Any]:
    """Give a heavy body and light ones on nearly circular orbits."""
    rng = np.random.default_rng(7)
    masses = np.concatenate([[1.0], rng.uniform(1e-6, 1e-4, n - 1)])
    a = 1.35 ** np.arange(n - 1)
    phase, tilt = rng.uniform(0, 2 * np.pi, n - 1), rng.normal(0, 0.03, n - 1)
    around = np.array([np.cos(phase), np.sin(phase), 0.02 * np.sin(phase)])
    along = np.array([-np.sin(phase), np.cos(phase), tilt])
    places = np.vstack([np.zeros(3), (a * around).T])
    speeds = np.vstack([np.zeros(3), (along / np.sqrt(a)).T])
    return {"start": at_rest(masses, places, speeds), **bodies(masses, 1.0)}


# --- all -------------------------------------------------------------------------------------


def problems() -> Iterator[Problem]:
    """Give every problem, small ones first."""
    year = 2 * math.pi
    small = {"group": "small", "most": 0.6}
    large = {"group": "large", "most": 0.15}
    yield Problem(
        name="Kepler, e = 0.5, 100 orbits",
        **{"function": kepler, "start": ELLIPSE, "end": 100 * year, "loops": kepler_loops},
        **{"energy": kepler_energy, "long": 1000 * year, "exact": kepler_exact},
        **small,
    )
    yield Problem(
        name="Lorenz, t = 20",
        **{"function": lorenz, "start": np.array([1.0, 2.0, 3.0]), "loops": lorenz_loops},
        **{"end": 20.0, "far": 500.0},
        **small,
    )
    yield Problem(
        name="Van der Pol, μ = 3, t = 1000",
        **{"function": van_der_pol, "start": np.array([2.0, 0.0]), "end": 1000.0},
        loops=van_der_pol_loops,
        **small,
    )
    yield Problem(
        name="pendulum, t = 1000",
        **{"function": pendulum, "start": np.array([2.0, 0.0]), "end": 1000.0},
        **{"loops": pendulum_loops, "energy": pendulum_energy},
        **small,
    )
    yield Problem(
        name="8 pendulums in a chain, t = 100",
        **{"function": chain, "start": chain_start(8), "end": 100.0, "far": 500.0},
        **{"loops": chain_loops, "energy": chain_energy, "long": 1000.0},
        **large,
    )
    yield Problem(
        name="outer solar system, 1000 years",
        **{"end": 1000.0, "long": 10000.0, **outer_planets()},
        **{"modes": MODEL | COMPACT, "slow": MODEL_DEFAULT | DEFAULT},
        **large,
    )
    yield Problem(
        name="Fermi–Pasta–Ulam, 64 masses, t = 2000",
        **{"function": fermi, "start": fermi_start(64), "end": 2000.0},
        **{"loops": fermi_loops, "energy": fermi_energy},
        **{"modes": COMPACT | COMPACT_FAST, "slow": DEFAULT},
        **large,
    )
    yield Problem(
        name="20 bodies, t = 20",
        **{"end": 20.0, "modes": MODEL | COMPACT, **planets()},
        **large,
    )
    yield Problem(
        name="2500 pendulums in a chain",
        **{"function": chain, "start": chain_start(2500), "end": 0.5, "loops": chain_loops},
        **{"modes": COMPACT, "only_built": True, "group": "huge", "most": 0.15},
    )
