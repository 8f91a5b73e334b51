"""Identities: what a line is when that is simpler than what it says.

None changes a number, but for the sign of a zero (``x + 0``, ``x * 1``) and products of constants,
which are formed where they are exact. ``x * 0`` stays: NumPy says NaN where x is infinite, and so
must the program.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from taylorad.primitives.elementwise import add, divide, multiply, negative, power, subtract
from taylorad.primitives.linear import (
    assign,
    broadcast_to,
    concatenate,
    index,
    reshape,
    scatter,
    select,
    sum_,
    transpose,
)
from taylorad.primitives.numbers import RealConstant
from taylorad.primitives.registry import TABLE, Primitive
from taylorad.wengert.list import Line, frozen
from taylorad.wengert.spans import are_disjoint, is_full, span
from taylorad.wengert.trace import convert

if TYPE_CHECKING:
    from taylorad.wengert.writer import Writer

__all__ = ["RULES"]

Shape = tuple[int, ...]
Rule = Callable[["Writer", Line], int | None]


def _shaped(w: Writer, number: int, line: Line) -> int | None:
    """Give a line as the result of another, broadcast if need be."""
    if w.is_same(number, line):
        return number
    mine = w.lines[number]
    if mine.dtype != line.dtype or len(mine.shape) > len(line.shape):
        return None
    raised = (1,) * (len(line.shape) - len(mine.shape)) + mine.shape
    if raised != mine.shape:
        number = w.emit(reshape, (number,), {"shape": raised}, (), raised, mine.dtype, line.origin)
    return w.like(line, broadcast_to, number, shape=line.shape)


def _negated(w: Writer, number: int) -> int | None:
    """Give the line of which another is the negative."""
    line = w.lines[number]
    return line.operands[0] if line.row is negative else None


def _add(w: Writer, line: Line) -> int | None:
    a, b = line.operands
    for this, other in ((a, b), (b, a)):
        if w.uniform(other) == 0 and (same := _shaped(w, this, line)) is not None:
            return same
    if (opposite := _negated(w, b)) is not None:
        return w.like(line, subtract, a, opposite)
    if (opposite := _negated(w, a)) is not None:
        return w.like(line, subtract, b, opposite)
    return None


def _subtract(w: Writer, line: Line) -> int | None:
    a, b = line.operands
    if w.uniform(b) == 0 and (same := _shaped(w, a, line)) is not None:
        return same
    if (opposite := _negated(w, b)) is not None:
        return w.like(line, add, a, opposite)
    return None


def _multiply(w: Writer, line: Line) -> int | None:
    a, b = line.operands
    for this, other in ((a, b), (b, a)):
        factor = w.uniform(other)
        if factor is None:
            continue
        if factor == 1 and (same := _shaped(w, this, line)) is not None:
            return same
        if line.dtype.kind != "f" or w.lines[other].shape or isinstance(factor, RealConstant):
            continue
        if factor == -1 and (same := _shaped(w, this, line)) is not None:
            return w.like(line, negative, same)
        inner = w.lines[this]
        if inner.row is negative:
            return w.like(line, multiply, w.constant(-float(factor)), inner.operands[0])
        if inner.row is multiply and inner.shape == line.shape:
            for c, x in (inner.operands, inner.operands[::-1]):
                second = w.lines[c].value
                if isinstance(second, (int, float)) and _exact(factor, second):
                    return w.like(line, multiply, w.constant(float(factor) * float(second)), x)
    return None


def _exact(a: Any, b: Any) -> bool:
    """Tell whether the product of two numbers is not rounded."""
    product = float(a) * float(b)
    if not math.isfinite(product) or isinstance(b, RealConstant):
        return False
    (p, q), (r, s), (t, u) = (float(x).as_integer_ratio() for x in (a, b, product))
    return p * r * u == q * s * t


def _divide(w: Writer, line: Line) -> int | None:
    a, b = line.operands
    return _shaped(w, a, line) if w.uniform(b) == 1 else None


def _negative(w: Writer, line: Line) -> int | None:
    (a,) = line.operands
    inner = w.lines[a]
    if inner.row is negative:
        return inner.operands[0]
    if inner.row is subtract:
        return w.like(line, subtract, *inner.operands[::-1])
    if inner.row is multiply and inner.dtype.kind == "f":
        for c, x in (inner.operands, inner.operands[::-1]):
            value = w.lines[c].value
            if isinstance(value, (int, float)) and not isinstance(value, RealConstant):
                return w.like(line, multiply, w.constant(-float(value)), x)
    return None


def _power(w: Writer, line: Line) -> int | None:
    a, b = line.operands
    exponent = w.uniform(b)
    if exponent == 1:
        return _shaped(w, a, line)
    return None


def _same_shape(w: Writer, line: Line) -> int | None:
    (a,) = line.operands
    if w.is_same(a, line):
        return a
    inner = w.lines[a]
    if line.row is reshape and inner.row is reshape:
        return w.like(line, reshape, inner.operands[0], shape=line.shape)
    return None


def _transpose(w: Writer, line: Line) -> int | None:
    (a,), axes = line.operands, line.params["axes"]
    if tuple(axes) == tuple(range(len(axes))):
        return a
    inner = w.lines[a]
    if inner.row is transpose:
        both = tuple(inner.params["axes"][i] for i in axes)
        return w.like(line, transpose, inner.operands[0], axes=both)
    return None


def _sum(w: Writer, line: Line) -> int | None:
    (a,), axes = line.operands, line.params["axis"]
    if all(w.lines[a].shape[i] == 1 for i in axes) and w.lines[a].dtype == line.dtype:
        return w.like(line, reshape, a, shape=line.shape)
    return None


def _select(w: Writer, line: Line) -> int | None:
    if line.names:
        a, b, condition = line.operands
        if a == b:
            return _shaped(w, a, line)
        inner = w.lines[a], w.lines[b]  # a choice within a choice by the same condition
        if inner[0].row is select and inner[0].names and inner[0].operands[2] == condition:
            return _chosen(w, line, inner[0].operands[0], b, condition)
        if inner[1].row is select and inner[1].names and inner[1].operands[2] == condition:
            return _chosen(w, line, a, inner[1].operands[1], condition)
        return None
    a, b = line.operands
    condition = line.params["condition"]
    if np.all(condition):
        return _shaped(w, a, line)
    return _shaped(w, b, line) if not np.any(condition) else None


def _chosen(w: Writer, line: Line, a: int, b: int, condition: int) -> int:
    operands = (a, b, condition)
    return w.emit(select, operands, {}, line.names, line.shape, line.dtype, line.origin)


def _concatenate(w: Writer, line: Line) -> int | None:
    return line.operands[0] if len(line.operands) == 1 else None


def _index(w: Writer, line: Line) -> int | None:
    (a,), key = line.operands, line.params["key"]
    inner = w.lines[a]
    if w.is_same(a, line) and _is_everything(key, inner.shape):
        return a
    if inner.row is scatter and frozen(inner.params["key"]) == frozen(key):
        return inner.operands[0]
    if inner.row is assign:
        whole, piece = inner.operands
        mine, theirs = (span(k, inner.shape) for k in (key, inner.params["key"]))
        if mine is None or theirs is None:
            return None
        if are_disjoint(mine, theirs):
            return w.like(line, index, whole, key=key)
        if frozen(key) == frozen(inner.params["key"]) and w.is_same(piece, line):
            return piece
        within = theirs.start <= mine.start and mine.stop <= theirs.stop
        is_whole = w.lines[piece].shape == (len(theirs), *inner.shape[1:])  # else it is repeated
        if within and is_whole and isinstance(inner.params["key"][0], slice):
            first = (
                key[0] - theirs.start
                if isinstance(key[0], int)
                else slice(mine.start - theirs.start, mine.stop - theirs.start, 1)
            )
            return w.like(line, index, piece, key=(first, *key[1:]))
    return None


def _is_everything(key: tuple[Any, ...], shape: Shape) -> bool:
    """Tell whether a key takes all entries in their order."""
    key = tuple(k for k in key if k is not Ellipsis)
    return len(key) <= len(shape) and (
        not key
        or (len(key) == len(shape) and all(is_full(k, n) for k, n in zip(key, shape, strict=True)))
    )


def _assign(w: Writer, line: Line) -> int | None:
    whole, piece = line.operands
    shape = w.lines[whole].shape
    places = span(line.params["key"], shape)
    return piece if places == range(shape[0] if shape else 0) and w.is_same(piece, line) else None


def _convert(w: Writer, line: Line) -> int | None:
    return line.operands[0] if w.is_same(line.operands[0], line) else None


def _not_equal(w: Writer, line: Line) -> int | None:
    a, b = line.operands  # np.where asks so whether a condition holds
    is_truth = w.lines[a].dtype.kind == "b" and w.is_same(a, line)
    return a if is_truth and not w.lines[b].shape and w.uniform(b) == 0 else None


RULES: dict[Primitive, Rule] = {
    add: _add,
    subtract: _subtract,
    multiply: _multiply,
    divide: _divide,
    negative: _negative,
    power: _power,
    reshape: _same_shape,
    broadcast_to: _same_shape,
    transpose: _transpose,
    sum_: _sum,
    select: _select,
    concatenate: _concatenate,
    index: _index,
    assign: _assign,
    convert: _convert,
    TABLE[np.not_equal]: _not_equal,
}
