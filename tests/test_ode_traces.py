"""Traces that are remembered: never one of a function that does something else by now."""

from __future__ import annotations

import math
import types
from dataclasses import dataclass

import numpy as np
import pytest

import taylorad as ta
from taylorad.ode.tracing import recording
from taylorad.ode.tracing import system as systems
from taylorad.ode.tracing.reads import known_by
from taylorad.ode.tracing.system import system
from taylorad.primitives.registry import TABLE

RATE = 1.0
RATES = np.array([1.0, 2.0])
SETTINGS = types.ModuleType("settings")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Have nothing from other runs on disk."""
    monkeypatch.setenv("TAYLORAD_CACHE", str(tmp_path / "cache"))


def rate() -> float:
    return RATE


def end(fun, *args):
    """Give the state after a time of 1, from 1 on."""
    return ta.ode.solve_ivp(fun, (0.0, 1.0), [1.0], args=args, t_eval=[1.0]).y[0, 0]


def count(monkeypatch) -> list[int]:
    """Count traces that are made from now on."""
    made = []
    whole = recording.Recording.__init__

    def counted(self, *args):
        made.append(1)
        whole(self, *args)

    monkeypatch.setattr(recording.Recording, "__init__", counted)
    return made


def test_a_function_that_stays_the_same_is_traced_once(monkeypatch):
    made = count(monkeypatch)

    def of(k):
        return end(lambda t, y, p: np.sin(p) * y * len(y) + np.linalg.norm(y) - math.pi, k)

    first = of(0.5)
    np.testing.assert_array_equal(of(0.5), first)
    assert not np.array_equal(of(0.6), first)
    assert len(made) == 1


def test_other_numbers_in_a_closure(monkeypatch):
    made = count(monkeypatch)
    for k in (1.0, 2.0, 1.0, np.float64(3.0), np.array([4.0]), [5.0], (6.0,), {0: 7.0}):
        is_number = isinstance(k, float)

        def decay(t, y):
            return -y * (k if is_number else k[0])  # noqa: B023

        np.testing.assert_allclose(end(decay), math.exp(-(k if is_number else k[0])), rtol=1e-14)
    assert len(made) == 7


def test_derivatives_along_take_no_trace_apart_again(monkeypatch):
    def decay(t, y, k):
        return -k * y

    def slope(k):
        return ta.grad(lambda k: ta.ode.solve_ivp(decay, (0, 1), [1.0], args=(k,)).y[0, -1])(k)

    np.testing.assert_allclose(slope(0.5), -math.exp(-0.5), rtol=1e-14)
    read, made = systems._read, []
    monkeypatch.setattr(systems, "_read", lambda *given: made.append(1) or read(*given))
    np.testing.assert_allclose(slope(0.25), -math.exp(-0.25), rtol=1e-14)
    assert not made


def turned(t, y):
    """The same as y, by a matrix of which no entry serves as a pivot everywhere."""
    x, z = y[:2]
    turn = np.stack([np.stack([x, z]), np.stack([-z, x])])
    return np.linalg.solve(turn, turn @ y[:2])


def test_pivots_are_those_of_the_state(monkeypatch):
    made, kept = count(monkeypatch), set()
    monkeypatch.setattr(recording, "store", lambda name, image: kept.add(name))
    starts = [np.array(y) for y in ([1.0, 1e-20], [1e-20, 1.0], [1.0, 1e-20], [-2.0, 1e-20])]
    known = [system(turned, 0.0, y, may_wait=True) for y in starts]
    assert len(made) == 1
    assert not kept
    assert all(x.guards for x in known)
    assert [known[0].said == x.said for x in known] == [True, False, True, False]
    for y in starts:
        run = ta.ode.solve_ivp(turned, (0.0, 1.0), y, t_eval=[1.0])
        np.testing.assert_allclose(run.y[:, 0], np.exp(1.0) * y, rtol=1e-13)


def test_order_is_that_of_the_state(monkeypatch):
    kept = set()
    monkeypatch.setattr(recording, "store", lambda name, image: kept.add(name))

    def fun(t, y):
        return np.array([1.0, 0.0]) * np.sort(y)[1]  # the first grows as the largest does

    for start, end in (([1.0, 2.0], [1.5, 2.0]), ([2.0, 1.0], [2.0 * math.exp(0.25), 1.0])):
        run = ta.ode.solve_ivp(fun, (0.0, 0.25), start)
        np.testing.assert_allclose(run.y[:, -1], end, rtol=1e-14)
    assert not kept


def test_signs_of_zeros_and_types_of_numbers_count():
    def of(k):
        return known_by((lambda t, y: y * k,), ())

    numbers = [0.0, -0.0, 0, False, np.float64(0.0), np.float32(0.0), np.array(0.0), "0", None]
    assert len({of(k) for k in numbers}) == len(numbers)
    assert len({of(np.zeros(s)) for s in (4, (2, 2), (1, 4))}) == 3


def test_other_globals_and_what_functions_that_are_called_read(monkeypatch):
    for name, value in (("RATE", 2.0), ("RATE", 3.0), ("rate", lambda: 4.0)):
        monkeypatch.setitem(globals(), name, value)
        expected = value if name == "RATE" else 4.0
        np.testing.assert_allclose(end(lambda t, y: -rate() * y), math.exp(-expected), rtol=1e-14)


def test_an_array_that_was_written_to():
    rates = np.array([1.0])

    def decay(t, y):
        return -rates * y

    for k in (1.0, 2.0):
        rates[0] = k
        np.testing.assert_allclose(end(decay), math.exp(-k), rtol=1e-14)


def test_attributes_of_modules_and_defaults(monkeypatch):
    for k in (1.0, 2.0):
        monkeypatch.setattr(SETTINGS, "k", k, raising=False)
        np.testing.assert_allclose(end(lambda t, y: -SETTINGS.k * y), math.exp(-k), rtol=1e-14)

    def decay(t, y, k=1.0, *, by=1.0):
        return -k * by * y

    for k in (1.0, 2.0):
        decay.__defaults__, decay.__kwdefaults__ = (k,), {"by": 3.0 - k}
        np.testing.assert_allclose(end(decay), math.exp(-k * (3.0 - k)), rtol=1e-14)


def test_modules_as_defaults_are_looked_into(monkeypatch):
    def decay(t, y, settings=SETTINGS, *, m=math):
        return -settings.k * y * m.cos(0.0)

    for k in (1.0, 2.0):
        monkeypatch.setattr(SETTINGS, "k", k, raising=False)
        assert known_by((decay,), ()) is not None
        np.testing.assert_allclose(end(decay), math.exp(-k), rtol=1e-14)


def test_inner_functions_and_variables_that_are_assigned_later():
    k = 1.0

    def decay(t, y):
        def inner(x):
            return np.stack([k * e for e in x])

        return -inner(y)

    for k in (1.0, 2.0):
        np.testing.assert_allclose(end(decay), math.exp(-k), rtol=1e-14)


def test_functions_among_arguments_and_events(monkeypatch):
    made = count(monkeypatch)

    def run(k):
        event = lambda t, y, f: y[0] - k
        found = ta.ode.solve_ivp(
            lambda t, y, f: f(y), (0, 2), [1.0], args=(lambda y: -k * y,), events=event
        )
        return found.t_events[0]

    for k in (0.5, 0.25, 0.5):
        np.testing.assert_allclose(run(k), [-math.log(k) / k][: len(run(k))], rtol=1e-14)
    assert len(made) == 2


@dataclass(frozen=True)
class Frozen:
    """What says that it can be hashed, and cannot."""

    k: np.ndarray


class Decay:
    """A right-hand side whose attributes may change."""

    def __init__(self, k):
        self.k = k

    def __call__(self, t, y):
        return -self.k * y

    def method(self, t, y):
        return -self.k * y


def test_what_may_change_unseen_is_traced_each_time():
    held, frozen = Decay(1.0), Frozen(np.ones(1))

    def attribute(t, y):
        return -held.k * y

    def of_frozen(t, y):
        return -frozen.k * y

    def of_function(t, y):
        return -of_function.k * y

    for k in (1.0, 2.0):
        held.k = of_function.k = frozen.k[0] = k
        for fun in (held, held.method, attribute, of_frozen, of_function):
            np.testing.assert_allclose(end(fun), math.exp(-k), rtol=1e-14)
            assert known_by((fun,), ()) is None


def test_attributes_of_functions_count(monkeypatch):
    made = count(monkeypatch)

    def by_alias(t, y):
        me = by_alias
        return -me.k * y

    for k in (1.0, 2.0, 1.0, np.ones(1)):
        by_alias.k = k
        np.testing.assert_allclose(end(by_alias), math.exp(-np.sum(k)), rtol=1e-14)
    assert len(made) == 3
    by_alias.k, by_alias.seen = 1.0, object()
    assert known_by((by_alias,), ()) is None


def test_events_that_end_an_integration_are_traced_once(monkeypatch):
    made = count(monkeypatch)

    def low(t, y):
        return y[0] - 0.5

    low.terminal, low.direction = True, -1
    for start in (1.0, 2.0):
        found = ta.ode.solve_ivp(lambda t, y: -y, (0.0, 9.0), [start], events=low)
        np.testing.assert_allclose(found.t_events[0], [math.log(2 * start)], rtol=1e-15)
    assert len(made) == 1


def test_rules_of_the_users_own_may_read_what_changes(monkeypatch):
    @ta.custom_derivative
    def scaled(x):
        return RATE * x

    @scaled.defpartials
    def _(y, x):
        return RATE

    assert known_by((lambda t, y: scaled(y),), ()) is None
    assert known_by((lambda t, y: np.sin(y),), ()) is not None
    monkeypatch.setitem(TABLE, np.sin, scaled.row)
    assert known_by((lambda t, y: np.sin(y),), ()) is None


def unknown_functions():
    total, something, many = 0, object(), np.zeros(10**5)

    def writes_around(t, y):
        nonlocal total
        total += 1
        return y

    def writes_out(t, y):
        global RATE
        RATE = 1.0
        return y

    def imports(t, y):
        from math import pi

        return pi * y

    def hands_modules_around(t, y):
        m = np
        return m.sin(y)

    def prints(t, y):
        print(y)
        return y

    def draws(t, y):
        return y * np.random.random()  # noqa: NPY002

    def looks_inside(t, y):
        return y * draws.__globals__["RATE"]

    def not_there(t, y):
        return y * nothing_of_this_name  # noqa: F821

    def not_yet(t, y):
        return y * later

    def with_object(t, y, o=something):
        return y

    def large(t, y, a=many):
        return y * a[0]

    def hands_a_default_on(t, y, m=np):
        return rate_of(m) * y

    def assigns_a_default(t, y, m=np):
        m = SETTINGS
        return m.sin(y)

    def has_a_default_around(t, y, m=np):
        return [m.sin(x) for x in y] + [(lambda: m.cos(0.0))()]

    calls = lambda t, y: prints(t, y)
    return [
        *(hands_a_default_on, assigns_a_default, has_a_default_around),
        *(writes_around, writes_out, imports, hands_modules_around, prints, draws, looks_inside),
        *(not_there, not_yet, with_object, large, calls, Decay, print),
    ]
    later = 1.0
    rate_of = lambda m: m.sin(1.0)


@pytest.mark.parametrize("fun", unknown_functions(), ids=lambda f: f.__name__)
def test_of_these_nothing_is_known(fun):
    assert known_by((fun,), ()) is None


def test_functions_that_call_themselves_and_each_other():
    def power(y, n):
        return 1.0 if not n else y * power(y, n - 1)

    def even(y, n):
        return y if not n else odd(y, n - 1)

    def odd(y, n):
        return -y if not n else even(y, n - 1)

    assert known_by((lambda t, y: power(y, 3),), ()) is not None
    np.testing.assert_allclose(end(lambda t, y: odd(y, 2)), math.exp(-1), rtol=1e-14)
    np.testing.assert_allclose(end(lambda t, y: -power(y, 2)), 0.5, rtol=1e-14)


def test_a_choice_by_the_state_is_made_anew():
    def fun(t, y, k):
        return -y if y[0] > k else y

    for k, expected in ((0.0, math.exp(-1)), (9.0, math.e)):
        np.testing.assert_allclose(end(fun, k), expected, rtol=1e-14)


def test_shapes_and_kinds_of_arguments_count():
    def fun(t, y, k):
        return np.sum(k) * y

    for k in (0.5, 1, [0.25, 0.25], np.array([0.5, 0.5, 1.0]), np.array([1, 2]), np.array([1, 3])):
        np.testing.assert_allclose(end(fun, k), math.exp(np.sum(k)), rtol=1e-13)


def test_few_are_remembered(monkeypatch):
    monkeypatch.setattr(recording, "_remembered", {})
    for k in range(recording.MOST + 5):
        end(lambda t, y: y * 0.01 * k)  # noqa: B023
    assert len(recording._remembered) == recording.MOST
