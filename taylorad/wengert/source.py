"""A list as Python source that runs on NumPy alone, and gives the same numbers to the last bit.

Most rows stand for a function of NumPy or SciPy, and are written as a call of it. Rows that only
the table has come with their definition, taken from the table's own text.
"""

from __future__ import annotations

import dis
import importlib
import inspect
import json
import keyword
import math
import re
import textwrap
from collections.abc import Callable, Sequence
from functools import partial
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from taylorad.primitives import elementwise, linear, selection
from taylorad.primitives.registry import TABLE, LocalSeries, Primitive, rows
from taylorad.wengert.layout import Layout
from taylorad.wengert.list import Line
from taylorad.wengert.notation import Phrase
from taylorad.wengert.phrases import OPERATORS, key_text
from taylorad.wengert.trace import convert

__all__ = ["Source", "python"]

_INLINE = 64  # entries of an array that are written out


class Source(str):
    """The text of a module with one function, and what it could not hold.

    Attributes
    ----------
    name : str
        Name of the function.
    constants : dict
        Large arrays, and functions that have no name to import them by. If there are any, the
        function takes them as its argument ``constants``.
    """

    name: str
    constants: dict[str, Any]

    def function(self) -> Callable[..., Any]:
        """Run the text and give the function, its constants filled in."""
        scope: dict[str, Any] = {"__name__": "wengert"}
        exec(compile(self, "<wengert>", "exec"), scope)
        function: Callable[..., Any] = scope[self.name]
        return partial(function, constants=self.constants) if self.constants else function


def python(layout: Layout, name: str = "f") -> Source:
    """Write a list as Python source.

    Parameters
    ----------
    layout : Layout
    name : str
        Name of the function.
    """
    return _Writer(layout, name).source()


class _Writer:
    def __init__(self, layout: Layout, name: str) -> None:
        self.layout, self.program, self.names = layout, layout.program, layout.names
        self.name = name
        self.imports: dict[str, None] = {"import numpy as np": None}
        self.definitions: dict[str, str] = {}
        self.constants: dict[str, Any] = {}
        self.variables = {
            i: f"v{n}" for i, n in layout.number.items() if i not in self.program.inputs
        }
        taken = {"np", "scipy", "math", "constants", name, *self.names.parameters}
        for i, path in zip(self.program.inputs, self.names.inputs, strict=True):
            if not path.isidentifier() or re.fullmatch(r"v\d+", path):
                path = _identifier(path, taken)
            taken.add(path)
            self.variables[i] = path

    def source(self) -> Source:
        body = [*self.take_in(), *self.lines(), f"return {self.container(self.names.result)}"]
        title = f'"""A Wengert list of {len(self.variables)} lines, written by taylorad."""'
        head = f"def {self.name}({self.signature()}):"
        parts = [
            f"{title}\n\nfrom __future__ import annotations\n\n" + "\n".join(sorted(self.imports)),
            *self.definitions.values(),
            "\n".join([head, *(f"    {line}" for line in body)]),
        ]
        source = Source("\n\n\n".join(parts) + "\n")
        source.name, source.constants = self.name, self.constants
        return source

    def signature(self) -> str:
        keywords = [*self.names.keywords, *(["constants"] if self.constants else [])]
        return ", ".join([*self.names.parameters, *(["*", *keywords] if keywords else [])])

    def take_in(self) -> list[str]:
        """Check and convert the arguments, as far as the list relies on them."""
        body = []
        for path, value in self.names.fixed:
            if isinstance(value, (bool, int, str, type(None))):
                message = f"the list was traced with {path} = {value!r}"
                body += [f"if {path} != {value!r}:", f"    raise ValueError({_quoted(message)})"]
        for i, path in zip(self.program.inputs, self.names.inputs, strict=True):
            line, variable = self.program[i], self.variables[i]
            kind = line.dtype.name if line.dtype != object else "float64"
            if not line.shape:
                body.append(f"{variable} = np.{kind}({path})")
                continue
            kind = {"float64": "float", "complex128": "complex"}.get(kind, f"np.{kind}")
            message = f"the list was traced with {path} of shape {line.shape}"
            body += [
                f"{variable} = np.asarray({path}, {kind})",
                f"if {variable}.shape != {line.shape}:",
                f"    raise ValueError({_quoted(message)})",
            ]
        return body

    def lines(self) -> list[str]:
        guards: dict[int, list[bool]] = {}
        for guard in self.program.guards:
            guards.setdefault(guard.line, []).append(guard.expected)
        body = []
        for i, line in enumerate(self.program.lines):
            if line.row is not None and i in self.variables:
                body.append(f"{self.variables[i]} = {self.phrase(i).text}")
            for expected in guards.get(i, ()):
                truth = self.variables.get(i) or self.phrase(i).text
                wrong, right = (f"not {truth}", truth) if expected else (truth, f"not {truth}")
                message = f"the list holds only where {right}"
                body += [f"if {wrong}:", f"    raise ValueError({_quoted(message)})"]
        return body

    def operand(self, i: int) -> str:
        line = self.program[i]
        if line.is_constant:
            return self.literal(line.value)
        if i in self.variables:
            return self.variables[i]
        text, compound = self.phrase(i)
        return f"({text})" if compound else text

    def container(self, tree: Any) -> str:
        """Write a container of results as a display."""
        if isinstance(tree, dict):
            pairs = (f"{key!r}: {self.container(branch)}" for key, branch in tree.items())
            return f"{{{', '.join(pairs)}}}"
        if isinstance(tree, list):
            return f"[{', '.join(map(self.container, tree))}]"
        if isinstance(tree, tuple):
            return f"({''.join(f'{self.container(branch)}, ' for branch in tree).rstrip()})"
        if tree is None:
            return "None"
        number = self.program.outputs[tree]
        line = self.program[number]
        scalar = not line.shape and line.row is not None and line.row in _ARRAYS_OF_NO_AXES
        return self.operand(number) + ("[()]" if scalar else "")

    # --- operations ---

    def phrase(self, i: int) -> Phrase:
        """Write what a line computes."""
        line = self.program[i]
        row = line.row
        assert row is not None
        args = [self.operand(j) for j in line.operands]
        if row is elementwise.power:
            # The exponent's type decides how NumPy computes: it squares where a number is 2.
            a, b = (
                f"({text})" if text.startswith("-") else text
                for text in (self.exactly(j) for j in line.operands)
            )
            return Phrase(f"{a} ** {b}", True)
        if row in OPERATORS:
            return Phrase(f"{args[0]} {OPERATORS[row]} {args[1]}", True)
        if row in _FORMS:
            return Phrase(_FORMS[row](self, line, args), True)
        positional = args[: len(line.arguments)]
        params = {**line.params, **dict(zip(line.names, map(_Written, args[len(positional) :])))}
        if isinstance(row, LocalSeries) and params.pop("n", 0):
            n = line.params["n"]
            series = self.definition(row.series)
            return Phrase(f"{math.factorial(n)} * {series}({positional[0]}, {n})[{n}]", True)
        named = [f"{k}={self.literal(v)}" for k, v in params.items()]
        return Phrase(f"{self.function(row)}({', '.join([*positional, *named])})")

    def exactly(self, i: int) -> str:
        """Write an operand whose very type matters."""
        value = self.program[i].value
        if isinstance(value, np.generic):
            return f"np.{value.dtype.name}({_number(value.item())})"
        return self.operand(i)

    def function(self, row: Primitive) -> str:
        """Write the name of the function that a row computes with."""
        value = row.value
        if row.name in _SAME_AS_NUMPY and TABLE.get(getattr(np, row.name)) is row:
            return f"np.{row.name}"
        name = getattr(value, "__name__", "")
        if getattr(np, name, None) is value:
            return f"np.{name}"
        if isinstance(value, np.ufunc):
            import scipy.special

            if getattr(scipy.special, name, None) is value:
                self.imports["import scipy.special"] = None
                return f"scipy.special.{name}"
        module = getattr(value, "__module__", None) or ""
        if module.startswith("taylorad.") and isinstance(value, FunctionType):
            if value.__name__ != "<lambda>" and not value.__closure__:
                return self.definition(value)
        elif _is_importable(value, module):
            self.imports[f"import {module}"] = None
            return f"{module}.{value.__qualname__}"
        return self.kept(re.sub(r"\W+", "_", row.name) or "function", value)

    def definition(self, function: Any) -> str:
        """Take over the text of a function of the table, after that of what it uses."""
        name: str = function.__name__
        if name in self.definitions:
            return name
        for used in _names_in(function.__code__):
            thing = function.__globals__.get(used)
            if isinstance(thing, ModuleType):
                short = "" if thing.__name__ == used else f" as {used}"
                self.imports[f"import {thing.__name__}{short}"] = None
            elif isinstance(thing, FunctionType) and thing.__module__.startswith("taylorad."):
                self.definition(thing)
            elif isinstance(thing, type) and issubclass(thing, Exception):
                self.definitions[used] = f"{used} = TypeError"
        self.definitions[name] = textwrap.dedent(inspect.getsource(function)).rstrip()
        return name

    # --- constants ---

    def kept(self, stem: str, value: Any) -> str:
        """Put what cannot be written into the dictionary of constants."""
        for name, there in self.constants.items():
            if there is value:
                return f'constants["{name}"]'
        name = f"{stem}{len(self.constants) + 1}"
        self.constants[name] = value
        return f'constants["{name}"]'

    def literal(self, value: Any) -> str:
        """Write a constant as an expression."""
        if isinstance(value, _Written):
            return value
        if isinstance(value, np.ndarray):
            return self.array(value)
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, (float, complex)):
            return _number(value)
        if isinstance(value, tuple) and any(isinstance(k, (slice, type(...))) for k in value):
            return f"np.s_[{key_text(value)}]"
        if isinstance(value, (tuple, list)):
            inside = ", ".join(map(self.literal, value))
            if isinstance(value, list):
                return f"[{inside}]"
            return f"({inside},)" if len(value) == 1 else f"({inside})"
        if isinstance(value, (bool, int, str, type(None))):
            return repr(value)
        return self.kept("c", value)

    def array(self, value: Any) -> str:
        flat = value.ravel()
        kind = value.dtype.name
        if kind not in ("float64", "complex128", "int64", "bool") or not flat.size:
            return (
                f"np.empty({value.shape}, {_quoted(kind)})"
                if not flat.size
                else self.kept("c", value)
            )
        if np.all(flat == flat[0]) and (flat[0] or not np.any(np.signbit(flat.real))):
            filled = {0.0: "zeros", 1.0: "ones"}.get(flat[0]) if kind == "float64" else None
            if filled:
                return f"np.{filled}({value.shape})"
            return f"np.full({value.shape}, {_number(flat[0].item())})"
        if value.size > _INLINE:
            return self.kept("c", value)
        return f"np.array({self.nested(value.tolist())})"

    def nested(self, entries: Any) -> str:
        if isinstance(entries, list):
            return f"[{', '.join(map(self.nested, entries))}]"
        return _number(entries)


class _Written(str):
    """An expression that is written already."""


def _number(x: Any) -> str:
    if isinstance(x, float):
        if math.isfinite(x):
            return float.__repr__(x)
        return "np.nan" if x != x else "np.inf" if x > 0 else "-np.inf"
    if isinstance(x, complex):
        return f"complex({_number(x.real)}, {_number(x.imag)})"
    return repr(x)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _identifier(path: str, taken: set[str]) -> str:
    """Make a variable's name of where an argument stands: ``p["a"][0]`` becomes ``p_a_0``."""
    name = re.sub(r"\W+", "_", path).strip("_") or "x"
    if name[0].isdigit() or keyword.iskeyword(name):
        name = f"x_{name}"
    while name in taken or re.fullmatch(r"v\d+", name):
        name += "_"
    return name


def _names_in(code: Any) -> list[str]:
    """Names that a function looks up, those of functions within it included."""
    own = [i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"]
    return own + [name for c in code.co_consts if inspect.iscode(c) for name in _names_in(c)]


def _is_importable(value: Any, module: str) -> bool:
    """Tell whether a function can be had from its module under its own name."""
    if module in ("", "__main__", "builtins") or "<" in getattr(value, "__qualname__", "<"):
        return False
    try:
        return getattr(importlib.import_module(module), value.__qualname__, None) is value
    except ImportError:
        return False


# --- rows with a form of their own -----------------------------------------------------------

_ARRAYS_OF_NO_AXES = frozenset(
    {linear.reshape, linear.select, linear.broadcast_to, linear.transpose, linear.gather}
)
"""Rows that give an array where the others give a number."""

_SAME_AS_NUMPY = frozenset({"bitwise_and", "bitwise_or", "bitwise_xor", "invert"})

Form = Callable[[_Writer, Line, Sequence[str]], str]


def _call(form: str) -> Form:
    """Make the form of a row from that of the call: ``{0}`` an operand, ``{axis}`` a parameter."""

    def write(to: _Writer, line: Line, args: Sequence[str]) -> str:
        params = {k: to.literal(v) for k, v in line.params.items()}
        params |= dict(zip(line.names, args[len(line.arguments) :], strict=True))
        return form.format(*args, **params)

    return write


_NAMED = {row.name: row for row in rows()}
_FORMS: dict[Primitive, Form] = {
    elementwise.negative: lambda to, line, args: f"-{args[0]}",
    elementwise.cosine: _call("{0} / np.hypot({0}, {1})"),
    elementwise.one_minus_square: _call("(1 - {0}) * (1 + {0})"),
    linear.index: lambda to, line, args: f"{args[0]}[{key_text(line.params['key']) or '()'}]",
    linear.reshape: _call("np.reshape({0}, {shape})"),
    linear.transpose: _call("np.transpose({0}, {axes})"),
    linear.broadcast_to: _call("np.broadcast_to({0}, {shape})"),
    linear.concatenate: lambda to, line, args: (
        f"np.concatenate([{', '.join(args)}], {line.params['axis']})"
    ),
    linear.sum_: _call("np.sum({0}, {axis})"),
    linear.segment_sum: _call("np.add.reduceat({0}, {starts}, axis=-1)"),
    linear.cumsum: _call("np.cumsum({0}, {axis})"),
    linear.select: _call("np.where({condition}, {0}, {1})"),
    _NAMED["einsum"]: _call("np.einsum({subscripts}, {0}, {1}, optimize=True)"),
    _NAMED["solve"]: _call("np.linalg.solve({0}, {1})"),
    selection.argsort: _call('np.argsort({0}, {axis}, kind="stable")'),
    selection.argmax: _call("np.argmax({0}, {axis})"),
    selection.argmin: _call("np.argmin({0}, {axis})"),
    selection.leading_sign: _call("np.sign({0})"),
    _NAMED["turns"]: lambda to, line, args: (
        f"np.unwrap({args[0]}, {', '.join(f'{k}={to.literal(v)}' for k, v in line.params.items())})"
        f" - {args[0]}"
    ),
    convert: _call("np.asarray({0}).astype({dtype})[()]"),
}
