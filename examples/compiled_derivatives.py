"""Derivatives as machine code: what is compiled, what it depends on, and what travels.

The function is the Helmholtz energy of a mixed fluid (Griewank and Walther, "Evaluating
Derivatives", 2nd ed., section 3.1), in the plain NumPy one would write for it.
"""

import pickle

import numpy as np

import taylorad as ta

GAS_TIMES_TEMPERATURE = 8.314 * 300.0


def helmholtz(x, a, b):
    """Give the energy of the amounts x, by attraction a and volumes b."""
    volume = b @ x
    root = np.sqrt(2.0)
    mixing = np.sum(x * np.log(x / (1 - volume)))
    attraction = x @ a @ x / (root * volume)
    ratio = np.log((1 + (1 + root) * volume) / (1 + (1 - root) * volume))
    return GAS_TIMES_TEMPERATURE * (mixing - attraction * ratio)


def main():
    rng = np.random.default_rng(0)
    n = 20
    x, b = rng.uniform(0.5, 1.0, n) / n, rng.uniform(0.1, 0.5, n)
    a = rng.uniform(0.0, 1.0, (n, n))
    a = a + a.T

    hessian = ta.compile(ta.hessian(helmholtz))
    found = hessian(x, a, b)
    expected = ta.hessian(helmholtz)(x, a, b)
    print(f"Hessian of the Helmholtz energy of {n} components, compiled")
    print(f"  largest difference to the eager one  {np.max(np.abs(found / expected - 1)):.0e}")
    print("  " + hessian.explain().replace("\n", "\n  "))

    print("\nThe gradient of a function with branches, at points on both sides")
    piecewise = ta.compile(ta.grad(lambda t: t**2 if t > 0 else -3 * t))
    print("  " + ", ".join(f"f'({t:g}) = {piecewise(t):g}" for t in (2.0, -1.0, 5.0)))
    print(f"  programs kept  {len(piecewise.programs)}")

    twin = pickle.loads(pickle.dumps(hessian))
    print(f"\nA pickled copy gives the same  {np.array_equal(twin(x, a, b), found)}")

    series = ta.compile(lambda t: ta.taylor(lambda s: np.exp(np.sin(s)), t, 8).coefficients)
    points = np.linspace(0.0, 1.0, 5)
    print("\nSeries of exp(sin t) about five points, all at once: the coefficients of degree 8")
    print("  " + np.array2string(series(points)[8], precision=6))


if __name__ == "__main__":
    main()
