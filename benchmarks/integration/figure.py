"""The work-precision figure: time against error, a panel for each problem."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator
from PIL import Image

from integration.timing import Outcome

STYLES: dict[str, dict[str, Any]] = {
    "ours": {"color": "#c1272d", "marker": "o", "lw": 2.2, "zorder": 5, "label": "taylorad"},
    "heyoka": {"color": "#1f5f99", "marker": "s", "label": "heyoka"},
    "heyoka, fast_math": {"color": "#6aa6d6", "marker": "D", "label": "heyoka, fast_math"},
    "DOP853": {"color": "#8a8a8a", "marker": "^", "label": "SciPy DOP853, numba"},
    "LSODA": {"color": "#bdbdbd", "marker": "v", "label": "SciPy LSODA, numba"},
}
"""In the order of the legend."""

COLUMNS = 4
COLOURS = 48
"""So many are enough, and the file is small."""


def draw(outcomes: Sequence[Outcome], path: Path) -> None:
    """Draw the curves of all problems that have some."""
    shown = [o for o in outcomes if o.curves]
    rows = -(-len(shown) // COLUMNS)
    figure = Figure(figsize=(11.5, 0.6 + 2.75 * rows), layout="constrained", dpi=110)
    grid = figure.subplots(rows, COLUMNS, squeeze=False, sharey=False)
    for axes, outcome in zip(grid.flat, shown):
        panel(axes, outcome)
    for axes in grid.flat[len(shown) :]:
        axes.set_visible(False)
    for axes in grid[-1]:
        axes.set_xlabel("error at the end", fontsize=9)
    for axes in grid[:, 0]:
        axes.set_ylabel("time [s]", fontsize=9)
    handles = {line.get_label(): line for axes in grid.flat for line in axes.get_lines()}
    labels = [style["label"] for style in STYLES.values() if style["label"] in handles]
    figure.legend(
        [handles[label] for label in labels],
        labels,
        **{"loc": "outside upper center", "ncols": len(labels), "frameon": False, "fontsize": 10},
    )
    save(figure, path)


def panel(axes: Any, outcome: Outcome) -> None:
    for name, style in STYLES.items():
        points = outcome.curves.get(name, [])
        if points:
            options = {"lw": 1.3, "ms": 4.5, "mec": "white", "mew": 0.6, **style}
            axes.loglog([p.error for p in points], [p.time for p in points], **options)
    axes.invert_xaxis()  # more exact to the right
    name, _, rest = outcome.problem.name.partition(", ")
    axes.set_title(name[:1].upper() + name[1:], fontsize=9, loc="left")
    axes.set_title(rest, fontsize=7, loc="right", color="0.45")
    axes.grid(color="0.92", lw=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color("0.6")
    axes.tick_params(labelsize=8, color="0.6", length=3)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(numticks=6))
        axis.set_minor_locator(NullLocator())
        axis.set_minor_formatter(NullFormatter())


def save(figure: Figure, path: Path) -> None:
    """Write a PNG of few colours."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    path.parent.mkdir(exist_ok=True)
    image = Image.open(buffer).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    image.save(path, optimize=True)
