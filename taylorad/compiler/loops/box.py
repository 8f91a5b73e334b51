"""One box of a loop nest: its entries in registers, and the loops around them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping

from taylorad.compiler.emitter import REGISTER, literal
from taylorad.compiler.loops import access
from taylorad.compiler.loops.elements import NONE, Element, Elements
from taylorad.compiler.loops.indices import Affine, Computed, variable
from taylorad.compiler.loops.memory import MEMORY, Array
from taylorad.compiler.loops.pulling import Test
from taylorad.compiler.loops.roots import Root
from taylorad.compiler.loops.text import Text, head, tail
from taylorad.compiler.loops.totals import Total
from taylorad.compiler.operations import emit
from taylorad.machine.features import processor
from taylorad.machine.vectors import vector
from taylorad.primitives.elementwise import add, multiply, negative, subtract
from taylorad.primitives.linear import select
from taylorad.wengert.trace import convert

__all__ = ["Box"]

ROUNDS = 128
"""Registers of terms of a sum that are added up in any order."""

SEVERAL = 4
"""Registers to a vector where little is computed of much: sums wait for one another."""

_REGISTER = re.compile(r"%[\w.]+")
_LIGHT = (add, subtract, multiply, negative, select, convert)


class Box:
    """The loops over a box in which every entry is computed in one way.

    Parameters
    ----------
    text : Text
    elements : Elements
        All that is computed for an index of the box.
    roots : list of Root
    arrays : mapping of int to Array
    scope : str
        Metadata of loads.
    """

    def __init__(
        self,
        text: Text,
        elements: Elements,
        roots: list[Root],
        arrays: Mapping[int, Array],
        scope: str,
    ) -> None:
        self.text, self.elements, self.roots = text, elements, roots
        self.arrays, self.scope = arrays, scope
        kinds = (arrays[root.line].kind for root in roots)
        self.values = [elements.value(r.wanted, kind) for r, kind in zip(roots, kinds, strict=True)]
        self.places = [root.place for root in roots]
        self.addresses = {
            number: arrays[element.detail[0]].address(element.detail[1])
            for number, element in enumerate(elements.members)
            if element.is_load
        }
        self.extents = list(elements.extents)
        self.loops = [k for k, n in enumerate(elements.extents) if n > 1]
        self._merge()
        self.block = ROUNDS * processor().vector_bits // 64
        self.names: dict[int, str] = {}
        self.counters: dict[int, str] = {}
        self.lanes, self.inner = 1, self.loops[-1] if self.loops else -1
        if self.loops and not text.careful and all(map(self._fits, roots, self.places)):
            self.lanes = self._most_lanes()

    def _fits(self, root: Root, place: Affine) -> bool:
        """Tell whether several entries can be put into their places at once."""
        step = self._step(place)
        return step != 0 if root.combine is None else step is not None

    def _step(self, place: Affine) -> int | None:
        """Give the way in memory from one lane to the next; None if it varies."""
        if self.inner in _computed_loops(place):
            return None
        return _coefficient(place, self.inner)

    def _most_lanes(self) -> int:
        lanes = processor().vector_bits // 64
        sums = any(root.combine == "sum" for root in self.roots)
        if sums and all(e.row in (None, *_LIGHT) for e in self.elements.members):
            lanes *= SEVERAL
        while lanes > self.extents[self.inner]:
            lanes //= 2
        return lanes

    def _merge(self) -> None:
        """Make one loop of two that run through memory in one go."""
        bent = {loop for element in self.elements.members for loop in _bent(element.detail)}
        bent |= {loop for place in self.places for loop in _computed_loops(place)}
        for at in range(len(self.loops) - 1)[::-1]:
            outer, inner = self.loops[at : at + 2]
            n = self.extents[inner]
            every = (*self.addresses.values(), *self.places)
            if bent & {outer, inner} or any(
                _coefficient(a, outer) != n * _coefficient(a, inner) for a in every
            ):
                continue
            self.extents[inner] *= self.extents[outer]
            del self.loops[at]
            table = {outer: Affine(0)}
            self.addresses = {k: a.replaced(table) for k, a in self.addresses.items()}
            self.places = [a.replaced(table) for a in self.places]

    @property
    def parts_of_sum(self) -> int:
        """How often the innermost loop ends, and what it has summed up is added to a total."""
        *outer, inner = (1, *(self.extents[k] for k in self.loops))
        return math.prod(outer) * -(-inner // self.block)

    @property
    def flops(self) -> int:
        """Operations on floats."""
        count = 0
        for element in self.elements.members:
            if element.row is not None and element.kind == "f":
                count += math.prod(self.elements.extents[: element.level])
        sums = sum(r.combine == "sum" for r in self.roots)
        return count + sums * math.prod(self.elements.extents)

    # --- entries in registers ----------------------------------------------------------------

    def name(self, number: int) -> str:
        """Give an element as a register."""
        if number not in self.names:
            self.names[number] = self._written(number, self.elements.members[number])
        return self.names[number]

    def _written(self, number: int, element: Element) -> str:
        if element.row is not None:
            found = [self.elements.members[n] for n in element.operands]
            names = [self.name(n) for n in element.operands]
            constants = [e.detail if e.is_number else None for e in found]
            kinds = [e.kind for e in found]
            params = element.detail
            return emit(self.text, element.row, params, names, kinds, element.kind, constants)
        if element.is_test:
            return self._test(element.detail)
        if number not in self.addresses:
            return literal(element.detail, element.kind)
        value = self._loaded(self.arrays[element.detail[0]], self.addresses[number])
        return self.text.instruction(f"trunc i8 {value} to i1") if element.kind == "b" else value

    def _loaded(self, array: Array, place: Affine) -> str:
        kind, step, text = MEMORY[array.kind], self._step(place), self.text
        if self.lanes == 1 or step == 0:
            return text.instruction(f"load {kind}, ptr {self.pointer(array, place)}{self.scope}")
        if step is None:
            return access.load_each(text, kind, self._addresses(array, place), self.scope)
        return access.load(text, kind, self.pointer(array, place), step, self.scope)

    def _store(self, array: Array, place: Affine, value: str, scope: str) -> None:
        kind, step, text = MEMORY[array.kind], self._step(place), self.text
        if array.kind == "b":
            value = text.instruction(f"zext i1 {value} to i8")
        if self.lanes == 1:
            pointer = self.pointer(array, place)
            text.effect(f"store {kind} {value}, ptr {pointer}{scope}", len(self.loops))
            return
        value = text.spread(value, kind)
        if step is None:
            access.store_each(text, kind, value, self._addresses(array, place), scope)
        else:
            access.store(text, kind, value, self.pointer(array, place), step, scope)

    def _addresses(self, array: Array, place: Affine) -> list[str]:
        """Give the addresses of the entries of all lanes."""
        text, kind = self.text, MEMORY[array.kind]
        index, whole = text.spread(self.whole(place), "i64"), vector("i64", self.lanes)
        places = [text.plain(f"extractelement {whole} {index}, i64 {k}") for k in range(self.lanes)]
        start = array.pointer
        return [text.plain(f"getelementptr inbounds {kind}, ptr {start}, i64 {k}") for k in places]

    def _test(self, test: Test) -> str:
        place = self.whole(test.place.shifted(-test.span[0]))
        size = test.span[-1] - test.span[0] + 1
        inside = self.text.instruction(f"icmp ult i64 {place}, {size}")
        if len(test.span) > 1 and test.span.step > 1:
            rest = self.text.instruction(f"urem i64 {place}, {test.span.step}")
            hit = self.text.instruction(f"icmp eq i64 {rest}, 0")
            inside = self.text.instruction(f"and i1 {inside}, {hit}")
        return inside

    def pointer(self, array: Array, place: Affine) -> str:
        """Give the address of an entry, that of the first lane, as far outside as it goes."""
        register = array.pointer
        kind = MEMORY[array.kind]
        parts = [str(place.offset)] if place.offset else []
        parts += self._terms(place, self.counters)
        for part in parts:
            register = self.text.instruction(
                f"getelementptr inbounds {kind}, ptr {register}, i64 {part}"
            )
        return register

    def whole(self, a: Affine) -> str:
        """Give an index as a register, a vector if the lanes differ."""
        total = str(a.offset)
        for term in self._terms(a, self.indices):
            total = term if total == "0" else self.text.instruction(f"add nsw i64 {total}, {term}")
        return total

    def _terms(self, a: Affine, indices: Mapping[int, str]) -> list[str]:
        """Give the terms of an index as registers, those of the outer loops first."""
        terms = []
        for v, c in a.terms:
            name = indices[v] if isinstance(v, int) else self._computed(v)
            level = self.text.levels.get(name, 0)
            terms.append((level, name if c == 1 else f"{c}", name))
        terms.sort(key=lambda term: term[0])
        return [
            name if scale == name else self.text.instruction(f"mul nsw i64 {name}, {scale}")
            for _, scale, name in terms
        ]

    def _computed(self, v: Computed) -> str:
        """Give a computed index as a register."""
        text = self.text
        if v.kind == "entry":
            number, _ = v.of
            name = self.name(self.elements.at[v.of])
            if self.elements.source.lines[number].is_constant:
                return name
        else:
            name = self.whole(v.of)
        if v.kind == "quotient":
            return text.instruction(f"udiv i64 {name}, {v.by}")
        if v.kind == "remainder":
            return text.instruction(f"urem i64 {name}, {v.by}")
        text.declarations.add("declare i64 @llvm.smax.i64(i64, i64)")
        text.declarations.add("declare i64 @llvm.smin.i64(i64, i64)")
        name = text.instruction(f"call i64 @llvm.smax.i64(i64 {name}, i64 0)")
        return text.instruction(f"call i64 @llvm.smin.i64(i64 {name}, i64 {v.size - 1})")

    # --- the loops ---------------------------------------------------------------------------

    def lines(self, totals: Mapping[int, Total], scopes: Mapping[str, str]) -> Iterator[str]:
        """Write the loops.

        Parameters
        ----------
        totals : mapping of int to Total
            Of the roots that are reductions.
        scopes : mapping of str to str
            Metadata of accesses to the arrays that are filled.
        """
        text, depth = self.text, len(self.loops)
        labels = [text.label() for _ in self.loops]
        text.start(depth, self.lanes)
        self.names = {}
        self.counters = {k: f"%i.{label}" for k, label in zip(self.loops, labels, strict=True)}
        text.levels |= {f"%i.{label}": level + 1 for level, label in enumerate(labels)}
        self.indices, self.rest, self.fresh = self.counters, 0, ""
        if self.lanes > 1:
            self._count_lanes()
        for number in range(len(self.elements.members)):
            self.name(number)
        text.note_beyond()
        parts: list[tuple[Total, str, str]] = []
        for root, value, place in zip(self.roots, self.values, self.places, strict=True):
            array = self.arrays[root.line]
            if value == NONE and root.combine in ("sum", "any"):
                continue
            register = literal(0, array.kind) if value == NONE else self.name(value)
            if root.combine is None:
                self._store(array, place, register, scopes[array.pointer])
                continue
            pointer, total = self.pointer(array, place), totals[root.line]
            if self.fresh:
                kind = REGISTER[array.kind]
                register = text.instruction(
                    f"select i1 {self.fresh}, {kind} {register}, {kind} {total.nothing}"
                )
            if depth and text.levels.get(pointer, 0) < depth:
                parts.append((total, total.inside(register, depth), pointer))
            elif self.lanes > 1:
                total.add_lanes(register, pointer, self._step(place) or 1)
            else:
                total.add(register, pointer, depth)
        blocks = text.blocks
        if not depth:
            yield from blocks[0]
            return
        text.blocks = [[] for _ in blocks]
        for total, part, pointer in parts:
            total.add_part(part, pointer, depth - 1)
        behind = text.blocks[depth - 1]
        starts = [f"  {total.clear(part)}" for total, part, _ in parts]
        yield from blocks[0]
        for label, block in zip(labels[:-1], blocks[1:-1], strict=True):
            yield from head(label)
            yield from block
        is_sum = any(t.combine == "sum" and t.register == "double" for t, _, _ in parts)
        yield from self._innermost(labels[-1], starts, blocks[-1], behind, is_sum)
        for loop, label in zip(self.loops[-2::-1], labels[-2::-1], strict=True):
            yield from tail(label, str(self.extents[loop]))

    def _count_lanes(self) -> None:
        """Count the lanes.

        A loop whose length is no multiple of the lanes ends with a vector that begins so many
        lanes before its end, so that it overlaps the one before. What is only stored may be stored
        twice; what is added up is added up once: that last vector is written behind the loop, for
        its lanes that are fresh.
        """
        text, counter, extent = self.text, self.counters[self.inner], self.extents[self.inner]
        places = ", ".join(f"i64 {k}" for k in range(self.lanes))
        steps = text.vector(f"add {vector('i64', self.lanes)} zeroinitializer, <{places}>")
        overlap = extent % self.lanes
        if overlap and any(root.combine is not None for root in self.roots):
            self.rest, self.fresh = overlap, counter.replace("%i.", "%fresh.")
            text.wide.add(self.fresh)
            text.levels[self.fresh] = len(self.loops)
        elif overlap:
            text.declarations.add("declare i64 @llvm.umin.i64(i64, i64)")
            last = extent - self.lanes
            counter = text.instruction(f"call i64 @llvm.umin.i64(i64 {counter}, i64 {last})")
        self.counters = self.counters | {self.inner: counter}
        self.indices = self.counters | {
            self.inner: text.instruction(f"add nsw i64 {counter}, {steps}")
        }

    def _innermost(
        self, label: str, starts: list[str], body: list[str], behind: list[str], is_sum: bool
    ) -> Iterator[str]:
        """Write the innermost loop, in blocks if it sums up much."""
        extent = self.extents[self.inner] - self.rest
        rest: list[str] = []
        if self.rest:
            known = "".join(
                f", i1 {'false' if k < self.lanes - self.rest else 'true'}"
                for k in range(self.lanes)
            )
            last = {f"%i.{label}": str(extent + self.rest - self.lanes)}
            rest = _again(body, last | {self.fresh: f"<{known[2:]}>"})
            body = [line.replace(f"{self.fresh},", "splat (i1 true),") for line in body]
        if not is_sum or extent <= 2 * self.block:
            yield from starts
            yield from head(label)
            yield from body
            yield from tail(label, str(extent), self.lanes)
            yield from rest
            yield from behind
            return
        self.text.declarations.add("declare i64 @llvm.umin.i64(i64, i64)")
        block, full, end = f"b.{label}", f"%f.{label}", f"%s.{label}"
        yield from head(block)
        yield from starts
        yield f"  {full} = add nuw nsw i64 %i.{block}, {self.block}"
        yield f"  {end} = call i64 @llvm.umin.i64(i64 {full}, i64 {extent})"
        yield from head(label, f"%i.{block}")
        yield from body
        yield from tail(label, end, self.lanes)
        yield from behind
        yield from tail(block, str(extent), self.block)
        if rest:
            yield from starts
            yield from rest
            yield from _again(behind, {})


def _again(lines: Iterable[str], table: Mapping[str, str]) -> list[str]:
    """Write lines once more, with some registers replaced."""
    lines = list(lines)
    defined = [line.split(" = ")[0].strip() for line in lines if " = " in line]
    table = {name: f"{name}.again" for name in defined} | dict(table)
    return [_REGISTER.sub(lambda match: table.get(match.group(), match.group()), x) for x in lines]


def _coefficient(a: Affine, loop: int) -> int:
    return next((c for v, c in a.terms if v == loop), 0)


def _bent(detail: object) -> Iterable[int]:
    """Give the loops that computed numbers and tests of an element depend on."""
    if isinstance(detail, Test):
        return detail.place.loops
    if isinstance(detail, tuple):
        return (loop for a in detail[1] for loop in _computed_loops(a))
    return ()


def _computed_loops(a: Affine) -> Iterator[int]:
    for v, _ in a.terms:
        if not isinstance(v, int):
            yield from variable(v).loops
