"""Where a solution of an implicit equation begins: Newton's method for y' and what has no rate.

What is differentiated stays as it is. Steps are damped by how far the next one would go with the
same matrix, which does not depend on the units of equations (P. Deuflhard, Newton Methods for
Nonlinear Problems, 2004).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np
import scipy.linalg
import scipy.sparse.linalg

from taylorad.dispatch.containers import flatten
from taylorad.dispatch.exact import Exact
from taylorad.dispatch.exact import plain as as_numbers
from taylorad.dispatch.operands import as_operand
from taylorad.errors import InputError
from taylorad.ode.dae.form import Form, form_of, rank_of, scaled, too_high
from taylorad.ode.dae.residual import Residual, held, plain, varies
from taylorad.ode.digits.precision import exact_state

__all__ = ["consistent", "lifted"]

MOST = 100
"""Steps of Newton's method."""

LEAST = 2.0**-20
"""The least share of a step."""

CLOSE = 1e-10
"""Where steps do not shrink any more below this, rounding is all that is left."""

SAME = 2.0**-80
"""What is less than this, of the largest, is rounding of numbers of any digits but doubles."""

SMALL = 1e-6
"""What is less than this, of the largest entry, is told from zero no better than that."""

SPARSE = 50
"""So many equations mostly have few unknowns each, and are solved as such."""

OF_COMBINATIONS = (
    "As F is not linear in yp, each rate in it must be determined by itself: where only "
    "combinations are, let these be unknowns more, as q with a row q - (yp[0] - yp[1])"
)


def consistent(
    F: Callable[..., Any],
    t: Any,
    y: Any,
    yp: Any,
    args: Sequence[Any],
    beyond: tuple[Any, Any, Any] | None = None,
) -> tuple[Any, Any, Form]:
    """Make initial values consistent.

    Parameters
    ----------
    F : callable
    t : number
    y, yp : ndarray
        Guesses; of floats, or of mpmath numbers.
    args : sequence
    beyond : (number, ndarray, ndarray), optional
        Another time, y and y', where comparisons in F say what they are to say here.

    Returns
    -------
    y, yp : ndarray
    form : Form
        That of the equation there.

    Raises
    ------
    taylorad.errors.InputError
        If the method does not converge, or the index is not 1.
    """
    newton = _Newton(F, t, args, beyond)
    with np.errstate(all="ignore"):  # what is not finite does not converge
        rough, slopes = newton.run(plain(y), plain(yp))
        if y.dtype == object:
            lost = y - exact_state(plain(y))
            rough, slopes = newton.run(exact_state(rough) + lost, exact_state(slopes))
    return rough, slopes, newton.form


def lifted(
    F: Callable[..., Any], t: Any, y: Any, yp: Any, args: Sequence[Any], order: int
) -> tuple[Any, Any]:
    """Make consistent in numbers of any type what is so as far as plain numbers go.

    So the derivatives of consistent values follow from those of the others. With the matrix of the
    plain numbers each of Newton's steps makes one order more right.

    Parameters
    ----------
    F : callable
    t, y, yp
        Plain numbers or values that carry derivatives.
    args : sequence
    order : int
        Of the highest derivatives that are carried.

    Returns
    -------
    y, yp
    """
    newton, shape = _Newton(F, t, args, None), np.shape(y)
    start = np.reshape(plain(y), shape), np.reshape(plain(yp), shape)
    newton.exact, newton.shape = start[0].dtype == object, shape
    newton.trace(*start)
    _, matrix = newton._choose_directions(*start)
    known, n = len(newton.of_rates), len(matrix)
    inverse = np.transpose([newton._solve(matrix, e) for e in np.eye(n)])
    of_rates, of_states = (
        np.eye(n)[:, newton.of_rates] @ inverse[:known],
        newton.states @ inverse[known:],
    )
    leaves = [as_operand(x) for x in newton.leaves if varies(plain(x))]
    t, y, yp = map(as_operand, (t, y, yp))
    for _ in range(order):
        values = newton.program.evaluate(t, y, yp, *leaves)
        residuals = np.stack([values[i] for i in newton.program.outputs[:n]])
        y = y - np.reshape(of_states @ residuals, shape)
        yp = yp - np.reshape(of_rates @ residuals, shape)
    return y, yp


class _Newton:
    def __init__(self, F: Callable[..., Any], t: Any, args: Sequence[Any], beyond: Any) -> None:
        self.F, self.t, self.beyond = F, t, beyond
        self.leaves, self.rebuild = flatten(args)

    def trace(self, y: Any, yp: Any) -> None:
        """Trace the residual, and write its partials."""
        leaves = [plain(x) for x in self.leaves]
        t, y, yp = map(plain, self.beyond or (self.t, y, yp))
        residual = Residual(self.F, t, y, yp, self.rebuild(leaves), self.exact)
        _, by_state, by_slopes = residual.partials(residual.rows)
        self.places, outputs = [], [*residual.rows]
        for which, rows in enumerate((by_slopes, by_state)):
            for i, row in enumerate(rows):
                self.places += [(which, i, j) for j in row]
                outputs += row.values()
        self.program = residual.program(outputs)
        self.form = form_of(residual)
        if self.beyond:
            time, state, slopes = self.beyond
            given = self._inputs(time, state, slopes, state.dtype == object)
            self.program = held(self.program, given)

    def run(self, y: Any, yp: Any) -> tuple[Any, Any]:
        self.exact, self.shape = y.dtype == object, y.shape
        self.trace(plain(y), plain(yp))
        residuals, matrix = self._choose_directions(y, yp)
        for row, x in enumerate(residuals.tolist()):
            if x - x != 0:
                raise InputError(
                    f"the residual F(t, y, yp) is {x} in row {row} at t = {self.t}, with y0 and "
                    "yp0 as they are given (0 for yp0, unless told)"
                )
        self._check(matrix)
        change = self._solve(matrix, -residuals)
        scales = self._scales(change, y, yp)
        size = self._size(change, scales)
        least = mpmath.mpf(2) ** -mpmath.mp.prec if self.exact else 2.0**-53
        for _ in range(MOST):
            share = 1.0
            while True:
                y_new, yp_new = self._moved(y, yp, share * change)
                residuals, new_matrix = self._linearised(y_new, yp_new)
                following = self._size(self._solve(matrix, -residuals), scales)
                if following <= (1 - share / 4) * size or size <= CLOSE:
                    break
                share /= 2
                if share < LEAST:
                    raise self._no_convergence(residuals)
            y, yp, matrix, before = y_new, yp_new, new_matrix, size
            change = self._solve(matrix, -residuals)
            scales = self._scales(change, y, yp)
            size = self._size(change, scales)
            if size <= least or (before <= CLOSE and size > before / 4):
                self._check(matrix)
                return self._moved(y, yp, change)
        raise self._no_convergence(residuals)

    def _no_convergence(self, residuals: Any) -> InputError:
        row = int(np.argmax(np.abs(residuals)))
        largest = float(np.abs(residuals)[row])
        return InputError(
            f"no consistent initial values were found at t = {self.t}: Newton's method from y0 and "
            f"yp0 does not converge, and leaves a residual of {largest:.3g} in row {row}. Give "
            "better guesses of the entries of y that have no rate, and of yp0"
        )

    def _inputs(self, t: Any, y: Any, yp: Any, exact: bool) -> list[Any]:
        moving = [t, y, yp, *(x for x in self.leaves if varies(plain(x)))]
        return list(map(Exact if exact else plain, moving))

    # --- linear equations ---

    def _choose_directions(self, y: Any, yp: Any) -> tuple[Any, Any]:
        """Find in which directions y' and y may be changed, the columns of two matrices."""
        form = self.form
        n, columns = y.size, form.columns
        self.states = np.eye(n)[:, [j for j in range(n) if j not in columns]]
        self.of_rates = columns
        rank = len(form.rows)
        if form.is_linear and not form.hidden and rank < len(columns):
            # Some combinations of entries have no rate: they leave M y as it is.
            self._linearised(y, yp)
            floats = np.array(self.M, float)
            order = scipy.linalg.qr(scaled(floats)[:, columns], pivoting=True)[2]
            fixed, free = ([columns[k] for k in part] for part in (order[:rank], order[rank:]))
            rows = scipy.linalg.qr(scaled(floats)[:, fixed].T, pivoting=True)[2][:rank]
            null = np.zeros((n, len(free)), self.M.dtype)
            null[free, range(len(free))] = 1
            for k, j in enumerate(free):
                null[fixed, k] = -self._solve(self.M[np.ix_(rows, fixed)], self.M[rows, j])
            self.states = np.concatenate([self.states, null], axis=1)
            self.of_rates = fixed
            least = max(SAME, 2.0 ** (10 - mpmath.mp.prec)) * np.max(np.abs(self.M))
            if self.exact and np.any(np.abs(self.M @ null) > least):
                raise InputError(
                    "combinations of rows of F have no rate in them, but only as exactly as "
                    "doubles are: for more digits write them as rows, or give in args what is no "
                    "double"
                )
        return self._linearised(y, yp)

    def _linearised(self, y: Any, yp: Any) -> tuple[Any, Any]:
        """Compute the residual, and the matrix of its derivatives in those directions."""
        try:
            found = self._evaluated(y, yp)
        except _Elsewhere:
            self.trace(plain(y), plain(yp))
            found = self._evaluated(y, yp)
        residuals, self.M, K = found
        return residuals, np.concatenate([self.M[:, self.of_rates], K @ self.states], axis=1)

    def _evaluated(self, y: Any, yp: Any) -> list[Any]:
        expected = {guard.line: guard.expected for guard in self.program.guards}

        def check(number: int, value: Any) -> None:
            if number in expected and bool(value) != expected[number]:
                raise _Elsewhere

        with np.errstate(all="ignore"):
            given = self._inputs(self.t, y, yp, self.exact)
            values = self.program.evaluate(*given, check=check)
        found = [as_numbers(values[i]) for i in self.program.outputs]
        numbers = exact_state(found) if self.exact else np.array(found, float)
        n = y.size
        matrices = np.zeros((2, n, n), numbers.dtype)
        if self.places:
            matrices[tuple(np.transpose(self.places))] = numbers[n:]
        return [numbers[:n], *matrices]

    def _solve(self, matrix: Any, right: Any) -> Any:
        if self.exact:
            try:
                found = mpmath.lu_solve(mpmath.matrix(matrix.tolist()), mpmath.matrix(list(right)))
            except ZeroDivisionError:
                raise self._singular(matrix) from None
            return np.array(list(found), object)
        if not len(right):
            return right
        if not np.all(np.isfinite(matrix)) or not np.all(np.isfinite(right)):
            return np.full(len(right), np.inf)
        try:
            if len(right) < SPARSE:
                return np.linalg.solve(matrix, right)
            return scipy.sparse.linalg.splu(scipy.sparse.csc_array(matrix)).solve(right)
        except (np.linalg.LinAlgError, RuntimeError):
            raise self._singular(matrix) from None

    def _check(self, matrix: Any) -> None:
        """Check that the equations can be solved for what is unknown."""
        rough = np.array(matrix, float)
        if rank_of(rough) < len(rough):
            raise self._singular(rough)

    def _singular(self, matrix: Any) -> InputError:
        matrix = scaled(np.array(matrix, float))
        null = np.abs(np.linalg.svd(matrix)[2][-1])
        n = self.states.shape[0]
        known = len(self.of_rates)
        unknowns = []
        for k in np.flatnonzero(null > 0.5 * np.max(null)).tolist():
            if k < known:
                unknowns.append(n + self.of_rates[k])
            else:
                unknowns.append(int(np.argmax(np.abs(self.states[:, k - known]))))
        hint = "" if self.form.is_linear else f". {OF_COMBINATIONS}"
        return InputError(
            f"{too_high(unknowns, n)}{hint}. If it is so only at t = {self.t} with these y0 and "
            "yp0, begin elsewhere, or with other guesses"
        )

    def _moved(self, y: Any, yp: Any, change: Any) -> tuple[Any, Any]:
        of_rates, of_states = self._parts(change)
        slopes = yp.ravel().copy()
        slopes[self.of_rates] += of_rates
        return y + np.reshape(of_states, self.shape), slopes.reshape(self.shape)

    def _scales(self, change: Any, y: Any, yp: Any) -> list[Any]:
        """Give by what a change is measured: what is changed, and the change itself."""
        found: list[Any] = []
        for part, numbers in zip(self._parts(change), (yp.ravel()[self.of_rates], y.ravel())):
            sizes = [abs(x) + abs(d) for x, d in zip(numbers, part)]
            floor = SMALL * max(sizes, default=0) or 1
            found += [size + floor for size in sizes]
        return found

    def _size(self, change: Any, scales: Sequence[Any]) -> Any:
        slopes, states = self._parts(change)
        return max([abs(d) / scale for d, scale in zip([*slopes, *states], scales)], default=0)

    def _parts(self, change: Any) -> tuple[Any, Any]:
        """Give what a change does to y', and to y."""
        known = len(self.of_rates)
        return change[:known], self.states @ change[known:]


class _Elsewhere(Exception):
    """Where another branch of the residual holds."""
