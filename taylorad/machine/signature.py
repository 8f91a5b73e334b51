"""What a compiled function takes and gives: kinds and shapes, fixed once and for all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Argument", "Element", "Result", "Signature"]

Element = Literal["float64", "complex128", "int64", "bool"]


@dataclass(frozen=True)
class Argument:
    """An array of one shape and kind, C-ordered; or a Python number.

    Attributes
    ----------
    dtype : {"float64", "complex128", "int64", "bool"}
        Its elements, in the machine's byte order.
    shape : tuple of int
        Its shape.
    number : bool
        Not an array but a ``float``, ``complex`` or ``int``, or NumPy's scalar of the dtype.
    """

    dtype: Element
    shape: tuple[int, ...] = ()
    number: bool = False

    def __post_init__(self) -> None:
        _check(self.dtype, self.shape, self.number)
        if self.number and self.dtype == "bool":
            raise ValueError("a number is a float64, complex128 or int64")


@dataclass(frozen=True)
class Result:
    """A new array, C-ordered; or, if it is a ``number``, NumPy's scalar of the dtype."""

    dtype: Element
    shape: tuple[int, ...] = ()
    number: bool = False

    def __post_init__(self) -> None:
        _check(self.dtype, self.shape, self.number)


@dataclass(frozen=True)
class Signature:
    """What a compiled function takes and gives.

    Attributes
    ----------
    arguments : tuple of Argument
        What it takes, by position.
    results : tuple of Result
        What it gives.
    tuple_result : bool
        Give a tuple; otherwise there is one result.
    release_gil : bool
        Let other threads run meanwhile; for work of more than some microseconds.
    """

    arguments: tuple[Argument, ...]
    results: tuple[Result, ...]
    tuple_result: bool = False
    release_gil: bool = False

    def __post_init__(self) -> None:
        if not self.tuple_result and len(self.results) != 1:
            raise ValueError("what is not a tuple is one result")


def _check(dtype: str, shape: tuple[int, ...], number: bool) -> None:
    if dtype not in ("float64", "complex128", "int64", "bool"):
        raise ValueError(f"no compiled function deals in {dtype}")
    if number and shape:
        raise ValueError("a number has no shape")
    if len(shape) > 32:
        raise ValueError("an array has at most 32 axes here")
