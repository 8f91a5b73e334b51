"""Traces that the next process need not make: what they are known by, and that it is the same."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest

from taylorad.errors import InputError
from taylorad.ode.tracing import recording
from taylorad.ode.tracing.lasting import lasting
from taylorad.ode.tracing.reads import known_by


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Have nothing from other runs on disk."""
    monkeypatch.setenv("TAYLORAD_CACHE", str(tmp_path / "cache"))


SCRIPT = """
import json, sys
import numpy as np
import taylorad as ta
from taylorad.ode.tracing import recording

made, whole = [], recording.Recording.__init__
recording.Recording.__init__ = lambda self, *a: made.append(1) or whole(self, *a)
K = {k}

def pull(d):
    return d * np.dot(d, d) ** -1.5

def fun(t, y, p, np=np):
    jump = {jump}
    return np.concatenate([y[2:], -K * p * pull(y[:2])]) * jump

def event(t, y, p):
    return y[1]

start = {start}
one = ta.ode.Integrator(fun, 0.0, start, args=(1.0,), tol=1e-12)
one.step()
before = len(made)
events = ta.ode.solve_ivp(fun, (0.0, 9.0), start, args=(1.0,), events=event)
lines = one._engine.flow.system.program.steps
print(json.dumps([one.state.tolist(), before, len(made), len(lines), events.t_events[0].tolist()]))
"""


START = "[1.0, 0.0, 0.0, 1.1]"


def said(seed: int, k: str = "1.0", jump: str = "1.0", start: str = START):
    script = SCRIPT.replace("{k}", k).replace("{jump}", jump).replace("{start}", start)
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONHASHSEED": str(seed)},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(run.stdout)


def test_the_next_process_does_not_trace():
    state, before, after, lines, times = said(1)
    assert (before, after) == (1, 2)  # that with an event is another
    again, before, after, *others = said(2)
    assert (again, before, after) == (state, 0, 2)  # that of which lines are asked for is made
    assert others == [lines, times]
    other, before, *_ = said(3, k="1.5")
    assert before == 1
    assert other != state


FACTOR = 2.0


def scaled(t, y):
    return FACTOR * y


def test_what_has_changed_is_not_taken_for_what_was_kept(monkeypatch):
    y = np.ones(2)
    recording.forget()
    recording.traced(scaled, 0.0, y, (), ())
    recording.forget()
    kept = recording.traced(scaled, 0.0, y, (), ())
    monkeypatch.setitem(globals(), "FACTOR", 3.0)
    with pytest.raises(InputError, match="has changed"):
        assert kept.constants
    assert recording.traced(scaled, 0.0, y, (), ()).said != kept.said
    monkeypatch.setitem(globals(), "FACTOR", 2.0)
    assert kept.constants == [None]
    recording.forget()


def test_what_jumps_is_traced_in_each_process():
    first, second = (said(k, jump="np.where(y[0] > 9.0, 2.0, 1.0)") for k in (1, 2))
    assert first[:2] == second[:2]
    assert first[1] == 1


@pytest.mark.parametrize(
    "one",  # each is 1, if the pivots are large, or the order is that of the state
    [
        "np.linalg.solve(np.stack([y[:2], np.stack([-y[1], y[0]])]), np.stack([y[0], -y[1]]))[0]",
        "1 + np.sort(y[:2])[1] - np.interp(y[np.argmax(y[:2])], [-9, 0, 9], [-9, 0, 9])",
    ],
)
def test_what_is_chosen_by_numbers_is_chosen_in_each_process(one):
    for seed, start in enumerate((START, "[0.0, 1.0, -1.1, 0.0]")):
        _, made, *_, times = said(seed, jump=one, start=start)
        assert made == 1
        *_, known = said(seed, start=start)
        np.testing.assert_allclose(times, known, rtol=0, atol=1e-11)


def test_what_lasts_is_another_for_whatever_may_make_a_difference():
    def about(k, f):
        return lambda t, y, by=k: np.where(by > 0, -f(y) * len(y), +0.0)

    kinds = (1, 1.0, 2.0, -1.0, 0.0, -0.0, (1.0,), [1.0], True, None, "1", np.float64(1.0))
    arrays = (np.array([1.0]), np.array([1]), np.array([[1.0]]), {1: 1.0}, {1.0: 1.0})
    known = [known_by((about(k, f),), ()) for k in (*kinds, *arrays) for f in (np.sin, np.cos, abs)]
    names = [lasting(key) for key in known]
    assert all(names)
    assert len({*names}) == len(names)
    assert names == [lasting(key) for key in known]
    codes = [lambda t, y: y + 1, lambda t, y: y + 1.0, lambda t, y: y - 1, lambda y, t: y + 1]
    codes += [lambda t, y: y, lambda t, y: t, lambda t, y: [y for _ in (0, 1)]]
    codes += [lambda t, y: [y for _ in (0, 2)], lambda t, *y: y, lambda t, y: math.pi * y]
    names = [lasting(known_by((f,), (y,))) for f in codes for y in (1.0, 1, np.ones(2), (1.0, 1.0))]
    assert all(names)
    assert len({*names}) == len(names)


def test_what_lasts_is_the_same_wherever_a_function_is_written():
    first, second = (eval(f"{space}lambda t, y: np.sin(y)") for space in ("", "\n\n"))
    assert lasting(known_by((first,), ())) == lasting(known_by((second,), ())) != ""


def in_sets():
    return [
        lambda t, y: sum(y * len(name) for name in {"a", "bc"}),
        lambda t, y, names=("a", "bc"): sum(y * len(name) for name in set(names)),
        lambda t, y, a="a", b="bc": sum(y * len(name) for name in {a, b}),
        lambda t, y, names=("a", "bc"): sum(y * n for n in {len(name) for name in names}),
    ]


@pytest.mark.parametrize("fun", in_sets())
def test_sets_have_an_order_of_their_own_in_each_process(fun):
    known = known_by((fun,), ())
    assert known is None or lasting(known) == ""
