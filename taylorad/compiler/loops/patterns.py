"""Order in constant arrays of indices and conditions.

What ``roll``, ``tile`` or ``diagonal`` gather from is an array of places. Where these are linear in
their own index, on a few boxes, no array has to be read: the index is known while compiling.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Pattern", "patterns", "runs"]

MOST_PIECES = 4
"""More boxes than this would make more code than they are worth."""


class Pattern(NamedTuple):
    """A box of an array of indices in which they are linear."""

    spans: tuple[range, ...]
    start: int
    coefficients: tuple[int, ...]


def patterns(places: Any) -> Iterator[Pattern]:
    """Cut an array of indices into a few boxes, as those of ``roll`` and ``flip`` can be."""
    cuts = []
    for axis, n in enumerate(places.shape):
        change = np.diff(places, n=2, axis=axis)
        others = tuple(k for k in range(places.ndim) if k != axis)
        at = np.flatnonzero(np.any(change != 0, axis=others)) + 1
        # Where the difference changes twice in a row an entry stands out: a step lies there.
        bounds = [0, *(int(t) + 1 for k, t in enumerate(at) if k % 2 == 0), n]
        if len(bounds) > MOST_PIECES:
            return
        cuts.append([range(a, b) for a, b in pairwise(bounds) if a < b])
    boxes: list[tuple[range, ...]] = [()]
    for spans in cuts:
        boxes = [(*box, span) for box in boxes for span in spans]
    if len(boxes) > MOST_PIECES:
        return
    found = [_pattern(places, box) for box in boxes]
    if all(pattern is not None for pattern in found):
        yield from (pattern for pattern in found if pattern is not None)


def _pattern(places: Any, box: tuple[range, ...]) -> Pattern | None:
    piece = places[tuple(slice(s.start, s.stop) for s in box)]
    start = int(piece.flat[0])
    origin = (0,) * piece.ndim
    coefficients = []
    expected = np.full(piece.shape, start)
    for axis, n in enumerate(piece.shape):
        next_one = (*origin[:axis], 1, *origin[axis + 1 :])
        coefficient = int(piece[next_one]) - start if n > 1 else 0
        coefficients.append(coefficient)
        line = np.arange(n) * coefficient
        expected += line.reshape((n,) + (1,) * (piece.ndim - axis - 1))
    return Pattern(box, start, tuple(coefficients)) if np.array_equal(piece, expected) else None


def runs(condition: Any) -> tuple[int, list[tuple[range, bool]]] | None:
    """Give, for a condition that varies along one axis only and seldom, the axis and its runs."""
    wide = [k for k, n in enumerate(condition.shape) if n > 1]
    if len(wide) != 1:
        return None
    flat = condition.ravel() != 0
    cuts = [0, *(int(t) + 1 for t in np.flatnonzero(flat[1:] != flat[:-1])), len(flat)]
    if len(cuts) > MOST_PIECES + 1:
        return None
    spans = [range(a, b) for a, b in pairwise(cuts)]
    return wide[0], [(span, bool(flat[span[0]])) for span in spans]
