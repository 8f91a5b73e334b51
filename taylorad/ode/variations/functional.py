"""The gradient of a number that depends on a solution, by the adjoint equation."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from taylorad.dispatch import shape_of
from taylorad.drivers.gradients import value_and_grad
from taylorad.errors import InputError
from taylorad.ode.dae.implicit import Implicit
from taylorad.ode.inputs import arguments
from taylorad.ode.leaves import carried, is_parameter, numbered
from taylorad.ode.solved import Options
from taylorad.ode.variations.through import solve_with_derivatives
from taylorad.ode.variations.variables import Name

__all__ = ["AdjointGradient", "adjoint_gradient"]


class AdjointGradient(NamedTuple):
    """What `adjoint_gradient` found.

    Attributes
    ----------
    value : float
        The number.
    gradient : dict
        By name, in ``wrt``'s terms; each shaped like what it is by.

    Examples
    --------
    >>> import taylorad as ta
    >>> found = ta.ode.adjoint_gradient(
    ...     lambda t, y, k: -k * y, (0, 1), [2.0], (0.5,), terminal=lambda y, k: y[0]
    ... )
    >>> sorted(map(str, found.gradient))
    ['0', 'y0']
    """

    value: float
    gradient: dict[Name, Any]


def adjoint_gradient(
    fun: Callable[..., Any],
    t_span: Any,
    y0: Any,
    args: tuple[Any, ...] = (),
    *,
    terminal: Callable[..., Any] | None = None,
    running: Callable[..., Any] | None = None,
    observed: Callable[..., Any] | None = None,
    t_eval: Any = None,
    wrt: Name | Sequence[Name] = ("y0", "args"),
    tol: float | None = None,
    rtol: Any = None,
    atol: Any = None,
    order: int | None = None,
    max_step: float = math.inf,
) -> AdjointGradient:
    """Give the gradient of a functional of a solution, at a cost that parameters hardly raise.

    The functional is the sum of those of these that are given:

        terminal(y(tf)) + integral of running(t, y(t)) dt + observed(y at t_eval)

    One integration forward gives its value, one of the adjoint equation backward [1]_ the
    gradient; both are as exact as the solution. Where the solution crosses a switch in ``fun``
    (``where``, ``abs``, ``if``) a direction for every input is carried forward instead.

    Parameters
    ----------
    fun : callable
        ``fun(t, y, *args)``, as in `solve_ivp`.
    t_span : (float, float)
    y0 : array_like
    args : tuple, optional
        Further arguments of ``fun`` and of the functional: numbers, arrays, and nested containers
        of these.
    terminal : callable, optional
        ``terminal(y, *args)`` of the last state.
    running : callable, optional
        ``running(t, y, *args)``, to be integrated over the time.
    observed : callable, optional
        ``observed(y, *args)`` of the states at ``t_eval``, of shape ``(*shape, n_points)``.
    t_eval : array_like, optional
    wrt : str, int, or sequence of these
        With respect to what: ``"y0"``, ``"t0"``, ``"tf"``, the number of an argument, or
        ``"args"``, all arguments that are made of floats.
    tol, rtol, atol, order, max_step : optional
        See `solve_ivp`.

    Returns
    -------
    AdjointGradient
        A pair of ``value`` and ``gradient``.

    Raises
    ------
    taylorad.errors.InputError, taylorad.errors.InputTypeError
        If arguments make no sense.
    taylorad.errors.IntegrationError
        If the end cannot be reached.

    See Also
    --------
    solve_ivp : `taylorad.grad`, `taylorad.hessian` and the others go through it.
    sensitivities : all derivatives of all states, to any order.

    References
    ----------
    .. [1] L. S. Pontryagin et al., "The Mathematical Theory of Optimal Processes", Wiley (1962).

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> def decay(t, y, k):
    ...     return -k * y
    >>> value, gradient = ta.ode.adjoint_gradient(
    ...     decay, (0, 1), [2.0], (0.5,), running=lambda t, y, k: y[0] ** 2
    ... )
    >>> bool(abs(value - 4 * (1 - np.exp(-1))) < 1e-14)
    True
    >>> np.abs(gradient["y0"] - 4 * (1 - np.exp(-1))) < 1e-14
    array([ True])
    """
    value_of = _Functional(fun, terminal, running, observed, t_eval)
    options = Options(False, None, tol, rtol, atol, order, max_step, None, None, adjoint=True)
    given: dict[Name, Any] = {"t0": t_span[0], "tf": t_span[1], "y0": y0}
    given |= dict(enumerate(arguments(args)))
    names = _names(wrt, given)
    apart = {name: numbered((given[name],)) for name in names}
    chosen = {
        name: [i for i, n in enumerate(first) if n >= 0] for name, (_, first, _) in apart.items()
    }

    def with_leaves(name: Name, new: Iterable[Any], rest: Any = None) -> Any:
        leaves, _, rebuild = apart[name]
        leaves = list(leaves) if rest is None else [rest] * len(leaves)
        for i, x in zip(chosen[name], new, strict=True):
            leaves[i] = x
        return rebuild(leaves)[0]

    def functional(points: dict[Name, list[Any]]) -> Any:
        now = given | {name: with_leaves(name, new) for name, new in points.items()}
        return value_of(now, tuple(now[i] for i in range(len(args))), options)

    points = {name: [apart[name][0][i] for i in chosen[name]] for name in names}
    value, bars = value_and_grad(functional)(points)
    return AdjointGradient(value, {name: with_leaves(name, bars[name], 0.0) for name in names})


class _Functional:
    """A number that depends on a solution."""

    def __init__(self, fun: Any, terminal: Any, running: Any, observed: Any, t_eval: Any) -> None:
        if terminal is None and running is None and observed is None:
            raise InputError("of what is the gradient? Give terminal, running or observed")
        if (observed is None) != (t_eval is None):
            raise InputError("observed is of states at t_eval: give both, or none of them")
        if running is not None and isinstance(fun, Implicit):
            raise InputError(
                "running goes with right-hand sides: give an implicit equation a component more, "
                "whose rate it is"
            )
        self.fun, self.terminal, self.running, self.observed = fun, terminal, running, observed
        self.times = [] if t_eval is None else np.asarray(t_eval, float).tolist()

    def __call__(self, given: dict[Name, Any], args: tuple[Any, ...], options: Options) -> Any:
        t0, tf, y0 = given["t0"], given["tf"], given["y0"]
        shape, times, fun = shape_of(y0), list(self.times), self.fun
        if not times or times[-1] != tf:
            times.append(tf)
        if self.running is not None:
            fun = _Extended(fun, self.running, shape)
            y0 = np.concatenate([np.reshape(y0, (-1,)), np.zeros(1)])
        y = solve_with_derivatives(fun, (t0, tf), y0, times, args, options).y
        last = y[..., -1]
        if carried(tf) and times[-1] is not tf:  # but a time of t_eval, which does not vary
            last = solve_with_derivatives(fun, (times[-1], tf), last, [tf], args, options).y[..., 0]
        total: Any = 0.0
        if self.running is not None:
            total = last[-1]
            last = np.reshape(last[:-1], shape)
            y = np.reshape(y[:-1], (*shape, len(times)))
        if self.terminal is not None:
            total = total + self.terminal(last, *args)
        if self.observed is not None:
            total = total + self.observed(y[..., : len(self.times)], *args)
        return total


class _Extended:
    """A right-hand side with what is to be integrated as one component more."""

    def __init__(self, fun: Any, running: Any, shape: tuple[int, ...]) -> None:
        self.fun, self.running, self.shape = fun, running, shape

    def __call__(self, t: Any, z: Any, *args: Any) -> Any:
        y = np.reshape(z[:-1], self.shape)
        rates = self.fun(t, y, *args)
        rates = np.stack(rates) if isinstance(rates, (tuple, list)) else rates
        return np.concatenate(
            [np.reshape(rates, (-1,)), np.reshape(self.running(t, y, *args), (1,))]
        )


def _names(wrt: Any, given: dict[Name, Any]) -> list[Name]:
    """Give what is to be varied, and make floats of it where they are whole numbers."""
    names = [wrt] if isinstance(wrt, (str, int)) else list(wrt)
    numbers = [name for name in given if isinstance(name, int)]
    if "args" in names:
        at = names.index("args")
        names[at : at + 1] = [i for i in numbers if any(n >= 0 for n in numbered((given[i],))[1])]
    names = [name % len(numbers) if name in range(-len(numbers), 0) else name for name in names]
    if not names or len(set(names)) < len(names) or any(name not in given for name in names):
        raise InputError(
            f"wrt is {wrt!r}; it must name, each once, some of 'y0', 't0', 'tf', 'args', and the "
            f"numbers of {len(numbers)} arguments"
        )
    for name in names:
        if not isinstance(given[name], dict) and not is_parameter(given[name]):
            array = np.asarray(given[name])
            if array.dtype.kind in "biuf":
                array = array.astype(float)
            if name == "y0" or array.dtype == float:
                given[name] = array[()]
    return names
