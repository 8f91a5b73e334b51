"""Ensembles: against heyoka's, in bounded memory, on Dask, and with a worker that dies.

Alone, within two minutes: ``PYTHONPATH=benchmarks python -m flow_parts.ensembles``.
"""

from __future__ import annotations

import copy
import os
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    os.environ["TAYLORAD_CACHE"] = ""  # nothing that an earlier run compiled

import heyoka as hy
import numpy as np
from harness import seconds
from integration.tables import markdown
from integration.timing import in_turns

import taylorad as ta

Array = Any

CORES = 2
COUNT = 10_000
ORBITS = (1, 10, 30)  # mean ones: 2 pi is the period of all
BATCHES = (8, 16)
ROUNDING = 2.0**-52

MOST = 1e-8
"""No further apart is what solves the same problem, over as many orbits."""

MANY = 1_000_000


def kepler(t: float, y: Array) -> Any:
    x, z, vx, vz = y
    pull = (x * x + z * z) ** -1.5
    return [vx, vz, -x * pull, -z * pull]


def starts(count: int) -> Array:
    """Give Kepler orbits of period 2 pi, of many eccentricities, from their pericentres."""
    e = np.random.default_rng(0).uniform(0.3, 0.7, count)
    return np.stack([1 - e, 0 * e, 0 * e, np.sqrt((1 + e) / (1 - e))], axis=1)


# --- against heyoka ---


@dataclass
class Race:
    """What was measured of one length of integration: seconds, and the fastest of the settings."""

    orbits: int
    ours: float
    alone: float  # ours, one trajectory after the other, by an Integrator
    heyoka: float
    setting: str
    by_hand: float  # heyoka's, with an integrator for each thread instead of a copy for each batch
    setting_by_hand: str
    apart: float  # how far the ends are from heyoka's


Run = Callable[[Array, float], Array]


def heyokas(batch: int, fast_math: bool) -> tuple[Run, Run]:
    """Give heyoka's ensemble, and the same by hand."""
    variables = [hy.expression(name) for name in ("x", "z", "vx", "vz")]
    rates = kepler(0.0, np.array(variables, object))
    template = hy.taylor_adaptive_batch(
        list(zip(variables, rates)), np.ones((4, batch)), tol=ROUNDING, fast_math=fast_math
    )
    own = [copy.deepcopy(template) for _ in range(CORES)]

    def ensemble(Y0: Array, end: float) -> Array:
        def at(integrator: Any, i: int) -> Any:
            integrator.set_time(0.0)
            integrator.state[:] = Y0[i * batch : (i + 1) * batch].T
            return integrator

        number = len(Y0) // batch
        found = hy.ensemble_propagate_until_batch(
            template, end, number, at, algorithm="thread", max_workers=CORES
        )
        return np.concatenate([each[0].state.T for each in found])

    def by_hand(Y0: Array, end: float) -> Array:
        found, places = np.empty_like(Y0), iter(range(0, len(Y0), batch))

        def work(integrator: Any) -> None:
            for place in places:
                rows = slice(place, place + batch)
                integrator.set_time(0.0)
                integrator.state[:] = Y0[rows].T
                integrator.propagate_until(end)
                found[rows] = integrator.state.T

        threads = [threading.Thread(target=work, args=(integrator,)) for integrator in own]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return found

    return ensemble, by_hand


def our_loop(Y0: Array, end: float) -> None:
    """One by one, with one integrator: what an ensemble replaces."""
    integrator = ta.ode.Integrator(kepler, 0.0, Y0[0])
    for y0 in Y0:
        integrator.time, integrator.state = 0.0, y0
        integrator.propagate_until(end)


def races(budget: float = 2.0) -> Iterator[Race]:
    Y0 = starts(COUNT)
    settings = [(batch, fast) for batch in BATCHES for fast in (False, True)]
    theirs = {f"{b} lanes{', fast_math' * fast}": heyokas(b, fast) for b, fast in settings}
    for orbits in ORBITS:
        yield race(Y0, orbits, theirs, budget)


def race(Y0: Array, orbits: int, theirs: dict[str, tuple[Run, Run]], budget: float) -> Race:
    end, few = 2 * np.pi * orbits, Y0[:: 10 * orbits]
    wanted = ta.ode.ensemble(kepler, (0, end), Y0, workers=CORES).y
    apart, quickest = [], []
    for side in range(2):  # of each the two fastest settings take part
        times = {}
        for name, runs in theirs.items():
            apart.append(float(np.max(np.abs(runs[side](Y0, end) - wanted))))
            times[name] = seconds(lambda run=runs[side]: run(Y0, end))
        quickest += [(side, name) for name in sorted(times, key=lambda name: times[name])[:2]]
    if not max(apart) < MOST * orbits:
        sys.exit(f"{orbits} orbits: heyoka differs, by {max(apart):.1e}")
    calls = [
        lambda: ta.ode.ensemble(kepler, (0, end), Y0, workers=CORES),
        *(lambda run=theirs[name][side]: run(Y0, end) for side, name in quickest),
        lambda: our_loop(few, end),
    ]
    ours, *others, alone = in_turns(calls, budget * len(calls))
    found = [(t, name) for t, (_, name) in zip(others, quickest)]
    best, best_by_hand = min(found[:2]), min(found[2:])
    return Race(orbits, ours, alone * len(Y0) / len(few), *best, *best_by_hand, min(apart))


def races_table(found: Iterable[Race]) -> str:
    rows = [
        [
            *(str(r.orbits), f"**{r.ours / r.heyoka:.2g}** (≤ 0.5)", f"{r.ours / r.by_hand:.2g}"),
            *(f"{1e3 * x:.0f}" for x in (r.ours, r.heyoka, r.by_hand, r.alone)),
            *(r.setting, r.setting_by_hand, f"{r.apart:.0e}"),
        ]
        for r in found
    ]
    ratios = ["ours / heyoka's ensemble", "/ heyoka by hand"]
    times = ["ours, ms", "heyoka's ensemble", "heyoka by hand", "ours one by one"]
    return markdown(["orbits", *ratios, *times, "heyoka, best", "by hand", "apart"], rows)


# --- memory ---


class Generated:
    """States that are made when they are asked for."""

    dtype = np.dtype(float)

    def __init__(self, count: int) -> None:
        self.shape = (count, 4)

    def __getitem__(self, rows: slice) -> Array:
        first, last, _ = rows.indices(self.shape[0])
        e = 0.3 + 0.4 * np.arange(first, last) / self.shape[0]
        return np.stack([1 - e, 0 * e, 0 * e, np.sqrt((1 + e) / (1 - e))], axis=1)


def anonymous() -> int:
    """Give the bytes of memory of the process alone, without files that are mapped."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    line = next(x for x in status.read_text().splitlines() if x.startswith("RssAnon"))
    return 1024 * int(line.split()[1])


def memory(count: int) -> tuple[float, int]:
    """Integrate so many from a generator into a file: seconds, and the most memory it took."""
    found, done = [anonymous()], threading.Event()

    def watch() -> None:
        while not done.wait(5e-3):
            found.append(anonymous())

    with tempfile.TemporaryDirectory() as folder:
        out = np.lib.format.open_memmap(Path(folder) / "out.npy", "w+", float, (count, 4))
        watcher = threading.Thread(target=watch)
        watcher.start()
        start = time.perf_counter()
        result = ta.ode.ensemble(kepler, (0, 2 * np.pi), Generated(count), out=out, workers=CORES)
        taken = time.perf_counter() - start
        done.set()
        watcher.join()
        assert result.success.all()
        rows = slice(0, 1000)
        np.testing.assert_allclose(out[rows], Generated(count)[rows], atol=1e-12)
    return taken, max(found) - found[0]


def memory_table() -> str:
    rows = []
    for count in (MANY // 100, MANY // 10, MANY):
        taken, most = memory(count)
        rows.append([f"{count:,}".replace(",", "\u202f"), f"{taken:.2f}", f"{most / 2**20:.0f}"])
    return markdown(["trajectories, an orbit each", "s", "most memory, MiB"], rows)


# --- workers elsewhere ---


def dask() -> str:
    """Compare Dask's workers with threads; kill one."""
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        return "Dask is not installed: `pip install distributed`"
    Y0, end = starts(2 * COUNT), 200 * np.pi
    cluster = LocalCluster(n_workers=CORES, threads_per_worker=1, dashboard_address=":0")
    with cluster, Client(cluster) as client:
        executor = client.get_executor()

        def elsewhere(chunk: int | None = None, to: float = end, of: int = 2 * COUNT) -> Any:
            return ta.ode.ensemble(kepler, (0, to), Y0[:of], executor=executor, chunk=chunk)

        here = ta.ode.ensemble(kepler, (0, end), Y0, workers=CORES)
        assert np.array_equal(elsewhere().y, here.y)
        calls = [lambda: ta.ode.ensemble(kepler, (0, end), Y0, workers=CORES), elsewhere]
        threads, workers = in_turns(calls, 20.0)
        (trivial,) = in_turns([lambda: elsewhere(1, 1e-3, 200)], 3.0)
        victim = cluster.workers[0].pid
        start = time.perf_counter()
        killer = threading.Timer(workers / 3, os.kill, (victim, signal.SIGKILL))
        killer.start()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            again = elsewhere()
        taken = time.perf_counter() - start
        killer.join()
        same = np.array_equal(again.y, here.y) and np.array_equal(again.nsteps, here.nsteps)
        if not same:
            sys.exit("a worker was killed, and the results are others")
    rows = [
        [f"{2 * COUNT} starts, 100 orbits, {CORES} threads", f"{threads:.2f} s"],
        [f"{CORES} workers of Dask", f"{workers:.2f} s"],
        ["their overhead", f"**{100 * (workers / threads - 1):.0f} %**"],
        ["each chunk of one trajectory of one step", f"{1e3 * trivial / 200:.2f} ms"],
        ["a worker killed after a third", f"{taken:.2f} s, results the same to the last bit"],
    ]
    return markdown(["Dask on this machine", ""], rows)


def tables() -> Iterator[str]:
    """Measure, and write one table after the other."""
    yield f"**{COUNT} Kepler orbits on {CORES} cores**\n\n{races_table(races())}"
    yield f"**Memory**\n\n{memory_table()}"
    yield f"**Workers**\n\n{dask()}"


def main() -> None:
    hy.llvm_state.set_diskcache_enabled(False)
    for table in tables():
        print(f"{table}\n", flush=True)


if __name__ == "__main__":
    main()
