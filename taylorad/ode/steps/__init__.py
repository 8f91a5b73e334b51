"""Steps in doubles, by machine code.

`stepper` is the side of Python, `interface` what it and the code agree upon. `core` is what all
code has in common, `loop` the loop over steps, `stepsize` how long they are; `unrolled` writes the
orders of small systems, with `interiors` side by side, `groups` those of larger ones, `lanes` those
of many trajectories at once.
`translation` compiles: quickly at first. `code`, `batch` and `routine` write instructions;
`sampling` evaluates the polynomials of steps.
"""
