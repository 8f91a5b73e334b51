"""Reading entries of rows into vectors, in the order in which they are needed.

Where all places are known, a vector is put together from the vectors that its entries stand in, by
permutations of registers; in loops, entry by entry, through tables of slots.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from taylorad.ode.steps.code import Code, array_of, kind_of
from taylorad.ode.steps.groups.group import LANES, Group
from taylorad.ode.steps.groups.layout import Chunk, Degree, Layout
from taylorad.ode.tracing.columns import Column

__all__ = ["Gathering", "entry"]


class Gathering(Layout):
    """A core that can gather."""

    def table(self, slots: Column) -> str:
        key = slots.tobytes()
        if key not in self.tables:
            self.tables[key] = name = f"@slots.{len(self.tables)}"
            self.globals.append(f"{name} = private constant {array_of(slots, 'i4')}")
        return self.tables[key]

    def gather(self, array: str, slots: Column, chunk: Chunk, width: int) -> str:
        """Read entries of an array by slots: in one go where they are neighbours."""
        code = self.code
        if isinstance(chunk, int):
            return self._picked(array, slots[chunk * width : (chunk + 1) * width])
        if self._is_run(array, slots):
            first = int(slots[0])
            if array == self.front.array and (first, chunk) in self.front.latest:
                return self.front.latest[first, chunk]
            return self._wide(array, self.at(chunk, width, first), width)
        if (slots == slots[0]).all():
            return code.everywhere(code.load(array, int(slots[0])), width)
        start, places = self._slots(array, slots, chunk, width)
        name = f"@gather.v{width}"
        if name not in code.helpers:
            code.helpers[name] = _gather(name, width)
        return code.after(f"call {kind_of(width)} {name}(ptr {start}, ptr {places})", ())

    def _slots(self, array: str, slots: Column, chunk: str, width: int) -> tuple[str, str]:
        """Find the slots of a chunk; those that are equally far apart share a table."""
        code, base = self.code, int(slots.min())
        first = code.plain(f"getelementptr inbounds double, ptr {array}, i64 {base}")
        table, start = self.table(slots - base), self.at(chunk, width, 0)
        return first, code.plain(f"getelementptr inbounds i32, ptr {table}, i64 {start}")

    def _picked(self, array: str, where: Column) -> str:
        """Put a vector together from those that its entries stand in."""
        code, width, is_run = self.code, len(where), self._is_run(array, where)
        slots: list[int] = where.tolist()
        if is_run:
            slots = [*range(slots[0], slots[0] + width)]
        blocks = list(dict.fromkeys(slot // LANES for slot in slots))
        if not any(self._stands_apart(array, block) for block in blocks):
            if is_run:
                return self._wide(array, str(slots[0]), width)
            if len(set(slots)) == 1:
                return code.everywhere(code.load(array, slots[0]), width)
            if len(blocks) > width // 2 + 1:
                return code.packed([code.load(array, slot) for slot in slots])
        vectors = [self._block(array, block) for block in blocks]
        return self._shuffled(vectors, [(blocks.index(s // LANES), s % LANES) for s in slots])

    def _is_run(self, array: str, slots: Column) -> bool:
        """Tell whether entries are neighbours. Not all values are repeated to fill vectors up."""
        if not self.is_run(slots):
            return False
        if array != self.values:
            return True
        places = np.arange(slots[0], slots[0] + len(slots))
        return bool((self.complete[places] | (slots == places)).all())

    def _stands_apart(self, array: str, block: int) -> bool:
        """Tell whether a vector of newest parts is in a register, or with the older parts."""
        return array == self.front.array and (block in self.front.row or block < self.room // LANES)

    def _block(self, array: str, block: int) -> str:
        """Read a vector, all of whose places are known."""
        if not self._stands_apart(array, block):
            return self.code.load(array, block * LANES, LANES)
        if block in self.front.row:
            return self.front.row[block]
        place = self.in_stream(0, block, LANES, self.front.degree)
        return self.code.load(self.history, place, LANES)

    def _shuffled(self, vectors: Sequence[str], lanes: Sequence[tuple[int, int]]) -> str:
        """Take lanes out of vectors of the full width."""
        code, width = self.code, len(lanes)
        if width == 1:
            return code.lane(vectors[lanes[0][0]], LANES, lanes[0][1])
        if len(vectors) == 1 and [lane for _, lane in lanes] == list(range(LANES)):
            return vectors[0]
        total, done = vectors[0], {0}
        mask = [lane if v == 0 else None for v, lane in lanes]
        for number in range(1, len(vectors)):
            order = [
                LANES + lane
                if v == number
                else (mask[k] if number == 1 else k)
                if v in done
                else None
                for k, (v, lane) in enumerate(lanes)
            ]
            order += [None] * (LANES - width)
            total = self._permuted(total, vectors[number], order)
            done.add(number)
        if len(vectors) == 1:
            return self._permuted(total, "poison", mask)
        if width < LANES:
            return self._permuted(total, "poison", list(range(width)))
        return total

    def _permuted(self, a: str, b: str, order: Sequence[int | None]) -> str:
        whole = kind_of(LANES)
        entries = ", ".join("i32 poison" if k is None else f"i32 {k}" for k in order)
        mask = f"<{len(order)} x i32> <{entries}>"
        return self.code.let(f"shufflevector {whole} {a}, {whole} {b}, {mask}")

    def _wide(self, array: str, place: str, width: int) -> str:
        value = self.code.load(array, place, width)
        if width > 1:
            self.code.wide.add(value)
        return value

    def scatter(self, value: str, array: str, slots: Column, chunk: Chunk, width: int) -> None:
        code = self.code
        if self.is_run(slots):
            code.store(value, array, self.at(chunk, width, int(slots[0])), width)
            return
        if isinstance(chunk, int):
            names = [str(slot) for slot in slots[chunk * width : (chunk + 1) * width]]
        else:
            array, places = self._slots(array, slots, chunk, width)
            names = [entry(code, places, lane) for lane in range(width)]
        for lane, slot in enumerate(names):
            code.store(code.lane(value, width, lane), array, slot)

    def in_chunk(self, group: Group, numbers: Column, chunk: Chunk) -> Column:
        """Give those of the numbers of a group that a vector needs, or may need."""
        padded = group.padded(numbers)
        if isinstance(chunk, str):
            return padded
        return padded[chunk * group.width : (chunk + 1) * group.width]

    def numbers(self, numbers: Column, chunk: Chunk, width: int) -> str:
        """Give known numbers, one for each lane."""
        if len(kinds := {*numbers.tolist()}) == 1:
            return self.code.constant(kinds.pop(), width)
        if isinstance(chunk, int) and len(numbers) == width:
            return self.code.constant(numbers.tolist(), width)
        return self.code.load(self.row_of(numbers), self.at(chunk, width, 0), width)

    def row_of(self, numbers: Column) -> str:
        """Give where known numbers stand."""
        key = numbers.tobytes()
        if key not in self.rows:
            self.rows[key] = self.table_of(f"row.{len(self.rows)}", numbers)
        return self.rows[key]

    def table_of(self, name: str, numbers: Column | Sequence[float]) -> str:
        self.globals.append(f"@{name} = private constant {array_of(numbers, 'f8')}")
        return f"@{name}"

    def whole(self, vector: str, width: int) -> str:
        """Make a vector as wide as all, with nothing in the other lanes."""
        if width == LANES:
            return vector
        if width == 1:
            return self.code.let(f"insertelement {kind_of(LANES)} poison, double {vector}, i64 0")
        lanes = ", ".join(f"i32 {k}" if k < width else "i32 poison" for k in range(LANES))
        kind = kind_of(width)
        return self.code.let(
            f"shufflevector {kind} {vector}, {kind} poison, <{LANES} x i32> <{lanes}>"
        )

    def record_part(self, part: str, stream: int, c: Chunk, width: int, k: Degree) -> None:
        """Write a part into its stream."""
        self.code.store(part, self.history, self.in_stream(stream, c, width, k), width)
        self.recent[stream, c, k] = part

    def record_parts(
        self,
        part: str,
        lines: Column,
        c: Chunk,
        width: int,
        k: Degree,
        weighted: str | None = None,
    ) -> None:
        """Write parts of lines that stand together, and those of D, into their streams, if any."""
        company = self.company(lines)
        slots, place = (company[int(c)], 0) if self.is_spread else (company[0], c)
        own = slots.tobytes()
        if (own, False) in self.streams:
            self.record_part(part, self.streams[own, False], place, width, k)
        if (own, True) in self.streams:
            weighted = weighted or self.weighted(part, k, width)
            self.record_part(weighted, self.streams[own, True], place, width, k)

    def weighted(self, part: str, k: Degree, width: int) -> str:
        """Multiply parts by their degree."""
        return self.code.multiply(part, self.degree(k, width), width) or ""

    def degree(self, k: Degree, width: int) -> str:
        """Give a degree as a number."""
        if isinstance(k, int):
            return self.code.constant(float(k), width)
        number = self.code.let(f"uitofp i64 {k} to double")
        return self.code.everywhere(number, width)


def entry(code: Code, table: str, number: int) -> str:
    """Read an entry of a table of slots."""
    at = code.let(f"getelementptr inbounds i32, ptr {table}, i64 {number}")
    return code.let(f"zext i32 {code.let(f'load i32, ptr {at}')} to i64")


def _gather(name: str, width: int) -> str:
    """Define the function that reads entries into a vector."""
    code = Code()
    packed = code.packed([code.load("%from", entry(code, "%slots", k)) for k in range(width)])
    head = f"define internal {kind_of(width)} {name}(ptr %from, ptr %slots) inlinehint {{"
    return "\n".join([head, *code.lines, f"  ret {kind_of(width)} {packed}", "}"])
