"""What ``ode.py`` measures, and how: problems, the sides, measures, tables and the figure.

``problems`` states them. ``sides`` integrates them, by ours and by the peers. ``timing`` measures
whole runs and the time to the first step, ``curves`` time against error, ``energies`` and
``memory`` long runs, ``batches`` many initial conditions at once. ``tables`` and ``figure`` show
what came out.
"""
