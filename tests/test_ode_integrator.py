"""The integrator: its loop, its state, its errors; pickled and resumed bit for bit."""

import math
import pickle
import subprocess
import sys
import types

import mpmath
import numpy as np
import pytest

import taylorad as ta
from taylorad.errors import InputError, InputTypeError, IntegrationError
from taylorad.ode import Integrator

KEPLER = """
def kepler(t, y):
    x, z, vx, vz = y
    r = (x * x + z * z) ** -1.5
    return [vx, vz, -x * r, -z * r]
"""
exec(KEPLER)
Y0 = [0.5, 0.0, 0.0, 3**0.5]


def circle(t, y):
    return [y[1], -y[0]]


def bits(integrator):
    words = np.array(integrator.time_words)
    return (integrator.state.tobytes(), words.tobytes(), integrator._motion.lost.tobytes())


def oscillator(t, y, k):
    return [y[1], -k * y[0]]


def jumping(t, y):
    return [y[1], -np.sign(y[0])]


def branching(t, y):
    return [y[1], -2 * y[0]] if y[0] > 0 else [y[1], -y[0]]


def test_steps():
    integrator = Integrator(circle, 0.0, [0.0, 1.0])
    t = integrator.step()
    assert t == integrator.time == integrator.last_step > 0.5
    assert integrator.step(0.25) == t + 0.25
    assert integrator.step(-0.125) == t + 0.125
    np.testing.assert_allclose(integrator.state, [math.sin(t + 0.125), math.cos(t + 0.125)])
    assert integrator.nsteps == 3
    assert integrator.taylor_coefficients.shape == (2, integrator.order + 1)


def test_the_series_of_the_last_step():
    integrator = Integrator(circle, 0.0, [[0.0, 1.0]][0], order=9)
    with pytest.raises(InputError, match="no last step"):
        integrator.taylor_coefficients  # noqa: B018
    integrator.step()
    wanted = ta.taylor(lambda t: np.stack([np.sin(t), np.cos(t)]), 0.0, 9).coefficients
    np.testing.assert_allclose(integrator.taylor_coefficients, wanted.T, atol=1e-17)
    middle = integrator.time / 2
    found = integrator.dense_output()(middle)
    np.testing.assert_allclose(found, [math.sin(middle), math.cos(middle)], rtol=1e-14)


def test_ways_to_propagate():
    integrator = Integrator(circle, 0.0, [0.0, 1.0])
    assert integrator.propagate_for(2.5).outcome == "finished"
    assert integrator.time == 2.5
    done = integrator.propagate_until(10.0, dense_output=True)
    t = np.linspace(2.5, 10, 30)
    np.testing.assert_allclose(done.sol(t)[0], np.sin(t), atol=1e-14)
    assert done.steps == done.sol.n_segments
    integrator.propagate_until(-1.0)
    np.testing.assert_allclose(integrator.state[0], math.sin(-1), rtol=1e-14)
    done = integrator.propagate_until(-1.0, dense_output=True)
    assert done.steps == 0
    np.testing.assert_array_equal(done.sol(-1.0), integrator.state)
    assert integrator.propagate_until(100.0, max_steps=7).outcome == "steps"
    with pytest.raises(InputError, match="without end"):
        integrator.propagate_until(math.inf)
    with pytest.raises(InputError, match="NaN"):
        integrator.propagate_until(math.nan)
    assert integrator.propagate_until(math.inf, max_steps=9).steps == 9


def test_grids():
    integrator = Integrator(circle, 1.0, [math.sin(1), math.cos(1)])
    times = np.array([1.0, 1.5, 1.5, 4.0, 9.0])
    np.testing.assert_allclose(integrator.propagate_grid(times)[0], np.sin(times), atol=4e-15)
    assert integrator.time == 9
    times = np.linspace(9, -3, 7)
    np.testing.assert_allclose(integrator.propagate_grid(times)[1], np.cos(times), atol=1e-14)
    matrix = Integrator(lambda t, y: -y, 0.0, np.ones((2, 3)))
    assert matrix.propagate_grid([0.0, 1.0]).shape == (2, 3, 2)
    assert matrix.propagate_grid([]).shape == (2, 3, 0)
    with pytest.raises(InputError, match="sorted"):
        matrix.propagate_grid([2.0, 0.0, 3.0])


@pytest.mark.parametrize("f", [kepler, jumping, branching])  # noqa: F821
def test_loops_in_machine_code_and_in_python_are_the_same(f):
    y0 = Y0 if f is kepler else [1.0, 0.0]  # noqa: F821
    once, stepwise = (Integrator(f, 0.0, y0) for _ in range(2))
    once.propagate_until(30.0)
    stepwise.propagate_until(30.0, callback=lambda integrator: None)
    assert bits(once) == bits(stepwise)
    assert once.nsteps == stepwise.nsteps


@pytest.mark.parametrize("f", [kepler, jumping, branching])  # noqa: F821
def test_pickled_and_resumed_bit_for_bit(f):
    y0 = Y0 if f is kepler else [1.0, 0.0]  # noqa: F821
    straight, halted = (Integrator(f, 0.0, y0) for _ in range(2))
    steps = straight.propagate_until(30.0).steps
    halted.propagate_until(30.0, max_steps=steps // 2)
    resumed = pickle.loads(pickle.dumps(halted))
    assert bits(resumed) == bits(halted)
    resumed.propagate_until(30.0)
    assert bits(resumed) == bits(straight)


def test_pickled_and_resumed_in_a_new_process(tmp_path):
    (tmp_path / "problem_of_two_bodies.py").write_text(KEPLER)
    script = """if True:
        import pickle, sys
        import taylorad as ta
        from problem_of_two_bodies import kepler
        if sys.argv[1] == "save":
            integrator = ta.ode.Integrator(kepler, 0.0, [0.5, 0.0, 0.0, 3**0.5])
            integrator.propagate_until(60.0, max_steps=71)
            pickle.dump(integrator, open("saved", "wb"))
        else:
            integrator = pickle.load(open("saved", "rb"))
            integrator.propagate_until(60.0)
            print(integrator.state.tobytes().hex(), *map(float.hex, integrator.time_words))
    """
    for what in ("save", "load"):
        command = [sys.executable, "-c", script, what]
        run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    straight = Integrator(kepler, 0.0, Y0)  # noqa: F821
    straight.propagate_until(60.0)
    wanted = [straight.state.tobytes().hex(), *map(float.hex, straight.time_words)]
    assert run.stdout.split() == wanted


def test_copies_go_their_own_ways():
    event = lambda t, y: y[0]
    integrator = Integrator(circle, 0.0, [0.0, 1.0], events=event)
    integrator.propagate_until(4.0)
    other = integrator.copy()
    other.propagate_until(20.0)
    assert (integrator.time, len(integrator.t_events[0])) == (4.0, 1)
    integrator.propagate_until(20.0)
    assert bits(integrator) == bits(other)
    assert integrator.t_events == other.t_events


def test_parameters_can_be_changed():
    integrator = Integrator(oscillator, 0.0, [0.0, 1.0], args=(1.0,))
    stepper = integrator._flow.stepper
    integrator.propagate_until(math.pi / 2)
    integrator.parameters = (4.0,)
    assert integrator._flow.stepper is stepper
    integrator.propagate_for(math.pi / 4)
    np.testing.assert_allclose(integrator.state, [0, -2], atol=1e-15)
    assert integrator.parameters == (4.0,)
    with pytest.raises(InputTypeError, match="args"):
        integrator.parameters = 3


def test_a_branch_on_a_parameter_is_traced_anew():
    f = lambda t, y, k: -y if k > 0 else y
    integrator = Integrator(f, 0.0, [1.0], args=(1.0,))
    integrator.propagate_until(1.0)
    integrator.parameters = (-1.0,)
    integrator.propagate_until(2.0)
    np.testing.assert_allclose(integrator.state, [1.0], rtol=1e-15)


def test_state_and_time_can_be_set():
    integrator = Integrator(lambda t, y: [np.cos(t)], 0.0, [0.0])
    integrator.step()
    integrator.time, integrator.state = 1.0, [math.sin(1.0)]
    integrator.propagate_until(3.0)
    np.testing.assert_allclose(integrator.state, [math.sin(3)], rtol=1e-14)
    with pytest.raises(InputError, match="shape"):
        integrator.state = [1.0, 2.0]


def test_callbacks():
    seen = []

    def look(integrator):
        seen.append(integrator.time)
        return integrator.time > 5

    integrator = Integrator(circle, 0.0, [0.0, 1.0])
    done = integrator.propagate_until(100.0, callback=look)
    assert done.outcome == "stopped"
    assert (len(seen), seen[-1]) == (done.steps, integrator.time)
    assert seen[-2] <= 5 < seen[-1]
    grid = integrator.propagate_grid([8.0, 9.0, 50.0], callback=lambda i: i.time > 9)
    assert grid.shape == (2, 2)


def test_progress(monkeypatch):
    shown = []

    class Bar:
        def __init__(self, total, unit):
            shown.append(total)

        def update(self, more):
            shown.append(more)

        def close(self):
            shown.append("closed")

    module = types.ModuleType("tqdm.auto")
    module.tqdm = Bar
    monkeypatch.setitem(sys.modules, "tqdm", types.ModuleType("tqdm"))
    monkeypatch.setitem(sys.modules, "tqdm.auto", module)
    Integrator(circle, 0.0, [0.0, 1.0], events=lambda t, y: y[0]).propagate_until(
        9.0, progress=True
    )
    assert (shown[0], shown[-1]) == (9.0, "closed")
    np.testing.assert_allclose(sum(shown[1:-1]), 9.0)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)  # as if it were not installed
    Integrator(circle, 0.0, [0.0, 1.0]).propagate_until(9.0, progress=True)


@pytest.mark.parametrize("look", [None, lambda integrator: None])
def test_a_singularity_raises_and_the_last_good_point_stays(look):
    integrator = Integrator(lambda t, y: 1 + y**2, 0.0, [0.0])
    with pytest.raises(IntegrationError, match=r"singular at t = 1\.5707963267") as caught:
        integrator.propagate_until(2.0, callback=look)
    error = caught.value
    np.testing.assert_allclose(error.singularity, math.pi / 2, rtol=1e-12)
    assert error.time == integrator.time < math.pi / 2
    np.testing.assert_array_equal(error.state, integrator.state)
    assert np.isfinite(integrator.state[0])
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.time) == (str(error), error.time)


def test_time_has_two_words():
    integrator = Integrator(lambda t, y: [1.0], 1e9, [0.0], max_step=0.1)
    integrator.propagate_for(0.1)
    integrator.propagate_for(0.1)
    high, low = integrator.time_words
    assert (high - 1e9) + low == pytest.approx(0.2, rel=1e-15)
    np.testing.assert_allclose(integrator.state, [0.2], rtol=1e-15)


def test_long_runs_do_not_drift():
    energy = lambda y: 0.5 * (y[2] ** 2 + y[3] ** 2) - 1 / np.hypot(y[0], y[1])
    integrator = Integrator(kepler, 0.0, Y0)  # noqa: F821
    integrator.propagate_until(2000 * math.pi)
    assert abs(energy(integrator.state) / energy(np.array(Y0)) - 1) < 5e-13
    assert integrator.nsteps > 20_000


def test_numbers_of_many_digits():
    with mpmath.workdps(40):
        integrator = Integrator(circle, 0, [mpmath.mpf(0), mpmath.mpf(1)])
        integrator.propagate_until(mpmath.pi)
        assert abs(integrator.state[0]) < 1e-38
        four = integrator.propagate_grid([mpmath.mpf(4)])[0, 0]
        assert abs(four - mpmath.sin(4)) < 1e-38


def test_a_callback_may_answer_in_numpys_truths():
    integrator = ta.ode.Integrator(circle, 0.0, [1.0, 0.0])
    outcome = integrator.propagate_until(100.0, callback=lambda i: i.state[0] < 0)
    assert outcome.outcome == "stopped"
    assert integrator.time < 10


def test_parameters_are_copies():
    rate = np.array([1.0])
    integrator = ta.ode.Integrator(lambda t, y, k: -k * y, 0.0, [1.0], (rate,))
    rate[0] = 5.0
    assert integrator.parameters[0] == 1.0
    integrator.propagate_until(1.0)
    np.testing.assert_allclose(integrator.state, np.exp(-1.0), rtol=1e-15)


@pytest.mark.parametrize("time", [math.nan, math.inf])
def test_times_that_are_none(time):
    integrator = ta.ode.Integrator(lambda t, y: -y, 0.0, [1.0])
    with pytest.raises(InputError, match="the time is"):
        integrator.time = time
    with pytest.raises(InputError, match="must go somewhere"):
        integrator.step(0.0)
    with pytest.raises(InputError, match="whole number"):
        integrator.propagate_until(1.0, max_steps=1.5)
