"""Derivatives of any order, through Taylor series."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from taylorad.dispatch import Value, fresh_tag
from taylorad.dispatch.containers import map_leaves
from taylorad.dispatch.exact import plain
from taylorad.dispatch.operands import as_order
from taylorad.drivers.boundary import as_outputs, as_point, evaluate
from taylorad.drivers.expansion import taken_apart
from taylorad.drivers.seeds import coefficients_of, seeded, unit_directions
from taylorad.errors import InputError, SingularityError
from taylorad.forward.algebra import multivariate, univariate
from taylorad.forward.jet import Jet
from taylorad.forward.multivariate import MultivariateTaylor
from taylorad.forward.singular import OrderExhausted
from taylorad.forward.taylor import Taylor
from taylorad.primitives.numbers import RealConstant

__all__ = [
    "derivative",
    "derivative_tensor",
    "derivatives",
    "expand",
    "multivariate_taylor",
    "taylor",
]

# A removable singularity costs the orders of its zeros; a function that needs more than this many
# beyond the order asked for is taken to be singular.
_MOST_PADDING = 64

_ONE = np.array(1.0)


def taylor(f: Callable[..., Any], x: Any, order: int, direction: Any = None) -> Any:
    """Expand a function in a Taylor series along a line.

    Parameters
    ----------
    f : callable
        Function of one argument, in plain NumPy.
    x : scalar or array_like
        Point of expansion: float, complex, mpmath numbers, fractions, or arrays of those.
    order : int
        Degree of the last coefficient, 0 or larger.
    direction : array_like, optional
        Direction of the line ``t -> x + t*direction``, broadcast to the shape of ``x``. The
        default is 1: for an array this expands about independent points, if ``f`` acts entry by
        entry.

    Returns
    -------
    Taylor
        The series, its coefficients normalised (``c[k] = f^(k)/k!``) and of the shape that ``f``
        returns; a container of them where ``f`` returns one.

    Raises
    ------
    taylorad.errors.SingularityError
        At a branch point or pole. Removable singularities are removed.
    taylorad.errors.InputError, taylorad.errors.InputTypeError
        For an order below 0; for a point that is empty, NaN or not a number.

    See Also
    --------
    derivatives : the same, as derivatives instead of coefficients.
    multivariate_taylor : in all the entries of ``x`` at once.

    References
    ----------
    .. [1] Griewank and Walther, "Evaluating Derivatives", 2nd ed., SIAM 2008, chapter 13.

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> ta.taylor(lambda x: np.sin(x) / x, 0.0, 4).coefficients
    array([ 1.        ,  0.        , -0.16666667,  0.        ,  0.00833333])
    """
    order = as_order(order)
    x = as_point(x)
    if direction is None:
        direction = _ONE
    else:
        direction = as_point(direction, "direction")
        given, shape = np.shape(direction), np.shape(x)
        if len(given) > len(shape) or any(
            n not in (1, m) for n, m in zip(given[::-1], shape[::-1], strict=False)
        ):
            raise InputError(f"direction of shape {given} does not fit x of shape {shape}")
    return expand(f, lambda jets: evaluate(f, jets[0]), [x], [direction], order)


def expand(
    f: Callable[..., Any],
    call: Callable[[list[Any]], Any],
    points: Sequence[Any],
    directions: Sequence[Any],
    order: int,
) -> Any:
    """Expand along a line through several points, each with its direction.

    ``call`` hands the moving points to the user's ``f``. Where removable singularities use up
    orders, the expansion is done again, that much higher.
    """
    padding = 0
    series = univariate(order)
    while True:
        tag = fresh_tag()
        algebra = univariate(order + padding) if padding else series
        jets = [
            seeded(Taylor, x, d[np.newaxis], algebra, tag)
            for x, d in zip(points, directions, strict=True)
        ]
        try:
            y = call(jets)
            if type(y) is Taylor and y.tag == tag and y.algebra is series and y._view is None:
                return Taylor.of(coefficients_of(y, tag, series), series)  # nearly always
            leaves, rebuild = as_outputs(y, f, tag)
        except OrderExhausted as error:
            if error.tag != tag:
                raise
            if padding >= _MOST_PADDING:
                raise SingularityError(str(error)) from None
            padding = min(max(2, 2 * padding), _MOST_PADDING)
            continue
        lost = max(
            (order - leaf.order for leaf in leaves if isinstance(leaf, Jet) and leaf.tag == tag),
            default=0,
        )
        if lost > 0 and padding < _MOST_PADDING:
            padding += lost
            continue
        return rebuild(
            Taylor.of(c[: order + 1] if padding else c, series)
            for c in (coefficients_of(leaf, tag, algebra) for leaf in leaves)
        )


def derivatives(f: Callable[..., Any], x: Any, order: int) -> Any:
    """Give the derivatives of orders 0 to ``order``.

    Parameters
    ----------
    f : callable
        Function of one argument, in plain NumPy.
    x : scalar or array_like
        Point; an array means independent points, ``f`` acting entry by entry.
    order : int
        Highest order, 0 or larger.

    Returns
    -------
    ndarray of shape ``(order + 1, *shape)``
        ``shape`` is that of ``f(x)``; a container of arrays where ``f`` returns one.

    See Also
    --------
    taylor : raises the same exceptions.

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> ta.derivatives(np.sin, 0.0, 3)
    array([ 0.,  1.,  0., -1.])
    """
    order = as_order(order)
    series, factor = _line(f, x, order)
    rows = range(order + 1)
    return map_leaves(lambda s: plain(np.stack([s.c[k] * factor(k) for k in rows])), series)


def _line(f: Callable[..., Any], x: Any, order: int) -> tuple[Any, Callable[[int], Any]]:
    """Give a series, and the factor from its coefficient to the derivative.

    A coefficient of high degree may be too small for a float where the derivative is not: 1/200!
    is. The line is therefore run through s times as fast, with s about order/e, which keeps the
    factor ``k!/s**k`` moderate.
    """
    speed = 2 ** round(math.log2(order / math.e)) if order > 100 else 1
    series = taylor(f, x, order, None if speed == 1 else float(speed))

    return series, lambda k: RealConstant.of(Fraction(math.factorial(k), speed**k))


def derivative(f: Callable[..., Any], order: int = 1) -> Callable[..., Any]:
    """Differentiate a function of one number, any number of times.

    Parameters
    ----------
    f : callable
        Function in plain NumPy; further arguments are passed through.
    order : int, default 1
        How often to differentiate; 0 gives the function.

    Returns
    -------
    callable
        The derivative. Given an array it takes its entries for independent points, ``f`` acting
        entry by entry.

    See Also
    --------
    taylor : raises the same exceptions.

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> ta.derivative(np.exp, 3)(0.0)
    np.float64(1.0)
    """
    order = as_order(order)

    def nth(x: Any, *args: Any, **kwargs: Any) -> Any:
        series, factor = _line(lambda t: f(t, *args, **kwargs), x, order)
        return map_leaves(lambda s: plain(s.c[order] * factor(order)), series)

    return nth


def multivariate_taylor(f: Callable[..., Any], x: Any, order: int) -> Any:
    """Expand a function in a Taylor series in all the entries of its argument.

    Parameters
    ----------
    f : callable
        Function of one array, in plain NumPy.
    x : array_like
        Point of expansion; its n entries are the variables, in C order.
    order : int
        Total degree at which the series is cut off, 0 or larger.

    Returns
    -------
    MultivariateTaylor
        The series, of the shape that ``f`` returns; a container where ``f`` returns one.

    Raises
    ------
    taylorad.errors.SingularityError
        At a branch point; values at a pole are inf or NaN, with NumPy's RuntimeWarning.

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> s = ta.multivariate_taylor(lambda x: x[0] * np.exp(x[1]), np.array([2.0, 0.0]), 2)
    >>> s.coefficient((1, 1))
    np.float64(1.0)
    """
    order = as_order(order)
    x = as_point(x)
    tag = fresh_tag()
    algebra = multivariate(int(np.size(x) if not isinstance(x, Value) else x.size), order)
    (units,) = unit_directions([x])
    y = evaluate(f, seeded(MultivariateTaylor, x, units, algebra, tag))
    leaves, rebuild = as_outputs(y, f, tag)
    return rebuild(
        MultivariateTaylor.of(coefficients_of(leaf, tag, algebra), algebra) for leaf in leaves
    )


def derivative_tensor(f: Callable[..., Any], order: int) -> Callable[..., Any]:
    """Give all partial derivatives of one order.

    Parameters
    ----------
    f : callable
        Function of one array, in plain NumPy.
    order : int
        Order of the derivatives, 0 or larger.

    Returns
    -------
    callable
        ``x -> tensor`` of shape ``(*out, *x.shape, ..., *x.shape)``, symmetric, where ``out`` is
        the shape that ``f`` returns.

    See Also
    --------
    multivariate_taylor : raises the same exceptions.

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> ta.derivative_tensor(lambda x: x[0] ** 2 * x[1], 3)(np.array([1.0, 1.0]))[0, 0, 1]
    np.float64(2.0)
    """
    order = as_order(order)

    def tensor(x: Any) -> Any:
        x = as_point(x)
        shape = np.shape(x)
        if 1 < order <= 3 and (
            found := taken_apart(lambda leaves: evaluate(f, *leaves), f, [x], [order])
        ):
            return found[0] if len(shape) == 1 else np.reshape(found[0], shape * order)

        def reshaped(s: Any) -> Any:
            t = s.tensor(order)
            return plain(np.reshape(t, (*s.shape, *shape * order)))

        return map_leaves(reshaped, multivariate_taylor(f, x, order))

    return tensor
