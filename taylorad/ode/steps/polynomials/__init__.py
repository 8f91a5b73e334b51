"""The machine code of systems whose numbers are polynomials in a few variables.

Every line of the program stays one line, whatever the order of the polynomials: what is done to
their coefficients is in a few functions (`routines`), which loop over tables of the products of
monomials. So it takes no longer to compile for a high order than for a low one.
"""
