"""The backward sweep: from the cotangents of some lines to those of the inputs.

    for each line, last to first:  for each of its operands v:  v̄ += (∂line/∂v)ᵀ line̅

Many slices of one array (a loop over ``x[i]``) would each make an array of zeros with one entry
set; those contributions are added in place instead, into a buffer that the sweep owns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from taylorad.primitives.linear import index
from taylorad.reverse.cotangents import cotangents
from taylorad.wengert.list import WengertList

__all__ = ["sweep"]


def sweep(list_: WengertList, seeds: Sequence[tuple[int, Any]], inputs: Sequence[int]) -> list[Any]:
    """Sweep cotangents back.

    Parameters
    ----------
    list_ : WengertList
    seeds : pairs (line number, cotangent)
    inputs : line numbers whose cotangents are wanted

    Returns
    -------
    list
        The cotangent of each input, None where nothing flows.
    """
    lines = list_.lines
    bars: dict[int, Any] = {}
    owned: set[int] = set()
    for number, seed in seeds:
        bars[number] = bars[number] + seed if number in bars else seed
    wanted = set(inputs)
    for number in range(max(bars, default=-1), -1, -1):
        bar = bars.get(number) if number in wanted else bars.pop(number, None)
        line = lines[number]
        if bar is None or line.primitive is None:
            continue
        if line.primitive is index and type(bar) in _PLAIN:
            source = line.sources[0]
            _add_piece(bars, owned, source, bar, line)
            continue
        for source, contribution in cotangents(line, bar):
            if source in bars:
                bars[source] = bars[source] + contribution
                owned.discard(source)
            else:
                bars[source] = contribution
    return [bars.get(number) for number in inputs]


_PLAIN = (float, complex, np.float64, np.complex128, np.ndarray)


def _add_piece(bars: dict[int, Any], owned: set[int], source: Any, bar: Any, line: Any) -> None:
    there = bars.get(source)
    if source not in owned:
        if there is not None and type(there) not in _PLAIN:
            piece = np.zeros(line.operands[0].shape, np.result_type(bar))
            piece[line.params["key"]] = bar
            bars[source] = there + piece
            return
        kind = np.result_type(bar, *(() if there is None else (there,)))
        fresh = np.zeros(np.shape(line.operands[0]), kind)
        if there is not None:
            fresh += there
        bars[source] = fresh
        owned.add(source)
    elif np.result_type(bar).kind == "c" and bars[source].dtype.kind != "c":
        bars[source] = bars[source].astype(complex)
    bars[source][line.params["key"]] += bar
