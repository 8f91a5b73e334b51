"""What computing an entry costs, against storing it: a rough model of one core.

The unit is one vectorised addition, a twentieth of a nanosecond an entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from taylorad.compiler.loops.roots import is_reduction
from taylorad.compiler.loops.source import Source
from taylorad.compiler.loops.views import Opaque
from taylorad.primitives.contraction import matmul_row
from taylorad.primitives.elementwise import add, divide, multiply, negative, power, sqrt, subtract
from taylorad.primitives.linear import select, sum_
from taylorad.primitives.registry import Constant
from taylorad.wengert.trace import convert

__all__ = ["Costs"]

CACHE = 2**18
"""Arrays of no more bytes than this stay near."""

MOST_PLACES = 48
"""A line that is needed at more places of the code than this is stored, or code would explode."""

MOST_WEIGHT = 600
"""A line that costs more than this is stored: compiling takes longer than the length of a loop."""

_CHEAP = (add, subtract, multiply, negative, select, convert)
_WEIGHTS = (1, 8, 25)


@dataclass
class Costs:
    """Weights of the lines of a program.

    Parameters
    ----------
    source : Source
    opaque : mapping of int to Opaque
        The lines that are computed by other means than loops.
    forced : set of int
        The lines that have to be stored.

    A line's *cone* is all that has to be computed for an entry of it, down to what is certainly
    stored. Cones are sets of bits.
    """

    source: Source
    opaque: Mapping[int, Opaque]
    forced: set[int]
    cuts: set[int] = field(default_factory=set)
    _cones: list[int] = field(default_factory=list)
    _reads: list[int] = field(default_factory=list)
    _weighing: list[int] = field(default_factory=lambda: [0, 0, 0])

    def __post_init__(self) -> None:
        users = self.source.program.users()
        for number, line in enumerate(self.source.program.lines):
            if line.row is None or number in self.opaque:
                self._cones.append(0)
                self._reads.append(0 if line.is_constant and not line.shape else 1 << number)
                continue
            weight = self._weight(number)
            if weight is not None:
                self._weighing[weight] |= 1 << number
            cone, reads = 1 << number, 0
            for i in line.operands:
                barrier = i in self.forced
                cone |= 0 if barrier else self._cones[i]
                reads |= 1 << i if barrier else self._reads[i]
            self._cones.append(cone)
            self._reads.append(reads)
            # Where several ways on start from a line, cutting there cuts them all.
            most = MOST_WEIGHT if len(users[number]) > 1 else 2 * MOST_WEIGHT
            if weight is not None and self._weigh(number) > most:
                self.forced.add(number)
                self.cuts.add(number)

    def _weight(self, number: int) -> int | None:
        line = self.source.program.lines[number]
        if line.row in _CHEAP or isinstance(line.row, Constant):
            return 0
        if line.row in (divide, sqrt):
            return 1
        if line.row is power:
            exponent = self.source.lines[line.operands[1]].value
            return 0 if isinstance(exponent, (int, float)) and abs(exponent) <= 8 else 2
        if line.row in (sum_, matmul_row):
            return 0 if is_reduction(self.source, number) else 1
        moving = {"index", "scatter", "assign", "reshape", "transpose", "broadcast_to", "gather"}
        return None if line.row is None or line.row.name in moving | {"concatenate"} else 2

    def _weigh(self, number: int) -> int:
        """Give what an entry costs together with all that it is inlined from."""
        cone = self._cones[number]
        counts = ((cone & mask).bit_count() for mask in self._weighing)
        return sum(w * n for w, n in zip(_WEIGHTS, counts, strict=True))

    def reads(self, number: int) -> int:
        """Give the arrays that a line is computed from, as a set of bits."""
        return self._reads[number]

    def is_worth_storing(self, number: int, size: int, evaluations: int, places: int) -> bool:
        """Tell whether storing a line is cheaper than computing it wherever it is needed."""
        weight = self._weigh(number)
        if not weight:
            return False
        if places > MOST_PLACES:
            return True
        write, read = (3.0, 1.5) if 8 * size <= CACHE else (12.0, 6.0)
        return evaluations * weight > size * (weight + write) + evaluations * read
