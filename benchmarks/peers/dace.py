"""DACE (daceypy): polynomials in several variables, in C. Its algebra is one for the process."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from typing import Any

import daceypy
import numpy as np
from harness import Side
from problems import Problem

VERSION = f"daceypy {importlib.metadata.version('daceypy')}"


class Namespace:
    @staticmethod
    def dot(a: Any, x: Any) -> Any:
        return sum((w * d for w, d in zip(a, x)), daceypy.DA(0.0))

    exp, sin, cos = (staticmethod(getattr(daceypy.DA, name)) for name in ("exp", "sin", "cos"))


def sides(problem: Problem) -> Iterator[Side]:
    n, order = problem.size, problem.order
    operation = {
        "product": lambda u, v: u * v,
        "exp": lambda u, v: u.exp(),
        "quotient": lambda u, v: u / v,
    }.get(problem.kind)
    if operation is None:
        return
    daceypy.DA.init(order, n)
    u, v = problem.function([daceypy.DA(i + 1) for i in range(n)], Namespace)

    def read(y: Any) -> Any:
        """Order the coefficients as ours are."""
        import taylorad as ta

        monomials = ta.MultivariateTaylor.variables(np.zeros(n), order)[0].monomials
        return np.array([y.getCoefficient([int(k) for k in m]) for m in monomials])

    yield Side("daceypy (C)", lambda: operation, (u, v), read=read)
