"""exp, log and their families in numbers of several words.

exp: x = k ln 2 + r, and s = e^(r/2ᵐ) − 1 by its Taylor series, doubled m times by s ← s² + 2s, in
which nothing cancels. log: that of the double, y, is right to 50 bits; what lacks is
log(x e⁻ʸ) = 2 artanh z with a z so small that three terms suffice.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache

import mpmath

from taylorad.machine.multiword.transformations import literal
from taylorad.machine.multiword.values import Value, libm, power_of_two, rounded, series
from taylorad.machine.multiword.words import Words

__all__ = [
    "arccosh",
    "arcsinh",
    "arctanh",
    "cbrt",
    "cosh",
    "exp",
    "exp2",
    "expm1",
    "expm1_near_zero",
    "hypot",
    "log",
    "log10",
    "log1p",
    "log2",
    "logistic",
    "power",
    "sinh",
    "tanh",
]

LARGEST, LEAST = 709.782712893384, -745.2  # log of the largest and of the smallest double
LN2 = math.log(2.0)


def constant(x: Value, name: str) -> Value:
    """Return a constant of mpmath, ``ln2`` say."""
    with mpmath.workprec(53 * x.of.words + 64):
        return x.constant(+getattr(mpmath.mp, name))


# --- exp ---------------------------------------------------------------------------------------


@cache
def _halvings_and_degree(bits: int) -> tuple[int, int]:
    """Choose how often r ≤ 0.36 is halved, and the degree, so that they are few together."""
    found = []
    for halvings in range(1, 20):
        degree, size = 1, 0.36 * 0.5**halvings
        while degree * math.log2(size) - math.lgamma(degree + 2) / LN2 > -bits:
            degree += 1
        found.append((halvings + degree, halvings, degree))
    _, halvings, degree = min(found)
    return halvings, degree


def expm1_near_zero(r: Value) -> Value:
    """Return eʳ − 1 for |r| ≤ 0.36."""
    halvings, degree = _halvings_and_degree(53 * r.of.words + 4)
    y = r.scaled(0.5**halvings)
    s = y * series(y, [Fraction(1, math.factorial(k + 1)) for k in range(degree)])
    for _ in range(halvings):
        s = s.times_plus(s, s.scaled(2.0))
    return s


def _core(r: Value) -> Value:
    return r.call("expm1_near_zero")


def _scaled(x: Value, bits: str) -> Value:
    """Return x·2ᵏ by two factors, as 2ᵏ itself may be too large or too small."""
    k = x.of.code.let(f"shl i64 {bits}, 16")  # the low bits of a double + ROUND
    k = x.of.code.let(f"ashr i64 {k}, 16")
    half = x.of.code.let(f"ashr i64 {k}, 1")
    rest = x.of.code.let(f"sub i64 {k}, {half}")
    return x.scaled_by(power_of_two(x.of, half), power_of_two(x.of, rest))


def _clamped(x: Value, low: float, high: float) -> Value:
    """Move a number into an interval; a NaN stays one."""
    x = x.constant(high).where(x.is_("ogt", high), x)
    return x.constant(low).where(x.is_("olt", low), x)


def _parts(x: Value) -> tuple[str, str, Value]:
    """Return k, its bits and s with eˣ = 2ᵏ (1 + s)."""
    of = x.of
    k, bits = rounded(of, of.shown(of.times(x.first, of.written(1.0 / LN2))))
    wide = Words(of.code, of.words + 1, fma=of.fma)
    less = wide.fused((of.opposite(k),), constant(Value(wide, ()), "ln2").words, x.words)
    return k, bits, _core(Value(of, less[: of.words]))


def _in_range(y: Value, x: Value, low: float, least: float) -> Value:
    """Return y, but what is right where x is so large or so small that it is not."""
    y = y.where(x.is_("uge", low), least)
    return y.where(x.is_("ule", LARGEST), math.inf).where(x.is_("ord", 0.0), math.nan)


def exp(x: Value) -> Value:
    _, bits, s = _parts(_clamped(x, LEAST, LARGEST))
    return _in_range(_scaled(s + 1, bits), x, LEAST, 0.0)


def exp2(x: Value) -> Value:
    inside = _clamped(x, -1075.0, 1024.0)
    k, bits = rounded(x.of, inside.first)
    s = _core((inside - Value(x.of, (k,))) * constant(x, "ln2"))
    y = _scaled(s + 1, bits).where(x.is_("uge", -1075.0), 0.0)
    return y.where(x.is_("ult", 1024.0), math.inf).where(x.is_("ord", 0.0), math.nan)


def expm1(x: Value) -> Value:
    inside = _clamped(x, -40.0 * x.of.words, LARGEST)
    k, bits, s = _parts(inside)
    y = s.where(x.of.compared("oeq", k, None), _scaled(s + 1, bits) - 1)
    return _in_range(y, x, -40.0 * x.of.words, -1.0)


def sinh(x: Value) -> Value:
    m = abs(x).call("expm1")
    y = (m + m / (m + 1)).scaled(0.5)
    return y.where(abs(x).is_("ule", LARGEST), math.inf).with_sign_of(x)


def cosh(x: Value) -> Value:
    e = abs(x).call("exp")
    return (e + 1 / e).scaled(0.5).where(abs(x).is_("ule", LARGEST), math.inf)


def tanh(x: Value) -> Value:
    m = _clamped(abs(x), 0.0, 20.0 * x.of.words).scaled(2.0).call("expm1")
    return (m / (m + 2)).with_sign_of(x)


def logistic(x: Value) -> Value:
    e = (-abs(x)).call("exp")
    return x.constant(1).where(x.is_("oge", 0.0), e) / (e + 1)


# --- log ---------------------------------------------------------------------------------------


def _log_of_ratio(m: Value, less: Value, y: str) -> Value:
    """Return log m where y is its double, |y| ≤ 0.36, and less = m − 1."""
    start = Value(m.of, (y,))
    t = m.times_plus(_core(-start), less)  # m e⁻ʸ − 1
    z = t / (t + 2)
    w = z * z
    third, fifth = Fraction(2, 3), Fraction(2, 5)
    return start + z * w.times_plus(w.constant(fifth), third).times_plus(w, 2)


def _normalised(x: Value) -> tuple[str, Value]:
    """Return k and m with x = 2ᵏ m and √½ ≤ m ≤ √2."""
    of = x.of
    tiny = x.is_("olt", 2.0**-700)
    x = x.scaled(2.0**300).where(tiny, x)
    bits = of.code.let(f"bitcast double {x.first} to i64")
    bits = of.code.let(f"add i64 {bits}, {int(literal(1.0), 16) - int(literal(0.5**0.5), 16)}")
    exponent = of.code.let(f"lshr i64 {bits}, 52")
    up = of.code.let(f"sub i64 1023, {exponent}")  # −k
    half = of.code.let(f"ashr i64 {up}, 1")
    rest = of.code.let(f"sub i64 {up}, {half}")
    m = x.scaled_by(power_of_two(of, half), power_of_two(of, rest))
    k = of.opposite(of.code.let(f"sitofp i64 {up} to double"))
    return of.shown(of.minus(k, of.chosen(tiny, of.written(300.0), None))), m


def log(x: Value) -> Value:
    k, m = _normalised(x)
    y = _log_of_ratio(m, m - 1, libm(x.of, "log", m.first))
    y = Value(x.of, (k,)).times_plus(constant(x, "ln2"), y)
    outside = x.constant(-math.inf).where(x.is_("oeq", 0.0), math.nan)
    return y.where(x.is_("olt", math.inf), x).where(x.is_("ogt", 0.0), outside)


def log2(x: Value) -> Value:
    return _in_base(x, "ln2")


def log10(x: Value) -> Value:
    return _in_base(x, "ln10")


def _in_base(x: Value, name: str) -> Value:
    y = x.call("log")
    with mpmath.workprec(53 * x.of.words + 64):
        scale = x.constant(1 / getattr(mpmath.mp, name))
    return (y * scale).where(abs(y).is_("olt", math.inf), y)


def log1p(x: Value) -> Value:
    far = (x + 1).call("log")
    inside = x.where(abs(x).is_("olt", 0.25), 0.0)
    near = _log_of_ratio(inside + 1, inside, libm(x.of, "log1p", inside.first))
    return near.where(abs(x).is_("olt", 0.25), far.where(x.is_("ult", math.inf), x))


def arcsinh(x: Value) -> Value:
    a = abs(x)
    large = a.is_("ogt", 2.0 ** (27 * x.of.words + 2))  # where 1 is lost in a² + 1
    b = x.constant(1).where(large, a)
    y = (b + b * b / ((b * b + 1).sqrt() + 1)).call("log1p")
    y = (a.call("log") + constant(x, "ln2")).where(large, y)
    return y.where(a.is_("ult", math.inf), a).with_sign_of(x)


def arccosh(x: Value) -> Value:
    large = x.is_("ogt", 2.0 ** (27 * x.of.words + 2))
    t = x.constant(1).where(large, x - 1)
    y = (t + (t * (t + 2)).sqrt()).call("log1p")
    y = (x.call("log") + constant(x, "ln2")).where(large, y)
    return y.where(x.is_("ult", math.inf), x)


def arctanh(x: Value) -> Value:
    a = abs(x)
    y = (a.scaled(2.0) / (1 - a)).call("log1p").scaled(0.5)
    return y.where(a.is_("une", 1.0), math.inf).with_sign_of(x)


# --- powers ------------------------------------------------------------------------------------


def power(x: Value, a: Value) -> Value:
    # One word more: the exponent multiplies the error of the logarithm.
    of = x.of
    wide = Words(of.code, of.words + 1, fma=of.fma)
    base = abs(x)
    regular = of.code.let(f"and i1 {base.is_('ogt', 0.0)}, {base.is_('olt', math.inf)}")
    inner = base.where(regular, 1.0).resized(wide)
    y = (a.resized(wide) * inner.call("log")).call("exp").resized(of)
    of.functions |= wide.functions

    grows = of.code.let(f"xor i1 {base.is_('oeq', 0.0)}, {a.is_('ogt', 0.0)}")
    limit = x.constant(math.inf).where(grows, 0.0)
    y = y.where(regular, limit).where(x.is_("ord", 0.0), math.nan)
    half = _parity(a.scaled(0.5))
    whole = _parity(a)
    odd = of.code.let(f"and i1 {whole}, {of.code.let(f'xor i1 {half}, true')}")
    negative = x.is_("olt", 0.0)
    y = (-y).where(of.code.let(f"and i1 {negative}, {odd}"), y)
    undefined = of.code.let(f"and i1 {negative}, {of.code.let(f'xor i1 {whole}, true')}")
    return x.constant(math.nan).where(undefined, y).where(a.is_("une", 0.0), 1.0)


def _parity(a: Value) -> str:
    """Say whether a number is an integer: every word of it is."""
    of, result = a.of, "true"
    for word in of.full(a.words):
        whole = of.compared("oeq", of.intrinsic("floor", word), word)
        result = of.code.let(f"and i1 {result}, {whole}")
    return result


def cbrt(x: Value) -> Value:
    y, bits = Value(x.of, (libm(x.of, "cbrt", x.first),)), 50
    while bits < 53 * x.of.words:  # Halley's iteration triples the digits
        cube, bits = y * y * y, 3 * bits
        y = y + y * ((x - cube) / (cube.scaled(2.0) + x))
    regular = x.of.code.let(f"and i1 {x.is_('une', 0.0)}, {abs(x).is_('une', math.inf)}")
    return y.where(regular, x)


def hypot(x: Value, y: Value) -> Value:
    a, b = abs(x), abs(y)
    large = x.of.code.let(f"or i1 {a.is_('ogt', 2.0**500)}, {b.is_('ogt', 2.0**500)}")
    one = x.of.written(1.0)
    down = x.of.shown(x.of.chosen(large, x.of.written(2.0**-520), one))
    up = x.of.shown(x.of.chosen(large, x.of.written(2.0**520), one))
    a, b = a.scaled_by(down), b.scaled_by(down)
    return a.times_plus(a, b * b).sqrt().scaled_by(up)
