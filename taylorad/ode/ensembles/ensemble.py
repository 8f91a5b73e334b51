"""Many initial value problems of one differential equation at once."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from typing import Any

from scipy.optimize import OptimizeResult

from taylorad.errors import InputError, InputTypeError, IntegrationError
from taylorad.ode.dae.implicit import Implicit
from taylorad.ode.ensembles.delivery import Delivery, Elsewhere, Solver, Threads
from taylorad.ode.ensembles.one_by_one import OneByOne, Retraced
from taylorad.ode.ensembles.outcomes import Outcome, Outcomes
from taylorad.ode.ensembles.problem import Problem
from taylorad.ode.ensembles.side_by_side import SideBySide
from taylorad.ode.ensembles.sizes import Sizes
from taylorad.ode.ensembles.starts import Chunk, Starts
from taylorad.ode.inputs import no_derivatives
from taylorad.ode.integrator import Integrator
from taylorad.ode.progress import Progress
from taylorad.ode.scales import is_fast
from taylorad.ode.steps.lanes.lanes import are_faster
from taylorad.ode.tolerances import order_for, tolerance
from taylorad.ode.tracing.system import NotTraceable, system

__all__ = ["EnsembleResult", "ensemble"]

HERE, ELSEWHERE = 0.05, 0.5
"""Seconds that a thread is left alone, and a worker of an executor, to which the way is longer."""


class EnsembleResult(OptimizeResult):  # type: ignore[misc]
    """What `ensemble` found; a dictionary whose entries are attributes too.

    Attributes
    ----------
    t : ndarray, shape (N,)
        Where each trajectory ended: at its ``tf``, or at the last good time before it failed.
    y : ndarray, shape (N, ...)
        The states then. With ``t_eval`` the states at these times, which come last, and NaN where
        they were not reached.
    status : ndarray, shape (N,)
        0: the end was reached. -1: it could not go on.
    success : ndarray, shape (N,)
        Whether the status is not -1.
    messages : dict of int to str
        Of those that failed, by their numbers, why.
    singularity : ndarray, shape (N,)
        Where the solutions seem to be singular that ended there; NaN for all others.
    nsteps : ndarray, shape (N,)
        How many steps were taken.
    order : int
        Of the series.

    Examples
    --------
    >>> import taylorad as ta
    >>> result = ta.ode.ensemble(lambda t, y: y**2, (0, 1), [[0.5], [2.0]])
    >>> result.success
    array([ True, False])
    >>> result.messages
    {1: 'Required step size ... The solution seems to be singular at t = 0.5.'}
    """

    def __repr__(self) -> str:
        few = dict(islice(self.messages.items(), 3))
        others = len(self.messages) - len(few)
        text = f"{few}, and {others} others" if others else repr(few)
        return repr(OptimizeResult({**self, "messages": text}))


def ensemble(
    fun: Callable[..., Any],
    t_span: Any,
    Y0: Any,
    args: tuple[Any, ...] = (),
    *,
    t_eval: Any = None,
    in_axes: Any = None,
    tol: float | None = None,
    rtol: Any = None,
    atol: Any = None,
    order: int | None = None,
    max_step: float = math.inf,
    executor: Executor | None = None,
    workers: int | None = None,
    chunk: int | None = None,
    progress: bool = False,
    out: Any = None,
) -> EnsembleResult:
    """Solve many initial value problems ``dy/dt = fun(t, y)``, each as if it were alone.

    Every trajectory takes its own steps and has its own outcome; what it is depends on nothing but
    itself, to the last bit: not on those beside it, nor on where they are computed, or by how many
    workers.

    Parameters
    ----------
    fun : callable
        ``fun(t, y, *args)`` of one trajectory, as `solve_ivp` has it.
    t_span : (float or array_like, float or array_like)
        From when to when: numbers for all, or arrays with one for each trajectory.
    Y0 : array_like, shape (N, ...)
        The states at the beginning, each of any shape. They are read as they are needed: it may be
        a memmap, or anything else that has rows, ``shape`` and ``dtype``.
    args : tuple, optional
        Further arguments of ``fun``.
    t_eval : array_like, shape (n_points,) or (N, n_points), optional
        Times at which to give the solutions, sorted, within ``t_span``.
    in_axes : tuple of (None or 0), or 0, optional
        For each of ``args`` whether all trajectories have the same (None), or each its own (0): it
        is an array or a list then, with an entry for each trajectory. Of floats it should be: what
        is something else is a constant of the program, which takes as many programs.
    tol, rtol, atol, order, max_step : optional
        See `solve_ivp`. By default ``atol`` follows from the initial state of each trajectory.
    executor : concurrent.futures.Executor, optional
        Who computes, instead of threads: a ``ProcessPoolExecutor``, or other machines, as with
        ``client.get_executor()`` of Dask. A worker that dies loses nothing: what it had is computed
        again.
    workers : int, optional
        How many threads there are, by default one for each core; or how many workers the executor
        has, if it does not tell.
    chunk : int, optional
        How many trajectories are handed out together; by default that follows from how long they
        take.
    progress : bool
        Whether to show a bar, if tqdm is installed.
    out : array, optional
        Gets the states, and is ``y`` of the result; it may be a memmap.

    Returns
    -------
    EnsembleResult
        A trajectory that cannot go on, where the solution is singular or ``fun`` not finite, or
        because it raises, is marked there, with its last good state; no other is harmed.

    Raises
    ------
    taylorad.errors.InputError, taylorad.errors.InputTypeError
        If arguments make no sense.
    taylorad.errors.WorkerError
        If workers of the executor cannot do a part of the work, or die of it again and again.

    See Also
    --------
    solve_ivp : one of them, with events and the continuous solution.

    Examples
    --------
    Pendulums of different lengths, from the same position:

    >>> import numpy as np, taylorad as ta
    >>> def pendulum(t, y, length):
    ...     angle, speed = y
    ...     return speed, -9.81 / length * np.sin(angle)
    >>> lengths = np.linspace(0.5, 1.5, 1000)
    >>> starts = np.tile([1.0, 0.0], (1000, 1))
    >>> result = ta.ode.ensemble(pendulum, (0, 10), starts, (lengths,), in_axes=(0,))
    >>> result.y.shape, bool(result.success.all())
    ((1000, 2), True)
    >>> one = ta.ode.solve_ivp(pendulum, (0, 10), starts[7], args=(lengths[7],))
    >>> np.abs(result.y[7] - one.y[:, -1]) < 1e-13
    array([ True,  True])
    """
    if not callable(fun):
        raise InputTypeError(f"fun is a function of t and y, not {fun!r}")
    for name, number in (("workers", workers), ("chunk", chunk)):
        if number is not None and (int(number) != number or number < 1):
            raise InputError(f"{name} is {number}; it must be a whole number, at least 1")
    if executor is not None and not hasattr(executor, "submit"):
        raise InputTypeError(f"executor is {executor!r}; it must have a method submit")
    no_derivatives(t_span, args, t_eval)
    starts = Starts(t_span, Y0, args, in_axes, t_eval)
    outcomes = Outcomes(starts, out)
    options = {"tol": tol, "rtol": rtol, "atol": atol, "order": order, "max_step": max_step}
    used_order = order
    if starts.count:
        solver = _solver(fun, starts, options)
        used_order = solver.order
        _solve(solver, starts, outcomes, executor, workers, chunk, progress)
    return EnsembleResult(
        t=outcomes.t,
        y=outcomes.y,
        status=outcomes.status,
        success=outcomes.status >= 0,
        messages=dict(sorted(outcomes.messages.items())),
        singularity=outcomes.singularity,
        nsteps=outcomes.nsteps,
        order=used_order,
    )


def _solver(fun: Callable[..., Any], starts: Starts, options: dict[str, Any]) -> Solver:
    """Choose how trajectories are solved."""
    if starts.is_of_floats and not isinstance(fun, Implicit):
        t, y, args = starts.example()
        accuracy = (options[name] for name in ("tol", "rtol", "atol", "max_step"))
        limits = tolerance(y, *accuracy)
        order = order_for(limits.relative, options["order"])
        try:
            traced = system(fun, t, y, args)
            if not traced.guards:
                if options["order"] is None and is_fast(fun, t, y, args, limits.floors):
                    order = _fitted(fun, t, y, args, options)
                problem = Problem(traced, order, limits, options["atol"] is None, starts)
                if not traced.held and are_faster(traced):
                    return SideBySide(problem, bool(starts.points))
                return OneByOne(problem)
        except NotTraceable:  # or it has no machine code
            pass
    return Retraced(fun, starts, options)


def _fitted(
    fun: Callable[..., Any], t: float, y: Any, args: tuple[Any, ...], options: dict[str, Any]
) -> int:
    """Give the order that a trajectory takes."""
    integrator = Integrator(fun, t, y, args, **options)
    with suppress(IntegrationError):
        integrator.step()
    return integrator.order


def _solve(
    solver: Solver,
    starts: Starts,
    outcomes: Outcomes,
    executor: Executor | None,
    workers: int | None,
    chunk: int | None,
    progress: bool,
) -> None:
    threads = workers if workers and executor is None else _cores()
    post: Threads | Elsewhere
    if executor is None or type(executor) is ThreadPoolExecutor:
        post = Threads(solver, threads, executor)
    else:
        post = Elsewhere(solver, executor)
    many = workers or _workers_of(executor)
    seconds = HERE if post.here else ELSEWHERE
    sizes = Sizes(many, solver.together, starts.bytes_of_each, seconds, chunk)
    bar = Progress(0, starts.count, " trajectories") if progress else None
    done = 0

    def chunks() -> Iterator[Chunk]:
        first = 0
        while first < starts.count:
            last = first + sizes.next(starts.count - first)
            yield starts.chunk(first, last)
            first = last

    def receive(chunk: Chunk, outcome: Outcome) -> None:
        nonlocal done
        outcomes.take(chunk, outcome)
        sizes.took(len(chunk), outcome.seconds)
        done += len(chunk)
        if bar is not None:
            bar.update(done)

    try:
        Delivery(post, many, lambda: Threads(solver, threads)).run(chunks(), receive)
    finally:
        if bar is not None:
            bar.close()


def _cores() -> int:
    """Give how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _workers_of(executor: Any) -> int:
    """Give how many workers an executor has; if it does not tell, as many as there are cores."""
    count = getattr(executor, "_max_workers", None)  # of the standard library's
    client = getattr(executor, "_client", executor)  # of Dask's
    if count is None and hasattr(client, "nthreads"):
        with suppress(Exception):  # of one that is closed, as will be seen
            count = sum(client.nthreads().values())
    return max(int(count), 1) if count else _cores()
