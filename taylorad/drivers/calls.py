"""Calls that are traced: which arguments are numbers, and what becomes of the result.

Floats, complex and exact numbers and arrays are inputs of the list; whole numbers, strings,
functions and whatever else a function is called with are taken as they are.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from taylorad.dispatch import Value, shape_of
from taylorad.dispatch.containers import flatten, flatten_like
from taylorad.dispatch.exact import plain
from taylorad.drivers.boundary import as_output, as_outputs, as_point, evaluate
from taylorad.errors import InputError
from taylorad.forward.jet import Jet
from taylorad.wengert.layout import Names, paths
from taylorad.wengert.list import WengertList
from taylorad.wengert.simplify import normal_form
from taylorad.wengert.trace import Trace, Traced

__all__ = ["Call", "Result", "traced"]


class Call:
    """The arguments of a call, taken apart into inputs and what is taken as it is.

    Attributes
    ----------
    inputs : list
        The numbers and arrays, checked.
    """

    def __init__(
        self, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.tree = (args, kwargs)
        self.parameters = _parameters(f, args)
        leaves, self.rebuild = flatten(self.tree)
        self.leaves = leaves
        self.where = [
            path
            for name, branch in zip((*self.parameters, *kwargs), (*args, *kwargs.values()))
            for path, _ in paths(branch, name)
        ]
        self.moving = [_is_input(leaf) for leaf in leaves]
        self.inputs = [
            _as_input(leaf, path)
            for leaf, path, moves in zip(leaves, self.where, self.moving, strict=True)
            if moves
        ]
        if not self.inputs:
            raise InputError(
                "no argument of the call is a floating-point number or an array, so there is "
                "nothing to list; whole numbers are taken as they are: write 2.0 for 2"
            )

    def with_inputs(self, inputs: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Give the arguments with other numbers in the places of the inputs."""
        new = iter(inputs)
        leaves = (next(new) if m else x for x, m in zip(self.leaves, self.moving, strict=True))
        args, kwargs = self.rebuild(leaves)
        return args, kwargs

    def inputs_of(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        """Take the inputs out of other arguments.

        Raises
        ------
        taylorad.errors.InputError
            If they have another form, other shapes, or differ in what was taken as it is.
        """
        names = [*self.parameters, *self.tree[1]]
        leaves = flatten_like((args, kwargs), self.tree)
        if leaves is None:
            raise InputError(
                f"the list was traced with the arguments {', '.join(names)}; "
                "these have another form"
            )
        inputs = []
        for leaf, there, path, moves in zip(leaves, self.leaves, self.where, self.moving):
            if not moves:
                if leaf is not there and not np.array_equal(leaf, there):
                    raise InputError(
                        f"the list was traced with {path} = {there!r}, not {leaf!r}; it is no "
                        "input, so it takes another list"
                    )
                continue
            x = _as_input(leaf, path)
            if shape_of(x) != shape_of(there):
                raise InputError(
                    f"the list was traced with {path} of shape {shape_of(there)}, not {shape_of(x)}"
                )
            inputs.append(x)
        return inputs

    def names(self, structure: Any) -> Names:
        """Give what stands around the list, with the form of the result."""
        placed = list(zip(self.where, self.leaves, self.moving, strict=True))
        return Names(
            tuple(self.parameters),
            tuple(self.tree[1]),
            tuple(path for path, _, moves in placed if moves),
            tuple((path, leaf) for path, leaf, moves in placed if not moves),
            structure,
        )


def _parameters(f: Callable[..., Any], args: tuple[Any, ...]) -> list[str]:
    """Name the positional arguments as the function does; else x, or x1, x2, ..."""
    try:
        found = list(inspect.signature(f).parameters.values())[: len(args)]
    except (TypeError, ValueError):
        found = []
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if len(found) == len(args) and all(p.kind in positional for p in found):
        return [p.name for p in found]
    return ["x"] if len(args) == 1 else [f"x{i}" for i in range(1, len(args) + 1)]


def _is_input(leaf: Any) -> bool:
    if isinstance(leaf, np.ndarray):
        return leaf.dtype.kind in "biufcO"
    if isinstance(leaf, (float, complex, np.inexact, Value)):
        return True
    return hasattr(leaf, "_mpf_") or hasattr(leaf, "_mpc_") or type(leaf).__name__ == "Fraction"


def _as_input(leaf: Any, path: str) -> Any:
    if isinstance(leaf, np.ndarray) and leaf.dtype.kind in "biu":
        return leaf
    return as_point(leaf, path, may_be_empty=True)


class Result:
    """How the outputs of a list become what the function returned."""

    def __init__(self, rebuild: Callable[..., Any], wraps: list[Callable[[Any], Any]]) -> None:
        self.rebuild, self.wraps = rebuild, wraps

    @property
    def structure(self) -> Any:
        """The form of the result, its leaves numbered."""
        return self.rebuild(iter(range(len(self.wraps))))

    def of(self, outputs: Sequence[Any]) -> Any:
        """Give the result for values of the outputs."""
        return self.rebuild(wrap(y) for wrap, y in zip(self.wraps, outputs, strict=True))


def traced(f: Callable[..., Any], call: Call) -> tuple[WengertList, Result]:
    """Run a function on its arguments and give its list."""
    trace = Trace()
    args, kwargs = call.with_inputs([trace.argument(x) for x in call.inputs])
    y = evaluate(f, *args, **kwargs)
    leaves, rebuild = flatten(y)
    wraps: list[Callable[[Any], Any]] = [plain] * len(leaves)
    for i, leaf in enumerate(leaves):
        if isinstance(leaf, Jet) and leaf.tag == Jet.tag:  # a series: its coefficients
            wraps[i] = partial(_series, type(leaf), leaf.algebra)
            leaves[i] = as_output(leaf.c, f, trace.tag)
    outputs, _ = as_outputs(leaves, f, trace.tag)
    numbers = [
        leaf.number if isinstance(leaf, Traced) and leaf.tape is trace else trace.input(leaf).number
        for leaf in outputs
    ]
    trace.closed = True
    return normal_form(trace, numbers), Result(rebuild, wraps)


def _series(kind: type[Jet], algebra: Any, c: Any) -> Any:
    return kind.of(c, algebra)
