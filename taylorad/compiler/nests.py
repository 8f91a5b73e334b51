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

from taylorad.compiler.box import Box
from taylorad.compiler.elements import Elements
from taylorad.compiler.fusion import Nest
from taylorad.compiler.indices import Split
from taylorad.compiler.memory import Array
from taylorad.compiler.roots import Root
from taylorad.compiler.source import Source
from taylorad.compiler.text import Text
from taylorad.compiler.totals import Total

__all__ = ["Written", "write_nest"]


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
    parts = list(_parted(source, nest, stored))
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


def _parted(source: Source, nest: Nest, stored: set[int]) -> Iterator[Part]:
    """Part a nest until every entry is computed in one way."""
    waiting = [(nest.extents, nest.roots)]
    while waiting:
        extents, roots = waiting.pop()
        if not math.prod(extents):
            continue
        elements = Elements(source, extents)
        try:
            active = [root for root in roots if root.is_active(extents)]
            elements.pull((r for root in active for r in root.requests), stored)
        except Split as split:
            pieces = [
                (inner, [root.replaced(table) for root in roots])
                for inner, table in split.pieces(extents)
            ]
            waiting += pieces[::-1]
        else:
            if active:
                yield elements, active


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
