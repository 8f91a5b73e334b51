"""`scipy.optimize` with exact derivatives."""

from taylorad.optimize.newton import newton
from taylorad.optimize.problem import Problem, problem

__all__ = ["Problem", "newton", "problem"]
