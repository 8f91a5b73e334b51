"""Straight-line machine code of a list of scalars.

Every line is an instruction or a few, written where its result is first asked for: outputs are
asked for one entry after the other, each stored as soon as it is known, so that few results wait
in registers. No pass has to improve on that, which keeps compiling fast.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from taylorad.compiler.emitter import Emitter, literal
from taylorad.compiler.lowered import Lowered
from taylorad.compiler.opening import is_plain
from taylorad.compiler.operations import emit
from taylorad.machine.features import has_fma
from taylorad.machine.mathematics import definitions
from taylorad.primitives import elementwise, linear
from taylorad.primitives.registry import Primitive
from taylorad.wengert.list import Line, WengertList

__all__ = ["Lowering", "MEMORY", "lower", "lowerable"]

_ARITHMETIC: dict[Primitive | None, str] = {
    elementwise.add: "fadd",
    elementwise.subtract: "fsub",
    elementwise.multiply: "fmul",
    elementwise.divide: "fdiv",
}
MEMORY = {"f": ("double", 8), "i": ("i64", 8), "b": ("i8", 1)}
_FEW_ZEROS = 16  # stored one by one; more are one call of memset
_MODERATE = 600  # instructions; giving registers to more of them takes LLVM longer than it saves
_HEAD = "define i32 @core(ptr noalias %arguments, ptr noalias %results, ptr noalias %constants) {"


def lower(program: WengertList) -> Lowered:
    """Lower a list of scalars.

    Parameters
    ----------
    program : WengertList
        As `taylorad.wengert.scalars.expand` writes it: of arrays there are inputs, constants that
        are outputs, and lines that put outputs together.
    """
    return Lowering(program, _Straight()).lowered()


def lowerable(program: WengertList) -> bool:
    """Tell whether every line of a list of scalars can be written, by this or as an entry."""
    known: set[Any] = {None, linear.index, linear.assemble}
    for line in program.lines:
        kinds = (line.row, line.dtype, *(program[i].dtype for i in line.operands))
        if line.row in known or kinds in known:
            continue
        if not is_plain(line, program):
            return False
        if line.row is not elementwise.power:  # of which it depends on the exponent
            known.add(kinds)
    return True


class _Straight(Emitter):
    """Calls functions in the form for single numbers."""

    def call(self, function: str, *operands: str) -> str:
        """Call a function of our mathematics."""
        self.functions.add(function)
        doubles = ", ".join(f"double {x}" for x in operands)
        return self.instruction(f"call double @ta.{function}.scalar({doubles})")


class Lowering:
    """The text of one program, and the names of the results written so far."""

    def __init__(self, program: WengertList, emitter: Emitter) -> None:
        self.program, self.lines = program, program.lines
        self.emitter = emitter
        self.text = self.emitter.lines
        self.names: list[str | None] = [None] * len(program)
        self.sources: dict[int, str] = {}  # of inputs, their addresses
        self.constants: list[np.ndarray[Any, Any]] = []

    def lowered(self) -> Lowered:
        """Write guards first, then the outputs."""
        program = self.program
        for k, guard in enumerate(program.guards):
            self._guard(k, self._value(guard.line), guard.expected)
        for k, output in enumerate(program.outputs):
            self._output(k, output)
        functions = definitions(self.emitter.functions, fma=has_fma())
        declarations = [d for d in sorted(self.emitter.declarations) if d not in functions]
        text = [*declarations, functions, _HEAD, *self.text]
        text += ["  ret i32 0", "}", ""]
        flops = sum(line.dtype.kind == "f" and line.row is not None for line in self.lines)
        level = 1 if len(self.text) <= _MODERATE else 0
        return Lowered("\n".join(text), self.constants, flops=flops, level=level)

    def _put(self, line: str) -> None:
        self.text.append(f"  {line}")

    def _guard(self, k: int, value: str, expected: bool) -> None:
        ways = ("right", "wrong") if expected else ("wrong", "right")
        self._put(f"br i1 {value}, label %{ways[0]}{k}, label %{ways[1]}{k}")
        self.text.extend([f"wrong{k}:", f"  ret i32 {k + 1}", f"right{k}:"])

    # --- values ---

    def _value(self, number: int) -> str:
        """Give the name of a line's result, writing first what is not written yet."""
        names, lines = self.names, self.lines
        if (name := names[number]) is not None:
            return name
        todo = [number]
        while todo:
            top = todo[-1]
            if names[top] is not None:
                todo.pop()
                continue
            line = lines[top]
            missing = [i for i in line.operands if names[i] is None and lines[i].shape == ()]
            if missing:
                todo += reversed(missing)
            else:
                names[top] = self._written(top, line)
                todo.pop()
        name = names[number]
        assert name is not None
        return name

    def _written(self, number: int, line: Line) -> str:
        row, kind = line.row, line.dtype.kind
        if line.is_constant:
            return literal(line.value, kind)
        if line.is_input:
            return self._loaded(number, 0, kind)
        if row is linear.index:
            (source,) = line.operands
            place = np.ravel_multi_index(line.params["key"], self.lines[source].shape)
            return self._loaded(source, int(place), kind)
        operands = [self.names[i] for i in line.operands]
        instruction = _ARITHMETIC.get(row) if kind == "f" else None
        if instruction is not None and all(self.lines[i].dtype.kind == "f" for i in line.operands):
            return self._arithmetic(f"{instruction} double {operands[0]}, {operands[1]}")
        sources = [self.lines[i] for i in line.operands]
        assert row is not None
        return emit(
            self.emitter,
            row,
            line.params,
            [str(name) for name in operands],
            [x.dtype.kind for x in sources],
            kind,
            [x.value for x in sources],
        )

    def _arithmetic(self, instruction: str) -> str:
        """Write what no other line repeats."""
        return self._named(instruction)

    def _loaded(self, source: int, place: int, kind: str) -> str:
        if source not in self.sources:
            k = self.program.inputs.index(source)
            self._put(f"%a{k} = {self._address('%arguments', k, 'ptr')}")
            self._put(f"%x{k} = load ptr, ptr %a{k}")
            self.sources[source] = f"%x{k}"
        memory = MEMORY[kind][0]
        place_name = self._named(self._address(self.sources[source], place, memory))
        name = self._load(self.sources[source], memory, place_name)
        return self.emitter.instruction(f"icmp ne i8 {name}, 0") if kind == "b" else name

    def _load(self, source: str, kind: str, pointer: str) -> str:
        """Read an entry of a source at an address."""
        return self._named(f"load {kind}, ptr {pointer}")

    def _address(self, base: str, place: int, kind: str) -> str:
        return f"getelementptr inbounds {kind}, ptr {base}, i64 {place}"

    def _named(self, instruction: str) -> str:
        name = self.emitter.name()
        self._put(f"{name} = {instruction}")
        return name

    # --- outputs ---

    def _output(self, k: int, number: int) -> None:
        line = self.lines[number]
        base = f"%r{k}"
        pointer = self._named(self._address("%results", k, "ptr"))
        self._put(f"{base} = load ptr, ptr {pointer}")
        if not line.shape:
            self._store(base, 0, line, self._value(number))
        elif line.row is linear.assemble:
            self._assemble(base, line)
        else:
            self._copy(base, number, line)

    def _assemble(self, base: str, line: Line) -> None:
        """Store the entries, each to all of its places as soon as it is known."""
        size = int(np.prod(line.shape))
        places = line.params["places"].tolist()
        missing = sorted({*range(size)}.difference(places))
        if len(missing) > _FEW_ZEROS:
            self._fill("memset", base, "i8 0", size * MEMORY[line.dtype.kind][1])
        else:
            for place in missing:
                self._store(base, place, line, literal(0, line.dtype.kind))
        of_entry: dict[int, list[int]] = {}
        for place, source in zip(places, line.params["sources"].tolist()):
            of_entry.setdefault(source, []).append(place)
        for source, targets in of_entry.items():
            value = self._value(line.operands[source])
            for place in targets:
                self._store(base, place, line, value)

    def _store(self, base: str, place: int, line: Line, value: str) -> None:
        memory = MEMORY[line.dtype.kind][0]
        if memory == "i8":
            value = self._named(f"zext i1 {value} to i8")
        name = self._named(self._address(base, place, memory))
        self._put(f"store {memory} {value}, ptr {name}")

    def _copy(self, base: str, number: int, line: Line) -> None:
        """Copy an array that the program holds or is given."""
        size = int(np.prod(line.shape)) * MEMORY[line.dtype.kind][1]
        if line.is_constant:
            table, k = "%constants", len(self.constants)
            self.constants.append(np.ascontiguousarray(line.value, line.dtype))
        else:
            table, k = "%arguments", self.program.inputs.index(number)
        pointer = self._named(self._address(table, k, "ptr"))
        source = self._named(f"load ptr, ptr {pointer}")
        self._fill("memcpy", base, f"ptr {source}", size)

    def _fill(self, function: str, base: str, what: str, size: int) -> None:
        kinds = "ptr, i8, i64" if function == "memset" else "ptr, ptr, i64"
        name = f"llvm.{function}.{'p0.i64' if function == 'memset' else 'p0.p0.i64'}"
        self.emitter.declarations.add(f"declare void @{name}({kinds}, i1)")
        self._put(f"call void @{name}(ptr {base}, {what}, i64 {size}, i1 false)")
