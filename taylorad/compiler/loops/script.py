"""Writing loops by hand: instructions in the order in which they run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from taylorad.compiler.loops.memory import MEMORY
from taylorad.compiler.loops.text import Text, head, tail

__all__ = ["Script"]


class Script:
    """A piece of a core.

    Attributes
    ----------
    text : Text
        Gives names that are used nowhere else.
    lines : list of str
    """

    def __init__(self, text: Text) -> None:
        self.text = text
        self.lines: list[str] = []

    def __call__(self, instruction: str) -> str:
        """Append an instruction; give the name of its result."""
        name = self.text.name()
        self.lines.append(f"  {name} = {instruction}")
        return name

    def do(self, instruction: str) -> None:
        """Append an instruction without a result."""
        self.lines.append(f"  {instruction}")

    @contextmanager
    def loop(self, extent: int, start: int = 0) -> Iterator[str]:
        """Repeat what is written inside; the register that counts is given."""
        label = self.text.label()
        if extent <= start:  # a loop runs once at least
            kept, self.lines = self.lines, []
            yield "0"
            self.lines = kept
            return
        self.lines += head(label, str(start))
        yield f"%i.{label}"
        self.lines += tail(label, str(extent), 1)

    @contextmanager
    def loops(self, extents: Sequence[int]) -> Iterator[list[str]]:
        """Repeat for every index of a box."""
        if not extents:
            yield []
            return
        with self.loop(extents[0]) as i, self.loops(extents[1:]) as rest:
            yield [i, *rest]

    def place(self, offset: int, terms: Iterable[tuple[str, int]]) -> str:
        """Give the sum of an offset and of registers times strides."""
        total = str(offset)
        for register, stride in terms:
            if stride:
                term = self(f"mul nsw i64 {register}, {stride}")
                total = self(f"add nsw i64 {total}, {term}")
        return total

    def entry(self, kind: str, pointer: str, place: str) -> str:
        """Give a pointer to an entry of an array."""
        return self(f"getelementptr inbounds {MEMORY[kind]}, ptr {pointer}, i64 {place}")

    def load(self, kind: str, pointer: str, place: str) -> str:
        """Read an entry of an array; truth values come as bytes."""
        return self(f"load {MEMORY[kind]}, ptr {self.entry(kind, pointer, place)}")

    def store(self, value: str, kind: str, pointer: str, place: str) -> None:
        """Write an entry of an array."""
        self.do(f"store {MEMORY[kind]} {value}, ptr {self.entry(kind, pointer, place)}")
