"""A list as a graph: an arrow from each line to those that use it, in the language of Graphviz."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from taylorad.wengert.layout import Layout
from taylorad.wengert.notation import TEXT

__all__ = ["Picture", "dot", "draw"]


def dot(layout: Layout) -> str:
    """Write the graph of a list: inputs as boxes, results as double boxes, guards dashed."""
    text = ["digraph wengert {", "    rankdir=LR;", "    node [shape=plaintext];"]
    last = 0
    for entry in layout.entries(TEXT):
        if entry.kind == "guard":
            name, style = f"g{last}", "shape=box, style=dashed"
            last += 1
            sources = _sources(layout, entry.line)
        elif entry.kind == "output":
            name, style = f"out{last}", "shape=box, peripheries=2"
            last += 1
            sources = [entry.line] if entry.line in layout.number else []
        else:
            name = _node(layout, entry.line)
            style = "shape=box" if entry.kind == "input" else "shape=ellipse"
            sources = _sources(layout, entry.line)
        text.append(f"    {name} [label={_quoted(entry.text)}, {style}];")
        text += [f"    {_node(layout, source)} -> {name};" for source in sources]
    return "\n".join([*text, "}", ""])


def _sources(layout: Layout, i: int) -> list[int]:
    """Find the printed lines that one is computed from."""
    found: dict[int, None] = {}
    for j in layout.program[i].operands:
        if j in layout.inlined:
            found |= dict.fromkeys(_sources(layout, j))
        elif j in layout.number:
            found[j] = None
    return list(found)


def _node(layout: Layout, i: int) -> str:
    number = layout.number[i]
    return f"v{number}" if number >= 0 else f"v_{-number}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class Picture:
    """A drawing that notebooks show.

    Attributes
    ----------
    svg : str
        The drawing, as scalable vector graphics.
    """

    def __init__(self, svg: str) -> None:
        self.svg = svg

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<Picture, {len(self.svg)} characters of SVG; save(path) writes it to a file>"

    def save(self, path: str | Path) -> None:
        """Write the drawing to a file."""
        Path(path).write_text(self.svg, encoding="utf-8")


def draw(text: str) -> Picture:
    """Have Graphviz draw a graph.

    Raises
    ------
    FileNotFoundError
        If the program ``dot`` is not installed.
    """
    program = shutil.which("dot")
    if program is None:
        raise FileNotFoundError(
            "drawing needs the program dot of Graphviz, which is not installed; install your "
            "system's package graphviz, or give the text of .dot() to any other viewer"
        )
    run = subprocess.run(
        [program, "-Tsvg"], input=text, capture_output=True, encoding="utf-8", check=True
    )
    return Picture(run.stdout)
