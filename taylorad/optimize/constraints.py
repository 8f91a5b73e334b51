"""Exact derivatives for SciPy's constraints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from taylorad.drivers import hessian, jacobian
from taylorad.optimize.outputs import compiled, vector

__all__ = ["with_derivatives"]

BOUNDS = {"eq": (0.0, 0.0), "ineq": (0.0, np.inf)}


def with_derivatives(constraint: Any, method: str, compile: bool) -> Any:
    """Fill in what a constraint leaves out and the method uses; linear ones need nothing."""
    from scipy.optimize import BFGS, NonlinearConstraint

    if isinstance(constraint, dict) and method == "slsqp":
        return {"jac": _jacobian(constraint["fun"], compile), **constraint}
    if isinstance(constraint, dict) and method == "trust-constr":
        constraint = _as_object(constraint)
    if isinstance(constraint, NonlinearConstraint) and method in ("slsqp", "trust-constr"):
        exact_jac = isinstance(constraint.jac, str) and constraint.jac == "2-point"
        exact_hess = isinstance(constraint.hess, BFGS) and method == "trust-constr"
        return NonlinearConstraint(
            constraint.fun,
            constraint.lb,
            constraint.ub,
            jac=_jacobian(constraint.fun, compile) if exact_jac else constraint.jac,
            hess=_hessian(constraint.fun, compile) if exact_hess else constraint.hess,
            keep_feasible=constraint.keep_feasible,
            finite_diff_rel_step=constraint.finite_diff_rel_step,
            finite_diff_jac_sparsity=constraint.finite_diff_jac_sparsity,
        )
    return constraint


def _as_object(constraint: dict[str, Any]) -> Any:
    """Give a constraint stated as a dict its form with a Hessian."""
    from scipy.optimize import NonlinearConstraint

    def bound(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda x: function(x, *constraint.get("args", ()))

    jac = constraint.get("jac", "2-point")
    lower, upper = BOUNDS[constraint["type"].lower()]
    return NonlinearConstraint(
        bound(constraint["fun"]), lower, upper, jac=bound(jac) if callable(jac) else jac
    )


def _jacobian(fun: Callable[..., Any], compile: bool) -> Callable[..., Any]:
    return compiled(jacobian(vector(fun)), compile)


def _hessian(fun: Callable[..., Any], compile: bool) -> Callable[..., Any]:
    """Give the Hessian of ``v · fun``, which is what SciPy asks of a constraint."""
    weighted = compiled(hessian(lambda x, v: np.sum(v * vector(fun)(x))), compile)
    return lambda x, v: weighted(x, np.asarray(v))
