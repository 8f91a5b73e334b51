"""Loop nests in LLVM's language.

A nest is parted into boxes in each of which every entry is computed in one way (`Split`). A box
becomes loops that LLVM vectorises; neighbouring loops that run through memory in one go are made
one. Sums are taken in blocks: within a block in the order that is best for the machine, over many
blocks with the rounding errors carried along.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from taylorad.compiler.loops.box import Box
from taylorad.compiler.loops.elements import Elements
from taylorad.compiler.loops.fusion import Nest
from taylorad.compiler.loops.indices import Affine, Split, linear
from taylorad.compiler.loops.memory import Array
from taylorad.compiler.loops.roots import Root
from taylorad.compiler.loops.source import Source
from taylorad.compiler.loops.text import Text
from taylorad.compiler.loops.totals import Total

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
        here, done, value, beyond = text.label(), text.label(), text.name(), text.name()
        lines = [
            f"  store i64 0, ptr {flag}",
            *lines,
            f"  {value} = load i64, ptr {flag}",
            f"  {beyond} = icmp ne i64 {value}, 0",
            f"  br i1 {beyond}, label %{here}, label %{done}",
            f"{here}:",
            *again,
            f"  br label %{done}",
            f"{done}:",
        ]
    sums = [r.line for r in nest.roots if r.combine == "sum" and arrays[r.line].kind == "f"]
    return Written(lines, len(parts), flops, sums)


Part = tuple[Elements, list[Root]]


def _parted(
    source: Source, nest: Nest, stored: set[int], arrays: Mapping[int, Array]
) -> Iterator[Part]:
    """Part a nest until every entry is computed in one way."""
    waiting = [(nest.extents, nest.roots, False)]
    while waiting:
        extents, roots, is_tiled = waiting.pop()
        if not math.prod(extents):
            continue
        elements = Elements(source, extents)
        pieces: Iterable[tuple[tuple[int, ...], dict[int, Affine]]]
        try:
            active = [root for root in roots if root.is_active(extents)]
            elements.pull((r for root in active for r in root.requests), stored)
            crossed = None if is_tiled else _crossed(elements, active, arrays)
            if crossed is None:
                if active:
                    yield elements, active
                continue
            pieces = [_tiled(extents, *crossed)]
            is_tiled = True
        except Split as split:
            pieces = split.pieces(extents)
        waiting += [
            (inner, [root.replaced(table) for root in roots], is_tiled) for inner, table in pieces
        ][::-1]


def _crossed(
    elements: Elements, roots: Sequence[Root], arrays: Mapping[int, Array]
) -> tuple[int, int] | None:
    """Give two loops of which some array is read along one and some along the other."""
    loops = [k for k, n in enumerate(elements.extents) if n > 1]
    if not loops or elements.extents[loops[-1]] < 4 * TILE:
        return None
    places = [root.place for root in roots]
    for element in elements.members:
        if element.is_load:
            number, index = element.detail
            places.append(arrays[number].address(index))
    for place in places:
        strides = {v: abs(c) for v, c in place.terms if isinstance(v, int)}
        if strides.get(loops[-1], 0) < TILE:
            continue
        for loop in loops[:-1]:
            if strides.get(loop) == 1 and elements.extents[loop] >= 4 * TILE:
                return loop, loops[-1]
    return None


def _tiled(
    extents: tuple[int, ...], outer: int, inner: int
) -> tuple[tuple[int, ...], dict[int, Affine]]:
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
