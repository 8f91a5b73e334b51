"""The search in machine code against exact root isolation, and the evaluation of many steps."""

import numpy as np
import pytest

from taylorad.ode.branch import with_slack
from taylorad.ode.events.roots import roots
from taylorad.ode.events.search import ASK, FRESH, ROUNDINGS, Search, Size, Verdict
from taylorad.ode.events.watch import Watch
from taylorad.ode.steps.sampling import evaluate, polynomial


def searched(series, steps, relative=2.0**-52):
    """Look through steps one by one, each for itself: what machine code finds, and leaves open."""
    count, _, size = series.shape
    padded = with_slack(series.shape)
    padded[:] = series
    times = np.zeros((count, 3))
    times[:, 2] = steps
    search = Search(1, size - 1, relative)
    found, open_ = [[] for _ in range(count)], set()
    for k in range(count):
        search.signs[:] = FRESH
        search.trust(True)
        verdict = Verdict.UNKNOWN
        while verdict is Verdict.UNKNOWN:
            verdict = search.over(padded[: k + 1], times[: k + 1], k)
            search.final[:] = 0.0
        for step, _, time, direction, _ in search.found[: search.sizes[Size.FOUND]].tolist():
            if direction:
                found[int(step)].append((time, int(direction)))
            else:
                open_.add(int(step))
        if k not in open_:
            assert abs(search.signs[0]) == 1
    return found, open_


@pytest.mark.parametrize("order", [3, 8, 15, 20, 22, 33])
@pytest.mark.parametrize("sign", [1, -1])
def test_what_is_found_is_what_there_is(order, sign):
    rng = np.random.default_rng(order)
    count = 400
    series = rng.normal(size=(count, 1, order + 1)) * 0.5 ** np.arange(order + 1)
    series[:, :, 0] *= 10.0 ** rng.uniform(-3, 0, (count, 1))
    steps = sign * rng.uniform(0.3, 2.0, count)
    found, left = searched(series, steps)
    assert len(left) < count / 20  # few are left to exact isolation
    several = 0
    for k in set(range(count)) - left:
        row, h = series[k, 0], steps[k]
        noise = ROUNDINGS * np.sum(np.abs(row) * abs(h) ** np.arange(order + 1))
        wanted = roots(row, 0.0, h, noise=noise)
        assert [d for _, d in found[k]] == [root.direction for root in wanted]
        np.testing.assert_allclose(
            [t for t, _ in found[k]], [root.time for root in wanted], rtol=1e-14
        )
        several += len(wanted) > 1
    assert several > 5


def test_many_roots_in_a_step():
    at = np.linspace(0.05, 0.95, 8)
    series = np.polynomial.Polynomial.fromroots(at).coef
    series = np.concatenate([series, np.zeros(12)])[None, None]
    found, left = searched(series, np.ones(1))
    assert not left
    np.testing.assert_allclose([t for t, _ in found[0]], at, rtol=1e-12)
    assert [d for _, d in found[0]] == [-1, 1] * 4


def test_what_is_not_clear_is_left_open():
    touch, pair = [0.25, -1.0, 1.0], [0.25 - 1e-14, -1.0, 1.0]
    series = np.zeros((2, 1, 21))
    series[:, 0, :3] = touch, pair
    found, left = searched(series, np.ones(2))
    assert left == {0, 1}
    assert found == [[], []]


def test_signs_are_followed_from_step_to_step():
    """A sign that turned between two steps is looked at, and is a root."""
    series = with_slack((3, 1, 21))
    series[:, 0, 0] = 1.0, -1.0, -1.0
    times = np.zeros((3, 3))
    times[:, 2] = 1.0
    watch = Watch(1, 20, 2.0**-52)
    verdict, done, found = watch.over(series, times, lambda k: [-1.0], trusting=True)
    assert (verdict, done) == (Verdict.DONE, 3)
    assert found.tolist() == [[1.0, 0.0, 0.0, -1.0]]
    assert ASK not in watch.search.signs


def test_series_that_say_too_little():
    watch = Watch(1, 20, 2.0**-52)
    series, times = with_slack((1, 1, 21)), np.array([[0.0, 0.0, 1.0]])
    series[0, 0] = 1.0
    assert watch.over(series, times, lambda k: [0.0])[:2] == (Verdict.UNRESOLVED, 0)
    series[0, 0, 2:] = 0.0
    assert watch.over(series, times, lambda k: [7.0])[:2] == (Verdict.UNFORESEEN, 0)
    assert watch.over(series, times, lambda k: [2.0])[:2] == (Verdict.DONE, 1)
    series[0, 0, 3] = np.inf
    assert watch.over(series, times, lambda k: [2.0])[:2] == (Verdict.SINGULAR, 0)


@pytest.mark.parametrize("points", [0, 1, 7, 8, 9, 500])
def test_evaluating_many_steps(points):
    rng = np.random.default_rng(points)
    whole = rng.normal(size=(40, 7, 21))
    which, s = np.sort(rng.integers(0, 40, points)), rng.uniform(-1, 1, points)
    for coefficients in (whole, whole[:, 2:5], whole[:, 2:5] + 1j, whole[:, :0]):
        found = evaluate(coefficients, which, s)
        wanted = [polynomial(coefficients[k], x) for k, x in zip(which, s, strict=True)]
        assert found.shape == (coefficients.shape[1], points)
        if points:
            np.testing.assert_allclose(found, np.array(wanted).T, rtol=1e-12, atol=1e-14)
