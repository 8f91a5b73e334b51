"""A value with its truncated polynomial: what a call means in every forward mode.

A `Jet` holds the coefficients of its value in a graded algebra. Each kind of row has one way of
acting on coefficients, whatever the algebra: linear rows part by part, bilinear ones by the Cauchy
product, implicit ones by solving for the newest part, elementwise ones by the recurrence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np

from taylorad.dispatch import Value, bottom, number_type, shape_of
from taylorad.errors import ExpansionError, SingularityError, user_line
from taylorad.forward import kernels, singular
from taylorad.forward.algebra import Algebra, Univariate, aligned, buffer
from taylorad.forward.ordering import compare
from taylorad.forward.polynomial import compose
from taylorad.forward.powers import is_whole, squared, whole_power
from taylorad.forward.program import NoProgram
from taylorad.forward.recurrence import solve
from taylorad.forward.whole import written_down
from taylorad.primitives.elementwise import add, divide, multiply, power, subtract
from taylorad.primitives.registry import (
    TABLE,
    Bilinear,
    Constant,
    Elementwise,
    Implicit,
    Linear,
    LocalSeries,
    Primitive,
)

__all__ = ["Jet"]

_ALONE = (True,)


class Jet(Value):
    """An array whose entries are truncated polynomials.

    Attributes
    ----------
    c : array of shape (algebra.size, *shape)
        Normalised coefficients; a plain array, or a value of an outer transformation.
    algebra : Algebra
    tag : int
        The transformation that it belongs to; numbers made by hand share the tag infinity, and
        so are innermost wherever they meet others.
    """

    c: Any
    algebra: Algebra
    tag: float = float("inf")

    @classmethod
    def of(cls, c: Any, algebra: Algebra, tag: float = float("inf")) -> Self:
        """Make a jet from coefficients."""
        jet = object.__new__(cls)
        jet.c, jet.algebra, jet.tag = c, algebra, tag
        return jet

    def like(self, c: Any, algebra: Algebra | None = None) -> Self:
        """Make a jet of the same transformation."""
        jet = object.__new__(type(self))
        jet.c, jet.algebra, jet.tag = c, algebra or self.algebra, self.tag
        return jet

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value."""
        return self.c.shape[1:]  # type: ignore[no-any-return]

    @property
    def number_type(self) -> np.dtype[Any]:
        """Type of the coefficients."""
        return number_type(self.c)

    @property
    def primal(self) -> Any:
        """The value: the coefficient of degree 0."""
        return self.c[0]

    @property
    def order(self) -> int:
        """Degree at which the polynomial is cut off."""
        return self.algebra.order

    def lift(self, plain: Any) -> Self:
        """Give a constant of this transformation."""
        value = plain if isinstance(plain, Value) else np.asarray(plain)
        owner = self.c if isinstance(self.c, Value) else value
        c = buffer(owner, (self.algebra.size, *value.shape))
        c[0] = value
        return self.like(c)

    def _adopt(self, other: Jet) -> None:
        self.c, self.algebra = other.c, other.algebra

    def add_at(self, key: tuple[Any, ...], piece: Any) -> bool:
        """Add to a part in place if both are plain numbers under the same expansion."""
        if not isinstance(piece, Jet) or piece.tag != self.tag or piece.algebra != self.algebra:
            return False
        here, added = self.c, piece.c
        if isinstance(here, Value) or isinstance(added, Value) or here.dtype != added.dtype:
            return False
        here[(slice(None), *key)] += added
        return True

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **params: Any) -> Any:
        """Hand a function of one argument to its kernel at once; it is the commonest of calls."""
        if len(inputs) == 1 and not params and method == "__call__" and self._view is None:
            kernel = kernels.kernel(TABLE.get(ufunc), _ALONE)
            if kernel is not None and (c := kernel(self.algebra, (self.c,))) is not None:
                return self.like(c)
        return super().__array_ufunc__(ufunc, method, *inputs, **params)

    def __pow__(self, other: Any) -> Any:
        if type(other) is int and other > 0 and self._view is None:
            return self.like(squared(self.c, other, self.algebra))
        return super().__pow__(other)  # type: ignore[misc]

    def interpret(self, primitive: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Apply a row to arguments of which some are jets of this transformation."""
        algebra, same = self.algebra, True
        own, operands = [], []
        for a in args:
            mine = isinstance(a, Jet) and a.tag == self.tag
            if mine and a.algebra is not algebra:
                algebra, same = self._lower_algebra(algebra, a), False
            own.append(mine)
            operands.append(a.c if mine else a)
        if not same:
            operands = [a[: algebra.size] if mine else a for a, mine in zip(operands, own)]
        if not params and primitive is not power:  # a power may be one of repeated squaring
            c = _compiled(algebra, primitive, operands, tuple(own))
            if c is not None:
                return self.like(c, algebra)
        try:
            return _RULES[type(primitive)](self, algebra, primitive, operands, own, params)
        except ZeroDivisionError as error:
            raise SingularityError(
                f"{primitive.name} has no power series here: division by zero{user_line()}"
            ) from error

    def _lower_algebra(self, algebra: Algebra, other: Jet) -> Algebra:
        """Of two expansions the one of lower order; those in other variables do not mix."""
        if other.algebra.family != algebra.family:
            raise ExpansionError(
                f"a {type(self).__name__} and a {type(other).__name__} of different expansions "
                f"(variables or kinds) cannot be combined{user_line()}"
            )
        return other.algebra if other.algebra.order < algebra.order else algebra


def _compiled(algebra: Algebra, row: Primitive | None, args: Any, own: tuple[bool, ...]) -> Any:
    """Give the coefficients if machine code can, or will when it is traced; else None."""
    kernel = kernels.kernel(row, own)
    if kernel is None or row is None:
        return None
    c = kernel(algebra, args)
    return written_down(algebra, row, args, own) if c is None else c


# --- one rule a kind -------------------------------------------------------------------------


def _level(args: list[Any], own: list[bool], ndim: int = 0) -> list[Any]:
    """Give arguments whose values broadcast against each other the same number of value axes."""
    for a, mine in zip(args, own):
        if mine:
            ndim = max(ndim, a.ndim - 1)
        elif not isinstance(a, (float, int)):
            ndim = max(ndim, len(shape_of(a)))
    return [aligned(a, ndim) if mine else a for a, mine in zip(args, own)] if ndim else args


def _linear(
    jet: Jet, algebra: Algebra, row: Linear, args: list[Any], own: list[bool], params: Any
) -> Jet:
    if row.broadcasts:
        # A parameter may broadcast too: the condition of where, a target shape.
        least = max(np.ndim(params.get("condition", 0)), len(params.get("shape", ())))
        args = _level(args, own, least)
    if all(own):
        return jet.like(_applied(row, args, algebra.size, params), algebra)
    value = row(*[a[0] if mine else a for a, mine in zip(args, own)], **params)
    c = buffer(value, (algebra.size, *value.shape))
    c[0] = value
    rest = algebra.size - 1
    if rest:
        moving = [a[1:] if mine else _motionless(row, a, rest) for a, mine in zip(args, own)]
        c[1:] = _applied(row, moving, rest, params)
    return jet.like(c, algebra)


def _motionless(row: Linear, constant: Any, size: int) -> Any:
    """The parts of a constant: zeros, which are one number where arguments broadcast."""
    if row.broadcasts or not np.ndim(constant):
        return 0.0
    return np.zeros((size, *np.shape(constant)))


def _applied(row: Linear, args: list[Any], size: int, params: dict[str, Any]) -> Any:
    """Apply a linear row to arguments with one more axis in front."""
    if row.batch is None:
        return np.stack([row(*(a[i] for a in args), **params) for i in range(size)])
    return row(*args, **row.batch(size, **params))


def _bilinear(
    jet: Jet, algebra: Algebra, row: Bilinear, args: list[Any], own: list[bool], params: Any
) -> Jet:
    product = _batched(row, params)
    a, b = args = _level(args, own) if row.broadcasts else args
    if all(own):
        return jet.like(algebra.multiply(a, b, product), algebra)
    if row.broadcasts:
        return jet.like(row(a, b, **params), algebra)
    a, b = (x if mine else np.expand_dims(x, 0) for x, mine in zip(args, own, strict=True))
    return jet.like(product(a, b), algebra)


def _batched(row: Any, params: dict[str, Any]) -> Callable[[Any, Any], Any]:
    if row is multiply:
        return np.multiply
    batched = row.batched or row.value
    return (lambda a, b: batched(a, b, **params)) if params else batched


def _implicit(
    jet: Jet, algebra: Algebra, row: Implicit, args: list[Any], own: list[bool], params: Any
) -> Jet:
    a_at, b_at = row.roles
    moving = own[a_at]
    if row is divide:
        args = _level(args, own)
        if not moving:
            return jet.like(args[0] / args[1], algebra)
        if isinstance(algebra, Univariate) and singular.vanishes(args[1][0]):
            c, algebra = singular.quotient(args[0], args[1], own[0], algebra, jet.tag)
            return jet.like(c, algebra)
    solve_with: Callable[..., Any] = row.batched or row
    if not moving:
        c = [np.expand_dims(x, 0) if not mine else x for x, mine in zip(args, own, strict=True)]
        return jet.like(solve_with(*c), algebra)
    product = _batched(row.product, {})
    a, b = args[a_at], args[b_at]
    pair = [None, None]

    def solved(right: Any) -> Any:
        pair[a_at], pair[b_at] = a[:1], right
        return solve_with(*pair)

    first = solved(b[:1] if own[b_at] else np.expand_dims(b, 0))
    y = buffer(first, (algebra.size, *first.shape[1:]))
    y[0] = first[0]
    for k in range(1, algebra.order + 1):
        part = algebra.grade[k]
        part = slice(part, part + 1) if isinstance(part, int) else part
        known = algebra.product_part(a, y, k, product)
        y[part] = solved(b[part] - known if own[b_at] else -known)
    return jet.like(y, algebra)


def _elementwise(
    jet: Jet, algebra: Algebra, row: Elementwise, args: list[Any], own: list[bool], params: Any
) -> Any:
    if row is power and not own[1] and (not isinstance(args[1], Value) or args[1].tag == 0):
        exponent = args[1]
        if is_whole(exponent):
            return whole_power(jet.like(args[0], algebra), exponent)
        if (c := written_down(algebra, row, args, tuple(own))) is not None:
            return jet.like(c, algebra)
        if isinstance(algebra, Univariate) and singular.vanishes(args[0][0]):
            c, algebra = singular.homogeneous(row, args[0], exponent, jet.tag)
            return jet.like(c, algebra)
    if row is power and (c := _compiled(algebra, row, args, tuple(own))) is not None:
        return jet.like(c, algebra)
    if row.homogeneous and isinstance(algebra, Univariate) and singular.vanishes(args[0][0]):
        c, algebra = singular.homogeneous(row, args[0], row.homogeneous, jet.tag)
        return jet.like(c, algebra)
    values = [a[0] if mine else a for a, mine in zip(args, own)]
    y0 = row(*values, **params)
    if row.at_zero is not None and isinstance(algebra, Univariate) and singular.vanishes(y0):
        return row.at_zero(*(jet.like(a, algebra) if mine else a for a, mine in zip(args, own)))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        try:
            c = solve(algebra, row, args, tuple(own), y0)
        except NoProgram:
            c = _by_degrees(jet, algebra, row, args, own, y0)
    if row.real_analytic and number_type(c).kind == "f":
        return jet.like(c, algebra)
    singular.check_regular(row, algebra, c, args, own)
    nowhere = np.isnan(bottom(y0)) if c.dtype != object else np.False_
    if np.any(nowhere):  # log(-1): no value, and so no coefficients
        c = np.where(nowhere, np.nan, c)
    return jet.like(c, algebra)


def _by_degrees(
    jet: Jet, algebra: Algebra, row: Elementwise, args: list[Any], own: list[bool], y0: Any
) -> Any:
    """Solve ``D y = sum g_i D x_i`` by evaluating the partials g_i anew for every degree.

    For rows whose partials have no program: with y right to degree k - 1, so is g.
    """
    ndim = np.ndim(y0)
    xs = [jet.like(a, algebra) if mine else a for a, mine in zip(args, own)]
    y = buffer(y0, (algebra.size, *np.shape(y0)))
    y[0] = y0
    weights = algebra.weights(ndim)
    moving = [(i, aligned(a, ndim) * weights) for i, a in enumerate(args) if own[i]]
    for k in range(1, algebra.order + 1):
        part: Any = 0.0
        for i, dx in moving:
            g = row.partial(i, jet.like(y.copy(), algebra), xs)
            g = g.c if isinstance(g, Jet) and g.tag == jet.tag else jet.lift(g).c
            part = part + algebra.convolve(dx, aligned(g, ndim), k, 1)
        y[algebra.grade[k]] = part / k
    return y


def _local_series(
    jet: Jet, algebra: Algebra, row: LocalSeries, args: list[Any], own: list[bool], params: Any
) -> Jet:
    """Compose the outer function's coefficients at the point with what the argument carries."""
    (x,) = args
    outer = singular.local_coefficients(row, x[0], algebra.order, params.get("n", 0))
    shift = buffer(x, x.shape)
    shift[1:] = x[1:]
    return jet.like(compose(outer, shift, algebra), algebra)


def _constant(
    jet: Jet, algebra: Algebra, row: Constant, args: list[Any], own: list[bool], params: Any
) -> Any:
    if row.ordering:
        return compare(row, algebra, args, own, params)
    return row(*(a[0] if mine else a for a, mine in zip(args, own, strict=True)), **params)


_RULES: dict[type[Primitive], Callable[..., Any]] = {
    Linear: _linear,
    Bilinear: _bilinear,
    Implicit: _implicit,
    Elementwise: _elementwise,
    LocalSeries: _local_series,
    Constant: _constant,
}


# --- the short way for what is called most ---------------------------------------------------


def _operator(name: str, row: Primitive, swapped: bool) -> Any:
    """Hand two jets of one expansion, or a jet and a number, to their kernel at once."""
    general = getattr(Value, name)
    patterns = {True: (True, True), False: (False, True) if swapped else (True, False)}

    def operate(self: Jet, other: Any) -> Any:
        both = type(other) is type(self)
        if both:
            alike = other.algebra is self.algebra and other.tag == self.tag and other._view is None
        else:
            alike = type(other) is float or type(other) is int
        if alike and self._view is None:
            kernel = kernels.kernel(row, patterns[both])
            if kernel is not None:
                terms = (self.c, other.c if both else other)
                c = kernel(self.algebra, terms[::-1] if swapped else terms)
                if c is not None:
                    return self.like(c)
        return general(self, other)

    return operate


for _name, _row in {"add": add, "sub": subtract, "mul": multiply, "truediv": divide}.items():
    for _side in ("", "r"):
        _method = f"__{_side}{_name}__"
        setattr(Jet, _method, _operator(_method, _row, bool(_side)))
