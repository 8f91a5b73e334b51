"""The kinds of primitive, and the one table they are entered in.

A row states what is particular to a function: its value, and whatever its kind asks for (partials,
a transpose, local Taylor coefficients, ...), in plain NumPy. Everything else (tangents, cotangents,
series of every order in any number of variables, tests) is derived from the row by code that knows
the kind and not the function.

A row is called like the function it stands for. If no argument belongs to a transformation it
computes the value; otherwise the *owner* of the most recently opened transformation among the
arguments says what the call means. This file knows of an owner only that it has a ``tag``, may be
``traced``, and can ``interpret`` a call, ``lift`` a plain array and ``settle`` what a choice
depends on.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

__all__ = [
    "FUNCTIONS",
    "TABLE",
    "Bilinear",
    "Constant",
    "Elementwise",
    "Implicit",
    "Interval",
    "Linear",
    "LocalSeries",
    "Owner",
    "Primitive",
    "Pulled",
    "enter",
    "implements",
    "lookup",
    "rows",
    "when_imported",
]

Interval = tuple[float, float]
"""An open interval of arguments from which the tests of a row draw."""


Partials = Callable[..., Any] | tuple[Callable[..., Any], ...]


class Owner:
    """What the table knows of a value that belongs to a transformation."""

    __slots__ = ()
    tag: float
    """Later transformations have larger tags; the largest tag interprets a call."""
    traced = False
    """Whether choices made by this value are written down, for a program to be made of the call."""

    def interpret(self, primitive: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Say what ``primitive(*args, **params)`` means in this transformation."""
        raise NotImplementedError

    def lift(self, plain: Any) -> Any:
        """Give a plain array as a value of this transformation, carrying nothing."""
        raise NotImplementedError

    def settle(self) -> Any:
        """Give the plain truth values or whole numbers that the rest of a call may rely on."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False, repr=False)
class Primitive:
    """A row of the table; each subclass is a kind.

    Attributes
    ----------
    value : callable
        Computes the result on plain arrays: ``value(*args, **params)``.
    name : str
        Name in messages and listings.
    domain : sequence of (float, float)
        For each array argument an interval in which the row is smooth; tests draw from it. None
        for rows of whole numbers and truth values.
    exact : str or callable, optional
        The function for mpmath numbers and fractions, entry by entry: a name in mpmath, or a
        callable. Rows that only move or combine entries need none.
    """

    value: Callable[..., Any]
    name: str = field(default="", kw_only=True)
    domain: Sequence[Interval] = field(default=((0.1, 0.9),), kw_only=True)
    exact: str | Callable[..., Any] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", getattr(self.value, "__name__", "primitive"))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    def __reduce__(self) -> Any:
        """Pickle a row of the table by its place there, any other by what it says."""
        for function, row in TABLE.items():
            if row is self:
                return lookup, (function,)
        if self in _INTERNAL:
            return _internal, (self.name,)
        return _made, (type(self), vars(self))

    def __call__(self, *args: Any, **params: Any) -> Any:
        owner: Owner | None = None
        for a in (*args, *params.values()) if params else args:
            if isinstance(a, Owner) and (owner is None or a.tag > owner.tag):
                owner = a
        if owner is None:
            return self.value(*args, **params)
        return owner.interpret(self, args, params)


@dataclass(frozen=True, eq=False, repr=False)
class Elementwise(Primitive):
    """Acts entry by entry with broadcasting; the row states the first partials.

    ``partials`` is one function an argument: each takes ``(y, *x)`` and gives the partial by its
    argument, in NumPy code that may use the result ``y`` and other rows. (One function that gives
    them all, as a tuple if there are several, will do as well.) ``series_partials`` is the same
    derivative in a form better suited to recurrences, where it differs (``x**a``: ``a*y/x`` costs
    one convolution a degree). ``homogeneous`` is the degree d with ``f(s x) = s**d f(x)``, for
    functions of one argument with a branch point at 0, which then have series at zeros of fitting
    order. ``at_zero`` is the function in terms of other rows, for where its value is 0 and its
    partials are undefined. ``real_analytic`` says that it is analytic at every real number, and so
    has neither branch points nor gaps in its domain that would have to be looked for.
    """

    partials: Partials = field(kw_only=True)
    series_partials: Partials | None = field(default=None, kw_only=True)
    homogeneous: float | None = field(default=None, kw_only=True)
    at_zero: Callable[..., Any] | None = field(default=None, kw_only=True)
    real_analytic: bool = field(default=False, kw_only=True)

    def partial(self, position: int, y: Any, x: Sequence[Any]) -> Any:
        """Evaluate the partial by the argument at ``position``."""
        return _partial(self.partials, position, y, x)

    def series_partial(self, position: int, y: Any, x: Sequence[Any]) -> Any:
        """Evaluate it in the form for recurrences."""
        return _partial(self.series_partials or self.partials, position, y, x)


def _partial(partials: Partials, position: int, y: Any, x: Sequence[Any]) -> Any:
    if isinstance(partials, tuple):
        return partials[position](y, *x)
    every = partials(y, *x)
    return every[position] if isinstance(every, tuple) else every


@dataclass(frozen=True, eq=False, repr=False)
class Linear(Primitive):
    """Jointly linear in all its array arguments; everything else is a keyword parameter.

    ``transpose(position, g, shapes, **params)`` is the cotangent of the argument at ``position``.
    ``batch(size, **params)`` gives the parameters with which the same function acts on arguments
    that carry one more axis in front; None has them taken one at a time. ``broadcasts`` says that
    arguments broadcast against each other, so that their ranks have to be made equal before that
    axis is put in front.
    """

    transpose: Callable[..., Any] = field(kw_only=True)
    batch: Callable[..., dict[str, Any]] | None = field(
        default=lambda size, **params: params, kw_only=True
    )
    broadcasts: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, eq=False, repr=False)
class Bilinear(Primitive):
    """Linear in each of two arguments.

    ``transpose(position, g, other, shape, **params)`` is the cotangent of the argument at
    ``position``, of the given shape, when the other argument is ``other``. ``batched(a, b,
    **params)`` is the function when both arguments carry one more axis in front, of length 1 where
    an argument is the same throughout.
    """

    transpose: Callable[..., Any] = field(kw_only=True)
    batched: Callable[..., Any] | None = field(default=None, kw_only=True)
    broadcasts: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, eq=False, repr=False)
class Implicit(Primitive):
    """The solution y of ``product(a, y) = b`` for a bilinear ``product``.

    ``roles`` gives the positions of a and b among the arguments: ``divide(b, a)`` has (1, 0),
    ``solve(a, b)`` has (0, 1). ``adjoint(a, g)`` solves with the transposed operator.
    """

    product: Bilinear = field(kw_only=True)
    roles: tuple[int, int] = field(kw_only=True)
    adjoint: Callable[..., Any] = field(kw_only=True)
    batched: Callable[..., Any] | None = field(default=None, kw_only=True)


@dataclass(frozen=True, eq=False, repr=False)
class LocalSeries(Primitive):
    """A function of one argument whose row states its Taylor coefficients at a point.

    ``series(x, order)`` gives the normalised coefficients 0..order at plain ``x``, with the degree
    as first axis; ``exact_series`` the same for one mpmath number. The parameter ``n`` of a call
    asks for the n-th derivative, which is again a local series.
    """

    series: Callable[..., Any] = field(kw_only=True)
    exact_series: Callable[..., Any] | None = field(default=None, kw_only=True)

    def __call__(self, x: Any, n: int = 0) -> Any:
        if isinstance(x, Owner):
            return x.interpret(self, (x,), {"n": n})
        return math.factorial(n) * self.series(x, n)[n] if n else self.value(x)


@dataclass(frozen=True, eq=False, repr=False)
class Constant(Primitive):
    """Nothing flows through it: floor, sign, comparisons, argmax.

    ``ordering`` rows compare entries, and so see the leading coefficients where values tie.
    ``shape_varies`` says that the very shape of the result depends on which entries are 0, and
    ``opaque`` that nothing is known of the function.
    """

    ordering: bool = field(default=False, kw_only=True)
    shape_varies: bool = field(default=False, kw_only=True)
    opaque: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, eq=False, repr=False)
class Pulled(Primitive):
    """A whole computation that a tape has for one line, such as the solution of an equation.

    ``pullback(g)`` gives the cotangents of its arguments, from that of its value.
    """

    pullback: Callable[[Any], Sequence[Any]] = field(kw_only=True)


def _internal(name: str) -> Primitive:
    lookup(None)  # some wait for a module
    return next(row for row in _INTERNAL if row.name == name)


def _made(kind: type[Primitive], fields: dict[str, Any]) -> Primitive:
    row = object.__new__(kind)
    vars(row).update(fields)
    return row


P = TypeVar("P", bound=Primitive)

TABLE: dict[Any, Primitive] = {}
"""Rows by the NumPy or SciPy ufunc they stand for."""

FUNCTIONS: dict[Any, Callable[..., Any]] = {}
"""Bodies, made of other rows, of NumPy functions (and ufunc methods, as ``(ufunc, name)``)."""

_INTERNAL: list[Primitive] = []
_WAITING: dict[str, Callable[[], None]] = {}
_ENTERING = threading.RLock()


def enter(row: P, *functions: Any) -> P:
    """Put a row into the table, under the functions it stands for (none: an internal row)."""
    for function in functions:
        TABLE[function] = row
    if not functions:
        _INTERNAL.append(row)
    return row


def implements(*functions: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare the decorated body to be what the given NumPy functions mean on our values."""

    def declare(body: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            FUNCTIONS[function] = body
        return body

    return declare


def when_imported(module: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Run the decorated function, which enters rows, once ``module`` has been imported by someone.

    Rows of ``scipy.special`` are keyed by its ufuncs, and importing it would triple our own
    import time; a user who calls them has imported it.
    """

    def declare(entering: Callable[[], None]) -> Callable[[], None]:
        _WAITING[module] = entering
        return entering

    return declare


def lookup(function: Any) -> Primitive | Callable[..., Any] | None:
    """Find what the table knows of ``function``: a row, a body, or None."""
    found = TABLE.get(function) or FUNCTIONS.get(function)
    if found is None and _WAITING:
        with _ENTERING:
            for module in [m for m in _WAITING if m in sys.modules]:
                _WAITING[module]()
                del _WAITING[module]
        found = TABLE.get(function) or FUNCTIONS.get(function)
    return found


def rows() -> Iterable[Primitive]:
    """Give every row once, those waiting for a module included if it has been imported."""
    lookup(None)
    return dict.fromkeys([*TABLE.values(), *_INTERNAL])
