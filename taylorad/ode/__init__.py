"""Ordinary differential equations by their Taylor series."""

from taylorad.ode.dae.implicit import implicit
from taylorad.ode.dense import OdeSolution
from taylorad.ode.ensembles.ensemble import EnsembleResult, ensemble
from taylorad.ode.integrator import Integrator
from taylorad.ode.ivp import solve_ivp
from taylorad.ode.propagation import Propagation
from taylorad.ode.solved import OdeResult
from taylorad.ode.solver import Taylor
from taylorad.ode.variations.functional import AdjointGradient, adjoint_gradient
from taylorad.ode.variations.lyapunov import LyapunovSpectrum, lyapunov_spectrum
from taylorad.ode.variations.sensitivities import (
    FlowSolution,
    Sensitivities,
    flow_map,
    sensitivities,
)

__all__ = [
    "AdjointGradient",
    "EnsembleResult",
    "FlowSolution",
    "Integrator",
    "LyapunovSpectrum",
    "OdeResult",
    "OdeSolution",
    "Propagation",
    "Sensitivities",
    "Taylor",
    "adjoint_gradient",
    "ensemble",
    "flow_map",
    "implicit",
    "lyapunov_spectrum",
    "sensitivities",
    "solve_ivp",
]
