"""SymEngine: symbolic derivatives, made into machine code by its LLVM back end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import symengine
from harness import Side
from problems import Problem

VERSION = f"symengine {symengine.__version__}"
LARGEST_WITHOUT_ZEROS = 20  # 50 takes more than four minutes


class Namespace:
    sum, dot = staticmethod(np.sum), staticmethod(np.dot)
    log = np.frompyfunc(symengine.log, 1, 1)


def sides(problem: Problem) -> Iterator[Side]:
    sparse = problem.group == "hessian"
    if problem.kind == "hessian" and (sparse or problem.size <= LARGEST_WITHOUT_ZEROS):
        build = lambda: hessian(problem.function, problem.size)
        yield Side("symengine LLVM", build, problem.args)


def hessian(f: Callable[..., Any], n: int) -> Callable[..., Any]:
    symbols = list(symengine.symbols(f"x:{n}"))
    x = np.array(symbols, dtype=object)
    variables = symengine.Matrix(symbols)
    gradient = symengine.Matrix([f(x, Namespace)]).jacobian(variables)
    second = gradient.T.jacobian(variables)
    return symengine.Lambdify(
        symbols, second, backend="llvm", cse=True, real=True, order="C", opt_level=3
    )
