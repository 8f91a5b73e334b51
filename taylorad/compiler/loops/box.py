"""One box of a loop nest: its entries in registers, and the loops around them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

from taylorad.compiler.emitter import literal
from taylorad.compiler.loops.elements import NONE, Element, Elements
from taylorad.compiler.loops.indices import Affine, Computed, Variable, variable
from taylorad.compiler.loops.memory import MEMORY, Array
from taylorad.compiler.loops.pulling import Test
from taylorad.compiler.loops.roots import Root
from taylorad.compiler.loops.text import Text, head, tail
from taylorad.compiler.loops.totals import Total
from taylorad.compiler.operations import emit
from taylorad.machine.features import processor

__all__ = ["Box"]

ROUNDS = 128
"""Registers of terms of a sum that are added up in any order."""

FULLY = 7
"""Loops of no more rounds may be unrolled."""


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
        array = self.arrays[element.detail[0]]
        pointer = self.pointer(array, self.addresses[number])
        value = self.text.instruction(f"load {MEMORY[array.kind]}, ptr {pointer}{self.scope}")
        return self.text.instruction(f"trunc i8 {value} to i1") if array.kind == "b" else value

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
        """Give the address of an entry, as far in front of the loops as it goes."""
        register = array.pointer
        kind = MEMORY[array.kind]
        parts = [str(place.offset)] if place.offset else []
        parts += self._terms(place)
        for part in parts:
            register = self.text.instruction(
                f"getelementptr inbounds {kind}, ptr {register}, i64 {part}"
            )
        return register

    def whole(self, a: Affine) -> str:
        """Give an index as a register."""
        total = str(a.offset)
        for term in self._terms(a):
            total = term if total == "0" else self.text.instruction(f"add nsw i64 {total}, {term}")
        return total

    def _terms(self, a: Affine) -> list[str]:
        """Give the terms of an index as registers, those of the outer loops first."""
        terms = []
        for v, c in a.terms:
            name = self._variable(v)
            level = self.text.levels.get(name, 0)
            terms.append((level, name if c == 1 else f"{c}", name))
        terms.sort(key=lambda term: term[0])
        return [
            name if scale == name else self.text.instruction(f"mul nsw i64 {name}, {scale}")
            for _, scale, name in terms
        ]

    def _variable(self, v: Variable) -> str:
        if isinstance(v, int):
            return self.counters[v]
        return self._computed(v)

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
        text.start(depth)
        self.names = {}
        self.counters = {k: f"%i.{label}" for k, label in zip(self.loops, labels, strict=True)}
        text.levels |= {f"%i.{label}": level + 1 for level, label in enumerate(labels)}
        for number in range(len(self.elements.members)):
            self.name(number)
        text.note_beyond()
        parts: list[tuple[Total, str, str]] = []
        for root, value, place in zip(self.roots, self.values, self.places, strict=True):
            array = self.arrays[root.line]
            if value == NONE and root.combine in ("sum", "any"):
                continue
            register = literal(0, array.kind) if value == NONE else self.name(value)
            pointer = self.pointer(array, place)
            if root.combine is None:
                if array.kind == "b":
                    register = text.instruction(f"zext i1 {register} to i8")
                scope = scopes[array.pointer]
                text.effect(f"store {MEMORY[array.kind]} {register}, ptr {pointer}{scope}", depth)
            elif depth and text.levels.get(pointer, 0) < depth:
                total = totals[root.line]
                parts.append((total, total.inside(register, depth), pointer))
            else:
                totals[root.line].add(register, pointer, depth)
        blocks = text.blocks
        if not depth:
            yield from blocks[0]
            return
        text.blocks = [[] for _ in blocks]
        for total, part, pointer in parts:
            total.add_part(part, pointer, depth - 1)
        behind = text.blocks[depth - 1]
        starts = [f"  store {t.register} {t.start}, ptr {part}" for t, part, _ in parts]
        yield from blocks[0]
        for label, block in zip(labels[:-1], blocks[1:-1], strict=True):
            yield from head(label)
            yield from block
        is_sum = any(t.combine == "sum" and t.register == "double" for t, _, _ in parts)
        yield from self._innermost(labels[-1], starts, blocks[-1], behind, is_sum)
        for loop, label in zip(self.loops[-2::-1], labels[-2::-1], strict=True):
            yield from tail(label, str(self.extents[loop]), hint=self._hint(self.extents[loop]))

    def _innermost(
        self, label: str, starts: list[str], body: list[str], behind: list[str], is_sum: bool
    ) -> Iterator[str]:
        """Write the innermost loop, in blocks if it sums up much."""
        extent = self.extents[self.loops[-1]]
        if not is_sum or extent <= 2 * self.block:
            yield from starts
            yield from head(label)
            yield from body
            yield from tail(label, str(extent), hint=self._hint(extent))
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
        yield from tail(label, end, hint=self._hint(extent))
        yield from behind
        yield from tail(block, str(extent), self.block, self._hint(extent))

    def _hint(self, extent: int) -> str:
        """Give metadata: what is vectorised gains little from being unrolled, but it is long."""
        hints = []
        if extent > FULLY:
            hints.append('!{!"llvm.loop.unroll.disable"}')
        if self.text.careful:
            hints.append('!{!"llvm.loop.vectorize.enable", i1 false}')
        if not hints:
            return ""
        return f", !llvm.loop {self.text.note(f'distinct !{{$, {chr(44).join(hints)}}}')}"


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
