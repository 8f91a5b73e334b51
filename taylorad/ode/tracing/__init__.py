"""A right-hand side as a list of scalars, and the recurrences of its series.

`system` traces the user's functions, once; `recording` tells programs apart, by what they read (see
`reads`), in the next process too (`lasting`). `reading` makes lines of scalars its own; `rows`,
`constants` and `values` say what its rows and numbers are; `recurrences` are what it takes to get
from one degree to the next, which all the ways of taking steps start from: `nodes` gives that of
each line by itself.
"""
