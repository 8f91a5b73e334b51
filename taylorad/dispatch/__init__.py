"""Values: duck arrays that NumPy hands its calls to, and what crosses their boundary.

`value` says what a NumPy call means, `ndarray` gives the methods of an array, `operands` takes in
whatever stands beside a value, `views` keeps parts and wholes
in step, `exact` computes with mpmath numbers and fractions at the bottom,
`containers` takes nested tuples, lists and dicts apart.
"""

from taylorad.dispatch.operands import as_operand, bottom, fresh_tag, number_type, shape_of
from taylorad.dispatch.value import Value

__all__ = ["Value", "as_operand", "bottom", "fresh_tag", "number_type", "shape_of"]
