"""Reading and writing the lanes of a vector, wherever they lie in memory.

Neighbours are one access; close neighbours are read together with what lies between them, and
picked out. Others are taken one by one: that is what processors' own instructions for it do, and
some of them more slowly.
"""

from __future__ import annotations

from collections.abc import Sequence

from taylorad.compiler.loops.text import Text
from taylorad.machine.vectors import vector

__all__ = ["CLOSE", "load", "load_each", "store", "store_each"]

CLOSE = 4
"""Entries no further apart than this are read together."""

_SIZES = {"double": 8, "i64": 8, "i8": 1}


def load(text: Text, kind: str, pointer: str, step: int, scope: str) -> str:
    """Read a vector.

    Parameters
    ----------
    text : Text
        Tells how many lanes there are.
    kind : {"double", "i64", "i8"}
    pointer : str
        The address of the first lane.
    step : int
        How many entries it is from one lane to the next, not 0.
    scope : str
        Metadata of the access.
    """
    lanes = text.lanes
    if abs(step) > CLOSE:
        return load_each(text, kind, _addresses(text, kind, pointer, step), scope)
    span = abs(step) * (lanes - 1) + 1
    whole = vector(kind, span)
    first = _lowest(text, kind, pointer, step)
    value = text.vector(f"load {whole}, ptr {first}, align {_SIZES[kind]}{scope}")
    return value if step == 1 else _picked(text, kind, value, span, step)


def load_each(text: Text, kind: str, pointers: Sequence[str], scope: str) -> str:
    """Read a vector from the addresses of its lanes."""
    whole, value = vector(kind, text.lanes), "poison"
    for lane, pointer in enumerate(pointers):
        entry = text.plain(f"load {kind}, ptr {pointer}{scope}")
        value = text.vector(f"insertelement {whole} {value}, {kind} {entry}, i64 {lane}")
    return value


def store(text: Text, kind: str, value: str, pointer: str, step: int, scope: str) -> None:
    """Write a vector; the parameters are those of `load`."""
    level, whole = len(text.blocks) - 1, vector(kind, text.lanes)
    if abs(step) > 1:
        store_each(text, kind, value, _addresses(text, kind, pointer, step), scope)
        return
    if step < 0:
        value = _picked(text, kind, value, text.lanes, step)
    first = _lowest(text, kind, pointer, step)
    text.effect(f"store {whole} {value}, ptr {first}, align {_SIZES[kind]}{scope}", level)


def store_each(text: Text, kind: str, value: str, pointers: Sequence[str], scope: str) -> None:
    """Write the lanes of a vector to addresses."""
    level, whole = len(text.blocks) - 1, vector(kind, text.lanes)
    for lane, pointer in enumerate(pointers):
        entry = text.plain(f"extractelement {whole} {value}, i64 {lane}")
        text.effect(f"store {kind} {entry}, ptr {pointer}{scope}", level)


def _addresses(text: Text, kind: str, pointer: str, step: int) -> list[str]:
    places = (step * lane for lane in range(text.lanes))
    return [text.plain(f"getelementptr inbounds {kind}, ptr {pointer}, i64 {k}") for k in places]


def _lowest(text: Text, kind: str, pointer: str, step: int) -> str:
    """Give the lowest address of all lanes."""
    if step > 0:
        return pointer
    return text.plain(
        f"getelementptr inbounds {kind}, ptr {pointer}, i64 {step * (text.lanes - 1)}"
    )


def _picked(text: Text, kind: str, value: str, span: int, step: int) -> str:
    """Pick the lanes out of what lies at and between them."""
    whole, start = vector(kind, span), 0 if step > 0 else span - 1
    order = ", ".join(f"i32 {start + step * lane}" for lane in range(text.lanes))
    chosen = f"<{text.lanes} x i32> <{order}>"
    return text.vector(f"shufflevector {whole} {value}, {whole} poison, {chosen}")
