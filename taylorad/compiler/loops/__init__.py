"""Large programs as a few fused loop nests.

`lowering` does the whole. An entry of a result is *pulled* through the program: `indices` are what
becomes of its place, `pulling` is one step from an entry to its operands, `elements` what is
computed for the entries of a box. `roots`, `costs` and `fusion` decide what is stored and which
nests there are; `box`, `nests` and `totals` write them. `contraction`, `solving` and `sweeps` are
what loops do not do as well: products, linear systems, running sums and sorting.
"""
