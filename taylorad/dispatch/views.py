"""Views: parts of a value that, in NumPy, would share its memory.

Our values are not stored in memory that could be shared; a part remembers instead how it was cut
out. When the whole has been assigned to since, the part is cut out again before it is used; when
the part is assigned to, it is put back into the whole. Every such cut only moves entries, so NumPy,
asked to cut an array of place numbers in the same way, tells where each entry of the part stands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from taylorad.dispatch.distinct import distinct
from taylorad.errors import MutationError, user_line
from taylorad.primitives.indexing import getitem, is_basic, places_of
from taylorad.primitives.registry import Owner

__all__ = ["View", "indexed", "rearranged"]


class View:
    """How a part was cut out of a whole, which may be a part itself; of what, in the end.

    Whoever is assigned to puts it back into what it was cut out of, and so on, so the version of
    the root tells whether anything in the family has changed.
    """

    __slots__ = ("cut", "root", "version", "whole")

    def __init__(self, whole: Any, cut: Callable[[Any], Any]) -> None:
        self.whole, self.cut = whole, cut
        self.root = whole if whole._view is None else whole._view.root
        self.version = self.root._version

    def current(self) -> Any | None:
        """Give the part as it is now, or None if it has not changed."""
        version = self.root._version
        if version == self.version:
            return None
        # Not by recursion: ``rest = rest[1:]`` makes long chains of parts of parts.
        stale, whole = [], self.whole
        while whole._view is not None and whole._view.version != version:
            stale.append(whole)
            whole = whole._view.whole
        for value in reversed(stale):
            value.refresh()
        self.version = version
        return self.cut(self.whole)

    def put_back(self, part: Any) -> None:
        """Write a part that was assigned to into the whole."""
        places = self.cut(places_of(self.whole.shape))
        if len(distinct(places)[0]) != np.size(places):
            raise MutationError(
                f"assignment destination is read-only{user_line()}: entries of a broadcast array "
                "stand for several; copy it first"
            )
        shape = self.whole.shape
        self.whole[np.unravel_index(places, shape) if shape else ()] = part
        self.version = self.root._version


class _Indexed(View):
    """A view by a basic key, which puts back by the same key."""

    __slots__ = ("key",)

    def __init__(self, whole: Any, key: tuple[Any, ...]) -> None:
        super().__init__(whole, lambda a: getitem(a, key))
        self.key = key

    def put_back(self, part: Any) -> None:
        self.whole[self.key] = part
        self.version = self.root._version


def indexed(whole: Any, key: tuple[Any, ...], part: Any) -> None:
    """Remember that ``part`` is ``whole[key]``, if that is a view."""
    # One entry is a scalar, unless the key has an Ellipsis, as in NumPy.
    if (part.shape or any(k is Ellipsis for k in key)) and _is_array(whole) and is_basic(key):
        part._view = _Indexed(whole, key)


def _is_array(value: Any) -> bool:
    """Tell arrays from scalars, which are immutable: nothing shares their memory."""
    return bool(value.shape) or value._view is not None


_COPYING_IF_NEEDED = {np.reshape, np.ravel}
_SHARING = _COPYING_IF_NEEDED | {
    np.einsum,
    *(np.transpose, np.permute_dims, np.matrix_transpose, np.linalg.matrix_transpose),
    *(np.swapaxes, np.moveaxis, np.rollaxis, np.squeeze, np.expand_dims),
    *(np.flip, np.flipud, np.fliplr, np.rot90, np.diagonal, np.linalg.diagonal),
    *(np.atleast_1d, np.atleast_2d, np.atleast_3d, np.broadcast_to),
    *(np.split, np.array_split, np.hsplit, np.vsplit, np.dsplit),
}


def rearranged(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
) -> None:
    """Remember that the result of a NumPy function is a view of its argument, if it is one."""
    if function not in _SHARING:
        return
    if not args:  # all by keyword, the array first
        args, kwargs = tuple(kwargs.values())[:1], dict(list(kwargs.items())[1:])
    before = args[: isinstance(args[0], str)]  # the subscripts of einsum
    whole, *after = args[len(before) :]
    if not isinstance(whole, Owner) or not _is_array(whole):
        return
    if any(isinstance(a, Owner) for a in after):  # those of several arrays take each by itself
        return
    if function is np.einsum and (after or not before or not _only_moves(before[0], whole)):
        return
    several = isinstance(result, (list, tuple))
    for i, part in enumerate(result if several else [result]):

        def cut(a: Any, number: int = i) -> Any:
            parts = function(*before, a, *after, **kwargs)
            return parts[number] if several else parts

        if not isinstance(part, Owner) or part is whole:
            continue
        is_sure = part.shape and function not in _COPYING_IF_NEEDED  # type: ignore[attr-defined]
        if is_sure or _shares_memory(whole, cut):
            part._view = View(whole, cut)  # type: ignore[attr-defined]


def _only_moves(subscripts: str, whole: Any) -> bool:
    """Tell whether einsum of one operand adds nothing up, by a try on a single entry."""
    one = np.empty((1,) * whole.ndim, np.bool_)
    return np.may_share_memory(one, np.einsum(subscripts, one))


def _shares_memory(whole: Any, cut: Callable[[Any], Any]) -> bool:
    """Tell whether NumPy would give a view, by trying on an array that lies like ``whole``."""
    cuts = []
    while whole._view is not None:
        cuts.append(whole._view.cut)
        whole = whole._view.whole
    a = np.empty(whole.shape, np.bool_)
    for outer in reversed(cuts):
        a = outer(a)
    return np.may_share_memory(a, cut(a))
