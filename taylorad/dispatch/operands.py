"""What stands beside our values in a call: made into values or plain numeric arrays.

NumPy, asked to make a plain array of our values (``np.array([u, v])``, ``np.asarray(x)``), makes an
object array of scalars. Wherever such an array meets us again, `as_operand` turns it back.
"""

from __future__ import annotations

import itertools
import math
import operator
from typing import Any, NoReturn

import numpy as np

from taylorad.errors import InputError, InputTypeError, NoRuleError, user_line
from taylorad.primitives import linear
from taylorad.primitives.linear import shape_of
from taylorad.primitives.registry import Owner

__all__ = [
    "as_entries",
    "as_operand",
    "as_order",
    "bottom",
    "fresh_tag",
    "number_type",
    "refuse",
    "shape_of",
    "size_of",
]

_tags = itertools.count(1)


def fresh_tag() -> int:
    """Draw the tag of a new transformation; later ones are larger. Safe from several threads."""
    return next(_tags)


def as_operand(a: Any) -> Any:
    """Turn what stands beside a value in a call into a value or a plain numeric array."""
    if isinstance(a, Owner):
        if a._view is not None:  # type: ignore[attr-defined]
            a.refresh()  # type: ignore[attr-defined]
        return a
    if isinstance(a, (np.ndarray, np.generic)):
        if a.dtype == object:
            return _from_objects(np.asarray(a))
        # A constant of less precision would have its functions computed in that.
        return a.astype(float) if a.dtype.char in "ef" else a
    if _is_exact_number(a):
        return _exact(a)
    if isinstance(a, (list, tuple)) and any(isinstance(x, (Owner, list, tuple)) for x in a):
        return [as_operand(x) for x in a]
    return a


def _from_objects(a: np.ndarray[Any, Any]) -> Any:
    entries = [as_operand(x) for x in a.ravel()]
    if any(isinstance(x, Owner) and x.tag > 0 for x in entries):
        return np.reshape(np.stack(entries), a.shape)
    return _exact(a)


def _is_exact_number(a: Any) -> bool:
    """Tell whether ``a`` is an mpmath number or a fraction, without importing mpmath."""
    return hasattr(a, "_mpf_") or hasattr(a, "_mpc_") or type(a).__name__ == "Fraction"


def _exact(a: Any) -> Any:
    from taylorad.dispatch.exact import Exact

    return Exact(a)


def as_entries(a: Any) -> Any:
    """Turn an operand of an entry-by-entry function into a value or a plain array or number."""
    a = as_operand(a)
    if isinstance(a, (list, tuple)):
        a = linear.as_array(a)
    if isinstance(a, (np.ndarray, np.generic)) and a.dtype.kind in "iu" and a.itemsize < 8:
        return a.astype(float)  # NumPy computes functions of small integers in small floats
    return a


def number_type(a: Any) -> np.dtype[Any]:
    """Give the type of an array's numbers: object if they are exact."""
    if isinstance(a, Owner):
        return a.number_type  # type: ignore[attr-defined,no-any-return]
    if hasattr(a, "dtype"):
        return a.dtype  # type: ignore[no-any-return]
    return np.dtype(object) if _is_exact_number(a) else np.result_type(a)


def bottom(a: Any) -> Any:
    """Strip a value of everything its transformations carry, down to what choices are made by.

    These are plain numbers, or entries of a trace, which writes down what was chosen.
    """
    while isinstance(a, Owner) and not a.traced:
        a = a.primal  # type: ignore[attr-defined]
    return a


def size_of(a: Any) -> int:
    """Give the number of entries."""
    return math.prod(shape_of(a))


def as_order(order: Any, what: str = "order") -> int:
    """Check a whole number that is not negative."""
    if isinstance(order, (bool, np.bool_)) or not hasattr(order, "__index__"):
        raise InputTypeError(f"{what} must be an integer, not {order!r}{user_line()}")
    if order < 0:
        raise InputError(f"{what} must be at least 0, not {order}{user_line()}")
    return operator.index(order)


def refuse(function: Any, method: str = "__call__") -> NoReturn:
    """Say that the table has no rule for a function, and how to add one."""
    name = getattr(function, "__name__", str(function))
    module = getattr(function, "__module__", None) or "numpy"
    if isinstance(function, np.ufunc):
        module = "numpy" if getattr(np, name, None) is function else "scipy.special"
    full = f"{module}.{name}" + ("" if method == "__call__" else f".{method}")
    raise NoRuleError(
        f"{full} has no differentiation rule{user_line()}: write it with functions that have one, "
        "or add a rule with taylorad.primitive (elementwise: value and partials)"
    )
