"""What a function reads besides its arguments: a function that reads the same does the same.

So its trace need not be made again. Whatever could make a difference unseen, an object of a class,
a module that is handed around (and is no default), says that nothing is known.
"""

from __future__ import annotations

import builtins
import dis
import math
import types
from collections.abc import Hashable, Iterator
from functools import lru_cache
from itertools import takewhile
from typing import Any

import numpy as np

from taylorad.primitives.registry import Primitive, lookup
from taylorad.wengert.digest import is_ours

__all__ = ["Made", "known_by"]

LARGEST = 2**14
"""Bytes of an array that is known by its numbers."""

_BUILTINS = (
    *(abs, all, any, bool, complex, dict, divmod, enumerate, filter, float, frozenset, int),
    *(isinstance, iter, len, list, map, max, min, next, pow, range, reversed, round, set, slice),
    *(sorted, str, sum, tuple, zip, ArithmeticError, TypeError, ValueError, ZeroDivisionError),
)
_NUMPY = (
    *(np.arange, np.array, np.asarray, np.eye, np.full, np.identity, np.linspace, np.ones),
    *(np.zeros, np.bool_, np.complex128, np.float64, np.int64),
)
_MATHS = [f for f in vars(math).values() if callable(f)]
_PURE = frozenset([*_BUILTINS, *_NUMPY, *_MATHS])
"""What is no row of the table, and gives the same of the same."""

_CALLED = frozenset({types.FunctionType, types.BuiltinFunctionType, type, np.ufunc, type(np.sum)})
_PLAIN = frozenset({type(None), bool, int, str, bytes, type(Ellipsis)})
_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD")
_OUTSIDE = {"LOAD_GLOBAL", "LOAD_DEREF"}
_LOCAL = {"LOAD_FAST", "LOAD_FAST_BORROW"}
_LEAVING = (
    *("IMPORT_", "LOAD_NAME", "LOAD_LOCALS", "LOAD_BUILD_CLASS", "LOAD_CLASSDEREF", "LOAD_FROM_"),
    *("LOAD_SUPER_", "STORE_GLOBAL", "STORE_NAME", "STORE_ATTR", "DELETE_GLOBAL", "DELETE_NAME"),
    *("DELETE_ATTR",),
)
"""Instructions that read, or leave, what is not looked for."""


class _Unknown(Exception):
    """Something may change unseen."""


class Made:
    """A function that is made of others, and does what follows from them.

    Attributes
    ----------
    made_of : tuple
        All that it depends on.
    """

    made_of: tuple[Any, ...]


def known_by(functions: tuple[Any, ...], args: Any) -> Hashable | None:
    """Give what says what functions do with arguments that have such shapes; None if not known.

    Floats among the arguments, and arrays of floats, may have any values.
    """
    try:
        return (tuple([_told(f, ()) for f in functions]), _shapes(args))
    except _Unknown:
        return None


def _shapes(x: Any) -> Hashable:
    """Tell arguments apart."""
    kind = type(x)
    if kind is float or kind is np.float64:
        return "float"
    if kind is np.ndarray and x.dtype == float:
        return ("floats", *x.shape)
    if kind is tuple or kind is list:
        return (kind, *map(_shapes, x))
    if kind is dict:
        return (kind, *[(_told(k, ()), _shapes(v)) for k, v in x.items()])
    return _told(x, ())


def _told(x: Any, around: tuple[Any, ...]) -> Hashable:
    """Tell a thing apart from others, and from what it was before."""
    kind = type(x)
    if kind in _PLAIN:
        return (kind, x)
    if kind is float:
        return (kind, x.hex())
    if isinstance(x, np.generic) or kind is np.ndarray:
        if x.dtype.kind not in "biufc" or x.nbytes > LARGEST:
            raise _Unknown
        return (kind, x.dtype.str, x.shape, x.tobytes())
    if kind is tuple or kind is list:
        return (kind, *[_told(e, around) for e in x])
    if kind is dict:
        return (kind, *[(_told(k, around), _told(v, around)) for k, v in x.items()])
    if isinstance(x, Made):
        return (kind, *[_told(e, around) for e in x.made_of])
    if kind in _CALLED:
        if (row := lookup(x)) is not None and _stays(row):
            return (x, row)
        if x in _PURE:
            return (x,)
        if kind is types.FunctionType and row is None:
            return _function(x, around)
    raise _Unknown


@lru_cache(maxsize=1024)
def _stays(row: Any) -> bool:
    """Tell whether what a row of the table does depends on nothing of the user's."""
    if isinstance(row, Primitive):
        return is_ours(row)
    return str(row.__module__).startswith("taylorad.")


def _function(f: Any, around: tuple[Any, ...]) -> Hashable:
    """Tell a function by its code, and by what that reads."""
    if f in around:  # it calls itself
        return len(around) - around.index(f)
    around = (*around, f)
    code, cells = f.__code__, f.__closure__ or ()
    try:
        free = {name: x.cell_contents for name, x in zip(code.co_freevars, cells, strict=True)}
    except ValueError as error:  # nothing has been assigned yet
        raise _Unknown from error
    told = [*_defaults(f, around), _told(f.__dict__, around)]
    met, reads = set(), _reads(code)
    if reads is None:
        raise _Unknown
    for name, attributes in reads:
        if name in free:
            met.add(name)
            x = free[name]
        elif name in f.__globals__:
            x = f.__globals__[name]
        elif hasattr(builtins, name):
            x = getattr(builtins, name)
        else:
            raise _Unknown
        told.append((name, attributes, _attribute(x, attributes, around)))
    told += [_told(x, around) for name, x in free.items() if name not in met]
    return (code, *told)


def _defaults(f: Any, around: tuple[Any, ...]) -> Iterator[Hashable]:
    """Tell what a function reads of its defaults."""
    code, defaults = f.__code__, f.__defaults__ or ()
    names = code.co_varnames[: code.co_argcount][::-1]
    given = dict(zip(names, defaults[::-1])) | (f.__kwdefaults__ or {})
    for name, x in given.items():
        if not isinstance(x, types.ModuleType):
            yield name, _told(x, around)
            continue
        reads = _of_variable(code, name)
        if reads is None:
            raise _Unknown
        for attributes in reads:
            yield name, attributes, _attribute(x, attributes, around)


def _attribute(x: Any, names: tuple[str, ...], around: tuple[Any, ...]) -> Hashable:
    """Tell what is read of a thing: modules are looked into."""
    left = list(names)
    while isinstance(x, types.ModuleType) and left:
        x = getattr(x, left.pop(0), x)
    if left and callable(x) and lookup((x, left[0])) is None:
        raise _Unknown
    return _told(x, around)


@lru_cache(maxsize=1024)
def _reads(code: types.CodeType) -> list[tuple[str, tuple[str, ...]]] | None:
    """Give the names that a code reads from outside, each with what is read of it."""
    try:
        return list(dict.fromkeys(_names(code, frozenset())))
    except _Unknown:
        return None


def _names(code: types.CodeType, inner: frozenset[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Go through a code and those within it; ``inner`` are variables of the codes around."""
    inner |= frozenset(code.co_cellvars)
    steps = [*dis.get_instructions(code)]
    for place, step in enumerate(steps):
        name = step.opname
        if name.startswith(_LEAVING) or (name in _ATTRIBUTES and step.argval.startswith("__")):
            raise _Unknown
        is_free = name.endswith("_DEREF") and step.argval not in inner
        if is_free and name not in _OUTSIDE:  # what is around it is written to
            raise _Unknown
        if is_free or name == "LOAD_GLOBAL":
            yield step.argval, _attributes(steps, place)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant, inner)


def _attributes(steps: list[dis.Instruction], place: int) -> tuple[str, ...]:
    """Give the attributes that are read of what an instruction loads, one of another."""
    found = takewhile(lambda step: step.opname in _ATTRIBUTES, steps[place + 1 :])
    return tuple([step.argval for step in found])


@lru_cache(maxsize=1024)
def _of_variable(code: types.CodeType, name: str) -> list[tuple[str, ...]] | None:
    """Give what a code reads of a variable, if it does nothing else with it."""
    found: list[tuple[str, ...]] = []
    steps = [*dis.get_instructions(code)]
    for place, step in enumerate(steps):
        names = step.argval if isinstance(step.argval, tuple) else (step.argval,)
        if name in names and "_FAST" in step.opname:
            attributes = _attributes(steps, place)
            if step.opname not in _LOCAL or not attributes:
                return None
            found.append(attributes)
    return None if name in code.co_cellvars else list(dict.fromkeys(found))
