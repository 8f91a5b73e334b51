"""How a solution depends on where it begins and on parameters, to any order."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from taylorad.dispatch import fresh_tag
from taylorad.dispatch.exact import plain
from taylorad.dispatch.operands import as_order
from taylorad.drivers.seeds import coefficients_of
from taylorad.errors import InputError, IntegrationError
from taylorad.forward.algebra import Algebra
from taylorad.forward.jet import Jet
from taylorad.forward.multivariate import MultivariateTaylor
from taylorad.ode.dae.implicit import Implicit
from taylorad.ode.dense import OdeSolution
from taylorad.ode.digits.precision import in_precision_of
from taylorad.ode.events.watch import prepared
from taylorad.ode.inputs import arguments, as_start, no_derivatives
from taylorad.ode.solved import OdeResult, Options, as_span, solved
from taylorad.ode.variations.beginning import FREE, Shift, begun, seen, tolerances
from taylorad.ode.variations.occurrences import occurrences
from taylorad.ode.variations.variables import Name, Variables
from taylorad.ode.variations.varied import Observed, Varied

__all__ = ["FlowSolution", "Sensitivities", "flow_map", "sensitivities"]


class FlowSolution:
    """A continuous solution with its derivatives: on every step a polynomial in all variables.

    Called with a time, or an array of times, it gives the state there, as `OdeSolution` does.

    Attributes
    ----------
    t_min, t_max : float

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> result = ta.ode.sensitivities(lambda t, y: -y, (0, 2), [1.0], dense_output=True)
    >>> np.abs(result.sol.flow(1.5).gradient() - np.exp(-1.5)) < 1e-15
    array([[ True]])
    """

    def __init__(self, sol: OdeSolution, algebra: Algebra, shape: tuple[int, ...]) -> None:
        self._sol, self._algebra, self._shape = sol, algebra, shape
        self.t_min, self.t_max = sol.t_min, sol.t_max

    def __call__(self, t: Any) -> Any:
        return seen(self._sol(t)[0], self._shape)

    def flow(self, t: Any) -> MultivariateTaylor:
        """Give the state at times as a polynomial in the variables.

        Parameters
        ----------
        t : float or array_like

        Returns
        -------
        MultivariateTaylor of the shape of the state, with those of ``t`` behind
        """
        return MultivariateTaylor.of(seen(self._sol(t), self._shape, 1), self._algebra)


class Sensitivities(OdeResult):
    """What `sensitivities` found: an `OdeResult`, and derivatives.

    Attributes
    ----------
    flow : MultivariateTaylor, shape (..., n_points)
        The states at ``t`` as polynomials in the deviations of what was varied: all that is in
        ``wrt``, one after the other, arrays in their order in memory.
    wrt : list
        What was varied: ``"y0"``, ``"t0"``, numbers of arguments.
    sol : FlowSolution or None
    event_times : list of MultivariateTaylor, shape (count,)
        Of each event the times of its occurrences, as polynomials in the same deviations. They are
        NaN, but for the value, where the function of the event only touches zero.
    event_states : list of MultivariateTaylor, shape (..., count)
        The states there.

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> result = ta.ode.sensitivities(lambda t, y, k: -k * y, (0, 1), [2.0], (3.0,), wrt=[0])
    >>> slope = result.derivative(0)[0, -1]
    >>> bool(abs(slope + 2 * np.exp(-3)) < 1e-15)
    True
    """

    @in_precision_of(lambda self, *names: self._digits)
    def derivative(self, *names: Name) -> Any:
        """Give a derivative of the states at ``t``.

        Parameters
        ----------
        *names
            By what, of those in ``wrt``; as many as the order of the derivative.

        Returns
        -------
        ndarray
            Of the shape of ``y``, with those of what it was derived by behind.

        Raises
        ------
        taylorad.errors.InputError
            If the derivative is not known.

        Examples
        --------
        >>> import numpy as np, taylorad as ta
        >>> result = ta.ode.sensitivities(
        ...     lambda t, y, k: -k * y, (0, 1), [2.0], (3.0,), wrt=["y0", 0], order=2
        ... )
        >>> mixed = result.derivative("y0", 0)
        >>> mixed.shape
        (1, 4, 1)
        >>> bool(abs(mixed[0, -1, 0] + np.exp(-3)) < 1e-15)
        True
        """
        variables = self._variables
        tensor = self.flow.tensor(len(names))
        places = tuple(variables.places[variables.number(name)] for name in names)
        shapes = [n for name in names for n in variables.shapes[variables.number(name)]]
        return tensor[(..., *places)].reshape(*self.y.shape, *shapes)

    def flow_map(self, order: int | None = None) -> MultivariateTaylor:
        """Give the last state as a polynomial in the deviations of what was varied.

        Parameters
        ----------
        order : int, optional
            That of `sensitivities`, or less.

        Returns
        -------
        MultivariateTaylor of the shape of the state

        Examples
        --------
        >>> import taylorad as ta
        >>> result = ta.ode.sensitivities(lambda t, y: y**2, (0, 0.5), [1.0], order=3)
        >>> result.flow_map(1)
        MultivariateTaylor([2] + [4] t + O(t²))
        """
        if not len(self.t):
            raise InputError("there is no last state: none of those at t_eval was reached")
        flow: MultivariateTaylor = self.flow[..., -1]
        return flow if order is None else flow.truncate(order)


@in_precision_of(lambda *args, digits=None, **options: digits)
def sensitivities(
    fun: Callable[..., Any],
    t_span: Any,
    y0: Any,
    args: tuple[Any, ...] = (),
    *,
    wrt: Name | Sequence[Name] = "y0",
    order: int = 1,
    t_eval: Any = None,
    dense_output: bool = False,
    events: Any = None,
    tol: float | None = None,
    rtol: Any = None,
    atol: Any = None,
    max_step: float = math.inf,
    digits: int | None = None,
) -> Sensitivities:
    """Solve an initial value problem, and find how its solution depends on what is given.

    State and arguments are polynomials in their deviations from what is given, and these move
    together [1]_: derivatives of any order are as exact as the solution.

    Parameters
    ----------
    fun : callable
        ``fun(t, y, *args)``, as in `solve_ivp`.
    t_span : (float, float)
    y0 : array_like
    args : tuple, optional
    wrt : str, int, or sequence of these
        With respect to what: ``"y0"``, the initial state; ``"t0"``, the initial time, with the
        state then being ``y0``; the number of an argument; ``"args"``, all arguments.
    order : int
        Of the highest derivatives.
    t_eval, dense_output, events, tol, rtol, atol, max_step, digits : optional
        See `solve_ivp`. ``rtol`` holds for derivatives too. ``flow`` has the derivatives at fixed
        times, also where an event ended it; those of events are apart.

    Returns
    -------
    Sensitivities

    Raises
    ------
    taylorad.errors.InputError, taylorad.errors.InputTypeError
        If arguments make no sense.

    References
    ----------
    .. [1] M. Berz, "Modern Map Methods in Particle Beam Physics", Academic Press (1999).

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> def pendulum(t, y, k):
    ...     return [y[1], -k * np.sin(y[0])]
    >>> times = np.linspace(0, 5, 11)
    >>> result = ta.ode.sensitivities(
    ...     pendulum, (0, 5), [1.0, 0.0], (1.0,), wrt=["y0", 0], t_eval=times
    ... )
    >>> result.y.shape, result.derivative("y0").shape, result.derivative(0).shape
    ((2, 11), (2, 11, 2), (2, 11))
    >>> areas = np.linalg.det(result.derivative("y0").transpose(1, 0, 2))  # are preserved
    >>> bool(np.max(np.abs(areas - 1)) < 1e-14)
    True
    """
    no_derivatives(t_span, y0, args)
    order = as_order(order)
    y = as_start(y0, digits)
    variables = Variables(wrt, y, arguments(args))
    algebra = variables.algebra(order)
    args = tuple(variables.args)
    t0, tf = as_span(t_span)
    options = Options(
        *(dense_output, events, tol, rtol, atol),
        order=None,
        max_step=max_step,
        first_step=None,
        digits=digits,
    )
    initial = variables.initial(y, algebra)
    seeds = variables.seeds() if order else []
    given = (*args, np.ones(len(seeds), object if digits else float))
    if isinstance(fun, Implicit):
        tag = fresh_tag()
        moving = tuple(Varied(fun, algebra, seeds).varied(given, tag))
        times = Jet.of(variables.times(t0, algebra), algebra, tag)
        fun, state, options = begun(fun, times, Jet.of(initial, algebra, tag), moving, options)
        initial = plain(coefficients_of(state, tag, algebra))
    if variables.place("t0") is not None:
        initial = _from_times(fun, t0, initial, args, variables, algebra, options)
    options = tolerances(initial[0], initial, algebra, options)
    events = prepared(options.events)
    if options.events is not None:
        watched = [event.through(Observed(event.function)) for event in events]
        options = replace(options, events=watched)
    varied = Varied(fun, algebra, seeds)
    found, _ = solved(varied, (t0, tf), initial, t_eval, given, options)
    flow = np.asarray(found.y).reshape(*initial.shape, len(found.t))
    flow = seen(flow, y.shape, 1)
    result = Sensitivities(found)
    result.y, result.flow = flow[0], MultivariateTaylor.of(flow, algebra)
    result.wrt = variables.names
    result.__dict__.update(_variables=variables, _digits=digits)  # no entries, to be shown
    if found.sol is not None:
        result.sol = FlowSolution(found.sol, algebra, y.shape)
    result.event_times, result.event_states = [], []
    tag = fresh_tag()
    along = (varied.varied(given, tag), algebra, tag)
    for i, event in enumerate(events):
        times, states = found.t_events[i], found.y_events[i]
        states = states.reshape(len(times), *initial.shape)
        when, where = occurrences(fun, event.function, t0, times, states, *along)
        where = seen(where, y.shape, 1)
        result.event_times.append(MultivariateTaylor.of(when, algebra))
        result.event_states.append(MultivariateTaylor.of(where, algebra))
        if len(times):
            result.y_events[i] = np.moveaxis(where[0], -1, 0).copy()
    return result


def flow_map(
    fun: Callable[..., Any],
    t_span: Any,
    y0: Any,
    order: int = 1,
    args: tuple[Any, ...] = (),
    *,
    wrt: Name | Sequence[Name] = "y0",
    **options: Any,
) -> MultivariateTaylor:
    """Give the state at the end as a polynomial in the initial state: the Taylor map of a flow.

    Parameters
    ----------
    fun : callable
        ``fun(t, y, *args)``.
    t_span : (float, float)
    y0 : array_like
        About which it is expanded.
    order : int
        Of the polynomial.
    args : tuple, optional
    wrt : optional
        In what the polynomial is, see `sensitivities`.
    **options
        Those of `sensitivities`.

    Returns
    -------
    MultivariateTaylor of the shape of the state
        Called with a deviation from ``y0`` it gives the state at the end.

    Raises
    ------
    taylorad.errors.IntegrationError
        If the end cannot be reached.

    Examples
    --------
    >>> import taylorad as ta
    >>> flow = ta.ode.flow_map(lambda t, y: y**2, (0, 0.5), [1.0], order=3)
    >>> flow
    MultivariateTaylor([2] + [4] t + [4] t² + [4] t³ + O(t⁴))
    """
    t0, tf = as_span(t_span)
    result = sensitivities(fun, (t0, tf), y0, args, wrt=wrt, order=order, t_eval=[tf], **options)
    if result.status < 0:
        raise IntegrationError(result.message, result.t[-1:], result.y, result.singularity)
    if not len(result.t):
        raise InputError(f"an event ended the integration before {tf}")
    return result.flow_map()


def _from_times(
    fun: Callable[..., Any],
    t0: Any,
    initial: Any,
    args: tuple[Any, ...],
    variables: Variables,
    algebra: Algebra,
    options: Options,
) -> Any:
    """Give the states at t0 of solutions that begin at other times, near to it."""
    if not algebra.order:
        return initial
    place = variables.places[variables.names.index("t0")].start
    seeds = [(1, 1 + place), *((2 + i, monomial) for i, monomial in variables.seeds())]
    given = (np.array([t0]), np.zeros(1), *args, np.ones(len(seeds)))
    options = replace(options, **FREE)
    states = initial[..., None]
    varied = Varied(Shift(fun, -1), algebra, seeds)
    found, _ = solved(varied, (0.0, 1.0), states, [1.0], given, options)
    if found.status < 0:
        raise IntegrationError(found.message, t0, initial[0], found.singularity)
    return found.y[..., 0, 0]
