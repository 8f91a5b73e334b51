"""Independent numbers to compare with, from mpmath."""

import mpmath


def cauchy(f, x0, radius, order, digits=50):
    """Taylor coefficients of ``f`` at ``x0`` by Cauchy's integral on a circle.

    Works at removable singularities, where differences do not. The sum over N points is off by
    (radius / distance of the next singularity)**(N - order), relatively.
    """
    points = 64
    while points < 2 * order + 128:
        points *= 2
    with mpmath.workdps(digits + order):
        turns = [mpmath.expjpi(mpmath.mpf(2 * j) / points) for j in range(points)]
        values = [f(x0 + radius * z) for z in turns]
        return [c / points / mpmath.mpf(radius) ** k for k, c in enumerate(_fft(values, turns))][
            : order + 1
        ]


def _fft(values, turns):
    """``sum_j values[j] / turns[j]**k`` (Cooley and Tukey 1965)."""
    if len(values) == 1:
        return values
    even, odd = _fft(values[::2], turns[::2]), _fft(values[1::2], turns[::2])
    shifted = [mpmath.conj(z) * b for z, b in zip(turns, odd, strict=False)]
    return [a + b for a, b in zip(even, shifted, strict=True)] + [
        a - b for a, b in zip(even, shifted, strict=True)
    ]
