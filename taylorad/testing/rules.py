"""Checking a rule: one row of the table, in every mode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from taylorad.errors import InputError
from taylorad.testing.modes import MODES, suitable
from taylorad.testing.oracles import Point
from taylorad.testing.subject import Subject

__all__ = ["check_primitive"]


def check_primitive(
    function: Any,
    *,
    order: int = 10,
    points: Sequence[Any] | None = None,
    rtol: float = 1e-12,
    modes: Sequence[str] | None = None,
    **params: Any,
) -> None:
    """Check a rule in every mode.

    Parameters
    ----------
    function : Primitive, custom_derivative or a NumPy or SciPy function with a rule
        What `taylorad.primitive` returned, for instance.
    order : int, default 10
        Highest degree of the Taylor coefficients that are compared.
    points : sequence, optional
        Where to check: arguments, or tuples of arguments where there are several. By default some
        points are drawn from the ``domain`` of the rule: numbers, and arrays that broadcast, for a
        function that acts entry by entry; vectors, or square matrices for several arguments, for
        others.
    rtol : float, default 1e-12
        Relative error allowed, in every coefficient. A coefficient that is small by cancellation
        may be off by as much as relative changes of the arguments by 64 rounding errors would move
        it. Where differences are all there is to compare with, their own error is allowed as well.
    modes : sequence of str, optional
        The checks to run, by default all that suit the kind of rule: ``"value"``, ``"constant"``,
        ``"partials"``, ``"reverse"``, ``"second order"``, ``"taylor"``, ``"hyperdual"``,
        ``"multivariate"``, ``"mixed"``, ``"local series"``, ``"linear"``, ``"bilinear"``,
        ``"implicit"``.
    **params
        Keyword parameters of the function.

    Raises
    ------
    AssertionError
        Naming the rule, the mode, the point and the numbers that differ.

    See Also
    --------
    check_derivatives : for a function made of others.

    Notes
    -----
    Where the rule names its counterpart in mpmath (``exact=``), values, partials and coefficients
    are compared with mpmath's numerical differentiation in 50 digits; else partials with
    extrapolated central differences and coefficients with nested first derivatives. Hyperdual
    numbers are compared with nested dual ones, series in two variables with series along rays,
    forward-over-reverse with reverse-over-forward, arguments held constant with arguments that
    carry nothing. Linear rules are tried for linearity, coefficient by coefficient, and all for
    ``<g, J v> = <J^T g, v>``.

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> from taylorad.testing import check_primitive
    >>> check_primitive(np.arctan2, order=5)
    >>> square = ta.primitive(lambda x: x * x, partials=lambda y, x: 3 * x, name="square")
    >>> try:
    ...     check_primitive(square, points=[0.5])
    ... except AssertionError as error:
    ...     print(str(error).split(",")[:2])
    ['square', ' partials by argument 0']
    """
    subject = Subject(function, params, order, rtol)
    chosen = suitable(subject.row)
    if modes is not None:
        unknown = set(modes) - set(MODES)
        if unknown:
            raise InputError(f"modes are {', '.join(MODES)}; not {', '.join(sorted(unknown))}")
        chosen = tuple(mode for mode in chosen if mode in modes)
    for point in subject.default_points() if points is None else map(_as_point, points):
        for mode in chosen:
            MODES[mode](subject, point)


def _as_point(point: Any) -> Point:
    args = point if isinstance(point, tuple) else (point,)
    return tuple(np.asarray(a, np.result_type(np.asarray(a), float)) for a in args)
