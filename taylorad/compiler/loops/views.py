"""Operands in memory, for what is not done by loops that entries are pulled through.

Slices, transposes, reshapes and broadcasts of an array are the same memory seen with other strides.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from taylorad.compiler.loops.indices import Affine, Index, Split, ravelled
from taylorad.compiler.loops.memory import Array
from taylorad.compiler.loops.pulling import is_moving, step
from taylorad.compiler.loops.roots import identity
from taylorad.compiler.loops.source import Source
from taylorad.compiler.loops.text import Text

__all__ = ["Opaque", "View", "view", "whole"]


@dataclass(frozen=True)
class View:
    """Part of an array in memory.

    Attributes
    ----------
    line : int
        The line that is stored.
    offset : int
    strides : tuple of int
        Counted in entries.
    shape : tuple of int
    index : Index
        Of the stored line, one loop for each axis.
    """

    line: int
    offset: int
    strides: tuple[int, ...]
    shape: tuple[int, ...]
    index: Index

    def part(self, spans: Sequence[range]) -> View:
        """Give a part of it; along axes of length 1 that is all."""
        table = {}
        offset, shape = self.offset, []
        for k, (span, n, stride) in enumerate(zip(spans, self.shape, self.strides, strict=True)):
            start, length = (span.start, len(span)) if n > 1 else (0, 1)
            offset += start * stride
            shape.append(length)
            table[k] = Affine(start, ((k, 1),) if length > 1 else ())
        index = tuple(a.replaced(table) for a in self.index)
        return View(self.line, offset, self.strides, tuple(shape), index)

    def address(self, index: Sequence[Affine]) -> Affine:
        """Give the place of an entry."""
        place = Affine(self.offset)
        for a, stride in zip(index, self.strides, strict=True):
            place = place.plus(a.times(stride))
        return place


def whole(source: Source, number: int) -> View:
    """See a line as an array that is stored as it is."""
    shape = source.lines[number].shape
    strides = tuple(math.prod(shape[k + 1 :]) if n > 1 else 0 for k, n in enumerate(shape))
    return View(number, 0, strides, shape, identity(shape))


def view(source: Source, number: int, stored: Container[int]) -> View:
    """See a line as part of one that it is only moved from, as far back as there is one."""
    found = whole(source, number)
    shape = found.shape
    index = identity(shape)
    while number not in stored and is_moving(source.lines[number].row):
        try:
            ((number, index),) = step(source, number, index, shape).requests
        except Split:
            break
        if not all(isinstance(v, int) for a in index for v, _ in a.terms):
            break
        place = ravelled(index, source.lines[number].shape)
        along = dict(place.terms)
        strides = tuple(along.get(k, 0) for k in range(len(shape)))
        found = View(number, place.offset, strides, shape, index)
    return found


class Opaque:
    """The computation of a line by other means than a loop nest that entries are pulled through.

    Attributes
    ----------
    line : int
    views : tuple of View
        What it reads.
    flops : int
    note : str
        What it does.
    scratch : int
        Bytes of memory that it needs for itself.
    """

    line: int
    views: tuple[View, ...]
    scratch: int = 0
    note: ClassVar[str] = ""

    @property
    def flops(self) -> int:
        """Operations on floats."""
        return 0

    def within(self, spans: Sequence[range]) -> Opaque:
        """Give what computes a part of the result, and maybe more."""
        return self

    def lines(self, text: Text, arrays: Mapping[int, Array], scratch: str) -> Iterator[str]:
        """Write it."""
        raise NotImplementedError
