"""How steppers are called: several threads at once, with arrays that stay as they are."""

import math
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import taylorad as ta
from taylorad.ode.steps.door import address
from taylorad.ode.steps.interface import Exit
from taylorad.ode.steps.stepper import Motion, Stepper, Tolerance
from taylorad.ode.tracing.system import system

TIGHT = Tolerance(2.0**-52, np.ones(2))


def pendulum(t, y):
    return [y[1], -np.sin(y[0])]


def stepper_and_motion():
    y0 = np.array([1.0, 0.0])
    return Stepper(system(pendulum, 0.0, y0), 20, 1), Motion(y0, np.zeros(2), 0.0)


def test_the_address_is_that_of_the_numbers():
    array = np.zeros((4, 3, 5))
    for part in (array, array[1:], array[2, 1:]):
        assert address(part) == part.ctypes.data
    with pytest.raises(TypeError, match="contiguous"):
        address(array[:, 0])


def test_other_threads_run_while_steps_are_taken():
    stepper, motion = stepper_and_motion()
    times = []

    def work():
        times.append(time.perf_counter())
        stepper.propagate(motion, math.inf, TIGHT, steps=2_000_000)
        times.append(time.perf_counter())

    worker, marks = threading.Thread(target=work), []
    worker.start()
    while worker.is_alive():
        marks.append(time.perf_counter())
        time.sleep(1e-3)
    begin, end = times
    quarter = (end - begin) / 4
    assert any(begin + quarter < mark < end - quarter for mark in marks)


def test_threads_that_share_a_stepper_do_not_meet():
    stepper, motion = stepper_and_motion()
    motions = [motion.copy() for _ in range(4)]
    for i, one in enumerate(motions):
        one.state = np.array([1.0 + i / 10, 0.0])
    alone = [one.copy() for one in motions]

    def work(one):
        for k in range(300):
            assert stepper.propagate(one, 0.1 * (k + 1), TIGHT) is Exit.END

    threads = [threading.Thread(target=work, args=(one,)) for one in motions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(motions, alone, strict=True):
        work(other)
        assert one.state.tobytes() == other.state.tobytes()
        assert (one.time, one.steps) == (other.time, other.steps)


def test_arrays_that_a_motion_had_stay_as_they_are():
    stepper, motion = stepper_and_motion()
    stepper.propagate(motion, 1.0, TIGHT)
    note, state, lost = motion.noted(), motion.state.copy(), motion.lost.copy()
    stepper.propagate(motion, 2.0, TIGHT)
    end = motion.state.tobytes()
    assert note.time == 1.0
    np.testing.assert_array_equal(note.state, state)
    np.testing.assert_array_equal(note.lost, lost)
    motion.restore(note)
    stepper.propagate(motion, 2.0, TIGHT)
    assert motion.state.tobytes() == end


def test_each_call_has_its_own_tolerance_and_place_for_parts():
    stepper, motion = stepper_and_motion()
    loose = Tolerance(1e-6, np.ones(2))
    wanted, parts = {}, [stepper.parts(), stepper.parts()]
    for i, tolerance in enumerate((TIGHT, loose)):
        fresh, _ = stepper_and_motion()
        one = motion.copy()
        fresh.propagate(one, 9.0, tolerance, steps=1)
        wanted[i] = one.time
    assert wanted[0] < wanted[1]
    for i in (0, 1, 1, 0):
        one = motion.copy()
        stepper.propagate(one, 9.0, (TIGHT, loose)[i], steps=1, parts=parts[i])
        assert one.time == wanted[i]
        np.testing.assert_array_equal(parts[i][:, 0], motion.state)
        parts[i][:] = np.nan
        stepper.propagate(one, 9.5, TIGHT)  # which records nothing
        assert np.isnan(parts[i]).all()


def test_what_the_user_gave_as_a_state_stays_the_users():
    start = np.array([1.0, 0.0])
    integrator = ta.ode.Integrator(pendulum, 0.0, start)
    integrator.state = start
    start[:] = 7.0
    np.testing.assert_array_equal(integrator.state, [1.0, 0.0])
    found = integrator.state
    integrator.propagate_until(1.0)
    np.testing.assert_array_equal(found, [1.0, 0.0])


@pytest.mark.parametrize("n", [1, 100])
@pytest.mark.parametrize("wrong", [math.inf, -math.inf, math.nan])
def test_states_are_finite(n, wrong):
    integrator = ta.ode.Integrator(lambda t, y: -y, 0.0, np.ones(n))
    integrator.state = np.full(n, 1e300)  # whose squares are not
    state = np.ones(n)
    state[-1] = wrong
    with pytest.raises(ta.errors.InputError, match="finite"):
        integrator.state = state
    np.testing.assert_array_equal(integrator.state, np.full(n, 1e300))


FIRST_TO_COME = """
import threading
from taylorad.ode.steps.door import door

start, doors = threading.Barrier(8), []

def come():
    start.wait()
    doors.append(door())

threads = [threading.Thread(target=come) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len({id(x) for x in doors}))
"""


def test_threads_that_come_first_together_have_the_same_door():
    """What CPython does not keep alive of another would be gone."""
    done = subprocess.run(
        [sys.executable, "-c", FIRST_TO_COME], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "1"
