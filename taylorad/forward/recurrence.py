"""One recurrence for every elementwise function in every graded algebra.

Let D multiply the degree-k part of a truncated polynomial by k. D is a derivation, so
``y = f(x1, x2, ...)`` has ``D y = sum_i (df/dx_i) D x_i``, whose degree-k part needs the partials
up to degree k - 1 only; the partials may therefore use y itself.

The program of a row (see `program`) is written out as a Python function, its `kernel`, that sweeps
it degree by degree over arrays of coefficients.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np

from taylorad import dispatch
from taylorad.dispatch import shape_of
from taylorad.forward.algebra import Algebra, Univariate, aligned, buffer
from taylorad.forward.parts import (
    Apply,
    Convolution,
    Degree,
    Expression,
    Part,
    Value,
    Weighted,
    part,
)
from taylorad.forward.program import Program, program
from taylorad.primitives.elementwise import add, divide, multiply, negative, subtract
from taylorad.primitives.linear import select
from taylorad.primitives.registry import Primitive

__all__ = ["kernel", "solve"]

_OPERATORS = {add: "{} + {}", subtract: "{} - {}", multiply: "{} * {}", divide: "{} / {}"}
_OPERATORS |= {negative: "-{}", select: "select({}, {}, condition={})"}


@lru_cache(maxsize=1024)
def kernel(
    row: Primitive, moving: tuple[bool, ...], scalar: bool, linear: tuple[bool, ...]
) -> Callable[..., Any]:
    """Write the program of a row as a Python function that sweeps it degree by degree.

    The function reads like the recurrence on paper, and costs what a hand-written one costs. Its
    text is its attribute ``source``. Of line i, ``v_i`` is the value, ``y_i`` the newest part,
    ``p_i`` the array of all parts, ``w_i`` that of D p_i; ``r_i`` is p_i reversed, so that both
    factors of a dot product are contiguous, and ``s_i`` the slope of a linear argument.

    Parameters
    ----------
    row : Primitive
    moving : tuple of bool
        Which arguments carry parts.
    scalar : bool
        One series in one variable, of plain numbers: a convolution is then a dot product.
    linear : tuple of bool
        Which arguments are x_0 + x_1 t, in one variable, as those are that computations start
        from: a convolution with one of them has two terms.

    Returns
    -------
    callable
        ``(algebra, y0, *xs) -> coefficients``.
    """
    return _Writer(program(row, moving), scalar, linear).function()


class _Writer:
    def __init__(self, lines: Program, scalar: bool, linear: tuple[bool, ...]) -> None:
        self.program, self.steps, self.scalar = lines, lines.steps, scalar
        self.linear = {i for i, is_linear in enumerate(linear) if is_linear}
        self.scope: dict[str, Any] = {"select": select, "buffer": buffer, "shape_of": shape_of}
        self.used: set[str] = set()  # the arrays that the recurrence reads

    def function(self) -> Callable[..., Any]:
        computed = [i for i, s in enumerate(self.steps) if s.moves and s.primitive is not None]
        parts = {i: _bare(self.written(part(self.program, i))) for i in computed}
        result = self.program.result
        reverse = f"r_{result}" in self.used and f"p_{result}" not in self.used
        answer = f"r_{result}[::-1].copy()" if reverse else self.array("p", result)
        loop = [] if self.scalar else ["g = grade[k]"]
        if any(name.startswith("r_") for name in self.used):
            loop = ["back, end = order - k, k + 1"]
        for i, expression in parts.items():
            loop.append(f"y_{i} = {expression}")
            stores = {"p": f"[{self.at}] = y_{i}", "w": f"[{self.at}] = k * y_{i}"}
            stores["r"] = f"[back] = y_{i}"
            loop += [f"{x}_{i}{store}" for x, store in stores.items() if f"{x}_{i}" in self.used]
        arguments = range(self.program.arguments)
        text = f"def sweep(algebra, y, {', '.join(f'x_{i}' for i in arguments)}):\n"
        text += "    size, order, grade = algebra.size, algebra.order, algebra.grade\n"
        text += "    weights, convolve = algebra.weights, algebra.convolve\n"
        text += "".join(f"    {line}\n" for i in range(len(self.steps)) for line in self.start(i))
        text += "    for k in range(1, order + 1):\n"
        text += "".join(f"        {line}\n" for line in loop)
        text += f"    return {answer}\n"
        exec(text, self.scope)
        self.scope["sweep"].source = text
        return self.scope["sweep"]  # type: ignore[no-any-return]

    @property
    def at(self) -> str:
        return "k" if self.scalar else "g"

    def array(self, kind: str, i: int) -> str:
        """The name of an array, which is made and kept because it is asked for."""
        self.used.add(f"{kind}_{i}")
        return f"{kind}_{i}"

    def start(self, i: int) -> list[str]:
        """The value of a line, and its arrays holding that value alone."""
        step = self.steps[i]
        if i < self.program.arguments:
            if not step.moves:
                return [f"v_{i} = x_{i}"]
            made = {"p": f"x_{i}", "w": f"x_{i} * weights(x_{i}.ndim - 1)"}
            made |= {"r": f"x_{i}[::-1].copy()", "s": f"x_{i}[1]"}
            lines = [f"v_{i} = x_{i}[0]"]
            return lines + [f"{x}_{i} = {e}" for x, e in made.items() if f"{x}_{i}" in self.used]
        if step.primitive is None:
            self.scope[f"v_{i}"] = step.number
            return []
        if i == self.program.result:
            lines = [f"v_{i} = y"]
        else:
            assert step.primitive is not None
            if step.params:
                self.scope[f"f_{i}"] = partial(step.primitive, **step.params)
            else:  # on plain numbers a row is its value
                self.scope[f"f_{i}"] = step.primitive.value if self.scalar else step.primitive
            form = f"f_{i}({', '.join('{}' for _ in step.operands)})"
            if step.primitive in (add, subtract, multiply, negative, select):
                form = _OPERATORS[step.primitive]  # a quotient of Python's numbers would raise
            lines = [f"v_{i} = {form.format(*(f'v_{j}' for j in step.operands))}"]
        for x, first in (("p", "0"), ("r", "order"), ("w", "")):
            if step.moves and f"{x}_{i}" in self.used:
                shape = "size" if self.scalar else f"(size, *shape_of(v_{i}))"
                lines.append(f"{x}_{i} = buffer(v_{i}, {shape})")
                lines += [f"{x}_{i}[{first}] = v_{i}"] if first else []
        return lines

    def written(self, expression: Expression) -> str:
        """Write a part, or what it is made of, as an expression of Python."""
        match expression:
            case Part(line):
                of_argument = line < self.program.arguments
                return f"{self.array('p', line)}[{self.at}]" if of_argument else f"y_{line}"
            case Weighted(line):
                return f"{self.array('w', line)}[{self.at}]"
            case Value(line):
                return "0.0" if line is None else f"v_{line}"
            case Degree():
                return "k"
            case Convolution():
                return self.convolution(expression)
            case Apply(row, operands):
                return f"({_OPERATORS[row].format(*map(self.written, operands))})"

    def convolution(self, sought: Convolution) -> str:
        """Write a convolution: of two terms, as a dot product, or as a call of the algebra's."""
        a, b, low, high = sought.a, sought.b, sought.low, sought.high
        if a in self.linear and not high:
            slope = f"{self.array('s', a)} * {self.array('p', b)}[k - 1]"
            return slope if low else f"(v_{a} * {self.written(Part(b))} + {slope})"
        first = self.array("w" if sought.weighted else "p", a)
        if b in self.linear:
            slope = f"{first}[k - 1] * {self.array('s', b)}"
            return slope if high else f"({first}[k] * v_{b} + {slope})"
        if not self.scalar:
            return f"convolve({first}, {self.array('p', b)}, k, {low}, {high})"
        start, stop = ("back + 1" if low else "back"), ("order" if high else "")
        ends = "k" if high else "end"
        return f"{first}[{low}:{ends}].dot({self.array('r', b)}[{start}:{stop}])"


def _bare(expression: str) -> str:
    """Take the outermost parentheses off."""
    depth = [0]
    for letter in expression:
        depth.append(depth[-1] + (letter == "(") - (letter == ")"))
    around = expression.startswith("(") and depth.index(0, 1) == len(expression)
    return expression[1:-1] if around else expression


def solve(
    algebra: Algebra, row: Primitive, xs: list[Any], moving: tuple[bool, ...], y0: Any
) -> Any:
    """Give the coefficients of ``y = row(*xs)``.

    Parameters
    ----------
    algebra : Algebra
    row : Primitive
    xs : list of arrays
        Coefficients of the arguments that move; plain values of the others.
    moving : tuple of bool
        Which arguments move.
    y0 : array
        The value, computed already.
    """
    ndim = len(shape_of(y0))
    univariate = isinstance(algebra, Univariate)
    scalar, linear = univariate and not ndim, []
    for x, moves in zip(xs, moving):
        scalar = scalar and not isinstance(x, dispatch.Value)
        linear.append(univariate and moves and _is_linear(x))
    if ndim:
        xs = [aligned(x, ndim) if moves else x for x, moves in zip(xs, moving)]
    return kernel(row, moving, scalar, tuple(linear))(algebra, y0, *xs)


def _is_linear(x: Any) -> bool:
    """Tell whether a series ends at degree 1, in all that it carries."""
    if isinstance(x, dispatch.Value):
        if x.tag != 0:
            return False
        x = x.primal
    return len(x) > 1 and not np.count_nonzero(x[2:])
