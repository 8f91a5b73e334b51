"""Machine code that isolates the roots of one function in one step, in doubles.

On halves of the step and halves of those it looks at Bernstein coefficients, as
`taylorad.ode.events.roots` does: where they have one sign there is no root, and where they rise,
or fall, from one sign to the other there is one.
"""

from __future__ import annotations

from collections.abc import Sequence

from taylorad.ode.events.roots import UNIT
from taylorad.ode.steps.routine import Routine

__all__ = ["DEPTH", "FIELDS", "WIDTH", "isolate", "natural", "newton"]

DEPTH = 20
"""How often a step is halved: a ball that hardly jumps any more may well take long steps."""

WIDTH = 8
"""Numbers side by side."""

ATTEMPTS = 60
"""Steps of Newton's method, or halvings, that a root may take."""

FIELDS = 5
"""Of what is found: step, function, time, direction (0: to be looked at), sign before."""


def newton() -> Routine:
    """Write Newton's method, kept within a bracket by bisection; at last with twice the digits.

    It is given the ends of a piece on which the function is monotone, and its values there. NaN if
    there are too many steps.
    """
    r = Routine(
        head="internal double @newton(ptr noalias %c, i64 %order, double %start, double %stop, "
        "double %before, double %after)"
    )
    start, stop = r.variable("%start"), r.variable("%stop")
    width = r.subtract("%stop", "%start") or ""
    size = r.absolute(width)
    share = r.divide("%before", r.subtract("%before", "%after") or "")
    t = r.variable(r.fused(share, width, "%start") or "")
    last = r.variable(size)
    enough = r.multiply(size, r.constant(2.0**-27)) or ""
    count, fine = r.variable("0", "i64"), r.variable("0", "i64")
    zero = r.constant(0.0)
    top = r.load("%c", "%order")
    rises = r.compare("ogt", "%after", zero)

    def coefficient(i: str) -> str:
        return r.load("%c", r.let(f"sub i64 {r.plus('%order', -1)}, {i}"))

    def plainly(now: str) -> tuple[str, str]:
        value, slope = r.over(
            "%order",
            lambda i, v, s: (r.fused(v, now, coefficient(i)) or "", r.fused(s, now, v) or ""),
            top,
            zero,
        )
        return value, slope

    def exactly(now: str) -> tuple[str, str]:
        """Evaluate by a compensated Horner scheme (Graillat, Langlois and Louvet)."""

        def more(i: str, v: str, s: str, lost: str) -> Sequence[str]:
            product = r.multiply(v, now) or ""
            rest = r.fused(v, now, r.negative(product)) or ""
            value, low = r.total(product, coefficient(i))
            low = r.add(rest, low) or ""
            return value, r.fused(s, now, v) or "", r.fused(lost, now, low) or ""

        value, slope, lost = r.over("%order", more, top, zero, zero)
        return r.add(value, lost) or "", slope

    def narrow(now: str, value: str) -> None:
        signs = (r.compare(how, value, zero) for how in ("ogt", "olt"))  # products may underflow
        is_after = r.let("select i1 {}, i1 {}, i1 {}".format(rises, *signs))
        r.put(stop, r.choose(is_after, now, r.get(stop)))
        r.put(start, r.choose(is_after, r.get(start), now))

    def step() -> None:
        now = r.get(t)
        value, slope = plainly(now)
        narrow(now, value)
        a, b = r.get(start), r.get(stop)
        new = r.subtract(now, r.divide(value, slope)) or ""
        sides = r.multiply(r.subtract(new, a), r.subtract(new, b)) or ""
        move = r.absolute(r.subtract(new, now) or "")
        half = r.multiply(r.get(last), r.constant(0.5)) or ""
        good = r.both(r.compare("olt", sides, zero), r.compare("ole", move, half))
        middle = r.fused(r.subtract(b, a), r.constant(0.5), a) or ""
        new = r.choose(good, new, middle)
        move = r.absolute(r.subtract(new, now) or "")
        r.put(t, new)
        r.put(last, move)
        r.put(fine, r.let(f"zext i1 {r.compare('ole', move, enough)} to i64"))
        r.increase(count)

    def polish() -> None:
        now = r.get(t)
        value, slope = exactly(now)
        narrow(now, value)
        new = r.subtract(now, r.divide(value, slope)) or ""
        a, b = r.get(start), r.get(stop)
        sides = r.multiply(r.subtract(new, a), r.subtract(new, b)) or ""
        inside = r.compare("ole", sides, zero)
        new = r.choose(inside, new, r.fused(r.subtract(b, a), r.constant(0.5), a) or "")
        move = r.absolute(r.subtract(new, now) or "")
        least = r.multiply(r.absolute(now), r.constant(2.0**-52)) or ""
        r.put(fine, r.let(f"zext i1 {r.compare('ole', move, least)} to i64"))
        r.put(t, new)
        r.increase(count)

    def going() -> str:
        few = r.let(f"icmp slt i64 {r.get(count)}, {ATTEMPTS}")
        return r.both(few, r.let(f"icmp eq i64 {r.get(fine)}, 0"))

    r.repeat(going, step)
    r.put(fine, "0")
    r.repeat(going, polish)
    done = r.let(f"icmp ne i64 {r.get(fine)}, 0")
    r.leave(f"double {r.choose(done, r.get(t), r.constant(float('nan')))}")
    return r


def natural() -> Routine:
    """Write how much a function moves in its own time, at least: its terms are given.

    That is its first moving term where it is as large as any later one, on halves of the step.
    """
    r = Routine(head="internal double @natural(ptr noalias %a, i64 %order)")
    zero, one = r.constant(0.0), r.constant(1.0)
    share, lead, rest = r.variable(one), r.variable(zero), r.variable(one)

    def halve() -> None:
        def term(i: str, power: str, first: str, others: str) -> Sequence[str]:
            power = r.multiply(power, r.get(share)) or ""
            x = r.multiply(r.absolute(r.load("%a", r.plus(i, 1))), power) or ""
            is_first = r.compare("oeq", first, zero)
            return (
                power,
                r.choose(is_first, x, first),
                r.choose(is_first, zero, r.larger(x, others)),
            )

        _, first, others = r.over("%order", term, one, zero, zero)
        r.put(lead, first)
        r.put(rest, others)
        r.put(share, r.multiply(r.get(share), r.constant(0.5)) or "")

    r.repeat(lambda: r.compare("olt", r.get(lead), r.get(rest)), halve)
    r.leave(f"double {r.get(lead)}")
    return r


def isolate() -> Routine:
    """Write the search of one step for the roots of one function.

    ``a`` are the terms of the series c at the end of the step; the table has a row for each of
    them, its share of the Bernstein coefficients. Roots go to ``found``, and the sign
    at the end to ``sign``; it gives their number, or -1 if it cannot tell. With ``met`` the
    function may begin within its errors: that is a root which was dealt with.
    """
    r = Routine(
        head="internal i64 @isolate(ptr noalias %c, ptr noalias %a, i64 %order, "
        "ptr noalias %table, ptr noalias %work, double %total, double %noise, double %h, "
        "double %step, double %event, i1 %met, ptr noalias %sign, ptr noalias %found)"
    )
    n = r.plus("%order", 1)
    n_last = r.plus("%order", 2)
    size = r.plus("%order", 3)  # of a piece: where it begins, its width, its coefficients
    zero = r.constant(0.0)
    error = r.multiply(r.as_double(r.plus("%order", 2)), "%total")
    error = r.multiply(error, r.constant((DEPTH + 2) * UNIT)) or ""
    twice, bar = r.add(error, error) or "", r.add(error, "%noise") or ""
    below, fall = r.negative(bar) or "", r.negative(twice) or ""
    r.store(zero, "%work", 0)
    r.store(r.constant(1.0), "%work", 1)

    chunks = r.let(f"sdiv i64 {r.plus(n, WIDTH - 1)}, {WIDTH}")
    padded = r.times(chunks, WIDTH)

    def bernstein(j: str) -> None:
        def term(k: str, sum: str) -> Sequence[str]:
            weights = r.load("%table", r.plus(r.times(k, padded), r.times(j, WIDTH)), WIDTH)
            a = r.everywhere(r.load("%a", k), WIDTH)
            return (r.fused(weights, a, sum, WIDTH) or "",)

        (sum,) = r.loop(n, term, (r.kind(WIDTH), r.constant(0.0, WIDTH)))
        r.store(sum, "%work", r.plus(r.times(j, WIDTH), 2), WIDTH)

    r.each(chunks, bernstein)
    end = r.compare("ogt", r.load("%work", n_last), zero)
    r.store(r.choose(end, r.constant(1.0), r.constant(-1.0)), "%sign", 0)
    top, count = r.variable("0", "i64"), r.variable("0", "i64")

    def piece() -> None:
        here = r.at("%work", r.times(r.get(top), size))
        begin, width, b = r.load(here, 0), r.load(here, 1), r.at(here, 2)
        first = r.load(b, 0)

        def look(k: str, before: str, least: str, most: str, rise: str, drop: str) -> Sequence[str]:
            x = r.load(b, r.plus(k, 1))
            change = r.subtract(x, before) or ""
            return (
                *(x, r.smaller(x, least), r.larger(x, most)),
                *(r.smaller(change, rise), r.larger(change, drop)),
            )

        up, down = r.constant(float("inf")), r.constant(float("-inf"))
        last, least, most, rise, drop = r.over("%order", look, first, first, first, up, down)
        one = r.either(r.compare("ogt", least, bar), r.compare("olt", most, below))
        rises, falls = r.compare("ogt", rise, twice), r.compare("olt", drop, fall)
        monotone = r.either(rises, falls)

        def monotonous() -> None:
            sure = r.compare("ogt", r.absolute(first), bar)
            # Where a root was dealt with, the function leaves zero and does not come back.
            starts = r.both("%met", r.compare("oeq", begin, zero))
            certain = r.let(f"xor i1 {sure}, {starts}")
            certain = r.both(certain, r.compare("ogt", r.absolute(last), bar))
            r.when(certain, lambda: None, lambda: r.leave("i64 -1"))
            r.when(starts, lambda: r.increase(top, -1), root)

        def root() -> None:
            low = r.multiply(begin, "%h")
            high = r.multiply(r.add(begin, width), "%h")
            call = f"double {low}, double {high}, double {first}, double {last}"
            time = r.let(f"call double @newton(ptr %c, i64 %order, {call})")
            r.when(r.compare("uno", time, time), lambda: r.leave("i64 -1"))
            place = r.at("%found", r.times(r.get(count), FIELDS))
            direction = r.choose(rises, r.constant(1.0), r.constant(-1.0))
            values = ("%step", "%event", time, direction, r.negative(direction))
            for k, value in enumerate(values):
                r.store(value, place, k)
            r.increase(count)
            r.increase(top, -1)

        def halve() -> None:
            small = r.compare("ole", width, r.constant(2.0**-DEPTH))
            r.when(small, lambda: r.leave("i64 -1"))
            half = r.multiply(width, r.constant(0.5)) or ""
            other = r.at(here, size)
            for where, start in ((other, begin), (here, r.add(begin, half))):
                r.store(start, where, 0)
                r.store(half, where, 1)
            left = r.at(other, 2)
            r.store(first, left, 0)

            def level(k: str) -> None:
                """Average neighbours (de Casteljau); the last ones stay, and are the other half."""

                def average(i: str, x: str) -> Sequence[str]:
                    y = r.load(b, r.plus(i, 1))
                    mean = r.multiply(r.add(x, y), r.constant(0.5))
                    r.store(mean, b, i)
                    return (y,)

                r.over(r.let(f"sub i64 %order, {k}"), average, r.load(b, 0))
                r.store(r.load(b, 0), left, r.plus(k, 1))

            r.each("%order", level)
            r.increase(top)

        r.when(one, lambda: r.increase(top, -1), lambda: r.when(monotone, monotonous, halve))

    r.repeat(lambda: r.let(f"icmp sge i64 {r.get(top)}, 0"), piece)
    r.leave(f"i64 {r.get(count)}")
    return r
