"""Ensembles on workers of executors, which may die."""

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)

import numpy as np
import pytest
from test_ode_ensembles import branching, kepler, planets, same

import taylorad as ta
from taylorad.errors import InputTypeError, WorkerError

distributed = pytest.importorskip("distributed")

SPAN = (0, 30)


def starts():
    """Some trajectories, two of which fail."""
    return np.concatenate([planets(30), [[0.0, 0.0, 0.0, 0.0], [np.nan] * 4], planets(30)])


@pytest.fixture(scope="module")
def wanted():
    return ta.ode.ensemble(kepler, SPAN, starts())


class Faulty(Executor):
    """Has threads, and loses things: what ``fault`` gives for a number of submission is raised."""

    def __init__(self, fault, raises_at_once=False):
        self.fault, self.at_once = fault, raises_at_once
        self.pool, self.firsts, self.most = ThreadPoolExecutor(2), [], 0
        self.under_way = 0

    def submit(self, function, content, chunk):
        number = len(self.firsts)
        self.firsts.append(chunk.first)
        error = self.fault(number, chunk)
        if error is None:
            return self.pool.submit(function, content, chunk)
        if self.at_once:
            raise error
        future = Future()
        future.set_exception(error)
        return future


# --- faults ---


@pytest.mark.parametrize("error", [ConnectionError("gone"), CancelledError(), KeyError("Killed")])
def test_what_is_lost_is_sent_again(wanted, error):
    twice = lambda number, chunk: error if chunk.first % 15 == 0 and chunk.losses < 2 else None
    faulty = Faulty(twice)
    same(ta.ode.ensemble(kepler, SPAN, starts(), executor=faulty, chunk=5), wanted)
    assert len(faulty.firsts) == 13 + 2 * 5
    assert sorted(set(faulty.firsts)) == list(range(0, 62, 5))


def test_what_is_lost_each_time_is_named():
    faulty = Faulty(lambda number, chunk: ConnectionError("gone") if chunk.first == 20 else None)
    with pytest.raises(WorkerError, match=r"20 to 24 were lost 3 times.*ConnectionError: gone"):
        ta.ode.ensemble(kepler, SPAN, starts(), executor=faulty, chunk=5)
    assert faulty.firsts.count(20) == 3


@pytest.mark.parametrize("at_once", [True, False])
def test_what_a_broken_executor_leaves_is_done_here(wanted, at_once):
    broken = lambda number, chunk: BrokenExecutor("broken") if number > 3 else None
    with pytest.warns(RuntimeWarning, match=r"rest is done here.*BrokenExecutor: broken"):
        found = ta.ode.ensemble(
            kepler, SPAN, starts(), executor=Faulty(broken, at_once), chunk=5, workers=2
        )
    same(found, wanted)


def test_an_executor_that_was_shut_down(wanted):
    pool = ProcessPoolExecutor(1)
    pool.shutdown()
    with pytest.warns(RuntimeWarning, match="shutdown"):
        same(ta.ode.ensemble(kepler, SPAN, starts(), executor=pool), wanted)


def test_a_client_that_was_closed(wanted):
    with distributed.LocalCluster(
        n_workers=1, processes=False, dashboard_address=":0", silence_logs=50
    ) as workers:
        with distributed.Client(workers) as client:
            executor = client.get_executor()
        with pytest.warns(RuntimeWarning, match="rest is done here"):
            same(ta.ode.ensemble(kepler, SPAN, starts(), executor=executor), wanted)


def test_only_so_many_are_under_way():
    running, most = [], []

    class Counting(Faulty):
        def submit(self, function, content, chunk):
            running.append(chunk.first)
            most.append(len(running))
            future = super().submit(function, content, chunk)
            future.add_done_callback(lambda _: running.pop())
            return future

    counting = Counting(lambda number, chunk: None)
    ta.ode.ensemble(kepler, SPAN, starts(), executor=counting, chunk=2, workers=3)
    assert len(most) == 31
    assert max(most) <= 6


def test_what_cannot_be_pickled_is_refused():
    lock = threading.Lock()

    def f(t, y, lock):
        return -y if y[0] > 0 else y

    with pytest.raises(InputTypeError, match="cannot be pickled"):
        ta.ode.ensemble(
            f, (0, 1), np.ones((3, 1)), (lock,), executor=Faulty(lambda number, chunk: None)
        )


class NotThere:
    """Pickled here, it is missed elsewhere."""

    def __call__(self, t, y):
        return -y if y[0] > 0 else y

    def __reduce__(self):
        return _missing, ()


def _missing():
    raise ModuleNotFoundError("No module named 'mine'")


def test_what_a_worker_does_not_have_is_said():
    with pytest.raises(WorkerError, match=r"cannot take the problem: .*'mine'"):
        ta.ode.ensemble(
            NotThere(), (0, 1), np.ones((3, 1)), executor=Faulty(lambda number, chunk: None)
        )


def test_threads_of_the_user(wanted):
    with ThreadPoolExecutor(2) as pool:
        same(ta.ode.ensemble(kepler, SPAN, starts(), executor=pool, chunk=4), wanted)
        assert pool.submit(int).result() == 0  # it is theirs


# --- processes ---


def killed_on_the_way(victim, run):
    """Kill a process as soon as first results are there; give the result, and whether it was."""
    out, killed = np.full((400, 4), np.nan), []

    def kill():
        while np.isnan(out).all():
            time.sleep(1e-3)
        killed.append(np.isnan(out).any())
        os.kill(victim(), getattr(signal, "SIGKILL", signal.SIGTERM))

    killer = threading.Thread(target=kill)
    killer.start()
    found = run(np.resize(planets(40), (400, 4)), out)
    killer.join()
    return found, killed == [True]


def test_processes_and_one_that_is_killed(wanted):
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, context) as pool:
        same(ta.ode.ensemble(kepler, SPAN, starts(), executor=pool), wanted)
        retraced = ta.ode.ensemble(branching, (0, 5), starts()[:9, :2], executor=pool, chunk=2)
        same(retraced, ta.ode.ensemble(branching, (0, 5), starts()[:9, :2]))
        run = lambda Y0, out: ta.ode.ensemble(
            kepler, (0, 1000), Y0, executor=pool, chunk=8, out=out
        )
        with pytest.warns(RuntimeWarning, match="BrokenProcessPool"):
            found, was_killed = killed_on_the_way(lambda: next(iter(pool._processes)), run)
    assert was_killed
    same(found, ta.ode.ensemble(kepler, (0, 1000), np.resize(planets(40), (400, 4))))


# --- Dask ---


@pytest.fixture(scope="module")
def cluster():
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield cluster, client


@pytest.mark.parametrize("chunk", [None, 7])
def test_dask_finds_the_same(wanted, cluster, chunk):
    executor = cluster[1].get_executor()
    same(ta.ode.ensemble(kepler, SPAN, starts(), executor=executor, chunk=chunk), wanted)


def test_functions_travel_to_dask(cluster):
    """Those that are traced anew, with arguments; and what they raise is an outcome."""
    limit = 1.4

    def f(t, y, rate, limits):
        if y[0] > limits[0]:
            raise ValueError("too large")
        return rate * y

    Y0, rates = np.ones((9, 1)), np.linspace(-1, 1, 9)
    options = {"args": (rates, [limit]), "in_axes": (0, None), "t_eval": [0.3, 0.5]}
    found = ta.ode.ensemble(f, (0, 0.5), Y0, executor=cluster[1].get_executor(), **options)
    same(found, ta.ode.ensemble(f, (0, 0.5), Y0, **options))
    assert found.messages == {7: "ValueError: too large", 8: "ValueError: too large"}


def test_a_killed_worker_of_dask_loses_nothing(cluster):
    workers, client = cluster
    run = lambda Y0, out: ta.ode.ensemble(
        kepler, (0, 1000), Y0, executor=client.get_executor(), chunk=8, out=out
    )
    found, was_killed = killed_on_the_way(lambda: workers.workers[0].pid, run)
    assert was_killed
    same(found, ta.ode.ensemble(kepler, (0, 1000), np.resize(planets(40), (400, 4))))
