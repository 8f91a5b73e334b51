"""Products of truncated polynomials in machine code: all in which one algebra differs from another.

A sweep asks for one thing only, the degree-k part of a product with ends left out. In one variable
that is a dot product with one factor reversed. In any other algebra the products of monomials of
degrees j <= l are listed in stretches: one monomial of degree j times consecutive ones of degree l,
with the places where these fall. As the algebra is commutative, a stretch serves ``a_j b_l`` and
``a_l b_j``, in one pass over its places where both are wanted.

Arrays are of shape (monomials, lanes), a lane being an entry of the value. Of every function there
is one for a single lane.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from taylorad.forward.algebra import Algebra, Univariate
from taylorad.forward.text import VECTOR, WIDTH, Text

__all__ = ["FIELDS", "SIGNATURE", "Table", "convolutions_text"]

FIELDS = ("order", "size", "starts", "width", "single", "lanes", "spans", "stretches", "places")
"""What the machine code reads of an algebra, 8 bytes each: numbers, and addresses of arrays."""

SIGNATURE = (
    "ptr noalias {}%sum, ptr {}%a, ptr {}%b, i64 {}%k, i64 {}%low, i64 {}%high, i64 {}%lanes, "
    "ptr {}%algebra"
)
"""Of a convolution: ``sum`` becomes the sum over low <= j <= high of ``a_j b_(k-j)``."""

_WIDE = 4 * WIDTH  # as many sums at once as the latency of an addition asks for
_ROW = f"<{_WIDE} x double>"
_MASK = f"<{WIDTH} x i1>"


class Table(bytes):
    """An algebra as the machine code reads it: bytes that hold the fields.

    Parameters
    ----------
    algebra : Algebra
    code : Code
        The convolutions.
    """

    kept: tuple[Any, ...]

    def __new__(cls, algebra: Algebra, code: Any) -> Self:
        """Lay the tables out; the object keeps them alive."""
        starts = np.searchsorted(algebra.degrees, np.arange(algebra.order + 3)).astype(np.int64)
        spans, stretches, places = _stretches(algebra, starts)
        kind = "series" if isinstance(algebra, Univariate) else "table"
        table = super().__new__(
            cls,
            struct.pack(
                f"{len(FIELDS)}q",
                algebra.order,
                algebra.size,
                starts.ctypes.data,
                int(np.max(np.diff(starts))),
                code.address(f"{kind}_single"),
                code.address(f"{kind}_lanes"),
                spans.ctypes.data,
                stretches.ctypes.data,
                places.ctypes.data,
            ),
        )
        table.kept = starts, spans, stretches, places, code
        return table


def _stretches(algebra: Algebra, starts: Any) -> tuple[Any, Any, Any]:
    """List the products of two monomials, neither of them 1, in stretches.

    Returns
    -------
    spans : array of shape (order + 1, order + 1, 2)
        For degrees j <= l, the first and the last + 1 of the stretches.
    stretches : array of shape (n, 4)
        Left monomial, first right monomial, number of right monomials, first entry of places.
    places : array
        Where the products stand in the part of degree j + l.
    """
    order = algebra.order
    spans = np.zeros((order + 1, order + 1, 2), np.int64)
    none = np.zeros((0, 3), np.int64)
    columns = [np.stack([np.asarray(c) for c in inner], 1) for inner in algebra.inner]
    left, right, out = np.concatenate([none, *columns]).T
    j, l = algebra.degrees[left], algebra.degrees[right]
    kept = np.flatnonzero(j <= l)
    kept = kept[np.lexsort((right[kept], left[kept], l[kept], j[kept]))]
    left, right, out, j, l = (c[kept] for c in (left, right, out, j, l))
    new = np.ones(len(kept), bool)
    new[1:] = (np.diff(left) != 0) | (np.diff(right) != 1) | (np.diff(l) != 0)
    first = np.flatnonzero(new)
    count = np.diff(first, append=len(kept))
    stretches = np.stack([left[first], right[first], count, first], 1).astype(np.int32)
    places = (out - starts[j + l]).astype(np.int32)
    pair = j[first] * (order + 1) + l[first]
    every = np.arange((order + 1) ** 2)
    spans[..., 0] = np.searchsorted(pair, every).reshape(order + 1, order + 1)
    spans[..., 1] = np.searchsorted(pair, every, "right").reshape(order + 1, order + 1)
    return spans, np.ascontiguousarray(stretches), np.ascontiguousarray(places)


# --- the functions -------------------------------------------------------------------------------


def convolutions_text() -> str:
    """Give the text of the four: ``series`` or ``table``, ``single`` or ``lanes``."""
    texts = [_series_single(), _series_lanes(), _table(single=True), _table(single=False)]
    return "\n".join(map(str, texts)) + _DECLARATIONS


_DECLARATIONS = f"""
declare double @llvm.fmuladd.f64(double, double, double)
declare {VECTOR} @llvm.fmuladd.v{WIDTH}f64({VECTOR}, {VECTOR}, {VECTOR})
declare {_ROW} @llvm.fmuladd.v{_WIDE}f64({_ROW}, {_ROW}, {_ROW})
declare {VECTOR} @llvm.masked.load.v{WIDTH}f64.p0(ptr, i32, {_MASK}, {VECTOR})
declare void @llvm.masked.store.v{WIDTH}f64.p0({VECTOR}, ptr, i32, {_MASK})
declare i64 @llvm.smax.i64(i64, i64)
declare i64 @llvm.smin.i64(i64, i64)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
"""


def _head(name: str) -> str:
    return f"define void @{name}({SIGNATURE.format(*[''] * 8)})"


def _reversal(kind: str, vector: str) -> str:
    order = ", ".join(f"i32 {i}" for i in reversed(range(WIDTH)))
    return f"shufflevector {kind} {vector}, {kind} poison, <{WIDTH} x i32> <{order}>"


def _ramp(text: Text, count: str) -> str:
    """Give the mask whose first ``count`` bits are set."""
    one = text.let(f"insertelement <{WIDTH} x i64> poison, i64 {count}, i64 0")
    zeros = f"<{WIDTH} x i32> zeroinitializer"
    every = text.let(f"shufflevector <{WIDTH} x i64> {one}, <{WIDTH} x i64> poison, {zeros}")
    steps = ", ".join(f"i64 {i}" for i in range(WIDTH))
    return text.let(f"icmp slt <{WIDTH} x i64> <{steps}>, {every}")


def _masked(text: Text, address: str, mask: str) -> str:
    return text.let(
        f"call {VECTOR} @llvm.masked.load.v{WIDTH}f64.p0(ptr {address}, i32 8, {_MASK} {mask}, "
        f"{VECTOR} zeroinitializer)"
    )


def _series_single() -> Text:
    """Eight running sums, which are added pairwise in the end.

    The first term stands apart. Its second factor was written a moment ago, alone, and reading it
    as one of eight would have to wait until it has reached memory.
    """
    text = Text(_head("series_single"))
    left = text.subtract("%k", "%low")
    first = text.load("%a", "%low"), text.load("%b", left)
    a = text.at("%a", text.add("%low", 1))
    b = text.at("%b", text.subtract(left, WIDTH))
    count = text.larger(text.subtract("%high", "%low"), 0)
    whole = text.let(f"and i64 {count}, {-WIDTH}")

    def body(i: str, total: str) -> list[str]:
        x = text.let(f"load {VECTOR}, ptr {text.at(a, i)}, align 8")
        y = text.at(b, text.subtract(0, i))
        y = text.let(f"load {VECTOR}, ptr {y}, align 8")
        return [text.fused(x, text.let(_reversal(VECTOR, y)), total, VECTOR)]

    (total,) = text.loop(0, whole, body, (VECTOR, "zeroinitializer"), step=WIDTH)
    mask = _ramp(text, text.subtract(count, whole))
    x = _masked(text, text.at(a, whole), mask)
    back = text.let(_reversal(_MASK, mask))
    y = _masked(text, text.at(b, text.subtract(0, whole)), back)
    total = text.fused(x, text.let(_reversal(VECTOR, y)), total, VECTOR)
    width = WIDTH
    while width > 1:
        kind, half = f"<{width} x double>", width // 2
        parts = [
            text.let(f"shufflevector {kind} {total}, {kind} poison, <{half} x i32> <{places}>")
            for places in (
                ", ".join(f"i32 {i}" for i in range(half)),
                ", ".join(f"i32 {i}" for i in range(half, width)),
            )
        ]
        total = text.let(f"fadd <{half} x double> {parts[0]}, {parts[1]}")
        width = half
    total = text.let(f"extractelement <1 x double> {total}, i64 0")
    some = text.let("icmp sle i64 %low, %high")
    all_ = text.fused(*first, total)
    text.store(text.let(f"select i1 {some}, double {all_}, double {total}"), "%sum", 0)
    text.do("ret void")
    return text


def _chunks(text: Text, count: str, body: Callable[[str, str], None], start: str | int = 0) -> None:
    """Write a loop over ``count`` doubles, several at a time; ``body(place, mask)``."""

    def chunk(i: str) -> None:
        body(i, _ramp(text, text.subtract(count, i)))

    text.loop(start, count, chunk, step=WIDTH)


def _series_lanes() -> Text:
    text = Text(_head("series_lanes"))
    end = text.add("%high", 1)

    def total(kind: str, load: Callable[[str], str]) -> str:
        def body(j: str, so_far: str) -> list[str]:
            x = load(text.at("%a", text.multiply(j, "%lanes")))
            y = load(text.at("%b", text.multiply(text.subtract("%k", j), "%lanes")))
            return [text.fused(x, y, so_far, kind)]

        (sum_,) = text.loop("%low", end, body, (kind, "zeroinitializer"))
        return sum_

    def many(i: str) -> None:
        sums = total(_ROW, lambda p: text.let(f"load {_ROW}, ptr {text.at(p, i)}, align 8"))
        text.do(f"store {_ROW} {sums}, ptr {text.at('%sum', i)}, align 8")

    def some(i: str, mask: str) -> None:
        sums = total(VECTOR, lambda p: _masked(text, text.at(p, i), mask))
        _store(text, sums, text.at("%sum", i), mask)

    whole = text.let(f"and i64 %lanes, {-_WIDE}")
    text.loop(0, whole, many, step=_WIDE)
    _chunks(text, "%lanes", some, whole)
    text.do("ret void")
    return text


def _store(text: Text, vector: str, address: str, mask: str) -> None:
    text.do(
        f"call void @llvm.masked.store.v{WIDTH}f64.p0({VECTOR} {vector}, ptr {address}, i32 8, "
        f"{_MASK} {mask})"
    )


def _table(single: bool) -> Text:
    text = Text(_head("table_single" if single else "table_lanes"))
    fields = {
        name: text.load("%algebra", i, "i64" if name == "order" else "ptr")
        for i, name in enumerate(FIELDS)
        if name in ("order", "starts", "spans", "stretches", "places")
    }
    start = text.load(fields["starts"], "%k", "i64")
    count = text.subtract(text.load(fields["starts"], text.add("%k", 1), "i64"), start)

    def row(monomial: str) -> str:
        return monomial if single else text.multiply(monomial, "%lanes")

    def add_products(place: str, *pairs: tuple[str, str]) -> None:
        """Add products of coefficients, whose addresses are given, at a place of the sum."""
        total = text.at("%sum", row(place))
        if single:
            value = text.load(total, 0)
            for x, y in pairs:
                value = text.fused(text.load(x, 0), text.load(y, 0), value)
            text.store(value, total, 0)
            return

        def lanes(i: str, mask: str) -> None:
            value = _masked(text, text.at(total, i), mask)
            for x, y in pairs:
                u, v = (_masked(text, text.at(array, i), mask) for array in (x, y))
                value = text.fused(u, v, value, VECTOR)
            _store(text, value, text.at(total, i), mask)

        _chunks(text, "%lanes", lanes)

    part = row(start)
    bytes_ = text.multiply(row(count), 8)
    text.do(f"call void @llvm.memset.p0.i64(ptr %sum, i8 0, i64 {bytes_}, i1 false)")
    for end, x, y in (("%low", "%a", "%b"), ("%high", "%b", "%a")):
        last = "0" if end == "%low" else "%k"
        with text.when(text.let(f"icmp eq i64 {end}, {last}")):
            other = text.at(y, part)
            text.loop(
                0, count, lambda m, x=x, other=other: add_products(m, (x, text.at(other, row(m))))
            )

    def stretches(j: str, l: str, *factors: tuple[str, str]) -> None:
        """Add the products of degree-j parts and degree-l parts, of pairs of factors."""
        span = text.add(text.multiply(j, text.add(fields["order"], 1)), l)
        span = text.let(f"shl i64 {span}, 1")
        first = text.load(fields["spans"], span, "i64")
        last = text.load(fields["spans"], text.add(span, 1), "i64")

        def stretch(s: str) -> None:
            entry = text.at(fields["stretches"], text.let(f"shl i64 {s}, 2"), "i32")
            left, right, length, place = (
                text.let(f"sext i32 {text.load(entry, i, 'i32')} to i64") for i in range(4)
            )
            places = text.at(fields["places"], place, "i32")
            addresses = [(text.at(x, row(left)), text.at(y, row(right))) for x, y in factors]

            def product(r: str) -> None:
                where = text.let(f"sext i32 {text.load(places, r, 'i32')} to i64")
                add_products(where, *((x, text.at(y, row(r))) for x, y in addresses))

            text.loop(0, length, product)

        text.loop(first, last, stretch)

    def wanted(j: str) -> str:
        after = text.let(f"icmp sge i64 {j}, %low")
        before = text.let(f"icmp sle i64 {j}, %high")
        return text.let(f"and i1 {after}, {before}")

    def degrees(j: str) -> None:
        l = text.subtract("%k", j)
        one, other = wanted(j), wanted(l)
        differ = text.let(f"icmp ne i64 {j}, {l}")
        other = text.let(f"and i1 {other}, {differ}")
        both = text.let(f"and i1 {one}, {other}")
        with text.when(both):
            stretches(j, l, ("%a", "%b"), ("%b", "%a"))
        for only, x, y in ((one, "%a", "%b"), (other, "%b", "%a")):
            alone = text.let(f"xor i1 {both}, true")
            with text.when(text.let(f"and i1 {only}, {alone}")):
                stretches(j, l, (x, y))

    half = text.add(text.let("lshr i64 %k, 1"), 1)
    text.loop(1, half, degrees)
    text.do("ret void")
    return text
