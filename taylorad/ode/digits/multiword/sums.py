"""Sums of products of parts, which are nearly all of the work: functions written once.

A *stream* is the parts of a line by degrees, each word of them in a plane of its own. Eight
products are done at once, and added up in columns, without normalising; the eight sums and the
columns become one number at the end. The second factor's parts stand in reverse order, so that
those of degrees k - 1, k - 2, ... are neighbours, too.

Nobody counts to the end exactly: beyond the last term the first factor's parts are zero, and the
second's are numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

from taylorad.machine.multiword import Number, Words
from taylorad.machine.multiword.words import structure
from taylorad.ode.steps.code import Code, kind_of

__all__ = ["AHEAD", "LANES", "powers", "sum_of_products", "sum_of_squares"]

LANES = 8
"""Products side by side."""

AHEAD = LANES
"""Doubles before the part of degree 1 in a plane: so it begins a vector, degree 0 stands before."""


def sum_of_products(words: int, room: int) -> Code:
    """Write ``@products``: the sum of a_j b_j over so many vectors of eight.

    Parameters
    ----------
    words : int
    room : int
        Doubles from one plane of a stream to the next.
    """
    return _summed(words, room, "products", square=False)


def sum_of_squares(words: int, room: int) -> Code:
    """Write ``@squares``: the sum of a_j a_(k-j) from half of the products."""
    return _summed(words, room, "squares", square=True)


def _summed(words: int, room: int, name: str, *, square: bool) -> Code:
    code = Code()
    takes = "ptr %a, ptr %b, i64 %count" + (", double %k" if square else "")
    code.lines.append(f"define internal {structure(words)} @{name}.w{words}({takes}) noinline {{")
    code.label("entry")
    one = code.everywhere(code.let("load double, ptr @ta.one"), LANES)
    of = Words(code, words, LANES, one=one)
    zero = (kind_of(LANES), code.constant(0.0, LANES))

    def load(stream: str, place: str) -> Number:
        at = code.let(f"getelementptr inbounds double, ptr {stream}, i64 {place}")
        return tuple(code.load(at, w * room, LANES) for w in range(words))

    def terms(counter: str, *columns: str) -> tuple[str, ...]:
        place = code.let(f"mul nsw i64 {counter}, {LANES}")
        return of.full(of.accumulate(columns, load("%a", place), load("%b", place)))

    count = code.let("sub nsw i64 %count, 1") if square else "%count"
    columns: Number = tuple(code.loop(count, terms, *[zero] * words))
    if square:
        # All of these count twice. In the last vector is the middle one, and others behind it.
        place = code.let(f"mul nsw i64 {count}, {LANES}")
        shares = _shares(code, place)
        a = tuple(code.multiply(word, shares, LANES) for word in load("%a", place))
        columns = of.accumulate(of.scaled(columns, 2.0), a, load("%b", place))
    single = Words(code, words)
    _returned(code, single.full(single.normalised(of.folded(columns))))
    return code


def _shares(code: Code, place: str) -> str:
    """Give how often products count: twice, once in the middle, and not at all behind it."""
    lanes = code.constant([2.0 * x + 1.0 for x in range(LANES)], LANES)
    first = code.let(f"sitofp i64 {place} to double")
    left = code.subtract("%k", code.add(first, first))  # k - 2 j + 2 in the first lane
    shares = code.subtract(code.everywhere(left or "", LANES), lanes, LANES) or ""
    shares = code.larger(shares, code.constant(0.0, LANES), LANES)
    return code.smaller(shares, code.constant(2.0, LANES), LANES)


def powers(words: int, room: int, order: int) -> Code:
    """Write ``@powers``: those of a number, s**k, and k s**(k - 1), as streams.

    It takes the addresses of degree 1 in both, and that of the number.
    """
    code, count = Code(), -(-order // LANES)
    code.lines.append("define internal void @powers(ptr %p, ptr %q, ptr %s) noinline {")
    code.label("entry")
    single, of = Words(code, words), Words(code, words, LANES)

    def place(stream: str, at: int | str) -> str:
        return code.let(f"getelementptr inbounds double, ptr {stream}, i64 {at}")

    def put(a: Sequence[str], at: str, width: int = 1) -> None:
        for w, word in enumerate(a):
            code.store(word, at, w * room, width)

    s = tuple(code.load("%s", w) for w in range(words))

    def one_by_one(k: str, *power: str) -> tuple[str, ...]:
        put(power, place("%p", k))
        return single.full(single.multiply(power, s))

    zero = [("double", code.constant(0.0))] * (words - 1)
    code.loop(LANES, one_by_one, ("double", code.constant(1.0)), *zero, start=-1)
    last = tuple(
        code.everywhere(code.load(place("%p", LANES - 1), w * room), LANES) for w in range(words)
    )
    lanes = code.constant([x + 1.0 for x in range(LANES)], LANES)

    def by_vectors(c: str) -> list[str]:
        at = code.let(f"mul nuw nsw i64 {c}, {LANES}")
        here = place("%p", at)
        a = tuple(code.load(place(here, -1), w * room, LANES) for w in range(words))
        first = code.everywhere(code.let(f"sitofp i64 {at} to double"), LANES)
        degree = code.add(first, lanes, LANES) or ""
        put(of.full(of.multiply(a, (degree,))), place("%q", at), LANES)
        a = tuple(code.load(here, w * room, LANES) for w in range(words))
        put(of.full(of.multiply(a, last)), place(here, LANES), LANES)
        return []

    code.loop(count, by_vectors)
    for k in range(order, LANES * count):
        for stream in ("%p", "%q"):
            put([code.constant(0.0)] * words, place(stream, k))
    code.do("ret void")
    code.lines.append("}")
    return code


def _returned(code: Code, words: tuple[str, ...]) -> None:
    """Write the end of a function that gives a number."""
    kind, whole = structure(len(words)), "poison"
    for place, word in enumerate(words):
        whole = code.let(f"insertvalue {kind} {whole}, double {word}, {place}")
    code.do(f"ret {kind} {whole}")
    code.lines.append("}")
