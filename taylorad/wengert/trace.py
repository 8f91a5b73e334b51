"""Tracing: running a function once, writing down everything it does to its arguments.

Where reverse mode records what carries a derivative, a trace records all: comparisons, sorting,
arithmetic on whole numbers. Where Python itself chooses by a traced value (``if x > 0``, ``while``,
an index, a mask) the choice is written down as a *guard*: the program holds for all arguments for
which every guard comes out the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from taylorad.dispatch import number_type, shape_of
from taylorad.errors import (
    user_frame,
)
from taylorad.primitives.linear import assign, concatenate, index
from taylorad.primitives.registry import Constant, Primitive
from taylorad.wengert.inference import LARGE, Kind, inferred
from taylorad.wengert.list import WengertList, kept
from taylorad.wengert.spans import are_disjoint, span
from taylorad.wengert.tape import Entry, Record, Tape
from taylorad.wengert.traced import Traced, convert, read_only

__all__ = ["Trace", "Traced", "convert", "sources_of"]

CALLED = 4
"""So many frames are ours where a row is recorded: `user_frame`, `record`, `interpret`, the row."""


class Trace(Tape):
    """A tape of all that a call does, choices included.

    Attributes
    ----------
    origins : list of (str, int) or None
        File and line of the user's code behind each record.
    asked : dict
        Records of questions (comparisons and the like), by row and operands: none is there twice.
    guards : list of (int, bool)
        Records that choices were made by, and how they came out.
    kinds : list of Kind
        Shape and type of each record's value, which is None until it is needed.
    takes_apart : bool
        Whether the second and third derivatives of a small function may be written down scalar by
        scalar, which is for machines, and not for people.
    """

    __slots__ = ("asked", "guards", "inputs", "kinds", "origins", "stepwise", "takes_apart")

    def __init__(self, takes_apart: bool = False) -> None:
        super().__init__()
        self.takes_apart = takes_apart
        self.asked: dict[Any, int] = {}
        self.inputs: list[int] = []
        self.origins: list[tuple[str, int] | None] = []
        self.guards: list[tuple[int, bool]] = []
        self.kinds: list[Kind] = []
        self.stepwise: list[bool] = []  # whether a record is piecewise constant

    def argument(self, value: Any) -> Traced:
        """Append an argument of the call."""
        value = read_only(value)
        entry = self._append(Record(None, (), (), {}, value))
        self.inputs.append(entry.number)
        self.stepwise[-1] = entry.number_type.kind in "biu"
        return entry

    def record(self, primitive: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Append an operation, computed unless that can wait."""
        if self.closed:
            self.check_open(primitive)
        constant = primitive if isinstance(primitive, Constant) else None
        if constant is not None and constant.shape_varies:
            for a in args:
                if isinstance(a, Traced):
                    np.not_equal(a, 0).settle()  # type: ignore[union-attr]
            return primitive(*map(self._plain, args), **params)
        if primitive is concatenate or primitive is assign:
            args = _of_one_type(args)
        if primitive is index and (found := self._read_back(args[0], params["key"])) is not None:
            return Traced(self, found)
        kinds, stepwise, is_large = self.kinds, self.stepwise, False
        given: list[Any] = []
        numbers: list[int | None] = []
        steps = True
        for a in args:
            if isinstance(a, Traced):
                number = a.number
                given.append(None)
                numbers.append(number)
                steps = steps and stepwise[number]
                shape = kinds[number][0]
                is_large = is_large or (bool(shape) and math.prod(shape) > LARGE)
            else:
                given.append(a if type(a) is float else self._plain(a))
                numbers.append(None)
        operands, sources = tuple(given), tuple(numbers)
        question: tuple[Any, ...] = ()
        if constant is not None and not (constant.opaque or params or None in sources):
            # Every derivative asks of its point whether there is a NaN in it.
            question = primitive, sources
            if question in self.asked:
                return Traced(self, self.asked[question])
        if params:
            params = {
                k: v if type(v) is tuple or isinstance(v, Traced) else self._plain(v)
                for k, v in params.items()
            }
        record = Record(primitive, operands, sources, params, None)
        kind = None
        if is_large:
            kind = inferred(primitive, operands, [_kind(a) for a in args], params)
        if kind is None:
            record.value = self._computed(record)
            kind = _kind(record.value)
        if question:
            self.asked[question] = len(self.records)
        origin = user_frame(CALLED)
        return self._append(record, kind, steps or constant is not None, origin)

    def _read_back(self, whole: Any, key: tuple[Any, ...]) -> int | None:
        """Give the record that was put into the place of an array that is read, if there is one.

        A jet of a large array would otherwise be computed for its value alone.
        """
        if not isinstance(whole, Traced):
            return None
        if self.records[whole.number].primitive is not assign:
            return None
        number: int | None = whole.number
        wanted = span(key, whole.shape)
        while wanted is not None and number is not None:
            record = self.records[number]
            if record.primitive is not assign:
                return None
            given = span(record.params["key"], whole.shape)
            if given is None:
                return None
            if not are_disjoint(wanted, given):
                piece = record.sources[1]
                if piece is None or key != record.params["key"]:
                    return None
                length = (len(wanted),) if isinstance(key[0], slice) else ()
                kind = (length + whole.shape[1:], whole.number_type)
                return piece if kind == self.kinds[piece] else None
            number = record.sources[0]
        return None

    def value(self, number: int) -> Any:
        """Give the value of a record, computing what has not been computed yet."""
        records = self.records
        todo = [number] if records[number].value is None else []
        while todo:
            record = records[todo[-1]]
            if record.value is not None:
                todo.pop()
                continue
            missing = [i for i in sources_of(record) if records[i].value is None]
            if missing:
                todo += missing
            else:
                record.value = self._computed(record)
        return records[number].value

    def _computed(self, record: Record) -> Any:
        assert record.primitive is not None
        operands, records = list(record.operands), self.records
        for place, source in enumerate(record.sources):
            if source is not None:
                value = records[source].value
                operands[place] = self.value(source) if value is None else value
        params = record.params
        if params:
            params = {k: v.value if isinstance(v, Traced) else v for k, v in params.items()}
        return record.primitive(*operands, **params)

    def _plain(self, a: Any) -> Any:
        if isinstance(a, Traced):
            return a.value
        if isinstance(a, list):
            return np.array(a)
        # What is a constant of the program must not change with an array of the user's.
        return kept(a) if isinstance(a, np.ndarray) and a.flags.writeable else a

    def splice(self, program: WengertList, inputs: Sequence[Traced]) -> list[Traced]:
        """Append the lines of a list and its choices, and give its outputs.

        Parameters
        ----------
        program : WengertList
        inputs : sequence of Traced
            Entries of this trace that are its inputs.
        """
        at = dict(zip(program.inputs, inputs, strict=True))
        for number, line in enumerate(program.lines):
            if number in at:
                continue
            sources = tuple([at[i].number for i in line.arguments])
            params = line.params
            if line.names:
                params = params | {k: at[i] for k, i in line.computed_params.items()}
            record = Record(line.row, (None,) * len(sources), sources, params, line.value)
            steps = isinstance(line.row, Constant) or all(self.stepwise[i] for i in sources)
            at[number] = self._append(record, (line.shape, line.dtype), steps, line.origin)
        for guard in program.guards:
            self.decide(at[guard.line], guard.expected)
        return [at[i] for i in program.outputs]

    def decide(self, entry: Entry, outcome: bool) -> bool:
        """Write down a choice."""
        if (entry.number, outcome) not in self.guards:
            self.guards.append((entry.number, outcome))
        return outcome

    def _append(
        self,
        record: Record,
        kind: Kind | None = None,
        steps: bool = True,
        origin: tuple[str, int] | None = None,
    ) -> Traced:
        self.records.append(record)
        self.kinds.append(kind or _kind(record.value))
        self.origins.append(origin or user_frame())
        self.stepwise.append(steps)
        return Traced(self, len(self.records) - 1)


def sources_of(record: Record) -> Iterator[int]:
    """Give the numbers of the records that one is computed from."""
    yield from (source for source in record.sources if source is not None)
    yield from (v.number for v in record.params.values() if isinstance(v, Traced))


def _of_one_type(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Convert what is put into one array to the type of that."""
    kinds = {number_type(a) for a in args}
    if len(kinds) == 1 or any(kind.kind not in "biufc" for kind in kinds):
        return args
    kind = np.result_type(*kinds)
    return tuple(a.astype(kind) if hasattr(a, "astype") else np.asarray(a, kind) for a in args)


def _kind(a: Any) -> Kind:
    if isinstance(a, (np.ndarray, np.generic)):
        return a.shape, a.dtype
    if isinstance(a, tuple):  # of a function that is called back, which will be refused
        return (), np.dtype(object)
    a = np.asarray(a) if isinstance(a, list) else a
    return shape_of(a), number_type(a)
