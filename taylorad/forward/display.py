"""Truncated polynomials as people write them, in text and in LaTeX."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from taylorad.dispatch import bottom

__all__ = ["LATEX", "TEXT", "Style", "polynomial"]

_LONGEST = 8  # terms that are shown before the rest is left out


@dataclass(frozen=True)
class Style:
    """How numbers, indices and powers look."""

    number: Callable[[Any], str]
    index: Callable[[int], str]
    power: Callable[[int], str]
    infinitesimal: str
    ellipsis: str

    def monomial(self, exponents: Sequence[int], name: str = "t") -> str:
        """Write a product of powers: ``t²``, or ``t₁ t₃²`` if there are several variables."""
        factors = []
        for i, k in enumerate(exponents, 1):
            variable = name if len(exponents) == 1 else name + self.index(i)
            factors += [variable + (self.power(k) if k > 1 else "")] if k else []
        return " ".join(factors)

    def coefficient(self, c: Any) -> str:
        """Write a number, or an array on one line."""
        if not np.ndim(c):
            return self.number(c.item() if isinstance(c, np.ndarray) else c)
        array = np.asarray(c)
        return np.array2string(
            array, separator=", ", threshold=6, edgeitems=2, formatter={"all": self.number}
        ).replace("\n", "")


def polynomial(
    terms: Iterable[tuple[Any, str]], style: Style, remainder: str = "", zeros: bool = False
) -> str:
    """Write a sum of coefficients times monomials, and what is cut off.

    Terms that are zero are left out unless ``zeros``, and so are those past the first few.
    """
    shown = []
    for c, monomial in terms:
        if zeros or np.any(bottom(c) != 0):
            shown.append(_term(style.coefficient(c), monomial, zeros))
    if len(shown) > _LONGEST:
        shown[_LONGEST:] = [style.ellipsis]
    text = " + ".join([*(shown or ["0"]), *([f"O({remainder})"] if remainder else [])])
    return text.replace("+ -", "- ")


def _term(coefficient: str, monomial: str, ones: bool) -> str:
    if not monomial or (coefficient in ("1", "-1") and not ones):
        return coefficient.replace("1", monomial) if monomial else coefficient
    return f"{coefficient} {monomial}"


def _text(x: Any) -> str:
    if isinstance(x, (complex, np.complexfloating)):
        return f"({x + 0.0:.6g})"  # no negative zeros
    if isinstance(x, (float, np.floating)):
        return f"{x + 0.0:.6g}"
    if hasattr(x, "_mpf_") or hasattr(x, "_mpc_"):
        import mpmath

        return str(mpmath.nstr(x, 6)).removesuffix(".0")
    return str(x) if isinstance(x, (Fraction, int)) else f"({x})"


def _latex(x: Any) -> str:
    if isinstance(x, Fraction) and x.denominator != 1:
        sign = "-" if x < 0 else ""
        return rf"{sign}\frac{{{abs(x.numerator)}}}{{{x.denominator}}}"
    if isinstance(x, (float, np.floating)) and not math.isfinite(x):
        return {"inf": r"\infty", "-inf": r"-\infty"}.get(str(float(x)), r"\mathrm{nan}")
    text = _text(x)
    return re.sub(r"e([+-]\d+)", lambda e: rf" \times 10^{{{int(e[1])}}}", text)


_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")

TEXT = Style(
    number=_text,
    index=lambda i: str(i).translate(_SUBSCRIPTS),
    power=lambda k: str(k).translate(_SUPERSCRIPTS),
    infinitesimal="ε",
    ellipsis="…",
)
LATEX = Style(
    number=_latex,
    index=lambda i: f"_{{{i}}}",
    power=lambda k: f"^{{{k}}}",
    infinitesimal=r"\varepsilon",
    ellipsis=r"\cdots",
)
