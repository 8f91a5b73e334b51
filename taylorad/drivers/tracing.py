"""`wengert`: the list of a call. All that shows it is loaded when there is one to show."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from taylorad.drivers.listing import WengertList

__all__ = ["wengert"]


def wengert(f: Callable[..., Any], *args: Any, **kwargs: Any) -> WengertList:
    """Give the Wengert list of a call: the program of a function, or of its derivative.

    Parameters
    ----------
    f : callable
        Function in plain NumPy, or what a driver made of one: ``ta.grad(f)``, ``ta.hessian(f)``.
    *args, **kwargs
        Its arguments: numbers, arrays, and nested tuples, lists and dicts of those are inputs of
        the list. Whole numbers, strings, functions and the like are taken as they are.

    Returns
    -------
    WengertList
        To print, to evaluate, to differentiate line by line, to take elsewhere. It holds for all
        inputs of the same shapes for which the choices in the code (``if x > 0``) come out as here;
        these are printed as ``require`` lines.

    Raises
    ------
    taylorad.errors.InputError
        If no argument is a number or an array, or one contains NaN.
    taylorad.errors.ConversionError
        If the code makes plain numbers of the arguments, which no list could follow.

    References
    ----------
    .. [1] R. E. Wengert, "A simple automatic derivative evaluation program", Comm. ACM 7 (1964).

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> program = ta.wengert(lambda x: np.sum(np.sin(x) ** 2), np.array([0.0, 1.0, 2.0]))
    >>> program
    v0 = x       (3,)
    v1 = sin v0  (3,)
    v2 = v1²     (3,)
    v3 = sum v2
    y  = v3
    >>> program.partial(of=3, by=1)
    array([0.        , 1.68294197, 1.81859485])
    """
    from taylorad.drivers.calls import Call, traced
    from taylorad.drivers.listing import WengertList

    call = Call(f, args, kwargs)
    program, result = traced(f, call)
    return WengertList(program, call, result)
