"""Machine code of systems: found again, never mistaken, and the same whatever the effort."""

import ctypes
import math
import os
import subprocess
import sys
from dataclasses import replace
from weakref import WeakValueDictionary

import numpy as np
import pytest
from unwritten import unwritten

import taylorad as ta
from taylorad.machine import module
from taylorad.machine.module import Recipe, build, find
from taylorad.ode.steps import translation
from taylorad.ode.steps.interface import Exit
from taylorad.ode.steps.stepper import Motion, Stepper, Tolerance
from taylorad.ode.tracing.system import NotTraceable, system
from taylorad.primitives.registry import TABLE


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A folder of object code of its own, and nothing in memory."""
    monkeypatch.setenv("TAYLORAD_CACHE", str(tmp_path / "cache"))
    start_afresh(monkeypatch)


def start_afresh(monkeypatch):
    translation.forget()
    monkeypatch.setattr(module, "_LIVING", WeakValueDictionary())


@pytest.fixture
def compilations(monkeypatch):
    """Count what is compiled, as opposed to loaded."""
    made, compiled = [], module._compiled

    def counted(text, level, *others):
        if "@propagate(" in text or "@answer(" in text:
            made.append(level)
        return compiled(text, level, *others)

    monkeypatch.setattr(module, "_compiled", counted)
    return made


def kepler(t, y):
    x, z, vx, vz = y
    r = (x * x + z * z) ** -1.5
    return [vx, vz, -x * r, -z * r]


def chain(t, y):
    n = len(y) // 2
    pulls = 0.5 * (y[1:n] - y[: n - 1])
    free = np.concatenate([pulls, [0.0]]) - np.concatenate([[0.0], pulls])
    return np.concatenate([y[n:], free - np.sin(y[:n])])


def mixed(t, y):
    a, b = y
    slope = np.cos(3 * t) - 0.1 * np.log(2 + b**2) * np.tanh(a) + 0.1 * np.exp(-a)
    return [slope, np.where(b > -5, (1 + a * a) ** -1.25, 0.1 * b) * np.sqrt(1 + t * t)]


SYSTEMS = {
    "kepler": (kepler, [0.5, 0.0, 0.0, math.sqrt(3)], 60.0),
    "mixed": (mixed, [0.3, 0.2], 6.0),
    "chain": (chain, [*np.linspace(-2, 2, 8), *np.zeros(8)], 30.0),
    "long chain": (chain, [*np.linspace(-2, 2, 300), *np.zeros(300)], 4.0),
}


def run(stepper, start, end, given=(), steps=2**62, **options):
    motion = Motion(np.array(start), np.zeros(len(start)), 0.0)
    tolerance = Tolerance(2.0**-52, np.ones(len(start)))
    status = stepper.propagate(motion, end, tolerance, given, steps=steps, **options)
    return status, motion


def bits(motion):
    floats = [motion.time, motion.time_low, motion.step, motion.cap]
    return *map(float.hex, [*motion.state, *motion.lost, *floats]), motion.steps, motion.rejected


# --- effort ------------------------------------------------------------------------------------


def given_of(traced, name):
    return [1.0] * len(traced.held) if name == "mixed" else []


@pytest.mark.parametrize("cpu", ["native", "avx2", "generic"])
@pytest.mark.parametrize("form", ["written", "spread", "looped"])
@pytest.mark.parametrize("name", ["kepler", "mixed", "chain"])
def test_every_effort_gives_the_same_bits(name, form, cpu, monkeypatch):
    monkeypatch.setenv("TAYLORAD_CPU", cpu)
    f, start, end = SYSTEMS[name]
    traced = system(f, 0.0, np.array(start))
    runs = [
        run(Stepper(traced, 20, level, form), start, end, given_of(traced, name))
        for level in ((0, 1, 2, 3) if cpu == "native" else (0, 1))
    ]
    assert runs[0][0] is Exit.END
    assert runs[0][1].steps > 3
    assert len({bits(motion) for _, motion in runs}) == 1


@pytest.mark.parametrize("name", list(SYSTEMS))
@pytest.mark.parametrize("effort", [0.0, 1e-9, 1e-8, 3e-8])
def test_to_change_code_on_the_way_changes_no_bit(name, effort, monkeypatch, compilations):
    f, start, end = SYSTEMS[name]
    traced = system(f, 0.0, np.array(start))
    given = given_of(traced, name)
    _, expected = run(Stepper(traced, 20, level=1), start, end, given)
    start_afresh(monkeypatch)
    monkeypatch.setenv("TAYLORAD_CACHE", "")
    monkeypatch.setattr(translation, "EFFORT", effort)
    del compilations[:]
    stepper = Stepper(traced, 20)
    assert stepper.code.level == 0
    status, motion = run(stepper, start, end, given)
    assert status is Exit.END
    assert bits(motion) == bits(expected)
    if effort == 0.0:
        assert stepper.code.level == 1
        assert compilations == [0, 1]


def test_steps_are_recorded_across_a_change_of_code(monkeypatch):
    f, start, end = SYSTEMS["kepler"]
    traced = system(f, 0.0, np.array(start))
    records = []
    for level in (1, None):
        start_afresh(monkeypatch)
        monkeypatch.setenv("TAYLORAD_CACHE", "")
        stepper = Stepper(traced, 20, level)
        if level is None:
            assert stepper.code.level == 0
            monkeypatch.setattr(translation, "EFFORT", 1e-10)
        times, parts = np.zeros((50, 3)), np.zeros((50, 4, 21))
        status, motion = run(stepper, start, end, steps=50, parts=parts, times=times)
        assert status is Exit.STEPS
        assert motion.steps == 50
        assert stepper.code.level == 1
        records.append((times.tobytes(), parts.tobytes(), bits(motion)))
    assert records[0] == records[1]


def test_better_code_is_made_only_when_it_pays(compilations, monkeypatch):
    f, start, _ = SYSTEMS["kepler"]
    monkeypatch.setattr(translation, "EFFORT", 1e-3)  # half a minute
    stepper = Stepper(system(f, 0.0, np.array(start)), 20)
    run(stepper, start, 10.0)
    assert compilations == [0]
    monkeypatch.setattr(translation, "EFFORT", 1e-6)
    assert run(stepper, start, 1e9, steps=1_000_000)[1].steps == 1_000_000
    assert compilations == [0, 1]


def test_what_many_short_runs_take_adds_up(compilations, monkeypatch):
    """As of a right-hand side whose sides change, or of one that is integrated over and over."""
    monkeypatch.setattr(translation, "EFFORT", 1e-7)
    monkeypatch.setenv("TAYLORAD_CACHE", "")
    f, start, _ = SYSTEMS["kepler"]
    for _ in range(5000):
        stepper = Stepper(system(f, 0.0, np.array(start)), 20)
        run(stepper, start, 1.0)
        if stepper.code.level == 1:
            break
    assert compilations == [0, 1]


# --- found again -------------------------------------------------------------------------------

PROGRAM = """
import numpy as np
import taylorad as ta
from taylorad.machine import module
from taylorad.ode.steps import translation
from taylorad.ode.tracing import recurrences

counts = dict(compiled=0, written=0)
compiled, written = module._compiled, translation._written

def counted(*args):
    counts["compiled"] += "@propagate(" in args[0]
    return compiled(*args)

def counting(*args):
    counts["written"] += 1
    return written(*args)

module._compiled, translation._written = counted, counting

def f(t, y, g):
    x, z, vx, vz = y
    r = (x * x + z * z) ** -1.5
    return [vx, vz, -g * x * r, -z * r * np.cos(0.0 * t)]

i = ta.ode.Integrator(f, 0.0, [0.5, 0.0, 0.0, 1.7], (1.0,))
i.propagate_until(5.0)
print(counts["compiled"], counts["written"], *map(float.hex, i.state.tolist()))
"""


def test_another_process_neither_compiles_nor_writes():
    outputs = []
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        outputs.append(done.stdout.split())
    assert [line[:2] for line in outputs] == [["1", "1"], ["0", "0"]]
    assert outputs[0][2:] == outputs[1][2:]


def test_the_same_function_is_compiled_once(compilations, monkeypatch):
    monkeypatch.setenv("TAYLORAD_CACHE", "")
    for end in (1.0, 2.0):
        integrator = ta.ode.Integrator(kepler, 0.0, SYSTEMS["kepler"][1])
        integrator.propagate_until(end)
        del integrator
    again = ta.ode.Integrator(lambda t, y: kepler(t, y), 0.0, SYSTEMS["kepler"][1])
    again.propagate_until(1.0)
    assert compilations == [0]


def test_code_of_much_effort_is_used_at_once_where_there_is_some(compilations, monkeypatch):
    f, start, _ = SYSTEMS["chain"]
    traced = system(f, 0.0, np.array(start))
    Stepper(traced, 20, level=1)
    start_afresh(monkeypatch)
    assert Stepper(traced, 20).code.level == 1
    assert compilations == [1]


def said(f, y, args=()):
    return system(f, 0.0, np.array(y), args).said


def test_programs_that_differ_in_one_constant_are_told_apart():
    table = np.array([1.0, 2.0, 3.0])
    other = np.array([1.0, 2.0, np.nextafter(3.0, 4.0)])
    y = [0.1, 0.2, 0.3]
    functions = [
        lambda t, y: 0.5 * np.sin(y),
        lambda t, y: np.nextafter(0.5, 1.0) * np.sin(y),
        lambda t, y: -0.5 * np.sin(y),
        lambda t, y: 0.5 * np.cos(y),
        lambda t, y: 0.5 * np.sin(y) + t,
        lambda t, y: table * np.sin(y),
        lambda t, y: other * np.sin(y),
        lambda t, y: table[::-1] * np.sin(y),
        lambda t, y: y**2,
        lambda t, y: y**3,
        lambda t, y: [y[0], y[1], y[2]],
        lambda t, y: [y[0], y[2], y[1]],
        lambda t, y: [y[0], y[1], 1.0],
        lambda t, y: [y[0], y[1], np.nextafter(1.0, 2.0)],
        lambda t, y: [y[0], y[1], 0.0],
        lambda t, y: [y[0], y[1], -0.0],
        lambda t, y: np.array([1.0, 2.0, 3.0]),
        lambda t, y: np.array([1.0, 2.0, 4.0]),
    ]
    found = [said(f, y) for f in functions]
    assert all(found)
    assert len(set(found)) == len(functions)
    assert said(functions[0], y) == said(functions[0], [0.7, -0.8, 0.9])
    assert said(functions[0], y) != said(functions[0], y[:2])


def test_parameters_are_not_constants():
    f = lambda t, y, a: a * y
    one, two = (said(f, [1.0, 2.0], (a,)) for a in (0.5, 0.25))
    assert one == two
    assert one != said(f, [1.0, 2.0], (np.array([0.5, 0.25]),))
    assert said(f, [1.0, 2.0], (1,)) != said(f, [1.0, 2.0], (2,))  # whole numbers are


def test_close_relatives_each_get_their_own_solution():
    for rate in (0.5, 0.25, np.nextafter(0.5, 1.0)):
        integrator = ta.ode.Integrator(lambda t, y, rate=rate: -rate * y, 0.0, [1.0])
        integrator.propagate_until(2.0)
        assert integrator.state[0] == pytest.approx(math.exp(-2 * rate), rel=4e-16)


def test_orders_and_functions_are_told_apart(compilations):
    f, start, _ = SYSTEMS["kepler"]
    traced = system(f, 0.0, np.array(start))
    steppers = [
        Stepper(traced, 20),
        Stepper(traced, 12),
        Stepper(traced, 20, form="looped"),
        Stepper(traced.observing([[0]]), 20),
        Stepper(traced.observing([[1]]), 20),
    ]
    assert compilations == [0] * 5
    assert len({id(stepper.code) for stepper in steppers}) == 5


def test_a_system_that_was_changed_is_not_taken_for_what_it_was():
    traced = system(kepler, 0.0, np.array(SYSTEMS["kepler"][1]))
    assert traced.said
    assert not replace(traced, rates=traced.rates[::-1]).said


def test_rows_of_a_users_own_are_not_known_elsewhere():
    assert said(lambda t, y: np.cbrt(y), [1.0])
    before = TABLE[np.cbrt]
    ta.primitive(np.cbrt, partials=lambda y, x: 1 / (3 * y * y))
    try:
        assert not said(lambda t, y: np.cbrt(y), [1.0])
    finally:
        TABLE[np.cbrt] = before


def test_what_cannot_be_taken_apart_is_still_integrated():
    """The trace may wait to be taken apart; that this fails must not come out as an error."""

    def f(t, y):
        a = np.array([[2.0, 1.0], [1.0, 3.0]]) + 0 * y[0]
        return -unwritten(np.linalg.solve(a, y))

    with pytest.raises(NotTraceable):
        system(f, 0.0, np.ones(2))
    integrator = ta.ode.Integrator(f, 0.0, [1.0, 2.0])
    integrator.propagate_until(0.5)
    values, vectors = np.linalg.eigh(np.linalg.inv([[2.0, 1.0], [1.0, 3.0]]))
    exact = vectors @ (np.exp(-0.5 * values) * (vectors.T @ [1.0, 2.0]))
    np.testing.assert_allclose(integrator.state, exact, rtol=1e-14)


# --- recipes -----------------------------------------------------------------------------------

TEXT = "define i64 @answer() {\n  ret i64 42\n}\n@table = constant [2 x i64] [i64 7, i64 8]\n"


def test_a_text_is_written_only_if_there_is_no_code_of_it(compilations):
    written = []

    def write():
        written.append(1)
        return TEXT

    recipe = Recipe("about answers", write, ("answer", "table"))
    assert find(recipe) is None
    code = build(recipe)
    assert (written, compilations) == ([1], [1])
    assert build(recipe) is code
    del code
    found = find(recipe)
    assert found is not None
    assert (written, compilations) == ([1], [1])
    assert find(recipe, level=0) is None
    assert find(Recipe("about others", write, ("answer", "table"))) is None
    assert ctypes.CFUNCTYPE(ctypes.c_int64)(found.address("answer"))() == 42
    assert (ctypes.c_int64 * 2).from_address(found.address("table"))[:] == [7, 8]
    assert found.text == TEXT


def test_the_code_of_another_release_is_not_taken(monkeypatch):
    recipe = Recipe("about answers", lambda: TEXT, ("answer", "table"))
    code = build(recipe)
    monkeypatch.setattr(module, "SOURCES", "another")
    assert find(recipe) is None
    assert code.address("answer")
