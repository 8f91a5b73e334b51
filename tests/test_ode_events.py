"""Events: all roots, in order, whatever the steps; each once."""

import math
import tracemalloc

import numpy as np
import pytest
from unwritten import unwritten

import taylorad as ta
from taylorad.errors import IntegrationError
from taylorad.ode import Integrator, solve_ivp


def circle(t, y):
    return [y[1], -y[0]]


def event(function, terminal=None, direction=0):
    function.terminal, function.direction = terminal, direction
    return function


def test_all_roots_in_order():
    result = solve_ivp(circle, (0, 20), [0.0, 1.0], events=[lambda t, y: y[0], lambda t, y: y[1]])
    np.testing.assert_allclose(result.t_events[0], np.pi * np.arange(1, 7), rtol=2e-15)
    np.testing.assert_allclose(result.t_events[1], np.pi * (np.arange(0, 6) + 0.5), rtol=2e-15)
    rounding = (len(result.t) + 2) * 2.0**-53  # of every step, and of the polynomial at the root
    np.testing.assert_allclose(result.y_events[1][:, 0], [1, -1] * 3, rtol=rounding)
    assert result.y_events[0].shape == (6, 2)


def test_many_roots_in_one_step():
    fast = lambda t, y: np.cos(40 * t)
    result = solve_ivp(lambda t, y: [0.0], (0, 3), [1.0], events=fast)
    np.testing.assert_allclose(result.t_events[0], np.pi / 40 * (np.arange(38) + 0.5), rtol=1e-14)
    fine = lambda t, y: (t - 1) * (t - 1.001) * (t - 1.002) * (t - 2.5)
    result = solve_ivp(lambda t, y: [1.0], (0, 3), [0.0], events=fine)
    np.testing.assert_allclose(result.t_events[0], [1, 1.001, 1.002, 2.5], rtol=1e-9)


def test_a_series_whose_last_terms_vanish_is_not_believed():
    result = solve_ivp(lambda t, y: [0.0], (0, 2), [1.0], events=lambda t, y: np.cos(4 * t**8))
    wanted = ((np.pi / 2 + np.pi * np.arange(326)) / 4) ** (1 / 8)
    np.testing.assert_allclose(result.t_events[0], wanted, rtol=1e-13)


def test_close_pairs_and_touches():
    gap = 1e-6
    pair = lambda t, y: (y[0] - 1) ** 2 - gap**2
    touch = lambda t, y: (y[0] - 1) ** 2
    miss = lambda t, y: (y[0] - 1) ** 2 + 1e-12
    result = solve_ivp(lambda t, y: [1.0], (0, 2), [0.0], events=[pair, touch, miss])
    np.testing.assert_allclose(result.t_events[0], [1 - gap, 1 + gap], rtol=1e-9)
    np.testing.assert_allclose(result.t_events[1], [1], rtol=1e-7)
    assert len(result.t_events[2]) == 0


def test_touches_count_for_no_direction():
    graze = [event(lambda t, y: y[0] - 1, direction=d) for d in (0, 1, -1)]
    result = solve_ivp(circle, (0, 20), [0.0, 1.0], events=graze)
    np.testing.assert_allclose(result.t_events[0], np.pi * (0.5 + 2 * np.arange(3)), rtol=1e-7)
    assert [len(x) for x in result.t_events[1:]] == [0, 0]


@pytest.mark.parametrize("span", [(0.0, 20.0), (20.0, 0.0)])
def test_directions_are_those_of_travel(span):
    events = [event(lambda t, y: y[0], direction=d) for d in (0, 1, -1)]
    start = [math.sin(span[0]), math.cos(span[0])]
    both, up, down = solve_ivp(circle, span, start, events=events).t_events
    sign = np.sign(span[1] - span[0])
    assert np.all(np.diff(both) * sign > 0)
    assert np.all(np.cos(up) * sign > 0)
    assert np.all(np.cos(down) * sign < 0)
    assert sorted([*up, *down]) == sorted(both)


def test_a_terminal_event_ends_at_the_root():
    down = event(lambda t, y: y[0], terminal=True, direction=-1)
    later = lambda t, y: t - 3.2
    result = solve_ivp(circle, (0, 9), [0.0, 1.0], events=[down, later], dense_output=True)
    assert (result.status, result.success) == (1, True)
    assert result.t[-1] == result.t_events[0][0] == result.sol.t_max
    np.testing.assert_allclose(result.t[-1], math.pi, rtol=3e-16)
    np.testing.assert_allclose(result.y[:, -1], [0, -1], atol=3e-16)
    assert len(result.t_events[1]) == 0
    result = solve_ivp(circle, (0, 9), [0.0, 1.0], events=down, t_eval=[1, 2, 3, 4, 5])
    assert result.t.tolist() == [1, 2, 3]


def test_terminal_after_so_many():
    third = event(lambda t, y: y[0], terminal=3)
    result = solve_ivp(circle, (0, 100), [1.0, 0.0], events=third)
    np.testing.assert_allclose(result.t_events[0], np.pi * (np.arange(3) + 0.5), rtol=1e-15)
    assert result.t[-1] == result.t_events[0][-1]


def test_a_root_at_the_start_does_not_count():
    ground = event(lambda t, y: y[0], terminal=True)
    result = solve_ivp(lambda t, y: [y[1], -9.81], (0, 9), [0.0, 4.905], events=ground)
    np.testing.assert_allclose(result.t_events[0], [1.0], rtol=1e-15)


@pytest.mark.parametrize("order", [8, 10, 16, 20, 24, 25])
@pytest.mark.parametrize("end", [math.pi, 3.0, 3.694644520472026, 0.9349914677484739])
def test_a_root_at_the_end_of_a_step_counts_once(end, order):
    """Steps made to end right at roots, and at the numbers next to them."""
    crossing = lambda t, y: np.sin(t * (np.pi / end))
    events = [crossing, lambda t, y: t - end]
    start = Integrator(circle, 0.0, [0.0, 1.0], events=events, order=order)
    for k in range(-3, 4):
        integrator = start.copy()
        integrator.propagate_until(end + k * np.spacing(end))
        integrator.propagate_until(1.6 * end)
        assert [len(x) for x in integrator.t_events] == [1, 1]


def test_events_go_on_after_a_terminal_one():
    ground = event(lambda t, y: y[0], terminal=1)
    ground.direction = 0
    integrator = Integrator(circle, 0.0, [0.0, 1.0], events=ground)
    for k in range(1, 40):
        assert integrator.propagate_until(200.0).outcome == "event"
        np.testing.assert_allclose(integrator.time, k * math.pi, rtol=1e-14)


def test_a_bouncing_ball():
    """Every bounce takes 0.9 of the speed; the times are a geometric series."""
    ground = event(lambda t, y: y[0], terminal=1, direction=-1)
    ball = Integrator(lambda t, y: [y[1], -2.0], 0.0, [0.0, 1.0], events=ground)
    for k in range(60):
        assert ball.propagate_until(100.0).outcome == "event"
        wanted = (1 - 0.9 ** (k + 1)) / 0.1
        np.testing.assert_allclose(ball.time, wanted, rtol=1e-13)
        ball.state = [0.0, -0.9 * ball.state[1]]
    assert sum(map(len, ball.t_events)) == 60


def test_events_of_derivatives():
    """An event may call the right-hand side."""
    f = lambda t, y: [y[1], -y[0] - 0.1 * y[1]]
    peak = event(lambda t, y: f(t, y)[0], direction=-1)
    result = solve_ivp(f, (0, 20), [0.0, 1.0], events=peak)
    w = math.sqrt(1 - 0.05**2)
    wanted = (math.atan2(w, 0.05) + 2 * np.pi * np.arange(3)) / w
    np.testing.assert_allclose(result.t_events[0], wanted[wanted < 20], rtol=1e-13)


def test_events_with_arguments():
    level = lambda t, y, k, a: y[0] - a
    result = solve_ivp(lambda t, y, k, a: k * y, (0, 5), [1.0], events=level, args=(0.5, 3.0))
    np.testing.assert_allclose(result.t_events[0], [2 * math.log(3)], rtol=1e-15)


def test_events_that_jump():
    """Of an event that jumps or has a corner, each branch is looked at where it holds."""
    corner = lambda t, y: abs(y[0]) - 0.5
    result = solve_ivp(circle, (0, 6), [0.0, 1.0], events=corner)
    wanted = np.pi * np.array([1 / 6, 5 / 6, 7 / 6, 11 / 6])
    np.testing.assert_allclose(result.t_events[0], wanted, rtol=1e-14)


def test_events_that_cannot_be_taken_apart():
    """They are expanded along the step's polynomial."""
    solved = lambda t, y: unwritten(np.linalg.solve(np.array([[2.0, 1.0], [1.0, 3.0]]), y))[0]
    result = solve_ivp(circle, (0, 9), [0.0, 1.0], events=[solved, lambda t, y: y[0]])
    wanted = math.atan2(1, 3) + np.pi * np.arange(3)  # 3 sin t - cos t vanishes
    np.testing.assert_allclose(result.t_events[0], wanted[wanted < 9], rtol=1e-14)
    assert len(result.t_events[1]) == 2


def test_no_events_at_all():
    assert solve_ivp(circle, (0, 1), [0.0, 1.0]).t_events is None
    run = solve_ivp(circle, (0, 1), [0.0, 1.0], events=[])
    assert run.t_events == run.y_events == []


def test_many_events():
    levels = [lambda t, y, a=a: y[0] - a for a in np.linspace(-0.99, 0.99, 60)]
    result = solve_ivp(circle, (0, 2 * np.pi), [0.0, 1.0], events=levels)
    assert [len(x) for x in result.t_events] == [2] * 60
    up = np.arcsin(np.linspace(-0.99, 0.99, 60))[30:]
    np.testing.assert_allclose([x[0] for x in result.t_events[30:]], up, rtol=1e-13)


def test_roots_of_small_functions():
    """The sizes of event functions do not matter."""
    small, large = lambda t, y: 1e-30 * y[0], lambda t, y: 1e30 * y[0]
    result = solve_ivp(circle, (0, 7), [0.0, 1.0], events=[small, large])
    for times in result.t_events:
        np.testing.assert_allclose(times, [np.pi, 2 * np.pi], rtol=1e-15)
    assert ta.ode.OdeSolution is type(solve_ivp(circle, (0, 1), [0, 1], dense_output=True).sol)


# --- blocks of steps ---


def pendulum(t, y):
    return [y[1], -np.sin(y[0])]


def swing(t, y):
    return [y[1], -np.where(y[0] > 0, 4.0, 1.0) * y[0]]


@pytest.mark.parametrize(
    "problem",
    [
        (pendulum, [1.0, 0.0], [lambda t, y: y[0], lambda t, y: y[0] * y[1] - 0.1]),
        (pendulum, [1.0, 0.0], [lambda t, y: np.cos(20 * t), lambda t, y: t - 7]),
        (pendulum, [0.0, 1.0], [event(lambda t, y: y[0], terminal=5), lambda t, y: y[1] - 0.3]),
        (swing, [0.0, 1.0], [lambda t, y: y[1], lambda t, y: abs(y[0]) - 0.25]),
        (pendulum, [1.0, 0.0], [lambda t, y: np.linalg.norm(y) - 1, lambda t, y: np.exp(-t) - 0.5]),
    ],
)
def test_steps_in_blocks_are_those_taken_one_by_one(problem):
    """To the last bit: times and states at the ends of the steps, between them, and of events."""
    f, y0, events = problem
    runs = []
    for callback in (None, lambda integrator: None):
        integrator = Integrator(f, 0.0, y0, events=events)
        done = integrator.propagate_until(40.0, callback=callback, dense_output=True)
        times = np.linspace(0, integrator.time, 301)
        events_found = [np.array(x).tobytes() for x in integrator.t_events + integrator.y_events]
        words = np.array(integrator.time_words).tobytes()
        runs.append(
            (
                *(done.outcome, done.steps, integrator.nrejected, words),
                *(integrator.state.tobytes(), integrator._motion.lost.tobytes()),
                *(done.sol.ts.tobytes(), done.sol(times).tobytes(), *events_found),
            )
        )
    assert runs[0] == runs[1]


def test_memory_does_not_grow_with_the_steps():
    integrator = Integrator(pendulum, 0.0, [1.0, 0.0])
    tracemalloc.start()
    integrator.propagate_grid([1000.0, 2000.0])
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert integrator.nsteps > 4000
    assert most < 3e6


# --- long steps ---


@pytest.mark.parametrize("end", [10.0, 1e3, 1e8, 1e12, 1e100, math.inf])
def test_falling_for_ever(end):
    """The solution is a polynomial, and a step as long as one likes."""
    ground = event(lambda t, y: y[0], terminal=True, direction=-1)
    for start, wanted in (([10.0, 0.0], math.sqrt(20)), ([0.0, 1.0], 2.0), ([1e-9, 3.0], 6.0)):
        result = solve_ivp(lambda t, y: [y[1], -1.0], (0, end), start, events=ground)
        assert result.status == 1
        np.testing.assert_allclose(result.t[-1], wanted, rtol=1e-9 if start[0] == 1e-9 else 1e-15)
    up = solve_ivp(lambda t, y: [y[1], -1.0], (0, -end), [10.0, 0.0], events=ground)
    np.testing.assert_allclose(up.t_events[0], [-math.sqrt(20)], rtol=1e-15)


def test_roots_of_different_sizes_in_one_step():
    small, middle, large = 1e-6, 1.0, 1e7
    g = lambda t, y: (y[0] - small) * (y[0] - middle) * (y[0] - large)
    touch = lambda t, y: (y[0] - 1.0) ** 2
    result = solve_ivp(lambda t, y: [1.0], (0, 1e12), [0.0], events=[g, touch])
    np.testing.assert_allclose(result.t_events[0], [small, middle, large], rtol=1e-9)
    np.testing.assert_allclose(result.t_events[1], [1.0], rtol=1e-7)


def test_nearly_a_polynomial():
    f = lambda t, y: [y[1], -1.0 - 1e-200 * y[0]]
    result = solve_ivp(f, (0, 1e12), [10.0, 0.0], events=event(lambda t, y: y[0], terminal=True))
    np.testing.assert_allclose(result.t[-1], math.sqrt(20), rtol=1e-15)


# --- what functions may do ---


@pytest.mark.parametrize("order", [20, 26, 30])
def test_an_event_that_is_not_analytic_is_found_beside_that_point(order):
    """It has a branch point at y = 1, and blocks nothing."""
    g = lambda t, y: np.sqrt(abs(1 - y[0])) - 0.5
    result = solve_ivp(lambda t, y: [1.0], (0, 2), [0.0], events=g, order=order)
    assert result.success
    np.testing.assert_allclose(result.t_events[0], [0.75, 1.25], rtol=1e-14)


def test_an_event_that_is_not_defined_everywhere():
    result = solve_ivp(lambda t, y: [1.0], (0, 2), [0.0], events=lambda t, y: np.sqrt(y[0] - 3))
    assert result.success
    assert len(result.t_events[0]) == 0


def test_an_event_that_is_zero_for_a_while():
    arrives = lambda t, y: np.maximum(1 - y[0], 0.0)
    leaves = lambda t, y: np.maximum(y[0] - 1, 0.0)
    always = lambda t, y: 0 * y[0]
    result = solve_ivp(lambda t, y: [1.0], (0, 3), [0.0], events=[arrives, leaves, always])
    np.testing.assert_allclose(result.t_events[0], [1.0], rtol=1e-15)
    assert [len(x) for x in result.t_events[1:]] == [0, 0]


def test_terminal_events_at_the_same_time_all_count():
    first, second = (event(lambda t, y, a=a: a * y[0], terminal=True) for a in (1.0, 2.0))
    watched = lambda t, y: 4.0 * y[0]
    result = solve_ivp(circle, (0, 9), [0.0, 1.0], events=[first, second, watched])
    assert [len(x) for x in result.t_events] == [1, 1, 1]
    assert result.t[-1] == result.t_events[0][0] == result.t_events[1][0]


def test_terminal_events_in_one_step_end_one_after_the_other():
    levels = [event(lambda t, y, a=a: y[0] - a, terminal=True) for a in (0.5, 0.501, 0.502)]
    integrator = Integrator(lambda t, y: [1.0], 0.0, [0.0], events=levels)
    for wanted in (0.5, 0.501, 0.502):
        assert integrator.propagate_until(9.0).outcome == "event"
        np.testing.assert_allclose(integrator.time, wanted, rtol=1e-15)
    assert integrator.propagate_until(9.0).outcome == "finished"


def test_poincare_section_of_henon_and_heiles():
    """Each crossing again where a run of other steps has it; energy as at the start."""

    def f(t, s):
        x, y, u, v = s
        return [u, v, -x - 2 * x * y, y * y - y - x * x]

    up = event(lambda t, s: s[0], direction=1)
    energy = lambda x, y, u, v: (u * u + v * v + x * x + y * y) / 2 + x * x * y - y**3 / 3
    start = [0.0, 0.1, 0.35, 0.2]
    fine = solve_ivp(f, (0, 100), start, events=up, max_step=0.07)
    found = solve_ivp(f, (0, 100), start, events=up)
    assert len(found.t_events[0]) == len(fine.t_events[0]) > 10
    np.testing.assert_allclose(found.t_events[0], fine.t_events[0], rtol=1e-12)
    crossings = found.y_events[0]
    np.testing.assert_allclose(crossings[:, 0], 0, atol=1e-15)
    np.testing.assert_allclose([energy(*x) for x in crossings], energy(*start), rtol=1e-14)


# --- getting nowhere ---


@pytest.mark.parametrize(
    "f",
    [
        lambda t, y: -np.cbrt(y),
        lambda t, y: -(y ** (1 / 3)),
        lambda t, y: -np.sqrt(y),
        lambda t, y: -np.sqrt(np.abs(y)),
    ],
)
@pytest.mark.parametrize("watched", [False, True])
def test_a_branch_point_is_not_crept_past(f, watched):
    """Zero is reached in finite time, where the right-hand side is not analytic."""
    integrator = Integrator(f, 0.0, [1.0], events=(lambda t, y: y[0] + 1) if watched else None)
    with pytest.raises(IntegrationError, match=r"not analytic|does not move|not finite"):
        integrator.propagate_until(10.0)
    assert abs(integrator.state[0]) < 1e-6
    assert 1.4 < integrator.time < 2.1


def test_waiting_without_end_ends():
    with pytest.raises(IntegrationError, match="does not move"):
        Integrator(lambda t, y: -y, 0.0, [1.0], events=lambda t, y: y[0] + 1).propagate_until(
            math.inf
        )
