"""Products of a matrix with two or three vectors, in one pass over the matrix.

A tangent goes with every value, so derivatives are full of these. The time they take is that of
reading the matrix, which BLAS does once for each vector.
"""

from __future__ import annotations

from collections.abc import Sequence

from taylorad.compiler.loops.script import Script

__all__ = ["multiply"]

WIDTH = 8
"""Numbers in a vector; where the processor has smaller ones, LLVM takes several."""

ROWS = 4
"""Rows at a time, so that what is loaded of the vectors serves for more than one."""

_VECTOR = f"<{WIDTH} x double>"
_FUSED = f"@llvm.fmuladd.v{WIDTH}f64"
_SUM = f"@llvm.vector.reduce.fadd.v{WIDTH}f64"
_DECLARATIONS = {
    f"declare {_VECTOR} {_FUSED}({_VECTOR}, {_VECTOR}, {_VECTOR})",
    f"declare double {_SUM}(double, {_VECTOR})",
    "declare double @llvm.fmuladd.f64(double, double, double)",
}


def multiply(
    script: Script,
    extents: tuple[int, int, int],
    lead: int,
    column: int,
    result: tuple[int, int],
    pointers: tuple[str, str, str],
) -> None:
    """Write ``c[i, j] = sum over k of a[i, k] x[j, k]``, with rows of a and of x in one piece.

    Parameters
    ----------
    script : Script
    extents : (int, int, int)
        Rows of a, vectors, and their length.
    lead, column : int
        From one row of a, or of x, to the next.
    result : (int, int)
        Strides of c.
    pointers : (str, str, str)
        Registers with the addresses of a, x and c.
    """
    m, _, _ = extents
    script.text.declarations |= _DECLARATIONS
    with script.loop(m // ROWS) as block:
        first = script(f"mul nsw i64 {block}, {ROWS}")
        _rows(script, first, ROWS, extents, lead, column, result, pointers)
    for row in range(m - m % ROWS, m):
        _rows(script, str(row), 1, extents, lead, column, result, pointers)


def _rows(
    script: Script,
    first: str,
    count: int,
    extents: tuple[int, int, int],
    lead: int,
    column: int,
    result: tuple[int, int],
    pointers: tuple[str, str, str],
) -> None:
    """Write some rows of the result."""
    a, x, c = pointers
    _, n, k = extents
    rows = [script.place(i * lead, [(first, lead)]) for i in range(count)]
    columns = [str(j * column) for j in range(n)]
    cells = [(i, j) for i in range(count) for j in range(n)]
    sums = {cell: script.text.variable(_VECTOR) for cell in cells}
    for cell in cells:
        script.do(f"store {_VECTOR} zeroinitializer, ptr {sums[cell]}")
    with script.loop(k // WIDTH) as step:
        along = script(f"mul nsw i64 {step}, {WIDTH}")
        left, right = (
            [_load(script, _VECTOR, array, start, along) for start in starts]
            for array, starts in ((a, rows), (x, columns))
        )
        for i, j in cells:
            old = script(f"load {_VECTOR}, ptr {sums[i, j]}")
            terms = ", ".join(f"{_VECTOR} {v}" for v in (left[i], right[j], old))
            new = script(f"call {_VECTOR} {_FUSED}({terms})")
            script.do(f"store {_VECTOR} {new}, ptr {sums[i, j]}")
    rest = [str(p) for p in range(k - k % WIDTH, k)]
    left_rest, right_rest = (
        [[_load(script, "double", array, start, p) for p in rest] for start in starts]
        for array, starts in ((a, rows), (x, columns))
    )
    for i, j in cells:
        total = _total(script, sums[i, j], left_rest[i], right_rest[j])
        place = script.place(i * result[0] + j * result[1], [(first, result[0])])
        script.store(total, "f", c, place)


def _total(script: Script, variable: str, left: Sequence[str], right: Sequence[str]) -> str:
    """Add up a vector, and the products that filled none."""
    lanes = script(f"load {_VECTOR}, ptr {variable}")
    total = script(f"call reassoc double {_SUM}(double -0.0, {_VECTOR} {lanes})")
    for u, v in zip(left, right, strict=True):
        total = script(f"call double @llvm.fmuladd.f64(double {u}, double {v}, double {total})")
    return total


def _load(script: Script, kind: str, array: str, start: str, along: str) -> str:
    place = script(f"add nsw i64 {start}, {along}")
    pointer = script.entry("f", array, place)
    return script(f"load {kind}, ptr {pointer}, align 8")
