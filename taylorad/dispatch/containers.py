"""Nested tuples, lists and dicts of arrays: take them apart, and put them together again."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from typing import Any

__all__ = ["flatten", "flatten_like", "map_leaves"]

Rebuild = Callable[[Iterable[Any]], Any]


def flatten(tree: Any) -> tuple[list[Any], Rebuild]:
    """Give the leaves of a container, and the function that puts leaves in their places."""
    leaves = list(_leaves(tree))
    return leaves, lambda new: _rebuilt(tree, iter(new))


def flatten_like(tree: Any, like: Any) -> list[Any] | None:
    """Give the leaves of a container in the order of another's; None if they do not match."""
    if isinstance(like, dict):
        if not isinstance(tree, dict) or tree.keys() != like.keys():
            return None
        pairs = [(tree[key], like[key]) for key in like]
    elif isinstance(like, (tuple, list)):
        if not isinstance(tree, (tuple, list)) or len(tree) != len(like):
            return None
        pairs = list(zip(tree, like, strict=True))
    elif like is None:
        return [] if tree is None else None
    else:
        return [tree]
    branches = [flatten_like(*pair) for pair in pairs]
    return None if None in branches else [leaf for branch in branches for leaf in branch or ()]


def map_leaves(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Apply ``function`` to the leaves of a container, and to those of others of its shape."""
    leaves, rebuild = flatten(tree)
    columns = [leaves, *(flatten(other)[0] for other in others)]
    return rebuild([function(*row) for row in zip(*columns, strict=True)])


def _leaves(tree: Any) -> Iterator[Any]:
    if isinstance(tree, dict):
        for key in tree:
            yield from _leaves(tree[key])
    elif isinstance(tree, (tuple, list)):
        for branch in tree:
            yield from _leaves(branch)
    elif tree is not None:
        yield tree


def _rebuilt(tree: Any, leaves: Iterator[Any]) -> Any:
    if isinstance(tree, dict):
        new = copy.copy(tree)  # a subclass may not be made from pairs
        new.update({key: _rebuilt(tree[key], leaves) for key in tree})
        return new
    if isinstance(tree, (tuple, list)):
        branches = [_rebuilt(branch, leaves) for branch in tree]
        return type(tree)(*branches) if hasattr(tree, "_fields") else type(tree)(branches)
    return None if tree is None else next(leaves)
