"""Lists and tables in text: columns aligned, one operation a line."""

from __future__ import annotations

import linecache
import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from taylorad.dispatch import shape_of
from taylorad.wengert.layout import Entry, Layout
from taylorad.wengert.notation import TEXT

__all__ = ["aligned", "guard_text", "listing", "number_text", "shape_text", "source_text"]


def listing(layout: Layout, source: bool = False) -> str:
    """Print a list: shapes stand on the right where they are not those of numbers.

    Parameters
    ----------
    layout : Layout
    source : bool
        Whether to show the line of the user's code behind each operation.
    """
    entries = list(layout.entries(TEXT))
    width = max((len(e.left) for e in entries if e.kind != "guard"), default=0)
    rows = []
    for entry in entries:
        row = [
            entry.text if entry.kind == "guard" else f"{entry.left:{width}} = {entry.right}",
            shape_text(layout, entry),
        ]
        rows.append([*row, source_text(entry)] if source else row)
    return "\n".join(aligned(rows))


def aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    """Write rows of cells with their columns aligned."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def shape_text(layout: Layout, entry: Entry) -> str:
    """Write the shape of a line's value; nothing for a number."""
    if entry.kind in ("guard", "output"):
        return ""
    shape = layout.program[entry.line].shape
    return str(shape) if shape else ""


def source_text(entry: Entry) -> str:
    """Write the line of the user's code that an entry came from, and where it stands."""
    if entry.origin is None:
        return ""
    file, number = entry.origin
    code = linecache.getline(file, number).strip()
    return f"# {os.path.basename(file)}:{number}" + (f"  {code}" if code else "")


def guard_text(layout: Layout, line: int) -> str:
    """Name the choice made by a line, and where in the user's code it is made."""
    entry = next(e for e in layout.entries(TEXT) if e.kind == "guard" and e.line == line)
    if entry.origin is None:
        return f"'{entry.text}'"
    file, number = entry.origin
    return f"'{entry.text}' ({os.path.basename(file)}, line {number})"


def number_text(value: Any) -> str:
    """Write a value for a table: six digits, and of an array its first and last entries."""
    if not shape_of(value):
        return _short(value.item() if isinstance(value, (np.ndarray, np.generic)) else value)
    array = np.asarray(value)
    return np.array2string(
        array, separator=", ", threshold=6, edgeitems=2, formatter={"all": _short}
    ).replace("\n", "")


def _short(x: Any) -> str:
    if isinstance(x, (bool, np.bool_, int, np.integer)):
        return str(x)
    if isinstance(x, (float, np.floating)):
        return f"{x + 0.0:.6g}"
    if isinstance(x, (complex, np.complexfloating)):
        return f"{x + 0.0:.6g}"
    if hasattr(x, "_mpf_") or hasattr(x, "_mpc_"):
        import mpmath

        return str(mpmath.nstr(x, 6)).removesuffix(".0")
    return str(x)
