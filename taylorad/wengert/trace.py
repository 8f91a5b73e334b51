"""Tracing: running a function once, writing down everything it does to its arguments.

Where reverse mode records what carries a derivative, a trace records all: comparisons, sorting,
arithmetic on whole numbers. Where Python itself chooses by a traced value (``if x > 0``, ``while``,
an index, a mask) the choice is written down as a *guard*: the program holds for all arguments for
which every guard comes out the same.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from taylorad.dispatch import Value
from taylorad.dispatch.operands import as_operand, refuse
from taylorad.errors import user_frame
from taylorad.primitives.registry import Constant, Owner, Primitive, enter
from taylorad.wengert.tape import Entry, Record, Tape

__all__ = ["Trace", "Traced", "convert"]

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
    """

    __slots__ = ("guards", "inputs", "origins", "stepwise")

    def __init__(self) -> None:
        super().__init__()
        self.inputs: list[int] = []
        self.origins: list[tuple[str, int] | None] = []
        self.guards: list[tuple[int, bool]] = []
        self.stepwise: list[bool] = []  # whether a record is piecewise constant

    def argument(self, value: Any) -> Traced:
        """Append an argument of the call."""
        entry = self._append(Record(None, (), (), {}, value))
        self.inputs.append(entry.number)
        self.stepwise[-1] = entry.number_type.kind in "biu"
        return entry

    def record(self, primitive: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Compute an operation and append it."""
        self.check_open(primitive)
        operands = [self._plain(a) for a in args]
        sources = [a.number if isinstance(a, Entry) else None for a in args]
        named = {k: self._plain(v) for k, v in params.items()}
        value = primitive(*operands, **named)
        if isinstance(primitive, Constant) and primitive.shape_varies:
            for a in args:
                if isinstance(a, Traced):
                    np.not_equal(a, 0).settle()  # type: ignore[union-attr]
            return value
        steps = isinstance(primitive, Constant) or all(
            source is None or self.stepwise[source] for source in sources
        )
        entry = self._append(Record(primitive, tuple(operands), tuple(sources), params, value))
        self.stepwise[-1] = steps
        return entry

    def _plain(self, a: Any) -> Any:
        if isinstance(a, Entry):
            a = a.value
        # What is a constant of the program must not change with an array of the user's.
        return a.copy() if isinstance(a, np.ndarray) and a.flags.writeable else a

    def decide(self, entry: Entry, outcome: bool) -> bool:
        """Write down a choice."""
        if (entry.number, outcome) not in self.guards:
            self.guards.append((entry.number, outcome))
        return outcome

    def _append(self, record: Record) -> Traced:
        self.records.append(record)
        self.origins.append(user_frame())
        self.stepwise.append(True)
        return Traced(self, len(self.records) - 1, record.value)


class Traced(Entry):
    """A value of a call that is being traced."""

    traced = True
    tape: Trace

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers; object for a scalar that carries derivatives, as NumPy sees it."""
        kind = self.number_type
        return super().dtype if kind.kind in "fcO" else kind

    def lift(self, plain: Any) -> Any:
        """Append a constant."""
        value = np.array(plain) if not isinstance(plain, Value) else plain
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
        value = np.asarray(self.value)
        if self.number_type.kind == "b" and not self.shape:
            self.tape.decide(self, bool(self.value))
        else:
            bool(np.all(np.equal(self, value)))
        return value[()]

    def foreign(
        self, function: Callable[..., Any], method: str, args: Any, kwargs: dict[str, Any]
    ) -> Any:
        """Record a function that the table does not know: it will be called as it is.

        Of what is piecewise constant it is called now, and the program holds for that.
        """
        owners = [a for a in (*args, *kwargs.values()) if isinstance(a, Owner)]
        if not owners or any(not isinstance(a, Traced) or a.tape is not self.tape for a in owners):
            refuse(function, method)
        call = function if method == "__call__" else getattr(function, method)
        if all(self.tape.stepwise[a.number] for a in owners):  # type: ignore[attr-defined]
            args = [a.settle() if isinstance(a, Traced) else a for a in args]
            kwargs = {k: a.settle() if isinstance(a, Traced) else a for k, a in kwargs.items()}
            return call(*args, **kwargs)
        args = [as_operand(a) for a in args]
        if any(isinstance(a, list) for a in args):
            refuse(function, method)
        result = _called_back(call)(*args, **kwargs)
        if not isinstance(result.value, (np.ndarray, np.generic, float, int, complex)):
            refuse(function, method)
        self.tape.stepwise[result.number] = False
        return result

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


@lru_cache(maxsize=1024)
def _called_back(function: Callable[..., Any]) -> Constant:
    """Make the row of a function that the table does not know."""
    return Constant(function, name=getattr(function, "__name__", "function"), opaque=True)
