"""Every exception taylorad raises on purpose.

Each is a subclass of the built-in that its situation calls for, so code that catches
``TypeError``, ``ValueError`` or ``ArithmeticError`` keeps working, and each message names the
function or argument, the reason, and the way out.
"""

from __future__ import annotations

import os
import sys
from types import FrameType
from typing import Any

__all__ = [
    "CompileWarning",
    "ConversionError",
    "ExpansionError",
    "InputError",
    "InputTypeError",
    "IntegrationError",
    "MutationError",
    "NoRuleError",
    "NotAnalyticError",
    "OutputError",
    "SingularityError",
    "TayloradError",
    "WorkerError",
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


class CompileWarning(UserWarning):
    """A function that was to be compiled runs as it is."""


class SingularityError(TayloradError, ArithmeticError):
    """The function has no power series there: a branch point or a pole."""


class IntegrationError(TayloradError, ArithmeticError):
    """A differential equation cannot be integrated any further.

    Attributes
    ----------
    time, state
        The last good point.
    singularity : float or None
        An estimate of the time at which the solution is singular.
    """

    def __init__(
        self, message: str, time: float, state: Any, singularity: float | None = None
    ) -> None:
        super().__init__(message, time, state, singularity)
        self.time, self.state, self.singularity = time, state, singularity

    def __str__(self) -> str:
        return str(self.args[0])


class WorkerError(TayloradError, RuntimeError):
    """Workers of an executor cannot do a part of the work, or were lost over it again and again."""


def user_line() -> str:
    """Name the innermost line of user code being run, for messages: ``" (file.py, line 12)"``."""
    return named(user_frame())


def named(origin: tuple[str, int] | None) -> str:
    """Name a line of a file: ``" (file.py, line 12)"``."""
    return f" ({os.path.basename(origin[0])}, line {origin[1]})" if origin else ""


def user_frame(inner: int = 1) -> tuple[str, int] | None:
    """Give file and line of the innermost user code being run; so many frames surely are ours."""
    frame: FrameType | None = sys._getframe(inner)
    while frame is not None and not _USERS[frame.f_globals.get("__name__", "")]:
        frame = frame.f_back
    return None if frame is None else (frame.f_code.co_filename, frame.f_lineno)


def user_depth() -> int:
    """Count the frames from the caller out to user code, as ``stacklevel`` of a warning does."""
    frame: FrameType | None = sys._getframe(1)
    depth = 1
    while frame is not None and not _USERS[frame.f_globals.get("__name__", "")]:
        frame, depth = frame.f_back, depth + 1
    return depth


def line_of(error: BaseException) -> str:
    """Name the innermost line of user code that an exception came through."""
    found, trace = "", error.__traceback__
    while trace is not None:
        if _USERS[trace.tb_frame.f_globals.get("__name__", "")]:
            found = named((trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    return found


class _Users(dict[str, bool]):
    """Tells of modules whether they are the user's."""

    def __missing__(self, module: str) -> bool:
        found = self[module] = module.split(".")[0] not in ("taylorad", "numpy", "scipy")
        return found


_USERS = _Users()
