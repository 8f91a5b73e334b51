"""Derivatives of the lines of a list, and by them.

Tangents of all lines come from one run of the list on dual numbers; adjoints from one run on a tape
that is swept back; the derivative of one line by another from a run that starts in the middle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from taylorad.dispatch import number_type, shape_of
from taylorad.drivers.gradients import jacobian
from taylorad.drivers.seeds import coefficients_of, duals
from taylorad.errors import InputError
from taylorad.reverse.sweep import sweep
from taylorad.wengert.list import WengertList
from taylorad.wengert.tape import Entry, Tape

__all__ = ["Influence", "adjoints", "influences", "partial", "tangents"]


_HALF_ULP = 2.0**-53  # the relative error of one rounding


class Influence(NamedTuple):
    """How much a line matters for the result: see `WengertList.influence`."""

    number: int
    line: str
    influence: float
    error: float


def tangents(program: WengertList, inputs: Sequence[Any], direction: Sequence[Any]) -> list[Any]:
    """Give the derivative of each line along a direction of the inputs.

    Parameters
    ----------
    program : WengertList
    inputs : sequence
    direction : sequence
        One array an input; if empty, 1 for the first and 0 for the others.
    """
    given = direction or (1.0, *(0.0 for _ in inputs[1:]))
    if len(given) != len(inputs):
        raise InputError(f"{len(given)} directions for the {len(inputs)} inputs of the list")
    moving = _moving(inputs)
    parts = [_fitted(given[i], inputs[i], "direction") for i in moving]
    jets, tag = duals([inputs[i] for i in moving], [d[np.newaxis] for d in parts])
    mixed = list(inputs)
    for i, jet in zip(moving, jets, strict=True):
        mixed[i] = jet
    algebra = jets[0].algebra
    return [
        coefficients_of(y, tag, algebra)[1] if line.dtype.kind in "fcO" else np.zeros(line.shape)
        for y, line in zip(program.evaluate(*mixed), program.lines, strict=True)
    ]


def adjoints(program: WengertList, inputs: Sequence[Any], weights: Sequence[Any]) -> list[Any]:
    """Give the derivative of the weighted sum of the outputs by each line.

    Parameters
    ----------
    program : WengertList
    inputs : sequence
    weights : sequence
        One array an output; if empty, 1 for all.
    """
    given = weights or (1.0,) * len(program.outputs)
    if len(given) != len(program.outputs):
        raise InputError(f"{len(given)} weights for the {len(program.outputs)} outputs of the list")
    tape = Tape()
    mixed = list(inputs)
    for i in _moving(inputs):
        mixed[i] = tape.input(mixed[i])
    values = program.evaluate(*mixed)
    results = [values[i] for i in program.outputs]
    seeds = [
        (y.number, _fitted(weight, y.value, "weight"))
        for weight, y in zip(given, results, strict=True)
        if isinstance(y, Entry)
    ]
    bars = sweep(tape, seeds, range(len(tape.records)))
    found = [bars[y.number] if isinstance(y, Entry) else None for y in values]
    return [
        np.zeros(line.shape)[()] if bar is None else bar
        for bar, line in zip(found, program.lines, strict=True)
    ]


def partial(program: WengertList, values: Sequence[Any], of: int, by: int) -> Any:
    """Give the derivative of one line by another, all others before that one held fixed."""
    lines = program.lines[: of + 1]

    def run_on(v: Any) -> Any:
        moved = list(values)
        moved[by] = v
        reached = {by}
        for i, line in enumerate(lines):
            if i > by and reached.intersection(line.operands):
                reached.add(i)
                moved[i] = line.apply(moved)
        return moved[of]

    return jacobian(run_on)(values[by])


def influences(
    texts: Mapping[int, str], values: Mapping[int, Any], adjoints: Mapping[int, Any]
) -> list[Influence]:
    """Rank lines by ``|adjoint · value|``, added up over the entries; largest first."""
    found = []
    for number, line in texts.items():
        if number_type(values[number]).kind in "fcO":
            size = float(np.sum(np.abs(adjoints[number] * values[number])))
            found.append(Influence(number, line, size, size * _HALF_ULP))
    return sorted(found, key=lambda item: -item.influence)


def _moving(inputs: Sequence[Any]) -> list[int]:
    """Find the inputs that have derivatives: not those of whole numbers and truth values."""
    moving = [i for i, x in enumerate(inputs) if number_type(x).kind in "fcO"]
    if not moving:
        raise InputError("the list has no input of floating-point numbers to differentiate by")
    return moving


def _fitted(given: Any, like: Any, name: str) -> Any:
    try:
        return np.broadcast_to(np.asarray(given, np.result_type(given, float)), shape_of(like))
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{name} of shape {np.shape(given)} does not fit shape {shape_of(like)}"
        ) from error
