"""Numbers of several words: double-double (31 digits) and quad-double (62) as LLVM text.

A number is a sum of doubles, each of which is the rounding error of those before it. What is done
to it is done in registers, without branches, in vectors if wanted.

`Words` writes the arithmetic: sums, products, quotients, roots, and sums of many products, which
are normalised once. `definitions` gives the elementary functions that it calls. `split` and
`joined` are the way from and to mpmath's numbers.

Limits: an infinity is one only as argument or result of an elementary function; from arithmetic
comes NaN, as from a division by zero. Errors of products are exact while they are normal numbers:
of n words all digits are right above 2^(53 n − 1022), that is 10⁻²⁷⁵ for two and 10⁻²⁴³ for four.
"""

from __future__ import annotations

from taylorad.machine.multiword.functions import FUNCTIONS, OPERATIONS, definition, definitions
from taylorad.machine.multiword.host import (
    digits,
    joined,
    joined_array,
    split,
    split_array,
    unit,
)
from taylorad.machine.multiword.transformations import ONE, Emitter, Text, Transformations
from taylorad.machine.multiword.words import Columns, Number, Words

__all__ = [
    "Columns",
    "Emitter",
    "FUNCTIONS",
    "Number",
    "ONE",
    "OPERATIONS",
    "Text",
    "Transformations",
    "Words",
    "definition",
    "definitions",
    "digits",
    "joined",
    "joined_array",
    "split",
    "split_array",
    "unit",
]
