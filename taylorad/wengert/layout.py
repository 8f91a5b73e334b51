"""What of a list is printed: which lines, in which order, under which names.

Lines are numbered as in Griewank and Walther: ``v-1, v0`` are the inputs, ``v1, v2, ...`` what is
computed of them. Constants stand where they are used. So do truth values that only a guard reads:
``require v3 > 0`` is one line.

Griewank and Walther, "Evaluating Derivatives", 2nd ed., SIAM 2008, section 1.3.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from taylorad.primitives.registry import Constant
from taylorad.wengert.list import Guard, WengertList
from taylorad.wengert.notation import TEXT, Notation, Phrase
from taylorad.wengert.phrases import broadcasts, phrase

__all__ = ["Entry", "Layout", "Names", "paths"]


@dataclass(frozen=True)
class Names:
    """What stands around a list: the arguments it was traced with, and the results.

    Attributes
    ----------
    parameters, keywords : tuple of str
        Names of the positional arguments, and of the keyword arguments.
    inputs : tuple of str
        Where in the arguments each input stands: ``x``, ``p["a"]``.
    fixed : tuple of (str, object)
        The arguments that are no inputs, and what they were.
    result : int or container of int
        The form of the result; the leaves number the outputs.
    """

    parameters: tuple[str, ...]
    keywords: tuple[str, ...]
    inputs: tuple[str, ...]
    fixed: tuple[tuple[str, Any], ...]
    result: Any

    @property
    def outputs(self) -> list[str]:
        """What the outputs are called: ``y``, or ``y[0]`` and so on for containers."""
        taken = {*self.parameters, *self.keywords}
        root = next(name for name in ("y", "z", "w", "result") if name not in taken)
        return [path for path, _ in paths(self.result, root)]


def paths(tree: Any, root: str) -> Iterator[tuple[str, Any]]:
    """Give the leaves of a container, each with the Python expression for where it stands."""
    if isinstance(tree, dict):
        for key in tree:
            yield from paths(tree[key], f"{root}[{key!r}]")
    elif isinstance(tree, (tuple, list)):
        fields = getattr(tree, "_fields", None)
        for i, branch in enumerate(tree):
            yield from paths(branch, f"{root}.{fields[i]}" if fields else f"{root}[{i}]")
    elif tree is not None:
        yield root, tree


@dataclass(frozen=True)
class Entry:
    """One line of print: ``left = right``, or ``require right``.

    ``kind`` is ``"input"``, ``"line"``, ``"guard"`` or ``"output"``, and ``line`` the number in the
    list.
    """

    kind: str
    left: str
    right: str
    line: int
    origin: tuple[str, int] | None = None

    @property
    def text(self) -> str:
        """The line as it is printed, not aligned with others."""
        return (
            f"{self.left} {self.right}" if self.kind == "guard" else f"{self.left} = {self.right}"
        )


class Layout:
    """The printed form of a list.

    Attributes
    ----------
    program : WengertList
    names : Names
    number : dict
        The printed number of a line by its number in the list.
    line : dict
        The reverse.
    """

    def __init__(self, program: WengertList, names: Names) -> None:
        self.program, self.names = program, names
        self.inlined = _inlined(program)
        first = 1 - len(program.inputs)
        self.number = {line: first + i for i, line in enumerate(program.inputs)}
        for i, line in enumerate(program.lines):
            if line.row is not None and i not in self.inlined:
                self.number[i] = len(self.number) + first
        self.line = {number: line for line, number in self.number.items()}

    def operand(self, i: int, notation: Notation, broadcast: bool = False) -> str:
        """Write a line where another uses it."""
        line = self.program[i]
        if line.is_constant:
            return notation.constant(line.value, broadcast)
        if i in self.inlined:
            text, compound = self.phrase(i, notation)
            return f"({text})" if compound else text
        return notation.variable(self.number[i])

    def phrase(self, i: int, notation: Notation) -> Phrase:
        """Write what a line computes."""
        line = self.program[i]
        broadcast = broadcasts(line.row)
        return phrase(notation, line, [self.operand(j, notation, broadcast) for j in line.operands])

    def entries(self, notation: Notation) -> Iterator[Entry]:
        """Give the lines of print in order; a guard stands where it can be told."""
        program = self.program
        guards: dict[int, list[Guard]] = {}
        for guard in program.guards:
            guards.setdefault(guard.line, []).append(guard)
        labels = dict(zip(program.inputs, self.names.inputs, strict=True))
        for i, line in enumerate(program.lines):
            if i in labels:
                name = notation.variable(self.number[i])
                yield Entry("input", name, self.label(labels[i], notation), i)
            elif i in self.number:
                name = notation.variable(self.number[i])
                yield Entry("line", name, self.phrase(i, notation).text, i, line.origin)
            for guard in guards.get(i, ()):
                yield self._guard(guard, notation)
        for label, i in zip(self.names.outputs, program.outputs, strict=True):
            yield Entry("output", self.label(label, notation), self.operand(i, notation), i)

    def numbered(self) -> list[Entry]:
        """Give the lines of print that have numbers, in text."""
        return [e for e in self.entries(TEXT) if e.kind in ("input", "line")]

    def label(self, label: str, notation: Notation) -> str:
        """Write the name of an input or output."""
        return label if label.isalpha() and len(label) == 1 else notation.code(label)

    def _guard(self, guard: Guard, notation: Notation) -> Entry:
        if guard.line not in self.inlined:
            text, compound = self.operand(guard.line, notation), False
        else:
            text, compound = self.phrase(guard.line, notation)
        if not guard.expected:
            text = notation.prefix("not", f"({text})" if compound else text).text
        word = notation.code("require")
        return Entry("guard", word, text, guard.line, guard.origin)


def _inlined(program: WengertList) -> set[int]:
    """Find the truth values that nothing but one guard, or one other of them, reads."""
    users = program.users()
    guarded = Counter(guard.line for guard in program.guards)
    kept = {*program.outputs, *program.inputs}
    inlined: set[int] = set()
    for i in reversed(range(len(program))):
        if i in kept or not isinstance(program[i].row, Constant):
            continue
        if guarded[i] + len(users[i]) == 1 and inlined.issuperset(users[i]):
            inlined.add(i)
    return inlined
