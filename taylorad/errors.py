"""Every exception taylorad raises on purpose.

Each is a subclass of the built-in that its situation calls for, so code that catches
``TypeError``, ``ValueError`` or ``ArithmeticError`` keeps working, and each message names the
function or argument, the reason, and the way out.
"""

from __future__ import annotations

import os
import sys
from types import FrameType

__all__ = [
    "ConversionError",
    "ExpansionError",
    "InputError",
    "InputTypeError",
    "MutationError",
    "NoRuleError",
    "NotAnalyticError",
    "OutputError",
    "SingularityError",
    "TayloradError",
]


class TayloradError(Exception):
    """Base of all exceptions of this library.

    Examples
    --------
    >>> import taylorad as ta
    >>> issubclass(ta.errors.SingularityError, ta.errors.TayloradError)
    True
    """


class NoRuleError(TayloradError, TypeError):
    """A function was called for which the table has no rule.

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> try:
    ...     ta.grad(lambda x: np.i0(x))(1.0)
    ... except ta.errors.NoRuleError as error:
    ...     print(str(error).split(" (")[0])
    numpy.i0 has no differentiation rule
    """


class ConversionError(TayloradError, TypeError):
    """A number that carries derivatives was asked to become a plain one (``float(x)``)."""


class MutationError(TayloradError, TypeError):
    """A number that carries derivatives was written where it cannot be kept."""


class NotAnalyticError(TayloradError, TypeError):
    """A function that is not complex-differentiable was called with complex numbers."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} of complex numbers is not complex-differentiable{user_line()}; write the "
            "function with real and imaginary parts as real arguments"
        )


class ExpansionError(TayloradError, TypeError):
    """Numbers of different expansions met in one operation."""


class InputTypeError(TayloradError, TypeError):
    """An argument has a type that cannot be differentiated by."""


class InputError(TayloradError, ValueError):
    """An argument has the right type and a value that makes no sense."""


class OutputError(TayloradError, TypeError):
    """The user's function returned something that cannot be differentiated."""


class SingularityError(TayloradError, ArithmeticError):
    """The function has no power series there: a branch point or a pole."""


def user_line() -> str:
    """Name the innermost line of user code being run, for messages: ``" (file.py, line 12)"``."""
    found = user_frame()
    return f" ({os.path.basename(found[0])}, line {found[1]})" if found else ""


def user_frame() -> tuple[str, int] | None:
    """Give file and line of the innermost user code being run."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if _is_users(frame):
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return None


def line_of(error: BaseException) -> str:
    """Name the innermost line of user code that an exception came through."""
    found, trace = "", error.__traceback__
    while trace is not None:
        if _is_users(trace.tb_frame):
            name = os.path.basename(trace.tb_frame.f_code.co_filename)
            found = f" ({name}, line {trace.tb_lineno})"
        trace = trace.tb_next
    return found


def _is_users(frame: FrameType) -> bool:
    module = frame.f_globals.get("__name__", "")
    return module.split(".")[0] not in ("taylorad", "numpy", "scipy")
