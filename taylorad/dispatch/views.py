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

from taylorad.errors import MutationError, user_line
from taylorad.primitives.indexing import getitem, is_basic, places_of

__all__ = ["View", "indexed", "rearranged"]


class View:
    """How a part was cut out of a whole, and which version of the whole it shows."""

    __slots__ = ("cut", "version", "whole")

    def __init__(self, whole: Any, cut: Callable[[Any], Any]) -> None:
        self.whole, self.cut = whole, cut
        self.version = whole._version

    def current(self) -> Any | None:
        """Give the part as it is now, or None if it has not changed."""
        self.whole.refresh()
        if self.whole._version == self.version:
            return None
        self.version = self.whole._version
        return self.cut(self.whole)

    def put_back(self, part: Any) -> None:
        """Write a part that was assigned to into the whole."""
        places = self.cut(places_of(self.whole.shape))
        if len(np.unique(places)) != np.size(places):
            raise MutationError(
                f"assignment destination is read-only{user_line()}: entries of a broadcast array "
                "stand for several; copy it first"
            )
        self.whole[np.unravel_index(places, self.whole.shape)] = part
        self.version = self.whole._version


class _Indexed(View):
    """A view by a basic key, which puts back by the same key."""

    __slots__ = ("key",)

    def __init__(self, whole: Any, key: tuple[Any, ...]) -> None:
        super().__init__(whole, lambda a: getitem(a, key))
        self.key = key

    def put_back(self, part: Any) -> None:
        self.whole[self.key] = part
        self.version = self.whole._version


def indexed(whole: Any, key: tuple[Any, ...], part: Any) -> None:
    """Remember that ``part`` is ``whole[key]``, if that is a view."""
    if part.shape and is_basic(key):
        part._view = _Indexed(whole, key)


_SHARING = {
    *(np.reshape, np.ravel, np.transpose, np.permute_dims, np.matrix_transpose, np.swapaxes),
    *(np.moveaxis, np.rollaxis, np.squeeze, np.expand_dims, np.flip, np.flipud, np.fliplr),
    *(np.rot90, np.atleast_1d, np.atleast_2d, np.atleast_3d, np.diagonal, np.linalg.diagonal),
    *(np.broadcast_to, np.split, np.array_split, np.hsplit, np.vsplit, np.dsplit),
}


def rearranged(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
) -> None:
    """Remember that the result of a NumPy function is a view of its argument, if it is one."""
    if function not in _SHARING:
        return
    whole, rest = (args[0], args[1:]) if args else (next(iter(kwargs.values())), ())
    if not args:
        kwargs = dict(list(kwargs.items())[1:])
    several = isinstance(result, (list, tuple))
    for i, part in enumerate(result if several else [result]):
        if part is not whole and hasattr(part, "_view") and hasattr(whole, "_version"):
            part._view = View(whole, _again(function, rest, kwargs, i if several else None))


def _again(function: Any, rest: Any, kwargs: Any, number: int | None) -> Callable[[Any], Any]:
    def cut(a: Any) -> Any:
        parts = function(a, *rest, **kwargs)
        return parts if number is None else parts[number]

    return cut
