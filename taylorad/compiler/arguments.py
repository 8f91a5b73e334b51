"""Reading a call: what varies from one to the next, and what chooses the program.

Numbers and arrays of numbers vary; their types and shapes, the containers they stand in, and
everything else there is (whole numbers, strings, functions) belong to the key of a program.
"""

from __future__ import annotations

import enum
import types
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from taylorad.dispatch import Value
from taylorad.machine.signature import Argument
from taylorad.wengert.list import frozen

__all__ = ["Call", "NotForMachines", "read"]

_FIXED = (
    *(int, str, bytes, type(None), type, enum.Enum, slice, range, type(Ellipsis)),
    *(types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.ModuleType),
    *(np.ufunc, np.dtype, np.bool_, np.integer),
)


class NotForMachines(Exception):
    """These arguments are for the function itself; ``warning`` says why, if it may surprise."""

    def __init__(self, warning: str = "") -> None:
        super().__init__(warning)
        self.warning = warning


class Call:
    """A call taken apart.

    Attributes
    ----------
    key : hashable
        Equal for calls that one program may serve.
    leaves : list
        The numbers and arrays that vary.
    arguments : list of Argument
        What they are.
    is_flat : bool
        Whether the leaves are the positional arguments, all of them.
    """

    def __init__(self, key: Any, leaves: list[Any], args: Any, kwargs: Any) -> None:
        self.key, self.leaves = key, leaves
        self._args, self._kwargs = args, kwargs
        self.is_flat = not kwargs and len(args) == len(leaves) and all(map(_varies, args))

    @property
    def arguments(self) -> list[Argument]:
        """What the leaves are, for machine code; raises for types it does not know."""
        return [
            Argument(
                leaf.dtype.name,
                leaf.shape,
                number=not isinstance(leaf, np.ndarray),
            )
            for leaf in self.leaves
        ]

    def rebuild(self, leaves: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Give the arguments of the call with others in place of the leaves."""
        new = iter(leaves)
        return _rebuilt(self._args, new), _rebuilt(self._kwargs, new)


def read(args: tuple[Any, ...], kwargs: dict[str, Any], fixed: frozenset[Any]) -> Call:
    """Take a call apart.

    Parameters
    ----------
    args, kwargs
    fixed : frozenset of int or str
        Positions and names of arguments that are to choose the program by their value.

    Raises
    ------
    NotForMachines
        If there is an argument that no program is to be made for.
    """
    leaves: list[Any] = []
    kwargs = {k: kwargs[k] for k in sorted(kwargs)}
    key = (
        tuple(_key(a, leaves, i in fixed) for i, a in enumerate(args)),
        tuple((k, _key(a, leaves, k in fixed)) for k, a in kwargs.items()),
    )
    if fixed:
        args = tuple(_Fixed(a) if i in fixed else a for i, a in enumerate(args))
        kwargs = {k: _Fixed(a) if k in fixed else a for k, a in kwargs.items()}
    return Call(key, leaves, args, kwargs)


class _Fixed:
    """An argument that chooses the program by its value, whatever it is."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _key(a: Any, leaves: list[Any], fixed: bool) -> Any:
    kind = type(a)
    if fixed:
        if isinstance(a, np.ndarray):
            return kind, frozen(a.copy())  # the key is kept, and the array is the caller's
        return (kind, frozen(a)) if isinstance(a, (float, complex)) else _fixed(a)
    if kind is np.ndarray:
        if a.dtype.kind not in "fciub":
            raise NotForMachines()
        if not a.dtype.isnative:
            a = a.astype(a.dtype.newbyteorder("="))
        usual = np.dtype(a.dtype.name)  # C has two names for an integer of 64 bits
        leaves.append(a if a.dtype.num == usual.num else a.view(usual))
        return usual.char, a.shape
    if kind is float or kind is np.float64:
        leaves.append(np.float64(a))
        return "float"
    if kind is complex or kind is np.complex128:
        leaves.append(np.complex128(a))
        return "complex"
    if kind is tuple or kind is list or isinstance(a, (tuple, list)):
        return kind, *[_key(x, leaves, False) for x in a]
    if isinstance(a, dict):
        return kind, *[(k, _key(x, leaves, False)) for k, x in a.items()]
    if isinstance(a, (np.floating, np.complexfloating)):
        leaves.append(np.asarray(a))
        return a.dtype.char
    return _fixed(a)


def _fixed(a: Any) -> Any:
    if isinstance(a, Value) or hasattr(a, "_mpf_") or hasattr(a, "_mpc_") or type(a) is Fraction:
        raise NotForMachines()  # numbers that only NumPy code can compute with
    if callable(a) or isinstance(a, _FIXED):
        return type(a), a
    try:
        hash(a)
    except TypeError:
        raise NotForMachines(
            f"an argument is a {type(a).__name__}, which may change unseen; pass numbers, arrays "
            "or containers (tuple, list, dict) of them"
        ) from None
    by_identity: Any = object.__hash__
    if type(a).__hash__ is by_identity or isinstance(a, np.ndarray):
        raise NotForMachines(
            f"an argument is a {type(a).__name__}, of which nothing is known; pass numbers, arrays "
            "or containers (tuple, list, dict) of them"
        )
    return type(a), a


def _varies(a: Any) -> bool:
    return type(a) in (np.ndarray, float, np.float64, complex, np.complex128)


def _rebuilt(tree: Any, leaves: Any) -> Any:
    kind = type(tree)
    if kind is _Fixed:
        return tree.value
    if kind is np.ndarray or isinstance(tree, (float, complex, np.floating, np.complexfloating)):
        return next(leaves)
    if isinstance(tree, dict):
        return type(tree)((k, _rebuilt(x, leaves)) for k, x in tree.items())
    if isinstance(tree, (tuple, list)):
        branches = [_rebuilt(x, leaves) for x in tree]
        return kind(*branches) if hasattr(tree, "_fields") else kind(branches)
    return tree
