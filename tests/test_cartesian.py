"""Complex numbers by their parts, against NumPy's."""

import numpy as np
import pytest

from taylorad.errors import ConversionError, NoRuleError
from taylorad.forward.cartesian import _RULES, Cartesian, parts_of
from taylorad.primitives.registry import TABLE

RNG = np.random.default_rng(7)
Z = RNG.normal(size=(3, 3)) + 1j * RNG.normal(size=(3, 3))
W = RNG.normal(size=(3, 3)) + 1j * RNG.normal(size=(3, 3))
R = RNG.normal(size=(3, 3))


def by_parts(z):
    return Cartesian(*parts_of(z), 1.0)


def agree(found, wanted, rtol=1e-14):
    x, y = parts_of(found)
    assert (y is not None) == np.iscomplexobj(wanted)
    np.testing.assert_allclose(
        x if y is None else x + 1j * y, wanted, rtol=rtol, atol=rtol * np.max(np.abs(wanted))
    )


UFUNCS = [f for f, row in TABLE.items() if row in _RULES and f is not np.float_power]


@pytest.mark.parametrize("function", UFUNCS, ids=lambda f: f.__name__)
def test_functions(function):
    args = (Z, W) if function.nin == 2 else (Z,)
    agree(function(*map(by_parts, args)), function(*args), 1e-13)


@pytest.mark.parametrize("function", [np.tan, np.tanh])
@pytest.mark.parametrize("far", [400.0, -400.0])
def test_tangents_far_out(function, far):
    for z in (0.3 + far * 1j, far + 0.3j):
        agree(function(by_parts(z)), function(z))


@pytest.mark.parametrize("n", [0, 1, 2, 3, 7, -1, -4, 64, 65, 0.5, -1.5, 2.0])
def test_powers(n):
    agree(by_parts(Z) ** n, Z**n, 1e-12)
    agree(2.0 ** by_parts(Z), 2.0**Z)
    agree(by_parts(R) ** (n + 1j), (R + 0j) ** (n + 1j), 1e-12)


@pytest.mark.parametrize(
    "function",
    [
        lambda z: z + 1,
        lambda z: 1j - z,
        lambda z: z * W,
        lambda z: R * z,
        lambda z: 2j * z * 3j,
        lambda z: z / W,
        lambda z: W / z,
        lambda z: z / R,
        lambda z: 1 / z,
        lambda z: -z,
        lambda z: +z,
        lambda z: z @ W,
        lambda z: R @ z,
        lambda z: z @ z[0],
        lambda z: np.dot(z[0], z[1]),
        lambda z: np.vdot(z[0], z[1]),
        lambda z: np.einsum("ij,kj->ik", z, W),
        lambda z: np.outer(z[0], W[0]),
        lambda z: np.linalg.solve(z, W),
        lambda z: np.linalg.solve(R, z),
        lambda z: np.linalg.solve(z, R[0]),
        lambda z: np.linalg.inv(z),
        lambda z: np.linalg.det(z),
        lambda z: z.T[1:, ::-1],
        lambda z: np.concatenate([z, W, R]),
        lambda z: np.stack([z[0], 1j * z[1]]),
        lambda z: np.roll(z, 1, axis=0),
        lambda z: np.sum(z, axis=1),
        lambda z: np.mean(z),
        lambda z: np.prod(z[0]),
        lambda z: np.cumsum(z, axis=0),
        lambda z: np.diff(z),
        lambda z: np.convolve(z[0], W[0]),
        lambda z: np.where(R > 0, z, W),
        lambda z: np.where(z.real > 0, z, 1j),
        lambda z: np.square(z),
        lambda z: z.conj(),
        lambda z: np.conjugate(z) * z,
        lambda z: z.real,
        lambda z: z.imag,
        lambda z: np.real(1j * z),
        lambda z: np.imag(z),
        lambda z: abs(z),
        lambda z: np.abs(z) ** 2,
        lambda z: np.angle(z),
        lambda z: np.angle(z, deg=True),
        lambda z: np.linalg.norm(z),
        lambda z: np.linalg.norm(z, axis=1),
        lambda z: np.var(z),
        lambda z: np.std(z, axis=0),
    ],
)
def test_arithmetic(function):
    agree(function(by_parts(Z)), function(Z), 1e-13)


def test_what_is_asked_of_them():
    z = by_parts(Z)
    assert not np.any(parts_of(z == W)[0])
    assert np.all(parts_of(z == Z)[0])
    assert np.all(parts_of(z != W)[0])
    assert np.all(parts_of(np.isfinite(z))[0])
    assert not np.any(parts_of(np.isnan(z))[0])
    assert not np.any(parts_of(np.isinf(by_parts(Z)))[0])
    assert np.iscomplexobj(z)
    assert not np.iscomplexobj(z.real)
    assert bool(by_parts(1j))
    assert not bool(by_parts(0j))
    assert float(by_parts(2.0 + 1j).real) == 2.0


def test_entries_are_assigned():
    z = by_parts(Z)
    out = np.zeros_like(z)
    out[0], out[1:, 1] = 1j * z[1], 2.0
    wanted = np.zeros_like(Z)
    wanted[0], wanted[1:, 1] = 1j * Z[1], 2.0
    agree(out, wanted)


def test_what_has_no_formula():
    with pytest.raises(NoRuleError, match="arcsin"):
        np.arcsin(by_parts(Z))
    with pytest.raises(NoRuleError, match="less"):
        np.less(by_parts(Z), 1)
    with pytest.raises(ConversionError):
        float(by_parts(1j))
