"""The room to work in: numbers at places, tables of places, and what is done with them."""

from __future__ import annotations

from collections.abc import Callable

from taylorad.machine.multiword import OPERATIONS, Number, Words
from taylorad.ode.steps.code import Code

__all__ = ["Memory"]

LINE = 8
"""Doubles in a line of the cache."""


class Memory:
    """Code that works on numbers in memory.

    Parameters
    ----------
    words : int
        Of a number.

    Attributes
    ----------
    code : Code
    of, wide : Words
        Arithmetic of parts, and of states, which have one word more.
    work : int
        Doubles that a call works in.
    rows : dict of str to list of tuple of int
        Tables to be gone through.
    operations : set of str
        What `apply` writes.
    """

    def __init__(self, words: int) -> None:
        self.words, self.work = words, 0
        self.code = Code()
        self.of, self.wide = Words(self.code, words), Words(self.code, words + 1)
        self.wide.functions = self.of.functions
        self.rows: dict[str, list[tuple[int, ...]]] = {}
        self.operations: set[str] = set()

    def claim(self, doubles: int) -> int:
        """Find room to work in, where a line of the cache begins."""
        place, self.work = self.work, self.work + -(-doubles // LINE) * LINE
        return place

    def at(self, place: int | str) -> str:
        """Give the address of a place in the room to work in."""
        return self.code.let(f"getelementptr inbounds double, ptr %work, i64 {place}")

    def load(self, pointer: str, words: int, stride: int = 1) -> tuple[str, ...]:
        """Read a number."""
        return tuple(self.code.load(pointer, w * stride) for w in range(words))

    def store(self, a: Number, pointer: str, words: int, stride: int = 1) -> None:
        """Write a number."""
        for w in range(words):
            self.code.store(a[w] if w < len(a) else None, pointer, w * stride)

    # --- tables ------------------------------------------------------------------------------

    def over(self, name: str, body: Callable[..., None]) -> None:
        """Go through a table: write something for each row, in a loop."""
        rows = self.rows[name]

        def once(i: str) -> list[str]:
            body(*self.row(name, i))
            return []

        if rows:
            self.code.loop(len(rows), once)

    def row(self, name: str, i: str) -> list[str]:
        """Read a row of a table."""
        columns = len(self.rows[name][0])
        place = self.code.let(f"mul nuw nsw i64 {i}, {columns}")
        return [self.entry(f"@{name}", place, c) for c in range(columns)]

    def entry(self, table: str, place: str, column: int) -> str:
        """Read an integer of a row that begins at a place."""
        place = self.code.let(f"add nuw nsw i64 {place}, {column}")
        at = self.code.let(f"getelementptr inbounds i64, ptr {table}, i64 {place}")
        return self.code.let(f"load i64, ptr {at}, align 8")

    def written_tables(self) -> list[str]:
        """Write the tables."""
        lines = []
        for name, rows in self.rows.items():
            entries = ", ".join(f"i64 {x}" for row in rows for x in row)
            if rows:
                size = len(rows) * len(rows[0])
                lines.append(f"@{name} = internal constant [{size} x i64] [{entries}]")
        return lines

    # --- operations ----------------------------------------------------------------------------

    def apply(self, operation: str, to: int | str, *operands: int | str) -> None:
        """Write an operation of `taylorad.machine.multiword` on places: a call with numbers."""
        self.operations.add(operation)
        given = ", ".join(f"i64 {place}" for place in (to, *operands))
        self.code.do(f"call void @{operation}.in.memory(ptr %work, {given})")

    def written_operations(self) -> list[str]:
        """Write what `apply` calls."""
        lines = []
        for operation in sorted(self.operations):
            code = Code()
            of = Words(code, self.words)
            names = [f"%x{i}" for i in range(OPERATIONS[operation])]
            operands = [
                tuple(code.load(at, w) for w in range(self.words))
                for at in (_address(code, name) for name in names)
            ]
            to = _address(code, "%to")
            for w, word in enumerate(of.full(of.call(operation, *operands))):
                code.store(word, to, w)
            self.of.functions |= of.functions
            takes = ", ".join(f"i64 {name}" for name in ("%to", *names))
            head = f"define internal void @{operation}.in.memory(ptr %work, {takes}) noinline {{"
            lines += [head, *code.lines, "  ret void", "}"]
        return lines


def _address(code: Code, place: str) -> str:
    return code.let(f"getelementptr inbounds double, ptr %work, i64 {place}")
