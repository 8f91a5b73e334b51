"""Wengert lists: as they print, evaluate, differentiate line by line, and in other languages."""

import html.parser
import os
import re
import runpy
import stat
from fractions import Fraction
from pathlib import Path

import mpmath
import numpy as np
import pytest
import scipy.special as sp

import taylorad as ta
from taylorad.dispatch.containers import flatten
from taylorad.primitives.linear import assemble
from taylorad.primitives.registry import Constant, Elementwise, LocalSeries, rows
from taylorad.wengert.trace import convert

RNG = np.random.default_rng(0)


def survey(x1, x2):
    return np.log(x1) + x1 * x2 - np.sin(x2)


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def softplus(x):
    if x > 0:
        return x + np.log1p(np.exp(-x))
    return np.log1p(np.exp(x))


@pytest.fixture
def textbook():
    return ta.wengert(survey, 2.0, 5.0)


def same_bits(a, b):
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape
    assert a.dtype == b.dtype
    np.testing.assert_array_equal(a, b)
    if a.dtype.kind == "f":
        np.testing.assert_array_equal(np.signbit(a), np.signbit(b))


# --- print -----------------------------------------------------------------------------------


def test_textbook_example(textbook):
    assert str(textbook).splitlines() == [
        "v-1 = x1",
        "v0  = x2",
        "v1  = ln v-1",
        "v2  = v-1 * v0",
        "v3  = v1 + v2",
        "v4  = sin v0",
        "v5  = v3 - v4",
        "y   = v5",
    ]
    assert repr(textbook) == str(textbook)
    assert len(textbook) == 5


def test_gradient_of_the_textbook_example():
    program = ta.wengert(ta.grad(survey, (0, 1)), 2.0, 5.0)
    assert [line for line in str(program).splitlines() if "require" not in line] == [
        "v-1  = x1",
        "v0   = x2",
        "v1   = cos v0",
        "v2   = v-1 - v1",
        "v3   = 1 / v-1",
        "v4   = v0 + v3",
        "y[0] = v4",
        "y[1] = v2",
    ]
    assert "require not any isnan v0" in str(program)
    assert program.evaluate(2.0, 5.0) == pytest.approx((5.5, 1.716337814536774))


def test_numpy_notation_and_shapes():
    def f(x):
        a = np.reshape(x, (2, 3))
        return np.sum(a.T @ a, axis=0) + np.pad(x[1:-1], 1)[[0, 2, 3]], np.where(x > 0, x, -x)

    assert str(ta.wengert(f, np.arange(6.0))).splitlines() == [
        "v0   = x                          (6,)",
        "v1   = reshape(v0, (2, 3))        (2, 3)",
        "v2   = v1ᵀ                        (3, 2)",
        "v3   = v2 @ v1                    (3, 3)",
        "v4   = sum(v3, axis=0)            (3,)",
        "v5   = v0[1:-1]                   (4,)",
        "v6   = zeros(6) with v5 at [1:5]  (6,)",
        "v7   = v6[[0, 2, 3]]              (3,)",
        "v8   = v4 + v7                    (3,)",
        "v9   = v0 > 0                     (6,)",
        "v10  = -v0                        (6,)",
        "v11  = where(v9, v0, v10)         (6,)",
        "y[0] = v8",
        "y[1] = v11",
    ]


def test_guards_are_printed_where_choices_are_made():
    assert str(ta.wengert(softplus, 2.0)).splitlines()[:2] == ["v0 = x", "require v0 > 0"]
    assert str(ta.wengert(softplus, -2.0)).splitlines()[1] == "require not (v0 > 0)"

    def both(x):
        return x if np.any(np.abs(x) > 1) and x[0] < 3 else -x

    assert "require any (v2 > 1)" in str(ta.wengert(both, np.array([2.0, 0.1])))


def test_source_lines_of_the_users_code(textbook):
    code = survey.__code__.co_firstlineno + 1
    lines = textbook.text(source=True).splitlines()
    shown = f"# test_wengert.py:{code}  return np.log(x1) + x1 * x2 - np.sin(x2)"
    assert lines[0] == "v-1 = x1"
    assert all(line.endswith(shown) for line in lines[2:7])


def test_constants_stand_where_they_are_used():
    weights = np.linspace(0.0, 1.0, 50)
    text = str(ta.wengert(lambda x: (weights * x / 3 + 0.1) @ np.eye(50)[1], np.ones(50)))
    assert "v1 = array(50) * v0" in text
    assert "/ 3" in text
    assert "+ 0.1" in text
    assert "0.333333…" in str(ta.wengert(lambda x: x * (1 / 3), 1.0))


def test_long_lists_are_abridged_by_repr_only():
    def f(x):
        for _ in range(100):
            x = np.sin(x)
        return x

    program = ta.wengert(f, 1.0)
    assert len(program) == 100
    assert len(str(program).splitlines()) == 102
    assert len(repr(program).splitlines()) == 61
    assert "more lines" in repr(program)


def test_names_of_containers():
    def f(p, pair, n, *, scale):
        return {"a": p["w"][0] * pair[1] ** n, "b": (pair[0] * scale, 1.0, None)}

    program = ta.wengert(f, {"w": [np.ones(2), 3.0]}, (1.0, 2.0), 3, scale=0.5)
    lines = str(program).splitlines()
    assert [line.split(" = ")[1].split()[0] for line in lines[:5]] == [
        "p['w'][0]",
        "p['w'][1]",
        "pair[0]",
        "pair[1]",
        "scale",
    ]
    assert [line.split(" = ")[0].strip() for line in lines if line.startswith("y")] == [
        "y['a']",
        "y['b'][0]",
        "y['b'][1]",
    ]
    args = ({"w": [np.array([1.0, 2.0]), 4.0]}, (5.0, 6.0), 3)
    for evaluated in (
        program(*args, scale=0.25),
        program.python().function()(*args, scale=0.25),
    ):
        np.testing.assert_array_equal(evaluated["a"], [216.0, 432.0])
        assert evaluated["b"] == (1.25, 1.0, None)


def test_drivers_take_the_name_x():
    assert str(ta.wengert(ta.derivative(np.sin, 2), 1.0)).startswith("v0")
    assert str(ta.wengert(ta.grad(rosenbrock), np.ones(3))).startswith("v0  = x ")
    assert " = x1\n" in str(ta.wengert(ta.grad(survey), 1.0, 2.0))


# --- evaluation ------------------------------------------------------------------------------


def test_evaluation_in_all_kinds_of_numbers():
    program = ta.wengert(survey, 2.0, 5.0)
    assert program(1.5, 0.5) == survey(1.5, 0.5)
    assert program(1.5 + 1j, 0.5) == survey(np.complex128(1.5 + 1j), 0.5)
    with mpmath.workdps(40):
        got = program(mpmath.mpf(1.5), mpmath.mpf(0.5))
        assert abs(got - (mpmath.log(1.5) + mpmath.mpf(0.75) - mpmath.sin(0.5))) < 1e-38
    t = ta.Taylor.variable(1.5, 4)
    np.testing.assert_allclose(
        program(t, 0.5).coefficients, survey(t, 0.5).coefficients, rtol=1e-14
    )
    assert program(ta.Dual(2.0, 1.0), 5.0).tangent == pytest.approx(5.5)
    x, y = ta.MultivariateTaylor.variables(np.array([2.0, 5.0]), 2)
    np.testing.assert_allclose(program(x, y).gradient(), [5.5, 5 * 0 + 2 - np.cos(5.0)])
    polynomial = ta.wengert(lambda x: (x - 1) ** 3 / 2 + x, 0.5)
    assert polynomial(Fraction(1, 3)) == Fraction(-4, 27) + Fraction(1, 3)


def test_results_are_what_the_function_returns():
    program = ta.wengert(lambda x: ta.taylor(np.sin, x, 3), 0.5)
    series = program(0.25)
    assert isinstance(series, ta.Taylor)
    np.testing.assert_array_equal(series.coefficients, ta.taylor(np.sin, 0.25, 3).coefficients)
    constant = ta.wengert(lambda x: 3.0, 1.0)
    assert str(constant).splitlines()[-1] == "y  = 3"
    assert constant(7.0) == 3.0
    assert ta.wengert(lambda x: x, np.ones(2))(np.zeros(2)).tolist() == [0.0, 0.0]


def test_derivatives_of_drivers():
    x = np.array([0.3, -0.2, 0.7])
    for driver in (ta.grad, ta.hessian, ta.jacobian, ta.value_and_grad):
        program = ta.wengert(driver(rosenbrock), x)
        expected, _ = flatten(driver(rosenbrock)(x + 0.1))
        for evaluate in (program, program.python().function()):
            got, _ = flatten(evaluate(x + 0.1))
            for a, b in zip(got, expected, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-13)


def test_a_list_may_be_differentiated():
    program = ta.wengert(rosenbrock, np.zeros(3))
    x = np.array([0.3, -0.2, 0.7])
    np.testing.assert_allclose(ta.grad(program)(x), ta.grad(rosenbrock)(x), rtol=1e-14)


def test_what_a_list_does_not_hold_for():
    program = ta.wengert(softplus, 2.0)
    assert program(3.0) == softplus(3.0)
    with pytest.raises(ta.errors.InputError, match=r"'require v0 > 0' \(test_wengert.py, line"):
        program(-1.0)
    with pytest.raises(ValueError, match="holds only where x > 0"):
        program.python().function()(-1.0)
    with pytest.raises(ta.errors.InputError, match=r"of shape \(\), not \(2,\)"):
        program(np.ones(2))
    fixed = ta.wengert(lambda x, n: x**n, 2.0, 3)
    assert fixed(3.0, 3) == 27.0
    with pytest.raises(ta.errors.InputError, match="n = 3, not 2"):
        fixed(2.0, 2)
    with pytest.raises(ValueError, match="n = 3"):
        fixed.python().function()(2.0, 2)
    with pytest.raises(ta.errors.InputError, match="another form"):
        fixed(2.0)


def test_arguments_that_cannot_be_listed():
    with pytest.raises(ta.errors.InputError, match=r"write 2\.0 for 2"):
        ta.wengert(survey, 2, 5)
    with pytest.raises(ta.errors.InputError, match="NaN"):
        ta.wengert(np.sin, np.nan)
    with pytest.raises(ta.errors.InputTypeError, match="function"):
        ta.wengert(3.0, 1.0)
    with pytest.raises(ta.errors.OutputError, match="return statement"):
        ta.wengert(lambda x: None, 1.0)
    with pytest.raises(ta.errors.ConversionError):
        ta.wengert(lambda x: float(x), 1.0)


# --- numbers beside the lines ----------------------------------------------------------------


def test_table_of_the_survey(textbook):
    # Baydin et al. 2018, tables 2 (tangents for the direction x1) and 3 (adjoints).
    assert str(textbook.table()).splitlines() == [
        "line            value      tangent  adjoint",
        "v-1 = x1        2          1        5.5",
        "v0  = x2        5          0        1.71634",
        "v1  = ln v-1    0.693147   0.5      1",
        "v2  = v-1 * v0  10         5        1",
        "v3  = v1 + v2   10.6931    5.5      1",
        "v4  = sin v0    -0.958924  0        -1",
        "v5  = v3 - v4   11.6521    5.5      1",
    ]
    assert textbook.values[5] == pytest.approx(11.652, abs=5e-4)
    assert textbook.adjoints()[-1] == pytest.approx(5.5)
    assert textbook.adjoints()[0] == pytest.approx(1.716, abs=5e-4)
    assert textbook.tangents(0.0, 1.0)[5] == pytest.approx(1.716, abs=5e-4)
    assert textbook.adjoints(2.0)[4] == -2.0


def test_adjoints_and_tangents_agree():
    x = RNG.uniform(0.5, 1.0, 4)
    v = RNG.standard_normal(4)
    program = ta.wengert(rosenbrock, x)
    forward, backward = program.tangents(v), program.adjoints()
    assert backward[0] @ v == pytest.approx(forward[max(forward)])
    np.testing.assert_allclose(backward[0], ta.grad(rosenbrock)(x))


def test_tables_show_arrays_and_whole_numbers():
    program = ta.wengert(lambda x, i: np.sum(x[i] * (x > 0.5)[i]), np.arange(9.0), np.arange(3))
    text = str(program.table())
    assert "[0, 1, …" in text or "[0, 1, ...," in text
    assert program.tangents()[0].tolist() == [0.0] * 3


def test_directions_that_do_not_fit(textbook):
    with pytest.raises(ta.errors.InputError, match="3 directions"):
        textbook.tangents(1.0, 2.0, 3.0)
    with pytest.raises(ta.errors.InputError, match="does not fit"):
        textbook.tangents(np.ones(2), 1.0)
    with pytest.raises(ta.errors.InputError, match="2 weights"):
        textbook.adjoints(1.0, 1.0)


def test_partials_of_any_line_by_any_other(textbook):
    assert textbook.partial(5, by=-1) == pytest.approx(5.5)
    assert textbook.partial(of=5, by=4) == -1.0
    assert textbook.partial(2, by=-1) == 5.0
    assert textbook.partial(4, by=0) == pytest.approx(np.cos(5.0))
    assert textbook.partial(4, by=1) == 0.0
    assert textbook.partial(3, by=3) == 1.0
    assert textbook.partial(1, by=5) == 0.0
    with pytest.raises(ta.errors.InputError, match="no line v9: it has v-1 to v5"):
        textbook.partial(9, by=0)


def test_partials_of_arrays():
    x = RNG.uniform(0.5, 1.0, 3)
    a = RNG.standard_normal((2, 3))
    program = ta.wengert(lambda x: a @ np.exp(x) ** 2, x)
    last = max(program.values)
    np.testing.assert_allclose(program.partial(last, by=0), 2 * a * np.exp(2 * x))
    np.testing.assert_allclose(program.partial(2, by=1), np.diag(2 * np.exp(x)))
    assert program.partial(last, by=1).shape == (2, 3)


def test_influence():
    # The difference of two large numbers: their errors matter, that of the rest does not.
    program = ta.wengert(lambda x: (1e8 + x) - 1e8 * (1 + x) + 1e8 * x, 1.0)
    ranked = program.influence()
    sizes = [item.influence for item in ranked]
    assert sizes == sorted(sizes, reverse=True)
    assert {item.line.split(" = ")[1] for item in ranked[:2]} == {"1 + v0", "1e+08 * v2"}
    assert ranked[0].influence == pytest.approx(2e8)
    assert ranked[0].error == ranked[0].influence * 2.0**-53
    by_number = {item.number: item.influence for item in ranked}
    assert by_number[0] == by_number[max(by_number)] == pytest.approx(1.0)


# --- in other languages ----------------------------------------------------------------------


class Balanced(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("view", [lambda w: w._repr_html_(), lambda w: w.table()._repr_html_()])
def test_html(view):
    program = ta.wengert(lambda x: np.where(x < 1, x, 2 * x) if x[0] < 3 else x, np.ones(2))
    text = view(program)
    parser = Balanced()
    parser.feed(text)
    assert not parser.open
    assert "<i>v</i><sub>0</sub> &lt; 1" in text
    assert ta.wengert(survey, 1.0, 2.0)._repr_html_().count("<tr>") == 8


def test_latex(textbook):
    text = textbook._repr_latex_()
    assert text.startswith("$$\\begin{aligned}\nv_{-1} &= \\texttt{x1} \\\\\n")
    assert r"v_{1} &= \ln v_{-1}" in text
    quotient = ta.wengert(lambda x: np.sqrt(x**2) / np.exp(x) + x[0] ** 1.5, np.ones(2))
    text = quotient._repr_latex_()
    for piece in (r"\frac{", r"\sqrt{", "v_{0}^{2}", "e^{v_{0}}", "^{1.5}", r"\texttt{[0]}"):
        assert piece in text
    assert text.count("{") == text.count("}")


def test_dot(textbook):
    lines = textbook.dot().splitlines()
    assert (lines[0], lines[-1]) == ("digraph wengert {", "}")
    node = re.compile(r'    (\w+) \[label="[^"]*"(, \w+=\w+)+\];')
    edge = re.compile(r"    (\w+) -> (\w+);")
    nodes = {m[1] for m in map(node.fullmatch, lines) if m}
    edges = {(m[1], m[2]) for m in map(edge.fullmatch, lines) if m}
    assert len(nodes) + len(edges) == len(lines) - 4
    assert {name for pair in edges for name in pair} == nodes
    assert {("v_1", "v1"), ("v_1", "v2"), ("v0", "v2"), ("v5", "out0")} <= edges


def test_dot_shows_guards():
    assert '[label="require v0 > 0", shape=box, style=dashed];' in ta.wengert(softplus, 1.0).dot()


def test_picture_needs_graphviz(textbook, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="program dot of Graphviz"):
        textbook.picture()
    if os.name == "posix":
        stand_in = tmp_path / "dot"
        stand_in.write_text("#!/bin/sh\necho '<svg/>'\n")
        stand_in.chmod(stat.S_IRWXU)
        picture = textbook.picture()
        picture.save(tmp_path / "list.svg")
        assert picture._repr_svg_() == (tmp_path / "list.svg").read_text() == "<svg/>\n"


# --- Python source ---------------------------------------------------------------------------


def test_python_source(textbook):
    source = textbook.python("survey")
    assert source.endswith(
        """def survey(x1, x2):
    x1 = np.float64(x1)
    x2 = np.float64(x2)
    v1 = np.log(x1)
    v2 = x1 * x2
    v3 = v1 + v2
    v4 = np.sin(x2)
    v5 = v3 - v4
    return v5
"""
    )
    assert source.constants == {}
    scope = {}
    exec(source, scope)
    same_bits(scope["survey"](2, 5), survey(np.float64(2), np.float64(5)))


def test_large_constants_are_arguments():
    matrix = RNG.standard_normal((30, 20))
    program = ta.wengert(lambda x: np.sum(np.tanh(matrix @ x)), np.ones(20))
    source = program.python()
    assert "def f(x, *, constants):" in source
    (there,) = source.constants.values()
    np.testing.assert_array_equal(there, matrix)
    x = RNG.standard_normal(20)
    same_bits(source.function()(x), program(x))
    scope = {}
    exec(source, scope)
    same_bits(scope["f"](x, constants=source.constants), program(x))


def test_functions_that_the_table_does_not_know():
    def f(x):
        return np.i0(x) + sp.jv(0, x) + np.linalg.eigvalsh(np.outer(x, x))

    x = np.array([0.5, 1.5])
    program = ta.wengert(f, x)
    assert "i0 v0" in str(program)
    same_bits(program.python().function()(x), f(x))


def test_names_that_would_clash():
    def f(v1, v2):
        return np.sin(v1) * np.cos(v1) + v2["np"] * v2["class"]

    program = ta.wengert(f, 0.5, {"np": 2.0, "class": 3.0})
    args = (0.25, {"np": 3.0, "class": 4.0})
    same_bits(program.python().function()(*args), program(*args))


def test_functions_of_the_users_own():
    cube = ta.primitive(lambda x: x * x * x, partials=lambda y, x: 3 * x * x, name="cube")
    program = ta.wengert(ta.value_and_grad(lambda x: cube(np.sin(x))), 0.5)
    assert "cube v1" in str(program)
    for a, b in zip(program.python().function()(0.5), program(0.5), strict=True):
        same_bits(a, b)


def overwritten(x):
    y = np.sin(x)
    y[1:] = x[:-1] ** 2
    y[0] = 3.0
    return y


I, V, M = (
    np.array([3, 1, 2]),
    np.array([0.5, -0.25, 0.75]),
    np.array([[0.5, 0.25, -0.5], [1.5, 2.0, 0.125], [0.0, 0.5, 3.0]]),
)
CALLS = {
    "index": [(lambda x: x[1:], V), (lambda x: x[..., None, ::-1, 0], M), (lambda x: x[1], V)],
    "scatter": [(ta.grad(lambda x: np.sum(x[1:] ** 2)), V)],
    "gather": [(lambda x: x[[2, 0, 0]], V), (lambda x: x[I - 1, 1], M), (np.sort, V)],
    "scatter_add": [(ta.grad(lambda x: np.sum(x[[2, 0, 0]] ** 2)), V)],
    "assign": [(overwritten, V)],
    "assemble": [(lambda x: assemble(*x, sources=I - 1, places=I, shape=(2, 3)), V * 2)],
    "reshape": [(lambda x: np.reshape(x, (1, 9)), M)],
    "transpose": [(np.transpose, M), (lambda x: np.transpose(x[None], (1, 2, 0)), M)],
    "broadcast_to": [(lambda x: np.broadcast_to(x, (2, 3)), V)],
    "concatenate": [(lambda x: np.concatenate([x, x[:1]]), M), (lambda x: np.append(x, 2.0), V)],
    "sum": [(np.sum, V), (lambda x: np.sum(x, axis=(0, 2)), np.ones((2, 3, 4)) / 3)],
    "segment_sum": [(lambda x: np.add.reduceat(x, [0, 2]), V)],
    "cumsum": [(lambda x: np.cumsum(x, axis=1), M)],
    "where": [(lambda x: np.where(x > 0.3, x, 2.0), V), (np.triu, M), (np.maximum, V, V[::-1])],
    "matmul": [(np.matmul, M, V), (np.matmul, M, M)],
    "einsum": [(lambda a, b: np.einsum("ij,jk->ik", a, b), M, M)],
    "convolve": [(np.convolve, V, V), (ta.hessian(lambda x: np.sum(np.convolve(x, x) ** 2)), V)],
    "solve": [(np.linalg.solve, M, V)],
    "turns": [(np.unwrap, np.array([0.0, 3.0, 6.5, -3.0]))],
    "argsort": [(lambda x: np.argsort(x) * 1.0, V)],
    "argmax": [(lambda x: np.argmax(x, axis=0) + x[0], M)],
    "argmin": [(lambda x: np.argmin(x) + x, V)],
    "convert": [(lambda x: (x > 0).astype(int) * x, V)],
    "leads": [(np.maximum, V, V[::-1])],
    "leading sign": [(np.abs, V)],
    "any": [(lambda x: np.any(x > 0, axis=0) * x, M)],
    "all": [(lambda x: np.all(x > 0, axis=0) * x, M)],
    "count_nonzero": [(lambda x: np.count_nonzero(x > 0, axis=0) * x, M)],
    "isclose": [(lambda x: np.isclose(x, 0.5) * x, V)],
    "allclose": [(lambda x: np.allclose(x, 0.5) * x, V)],
    "array_equal": [(lambda x: np.array_equal(x, V) * x, V)],
    "searchsorted": [(lambda x: np.searchsorted(x, 0.6) * x, np.sort(V))],
    "round": [(lambda x: np.round(x, 1) + x, V)],
    "around": [(lambda x: np.around(x) + x, V)],
    "isreal": [(lambda x: np.isreal(x) * x, V)],
    "iscomplex": [(lambda x: np.iscomplex(x) * x, V)],
    "bitwise_and": [(lambda i, j: i & j, I, I[::-1].copy())],
    "bitwise_or": [(lambda x: ((x > 0.6) | (x < 0)) * x, V)],
    "bitwise_xor": [(lambda x: ((x > 0.6) ^ (x < 0)) * x, V)],
    "invert": [(lambda x: ~(x > 0.6) * x, V)],
    "logical_not": [(lambda x: np.logical_not(x > 0.6) * x, V)],
}
NEVER_LINES = {"nonzero", "argwhere", "flatnonzero"}  # their shapes depend on numbers


def calls_of(row):
    if row.name in CALLS:
        return CALLS[row.name]
    points = [RNG.uniform(*interval, 3) for interval in row.domain]
    found = [(row, *points), (row, *(x[0] for x in points))]
    if isinstance(row, LocalSeries):
        found += [(lambda x, n=n: row(x, n=n), points[0]) for n in (1, 2)]
    elif isinstance(row, Elementwise) and len(points) == 1:
        found.append((ta.derivative(row), points[0]))
    return found


LISTED = [row for row in [*rows(), convert] if row.name not in NEVER_LINES]
ENTRYWISE = [row for row in rows() if isinstance(row, (Elementwise, LocalSeries))]


@pytest.mark.parametrize("row", LISTED, ids=lambda row: row.name)
def test_every_row_in_python(row):
    listed = set()
    for f, *args in calls_of(row):
        program = ta.wengert(f, *args)
        source = program.python()
        for name in re.findall(r"^(?:import|from) (\w+)", source, re.M):
            assert name in {"numpy", "math", "scipy", "__future__"}
        same_bits(source.function()(*args), program(*args))
        if not isinstance(row, Constant):
            np.testing.assert_allclose(program(*args), f(*args), rtol=1e-13)
        listed |= {line.row.name for line in program.program.lines if line.row}
        for text in (str(program), program._repr_latex_(), program.dot()):
            assert text
    assert row.name in listed


def random_program(seed):
    rng = np.random.default_rng(seed)
    unary = [np.sin, np.cos, np.exp, np.tanh, np.arctan, lambda a: a**2, lambda a: a[::-1] * 1.5]
    unary += [np.cumsum, lambda a: np.maximum(a, 0.1), lambda a: np.roll(a, 1), np.abs]
    binary = [np.add, np.subtract, np.multiply, np.hypot, lambda a, b: a / (1 + b * b), np.minimum]
    steps = [
        (rng.integers(2), rng.integers(len(unary)), rng.integers(len(binary)), rng.random(2))
        for _ in range(12)
    ]

    def f(x):
        values = [x, np.sum(x) * x]
        for is_binary, u, b, (i, j) in steps:
            first, second = (values[int(k * len(values))] for k in (i, j))
            values.append(binary[b](first, second) if is_binary else unary[u](np.sin(first)))
        return values[-1] + values[-2]

    return f, rng.uniform(-1.0, 1.0, 5)


@pytest.mark.parametrize("seed", range(20))
def test_random_programs(seed):
    f, x = random_program(seed)
    program = ta.wengert(f, x)
    same_bits(program(x), f(x))
    same_bits(program.python().function()(x), f(x))
    gradient = ta.wengert(ta.grad(lambda x: np.sum(f(x))), x)
    same_bits(gradient.python().function()(x), gradient(x))
    np.testing.assert_allclose(gradient(x), ta.grad(lambda x: np.sum(f(x)))(x), rtol=1e-13)


# SymPy 1.14 asks mpmath 1.4 for functions that are on their way out.
OLD_MPMATH = pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")

# --- SymPy -----------------------------------------------------------------------------------


def logistic_map(x):
    for _ in range(6):
        x = 4 * x * (1 - x)
    return x


def test_operations_of_list_and_expression():
    program = ta.wengert(logistic_map, 0.3)
    # Each step doubles the expression: t(n+1) = 2 t(n) + 3.
    assert program.operations() == (18, 3 * (2**6 - 1))
    vector = ta.wengert(lambda x: np.sum(np.sin(x) ** 2), np.ones(3))
    assert vector.operations() == (8, 8)
    solved = ta.wengert(lambda a: np.linalg.solve(a, np.ones(2))[0], np.eye(2))
    assert solved.operations().list >= 1


@OLD_MPMATH
def test_sympy():
    sympy = pytest.importorskip("sympy")
    x1, x2 = sympy.symbols("x1 x2")
    expression = ta.wengert(survey, 2.0, 5.0).sympy()
    assert expression == sympy.log(x1) + x1 * x2 - sympy.sin(x2)
    gradient = ta.wengert(ta.grad(survey, (0, 1)), 2.0, 5.0).sympy()
    assert [sympy.simplify(g - expression.diff(x)) for g, x in zip(gradient, (x1, x2))] == [0, 0]

    def f(x):
        y = np.where(x > 0, np.exp(x), 1 + x) * np.arctan(x) @ np.ones(2)
        return y + np.linalg.norm(x) + sp.expit(x[0]) + np.abs(x[1]) + np.maximum(x[0], x[1])

    at = np.array([0.3, -0.7])
    found = ta.wengert(f, at).sympy()
    symbols = sympy.symbols("x_0 x_1")
    assert float(found.subs(dict(zip(symbols, at)))) == pytest.approx(f(at), rel=1e-14)
    matrix = ta.wengert(ta.hessian(rosenbrock), at).sympy()
    assert matrix.shape == (2, 2)
    numbers = np.array(matrix.subs(dict(zip(symbols, at))).tolist(), float)
    np.testing.assert_allclose(numbers, ta.hessian(rosenbrock)(at))
    with pytest.raises(ta.errors.NoRuleError, match="argsort"):
        ta.wengert(np.sort, at).sympy()


@OLD_MPMATH
@pytest.mark.parametrize("row", ENTRYWISE, ids=lambda row: row.name)
def test_every_elementwise_row_in_sympy(row):
    sympy = pytest.importorskip("sympy")
    args = [RNG.uniform(*interval) for interval in row.domain]
    program = ta.wengert(row, *args)
    symbols = sympy.symbols(["x"] if len(args) == 1 else ["x1", "x2"])
    value = program.sympy().subs(dict(zip(symbols, args))).evalf()
    assert float(value) == pytest.approx(float(row(*args)), rel=1e-12)


def test_sympy_is_optional(textbook, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sympy", None)
    with pytest.raises(ModuleNotFoundError, match="pip install sympy"):
        textbook.sympy()


def test_example(capsys):
    path = Path(__file__).parents[1] / "examples" / "wengert_list.py"
    result = runpy.run_path(str(path))["main"]()
    assert result.value == pytest.approx(11.652, abs=5e-4)
    assert result.error < 1e-15
    assert result.list_operations == 60
    assert result.expression_operations == 3 * (2**20 - 1)
    assert "v5  = v3 - v4   11.6521    5.5      1" in capsys.readouterr().out


def test_whole_series_are_one_line():
    program = ta.wengert(lambda x: ta.taylor(np.sin, x, 40).coefficients[3], 0.5)
    assert "sin of a series" in str(program)
    assert program.evaluate(0.7) == pytest.approx(-np.cos(0.7) / 6)
    pytest.importorskip("sympy")
    with pytest.raises(ta.errors.NoRuleError, match="of a series"):
        program.sympy()
