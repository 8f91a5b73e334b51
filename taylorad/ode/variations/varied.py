"""A right-hand side of polynomials: that of their coefficients, one row for each monomial."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from taylorad.dispatch import Value, fresh_tag, number_type, shape_of
from taylorad.dispatch.operands import as_operand, size_of
from taylorad.drivers.boundary import as_output, evaluate
from taylorad.errors import IntegrationError
from taylorad.forward.algebra import Algebra, buffer
from taylorad.forward.jet import Jet
from taylorad.forward.taylor import Taylor
from taylorad.ode.digits.precision import exact_state
from taylorad.ode.leaves import numbered
from taylorad.ode.steps.stepper import Motion
from taylorad.ode.tracing.system import Described, NotTraceable, System, switch, system
from taylorad.ode.tracing.variation import Variation

__all__ = ["Observed", "Varied"]


class Observed:
    """A function of the solution that is varied, of the state of all coefficients.

    Parameters
    ----------
    function : callable
        ``g(t, y, *args)``.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, t: Any, y: Any, *args: Any) -> Any:
        return self.function(t, y[0], *args[:-1])


class Varied(Described):
    """A right-hand side whose state, of shape ``(M, *shape)``, is that of polynomials.

    Its last argument are coefficients of parameters, those of degree above 0 that are not zero. It
    is expanded line by line where the function traces; else it calls it with polynomials.

    Parameters
    ----------
    fun : callable
        ``fun(t, y, *args)``.
    algebra : Algebra
    seeds : sequence of (int, int)
        The parameter and the monomial of each of these coefficients. Parameters are the numbers in
        the arguments that are floats, in order.
    """

    def __init__(
        self, fun: Callable[..., Any], algebra: Algebra, seeds: Sequence[tuple[int, int]] = ()
    ) -> None:
        self.fun, self.algebra, self.seeds = fun, algebra, tuple(seeds)
        self.smooth = getattr(fun, "smooth", False)

    def system(self, t: float, y: Any, args: Sequence[Any], functions: Sequence[Any]) -> System:
        """Give the system of all coefficients; see `taylorad.ode.tracing.system.system`."""
        *given, values = args
        if not all(isinstance(g, Observed) for g in functions):
            raise NotTraceable("a function of all coefficients")
        observed = [g.function for g in functions]
        base = system(self.fun, t, y[0], given, observed, may_wait=not observed)
        return Variation(base, self.algebra, self.seeds, values)

    def switch(self, t: Any, y: Any, args: Sequence[Any]) -> str:
        """Name something that may jump; see `taylorad.ode.tracing.system.switch`."""
        return switch(self.fun, t, y[0], args[:-1])

    def landed(self, at: Motion, series: Any, h: Any, args: Sequence[Any], relative: Any) -> Any:
        """Give the state on the other side of a switch, see `taylorad.ode.constrained`.

        What follows from the rest of the state must not jump, for nobody knows how all of the
        solutions nearby do.
        """
        inner = getattr(self.fun, "landed", None)
        if inner is not None:
            here = at.copy()
            here.state = here.state[: here.state.size // self.algebra.size]
            state = inner(here, series[: here.state.size], h, args[:-1], relative)
            if np.any(state != here.state):
                raise IntegrationError(
                    f"at t = {at.time} entries of the state that follow from others jump: there "
                    "are no derivatives by what is varied. Integrate each side by itself",
                    at.time,
                    here.state,
                )
        return at.state

    def __call__(self, t: Any, y: Any, *args: Any) -> Any:
        """Compute the coefficients of the rates from those of the state."""
        tag = fresh_tag()
        answer = evaluate(self.fun, t, self._polynomial(y, tag), *self.varied(args, tag))
        answer = as_output(answer, self.fun, float("inf"))
        return self._coefficients(answer, tag, y)

    def _polynomial(self, y: Any, tag: int) -> Any:
        """Give the state: if it is a series in time, one whose parts are polynomials."""
        if isinstance(y, Taylor):
            c = np.moveaxis(y.coefficients, 1, 0)
            return y.like(Jet.of(as_operand(c), self.algebra, tag))
        return Jet.of(as_operand(y), self.algebra, tag)

    def _coefficients(self, answer: Any, tag: int, y: Any) -> Any:
        size = self.algebra.size
        if isinstance(answer, Taylor):
            c = answer.c
            if isinstance(c, Jet) and c.tag == tag:
                return answer.like(np.moveaxis(c.c, 0, 1))
            found = np.zeros((len(c), size, *c.shape[1:]), c.dtype)
            found[:, 0] = c
            return answer.like(found)
        if isinstance(answer, Jet) and answer.tag == tag:
            return answer.c
        found = np.zeros_like(y)
        found[0] = answer
        return found

    def varied(self, args: Sequence[Any], tag: int) -> Sequence[Any]:
        """Give the arguments, those that vary as polynomials."""
        *given, values = args
        if not self.seeds:
            return given
        leaves, first, rebuild = numbered(given)
        for i, leaf in enumerate(leaves):
            count = size_of(leaf) if first[i] >= 0 else 0
            mine = [
                (k, monomial, parameter - first[i])
                for k, (parameter, monomial) in enumerate(self.seeds)
                if 0 <= parameter - first[i] < count
            ]
            if mine:
                which, monomials, entries = map(list, zip(*mine))
                numbers: Any = np.reshape(leaf, (-1,))
                if not isinstance(numbers, Value) and number_type(values).kind == "O":
                    numbers = exact_state(numbers)
                innermost = max((numbers, values), key=lambda x: getattr(x, "tag", -1))
                c = buffer(innermost, (self.algebra.size, count))
                c[0] = numbers
                c[monomials, entries] = values[which]
                c = np.reshape(c, (-1, *shape_of(leaf)))
                leaves[i] = Jet.of(as_operand(c), self.algebra, tag)
        return rebuild(leaves)  # type: ignore[no-any-return]
