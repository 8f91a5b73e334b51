"""Where lines lie in memory while a core runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from taylorad.compiler.loops.indices import Affine, Index, ravelled

__all__ = ["MEMORY", "Array", "Lifetime", "arranged"]

MEMORY = {"f": "double", "i": "i64", "b": "i8"}
"""The type of an entry in memory by the kind of number."""


LINE = 64
"""Bytes that a processor fetches at a time; arrays start where such a line does."""


@dataclass(frozen=True)
class Array:
    """An array in C order.

    Attributes
    ----------
    pointer : str
        The register that points to it.
    kind : {"f", "i", "b"}
    shape : tuple of int
    """

    pointer: str
    kind: str
    shape: tuple[int, ...]

    def address(self, index: Index) -> Affine:
        """Give the place of an entry."""
        return ravelled(index, self.shape)


@dataclass(frozen=True)
class Lifetime:
    """Bytes that are needed from one step to another, both included."""

    name: str
    size: int
    first: int
    last: int


def arranged(lives: Iterable[Lifetime]) -> tuple[dict[str, int], int]:
    """Give each a place in one stretch of memory, the first free; and the stretch's length."""
    places: dict[str, int] = {}
    placed: list[tuple[int, int, Lifetime]] = []
    total = 0
    for life in sorted(lives, key=lambda life: (life.first, -life.size)):
        size = -(-life.size // LINE) * LINE
        start = 0
        for begin, end, other in sorted(placed, key=lambda entry: entry[0]):
            together = life.first <= other.last and other.first <= life.last
            if together and begin < start + size and start < end:
                start = end
        placed.append((start, start + size, life))
        places[life.name] = start
        total = max(total, start + size)
    return places, total
