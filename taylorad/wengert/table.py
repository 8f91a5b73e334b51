"""Tables: the lines of a list with numbers beside them, as text and in notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from taylorad.wengert.layout import Layout
from taylorad.wengert.notebook import html_table
from taylorad.wengert.text import aligned, number_text

__all__ = ["Table", "tabulated"]


class Table:
    """A table to print, or to be shown by a notebook.

    Attributes
    ----------
    header : list of str
    rows : list of list of str
        The first cell of each is a line of the list.
    """

    def __init__(self, header: list[str], rows: list[list[str]]) -> None:
        self.header, self.rows = header, rows

    def __str__(self) -> str:
        return "\n".join(aligned([self.header, *self.rows]))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table(self.header, self.rows)


def tabulated(layout: Layout, columns: Mapping[str, Mapping[int, Any]]) -> Table:
    """Put numbers beside the lines of a list.

    Parameters
    ----------
    layout : Layout
    columns : dict of dict
        For each heading the values by printed number.
    """
    lines = layout.numbered()
    width = max(len(entry.left) for entry in lines)
    rows = []
    for entry in lines:
        number = layout.number[entry.line]
        numbers = [number_text(column[number]) for column in columns.values()]
        rows.append([f"{entry.left:{width}} = {entry.right}", *numbers])
    return Table(["line", *columns], rows)
