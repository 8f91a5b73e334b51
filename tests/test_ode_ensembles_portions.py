"""How ensembles are gone about: in portions, from and to files, with an end at any time."""

import _thread
import math
import threading
import time
import tracemalloc

import numpy as np
import pytest
from test_ode_ensembles import circle, decay, kepler, planets, same

import taylorad as ta
from taylorad.ode.ensembles.sizes import Sizes


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
