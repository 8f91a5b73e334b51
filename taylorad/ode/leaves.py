"""Numbers among arguments that carry derivatives, or may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from taylorad.dispatch import Value
from taylorad.dispatch.containers import flatten
from taylorad.dispatch.operands import as_operand, size_of

__all__ = ["carried", "is_parameter", "numbered"]


def carried(tree: Any) -> list[Value]:
    """Give the numbers in a container that carry derivatives."""
    if isinstance(tree, Value):
        return [tree] if tree.tag > 0 else []  # exact numbers carry none
    if isinstance(tree, np.ndarray):
        return [x for x in tree.flat if isinstance(x, Value)] if tree.dtype == object else []
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, (tuple, list)):
        return [x for branch in tree if type(branch) is not float for x in carried(branch)]
    return []


def is_parameter(leaf: Any) -> bool:
    """Tell whether a leaf of the arguments is made of parameters of a system.

    Those are floats, and what stands for them; see `taylorad.ode.tracing.recording`.
    """
    if isinstance(leaf, Value) or hasattr(leaf, "_mpf_"):
        return True
    if isinstance(leaf, np.ndarray):
        return leaf.dtype in (float, object)
    return isinstance(leaf, float)


def numbered(args: Any) -> tuple[list[Any], list[int], Callable[..., Any]]:
    """Take arguments apart.

    Returns
    -------
    leaves : list
        With numbers that carry derivatives, of which NumPy made plain arrays, made whole.
    first : list of int
        For each leaf the number of its first parameter; -1 if it has none.
    rebuild : callable
    """
    leaves, rebuild = flatten(args)
    first, count = [], 0
    for i, leaf in enumerate(leaves):
        if isinstance(leaf, np.ndarray) and leaf.dtype == object and carried(leaf):
            leaf = leaves[i] = as_operand(leaf)
        if is_parameter(leaf):
            first.append(count)
            count += size_of(leaf)
        else:
            first.append(-1)
    return leaves, first, rebuild
