"""Functions of numbers of several words as LLVM text, to be called by name.

``@ta.NAME.wN`` takes the words of its arguments as doubles and returns the words of the result as
a structure. `Words.call` writes a call and notes the name; `definitions` gives what a module then
needs. The operations themselves are there as functions too: where they are not the inner loop,
calling them keeps the code small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from inspect import signature

from taylorad.machine.features import has_fma
from taylorad.machine.multiword import exponential, trigonometric
from taylorad.machine.multiword.transformations import Text
from taylorad.machine.multiword.values import Value
from taylorad.machine.multiword.words import Words, structure

__all__ = ["FUNCTIONS", "OPERATIONS", "Definition", "definition", "definitions"]

OPERATIONS = {
    "add": 2,
    "subtract": 2,
    "multiply": 2,
    "divide": 2,
    "fused": 3,
    "sqrt": 1,
}
"""The methods of `Words` that are functions too, with the number of their arguments."""

FORMULAS: dict[str, Callable[..., Value | tuple[Value, ...]]] = {
    formula.__name__: formula
    for formula in (
        exponential.exp,
        exponential.exp2,
        exponential.expm1,
        exponential.expm1_near_zero,
        exponential.sinh,
        exponential.cosh,
        exponential.tanh,
        exponential.logistic,
        exponential.log,
        exponential.log2,
        exponential.log10,
        exponential.log1p,
        exponential.arcsinh,
        exponential.arccosh,
        exponential.arctanh,
        exponential.power,
        exponential.cbrt,
        exponential.hypot,
        trigonometric.sincos,
        trigonometric.sin,
        trigonometric.cos,
        trigonometric.tan,
        trigonometric.arcsin,
        trigonometric.arccos,
        trigonometric.arctan,
        trigonometric.arctan2,
    )
}

FUNCTIONS: tuple[str, ...] = tuple(FORMULAS)


@dataclass(frozen=True)
class Definition:
    """One function as LLVM text, and what the text needs.

    Attributes
    ----------
    text : str
    declarations : frozenset of str
        The lines that declare what the text calls, each to stand once in a module.
    functions : frozenset of str
        The functions of ours that it calls.
    """

    text: str
    declarations: frozenset[str]
    functions: frozenset[str]


@cache
def definition(form: str, *, fma: bool = True) -> Definition:
    """Return the definition of a function.

    Parameters
    ----------
    form : str
        One of `FUNCTIONS` or `OPERATIONS`, ``.w`` and how many words it is for.
    fma : bool
        Whether the processor multiplies and adds in one rounding.

    Examples
    --------
    >>> print(definition("sqrt.w2").text.splitlines()[0])
    define internal { double, double } @ta.sqrt.w2(double %x0.0, double %x0.1) noinline {
    """
    name, _, count = form.partition(".w")
    words, code = int(count), Text()
    of = Words(code, words, fma=fma)
    if name == "quadrant":
        text = trigonometric.quadrant(code, words, fma)
        return Definition(text, frozenset(code.declarations), frozenset())
    arity = OPERATIONS[name] if name in OPERATIONS else len(signature(FORMULAS[name]).parameters)
    arguments = [tuple(f"%x{k}.{i}" for i in range(words)) for k in range(arity)]
    if name in OPERATIONS:
        results = [getattr(of, name)(*arguments)]
    else:
        values = FORMULAS[name](*(Value(of, argument) for argument in arguments))
        results = [value.words for value in (values if isinstance(values, tuple) else (values,))]
    kind, whole = structure(words * len(results)), "poison"
    for place, word in enumerate(word for result in results for word in of.full(result)):
        whole = code.let(f"insertvalue {kind} {whole}, double {word}, {place}")
    takes = ", ".join(f"double {word}" for argument in arguments for word in argument)
    lines = "\n".join([*code.lines, f"  ret {kind} {whole}"])
    text = f"define internal {kind} @ta.{form}({takes}) noinline {{\n{lines}\n}}"
    return Definition(text, frozenset(code.declarations), frozenset(of.functions))


def definitions(
    forms: Iterable[str], *, fma: bool | None = None, declared: Iterable[str] = ()
) -> str:
    """Return the text that a module needs to call some of the functions.

    Parameters
    ----------
    forms : iterable of str
        As `Words.functions` collects them, such as ``exp.w4``; what they call is added.
    fma : bool, optional
        Whether the processor multiplies and adds in one rounding; by default the one in use.
    declared : iterable of str
        Declarations that the module has already: LLVM does not suffer a second one.
    """
    fma = has_fma() if fma is None else fma
    found: dict[str, Definition] = {}
    wanted = sorted(set(forms))
    while wanted:
        form = wanted.pop()
        if form not in found:
            found[form] = definition(form, fma=fma)
            wanted += sorted(found[form].functions)
    have = {_declared(line) for line in declared}
    needed = sorted(set[str]().union(*(one.declarations for one in found.values())))
    lacking = [line for line in needed if _declared(line) not in have]
    return "\n".join([*lacking, *(found[form].text for form in sorted(found))])


def _declared(line: str) -> str:
    return line[line.index("@") : line.index("(")]
