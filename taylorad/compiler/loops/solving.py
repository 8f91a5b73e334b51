"""Linear systems through LAPACK."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field

from taylorad.compiler.loops.contraction import call, integer
from taylorad.compiler.loops.memory import Array
from taylorad.compiler.loops.script import Script
from taylorad.compiler.loops.source import Source
from taylorad.compiler.loops.text import Text
from taylorad.compiler.loops.views import Opaque, View, view
from taylorad.primitives.registry import rows

__all__ = ["SOLVE", "Solution", "solution"]

SOLVE = next(row for row in rows() if row.name == "solve")


@dataclass
class Solution(Opaque):
    """The solutions of linear systems, one for each index of a batch.

    LAPACK overwrites its operands, and counts along columns first: they are copied, transposed.
    """

    note = "linear systems by LAPACK"

    line: int
    views: tuple[View, ...]
    shape: tuple[int, ...]
    scratch: int = field(default=0)

    def __post_init__(self) -> None:
        n, m = self.shape[-2:]
        self.scratch = 8 * (n * n + n * m) + 4 * n

    @property
    def flops(self) -> int:
        """Additions and multiplications."""
        *batch, n, m = self.shape
        return math.prod(batch) * (2 * n * n * n // 3 + 2 * n * n * m)

    def lines(self, text: Text, arrays: Mapping[int, Array], scratch: str) -> Iterator[str]:
        """Write the calls."""
        script, out = Script(text), arrays[self.line]
        *batch, n, m = self.shape
        matrix = scratch
        sides = script.entry("f", scratch, str(n * n))
        pivots = script.entry("f", scratch, str(n * n + n * m))
        info = text.variable("i32")
        text.fails = True
        with script.loops(batch) as index:
            for seen, target, columns in ((self.views[0], matrix, n), (self.views[1], sides, m)):
                array = arrays[seen.line]
                ranks = len(seen.shape) - 2
                where = [*zip(index[len(index) - ranks :], seen.strides[:ranks], strict=True)]
                with script.loops((columns, n)) as (j, i):
                    place = script.place(
                        seen.offset, [*where, (i, seen.strides[-2]), (j, seen.strides[-1])]
                    )
                    value = script.load("f", array.pointer, place)
                    script.store(value, "f", target, script.place(0, [(j, n), (i, 1)]))
            sizes = integer(script, n), integer(script, m)
            call(script, "dgesv", (*sizes, matrix, sizes[0], pivots, sides, sizes[0], info))
            code = script(f"load i32, ptr {info}")
            fine = text.label()
            script.do(f"br i1 {script(f'icmp eq i32 {code}, 0')}, label %{fine}, label %failing")
            script.lines.append(f"{fine}:")
            steps = [math.prod(self.shape[k + 1 :]) for k in range(len(batch))]
            with script.loops((n, m)) as (i, j):
                value = script.load("f", sides, script.place(0, [(j, n), (i, 1)]))
                place = script.place(0, [*zip(index, steps, strict=True), (i, m), (j, 1)])
                script.store(value, "f", out.pointer, place)
        yield from script.lines


def solution(source: Source, number: int, stored: Container[int]) -> Solution:
    """Give the linear systems that a line solves."""
    line = source.lines[number]
    views = tuple(view(source, i, stored) for i in line.operands)
    return Solution(number, views, line.shape)
