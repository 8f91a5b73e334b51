"""Teaching taylorad a function: new rows for the table, with every mode derived from them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from taylorad.errors import InputError, InputTypeError
from taylorad.primitives.registry import (
    Constant,
    Elementwise,
    Interval,
    Linear,
    LocalSeries,
    Primitive,
    enter,
)

__all__ = ["custom_derivative", "primitive"]


def primitive(
    function: Callable[..., Any],
    *,
    partials: Callable[..., Any] | Sequence[Callable[..., Any]] | None = None,
    series: Callable[..., Any] | None = None,
    transpose: Callable[..., Any] | None = None,
    constant: bool = False,
    name: str | None = None,
    domain: Sequence[Interval] = ((0.1, 0.9),),
    exact: str | Callable[..., Any] | None = None,
) -> Primitive:
    """Enter a function into the table, by one of four kinds of rule.

    Parameters
    ----------
    function : callable
        Computes the value on NumPy arrays. A NumPy or SciPy function is recognised from then on
        wherever user code calls it; of your own functions, call what this returns.
    partials : callable or sequence of callable, optional
        For a function that acts entry by entry: ``partials(y, *x)`` gives the partial derivative
        by each argument, in NumPy code that may use the result ``y``; or one such function for
        each argument, which then need not compute those nobody asked for.
    series : callable, optional
        For a function of one argument, entry by entry: ``series(x, order)`` gives the normalised
        Taylor coefficients 0..order at ``x``, the degree as first axis.
    transpose : callable, optional
        For a linear function of one array: ``transpose(g, shape)`` applies the transposed map to
        ``g``, giving an array of ``shape``.
    constant : bool, default False
        For a function through which no derivative flows.
    name : str, optional
        Name in messages; the function's own by default.
    domain : sequence of (float, float), optional
        For each argument an interval in which the function is smooth, for
        `taylorad.testing.check_primitive`.
    exact : str or callable, optional
        The same function for mpmath numbers, one entry at a time: a name in mpmath, or
        ``exact(mpmath, *x)``.

    Returns
    -------
    Primitive
        The row, to be called like the function. It works in every mode.

    Raises
    ------
    taylorad.errors.InputError
        Unless exactly one kind of rule is given.

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> from scipy.special import i0, i1
    >>> bessel = ta.primitive(i1, partials=lambda y, x: i0(x) - y / x)
    >>> _ = ta.primitive(i0, partials=lambda y, x: i1(x))
    >>> float(ta.derivative(i0, 2)(1.0)) == float(i0(1.0) - i1(1.0))
    True
    """
    given = [kind for kind in (partials, series, transpose) if kind is not None]
    if len(given) + bool(constant) != 1:
        raise InputError(
            "primitive takes exactly one of partials=, series=, transpose= and constant=True"
        )
    several = tuple(partials) if isinstance(partials, (tuple, list)) else (partials,)
    for rule in (function, series, transpose, *several):
        if rule is not None and not callable(rule):
            raise InputTypeError(f"primitive: {rule!r} is not callable")
    common: dict[str, Any] = {"name": name or getattr(function, "__name__", "primitive")}
    common |= {"domain": tuple(domain), "exact": exact}
    row: Primitive
    if partials is not None:
        row = Elementwise(function, partials=several if len(several) > 1 else several[0], **common)
    elif series is not None:
        row = LocalSeries(function, series=series, **common)
    elif transpose is not None:
        apply = transpose
        row = Linear(
            function,
            transpose=lambda position, g, shapes: adjoint(g, shape=shapes[0]),
            batch=None,
            **common,
        )
        adjoint = Linear(
            lambda g, shape: apply(g, shape),
            transpose=lambda position, g, shapes, shape: row(g),
            batch=None,
            name=f"{common['name']} transposed",
        )
    else:
        row = Constant(function, **common)
    is_library = (getattr(function, "__module__", None) or "").split(".")[0] in ("numpy", "scipy")
    return enter(row, *([function] if is_library or isinstance(function, np.ufunc) else []))


class custom_derivative:
    """Give a function of your own, entry by entry, the partials you state.

    For functions whose value is fine and whose derivative, as it follows from the code, is not:
    it cancels, it differentiates through an iteration, or it is to be replaced on purpose.

    Parameters
    ----------
    function : callable
        Function in plain NumPy that acts entry by entry.

    Attributes
    ----------
    row : Primitive or None
        Its row, once `defpartials` has been used.

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> @ta.custom_derivative
    ... def softplus(x):
    ...     return np.log1p(np.exp(x))
    >>> @softplus.defpartials
    ... def _(y, x):
    ...     return 1 / (1 + np.exp(-x))
    >>> ta.grad(softplus)(0.0)
    np.float64(0.5)
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        if not callable(function):
            raise InputTypeError(f"custom_derivative: {function!r} is not callable")
        self.function = function
        self.row: Primitive | None = None
        functools.update_wrapper(self, function)

    def defpartials(self, partials: Callable[..., Any]) -> Callable[..., Any]:
        """Declare ``partials(y, *x)``: the partial derivative by each argument."""
        self.row = enter(Elementwise(self.function, partials=partials, name=self.__name__))  # type: ignore[attr-defined]
        return partials

    def __call__(self, *args: Any) -> Any:
        """Call the function; derivatives follow the partials."""
        if self.row is None:
            raise InputError(
                f"{self.__name__} has no partials yet; declare them with "  # type: ignore[attr-defined]
                f"@{self.__name__}.defpartials"  # type: ignore[attr-defined]
            )
        return self.row(*args)
