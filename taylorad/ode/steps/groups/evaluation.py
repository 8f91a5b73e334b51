"""Which lines have their values computed side by side, and in what order.

Lines of one operation that are equally deep go together. Those that stand in a group of nodes stay
in its order; the others are put in the order in which they are needed, so that what is read next is
side by side.
"""

from __future__ import annotations

from collections.abc import Mapping

from taylorad.ode.tracing.recurrences import Recurrences

__all__ = ["evaluations"]


def evaluations(
    recurrences: Recurrences, home: Mapping[int, int], place: Mapping[int, int]
) -> list[list[int]]:
    """Give the lines whose values are computed, in groups, each after those that it needs.

    Parameters
    ----------
    recurrences : Recurrences
    home : mapping of int to int
        The number of the group of nodes that a line is in.
    place : mapping of int to int
        Its place there.
    """
    steps = recurrences.steps
    depths: dict[int, int] = {}
    found: dict[tuple[object, ...], list[int]] = {}
    for line in recurrences.values:
        step = steps[line]
        row, operands = step.primitive, step.operands
        assert row is not None
        depths[line] = depth = 1 + max([depths.get(i, 0) for i in operands])
        exponents = tuple([steps[i].number for i in operands]) if row.name == "power" else ()
        key = (step.moves, depth, row, exponents, home.get(line))
        found.setdefault(key, []).append(line)
    groups = sorted(found.values(), key=lambda lines: (steps[lines[0]].moves, depths[lines[0]]))
    rank = {line: (0, 0, k) for k, line in reversed([*enumerate(recurrences.wanted)])}
    for number in range(len(groups), 0, -1):
        lines = groups[number - 1]
        if lines[0] in home:
            lines.sort(key=place.__getitem__)
        else:
            lines.sort(key=lambda line: rank.get(line, (0, 0, line)))
        for k, line in enumerate(lines):
            for position, operand in enumerate(steps[line].operands):
                rank.setdefault(operand, (number, position, k))
    return groups
