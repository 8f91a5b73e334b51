"""A Wengert list made into machine code."""
