"""A pendulum with friction, started so fast that it goes over the top: its events, all in order.

And one without friction, whose period is known: the time from one turn to the next but one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.special import ellipk

import taylorad as ta

FIGURE = Path(__file__).parent / "output" / "pendulum_events.png"
FRICTION = 0.08
SPEED = 4.2
ANGLE = 2.0  # from which the one without friction is let go


def pendulum(t, y, friction):
    angle, speed = y
    return [speed, -np.sin(angle) - friction * speed]


def top(t, y, friction):
    return np.cos(y[0] / 2)


def turn(t, y, friction):
    return y[1]


def lowest(t, y, friction):
    return np.sin(y[0] / 2)


turn.terminal = 8  # the eighth ends the integration


@dataclass(frozen=True)
class Result:
    tops: np.ndarray
    turns: np.ndarray
    lowest: np.ndarray
    residual: float  # the largest value of an event function at its events
    period: float
    period_error: float


def main() -> Result:
    events = [top, turn, lowest]
    swing = ta.ode.solve_ivp(
        *(pendulum, (0, np.inf), [0.0, SPEED]),
        **{"events": events, "args": (FRICTION,), "dense_output": True},
    )
    residual = max(
        abs(float(g(t, y, FRICTION)))
        for g, times, states in zip(events, swing.t_events, swing.y_events, strict=True)
        for t, y in zip(times, states, strict=True)
    )
    free = ta.ode.solve_ivp(pendulum, (0, 100), [ANGLE, 0.0], events=turn, args=(0.0,))
    period = float(free.t_events[0][1])
    known = 4 * float(ellipk(np.sin(ANGLE / 2) ** 2))
    result = Result(*swing.t_events, residual, period, abs(period - known) / known)
    print(f"Pendulum with friction {FRICTION}, from below at speed {SPEED}, until its eighth turn")
    for name, times in zip(("over the top", "turns", "lowest"), swing.t_events, strict=True):
        print(f"  {name:14s}" + " ".join(f"{t:6.3f}" for t in times))
    print(f"  event functions there: at most {residual:.0e}")
    print(f"Without friction, from {ANGLE} rad: period {period:.15f}")
    print(f"  relative error, by the complete elliptic integral: {result.period_error:.0e}")
    draw(swing)
    return result


def draw(swing) -> None:
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    t = np.linspace(0, swing.t[-1], 2000)
    angle, speed = swing.sol(t)
    left.plot(t, angle / np.pi, color="0.4", lw=1.2)
    right.plot(angle / np.pi, speed, color="0.4", lw=1.2)
    for name, marker, times, states in zip(
        ("over the top", "turns", "lowest"), "^so", swing.t_events, swing.y_events, strict=True
    ):
        left.plot(times, states[:, 0] / np.pi, marker, ms=6, label=name)
        right.plot(states[:, 0] / np.pi, states[:, 1], marker, ms=6)
    left.set(xlabel="time [√(length/g)]", ylabel="angle [π]", title="Angle and events")
    left.legend(loc="lower right")
    right.set(xlabel="angle [π]", ylabel="speed [√(g/length)]", title="Phase plane")
    for axes in (left, right):
        axes.grid(alpha=0.3)
    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, dpi=120)
    print(f"  figure  {FIGURE.parent.name}/{FIGURE.name}")


if __name__ == "__main__":
    main()
