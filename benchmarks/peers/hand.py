"""Derivatives written by hand in NumPy, where a problem has one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy
from harness import Side
from problems import Problem

VERSION = f"NumPy {numpy.__version__}"


def sides(problem: Problem) -> Iterator[Side]:
    if problem.hand is not None:
        yield Side("NumPy, by hand", lambda: problem.hand, problem.args)
