"""Larger systems: lines side by side have the parts that each has alone."""

import numpy as np
import pytest

from taylorad.ode.steps.groups.diagonals import Diagonals
from taylorad.ode.steps.groups.evaluation import evaluations
from taylorad.ode.steps.groups.group import LANES
from taylorad.ode.steps.groups.grouped import Grouped
from taylorad.ode.steps.groups.grouping import grouped
from taylorad.ode.steps.interface import Exit
from taylorad.ode.steps.stepper import Motion, Stepper, Tolerance
from taylorad.ode.tracing.columns import NONE
from taylorad.ode.tracing.recurrences import Recurrences
from taylorad.ode.tracing.system import system


def bodies(n, equal=False):
    """Bodies that attract one another, pair by pair."""
    mass = 0.0 if equal else 0.1
    soft = 0.0 if equal else 1.0

    def f(t, y):
        x = [y[3 * i : 3 * i + 3] for i in range(n)]
        total = [[0.0, 0.0, 0.0] for _ in range(n)]
        for i in range(n):
            for j in range(i + 1, n):
                d = [x[j][k] - x[i][k] for k in range(3)]
                r = (d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + soft) ** -1.5
                for k in range(3):
                    total[i][k] = total[i][k] + (1 + mass * j) * d[k] * r
                    total[j][k] = total[j][k] - (1 + mass * i) * d[k] * r
        return [*y[3 * n :], *(a for b in total for a in b)]

    return f


def pendulums(t, y):
    """A chain with free ends, of different sines and cosines."""
    n = len(y) // 2
    q = y[:n]
    pull = np.concatenate([[q[1] - q[0]], q[2:] - 2 * q[1:-1] + q[:-2], [q[-2] - q[-1]]])
    return np.concatenate([y[n:], 0.5 * pull - np.sin(q) * np.cos(0.5 * q)])


def grid(t, y):
    """Two substances that spread and react (the Brusselator)."""
    u, v = y.reshape(2, 5, 6)

    def spread(w):
        inner = w[1:-1, 1:-1]
        return w[2:, 1:-1] + w[:-2, 1:-1] + w[1:-1, 2:] + w[1:-1, :-2] - 4 * inner

    du, dv = 1 + u * u * v - 4.4 * u, 3.4 * u - u * u * v
    rows = []
    for w, dw in ((u, du), (v, dv)):
        s = spread(w)
        inner = [
            np.concatenate([dw[k, :1], dw[k, 1:-1] + 0.1 * s[k - 1], dw[k, -1:]])
            for k in range(1, 4)
        ]
        rows += [dw[0], *inner, dw[4]]
    return np.concatenate(rows)


def dense(t, y):
    n = len(y)
    i = np.arange(n)
    return np.sin(i[:, None] * 1.7 + i) @ y * 0.1 - y**2


def ring(t, y):
    return 0.3 * np.roll(y, 1) - 0.2 * np.roll(y, 5) + 0.1 * y * np.roll(y, 2)


def scattered(t, y):
    n = len(y)
    a, b = np.random.default_rng(5).permutation(n), np.random.default_rng(6).permutation(n)
    return 0.3 * y[a] - 0.2 * y[b] + 0.1 * y * y[a]


def chosen(t, y):
    """What is not chosen is no number, nor are its parts."""
    return np.where(y > -90.0, np.cos(y) * np.roll(y, 1), np.sqrt(y - 50.0))


def mixed(t, y):
    """Of every function a few, so that vectors are of every width."""
    x = y[:5]
    return np.concatenate(
        [
            np.exp(-x[:1]) * t,
            1 / (2 + x[1:3] ** 2),
            np.log(3 + np.tanh(y[5:9])),
            np.arctan(x[2:5]) / (1 + x[:3] ** 4),
            np.sqrt(4 + y[10:] ** 2) * np.sin(t) * y[0],
        ]
    )


def powers(t, y):
    """Of several exponents: of one line, of a few, and of many."""
    x, z, w = y[0], y[1:4], y[4:]
    return np.concatenate(
        [[(2 + x) ** 2.5], (1 + z * z) ** 0.3, (2 * w) ** -1.7 * w + w * (3 - w * w) ** (1 / 3)]
    )


def clock(t, y):
    """The time itself is a rate."""
    return np.stack([*np.sin(y[:-1]), t])


PROBLEMS = {
    "bodies": (bodies(6), 36),
    "pendulums": (pendulums, 38),
    "grid": (grid, 60),
    "dense": (dense, 29),
    "ring": (ring, 29),
    "scattered": (scattered, 29),
    "mixed": (mixed, 13),
    "powers": (powers, 23),
    "clock": (clock, 9),
    "one": (lambda t, y: np.sin(y) * t, 1),
}


def start(n):
    return np.random.default_rng(n).uniform(0.1, 1, n)


def series(f, y0, form, order, functions=(), level=1):
    """Give all parts of a step, and where it leads."""
    traced = system(f, 0.25, y0, (), functions)
    stepper = Stepper(traced, order, level, form)
    motion, parts = Motion(y0.copy(), np.zeros(y0.size), 0.25), stepper.parts()
    held = np.ones(len(traced.held))
    status = stepper.propagate(
        motion, 9.0, Tolerance(1e-12, np.ones(y0.size)), held, steps=1, parts=parts
    )
    assert status is Exit.STEPS
    return parts, motion


@pytest.mark.parametrize("order", [2, 5, 12])
@pytest.mark.parametrize("form", ["spread", "looped"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_parts_are_those_of_single_lines(name, form, order):
    f, n = PROBLEMS[name]
    wanted, there = series(f, start(n), "written", order, level=0)
    found, motion = series(f, start(n), form, order)
    sizes = abs(wanted).max(axis=0)
    np.testing.assert_allclose(found / sizes, wanted / sizes, rtol=0, atol=4e-13)
    np.testing.assert_allclose(motion.state, there.state, rtol=1e-13)


@pytest.mark.parametrize("order", [1, 6, 7])
@pytest.mark.parametrize("form", ["spread", "looped"])
@pytest.mark.parametrize("name", ["pendulums", "ring"])  # many convolutions, and few
def test_functions_are_expanded_along(name, form, order):
    f, n = PROBLEMS[name]
    functions = [lambda t, y: y[3] * y[0] - t, lambda t, y: y[:12], lambda t, y: np.exp(y[-11:])]
    wanted, _ = series(f, start(n), "written", order, functions, level=0)
    found, _ = series(f, start(n), form, order, functions)
    assert wanted.shape == (n + 1 + 12 + 11, order + 1)
    sizes = abs(wanted).max(axis=0)
    np.testing.assert_allclose(found / sizes, wanted / sizes, rtol=0, atol=4e-13)


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("form", ["spread", "looped"])
def test_what_is_no_number_stays_in_its_lane(form):
    wanted, _ = series(chosen, start(29), "written", 9)
    found, _ = series(chosen, start(29), form, 9)
    assert np.isfinite(wanted).all()
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("form", ["spread", "looped"])
def test_a_step_that_overflows_is_taken_back(form):
    f = lambda t, y: np.concatenate([y[1:], y[:1]]) * y
    n = 20
    traced = system(f, 0.0, np.ones(n))
    stepper, motion = Stepper(traced, 8, 1, form), Motion(np.ones(n), np.zeros(n), 0.0)
    motion.cap = 0.9  # of y' = y * y, which has its pole at 1
    status = stepper.propagate(motion, 0.5, Tolerance(1e-3, np.ones(n)))
    assert status is Exit.END
    np.testing.assert_allclose(motion.state, 2.0, rtol=1e-2)


@pytest.mark.parametrize("form", ["spread", "looped"])
def test_what_went_wrong_in_one_call_is_forgotten_in_the_next(form):
    def f(t, y):
        z = y * y
        return 0.1 * np.roll(z, 1) - 0.2 * np.roll(z, 5) + y * z

    n = 29
    traced, tolerance = system(f, 0.0, start(n)), Tolerance(1e-12, np.ones(n))
    stepper = Stepper(traced, 12, 1, form)
    ends = []
    for scale in (1.0, 1e60, 1.0):
        motion = Motion(scale * start(n), np.zeros(n), 0.0)
        ends.append((stepper.propagate(motion, 0.2, tolerance), motion.state))
    assert [status for status, _ in ends] == [Exit.END, Exit.STUCK, Exit.END]
    np.testing.assert_array_equal(ends[0][1], ends[2][1])


def test_sums_of_different_length_share_vectors():
    pull = lambda q: np.concatenate(
        [q[1:2] - q[:1], q[2:] - 2 * q[1:-1] + q[:-2], q[-2:-1] - q[-1:]]
    )
    f = lambda t, y: np.concatenate([y[8:], 0.5 * pull(y[:8]) - np.sin(y[:8])])
    traced = system(f, 0.0, start(16))
    _, groups = grouped(Recurrences(traced, traced.rates))
    sines, rates = groups
    assert rates.members.tolist() == traced.rates[8:]
    operands = [traced.program.steps[line].operands for line in sines.members.tolist()]
    assert operands == [(i,) for i in range(8)] * 2


def test_lines_that_stay_drop_out():
    n = 6

    def f(t, y):
        x = y[: 3 * n].reshape(n, 3)
        d = x[None] - x[:, None]
        r = ((d**2).sum(-1) + np.eye(n)) ** -1.5 * (1 - np.eye(n))
        return np.concatenate([y[3 * n :], (d * r[:, :, None]).sum(1).ravel()])

    traced = system(f, 0.0, start(6 * n))
    recurrences = Recurrences(traced, traced.rates)
    assert len(recurrences.inners) == n * (n - 1) * 8
    _, groups = grouped(recurrences)
    assert max(len(group.members) for group in groups) >= (n - 1) ** 2
    wanted, _ = series(f, start(6 * n), "spread", 5)
    found, _ = series(bodies(n, equal=True), start(6 * n), "looped", 5)
    np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-13)


def test_pairs_stand_in_rows():
    n = 9
    traced = system(bodies(n), 0.0, start(6 * n))
    _, groups = grouped(Recurrences(traced, traced.rates))
    pairs = [group for group in groups if len(group.members) == n * (n - 1) // 2]
    assert len(pairs) == 5
    for group in pairs[:3]:
        first, second = (terms["a"] // 3 for terms in group.newest)
        apart = abs(first - second).tolist()
        assert [d for k, d in enumerate(apart) if d != (apart[k - 1] if k else 0)] == [
            *(1, 8, 2, 7, 3, 6, 4, 5)
        ]


def test_groups_whose_vectors_need_each_other_are_in_one_loop():
    traced = system(bodies(15), 0.0, start(90))
    core = Grouped(Recurrences(traced, traced.rates), 3, is_spread=False)
    core.written()
    pairs = 15 * 14 // 2
    sizes = [[len(group.members) for group in run] for run in core.stages.runs]
    assert sizes == [[pairs] * 5, [2 * pairs] * 3, [15] * 3]  # differences; forces; their sums


@pytest.mark.parametrize("form", ["spread", "looped"])
def test_what_follows_from_places_is_found_for_two_degrees_at_once(form):
    def degrees(f, n):
        recurrences = Recurrences(traced := system(f, 0.0, start(n)), traced.rates)
        core = Grouped(recurrences, 3, is_spread=form == "spread")
        core.written()
        assert {k for stage in core.one for k in stage.degrees} == {0}
        return {stage.degrees for stage in core.both if stage.kind == "run"}

    assert degrees(bodies(6), 36) == {(0, 1)}
    assert degrees(ring, 29) == {(0,), (1,)}


def test_values_are_computed_after_those_that_they_need():
    traced = system(grid, 0.0, start(60))
    recurrences = Recurrences(traced, traced.rates)
    nowhere = np.full(len(traced.program.steps) + 1, NONE)
    groups = evaluations(recurrences, nowhere, nowhere)
    assert sorted(i for lines in groups for i in lines) == sorted(recurrences.values)
    done = set()
    for lines in groups:
        for line in lines:
            operands = [i for i in recurrences.steps[line].operands if i in recurrences.values]
            assert done.issuperset(operands)
        done |= {*lines}


@pytest.mark.parametrize(("name", "found"), [("ring", True), ("scattered", False)])
def test_sums_are_taken_by_diagonals_where_that_is_less(name, found, monkeypatch):
    asked = []
    matrix = Diagonals.matrix

    def remember(self, terms):
        asked.append(matrix(self, terms))
        return asked[-1]

    monkeypatch.setattr(Diagonals, "matrix", remember)
    f, n = PROBLEMS[name]
    traced = system(f, 0.0, start(n))
    Grouped(Recurrences(traced, traced.rates), 3, is_spread=False).written()
    assert n > LANES
    assert [tables is not None for tables in asked] == [found] * len(asked)
    assert asked
