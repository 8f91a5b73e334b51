"""A program as the lowering to loops reads it: its lines, and what is known of its constants."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from taylorad.compiler.loops.patterns import Pattern, patterns
from taylorad.wengert.list import Line, WengertList, repeats

__all__ = ["Source"]


@dataclass
class Source:
    """The lines of a program, those for its constant arrays of indices and conditions included.

    Attributes
    ----------
    program : WengertList
    lines : list of Line
        The lines of the program, then the additional constants.
    """

    program: WengertList
    lines: list[Line] = field(default_factory=list)
    _arrays: dict[int, int] = field(default_factory=dict)
    _inverses: dict[int, Any] = field(default_factory=dict)
    _uniform: dict[int, Any] = field(default_factory=dict)
    _patterns: dict[int, list[Pattern]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lines = list(self.program.lines)

    def array(self, a: Any) -> int:
        """Give a constant array a line."""
        key = id(a)  # of something that the program keeps alive
        if key not in self._arrays:
            self._arrays[key] = len(self.lines)
            a = np.asarray(a)
            a = a.astype(np.int64) if a.dtype.kind in "iu" else a
            self.lines.append(Line(None, (), {}, (), a.shape, a.dtype, a))
        return self._arrays[key]

    def is_zero(self, number: int) -> bool:
        """Tell whether a line is an array of zeros that something is put into."""
        line = self.lines[number]
        return line.is_constant and bool(line.shape) and self.uniform(number) == 0

    def uniform(self, number: int) -> Any:
        """Give the number that all entries of a constant are; None if there is none."""
        if number not in self._uniform:
            value = np.asarray(self.lines[number].value)
            self._uniform[number] = value.flat[0].item() if repeats(value) else None
        return self._uniform[number]

    def patterns(self, places: Any) -> list[Pattern]:
        """Give the linear pieces of an array of indices, none if they are too many."""
        if id(places) not in self._patterns:
            self._patterns[id(places)] = list(patterns(np.asarray(places)))
        return self._patterns[id(places)]

    def inverse(self, places: Any, shape: tuple[int, ...]) -> Any:
        """Give, for places each taken once and in some order, where each is named.

        None if they are not of that kind, or in no order that is a few linear pieces.
        """
        key = id(places)
        if key not in self._inverses:
            flat, size = np.ravel(places), math.prod(shape)
            once = flat.size == size and bool(np.all(np.bincount(flat, minlength=size) == 1))
            found = np.argsort(flat).reshape(shape) if once else None
            if found is not None and not self.patterns(found):
                found = None
            self._inverses[key] = found
        return self._inverses[key]
