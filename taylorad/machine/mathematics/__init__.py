"""Elementary functions as LLVM text, to be inlined where they are called.

A call of libm in the middle of a loop takes one number at a time and costs more than the rest of
it. So each function is stated here in straight-line arithmetic: what depends on the
argument is chosen, not branched to, and nothing is looked up in memory. That serves for vectors as
it is, with whatever registers the processor has.

A definition comes in several forms:

``@ta.NAME``
    The one for loops: no branch, always inlined. It takes every argument, zeros, infinities, NaN
    and subnormals included, except those for which the next one is true.
``@ta.NAME.special``
    Whether an argument is beyond ``@ta.NAME``. Only sin, cos and tan have it, for |x| > 2⁴⁰. A
    loop joins it over its elements by ``or``, and if it was true for any is run again with
    ``@ta.NAME.scalar`` in place of ``@ta.NAME``.
``@ta.NAME.scalar``
    The one for straight-line code, for every argument. It is libm's where that answers sooner:
    with tables and branches it can, for one argument at a time. Else it is ``@ta.NAME``.

``@ta.NAME.vN``, ``@ta.NAME.special.vN``
    The first two for vectors of N doubles, entry by entry (`taylorad.machine.vectors`).

Results are within 0.9 units in the last place, erfc's within 1.2 (the tests have a table), on any
processor: where it cannot multiply and add in one rounding, the error of a product is computed
from halves of its factors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from inspect import signature

from taylorad.machine.mathematics import (
    error,
    exponential,
    inverse,
    logarithm,
    roots,
    trigonometric,
)
from taylorad.machine.mathematics.expression import Body, Condition, Real
from taylorad.machine.vectors import widened_function

__all__ = ["FUNCTIONS", "Definition", "definition", "definitions"]

FORMULAS: dict[str, Callable[..., Real]] = {
    formula.__name__: formula
    for formula in (
        exponential.exp,
        exponential.exp2,
        exponential.expm1,
        exponential.sinh,
        exponential.cosh,
        exponential.tanh,
        exponential.logistic,
        logarithm.log,
        logarithm.log2,
        logarithm.log10,
        logarithm.log1p,
        logarithm.arcsinh,
        logarithm.arccosh,
        logarithm.arctanh,
        logarithm.power,
        trigonometric.sin,
        trigonometric.cos,
        trigonometric.tan,
        inverse.arcsin,
        inverse.arccos,
        inverse.arctan,
        inverse.arctan2,
        roots.cbrt,
        roots.hypot,
        error.erf,
        error.erfc,
    )
}

SPECIAL: dict[str, Callable[[Real], Condition]] = {
    "sin": trigonometric.far,
    "cos": trigonometric.far,
    "tan": trigonometric.far,
}

# Those that libm computes a third faster or more, a single argument at a time, and as well; and
# those of which it knows every argument.
LIBM = {
    "exp": "exp",
    "exp2": "exp2",
    "log": "log",
    "log2": "log2",
    "power": "pow",
    "sin": "sin",
    "cos": "cos",
    "tan": "tan",
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
}

ARGUMENTS = ("%x", "%y")

FUNCTIONS: tuple[str, ...] = tuple(FORMULAS)


@dataclass(frozen=True)
class Definition:
    """One function as LLVM text, and what the text needs.

    Attributes
    ----------
    name : str
        As NumPy or SciPy calls it; the text defines ``@ta.NAME`` and ``@ta.NAME.scalar``.
    arity : int
        How many doubles it takes.
    text : str
        The definitions.
    declarations : frozenset of str
        The lines that declare what the text calls, each to stand once in a module.
    special : bool
        Whether there is a ``@ta.NAME.special``, see above.
    """

    name: str
    arity: int
    text: str
    declarations: frozenset[str]
    special: bool


@cache
def definition(name: str, *, lanes: int = 1, fma: bool = True) -> Definition:
    """Return the definition of a function.

    Parameters
    ----------
    name : str
        One of `FUNCTIONS`.
    lanes : int, default 1
        For vectors of so many doubles, if they are more than one.
    fma : bool
        Whether the processor multiplies and adds in one rounding. If it does not, an ``llvm.fma``
        would be a slow call.

    Examples
    --------
    >>> print(definition("hypot").text.splitlines()[0])
    define internal double @ta.hypot(double %x, double %y) alwaysinline {
    """
    formula = FORMULAS[name]
    arity = len(signature(formula).parameters)
    body = Body(fma)
    texts = [_function("double", f"@ta.{name}", arity, body, formula)]
    if name in SPECIAL:
        also = Body(fma, declarations=body.declarations)
        texts.append(_function("i1", f"@ta.{name}.special", arity, also, SPECIAL[name]))
    if lanes > 1:
        texts = [widened_function(text, lanes) for text in texts]
        declared = {widened_function(line, lanes) for line in body.declarations}
        return Definition(name, arity, "\n".join(texts), frozenset(declared), name in SPECIAL)
    texts.append(_scalar(name, arity, body))
    return Definition(name, arity, "\n".join(texts), frozenset(body.declarations), name in SPECIAL)


def definitions(names: Iterable[str], *, fma: bool = True, declared: Iterable[str] = ()) -> str:
    """Return the text that a module needs to call some of the functions.

    Parameters
    ----------
    names : iterable of str
        Of `FUNCTIONS`, with ``.vN`` for vectors of N; each is defined once, however often it is
        named.
    fma : bool
        As for `definition`.
    declared : iterable of str
        Declarations that the module has already: LLVM does not suffer a second one.
    """
    found = []
    for form in sorted(set(names)):
        name, _, lanes = form.partition(".v")
        found.append(definition(name, lanes=int(lanes or 1), fma=fma))
    have = {_declared(line) for line in declared}
    needed = sorted(set[str]().union(*(one.declarations for one in found)))
    lacking = [line for line in needed if _declared(line) not in have]
    return "\n".join([*lacking, *(one.text for one in found)])


def _declared(line: str) -> str:
    return line[line.index("@") : line.index("(")]


def _function(
    kind: str, name: str, arity: int, body: Body, formula: Callable[..., Real | Condition]
) -> str:
    """Write a formula out."""
    arguments = ARGUMENTS[:arity]
    result = formula(*(Real(body, argument) for argument in arguments))
    parameters = ", ".join(f"double {argument}" for argument in arguments)
    lines = "\n".join([*body.lines, f"  ret {kind} {result.name}"])
    return f"define internal {kind} {name}({parameters}) alwaysinline {{\n{lines}\n}}"


def _scalar(name: str, arity: int, body: Body) -> str:
    """Write the form for straight-line code, which calls libm or the form for loops."""
    parameters = ", ".join(f"double {argument}" for argument in ARGUMENTS[:arity])
    callee = f"@{LIBM[name]}" if name in LIBM else f"@ta.{name}"
    if name in LIBM:
        types = ", ".join(["double"] * arity)
        body.declarations.add(f"declare double {callee}({types}) nounwind readnone willreturn")
    return (
        f"define internal double @ta.{name}.scalar({parameters}) alwaysinline {{\n"
        f"  %r = call double {callee}({parameters})\n"
        "  ret double %r\n}"
    )
