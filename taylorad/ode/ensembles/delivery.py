"""Chunks on their way to workers and back; what is lost is sent again.

Only so many are under way at a time, so memory does not grow with their number.
"""

from __future__ import annotations

import pickle
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from functools import lru_cache
from importlib import import_module
from queue import Empty, SimpleQueue
from threading import Event
from typing import Any

from taylorad.errors import InputTypeError, WorkerError
from taylorad.ode.ensembles.one_by_one import OneByOne, Retraced
from taylorad.ode.ensembles.outcomes import Outcome
from taylorad.ode.ensembles.side_by_side import SideBySide
from taylorad.ode.ensembles.starts import Chunk

__all__ = ["Delivery", "Elsewhere", "Threads"]

Solver = SideBySide | OneByOne | Retraced

MOST_LOSSES = 3
"""A chunk that was lost so often is not sent again: it may be what kills workers."""

AHEAD = 2
"""Times as many chunks as there are workers are under way, so that none has to wait for one."""


class Threads:
    """Threads of this process.

    Parameters
    ----------
    solver : Solver
    workers : int
    pool : ThreadPoolExecutor, optional
        Somebody else's.
    """

    here = True

    def __init__(
        self, solver: Solver, workers: int, pool: ThreadPoolExecutor | None = None
    ) -> None:
        self.solver, self.is_own, self.stop = solver, pool is None, Event()
        self.pool = pool or ThreadPoolExecutor(workers, "ensemble")

    def submit(self, chunk: Chunk) -> Future[Any]:
        return self.pool.submit(self.solver, chunk, self.stop)

    def close(self) -> None:
        """Have the threads end; they look up a few times in a second."""
        self.stop.set()
        if self.is_own:
            self.pool.shutdown(cancel_futures=True)


class Elsewhere:
    """Workers of an executor, in other processes, on other machines.

    Parameters
    ----------
    solver : Solver
    executor : Executor
    """

    here = False

    def __init__(self, solver: Solver, executor: Executor) -> None:
        self.executor, self.content = executor, _packed(solver)

    def submit(self, chunk: Chunk) -> Future[Any]:
        return self.executor.submit(_solved, self.content, chunk)

    def close(self) -> None:
        """Leave it to who made it."""


class Delivery:
    """Chunks under way.

    Parameters
    ----------
    post : Threads or Elsewhere
    workers : int
    rescue : callable
        Gives threads, in case that the executor breaks down.
    """

    def __init__(
        self, post: Threads | Elsewhere, workers: int, rescue: Callable[[], Threads]
    ) -> None:
        self.post: Threads | Elsewhere = post
        self.rescue, self.window = rescue, AHEAD * workers
        self.under_way: dict[Future[Any], tuple[Chunk, Threads | Elsewhere]] = {}
        self.lost: deque[Chunk] = deque()
        self.done: SimpleQueue[Future[Any]] = SimpleQueue()

    def run(self, chunks: Iterator[Chunk], receive: Callable[[Chunk, Outcome], None]) -> None:
        """Send chunks out, and hand over what comes back."""
        try:
            while self._send(chunks):
                future = self._ready()
                chunk, post = self.under_way.pop(future)
                try:
                    outcome = future.result()
                except Exception as error:
                    if post.here:
                        raise
                    self._lose(chunk, error)
                    continue
                if isinstance(outcome, _Refusal):
                    raise WorkerError(f"A worker cannot take the problem: {outcome.reason}")
                receive(chunk, outcome)
        finally:
            for future in self.under_way:
                future.cancel()
            self.post.close()

    def _send(self, chunks: Iterator[Chunk]) -> bool:
        """Send as many as may be under way; tell whether any are."""
        while len(self.under_way) < self.window:
            chunk = self.lost.popleft() if self.lost else next(chunks, None)
            if chunk is None:
                break
            try:
                future = self.post.submit(chunk)
            except Exception as error:
                if self.post.here:
                    raise
                self._give_up(error)
                future = self.post.submit(chunk)
            self.under_way[future] = chunk, self.post
            future.add_done_callback(self.done.put)
        return bool(self.under_way)

    def _ready(self) -> Future[Any]:
        """Wait for what is ready first."""
        while True:  # to wait without end cannot be interrupted everywhere
            try:
                return self.done.get(timeout=1.0)
            except Empty:
                pass

    def _lose(self, chunk: Chunk, error: Exception) -> None:
        """Send a chunk again, if it is not what kills workers."""
        if isinstance(error, BrokenExecutor):
            self._give_up(error)
        else:
            chunk.losses += 1
        if chunk.losses == MOST_LOSSES:
            last = chunk.first + len(chunk) - 1
            raise WorkerError(
                f"Trajectories {chunk.first} to {last} were lost {MOST_LOSSES} times, with the "
                f"workers that had them; at last by {type(error).__name__}: {error}"
            ) from error
        self.lost.append(chunk)

    def _give_up(self, error: Exception) -> None:
        """Do the rest here."""
        if self.post.here:
            return
        text = "The executor does not work any more, so the rest is done here, by threads"
        warnings.warn(f"{text} ({type(error).__name__}: {error})", RuntimeWarning, stacklevel=2)
        self.post = self.rescue()


# --- what goes to workers --------------------------------------------------------------------


class _Refusal:
    """Why a worker cannot do anything."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


def _packed(solver: Solver) -> bytes:
    """Pickle what solves chunks; functions of the main module, and lambdas, by cloudpickle."""
    try:
        dumps = import_module("cloudpickle").dumps
    except ImportError:
        dumps = pickle.dumps
    try:
        return bytes(dumps(solver))
    except Exception as error:  # a class may raise anything there
        raise InputTypeError(
            f"the problem cannot be pickled for the workers ({error}): define the function at the "
            "top of a module, or install cloudpickle"
        ) from error


@lru_cache(maxsize=4)
def _unpacked(content: bytes) -> Solver | _Refusal:
    try:
        solver: Solver = pickle.loads(content)
    except Exception as error:
        return _Refusal(f"{type(error).__name__}: {error}")
    return solver


def _solved(content: bytes, chunk: Chunk) -> Outcome | _Refusal:
    """Solve a chunk: what a worker is called for."""
    solver = _unpacked(content)
    return solver if isinstance(solver, _Refusal) else solver(chunk)
