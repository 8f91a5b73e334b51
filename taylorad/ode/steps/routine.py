"""Writing routines that loop and choose: variables, conditions and loops over `Code`.

What is written this way is compiled once for all problems: sizes come at run time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from taylorad.ode.steps.code import Code

__all__ = ["Routine"]


@dataclass
class Routine(Code):
    """A function of LLVM's in the making.

    Attributes
    ----------
    head : str
        Its first line, without the brace.
    frame : list of str
        Where its variables are made.
    """

    head: str = ""
    frame: list[str] = field(default_factory=list)
    kinds: dict[str, str] = field(default_factory=dict)
    left: bool = False

    @property
    def text(self) -> str:
        """The function."""
        return "\n".join([f"define {self.head} {{", "entry:", *self.frame, *self.lines, "}", ""])

    # --- variables ---

    def variable(self, value: str, kind: str = "double") -> str:
        """Make a variable."""
        name = f"%v{len(self.frame)}"
        self.frame.append(f"  {name} = alloca {kind}, align 8")
        self.kinds[name] = kind
        self.put(name, value)
        return name

    def get(self, variable: str) -> str:
        return self.let(f"load {self.kinds[variable]}, ptr {variable}, align 8")

    def put(self, variable: str, value: str) -> None:
        self.do(f"store {self.kinds[variable]} {value}, ptr {variable}, align 8")

    def increase(self, variable: str, by: int | str = 1) -> None:
        self.put(variable, self.plus(self.get(variable), by))

    # --- whole numbers and memory ---

    def plus(self, a: str, b: int | str) -> str:
        return self.let(f"add i64 {a}, {b}")

    def times(self, a: str, b: int | str) -> str:
        return self.let(f"mul i64 {a}, {b}")

    def at(self, pointer: str, place: int | str) -> str:
        """Give the address of a double, or of another number of eight bytes."""
        return self.let(f"getelementptr inbounds double, ptr {pointer}, i64 {place}")

    def whole(self, pointer: str, place: int | str) -> str:
        """Read a whole number."""
        return self.let(f"load i64, ptr {self.at(pointer, place)}, align 8")

    def write(self, value: str, pointer: str, place: int | str) -> None:
        """Write a whole number."""
        self.do(f"store i64 {value}, ptr {self.at(pointer, place)}, align 8")

    def as_double(self, value: str) -> str:
        return self.let(f"sitofp i64 {value} to double")

    # --- where to go on ---

    def both(self, a: str, b: str) -> str:
        return self.let(f"and i1 {a}, {b}")

    def either(self, a: str, b: str) -> str:
        return self.let(f"or i1 {a}, {b}")

    def when(
        self,
        condition: str,
        then: Callable[[], object],
        otherwise: Callable[[], object] | None = None,
    ) -> None:
        """Do something if a condition holds."""
        name = self.name()[1:]
        no = "no" if otherwise else "end"
        self.do(f"br i1 {condition}, label %yes.{name}, label %{no}.{name}")
        for label, body in (("yes", then), ("no", otherwise)):
            if body is not None:
                self.label(f"{label}.{name}")
                self.left = False
                body()
                if not self.left:
                    self.do(f"br label %end.{name}")
        self.label(f"end.{name}")
        self.left = False

    def repeat(self, going: Callable[[], str], body: Callable[[], object]) -> None:
        """Do something as long as a condition holds."""
        name = self.name()[1:]
        self.do(f"br label %while.{name}")
        self.label(f"while.{name}")
        self.do(f"br i1 {going()}, label %do.{name}, label %end.{name}")
        self.label(f"do.{name}")
        body()
        self.do(f"br label %while.{name}")
        self.label(f"end.{name}")

    def each(self, count: int | str, body: Callable[[str], object]) -> None:
        """Do something for each whole number below a count."""

        def once(i: str) -> Sequence[str]:
            body(i)
            return ()

        self.loop(count, once)

    def leave(self, value: str) -> None:
        """Return."""
        self.do(f"ret {value}")
        self.left = True

    def over(
        self, count: int | str, body: Callable[..., Sequence[str]], *first: str, start: int = 0
    ) -> list[str]:
        """Loop with doubles that are carried along."""
        return self.loop(count, body, *(("double", x) for x in first), start=start)
