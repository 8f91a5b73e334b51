"""python-flint: ball arithmetic on power series, at the precision of a double."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import flint
import numpy as np
from harness import Side
from problems import Problem

VERSION = f"python-flint {flint.__version__}"


class Namespace:
    @staticmethod
    def exp(x: Any) -> Any:
        return x.exp()

    @staticmethod
    def sin(x: Any) -> Any:
        return x.sin()

    @staticmethod
    def sqrt(x: Any) -> Any:
        return x.sqrt()


def sides(problem: Problem) -> Iterator[Side]:
    if problem.kind in ("series", "eager series") and problem.size == 1:
        build = lambda: series(problem.function, problem.order)
        yield Side("python-flint", build, problem.args)


def series(f: Callable[..., Any], order: int) -> Callable[..., Any]:
    flint.ctx.prec = 53
    flint.ctx.cap = order + 1

    def coefficients(x: float) -> Any:
        y = f(flint.arb_series([x, 1]), Namespace)
        return np.array([float(c) for c in y.coeffs()])

    return coefficients
