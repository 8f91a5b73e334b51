"""The backward sweep: from the cotangents of some lines to those of the inputs.

    for each line, last to first:  for each of its operands v:  v̄ += (∂line/∂v)ᵀ line̅

Many slices of one array (a loop over ``x[i]``) would each make an array of zeros with one entry
set; all but the first are added in place instead, into an array that nobody but the sweep holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from taylorad.dispatch import Value
from taylorad.primitives.linear import index
from taylorad.reverse.cotangents import cotangents
from taylorad.wengert.tape import Tape

__all__ = ["sweep"]


def sweep(tape: Tape, seeds: Sequence[tuple[int, Any]], inputs: Sequence[int]) -> list[Any]:
    """Sweep cotangents back.

    Parameters
    ----------
    tape : Tape
    seeds : pairs (line number, cotangent)
    inputs : line numbers whose cotangents are wanted

    Returns
    -------
    list
        The cotangent of each input, None where nothing flows.
    """
    records = tape.records
    bars: dict[int, Any] = {}
    owned: set[int] = set()
    for number, seed in seeds:
        bars[number] = bars[number] + seed if number in bars else seed
    wanted = set(inputs)
    for number in range(max(bars, default=-1), -1, -1):
        bar = bars.get(number) if number in wanted else bars.pop(number, None)
        record = records[number]
        if bar is None or record.primitive is None:
            continue
        if record.primitive is index:
            source, key = record.sources[0], record.params["key"]
            if source in owned and _add_at(bars[source], key, bar):
                continue
        for source, contribution in cotangents(record, bar):
            if source in bars:
                bars[source] = bars[source] + contribution
                owned.add(source)
            else:
                bars[source] = contribution
                if record.primitive is index:  # zeros with one piece set, made for us
                    owned.add(source)
    return [bars.get(number) for number in inputs]


def _add_at(there: Any, key: Any, piece: Any) -> bool:
    """Add to a part of a cotangent in place, and tell whether that was possible."""
    if isinstance(there, Value):
        return there.add_at(key, piece)
    if type(there) is not np.ndarray or isinstance(piece, Value):
        return False
    if np.result_type(piece) != there.dtype:
        return False
    there[key] += piece
    return True
