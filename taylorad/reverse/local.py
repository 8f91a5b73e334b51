"""The partials of a scalar row, of orders one to three, as a list of scalar lines.

The first come from the table: the cotangents of the row are traced for a cotangent of 1. These are
scalar lines themselves, so the higher ones come from sweeping back over them. A list is made once
for a row and then copied wherever the row stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import permutations
from typing import Any

import numpy as np

from taylorad.dispatch import Value
from taylorad.errors import TayloradError
from taylorad.primitives.elementwise import power
from taylorad.primitives.registry import Constant, Primitive
from taylorad.reverse.cotangents import cotangents
from taylorad.wengert.arithmetic import NOTHING, Scalars
from taylorad.wengert.list import Line, WengertList
from taylorad.wengert.scalars import expand
from taylorad.wengert.simplify import normal_form
from taylorad.wengert.tape import Record
from taylorad.wengert.trace import Trace
from taylorad.wengert.writer import pruned

__all__ = ["Local", "NotDifferentiable", "local"]


class NotDifferentiable(Exception):
    """A row whose partials are no list of scalars."""


@dataclass(frozen=True)
class Local:
    """The partials of a row.

    Attributes
    ----------
    program : WengertList
        Its inputs are the value of the row and its operands; its outputs, the partials.
    orders : list of dict
        By order less one: which output is the partial by the arguments at these positions,
        ascending. What is zero is not there.
    """

    program: WengertList
    orders: list[dict[tuple[int, ...], int]]
    places: list[tuple[tuple[int, ...], int]] = field(init=False)
    """The same for the positions in every order."""

    def __post_init__(self) -> None:
        places = [
            (permuted, place)
            for order in self.orders
            for positions, place in order.items()
            for permuted in sorted(set(permutations(positions)))
        ]
        object.__setattr__(self, "places", places)

    @property
    def curved(self) -> bool:
        """Whether the row is other than linear."""
        return len(self.orders) > 1 and bool(self.orders[1])

    def written(self, scalars: Scalars, arguments: Sequence[int]) -> list[int]:
        """Write the lines for a value and operands, and give the numbers of the outputs."""
        lines = self.program.lines
        at = list(arguments)
        for line in lines[len(at) :]:
            if line.row is None:
                at.append(scalars.constant(line.value))
            else:
                operands = tuple([at[i] for i in line.operands])
                at.append(scalars.emit(line.row, operands, line.params, line.names, (), line.dtype))
        return [at[i] for i in self.program.outputs]


def local(scalars: Scalars, line: Line, active: Sequence[bool], order: int) -> Local:
    """Give the partials of a line by those of its operands that are active.

    Raises
    ------
    NotDifferentiable
        If they cannot be written as scalar lines.
    """
    row = line.row
    assert row is not None
    exponent = None
    if row is power and not active[1]:
        exponent = scalars.lines[line.operands[1]].value  # x**3 has another rule than x**a
    kinds = "".join([scalars.lines[i].dtype.kind for i in line.operands])
    try:
        return _local(
            row, tuple(line.params.items()), line.names, tuple(active), kinds, exponent, order
        )
    except (TayloradError, TypeError, AttributeError) as error:
        raise NotDifferentiable(row.name) from error


_LONGEST = 1000  # lines of the partials of one row


@lru_cache(maxsize=4096)
def _local(
    row: Primitive,
    params: tuple[tuple[str, Any], ...],
    names: tuple[str, ...],
    active: tuple[bool, ...],
    kinds: str,
    exponent: Any,
    order: int,
) -> Local:
    if order > 1:
        return _raised(_local(row, params, names, active, kinds, exponent, order - 1), active)
    trace = Trace()
    samples = [np.float64(low + 0.6 * (high - low)) for low, high in row.domain]
    samples += [np.float64(0.5)] * (len(active) - len(samples))
    typed = [_TYPES[kind](sample) for kind, sample in zip(kinds, samples)]
    with np.errstate(all="ignore"):
        value = trace.argument(np.float64(0.5))
        entries: list[Any] = [trace.argument(sample) for sample in typed]
        if exponent is not None:
            entries[1] = exponent
        count = len(active) - len(names)
        record = Record(
            row,
            tuple(entries[:count]),
            tuple(i if wanted else None for i, wanted in enumerate(active[:count])),
            {**dict(params), **dict(zip(names, entries[count:]))},
            value,
        )
        found = [] if isinstance(row, Constant) else cotangents(record, 1.0)
    trace.closed = True
    partials: list[Any] = [p if isinstance(p, Value) else value.lift(p) for _, p in found]
    program = expand(normal_form(trace, [p.number for p in partials]), _LONGEST)
    if program is None or program.guards:
        raise NotDifferentiable(row.name)
    places: dict[tuple[int, ...], int] = {}
    for place, (position, _) in enumerate(found):
        if program[program.outputs[place]].value != 0:
            places[(position,)] = place
    return Local(program, [places])


_TYPES = {"f": np.float64, "i": np.int64, "b": np.bool_}


def _raised(lower: Local, active: tuple[bool, ...]) -> Local:
    """Differentiate the partials of the highest order once more, by what they say of y as well."""
    program, highest = lower.program, lower.orders[-1]
    scalars = Scalars.continuing(program)
    outputs = list(program.outputs)
    first = {i: outputs[place] for (i,), place in lower.orders[0].items()}
    found: dict[tuple[int, ...], int] = {}
    for positions, place in highest.items():
        gradient = _gradient(scalars, program, program.outputs[place])
        for last in range(positions[-1], len(active)):
            through = scalars.multiply(gradient.get(0, NOTHING), first.get(last, NOTHING))
            number = scalars.add(gradient.get(1 + last, NOTHING), through)
            if active[last] and number != NOTHING and scalars.lines[number].value != 0:
                found[*positions, last] = len(outputs)
                outputs.append(number)
    scalars.list.outputs = outputs
    return Local(pruned(scalars.list), [*lower.orders, found])


def _gradient(scalars: Scalars, program: WengertList, output: int) -> dict[int, int]:
    """Sweep back over a short list; give what flows to each line that is no constant."""
    bars = {output: scalars.number(1.0)}
    for number in range(output, -1, -1):
        line = program[number]
        if number not in bars or line.row is None or isinstance(line.row, Constant):
            continue
        moving = [not program[i].is_constant for i in line.operands]
        partials = local(scalars, line, moving, 1)
        values = partials.written(scalars, (number, *line.operands))
        for (position,), place in partials.places:
            operand = line.operands[position]
            more = scalars.multiply(bars[number], values[place])
            bars[operand] = scalars.add(bars.get(operand, NOTHING), more)
    return bars
