"""ddx: scalar models compiled by its LLVM back end, and vector models, which it interprets."""

from __future__ import annotations

import importlib.metadata
import operator
from collections.abc import Callable, Iterator
from typing import Any

import ddx
import numpy as np
from harness import Side
from problems import Problem

VERSION = f"ddx-ad {importlib.metadata.version('ddx-ad')}"
LARGEST_BY_ELEMENTS = 20  # of a Hessian without zeros: 50 takes minutes


class Scalars(list):  # type: ignore[type-arg]
    """A vector as a list of scalar nodes: each becomes straight machine code."""

    def __getitem__(self, index: Any) -> Any:
        taken = super().__getitem__(index)
        return Scalars(taken) if isinstance(index, slice) else taken

    def _with(self, other: Any, apply: Callable[[Any, Any], Any]) -> Scalars:
        others = other if isinstance(other, list) else [other] * len(self)
        return Scalars(apply(a, b) for a, b in zip(self, others))

    def __sub__(self, other: Any) -> Scalars:
        return self._with(other, operator.sub)

    def __rsub__(self, other: Any) -> Scalars:
        return self._with(other, lambda a, b: b - a)

    def __add__(self, other: Any) -> Scalars:
        return self._with(other, operator.add)

    def __mul__(self, other: Any) -> Scalars:
        return self._with(other, operator.mul)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Scalars:
        return self._with(other, operator.truediv)

    def __pow__(self, other: Any) -> Scalars:
        return self._with(other, operator.pow)


class ByElements:
    exp, sin, sqrt = ddx.exp, ddx.sin, ddx.sqrt

    @staticmethod
    def sum(x: Any) -> Any:
        return sum(x[1:], x[0])

    @staticmethod
    def log(x: Any) -> Any:
        return Scalars(map(ddx.log, x)) if isinstance(x, list) else ddx.log(x)

    @staticmethod
    def dot(a: Any, x: Any) -> Any:
        if getattr(a, "ndim", 1) == 2:
            return Scalars(ByElements.dot(row, x) for row in a)
        return ByElements.sum(Scalars(x) * Scalars(a))


class ByArrays:
    sum, log = ddx.sum, ddx.log

    @staticmethod
    def dot(a: Any, x: Any) -> Any:
        if isinstance(a, np.ndarray) and a.ndim == 2:
            a = ddx.mat_constant(*a.shape, a.ravel(order="F"))
        elif isinstance(a, np.ndarray):
            a = ddx.vec_constant(a)
        return a @ x


def sides(problem: Problem) -> Iterator[Side]:
    f, n, args = problem.function, problem.size, problem.args

    def by_elements() -> Any:
        return f(Scalars(ddx.var(f"x{i}") for i in range(n)), ByElements)

    def by_arrays() -> Any:
        return f(ddx.vec("x", n), ByArrays)

    if problem.kind == "value_and_grad":
        yield Side("ddx", lambda: ddx.equation(by_elements).compile().jacobian, args)
        yield from bound(by_elements, "JACOBIAN", args[0], lambda c: (c.value, c.jacobian))
    elif problem.kind == "hessian":
        if problem.group == "hessian" or n <= LARGEST_BY_ELEMENTS:
            build = lambda: last(ddx.equation(by_elements).compile().hessian)
            yield Side("ddx", build, args)
            yield from bound(by_elements, "HESSIAN", args[0], lambda c: c.hessian)
        if problem.group == "helmholtz":
            build = lambda: last(ddx.equation(by_arrays).dense_hessian)
            yield Side("ddx, vector nodes", build, args)


def last(call: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: call(x)[-1]


def bound(model: Any, want: str, x: Any, read: Callable[[Any], Any]) -> Iterator[Side]:
    calls: list[Any] = []

    def build() -> Any:
        equation = ddx.equation(model).compile()
        calls.append(equation.buffer(x.copy(), want=getattr(ddx.Want, want)))
        return calls[-1]

    note = "arrays bound beforehand"
    yield Side("ddx, bound buffer", build, (), note, lambda _: read(calls[-1]))
