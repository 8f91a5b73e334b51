"""Which way a right-hand side is integrated: by machine code, in whole numbers, or directly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np

from taylorad.ode.digits.digits import Digits
from taylorad.ode.digits.direct import Direct
from taylorad.ode.digits.multiword.stepper import Multiword, NoFormula
from taylorad.ode.leaves import numbered
from taylorad.ode.steps.stepper import Stepper
from taylorad.ode.tracing.system import NotTraceable, System, system

__all__ = ["alike", "stepper_of", "watching"]


def stepper_of(
    f: Callable[..., Any],
    t: Any,
    y: np.ndarray[Any, Any],
    order: int,
    args: Sequence[Any] = (),
    functions: Sequence[Callable[..., Any]] = (),
    sizes: Sequence[int] | None = None,
    level: int = 1,
    words: int = 0,
    held: bool = False,
    known: Sequence[Any] = (),
) -> tuple[Stepper | Multiword | Digits | Direct, Sequence[Any]]:
    """Give the fastest stepper that serves, and what its ``propagate`` is to be given.

    Machine code serves real floats, and numbers of several words; `Digits` real mpmath numbers;
    `Direct` what does not trace, and complex numbers, for a trace is made with real ones. What is
    held comes behind what this gives, where the system of the stepper has such lines.

    Parameters
    ----------
    f : callable
        ``f(t, y, *args)``.
    t : number
    y : ndarray
        Of floats, complex numbers, or mpmath numbers (an object array).
    order : int
    args : sequence, optional
        Among them mpmath numbers and object arrays of such.
    functions : sequence of callable, optional
    sizes : sequence of int, optional
        How many entries each function has; 1, unless told. Where they trace it is known.
    level : {0, 1}
        The effort of compiling.
    words : int, optional
        Of how many doubles mpmath numbers may consist; 0 for any number of digits.
    held : bool, optional
        Whether the operands of what is held are expanded too, behind the functions.
    known : sequence, optional
        Steppers of the same order and words, one of which may do.
    """
    exact = y.dtype == object
    is_complex = y.dtype.kind == "c" or any(isinstance(x, mpmath.mpc) for x in y.flat)
    if not is_complex:
        try:
            as_floats = [_as_floats(a) for a in args]
            traced = system(f, float(t), y.astype(float), as_floats, functions)
            if held:
                traced = watching(traced)
            if not exact:
                return Stepper(traced, order, level), _numbers(traced.parameters)
        except NotTraceable:
            pass
        else:
            changed = any(a is not b for a, b in zip(args, as_floats))
            leaves, first, _ = numbered(tuple(args))
            moving = [leaf for leaf, number in zip(leaves, first, strict=True) if number >= 0]
            alikes = (x for x in known if alike(x.system, traced))
            stepper = next(alikes, None) or _exact(traced, order, words)
            return stepper, _numbers(moving if changed else traced.parameters)
    dtype = object if exact else complex if is_complex else float
    return Direct(f, y.shape, order, dtype, functions, sizes), args


def watching(traced: System) -> System:
    """Have the operands of what is held expanded too, behind the functions."""
    operands = [[line] for held in traced.held for line in held.operands]
    return traced.observing(operands) if operands else traced


def alike(a: System, b: System) -> bool:
    """Tell whether two systems are the same program."""
    if a.said and a.said == b.said:
        return True
    return all(
        x == y
        for x, y in (
            (a.program.steps, b.program.steps),
            (a.rates, b.rates),
            (a.functions, b.functions),
            (a.held, b.held),
            (a.guards, b.guards),
        )
    )


def _exact(traced: System, order: int, words: int) -> Multiword | Digits:
    traced = traced.expanded
    if words:
        try:
            return Multiword(traced, order, words)
        except NoFormula:
            pass  # mpmath has it
    return Digits(traced, order)


def _numbers(parameters: Sequence[Any]) -> list[Any]:
    return [x for p in parameters for x in np.ravel(p).tolist()]


def _as_floats(a: Any) -> Any:
    """Give mpmath numbers as floats, to be traced."""
    if isinstance(a, mpmath.mpf):
        return float(a)
    if isinstance(a, np.ndarray) and a.dtype == object:
        if any(isinstance(x, mpmath.mpc) for x in a.flat):
            raise NotTraceable("an argument is complex")
        return a.astype(float)
    return a
