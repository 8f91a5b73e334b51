"""Many trajectories of one differential equation, on all cores of one machine or of several.

`ensemble` is what the user calls. `starts` has what is given, by chunks; a `problem` is what all
have in common, once it is traced; a chunk is solved `side_by_side`, by lanes of machine code, or
`one_by_one` where these do not serve. `delivery` hands chunks out to threads or to an executor,
`sizes` says how large they are, and `outcomes` has what comes back.
"""
