"""Which lines have their values computed side by side, and in what order.

Lines of one operation that are equally deep go together. Those that stand in a group of nodes stay
in its order; the others are put in the order in which they are needed, so that what is read next is
side by side.
"""

from __future__ import annotations

import numpy as np

from taylorad.ode.tracing.columns import NONE, Column, depths, named
from taylorad.ode.tracing.recurrences import Recurrences

__all__ = ["evaluations"]


def evaluations(recurrences: Recurrences, home: Column, place: Column) -> list[Column]:
    """Give the lines whose values are computed, in groups, each after those that it needs.

    Parameters
    ----------
    recurrences : Recurrences
    home : ndarray of int
        By lines: the number of the group of nodes that it is in; `NONE` for others.
    place : ndarray of int
        By lines: its place there.
    """
    listing, lines = recurrences.listing, np.array(recurrences.values, int)
    if not lines.size:
        return []
    size, arity = listing.size, int(listing.arity[lines].max())
    operands = listing.needs[:, :arity].copy()
    operands[np.arange(arity) >= listing.arity[:, None]] = NONE
    of, which = np.nonzero(listing.row[operands[lines]] > 0)
    depth = depths(size, lines[of], operands[lines[of], which])[lines]
    is_power = np.array([row is not None and row.name == "power" for row in listing.rows])
    known = listing.is_number[operands[lines]] & is_power[listing.row[lines], None]
    numbers = np.where(known, listing.number[operands[lines]], 0.0)
    moves = listing.moves[lines]
    key = (moves, depth, listing.row[lines], *known.T, *numbers.T, home[lines])
    places, kinds = named(*key)
    order = np.argsort(kinds, kind="stable")
    groups = np.split(lines[order], np.cumsum(np.bincount(kinds))[:-1])
    groups = [groups[k] for k in np.lexsort((depth[places], moves[places])).tolist()]

    # Lines are looked for by the last that need them: number of group, operand, place there.
    rank = np.full(size + 1, NONE)
    wanted = np.array(recurrences.wanted, int)[::-1]
    rank[wanted] = np.arange(len(wanted))[::-1]
    for number in range(len(groups), 0, -1):
        some = groups[number - 1]
        if home[some[0]] != NONE:
            by = place[some]
        else:
            by = np.where(rank[some] == NONE, some, rank[some])
        groups[number - 1] = some = some[np.argsort(by, kind="stable")]
        position, below = np.arange(arity), operands[some]
        ranks = (number * arity + position) * (size + 1) + np.arange(len(some))[:, None]
        new = ((rank[below] == NONE) & (below != NONE)).ravel()[::-1]
        rank[below.ravel()[::-1][new]] = ranks.ravel()[::-1][new]
    return groups
