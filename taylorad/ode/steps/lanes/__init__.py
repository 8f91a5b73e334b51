"""Many trajectories of a system side by side, each with its own steps.

`lanes` is the side of Python; `queue` the loop over steps, in which a lane that has arrived takes
the next trajectory, with `exchange` to fetch and to leave them, and to note what they are at times
between. `written`, `rolled` and `large` write the orders, of systems from small to large: the first
with nodes made `thin`, the others with `pairs` of degrees; `series` sums them up.
"""
