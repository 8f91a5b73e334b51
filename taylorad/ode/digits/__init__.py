"""Steps in numbers that doubles are too short for, or that machine code does not know.

`multiword` has two or four doubles to a number, in machine code; `digits` any number of digits, in
whole numbers (`fixed`); `direct` takes what does not trace, and complex numbers. `eager` is the
loop over steps of these two, and `stepping` what all three have in common; `precision` says how
many digits are computed with; `pickling` keeps them.
"""
