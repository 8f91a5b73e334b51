"""`scipy.optimize` with exact derivatives."""

from taylorad.optimize.least_squares import curve_fit, least_squares
from taylorad.optimize.minimize import minimize
from taylorad.optimize.newton import newton
from taylorad.optimize.problem import Problem, problem

__all__ = ["Problem", "curve_fit", "least_squares", "minimize", "newton", "problem"]
