"""THE TABLE: every function taylorad can differentiate, stated once.

Rows (`registry`) know no mode and no backend: values, partials, transposes and series are plain
NumPy. Importing this package enters them all; those of ``scipy.special`` wait until SciPy's module
is first imported by someone.
"""

from taylorad.primitives import (
    contraction,
    elementwise,
    indexing,
    joining,
    linalg,
    linear,
    polynomials,
    reductions,
    selection,
    special,
    statistics,
    structural,
)

__all__ = [
    "contraction",
    "elementwise",
    "indexing",
    "joining",
    "linalg",
    "linear",
    "polynomials",
    "reductions",
    "selection",
    "special",
    "statistics",
    "structural",
]
