"""Many trajectories: each as if it were alone, in lanes or one by one."""

import _thread
import math
import threading
import time
import tracemalloc

import mpmath
import numpy as np
import pytest

import taylorad as ta
from taylorad.errors import InputError, InputTypeError
from taylorad.ode.ensembles.sizes import Sizes


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


@pytest.mark.parametrize("shape", [(), (1,), (2, 3)])
def test_shapes_of_states(shape):
    Y0 = np.random.default_rng(3).uniform(1, 2, (9, *shape))
    result = ta.ode.ensemble(decay, (0, 1), Y0, (2.0,), t_eval=[0.5, 1.0])
    assert result.y.shape == (9, *shape, 2)
    np.testing.assert_allclose(result.y, Y0[..., None] * np.exp([-1.0, -2.0]), rtol=1e-15)


def test_states_without_components():
    result = ta.ode.ensemble(decay, (0, 1), np.ones((3, 0)), (1.0,))
    assert result.y.shape == (3, 0)
    assert result.t.tolist() == [1.0] * 3


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
        (InputError, "one number", (decay, (0, 1), 1.0), {}),
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
        (InputError, r"shape \(2, 2\)", (circle, (0, 1), np.ones((2, 2))), {"out": np.ones(2)}),
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


# --- how it is done ---


@pytest.mark.parametrize("f", [kepler, lambda t, y: np.where(y > 0.3, y - 0.3, 1.0)])
@pytest.mark.parametrize("t_eval", [None, [0.5, 1.0]])
def test_nothing_depends_on_the_others(f, t_eval):
    Y0 = np.concatenate([planets(37), [[0.0, 0.0, 1.0, 1.0], [math.nan] * 4]])
    options = {"t_eval": t_eval, "max_step": 0.3}
    whole = ta.ode.ensemble(f, (0, 3), Y0, **options)
    for others in ({"chunk": 1}, {"chunk": 7}, {"workers": 1}, {"workers": 3, "chunk": 8}):
        same(ta.ode.ensemble(f, (0, 3), Y0, **options, **others), whole)
    order = np.random.default_rng(5).permutation(len(Y0))[:20]
    some = ta.ode.ensemble(f, (0, 3), Y0[order], **options)
    np.testing.assert_array_equal(some.y, whole.y[order])
    np.testing.assert_array_equal(some.nsteps, whole.nsteps[order])


def test_how_often_it_is_looked_up_changes_nothing(monkeypatch):
    whole = ta.ode.ensemble(kepler, (0, 50), planets(20), t_eval=[3.0, 20.0])
    monkeypatch.setattr("taylorad.ode.ensembles.side_by_side.LOOK", 1e-5)
    monkeypatch.setattr("taylorad.ode.ensembles.side_by_side.FIRST", 3)
    same(ta.ode.ensemble(kepler, (0, 50), planets(20), t_eval=[3.0, 20.0]), whole)


def test_long_ways_are_gone_in_pieces(monkeypatch):
    """What gets nowhere is looked for on the way; who goes on is not harmed."""
    whole = ta.ode.ensemble(kepler, (0, 300), planets(20))
    monkeypatch.setattr("taylorad.ode.ensembles.side_by_side.CHUNK", 50)
    same(ta.ode.ensemble(kepler, (0, 300), planets(20)), whole)
    assert whole.nsteps.min() > 500


def test_sizes():
    sizes = Sizes(workers=2, least=8, bytes_of_each=100, seconds=0.1, fixed=None)
    assert sizes.next(1000) == 64  # as long as nothing is known
    sizes.took(64, 0.01)
    assert sizes.next(10_000) == 640  # a tenth of a second
    assert sizes.next(1000) == 256  # so that the others have something too
    assert sizes.next(20) == 16  # no less than a fiftieth of the time
    assert sizes.next(3) == 3
    assert Sizes(2, 8, 2**20, 0.1, None).next(1000) == 4  # no more than so much memory
    assert Sizes(2, 8, 1, 0.1, 5).next(1000) == 5


class Generated:
    """States that are nowhere until they are asked for."""

    dtype = np.dtype(float)

    def __init__(self, count):
        self.shape = (count, 8)

    def __getitem__(self, rows):
        first, last, _ = rows.indices(self.shape[0])
        return np.repeat(np.arange(first, last, dtype=float)[:, None], 8, axis=1)


def test_memory_is_bounded(tmp_path):
    """Of a trajectory more nothing is kept but what the result says of it."""
    peaks = {}
    for count in (50_000, 100_000, 300_000):
        out = np.lib.format.open_memmap(tmp_path / "out.npy", "w+", float, (count, 8))
        tracemalloc.start()
        result = ta.ode.ensemble(decay, (0, 0.1), Generated(count), (1.0,), out=out, chunk=2000)
        peaks[count] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert result.y is out
        assert result.success.all()
        np.testing.assert_allclose(out[:, 3], np.arange(count) * math.exp(-0.1), rtol=1e-15)
    kept = 200_000 * (8 + 8 + 8 + 1)
    assert peaks[300_000] - peaks[100_000] < 1.5 * kept  # the states are 200 000 * 64
    assert peaks[100_000] < 20e6


def test_states_come_from_files_and_go_to_files(tmp_path):
    Y0 = planets(50)
    np.save(tmp_path / "starts.npy", Y0)
    out = np.lib.format.open_memmap(tmp_path / "out.npy", "w+", np.float32, Y0.shape)
    found = ta.ode.ensemble(kepler, (0, 3), np.load(tmp_path / "starts.npy", "r"), out=out)
    wanted = ta.ode.ensemble(kepler, (0, 3), Y0)
    np.testing.assert_array_equal(found.y, wanted.y.astype(np.float32))


@pytest.mark.parametrize(
    "f", [circle, lambda t, y: [y[1], -np.sin(y[0]) - abs(y[1])], lambda t, y: y * 1j]
)
def test_it_can_be_interrupted(f):
    """Nothing goes on behind one's back."""
    threads, is_complex = threading.active_count(), np.iscomplexobj(f(0.0, np.ones(2)))
    timer = threading.Timer(0.5, _thread.interrupt_main)
    start = time.perf_counter()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        ta.ode.ensemble(f, (0, 1e9), np.ones((40, 2), complex if is_complex else float))
    timer.join()
    assert time.perf_counter() - start < 10
    assert threading.active_count() == threads


def test_what_a_result_looks_like():
    result = ta.ode.ensemble(lambda t, y: y**2, (0, 1), np.linspace(0.9, 2, 6)[:, None])
    assert "and 2 others" in repr(result)
    assert result["t"] is result.t


def test_a_bar_is_shown(capsys):
    pytest.importorskip("tqdm")
    ta.ode.ensemble(circle, (0, 1), np.ones((100, 2)), progress=True)
    assert "100/100" in capsys.readouterr().err
