"""How far a series is good for, from the sizes of its last parts.

With parts ``c_k``, measured against floor plus component, the step is ``tol**(1/p)`` times the
least of ``|c_k|**(-1/k)`` over the last few degrees, which estimates the radius of convergence, as
in [1]_. Several degrees are looked at, for one may vanish; what all of them miss, the defect shows.
Logarithms and powers to three digits will do.

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

from typing import TYPE_CHECKING

from taylorad.ode.code import Code
from taylorad.ode.interface import Limits

if TYPE_CHECKING:
    from taylorad.ode.core import Access, Core

__all__ = ["LAST", "MARGIN", "step_size"]

LAST = 4
"""So many of the last parts decide upon the step."""

MARGIN = 2.0
"""Bits by which steps aim below the tolerance: errors of truncation have a sign, and add up."""

GOLDEN = 0x9E3779B97F4A7C15
"""The golden ratio less one, times 2**64."""


def step_size(core: Core) -> str:
    """Write the choice of a step; give the register of its size."""
    code = core.code
    degrees = [max(k, 1) for k in range(core.order, core.order - LAST, -1)]
    zero = code.constant(0.0)

    def largest(access: Access, *sizes: str) -> list[str]:
        width, found = access.width, []
        scale = access.load("scale")
        for k, size in zip(degrees, sizes, strict=True):
            scaled = code.multiply(code.absolute(core.part(access, k), width), scale, width)
            found.append(code.larger(size, code.largest(scaled or "", width)))
        return found

    sizes = core.over_states(largest, *[zero] * LAST)
    bits = code.let(f"bitcast <{LAST} x double> {code.packed(sizes)} to <{LAST} x i64>")
    number = code.let(f"sitofp <{LAST} x i64> {bits} to <{LAST} x double>")
    # The bits of a double, as a number, are its logarithm to one digit.
    scale = code.constant([-(2.0**-52) / k for k in degrees], LAST)
    shift = code.constant([(1023 - 0.043) / k for k in degrees], LAST)
    least = code.least(code.fused(number, scale, shift, LAST) or "", LAST)
    spread = code.multiply(_multiple(code), code.constant(-1 / core.order))
    y = code.add(code.add(least, core.limits[Limits.FACTOR]), spread) or ""
    y = code.larger(code.smaller(y, code.constant(900.0)), code.constant(-900.0))
    h = code.smaller(_exp2(code, y), core.limits[Limits.LONGEST])
    return code.smaller(code.smaller(h, "%cap"), core.left)


def _multiple(code: Code) -> str:
    """Give 1 and the fraction of the next multiple of the golden ratio."""
    fraction = code.let(f"lshr i64 {code.let(f'mul i64 %count, {GOLDEN - 2**64}')}, 12")
    one = code.let(f"or i64 {fraction}, {1023 << 52}")
    return code.let(f"bitcast i64 {one} to double")


def _exp2(code: Code, y: str) -> str:
    """Give 2**y to three digits."""
    whole = code.intrinsic_of("floor", (y,))
    rest = code.subtract(y, whole)
    q = code.fused(code.constant(0.33977), rest, code.constant(0.65943))
    q = code.fused(q, rest, code.constant(1.0012))
    shift = code.let(f"shl i64 {code.let(f'fptosi double {whole} to i64')}, 52")
    bits = code.let(f"bitcast double {q} to i64")
    return code.let(f"bitcast i64 {code.let(f'add i64 {bits}, {shift}')} to double")
