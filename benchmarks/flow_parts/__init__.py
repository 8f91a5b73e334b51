"""The parts of the benchmark of flows: what differential equations are integrated for.

`ensembles`: many trajectories. `gradients`: through a differential equation, forward and adjoint.
"""
