"""How expressions look: in text, and in LaTeX.

A form is made of few devices: a sign between two operands, a word before one, a call, a part of an
array. The two notations say how each device looks; `phrases` says which form an operation has.
Arrays are written as NumPy writes them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

__all__ = ["LATEX", "TEXT", "Notation", "Phrase"]


class Phrase(NamedTuple):
    """An expression, and whether it needs parentheses to be an operand of another."""

    text: str
    compound: bool = False


_LONGEST = 6  # entries of an array that are written out


class Notation:
    """How each device looks: to be subclassed."""

    def variable(self, number: int) -> str:
        """Write the name of a line."""
        raise NotImplementedError

    def infix(self, sign: str, a: str, b: str) -> Phrase:
        """Write a sign between two operands."""
        raise NotImplementedError

    def prefix(self, word: str, a: str) -> Phrase:
        """Write a function before its only argument."""
        raise NotImplementedError

    def call(self, word: str, args: Sequence[str]) -> Phrase:
        """Write a function with its arguments in parentheses."""
        raise NotImplementedError

    def power(self, a: str, b: str) -> Phrase:
        """Write a power."""
        raise NotImplementedError

    def root(self, a: str) -> Phrase:
        """Write a square root."""
        raise NotImplementedError

    def transposed(self, a: str) -> Phrase:
        """Write the transpose of a matrix."""
        raise NotImplementedError

    def between(self, word: str) -> str:
        """Write a word of English between two expressions."""
        raise NotImplementedError

    def code(self, text: str) -> str:
        """Write what looks as it does in a program: keys, shapes, words."""
        raise NotImplementedError

    def number(self, x: Any) -> str:
        """Write a number, to six digits."""
        raise NotImplementedError

    def constant(self, value: Any, broadcasts: bool = False) -> str:
        """Write a constant; where operands broadcast, a number stands for an array of it."""
        if not isinstance(value, np.ndarray):
            return self.number(value)
        flat = value.ravel()
        if flat.size and flat.dtype.kind != "O" and np.all(flat == flat[0]):
            shape = ", ".join(map(str, value.shape))
            if broadcasts:
                return self.number(flat[0])
            named = {0: "zeros", 1: "ones"}.get(flat[0])
            return self.code(f"{named}({shape})") if named else self._full(flat[0], value.shape)
        if value.ndim == 2 and value.shape[0] == value.shape[1] > 1 and _is_identity(value):
            return self.code(f"eye({len(value)})")
        if value.size > _LONGEST:
            return self.code(f"array({', '.join(map(str, value.shape))})")
        return self._nested(value)

    def _full(self, number: Any, shape: tuple[int, ...]) -> str:
        return self.call("full", [self.code(str(shape)), self.number(number)]).text

    def _nested(self, value: Any) -> str:
        if not np.ndim(value):
            return self.number(value)
        return f"[{', '.join(self._nested(v) for v in value)}]"


def _is_identity(value: Any) -> bool:
    return bool(np.array_equal(value, np.eye(len(value))))


# --- the two notations -----------------------------------------------------------------------

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class _Text(Notation):
    def variable(self, number: int) -> str:
        return f"v{number}"

    def infix(self, sign: str, a: str, b: str) -> Phrase:
        return Phrase(f"{a} {sign} {b}", True)

    def prefix(self, word: str, a: str) -> Phrase:
        return Phrase(f"{word} {a}")

    def call(self, word: str, args: Sequence[str]) -> Phrase:
        return Phrase(f"{word}({', '.join(args)})")

    def power(self, a: str, b: str) -> Phrase:
        if re.fullmatch(r"-?\d{1,2}", b) and a[:1] != "-":
            return Phrase(a + b.translate(_SUPERSCRIPTS))
        return Phrase(f"{a} ** {b}", True)

    def root(self, a: str) -> Phrase:
        return Phrase(f"√{a}" if a.startswith("(") else f"sqrt {a}")

    def transposed(self, a: str) -> Phrase:
        return Phrase(f"{a}ᵀ")

    def between(self, word: str) -> str:
        return f" {word} "

    def code(self, text: str) -> str:
        return text

    def number(self, x: Any) -> str:
        if isinstance(x, np.generic):
            x = x.item()
        if isinstance(x, float):
            short = f"{x:.6g}"
            return short if float(short) == x or not math.isfinite(x) else f"{short}…"
        if isinstance(x, complex):
            return f"({x:.6g})"
        return str(x)


class _LaTeX(Notation):
    def variable(self, number: int) -> str:
        return f"v_{{{number}}}"

    def infix(self, sign: str, a: str, b: str) -> Phrase:
        if sign == "/":
            return Phrase(rf"\frac{{{a}}}{{{b}}}")
        sign = _LATEX_SIGNS.get(sign, sign)
        return Phrase(f"{a}{self.between(sign) if sign.isalpha() else f' {sign} '}{b}", True)

    def prefix(self, word: str, a: str) -> Phrase:
        if word == "exp":
            return Phrase(f"e^{{{a}}}")
        return Phrase(f"{self._word(word)} {a}")

    def call(self, word: str, args: Sequence[str]) -> Phrase:
        return Phrase(rf"{self._word(word)}\left({', '.join(args)}\right)")

    def power(self, a: str, b: str) -> Phrase:
        # A power of a power, or of a negative number, is ambiguous without parentheses.
        base = a if re.fullmatch(r"v_\{-?\d+\}|\d+", a) else rf"\left({a}\right)"
        return Phrase(f"{base}^{{{b}}}")

    def root(self, a: str) -> Phrase:
        inner = a[1:-1] if a.startswith("(") else a
        return Phrase(rf"\sqrt{{{inner}}}")

    def transposed(self, a: str) -> Phrase:
        return Phrase(rf"{a}^{{\mathsf T}}")

    def between(self, word: str) -> str:
        return rf" \;\text{{{word}}}\; "

    def code(self, text: str) -> str:
        return rf"\texttt{{{_escaped(text)}}}"

    def number(self, x: Any) -> str:
        text = TEXT.number(x).replace("…", r"\ldots")
        if text.lstrip("-") in ("inf", "nan"):
            return text.replace("inf", r"\infty").replace("nan", r"\mathrm{nan}")
        return re.sub(r"e([+-]\d+)", lambda e: rf"\cdot 10^{{{int(e[1])}}}", text)

    def _word(self, word: str) -> str:
        name = word.rstrip("'")
        primes = word[len(name) :]
        name = name.replace("²", "^2")
        if name in _LATEX_FUNCTIONS:
            return rf"\{name}{primes}"
        return rf"\operatorname{{{_escaped(name)}}}{primes}"


_LATEX_SIGNS = {
    "*": r"\cdot",
    "@": r"\,",
    "%": r"\bmod",
    "==": "=",
    "!=": r"\neq",
    "<=": r"\leq",
    ">=": r"\geq",
}
_LATEX_FUNCTIONS = frozenset(
    {"sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "ln"}
)
_LATEX_SPECIAL = {c: f"\\{c}" for c in "_{}%&#$"} | {"^": "^"}


def _escaped(text: str) -> str:
    return "".join(_LATEX_SPECIAL.get(c, c) for c in text)


TEXT: Notation = _Text()
LATEX: Notation = _LaTeX()
