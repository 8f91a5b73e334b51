"""heyoka: a compiled function of the tensor of derivatives."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import heyoka
import numpy as np
from harness import Side
from problems import Problem

VERSION = f"heyoka {heyoka.__version__}"


class Namespace:
    exp, sin, sqrt = heyoka.exp, heyoka.sin, heyoka.sqrt
    dot = staticmethod(np.dot)


def sides(problem: Problem) -> Iterator[Side]:
    if problem.kind == "tensor":
        build = lambda: tensor(problem.function, problem.size, problem.order)
        yield Side("heyoka", build, problem.args)


def tensor(f: Callable[..., Any], n: int, order: int) -> Callable[..., Any]:
    names = heyoka.make_vars(*(f"x{i}" for i in range(n)))
    x = np.array(names, dtype=object)
    derivatives = heyoka.diff_tensors([f(x, Namespace)], names, diff_order=order)
    entries = []
    for index in itertools.product(range(n), repeat=order):
        entries.append(derivatives[[0, *(index.count(i) for i in range(n))]])
    compiled = heyoka.cfunc(entries, names)
    shape = (n,) * order
    return lambda x: compiled(x).reshape(shape)
