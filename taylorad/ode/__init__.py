"""Ordinary differential equations by their Taylor series."""

from taylorad.ode.dense import OdeSolution
from taylorad.ode.integrator import Integrator
from taylorad.ode.ivp import OdeResult, solve_ivp
from taylorad.ode.propagation import Propagation
from taylorad.ode.solver import Taylor

__all__ = ["Integrator", "OdeResult", "OdeSolution", "Propagation", "Taylor", "solve_ivp"]
