"""Lowering to loops: large programs become a few fused loop nests.

Each entry of a result is *pulled* through the program: slices, pads, reshapes and broadcasts only
transform its index, elementwise operations are inlined, and something is stored only where
computing it again costs more. Products of large matrices and linear systems are left to BLAS and
LAPACK.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from taylorad.compiler.loops.contraction import product
from taylorad.compiler.loops.costs import Costs
from taylorad.compiler.loops.fusion import Nest, fused
from taylorad.compiler.loops.memory import LINE, Array, Lifetime, arranged
from taylorad.compiler.loops.nests import Written, write_nest
from taylorad.compiler.loops.pulling import is_pulled
from taylorad.compiler.loops.roots import is_product, is_reduction, reduces, wants_stored
from taylorad.compiler.loops.solving import SOLVE, solution
from taylorad.compiler.loops.source import Source
from taylorad.compiler.loops.sweeps import LONGEST_SORT, SWEEPS, Sweep, sweep
from taylorad.compiler.loops.text import Text
from taylorad.compiler.loops.views import Opaque, view
from taylorad.compiler.lowered import Lowered
from taylorad.compiler.opening import is_plain
from taylorad.machine.features import has_fma
from taylorad.machine.mathematics import definitions
from taylorad.primitives.selection import argsort
from taylorad.wengert.list import Line, WengertList

__all__ = ["lower", "lowerable"]


FRAME = 2**14
"""Temporaries of no more bytes than this lie in the frame of the function."""


def lowerable(line: Line, program: WengertList) -> bool:
    """Tell whether a line can become part of loops."""
    operands = [program.lines[i] for i in line.operands]
    if any(x.dtype not in (np.float64, np.int64, np.bool_) for x in (line, *operands)):
        return False
    if line.row is SOLVE:
        return all(x.dtype.kind == "f" and math.prod(x.shape) for x in operands)
    if line.row in SWEEPS:
        along = line.params.get("axis")
        if not isinstance(along, (int, np.integer)):
            return False
        return line.row is not argsort or operands[0].shape[along] <= LONGEST_SORT
    if is_pulled(line.row) or is_plain(line, program):
        return True
    return reduces(line.row) and line.params.keys() <= {
        *("axis", "keepdims", "subscripts", "places", "shape", "starts")
    }


def lower(program: WengertList) -> Lowered:
    """Lower a program of which every line is lowerable."""
    return _Lowering(program).lowered()


class _Lowering:
    """The making of a core."""

    def __init__(self, program: WengertList) -> None:
        self.program = program
        self.source = Source(program)
        self.text = Text()
        self.arrays = _Arrays(self)
        self.constants: list[np.ndarray[Any, Any]] = []
        self.head: list[str] = []

    def lowered(self) -> Lowered:
        """Write the core."""
        program, source = self.program, self.source
        wanted = {*program.outputs, *(g.line for g in program.guards)}
        opaque, forced = self._opaque(wanted)
        fusion = fused(source, Costs(source, opaque, forced), wanted)
        nests = fusion.in_order()
        memory = self._place(nests, fusion.stored, fusion.users)
        body: list[str] = []
        notes: list[str] = []
        flops = 0
        for nest in nests:
            if nest.opaque is not None:
                if not math.prod(source.lines[nest.opaque.line].shape):
                    continue
                body += nest.opaque.lines(self.text, self.arrays, f"%s{nest.opaque.line}")
                notes.append(f"v{nest.opaque.line}: {nest.opaque.note}")
                flops += nest.opaque.flops
            else:
                written = write_nest(self.text, source, nest, self.arrays)
                body += written.lines
                notes.append(_note(nest, written))
                flops += written.flops
        body += self._copies()
        return Lowered(
            text=self._module(body, memory),
            constants=self.constants,
            symbols=self.text.symbols,
            notes=notes,
            memory=memory,
            flops=flops,
            level=3 if any(isinstance(nest.opaque, Sweep) for nest in nests) else 2,
        )

    def _opaque(self, wanted: set[int]) -> tuple[dict[int, Opaque], set[int]]:
        """Give what is done by other means than loops, and all that has to be stored."""
        source, lines = self.source, self.program.lines
        stored = wanted | {n for n in range(len(lines)) if is_reduction(source, n)}
        found: dict[int, Opaque] = {}
        for number, line in enumerate(lines):
            step: Opaque | None = None
            if line.row is SOLVE:
                step = solution(source, number, stored)
            elif line.row in SWEEPS:
                step = sweep(source, number, view(source, line.operands[0], stored))
            elif is_product(line):
                step = product(source, number, stored)
            if step is not None:
                found[number] = step
                stored |= {number, *(seen.line for seen in step.views)}
            elif wants_stored(source, number):
                stored |= {view(source, operand, stored).line for operand in line.operands}
        return found, stored

    # --- memory ------------------------------------------------------------------------------

    def _place(
        self, nests: list[Nest], stored: dict[int, Nest], users: dict[int, list[Nest]]
    ) -> int:
        """Give every array its place; tell how much memory that takes."""
        results: dict[int, list[str]] = {}
        for k, number in enumerate(self.program.outputs):
            self._open("results", k, f"%r{k}")
            results.setdefault(number, []).append(f"%r{k}")
        for k, number in enumerate(self.program.inputs):
            self._open("arguments", k, f"%a{k}")
            self.arrays.add(number, f"%a{k}")
        step = {nest: k for k, nest in enumerate(nests)}
        checked = {g.line for g in self.program.guards}
        lives = []
        for number, nest in stored.items():
            line = self.source.lines[number]
            if number in results:  # it is made where the result is to be
                self.arrays.add(number, results[number].pop(0))
                continue
            self.arrays.add(number, f"%m{number}")
            size = max(math.prod(line.shape), 1) * line.dtype.itemsize
            if not line.shape:
                self.head.append(f"  %m{number} = alloca [{size} x i8], align 8")
                continue
            last = max((step[user] for user in users[number]), default=step[nest])
            last = len(nests) if number in checked else last
            lives.append(Lifetime(f"%m{number}", size, step[nest], last))
        for nest in nests:
            if nest.opaque is not None and nest.opaque.scratch:
                now = step[nest]
                lives.append(Lifetime(f"%s{nest.opaque.line}", nest.opaque.scratch, now, now))
        self.results = results
        places, memory = arranged(lives)
        for name, place in places.items():
            self.head.append(f"  {name} = getelementptr i8, ptr %memory, i64 {place}")
        return memory

    def _open(self, parameter: str, k: int, name: str) -> None:
        """Load the address of an array."""
        self.head.insert(0, f"  {name} = load ptr, ptr %g.{name[1:]}")
        self.head.insert(0, f"  %g.{name[1:]} = getelementptr ptr, ptr %{parameter}, i64 {k}")

    def constant(self, number: int) -> str:
        """Give a constant array an address, and the register that holds it."""
        name = f"%c{len(self.constants)}"
        self._open("constants", len(self.constants), name)
        value = np.asarray(self.source.lines[number].value)
        self.constants.append(np.ascontiguousarray(value))
        return name

    def _copies(self) -> Iterator[str]:
        """Copy inputs and constants that are results, and what is a result twice."""
        for number, names in self.results.items():
            line = self.program.lines[number]
            size = math.prod(line.shape) * line.dtype.itemsize
            for name in names:
                self.text.declarations.add("declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")
                yield (
                    f"  call void @llvm.memcpy.p0.p0.i64(ptr {name}, "
                    f"ptr {self.arrays[number].pointer}, i64 {size}, i1 false)"
                )

    # --- the function ------------------------------------------------------------------------

    def _module(self, body: list[str], memory: int) -> str:
        text = self.text
        free: list[str] = []
        room: list[str] = []
        if 0 < memory <= FRAME:
            room = [f"  %memory = alloca [{memory} x i8], align {LINE}"]
        elif memory:
            text.declarations |= {
                "declare noalias ptr @malloc(i64)",
                "declare void @free(ptr)",
                "declare ptr @llvm.ptrmask.p0.i64(ptr, i64)",
            }
            free = ["  call void @free(ptr %whole)"]
            room = [
                f"  %whole = call ptr @malloc(i64 {memory + LINE})",
                "  %none = icmp eq ptr %whole, null",
                "  br i1 %none, label %out.of.memory, label %enough",
                "out.of.memory:",
                "  ret i32 -1",
                "enough:",
                f"  %beyond = getelementptr i8, ptr %whole, i64 {LINE - 1}",
                f"  %memory = call ptr @llvm.ptrmask.p0.i64(ptr %beyond, i64 -{LINE})",
            ]
        failing = ["failing:", *free, "  ret i32 -2"] if text.fails else []
        guards = list(self._guards())
        mathematics = definitions(sorted(text.functions), fma=has_fma()).splitlines()
        declared = {line for line in mathematics if line.startswith("declare")}
        frame = [line for line in self.head if " = alloca " in line]
        return "\n".join(
            [
                *sorted(text.globals),
                *sorted(text.declarations | declared),
                *(line for line in mathematics if not line.startswith("declare")),
                *text.helpers.values(),
                "define i32 @core(ptr %arguments, ptr %results, ptr %constants) {",
                "entry:",
                *text.variables,
                *frame,
                *room,
                *(line for line in self.head if line not in frame),
                *body,
                *guards[:-1],
                *free,
                guards[-1],
                *failing,
                "}",
                *text.metadata,
                "",
            ]
        )

    def _guards(self) -> Iterator[str]:
        """Check the guards, the first first."""
        result = "0"
        for k, guard in reversed(list(enumerate(self.program.guards))):
            value, holds, code = (self.text.name() for _ in range(3))
            yield f"  {value} = load i8, ptr {self.arrays[guard.line].pointer}"
            yield f"  {holds} = icmp eq i8 {value}, {int(guard.expected)}"
            yield f"  {code} = select i1 {holds}, i32 {result}, i32 {k + 1}"
            result = code
        yield f"  ret i32 {result}"


def _note(nest: Nest, written: Written) -> str:
    """Say in a sentence what a nest does."""
    names = ", ".join(f"v{root.line}" for root in nest.roots)
    size = "×".join(map(str, nest.extents)) or "1"
    note = f"{names}: one loop nest over {size}"
    if written.boxes > 1:
        note += f", in {written.boxes} boxes"
    sums = [f"v{line}" for line in written.reordered]
    return f"{note}; the order of {', '.join(sums)} is changed" if sums else note


class _Arrays(dict[int, Array]):
    """Where lines lie in memory; constants are given a place when they are asked for."""

    def __init__(self, lowering: _Lowering) -> None:
        super().__init__()
        self.lowering = lowering

    def add(self, number: int, pointer: str) -> None:
        line = self.lowering.source.lines[number]
        self[number] = Array(pointer, line.dtype.kind, line.shape)

    def __missing__(self, number: int) -> Array:
        self.add(number, self.lowering.constant(number))
        return self[number]
