"""Arithmetic with mpmath numbers, fractions and whole numbers: exact, or to any number of digits.

An `Exact` is the bottom of a computation where the others have a float64 or complex128 array: an
object array that computes each entry with mpmath (at its working precision) or with fractions, by
the same rows. No entry ever passes through a double; a float that meets one is taken at its exact
binary value.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from fractions import Fraction
from numbers import Rational
from typing import Any, NoReturn

import numpy as np

from taylorad.dispatch.value import Value
from taylorad.errors import ConversionError, InputTypeError, user_line
from taylorad.primitives.linear import select
from taylorad.primitives.numbers import RealConstant
from taylorad.primitives.registry import Elementwise, LocalSeries, Primitive

__all__ = ["Exact", "of_one_kind", "plain", "with_room"]


class Exact(Value):
    """An object array of mpmath numbers, fractions or whole numbers, as a value."""

    tag = 0  # below every transformation

    def __init__(self, entries: Any) -> None:
        self.array = _entries(entries)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return self.array.shape  # type: ignore[no-any-return]

    @property
    def number_type(self) -> np.dtype[Any]:
        """Always object."""
        return np.dtype(object)

    @property
    def primal(self) -> Any:
        """The object array."""
        return self.array

    def lift(self, plain: Any) -> Exact:
        """Take plain numbers at their exact values."""
        return plain if isinstance(plain, Exact) else Exact(plain)

    def plain(self) -> Any:
        """Give the object array, or the one number."""
        return self.array if self.shape else self.array[()]

    def copy(self, order: str = "C") -> Exact:
        """Give a copy that assignments to the original do not reach."""
        return Exact(self.array.copy())

    # An object array is mutable, and its views share memory: no bookkeeping is needed.

    def _become(self, new: Any) -> None:
        self.array[...] = self.lift(new).array

    def __setitem__(self, key: Any, value: Any) -> None:
        entries = _entries(value)
        self.array[key] = entries if entries.shape else entries[()]

    def __getitem__(self, key: Any) -> Any:
        return Exact(self.array[key])

    def refuse_conversion(self, target: str) -> NoReturn:
        """Raise because the number would lose digits."""
        raise ConversionError(
            f"an exact number would lose digits as {target}{user_line()}; use NumPy's functions "
            "(np.sin, not math.sin), which compute it with mpmath"
        )

    def __repr__(self) -> str:
        return f"Exact({self.array!r})"

    def interpret(self, primitive: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Compute entry by entry where the row needs mpmath, else let NumPy move objects about."""
        arrays = [_entries(a) for a in args]
        if primitive is not select:  # which may leave NaN among fractions
            arrays = of_one_kind(arrays)
        if isinstance(primitive, LocalSeries):
            n = params.get("n", 0)
            return self.series(primitive, arrays[0], n)[n] * math.factorial(n)
        if primitive.exact is not None:
            result = np.frompyfunc(_entry_function(primitive), len(arrays), 1)(*arrays)
            if _is_truth(result):
                return np.asarray(result, bool)[()]
        elif isinstance(primitive, Elementwise):
            return primitive.value(*map(Exact, arrays), **params)  # a body in NumPy
        else:
            result = primitive.value(*arrays, **params)
        plain = isinstance(result, (np.ndarray, np.generic)) and result.dtype != object
        return result if plain or isinstance(result, (bool, tuple)) else Exact(result)

    @staticmethod
    def series(row: LocalSeries, x: Any, order: int) -> Exact:
        """Taylor coefficients of a local series at each entry, the degree as first axis."""
        if row.exact_series is None:
            raise InputTypeError(f"{row.name} has no rule for mpmath numbers{user_line()}")
        mpmath, x = _mpmath(), _entries(x)
        out = np.empty((order + 1, *x.shape), object)
        for place in np.ndindex(x.shape):
            if isinstance(x[place], Rational):
                raise _no_fraction(row.name, x[place])
            entry = mpmath.mpmathify(x[place])
            out[(slice(None), *place)] = row.exact_series(mpmath.mp, entry, order)
        return Exact(out)


def plain(a: Any) -> Any:
    """Give a result as people expect it: exact numbers as they are, 0-d arrays as scalars."""
    if isinstance(a, Exact):
        return a.plain()
    return a[()] if isinstance(a, np.ndarray) else a


def _mpmath() -> Any:
    import mpmath

    return mpmath


def _is_truth(result: Any) -> bool:
    flat = np.ravel(np.asarray(result, object))
    return bool(flat.size) and isinstance(flat[0], (bool, np.bool_))


# --- entries ---------------------------------------------------------------------------------


def _entries(a: Any) -> Any:
    """Give any plain numbers as an object array of exact ones."""
    if isinstance(a, Exact):
        return a.array
    if isinstance(a, np.ndarray) and (a.dtype == bool or _is_settled(a)):
        return a
    out = np.empty(np.shape(a), object)
    source = a if isinstance(a, np.ndarray) else np.array(a, dtype=object)
    for place in np.ndindex(out.shape):
        out[place] = _number(source[place])
    return out


def of_one_kind(arrays: list[Any]) -> list[Any]:
    """Make fractions that meet mpmath numbers such numbers too; mpmath does since version 1.4."""
    objects = [a for a in arrays if isinstance(a, np.ndarray) and a.dtype.kind == "O"]
    kinds = {type(x) for a in objects for x in a.flat}
    if Fraction not in kinds or not any(hasattr(kind, "_mpf_") for kind in kinds):
        return arrays
    mpf = _mpmath().mpf

    def number(x: Any) -> Any:
        return mpf(x.numerator) / x.denominator if type(x) is Fraction else x

    convert = np.frompyfunc(number, 1, 1)
    return [np.asarray(convert(a), object) if any(a is o for o in objects) else a for a in arrays]


def with_room(a: Any, bits: int) -> AbstractContextManager[Any]:
    """Have mpmath round no product of these numbers and whole ones of so many bits.

    Results have the digits that they were computed to, whatever mpmath works with when asked.
    """
    entries = a.flat if isinstance(a, np.ndarray) and a.dtype == object else ()
    parts = [p for x in entries for p in getattr(x, "_mpc_", (getattr(x, "_mpf_", None),)) if p]
    if not parts:
        return nullcontext()
    mp = _mpmath().mp
    return mp.workprec(max(mp.prec, max(p[3] for p in parts) + bits))  # type: ignore[no-any-return]


def _is_settled(a: np.ndarray[Any, Any]) -> bool:
    return a.dtype == object and all(map(_is_exact, a.flat))


def _is_exact(x: Any) -> bool:
    return hasattr(x, "_mpf_") or hasattr(x, "_mpc_") or type(x) is Fraction


def _number(x: Any) -> Any:
    """Give one number exactly; whole numbers become fractions, so that ``/`` stays exact."""
    if _is_exact(x):
        return x
    if isinstance(x, RealConstant):
        return x.exact(_mpmath().mp)
    if isinstance(x, (bool, np.bool_, np.integer)):
        return Fraction(int(x))
    if isinstance(x, Rational):
        return Fraction(x)
    if isinstance(x, (float, np.floating)):
        return Fraction(float(x)) if math.isfinite(x) else _mpmath().mpf(float(x))
    if isinstance(x, (complex, np.complexfloating)):
        return _mpmath().mpc(complex(x))
    raise InputTypeError(
        f"a {type(x).__name__} is not a number the exact arithmetic knows{user_line()}; it takes "
        "mpmath numbers, fractions, int, float and complex"
    )


# --- functions of one entry ------------------------------------------------------------------

# Where a transcendental function of a fraction is one: (the fraction, its value).
_RATIONAL_VALUES: dict[str, Any] = {
    **dict.fromkeys(("exp", "exp2", "cos", "cosh", "sech²", "erfc"), (0, 1)),
    **dict.fromkeys(("log", "log2", "log10", "arccos", "arccosh"), (1, 0)),
    **dict.fromkeys(("sin", "tan", "sinh", "tanh", "arcsin", "arctan", "arcsinh"), (0, 0)),
    **dict.fromkeys(("arctanh", "expm1", "log1p", "erf"), (0, 0)),
    "expit": (0, Fraction(1, 2)),
}
_RATIONAL_STAYS = frozenset(
    {"sign", "floor", "ceil", "trunc", "rint", "floor_divide", "isfinite", "isinf", "isnan"}
    | {"signbit", "remainder", "fmod"}
)


def _entry_function(primitive: Primitive) -> Any:
    """Give the function of one entry; of a fraction it is exact, or refused."""
    mp, rule, name = _mpmath().mp, primitive.exact, primitive.name
    compute = getattr(mp, rule) if isinstance(rule, str) else lambda *x: rule(mp, *x)  # type: ignore[misc]
    at, there = _RATIONAL_VALUES.get(name, (None, None))

    def entry(*x: Any) -> Any:
        if not all(isinstance(v, Rational) for v in x):
            return compute(*x)
        if x[0] == at:
            return Fraction(there)
        if name in ("sqrt", "power"):
            y = _rational_power(x[0], Fraction(1, 2) if name == "sqrt" else x[1])
        else:
            y = compute(*x) if name in _RATIONAL_STAYS else None
        if isinstance(y, (Rational, bool)):
            return y
        raise _no_fraction(name, *x)

    return entry


def _no_fraction(name: str, *x: Any) -> InputTypeError:
    return InputTypeError(
        f"{name} of the fraction {', '.join(map(str, x))} is no fraction{user_line()}; "
        "use mpmath numbers (mpmath.mpf), to as many digits as you like"
    )


def _rational_power(x: Fraction, exponent: Fraction) -> Fraction | None:
    """Give a power of a fraction if it is a fraction."""
    x = x**exponent.numerator
    p, q = (_whole_root(n, exponent.denominator) for n in (x.numerator, x.denominator))
    return None if p is None or q is None else Fraction(p, q)


def _whole_root(n: int, degree: int) -> int | None:
    """Give the root of a whole number if it is whole."""
    if n < 0 or degree == 1:
        return n if degree == 1 else None
    low, high = 0, 1 << (n.bit_length() // degree + 1)
    while low < high:  # the least number whose power reaches n
        middle = (low + high) // 2
        low, high = (middle + 1, high) if middle**degree < n else (low, middle)
    return low if low**degree == n else None
