"""Roots of polynomials on an interval: all of them, in order, and no others.

The oracles take the coefficients for what they are, doubles: SymPy counts roots in rational
arithmetic, mpmath finds them to 50 digits.
"""

import itertools
import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import taylorad as ta
from taylorad.ode.events.polynomials import evaluate
from taylorad.ode.events.roots import may_vanish, roots

EPS = np.finfo(float).eps
PLACES = st.floats(-2, 2).map(lambda x: round(x, 12))


def exactly(x):
    return sympy.Rational(*float(x).as_integer_ratio())


def from_roots(zeros, scale=1.0):
    """Coefficients of ``scale (t - z_1) (t - z_2) ...``, each rounded once."""
    c = [Fraction(scale)]
    for z in zeros:
        z = Fraction(z)
        c = [a - z * b for a, b in zip([0, *c], [*c, 0])]
    return [float(x) for x in c]


def chebyshev(n):
    return np.polynomial.chebyshev.cheb2poly([0] * n + [1])


def cosine(t, order=20):
    """The Taylor coefficients of cos about t."""
    return [math.cos(t + k * math.pi / 2) / math.factorial(k) for k in range(order + 1)]


def times(found):
    return [r.time for r in found]


def directions(found):
    return [r.direction for r in found]


class Sturm:
    """Counts the distinct real roots of a polynomial with doubles for coefficients, exactly."""

    def __init__(self, c):
        self.p = sympy.Poly([exactly(x) for x in reversed(c)], sympy.Symbol("t"), domain="QQ")

    def sign(self, x):
        return int(sympy.sign(self.p.eval(exactly(x))))

    def count(self, a, b):
        """How many there are in the closed interval between a and b."""
        a, b = sorted((a, b))
        if a == b or self.p.degree() < 1:
            return int(self.sign(a) == 0)
        return int(self.p.count_roots(exactly(a), exactly(b)))


def check(c, low, high):
    """Check everything that is claimed about roots without noise."""
    found = roots(c, low, high)
    exact = Sturm(c)
    a, b = sorted((low, high))
    onward = 1 if high > low else -1
    accounted = 0
    for r in found:
        if r.simple:  # to the last bit, and once
            near, after = np.spacing(abs(r.time)), 2 * np.spacing(abs(r.time))
            assert exact.count(max(a, r.time - near), min(b, r.time + near)) == 1
            assert exact.sign(r.time + onward * after) == r.direction
            accounted += 1
        else:  # several in one, or one that is multiple
            near = 8 * EPS * max(abs(low), abs(high))
            accounted += exact.count(max(a, r.time - near), min(b, r.time + near))
        assert a <= r.time <= b
    assert accounted == exact.count(low, high) - (exact.sign(low) == 0)
    assert [onward * t for t in times(found)] == sorted(onward * t for t in times(found))
    signs = [r.direction for r in found if r.direction]
    assert all(x == -y for x, y in itertools.pairwise(signs))
    return found


# ---------------------------------------------------------------- known roots


@pytest.mark.parametrize("n", [1, 2, 5, 13, 20])
def test_chebyshev(n):
    expected = np.sort(np.cos(np.pi * (np.arange(n) + 0.5) / n))
    c = chebyshev(n)
    found = roots(c, -1.0, 1.0)
    # From degree 14 or so the power form forgets digits, which is not for us to mend.
    np.testing.assert_allclose(times(found), expected, atol=EPS * np.abs(c).max())
    assert directions(found) == [(-1) ** (n - 1 - i) for i in range(n)]
    assert all(r.simple for r in found)
    assert times(roots(c, 1.0, -1.0)) == times(found)[::-1]


def test_chebyshev_of_degree_60_has_many_roots_and_they_are_found():
    c = chebyshev(60)
    found = roots(c, 0.0, 1.0)
    expected = [np.cos(np.pi * (i + 0.5) / 60) for i in reversed(range(30))]
    # Near 1 the rounding of the coefficients moves them off the axis; near 0 they stay.
    np.testing.assert_allclose(times(found)[:12], expected[:12], rtol=1e-6)
    assert len(found) == Sturm(c).count(0.0, 1.0)


def test_wilkinson():
    c = from_roots([k / 8 for k in range(1, 13)])
    found = check(c, 0.0, 2.0)
    np.testing.assert_allclose(times(found), np.arange(1, 13) / 8, rtol=1e-4)
    assert len(check(from_roots([k / 20 for k in range(1, 21)]), 0.0, 1.1)) >= 8


@pytest.mark.parametrize("gap", [1e-3, 1e-5, 1e-7, 1e-9, 1e-12])
@pytest.mark.parametrize("step", [2.0, -2.0, 2e-6, 2e9])
def test_close_pairs_are_two(gap, step):
    """Wide coefficients of (u - 1/2)² - gap²/4, u = t / step, leave the pair what it is."""
    g = math.ldexp(1.0, round(math.log2(gap)))
    if g**2 < EPS:
        # Doubles hold the pair only near zero: u² - gap²/4 about it.
        c, low = [-(g**2) / 4, 0.0, 1 / step**2], -step
    else:
        c, low = [0.25 - g**2 / 4, -1 / step, 1 / step**2], 0.0
    found = check(c, low, step)
    assert directions(found) == [-1, 1]
    assert all(r.simple for r in found)


@given(
    zeros=st.lists(PLACES, min_size=1, max_size=7),
    pairs=st.lists(st.tuples(PLACES, st.sampled_from([1e-2, 1e-5, 1e-8, 0])), max_size=2),
    grid=st.booleans(),
    low=st.sampled_from([0.0, 0.0, -1.0, 0.7, 2.0]),
    high=st.sampled_from([1.0, 1.5, -1.3, -2.0]),
    padding=st.integers(0, 12),
)
@settings(max_examples=120, deadline=None, derandomize=True, database=None)
def test_products(zeros, pairs, grid, low, high, padding):
    """Also on a grid of eighths, where multiple roots, and roots at the ends, are exactly that."""
    zeros = zeros + [z + d for z, gap in pairs for d in (0, gap)]
    if grid:
        zeros = [round(8 * z) / 8 for z in zeros]
    check(from_roots(zeros) + [0.0] * padding, low, high)


@given(
    c=st.lists(PLACES, min_size=2, max_size=16),
    radius=st.sampled_from([1.0, 0.5, 3.0, 1e-4]),
    high=st.sampled_from([1.0, -1.0, 0.3, 2.0]),
)
@settings(max_examples=80, deadline=None, derandomize=True, database=None)
def test_series(c, radius, high):
    check([x / radius**k for k, x in enumerate(c)], 0.0, high * radius)


@pytest.mark.parametrize("seed", range(6))
def test_against_fifty_digits(seed):
    rng = np.random.default_rng(seed)
    c = rng.standard_normal(21) * 1.1 ** -np.arange(21.0)
    with mpmath.workdps(50):
        zeros = mpmath.polyroots([mpmath.mpf(x) for x in c[::-1]], maxsteps=500, extraprec=200)
        real = sorted(float(z.real) for z in zeros if abs(z.imag) < 1e-40)
    for low, high in ((0.0, 1.5), (0.0, -1.5), (-1.5, 1.5), (0.25, 1.0)):
        inside = [z for z in real if min(low, high) < z <= max(low, high)]
        found = times(roots(c, low, high))
        assert len(found) == len(inside)
        np.testing.assert_allclose(sorted(found), inside, rtol=EPS)


def test_an_ill_conditioned_root_is_right_to_the_last_bit():
    c = from_roots([0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6])
    with mpmath.workdps(50):
        zeros = mpmath.polyroots([mpmath.mpf(x) for x in c[::-1]], maxsteps=500, extraprec=300)
        expected = sorted(float(z.real) for z in zeros)
    np.testing.assert_allclose(times(roots(c, 0.0, 2.0)), expected, rtol=EPS)


def test_an_interval_far_from_zero():
    c = from_roots([1024.0, 1024.5, 1025.0, 1025.0])  # whole coefficients, all exact
    found = [(r.time, r.direction) for r in check(c, 1024.0, 1026.0)]
    assert found == [(1024.5, 1), (1025.0, 0)]
    found = [(r.time, r.direction) for r in check(c, 1026.0, 1024.0)]
    assert found == [(1025.0, 0), (1024.5, -1), (1024.0, 1)]


@pytest.mark.parametrize("scale", [1e-299, 1e-30, 1.0, 1e290])
@pytest.mark.parametrize("unit", [1e-17, 1.0, 1e12, 1e-280])
def test_scales_do_not_matter(scale, unit):
    """Powers of the unit leave the range of doubles, the values on the interval do not."""
    with np.errstate(over="ignore", divide="ignore"):
        c = scale * np.array([0.5, -1.75, 1.0]) / unit ** np.arange(3.0)
    if not np.all((abs(c) > 1e-300) & np.isfinite(c)):  # not in doubles to begin with
        return
    check(c, 0.0, 2 * unit)
    assert directions(roots(c, 0.0, 2 * unit)) == [-1, 1]


# ---------------------------------------------------------------- multiple roots and noise


@pytest.mark.parametrize(
    ("zeros", "expected"),
    [
        ([0.5, 0.5], [(0.5, 0)]),
        ([0.75, 0.75, 0.75], [(0.75, 1)]),
        ([0.25, 0.25, 0.5, 1.0, 1.0, 1.0, 1.0], [(0.25, 0), (0.5, 1), (1.0, 0)]),
        ([0.375] * 5 + [0.625] * 2, [(0.375, 1), (0.625, 0)]),
    ],
)
def test_multiple_roots(zeros, expected):
    c = from_roots(zeros)
    found = roots(c, 0.0, 1.7)
    assert directions(found) == [d for _, d in expected]
    np.testing.assert_allclose(times(found), [t for t, _ in expected], rtol=8 * EPS)
    assert [r.simple for r in found] == [zeros.count(t) == 1 for t, _ in expected]
    mirrored = roots(c, 1.7, 0.0)
    assert times(mirrored) == pytest.approx(times(found)[::-1], rel=8 * EPS)


@pytest.mark.parametrize("at", [0.3, 0.777, 1.9])
@pytest.mark.parametrize("height", [2e-14, 1e-10, 1e-6])
def test_grazing(at, height):
    """1 - cos(t - at) lifted or lowered: a touch within the noise, else none or two."""
    c = [-x for x in cosine(-at, 30)]
    c[0] += 1.0

    def shifted(by):
        return roots([c[0] + by, *c[1:]], 0.0, 2.5, noise=noise)

    noise = 2 * height
    for by in (height, 0.0, -height):
        (touch,) = shifted(by)
        assert touch.direction == 0
        assert not touch.simple
        assert touch.time == pytest.approx(at, rel=1e-14)  # by its derivative: no square root lost
    noise = height / 2
    assert shifted(height) == []
    pair = shifted(-height)
    assert directions(pair) == [-1, 1]
    np.testing.assert_allclose(
        times(pair), at + np.sqrt(2 * height) * np.array([-1, 1]), atol=2e-15 / np.sqrt(height)
    )


def expected_within(c, low, high, noise):
    """The stretches with values within the noise, and the signs around them, to 50 digits."""
    with mpmath.workdps(50):
        high_first = [mpmath.mpf(x) for x in reversed(c)]
        cuts = [mpmath.mpf(low), mpmath.mpf(high)]
        for level in (noise, -noise):
            for z in mpmath.polyroots(
                [*high_first[:-1], high_first[-1] - level], 500, extraprec=300
            ):
                if abs(z.imag) < 1e-40 and min(low, high) < z.real < max(low, high):
                    cuts.append(z.real)
        cuts.sort(reverse=high < low)
        values = [mpmath.polyval(high_first, (a + b) / 2) for a, b in itertools.pairwise(cuts)]
    signs = [0 if abs(v) <= noise else int(mpmath.sign(v)) for v in values]
    # Two stretches may meet at a cut, where the value is at the very edge of the noise.
    pieces = list(zip(itertools.pairwise(cuts), signs))
    found = []
    for (_, before), ((a, b), inside), (_, after) in zip(pieces, pieces[1:], pieces[2:]):
        if not inside:
            found.append((float(a), float(b), after if after == -before else 0))
    if pieces[-1][1] == 0 and len(pieces) > 1:
        found.append((*map(float, pieces[-1][0]), None))  # cut by the end: any direction
    return found


@pytest.mark.parametrize("noise", [1e-1, 1e-3, 1e-6, 1e-11])
@pytest.mark.parametrize("seed", range(6))
def test_with_noise_roots_are_the_stretches_within_it(noise, seed):
    rng = np.random.default_rng(seed)
    zeros = rng.uniform(-1, 2, 5)
    zeros = [*zeros, zeros[0] + noise**0.5 * rng.normal(), zeros[1] + noise**0.5 * rng.normal()]
    c = from_roots(zeros)
    for low, high in ((0.0, 1.5), (0.0, -0.7), (1.2, -0.5)):
        expected = expected_within(c, low, high, noise)
        found = roots(c, low, high, noise=noise)
        assert len(found) == len(expected)
        slack = 4 * EPS * max(abs(low), abs(high))
        for r, (a, b, direction) in zip(found, expected):
            assert min(a, b) - slack <= r.time <= max(a, b) + slack
            assert direction is None or r.direction == direction


def test_a_crossing_flat_within_the_noise_is_one():
    c = from_roots([0.4999, 0.5, 0.5001])
    assert directions(roots(c, 0.0, 1.0)) == [1, -1, 1]
    (root,) = roots(c, 0.0, 1.0, noise=1e-11)
    assert root.direction == 1
    assert not root.simple
    assert 0.4998 < root.time < 0.5002


def test_noise_leaves_a_simple_root_alone():
    c = cosine(0.5)
    assert roots(c, 0.0, 2.0, noise=1e-14) == roots(c, 0.0, 2.0)
    assert roots(c, 0.0, 2.0)[0].time == pytest.approx(math.pi / 2 - 0.5, rel=2 * EPS)


# ---------------------------------------------------------------- the ends


@pytest.mark.parametrize("onward", [1.0, -1.0])
@pytest.mark.parametrize("noise", [0.0, 1e-14])
def test_intervals_are_half_open(onward, noise):
    c = from_roots([0.0, 0.5 * onward, 1.0 * onward], onward)
    found = roots(c, 0.0, onward, noise=noise)
    assert times(found) == [0.5 * onward, onward]
    assert len({r.direction for r in found}) == 2
    found = roots(c, 0.0, onward, noise=noise, include_low=True)
    assert times(found) == [0.0, 0.5 * onward, onward]
    assert found[0].direction == found[2].direction == -found[1].direction
    first, second = (
        roots(c, *ends, noise=noise) for ends in ((0.0, 0.5 * onward), (0.5 * onward, 1.0 * onward))
    )
    assert times(first) == [0.5 * onward]
    assert times(second) == [onward]


@pytest.mark.parametrize(("zeros", "direction"), [([1.0] * 2, 0), ([1.0] * 3, 1), ([1.0], 1)])
def test_multiple_roots_at_the_ends(zeros, direction):
    c = from_roots(zeros)
    (root,) = roots(c, 0.0, 1.0)
    assert (root.time, root.direction) == (1.0, direction)
    (root,) = roots(c, 1.0, 3.0, include_low=True)
    assert (root.time, root.direction) == (1.0, direction)
    assert roots(c, 1.0, 3.0) == []


def test_an_event_that_was_handled_is_not_met_again():
    """However the rounding of its time has moved it, and without a cooldown."""
    at = roots(cosine(0.5), 0.0, 2.0)[0].time + 0.5
    for error in (-1e-16, 0.0, 1e-16, -1e-12, 1e-12):
        c = cosine(at)
        c[0] = error
        assert roots(c, 0.0, 2.0, handled=True) == []
        assert roots(c, 0.0, 2.0, noise=2e-12) == []
    c[0] = 1e-12  # it falls through zero after the start
    assert len(roots(c, 0.0, 2.0)) == 1


@pytest.mark.parametrize("gap", [1e-3, 1e-6, 1e-9])
@pytest.mark.parametrize("error", [-1e-22, 0.0, 1e-22])
def test_a_second_root_right_after_a_handled_one(gap, error):
    c = [error, gap, -1.0, 0.1]
    (root,) = roots(c, 0.0, 1.0, handled=True)
    assert root.time == pytest.approx(gap, rel=2 * gap)
    assert root.direction == -1


def test_a_crossing_cut_by_the_end_of_a_step_is_met_once():
    c = [-1.0, 1.0 + EPS / 2]  # vanishes within the noise of the end, wherever exactly
    for end in (1.0 - EPS, 1.0, 1.0 + EPS):
        (root,) = roots(c, 0.0, end, noise=1e-14)
        assert root.direction == 1
        assert root.time == pytest.approx(1.0, rel=1e-14)
        assert roots(c, end, 2.0, noise=1e-14) == []


# ---------------------------------------------------------------- degenerate input


def test_polynomials_without_roots():
    assert roots([0.0], 0.0, 1.0) == []
    assert roots([0.0] * 5, 0.0, 1.0, include_low=True) == []
    assert roots([3.0], 0.0, 1.0) == []
    assert roots([-3.0, 0.0, 0.0], -1.0, 1.0) == []
    assert roots([1e-17, 1e-16, -1e-17], 0.0, 1.0, noise=1e-15) == []
    assert roots([0.5, -1.0], 0.0, 0.0) == []
    assert roots([0.0, -1.0], 0.0, 0.0) == []
    assert times(roots([5e-324, -5e-324], 0.0, 2.0)) == [1.0]


@pytest.mark.parametrize(
    ("c", "low", "high", "noise"),
    [
        ([math.nan, 1.0], 0.0, 1.0, 0.0),
        ([1.0, math.nan], 0.0, 1.0, 0.0),
        ([math.inf, 1.0], 0.0, 1.0, 0.0),
        ([1.0, 1.0, -math.inf], 0.0, 1.0, 0.0),
        ([1.0, 1.0], 0.0, math.inf, 0.0),
        ([1.0, 1.0], math.nan, 1.0, 0.0),
        ([1.0, 1.0], 0.0, 1.0, -1.0),
        ([1.0, 1.0], 0.0, 1.0, math.nan),
        ([[1.0, 1.0]], 0.0, 1.0, 0.0),
        ([], 0.0, 1.0, 0.0),
    ],
)
def test_wrong_input_raises(c, low, high, noise):
    with pytest.raises(ta.errors.InputError):
        roots(c, low, high, noise=noise)


# ---------------------------------------------------------------- helpers


def test_evaluate_rounds_once():
    rng = np.random.default_rng(5)
    c = from_roots([1.0] * 9)
    for t in [*(1 + 1e-3 * rng.standard_normal(20)), 0.0, 1.0, -3.0, 1e-300]:
        exact = sum(Fraction(x) * Fraction(t) ** k for k, x in enumerate(c))
        assert evaluate(c, t) == float(exact)
    assert evaluate([0.0, 1e308], -1e9) == -math.inf
    with pytest.raises(ta.errors.InputError):
        evaluate([math.nan], 1.0)


def test_may_vanish_never_excludes_a_root():
    rng = np.random.default_rng(6)
    c = rng.standard_normal((300, 9)) * 2.0 ** -np.arange(9.0)
    for h in (0.7, -0.7):
        possible = may_vanish(c, h)
        has = np.array([bool(roots(x, 0.0, h)) for x in c])
        assert not np.any(has & ~possible)
        assert np.sum(~possible) > 50
    assert_array_equal(may_vanish([[2.0, -1.0], [2.0, -1.0]], [1.0, 3.0]), [False, True])
    assert_array_equal(may_vanish([2.0, -1.0], 1.0, noise=1.0), True)
    assert_array_equal(may_vanish([[math.inf, 1.0], [1.0, math.nan], [math.nan, 0.0]], 1.0), True)
    # The power underflows, the term does not.
    assert may_vanish([1e-60, 0.0, 0.0, 0.0, -1e300], 1e-85)
