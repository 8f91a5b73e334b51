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

from taylorad.dispatch import Value, shape_of
from taylorad.forward.algebra import Algebra, Univariate, aligned, buffer
from taylorad.forward.program import Program, Step, program
from taylorad.primitives.elementwise import add, divide, multiply, negative, subtract
from taylorad.primitives.linear import select
from taylorad.primitives.registry import Elementwise

__all__ = ["kernel", "solve"]

_OPERATORS = {add: "{} + {}", subtract: "{} - {}", multiply: "{} * {}", divide: "{} / {}"}
_OPERATORS |= {negative: "-{}", select: "select({}, {}, condition={})"}


@lru_cache(maxsize=1024)
def kernel(
    row: Elementwise, moving: tuple[bool, ...], scalar: bool, linear: tuple[bool, ...]
) -> Callable[..., Any]:
    """Write the program of a row as a Python function that sweeps it degree by degree.

    The function reads like the recurrence on paper, and costs what a hand-written one costs. Its
    text is its attribute ``source``. Of line i, ``v_i`` is the value, ``y_i`` the newest part,
    ``p_i`` the array of all parts, ``w_i`` that of D p_i; ``r_i`` is p_i reversed, so that both
    factors of a dot product are contiguous, and ``s_i`` the slope of a linear argument.

    Parameters
    ----------
    row : Elementwise
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
        parts = {i: self.part(i) for i in computed}
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

    def part(self, i: int) -> str:
        """The degree-k part of a line, as an expression."""
        step = self.steps[i]
        if step.equation:
            return self.equation(i, step)
        operands = step.operands
        moving = [self.steps[j].moves for j in operands]
        if step.primitive is multiply and all(moving):
            return self.convolution("p", *operands)
        if step.primitive is divide and moving[1]:
            known = self.convolution("p", i, operands[1], high=1)
            return f"({self.piece(operands[0])} - {known}) / v_{operands[1]}"
        if step.primitive is add and not all(moving):
            return self.piece(operands[moving.index(True)])
        pieces = [self.piece(j) for j in operands]
        if step.primitive in (multiply, divide, select):  # constant factors and conditions
            pieces = [
                piece if moves or (step.primitive is select and n < 2) else f"v_{j}"
                for n, (j, moves, piece) in enumerate(zip(operands, moving, pieces, strict=True))
            ]
        assert step.primitive is not None
        return _OPERATORS[step.primitive].format(*pieces)

    def piece(self, j: int) -> str:
        """The degree-k part of a line that comes earlier."""
        if not self.steps[j].moves:
            return "0.0"
        return f"y_{j}" if j >= self.program.arguments else f"{self.array('p', j)}[{self.at}]"

    def equation(self, i: int, step: Step) -> str:
        """``d Dy = sum n Dx``, solved for the degree-k part of y."""
        total = ""
        for x, sign, n in step.equation:
            if self.steps[n].moves:
                term = self.convolution("w", x, n, low=1)
            else:
                term = f"{self.array('w', x)}[{self.at}] * v_{n}"
            total += f" {sign} {term}"
        # A leading minus is written as a difference: -0.0 would be printed as such.
        total = total.removeprefix(" + ") if total.startswith(" +") else f"0.0{total}"
        if step.denominator is None:
            return f"({total}) / k"
        known = self.convolution("w", i, step.denominator, low=1, high=1)
        return f"({total} - {known}) / (k * v_{step.denominator})"

    def convolution(self, left: str, a: int, b: int, low: int = 0, high: int = 0) -> str:
        """The sum of the degree-j part of a times the degree-(k-j) part of b.

        It runs over ``low <= j <= k - high``. ``left`` is "w" if D a is meant, which has no part of
        degree 0.
        """
        if a in self.linear and not high:
            slope = f"{self.array('s', a)} * {self.array('p', b)}[k - 1]"
            return slope if low else f"(v_{a} * {self.piece(b)} + {slope})"
        first = self.array(left, a)
        if b in self.linear:
            slope = f"{first}[k - 1] * {self.array('s', b)}"
            return slope if high else f"({first}[k] * v_{b} + {slope})"
        if not self.scalar:
            return f"convolve({first}, {self.array('p', b)}, k, {low}, {high})"
        start, stop = ("back + 1" if low else "back"), ("order" if high else "")
        ends = "k" if high else "end"
        return f"{first}[{low}:{ends}].dot({self.array('r', b)}[{start}:{stop}])"


def solve(
    algebra: Algebra, row: Elementwise, xs: list[Any], moving: tuple[bool, ...], y0: Any
) -> Any:
    """Give the coefficients of ``y = row(*xs)``.

    Parameters
    ----------
    algebra : Algebra
    row : Elementwise
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
        scalar = scalar and not isinstance(x, Value)
        linear.append(univariate and moves and _is_linear(x))
    if ndim:
        xs = [aligned(x, ndim) if moves else x for x, moves in zip(xs, moving)]
    return kernel(row, moving, scalar, tuple(linear))(algebra, y0, *xs)


def _is_linear(x: Any) -> bool:
    """Tell whether a series ends at degree 1, in all that it carries."""
    if isinstance(x, Value):
        if x.tag != 0:
            return False
        x = x.primal
    return len(x) > 1 and not np.count_nonzero(x[2:])
