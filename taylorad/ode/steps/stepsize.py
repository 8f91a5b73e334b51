"""How far a series is good for, from the sizes of its last parts.

With parts ``c_k``, measured against floor plus component, the step is ``tol**(1/p)`` times the
least of ``|c_k|**(-1/k)`` over the last few degrees, which estimates the radius of convergence, as
in [1]_. Several degrees are looked at, for one may vanish; what all of them miss, the defect shows.
Where motion is very slow they all underflow: two low degrees, which do so much later, tell. What
they say is known long before the last parts are, and so costs no time. The series ends sooner then,
with the last part that a double holds, and the step is that of a series of that order. Logarithms
and powers to three digits will do.

Steps along an orbit that fall into step with it make the same errors over and over, which add up.
So below the margin the tolerance is lowered by one to two bits from step to step, by the multiples
of the golden ratio, which never come back to what they were [2]_.

References
----------
.. [1] A. Jorba, M. Zou, "A software package for the numerical integration of ODEs by means of
   high-order Taylor methods", Experimental Mathematics 14 (2005).
.. [2] H. Weyl, "Ueber die Gleichverteilung von Zahlen mod. Eins", Math. Annalen 77 (1916).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING

from taylorad.ode.steps.code import Code, Name

if TYPE_CHECKING:
    from taylorad.ode.steps.core import Access, Core

__all__ = [
    "ENDLESS",
    "HELD",
    "LAST",
    "MARGIN",
    "bounded",
    "decisive",
    "exp2",
    "largest_defect",
    "logarithm",
    "on_grid",
    "step_size",
]

LAST = 4
"""So many of the last parts decide upon the step."""

MARGIN = 6.0
"""Bits by which steps aim below the tolerance: errors of truncation have a sign, and add up.

At the smallest tolerance the energies of 512 Kepler orbits have, after 1000 rounds, gained a third
to a half of their deviation with 4; with 6 a tenth to a fifth, with 8 no less.
"""

ENDLESS = 900.0
"""Log2 of a step that nothing limits."""

HELD = 850.0
"""Up to so many bits below its component, or above it, a double holds a part."""

NEAR = 5
"""From this degree on no part, however large or small, makes a step that is no double."""

GOLDEN = 0x9E3779B97F4A7C15
"""The golden ratio less one, times 2**64."""


def largest_defect(order: int, size: int, relative: float) -> float:
    """Give the largest defect: an honest step's is p + 1 times its error, and roundings."""
    return 8 * (order + 1) * relative * size + 2**10 * 2.0**-52


def on_grid(code: Code, time: str, low: str, h: str) -> str:
    """Change a step so that it ends at a double, for a right-hand side is told the time in one.

    A step of less than the doubles' spacing stays as it is.
    """
    there = code.subtract(code.add(time, h), time)
    moves = code.compare("one", there or "", code.constant(0.0))
    return code.choose(moves, code.subtract(there, low) or "", h)


def decisive(order: int) -> int:
    """Give the last degree that decides upon the step.

    It is not the very last: a step is chosen while those are still computed.
    """
    return order - order // 10


def step_size(core: Core, count: str, factor: str, longest: str) -> str:
    """Write the choice of a step; give the register of its size.

    Parameters
    ----------
    core : Core
    count : str
        How many steps there were before.
    factor : str
        Log2 of what a step is of the radius of convergence.
    longest : str
        The largest step.
    """
    code = core.code
    last = decisive(core.order)
    degrees = [max(k, 1) for k in range(last - LAST + 1, last + 1)]
    low = [k for k in (core.order // 4, core.order // 4 + 1) if 1 < k < degrees[0]]

    def scaled(access: Access) -> list[str]:
        width, scale = access.width, access.load("scale")
        parts = (code.absolute(core.part(access, k), width) for k in (*low, *degrees))
        return [code.multiply(part, scale, width) or "" for part in parts]

    found = core.gathered(scaled, code.larger, len(low) + LAST)
    radii = [_radius(core, factor, sizes, low, degrees, width) for width, sizes in found]
    spread = code.multiply(_multiple(code, count), code.constant(-1 / core.order))
    # The newest part, which all wait for, is the last that is dealt with.
    y = code.add(code.add(factor, spread), reduce(code.smaller, radii)) or ""
    if degrees[0] < NEAR:
        y = code.larger(code.smaller(y, code.constant(ENDLESS)), code.constant(-ENDLESS))
    return code.smaller(exp2(code, y), longest)


def _radius(
    core: Core,
    factor: str,
    sizes: Sequence[str],
    low: Sequence[int],
    last: Sequence[int],
    width: int,
) -> str:
    """Give log2 of the radius of convergence, by the sizes of parts of low and of last degrees.

    With log2 r = R the parts down to degree HELD / R are held. If that is less than the order p,
    the step is not r * 2**factor but r * 2**(factor * p * R / HELD): R is told accordingly.
    """
    code, share = core.code, core.order / HELD
    logarithms = [_logarithms(code, x, [k] * width) for x, k in zip(sizes[len(low) :], last)]
    slope = code.fused(factor, code.constant(share), code.constant(1.0))
    line = code.everywhere(slope or "", width), code.everywhere(code.negative(factor) or "", width)
    for x, k in zip(sizes, low):
        below = code.compare("olt", x, code.constant(2.0 ** (-k / share), width), width)
        ended = code.choose(below, x, code.constant(0.0, width), width)
        logarithms.append(_logarithms(code, ended, [k] * width, line))
    return code.least(reduce(lambda a, b: code.smaller(a, b, width), logarithms), width)


def _multiple(code: Code, count: str) -> str:
    """Give 1 and the fraction of the next multiple of the golden ratio."""
    number = code.instruction(f"mul i64 {count}, {GOLDEN - 2**64}")
    fraction = code.instruction(f"lshr i64 {number}, 12")
    one = code.instruction(f"or i64 {fraction}, {1023 << 52}")
    return code.instruction(f"bitcast i64 {one} to double")


def logarithm(code: Code, sizes: str, degrees: Sequence[int]) -> str:
    """Give log2 of the radius of convergence, by the sizes of parts side by side."""
    return code.least(_logarithms(code, sizes, degrees), len(degrees))


def _logarithms(
    code: Code, sizes: str, degrees: Sequence[int], line: tuple[str, str] | None = None
) -> str:
    """Give log2 of what each size says that the radius is, or what a line has for that."""
    width = len(degrees)
    kind = code.kind(width)
    whole = kind.replace("double", "i64")
    # The bits of a double, as a number, are its logarithm to one digit. All but eleven are such a
    # number, and 2**52 more, where they follow its exponent.
    one = "%d" if kind == "double" else "splat (i64 %d)"
    bits = code.let(f"bitcast {kind} {sizes} to {whole}")
    bits = code.let(f"lshr {whole} {bits}, {one % 11}")
    bits = code.let(f"or {whole} {bits}, {one % (1023 + 52 << 52)}")
    number = code.let(f"bitcast {whole} {bits} to {kind}")
    scale: Name = code.constant([-(2.0**-41) / k for k in degrees], width)
    shift: Name = code.constant([(2**11 + 1023 - 0.043) / k for k in degrees], width)
    if line is not None:
        slope, start = line
        scale, shift = code.multiply(scale, slope, width), code.fused(shift, slope, start, width)
    found = code.fused(number, scale, shift, width) or ""
    none = code.compare("oeq", sizes, code.constant(0.0, width), width)
    return code.choose(none, code.constant(ENDLESS, width), found, width)


def bounded(code: Code, x: str, width: int = 1) -> str:
    """Give the largest double, with its sign, where a power of a step is infinite.

    What that is multiplied by has vanished, and then is still nothing.
    """
    least, largest = (code.constant(sign * sys.float_info.max, width) for sign in (-1, 1))
    return code.larger(code.smaller(x, largest, width), least, width)


def exp2(code: Code, y: str) -> str:
    """Give 2**y to three digits."""
    # The sum is a whole number in the last bits of a double.
    far = code.constant(1.5 * 2.0**52)
    shifted = code.add(y, far) or ""
    rest = code.subtract(y, code.subtract(shifted, far))
    q = code.fused(code.constant(0.23843), rest, code.constant(0.70345))
    q = code.fused(q, rest, code.constant(1.00044))
    shift = code.instruction(f"shl i64 {code.instruction(f'bitcast double {shifted} to i64')}, 52")
    bits = code.instruction(f"bitcast double {q} to i64")
    return code.instruction(f"bitcast i64 {code.instruction(f'add i64 {bits}, {shift}')} to double")
