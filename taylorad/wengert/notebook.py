"""Lists and tables in notebooks: HTML with subscripts, and LaTeX."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from taylorad.wengert.layout import Layout
from taylorad.wengert.notation import LATEX, TEXT
from taylorad.wengert.text import shape_text, source_text

__all__ = ["html_listing", "html_table", "latex_listing", "typeset"]


def html_listing(layout: Layout) -> str:
    """Show a list as a table: the operations, their shapes, the code they came from."""
    rows = []
    for entry in layout.entries(TEXT):
        if entry.kind == "guard":
            left, sign = "<b>require</b>", ""
        else:
            left, sign = typeset(entry.left), "="
        shape, source = shape_text(layout, entry), source_text(entry).removeprefix("# ")
        cells = [left, sign, typeset(entry.right), html.escape(shape), html.escape(source)]
        rows.append(cells)
    return _table([], rows, align=("right", "center", "left", "left", "left"), dim=(3, 4))


def html_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Show a table of lines and numbers: the first column is lines."""
    cells = [[typeset(first), *map(html.escape, rest)] for first, *rest in rows]
    align = ("left", *("right" for _ in header[1:]))
    return _table([html.escape(h) for h in header], cells, align)


def typeset(text: str) -> str:
    """Write the names of lines with subscripts."""

    def variable(match: re.Match[str]) -> str:
        return f"<i>v</i><sub>{match[1].replace('-', '−')}</sub>"

    return re.sub(r"(?<![\w.])v(-?\d+)(?!\w)", variable, html.escape(text, quote=False))


def _table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    align: Sequence[str],
    dim: Sequence[int] = (),
) -> str:
    styles = [f"text-align:{a}" + (";opacity:0.6" if i in dim else "") for i, a in enumerate(align)]

    def row(tag: str, cells: Sequence[str]) -> str:
        inside = (
            f'<{tag} style="{style}">{cell}</{tag}>'
            for style, cell in zip(styles, cells, strict=True)
        )
        return f"<tr>{''.join(inside)}</tr>"

    head = f"<thead>{row('th', header)}</thead>" if header else ""
    body = "\n".join(row("td", cells) for cells in rows)
    return f"<table>{head}<tbody>\n{body}\n</tbody></table>"


def latex_listing(layout: Layout) -> str:
    """Show a list as an aligned formula."""
    lines = []
    for entry in layout.entries(LATEX):
        sign = "&" if entry.kind == "guard" else "&="
        left = r"\text{require}" if entry.kind == "guard" else entry.left
        lines.append(f"{left} {sign} {entry.right}")
    body = " \\\\\n".join(lines)
    return f"$$\\begin{{aligned}}\n{body}\n\\end{{aligned}}$$"
