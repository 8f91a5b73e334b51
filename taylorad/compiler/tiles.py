"""Eight points side by side, or one alone: how a core of series reads and writes their parts.

Inside, an array has a row for each degree, of one double or of a vector of eight, with zeros before
and behind. Outside, in arguments and results, a row is as long as there are points.
"""

from __future__ import annotations

from taylorad.forward.text import VECTOR, WIDTH, Text, constant

__all__ = ["Tiles"]


class Tiles:
    """Access to the parts of series, a tile at a time: to be subclassed.

    Attributes
    ----------
    text : Text
        What is written to.
    order, lanes : int
    single : bool
        Whether there is one point only.
    kind : str
        Of a register: a double, or a vector.
    row : int
        How many doubles it holds.
    arrays : dict
        The addresses of arrays inside by kind and line: ``p`` of parts, ``w`` of those of D p, and
        ``r`` of p backwards.
    first : str
        The first point of the tile.
    """

    def __init__(self, text: Text, order: int, lanes: int) -> None:
        self.text, self.order, self.lanes = text, order, lanes
        self.single = lanes == 1
        self.kind, self.row = ("double", 1) if self.single else (VECTOR, WIDTH)
        self.arrays: dict[tuple[str, int], str] = {}
        self.first = "0"

    @property
    def count(self) -> int:
        """The number of tiles."""
        return -(-self.lanes // WIDTH)

    def start(self, number: str) -> str:
        """Give the first point of a tile; the last tile overlaps the one before if it has to."""
        start = self.text.multiply(number, WIDTH)
        return self.text.smaller(start, self.lanes - WIDTH) if self.lanes > WIDTH else start

    def outside(self, array: str, degree: str | int) -> str:
        """Give the address of a part in an array of arguments or results, whose rows are whole."""
        place = self.text.add(self.text.multiply(degree, self.lanes), self.first)
        return self.text.at(array, place)

    def taken(self, address: str) -> str:
        """Read eight lanes, or as many as there are."""
        if self.single or self.lanes >= WIDTH:
            return self.text.let(f"load {self.kind}, ptr {address}, align 8")
        return self.text.let(
            f"call {VECTOR} @llvm.masked.load.v{WIDTH}f64.p0(ptr {address}, i32 8, {self.mask}, "
            f"{VECTOR} zeroinitializer)"
        )

    def given(self, value: str, address: str) -> None:
        """Write eight lanes, or as many as there are."""
        if self.single or self.lanes >= WIDTH:
            self.text.do(f"store {self.kind} {value}, ptr {address}, align 8")
        else:
            self.text.do(
                f"call void @llvm.masked.store.v{WIDTH}f64.p0({VECTOR} {value}, ptr {address}, "
                f"i32 8, {self.mask})"
            )

    @property
    def mask(self) -> str:
        bits = ", ".join(f"i1 {str(i < self.lanes).lower()}" for i in range(WIDTH))
        return f"<{WIDTH} x i1> <{bits}>"

    def load(self, array: str, line: int, degree: str | int) -> str:
        return self.text.let(f"load {self.kind}, ptr {self.at(array, line, degree)}, align 8")

    def at(self, array: str, line: int, degree: str | int) -> str:
        base = self.arrays[array, line]
        if array == "r":
            return self.text.at(base, self.text.subtract(self.order, degree))
        return self.text.at(base, degree, f"[{self.row} x double]")

    def store(self, array: str, line: int, degree: str | int, value: str) -> None:
        if (array, line) in self.arrays:
            self.text.do(f"store {self.kind} {value}, ptr {self.at(array, line, degree)}, align 8")

    def spread(self, number: str) -> str:
        """Give a number for every point."""
        return number if self.single else self.text.spread(number)

    def broken(self, value: str) -> str:
        """Tell whether something is not finite."""
        text = self.text
        nothing = text.let(f"fsub {self.kind} {value}, {value}")
        odd = text.let(f"fcmp uno {self.kind} {nothing}, {constant(0.0, self.kind)}")
        if self.single:
            return odd
        if self.lanes < WIDTH:
            odd = text.let(f"and <{WIDTH} x i1> {odd}, {self.mask.partition('> ')[2]}")
        bits = text.let(f"bitcast <{WIDTH} x i1> {odd} to i{WIDTH}")
        return text.let(f"icmp ne i{WIDTH} {bits}, 0")
