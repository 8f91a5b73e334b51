"""Derivatives of derivatives: every mode inside every other, and perturbations never confused.

A mode is a way to differentiate a function of one number once. What nests them is closed forms,
or mpmath where there is none.
"""

import itertools
import math

import mpmath
import numpy as np
import pytest
import scipy.special

import taylorad as ta

# --- the modes -------------------------------------------------------------------------------


def by_jvp(f):
    return lambda x: ta.jvp(f, (x,), (1.0,))[1]


def by_vjp(f):
    return lambda x: ta.vjp(f, x)[1](1.0)[0]


def by_taylor(f):
    return lambda x: ta.taylor(f, x, 2).coefficients[1]


def by_high_taylor(f):
    return lambda x: ta.taylor(f, x, 5).coefficients[1]


def by_derivatives(f):
    return lambda x: ta.derivatives(f, x, 3)[1]


def by_multivariate(f):
    def slope(x):
        series = ta.multivariate_taylor(lambda z: f(z[0]), np.stack([x]), 2)
        return series.coefficient((1,))

    return slope


def by_tensor(f):
    return lambda x: ta.derivative_tensor(lambda z: f(z[0]), 1)(np.stack([x]))[0]


def by_jacobian_rows(f):
    return lambda x: ta.jacobian(lambda z: f(z[0]))(np.stack([x, 0.0]))[0]


def by_jacobian_columns(f):
    return lambda x: ta.jacobian(lambda z: np.stack([f(z), z]))(x)[0]


def by_hvp(f):
    return lambda x: ta.hvp(lambda z: z[1] * f(z[0]))(np.stack([x, 0.0]), np.array([0.0, 1.0]))[0]


def by_hessian(method):
    def mode(f):
        h = ta.hessian(lambda z: z[1] * f(z[0]), method=method)
        return lambda x: h(np.stack([x, 0.0]))[0, 1]

    return mode


def by_hessian_diagonal(f):
    # Half the second derivative of y (f(x + y) + f(x - y) ...) would be circular; d²/dy² y f(x+y)/2
    # at y = 0 is f'(x).
    def slope(x):
        return ta.hessian_diagonal(lambda y: y[0] * f(x + y[0]) / 2)(np.zeros(1))[0]

    return slope


def by_third_order(f):
    def slope(x):
        z = np.stack([x, 0.0, 0.0])
        u, v = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])
        return ta.third_order(lambda z: z[1] * z[2] * f(z[0]))(z, u, v)[0]

    return slope


def by_value_grad_hessian(f):
    return lambda x: ta.value_grad_hessian(f)(x)[1]


MODES = {
    "derivative": ta.derivative,
    "grad": ta.grad,
    "value_and_grad": lambda f: lambda x: ta.value_and_grad(f)(x)[1],
    "value_grad_hessian": by_value_grad_hessian,
    "jvp": by_jvp,
    "vjp": by_vjp,
    "taylor": by_taylor,
    "taylor to order 5": by_high_taylor,
    "derivatives": by_derivatives,
    "multivariate_taylor": by_multivariate,
    "derivative_tensor": by_tensor,
    "jacobian by rows": by_jacobian_rows,
    "jacobian by columns": by_jacobian_columns,
    "hvp": by_hvp,
    "hessian": by_hessian(None),
    "hessian by hyperduals": by_hessian("hyperdual"),
    "hessian by taylor": by_hessian("taylor"),
    "hessian_diagonal": by_hessian_diagonal,
    "third_order": by_third_order,
}
mode = pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
outer_mode = pytest.mark.parametrize("outer", MODES.values(), ids=MODES)
inner_mode = pytest.mark.parametrize("inner", MODES.values(), ids=MODES)
THREE = ["derivative", "grad", "jvp", "taylor", "multivariate_taylor", "hessian", "hessian_diagonal"]


def close(ours, theirs, tolerance=1e-11):
    np.testing.assert_allclose(float(ours), float(theirs), rtol=tolerance, atol=tolerance)


# --- one function through each kind of row ---------------------------------------------------


def linear(x):
    a = np.stack([x, 2 * x, x * x])
    return np.sum(np.flip(np.concatenate([a, a[1:]]))[1:4] * np.arange(1.0, 4.0)) - np.cumsum(a)[1]


def bilinear(x):
    a = np.stack([np.stack([x, x**2]), np.stack([1.0 + 0 * x, x**3])])
    return np.sum(a @ a) + np.einsum("ij,ij->", a, a) + np.sum(np.convolve(a[0], a[1]))


def implicit(x):
    a = np.stack([np.stack([2 + x, x]), np.stack([x * x, 3.0 + 0 * x])])
    b = np.stack([x, 1 + x])
    return np.sum(np.linalg.solve(a, b)) + 1 / (1 + x * x)


def elementwise(x):
    return np.exp(np.sin(x)) * np.sqrt(1 + x**2) + np.tanh(x) ** 3 + x**1.5 + np.arctan2(x, 2.0)


def local_series(x):
    return scipy.special.gammaln(1 + x) * np.sinc(x) + scipy.special.digamma(x + 2)


def selection(x):
    a = np.stack([x, x * x, -x, np.sin(3 * x)])
    return np.max(a) * np.sort(a)[1] + np.abs(a[2]) ** 3 + np.where(x > 0, a[3], 0.0)


def assignment(x):
    out = np.zeros(3, like=x)
    for i in range(3):
        out[i] = x ** (i + 1)
    out[1:] *= out[:-1]
    return np.sum(out) ** 2


def mp_implicit(x):
    a = mpmath.matrix([[2 + x, x], [x * x, 3]])
    return sum(mpmath.lu_solve(a, mpmath.matrix([x, 1 + x]))) + 1 / (1 + x * x)


def mp_elementwise(x):
    mp = mpmath
    return (
        mp.exp(mp.sin(x)) * mp.sqrt(1 + x**2) + mp.tanh(x) ** 3 + x ** mp.mpf(1.5) + mp.atan(x / 2)
    )


def mp_local_series(x):
    return mpmath.loggamma(1 + x) * mpmath.sincpi(x) + mpmath.psi(0, x + 2)


ROWS = {
    # a = (x, 2x, x²): flip of (a, a[1:]) is (x², 2x, x², 2x, x); its 1:4 weighted by 1, 2, 3
    "linear": (linear, lambda x: 2 * x + 2 * x**2 + 6 * x - 3 * x),
    "bilinear": (
        bilinear,
        lambda x: (
            2 * x**2 + 2 * x**3 + x**5 + x + x**3 + x**2 * (1 + x**4) * 0
            + _bilinear_rest(x)
        ),
    ),
    "implicit": (implicit, mp_implicit),
    "elementwise": (elementwise, mp_elementwise),
    "local series": (local_series, mp_local_series),
    # at 0.7: the largest is sin 2.1 = 0.863, second smallest is x² = 0.49
    "selection": (selection, lambda x: mpmath.sin(3 * x) * x**2 + x**3 + mpmath.sin(3 * x)),
    "assignment": (assignment, lambda x: (x + x**3 + x**6) ** 2),
}
row = pytest.mark.parametrize(("f", "truth"), ROWS.values(), ids=ROWS)


def _bilinear_rest(x):
    raise NotImplementedError
