"""What ``compile.py`` measures: functions, the points they are taken at, and derivatives by hand.

A function is written once, as plain NumPy code. Its last argument is the namespace, ``numpy``
for us; a peer with a namespace of its own puts that in, and nothing else changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Problem:
    """One derivative of one function at one point.

    ``kind`` says which derivative: peers look it up. ``hand`` is that derivative written by hand
    in NumPy, called with ``args``. ``least`` is the target: the least ratio to the best peer.
    """

    group: str
    name: str
    kind: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    order: int = 0
    hand: Callable[..., Any] | None = None
    least: float = 1.0

    @property
    def size(self) -> int:
        return int(np.size(self.args[0]))


# --- functions -------------------------------------------------------------------------------


def rosenbrock(x: Any, np: Any = np) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def helmholtz(n: int) -> Callable[..., Any]:
    """Make the Helmholtz energy of a mixture of n components, a classic of the AD literature."""
    rng = np.random.default_rng(n)
    b = rng.uniform(0.5, 1.0, n) / n
    A = rng.uniform(0.1, 1.0, (n, n))
    A = (A + A.T) / 2
    root2 = 2**0.5

    def energy(x: Any, np: Any = np) -> Any:
        bx = np.dot(b, x)
        mixing = np.sum(x * np.log(x / (1 - bx)))
        attraction = np.dot(x, np.dot(A, x)) / (root2 * 2 * bx)
        return mixing - attraction * np.log((1 + (1 + root2) * bx) / (1 + (1 - root2) * bx))

    return energy


def three(x: Any, np: Any = np) -> Any:
    return np.exp(x[0]) * np.sin(x[1]) + x[2] ** 2 * x[0] / np.sqrt(1 + x[1] ** 2)


def wavy(x: Any, np: Any = np) -> Any:
    """Have a third derivative with no zero anywhere."""
    weights = 0.1 * _steps(len(x) if hasattr(x, "__len__") else x.shape[0])
    return np.exp(np.sin(np.dot(weights, x))) * np.sqrt(1 + np.dot(x, x))


def _steps(n: int) -> Any:
    return np.arange(1.0, n + 1)


def curve(x: Any, np: Any = np) -> Any:
    return np.exp(np.sin(x)) * np.sqrt(1 + x**2)


# --- functions with data, and their derivatives by hand --------------------------------------


def logistic(samples: int = 2000, n: int = 100) -> tuple[Any, Any]:
    """Make the loss of a logistic regression and its Hessian-vector product by hand."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((samples, n))
    y = np.sign(rng.standard_normal(samples))

    def loss(w: Any, np: Any = np) -> Any:
        return np.sum(np.logaddexp(0.0, -y * np.dot(X, w))) + 0.5 * np.dot(w, w)

    def hvp(w: Any, v: Any) -> Any:
        p = 1 / (1 + np.exp(-y * (X @ w)))
        return X.T @ (p * (1 - p) * (X @ v)) + v

    return loss, hvp


def perceptron(samples: int = 64) -> tuple[Any, Any]:
    """Make the loss of a network of 3-32-32-1 (1217 parameters) and its product by hand."""
    rng = np.random.default_rng(2)
    X = rng.standard_normal((samples, 3))
    y = np.sin(X.sum(1))

    def layers(t: Any) -> tuple[Any, ...]:
        W1, b1, W2, b2 = t[:96].reshape(3, 32), t[96:128], t[128:1152].reshape(32, 32), t[1152:1184]
        return W1, b1, W2, b2, t[1184:1216], t[1216]

    def loss(t: Any, np: Any = np) -> Any:
        W1, b1, W2, b2, w3, b3 = layers(t)
        hidden = np.tanh(np.tanh(X @ W1 + b1) @ W2 + b2)
        return np.mean((hidden @ w3 + b3 - y) ** 2)

    def hvp(t: Any, v: Any) -> Any:
        W1, b1, W2, b2, w3, b3 = layers(t)
        V1, c1, V2, c2, v3, c3 = layers(v)
        H = np.tanh(X @ W1 + b1)
        dH = 1 - H * H
        G = np.tanh(H @ W2 + b2)
        dG = 1 - G * G
        r = 2 / samples * (G @ w3 + b3 - y)
        RH = dH * (X @ V1 + c1)
        RG = dG * (RH @ W2 + H @ V2 + c2)
        Rr = 2 / samples * (RG @ w3 + G @ v3 + c3)
        g = np.outer(r, w3)
        z2 = g * dG
        Rz2 = (np.outer(Rr, w3) + np.outer(r, v3)) * dG - 2 * g * G * RG
        h = z2 @ W2.T
        Rz1 = (Rz2 @ W2.T + z2 @ V2.T) * dH - 2 * h * H * RH
        W2bar = RH.T @ z2 + H.T @ Rz2
        parts = (X.T @ Rz1, Rz1.sum(0), W2bar, Rz2.sum(0), RG.T @ r + G.T @ Rr, Rr.sum())
        return np.concatenate([np.ravel(part) for part in parts])

    return loss, hvp


def softplus_sum(n: int = 1000, rows: int = 100) -> tuple[Any, Any]:
    """Make a function with a dense Hessian and, by hand, that Hessian's diagonal."""
    A = np.random.default_rng(3).standard_normal((rows, n)) / n**0.5
    squares = (A * A).T.copy()

    def f(x: Any, np: Any = np) -> Any:
        return np.sum(np.log(1 + np.exp(np.dot(A, x))))

    def diagonal(x: Any) -> Any:
        p = 1 / (1 + np.exp(-(A @ x)))
        return squares @ (p * (1 - p))

    return f, diagonal


# --- the list --------------------------------------------------------------------------------


def problems() -> Iterator[Problem]:
    for n in (10, 1000, 100_000, 1_000_000):
        x, v = np.linspace(-1.0, 1.0, n), np.cos(np.arange(n))
        name = f"Rosenbrock, n = {n}"
        yield Problem("gradient", f"gradient, {name}", "gradient", rosenbrock, (x,))
        yield Problem("hvp", f"Hessian-vector product, {name}", "hvp", rosenbrock, (x, v))
    for n in (10, 100):
        x = np.linspace(-1.0, 1.0, n)
        name = f"dense Hessian, Rosenbrock, n = {n}"
        yield Problem("hessian", name, "hessian", rosenbrock, (x,))
    for n in (20, 50, 200):
        x = np.linspace(0.5, 1.0, n)
        name = f"dense Hessian, Helmholtz energy, n = {n}"
        yield Problem("helmholtz", name, "hessian", helmholtz(n), (x,))
    x = np.array([0.3, 0.7, 1.1])
    yield Problem("scalar", "value and gradient, 3 variables", "value_and_grad", three, (x,))
    rng = np.random.default_rng(0)
    for name, (f, hand), n in (
        ("logistic regression, 2000×100", logistic(), 100),
        ("MLP 3-32-32-1, 1217 parameters", perceptron(), 1217),
    ):
        point = 0.3 * rng.standard_normal(n), rng.standard_normal(n)
        yield Problem("models", f"Hessian-vector product, {name}", "hvp", f, point, hand=hand)
    f, hand = softplus_sum()
    x = rng.standard_normal(1000)
    name = "Hessian diagonal, dense function, n = 1000"
    yield Problem("diagonal", name, "diagonal", f, (x,), hand=hand)
    x = np.linspace(0.1, 0.5, 10)
    yield Problem("tensor", "third-order tensor, n = 10", "tensor", wavy, (x,), order=3)
    yield from series()
    for n, order in ((6, 6), (4, 10)):
        for operation in ("product", "exp", "quotient"):
            name = f"{operation}, {n} variables, order {order}, uncompiled"
            f = partial(several, n=n)
            yield Problem("multivariate", name, operation, f, (np.zeros(n),), order=order)


def series() -> Iterator[Problem]:
    points = np.linspace(-1.0, 1.0, 1024)
    for order in (20, 50, 200):
        name = f"series of exp(sin x)·√(1+x²), order {order}"
        yield Problem("series", name, "series", curve, (0.5,), order=order)
        eager = f"{name}, uncompiled"
        yield Problem("series", eager, "eager series", curve, (0.5,), order=order)
        many = f"{name}, 1024 points"
        yield Problem("series", many, "series", curve, (points,), order=order)


def several(x: Any, np: Any = np, n: int = 6) -> tuple[Any, Any]:
    """Give two series in n variables with no coefficient zero."""
    inner = np.dot(0.1 * _steps(n), x)
    return np.sin(1 + np.exp(inner)), 2 + np.cos(0.3 + inner)
