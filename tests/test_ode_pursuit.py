"""Going as far as an event that ends it all: machine code does what Python does, bit for bit."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

import taylorad as ta
from taylorad.ode.events.watch import Watch
from taylorad.ode.flow import Flow


def event(function, terminal=True, direction=0):
    def g(t, y):
        return function(t, y)

    g.terminal, g.direction = terminal, direction
    return g


def pendulum(t, y):
    return [y[1], -np.sin(y[0])]


def forced(t, y):
    return [y[1], -y[0] + 0.3 * np.cos(1.3 * t)]


def kepler(t, s):
    x, y, u, v = s
    r = (x * x + y * y) ** -1.5
    return [u, v, -x * r, -y * r]


def ball(t, y):
    return [y[1], -9.81]


def drag(t, y):
    return [y[1], -9.81 - 0.1 * y[1]]


def nearly(t, y):
    """Vanish twice in short order, and again within the errors of rounding."""
    return (y[0] - 0.3) * (y[0] - 0.3000001)


APSIDES = lambda t, s: s[0] * s[2] + s[1] * s[3]
FIRST, SECOND = lambda t, y: y[0], lambda t, y: y[1]

CASES = {
    "crossings": (pendulum, [1.0, 0.0], [event(FIRST)]),
    "falling": (pendulum, [1.0, 0.0], [event(FIRST, direction=-1)]),
    "every third": (forced, [1.0, 0.0], [event(FIRST, terminal=3), event(SECOND, False)]),
    "many": (
        forced,
        [1.0, 0.0],
        [event(lambda t, y, k=k: y[0] - 0.2 * k, k % 2) for k in range(-3, 4)],
    ),
    "by the time": (forced, [1.0, 0.0], [event(lambda t, y: np.sin(t)), event(FIRST, False, 1)]),
    "apsides": (kepler, [0.5, 0.0, 0.0, math.sqrt(3)], [event(APSIDES)]),
    "pairs": (pendulum, [1.0, 0.0], [event(nearly)]),
    "touching": (pendulum, [1.0, 0.0], [event(lambda t, y: y[0] ** 2)]),
    "together": (pendulum, [1.0, 0.0], [event(FIRST), event(lambda t, y: 2 * y[0]), event(SECOND)]),
    "ball": (ball, [1.0, 0.0], [event(FIRST, direction=-1)]),
    "drag": (drag, [1.0, 0.0], [event(FIRST, direction=-1)]),
    "singular": (pendulum, [1.0, 0.0], [event(lambda t, y: np.sqrt(abs(y[0] - 0.5)) - 0.1)]),
}


def run(name, sign=1.0, stops=40):
    """Go on after each event; give all that is known after each."""
    fun, start, events = CASES[name]
    integrator = ta.ode.Integrator(fun, 0.0, start, events=events)
    seen = []
    while len(seen) < stops:
        outcome = integrator.propagate_until(30.0 * sign, dense_output=True)
        motion, engine = integrator._motion, integrator._engine
        seen.append([outcome.outcome, outcome.steps, outcome.sol.ts.tolist()])
        seen[-1] += [*integrator.time_words, motion.state.tolist(), motion.lost.tolist()]
        seen[-1] += [motion.steps, engine.ending.left.tolist(), integrator.t_events[:]]
        seen[-1] += [[np.array(y).tolist() for y in integrator.y_events]]
        if outcome.outcome != "event":
            break
        if fun in (ball, drag):
            integrator.state = [0.0, -0.9 * integrator.state[1]]
    return seen


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("name", CASES)
def test_machine_code_does_what_python_does(monkeypatch, name, sign):
    quick = run(name, sign)
    monkeypatch.setattr(Flow, "is_pursuable", False)
    assert run(name, sign) == quick
    assert len(quick) > 3


@pytest.mark.parametrize(
    "name", ["crossings", "falling", "every third", "by the time", "apsides", "ball", "drag"]
)
def test_what_is_clear_needs_no_look(monkeypatch, name):
    """Of these no step is looked at in Python."""

    def never(*args, **options):
        raise AssertionError

    quick = run(name)
    monkeypatch.setattr(Watch, "over", never)
    assert run(name) == quick


@pytest.mark.parametrize("height", [0.0, 1e-20, -1e-20, 1e-17, -1e-17, 1e-14, -1e-14, 1e-9])
@pytest.mark.parametrize("end", [0.5, 10.0, 1e5])
def test_balls_that_leave_the_ground(height, end):
    """Rounding errors on the ground are no crossing; what is more than these is one."""
    speed = 0.01
    integrator = ta.ode.Integrator(ball, 0.0, [height, speed], events=event(FIRST))
    assert integrator.propagate_until(end).outcome == "event"
    rises = height < -1e-19  # a rounding of what it moves in its own time is less
    root = -height / speed if rises else (speed + math.sqrt(speed**2 + 19.62 * height)) / 9.81
    np.testing.assert_allclose(integrator.time, root, rtol=1e-9 if rises else 1e-14)


def test_right_hand_sides_that_end():
    """Where there are no more steps the last good point stays, with the events before it."""
    integrator = ta.ode.Integrator(
        lambda t, y: y**2, 0.0, [1.0], events=event(lambda t, y: y[0] - 2.0, terminal=9)
    )
    with pytest.raises(ta.errors.IntegrationError, match="singular at t = 1"):
        integrator.propagate_until(2.0)
    np.testing.assert_allclose(integrator.t_events[0], [0.5], rtol=1e-15)
    assert 0.99 < integrator.time < 1.0


def crossing(t, y):
    return y[0]


crossing.terminal = 2


def test_copies_and_pickles_count_for_themselves():
    first = ta.ode.Integrator(pendulum, 0.0, [1.0, 0.0], events=crossing)
    first.propagate_until(3.0)
    others = [first.copy(), pickle.loads(pickle.dumps(first))]
    ends = [x.propagate_until(100.0).outcome for x in (first, *others)]
    assert ends == ["event"] * 3
    assert {x.time_words for x in (first, *others)} == {first.time_words}
    assert [len(x.t_events[0]) for x in (first, *others)] == [2, 2, 2]
