"""sin, cos and tan and their inverses in numbers of several words.

x = k π/2 + r; then v = 1 − cos(r/2ᵐ) by its Taylor series, doubled m times by v ← 4v − 2v², in
which nothing cancels; cos r = 1 − v and sin r = √(2v − v²). Arguments beyond 2⁵⁰ are multiplied by
2/π word by word, multiples of eight left out as they come (Payne and Hanek 1983). The inverses
take the double and add the angle, small enough for three terms, by which it is wrong.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache

import mpmath

from taylorad.machine.multiword.transformations import Text, literal
from taylorad.machine.multiword.values import Value, libm, rounded, series
from taylorad.machine.multiword.words import Number, Words, structure

__all__ = ["arccos", "arcsin", "arctan", "arctan2", "cos", "quadrant", "sin", "sincos", "tan"]

NEAR = 2.0**50
CHUNK = 48  # bits of 2/π in an entry of its table
SHIFT = 2.0**512  # by which the table is too large, as its last entries would be too small


@cache
def _halvings_and_terms(bits: int) -> tuple[int, int]:
    """Choose how often r ≤ 0.8 is halved, and the terms, so that they are few together."""
    found = []
    for halvings in range(1, 20):
        terms, size = 1, 0.8 * 0.5**halvings
        while 2 * terms * math.log2(size) - math.lgamma(2 * terms + 3) / math.log(2.0) > -bits:
            terms += 1
        found.append((halvings + terms, halvings, terms))
    _, halvings, terms = min(found)
    return halvings, terms


def _versine(r: Value) -> Value:
    """Return 1 − cos r for |r| ≤ 0.8."""
    halvings, terms = _halvings_and_terms(53 * r.of.words + 4)
    y = r.scaled(0.5**halvings)
    z = y * y
    v = z * series(z, [Fraction((-1) ** k, math.factorial(2 * k + 2)) for k in range(terms)])
    for _ in range(halvings):
        v = v.times_plus(v.scaled(-2.0), v.scaled(4.0))
    return v


def sincos(x: Value) -> tuple[Value, Value]:
    of = x.of
    k, r = _quadrant(x)
    v = _versine(r)
    cosine, sine = 1 - v, (-v).times_plus(v, v.scaled(2.0)).sqrt().with_sign_of(r)
    sine = r.where(abs(r).is_("olt", 2.0 ** (-27 * of.words)), sine)
    odd = of.code.let(f"trunc i64 {k} to i1")
    s, c = cosine.where(odd, sine), sine.where(odd, cosine)
    return _signed(s, k), _signed(c, of.code.let(f"add i64 {k}, 1"))


def _signed(y: Value, k: str) -> Value:
    """Return −y if k is 2 or 3, modulo four."""
    let = y.of.code.let
    bits = let(f"shl i64 {let(f'lshr i64 {k}, 1')}, 63")
    bits = let(f"or i64 {bits}, {int(literal(1.0), 16)}")
    return y.scaled_by(let(f"bitcast i64 {bits} to double"))


def sin(x: Value) -> Value:
    return _sin_and_cos(x)[0].where(x.is_("une", 0.0), x)


def cos(x: Value) -> Value:
    return _sin_and_cos(x)[1]


def tan(x: Value) -> Value:
    s, c = _sin_and_cos(x)
    return (s / c).where(x.is_("une", 0.0), x)


def _sin_and_cos(x: Value) -> tuple[Value, Value]:
    s, c = x.of.call_for("sincos", x.words, results=2)
    return Value(x.of, s), Value(x.of, c)


# --- reduction ---------------------------------------------------------------------------------


def _quadrant(x: Value) -> tuple[str, Value]:
    """Return k, as the low bits of an i64, and r; the function gives k as a double."""
    of, kind = x.of, structure(x.of.words + 1)
    of.functions.add(f"quadrant.w{of.words}")
    given = ", ".join(f"double {word}" for word in of.full(x.words))
    whole = of.code.let(f"call {kind} @ta.quadrant.w{of.words}({given})")
    k, *r = (of.code.let(f"extractvalue {kind} {whole}, {i}") for i in range(of.words + 1))
    return rounded(of, k)[1], Value(of, tuple(r))


def quadrant(code: Text, words: int, fma: bool) -> str:
    """Return the text of the reduction of an argument."""
    x = tuple(f"%x0.{i}" for i in range(words))
    of = Words(code, words, fma=fma)
    # A number of n words may agree with a multiple of π/2 in all of them.
    wide = Words(code, 2 * words + 2, fma=fma)
    with mpmath.workprec(53 * wide.words + 64):
        half_pi = wide.constant(mpmath.mp.pi / 2)
    near = of.compared("ole", of.intrinsic("fabs", x[0]), of.written(NEAR))
    code.lines.append(f"  br i1 {near}, label %near, label %far")
    code.begin("near")
    k, _ = rounded(of, of.shown(of.times(x[0], of.written(2.0 / math.pi))))
    columns = wide.gathered(wide.nothing, x)
    columns = wide.accumulate(columns, (of.opposite(k),), half_pi)
    _give(of, k, wide.normalised(columns, words=words))
    code.begin("far")
    k, turn = _far(of, wide, x)
    _give(of, k, of.multiply(turn, half_pi[:words]))
    kind, table = structure(words + 1), _two_over_pi(wide.words)
    takes = ", ".join(f"double {word}" for word in x)
    entries = ", ".join(f"double {literal(entry)}" for entry in table)
    return "\n".join(
        [
            f"@ta.pi.w{words} = internal constant [{len(table)} x double] [{entries}]",
            f"define internal {kind} @ta.quadrant.w{words}({takes}) noinline {{",
            "start:",
            *code.lines,
            "}",
        ]
    )


def _give(of: Words, k: str, r: Number) -> None:
    """Return k and the first words of r."""
    kind, whole = structure(of.words + 1), "poison"
    for place, word in enumerate((k, *of.full(r))):
        whole = of.code.let(f"insertvalue {kind} {whole}, double {word}, {place}")
    assert isinstance(of.code, Text)
    of.code.lines.append(f"  ret {kind} {whole}")


@cache
def _two_over_pi(words: int) -> tuple[float, ...]:
    """Return 2/π in parts: so many that words are left of its product with the largest double."""
    count = (1024 + 53 * words) // CHUNK + 1
    with mpmath.workprec(CHUNK * count + 64):
        bits = int(mpmath.floor(mpmath.ldexp(2 / mpmath.mp.pi, CHUNK * count)))
    parts = [(bits >> CHUNK * (count - 1 - i)) % (1 << CHUNK) for i in range(count)]
    shift = Fraction(SHIFT)
    return tuple(float(part * shift / 2 ** (CHUNK * (i + 1))) for i, part in enumerate(parts))


def _far(of: Words, wide: Words, x: Number) -> tuple[str, Number]:
    """Return k and what is left of x·2/π, for a large x."""
    code = of.code
    assert isinstance(code, Text)
    small = [of.shown(of.times(word, of.written(1 / SHIFT))) for word in x]
    count = len(_two_over_pi(wide.words))
    code.lines.append("  br label %more")
    code.begin("more")
    code.lines.append("  %i = phi i64 [ 0, %far ], [ %next, %more ]")
    place = len(code.lines)
    columns: Number = tuple(f"%column{c}" for c in range(wide.words))
    at = code.let(f"getelementptr double, ptr @ta.pi.w{of.words}, i64 %i")
    part = code.let(f"load double, ptr {at}")
    for word in small:
        for term in wide.two_product(word, part):
            columns = wide.gathered(columns, (_modulo_eight(wide, wide.shown(term)),))
    code.lines[place:place] = [
        f"  %column{c} = phi double [ 0.0, %far ], [ {column}, %more ]"
        for c, column in enumerate(columns)
    ]
    code.lines += [
        "  %next = add i64 %i, 1",
        f"  %done = icmp eq i64 %next, {count}",
        "  br i1 %done, label %end, label %more",
    ]
    code.begin("end")
    turn = wide.normalised(columns)
    k, _ = rounded(of, of.shown(turn[0]))
    rest = wide.gathered(turn, (of.opposite(k),))
    return k, wide.normalised(rest, words=of.words)


def _modulo_eight(of: Words, x: str) -> str | None:
    """Return what a number is beyond a multiple of eight."""
    k, _ = rounded(of, of.shown(of.times(x, of.written(0.125))))
    rest = of.minus(x, of.times(k, of.written(8.0)))
    whole = of.compared("oge", of.intrinsic("fabs", x), of.written(2.0**56))
    return of.chosen(whole, None, rest)


# --- inverses ----------------------------------------------------------------------------------


def arctan2(y: Value, x: Value) -> Value:
    of = y.of
    y, x = _comparable(y, x)
    start = Value(of, (libm(of, "atan2", y.first, x.first),))
    s, c = _sin_and_cos(start)
    across, along = y.times_plus(c, -(x * s)), x.times_plus(c, y * s)
    z = (across / along).where(along.is_("une", 0.0), 0.0)
    w = z * z
    more = z * w.times_plus(w.constant(Fraction(1, 5)), Fraction(-1, 3)).times_plus(w, 1)
    return start.where(z.is_("oeq", 0.0), start + more)


def _comparable(y: Value, x: Value) -> tuple[Value, Value]:
    """Scale two numbers so that products of them are in range; infinities count as ones."""
    of, let = y.of, y.of.code.let
    a, b = abs(y), abs(x)
    infinite = let(f"or i1 {a.is_('oeq', math.inf)}, {b.is_('oeq', math.inf)}")
    size = of.shown(of.chosen(of.compared("ogt", a.first, b.first), a.first, b.first))
    high = of.compared("ogt", size, of.written(2.0**400))
    low = of.compared("olt", size, of.written(2.0**-400))
    factor = of.chosen(low, of.written(2.0**600), of.written(1.0))
    factor = of.shown(of.chosen(high, of.written(2.0**-600), factor))
    ones = []
    for value, its in ((y, a), (x, b)):
        one = value.constant(1).where(its.is_("oeq", math.inf), 0.0).with_sign_of(value)
        ones.append(one.where(infinite, value.scaled_by(factor)))
    return ones[0], ones[1]


def arctan(x: Value) -> Value:
    return x.call("arctan2", 1)


def arcsin(x: Value) -> Value:
    return x.call("arctan2", ((1 - x) * (x + 1)).sqrt())


def arccos(x: Value) -> Value:
    return ((1 - x) * (x + 1)).sqrt().call("arctan2", x)
