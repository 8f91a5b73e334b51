"""Right-hand sides as programs, and the recurrences of their lines."""

import gc

import numpy as np
import pytest

import taylorad as ta
from taylorad.ode.tracing.listing import Listing
from taylorad.ode.tracing.nodes import Choice, Inner, Interior, Newest, Node, nodes_of, one_by_one
from taylorad.ode.tracing.system import system
from taylorad.primitives import elementwise


def bodies(t, y):
    places = y[:9].reshape(3, 3)
    d = [places[j] - places[i] for i, j in ((0, 1), (0, 2), (1, 2))]
    a, b, c = (x * np.dot(x, x) ** -1.5 for x in d)
    return np.concatenate([y[9:], 2.0 * a + 3.0 * b, -a + c, -b - c])


def mixed(t, y):
    x, v = y
    return [np.where(x > 0, np.sin(x) * v, t * v / (1 + x * x)), np.hypot(x, x) - np.exp(-x * x)]


FUNCTIONS = {"bodies": (bodies, np.arange(1.0, 19.0)), "mixed": (mixed, np.array([0.5, 2.0]))}


def nodes(program, lines):
    return one_by_one(nodes_of(program, Listing(program.steps), np.array(lines)))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_lines_of_one_form_are_what_each_is_by_itself(name):
    f, start = FUNCTIONS[name]
    program = system(f, 0.0, start).program
    lines = [i for i, step in enumerate(program.steps) if step.primitive and step.moves]
    together = nodes(program, lines)
    assert list(together) == lines
    assert together == {line: nodes(program, [line])[line] for line in lines}


def node_of(f, start, row, args=()):
    """Give the recurrence of the only line of a row."""
    program = system(f, 0.0, np.asarray(start), args).program
    (line,) = [i for i, step in enumerate(program.steps) if step.primitive is row and step.moves]
    return line, program, nodes(program, [line])[line]


def test_a_product_is_a_convolution_and_two_newest_terms():
    line, program, node = node_of(
        lambda t, y: [y[0] * y[1], y[0]], [1.0, 2.0], elementwise.multiply
    )
    a, b = program.steps[line].operands
    assert node == Node(
        (Interior(1.0, (), Inner(a, b)),), (Newest(1.0, (a,), b), Newest(1.0, (b,), a))
    )


def test_equal_terms_are_added_up():
    line, program, node = node_of(lambda t, y: y * y, [1.0], elementwise.multiply)
    (a,) = {*program.steps[line].operands}
    assert node.newest == (Newest(2.0, (a,), a),)


@pytest.mark.parametrize("factor", [3.0, -0.5])
def test_a_number_that_is_known_is_multiplied_in(factor):
    _, _, node = node_of(lambda t, y: factor * y, [1.0], elementwise.multiply)
    assert node == Node((), (Newest(factor, (), 0),))


def test_a_parameter_is_a_value():
    line, program, node = node_of(lambda t, y, k: k * y, [1.0], elementwise.multiply, (3.0,))
    (parameter,) = {*program.steps[line].operands} - {0}
    assert node == Node((), (Newest(1.0, (parameter,), 0),))


def test_a_choice_is_between_lines():
    program = system(mixed, 0.0, np.array([0.5, 2.0])).program
    (line,) = [
        i for i, step in enumerate(program.steps) if step.primitive and len(step.operands) == 3
    ]
    yes, no, condition = program.steps[line].operands
    assert nodes(program, [line])[line] == Choice(condition, yes, no)


def test_taking_a_function_apart_leaves_no_garbage():
    system(bodies, 0.0, np.arange(1.0, 19.0))
    gc.collect()
    gc.disable()
    try:
        system(bodies, 0.0, np.arange(1.0, 19.0))
        assert gc.collect() < 50  # what libraries leave; the lines are some thousand objects
    finally:
        gc.enable()


def test_whether_the_state_is_a_number_is_not_asked_again():
    """As derivatives do; and variational equations go without switches."""

    def varied(t, y):
        x, s = y
        return [*ta.jvp(lambda x: x * (1 - x), (x,), (s,))]

    assert not system(varied, 0.0, np.array([0.1, 1.0])).held
    run = ta.ode.solve_ivp(varied, (0, 2), [0.1, 1.0])
    grown = np.exp(2.0) / (1 + 0.1 * (np.exp(2.0) - 1)) ** 2  # of the logistic's closed form
    np.testing.assert_allclose(run.y[1, -1], grown, rtol=1e-14)


def test_no_step_ends_where_two_numbers_are_equal_in_passing():
    def with_hole(t, y):
        return [np.where(y[0] == 0, 1.0, np.sin(y[0]) / y[0]) * 0 + y[1], -y[0]]

    def without(t, y):
        return [y[1], -y[0]]

    results = [ta.ode.solve_ivp(f, (0, 20), [1.0, 0.5]) for f in (with_hole, without)]
    assert results[0].nsteps == results[1].nsteps
    np.testing.assert_allclose(results[0].y[:, -1], results[1].y[:, -1], rtol=1e-14)
