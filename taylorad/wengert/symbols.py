"""A list as the expression it stands for, in SymPy, and how large that is.

Written out as one expression a list grows: what it computes once and uses often stands there often.
`operations` counts both without writing anything out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from taylorad.errors import NoRuleError
from taylorad.primitives.registry import (
    TABLE,
    Bilinear,
    Elementwise,
    Linear,
    LocalSeries,
    Primitive,
)
from taylorad.wengert.layout import Layout
from taylorad.wengert.list import Line, WengertList

__all__ = ["Operations", "operations", "symbolic"]

Apply = Callable[[Line, Sequence[Any]], Any]


class Operations(NamedTuple):
    """How many operations on numbers a list has, and the expression it stands for written out."""

    list: int
    expression: int


def _entrywise(program: WengertList, inputs: Sequence[Any], apply: Apply) -> list[Any]:
    """Compute the results of a list, and what they need, on arrays of objects.

    Rows that act entry by entry are given to ``apply`` so, and those that compare or solve as
    wholes; all others move entries, or combine them by their own ``+`` and ``*``.
    """
    needed, todo = set(), list(program.outputs)
    while todo:
        i = todo.pop()
        if i not in needed:
            needed.add(i)
            todo += program[i].operands
    values: list[Any] = [
        None if line.value is None else _objects(line.value) for line in program.lines
    ]
    for i, value in zip(program.inputs, inputs, strict=True):
        values[i] = value
    for i, line in enumerate(program.lines):
        row = line.row
        if row is None or i not in needed:
            continue
        args = [values[j] for j in line.operands]
        if _acts_by_entries(row) or line.names == ("condition",):
            one = np.frompyfunc(partial(_apply_to, apply, line), len(args), 1)
            values[i] = _objects(one(*args))
        elif not isinstance(row, (Linear, Bilinear)) or line.names:
            values[i] = _objects(apply(line, args))
        else:
            values[i] = _objects(row.value(*args, **line.params))
    return values


def _apply_to(apply: Apply, line: Line, *x: Any) -> Any:
    return apply(line, x)


def _acts_by_entries(row: Primitive) -> bool:
    return isinstance(row, (Elementwise, LocalSeries)) or (
        isinstance(row.value, np.ufunc) and row.value.signature is None
    )


def _objects(a: Any) -> Any:
    """Give an array of objects; numbers in it become Python's."""
    if isinstance(a, np.ndarray) and a.dtype == object:
        return a
    out = np.empty(np.shape(a), object)
    out[...] = np.asarray(a).astype(object) if np.shape(a) else _python(a)
    return out


def _python(a: Any) -> Any:
    return a.item() if isinstance(a, (np.generic, np.ndarray)) and a.dtype != object else a


# --- counting --------------------------------------------------------------------------------


class _Tree:
    """An expression of which only the number of operations is known."""

    def __init__(self, counter: list[int], *parts: Any) -> None:
        self.counter = counter  # of the operations made so far, all expressions together
        self.size: int = bool(parts) + sum(p.size for p in parts if isinstance(p, _Tree))
        counter[0] += bool(parts)

    def _with(self, other: Any) -> _Tree:
        return _Tree(self.counter, self, other)

    __add__ = __radd__ = __mul__ = __rmul__ = _with


def operations(program: WengertList) -> Operations:
    """Count the operations on numbers of a list, and of its results as expressions."""
    counter = [0]
    inputs = []
    for i in program.inputs:
        leaves = np.empty(program[i].shape, object)
        for place in np.ndindex(leaves.shape):
            leaves[place] = _Tree(counter)
        inputs.append(leaves)

    def apply(line: Line, x: Sequence[Any]) -> Any:
        parts = [p for a in x for p in np.ravel(np.asarray(a, object))]
        moving = [p for p in parts if isinstance(p, _Tree)]
        if all(np.ndim(a) == 0 for a in x):
            return _Tree(counter, *moving) if moving else 0
        out = np.empty(line.shape, object)  # of a system solved, every entry needs all of it
        for place in np.ndindex(line.shape):
            out[place] = _Tree(counter, *moving)
        return out

    values = _entrywise(program, inputs, apply)
    results = [entry for i in program.outputs for entry in values[i].ravel()]
    trees = sum(entry.size for entry in results if isinstance(entry, _Tree))
    return Operations(counter[0], trees)


# --- SymPy -----------------------------------------------------------------------------------


def symbolic(layout: Layout) -> list[Any]:
    """Give the outputs as SymPy expressions, arrays of them as SymPy arrays.

    Raises
    ------
    ModuleNotFoundError
        If SymPy is not installed.
    taylorad.errors.NoRuleError
        For operations that SymPy has no expression for, such as sorting.
    """
    try:
        import sympy
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            ".sympy() needs SymPy, which is not installed: pip install sympy"
        ) from error
    functions = _functions(sympy)

    def apply(line: Line, x: Sequence[Any]) -> Any:
        row = line.row
        assert row is not None
        x = [_exact(sympy, a) for a in x]
        if isinstance(row, LocalSeries) and line.params.get("n"):
            t = sympy.Dummy("t")
            derivative = sympy.diff(functions[row.name](t), t, line.params["n"])
            return derivative.subs(t, x[0])
        if row.name in functions:
            return functions[row.name](*x)
        if isinstance(row, Elementwise) and TABLE.get(row.value) is not row:
            return sympy.Function(row.name)(*x)  # of the user's own
        raise NoRuleError(f"{row.name}: SymPy has no expression for it; use .python() or .dot()")

    program = layout.program
    inputs = []
    for i, path in zip(program.inputs, layout.names.inputs, strict=True):
        inputs.append(_symbols(sympy, path, program[i].shape))
    values = _entrywise(program, inputs, apply)
    results = []
    for i in program.outputs:
        value = np.frompyfunc(lambda entry: _exact(sympy, entry), 1, 1)(values[i])
        shape = np.shape(value)
        results.append(sympy.Array(np.ravel(value).tolist(), shape) if shape else value)
    return results


def _symbols(sympy: Any, path: str, shape: tuple[int, ...]) -> Any:
    stem = "".join(c if c.isalnum() else "_" for c in path).strip("_").replace("__", "_")
    out = np.empty(shape, object)
    for place in np.ndindex(shape):
        out[place] = sympy.Symbol("_".join([stem, *map(str, place)]))
    return out


def _exact(sympy: Any, x: Any) -> Any:
    """Give whole numbers and short fractions as such, other floats as they are."""
    if isinstance(x, (bool, np.bool_)):
        return sympy.true if x else sympy.false
    if isinstance(x, float) and x == x and abs(x) != float("inf"):
        fraction = Fraction(x)
        if fraction.denominator <= 1024:
            return sympy.Rational(fraction.numerator, fraction.denominator)
        return sympy.Float(x, 17)
    if isinstance(x, (list, np.ndarray)) and np.ndim(x):
        return np.frompyfunc(lambda entry: _exact(sympy, entry), 1, 1)(x)
    return sympy.sympify(x[()] if isinstance(x, np.ndarray) else x)


def _functions(sp: Any) -> dict[str, Callable[..., Any]]:
    """Give for each row the SymPy expression of its value."""

    def solve(a: Any, b: Any) -> Any:
        lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        a = np.broadcast_to(a, (*lead, *a.shape[-2:]))
        b = np.broadcast_to(b, (*lead, *b.shape[-2:]))
        out = np.empty(b.shape, object)
        for place in np.ndindex(lead):
            out[place] = np.array(sp.Matrix(a[place]).LUsolve(sp.Matrix(b[place])), object)
        return out

    circular = ("sin", "cos", "tan", "sinh", "cosh", "tanh")
    same = (*circular, "sqrt", "cbrt", "exp", "log", "sign", "floor", "gamma", "erf", "erfc")
    return {
        **{name: getattr(sp, name) for name in same},
        **{f"arc{name}": getattr(sp, f"a{name}") for name in circular},
        "add": lambda a, b: a + b,
        "subtract": lambda a, b: a - b,
        "negative": lambda a: -a,
        "multiply": lambda a, b: a * b,
        "divide": lambda a, b: a / b,
        "power": lambda a, b: a**b,
        "hypot": lambda a, b: sp.sqrt(a**2 + b**2),
        "x/√(x²+y²)": lambda x, y: x / sp.sqrt(x**2 + y**2),
        "1-x²": lambda x: 1 - x**2,
        "√(1+x²)": lambda x: sp.sqrt(1 + x**2),
        "sech²": lambda x: sp.sech(x) ** 2,
        "exp2": lambda x: 2**x,
        "expm1": lambda x: sp.exp(x) - 1,
        "log2": lambda x: sp.log(x) / sp.log(2),
        "log10": lambda x: sp.log(x) / sp.log(10),
        "log1p": lambda x: sp.log(1 + x),
        "logaddexp": lambda a, b: sp.log(sp.exp(a) + sp.exp(b)),
        "logaddexp2": lambda a, b: sp.log(2**a + 2**b) / sp.log(2),
        "arctan2": sp.atan2,
        "remainder": sp.Mod,
        "fmod": lambda x, y: x - y * sp.sign(x / y) * sp.floor(sp.Abs(x / y)),
        "ceil": sp.ceiling,
        "trunc": lambda x: sp.sign(x) * sp.floor(sp.Abs(x)),
        "floor_divide": lambda x, y: sp.floor(x / y),
        "leading sign": sp.sign,
        "signbit": lambda x: x < 0,
        "isfinite": lambda x: sp.true,
        "isnan": lambda x: sp.false,
        "isinf": lambda x: sp.false,
        "equal": sp.Eq,
        "not_equal": lambda a, b: (
            a if b == 0 and isinstance(a, sp.logic.boolalg.Boolean) else sp.Ne(a, b)
        ),
        "less": sp.Lt,
        "less_equal": sp.Le,
        "greater": sp.Gt,
        "greater_equal": sp.Ge,
        "leads": sp.Ge,
        "logical_and": sp.And,
        "logical_or": sp.Or,
        "logical_xor": sp.Xor,
        "logical_not": sp.Not,
        "where": lambda a, b, c: sp.Piecewise((a, c), (b, True)),
        "sinc": lambda x: sp.sinc(sp.pi * x),
        "expit": lambda x: 1 / (1 + sp.exp(-x)),
        "logit": lambda x: sp.log(x / (1 - x)),
        "xlogy": lambda x, y: x * sp.log(y),
        "xlog1py": lambda x, y: x * sp.log(1 + y),
        "gammaln": sp.loggamma,
        "psi": sp.digamma,
        "solve": solve,
        "any": lambda a: sp.Or(*np.ravel(a)),
        "all": lambda a: sp.And(*np.ravel(a)),
    }
