"""cbrt and hypot: a first value, and what its power leaves over, computed exactly."""

from __future__ import annotations

import math

from taylorad.machine.mathematics import coefficients
from taylorad.machine.mathematics.expression import ROUND, Real, bits_of, fma, polynomial, where
from taylorad.machine.mathematics.pairs import (
    exact_product,
    pair,
    product,
    square_root,
    total,
)

__all__ = ["cbrt", "hypot"]


def cbrt(x: Real) -> Real:
    # |x| = 2ᵏ m with 1 ≤ m < 2, and k = 3 third + over with over = −1, 0 or 1.
    a = abs(x)
    low = a < 2.0**-1022
    bits = where(low, a * 2.0**54, a).bits
    m = ((bits & ((1 << 52) - 1)) | bits_of(1.0)).real
    k = ((bits >> 52) | bits_of(2.0**52)).real - (2.0**52 + 1023)
    third = fma(k, 1 / 3, ROUND)
    over = k - 3.0 * (third - ROUND)
    m = where(over < 0.0, 0.5 * m, where(over > 0.0, 2.0 * m, m))

    # w is near the cube root of 1/m, and with e = 1 − m w³ nearer is w (1 − e)^(−1/3): no division.
    w = polynomial(m, coefficients.CBRT)
    e = 1.0 - m * w * (w * w)
    w = fma(w * e, fma(e, 2 / 9, 1 / 3), w)
    root = m * (w * w)
    square = exact_product(root, root)
    cube = product(square, pair(root, root))
    root = fma((m - cube.hi) - cube.lo, w * w * (1 / 3), root)

    scale = ((third.bits + 1023) << 52).real
    y = root * scale * where(low, 2.0**-18, 1.0)
    return where((a > 0.0) & (a < math.inf), y.with_sign_of(x), x)


def hypot(x: Real, y: Real) -> Real:
    a, b = abs(x), abs(y)
    most = where(a > b, a, b)
    large, small = most > 2.0**500, most < 2.0**-400
    scale = where(large, 2.0**-600, where(small, 2.0**600, 1.0))
    back = where(large, 2.0**600, where(small, 2.0**-600, 1.0))
    a, b = a * scale, b * scale
    length = square_root(total(exact_product(a, a), exact_product(b, b))).sum * back
    return where(most.equals(math.inf) | a.equals(math.inf), math.inf, length)
