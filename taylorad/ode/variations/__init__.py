"""How solutions depend on where they begin, and on parameters: to any order.

State and parameters become polynomials in a few variables, cut off at a total degree. Their
coefficients move by a larger system of differential equations, which follows from the right-hand
side (`expansion`), and which all ways of taking steps serve.
"""
