"""Roots of functions of time and state along the polynomials of steps.

`watch` follows the user's events from step to step, `switches` what jumps in a right-hand side;
`exact` does so in mpmath numbers, by `crossings`.
`search` and `isolation` are machine code for what is clear; `roots`, by `polynomials` in exact
arithmetic and `bernstein` coefficients, settles the rest.
"""
