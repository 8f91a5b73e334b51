"""The machine code of trajectories side by side, of a system of many equations.

There is a loop over degrees, one over components, and one over interiors, with tables of where
streams begin; the nodes are written out, once. All numbers are in memory: so registers are never
scarce, and it does not take LLVM long to allot them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from taylorad.ode.steps.code import Name
from taylorad.ode.steps.core import Access
from taylorad.ode.steps.lanes.pairs import Late, Sums
from taylorad.ode.steps.lanes.rolled import Rolled
from taylorad.ode.steps.unrolled import Degree
from taylorad.ode.tracing.recurrences import Choice, Inner, Node, Recurrences

__all__ = ["Large"]

BLOCK = 100
"""So many instructions are put in order at a time."""


class _Kept(dict[Any, Any]):
    """Names of numbers in registers, which are put into memory, and read where they are needed."""

    def __init__(self, core: Large, array: str) -> None:
        super().__init__()
        self.core, self.array = core, array
        self.places: dict[Any, int] = {}

    def place(self, key: Any) -> Any:
        """Give what a place is for: there is one for all degrees of a line."""
        return key

    def __setitem__(self, key: Any, name: Name) -> None:
        if name is None or not name.startswith("%") or self.core.kinds.get(key) == "b":
            super().__setitem__(key, name)
            return
        place = self.places.setdefault(self.place(key), len(self.places))
        self.core.code.store(name, self.core.arrays[self.array], place)
        super().__setitem__(key, place)

    def __getitem__(self, key: Any) -> Name:
        found = super().__getitem__(key)
        if not isinstance(found, int):
            return found  # type: ignore[no-any-return]
        return self.core.code.load(self.core.arrays[self.array], found)

    def get(self, key: Any, default: Any = None) -> Any:
        return default if dict.get(self, key) is None else self[key]


class _Newest(_Kept):
    """The newest parts of lines; those of components are in their streams."""

    def place(self, key: Any) -> Any:
        return key[0]

    def __setitem__(self, key: Any, name: Name) -> None:
        line, k = key
        if line >= self.core.n or k == 0 or name is None:
            super().__setitem__(key, name)
        else:
            self.is_in_stream(line, k)

    def is_in_stream(self, line: int, k: Degree) -> None:
        """Take note of where a part is."""
        dict.__setitem__(self, (line, k), True)

    def __getitem__(self, key: Any) -> Name:
        line, k = key
        if dict.__getitem__(self, key) is True:
            return self.core.code.load(self.core.stream(line), k)
        return super().__getitem__(key)


class Large(Rolled):
    """The text of a core that keeps its numbers in memory."""

    values: _Kept
    parts: _Newest
    factors: _Kept

    first, follows = 1, False
    abreast = 8

    def __init__(self, recurrences: Recurrences, order: int, batch: int) -> None:
        super().__init__(recurrences, order, batch)
        self.values, self.parts = _Kept(self, "values"), _Newest(self, "newest")
        self.factors = _Kept(self, "kept factors")
        self.streams.setdefault((self.system.time, False), len(self.streams) * self.length)
        self.sums = ""
        self.last_block = 0
        self.starts = {False: 0, True: self.abreast * len(self.rows[False])}
        self.places_of: dict[Inner, int] = {}
        for square, rows in self.rows.items():
            lanes = [inner for row in rows for inner in row + row[-1:] * (self.abreast - len(row))]
            for n, inner in enumerate(lanes, self.starts[square]):
                self.places_of.setdefault(inner, n)
            entries = [self.streams[i.a, i.weighted] for i in lanes]
            entries += [self.streams[i.b, False] for i in lanes]
            self.table(f"factors.{square:d}", "i64", entries)

    def enter(self) -> None:
        lines, nodes = len(self.steps), self.recurrences.nodes.values()
        terms = sum(len(getattr(x, "newest", ())) + len(getattr(x, "interiors", ())) for x in nodes)
        sizes = {"rates": self.n, "values": lines, "newest": lines}
        sizes["kept factors"] = 3 * terms + 2 * lines
        for name, size in sizes.items():
            self.arrays[name] = self.claim(size)
        self.sums = self.claim(self.abreast * sum(map(len, self.rows.values())))
        super().enter()

    def new_block(self) -> None:
        """Begin a block, so that none gets long."""
        code = self.code
        if len(code.lines) > self.last_block + BLOCK:
            name = code.name()[1:]
            # LLVM would put together again what there is but one way through.
            never = code.let("icmp eq ptr %work, null")
            code.do(f"br i1 {never}, label %leave, label %more.{name}")
            code.label(f"more.{name}")
            self.last_block = len(code.lines)

    def put(self, line: int, k: Degree, part: Name) -> None:
        super().put(line, k, part)
        self.new_block()

    def write_value(self, line: int) -> None:
        self.new_block()
        super().write_value(line)

    # --- orders ------------------------------------------------------------------------------

    def expand(self, size: Callable[[], str]) -> str:
        self.degree(0)
        for node in self.recurrences.nodes.values():
            self._prepare(node)
            self.new_block()
        self.code.loop(self.order, self._degree, start=1)
        return size()

    def _prepare(self, node: Node | Choice) -> None:
        """Write the factors of a node."""
        if isinstance(node, Choice):
            return
        for interior in node.interiors:
            self._factor(interior.number, interior.values, None)
        for term in node.newest:
            if term.values or node.divisor is not None or abs(term.number) != 1.0:
                self._factor(term.number, term.values, node.divisor)

    def _degree(self, k: str) -> list[str]:
        """Write the parts of nodes of a degree, and those of components of the next."""
        sums, following = self._sums(k), self.sum(k, 1)
        for line in (*range(self.n), self.system.time):
            self.parts.is_in_stream(line, k)
        for line in self.recurrences.nodes:
            self.put(line, k, self.node(line, k, sums))
        for i in self.moving:
            self.put(i, following, self.over(self.rate(i, k), following))
        return []

    # --- components --------------------------------------------------------------------------

    def evaluate(self) -> None:
        super().evaluate()
        for i in range(self.n):
            self.code.store(self.rate(i, 0), self.arrays["rates"], i)

    def over_states(self, body: Callable[..., Sequence[str]], *carried: str) -> Sequence[str]:
        def one(i: str, *now: str) -> Sequence[str]:
            return body(Access(self, i, 1, i), *now)

        kind = self.code.kind()
        return self.code.loop(self.n, one, *[(kind, x) for x in carried])

    def rates(self, access: Access) -> str:
        return access.load("rates")

    # --- interiors ---------------------------------------------------------------------------

    def _sums(self, k: str) -> Sums:
        """Write all interiors of a degree, in loops over rows, which leave them in memory."""
        code = self.code
        for square, rows in self.rows.items():
            code.loop(len(rows), self._row(k, square))
        return Late(lambda inner: code.load(self.sums, self.places_of[inner]))

    def _row(self, k: str, square: bool) -> Callable[[str], list[str]]:
        """Give what writes the sums of a row, to a place in memory and those behind it."""
        code, table, count = self.code, f"@factors.{square:d}", len(self.rows[square])

        def factor(number: str) -> str:
            at = code.let(f"getelementptr i64, ptr {table}, i64 {number}")
            return self.at(code.let(f"load i64, ptr {at}"))

        def one(r: str) -> list[str]:
            lane = code.let(f"mul nuw nsw i64 {r}, {self.abreast}")
            a = b = [factor(self.sum(lane, n)) for n in range(self.abreast)]
            stop = k
            if square:
                stop = code.let(f"lshr i64 {self.sum(k, 1)}, 1")
            else:
                b = [factor(self.sum(lane, self.abreast * count + n)) for n in range(self.abreast)]
            totals = self._summed_alone(k, stop, a, b)
            if square:
                totals = self._doubled(k, a, totals)
            for n, total in enumerate(totals, self.starts[square]):
                code.store(total, self.sums, self.sum(lane, n))
            return []

        return one

    def _summed_alone(self, k: str, stop: str, a: Sequence[str], b: Sequence[str]) -> list[str]:
        """Add up products of a degree."""
        code = self.code

        def terms(j: str, *totals: str) -> list[str]:
            back = self.difference(k, j)
            return [
                code.fused(code.load(x, j), code.load(y, back), total) or ""
                for x, y, total in zip(a, b, totals, strict=True)
            ]

        zero = (code.kind(), code.constant(0.0))
        return code.loop(stop, terms, *[zero] * len(a), start=1)

    def _doubled(self, k: str, a: Sequence[str], totals: Sequence[str]) -> list[str]:
        """Double the sums of half the products, and add the middle ones of even degrees."""
        code = self.code
        half = code.let(f"lshr i64 {k}, 1")
        odd = code.let(f"trunc i64 {k} to i1")
        kind, zero = code.kind(), code.constant(0.0)
        found = []
        for x, total in zip(a, totals, strict=True):
            middle = code.load(x, half)
            middle = code.let(f"select i1 {odd}, {kind} {zero}, {kind} {middle}")
            found.append(code.fused(middle, middle, code.add(total, total)) or "")
        return found
