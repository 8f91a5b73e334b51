"""The orders of larger systems: nodes of one kind side by side.

`grouping` finds what is alike, `alignment` puts it in order, `layout` and `evaluation` give it
places, `gathering` brings together what stands apart, and `stages` puts all in order; `interiors`,
`factors`, `diagonals`, `nodes` and `grouped` write the code.
"""
