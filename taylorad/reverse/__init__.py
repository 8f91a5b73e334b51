"""Reverse mode: cotangents swept back over a Wengert list."""
