"""Functions that choose among their arguments by comparing them.

Who wins is decided by *ordering* rows, which see values and, where values tie, the leading
coefficients that differ; the choice made, the winners' entries move, which is linear. So
``abs`` of a series that vanishes at the point takes the sign of its leading coefficient. A
reverse sweep sees values alone: there the first of equals wins, and ``abs`` has derivative 0 at 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from taylorad.errors import NoRuleError, NotAnalyticError, user_line
from taylorad.primitives.indexing import getitem, setitem
from taylorad.primitives.linear import select
from taylorad.primitives.reductions import keep, reduced_axes, reduces
from taylorad.primitives.registry import Constant, Owner, enter, implements

# --- who wins --------------------------------------------------------------------------------

leads = enter(
    Constant(np.greater_equal, name="leads", ordering=True, domain=((-1.0, 1.0), (-1.0, 1.0)))
)
outweighs = enter(Constant(np.greater, name="outweighs", domain=((-1.0, 1.0), (-1.0, 1.0))))
"""What a pivot does. Where it ends to do so nothing jumps: others will do better from there on."""
leading_sign = enter(Constant(np.sign, name="leading sign", ordering=True))
argsort = enter(
    Constant(lambda a, axis: np.argsort(a, axis, kind="stable"), name="argsort", ordering=True)
)
argmax = enter(Constant(lambda a, axis: np.argmax(a, axis), name="argmax", ordering=True))
argmin = enter(Constant(lambda a, axis: np.argmin(a, axis), name="argmin", ordering=True))


@implements(np.argsort)
def _argsort(
    a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> Any:
    return argsort(np.reshape(a, -1), axis=-1) if axis is None else argsort(a, axis=axis)


@implements(np.argmax)
def _argmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    return _arg(argmax, a, axis, keepdims)


@implements(np.argmin)
def _argmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    return _arg(argmin, a, axis, keepdims)


def _arg(row: Any, a: Any, axis: Any, keepdims: Any) -> Any:
    place = row(np.reshape(a, -1), axis=0) if axis is None else row(a, axis=axis)
    return keep(place, a.shape, reduced_axes(axis, a.ndim), keepdims)


# --- between two arguments -------------------------------------------------------------------


@implements(np.where)
def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """Take entries of ``x`` where the condition holds, of ``y`` elsewhere."""
    if (x is None) != (y is None):
        raise ValueError("either both or neither of x and y should be given")
    condition = np.not_equal(condition, 0)
    if x is None:
        return np.nonzero(condition)
    if isinstance(condition, Owner) and not isinstance(x, Owner):  # in a rule being traced
        x = condition.lift(x)
    return select(x, y, condition=condition)


@implements(np.maximum)
def maximum(x: Any, y: Any) -> Any:
    """Take the larger; the first if they agree to the last coefficient; NaN if there is one."""
    return select(x, y, condition=np.logical_or(leads(x, y), np.isnan(x)))


@implements(np.minimum)
def minimum(x: Any, y: Any) -> Any:
    """Take the smaller; the first if they agree to the last coefficient; NaN if there is one."""
    return select(x, y, condition=np.logical_or(leads(y, x), np.isnan(x)))


@implements(np.fmax)
def fmax(x: Any, y: Any) -> Any:
    """Take the larger, and a number rather than a NaN."""
    return select(x, y, condition=np.logical_or(leads(x, y), np.isnan(y)))


@implements(np.fmin)
def fmin(x: Any, y: Any) -> Any:
    """Take the smaller, and a number rather than a NaN."""
    return select(x, y, condition=np.logical_or(leads(y, x), np.isnan(y)))


@implements(np.clip)
def clip(
    a: Any,
    a_min: Any = None,
    a_max: Any = None,
    out: Any = None,
    *,
    min: Any = None,
    max: Any = None,
) -> Any:
    """Limit the values to an interval."""
    a_min = min if a_min is None or a_min is np._NoValue else a_min
    a_max = max if a_max is None or a_max is np._NoValue else a_max
    a = a.copy() if a_min is None else maximum(a, a_min)
    return a if a_max is None else minimum(a, a_max)


@implements(np.select)
def first_of(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """Take from the choice that belongs to the first condition that holds (``np.select``)."""
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ValueError(f"{len(condlist)} conditions for {len(choicelist)} choices")
    for condition, choice in zip(condlist[::-1], choicelist[::-1], strict=True):
        default = where(condition, choice, default)
    return default


@implements(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """Apply to the entries where a condition holds the function that belongs to it."""
    if np.isscalar(condlist) or (x.ndim and not np.ndim(condlist[0])):
        condlist = [condlist]
    conditions = [np.asarray(c.settle() if isinstance(c, Owner) else c, bool) for c in condlist]
    if len(conditions) == len(funclist) - 1:
        conditions.append(~np.any(conditions, axis=0))
    if len(conditions) != len(funclist):
        raise ValueError(f"{len(conditions)} conditions for {len(funclist)} functions")
    y = np.zeros_like(x)
    for condition, function in zip(conditions, funclist, strict=True):
        part = getitem(x, (condition,))
        if callable(function):
            function = function(part, *args, **kw) if part.size else part
        y = setitem(y, (condition,), function)
    return y


@implements(np.nan_to_num)
def nan_to_num(
    x: Any, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    """Put numbers in place of NaN and of the infinities."""
    if np.iscomplexobj(x):
        raise NotAnalyticError("np.nan_to_num")
    largest = np.finfo(float).max
    y = where(np.isnan(x), nan, x)
    y = where(np.isposinf(x), largest if posinf is None else posinf, y)
    y = where(np.isneginf(x), -largest if neginf is None else neginf, y)
    if copy:
        return y
    x[...] = y
    return x


@implements(np.absolute, np.fabs)
def absolute(x: Any) -> Any:
    """Give the absolute value."""
    if np.iscomplexobj(x):
        return np.hypot(*x.parts("np.abs"))
    return x * leading_sign(x)


@implements(np.copysign)
def copysign(x1: Any, x2: Any) -> Any:
    """Give ``x1`` the sign of ``x2``."""
    return absolute(x1) * np.where(np.signbit(x2), -1.0, 1.0)


@implements(np.heaviside)
def heaviside(x1: Any, x2: Any) -> Any:
    """Step from 0 to 1, with the value ``x2`` at the step."""
    step = np.where(np.isnan(x1), np.nan, np.where(np.greater(x1, 0), 1.0, 0.0))
    return where(np.equal(x1, 0), x2, step)


# --- along an axis ---------------------------------------------------------------------------


def _extreme(name: str, choose: Any) -> Any:
    def extreme(
        a: Any,
        axis: Any = None,
        out: Any = None,
        keepdims: Any = False,
        initial: Any = np._NoValue,
        where: Any = True,
    ) -> Any:
        axes = reduced_axes(axis, a.ndim)
        if where is not True:
            if initial is np._NoValue:
                raise ValueError(f"np.{name} with where= needs initial=")
            a = select(a, initial, condition=where)
        kept = tuple(i for i in range(a.ndim) if i not in axes)
        lines = np.reshape(np.transpose(a, kept + axes), (*(a.shape[i] for i in kept), -1))
        place = np.expand_dims(choose(lines, axis=-1), -1)
        best = np.take_along_axis(lines, place, -1)[..., 0]
        if initial is not np._NoValue:
            best = (maximum if name == "max" else minimum)(best, initial)
        return keep(best, a.shape, axes, keepdims)

    return extreme


_max, _min = _extreme("max", argmax), _extreme("min", argmin)
implements(np.max, np.amax)(_max)
implements(np.min, np.amin)(_min)
reduces(np.maximum, _max)
reduces(np.minimum, _min)


def _running(function: Any, between: Any) -> None:
    """Accumulate, doubling the reach at a time (Hillis and Steele 1986)."""

    def accumulate(a: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
        y = np.moveaxis(a, axis, 0).copy()
        reach = 1
        while reach < len(y):
            y = np.concatenate([y[:reach], between(y[:-reach], y[reach:])])
            reach *= 2
        return np.moveaxis(y, 0, axis)

    implements((function, "accumulate"))(accumulate)


_running(np.maximum, maximum)
_running(np.minimum, minimum)

implements(np.ptp)(
    lambda a, axis=None, out=None, keepdims=False: (
        _max(a, axis, keepdims=keepdims) - _min(a, axis, keepdims=keepdims)
    )
)


@implements(np.sort)
def sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    """Sort along an axis."""
    if axis is None:
        a, axis = np.reshape(a, -1), -1
    return np.take_along_axis(a, argsort(a, axis=axis), axis)


@implements(np.median)
def median(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False
) -> Any:
    """Give the median: the middle entry, or the mean of the middle two."""
    axes = reduced_axes(axis, a.ndim)
    kept = tuple(i for i in range(a.ndim) if i not in axes)
    lines = sort(np.reshape(np.transpose(a, kept + axes), (*(a.shape[i] for i in kept), -1)))
    n = lines.shape[-1]
    middle = (lines[..., (n - 1) // 2] + lines[..., n // 2]) / 2
    return keep(middle, a.shape, axes, keepdims)


@implements(np.quantile)
def quantile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: Any = None,
) -> Any:
    """Give quantiles, by linear interpolation between the entries in order."""
    if method != "linear" or weights is not None or isinstance(q, Owner):
        raise NoRuleError(
            "np.quantile has a rule for method='linear' without weights, and for a q that does not "
            f"vary{user_line()}"
        )
    q = np.asarray(q, float)
    if not np.all((q >= 0) & (q <= 1)):
        raise ValueError("Quantiles must be in the range [0, 1]")
    axes = reduced_axes(axis, a.ndim)
    kept = tuple(i for i in range(a.ndim) if i not in axes)
    lines = sort(np.reshape(np.transpose(a, kept + axes), (*(a.shape[i] for i in kept), -1)))
    places = q * (lines.shape[-1] - 1)
    below = np.floor(places).astype(int)
    above = np.minimum(below + 1, lines.shape[-1] - 1)
    found = lines[..., below] + (lines[..., above] - lines[..., below]) * (places - below)
    found = np.moveaxis(found, tuple(range(len(kept), found.ndim)), tuple(range(q.ndim)))
    return found if not keepdims else np.reshape(found, (*q.shape, *_ones(a.shape, axes)))


def _ones(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


@implements(np.percentile)
def percentile(a: Any, q: Any, *args: Any, **options: Any) -> Any:
    """Give percentiles; see `quantile`."""
    return quantile(a, q if isinstance(q, Owner) else np.true_divide(q, 100), *args, **options)


# --- answers that carry no derivative --------------------------------------------------------


def _asks(function: Any, shape_varies: bool = False) -> None:
    row = enter(Constant(function, shape_varies=shape_varies))

    def body(a: Any, *args: Any, **kwargs: Any) -> Any:
        return row(a, *args, **kwargs)

    implements(function)(body)


for _function in (np.any, np.all, np.array_equal, np.searchsorted, np.isreal, np.iscomplex):
    _asks(_function)
for _listing in (np.nonzero, np.argwhere, np.flatnonzero):
    _asks(_listing, shape_varies=True)

implements(np.count_nonzero)(
    lambda a, axis=None, *, keepdims=False: np.sum(np.not_equal(a, 0), axis, keepdims=keepdims)
)


@implements(np.round, np.around)
def rounded(a: Any, decimals: int = 0, out: Any = None) -> Any:
    """Round to a number of decimals."""
    if getattr(a, "number_type", np.dtype(float)).kind in "biu":
        return np.round(a.settle(), decimals) if isinstance(a, Owner) else np.round(a, decimals)
    if not decimals:
        return np.rint(a)
    power = 10.0 ** abs(decimals)
    return np.rint(a * power) / power if decimals > 0 else np.rint(a / power) * power


@implements(np.digitize)
def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    """Give the number of the bin of each entry."""
    side: Any = "left" if right else "right"
    if np.any(np.diff(bins) < 0):
        return len(bins) - np.searchsorted(bins[::-1], x, side=side)
    return np.searchsorted(bins, x, side=side)


implements(np.isposinf)(lambda x, out=None: np.isinf(x) & ~np.signbit(x))
implements(np.isneginf)(lambda x, out=None: np.isinf(x) & np.signbit(x))


@implements(np.isclose)
def isclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> Any:
    """Compare, so that whoever asks where the answer changes finds comparisons."""
    near = (abs(a - b) <= atol + rtol * abs(b)) & np.isfinite(b) | (a == b)
    return near | (np.isnan(a) & np.isnan(b)) if equal_nan else near


implements(np.allclose)(lambda *args, **options: np.all(isclose(*args, **options)))
