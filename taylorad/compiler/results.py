"""What a traced call returned: which of it is computed, and how to put the answer together."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from taylorad.dispatch import as_operand
from taylorad.forward.jet import Jet
from taylorad.wengert.trace import Trace, Traced

__all__ = ["Results"]

Take = Callable[[Sequence[Any]], Any]


class Results:
    """The results of a traced call.

    Attributes
    ----------
    records : list of int
        The records of the trace that are part of the answer, each once.
    is_flat : bool
        Whether the answer is one of them, or a tuple of them all in order.
    is_tuple : bool
    """

    def __init__(self, answer: Any, trace: Trace) -> None:
        self._trace = trace
        self.records: list[int] = []
        self.is_tuple = type(answer) is tuple
        self._take = self._taking(answer)
        leaves = list(answer) if self.is_tuple else [answer]
        flat = [leaf.number for leaf in leaves if isinstance(leaf, Traced)]
        self.is_flat = flat == self.records and len(flat) == len(leaves)
        del self._trace

    def build(self, values: Sequence[Any]) -> Any:
        """Put the answer together from the values of the records."""
        return self._take(values)

    def _taking(self, answer: Any) -> Take:
        if isinstance(answer, (np.ndarray, list)) and not isinstance(answer, Jet):
            answer = as_operand(answer) if _holds_objects(answer) else answer
        if isinstance(answer, Traced) and answer.tape is self._trace:
            return _Value(self._number(as_operand(answer)))
        if isinstance(answer, Jet) and isinstance(answer.c, Traced):
            return _Series(answer.like(None), self._number(as_operand(answer.c)))
        if isinstance(answer, dict):
            return _Mapping(answer, {k: self._taking(x) for k, x in answer.items()})
        if isinstance(answer, (tuple, list)):
            return _Sequence(answer, [self._taking(x) for x in answer])
        return _Constant(answer)

    def _number(self, entry: Traced) -> int:
        if entry.number not in self.records:
            self.records.append(entry.number)
        return self.records.index(entry.number)


def _holds_objects(a: Any) -> bool:
    return isinstance(a, np.ndarray) and a.dtype == object


class _Value:
    def __init__(self, at: int) -> None:
        self.at = at

    def __call__(self, values: Sequence[Any]) -> Any:
        return values[self.at]


class _Series:
    """A Taylor series, or another jet, made of its coefficients."""

    def __init__(self, like: Jet, at: int) -> None:
        self.like, self.at = like, at

    def __call__(self, values: Sequence[Any]) -> Any:
        return self.like.like(values[self.at])


class _Mapping:
    def __init__(self, like: Any, parts: dict[Any, Take]) -> None:
        self.like, self.parts = copy.copy(like), parts
        self.like.clear()

    def __call__(self, values: Sequence[Any]) -> Any:
        new = copy.copy(self.like)
        new.update({k: take(values) for k, take in self.parts.items()})
        return new


class _Sequence:
    def __init__(self, like: Any, parts: list[Take]) -> None:
        self.kind, self.parts = type(like), parts
        self.named = hasattr(like, "_fields")

    def __call__(self, values: Sequence[Any]) -> Any:
        branches = [take(values) for take in self.parts]
        return self.kind(*branches) if self.named else self.kind(branches)


class _Constant:
    """What does not depend on the arguments; arrays are copied, as their receivers own them."""

    def __init__(self, value: Any) -> None:
        self.value = value.copy() if isinstance(value, np.ndarray) else value

    def __call__(self, values: Sequence[Any]) -> Any:
        return self.value.copy() if isinstance(self.value, np.ndarray) else self.value
