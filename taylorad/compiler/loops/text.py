"""Writing the body of a core: each instruction once, outside of loops it does not depend on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from taylorad.compiler.vectors import Vectors, registers

__all__ = ["Text", "head", "tail"]


@dataclass
class Text(Vectors):
    """The instructions of a core.

    Attributes
    ----------
    blocks : list of list of str
        The lines before each loop of the nest being written, and those inside of the innermost.
    levels : dict of str to int
        The block in which a register is known; the first, if it is not named here.
    odd : str or None
        Where it is noted that some argument was, if there are such functions.
    variables : list of str
        Room in the frame of the function.
    globals : set of str
        Constants that have an address.
    symbols : dict of str to int
        Addresses of what is called.
    metadata : list of str
    fails : bool
        Whether the core may give up, at the label ``failing``.
    """

    blocks: list[list[str]] = field(default_factory=lambda: [[]])
    levels: dict[str, int] = field(default_factory=dict)
    odd: str | None = None
    variables: list[str] = field(default_factory=list)
    globals: set[str] = field(default_factory=set)
    symbols: dict[str, int] = field(default_factory=dict)
    metadata: list[str] = field(default_factory=list)
    fails: bool = False

    def start(self, depth: int, lanes: int = 1) -> None:
        """Begin a pass through a nest of some loops."""
        self.blocks = [[] for _ in range(depth + 1)]
        self.forget()
        self.beyond.clear()
        self.lanes = lanes

    def plain(self, text: str) -> str:
        """Append an instruction as it stands, in front of the loops it does not depend on."""
        name = self.names.get(text)
        if name is None:
            level = max((self.levels.get(r, 0) for r in registers(text)), default=0)
            self.names[text] = name = self.fresh(text, level)
        return name

    def fresh(self, text: str, level: int) -> str:
        """Append an instruction that may come out differently each time."""
        name = self.name()
        if level:
            self.levels[name] = level
        self.blocks[level].append(f"  {name} = {text}")
        return name

    def effect(self, text: str, level: int) -> None:
        """Append an instruction without a result."""
        self.blocks[level].append(f"  {text}")

    def update(self, kind: str, place: str, value: str, level: int, scope: str = "") -> str:
        """Change what is in memory; ``$`` in ``value`` stands for what was there, which is given.

        ``scope`` is metadata of both accesses.
        """
        old = self.fresh(f"load {kind}, ptr {place}{scope}", level)
        new = self.fresh(value.replace("$", old), level)
        self.effect(f"store {kind} {new}, ptr {place}{scope}", level)
        return old

    def note_beyond(self) -> None:
        """Write down, once a pass, whether any argument was beyond a function."""
        some = self.any_beyond()
        if some:
            self.odd = self.odd or self.variable("i1")
            self.update("i1", self.odd, f"or i1 $, {some}", self.levels.get(some, 0))

    def variable(self, kind: str) -> str:
        """Make room for a number in the frame of the function."""
        name = f"%v{len(self.variables)}"
        self.variables.append(f"  {name} = alloca {kind}")
        return name

    def label(self) -> str:
        """Make a name for a place in the code."""
        return self.name()[1:]

    def note(self, node: str) -> str:
        """Append a node of metadata, in which ``$`` stands for the node itself."""
        name = f"!{len(self.metadata)}"
        self.metadata.append(f"{name} = {node.replace('$', name)}")
        return name


def head(label: str, start: str = "0") -> Iterator[str]:
    """Begin a loop; ``%i.LABEL`` counts."""
    yield f"  br label %p.{label}"
    yield f"p.{label}:"
    yield f"  br label %h.{label}"
    yield f"h.{label}:"
    yield f"  %i.{label} = phi i64 [ {start}, %p.{label} ], [ %n.{label}, %l.{label} ]"


def tail(label: str, end: str, step: int = 1) -> Iterator[str]:
    """End a loop, which has run at least once."""
    yield f"  br label %l.{label}"
    yield f"l.{label}:"
    yield f"  %n.{label} = add nuw nsw i64 %i.{label}, {step}"
    yield f"  %c.{label} = icmp ult i64 %n.{label}, {end}"
    yield f"  br i1 %c.{label}, label %h.{label}, label %e.{label}"
    yield f"e.{label}:"
