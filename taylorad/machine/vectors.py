"""One instruction for many numbers: LLVM text on numbers, made text on vectors of them.

What stands entry by entry needs no other text for vectors than the same with wider types. So
formulas and the bodies of loops are written once, on numbers, and widened here; nothing is left
for LLVM's loop vectoriser, which would take longer than all the rest of compiling.
"""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["function_name", "lane_by_lane", "vector", "widened", "widened_function"]

_TOKEN = re.compile(
    r"(?P<type>\b(?:double|i64|i8|i1)\b)|(?P<register>%[\w.]+)|(?P<function>@[\w.]+)"
    r"|(?P<number>(?<=[ ,(])(?:-?\d\w*|true|false)\b)"
)
_SUFFIX = re.compile(r"\.([fi]\d+)\b")


def vector(kind: str, lanes: int) -> str:
    """Give the type of a vector.

    Examples
    --------
    >>> vector("double", 8)
    '<8 x double>'
    """
    return f"<{lanes} x {kind}>"


def function_name(name: str, lanes: int) -> str:
    """Give the name of the form for vectors of a function.

    Examples
    --------
    >>> function_name("@llvm.fma.f64", 4), function_name("@ta.exp", 4)
    ('@llvm.fma.v4f64', '@ta.exp.v4')
    """
    if name.startswith("@llvm."):
        return _SUFFIX.sub(rf".v{lanes}\1", name)
    return f"{name}.v{lanes}"


def widened(text: str, lanes: int, spread: Callable[[str, str], str]) -> str:
    """Give an instruction on vectors.

    Parameters
    ----------
    text : str
        An instruction on numbers, which knows of no pointers.
    lanes : int
    spread : callable
        Gives, of a register and its type, the register that holds the vector.

    Examples
    --------
    >>> widened("fmul double %x, 0x3FE0000000000000", 2, lambda register, kind: register)
    'fmul <2 x double> %x, splat (double 0x3FE0000000000000)'
    """
    kind = ""

    def replaced(match: re.Match[str]) -> str:
        nonlocal kind
        token = match.group()
        if match.lastgroup == "type":
            kind = token
            return vector(token, lanes)
        if match.lastgroup == "register":
            return spread(token, kind)
        if match.lastgroup == "function":
            return function_name(token, lanes)
        return f"splat ({kind} {token})"

    return _TOKEN.sub(replaced, text)


def widened_function(text: str, lanes: int) -> str:
    """Give a function on vectors, all registers of which are vectors.

    Parameters
    ----------
    text : str
        A function on numbers without branches.
    lanes : int
    """
    head, *body = text.split("\n")
    lines = [widened(line, lanes, lambda register, _: register) for line in (head, *body)]
    return "\n".join(lines)


def lane_by_lane(name: str, arity: int, lanes: int) -> str:
    """Define the form for vectors of a function that has none: it is called for every lane.

    Parameters
    ----------
    name : str
        Of a function on doubles, with its ``@``.
    arity, lanes : int
    """
    whole, operands = vector("double", lanes), range(arity)
    takes = ", ".join(f"{whole} %x{k}" for k in operands)
    lines = [f"define internal {whole} {function_name(name, lanes)}({takes}) {{"]
    result = "poison"
    for lane in range(lanes):
        for k in operands:
            lines.append(f"  %x{k}.{lane} = extractelement {whole} %x{k}, i64 {lane}")
        given = ", ".join(f"double %x{k}.{lane}" for k in operands)
        lines.append(f"  %y{lane} = call double {name}({given})")
        lines.append(f"  %r{lane} = insertelement {whole} {result}, double %y{lane}, i64 {lane}")
        result = f"%r{lane}"
    return "\n".join([*lines, f"  ret {whole} {result}", "}"])
