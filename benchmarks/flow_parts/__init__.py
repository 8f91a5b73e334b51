"""The parts of the benchmark of flows: what differential equations are integrated for.

`variations`: variational equations of first and higher orders, and flow maps. `gradients`: through
a differential equation, forward and adjoint. `ensembles`: many trajectories.
"""
