"""Taylor steps in numbers of two or four words, by machine code: 31 and 62 digits.

`stepper` is the Python side, with the interface of `taylorad.ode.steps.stepper.Stepper`; `core`
writes the loop over steps, and `orders` what is done in a step: `values` of lines, then one
`degree` after the other, which goes through `tables`. The `sums` of products are where the time
goes.
"""
