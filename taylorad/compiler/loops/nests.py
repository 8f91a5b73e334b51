"""Loop nests in LLVM's language.

A nest is parted into boxes in each of which every entry is computed in one way (`Split`). A box
becomes loops over vectors; neighbouring loops that run through memory in one go are made one. Sums
are taken in blocks: within a block in the order that is best for the machine, over many blocks with
the rounding errors carried along.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from taylorad.compiler.loops.access import CLOSE
from taylorad.compiler.loops.box import Box
from taylorad.compiler.loops.elements import Elements
from taylorad.compiler.loops.fusion import Nest
from taylorad.compiler.loops.indices import Affine, Split, Variable, linear, variable
from taylorad.compiler.loops.memory import Array
from taylorad.compiler.loops.roots import Root
from taylorad.compiler.loops.source import Source
from taylorad.compiler.loops.text import Text
from taylorad.compiler.loops.totals import Total
from taylorad.machine.features import processor

__all__ = ["Written", "write_nest"]


TILE = 8
"""Where an array is read against its order, it is in squares of this side: a line of the cache."""


@dataclass
class Written:
    """A nest that has been written.

    Attributes
    ----------
    lines : list of str
    boxes : int
        How many boxes it was parted into.
    flops : int
        Operations on floats.
    reordered : list of int
        The lines that are sums in another order than NumPy's.
    """

    lines: list[str]
    boxes: int
    flops: int
    reordered: list[int]


def write_nest(text: Text, source: Source, nest: Nest, arrays: Mapping[int, Array]) -> Written:
    """Write a nest."""
    own = {root.line for root in nest.roots}
    stored = {number for number in arrays if number not in own}
    parts = list(_parted(source, nest, stored, arrays))
    scopes = _Scopes(text, [arrays[number].pointer for number in own])
    text.odd = None
    lines, flops = _version(text, source, nest, parts, arrays, scopes)
    if text.odd is not None:
        flag, text.careful = text.odd, True
        again, _ = _version(text, source, nest, parts, arrays, scopes)
        text.careful = False
        here, done, beyond = text.label(), text.label(), text.name()
        lines = [
            f"  store i1 false, ptr {flag}",
            *lines,
            f"  {beyond} = load i1, ptr {flag}",
            f"  br i1 {beyond}, label %{here}, label %{done}",
            f"{here}:",
            *again,
            f"  br label %{done}",
            f"{done}:",
        ]
    sums = [r.line for r in nest.roots if r.combine == "sum" and arrays[r.line].kind == "f"]
    return Written(lines, len(parts), flops, sums)


Part = tuple[Elements, list[Root]]
Piece = tuple[tuple[int, ...], dict[int, Affine]]
"""The extents of a box, and what the loops of the nest are in terms of its own."""


def _parted(
    source: Source, nest: Nest, stored: set[int], arrays: Mapping[int, Array]
) -> Iterator[Part]:
    """Part a nest until every entry is computed in one way."""
    waiting = [(nest.extents, nest.roots, False)]
    while waiting:
        extents, roots, is_ordered = waiting.pop()
        if not math.prod(extents):
            continue
        elements = Elements(source, extents)
        pieces: Iterable[Piece]
        try:
            active = [root for root in roots if root.is_active(extents)]
            elements.pull((r for root in active for r in root.requests), stored)
            better = None if is_ordered else _reordered(elements, active, arrays)
            if better is None:
                if active:
                    yield elements, active
                continue
            pieces, is_ordered = [better], True
        except Split as split:
            pieces = split.pieces(extents)
        waiting += [
            (inner, [root.replaced(table) for root in roots], is_ordered) for inner, table in pieces
        ][::-1]


def _reordered(
    elements: Elements, roots: Sequence[Root], arrays: Mapping[int, Array]
) -> Piece | None:
    """Give a better order of the loops of a box, if there is one."""
    extents = elements.extents
    loops = [k for k, n in enumerate(extents) if n > 1]
    if not loops:
        return None
    places = [root.place for root in roots]
    for element in elements.members:
        if element.is_load:
            number, index = element.detail
            places.append(arrays[number].address(index))
    strides = [{v: abs(c) for v, c in place.terms} for place in places]
    crossed = _crossed(extents, loops, strides)
    if crossed is not None:
        return _tiled(extents, *crossed)
    if all(root.combine is not None for root in roots):
        return _turned(extents, loops, strides)
    return None


Strides = Sequence[Mapping[Variable, int]]


def _turned(extents: tuple[int, ...], loops: Sequence[int], strides: Strides) -> Piece | None:
    """Make the innermost loop of sums one that fills vectors, if what it reads lies close."""
    lanes = processor().vector_bits // 64
    long = next((k for k in loops[::-1] if extents[k] >= lanes), loops[-1])
    if long == loops[-1] or any(s.get(long, 0) > CLOSE for s in strides):
        return None
    if any(long in variable(v).loops for s in strides for v in s if not isinstance(v, int)):
        return None
    order = [*(k for k in range(len(extents)) if k != long), long]
    return tuple(extents[k] for k in order), {k: variable(order.index(k)) for k in order}


def _crossed(
    extents: tuple[int, ...], loops: Sequence[int], strides: Strides
) -> tuple[int, int] | None:
    """Give two loops of which some array is read along one and some along the other."""
    if extents[loops[-1]] < 4 * TILE:
        return None
    for stride in strides:
        if stride.get(loops[-1], 0) < TILE:
            continue
        for loop in loops[:-1]:
            if stride.get(loop) == 1 and extents[loop] >= 4 * TILE:
                return loop, loops[-1]
    return None


def _tiled(extents: tuple[int, ...], outer: int, inner: int) -> Piece:
    """Make two loops go through small squares.

    Raises
    ------
    Split
        Where squares do not cover the box.
    """
    for loop in (outer, inner):
        if extents[loop] % TILE:
            raise Split("cut", loop, extents[loop] - extents[loop] % TILE)
    blocks = [n // TILE if k in (outer, inner) else n for k, n in enumerate(extents)]
    table = {
        loop: linear(0, [(loop, TILE), (len(extents) + which, 1)])
        for which, loop in enumerate((outer, inner))
    }
    return (*blocks, TILE, TILE), table


def _version(
    text: Text,
    source: Source,
    nest: Nest,
    parts: Sequence[Part],
    arrays: Mapping[int, Array],
    scopes: _Scopes,
) -> tuple[list[str], int]:
    """Write a nest for plain or for any arguments; count its operations."""
    boxes = [Box(text, elements, roots, arrays, scopes.load) for elements, roots in parts]
    text.start(0)
    totals = {}
    for root in nest.roots:
        if root.combine is not None:
            array = arrays[root.line]
            count = sum(box.parts_of_sum for box in boxes)
            scope = scopes.own[array.pointer]
            totals[root.line] = Total(text, array, root.combine, count, scope)
            totals[root.line].begin()
    lines = text.blocks[0]
    for box in boxes:
        lines += box.lines(totals, scopes.own)
    text.start(0)
    for total in totals.values():
        total.finish()
    return lines + text.blocks[0], sum(box.flops for box in boxes)


class _Scopes:
    """Metadata that tells LLVM that what a nest writes overlaps nothing else that it touches.

    Attributes
    ----------
    load : str
        For loads of what it does not write.
    own : dict of str to str
        For accesses to each array that it writes.
    """

    def __init__(self, text: Text, written: Sequence[str]) -> None:
        domain = text.note("distinct !{$}")
        scopes = {p: text.note(f"distinct !{{$, {domain}}}") for p in written}
        self.load = f", !noalias {text.note(_node(scopes.values()))}"
        self.own: dict[str, str] = {}
        for p, scope in scopes.items():
            others = [s for q, s in scopes.items() if q != p]
            self.own[p] = f", !alias.scope {text.note(_node([scope]))}"
            if others:
                self.own[p] += f", !noalias {text.note(_node(others))}"


def _node(members: Iterable[str]) -> str:
    return f"!{{{', '.join(members)}}}"
