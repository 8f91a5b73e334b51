"""Many trajectories: each as if it were alone, in lanes or one by one."""

import math

import mpmath
import numpy as np
import pytest
import scipy.special
from unwritten import unwritten

import taylorad as ta
from taylorad.errors import InputError, InputTypeError
from taylorad.ode.steps.lanes.lanes import are_faster
from taylorad.ode.tracing.system import system


def decay(t, y, rate):
    return -rate * y


def circle(t, y):
    return [y[1], -y[0]]


def kepler(t, y):
    x, z, vx, vz = y
    pull = (x * x + z * z) ** -1.5
    return [vx, vz, -x * pull, -z * pull]


def bouncing(t, y):
    return [y[1], -np.sign(y[0])]


def branching(t, y):
    return [y[1], -1.0 if y[0] > 0 else 1.0]


def planets(count):
    e = np.linspace(0.1, 0.7, count)
    return np.stack([1 - e, 0 * e, 0 * e, np.sqrt((1 + e) / (1 - e))], axis=1)


def same(a, b):
    """Compare two results bit for bit."""
    for name in ("t", "y", "status", "nsteps", "singularity"):
        np.testing.assert_array_equal(a[name], b[name])
    assert a.messages == b.messages


def as_alone(result, f, spans, Y0, args=lambda i: None, t_eval=None, **options):
    """Compare with what `solve_ivp` finds."""
    for i, (span, y0) in enumerate(zip(spans, Y0, strict=True)):
        one = ta.ode.solve_ivp(f, span, y0, args=args(i), t_eval=t_eval, **options)
        assert result.status[i] == one.status
        assert result.messages.get(i, one.message) == one.message
        assert result.success[i] == one.success
        if not one.success:  # bit for bit: it is integrated in the same way
            assert result.nsteps[i] == one.nsteps
            assert math.isnan(result.singularity[i]) == (one.singularity is None)
            if one.singularity is not None:
                assert result.singularity[i] == one.singularity
        if any(text in one.message for text in ("not analytic", "does not move")):
            assert 0 <= result.t[i] - one.t[-1] < 1e-2  # it does not say where it stands
            continue
        if t_eval is None:
            assert result.t[i] == one.t[-1]
            wanted, found = one.y[..., -1], result.y[i]
        else:
            reached = len(one.t)
            wanted, found = one.y, result.y[i, ..., :reached]
            assert np.all(np.isnan(result.y[i, ..., reached:]))
        if one.success:
            np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-13)
        else:
            np.testing.assert_array_equal(found, wanted)


# --- what is found ---


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 100])
def test_closed_form(count):
    Y0 = np.random.default_rng(count).uniform(-1, 1, (count, 2))
    result = ta.ode.ensemble(circle, (0, 20.0), Y0)
    c, s = math.cos(20.0), math.sin(20.0)
    np.testing.assert_allclose(result.y, Y0 @ [[c, -s], [s, c]], atol=1e-14)
    assert result.y.shape == (count, 2)
    assert result.t.tolist() == [20.0] * count
    assert result.success.tolist() == [True] * count
    assert result.messages == {}
    assert np.all(np.isnan(result.singularity))


@pytest.mark.parametrize("f", [circle, bouncing, branching])
def test_own_spans_forward_and_backward(f):
    rng = np.random.default_rng(1)
    begin, end, Y0 = *rng.uniform(-5, 5, (2, 13)), rng.uniform(-1, 1, (13, 2))
    end[4] = begin[4]
    result = ta.ode.ensemble(f, (begin, end), Y0)
    np.testing.assert_array_equal(result.t, end)
    as_alone(result, f, zip(begin, end), Y0)
    np.testing.assert_array_equal(result.y[4], Y0[4])


@pytest.mark.parametrize("f", [circle, bouncing, branching])
def test_times_between(f):
    Y0 = np.random.default_rng(2).uniform(-1, 1, (13, 2))
    times = [0.0, 0.3, 0.4, 3.0, 7.7]
    result = ta.ode.ensemble(f, (0, 8), Y0, t_eval=times)
    assert result.y.shape == (13, 2, 5)
    as_alone(result, f, [(0, 8)] * 13, Y0, t_eval=times)
    np.testing.assert_array_equal(result.y[..., 0], Y0)
    own = np.array(times) * np.linspace(0.1, 1, 13)[:, None]
    result = ta.ode.ensemble(f, (0, 8), Y0, t_eval=own)
    for i in range(13):
        one = ta.ode.solve_ivp(f, (0, 8), Y0[i], t_eval=own[i])
        np.testing.assert_allclose(result.y[i], one.y, atol=1e-13)


def test_times_between_take_no_steps():
    options = {"t_eval": np.linspace(0, 20, 500)}
    result = ta.ode.ensemble(kepler, (0, 20), planets(20), **options)
    without = ta.ode.ensemble(kepler, (0, 20), planets(20))
    np.testing.assert_array_equal(result.nsteps, without.nsteps)
    np.testing.assert_allclose(result.y[..., -1], without.y, rtol=0, atol=1e-13)


def test_own_arguments():
    rates, shifts = np.linspace(0.5, 2, 11), np.arange(22.0).reshape(11, 2)
    f = lambda t, y, a, rate, shift: -rate * y + a[0] * shift
    for many in (rates, rates.tolist(), rates.astype(np.float32).astype(float)):
        args = ([3.0, "unused"], many, shifts)
        result = ta.ode.ensemble(f, (0, 1), np.ones((11, 2)), args, in_axes=(None, 0, 0))
        k = np.asarray(many)[:, None]
        level = 3 * shifts / k
        np.testing.assert_allclose(result.y, level + (1 - level) * np.exp(-k), rtol=1e-14)
    assert ta.ode.ensemble(decay, (0, 1), np.ones(3), (rates[:3],), in_axes=0).success.all()


def test_own_arguments_that_are_no_floats():
    """Each trajectory has its own program then."""
    result = ta.ode.ensemble(
        lambda t, y, k: y**k, (0, 0.5), -np.ones(3), ([1, 2, 3],), in_axes=(0,)
    )
    wanted = [-math.exp(0.5), -1 / 1.5, -1 / math.sqrt(1 - 2 * 0.5 + 1e-300)]
    np.testing.assert_allclose(result.y[:2], wanted[:2], rtol=1e-15)
    assert result.success.tolist() == [True, True, False]  # (1 - 2 t)**-0.5
    result = ta.ode.ensemble(
        lambda t, y, kind: -y if kind == "a" else y, (0, 1), np.ones(2), (["a", "b"],), in_axes=(0,)
    )
    np.testing.assert_allclose(result.y, [math.exp(-1), math.e], rtol=1e-15)


class Labelled:
    """A column of a table: entries have labels, of which it is asked for one; slices are places."""

    dtype, shape = np.dtype(int), (3,)

    def __init__(self, values, labels):
        self.values, self.labels = values, labels

    def __getitem__(self, key):
        if isinstance(key, slice):
            return Labelled(self.values[key], self.labels[key])
        return self.values[self.labels.index(key)]

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)


def test_own_arguments_that_have_labels():
    column = Labelled([1, 2, 3], [2, 0, 1])
    for chunk in (1, 3):
        options = {"in_axes": 0, "chunk": chunk}
        result = ta.ode.ensemble(decay, (0, 1), np.ones(3), (column,), **options)
        same(result, ta.ode.ensemble(decay, (0, 1), np.ones(3), ([1, 2, 3],), **options))


@pytest.mark.parametrize("shape", [(), (1,), (2, 3)])
def test_shapes_of_states(shape):
    Y0 = np.random.default_rng(3).uniform(1, 2, (9, *shape))
    result = ta.ode.ensemble(decay, (0, 1), Y0, (2.0,), t_eval=[0.5, 1.0])
    assert result.y.shape == (9, *shape, 2)
    # To the digits of the beginning, from which the series are summed up.
    np.testing.assert_allclose(result.y, Y0[..., None] * np.exp([-1.0, -2.0]), rtol=0, atol=1e-15)


def test_states_without_components():
    result = ta.ode.ensemble(decay, (0, 1), np.ones((3, 0)), (1.0,))
    assert result.y.shape == (3, 0)
    assert result.t.tolist() == [1.0] * 3


def test_what_is_not_taken_apart_into_scalars():
    def f(t, y):
        return unwritten(np.linalg.solve(np.array([[2.0, 1.0], [1.0, 3.0]]) + np.outer(y, y), y))

    Y0 = np.array([[1.0, 2.0], [2.0, -1.0]])
    as_alone(ta.ode.ensemble(f, (0, 1), Y0), f, [(0, 1)] * 2, Y0)


def test_complex_and_mpmath_states():
    Y0 = np.array([1.0, 1j, 2.0 + 1j])
    result = ta.ode.ensemble(decay, (0, 1), Y0, (1j,), t_eval=[1.0])
    np.testing.assert_allclose(result.y[:, 0], Y0 * np.exp(-1j), rtol=1e-15)
    with mpmath.workdps(40):
        states = [[mpmath.mpf(k)] for k in (1, 2, 3)]
        result = ta.ode.ensemble(decay, (0, 1), states, (1,), chunk=1)
        for k, y in zip((1, 2, 3), result.y[:, 0], strict=True):
            assert abs(y - k * mpmath.exp(-1)) < 1e-38
    assert result.success.all()


def test_tolerances_are_those_of_each():
    """Without atol the first counts to its own digits, not to those of the large ones."""
    Y0 = np.array([[1e-8, 0.0], [1.0, 0.0], [1e8, 0.0]])
    for options in ({}, {"rtol": 1e-6}, {"rtol": 1e-6, "atol": [1e-9, 1e-3]}, {"order": 9}):
        result = ta.ode.ensemble(circle, (0, 10), Y0, **options)
        for i, y0 in enumerate(Y0):
            one = ta.ode.solve_ivp(circle, (0, 10), y0, **options)
            assert (result.nsteps[i], result.order) == (one.nsteps, one.order)
            np.testing.assert_allclose(result.y[i], one.y[:, -1], rtol=1e-12)
    assert np.all(ta.ode.ensemble(circle, (0, 10), Y0, max_step=0.1).nsteps >= 100)


def circuit(t, y, yp, k):
    return [yp[0] - y[1], y[1] + y[1] ** 3 / 3 + k * y[0] - np.cos(t)]


def cubic(t, y, yp, k):
    """Nonlinear in the rates, which are in the state then."""
    return yp**3 + yp - k * y


def fold(t, y, yp, k):
    return [yp[0] + k, y[1] ** 2 - 1.5 + t]


@pytest.mark.parametrize("F", [circuit, cubic, fold])
@pytest.mark.parametrize("t_eval", [None, [0.0, 0.5, 2.0]])
def test_implicit_equations(F, t_eval):
    f, Y0 = ta.ode.implicit(F), np.array([[0.0, 1.0], [0.5, -1.0], [1.0, 0.5]])
    rates = np.array([0.5, 1.0, 2.0])
    result = ta.ode.ensemble(f, (0, 2), Y0, (rates,), in_axes=0, t_eval=t_eval)
    assert result.success.all() == (F is not fold)
    as_alone(result, f, [(0, 2)] * 3, Y0, lambda i: (rates[i],), t_eval)


# --- what goes wrong ---


@pytest.mark.parametrize(
    ("f", "starts"),
    [
        (lambda t, y: y**2, [[0.1], [2.0], [math.nan], [0.3], [-1.0], [0.4], [1e10]]),
        (lambda t, y: np.sqrt(1.5 - t) * y[::-1], [[1.0, 2.0], [0.0, 1.0]]),
        (lambda t, y: -np.sqrt(y), [[1.0], [2.0], [100.0]]),
        (lambda t, y: -(y ** (1 / 3)), [[1.0], [50.0], [0.0]]),
        (lambda t, y: np.where(y > 1, y**2, 0.5), [[0.1], [2.0], [-5.0], [0.9]]),
        (lambda t, y: 1 / (y - 1), [[1.0], [2.0], [0.5]]),
    ],
    ids=["poles", "end", "branch point", "creeping", "behind a switch", "at once"],
)
def test_failures_are_those_of_single_runs(f, starts):
    Y0 = np.array(starts)
    result = ta.ode.ensemble(f, (0, 3), Y0, chunk=2)
    finite = np.isfinite(Y0).all(axis=1)
    assert not result.success.all()
    assert sorted(result.messages) == np.flatnonzero(~result.success).tolist()
    for i in np.flatnonzero(~finite).tolist():
        assert "finite" in result.messages[i]
        assert result.t[i] == 0.0
        result.messages.pop(i)
    for i in np.flatnonzero(finite).tolist():
        one = ta.ode.ensemble(f, (0, 3), Y0[i : i + 1])
        np.testing.assert_array_equal(one.y[0], result.y[i])
        as_alone(one, f, [(0, 3)], Y0[i : i + 1])
    times = [0.1, 0.2, 1.0, 2.9]
    result = ta.ode.ensemble(f, (0, 3), Y0[finite], t_eval=times)
    for i, y0 in enumerate(Y0[finite]):
        one = ta.ode.solve_ivp(f, (0, 3), y0, t_eval=times)
        assert np.isfinite(result.y[i]).all(axis=0).sum() == len(one.t)


def coupled(t, y, k):
    """Many equations, which go one by one."""
    ends = np.concatenate([[0.0], y, [0.0]])
    return np.sin(ends[2:] - y) - k * np.sin(y - ends[:-2])


@pytest.mark.parametrize("t_eval", [None, [0.5, 1.0]])
def test_large_systems(t_eval):
    Y0, k = np.random.default_rng(6).uniform(-1, 1, (9, 30)), np.linspace(0.5, 1.5, 9)
    Y0[3, 7] = math.inf
    for f in (lambda t, y, k: coupled(t, y, k), lambda t, y, k: y * np.sqrt(0.8 - k * t)):
        options = {"in_axes": (0,), "t_eval": t_eval}
        result = ta.ode.ensemble(f, (0, 1), Y0, (k,), **options)
        same(ta.ode.ensemble(f, (0, 1), Y0, (k,), chunk=2, **options), result)
        assert not result.success[3]
        result.messages.pop(3)
        for i in set(range(9)) - {3}:
            one = ta.ode.solve_ivp(f, (0, 1), Y0[i], args=(k[i],), t_eval=t_eval)
            assert result.messages.get(i, one.message) == one.message
            assert (result.success[i], result.nsteps[i]) == (one.success, one.nsteps)
            found = result.y[i] if t_eval is None else result.y[i, :, : len(one.t)]
            np.testing.assert_array_equal(found, one.y[:, -1] if t_eval is None else one.y)


def test_many_equations_with_few_products():
    """Which go side by side."""

    def f(t, y, k):
        rates = np.roll(y, 1) - 2 * y + np.roll(y, -1)
        return np.concatenate([[k * y[0] * (1 - y[0])], rates[1:]])

    Y0, k = np.random.default_rng(6).uniform(-1, 1, (9, 40)), np.linspace(0.5, 1.5, 9)
    assert are_faster(system(f, 0.0, Y0[0], (0.5,)))
    assert not are_faster(system(coupled, 0.0, Y0[0], (0.5,)))
    options = {"in_axes": (0,), "t_eval": [0.3, 1.0]}
    result = ta.ode.ensemble(f, (0, 1), Y0, (k,), **options)
    as_alone(result, f, [(0, 1)] * 9, Y0, lambda i: (k[i],), options["t_eval"])
    wanted = 1 / (1 + (1 / Y0[:, 0] - 1) * np.exp(-k))
    np.testing.assert_allclose(result.y[:, 0, 1], wanted, rtol=1e-13)


def test_what_the_function_raises_ends_one_trajectory():
    def f(t, y):
        if y[0] > 1.5:
            raise ValueError("out of range")
        return y

    result = ta.ode.ensemble(f, (0, 0.3), [[1.0], [1.4], [2.0]])
    assert result.success.tolist() == [True, False, False]
    assert result.messages == dict.fromkeys([1, 2], "ValueError: out of range")
    assert abs(result.t[1] - math.log(1.5 / 1.4)) < 1e-9
    assert result.t[2] == 0.0
    with pytest.raises(ZeroDivisionError):  # at once: that is a mistake in the function
        ta.ode.ensemble(lambda t, y: 1 / 0, (0, 1), np.ones(3))


@pytest.mark.parametrize(
    ("error", "match", "arguments", "options"),
    [
        (InputTypeError, "fun is a function", (None, (0, 1), [1.0]), {}),
        (InputError, "one float", (decay, (0, 1), 1.0), {}),
        (InputError, "one generator", (decay, (0, 1), (x for x in [1.0])), {}),
        (InputTypeError, "dtype <U1", (decay, (0, 1), ["a"]), {}),
        (InputTypeError, "not an array", (decay, (0, 1), [[1.0], [1.0, 2.0]]), {}),
        (InputError, "none are", (circle, (0, 1), [[math.nan, 1.0]]), {}),
        (InputError, "must be two", (circle, 1.0, np.ones((3, 2))), {}),
        (InputError, r"tf has shape \(2,\)", (circle, (0, [1, 2]), np.ones((3, 2))), {}),
        (
            InputError,
            "t0 of trajectory 1 is inf",
            (circle, ([0, math.inf], 1), np.ones((2, 2))),
            {},
        ),
        (InputError, "tf is nan", (circle, (0, math.nan), np.ones((2, 2))), {}),
        (InputTypeError, "real number", (circle, (0, "x"), np.ones((2, 2))), {}),
        (InputError, "in_axes", (decay, (0, 1), np.ones(2), (1.0,)), {"in_axes": (1,)}),
        (InputError, "in_axes", (decay, (0, 1), np.ones(2), (1.0,)), {"in_axes": (0, 0)}),
        (InputTypeError, "array or a list", (decay, (0, 1), np.ones(2), (1.0,)), {"in_axes": (0,)}),
        (InputError, "has 3 entries", (decay, (0, 1), np.ones(2), (np.ones(3),)), {"in_axes": 0}),
        (InputTypeError, "unpacked", (decay, (0, 1), np.ones(2), 1.0), {}),
        (InputError, "not within", (circle, (0, 1), np.ones((2, 2))), {"t_eval": [0.5, 2]}),
        (InputError, "not within", (circle, (0, [1, 2]), np.ones((2, 2))), {"t_eval": [1.5]}),
        (InputError, "sorted", (circle, (0, 1), np.ones((2, 2))), {"t_eval": [0.5, 0.2]}),
        (InputError, "sorted", (circle, (1, 0), np.ones((2, 2))), {"t_eval": [0.2, 0.5]}),
        (InputError, "`t_eval` has shape", (circle, (0, 1), np.ones((2, 2))), {"t_eval": 0.5}),
        (InputTypeError, "real numbers", (circle, (0, 1), np.ones((2, 2))), {"t_eval": ["a"]}),
        (InputError, r"shape \(2, 2\)", (circle, (0, 1), np.ones((2, 2))), {"out": np.ones(2)}),
        (
            InputError,
            "`out` has dtype",
            (decay, (0, 1), np.ones(2), (1,)),
            {"out": np.ones(2, int)},
        ),
        (InputError, "workers is 0", (circle, (0, 1), np.ones((2, 2))), {"workers": 0}),
        (InputError, "chunk is 0.5", (circle, (0, 1), np.ones((2, 2))), {"chunk": 0.5}),
        (InputTypeError, "submit", (circle, (0, 1), np.ones((2, 2))), {"executor": 3}),
        (InputError, "rtol", (circle, (0, 1), np.ones((2, 2))), {"rtol": 2.0}),
        (InputError, "returned an array", (lambda t, y: y[:1], (0, 1), np.ones((2, 2))), {}),
    ],
)
def test_what_makes_no_sense(error, match, arguments, options):
    with pytest.raises(error, match=match):
        ta.ode.ensemble(*arguments, **options)


@pytest.mark.parametrize(
    "fun",
    [
        lambda t, y: scipy.special.logit(0.5 + 0.1 * np.sin(y)),
        lambda t, y: scipy.special.xlogy(y, 2 + np.sin(y)),
    ],
    ids=["side by side", "one by one"],
)
def test_what_traces_and_has_no_machine_code(fun):
    starts = np.array([[0.5, 0.6], [-0.2, 0.0]])
    found = ta.ode.ensemble(fun, (0, 1), starts)
    for start, end in zip(starts, found.y, strict=True):
        np.testing.assert_array_equal(end, ta.ode.solve_ivp(fun, (0, 1), start).y[:, -1])
