"""A Wengert list made into machine code.

`compiled` keeps the programs of a function, by the kind of arguments (`arguments`, `results`) and
the way through its branches (`variant`). `plan` cuts a program where machine code ends, and lowers
each part in one of four forms: `straight` lines of scalars, `lanes` that do the same, `series` by
degrees, and `loops`. `operations` is what they have in common.
"""
