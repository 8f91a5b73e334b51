"""A badly scaled minimisation, with and without the preconditioner from the exact Hessian diagonal.

A chain of nonlinear springs whose stiffnesses spread over six decades: within Newton-CG, conjugate
gradients need many products with the Hessian for a step, and few once the variables are scaled by
the diagonal. The same holds for the linear system of one Newton step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import minimize
from scipy.sparse.linalg import cg

import taylorad as ta

FIGURE = Path(__file__).parent / "output" / "preconditioned_minimisation.png"
N = 200
STIFFNESS = 10.0 ** np.random.default_rng(0).uniform(0, 6, N)
REST = np.sin(np.arange(N))


def energy(x):
    return np.sum(STIFFNESS * (np.cosh(x - REST) - 1)) + np.sum(np.diff(x) ** 2) / 2


@dataclass
class Run:
    """What a solver had reached after so many products with the Hessian."""

    label: str
    products: list[int] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)  # of the gradient or residual

    @property
    def cost(self) -> int:
        """How many products made the norm fall by nine orders of magnitude."""
        return next(
            products
            for products, norm in zip(self.products, self.norms, strict=True)
            if norm <= 1e-9 * self.norms[0]
        )

    def note(self, products: int, vector) -> None:
        self.products.append(products)
        self.norms.append(float(np.linalg.norm(vector)))


@dataclass(frozen=True)
class Result:
    """Runs without and with the preconditioner."""

    newton: tuple[Run, Run]
    linear: tuple[Run, Run]
    difference: float  # of the two minima found


def newton_cg(label: str, function, start, to_x) -> tuple[Run, np.ndarray]:
    """Minimise a function; the gradient noted is that of `energy`, whatever the variables."""
    run, problem, gradient = Run(label), ta.optimize.problem(function, order=1), ta.grad(energy)

    def watch(z) -> None:
        run.note(problem.nhvp, gradient(to_x(z)))

    watch(start)
    result = minimize(
        problem.fun,
        start,
        method="Newton-CG",
        jac=problem.jac,
        hessp=problem.hessp,
        callback=watch,
        options={"xtol": 1e-9},
    )
    return run, to_x(result.x)


def newton_step(label: str, x, preconditioner) -> Run:
    """Solve for one Newton step by conjugate gradients."""
    run, hessian, gradient = Run(label), ta.hessian(energy)(x), ta.grad(energy)(x)
    run.note(0, gradient)
    cg(
        hessian,
        -gradient,
        rtol=1e-11,
        maxiter=5000,
        M=preconditioner,
        callback=lambda step: run.note(run.products[-1] + 1, hessian @ step + gradient),
    )
    return run


def main() -> Result:
    start = np.zeros(N)
    scaled = ta.precondition.scaled(energy, start)
    plain, x = newton_cg("without", energy, start, lambda x: x)
    preconditioned, y = newton_cg("with", scaled, scaled.start, scaled.to_x)
    result = Result(
        newton=(plain, preconditioned),
        linear=(
            newton_step("without", start, None),
            newton_step("with", start, ta.precondition.diagonal(energy, start)),
        ),
        difference=float(np.max(np.abs(x - y))),
    )
    print(f"Chain of {N} springs of stiffness 1 to 1e6: conjugate-gradient iterations (products")
    print("with the Hessian) until the gradient has fallen by nine orders of magnitude")
    print(f"  {'diagonal preconditioner':28s}{'without':>10s}{'with':>10s}")
    for name, runs in (
        ("Newton-CG", result.newton),
        ("one Newton step, linear CG", result.linear),
    ):
        print(f"  {name:28s}" + "".join(f"{run.cost:10d}" for run in runs))
    draw(result)
    return result


def draw(result: Result) -> None:
    figure = Figure(figsize=(10, 4), layout="constrained")
    for axes, runs, title, quantity in zip(
        figure.subplots(1, 2),
        (result.newton, result.linear),
        ("Newton-CG", "Conjugate gradients for one Newton step"),
        ("norm of the gradient", "norm of the residual"),
        strict=True,
    ):
        for run in runs:
            axes.loglog(
                np.array(run.products) + 1,
                run.norms,
                "o-" if len(run.products) < 100 else "-",
                ms=4,
                lw=1,
                label=f"{run.label} preconditioner: {run.cost}",
            )
        axes.axhline(1e-9 * runs[0].norms[0], color="k", lw=0.8, ls=":")
        axes.set(title=title, xlabel="1 + products with the Hessian", ylabel=quantity)
        axes.legend(loc="upper right", fontsize="small")
        axes.grid(alpha=0.3)
    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, dpi=120)
    print(f"  figure  {FIGURE.parent.name}/{FIGURE.name}")


if __name__ == "__main__":
    main()
