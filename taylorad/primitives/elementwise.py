"""Functions that act entry by entry: one row each.

A row's partials are NumPy code in the arguments and the result. They are written in the form that
keeps its accuracy where the plain one would cancel or overflow: ``tanh`` through sech², ``expm1``
through exp, the inverse functions with factored roots.
"""

from __future__ import annotations

import math
from numbers import Rational
from typing import Any

import numpy as np

from taylorad.primitives.numbers import DEGREE, LN2, LN10
from taylorad.primitives.registry import (
    Bilinear,
    Constant,
    Elementwise,
    Implicit,
    Interval,
    Linear,
    Primitive,
    enter,
    implements,
)

REAL: Interval = (-2.0, 2.0)
POSITIVE: Interval = (0.2, 3.0)
UNIT: Interval = (-0.9, 0.9)

# --- sums, products, quotients ---------------------------------------------------------------


def signed(*signs: int) -> Any:
    """Transpose of a signed sum of arguments that broadcast."""

    def transpose(position: int, g: Any, shapes: Any, **params: Any) -> Any:
        return g if signs[position] > 0 else -g

    return transpose


def _other_factor(position: int, g: Any, other: Any, shape: Any) -> Any:
    if not np.ndim(other) and isinstance(g, np.ndarray) and g.size and not any(g.strides):
        return np.broadcast_to(g.flat[0] * other, g.shape)  # one number, as the cotangent of a sum
    return g * other


TWO_REAL = (REAL, REAL)
add = enter(Linear(np.add, transpose=signed(1, 1), broadcasts=True, domain=TWO_REAL), np.add)
subtract = enter(
    Linear(np.subtract, transpose=signed(1, -1), broadcasts=True, domain=TWO_REAL), np.subtract
)
negative = enter(
    Linear(np.negative, transpose=signed(-1), broadcasts=True, domain=(REAL,)), np.negative
)
multiply = enter(
    Bilinear(np.multiply, transpose=_other_factor, broadcasts=True, domain=TWO_REAL), np.multiply
)
divide = enter(
    Implicit(
        np.divide,
        product=multiply,
        roles=(1, 0),
        adjoint=lambda a, g: g / a,
        domain=(REAL, POSITIVE),
    ),
    np.divide,
)

implements(np.positive)(lambda x: x.copy())
implements(np.reciprocal)(lambda x: 1 / x)
implements(np.square)(lambda x: x * x)
implements(np.deg2rad, np.radians)(lambda x: x * DEGREE)
implements(np.rad2deg, np.degrees)(lambda x: x / DEGREE)


# --- powers and roots ------------------------------------------------------------------------


def _power(x: Any, a: Any) -> Any:
    return x**a  # not np.power: the operator squares where a is 2


def _power_by_base(y: Any, x: Any, a: Any) -> Any:
    if isinstance(a, (int, float)) and a != 0:
        return a * x ** (a - 1)
    # 0**0 is 1, as x**0 is whatever the base: there a*x**(a-1) would say 0*inf.
    flat = np.logical_and(np.equal(x, 0), np.equal(a, 0))
    return np.where(flat, 0, a * np.power(x, np.where(flat, 1, a - 1)))


def _power_by_exponent(y: Any, x: Any, a: Any) -> Any:
    # 0**a is 0 about a > 0, where log says -inf
    zero = np.logical_and(np.equal(x, 0), np.greater(a, 0))
    return np.where(zero, 0, y * np.log(np.where(zero, 1, x)))


power = enter(
    Elementwise(
        _power,
        name="power",
        partials=(_power_by_base, _power_by_exponent),
        series_partials=(lambda y, x, a: a * y / x, lambda y, x, a: y * np.log(x)),
        domain=(POSITIVE, (-1.5, 2.5)),
        exact=lambda mp, x, a: x**a,
    ),
    np.power,
    np.float_power,
)
sqrt = enter(
    Elementwise(
        np.sqrt, partials=lambda y, x: 0.5 / y, homogeneous=0.5, domain=(POSITIVE,), exact="sqrt"
    ),
    np.sqrt,
)
cbrt = enter(
    Elementwise(
        np.cbrt,
        partials=lambda y, x: 1 / (3 * y * y),
        homogeneous=1 / 3,
        domain=(POSITIVE,),
        exact=lambda mp, x: mp.sign(x) * mp.cbrt(abs(x)),
    ),
    np.cbrt,
)


def _cosine_partials(c: Any, x: Any, y: Any) -> tuple[Any, Any]:
    # As x/r the recurrence would cancel where y is small, and as x Dx = r Dr overflow.
    s, r = cosine(y, x), np.hypot(x, y)
    return s * s / r, -c * s / r


cosine: Primitive = enter(
    Elementwise(
        lambda x, y: x / np.hypot(x, y),
        name="x/√(x²+y²)",
        partials=_cosine_partials,
        domain=(REAL, POSITIVE),
        exact=lambda mp, x, y: x / mp.sqrt(x * x + y * y),
    )
)
hypot = enter(
    Elementwise(
        np.hypot,
        partials=(lambda r, x, y: x / r, lambda r, x, y: y / r),
        series_partials=(lambda r, x, y: cosine(x, y), lambda r, x, y: cosine(y, x)),
        at_zero=lambda x, y: np.sqrt(x * x + y * y),
        domain=(REAL, POSITIVE),
        exact=lambda mp, x, y: mp.sqrt(x * x + y * y),
    ),
    np.hypot,
)

# --- exponentials and logarithms -------------------------------------------------------------


def _unary(
    function: Any, partial: Any, domain: Interval, exact: Any, *names: Any, **more: Any
) -> Primitive:
    row = Elementwise(function, partials=partial, domain=(domain,), exact=exact, **more)
    return enter(row, *names)


def _small_exp(x: Any) -> Any:
    """``exp(-|x|)``; of complex numbers, the smaller of ``exp(x)`` and ``exp(-x)``."""
    return np.exp(np.where(np.real(x) >= 0, -x, x))


def _logistic(x: Any) -> Any:
    z = _small_exp(x)
    return np.where(np.real(x) >= 0, 1, z) / (1 + z)


def _sech_squared(x: Any) -> Any:
    z = _small_exp(2 * x)
    return 4 * z / ((1 + z) * (1 + z))


logistic: Primitive = _unary(
    _logistic,
    lambda y, x: 0.25 * sech_squared(0.5 * x),  # y*(1-y) cancels near 0
    REAL,
    lambda mp, x: 1 / (1 + mp.exp(-x)),
    name="expit",
    real_analytic=True,
)
sech_squared: Primitive = _unary(
    _sech_squared,
    lambda s, x: -2 * np.tanh(x) * s,
    REAL,
    lambda mp, x: mp.sech(x) ** 2,
    name="sech²",
    real_analytic=True,
)

_unary(np.exp, lambda y, x: y, REAL, "exp", np.exp, real_analytic=True)
_unary(
    np.exp2, lambda y, x: y * LN2, REAL, lambda mp, x: mp.mpf(2) ** x, np.exp2, real_analytic=True
)
_unary(np.expm1, lambda y, x: np.exp(x), REAL, "expm1", np.expm1, real_analytic=True)
_unary(np.log, lambda y, x: 1 / x, POSITIVE, "log", np.log)
_unary(np.log2, lambda y, x: 1 / (x * LN2), POSITIVE, lambda mp, x: mp.log(x, 2), np.log2)
_unary(np.log10, lambda y, x: 1 / (x * LN10), POSITIVE, "log10", np.log10)
_unary(np.log1p, lambda y, x: 1 / (1 + x), POSITIVE, "log1p", np.log1p)
enter(
    Elementwise(
        np.logaddexp,
        partials=(lambda y, a, b: logistic(a - b), lambda y, a, b: logistic(b - a)),
        domain=TWO_REAL,
        exact=lambda mp, a, b: max(a, b) + mp.log1p(mp.exp(-abs(a - b))),
        real_analytic=True,
    ),
    np.logaddexp,
)
enter(
    Elementwise(
        np.logaddexp2,
        partials=(
            lambda y, a, b: logistic((a - b) * LN2),
            lambda y, a, b: logistic((b - a) * LN2),
        ),
        domain=TWO_REAL,
        exact=lambda mp, a, b: max(a, b) + mp.log1p(mp.mpf(2) ** -abs(a - b)) / mp.log(2),
        real_analytic=True,
    ),
    np.logaddexp2,
)

# --- circular and hyperbolic functions -------------------------------------------------------

_unary(np.sin, lambda y, x: np.cos(x), REAL, "sin", np.sin, real_analytic=True)
_unary(np.cos, lambda y, x: -np.sin(x), REAL, "cos", np.cos, real_analytic=True)
_unary(np.tan, lambda y, x: 1 + y * y, (-1.2, 1.2), "tan", np.tan)


def _root(x: Any) -> Any:
    # hypot does not overflow, and is for real floats only
    return np.hypot(1, x) if np.result_type(x).kind == "f" else np.sqrt(1 + x * x)


# Rows of their own because each wants its value in one form, for accuracy near 1 or far out, and
# its partial in another, for accuracy near 0.
one_minus_square: Primitive = _unary(
    lambda x: (1 - x) * (1 + x), lambda y, x: -2 * x, UNIT, None, name="1-x²", real_analytic=True
)
root_one_plus_square: Primitive = _unary(
    _root, lambda r, x: 1 * (x / r), REAL, None, name="√(1+x²)", real_analytic=True
)


def _arctan_partial(y: Any, x: Any) -> Any:
    r = root_one_plus_square(x)
    return 1 / r / r  # 1 + x*x may overflow


_unary(np.arcsin, lambda y, x: 1 / np.sqrt(one_minus_square(x)), UNIT, "asin", np.arcsin)
_unary(np.arccos, lambda y, x: -1 / np.sqrt(one_minus_square(x)), UNIT, "acos", np.arccos)
_unary(np.arctan, _arctan_partial, REAL, "atan", np.arctan, real_analytic=True)
_unary(np.sinh, lambda y, x: np.cosh(x), REAL, "sinh", np.sinh, real_analytic=True)
_unary(np.cosh, lambda y, x: np.sinh(x), REAL, "cosh", np.cosh, real_analytic=True)
_unary(np.tanh, lambda y, x: sech_squared(x), REAL, "tanh", np.tanh, real_analytic=True)
_unary(
    np.arcsinh,
    lambda y, x: 1 / root_one_plus_square(x),
    REAL,
    "asinh",
    np.arcsinh,
    real_analytic=True,
)
_unary(
    np.arccosh,
    lambda y, x: 1 / (np.sqrt(x - 1) * np.sqrt(x + 1)),
    (1.2, 4.0),
    "acosh",
    np.arccosh,
)
_unary(np.arctanh, lambda y, x: 1 / one_minus_square(x), UNIT, "atanh", np.arctanh)


def _over_square(numerator: Any, y: Any, x: Any) -> Any:
    r = np.hypot(x, y)  # no overflow, where x*x + y*y has one
    return numerator / r / r


arctan2 = enter(
    Elementwise(
        np.arctan2,
        partials=(
            lambda angle, y, x: _over_square(x, y, x),
            lambda angle, y, x: _over_square(-y, y, x),
        ),
        domain=(REAL, POSITIVE),
        exact="atan2",
    ),
    np.arctan2,
)

# --- remainders: the quotient's whole part is a constant -------------------------------------

enter(
    Elementwise(
        np.remainder,
        partials=(lambda r, x, y: 1.0, lambda r, x, y: -np.floor(x / y)),
        domain=((2.2, 2.8), (1.0, 1.1)),
        exact=lambda mp, x, y: x % y,
    ),
    np.remainder,
)
enter(
    Elementwise(
        np.fmod,
        partials=(lambda r, x, y: 1.0, lambda r, x, y: -np.trunc(x / y)),
        domain=((2.2, 2.8), (1.0, 1.1)),
        exact="fmod",
    ),
    np.fmod,
)

# --- nothing flows ---------------------------------------------------------------------------


def _whole(kind: str, of_fraction: Any) -> Any:
    return lambda mp, x: of_fraction(x) if isinstance(x, Rational) else getattr(mp, kind)(x)


_EXACT: dict[str, Any] = {
    "sign": lambda mp, x: (x > 0) - (x < 0),
    "floor": _whole("floor", math.floor),
    "ceil": _whole("ceil", math.ceil),
    "trunc": lambda mp, x: _EXACT["floor" if x >= 0 else "ceil"](mp, x),
    "rint": _whole("nint", round),
    "floor_divide": lambda mp, x, y: x // y,
    "isfinite": lambda mp, x: bool(mp.isfinite(x)),
    "isinf": lambda mp, x: bool(mp.isinf(x)),
    "isnan": lambda mp, x: bool(mp.isnan(x)),
    "signbit": lambda mp, x: bool(x < 0),
}

for _function in (
    *(np.sign, np.floor, np.ceil, np.trunc, np.rint, np.floor_divide, np.spacing),
    *(np.isfinite, np.isinf, np.isnan, np.signbit),
    *(np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal),
    *(np.logical_and, np.logical_or, np.logical_xor, np.logical_not),
):
    _domain = (REAL,) * _function.nin
    enter(Constant(_function, exact=_EXACT.get(_function.__name__), domain=_domain), _function)


def _bitwise(function: Any) -> None:
    def value(*args: Any) -> Any:
        if np.result_type(*args).kind not in "biu":
            raise TypeError(f"np.{function.__name__} is for truth values and whole numbers")
        return function(*args)

    enter(Constant(value, name=function.__name__, domain=()), function)


for _of_bits in (np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert):
    _bitwise(_of_bits)
