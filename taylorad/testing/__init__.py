"""Checks of rules and of derivatives: the tests of our own table, and for rules of your own.

Nothing here asks how a mode works. Each check compares two ways to the same number: a rule and
mpmath, two modes, a mode and differences, a map and its transpose.
"""

from taylorad.testing.derivatives import check_derivatives
from taylorad.testing.rules import check_primitive

__all__ = ["check_derivatives", "check_primitive"]
