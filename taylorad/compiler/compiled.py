"""`compile`: a function that runs as machine code wherever it has been traced.

The first call with arguments of some shapes and types traces the function; the program that comes
of it serves all calls of that kind for which its guards hold. Where one fails the function is
traced again, and both programs are kept. What cannot be compiled runs as it is.
"""

from __future__ import annotations

import functools
import pickle
import threading
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from taylorad.compiler.arguments import Call, NotForMachines, read
from taylorad.compiler.plan import FAILED
from taylorad.compiler.report import report
from taylorad.compiler.variant import Variant, put
from taylorad.errors import (
    CompileWarning,
    InputError,
    InputTypeError,
    TayloradError,
    line_of,
    user_depth,
)
from taylorad.wengert.list import WengertList

__all__ = ["Compiled", "compile", "quietly"]

MOST_VARIANTS = 8
"""Programs kept for arguments of one kind; where more are needed the function runs as it is."""


MOST_FAMILIES = 256
"""Kinds of arguments that programs are kept for."""


class Family:
    """The programs for arguments of one kind, the one that served last in front."""

    def __init__(self) -> None:
        self.variants: tuple[Variant, ...] = ()  # replaced as a whole: other threads may be reading
        self.given_up = False


@dataclass(frozen=True)
class Options:
    """How a function is to be compiled.

    Attributes
    ----------
    fixed : frozenset of int or str
        Arguments that are part of the program by their value.
    parallel : bool
        Whether large programs are divided among threads.
    quiet : bool
        Whether nothing is said where the function runs uncompiled.
    """

    fixed: frozenset[int | str] = frozenset()
    parallel: bool = False
    quiet: bool = False


class Compiled:
    """A function that runs as machine code; made by `compile`.

    Attributes
    ----------
    function : callable
        The function itself.
    """

    function: Callable[..., Any]
    __name__: str

    def __init__(self, function: Callable[..., Any], options: Options) -> None:
        functools.update_wrapper(self, function, updated=())
        self.function = function
        self.__name__ = getattr(function, "__name__", type(function).__name__)
        self._options = options
        self._families: dict[Any, Family] = {}
        self._lock = threading.RLock()
        self._last: Variant | None = None
        self._fast: dict[Variant, Any] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._slowly(*args, **kwargs)

    def _slowly(self, *args: Any, out: Any = None, **kwargs: Any) -> Any:
        """Serve a call that the program at hand does not fit."""
        try:
            call = read(args, kwargs, self._options.fixed)
        except NotForMachines as reason:
            self._warn(reason.warning)
            return self._plainly(args, kwargs, out)
        family = self._family(call)
        tried = family.variants
        trouble: Exception | None = None
        found = _serving(tried, call)
        if found is None and not family.given_up:
            try:
                with self._lock:
                    # Another thread may have made a program meanwhile.
                    found = _serving([v for v in family.variants if v not in tried], call)
                    new = [self._trace(family, call)] if found is None else []
                found = found or _serving(new, call)
            except Exception as error:  # the function itself will tell what is wrong, if anything
                trouble = error
        if found is not None:
            variant, values = found
            self._promote(family, variant)
            return variant.give(values, out)
        answer = self._plainly(args, kwargs, out)
        if trouble is not None:
            family.given_up = True
            self._warn(_reason(trouble))
        return answer

    def _family(self, call: Call) -> Family:
        """Give the programs for arguments of a kind; of too many kinds the oldest is forgotten."""
        family = self._families.get(call.key)
        if family is None:
            with self._lock:
                family = self._families.setdefault(call.key, Family())
                while len(self._families) > MOST_FAMILIES:
                    del self._families[next(iter(self._families))]
        return family

    def _trace(self, family: Family, call: Call) -> Variant:
        """Make another program."""
        if len(family.variants) >= MOST_VARIANTS:
            raise NotForMachines(self._restless(family, call))
        variant = Variant(self.function, call, self._options.parallel)
        family.variants = (*family.variants, variant)
        return variant

    def _restless(self, family: Family, call: Call) -> str:
        lines = [variant.failing(call) for variant in family.variants]
        where = max(set(lines), key=lines.count)
        return (
            f"its arguments took {MOST_VARIANTS} different ways through it, and this is another; "
            f"the choice that keeps changing is{where or ' not known'}: write it with np.where"
        )

    def _promote(self, family: Family, variant: Variant) -> None:
        """Let a program serve the next call first."""
        if self._last is variant:
            return
        with self._lock:
            family.variants = (variant, *(v for v in family.variants if v is not variant))
            self._last = variant
            if variant not in self._fast:
                self._fast[variant] = variant.fast(self._slowly, self.__name__)
            # None of them may die here: while a type takes an attribute, CPython still hands out
            # the one before, and other threads run as soon as machine code is given back.
            if (fast := self._fast[variant]) is not None:
                type(self).__call__ = fast  # type: ignore[method-assign]

    def _plainly(self, args: Any, kwargs: Any, out: Any) -> Any:
        answer = self.function(*args, **kwargs)
        if out is not None:
            put(answer if isinstance(answer, tuple) else (answer,), out)
            return out
        return answer

    def _warn(self, reason: str) -> None:
        if reason and not self._options.quiet:
            message = f"{self.__name__} runs uncompiled: {reason}"
            warnings.warn(message, CompileWarning, stacklevel=user_depth())

    # --- looking inside ---

    @property
    def is_compiled(self) -> bool:
        """Whether there is machine code, and nothing has had to run without."""
        families = self._families.values()
        return bool(families) and all(f.variants and not f.given_up for f in families)

    @property
    def was_called(self) -> bool:
        """Whether there has been a call."""
        return bool(self._families)

    @property
    def programs(self) -> list[WengertList]:
        """The lists that have been compiled so far, the one that served last in front."""
        return [variant.plan.program for variant in self._variants()]

    def explain(self) -> str:
        """Say what became of the program that served last.

        Which lines became machine code, straight-line or in loops, which are called back in NumPy,
        what memory and how many operations a call takes, and on which choices it depends.
        """
        return report(self._at_hand().plan)

    @property
    def llvm(self) -> str:
        """LLVM's text of the program that served last."""
        return "\n".join(kernel.code.text for kernel in self._at_hand().plan.kernels)

    @property
    def asm(self) -> str:
        """Assembly of the program that served last."""
        return "\n".join(kernel.code.assembly() for kernel in self._at_hand().plan.kernels)

    def _variants(self) -> list[Variant]:
        every = [v for family in self._families.values() for v in family.variants]
        return sorted(every, key=lambda variant: variant is not self._last)

    def _at_hand(self) -> Variant:
        variants = self._variants()
        if not variants:
            raise InputError(f"{self.__name__} has not been compiled yet: call it first")
        return variants[0]

    def __repr__(self) -> str:
        return f"<compiled {self.__name__}>"

    # --- travelling ---

    def __reduce__(self) -> Any:
        families = {}
        for key, family in self._families.items():
            if _travels(key):
                families[key] = family.variants
        function = self.function if _travels(self.function) else None
        return _arrived, (function, self.__name__, self._options, families)


def _serving(variants: Iterable[Variant], call: Call) -> tuple[Variant, list[Any]] | None:
    """Give the first program that holds for a call, and its results."""
    for variant in variants:
        values = variant.run(call)
        if values is not FAILED:
            return variant, values
    return None


def _reason(trouble: Exception) -> str:
    """Say why a function that runs has not been compiled."""
    if isinstance(trouble, (TayloradError, NotForMachines)):
        return str(trouble)
    return f"it raised {type(trouble).__name__} while it was traced{line_of(trouble)}: {trouble}"


def _travels(thing: Any) -> bool:
    try:
        pickle.dumps(thing)
    except Exception:  # a class may raise anything there
        return False
    return True


def _arrived(
    function: Callable[..., Any] | None,
    name: str,
    options: Options,
    families: dict[Any, tuple[Variant, ...]],
) -> Compiled:
    """Rebuild a compiled function where its pickle arrives."""
    made = _made(function or _Left(name), options)
    for key, variants in families.items():
        made._families[key] = Family()
        made._families[key].variants = tuple(variants)
    return made


class _Left:
    """Stands for a function that could not travel: it is defined within another, or a lambda."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise InputTypeError(
            f"{self.__name__} came here as machine code without its source, which a pickle cannot "
            "hold, and these arguments differ in type, shape or branches from those it was "
            "compiled for; define it at the top of a module, or call it so before pickling"
        )


def compile(
    f: Callable[..., Any],
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
    parallel: bool = False,
) -> Compiled:
    """Give a function that runs as machine code.

    The first call traces ``f`` with the arguments of that call; later calls with arguments of the
    same types and shapes run machine code made of the trace. Where ``f`` chose by values (``if``,
    ``while``, an index or a mask) each call is checked to choose alike, and traced anew where it
    does not: the answer is that of ``f``, always.

    Parameters
    ----------
    f : callable
        A function in plain NumPy, or what a driver gives: ``taylorad.grad(g)``, ...
    static_argnums : int or sequence of int, optional
        Positions of float or array arguments that are to be part of the program: it is made anew
        for every other value. Whole numbers, strings, functions and None always are.
    static_argnames : str or sequence of str, optional
        The same for arguments given by name.
    parallel : bool, default False
        Whether work on large arrays is to be divided among as many threads as there are cores: on
        batches of points and of directions, and whatever else has many rows. The numbers are the
        same.

    Returns
    -------
    Compiled
        Takes what ``f`` takes: numbers, arrays of any strides, and nested tuples, lists and dicts
        of those. Gives what ``f`` gives, in new C-ordered arrays; with ``out=`` (an array, or a
        tuple of arrays where ``f`` returns a tuple) in those. It may be called from several threads
        at once and can be pickled. See `Compiled` for looking inside.

    Warns
    -----
    taylorad.errors.CompileWarning
        Where ``f`` runs uncompiled after all: a number is made a Python float, an argument is of a
        type that nothing is known of, or a choice comes out in ever new ways. The warning names the
        line.

    Raises
    ------
    taylorad.errors.InputError
        If ``f`` is no function. A call raises what ``f`` raises.

    Notes
    -----
    What ``f`` reads besides its arguments (globals, closures, files, random numbers) and what it
    prints belongs to the call that was traced. Pass what varies as an argument.
    Where it changes an argument in place (``x += 1``), the program changes a copy.

    Machine code agrees with NumPy to 4 units in the last place, operation by operation; sums are
    added in another order, with no larger error than NumPy's. Floating-point warnings are not
    raised. Python's floats count as NumPy's: ``1 / 0.0`` is inf. The sign of a zero may differ, and
    so may what overflows or falls below the smallest normal number (2e-308) on the way; zeros that
    arrays are padded with stay zeros where they meet infinity. ``np.argsort`` is stable.

    Machine code is kept on disk, in a folder of the user's, and found there by later processes.
    ``TAYLORAD_CACHE`` names another folder; if it is empty, nothing is kept.

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> def f(x):
    ...     return np.sum(np.exp(x[1:] - x[:-1] ** 2))
    >>> gradient = ta.compile(ta.grad(f))
    >>> gradient(np.array([0.5, 0.25, 1.0]))
    array([-1.        , -0.27679473,  2.55358946])
    """
    if not callable(f):
        raise InputError(f"a function is to be compiled, not {f!r}")
    fixed = (*np.atleast_1d(static_argnums).tolist(), *np.atleast_1d(static_argnames).tolist())
    return _made(f, Options(frozenset(fixed), parallel))


def quietly(f: Callable[..., Any]) -> Compiled:
    """Compile for a caller who asks ``is_compiled`` instead of being warned."""
    return _made(f, Options(quiet=True))


def _made(function: Callable[..., Any], options: Options) -> Compiled:
    # A class of its own, so that the machine code can be its __call__.
    kind = type("Compiled", (Compiled,), {"__module__": __name__})
    made: Compiled = kind(function, options)
    return made
