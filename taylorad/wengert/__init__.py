"""The Wengert list: the program of a call, one operation a line, each result assigned once."""
