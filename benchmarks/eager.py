"""Derivatives without compiling, against the peers: ``python benchmarks/eager.py [--write]``.

Prints a Markdown table; ``--write`` puts it into README.md and docs/benchmarks.md as well. Needs
the peers: ``pip install -e ".[bench]"``.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # one core for every side

import algopy
import autograd
import autograd.numpy
import daceypy
import numpy as np
from harness import ROOT, Row, measure, table, write_block

import taylorad as ta

# --- gradients and Hessians, against autograd ------------------------------------------------


def rosenbrock(x: Any, np: Any = np) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def wrapped_rosenbrock(x: Any) -> Any:
    return rosenbrock(x, autograd.numpy)


def reverse_rows() -> Iterator[Row]:
    ours, theirs = ta.grad(rosenbrock), autograd.grad(wrapped_rosenbrock)
    for n in (10, 1000, 100_000):
        x = np.linspace(-1.0, 1.0, n)
        yield row(
            f"gradient, Rosenbrock, n = {n}",
            "autograd",
            lambda x=x: ours(x),
            lambda x=x: theirs(x),
            least=1,
        )
    ours2, theirs2 = ta.hessian(rosenbrock), autograd.hessian(wrapped_rosenbrock)
    x = np.linspace(-1.0, 1.0, 100)
    yield row(
        "dense Hessian, Rosenbrock, n = 100",
        "autograd",
        lambda: ours2(x),
        lambda: theirs2(x),
        least=5,
    )


# --- series in one variable, against recurrences by hand and algopy --------------------------


def sin_by_hand(x: Any) -> Any:
    n = len(x)
    s, c = np.empty(n), np.empty(n)
    dx = np.arange(n) * x
    s[0], c[0] = np.sin(x[0]), np.cos(x[0])
    for k in range(1, n):
        d = dx[1 : k + 1]
        s[k] = np.dot(d, c[k - 1 :: -1]) / k
        c[k] = -np.dot(d, s[k - 1 :: -1]) / k
    return s


def exp_by_hand(x: Any) -> Any:
    n = len(x)
    y = np.empty(n)
    dx = np.arange(n) * x
    y[0] = np.exp(x[0])
    for k in range(1, n):
        y[k] = np.dot(dx[1 : k + 1], y[k - 1 :: -1]) / k
    return y


def sqrt_by_hand(x: Any) -> Any:
    y = np.empty(len(x))
    y[0] = np.sqrt(x[0])
    for k in range(1, len(x)):
        y[k] = (x[k] - np.dot(y[1:k], y[k - 1 : 0 : -1])) / (2 * y[0])
    return y


def product_by_hand(a: Any, b: Any) -> Any:
    c = np.empty(len(a))
    for k in range(len(a)):
        c[k] = np.dot(a[: k + 1], b[k::-1])
    return c


def by_hand(x0: float, order: int) -> Any:
    x = np.zeros(order + 1)
    x[:2] = x0, 1.0
    square = product_by_hand(x, x)
    square[0] += 1.0
    return product_by_hand(exp_by_hand(sin_by_hand(x)), sqrt_by_hand(square))


def by_algopy(x0: float, order: int) -> Any:
    x = algopy.UTPM(np.zeros((order + 1, 1)))
    x.data[:2, 0] = x0, 1.0
    return (algopy.exp(algopy.sin(x)) * algopy.sqrt(1 + x**2)).data[:, 0]


def function(x: Any) -> Any:
    return np.exp(np.sin(x)) * np.sqrt(1 + x**2)


def series_rows() -> Iterator[Row]:
    for order in (20, 50, 200):
        for peer, theirs in (("NumPy dot products, by hand", by_hand), ("algopy", by_algopy)):
            yield row(
                f"series of exp(sin x)·√(1+x²), order {order}",
                peer,
                lambda order=order: ta.taylor(function, 0.5, order).coefficients,
                lambda order=order, theirs=theirs: theirs(0.5, order),
                least=1,
            )


# --- series in several variables, against DACE -----------------------------------------------


def multivariate_rows(n: int = 6, order: int = 6) -> Iterator[Row]:
    daceypy.DA.init(order, n)
    weights = 0.1 * np.arange(1, n + 1)
    # Two series with all their coefficients, in both libraries.
    u, v = ta.multivariate_taylor(
        lambda x: (np.sin(1 + np.exp(weights @ x)), 2 + np.cos(0.3 + weights @ x)),
        np.zeros(n),
        order,
    )
    x = [daceypy.DA(i + 1) for i in range(n)]
    inner = sum((w * d for w, d in zip(weights, x)), daceypy.DA(0.0))
    U, V = (1 + inner.exp()).sin(), 2 + (0.3 + inner).cos()

    def same(a: Any, b: Any) -> None:
        theirs = [b.getCoefficient(list(m)) for m in a.monomials]
        np.testing.assert_allclose(a.coefficients, theirs, rtol=1e-9, atol=1e-13)

    size = f"{n} variables, order {order}"
    for name, f, g in (
        ("product", lambda: u * v, lambda: U * V),
        ("exp", lambda: np.exp(u), lambda: U.exp()),
        ("quotient", lambda: u / v, lambda: U / V),
    ):
        yield Row(f"{name}, {size}", "daceypy (C)", f, g, 0.1, lambda f=f, g=g: same(f(), g()))


def row(
    problem: str, peer: str, ours: Callable[[], Any], theirs: Callable[[], Any], least: float
) -> Row:
    """Make a row whose sides give arrays."""

    def check() -> None:
        a, b = ours(), theirs()
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-13 * np.max(np.abs(b)))

    return Row(problem, peer, ours, theirs, least, check)


# --- import ----------------------------------------------------------------------------------


def import_time(rounds: int = 15) -> str:
    """Say how much ``import taylorad`` adds to ``import numpy``, in fresh processes."""
    program = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"

    with tempfile.TemporaryDirectory() as cache:  # byte-compiled, as an installed package is
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)

        def once(modules: str) -> float:
            command = [sys.executable, "-c", program.format(modules)]
            run = subprocess.run(command, env=environment, capture_output=True, check=True)
            return float(run.stdout)

        once("numpy, taylorad")
        pairs = [(once("numpy"), once("numpy, taylorad")) for _ in range(rounds)]
    numpy, both = (statistics.median(column) for column in zip(*pairs))
    return (
        f"`import taylorad` adds {1e3 * (both - numpy):.0f} ms to the {1e3 * numpy:.0f} ms of "
        "`import numpy` (target: less than 60 ms)."
    )


def versions() -> str:
    """Say what was measured."""
    names = ("numpy", "autograd", "algopy", "daceypy")
    numbers = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    return f"Python {platform.python_version()}, {numbers}."


# --- the table -------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into README.md and docs/ too")
    parser.add_argument("--only", default="", help="rows whose problem or peer contains this")
    parser.add_argument("--budget", type=float, default=1.5, help="seconds a row")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # algopy's, about NumPy
    chosen = [
        r
        for r in (*reverse_rows(), *series_rows(), *multivariate_rows())
        if options.only in r.problem + r.peer
    ]
    text = table(measure(r, options.budget) for r in chosen)
    if not options.only:
        text += f"\n\n{import_time()} {versions()}"
    print(text)
    if options.write:
        for page in ("README.md", "docs/benchmarks.md"):
            done = write_block(ROOT / page, "eager", text)
            print(f"{page}: {'written' if done else 'has no markers'}", file=sys.stderr)


if __name__ == "__main__":
    main()
