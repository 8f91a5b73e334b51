"""The machine code of a small system with derivatives: every order written out, lines in rows.

What is written is the text of the first line of each row, of vectors; see
`taylorad.ode.steps.alike`. The interiors of rows are loops over older parts: written out they would
be most of the code, and more than a processor keeps at hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from taylorad.ode.steps.code import Name, array_of, kind_of
from taylorad.ode.steps.core import Access
from taylorad.ode.steps.interiors import Interiors, Stream
from taylorad.ode.steps.mixed import Mixed
from taylorad.ode.steps.unrolled import Degree, Unrolled, power_of_two
from taylorad.ode.tracing.recurrences import Inner, Recurrences

__all__ = ["Rowed"]

MOST_SUMS = 8
"""Sums, for two degrees each, that go together; there are registers for no more."""


class Rowed(Unrolled):
    """The text of a core some of whose lines are in rows.

    Attributes
    ----------
    picks : dict of int to (int, tuple of int)
        Lines that are lanes of rows: these, and the lanes.
    """

    code: Mixed

    def __init__(self, recurrences: Recurrences, order: int) -> None:
        self.rows, self.lengths = recurrences.rows, recurrences.lengths
        self.beside = {line for row in self.rows.values() for line in row[1:]}
        self.picks: dict[int, tuple[int, Sequence[int]]] = {}
        self.picked: dict[int, list[int]] = {}
        for line in recurrences.values:
            if (step := recurrences.steps[line]).primitive is None:
                self.picks[line] = step.operands[0], step.params["lanes"]
                self.picked.setdefault(step.operands[0], []).append(line)
        super().__init__(recurrences, order)
        self.length = self.end
        self.code = Mixed()
        self.interiors = self.sums = Sums(self)

    def is_looped(self, inner: Inner) -> bool:
        """Tell whether an interior is a loop over older parts."""
        return not self.lengths.keys().isdisjoint((inner.a, inner.b))

    def width(self, line: int) -> int:
        """Give how many lanes there are of a line."""
        return power_of_two(self.lengths.get(line, 1))

    @property
    def components(self) -> Sequence[int]:
        return [i for i in range(self.n) if i not in self.beside]

    def grouped(self) -> list[tuple[list[int], int]]:
        rows = [([*self.rows[i]], self.width(i)) for i in self.components if i in self.rows]
        return [*self.in_groups([i for i in self.components if i not in self.rows]), *rows]

    def _part(self, line: int, k: Degree) -> Name:
        assert line not in self.beside
        return super()._part(line, k)

    def put(self, line: int, k: Degree, part: Name) -> None:
        super().put(line, k, part)
        for pick in self.picked.get(line, ()):
            self.put(pick, k, part and self._lanes(pick, part))

    def _lanes(self, pick: int, part: str) -> str:
        """Pick lanes of a part, or of a value, which may be one number for all lanes."""
        if part not in self.code.wide:
            return part
        return self.code.picked(part, self.picks[pick][1], self.width(pick))

    def write_value(self, line: int) -> None:
        if line in self.picks:
            self.values[line] = self._lanes(line, self.values[self.picks[line][0]])
        else:
            super().write_value(line)

    def place(self, k: Degree, width: int) -> str | int:
        """Give where the parts of a degree stand, of so many lanes."""
        if isinstance(k, int):
            return k * width
        return k if width == 1 else self.code.let(f"mul nuw nsw i64 {k}, {width}")

    def in_row(self, part: Name, line: int) -> str:
        """Give a part in all lanes of a line."""
        part = part or self.code.constant(0.0)
        return self.code.in_row(part, self.width(line)) if line in self.lengths else part

    def read_given(self, after: int) -> None:
        super().read_given(after)
        for line, step in enumerate(self.steps):
            if "numbers" in step.params:
                numbers, width = step.params["numbers"], self.width(line)
                name = f"@numbers.{line}"
                row = array_of([*numbers, *[0.0] * (width - len(numbers))], "f8")
                self.globals.append(f"{name} = private constant {row}")
                self.values[line] = self.code.row(self.code.load(name, 0, width), width)

    def enter(self) -> None:
        self.sums.claim()
        super().enter()

    def take(self, x: str, access: Access) -> None:
        first = self.members[access][0]
        if first not in self.rows:
            super().take(x, access)
            return
        self.values[first] = self.parts[first, 0] = self.code.row(x, access.width)

    def rates(self, access: Access) -> str:
        first = self.members[access][0]
        if first in self.rows:
            return self.in_row(self.rate(first, 0), first)
        return super().rates(access)

    def part(self, access: Access, k: int) -> str:
        first = self.members[access][0]
        if first in self.rows:
            return self.in_row(self.parts[first, k], first)
        return super().part(access, k)

    def keep_line(self, line: int, parts: str, place: int) -> None:
        if line in self.rows:
            self._keep_row(line, parts)
        elif line not in self.beside:
            super().keep_line(line, parts, place)

    def _keep_row(self, line: int, parts: str) -> None:
        """Write the parts of a row of components, one after the other.

        In a loop, for LLVM would keep all that it could write at once in twice as wide vectors.
        """
        code, length, width = self.code, self.order + 1, self.width(line)
        table = self.table(line)

        def degree(k: str) -> list[str]:
            start = code.let(f"mul nuw nsw i64 {k}, {width}")
            for lane, i in enumerate(self.rows[line]):
                part = code.load(table, code.let(f"add nuw nsw i64 {start}, {lane}"))
                code.store(part, parts, code.let(f"add nuw nsw i64 {k}, {i * length}"))
            return []

        code.loop(length, degree)

    def table(self, line: int) -> str:
        """Give where the parts of a row stand, by degrees."""
        length, width = self.order + 1, self.width(line)
        table = self.claim(length * width)
        for k in range(length):
            self.code.store(self.in_row(self.parts[line, k], line), table, k * width, width)
        return table


class Sums(Interiors):
    """The text of interiors, those of rows for two degrees together.

    What is read for one degree serves the other.

    Attributes
    ----------
    own : dict of Inner to (Stream, Stream)
        The factors of interiors of rows.
    arrays : dict of Stream to str
        Where the parts of these are.
    later : dict of Inner to Name
        Interiors of the second degree, but for the terms that have parts of the first.
    """

    core: Rowed
    code: Mixed

    def __init__(self, core: Rowed) -> None:
        inners = core.recurrences.inners
        own = [i for i in inners if core.is_looped(i)]
        self.own = {i: ((i.a, i.weighted), (i.b, False)) for i in own}
        super().__init__(core, core.lanes, [i for i in inners if i not in self.own])
        streams = [stream for both in self.own.values() for stream in both]
        self.arrays: dict[Stream, str] = dict.fromkeys(streams, "")
        self.later: dict[Inner, Name] = {}

    def claim(self) -> None:
        """Make room for the parts of factors."""
        for stream in self.arrays:
            self.arrays[stream] = self.core.claim(self.core.length * self.core.width(stream[0]))

    def written(self, k: int) -> Mapping[Inner, Name]:
        found: dict[Inner, Name] = {**super().written(k)}
        if k == 1:
            return found | dict.fromkeys(self.own)
        self.record(k - 1)
        return found | dict(self.odd(k, k - 1) if k % 2 else self.even(k, k - 1))

    def record(self, k: Degree, streams: Iterable[Stream] | None = None) -> None:
        """Write the parts of a degree to where they are read again; by default all."""
        core = self.core
        for stream in self.arrays if streams is None else streams:
            line, width = stream[0], core.width(stream[0])
            part = core.in_row(core.of(stream, k), line)
            self.code.store(part, self.arrays[stream], core.place(k, width), width)

    def read(self, k: str) -> None:
        """Read the parts of a degree that interiors of the next two begin with."""
        for line, weighted in dict.fromkeys(b for _, b in self.own.values()):
            self.core.parts[line, k] = self._part((line, weighted), k)

    def even(self, k: Degree, last: Degree) -> Mapping[Inner, Name]:
        """Add up those of an even degree, and of the next what has no part of this degree."""
        found: dict[Inner, Name] = {}
        count = -(-len(self.own) // MOST_SUMS)
        for n in range(count):
            found |= self._begun([*self.own][n::count], k, last)
        return found

    def _begun(self, inners: Sequence[Inner], k: Degree, last: Degree) -> Mapping[Inner, Name]:
        code, of, count = self.code, self.core.of, len(inners)
        pairs = [self.own[inner] for inner in inners]
        firsts, seconds = (list(dict.fromkeys(streams)) for streams in zip(*pairs))
        # A factor's part that the next degree wants is the one that was read a round before.
        newest = {b: of(b, last) for b in seconds}
        now: list[Name] = [code.fused(of(a, 1), newest[b], None) for a, b in pairs]
        later: list[Name] = [None] * count
        lines = [max(i.a, i.b, key=self.core.width) for i in inners] * 2 + [b for b, _ in seconds]

        def terms(j: str, *carried: str) -> list[str]:
            self._note(carried, lines)
            behind = code.let(f"sub nuw nsw i64 {k}, {j}")
            x = {a: self._part(a, j) for a in firsts}
            y = {b: self._part(b, behind) for b in seconds}
            before = dict(zip(seconds, carried[2 * count :], strict=True))
            factors = [(x[a], parts[b]) for parts in (y, before) for a, b in pairs]
            sums = zip(factors, carried[: 2 * count], strict=True)
            return [*(code.fused(*both, total) or "" for both, total in sums), *y.values()]

        if k != 2:
            begin = [
                (kind_of(self.core.width(line)), self.core.in_row(name, line))
                for name, line in zip((*now, *later, *newest.values()), lines, strict=True)
            ]
            carried = code.loop(k, terms, *begin, start=2)
            self._note(carried, lines)
            now, later = [*carried[:count]], [*carried[count : 2 * count]]
        self.later |= zip(inners, later, strict=True)
        return dict(zip(inners, now, strict=True))

    def _note(self, names: Sequence[str], lines: Sequence[int]) -> None:
        """Note which registers of a loop are rows."""
        for name, line in zip(names, lines, strict=True):
            if line in self.core.lengths:
                self.code.row(name, self.core.width(line))

    def _part(self, stream: Stream, k: str) -> str:
        """Read a part of a factor."""
        width = self.core.width(stream[0])
        part = self.code.load(self.arrays[stream], self.core.place(k, width), width)
        return self.code.row(part, width) if width > 1 else part

    def odd(self, k: Degree, last: Degree) -> Mapping[Inner, Name]:
        """Add the terms of an odd degree that have parts of the last."""
        code, of = self.code, self.core.of
        found: dict[Inner, Name] = {}
        for inner, (a, b) in self.own.items():
            total = code.fused(of(a, 1), of(b, last), self.later[inner])
            found[inner] = code.fused(of(a, last), of(b, 1), total)
        return found
