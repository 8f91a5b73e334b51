"""Large kernels by several threads, each of which computes a part of the results.

What is pulled through a program is only what is asked for. So rows 0 to n/2 of all results are a
program of their own, and so are the others: the parts share arguments and the memory for results,
and nothing else. That splits batches of points, and of directions, as it splits any large array.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from taylorad.compiler import lanes
from taylorad.compiler.loops import lowering as loops
from taylorad.compiler.lowered import Lowered
from taylorad.machine.call import run_at
from taylorad.machine.module import Code, build
from taylorad.primitives.linear import index
from taylorad.wengert.list import Line, WengertList
from taylorad.wengert.writer import pruned

__all__ = ["Team", "team"]

WORTH = 2_000_000
"""Floating-point operations from which on it pays to wake other threads."""

REPEATED = 1.5
"""Parts may do so much more together than the whole, because they need the same things."""

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Part:
    """What one thread computes.

    Attributes
    ----------
    lowered : Lowered
    code : Code
    results : tuple of (int, int)
        Numbers of results, and the byte in each at which the part begins.
    """

    lowered: Lowered
    code: Code
    results: tuple[tuple[int, int], ...]


class Team:
    """A kernel in parts.

    Attributes
    ----------
    parts : list of Part
    kinds : list of (shape, dtype)
        Of the results.
    """

    def __init__(self, program: WengertList, parts: list[Part]) -> None:
        self.parts = parts
        self.kinds = [(program[i].shape, program[i].dtype) for i in program.outputs]

    def run(self, arguments: Sequence[Array]) -> list[Any] | None:
        """Compute the results; None if a guard fails.

        Parameters
        ----------
        arguments : sequence of ndarray
            C-ordered, of the types and shapes of the program's inputs.
        """
        results = [np.empty(shape, dtype) for shape, dtype in self.kinds]

        def compute(part: Part) -> int:
            addresses = [results[k].ctypes.data + start for k, start in part.results]
            return run_at(part.code, arguments, addresses, part.lowered.constants)

        others = [_pool().submit(compute, part) for part in self.parts[1:]]
        codes = [compute(self.parts[0]), *map(Future.result, others)]
        return None if any(codes) else [result[()] for result in results]


def threads() -> int:
    """How many threads there is room for."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, threads() - 1), thread_name_prefix="taylorad")


if hasattr(os, "register_at_fork"):  # threads do not live on in a child
    os.register_at_fork(after_in_child=_pool.cache_clear)


def team(program: WengertList, lowered: Lowered, form: str, limit: int) -> Team | None:
    """Divide a program among threads; None if that would not pay.

    Parameters
    ----------
    program : WengertList
    lowered : Lowered
        The whole of it.
    form : {"lanes", "loops", ...}
        How it was lowered.
    limit : int
        The most scalar lines that a lane may have.
    """
    count = threads()
    if count < 2 or lowered.flops < WORTH:
        return None
    if form == "lanes":
        parts = [_of_lanes(program, limit, k, count) for k in range(count)]
    elif form == "loops":
        parts = [_of_rows(program, k, count) for k in range(count)]
    else:
        return None
    if sum(part.lowered.flops for part in parts) > REPEATED * lowered.flops:
        return None
    return Team(program, parts)


def _of_lanes(program: WengertList, limit: int, k: int, count: int) -> Part:
    lowered = lanes.lower(program, limit, share=(k, count))
    assert lowered is not None
    return _built(lowered, [(i, 0) for i in range(len(program.outputs))])


def _of_rows(program: WengertList, k: int, count: int) -> Part:
    """Make the program of some rows of the results; what has too few is for the first thread."""
    lines = list(program.lines)
    outputs, results = [], []
    for number, output in enumerate(program.outputs):
        line = lines[output]
        rows = line.shape[0] if line.shape else 0
        if rows >= count and line.row is not None:
            low, high = (rows * j // count for j in (k, k + 1))
            shape = (high - low, *line.shape[1:])
            key = {"key": (slice(low, high),)}
            lines.append(Line(index, (output,), key, (), shape, line.dtype))
            outputs.append(len(lines) - 1)
            row = int(np.prod(line.shape[1:])) * line.dtype.itemsize
            results.append((number, low * row))
        elif k == 0:
            outputs.append(output)
            results.append((number, 0))
    guards = program.guards if k == 0 else []
    part = pruned(WengertList(lines, program.inputs, outputs, guards))
    return _built(loops.lower(part), results)


def _built(lowered: Lowered, results: list[tuple[int, int]]) -> Part:
    code = build(lowered.text, level=lowered.level, symbols=lowered.symbols)
    return Part(lowered, code, tuple(results))
