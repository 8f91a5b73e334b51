"""Implicit equations ``F(t, y, y') = 0``, index-1 differential-algebraic ones among them.

`residual` takes F apart into scalars and differentiates it, `consistency` finds where the solution
begins, `explicit` solves for the rates by `elimination`, in a function that is integrated as any
other; `implicit` is what users hold of it.
"""
