"""Implicit equations ``F(t, y, y') = 0``, index-1 differential-algebraic ones among them.

`residual` takes F apart into scalars, of which `gradients` writes the partials (unrounded, if it
takes more digits than doubles have); `form` finds what are constraints and what the state is,
`consistency` where the solution begins; `rates` solves for the rates of the state, by elimination;
`explicit` makes that a right-hand side, and `implicit` is what users hold of it.
"""
