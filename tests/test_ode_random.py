"""Right-hand sides drawn at random, integrated in every way there is.

Each is a text of plain NumPy: functions of each other's results, powers, terms that are shared,
rates that are components, the time, parameters, constants, or each other. Compared are

- the parts of a step by every form of machine code and by Taylor numbers through the function;
- the solution in doubles and in 30 digits; the rates of the latter and what mpmath makes of the
  text, which has no part in this library;
- trajectories of an ensemble and each of them alone;
- derivatives by state and parameters and differences of solutions in 30 digits; gradients forward
  and by the adjoint equation; and the forms of machine code for polynomials.

Tolerance: as much more than roundings as deviations of the beginning grow.
"""

import random
from types import SimpleNamespace

import mpmath
import numpy as np
import pytest

import taylorad as ta
from taylorad.ode.choice import watching
from taylorad.ode.digits.direct import Direct
from taylorad.ode.digits.stepping import Later
from taylorad.ode.steps.stepper import Motion, Stepper, Tolerance
from taylorad.ode.tracing.system import system
from taylorad.ode.tracing.variation import Variation

BOUNDED = ["sin", "cos", "tanh", "arctan"]
EVERYWHERE = [*BOUNDED, "arcsinh"]
OF_BOUNDED = ["exp", "sinh", "cosh", "expm1", "exp2"]
OF_POSITIVE = ["log", "sqrt", "log1p", "log2", "cbrt"]
POSITIVE = ["(1.5 + 0.9*np.sin({}))", "(0.7 + ({})**2)", "np.exp(0.5*np.cos({}))", "np.cosh({})"]
EXPONENTS = ["2", "3", "5", "0.5", "-0.5", "-1.5", "-1", "0", "1/3", "2.5", "np.sin({})"]

MPMATH = {
    **{name: getattr(mpmath, name) for name in ("sin", "cos", "tan", "tanh", "sinh", "cosh")},
    **{name: getattr(mpmath, name) for name in ("exp", "expm1", "log", "log1p", "sqrt", "cbrt")},
    "arctan": mpmath.atan,
    "arcsinh": mpmath.asinh,
    "arcsin": mpmath.asin,
    "exp2": lambda x: mpmath.mpf(2) ** x,
    "log2": lambda x: mpmath.log(x) / mpmath.log(2),
    "hypot": mpmath.hypot,
    "arctan2": mpmath.atan2,
    "logaddexp": lambda x, y: mpmath.log(mpmath.exp(x) + mpmath.exp(y)),
}


def exactly(name):
    """mpmath's function of its numbers; what is computed of floats alone stays NumPy's."""

    def function(*x):
        return (MPMATH if any(isinstance(a, mpmath.mpf) for a in x) else vars(np))[name](*x)

    return function


class Problem:
    """A problem that follows from a number."""

    def __init__(self, seed, most=3):
        self.draw = draw = random.Random(seed)
        self.n, self.shared = draw.randint(1, most), 0
        self.p = round(draw.uniform(-1, 1), 3)
        self.y0 = [
            draw.choice([0.0, 1.0, round(draw.uniform(-1.5, 1.5), 3)]) for _ in range(self.n)
        ]
        self.t0 = draw.choice([0.0, -1.5, 0.25])
        self.tf = self.t0 + draw.choice([1.0, 2.0, -1.0])
        lines = []
        for k in range(draw.choice([0, 1, 2])):
            lines.append(f"    s{k} = {self.term(2)}")
            self.shared += 1
        rates = [self.rate(i) for i in range(self.n)]
        if self.n > 2 and draw.random() < 0.3:
            rates[2] = rates[0]
        self.text = "\n".join(["def f(t, y, p):", *lines, f"    return [{', '.join(rates)}]"])
        self.f = self.of(np)

    def of(self, numpy):
        """The function of the text, with other numbers' functions."""
        names = {"np": numpy}
        exec(self.text, names)
        return names["f"]

    def rate(self, i):
        own = [f"y[{self.draw.randrange(self.n)}]", "t", "p", "1.0", "0.0"]
        if self.draw.random() < 0.4:
            return self.draw.choice(own)
        factor = self.draw.choice(["", "0.2*", "-"])
        damped = self.draw.choice(["", f" - 0.5*y[{i}]"])
        return f"{factor}{self.term(self.draw.choice([1, 2, 2]))}{damped}"

    def atom(self):
        shared = [f"s{self.draw.randrange(self.shared)}"] if self.shared else []
        components = [f"y[{self.draw.randrange(self.n)}]"] * 4
        return self.draw.choice([*components, *shared, "t", "p", "0.3", "1.0"])

    def term(self, depth):
        """An expression; of what grows there are bounded functions only."""
        if not depth:
            return self.atom()
        x, z = self.term(depth - 1), self.term(depth - 1)
        bounded = f"np.{self.draw.choice(BOUNDED)}({z})"
        positive = self.draw.choice(POSITIVE).format(bounded)
        power = self.draw.choice(EXPONENTS).format(x)
        return self.draw.choice(
            [
                f"({x} + {z})",
                f"({x} - {z})",
                f"{x}*{bounded}",
                f"({x})/{positive}",
                f"{positive}**({power})",
                f"np.{self.draw.choice(EVERYWHERE)}({x})",
                f"np.{self.draw.choice(OF_BOUNDED)}({bounded})",
                f"np.{self.draw.choice(OF_POSITIVE)}({positive})",
                f"np.arcsin(0.8*{bounded})",
                f"np.hypot({x}, {positive})",
                f"np.arctan2({x}, {positive})",
                f"np.logaddexp({bounded}, {x})",
            ]
        )

    def solved(self, y0=None, p=None, **options):
        y0, p = self.y0 if y0 is None else y0, self.p if p is None else p
        found = ta.ode.solve_ivp(self.f, (self.t0, self.tf), y0, args=(p,), **options)
        assert found.success, found.message
        return found

    def growth(self, end):
        """How much deviations of the beginning grow, given the end in 30 digits."""
        y0 = [mpmath.mpf(x) + mpmath.mpf(10) ** -15 for x in self.y0]
        return max(1.0, 1e15 * distance(self.solved(y0, digits=30).y[:, -1], end))


def distance(a, b):
    with mpmath.workdps(40):
        return float(max(abs(x - z) for x, z in zip(np.ravel(a), np.ravel(b), strict=True)))


@pytest.mark.parametrize("seed", range(12))
def test_every_form_gives_the_same_parts(seed):
    problem = Problem(seed)
    n, order = problem.n, problem.draw.choice([3, 8, 20])
    traced = system(problem.f, problem.t0, np.array(problem.y0), (problem.p,))
    tolerance = Tolerance(2.0**-52, np.ones(n))
    found = []
    for form in ("written", "spread", "looped", "directly"):
        motion = Motion(np.array(problem.y0), np.zeros(n), problem.t0)
        if form == "directly":
            stepper, parts = Direct(problem.f, (n,), order), Later()
        else:
            stepper = Stepper(traced, order, 0, form)
            parts = stepper.parts()
        options = {"given": [problem.p], "steps": 1, "parts": parts}
        stepper.propagate(motion, problem.tf, tolerance, **options)
        found.append((np.asarray(parts[0] if form == "directly" else parts), abs(motion.step)))
    first, _ = found[0]
    powers = min(h for _, h in found) ** np.arange(order + 1)
    scale = max(1.0, np.max(np.abs(first * powers)))
    for parts, _ in found[1:]:
        np.testing.assert_allclose(parts * powers, first * powers, rtol=0, atol=1e-13 * scale)


@pytest.mark.parametrize("seed", range(100, 108))
def test_solutions_are_those_in_more_digits_and_these_have_the_rates_that_mpmath_finds(seed):
    problem = Problem(seed)
    found, fine = problem.solved(), problem.solved(digits=30, dense_output=True)
    end = fine.y[:, -1]
    size = max(1.0, np.max(np.abs(found.y)))
    assert distance(found.y[:, -1], end) < 1e-14 * size * problem.growth(end)
    rates = problem.of(SimpleNamespace(**{name: exactly(name) for name in MPMATH}))
    with mpmath.workdps(40):
        h = mpmath.mpf(10) ** -6
        for share in (0.12, 0.58, 0.93):
            t = problem.t0 + mpmath.mpf(share) * (problem.tf - problem.t0)
            a, b, c, d = (fine.sol(t + k * h) for k in (-2, -1, 1, 2))
            slope = (8 * (c - b) - (d - a)) / (12 * h)
            assert distance(slope, rates(t, fine.sol(t), mpmath.mpf(problem.p))) < 1e-20 * size


@pytest.mark.parametrize("seed", range(270, 282))
def test_each_of_an_ensemble_is_as_if_alone(seed):
    problem = Problem(seed)
    rng = np.random.default_rng(seed)
    starts = problem.y0 + rng.uniform(-0.1, 0.1, (3, problem.n))
    span = problem.t0, problem.tf
    found = ta.ode.ensemble(problem.f, span, starts, (problem.p,))
    assert found.success.all()
    for start, end, steps in zip(starts, found.y, found.nsteps, strict=True):
        alone = problem.solved(start)
        assert abs(steps - alone.nsteps) <= 1
        size = max(1.0, np.max(np.abs(alone.y)))
        np.testing.assert_allclose(end, alone.y[:, -1], rtol=0, atol=1e-12 * size)


@pytest.mark.parametrize("seed", range(300, 306))
def test_derivatives_are_limits_of_differences(seed):
    problem = Problem(seed, most=2)
    n, p, span = problem.n, problem.p, (problem.t0, problem.tf)
    flow = ta.ode.flow_map(problem.f, span, problem.y0, 2, (p,), wrt=["y0", 0])
    direction = np.linspace(-0.7, 1, n + 1)
    with mpmath.workdps(40):
        h = mpmath.mpf(10) ** -6
        ends = []
        for k in (-2, -1, 0, 1, 2):
            *y0, moved = [mpmath.mpf(x) + k * h * d for x, d in zip([*problem.y0, p], direction)]
            ends.append(problem.solved(y0, moved, digits=30).y[:, -1])
        a, b, c, d, e = ends
        first, second = (8 * (d - b) - (e - a)) / (12 * h), (b - 2 * c + d) / h**2
    slope, curve = flow.tensor(1) @ direction, flow.tensor(2) @ direction @ direction
    size = max(1.0, *np.max(np.abs(flow.tensor(1)), axis=1))
    assert distance(slope, first) < 1e-13 * size * problem.growth(c)
    assert distance(curve, second) < 1e-10 * size**2 * problem.growth(c)
    forward = ta.grad(lambda y: np.sum(problem.solved(y).y[:, -1]))(np.array(problem.y0))
    adjoint = ta.ode.adjoint_gradient(problem.f, span, problem.y0, (p,), terminal=np_sum).gradient
    np.testing.assert_allclose(forward, np.sum(flow.tensor(1)[:, :n], 0), 0, 1e-12 * size)
    np.testing.assert_allclose(adjoint["y0"], forward, 0, 1e-12 * size)
    np.testing.assert_allclose(adjoint[0], np.sum(flow.tensor(1)[:, n]), 0, 1e-12 * size)


def np_sum(y, p):
    return np.sum(y)


@pytest.mark.parametrize("seed", range(400, 414))
def test_tables_of_monomials_and_rows_are_lines_for_every_coefficient(seed):
    problem = Problem(seed, most=2)
    traced = system(problem.f, problem.t0, np.array(problem.y0), (problem.p,))
    algebra = ta.forward.algebra.multivariate(problem.n, 2)
    variation = Variation(watching(traced), algebra, [], [])
    state = np.random.default_rng(seed).uniform(-1, 1, (algebra.size, problem.n))
    state[0] = problem.y0
    found = []
    for form in ("spread", "tabled", "turning"):
        stepper = Stepper(variation, 12, 0, form)
        motion, parts = Motion(state.ravel().copy(), 0 * state.ravel(), problem.t0), stepper.parts()
        tolerance = Tolerance(1e-12, np.ones(state.size))
        stepper.propagate(motion, problem.tf, tolerance, [problem.p], steps=1, parts=parts)
        found.append((parts, abs(motion.step)))
    (a, h), *others = found
    powers = h ** np.arange(13)
    scale = max(1.0, np.max(np.abs(a * powers)))
    for b, _ in others:
        np.testing.assert_allclose(b * powers, a * powers, rtol=0, atol=1e-12 * scale)
