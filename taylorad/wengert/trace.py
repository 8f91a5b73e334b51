"""Tracing: running a function once, writing down everything it does to its arguments.

Where reverse mode records what carries a derivative, a trace records all: comparisons, sorting,
arithmetic on whole numbers. Where Python itself chooses by a traced value (``if x > 0``, ``while``,
an index, a mask) the choice is written down as a *guard*: the program holds for all arguments for
which every guard comes out the same.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NoReturn

import numpy as np

from taylorad.dispatch import Value, number_type, shape_of
from taylorad.dispatch.operands import as_entries, as_operand, refuse
from taylorad.dispatch.value import TYPED
from taylorad.errors import (
    ConversionError,
    NoRuleError,
    NotAnalyticError,
    user_frame,
    user_line,
)
from taylorad.primitives.linear import assign, concatenate
from taylorad.primitives.registry import Constant, Owner, Primitive, enter, lookup
from taylorad.wengert.inference import LARGE, Kind, inferred
from taylorad.wengert.list import WengertList
from taylorad.wengert.tape import Entry, Record, Tape

__all__ = ["Trace", "Traced", "convert", "sources_of"]

convert = enter(
    Constant(lambda a, dtype: np.asarray(a).astype(dtype)[()], name="convert", domain=())
)
"""Another type of number, of what carries no derivative."""


class Trace(Tape):
    """A tape of all that a call does, choices included.

    Attributes
    ----------
    origins : list of (str, int) or None
        File and line of the user's code behind each record.
    guards : list of (int, bool)
        Records that choices were made by, and how they came out.
    kinds : list of Kind
        Shape and type of each record's value, which is None until it is needed.
    takes_apart : bool
        Whether the second and third derivatives of a small function may be written down scalar by
        scalar, which is for machines, and not for people.
    """

    __slots__ = ("guards", "inputs", "kinds", "origins", "stepwise", "takes_apart")

    def __init__(self, takes_apart: bool = False) -> None:
        super().__init__()
        self.takes_apart = takes_apart
        self.inputs: list[int] = []
        self.origins: list[tuple[str, int] | None] = []
        self.guards: list[tuple[int, bool]] = []
        self.kinds: list[Kind] = []
        self.stepwise: list[bool] = []  # whether a record is piecewise constant

    def argument(self, value: Any) -> Traced:
        """Append an argument of the call."""
        value = _read_only(value)
        entry = self._append(Record(None, (), (), {}, value))
        self.inputs.append(entry.number)
        self.stepwise[-1] = entry.number_type.kind in "biu"
        return entry

    def record(self, primitive: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Append an operation, computed unless that can wait."""
        self.check_open(primitive)
        if isinstance(primitive, Constant) and primitive.shape_varies:
            for a in args:
                if isinstance(a, Traced):
                    np.not_equal(a, 0).settle()  # type: ignore[union-attr]
            return primitive(*map(self._plain, args), **params)
        if primitive is concatenate or primitive is assign:
            args = _of_one_type(args)
        operands = tuple(None if isinstance(a, Traced) else self._plain(a) for a in args)
        sources = tuple(a.number if isinstance(a, Traced) else None for a in args)
        params = {k: v if isinstance(v, Traced) else self._plain(v) for k, v in params.items()}
        record = Record(primitive, operands, sources, params, None)
        kind = None
        if any(isinstance(a, Traced) and a.size > LARGE for a in args):
            kind = inferred(primitive, operands, [_kind(a) for a in args], params)
        if kind is None:
            record.value = self._computed(record)
            kind = _kind(record.value)
        steps = isinstance(primitive, Constant) or all(
            source is None or self.stepwise[source] for source in sources
        )
        return self._append(record, kind, steps)

    def value(self, number: int) -> Any:
        """Give the value of a record, computing what has not been computed yet."""
        records, todo = self.records, [number]
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
        operands = [
            operand if source is None else self.value(source)
            for operand, source in zip(record.operands, record.sources, strict=True)
        ]
        params = {k: v.value if isinstance(v, Traced) else v for k, v in record.params.items()}
        return record.primitive(*operands, **params)

    def _plain(self, a: Any) -> Any:
        if isinstance(a, Traced):
            return a.value
        if isinstance(a, list):
            return np.array(a)
        # What is a constant of the program must not change with an array of the user's.
        return a.copy() if isinstance(a, np.ndarray) and a.flags.writeable else a

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
            sources = tuple(at[i].number for i in line.arguments)
            params: dict[str, Any] = {k: at[i] for k, i in line.computed_params.items()}
            record = Record(
                line.row, (None,) * len(sources), sources, line.params | params, line.value
            )
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


def _read_only(value: Any) -> Any:
    """Give an array that no function called back can change."""
    if isinstance(value, np.ndarray) and value.flags.writeable:
        value = value.view()
        value.flags.writeable = False
    return value


def _of_one_type(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Convert what is put into one array to the type of that."""
    kinds = {number_type(a) for a in args}
    if len(kinds) == 1 or any(kind.kind not in "biufc" for kind in kinds):
        return args
    kind = np.result_type(*kinds)
    return tuple(a.astype(kind) if hasattr(a, "astype") else np.asarray(a, kind) for a in args)


def _kind(a: Any) -> Kind:
    a = np.asarray(a) if isinstance(a, list) else a
    return shape_of(a), number_type(a)


class Traced(Entry):
    """A value of a call that is being traced."""

    traced = True
    tape: Trace

    def __init__(self, tape: Trace, number: int) -> None:
        self.tape, self.number, self.tag = tape, number, tape.tag

    @property
    def value(self) -> Any:
        """The value in the call that was traced."""
        return self.tape.value(self.number)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value."""
        return self.tape.kinds[self.number][0]

    @property
    def number_type(self) -> np.dtype[Any]:
        """Type of its numbers."""
        return self.tape.kinds[self.number][1]

    def _adopt(self, other: Entry) -> None:
        self.number = other.number

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers; object for a scalar that carries derivatives, as NumPy sees it."""
        kind = self.number_type
        return super().dtype if kind.kind in "fcO" else kind

    def lift(self, plain: Any) -> Any:
        """Append a constant."""
        value = self.tape._plain(plain) if isinstance(plain, Value) else np.asarray(plain)
        value = value if not value.flags.writeable else value.copy()
        return self.tape._append(Record(None, (), (), {}, value))

    def settle(self) -> Any:
        """Give the plain numbers, which the program is to hold for and no others.

        Raises
        ------
        taylorad.errors.ConversionError
            If the numbers vary from one argument to the next, so that no program would hold.
        """
        if not self.tape.stepwise[self.number]:
            self.refuse_conversion("plain numbers")
        value = _read_only(np.asarray(self.value))
        if self.number_type.kind == "b" and not self.shape:
            self.tape.decide(self, bool(self.value))
        else:
            same = np.equal(self, value)
            if value.dtype.kind in "fc" and np.any(np.isnan(value)):
                same = np.logical_or(same, np.logical_and(np.isnan(self), np.isnan(value)))
            bool(np.all(same))
        return value[()]

    def _operand(self, a: Any) -> Any:
        if isinstance(a, (list, tuple)) and any(isinstance(x, (Value, list, tuple)) for x in a):
            return [self._operand(x) for x in a]
        return a if self._keeps(a) else as_operand(a)

    def _entries(self, a: Any) -> Any:
        if not self._keeps(a):
            return as_entries(a)
        small = a.dtype.kind in "iu" and a.itemsize < 8 and self.number_type.str[1:] == "i8"
        return a.astype(int) if small else a

    def _keeps(self, a: Any) -> bool:
        """Tell whether a plain array must keep its type, for the result's depends on it."""
        plain = isinstance(a, (np.ndarray, np.generic)) and a.dtype != object
        return plain and self.number_type.str[1:] not in ("f8", "c16", "O")

    def _become(self, new: Any) -> None:
        if not isinstance(new, Value):
            new = self.lift(new)
        if isinstance(new, Traced) and new.number_type != self.number_type:
            if not np.can_cast(new.number_type, self.number_type, "same_kind"):
                raise TypeError(f"cannot cast {new.number_type} to {self.number_type} in place")
            new = new.astype(self.number_type)
        super()._become(new)

    def __setitem__(self, key: Any, value: Any) -> None:
        value = self._operand(value)
        kind = number_type(value) if isinstance(value, (Traced, np.ndarray, np.generic)) else None
        if kind is not None and kind != self.number_type and kind.kind in "biufc":
            value = value.astype(self.number_type)
        super().__setitem__(key, value)

    def refuse_conversion(self, target: str) -> NoReturn:
        """Raise because a number that varies would be fixed as ``target``."""
        raise ConversionError(
            f"a number that varies from call to call would be fixed as {target}{user_line()}; use "
            "NumPy's functions (np.sin, not math.sin) on it, and pass what is fixed as an int or "
            "with static_argnums"
        )

    def foreign(
        self, function: Callable[..., Any], method: str, args: Any, kwargs: dict[str, Any]
    ) -> Any:
        """Record a function that the table does not know: it will be called as it is.

        Of what is piecewise constant it is called now, and the program holds for that.
        """
        owners = [a for a in (*args, *kwargs.values()) if isinstance(a, Owner)]
        if not owners or any(not isinstance(a, Traced) or a.tape is not self.tape for a in owners):
            refuse(function, method)
        if method == "at":
            refuse(function, method)
        call = function if method == "__call__" else getattr(function, method)
        if all(self.tape.stepwise[a.number] for a in owners):  # type: ignore[attr-defined]
            args = [a.settle() if isinstance(a, Traced) else a for a in args]
            kwargs = {k: a.settle() if isinstance(a, Traced) else a for k, a in kwargs.items()}
            result = call(*args, **kwargs)
            if result is None:  # it was to change an array of which it had a copy
                refuse(function, method)
            return result
        args = [as_operand(a) for a in args]
        if any(isinstance(a, list) for a in args):
            refuse(function, method)
        result = _called_back(call)(*args, **kwargs)
        if not isinstance(result.value, (np.ndarray, np.generic, float, int, complex)):
            refuse(function, method)
        self.tape.stepwise[result.number] = False
        return result

    def __array_ufunc__(
        self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **params: Any
    ) -> Any:
        try:
            inputs, params = _typed(inputs, params)
            return super().__array_ufunc__(ufunc, method, *inputs, out=out, **params)
        except (NoRuleError, NotAnalyticError):
            if out is not None:
                raise
            return self.foreign(ufunc, method, inputs, params)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: Any, kwargs: dict[str, Any]
    ) -> Any:
        try:
            if lookup(function) is not None and function not in TYPED:
                args, kwargs = _typed(args, kwargs)
            return super().__array_function__(function, types, args, kwargs)
        except (NoRuleError, NotAnalyticError):
            return self.foreign(function, "__call__", args, kwargs)

    @property
    def real(self) -> Any:
        """The real part."""
        return np.real(self) if self.number_type.kind == "c" else self

    @property
    def imag(self) -> Any:
        """The imaginary part."""
        return np.imag(self) if self.number_type.kind == "c" else np.zeros(self.shape)

    def conj(self) -> Any:
        """Give the complex conjugate."""
        return np.conj(self) if self.number_type.kind == "c" else self

    def astype(self, dtype: Any, **kwargs: Any) -> Any:
        """Convert to another type of number."""
        dtype = np.dtype(dtype)
        if dtype == self.number_type:
            return self.copy()
        if dtype.kind not in "biufc":
            self.refuse_conversion(f"an array of {dtype}")
        return convert(self, dtype=dtype.str)

    def __bool__(self) -> bool:
        self.refresh()
        if self.number_type.kind != "b":
            return bool(np.not_equal(self, 0))
        return self.tape.decide(self, bool(self.value))

    def __int__(self) -> int:
        return int(self.settle()) if self._is_stepwise else super().__int__()

    def __float__(self) -> float:
        return float(self.settle()) if self._is_stepwise else super().__float__()

    def __index__(self) -> int:
        return operator.index(self.settle()) if self._is_stepwise else super().__index__()

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        if self.number_type.kind in "biu":
            return np.asarray(self.settle(), dtype)
        return super().__array__(dtype, copy)

    @property
    def _is_stepwise(self) -> bool:
        self.refresh()
        return self.tape.stepwise[self.number]


def _typed(args: Any, params: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Convert operands to the type that is asked for, where that loses nothing."""
    if params.get("dtype") is None:
        return args, params
    dtype = np.dtype(params["dtype"])

    def converted(a: Any) -> Any:
        if isinstance(a, (list, tuple)) and any(isinstance(x, Value) for x in a):
            return [converted(x) for x in a]
        return a.astype(dtype) if isinstance(a, Traced) and a.number_type != dtype else a

    kinds = {a.number_type for a in _traced(args)}
    if any(dtype.kind not in "biufc" or not np.can_cast(k, dtype, "same_kind") for k in kinds):
        return args, params
    return tuple(map(converted, args)), {k: v for k, v in params.items() if k != "dtype"}


def _traced(args: Any) -> Iterator[Traced]:
    for a in args:
        if isinstance(a, Traced):
            yield a
        elif isinstance(a, (list, tuple)):
            yield from _traced(a)


@lru_cache(maxsize=1024)
def _called_back(function: Callable[..., Any]) -> Constant:
    """Make the row of a function that the table does not know."""
    return Constant(function, name=getattr(function, "__name__", "function"), opaque=True)
