"""CasADi: its virtual machine, and the C code it generates compiled by gcc.

Three ways to call it are timed: the default one, which converts its arguments; its ``buffer()``
interface with values copied in and a new array out, as a caller with NumPy arrays needs; and the
same with the arrays bound beforehand, where nothing goes in or out.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import casadi
import numpy as np
from harness import Side
from problems import Problem

VERSION = f"CasADi {casadi.__version__}"
LARGEST_BY_ELEMENTS = 1000  # beyond, only whole-array nodes (MX)
GCC_FLAGS = ("-O2", "-march=native", "-fPIC", "-shared")


class Namespace:
    sum, exp, log, sin, sqrt = casadi.sum1, casadi.exp, casadi.log, casadi.sin, casadi.sqrt

    @staticmethod
    def dot(a: Any, x: Any) -> Any:
        a = casadi.DM(a) if isinstance(a, np.ndarray) else a
        return casadi.dot(a, x) if a.shape[1] == 1 else casadi.mtimes(a, x)


def sides(problem: Problem) -> Iterator[Side]:
    if problem.kind not in OUTPUTS or problem.group == "models":
        return
    ways = [("CasADi", by_elements, False), ("CasADi MX", by_arrays, False)]
    if problem.size > (50 if problem.group == "helmholtz" else LARGEST_BY_ELEMENTS):
        del ways[0]
    if shutil.which("gcc") and gcc_takes_seconds(problem):
        ways.append(("CasADi gcc", by_elements, True))
    if shutil.which("gcc") and problem.group == "helmholtz" and problem.size <= 50:
        ways.append(("CasADi MX gcc", by_arrays, True))
    for name, symbol, gcc in ways:
        made = functools.cache(functools.partial(function, problem, symbol, gcc))
        yield Side(f"{name}, buffer", lambda made=made: buffered(made(), problem), problem.args)
        yield bound(f"{name}, bound buffer", made, problem)
        if not gcc and problem.size <= 100:
            build = lambda made=made: default(made(), problem)
            yield Side(f"{name}, default call", build, problem.args, prepared=False)


def gcc_takes_seconds(problem: Problem) -> bool:
    limit = {"gradient": 100, "hvp": 100, "hessian": 100, "helmholtz": 20}
    return problem.size <= limit.get(problem.group, 10)


# --- symbols to functions --------------------------------------------------------------------


def by_elements(name: str, n: int) -> Any:
    return casadi.SX.sym(name, n)


def by_arrays(name: str, n: int) -> Any:
    return casadi.MX.sym(name, n)


def third(y: Any, x: Any) -> Any:
    second = casadi.hessian(y, x)[0]
    return casadi.densify(casadi.jacobian(casadi.vec(casadi.densify(second)), x))


OUTPUTS: dict[str, Callable[..., list[Any]]] = {
    "gradient": lambda y, x: [casadi.gradient(y, x)],
    "value_and_grad": lambda y, x: [y, casadi.gradient(y, x)],
    "hvp": lambda y, x, v: [casadi.jtimes(casadi.gradient(y, x), x, v)],
    "hessian": lambda y, x: [casadi.densify(casadi.hessian(y, x)[0])],
    "tensor": lambda y, x: [third(y, x)],
}


def function(problem: Problem, symbol: Callable[..., Any], gcc: bool) -> Any:
    inputs = [symbol(f"x{i}", np.size(a)) for i, a in enumerate(problem.args)]
    outputs = OUTPUTS[problem.kind](problem.function(inputs[0], Namespace), *inputs)
    outputs = [casadi.densify(y) for y in outputs]
    made = casadi.Function("F", inputs, outputs, {"cse": True})
    return compiled(made) if gcc else made


def compiled(f: Any) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        generator = casadi.CodeGenerator("F.c")
        generator.add(f)
        generator.generate(f"{folder}/")
        library = str(Path(folder) / "F.so")
        command = ["gcc", *GCC_FLAGS, str(Path(folder) / "F.c"), "-o", library]
        subprocess.run(command, check=True, capture_output=True)
        return casadi.external("F", library)


# --- ways to call ----------------------------------------------------------------------------


def shapes(problem: Problem) -> list[tuple[int, ...]]:
    """Say what comes out. Hessians and tensors are symmetric, so their order does not matter."""
    n = problem.size
    return {
        "value_and_grad": [(), (n,)],
        "hessian": [(n, n)],
        "tensor": [(n, n, n)],
    }.get(problem.kind, [(n,)])


def bind(f: Any, problem: Problem) -> tuple[list[Any], list[Any], Callable[[], None], Any]:
    """Give arrays, the call that reads and fills them, and the object that must outlive it."""
    buffer, trigger = f.buffer()
    inputs = [np.array(a) for a in problem.args]
    outputs = [np.zeros(shape) for shape in shapes(problem)]
    for i, a in enumerate(inputs):
        buffer.set_arg(i, memoryview(a))
    for i, a in enumerate(outputs):
        buffer.set_res(i, memoryview(a))
    return inputs, outputs, trigger, buffer


def bound(name: str, make: Callable[[], Any], problem: Problem) -> Side:
    kept: list[Any] = []

    def build() -> Callable[[], None]:
        kept[:] = bind(make(), problem)
        return kept[2]

    note, read = "arrays bound beforehand", lambda _: tuple(kept[1])
    return Side(name, build, (), note, read, prepared=False)


def buffered(f: Any, problem: Problem) -> Callable[..., Any]:
    inputs, outputs, trigger, buffer = bind(f, problem)
    if len(outputs) == 2:
        (inside,), (value, gradient) = inputs, outputs

        def call(x: Any) -> Any:
            inside[:] = x
            trigger()
            return value.item(), gradient.copy()

    elif len(inputs) == 2:
        (first, second), (outside,) = inputs, outputs

        def call(x: Any, v: Any) -> Any:
            first[:] = x
            second[:] = v
            trigger()
            return outside.copy()

    else:
        (inside,), (outside,) = inputs, outputs

        def call(x: Any) -> Any:
            inside[:] = x
            trigger()
            return outside.copy()

    call.buffer = buffer  # the arrays' addresses live in it
    return call


def default(f: Any, problem: Problem) -> Callable[..., Any]:
    shape = shapes(problem)[-1]
    if problem.kind == "value_and_grad":

        def call(x: Any) -> Any:
            value, gradient = f(x)
            return float(value), gradient.full().ravel()

        return call
    return lambda *args: f(*args).full().reshape(shape)
