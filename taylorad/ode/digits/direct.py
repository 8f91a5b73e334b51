"""Steps of a right-hand side that does not trace: Taylor numbers go through the function itself.

With the parts of y up to degree k the function gives its own up to degree k, and so those of y up
to degree k + 1: the function is called once a degree, with series that grow. This serves whatever
Taylor numbers can run: linear algebra, sorting, Python's own choices. A choice is made by the
values at the beginning of a step, and where it would change is not looked for: there steps are
rejected until they are small. States may be floats, complex numbers (of analytic functions: a
conjugate raises) that have no formula by parts (`taylorad.ode.paired`), and real or complex mpmath
numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import mpmath
import numpy as np

from taylorad.dispatch.exact import plain
from taylorad.drivers.boundary import as_output, evaluate
from taylorad.errors import InputError, NotAnalyticError
from taylorad.forward.taylor import Taylor
from taylorad.ode.digits.eager import Eager, is_finite, log2, power_of_two
from taylorad.ode.steps.stepsize import ENDLESS, HELD

__all__ = ["Direct"]


class Direct(Eager):
    """Steps of a function; with the interface of `taylorad.ode.steps.stepper.Stepper`.

    What ``propagate`` is given as ``given`` are the arguments of the function after time and state,
    whole, not taken apart into numbers.

    Parameters
    ----------
    f : callable
        ``f(t, y, *given)``.
    shape : tuple of int
        Of the state.
    order : int
    dtype : {float, complex, object}
        Of the state; object for mpmath numbers.
    functions : sequence of callable, optional
        ``g(t, y, *given)``, expanded together with the components.
    sizes : sequence of int, optional
        How many entries each of them has; 1, unless told.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        shape: tuple[int, ...],
        order: int,
        dtype: Any = float,
        functions: Sequence[Callable[..., Any]] = (),
        sizes: Sequence[int] | None = None,
    ) -> None:
        count = len(functions) if sizes is None else sum(sizes)
        self.dtype = np.dtype(dtype)
        super().__init__(math.prod(shape), count, order, exact=self.dtype == object)
        self.f, self.shape, self.observed = f, shape, tuple(functions)
        self.given: tuple[Any, ...] = ()
        self.c: Any = None
        self.time: Any = None
        self.first: list[Any] | None = None

    def parts(self) -> np.ndarray[Any, Any]:
        return super().parts().astype(self.dtype)

    def _enter(self, given: Sequence[Any] | np.ndarray[Any, Any]) -> None:
        self.given = tuple(given)

    def _begin(self, time: Any, low: Any, state: list[Any]) -> list[Any] | None:
        self.time = time + low
        self.c = np.full((self.order + 1, self.size), math.nan, self.dtype)
        self.c[0] = state
        self.first = self._rates(0)
        return self.first if all(map(is_finite, state)) else None

    def _rates(self, k: int) -> list[Any] | None:
        """Give the parts of degree k of the rates; None if they are not finite."""
        found = self._called(self.f, k, self.size)
        if found is None or len(found) <= k or not all(map(is_finite, found[k])):
            return None  # fewer parts: the function is singular here
        if self.dtype == float and found.dtype.kind == "c":
            raise InputError("the right-hand side returned complex numbers for a real state")
        return list(found[k])

    def _called(self, function: Callable[..., Any], k: int, size: int | None) -> Any:
        """Give the parts of a function up to degree k, its entries last; None if there are none."""
        time = np.zeros(k + 1, object if self.exact else float)
        time[0], time[1:2] = self.time, 1
        state = Taylor(self.c[: k + 1].reshape(k + 1, *self.shape))
        try:
            with np.errstate(all="ignore"):  # what is not finite is the integrator's to report
                answer = evaluate(function, Taylor(time), state, *self.given)
        except NotAnalyticError:
            raise
        except ArithmeticError:
            return None
        answer = as_output(answer, function, float("inf"))
        if not isinstance(answer, Taylor):
            values = np.asarray(plain(answer))
            found = np.zeros((k + 1, *values.shape), np.result_type(values, self.dtype))
            found[0] = values
        else:
            found = answer.coefficients
        found = np.asarray(found).reshape(k + 1, -1)
        if size is not None and found.shape[1] != size:
            raise InputError(
                f"the right-hand side returned {found.shape[1]} numbers for a state of shape "
                f"{self.shape}"
            )
        return found

    def _expand(self, scales: list[Any], most: Any, sign: int, hint: Any) -> Any:
        for k in range(self.order):
            rates = self._rates(k) if k else self.first
            if rates is None:
                return None
            for i, rate in enumerate(rates):
                self.c[k + 1, i] = rate / (k + 1)
        floors = [log2(x) for x in scales]

        def radius(degrees: Iterable[int]) -> float:
            """Give log2 of the radius of convergence."""
            return min(
                -max(log2(x) - floor for x, floor in zip(self.c[k].tolist(), floors)) / k
                for k in degrees
            )

        y = min(radius(self._last) + self.factor, ENDLESS)
        low = self.order // 4
        if not self.exact and low > 1:
            # As in `taylorad.ode.steps.stepsize`: the series may end before the last degree.
            slowly = radius((low, low + 1))
            if HELD < self.order * slowly < math.inf:
                y = min(y, slowly + self.factor * self.order * slowly / HELD)
        return most if y >= log2(most) else power_of_two(y, self.exact)

    def _advance(self, h: Any) -> tuple[list[Any], list[Any]]:
        gain: Any = 0
        rate: Any = 0
        for k in range(self.order, 0, -1):
            gain = gain * h + self.c[k]
            rate = rate * h + k * self.c[k]
        return list(gain * h), list(rate)

    def _written(self) -> np.ndarray[Any, Any]:
        parts = self.parts()
        parts[: self.size] = self.c.T
        place = self.size
        for function in self.observed:
            found = self._called(function, self.order, None)
            if found is None:
                found = np.full((self.order + 1, 1), mpmath.nan if self.exact else math.nan)
            parts[place : place + found.shape[1]] = found.T
            place += found.shape[1]
        return parts
