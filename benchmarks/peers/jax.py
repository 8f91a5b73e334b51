"""JAX: ``jax.jit`` of the derivative, in double precision, on one thread.

NumPy arrays go in as they are, and ``np.asarray`` of the result, which copies nothing, comes out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from harness import Side
from jax.experimental.jet import jet
from problems import Problem

jax.config.update("jax_enable_x64", True)
jax.jit(lambda x: x + 1)(np.ones(3)).block_until_ready()  # start the backend

VERSION = f"JAX {jax.__version__}"
HIGHEST_ORDER, HIGHEST_OF_MANY = 50, 20  # of series: compiling takes a minute there


def called(jitted: Callable[..., Any]) -> Callable[..., Any]:
    """Take NumPy arrays and give NumPy arrays."""
    return lambda *args: np.asarray(jitted(*args))


def sides(problem: Problem) -> Iterator[Side]:
    def f(x: Any) -> Any:
        return problem.function(x, jnp)

    def side(name: str, make: Callable[[], Any], args: Any = problem.args, note: str = "") -> Side:
        return Side(name, lambda: called(jax.jit(make())), args, note=note)

    kind, order = problem.kind, problem.order
    if kind == "gradient":
        yield side("JAX", lambda: jax.grad(f))
    elif kind == "value_and_grad":
        yield Side("JAX", lambda: both(jax.jit(jax.value_and_grad(f))), problem.args)
    elif kind == "hvp":
        x, v = problem.args
        yield side("JAX", lambda: lambda x, v: jax.jvp(jax.grad(f), (x,), (v,))[1])
        if problem.group == "models":
            linear = lambda: jax.linearize(jax.grad(f), jnp.asarray(x))[1]
            yield side("JAX, linearised", linear, (v,), note="at one x, prepared")
    elif kind == "hessian":
        yield side("JAX", lambda: jax.hessian(f))
    elif kind == "diagonal":
        yield side("JAX", lambda: diagonal(f, jnp.eye, problem.size))
        yield side("JAX, constants folded", lambda: diagonal(f, np.eye, problem.size))
    elif kind == "tensor":
        yield side("JAX", lambda: jax.jacfwd(jax.jacfwd(jax.jacfwd(f))))
    elif kind == "series" and order <= (HIGHEST_ORDER if problem.size == 1 else HIGHEST_OF_MANY):
        one = series(f, order)
        many = jax.vmap(one, out_axes=1)
        yield side("JAX jet", lambda: one if problem.size == 1 else many)


def both(jitted: Callable[..., Any]) -> Callable[..., Any]:
    def call(x: Any) -> tuple[float, Any]:
        value, gradient = jitted(x)
        return float(value), np.asarray(gradient)

    return call


def diagonal(f: Callable[..., Any], eye: Callable[[int], Any], n: int) -> Callable[..., Any]:
    """Differentiate twice along each axis, all axes at once.

    With NumPy's unit vectors their products with the data are constants, which XLA computes while
    it compiles: seconds there, and much faster calls.
    """

    def along(x: Any, e: Any) -> Any:
        return jax.jvp(lambda x: jax.jvp(f, (x,), (e,))[1], (x,), (e,))[1]

    return lambda x: jax.vmap(along, (None, 0))(x, eye(n))


def series(f: Callable[..., Any], order: int) -> Callable[..., Any]:
    factorials = np.array([math.factorial(k) for k in range(order + 1)], dtype=float)

    def coefficients(x: Any) -> Any:
        line = [1.0] + [0.0] * (order - 1)
        value, derivatives = jet(f, (jnp.asarray(x, float),), (line,))
        return jnp.stack([value, *derivatives]) / factorials

    return coefficients
