"""Lines that are alike side by side: derivatives in several directions as rows."""

import numpy as np
import pytest

from taylorad.forward.algebra import multivariate
from taylorad.ode.steps import translation
from taylorad.ode.steps.alike import side_by_side
from taylorad.ode.steps.interface import Exit
from taylorad.ode.steps.polynomials.polynomials import Polynomials
from taylorad.ode.steps.rowed import Rowed
from taylorad.ode.steps.stepper import Motion, Stepper, Tolerance
from taylorad.ode.steps.turning import Turning
from taylorad.ode.steps.unrolled import Unrolled
from taylorad.ode.tracing.recurrences import Recurrences
from taylorad.ode.tracing.system import system
from taylorad.ode.tracing.variation import Variation


def lorenz(t, y, s=10.0):
    a, b, c = y
    return [s * (b - a), a * (28 - c) - b, a * b - (8 / 3) * c]


def kepler(t, y):
    x, z, u, v = y
    pull = (x * x + z * z) ** -1.5
    return [u, v, -pull * x, -pull * z]


def swung(t, y, k=1.0):
    """With functions, a quotient of what moves, the time, and a rate that is a constant."""
    x, v, _ = y
    return [v, -k * np.sin(x) + np.cos(t) / (1 + x * x), 2.0]


def switched(t, y):
    x, v = y
    return [v, np.where(x > 0, -x * v, -3 * x * x)]


def squared(t, y):
    x, v = y
    return [-v * v * x, x * x - (v - 2 * x) * v]


def steady(t, y):
    x, v = y
    return [2.0, x * x * v]  # the derivatives of the first rate are zero in all lanes


def rotating(t, y):
    n = len(y)
    return [y[(i + 1) % n] * y[i - 1] - y[i] for i in range(n)]


FORMS = ("written", "turning")
"""Of rows; the others are of lines one by one."""

CASES = {
    "Lorenz": (lorenz, [1.0, 2.0, 3.0], (), []),
    "Kepler": (kepler, [0.5, 0.0, 0.0, 3**0.5], (), []),
    "functions": (swung, [0.3, 0.2, 0.0], (), []),
    "a switch": (switched, [0.3, 0.2], (), []),
    "a parameter": (lorenz, [1.0, 2.0, 3.0], (10.0,), [(0, 4)]),
    "a parameter of a function": (swung, [0.3, 0.2, 0.1], (1.1,), [(0, 4)]),
    "squares": (squared, [0.3, 0.2], (), []),
    "a row of zeros": (steady, [0.3, 0.2], (), []),
    "ten directions": (rotating, np.linspace(0.1, 0.9, 10), (), []),
}


def varied(name, functions=(), degree=1):
    f, y0, args, seeds = CASES[name]
    y0 = np.array(y0)
    base = system(f, 0.0, y0, args, functions)
    algebra = multivariate(len(y0) + len(seeds), degree)
    found = Variation(base, algebra, seeds, np.ones(len(seeds)))
    start = np.zeros((algebra.size, len(y0)))
    start[0], start[1 : len(y0) + 1] = y0, np.eye(len(y0))
    return found, start


def rows_of(name, functions=(), degree=1):
    expanded = varied(name, functions, degree)[0].expanded
    observed = [line for lines in expanded.functions for line in lines]
    return side_by_side(Recurrences(expanded, [*expanded.rates, *observed]))


def run(name, form, end=1.0, order=12, functions=(), relative=2.0**-52, degree=1):
    """Give where a run ends, and the parts of its last step."""
    variation, start = varied(name, functions, degree)
    stepper = Stepper(variation, order, 0, form)
    motion = Motion(start.ravel(), np.zeros(start.size), 0.0)
    given = [x for p in variation.parameters for x in np.ravel(p)]
    given += [1.0] * len(variation.held)
    parts = stepper.parts()
    tolerance = Tolerance(relative, np.ones(start.size), 0.125)
    assert stepper.propagate(motion, end, tolerance, given, parts=parts) is Exit.END
    return motion.state, parts


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", CASES)
def test_rows_do_what_lines_do_one_by_one(name, form):
    functions = (lambda t, y, *args: y[0] * y[1] + t,)
    found, wanted = (run(name, form, functions=functions) for form in (form, "looped"))
    for mine, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("name", "degree"),
    [
        *(("Lorenz", 2), ("Lorenz", 3), ("Kepler", 2), ("squares", 2), ("squares", 4)),
        *(
            ("functions", 2),
            ("a switch", 2),
            ("a row of zeros", 2),
            ("a parameter", 2),
            ("a parameter of a function", 2),
        ),
    ],
)
def test_derivatives_of_higher_degree_are_rows_too(name, degree, form):
    algebra = multivariate(len(CASES[name][1]) + len(CASES[name][3]), degree)
    lanes = sum(map(len, rows_of(name, degree=degree).rows.values()))
    assert lanes >= (algebra.size - 1) * len(CASES[name][1]) * 0.75
    found, wanted = (run(name, form, 0.4, degree=degree) for form in (form, "looped"))
    for mine, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-11, atol=1e-12)


def test_a_row_of_second_derivatives_is_as_many_sums_as_one_of_them():
    found = rows_of("Lorenz", degree=2)
    assert found.rows[12] == (12, 15, 18, 21, 24, 27)
    assert len(found.inners) == 6 + 8  # of x z and x y, those by x and y have four each
    rows = rows_of("squares", degree=2).rows
    assert {len(row) for row in rows.values()} == {2, 3}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("order", [2, 3, 4, 5, 8, 9])
def test_orders(order, form):
    found, wanted = (run("Kepler", form, 0.1, order, relative=1e-6) for form in (form, "looped"))
    for mine, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-13)


def test_a_row_has_a_line_for_each_direction():
    found = rows_of("Lorenz")
    assert [row for first, row in found.rows.items() if first < 12] == [
        (3, 6, 9),
        (4, 7, 10),
        (5, 8, 11),
    ]
    assert len(found.inners) == 6  # x z and x y, and two for the derivatives of each


def test_directions_in_which_something_else_varies_stand_apart():
    rows = rows_of("a parameter").rows
    assert {len(row) for row in rows.values()} == {3}
    assert not any(line in (12, 13, 14) for row in rows.values() for line in row)


def test_as_many_directions_as_a_vector_has_lanes_go_together():
    lengths = {len(row) for first, row in rows_of("ten directions").rows.items() if first < 110}
    assert lengths == {8, 2}


def test_what_is_needed_by_itself_is_in_no_row():
    expanded = varied("Lorenz")[0].expanded
    for line in (4, expanded.rates[7]):
        found = side_by_side(Recurrences(expanded, [*expanded.rates, line]))
        assert not any(line in row for row in found.rows.values())
        needed = {i for node in found.nodes.values() for i in node.needs}
        assert needed.isdisjoint(i for row in found.rows.values() for i in row[1:])


def test_rows_are_as_long_as_those_that_they_need():
    found = rows_of("a parameter of a function")
    lanes = {line: row for row in found.rows.values() for line in row}
    for first, row in found.rows.items():
        for line in found.nodes[first].needs if first in found.nodes else ():
            assert line not in lanes or (line in found.rows and len(lanes[line]) == len(row))


def test_systems_without_directions_have_no_rows():
    traced = system(kepler, 0.0, np.ones(4))
    assert not side_by_side(Recurrences(traced, traced.rates)).rows
    assert type(translation._core(traced, 4, "")) is Unrolled
    assert type(translation._core(varied("Kepler")[0], 4, "")) is Rowed


def test_second_derivatives_are_rows_in_a_loop_over_orders_if_they_are_many():
    assert type(translation._core(varied("Lorenz", degree=2)[0], 4, "")) is Rowed
    assert type(translation._core(varied("Kepler", degree=2)[0], 4, "")) is Turning
    assert type(translation._core(varied("Kepler", degree=3)[0], 4, "")) is Polynomials
