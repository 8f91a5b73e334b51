"""The program behind a derivative: Wengert lists of a function, its gradient and its Hessian.

The function is the example of Baydin, Pearlmutter, Radul and Siskind, "Automatic differentiation in
machine learning: a survey", J. Mach. Learn. Res. 18 (2018); the table is their tables 2 and 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import taylorad as ta

POINT = (2.0, 5.0)
GRADIENT = (5.5, 2.0 - np.cos(5.0))  # as printed in the survey: 5.5 and 1.716


def f(x1, x2):
    return np.log(x1) + x1 * x2 - np.sin(x2)


def logistic_map(x, steps=20):
    for _ in range(steps):
        x = 4 * x * (1 - x)
    return x


@dataclass(frozen=True)
class Result:
    value: float
    gradient: tuple[float, float]  # read off the adjoints of the inputs
    error: float  # of that gradient
    lines: tuple[int, int, int]  # of the lists of f, its gradient and its Hessian
    list_operations: int  # of twenty steps of the logistic map ...
    expression_operations: int  # ... and of the expression that they stand for


def main() -> Result:
    program = ta.wengert(f, *POINT)
    gradient = ta.wengert(ta.grad(f, (0, 1)), *POINT)
    hessian = ta.wengert(ta.hessian(lambda x: f(x[0], x[1])), np.array(POINT))

    print(f"f at {POINT}, with the derivative of each line by x1, and of f by each line:\n")
    print(program.table())
    print(f"\nIts gradient:\n\n{gradient}")
    print(f"\nIts Hessian:\n\n{hessian}")
    print(f"\nf for NumPy alone:\n\n{program.python()}")

    adjoints = program.adjoints()
    found = (float(adjoints[-1]), float(adjoints[0]))
    blow_up = ta.wengert(logistic_map, 0.3).operations()
    print("Twenty steps of the logistic map:")
    print(f"  operations of the list        {blow_up.list:>9,}")
    print(f"  operations of the expression  {blow_up.expression:>9,}")
    return Result(
        value=float(program.values[5]),
        gradient=found,
        error=float(np.max(np.abs(np.subtract(found, GRADIENT)))),
        lines=(len(program), len(gradient), len(hessian)),
        list_operations=blow_up.list,
        expression_operations=blow_up.expression,
    )


if __name__ == "__main__":
    main()
