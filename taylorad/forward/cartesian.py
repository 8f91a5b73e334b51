"""Complex numbers as pairs of real ones, for what knows real numbers only.

A `Cartesian` is x + iy, with values x and y that carry something: entries of a trace, say. Rows of
complex arguments become rows of real ones. What is not analytic, as a conjugate or an absolute
value, is a real function like any other here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn

import numpy as np

from taylorad.dispatch import Value, number_type, shape_of
from taylorad.dispatch.operands import refuse
from taylorad.errors import ConversionError, user_line
from taylorad.primitives import elementwise, linalg
from taylorad.primitives.numbers import LN2, LN10
from taylorad.primitives.registry import Bilinear, Linear, Primitive, lookup
from taylorad.primitives.squaring import by_squaring

__all__ = ["Cartesian", "parts_of"]

Pair = tuple[Any, Any]
"""Real and imaginary part; None for an imaginary part that there is not."""

LARGEST_POWER = 64
"""Whole powers of no more than this are products."""


class Cartesian(Value):
    """A complex value by its parts.

    Parameters
    ----------
    x, y : value or array
        Real and imaginary part, of one shape; None for y of a number that is real.
    tag : int
        Of the transformation: larger than those of the parts.
    """

    def __init__(self, x: Any, y: Any, tag: float) -> None:
        self.x, self.y, self.tag = x, y, tag
        self.traced = any(isinstance(part, Value) and part.traced for part in (x, y))

    @property
    def shape(self) -> tuple[int, ...]:
        return shape_of(self.x)

    @property
    def number_type(self) -> np.dtype[Any]:
        return number_type(self.x) if self.y is None else np.dtype(complex)

    @property
    def primal(self) -> Any:
        return self.x if self.y is None else self

    def parts(self, what: str) -> Pair:
        y = np.zeros(self.shape) if self.y is None else self.y
        return self._like(self.x), self._like(y)

    def lift(self, plain: Any) -> Cartesian:
        return self._like(*parts_of(plain))

    def settle(self) -> Any:
        if self.y is not None:
            self.refuse_conversion("plain numbers")
        return self.x.settle() if isinstance(self.x, Value) else self.x

    def refuse_conversion(self, target: str) -> NoReturn:
        owner = self.x if isinstance(self.x, Value) else self.y
        if isinstance(owner, Value):
            owner.refuse_conversion(target)
        super().refuse_conversion(target)

    def __bool__(self) -> bool:
        self.refresh()
        if self.y is None:
            return bool(self.x)
        return bool(np.logical_or(np.not_equal(self.x, 0), np.not_equal(self.y, 0)))

    def __float__(self) -> float:
        return super().__float__() if self.y is not None else float(self.x)

    def __int__(self) -> int:
        return super().__int__() if self.y is not None else int(self.x)

    def __complex__(self) -> complex:
        raise ConversionError(
            f"a complex number that varies would be fixed{user_line()}, in a plain array or by "
            "complex(): make arrays with np.zeros_like of such a number, or by np.stack"
        )

    def _adopt(self, other: Any) -> None:
        self.x, self.y = other.x, other.y

    def _like(self, x: Any, y: Any = None) -> Cartesian:
        return Cartesian(x, y, self.tag)

    def interpret(self, primitive: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Compute with parts."""
        params = {k: v.x if isinstance(v, Cartesian) else v for k, v in params.items()}
        pairs = [parts_of(a) for a in args]
        if all(y is None for _, y in pairs):
            result = primitive(*(x for x, _ in pairs), **params)
            # What tells places is no number to compute with.
            is_number = isinstance(result, Value) and number_type(result).kind != "i"
            return self._like(result) if is_number else result
        if isinstance(primitive, Linear):
            return self._like(*(primitive(*some, **params) for some in _sides(pairs)))
        if isinstance(primitive, Bilinear):
            return self._like(*_product(lambda a, b: primitive(a, b, **params), *pairs))
        rule = _RULES.get(primitive)
        return self._like(*rule(*pairs)) if rule else refuse(primitive.value)

    def __repr__(self) -> str:
        return f"{self.x!r}" if self.y is None else f"{self.x!r} + i ({self.y!r})"


def parts_of(a: Any) -> Pair:
    """Give the parts of a number, or of an array."""
    if isinstance(a, Cartesian):
        return a.x, a.y
    if isinstance(a, Value) or not np.iscomplexobj(a):
        return a, None
    a = np.asarray(a)
    return a.real.copy()[()], a.imag.copy()[()]


def _sides(pairs: Sequence[Pair]) -> tuple[list[Any], list[Any]]:
    """Give all real parts, and all imaginary parts."""
    ys = [np.zeros(shape_of(x)) if y is None else y for x, y in pairs]
    return [x for x, _ in pairs], ys


# --- arithmetic ------------------------------------------------------------------------------


def _product(times: Callable[[Any, Any], Any], a: Pair, b: Pair) -> Pair:
    (p, q), (r, s) = a, b

    def product(left: Any, right: Any) -> Any:
        return None if _is_nothing(left) or _is_nothing(right) else times(left, right)

    x, y = product(p, r), product(p, s)
    if (minus := product(q, s)) is not None:
        x = -minus if x is None else x - minus
    if (more := product(q, r)) is not None:
        y = more if y is None else y + more
    if x is None or y is None:
        nothing = np.zeros(shape_of(times(p, r) if x is y else y if x is None else x))
        x, y = (nothing if part is None else part for part in (x, y))
    return x, y


def _is_nothing(a: Any) -> bool:
    """Tell whether products with a part are zero: it is not there, or a constant that is zero."""
    return a is None or not (isinstance(a, Value) or np.any(a))


def _quotient(a: Pair, b: Pair) -> Pair:
    (p, q), (r, s) = a, b
    if s is None:
        return p / r, q / r
    size = r * r + s * s
    return _product(np.multiply, (p, q), (r / size, -s / size))


def _solution(a: Pair, b: Pair) -> Pair:
    solve = linalg.solve_row
    (p, q), (r, s) = a, b
    if q is None:
        return solve(p, r), solve(p, s)
    s = np.zeros(shape_of(r)) if s is None else s
    n = shape_of(p)[-1]
    rows = [np.concatenate([p, -q], axis=-1), np.concatenate([q, p], axis=-1)]
    both = solve(np.concatenate(rows, axis=-2), np.concatenate([r, s], axis=-2))
    return both[..., :n, :], both[..., n:, :]


# --- functions -------------------------------------------------------------------------------


def _scaled(z: Pair, factor: Any) -> Pair:
    return z[0] * factor, z[1] * factor


def _exp(z: Pair) -> Pair:
    size = np.exp(z[0])
    return size * np.cos(z[1]), size * np.sin(z[1])


def _expm1(z: Pair) -> Pair:
    x, y = z
    half = np.sin(y / 2)
    return np.expm1(x) * np.cos(y) - 2 * half * half, np.exp(x) * np.sin(y)


def _log(z: Pair) -> Pair:
    x, y = z
    return np.log(np.hypot(x, y)), np.arctan2(y, x)


def _log1p(z: Pair) -> Pair:
    x, y = z
    return np.log1p(x * (2 + x) + y * y) / 2, np.arctan2(y, 1 + x)


def _sin(z: Pair) -> Pair:
    x, y = z
    return np.sin(x) * np.cosh(y), np.cos(x) * np.sinh(y)


def _cos(z: Pair) -> Pair:
    x, y = z
    return np.cos(x) * np.cosh(y), -np.sin(x) * np.sinh(y)


def _sinh(z: Pair) -> Pair:
    x, y = z
    return np.sinh(x) * np.cos(y), np.cosh(x) * np.sin(y)


def _cosh(z: Pair) -> Pair:
    x, y = z
    return np.cosh(x) * np.cos(y), np.sinh(x) * np.sin(y)


def _sqrt(z: Pair) -> Pair:
    x, y = z
    size, angle = np.sqrt(np.hypot(x, y)), np.arctan2(y, x) / 2
    return size * np.cos(angle), size * np.sin(angle)


def _power(z: Pair, a: Pair) -> Pair:
    n = a[0]
    is_number = a[1] is None and not isinstance(n, Value) and not np.ndim(n)
    if is_number and float(n).is_integer() and abs(n) <= LARGEST_POWER:
        return _whole_power(z, int(n))
    x, y = z
    log = _log((x, np.zeros(shape_of(x)) if y is None else y))
    return _exp(_product(np.multiply, a, log) if a[1] is not None else _scaled(log, n))


def _whole_power(z: Pair, n: int) -> Pair:
    if not n:
        return np.ones(shape_of(z[0])), np.zeros(shape_of(z[0]))
    found = by_squaring(z, abs(n), partial(_product, np.multiply))
    return found if n > 0 else _quotient((1.0, None), found)


def _tanh(z: Pair) -> Pair:
    x, y = z
    t, s, c = np.tanh(x), np.sin(y), np.cos(y)
    size = c * c + t * t * s * s
    return t / size, s * c * elementwise.sech_squared(x) / size


def _tan(z: Pair) -> Pair:
    y, x = _tanh((z[1], z[0]))
    return x, y


def _both(test: Any, joined: Any) -> Callable[..., Pair]:
    """Make the test of numbers of that of their parts."""

    def rule(*pairs: Pair) -> Pair:
        xs, ys = _sides(pairs)
        return joined(test(*xs), test(*ys)), None

    return rule


_RULES: dict[Any, Callable[..., Pair]] = {
    elementwise.divide: _quotient,
    linalg.solve_row: _solution,
    lookup(np.exp): _exp,
    lookup(np.exp2): lambda z: _exp(_scaled(z, LN2)),
    lookup(np.expm1): _expm1,
    lookup(np.log): _log,
    lookup(np.log2): lambda z: _scaled(_log(z), 1 / LN2),
    lookup(np.log10): lambda z: _scaled(_log(z), 1 / LN10),
    lookup(np.log1p): _log1p,
    lookup(np.sin): _sin,
    lookup(np.cos): _cos,
    lookup(np.tan): _tan,
    lookup(np.sinh): _sinh,
    lookup(np.cosh): _cosh,
    lookup(np.tanh): _tanh,
    lookup(np.sqrt): _sqrt,
    lookup(np.power): _power,
    lookup(np.equal): _both(np.equal, np.logical_and),
    lookup(np.not_equal): _both(np.not_equal, np.logical_or),
    lookup(np.isfinite): _both(np.isfinite, np.logical_and),
    lookup(np.isinf): _both(np.isinf, np.logical_or),
    lookup(np.isnan): _both(np.isnan, np.logical_or),
}
"""What rows other than linear and bilinear ones are of parts."""
