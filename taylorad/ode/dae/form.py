"""Which form an implicit equation has: what of it are constraints, and what the state is.

Constraints are rows of F in which no y' is. There are two forms:

- F is linear in y', and rows that are no constraints are independent of each other: then they, and
  the constraints differentiated by time, are linear equations for y'. The state is y.
- Anything else: the rates p of what is differentiated go into the state, and all rows of
  ``F(t, y, p) = 0`` are constraints, of which the derivatives are linear equations for p' and for
  the rates of the other entries.

Where some combination of rows has no y' at all, as of two nodes with a capacitor between them,
this combination is a constraint.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse
import scipy.sparse.csgraph

from taylorad.ode.dae.residual import Residual
from taylorad.primitives.registry import lookup
from taylorad.wengert.arithmetic import NOTHING
from taylorad.wengert.elimination import Equation, solved

__all__ = ["Form", "form_of", "rank_of", "scaled", "too_high"]


LARGE = 32.0
"""Where factors become larger than this, other rows are taken to express the rest by."""


class Form:
    """The form of an equation.

    Attributes
    ----------
    rows, equations : list
        Rows in which y' is, and their coefficients.
    constraints : list of int
        Lines of the others, in which y' may still stand, but with coefficients that cancel.
    conditions : list of int
        Lines that are true where this can be computed well.
    columns : list of int
        Entries of which there is a rate.
    hidden : list of int
        Those whose rates are part of the state: all, or none. Of the attributes above there is no
        use then.
    is_linear : bool
        Whether F is linear in y'.
    """

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.equations: list[Equation] = []
        self.constraints: list[int] = []
        self.conditions: list[int] = []
        self.columns: list[int] = []
        self.hidden: list[int] = []
        self.is_linear = True


def form_of(residual: Residual) -> Form:
    """Find the form of an equation."""
    _, _, by_slopes = residual.partials(residual.rows)
    columns = sorted({j for row in by_slopes for j in row})
    form = Form()
    form.columns = columns
    form.is_linear = not any(
        residual.has_slopes(line)
        for line in (
            *(x for row in by_slopes for x in row.values()),
            *(guard.line for guard in residual.scalars.list.guards),
        )
    )
    form.hidden = columns
    if not form.is_linear:
        return form
    form.constraints = [r for r, row in zip(residual.rows, by_slopes) if not row]
    rows = [(r, row) for r, row in zip(residual.rows, by_slopes) if row]
    _split(residual, form, rows)
    matrix = _numbers(residual, form.equations, columns)
    if not columns or len(matrix) == rank_of(matrix):
        form.hidden = []
    return form


def _split(residual: Residual, form: Form, rows: Sequence[tuple[int, Equation]]) -> None:
    """Part rows from combinations of them in which no y' is left.

    Coefficients of y' that move may depend on each other by chance, at one point; so they have to
    do so at another one as well.
    """
    coefficients = [row for _, row in rows]
    matrix, aside = (_numbers(residual, coefficients, form.columns, x) for x in (False, True))
    rank, depending = rank_of(matrix), []
    if rank < rank_of(aside):
        rank = len(rows)
    if rank < len(rows):
        sizes = _sizes(residual, [r for r, _ in rows])
        matrix /= sizes[:, None]
        order = scipy.linalg.qr(matrix.T, pivoting=True, mode="r")[1].tolist()
        chosen, depending = order[:rank], order[rank:]
        places = scipy.linalg.qr(matrix[chosen], pivoting=True, mode="r")[1].tolist()[:rank]
        base, lines = [rows[k] for k in chosen], residual.scalars
        for k in depending:
            row, mine = rows[k]
            factors = _factors(residual, form, base, mine, [form.columns[p] for p in places])
            if any(map(residual.moves, factors)):
                form.conditions.append(_bounded(residual, factors, sizes[chosen] / sizes[k]))
            terms = [lines.multiply(f, r) for f, (r, _) in zip(factors, base)]
            form.constraints.append(lines.subtract(row, lines.total(terms)))
    kept = [row for k, row in enumerate(rows) if k not in depending]
    form.rows, form.equations = [r for r, _ in kept], [row for _, row in kept]


def _factors(
    residual: Residual,
    form: Form,
    base: Sequence[tuple[int, Equation]],
    row: Equation,
    columns: Sequence[int],
) -> list[int]:
    """Write the factors of rows of which the sum has the same coefficients as another row."""
    equations = [{i: x[j] for i, (_, x) in enumerate(base) if j in x} for j in columns]
    right = [[row.get(j, NOTHING)] for j in columns]
    factors, conditions, _ = solved(residual, equations, right)
    form.conditions += conditions
    return [factor for (factor,) in factors]


def _bounded(residual: Residual, factors: Sequence[int], weights: Any) -> int:
    """State that factors are not much larger than they are here."""
    lines = residual.scalars
    terms = [lines.multiply(lines.number(float(w)), f) for w, f in zip(weights, factors)]
    total = lines.total([lines.multiply(x, x) for x in terms])
    most = lines.number(LARGE**2 * max(residual.value(total), 1.0))
    greater: Any = lookup(np.greater)
    return lines.emit(greater, (most, total), {}, (), (), np.dtype(bool))


def _sizes(residual: Residual, rows: Sequence[int]) -> Any:
    """Give how large the partials of rows are: those by y count, where those by y' vanish."""
    _, by_state, by_slopes = residual.partials(rows)
    found = [
        max((abs(residual.value(x)) for x in (*a.values(), *b.values())), default=1.0)
        for a, b in zip(by_state, by_slopes)
    ]
    return np.array([x if 0 < x < np.inf else 1.0 for x in found])


def _numbers(
    residual: Residual, rows: Sequence[Equation], columns: Sequence[int], aside: bool = False
) -> Any:
    found, places = np.zeros((len(rows), len(columns))), {j: k for k, j in enumerate(columns)}
    for i, row in enumerate(rows):
        for j, line in row.items():
            found[i, places[j]] = residual.value(line, aside)
    return found


def scaled(matrix: Any) -> Any:
    """Make the largest entries of rows, and then of columns, 1."""
    matrix = np.asarray(matrix, float)
    for axis in (1, 0):
        largest = np.max(np.abs(matrix), axis=axis, keepdims=True, initial=0.0)
        matrix = matrix / np.where(largest > 0, largest, 1.0)
    return matrix


def rank_of(matrix: Any) -> int:
    """Give the rank of a matrix, scaled; that of all rows where it is not finite.

    It may be large if it is sparse: a row with a single entry goes, together with the column of
    that, and a column likewise; of what is left parts that share nothing are looked at apart.
    """
    matrix = scaled(matrix)
    if not np.all(np.isfinite(matrix)):
        return len(matrix)
    # As singular values are taken for zero.
    matrix[np.abs(matrix) <= max(matrix.shape) * np.finfo(float).eps] = 0
    found, before = 0, -1
    while before < found:
        before = found
        for along in (matrix, matrix.T):
            single = along[np.count_nonzero(along, axis=1) == 1]
            columns = np.unique(np.nonzero(single)[1])
            along[:, columns] = 0
            found += len(columns)
    (m, n), (i, j) = matrix.shape, np.nonzero(matrix)
    edges = np.ones(len(i)), (i, m + j)
    graph = scipy.sparse.csr_array(edges, shape=(m + n, m + n))
    _, parts = scipy.sparse.csgraph.connected_components(graph, directed=False)
    for k in np.unique(parts[i]):
        mine = parts == k
        part = matrix[np.ix_(mine[:m], mine[m:])]
        found += int(np.linalg.matrix_rank(scaled(part)))
    return found


def too_high(unknowns: Sequence[int], n: int) -> str:
    """Say that the index is higher than 1."""
    names = [f"entry {j}" if j < n else f"the rate of entry {j - n}" for j in unknowns[:3]]
    return (
        "the residual F(t, y, yp) cannot be solved for the rates and for the entries of y of which "
        f"it has no rate: {', '.join(names)} of y {'is' if len(names) == 1 else 'are'} not "
        "determined. Its index is higher than 1, or an equation is missing: differentiate the "
        "constraints by time, and give what comes of it instead of them"
    )
