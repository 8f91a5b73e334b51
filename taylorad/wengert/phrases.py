"""Which form each operation of a list has on paper, whatever the notation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from taylorad.primitives import elementwise, linear, selection
from taylorad.primitives.contraction import matmul_row
from taylorad.primitives.registry import TABLE, Elementwise, LocalSeries, Primitive, rows
from taylorad.wengert.list import Line
from taylorad.wengert.notation import TEXT, Notation, Phrase
from taylorad.wengert.trace import convert

__all__ = ["OPERATORS", "broadcasts", "key_text", "phrase"]

OPERATORS: dict[Primitive, str] = {
    TABLE[ufunc]: sign
    for ufunc, sign in {
        np.add: "+",
        np.subtract: "-",
        np.multiply: "*",
        np.divide: "/",
        np.power: "**",
        np.remainder: "%",
        np.floor_divide: "//",
        np.equal: "==",
        np.not_equal: "!=",
        np.less: "<",
        np.less_equal: "<=",
        np.greater: ">",
        np.greater_equal: ">=",
    }.items()
} | {matmul_row: "@", selection.leads: ">="}
"""Rows that Python writes with a sign between the operands."""

_CONNECTIVES = {
    TABLE[np.logical_and]: "and",
    TABLE[np.logical_or]: "or",
    TABLE[np.bitwise_and]: "and",
    TABLE[np.bitwise_or]: "or",
}
_WORDS = {
    "log": "ln",
    "leading sign": "sign",
    "logical_not": "not",
    "invert": "not",
}


def phrase(to: Notation, line: Line, args: Sequence[str]) -> Phrase:
    """Write what a line computes, its operands being written already."""
    row = line.row
    assert row is not None
    if row in _FORMS:
        return _FORMS[row](to, line, args)
    if row in OPERATORS:
        return to.infix(OPERATORS[row], *args)
    is_truth = line.dtype.kind == "b"
    if row in _CONNECTIVES and is_truth:
        return to.infix(_CONNECTIVES[row], *args)
    word = row.name if row.name == "invert" and not is_truth else _WORDS.get(row.name, row.name)
    params = dict(line.params)
    if isinstance(row, LocalSeries):
        n = params.pop("n", 0)
        word += "'" * n if n < 4 else f"^({n})"
    if len(args) == 1 and not params:
        return to.prefix(word, args[0])
    positional = args[: len(line.arguments)]
    named = [f"{k}={v}" for k, v in zip(line.names, args[len(positional) :], strict=True)]
    fixed = [to.code(f"{k}={_param_text(v)}") for k, v in params.items()]
    return to.call(word, [*positional, *named, *fixed])


def broadcasts(row: Primitive | None) -> bool:
    """Tell whether the operands of a row broadcast against each other."""
    return isinstance(row, Elementwise) or (row in OPERATORS and row is not matmul_row)


def _param_text(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return TEXT.constant(value)
    return str(value[0]) if isinstance(value, tuple) and len(value) == 1 else repr(value)


def key_text(key: Any) -> str:
    """Write an index as it stands between brackets."""
    return ", ".join(map(_item, key)) if isinstance(key, tuple) else _item(key)


def _item(k: Any) -> str:
    if isinstance(k, slice):
        parts = ["" if p is None else str(p) for p in (k.start, k.stop)]
        return ":".join(parts) + ("" if k.step in (None, 1) else f":{k.step}")
    return "..." if k is Ellipsis else str(k)


# --- operations with a form of their own -----------------------------------------------------

Form = Callable[[Notation, Line, Sequence[str]], Phrase]


def _key(to: Notation, line: Line) -> str:
    return to.code(f"[{key_text(line.params['key'])}]")


def _index(to: Notation, line: Line, args: Sequence[str]) -> Phrase:
    return Phrase(args[0] + _key(to, line))


def _placed(to: Notation, whole: str, word: str, piece: str, place: str) -> Phrase:
    return Phrase(f"{whole}{to.between(word)}{piece}{to.between('at')}{place}", True)


def _scatter(to: Notation, line: Line, args: Sequence[str]) -> Phrase:
    return _placed(to, to.constant(np.zeros(line.shape)), "with", args[0], _key(to, line))


def _assign(to: Notation, line: Line, args: Sequence[str]) -> Phrase:
    return _placed(to, args[0], "with", args[1], _key(to, line))


def _places(to: Notation, line: Line, args: Sequence[str]) -> str:
    return args[1] if line.names else to.constant(np.asarray(line.params["places"]))


def _scatter_add(to: Notation, line: Line, args: Sequence[str]) -> Phrase:
    zeros = to.constant(np.zeros(line.shape))
    return _placed(to, zeros, "plus", args[0], f"[{_places(to, line, args)}]")


def _gather(to: Notation, line: Line, args: Sequence[str]) -> Phrase:
    flat = "" if len(line.params["shape"]) == 1 else to.code(".flat")
    return Phrase(f"{args[0]}{flat}[{_places(to, line, args)}]")


def _reshape(to: Notation, line: Line, args: Sequence[str]) -> Phrase:
    return to.call(line.row.name, [args[0], to.code(str(line.shape))])  # type: ignore[union-attr]


def _transpose(to: Notation, line: Line, args: Sequence[str]) -> Phrase:
    axes = line.params["axes"]
    return (
        to.transposed(args[0])
        if tuple(axes) == (1, 0)
        else to.call("transpose", [args[0], to.code(str(tuple(axes)))])
    )


def _sum(to: Notation, line: Line, args: Sequence[str]) -> Phrase:
    axes = line.params["axis"]
    if not line.shape:
        return to.prefix("sum", args[0])
    return to.call("sum", [args[0], to.code(f"axis={_param_text(tuple(axes))}")])


def _where(to: Notation, line: Line, args: Sequence[str]) -> Phrase:
    condition = args[2] if line.names else to.constant(np.asarray(line.params["condition"]))
    return to.call("where", [condition, *args[:2]])


def _negative(to: Notation, line: Line, args: Sequence[str]) -> Phrase:
    return Phrase(f"-{args[0]}", True)


_NAMED = {row.name: row for row in rows()}
_FORMS: dict[Primitive, Form] = {
    linear.index: _index,
    linear.scatter: _scatter,
    linear.assign: _assign,
    linear.scatter_add: _scatter_add,
    linear.gather: _gather,
    linear.reshape: _reshape,
    linear.broadcast_to: _reshape,
    linear.transpose: _transpose,
    linear.sum_: _sum,
    linear.select: _where,
    linear.concatenate: lambda to, line, args: to.call(
        "concatenate",
        [*args, *([to.code(f"axis={line.params['axis']}")] if len(line.shape) > 1 else [])],
    ),
    elementwise.negative: _negative,
    elementwise.power: lambda to, line, args: to.power(*args),
    elementwise.sqrt: lambda to, line, args: to.root(args[0]),
    elementwise.cosine: lambda to, line, args: to.infix("/", args[0], to.call("hypot", args).text),
    elementwise.one_minus_square: lambda to, line, args: to.infix(
        "-", "1", to.power(args[0], "2").text
    ),
    elementwise.root_one_plus_square: lambda to, line, args: to.root(
        f"({to.infix('+', '1', to.power(args[0], '2').text).text})"
    ),
    _NAMED["einsum"]: lambda to, line, args: to.call(
        "einsum", [to.code(repr(line.params["subscripts"])), *args]
    ),
    convert: lambda to, line, args: to.call(line.dtype.name, args),
}
